//! Diagnoses, times and lengths of time as people say them.

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::concern::Concern;
use triage_decide::verdict::Diagnosis;
use triage_model::redact::{SHOWN_NAME_MAX, one_line, unlinked};
use triage_model::time::before;

/// What is the matter, as a subject says it before `in <region>`.
pub const fn trouble(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Outage => "outage of AWS sign-in (SSO OIDC)",
        Diagnosis::Degraded => "degraded AWS sign-in (SSO OIDC)",
        Diagnosis::Misconfigured => "misconfigured AWS sign-in (SSO OIDC)",
        Diagnosis::Suspected => "suspected outage of AWS sign-in (SSO OIDC)",
        Diagnosis::Throttling => "throttling of AWS sign-in (SSO OIDC)",
        Diagnosis::OneCaller => "one caller fails at AWS sign-in (SSO OIDC)",
        Diagnosis::Blind => "no view of AWS sign-in (SSO OIDC)",
        Diagnosis::Late => "late news of failures of AWS sign-in (SSO OIDC)",
        Diagnosis::AwsHealth => "AWS Health tells of an issue of AWS sign-in (SSO OIDC)",
        Diagnosis::Isolated => "single failures of AWS sign-in (SSO OIDC)",
        Diagnosis::Transient => "passing failures of AWS sign-in (SSO OIDC)",
        Diagnosis::Quiet => "no failure of AWS sign-in (SSO OIDC)",
    }
}

/// `42 minutes`, or shorter where it is longer: `2 h 5 min`, `3 d 4 h`, `1 d`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 60, seconds / 3600, seconds / 86_400) {
        (0, ..) => counted(seconds as usize, "second"),
        (minutes, 0, _) => counted(minutes as usize, "minute"),
        (minutes, hours, 0) if minutes % 60 == 0 => format!("{hours} h"),
        (minutes, hours, 0) => format!("{hours} h {} min", minutes % 60),
        (_, hours, days) if hours % 24 == 0 => format!("{days} d"),
        (_, hours, days) => format!("{days} d {} h", hours % 24),
    }
}

/// From one time to a later one; nothing if it is not later.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// `1 caller`, `2 callers`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

pub fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// To the minute: `2026-11-22 08:02 UTC`.
pub fn utc_minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `08:02 UTC`, with the date where it is not within the day before `now`.
pub fn clock(at: Timestamp, now: Timestamp) -> String {
    let today = at > before(now, Duration::from_secs(86_400)) && at <= now;
    if today { at.strftime("%H:%M UTC").to_string() } else { utc_minute(at) }
}

pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// `InvalidRequestException of CreateToken`.
pub fn concern_name(concern: &Concern) -> Option<String> {
    match concern {
        Concern::Service => None,
        Concern::Admin { name, .. } | Concern::Request { name, operation: None, .. } => Some(shown(name)),
        Concern::Request { name, operation: Some(operation), .. } => Some(format!("{} of {operation}", shown(name))),
    }
}

pub fn shown(text: &str) -> String {
    one_line(&unlinked(text), SHOWN_NAME_MAX)
}

/// It begins with a letter, as SNS wants it, because all of ours do.
pub fn printable(subject: &str) -> String {
    let mut subject: String = subject.chars().filter(|c| matches!(c, ' '..='~')).collect();
    if subject.len() > SUBJECT_MAX {
        subject.truncate(SUBJECT_MAX - CUT.len());
        subject.push_str(CUT);
    }
    subject
}

/// SNS refuses a subject of 100 characters or more, and one that is not printable ASCII.
pub const SUBJECT_MAX: usize = 99;

/// What marks a subject that was cut.
const CUT: &str = "...";

/// What the subject of a `resolved` begins with.
pub const RESOLVED: &str = "Resolved: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_said_in_the_units_that_matter() {
        let said = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [1, 59, 60, 119, 3599, 3600, 7500, 86_399, 86_400, 273_600].map(said),
            [
                "1 second",
                "59 seconds",
                "1 minute",
                "1 minute",
                "59 minutes",
                "1 h",
                "2 h 5 min",
                "23 h 59 min",
                "1 d",
                "3 d 4 h"
            ]
        );
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let then = at("2026-11-22T08:02:59Z");
        assert_eq!(clock(then, at("2026-11-22T23:00:00Z")), "08:02 UTC");
        assert_eq!(clock(then, at("2026-11-23T08:02:58Z")), "08:02 UTC");
        assert_eq!(clock(then, at("2026-11-23T09:00:00Z")), "2026-11-22 08:02 UTC");
    }
}
