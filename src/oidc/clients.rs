//! One SDK client for each region, all on one HTTP client.
//!
//! In: the base configuration, made once by the caller. Out: a client without retries of its own and without
//! credentials, with time-outs. Endpoint overrides (`AWS_ENDPOINT_URL_SSO_OIDC`, `AWS_ENDPOINT_URL`) come through the
//! base configuration; no variable is read here.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_sdk_ssooidc::Client;
use aws_sdk_ssooidc::config;
use aws_sdk_ssooidc::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_ssooidc::config::retry::RetryConfig;
use aws_sdk_ssooidc::config::timeout::TimeoutConfig;
use aws_sdk_ssooidc::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ssooidc::error::BoxError;
use triage_decode::batch::APP_NAME;
use triage_model::region::Region;

use triage_aws::http::{CONNECT_TIMEOUT, Http};

/// CreateToken answers in well under a second; in outages it was seen to hang. Short enough that three attempts fit
/// into an invocation.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// There is one attempt to an operation, so this only adds what the SDK does around it.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// The SSO OIDC clients of all regions. A client is built at its first use and kept.
pub struct Clients {
    base: SdkConfig,
    by_region: Mutex<HashMap<Region, Client>>,
    own_requests: OwnRequests,
}

/// Records of our own calls come within a quarter of an hour, and a region with an incident is probed three times a
/// minute with up to four calls.
const OWN_REQUESTS_MAX: usize = 180;

/// The request ids that AWS gave the latest calls of all clients.
#[derive(Clone, Debug, Default)]
pub struct OwnRequests(Arc<Mutex<VecDeque<String>>>);

impl OwnRequests {
    pub fn add(&self, ids: impl IntoIterator<Item = String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if !known.contains(&id) {
                known.push_back(id);
            }
        }
        let excess = known.len().saturating_sub(OWN_REQUESTS_MAX);
        known.drain(..excess);
    }

    /// From the oldest on.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Intercept for OwnRequests {
    fn name(&self) -> &'static str {
        "OwnRequests"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let id = context.response().headers().get(REQUEST_ID_HEADER);
        self.add(id.map(str::to_owned));
        Ok(())
    }
}

/// AWS's answers carry it, and so do CloudTrail's records.
const REQUEST_ID_HEADER: &str = "x-amzn-requestid";

impl Clients {
    /// On the HTTP client of `base`; without one, on its own.
    pub fn new(base: SdkConfig) -> Self {
        let base = match base.http_client() {
            Some(_) => base,
            None => base.into_builder().http_client(Http::new()).build(),
        };
        Self { base, by_region: Mutex::default(), own_requests: OwnRequests::default() }
    }

    pub fn own_requests(&self) -> &OwnRequests {
        &self.own_requests
    }

    /// The region's client. A clone is a reference count.
    pub fn of(&self, region: &Region) -> Client {
        // A panic under this lock leaves the map whole: entries are only added.
        let mut by_region = self.by_region.lock().unwrap_or_else(PoisonError::into_inner);
        by_region.entry(region.clone()).or_insert_with(|| self.build(region)).clone()
    }

    fn build(&self, region: &Region) -> Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut config = config::Builder::from(&self.base)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(config::Region::new(region.as_str().to_owned()))
            // Our own policy is the only one: two of them would multiply.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .interceptor(self.own_requests.clone());
        // The three operations we call need none, and without credentials CreateTokenWithIAM cannot be signed as us.
        config.set_credentials_provider(None);
        config.set_app_name(AppName::new(APP_NAME).ok());
        Client::from_conf(config.build())
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::oidc::fake::{FakeOidc, Reply, config, region};

    /// Set only in the process that the test below starts.
    const CHILD: &str = "OIDC_TRIAGE_TEST_CHILD";

    #[tokio::test]
    async fn the_services_own_endpoint_variable_is_honoured() {
        if std::env::var_os(CHILD).is_some() {
            let base = aws_config::defaults(BehaviorVersion::v2026_01_12())
                .http_client(Http::new())
                .region(aws_config::Region::new("us-east-1"))
                .no_credentials()
                .load()
                .await;
            let made = Clients::new(base).of(&region("eu-central-1")).register_client();
            assert!(made.client_name("n").client_type("public").send().await.is_ok());
            return;
        }
        let oidc = FakeOidc::answering([Reply::registration()]);
        // The environment belongs to a process, so the client is used in one of its own.
        let name = "oidc::clients::tests::the_services_own_endpoint_variable_is_honoured";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, "1")
            .env("AWS_ENDPOINT_URL_SSO_OIDC", oidc.url())
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        let requests = oidc.requests();
        assert_eq!(requests.len(), 1);
        assert!(
            requests[0].header("user-agent").is_some_and(|agent| agent.contains("app/oidc-triage")),
            "{:?}",
            requests[0]
        );
        assert_eq!(requests[0].header("authorization"), None, "{:?}", requests[0]);
    }

    #[tokio::test]
    async fn certificates_are_read_for_the_first_call_and_not_for_a_client_that_is_built() {
        let oidc = FakeOidc::answering([Reply::registration()]);
        let http = Http::new();
        let base = config(oidc.url()).into_builder().http_client(http.clone()).build();
        let client = Clients::new(base).of(&region("us-east-1"));
        assert!(!http.is_ready());
        assert!(client.register_client().client_name("n").client_type("public").send().await.is_ok());
        assert!(http.is_ready());
    }

    #[tokio::test]
    async fn the_sdk_itself_does_not_retry() {
        let oidc = FakeOidc::answering([Reply::internal_server_error(), Reply::registration()]);
        let made = oidc.clients().of(&region("us-east-1")).register_client();
        assert!(made.client_name("n").client_type("public").send().await.is_err());
        assert_eq!(oidc.requests().len(), 1);
    }
}
