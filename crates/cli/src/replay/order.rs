//! Observations in the order of time, with bounded memory.
//!
//! In: observations as they come out of the files, nearly in order. Out: the same, the one that is due first; of one time, by the
//! name of the file and the place in it. One that is older than what was given out already is counted, and given out at
//! once: the decision takes what comes late as it does live. One without a time is of the latest time that the others tell.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use triage_model::observation::Observation;
use triage_model::time::before;

use crate::replay::reading::{Due, NO_TIME, Placed};

/// How far out of order is put right. CloudTrail delivers within a quarter of an hour as a rule, and evidence counts for an
/// hour.
pub const TOLERATED: Duration = Duration::from_secs(60 * 60);

/// Observations that wait at most: a few dozen megabytes of them. Beyond, the oldest does not wait longer.
pub const WAITING_MAX: usize = 50_000;

/// Puts observations into order.
#[derive(Debug, Default)]
pub struct Order {
    /// By time, file and place in the file.
    waiting: BTreeMap<(Timestamp, usize, u64), Due>,
    /// Those without a time.
    timeless: Vec<Placed>,
    latest: Option<Timestamp>,
    given_out: Option<Timestamp>,
    /// Those that came too late to be put where they belong.
    pub out_of_order: u64,
}

impl Order {
    pub fn push(&mut self, placed: Placed) {
        if placed.due.at != NO_TIME {
            return self.wait(placed);
        }
        self.timeless.push(placed);
        if self.timeless.len() >= WAITING_MAX {
            self.date_timeless();
        }
    }

    /// To be called when no more are to come.
    pub fn date_timeless(&mut self) {
        let at = self.latest.unwrap_or(Timestamp::UNIX_EPOCH);
        for mut placed in std::mem::take(&mut self.timeless) {
            placed.due.at = at;
            date(&mut placed.due.observation, at);
            self.wait(placed);
        }
    }

    fn wait(&mut self, placed: Placed) {
        let Placed { file, position, due } = placed;
        let at = due.at;
        if self.given_out.is_some_and(|given_out| at < given_out) {
            self.out_of_order += 1;
        }
        self.latest = self.latest.max(Some(at));
        self.waiting.insert((at, file, position), due);
    }

    /// The next one that nothing older can be expected before.
    pub fn pop_due(&mut self) -> Option<Due> {
        let (oldest, ..) = *self.waiting.first_key_value()?.0;
        let settled = self.latest.map(|latest| before(latest, TOLERATED));
        let due = settled.is_some_and(|settled| oldest <= settled) || self.waiting.len() > WAITING_MAX;
        if due { self.pop() } else { None }
    }

    /// The next one, where no more are to come.
    pub fn pop(&mut self) -> Option<Due> {
        let (_, due) = self.waiting.pop_first()?;
        self.given_out = self.given_out.max(Some(due.at));
        Some(due)
    }
}

/// Gives an observation without a time one.
fn date(observation: &mut Observation, at: Timestamp) {
    match observation {
        Observation::Failure(failure) => failure.occurred_at = at,
        Observation::Success(success) => success.occurred_at = at,
        Observation::HealthIssue(issue) => {
            issue.occurred_at = at;
            issue.ended_at = issue.ended_at.map(|end| if end == NO_TIME { at } else { end });
        }
        Observation::Tick(tick) => tick.occurred_at = at,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;
    use triage_model::observation::Tick;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn placed(occurred_at: Timestamp, file: usize, position: u64) -> Placed {
        Placed { file, position, due: Due { at: occurred_at, observation: Observation::Tick(Tick { occurred_at }) } }
    }

    /// One of the only file, in its order.
    fn tick(second: i64) -> Placed {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        placed(at(second), 0, NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn seconds(order: &mut Order, all: bool) -> Vec<i64> {
        let mut seconds = Vec::new();
        while let Some(next) = if all { order.pop() } else { order.pop_due() } {
            seconds.push(next.at.as_second() - 1_800_000_000);
        }
        seconds
    }

    #[test]
    fn what_comes_within_an_hour_of_its_time_is_put_where_it_belongs() {
        let mut order = Order::default();
        for second in [0, 3600, 10, 3599] {
            order.push(tick(second));
        }
        assert_eq!(seconds(&mut order, false), [0]);
        order.push(tick(7300));
        assert_eq!(seconds(&mut order, false), [10, 3599, 3600]);
        order.push(tick(20));
        assert_eq!((order.out_of_order, seconds(&mut order, true)), (1, vec![20, 7300]));
    }

    #[test]
    fn no_more_than_so_many_wait() {
        let mut order = Order::default();
        for second in 0..=WAITING_MAX as i64 {
            order.push(tick(second % 3000));
        }
        assert_eq!(seconds(&mut order, false), [0]);
    }

    #[test]
    fn of_one_time_the_name_of_the_file_decides_and_then_the_place_in_it() {
        let mut order = Order::default();
        for (second, file, position) in [(1, 1, 0), (0, 2, 1), (1, 0, 1), (0, 2, 0), (1, 0, 0)] {
            order.push(placed(at(second), file, position));
        }
        let keys: Vec<_> = order.waiting.keys().map(|(_, file, position)| (*file, *position)).collect();
        assert_eq!(keys, [(2, 0), (2, 1), (0, 0), (0, 1), (1, 0)]);
    }

    #[test]
    fn what_tells_no_time_is_of_the_latest_that_there_is() {
        let mut order = Order::default();
        order.push(placed(NO_TIME, 0, 0));
        order.push(tick(5));
        order.push(tick(3));
        assert_eq!(seconds(&mut order, false), [0_i64; 0]);
        order.date_timeless();
        assert_eq!((seconds(&mut order, true), order.out_of_order), (vec![3, 5, 5], 0));
        order = Order::default();
        order.push(placed(NO_TIME, 0, 0));
        order.date_timeless();
        let alone = order.pop().unwrap();
        assert_eq!([alone.at, alone.observation.occurred_at()], [Timestamp::UNIX_EPOCH; 2]);
    }

    #[test]
    fn what_was_delivered_late_waits_for_its_arrival_and_keeps_its_own_time() {
        let mut order = Order::default();
        let late = Due { at: at(240), observation: Observation::Tick(Tick { occurred_at: at(0) }) };
        order.push(Placed { file: 0, position: 0, due: late });
        order.push(placed(at(200), 0, 1));
        let out: Vec<_> = std::iter::from_fn(|| order.pop()).collect();
        assert_eq!(out.iter().map(|due| due.at).collect::<Vec<_>>(), [at(200), at(240)]);
        assert_eq!((out[1].observation.occurred_at(), order.out_of_order), (at(0), 0));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_comes_early(times in proptest::collection::vec(0..20_000_i64, 0..300)) {
            let mut order = Order::default();
            let mut out = Vec::new();
            for second in &times {
                order.push(tick(*second));
                out.extend(seconds(&mut order, false));
            }
            out.extend(seconds(&mut order, true));
            let breaks = out.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
            prop_assert!(breaks <= order.out_of_order);
            let (mut sorted, mut given) = (times, out);
            sorted.sort();
            given.sort();
            prop_assert_eq!(sorted, given);
        }
    }
}
