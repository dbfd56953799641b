//! What may be reported of a failed call to DynamoDB.
//!
//! In: an error of the SDK. Out: a [`StoreError`] with a code's name at most: the SDK's own text holds the raw answer.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use triage_decide::view::StoreError;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

pub const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// Refused because of too many calls, or of others at the same item just now.
const THROTTLES: [&str; 8] = [
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// 4xx all the same, though the service fails.
const FAILURES: [&str; 3] = ["InternalServerError", "InternalFailure", "ServiceUnavailable"];

pub fn store_error<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> StoreError {
    match error {
        SdkError::ServiceError(service) => refusal(service.err().code(), service.raw().status().as_u16()),
        SdkError::TimeoutError(_) => unavailable("it timed out"),
        SdkError::DispatchFailure(failure) if failure.is_other() => {
            unavailable("no connection, or no credentials to sign with")
        }
        SdkError::DispatchFailure(_) => unavailable("no connection"),
        SdkError::ResponseError(_) => unavailable("its answer could not be read"),
        _ => unavailable("the request could not be built"),
    }
}

/// What an answer with that code and status means.
pub fn refusal(code: Option<&str>, status: u16) -> StoreError {
    let shown =
        code.map_or_else(|| format!("an answer {status} without a code"), |code| one_line(code, SHOWN_NAME_MAX));
    match code {
        Some(code) if THROTTLES.contains(&code) => StoreError::Throttled(shown),
        Some(code) if FAILURES.contains(&code) => StoreError::Unavailable(shown),
        Some(_) | None if status >= 500 => StoreError::Unavailable(shown),
        Some(_) | None => StoreError::Refused(shown),
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_named_by_its_code_and_its_status() {
        let throttled = "ProvisionedThroughputExceededException";
        assert_eq!(refusal(Some(throttled), 400), StoreError::Throttled(throttled.into()));
        assert_eq!(refusal(Some("InternalServerError"), 500), StoreError::Unavailable("InternalServerError".into()));
        assert_eq!(refusal(None, 503), StoreError::Unavailable("an answer 503 without a code".into()));
        assert_eq!(refusal(Some("AccessDeniedException"), 400), StoreError::Refused("AccessDeniedException".into()));
        assert_eq!(refusal(Some("a\nb"), 400), StoreError::Refused("a b".into()));
    }
}
