//! The calls we make ourselves: a failed call once more, and the probe.
//!
//! In: a failure with its inputs, or a region. Out: how the retry ended, or what each rung of the probe answered. This
//! is the shell around `aws-sdk-ssooidc`; what an answer means is decided by [`crate::classify`]. Nothing of the SDK's
//! inputs, outputs or errors is logged or printed: their Debug shows device codes and whole bodies.

mod clients;
mod fault;
mod probe;
mod retry;
#[cfg(test)]
mod stub;

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use jiff::Timestamp;

use crate::backoff::{Backoff, TokenBucket};
use crate::classify::Class;
use crate::observation::Failure;
use crate::region::Region;

pub use clients::{CONNECT_TIMEOUT, Clients, http_client};
pub use fault::Fault;
pub use probe::{Answer, ProbeAnswer, Prober, Rung};
pub use retry::{ApiResponse, CALL_NOT_REPEATABLE, Limits, NotRepeatable, RetryOutcome, RetryReport, Stop, retry};

/// Retries and probes of one sandbox: the clients, the registrations and the retry budget are kept between invocations.
#[derive(Debug)]
pub struct Oidc {
    clients: Clients,
    prober: Prober,
    backoff: Backoff,
    bucket: TokenBucket,
}

impl Oidc {
    /// `probe_gap` is the time within which a region's probe answer is shared.
    pub fn new(base: SdkConfig, backoff: Backoff, probe_gap: Duration) -> Self {
        Self { clients: Clients::new(base), prober: Prober::new(probe_gap), backoff, bucket: TokenBucket::full() }
    }

    /// Builds the clients of these regions before the first event comes: a start is not in anybody's way.
    pub fn prepare(&self, regions: &[Region]) {
        for region in regions {
            self.clients.of(region);
        }
    }

    /// Makes the failed call again until it succeeds, cannot succeed, or `deadline` is near.
    pub async fn retry(
        &self,
        failure: &Failure,
        class: &Class,
        deadline: Instant,
    ) -> Result<RetryReport, NotRepeatable> {
        let region = failure.region.as_ref().ok_or(NotRepeatable::NoRegion)?;
        let limits = Limits { backoff: &self.backoff, bucket: &self.bucket, deadline };
        retry(&self.clients.of(region), failure, class, limits, &mut fastrand::Rng::new()).await
    }

    /// Asks the service of a region how it is, or answers what was asked less than the probe gap ago.
    pub async fn probe(
        &self,
        region: &Region,
        start_url: Option<&str>,
        now: Timestamp,
        deadline: Instant,
    ) -> ProbeAnswer {
        let answer = self.prober.probe(&self.clients, region, start_url, now, deadline).await;
        if !answer.shared {
            let healthy = answer.rungs.iter().filter(|rung| rung.answer == Answer::Healthy).count();
            self.served(u32::try_from(healthy).unwrap_or(u32::MAX));
        }
        answer
    }

    /// So many calls were seen to succeed at once, whoever made them: each pays a little into the retry budget, as each
    /// such call of an SDK's own does. Without it a sandbox that lived through an outage would never retry again.
    pub fn served(&self, calls: u32) {
        self.bucket.refund(calls);
    }

    /// The client ids that our probes used, so that records of them can be told to be our own.
    pub fn own_client_ids(&self) -> Vec<String> {
        self.prober.own_client_ids()
    }
}

#[cfg(test)]
mod tests {
    use super::stub::{Reply, Stub, config, refusing, region};
    use super::*;

    fn sent<T: Send>(future: T) -> T {
        future
    }

    #[tokio::test]
    async fn healthy_rungs_pay_into_the_retry_budget_once() {
        let stranger = Reply::error(401, "InvalidClientException", "unknown client");
        let stub = Stub::serve([Reply::registration(), stranger]);
        let oidc = Oidc::new(config(&stub.url()), Backoff::SDK_2026, Duration::from_secs(20));
        for _ in 0..2 {
            let _spent = oidc.bucket.take(crate::backoff::Pace::Transient);
        }
        let before = oidc.bucket.tokens();
        let deadline = Instant::now() + Duration::from_secs(30);
        for _ in 0..2 {
            // The pipeline may move these futures between threads.
            let answer = sent(oidc.probe(&region("us-east-1"), None, Timestamp::UNIX_EPOCH, deadline)).await;
            assert_eq!(answer.worst(), Answer::Healthy);
        }
        assert_eq!(oidc.bucket.tokens(), before + 2);
        assert_eq!(oidc.own_client_ids().len(), 2);
    }

    #[tokio::test]
    async fn a_call_to_a_region_that_does_not_exist_is_not_repeatable() {
        let oidc = Oidc::new(config(&refusing()), Backoff::SDK_2026, Duration::from_secs(20));
        let failure = Failure {
            id: "f-1".into(),
            event_id: None,
            request_id: None,
            origin: crate::observation::Origin::Call,
            region: None,
            operation: None,
            code: None,
            inner_code: None,
            status: Some(500),
            message: None,
            reason: None,
            grant_type: None,
            no_answer: false,
            caller: crate::caller::Caller::Unknown,
            client_id: None,
            user_agent: None,
            address: None,
            occurred_at: Timestamp::UNIX_EPOCH,
            request: None,
            replayed: false,
        };
        let class = crate::classify::classify(&failure);
        let refused = sent(oidc.retry(&failure, &class, Instant::now())).await;
        assert_eq!(refused, Err(NotRepeatable::NoRegion));
    }
}
