//! Failures in the whole region, as far as records show it: everything is CreateToken.

use fastrand::Rng;

use super::clients::{COMPANY, Clients, all_fail, ordinary};
use super::maker::{Maker, in_any, person};
use crate::call::{Fault, HOME, INTERNAL};
use crate::history::{DAY, HOUR, History, MINUTE, Record, Seen};
use crate::true_incident::{Needs, OUTAGE, Page, TrueIncident};

const NO_SESSION: Fault = Fault { code: "InvalidRequestException", message: Some("session token not found") };
const KEY_DISABLED: Fault =
    Fault { code: "InvalidRequestException", message: Some("KMS_DisabledException: the key is disabled") };

const SURGE: TrueIncident = TrueIncident {
    diagnoses: &["suspected"],
    shows: |fault| fault != INTERNAL,
    page: Page::Never,
    needs: Needs::Callers(3),
    probed_down: false,
    ..OUTAGE
};
const OWN_KEY: TrueIncident = TrueIncident { diagnoses: &["misconfigured"], page: Page::Due, ..SURGE };

fn outage(region: &'static str, from: f64, to: f64) -> TrueIncident {
    TrueIncident { region, from, to, ..OUTAGE }
}

pub fn full_outage(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 20.0 * MINUTE + maker.between(0.0..120.0);
    let incidents = vec![outage(HOME, from, from + maker.between(4.0..25.0) * MINUTE)];
    all_fail(&mut maker, &COMPANY, &incidents, INTERNAL, HOUR);
    History::of(maker.records, incidents)
}

/// One in five callers reaches the failing part of the service.
pub fn partial_20(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { people: 1000, per_minute: 60.0, ..COMPANY };
    let incidents = vec![outage(HOME, 20.0 * MINUTE, 35.0 * MINUTE)];
    let is_hit = |caller: u64| Rng::with_seed(caller ^ (seed << 32)).f64() < 0.2;
    maker.traffic(&clients, 0.0, HOUR, |rng, at, caller| {
        if in_any(&incidents, at) && is_hit(caller) { Some(INTERNAL) } else { ordinary(rng) }
    });
    History::of(maker.records, incidents)
}

/// One call in twenty fails, of clients that do not retry by themselves.
pub fn partial_5(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { people: 5000, per_minute: 300.0, attempts: 1, ..COMPANY };
    let incidents = vec![outage(HOME, 15.0 * MINUTE, 35.0 * MINUTE)];
    maker.traffic(&clients, 0.0, 50.0 * MINUTE, |rng, at, _| {
        let fails = in_any(&incidents, at) && rng.f64() < 0.05;
        if fails { Some(INTERNAL) } else { ordinary(rng) }
    });
    History::of(maker.records, incidents)
}

pub fn one_call_a_minute(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let incidents = vec![outage(HOME, 40.0 * MINUTE, 80.0 * MINUTE)];
    for nth in 0..120 {
        let at = f64::from(nth) * 62.0 + maker.between(0.0..20.0);
        let caller = maker.rng.u64(0..12);
        maker.call(&COMPANY, at, caller, in_any(&incidents, at).then_some(INTERNAL));
    }
    History::of(maker.records, incidents)
}

/// A small company by day, and the five people on duty at night.
pub fn five_at_night(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let day = Clients { people: 30, per_minute: 0.25, ..COMPANY };
    maker.traffic(&day, 8.0 * HOUR, 18.0 * HOUR, |rng, _, _| ordinary(rng));
    let from = 26.0 * HOUR;
    let incidents = vec![outage(HOME, from, from + 40.0 * MINUTE)];
    let night = Clients { people: 5, per_minute: 0.4, attempts: 1, ..COMPANY };
    maker.traffic(&night, from - HOUR, from + 2.0 * HOUR, |_, at, _| in_any(&incidents, at).then_some(INTERNAL));
    History::of(maker.records, incidents)
}

pub fn broken_throughout(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let incidents = vec![outage(HOME, 30.0 * MINUTE, 50.0 * MINUTE)];
    all_fail(&mut maker, &COMPANY, &incidents, INTERNAL, 2.0 * HOUR);
    maker.broken(10_000, 60.0, 2.0 * HOUR, 10.0..40.0);
    History::of(maker.records, incidents)
}

/// A bad deployment of the service: it rejects everybody's request as wrong.
pub fn surge(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { attempts: 1, ..COMPANY };
    let incidents = vec![TrueIncident { from: 20.0 * MINUTE, to: 40.0 * MINUTE, ..SURGE }];
    all_fail(&mut maker, &clients, &incidents, NO_SESSION, HOUR);
    History::of(maker.records, incidents)
}

