//! The output of `aws cloudtrail lookup-events`: the input of users without a trail.
//!
//! In: the list of `Events`, or the `CloudTrailEvent` of one of them. Out: the CloudTrail record in it, which is JSON
//! as text and not decoded here. An unreadable one is a problem and does not affect the others.

use std::borrow::Cow;

use serde_json::value::RawValue;
use triage_model::problem::{Problem, ProblemName};

/// The events of a page.
pub fn events(text: &str) -> Result<Vec<&RawValue>, Problem> {
    // The bracket decides that it is a list, so that an object there is not reported as broken JSON.
    let events = if text.starts_with('[') { serde_json::from_str(text).ok() } else { None };
    events.ok_or_else(|| Problem::new(ProblemName::FieldWrongType, "Events is not an array"))
}

/// The record in an event's `CloudTrailEvent`: an object if the user unpacked it (`jq fromjson`).
pub fn record(trail_event: &str) -> Result<Cow<'_, str>, Problem> {
    match trail_event.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(trail_event).map(Cow::Owned).ok(),
        Some(b'{') => Some(Cow::Borrowed(trail_event)),
        Some(_) | None => None,
    }
    .ok_or_else(|| Problem::new(ProblemName::FieldWrongType, "CloudTrailEvent is neither text nor object"))
}
