//! The result of an evaluation, as data.
//!
//! A [`Verdict`] is a diagnosis with its evidence and reasons; a [`Recovery`] is whether an incident is over. Nothing
//! is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::caller::CallerHash;
use triage_model::grant::Grant;
use triage_model::observation::{Operation, Origin};

use crate::cell::Dimension;
use crate::concern::Concern;
use crate::probe::StepState;
use crate::proof_so_far::ProofSoFar;
use crate::scope::{Scope, SharedKey};

/// What happens in a region, in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Diagnosis {
    /// The service fails for too many callers to be chance, and the probe confirms it or most callers are affected.
    Outage,
    /// The service fails for some.
    Degraded,
    /// The customer's own key or policy refuses everyone.
    Misconfigured,
    /// Callers are refused for mistakes that so many cannot have made at once.
    Suspected,
    /// One tool fails, while callers with others are served.
    OneTool,
    /// Callers of one address or one log group fail, while others are served.
    OneNetwork,
    /// One application of CreateTokenWithIAM fails, while others are served.
    OneApplication,
    /// Callers of one AWS account fail, while those of others are served.
    OneAccount,
    Throttling,
    /// One caller alone fails.
    OneCaller,
    /// Our own side is broken: neither probe nor control can connect.
    Blind,
    /// An outage reported by events that came too late.
    Late,
    /// AWS Health reports an issue that affected nobody here.
    AwsHealth,
    /// Events came from an untrusted source, or of an untrusted region.
    Unbelieved,
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
            Self::OneTool => "one_tool",
            Self::OneNetwork => "one_network",
            Self::OneApplication => "one_application",
            Self::OneAccount => "one_account",
            Self::Throttling => "throttling",
            Self::OneCaller => "one_caller",
            Self::Blind => "blind",
            Self::Late => "late",
            Self::AwsHealth => "aws_health",
            Self::Unbelieved => "unbelieved",
            Self::Isolated => "isolated",
            Self::Transient => "transient",
            Self::Quiet => "quiet",
        }
    }

    /// The highest severity of its notices. What may be a page is sent as a warning until it has lasted.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Outage | Self::Degraded | Self::Misconfigured => Severity::Page,
            Self::Suspected
            | Self::OneTool
            | Self::OneNetwork
            | Self::OneApplication
            | Self::OneAccount
            | Self::Blind => Severity::Warning,
            Self::Throttling
            | Self::OneCaller
            | Self::Late
            | Self::AwsHealth
            | Self::Unbelieved
            | Self::Isolated
            | Self::Transient
            | Self::Quiet => Severity::Info,
        }
    }

    /// An incident, which opens and is resolved.
    pub const fn is_incident(self) -> bool {
        matches!(
            self,
            Self::Outage
                | Self::Degraded
                | Self::Misconfigured
                | Self::Suspected
                | Self::OneTool
                | Self::OneNetwork
                | Self::OneApplication
                | Self::OneAccount
        )
    }

    /// An attribution to what affected callers share, beside the service's own incident.
    pub const fn of_shared(dimension: Dimension) -> Self {
        match dimension {
            Dimension::Application => Self::OneApplication,
            Dimension::Tool | Dimension::Product => Self::OneTool,
            Dimension::Network => Self::OneNetwork,
            Dimension::Account => Self::OneAccount,
        }
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

/// The evidence for and against one possible cause, in words and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighing {
    pub cause: &'static str,
    pub speaks_for: Vec<String>,
    pub speaks_against: Vec<String>,
}

