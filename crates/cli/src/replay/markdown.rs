//! The review as a post-mortem in Markdown, to be filled in by people.
//!
//! In: a [`Review`]. Out: a summary, and for each incident its impact, its timeline, its cause with the evidence, and what
//! only people know, as boxes to be ticked. Text of others goes through [`escape`]. It is bounded, however many incidents
//! there are.

mod escape;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::calls::Calls;
use triage_decide::objective::Objective;
use triage_notify::notice::{Notice, NoticeKind, Tally};
use triage_notify::step;
use triage_notify::words::{capitalized, in_zone, span, utc_minute};

use crate::replay::answer::{Answer, BadTime, HeadCount, lasted_so_far, times};
use crate::replay::budget;
use crate::replay::close_up::CLOSE_UPS_MAX;
use crate::replay::fault::{Bad, Fault};
use crate::replay::html::words::{self, Number, date, share};
use crate::replay::html::{in_a_sentence, title};
use crate::replay::markdown::escape::{code, sentence};
use crate::replay::review::{Review, Story};

/// Notices listed of an incident: the first ones, and the last.
const NOTICES_MAX: usize = 40;

/// The whole document.
pub fn print(review: &Review, out: &mut impl Write) -> io::Result<()> {
    let answer = Answer::of(review);
    writeln!(out, "# Post-mortem: {}\n", sentence(&title(review)))?;
    if review.interrupted {
        writeln!(out, "**Interrupted:** this covers the history up to there. Run it again for all of it.\n")?;
    }
    let zone = review.zone.as_ref().and_then(TimeZone::iana_name);
    let zone = zone.map_or_else(|| "UTC".to_owned(), |zone| format!("UTC and {zone}"));
    writeln!(
        out,
        "A draft by oidc-triage, from recorded calls. Times are in {zone}. The clock: {}.\n",
        review.clock()
    )?;
    writeln!(out, "## Summary\n\n{}\n", sentence(&in_a_sentence(review, answer.as_ref())))?;
    if let Some(answer) = &answer {
        summary(answer, review.objective.as_ref(), out)?;
    }
    for (place, story) in review.incidents.iter().take(CLOSE_UPS_MAX).enumerate() {
        incident(review, place + 1, story, out)?;
    }
    if let Some(more @ 1..) = review.incidents.len().checked_sub(CLOSE_UPS_MAX) {
        writeln!(out, "{} more: `--format json` has all of them.\n", words::counted(more, "incident"))?;
    }
    if !review.incidents.is_empty() {
        to_fill_in(out)?;
    }
    Ok(())
}

fn fact(out: &mut impl Write, name: &str, fact: &str) -> io::Result<()> {
    writeln!(out, "- **{name}:** {fact}")
}

fn summary(answer: &Answer, objective: Option<&Objective>, out: &mut impl Write) -> io::Result<()> {
    let (bad, BadTime { seconds, .. }) = answer.worst();
    let minutes = Number(words::minutes(seconds));
    fact(out, &format!("Minutes {}", bad.in_words().to_lowercase()), &minutes.to_string())?;
    people(&answer.affected, out)?;
    worked(answer.calls, answer.are_served_seen, out)?;
    if let Some(objective) = objective {
        fact(out, "Error budget", &budget::in_words(objective))?;
    }
    let faults = answer.faults.iter().map(|(fault, count)| match answer.incidents {
        1 => in_words(fault),
        _ => format!("{} ({})", in_words(fault), words::counted(*count, "incident")),
    });
    fact(out, "Whose fault", &faults.collect::<Vec<_>>().join(", "))?;
    if let Some((least, most)) = answer.noticed {
        noticed(&words::range(least, most), out)?;
    }
    writeln!(out)
}

/// The name in it is somebody's.
fn in_words(fault: &Fault) -> String {
    match fault {
        Fault::Part(what, name) if !name.is_empty() => format!("{what} {}", code(name)),
        other => other.in_words(),
    }
}

fn people(count: &HeadCount, out: &mut impl Write) -> io::Result<()> {
    let of =
        if count.active.is_some() { " who called then or shortly before" } else { "; how many called is not known" };
    fact(out, &format!("{} affected", capitalized(count.noun(2))), &format!("{}{of}", words::head_count(count)))
}

fn worked(calls: Calls, are_served_seen: bool, out: &mut impl Write) -> io::Result<()> {
    let words = match share(calls).filter(|_| are_served_seen) {
        Some(share) => format!("{share} ({} of {})", Number(calls.served), Number(calls.served + calls.failed)),
        None => "not known, because no served call was seen".to_owned(),
    };
    fact(out, "Calls that worked", &words)
}

fn noticed(after: &str, out: &mut impl Write) -> io::Result<()> {
    let late = "by the calls' own times, unless --arrival is given: CloudTrail delivers them some minutes later";
    fact(out, "Noticed", &format!("{after} after the first failure ({late})"))
}

