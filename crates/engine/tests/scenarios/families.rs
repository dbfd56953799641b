//! The families of histories: what a region may live through. Each is a function from a seed.

use fastrand::Rng;

use super::history::{DAY, Fault, HOME, HOUR, History, INTERNAL, Kind, MINUTE, Record, Seen, Trouble};

const THROTTLED: Fault = Fault { code: "ThrottlingException", message: None };
const HIDDEN_THROTTLING: Fault = Fault { message: Some("Rate exceeded"), ..INTERNAL };
const SESSION_ENDED: Fault = Fault { code: "InvalidGrantException", message: None };
const NO_SESSION: Fault = Fault { code: "InvalidRequestException", message: Some("session token not found") };
const KEY_DISABLED: Fault =
    Fault { code: "InvalidRequestException", message: Some("KMS_DisabledException: the key is disabled") };

/// What may be asked of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// Told within so many seconds after the third distinct caller was hit, and resolved so long after the end at most.
    Within { told: f64, resolved: f64 },
    /// Told after so many further calls, and resolved at the fifth served call (but no earlier than after five minutes).
    ByCalls { told: usize },
    /// Told as above; nothing but silence tells of the end.
    Silence { told: f64 },
    /// Nobody is to be woken.
    Nothing,
}

pub struct Family {
    pub name: &'static str,
    pub goal: Goal,
    pub make: fn(u64) -> History,
}

/// The proof takes six minutes, and where something was told just before, its notice waits up to a minute more.
const MINUTE_AND_SEVEN: Goal = Goal::Within { told: 60.0, resolved: 7.0 * MINUTE };

pub const FAMILIES: &[Family] = &[
    Family { name: "quiet week", goal: Goal::Nothing, make: quiet_week },
    Family { name: "full outage", goal: MINUTE_AND_SEVEN, make: full_outage },
    Family { name: "20 % of the callers", goal: MINUTE_AND_SEVEN, make: partial_20 },
    Family { name: "5 % of the calls", goal: MINUTE_AND_SEVEN, make: partial_5 },
    Family { name: "one call a minute", goal: Goal::ByCalls { told: 2 }, make: one_call_a_minute },
    Family { name: "five people at night", goal: Goal::ByCalls { told: 2 }, make: five_at_night },
    Family { name: "one broken caller", goal: Goal::Nothing, make: |seed| broken_callers(seed, 1) },
    Family { name: "two broken callers", goal: Goal::Nothing, make: |seed| broken_callers(seed, 2) },
    Family { name: "a broken caller throughout an outage", goal: MINUTE_AND_SEVEN, make: broken_throughout },
    Family { name: "throttle storm", goal: Goal::Nothing, make: |seed| storm(seed, THROTTLED) },
    Family { name: "throttling behind a 500", goal: Goal::Nothing, make: |seed| storm(seed, HIDDEN_THROTTLING) },
    Family { name: "4xx surge", goal: Goal::Within { told: 4.0 * MINUTE, resolved: 6.0 * MINUTE }, make: surge },
    Family { name: "Monday's expired sessions", goal: Goal::Nothing, make: monday },
    Family { name: "10,000 people, 0.01 to 2 % one-off 500s", goal: Goal::Nothing, make: ten_thousand },
    // Each return doubles the five minutes that the proof must last.
    Family { name: "flapping", goal: Goal::Within { told: 60.0, resolved: 21.0 * MINUTE }, make: flapping },
    Family { name: "three regions, two in trouble", goal: MINUTE_AND_SEVEN, make: three_regions },
    Family { name: "duplicates and late delivery", goal: MINUTE_AND_SEVEN, make: late_and_twice },
    Family { name: "own key disabled", goal: MINUTE_AND_SEVEN, make: own_key },
    Family { name: "logs only", goal: Goal::Silence { told: 60.0 }, make: logs_only },
    Family { name: "logs only, probed", goal: MINUTE_AND_SEVEN, make: logs_only_probed },
    Family { name: "AWS Health before", goal: MINUTE_AND_SEVEN, make: health_before },
    Family { name: "AWS Health after", goal: MINUTE_AND_SEVEN, make: health_after },
];

