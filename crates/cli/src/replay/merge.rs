//! Many files at once, in one order.
//!
//! In: [`HistoryFile`]s by the time at which each begins. Out: what they tell, that which is due first next. Of those that are
//! open the first observation is given out. So files that overlap in time (regions, accounts, exports) are read side by
//! side.
//!
//! What is taken of which file next depends on nothing but what the files tell: not on how far [`Ahead`] has read, nor on
//! how many processors there are. So the order is the same in every run. What a file that was read to its end told waits
//! together with that of all others like it, so that it costs nothing how many there are.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use jiff::Timestamp;

use crate::replay::ahead::{Ahead, Told};
use crate::replay::files::HistoryFile;
use crate::replay::read::Rules;
use crate::replay::reading::{Due, NO_TIME, Placed, Reading};

/// Files that are open at the same time, where so many overlap: each takes about a megabyte. Of more than these the rest is
/// read when one ends, and what is late by then is counted.
const OPEN_MAX: usize = 64;

/// Files that are open in any case, as long as there are so many: one that begins before its name says is put right by it.
const OPEN_MIN: usize = 4;

/// Observations that wait of files that were read to their end. Beyond, no further file is opened.
const WAITING_MAX: usize = 100_000;

/// Of a file that may be at its end, so many observations are looked ahead for.
const AT_ONCE: usize = 2_000;

/// What was read is handed out after so many records at the latest, however small the files are.
const SHOWN_EVERY: u64 = 1_000;

/// How often it is looked whether the user has had enough, while nothing comes.
const LOOK: Duration = Duration::from_millis(100);

/// What comes next.
#[derive(Debug)]
pub enum Next {
    Observed(Placed),
    /// A part of a file was read, or several files. Their observations come by themselves.
    Read(Reading),
}

/// Reads many files.
pub struct Merge<'a> {
    ahead: Ahead,
    /// Those that are not read to their end.
    open: Vec<Open>,
    /// What waits of all others, by time, file and place in the file.
    ended: BTreeMap<(Timestamp, usize, u64), Due>,
    /// How much waits of each of these.
    left: HashMap<usize, usize>,
    /// What tells no time waits for nothing.
    timeless: VecDeque<Placed>,
    /// What was read of files, and is not handed out.
    read: Option<Reading>,
    stop: &'a AtomicBool,
    is_limited: bool,
    /// Files that were read to their end.
    files: u64,
}

