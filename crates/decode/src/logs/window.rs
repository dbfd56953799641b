//! The bytes of a document, a window at a time.
//!
//! In: a reader. Out: the bytes from the current place on, as many as there is room for. Passed bytes are dropped. The
//! room grows with the bytes needed at once, up to a limit. The caller interprets the bytes.

use std::io::Read;

/// Large enough to make the carry-over between windows small, and small enough for a processor's cache.
pub const ROOM: usize = 128 * 1024;

pub struct Window<R> {
    source: R,
    bytes: Vec<u8>,
    from: usize,
    to: usize,
    /// The number of bytes passed so far.
    passed: usize,
    room_max: usize,
    is_ended: bool,
}

impl<R: Read> Window<R> {
    /// With room for this many bytes, growing to at most `room_max`.
    pub fn new(source: R, room: usize, room_max: usize) -> Self {
        Self { source, bytes: vec![0; room], from: 0, to: 0, passed: 0, room_max, is_ended: false }
    }

    /// The bytes from the current place on.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }

    pub fn len(&self) -> usize {
        self.to - self.from
    }

    /// Moves on by this many bytes, which must be there.
    pub fn pass(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "what is passed is there");
        self.from += count;
        self.passed += count;
    }

    /// The place in the document.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// Reads more bytes. False if there is no room for them, or the source has ended.
    pub fn more(&mut self) -> bool {
        self.bytes.copy_within(self.from..self.to, 0);
        self.to -= self.from;
        self.from = 0;
        if self.to == self.bytes.len() && self.to < self.room_max {
            self.bytes.resize((self.to * 2).min(self.room_max), 0);
        }
        let before = self.to;
        while !self.is_ended && self.to < self.bytes.len() {
            match self.source.read(&mut self.bytes[self.to..]) {
                Ok(0) | Err(_) => self.is_ended = true,
                Ok(count) => self.to += count,
            }
        }
        self.to > before
    }

    /// Whether the source has ended.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Reads to the end of the source.
    pub fn into_drained(mut self) -> R {
        while !self.is_ended {
            self.from = self.to;
            self.more();
        }
        self.source
    }
}
