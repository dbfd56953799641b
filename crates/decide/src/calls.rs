//! How many calls worked, and how many did not.
//!
//! A call worked if the service served it; a pending poll is neither, for it says nothing of a sign-in. It failed for one
//! of [`triage_model::classify::FAILED_CAUSES`]. The shares that a report, a metric or a notice shows are all of these
//! two numbers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Calls that were served, and calls that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Calls {
    pub served: u64,
    pub failed: u64,
}

impl Calls {
    pub const fn all(self) -> u64 {
        self.served.saturating_add(self.failed)
    }

    /// The share that was served, from 0 to 1; None where nobody called.
    pub fn share(self) -> Option<f64> {
        (self.all() > 0).then(|| self.served as f64 / self.all() as f64)
    }

    /// The same in parts of a thousand, rounded down.
    pub fn per_mille(self) -> Option<u64> {
        let thousandth = || u128::from(self.served) * 1000 / u128::from(self.all());
        (self.all() > 0).then(|| thousandth() as u64)
    }

    /// The table may hold anything: a count that is too large stays so.
    pub fn add(&mut self, other: Self) {
        self.served = self.served.saturating_add(other.served);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

impl std::iter::Sum for Calls {
    fn sum<I: Iterator<Item = Self>>(calls: I) -> Self {
        calls.fold(Self::default(), |mut sum, calls| {
            sum.add(calls);
            sum
        })
    }
}

/// The calls of a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it begins, or from when on calls were counted where that is later.
    pub from: Timestamp,
    pub until: Timestamp,
    pub calls: Calls,
}

/// The last hour, day and 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    pub hour: Window,
    pub day: Window,
    pub month: Window,
}

impl Window {
    /// The calls of both. It is as long as the longer one.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let calls = [self.calls, other.calls].into_iter().sum();
        Self { from: self.from.min(other.from), until: self.until.max(other.until), calls }
    }
}

impl Windows {
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let Self { hour, day, month } = other;
        Self { hour: self.hour.with(hour), day: self.day.with(day), month: self.month.with(month) }
    }

    /// The shortest first.
    pub const fn all(&self) -> [Window; 3] {
        [self.hour, self.day, self.month]
    }
}

/// Two numbers, for there are many of them in one item.
impl From<(u64, u64)> for Calls {
    fn from((served, failed): (u64, u64)) -> Self {
        Self { served, failed }
    }
}

impl From<Calls> for (u64, u64) {
    fn from(calls: Calls) -> Self {
        (calls.served, calls.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_the_calls_that_were_made() {
        let share = |served, failed| (Calls { served, failed }.share(), Calls { served, failed }.per_mille());
        assert_eq!(share(0, 0), (None, None));
        assert_eq!(share(0, 7), (Some(0.0), Some(0)));
        assert_eq!(share(3, 1), (Some(0.75), Some(750)));
        assert_eq!(share(9_999, 1), (Some(0.9999), Some(999)), "it is 1000 only where all were served");
        assert_eq!(share(u64::MAX, 1).1, Some(1000), "and a count that is too large breaks nothing");
    }
}
