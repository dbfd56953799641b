//! Failures attributed to one part: `one_tool`, `one_network`, `one_application`, and an application's own
//! `misconfigured`.
//!
//! In: the [`Facts`] of the region. Out: an [`Attribution`], if the failures are of one tool, network or application
//! while others are served. The caller removes its failures and asks again, until the rest can only be the service's.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::time::before;

use crate::cell::{Cell, Dimension};
use crate::concern::ConcernKey;
use crate::diagnose::contrast::{Contrast, contrast, contrast_of, likeliest, shared_served};
use crate::diagnose::dark;
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::{Attribution, Finding};
use crate::diagnose::peak::reasons;
use crate::diagnose::refused::began;
use crate::diagnose::words::label_of;
use crate::evidence::mark::Mark;
use crate::lens::Apart;
use crate::scope::{Scope, SharedKey};
use crate::sequential::Run;
use crate::verdict::Diagnosis;

/// Chance would make affected callers share something less often than this: then a page waits for the next of them.
const MAY_BE_CHANCE: f64 = 0.1;

/// So long after the first failure of a single caller that stands for many, other served callers would have been seen.
const ALONE_FOR: Duration = Duration::from_secs(120);

pub fn attribution(facts: &Facts<'_>) -> Option<Attribution> {
    of_runs(facts).or_else(|| of_refusals(facts)).or_else(|| of_an_application(facts)).or_else(|| dark::apart(facts))
}

/// By a test that has crossed its threshold, of the region or of any part of it.
fn of_runs(facts: &Facts<'_>) -> Option<Attribution> {
    let mut crossed: Vec<(&Run, Timestamp)> =
        facts.runs().iter().filter_map(|run| Some((run, run.crossed_at?))).collect();
    // The narrowest first: the region crosses with whatever part of it does.
    crossed.sort_by_key(|(run, _)| (run.cell == Cell::Region, run.cell));
    crossed.into_iter().find_map(|(run, crossed_at)| {
        let failing = failing(facts, run);
        let contrast = match run.cell {
            Cell::Shared(dimension, hash) => contrast_of(facts, SharedKey { dimension, hash }, &failing),
            Cell::Region | Cell::Operation(_) | Cell::Grant(_) => contrast(facts, &failing),
        };
        let contrast = contrast.filter(|contrast| is_allowed(facts, contrast.shared))?;
        let finding = Finding {
            from: run.began_at.max(facts.from),
            since: Some(run.began_at),
            enough_at: Some(crossed_at),
            callers: contrast.inside,
            chance_years: Some(run.chance_years(facts.policy)),
            ..Finding::of(Diagnosis::of_shared(contrast.shared.dimension), ConcernKey::Service, facts, Vec::new())
        };
        Some(reported(facts, finding, &contrast, &failing))
    })
}

/// The failures of a run's callers.
fn failing<'a>(facts: &'a Facts<'_>, run: &Run) -> Vec<&'a Mark> {
    let mut callers = run.callers.clone();
    callers.sort_unstable();
    let in_run =
        |mark: &Mark| run.cell.has(mark.operation, &mark.traits) && callers.binary_search(&mark.caller).is_ok();
    facts.service_failures().filter(|mark| mark.at >= run.began_at && in_run(mark)).collect()
}

/// An attribution that was refuted is not made again.
fn is_allowed(facts: &Facts<'_>, shared: SharedKey) -> bool {
    facts.open.is_none_or(|incident| !incident.refuted.contains(&shared))
}

/// By refusals with one code of one operation: one tool that guesses, or sends what the service does not accept.
fn of_refusals(facts: &Facts<'_>) -> Option<Attribution> {
    let aged = before(facts.now, facts.policy.suspected_age);
    let wide = facts.affected_by_requests().filter(|(_, affected)| {
        affected.iter().filter(|affected| affected.since <= aged).count() >= facts.policy.suspected_callers
    });
    let mut wide: Vec<_> = wide.collect();
    wide.sort_by_key(|(kind, affected)| (std::cmp::Reverse(affected.len()), *kind));
    wide.into_iter().find_map(|(kind, affected)| {
        let window = before(facts.latest_call, facts.policy.suspected_window);
        let since = began(affected, window, facts.policy.suspected_callers);
        let failing: Vec<&Mark> = facts
            .callers(kind)
            .flat_map(|calls| calls.unserved(Timestamp::MAX))
            .filter(|mark| mark.at >= since && kind.takes(mark))
            .collect();
        let contrast = contrast(facts, &failing).filter(|contrast| is_allowed(facts, contrast.shared))?;
        if contrast.inside < facts.policy.suspected_callers {
            return None;
        }
        let code = match kind {
            ConcernKey::Request(label, _) | ConcernKey::Admin(label) => label_of(&facts.view.evidence, label),
            ConcernKey::Service => String::new(),
        };
        let reasons = vec![format!("they are refused with {code}, and not served since")];
        let finding = Finding {
            from: since,
            since: Some(since),
            callers: contrast.inside,
            ..Finding::of(Diagnosis::of_shared(contrast.shared.dimension), kind, facts, reasons)
        };
        Some(reported(facts, finding, &contrast, &failing))
    })
}

