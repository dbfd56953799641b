//! Which part of a history is replayed: from when to when, and which regions.
//!
//! In: `--since`, `--until` and `--region` as they were given. Out: a [`Window`], or what is wrong with them and how to write it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use triage_model::observation::Observation;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::{KnownRegions, is_well_formed};
use triage_model::spelling::nearest;
use triage_model::time::{before, later};

use crate::replay::reading::NO_TIME;

/// The first moment that counts, the first that does not any more, and the names of the regions. Unset, nothing is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    regions: Vec<String>,
}

/// A file has records of some minutes after the time in its name: AWS's own sample of a digest has one of 14:45 with calls up to 14:52.
const NAMED_BEFORE: Duration = Duration::from_secs(60 * 60);

/// CloudTrail delivers within minutes as a rule, and promises nothing.
const NAMED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How to write a time.
const FORMS: &str = "write a date (2026-11-25), a time (2026-11-25T14:30, in --time-zone or UTC; 2026-11-25T14:30:00Z) or how \
                     long ago (90m, 12h, 7d, 2w)";

impl Window {
    /// Times without a zone are in `zone`; how long ago is counted from `now`. A date alone counts as a whole: from its
    /// beginning, or to its end.
    pub fn of(
        since: Option<&str>,
        until: Option<&str>,
        regions: Vec<String>,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Self, String> {
        let time = |option: &str, text: Option<&str>, edge: Edge| match text {
            None => Ok(None),
            Some(text) => parse(text.trim(), edge, zone, now)
                .map(Some)
                .ok_or_else(|| format!("{option} '{}' is no time: {FORMS}", one_line(text, SHOWN_NAME_MAX))),
        };
        let (since, until) = (time("--since", since, Edge::Begin)?, time("--until", until, Edge::End)?);
        if let Some((since, until)) = since.zip(until).filter(|(since, until)| since >= until) {
            return Err(format!("--since {since} is not before --until {until}: nothing lies between them"));
        }
        regions.iter().try_for_each(|region| check(region))?;
        Ok(Self { since, until, regions })
    }

    /// Whether an observation lies in it. What tells no time, or is of no region, is not left out by it.
    pub fn has(&self, observation: &Observation) -> bool {
        let at = observation.occurred_at();
        let is_in_time =
            at == NO_TIME || self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until);
        is_in_time && self.has_region(observation)
    }

    /// Whether a trail's file may hold something that lies in it, by the time in its name.
    pub fn may_have(&self, named: Timestamp) -> bool {
        self.named_since().is_none_or(|since| named >= since) && !self.is_before(named)
    }

    /// The earliest time in the name of a trail's file that may hold something of it.
    pub fn named_since(&self) -> Option<Timestamp> {
        self.since.map(|since| before(since, NAMED_BEFORE))
    }

    /// Whether it ends before anything in a trail's file with that time in its name.
    pub fn is_before(&self, named: Timestamp) -> bool {
        self.until.is_some_and(|until| named >= later(until, NAMED_AFTER))
    }

    pub fn has_region_named(&self, name: &str) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|named| named == name)
    }

    fn has_region(&self, observation: &Observation) -> bool {
        let region = match observation {
            Observation::Failure(failure) => &failure.region,
            Observation::Success(success) => &success.region,
            Observation::HealthIssue(issue) => &issue.region,
            Observation::Tick(_) => return true,
        };
        self.regions.is_empty() || region.as_ref().is_some_and(|region| self.has_region_named(region.as_str()))
    }
}

/// Which edge of a window a time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

fn parse(text: &str, edge: Edge, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    if let Some(ago) = ago(text) {
        return Some(before(now, ago));
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(date) = text.parse::<Date>().map(|date| if edge == Edge::End { date.tomorrow() } else { Ok(date) })
        && text.len() == "2026-11-25".len()
    {
        return zone.to_timestamp(date.ok()?.at(0, 0, 0, 0)).ok();
    }
    let time: DateTime = text.parse().ok()?;
    zone.to_timestamp(time).ok()
}

/// `90m`, `12h`, `7d`, `2w`.
fn ago(text: &str) -> Option<Duration> {
    let unit = match text.bytes().last()? {
        b'm' => 60,
        b'h' => 60 * 60,
        b'd' => 24 * 60 * 60,
        b'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(unit)?;
    Some(Duration::from_secs(seconds))
}

/// A region that is well-formed and like none that is known may be new.
fn check(region: &str) -> Result<(), String> {
    let shown = one_line(region, SHOWN_NAME_MAX);
    let known = KnownRegions::default();
    if known.find(region).is_some() {
        return Ok(());
    }
    match nearest(region, known.names()) {
        Some(name) => Err(format!("--region '{shown}' is not known: did you mean {name}?")),
        None if is_well_formed(region) => Ok(()),
        None => Err(format!("--region '{shown}' is no region: write it like eu-central-1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn of(since: Option<&str>, until: Option<&str>) -> Result<Window, String> {
        let zone = TimeZone::posix("CET-1").unwrap();
        Window::of(since, until, Vec::new(), &zone, at("2026-11-25T12:00:00Z"))
    }

    #[test]
    fn a_time_may_be_a_date_a_time_or_how_long_ago() {
        for (text, since) in [
            ("2026-11-01", "2026-10-31T23:00:00Z"),
            ("2026-11-01T14:30", "2026-11-01T13:30:00Z"),
            ("2026-11-01 14:30:05", "2026-11-01T13:30:05Z"),
            ("2026-11-01T14:30:05Z", "2026-11-01T14:30:05Z"),
            ("2026-11-01T14:30:05+02:00", "2026-11-01T12:30:05Z"),
            ("90m", "2026-11-25T10:30:00Z"),
            ("12h", "2026-11-25T00:00:00Z"),
            ("7d", "2026-11-18T12:00:00Z"),
            ("2w", "2026-11-11T12:00:00Z"),
        ] {
            assert_eq!(of(Some(text), None).unwrap().since, Some(at(since)), "{text}");
        }
        // A day is meant whole.
        assert_eq!(of(None, Some("2026-11-01")).unwrap().until, Some(at("2026-11-01T23:00:00Z")));
        assert!(of(Some("2026-11-01"), Some("2026-11-01")).is_ok());
    }

    #[test]
    fn what_is_no_time_says_how_to_write_one() {
        for text in ["", "yesterday", "7", "d", "-7d", "2026-13-01", "2026-11-25T25:00", "99999999999999999999d"] {
            let said = of(Some(text), None).unwrap_err();
            assert!(said.starts_with("--since '") && said.contains("7d"), "{said}");
        }
        let said = of(Some("2026-11-02"), Some("2026-11-01")).unwrap_err();
        assert!(said.contains("is not before --until"), "{said}");
    }

    #[test]
    fn a_region_with_a_typo_is_answered_with_the_one_that_is_meant() {
        let of =
            |region: &str| Window::of(None, None, vec![region.to_owned()], &TimeZone::UTC, at("2026-11-25T12:00:00Z"));
        assert!(of("eu-central-1").is_ok());
        assert!(of("zz-nowhere-northeast-9").is_ok(), "it may be new");
        assert!(of("eu-centrel-1").unwrap_err().contains("did you mean eu-central-1?"));
        assert!(of("Frankfurt\n").unwrap_err().contains("write it like eu-central-1"));
    }
}
