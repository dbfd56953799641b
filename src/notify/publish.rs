//! Sending a notice to SNS.
//!
//! In: a [`Notice`]. Out: the message id that SNS gave it, or why it could not be sent. One attempt, without the SDK's
//! retries: whoever claimed the notice decides what a failure means.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{BehaviorVersion, Builder, Region as SdkRegion};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;

use super::Notice;
use crate::oidc::CONNECT_TIMEOUT;

/// SNS answers in tens of milliseconds. The time to connect is that of the other clients: the SDK keeps a connector, and
/// its parsed root certificates, for each value.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where notices go.
#[derive(Debug)]
pub struct Publisher {
    client: Client,
    topic_arn: String,
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// SNS refused: its code, such as `AuthorizationError`.
    #[error("SNS refused the notice: {0}")]
    Refused(String),
    /// No answer: it may have been taken all the same.
    #[error("SNS did not answer: {0}")]
    NoAnswer(&'static str),
}

impl Publisher {
    /// The topic's own region is asked, wherever the function runs.
    pub fn new(config: &aws_config::SdkConfig, topic_arn: String) -> Self {
        let region =
            topic_arn.split(':').nth(3).filter(|region| !region.is_empty()).map(|r| SdkRegion::new(r.to_owned()));
        let config = Builder::from(config)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region.or_else(|| config.region().cloned()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(ATTEMPT_TIMEOUT)
                    .build(),
            )
            .build();
        Self { client: Client::from_conf(config), topic_arn }
    }

    /// Publishes, and returns SNS's message id. `within` bounds the wait: a publish that outlives the invocation is
    /// lost without a word.
    pub async fn publish(&self, notice: &Notice, within: Duration) -> Result<String, PublishError> {
        let request =
            self.client.publish().topic_arn(&self.topic_arn).subject(&notice.subject).message(&notice.message);
        let request = request.set_message_attributes(Some(attributes(notice)));
        match tokio::time::timeout(within, request.send()).await {
            Err(_) => Err(PublishError::NoAnswer("the invocation's time ran out")),
            Ok(Ok(answer)) => Ok(answer.message_id.unwrap_or_default()),
            Ok(Err(error)) => Err(why(&error)),
        }
    }
}

/// By which a receiver drops a repeat, and a filter policy chooses.
fn attributes(notice: &Notice) -> HashMap<String, MessageAttributeValue> {
    let sequence = notice.sequence.to_string();
    let texts = [
        ("id", Some(notice.id.as_str())),
        ("kind", Some(notice.kind.as_str())),
        ("diagnosis", Some(notice.diagnosis.as_str())),
        ("severity", Some(notice.severity.as_str())),
        ("region", Some(notice.region.as_str())),
        ("incident", notice.incident.as_deref()),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, "String", text?)));
    let attribute = |(name, data_type, value): (&str, &str, &str)| {
        let value = MessageAttributeValue::builder().data_type(data_type).string_value(value).build().ok()?;
        Some((name.to_owned(), value))
    };
    texts.chain([("sequence", "Number", sequence.as_str())]).filter_map(attribute).collect()
}

/// What may be said of a failed publish. The SDK's own text holds the raw answer: it stays here.
fn why<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> PublishError {
    match error {
        SdkError::ServiceError(service) => {
            PublishError::Refused(service.err().code().unwrap_or("an answer without a code").to_owned())
        }
        SdkError::TimeoutError(_) => PublishError::NoAnswer("it timed out"),
        SdkError::DispatchFailure(failure) if failure.is_other() => {
            PublishError::NoAnswer("no credentials to sign with")
        }
        SdkError::DispatchFailure(_) => PublishError::NoAnswer("no connection"),
        SdkError::ResponseError(_) => PublishError::NoAnswer("its answer could not be read"),
        _ => PublishError::NoAnswer("the request could not be built"),
    }
}
