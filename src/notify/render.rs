//! A notice as people read it: plain text, the verdict in the first line.
//!
//! In: an incident, a recovery or an advice, and the verdict. Out: a subject that SNS takes and a message. Every text of
//! others in it (caller names, codes, request ids, tools) is bounded and on one line, so that it cannot pass for a line of
//! ours, and every list is bounded.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::advice::{self, Advice};
use super::words::{between, capitalized, clock, counted, span, trouble, utc};
use super::{Notice, NoticeKind, REASON_MAX};
use crate::diagnose::recovery::Recovery;
use crate::diagnose::{Advised, Concern, Diagnosis, Verdict, Weighing};
use crate::incident::Incident;
use crate::oidc::Answer;
use crate::redact::{SHOWN_NAME_MAX, one_line};
use crate::region::Region;

/// SNS refuses a subject of 100 characters or more, and one that is not printable ASCII.
pub const SUBJECT_MAX: usize = 99;

/// Things of one kind listed in a message: requests enough for a support case, names enough to know who it is. A number
/// beside them says how many there are.
const LISTED_MAX: usize = 10;

/// What the subject of a `resolved` begins with.
const RESOLVED: &str = "Resolved: ";

/// What is not told again for so long is not told again.
const FOR_EVER: Duration = Duration::from_secs(366 * 86_400);

pub fn subject(kind: NoticeKind, incident: &Incident, verdict: &Verdict, now: Timestamp) -> String {
    let what = format!("{} in {}", trouble(incident.diagnosis), incident.region);
    let hit = hit_in_short(incident, verdict);
    printable(&match kind {
        NoticeKind::Opened | NoticeKind::Advice => format!("{}{hit}", capitalized(&what)),
        NoticeKind::Changed => format!("Changed: {what}{hit}"),
        NoticeKind::Reopened => format!("Reopened: {what}{hit}"),
        NoticeKind::Reminder => format!("{} goes on since {}", capitalized(&what), clock(began(incident), now)),
        NoticeKind::Resolved => format!("{RESOLVED}{what} after {}", lasted(incident)),
    })
}

pub fn message(kind: NoticeKind, incident: &Incident, verdict: &Verdict, changes: &[String], now: Timestamp) -> String {
    let mut text = Text::default();
    match kind {
        NoticeKind::Opened | NoticeKind::Reminder | NoticeKind::Resolved | NoticeKind::Advice => {}
        NoticeKind::Changed | NoticeKind::Reopened => {
            text.line(&format!("{}: {}.", kind.as_str().to_uppercase(), one_line(&changes.join("; "), REASON_MAX)));
        }
    }
    text.line(&headline(incident, verdict));
    if kind == NoticeKind::Reminder {
        text.line(&format!("It goes on since {}.", clock(began(incident), now)));
    }
    if verdict.diagnosis != incident.diagnosis {
        text.line(&format!(
            "What is seen at the moment is: {}. It stays what it was until its end is proved.",
            trouble(verdict.diagnosis)
        ));
    }
    confirmation(incident, verdict).iter().for_each(|line| text.line(line));

    text.line("");
    text.fact("Since", &utc(began(incident)));
    if let Some(reopened_at) = incident.reopened_at {
        text.fact(
            "Reopened",
            &format!("{}, the latest at {}", counted(incident.reopened as usize, "time"), utc(reopened_at)),
        );
    }
    facts(&mut text, incident, verdict);

    text.bullets("Why", &verdict.reasons);
    advise(&mut text, &advice::of_incident(incident, verdict), &incident.region, &incident.concern);
    if incident.concern == Concern::Service {
        text.heading("The three usual causes, weighed");
        verdict.weighed.iter().for_each(|weighing| weighed(&mut text, weighing));
    }
    requests(&mut text, verdict);
    text.0
}

