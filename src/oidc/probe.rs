//! Asking a region's service how it is.
//!
//! In: a region, where known the start URL of its Identity Center, the steps that fail for callers, and what earlier probes
//! kept. Out: a [`ProbeRecord`] with a new [`ProbeAnswer`]: what each step of the ladder RegisterClient →
//! StartDeviceAuthorization → CreateToken answered. A step that could be left out, because it was climbed earlier or is not
//! needed for the next, is asked all the same where callers see it fail. It costs no session and signs nothing, so it sees
//! neither sessions nor signing nor refresh. Who probes and when, and what the answers mean for the region, is decided
//! elsewhere.

use std::collections::BTreeSet;
use std::time::Instant;

use aws_sdk_ssooidc::Client;
use jiff::Timestamp;
use triage_decide::probe::{ProbeAnswer, ProbeStep, StepState, cause_of};
use triage_decide::probe_record::{ProbeRecord, Registration};
use triage_model::classify::Cause;
use triage_model::fault::Fault;
use triage_model::observation::{DEVICE_CODE_GRANT, Operation};
use triage_model::redact::Secret;
use triage_model::region::Region;

use crate::oidc::clients::Clients;
use crate::oidc::fault::answered;
use crate::oidc::{control, stranger};

const CLIENT_NAME: &str = "oidc-triage-probe";

/// Probes the service of a region. The returned record holds the answer and what the next probe uses; the caller stores
/// it. If `deadline` came first it holds no new answer: our own lack of time says nothing about the service.
pub async fn probe(
    clients: &Clients,
    region: &Region,
    start_url: Option<&str>,
    affected: &BTreeSet<Operation>,
    record: &ProbeRecord,
    now: Timestamp,
    deadline: Instant,
) -> ProbeRecord {
    let mut record = record.clone();
    let mut ladder =
        Ladder { client: clients.of(region), region, start_url, affected, record: &mut record, now, deadline };
    let mut steps = ladder.climb().await;
    let control = match steps.iter().any(ProbeStep::is_silent) {
        true => control::ask(clients, region, deadline).await,
        false => None,
    };
    if Instant::now() >= deadline {
        return record;
    }
    if control.as_ref().is_some_and(|control| control.works) {
        for step in steps.iter_mut().filter(|step| step.is_silent()) {
            step.answer = StepState::Down;
        }
    }
    record.add(&ProbeAnswer { region: region.clone(), at: now, steps, control });
    record
}

/// One probe under way.
struct Ladder<'a> {
    client: Client,
    region: &'a Region,
    start_url: Option<&'a str>,
    /// The steps that fail for callers.
    affected: &'a BTreeSet<Operation>,
    /// Only its registration is used here.
    record: &'a mut ProbeRecord,
    now: Timestamp,
    deadline: Instant,
}

