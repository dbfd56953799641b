//! The one place that puts the stages in order: decode, classify, record, retry, probe, diagnose, notify, answer.
//!
//! In: one payload and one [`Invocation`]. Out: what became of it ([`Handled`]). It owns no rule: each stage decides
//! for itself. A failure of a port (store, SSO OIDC, SNS) or the deadline ends as a named problem or, if a notice could
//! not be sent, as an [`Error`](crate::error::Error) that makes Lambda deliver the event again.

mod alone;
mod case;
pub mod classified;
mod decide;
mod deliver;
mod doubt;
mod group;
mod late;
mod names;
mod objects;
mod operator;
mod parts;
mod people;
mod probe;
mod record;
mod regions;
mod retry;
mod schedule;
mod silence;
mod sort;
pub mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use triage_decide::objective::Objective;
use triage_decide::policy::Policy;
use triage_decode::trust::{Alias, Trust, account_of_arn};
use triage_decode::{Batch, Setting, decode_while};
use triage_model::region::Region;
use triage_model::time::before;

use self::case::{Case, Work};
pub use self::parts::Pipeline;
use self::schedule::Schedule;
use crate::directory::Directory;
use crate::handled::{Handled, Invocation};
use crate::memory::MemoryStore;
use crate::objects::Objects;
use crate::publish::Publish;
use crate::service::{Nobody, Service};
use crate::settings::Settings;
use crate::store::Store;
use crate::unnamed::unnamed;

impl Pipeline<MemoryStore, Nobody, Nobody> {
    /// Evaluates a batch. Without a network nothing waits, so there is nothing to await.
    pub fn evaluate_at_once(&self, batch: Batch, invocation: &Invocation) -> Handled {
        self.evaluate(batch, invocation).now_or_never().expect("nothing in memory waits")
    }

    /// Skips a tick that would change nothing and send nothing. False if it must be evaluated; then nothing has
    /// happened.
    pub fn pass_tick(&self, now: Timestamp) -> bool {
        self.late.is_empty() && self.store.pass_tick(&self.settings.policy, now)
    }

    /// The shares of calls that worked, as a tick finds them.
    pub fn objectives(&self, now: Timestamp) -> BTreeMap<Region, Objective> {
        self.store.objectives(&self.settings.policy, now)
    }

    /// Whether all is calm ([`is_calm`](triage_decide::calm::is_calm)), and stays so with `more` further refusals.
    pub fn is_calm(&self, more: usize) -> bool {
        self.late.is_empty() && self.store.is_calm(&self.settings.policy, more)
    }

    /// A copy with the same past, and another policy from here on.
    pub fn fork(&self, policy: Policy) -> Self {
        let settings = Settings { policy, ..self.settings.clone() };
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            late: self.late.clone(),
            seen: Mutex::new(seen),
            reported: Mutex::new(reported),
            acts_on_archives: self.acts_on_archives,
            ..Self::new(settings, self.store.clone(), None, None, None)
        }
    }

    /// Whether both have the same state, so that one policy would take both the same way.
    pub fn is_as_far_as(&self, other: &Self) -> bool {
        self.late.is_empty() && other.late.is_empty() && self.store == other.store
    }
}

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// Decodes a payload and evaluates it. Objects that it names are not read.
    pub async fn handle(&self, payload: &str, invocation: &Invocation) -> Handled {
        self.handle_with(payload, invocation, None::<&Nobody>).await
    }

    /// Decodes a payload, reads the objects that it names, and evaluates all of it.
    pub async fn handle_with<X: Objects>(
        &self,
        payload: &str,
        invocation: &Invocation,
        objects: Option<&X>,
    ) -> Handled {
        // After the time for calls there is no time left to report the rest.
        let ask_until = Schedule::of(invocation).ask_until;
        let is_time_left = || Instant::now() < ask_until;
        let setting = self.setting(invocation.now, &invocation.invoked_arn);
        let mut batch = decode_while(&is_time_left, payload, &setting);
        if let Some(bucket) = objects
            && !batch.objects.is_empty()
        {
            // Rarely run, and with the buffers of a file.
            Box::pin(objects::read(&mut batch, bucket, &setting, ask_until)).await;
        }
        self.evaluate(batch, invocation).await
    }

    /// What the decoder must know beforehand.
    pub fn setting(&self, now: Timestamp, invoked_arn: &str) -> Setting {
        let alias = Alias::of_invoked_arn(invoked_arn);
        Setting {
            now,
            horizon: before(now, self.settings.policy.evidence),
            regions: self.settings.known_regions.clone(),
            default_region: self.settings.region.clone(),
            own_log_groups: self.settings.own_log_groups.clone(),
            trust: Trust {
                alias,
                // A sample event of a local run may be of any account.
                account: account_of_arn(invoked_arn).filter(|_| alias != Alias::None).map(str::to_owned),
                ..self.settings.trust.clone()
            },
            own_request_ids: self.service.as_ref().map(Service::own_request_ids).unwrap_or_default(),
            own_client_ids: self.service.as_ref().map(Service::own_client_ids).unwrap_or_default(),
        }
    }

    /// Evaluates a batch.
    pub async fn evaluate(&self, mut batch: Batch, invocation: &Invocation) -> Handled {
        let request = batch.request.take();
        let (mut case, observations) = Case::open(batch, invocation, self.settings.mode);
        if let Some(request) = request {
            self.ask(&request, invocation, &mut case).await;
            return case.close(Vec::new(), self.service.is_none());
        }
        let (mut classified, mut work) = self.sort(observations, &mut case, invocation).await;
        self.record(&mut classified, &mut work, &mut case).await;
        self.retry(&mut classified, &mut case).await;
        self.probe(&mut classified, &mut work, &mut case).await;
        let Work { evaluate, is_tick, .. } = work;
        self.decide(&evaluate, is_tick, &mut case).await;
        self.flush(&evaluate, is_tick, &mut case).await;
        let mut handled = case.close(classified, self.service.is_none());
        if self.settings.hides_names() {
            handled.answer.problems.reword(|detail| unnamed(detail).into_owned());
        }
        handled
    }

    /// Writes what was gathered, and evaluates its regions with an open incident: a served call may end it.
    async fn flush(&self, classified: &BTreeSet<Region>, is_tick: bool, case: &mut Case) {
        let at = case.schedule.to_decide();
        let (regions, trouble) = self.store.flush(at).await;
        case.note_store_error(trouble);
        let mut in_trouble = BTreeSet::new();
        let is_decided = |region: &Region| self.group_of(region).iter().any(|one| classified.contains(one));
        for region in regions.into_iter().filter(|region| !is_decided(region)) {
            if self.store.has_open_incident(&region, at).await {
                in_trouble.insert(region);
            }
        }
        self.decide(&in_trouble, is_tick, case).await;
    }
}
