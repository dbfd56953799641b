//! The calls we make ourselves: retries and probes.
//!
//! In: a failure with its inputs, or a region. Out: how the retry ended, or what each step of the probe answered. This
//! is the shell around `aws-sdk-ssooidc`; [`triage_model::classify`] decides what an answer means. The SDK's inputs,
//! outputs and errors are never logged or printed: their Debug shows device codes and whole bodies.

mod clients;
mod control;
#[cfg(test)]
mod fake;
mod fault;
mod probe;
mod retry;
mod stranger;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use aws_config::SdkConfig;
use jiff::Timestamp;
use triage_decide::probe::StepState;
use triage_decide::probe_record::ProbeRecord;
use triage_engine::backoff::{Backoff, TokenBucket};
use triage_engine::retry::{NotRepeatable, RetryReport};
use triage_engine::service::Service;
use triage_model::classify::Class;
use triage_model::observation::{Failure, Operation};
use triage_model::partition::Partition;
use triage_model::region::Region;

pub use clients::Clients;
pub use retry::{Limits, retry};

/// Retries and probes of one sandbox: it keeps the clients and the retry budget between invocations. The store keeps
/// what probes found.
#[derive(Debug)]
pub struct Oidc {
    clients: Clients,
    backoff: Backoff,
    bucket: TokenBucket,
    own_client_ids: Mutex<BTreeSet<String>>,
}

impl Oidc {
    pub fn new(base: SdkConfig, backoff: Backoff) -> Self {
        Self { clients: Clients::new(base), backoff, bucket: TokenBucket::full(), own_client_ids: Mutex::default() }
    }

    /// Builds the clients of these regions before the first event comes, when nobody waits.
    pub fn prepare(&self, regions: &[Region]) {
        for region in regions {
            self.clients.of(region);
            self.own(invented_client_ids(region));
        }
    }

    fn own(&self, client_ids: impl IntoIterator<Item = String>) {
        self.own_client_ids.lock().unwrap_or_else(PoisonError::into_inner).extend(client_ids);
    }
}

impl Service for Oidc {
    /// Retries the failed call until it succeeds, cannot succeed, or `deadline` is near.
    async fn retry(&self, failure: &Failure, class: &Class, deadline: Instant) -> Result<RetryReport, NotRepeatable> {
        let region = failure.region.as_ref().ok_or(NotRepeatable::NoRegion)?;
        let limits = Limits { backoff: &self.backoff, bucket: &self.bucket, deadline };
        retry(&self.clients.of(region), failure, class, limits, &mut fastrand::Rng::new()).await
    }

    /// Probes the service of a region, and adds the answer to its record; the caller stores it. There is no new answer
    /// (`latest` is unchanged) if `deadline` came first.
    ///
    /// A step waits 5 s for its answer at most; after a silent one the control is asked, which may take as long.
    async fn probe(
        &self,
        region: &Region,
        start_url: Option<&str>,
        affected: &BTreeSet<Operation>,
        record: &ProbeRecord,
        now: Timestamp,
        deadline: Instant,
    ) -> ProbeRecord {
        self.own(invented_client_ids(region));
        let found = probe::probe(&self.clients, region, start_url, affected, record, now, deadline).await;
        let found = ProbeRecord { own_request_ids: shared(self.clients.own_requests().all()), ..found };
        self.note_own(&found);
        if let Some(answer) = found.latest.as_ref().filter(|answer| record.latest.as_ref() != Some(answer)) {
            let healthy = answer.steps.iter().filter(|step| step.answer == StepState::Healthy).count();
            self.served(u32::try_from(healthy).unwrap_or(u32::MAX));
        }
        found
    }

    /// What other sandboxes' probes used is our own as well.
    fn note_own(&self, record: &ProbeRecord) {
        self.own(record.own_client_ids.iter().cloned());
        self.clients.own_requests().add(record.own_request_ids.iter().cloned());
        self.own(record.latest.iter().flat_map(|answer| invented_client_ids(&answer.region)));
    }

    /// So many calls succeeded at once, ours or others': each pays a little into the retry budget, as each such call of
    /// an SDK's own does. Without it a sandbox that went through an outage would never retry again.
    fn served(&self, calls: u32) {
        self.bucket.refund(calls);
    }

