//! What a region is like on ordinary days.
//!
//! In: slots of the last hour, once each is complete. Out: [`Learned`]: how many calls a year brings, how many callers
//! fail on a day for no reason, and from which origins successes are seen. The thresholds of the tests follow it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use triage_model::classify::{Cause, SERVICE_CAUSES};
use triage_model::observation::Origin;
use triage_model::time::{before, day_of};

use crate::cell::{Cell, Dimension};
use crate::evidence::hour::Evidence;
use crate::evidence::slot::{SLOT_SECONDS, Slot, slot_of};
use crate::evidence::sums::Sums;

/// Kept with the region, and brought up to date by the tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// None until a call was seen.
    pub first_seen: Option<Timestamp>,
    /// Slots that begin before this are in the sums below.
    pub until: Option<Timestamp>,
    /// Calls of all kinds, failed or answered.
    pub calls: u64,
    /// Callers newly hit by a service failure (no such failure in the 24 hours before), outside of incidents.
    pub newly_hit: u64,
    /// When the latest success was seen, by origin, to the end of a slot.
    pub succeeded: BTreeMap<Origin, Timestamp>,
    /// The same of the region's parts: operations, grants, and applications of late.
    #[serde(default, deserialize_with = "known_cells")]
    pub cells: BTreeMap<Cell, CellCalls>,
    /// Callers that stand for many and were served of late, by [`triage_model::caller::CallerHash::to_bits`].
    #[serde(default)]
    pub crowds: BTreeMap<u64, Crowd>,
    /// Who was affected by a service failure within 24 hours outside of incidents, by
    /// [`triage_model::caller::CallerHash::to_bits`].
    pub hit: BTreeMap<u64, Streak>,
    /// What worked and what failed, for the share that people aim at.
    #[serde(default)]
    pub sums: Sums,
}

/// What was seen of one cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellCalls {
    pub calls: u64,
    pub succeeded: BTreeMap<Origin, Timestamp>,
}

/// How often a caller that stands for many was served: on the day of the latest of these calls, and on the day before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    /// Since 1970.
    pub day: i64,
    pub served: u32,
    pub before: u32,
}

impl Crowd {
    /// Served calls of that day and the one before.
    pub fn served_by(self, at: Timestamp) -> u32 {
        // The stored day may be any day.
        match day_of(at).checked_sub(self.day) {
            Some(0) => self.served.saturating_add(self.before),
            Some(1) => self.served,
            Some(_) | None => 0,
        }
    }

    fn add(&mut self, day: i64, served: u32) {
        if day > self.day {
            self.before = if day == self.day + 1 { self.served } else { 0 };
            (self.day, self.served) = (day, 0);
        }
        self.served = self.served.saturating_add(served);
    }
}

/// Applications, and callers that stand for many, that are remembered: those that were seen the latest.
pub const APPLICATIONS_MAX: usize = 64;
pub const CROWDS_MAX: usize = 64;

/// Members that only another release knows are ignored.
fn known_cells<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Cell, CellCalls>, D::Error> {
    let cells = BTreeMap::<String, CellCalls>::deserialize(deserializer)?;
    Ok(cells.into_iter().filter_map(|(cell, calls)| Some((cell.parse().ok()?, calls))).collect())
}

/// Service failures of one caller, each within [`STREAK_GAP`] of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i64, i64)", into = "(i64, i64)")]
pub struct Streak {
    pub since: Timestamp,
    pub last: Timestamp,
}

/// Affected callers remembered. If there are more, some count as newly affected again, which raises a base rate that is
/// high anyway; and every failure reads them all, before an incident is open.
pub const HIT_MAX: usize = 512;

/// A slot is learned when its late records have come: CloudTrail is up to a quarter of an hour late.
pub const LEARNED_AFTER: Duration = Duration::from_secs(15 * 60);

/// A caller without a failure for so long is newly affected by its next one.
pub const STREAK_GAP: Duration = Duration::from_secs(24 * 60 * 60);

/// Seconds since 1970: it is read often.
impl From<(i64, i64)> for Streak {
    fn from((since, last): (i64, i64)) -> Self {
        Self { since: time(since), last: time(last) }
    }
}

impl From<Streak> for (i64, i64) {
    fn from(streak: Streak) -> Self {
        (streak.since.as_second(), streak.last.as_second())
    }
}

impl Streak {
    /// Whether one of its failures is known to be earlier than `to`, but not than `from`. Where `to` is itself in the
    /// streak, the failure before it was within [`STREAK_GAP`].
    pub fn has_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.since < to && self.last >= from
    }
}

