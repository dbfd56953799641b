//! A line of a log as it reaches the reader of text.
//!
//! Data, below all who make or read it: `logs::lines` leaves these lines over, `printout` puts them together.

use jiff::Timestamp;
use serde_json::value::RawValue;

/// The longest line that is read: what CloudWatch Logs took as one log event for most of its life. What is put together
/// of several is not longer either.
pub const LINE_MAX: usize = 256 * 1024;

/// One log event that is no CloudTrail record. Its message is still the JSON string of the envelope, quotes and escapes
/// included: most lines are looked at without being unescaped.
#[derive(Clone, Copy, Debug)]
pub struct TextLine<'a> {
    pub id: &'a str,
    /// When CloudWatch Logs took the line.
    pub timestamp: Timestamp,
    /// When it was there to be read, where that is known.
    pub arrival: Option<Timestamp>,
    pub message: &'a RawValue,
}
