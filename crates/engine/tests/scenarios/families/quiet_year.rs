//! Years without anything worth a page, a week at a time.

use super::clients::SESSION_ENDED;
use super::company::{Company, PEOPLE};
use super::maker::Maker;
use crate::call::{Call, Fault, Grant, INTERNAL};
use crate::history::{DAY, HOUR, MINUTE, Record, Seen};

/// The people of a company, and the attempts of their tools.
const COMPANIES: [(u64, u32); 6] = [(5, 3), (20, 1), (60, 3), (20, 3), (200, 3), (1_000, 1)];

const THROTTLED: Fault = Fault { code: "ThrottlingException", message: None };
const EXPIRED: Fault = Fault { code: "InvalidClientException", message: None };

/// Machines that fail for days; never more than two at a time.
const BROKEN: std::ops::Range<u64> = 90_000..90_002;

pub struct QuietYear {
    maker: Maker,
    company: Company,
    /// The time up to which each broken machine is planned.
    broken_until: [f64; 2],
    weeks: u32,
}

impl QuietYear {
    pub fn new(seed: u64) -> Self {
        let (people, attempts) = COMPANIES[seed as usize % COMPANIES.len()];
        let rate = people as f64;
        let company = Company {
            people,
            attempts,
            logins: rate * 0.0017,
            refreshes: rate * 0.012,
            applications: 2,
            trades: rate * 0.002,
            ..PEOPLE
        };
        Self { maker: Maker::new(!seed), company, broken_until: [0.0; 2], weeks: 0 }
    }

    pub fn people(&self) -> u64 {
        self.company.people
    }

    /// The next week in the order of delivery, and its end.
    pub fn next_week(&mut self) -> (Vec<Record>, f64) {
        let begin = f64::from(self.weeks) * 7.0 * DAY;
        let end = begin + 7.0 * DAY;
        self.maker.days(&self.company, self.weeks * 7..(self.weeks + 1) * 7, move |rng: &mut _, call: &_, at| {
            on_a_quiet_day(rng, call, at - begin)
        });
        self.break_somebody(end);
        self.throttle_somebody(begin);
        self.weeks += 1;
        // A retry on Sunday night may fall on Monday.
        let (mut week, later): (Vec<Record>, Vec<Record>) =
            std::mem::take(&mut self.maker.records).into_iter().partition(|record| record.arrives < end);
        self.maker.records = later;
        week.sort_by(|one, other| one.arrives.total_cmp(&other.arrives).then(one.id.cmp(&other.id)));
        (week, end)
    }

    fn break_somebody(&mut self, end: f64) {
        for (nth, who) in BROKEN.enumerate() {
            while self.broken_until[nth] < end {
                let from = self.broken_until[nth] + self.maker.pause(1.0 / (8.0 * 24.0 * 60.0));
                let until = from + self.maker.between(2.0..50.0) * HOUR;
                let every = self.maker.between(1.0..20.0) * MINUTE;
                // A different machine each time.
                let caller = who + 10 * u64::from(self.weeks);
                self.maker.broken(caller, from, until, every * 0.5..every * 1.5);
                self.broken_until[nth] = until;
            }
        }
    }

    /// A job that exceeds its quota, once a week.
    fn throttle_somebody(&mut self, begin: f64) {
        let job = self.company.refresh(99_000);
        let mut at = begin + self.maker.between(0.0..6.9) * DAY;
        for _ in 0..40 {
            let fault = self.maker.chance(0.8).then_some(THROTTLED);
            self.maker.record(Seen::CloudTrail, job, at, fault);
            at += self.maker.between(1.0..5.0);
        }
    }
}

/// On Monday mornings most sessions have ended; sometimes a registration too.
fn on_a_quiet_day(rng: &mut fastrand::Rng, call: &Call, since_monday: f64) -> Option<Fault> {
    let renews = call.grant == Some(Grant::Refresh);
    let ended = if (8.0 * HOUR..10.0 * HOUR).contains(&since_monday) { 0.5 } else { 0.02 };
    match rng.f64() {
        chance if chance < 0.0005 => Some(INTERNAL),
        chance if chance < 0.0015 && renews => Some(EXPIRED),
        chance if chance < ended && renews => Some(SESSION_ENDED),
        _ => None,
    }
}
