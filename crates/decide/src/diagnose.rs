//! The verdict on a region.
//!
//! In: a [`View`] of what is known of it, the [`Policy`] and `now`. Out: a [`Verdict`]: the [`Diagnosis`] with its reasons
//! for and against, what it is about, and the advice that holds beside it. Pure.

mod advise;
mod balance;
mod facts;
mod finding;
mod hits;
mod peak;
mod precedence;
mod refused;
mod service;
mod toll;
mod weigh;
mod words;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use triage_model::region::Region;

use self::facts::{Active, Facts};
use self::finding::Finding;
use self::precedence::findings;
use self::toll::Toll;
use self::weigh::weigh;
use crate::concern::ConcernKey;
use crate::ledger::Incident;
use crate::policy::Policy;
use crate::probe::ProbeAnswer;
use crate::verdict::{Advised, Diagnosis, Verdict};
use crate::view::View;

/// Other diagnoses that are told as further reasons.
const FURTHER_MAX: usize = 5;

/// Judges one region.
pub fn diagnose(region: &Region, view: &View, policy: &Policy, now: Timestamp) -> Verdict {
    let facts = Facts::gather(region, view, policy, now);
    let (first, others) = findings(&facts);
    let toll = Toll::of(&facts, first.kind, first.from);
    let active = facts.active(facts.latest_call);
    let weighed = match first.kind {
        ConcernKey::Service => weigh(&facts, &toll, &active),
        ConcernKey::Admin(_) | ConcernKey::Request(..) => {
            weigh(&facts, &Toll::of(&facts, ConcernKey::Service, facts.from), &active)
        }
    };
    let since = toll.since.or(first.since);
    let opening = opening(&facts, &first);
    Verdict {
        diagnosis: first.diagnosis,
        concern: facts.named(first.kind),
        reasons: reasons(&facts, &first, &others, opening.as_ref(), since, &active),
        opening,
        weighed,
        callers: toll.callers.max(first.callers),
        names: toll.names,
        active: active.callers,
        served: active.served,
        failures: toll.failures,
        since,
        latest: toll.latest,
        enough_at: first.enough_at,
        unanswered: toll.unanswered,
        codes: toll.codes,
        tools: toll.tools,
        operations: toll.operations,
        requests: toll.requests,
        probe: facts.probe.map(ProbeAnswer::worst),
        health: !facts.issues().is_empty(),
        advised: advised(&first, &others, policy),
        leave_out: advise::leave_out(&facts),
        take_back: facts.served_again(),
    }
}

/// Beside an incident what else holds is a further reason, and no word of its own.
fn advised(first: &Finding, others: &[Finding], policy: &Policy) -> Vec<Advised> {
    let findings = std::iter::once(first).chain(others).filter(|_| !first.diagnosis.is_incident());
    findings.filter_map(|finding| finding.advised(policy)).collect()
}

/// What was enough to begin with. Of an open incident it stays as it was told, unless it has become worse: after an hour
/// the evidence is gone, and what is left of it would tell another story.
fn opening(facts: &Facts<'_>, first: &Finding) -> Option<String> {
    let is_no_worse = |incident: &&Incident| {
        incident.concern.key() == first.kind && incident.diagnosis <= first.diagnosis && first.diagnosis.is_incident()
    };
    let told = facts.view.ledger.open().filter(is_no_worse);
    told.and_then(|incident| incident.opening.clone()).or_else(|| first.opening.clone())
}

/// What speaks for the diagnosis, what is known beside it, and what else holds.
fn reasons(
    facts: &Facts<'_>,
    first: &Finding,
    others: &[Finding],
    opening: Option<&String>,
    since: Option<Timestamp>,
    active: &Active,
) -> Vec<String> {
    let mut reasons: Vec<String> = opening.into_iter().chain(&first.reasons).cloned().collect();
    reasons.extend(service::served_in_words(facts, active));
    reasons.push(service::probe_in_words(facts));
    reasons.extend(service::health_in_words(facts));
    if matches!(first.diagnosis, Diagnosis::Outage | Diagnosis::Degraded) {
        reasons.extend(service::confirmation_in_words(facts, since));
    }
    for other in others.iter().take(FURTHER_MAX) {
        let reason = other.opening.as_ref().or(other.reasons.first()).map_or("", String::as_str);
        reasons.push(format!("also {}: {reason}", other.diagnosis.as_str()));
    }
    reasons
}
