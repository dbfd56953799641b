//! Failures that are hard to detect, or whose end is hard to prove.

use fastrand::Rng;

use super::clients::{COMPANY, Clients, ordinary};
use super::company::{Company, PEOPLE, everyday, struck};
use super::maker::{Maker, in_any};
use crate::call::{Call, INTERNAL};
use crate::history::{DAY, HOUR, History, MINUTE};
use crate::true_incident::{OUTAGE, Page, REGION, TrueIncident};

/// It works again before anybody looks.
pub fn blip(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let blip = TrueIncident { page: Page::Never, must_be_noticed: false, from, to: from + 25.0, ..OUTAGE };
    let company = Company { people: 1_000, logins: 4.0, refreshes: 30.0, ..PEOPLE };
    maker.work(&company, 0.0, 1.5 * HOUR, struck(&[blip], INTERNAL));
    History::of(maker.records, vec![blip])
}

/// All day, with a lunch break in which no call is made.
pub fn nine_hours(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let incidents = vec![TrueIncident { from: 8.0 * HOUR, to: 17.0 * HOUR, scope: REGION, ..OUTAGE }];
    let company = Company { people: 60, logins: 0.1, refreshes: 0.6, ..PEOPLE };
    for (from, to) in [(5.0, 12.0), (12.0 + 40.0 / 60.0, 18.0)] {
        maker.work(&company, from * HOUR, to * HOUR, struck(&incidents, INTERNAL));
    }
    maker.records.retain(|record| !(12.0 * HOUR..(12.0 * HOUR + 40.0 * MINUTE)).contains(&record.at));
    History::of(maker.records, incidents)
}

/// Most calls succeed at the second or third try, so many calls fail but few people are affected.
pub fn share_with_retries(seed: u64, share: f64) -> History {
    let mut maker = Maker::new(seed);
    let from = 30.0 * MINUTE + maker.between(0.0..120.0);
    let incidents = vec![TrueIncident { from, to: from + 30.0 * MINUTE, scope: REGION, ..OUTAGE }];
    let company = Company { logins: 2.0, refreshes: 15.0, ..PEOPLE };
    maker.work(&company, 0.0, from + HOUR, |rng: &mut Rng, call: &Call, at: f64| {
        if in_any(&incidents, at) && rng.f64() < share { Some(INTERNAL) } else { everyday(rng, call) }
    });
    History::of(maker.records, incidents)
}

pub fn growing(seed: u64) -> History {
    const MOST: f64 = 0.12;
    let mut maker = Maker::new(seed);
    let (from, grows) = (30.0 * MINUTE, 2.0 * HOUR);
    let enough_from = from + grows * 0.05 / MOST;
    let incident = TrueIncident { from, to: from + grows, counts_from: enough_from, scope: REGION, ..OUTAGE };
    let company = Company { people: 1_000, logins: 2.0, refreshes: 20.0, attempts: 1, ..PEOPLE };
    maker.work(&company, 0.0, from + grows + 25.0 * MINUTE, |rng: &mut Rng, call: &Call, at: f64| {
        let share = (at - from) / grows * MOST;
        let fails = incident.strikes(call, at) && rng.f64() < share;
        if fails { Some(INTERNAL) } else { everyday(rng, call) }
    });
    History::of(maker.records, vec![incident])
}

/// Nobody has called for nine days before the first people return.
pub fn holidays(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let monday = 14.0 * DAY;
    let from = monday + 7.5 * HOUR;
    let incidents = vec![TrueIncident { from, to: from + 90.0 * MINUTE, scope: REGION, ..OUTAGE }];
    let company = Company { people: 100, logins: 0.3, refreshes: 0.8, ..PEOPLE };
    maker.days(&company, 0..5, struck(&[], INTERNAL));
    maker.records.retain(|record| record.at < 4.9 * DAY);
    maker.work(&company, monday + 7.75 * HOUR, monday + 11.0 * HOUR, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// A handful of calls a day, three failures at night, and nobody until the morning.
pub fn three_at_night(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 26.0 * HOUR;
    let incidents = vec![TrueIncident { from, to: from + 3.0 * HOUR, ..OUTAGE }];
    let few = Clients { people: 12, per_minute: 12.0 / 600.0, attempts: 1, ..COMPANY };
    maker.traffic(&few, 8.0 * HOUR, 18.0 * HOUR, |rng, _, _| ordinary(rng));
    for person in 0..3 {
        let at = from + maker.between(1.0..25.0) * MINUTE;
        maker.call(&few, at, person, Some(INTERNAL));
    }
    maker.traffic(&few, 32.0 * HOUR, 34.0 * HOUR, |_, _, _| None);
    let busy = Clients { per_minute: 0.1, ..few };
    maker.traffic(&busy, 32.0 * HOUR, 34.0 * HOUR, |_, _, _| None);
    History::of(maker.records, incidents)
}

pub fn five_people(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = DAY + 10.0 * HOUR + maker.between(0.0..1800.0);
    let incidents = vec![TrueIncident { from, to: from + 90.0 * MINUTE, scope: REGION, ..OUTAGE }];
    let company = Company { people: 5, logins: 0.01, refreshes: 0.08, ..PEOPLE };
    maker.days(&company, 0..2, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}
