//! Reading an error of the SDK.
//!
//! In: an error of a call of our own. Out: a [`Fault`]. Bodies are read here and nowhere kept: only the fields that the
//! service gives for people and programs come out.

use std::error::Error;
use std::time::{Duration, Instant};

use aws_sdk_ssooidc::config::http::HttpResponse;
use aws_sdk_ssooidc::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssooidc::operation::RequestId;
use triage_engine::backoff::RETRY_AFTER_HEADER;
use triage_model::fault::{Fault, shown};

/// The header that names the exception. Some answers have a body that is no JSON, and then the SDK does not read it.
const ERROR_TYPE_HEADER: &str = "x-amzn-errortype";

/// The facts of an SDK error. The only place that looks into it.
pub fn fault_of<E>(error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata,
{
    let Some(response) = error.raw_response() else { return Fault::without_answer(&transport_text(error)) };
    let status = response.status();
    if status.is_success() {
        // A 200 without the service's content: cut off, or a proxy's own page. No answer of the service.
        return Fault { status: Some(status.as_u16()), ..Fault::without_answer("the answer could not be read") };
    }
    let body = response.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let body: serde_json::Value = body.unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(|value| value.as_str()).map(shown);
    let header = response.headers().get(ERROR_TYPE_HEADER).map(|value| shown(value.split(':').next().unwrap_or("")));
    Fault {
        code: error.code().map(shown).or(header).or_else(|| field("error")),
        status: Some(status.as_u16()),
        message: field("error_description").or_else(|| field("message")).or_else(|| field("Message")),
        reason: field("reason"),
        request_id: response.request_id().map(shown),
        retry_after: response
            .headers()
            .get(RETRY_AFTER_HEADER)
            .and_then(|millis| millis.trim().parse().ok())
            .map(Duration::from_millis),
        no_answer: false,
    }
}

/// The answer of a call, waited for until `deadline` at most.
pub async fn answered<T, E>(
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    deadline: Instant,
) -> Result<T, Fault>
where
    E: ProvideErrorMetadata,
{
    match tokio::time::timeout_at(deadline.into(), call).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(fault_of(&error)),
        Err(_) => Err(Fault::without_answer("no answer before our own time was up")),
    }
}

/// Why no answer came. Errors of the transport name addresses, hosts and certificates, never bodies.
fn transport_text<E>(error: &SdkError<E, HttpResponse>) -> String {
    match error {
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(failure) => {
            let mut text = "no connection".to_owned();
            let mut source = failure.as_connector_error().and_then(|error| error.source());
            while let Some(error) = source {
                text.push_str(": ");
                text.push_str(&error.to_string());
                source = error.source();
            }
            text
        }
        SdkError::ConstructionFailure(_) => "the call could not be built".to_owned(),
        // The enum belongs to the SDK and may grow.
        _ => "no answer".to_owned(),
    }
}
