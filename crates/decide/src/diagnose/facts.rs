//! The numbers that every diagnosis is made of.
//!
//! In: the [`View`] of a region. Out: [`Facts`]: every failed call by its caller, which callers are affected by what,
//! which are active, what the probe says. Gathered in one pass, because a region is evaluated at every event. Nothing
//! is decided here.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use triage_model::caller::CallerHash;
use triage_model::classify::{Cause, SERVICE_CAUSES};
use triage_model::observation::{HealthIssue, Origin};
use triage_model::region::Region;
use triage_model::time::before;

use crate::cell::Cell;
use crate::concern::{Concern, ConcernKey};
use crate::diagnose::affected::{AffectedCaller, CallerCalls, CallsByCaller};
use crate::diagnose::words::{label_of, shared_name};
use crate::evidence::mark::{Mark, ServedCall};
use crate::evidence::slot::{Place, Slot};
use crate::ledger::Incident;
use crate::lens::Lens;
use crate::policy::Policy;
use crate::probe::{ProbeAnswer, StepState};
use crate::scope::{Scope, Shared, SharedKey};
use crate::sequential::{Calls, Run, successes_are_seen};
use crate::spread::{beyond, calls_within, latest, slots};
use crate::view::View;

/// An older probe says nothing about now: the watcher probes every minute.
pub const PROBE_COUNTS: Duration = Duration::from_secs(120);

/// The callers in the time before one moment, and how they fared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Active {
    pub at: Timestamp,
    pub callers: usize,
    /// By service failures.
    pub affected: usize,
    pub served: usize,
    /// CallsByCaller in the same time, where the slots name so many served callers that more must have been.
    pub calls: Option<(f64, f64)>,
}

impl Active {
    pub fn is_mostly_affected(&self) -> bool {
        match self.calls {
            Some((failed, answered)) => failed > answered,
            None => 2 * self.affected > self.callers,
        }
    }
}

pub struct Facts<'a> {
    pub region: &'a Region,
    pub view: &'a View,
    pub policy: &'a Policy,
    pub now: Timestamp,
    pub lens: &'a Lens,
    /// The open incident that it is about.
    pub open: Option<&'a Incident>,
    /// Failures count from here on: earlier ones are settled, or not of the open incident.
    pub from: Timestamp,
    /// The latest call that is known: CloudTrail may be minutes late, and its records count at their own time.
    pub latest_call: Timestamp,
    service: CallsByCaller,
    admin: CallsByCaller,
    requests: CallsByCaller,
    throttled: Vec<Mark>,
    /// Service failures of callers that are left out: they are in none of the others.
    left_out: CallsByCaller,
    affected: BTreeMap<ConcernKey, Vec<AffectedCaller>>,
    /// The latest answer, if it is not old.
    pub probe: Option<&'a ProbeAnswer>,
    /// The tests of the region and of its parts, computed when first needed.
    runs: OnceCell<Vec<Run>>,
    settled: Option<Timestamp>,
    /// Of the slots that were looked at, whether they are full of served callers.
    crowded: RefCell<BTreeMap<i64, bool>>,
}

