//! Diagnoses, times and lengths of time as people say them.

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::cell::Dimension;
use triage_decide::concern::Concern;
use triage_decide::scope::{Scope, Shared};
use triage_decide::verdict::Diagnosis;
use triage_model::redact::{SHOWN_ARN_MAX, SHOWN_NAME_MAX, one_line, unlinked};
use triage_model::time::before;

/// What is signed in with, as subjects call it.
pub const SIGN_IN: &str = "AWS sign-in (SSO OIDC)";

/// What is the matter, as a subject says it before `in <region>`.
pub fn trouble(diagnosis: Diagnosis) -> String {
    format!("{} {SIGN_IN}", trouble_with(diagnosis))
}

/// What is the matter, as it is said before what is signed in with.
const fn trouble_with(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Outage => "outage of",
        Diagnosis::Degraded => "degraded",
        Diagnosis::Misconfigured => "misconfigured",
        Diagnosis::Suspected => "suspected outage of",
        Diagnosis::OneTool => "failing tool at",
        Diagnosis::OneNetwork => "failing network at",
        Diagnosis::OneApplication => "failing application at",
        Diagnosis::Throttling => "throttling of",
        Diagnosis::OneCaller => "one caller fails at",
        Diagnosis::Blind => "no view of",
        Diagnosis::Late => "late news of failures of",
        Diagnosis::AwsHealth => "AWS Health tells of an issue of",
        Diagnosis::Unbelieved => "events not believed about",
        Diagnosis::Isolated => "single failures of",
        Diagnosis::Transient => "passing failures of",
        Diagnosis::Quiet => "no failure of",
    }
}

/// What is the matter with what is limited to a scope: `outage of AWS sign-in (StartDeviceAuthorization)`, `failing tool
/// acme-login 3.0 at AWS sign-in (SSO OIDC)`.
pub fn trouble_in(diagnosis: Diagnosis, scope: &Scope) -> String {
    match (diagnosis, &scope.shared) {
        (Diagnosis::OneTool | Diagnosis::OneNetwork | Diagnosis::OneApplication, Some(shared)) => {
            format!("failing {} at {SIGN_IN}", shared_in_short(shared))
        }
        (_, Some(shared)) => format!("{} AWS sign-in ({})", trouble_with(diagnosis), shared_in_short(shared)),
        (_, None) => match operations_in_words(scope, OPERATIONS_IN_SHORT) {
            Some(operations) => format!("{} AWS sign-in ({operations})", trouble_with(diagnosis)),
            None => trouble(diagnosis),
        },
    }
}

/// What a diagnosis is called within a sentence.
pub const fn called(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Outage => "an outage",
        Diagnosis::Degraded => "degraded",
        Diagnosis::Misconfigured => "misconfigured",
        Diagnosis::Suspected => "a suspected outage",
        Diagnosis::OneTool => "one tool's failures",
        Diagnosis::OneNetwork => "one network's failures",
        Diagnosis::OneApplication => "one application's failures",
        Diagnosis::Throttling => "throttling",
        Diagnosis::OneCaller => "one caller's failures",
        Diagnosis::Blind => "out of our sight",
        Diagnosis::Late => "late news",
        Diagnosis::AwsHealth => "an issue of AWS Health",
        Diagnosis::Unbelieved => "events that are not believed",
        Diagnosis::Isolated => "single failures",
        Diagnosis::Transient => "passing failures",
        Diagnosis::Quiet => "quiet",
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

/// As programs know it: `acme-login/3.0`, `192.0.2.7`, an ARN.
pub fn name_of(shared: &Shared) -> String {
    one_line(&unlinked(&shared.name), SHOWN_ARN_MAX)
}

/// As people call it: `tool acme-login 3.0`, `network 192.0.2.7`, `application apl-1`.
fn as_called(shared: &Shared) -> String {
    let name = name_of(shared);
    match shared.dimension {
        // What tells one ARN from another stands at its end.
        Dimension::Application => format!("application {}", name.rsplit('/').next().unwrap_or_default()),
        Dimension::Tool | Dimension::Product => format!("tool {}", name.replacen('/', " ", 1)),
        Dimension::Network => format!("network {name}"),
    }
}

/// `the tool acme-login 3.0`, as it is said within a sentence.
pub fn of_shared(shared: &Shared) -> String {
    format!("the {}", as_called(shared))
}

/// `signing in with the tool acme-login 3.0`, `signing in from the network 192.0.2.7`.
pub fn signing_in_by(shared: &Shared) -> String {
    let how = match shared.dimension {
        Dimension::Application => "to",
        Dimension::Tool | Dimension::Product => "with",
        Dimension::Network => "from",
    };
    format!("signing in {how} {}", of_shared(shared))
}

/// `signing in through IAM Identity Center (StartDeviceAuthorization)`.
pub fn signing_in(scope: &Scope) -> String {
    format!("signing in through IAM Identity Center{}", in_brackets(scope))
}

/// ` (StartDeviceAuthorization)`, ` (the application apl-1)`; nothing where nothing limits it.
pub fn in_brackets(scope: &Scope) -> String {
    let shared = scope.shared.as_ref().map(of_shared);
    let limits = shared.or_else(|| operations_in_words(scope, usize::MAX));
    limits.map(|limits| format!(" ({limits})")).unwrap_or_default()
}

/// No longer than a subject bears.
fn shared_in_short(shared: &Shared) -> String {
    let called = printable_only(&as_called(shared));
    if called.len() > SHARED_IN_SHORT {
        return format!("{}{CUT}", &called[..SHARED_IN_SHORT - CUT.len()]);
    }
    called
}

/// `StartDeviceAuthorization`, `CreateToken with refresh_token`; how many they are where their names are longer than that.
/// None where it is not limited to some.
fn operations_in_words(scope: &Scope, most: usize) -> Option<String> {
    let operations = scope.operations.as_ref().filter(|operations| !operations.is_empty())?;
    let names: Vec<&str> = operations.iter().map(|operation| operation.as_str()).collect();
    let with = scope.grant.map(|grant| format!(" with {}", grant.as_str())).unwrap_or_default();
    let words = format!("{}{with}", names.join(" and "));
    let is_long = words.len() > most && names.len() > 1;
    Some(if is_long { counted(names.len(), "operation") } else { words })
}

pub fn shown(text: &str) -> String {
    one_line(&unlinked(text), SHOWN_NAME_MAX)
}

/// It begins with a letter, as SNS wants it, because all of ours do.
pub fn printable(subject: &str) -> String {
    let mut subject = printable_only(subject);
    if subject.len() > SUBJECT_MAX {
        subject.truncate(SUBJECT_MAX - CUT.len());
        subject.push_str(CUT);
    }
    subject
}

fn printable_only(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~')).collect()
}

/// SNS refuses a subject of 100 characters or more, and one that is not printable ASCII.
pub const SUBJECT_MAX: usize = 99;

/// The names of a tool, network or application, and those of operations, leave a subject room for the rest.
const SHARED_IN_SHORT: usize = 36;
const OPERATIONS_IN_SHORT: usize = 32;

/// What marks a subject that was cut.
const CUT: &str = "...";

/// What the subject of a `resolved` begins with: where its end is proved, and where nothing but silence speaks for it.
pub const RESOLVED: &str = "Resolved: ";
pub const QUIET: &str = "Quiet, not confirmed: ";

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
