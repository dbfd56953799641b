//! A line of a log as it reaches the reader of text.
//!
//! Data, below all who make or read it: `logs::lines` leaves these lines over, `printout` puts them together.

use jiff::Timestamp;

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
    pub message: &'a str,
}

/// A log event that may matter, kept until the lines around it are there.
#[derive(Clone, Debug, Default)]
pub struct HeldLine {
    pub id: String,
    pub timestamp: Timestamp,
    pub arrival: Option<Timestamp>,
    /// As in [`TextLine`], and unescaped when it is read.
    pub message: String,
}

impl HeldLine {
    /// Holds a line in the memory of one that is no longer needed.
    pub fn keep(&mut self, line: &TextLine<'_>) {
        line.id.clone_into(&mut self.id);
        line.message.clone_into(&mut self.message);
        self.timestamp = line.timestamp;
        self.arrival = line.arrival;
    }
}
