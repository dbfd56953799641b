//! What a payload is, told by its keys.
//!
//! In: JSON text, as it came or out of a wrapping. Out: its [`Kind`], and what the decoder of that kind put into the
//! batch. Wrappings (SQS around SNS around an envelope) are followed to a bounded depth. Nothing is configured and
//! nothing is tried twice: each kind has keys that no other has.

use serde_json::value::RawValue;
use triage_model::problem::ProblemName;

use crate::batch::{Batch, Kind, Setting};
use crate::json::{Member, Part, Raw, Scalar, object};
use crate::{call, cloudtrail, eventbridge, fields, json, logs, queue};

/// SQS around SNS around an envelope is three; one more for a file that lists them.
const WRAPPINGS_MAX: usize = 4;

/// What stands around a piece of JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wrapping<'a> {
    pub depth: usize,
    /// The id of the message it came in, for what has none of its own.
    pub id: Option<&'a str>,
}

impl<'a> Wrapping<'a> {
    /// Nothing is around it: the payload of the invocation itself.
    pub fn is_none(self) -> bool {
        self.depth == 0
    }

    pub fn inner<'b>(self, id: Option<&'b str>) -> Wrapping<'b>
    where
        'a: 'b,
    {
        Wrapping { depth: self.depth + 1, id: id.or(self.id) }
    }
}

object! {
    /// The keys that tell the kinds apart, and the rest of an EventBridge envelope.
    pub struct Top<'a> {
        awslogs: Part<logs::Subscription<'a>> = "awslogs",
        records: Raw<'a> = "Records",
        message_type: Scalar<'a> = "messageType",
        log_events: Raw<'a> = "logEvents",
        detail_type: Scalar<'a> = "detail-type",
        source: Scalar<'a> = "source",
        detail: Raw<'a> = "detail",
        id: Scalar<'a> = "id",
        time: Scalar<'a> = "time",
        region: Scalar<'a> = "region",
        replay_name: Scalar<'a> = "replay-name",
        sns_type: Scalar<'a> = "Type",
        sns_message: Raw<'a> = "Message",
        sns_message_id: Scalar<'a> = "MessageId",
        event_source: Raw<'a> = "eventSource",
        event_name: Raw<'a> = "eventName",
        operation: Raw<'a> = "operation",
        error: Raw<'a> = "error",
    }
}

impl Top<'_> {
    pub fn is_envelope(&self) -> bool {
        self.detail_type.is_given() && (self.source.is_given() || self.detail.is_given())
    }
}

/// Whether a text is an EventBridge envelope.
pub fn is_envelope(text: &str) -> bool {
    serde_json::from_str::<Part<Top<'_>>>(text).is_ok_and(|top| top.found().is_some_and(Top::is_envelope))
}

/// Reads one piece of JSON into the batch and tells what it is.
pub fn read(text: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    if around.depth > WRAPPINGS_MAX {
        batch.problems.note(ProblemName::NestedTooDeeply, format!("more than {WRAPPINGS_MAX} wrappings"));
        return Kind::Unknown;
    }
    match text.trim_start().as_bytes().first() {
        Some(b'[') => return read_list(text, around, setting, batch),
        Some(b'"') => return read_text(text, around, setting, batch),
        _ => {}
    }
    let top = match serde_json::from_str::<Part<Top<'_>>>(text) {
        Ok(Part::Found(top)) => top,
        Ok(Part::Missing | Part::Wrong) => {
            batch.problems.note(ProblemName::EventUnknown, "JSON, but no object");
            return Kind::Unknown;
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            return Kind::Unknown;
        }
    };
    if top.awslogs.is_given() {
        logs::read_subscription(&top.awslogs, setting, batch)
    } else if let Some(records) = top.records.get().filter(|_| top.records.is_given()) {
        queue::read_records(records, around, setting, batch)
    } else if top.log_events.is_given() {
        logs::read_document(text, None, setting, batch)
    } else if top.is_envelope() {
        eventbridge::read(&top, around, setting, batch)
    } else if top.sns_type.text() == Some("Notification") {
        queue::read_notification(&top, around, setting, batch);
        Kind::Sns
    } else if top.event_source.is_given() && top.event_name.is_given() {
        read_record(text, around, setting, batch)
    } else if top.operation.is_given() || top.error.is_object() {
        let envelope = call::Envelope { id: around.id, time: None, replayed: false };
        call::read(text, envelope, around.is_none(), setting, batch);
        Kind::CallDirect
    } else {
        note_unknown(text, batch);
        Kind::Unknown
    }
}

/// A text is read for what stands in it: so a program that encodes its event twice is understood, and a payload that is
/// no JSON at all, which reaches us as a text, is named by what is wrong with it.
fn read_text(text: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    match serde_json::from_str::<String>(text) {
        Ok(inner) => {
            if inner.contains(char::REPLACEMENT_CHARACTER) {
                batch.problems.note(ProblemName::Utf8Invalid, "replaced");
            }
            read(&inner, around.inner(None), setting, batch)
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            Kind::Unknown
        }
    }
}

fn read_list(text: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(items) if items.is_empty() => batch.problems.note(ProblemName::BatchEmpty, "an empty array"),
        Ok(items) => {
            for item in items {
                read(item.get(), around.inner(None), setting, batch);
            }
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            return Kind::Unknown;
        }
    }
    Kind::List
}

/// A CloudTrail record that stands by itself.
fn read_record(text: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    let around = cloudtrail::Around { id: around.id, ..cloudtrail::Around::default() };
    match cloudtrail::read(text, around, setting, batch) {
        Ok(cloudtrail::Found::Ours) => Kind::CloudTrail,
        Ok(cloudtrail::Found::Foreign) => Kind::Foreign,
        Ok(cloudtrail::Found::NoRecord) => {
            note_unknown(text, batch);
            Kind::Unknown
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            Kind::Unknown
        }
    }
}

/// Notes an event of no known kind by the names of its keys: their values may be anything.
pub fn note_unknown(text: &str, batch: &mut Batch) {
    let keys: Vec<String> = match serde_json::from_str::<json::Keys>(text) {
        Ok(json::Keys(keys)) => keys,
        Err(_) => Vec::new(),
    };
    let told = fields::listed_keys(keys.iter().map(String::as_str));
    batch.problems.note(ProblemName::EventUnknown, format!("an object with the keys [{told}]"));
}
