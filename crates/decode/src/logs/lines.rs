//! From log events to their content.
//!
//! In: the elements of a document's list. Out: our CloudTrail records among them, read into the batch, and all other
//! lines, handed to [`crate::log_text`]. Most lines of a trail are of other services, and most of ours are successes:
//! the letters in them show both, without unescaping or parsing.

use std::borrow::Cow;

use jiff::Timestamp;
use triage_model::problem::ProblemName;

use crate::batch::{Batch, Setting};
use crate::cloudtrail::{EVENT_SOURCES, Recognised};
use crate::envelope::{Around, OuterKeys};
use crate::log_text::Stream;
use crate::log_text::line::{LINE_MAX, TextLine};
use crate::logs::document::{Canonical, Element};
use crate::logs::escape::{is_one_string, unescape};
use crate::logs::event::{LogEvent, Parsed};
use crate::logs::record::{Escaped, Whole};
use crate::logs::signs::Guess;
use crate::logs::{event, signs};
use crate::{cloudtrail, eventbridge, json, ocsf};

/// A text line's overhead in memory.
const WEIGHT_OF_A_LINE: usize = 128;

/// The next element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Element,
    /// The same element again, because it is not in the form it seemed to have.
    SameElement,
}

/// The result for a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineFate {
    /// A CloudTrail record, or unreadable: done.
    Done,
    /// For the reader of text.
    LeftAsText,
}

/// Reads the log events of one document.
pub struct Lines<'s> {
    setting: &'s Setting,
    /// How many log events there were.
    pub count: usize,
    /// A wrong type is noted once.
    has_wrong_element: bool,
    has_wrong_message: bool,
    is_text_cut: bool,
    /// The one line that is unescaped at a time.
    text: String,
}

impl<'s> Lines<'s> {
    pub fn new(setting: &'s Setting) -> Self {
        let (has_wrong_element, has_wrong_message, is_text_cut) = (false, false, false);
        Self { setting, count: 0, has_wrong_element, has_wrong_message, is_text_cut, text: String::new() }
    }

    pub fn has_wrong(&self) -> bool {
        self.has_wrong_element || self.has_wrong_message
    }

    /// Reads one element. `text_left` is how much text may still be read.
    pub fn read(
        &mut self,
        element: Element<'_>,
        stream: &mut Stream<'_>,
        text_left: &mut usize,
        batch: &mut Batch,
    ) -> Next {
        match element {
            Element::Canonical(canonical) => {
                let Some((event, guess)) = self.take_canonical(canonical, batch) else {
                    self.count += 1;
                    return Next::Element;
                };
                if !is_one_string(canonical.message) {
                    return Next::SameElement;
                }
                self.take(&event, guess, stream, text_left, batch);
            }
            Element::Other(bytes) => {
                let text = self.utf8(bytes, batch);
                match event::parse(&text) {
                    Ok(Parsed::Event { event, is_text }) => {
                        if !is_text && !std::mem::replace(&mut self.has_wrong_message, true) {
                            batch.problems.note(ProblemName::FieldWrongType, "message");
                        }
                        let guess = signs::guess(event.message.as_bytes(), &self.setting.own_client_ids);
                        self.take(&event, guess, stream, text_left, batch);
                    }
                    Ok(Parsed::WithoutMessage) => {}
                    Ok(Parsed::NoObject) => {
                        if !std::mem::replace(&mut self.has_wrong_element, true) {
                            batch.problems.note(ProblemName::FieldWrongType, "logEvents[]");
                        }
                    }
                    Err(error) => {
                        self.count += 1;
                        let detail = format!("log event {}: {}", self.count, json::describe(&error));
                        batch.problems.note(ProblemName::JsonInvalid, detail);
                    }
                }
            }
            Element::TooLong(bytes) => {
                self.count += 1;
                batch.problems.note(ProblemName::LogLineTooLong, format!("log event {}: {bytes} bytes", self.count));
            }
        }
        Next::Element
    }

