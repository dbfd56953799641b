//! What is judged of a region, as data.
//!
//! A [`Verdict`] is what a decision comes to, with its reasons; a [`Recovery`] is whether an incident is over. Nothing here
//! judges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::caller::CallerHash;
use triage_model::observation::Operation;

use crate::concern::Concern;
use crate::probe::RungState;

/// What is going on in a region, in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Diagnosis {
    /// The service fails for too many callers to be chance, and the probe says so too or most are hit.
    Outage,
    /// The service fails for some.
    Degraded,
    /// The customer's own key or policy refuses everyone.
    Misconfigured,
    /// Callers are refused for mistakes that so many cannot have made at once.
    Suspected,
    Throttling,
    /// One caller alone fails.
    OneCaller,
    /// Our own side is broken: neither probe nor control can connect.
    Blind,
    /// An outage told of by events that came too late.
    Late,
    /// AWS Health tells of an issue that nobody here was hit by.
    AwsHealth,
    /// Service failures that none of these fits.
    Isolated,
    /// Service failures of callers that were served since.
    Transient,
    Quiet,
}

/// The worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Page,
    Warning,
    Info,
}

impl Diagnosis {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Degraded => "degraded",
            Self::Misconfigured => "misconfigured",
            Self::Suspected => "suspected",
            Self::Throttling => "throttling",
            Self::OneCaller => "one_caller",
            Self::Blind => "blind",
            Self::Late => "late",
            Self::AwsHealth => "aws_health",
            Self::Isolated => "isolated",
            Self::Transient => "transient",
            Self::Quiet => "quiet",
        }
    }

    pub const fn severity(self) -> Severity {
        match self {
            Self::Outage | Self::Degraded | Self::Misconfigured => Severity::Page,
            Self::Suspected | Self::Blind => Severity::Warning,
            Self::Throttling
            | Self::OneCaller
            | Self::Late
            | Self::AwsHealth
            | Self::Isolated
            | Self::Transient
            | Self::Quiet => Severity::Info,
        }
    }

    /// Told as an incident, which opens and is resolved.
    pub const fn is_incident(self) -> bool {
        matches!(self, Self::Outage | Self::Degraded | Self::Misconfigured | Self::Suspected)
    }
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What speaks for and against one possible cause, in words and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighing {
    pub cause: &'static str,
    pub speaks_for: Vec<String>,
    pub speaks_against: Vec<String>,
}

/// Something worth saying that needs no incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advised {
    pub diagnosis: Diagnosis,
    /// What it is told once for: the talker, the caller, the issue's `eventArn`.
    pub key: String,
    /// How long it is not told again.
    pub quiet_for: Duration,
    pub reasons: Vec<String>,
    /// Who is to slow down, where that is one tool.
    pub talking: Option<Talking>,
}

/// A tool at an address that makes too many calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talking {
    pub who: String,
    /// Calls a second that AWS publishes for these operations.
    pub quota: u32,
    pub calls: &'static str,
}

/// One failed request, for a support case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRequest {
    pub at: Timestamp,
    /// The AWS request id, or that of the record; None where it was not kept.
    pub id: Option<String>,
    pub operation: Option<Operation>,
    pub code: String,
}

/// The verdict, with everything that a notice needs to explain it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The first of the precedence that holds.
    pub diagnosis: Diagnosis,
    pub concern: Concern,
    /// What was enough to begin with, in words and numbers; of an open incident as it was told when it opened. None where
    /// only the present speaks for the diagnosis.
    pub opening: Option<String>,
    /// In words and numbers, the opening first; what else holds is among them.
    pub reasons: Vec<String>,
    pub weighed: [Weighing; 3],
    /// Callers hit by failures of the concern, and how a person would name them (a hash where no name is kept), in the
    /// order in which they were hit.
    pub callers: usize,
    pub names: Vec<String>,
    /// Callers with any call in the last five minutes, and those of them that were served.
    pub active: usize,
    pub served: usize,
    /// Failures of the concern within the evidence (or, once an incident is open, since it opened), and when the first
    /// of those still hit and the latest of all occurred.
    pub failures: usize,
    pub since: Option<Timestamp>,
    pub latest: Option<Timestamp>,
    /// When what speaks for the diagnosis was enough; None where that is now.
    pub enough_at: Option<Timestamp>,
    /// How many of these failures got no answer at all.
    pub unanswered: usize,
    /// The most frequent first.
    pub codes: Vec<(String, usize)>,
    pub tools: Vec<(String, usize)>,
    pub operations: BTreeMap<Operation, usize>,
    pub requests: Vec<FailedRequest>,
    /// What the latest probe found, if it is not old.
    pub probe: Option<RungState>,
    /// AWS Health has an open issue about signing in.
    pub health: bool,
    /// What is to be told beside it, once.
    pub advised: Vec<Advised>,
    /// Callers whose failures are to be left out of the tests from now on, and those that were served again.
    pub leave_out: BTreeSet<CallerHash>,
    pub take_back: BTreeSet<CallerHash>,
}

impl Verdict {
    /// Whether the service itself says that it fails.
    pub fn is_confirmed(&self) -> bool {
        self.probe == Some(RungState::Down)
    }

    /// Whether most of the failed calls got no answer at all: that may be our own way to the service as well.
    pub fn is_mostly_unanswered(&self) -> bool {
        2 * self.unanswered > self.failures
    }
}

/// Whether an incident is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// When the incident was proved over, or given up after a long silence; None as long as it goes on. That is the
    /// latest of what makes the proof: a failure after it is news, and may reopen.
    pub over_at: Option<Timestamp>,
    /// False where nothing proves it but silence.
    pub proved: bool,
    /// In words and numbers.
    pub reasons: Vec<String>,
}
