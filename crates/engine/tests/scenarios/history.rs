//! A simulated history: the calls and the truth about them.
//!
//! In: a seed, from the families. Out: [`Record`]s in the order of their delivery, and the [`TrueIncident`]s behind
//! them. `envelope` writes records in AWS's form.

use jiff::Timestamp;

use super::call::{Call, Fault, PENDING};
use super::true_incident::TrueIncident;

/// All histories begin on a Monday at midnight.
const BEGIN: i64 = 1_793_577_600;

pub const MINUTE: f64 = 60.0;
pub const HOUR: f64 = 3600.0;
pub const DAY: f64 = 86_400.0;

/// A time of a history, in seconds since its beginning.
pub fn at(second: f64) -> Timestamp {
    Timestamp::from_second(BEGIN + second as i64).expect("a history lasts some years at most")
}

/// The source of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    CloudTrail,
    /// A line of an application's log.
    Log,
    /// Not a call: AWS Health reports an issue, or its end.
    Health {
        over: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Record {
    pub at: f64,
    /// The delivery time. A record delivered twice is listed twice.
    pub arrives: f64,
    pub id: u64,
    pub seen: Seen,
    pub call: Call,
    /// None if it was served.
    pub fault: Option<Fault>,
    /// The true incident it belongs to.
    pub incident: Option<usize>,
}

impl Record {
    /// Whether the call failed.
    pub fn failed(&self) -> bool {
        self.fault.is_some_and(|fault| fault != PENDING)
    }
}

pub struct History {
    /// In the order of delivery.
    pub records: Vec<Record>,
    pub incidents: Vec<TrueIncident>,
    /// Whether a watcher probes, and finds the service down in an outage.
    pub probed: bool,
}

impl History {
    /// Labels each record with the first true incident it belongs to.
    pub fn of(mut records: Vec<Record>, incidents: Vec<TrueIncident>) -> Self {
        for record in &mut records {
            record.incident = incidents.iter().position(|incident| {
                record.fault.is_some_and(|fault| (incident.shows)(fault)) && incident.strikes(&record.call, record.at)
            });
        }
        records.sort_by(|one, other| one.arrives.total_cmp(&other.arrives).then(one.id.cmp(&other.id)));
        Self { records, incidents, probed: false }
    }

    pub fn end(&self) -> f64 {
        self.records.last().map_or(0.0, |record| record.arrives)
    }

    /// JSON lines for `oidc-triage replay`.
    pub fn lines(&self) -> String {
        let lines = self.records.iter().map(|record| format!("{}\n", record.labelled(&self.incidents)));
        lines.collect()
    }
}
