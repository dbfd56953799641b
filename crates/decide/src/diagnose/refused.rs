//! Refusals of so many callers that it is not their own mistake: `misconfigured` and `suspected`.
//!
//! In: the [`Facts`]. Out: a [`Finding`] for each reason or code that affects enough callers. Refusals are the
//! service's answer, so they count only where fewer callers are served than refused.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use triage_model::observation::Origin;
use triage_model::time::before;

use crate::cell::Cell;
use crate::concern::ConcernKey;
use crate::diagnose::affected::{AffectedCaller, widest};
use crate::diagnose::balance::{Balance, Counted};
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::Finding;
use crate::diagnose::peak::{Peak, reasons};
use crate::diagnose::scoping;
use crate::diagnose::words::{callers, label_of, operation, origin, span, time};
use crate::evidence::mark::Mark;
use crate::scope::Scope;
use crate::verdict::Diagnosis;

/// Reasons or codes reported at once.
const REPORTED_MAX: usize = 3;

/// The customer's own key or policy refuses everyone: the same reason for several callers within a few minutes, at
/// whatever time of the evidence.
pub fn misconfigured(facts: &Facts<'_>) -> Vec<Finding> {
    let mut peaks: BTreeMap<u16, (Peak, Origin)> = BTreeMap::new();
    for reason in reasons(facts) {
        if let Some(peak) = Peak::of(facts, &reason)
            && peaks.get(&reason.label).is_none_or(|(known, _)| peak.affected > known.affected)
        {
            peaks.insert(reason.label, (peak, reason.origin));
        }
    }
    let finding = |(label, (peak, of)): (u16, (Peak, Origin))| {
        let opening = format!(
            "{} refused within {} up to {} for one reason: {}",
            callers(peak.affected),
            span(peak.first, peak.at),
            time(peak.at),
            label_of(&facts.view.evidence, label)
        );
        let reasons = vec![peak.balance.in_words(), format!("counted in {}", origin(of))];
        let finding = Finding {
            from: if facts.open.is_some() { facts.from } else { peak.first },
            scope: scope(facts, ConcernKey::Admin(label), peak.first),
            since: Some(peak.first),
            enough_at: Some(peak.at),
            opening: Some(opening),
            ..Finding::of(Diagnosis::Misconfigured, ConcernKey::Admin(label), facts, reasons)
        };
        (peak.affected, finding)
    };
    let found = peaks.into_iter().map(finding).collect();
    with_the_open_one_first(facts, Diagnosis::Misconfigured, found)
}

/// The shape of a bad deployment of the service: many callers are refused with one code of one operation.
pub fn suspected(facts: &Facts<'_>) -> Vec<Finding> {
    let policy = facts.policy;
    let aged = before(facts.now, policy.suspected_age);
    let (from, until) = (before(facts.latest_call, policy.suspected_window), facts.latest_call);
    let mut found = Vec::new();
    // The same for every code of an operation.
    let mut traffic: BTreeMap<Cell, Traffic> = BTreeMap::new();
    for (kind, affected) in facts.affected_by_requests() {
        let affected: Vec<AffectedCaller> =
            affected.iter().filter(|affected| affected.since <= aged).copied().collect();
        let (count, of) = widest(&affected);
        let (ConcernKey::Request(label, called), true) = (kind, count >= policy.suspected_callers) else { continue };
        let cell = called.map_or(Cell::Region, Cell::Operation);
        let traffic = traffic.entry(cell).or_insert_with(|| Traffic::of(facts, cell, from, until));
        let balance = Balance {
            affected: facts
                .affected(kind)
                .iter()
                .filter(|affected| affected.is_of(of) && affected.latest > from)
                .count(),
            served: traffic.served_callers,
            calls: traffic.calls_against(kind),
            counted: Counted::InTheWindow,
        };
        if !balance.is_for_refusals() {
            continue;
        }
        let reasons = vec![
            format!(
                "{} refused by {} with {} and not served since",
                callers(count),
                operation(called),
                label_of(&facts.view.evidence, label)
            ),
            balance.in_words(),
            "so many callers cannot all make one mistake at once: this looks like a bad deployment of the service"
                .to_owned(),
            format!("counted in {}", origin(of)),
        ];
        let since = began(&affected, from, policy.suspected_callers);
        let scope = scope(facts, kind, since);
        let from = if facts.open.is_some() { facts.from } else { since.max(facts.from) };
        found.push((count, Finding { from, scope, ..Finding::of(Diagnosis::Suspected, kind, facts, reasons) }));
    }
    with_the_open_one_first(facts, Diagnosis::Suspected, found)
}