/// Three times in twenty minutes.
pub fn flapping(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let mut from = 20.0 * MINUTE;
    let mut incidents = Vec::new();
    for _ in 0..3 {
        let to = from + maker.between(2.0..3.5) * MINUTE;
        incidents.push(outage(HOME, from, to));
        from = to + maker.between(2.5..6.0) * MINUTE;
    }
    all_fail(&mut maker, &COMPANY, &incidents, INTERNAL, 1.5 * HOUR);
    History::of(maker.records, incidents)
}

pub fn three_regions(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let mut incidents = Vec::new();
    for (region, from) in [(HOME, Some(20.0)), ("eu-west-1", Some(25.0)), ("ap-south-1", None)] {
        let own: Vec<TrueIncident> =
            from.into_iter().map(|from| outage(region, from * MINUTE, (from + 15.0) * MINUTE)).collect();
        all_fail(&mut maker, &Clients { region, ..COMPANY }, &own, INTERNAL, HOUR);
        incidents.extend(own);
    }
    History::of(maker.records, incidents)
}

/// Each record arrives one to three times, and one in ten up to eight minutes late.
pub fn late_and_twice(seed: u64) -> History {
    let mut history = full_outage(seed);
    let mut rng = Rng::with_seed(!seed);
    let mut deliveries = Vec::new();
    for record in history.records {
        for _ in 0..rng.u32(1..=3) {
            let late = if rng.f64() < 0.1 { rng.f64() * 8.0 * MINUTE } else { rng.f64() * 5.0 };
            deliveries.push(Record { arrives: record.arrives + late, ..record.clone() });
        }
    }
    history.records = deliveries;
    History::of(history.records, history.incidents)
}

pub fn own_key(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { people: 100, per_minute: 20.0, attempts: 1, ..COMPANY };
    let incidents = vec![TrueIncident { from: 20.0 * MINUTE, to: 35.0 * MINUTE, ..OWN_KEY }];
    all_fail(&mut maker, &clients, &incidents, KEY_DISABLED, HOUR);
    History::of(maker.records, incidents)
}

/// Applications log only their failures.
pub fn logs_only(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 3.0 * DAY;
    let incidents = vec![outage(HOME, from, from + 20.0 * MINUTE)];
    let lines = Clients { seen: Seen::Log, people: 300, attempts: 1, ..COMPANY };
    maker.traffic(&Clients { per_minute: 5.0 / 1440.0, ..lines }, 0.0, from, |rng, _, _| {
        // One failure line each: a retry is served.
        let _: f64 = rng.f64();
        Some(INTERNAL).filter(|_| rng.f64() < 0.6)
    });
    maker.traffic(&Clients { per_minute: 10.0, ..lines }, from, from + 20.0 * MINUTE, |_, at, _| {
        in_any(&incidents, at).then_some(INTERNAL)
    });
    maker.records.retain(|record| record.fault.is_some());
    History::of(maker.records, incidents)
}

pub fn logs_only_probed(seed: u64) -> History {
    History { probed: true, ..logs_only(seed) }
}

fn reported_by_health(history: &mut History, at: f64, over: bool) {
    let id = u64::MAX / 2 + u64::from(over);
    let seen = Seen::Health { over };
    let record = Record { at, arrives: at, id, seen, call: person(HOME, 0), fault: None, incident: None };
    history.records.push(record);
    history.records.sort_by(|one, other| one.arrives.total_cmp(&other.arrives));
}

/// AWS reports it first, and two people are affected.
pub fn health_before(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let few = Clients { people: 40, per_minute: 2.0, ..COMPANY };
    let incidents = vec![outage(HOME, 20.0 * MINUTE, 40.0 * MINUTE)];
    all_fail(&mut maker, &few, &incidents, INTERNAL, HOUR);
    let mut history = History::of(maker.records, incidents);
    reported_by_health(&mut history, 19.0 * MINUTE, false);
    reported_by_health(&mut history, 41.0 * MINUTE, true);
    history
}

pub fn health_after(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let incidents = vec![outage(HOME, 20.0 * MINUTE, 45.0 * MINUTE)];
    all_fail(&mut maker, &COMPANY, &incidents, INTERNAL, 70.0 * MINUTE);
    let mut history = History::of(maker.records, incidents);
    reported_by_health(&mut history, 40.0 * MINUTE, false);
    reported_by_health(&mut history, 60.0 * MINUTE, true);
    history
}
