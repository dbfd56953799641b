//! The share of calls that worked, against the target.
//!
//! In: a [`View`] and the [`Policy`]. Out: an [`Objective`]: the share of the last hour, day and 30 days, how fast the error
//! budget burns, and what is left of it. None where it is not known what was served: a share is never made up. Nothing is
//! decided by it.

use std::time::Duration;

use jiff::Timestamp;

use crate::calls::{Calls, Window, Windows};
use crate::policy::Policy;
use crate::view::View;

/// The budget is that of so long a time.
pub const BUDGET_OF: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A shorter history does not show how many calls 30 days bring: a morning is no night.
const RATE_KNOWN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The share of calls that should work.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Target {
    percent: f64,
}

impl Default for Target {
    fn default() -> Self {
        Self::of(&Policy::default())
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    pub target: Target,
    pub windows: Windows,
}

impl Target {
    pub const fn of(policy: &Policy) -> Self {
        Self { percent: policy.slo_target }
    }

    pub const fn percent(self) -> f64 {
        self.percent
    }

    /// The share of calls that may fail.
    pub fn allowed(self) -> f64 {
        (100.0 - self.percent) / 100.0
    }

    /// How fast these calls burn the budget: at 1 all of it is used when its time is over, at 10 in a tenth of it. None
    /// where nobody called.
    pub fn burn_rate(self, calls: Calls) -> Option<f64> {
        calls.share().map(|share| (1.0 - share) / self.allowed())
    }

    /// The share of 30 days' budget that so many failed calls use up, where `rate` shows how many calls there are: 1 is all of
    /// it. None where `rate` is shorter than a day, or without a call.
    pub fn cost(self, failed: u64, rate: Window) -> Option<f64> {
        let lasted = Duration::try_from(rate.until.duration_since(rate.from)).unwrap_or_default();
        let in_30_days = rate.calls.all() as f64 * BUDGET_OF.as_secs_f64() / lasted.as_secs_f64();
        (lasted >= RATE_KNOWN_AFTER && rate.calls.all() > 0).then(|| failed as f64 / (in_30_days * self.allowed()))
    }
}

impl Objective {
    /// None where served calls are not seen, or what is known is not all.
    pub fn of(view: &View, policy: &Policy, now: Timestamp) -> Option<Self> {
        let windows = || view.learned.sums.windows(&view.evidence, policy.successes_seen, now);
        let windows = view.trouble.is_none().then(windows)??;
        Some(Self { target: Target::of(policy), windows })
    }

    /// Those of several regions as one: a region with few calls weighs little.
    pub fn together<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        all.into_iter().copied().reduce(|one, other| Self { windows: one.windows.with(other.windows), ..one })
    }

    /// The share of 30 days' budget that is used up; more than 1 where more than all of it is. Of a longer window it is that
    /// of 30 days on average, for the running day is no 31st.
    pub fn budget_used(&self) -> Option<f64> {
        let calls = self.windows.month.calls;
        self.cost(calls.failed).zip(self.target.burn_rate(calls)).map(|(cost, burn_rate)| cost.min(burn_rate))
    }

    /// The share of 30 days' budget that so many failed calls use up, at the present rate of calls.
    pub fn cost(&self, failed: u64) -> Option<f64> {
        self.target.cost(failed, self.windows.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::marks::{at, failure, served};
    use crate::view::StoreError;

    const DAY_S: i64 = 86_400;

    fn of(days: i64, served: u64, failed: u64) -> Objective {
        let window = Window { from: at(0), until: at(days * DAY_S), calls: Calls { served, failed } };
        let windows = Windows { hour: window, day: window, month: window };
        Objective { target: Target::of(&Policy::default()), windows }
    }

    fn rounded_to(number: f64) -> f64 {
        (number * 1e6).round() / 1e6
    }

    fn rounded(number: Option<f64>) -> Option<f64> {
        number.map(rounded_to)
    }

    #[test]
    fn at_a_burn_rate_of_one_the_budget_lasts_for_its_time() {
        let target = Target::of(&Policy::default());
        let burn_rate = |served, failed| rounded(target.burn_rate(Calls { served, failed }));
        assert_eq!(burn_rate(0, 0), None);
        assert_eq!(burn_rate(1000, 0), Some(0.0));
        assert_eq!(burn_rate(999, 1), Some(1.0));
        assert_eq!(burn_rate(99, 1), Some(10.0));
        assert_eq!(burn_rate(0, 5), Some(1000.0));
        assert_eq!(rounded(of(30, 999, 1).budget_used()), Some(1.0));
    }

    #[test]
    fn what_failures_cost_is_measured_by_the_calls_of_30_days() {
        // 1,000 calls a day: 30,000 in 30 days, of which 30 may fail.
        assert_eq!(rounded(of(30, 29_990, 10).cost(3)), Some(0.1));
        assert_eq!(rounded(of(3, 2_990, 10).cost(3)), Some(0.1), "also where that much history is not there yet");
        assert_eq!(
            rounded(of(31, 30_970, 30).budget_used()),
            Some(rounded_to(30.0 / 31.0)),
            "the running day is no 31st"
        );
        assert_eq!(rounded(of(30, 29_990, 10).cost(90)), Some(3.0), "three times");
        assert_eq!(of(30, 0, 0).cost(1), None, "nobody called");
        let short = Objective {
            windows: Windows {
                month: Window { until: at(DAY_S - 1), ..of(1, 9, 1).windows.month },
                ..of(1, 9, 1).windows
            },
            ..of(1, 9, 1)
        };
        assert_eq!(short.cost(1), None, "less than a day does not show how many calls there are");
    }

    #[test]
    fn regions_count_by_their_calls() {
        let all = [of(30, 970, 0), of(10, 20, 10)];
        let together = Objective::together(&all).unwrap();
        let Window { from, until, calls } = together.windows.day;
        assert_eq!((from, until, calls), (at(0), at(30 * DAY_S), Calls { served: 990, failed: 10 }));
        assert_eq!(Objective::together([]), None);
    }

    #[test]
    fn of_what_was_not_read_whole_there_is_none() {
        let mut view = View::default();
        view.evidence.add_answered(&served(0, 1));
        view.evidence.add_failure(failure(1, 2));
        let objective = |view: &View| Objective::of(view, &Policy::default(), at(60));
        assert_eq!(objective(&view).unwrap().windows.month.calls, Calls { served: 1, failed: 1 });
        view.trouble = Some(StoreError::Unavailable("timeout".to_owned()));
        assert_eq!(objective(&view), None);
    }
}
