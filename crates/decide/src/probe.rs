//! What probes of one region found, as data.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::classify::{Cause, Symptoms, classify};
use triage_model::fault::Fault;
use triage_model::observation::Operation;
use triage_model::region::Region;

/// The state of a step by its answer, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Exactly what a working service answers.
    Healthy,
    /// No answer, throttled, or an answer that may not be the service's.
    Unknown,
    /// Another refusal than the expected one.
    Unexpected,
    /// The service itself says that it failed (a 5xx with an AWS request id), or gave no answer while the control did.
    Down,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeStep {
    pub operation: Operation,
    pub answer: StepState,
    /// The answer, or why there was none, unless it was a success. A healthy CreateToken has one as well.
    pub fault: Option<Fault>,
    pub latency: Duration,
}

impl ProbeStep {
    /// Whether nothing came from AWS itself: no answer, or a 5xx that may not be the service's. Only then a control
    /// helps: a throttled client, or one that a proxy refuses, has a connection.
    pub fn is_silent(&self) -> bool {
        let Some(fault) = self.fault.as_ref().filter(|_| self.answer == StepState::Unknown) else { return false };
        match fault.status {
            None => fault.no_answer,
            Some(500..=599) => fault.request_id.is_none() && cause_of(self.operation, fault) != Cause::Throttled,
            Some(_) => false,
        }
    }
}

/// What a probe of one region found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeAnswer {
    pub region: Region,
    /// When the service was asked, by the asking sandbox's clock.
    pub at: Timestamp,
    /// In the order they were asked. A step is missing where the one before it returned nothing to continue with; the
    /// first one where an earlier registration was used; and the second one where no start URL is known and it fails
    /// for no caller.
    #[serde(rename = "rungs")]
    pub steps: Vec<ProbeStep>,
    /// What another region answered, where a step was silent and the partition has another one.
    pub control: Option<Control>,
}

impl ProbeAnswer {
    /// The worst of all steps; unknown where none could be asked.
    pub fn worst(&self) -> StepState {
        self.steps.iter().map(|step| step.answer).max().unwrap_or(StepState::Unknown)
    }

    /// How the step of that operation answered; None where it was not asked.
    pub fn of(&self, operation: Operation) -> Option<StepState> {
        self.steps.iter().find(|step| step.operation == operation).map(|step| step.answer)
    }

    /// Whether neither the region nor its control gave an answer of AWS: our own side is broken.
    pub fn is_blind(&self) -> bool {
        self.control.as_ref().is_some_and(|control| !control.works) && self.steps.iter().all(ProbeStep::is_silent)
    }
}

/// What another region answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    pub region: Region,
    /// AWS itself answered, whatever it said: our side can connect.
    pub works: bool,
}

/// Without the grant type, so that SlowDown to our own polling counts as the throttling it is here.
pub fn cause_of(operation: Operation, fault: &Fault) -> Cause {
    classify(Symptoms { operation: Some(operation), ..fault.symptoms() }).cause
}
