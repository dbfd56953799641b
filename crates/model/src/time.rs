//! Times that cannot overflow.
//!
//! In: a moment and a span. Out: a moment, clamped to the representable range.

use std::time::Duration;

use jiff::Timestamp;

/// A time further ahead than this is a broken clock.
pub const AHEAD_MAX: Duration = Duration::from_secs(60);

/// `now` minus `span`, clamped to the first moment.
pub fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// `now` plus `span`, clamped to the last moment.
pub fn later(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// The day in UTC, counted from 1970.
pub fn day_of(at: Timestamp) -> i64 {
    const SECONDS_A_DAY: i64 = 24 * 60 * 60;
    at.as_second().div_euclid(SECONDS_A_DAY)
}

/// Whether `at` is less than `span` before `now`. A time far ahead comes from a wrong clock and does not block
/// anything.
pub fn is_within(at: Timestamp, now: Timestamp, span: Duration) -> bool {
    at > before(now, span) && before(at, AHEAD_MAX) <= now
}