impl Ladder<'_> {
    async fn climb(&mut self) -> Vec<ProbeStep> {
        let kept = self.record.usable_registration(self.now).cloned();
        let is_hit = self.affected.contains(&Operation::RegisterClient);
        let Some(registration) = kept.clone().filter(|_| !is_hit || !self.record.may_register_again(self.now)) else {
            return self.climb_from_the_ground(kept).await;
        };
        let steps = self.climb_on(Some(&registration)).await;
        let unexpected = steps.iter().any(|step| step.answer == StepState::Unexpected);
        // The service may have lost our registration. Once a day that is worth a new one; after that it is evidence.
        // Where registering fails for callers, a new one is made soon enough.
        if unexpected && self.start_url.is_some() && !is_hit && self.record.renew(self.now) {
            return self.climb_from_the_ground(None).await;
        }
        steps
    }

    /// `kept` is the registration to use if no new one can be made.
    async fn climb_from_the_ground(&mut self, kept: Option<Registration>) -> Vec<ProbeStep> {
        let (step, made) = self.register().await;
        // If there is no connection, the other steps would only wait for the same time-out. But if callers see this
        // step fail, its silence says nothing about the others.
        let connected = step.fault.as_ref().is_none_or(|fault| !fault.no_answer);
        let mut steps = vec![step];
        if connected || self.affected.contains(&Operation::RegisterClient) {
            steps.extend(self.climb_on(made.or(kept).as_ref()).await);
        }
        steps
    }

    /// The steps above the registration. Without a start URL an invented client makes the calls, which needs no
    /// registration; the second step only where callers see it fail.
    async fn climb_on(&self, registration: Option<&Registration>) -> Vec<ProbeStep> {
        let Some(start_url) = self.start_url else { return self.ask_to_be_refused().await };
        let Some(registration) = registration else { return Vec::new() };
        let (step, device_code) = self.start(registration, start_url).await;
        let mut steps = vec![step];
        if let Some(device_code) = device_code {
            steps.push(self.ask_for_a_token(registration, &device_code).await);
        }
        steps
    }

    async fn register(&mut self) -> (ProbeStep, Option<Registration>) {
        let began = Instant::now();
        // device_code alone: together with authorization_code the service answers 500.
        let call =
            self.client.register_client().client_name(CLIENT_NAME).client_type("public").grant_types(DEVICE_CODE_GRANT);
        let result = answered(call.send(), self.deadline).await;
        let registration = result
            .as_ref()
            .ok()
            .and_then(|output| Registration::new(output.client_id()?, output.client_secret()?, self.now));
        // Kept even if the rest of the ladder has no time left: there should be one a day.
        if let Some(registration) = &registration {
            self.record.register(registration.clone());
        }
        let complete = registration.is_some();
        (step(Operation::RegisterClient, began, result.map(|_| complete), None), registration)
    }

    async fn start(&self, registration: &Registration, start_url: &str) -> (ProbeStep, Option<Secret>) {
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
        (step(Operation::StartDeviceAuthorization, began, result.map(|_| complete), None), device_code)
    }

    /// Our device code is never confirmed, so a working service says that it is pending.
    async fn ask_for_a_token(&self, registration: &Registration, device_code: &Secret) -> ProbeStep {
        let began = Instant::now();
        let call = self
            .client
            .create_token()
            .client_id(&registration.client_id)
            .client_secret(registration.client_secret.expose())
            .grant_type(DEVICE_CODE_GRANT)
            .device_code(device_code.expose());
        // A token for a code that nobody confirmed is more than unexpected.
        let result = answered(call.send(), self.deadline).await.map(|_| false);
        step(Operation::CreateToken, began, result, Some(is_pending))
    }

    /// A working service refuses a client that it does not know.
    async fn ask_to_be_refused(&self) -> Vec<ProbeStep> {
        let mut steps = Vec::new();
        if self.affected.contains(&Operation::StartDeviceAuthorization) {
            let began = Instant::now();
            // If it let a stranger sign in, or gave it a token, that would be unexpected.
            let result = stranger::ask_to_sign_in(&self.client, self.region, self.deadline).await.map(|_| false);
            steps.push(step(Operation::StartDeviceAuthorization, began, result, Some(stranger::is_refused)));
        }
        let began = Instant::now();
        let result = stranger::ask_for_a_token(&self.client, self.region, self.deadline).await.map(|_| false);
        steps.push(step(Operation::CreateToken, began, result, Some(stranger::is_refused)));
        steps
    }
}

/// Whether a working service refuses like that.
type IsHealthy = fn(&Fault) -> bool;

fn is_pending(fault: &Fault) -> bool {
    fault.is("AuthorizationPendingException", "authorization_pending")
}

/// `result` is whether a success had what it must have; `healthy` the refusal that a working service gives.
fn step(operation: Operation, began: Instant, result: Result<bool, Fault>, healthy: Option<IsHealthy>) -> ProbeStep {
    let latency = began.elapsed();
    let (answer, fault) = match result {
        Ok(true) => (StepState::Healthy, None),
        Ok(false) => (StepState::Unexpected, None),
        Err(fault) => (state_of(operation, &fault, healthy), Some(fault)),
    };
    ProbeStep { operation, answer, fault, latency }
}

fn state_of(operation: Operation, fault: &Fault, healthy: Option<IsHealthy>) -> StepState {
    if healthy.is_some_and(|is_healthy| is_healthy(fault)) {
        return StepState::Healthy;
    }
    match cause_of(operation, fault) {
        Cause::Unreachable | Cause::Throttled => return StepState::Unknown,
        Cause::Expected | Cause::Request | Cause::Admin | Cause::Service | Cause::Unrecognised => {}
    }
    let of_aws = fault.request_id.is_some();
    match fault.status {
        Some(500..=599) if of_aws => StepState::Down,
        // A time-out of the service's side may be the network's as well.
        Some(408 | 429) => StepState::Unknown,
        // A refusal without a code and a request id is a proxy's.
        Some(400..=499) if of_aws || fault.code.is_some() => StepState::Unexpected,
        Some(_) | None => StepState::Unknown,
    }
}

#[cfg(test)]
mod tests;
