//! What the lifecycle of an incident does, as data.
//!
//! A [`Turn`] says what happened and why, with numbers and names but without sentences: those are made where notices are.

use jiff::Timestamp;
use triage_model::observation::Operation;

use crate::ledger::Ledger;
use crate::verdict::{Advised, Diagnosis, Recovery};

/// One turn in the life of a region's incident: the new ledger, and what is to be told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub ledger: Ledger,
    /// In the order in which it is to be told. What is of an incident is of the ledger's.
    pub happened: Vec<Happened>,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    Opened,
    /// It had been over since then, and is back.
    Reopened {
        over_since: Timestamp,
    },
    Changed(Vec<Change>),
    /// The incident goes on.
    Reminder,
    Resolved(Recovery),
    /// What needs no incident.
    Advised(Advised),
}

/// What was not told yet of an open incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Diagnosis {
        from: Diagnosis,
        to: Diagnosis,
    },
    /// At least twice as many callers are hit as were told of.
    Callers {
        hit: usize,
        told: usize,
    },
    Operation(Operation),
    AwsHealth,
}
