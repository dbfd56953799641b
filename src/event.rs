//! From the bytes Lambda hands us to observations.
//!
//! In: one payload and what is known beforehand ([`Setting`]). Out: a [`Batch`]: observations in the order of the
//! input, what was counted without becoming one, and a named problem for each thing that could not be read. The kind of
//! event is found by looking at its keys, not by configuration. Nothing here fails: the unknown is a value.

pub mod call;
pub mod cloudtrail;
pub mod eventbridge;
mod fields;
pub mod health;
mod inflate;
mod json;
pub mod log_text;
pub mod logs;
mod mask;
pub mod problem;
mod queue;
pub mod sdk_error;
mod sniff;

use std::ops::Range;

use jiff::Timestamp;

use crate::observation::Observation;
use crate::region::{KnownRegions, Region};
use problem::Problems;

pub(crate) use fields::code as bare_code;
pub(crate) use inflate::gunzip;

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
pub enum Kind {
    CloudTrail,
    /// `{"Records":[...]}` of CloudTrail records, as a trail writes to S3.
    CloudTrailFile,
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
    pub kind: Kind,
    pub observations: Vec<Observation>,
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
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            observations: Vec::new(),
            old_successes: 0,
            own: 0,
            problems: Problems::default(),
            carries_secrets: false,
            messages: Vec::new(),
        }
    }
}

/// Decodes one payload.
pub fn decode(payload: &str, setting: &Setting) -> Batch {
    let mut batch = Batch::new(Kind::Unknown);
    // A file may begin with a byte order mark; JSON does not know it.
    let payload = payload.strip_prefix('\u{feff}').unwrap_or(payload);
    batch.kind = match logs::read_canonical(payload, setting, &mut batch) {
        Some(kind) => kind,
        None => sniff::read(payload, sniff::Wrapping::default(), setting, &mut batch),
    };
    batch
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
