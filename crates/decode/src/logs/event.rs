//! One log event, from an element of a document's list.
//!
//! In: an [`Element`](crate::logs::document::Element) that is not too long. Out: a [`LogEvent`], whose message is still
//! a JSON string, because most lines are checked without unescaping.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::json::{Key, Part, Raw, Scalar, object};
use crate::logs::document::Canonical;

/// One log event.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent<'a> {
    pub id: Cow<'a, str>,
    /// None if missing or not a time.
    pub timestamp: Option<Timestamp>,
    /// When CloudWatch Logs received it; a subscription does not deliver this.
    pub ingested: Option<Timestamp>,
    /// A JSON string, quotes and escapes included.
    pub message: Cow<'a, str>,
}

impl LogEvent<'_> {
    /// When it became readable: a log event's own time is mostly the time it was sent.
    pub fn arrival(&self) -> Option<Timestamp> {
        self.ingested.or(self.timestamp)
    }
}

impl<'a> LogEvent<'a> {
    /// Invalid UTF-8 is replaced.
    pub fn of_canonical(canonical: Canonical<'a>) -> Self {
        Self {
            id: String::from_utf8_lossy(canonical.id),
            timestamp: canonical.time(),
            ingested: None,
            message: String::from_utf8_lossy(canonical.message),
        }
    }
}

impl Canonical<'_> {
    pub fn time(&self) -> Option<Timestamp> {
        str::from_utf8(self.timestamp).ok().and_then(milliseconds)
    }
}

object! {
    struct RawEvent<'a> {
        id: Raw<'a> = "id",
        timestamp: Scalar<'a> = "timestamp",
        ingested: Scalar<'a> = "ingestionTime",
        message: Raw<'a> = "message",
    }
}

/// The kind of an element in any form.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// `is_text`: the message is a text, as it should be. If it was unpacked on the way, its JSON is the line.
    Event { event: LogEvent<'a>, is_text: bool },
    /// Without a message there is nothing to read.
    WithoutMessage,
    /// JSON, but no object.
    NoObject,
}

/// Parses an element in any form.
pub fn parse(element: &str) -> Result<Parsed<'_>, serde_json::Error> {
    let Part::Found(event) = serde_json::from_str::<Part<RawEvent<'_>>>(element)? else { return Ok(Parsed::NoObject) };
    let (message, is_text) = match event.message.get() {
        None | Some("null") => return Ok(Parsed::WithoutMessage),
        Some(text) if text.starts_with('"') => (Cow::Borrowed(text), true),
        Some(text) => (Cow::Owned(serde_json::Value::from(text).to_string()), false),
    };
    let time = |scalar: &Scalar<'_>| scalar.text().and_then(milliseconds);
    let (timestamp, ingested) = (time(&event.timestamp), time(&event.ingested));
    Ok(Parsed::Event { event: LogEvent { id: id(event.id), timestamp, ingested, message }, is_text })
}

fn milliseconds(text: &str) -> Option<Timestamp> {
    text.parse().ok().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
}

/// An id is a text of digits; as a JSON number it would lose digits.
fn id(raw: Raw<'_>) -> Cow<'_, str> {
    match raw.get() {
        None | Some("null") => Cow::Borrowed(""),
        Some(text) if text.starts_with('"') => match serde_json::from_str::<Key<'_>>(text) {
            Ok(Key(id)) => id,
            Err(_) => Cow::Borrowed(""),
        },
        Some(text) => Cow::Borrowed(text),
    }
}
