//! What `aws cloudtrail lookup-events` prints: the way in for whoever has no trail.
//!
//! In: the list of `Events`, or the `CloudTrailEvent` of one of them. Out: the CloudTrail record in it, which is JSON as text;
//! it is not decoded here. One that cannot be read is a problem and does not hurt the others.

use std::borrow::Cow;

use serde_json::value::RawValue;
use triage_model::problem::{Problem, ProblemName};

/// The events of a page.
pub fn events(text: &str) -> Result<Vec<&RawValue>, Problem> {
    // A list is told by its bracket, so that an object in its place is not called broken JSON.
    let events = if text.starts_with('[') { serde_json::from_str(text).ok() } else { None };
    events.ok_or_else(|| Problem::new(ProblemName::FieldWrongType, "Events is no array"))
}

/// The record in the `CloudTrailEvent` of an event. Whoever has taken it out of its text (`jq fromjson`) left an object.
pub fn record(trail_event: &str) -> Result<Cow<'_, str>, Problem> {
    match trail_event.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(trail_event).map(Cow::Owned).ok(),
        Some(b'{') => Some(Cow::Borrowed(trail_event)),
        Some(_) | None => None,
    }
    .ok_or_else(|| Problem::new(ProblemName::FieldWrongType, "CloudTrailEvent is neither text nor object"))
}
