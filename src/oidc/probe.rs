//! Asking a region's service how it is.
//!
//! In: a region, and where known the start URL of its Identity Center. Out: a [`ProbeAnswer`]: what each rung of the
//! ladder RegisterClient → StartDeviceAuthorization → CreateToken answered. It costs no session and signs nothing, so
//! it sees neither sessions nor signing nor refresh. What the answers mean for the region is decided elsewhere.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_ssooidc::Client;
use aws_sdk_ssooidc::operation::register_client::RegisterClientOutput;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::clients::Clients;
use super::fault::{Fault, answered};
use crate::classify::{Cause, DEVICE_CODE_GRANT, Symptoms, classify, invented_client_id};
use crate::observation::Operation;
use crate::redact::Secret;
use crate::region::Region;

const CLIENT_NAME: &str = "oidc-triage-probe";

/// How long a registration is used. It would last 90 days, but the first rung should be seen once a day too.
const REGISTRATION_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The random part of the client id that is invented where there is no start URL: one that nobody has registered.
const INVENTED_CLIENT: &[u8; 16] = b"oidc-triage-prob";

/// Stands for the secret and the device code of the invented client.
const INVENTED_SECRET: &str = "invented-by-oidc-triage-to-be-refused";

/// What a rung answered, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Exactly what is expected of a service that works.
    Healthy,
    /// No answer, throttled, or an answer that need not be of the service.
    Unknown,
    /// Another refusal than the expected one.
    Unexpected,
    /// The service itself says that it failed: a 5xx with an AWS request id.
    Down,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    pub operation: Operation,
    pub answer: Answer,
    /// What was answered, unless it was a success. Also a healthy CreateToken has one.
    pub fault: Option<Fault>,
    pub latency: Duration,
}

/// What a probe of one region found.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeAnswer {
    pub region: Region,
    /// When the service was asked, by the clock of whoever asked.
    pub at: Timestamp,
    /// In the order they were asked. A rung is missing where the one before it gave nothing to go on with, and the
    /// first one where an earlier registration was used.
    pub rungs: Vec<Rung>,
    /// Asked for an earlier caller, not for this one.
    pub shared: bool,
}

impl ProbeAnswer {
    /// The worst answer of all rungs; unknown where none could be asked.
    pub fn worst(&self) -> Answer {
        self.rungs.iter().map(|rung| rung.answer).max().unwrap_or(Answer::Unknown)
    }
}

/// The probes of one sandbox: registrations and the latest answers are kept for each region.
#[derive(Debug)]
pub struct Prober {
    /// Within this time a region is not asked again.
    gap: SignedDuration,
    regions: Mutex<HashMap<Region, Arc<tokio::sync::Mutex<Kept>>>>,
    own_client_ids: Mutex<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Kept {
    registration: Option<Registration>,
    /// When a registration was given up because the service answered something unexpected with it.
    renewed_at: Option<Timestamp>,
    latest: Option<ProbeAnswer>,
}

#[derive(Debug)]
struct Registration {
    client_id: String,
    client_secret: Secret,
    made_at: Timestamp,
    expires_at: Timestamp,
}

impl Registration {
    fn of(output: &RegisterClientOutput, now: Timestamp) -> Option<Self> {
        let kept_until = now.saturating_add(REGISTRATION_KEPT).unwrap_or(Timestamp::MAX);
        let expires_at = match output.client_secret_expires_at() {
            // The SDK's zero is a field that was not given.
            0 => kept_until,
            seconds => Timestamp::from_second(seconds).unwrap_or(kept_until),
        };
        Some(Self {
            client_id: output.client_id().filter(|id| !id.is_empty())?.to_owned(),
            client_secret: Secret::new(output.client_secret()?),
            made_at: now,
            expires_at: expires_at.min(kept_until),
        })
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        self.made_at <= now && now < self.expires_at
    }
}

impl Prober {
    pub fn new(gap: Duration) -> Self {
        Self {
            gap: SignedDuration::try_from(gap).unwrap_or(SignedDuration::MAX),
            regions: Mutex::default(),
            own_client_ids: Mutex::default(),
        }
    }