impl<'a> Facts<'a> {
    pub fn gather(region: &'a Region, view: &'a View, policy: &'a Policy, now: Timestamp, lens: &'a Lens) -> Self {
        let oldest = before(now, policy.evidence);
        let newest = latest(now);
        let slots = || view.evidence.slots_within(oldest, newest).map(|(_, slot)| slot);
        let counts = |at: Timestamp| (oldest..=newest).contains(&at);

        let [mut service, mut admin, mut requests, mut throttled, mut left_out] = [const { Vec::new() }; 5];
        let mut latest_failed = None;
        for mark in slots().flat_map(Slot::failures).filter(|mark| counts(mark.at) && lens.takes(mark)) {
            latest_failed = latest_failed.max(Some(mark.at));
            let of_cause = match mark.cause {
                Cause::Service | Cause::Unreachable if view.ledger.is_left_out(mark.caller) => &mut left_out,
                Cause::Service | Cause::Unreachable => &mut service,
                Cause::Admin => &mut admin,
                Cause::Request => &mut requests,
                Cause::Throttled => &mut throttled,
                Cause::Expected | Cause::Unrecognised => continue,
            };
            of_cause.push(*mark);
        }
        for marks in [&mut admin, &mut requests, &mut throttled] {
            marks.retain(|mark: &Mark| !view.ledger.is_left_out(mark.caller));
        }
        let heard = |call: &&ServedCall| counts(call.at) && lens.hears(call);
        let served = || slots().flat_map(|slot| &slot.served).filter(heard).copied();
        let latest_served =
            slots().rev().find_map(|slot| slot.served.iter().rev().map(|call| call.at).find(|at| counts(*at)));

        let latest = view.ledger.latest(lens.key());
        let open = latest.filter(|incident| incident.is_open());
        let settled = match lens.key() {
            None => view.ledger.settled_until(),
            Some(_) => latest.and_then(|incident| incident.resolved_at),
        };
        let from = match (open, settled) {
            (Some(incident), _) => incident.since,
            (None, Some(settled)) => settled.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(settled),
            (None, None) => oldest,
        };
        let latest_probe = view.probe.latest.as_ref();
        let mut facts = Self {
            region,
            view,
            policy,
            now,
            lens,
            open,
            from: from.max(oldest),
            latest_call: latest_failed.max(latest_served).unwrap_or(now),
            service: CallsByCaller::of(service, served()),
            admin: CallsByCaller::of(admin, served()),
            requests: CallsByCaller::of(requests, served()),
            throttled,
            left_out: CallsByCaller::of(left_out, served()),
            affected: BTreeMap::new(),
            probe: latest_probe.filter(|answer| answer.at >= before(now, PROBE_COUNTS)),
            runs: OnceCell::new(),
            settled,
            crowded: RefCell::default(),
        };
        facts.affected = facts.find_affected();
        facts
    }

    /// The tests of the region and of its parts. What is attributed elsewhere is not tested again.
    pub fn runs(&self) -> &[Run] {
        self.runs.get_or_init(|| match self.lens.key() {
            None => Calls::of(self.view, self.policy, self.now, |mark| self.lens.takes(mark)).runs(self.settled),
            Some(_) => Vec::new(),
        })
    }

    /// Of the tests the one that crossed with the most callers, else the one that is nearest to it. Breadth is counted for
    /// each origin, and the largest counts; of equals the narrowest part.
    pub fn run(&self) -> Option<&Run> {
        self.runs().iter().max_by(|one, other| {
            let crossed = |run: &Run| run.crossed_at.map(|_| run.callers.len());
            let near = |run: &Run| if run.crossed_at.is_some() { 0.0 } else { run.sum / run.threshold };
            crossed(one).cmp(&crossed(other)).then(near(one).total_cmp(&near(other))).then(one.cell.cmp(&other.cell))
        })
    }

    fn find_affected(&self) -> BTreeMap<ConcernKey, Vec<AffectedCaller>> {
        let service = self.service.by_caller();
        let service = service
            .filter_map(|calls| AffectedCaller::by(ConcernKey::Service, calls.unserved(Timestamp::MAX), self.from));
        let mut affected = BTreeMap::from([(ConcernKey::Service, service.collect::<Vec<AffectedCaller>>())]);
        for calls in self.admin.by_caller().chain(self.requests.by_caller()) {
            for (kind, caller) in AffectedCaller::all(calls.unserved(Timestamp::MAX), self.from) {
                affected.entry(kind).or_default().push(caller);
            }
        }
        affected
    }

