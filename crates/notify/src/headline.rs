//! The title, the subject and the first two lines of a notice: they decide whether anybody reads on.
//!
//! In: an incident or an advice, and the verdict. Out: the title that a paging service shows (`AWS sign-in OUTAGE eu-central-1 -
//! 20 of 62 people`), line 1 (what is wrong, where, for how many of how many) and line 2 (whose fault it looks like, and what
//! is not known).

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::cell::Dimension;
use triage_decide::concern::Concern;
use triage_decide::ledger::Incident;
use triage_decide::probe::StepState;
use triage_decide::scope::Shared;
use triage_decide::verdict::{Advised, Diagnosis, Recovery, Verdict};
use triage_model::region::Region;

use crate::key::KeyState;
use crate::notice::Impact;
use crate::words::{
    Clock, SIGN_IN, SUBJECT_MAX, concern_name, counted, in_brackets, listed, of_shared, operations_in_words, printable,
    shared_in_short, span,
};

/// What a title calls a diagnosis.
pub const fn name(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Outage => "OUTAGE",
        Diagnosis::Degraded => "DEGRADED",
        Diagnosis::Misconfigured => "MISCONFIGURED",
        Diagnosis::Suspected => "SUSPECTED OUTAGE",
        Diagnosis::OneTool => "TOOL FAILS",
        Diagnosis::OneNetwork => "NETWORK FAILS",
        Diagnosis::OneApplication => "APPLICATION FAILS",
        Diagnosis::OneAccount => "ACCOUNT FAILS",
        Diagnosis::Throttling => "THROTTLED",
        Diagnosis::OneCaller => "ONE CALLER FAILS",
        Diagnosis::Blind => "NOT PROBED",
        Diagnosis::Late => "LATE EVENTS",
        Diagnosis::AwsHealth => "HEALTH ISSUE",
        Diagnosis::Unbelieved => "UNTRUSTED EVENTS",
        Diagnosis::Isolated => "SINGLE FAILURES",
        Diagnosis::Transient => "FAILURES THAT PASSED",
        Diagnosis::Quiet => "QUIET",
    }
}

/// `AWS sign-in OUTAGE (StartDeviceAuthorization) eu-central-1 - 20 of 62 people`.
pub fn title(incident: &Incident, impact: &Impact) -> String {
    let whom = if impact.callers == 0 { "a probe fails".to_owned() } else { impact.head_count() };
    fitted(incident, &whom, SUBJECT_MAX - LONGEST_OPEN.len())
}

/// The same with how long it lasted, for what is over.
pub fn title_of_past(incident: &Incident, impact: &Impact) -> String {
    let lasted = span(incident.lasted());
    let whom = if impact.callers == 0 { String::new() } else { format!("{}, ", impact.head_count()) };
    fitted(incident, &format!("{whom}{lasted}"), SUBJECT_MAX - QUIET.len())
}

/// `AWS sign-in OUTAGE (StartDeviceAuthorization) eu-central-1 - 20 of 62 people`. Where that is too long, the scope gives way:
/// the head-count is never cut.
fn fitted(incident: &Incident, whom: &str, most: usize) -> String {
    let what = name(incident.diagnosis);
    let scope = scope_in_short(incident).unwrap_or_default();
    let place = places_in_short(incident);
    let with = |scope: &str| format!("{SIGN_IN} {what}{scope} {place} - {whom}");
    let room = most.saturating_sub(printable(&with("")).len() + " ()".len());
    let scope = match scope.len() {
        0 => String::new(),
        _ if room < SCOPE_MIN => String::new(),
        length if length <= room => format!(" ({scope})"),
        _ => format!(" ({}...)", &scope[..scope.floor_char_boundary(room - "...".len())]),
    };
    printable(&with(&scope))
}

/// The regions in which it fails, or did: `eu-central-1`, `eu-central-1 and us-east-1`.
pub fn places(incident: &Incident) -> String {
    let regions: Vec<&str> = incident.among.regions.iter().map(Region::as_str).collect();
    if regions.is_empty() { incident.region.to_string() } else { listed(&regions) }
}

