//! What a message can be by its letters, before unescaping or parsing.
//!
//! In: a log event's message, still a JSON string. Out: a [`Guess`]: whether it is a CloudTrail record, whether it can
//! be ours, and whether it can be anything but a success. One sweep finds all of this.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::packed;
use memchr::memmem;
use memchr::memmem::Finder;
use triage_model::observation::Operation;

use crate::cloudtrail::{EVENT_SOURCES, OWN_TOKEN};

/// The possible content of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// Not a CloudTrail record: no object with `eventSource` and `eventName`.
    Other,
    /// An object with quotes written as `\u0022`, which hides every sign, that names an operation of ours.
    Hidden,
    /// A record of another operation.
    Foreign,
    /// A record of ours that can only be a success, and not from our own probe.
    PlainSuccess,
    /// Any other record: only parsing can decide.
    Record,
}

/// Guesses the content of a message. `own_client_ids` are our own probe's.
pub fn guess(message: &[u8], own_client_ids: &[String]) -> Guess {
    let Some(inside) = begins_object(message) else { return Guess::Other };
    let begins_record = inside.starts_with(FIRST_KEY);
    if begins_record && names_another_event_only(inside) {
        return Guess::Foreign;
    }
    let signs = RecordSigns::of(message, own_client_ids);
    if signs.event_names == 0 || signs.event_sources == 0 {
        let is_hidden = inside.trim_ascii_start().starts_with(b"\\u0022") && names_an_operation(message);
        return if is_hidden { Guess::Hidden } else { Guess::Other };
    }
    if signs.names_our_event {
        let is_plain = signs.is_plain_success() && message.ends_with(b"}\"");
        return if is_plain { Guess::PlainSuccess } else { Guess::Record };
    }
    // Where the key is spelt differently or repeated, our name must occur somewhere.
    let is_not_ours = signs.names_other_event && signs.event_names == 1 || !names_an_operation(message);
    // An application may log its own error next to the event it was called with: only parsing shows that the keys are
    // not the line's own.
    let is_record = begins_record || !signs.is_suspect;
    if is_not_ours && is_record { Guess::Foreign } else { Guess::Record }
}

/// Whether a message begins like a CloudTrail record, and its first event name is ours.
pub fn begins_our_record(message: &[u8]) -> bool {
    let first_name = || value(&message[EVENT_NAME.find(message)? + EVENT_NAME.needle().len()..]);
    message.get(2..).is_some_and(|inside| inside.starts_with(FIRST_KEY)) && first_name().is_some_and(is_ours)
}

/// The fast path for most lines of a trail: the key occurs once, followed by an operation that is not ours.
fn names_another_event_only(inside: &[u8]) -> bool {
    let Some(at) = EVENT_NAME.find(inside) else { return false };
    let after = &inside[at + EVENT_NAME.needle().len()..];
    value(after).is_some_and(|name| !is_ours(name))
        && EVENT_NAME.find(after).is_none()
        && EVENT_SOURCE.find(inside).is_some()
}

fn is_ours(event_name: &[u8]) -> bool {
    Operation::ALL.iter().any(|ours| ours.as_str().as_bytes() == event_name)
}

/// The signs of a CloudTrail record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct RecordSigns {
    event_names: u32,
    event_sources: u32,
    /// One of our operations is in its place.
    names_our_event: bool,
    /// Another operation is there.
    names_other_event: bool,
    /// One of our event sources is in its place.
    names_our_source: bool,
    /// The client id is our own probe's, or unreadable from here.
    may_be_own: bool,
    /// The letters of any failure, or of our own probe.
    is_suspect: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needle {
    EventName,
    EventSource,
    ClientId,
    Suspect,
}

impl Needle {
    /// The text before the searched letters, where they are only a part.
    const fn before(self) -> &'static [u8] {
        match self {
            Self::EventName | Self::EventSource => br#"\"eve"#,
            Self::ClientId => br#"\"clie"#,
            Self::Suspect => b"",
        }
    }
}

