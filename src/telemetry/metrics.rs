//! The metrics of one invocation, as one line in CloudWatch's embedded metric format.
//!
//! In: what became of an invocation, and the facts about it. Out: a [`MetricsLine`], from which CloudWatch makes metrics
//! without being called. Pure. Nothing can be emitted that is not in [`METRICS`].
//!
//! Cost rests on three rules. A metric is a name with one value of the one dimension, `Region`, which is Identity Center's
//! and the same for the whole stack; whatever else tells invocations apart is a property, which costs nothing. Most counts
//! are emitted only where there is something to count, because a metric is paid for by the hours in which it has data. And
//! an ordinary tick emits six, and three more where served calls are seen: CloudWatch's free tier has ten custom metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tracing::Level;
use triage_decide::objective::Objective;
use triage_decide::probe::{ProbeAnswer, StepState};
use triage_decide::verdict::Evaluation;
use triage_decode::batch::InputKind;
use triage_engine::answer::{Action, Counts, FailureReport, IncidentState, Outcome};
use triage_engine::handled::Handled;
use triage_model::problem::{ProblemName, Problems};
use triage_model::region::Region;
use triage_notify::pager::NAMESPACE;

use crate::telemetry::line::{InvocationFacts, rfc_3339};

/// The format's own limit for the values of one metric.
const VALUES_MAX: usize = 100;

/// One kind of thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub unit: Unit,
    pub meaning: &'static str,
}

/// The units of CloudWatch's that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    Count,
    Milliseconds,
    Percent,
    Seconds,
}

impl Unit {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Percent => "Percent",
            Self::Seconds => "Seconds",
        }
    }
}

/// The names as an enum and the table of them, from one list.
macro_rules! metrics {
    ($($name:ident $unit:ident $meaning:literal)*) => {
        /// A metric of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub enum Name {
            $($name,)*
        }

        /// Every metric there is. docs/operate.md shows it, and a test holds it to that.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: stringify!($name), unit: Unit::$unit, meaning: $meaning },)*];
    };
}

metrics! {
    FailuresExpected Count "new failures that are expected: a sign-in that waits for its user"
    FailuresRequest Count "new failures by the caller's mistake, or an expired session"
    FailuresAdmin Count "new failures by your own key or policy"
    FailuresThrottled Count "new failures by throttling"
    FailuresService Count "new failures of the service"
    FailuresUnreachable Count "new failures without any answer"
    FailuresUnrecognised Count "new failures with an unknown code"
    CallersHit Count "affected callers, in the region that has the most of them"
    IncidentsOpen Count "open incidents of the evaluated regions; only ticks write 0"
    RetriesTried Count "handed-over calls that were retried"
    RetriesCured Count "those of them that worked"
    ProbesHealthy Count "probes in which every step was healthy"
    ProbesDown Count "probes in which the service failed, or was silent while another region answered"
    ProbesUnexpected Count "probes that were refused in another way than the known one"
    ProbesUnknown Count "probes without a conclusive answer"
    ProbeLatency Milliseconds "the slowest step of each probe"
    NoticesSent Count "notices sent to people"
    WouldBeNotices Count "notices that would have been published, in shadow mode"
    NoticesSilenced Count "notices of open incidents, and advice, that a silence held back from people"
    NoticesFailed Count "publishes that failed, of any channel"
    TestNoticesSent Count "test notices that a channel accepted; they count in no other metric"
    TestNoticesFailed Count "test notices that a channel did not accept"
    NoticesPending Count "notices that wait in the outbox afterwards, for people, a pager or programs; only ticks write 0"
    NoticeAge Seconds "age of the notice that waits longest"
    UndecodableInput Count "problems because of which input, or a part of it, could not be read"
    StoreErrors Count "times that the table was unavailable"
    StatusPageErrors Count "ticks that could not write the status page"
    ObservationAge Seconds "age of the newest call in the input, archives left out"
    DecisionTime Milliseconds "time taken to decide, all regions together"
    CallsWorkedHour Percent "calls of the last hour that worked, all regions together; only ticks write it, where served calls are seen"
    CallsWorkedDay Percent "the same of the last day"
    CallsWorkedMonth Percent "the same of the last 30 days"
    Ticks Count "ticks that were handled; a late one is not"
}

