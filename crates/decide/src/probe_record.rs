//! What probes of one region have found so far.
//!
//! In: one [`ProbeAnswer`] after the other, in order of their times. Out: a [`ProbeRecord`], kept with the region: the
//! latest answer, the registration that the next probe uses, and for each step since when it is down and how often it
//! was healthy since. Pure.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use triage_model::observation::Operation;
use triage_model::redact::Secret;

use crate::probe::{ProbeAnswer, StepState};

/// How long a registration is used. It would last 90 days, but the first step should be seen once a day too.
const REGISTRATION_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The longest client id and secret together that are kept. Real ones have 2 KB, and a store's item is read often.
const REGISTRATION_MAX: usize = 8 * 1024;

/// Registrations are no closer than this while RegisterClient is asked for its own sake. The service keeps each for 90 days.
const REGISTERED_APART: SignedDuration = SignedDuration::from_mins(5);

/// The longest client id that is kept. Real ones have under 100 bytes, and all that are remembered are in one item.
const CLIENT_ID_MAX: usize = 2 * 1024;

/// Client ids remembered: those of a day, which are two at most, or of two hours in which RegisterClient fails, so that
/// one is outlived by an hour in which records of its calls may come late and still be evidence.
const OWN_CLIENT_IDS_MAX: usize = 24;

/// Answers of `down` further apart than this are not of one streak. The policy allows an hour at most between two
/// probes.
const STREAK_GAP: SignedDuration = SignedDuration::from_hours(2);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeRecord {
    pub latest: Option<ProbeAnswer>,
    /// Of each step that was ever down or healthy.
    #[serde(rename = "rungs")]
    pub steps: BTreeMap<Operation, StepRecord>,
    /// Kept so that all sandboxes of a stack need one a day together.
    pub registration: Option<Registration>,
    /// When a registration was given up because the service answered something unexpected with it.
    pub renewed_at: Option<Timestamp>,
    /// The latest client ids that probes registered: records of them are our own.
    pub own_client_ids: Vec<String>,
    /// The latest request ids of calls of our own, so that other sandboxes know them.
    #[serde(default)]
    pub own_request_ids: Vec<String>,
}

/// One step over time. `down` counts here only where a control worked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The first and the latest time that it was down, of a streak of `down` without a `healthy` between.
    pub down_since: Option<Timestamp>,
    pub down_last: Option<Timestamp>,
    /// After that: how often it was healthy without another answer of the service's between, since when, and when last.
    pub healthy_times: u32,
    pub healthy_since: Option<Timestamp>,
    /// Stays where an unexpected answer breaks the streak.
    pub healthy_last: Option<Timestamp>,
}

/// A client of our own, kept with the region so that all sandboxes use it. Its secret opens nothing: no device code of
/// it is ever confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    pub client_id: String,
    #[serde(serialize_with = "Secret::expose_to_the_store")]
    pub client_secret: Secret,
    pub made_at: Timestamp,
}

impl Registration {
    /// None where the client id is empty, or where it or both are too long to be real.
    pub fn new(client_id: &str, client_secret: &str, made_at: Timestamp) -> Option<Self> {
        let is_short = client_id.len() <= CLIENT_ID_MAX && client_id.len() + client_secret.len() <= REGISTRATION_MAX;
        let is_real = !client_id.is_empty() && is_short;
        is_real.then(|| Self { client_id: client_id.to_owned(), client_secret: Secret::new(client_secret), made_at })
    }
}

/// Whether `at` is of the same day as `now`: no 24 hours away. Clocks of two sandboxes differ, so it may lie ahead.
fn is_of_the_day(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < REGISTRATION_KEPT
}

impl ProbeRecord {
    /// Adds an answer, once its registration is kept.
    pub fn add(&mut self, answer: &ProbeAnswer) {
        for step in &answer.steps {
            self.add_step(step.operation, step.answer, answer.at);
        }
        if self.vouches_for_registering(answer) {
            self.add_step(Operation::RegisterClient, StepState::Healthy, answer.at);
        }
        self.latest = Some(answer.clone());
    }

