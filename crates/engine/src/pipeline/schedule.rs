//! The limits of time in one invocation.
//!
//! In: the invocation. Out: the limits, each before the next: calling SSO OIDC, deciding with the store, notifying
//! people. What is left at one of them is for a later invocation.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_model::time::later;

use crate::handled::{DEADLINE_MARGIN, Invocation};
use crate::publish::ATTEMPT_TIMEOUT;
use crate::store::At;

/// How long after its deadline an invocation has certainly stopped.
const STOP_MARGIN: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// By the wall clock, when the invocation began: everything is evaluated as of then.
    pub now: Timestamp,
    started: Instant,
    /// No call to SSO OIDC lasts longer than this: the rest belongs to the store and SNS.
    pub ask_until: Instant,
    /// No call to the store lasts longer than this before people are notified: the rest belongs to SNS.
    pub decide_until: Instant,
    /// When all work must have stopped.
    pub deadline: Instant,
    /// When it has certainly stopped: another invocation need not wait for its claims.
    pub stopped_at: Timestamp,
}

impl Schedule {
    pub fn of(invocation: &Invocation) -> Self {
        let Invocation { now, deadline, .. } = *invocation;
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started);
        Self {
            now,
            started,
            ask_until: sooner(deadline, left, ATTEMPT_TIMEOUT, 4),
            decide_until: sooner(deadline, left, ATTEMPT_TIMEOUT / 2, 8),
            deadline,
            stopped_at: later(now, left + DEADLINE_MARGIN + STOP_MARGIN),
        }
    }

    /// The time now.
    pub fn clock(&self) -> Timestamp {
        later(self.now, self.started.elapsed())
    }

    /// How the store is asked in order to decide.
    pub const fn to_decide(self) -> At {
        At { now: self.now, until: self.decide_until }
    }

    /// How the store is asked in order to notify.
    pub const fn to_notify(self) -> At {
        At { now: self.now, until: self.deadline }
    }
}

/// That much sooner than the deadline, but at most that share of the time that is left.
fn sooner(deadline: Instant, left: Duration, by: Duration, part: u32) -> Instant {
    deadline.checked_sub(by.min(left / part)).unwrap_or(deadline)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_left_to_decide_and_more_to_notify() {
        let left = |seconds: u64, part| {
            let (deadline, left) = (Instant::now() + Duration::from_secs(seconds), Duration::from_secs(seconds));
            (deadline - sooner(deadline, left, ATTEMPT_TIMEOUT, part)).as_secs()
        };
        assert_eq!((left(28, 4), left(60, 8)), (5, 5), "what SNS may need");
        assert_eq!((left(4, 4), left(8, 8), left(0, 4)), (1, 1, 0), "or a part of what there is");
    }
}
