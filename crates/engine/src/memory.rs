//! The store of one process: local runs, replay, tests, and a function without a table.
//!
//! Bounded: it forgets what is older than it has to keep, never holds more than [`Evidence`] allows, and drops sent
//! notices. Nothing outlives the process, and no call fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::calm::{is_calm, is_still};
use triage_decide::evidence::learned::Learned;
use triage_decide::evidence::slot::slot_of;
use triage_decide::evidence::{Evidence, Seen};
use triage_decide::objective::Objective;
use triage_decide::policy::Policy;
use triage_decide::probe_record::ProbeRecord;
use triage_decide::view::{StoreError, View};
use triage_model::caller::CallerHasher;
use triage_model::observation::HealthIssue;
use triage_model::region::Region;
use triage_model::time::{before, is_within, later};
use triage_notify::letter::{Entry, Step};
use triage_notify::outbox::RecentlySent;
use triage_notify::people::Person;
use triage_notify::status::kept::Kept;

use crate::seen_ids::SeenIds;
use crate::status_page::{StatusRecord, Written};
use crate::store::{At, Claim, Committed, Elected, REGION_KEPT, Recorded, Settled, Store, kept_for};

/// More people than one company's outage lists in a day. Beyond it all are looked up again.
const PEOPLE_MAX: usize = 1_000;

#[derive(Debug)]
pub struct MemoryStore {
    kept: Duration,
    gather: Duration,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct State {
    regions: BTreeMap<Region, Known>,
    /// Calls that were retried.
    retried: SeenIds,
    /// Issues of AWS Health that name no region.
    everywhere: Evidence,
    /// The latest time it was given: what is old is measured from it.
    latest: Timestamp,
    /// Regions that something was recorded of since the last flush.
    gathered: BTreeSet<Region>,
    flushed_at: Option<Timestamp>,
    sent: RecentlySent,
    /// By user id, and until when that holds.
    people: BTreeMap<String, (Person, Timestamp)>,
    status: StatusRecord,
}

/// What is known of one region.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    view: View,
    /// The unsent entries, by position.
    outbox: BTreeMap<u64, Entry>,
}

impl MemoryStore {
    /// Keeps evidence for `kept`. A flush is due `gather` after the one before it.
    pub fn new(kept: Duration, gather: Duration) -> Self {
        Self { kept, gather, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half way under this lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as of `now`, without what is too old.
    fn state_at(&self, now: Timestamp) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.latest = state.latest.max(now);
        let latest = state.latest;
        state.everywhere.forget(latest, self.kept);
        state.regions.values_mut().for_each(|known| known.view.evidence.forget(latest, self.kept));
        state
    }
}

/// What a replay needs beyond [`Store`].
impl MemoryStore {
    /// Does what a tick would, where that is only to learn and to forget; else nothing.
    pub fn pass_tick(&self, policy: &Policy, now: Timestamp) -> bool {
        let mut state = self.state_at(now);
        let is_still = |known: &Known| known.outbox.is_empty() && is_still(&known.view, policy);
        if !state.everywhere.health.is_empty() || !state.regions.values().all(is_still) {
            return false;
        }
        for Known { view, .. } in state.regions.values_mut() {
            if let Some(learned) = view.learned_by(policy, now) {
                view.learned = learned;
            }
        }
        state.flush(now, self.gather);
        true
    }

    /// The share of calls that worked of each region, where it is known.
    pub fn objectives(&self, policy: &Policy, now: Timestamp) -> BTreeMap<Region, Objective> {
        let state = self.state_at(now);
        let known = state.regions.iter();
        known.filter_map(|(region, of)| Some((region.clone(), Objective::of(&of.view, policy, now)?))).collect()
    }

    /// Whether each region is calm, and stays so with `more` further refusals.
    pub fn is_calm(&self, policy: &Policy, more: usize) -> bool {
        let state = self.state();
        let is_calm = |known: &Known| known.outbox.is_empty() && is_calm(&known.view, policy, more);
        state.everywhere.health.is_empty() && state.regions.values().all(is_calm)
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { kept: self.kept, gather: self.gather, state: Mutex::new(self.state().clone()) }
    }
}

impl PartialEq for MemoryStore {
    fn eq(&self, other: &Self) -> bool {
        let state = self.state().clone();
        (self.kept, self.gather) == (other.kept, other.gather) && state == *other.state()
    }
}

impl State {
    /// What was recorded of since the last flush, where one is due.
    fn flush(&mut self, now: Timestamp, gather: Duration) -> BTreeSet<Region> {
        if self.gathered.is_empty() || self.flushed_at.is_some_and(|then| is_within(then, now, gather)) {
            return BTreeSet::new();
        }
        self.flushed_at = Some(now);
        std::mem::take(&mut self.gathered)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        let policy = Policy::default();
        Self::new(policy.evidence, policy.gather)
    }
}

impl Store for MemoryStore {
    fn is_durable(&self) -> bool {
        false
    }

