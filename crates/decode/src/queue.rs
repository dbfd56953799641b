//! SQS and SNS messages, records of a Kinesis stream, notifications of S3, and files of CloudTrail records: lists of the same shape.
//!
//! In: `Records`, one record of them, or an SNS notification. Out: the text of each message: an event, not decoded
//! here; of a Kinesis record its base64. An unreadable message is a problem and does not affect the others.

use std::borrow::Cow;

use serde_json::value::RawValue;
use triage_model::problem::{Problem, ProblemName};

use crate::envelope::OuterKeys;
use crate::json;
use crate::json::{Member, Part, Raw, Scalar, object};

object! {
    struct QueueRecord<'a> {
        event_source: Scalar<'a> = "eventSource" | "EventSource",
        message_id: Scalar<'a> = "messageId",
        source_arn: Scalar<'a> = "eventSourceARN",
        body: Raw<'a> = "body",
        sns: Part<Sns<'a>> = "Sns",
        kinesis: Part<Kinesis<'a>> = "kinesis",
        event_name: Scalar<'a> = "eventName",
        s3: Part<S3<'a>> = "s3",
    }
}

object! {
    struct Kinesis<'a> {
        sequence: Scalar<'a> = "sequenceNumber",
        data: Scalar<'a> = "data",
    }
}

object! {
    struct S3<'a> {
        bucket: Part<S3Bucket<'a>> = "bucket",
        object: Part<S3Object<'a>> = "object",
    }
}

object! {
    struct S3Bucket<'a> {
        name: Scalar<'a> = "name",
    }
}

object! {
    struct S3Object<'a> {
        key: Scalar<'a> = "key",
        size: Scalar<'a> = "size",
    }
}

object! {
    struct Sns<'a> {
        message_id: Scalar<'a> = "MessageId",
        topic_arn: Scalar<'a> = "TopicArn",
        message: Raw<'a> = "Message",
    }
}

/// The kind of one record in `Records`.
#[derive(Debug, PartialEq)]
pub enum Opened<'a> {
    Sqs(Message<'a>),
    Sns(Message<'a>),
    Kinesis(Streamed<'a>),
    /// S3 says what became of an object: None where it was not created.
    S3(Option<NamedObject>),
    /// Not a message: perhaps a record of a CloudTrail file.
    TrailRecord,
}

/// One message.
#[derive(Debug, PartialEq)]
pub struct Message<'a> {
    pub id: Option<String>,
    /// The ARN of the queue or the topic.
    pub arn: Option<String>,
    /// The event in it, or why there is none.
    pub event: Result<Cow<'a, str>, Problem>,
}

/// An object by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedObject {
    pub bucket: String,
    pub key: String,
    /// In bytes, where it is said.
    pub size: Option<u64>,
}

/// One record of a stream.
#[derive(Debug, PartialEq)]
pub struct Streamed<'a> {
    pub sequence: Option<String>,
    /// The ARN of the stream.
    pub arn: Option<String>,
    /// The base64 in it, or why there is none.
    pub data: Result<Cow<'a, str>, Problem>,
}

/// The list of records.
pub fn records(text: &str) -> Result<Vec<&RawValue>, Problem> {
    // The bracket decides that it is a list, so that an object there is not reported as broken JSON.
    let records = if text.starts_with('[') { serde_json::from_str(text).ok() } else { None };
    records.ok_or_else(|| Problem::new(ProblemName::FieldWrongType, "Records is not an array"))
}

