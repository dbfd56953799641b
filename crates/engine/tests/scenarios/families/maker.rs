//! Builds the records of a history, call by call.

use std::ops::Range;

use fastrand::Rng;
use triage_model::observation::Operation;

use crate::call::{Call, Fault, HOME, INTERNAL, Who};
use crate::history::{MINUTE, Record, Seen};
use crate::true_incident::TrueIncident;

/// The share of people who sign in again after a failure, and when; the others give up.
pub const TRY_AGAIN: f64 = 0.6;
pub const TRY_AGAIN_AFTER: Range<f64> = 30.0..180.0;

pub struct Maker {
    pub rng: Rng,
    pub records: Vec<Record>,
    next_id: u64,
}

/// A person who signs in, as a record of CreateToken shows them.
pub fn person(region: &'static str, person: u64) -> Call {
    Call {
        region,
        who: Who::Person(person),
        operation: Operation::CreateToken,
        grant: None,
        agent: "aws-cli/2.31.0 md/command#sso.login",
        address: person,
        application: None,
    }
}

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), records: Vec::new(), next_id: 1 }
    }

    pub fn between(&mut self, range: Range<f64>) -> f64 {
        range.start + self.rng.f64() * (range.end - range.start)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    /// The time until the next random event.
    pub fn pause(&mut self, per_minute: f64) -> f64 {
        -(1.0 - self.rng.f64()).ln() * MINUTE / per_minute
    }

    pub fn record(&mut self, seen: Seen, call: Call, at: f64, fault: Option<Fault>) {
        // CloudTrail and EventBridge take a few seconds.
        let arrives = at + self.between(2.0..10.0);
        let id = self.next_id;
        self.next_id += 1;
        self.records.push(Record { at, arrives, id, seen, call, fault, incident: None });
    }

    /// A caller that fails every time.
    pub fn broken(&mut self, caller: u64, from: f64, to: f64, every: Range<f64>) {
        let mut at = from;
        while at < to {
            self.record(Seen::CloudTrail, person(HOME, caller), at, Some(INTERNAL));
            at += self.between(every.clone());
        }
    }
}

pub fn in_any(incidents: &[TrueIncident], at: f64) -> bool {
    incidents.iter().any(|incident| (incident.from..incident.to).contains(&at))
}