/// That an incident is over. Who was hit is known from the notices before: it is not said again.
pub fn recovery_message(incident: &Incident, verdict: &Verdict, recovery: &Recovery) -> String {
    let mut text = Text::default();
    let lasted = lasted(incident);
    text.line(&format!("RESOLVED: the {} in {} is over after {lasted}.", trouble(incident.diagnosis), incident.region));
    text.line(&if recovery.proved {
        "It is proved: see below.".to_owned()
    } else {
        let silence = verdict.latest.zip(incident.resolved_at).map(|(latest, over)| span(between(latest, over)));
        let silence =
            silence.map_or_else(|| "no failure for a while".to_owned(), |span| format!("no failure for {span}"));
        let nobody = if verdict.served == 0 { "nobody" } else { "hardly anybody" };
        format!("Nothing proves it: {silence}, and {nobody} was seen to be served.")
    });

    text.line("");
    text.fact("Since", &utc(began(incident)));
    text.fact("Over", &incident.resolved_at.map_or_else(|| "unknown".to_owned(), utc));
    text.fact("Lasted", &lasted);
    if incident.reopened > 0 {
        text.fact("Reopened", &counted(incident.reopened as usize, "time"));
    }
    if incident.callers > 0 {
        text.fact("Callers", &format!("{} at the most", incident.callers));
    }
    text.fact("Incident", &format!("{} (notice {})", incident.id, incident.sequence));

    text.bullets("Why", &recovery.reasons);
    advise(&mut text, &advice::of_recovery(incident, recovery.proved), &incident.region, &incident.concern);
    text.0
}

pub fn advice_subject(region: &Region, advised: &Advised) -> String {
    printable(&format!("{} in {region}", capitalized(trouble(advised.diagnosis))))
}

pub fn advice_message(region: &Region, advised: &Advised, now: Timestamp) -> String {
    let mut text = Text::default();
    text.line(&format!("ADVICE: {} in {region}.", advised_in_words(advised.diagnosis)));
    text.line("");
    text.fact("At", &utc(now));
    text.fact(
        "Told",
        &if advised.quiet_for > FOR_EVER { "once".to_owned() } else { format!("once in {}", span(advised.quiet_for)) },
    );
    text.bullets("Why", &advised.reasons);
    advise(&mut text, &advice::of_advised(advised.diagnosis), region, &Concern::Service);
    text.0
}

/// Turns the last notice of an incident into one that also says what those before it would have said.
pub fn merge(last: &mut Notice, untold: &[Notice]) {
    if let Some(what) = last.subject.strip_prefix(RESOLVED) {
        last.subject = printable(&format!("Began and resolved: {what}"));
    }
    let mut text = Text::default();
    text.line(match last.kind {
        NoticeKind::Resolved => "It began and was over before anybody could be told.",
        NoticeKind::Opened | NoticeKind::Changed | NoticeKind::Reminder | NoticeKind::Reopened | NoticeKind::Advice => {
            "What came before could not be told in time."
        }
    });
    text.line(&last.message);
    text.heading("What would have been told");
    for notice in untold.iter().take(LISTED_MAX) {
        text.line(&format!("- {} {}", utc(notice.at), notice.subject));
    }
    text.more(untold.len());
    if let Some(first) = untold.first() {
        text.bullets("Why it was opened", &first.reasons);
        last.reasons.extend(first.reasons.iter().cloned());
    }
    last.message = text.0;
}

/// When it began, as far as is known.
fn began(incident: &Incident) -> Timestamp {
    incident.since.min(incident.opened_at)
}

fn lasted(incident: &Incident) -> String {
    incident.resolved_at.map_or_else(|| "some time".to_owned(), |over| span(between(began(incident), over)))
}

/// The callers that the verdict sees, or saw when it still was an incident.
fn hit(incident: &Incident, verdict: &Verdict) -> usize {
    if incident.is_in(verdict) { verdict.callers } else { incident.callers }
}

fn hit_in_short(incident: &Incident, verdict: &Verdict) -> String {
    let how = match incident.concern {
        Concern::Service => "hit",
        Concern::Admin { .. } | Concern::Request { .. } => "refused",
    };
    match hit(incident, verdict) {
        0 if verdict.is_confirmed() => ": a probe fails".to_owned(),
        0 => String::new(),
        callers => format!(": {} {how}", counted(callers, "caller")),
    }
}