struct Open {
    file: usize,
    /// Observations so far.
    position: u64,
    /// A part of it was read.
    is_begun: bool,
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
            ahead: Ahead::new(files, rules),
            open: Vec::new(),
            ended: BTreeMap::new(),
            left: HashMap::new(),
            timeless: VecDeque::new(),
            read: None,
            stop,
            is_limited: false,
            files: 0,
        }
    }

    /// Bytes that were read.
    pub fn bytes(&self) -> u64 {
        self.ahead.bytes().load(Ordering::Relaxed)
    }

    /// Files of which anything was read.
    pub fn files(&self) -> u64 {
        self.files + self.open.iter().filter(|open| open.is_begun).count() as u64
    }

    /// What was read and not handed out, because the user has had enough.
    pub fn unreported(&mut self) -> Option<Reading> {
        self.read.take()
    }

    /// What comes next; None where all is read, or the user has had enough.
    pub fn next(&mut self) -> Option<Next> {
        while !self.stop.load(Ordering::Relaxed) {
            if let Some(placed) = self.timeless.pop_front() {
                return Some(Next::Observed(placed));
            }
            // So that it is seen how far it is, and what is wrong.
            if let Some(reading) = self.read.take_if(|read| read.records >= SHOWN_EVERY || !read.complaints.is_empty())
            {
                return Some(Next::Read(reading));
            }
            if self.open.len() + self.left.len() < OPEN_MIN && self.open_next() {
                continue;
            }
            if let Some(reading) = self.read.take() {
                return Some(Next::Read(reading));
            }
            // Which is the first is known once each file has told its next one.
            if let Some(hungry) = self.open.iter().position(|open| open.waiting.is_empty()) {
                self.receive(hungry);
                continue;
            }
            let of_open = (0..self.open.len()).min_by_key(|open| (self.open[*open].next_at(), self.open[*open].file));
            let key = |open: usize| (self.open[open].next_at(), self.open[open].file);
            let of_ended = self.ended.first_key_value().map(|((at, file, _), _)| (Some(*at), *file));
            let (at, _) = of_open.map(key).into_iter().chain(of_ended).min()?;
            let is_overtaken = self.ahead.next_begins().is_some_and(|begins| begins <= at);
            // One that is not open may begin before.
            if is_overtaken && self.open.len() + self.left.len() < OPEN_MAX {
                self.open_next();
                continue;
            }
            // Those that were read to their end take little room, however many they are: so it is looked which are.
            if is_overtaken && let Some(short) = self.open.iter().position(|open| open.waiting.len() < AT_ONCE) {
                self.receive(short);
                continue;
            }
            if is_overtaken && self.has_room() {
                self.open_next();
                continue;
            }
            self.is_limited |= is_overtaken;
            return match of_open.filter(|open| of_ended.is_none_or(|ended| key(*open) < ended)) {
                Some(open) => self.open[open].waiting.pop_front().map(Next::Observed),
                None => self.pop_ended().map(Next::Observed),
            };
        }
        None
    }

    /// Whether one more file may be open beside so many.
    fn has_room(&self) -> bool {
        let waiting: usize = self.open.iter().map(|open| open.waiting.len()).sum();
        self.open.len() < OPEN_MAX && waiting + self.ended.len() < WAITING_MAX
    }

    fn pop_ended(&mut self) -> Option<Placed> {
        let ((_, file, position), due) = self.ended.pop_first()?;
        if let Some(left) = self.left.get_mut(&file) {
            *left -= 1;
            if *left == 0 {
                self.left.remove(&file);
            }
        }
        Some(Placed { file, position, due })
    }

    /// What waits of the files that are open.
    pub fn rest(&mut self) -> Vec<Placed> {
        let ended = std::mem::take(&mut self.ended).into_iter();
        let ended = ended.map(|((_, file, position), due)| Placed { file, position, due });
        let waiting = self.open.drain(..).flat_map(|open| open.waiting);
        self.timeless.drain(..).chain(waiting).chain(ended).collect()
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
        let Some((file, told)) = self.ahead.take() else { return false };
        match told {
            Told::Parts(readings) => {
                let waiting = VecDeque::new();
                self.open.push(Open { file: file.place, position: 0, is_begun: false, readings, waiting });
            }
            Told::Whole(mut reading) => {
                let placed = reading.observations.drain(..).zip(0..);
                let waiting = placed.map(|(due, position)| Placed { file: file.place, position, due });
                let (timed, timeless): (Vec<_>, Vec<_>) = waiting.partition(|placed| placed.due.at != NO_TIME);
                self.timeless.extend(timeless);
                self.files += 1;
                self.end(timed);
                self.hand_out(reading);
            }
        }
        true
    }

    /// Takes up what a file told that is read to its end.
    fn end(&mut self, waiting: impl IntoIterator<Item = Placed>) {
        for Placed { file, position, due } in waiting {
            *self.left.entry(file).or_default() += 1;
            self.ended.insert((due.at, file, position), due);
        }
    }

    fn hand_out(&mut self, reading: Reading) {
        self.read.get_or_insert_default().append(reading);
    }

    /// Waits for the next reading of a file, or its end, and takes the observations out of it; unless the user has had
    /// enough.
    fn receive(&mut self, place: usize) {
        let open = &mut self.open[place];
        let mut reading = loop {
            match open.readings.recv_timeout(LOOK) {
                Ok(reading) => break reading,
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => return,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let ended = self.open.remove(place);
                    self.files += 1;
                    return self.end(ended.waiting);
                }
            }
        };
        open.is_begun = true;
        for due in reading.observations.drain(..) {
            let placed = Placed { file: open.file, position: open.position, due };
            open.position += 1;
            if placed.due.at != NO_TIME { &mut open.waiting } else { &mut self.timeless }.push_back(placed);
        }
        open.waiting.make_contiguous().sort_by_key(|placed| placed.due.at);
        self.hand_out(reading);
    }
}