    async fn hasher(&self, _at: At) -> (CallerHasher, Option<StoreError>) {
        (CallerHasher::new(&CallerHasher::FIXED_KEY), None)
    }

    async fn record(&self, region: &Region, seen: &Seen, first: &[bool], at: At) -> Recorded {
        if seen.is_empty() {
            return Recorded::default();
        }
        let mut state = self.state_at(at.now);
        let state = &mut *state;
        let known = state.regions.entry(region.clone()).or_default();
        let new = known.view.evidence.new_of(seen, first);
        known.view.evidence.take_in(seen, &new);
        state.gathered.insert(region.clone());
        Recorded { new, trouble: None }
    }

    async fn flush(&self, at: At) -> (BTreeSet<Region>, Option<StoreError>) {
        (self.state().flush(at.now, self.gather), None)
    }

    async fn view(&self, region: &Region, _fresh: bool, at: At) -> View {
        let state = self.state_at(at.now);
        let mut view = state.regions.get(region).map(|known| known.view.clone()).unwrap_or_default();
        state.everywhere.health.values().for_each(|issue| view.evidence.add_health(issue.clone()));
        view
    }

    async fn has_open_incident(&self, region: &Region, _at: At) -> bool {
        let state = self.state();
        state.regions.get(region).is_some_and(|known| known.view.ledger.open_incidents().next().is_some())
    }

    async fn regions(&self, at: At) -> Result<BTreeSet<Region>, StoreError> {
        let oldest = slot_of(before(at.now, REGION_KEPT));
        let is_kept = |known: &Known| {
            let evidence = &known.view.evidence;
            let has_slots = evidence.slots.last_key_value().is_some_and(|(begin, _)| *begin >= oldest);
            let has_evidence = has_slots || !evidence.health.is_empty();
            has_evidence
                || known.view.ledger.open_incidents().next().is_some()
                || !known.view.ledger.silences.is_empty()
                || !known.outbox.is_empty()
        };
        let state = self.state();
        Ok(state.regions.iter().filter(|(_, known)| is_kept(known)).map(|(region, _)| region.clone()).collect())
    }

    async fn record_health(&self, issue: &HealthIssue, _at: At) -> Result<(), StoreError> {
        let mut state = self.state();
        let evidence = match &issue.region {
            Some(region) => &mut state.regions.entry(region.clone()).or_default().view.evidence,
            None => &mut state.everywhere,
        };
        evidence.add_health(issue.clone());
        Ok(())
    }

    async fn learn(&self, region: &Region, before: &Learned, after: &Learned, _at: At) -> Result<(), StoreError> {
        let mut state = self.state();
        let learned = &mut state.regions.entry(region.clone()).or_default().view.learned;
        if learned.until == before.until {
            learned.clone_from(after);
        }
        Ok(())
    }

    async fn commit(&self, region: &Region, version: u64, step: &Step, _at: At) -> Result<Committed, StoreError> {
        let mut state = self.state();
        let version_of = |region: &Region| state.regions.get(region).map_or(0, |known| known.view.version);
        if step.with.iter().any(|beside| version_of(&beside.region) != beside.version) {
            return Ok(Committed::Overtaken);
        }
        if version_of(region) != version {
            return Ok(Committed::Overtaken);
        }
        for beside in &step.with {
            if let Some(ledger) = &beside.ledger {
                let view = &mut state.regions.entry(beside.region.clone()).or_default().view;
                view.ledger = ledger.clone();
                view.version += 1;
            }
        }
        let known = state.regions.entry(region.clone()).or_default();
        known.outbox.extend(step.entries().map(|entry| (entry.position, entry)));
        known.view.ledger = step.ledger.clone();
        known.view.version += 1;
        known.raise_sent_below();
        Ok(Committed::Yes)
    }

