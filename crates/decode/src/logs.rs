//! CloudWatch Logs subscription events: many lines of one log stream in gzip in base64.
//!
//! In: `awslogs`, or the inflated document. Out: the content of its lines: CloudTrail records go to
//! [`crate::cloudtrail`], all others to [`crate::log_text`], each in the order of the input. In a damaged payload, the
//! log events before the damage are read, and the damage is a problem.
//!
//! Nothing is held as a whole: base64, gzip, document and log events are read window by window. `window`, `walker` and
//! `document` lead from bytes to log events, `event` and `lines` from a log event to its content; `signs`, `record` and
//! `escape` make it fast.

pub mod document;
mod escape;
mod event;
mod lines;
mod record;
mod signs;
mod walker;
mod window;

pub use escape::unescape;

use std::io::Read;

use triage_model::problem::ProblemName;

use crate::batch;
use crate::batch::{Allowance, Batch, InputKind, Setting};
use crate::envelope::Subscription;
use crate::inflate::{Damage, Inflater};
use crate::json::Part;
use crate::log_text::Stream;
use crate::trust::doubt;
use document::{Document, Header};
use lines::{Lines, Next};

/// The clock is checked after this many log events.
const EVENTS_A_LOOK: usize = 64;

/// The base64 in a payload in AWS's exact form. None for any other, even with one more space.
///
/// The text between the quotes has neither quotes nor escapes, so the largest payloads need not be parsed as JSON.
pub fn data_of_canonical(payload: &str) -> Option<&str> {
    let data = payload.strip_prefix(r#"{"awslogs":{"data":""#)?.strip_suffix(r#""}}"#)?;
    memchr::memchr2(b'"', b'\\', data.as_bytes()).is_none().then_some(data).filter(|data| !data.is_empty())
}

/// Reads the value of `awslogs`.
pub fn read_subscription(
    awslogs: &Part<Subscription<'_>>,
    setting: &Setting,
    allowance: &mut Allowance<'_>,
    batch: &mut Batch,
) -> InputKind {
    match awslogs.found().and_then(|subscription| subscription.data.text()) {
        Some(data) => read_data(data, setting, allowance, batch),
        None => {
            batch.problems.note(ProblemName::FieldWrongType, "awslogs.data is not a text");
            InputKind::Logs
        }
    }
}

/// Reads base64 around gzip.
pub fn read_data(data: &str, setting: &Setting, allowance: &mut Allowance<'_>, batch: &mut Batch) -> InputKind {
    let inflated_max = allowance.inflated;
    let open = || Inflater::of_base64(data, inflated_max);
    let ended = |inflater: &Inflater<'_>| Ended { damage: inflater.damage(), bytes: inflater.total() };
    read_document(open, ended, setting, allowance, batch)
}

/// Reads a document that was unpacked on the way.
pub fn read_unpacked(text: &str, setting: &Setting, allowance: &mut Allowance<'_>, batch: &mut Batch) -> InputKind {
    read_document(|| text.as_bytes(), |_| Ended { damage: None, bytes: 0 }, setting, allowance, batch)
}

/// How a source ended.
struct Ended {
    damage: Option<Damage>,
    /// The number of bytes read from it.
    bytes: usize,
}

fn read_document<R: Read>(
    open: impl Fn() -> R,
    ended: impl Fn(&R) -> Ended,
    setting: &Setting,
    allowance: &mut Allowance<'_>,
    batch: &mut Batch,
) -> InputKind {
    let mut document = Document::new(open());
    let mut lines = Lines::new(setting);
    let mut passed_over = None;
    let mut has_list = false;
    while document.seek_events() {
        has_list = true;
        let header = if document.header.is_complete() { document.header.clone() } else { header_of(open()) };
        passed_over = PassedOver::by(&header, setting);
        if passed_over.is_some() {
            break;
        }
        let mut stream = Stream::new(header.owner.as_deref(), header.log_group.as_deref().unwrap_or_default(), setting);
        let before = batch.so_far();
        let is_stopped = read_events(&mut document, &mut lines, &mut stream, allowance, batch);
        stream.finish(batch);
        let log_group = header.log_group.as_deref().unwrap_or_default();
        let source = setting.trust.of_log_group(header.owner.as_deref(), log_group);
        batch.believe(before, source, || doubt(source, log_group));
        if is_stopped {
            return InputKind::Logs;
        }
    }
    if !has_list {
        passed_over = PassedOver::by(&document.header, setting);
    }
    let has_wrong_list = document.has_wrong_list;
    let (source, fault) = document.finish();
    let Ended { damage, bytes } = ended(&source);
    allowance.inflated -= bytes;
    if let Some(damage) = damage {
        batch.problems.note(damage.problem(), format!("{bytes} bytes could be read"));
    }
    match passed_over {
        Some(PassedOver::Control) => return InputKind::LogsControl,
        Some(PassedOver::Own(log_group)) => {
            batch.problems.note(ProblemName::OwnLogGroup, log_group);
            return InputKind::Logs;
        }
        None => {}
    }
    // Without its end, the JSON ends early as well.
    if damage.is_none() {
        if let Some(fault) = fault {
            batch.problems.note(ProblemName::JsonInvalid, fault.describe());
        }
        if has_wrong_list {
            batch.problems.note(ProblemName::FieldWrongType, "logEvents");
        }
        if lines.count == 0 && !lines.has_wrong() && fault.is_none() && !has_wrong_list {
            batch.problems.note(ProblemName::BatchEmpty, "no log events");
        }
    }
    InputKind::Logs
}

/// Reads the log events of one list. Returns whether the rest of the document is left.
fn read_events<R: Read>(
    document: &mut Document<R>,
    lines: &mut Lines<'_>,
    stream: &mut Stream<'_>,
    allowance: &mut Allowance<'_>,
    batch: &mut Batch,
) -> bool {
    let mut weighed = batch.observations.len();
    loop {
        let Some(element) = document.next() else { return false };
        let count = lines.count;
        if count.is_multiple_of(EVENTS_A_LOOK) && !(allowance.is_time_left)() {
            batch.problems.note(ProblemName::Deadline, format!("the log events after the first {count} were not read"));
            return true;
        }
        let weight = batch.observations[weighed..].iter().map(batch::weight).sum();
        weighed = batch.observations.len();
        allowance.observations = allowance.observations.saturating_sub(weight);
        if batch.is_full() || allowance.observations == 0 {
            batch.problems.note(ProblemName::PayloadCut, format!("{} calls were read", batch.observations.len()));
            return true;
        }
        match lines.read(element, stream, &mut allowance.text, batch) {
            Next::Element => {}
            Next::SameElement => document.distrust(),
        }
    }
}

/// The members around the log events, where some of them stand after the list.
fn header_of(source: impl Read) -> Header {
    let mut document = Document::new(source);
    while document.seek_events() {
        while document.next().is_some() {}
    }
    document.header
}

/// Why a document is not read.
enum PassedOver {
    Control,
    /// Our own log group: we would process our own output in a loop.
    Own(String),
}

impl PassedOver {
    fn by(header: &Header, setting: &Setting) -> Option<Self> {
        if header.message_type.as_deref() == Some("CONTROL_MESSAGE") {
            return Some(Self::Control);
        }
        let log_group = header.log_group.as_deref().unwrap_or_default();
        setting.own_log_groups.iter().any(|own| own == log_group).then(|| Self::Own(log_group.to_owned()))
    }
}

#[cfg(test)]
mod tests;
