//! The surroundings of a record: the outermost keys of an event, and the facts they give about its content.
//!
//! In: JSON text. Out: [`OuterKeys`]: a few of them distinguish the kinds of events, the rest is EventBridge's
//! envelope; and [`Around`], which goes with a record to its decoder. Plain data, below the modules that interpret it.

use jiff::Timestamp;

use crate::batch::Batch;
use crate::json::{Member, Part, Raw, Scalar, object};
use crate::values;

object! {
    pub struct OuterKeys<'a> {
        awslogs: Part<Subscription<'a>> = "awslogs",
        records: Raw<'a> = "Records",
        message_type: Scalar<'a> = "messageType",
        log_events: Raw<'a> = "logEvents",
        detail_type: Scalar<'a> = "detail-type",
        source: Scalar<'a> = "source",
        detail: Raw<'a> = "detail",
        id: Scalar<'a> = "id",
        time: Scalar<'a> = "time",
        account: Scalar<'a> = "account",
        region: Scalar<'a> = "region",
        replay_name: Scalar<'a> = "replay-name",
        sns_type: Scalar<'a> = "Type",
        sns_message: Raw<'a> = "Message",
        sns_message_id: Scalar<'a> = "MessageId",
        sns_topic_arn: Scalar<'a> = "TopicArn",
        event_source: Raw<'a> = "eventSource",
        s3_bucket: Scalar<'a> = "s3Bucket",
        s3_keys: Raw<'a> = "s3ObjectKey",
        s3_event: Scalar<'a> = "Event",
        looked_up: Raw<'a> = "Events" | "events",
        trail_event: Raw<'a> = "CloudTrailEvent" | "cloudTrailEvent",
        ocsf_class: Raw<'a> = "class_uid",
        event_name: Raw<'a> = "eventName",
        operation: Raw<'a> = "operation",
        error: Raw<'a> = "error",
        doctor: Scalar<'a> = "doctor",
        test_notice: Scalar<'a> = "testNotice" | "test_notice",
        silence: Raw<'a> = "silence",
        acknowledge: Raw<'a> = "acknowledge",
        by: Scalar<'a> = "by",
        lasts: Scalar<'a> = "for",
    }
}

object! {
    /// The value of `awslogs`.
    pub struct Subscription<'a> {
        data: Scalar<'a> = "data",
    }
}

impl<'a> OuterKeys<'a> {
    /// The keys of an EventBridge envelope. None for any other text.
    pub fn of_envelope(text: &'a str) -> Option<Self> {
        match serde_json::from_str(text) {
            Ok(Part::Found(keys)) => Some(keys).filter(Self::is_envelope),
            Ok(Part::Missing | Part::Wrong) | Err(_) => None,
        }
    }

    pub fn is_envelope(&self) -> bool {
        self.detail_type.is_given() && (self.source.is_given() || self.detail.is_given())
    }

    /// When EventBridge received the event, if readable.
    pub fn delivered_at(&self) -> Option<Timestamp> {
        self.time.text().and_then(values::time)
    }

    /// The envelope's time. An unreadable one is noted as a problem.
    pub fn time_or_note(&self, batch: &mut Batch) -> Option<Timestamp> {
        values::time_or_note(&self.time, "the envelope's time", batch)
    }
}

/// The facts about a record or a `call` from outside it. They stand in for missing members.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// The envelope's `source`.
    pub source: Option<&'a str>,
    /// The envelope's `account`.
    pub account: Option<&'a str>,
    /// The envelope's time or the log event's: never before the call.
    pub time: Option<Timestamp>,
    pub region: Option<&'a str>,
    pub id: Option<&'a str>,
    pub replayed: bool,
    /// The account and region under which a trail filed it.
    pub filed: Option<Filed<'a>>,
}

/// Whose records a trail's file has, by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filed<'a> {
    pub account: &'a str,
    pub region: &'a str,
}

impl<'a> Around<'a> {
    /// Only the message id, if there is one.
    pub fn of_message(id: Option<&'a str>) -> Self {
        Self { id, ..Self::default() }
    }

    /// The program that put an event on the bus, as EventBridge names it.
    pub fn program(&self) -> Option<String> {
        let source = self.source?;
        let name = self.account.map_or_else(|| source.to_owned(), |account| format!("{source} of account {account}"));
        Some(values::shown_name(&name))
    }
}