impl Learned {
    /// The sums including every slot that is complete at `now`; None if there is none to add. Slots within `incident`
    /// (from, to) add no affected callers: an outage is not an ordinary day, and a caller affected in one is not
    /// therefore a caller that always fails.
    pub fn after(&self, evidence: &Evidence, incident: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Option<Self> {
        let end = slot_of(before(now, LEARNED_AFTER));
        let complete: Vec<(i64, &Slot)> = evidence
            .slots
            .range(..end)
            .filter(|(begin, _)| !self.holds(**begin))
            .map(|(begin, slot)| (*begin, slot))
            .collect();
        let (first, _) = complete.first()?;
        let first = time(*first);
        let mut learned = Self {
            first_seen: Some(self.first_seen.map_or(first, |known| known.min(first))),
            until: Some(time(end)),
            ..self.clone()
        };
        for (begin, slot) in complete {
            learned.add(begin, slot, incident);
        }
        let from = before(now, STREAK_GAP);
        learned.hit.retain(|_, streak| streak.last >= from);
        while learned.hit.len() > HIT_MAX
            && let Some((_, oldest)) = learned.hit.iter().map(|(caller, streak)| (streak.last, *caller)).min()
        {
            learned.hit.remove(&oldest);
        }
        learned.forget(now);
        Some(learned)
    }

    /// Drops the applications and the callers that were not seen for the longest time.
    fn forget(&mut self, now: Timestamp) {
        self.crowds.retain(|_, crowd| crowd.served_by(now) > 0);
        while self.crowds.len() > CROWDS_MAX
            && let Some((_, least)) = self.crowds.iter().map(|(caller, crowd)| (crowd.served_by(now), *caller)).min()
        {
            self.crowds.remove(&least);
        }
        let is_application = |cell: &Cell| matches!(cell, Cell::Shared(Dimension::Application, _));
        while self.cells.keys().filter(|cell| is_application(cell)).count() > APPLICATIONS_MAX {
            let applications = self.cells.iter().filter(|(cell, _)| is_application(cell));
            let oldest = applications.min_by_key(|(_, calls)| calls.succeeded.values().max().copied());
            let Some(oldest) = oldest.map(|(cell, _)| *cell) else { break };
            self.cells.remove(&oldest);
        }
    }

    /// Whether the slot that begins in that second is in the sums.
    pub fn holds(&self, begin: i64) -> bool {
        self.until.is_some_and(|until| begin < until.as_second())
    }

    fn add_cells(&mut self, slot: &Slot, to: Timestamp) {
        let mut add = |cell: Cell, origin, calls: u64, is_served| {
            if calls == 0 {
                return;
            }
            let known = self.cells.entry(cell).or_default();
            known.calls = known.calls.saturating_add(calls);
            if is_served {
                let latest = known.succeeded.entry(origin).or_insert(to);
                *latest = to.max(*latest);
            }
        };
        for (place, calls) in slot.calls.iter().filter(|(place, _)| !place.pending) {
            let (answered, is_served) = (u64::from(calls.answered), calls.served > 0);
            for cell in place.cells() {
                add(cell, place.origin, answered, is_served);
            }
        }
        let mut known = BTreeSet::new();
        let tried = slot.failures().filter(|mark| mark.cause != Cause::Request);
        for mark in tried.filter(|mark| known.insert((mark.caller, mark.operation, mark.traits.grant))) {
            for cell in Cell::fixed().skip(1).filter(|cell| cell.has(mark.operation, &mark.traits)) {
                add(cell, mark.origin, 1, false);
            }
        }
    }

    fn add(&mut self, begin: i64, slot: &Slot, incident: Option<(Timestamp, Timestamp)>) {
        let (from, to) = (time(begin), time(begin + SLOT_SECONDS));
        // The stored value may be anything.
        self.calls = self.calls.saturating_add(slot.all_calls());
        for place in slot.calls.iter().filter(|(_, calls)| calls.served > 0).map(|(place, _)| place) {
            let latest = self.succeeded.entry(place.origin).or_insert(to);
            *latest = to.max(*latest);
        }
        self.add_cells(slot, to);
        for (caller, served) in &slot.crowds {
            self.crowds.entry(caller.to_bits()).or_default().add(day_of(from), *served);
        }
        if incident.is_some_and(|(opened, over)| opened < to && from <= over) {
            return;
        }
        let marks = SERVICE_CAUSES.into_iter().flat_map(|cause| slot.failures_of(cause));
        let mut hits: Vec<(Timestamp, u64)> = marks.map(|mark| (mark.at, mark.caller.to_bits())).collect();
        hits.sort_unstable();
        for (at, caller) in hits {
            match self.hit.get_mut(&caller).filter(|streak| streak.last >= before(at, STREAK_GAP)) {
                Some(streak) => streak.last = streak.last.max(at),
                None => {
                    self.newly_hit = self.newly_hit.saturating_add(1);
                    self.hit.insert(caller, Streak { since: at, last: at });
                }
            }
        }
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use triage_model::classify::Cause;

    use super::*;
    use crate::evidence::mark::{Answered, Mark};
    use crate::testing::marks::{at, failure, served};

    const DAY: i64 = 86_400;

    /// The time at which the first `slots` slots are complete, and no other.
    fn complete(slots: i64) -> Timestamp {
        at(slots * SLOT_SECONDS + LEARNED_AFTER.as_secs() as i64)
    }

    fn after(learned: &Learned, evidence: &Evidence, slots: i64) -> Learned {
        learned.after(evidence, None, complete(slots)).unwrap()
    }

    #[test]
    fn a_slot_is_learned_once_and_when_it_is_complete() {
        let mut evidence = Evidence::default();
        for second in [0, 10, 130] {
            evidence.add_failure(Mark { cause: Cause::Throttled, ..failure(second, 1) });
            evidence.add_answered(&served(second, 2));
        }
        evidence.slot_mut(at(0)).beyond.insert((Cause::Throttled, Origin::Logs), 5);
        let nothing = Learned::default();
        assert_eq!(nothing.after(&evidence, None, at(120 + 15 * 60 - 1)), None);
        let one = after(&nothing, &evidence, 1);
        assert_eq!((one.calls, one.first_seen, one.until), (9, Some(at(0)), Some(at(120))));
        assert_eq!(one.succeeded, BTreeMap::from([(Origin::CloudTrail, at(120))]));
        assert_eq!(one.after(&evidence, None, complete(1)), None);
        let two = after(&one, &evidence, 2);
        assert_eq!((two.calls, two.first_seen, two.until), (11, Some(at(0)), Some(at(240))));
        assert_eq!(two, after(&nothing, &evidence, 2), "as if at once");
        assert_eq!(two.after(&evidence, None, complete(20)), None, "there is nothing more");
    }

    #[test]
    fn a_refusal_is_a_call_but_no_success() {
        let mut evidence = Evidence::default();
        evidence.add_answered(&Answered { served: false, ..served(0, 1) });
        let learned = after(&Learned::default(), &evidence, 1);
        assert_eq!((learned.calls, learned.succeeded.len()), (1, 0));
    }

    #[test]
    fn a_caller_is_newly_affected_once_in_a_row_of_failures() {
        let learn = |seconds: &[i64]| {
            seconds.iter().fold(Learned::default(), |learned, second| {
                let mut evidence = Evidence::default();
                evidence.add_failure(failure(*second, 7));
                after(&learned, &evidence, second.div_euclid(SLOT_SECONDS) + 1)
            })
        };
        assert_eq!(learn(&[0]).newly_hit, 1);
        let streak = learn(&[0, DAY, 2 * DAY]);
        assert_eq!((streak.newly_hit, streak.hit.get(&7)), (1, Some(&Streak { since: at(0), last: at(2 * DAY) })));
        let again = learn(&[0, DAY + 1]);
        assert_eq!((again.newly_hit, again.hit.get(&7)), (2, Some(&Streak { since: at(DAY + 1), last: at(DAY + 1) })));
    }

    #[test]
    fn only_failures_of_the_service_count_as_affecting() {
        let mut evidence = Evidence::default();
        for (by, cause) in Cause::ALL.into_iter().enumerate() {
            evidence.add_failure(Mark { cause, ..failure(0, by as u64) });
        }
        let learned = after(&Learned::default(), &evidence, 1);
        // The refusal for a mistake is counted as the answer that it is, which is not here.
        assert_eq!((learned.calls, learned.newly_hit, learned.hit.len()), (6, 2, 2));
    }

    #[test]
    fn an_incident_is_not_what_a_day_is_like() {
        let mut evidence = Evidence::default();
        for slot in 0..4 {
            evidence.add_failure(failure(slot * SLOT_SECONDS, slot as u64));
        }
        let incident = Some((at(SLOT_SECONDS + 30), at(2 * SLOT_SECONDS)));
        let learned = Learned::default().after(&evidence, incident, complete(4)).unwrap();
        assert_eq!(learned.calls, 4);
        assert_eq!(learned.hit.keys().copied().collect::<Vec<_>>(), [0, 3], "the slots that it touches are left out");
        assert_eq!(learned.newly_hit, 2);
    }

    #[test]
    fn affected_callers_are_forgotten_after_a_day_and_beyond_the_bound_the_longest_ago_first() {
        let mut evidence = Evidence::default();
        for by in 0..=HIT_MAX as i64 {
            evidence.add_failure(failure(by / 150 * SLOT_SECONDS, by as u64));
        }
        let learned = after(&Learned::default(), &evidence, 6);
        assert_eq!((learned.hit.len(), learned.newly_hit), (HIT_MAX, HIT_MAX as u64 + 1));
        assert!(!learned.hit.contains_key(&0), "of equals the first");
        let mut later = Evidence::default();
        later.add_failure(failure(DAY + 3 * SLOT_SECONDS, 1 << 30));
        let learned = learned.after(&later, None, at(DAY + 5 * SLOT_SECONDS + 900)).unwrap();
        assert!(learned.hit.values().all(|streak| streak.last >= at(5 * SLOT_SECONDS + 900)), "all are within a day");
    }

    #[test]
    fn it_is_kept_as_json() {
        let mut evidence = Evidence::default();
        evidence.add_failure(failure(0, 3));
        evidence.add_answered(&served(0, 2));
        let learned = after(&Learned::default(), &evidence, 1);
        let text = serde_json::to_string(&learned).unwrap();
        assert_eq!(serde_json::from_str::<Learned>(&text).unwrap(), learned);
    }
}
