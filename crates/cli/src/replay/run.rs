//! A history as it is lived through: what was read of it, and what was evaluated.
//!
//! In: paths, settings and policies. Out: one [`Happened`] after the other. The history is read once, however many policies
//! go through it, and nothing of it is held longer than it has to be.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use triage_decide::policy::Policy;
use triage_engine::pipeline::Pipeline;
use triage_engine::settings::Settings;

use crate::replay::clock_by::ClockBy;
use crate::replay::files::{self, Found, Unreadable};
use crate::replay::foreign::Foreign;
use crate::replay::life::{Life, Moment};
use crate::replay::lives::{By, Lives};
use crate::replay::merge::{Merge, Next};
use crate::replay::order::Order;
use crate::replay::read::Rules;
use crate::replay::reading::{Due, Reading};
use crate::replay::window::Window;

/// Where a history is, what it is evaluated by, and whether the user has had enough of it.
#[derive(Clone, Debug)]
pub struct History<'a> {
    pub paths: &'a [PathBuf],
    pub by: ClockBy,
    pub window: Window,
    /// Somebody sees how far it is.
    pub shows_progress: bool,
    /// What was done so far is told once this is set.
    pub stop: &'a Arc<AtomicBool>,
}

/// What happens in a run.
#[derive(Debug)]
pub enum Happened {
    Read(Reading),
    /// By which of the policies.
    ClassifiedFailure(By, Box<Moment>),
}

/// What is known when a run is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    pub by: ClockBy,
    pub files: u64,
    /// Observations that came too far out of order to be put where they belong.
    pub out_of_order: u64,
    /// Something could not be read and was left out.
    pub skipped: bool,
    pub interrupted: bool,
}

/// One run through a history.
pub struct Run<'a> {
    merge: Merge<'a>,
    order: Order,
    lives: Lives,
    stop: &'a AtomicBool,
    phase: Phase,
    /// What happened and is not handed out.
    happened: VecDeque<Happened>,
    size: u64,
    /// What is none of ours in the folders.
    foreign: Foreign,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The files are read.
    Files,
    /// All is read, and what waits is evaluated.
    Waiting,
    /// That life is to be ended next.
    Ending(usize),
}

impl<'a> Run<'a> {
    pub fn new(history: History<'a>, settings: &Settings, policies: impl IntoIterator<Item = Policy>) -> Self {
        let Found { files, unreadable, left_out } =
            files::find(history.paths, &history.window, history.shows_progress, history.stop);
        let with = |policy| Life::new(Pipeline::of_a_history(Settings { policy, ..settings.clone() }));
        let mut run = Self {
            order: Order::default(),
            lives: Lives::new(policies.into_iter().collect(), with),
            stop: history.stop,
            phase: Phase::Files,
            happened: VecDeque::new(),
            foreign: Foreign::default(),
            size: files.iter().filter_map(|file| file.size).sum(),
            end: End { by: history.by, ..End::default() },
            merge: Merge::new(files, Rules::of(settings, history.by, history.window, Timestamp::now()), history.stop),
        };
        for Unreadable { name, reason } in unreadable {
            let mut reading = Reading::default();
            reading.skip(&name, &reason);
            run.end.skipped = true;
            run.happened.push_back(Happened::Read(reading));
        }
        // Deliberately, so that it is no failure.
        run.happened.extend(left_out.iter().map(|words| Happened::Read(Reading::of_complaint(words))));
        run
    }

    /// How many bytes were read, of how many.
    pub fn progress(&self) -> (u64, u64) {
        (self.merge.bytes(), self.size)
    }

    /// All of it once nothing more happens.
    pub fn end(&self) -> End {
        self.end
    }

    /// Reads on, or has what is due evaluated. False where nothing is left to be read.
    fn read_on(&mut self) -> bool {
        if let Some(due) = self.order.pop_due() {
            self.live_through(due);
            return true;
        }
        match self.merge.next() {
            Some(Next::Observed(placed)) => self.order.push(placed),
            Some(Next::Read(reading)) => self.take_up(reading),
            None => return false,
        }
        true
    }

    /// Ends the reading. What was read is evaluated, also when the user has had enough: it is a moment's work.
    fn close(&mut self) {
        self.end.interrupted = self.stop.load(Ordering::Relaxed);
        self.end.files = self.merge.files();
        if let Some(reading) = self.merge.unreported() {
            self.take_up(reading);
        }
        self.happened.extend(self.foreign.in_words().map(|words| Happened::Read(Reading::of_complaint(&words))));
        if let Some(limit) = self.merge.limit() {
            self.happened.push_back(Happened::Read(Reading::of_complaint(limit)));
        }
        self.merge.rest().into_iter().for_each(|placed| self.order.push(placed));
        self.order.date_timeless();
        self.end.out_of_order = self.order.out_of_order;
    }

    fn take_up(&mut self, reading: Reading) {
        self.end.skipped |= reading.skipped;
        self.foreign.add(&reading.foreign);
        self.happened.push_back(Happened::Read(reading));
    }

    fn live_through(&mut self, due: Due) {
        let happened = &mut self.happened;
        self.lives
            .see(due, |by, moment| happened.push_back(Happened::ClassifiedFailure(Rc::clone(by), Box::new(moment))));
    }

    fn end_life(&mut self, number: usize) {
        let (by, moments) = self.lives.end(number, self.end.interrupted);
        let classified = |moment| Happened::ClassifiedFailure(Rc::clone(&by), Box::new(moment));
        self.happened.extend(moments.into_iter().map(classified));
    }
}

impl Iterator for Run<'_> {
    type Item = Happened;

    fn next(&mut self) -> Option<Happened> {
        while self.happened.is_empty() {
            match self.phase {
                Phase::Files => {
                    if !self.read_on() {
                        self.close();
                        self.phase = Phase::Waiting;
                    }
                }
                Phase::Waiting => match self.order.pop() {
                    Some(next) => self.live_through(next),
                    None => self.phase = Phase::Ending(0),
                },
                Phase::Ending(number) if number < self.lives.len() => {
                    self.end_life(number);
                    self.phase = Phase::Ending(number + 1);
                }
                Phase::Ending(_) => return None,
            }
        }
        self.happened.pop_front()
    }
}