/// How the clients of a company behave.
#[derive(Clone, Copy)]
struct Clients {
    region: &'static str,
    seen: Seen,
    /// Callers are numbered from `first`.
    first: u64,
    people: u64,
    per_minute: f64,
    /// Attempts of the SDK, a second or two apart, until one is served.
    attempts: u32,
}

const COMPANY: Clients =
    Clients { region: HOME, seen: Seen::CloudTrail, first: 0, people: 200, per_minute: 20.0, attempts: 3 };

/// Who signs in again after a failure, and how soon: the others give up.
const TRY_AGAIN: f64 = 0.6;
const TRY_AGAIN_AFTER: std::ops::Range<f64> = 30.0..180.0;

struct Maker {
    rng: Rng,
    records: Vec<Record>,
    next_id: u64,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), records: Vec::new(), next_id: 1 }
    }

    fn between(&mut self, range: std::ops::Range<f64>) -> f64 {
        range.start + self.rng.f64() * (range.end - range.start)
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    /// Until the next of events that come at random.
    fn pause(&mut self, per_minute: f64) -> f64 {
        -(1.0 - self.rng.f64()).ln() * MINUTE / per_minute
    }

    fn call(&mut self, clients: &Clients, at: f64, caller: u64, fault: Option<Fault>) {
        // CloudTrail and EventBridge take a few seconds.
        let arrives = at + self.between(2.0..10.0);
        let id = self.next_id;
        self.next_id += 1;
        self.records.push(Record {
            at,
            arrives,
            id,
            seen: clients.seen,
            region: clients.region,
            caller,
            fault,
            trouble: None,
        });
    }

    /// One sign-in and those that follow from it. `fails` tells how a call of that caller at that time goes wrong.
    fn sign_in(
        &mut self,
        clients: &Clients,
        mut at: f64,
        caller: u64,
        fails: &mut dyn FnMut(&mut Rng, f64, u64) -> Option<Fault>,
    ) {
        loop {
            for _ in 0..clients.attempts {
                let fault = fails(&mut self.rng, at, caller);
                self.call(clients, at, caller, fault);
                if fault.is_none() {
                    return;
                }
                at += self.between(1.0..2.5);
            }
            if !self.chance(TRY_AGAIN) {
                return;
            }
            at += self.between(TRY_AGAIN_AFTER);
        }
    }

    /// Sign-ins at random times.
    fn traffic(
        &mut self,
        clients: &Clients,
        from: f64,
        to: f64,
        mut fails: impl FnMut(&mut Rng, f64, u64) -> Option<Fault>,
    ) {
        let mut at = from + self.pause(clients.per_minute);
        while at < to {
            let caller = clients.first + self.rng.u64(0..clients.people);
            self.sign_in(clients, at, caller, &mut fails);
            at += self.pause(clients.per_minute);
        }
    }

    /// A caller that fails every time.
    fn broken(&mut self, caller: u64, from: f64, to: f64, every: std::ops::Range<f64>) {
        let mut at = from;
        while at < to {
            self.call(&COMPANY, at, caller, Some(INTERNAL));
            at += self.between(every.clone());
        }
    }
}

/// What happens on every day: one call in two thousand fails, and some sessions have ended.
fn ordinary(rng: &mut Rng) -> Option<Fault> {
    match rng.f64() {
        chance if chance < 0.0005 => Some(INTERNAL),
        chance if chance < 0.02 => Some(SESSION_ENDED),
        _ => None,
    }
}

fn in_any(troubles: &[Trouble], at: f64) -> bool {
    troubles.iter().any(|trouble| (trouble.from..trouble.to).contains(&at))
}

fn outage(region: &'static str, from: f64, to: f64) -> Trouble {
    Trouble { kind: Kind::Outage, region, from, to }
}

/// An ordinary hour in which every call fails while there is trouble.
fn all_fail(maker: &mut Maker, clients: &Clients, troubles: &[Trouble], fault: Fault, to: f64) {
    maker.traffic(clients, 0.0, to, |rng, at, _| if in_any(troubles, at) { Some(fault) } else { ordinary(rng) });
}

