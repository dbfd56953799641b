//! The channels: who subscribes to a topic, and whether a notice could be published.

use std::time::{Duration, Instant};

use aws_sdk_sns as sns;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use futures_util::future::join;
use serde_json::json;
use triage_engine::doctor::facts::{Found, Subscriptions, Topic, Trouble};
use triage_engine::publish::Destination;
use triage_notify::machine::SOURCE;

use super::ask::{ATTEMPT, Ask, EVENTS, Operation, refusal};
use triage_aws::http::silence;

const PUT_EVENTS: Operation = Operation { service: EVENTS, name: "PutEvents", right: "events:PutEvents" };
const GET_ATTRIBUTES: &str = "sns:GetTopicAttributes";
const PUBLISH: &str = "sns:Publish";

pub async fn topic(client: sns::Client, arn: &str, destination: Destination, deadline: Instant) -> Topic {
    let left = deadline.saturating_duration_since(Instant::now()).min(ATTEMPT);
    let (subscriptions, publish) = join(subscriptions(&client, arn, left), publish(&client, arn, left)).await;
    let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
    Topic { destination, name, subscriptions, publish }
}

async fn subscriptions(client: &sns::Client, arn: &str, within: Duration) -> Found<Subscriptions> {
    let asked = client.get_topic_attributes().topic_arn(arn).send();
    let answer = timely(GET_ATTRIBUTES, within, asked).await?.map_err(|error| why(GET_ATTRIBUTES, &error))?;
    let attributes = answer.attributes.unwrap_or_default();
    let count = |name: &str| attributes.get(name).and_then(|count| count.parse().ok()).unwrap_or(0);
    Ok(Subscriptions { confirmed: count("SubscriptionsConfirmed"), pending: count("SubscriptionsPending") })
}

/// An empty message: SNS refuses it, and sends nothing to anybody.
async fn publish(client: &sns::Client, arn: &str, within: Duration) -> Found<()> {
    let asked = client.publish().topic_arn(arn).message("").send();
    match timely(PUBLISH, within, asked).await? {
        Ok(_) => Ok(()),
        Err(error) => match why(PUBLISH, &error) {
            Trouble::Refused(_, code) if code.contains("InvalidParameter") || code.contains("Validation") => Ok(()),
            trouble => Err(trouble),
        },
    }
}

async fn timely<T>(right: &'static str, within: Duration, asked: impl Future<Output = T>) -> Found<T> {
    // The SDK's futures are large.
    tokio::time::timeout(within, Box::pin(asked)).await.map_err(|_| Trouble::Silent(right, "it timed out"))
}

fn why<E: ProvideErrorMetadata, R>(right: &'static str, error: &SdkError<E, R>) -> Trouble {
    match error.as_service_error() {
        Some(refused) => refusal(right, refused.code().unwrap_or("an error without a code").to_owned()),
        None => Trouble::Silent(right, silence(error)),
    }
}

/// An event whose detail is no JSON: EventBridge refuses that entry, and no rule sees it.
pub async fn bus(ask: &Ask<'_>, name: &str) -> Found<()> {
    let entry =
        json!({"Source": SOURCE, "DetailType": "OIDC Triage Doctor", "Detail": "no JSON", "EventBusName": name});
    let answer = ask.ask(PUT_EVENTS, None, &json!({"Entries": [entry]})).await?;
    match answer["Entries"][0]["ErrorCode"].as_str() {
        None | Some("MalformedDetail" | "InvalidArgument") => Ok(()),
        Some(code) => Err(refusal(PUT_EVENTS.right, code.to_owned())),
    }
}