    /// Asks the region, or gives the answer of less than the gap ago. Probes of one region wait for each other, so that
    /// a burst of failures asks once.
    pub async fn probe(
        &self,
        clients: &Clients,
        region: &Region,
        start_url: Option<&str>,
        now: Timestamp,
        deadline: Instant,
    ) -> ProbeAnswer {
        let nothing = || ProbeAnswer { region: region.clone(), at: now, rungs: Vec::new(), shared: false };
        let kept = self.kept(region);
        let Ok(mut kept) = tokio::time::timeout_at(deadline.into(), kept.lock()).await else { return nothing() };
        if let Some(latest) = &kept.latest
            && now.duration_since(latest.at).abs() < self.gap
        {
            return ProbeAnswer { shared: true, ..latest.clone() };
        }
        let ladder = Ladder { prober: self, client: clients.of(region), region, start_url, now, deadline };
        let answer = ProbeAnswer { rungs: ladder.climb(&mut kept).await, ..nothing() };
        // An answer that our own lack of time cut short is no answer for others.
        if Instant::now() < deadline {
            kept.latest = Some(answer.clone());
        }
        answer
    }

    /// Every client id that a probe of this process has used, registered or invented.
    pub fn own_client_ids(&self) -> Vec<String> {
        self.own_client_ids.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn kept(&self, region: &Region) -> Arc<tokio::sync::Mutex<Kept>> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(regions.entry(region.clone()).or_default())
    }

    fn own(&self, client_id: &str) {
        self.own_client_ids.lock().unwrap_or_else(PoisonError::into_inner).insert(client_id.to_owned());
    }
}

/// One probe under way.
struct Ladder<'a> {
    prober: &'a Prober,
    client: Client,
    region: &'a Region,
    start_url: Option<&'a str>,
    now: Timestamp,
    deadline: Instant,
}