/// The searched letters. Of keys only the last letters: many others begin alike, and each hit is expensive. The letters
/// of failure are those of `cloudtrail::statement` without the first, which may be a capital.
const NEEDLES: [(&str, Needle); 15] = [
    (r#"ntName\""#, Needle::EventName),
    (r#"ntSource\""#, Needle::EventSource),
    (r#"ntId\""#, Needle::ClientId),
    ("rror", Needle::Suspect),
    ("RROR", Needle::Suspect),
    ("ailure", Needle::Suspect),
    ("AILURE", Needle::Suspect),
    ("ailed", Needle::Suspect),
    ("AILED", Needle::Suspect),
    ("xception", Needle::Suspect),
    ("tatus", Needle::Suspect),
    ("uccess", Needle::Suspect),
    ("UCCESS", Needle::Suspect),
    ("serviceEventDetails", Needle::Suspect),
    (OWN_TOKEN, Needle::Suspect),
];

/// The beginnings of our operations' names.
static OPERATIONS: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["CreateToken", "RegisterClient", "StartDeviceAuthorization"].map(Finder::new));

static EVENT_NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#"\"eventName\""#));
static EVENT_SOURCE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(r#"\"eventSource\""#));

/// The beginning of a CloudTrail record.
const FIRST_KEY: &[u8] = br#"\"eventVersion\":"#;

/// Vector instructions where the machine has them.
static SEARCHER: LazyLock<Option<packed::Searcher>> = LazyLock::new(|| {
    let mut builder = packed::Config::new().builder();
    builder.extend(NEEDLES.iter().map(|(text, _)| text.as_bytes()));
    builder.build()
});

impl RecordSigns {
    fn of(message: &[u8], own_client_ids: &[String]) -> Self {
        let mut signs = Self::default();
        match SEARCHER.as_ref() {
            Some(searcher) => {
                for found in searcher.find_iter(message) {
                    let needle = NEEDLES[found.pattern().as_usize()].1;
                    signs.take(needle, message, found.start()..found.end(), own_client_ids);
                    // It must be parsed, whatever follows.
                    if signs.is_suspect && signs.names_our_event && signs.event_sources > 0 {
                        break;
                    }
                }
            }
            None => {
                for (text, needle) in NEEDLES {
                    for at in memmem::find_iter(message, text) {
                        signs.take(needle, message, at..at + text.len(), own_client_ids);
                    }
                }
            }
        }
        signs
    }

    /// Evaluates the hit at that place.
    fn take(&mut self, needle: Needle, message: &[u8], place: Range<usize>, own_client_ids: &[String]) {
        if !message[..place.start].ends_with(needle.before()) {
            return;
        }
        let after = &message[place.end..];
        match needle {
            Needle::EventName => {
                self.event_names += 1;
                match value(after) {
                    Some(name) if is_ours(name) => self.names_our_event = true,
                    Some(_) => self.names_other_event = true,
                    None => {}
                }
            }
            Needle::EventSource => {
                self.event_sources += 1;
                self.names_our_source |=
                    value(after).is_some_and(|name| EVENT_SOURCES.iter().any(|ours| ours.as_bytes() == name));
            }
            Needle::ClientId => {
                self.may_be_own |= value(after).is_none_or(|id| own_client_ids.iter().any(|own| own.as_bytes() == id));
            }
            Needle::Suspect => self.is_suspect = true,
        }
    }

    fn is_plain_success(&self) -> bool {
        !self.is_suspect
            && !self.may_be_own
            && self.names_our_event
            && self.names_our_source
            && self.event_names == 1
            && self.event_sources == 1
    }
}

/// The text after a key, if written compactly and without escapes.
fn value(after: &[u8]) -> Option<&[u8]> {
    let rest = after.strip_prefix(br#":\""#)?;
    let (text, end) = rest.split_at(memchr::memchr(b'\\', rest)?);
    end.starts_with(br#"\""#).then_some(text)
}

/// The text after the brace, if the message is a JSON string that begins like an object.
fn begins_object(message: &[u8]) -> Option<&[u8]> {
    let mut rest = message.strip_prefix(b"\"")?;
    loop {
        rest = rest.trim_ascii_start();
        match [b"\\n", b"\\r", b"\\t"].iter().find_map(|escape| rest.strip_prefix(*escape)) {
            Some(after) => rest = after,
            None => return rest.strip_prefix(b"{"),
        }
    }
}

pub fn names_an_operation(message: &[u8]) -> bool {
    OPERATIONS.iter().any(|name| name.find(message).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::record;

    fn guess_of(text: &str) -> Guess {
        guess(serde_json::to_string(text).unwrap().as_bytes(), &["own-id".into()])
    }

    #[test]
    fn a_success_is_known_by_its_letters() {
        assert_eq!(guess_of(&record(json!({})).to_string()), Guess::PlainSuccess);
    }

    #[test]
    fn a_possible_failure_is_not_a_success() {
        for more in [
            json!({"errorCode": "InternalServerException"}),
            json!({"errorMessage": "no"}),
            json!({"serviceEventDetails": {"a": "b"}}),
            json!({"responseElements": {"CreateToken": "Failure"}}),
            json!({"responseElements": {"CreateToken": "FAILED"}}),
            json!({"additionalEventData": {"exception": "x"}}),
            json!({"httpStatusCode": 500}),
            json!({"additionalEventData": {"success": "false"}}),
            json!({"additionalEventData": {"SUCCESS": false}}),
            json!({"userAgent": "aws-sdk-rust/1 app/oidc-triage"}),
            json!({"requestParameters": {"clientId": "own-id"}}),
            json!({"requestParameters": {"clientId": 7}}),
            json!({"requestParameters": {"eventName": "x"}}),
            json!({"requestParameters": {"eventSource": "x"}}),
            json!({"eventSource": "license-manager.amazonaws.com"}),
            json!({"eventSource": null}),
        ] {
            assert_eq!(guess_of(&record(more.clone()).to_string()), Guess::Record, "{more}");
        }
        let whole = record(json!({})).to_string();
        assert_eq!(guess_of(whole.trim_end_matches('}')), Guess::Record);
        assert_eq!(guess_of(&serde_json::to_string_pretty(&record(json!({}))).unwrap()), Guess::Record);
    }

    #[test]
    fn a_record_of_another_operation_is_known_by_its_name() {
        assert_eq!(guess_of(&record(json!({"eventName": "GetObject"})).to_string()), Guess::Foreign);
        let spaced = record(json!({"eventName": "GetObject"})).to_string().replace("\":", "\" : ");
        assert_eq!(guess_of(&spaced), Guess::Foreign);
        // Named twice, once as ours: parsing decides.
        let twice = json!({"eventName": "GetObject", "requestParameters": {"eventName": "CreateToken"}});
        assert_eq!(guess_of(&record(twice).to_string()), Guess::Record);
    }

    #[test]
    fn an_error_beside_the_event_that_caused_it_is_not_taken_for_a_record() {
        let line =
            r#"{"message":"An error occurred","event":{"eventSource":"aws:s3","eventName":"ObjectCreated:Put"}}"#;
        assert_eq!(guess_of(line), Guess::Record);
        let foreign = r#"{"eventVersion":"1","eventSource":"s3.amazonaws.com","eventName":"Put","errorCode":"x"}"#;
        assert_eq!(guess_of(foreign), Guess::Foreign);
    }

    #[test]
    fn other_lines_are_left_to_the_text_reader() {
        for text in ["", "text", "{}", r#"{"eventName":"CreateToken"}"#, r#"x {"eventName":"a","eventSource":"b"}"#] {
            assert_eq!(guess_of(text), Guess::Other, "{text}");
        }
        let hidden = format!("\"{}\"", record(json!({})).to_string().replace('"', "\\u0022"));
        assert_eq!(guess(hidden.as_bytes(), &[]), Guess::Hidden);
    }
}
