//! An incident from close by, as data: who was served and who failed, from shortly before it to shortly after it.

use std::time::Duration;

use jiff::Timestamp;

/// Incidents whose bins are kept: more are not drawn.
pub const CLOSE_UPS_MAX: usize = 200;

/// An incident from close by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CloseUp {
    pub width: Duration,
    /// Without a gap; empty where nothing was seen, or the incident is one of too many.
    pub bins: Vec<Slice>,
    /// From its first failure to its latest.
    pub during: Calls,
    /// The same for as long as is shown before it.
    pub before: Calls,
    /// Distinct callers that failed from its first failure to its latest; None where there were too many to keep.
    pub affected: Option<usize>,
    /// Distinct callers from its first failure to its latest, affected or not; None where served calls are not seen.
    pub active: Option<usize>,
    /// All affected callers are people.
    pub are_people: bool,
    /// Of the failures, how many got no answer at all.
    pub unanswered: u64,
}

/// Calls of an incident's region: those that were served, and those that failed as the incident is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub served: u64,
    pub failed: u64,
}

/// What happened within one width from `at` on.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    pub at: Timestamp,
    pub calls: Calls,
    /// Distinct callers that failed.
    pub affected: u64,
}

/// The toll of several incidents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Toll {
    pub calls: Calls,
    /// Distinct callers that failed, and of those that called at all.
    pub affected: usize,
    pub active: usize,
}

impl Calls {
    /// The share that was served, in parts of a thousand; None where nobody called.
    pub fn per_mille(self) -> Option<u64> {
        let all = self.served + self.failed;
        (all > 0).then(|| self.served.saturating_mul(1000) / all)
    }

    pub fn add(&mut self, other: Self) {
        self.served += other.served;
        self.failed += other.failed;
    }
}
