//! Whether notices contradict themselves, each other, or what is true of the history that they are of.
//!
//! In: a story and all notices of it. Out: what is wrong, in words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use triage_decide::probe::StepState;
use triage_notify::notice::{Notice, NoticeKind, Tally};

use crate::company::{Company, at};
use crate::life::Story;
use crate::readers::readers;

/// An SMS of one part.
const SMS_MAX: usize = 160;

pub fn contradictions(story: &Story, notices: &[Notice]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut incidents: BTreeMap<&str, Vec<&Notice>> = BTreeMap::new();
    for notice in notices {
        let mut found = of_itself(notice);
        found.extend(of_the_history(notice, &story.company));
        wrong.extend(found.into_iter().map(|what| format!("{} {}: {what}", story.name, notice.id)));
        if let Some(incident) = &notice.incident {
            incidents.entry(incident).or_default().push(notice);
        }
    }
    for (incident, notices) in incidents {
        let found = of_each_other(&notices).into_iter().chain(of_the_end(&notices, &story.company));
        wrong.extend(found.map(|what| format!("{} {incident}: {what}", story.name)));
    }
    wrong
}

/// What is wrong, where `holds` does not.
fn unless(holds: bool, what: impl FnOnce() -> String) -> Option<String> {
    (!holds).then(what)
}

fn of_itself(notice: &Notice) -> Vec<String> {
    let (impact, times) = (&notice.impact, &notice.times);
    let readers = readers(notice);
    let mut wrong = Vec::new();
    let title = readers.chat["content"]["title"].as_str().unwrap_or_default().to_owned();
    let first = notice.headline.first().cloned().unwrap_or_default();
    for (place, text) in [("subject", &notice.subject), ("first line", &first), ("SMS", &readers.sms), ("chat", &title)]
    {
        wrong.extend(
            head_counts(text)
                .into_iter()
                .filter(|count| *count != impact.callers)
                .map(|count| format!("the {place} counts {count}, the impact {}: {text}", impact.callers)),
        );
    }
    let lists = [
        ("codes", &impact.codes),
        ("operations", &impact.operations),
        ("tools", &impact.tools),
        ("accounts", &impact.accounts),
    ];
    for (list, tallies) in lists {
        let sum: usize = tallies.iter().map(|Tally { count, .. }| count).sum();
        wrong.extend(unless(sum <= impact.failures, || format!("{sum} {list} of {} failures", impact.failures)));
    }
    let names: BTreeSet<&String> = impact.names.iter().collect();
    let ordered = [times.since, times.latest, times.over_at, Some(notice.at)];
    let ordered: Vec<Timestamp> = ordered.into_iter().flatten().collect();
    let said: Vec<&String> = std::iter::once(&notice.subject).chain(&notice.headline).chain(&notice.reasons).collect();
    wrong.extend(
        [
            unless(names.len() == impact.names.len(), || format!("a caller is named twice: {:?}", impact.names)),
            unless(names.len() <= impact.callers, || format!("{} names of {} callers", names.len(), impact.callers)),
            unless(impact.requests.len() <= impact.failures, || "more requests than failures".to_owned()),
            unless(impact.failures == 0 || impact.failures >= impact.callers.min(1), || {
                "callers without failures".to_owned()
            }),
            unless(ordered.is_sorted(), || format!("times are not in order: {times:?} at {}", notice.at)),
            unless(notice.subject.is_ascii() && notice.subject.len() < 100, || format!("subject: {}", notice.subject)),
            unless(readers.sms.len() <= SMS_MAX, || format!("an SMS of {} characters", readers.sms.len())),
            unless(readers.mail.starts_with(&first), || "the mail does not begin with the first line".to_owned()),
            unless(readers.machine["impact"]["callers"] == impact.callers, || "programs get another count".to_owned()),
            unless(notice.proved.is_some() == (notice.kind == NoticeKind::Resolved), || {
                "proved without an end".to_owned()
            }),
        ]
        .into_iter()
        .flatten(),
    );
    for request in &impact.requests {
        let (from, to) = (times.since.unwrap_or(request.at), times.latest.unwrap_or(notice.at));
        wrong.extend(unless((from..=to).contains(&request.at), || format!("a failed request of {}", request.at)));
    }
    wrong.extend(said.into_iter().filter_map(|line| impossible_share(line)));
    let seen = times.since.map(|since| since.strftime("saw it at %H:%M:%S UTC").to_string());
    let elsewhere =
        |reason: &&String| reason.contains("saw it at ") && seen.as_ref().is_none_or(|seen| !reason.contains(seen));
    wrong
        .extend(notice.reasons.iter().find(elsewhere).map(|reason| format!("it began at {:?}: {reason}", times.since)));
    wrong
}