impl Weighing {
    /// What an `InternalServerException` may hide.
    pub const CAUSES: [&'static str; 3] =
        ["service outage or maintenance", "throttling behind a 500", "invalid input answered with a 500"];

    /// Nothing speaks for it or against it yet.
    pub const fn of(cause: &'static str) -> Self {
        Self { cause, speaks_for: Vec::new(), speaks_against: Vec::new() }
    }
}

/// The key of an advice about throttling where no talker is known, and what it begins with where one is.
pub const THROTTLING: &str = "throttling";
pub const TALKER: &str = "talker:";

/// An advice notice: worth sending without an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advised {
    pub diagnosis: Diagnosis,
    /// The key under which it is sent once: the talker, the caller, the issue's `eventArn`.
    pub key: String,
    /// How long it is not sent again.
    pub quiet_for: Duration,
    pub reasons: Vec<String>,
    /// The tool that should slow down, if it is one tool.
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

/// The verdicts on one region.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// On the region, without its attributions.
    pub region: Verdict,
    /// On each tool, network and application that fails by itself, or did: each has an incident of its own.
    pub apart: Vec<Verdict>,
}

impl Evaluation {
    /// The region's verdict first.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        std::iter::once(&self.region).chain(&self.apart)
    }

    /// The verdict on an incident of the region, by its attribution.
    pub fn on(&self, key: Option<SharedKey>) -> Option<&Verdict> {
        self.verdicts().find(|verdict| verdict.apart == key)
    }
}

/// Failures of an incident are counted by so many seconds: a multiple of a slot's.
pub const FAILURES_COUNTED_S: i64 = 600;

/// The verdict, with everything that a notice needs to explain it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Its attribution, where it is not the region's own.
    pub apart: Option<SharedKey>,
    /// The first in the order of precedence.
    pub diagnosis: Diagnosis,
    pub concern: Concern,
    pub scope: Scope,
    /// The evidence that was enough at first, in words and numbers; of an open incident as it was reported when it
    /// opened. None if only the present supports the diagnosis.
    pub opening: Option<String>,
    /// Chance alone would bring that once in so many years; None where that is not known.
    pub chance_years: Option<f64>,
    /// In words and numbers, the opening first; what else holds is among them.
    pub reasons: Vec<String>,
    pub weighed: [Weighing; 3],
    /// Callers hit by failures of the concern, and how a person would name them, in the order in which they were hit. Those of
    /// whom no name is kept come last, by their hashes.
    pub callers: usize,
    pub names: Vec<String>,
    /// All callers affected by such failures since then, whether served later or not, as far as marks are kept, by
    /// origin; and how many there may have been in all.
    pub victims: BTreeMap<Origin, BTreeSet<CallerHash>>,
    pub victims_about: usize,
    /// All of them are people, by their names.
    pub people: bool,
    /// Everybody who called within the scope from shortly before the first of these failures to the latest, affected or not,
    /// by what shows it; empty where served calls are not seen.
    pub seen: BTreeMap<Origin, BTreeSet<CallerHash>>,
    /// The ARN of the KMS key that refuses, where a refusal names it.
    pub kms_key: Option<String>,
    /// How many of them were served later.
    pub served_again: usize,
    /// The operations that fail, each with the callers that it affected.
    pub parts: Vec<FailingPart>,
    /// Callers with any call in the last five minutes, and those of them that were served.
    pub active: usize,
    pub served: usize,
    /// Failures of the concern within the evidence (or, once an incident is open, since it opened), and when the first
    /// of those still hit and the latest of all occurred.
    pub failures: usize,
    /// The same by the time in which they occurred: the number of the [`FAILURES_COUNTED_S`] seconds since 1970.
    pub failures_at: BTreeMap<i64, usize>,
    pub since: Option<Timestamp>,
    pub latest: Option<Timestamp>,
    /// The latest failure without that of one caller, where many are affected: a one-off after a blip does not make it
    /// last.
    pub latest_of_many: Option<Timestamp>,
    /// Callers that were served within the scope since then.
    pub served_since: usize,
    /// When the evidence was enough; None where that is now.
    pub enough_at: Option<Timestamp>,
    /// How many of these failures got no answer at all.
    pub unanswered: usize,
    /// The most frequent first.
    pub codes: Vec<(String, usize)>,
    pub tools: Vec<(String, usize)>,
    /// Whose records or logs they are.
    pub accounts: Vec<(String, usize)>,
    pub operations: BTreeMap<Operation, usize>,
    pub requests: Vec<FailedRequest>,
    /// What the latest probe found, if it is not old; and of the steps that fail here, the worst.
    pub probe: Option<StepState>,
    pub step: Option<StepState>,
    /// When a probe last failed since failures count, where this is about the service as a whole.
    pub probe_failed_at: Option<Timestamp>,
    /// Nearly all affected callers share something that may yet turn out to be the cause.
    pub may_be_apart: bool,
    /// A step that fails here was repeatedly down for the probe.
    pub probe_lasts: bool,
    /// AWS Health has an open sign-in issue.
    pub health: bool,
    /// Of a verdict apart: nearly all that the region's open incident has hit is of this. And the other way round: it is
    /// not, any more.
    pub explains_open: bool,
    pub is_refuted: bool,
    /// Advice notices beside it.
    pub advised: Vec<Advised>,
    /// Callers whose failures are to be left out of the tests from now on, and those that were served again.
    pub leave_out: BTreeSet<CallerHash>,
    pub take_back: BTreeSet<CallerHash>,
}

