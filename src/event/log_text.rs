//! Application log lines: plain text and JSON, of which some tell of a failed SSO OIDC call.
//!
//! In: the log events of one stream, still escaped as they stand in the envelope. Out: failures, into the batch. What
//! does not look like an SDK's error of this service is left alone.

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::{Batch, Setting};

/// One log event whose message is still the JSON string of the envelope, quotes and escapes included: most lines are
/// looked at without being unescaped.
#[derive(Clone, Copy, Debug)]
pub struct RawLogEvent<'a> {
    pub id: &'a str,
    /// When CloudWatch Logs took the line.
    pub timestamp: Timestamp,
    pub message: &'a RawValue,
}

/// Reads the application log events of one stream, in order.
pub fn read(_events: &[RawLogEvent<'_>], _log_group: &str, _setting: &Setting, _batch: &mut Batch) {
    todo!("assemble entries and read their errors")
}