    fn add_step(&mut self, operation: Operation, answer: StepState, at: Timestamp) {
        match (answer, self.steps.entry(operation)) {
            (StepState::Down, step) => step.or_default().down(at),
            // Also one that was never down: where nobody calls any more, its answers replace theirs.
            (StepState::Healthy, step) => step.or_default().healthy(at),
            (StepState::Unexpected, Entry::Occupied(mut step)) => step.get_mut().unexpected(),
            (StepState::Unexpected, Entry::Vacant(_)) => {}
            // No news of the service, neither good nor bad.
            (StepState::Unknown, _) => {}
        }
    }

    /// With one registration a day RegisterClient could not be confirmed healthy before the day after tomorrow. So a
    /// probe that found all well with a registration made after RegisterClient was last down counts for that step as
    /// well. Where it was never down there is no such registration: one of hours ago is no news about a step that
    /// callers see failing now.
    fn vouches_for_registering(&self, answer: &ProbeAnswer) -> bool {
        let asked = answer.steps.iter().any(|step| step.operation == Operation::RegisterClient);
        let down_last = self.steps.get(&Operation::RegisterClient).and_then(|step| step.down_last);
        let made_at = self.registration.as_ref().map(|registration| registration.made_at);
        !asked && answer.worst() == StepState::Healthy && down_last.is_some() && made_at > down_last
    }

    /// The worst answer of the latest probe.
    pub fn worst(&self) -> Option<StepState> {
        self.latest.as_ref().map(ProbeAnswer::worst)
    }

    /// The registration that a probe at `now` uses.
    pub fn usable_registration(&self, now: Timestamp) -> Option<&Registration> {
        self.registration.as_ref().filter(|registration| is_of_the_day(registration.made_at, now))
    }

    /// Whether one more may be made at `now` although there is one, because RegisterClient itself is to be probed: at
    /// most once in five minutes, for registrations pile up with the service. An attempt that fails registers nothing
    /// and is not counted: each probe asks a RegisterClient that is down.
    pub fn may_register_again(&self, now: Timestamp) -> bool {
        let is_recent = |one: &Registration| now.duration_since(one.made_at).abs() < REGISTERED_APART;
        !self.registration.as_ref().is_some_and(is_recent)
    }

    /// Keeps a registration just made.
    pub fn register(&mut self, registration: Registration) {
        self.own_client_ids.retain(|id| *id != registration.client_id);
        self.own_client_ids.push(registration.client_id.clone());
        self.own_client_ids.drain(..self.own_client_ids.len().saturating_sub(OWN_CLIENT_IDS_MAX));
        self.registration = Some(registration);
    }

    /// Drops the registration, because the service refused it; at most once a day.
    pub fn renew(&mut self, now: Timestamp) -> bool {
        let may = self.renewed_at.is_none_or(|at| !is_of_the_day(at, now));
        if may {
            self.renewed_at = Some(now);
            self.registration = None;
        }
        may
    }
}

impl StepRecord {
    fn down(&mut self, at: Timestamp) {
        let goes_on =
            self.healthy_last.is_none() && self.down_last.is_some_and(|last| at.duration_since(last) <= STREAK_GAP);
        let down_since = self.down_since.filter(|_| goes_on).or(Some(at));
        *self = Self { down_since, down_last: Some(at), ..Self::default() };
    }

    fn healthy(&mut self, at: Timestamp) {
        self.healthy_times = self.healthy_times.saturating_add(1);
        self.healthy_since.get_or_insert(at);
        self.healthy_last = Some(at);
    }

    /// It is no sign that the step is down, and none that it works: the proof begins anew.
    fn unexpected(&mut self) {
        self.healthy_times = 0;
        self.healthy_since = None;
    }
}

#[cfg(test)]
mod tests;
