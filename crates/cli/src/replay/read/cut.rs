//! Cutting a file into pieces that can be decoded by themselves.
//!
//! In: a stream of bytes, inflated. Out: pieces of about [`PIECE`] bytes, each of whole records or lines, and the
//! [`Form`] that the file was found to have. Only what is one JSON document is a piece as a whole, up to
//! [`DOCUMENT_MAX`].

use std::io::{ErrorKind, Read};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use memchr::{memmem, memrchr};
use regex::bytes::Regex;
use serde_json::value::RawValue;

use crate::replay::read::{is_json_lines, records_begin};

/// Large enough that cutting costs nothing, small enough that many files can be open at once.
pub const PIECE: usize = 512 * 1024;

/// The largest JSON document, or line, that is read as a whole. A trail's log files are cut, whatever their size.
pub const DOCUMENT_MAX: usize = 64 * 1024 * 1024;

/// A text file may begin with this; JSON does not know it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A trail's log file: `{"Records":[...]}`.
    Records,
    /// JSON, one document a line.
    Lines,
    /// Lines with the time in front, as CloudWatch Logs exports them.
    Exported,
    /// Anything else.
    Document,
}

/// Cuts a stream.
pub struct Cutter<R> {
    input: R,
    is_gzip: bool,
    buffer: Vec<u8>,
    /// What of the buffer was handed out.
    done: usize,
    is_at_end: bool,
    form: Option<Form>,
    damage: Option<String>,
    alone: Option<MutexGuard<'static, ()>>,
}

/// From this size on a document is read alone, whatever other files are open: of many at a time memory would not be bounded.
const LARGE: usize = 4 * 1024 * 1024;
static ALONE: Mutex<()> = Mutex::new(());

impl<R: Read> Cutter<R> {
    pub fn new(input: R, is_gzip: bool) -> Self {
        Self { input, is_gzip, buffer: Vec::new(), done: 0, is_at_end: false, form: None, damage: None, alone: None }
    }

    /// What kept the end of the file from being read.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// The next piece, with the form of the file; None at the end.
    pub fn next(&mut self) -> Option<(Form, &[u8])> {
        self.buffer.drain(..self.done);
        self.done = 0;
        self.fill(PIECE);
        let form = match self.form {
            Some(form) => form,
            None => self.begin(),
        };
        loop {
            if self.is_at_end {
                return self.last(form).map(|piece| (form, piece));
            }
            if let Some(end) = self.last_end(form) {
                self.done = end.handed_out;
                return Some((form, &self.buffer[..end.length]));
            }
            // A record or line longer than a piece, or a document.
            if self.buffer.len() >= DOCUMENT_MAX {
                self.damage = Some(format!("only JSON documents and lines up to {DOCUMENT_MAX} bytes are read"));
                self.is_at_end = true;
                self.buffer.clear();
                return None;
            }
            if self.buffer.len() >= LARGE && self.alone.is_none() {
                self.alone = Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner));
            }
            self.fill(self.buffer.len() * 2);
        }
    }

    /// To be called when a piece was decoded, before anything is waited for.
    pub fn let_others(&mut self) {
        self.alone = None;
    }

    /// Looks at the first bytes, and drops what stands before the first record.
    fn begin(&mut self) -> Form {
        if self.buffer.starts_with(BYTE_ORDER_MARK) {
            self.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        let form = self.find_form();
        self.form = Some(form);
        form
    }

    fn find_form(&mut self) -> Form {
        if let Some(begin) = records_begin(&self.buffer) {
            self.buffer.drain(..begin);
            return Form::Records;
        }
        let text = self.buffer.as_slice();
        if self.is_at_end && serde_json::from_slice::<&RawValue>(text).is_ok() {
            return Form::Document;
        }
        // The last line may be cut here.
        let lines = if self.is_at_end { text } else { &text[..memrchr(b'\n', text).unwrap_or(0)] };
        let first = lines.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
        if is_json_lines(lines) {
            Form::Lines
        } else if first.is_some_and(|first| exported(first).is_some()) {
            Form::Exported
        } else {
            Form::Document
        }
    }

    /// Where the last whole record or line of the buffer ends.
    fn last_end(&self, form: Form) -> Option<End> {
        let text = self.buffer.as_slice();
        match form {
            Form::Records => last_boundary(text).map(|(length, handed_out)| End { length, handed_out }),
            Form::Lines => memrchr(b'\n', text).map(|end| End { length: end + 1, handed_out: end + 1 }),
            Form::Exported => last_exported(text).map(|begin| End { length: begin, handed_out: begin }),
            Form::Document => None,
        }
    }

    /// What is left at the end of the file.
    fn last(&mut self, form: Form) -> Option<&[u8]> {
        if self.buffer.is_empty() {
            return None;
        }
        self.done = self.buffer.len();
        let length = match form {
            Form::Records => {
                let text = without_empty_files(&self.buffer);
                match text.strip_suffix(b"]}") {
                    Some(records) => records.len(),
                    None => {
                        self.damage.get_or_insert_with(|| "cut off within a record".to_owned());
                        // The last record is the one that was cut.
                        last_boundary(text).map_or(0, |(end, _)| end)
                    }
                }
            }
            Form::Lines | Form::Exported | Form::Document => self.buffer.len(),
        };
        Some(&self.buffer[..length]).filter(|piece| !piece.is_empty())
    }

    /// Reads until there are so many bytes, or no more.
    fn fill(&mut self, wanted: usize) {
        let mut have = self.buffer.len();
        if self.is_at_end || have >= wanted {
            return;
        }
        self.buffer.resize(wanted, 0);
        while have < wanted {
            match self.input.read(&mut self.buffer[have..]) {
                Ok(0) => {
                    self.is_at_end = true;
                    break;
                }
                Ok(read) => have += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let what = if self.is_gzip { "the rest of this gzip file" } else { "the rest" };
                    self.damage = Some(format!("{what} cannot be read: {error}"));
                    self.is_at_end = true;
                    break;
                }
            }
        }
        self.buffer.truncate(have);
    }
}

struct End {
    length: usize,
    handed_out: usize,
}

/// What each record of a trail's log file begins with. In a JSON string a quote has a backslash before it, so this stands
/// in none.
const RECORD: &[u8] = br#"{"eventVersion""#;

/// Where one record ends and the next begins, for each two that follow each other: what is between belongs to neither.
pub fn boundaries(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    memmem::find_iter(text, RECORD).filter_map(|next| Some((end_before(text, next)?, next)))
}

fn last_boundary(text: &[u8]) -> Option<(usize, usize)> {
    memmem::rfind_iter(text, RECORD).find_map(|next| Some((end_before(text, next)?, next)))
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