/// When refusals began that are enough: what was refused before the window is not of it if those in it are enough.
pub fn began(affected: &[AffectedCaller], window: Timestamp, enough: usize) -> Timestamp {
    let late = || affected.iter().map(|affected| affected.since).filter(|since| *since > window);
    let all = affected.iter().map(|affected| affected.since).min();
    if late().count() >= enough { late().min() } else { all }.unwrap_or(window)
}

/// Where they are refused.
fn scope(facts: &Facts<'_>, kind: ConcernKey, since: Timestamp) -> Scope {
    let since = since.max(facts.from);
    let refused = facts.callers(kind).flat_map(|calls| calls.failed);
    let failing: Vec<&Mark> = refused.filter(|mark| mark.at >= since && kind.takes(mark)).collect();
    scoping::scope(facts, &failing, &scoping::parts(facts, kind, since), since)
}

/// The open incident's own finding first, then those that affect the most callers.
fn with_the_open_one_first(facts: &Facts<'_>, diagnosis: Diagnosis, mut found: Vec<(usize, Finding)>) -> Vec<Finding> {
    if let Some(finding) = still_open(facts, diagnosis)
        && found.iter().all(|(_, known)| known.kind != finding.kind)
    {
        found.push((usize::MAX, finding));
    }
    let own = facts.open.map(|_| facts.concern());
    found.sort_by_key(|(affected, finding)| (Some(finding.kind) != own, Reverse(*affected)));
    found.into_iter().take(REPORTED_MAX).map(|(_, finding)| finding).collect()
}

/// The open incident's own reason or code as long as any caller is affected by it: only proof ends it.
fn still_open(facts: &Facts<'_>, diagnosis: Diagnosis) -> Option<Finding> {
    let kind = facts.concern();
    let is_of = match kind {
        ConcernKey::Service => return None,
        ConcernKey::Admin(_) => Diagnosis::Misconfigured,
        ConcernKey::Request(..) => Diagnosis::Suspected,
    };
    let (count, _) = widest(facts.affected(kind));
    let goes_on = || vec![format!("{} refused and not served since the incident began", callers(count))];
    (is_of == diagnosis && count > 0).then(|| Finding::of(diagnosis, kind, facts, goes_on()))
}

/// What was called in the time over which a code is evaluated.
struct Traffic {
    served_callers: usize,
    /// Refused calls of each kind, and served ones, where more callers were served than the slots name.
    calls: Option<(BTreeMap<ConcernKey, usize>, f64)>,
}

impl Traffic {
    fn of(facts: &Facts<'_>, cell: Cell, from: Timestamp, until: Timestamp) -> Self {
        let refused = || {
            let mut refused = BTreeMap::new();
            for kind in facts.refused().filter(|mark| mark.at > from).filter_map(ConcernKey::of) {
                *refused.entry(kind).or_default() += 1;
            }
            refused
        };
        Self {
            served_callers: facts.served_callers(cell, from, until),
            calls: facts.is_crowded(from, until).then(|| (refused(), facts.served_in(cell, from, until))),
        }
    }

    fn calls_against(&self, kind: ConcernKey) -> Option<(usize, f64)> {
        self.calls.as_ref().map(|(refused, served)| (refused.get(&kind).copied().unwrap_or_default(), *served))
    }
}
