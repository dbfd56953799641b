//! A notice for paging services: the JSON of a CloudWatch alarm, which they understand as it is, so that an incident opens,
//! reopens and closes there by itself.
//!
//! In: a [`Notice`] that changes the state of the incident's alarm, and the [`Place`] that it comes from. Out: subject and
//! message, which agree. There is no such alarm in CloudWatch: its name is the incident's id.

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::ledger::Alarm;
use triage_model::partition::Partition;

use crate::notice::Notice;
use crate::place::Place;

/// The CloudWatch namespace of our metrics.
pub const NAMESPACE: &str = "oidc-triage";

/// As long as CloudWatch's own reasons may be.
const REASON_MAX: usize = 1023;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StateChange<'a> {
    alarm_name: &'a str,
    alarm_description: &'a str,
    #[serde(rename = "AWSAccountId")]
    account: &'a str,
    new_state_value: Alarm,
    new_state_reason: String,
    state_change_time: String,
    region: &'a str,
    alarm_arn: String,
    old_state_value: Alarm,
    #[serde(rename = "OKActions")]
    ok_actions: [&'a str; 0],
    alarm_actions: [&'a str; 0],
    insufficient_data_actions: [&'a str; 0],
    trigger: Trigger<'a>,
}

/// What paging services show of an alarm.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Trigger<'a> {
    metric_name: &'static str,
    namespace: &'static str,
    statistic: &'static str,
    dimensions: [Dimension<'a>; 1],
    period: u32,
    evaluation_periods: u32,
    comparison_operator: &'static str,
    threshold: f64,
}

#[derive(Debug, Serialize)]
struct Dimension<'a> {
    name: &'static str,
    value: &'a str,
}

/// None where the notice changes nothing at a paging service.
pub fn render(notice: &Notice, place: &Place) -> Option<(String, String)> {
    let (alarm, incident) = (notice.alarm?, notice.incident.as_deref()?);
    let region = notice.region.as_str();
    let account = place.account.as_deref().unwrap_or_default();
    let change = StateChange {
        alarm_name: incident,
        alarm_description: &notice.subject,
        account,
        new_state_value: alarm,
        new_state_reason: reason(notice),
        state_change_time: utc(notice.at),
        region,
        alarm_arn: format!(
            "arn:{}:cloudwatch:{}:{account}:alarm:{incident}",
            Partition::of(&place.region).id,
            place.region
        ),
        old_state_value: alarm.other(),
        ok_actions: [],
        alarm_actions: [],
        insufficient_data_actions: [],
        trigger: Trigger {
            metric_name: "IncidentsOpen",
            namespace: NAMESPACE,
            statistic: "MAXIMUM",
            dimensions: [Dimension { name: "Region", value: region }],
            period: 60,
            evaluation_periods: 1,
            comparison_operator: "GreaterThanThreshold",
            threshold: 0.0,
        },
    };
    // What is made of strings and numbers alone cannot fail to be JSON.
    let message = serde_json::to_string(&change).unwrap_or_default();
    Some((format!("{}: \"{incident}\" in {region}", alarm.as_str()), message))
}

fn reason(notice: &Notice) -> String {
    let by_hand = notice.note.as_ref().map(|note| format!("Close it by hand. {note} ")).unwrap_or_default();
    let said = format!("{by_hand}{} Why: {}", notice.headline.join(" "), notice.reasons.join("; "));
    triage_model::redact::one_line(&said, REASON_MAX)
}

/// As CloudWatch writes it: `2027-01-15T08:01:00.000+0000`.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}