/// No longer than a subject bears.
fn places_in_short(incident: &Incident) -> String {
    match incident.among.regions.len() {
        0..=2 => places(incident),
        count => counted(count, "region"),
    }
}

fn scope_in_short(incident: &Incident) -> Option<String> {
    let scope = &incident.scope;
    let shared = scope.shared.as_ref().filter(|shared| !shared.name.is_empty()).map(|shared| {
        let called = shared_in_short(shared);
        // What it is stands in the diagnosis.
        match incident.diagnosis {
            Diagnosis::OneTool | Diagnosis::OneNetwork | Diagnosis::OneApplication | Diagnosis::OneAccount => {
                called.split_once(' ').map_or(called.clone(), |(_, name)| name.to_owned())
            }
            _ => called,
        }
    });
    shared.or_else(|| operations_in_words(scope)).map(|limit| limit.chars().filter(char::is_ascii).collect())
}

/// What subjects put before a title: room is left for it.
pub const RESOLVED: &str = "Resolved: ";
pub const QUIET: &str = "Quiet, not confirmed: ";
const LONGEST_OPEN: &str = "No calls now: ";

/// Less of a scope says nothing.
const SCOPE_MIN: usize = 12;

/// Whether calls fail at the moment, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    Present,
    Past,
}

impl Tense {
    const fn of(self, present: &'static str, past: &'static str) -> &'static str {
        match self {
            Self::Present => present,
            Self::Past => past,
        }
    }
}

/// What is wrong, where, for how many of how many.
pub fn what(incident: &Incident, impact: &Impact, tense: Tense) -> String {
    let whom = impact.head_count();
    let with = concern_name(&incident.concern).map(|name| format!(" with {name}")).unwrap_or_default();
    let place = format!("{}{} in {}", name(incident.diagnosis), in_brackets(&incident.scope), places(incident));
    let (cannot, are) = (tense.of("cannot", "could not"), tense.of(are(impact), were(impact)));
    let said = match (incident.diagnosis, &incident.concern) {
        _ if impact.callers == 0 => format!("a probe {}; no caller has failed yet", tense.of("fails", "failed")),
        (Diagnosis::Misconfigured, Concern::Admin { name, key: true, .. }) => {
            format!("your KMS key {}; {whom} {are} refused", KeyState::of(name).in_words())
        }
        (_, Concern::Admin { .. } | Concern::Request { .. }) => format!("{whom} {are} refused{with}"),
        (_, Concern::Service) => format!("{whom} {cannot} sign in"),
    };
    format!("{SIGN_IN} {place}: {said}.")
}

fn are(impact: &Impact) -> &'static str {
    if impact.callers == 1 { "is" } else { "are" }
}

fn were(impact: &Impact) -> &'static str {
    if impact.callers == 1 { "was" } else { "were" }
}

/// Whose fault it looks like, and what is not known.
pub fn fault(incident: &Incident, verdict: &Verdict) -> String {
    match (&incident.scope.shared, &incident.concern) {
        (_, Concern::Admin { key: true, .. }) => "Looks like your own KMS key, not AWS.".to_owned(),
        (Some(shared), Concern::Admin { .. }) => {
            format!("Looks like your own settings of {}, not AWS: others are served.", of_shared(shared))
        }
        (None, Concern::Admin { .. }) => "Looks like your own policy or assignments, not AWS.".to_owned(),
        (Some(shared), Concern::Service | Concern::Request { .. }) => {
            let others = match shared.dimension {
                Dimension::Tool | Dimension::Product => "callers with other tools are served",
                Dimension::Network => "callers elsewhere are served",
                Dimension::Application => "other applications are served",
                Dimension::Account => "other accounts are served",
            };
            format!("Looks like {}, not AWS: {others}.", of_shared(shared))
        }
        (None, Concern::Request { .. }) => format!(
            "Looks like AWS: so many callers cannot all have made the same mistake. Not known: whether you rolled out a \
             change yourselves.{}",
            probed(verdict).map(|probe| format!(" {probe}")).unwrap_or_default()
        ),
        (None, Concern::Service) => of_the_service(verdict),
    }
}

