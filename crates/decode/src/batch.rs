//! The input and the output of decoding.

use std::ops::Range;

use jiff::Timestamp;
use triage_model::caller::Caller;
use triage_model::observation::{Failure, Observation, Success};
use triage_model::problem::Problems;
use triage_model::region::{KnownRegions, Region};

use crate::trust::Trust;

/// The settings for a payload.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The payload's arrival. Stands in where a record has no time of its own.
    pub now: Timestamp,
    /// A success before this instant is no evidence: it is counted but not read in full. The first moment in replay,
    /// which runs on the events' clock.
    pub horizon: Timestamp,
    pub regions: KnownRegions,
    /// The region of log lines that name none: `OIDC_TRIAGE_REGION`, else `AWS_REGION`.
    pub default_region: Region,
    /// The log groups of our own two functions: never read, or we would process our own output in a loop.
    pub own_log_groups: Vec<String>,
    /// The client ids that our own probe registered.
    pub own_client_ids: Vec<String>,
    /// The request ids that AWS gave calls of our own.
    pub own_request_ids: Vec<String>,
    /// Decides the source of each piece.
    pub trust: Trust,
}

/// The budget left for one payload, however deeply it is nested.
pub struct Allowance<'t> {
    /// Bytes to inflate.
    pub inflated: usize,
    /// The weight of the text lines to read.
    pub text: usize,
    /// Memory for the observations of log events.
    pub observations: usize,
    /// Whether time is left. Checked now and then.
    pub is_time_left: &'t dyn Fn() -> bool,
}

/// The most observations that are kept of a payload's log events. CloudWatch Logs sends at most a megabyte of base64,
/// and each call has about 30 incompressible bytes: its ids and its time.
pub const OBSERVATIONS_MAX: usize = 25_000;
/// The most memory for them: as many failures of a real outage take two thirds of it. A failure with the longest
/// message and names takes four times as much as a real one.
pub const OBSERVATIONS_WEIGHT_MAX: usize = 24 * 1024 * 1024;

/// An observation's approximate size in memory.
pub fn weight(observation: &Observation) -> usize {
    let texts =
        |texts: &[&Option<String>]| texts.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>();
    let caller = |caller: &Caller| match caller {
        Caller::User(name) | Caller::Principal(name) | Caller::Named(name) | Caller::LogGroup(name) => name.len(),
        Caller::Client { client_id: one, address: other } | Caller::Address { address: one, user_agent: other } => {
            one.len() + other.len()
        }
        Caller::Unknown => 0,
    };
    let within = match observation {
        Observation::Failure(failure) => {
            let Failure { event_id, request_id, code, inner_code, message, reason, grant_type, .. } = failure.as_ref();
            let Failure { client_id, user_agent, address, .. } = failure.as_ref();
            size_of::<Failure>()
                + failure.id.len()
                + texts(&[
                    event_id, request_id, code, inner_code, message, reason, grant_type, client_id, user_agent, address,
                ])
                + caller(&failure.caller)
        }
        Observation::Success(success) => {
            let Success { grant_type, client_id, user_agent, address, .. } = success;
            success.id.len() + texts(&[grant_type, client_id, user_agent, address]) + caller(&success.caller)
        }
        Observation::HealthIssue(issue) => issue.description.len(),
        Observation::Tick(_) => 0,
    };
    size_of::<Observation>() + within
}

/// The AWS SDK `app_name` of our own calls: their user agent contains it as `app/oidc-triage`.
pub const APP_NAME: &str = "oidc-triage";

/// The kind of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    CloudTrail,
    /// `{"Records":[...]}` of CloudTrail records, as a trail writes to S3.
    CloudTrailFile,
    /// `{"Events":[...]}`, or one of them, as `aws cloudtrail lookup-events` prints it.
    LookupEvents,
    Health,
    Schedule,
    /// A `call` on the event bus.
    CallEnvelope,
    /// The bare `detail` of a `call`: a direct invocation.
    CallDirect,
    /// A request of an operator: a direct invocation.
    OperatorRequest,
    Logs,
    LogsControl,
    Sqs,
    Sns,
    /// An array of any of these.
    List,
    /// An EventBridge envelope or a CloudTrail record of something else, ignored.
    Foreign,
    Unknown,
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorRequest {
    /// `{"testNotice":"outage"}`: a notice of that diagnosis, marked as a test, to every channel.
    TestNotice(String),
    /// `{"doctor":true}`: whether each link from a failed call to a notice works.
    Doctor,
}

/// One payload, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub kind: InputKind,
    pub observations: Vec<Observation>,
    /// The delivery time of each observation, in their order, where its envelope or log event has one. Shorter than the
    /// observations where the last ones have none.
    pub arrivals: Vec<Option<Timestamp>>,
    /// Successes older than [`Setting::horizon`], which are no observations.
    pub old_successes: u64,
    /// Records of our own probe.
    pub own: u64,
    pub problems: Problems,
    /// A `call` carries secrets, accepted or refused: this invocation must never end in `Err`: Lambda would put its
    /// payload into the failure queue.
    pub carries_secrets: bool,
    /// The messages of an SQS batch, in order, each with the range of its observations. Empty for every other kind.
    pub messages: Vec<SqsMessage>,
    /// What an operator asks for, instead of everything else.
    pub request: Option<OperatorRequest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqsMessage {
    pub id: String,
    pub observations: Range<usize>,
}

impl Batch {
    pub fn new(kind: InputKind) -> Self {
        Self {
            kind,
            observations: Vec::new(),
            arrivals: Vec::new(),
            old_successes: 0,
            own: 0,
            problems: Problems::default(),
            carries_secrets: false,
            messages: Vec::new(),
            request: None,
        }
    }

    /// Whether the limit for observations of log events is reached.
    pub fn is_full(&self) -> bool {
        self.observations.len() >= OBSERVATIONS_MAX
    }

    /// Sets the delivery time of the observations from that place on. An outer wrapper sets it later and wins: it was
    /// delivered last.
    pub fn note_arrival(&mut self, from: usize, at: Option<Timestamp>) {
        // Trailing unknowns take no room.
        if at.is_some() && from < self.observations.len() {
            self.arrivals.resize(from, None);
            self.arrivals.resize(self.observations.len(), at);
        }
    }
}