    /// Callers with failures of that kind's cause, those left out aside.
    pub fn callers(&self, kind: ConcernKey) -> impl Iterator<Item = CallerCalls<'_>> {
        self.of_cause(kind).by_caller()
    }

    const fn of_cause(&self, kind: ConcernKey) -> &CallsByCaller {
        match kind {
            ConcernKey::Service => &self.service,
            ConcernKey::Admin(_) => &self.admin,
            ConcernKey::Request(..) => &self.requests,
        }
    }

    /// Everyone with service failures, those left out included.
    pub fn everyone(&self) -> impl Iterator<Item = CallerCalls<'_>> {
        self.service.by_caller().chain(self.left_out.by_caller())
    }

    pub fn is_left_out(&self, caller: CallerHash) -> bool {
        self.view.ledger.is_left_out(caller)
    }

    /// Callers left out of the tests that were served after all their service failures.
    pub fn served_again(&self) -> BTreeSet<CallerHash> {
        if self.view.ledger.left_out.is_empty() {
            return BTreeSet::new();
        }
        let failed: BTreeMap<CallerHash, Timestamp> =
            self.left_out.failed.iter().map(|mark| (mark.caller, mark.at)).collect();
        let served = self.served_calls().filter(|call| self.is_left_out(call.caller));
        served.filter(|call| failed.get(&call.caller).is_none_or(|at| *at <= call.at)).map(|call| call.caller).collect()
    }

    /// A kind with the name of its reason or code: of an open incident the one that was reported.
    pub fn named(&self, kind: ConcernKey) -> Concern {
        let reported = self.open.map(|incident| &incident.concern);
        if let Some(reported) = reported.filter(|reported| reported.key() == kind) {
            return reported.clone();
        }
        let name = |label| label_of(&self.view.evidence, label);
        match kind {
            ConcernKey::Service => Concern::Service,
            ConcernKey::Admin(label) => {
                let key = self.admin.failed.iter().any(|mark| mark.kms && mark.label == label);
                Concern::Admin { label, name: name(label), key }
            }
            ConcernKey::Request(label, operation) => Concern::Request { label, name: name(label), operation },
        }
    }

    /// With its name for people.
    pub fn shared(&self, key: SharedKey) -> Shared {
        Shared { dimension: key.dimension, hash: key.hash, name: shared_name(&self.view.evidence, key) }
    }

    pub fn affected(&self, kind: ConcernKey) -> &[AffectedCaller] {
        self.affected.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Callers affected by refused requests, by code and operation.
    pub fn affected_by_requests(&self) -> impl Iterator<Item = (ConcernKey, &[AffectedCaller])> {
        let requests = self.affected.iter().filter(|(kind, _)| matches!(kind, ConcernKey::Request(..)));
        requests.map(|(kind, affected)| (*kind, affected.as_slice()))
    }

    /// Failures of the service that count, whether their callers were served since or not. By caller, then time.
    pub fn service_failures(&self) -> impl Iterator<Item = &Mark> {
        self.service.failed.iter().filter(|mark| mark.at >= self.from)
    }

    /// Refusals for the administrator's reasons, and for the callers' own mistakes. By caller, then time.
    pub fn denied(&self) -> impl Iterator<Item = &Mark> {
        self.admin.failed.iter().filter(|mark| mark.at >= self.from)
    }

    pub fn refused(&self) -> impl Iterator<Item = &Mark> {
        self.requests.failed.iter().filter(|mark| mark.at >= self.from)
    }

    pub fn throttled(&self) -> impl Iterator<Item = &Mark> {
        self.throttled.iter().filter(|mark| mark.at >= self.from)
    }

    /// Every served call that is marked, in order of time.
    pub fn served_calls(&self) -> impl Iterator<Item = &'a ServedCall> {
        self.view.evidence.slots.values().flat_map(|slot| &slot.served)
    }

    /// How many callers were served in a part of the region between two times, as far as they are marked.
    pub fn served_callers(&self, cell: Cell, from: Timestamp, until: Timestamp) -> usize {
        let served = self.slots(from, until).flat_map(|slot| &slot.served);
        let own = served.filter(|call| from < call.at && call.at <= until && cell.has(call.operation, &call.traits));
        own.map(|call| call.caller).collect::<BTreeSet<_>>().len()
    }

    /// What an advice or a quiet region shows failures of: the open incident's, else the service's.
    pub fn concern(&self) -> ConcernKey {
        self.open.map_or(ConcernKey::Service, |incident| incident.concern.key())
    }

    /// Whether a probe of that time still says something.
    pub fn is_recent(&self, probed_at: Timestamp) -> bool {
        probed_at >= before(self.now, PROBE_COUNTS)
    }

    pub fn is_probe_down(&self) -> bool {
        self.probe.is_some_and(|probe| probe.steps.iter().any(|step| step.answer == StepState::Down))
    }

    /// When a probe last failed since failures count, now or before. The record knows it also when all is well again.
    pub fn probe_failed_at(&self) -> Option<Timestamp> {
        let failed = self.view.probe.steps.values().filter_map(|step| step.down_last).max();
        failed.filter(|at| *at >= self.from && (self.open.is_some() || self.is_probe_down()))
    }

    /// The open issues of AWS Health about signing in, the first reported first.
    pub fn issues(&self) -> Vec<&'a HealthIssue> {
        let open = self.view.evidence.open_issues(self.now);
        let mut issues: Vec<&HealthIssue> = open.filter(|issue| issue.concerns_sign_in()).collect();
        issues.sort_by_key(|issue| issue.occurred_at);
        issues
    }

    /// The active callers within a scope in the time of [`Policy::active`] that ends at `at`.
    pub fn active(&self, at: Timestamp, scope: &Scope) -> Active {
        let from = before(at, self.policy.active);
        let within = |time: Timestamp| from < time && time <= at;
        let served = self.slots(from, at).flat_map(|slot| &slot.served);
        let served = served.filter(|call| within(call.at) && scope.has(call.operation, &call.traits));
        let served = self.distinct(served.map(|call| call.caller));
        let failed = self.slots(from, at).flat_map(Slot::failures);
        let failed = failed.filter(|mark| within(mark.at) && scope.has(mark.operation, &mark.traits));
        let callers = self.distinct(failed.map(|mark| mark.caller).chain(served.iter().copied()));
        let is_hit = |calls: &CallerCalls<'_>| {
            callers.binary_search(&calls.caller).is_ok()
                && calls.unserved(at).any(|mark| mark.at >= self.from && scope.has(mark.operation, &mark.traits))
        };
        let affected = self.service.by_caller().filter(is_hit).count();
        let mut active = Active { at, callers: callers.len(), affected, served: served.len(), calls: None };
        if active.affected > 0 && self.is_crowded(from, at) {
            let is_own = |mark: &&Mark| within(mark.at) && scope.has(mark.operation, &mark.traits);
            let marked = self.service_failures().filter(is_own).count();
            let beyond = calls_within(&self.view.evidence, from, at, |slot| {
                SERVICE_CAUSES.iter().map(|cause| beyond(slot, *cause, |mark| is_own(&mark))).sum()
            });
            let answered = calls_within(&self.view.evidence, from, at, |slot| f64::from(answered(slot, scope)));
            active.calls = Some((marked as f64 + beyond, answered));
        }
        active
    }

    /// How many distinct callers called in a part of the region between two times, as far as they are marked.
    pub fn seen(&self, cell: Cell, from: Timestamp, until: Timestamp) -> usize {
        let failed = self.slots(from, until).flat_map(Slot::failures);
        let failed = failed.map(|mark| (mark.at, mark.caller, cell.has(mark.operation, &mark.traits)));
        let served = self.slots(from, until).flat_map(|slot| &slot.served);
        let served = served.map(|call| (call.at, call.caller, cell.has(call.operation, &call.traits)));
        let within = failed.chain(served).filter(|(at, _, is_own)| *is_own && (from..=until).contains(at));
        self.distinct(within.map(|(_, caller, _)| caller)).len()
    }

    /// Everybody who called within a scope between two times or shortly before, by what shows served calls; as far as they
    /// are marked, so nothing where there were more. Of an outage that has just begun only those that fail would be seen
    /// otherwise.
    pub fn everybody(
        &self,
        scope: &Scope,
        from: Timestamp,
        until: Timestamp,
    ) -> BTreeMap<Origin, BTreeSet<CallerHash>> {
        let from = before(from, self.policy.active);
        let mut seen: BTreeMap<Origin, BTreeSet<CallerHash>> = BTreeMap::new();
        if self.is_crowded(from, until) {
            return seen;
        }
        let slots = slots(&self.view.evidence, self.policy, self.now);
        // What shows served calls shows everybody, also while nobody is served.
        for origin in Origin::ALL {
            if successes_are_seen(self.view, &slots, Cell::Region, origin, self.policy, self.now) {
                seen.insert(origin, BTreeSet::new());
            }
        }
        for slot in self.slots(from, until) {
            let served =
                slot.served.iter().map(|call| (call.at, call.origin, call.operation, &call.traits, call.caller));
            let failed = slot.failures().map(|mark| (mark.at, mark.origin, mark.operation, &mark.traits, mark.caller));
            for (at, origin, operation, traits, caller) in served.chain(failed) {
                if (from..=until).contains(&at)
                    && scope.has(operation, traits)
                    && let Some(seen) = seen.get_mut(&origin)
                {
                    seen.insert(caller);
                }
            }
        }
        seen
    }

    /// How many of these callers the service failed between two times. A test sees the whole of the oldest slot, so this
    /// does too: the part of it that is older than the evidence may be all that a run was made of.
    pub fn failed_callers(&self, callers: &[CallerHash], from: Timestamp, until: Timestamp) -> usize {
        let mut callers = callers.to_vec();
        callers.sort_unstable();
        let slots = self.slots(from, until);
        let failed = slots.flat_map(|slot| SERVICE_CAUSES.into_iter().flat_map(move |cause| slot.failures_of(cause)));
        let within = failed.filter(|mark| (from..=until).contains(&mark.at)).map(|mark| mark.caller);
        self.distinct(within.filter(|caller| callers.binary_search(caller).is_ok())).len()
    }

    /// In order, without those that are left out.
    fn distinct(&self, callers: impl Iterator<Item = CallerHash>) -> Vec<CallerHash> {
        let mut callers: Vec<CallerHash> = callers.filter(|caller| !self.is_left_out(*caller)).collect();
        callers.sort_unstable();
        callers.dedup();
        callers
    }

    /// Whether a slot of that time names so many served callers that there must have been more.
    pub fn is_crowded(&self, from: Timestamp, until: Timestamp) -> bool {
        let mut known = self.crowded.borrow_mut();
        let mut slots = self.view.evidence.slots_within(from, until);
        slots.any(|(begin, slot)| *known.entry(begin).or_insert_with(|| slot.is_full_of_served()))
    }

    /// Served calls of a part of the region in that time, marked or not.
    pub fn served_in(&self, cell: Cell, from: Timestamp, until: Timestamp) -> f64 {
        let is_own = |place: &Place| cell.has(place.operation, &place.traits());
        let own = |slot: &Slot| {
            slot.calls.iter().filter(|(place, _)| is_own(place)).map(|(_, calls)| calls.served).sum::<u32>()
        };
        let served = |slot: &Slot| f64::from(own(slot));
        calls_within(&self.view.evidence, from, until, served)
    }

    /// The slots that calls between two times fall into.
    fn slots(&self, from: Timestamp, until: Timestamp) -> impl Iterator<Item = &'a Slot> {
        self.view.evidence.slots_within(from, until).map(|(_, slot)| slot)
    }
}

/// Answered calls within a scope.
fn answered(slot: &Slot, scope: &Scope) -> u32 {
    let own = slot.calls.iter().filter(|(place, _)| !place.pending && scope.has(place.operation, &place.traits()));
    own.map(|(_, calls)| calls.answered).sum()
}
