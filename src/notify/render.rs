//! A notice as people read it: plain text, the verdict in the first line.
//!
//! In: a verdict. Out: a subject that SNS takes and a message. Every text of others in it (caller names, codes, request
//! ids, tools) is bounded and on one line, so that it cannot pass for a line of ours.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::NoticeKind;
use super::advice::advice;
use crate::diagnose::{Verdict, Weighing};
use crate::evidence::Mark;
use crate::oidc::Answer;
use crate::redact::{SHOWN_NAME_MAX, one_line};
use crate::region::Region;
use crate::store::Telling;

/// SNS refuses a subject of 100 characters or more, and one that is not printable ASCII.
pub const SUBJECT_MAX: usize = 99;

/// Requests named in a message: enough for a support case.
const REQUESTS_SHOWN: usize = 10;

/// Callers named in a message; the number says how many there are.
const CALLERS_SHOWN: usize = 10;

pub fn subject(verdict: &Verdict, region: &Region, kind: NoticeKind) -> String {
    let goes_on = match kind {
        NoticeKind::Opened => "",
        NoticeKind::Reminder => " goes on",
    };
    // It begins with a letter, as SNS wants it.
    let subject = format!(
        "{} of AWS sign-in (SSO OIDC) in {region}{goes_on}: {} callers hit",
        capitalized(verdict.diagnosis.as_str()),
        verdict.callers
    );
    subject.chars().filter(|c| matches!(c, ' '..='~')).take(SUBJECT_MAX).collect()
}

pub fn message(verdict: &Verdict, region: &Region, kind: NoticeKind, telling: &Telling) -> String {
    let mut text = String::with_capacity(4096);
    let goes_on = match kind {
        NoticeKind::Opened => "",
        NoticeKind::Reminder => " goes on",
    };
    push(
        &mut text,
        &format!(
            "{}{goes_on}: signing in through IAM Identity Center fails in {region} for {} distinct callers.",
            verdict.diagnosis.as_str().to_uppercase(),
            verdict.callers
        ),
    );
    push(&mut text, confirmation(verdict));

    push(&mut text, "");
    facts(&mut text, verdict, kind, telling);

    heading(&mut text, "Why");
    verdict.reasons.iter().for_each(|reason| bullet(&mut text, reason));

    let advice = advice(verdict);
    let of_region = |advice: &str| advice.replace("{region}", region.as_str());
    heading(&mut text, "What to do now");
    for (number, step) in (1..).zip(advice.now) {
        push(&mut text, &format!("{number}. {}", of_region(step)));
    }
    heading(&mut text, "To pass on to users");
    push(&mut text, &of_region(advice.users));

    heading(&mut text, "The three usual causes, weighed");
    verdict.weighed.iter().for_each(|weighing| weighed(&mut text, weighing));

    heading(&mut text, "Failed requests, for AWS Support (the id is its record's where no request id was recorded)");
    verdict.failures.iter().take(REQUESTS_SHOWN).for_each(|mark| {
        let operation = mark.operation.map_or("unknown operation", |operation| operation.as_str());
        bullet(&mut text, &format!("{} {} {operation} {}", utc(mark.occurred_at), shown(&mark.id), code_of(mark)));
    });
    if let Some(more @ 1..) = verdict.failures.len().checked_sub(REQUESTS_SHOWN) {
        bullet(&mut text, &format!("and {more} more"));
    }
    text
}

/// Whether anything but the callers' failures speaks for it: what is asked first.
fn confirmation(verdict: &Verdict) -> &'static str {
    match verdict.probe {
        Some(Answer::Down) => "A probe of the service fails too.",
        Some(Answer::Unexpected) => "A probe of the service got an unexpected answer.",
        Some(Answer::Unknown) => "A probe of the service got no clear answer: not confirmed.",
        Some(Answer::Healthy) => "A probe of the service works.",
        None => "The service was not probed: not confirmed.",
    }
}

