//! Times, numbers and our own names as the page says them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::calls::Calls;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::answer::Counts;
use triage_model::classify::Cause;
use triage_notify::words::{capitalized, span};

use crate::replay::answer::HeadCount;
use crate::replay::review::Story;

/// What makes a page look false (`Story::looks_false`), in words.
pub const LOOKS_FALSE: &str =
    "lasted less than 5 minutes, affected fewer than 5 callers, and AWS Health did not confirm it";

const DAY: u64 = 86_400;

/// A number with its thousands apart: `1 234 567`, by a narrow space at which no line breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// `1 caller`, `1 234 callers`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", Number(count as u64), if count == 1 { "" } else { "s" })
}

/// `30 days`; what is shorter than a few days more exactly.
pub fn about(length: Duration) -> String {
    let days = (length.as_secs() + DAY / 2) / DAY;
    if days < 3 { span(length) } else { format!("{} days", Number(days)) }
}

/// Whole minutes, and one where it was less.
pub fn minutes(seconds: u64) -> u64 {
    if seconds == 0 { 0 } else { (seconds / 60).max(1) }
}

/// `14 to 15 seconds`, `40 seconds to 3 minutes`, `21 minutes`.
pub fn range(least: Duration, most: Duration) -> String {
    let (least, most) = (span(least), span(most));
    match (least.split_once(' '), most.split_once(' ')) {
        _ if least == most => most,
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} to {most}"),
        _ => format!("{least} to {most}"),
    }
}

pub fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub fn date(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

pub fn lasted(story: &Story) -> String {
    story.lasted().map_or_else(|| "still open".to_owned(), span)
}

/// When its end was confirmed, or that it was not.
pub fn over(story: &Story, time: impl Fn(Timestamp) -> String) -> String {
    match story.over_at {
        Some(over) if story.proved => format!("Recovery confirmed at {} UTC", time(over)),
        Some(over) => format!("Quiet, not confirmed: closed at {} UTC", time(over)),
        None => "Still open when the history ends".to_owned(),
    }
}

/// `118`, `about 4 000`.
pub fn affected(count: &HeadCount) -> String {
    let about = if count.is_about { "about " } else { "" };
    format!("{about}{}", Number(count.affected as u64))
}

/// `118 of 2 400 people`, `about 4 000 callers`, `1 caller`.
pub fn head_count(count: &HeadCount) -> String {
    match count.active {
        Some(active) => format!("{} of {} {}", affected(count), Number(active as u64), count.noun(active)),
        None => format!("{} {}", affected(count), count.noun(count.affected)),
    }
}

/// `12%`, `99.9%`. It is 100% and 0% only where it is exactly so.
pub fn share(calls: Calls) -> Option<String> {
    let per_mille = calls.per_mille()?;
    Some(match per_mille {
        0 if calls.served == 0 => "0%".to_owned(),
        0 => "under 0.1%".to_owned(),
        1000 => "100%".to_owned(),
        part if (100..990).contains(&part) => format!("{}%", (part + 5) / 10),
        part if part % 10 == 0 => format!("{}%", part / 10),
        part => format!("{}.{}%", part / 10, part % 10),
    })
}

pub fn diagnosis(diagnosis: Diagnosis) -> String {
    match diagnosis {
        Diagnosis::Suspected => "Suspected outage".to_owned(),
        Diagnosis::OneTool => "One tool fails".to_owned(),
        Diagnosis::OneNetwork => "One network fails".to_owned(),
        Diagnosis::OneApplication => "One application fails".to_owned(),
        Diagnosis::OneAccount => "One account fails".to_owned(),
        other => capitalized(&other.as_str().replace('_', " ")),
    }
}

pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Page => "page",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// What calls of that cause are called.
pub const fn failures_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Expected => "Waiting for the user",
        Cause::Request => "Callers’ mistakes",
        Cause::Admin => "Refused by your settings",
        Cause::Throttled => "Throttled",
        Cause::Service => "Service failures",
        Cause::Unreachable => "No answer",
        Cause::Unrecognised => "Unknown errors",
    }
}

pub const fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Expected => "the device flow as it should be: not a failure",
        Cause::Request => "an expired code, an unknown client and the like",
        Cause::Admin => "a permission, an assignment or a key refused",
        Cause::Throttled => "too many calls in too short a time",
        Cause::Service => "the service answered with an error of its own",
        Cause::Unreachable => "time-outs, DNS, TLS, refused connections",
        Cause::Unrecognised => "codes that are not in the table of causes",
    }
}

pub const fn count(counts: &Counts, cause: Cause) -> u64 {
    match cause {
        Cause::Expected => counts.expected,
        Cause::Request => counts.request,
        Cause::Admin => counts.admin,
        Cause::Throttled => counts.throttled,
        Cause::Service => counts.service,
        Cause::Unreachable => counts.unreachable,
        Cause::Unrecognised => counts.unrecognised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let said = |number| Number(number).to_string();
        assert_eq!([0, 999, 1000, 1_234_567].map(said), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!(counted(1, "caller"), "1 caller");
        assert_eq!(counted(0, "caller"), "0 callers");
    }

    #[test]
    fn a_month_less_a_second_is_said_in_days() {
        let said = |seconds| about(Duration::from_secs(seconds));
        assert_eq!([90, 2 * DAY, 30 * DAY - 1].map(said), ["2 minutes", "2 d", "30 days"]);
    }

    #[test]
    fn a_range_says_its_unit_once() {
        let said = |least, most| range(Duration::from_secs(least), Duration::from_secs(most));
        assert_eq!(said(14, 15), "14 to 15 seconds");
        assert_eq!(said(40, 180), "40 seconds to 3 minutes");
        assert_eq!(said(130, 140), "2 minutes");
        assert_eq!([0, 40, 60, 119, 7260].map(minutes), [0, 1, 1, 1, 121]);
    }

    #[test]
    fn a_share_is_everything_or_nothing_only_where_it_is() {
        let said = |served, failed| share(Calls { served, failed });
        assert_eq!(said(0, 0), None);
        let shares = [(0, 9), (1, 5000), (1, 99), (44, 322), (999, 1), (99_999, 1), (7, 0)];
        let shares = shares.map(|(served, failed)| said(served, failed).unwrap());
        assert_eq!(shares, ["0%", "under 0.1%", "1%", "12%", "99.9%", "99.9%", "100%"]);
    }

    #[test]
    fn people_are_counted_of_those_who_called() {
        let all = HeadCount { affected: 118, is_about: false, active: Some(2400), are_people: true };
        assert_eq!(head_count(&all), "118 of 2\u{202f}400 people");
        let unseen = HeadCount { active: None, ..all };
        assert_eq!(head_count(&unseen), "118 people");
        let roles = HeadCount { affected: 1, active: None, are_people: false, is_about: true };
        assert_eq!(head_count(&roles), "about 1 caller");
    }
}
