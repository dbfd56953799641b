//! Events that come in the messages of SQS and SNS, and files of CloudTrail records, which are lists of the same look.
//!
//! In: `Records`, or an SNS notification. Out: what each message holds, read as if it had come by itself, except that
//! secrets are refused. A message that cannot be read is a problem and does not hurt the others.

use serde_json::value::RawValue;
use triage_model::problem::ProblemName;

use crate::batch::{Batch, Kind, Setting, SqsMessage};
use crate::json::{Member, Part, Raw, Scalar, object};
use crate::sniff::{Top, Wrapping};
use crate::{cloudtrail, json, sniff};

object! {
    struct Record<'a> {
        event_source: Scalar<'a> = "eventSource" | "EventSource",
        message_id: Scalar<'a> = "messageId",
        body: Raw<'a> = "body",
        sns: Part<Sns<'a>> = "Sns",
    }
}

object! {
    struct Sns<'a> {
        message_id: Scalar<'a> = "MessageId",
        message: Raw<'a> = "Message",
    }
}

/// Reads `Records`: an SQS batch, an SNS event, or a CloudTrail file. The first record tells which; the others are
/// taken for what they are.
pub fn read_records(records: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    // A list is told by its bracket, so that an object in its place is not called broken JSON.
    let records = if records.starts_with('[') { serde_json::from_str::<Vec<&RawValue>>(records).ok() } else { None };
    let Some(records) = records else {
        batch.problems.note(ProblemName::FieldWrongType, "Records is no array");
        return Kind::Unknown;
    };
    if records.is_empty() {
        batch.problems.note(ProblemName::BatchEmpty, "Records is empty");
    }
    let mut kind = None;
    for record in records {
        let found = read_one(record.get(), around, setting, batch);
        kind.get_or_insert(found);
    }
    kind.unwrap_or(Kind::Unknown)
}

fn read_one(text: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    let record = match serde_json::from_str::<Part<Record<'_>>>(text) {
        Ok(Part::Found(record)) => record,
        Ok(Part::Missing | Part::Wrong) => {
            batch.problems.note(ProblemName::FieldWrongType, "a record is no object");
            return Kind::Unknown;
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            return Kind::Unknown;
        }
    };
    match record.event_source.text() {
        Some("aws:sqs") => {
            let id = record.message_id.text();
            let from = batch.observations.len();
            read_message(&record.body, "body", around.inner(id), setting, batch);
            // Only the outermost batch can be answered message by message.
            if around.is_none() {
                let observations = from..batch.observations.len();
                batch.messages.push(SqsMessage { id: id.unwrap_or_default().to_owned(), observations });
            }
            Kind::Sqs
        }
        Some("aws:sns") => {
            match record.sns.found() {
                Some(sns) => {
                    read_message(&sns.message, "Sns.Message", around.inner(sns.message_id.text()), setting, batch);
                }
                None => batch.problems.note(ProblemName::FieldWrongType, "Sns is no object"),
            }
            Kind::Sns
        }
        // `aws:s3` and its like have an `eventName` too, but are no CloudTrail records.
        Some(other) if other.starts_with("aws:") => {
            batch.problems.note(ProblemName::EventUnknown, format!("a record of {other}"));
            Kind::Unknown
        }
        Some(_) | None => read_file_record(text, around, setting, batch),
    }
}

/// One record of a CloudTrail file, most of which are of other services.
fn read_file_record(text: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    let near = cloudtrail::Around { id: around.id, ..cloudtrail::Around::default() };
    match cloudtrail::read(text, near, setting, batch) {
        Ok(cloudtrail::Found::Ours | cloudtrail::Found::Foreign) => Kind::CloudTrailFile,
        Ok(cloudtrail::Found::NoRecord) => {
            sniff::note_unknown(text, batch);
            Kind::Unknown
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            Kind::Unknown
        }
    }
}

/// An SNS notification, as SNS posts it to SQS without raw delivery.
pub fn read_notification(top: &Top<'_>, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) {
    read_message(&top.sns_message, "Message", around.inner(top.sns_message_id.text()), setting, batch);
}

/// The event that stands in a message: JSON in a JSON string, or bare JSON where somebody unpacked it.
fn read_message(message: &Raw<'_>, field: &str, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) {
    let Some(raw) = message.get().filter(|_| message.is_given()) else {
        batch.problems.note(ProblemName::FieldWrongType, format!("{field} is missing"));
        return;
    };
    if !raw.starts_with('"') {
        sniff::read(raw, around, setting, batch);
        return;
    }
    match serde_json::from_str::<json::Key<'_>>(raw) {
        Ok(json::Key(text)) => {
            sniff::read(&text, around, setting, batch);
        }
        Err(error) => batch.problems.note(ProblemName::JsonInvalid, format!("{field}: {}", json::describe(&error))),
    }
}