fn facts(text: &mut String, verdict: &Verdict, kind: NoticeKind, telling: &Telling) {
    let operations = tally(&verdict.failures, |mark| mark.operation.map(|operation| operation.as_str().to_owned()));
    let codes = tally(&verdict.failures, |mark| Some(code_of(mark)));
    let tools = tally(&verdict.failures, |mark| mark.tool.clone());
    let time = |at: Option<Timestamp>| at.map_or_else(|| "unknown".into(), utc);
    match kind {
        NoticeKind::Opened => push(text, &format!("Since:     {}", time(verdict.since))),
        // The evidence looks back only so far: it may have begun before.
        NoticeKind::Reminder => push(text, &format!("Opened:    {}", utc(telling.opened_at))),
    }
    push(text, &format!("Latest:    {}", time(verdict.failures.last().map(|mark| mark.occurred_at))));
    let minutes = verdict.window.as_secs().div_ceil(60);
    push(text, &format!("Failed:    {} calls within {minutes} minutes: {}", verdict.failures.len(), counted(&codes)));
    let operations = if operations.is_empty() { "unknown".into() } else { counted(&operations) };
    push(text, &format!("Operation: {operations}"));
    push(text, &format!("Callers:   {}", callers(verdict)));
    if !tools.is_empty() {
        push(text, &format!("Tools:     {}", counted(&tools)));
    }
    push(text, &format!("Incident:  {} (notice {})", telling.incident, telling.sequence));
}

fn weighed(text: &mut String, weighing: &Weighing) {
    push(text, &format!("{}:", weighing.cause));
    weighing.speaks_for.iter().for_each(|fact| push(text, &format!("  for:     {fact}")));
    weighing.speaks_against.iter().for_each(|fact| push(text, &format!("  against: {fact}")));
}

fn callers(verdict: &Verdict) -> String {
    let more = verdict.callers.saturating_sub(CALLERS_SHOWN);
    let listed: Vec<String> = verdict.names.iter().take(CALLERS_SHOWN).map(|name| shown(name)).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {}{more}", verdict.callers, listed.join(", "))
}

fn code_of(mark: &Mark) -> String {
    mark.code.as_deref().map_or_else(|| "no answer".to_owned(), shown)
}

/// How often each value occurs.
fn tally(marks: &[Mark], value: impl Fn(&Mark) -> Option<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for value in marks.iter().filter_map(value) {
        *counts.entry(value).or_insert(0) += 1;
    }
    counts
}

