//! Many files at once, in one order.
//!
//! In: [`Source`]s by the time at which each begins. Out: their [`Piece`]s, that which begins first next. Each file is read
//! and decoded by a thread of its own, a little ahead of what is wanted of it; of those that are open, the piece with the
//! first time is given out. So files that overlap in time (regions, accounts, exports) are read side by side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use jiff::Timestamp;

use super::files::Source;
use super::read::{Piece, read};
use crate::event::Setting;

/// Files that are open at the same time, where so many overlap: each takes about a megabyte. Of more than these the rest is
/// read when one ends, and what is late by then is counted.
const OPEN_MAX: usize = 64;

/// Pieces that wait of one file.
const AHEAD: usize = 2;

/// Reads many files.
pub struct Merge {
    sources: VecDeque<Source>,
    open: Vec<Open>,
    setting: Arc<Setting>,
    progress: Arc<AtomicU64>,
    /// Files that are opened before they are wanted, so that all processors have work.
    eager: usize,
}

struct Open {
    pieces: Receiver<Piece>,
    head: Option<Piece>,
    /// The time up to which pieces of it were given out: one without a time stands where the one before it did.
    at: Option<Timestamp>,
}

impl Merge {
    pub fn new(sources: Vec<Source>, setting: Setting, progress: Arc<AtomicU64>) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { sources: sources.into(), open: Vec::new(), setting: Arc::new(setting), progress, eager: processors + 1 }
    }

    /// The next piece; None where all is read.
    pub fn next(&mut self) -> Option<Piece> {
        loop {
            self.open_more();
            self.look();
            let first = self.first()?;
            let is_overtaken = self.sources.front().is_some_and(|next| next.begins < self.open[first].at);
            if is_overtaken && self.open.len() < OPEN_MAX {
                let source = self.sources.pop_front()?;
                self.open(source);
                continue;
            }
            return self.open[first].head.take();
        }
    }

    fn open_more(&mut self) {
        while self.open.len() < self.eager
            && let Some(source) = self.sources.pop_front()
        {
            self.open(source);
        }
    }

    fn open(&mut self, source: Source) {
        let (sender, pieces) = sync_channel(AHEAD);
        let (setting, progress) = (Arc::clone(&self.setting), Arc::clone(&self.progress));
        let at = source.begins;
        thread::spawn(move || read(&source, &setting, &progress, &mut |piece| sender.send(piece).is_ok()));
        self.open.push(Open { pieces, head: None, at });
    }

    /// Waits until the next piece of each open file is there, and forgets files that ended.
    fn look(&mut self) {
        self.open.retain_mut(|open| {
            if open.head.is_none() {
                open.head = open.pieces.recv().ok();
                open.at = open.head.as_ref().and_then(Piece::first).or(open.at);
            }
            open.head.is_some()
        });
    }

    /// Which of the open files has the piece that begins first; of equal ones that which was opened first.
    fn first(&self) -> Option<usize> {
        (0..self.open.len()).min_by_key(|open| self.open[*open].at)
    }
}
