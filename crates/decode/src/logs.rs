//! CloudWatch Logs subscription events: many lines of one log stream in gzip in base64.
//!
//! In: `awslogs`, or the inflated document. Out: what its lines tell: CloudTrail records go to [`crate::cloudtrail`],
//! all others to [`crate::log_text`]. Each of the two keeps the order of the input; the CloudTrail records come first.
//! Where the payload is damaged, the log events before the damage are handled, and the damage is a problem. The way
//! from the document to its log events is in `document`, from a log event to its meaning in `lines`; `signs` and
//! `escape` are what makes it quick.

mod document;
mod escape;
mod lines;
mod signs;

use std::borrow::Cow;

use triage_model::problem::ProblemName;

use crate::batch::{Batch, InputKind, Setting};
use crate::envelope::Subscription;
use crate::json::Part;
use crate::{inflate, json, log_text};
use document::Document;

/// Reads a payload written exactly as AWS writes it. None for any other, even one that differs in a space.
///
/// What stands between the quotes is base64 or nothing we read here, and base64 has neither quotes nor escapes: so the
/// largest payloads there are need not be gone through as JSON.
pub fn read_canonical(payload: &str, setting: &Setting, batch: &mut Batch) -> Option<InputKind> {
    let data = payload.strip_prefix(r#"{"awslogs":{"data":""#)?.strip_suffix(r#""}}"#)?;
    let gzip = inflate::decode_base64(data)?;
    Some(read_gzip(inflate::gunzip(&gzip), setting, batch))
}

/// Reads the value of `awslogs`.
pub fn read_subscription(awslogs: &Part<Subscription<'_>>, setting: &Setting, batch: &mut Batch) -> InputKind {
    match awslogs.found().and_then(|subscription| subscription.data.text()) {
        Some(data) => read_gzip(inflate::inflate(data), setting, batch),
        None => {
            batch.problems.note(ProblemName::FieldWrongType, "awslogs.data is no text");
            InputKind::Logs
        }
    }
}

fn read_gzip(inflated: inflate::Inflated, setting: &Setting, batch: &mut Batch) -> InputKind {
    let inflate::Inflated { bytes, damage } = inflated;
    if let Some(damage) = damage {
        batch.problems.note(damage.problem(), format!("{} bytes could be read", bytes.len()));
    }
    if damage.is_some() && bytes.is_empty() {
        return InputKind::Logs;
    }
    read_document(&utf8(&bytes, damage.is_some(), batch), damage, setting, batch)
}

/// The bytes as text. Replacing what is no UTF-8 changes no other byte, and so only the log events in which it stands.
fn utf8<'a>(bytes: &'a [u8], is_damaged: bool, batch: &mut Batch) -> Cow<'a, str> {
    match str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            // Damage may cut a character in two: that is no fault of the text.
            if !(is_damaged && error.error_len().is_none()) {
                batch.problems.note(ProblemName::Utf8Invalid, format!("at byte {}", error.valid_up_to()));
            }
            String::from_utf8_lossy(bytes)
        }
    }
}

/// Reads an inflated document, of which `damage` may have taken the end.
pub fn read_document(text: &str, damage: Option<inflate::Damage>, setting: &Setting, batch: &mut Batch) -> InputKind {
    let document = document::read(text, &setting.own_client_ids);
    if document.message_type.as_deref() == Some("CONTROL_MESSAGE") {
        return InputKind::LogsControl;
    }
    let log_group = document.log_group.as_deref().unwrap_or_default();
    if setting.own_log_groups.iter().any(|own| own == log_group) {
        batch.problems.note(ProblemName::OwnLogGroup, log_group);
        return InputKind::Logs;
    }
    // Where the end was lost, the JSON ends early because of it.
    if damage.is_none() {
        note_faults(&document, batch);
    }
    let texts = lines::read(&document.events, setting, batch);
    if !texts.is_empty() {
        log_text::read(&texts, log_group, setting, batch);
    }
    InputKind::Logs
}

fn note_faults(document: &Document<'_>, batch: &mut Batch) {
    if let Some(error) = &document.error {
        batch.problems.note(ProblemName::JsonInvalid, json::describe(error));
    }
    for field in &document.wrong {
        batch.problems.note(ProblemName::FieldWrongType, *field);
    }
    if document.events.is_empty() && document.error.is_none() && document.wrong.is_empty() {
        batch.problems.note(ProblemName::BatchEmpty, "no log events");
    }
}

#[cfg(test)]
mod tests;
