//! What the function says of itself: one wide JSON line an invocation, in Lambda's own format.
//!
//! In: what became of an invocation. Out: a line on standard output with an RFC 3339 `timestamp` and a `level` (without
//! which Lambda's JSON log format takes a line for INFO and may drop it). Lines of the libraries beneath go through a
//! subscriber of the same shape; below WARN they are dropped, because at TRACE they print raw payloads.

use std::collections::BTreeMap;
use std::io::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::diagnose::{Diagnosis, Verdict};
use crate::event::Kind;
use crate::event::problem::Problems;
use crate::notify::mail;
use crate::notify::place::Place;
use crate::observation::Operation;
use crate::oidc::{Answer, Control, ProbeAnswer};
use crate::pipeline::Handled;
use crate::region::Region;
use crate::report::{Counts, IncidentReport, NoticeReport};

/// Installs the subscriber for what the libraries beneath us say, and the line for a panic.
pub fn init(level: Level) {
    // Under INFO the Lambda runtime and the SDKs print what they receive and send, secrets included. The runtime's own
    // line about an error that we return would say again what ours says.
    let libraries = Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target("lambda_runtime::layers", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_filter(libraries);
    // A second call finds the first one's subscriber in place, which is as good.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines));
    // Where it happened, and not with what: a panic's message may hold a piece of the payload.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        log_fatal("panic", &place);
    }));
}

/// What identifies an invocation in its log line.
#[derive(Clone, Copy, Debug)]
pub struct InvocationFacts<'a> {
    pub request_id: &'a str,
    pub trace_id: Option<&'a str>,
    /// The first invocation of this sandbox.
    pub cold_start: bool,
    pub duration_ms: f64,
    /// The level that is asked for; lines below it are not written.
    pub level: Level,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InvocationLine<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    xray_trace_id: Option<&'a str>,
    cold_start: bool,
    duration_ms: f64,
    kind: Kind,
    failures: usize,
    counts: &'a Counts,
    problems: &'a Problems,
    probes: BTreeMap<&'a Region, ProbeLine<'a>>,
    verdicts: BTreeMap<&'a Region, VerdictLine<'a>>,
    incidents: &'a [IncidentReport],
    notices: &'a [NoticeReport],
    /// The texts of notices that went nowhere else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unpublished: Vec<NoticeText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct ProbeLine<'a> {
    answer: Answer,
    /// When it was asked: by this invocation, or by another one not long before.
    at: Timestamp,
    /// The region that was asked because this one kept silent, and whether it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<&'a Control>,
    rungs: Vec<RungLine<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RungLine<'a> {
    operation: Operation,
    answer: Answer,
    latency_ms: f64,
    code: Option<&'a str>,
    status: Option<u16>,
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct VerdictLine<'a> {
    diagnosis: Diagnosis,
    callers: usize,
    reasons: &'a [String],
}

#[derive(Serialize)]
struct NoticeText<'a> {
    id: &'a str,
    subject: &'a str,
    text: String,
}

/// Writes the line of one invocation.
pub fn log_invocation(facts: &InvocationFacts<'_>, handled: &Handled, now: Timestamp) {
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
    // A notice that has no other place than this line must pass whatever level is asked for.
    let level = if handled.error.is_some() || !unpublished.is_empty() {
        Level::ERROR
    } else if !answer.problems.is_empty() || !handled.notices.is_empty() {
        Level::WARN
    } else {
        Level::INFO
    };
    if level > facts.level {
        return;
    }
    write_line(&InvocationLine {
        timestamp: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        level: level.as_str(),
        message: "invocation",
        request_id: facts.request_id,
        xray_trace_id: facts.trace_id,
        cold_start: facts.cold_start,
        duration_ms: facts.duration_ms,
        kind: handled.kind,
        failures: answer.failures.len(),
        counts: &answer.counts,
        problems: &answer.problems,
        probes: handled.probes.iter().map(|(region, probe)| (region, ProbeLine::from(probe))).collect(),
        verdicts: handled.verdicts.iter().map(|(region, verdict)| (region, VerdictLine::from(verdict))).collect(),
        incidents: &answer.incidents,
        notices: &answer.notices,
        unpublished,
        error: handled.error.as_ref().map(ToString::to_string),
    });
}

/// Writes a line about the function's start, and why it cannot go on.
pub fn log_fatal(message: &str, detail: &str) {
    #[derive(Serialize)]
    struct FatalLine<'a> {
        timestamp: String,
        level: &'static str,
        message: &'a str,
        detail: &'a str,
    }
    let timestamp = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    write_line(&FatalLine { timestamp, level: "FATAL", message, detail });
}

fn write_line(line: &impl Serialize) {
    // A log line that cannot be written must not end the invocation.
    if let Ok(mut bytes) = serde_json::to_vec(line) {
        bytes.push(b'\n');
        let _ = std::io::stdout().lock().write_all(&bytes);
    }
}

impl<'a> From<&'a Verdict> for VerdictLine<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self { diagnosis: verdict.diagnosis, callers: verdict.callers, reasons: &verdict.reasons }
    }
}

impl<'a> From<&'a ProbeAnswer> for ProbeLine<'a> {
    fn from(probe: &'a ProbeAnswer) -> Self {
        let rungs = probe.rungs.iter().map(|rung| {
            let fault = rung.fault.as_ref();
            RungLine {
                operation: rung.operation,
                answer: rung.answer,
                latency_ms: rung.latency.as_secs_f64() * 1e3,
                code: fault.and_then(|fault| fault.code.as_deref()),
                status: fault.and_then(|fault| fault.status),
                request_id: fault.and_then(|fault| fault.request_id.as_deref()),
            }
        });
        Self { answer: probe.worst(), at: probe.at, control: probe.control.as_ref(), rungs: rungs.collect() }
    }
}
