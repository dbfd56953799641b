//! From log events to what they tell.
//!
//! In: log events. Out: the CloudTrail records of ours among them, read into the batch, and the lines that are no
//! CloudTrail records, for [`crate::log_text`]. Most lines of a trail are of other services, and most of ours
//! are successes: both are told by the letters in them, without being unescaped or parsed.

use jiff::Timestamp;
use serde_json::value::RawValue;
use triage_model::problem::ProblemName;

use crate::batch::{Batch, Setting};
use crate::cloudtrail::{EVENT_SOURCES, Recognised};
use crate::envelope::{Around, OuterKeys};
use crate::log_text::line::{LINE_MAX, TextLine};
use crate::logs::document::LogEvent;
use crate::logs::escape::unescape;
use crate::logs::signs;
use crate::logs::signs::Guess;
use crate::{cloudtrail, eventbridge, json, ocsf};

/// Reads the CloudTrail records into the batch and gives back all other lines, both in the order of the input.
pub fn read<'a>(events: &'a [LogEvent<'_>], setting: &Setting, batch: &mut Batch) -> Vec<TextLine<'a>> {
    let mut texts = Vec::new();
    let mut reader = Reader { setting, batch, text: String::new() };
    for event in events {
        if reader.read(event) == LineFate::LeftAsText && !reader.read_ocsf(event) {
            texts.extend(reader.raw(event));
        }
    }
    texts
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineFate {
    /// A CloudTrail record, or nothing that can be read: done with.
    Done,
    /// For the reader of text.
    LeftAsText,
}

struct Reader<'s> {
    setting: &'s Setting,
    batch: &'s mut Batch,
    /// The one line that is unescaped at a time.
    text: String,
}

impl Reader<'_> {
    fn read(&mut self, event: &LogEvent<'_>) -> LineFate {
        if event.message.len() > LINE_MAX && self.is_too_long(event) {
            return LineFate::Done;
        }
        match event.guess {
            Guess::Other => LineFate::LeftAsText,
            Guess::Foreign => LineFate::Done,
            // The call was made before CloudWatch Logs took the line.
            Guess::PlainSuccess if event.timestamp.is_some_and(|timestamp| timestamp < self.setting.horizon) => {
                self.batch.old_successes += 1;
                LineFate::Done
            }
            Guess::PlainSuccess | Guess::Record | Guess::Hidden => self.read_record(event),
        }
    }

    fn read_record(&mut self, event: &LogEvent<'_>) -> LineFate {
        let from = self.batch.observations.len();
        let fate = self.read_unescaped(event);
        self.batch.note_arrival(from, event.arrival());
        fate
    }

    fn read_unescaped(&mut self, event: &LogEvent<'_>) -> LineFate {
        let Some(text) = unescape(&event.message, &mut self.text) else {
            self.batch.problems.note(ProblemName::JsonInvalid, format!("log event {}: not a JSON string", event.id));
            return LineFate::Done;
        };
        let around = around(event);
        match cloudtrail::read(text, around, self.setting, self.batch) {
            Ok(Recognised::Ours | Recognised::Foreign) => LineFate::Done,
            // An EventBridge rule can have a log group for its target: the record is in the envelope.
            Ok(Recognised::NoRecord) => match OuterKeys::of_envelope(text) {
                Some(envelope) => {
                    let from = self.batch.observations.len();
                    eventbridge::read(&envelope, around.id, self.setting, self.batch);
                    self.batch.note_arrival(from, envelope.delivered_at());
                    LineFate::Done
                }
                None => LineFate::LeftAsText,
            },
            // An agent may gather several records in one log event.
            Err(_) if is_record_a_line(text) => {
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    if let Err(error) = cloudtrail::read(line, around, self.setting, self.batch) {
                        let detail = format!("log event {}: {}", event.id, json::describe(&error));
                        self.batch.problems.note(ProblemName::JsonInvalid, detail);
                    }
                }
                LineFate::Done
            }
            Err(error) => {
                // Broken, and of another service as like as not: only what looks like ours is told.
                if EVENT_SOURCES.iter().any(|source| text.contains(source)) {
                    let detail = format!("log event {}: {}", event.id, json::describe(&error));
                    self.batch.problems.note(ProblemName::JsonInvalid, detail);
                    return LineFate::Done;
                }
                if event.guess == Guess::Hidden { LineFate::LeftAsText } else { LineFate::Done }
            }
        }
    }

    /// Reads a line that holds CloudTrail's records in OCSF. False for every other line.
    fn read_ocsf(&mut self, event: &LogEvent<'_>) -> bool {
        if !ocsf::may_stand_in(&event.message) || !signs::names_an_operation(&event.message) {
            return false;
        }
        let Some(text) = unescape(&event.message, &mut self.text) else { return false };
        let records = ocsf::trail_records(text);
        let from = self.batch.observations.len();
        for record in &records {
            if let Err(error) = cloudtrail::read(record, around(event), self.setting, self.batch) {
                self.batch.problems.note(ProblemName::JsonInvalid, json::describe(&error));
            }
        }
        self.batch.note_arrival(from, event.arrival());
        !records.is_empty()
    }

    /// Whether the line is too long once it is unescaped. Noted if so.
    fn is_too_long(&mut self, event: &LogEvent<'_>) -> bool {
        let length = unescape(&event.message, &mut self.text).map_or(event.message.len(), str::len);
        if length > LINE_MAX {
            self.batch.problems.note(ProblemName::LogLineTooLong, format!("log event {}: {length} bytes", event.id));
        }
        length > LINE_MAX
    }

    /// The log event as the reader of text takes it.
    fn raw<'a>(&mut self, event: &'a LogEvent<'_>) -> Option<TextLine<'a>> {
        let Ok(message) = serde_json::from_str::<&RawValue>(&event.message) else {
            self.batch.problems.note(ProblemName::JsonInvalid, format!("log event {}: not a JSON string", event.id));
            return None;
        };
        Some(TextLine { id: &event.id, timestamp: self.time(event.timestamp), arrival: event.arrival(), message })
    }

    fn time(&mut self, timestamp: Option<Timestamp>) -> Timestamp {
        timestamp.unwrap_or_else(|| {
            self.batch.problems.note(ProblemName::TimeInvalid, "a log event's timestamp");
            self.setting.now
        })
    }
}

/// Whether each line, of which there are several, is an object with an event source.
fn is_record_a_line(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let first = lines.next();
    let is_record =
        |line: &str| line.starts_with('{') && line.trim_end().ends_with('}') && line.contains("eventSource");
    first.is_some_and(is_record) && lines.peek().is_some() && lines.all(is_record)
}

fn around<'a>(event: &'a LogEvent<'_>) -> Around<'a> {
    let id = Some(event.id.as_ref()).filter(|id| !id.is_empty());
    Around { time: event.timestamp, id, ..Around::default() }
}
