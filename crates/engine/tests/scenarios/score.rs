//! Compares notices with the truth.
//!
//! In: a [`History`] and the [`Alarm`]s reported for it. Out: a [`Score`].

use std::collections::{BTreeMap, BTreeSet};

use triage_decide::verdict::Diagnosis;
use triage_model::observation::Operation;
use triage_notify::notice::NoticeKind;

use super::alarm::Alarm;
use super::call::Counted;
use super::history::{DAY, HOUR, History, MINUTE};
use super::needed::needed;
use super::simulation::Heard;
use super::true_incident::{Page, TrueIncident};

/// Histories of each family on the page.
pub const SEEDS: u64 = 20;

/// The scores of one history: ours and the others'.
#[derive(Clone, Default)]
pub struct Scores {
    pub ours: Score,
    pub per_event: Score,
    pub one_of_one: Score,
    pub three_of_five: Score,
    /// An observer's who knows the truth.
    pub ideal: Score,
    /// The true incidents and all our notices, for debugging.
    pub heard: Vec<String>,
}

/// One true incident that was noticed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Seconds after enough evidence had arrived; negative if before.
    pub noticed: f64,
    /// Calls that arrived between the two, and newly affected callers.
    pub calls: usize,
    pub callers: usize,
    /// Seconds after enough evidence had arrived until it became a page.
    pub paged: Option<f64>,
    pub page_is_due: bool,
    /// Whether the end must be reported: the incident does not return at once.
    pub ends: bool,
    /// Whether it is the last of a row of returning incidents.
    pub is_last: bool,
    /// Seconds from the true end until it was called off for good.
    pub resolved: Option<f64>,
    /// The same after the fifth served call, but at least five minutes after the end.
    pub after_the_fifth: Option<f64>,
    /// Whether the reported scope is right; None if it is not scored.
    pub scope_is_right: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    pub found: Vec<Found>,
    pub missed: usize,
    /// Not noticed, with too few affected callers for anybody to know.
    pub unknowable: usize,
    /// Alarms without a true incident, or with a wrong diagnosis.
    pub false_alarms: usize,
    /// Pages without an incident worth one.
    pub false_pages: usize,
    /// Called off during the incident.
    pub too_early: usize,
    /// Repeated within the day, where once a day is right.
    pub nagging: usize,
    pub incidents: usize,
    pub messages: usize,
}

/// Alarms this long after the end still belong to it: the last events came late.
const BELATED: f64 = 10.0 * MINUTE;

fn belongs(alarm: &Alarm, incident: &TrueIncident) -> bool {
    alarm.region == incident.region
        && alarm.diagnosis.as_deref().is_none_or(|diagnosis| incident.may_be_called(diagnosis))
        && alarm.latest_scope().is_none_or(|reported| incident.scope.agrees_with(reported))
}

fn overlaps(alarm: &Alarm, incident: &TrueIncident) -> bool {
    belongs(alarm, incident)
        && alarm.raised < incident.to + BELATED
        && alarm.called_off.is_none_or(|called_off| called_off > incident.from)
}

pub fn score(history: &History, alarms: &[Alarm], messages: usize) -> Score {
    let is_of_any = |alarm: &Alarm| history.incidents.iter().any(|incident| overlaps(alarm, incident));
    let deserves_a_page = |alarm: &Alarm| {
        history.incidents.iter().any(|incident| incident.page != Page::Never && overlaps(alarm, incident))
    };
    let mut score = Score {
        messages,
        incidents: alarms.iter().map(|alarm| &alarm.incident).collect::<BTreeSet<_>>().len(),
        false_alarms: alarms.iter().filter(|alarm| !is_of_any(alarm)).count(),
        false_pages: alarms.iter().filter(|alarm| alarm.paged.is_some() && !deserves_a_page(alarm)).count(),
        nagging: alarms.iter().map(nagging).sum(),
        ..Score::default()
    };
    for (nth, incident) in history.incidents.iter().enumerate() {
        let enough = needed(history, nth);
        let of_it: Vec<&Alarm> = alarms.iter().filter(|alarm| overlaps(alarm, incident)).collect();
        let (Some(first), Some(last)) = (of_it.first(), of_it.last()) else {
            let can_be_known = enough.is_some_and(|enough| enough.is_enough);
            score.missed += usize::from(incident.must_be_noticed && can_be_known);
            score.unknowable += usize::from(incident.must_be_noticed && !can_be_known);
            continue;
        };
        let Some(enough) = enough.map(|enough| enough.at) else { continue };
        // Nobody can know of an incident that has just begun again.
        let is_within = |at: f64| enough <= at && at < incident.to;
        let early = alarms.iter().filter(|alarm| belongs(alarm, incident));
        score.too_early += early.filter(|alarm| alarm.called_off.is_some_and(is_within)).count();
        let is_last = is_last_of_its_row(history, nth);
        let called_off = last.called_off.filter(|_| is_last);
        let fifth = fifth_served(history, incident);
        let counts = |at: f64| enough < at && at <= first.raised;
        let between = || history.records.iter().filter(|record| counts(record.arrives.ceil()));
        let paged = of_it.iter().filter_map(|alarm| alarm.paged).min_by(f64::total_cmp);
        score.found.push(Found {
            noticed: first.raised - enough - incident.grace.min((first.raised - enough).max(0.0)),
            calls: between().filter(|record| record.call.region == incident.region).count(),
            callers: between()
                .filter(|record| record.incident == Some(nth))
                .map(|record| record.call.counted())
                .collect::<BTreeSet<_>>()
                .len(),
            paged: paged.map(|at| at - enough),
            page_is_due: incident.page == Page::Due,
            is_last,
            ends: is_last && incident.must_end && incident.to.is_finite() && fifth.is_some(),
            resolved: called_off.filter(|_| incident.to.is_finite()).map(|at| at - incident.to),
            after_the_fifth: called_off.zip(fifth).map(|(at, fifth)| at - fifth.max(incident.to + 5.0 * MINUTE)),
            scope_is_right: incident.scope.scored.then(|| {
                let reported = of_it.iter().rev().find(|alarm| alarm.raised < incident.scope_by).unwrap_or(last);
                let reported = reported.scope_at(incident.to.min(incident.scope_by));
                reported.is_some_and(|reported| incident.scope.is_named_by(reported, &hit(history, nth)))
            }),
        });
    }
    score
}

