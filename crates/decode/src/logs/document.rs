//! From the document of a CloudWatch Logs subscription to its log events.
//!
//! In: JSON text, perhaps cut short. Out: a [`Document`] whose messages are still JSON strings, because most lines are
//! looked at without being unescaped. There are two ways to the same result. The general one parses the document.
//! The quick one cuts it where one log event ends and the next begins, and parses only its two ends; it takes no form
//! but the one in which CloudWatch Logs writes.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json;
use crate::json::{Key, Part, Raw, Scalar, object};
use crate::logs::signs::Guess;
use crate::logs::{escape, signs};

/// One log event.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent<'a> {
    pub id: Cow<'a, str>,
    /// None where it is missing or no time.
    pub timestamp: Option<Timestamp>,
    /// When CloudWatch Logs took it, which what it delivers to a subscription does not tell.
    pub ingested: Option<Timestamp>,
    /// A JSON string, quotes and escapes included.
    pub message: Cow<'a, str>,
    /// Looked at as soon as the message is found, while it is in the processor's cache.
    pub guess: Guess,
}

impl LogEvent<'_> {
    /// When it was there to be read: a log event's own time is mostly the one at which it was sent.
    pub fn arrival(&self) -> Option<Timestamp> {
        self.ingested.or(self.timestamp)
    }
}

#[derive(Debug, Default)]
pub struct Document<'a> {
    pub message_type: Option<String>,
    pub log_group: Option<String>,
    pub events: Vec<LogEvent<'a>>,
    /// What was of a wrong type, once for each.
    pub wrong: Vec<&'static str>,
    /// Why the reading stopped before the end. The log events before it are there.
    pub error: Option<serde_json::Error>,
}

/// Reads a document. `own_client_ids` are those of our own probe, see [`signs::guess`].
pub fn read<'a>(text: &'a str, own_client_ids: &[String]) -> Document<'a> {
    quick(text, own_client_ids).unwrap_or_else(|| general(text, own_client_ids))
}

object! {
    struct RawEvent<'a> {
        id: Raw<'a> = "id",
        timestamp: Scalar<'a> = "timestamp",
        ingested: Scalar<'a> = "ingestionTime",
        message: Raw<'a> = "message",
    }
}

// --- The quick way

/// Where the first log event begins.
const OPENING: &str = r#""logEvents":[{"id":"#;
/// Where one log event ends and the next begins. In a JSON string a quote has a backslash before it, so this cannot
/// stand in a message.
const BOUNDARY: &str = r#"},{"id":"#;
/// The length of `},{`: what a boundary has before the next event's first key.
const BOUNDARY_LEAD: usize = 3;
/// What a log event takes at least in practice, to make room for all at once. No harm is done where it takes less.
const EVENT_MIN: usize = 1024;

/// The document in CloudWatch Logs' own form: compact, each log event's `id`, `timestamp` and `message` in this order
/// and nothing else in it. None for any other form, and for a document that was cut short.
pub fn quick<'a>(text: &'a str, own_client_ids: &[String]) -> Option<Document<'a>> {
    let opening = memmem::find(text.as_bytes(), OPENING.as_bytes())?;
    let mut document = Document::default();
    read_end(&mut document, text[..opening].strip_suffix(',').unwrap_or(&text[..opening]), "}")?;

    document.events.reserve(text.len() / EVENT_MIN);
    let mut from = opening + OPENING.len() - r#""id":"#.len();
    let start = from;
    for boundary in memmem::find_iter(&text.as_bytes()[start..], BOUNDARY.as_bytes()) {
        document.events.push(canonical(&text[from..start + boundary], own_client_ids)?);
        from = start + boundary + BOUNDARY_LEAD;
    }
    // The last one is not cut off by a boundary: only parsing tells where it ends.
    let last = &text[from - 1..];
    let mut stream = serde_json::Deserializer::from_str(last).into_iter::<&RawValue>();
    let raw = stream.next()?.ok()?.get();
    document.events.push(canonical(raw.strip_prefix('{')?.strip_suffix('}')?, own_client_ids)?);
    let tail = last[stream.byte_offset()..].strip_prefix(']')?;
    match tail.strip_prefix(',') {
        Some(more) => read_end(&mut document, "{", more)?,
        None if tail.trim_end() == "}" => {}
        None => return None,
    }
    Some(document)
}

