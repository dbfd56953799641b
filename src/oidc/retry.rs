//! Making a failed call again, with its own inputs.
//!
//! In: a [`Failure`] with its request, its class, and the limits. Out: a [`RetryReport`]. CreateTokenWithIAM is never
//! made again: it would sign as us. Waiting is decided by [`crate::backoff`]; here we sleep and call.

use std::fmt;
use std::time::{Duration, Instant};

use aws_sdk_ssooidc::Client;
use serde_json::{Map, Value};

use super::fault::{Fault, answered};
use crate::backoff::{Backoff, TokenBucket};
use crate::classify::{Cause, Class, DEVICE_CODE_GRANT, Symptoms, classify};
use crate::observation::{CallRequest, Failure, Operation};
use crate::redact::{HIDDEN, Secret};

/// The name of the problem that a [`NotRepeatable`] is reported as.
pub const CALL_NOT_REPEATABLE: &str = "call_not_repeatable";

/// An attempt needs at least this long to connect and be answered: a shorter one would only cost and tell nothing.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(100);

/// What bounds the retries of one call.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    pub backoff: &'a Backoff,
    /// Shared by all retries of this process.
    pub bucket: &'a TokenBucket,
    /// No call lasts longer than this, and none is made that could not.
    pub deadline: Instant,
}

/// How the retries of one call ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryReport {
    pub outcome: RetryOutcome,
    /// All calls, the caller's own included.
    pub attempts: u32,
    /// The verdict on the latest failure: the caller's own, where no call of ours failed.
    pub class: Class,
    pub stop: Stop,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RetryOutcome {
    /// The call works now. There is no response where the answer was one of the device flow's expected refusals
    /// (AuthorizationPending, SlowDown): the 500 is cured, and the caller's polling goes on.
    Recovered {
        response: Option<ApiResponse>,
    },
    StillFailing(Fault),
    /// InvalidGrant after a fault that may have used up the code or token: whether the first call did its work cannot
    /// be known.
    Unknown(Fault),
}

/// Why no further call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The latest answer settles it: success, or a failure that a retry cannot help.
    Settled,
    CallsUsedUp,
    BudgetEmpty,
    Deadline,
}

/// What the API answered, in its own spelling. It holds tokens and secrets: it belongs into the answer of a direct
/// invocation and nowhere else, so its Debug shows nothing of it.
#[derive(Clone, PartialEq)]
pub struct ApiResponse(Value);

impl ApiResponse {
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[response]")
    }
}

/// Why a call cannot be made again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRepeatable {
    #[error("the call's inputs were not handed over")]
    NoRequest,
    #[error("the operation is not known")]
    NoOperation,
    #[error("the region does not exist")]
    NoRegion,
    #[error("CreateTokenWithIAM would be signed as this function and not as its caller")]
    SignedByCaller,
    #[error("the request of {operation} lacks {}", keys.join(", "))]
    Missing { operation: Operation, keys: Vec<&'static str> },
}

/// Whether the call of `failure` could be made again, were that of any help.
pub fn repeatable(failure: &Failure) -> Result<(), NotRepeatable> {
    Call::of(failure).map(|_| ())
}

/// Makes the call of `failure` again until it succeeds, cannot succeed, or a limit is reached.
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
    // Whether an earlier attempt may have done its work without our knowing.
    let mut doubtful = may_have_been_done(&fault, &class);
    let mut stop = Stop::CallsUsedUp;

    for earlier in 0..limits.backoff.calls() {
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
        match call.make(client, limits.deadline).await {
            Ok(response) => {
                limits.bucket.give_back(taken);
                let outcome = RetryOutcome::Recovered { response: Some(response) };
                return Ok(RetryReport { outcome, attempts, class, stop: Stop::Settled });
            }
            Err(next) => fault = next,
        }
        let next = classify(call.symptoms(&fault, failure));
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

/// After a 5xx or without an answer nobody knows how far the service came. A code without a status says so by its
/// cause.
fn may_have_been_done(fault: &Fault, class: &Class) -> bool {
    match class.cause {
        Cause::Service | Cause::Unreachable => true,
        Cause::Expected | Cause::Request | Cause::Admin | Cause::Throttled | Cause::Unrecognised => {
            fault.is_server_fault() || fault.no_answer
        }
    }
}

/// The operations that can be made again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeatable {
    RegisterClient,
    StartDeviceAuthorization,
    CreateToken,
}

impl Repeatable {
    fn of(operation: Operation) -> Option<Self> {
        match operation {
            Operation::RegisterClient => Some(Self::RegisterClient),
            Operation::StartDeviceAuthorization => Some(Self::StartDeviceAuthorization),
            Operation::CreateToken => Some(Self::CreateToken),
            Operation::CreateTokenWithIam => None,
        }
    }
}

/// A call that has all it needs.
struct Call<'a> {
    operation: Operation,
    again: Repeatable,
    request: &'a CallRequest,
}

impl<'a> Call<'a> {
    fn of(failure: &'a Failure) -> Result<Self, NotRepeatable> {
        let operation = failure.operation.ok_or(NotRepeatable::NoOperation)?;
        let again = Repeatable::of(operation).ok_or(NotRepeatable::SignedByCaller)?;
        let request = failure.request.as_deref().ok_or(NotRepeatable::NoRequest)?;
        let keys = missing(again, request);
        if keys.is_empty() {
            Ok(Self { operation, again, request })
        } else {
            Err(NotRepeatable::Missing { operation, keys })
        }
    }

    fn symptoms<'b>(&'b self, fault: &'b Fault, failure: &'b Failure) -> Symptoms<'b> {
        Symptoms {
            operation: Some(self.operation),
            grant_type: self.request.grant_type.as_deref(),
            client_id: self.request.client_id.as_deref(),
            region: failure.region.as_ref().map(|region| region.as_str()),
            ..fault.symptoms()
        }
    }

    async fn make(&self, client: &Client, deadline: Instant) -> Result<ApiResponse, Fault> {
        let request = self.request;
        match self.again {
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
}

/// The keys that the operation (and for CreateToken the grant type) requires and the request has not.
fn missing(again: Repeatable, request: &CallRequest) -> Vec<&'static str> {
    let given = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
    // A secret that CloudTrail has hidden is no secret.
    let known = |value: &Option<Secret>| value.as_ref().is_some_and(|it| ![HIDDEN, ""].contains(&it.expose()));
    let client = [("clientId", given(&request.client_id)), ("clientSecret", known(&request.client_secret))];
    let mut keys = match again {
        Repeatable::RegisterClient => {
            vec![("clientName", given(&request.client_name)), ("clientType", given(&request.client_type))]
        }
        Repeatable::StartDeviceAuthorization => [&client[..], &[("startUrl", given(&request.start_url))]].concat(),
        Repeatable::CreateToken => [&client[..], &[("grantType", given(&request.grant_type))]].concat(),
    };
    if again == Repeatable::CreateToken {
        match request.grant_type.as_deref() {
            Some(DEVICE_CODE_GRANT) => keys.push(("deviceCode", known(&request.device_code))),
            Some("refresh_token") => keys.push(("refreshToken", known(&request.refresh_token))),
            Some("authorization_code") => keys.push(("code", known(&request.code))),
            // A grant type of the caller's own: the service knows better than we do what it needs.
            Some(_) | None => {}
        }
    }
    keys.into_iter().filter(|(_, is_there)| !is_there).map(|(key, _)| key).collect()
}

fn exposed(secret: &Option<Secret>) -> Option<String> {
    secret.as_ref().map(|secret| secret.expose().to_owned())
}

/// An empty list was not given: the service refuses some empty ones.
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
