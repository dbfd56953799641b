//! The input and the output of decoding.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use triage_model::caller::Caller;
use triage_model::observation::{Failure, Observation, Success};
use triage_model::problem::Problems;
use triage_model::region::{KnownRegions, Region};

use crate::inflate::INFLATED_MAX;
use crate::operator::silence::{AcknowledgeRequest, Asked, SilenceRequest};
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

impl<'t> Allowance<'t> {
    /// The whole of one payload.
    pub const fn whole(is_time_left: &'t dyn Fn() -> bool) -> Self {
        Self { inflated: INFLATED_MAX, text: TEXT_MAX, observations: OBSERVATIONS_WEIGHT_MAX, is_time_left }
    }

    /// What one of several records may use: by its size among those that are left, and at least [`FLOOR`] of the whole. So
    /// a record that inflates to gigabytes takes nothing from its neighbours.
    pub fn share(&self, size: usize, left: usize) -> Self {
        let share = |rest: usize, whole: usize| fair(rest, whole, size, left);
        Self {
            inflated: share(self.inflated, INFLATED_MAX),
            text: share(self.text, TEXT_MAX),
            observations: share(self.observations, OBSERVATIONS_WEIGHT_MAX),
            is_time_left: self.is_time_left,
        }
    }

    /// Takes off what was used of a share.
    pub const fn spend(&mut self, share: &Self, left: &Self) {
        self.inflated -= share.inflated - left.inflated;
        self.text -= share.text - left.text;
        self.observations -= share.observations - left.observations;
    }
}

/// The least part of a payload's allowance that each record of several has, as long as any is left: 128 KiB inflated, 48
/// calls. A subscription's usual record holds far less, and as many as 100 records come at once.
pub const FLOOR: usize = 512;

/// The part of `rest` that is due to a record of `size` among `left` bytes.
pub const fn fair(rest: usize, whole: usize, size: usize, left: usize) -> usize {
    let due = if left == 0 { rest } else { (rest as u128 * size as u128 / left as u128) as usize };
    let due = if due > whole / FLOOR { due } else { whole / FLOOR };
    if due < rest { due } else { rest }
}

/// The most text read in one payload: twice what CloudWatch Logs packs into a megabyte of base64. A line's weight is
/// its letters and its overhead in memory.
pub const TEXT_MAX: usize = 32 * 1024 * 1024;
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
    /// Records of a stream that CloudWatch Logs writes to.
    Kinesis,
    /// An array of any of these.
    List,
    /// An EventBridge envelope or a CloudTrail record of something else, ignored.
    Foreign,
    Unknown,
}

/// An object of the trail's bucket that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedObject {
    pub key: String,
    /// Whose records it has, by its key.
    pub account: String,
    pub region: String,
    /// When CloudTrail made the file: `YYYYMMDDTHHMMZ`.
    pub time: String,
    /// In bytes, where the notification says it.
    pub size: Option<u64>,
    /// The messages that name it, by their place in [`Batch::items`].
    pub items: Vec<usize>,
}

/// As problems name it: a key looks like a secret, and would be masked.
impl fmt::Display for WantedObject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CloudTrail's file of {} in {}, made at {}", self.account, self.region, self.time)
    }
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorRequest {
    /// `{"testNotice":"outage"}`: a notice of that diagnosis, marked as a test, to every channel.
    TestNotice(String),
    /// `{"doctor":true}`: whether each link from a failed call to a notice works.
    Doctor,
    /// Hold back notices, or do so no more.
    Silence(Asked<SilenceRequest>),
    /// No reminders of an incident, or reminders again.
    Acknowledge(Asked<AcknowledgeRequest>),
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
    /// The messages of an SQS batch or the records of a Kinesis batch, in order. Empty for every other kind.
    pub items: Vec<BatchItem>,
    /// No more observations of log events are kept than these.
    pub observations_max: usize,
    /// What is to be read out of the trail's bucket: its observations are added behind the others.
    pub objects: Vec<WantedObject>,
    /// What an operator asks for, instead of everything else.
    pub request: Option<OperatorRequest>,
}

/// What a batch is answered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchItem {
    /// The id of a message, the sequence number of a record.
    pub id: String,
    /// The range of its observations.
    pub observations: Range<usize>,
    /// It is to come again: the time ran out before it was read or while it was, or an object that it names could not be
    /// read for now.
    pub is_unread: bool,
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
            items: Vec::new(),
            observations_max: OBSERVATIONS_MAX,
            objects: Vec::new(),
            request: None,
        }
    }

    /// Whether the limit for observations of log events is reached.
    pub fn is_full(&self) -> bool {
        self.observations.len() >= self.observations_max
    }

    /// Takes the objects that are wanted, each once.
    pub fn take_objects(&mut self) -> Vec<WantedObject> {
        let (mut taken, mut places) = (Vec::<WantedObject>::new(), BTreeMap::<String, usize>::new());
        for object in std::mem::take(&mut self.objects) {
            match places.entry(object.key.clone()) {
                Entry::Occupied(place) => taken[*place.get()].items.extend(object.items),
                Entry::Vacant(place) => {
                    place.insert(taken.len());
                    taken.push(object);
                }
            }
        }
        taken
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
