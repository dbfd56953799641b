//! The status for programs: `status.json`, by `docs/status.schema.json`. Members are only ever added.

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::verdict::Diagnosis;
use triage_model::observation::Operation;

use crate::status::data::{Outward, Phase, State, Status};
use crate::status::page::STALE_AFTER;

/// The first number is raised where a member changes its meaning or goes, the second where one is added.
pub const VERSION: &str = "1.0";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema: &'static str,
    at: Timestamp,
    /// Older than this many seconds, it says nothing of the present.
    stale_after_s: u64,
    state: State,
    summary: &'static str,
    open: Vec<Incident<'a>>,
    past: Vec<Incident<'a>>,
    objective: Shares,
    page: Option<&'a str>,
    contact: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Incident<'a> {
    id: &'a str,
    region: &'a str,
    phase: Phase,
    diagnosis: Diagnosis,
    scope: Scope<'a>,
    title: &'a str,
    lines: &'a [String],
    users: Option<&'a str>,
    began: Timestamp,
    latest: Option<Timestamp>,
    over_at: Option<Timestamp>,
    lasted_s: u64,
    reopened: u32,
    affected: Affected,
    failed_calls: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Scope<'a> {
    limited_by: &'a str,
    operations: Option<&'a [Operation]>,
    tool: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Affected {
    callers: usize,
    about: bool,
    people: bool,
    seen: Option<usize>,
}

/// The share of calls that worked, against the target.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shares {
    target_percent: f64,
    hour: Share,
    day: Share,
    month: Share,
}

/// Null where it is not known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Share {
    percent: Option<f64>,
    burn_rate: Option<f64>,
}

fn shares(status: &Status<'_>) -> Shares {
    let [hour, day, month] = status.windows().map(|(_, window)| Share {
        percent: window.and_then(|window| window.calls.share()).map(|share| share * 100.0),
        burn_rate: window.and_then(|window| status.target.burn_rate(window.calls)),
    });
    Shares { target_percent: status.target.percent(), hour, day, month }
}

impl<'a> From<&'a Outward> for Incident<'a> {
    fn from(shown: &'a Outward) -> Self {
        let Outward { callers, about, people, seen, .. } = *shown;
        Self {
            id: &shown.id,
            region: shown.region.as_str(),
            phase: shown.phase,
            diagnosis: shown.diagnosis,
            scope: Scope {
                limited_by: &shown.limited_by,
                operations: shown.operations.as_deref(),
                tool: shown.tool.as_deref(),
            },
            title: &shown.title,
            lines: &shown.lines,
            users: shown.users.as_deref(),
            began: shown.began,
            latest: shown.latest,
            over_at: shown.over_at,
            lasted_s: shown.lasted_s,
            reopened: shown.reopened,
            affected: Affected { callers, about, people, seen },
            failed_calls: shown.failed_calls,
        }
    }
}

pub fn document(status: &Status<'_>) -> String {
    let document = Document {
        schema: VERSION,
        at: status.at,
        stale_after_s: STALE_AFTER.as_secs(),
        state: status.state(),
        summary: status.in_words(),
        open: status.open().map(Incident::from).collect(),
        past: status.past().map(Incident::from).collect(),
        objective: shares(status),
        page: status.company.status_page.as_deref(),
        contact: status.company.contact.as_deref(),
    };
    // Plain values, which always can be written.
    serde_json::to_string(&document).unwrap_or_default()
}
