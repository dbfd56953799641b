//! People whose records show only a token request, as in CloudTrail in 2025.

use fastrand::Rng;

use super::maker::{Maker, TRY_AGAIN, TRY_AGAIN_AFTER, in_any, person};
use crate::call::{Fault, HOME, INTERNAL};
use crate::history::Seen;
use crate::true_incident::TrueIncident;

pub const SESSION_ENDED: Fault = Fault { code: "InvalidGrantException", message: None };

/// The behaviour of a company's clients.
#[derive(Clone, Copy)]
pub struct Clients {
    pub region: &'static str,
    pub seen: Seen,
    /// Callers are numbered from `first`.
    pub first: u64,
    pub people: u64,
    pub per_minute: f64,
    /// Attempts of the SDK, a second or two apart, until one is served.
    pub attempts: u32,
}

pub const COMPANY: Clients =
    Clients { region: HOME, seen: Seen::CloudTrail, first: 0, people: 200, per_minute: 20.0, attempts: 3 };

/// Everyday failures: one call in two thousand fails, and some sessions have ended.
pub fn ordinary(rng: &mut Rng) -> Option<Fault> {
    match rng.f64() {
        chance if chance < 0.0005 => Some(INTERNAL),
        chance if chance < 0.02 => Some(SESSION_ENDED),
        _ => None,
    }
}

impl Maker {
    pub fn call(&mut self, clients: &Clients, at: f64, caller: u64, fault: Option<Fault>) {
        self.record(clients.seen, person(clients.region, caller), at, fault);
    }

    /// One sign-in and its retries. `fails` returns the failure of that caller's call at that time.
    pub fn sign_in(
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
    pub fn traffic(
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
}

/// An ordinary hour in which every call fails during an incident.
pub fn all_fail(maker: &mut Maker, clients: &Clients, incidents: &[TrueIncident], fault: Fault, to: f64) {
    maker.traffic(clients, 0.0, to, |rng, at, _| if in_any(incidents, at) { Some(fault) } else { ordinary(rng) });
}
