//! Times that cannot overflow.
//!
//! In: a moment and a span. Out: a moment, at the end of time where there is nothing beyond.

use std::time::Duration;

use jiff::Timestamp;

/// A time further ahead than this is a broken clock.
pub const AHEAD_MAX: Duration = Duration::from_secs(60);

/// `now` less `span`; the beginning of time where there is nothing before.
pub fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// `now` and so long; the end of time where there is nothing after.
pub fn later(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// Which day it is, counted from 1970, by UTC.
pub fn day_of(at: Timestamp) -> i64 {
    const SECONDS_A_DAY: i64 = 24 * 60 * 60;
    at.as_second().div_euclid(SECONDS_A_DAY)
}

/// Whether `at` is less than `span` before `now`. A time far ahead is of a clock that was wrong, and holds nobody up.
pub fn is_within(at: Timestamp, now: Timestamp, span: Duration) -> bool {
    at > before(now, span) && before(at, AHEAD_MAX) <= now
}
