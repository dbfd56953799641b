//! Diagnoses, times and lengths of time as people say them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::cell::Dimension;
use triage_decide::concern::Concern;
use triage_decide::scope::{Scope, Shared, shown_name};
use triage_decide::verdict::Diagnosis;
use triage_model::redact::{SHOWN_NAME_MAX, one_line, unlinked};
use triage_model::time::before;

/// `12%`, `3.5 times`. 1 is all of it.
pub fn part_in_short(cost: f64) -> String {
    match cost {
        _ if cost <= 0.0 => "nothing".to_owned(),
        _ if cost < 0.01 => "less than 1%".to_owned(),
        _ if cost < 0.995 => format!("{:.0}%", cost * 100.0),
        _ if cost < 1.05 => "all".to_owned(),
        _ if cost < 9.95 => format!("{} times", (cost * 10.0).round() / 10.0),
        _ => format!("{cost:.0} times"),
    }
}

/// `12% of the error budget of 30 days`, `3.5 times the error budget of 30 days`. 1 is all of it.
pub fn of_budget(cost: f64) -> String {
    let part = part_in_short(cost);
    let of = if part.ends_with("times") { "" } else { " of" };
    format!("{part}{of} the error budget of 30 days")
}

/// `99.91`: a share in percent, rounded down, for what is not all is not 100.
pub fn percent_of(share: f64) -> String {
    format!("{:.2}", (share * 1e4).floor() / 1e2)
}

/// What fails, as titles call it.
pub const SIGN_IN: &str = "AWS sign-in";

/// `outage of AWS sign-in`, as a sentence calls it.
pub fn trouble(diagnosis: Diagnosis) -> String {
    let of = match diagnosis {
        Diagnosis::Outage => "outage of",
        Diagnosis::Degraded => "degraded",
        Diagnosis::Misconfigured => "misconfigured",
        Diagnosis::Suspected => "suspected outage of",
        Diagnosis::OneTool => "one tool fails at",
        Diagnosis::OneNetwork => "one network fails at",
        Diagnosis::OneApplication => "one application fails at",
        Diagnosis::OneAccount => "one account fails at",
        Diagnosis::Throttling => "throttling of",
        Diagnosis::OneCaller => "one caller fails at",
        Diagnosis::Blind => "no monitoring of",
        Diagnosis::Late => "late events about",
        Diagnosis::AwsHealth => "AWS Health issue about",
        Diagnosis::Unbelieved => "untrusted events about",
        Diagnosis::Isolated => "single failures of",
        Diagnosis::Transient => "failures that passed, of",
        Diagnosis::Quiet => "no failure of",
    };
    format!("{of} {SIGN_IN}")
}

/// What a diagnosis is called within a sentence.
pub const fn called(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Outage => "an outage",
        Diagnosis::Degraded => "degraded",
        Diagnosis::Misconfigured => "misconfigured",
        Diagnosis::Suspected => "a suspected outage",
        Diagnosis::OneTool => "a failing tool",
        Diagnosis::OneNetwork => "a failing network",
        Diagnosis::OneApplication => "a failing application",
        Diagnosis::OneAccount => "a failing account",
        Diagnosis::Throttling => "throttling",
        Diagnosis::OneCaller => "one failing caller",
        Diagnosis::Blind => "not monitored",
        Diagnosis::Late => "late events",
        Diagnosis::AwsHealth => "an AWS Health issue",
        Diagnosis::Unbelieved => "untrusted events",
        Diagnosis::Isolated => "single failures",
        Diagnosis::Transient => "failures that passed",
        Diagnosis::Quiet => "quiet",
    }
}

