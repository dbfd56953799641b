//! Widths of bins, so that any length of time has a bounded number of them.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Widths that people count in. Each is a multiple of the one before, so that bins can be put together.
const WIDTHS: [u64; 11] =
    [10, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 28 * DAY];

/// The next width. Behind the last one each is the double.
pub fn wider(width: Duration) -> Duration {
    let next = WIDTHS.iter().copied().find(|next| *next > width.as_secs());
    next.map_or(width.saturating_mul(2), Duration::from_secs)
}

/// The first width, from `width` on, of which `most` bins span that time wherever it begins.
pub fn fitting(mut width: Duration, span: Duration, most: usize) -> Duration {
    while span.as_secs() / width.as_secs() + 2 > most as u64 {
        width = wider(width);
    }
    width
}

/// The begin of the bin in which a second lies.
pub fn begin(second: i64, width: Duration) -> i64 {
    let width = i64::try_from(width.as_secs()).unwrap_or(i64::MAX).max(1);
    second.div_euclid(width).saturating_mul(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_width_is_a_multiple_of_the_one_before() {
        let mut width = Duration::from_secs(WIDTHS[0]);
        for _ in 0..20 {
            let next = wider(width);
            assert!(next > width && next.as_secs().is_multiple_of(width.as_secs()), "{width:?} {next:?}");
            width = next;
        }
    }

    #[test]
    fn bins_are_counted_wherever_the_time_begins() {
        let minute = Duration::from_secs(MINUTE);
        let fitting = |span| fitting(minute, Duration::from_secs(span), 60).as_secs();
        assert_eq!([0, 58 * MINUTE, 58 * MINUTE + 59, 59 * MINUTE].map(fitting), [60, 60, 60, 300]);
    }
}
