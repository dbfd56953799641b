//! Whether an incident is over: the mirror of the test that opened it.
//!
//! In: the [`View`] of a region with an open incident. Out: a [`Recovery`]. Pure. People who give up make no more
//! failures, so silence is no proof: served calls are ([`proof`]), for each part of the incident by itself, and probes
//! of the steps that failed. An incident that nobody calls about any more stays open for long, and then ends without
//! proof.

mod open_incident;
mod proof;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use triage_model::observation::Operation;
use triage_model::time::before;

use self::open_incident::OpenIncident;
use self::proof::Proof;
use crate::cell::Cell;
use crate::concern::Concern;
use crate::ledger::{Incident, Part};
use crate::policy::Policy;
use crate::probe_record::StepRecord;
use crate::proof_so_far::ProofSoFar;
use crate::scope::SharedKey;
use crate::sequential::Calls;
use crate::verdict::{PartRecovery, Recovery};
use crate::view::View;

/// A step that was down a little before the incident's first failure was down because of it.
const PROBED_BEFORE: Duration = Duration::from_secs(5 * 60);

/// The watcher probes a region with an incident each minute: without an answer for so long, nobody does.
const PROBED_LATELY: Duration = Duration::from_secs(10 * 60);

/// The recovery of each open incident of a region, by its attribution.
pub fn recoveries(view: &View, policy: &Policy, now: Timestamp) -> BTreeMap<Option<SharedKey>, Recovery> {
    let open = view.ledger.open_incidents();
    open.map(|incident| (incident.key(), recovery(view, incident, policy, now))).collect()
}

pub fn recovery(view: &View, incident: &Incident, policy: &Policy, now: Timestamp) -> Recovery {
    let open = OpenIncident::new(view, incident, policy, now);
    let parts = open.parts();
    let proofs = open.prove_all(&parts);
    let states =
        || proofs.iter().map(|proof| PartRecovery { proved_at: proof.over_at, so_far: proof.so_far.clone() }).collect();
    let calls = Recovery { parts: states(), ..open.by_calls(&parts, &proofs) };
    if calls.over_at.is_some() {
        return calls;
    }
    let other = open.by_probes(&parts, &proofs).or_else(|| open.by_silence(&parts));
    match other {
        Some(other) => Recovery { parts: states(), ..other },
        None => calls,
    }
}

/// Where another part is confirmed to work again, such a share of the nats is enough: a served call of one that had
/// failed for everybody.
const BESIDE_ANOTHER: f64 = 1.0 / 3.0;

/// Whether one part is over.
struct PartProof {
    over_at: Option<Timestamp>,
    /// The only sign is that nobody calls there.
    is_only_quiet: bool,
    /// How close it is, in nats, since the last failure that left nothing of it.
    sum: f64,
    lasts: bool,
    served: f64,
    so_far: Option<ProofSoFar>,
    /// Since when calls are served there and none has failed.
    good_since: Option<Timestamp>,
    reasons: Vec<String>,
}