/// To the nearest minute: `42 minutes`, or shorter where it is longer: `2 h 5 min`, `3 d 4 h`, `1 d`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let minutes = (seconds + 30) / 60;
    match (seconds / 60, minutes / 60, minutes / (24 * 60)) {
        (0, ..) => counted(seconds as usize, "second"),
        (_, 0, _) => counted(minutes as usize, "minute"),
        (_, hours, 0) if minutes.is_multiple_of(60) => format!("{hours} h"),
        (_, hours, 0) => format!("{hours} h {} min", minutes % 60),
        (_, hours, days) if hours.is_multiple_of(24) => format!("{days} d"),
        (_, hours, days) => format!("{days} d {} h", hours % 24),
    }
}

/// From one time to a later one; nothing if it is not later.
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
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

/// Times as a notice says them: in UTC, and in the company's time zone where there is one.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'a> {
    pub now: Timestamp,
    pub zone: Option<&'a TimeZone>,
}

impl<'a> Clock<'a> {
    /// All of whose times have their date: for what is read long afterwards.
    pub const fn with_dates(zone: Option<&'a TimeZone>) -> Self {
        Self { now: Timestamp::MAX, zone }
    }

    /// `08:02 UTC`, `08:02 UTC (09:02 CET)`; with the date where it is not within the day before `now`.
    pub fn time(&self, at: Timestamp) -> String {
        let today = at > before(self.now, Duration::from_secs(86_400)) && at <= self.now;
        let (utc, local) = if today { ("%H:%M UTC", "%H:%M %Z") } else { ("%Y-%m-%d %H:%M UTC", "%Y-%m-%d %H:%M %Z") };
        in_both(at, self.zone, utc, local)
    }
}

/// To the second: `2026-11-22 08:02:03 UTC`, with the time in the zone in brackets.
pub fn in_zone(at: Timestamp, zone: Option<&TimeZone>) -> String {
    in_both(at, zone, "%Y-%m-%d %H:%M:%S UTC", "%H:%M:%S %Z")
}

fn in_both(at: Timestamp, zone: Option<&TimeZone>, utc: &str, local: &str) -> String {
    let in_utc = at.strftime(utc).to_string();
    match zone.filter(|zone| **zone != TimeZone::UTC) {
        Some(zone) => format!("{in_utc} ({})", at.to_zoned(zone.clone()).strftime(local)),
        None => in_utc,
    }
}

pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// `InvalidRequestException of CreateToken`; None where its name is not to be said.
pub fn concern_name(concern: &Concern) -> Option<String> {
    match concern {
        Concern::Admin { name, .. } | Concern::Request { name, .. } if name.is_empty() => None,
        Concern::Service => None,
        Concern::Admin { name, .. } | Concern::Request { name, operation: None, .. } => Some(shown(name)),
        Concern::Request { name, operation: Some(operation), .. } => Some(format!("{} of {operation}", shown(name))),
    }
}

/// As programs know it: `acme-login/3.0`, `192.0.2.7`, an ARN.
pub fn name_of(shared: &Shared) -> String {
    shown_name(&shared.name)
}

/// As people call it: `tool acme-login 3.0`, `network 192.0.2.7`, `application apl-1`; `one network` where its name is not to
/// be said.
fn as_called(shared: &Shared) -> String {
    let name = name_of(shared);
    match shared.dimension {
        Dimension::Application if name.is_empty() => "one application".to_owned(),
        Dimension::Tool | Dimension::Product if name.is_empty() => "one tool".to_owned(),
        Dimension::Network if name.is_empty() => "one network".to_owned(),
        Dimension::Account if name.is_empty() => "one account".to_owned(),
        // What distinguishes one ARN from another stands at its end.
        Dimension::Application => format!("application {}", name.rsplit('/').next().unwrap_or_default()),
        Dimension::Tool | Dimension::Product => format!("tool {}", name.replacen('/', " ", 1)),
        Dimension::Network => format!("network {name}"),
        Dimension::Account => format!("account {name}"),
    }
}

/// `the tool acme-login 3.0`, as it is said within a sentence.
pub fn of_shared(shared: &Shared) -> String {
    let article = if shared.name.is_empty() { "" } else { "the " };
    format!("{article}{}", as_called(shared))
}

