//! Times, numbers and our own names as the page says them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::answer::Counts;
use triage_model::classify::Cause;
use triage_notify::words::{capitalized, span};

use crate::replay::review::Story;

/// What makes a page look false (`Story::looks_false`), in words.
pub const LOOKS_FALSE: &str =
    "was of failures within less than 5 minutes, hit fewer than 5 callers, and was not confirmed by AWS Health";

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

pub fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub fn date(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

pub fn lasted(story: &Story) -> String {
    story.lasted().map_or_else(|| "open".to_owned(), span)
}

/// When it was confirmed over, or that it is not.
pub fn over(story: &Story, time: impl Fn(Timestamp) -> String) -> String {
    match story.over_at {
        Some(over) if story.proved => format!("confirmed over at {} UTC", time(over)),
        Some(over) => format!("not confirmed, taken as over at {} UTC", time(over)),
        None => "open when the history ends".to_owned(),
    }
}

/// `12 callers`, `about 4 000 callers`.
pub fn callers(story: &Story) -> String {
    let callers = counted(story.callers, "caller");
    if story.about { format!("about {callers}") } else { callers }
}

pub fn diagnosis(diagnosis: Diagnosis) -> String {
    capitalized(&diagnosis.as_str().replace('_', " "))
}

pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Page => "page",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

pub const fn meaning(cause: Cause) -> &'static str {
    match cause {
        Cause::Expected => "the device flow as it should be: not a failure",
        Cause::Request => "the caller’s own mistake",
        Cause::Admin => "the administrator’s: a permission, an assignment, a key",
        Cause::Throttled => "too many calls",
        Cause::Service => "the service’s own fault",
        Cause::Unreachable => "no answer at all",
        Cause::Unrecognised => "nothing that the table of causes knows",
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
    fn a_month_less_a_second_is_told_in_days() {
        let said = |seconds| about(Duration::from_secs(seconds));
        assert_eq!([90, 2 * DAY, 30 * DAY - 1].map(said), ["1 minute", "2 d", "30 days"]);
    }
}
