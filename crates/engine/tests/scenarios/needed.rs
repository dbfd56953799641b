//! From when on anybody could know of a trouble.
//!
//! In: a [`History`] and one of its troubles. Out: when what the tests need had arrived, by the truth. The number of callers
//! is that of issue 11: the least n of at least 3 with n ln(0.05 / 0.001) >= ln(2 * 8 * calls a year), of eight cells and one
//! false page a year.

use std::collections::{BTreeMap, BTreeSet};

use super::call::Counted;
use super::history::{DAY, History, Record};
use super::trouble::{Needs, Trouble};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Enough {
    /// When it had arrived; else when the last of it had.
    pub at: f64,
    pub is_enough: bool,
}

const CALLS_A_YEAR_MIN: f64 = 1000.0;
const CELLS: f64 = 8.0;
const LEAST_CALLERS: usize = 3;

/// Long enough that many failures of one are no accident, in seconds.
const ROW_LASTS: f64 = 60.0;

/// None if nothing of the trouble shows.
pub fn needed(history: &History, nth: usize) -> Option<Enough> {
    let trouble = &history.troubles[nth];
    let counts = |record: &&Record| record.trouble == Some(nth) && record.at >= trouble.counts_from;
    match trouble.needs {
        Needs::Test => distinct(history.records.iter().filter(counts), callers_for_the_test(history, trouble)),
        Needs::Callers(callers) => distinct(history.records.iter().filter(counts), callers),
        Needs::InARow(failures) => in_a_row(history, trouble, nth, failures),
    }
}

/// One line a trouble, for whoever looks for what went wrong.
pub fn in_lines(history: &History) -> Vec<String> {
    let line = |(nth, trouble): (usize, &Trouble)| {
        let needs = match trouble.needs {
            Needs::Test => format!("{} callers", callers_for_the_test(history, trouble)),
            Needs::Callers(callers) => format!("{callers} callers"),
            Needs::InARow(failures) => format!("{failures} failures in a row"),
        };
        let enough = match needed(history, nth) {
            Some(Enough { at, is_enough: true }) => format!("there at {at}"),
            Some(Enough { at, is_enough: false }) => format!("never there, the last of it at {at}"),
            None => "never there".to_owned(),
        };
        let Trouble { from, to, diagnoses, page, .. } = trouble;
        format!("to be told: {diagnoses:?} from {from:.0} to {to:.0}, page {page:?}, needs {needs}, {enough}")
    };
    history.troubles.iter().enumerate().map(line).collect()
}

fn distinct<'a>(hit: impl Iterator<Item = &'a Record>, needed: usize) -> Option<Enough> {
    let mut callers = BTreeSet::new();
    let new = hit.filter(|record| callers.insert(record.call.counted()));
    let arrivals: Vec<f64> = new.map(|record| record.arrives.ceil()).take(needed).collect();
    arrivals.last().map(|at| Enough { at: *at, is_enough: arrivals.len() == needed })
}

fn callers_for_the_test(history: &History, trouble: &Trouble) -> usize {
    let threshold = (2.0 * CELLS * calls_a_year(history, trouble)).ln();
    let each = (0.05_f64 / 0.001).ln();
    ((threshold / each).ceil() as usize).max(LEAST_CALLERS)
}

/// Of the operations of the trouble, by what was called before it.
fn calls_a_year(history: &History, trouble: &Trouble) -> f64 {
    let counts = |record: &&Record| {
        record.call.region == trouble.region
            && record.at < trouble.from
            && trouble.scope.operations.is_none_or(|operations| operations.contains(&record.call.operation))
    };
    let first = history.records.iter().map(|record| record.at).fold(f64::INFINITY, f64::min);
    // Some are delivered twice.
    let calls: BTreeSet<u64> = history.records.iter().filter(counts).map(|record| record.id).collect();
    (calls.len() as f64 * 365.0 * DAY / (trouble.from - first).max(DAY)).max(CALLS_A_YEAR_MIN)
}

fn in_a_row(history: &History, trouble: &Trouble, nth: usize, needed: usize) -> Option<Enough> {
    let mut rows: BTreeMap<Counted, (usize, f64)> = BTreeMap::new();
    let mut latest = None;
    let of_it = history
        .records
        .iter()
        .filter(|record| record.call.region == trouble.region && (trouble.covers)(&record.call, record.at));
    for record in of_it {
        if record.trouble != Some(nth) {
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
