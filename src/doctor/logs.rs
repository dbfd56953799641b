//! CloudWatch Logs: whether a group's subscription delivers to this function.

use jiff::Timestamp;
use serde_json::json;
use triage_engine::doctor::facts::{LOOK_BACK, LogGroup};

use super::ask::{Ask, LOGS, Operation};
use super::metrics::{Watched, delivered};

const DESCRIBE_FILTERS: Operation =
    Operation { service: LOGS, name: "DescribeSubscriptionFilters", right: "logs:DescribeSubscriptionFilters" };
const HOUR_S: u32 = 3600;

pub async fn log_group(ask: &Ask<'_>, name: &str, target: &str, now: Timestamp) -> LogGroup {
    let found = ask.ask(DESCRIBE_FILTERS, None, &json!({"logGroupName": name})).await;
    let subscription = found.map(|answer| {
        let filters = answer["subscriptionFilters"].as_array().into_iter().flatten();
        let ours = filters.filter(|filter| filter["destinationArn"] == target);
        ours.filter_map(|filter| filter["filterName"].as_str().map(str::to_owned)).next()
    });
    let Ok(Some(filter)) = &subscription else {
        return LogGroup { name: name.to_owned(), subscription, last_delivered: Ok(None), failed: Ok(0) };
    };
    let watched = Watched {
        namespace: "AWS/Logs",
        delivered: "ForwardedLogEvents",
        failed: "DeliveryErrors",
        dimensions: vec![
            ("LogGroupName", name.to_owned()),
            ("DestinationType", "Lambda".to_owned()),
            ("FilterName", filter.clone()),
        ],
    };
    let found = delivered(ask, &[watched], LOOK_BACK, HOUR_S, now).await;
    LogGroup {
        name: name.to_owned(),
        subscription,
        last_delivered: found.clone().map(|of| of.first().and_then(|one| one.last)),
        failed: found.map(|of| of.first().map_or(0, |one| one.failed)),
    }
}
