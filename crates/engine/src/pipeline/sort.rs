//! Classifying the failures of a batch, and gathering what was seen of each region.
//!
//! In: observations, in the order of the input. Out: each failure as [`ClassifiedFailure`], and the [`Work`] that the batch asks for.

use std::sync::{MutexGuard, PoisonError};

use jiff::Timestamp;
use triage_decide::evidence::mark::{Answered, ServedCall};
use triage_decode::trust::Alias;
use triage_model::caller::CallerHasher;
use triage_model::classify::classify;
use triage_model::observation::{Failure, HealthIssue, Observation, Success, Tick};
use triage_model::problem::ProblemName;
use triage_model::time::before;

use super::case::{Case, NotSent, Work};
use super::classified::{Age, ClassifiedFailure, not_ahead, see_talker, whole_second};
use super::parts::Pipeline;
use super::regions::doubt;
use crate::call_callers::CallCallers;
use crate::common::Common;
use crate::directory::Directory;
use crate::handled::{Call, Invocation};
use crate::known_clients::{KnownClients, ServedAs};
use crate::publish::Publish;
use crate::service::Service;
use crate::store::Store;
use crate::unnamed::{unname, unname_issue};

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    pub(super) async fn sort(
        &self,
        observations: Vec<Observation>,
        case: &mut Case,
        invocation: &Invocation,
    ) -> (Vec<ClassifiedFailure>, Work) {
        let now = case.schedule.now;
        let oldest = before(now, self.settings.policy.evidence);
        let (hasher, trouble) = self.store.hasher(case.schedule.to_decide()).await;
        case.note_store_error(trouble);
        let (mut classified, mut work) = (Vec::new(), Work::default());
        let mut served = 0_u32;
        let doubted = self.doubted_regions(&observations, case).await;
        self.clients().learn(&observations);
        for (position, observation) in observations.into_iter().enumerate() {
            match observation {
                Observation::Failure(mut failure) => {
                    failure.occurred_at = not_ahead(failure.occurred_at, now);
                    if failure.id.is_empty() {
                        failure.id = invocation.id.clone();
                    }
                    self.call_callers().cap(&mut failure, now);
                    let age = self.age(&failure, oldest);
                    let age = match failure.region.as_ref().filter(|region| doubted.contains(region)) {
                        Some(region) if age != Age::Idle => {
                            case.draft.problems.note(ProblemName::SourceNotBelieved, doubt(region));
                            if age == Age::Live { Age::Foreign } else { Age::Idle }
                        }
                        Some(_) | None => age,
                    };
                    let caller = self.clients().failed(&mut failure, &hasher);
                    if self.settings.hides_names() {
                        unname(failure.texts(), &hasher);
                    }
                    classified.push(ClassifiedFailure {
                        class: classify(&*failure),
                        caller,
                        common: Common::from(&*failure),
                        age,
                        duplicate: !self.is_new(&failure.id),
                        position,
                        retried: None,
                        probed: None,
                        failure,
                    });
                }
                Observation::Success(mut success) => {
                    case.draft.counts.success += 1;
                    let acts = !success.answer_only && (!success.replayed || self.acts_on_archives);
                    if acts && success.occurred_at >= oldest {
                        served += 1;
                        let call = self.see_success(&mut success, &hasher, &mut work, now);
                        // Whoever asks no service reviews a history.
                        case.draft.calls.extend(call.filter(|_| self.service.is_none()));
                    }
                }
                Observation::HealthIssue(mut issue) => {
                    if self.settings.hides_names() {
                        unname_issue(&mut issue);
                    }
                    self.take_health(&issue, &mut work, case).await;
                }
                Observation::Tick(tick) => self.take_tick(&tick, &mut work, case).await,
            }
        }
        if Alias::of_invoked_arn(&invocation.invoked_arn) != Alias::Direct {
            self.doubt(&mut work, case);
        }
        if let Some(service) = &self.service {
            service.served(served);
        }
        (classified, work)
    }

    fn age(&self, failure: &Failure, oldest: Timestamp) -> Age {
        match failure.region {
            Some(_) if failure.answer_only || failure.replayed && !self.acts_on_archives => Age::Idle,
            Some(_) if failure.occurred_at >= oldest => Age::Live,
            Some(_) if !failure.replayed => Age::Late,
            Some(_) | None => Age::Idle,
        }
    }

    fn call_callers(&self) -> MutexGuard<'_, CallCallers> {
        self.call_callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, KnownClients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this sandbox sees that failure or success for the first time.
    fn is_new(&self, id: &str) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).is_new(id)
    }

    /// The call as it counts; None where it was seen before.
    fn see_success(
        &self,
        success: &mut Success,
        hasher: &CallerHasher,
        work: &mut Work,
        now: Timestamp,
    ) -> Option<Call> {
        let region = success.region.clone()?;
        if !self.is_new(&success.id) {
            return None;
        }
        let at = whole_second(not_ahead(success.occurred_at, now));
        let ServedAs { caller, failed_as } = self.clients().served(success, hasher);
        let is_person = success.caller.is_person();
        if self.settings.hides_names() {
            unname(success.texts(), hasher);
        }
        let call = ServedCall {
            at,
            caller,
            operation: Some(success.operation),
            origin: success.origin,
            traits: Common::from(&*success).traits(),
            pending: false,
            was_hit: false,
        };
        let seen = work.seen.entry(region.clone()).or_default();
        for caller in std::iter::once(caller).chain(failed_as) {
            seen.answered.push(Answered { call: ServedCall { caller, ..call }, served: true });
        }
        see_talker(seen, Some(success.operation), success.user_agent.as_deref(), success.address.as_deref(), at);
        let ServedCall { operation, traits, .. } = call;
        Some(Call { at, region, caller, is_person, operation, traits, failed: None })
    }

    /// A tick evaluates every known region, and probes the configured ones, unless a later tick has overtaken it.
    async fn take_tick(&self, tick: &Tick, work: &mut Work, case: &mut Case) {
        if tick.occurred_at < before(case.schedule.now, self.settings.policy.tick_age) {
            case.draft.problems.note(ProblemName::TickLate, format!("the tick of {} came too late", tick.occurred_at));
            return;
        }
        work.is_tick = true;
        case.draft.measured.ticks += 1;
        work.probe.extend(self.settings.regions.iter().cloned());
        work.evaluate.extend(self.settings.regions.iter().cloned());
        match self.store.regions(case.schedule.to_decide()).await {
            Ok(regions) => work.evaluate.extend(regions),
            Err(error) => case.note_store_error(Some(error)),
        }
    }

    /// Records an issue of AWS Health, and evaluates the regions that it is about.
    async fn take_health(&self, issue: &HealthIssue, work: &mut Work, case: &mut Case) {
        let Self { settings, store, .. } = self;
        if let Err(error) = store.record_health(issue, case.schedule.to_decide()).await {
            // AWS reports it once: the event must come again.
            let region = issue.region.as_ref().unwrap_or(&settings.region).clone();
            case.draft
                .not_sent
                .push(NotSent { region, reason: format!("an issue of AWS Health was not kept: {error}") });
            case.note_store_error(Some(error));
        }
        match &issue.region {
            Some(region) if settings.regions.contains(region) || *region == settings.region => {
                work.evaluate.insert(region.clone());
            }
            // Without users of ours there is nothing to evaluate; with some, the next tick does it.
            Some(_) => {}
            None => work.evaluate.extend(settings.regions.iter().cloned()),
        }
    }
}
