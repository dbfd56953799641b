//! Where a time and a number lie in the chart.
//!
//! In: a time. Out: an [`Axis`] that puts times at 0 to 100 % of the width, with ticks at round times of UTC, and
//! round upper ends for numbers. Widths are in percent so that one drawing fits every screen with its letters unscaled.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use triage_model::time::later;

use crate::replay::review::{Review, Story};

/// At most so many ticks: their labels have room in the widest layout, and every other one in the narrowest.
const TICKS_MAX: i64 = 9;

/// A label that begins behind this would leave the chart on a narrow screen.
const LABEL_LAST: Percent = Percent(91.0);

const DAY: i64 = 86_400;

/// Seconds between two ticks. More than the last of them are whole months.
const STEPS: &[i64] = &[60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, DAY / 2, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTHS: &[i64] = &[1, 2, 3, 6, 12, 24, 60, 120];

/// Days from a Monday to 1970-01-01: so that ticks a week apart are Mondays.
const MONDAY: i64 = 3 * DAY;

/// A part of the chart's width.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}%", self.0)
    }
}

/// The time that the chart spans.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub at: Percent,
    /// None where it would not fit.
    pub label: Option<String>,
}

impl Axis {
    /// From the first event to whatever comes last: an incident may end after the last event. None of an empty history.
    pub fn of(review: &Review) -> Option<Self> {
        let (first, last) = review.span?;
        let bins = review.chart.bins.iter();
        let ends = bins.clone().map(|bin| later(bin.at, review.chart.width));
        let over = review.incidents.iter().filter_map(Story::ended);
        let from = bins.map(|bin| bin.at).min().map_or(first, |bin| bin.min(first));
        let to = ends.chain(over).max().map_or(last, |end| end.max(last));
        // Of a single second, a minute is shown.
        let least = later(from, Duration::from_secs(60));
        Some(Self { from, to: to.max(least) })
    }

    /// Never outside the chart.
    pub fn at(&self, at: Timestamp) -> Percent {
        let whole = self.to.duration_since(self.from).as_secs_f64();
        let part = at.duration_since(self.from).as_secs_f64();
        Percent((100.0 * part / whole).clamp(0.0, 100.0))
    }

    pub fn between(&self, from: Timestamp, to: Timestamp) -> Percent {
        Percent((self.at(to).0 - self.at(from).0).max(0.0))
    }

    pub fn ticks(&self) -> Vec<Tick> {
        let seconds = self.to.duration_since(self.from).as_secs();
        let times = match STEPS.iter().find(|&&step| seconds / step <= TICKS_MAX) {
            Some(&step) => self.every(step),
            None => self.every_months(),
        };
        let ticks = times.into_iter().map(|(time, label)| (self.at(time), label));
        ticks.map(|(at, label)| Tick { at, label: (at <= LABEL_LAST).then_some(label) }).collect()
    }

    fn every(&self, step: i64) -> Vec<(Timestamp, String)> {
        let offset = if step % (7 * DAY) == 0 { MONDAY } else { 0 };
        let first = (self.from.as_second() + offset + step - 1).div_euclid(step) * step - offset;
        let times = (0..=TICKS_MAX).filter_map(|n| Timestamp::from_second(first + n * step).ok());
        let label = |at: Timestamp| {
            let form = if at.as_second() % DAY == 0 { "%-d %b" } else { "%H:%M" };
            at.strftime(form).to_string()
        };
        times.filter(|at| *at <= self.to).map(|at| (at, label(at))).collect()
    }

    fn every_months(&self) -> Vec<(Timestamp, String)> {
        let month = |at: Timestamp| {
            let date = TimeZone::UTC.to_datetime(at).date();
            i64::from(date.year()) * 12 + i64::from(date.month()) - 1
        };
        let (first, last) = (month(self.from) + 1, month(self.to));
        let all = last - first;
        let step = MONTHS.iter().copied().find(|step| all / step <= TICKS_MAX).unwrap_or(all / TICKS_MAX + 1);
        let begin = |month: i64| {
            let date = Date::new(month.div_euclid(12).try_into().ok()?, (month.rem_euclid(12) + 1).try_into().ok()?, 1);
            TimeZone::UTC.to_timestamp(date.ok()?.at(0, 0, 0, 0)).ok()
        };
        let label = |month: i64, at: Timestamp| {
            let form = if month.rem_euclid(12) == 0 || step >= 12 { "%b %Y" } else { "%b" };
            at.strftime(form).to_string()
        };
        let months = (first..=last).filter(|month| month.rem_euclid(step) == 0);
        months.filter_map(|month| begin(month).map(|at| (at, label(month, at)))).collect()
    }
}

/// The least round number that is not below `most`, of which the half is a number too.
pub fn ceiling(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for digit in [2, 3, 4, 6, 8, 10] {
            match unit.checked_mul(digit) {
                Some(end) if end >= most && end % 2 == 0 => return end,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn axis(from: &str, to: &str) -> Axis {
        Axis { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn labels(from: &str, to: &str) -> Vec<String> {
        axis(from, to).ticks().into_iter().filter_map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_at_round_times_and_midnight_has_its_date() {
        assert_eq!(
            labels("2027-01-15T20:10:00Z", "2027-01-16T02:10:00Z"),
            ["21:00", "22:00", "23:00", "16 Jan", "01:00"]
        );
        assert_eq!(labels("2027-01-15T20:10:00Z", "2027-01-18T02:10:00Z")[..3], ["16 Jan", "06:00", "12:00"]);
    }

    #[test]
    fn ticks_a_week_apart_are_mondays_and_longer_ones_first_days_of_a_month() {
        assert_eq!(labels("2026-12-20T08:00:00Z", "2027-01-20T08:00:00Z"), ["21 Dec", "28 Dec", "4 Jan", "11 Jan"],);
        assert_eq!(
            labels("2026-02-10T00:00:00Z", "2027-02-10T00:00:00Z"),
            ["Mar", "May", "Jul", "Sep", "Nov", "Jan 2027"]
        );
    }

    #[test]
    fn there_are_few_ticks_however_long_the_time_and_all_are_within() {
        for days in [1, 3, 9, 10, 40, 100, 126, 127, 300, 900, 4000, 40_000] {
            let from: Timestamp = "2020-05-05T05:05:05Z".parse().unwrap();
            let axis = Axis { from, to: from + SignedDuration::from_hours(24 * days) };
            let ticks = axis.ticks();
            assert!((2..=TICKS_MAX as usize + 1).contains(&ticks.len()), "{days} days: {ticks:?}");
            assert!(ticks.iter().all(|tick| (0.0..=100.0).contains(&tick.at.0)), "{days} days: {ticks:?}");
        }
    }

    #[test]
    fn what_is_outside_is_put_at_the_edge() {
        let axis = axis("2027-01-15T08:00:00Z", "2027-01-15T10:00:00Z");
        assert_eq!(axis.at("2027-01-15T09:00:00Z".parse().unwrap()), Percent(50.0));
        assert_eq!(axis.at("2026-01-15T09:00:00Z".parse().unwrap()), Percent(0.0));
        assert_eq!(axis.at("2028-01-15T09:00:00Z".parse().unwrap()), Percent(100.0));
    }

    #[test]
    fn a_scale_ends_at_a_round_number() {
        let table = [(0, 2), (1, 2), (3, 4), (5, 6), (10, 10), (11, 20), (21, 30), (61, 80), (81, 100), (1234, 2000)];
        for (most, end) in table {
            assert_eq!(ceiling(most), end, "{most}");
        }
        assert_eq!(ceiling(u64::MAX), u64::MAX);
    }
}
