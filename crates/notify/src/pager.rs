//! A notice for paging services: the JSON of a CloudWatch alarm, which they understand as it is, so that an incident opens,
//! reopens and closes there by itself.
//!
//! In: a [`Notice`] that raises, updates or ends the incident's alert, and the [`Place`] that it comes from. Out: subject and
//! message, which agree. The title is the verdict. The alarm's name is the incident's id: services that group by it keep one
//! alert for one incident. There is no such alarm in CloudWatch, and its ARN is none of CloudWatch's.

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::ledger::Alarm;

use crate::notice::Notice;
use crate::place::Place;
use crate::words::printable;

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
    let (state, before) = match (notice.alarm, notice.updates_alert) {
        (Some(alarm), _) => (alarm, alarm.other()),
        (None, true) => (Alarm::Alarm, Alarm::Alarm),
        (None, false) => return None,
    };
    let incident = notice.incident.as_deref()?;
    let region = notice.region.as_str();
    let account = place.account.as_deref().unwrap_or_default();
    // What the version before left in the outbox has no title.
    // Nor may an end that nothing confirms pass for a recovery.
    let is_quiet = notice.proved == Some(false);
    let title = if notice.title.is_empty() || is_quiet { &notice.subject } else { &notice.title };
    let change = StateChange {
        alarm_name: incident,
        alarm_description: title,
        account,
        new_state_value: state,
        new_state_reason: reason(notice, place),
        state_change_time: utc(notice.at),
        region,
        alarm_arn: format!("{NAMESPACE}:{}:{account}:incident/{incident}", place.region),
        old_state_value: before,
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
    // PagerDuty takes only a subject that begins with the state, and shows it as the title.
    Some((printable(&format!("{}: {title}", state.as_str())), message))
}

fn reason(notice: &Notice, place: &Place) -> String {
    let by_hand = notice.note.as_ref().map(|note| format!("Close it by hand. {note} ")).unwrap_or_default();
    let steps: String = (1..).zip(&notice.advice.now).map(|(number, step)| format!(" {number}. {step}")).collect();
    let runbook = place.company.runbook.as_ref().map(|runbook| format!(" Runbook: {runbook}")).unwrap_or_default();
    let contact = place.company.contact.as_ref().map(|contact| format!(" Contact: {contact}")).unwrap_or_default();
    let ours = format!("{runbook}{contact}");
    let said = format!("{by_hand}{} Do now:{steps}", notice.headline.join(" "));
    let room = REASON_MAX.saturating_sub(ours.len());
    format!("{}{ours}", triage_model::redact::one_line(&said, room))
}

/// As CloudWatch writes it: `2027-01-15T08:01:00.000+0000`.
fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}