/// Opens one record, each by its own kind, whatever the first one was.
pub fn open(text: &str) -> Result<Opened<'_>, Problem> {
    let record = match serde_json::from_str::<Part<QueueRecord<'_>>>(text) {
        Ok(Part::Found(record)) => record,
        Ok(Part::Missing | Part::Wrong) => {
            return Err(Problem::new(ProblemName::FieldWrongType, "a record is not an object"));
        }
        Err(error) => return Err(Problem::new(ProblemName::JsonInvalid, json::describe(&error))),
    };
    match record.event_source.text() {
        Some("aws:sqs") => Ok(Opened::Sqs(message(&record.message_id, &record.source_arn, record.body, "body"))),
        Some("aws:sns") => Ok(Opened::Sns(match record.sns.found() {
            Some(sns) => message(&sns.message_id, &sns.topic_arn, sns.message, "Sns.Message"),
            None => Message {
                id: None,
                arn: None,
                event: Err(Problem::new(ProblemName::FieldWrongType, "Sns is not an object")),
            },
        })),
        Some("aws:kinesis") => {
            let arn = record.source_arn.text().map(str::to_owned);
            Ok(Opened::Kinesis(match record.kinesis {
                Part::Found(kinesis) => Streamed {
                    sequence: kinesis.sequence.text().map(str::to_owned),
                    arn,
                    data: match kinesis.data {
                        Scalar::Text(data) => Ok(data),
                        Scalar::Missing | Scalar::Wrong => {
                            Err(Problem::new(ProblemName::FieldWrongType, "kinesis.data is not a text"))
                        }
                    },
                },
                Part::Missing | Part::Wrong => Streamed {
                    sequence: None,
                    arn,
                    data: Err(Problem::new(ProblemName::FieldWrongType, "kinesis is not an object")),
                },
            }))
        }
        Some("aws:s3") => created(&record).map(Opened::S3),
        // `aws:dynamodb` and others have an `eventName` too, but are not CloudTrail records.
        Some(other) if other.starts_with("aws:") => {
            Err(Problem::new(ProblemName::EventUnknown, format!("a record of {other}")))
        }
        Some(_) | None => Ok(Opened::TrailRecord),
    }
}

fn created(record: &QueueRecord<'_>) -> Result<Option<NamedObject>, Problem> {
    if !record.event_name.text().is_some_and(|name| name.trim_start_matches("s3:").starts_with("ObjectCreated:")) {
        return Ok(None);
    }
    let s3 = record.s3.found();
    let bucket = s3.and_then(|s3| s3.bucket.found()).and_then(|bucket| bucket.name.text());
    let object = s3.and_then(|s3| s3.object.found());
    match (bucket, object.and_then(|object| object.key.text())) {
        (Some(bucket), Some(key)) => Ok(Some(NamedObject {
            bucket: bucket.to_owned(),
            key: url_decoded(key),
            size: object.and_then(|object| object.size.text()?.parse().ok()),
        })),
        (None, _) | (_, None) => {
            Err(Problem::new(ProblemName::FieldWrongType, "a notification of S3 without bucket or key"))
        }
    }
}

/// The key as S3 has it: its notifications write a space as `+`, and most other characters as `%` and two digits.
fn url_decoded(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten().and_then(hexadecimal);
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digits.iter().try_fold(0, |value, byte| Some(value * 16 + digit(*byte)?))
}

/// The files of CloudTrail's own notification.
pub fn trail_files(keys: &OuterKeys<'_>) -> Result<Vec<NamedObject>, Problem> {
    let files =
        keys.s3_keys.get().filter(|list| list.starts_with('[')).and_then(|list| serde_json::from_str(list).ok());
    let (Some(bucket), Some(files)) = (keys.s3_bucket.text(), files) else {
        return Err(Problem::new(
            ProblemName::FieldWrongType,
            "s3Bucket is not a text, or s3ObjectKey not a list of texts",
        ));
    };
    let files: Vec<String> = files;
    Ok(files.into_iter().map(|key| NamedObject { bucket: bucket.to_owned(), key, size: None }).collect())
}

/// The message of an SNS notification.
pub fn notified<'a>(keys: &OuterKeys<'a>) -> Message<'a> {
    message(&keys.sns_message_id, &keys.sns_topic_arn, keys.sns_message, "Message")
}

