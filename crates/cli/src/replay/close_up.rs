//! An incident from close by, as data: who was served and who failed, from shortly before it to shortly after it.

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::calls::Calls;

/// Incidents whose bins are kept: more are not drawn.
pub const CLOSE_UPS_MAX: usize = 200;

/// An incident from close by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CloseUp {
    pub width: Duration,
    /// Without a gap; empty where nothing was seen, or the incident is one of too many.
    pub bins: Vec<Slice>,
    /// From its first failure to its latest: those of its region and scope that were served, and those that failed as it is
    /// about.
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
