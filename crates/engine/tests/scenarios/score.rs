//! What was heard against what was true.
//!
//! In: a [`History`] and what somebody told of it, each told thing as an [`Alarm`]. Out: a [`Score`].

use std::collections::{BTreeMap, BTreeSet};

use triage_decide::verdict::Diagnosis;
use triage_model::observation::Operation;
use triage_notify::notice::NoticeKind;

use super::alarm::Alarm;
use super::call::Counted;
use super::history::{DAY, HOUR, History, MINUTE};
use super::live::Heard;
use super::needed::needed;
use super::trouble::{Page, Trouble};

/// Of each family, on the page.
pub const SEEDS: u64 = 20;

/// Of one history: what we do, and what the others do.
#[derive(Clone, Default)]
pub struct Scores {
    pub ours: Score,
    pub per_event: Score,
    pub one_of_one: Score,
    pub three_of_five: Score,
    /// Of who knows the truth.
    pub ideal: Score,
    /// What is to be told, and all that was heard of us, for whoever looks for what went wrong.
    pub heard: Vec<String>,
}

/// Of one trouble that was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Seconds from when enough was seen for anybody to know; negative if before.
    pub told: f64,
    /// Calls that arrived between the two, and callers newly hit.
    pub calls: usize,
    pub callers: usize,
    /// Seconds from when enough was seen until it was told as a page.
    pub paged: Option<f64>,
    pub page_is_due: bool,
    /// Whether the end is one that somebody must hear of: the trouble does not come back at once.
    pub ends: bool,
    /// Whether there is one incident of it at the end of it.
    pub is_last: bool,
    /// Seconds from the true end until it was called off for good.
    pub resolved: Option<f64>,
    /// The same, from when the fifth served call had arrived, but at least five minutes after the end.
    pub after_the_fifth: Option<f64>,
    /// Whether it was said where it fails; None where nobody is to say.
    pub scope_is_right: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    pub found: Vec<Found>,
    pub missed: usize,
    /// Not told, but too few were hit for anybody to know.
    pub unknowable: usize,
    /// Alarms without a trouble, or of a wrong kind.
    pub false_alarms: usize,
    /// Pages without a trouble that is worth one.
    pub false_pages: usize,
    /// Called off while the trouble went on.
    pub too_early: usize,
    /// Told again within the day that was to be told once a day.
    pub nagging: usize,
    pub incidents: usize,
    pub messages: usize,
}

/// What is told so long after the end was told because the last events came late.
const BELATED: f64 = 10.0 * MINUTE;

fn belongs(alarm: &Alarm, trouble: &Trouble) -> bool {
    alarm.region == trouble.region
        && alarm.diagnosis.as_deref().is_none_or(|diagnosis| trouble.may_be_called(diagnosis))
        && alarm.latest_scope().is_none_or(|told| trouble.scope.agrees_with(told))
}

fn overlaps(alarm: &Alarm, trouble: &Trouble) -> bool {
    belongs(alarm, trouble)
        && alarm.raised < trouble.to + BELATED
        && alarm.called_off.is_none_or(|called_off| called_off > trouble.from)
}

pub fn score(history: &History, alarms: &[Alarm], messages: usize) -> Score {
    let is_of_any = |alarm: &Alarm| history.troubles.iter().any(|trouble| overlaps(alarm, trouble));
    let deserves_a_page =
        |alarm: &Alarm| history.troubles.iter().any(|trouble| trouble.page != Page::Never && overlaps(alarm, trouble));
    let mut score = Score {
        messages,
        incidents: alarms.iter().map(|alarm| &alarm.incident).collect::<BTreeSet<_>>().len(),
        false_alarms: alarms.iter().filter(|alarm| !is_of_any(alarm)).count(),
        false_pages: alarms.iter().filter(|alarm| alarm.paged.is_some() && !deserves_a_page(alarm)).count(),
        nagging: alarms.iter().map(nagging).sum(),
        ..Score::default()
    };
    for (nth, trouble) in history.troubles.iter().enumerate() {
        let enough = needed(history, nth);
        let of_it: Vec<&Alarm> = alarms.iter().filter(|alarm| overlaps(alarm, trouble)).collect();
        let (Some(first), Some(last)) = (of_it.first(), of_it.last()) else {
            let can_be_known = enough.is_some_and(|enough| enough.is_enough);
            score.missed += usize::from(trouble.must_be_told && can_be_known);
            score.unknowable += usize::from(trouble.must_be_told && !can_be_known);
            continue;
        };
        let Some(enough) = enough.map(|enough| enough.at) else { continue };
        // Nobody can know of one that has just begun anew.
        let is_within = |at: f64| enough <= at && at < trouble.to;
        let early = alarms.iter().filter(|alarm| belongs(alarm, trouble));
        score.too_early += early.filter(|alarm| alarm.called_off.is_some_and(is_within)).count();
        let is_last = is_last_of_its_row(history, nth);
        let called_off = last.called_off.filter(|_| is_last);
        let fifth = fifth_served(history, trouble);
        let counts = |at: f64| enough < at && at <= first.raised;
        let between = || history.records.iter().filter(|record| counts(record.arrives.ceil()));
        let paged = of_it.iter().filter_map(|alarm| alarm.paged).min_by(f64::total_cmp);
        score.found.push(Found {
            told: first.raised - enough - trouble.grace.min((first.raised - enough).max(0.0)),
            calls: between().filter(|record| record.call.region == trouble.region).count(),
            callers: between()
                .filter(|record| record.trouble == Some(nth))
                .map(|record| record.call.counted())
                .collect::<BTreeSet<_>>()
                .len(),
            paged: paged.map(|at| at - enough),
            page_is_due: trouble.page == Page::Due,
            is_last,
            ends: is_last && trouble.must_end && trouble.to.is_finite() && fifth.is_some(),
            resolved: called_off.filter(|_| trouble.to.is_finite()).map(|at| at - trouble.to),
            after_the_fifth: called_off.zip(fifth).map(|(at, fifth)| at - fifth.max(trouble.to + 5.0 * MINUTE)),
            scope_is_right: trouble.scope.judged.then(|| {
                let told = of_it.iter().rev().find(|alarm| alarm.raised < trouble.scope_by).unwrap_or(last);
                let told = told.scope_at(trouble.to.min(trouble.scope_by));
                told.is_some_and(|told| trouble.scope.is_told_by(told, &hit(history, nth)))
            }),
        });
    }
    score
}

