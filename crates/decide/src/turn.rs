//! What the lifecycle of an incident does, as data.
//!
//! A [`Turn`] says what happened and why, with numbers and names but without sentences: notices have those.

use jiff::Timestamp;
use triage_model::observation::Operation;
use triage_model::region::Region;

use crate::ledger::{Incident, Ledger};
use crate::scope::{Shared, SharedKey};
use crate::silence::{Silence, Withheld};
use crate::verdict::{Advised, Diagnosis, Recovery};

/// One turn in the life of a region's incidents: the new ledger, and what to report.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub ledger: Ledger,
    /// Incidents that ended and were followed by another one at once.
    pub given_up: Vec<Incident>,
    /// In the order in which it is reported.
    pub happened: Vec<Event>,
    /// Notices of it that people would get if nobody had silenced them.
    pub withheld: usize,
}

impl Turn {
    /// The incident that something happened to. One that was given up in the same turn as another one opened is the one
    /// before it.
    pub fn incident(&self, key: Option<SharedKey>, happened: &Happened) -> Option<&Incident> {
        match happened {
            Happened::Resolved(_) => {
                self.given_up.iter().find(|incident| incident.key() == key).or_else(|| self.ledger.latest(key))
            }
            Happened::Opened
            | Happened::Reopened { .. }
            | Happened::Changed(_)
            | Happened::Reminder
            | Happened::Unsilenced(_) => self.ledger.latest(key),
        }
    }
}

/// Something to report.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// About the incident of the region (None) or of an attribution, as it stands in the ledger.
    OfIncident(Option<SharedKey>, Happened),
    /// An advice notice, without an incident.
    Advised(Advised),
    /// An operator silenced something, or did for longer.
    Silenced(Silence),
    /// A silence has ended: what it held back.
    SilenceEnded(Silence),
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
    /// The incident is still open.
    Reminder,
    Resolved(Recovery),
    /// It is not silenced any more, and still open. What its latest notices said was held back.
    Unsilenced(Withheld),
}

/// A change of an open incident that was not reported yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Diagnosis {
        from: Diagnosis,
        to: Diagnosis,
    },
    /// It is of one tool, network or application.
    Attributed(Shared),
    /// It is not, though it was reported so.
    Refuted(Shared),
    /// It has lasted: it pages.
    Lasts,
    /// At least twice as many callers are affected as were reported.
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
    /// It fails in another region of the same Identity Center too; `everywhere`: in all of them.
    FailsIn {
        region: Region,
        everywhere: bool,
    },
    /// It is over in that region, and not in another one.
    WorksIn {
        region: Region,
        proved: bool,
    },
    /// Another portal leads in than the one that people were given.
    Portal {
        lost: Option<Region>,
        found: Option<Region>,
    },
}