    /// The client ids that identify records of our own probes without an app name: those that were registered, and
    /// those invented for the regions that this sandbox knows of.
    fn own_client_ids(&self) -> Vec<String> {
        self.own_client_ids.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn own_request_ids(&self) -> Vec<String> {
        self.clients.own_requests().all()
    }
}

/// How many request ids are kept with the region: its item is read often. Enough for the calls of half a quarter of an
/// hour in an incident.
const SHARED_REQUESTS_MAX: usize = 64;

/// The latest of them.
fn shared(mut ids: Vec<String>) -> Vec<String> {
    ids.drain(..ids.len().saturating_sub(SHARED_REQUESTS_MAX));
    ids
}

/// The strangers that a probe of the region may use: its own, and its control's.
fn invented_client_ids(region: &Region) -> impl Iterator<Item = String> {
    [Some(region.clone()), Partition::control(region)].into_iter().flatten().map(|it| stranger::client_id(&it))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::fake::{FakeOidc, Reply, config, refusing, region};
    use super::*;

    /// Longer than any test lasts.
    const LONG: Duration = Duration::from_secs(30);

    fn sent<T: Send>(future: T) -> T {
        future
    }

    #[tokio::test]
    async fn only_steps_just_found_healthy_pay_into_the_retry_budget() {
        let service = FakeOidc::answering([Reply::registration(), Reply::stranger(), Reply::stranger().after(LONG)]);
        let oidc = Oidc::new(config(service.url()), Backoff::SDK_2026);
        for _ in 0..2 {
            let _spent = oidc.bucket.take(triage_model::classify::Pace::Transient);
        }
        let before = oidc.bucket.tokens();
        let region = region("us-east-1");
        let probe = async |record: &ProbeRecord, within| {
            // The pipeline may move these futures between threads.
            sent(oidc.probe(&region, None, &BTreeSet::new(), record, Timestamp::UNIX_EPOCH, Instant::now() + within))
                .await
        };
        let found = probe(&ProbeRecord::default(), LONG).await;
        assert_eq!((found.worst(), oidc.bucket.tokens()), (Some(StepState::Healthy), before + 2));
        let cut = probe(&found, Duration::from_millis(200)).await;
        assert_eq!((cut, oidc.bucket.tokens()), (found, before + 2));
    }

    #[tokio::test]
    async fn own_client_ids_are_those_of_all_sandboxes_and_of_the_invented() {
        let service = FakeOidc::answering([Reply::registration(), Reply::stranger()]);
        let (one, other) =
            (Oidc::new(config(service.url()), Backoff::SDK_2026), Oidc::new(config(&refusing()), Backoff::SDK_2026));
        let (east, west) = (region("us-east-1"), region("us-west-2"));
        let deadline = Instant::now() + LONG;
        let found =
            one.probe(&east, None, &BTreeSet::new(), &ProbeRecord::default(), Timestamp::UNIX_EPOCH, deadline).await;
        assert_eq!(other.own_client_ids(), [""; 0]);
        other.note_own(&found);
        assert_eq!(other.own_client_ids(), one.own_client_ids());
        let wanted = BTreeSet::from(["client-1".into(), stranger::client_id(&east), stranger::client_id(&west)]);
        assert_eq!(BTreeSet::from_iter(one.own_client_ids()), wanted);
    }

    #[test]
    fn the_strangers_of_prepared_regions_are_our_own_before_any_probe() {
        let oidc = Oidc::new(config(&refusing()), Backoff::SDK_2026);
        oidc.prepare(&[region("eusc-de-east-1")]);
        assert_eq!(oidc.own_client_ids(), [stranger::client_id(&region("eusc-de-east-1"))]);
    }

    #[tokio::test]
    async fn a_call_to_a_region_that_does_not_exist_is_not_repeatable() {
        let oidc = Oidc::new(config(&refusing()), Backoff::SDK_2026);
        let failure = Failure {
            id: "f-1".into(),
            event_id: None,
            request_id: None,
            origin: triage_model::observation::Origin::Call,
            region: None,
            is_region_assumed: false,
            operation: None,
            code: None,
            inner_code: None,
            status: Some(500),
            message: None,
            reason: None,
            grant_type: None,
            no_answer: false,
            caller: triage_model::caller::Caller::Unknown,
            client_id: None,
            user_agent: None,
            address: None,
            occurred_at: Timestamp::UNIX_EPOCH,
            request: None,
            account: None,
            program: None,
            replayed: false,
            answer_only: false,
        };
        let class = triage_model::classify::classify(&failure);
        let refused = sent(oidc.retry(&failure, &class, Instant::now())).await;
        assert_eq!(refused, Err(NotRepeatable::NoRegion));
    }
}
