//! Histories without anything worth a page.

use super::clients::{COMPANY, Clients, SESSION_ENDED, all_fail, ordinary};
use super::company::{Company, PEOPLE, everyday};
use super::maker::Maker;
use crate::call::{Fault, INTERNAL};
use crate::history::{DAY, HOUR, History, MINUTE, Seen};

const THROTTLED: Fault = Fault { code: "ThrottlingException", message: None };
const HIDDEN_THROTTLING: Fault = Fault { message: Some("Rate exceeded"), ..INTERNAL };
const EXPIRED: Fault = Fault { code: "InvalidClientException", message: Some("Client registration has expired") };

pub fn throttle_storm(seed: u64) -> History {
    storm(seed, THROTTLED)
}

pub fn hidden_throttling(seed: u64) -> History {
    storm(seed, HIDDEN_THROTTLING)
}

pub fn quiet_week(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let people = Clients { people: 60, ..COMPANY };
    for day in 0..7 {
        let begin = f64::from(day) * DAY;
        for hour in 0..24 {
            let at_work = day < 5 && (8..18).contains(&hour);
            let clients = Clients { per_minute: if at_work { 0.5 } else { 0.02 }, ..people };
            let from = begin + f64::from(hour) * HOUR;
            maker.traffic(&clients, from, from + HOUR, |rng, _, _| ordinary(rng));
        }
    }
    History::of(maker.records, Vec::new())
}

pub fn broken_callers(seed: u64, broken: u64) -> History {
    let mut maker = Maker::new(seed);
    all_fail(&mut maker, &COMPANY, &[], INTERNAL, 2.0 * HOUR);
    for caller in 0..broken {
        let from = maker.between(0.0..HOUR);
        maker.broken(10_000 + caller, from, 2.0 * HOUR, 5.0..60.0);
    }
    History::of(maker.records, Vec::new())
}

/// Thirty machines that call too often, for ten minutes.
fn storm(seed: u64, fault: Fault) -> History {
    let mut maker = Maker::new(seed);
    all_fail(&mut maker, &COMPANY, &[], INTERNAL, HOUR);
    let machines = Clients { first: 20_000, people: 30, per_minute: 120.0, attempts: 1, ..COMPANY };
    maker.traffic(&machines, 20.0 * MINUTE, 30.0 * MINUTE, |rng, _, _| (rng.f64() < 0.9).then_some(fault));
    History::of(maker.records, Vec::new())
}

/// All sessions have ended over the weekend, and everybody signs in within a minute or two.
pub fn monday(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    for caller in 0..300 {
        let at = HOUR + (maker.rng.f64() + maker.rng.f64()) * 30.0 * MINUTE;
        for nth in 0..maker.rng.u32(1..=3) {
            maker.call(&COMPANY, at + f64::from(nth), caller, Some(SESSION_ENDED));
        }
        let served = at + maker.between(20.0..120.0);
        maker.call(&COMPANY, served, caller, None);
    }
    all_fail(&mut maker, &COMPANY, &[], INTERNAL, 2.5 * HOUR);
    History::of(maker.records, Vec::new())
}

/// A large company with occasional failures; some clients only retry when their person does.
pub fn ten_thousand(seed: u64) -> History {
    const SHARES: [f64; 4] = [0.0001, 0.001, 0.005, 0.02];
    let mut maker = Maker::new(seed);
    let share = SHARES[seed as usize % SHARES.len()];
    let clients = Clients { people: 10_000, per_minute: 180.0, attempts: 1, ..COMPANY };
    let mut at = 0.0;
    while at < 1.5 * HOUR {
        let caller = maker.rng.u64(0..clients.people);
        if maker.chance(share) {
            maker.call(&clients, at, caller, Some(INTERNAL));
            let after = if maker.chance(0.9) { 1.0..3.0 } else { 30.0..120.0 };
            let again = at + maker.between(after);
            maker.call(&clients, again, caller, None);
        } else {
            maker.call(&clients, at, caller, None);
        }
        at += maker.pause(clients.per_minute);
    }
    History::of(maker.records, Vec::new())
}

/// All clients were registered on one morning ninety days ago. People who are refused register again and sign in.
pub fn registrations_expire(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let company = Company { people: 300, logins: 0.3, refreshes: 3.0, ..PEOPLE };
    maker.work(&company, 0.0, 4.0 * HOUR, |rng: &mut _, call: &_, _| everyday(rng, call));
    let anew = Company { registers: 1.0, ..company };
    for person in 0..company.people {
        let mut at = HOUR + (maker.rng.f64() + maker.rng.f64()) * 60.0 * MINUTE;
        for _ in 0..maker.rng.u32(1..=2) {
            maker.record(Seen::CloudTrail, company.refresh(person), at, Some(EXPIRED));
            at += 2.0;
        }
        // Some notice when they return.
        let after = if maker.chance(0.1) { 20.0..70.0 } else { 0.3..2.0 };
        let at = at + maker.between(after) * MINUTE;
        maker.log_in(&anew, at, person, &mut |rng: &mut _, call: &_, _| everyday(rng, call));
    }
    History::of(maker.records, Vec::new())
}

/// A job that starts on the hour and exceeds its quota.
pub fn throttled_job(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let company = Company { people: 60, logins: 0.1, refreshes: 0.5, ..PEOPLE };
    maker.days(&company, 0..2, |rng: &mut _, call: &_, _| everyday(rng, call));
    let job = company.refresh(50_000);
    for hour in 0..48 {
        let mut at = f64::from(hour) * HOUR + maker.between(0.0..5.0);
        for _ in 0..60 {
            let fault = maker.chance(0.8).then_some(THROTTLED);
            maker.record(Seen::CloudTrail, job, at, fault);
            at += maker.between(2.0..5.0);
        }
    }
    History::of(maker.records, Vec::new())
}

pub fn quiet_week_of_devices(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let company = Company { people: 60, logins: 0.1, refreshes: 0.4, applications: 2, trades: 0.1, ..PEOPLE };
    maker.days(&company, 0..7, |rng: &mut _, call: &_, _| everyday(rng, call));
    History::of(maker.records, Vec::new())
}
