//! Sending a notice to its channels: the topic, the pager's topic, the event bus.
//!
//! In: a [`Notice`] and a [`Channel`]. Out: the id of the accepted message, or why it could not be sent. One attempt,
//! without the SDK's retries: the claimant decides what a failure means. If the topic fails and there is a fallback in
//! another region, that one is tried at once.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_eventbridge as eventbridge;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sns as sns;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{BehaviorVersion, Region as SdkRegion};
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;
use triage_engine::publish::{ATTEMPT_TIMEOUT, Destination, Publish, PublishError, Published};
use triage_notify::letter::Channel;
use triage_notify::notice::{NamedScope, Notice};
use triage_notify::place::Place;
use triage_notify::{envelope, machine, pager};

use crate::config::Config;
use triage_aws::http::{CONNECT_TIMEOUT, silence};

/// SNS's `MessageStructure` for a text of each protocol's own.
const BY_PROTOCOL: &str = "json";

/// Where notices go. Without a topic they go to the log.
#[derive(Debug)]
pub struct Publisher {
    topic: Option<Topic>,
    fallback: Option<Topic>,
    pager: Option<Topic>,
    bus: Option<Bus>,
    place: Place,
}

impl Publisher {
    /// None in shadow mode, and where no channel is configured.
    pub fn new(sdk: &aws_config::SdkConfig, config: &Config) -> Option<Self> {
        let topic = |arn: &Option<String>| arn.clone().map(|arn| Topic::new(sdk, arn));
        let publisher = Self {
            topic: topic(&config.topic_arn),
            fallback: topic(&config.fallback_topic_arn),
            pager: topic(&config.pager_topic_arn),
            bus: config.event_bus.clone().map(|name| Bus::new(sdk, name)),
            place: config.place(),
        };
        (config.settings.is_live() && !publisher.channels().is_empty()).then_some(publisher)
    }

    async fn notify_people(&self, notice: &Notice, within: Duration) -> Result<Published, PublishError> {
        // The fallback needs time too.
        let each = if self.fallback.is_some() { within / 2 } else { within };
        let first = match self.publish_to(Destination::Topic, notice, each).await {
            Ok(message_id) => return Ok(Published { message_id, fallback: None }),
            Err(first) => first,
        };
        if self.fallback.is_none() {
            return Err(first);
        }
        match self.publish_to(Destination::Fallback, notice, each).await {
            Ok(message_id) => Ok(Published { message_id, fallback: Some(first.to_string()) }),
            Err(second) => Err(PublishError::NeitherTook(Box::new(first), Box::new(second))),
        }
    }
}

impl Publish for Publisher {
    /// The channels in use. People always are: without a topic in the log.
    fn channels(&self) -> Vec<Channel> {
        let any = self.topic.is_some() || self.pager.is_some() || self.bus.is_some();
        let channels = [
            any.then_some(Channel::Topic),
            self.pager.as_ref().map(|_| Channel::Pager),
            self.bus.as_ref().map(|_| Channel::Bus),
        ];
        channels.into_iter().flatten().collect()
    }

    fn destinations(&self) -> Vec<Destination> {
        let destinations = [
            self.topic.as_ref().map(|_| Destination::Topic),
            self.fallback.as_ref().map(|_| Destination::Fallback),
            self.pager.as_ref().map(|_| Destination::Pager),
            self.bus.as_ref().map(|_| Destination::Bus),
        ];
        destinations.into_iter().flatten().collect()
    }

    async fn publish_to(
        &self,
        destination: Destination,
        notice: &Notice,
        within: Duration,
    ) -> Result<Option<String>, PublishError> {
        let topic = match destination {
            Destination::Topic => &self.topic,
            Destination::Fallback => &self.fallback,
            Destination::Pager => &self.pager,
            Destination::Bus => {
                let (Some(bus), Some(detail_type)) = (&self.bus, notice.kind.detail_type()) else { return Ok(None) };
                return bus.put(notice, detail_type, envelope::detail(notice, &self.place), within).await.map(Some);
            }
        };
        let Some(topic) = topic else { return Ok(None) };
        if destination == Destination::Pager {
            let Some((subject, alarm)) = pager::render(notice, &self.place) else { return Ok(None) };
            return topic.publish(notice, &subject, alarm, None, within).await.map(Some);
        }
        let message = envelope::render(notice, &self.place);
        topic.publish(notice, &notice.subject, message, Some(BY_PROTOCOL), within).await.map(Some)
    }

    /// Publishes. `within` limits the wait: a publish that outlives the invocation is lost without a trace. What a
    /// channel does not get counts as published.
    async fn publish(&self, channel: Channel, notice: &Notice, within: Duration) -> Result<Published, PublishError> {
        let destination = match channel {
            Channel::Topic => return self.notify_people(notice, within).await,
            Channel::Pager => Destination::Pager,
            Channel::Bus => Destination::Bus,
        };
        let message_id = self.publish_to(destination, notice, within).await?;
        Ok(Published { message_id, fallback: None })
    }

