//! A log line as the text reader receives it.
//!
//! Plain data: `logs::lines` makes these lines from what it does not read itself, `printout` joins them.

use jiff::Timestamp;

/// The longest line that is read: CloudWatch Logs' limit for one log event during most of its life. Joined lines have
/// the same limit.
pub const LINE_MAX: usize = 256 * 1024;

/// One log event that is not a CloudTrail record. Its message is still the envelope's JSON string with quotes and
/// escapes: most lines are checked without unescaping.
#[derive(Clone, Copy, Debug)]
pub struct TextLine<'a> {
    pub id: &'a str,
    /// When CloudWatch Logs received the line.
    pub timestamp: Timestamp,
    /// When it became readable, if known.
    pub arrival: Option<Timestamp>,
    pub message: &'a str,
}

/// A log event that may matter, kept until its neighbours have arrived.
#[derive(Clone, Debug, Default)]
pub struct HeldLine {
    pub id: String,
    pub timestamp: Timestamp,
    pub arrival: Option<Timestamp>,
    /// As in [`TextLine`]: unescaped only when it is read.
    pub message: String,
}

impl HeldLine {
    /// Stores a line in the memory of one no longer needed.
    pub fn keep(&mut self, line: &TextLine<'_>) {
        line.id.clone_into(&mut self.id);
        line.message.clone_into(&mut self.message);
        self.timestamp = line.timestamp;
        self.arrival = line.arrival;
    }
}
