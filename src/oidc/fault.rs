//! What a call of our own answered when it did not succeed.
//!
//! In: an error of the SDK. Out: a [`Fault`]: the facts that the table looks at, and those that are evidence. Bodies
//! are read here and nowhere kept: only the fields that the service gives for people and programs come out.

use std::error::Error;
use std::time::{Duration, Instant};

use aws_sdk_ssooidc::config::http::HttpResponse;
use aws_sdk_ssooidc::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssooidc::operation::RequestId;
use serde::{Deserialize, Serialize};

use crate::backoff::RETRY_AFTER_HEADER;
use crate::classify::Symptoms;
use crate::observation::Failure;
use crate::redact::{SHOWN_TEXT_MAX, one_line};

/// The header that names the exception. Some answers have a body that is no JSON, and then the SDK does not read it.
const ERROR_TYPE_HEADER: &str = "x-amzn-errortype";

/// An answer that is not the one asked for, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub code: Option<String>,
    pub status: Option<u16>,
    /// `error_description` (or `message`, for errors outside the model); where no answer came, what went wrong.
    pub message: Option<String>,
    pub reason: Option<String>,
    pub request_id: Option<String>,
    /// How long the service wished us to wait.
    pub retry_after: Option<Duration>,
    /// Nothing came that could be read. With a status where something came.
    pub no_answer: bool,
}

impl Fault {
    /// The facts of an SDK error. The one place that looks into it.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let Some(response) = error.raw_response() else { return Self::without_answer(&transport_text(error)) };
        let status = response.status();
        if status.is_success() {
            // A 200 that is not what the service says: cut off, or of a proxy's own page. No answer of the service.
            return Self { status: Some(status.as_u16()), ..Self::without_answer("the answer could not be read") };
        }
        let body = response.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let body: serde_json::Value = body.unwrap_or_default();
        let field = |name: &str| body.get(name).and_then(|value| value.as_str()).map(shown);
        let header =
            response.headers().get(ERROR_TYPE_HEADER).map(|value| shown(value.split(':').next().unwrap_or("")));
        Self {
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

    /// What the caller's own call answered.
    pub fn of_failure(failure: &Failure) -> Self {
        Self {
            code: failure.code.clone(),
            status: failure.status,
            message: failure.message.as_deref().map(shown),
            reason: failure.reason.as_deref().map(shown),
            request_id: failure.request_id.clone(),
            retry_after: None,
            no_answer: failure.no_answer,
        }
    }

    fn without_answer(what: &str) -> Self {
        Self { message: Some(shown(what)), no_answer: true, ..Self::default() }
    }

    /// What the table looks at. The caller adds what only it knows: the operation, the grant type, the client.
    pub fn symptoms(&self) -> Symptoms<'_> {
        Symptoms {
            code: self.code.as_deref(),
            status: self.status,
            message: self.message.as_deref(),
            reason: self.reason.as_deref(),
            no_answer: self.no_answer,
            ..Symptoms::default()
        }
    }

    /// Whether that is the exception of this name, by its own name or by OAuth's.
    pub fn is(&self, exception: &str, oauth: &str) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| code.eq_ignore_ascii_case(exception) || code.eq_ignore_ascii_case(oauth))
    }

    /// The service's own fault by the status: 500 to 599.
    pub fn is_server_fault(&self) -> bool {
        self.status.is_some_and(|status| (500..600).contains(&status))
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
        Ok(Err(error)) => Err(Fault::of(&error)),
        Err(_) => Err(Fault::without_answer("no answer before our own time was up")),
    }
}

fn shown(text: &str) -> String {
    one_line(text, SHOWN_TEXT_MAX)
}

/// Why no answer came. Errors of the transport speak of addresses, names and certificates, never of bodies.
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