    async fn pause(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// The topic's own region is asked, wherever the function runs.
pub fn topic_client(sdk: &aws_config::SdkConfig, arn: &str) -> sns::Client {
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty()).map(|r| SdkRegion::new(r.to_owned()));
    let config = sns::config::Builder::from(sdk)
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(region.or_else(|| sdk.region().cloned()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .build();
    sns::Client::from_conf(config)
}

#[derive(Debug)]
struct Topic {
    client: sns::Client,
    arn: String,
}

impl Topic {
    fn new(sdk: &aws_config::SdkConfig, arn: String) -> Self {
        Self { client: topic_client(sdk, &arn), arn }
    }

    async fn publish(
        &self,
        notice: &Notice,
        subject: &str,
        message: String,
        structure: Option<&str>,
        within: Duration,
    ) -> Result<String, PublishError> {
        const SNS: &str = "SNS";
        let request = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(subject)
            .message(message)
            .set_message_structure(structure.map(str::to_owned))
            .set_message_attributes(Some(attributes(notice)));
        match tokio::time::timeout(within, request.send()).await {
            Err(_) => Err(PublishError::NoAnswer(SNS, OUT_OF_TIME)),
            Ok(Ok(answer)) => Ok(answer.message_id.unwrap_or_default()),
            Ok(Err(error)) => Err(why(SNS, &error)),
        }
    }
}

/// The bus that carries incidents to programs.
#[derive(Debug)]
struct Bus {
    client: eventbridge::Client,
    name: String,
}

impl Bus {
    fn new(sdk: &aws_config::SdkConfig, name: String) -> Self {
        let config = eventbridge::config::Builder::from(sdk)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts())
            .build();
        Self { client: eventbridge::Client::from_conf(config), name }
    }

    async fn put(
        &self,
        notice: &Notice,
        detail_type: &str,
        detail: String,
        within: Duration,
    ) -> Result<String, PublishError> {
        const EVENTBRIDGE: &str = "EventBridge";
        let event = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(machine::SOURCE)
            .detail_type(detail_type)
            .detail(detail)
            .time(decided_at(notice))
            .build();
        match tokio::time::timeout(within, self.client.put_events().entries(event).send()).await {
            Err(_) => Err(PublishError::NoAnswer(EVENTBRIDGE, OUT_OF_TIME)),
            Ok(Ok(answer)) => {
                let entry = answer.entries.unwrap_or_default().into_iter().next();
                let (id, code) = entry.map_or((None, None), |entry| (entry.event_id, entry.error_code));
                id.ok_or_else(|| PublishError::Refused(EVENTBRIDGE, code.unwrap_or_else(|| WITHOUT_A_CODE.to_owned())))
            }
            Ok(Err(error)) => Err(why(EVENTBRIDGE, &error)),
        }
    }
}

/// When it was decided, which may be long before it could be put.
fn decided_at(notice: &Notice) -> eventbridge::primitives::DateTime {
    eventbridge::primitives::DateTime::from_secs(notice.at.as_second())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(ATTEMPT_TIMEOUT)
        .build()
}

/// By which a receiver drops a repeat, and a filter policy chooses.
fn attributes(notice: &Notice) -> HashMap<String, MessageAttributeValue> {
    let sequence = notice.sequence.to_string();
    let operations: Vec<&str> = notice.operations.iter().map(|operation| operation.as_str()).collect();
    // A filter policy matches any of an array as it does a single name.
    let operation = match operations.as_slice() {
        [] => None,
        [one] => Some(("operation", "String", (*one).to_owned())),
        several => serde_json::to_string(several).ok().map(|several| ("operation", "String.Array", several)),
    };
    let texts = [
        ("id", Some(notice.id.as_str())),
        ("kind", Some(notice.kind.as_str())),
        ("diagnosis", Some(notice.diagnosis.as_str())),
        ("severity", Some(notice.severity.as_str())),
        ("region", Some(notice.region.as_str())),
        ("incident", notice.incident.as_deref()),
        ("scope", notice.scope.as_ref().map(NamedScope::kind)),
        ("test", notice.test.then_some("true")),
    ];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name, "String", text?.to_owned())));
    let attribute = |(name, data_type, value): (&str, &str, String)| {
        let value = MessageAttributeValue::builder().data_type(data_type).string_value(value).build().ok()?;
        Some((name.to_owned(), value))
    };
    texts.chain(operation).chain([("sequence", "Number", sequence)]).filter_map(attribute).collect()
}

const OUT_OF_TIME: &str = "the invocation's time ran out";
const WITHOUT_A_CODE: &str = "an answer without a code";

/// What may be logged of a failed publish. The SDK's own text holds the raw answer: it stays here.
fn why<E: ProvideErrorMetadata, R>(whom: &'static str, error: &SdkError<E, R>) -> PublishError {
    match error.as_service_error() {
        Some(refusal) => PublishError::Refused(whom, refusal.code().unwrap_or(WITHOUT_A_CODE).to_owned()),
        None => PublishError::NoAnswer(whom, silence(error)),
    }
}
