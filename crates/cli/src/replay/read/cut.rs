//! Cutting a file into chunks that can be decoded by themselves.
//!
//! In: a stream of bytes, inflated. Out: [`Chunk`]s of about [`CHUNK`] bytes, each of whole records or lines, with the
//! [`Layout`] that the file was found to have. Only what is one JSON document is a chunk as a whole, up to
//! [`DOCUMENT_MAX`].

use std::io::{ErrorKind, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::replay::read::layout::{Layout, last_records, records_begin};

/// Large enough that cutting costs nothing, small enough that many files can be open at once.
pub const CHUNK: usize = 512 * 1024;

/// The largest JSON document, or line, that is read as a whole. A trail's log files are cut, whatever their size.
pub const DOCUMENT_MAX: usize = 64 * 1024 * 1024;

/// A text file may begin with this; JSON does not know it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// From this size on a document is read alone, whatever other files are open: of many at a time memory would not be bounded.
const LARGE: usize = 4 * 1024 * 1024;
static ALONE: Mutex<()> = Mutex::new(());

/// A part of a file that can be decoded by itself.
pub struct Chunk<'a> {
    pub layout: Layout,
    pub bytes: &'a [u8],
    /// As long as a large one is there, no other is.
    _alone: Option<MutexGuard<'static, ()>>,
}

/// A text that is no longer than a chunk, as a [`Cutter`] would cut it: in one piece; and what kept the end of it from being
/// read.
pub fn whole(text: &[u8]) -> (Chunk<'_>, Option<&'static str>) {
    let (layout, begin) = begin(text, true);
    let (length, is_whole) = last(layout, &text[begin..]);
    (Chunk { layout, bytes: &text[begin..][..length], _alone: None }, (!is_whole).then_some(CUT_OFF))
}

const CUT_OFF: &str = "cut off within a record";

/// How a text is laid out, and where it begins. `is_whole`: there is no more of it.
fn begin(text: &[u8], is_whole: bool) -> (Layout, usize) {
    let mark = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    match records_begin(&text[mark..]) {
        Some(begin) => (Layout::Records, mark + begin),
        None => (Layout::of(&text[mark..], is_whole), mark),
    }
}

/// How much of the text at the end of a file can be read, and whether that is all of it.
fn last(layout: Layout, text: &[u8]) -> (usize, bool) {
    match layout {
        Layout::Records if !text.is_empty() => last_records(text),
        Layout::Records | Layout::Lines | Layout::Exported | Layout::Table | Layout::Rows | Layout::Document => {
            (text.len(), true)
        }
    }
}

/// Cuts a stream.
pub struct Cutter<R> {
    input: R,
    is_gzip: bool,
    buffer: Vec<u8>,
    /// What of the buffer was handed out.
    done: usize,
    is_at_end: bool,
    layout: Option<Layout>,
    damage: Option<String>,
}

impl<R: Read> Cutter<R> {
    pub fn new(input: R, is_gzip: bool) -> Self {
        Self { input, is_gzip, buffer: Vec::new(), done: 0, is_at_end: false, layout: None, damage: None }
    }

    /// What kept the end of the file from being read.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// The next chunk; None at the end.
    pub fn next(&mut self) -> Option<Chunk<'_>> {
        self.buffer.drain(..self.done);
        self.done = 0;
        self.fill(CHUNK);
        let layout = match self.layout {
            Some(layout) => layout,
            None => self.begin(),
        };
        let mut alone = None;
        let length = loop {
            if self.is_at_end {
                break self.last(layout);
            }
            if let Some(boundary) = layout.last_boundary(&self.buffer) {
                self.done = boundary.next;
                break boundary.end;
            }
            // A record or line longer than a chunk, or a document.
            if self.buffer.len() >= DOCUMENT_MAX {
                self.damage = Some(format!("only JSON documents and lines up to {DOCUMENT_MAX} bytes are read"));
                self.is_at_end = true;
                self.buffer.clear();
                return None;
            }
            if self.buffer.len() >= LARGE && alone.is_none() {
                alone = Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner));
            }
            self.fill(self.buffer.len() * 2);
        };
        (length > 0).then(|| Chunk { layout, bytes: &self.buffer[..length], _alone: alone })
    }

    /// Looks at the first bytes, and drops what stands before the first record.
    fn begin(&mut self) -> Layout {
        let (layout, begin) = begin(&self.buffer, self.is_at_end);
        self.buffer.drain(..begin);
        self.layout = Some(layout);
        layout
    }

    /// How much of what is left at the end of the file can be read.
    fn last(&mut self, layout: Layout) -> usize {
        self.done = self.buffer.len();
        let (length, is_whole) = last(layout, &self.buffer);
        if !is_whole {
            self.damage.get_or_insert_with(|| CUT_OFF.to_owned());
        }
        length
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