/// The event in a message: JSON in a JSON string, or an object if it was unpacked.
fn message<'a>(id: &Scalar<'_>, arn: &Scalar<'_>, message: Raw<'a>, field: &str) -> Message<'a> {
    let event = match message.get().filter(|_| message.is_given()) {
        None => Err(Problem::new(ProblemName::FieldWrongType, format!("{field} is missing"))),
        Some(raw) if !raw.starts_with('"') => Ok(Cow::Borrowed(raw)),
        Some(raw) => match serde_json::from_str(raw) {
            Ok(json::Key(text)) => Ok(text),
            Err(error) => Err(Problem::new(ProblemName::JsonInvalid, format!("{field}: {}", json::describe(&error)))),
        },
    };
    Message { id: id.text().map(str::to_owned), arn: arn.text().map(str::to_owned), event }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_opened_by_its_own_kind() {
        let described = |text| match open(text) {
            Ok(Opened::Sqs(message)) => format!("sqs {}", shown(message)),
            Ok(Opened::Sns(message)) => format!("sns {}", shown(message)),
            Ok(Opened::TrailRecord) => "record".to_owned(),
            Ok(Opened::S3(None)) => "s3 no new object".to_owned(),
            Ok(Opened::S3(Some(NamedObject { bucket, key, size }))) => format!("s3 {bucket} {key} {size:?}"),
            Ok(Opened::Kinesis(Streamed { sequence, arn, data })) => format!(
                "kinesis {} of {}: {}",
                sequence.as_deref().unwrap_or("-"),
                arn.as_deref().unwrap_or("-"),
                data.map_or_else(|problem| problem.detail, Cow::into_owned)
            ),
            Err(problem) => format!("{}: {}", problem.name, problem.detail),
        };
        for (text, what) in [
            (r#"{"eventSource":"aws:sqs","messageId":"m","body":"{\"a\":1}"}"#, r#"sqs m {"a":1}"#),
            (r#"{"eventSource":"aws:sqs","messageId":7,"body":{"a":1}}"#, r#"sqs 7 {"a":1}"#),
            (r#"{"eventSource":"aws:sqs"}"#, "sqs - field_wrong_type: body is missing"),
            (r#"{"eventSource":"aws:sqs","body":"\ud83d"}"#, "sqs - json_invalid: body: not JSON at line 1 column 8"),
            (r#"{"EventSource":"aws:sns","Sns":{"MessageId":"n","Message":"[]"}}"#, "sns n []"),
            (r#"{"EventSource":"aws:sns","Sns":7}"#, "sns - field_wrong_type: Sns is not an object"),
            (
                r#"{"eventSource":"aws:kinesis","eventSourceARN":"a","kinesis":{"sequenceNumber":"1","data":"eA\u003d="}}"#,
                "kinesis 1 of a: eA==",
            ),
            (r#"{"eventSource":"aws:kinesis","kinesis":{"data":{}}}"#, "kinesis - of -: kinesis.data is not a text"),
            (r#"{"eventSource":"aws:kinesis","kinesis":7}"#, "kinesis - of -: kinesis is not an object"),
            (r#"{"eventSource":"sso.amazonaws.com"}"#, "record"),
            (r#"{"eventSource":"aws:dynamodb"}"#, "event_unknown: a record of aws:dynamodb"),
            (r#"{"eventSource":"aws:s3","eventName":"ObjectRemoved:Delete"}"#, "s3 no new object"),
            (
                r#"{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"a+b%2Fc%2b%zz%","size":7}}}"#,
                "s3 b a b/c+%zz% Some(7)",
            ),
            (
                r#"{"eventSource":"aws:s3","eventName":"ObjectCreated:CompleteMultipartUpload","s3":{"bucket":{"name":"b"},"object":{"key":"%C3%A4"}}}"#,
                "s3 b \u{e4} None",
            ),
            (
                r#"{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"}}}"#,
                "field_wrong_type: a notification of S3 without bucket or key",
            ),
            ("7", "field_wrong_type: a record is not an object"),
        ] {
            assert_eq!(described(text), what, "{text}");
        }
    }

    fn shown(message: Message<'_>) -> String {
        let id = message.id.unwrap_or_else(|| "-".to_owned());
        match message.event {
            Ok(event) => format!("{id} {event}"),
            Err(problem) => format!("{id} {}: {}", problem.name, problem.detail),
        }
    }
}