impl OpenIncident<'_> {
    /// Each part by itself. Where one is confirmed to work again, less is enough for the others: a rarely called part
    /// need not keep it all open until its fifth call, or for as long as nobody calls it.
    fn prove_all(&self, parts: &[Part]) -> Vec<PartProof> {
        let mut proofs: Vec<PartProof> = parts.iter().map(|part| self.prove(part)).collect();
        if proofs.iter().any(|proof| proof.over_at.is_some()) {
            for (part, proof) in parts.iter().zip(&mut proofs).filter(|(_, proof)| proof.over_at.is_none()) {
                self.prove_beside_another(part, proof);
            }
        }
        proofs
    }

    fn prove_beside_another(&self, part: &Part, proof: &mut PartProof) {
        let called = self.latest_failure(part).max(self.latest_served(part)).max(Some(part.last_failure));
        let idle_since = called.filter(|called| before(self.now, self.policy.quiet_end) >= *called);
        let is_enough = proof.sum >= self.policy.proof_odds.ln() * BESIDE_ANOTHER
            || proof.served + 1e-6 >= self.policy.proof_calls as f64;
        if proof.lasts && is_enough {
            proof.over_at = Some(self.now);
        } else if let Some(idle_since) = idle_since {
            proof.reasons = vec![format!("nobody has called there since {}", clock(idle_since))];
            proof.over_at = Some(self.now);
            proof.is_only_quiet = true;
        }
    }

    fn prove(&self, part: &Part) -> PartProof {
        let proof = Proof::of(self, part);
        let wait = self.wait();
        let waits_until = proof.zero_at.checked_add(wait).unwrap_or(Timestamp::MAX);
        let calls = format!(
            "{} calls of {} callers were served since {} and {}",
            proof.served.round(),
            proof.callers.len(),
            clock(proof.zero_at),
            if proof.failed < 0.5 { "none failed".to_owned() } else { format!("{} failed", proof.failed.round()) },
        );
        let latest = self.latest_failure(part);
        // A part stays confirmed until it fails again: the calls that confirmed it grow old.
        if let Some(proved_at) = part.proved_at.filter(|proved_at| latest.is_none_or(|latest| latest <= *proved_at)) {
            let reason = format!("confirmed to work again at {}", clock(proved_at));
            let over_at = Some(proved_at);
            let (sum, served, so_far, reasons) = (proof.sum, proof.served, proof.so_far, vec![reason]);
            return PartProof {
                over_at,
                is_only_quiet: false,
                sum,
                lasts: true,
                served,
                so_far,
                good_since: None,
                reasons,
            };
        }
        let good_since = (proof.served >= 1.0 && proof.failed < 0.5).then_some(proof.zero_at);
        let lasts = waits_until <= self.now && proof.failed < 0.5;
        let done = |over_at, more: String| PartProof {
            over_at,
            is_only_quiet: false,
            sum: proof.sum,
            lasts,
            served: proof.served,
            so_far: proof.so_far.clone(),
            good_since,
            reasons: vec![calls, more],
        };
        if let Some(over_at) = self.proved_by_probes(part, latest) {
            let step = part.operation.map_or("the step", Operation::as_str);
            let failed = latest.unwrap_or(part.last_failure);
            let reason = format!("probes of {step} are healthy, and no call of it has failed since {}", clock(failed));
            return PartProof { reasons: vec![reason], ..done(Some(over_at), String::new()) };
        }
        let Some(proved_at) = proof.proved_at else {
            let odds = proof.sum.exp().round();
            let policy = self.policy;
            let missing = format!(
                "odds of {odds} to 1 that it is over; {} to 1, {} calls and {} callers are needed",
                policy.proof_odds, policy.proof_calls, policy.proof_callers
            );
            return done(None, missing);
        };
        if waits_until > self.now {
            return done(None, format!("it must hold until {}", clock(waits_until)));
        }
        if self.would_open_again(part, wait) {
            return done(None, "calls since then would open it again".to_owned());
        }
        let odds = format!("odds of more than {} to 1 that it is over", self.policy.proof_odds);
        done(Some(proved_at.max(waits_until).min(self.now)), odds)
    }

    /// All of its parts are confirmed.
    fn by_calls(&self, parts: &[Part], proofs: &[PartProof]) -> Recovery {
        let is_over = proofs.iter().all(|proof| proof.over_at.is_some());
        let named = |part: &Part, reason: &String| match part.operation.filter(|_| parts.len() > 1) {
            Some(operation) => format!("{operation}: {reason}"),
            None => reason.clone(),
        };
        let reasons = parts.iter().zip(proofs);
        let reasons = reasons
            .flat_map(|(part, proof)| proof.reasons.iter().map(|reason| named(part, reason)).collect::<Vec<_>>());
        let good = proofs.iter().filter(|proof| proof.over_at.is_none()).map(|proof| proof.good_since);
        let recovering_since = good.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        Recovery {
            over_at: proofs.iter().filter_map(|proof| proof.over_at).max().filter(|_| is_over),
            proved: proofs.iter().any(|proof| !proof.is_only_quiet),
            reasons: reasons.collect(),
            recovering_since: recovering_since.filter(|_| !is_over),
            ..Recovery::default()
        }
    }

    /// A probe sees neither our own keys nor one tool, network or application.
    fn is_seen_by_probes(&self) -> bool {
        self.incident.concern == Concern::Service && self.incident.scope.shared.is_none()
    }

    /// Every step that was down in this incident is healthy again, and no call failed since.
    fn by_probes(&self, parts: &[Part], proofs: &[PartProof]) -> Option<Recovery> {
        if !self.is_seen_by_probes() {
            return None;
        }
        let from = before(self.incident.since, PROBED_BEFORE);
        let was_down = |step: &StepRecord| step.down_last.is_some_and(|down| down >= from);
        let steps: BTreeMap<Operation, &StepRecord> =
            self.view.probe.steps.iter().filter(|(_, step)| was_down(step)).map(|(of, step)| (*of, step)).collect();
        // A probe cannot confirm a part that no probe saw down.
        let mut open = parts.iter().zip(proofs).filter(|(_, proof)| proof.over_at.is_none());
        if steps.is_empty() || open.any(|(part, _)| part.operation.is_some_and(|of| !steps.contains_key(&of))) {
            return None;
        }
        let latest = parts.iter().filter_map(|part| self.latest_failure(part)).max();
        let mut over_at = None;
        let mut reasons = Vec::new();
        for (operation, step) in steps {
            let span = self.policy.proof_probes_span;
            let last = self.healthy_until(step, latest, self.doubled(span))?;
            over_at = over_at.max(Some(last));
            reasons.push(format!(
                "{operation} was down for the probe and is healthy, {} times since {}",
                step.healthy_times,
                clock(step.healthy_since?)
            ));
        }
        reasons.push(latest.map_or_else(
            || "no call has failed in the last hour".to_owned(),
            |failed| format!("the last call failed at {}", clock(failed)),
        ));
        Some(Recovery { over_at, proved: true, reasons, ..Recovery::default() })
    }

    /// The latest of a step's healthy answers, if there are enough of them over at least `span` without a failure.
    fn healthy_until(&self, step: &StepRecord, failed: Option<Timestamp>, span: Duration) -> Option<Timestamp> {
        let (since, last) = (step.healthy_since?, step.healthy_last?.min(self.now));
        // A call in flight may fail a moment after the first healthy probe.
        let quiet_since = failed.map_or(since, |failed| failed.max(since));
        let lasted = Duration::try_from(last.duration_since(quiet_since)).ok()?;
        let is_proved = step.healthy_times as usize >= self.policy.proof_probes
            && lasted >= span
            && step.down_last.is_none_or(|down| down < since);
        is_proved.then_some(last)
    }

    /// Nobody calls there any more. Silence is no proof: healthy probes of each step that failed are, and where nothing
    /// can ever be proof, it ends without.
    fn by_silence(&self, parts: &[Part]) -> Option<Recovery> {
        let policy = self.policy;
        // Nothing older than the evidence is known, so calls cannot show a longer silence.
        let quiet = policy.quiet.min(policy.evidence);
        let failed = parts.iter().filter_map(|part| self.latest_failure(part)).max();
        let failed = failed.max(self.incident.last_failure).unwrap_or(self.incident.opened_at);
        let can_be_proved = self.can_be_proved(parts);
        let reported = self.incident.opened_at.max(self.incident.reopened_at.unwrap_or(Timestamp::MIN));
        let given_up = |over_at: Timestamp| {
            let reason =
                format!("no call has failed since {}, and nothing else confirms that it is over", clock(failed));
            Recovery { over_at: Some(over_at), reasons: vec![reason], ..Recovery::default() }
        };
        if !can_be_proved {
            let over_at = failed.max(reported).checked_add(quiet).ok();
            return over_at.filter(|over_at| *over_at <= self.now).map(given_up);
        }
        let called = parts.iter().filter_map(|part| self.latest_served(part)).max().max(Some(failed))?;
        let silent = called.checked_add(quiet).ok().filter(|silent| *silent <= self.now);
        silent?;
        if let Some(over_at) = self.probed_healthy(parts, failed) {
            let reason =
                format!("nobody has called since {}, and probes of each step that failed are healthy", clock(called));
            return Some(Recovery {
                over_at: Some(over_at),
                proved: true,
                reasons: vec![reason],
                ..Recovery::default()
            });
        }
        let end = if self.incident.scope.shared.is_some() { policy.quiet_end_apart } else { policy.quiet_end };
        let ended = called.checked_add(end).ok().filter(|ended| *ended <= self.now);
        if let Some(ended) = ended {
            return Some(given_up(ended));
        }
        let reason = format!("nobody has called since {}: that confirms nothing", clock(called));
        Some(Recovery { silent_since: Some(called), reasons: vec![reason], ..Recovery::default() })
    }

    /// Whether anything but silence can ever be proof: calls that are seen to be served there, or probes.
    fn can_be_proved(&self, parts: &[Part]) -> bool {
        let learned = &self.view.learned;
        let is_probed =
            self.view.probe.latest.as_ref().is_some_and(|latest| latest.at >= before(self.now, PROBED_LATELY));
        is_probed
            || parts.iter().any(|part| match part.operation.map(Cell::Operation) {
                Some(cell) => learned.cells.get(&cell).is_some_and(|known| !known.succeeded.is_empty()),
                None => !learned.succeeded.is_empty(),
            })
            || self
                .slots
                .iter()
                .any(|(_, slot)| slot.served.iter().any(|call| parts.iter().any(|part| self.hears(part, call))))
    }

    /// Until when probes have found every step that failed healthy, long enough after the latest failure.
    fn probed_healthy(&self, parts: &[Part], failed: Timestamp) -> Option<Timestamp> {
        if !self.is_seen_by_probes() {
            return None;
        }
        let span = self.doubled(self.policy.quiet_probes);
        let until = |part: &Part| {
            let steps = &self.view.probe.steps;
            let step = steps.get(&part.operation.unwrap_or(Operation::CreateToken))?;
            self.healthy_until(step, Some(failed), span)
        };
        parts.iter().map(until).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// No caller is needed: probes of that very step have been healthy for long, and no call has failed since.
    fn proved_by_probes(&self, part: &Part, failed: Option<Timestamp>) -> Option<Timestamp> {
        if !self.is_seen_by_probes() {
            return None;
        }
        let operation = part.operation?;
        let step = self.view.probe.steps.get(&operation)?;
        let failed = failed.max(Some(part.last_failure));
        // One that was down is confirmed sooner, with the others.
        self.healthy_until(step, failed, self.doubled(self.policy.quiet_probes))
    }

    /// Whether what occurred in that time would be an outage by itself: one that has become smaller is not over.
    fn would_open_again(&self, part: &Part, wait: Duration) -> bool {
        if self.incident.concern != Concern::Service {
            return false;
        }
        let calls = Calls::of(self.view, self.policy, self.now, |mark| self.counts(part, mark));
        calls.runs(Some(before(self.now, wait))).iter().any(|run| run.crossed_at.is_some())
    }

    /// How long recovery must last. Of more than half of the evidence nothing can be said, because the rest must show
    /// the failures before.
    fn wait(&self) -> Duration {
        let policy = self.policy;
        self.doubled(policy.proof).min(policy.proof.max(policy.evidence / 2))
    }

    fn doubled(&self, span: Duration) -> Duration {
        span.saturating_mul(2_u32.saturating_pow(self.incident.reopened))
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}
