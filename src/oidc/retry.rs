//! Retrying a failed call, with its own inputs.
//!
//! In: a [`Failure`] with its request, its class, and the limits. Out: a [`RetryReport`]. CreateTokenWithIAM is never
//! retried: we would sign it. [`triage_engine::backoff`] decides the waits; here we sleep and call.

use std::time::{Duration, Instant};

use aws_sdk_ssooidc::Client;
use serde_json::{Map, Value};
use triage_engine::backoff::{Backoff, TokenBucket};
use triage_engine::retry::{ApiResponse, Call, NotRepeatable, Repeatable, RetryOutcome, RetryReport, Stop};
use triage_model::classify::{Cause, Class, Symptoms, classify};
use triage_model::fault::Fault;
use triage_model::observation::Failure;
use triage_model::redact::Secret;

use super::fault::answered;

/// An attempt needs at least this long to connect and be answered: a shorter one would be wasted.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(100);

/// What bounds the retries of one call.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    pub backoff: &'a Backoff,
    /// Shared by all retries of this process.
    pub bucket: &'a TokenBucket,
    /// No call lasts longer than this, and none is made without time for it.
    pub deadline: Instant,
}

/// Retries the call of `failure` until it succeeds, cannot succeed, or a limit is reached.
pub async fn retry(
    client: &Client,
    failure: &Failure,
    class: &Class,
    limits: Limits<'_>,
    rng: &mut fastrand::Rng,
) -> Result<RetryReport, NotRepeatable> {
    let call = Call::of(failure)?;
    let mut fault = Fault::of_failure(failure);
    let mut class = class.clone();
    let mut attempts = 1;
    // Whether an earlier attempt may have succeeded without our knowing.
    let mut doubtful = may_have_been_done(&fault, &class);
    let mut stop = Stop::CallsUsedUp;

    for earlier in 0..limits.backoff.calls {
        let Some(pace) = class.retry.pace() else {
            stop = Stop::Settled;
            break;
        };
        let wait = limits.backoff.wait(pace, earlier, fault.retry_after, rng);
        if Instant::now() + wait + SHORTEST_ATTEMPT > limits.deadline {
            stop = Stop::Deadline;
            break;
        }
        let Some(taken) = limits.bucket.take(pace) else {
            stop = Stop::BudgetEmpty;
            break;
        };
        tokio::time::sleep(wait).await;
        attempts += 1;
        match make(&call, client, limits.deadline).await {
            Ok(response) => {
                limits.bucket.give_back(taken);
                let outcome = RetryOutcome::Recovered { response: Some(response) };
                return Ok(RetryReport { outcome, attempts, class, stop: Stop::Settled });
            }
            Err(next) => fault = next,
        }
        let next = classify(symptoms(&call, &fault, failure));
        if next.cause == Cause::Expected {
            limits.bucket.give_back(taken);
            let outcome = RetryOutcome::Recovered { response: None };
            return Ok(RetryReport { outcome, attempts, class, stop: Stop::Settled });
        }
        class = next;
        if doubtful && call.again == Repeatable::CreateToken && fault.is("InvalidGrantException", "invalid_grant") {
            return Ok(RetryReport { outcome: RetryOutcome::Unknown(fault), attempts, class, stop: Stop::Settled });
        }
        doubtful |= may_have_been_done(&fault, &class);
    }
    if class.retry.pace().is_none() {
        stop = Stop::Settled;
    }
    Ok(RetryReport { outcome: RetryOutcome::StillFailing(fault), attempts, class, stop })
}

/// After a 5xx or without an answer it is unknown how far the service came. For a code without a status the cause
/// decides.
fn may_have_been_done(fault: &Fault, class: &Class) -> bool {
    match class.cause {
        Cause::Service | Cause::Unreachable => true,
        Cause::Expected | Cause::Request | Cause::Admin | Cause::Throttled | Cause::Unrecognised => {
            fault.is_server_fault() || fault.no_answer
        }
    }
}

fn symptoms<'a>(call: &'a Call<'_>, fault: &'a Fault, failure: &'a Failure) -> Symptoms<'a> {
    Symptoms {
        operation: Some(call.operation),
        grant_type: call.request.grant_type.as_deref(),
        client_id: call.request.client_id.as_deref(),
        region: failure.region.as_ref().map(|region| region.as_str()),
        ..fault.symptoms()
    }
}

async fn make(again: &Call<'_>, client: &Client, deadline: Instant) -> Result<ApiResponse, Fault> {
    let request = again.request;
    match again.again {
        Repeatable::RegisterClient => {
            let call = client
                .register_client()
                .set_client_name(request.client_name.clone())
                .set_client_type(request.client_type.clone())
                .set_scopes(list(&request.scopes))
                .set_redirect_uris(list(&request.redirect_uris))
                .set_grant_types(list(&request.grant_types))
                .set_issuer_url(request.issuer_url.clone())
                .set_entitled_application_arn(request.entitled_application_arn.clone());
            let output = answered(call.send(), deadline).await?;
            Ok(response([
                ("clientId", text(output.client_id())),
                ("clientSecret", text(output.client_secret())),
                ("clientIdIssuedAt", Some(output.client_id_issued_at().into())),
                ("clientSecretExpiresAt", Some(output.client_secret_expires_at().into())),
                ("authorizationEndpoint", text(output.authorization_endpoint())),
                ("tokenEndpoint", text(output.token_endpoint())),
            ]))
        }
        Repeatable::StartDeviceAuthorization => {
            let call = client
                .start_device_authorization()
                .set_client_id(request.client_id.clone())
                .set_client_secret(exposed(&request.client_secret))
                .set_start_url(request.start_url.clone());
            let output = answered(call.send(), deadline).await?;
            Ok(response([
                ("deviceCode", text(output.device_code())),
                ("userCode", text(output.user_code())),
                ("verificationUri", text(output.verification_uri())),
                ("verificationUriComplete", text(output.verification_uri_complete())),
                ("expiresIn", Some(output.expires_in().into())),
                ("interval", Some(output.interval().into())),
            ]))
        }
        Repeatable::CreateToken => {
            let call = client
                .create_token()
                .set_client_id(request.client_id.clone())
                .set_client_secret(exposed(&request.client_secret))
                .set_grant_type(request.grant_type.clone())
                .set_device_code(exposed(&request.device_code))
                .set_code(exposed(&request.code))
                .set_refresh_token(exposed(&request.refresh_token))
                .set_code_verifier(exposed(&request.code_verifier))
                .set_redirect_uri(request.redirect_uri.clone())
                .set_scope(list(&request.scope));
            let output = answered(call.send(), deadline).await?;
            Ok(response([
                ("accessToken", text(output.access_token())),
                ("tokenType", text(output.token_type())),
                ("expiresIn", Some(output.expires_in().into())),
                ("refreshToken", text(output.refresh_token())),
                ("idToken", text(output.id_token())),
            ]))
        }
    }
}

fn exposed(secret: &Option<Secret>) -> Option<String> {
    secret.as_ref().map(|secret| secret.expose().to_owned())
}

/// An empty list counts as missing: the service refuses some empty ones.
fn list(items: &[String]) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.to_vec())
}

fn text(value: Option<&str>) -> Option<Value> {
    value.map(Value::from)
}

fn response<const N: usize>(fields: [(&str, Option<Value>); N]) -> ApiResponse {
    let given = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    ApiResponse(Value::Object(given.collect::<Map<_, _>>()))
}

#[cfg(test)]
mod tests;
