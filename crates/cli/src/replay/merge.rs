//! Many files at once, in one order.
//!
//! In: [`HistoryFile`]s by the time at which each begins. Out: what they tell, that which is due first next. Each file is
//! read and decoded by a thread of its own, a little ahead of what is wanted of it; of those that are open, the first
//! observation is given out. So files that overlap in time (regions, accounts, exports) are read side by side.
//!
//! What is taken of which file next depends on nothing but what the files tell: not on how quick a thread is, nor on how
//! many processors there are. So the order is the same in every run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use crate::replay::files::HistoryFile;
use crate::replay::read::{Rules, read};
use crate::replay::reading::{NO_TIME, Placed, Reading};

/// Files that are open at the same time, where so many overlap: each takes about a megabyte. Of more than these the rest is
/// read when one ends, and what is late by then is counted.
const OPEN_MAX: usize = 64;

/// Files that are opened before they are wanted, so that the processors have work. The same everywhere, because what is late
/// depends on it; on two processors eight took a fifth longer than two, and half as much memory again.
const OPEN_AHEAD: usize = 4;

/// Observations that wait of files that were read to their end. Beyond, no further file is opened.
const WAITING_MAX: usize = 100_000;

/// Readings that wait of one file.
const AHEAD: usize = 2;

/// Of a file that may be at its end, so many observations are looked ahead for.
const AT_ONCE: usize = 2_000;

/// How often it is looked whether the user has had enough, while nothing comes.
const LOOK: Duration = Duration::from_millis(100);

/// What comes next.
#[derive(Debug)]
pub enum Next {
    Observed(Placed),
    /// A part of a file was read. Its observations come by themselves.
    Read(Reading),
}

/// Reads many files.
pub struct Merge<'a> {
    files: VecDeque<HistoryFile>,
    open: Vec<Open>,
    /// What tells no time waits for nothing.
    timeless: VecDeque<Placed>,
    rules: Arc<Rules>,
    bytes: Arc<AtomicU64>,
    stop: &'a AtomicBool,
    is_limited: bool,
}

struct Open {
    file: usize,
    /// Observations so far.
    position: u64,
    /// Nothing more comes of it.
    has_ended: bool,
    readings: Receiver<Reading>,
    /// Of what was received, in order of time, those that are not given out.
    waiting: VecDeque<Placed>,
}

impl Open {
    fn next_at(&self) -> Option<Timestamp> {
        self.waiting.front().map(|placed| placed.due.at)
    }
}

impl<'a> Merge<'a> {
    pub fn new(files: Vec<HistoryFile>, rules: Rules, stop: &'a AtomicBool) -> Self {
        Self {
            files: files.into(),
            open: Vec::new(),
            timeless: VecDeque::new(),
            rules: Arc::new(rules),
            bytes: Arc::default(),
            stop,
            is_limited: false,
        }
    }

    /// Bytes that were read.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What comes next; None where all is read, or the user has had enough.
    pub fn next(&mut self) -> Option<Next> {
        while !self.stop.load(Ordering::Relaxed) {
            if let Some(placed) = self.timeless.pop_front() {
                return Some(Next::Observed(placed));
            }
            while self.open.len() < OPEN_AHEAD && self.open_next() {}
            // Which is the first is known once each file has told its next one.
            if let Some(hungry) = self.open.iter().position(|open| open.waiting.is_empty()) {
                match self.receive(hungry) {
                    Some(reading) => return Some(Next::Read(reading)),
                    None => continue,
                }
            }
            let first = (0..self.open.len()).min_by_key(|open| (self.open[*open].next_at(), self.open[*open].file))?;
            let at = self.open[first].next_at();
            let is_overtaken = self.files.front().is_some_and(|next| next.begins <= at);
            // One that is not open may begin before.
            if is_overtaken && self.open.len() < OPEN_MAX {
                self.open_next();
                continue;
            }
            // Those that were read to their end take little room, however many they are: so it is looked which are.
            let may_be_at_its_end = |open: &Open| !open.has_ended && open.waiting.len() < AT_ONCE;
            if is_overtaken && let Some(short) = self.open.iter().position(may_be_at_its_end) {
                match self.receive(short) {
                    Some(reading) => return Some(Next::Read(reading)),
                    None => continue,
                }
            }
            if is_overtaken && self.has_room() {
                self.open_next();
                continue;
            }
            self.is_limited |= is_overtaken;
            return self.open[first].waiting.pop_front().map(Next::Observed);
        }
        None
    }

    /// Whether one more file may be open beside so many.
    fn has_room(&self) -> bool {
        let waiting: usize = self.open.iter().map(|open| open.waiting.len()).sum();
        self.open.iter().filter(|open| !open.has_ended).count() < OPEN_MAX && waiting < WAITING_MAX
    }

    /// What waits of the files that are open.
    pub fn rest(&mut self) -> Vec<Placed> {
        let waiting = self.open.drain(..).flat_map(|open| open.waiting);
        self.timeless.drain(..).chain(waiting).collect()
    }

    /// That more files overlapped than can be open, if they did.
    pub fn limit(&self) -> Option<&'static str> {
        self.is_limited.then_some(
            "more files overlap in time than can be open at once: what some of them tell came too late to be put where it \
             belongs, and is counted as out of order",
        )
    }

    /// False where all files are open, or were.
    fn open_next(&mut self) -> bool {
        let Some(file) = self.files.pop_front() else { return false };
        let (sender, readings) = sync_channel(AHEAD);
        let (rules, bytes) = (Arc::clone(&self.rules), Arc::clone(&self.bytes));
        let open = Open { file: file.place, position: 0, has_ended: false, readings, waiting: VecDeque::new() };
        thread::spawn(move || read(&file, &rules, &bytes, &mut |reading| sender.send(reading).is_ok()));
        self.open.push(open);
        true
    }

    /// Waits for the next reading of a file, and takes the observations out of it. None where the file has ended, or the user
    /// has had enough.
    fn receive(&mut self, place: usize) -> Option<Reading> {
        let open = &mut self.open[place];
        let mut reading = loop {
            match open.readings.recv_timeout(LOOK) {
                Ok(reading) => break reading,
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => return None,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    open.has_ended = true;
                    if open.waiting.is_empty() {
                        self.open.remove(place);
                    }
                    return None;
                }
            }
        };
        for due in reading.observations.drain(..) {
            let placed = Placed { file: open.file, position: open.position, due };
            open.position += 1;
            if placed.due.at != NO_TIME { &mut open.waiting } else { &mut self.timeless }.push_back(placed);
        }
        open.waiting.make_contiguous().sort_by_key(|placed| placed.due.at);
        Some(reading)
    }
}
