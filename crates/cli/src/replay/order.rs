//! Observations in the order of time, with bounded memory.
//!
//! In: observations as they come out of the files, nearly in order. Out: the same, the oldest first. One that is older
//! than what was given out already is counted, and given out at once: the decision takes what comes late as it does live.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;
use triage_model::observation::Observation;
use triage_model::time::before;

/// How far out of order is put right. CloudTrail delivers within a quarter of an hour as a rule, and evidence counts for an
/// hour.
pub const TOLERATED: Duration = Duration::from_secs(60 * 60);

/// Observations that wait at most: a few dozen megabytes of them. Beyond, the oldest does not wait longer.
pub const WAITING_MAX: usize = 50_000;

/// Puts observations into order.
#[derive(Debug, Default)]
pub struct Order {
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Counts up, so that what is of one time keeps its order.
    next: u64,
    latest: Option<Timestamp>,
    given_out: Option<Timestamp>,
    /// Those that came too late to be put where they belong.
    pub out_of_order: u64,
}

#[derive(Debug)]
struct Waiting {
    at: Timestamp,
    number: u64,
    observation: Observation,
}

impl Order {
    pub fn push(&mut self, observation: Observation) {
        let at = observation.occurred_at();
        if self.given_out.is_some_and(|given_out| at < given_out) {
            self.out_of_order += 1;
        }
        self.latest = self.latest.max(Some(at));
        self.waiting.push(Reverse(Waiting { at, number: self.next, observation }));
        self.next += 1;
    }

    /// The next one that nothing older can be expected before.
    pub fn pop_due(&mut self) -> Option<Observation> {
        let Reverse(oldest) = self.waiting.peek()?;
        let settled = self.latest.map(|latest| before(latest, TOLERATED));
        let due = settled.is_some_and(|settled| oldest.at <= settled) || self.waiting.len() > WAITING_MAX;
        if due { self.pop() } else { None }
    }

    /// The next one, where no more are to come.
    pub fn pop(&mut self) -> Option<Observation> {
        let Reverse(Waiting { at, observation, .. }) = self.waiting.pop()?;
        self.given_out = self.given_out.max(Some(at));
        Some(observation)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use triage_model::observation::Tick;

    use super::*;

    fn tick(second: i64) -> Observation {
        Observation::Tick(Tick { occurred_at: Timestamp::from_second(1_800_000_000 + second).unwrap() })
    }

    fn seconds(order: &mut Order, all: bool) -> Vec<i64> {
        let mut seconds = Vec::new();
        while let Some(next) = if all { order.pop() } else { order.pop_due() } {
            seconds.push(next.occurred_at().as_second() - 1_800_000_000);
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
