//! The moment from which a true incident could be known.
//!
//! In: a [`History`] and one of its true incidents. Out: when the evidence that the tests need had arrived. The number
//! of callers is the least n of at least 3 with n ln(0.05 / 0.001) >= ln(2 * 8 * calls a year), for eight cells and one
//! false page a year.

use std::collections::{BTreeMap, BTreeSet};

use super::call::Counted;
use super::history::{DAY, History, Record};
use super::true_incident::{Needs, TrueIncident};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Enough {
    /// The arrival of enough evidence; else of the last evidence.
    pub at: f64,
    pub is_enough: bool,
}

const CALLS_A_YEAR_MIN: f64 = 1000.0;
const CELLS: f64 = 8.0;
const LEAST_CALLERS: usize = 3;

/// Long enough that many failures of one caller are no accident, in seconds.
const ROW_LASTS: f64 = 60.0;

/// None if no record shows the incident.
pub fn needed(history: &History, nth: usize) -> Option<Enough> {
    let incident = &history.incidents[nth];
    let counts = |record: &&Record| record.incident == Some(nth) && record.at >= incident.counts_from;
    match incident.needs {
        Needs::Test => distinct(history.records.iter().filter(counts), callers_for_the_test(history, incident)),
        Needs::Callers(callers) => distinct(history.records.iter().filter(counts), callers),
        Needs::InARow(failures) => in_a_row(history, incident, nth, failures),
    }
}

/// One line for each true incident, for debugging.
pub fn in_lines(history: &History) -> Vec<String> {
    let line = |(nth, incident): (usize, &TrueIncident)| {
        let needs = match incident.needs {
            Needs::Test => format!("{} callers", callers_for_the_test(history, incident)),
            Needs::Callers(callers) => format!("{callers} callers"),
            Needs::InARow(failures) => format!("{failures} failures in a row"),
        };
        let enough = match needed(history, nth) {
            Some(Enough { at, is_enough: true }) => format!("there at {at}"),
            Some(Enough { at, is_enough: false }) => format!("never there, the last of it at {at}"),
            None => "never there".to_owned(),
        };
        let TrueIncident { from, to, diagnoses, page, .. } = incident;
        format!("to be noticed: {diagnoses:?} from {from:.0} to {to:.0}, page {page:?}, needs {needs}, {enough}")
    };
    history.incidents.iter().enumerate().map(line).collect()
}

fn distinct<'a>(hit: impl Iterator<Item = &'a Record>, needed: usize) -> Option<Enough> {
    let mut callers = BTreeSet::new();
    let new = hit.filter(|record| callers.insert(record.call.counted()));
    let arrivals: Vec<f64> = new.map(|record| record.arrives.ceil()).take(needed).collect();
    arrivals.last().map(|at| Enough { at: *at, is_enough: arrivals.len() == needed })
}

fn callers_for_the_test(history: &History, incident: &TrueIncident) -> usize {
    let threshold = (2.0 * CELLS * calls_a_year(history, incident)).ln();
    let each = (0.05_f64 / 0.001).ln();
    ((threshold / each).ceil() as usize).max(LEAST_CALLERS)
}

/// Calls a year of the affected operations, from the calls before the incident.
fn calls_a_year(history: &History, incident: &TrueIncident) -> f64 {
    let counts = |record: &&Record| {
        record.call.region == incident.region
            && record.at < incident.from
            && incident.scope.operations.is_none_or(|operations| operations.contains(&record.call.operation))
    };
    let first = history.records.iter().map(|record| record.at).fold(f64::INFINITY, f64::min);
    // Some are delivered twice.
    let calls: BTreeSet<u64> = history.records.iter().filter(counts).map(|record| record.id).collect();
    (calls.len() as f64 * 365.0 * DAY / (incident.from - first).max(DAY)).max(CALLS_A_YEAR_MIN)
}

fn in_a_row(history: &History, incident: &TrueIncident, nth: usize, needed: usize) -> Option<Enough> {
    let mut rows: BTreeMap<Counted, (usize, f64)> = BTreeMap::new();
    let mut latest = None;
    let of_it = history
        .records
        .iter()
        .filter(|record| record.call.region == incident.region && (incident.covers)(&record.call, record.at));
    for record in of_it {
        if record.incident != Some(nth) {
            rows.remove(&record.call.counted());
            continue;
        }
        let (failures, since) = rows.entry(record.call.counted()).or_insert((0, record.at));
        *failures += 1;
        let at = record.arrives.ceil();
        if *failures >= needed && record.at >= *since + ROW_LASTS {
            return Some(Enough { at, is_enough: true });
        }
        latest = Some(Enough { at, is_enough: false });
    }
    latest
}
