//! What was read of a file, as data.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use triage_model::observation::Observation;
use triage_model::problem::{ProblemName, Problems};

/// The time of an observation that tells none: none can have it, and it does not change from run to run as the real time
/// does. The history's own time is put in its place.
pub const NO_TIME: Timestamp = Timestamp::MAX;

/// What was read of a part of a file.
#[derive(Debug, Default, PartialEq)]
pub struct Reading {
    pub observations: Vec<Due>,
    pub problems: Problems,
    /// What could not be read, each with its place, as a person is told.
    pub complaints: Vec<String>,
    /// Files out of folders that hold something which is none of ours.
    pub foreign: BTreeSet<String>,
    /// Something was left out.
    pub skipped: bool,
    /// Records and lines, ours or not.
    pub records: u64,
    pub own: u64,
    pub left_alone: u64,
    /// Observations outside of the times or regions that were asked for.
    pub outside: u64,
    /// Observations of which nothing tells when they were delivered; counted where that is asked for.
    pub without_arrival: u64,
}

/// An observation, and when it is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// [`NO_TIME`] where the observation tells no time.
    pub at: Timestamp,
    pub observation: Observation,
}

impl Reading {
    /// Nothing but something to tell.
    pub fn of_complaint(complaint: &str) -> Self {
        Self { complaints: vec![complaint.to_owned()], ..Self::default() }
    }

    /// A file that cannot be opened.
    pub fn of_unreadable(name: &str, error: &io::Error) -> Self {
        let mut reading = Self::default();
        reading.skip(name, &error.to_string());
        reading
    }

    /// Notes what kept the end of a file from being read, if anything did.
    pub fn end(&mut self, name: &str, damage: Option<&str>, is_empty: bool) {
        if let Some(damage) = damage {
            self.skip(name, damage);
        } else if is_empty {
            self.skip(name, "nothing in it");
        }
    }

    /// Takes up what was read of another part.
    pub fn append(&mut self, mut other: Self) {
        self.observations.append(&mut other.observations);
        self.complaints.append(&mut other.complaints);
        if !other.problems.is_empty() {
            self.problems.merge(other.problems);
        }
        self.foreign.append(&mut other.foreign);
        self.skipped |= other.skipped;
        self.records += other.records;
        self.own += other.own;
        self.left_alone += other.left_alone;
        self.outside += other.outside;
        self.without_arrival += other.without_arrival;
    }

    /// Notes a file in a folder that is none of ours: all of them are summed up at the end.
    pub fn skip_foreign(&mut self, name: &str) {
        self.skipped = true;
        self.foreign.insert(name.to_owned());
    }

    /// Notes what was left out.
    pub fn skip(&mut self, place: &str, reason: &str) {
        self.skipped = true;
        self.problems.note(ProblemName::FileUnreadable, format!("{place}: {reason}"));
        self.complaints.push(format!("{place}: {reason}"));
    }
}

/// What is due and where it stands: in which file, by the order of their names, and at which place in it. Of what is of
/// one time that decides which comes first.
#[derive(Debug)]
pub struct Placed {
    pub file: usize,
    pub position: u64,
    pub due: Due,
}
