//! Invocations by hand, for tests of log lines and metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tracing::Level;
use triage_decide::probe::{ProbeAnswer, ProbeStep, StepState};
use triage_decide::testing::verdicts::at;
use triage_decide::verdict::Diagnosis;
use triage_decode::batch::InputKind;
use triage_engine::answer::{Counts, IncidentReport, IncidentState};
use triage_engine::handled::{Handled, Measured};
use triage_model::observation::Operation;
use triage_model::problem::Problems;
use triage_model::region::{KnownRegions, Region};
use triage_notify::notice::NamedScope;

use crate::telemetry::InvocationFacts;

/// One that is asked for all that is INFO or worse, and begins at second 0.
pub(super) fn facts(region: &Region) -> InvocationFacts<'_> {
    InvocationFacts {
        request_id: "made-up-request",
        trace_id: None,
        cold_start: false,
        began_at: at(0),
        duration_ms: 1.5,
        region,
        level: Level::INFO,
    }
}

/// An event without content.
pub(super) fn nothing() -> Handled {
    let answer = triage_engine::answer::Answer {
        failures: Vec::new(),
        omitted: 0,
        counts: Counts::default(),
        problems: Problems::default(),
        incidents: Vec::new(),
        notices: Vec::new(),
        batch_item_failures: None,
        test_notice: None,
        silence: None,
        acknowledge: None,
        doctor: None,
    };
    Handled {
        kind: InputKind::CloudTrail,
        answer,
        probes: BTreeMap::new(),
        evaluations: BTreeMap::new(),
        objectives: BTreeMap::new(),
        notices: Vec::new(),
        calls: Vec::new(),
        measured: Measured::default(),
        asks_doctor: false,
        error: None,
    }
}

pub(super) fn region(name: &str) -> Region {
    KnownRegions::with([name]).find(name).unwrap()
}

pub(super) fn incident(region: &Region, state: IncidentState) -> IncidentReport {
    IncidentReport {
        id: "made-up-incident".to_owned(),
        region: region.clone(),
        state,
        diagnosis: Diagnosis::Outage,
        severity: Diagnosis::Outage.severity(),
        scope: NamedScope::default(),
        silenced: None,
        acknowledged: None,
        reasons: Vec::new(),
    }
}

/// A probe of two steps that answered so: the first after 20 ms, the other one after `latency_ms`.
pub(super) fn probe(region: &Region, at: Timestamp, answer: StepState, latency_ms: u64) -> ProbeAnswer {
    let step = |operation, answer, ms| ProbeStep { operation, answer, fault: None, latency: Duration::from_millis(ms) };
    let steps =
        vec![step(Operation::RegisterClient, StepState::Healthy, 20), step(Operation::CreateToken, answer, latency_ms)];
    ProbeAnswer { region: region.clone(), at, steps, control: None }
}
