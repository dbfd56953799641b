//! Calls of a region by hours and days, for 31 days.
//!
//! In: slots of the last hour, once their late records have come. Out: [`Sums`] of bounded size. A slot is added once, in
//! the order of time; what is not in the sums yet is in the evidence, so both together hold each call once
//! ([`Sums::windows`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::classify::FAILED_CAUSES;
use triage_model::time::before;

use crate::calls::{Calls, Window, Windows};
use crate::evidence::hour::Evidence;
use crate::evidence::slot::{SLOT_SECONDS, Slot, slot_of};

const HOUR_S: i64 = 60 * 60;
const DAY_S: i64 = 24 * HOUR_S;

/// Hours and days before the running one: what the windows need.
const HOURS: i64 = 24;
const DAYS: i64 = 30;

/// A slot is added when its late records have come. CloudTrail's are there after a quarter of an hour, but not always; and
/// what is later than an hour is no evidence.
const SUMMED_AFTER: Duration = Duration::from_secs(45 * 60);

/// What was counted, by when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    /// From when on calls are counted, in seconds since 1970: the first slot with a served call.
    since: Option<i64>,
    /// Slots that begin before this are in the sums.
    until: Option<i64>,
    /// The latest slot with a served call.
    served_at: Option<i64>,
    /// By the number of the hour and of the day since 1970, in UTC.
    hours: BTreeMap<i64, Calls>,
    days: BTreeMap<i64, Calls>,
}

impl Sums {
    /// The sums including every slot that is complete at `now`; None if there is none to add. Evidence is kept for `kept`,
    /// and failures count while served calls were seen within `successes_seen`: else what was served is not known.
    pub fn after(&self, evidence: &Evidence, kept: Duration, successes_seen: Duration, now: Timestamp) -> Option<Self> {
        let end = slot_of(before(now, SUMMED_AFTER.min(kept.mul_f64(0.75))));
        let mut sums = self.clone();
        let complete = sums.take_new(evidence, end, successes_seen);
        if *self == sums && complete.is_empty() {
            return None;
        }
        for (begin, calls) in complete {
            sums.hours.entry(begin.div_euclid(HOUR_S)).or_default().add(calls);
            sums.days.entry(begin.div_euclid(DAY_S)).or_default().add(calls);
        }
        sums.hours = sums.hours.split_off(&(now.as_second().div_euclid(HOUR_S) - HOURS));
        sums.days = sums.days.split_off(&(now.as_second().div_euclid(DAY_S) - DAYS));
        Some(sums)
    }

    /// What is not in the sums of the slots that begin before `end`, as it counts: from now on it is taken to be in them.
    fn take_new(&mut self, evidence: &Evidence, end: i64, successes_seen: Duration) -> Vec<(i64, Calls)> {
        let from = self.until.unwrap_or(i64::MIN);
        let mut counted = Vec::new();
        for (begin, slot) in evidence.slots.range(from..end.max(from)) {
            let calls = calls_of(evidence, *begin, slot);
            if calls.served > 0 {
                self.since = self.since.or(Some(*begin));
                self.served_at = self.served_at.max(Some(*begin));
            }
            // Where only failures are seen there is no share.
            if calls != Calls::default() && self.sees_served(*begin, successes_seen) {
                counted.push((*begin, calls));
            }
            self.until = Some(end);
        }
        counted
    }

    fn sees_served(&self, second: i64, successes_seen: Duration) -> bool {
        let seen_for = i64::try_from(successes_seen.as_secs()).unwrap_or(i64::MAX);
        self.served_at.is_some_and(|at| second.saturating_sub(at) <= seen_for)
    }