/// Numbers before `callers` and `people`: of `20 of 60 people` the first one.
fn head_counts(text: &str) -> Vec<usize> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_head = |word: &str| ["caller", "callers", "people", "person", "persons", "distinct"].contains(&word);
    let number = |at: Option<usize>| words.get(at?)?.parse::<usize>().ok();
    let heads = words.iter().enumerate().filter(|(_, word)| is_head(word)).map(|(at, _)| at);
    let count = |at: usize| {
        let whole = number(at.checked_sub(1))?;
        let is_share = at.checked_sub(2).and_then(|at| words.get(at)) == Some(&"of");
        Some(number(at.checked_sub(3)).filter(|_| is_share).unwrap_or(whole))
    };
    heads.filter_map(count).collect()
}

/// `7 of 5 callers`.
fn impossible_share(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split(' ').filter(|word| *word != "the").collect();
    let share = words.windows(3).filter(|three| three[1] == "of").filter_map(|three| {
        let [part, whole] = [three[0], three[2]].map(|number| number.parse::<usize>().ok());
        part.zip(whole)
    });
    share.into_iter().find(|(part, whole)| part > whole).map(|_| format!("more than all: {line}"))
}

/// Against what is true.
fn of_the_history(notice: &Notice, company: &Company) -> Vec<String> {
    let Some(since) = notice.times.since.filter(|_| notice.incident.is_some()) else { return Vec::new() };
    let known = |failed: &&crate::company::Failed| at(failed.arrives) <= notice.at && at(failed.second) >= since;
    let failed: Vec<_> = company.failed.iter().filter(known).collect();
    let people: BTreeSet<&String> = failed.iter().map(|failed| &failed.person).collect();
    let is_known =
        |name: &String| people.iter().any(|id| name.contains(id.as_str())) || name.contains(":assumed-role/");
    let unknown = notice.impact.names.iter().find(|name| !is_known(name));
    let is_failed = |id: &String| failed.iter().any(|failed| failed.request == *id);
    let request = notice.impact.requests.iter().filter_map(|request| request.id.as_ref()).find(|id| !is_failed(id));
    let counts = [("callers", notice.impact.callers, people.len()), ("failures", notice.impact.failures, failed.len())];
    let more = counts.into_iter().filter(|(_, said, all)| said > all);
    let unknown = unknown.map(|name| format!("{name} did not fail by then"));
    let request = request.map(|id| format!("{id} did not fail by then"));
    unknown
        .into_iter()
        .chain(request)
        .chain(more.map(|(what, said, all)| format!("{said} {what}, but {all} failed")))
        .collect()
}

/// The notices of one incident, in their order.
fn of_each_other(notices: &[&Notice]) -> Vec<String> {
    let mut wrong = Vec::new();
    for pair in notices.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        let ended = before.kind == NoticeKind::Resolved;
        let next = before.sequence + 1 + u32::try_from(after.merged.count).unwrap_or(u32::MAX);
        wrong.extend(
            [
                unless(before.at <= after.at, || "an earlier notice after a later one".to_owned()),
                unless(after.sequence == next, || format!("notice {} after {}", after.sequence, before.sequence)),
                unless(before.times.since == after.times.since, || {
                    format!("since {:?}, and {:?} before", after.times.since, before.times.since)
                }),
                unless(before.times.latest <= after.times.latest, || "the latest failure is an earlier one".to_owned()),
                // Reopened, it counts anew.
                unless(before.impact.callers <= after.impact.callers || after.kind == NoticeKind::Reopened, || {
                    format!("{} callers, and {} before", after.impact.callers, before.impact.callers)
                }),
                unless(ended == (after.kind == NoticeKind::Reopened), || {
                    format!("{:?} after {:?}", after.kind, before.kind)
                }),
            ]
            .into_iter()
            .flatten(),
        );
    }
    let begins = notices.first().is_some_and(|first| first.kind.begins());
    wrong.extend(unless(begins, || "it does not begin with its beginning".to_owned()));
    wrong
}

/// Of an end it must be told how many were affected, and until when.
fn of_the_end(notices: &[&Notice], company: &Company) -> Vec<String> {
    let Some(end) = notices.last().filter(|last| last.kind == NoticeKind::Resolved) else { return Vec::new() };
    let (since, until) = (end.times.since.unwrap_or_default(), end.times.over_at.unwrap_or(end.at));
    let of_it = company.failed.iter().filter(|failed| (since..=until).contains(&at(failed.second)));
    let people: BTreeSet<&String> = of_it.clone().map(|failed| &failed.person).collect();
    let (latest, failures) = (of_it.clone().map(|failed| at(failed.second)).max(), of_it.count());
    let is_probed = notices.iter().any(|notice| notice.probe == Some(StepState::Down));
    let wrong = [
        unless(failures == end.impact.failures, || {
            format!("it ended with {} failures, but there were {failures}", end.impact.failures)
        }),
        unless(people.len() == end.impact.callers, || {
            format!("it ended with {} callers, but {} failed", end.impact.callers, people.len())
        }),
        // A probe may fail after the last call did.
        unless(latest == end.times.latest || latest < end.times.latest && is_probed, || {
            format!("it ended at {:?}, but {latest:?} failed", end.times.latest)
        }),
    ];
    wrong.into_iter().flatten().collect()
}
