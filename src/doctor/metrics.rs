//! CloudWatch's metrics about what brings events: when it last delivered, and how often it failed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use triage_engine::doctor::facts::Found;
use triage_model::time::{before, later};

use super::ask::{Ask, METRICS, Operation};

pub const GET_METRIC_DATA: Operation =
    Operation { service: METRICS, name: "GetMetricData", right: "cloudwatch:GetMetricData" };

/// Failures count for so long.
const DAY: Duration = Duration::from_secs(86_400);

/// The metrics of one rule or subscription.
#[derive(Debug)]
pub struct Watched {
    pub namespace: &'static str,
    pub delivered: &'static str,
    pub failed: &'static str,
    pub dimensions: Vec<(&'static str, String)>,
}

/// What CloudWatch says of one of them.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The end of the latest period with a delivery.
    pub last: Option<Timestamp>,
    /// Failures of the last day.
    pub failed: u64,
}

/// Of each, in their order. `span` is looked back, in periods of `period_s`.
pub async fn delivered(
    ask: &Ask<'_>,
    watched: &[Watched],
    span: Duration,
    period_s: u32,
    now: Timestamp,
) -> Found<Vec<Delivered>> {
    let query = |id: String, watched: &Watched, name: &str| {
        let dimensions: Vec<Value> =
            watched.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        json!({"Id": id, "ReturnData": true, "MetricStat": {
            "Metric": {"Namespace": watched.namespace, "MetricName": name, "Dimensions": dimensions},
            "Period": period_s, "Stat": "Sum"}})
    };
    let queries: Vec<Value> = watched
        .iter()
        .enumerate()
        .flat_map(|(number, one)| {
            [query(format!("d{number}"), one, one.delivered), query(format!("f{number}"), one, one.failed)]
        })
        .collect();
    let input = json!({"MetricDataQueries": queries, "StartTime": before(now, span).as_second(),
        "EndTime": now.as_second(), "ScanBy": "TimestampDescending"});
    let answer = ask.ask(GET_METRIC_DATA, None, &input).await?;
    let points = |id: &str| points(&answer, id);
    Ok((0..watched.len())
        .map(|number| {
            let period = Duration::from_secs(period_s.into());
            let last = points(&format!("d{number}")).filter(|(_, value)| *value > 0.0).map(|(at, _)| at).max();
            let since = before(now, DAY);
            let failed: f64 =
                points(&format!("f{number}")).filter(|(at, _)| *at >= since).map(|(_, value)| value).sum();
            Delivered { last: last.map(|at| later(at, period).min(now)), failed: failed as u64 }
        })
        .collect())
}

pub fn points<'a>(answer: &'a Value, id: &str) -> impl Iterator<Item = (Timestamp, f64)> + use<'a> {
    let results = answer["MetricDataResults"].as_array().into_iter().flatten();
    let id = id.to_owned();
    results.filter(move |result| result["Id"] == id.as_str()).flat_map(|result| {
        let times = result["Timestamps"].as_array().into_iter().flatten();
        let values = result["Values"].as_array().into_iter().flatten();
        times.zip(values).filter_map(|(time, value)| Some((timestamp(time)?, value.as_f64()?)))
    })
}

/// Seconds since 1970, as the JSON protocols write times; as text in some answers.
pub fn timestamp(value: &Value) -> Option<Timestamp> {
    match value.as_f64() {
        Some(seconds) => Timestamp::from_second(seconds as i64).ok(),
        None => value.as_str()?.parse().ok(),
    }
}