fn of_the_service(verdict: &Verdict) -> String {
    if verdict.health {
        let probe = probed(verdict).map(|probe| format!(" {probe}")).unwrap_or_default();
        return format!("It is AWS: AWS Health has an open issue about it.{probe}");
    }
    match verdict.probe {
        Some(StepState::Down) => "Looks like AWS: a probe of the service fails too.".to_owned(),
        Some(StepState::Healthy) => {
            "Not clear whose fault: a probe works, so only some calls fail, or it is your own network.".to_owned()
        }
        Some(StepState::Unexpected | StepState::Unknown) | None => {
            let unknown = match verdict.probe {
                Some(StepState::Unexpected) => "the probe got an unexpected answer",
                Some(StepState::Unknown) => "the probe got no clear answer",
                Some(StepState::Down | StepState::Healthy) | None => "the service was not probed",
            };
            if verdict.is_mostly_unanswered() {
                format!("Not clear whose fault: most calls got no answer, which may be your own network; {unknown}.")
            } else {
                format!("Looks like AWS, not you. Not confirmed: {unknown}.")
            }
        }
    }
}

fn probed(verdict: &Verdict) -> Option<&'static str> {
    match verdict.probe? {
        StepState::Down => Some("A probe of the service fails too."),
        StepState::Healthy => Some("A probe of the service works."),
        StepState::Unexpected | StepState::Unknown => None,
    }
}

/// From when to when, for how long, how many people and calls.
pub fn over(incident: &Incident, impact: &Impact, recovery: &Recovery, clock: Clock<'_>) -> String {
    let begin = if recovery.proved { "RESOLVED" } else { "QUIET, NOT CONFIRMED" };
    let (from, to) = (incident.began(), incident.ended());
    let whom = match impact.callers {
        0 => "no caller was affected".to_owned(),
        _ => format!("{} could not sign in", impact.head_count()),
    };
    let calls = match impact.failures {
        0 => String::new(),
        calls => format!(", {} failed", counted(calls, "call")),
    };
    format!(
        "{begin}: {SIGN_IN} {}{} in {} from {} to {} ({}): {whom}{calls}.",
        name(incident.diagnosis),
        in_brackets(&incident.scope),
        places(incident),
        clock.time(from),
        clock.time(to),
        how_long(incident),
    )
}

/// `25 minutes`; of one that was reopened, what that leaves out.
fn how_long(incident: &Incident) -> String {
    let lasted = span(incident.lasted());
    match incident.earlier.over_for {
        Duration::ZERO => lasted,
        between => format!("{lasted}, without the {} when it was over", span(between)),
    }
}

/// The cause, the worst state, and how it is known that it is over.
pub fn how_it_ended(incident: &Incident, recovery: &Recovery, clock: Clock<'_>) -> String {
    let cause = cause(incident);
    let worst = name(incident.diagnosis).to_lowercase();
    match (recovery.proved, incident.resolved_at) {
        (true, Some(over)) => {
            format!("Cause: {cause}. Worst state: {worst}. Recovery confirmed at {}.", clock.time(over))
        }
        (true, None) => format!("Cause: {cause}. Worst state: {worst}. Recovery confirmed."),
        (false, _) => {
            format!("Cause: {cause}. Worst state: {worst}. No failed call since, and nothing confirms the recovery.")
        }
    }
}

/// What the evidence of the whole incident says of the cause.
fn cause(incident: &Incident) -> String {
    let shared = incident.scope.shared.as_ref();
    match (&incident.concern, shared) {
        (Concern::Admin { name, key: true, .. }, _) => {
            format!("your KMS key {} ({})", KeyState::of(name).in_past(), crate::words::shown(name))
        }
        (Concern::Admin { name, .. }, Some(shared)) => {
            format!("your settings of {} ({})", of_shared(shared), crate::words::shown(name))
        }
        (Concern::Admin { name, .. }, None) => {
            format!("your own policy or assignments ({})", crate::words::shown(name))
        }
        (Concern::Service | Concern::Request { .. }, Some(shared)) => of_shared(shared),
        (Concern::Service | Concern::Request { .. }, None) => match (incident.reported_health, incident.probe_failed) {
            (true, _) => "AWS, confirmed by AWS Health".to_owned(),
            (false, true) => "AWS, a probe failed too".to_owned(),
            (false, false) => "probably AWS, not confirmed".to_owned(),
        },
    }
}

