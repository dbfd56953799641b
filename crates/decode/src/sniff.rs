//! The kind of a text, from its keys.
//!
//! In: JSON text, bare or from a wrapper. Out: [`Sniffed`], with the parts for its decoder, or the problem that it is
//! none of these. Nothing is decoded, configured or tried twice: each kind has keys that no other has.

use serde_json::value::RawValue;
use triage_model::problem::{Problem, ProblemName};

use crate::envelope::{OuterKeys, Subscription};
use crate::json::{Member, Part};
use crate::{json, operator, values};

/// The kind of a text.
#[derive(Debug)]
pub enum Sniffed<'a> {
    /// A list of events.
    List(Vec<&'a RawValue>),
    /// A JSON string: perhaps an event.
    Text(String),
    /// The `awslogs` of a CloudWatch Logs event.
    Subscription(Part<Subscription<'a>>),
    /// The `Records` of SQS, of SNS or of a CloudTrail file.
    Records(&'a str),
    /// A CloudWatch Logs document that was unpacked on the way.
    LogDocument,
    /// An envelope of EventBridge.
    Envelope(Box<OuterKeys<'a>>),
    /// An SNS notification, as SNS posts it to SQS without raw delivery.
    Notification(Box<OuterKeys<'a>>),
    /// CloudTrail's own notification of files in its bucket.
    TrailFiles(Box<OuterKeys<'a>>),
    /// What S3 or CloudTrail sends once, where somebody sets up notifications.
    SetUp,
    /// A CloudTrail record by itself.
    TrailRecord,
    /// A CloudTrail record in OCSF.
    Ocsf,
    /// The `Events` of `aws cloudtrail lookup-events`.
    LookedUp(&'a str),
    /// The `CloudTrailEvent` of one of them.
    LookedUpEvent(&'a str),
    /// The bare `detail` of a `call`.
    Call,
    /// A request of an operator.
    Operator(Box<OuterKeys<'a>>),
}

/// CloudTrail's first message to a topic.
const VALIDATION: &str = "CloudTrail validation message.";
/// S3's first message to a queue or a topic.
const TEST_EVENT: &str = "s3:TestEvent";

/// Finds the kind of a text.
pub fn sniff(text: &str) -> Result<Sniffed<'_>, Problem> {
    let invalid = |error| Problem::new(ProblemName::JsonInvalid, json::describe(&error));
    if text.trim() == VALIDATION {
        return Ok(Sniffed::SetUp);
    }
    match text.trim_start().as_bytes().first() {
        Some(b'[') => return serde_json::from_str(text).map(Sniffed::List).map_err(invalid),
        Some(b'"') => return serde_json::from_str(text).map(Sniffed::Text).map_err(invalid),
        _ => {}
    }
    let keys = match serde_json::from_str::<Part<OuterKeys<'_>>>(text).map_err(invalid)? {
        Part::Found(keys) => keys,
        Part::Missing | Part::Wrong => {
            return Err(Problem::new(ProblemName::EventUnknown, "JSON, but not an object"));
        }
    };
    if keys.awslogs.is_given() {
        Ok(Sniffed::Subscription(keys.awslogs))
    } else if let Some(records) = keys.records.get().filter(|_| keys.records.is_given()) {
        Ok(Sniffed::Records(records))
    } else if keys.log_events.is_given() {
        Ok(Sniffed::LogDocument)
    } else if keys.is_envelope() {
        Ok(Sniffed::Envelope(Box::new(keys)))
    } else if keys.sns_type.text() == Some("Notification") {
        Ok(Sniffed::Notification(Box::new(keys)))
    } else if keys.s3_bucket.is_given() && keys.s3_keys.is_given() {
        Ok(Sniffed::TrailFiles(Box::new(keys)))
    } else if keys.s3_event.text() == Some(TEST_EVENT) {
        Ok(Sniffed::SetUp)
    } else if keys.event_source.is_given() && keys.event_name.is_given() {
        Ok(Sniffed::TrailRecord)
    } else if let Some(record) = keys.trail_event.get().filter(|_| keys.trail_event.is_given()) {
        Ok(Sniffed::LookedUpEvent(record))
    } else if let Some(events) = keys.looked_up.get().filter(|_| keys.looked_up.is_given()) {
        Ok(Sniffed::LookedUp(events))
    } else if keys.ocsf_class.is_given() {
        Ok(Sniffed::Ocsf)
    } else if keys.operation.is_given() || keys.error.is_object() {
        Ok(Sniffed::Call)
    } else if operator::is_given(&keys) {
        Ok(Sniffed::Operator(Box::new(keys)))
    } else {
        Err(values::unknown_object(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_decide_the_kind() {
        let described = |text| match sniff(text) {
            Ok(Sniffed::List(items)) => format!("list of {}", items.len()),
            Ok(Sniffed::Text(text)) => format!("text {text}"),
            Ok(Sniffed::Subscription(_)) => "subscription".to_owned(),
            Ok(Sniffed::Records(records)) => format!("records {records}"),
            Ok(Sniffed::LogDocument) => "log document".to_owned(),
            Ok(Sniffed::Envelope(keys)) => format!("envelope {:?}", keys.id.text()),
            Ok(Sniffed::Notification(keys)) => format!("notification {:?}", keys.sns_message_id.text()),
            Ok(Sniffed::TrailFiles(keys)) => format!("files {:?}", keys.s3_bucket.text()),
            Ok(Sniffed::SetUp) => "set up".to_owned(),
            Ok(Sniffed::TrailRecord) => "record".to_owned(),
            Ok(Sniffed::Ocsf) => "ocsf".to_owned(),
            Ok(Sniffed::LookedUp(events)) => format!("looked up {events}"),
            Ok(Sniffed::LookedUpEvent(record)) => format!("looked up event {record}"),
            Ok(Sniffed::Call) => "call".to_owned(),
            Ok(Sniffed::Operator(keys)) => format!("operator {:?}", keys.test_notice.text()),
            Err(problem) => format!("{}: {}", problem.name, problem.detail),
        };
        for (text, what) in [
            (" [{},7]", "list of 2"),
            (r#""a\u0041""#, "text aA"),
            (r#"{"awslogs":7}"#, "subscription"),
            (r#"{"Records":{}}"#, "records {}"),
            (r#"{"logEvents":[]}"#, "log document"),
            (r#"{"detail-type":"x","source":"y","id":"1","Records":null}"#, r#"envelope Some("1")"#),
            (r#"{"Type":"Notification","MessageId":"1"}"#, r#"notification Some("1")"#),
            (r#"{"s3Bucket":"b","s3ObjectKey":["k"]}"#, r#"files Some("b")"#),
            (r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#, "set up"),
            ("CloudTrail validation message.", "set up"),
            (r#"{"eventSource":"a","eventName":"b"}"#, "record"),
            (r#"{"class_uid":6003,"metadata":{}}"#, "ocsf"),
            (r#"{"Events":[],"NextToken":"x"}"#, "looked up []"),
            (r#"{"EventId":"1","CloudTrailEvent":"{}"}"#, r#"looked up event "{}""#),
            (r#"{"operation":"CreateToken"}"#, "call"),
            (r#"{"error":{}}"#, "call"),
            (r#"{"testNotice":"outage"}"#, r#"operator Some("outage")"#),
            (r#"{"testNotice":null}"#, "event_unknown: an object with the keys [testNotice]"),
            (r#"{"testNotice":"outage","operation":"CreateToken"}"#, "call"),
            (r#"{"error":7}"#, "event_unknown: an object with the keys [error]"),
            ("7", "event_unknown: JSON, but not an object"),
            ("[1", "json_invalid: JSON that ends early at line 1 column 2"),
            ("", "json_invalid: JSON that ends early at line 1 column 0"),
        ] {
            assert_eq!(described(text), what, "{text}");
        }
    }
}
