//! The forms that loggers and collectors give a text on its way into a log stream.

use serde_json::{Value, json};
use triage_decode::{Setting, decode};
use triage_model::observation::{Failure, Observation};
use triage_model::region::KnownRegions;

fn setting() -> Setting {
    let regions = KnownRegions::default();
    Setting {
        now: "2026-11-22T12:00:00Z".parse().expect("a time"),
        horizon: "2026-11-22T11:00:00Z".parse().expect("a time"),
        default_region: regions.find("ca-central-1").expect("a region"),
        regions,
        own_log_groups: Vec::new(),
        trust: triage_decode::trust::Trust::default(),
        own_request_ids: Vec::new(),
        own_client_ids: Vec::new(),
    }
}

/// The failures read from these messages, a log event each, one millisecond apart.
pub fn read(messages: &[String]) -> Vec<Failure> {
    let at = 1_795_348_680_000_i64;
    let events: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            json!({"id": format!("{index:056}"), "timestamp": at + index as i64, "message": message})
        })
        .collect();
    let document = json!({"messageType": "DATA_MESSAGE", "logGroup": "/app/login", "logEvents": events});
    let batch = decode(&document.to_string(), &setting());
    batch
        .observations
        .into_iter()
        .filter_map(|observation| match observation {
            Observation::Failure(failure) => Some(*failure),
            Observation::Success(_) | Observation::HealthIssue(_) | Observation::Tick(_) => None,
        })
        .collect()
}

/// From a text's log events to those that arrive.
type Form = fn(&[String]) -> Vec<String>;

pub const FORMS: &[(&str, Form)] = &[
    ("as it is", |texts| texts.to_vec()),
    ("a line an event", |texts| lines(texts, str::to_owned)),
    ("a line an event, trimmed", |texts| lines(texts, |line| line.trim().to_owned())),
    ("CRLF", |texts| each(texts, |text| text.replace('\n', "\r\n"))),
    ("CRLF, a line an event", |texts| lines(texts, |line| format!("{line}\r"))),
    ("carriage returns", |texts| each(texts, |text| text.replace('\n', "\r"))),
    ("two characters", |texts| each(texts, |text| text.replace('\n', "\\n"))),
    ("colours", |texts| {
        each(texts, |text| format!("\u{1b}[31m{}\u{1b}[0m", text.replace(": ", ":\u{1b}[0m \u{1b}[32m")))
    }),
    ("CRI", |texts| lines(texts, |line| format!("2026-11-22T11:58:00.123456789Z stderr F {line}"))),
    ("Docker JSON", |texts| {
        lines(texts, |line| {
            json!({"log": format!("{line}\n"), "stream": "stderr", "time": "2026-11-22T11:58:00.1Z"}).to_string()
        })
    }),
    ("Fluent Bit", |texts| {
        lines(texts, |line| {
            json!({"log": line, "stream": "stderr", "logtag": "F", "kubernetes": {"pod_name": "login-7d9", "container_name": "app"}})
                .to_string()
        })
    }),
    ("FireLens", |texts| {
        lines(texts, |line| {
            json!({"container_id": "f00", "container_name": "/app", "source": "stderr", "log": line, "ecs_cluster": "c"}).to_string()
        })
    }),
    ("compose", |texts| lines(texts, |line| format!("login-1  | {line}"))),
    ("journald", |texts| lines(texts, |line| format!("Nov 22 11:58:00 ip-10-0-0-1 login[4711]: {line}"))),
    ("journald JSON", |texts| {
        lines(texts, |line| json!({"MESSAGE": line, "_PID": "4711", "_HOSTNAME": "h", "PRIORITY": "3"}).to_string())
    }),
    ("RFC 5424", |texts| lines(texts, |line| format!("<11>1 2026-11-22T11:58:00.123Z host login 4711 - - {line}"))),
    ("kubectl", |texts| lines(texts, |line| format!("[pod/login-7d9/app] {line}"))),
    ("timestamps", |texts| lines(texts, |line| format!("2026-11-22T11:58:00.123456789Z {line}"))),
    ("a JSON field", |texts| {
        each(texts, |text| json!({"level": "error", "time": "2026-11-22T11:58:00Z", "message": text}).to_string())
    }),
    ("a field beside a message", |texts| {
        each(texts, |text| json!({"level": "error", "msg": "sign-in failed", "error": text, "attempt": 1}).to_string())
    }),
    ("a line in JSON each", |texts| {
        lines(texts, |line| json!({"timestamp": "2026-11-22T11:58:00Z", "level": "ERROR", "message": line}).to_string())
    }),
    ("behind a time and a level", |texts| {
        each(texts, |text| format!("2026-11-22 11:58:00,123 ERROR [main] sign-in failed: {text}"))
    }),
];

fn each(texts: &[String], make: impl Fn(&str) -> String) -> Vec<String> {
    texts.iter().map(|text| make(text)).collect()
}

fn lines(texts: &[String], make: impl Fn(&str) -> String) -> Vec<String> {
    texts.iter().flat_map(|text| text.lines()).map(make).collect()
}