/// What is new, behind `Changed: ` or `Reopened: `.
pub fn news(kind: &str, news: &str) -> String {
    format!("{}: {news}.", crate::words::capitalized(kind))
}

/// When it began, and when it was last seen.
pub fn so_far(incident: &Incident, clock: Clock<'_>) -> String {
    let began = clock.time(incident.began());
    match incident.last_failure {
        Some(_) => format!("Started {began}, latest failure {}.", clock.time(incident.ended())),
        None => format!("Started {began}."),
    }
}

/// Calls are served again, which is not enough yet.
pub fn recovering(incident: &Incident, clock: Clock<'_>) -> String {
    let began = clock.time(incident.began());
    format!(
        "Recovering: calls succeed again, none has failed since {}. Not confirmed yet. Started {began}.",
        clock.time(incident.ended())
    )
}

/// Nobody calls, so nothing can be known.
pub fn silent(since: Timestamp, clock: Clock<'_>) -> String {
    format!("Nobody has called since {}, so nothing shows whether it still fails.", clock.time(since))
}

/// The title of an advice notice, with the tool that is to slow down; without its address, because a phone shows titles to
/// anybody.
pub fn title_of_advice(region: &Region, advised: &Advised) -> String {
    let talking = advised.talking.as_ref().and_then(|talking| talking.who.split(" at ").next());
    let tool = talking.map(|tool| format!(" - {}", crate::words::shown(tool))).unwrap_or_default();
    printable(&format!("{SIGN_IN} {} {region}{tool}", name(advised.diagnosis)))
}

/// The first line of an advice notice.
pub fn advice(region: &Region, advised: &Advised) -> String {
    let said = match advised.diagnosis {
        Diagnosis::Throttling => "calls are throttled, or soon will be",
        Diagnosis::OneCaller => "one caller cannot sign in; others can",
        Diagnosis::Blind => "this function can reach neither the service nor another region to compare with",
        Diagnosis::Late => "calls failed more than an hour ago, and their events arrived only now",
        Diagnosis::AwsHealth => "AWS Health reports an issue; no failed call was seen here",
        Diagnosis::Unbelieved => "events arrive from a source or about a region that is not trusted",
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication
        | Diagnosis::OneAccount => "calls fail",
        Diagnosis::Isolated | Diagnosis::Transient | Diagnosis::Quiet => "nothing to do",
    };
    format!("{SIGN_IN} {} in {region}: {said}.", name(advised.diagnosis))
}

/// Whose fault that looks like.
pub fn fault_of_advice(advised: &Advised) -> String {
    let said = match advised.diagnosis {
        Diagnosis::Throttling => "Looks like a tool of yours that calls too often, not AWS.",
        Diagnosis::OneCaller => "Looks like that caller's own set-up, not AWS.",
        Diagnosis::Blind => "Looks like this function's own network. Not known: whether sign-in works.",
        Diagnosis::Late => "Not known: whether sign-in works now. Nobody was paged for events that old.",
        Diagnosis::AwsHealth => "AWS reports it. Not known: whether it will reach you.",
        Diagnosis::Unbelieved => "Looks like a missing setting here, or like someone forging events.",
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication
        | Diagnosis::OneAccount
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => "Not clear whose fault.",
    };
    said.to_owned()
}

/// `the tool acme-login 3.0`, for steps; what they have in common where it has no name.
pub fn shared_in_words(shared: Option<&Shared>) -> String {
    shared.map_or_else(|| "what they have in common".to_owned(), of_shared)
}
