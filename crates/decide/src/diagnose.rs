//! The verdict on a region.
//!
//! In: a [`View`] of what is known of it, the [`Policy`] and `now`. Out: an [`Evaluation`]: a [`Verdict`] on the region,
//! and one on each tool, network and application that fails by itself; each is the [`Diagnosis`] with its reasons for
//! and against, its concern, its scope, and the advice that holds with it. Pure.

mod advise;
mod affected;
mod apart;
mod balance;
mod contrast;
mod dark;
mod facts;
mod finding;
mod peak;
mod precedence;
mod refused;
mod scoping;
mod service;
mod toll;
mod weigh;
mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::observation::Operation;
use triage_model::region::Region;
use triage_model::time::before;

use self::apart::{attribution, share_of_affected};
use self::facts::{Active, Facts};
use self::finding::{Attribution, Finding};
use self::precedence::findings;
use self::toll::Toll;
use self::weigh::weigh;
use crate::concern::ConcernKey;
use crate::evidence::mark::Mark;
use crate::ledger::Incident;
use crate::lens::{Apart, Lens};
use crate::policy::Policy;
use crate::probe::{ProbeAnswer, StepState};
use crate::scope::{Scope, SharedKey};
use crate::verdict::{Advised, Diagnosis, Evaluation, FailingPart, Verdict, when_found};
use crate::view::View;

/// Other diagnoses that are shown as further reasons.
const FURTHER_MAX: usize = 5;

/// At most so many tools, networks, applications and accounts of one region get a verdict of their own: if more fail, it is the
/// service.
pub const APART_MAX: usize = 8;

/// An attribution explains the region's open incident if more than half of its affected callers are in it, and the rest
/// is not enough by itself.
const EXPLAINS_SHARE: f64 = 0.5;

/// If failures attributed to one tool turn out to affect others as well within this time, they are the service's; later
/// it is another incident.
const REFUTED_WITHIN: Duration = Duration::from_secs(30 * 60);

/// Evaluates one region. Failures of one tool, network or application are removed first and get their own verdict; the
/// rest is the region's.
pub fn diagnose(region: &Region, view: &View, policy: &Policy, now: Timestamp) -> Evaluation {
    let mut lens = Lens::on_region(&view.ledger);
    let mut found: Vec<Attribution> = Vec::new();
    let whole = loop {
        let facts = Facts::gather(region, view, policy, now, &lens);
        let next = (found.len() < APART_MAX).then(|| attribution(&facts)).flatten();
        let Some(next) = next else { break verdict(&facts, findings(&facts), None) };
        lens.without.push(next.apart.clone());
        found.push(next);
    };
    let apart = aparts(view, found);
    let apart = apart.into_iter().map(|(apart, finding)| on_apart(region, view, policy, now, apart, finding, &whole));
    Evaluation { apart: apart.collect(), region: whole }
}

/// What is attributed already, and what was found just now: each once, with all operations at which it fails.
fn aparts(view: &View, found: Vec<Attribution>) -> Vec<(Apart, Option<Finding>)> {
    let open = view.ledger.apart.iter().filter(|incident| incident.is_open());
    let mut aparts: Vec<(Apart, Option<Finding>)> = open.map(|incident| (Apart::from(incident), None)).collect();
    for Attribution { apart, finding } in found {
        match aparts.iter_mut().find(|(known, _)| known.key() == apart.key()) {
            Some((known, _)) if known.concern == apart.concern => {
                known.scope.operations = match (known.scope.operations.take(), apart.scope.operations) {
                    (Some(known), Some(new)) => Some(&known | &new),
                    (None, _) | (_, None) => None,
                };
            }
            // It fails otherwise already: that incident is the one that is reported.
            Some(_) => {}
            None => aparts.push((apart, Some(finding))),
        }
    }
    aparts
}

