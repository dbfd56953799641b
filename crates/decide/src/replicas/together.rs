//! An incident, a verdict and a recovery as all regions together have them.
//!
//! In: the parts. Out: the whole, for notices alone. The worst part sets the tone; callers are counted once, because all regions
//! hash them under one key.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use triage_model::observation::{Operation, Origin};

use super::member::Member;
use crate::distinct::DistinctCallers;
use crate::incident::Recoveries;
use crate::ledger::{Earlier, Incident, Ledger};
use crate::replica::AmongReplicas;
use crate::scope::{Scope, SharedKey};
use crate::verdict::{Evaluation, Recovery, Severity, Verdict};

/// The parts of an incident in all ledgers, its own first.
fn parts<'a>(ledgers: &'a [Ledger], own: &'a Incident) -> Vec<&'a Incident> {
    let is_another = |part: &&Incident| part.known_as() == own.known_as() && part.id != own.id;
    std::iter::once(own).chain(ledgers.iter().flat_map(Ledger::incidents).filter(is_another)).collect()
}

/// `own` with its parts in the other regions.
pub fn incident_of_all(ledgers: &[Ledger], own: &Incident) -> Incident {
    let all = parts(ledgers, own);
    if all.len() == 1 {
        return Incident { id: own.known_as().to_owned(), ..own.clone() };
    }
    let open: Vec<&Incident> = all.iter().copied().filter(|part| part.is_open()).collect();
    let is_open = !open.is_empty();
    // Those that still fail say what it is like.
    let telling = if is_open { &open } else { &all };
    let base = telling.iter().min_by_key(|part| part.diagnosis).copied().unwrap_or(own);
    let first = all.iter().find(|part| part.id == own.known_as()).copied().unwrap_or(base);
    let began = all.iter().map(|part| part.began()).min();
    let victims = distinct(all.iter().map(|part| &part.victims));
    let regions: BTreeSet<_> = telling.iter().map(|part| part.region.clone()).collect();
    let most = victims.values().map(DistinctCallers::count).max().unwrap_or(0);
    Incident {
        id: own.known_as().to_owned(),
        region: first.region.clone(),
        severity: severity_of_all(own, telling),
        scope: scope_of_all(base, telling),
        opened_at: all.iter().map(|part| part.opened_at).min().unwrap_or(own.opened_at),
        first_failure: began,
        last_failure: all.iter().filter_map(|part| part.last_failure).max(),
        probe_failed_at: all.iter().filter_map(|part| part.probe_failed_at).max(),
        probe_failed: all.iter().any(|part| part.probe_failed),
        resolved_at: if is_open { None } else { all.iter().filter_map(|part| part.resolved_at).max() },
        proved: all.iter().all(|part| part.proved),
        reopened: all.iter().map(|part| part.reopened).max().unwrap_or(0),
        reopened_at: all.iter().filter_map(|part| part.reopened_at).max(),
        callers: all.iter().map(|part| part.callers).max().unwrap_or(0).max(most),
        victims,
        people: all.iter().all(|part| part.people),
        seen: distinct(all.iter().map(|part| &part.seen)),
        failures_at: BTreeMap::new(),
        failures_before: all.iter().map(|part| part.failed_calls()).sum(),
        earlier: Earlier {
            victims: distinct(all.iter().map(|part| &part.earlier.victims)),
            seen: distinct(all.iter().map(|part| &part.earlier.seen)),
            failed_calls: all.iter().map(|part| part.earlier.failed_calls).sum(),
            over_for: all.iter().map(|part| part.earlier.over_for).sum::<Duration>(),
        },
        // Which of them it is of is said by its reasons.
        opening: base.opening.clone().filter(|_| telling.len() == 1),
        silent_since: telling.iter().map(|part| part.silent_since).min().flatten(),
        reported_operations: all.iter().flat_map(|part| part.reported_operations.iter().copied()).collect(),
        reported_health: all.iter().any(|part| part.reported_health),
        sequence: own.sequence,
        notified_at: own.notified_at,
        changed_at: own.changed_at,
        is_paged: own.is_paged,
        alarm_change: own.alarm_change,
        withheld: own.withheld.clone(),
        acknowledged: own.acknowledged.clone(),
        among: AmongReplicas {
            part_of: None,
            linked: own.among.linked.clone(),
            regions: regions.into_iter().collect(),
        },
        ..base.clone()
    }
}

fn distinct<'a>(all: impl Iterator<Item = &'a BTreeMap<Origin, DistinctCallers>>) -> BTreeMap<Origin, DistinctCallers> {
    let mut together: BTreeMap<Origin, DistinctCallers> = BTreeMap::new();
    for (origin, callers) in all.flatten() {
        together.entry(*origin).or_default().merge(callers);
    }
    together
}

/// What is held back pages nobody for another part.
fn severity_of_all(own: &Incident, telling: &[&Incident]) -> Severity {
    let heard = telling.iter().filter(|part| own.withheld.is_some() || part.withheld.is_none());
    heard.map(|part| part.severity).min().unwrap_or(own.severity)
}

