//! The result of one invocation, as one wide line.
//!
//! In: what the pipeline returned, and the facts about the invocation. Out: a line to be written, if the level asks for
//! it. Pure.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::Serialize;
use tracing::Level;
use triage_decide::probe::{Control, ProbeAnswer, StepState};
use triage_decide::verdict::{Diagnosis, Verdict};
use triage_decode::batch::InputKind;
use triage_engine::answer::{Counts, IncidentReport, NoticeReport};
use triage_engine::doctor::check::Report;
use triage_engine::handled::Handled;
use triage_engine::silence::{AcknowledgeAnswer, SilenceAnswer};
use triage_engine::test_notice::TestNotice;
use triage_model::observation::Operation;
use triage_model::problem::Problems;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::Region;
use triage_notify::mail;
use triage_notify::notice::NamedScope;
use triage_notify::place::Place;

use crate::telemetry::line::{InvocationFacts, rfc_3339};

/// Names, tools and the like listed of one verdict: as many as a notice shows.
const LISTED_MAX: usize = 10;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationLine<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    xray_trace_id: Option<&'a str>,
    cold_start: bool,
    duration_ms: f64,
    kind: InputKind,
    failures: usize,
    counts: &'a Counts,
    // CloudWatch Logs Insights takes 200 fields out of a line, so what queries ask for comes before the long lists.
    verdicts: Vec<VerdictLine<'a>>,
    notices: &'a [NoticeReport],
    incidents: &'a [IncidentReport],
    problems: &'a Problems,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_notice: Option<&'a TestNotice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<&'a SilenceAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge: Option<&'a AcknowledgeAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor: Option<&'a Report>,
    probes: Vec<ProbeLine<'a>>,
    /// The texts of notices that were sent nowhere else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unpublished: Vec<NoticeText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct ProbeLine<'a> {
    region: &'a Region,
    answer: StepState,
    /// When it was asked: by this invocation, or by another one not long before.
    at: Timestamp,
    /// The region that was asked because this one kept silent, and whether it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<&'a Control>,
    #[serde(rename = "rungs")]
    steps: Vec<StepLine<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StepLine<'a> {
    operation: Operation,
    answer: StepState,
    latency_ms: f64,
    code: Option<&'a str>,
    status: Option<u16>,
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct VerdictLine<'a> {
    region: &'a Region,
    diagnosis: Diagnosis,
    scope: NamedScope,
    callers: usize,
    /// Lists as one text each: a query shows them as one column.
    names: String,
    tools: String,
    operations: String,
    reasons: &'a [String],
    /// The region's incident, if it is open or was just resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<&'a str>,
}

#[derive(Serialize)]
struct NoticeText<'a> {
    id: &'a str,
    subject: &'a str,
    text: String,
}

/// None where the level does not ask for it.
pub fn invocation_line<'a>(
    facts: &InvocationFacts<'a>,
    handled: &'a Handled,
    now: Timestamp,
) -> Option<InvocationLine<'a>> {
    let answer = &handled.answer;
    let published = |id: &str| answer.notices.iter().any(|notice| notice.id == id && notice.message_id.is_some());
    let unpublished: Vec<_> = handled
        .notices
        .iter()
        .filter(|notice| !published(&notice.id))
        .map(|notice| NoticeText {
            id: &notice.id,
            subject: &notice.subject,
            text: mail::render(notice, &Place::default()),
        })
        .collect();
    // A notice that has no other place than this line must pass whatever the level.
    let level = if handled.error.is_some() || !unpublished.is_empty() {
        Level::ERROR
    } else if !answer.problems.is_empty()
        || !handled.notices.is_empty()
        // Who silences what must be found later.
        || answer.silence.is_some()
        || answer.acknowledge.is_some()
        || answer.test_notice.as_ref().is_some_and(TestNotice::any_failed)
        || answer.doctor.as_ref().is_some_and(Report::any_broken)
    {
        Level::WARN
    } else {
        Level::INFO
    };
    (level <= facts.level).then(|| InvocationLine {
        timestamp: rfc_3339(now),
        level: level.as_str(),
        message: "invocation",
        request_id: facts.request_id,
        xray_trace_id: facts.trace_id,
        cold_start: facts.cold_start,
        duration_ms: facts.duration_ms,
        kind: handled.kind,
        failures: answer.failures.len() + answer.omitted,
        counts: &answer.counts,
        verdicts: verdict_lines(handled),
        notices: &answer.notices,
        incidents: &answer.incidents,
        problems: &answer.problems,
        test_notice: answer.test_notice.as_ref(),
        silence: answer.silence.as_ref(),
        acknowledge: answer.acknowledge.as_ref(),
        doctor: answer.doctor.as_ref(),
        probes: probe_lines(handled),
        unpublished,
        error: handled.error.as_ref().map(ToString::to_string),
    })
}

