//! The one place that puts the stages in order: decode, classify, record, retry, probe, diagnose, tell, answer.
//!
//! In: one payload and one [`Invocation`]. Out: what became of it ([`Handled`]). It owns no rule: each stage decides for
//! itself, and each failure of a neighbour (store, SSO OIDC, SNS, the deadline) ends as a named problem or, if
//! something had to be told and nobody took it, as an [`Error`](crate::error::Error) that makes Lambda deliver the event
//! again.

mod case;
mod decide;
mod deliver;
pub mod judged;
mod late;
mod probe;
mod record;
mod retry;
mod schedule;
mod sort;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Mutex;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use triage_decode::{Batch, Setting, decode};
use triage_model::region::Region;
use triage_model::time::before;
use triage_notify::letter::Channel;

use self::case::{Case, Work};
use self::late::Late;
use crate::handled::{Handled, Invocation};
use crate::memory::MemoryStore;
use crate::publish::Publish;
use crate::seen_ids::SeenIds;
use crate::service::{Nobody, Service};
use crate::settings::Settings;
use crate::store::Store;

/// Calls of ours in flight at once, retries or probes: an outage must not become our storm.
const CALLS_IN_FLIGHT: usize = 8;

pub struct Pipeline<S, O, P> {
    pub settings: Settings,
    pub store: S,
    /// None where nothing may be asked.
    service: Option<O>,
    /// None where notices go to the log only.
    publisher: Option<P>,
    /// Who is told.
    channels: Vec<Channel>,
    /// Whether events out of an archive (`replay-name`) are acted on: only replay does.
    acts_on_archives: bool,
    /// What this sandbox told without the store.
    alone: decide::Alone,
    late: Late,
    seen: Mutex<SeenIds>,
}

/// Without a network: a history, an event to be explained, a test.
impl Pipeline<MemoryStore, Nobody, Nobody> {
    /// Nothing is asked, nobody is told, and what comes out of an archive is as good as what is new.
    pub fn of_a_history(settings: Settings) -> Self {
        Self { acts_on_archives: true, ..Self::offline(settings) }
    }

    /// Nothing is asked, and nobody is told.
    pub fn offline(settings: Settings) -> Self {
        let store = MemoryStore::new(settings.policy.evidence, settings.policy.gather);
        Self::new(settings, store, None, None)
    }

    /// Judges what a batch tells. Nothing waits where nobody is asked, so there is nothing to await.
    pub fn judge_at_once(&self, batch: Batch, invocation: &Invocation) -> Handled {
        self.judge(batch, invocation).now_or_never().expect("nothing in memory waits")
    }
}

impl<S: Store, O: Service, P: Publish> Pipeline<S, O, P> {
    pub fn new(settings: Settings, store: S, service: Option<O>, publisher: Option<P>) -> Self {
        let channels = publisher.as_ref().map_or_else(|| vec![Channel::Topic], Publish::channels);
        Self {
            settings,
            store,
            service,
            publisher,
            channels,
            acts_on_archives: false,
            alone: decide::Alone::default(),
            late: Late::default(),
            seen: Mutex::default(),
        }
    }

    /// Decodes a payload and judges what it tells.
    pub async fn handle(&self, payload: &str, invocation: &Invocation) -> Handled {
        self.judge(decode(payload, &self.setting(invocation.now)), invocation).await
    }

    /// What the decoder must know beforehand.
    pub fn setting(&self, now: Timestamp) -> Setting {
        Setting {
            now,
            horizon: before(now, self.settings.policy.evidence),
            regions: self.settings.known_regions.clone(),
            default_region: self.settings.region.clone(),
            own_log_groups: self.settings.own_log_groups.clone(),
            own_client_ids: self.service.as_ref().map(Service::own_client_ids).unwrap_or_default(),
        }
    }

    /// Judges what a batch tells.
    pub async fn judge(&self, batch: Batch, invocation: &Invocation) -> Handled {
        let (mut case, observations) = Case::open(batch, invocation, self.settings.mode);
        let (mut judged, mut work) = self.sort(observations, &mut case, invocation).await;
        self.record(&mut judged, &mut work, &mut case).await;
        self.retry(&mut judged, &mut case).await;
        self.probe(&mut judged, &mut work, &mut case).await;
        let Work { judge, is_tick, .. } = work;
        self.decide(&judge, is_tick, &mut case).await;
        self.flush(&judge, is_tick, &mut case).await;
        case.close(judged)
    }

    /// Writes what was gathered, and judges the regions in trouble that it is of: a served call may end an incident.
    async fn flush(&self, judged: &BTreeSet<Region>, is_tick: bool, case: &mut Case) {
        let at = case.schedule.to_decide();
        let (regions, trouble) = self.store.flush(at).await;
        case.troubled_by(trouble);
        let mut in_trouble = BTreeSet::new();
        for region in regions.into_iter().filter(|region| !judged.contains(region)) {
            let view = self.store.view(&region, false, at).await;
            if view.ledger.open().is_some() {
                in_trouble.insert(region);
            }
        }
        self.decide(&in_trouble, is_tick, case).await;
    }
}