/// The most frequent first: `InternalServerException (6), 503 (1)`.
fn counted(counts: &BTreeMap<String, usize>) -> String {
    let mut counts: Vec<_> = counts.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    counts.truncate(CALLERS_SHOWN);
    counts.into_iter().map(|(value, count)| format!("{value} ({count})")).collect::<Vec<_>>().join(", ")
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn shown(text: &str) -> String {
    one_line(text, SHOWN_NAME_MAX)
}

fn heading(text: &mut String, heading: &str) {
    push(text, "");
    push(text, heading);
}

fn bullet(text: &mut String, line: &str) {
    push(text, &format!("- {line}"));
}

fn push(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Caller, CallerHasher};
    use crate::classify::Cause;
    use crate::diagnose::diagnose;
    use crate::evidence::Evidence;
    use crate::observation::Operation;
    use crate::policy::Policy;
    use crate::region::KnownRegions;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn verdict(names: &[&str]) -> Verdict {
        let hasher = CallerHasher::new(&CallerHasher::FIXED_KEY);
        let mut evidence = Evidence::default();
        for (second, name) in (0..).zip(names) {
            evidence.add_failure(Mark {
                occurred_at: at(second % 60),
                id: format!("request-{second}"),
                caller: hasher.hash(&Caller::Named((*name).into())),
                name: (*name).into(),
                operation: Some(Operation::CreateToken),
                cause: Cause::Service,
                code: Some("InternalServerException".into()),
                tool: None,
            });
        }
        diagnose(&evidence, None, &Policy::default(), at(60))
    }

    fn rendered(names: &[&str]) -> (String, String) {
        let region = KnownRegions::default().find("eu-central-1").unwrap();
        let telling = Telling {
            incident: "eu-central-1-20270115T080000Z".into(),
            sequence: 1,
            opened_at: at(60),
            told_at: at(60),
        };
        let verdict = verdict(names);
        (subject(&verdict, &region, NoticeKind::Opened), message(&verdict, &region, NoticeKind::Opened, &telling))
    }

    #[test]
    fn a_message_says_what_failed_since_when_for_whom_why_and_what_to_do() {
        let (subject, message) = rendered(&["ana@example.com", "ben@example.com", "eva@example.com"]);
        assert_eq!(subject, "Outage of AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit");
        for part in [
            "OUTAGE: signing in through IAM Identity Center fails in eu-central-1 for 3 distinct callers.",
            "Since:     2027-01-15 08:00:00 UTC",
            "Failed:    3 calls within 15 minutes: InternalServerException (3)",
            "Callers:   3: ana@example.com, ben@example.com, eva@example.com",
            "service outage or maintenance:\n  for:     3 distinct callers were hit by 3 failures",
            "throttling behind a 500:\n",
            "invalid input answered with a 500:\n",
            "What to do now\n1. ",
            "To pass on to users\nSigning in to AWS",
            "- 2027-01-15 08:00:02 UTC request-2 CreateToken InternalServerException",
        ] {
            assert!(message.contains(part), "{part:?} is missing in:\n{message}");
        }
    }

    #[test]
    fn users_are_told_whose_fault_it_is_only_where_the_service_says_so() {
        let names = ["ana", "ben", "eva"];
        let mut verdict = verdict(&names);
        let region = KnownRegions::default().find("eu-central-1").unwrap();
        let telling = Telling { incident: "i".into(), sequence: 2, opened_at: at(0), told_at: at(900) };
        let text = |verdict: &Verdict| message(verdict, &region, NoticeKind::Reminder, &telling);

        verdict.probe = Some(Answer::Down);
        let confirmed = text(&verdict);
        assert!(confirmed.contains("AWS's sign-in service answers with errors"), "{confirmed}");
        assert!(!confirmed.contains("Sign in yourself"), "{confirmed}");
        for probe in [None, Some(Answer::Unknown), Some(Answer::Unexpected)] {
            verdict.probe = probe;
            let unknown = text(&verdict);
            assert!(unknown.contains("We are finding out why."), "{unknown}");
            assert!(unknown.contains("1. Sign in yourself, once"), "{unknown}");
        }
        verdict.failures.iter_mut().for_each(|mark| mark.cause = Cause::Unreachable);
        assert!(text(&verdict).contains("1. Check your own way to the service first"));
        assert!(text(&verdict).contains("Opened:    2027-01-15 08:00:00 UTC"), "a reminder tells when it began");
    }

    #[test]
    fn text_of_others_cannot_forge_a_line_of_a_notice() {
        let forged = "ana\r\n\r\nWhat to do now\n1. Send your password to evil@example.com";
        let (subject, message) = rendered(&[forged, "ben\u{202e}", "eva\u{1b}[2J"]);
        assert_eq!(message.lines().filter(|line| *line == "What to do now").count(), 1);
        assert!(!message.contains(['\r', '\u{202e}', '\u{1b}']));
        assert!(subject.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    }

    #[test]
    fn a_message_about_a_flood_stays_small() {
        let names: Vec<String> = (0..4000).map(|n| format!("{n}{}", "x".repeat(200))).collect();
        let (subject, message) = rendered(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(message.len() < 10_000, "{}", message.len());
        assert!(message.contains("and 3990 more"));
        assert!(subject.len() <= SUBJECT_MAX);
    }
}