    /// Checks an element with the form of a log event. None if it is done: a record of another service, an old success,
    /// or one that was read without unescaping.
    fn take_canonical<'a>(&mut self, canonical: Canonical<'a>, batch: &mut Batch) -> Option<(LogEvent<'a>, Guess)> {
        let Canonical { id: _, timestamp: _, message } = canonical;
        let timestamp = canonical.time();
        // The call happened before CloudWatch Logs received the line.
        let is_old = timestamp.is_some_and(|timestamp| timestamp < self.setting.horizon);
        let is_short = message.len() <= LINE_MAX;
        let is_tried = !is_old && is_short && signs::begins_our_record(message);
        if is_tried && self.read_escaped(canonical, batch) {
            return None;
        }
        let guess = signs::guess(message, &self.setting.own_client_ids);
        match guess {
            Guess::Foreign if is_short => return None,
            Guess::PlainSuccess if is_old && is_short => {
                batch.old_successes += 1;
                return None;
            }
            Guess::PlainSuccess | Guess::Record if is_short && !is_tried && self.read_escaped(canonical, batch) => {
                return None;
            }
            Guess::PlainSuccess | Guess::Record | Guess::Foreign | Guess::Other | Guess::Hidden => {}
        }
        for bytes in [canonical.id, message] {
            self.utf8(bytes, batch);
        }
        Some((LogEvent::of_canonical(canonical), guess))
    }

    /// Reads a record of ours in its string, without unescaping. False, with nothing read, if it is not one or not
    /// written as CloudTrail writes.
    fn read_escaped(&self, canonical: Canonical<'_>, batch: &mut Batch) -> bool {
        let (Ok(id), Ok(message)) = (str::from_utf8(canonical.id), str::from_utf8(canonical.message)) else {
            return false;
        };
        let Some(escaped) = Escaped::of(message) else { return false };
        let timestamp = canonical.time();
        let from = batch.observations.len();
        let recognised = cloudtrail::read_from(Whole(escaped), around(id, timestamp), self.setting, batch);
        batch.note_arrival(from, timestamp);
        recognised == Ok(Recognised::Ours)
    }

    fn take(
        &mut self,
        event: &LogEvent<'_>,
        guess: Guess,
        stream: &mut Stream<'_>,
        text_left: &mut usize,
        batch: &mut Batch,
    ) {
        self.count += 1;
        if event.message.len() > LINE_MAX && self.is_too_long(event, batch) {
            return;
        }
        let fate = match guess {
            Guess::Other => LineFate::LeftAsText,
            Guess::Foreign => LineFate::Done,
            Guess::PlainSuccess if event.timestamp.is_some_and(|timestamp| timestamp < self.setting.horizon) => {
                batch.old_successes += 1;
                LineFate::Done
            }
            Guess::PlainSuccess | Guess::Record | Guess::Hidden => {
                self.read_record(event, guess == Guess::Hidden, batch)
            }
        };
        if fate == LineFate::LeftAsText && !self.read_ocsf(event, batch) {
            self.hand_over(event, stream, text_left, batch);
        }
    }

    fn read_record(&mut self, event: &LogEvent<'_>, is_hidden: bool, batch: &mut Batch) -> LineFate {
        let from = batch.observations.len();
        let fate = self.read_unescaped(event, is_hidden, batch);
        batch.note_arrival(from, event.arrival());
        fate
    }

    fn read_unescaped(&mut self, event: &LogEvent<'_>, is_hidden: bool, batch: &mut Batch) -> LineFate {
        let Some(text) = unescape(&event.message, &mut self.text) else {
            batch.problems.note(ProblemName::JsonInvalid, format!("log event {}: not a JSON string", event.id));
            return LineFate::Done;
        };
        let around = around(&event.id, event.timestamp);
        match cloudtrail::read(text, around, self.setting, batch) {
            Ok(Recognised::Ours | Recognised::Foreign) => LineFate::Done,
            // An EventBridge rule can target a log group: the record is in its envelope.
            Ok(Recognised::NoRecord) => match OuterKeys::of_envelope(text) {
                Some(envelope) => {
                    let from = batch.observations.len();
                    eventbridge::read(&envelope, around.id, self.setting, batch);
                    batch.note_arrival(from, envelope.delivered_at());
                    LineFate::Done
                }
                None => LineFate::LeftAsText,
            },
            // An agent may gather several records in one log event.
            Err(_) if is_record_a_line(text) => {
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    if let Err(error) = cloudtrail::read(line, around, self.setting, batch) {
                        let detail = format!("log event {}: {}", event.id, json::describe(&error));
                        batch.problems.note(ProblemName::JsonInvalid, detail);
                    }
                }
                LineFate::Done
            }
            Err(error) => {
                // Broken, and most likely another service's: only records that look like ours are reported.
                if EVENT_SOURCES.iter().any(|source| text.contains(source)) {
                    let detail = format!("log event {}: {}", event.id, json::describe(&error));
                    batch.problems.note(ProblemName::JsonInvalid, detail);
                    return LineFate::Done;
                }
                if is_hidden { LineFate::LeftAsText } else { LineFate::Done }
            }
        }
    }

    /// Reads a line that holds CloudTrail's records in OCSF. False for every other line.
    fn read_ocsf(&mut self, event: &LogEvent<'_>, batch: &mut Batch) -> bool {
        if !ocsf::may_stand_in(&event.message) || !signs::names_an_operation(event.message.as_bytes()) {
            return false;
        }
        let Some(text) = unescape(&event.message, &mut self.text) else { return false };
        let records = ocsf::trail_records(text);
        let from = batch.observations.len();
        for record in &records {
            if let Err(error) = cloudtrail::read(record, around(&event.id, event.timestamp), self.setting, batch) {
                batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            }
        }
        batch.note_arrival(from, event.arrival());
        !records.is_empty()
    }

    /// Whether the unescaped line is too long. Noted if so.
    fn is_too_long(&mut self, event: &LogEvent<'_>, batch: &mut Batch) -> bool {
        let length = unescape(&event.message, &mut self.text).map_or(event.message.len(), str::len);
        if length > LINE_MAX {
            batch.problems.note(ProblemName::LogLineTooLong, format!("log event {}: {length} bytes", event.id));
        }
        length > LINE_MAX
    }

    /// Hands the log event to the text reader.
    fn hand_over(&mut self, event: &LogEvent<'_>, stream: &mut Stream<'_>, text_left: &mut usize, batch: &mut Batch) {
        let weight = event.message.len() + event.id.len() + WEIGHT_OF_A_LINE;
        if weight > *text_left {
            // Later, shorter lines are not read either: the limit keeps the first ones.
            *text_left = 0;
            if !std::mem::replace(&mut self.is_text_cut, true) {
                batch
                    .problems
                    .note(ProblemName::PayloadCut, format!("the text after log event {} was not read", self.count));
            }
            return;
        }
        *text_left -= weight;
        let timestamp = event.timestamp.unwrap_or_else(|| {
            batch.problems.note(ProblemName::TimeInvalid, "a log event's timestamp");
            self.setting.now
        });
        stream.take(TextLine { id: &event.id, timestamp, arrival: event.arrival(), message: &event.message }, batch);
    }

    /// The bytes as text. Replacing invalid UTF-8 changes no other byte.
    fn utf8<'a>(&self, bytes: &'a [u8], batch: &mut Batch) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, Cow::Owned(_)) {
            batch.problems.note(ProblemName::Utf8Invalid, format!("log event {}", self.count + 1));
        }
        text
    }
}

/// Whether there are several lines and each is an object with an event source.
fn is_record_a_line(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let first = lines.next();
    let is_record =
        |line: &str| line.starts_with('{') && line.trim_end().ends_with('}') && line.contains("eventSource");
    first.is_some_and(is_record) && lines.peek().is_some() && lines.all(is_record)
}

fn around(id: &str, time: Option<Timestamp>) -> Around<'_> {
    Around { time, id: Some(id).filter(|id| !id.is_empty()), ..Around::default() }
}
