//! A made-up history: who called when and how it went, and what was true.
//!
//! In: a seed, by the families. Out: [`Record`]s in the order of their delivery, and the [`Trouble`]s that somebody should
//! hear of. How AWS would write a record down is in `envelope`.

use jiff::Timestamp;

use super::call::{Call, Fault, PENDING};
use super::trouble::Trouble;

/// All histories begin on a Monday at midnight.
const BEGIN: i64 = 1_793_577_600;

pub const MINUTE: f64 = 60.0;
pub const HOUR: f64 = 3600.0;
pub const DAY: f64 = 86_400.0;

/// A time of a history, in seconds since its beginning.
pub fn at(second: f64) -> Timestamp {
    Timestamp::from_second(BEGIN + second as i64).expect("a history lasts some years at most")
}

/// Where a call was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    CloudTrail,
    /// A line of an application's log.
    Log,
    /// Not a call: AWS Health tells of an issue, or that it is over.
    Health {
        over: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Record {
    pub at: f64,
    /// When it is delivered. A record that is delivered twice is there twice.
    pub arrives: f64,
    pub id: u64,
    pub seen: Seen,
    pub call: Call,
    /// None if it was served.
    pub fault: Option<Fault>,
    /// Which of the history's troubles it is a part of.
    pub trouble: Option<usize>,
}

impl Record {
    /// Whether it was a call that did not get what it asked for.
    pub fn failed(&self) -> bool {
        self.fault.is_some_and(|fault| fault != PENDING)
    }
}

pub struct History {
    /// In the order of delivery.
    pub records: Vec<Record>,
    pub troubles: Vec<Trouble>,
    /// Whether a watcher probes, and finds the service down in an outage.
    pub probed: bool,
}

impl History {
    /// Labels each record with the first of the troubles that it is of.
    pub fn of(mut records: Vec<Record>, troubles: Vec<Trouble>) -> Self {
        for record in &mut records {
            record.trouble = troubles.iter().position(|trouble| {
                record.fault.is_some_and(|fault| (trouble.shows)(fault)) && trouble.strikes(&record.call, record.at)
            });
        }
        records.sort_by(|one, other| one.arrives.total_cmp(&other.arrives).then(one.id.cmp(&other.id)));
        Self { records, troubles, probed: false }
    }

    pub fn end(&self) -> f64 {
        self.records.last().map_or(0.0, |record| record.arrives)
    }

    /// JSON lines, which `oidc-triage replay` reads.
    pub fn lines(&self) -> String {
        let lines = self.records.iter().map(|record| format!("{}\n", record.labelled(&self.troubles)));
        lines.collect()
    }
}
