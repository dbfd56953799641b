//! What the lifecycle of an incident does, as data.
//!
//! A [`Turn`] says what happened and why, with numbers and names but without sentences: those are made where notices are.

use jiff::Timestamp;
use triage_model::observation::Operation;

use crate::ledger::{Incident, Ledger};
use crate::scope::{Shared, SharedKey};
use crate::verdict::{Advised, Diagnosis, Recovery};

/// One turn in the life of a region's incidents: the new ledger, and what is to be told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub ledger: Ledger,
    /// Incidents that ended and were followed by another one at once.
    pub given_up: Vec<Incident>,
    /// In the order in which it is to be told.
    pub happened: Vec<Event>,
}

impl Turn {
    /// The incident that something happened to. One that was given up in the same turn as another one opened is the one
    /// before it.
    pub fn incident(&self, key: Option<SharedKey>, happened: &Happened) -> Option<&Incident> {
        match happened {
            Happened::Resolved(_) => {
                self.given_up.iter().find(|incident| incident.key() == key).or_else(|| self.ledger.latest(key))
            }
            Happened::Opened | Happened::Reopened { .. } | Happened::Changed(_) | Happened::Reminder => {
                self.ledger.latest(key)
            }
        }
    }
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// To the incident of the region (None) or of what is told apart, as it stands in the ledger.
    OfIncident(Option<SharedKey>, Happened),
    /// What needs no incident.
    Advised(Advised),
}

/// What happened to an incident.
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
}

/// What was not told yet of an open incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Diagnosis {
        from: Diagnosis,
        to: Diagnosis,
    },
    /// It is of one tool, network or application.
    Attributed(Shared),
    /// It is not, though it was told so.
    Refuted(Shared),
    /// It has lasted: people are to be woken.
    Lasts,
    /// At least twice as many callers are hit as were told of.
    Callers {
        affected: usize,
        reported: usize,
    },
    Operation(Operation),
    /// That one works again.
    Works(Operation),
    /// Nobody has called since then.
    NobodyCalls(Timestamp),
    AwsHealth,
}
