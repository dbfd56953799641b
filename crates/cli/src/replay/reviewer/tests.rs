//! The course of time has bins that fit, and never too many.

use std::time::Duration;

use super::*;

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

/// The width and the number of bins of calls that are so far apart for so long.
fn bins_of(span: i64, step: i64) -> (Duration, usize) {
    let mut reviewer = Reviewer::default();
    // A Tuesday at noon.
    for second in (0..span).step_by(step as usize) {
        let bin = reviewer.bin(Timestamp::from_second(1_800_014_400 + second).unwrap());
        reviewer.review.chart.bins[bin].served += 1;
    }
    let chart = &reviewer.review.chart;
    let served: u64 = chart.bins.iter().map(|bin| bin.served).sum();
    assert_eq!(served, (span + step - 1) as u64 / step as u64);
    assert!(chart.bins.windows(2).all(|pair| between_bins(pair) == chart.width));
    (chart.width, chart.bins.len())
}

fn between_bins(pair: &[Bin]) -> Duration {
    Duration::try_from(pair[1].at.duration_since(pair[0].at)).unwrap()
}

#[test]
fn a_day_has_bins_of_five_minutes_and_a_month_of_an_hour() {
    for (span, minutes) in
        [(60 * MINUTE, 1), (DAY, 5), (2 * DAY, 5), (7 * DAY, 15), (30 * DAY, 60), (31 * DAY, 60), (90 * DAY, 180)]
    {
        assert_eq!(bins_of(span, 30).0.as_secs() / 60, minutes, "{span}");
    }
}

#[test]
fn years_have_no_more_bins_than_a_month() {
    for years in [1, 3, 10, 40] {
        let (width, count) = bins_of(years * 365 * DAY, 6 * 60 * MINUTE);
        assert!((100..=BINS_MAX).contains(&count), "{years} years: {count} of {width:?}");
    }
}