/// The verdict in words.
fn headline(incident: &Incident, verdict: &Verdict) -> String {
    let region = &incident.region;
    let callers = hit(incident, verdict);
    let hit = counted(callers, "distinct caller");
    let with = concern_name(&incident.concern).map(|name| format!(" with {name}")).unwrap_or_default();
    match incident.diagnosis {
        Diagnosis::Outage => format!("OUTAGE: signing in through IAM Identity Center fails in {region} for {hit}."),
        Diagnosis::Degraded if callers == 0 => format!(
            "DEGRADED: a probe of signing in through IAM Identity Center fails in {region}; no caller was seen to be hit."
        ),
        Diagnosis::Degraded => {
            format!("DEGRADED: signing in through IAM Identity Center fails in {region} for some: for {hit}.")
        }
        Diagnosis::Misconfigured => format!(
            "MISCONFIGURED: a key or policy of your own refuses {hit} who sign in through IAM Identity Center in {region}\
             {with}."
        ),
        Diagnosis::Suspected => format!(
            "SUSPECTED OUTAGE: signing in through IAM Identity Center is refused in {region} for {hit}{with}, as if all \
             of them had made the same mistake."
        ),
        Diagnosis::Throttling
        | Diagnosis::OneCaller
        | Diagnosis::Blind
        | Diagnosis::Late
        | Diagnosis::AwsHealth
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => format!("{} in {region}: {hit}.", capitalized(trouble(incident.diagnosis))),
    }
}

fn advised_in_words(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Throttling => "calls to sign in (SSO OIDC) are throttled, or soon will be,",
        Diagnosis::OneCaller => "one caller cannot sign in (SSO OIDC), while others are served,",
        Diagnosis::Blind => "this function can connect neither to the sign-in service (SSO OIDC) nor to its control",
        Diagnosis::Late => "late events tell of a trouble with signing in (SSO OIDC) that is more than an hour old,",
        Diagnosis::AwsHealth => "AWS Health tells of an issue about signing in (SSO OIDC), and nobody here was hit,",
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => trouble(diagnosis),
    }
}

/// Whether anything but the callers' failures speaks for it: what is asked first.
fn confirmation(incident: &Incident, verdict: &Verdict) -> Vec<&'static str> {
    let mut lines = vec![match verdict.probe {
        Some(Answer::Down) => "A probe of the service fails too.",
        Some(Answer::Unexpected) => "A probe of the service got an unexpected answer.",
        Some(Answer::Unknown) => "A probe of the service got no clear answer: not confirmed.",
        Some(Answer::Healthy) => "A probe of the service works.",
        None => "The service was not probed: not confirmed.",
    }];
    match incident.concern {
        Concern::Service | Concern::Request { .. } if verdict.health => {
            lines.push("AWS Health has an open issue about it.");
        }
        Concern::Service | Concern::Request { .. } => {}
        // What the probe sees is none of the customer's own keys and policies.
        Concern::Admin { .. } => lines.clear(),
    }
    lines
}

fn facts(text: &mut Text, incident: &Incident, verdict: &Verdict) {
    if let Some(latest) = verdict.latest {
        text.fact("Latest", &utc(latest));
    }
    if verdict.failures > 0 {
        let codes = tally(verdict.codes.iter().map(|(code, count)| (code.as_str(), *count)));
        text.fact("Failed", &format!("{}: {codes}", counted(verdict.failures, "call")));
    }
    let mut operations: Vec<_> = verdict.operations.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    operations.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    if !operations.is_empty() {
        text.fact("Operation", &tally(operations.into_iter()));
    } else if verdict.failures > 0 {
        text.fact("Operation", "unknown");
    }
    if verdict.callers > 0 {
        text.fact("Callers", &format!("{}{}", verdict.callers, names(verdict)));
    } else if incident.callers > 0 {
        text.fact("Callers", &format!("{} at the most", incident.callers));
    }
    if !verdict.tools.is_empty() {
        text.fact("Tools", &tally(verdict.tools.iter().map(|(tool, count)| (tool.as_str(), *count))));
    }
    text.fact("Incident", &format!("{} (notice {})", incident.id, incident.sequence));
}

