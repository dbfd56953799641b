//! The result of a test, as data.

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::Origin;

use crate::cell::Cell;
use crate::policy::Policy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestKind {
    FailedAgainstAnswered,
    HitsInTime,
}

/// A test that has crossed its threshold, or how near it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub cell: Cell,
    pub origin: Origin,
    pub kind: TestKind,
    /// The first failure of the run: of the one that crossed if one did, else of the latest.
    pub began_at: Timestamp,
    /// The first time within the evidence that a run crossed.
    pub crossed_at: Option<Timestamp>,
    /// Who is hit and has not taken its vote back, in the order of being hit. Of a run that crossed: all who were hit in it,
    /// until it ended, but for those who had taken it back before it crossed.
    pub callers: Vec<CallerHash>,
    /// In nats, when it crossed; else now.
    pub sum: f64,
    pub threshold: f64,
    /// Calls of these callers that failed since the run began, and calls that were answered, until it ended or now.
    pub failed: usize,
    pub answered: usize,
}

impl Run {
    /// Chance alone would bring a sum like this once in so many years. More than a million count as a million.
    pub fn chance_years(&self, policy: &Policy) -> f64 {
        ((self.sum - self.threshold).exp() / policy.false_pages_per_year).min(CHANCE_YEARS_MAX)
    }
}

/// Beyond this a number says no more than its size.
const CHANCE_YEARS_MAX: f64 = 1_000_000.0;
