//! CloudWatch Logs subscription events: many lines of one log stream in gzip in base64.
//!
//! In: `awslogs`, or the inflated document. Out: what its lines tell: CloudTrail records go to [`crate::cloudtrail`],
//! all others to [`crate::log_text`]. Each of the two keeps the order of the input. Where the payload is damaged, the log events
//! before the damage are handled, and the damage is a problem.
//!
//! Nothing is held as a whole: base64, gzip, document and log events are gone through a window at a time. The way from the bytes
//! to the log events is in `window`, `walker` and `document`, from a log event to its meaning in `event` and `lines`; `signs`,
//! `record` and `escape` are what makes it quick.

mod document;
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

/// How much text is read of one payload: twice what CloudWatch Logs packs into a megabyte of base64. A line weighs its letters
/// and what it takes to keep it.
pub const TEXT_MAX: usize = 32 * 1024 * 1024;

/// After so many log events the clock is looked at.
const EVENTS_A_LOOK: usize = 64;

/// The base64 in a payload written exactly as AWS writes it. None for any other, even one that differs in a space.
///
/// What stands between the quotes has neither quotes nor escapes: so the largest payloads there are need not be gone through as
/// JSON.
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
            batch.problems.note(ProblemName::FieldWrongType, "awslogs.data is no text");
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

/// Reads a document that somebody unpacked on the way.
pub fn read_unpacked(text: &str, setting: &Setting, allowance: &mut Allowance<'_>, batch: &mut Batch) -> InputKind {
    read_document(|| text.as_bytes(), |_| Ended { damage: None, bytes: 0 }, setting, allowance, batch)
}

/// How a source ended.
struct Ended {
    damage: Option<Damage>,
    /// How many bytes came out of it.
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
        let mut stream = Stream::new(header.log_group.as_deref().unwrap_or_default(), setting);
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
    // Where the end was lost, the JSON ends early because of it.
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

/// Reads the log events of one list. Whether the rest of the document is left.
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
            batch.problems.note(ProblemName::Deadline, format!("the log events after the first {count} not read"));
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

/// What stands around the log events, where a part of it stands behind them.
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
    /// Of our own log group: we would answer ourselves for ever.
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