    async fn pending(&self, region: &Region, _view: &View, _at: At) -> Result<Vec<Entry>, StoreError> {
        let state = self.state();
        Ok(state.regions.get(region).map(|known| known.outbox.values().cloned().collect()).unwrap_or_default())
    }

    async fn claim(&self, region: &Region, position: u64, claim: &Claim, at: At) -> Result<Option<Entry>, StoreError> {
        let mut state = self.state();
        let entry = state.regions.get_mut(region).and_then(|known| known.outbox.get_mut(&position));
        Ok(entry.filter(|entry| entry.can_be_claimed(&claim.by, at.now)).map(|entry| {
            entry.claimed_by = Some(claim.by.clone());
            entry.not_before = Some(claim.until);
            entry.attempts += 1;
            entry.clone()
        }))
    }

    async fn admit(
        &self,
        group: &str,
        is_page: bool,
        policy: &Policy,
        at: At,
    ) -> Result<Result<(), Timestamp>, StoreError> {
        Ok(self.state().sent.admit(group, is_page, policy, at.now))
    }

    async fn retract(&self, group: &str, at: At) -> Result<(), StoreError> {
        self.state().sent.retract(group, at.now);
        Ok(())
    }

    async fn settle(
        &self,
        region: &Region,
        position: u64,
        by: &str,
        settled: &Settled,
        _at: At,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let Some(known) = state.regions.get_mut(region) else { return Ok(()) };
        let Some(entry) = known.outbox.get_mut(&position).filter(|entry| entry.claimed_by.as_deref() == Some(by))
        else {
            return Ok(());
        };
        match settled {
            Settled::Sent { .. } => {
                known.outbox.remove(&position);
                known.raise_sent_below();
            }
            Settled::Failed { not_before } => {
                entry.claimed_by = None;
                entry.not_before = Some(*not_before);
            }
            Settled::HeldBack { not_before } => {
                entry.claimed_by = None;
                entry.not_before = Some(*not_before);
                entry.attempts -= 1;
            }
        }
        Ok(())
    }

    async fn claim_retry(&self, id: &str, _at: At) -> Result<bool, StoreError> {
        Ok(self.state().retried.is_new(id))
    }

    async fn people(&self, ids: &[String], at: At) -> Result<BTreeMap<String, Person>, StoreError> {
        let state = self.state();
        let holds = |id: &String| state.people.get(id).filter(|(_, until)| *until > at.now);
        Ok(ids.iter().filter_map(|id| holds(id).map(|(person, _)| (id.clone(), person.clone()))).collect())
    }

    async fn keep_people(&self, people: &BTreeMap<String, Person>, at: At) -> Result<(), StoreError> {
        let mut state = self.state();
        state.people.retain(|_, (_, until)| *until > at.now);
        if state.people.len() + people.len() > PEOPLE_MAX {
            state.people.clear();
        }
        let kept = |(id, person): (&String, &Person)| (id.clone(), (person.clone(), later(at.now, kept_for(person))));
        state.people.extend(people.iter().map(kept));
        Ok(())
    }

    async fn status(&self, _at: At) -> Result<StatusRecord, StoreError> {
        Ok(self.state().status.clone())
    }

    async fn keep_status_incidents(&self, kept: &Kept, _at: At) -> Result<(), StoreError> {
        self.state().status.kept = kept.clone();
        Ok(())
    }

    async fn note_status(&self, written: &Written, _at: At) -> Result<(), StoreError> {
        self.state().status.written = Some(written.clone());
        Ok(())
    }

    async fn elect_probe(&self, region: &Region, interval: Duration, at: At) -> Result<Elected, StoreError> {
        let mut state = self.state();
        let asked_at = &mut state.regions.entry(region.clone()).or_default().view.probe_asked_at;
        if asked_at.is_some_and(|then| is_within(then, at.now, interval)) {
            return Ok(Elected::No);
        }
        *asked_at = Some(at.now);
        Ok(Elected::Yes)
    }

    async fn record_probe(&self, region: &Region, probe: &ProbeRecord, _at: At) -> Result<(), StoreError> {
        self.state().regions.entry(region.clone()).or_default().view.probe = probe.clone();
        Ok(())
    }
}

impl Known {
    fn raise_sent_below(&mut self) {
        self.view.sent_below = self.outbox.keys().next().copied().unwrap_or(self.view.ledger.next_position);
    }
}