impl Ladder<'_> {
    async fn climb(&self, kept: &mut Kept) -> Vec<Rung> {
        if kept.registration.as_ref().is_none_or(|registration| !registration.is_usable(self.now)) {
            return self.climb_from_the_ground(kept).await;
        }
        let rungs = self.climb_on(kept).await;
        let unexpected = rungs.iter().any(|rung| rung.answer == Answer::Unexpected);
        // The service may have lost our registration. Once a day that is worth a new one; after that it is evidence.
        let renewed = kept.renewed_at.is_some_and(|at| self.now.duration_since(at) < REGISTRATION_KEPT);
        if !unexpected || self.start_url.is_none() || renewed {
            return rungs;
        }
        kept.renewed_at = Some(self.now);
        self.climb_from_the_ground(kept).await
    }

    async fn climb_from_the_ground(&self, kept: &mut Kept) -> Vec<Rung> {
        kept.registration = None;
        let mut rungs = vec![self.register(kept).await];
        // Where not even a connection stands, the other rungs would only wait for the same time-out.
        let connected = rungs.iter().all(|rung| rung.fault.as_ref().is_none_or(|fault| !fault.no_answer));
        if connected {
            rungs.extend(self.climb_on(kept).await);
        }
        rungs
    }

    /// The rungs above the registration. Without a start URL the second one cannot be asked, and the third is asked
    /// with an invented client, which needs no registration.
    async fn climb_on(&self, kept: &Kept) -> Vec<Rung> {
        let Some(start_url) = self.start_url else { return vec![self.ask_to_be_refused().await] };
        let Some(registration) = &kept.registration else { return Vec::new() };
        let (rung, device_code) = self.start(registration, start_url).await;
        let mut rungs = vec![rung];
        if let Some(device_code) = device_code {
            rungs.push(self.ask_for_a_token(registration, &device_code).await);
        }
        rungs
    }

    async fn register(&self, kept: &mut Kept) -> Rung {
        let began = Instant::now();
        // device_code alone: together with authorization_code the service answers 500.
        let call =
            self.client.register_client().client_name(CLIENT_NAME).client_type("public").grant_types(DEVICE_CODE_GRANT);
        let result = answered(call.send(), self.deadline).await;
        if let Ok(output) = &result {
            kept.registration = Registration::of(output, self.now);
        }
        if let Some(registration) = &kept.registration {
            self.prober.own(&registration.client_id);
        }
        let complete = kept.registration.is_some();
        rung(Operation::RegisterClient, began, result.map(|_| complete), None)
    }

    async fn start(&self, registration: &Registration, start_url: &str) -> (Rung, Option<Secret>) {
        let began = Instant::now();
        let call = self
            .client
            .start_device_authorization()
            .client_id(&registration.client_id)
            .client_secret(registration.client_secret.expose())
            .start_url(start_url);
        let result = answered(call.send(), self.deadline).await;
        let device_code = result.as_ref().ok().and_then(|output| output.device_code()).map(Secret::new);
        let complete = device_code.is_some();
        (rung(Operation::StartDeviceAuthorization, began, result.map(|_| complete), None), device_code)
    }

    /// Nobody confirms our device code, so a service that works says that it is pending.
    async fn ask_for_a_token(&self, registration: &Registration, device_code: &Secret) -> Rung {
        let pending = ("AuthorizationPendingException", "authorization_pending");
        self.create_token(&registration.client_id, &registration.client_secret, device_code, pending).await
    }

    /// A service that works refuses a client that it does not know.
    async fn ask_to_be_refused(&self) -> Rung {
        let client_id = invented_client_id(INVENTED_CLIENT, self.region);
        self.prober.own(&client_id);
        let invented = Secret::new(INVENTED_SECRET);
        self.create_token(&client_id, &invented, &invented, ("InvalidClientException", "invalid_client")).await
    }

    async fn create_token(
        &self,
        client_id: &str,
        client_secret: &Secret,
        device_code: &Secret,
        healthy: (&str, &str),
    ) -> Rung {
        let began = Instant::now();
        let call = self
            .client
            .create_token()
            .client_id(client_id)
            .client_secret(client_secret.expose())
            .grant_type(DEVICE_CODE_GRANT)
            .device_code(device_code.expose());
        // A token that nobody was asked for would be unexpected in the highest degree.
        let result = answered(call.send(), self.deadline).await.map(|_| false);
        rung(Operation::CreateToken, began, result, Some(healthy))
    }
}

/// `result` is whether a success had what it must have; `healthy` the refusal that a working service gives.
fn rung(operation: Operation, began: Instant, result: Result<bool, Fault>, healthy: Option<(&str, &str)>) -> Rung {
    let latency = began.elapsed();
    let (answer, fault) = match result {
        Ok(true) => (Answer::Healthy, None),
        Ok(false) => (Answer::Unexpected, None),
        Err(fault) => (judge(operation, &fault, healthy), Some(fault)),
    };
    Rung { operation, answer, fault, latency }
}

fn judge(operation: Operation, fault: &Fault, healthy: Option<(&str, &str)>) -> Answer {
    if healthy.is_some_and(|(exception, oauth)| fault.is(exception, oauth)) {
        return Answer::Healthy;
    }
    // Without the grant type, so that SlowDown to our own polling counts as the throttling it is here.
    let class = classify(Symptoms { operation: Some(operation), ..fault.symptoms() });
    match class.cause {
        Cause::Unreachable | Cause::Throttled => return Answer::Unknown,
        Cause::Expected | Cause::Request | Cause::Admin | Cause::Service | Cause::Unrecognised => {}
    }
    let of_aws = fault.request_id.is_some();
    match fault.status {
        Some(500..=599) if of_aws => Answer::Down,
        // A time-out of the service's side speaks of the way as much as of the service.
        Some(408 | 429) => Answer::Unknown,
        // A refusal without a code and a request id is a proxy's.
        Some(400..=499) if of_aws || fault.code.is_some() => Answer::Unexpected,
        Some(_) | None => Answer::Unknown,
    }
}

#[cfg(test)]
mod tests;