/// An operation that fails, or one grant of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingPart {
    /// None where the failures do not name one.
    pub operation: Option<Operation>,
    pub grant: Option<Grant>,
    /// The first and the latest failure.
    pub since: Timestamp,
    pub latest: Timestamp,
    /// Enough callers are affected, or its own test has crossed, so that it is a part of the incident.
    pub is_enough: bool,
}

impl Verdict {
    /// Nothing fails, and nobody called. What somebody makes up begins with it.
    pub fn quiet() -> Self {
        Self {
            apart: None,
            diagnosis: Diagnosis::Quiet,
            concern: Concern::Service,
            scope: Scope::default(),
            opening: None,
            chance_years: None,
            reasons: Vec::new(),
            weighed: Weighing::CAUSES.map(Weighing::of),
            callers: 0,
            names: Vec::new(),
            victims: BTreeMap::new(),
            victims_about: 0,
            people: true,
            seen: BTreeMap::new(),
            kms_key: None,
            served_again: 0,
            parts: Vec::new(),
            active: 0,
            served: 0,
            failures: 0,
            failures_at: BTreeMap::new(),
            since: None,
            latest: None,
            latest_of_many: None,
            served_since: 0,
            enough_at: None,
            unanswered: 0,
            codes: Vec::new(),
            tools: Vec::new(),
            accounts: Vec::new(),
            operations: BTreeMap::new(),
            requests: Vec::new(),
            probe: None,
            probe_failed_at: None,
            step: None,
            may_be_apart: false,
            probe_lasts: false,
            health: false,
            explains_open: false,
            is_refuted: false,
            advised: Vec::new(),
            leave_out: BTreeSet::new(),
            take_back: BTreeSet::new(),
        }
    }

    /// Whether the service itself says that it fails.
    pub fn is_confirmed(&self) -> bool {
        self.probe == Some(StepState::Down)
    }

    /// Whether most of the failed calls got no answer at all: our own way to the service may be the cause as well.
    pub fn is_mostly_unanswered(&self) -> bool {
        2 * self.unanswered > self.failures
    }
}

/// What was enough to open an incident, among the reasons that hold now.
pub fn when_found(opening: &str) -> String {
    format!("when it was found: {opening}")
}

/// The recovery of an incident.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// When the recovery was confirmed, or the incident ended without proof after a long silence; None while it is
    /// open. That is the latest of the proof: a failure after it is news, and may reopen.
    pub over_at: Option<Timestamp>,
    /// False where it is quiet, not confirmed.
    pub proved: bool,
    /// In words and numbers.
    pub reasons: Vec<String>,
    /// How each of its parts stands, in the order of the incident's.
    pub parts: Vec<PartRecovery>,
    /// Nobody has called there since then, for so long that people should know: silence is no proof.
    pub silent_since: Option<Timestamp>,
    /// Calls are served again, and none has failed since then, but that is not enough yet.
    pub recovering_since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PartRecovery {
    /// Since when it is confirmed to work again.
    pub proved_at: Option<Timestamp>,
    /// How far its proof has come, up to a time of which all is known; None where that is no further than was noted.
    pub so_far: Option<ProofSoFar>,
}
