//! What was read of a file, as data.

use jiff::Timestamp;
use triage_model::observation::Observation;
use triage_model::problem::{ProblemName, Problems};

/// The time of an observation that tells none: none can have it, and it does not change from run to run as the real time
/// does. The history's own time is put in its place.
pub const NO_TIME: Timestamp = Timestamp::MAX;

/// What was read of a part of a file.
#[derive(Debug, Default)]
pub struct Reading {
    pub observations: Vec<Due>,
    pub problems: Problems,
    /// What could not be read, each with its place, as a person is told.
    pub complaints: Vec<String>,
    /// Something was left out.
    pub skipped: bool,
    /// Records and lines, ours or not.
    pub records: u64,
    pub own: u64,
    pub left_alone: u64,
    /// Observations of which nothing tells when they were delivered; counted where that is asked for.
    pub without_arrival: u64,
}

/// An observation, and when it is judged.
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