/// `signing in with the tool acme-login 3.0`, `signing in from the network 192.0.2.7`.
pub fn signing_in_by(shared: &Shared) -> String {
    let how = match shared.dimension {
        Dimension::Application => "to",
        Dimension::Tool | Dimension::Product => "with",
        Dimension::Network | Dimension::Account => "from",
    };
    format!("signing in {how} {}", of_shared(shared))
}

/// ` (StartDeviceAuthorization)`, ` (application apl-1)`; nothing where nothing limits it.
pub fn in_brackets(scope: &Scope) -> String {
    let limits = scope.shared.as_ref().map(as_called).or_else(|| operations_up_to(scope, usize::MAX));
    limits.map(|limits| format!(" ({limits})")).unwrap_or_default()
}

/// No longer than a subject bears.
pub fn shared_in_short(shared: &Shared) -> String {
    let called = printable_only(&as_called(shared));
    if called.len() > SHARED_IN_SHORT {
        return format!("{}{CUT}", &called[..SHARED_IN_SHORT - CUT.len()]);
    }
    called
}

/// No longer than a subject bears.
pub fn operations_in_words(scope: &Scope) -> Option<String> {
    operations_up_to(scope, OPERATIONS_IN_SHORT)
}

/// `StartDeviceAuthorization`, `CreateToken with refresh_token`; how many they are where their names are longer than that.
/// None where it is not limited to some.
fn operations_up_to(scope: &Scope, most: usize) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_budget_is_said_as_people_say_it() {
        let said = |cost| of_budget(cost).replace("the error budget of 30 days", "it");
        assert_eq!(
            [0.0, 0.0001, 0.0099, 0.01, 0.124, 0.994, 0.996, 1.0, 1.06, 2.96, 12.4].map(said),
            [
                "nothing of it",
                "less than 1% of it",
                "less than 1% of it",
                "1% of it",
                "12% of it",
                "99% of it",
                "all of it",
                "all of it",
                "1.1 times it",
                "3 times it",
                "12 times it"
            ]
        );
        assert_eq!(
            [0.0, 0.002, 0.12, 1.0, 3.5].map(part_in_short),
            ["nothing", "less than 1%", "12%", "all", "3.5 times"]
        );
    }

    #[test]
    fn a_length_of_time_is_said_in_the_units_that_matter() {
        let said = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [1, 59, 60, 119, 3599, 3600, 7500, 86_399, 86_400, 273_600].map(said),
            ["1 second", "59 seconds", "1 minute", "2 minutes", "1 h", "1 h", "2 h 5 min", "1 d", "1 d", "3 d 4 h"]
        );
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let said = |now| Clock { now: at(now), zone: None }.time(at("2026-11-22T08:02:59Z"));
        assert_eq!(said("2026-11-22T23:00:00Z"), "08:02 UTC");
        assert_eq!(said("2026-11-23T08:02:58Z"), "08:02 UTC");
        assert_eq!(said("2026-11-23T09:00:00Z"), "2026-11-22 08:02 UTC");
    }

    #[test]
    fn a_time_is_said_in_utc_and_in_the_company_s_zone() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let clock = Clock { now: at("2026-11-22T23:00:00Z"), zone: Some(&zone) };
        assert_eq!(clock.time(at("2026-11-22T08:02:59Z")), "08:02 UTC (09:02 CET)");
        assert_eq!(clock.time(at("2026-07-22T22:30:00Z")), "2026-07-22 22:30 UTC (2026-07-23 00:30 CEST)");
        assert_eq!(in_zone(at("2026-11-22T08:02:59Z"), Some(&zone)), "2026-11-22 08:02:59 UTC (09:02:59 CET)");
        assert_eq!(in_zone(at("2026-11-22T08:02:59Z"), Some(&TimeZone::UTC)), "2026-11-22 08:02:59 UTC");
    }
}