impl Name {
    pub fn metric(self) -> &'static Metric {
        &METRICS[self as usize]
    }
}

/// One document of the embedded metric format.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsLine<'a> {
    timestamp: String,
    level: &'static str,
    request_id: &'a str,
    kind: InputKind,
    /// Those that were evaluated or probed.
    regions: BTreeSet<&'a Region>,
    #[serde(rename = "Region")]
    region: &'a Region,
    #[serde(flatten)]
    values: BTreeMap<Name, Value>,
    #[serde(rename = "_aws")]
    metadata: Metadata,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// In milliseconds since 1970.
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: Vec<Definition>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: Name,
    unit: Unit,
}

/// The line of one invocation that ends `now`.
pub fn line<'a>(facts: &InvocationFacts<'a>, handled: &'a Handled, now: Timestamp) -> MetricsLine<'a> {
    let values = values(facts, handled, now);
    let metrics = values.keys().map(|name| Definition { name: *name, unit: name.metric().unit }).collect();
    let directive = Directive { namespace: NAMESPACE, dimensions: [["Region"]], metrics };
    MetricsLine {
        timestamp: rfc_3339(now),
        // Lambda drops what is below the level that is asked for, and takes what has none for INFO.
        level: facts.level.min(Level::INFO).as_str(),
        request_id: facts.request_id,
        kind: handled.kind,
        regions: handled.evaluations.keys().chain(handled.probes.keys()).collect(),
        region: facts.region,
        values,
        metadata: Metadata { timestamp: now.as_millisecond(), cloud_watch_metrics: [directive] },
    }
}

/// What was measured, in the order of the table.
fn values(facts: &InvocationFacts<'_>, handled: &Handled, now: Timestamp) -> BTreeMap<Name, Value> {
    let measured = &handled.measured;
    let mut values = Values::default();
    values.add_failures(&handled.answer.counts);
    values.add_retries(&handled.answer.failures);
    values.add_problems(&handled.answer.problems);
    values.add_probes(handled.probes.values().filter(|probe| probe.at == facts.began_at));
    values.count_some(
        Name::CallersHit,
        handled
            .evaluations
            .values()
            .flat_map(Evaluation::verdicts)
            .map(|verdict| verdict.callers as u64)
            .max()
            .unwrap_or(0),
    );
    let is_tick = measured.ticks > 0;
    let open = handled.answer.incidents.iter().filter(|incident| incident.state == IncidentState::Open).count() as u64;
    values.count_if(is_tick || open > 0, Name::IncidentsOpen, open);
    values.count_some(Name::NoticesSent, measured.notices_sent);
    values.count_some(Name::WouldBeNotices, measured.would_be_notices);
    values.count_some(Name::NoticesSilenced, measured.notices_silenced);
    values.count_some(Name::NoticesFailed, measured.notices_failed);
    values.count_some(Name::TestNoticesSent, measured.test_notices_sent);
    values.count_some(Name::TestNoticesFailed, measured.test_notices_failed);
    values.count_if(is_tick || measured.notices_pending > 0, Name::NoticesPending, measured.notices_pending);
    values.time_since(Name::NoticeAge, measured.oldest_pending, now);
    // By when it came: the time it took to handle is not part of its age.
    values.time_since(Name::ObservationAge, measured.newest_observation, facts.began_at);
    if !handled.evaluations.is_empty() {
        values.set(Name::DecisionTime, milliseconds(measured.deciding));
    }
    values.add_objective(handled);
    values.count_some(Name::Ticks, measured.ticks);
    values.0
}

#[derive(Default)]
struct Values(BTreeMap<Name, Value>);

impl Values {
    fn set(&mut self, name: Name, value: impl Into<Value>) {
        self.0.insert(name, value.into());
    }