fn quiet_week(seed: u64) -> History {
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

fn full_outage(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 20.0 * MINUTE + maker.between(0.0..120.0);
    let troubles = vec![outage(HOME, from, from + maker.between(4.0..25.0) * MINUTE)];
    all_fail(&mut maker, &COMPANY, &troubles, INTERNAL, HOUR);
    History::of(maker.records, troubles)
}

/// One in five callers is served by the part of the service that fails.
fn partial_20(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { people: 1000, per_minute: 60.0, ..COMPANY };
    let troubles = vec![outage(HOME, 20.0 * MINUTE, 35.0 * MINUTE)];
    let is_hit = |caller: u64| Rng::with_seed(caller ^ (seed << 32)).f64() < 0.2;
    maker.traffic(&clients, 0.0, HOUR, |rng, at, caller| {
        if in_any(&troubles, at) && is_hit(caller) { Some(INTERNAL) } else { ordinary(rng) }
    });
    History::of(maker.records, troubles)
}

/// One call in twenty fails, of clients that do not try again by themselves.
fn partial_5(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { people: 5000, per_minute: 300.0, attempts: 1, ..COMPANY };
    let troubles = vec![outage(HOME, 15.0 * MINUTE, 35.0 * MINUTE)];
    maker.traffic(&clients, 0.0, 50.0 * MINUTE, |rng, at, _| {
        let fails = in_any(&troubles, at) && rng.f64() < 0.05;
        if fails { Some(INTERNAL) } else { ordinary(rng) }
    });
    History::of(maker.records, troubles)
}

fn one_call_a_minute(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let troubles = vec![outage(HOME, 40.0 * MINUTE, 80.0 * MINUTE)];
    for nth in 0..120 {
        let at = f64::from(nth) * 62.0 + maker.between(0.0..20.0);
        let caller = maker.rng.u64(0..12);
        maker.call(&COMPANY, at, caller, in_any(&troubles, at).then_some(INTERNAL));
    }
    History::of(maker.records, troubles)
}

/// A small company by day, and at night the five who are on duty.
fn five_at_night(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let day = Clients { people: 30, per_minute: 0.25, ..COMPANY };
    maker.traffic(&day, 8.0 * HOUR, 18.0 * HOUR, |rng, _, _| ordinary(rng));
    let from = 26.0 * HOUR;
    let troubles = vec![outage(HOME, from, from + 40.0 * MINUTE)];
    let night = Clients { people: 5, per_minute: 0.4, attempts: 1, ..COMPANY };
    maker.traffic(&night, from - HOUR, from + 2.0 * HOUR, |_, at, _| in_any(&troubles, at).then_some(INTERNAL));
    History::of(maker.records, troubles)
}

fn broken_callers(seed: u64, broken: u64) -> History {
    let mut maker = Maker::new(seed);
    all_fail(&mut maker, &COMPANY, &[], INTERNAL, 2.0 * HOUR);
    for caller in 0..broken {
        let from = maker.between(0.0..HOUR);
        maker.broken(10_000 + caller, from, 2.0 * HOUR, 5.0..60.0);
    }
    History::of(maker.records, Vec::new())
}

fn broken_throughout(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let troubles = vec![outage(HOME, 30.0 * MINUTE, 50.0 * MINUTE)];
    all_fail(&mut maker, &COMPANY, &troubles, INTERNAL, 2.0 * HOUR);
    maker.broken(10_000, 60.0, 2.0 * HOUR, 10.0..40.0);
    History::of(maker.records, troubles)
}

/// Thirty machines that ask too often, for ten minutes.
fn storm(seed: u64, fault: Fault) -> History {
    let mut maker = Maker::new(seed);
    all_fail(&mut maker, &COMPANY, &[], INTERNAL, HOUR);
    let machines = Clients { first: 20_000, people: 30, per_minute: 120.0, attempts: 1, ..COMPANY };
    maker.traffic(&machines, 20.0 * MINUTE, 30.0 * MINUTE, |rng, _, _| (rng.f64() < 0.9).then_some(fault));
    History::of(maker.records, Vec::new())
}

/// A bad deployment of the service: everybody is told that the request is wrong.
fn surge(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { attempts: 1, ..COMPANY };
    let troubles = vec![Trouble { kind: Kind::Surge, region: HOME, from: 20.0 * MINUTE, to: 40.0 * MINUTE }];
    all_fail(&mut maker, &clients, &troubles, NO_SESSION, HOUR);
    History::of(maker.records, troubles)
}

/// Everybody's session has ended over the weekend, and everybody signs in anew within a minute or two.
fn monday(seed: u64) -> History {
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

/// A large company in which now and then a call fails, of clients some of which try again only when their person does.
fn ten_thousand(seed: u64) -> History {
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

/// Three times in twenty minutes.
fn flapping(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let mut from = 20.0 * MINUTE;
    let mut troubles = Vec::new();
    for _ in 0..3 {
        let to = from + maker.between(2.0..3.5) * MINUTE;
        troubles.push(outage(HOME, from, to));
        from = to + maker.between(2.5..6.0) * MINUTE;
    }
    all_fail(&mut maker, &COMPANY, &troubles, INTERNAL, 1.5 * HOUR);
    History::of(maker.records, troubles)
}

fn three_regions(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let mut troubles = Vec::new();
    for (region, from) in [(HOME, Some(20.0)), ("eu-west-1", Some(25.0)), ("ap-south-1", None)] {
        let own: Vec<Trouble> =
            from.into_iter().map(|from| outage(region, from * MINUTE, (from + 15.0) * MINUTE)).collect();
        all_fail(&mut maker, &Clients { region, ..COMPANY }, &own, INTERNAL, HOUR);
        troubles.extend(own);
    }
    History::of(maker.records, troubles)
}

/// Each record comes one to three times, and one in ten up to eight minutes late.
fn late_and_twice(seed: u64) -> History {
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
    History::of(history.records, history.troubles)
}

fn own_key(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let clients = Clients { people: 100, per_minute: 20.0, attempts: 1, ..COMPANY };
    let troubles = vec![Trouble { kind: Kind::OwnKey, region: HOME, from: 20.0 * MINUTE, to: 35.0 * MINUTE }];
    all_fail(&mut maker, &clients, &troubles, KEY_DISABLED, HOUR);
    History::of(maker.records, troubles)
}

/// Applications log their failures and nothing else.
fn logs_only(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 3.0 * DAY;
    let troubles = vec![outage(HOME, from, from + 20.0 * MINUTE)];
    let lines = Clients { seen: Seen::Log, people: 300, attempts: 1, ..COMPANY };
    maker.traffic(&Clients { per_minute: 5.0 / 1440.0, ..lines }, 0.0, from, |rng, _, _| {
        // A line of a failure and no other: who tries again is served.
        let _: f64 = rng.f64();
        Some(INTERNAL).filter(|_| rng.f64() < 0.6)
    });
    maker.traffic(&Clients { per_minute: 10.0, ..lines }, from, from + 20.0 * MINUTE, |_, at, _| {
        in_any(&troubles, at).then_some(INTERNAL)
    });
    maker.records.retain(|record| record.fault.is_some());
    History::of(maker.records, troubles)
}

fn logs_only_probed(seed: u64) -> History {
    History { probed: true, ..logs_only(seed) }
}

fn told_by_health(history: &mut History, at: f64, over: bool) {
    let id = u64::MAX / 2 + u64::from(over);
    let seen = Seen::Health { over };
    let record = Record { at, arrives: at, id, seen, region: HOME, caller: 0, fault: None, trouble: None };
    history.records.push(record);
    history.records.sort_by(|one, other| one.arrives.total_cmp(&other.arrives));
}

/// AWS tells of it first, and two people are hit.
fn health_before(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let few = Clients { people: 40, per_minute: 2.0, ..COMPANY };
    let troubles = vec![outage(HOME, 20.0 * MINUTE, 40.0 * MINUTE)];
    all_fail(&mut maker, &few, &troubles, INTERNAL, HOUR);
    let mut history = History::of(maker.records, troubles);
    told_by_health(&mut history, 19.0 * MINUTE, false);
    told_by_health(&mut history, 41.0 * MINUTE, true);
    history
}

fn health_after(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let troubles = vec![outage(HOME, 20.0 * MINUTE, 45.0 * MINUTE)];
    all_fail(&mut maker, &COMPANY, &troubles, INTERNAL, 70.0 * MINUTE);
    let mut history = History::of(maker.records, troubles);
    told_by_health(&mut history, 40.0 * MINUTE, false);
    told_by_health(&mut history, 60.0 * MINUTE, true);
    history
}