/// The affected operations: fewer than three failing callers may be chance.
fn hit(history: &History, nth: usize) -> BTreeSet<Operation> {
    let mut callers: BTreeMap<Operation, BTreeSet<Counted>> = BTreeMap::new();
    for record in history.records.iter().filter(|record| record.incident == Some(nth)) {
        callers.entry(record.call.operation).or_default().insert(record.call.counted());
    }
    callers.into_iter().filter(|(_, callers)| callers.len() >= 3).map(|(operation, _)| operation).collect()
}

/// None if there are never five again.
pub fn fifth_served(history: &History, incident: &TrueIncident) -> Option<f64> {
    let nth = history.incidents.iter().position(|it| std::ptr::eq(it, incident));
    let operations = nth.map(|nth| hit(history, nth)).unwrap_or_default();
    if operations.len() < 2 {
        return fifth_served_of(history, incident, None);
    }
    // Each operation needs its own proof; one with hardly any calls is given up after this quiet time.
    let of_each = operations
        .into_iter()
        .map(|operation| fifth_served_of(history, incident, Some(operation)).unwrap_or(incident.to + QUIET));
    of_each.max_by(f64::total_cmp)
}

/// The quiet time after which an operation is given up when others are proved.
const QUIET: f64 = 60.0 * MINUTE;

fn fifth_served_of(history: &History, incident: &TrueIncident, operation: Option<Operation>) -> Option<f64> {
    let of_it = history.records.iter().filter(|record| {
        record.call.region == incident.region
            && (incident.covers)(&record.call, record.at)
            && record.at >= incident.to
            && operation.is_none_or(|operation| record.call.operation == operation)
    });
    let mut served = of_it.filter(|record| !record.failed());
    served.nth(4).map(|record| record.arrives.ceil())
}

/// Of a flapping service only the last end counts: a return within a quarter of an hour continues the incident.
pub fn is_last_of_its_row(history: &History, nth: usize) -> bool {
    let incident = &history.incidents[nth];
    let comes_back = |other: &TrueIncident| {
        other.is_like(incident) && other.from > incident.to && other.from < incident.to + 15.0 * MINUTE
    };
    !history.incidents.iter().any(comes_back)
}

/// A daily reminder may come a little early.
const A_DAY: f64 = DAY - HOUR;

/// The number of repetitions within the day, for one tool, network or application.
fn nagging(alarm: &Alarm) -> usize {
    let once_a_day = alarm.diagnosis.as_deref().is_some_and(|diagnosis| diagnosis.starts_with("one_"));
    if once_a_day { too_often(&alarm.reminders) } else { 0 }
}

/// The same for the advice about throttling.
pub fn nagging_advice(heard: &[Heard]) -> usize {
    let is_one =
        |heard: &&Heard| heard.notice.kind == NoticeKind::Advice && heard.notice.diagnosis == Diagnosis::Throttling;
    let times: Vec<f64> = heard.iter().filter(is_one).map(|heard| heard.at).collect();
    too_often(&times)
}

fn too_often(times: &[f64]) -> usize {
    times.windows(2).filter(|pair| pair[1] - pair[0] < A_DAY).count()
}
