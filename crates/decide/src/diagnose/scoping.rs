//! Where the service fails: the operations, and the grant.
//!
//! In: the [`Facts`] and the failures of affected callers. Out: a [`Scope`], which names an operation only where
//! another one is served: without that contrast it may be the region; and the parts whose recovery is confirmed one by
//! one. A later step that nobody reaches, because an earlier one fails, is unknown and not affected.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::grant::Grant;
use triage_model::observation::Operation;

use crate::cell::Cell;
use crate::concern::ConcernKey;
use crate::diagnose::contrast::{at_least, grant_of_most};
use crate::diagnose::facts::Facts;
use crate::evidence::mark::Mark;
use crate::scope::Scope;
use crate::verdict::FailingPart;

/// Where it fails by these failures, the first of which was at `since`.
pub fn scope(facts: &Facts<'_>, failing: &[&Mark], parts: &[FailingPart], since: Timestamp) -> Scope {
    let mut operations: BTreeSet<Operation> =
        parts.iter().filter(|part| part.is_enough).filter_map(|part| part.operation).collect();
    if operations.is_empty() {
        operations = failing.iter().filter_map(|mark| mark.operation).collect();
    }
    let own: Vec<&Mark> =
        failing.iter().copied().filter(|mark| mark.operation.is_none_or(|it| operations.contains(&it))).collect();
    let only_tokens = operations.len() == 1 && operations.contains(&Operation::CreateToken);
    let calls = Calls::since(facts, since);
    let grant = grant_of_most(facts, &own).filter(|grant| {
        let is_own = |call: Called| call.operation == Some(Operation::CreateToken) && call.grant == Some(*grant);
        let is_other = |call: Called| {
            call.operation == Some(Operation::CreateToken) && call.grant.is_some_and(|other| other != *grant)
        };
        only_tokens && calls.contrast(facts, is_own, is_other)
    });
    let is_own = |call: Called| call.operation.is_some_and(|operation| operations.contains(&operation));
    let is_other = |call: Called| call.operation.is_some_and(|operation| !operations.contains(&operation));
    let is_limited = grant.is_some() || !operations.is_empty() && calls.contrast(facts, is_own, is_other);
    Scope { operations: is_limited.then_some(operations), grant, shared: None }
}

/// What was called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Called {
    operation: Option<Operation>,
    grant: Option<Grant>,
}

/// The callers of each kind of call: those that failed, whether served later or not, and those that were served.
struct Calls {
    failed: BTreeMap<Called, BTreeSet<CallerHash>>,
    served: BTreeMap<Called, BTreeSet<CallerHash>>,
}

impl Calls {
    fn since(facts: &Facts<'_>, since: Timestamp) -> Self {
        let mut calls = Self { failed: BTreeMap::new(), served: BTreeMap::new() };
        for mark in facts.service_failures().chain(facts.denied()).chain(facts.refused()) {
            if mark.at >= since {
                let called = Called { operation: mark.operation, grant: mark.traits.grant };
                calls.failed.entry(called).or_default().insert(mark.caller);
            }
        }
        for call in facts.served_calls().filter(|call| call.at >= since && !call.pending) {
            let called = Called { operation: call.operation, grant: call.traits.grant };
            calls.served.entry(called).or_default().insert(call.caller);
        }
        calls
    }

    /// Whether enough callers were served elsewhere to say that it does not fail there as it fails here.
    fn contrast(&self, facts: &Facts<'_>, own: impl Fn(Called) -> bool, other: impl Fn(Called) -> bool) -> bool {
        let count = |of: &BTreeMap<Called, BTreeSet<CallerHash>>, is: &dyn Fn(Called) -> bool| {
            let callers = of.iter().filter(|(called, _)| is(**called)).flat_map(|(_, callers)| callers);
            callers.collect::<BTreeSet<_>>().len()
        };
        let (failed, served) = (count(&self.failed, &own), count(&self.served, &own));
        let (failed_there, served_there) = (count(&self.failed, &other), count(&self.served, &other));
        let share = failed as f64 / (failed + served).max(1) as f64;
        // As many as were served there or more, if it failed there as it does here.
        let chance = at_least(served_there, served_there + failed_there, 1.0 - share.min(SHARE_MAX));
        served_there >= facts.policy.shared_served && chance < SAME_CHANCE
    }
}

/// Never so sure that a single served caller would decide it.
const SHARE_MAX: f64 = 0.9;

/// Less likely than this, it does not fail there as it does here.
const SAME_CHANCE: f64 = 0.01;

/// The operations that fail since then, each with its first and latest failure. One is a part of the incident where its
/// own test has crossed its threshold, or enough callers are affected by it and not served since.
pub fn parts(facts: &Facts<'_>, kind: ConcernKey, since: Timestamp) -> Vec<FailingPart> {
    let mut parts: BTreeMap<Option<Operation>, (FailingPart, BTreeSet<CallerHash>)> = BTreeMap::new();
    for calls in facts.callers(kind) {
        for mark in calls.failed.iter().filter(|mark| mark.at >= since && kind.takes(mark)) {
            let new = || FailingPart {
                operation: mark.operation,
                grant: None,
                since: mark.at,
                latest: mark.at,
                is_enough: false,
            };
            let (part, _) = parts.entry(mark.operation).or_insert_with(|| (new(), BTreeSet::new()));
            (part.since, part.latest) = (part.since.min(mark.at), part.latest.max(mark.at));
        }
        for mark in calls.unserved(Timestamp::MAX).filter(|mark| mark.at >= since && kind.takes(mark)) {
            if let Some((_, affected)) = parts.get_mut(&mark.operation) {
                affected.insert(mark.caller);
            }
        }
    }
    let crossed: BTreeSet<Operation> =
        facts.runs().iter().filter(|run| run.crossed_at.is_some()).filter_map(|run| operation_of(run.cell)).collect();
    let done = parts.into_values().map(|(part, affected)| {
        let has_crossed = kind == ConcernKey::Service && part.operation.is_some_and(|it| crossed.contains(&it));
        FailingPart { is_enough: has_crossed || affected.len() >= facts.policy.outage_callers, ..part }
    });
    done.collect()
}

const fn operation_of(cell: Cell) -> Option<Operation> {
    match cell {
        Cell::Operation(operation) => Some(operation),
        Cell::Grant(Grant::DeviceCode | Grant::RefreshToken | Grant::AuthorizationCode | Grant::Other) => {
            Some(Operation::CreateToken)
        }
        Cell::Region | Cell::Shared(..) => None,
    }
}
