//! What brings the records and logs of other accounts: the bus that they send to, the stream, and
//! the queue of a trail's bucket.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use triage_engine::doctor::facts::{Found, LOOK_BACK, SourceBus, Stream, TrailQueue};
use triage_model::time::{before, later};

use super::ask::{Ask, EVENTS, Operation};
use super::metrics::{GET_METRIC_DATA, Watched, delivered, points};

const DESCRIBE_EVENT_BUS: Operation =
    Operation { service: EVENTS, name: "DescribeEventBus", right: "events:DescribeEventBus" };

const PERIOD: Duration = Duration::from_secs(3600);

pub async fn source_bus(ask: &Ask<'_>, name: &str) -> SourceBus {
    let found = ask.ask(DESCRIBE_EVENT_BUS, None, &json!({"Name": name})).await;
    let has_policy = found.map(|bus| bus["Policy"].as_str().is_some_and(|policy| policy.contains("PrincipalOrgID")));
    SourceBus { name: name.to_owned(), has_policy }
}

/// By the metrics of both its ends, for which the role has the right already. `function` is the ARN of the alias that
/// reads it.
pub async fn stream(ask: &Ask<'_>, arn: &str, function: &str, now: Timestamp) -> Stream {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    let of_alias: Vec<&str> = function.splitn(7, ':').nth(6).unwrap_or_default().split(':').collect();
    let reader = match of_alias.as_slice() {
        [function, alias, ..] => {
            json!([{"Name": "FunctionName", "Value": function}, {"Name": "Resource", "Value": format!("{function}:{alias}")}])
        }
        function => json!([{"Name": "FunctionName", "Value": function.first()}]),
    };
    let query = |id: &str, namespace: &str, metric: &str, dimensions: &Value, stat: &str| {
        json!({"Id": id, "ReturnData": true, "MetricStat": {"Period": PERIOD.as_secs(), "Stat": stat,
            "Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}}})
    };
    let written = json!([{"Name": "StreamName", "Value": name}]);
    let input = json!({"StartTime": before(now, LOOK_BACK).as_second(), "EndTime": now.as_second(),
    "ScanBy": "TimestampDescending", "MetricDataQueries": [
        query("written", "AWS/Kinesis", "IncomingRecords", &written, "Sum"),
        query("age", "AWS/Lambda", "IteratorAge", &reader, "Maximum"),
    ]});
    let answer = ask.ask(GET_METRIC_DATA, None, &input).await;
    let last = |id: &str, least: f64| -> Found<Option<Timestamp>> {
        let answer = answer.as_ref().map_err(Clone::clone)?;
        let latest = points(answer, id).filter(|(_, value)| *value >= least).map(|(at, _)| at).max();
        Ok(latest.map(|at| later(at, PERIOD).min(now)))
    };
    let behind = answer.as_ref().map_err(Clone::clone).map(|answer| {
        let since = before(now, PERIOD * 2);
        let of_late = points(answer, "age").filter(|(at, _)| *at >= since).map(|(_, age)| age);
        of_late.reduce(f64::max).map(|age| Duration::from_millis(age as u64))
    });
    Stream { name: name.to_owned(), last_written: last("written", 1.0), last_read: last("age", 0.0), behind }
}

/// What is done with is deleted: by the queue's own metrics, for which the role has the right already.
pub async fn trail_queue(ask: &Ask<'_>, bucket: &str, arn: &str, now: Timestamp) -> TrailQueue {
    let queue = arn.rsplit(':').next().unwrap_or(arn);
    let watched = ["NumberOfMessagesSent", "NumberOfMessagesDeleted"].map(|delivered| Watched {
        namespace: "AWS/SQS",
        delivered,
        failed: "NumberOfEmptyReceives",
        dimensions: vec![("QueueName", queue.to_owned())],
    });
    let found = delivered(ask, &watched, LOOK_BACK, PERIOD.as_secs() as u32, now).await;
    let last = |number: usize| found.as_ref().map(|all| all[number].last).map_err(Clone::clone);
    TrailQueue { bucket: bucket.to_owned(), last_sent: last(0), last_done: last(1) }
}
