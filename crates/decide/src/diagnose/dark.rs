//! A caller that stands for many, and has gone dark.
//!
//! In: the [`Facts`]. Out: a [`Finding`] or an [`Attribution`] where an address without names, or an application's
//! role, is usually served and now fails every time: behind it may be hundreds of people, who count as one caller.

use std::collections::BTreeSet;

use jiff::Timestamp;
use triage_model::caller::CallerHash;

use crate::cell::{Cell, Dimension};
use crate::concern::{Concern, ConcernKey};
use crate::diagnose::contrast::narrowest;
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::{Attribution, Finding};
use crate::diagnose::scoping;
use crate::diagnose::words::{name, operation, span, time};
use crate::evidence::mark::Mark;
use crate::ledger::Incident;
use crate::lens::Apart;
use crate::scope::{Scope, SharedKey};
use crate::verdict::Diagnosis;

struct Dark<'a> {
    caller: CallerHash,
    /// Its failures in a row, the first first.
    failed: Vec<&'a Mark>,
    since: Timestamp,
    cell: Cell,
    /// Callers that were served there since.
    others: usize,
}

/// No other caller is served there, or a probe is down: it may be the service.
pub fn finding(facts: &Facts<'_>) -> Option<Finding> {
    let dark = all(facts).find(|dark| dark.others == 0 || facts.is_probe_down())?;
    let reasons = vec![match dark.others {
        0 => "nobody else was served there since".to_owned(),
        others => format!("{others} other callers were served there since, but the probe is down"),
    }];
    Some(Finding {
        opening: Some(in_words(facts, &dark)),
        from: dark.since.max(facts.from),
        since: Some(dark.since),
        callers: 1,
        scope: scoping::scope(facts, &dark.failed, &[], dark.since),
        ..Finding::of(Diagnosis::Degraded, ConcernKey::Service, facts, reasons)
    })
}

/// Others are served: it is that application, or that address.
pub fn apart(facts: &Facts<'_>) -> Option<Attribution> {
    // What the service's own incident explains is attributed to no other, unless it is this very caller's incident.
    let is_wide = |incident: &Incident| {
        incident.concern == Concern::Service && incident.callers_in_all().0 >= facts.policy.outage_callers
    };
    let is_explained = |dark: &Dark<'_>| {
        facts.open.is_some_and(|incident| {
            let (operation, traits) = (dark.failed.last().and_then(|mark| mark.operation), dark.failed[0].traits);
            is_wide(incident) && dark.since >= incident.since && incident.scope.has(operation, &traits)
        })
    };
    if facts.is_probe_down() {
        return None;
    }
    let dark = all(facts).find(|dark| dark.others > 0 && !is_explained(dark))?;
    let traits = dark.failed.last()?.traits;
    let key = [Dimension::Application, Dimension::Network]
        .into_iter()
        .find_map(|dimension| Some(SharedKey { dimension, hash: dimension.of(&traits)? }))?;
    let operations = dark.failed.iter().filter_map(|mark| mark.operation).collect();
    let scope = Scope { operations: Some(operations), grant: None, shared: Some(facts.shared(key)) };
    let reasons = vec![format!("{} other callers were served there since {}", dark.others, time(dark.since))];
    let finding = Finding {
        opening: Some(in_words(facts, &dark)),
        from: dark.since.max(facts.from),
        since: Some(dark.since),
        callers: 1,
        scope: scope.clone(),
        ..Finding::of(Diagnosis::of_shared(key.dimension), ConcernKey::Service, facts, reasons)
    };
    Some(Attribution { apart: Apart { scope, concern: ConcernKey::Service, until: None }, finding })
}

fn all<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Dark<'a>> {
    let policy = facts.policy;
    facts.callers(ConcernKey::Service).filter_map(move |calls| {
        let failed: Vec<&Mark> = calls.unserved(Timestamp::MAX).filter(|mark| mark.at >= facts.from).collect();
        let (first, last) = (failed.first()?, failed.last()?);
        let is_long = last.at.duration_since(first.at).unsigned_abs() >= policy.dark_span;
        let is_dark = first.traits.crowd && failed.len() >= policy.dark_failures && is_long;
        if !is_dark || served_before(facts, calls.caller) < policy.dark_served {
            return None;
        }
        let (since, cell) = (first.at, narrowest(facts, &failed));
        // A caller served after the last of its failures says nothing about the time of the failures.
        let between = facts.served_calls().filter(|call| (since..=last.at).contains(&call.at) && !call.pending);
        let others = between.filter(|call| cell.has(call.operation, &call.traits) && call.caller != calls.caller);
        let others = others.map(|call| call.caller).collect::<BTreeSet<_>>().len();
        Some(Dark { caller: calls.caller, failed, since, cell, others })
    })
}

/// Whether a caller is known to stand for many that are usually served.
pub fn stands_for_many(facts: &Facts<'_>, caller: CallerHash, mark: &Mark) -> bool {
    mark.traits.crowd && served_before(facts, caller) >= facts.policy.dark_served
}

/// How often the caller was served within a day or so.
fn served_before(facts: &Facts<'_>, caller: CallerHash) -> usize {
    let learned = &facts.view.learned;
    let known = learned.crowds.get(&caller.to_bits()).map_or(0, |crowd| crowd.served_by(facts.now));
    let slots = facts.view.evidence.slots.iter().filter(|(begin, _)| !learned.holds(**begin));
    let new: u32 = slots.filter_map(|(_, slot)| slot.crowds.get(&caller)).sum();
    known.saturating_add(new) as usize
}

fn in_words(facts: &Facts<'_>, dark: &Dark<'_>) -> String {
    let bits = dark.caller.to_bits();
    let who = name(&facts.view.evidence, |names| names.callers.get(&bits)).unwrap_or_else(|| dark.caller.to_string());
    let last = dark.failed.last().map_or(dark.since, |mark| mark.at);
    let called = match dark.cell {
        Cell::Operation(of) => operation(Some(of)),
        Cell::Grant(_) | Cell::Region | Cell::Shared(..) => {
            operation(dark.failed.last().and_then(|mark| mark.operation))
        }
    };
    format!(
        "{who}, which may stand for many people and was served {} times within a day, has failed {} times in a row within \
         {} at {called}",
        served_before(facts, dark.caller),
        dark.failed.len(),
        span(dark.since, last)
    )
}