    /// The calls of the last hour, day and 30 days; None where it is not known what was served.
    ///
    /// Each window is of whole pieces: the running slot and the hour before it, the running hour and 24 before it, the
    /// running day and 30 before it, in UTC. It ends now, and begins no earlier than anything was counted.
    pub fn windows(&self, evidence: &Evidence, successes_seen: Duration, now: Timestamp) -> Option<Windows> {
        let mut all = self.clone();
        let running = slot_of(now);
        let young = all.take_new(evidence, running + SLOT_SECONDS, successes_seen);
        let since = all.since.filter(|_| all.sees_served(now.as_second(), successes_seen))?;
        let (hour, day) = (running.div_euclid(HOUR_S), running.div_euclid(DAY_S));
        let window = |from: i64, summed: &BTreeMap<i64, Calls>, pieces: RangeInclusive<i64>| {
            let summed = summed.range(pieces).map(|(_, calls)| *calls);
            let young = young.iter().filter(|(begin, _)| *begin >= from).map(|(_, calls)| *calls);
            Window { from: time(from.max(since)), until: now, calls: summed.chain(young).sum() }
        };
        // The evidence holds all of the last hour, in the sums or not.
        let from = (running - HOUR_S).max(since);
        let of_hour = evidence.slots.range(from..=running.max(from));
        let of_hour = of_hour.map(|(begin, slot)| calls_of(evidence, *begin, slot)).sum();
        Some(Windows {
            hour: Window { from: time(from), until: now, calls: of_hour },
            day: window((hour - HOURS) * HOUR_S, &self.hours, hour - HOURS..=hour),
            month: window((day - DAYS) * DAY_S, &self.days, day - DAYS..=day),
        })
    }
}

