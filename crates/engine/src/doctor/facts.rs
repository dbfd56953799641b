//! What the doctor found out, as data.

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::probe::ProbeAnswer;
use triage_decide::silence::Silence;
use triage_decide::view::StoreError;
use triage_model::region::Region;

use crate::publish::Destination;
use crate::settings::Mode;
use crate::status_page::Written;

/// How far back metrics and CloudTrail's event history are looked at.
pub const LOOK_BACK: Duration = Duration::from_secs(14 * 86_400);

/// An answer, or why there is none.
pub type Found<T> = Result<T, Trouble>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The role has no right to ask.
    Denied(&'static str),
    /// Another refusal, by its code.
    Refused(&'static str, String),
    /// No answer, and why.
    Silent(&'static str, &'static str),
}

impl Trouble {
    pub fn in_words(&self) -> String {
        match self {
            Self::Denied(right) => format!("the right {right} is missing"),
            Self::Refused(what, code) => format!("{what} was refused: {code}"),
            Self::Silent(what, why) => format!("{what} had no answer: {why}"),
        }
    }

    pub fn action(&self) -> String {
        match self {
            Self::Denied(right) => format!("Allow {right} to TriageRole: deploy the stack's template again."),
            Self::Refused(..) => "Look the code up, and run this again.".to_owned(),
            Self::Silent(..) => {
                "Run this again. If it stays so, check the function's network (SubnetIds) and AWS Health.".to_owned()
            }
        }
    }
}

/// Of a function that runs on somebody's own machine much of it is None: there is no such link.
#[derive(Clone, Debug)]
pub struct Facts {
    pub trails: Found<Vec<Trail>>,
    pub records: Found<Records>,
    /// Rules that invoke the alias `events`.
    pub rules: Option<Found<Vec<Rule>>>,
    /// Rules that invoke the watcher.
    pub ticks: Option<Found<Vec<Rule>>>,
    pub log_groups: Vec<LogGroup>,
    /// The bus that other accounts send to, where the stack has one.
    pub source_bus: Option<SourceBus>,
    /// The streams with logs of other accounts.
    pub streams: Vec<Stream>,
    /// The queue with the notifications of a trail's bucket, where there is one.
    pub trail_queue: Option<TrailQueue>,
    pub table: Option<Table>,
    /// What is silenced now, or why that is not known.
    pub silences: Result<Vec<Silence>, StoreError>,
    pub topics: Vec<Topic>,
    /// Whether an event that is none was refused for that alone.
    pub bus: Option<Found<()>>,
    /// Of each region that is probed.
    pub probes: Vec<(Region, Probe)>,
    /// What the watcher noted of the status page; None where it never wrote one.
    pub status_page: Result<Option<Written>, StoreError>,
    /// How far the function's clock is ahead of AWS's, in seconds; None where nobody answered.
    pub clock_ahead_s: Option<i64>,
    pub ourselves: Ourselves,
}

/// CloudTrail delivers within about five minutes on average; what is older than this should have arrived.
pub const DELIVERED_AFTER: Duration = Duration::from_secs(30 * 60);

/// When calls of SSO OIDC were made, by CloudTrail's event history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records {
    pub newest: Option<Timestamp>,
    /// The newest that should have arrived by now: where people sign in all the time, the newest is always on its way.
    pub due: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    pub name: String,
    pub is_logging: Found<bool>,
    /// It records management events that write.
    pub has_management_events: Found<bool>,
}

/// What a rule brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    CloudTrail,
    Health,
    Calls,
    Ticks,
    /// Of somebody's own.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub brings: Brings,
    pub is_enabled: bool,
    /// The period in which it last invoked its target ends here; None: not within [`LOOK_BACK`].
    pub last_invoked: Found<Option<Timestamp>>,
    /// Invocations of the last day that failed for good.
    pub failed: Found<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    pub name: String,
    /// The name of the subscription that delivers to this function; None: there is none.
    pub subscription: Found<Option<String>>,
    /// When it last delivered, as of a rule.
    pub last_delivered: Found<Option<Timestamp>>,
    /// Deliveries of the last day that failed.
    pub failed: Found<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceBus {
    pub name: String,
    /// Whether a policy lets others send; the error where there is no such bus.
    pub has_policy: Found<bool>,
}

/// A stream, by the metrics of both its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub name: String,
    /// The hour in which records last came into it ends here, and that in which the function last read some.
    pub last_written: Found<Option<Timestamp>>,
    pub last_read: Found<Option<Timestamp>>,
    /// How old the oldest record was that the function read in the last hour.
    pub behind: Found<Option<Duration>>,
}

/// The queue with the notifications of a trail's bucket, by its metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailQueue {
    pub bucket: String,
    /// The hour in which notifications last came ends here, and that in which the function last was done with some.
    pub last_sent: Found<Option<Timestamp>>,
    pub last_done: Found<Option<Timestamp>>,
}

/// An item of the doctor's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub written: Found<()>,
    /// Whether it was there.
    pub read: Found<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub destination: Destination,
    pub name: String,
    pub subscriptions: Found<Subscriptions>,
    /// Whether an empty message was refused for that alone.
    pub publish: Found<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    pub confirmed: u64,
    pub pending: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The latest answer, of the watcher or of this invocation.
    pub latest: Option<ProbeAnswer>,
    /// Whether this invocation probed, because the watcher had not.
    pub is_own: bool,
}

/// What the function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ourselves {
    pub version: String,
    pub function: String,
    pub mode: Mode,
    pub has_own_policy: bool,
    pub has_table: bool,
    pub has_topic: bool,
}
