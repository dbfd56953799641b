//! Retrying a failed call: whether it can be retried, and how that ended. Data; the shell makes the calls.

use std::fmt;

use serde_json::Value;
use triage_model::classify::Class;
use triage_model::fault::Fault;
use triage_model::observation::{CallRequest, DEVICE_CODE_GRANT, Failure, Operation};
use triage_model::redact::{HIDDEN, Secret};

/// How the retries of one call ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryReport {
    pub outcome: RetryOutcome,
    /// All calls, the caller's own included.
    pub attempts: u32,
    /// The verdict on the latest failure: the caller's own, where no retry failed.
    pub class: Class,
    pub stop: Stop,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RetryOutcome {
    /// The call works now. There is no response where the answer was one of the device flow's expected refusals
    /// (AuthorizationPending, SlowDown): the 500 is gone, and the caller's polling continues.
    Recovered {
        response: Option<ApiResponse>,
    },
    StillFailing(Fault),
    /// InvalidGrant after a fault that may have used up the code or token: it is unknown whether the first call did its
    /// work.
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
pub struct ApiResponse(pub Value);

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

/// Why a call cannot be retried.
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

/// The operations that can be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeatable {
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
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub operation: Operation,
    pub again: Repeatable,
    pub request: &'a CallRequest,
}

impl<'a> Call<'a> {
    /// The call of `failure`, if a retry is possible, whether or not it would help.
    pub fn of(failure: &'a Failure) -> Result<Self, NotRepeatable> {
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
}

/// The keys that the operation (and for CreateToken the grant type) requires and the request lacks.
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
