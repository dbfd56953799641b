//! Many files at once, in one order.
//!
//! In: [`Source`]s by the time at which each begins. Out: what they tell, that which occurred first next. Each file is read
//! and decoded by a thread of its own, a little ahead of what is wanted of it; of those that are open, the first
//! observation is given out. So files that overlap in time (regions, accounts, exports) are read side by side.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use triage_decode::batch::Setting;
use triage_model::observation::Observation;

use crate::replay::files::Source;
use crate::replay::read::{Piece, read};

/// Files that are open at the same time, where so many overlap: each takes about a megabyte. Of more than these the rest is
/// read when one ends, and what is late by then is counted.
const OPEN_MAX: usize = 64;

/// Observations that wait of files that were read to their end. Beyond, no further file is opened.
const WAITING_MAX: usize = 100_000;

/// Pieces that wait of one file.
const AHEAD: usize = 2;

/// Of a file that may be at its end, so many observations are looked ahead for, and so long waited for.
const AT_ONCE: usize = 2_000;
const SOON: Duration = Duration::from_millis(5);

/// How often it is looked whether the user has had enough, while nothing comes.
const LOOK: Duration = Duration::from_millis(100);

/// What comes next.
#[derive(Debug)]
pub enum Next {
    Observed(Observation),
    /// A piece was read, all of it but its observations.
    Read(Piece),
}

/// Reads many files.
pub struct Merge<'a> {
    sources: VecDeque<Source>,
    open: Vec<Open>,
    read: VecDeque<Piece>,
    setting: Arc<Setting>,
    progress: Arc<AtomicU64>,
    stop: &'a AtomicBool,
    /// Files that are opened before they are wanted, so that all processors have work.
    eager: usize,
    is_limited: bool,
}

struct Open {
    /// Nothing more comes of it.
    has_ended: bool,
    pieces: Receiver<Piece>,
    /// Of what was received, in order of time, those that are not given out.
    waiting: VecDeque<Observation>,
}

impl Open {
    fn next_at(&self) -> Option<Timestamp> {
        self.waiting.front().map(Observation::occurred_at)
    }

    /// Takes the observations of the next piece. Out: what else it tells.
    fn receive(&mut self, mut piece: Piece) -> Piece {
        self.waiting.extend(std::mem::take(&mut piece.observations));
        self.waiting.make_contiguous().sort_by_key(Observation::occurred_at);
        piece
    }
}

impl<'a> Merge<'a> {
    pub fn new(sources: Vec<Source>, setting: Setting, progress: Arc<AtomicU64>, stop: &'a AtomicBool) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            sources: sources.into(),
            open: Vec::new(),
            read: VecDeque::new(),
            setting: Arc::new(setting),
            progress,
            stop,
            eager: processors + 1,
            is_limited: false,
        }
    }

    /// What comes next; None where all is read, or the user has had enough.
    pub fn next(&mut self) -> Option<Next> {
        loop {
            if let Some(piece) = self.read.pop_front() {
                return Some(Next::Read(piece));
            }
            while self.open.len() < self.eager && self.open_next() {}
            if !self.look() {
                return None;
            }
            if !self.read.is_empty() {
                continue;
            }
            let first = (0..self.open.len()).min_by_key(|open| self.open[*open].next_at())?;
            // One that is not open may begin before.
            let at = self.open[first].next_at();
            let is_overtaken = self.sources.front().is_some_and(|next| next.begins <= at);
            if !(is_overtaken && self.has_room() && self.open_next()) {
                return self.open[first].waiting.pop_front().map(Next::Observed);
            }
        }
    }

    /// Whether one more file may be open. Those that were read to their end take little room, however many they are.
    fn has_room(&mut self) -> bool {
        if self.open.len() < OPEN_MAX {
            return true;
        }
        for one in self.open.iter_mut().filter(|one| !one.has_ended) {
            while !one.has_ended && one.waiting.len() < AT_ONCE {
                match one.pieces.recv_timeout(SOON) {
                    Ok(piece) => self.read.push_back(one.receive(piece)),
                    Err(RecvTimeoutError::Disconnected) => one.has_ended = true,
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
        }
        let waiting: usize = self.open.iter().map(|one| one.waiting.len()).sum();
        let has_room = self.open.iter().filter(|one| !one.has_ended).count() < OPEN_MAX && waiting < WAITING_MAX;
        self.is_limited |= !has_room;
        has_room
    }

    /// What waits of the files that are open.
    pub fn rest(&mut self) -> Vec<Observation> {
        self.open.drain(..).flat_map(|one| one.waiting).collect()
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
        let Some(source) = self.sources.pop_front() else { return false };
        let (sender, pieces) = sync_channel(AHEAD);
        let (setting, progress) = (Arc::clone(&self.setting), Arc::clone(&self.progress));
        thread::spawn(move || read(&source, &setting, &progress, &mut |piece| sender.send(piece).is_ok()));
        self.open.push(Open { has_ended: false, pieces, waiting: VecDeque::new() });
        true
    }

    /// Waits until the next observation of each open file is there, and forgets files that ended. False where the user has
    /// had enough.
    fn look(&mut self) -> bool {
        let mut open = 0;
        while open < self.open.len() {
            let one = &mut self.open[open];
            if !one.waiting.is_empty() {
                open += 1;
                continue;
            }
            match one.pieces.recv_timeout(LOOK) {
                Ok(piece) => self.read.push_back(one.receive(piece)),
                Err(RecvTimeoutError::Disconnected) => {
                    self.open.remove(open);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
        }
        true
    }
}
