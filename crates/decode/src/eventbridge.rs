//! EventBridge envelopes: a CloudTrail record, an AWS Health event, a tick of the schedule, or a `call`.
//!
//! In: the envelope's members. Out: the content of its `detail`. The `detail-type` chooses the decoder. The record
//! itself decides whether it is ours, because a `source` covers more than one service. Everything else is ignored.

use triage_model::observation::{Observation, Tick};
use triage_model::problem::ProblemName;

use crate::batch::{Batch, InputKind, Setting};
use crate::cloudtrail::Recognised;
use crate::envelope::{Around, OuterKeys};
use crate::json::Member;
use crate::{call, cloudtrail, health, json, values};

/// The `detail-type` of a program's own failed call.
pub const CALL_DETAIL_TYPE: &str = "SSO OIDC Call Failed";

/// China's partition writes `Amazon`. A network activity event is a call refused by a VPC endpoint.
///
/// The template's rule matches the same types (`tests/template`); others never arrive.
const CLOUDTRAIL_DETAIL_TYPES: [&str; 6] = [
    "AWS API Call via CloudTrail",
    "AWS Service Event via CloudTrail",
    "AWS Network Activity Event via CloudTrail",
    "Amazon API Call via CloudTrail",
    "Amazon Service Event via CloudTrail",
    "Amazon Network Activity Event via CloudTrail",
];

/// Reads an envelope. `message_id` is its message's id, for a `call` without one.
pub fn read(keys: &OuterKeys<'_>, message_id: Option<&str>, setting: &Setting, batch: &mut Batch) -> InputKind {
    let replayed = keys.replay_name.is_given();
    match (keys.detail_type.text(), keys.source.text()) {
        (Some(name), _) if CLOUDTRAIL_DETAIL_TYPES.contains(&name) => read_record(keys, replayed, setting, batch),
        (Some("AWS Health Event"), _) => health::read(keys, setting, batch),
        (Some("Scheduled Event"), Some("aws.events" | "aws.scheduler")) => {
            let occurred_at = keys.time_or_note(batch).unwrap_or_else(|| {
                if !keys.time.is_given() {
                    batch.problems.note(ProblemName::TimeInvalid, "a tick without time");
                }
                setting.now
            });
            batch.observations.push(Observation::Tick(Tick { occurred_at }));
            InputKind::Schedule
        }
        (Some(CALL_DETAIL_TYPE), _) => {
            let time = keys.time_or_note(batch);
            let around = Around {
                source: keys.source.text(),
                account: keys.account.text(),
                time,
                id: keys.id.text().or(message_id),
                replayed,
                ..Around::default()
            };
            call::read(keys.detail.get().unwrap_or("null"), around, false, setting, batch);
            InputKind::CallEnvelope
        }
        (Some(_) | None, _) => InputKind::Foreign,
    }
}

fn read_record(keys: &OuterKeys<'_>, replayed: bool, setting: &Setting, batch: &mut Batch) -> InputKind {
    let source = keys.source.text();
    let Some(detail) = keys.detail.get().filter(|_| keys.detail.is_object()) else {
        // Without a record only the source shows whether this was ours.
        if source.is_none_or(cloudtrail::is_our_source) {
            batch.problems.note(ProblemName::FieldWrongType, "detail is not an object");
        }
        return InputKind::Foreign;
    };
    let around = Around {
        source,
        account: keys.account.text(),
        // Read without noting problems: it is used only if the record has no time.
        time: keys.delivered_at(),
        region: keys.region.text(),
        id: keys.id.text(),
        replayed,
        filed: None,
    };
    match cloudtrail::read(detail, around, setting, batch) {
        Ok(Recognised::Ours) => InputKind::CloudTrail,
        Ok(Recognised::Foreign) => InputKind::Foreign,
        Ok(Recognised::NoRecord) => {
            if source.is_none_or(cloudtrail::is_our_source) {
                batch.problems.add(values::unknown_object(detail));
            }
            InputKind::Foreign
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, format!("detail: {}", json::describe(&error)));
            InputKind::Foreign
        }
    }
}
