//! One line on standard output, in Lambda's own JSON log format, and what each line of an invocation has.

use std::io::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use tracing::Level;
use triage_model::region::Region;

/// What identifies an invocation in its lines.
#[derive(Clone, Copy, Debug)]
pub struct InvocationFacts<'a> {
    pub request_id: &'a str,
    pub trace_id: Option<&'a str>,
    /// The first invocation of this sandbox.
    pub cold_start: bool,
    /// The pipeline's `now`.
    pub began_at: Timestamp,
    pub duration_ms: f64,
    /// Identity Center's region.
    pub region: &'a Region,
    /// The level that is asked for; log lines below it are not written.
    pub level: Level,
}

/// Writes a line about the function's start, and why it failed.
pub fn log_fatal(message: &str, detail: &str) {
    #[derive(Serialize)]
    struct FatalLine<'a> {
        timestamp: String,
        level: &'static str,
        message: &'a str,
        detail: &'a str,
    }
    write_line(&FatalLine { timestamp: rfc_3339(Timestamp::now()), level: "FATAL", message, detail });
}

pub fn rfc_3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

pub fn write_line(line: &impl Serialize) {
    // A log line that cannot be written must not end the invocation.
    if let Ok(mut bytes) = serde_json::to_vec(line) {
        bytes.push(b'\n');
        let _ = std::io::stdout().lock().write_all(&bytes);
    }
}