/// The operations that the trouble hit: one in which fewer than three callers failed may as well have failed by chance.
fn hit(history: &History, nth: usize) -> BTreeSet<Operation> {
    let mut callers: BTreeMap<Operation, BTreeSet<Counted>> = BTreeMap::new();
    for record in history.records.iter().filter(|record| record.trouble == Some(nth)) {
        callers.entry(record.call.operation).or_default().insert(record.call.counted());
    }
    callers.into_iter().filter(|(_, callers)| callers.len() >= 3).map(|(operation, _)| operation).collect()
}

/// None where so many are never served again.
pub fn fifth_served(history: &History, trouble: &Trouble) -> Option<f64> {
    let nth = history.troubles.iter().position(|it| std::ptr::eq(it, trouble));
    let operations = nth.map(|nth| hit(history, nth)).unwrap_or_default();
    if operations.len() < 2 {
        return fifth_served_of(history, trouble, None);
    }
    // Each operation is proved by itself; where hardly anybody calls there, it is left when that has lasted.
    let of_each = operations
        .into_iter()
        .map(|operation| fifth_served_of(history, trouble, Some(operation)).unwrap_or(trouble.to + QUIET));
    of_each.max_by(f64::total_cmp)
}

/// So long nobody calls at an operation of which others are proved to work again.
const QUIET: f64 = 60.0 * MINUTE;

fn fifth_served_of(history: &History, trouble: &Trouble, operation: Option<Operation>) -> Option<f64> {
    let of_it = history.records.iter().filter(|record| {
        record.call.region == trouble.region
            && (trouble.covers)(&record.call, record.at)
            && record.at >= trouble.to
            && operation.is_none_or(|operation| record.call.operation == operation)
    });
    let mut served = of_it.filter(|record| !record.failed());
    served.nth(4).map(|record| record.arrives.ceil())
}

/// Of a service that flaps only the last end is one: what comes back within a quarter of an hour goes on.
pub fn is_last_of_its_row(history: &History, nth: usize) -> bool {
    let trouble = &history.troubles[nth];
    let comes_back =
        |other: &Trouble| other.is_like(trouble) && other.from > trouble.to && other.from < trouble.to + 15.0 * MINUTE;
    !history.troubles.iter().any(comes_back)
}

/// What is told once a day comes a little early now and then.
const A_DAY: f64 = DAY - HOUR;

/// How often it was told again within the day. Only of what one tool, network or application does.
fn nagging(alarm: &Alarm) -> usize {
    let once_a_day = alarm.diagnosis.as_deref().is_some_and(|diagnosis| diagnosis.starts_with("one_"));
    if once_a_day { too_often(&alarm.reminders) } else { 0 }
}

/// The same of the advice about throttling.
pub fn nagging_advice(heard: &[Heard]) -> usize {
    let is_one =
        |heard: &&Heard| heard.notice.kind == NoticeKind::Advice && heard.notice.diagnosis == Diagnosis::Throttling;
    let times: Vec<f64> = heard.iter().filter(is_one).map(|heard| heard.at).collect();
    too_often(&times)
}

fn too_often(times: &[f64]) -> usize {
    times.windows(2).filter(|pair| pair[1] - pair[0] < A_DAY).count()
}
