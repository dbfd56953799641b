//! Whether an incident is over: the mirror of the test that opened it.
//!
//! In: the [`View`] of a region with an open incident. Out: a [`Recovery`]. Pure. People who give up make no more
//! failures, so silence proves nothing: served calls do ([`proof`]), and probes of a rung that was down. An incident that
//! nothing keeps open ends after a long silence all the same, and says that nothing proves it.

mod open_incident;
mod proof;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use triage_model::observation::Origin;
use triage_model::time::before;

use self::open_incident::OpenIncident;
use self::proof::Proof;
use crate::concern::Concern;
use crate::ledger::Incident;
use crate::policy::Policy;
use crate::probe_record::RungRecord;
use crate::sequential::test_since;
use crate::verdict::Recovery;
use crate::view::View;

/// A rung that was down a little before the incident's first failure was down because of it.
const PROBED_BEFORE: Duration = Duration::from_secs(5 * 60);

pub fn recovery(view: &View, incident: &Incident, policy: &Policy, now: Timestamp) -> Recovery {
    let open = OpenIncident::new(view, incident, policy, now);
    let calls = open.by_calls();
    if calls.over_at.is_some() {
        return calls;
    }
    open.by_probes().or_else(|| open.by_silence()).unwrap_or(calls)
}

impl OpenIncident<'_> {
    fn by_calls(&self) -> Recovery {
        let proof = Proof::of(self);
        let wait = self.wait();
        let waits_until = proof.zero_at.checked_add(wait).unwrap_or(Timestamp::MAX);
        let calls = format!(
            "{} calls of {} callers were served since {} and {}",
            proof.served.round(),
            proof.callers.len(),
            clock(proof.zero_at),
            if proof.failed < 0.5 { "none failed".to_owned() } else { format!("{} failed", proof.failed.round()) },
        );
        let over = |over_at, missing: Option<String>| Recovery {
            over_at,
            proved: true,
            reasons: std::iter::once(calls.clone()).chain(missing).collect(),
        };
        let Some(proved_at) = proof.proved_at else {
            let odds = proof.sum.exp().round();
            let policy = self.policy;
            let missing = format!(
                "odds of {odds} to 1 that it is over; it takes {} to 1, {} calls and {} callers",
                policy.proof_odds, policy.proof_calls, policy.proof_callers
            );
            return over(None, Some(missing));
        };
        if waits_until > self.now {
            return over(None, Some(format!("it must last until {}", clock(waits_until))));
        }
        if self.would_open_again(wait) {
            return over(None, Some("calls since then would open it again".to_owned()));
        }
        let odds = format!("odds of more than {} to 1 that it is over", self.policy.proof_odds);
        over(Some(proved_at.max(waits_until).min(self.now)), Some(odds))
    }

    /// Every rung that was down in this incident is well again, and nobody failed since.
    fn by_probes(&self) -> Option<Recovery> {
        match self.incident.concern {
            Concern::Service => {}
            Concern::Admin { .. } | Concern::Request { .. } => return None,
        }
        let from = before(self.incident.since, PROBED_BEFORE);
        let was_down = |rung: &RungRecord| rung.down_last.is_some_and(|down| down >= from);
        let rungs: Vec<_> = self.view.probe.rungs.iter().filter(|(_, rung)| was_down(rung)).collect();
        let latest = self.latest_failure();
        let mut over_at = None;
        let mut reasons = Vec::new();
        for (operation, rung) in rungs {
            let (since, last) = (rung.healthy_since?, rung.healthy_last?.min(self.now));
            // A call in flight may fail a moment after the first healthy probe.
            let quiet_since = latest.map_or(since, |failed| failed.max(since));
            let span = Duration::try_from(last.duration_since(quiet_since)).ok()?;
            let is_proved = rung.healthy_times as usize >= self.policy.proof_probes
                && span >= self.doubled(self.policy.proof_probes_span)
                && rung.down_last.is_none_or(|down| down < since);
            if !is_proved {
                return None;
            }
            over_at = over_at.max(Some(last));
            let times = rung.healthy_times;
            reasons.push(format!(
                "{operation} was down for the probe and is healthy, {times} times since {}",
                clock(since)
            ));
        }
        reasons.push(latest.map_or_else(
            || "no call has failed in the last hour".to_owned(),
            |failed| format!("the last call failed at {}", clock(failed)),
        ));
        over_at.map(|over_at| Recovery { over_at: Some(over_at), proved: true, reasons })
    }

    /// A long silence.
    fn by_silence(&self) -> Option<Recovery> {
        // What is older than the evidence is not known, so that a longer silence cannot be told.
        let quiet = self.policy.quiet.min(self.policy.evidence);
        let told = self.incident.opened_at.max(self.incident.reopened_at.unwrap_or(Timestamp::MIN));
        let latest = self.latest_failure().map_or(told, |failed| failed.max(told));
        let over_at = latest.checked_add(quiet).ok().filter(|over_at| *over_at <= self.now)?;
        let reason = format!("no call has failed since {}, and nothing but this silence proves it", clock(latest));
        Some(Recovery { over_at: Some(over_at), proved: false, reasons: vec![reason] })
    }

    /// Whether what occurred in that time would be an outage by itself: one that has become smaller is not over.
    fn would_open_again(&self, wait: Duration) -> bool {
        let since = Some(before(self.now, wait));
        let opens = |origin| test_since(self.view, origin, self.policy, since, self.now);
        self.incident.concern == Concern::Service
            && Origin::ALL.into_iter().filter_map(opens).any(|run| run.crossed_at.is_some())
    }

    /// How long recovery must last. Of more than half of the evidence nothing can be said, because the rest must show the
    /// failures before.
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