/// A failure that is seen through CloudTrail and through a log is one. Their clocks may put it into neighbouring slots: then
/// it is of the earlier one.
fn calls_of(evidence: &Evidence, begin: i64, slot: &Slot) -> Calls {
    let failures = |slot: &Slot| -> BTreeSet<u32> {
        FAILED_CAUSES.into_iter().flat_map(|cause| slot.failures_of(cause)).map(|mark| mark.id).collect()
    };
    let known = evidence.slots.get(&(begin - SLOT_SECONDS)).map(failures).unwrap_or_default();
    let kept = failures(slot).difference(&known).count() as u64;
    let beyond = slot.beyond.iter().filter(|((cause, _), _)| FAILED_CAUSES.contains(cause));
    let served = slot.calls.iter().filter(|(place, _)| !place.pending);
    Calls {
        served: served.map(|(_, calls)| u64::from(calls.served)).sum(),
        failed: kept + beyond.map(|(_, count)| u64::from(*count)).sum::<u64>(),
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use triage_model::classify::Cause;
    use triage_model::observation::Origin;

    use super::*;
    use crate::evidence::mark::{Answered, Mark, ServedCall};
    use crate::evidence::slot::MARKS_MAX;
    use crate::testing::marks::{at, failure, served};

    const KEPT: Duration = Duration::from_secs(60 * 60);
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    fn calls(served: u64, failed: u64) -> Calls {
        Calls { served, failed }
    }

    /// What is in the sums when the evidence was read once a minute, and at last at `until`.
    fn summed(evidence: &Evidence, until: i64) -> Sums {
        let ticks = (-HOUR_S..=until).step_by(60);
        ticks.fold(Sums::default(), |sums, now| {
            let mut present = evidence.clone();
            present.slots.retain(|begin, _| *begin <= at(now).as_second());
            present.forget(at(now), KEPT);
            sums.after(&present, KEPT, WEEK, at(now)).unwrap_or(sums)
        })
    }

    #[test]
    fn each_cause_counts_as_a_report_counts_it() {
        let mut evidence = Evidence::default();
        for (by, cause) in Cause::ALL.into_iter().enumerate() {
            evidence.add_failure(Mark { cause, ..failure(0, by as u64) });
        }
        evidence.add_answered(&served(0, 50));
        evidence.add_answered(&Answered { served: false, ..served(0, 51) });
        let pending = served(0, 52);
        evidence.add_answered(&Answered { call: ServedCall { pending: true, ..pending.call }, ..pending });
        let windows = Sums::default().windows(&evidence, WEEK, at(60)).unwrap();
        assert_eq!(windows.hour.calls, calls(1, 3), "service, unreachable and admin");
    }

    #[test]
    fn a_failure_that_is_seen_twice_counts_once() {
        let mut evidence = Evidence::default();
        evidence.add_answered(&served(0, 1));
        for (second, origin) in [(119, Origin::CloudTrail), (118, Origin::Logs), (121, Origin::Call)] {
            evidence.add_failure(Mark { origin, id: 7, ..failure(second, 2) });
        }
        let now = at(130);
        assert_eq!(Sums::default().windows(&evidence, WEEK, now).unwrap().day.calls, calls(1, 1));
    }

    #[test]
    fn failures_without_room_for_a_mark_count_as_well() {
        let mut evidence = Evidence::default();
        evidence.add_answered(&served(0, 1));
        for by in 0..MARKS_MAX as u64 {
            evidence.add_failure(failure(5, by));
        }
        evidence.slot_mut(at(0)).count_beyond((Cause::Service, Origin::CloudTrail), 30);
        evidence.slot_mut(at(0)).count_beyond((Cause::Throttled, Origin::CloudTrail), 3);
        let windows = Sums::default().windows(&evidence, WEEK, at(60)).unwrap();
        assert_eq!(windows.hour.calls, calls(1, MARKS_MAX as u64 + 30));
    }

    #[test]
    fn where_served_calls_are_not_seen_nothing_is_known() {
        let mut evidence = Evidence::default();
        evidence.add_failure(failure(0, 1));
        assert_eq!(Sums::default().windows(&evidence, WEEK, at(60)), None, "never a share of 0 or of 100");
        assert_eq!(Sums::default().windows(&Evidence::default(), WEEK, at(60)), None);
        // From the first served call on, and not before.
        evidence.add_failure(failure(240, 2));
        evidence.add_answered(&served(245, 3));
        let windows = Sums::default().windows(&evidence, WEEK, at(300)).unwrap();
        assert_eq!(windows.all().map(|window| (window.from, window.calls)), [(at(240), calls(1, 1)); 3]);
        assert_eq!(windows.hour.until, at(300));
        // And as long as there are any.
        let sums = summed(&evidence, 3 * HOUR_S);
        let week = WEEK.as_secs() as i64;
        let windows = |second| sums.windows(&Evidence::default(), WEEK, at(second));
        assert_eq!(windows(240 + week).map(|windows| windows.month.calls), Some(calls(1, 1)));
        assert_eq!(windows(240 + week + 1), None);
        let mut evidence = Evidence::default();
        evidence.add_failure(failure(240 + week + SLOT_SECONDS, 9));
        let later = at(240 + week + 2 * HOUR_S);
        let after = sums.after(&evidence, KEPT, WEEK, later).unwrap();
        assert_eq!(after.days.values().copied().sum::<Calls>(), calls(1, 1), "alone it is no share");
    }

    #[test]
    fn an_outage_in_which_nobody_is_served_is_a_share_of_nothing() {
        let mut evidence = Evidence::default();
        evidence.add_answered(&served(-DAY_S, 1));
        let sums = summed_from(-DAY_S, &evidence);
        let mut evidence = Evidence::default();
        for by in 0..9 {
            evidence.add_failure(failure(0, by));
        }
        let windows = sums.windows(&evidence, WEEK, at(60)).unwrap();
        assert_eq!(windows.hour.calls.share(), Some(0.0));
        assert_eq!(windows.day.calls, calls(1, 9));
    }

    fn summed_from(begin: i64, evidence: &Evidence) -> Sums {
        Sums::default().after(evidence, KEPT, WEEK, at(begin + HOUR_S)).unwrap()
    }

    #[test]
    fn what_is_older_than_a_window_is_not_in_it_and_not_kept() {
        let mut sums = Sums::default();
        for day in 0..40 {
            for hour in 0..24 {
                let mut evidence = Evidence::default();
                let second = day * DAY_S + hour * HOUR_S;
                evidence.add_answered(&served(second, 1));
                sums = sums.after(&evidence, KEPT, WEEK, at(second + HOUR_S - 1)).unwrap();
            }
        }
        assert!(sums.hours.len() as i64 <= HOURS + 2 && sums.days.len() as i64 <= DAYS + 2, "{sums:?}");
        assert!(serde_json::to_string(&sums).unwrap().len() < 1500, "it is read with each failure");
        let windows = sums.windows(&Evidence::default(), WEEK, at(40 * DAY_S - 1800)).unwrap();
        assert_eq!(windows.day.calls.served, 25);
        assert_eq!(windows.month.calls.served, 30 * 24 + 12, "of the running day the morning");
        assert_eq!(windows.month.from, at((40 - 30) * DAY_S - 12 * HOUR_S), "a day begins at midnight in UTC");
    }

    #[test]
    fn it_is_kept_as_json() {
        let mut evidence = Evidence::default();
        evidence.add_answered(&served(0, 2));
        let sums = summed(&evidence, HOUR_S);
        assert!(!sums.days.is_empty());
        let text = serde_json::to_string(&sums).unwrap();
        assert_eq!(serde_json::from_str::<Sums>(&text).unwrap(), sums);
        assert_eq!(serde_json::from_str::<Sums>("{}").unwrap(), Sums::default());
    }

    /// One call of the made-up history.
    #[derive(Clone, Copy, Debug)]
    struct Made {
        second: i64,
        /// How late its record is, in seconds.
        late: i64,
        failed: bool,
        /// A failure's record comes again so much later.
        again: Option<i64>,
    }

    fn made() -> impl Strategy<Value = Made> {
        let late = || prop_oneof![0..60_i64, 0..40 * 60_i64];
        (0..3 * DAY_S, late(), any::<bool>(), prop::option::of(late())).prop_map(|(second, late, failed, again)| Made {
            second,
            late,
            failed,
            again,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn each_call_counts_once_however_late_its_record_is_and_however_often_it_comes(
            made in prop::collection::vec(made(), 1..150),
            gaps in prop::collection::vec(1..12_i64, 20),
            until in 0..3 * DAY_S + HOUR_S,
        ) {
            // What was served first shows that served calls are seen.
            let first = Made { second: -10, late: 0, failed: false, again: None };
            let mut arrivals: Vec<(i64, usize, Made)> = Vec::new();
            for (number, one) in std::iter::once(first).chain(made.iter().copied()).enumerate() {
                arrivals.push((one.second + one.late, number, one));
                if let (true, Some(again)) = (one.failed, one.again) {
                    arrivals.push((one.second + again, number, one));
                }
            }
            arrivals.sort_by_key(|(at, number, _)| (*at, *number));
            let (mut evidence, mut sums) = (Evidence::default(), Sums::default());
            let (mut now, mut arrived, mut gaps) = (-60, 0, gaps.iter().cycle());
            while now < until {
                // Ticks come once a minute, and sometimes they do not.
                now = (now + 60 * gaps.next().unwrap()).min(until);
                while let Some((_, number, one)) = arrivals.get(arrived).filter(|(at, ..)| *at <= now) {
                    arrived += 1;
                    if one.failed {
                        evidence.add_failure(Mark { id: *number as u32, ..failure(one.second, *number as u64) });
                    } else {
                        evidence.add_answered(&served(one.second, *number as u64));
                    }
                }
                evidence.forget(at(now), KEPT);
                sums = sums.after(&evidence, KEPT, WEEK, at(now)).unwrap_or(sums);
            }
            // The naive count, of whatever has arrived.
            let counted = |from: i64| {
                let known: BTreeSet<(usize, i64, bool)> = arrivals[..arrived]
                    .iter()
                    .map(|(_, number, one)| (*number, at(one.second).as_second(), one.failed))
                    .filter(|(_, second, _)| *second >= from)
                    .collect();
                let failed = known.iter().filter(|(.., failed)| *failed).count() as u64;
                calls(known.len() as u64 - failed, failed)
            };
            let now = at(until).as_second();
            let begin = |width: i64, before: i64| (now.div_euclid(width) - before) * width;
            let windows = sums.windows(&evidence, WEEK, at(until)).unwrap();
            prop_assert_eq!(windows.hour.calls, counted(begin(SLOT_SECONDS, 30)));
            prop_assert_eq!(windows.day.calls, counted(begin(HOUR_S, 24)));
            prop_assert_eq!(windows.month.calls, counted(begin(DAY_S, 30)));
        }
    }
}
