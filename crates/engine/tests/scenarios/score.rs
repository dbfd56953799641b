//! What was heard against what was true.
//!
//! In: a [`History`] and what somebody told of it, each told thing as a stretch of time. Out: a [`Score`].

use std::collections::BTreeSet;

use triage_decide::verdict::Diagnosis;
use triage_notify::notice::NoticeKind;

use super::history::{History, Kind, MINUTE, Trouble};
use super::live::Heard;

/// Of each family, on the page.
pub const SEEDS: u64 = 20;

/// Of one history: what we do, and what the others do.
#[derive(Clone, Default)]
pub struct Scores {
    pub ours: Score,
    pub per_event: Score,
    pub one_of_one: Score,
    pub three_of_five: Score,
}

/// Somebody says that there is trouble.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    pub region: String,
    pub raised: f64,
    /// When it was called off; None if it never was.
    pub called_off: Option<f64>,
    /// What it is said to be; None where the one who tells cannot know.
    pub kind: Option<Kind>,
    /// Of one incident: it is the same trouble as that of an earlier one.
    pub incident: String,
}

/// Of one trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Seconds from the arrival of the third distinct caller's failure; negative if before.
    pub told: f64,
    /// Calls that arrived between the two.
    pub calls: usize,
    /// Seconds from the true end until it was called off for good.
    pub resolved: Option<f64>,
    /// The same, from when the fifth served call had arrived, but at least five minutes after the end.
    pub after_the_fifth: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    pub found: Vec<Found>,
    pub missed: usize,
    /// Alarms without a trouble, or of a wrong kind.
    pub false_alarms: usize,
    /// Called off while the trouble went on.
    pub too_early: usize,
    pub incidents: usize,
    pub messages: usize,
}

/// What is told so long after the end was told because the last events came late.
const BELATED: f64 = 10.0 * MINUTE;

pub fn score(history: &History, alarms: &[Alarm], messages: usize) -> Score {
    let belongs = |alarm: &Alarm, trouble: &Trouble| {
        alarm.region == trouble.region && alarm.kind.is_none_or(|kind| kind == trouble.kind)
    };
    let overlaps = |alarm: &Alarm, trouble: &Trouble| {
        belongs(alarm, trouble)
            && alarm.raised < trouble.to + BELATED
            && alarm.called_off.is_none_or(|called_off| called_off > trouble.from)
    };
    let mut score = Score {
        messages,
        incidents: alarms.iter().map(|alarm| &alarm.incident).collect::<BTreeSet<_>>().len(),
        false_alarms: alarms.iter().filter(|alarm| !history.troubles.iter().any(|it| overlaps(alarm, it))).count(),
        ..Score::default()
    };
    for (nth, trouble) in history.troubles.iter().enumerate() {
        let mut of_it = alarms.iter().filter(|alarm| overlaps(alarm, trouble));
        let Some(first) = of_it.next() else {
            score.missed += 1;
            continue;
        };
        let last = of_it.next_back().unwrap_or(first);
        let Some(third) = third_hit(history, nth) else { continue };
        // Nobody can know of one that has just begun anew.
        let is_within = |at: f64| third <= at && at < trouble.to;
        let early = alarms.iter().filter(|alarm| belongs(alarm, trouble));
        score.too_early += early.filter(|alarm| alarm.called_off.is_some_and(is_within)).count();
        let called_off = last.called_off.filter(|_| is_last_of_its_row(history, nth));
        let counts = |at: f64| third < at && at <= first.raised;
        score.found.push(Found {
            told: first.raised - third,
            calls: history
                .records
                .iter()
                .filter(|record| record.region == trouble.region && counts(record.arrives.ceil()))
                .count(),
            resolved: called_off.map(|at| at - trouble.to),
            after_the_fifth: called_off.map(|at| at - fifth_served(history, trouble).max(trouble.to + 5.0 * MINUTE)),
        });
    }
    score
}

/// When the failure of the third distinct caller (of the second, where there are no three) has arrived.
fn third_hit(history: &History, trouble: usize) -> Option<f64> {
    let mut callers = BTreeSet::new();
    let hit = history.records.iter().filter(|record| record.trouble == Some(trouble));
    let mut arrivals = hit.filter(|record| callers.insert(record.caller)).map(|record| record.arrives.ceil());
    let second = arrivals.nth(1);
    arrivals.next().or(second)
}

fn fifth_served(history: &History, trouble: &Trouble) -> f64 {
    let of_it = history.records.iter().filter(|record| record.region == trouble.region);
    let mut served = of_it.filter(|record| record.fault.is_none() && record.at >= trouble.to);
    served.nth(4).map_or(f64::MAX, |record| record.arrives.ceil())
}

/// Of a service that flaps only the last end is one: what comes back within a quarter of an hour goes on.
fn is_last_of_its_row(history: &History, nth: usize) -> bool {
    let trouble = &history.troubles[nth];
    let comes_back = |other: &Trouble| {
        other.region == trouble.region && other.from > trouble.to && other.from < trouble.to + 15.0 * MINUTE
    };
    !history.troubles.iter().any(comes_back)
}

/// What the notices say.
pub fn alarms(heard: &[Heard]) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for Heard { at, notice } in heard {
        let Some(incident) = &notice.incident else { continue };
        let last = alarms.iter_mut().rev().find(|alarm| alarm.incident == *incident);
        match (notice.kind, last) {
            (NoticeKind::Opened | NoticeKind::Reopened, _) => alarms.push(Alarm {
                region: notice.region.as_str().to_owned(),
                raised: *at,
                called_off: None,
                kind: Some(kind(notice.diagnosis)),
                incident: incident.clone(),
            }),
            (NoticeKind::Resolved, Some(alarm)) => alarm.called_off = Some(*at),
            (NoticeKind::Changed, Some(alarm)) => alarm.kind = Some(kind(notice.diagnosis)),
            (NoticeKind::Resolved | NoticeKind::Changed, None) => panic!("{notice:?} of nothing that was opened"),
            (NoticeKind::Reminder | NoticeKind::Advice, _) => {}
        }
    }
    alarms
}

fn kind(diagnosis: Diagnosis) -> Kind {
    match diagnosis {
        Diagnosis::Suspected => Kind::Surge,
        Diagnosis::Misconfigured => Kind::OwnKey,
        _ => Kind::Outage,
    }
}