/// An application that refuses its own users for one of the administrator's reasons, while another one serves its own.
/// The reason is better evidence than chance: as many callers as for a region's own are enough.
fn of_an_application(facts: &Facts<'_>) -> Option<Attribution> {
    let window = facts.policy.misconfigured_window;
    reasons(facts).find_map(|reason| {
        let failing: Vec<&Mark> = reason.refusals_within(window).collect();
        let contrast = shared_served(facts, &failing, Dimension::Application, window)?;
        if contrast.inside < reason.need() || !is_allowed(facts, contrast.shared) {
            return None;
        }
        let first = failing.iter().map(|mark| mark.at).min()?;
        let name = label_of(&facts.view.evidence, reason.label);
        let finding = Finding {
            from: first,
            since: Some(first),
            enough_at: failing.iter().map(|mark| mark.at).max(),
            callers: contrast.inside,
            ..Finding::of(
                Diagnosis::Misconfigured,
                ConcernKey::Admin(reason.label),
                facts,
                vec![format!("they are refused for one reason: {name}")],
            )
        };
        Some(reported(facts, finding, &contrast, &failing))
    })
}

fn reported(facts: &Facts<'_>, finding: Finding, contrast: &Contrast, failing: &[&Mark]) -> Attribution {
    let shared = facts.shared(contrast.shared);
    let inside = failing.iter().filter(|mark| contrast.shared.has(&mark.traits));
    let operations: BTreeSet<_> = inside.filter_map(|mark| mark.operation).collect();
    let scope = Scope {
        operations: Some(operations).filter(|operations| !operations.is_empty()),
        grant: None,
        shared: Some(shared.clone()),
    };
    let apart = Apart { scope: scope.clone(), concern: finding.kind, until: None };
    Attribution { apart, finding: Finding { opening: Some(contrast.in_words(&shared)), scope, ..finding } }
}

/// Whether the failures reported as the region's may yet turn out to be of one tool or network: too few callers are
/// affected to be sure. An application that fails is worth a page as well.
pub fn may_be(facts: &Facts<'_>, kind: ConcernKey, from: Timestamp) -> bool {
    if kind != ConcernKey::Service || facts.is_probe_down() {
        return false;
    }
    let affected = facts.callers(kind).flat_map(|calls| calls.unserved(Timestamp::MAX));
    let failing: Vec<&Mark> = affected.filter(|mark| mark.at >= from).collect();
    let callers: BTreeSet<CallerHash> = failing.iter().map(|mark| mark.caller).collect();
    if !failing.is_empty() && callers.len() < facts.policy.outage_callers {
        // One that stands for many: others may be about to be served.
        return failing.iter().map(|mark| mark.at).min() > Some(before(facts.now, ALONE_FOR));
    }
    let likely = likeliest(facts, &failing, 0);
    likely.is_some_and(|it| {
        let is_likely = it.chance < if it.served_outside == 0 { facts.policy.shared_chance } else { MAY_BE_CHANCE };
        is_likely && it.shared.dimension != Dimension::Application
    })
}

/// Whether callers within the attribution still fail unlike the others.
pub fn still_stands_out(facts: &Facts<'_>, apart: &Apart, since: Timestamp) -> bool {
    let failing: Vec<&Mark> = facts.service_failures().filter(|mark| mark.at >= since && apart.takes(mark)).collect();
    apart.key().is_some_and(|key| contrast_of(facts, key, &failing).is_some())
}

/// Of the callers affected by that kind of failure since then, the share within the attribution.
pub fn share_of_affected(facts: &Facts<'_>, apart: &Apart, since: Timestamp) -> f64 {
    let of_kind = facts.callers(apart.concern).flat_map(|calls| calls.failed);
    let affected = of_kind.filter(|mark| mark.at >= since && apart.concern.takes(mark));
    let (mut all, mut inside) = (BTreeSet::new(), BTreeSet::new());
    for mark in affected {
        all.insert(mark.caller);
        if apart.takes(mark) {
            inside.insert(mark.caller);
        }
    }
    if all.is_empty() { 0.0 } else { inside.len() as f64 / all.len() as f64 }
}
