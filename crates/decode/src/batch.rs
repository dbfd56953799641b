//! What decoding is told beforehand, and what comes of it.

use std::ops::Range;

use jiff::Timestamp;
use triage_model::caller::Caller;
use triage_model::observation::{Failure, Observation, Success};
use triage_model::problem::Problems;
use triage_model::region::{KnownRegions, Region};

use crate::trust::Trust;

/// What is known before a payload is looked at.
#[derive(Clone, Debug)]
pub struct Setting {
    /// When the payload arrived. Stands in where a record tells no time of its own.
    pub now: Timestamp,
    /// A success from before this instant is no evidence: it is counted without being read in full. The beginning of
    /// time in replay, where the clock is the events'.
    pub horizon: Timestamp,
    pub regions: KnownRegions,
    /// Where a log line names no region: `OIDC_TRIAGE_REGION`, else `AWS_REGION`.
    pub default_region: Region,
    /// The log groups of our own two functions: never read, or we would answer ourselves for ever.
    pub own_log_groups: Vec<String>,
    /// The client ids that our own probe registered.
    pub own_client_ids: Vec<String>,
    /// The request ids that AWS gave calls of our own.
    pub own_request_ids: Vec<String>,
    /// By which the source of each piece is known.
    pub trust: Trust,
}

/// What may still be spent on one payload, however much is nested in it.
pub struct Allowance<'t> {
    /// Bytes that are inflated.
    pub inflated: usize,
    /// What the lines of text weigh that are read.
    pub text: usize,
    /// Memory for the observations that are kept of log events.
    pub observations: usize,
    /// Whether there is time left. Asked now and then.
    pub is_time_left: &'t dyn Fn() -> bool,
}

/// The most observations that are kept of a payload's log events. CloudWatch Logs sends a megabyte of base64 at most, and a call
/// takes about 30 bytes of it that no compression shortens: its ids, and its time.
pub const OBSERVATIONS_MAX: usize = 25_000;
/// The most memory that they take: as many failures of a real outage take two thirds of it, while one with the longest message and
/// the longest names takes four times as much as a real one.
pub const OBSERVATIONS_WEIGHT_MAX: usize = 24 * 1024 * 1024;

/// About how much memory an observation takes.
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

/// The AWS SDK `app_name` of our own calls: it stands in their user agent as `app/oidc-triage`.
pub const APP_NAME: &str = "oidc-triage";

/// What a payload was found to be.
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
    Logs,
    LogsControl,
    Sqs,
    Sns,
    /// An array of any of these.
    List,
    /// An EventBridge envelope or a CloudTrail record of something else, left alone.
    Foreign,
    Unknown,
}

/// One payload, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub kind: InputKind,
    pub observations: Vec<Observation>,
    /// When each of the observations was delivered, in their order, where its envelope or log event tells. Shorter than they
    /// are where nothing tells it of the last ones.
    pub arrivals: Vec<Option<Timestamp>>,
    /// Successes older than [`Setting::horizon`], which are no observations.
    pub old_successes: u64,
    /// Records of our own probe.
    pub own: u64,
    pub problems: Problems,
    /// A `call` carries secrets, accepted or refused: this invocation must never end in `Err`, which would put its
    /// payload into the failure queue.
    pub carries_secrets: bool,
    /// The messages of an SQS batch, in order, each with the range of its observations. Empty for every other kind.
    pub messages: Vec<SqsMessage>,
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
        }
    }

    /// Whether it holds as many observations as are kept of log events.
    pub fn is_full(&self) -> bool {
        self.observations.len() >= OBSERVATIONS_MAX
    }

    /// Notes when the observations from that place on were delivered. What stands around another is noted after it, and
    /// counts: it came later.
    pub fn note_arrival(&mut self, from: usize, at: Option<Timestamp>) {
        // What nothing is known of takes no room.
        if at.is_some() && from < self.observations.len() {
            self.arrivals.resize(from, None);
            self.arrivals.resize(self.observations.len(), at);
        }
    }
}