    fn count_if(&mut self, condition: bool, name: Name, count: u64) {
        if condition {
            self.set(name, count);
        }
    }

    /// A count where there is something to count.
    fn count_some(&mut self, name: Name, count: u64) {
        self.count_if(count > 0, name, count);
    }

    /// A time ahead is of a clock that differs from ours, and counts as now.
    fn time_since(&mut self, name: Name, time: Option<Timestamp>, now: Timestamp) {
        if let Some(time) = time {
            self.set(name, now.duration_since(time).as_secs_f64().max(0.0));
        }
    }

    fn add_failures(&mut self, counts: &Counts) {
        let Counts {
            expected,
            request,
            admin,
            throttled,
            service,
            unreachable,
            unrecognised,
            duplicate: _,
            success: _,
            own: _,
        } = *counts;
        self.count_some(Name::FailuresExpected, expected);
        self.count_some(Name::FailuresRequest, request);
        self.count_some(Name::FailuresAdmin, admin);
        self.count_some(Name::FailuresThrottled, throttled);
        self.count_some(Name::FailuresService, service);
        self.count_some(Name::FailuresUnreachable, unreachable);
        self.count_some(Name::FailuresUnrecognised, unrecognised);
    }

    fn add_retries(&mut self, failures: &[FailureReport]) {
        let tried = || failures.iter().filter(|failure| failure.action == Action::Retried);
        let cured = tried().filter(|failure| failure.outcome == Some(Outcome::Recovered)).count();
        self.count_some(Name::RetriesTried, tried().count() as u64);
        self.count_some(Name::RetriesCured, cured as u64);
    }

    fn add_problems(&mut self, problems: &Problems) {
        let undecodable = problems.iter().filter(|(name, ..)| name.is_undecodable()).map(|(_, count, _)| count);
        self.count_some(Name::UndecodableInput, undecodable.sum());
        self.count_some(Name::StoreErrors, problems.count(ProblemName::StoreUnavailable));
        self.count_some(Name::StatusPageErrors, problems.count(ProblemName::StatusPageNotWritten));
    }

    /// The calls of all regions together: people sign in to one company, and a region with few calls would be at 0 % for
    /// one of them. Where a region could not be read there is none.
    fn add_objective(&mut self, handled: &Handled) {
        let problems = &handled.answer.problems;
        let is_whole =
            [ProblemName::StoreUnavailable, ProblemName::Deadline].map(|name| problems.count(name)) == [0, 0];
        let Some(Objective { windows, .. }) = Objective::together(handled.objectives.values()).filter(|_| is_whole)
        else {
            return;
        };
        let names = [Name::CallsWorkedHour, Name::CallsWorkedDay, Name::CallsWorkedMonth];
        for (name, window) in names.into_iter().zip(windows.all()) {
            if let Some(share) = window.calls.share() {
                self.set(name, share * 100.0);
            }
        }
    }

    fn add_probes<'a>(&mut self, probes: impl Iterator<Item = &'a ProbeAnswer>) {
        let mut answers: BTreeMap<Name, u64> = BTreeMap::new();
        let mut latencies = Vec::new();
        for probe in probes {
            *answers.entry(answered(probe.worst())).or_default() += 1;
            latencies.extend(probe.steps.iter().map(|step| step.latency).max());
        }
        for (name, count) in answers {
            self.set(name, count);
        }
        let latencies: Vec<f64> = latencies.into_iter().take(VALUES_MAX).map(milliseconds).collect();
        match latencies[..] {
            [] => {}
            [latency] => self.set(Name::ProbeLatency, latency),
            [..] => self.set(Name::ProbeLatency, latencies),
        }
    }
}

const fn answered(answer: StepState) -> Name {
    match answer {
        StepState::Healthy => Name::ProbesHealthy,
        StepState::Unknown => Name::ProbesUnknown,
        StepState::Unexpected => Name::ProbesUnexpected,
        StepState::Down => Name::ProbesDown,
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
