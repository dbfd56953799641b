//! What an invocation answers: the JSON of the contract (docs/call-api.md, "The answer").
//!
//! In: what became of each failure. Out: serializable structs. Unknown values are null; failures are in the order of the
//! input.

use serde::Serialize;
use serde_json::Value;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::account::Account;
use triage_model::caller::CallerHash;
use triage_model::classify::{Cause, Class};
use triage_model::observation::{Failure, Operation, Origin};
use triage_model::problem::Problems;
use triage_model::region::Region;
use triage_notify::notice::{AcknowledgedBy, NamedScope, Notice, NoticeKind, Silenced};

use crate::doctor::check::Report;
use crate::silence::{AcknowledgeAnswer, SilenceAnswer};
use crate::test_notice::TestNotice;

/// Failures listed in an answer; the rest is counted. Lambda's limit for an answer is 6 MB.
pub const FAILURES_LISTED: usize = 100;

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub failures: Vec<FailureReport>,
    pub omitted: usize,
    pub counts: Counts,
    pub problems: Problems,
    pub incidents: Vec<IncidentReport>,
    pub notices: Vec<NoticeReport>,
    /// For an SQS batch: the messages to be delivered again. For a Kinesis batch: the record from which on it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_item_failures: Option<Vec<BatchItemFailure>>,
    /// What became of a test notice that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_notice: Option<TestNotice>,
    /// What was silenced, or is no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence: Option<SilenceAnswer>,
    /// What was acknowledged, or is no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<AcknowledgeAnswer>,
    /// Whether each link works, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doctor: Option<Report>,
}

impl Answer {
    /// The answer with no more failures than it may list, and the rest counted.
    pub fn bounded(mut self) -> Self {
        self.omitted += self.failures.len().saturating_sub(FAILURES_LISTED);
        self.failures.truncate(FAILURES_LISTED);
        self
    }
}

/// What was done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Expected traffic, or too old to be evidence.
    Ignored,
    /// There is nothing to do but the advice.
    Advised,
    Recorded,
    /// Kept as evidence, and the service was probed.
    Probed,
    /// The call was retried.
    Retried,
    /// A duplicate: not counted again.
    Duplicate,
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "ignored",
            Self::Advised => "advised",
            Self::Recorded => "recorded",
            Self::Probed => "probed",
            Self::Retried => "retried",
            Self::Duplicate => "duplicate",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Recovered,
    StillFailing,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReport {
    pub id: String,
    pub event_id: Option<String>,
    pub request_id: Option<String>,
    pub origin: Origin,
    pub region: Option<Region>,
    pub operation: Option<Operation>,
    pub code: Option<String>,
    pub status: Option<u16>,
    pub cause: Cause,
    pub action: Action,
    pub outcome: Option<Outcome>,
    /// Calls made in all: the caller's own and ours.
    pub attempts: u32,
    pub caller: CallerHash,
    /// The account whose record or log it was.
    pub account: Option<Account>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advice: String,
    /// What the service answered to a retried `call` of a direct invocation. It holds tokens: nothing else shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
}

impl FailureReport {
    /// The report of a failure of which only its class is known.
    pub fn new(failure: &Failure, class: &Class, caller: CallerHash) -> Self {
        Self {
            id: failure.id.clone(),
            event_id: failure.event_id.clone(),
            request_id: failure.request_id.clone(),
            origin: failure.origin,
            region: failure.region.clone(),
            operation: failure.operation,
            code: failure.code.clone(),
            status: failure.status,
            cause: class.cause,
            action: Action::Ignored,
            outcome: None,
            attempts: 1,
            caller,
            account: failure.account,
            advice: class.advice.clone().into_owned(),
            response: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub expected: u64,
    pub request: u64,
    pub admin: u64,
    pub throttled: u64,
    pub service: u64,
    pub unreachable: u64,
    pub unrecognised: u64,
    pub duplicate: u64,
    pub success: u64,
    pub own: u64,
}

impl Counts {
    /// A duplicate counts as one, and not under its cause as well.
    pub fn add(&mut self, cause: Cause, duplicate: bool) {
        let count = match cause {
            _ if duplicate => &mut self.duplicate,
            Cause::Expected => &mut self.expected,
            Cause::Request => &mut self.request,
            Cause::Admin => &mut self.admin,
            Cause::Throttled => &mut self.throttled,
            Cause::Service => &mut self.service,
            Cause::Unreachable => &mut self.unreachable,
            Cause::Unrecognised => &mut self.unrecognised,
        };
        *count += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.expected += other.expected;
        self.request += other.request;
        self.admin += other.admin;
        self.throttled += other.throttled;
        self.service += other.service;
        self.unreachable += other.unreachable;
        self.unrecognised += other.unrecognised;
        self.duplicate += other.duplicate;
        self.success += other.success;
        self.own += other.own;
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IncidentReport {
    pub id: String,
    pub region: Region,
    pub state: IncidentState,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    pub scope: NamedScope,
    /// Its notices are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silenced>,
    /// It sends no reminders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<AcknowledgedBy>,
    pub reasons: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    Open,
    Resolved,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoticeReport {
    pub id: String,
    pub sequence: u32,
    pub kind: NoticeKind,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    /// Null for an advice notice.
    pub scope: Option<NamedScope>,
    /// Null for an advice notice.
    pub incident: Option<String>,
    pub region: Region,
    /// What SNS answered; null where there is no topic.
    pub message_id: Option<String>,
}

impl NoticeReport {
    pub fn new(notice: &Notice, message_id: Option<String>) -> Self {
        Self {
            id: notice.id.clone(),
            sequence: notice.sequence,
            kind: notice.kind,
            diagnosis: notice.diagnosis,
            severity: notice.severity,
            scope: notice.scope.clone(),
            incident: notice.incident.clone(),
            region: notice.region.clone(),
            message_id,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    pub item_identifier: String,
}
