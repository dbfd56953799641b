//! Probing the regions with a service failure that no retry cured, and those that a tick asks for.
//!
//! In: the failures of a batch and the regions to probe. Out: in the [`Case`] each region's answer, and on the failures
//! what it says of them. Steps that fail in an open incident are probed themselves. Each region is probed at most once
//! in the policy's interval, by one elected sandbox; the others use the answer that is there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use triage_decide::concern::Concern;
use triage_decide::ledger::{Incident, Ledger};
use triage_decide::probe::{ProbeAnswer, StepState};
use triage_decide::view::StoreError;
use triage_model::observation::Operation;
use triage_model::region::Region;
use triage_model::time::before;

use super::case::{Case, Work};
use super::classified::ClassifiedFailure;
use super::parts::{CALLS_IN_FLIGHT, Pipeline};
use super::schedule::Schedule;
use crate::answer::{Action, Outcome};
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::{Elected, Store};

/// With less time than this a sandbox does not stand for election: it could not distinguish a silent service from its
/// own lack of time, and the election would be wasted.
const PROBE_NEEDS: Duration = Duration::from_secs(4);

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    pub(super) async fn probe(&self, classified: &mut [ClassifiedFailure], work: &mut Work, case: &mut Case) {
        let Some(service) = &self.service else { return };
        let troubled = classified.iter().filter(|one| one.is_service_failure() && !one.is_cured());
        work.probe.extend(troubled.filter_map(|one| one.failure.region.clone()));
        if work.is_tick {
            for region in &work.evaluate - &work.probe {
                if self.store.view(&region, false, case.schedule.to_decide()).await.ledger.open().is_some() {
                    work.probe.insert(region);
                }
            }
        }
        let regions = std::mem::take(&mut work.probe);
        if regions.is_empty() || case.is_late_to_ask(regions.len(), "regions were not probed") {
            return;
        }
        let probes = regions.iter().map(|region| self.probe_region(service, region, &case.schedule));
        let answers: Vec<_> = stream::iter(probes).buffered(CALLS_IN_FLIGHT).collect().await;
        for (region, (answer, trouble)) in regions.into_iter().zip(answers) {
            case.note_store_error(trouble);
            case.draft.probes.extend(answer.map(|answer| (region, answer)));
        }
        let recorded = |one: &&mut ClassifiedFailure| one.is_service_failure() && one.action() == Action::Recorded;
        for one in classified.iter_mut().filter(recorded) {
            let answer = one.failure.region.as_ref().and_then(|region| case.draft.probes.get(region));
            one.probed = answer.map(|answer| outcome_of(answer, one.failure.operation));
        }
    }

    /// Probes the region if this sandbox is elected; else gives the latest answer, if it is not old.
    pub(super) async fn probe_region(
        &self,
        service: &O,
        region: &Region,
        schedule: &Schedule,
    ) -> (Option<ProbeAnswer>, Option<StoreError>) {
        let (now, at, until) = (schedule.now, schedule.to_decide(), schedule.ask_until);
        let interval = self.settings.policy.probe_interval;
        let view = self.store.view(region, false, at).await;
        service.note_own(&view.probe);
        let is_asked = view.is_being_probed(now, interval);
        let latest = view.probe.latest.filter(|latest| latest.at > before(now, interval));
        let too_late = until.saturating_duration_since(Instant::now()) < PROBE_NEEDS;
        if latest.is_some() || is_asked || too_late {
            return (latest, view.trouble);
        }
        match self.store.elect_probe(region, interval, at).await {
            Ok(Elected::Yes) => {}
            // The elected sandbox's answer is a moment away; the tick or the next failure uses it.
            Ok(Elected::No) => return (None, view.trouble),
            Err(error) => return (None, Some(error)),
        }
        // Only the elected sandbox writes the record, so it must be the newest that this one builds on.
        let view = self.store.view(region, true, at).await;
        if view.trouble.is_some() {
            return (None, view.trouble);
        }
        let (start_url, affected) = (self.settings.start_url_in(region), affected_steps(&view.ledger));
        let record = service.probe(region, start_url, &affected, &view.probe, now, until).await;
        let kept = self.store.record_probe(region, &record, at).await;
        // If our own deadline cuts the probe short, the record keeps the answer before.
        (record.latest.filter(|latest| latest.at == now), kept.err().or(view.trouble))
    }
}

/// The steps that fail in the region's open incident of the service, as far as they have names. A step that is
/// confirmed to work again counts as well: only all of them together resolve the incident.
fn affected_steps(ledger: &Ledger) -> BTreeSet<Operation> {
    let open = ledger.open().filter(|incident| incident.concern == Concern::Service);
    let steps = |incident: &Incident| {
        let parts = incident.parts.iter().filter_map(|part| part.operation);
        parts.chain(incident.scope.operations.iter().flatten().copied()).collect()
    };
    open.map(steps).unwrap_or_default()
}

/// What a probe's answer says of a recorded failure. Its own step decides, whatever the others answered; without that
/// step, all of them together. Healthy steps say something of RegisterClient only where one of them used an earlier
/// registration: an invented client builds on no step before it. A probe does not sign: it says nothing of
/// CreateTokenWithIAM.
fn outcome_of(answer: &ProbeAnswer, operation: Option<Operation>) -> Outcome {
    let own = operation.and_then(|operation| answer.of(operation));
    let vouches = || match operation {
        None => true,
        Some(Operation::RegisterClient) => used_a_registration(answer),
        Some(Operation::StartDeviceAuthorization | Operation::CreateToken | Operation::CreateTokenWithIam) => false,
    };
    match own.unwrap_or_else(|| answer.worst()) {
        StepState::Healthy if own.is_some() || vouches() => Outcome::Recovered,
        StepState::Down => Outcome::StillFailing,
        StepState::Healthy | StepState::Unknown | StepState::Unexpected => Outcome::Unknown,
    }
}

/// An invented client is refused at best, and the refusal is kept.
fn used_a_registration(answer: &ProbeAnswer) -> bool {
    answer.steps.iter().any(|step| step.operation == Operation::StartDeviceAuthorization && step.fault.is_none())
}

#[cfg(test)]
mod tests;