fn incident(review: &Review, number: usize, story: &Story, out: &mut impl Write) -> io::Result<()> {
    let last = review.span.map(|(_, last)| last);
    let (from, to) = times(story, last);
    writeln!(out, "## Incident {number}: {} in {}, {}\n", words::diagnosis(story.diagnosis), story.region, date(from))?;
    writeln!(out, "### Impact\n")?;
    let without = match story.over_for {
        Duration::ZERO => String::new(),
        over => format!(", without the {} when it was over", span(over)),
    };
    let lasted = span(lasted_so_far(story, last));
    let zone = review.zone.as_ref();
    let lasted = format!("{lasted}, from {} to {}{without}", in_zone(from, zone), in_zone(to, zone));
    fact(out, &format!("{} for", Bad::of(story.diagnosis).in_words()), &lasted)?;
    let count = HeadCount::of(story);
    people(&count, out)?;
    worked(story.close_up.during, count.active.is_some(), out)?;
    if let Some(cost) = story.cost() {
        fact(out, "Error budget", &cost.in_words())?;
    }
    if let Some(scope) = story.scope_in_words() {
        fact(out, "Scope", &sentence(&scope))?;
    }
    let over = words::over(story, |at| at.strftime("%Y-%m-%d %H:%M").to_string());
    fact(out, "End", &over)?;
    timeline(story, (from, to), zone, out)?;
    cause(story, out)
}

fn timeline(
    story: &Story,
    (from, to): (Timestamp, Timestamp),
    zone: Option<&TimeZone>,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "\n### Timeline\n")?;
    writeln!(out, "With the notices that would have been sent, each with its severity; a page wakes on-call.\n")?;
    // The others say themselves what they are.
    let kind = |notice: &Notice| if notice.kind == NoticeKind::Opened { "Opened: " } else { "" };
    let sent = |notice: &Notice| {
        let severity = notice.severity.as_str();
        (notice.at, format!("({severity}) {}{}", kind(notice), sentence(&notice.subject)))
    };
    let last = story.notices.last().filter(|_| story.notices.len() > NOTICES_MAX);
    let mut lines = vec![(from, "first failed call".to_owned())];
    let first = NOTICES_MAX - usize::from(last.is_some());
    lines.extend(story.notices.iter().take(first).chain(last).map(sent));
    if story.over_at.is_some() {
        lines.push((to, "latest failed call".to_owned()));
    }
    lines.sort_by_key(|(at, _)| *at);
    for (at, line) in lines {
        writeln!(out, "- {} {line}", in_zone(at, zone))?;
    }
    if let Some(more @ 1..) = story.notices.len().checked_sub(NOTICES_MAX) {
        writeln!(out, "- and {}", words::counted(more, "more notice"))?;
    }
    Ok(())
}

fn cause(story: &Story, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n### Cause and evidence\n")?;
    let fault = Fault::of(story);
    writeln!(out, "Whose fault: {}. {}\n", in_words(&fault), fault.why(story))?;
    if let Some(notice) = story.fullest() {
        writeln!(out, "As of {}, when the notice with the most evidence was due:\n", utc_minute(notice.at))?;
        for reason in &notice.reasons {
            writeln!(out, "- {}", sentence(reason))?;
        }
        tallied("Codes", &notice.impact.codes, out)?;
        tallied("Operations", &notice.impact.operations, out)?;
        tallied("Tools", &notice.impact.tools, out)?;
        tallied("Accounts", notice.impact.several_accounts(), out)?;
        let ids: Vec<String> = notice.impact.requests.iter().filter_map(|it| it.id.as_deref()).map(code).collect();
        if !ids.is_empty() {
            fact(out, "Request ids for AWS Support", &ids.join(", "))?;
        }
        for weighed in &notice.weighed {
            let [speaks_for, against] = [&weighed.speaks_for, &weighed.speaks_against].map(|side| side.join("; "));
            let sides = [("for it", speaks_for), ("against it", against)];
            let sides = sides.into_iter().filter(|(_, facts)| !facts.is_empty());
            let sides: Vec<String> = sides.map(|(side, facts)| format!("{side}: {}", sentence(&facts))).collect();
            fact(out, &sentence(&weighed.cause), &sides.join(". "))?;
        }
    }
    let steps = story.notices.iter().rfind(|notice| notice.kind != NoticeKind::Resolved);
    if let Some(advice) = steps.map(|notice| &notice.advice).filter(|advice| !advice.now.is_empty()) {
        writeln!(out, "\nOn-call would have been advised:\n")?;
        for (place, step) in advice.now.iter().enumerate() {
            let (words, command) = step::parts(step);
            let command = command.map(|command| format!(" {}", code(command))).unwrap_or_default();
            writeln!(out, "{}. {}{command}", place + 1, sentence(words))?;
        }
    }
    writeln!(out)
}

fn tallied(name: &str, tallies: &[Tally], out: &mut impl Write) -> io::Result<()> {
    if tallies.is_empty() {
        return Ok(());
    }
    let counts = tallies.iter().map(|tally| format!("{} {}", code(&tally.name), Number(tally.count as u64)));
    fact(out, name, &counts.collect::<Vec<_>>().join(", "))
}

/// What no record shows.
fn to_fill_in(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "## To fill in\n")?;
    for question in [
        "Root cause, and how it is known (for AWS: the support case or the AWS Health event)",
        "Who was paged, and when they acknowledged",
        "What users were informed of, when, and by whom",
        "What could not be done meanwhile: work, deployments, customers",
        "What was done to end it, and what helped",
        "What went well, what went badly, where luck helped",
    ] {
        writeln!(out, "- [ ] {question}:")?;
    }
    writeln!(out, "\n### Actions\n\n| Action | Owner | Due |\n|---|---|---|\n|  |  |  |")
}
