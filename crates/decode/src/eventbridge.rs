//! EventBridge envelopes: a CloudTrail record, an AWS Health event, a tick of the schedule, or a `call`.
//!
//! In: the envelope's members. Out: what its `detail` holds. The `detail-type` chooses the decoder; whether a record is
//! ours is decided on the record, because a `source` covers more than one service. Everything else is left alone.

use triage_model::observation::{Observation, Tick};
use triage_model::problem::ProblemName;

use crate::batch::{Batch, Kind, Setting};
use crate::cloudtrail::{Around, Found};
use crate::json::Member;
use crate::sniff::{Top, Wrapping};
use crate::{call, cloudtrail, fields, health, json, sniff};

/// What a program puts on the bus to hand over a failed call of its own.
pub const CALL_DETAIL_TYPE: &str = "SSO OIDC Call Failed";

/// China's partition prints `Amazon`.
const CLOUDTRAIL_DETAIL_TYPES: [&str; 4] = [
    "AWS API Call via CloudTrail",
    "AWS Service Event via CloudTrail",
    "Amazon API Call via CloudTrail",
    "Amazon Service Event via CloudTrail",
];

pub fn read(top: &Top<'_>, around: Wrapping<'_>, setting: &Setting, batch: &mut Batch) -> Kind {
    let replayed = top.replay_name.is_given();
    match (top.detail_type.text(), top.source.text()) {
        (Some(name), _) if CLOUDTRAIL_DETAIL_TYPES.contains(&name) => read_record(top, replayed, setting, batch),
        (Some("AWS Health Event"), _) => health::read(top, setting, batch),
        (Some("Scheduled Event"), Some("aws.events" | "aws.scheduler")) => {
            let occurred_at = time(top, batch).unwrap_or_else(|| {
                if !top.time.is_given() {
                    batch.problems.note(ProblemName::TimeInvalid, "a tick without time");
                }
                setting.now
            });
            batch.observations.push(Observation::Tick(Tick { occurred_at }));
            Kind::Schedule
        }
        (Some(CALL_DETAIL_TYPE), _) => {
            let time = time(top, batch);
            let envelope = call::Envelope { id: top.id.text().or(around.id), time, replayed };
            call::read(top.detail.get().unwrap_or("null"), envelope, false, setting, batch);
            Kind::CallEnvelope
        }
        (Some(_) | None, _) => Kind::Foreign,
    }
}

/// The envelope's time. One that cannot be read is noted.
pub fn time(top: &Top<'_>, batch: &mut Batch) -> Option<jiff::Timestamp> {
    fields::time_or_note(&top.time, "the envelope's time", batch)
}

fn read_record(top: &Top<'_>, replayed: bool, setting: &Setting, batch: &mut Batch) -> Kind {
    let source = top.source.text();
    let Some(detail) = top.detail.get().filter(|_| top.detail.is_object()) else {
        // Without a record only the source can tell whether this was for us.
        if source.is_none_or(cloudtrail::is_our_source) {
            batch.problems.note(ProblemName::FieldWrongType, "detail is no object");
        }
        return Kind::Foreign;
    };
    let near = Around {
        source,
        // Read without noting: it stands in only where the record has no time of its own.
        time: top.time.text().and_then(fields::time),
        region: top.region.text(),
        id: top.id.text(),
        replayed,
    };
    match cloudtrail::read(detail, near, setting, batch) {
        Ok(Found::Ours) => Kind::CloudTrail,
        Ok(Found::Foreign) => Kind::Foreign,
        Ok(Found::NoRecord) => {
            if source.is_none_or(cloudtrail::is_our_source) {
                sniff::note_unknown(detail, batch);
            }
            Kind::Foreign
        }
        Err(error) => {
            batch.problems.note(ProblemName::JsonInvalid, format!("detail: {}", json::describe(&error)));
            Kind::Foreign
        }
    }
}