/// The verdict on one attribution.
fn on_apart(
    region: &Region,
    view: &View,
    policy: &Policy,
    now: Timestamp,
    apart: Apart,
    finding: Option<Finding>,
    whole: &Verdict,
) -> Verdict {
    let lens = Lens::on(apart.clone());
    let facts = Facts::gather(region, view, policy, now, &lens);
    let is_new = finding.is_some();
    let finding = finding.unwrap_or_else(|| goes_on(&facts, &apart));
    let mut verdict = verdict(&facts, (Finding { scope: apart.scope.clone(), ..finding }, Vec::new()), apart.key());
    let of_region = view.ledger.open().filter(|incident| is_new && incident.concern.key() == apart.concern);
    let doubted = facts.open.filter(|incident| {
        incident.was_of_region
            && apart.concern == ConcernKey::Service
            && whole.enough_at.is_some()
            && before(now, REFUTED_WITHIN) <= incident.opened_at
    });
    if of_region.is_some() || doubted.is_some() {
        let lens = Lens::default();
        let all = Facts::gather(region, view, policy, now, &lens);
        verdict.explains_open =
            of_region.is_some_and(|incident| share_of_affected(&all, &apart, incident.since) >= EXPLAINS_SHARE);
        verdict.is_refuted = doubted.is_some_and(|incident| !apart::still_stands_out(&all, &apart, incident.since));
    }
    verdict
}

/// Such an incident stays open as long as any caller is affected: only proof ends it.
fn goes_on(facts: &Facts<'_>, apart: &Apart) -> Finding {
    let open = facts.open.filter(|_| !facts.affected(apart.concern).is_empty());
    match open {
        Some(incident) => {
            let (count, _) = affected::widest(facts.affected(apart.concern));
            let reason = format!("{} not served since the incident began", words::callers(count));
            Finding::of(incident.diagnosis, apart.concern, facts, vec![reason])
        }
        None => Finding { kind: apart.concern, ..service::rest(facts) },
    }
}

fn verdict(facts: &Facts<'_>, (first, others): (Finding, Vec<Finding>), apart: Option<SharedKey>) -> Verdict {
    let toll = Toll::of(facts, first.kind, first.from);
    let active = facts.active(facts.latest_call, &first.scope);
    let weighed = match first.kind {
        ConcernKey::Service => weigh(facts, &toll, first.from, &active),
        ConcernKey::Admin(_) | ConcernKey::Request(..) => {
            weigh(facts, &Toll::of(facts, ConcernKey::Service, facts.from), facts.from, &active)
        }
    };
    // Its first victim may have been served since, and a probe may have failed before any caller.
    let since = toll.since.into_iter().chain(first.since.filter(|since| *since >= first.from)).min();
    let is_of_the_service = apart.is_none() && first.kind == ConcernKey::Service;
    let (opening, chance_years) = opening(facts, &first);
    let parts = match first.diagnosis.is_incident() || facts.open.is_some() {
        true => scoping::parts(facts, first.kind, first.from),
        false => Vec::new(),
    };
    let step = step(facts, &first.scope, &parts);
    Verdict {
        apart,
        diagnosis: first.diagnosis,
        concern: facts.named(first.kind),
        reasons: reasons(facts, &first, &others, opening.as_ref(), since, &active),
        opening,
        chance_years,
        weighed,
        callers: toll.callers.max(first.callers),
        names: toll.names,
        victims: toll.victims,
        victims_about: toll.victims_about,
        people: toll.people,
        seen: match (since, toll.latest) {
            (Some(since), Some(latest)) if first.diagnosis.is_incident() => {
                facts.everybody(&first.scope, since, latest)
            }
            _ => BTreeMap::new(),
        },
        kms_key: toll.kms_key,
        failures_at: toll.failures_at,
        served_again: toll.served_again,
        active: active.callers,
        served: active.served,
        failures: toll.failures,
        since,
        latest: toll.latest,
        latest_of_many: toll.latest_of_many,
        served_since: toll.latest_of_many.map_or(0, |latest| served_since(facts, &first.scope, latest)),
        enough_at: first.enough_at,
        unanswered: toll.unanswered,
        codes: toll.codes,
        tools: toll.tools,
        accounts: toll.accounts,
        operations: toll.operations,
        requests: toll.requests,
        probe: facts.probe.map(ProbeAnswer::worst),
        probe_failed_at: facts.probe_failed_at().filter(|_| is_of_the_service),
        step,
        probe_lasts: service::probe_lasts(facts, &first.scope),
        may_be_apart: apart.is_none() && first.diagnosis.is_incident() && apart::may_be(facts, first.kind, first.from),
        health: !facts.issues().is_empty(),
        explains_open: false,
        is_refuted: false,
        advised: if apart.is_none() { advised(&first, &others, facts.policy) } else { Vec::new() },
        leave_out: if apart.is_none() { advise::leave_out(facts) } else { BTreeSet::new() },
        take_back: if apart.is_none() { facts.served_again() } else { BTreeSet::new() },
        parts,
        scope: first.scope,
    }
}

