//! How the text of a file is laid out, and where in it one record or line ends and the next begins.
//!
//! In: the beginning of a text, or a part of it. Out: the [`Layout`], and places in the text. Nothing is decoded here.

use std::sync::LazyLock;

use memchr::{memchr_iter, memmem, memrchr};
use regex::bytes::Regex;
use serde_json::value::RawValue;

use crate::replay::read::table;

/// A table's rows come in any order, and are put in order within what is read at once: a query that finds the calls of years
/// is seldom larger.
pub const SORTED_MAX: usize = 32 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A trail's log file: `{"Records":[...]}`.
    Records,
    /// JSON, one document a line.
    Lines,
    /// Lines with the time in front, as CloudWatch Logs exports them.
    Exported,
    /// CSV: records of a trail as a table's rows.
    Table,
    /// The same as JSON, one row a line.
    Rows,
    /// Anything else.
    Document,
}

/// Where one record or line ends and the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    pub end: usize,
    /// What is between belongs to neither.
    pub next: usize,
}

impl Layout {
    /// Of a text that is no trail's log file ([`records_begin`]). `is_whole`: there is no more of it.
    pub fn of(text: &[u8], is_whole: bool) -> Self {
        if is_whole && serde_json::from_slice::<&RawValue>(text).is_ok() {
            return Self::Document;
        }
        // The last line may be cut here.
        let lines = if is_whole { text } else { &text[..memrchr(b'\n', text).unwrap_or(0)] };
        let first = lines.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
        // CloudTrail looks events up with the newest first: only as a whole they can be put into order.
        let is_looked_up = memmem::find(lines, b"\"CloudTrailEvent\"").is_some();
        if is_looked_up {
            Self::Document
        } else if is_json_lines(lines) {
            if table::is_row(lines) { Self::Rows } else { Self::Lines }
        } else if first.is_some_and(table::is_header) {
            Self::Table
        } else if first.is_some_and(|first| exported(first).is_some()) {
            Self::Exported
        } else {
            Self::Document
        }
    }

    /// Where the last whole record or line of a text ends, of which there is more.
    pub fn last_boundary(self, text: &[u8]) -> Option<Boundary> {
        match self {
            Self::Records => last_record(text),
            Self::Lines => last_line(text),
            Self::Table | Self::Rows if text.len() < SORTED_MAX => None,
            Self::Rows => last_line(text),
            Self::Table => last_row(text),
            Self::Exported => last_exported(text).map(|begin| Boundary { end: begin, next: begin }),
            Self::Document => None,
        }
    }
}

fn last_line(text: &[u8]) -> Option<Boundary> {
    memrchr(b'\n', text).map(|end| Boundary { end: end + 1, next: end + 1 })
}

/// Where the last whole row of a CSV file ends: behind the last line break that stands in no quotes.
pub fn last_row(text: &[u8]) -> Option<Boundary> {
    let mut quotes = memchr_iter(b'"', text).count();
    let mut end = text.len();
    while let Some(line_break) = memrchr(b'\n', &text[..end]) {
        quotes -= memchr_iter(b'"', &text[line_break..end]).count();
        if quotes.is_multiple_of(2) {
            return Some(Boundary { end: line_break + 1, next: line_break + 1 });
        }
        end = line_break;
    }
    None
}

/// Whether a text that is not one document is one a line: then at least one line is a whole object or array. A broken
/// document over many lines is not, and is named once instead of line by line.
fn is_json_lines(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).any(|line| {
        line.len() > "{}".len() && matches!(line[0], b'{' | b'[') && serde_json::from_slice::<&RawValue>(line).is_ok()
    })
}

/// Whether a text begins as a trail's log file does, in AWS's own compact form; how long that beginning is.
pub fn records_begin(text: &[u8]) -> Option<usize> {
    static BEGIN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^[ \t\r\n]*(?:\{"Records":\[\]\}[ \t\r\n]*)*\{"Records":\[\{"eventVersion""#)
            .expect("a pattern of ours")
    });
    if text.starts_with(br#"{"Records":[{"eventVersion""#) {
        return Some(br#"{"Records":["#.len());
    }
    BEGIN.find(text).map(|found| found.end() - r#"{"eventVersion""#.len())
}

/// What each record of a trail's log file begins with. In a JSON string a quote has a backslash before it, so this stands
/// in none.
const RECORD: &[u8] = br#"{"eventVersion""#;

/// Where one record ends and the next begins, for each two that follow each other.
pub fn boundaries(text: &[u8]) -> impl Iterator<Item = Boundary> {
    memmem::find_iter(text, RECORD).filter_map(|next| Some(Boundary { end: end_before(text, next)?, next }))
}

fn last_record(text: &[u8]) -> Option<Boundary> {
    memmem::rfind_iter(text, RECORD).find_map(|next| Some(Boundary { end: end_before(text, next)?, next }))
}

/// How much of the records at the end of a file is whole, and whether that is all of them.
pub fn last_records(text: &[u8]) -> (usize, bool) {
    let text = without_empty_files(text);
    match text.strip_suffix(b"]}") {
        Some(records) => (records.len(), true),
        // The last record is the one that was cut.
        None => (last_record(text).map_or(0, |boundary| boundary.end), false),
    }
}

/// The end of the record before the one that begins there: of the same file, or of one before it, as `zcat` puts them.
fn end_before(text: &[u8], next: usize) -> Option<usize> {
    let before = &text[..next];
    let before = match before.strip_suffix(b",") {
        Some(before) => before,
        None => without_empty_files(before.strip_suffix(br#"{"Records":["#)?).strip_suffix(b"]}")?,
    };
    before.ends_with(b"}").then_some(before.len())
}

/// What stands before the log files without a record at the end of the text, as `zcat` puts them there.
fn without_empty_files(text: &[u8]) -> &[u8] {
    let mut text = text.trim_ascii_end();
    while let Some(shorter) = text.strip_suffix(br#"{"Records":[]}"#) {
        text = shorter.trim_ascii_end();
    }
    text
}

/// The time and the message of a line as CloudWatch Logs exports it.
pub fn exported(line: &[u8]) -> Option<(&[u8], &[u8])> {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^([0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](?:\.[0-9]{1,9})?Z)[ \t]")
            .expect("a pattern of ours")
    });
    let found = LINE.captures(line)?;
    let (time, whole) = (found.get(1)?.as_bytes(), found.get(0)?);
    Some((time, line[whole.end()..].strip_suffix(b"\r").unwrap_or(&line[whole.end()..])))
}

/// Where the last line with a time in front begins: what is before it is whole.
fn last_exported(text: &[u8]) -> Option<usize> {
    let mut end = text.len();
    while let Some(line_break) = memrchr(b'\n', &text[..end]) {
        if exported(&text[line_break + 1..]).is_some() {
            return Some(line_break + 1);
        }
        end = line_break;
    }
    None
}
