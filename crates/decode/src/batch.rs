//! What decoding is told beforehand, and what comes of it.

use std::ops::Range;

use jiff::Timestamp;
use triage_model::observation::Observation;
use triage_model::problem::Problems;
use triage_model::region::{KnownRegions, Region};

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