/// Limited only to what limits all of them.
fn scope_of_all(base: &Incident, parts: &[&Incident]) -> Scope {
    let operations: Option<Vec<&BTreeSet<Operation>>> =
        parts.iter().map(|part| part.scope.operations.as_ref()).collect();
    let is_same_grant = parts.iter().all(|part| part.scope.grant == base.scope.grant);
    Scope {
        operations: operations.map(|all| all.into_iter().flatten().copied().collect()),
        grant: base.scope.grant.filter(|_| is_same_grant),
        shared: base.scope.shared.clone(),
    }
}

/// The parts of a region's incident that are open, with their places.
fn open_parts(ledgers: &[Ledger], own: usize, key: Option<SharedKey>) -> impl Iterator<Item = (usize, &Incident)> {
    let known_as = ledgers[own].latest(key).map(Incident::known_as);
    ledgers.iter().enumerate().filter_map(move |(place, ledger)| {
        let is_of_it = |part: &&Incident| Some(part.known_as()) == known_as;
        ledger.open_incidents().find(is_of_it).map(|part| (place, part))
    })
}

/// The verdicts of a region, each with those of the other regions on the same incident.
pub fn evaluation_of_all(members: &[Member<'_>], own: usize, ledgers: &[Ledger]) -> Evaluation {
    let of_all = |verdict: &Verdict| {
        let parts = open_parts(ledgers, own, verdict.apart)
            .filter_map(|(place, part)| Some((members[place], part, members[place].evaluation.on(part.key())?)));
        verdict_of_all(verdict, parts.collect())
    };
    let evaluation = members[own].evaluation;
    Evaluation { region: of_all(&evaluation.region), apart: evaluation.apart.iter().map(of_all).collect() }
}

fn verdict_of_all(own: &Verdict, parts: Vec<(Member<'_>, &Incident, &Verdict)>) -> Verdict {
    let [(_, _, base), others @ ..] = parts.as_slice() else { return own.clone() };
    if others.is_empty() {
        return (*base).clone();
    }
    let base = parts.iter().min_by_key(|(_, part, _)| part.diagnosis).map_or(*base, |(.., verdict)| *verdict);
    let verdicts = || parts.iter().map(|(.., verdict)| *verdict);
    let mut names: Vec<String> = Vec::new();
    verdicts().flat_map(|verdict| &verdict.names).for_each(|name| {
        if !names.contains(name) {
            names.push(name.clone());
        }
    });
    let reasons = parts
        .iter()
        .flat_map(|(member, _, verdict)| verdict.reasons.iter().map(|reason| format!("{}: {reason}", member.region)));
    let mut requests: Vec<_> = verdicts().flat_map(|verdict| verdict.requests.iter().cloned()).collect();
    requests.sort_by_key(|request| request.at);
    let mut operations = BTreeMap::new();
    for (operation, count) in verdicts().flat_map(|verdict| &verdict.operations) {
        *operations.entry(*operation).or_default() += count;
    }
    Verdict {
        names,
        callers: verdicts().map(|verdict| verdict.callers).sum(),
        failures: verdicts().map(|verdict| verdict.failures).sum(),
        unanswered: verdicts().map(|verdict| verdict.unanswered).sum(),
        codes: tally(verdicts().flat_map(|verdict| &verdict.codes)),
        tools: tally(verdicts().flat_map(|verdict| &verdict.tools)),
        accounts: tally(verdicts().flat_map(|verdict| &verdict.accounts)),
        operations,
        requests,
        reasons: reasons.collect(),
        probe: verdicts().filter_map(|verdict| verdict.probe).max(),
        step: verdicts().filter_map(|verdict| verdict.step).max(),
        health: verdicts().any(|verdict| verdict.health),
        ..base.clone()
    }
}

/// The most frequent first.
fn tally<'a>(counts: impl Iterator<Item = &'a (String, usize)>) -> Vec<(String, usize)> {
    let mut all: Vec<(String, usize)> = Vec::new();
    for (name, count) in counts {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known += count,
            None => all.push((name.clone(), *count)),
        }
    }
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all
}

/// How a region's incidents stand: recovering where each of their open parts is.
pub fn recoveries_of_all(members: &[Member<'_>], own: usize, ledgers: &[Ledger]) -> Recoveries {
    let keys = ledgers[own].incidents().map(Incident::key);
    let of_all = |key: Option<SharedKey>| {
        let parts: Vec<Option<&Recovery>> =
            open_parts(ledgers, own, key).map(|(place, part)| members[place].recoveries.get(&part.key())).collect();
        let since = |recovery: &Option<&Recovery>| recovery.and_then(|recovery| recovery.recovering_since);
        let all_since: Option<Vec<_>> = parts.iter().map(since).collect();
        let first = parts.first().copied().flatten()?;
        Some((key, Recovery { recovering_since: all_since?.into_iter().max(), ..first.clone() }))
    };
    keys.filter_map(of_all).collect()
}