/// `: ana, ben and 2 more`.
fn names(verdict: &Verdict) -> String {
    let listed: Vec<String> = verdict.names.iter().take(LISTED_MAX).map(|name| shown(name)).collect();
    match verdict.callers.saturating_sub(listed.len()) {
        _ if listed.is_empty() => String::new(),
        0 => format!(": {}", listed.join(", ")),
        more => format!(": {} and {more} more", listed.join(", ")),
    }
}

/// `InternalServerException (6), 503 (1)`.
fn tally<'a>(counts: impl Iterator<Item = (&'a str, usize)>) -> String {
    counts.take(LISTED_MAX).map(|(what, count)| format!("{} ({count})", shown(what))).collect::<Vec<_>>().join(", ")
}

fn weighed(text: &mut Text, weighing: &Weighing) {
    text.line(&format!("{}:", weighing.cause));
    let fact = |fact: &String| one_line(fact, REASON_MAX);
    weighing.speaks_for.iter().take(LISTED_MAX).for_each(|one| text.line(&format!("  for:     {}", fact(one))));
    weighing.speaks_against.iter().take(LISTED_MAX).for_each(|one| text.line(&format!("  against: {}", fact(one))));
}

fn advise(text: &mut Text, advice: &Advice, region: &Region, concern: &Concern) {
    let name = concern_name(concern).unwrap_or_else(|| "an error".to_owned());
    // The name last: it is text of others.
    let filled = |advice: &str| advice.replace("{region}", region.as_str()).replace("{name}", &name);
    text.heading("What to do now");
    for (number, step) in (1..).zip(&advice.now) {
        text.line(&format!("{number}. {}", filled(step)));
    }
    if !advice.users.is_empty() {
        text.heading("To pass on to users");
        text.line(&filled(advice.users));
    }
}

fn requests(text: &mut Text, verdict: &Verdict) {
    if verdict.requests.is_empty() {
        return;
    }
    text.heading("Failed requests, for AWS Support (the id is its record's where no request id was recorded)");
    for request in verdict.requests.iter().take(LISTED_MAX) {
        let operation = request.operation.map_or("unknown operation", |operation| operation.as_str());
        let id = request.id.as_deref().map_or_else(|| "id not kept".to_owned(), shown);
        text.line(&format!("- {} {id} {operation} {}", utc(request.at), shown(&request.code)));
    }
    text.more(verdict.requests.len().max(verdict.failures));
}

/// `InvalidRequestException of CreateToken`.
fn concern_name(concern: &Concern) -> Option<String> {
    match concern {
        Concern::Service => None,
        Concern::Admin { name, .. } | Concern::Request { name, operation: None, .. } => Some(shown(name)),
        Concern::Request { name, operation: Some(operation), .. } => Some(format!("{} of {operation}", shown(name))),
    }
}

fn shown(text: &str) -> String {
    one_line(text, SHOWN_NAME_MAX)
}

/// It begins with a letter, as SNS wants it, because all of ours do.
fn printable(subject: &str) -> String {
    subject.chars().filter(|c| matches!(c, ' '..='~')).take(SUBJECT_MAX).collect()
}

/// A message as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{}", line.trim_end_matches('\n'));
    }

    fn fact(&mut self, name: &str, fact: &str) {
        self.line(&format!("{:<10} {fact}", format!("{name}:")));
    }

    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(heading);
    }

    fn bullets(&mut self, heading: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.heading(heading);
        for line in super::bounded(lines) {
            self.line(&format!("- {line}"));
        }
    }

    /// How many of `all` were not listed.
    fn more(&mut self, all: usize) {
        if let Some(more @ 1..) = all.checked_sub(LISTED_MAX) {
            self.line(&format!("- and {more} more"));
        }
    }
}