/// The verdicts, the worst first. A region in which nothing is wrong is not listed.
fn verdict_lines(handled: &Handled) -> Vec<VerdictLine<'_>> {
    let mut lines: Vec<_> = handled
        .evaluations
        .iter()
        .flat_map(|(region, evaluation)| evaluation.verdicts().map(move |verdict| (region, verdict)))
        .map(|(region, verdict)| verdict_line(region, verdict, &handled.answer.incidents))
        .collect();
    lines.retain(|line| line.diagnosis != Diagnosis::Quiet || line.incident.is_some());
    lines.sort_by_key(|line| (line.diagnosis, Reverse(line.callers)));
    lines
}

fn verdict_line<'a>(region: &'a Region, verdict: &'a Verdict, incidents: &'a [IncidentReport]) -> VerdictLine<'a> {
    let shared = NamedScope { operations: None, ..NamedScope::from(&verdict.scope) };
    let is_of_it = |incident: &&IncidentReport| {
        incident.region == *region && NamedScope { operations: None, ..incident.scope.clone() } == shared
    };
    let incident = incidents.iter().find(is_of_it);
    let counted = |(what, count): (&str, &usize)| format!("{what} ({count})");
    VerdictLine {
        region,
        diagnosis: verdict.diagnosis,
        scope: NamedScope::from(&verdict.scope),
        callers: verdict.callers,
        names: listed(verdict.names.iter().map(String::as_str)),
        tools: listed(verdict.tools.iter().map(|(tool, count)| counted((tool, count)))),
        operations: listed(verdict.operations.iter().map(|(operation, count)| counted((operation.as_str(), count)))),
        reasons: &verdict.reasons,
        incident: incident.map(|incident| incident.id.as_str()),
    }
}

/// The first of a list of foreign texts, as one text.
fn listed(items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<_> = items.take(LISTED_MAX).map(|item| one_line(item.as_ref(), SHOWN_NAME_MAX)).collect();
    items.join(", ")
}

/// The probes, the worst answer first.
fn probe_lines(handled: &Handled) -> Vec<ProbeLine<'_>> {
    let mut lines: Vec<_> = handled.probes.values().map(ProbeLine::from).collect();
    lines.sort_by_key(|line| Reverse(line.answer));
    lines
}

impl<'a> From<&'a ProbeAnswer> for ProbeLine<'a> {
    fn from(probe: &'a ProbeAnswer) -> Self {
        let steps = probe.steps.iter().map(|step| {
            let fault = step.fault.as_ref();
            StepLine {
                operation: step.operation,
                answer: step.answer,
                latency_ms: step.latency.as_secs_f64() * 1e3,
                code: fault.and_then(|fault| fault.code.as_deref()),
                status: fault.and_then(|fault| fault.status),
                request_id: fault.and_then(|fault| fault.request_id.as_deref()),
            }
        });
        Self {
            region: &probe.region,
            answer: probe.worst(),
            at: probe.at,
            control: probe.control.as_ref(),
            steps: steps.collect(),
        }
    }
}
