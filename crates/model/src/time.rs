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

/// How long something lasted, as its two times say it to the minute: from 18:00 to 18:05 it is five minutes, whatever their
/// seconds are. To the second where it is less than a minute, and nothing where it ends before it begins.
pub fn lasted(from: Timestamp, to: Timestamp) -> Duration {
    let minutes = to.as_second().div_euclid(60) - from.as_second().div_euclid(60);
    match Duration::try_from(to.duration_since(from)).unwrap_or_default() {
        exact if exact < Duration::from_secs(60) => Duration::from_secs(exact.as_secs()),
        _ => Duration::from_secs(minutes.unsigned_abs() * 60),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_lasted_agrees_with_times_to_the_minute() {
        let minute = 18 * 60 * 60;
        let said = |from: i64, to: i64| {
            let at = |second: i64| Timestamp::from_second(minute + second).unwrap();
            lasted(at(from), at(to)).as_secs()
        };
        assert_eq!(said(5, 5 * 60 + 58), 5 * 60, "18:00 to 18:05");
        assert_eq!(said(58, 5 * 60 + 2), 5 * 60, "though it is four minutes and four seconds");
        assert_eq!(said(50, 80), 30, "to the second below a minute");
        assert_eq!((said(0, 0), said(10, 0)), (0, 0), "and nothing backwards");
    }
}