/// How many callers were served within a scope after that time, as far as they are marked.
fn served_since(facts: &Facts<'_>, scope: &Scope, latest: Timestamp) -> usize {
    let served = facts.served_calls().filter(|call| call.at > latest && !call.pending);
    let own = served.filter(|call| scope.has(call.operation, &call.traits));
    own.map(|call| call.caller).collect::<BTreeSet<_>>().len()
}

/// The worst that the latest probe found of the steps that fail.
fn step(facts: &Facts<'_>, scope: &Scope, parts: &[FailingPart]) -> Option<StepState> {
    let fails = |operation: Operation| {
        let is_part = parts.iter().any(|part| part.operation.is_none_or(|own| own == operation));
        is_part && scope.has_operation(Some(operation))
    };
    let steps = facts.probe.iter().flat_map(|probe| &probe.steps);
    steps.filter(|step| fails(step.operation)).map(|step| step.answer).max()
}

/// Beside an incident, what else holds is a further reason, and no notice of its own.
fn advised(first: &Finding, others: &[Finding], policy: &Policy) -> Vec<Advised> {
    let findings = std::iter::once(first).chain(others).filter(|_| !first.diagnosis.is_incident());
    findings.filter_map(|finding| finding.advised(policy)).collect()
}

/// What was enough to open an incident, and how unlikely that was. It stays as reported while the incident is open,
/// unless it becomes worse and no likelier: after an hour the evidence is gone, and what is left of it would say
/// something else.
fn opening(facts: &Facts<'_>, first: &Finding) -> (Option<String>, Option<f64>) {
    let reported = facts.open.filter(|incident| incident.concern.key() == first.kind && first.diagnosis.is_incident());
    let Some(incident) = reported else { return (first.opening.clone(), first.chance_years) };
    let is_firmer = first.diagnosis < incident.diagnosis && first.chance_years >= incident.chance_years;
    match (&incident.opening, &first.opening) {
        (Some(_), Some(new)) if is_firmer => (Some(new.clone()), first.chance_years),
        (Some(reported), _) => (Some(reported.clone()), incident.chance_years),
        (None, new) => (new.clone(), first.chance_years),
    }
}

/// The evidence for the diagnosis, what is known beside it, and what else holds.
fn reasons(
    facts: &Facts<'_>,
    first: &Finding,
    others: &[Finding],
    opening: Option<&String>,
    since: Option<Timestamp>,
    active: &Active,
) -> Vec<String> {
    let is_reported = facts.open.is_some_and(|incident| incident.opening.as_ref() == opening);
    let opening = opening.map(|opening| if is_reported { when_found(opening) } else { opening.clone() });
    let mut reasons: Vec<String> = opening.into_iter().chain(first.reasons.iter().cloned()).collect();
    reasons.extend(service::served_in_words(facts, active));
    reasons.push(service::probe_in_words(facts));
    reasons.extend(service::health_in_words(facts));
    if matches!(first.diagnosis, Diagnosis::Outage | Diagnosis::Degraded) {
        let failing: Vec<&Mark> = facts.service_failures().filter(|mark| mark.at >= first.from).collect();
        reasons.extend(contrast::without_contrast_in_words(facts, &failing));
        // Of an incident that is older than the evidence, or opens again, its beginning is what we saw first.
        let is_this = |incident: &&Incident| {
            let again = |resolved| since.is_some_and(|since| before(since, facts.policy.reopen) <= resolved);
            incident.concern.key() == first.kind && incident.resolved_at.is_none_or(again)
        };
        let began = facts.view.ledger.incident.as_ref().filter(is_this).map(Incident::began);
        reasons.extend(service::confirmation_in_words(facts, began.or(since)));
    }
    for other in others.iter().take(FURTHER_MAX) {
        let reason = other.opening.as_ref().or(other.reasons.first()).map_or("", String::as_str);
        reasons.push(format!("also {}: {reason}", other.diagnosis.as_str()));
    }
    reasons
}