/// Reads the members before or after the log events.
fn read_end(document: &mut Document<'_>, start: &str, end: &str) -> Option<()> {
    let end = general(&format!("{start}{end}"), &[]).into_owned_end()?;
    document.message_type = document.message_type.take().or(end.message_type);
    document.log_group = document.log_group.take().or(end.log_group);
    document.wrong.extend(end.wrong);
    Some(())
}

impl Document<'_> {
    /// The members of one end, if it is sound and has no log events of its own.
    fn into_owned_end(self) -> Option<Document<'static>> {
        let Self { message_type, log_group, events, wrong, error } = self;
        (events.is_empty() && error.is_none()).then_some(Document {
            message_type,
            log_group,
            wrong,
            ..Document::default()
        })
    }
}

/// `"id":"1","timestamp":2,"message":"..."`
fn canonical<'a>(inner: &'a str, own_client_ids: &[String]) -> Option<LogEvent<'a>> {
    let rest = inner.strip_prefix(r#""id":""#)?;
    let end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
    let (id, rest) = rest.split_at(end);
    let rest = rest.strip_prefix(r#"","timestamp":"#)?;
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = rest.split_at(end);
    let message = rest.strip_prefix(r#","message":"#)?;
    // A number with a leading zero is no JSON.
    if digits.is_empty() || digits.len() > 1 && digits.starts_with('0') || !escape::is_one_string(message.as_bytes()) {
        return None;
    }
    Some(LogEvent {
        id: Cow::Borrowed(id),
        timestamp: milliseconds(digits),
        ingested: None,
        message: Cow::Borrowed(message),
        guess: signs::guess(message, own_client_ids),
    })
}

fn milliseconds(text: &str) -> Option<Timestamp> {
    text.parse().ok().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
}

// --- The general way

/// The document in any form of JSON. What was read before an error is kept.
pub fn general<'a>(text: &'a str, own_client_ids: &[String]) -> Document<'a> {
    let mut document = Document::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = Whole { document: &mut document, own_client_ids }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    document.error = result.err();
    document
}

/// Reads the document's members.
struct Whole<'d, 'a> {
    document: &'d mut Document<'a>,
    own_client_ids: &'d [String],
}

impl<'de> DeserializeSeed<'de> for Whole<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document of CloudWatch Logs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let text = |scalar: Scalar<'de>| scalar.text().map(str::to_owned);
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            match key.as_ref() {
                "messageType" => self.document.message_type = text(map.next_value()?),
                "logGroup" => self.document.log_group = text(map.next_value()?),
                "logEvents" => {
                    map.next_value_seed(Events { document: self.document, own_client_ids: self.own_client_ids })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Reads the list of log events, each kept as soon as it is read.
struct Events<'d, 'a> {
    document: &'d mut Document<'a>,
    own_client_ids: &'d [String],
}

impl<'de> DeserializeSeed<'de> for Events<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Events<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("log events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<&'de RawValue>()? {
            self.document.take(raw, self.own_client_ids);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.document.note_wrong("logEvents");
        json::skip_map(map)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.document.note_wrong("logEvents");
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.document.note_wrong("logEvents");
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.document.note_wrong("logEvents");
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.document.note_wrong("logEvents");
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.document.note_wrong("logEvents");
        Ok(())
    }
}

impl<'a> Document<'a> {
    fn note_wrong(&mut self, field: &'static str) {
        if !self.wrong.contains(&field) {
            self.wrong.push(field);
        }
    }

    /// Takes one log event. One without a message tells nothing.
    fn take(&mut self, raw: &'a RawValue, own_client_ids: &[String]) {
        let Ok(Part::Found(event)) = serde_json::from_str::<Part<RawEvent<'a>>>(raw.get()) else {
            self.note_wrong("logEvents[]");
            return;
        };
        let message = match event.message.get() {
            None | Some("null") => return,
            Some(text) if text.starts_with('"') => Cow::Borrowed(text),
            // Somebody unpacked the message on the way: its JSON is the line.
            Some(text) => {
                self.note_wrong("message");
                Cow::Owned(serde_json::Value::from(text).to_string())
            }
        };
        let timestamp = event.timestamp.text().and_then(milliseconds);
        let ingested = event.ingested.text().and_then(milliseconds);
        let guess = signs::guess(&message, own_client_ids);
        self.events.push(LogEvent { id: id(event.id), timestamp, ingested, message, guess });
    }
}

/// An id is a text of digits; as a bare number it would not survive as a number.
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
