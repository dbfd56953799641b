//! Files that are read before they are wanted.
//!
//! In: [`HistoryFile`]s in the order in which they are wanted. Out: what each tells, in the same order: of a small one all of
//! it, of any other the parts as they come. Small files are read by several threads, a batch at a time, because
//! handing over one would cost more than to read it; any other has a thread of its own. How much is read ahead is bounded.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;

use crate::replay::files::HistoryFile;
use crate::replay::read::{Rules, read};
use crate::replay::reading::Reading;
use crate::replay::whole::{WHOLE_MAX, Whole};

/// How much is read ahead.
#[derive(Clone, Copy, Debug)]
struct Width {
    /// Threads for small files; None: one for each processor.
    readers: Option<usize>,
    /// Small files of one batch.
    batch_files: usize,
    /// Batches on their way: what they tell is held.
    batches: usize,
    /// Larger files that are opened before they are wanted.
    streams: usize,
}

/// A batch is some milliseconds' work. On two processors eight streams took a fifth longer than two, and half as much memory again.
const OF_DISK: Width = Width { readers: None, batch_files: 64, batches: 8, streams: 4 };

/// An object takes some ten milliseconds until it comes, whatever its size: many at once, and as many files on their way.
const OF_BUCKET: Width = Width { readers: Some(16), batch_files: 8, batches: 64, streams: 8 };

/// Readings that wait of one larger file.
const READINGS: usize = 2;

/// What a file tells.
#[derive(Debug)]
pub enum Told {
    /// All of it.
    Whole(Reading),
    /// The parts, as they come.
    Parts(Receiver<Reading>),
}

/// Reads files before they are wanted.
pub struct Ahead {
    files: VecDeque<HistoryFile>,
    /// In the order of the files.
    batches: VecDeque<Batch>,
    /// The next files, each with what it tells.
    next: VecDeque<(HistoryFile, State)>,
    /// Files with a thread of their own that are not handed out.
    streams: usize,
    jobs: Option<SyncSender<Job>>,
    width: Width,
    rules: Arc<Rules>,
    bytes: Arc<AtomicU64>,
}

enum Batch {
    Small { begins: Option<Timestamp>, done: Receiver<Vec<(HistoryFile, State)>> },
    Large(HistoryFile, State),
}

enum State {
    Told(Told),
    /// It is to be read by a thread of its own.
    Unread,
}

struct Job {
    files: Vec<HistoryFile>,
    done: SyncSender<Vec<(HistoryFile, State)>>,
}

impl Ahead {
    pub fn new(files: Vec<HistoryFile>, rules: Rules) -> Self {
        let (rules, bytes) = (Arc::new(rules), Arc::default());
        let files = VecDeque::from(files);
        let width = if files.iter().any(HistoryFile::is_remote) { OF_BUCKET } else { OF_DISK };
        Self {
            jobs: files.iter().any(is_small).then(|| workers(width, &rules, &bytes)),
            width,
            files,
            batches: VecDeque::new(),
            next: VecDeque::new(),
            streams: 0,
            rules,
            bytes,
        }
    }

    pub fn bytes(&self) -> &AtomicU64 {
        &self.bytes
    }

    /// When the next file begins; None where there is none.
    pub fn next_begins(&self) -> Option<Option<Timestamp>> {
        match (self.next.front(), self.batches.front(), self.files.front()) {
            (Some((file, _)), _, _) | (None, Some(Batch::Large(file, _)), _) | (None, None, Some(file)) => {
                Some(file.begins)
            }
            (None, Some(Batch::Small { begins, .. }), _) => Some(*begins),
            (None, None, None) => None,
        }
    }

    /// The next file and what it tells; None where there is none.
    pub fn take(&mut self) -> Option<(HistoryFile, Told)> {
        while self.next.is_empty() {
            self.hand_out();
            match self.batches.pop_front()? {
                Batch::Small { done, .. } => self.next.extend(done.recv().expect("no reader panics")),
                Batch::Large(file, state) => self.next.push_back((file, state)),
            }
        }
        let (file, state) = self.next.pop_front()?;
        let told = match state {
            State::Told(told) => {
                self.streams -= usize::from(matches!(told, Told::Parts(_)));
                told
            }
            State::Unread => self.stream(&file),
        };
        self.hand_out();
        Some((file, told))
    }

    /// Has as much read as is to be read ahead.
    fn hand_out(&mut self) {
        while self.batches.len() < self.width.batches
            && let Some(file) = self.files.pop_front()
        {
            let batch = match &self.jobs {
                Some(jobs) if is_small(&file) => {
                    let (begins, mut files) = (file.begins, vec![file]);
                    while files.len() < self.width.batch_files
                        && let Some(file) = self.files.pop_front_if(|file| is_small(file))
                    {
                        files.push(file);
                    }
                    let (sender, done) = sync_channel(1);
                    // There is room for each that can be on its way.
                    let _ = jobs.send(Job { files, done: sender });
                    Batch::Small { begins, done }
                }
                Some(_) | None => Batch::Large(file, State::Unread),
            };
            self.batches.push_back(batch);
        }
        self.open_streams();
    }

    /// Gives those that come first of the larger ones a thread each.
    fn open_streams(&mut self) {
        let Self { next, batches, streams, width, rules, bytes, .. } = self;
        let of_batches = batches.iter_mut().filter_map(|batch| match batch {
            Batch::Large(file, state) => Some((&*file, state)),
            Batch::Small { .. } => None,
        });
        let unread = next.iter_mut().map(|(file, state)| (&*file, state)).chain(of_batches);
        for (file, state) in unread.filter(|(_, state)| matches!(state, State::Unread)) {
            if *streams >= width.streams {
                return;
            }
            *state = State::Told(stream(file, rules, bytes));
            *streams += 1;
        }
    }

    fn stream(&self, file: &HistoryFile) -> Told {
        stream(file, &self.rules, &self.bytes)
    }
}

/// Whether it may be small: without a look at its size it is tried.
fn is_small(file: &HistoryFile) -> bool {
    file.can_be_reread && file.size.is_none_or(|size| size <= WHOLE_MAX)
}

/// Reads a file by a thread of its own.
fn stream(file: &HistoryFile, rules: &Arc<Rules>, bytes: &Arc<AtomicU64>) -> Told {
    let (sender, readings) = sync_channel(READINGS);
    let (file, rules, bytes) = (file.clone(), Arc::clone(rules), Arc::clone(bytes));
    thread::spawn(move || read(&file, &rules, &bytes, &mut |reading| sender.send(reading).is_ok()));
    Told::Parts(readings)
}

/// Threads for small files, until there is nobody to hand out jobs.
fn workers(width: Width, rules: &Arc<Rules>, bytes: &Arc<AtomicU64>) -> SyncSender<Job> {
    let (jobs, receiver) = sync_channel::<Job>(width.batches);
    let receiver = Arc::new(Mutex::new(receiver));
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..width.readers.unwrap_or_else(processors) {
        let (receiver, rules, bytes) = (Arc::clone(&receiver), Arc::clone(rules), Arc::clone(bytes));
        thread::spawn(move || {
            let mut whole = Whole::new();
            loop {
                let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(Job { files, done }) = job else { return };
                let told = files.into_iter().map(|file| {
                    let state = match whole.read(&file, &rules, &bytes) {
                        Some(reading) => State::Told(Told::Whole(reading)),
                        None => State::Unread,
                    };
                    (file, state)
                });
                // Where nobody takes it, the user has had enough.
                let _ = done.send(told.collect());
            }
        });
    }
    jobs
}
