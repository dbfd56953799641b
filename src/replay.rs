//! Replay: the same stages over files, with the clock of the events and no network.
//!
//! In: paths. Out: what would have been said and told, as text or JSON lines, and how much could not be read. The events
//! are put in order of time; the clock is the latest one so far, and ticks every minute of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::problem::Problems;
use crate::event::{self, Batch, Kind, Setting};
use crate::evidence::later;
use crate::notify::mail;
use crate::notify::place::Place;
use crate::observation::{Observation, Tick};
use crate::pipeline::{Handled, Invocation, Pipeline};
use crate::redact::{SHOWN_NAME_MAX, one_line};
use crate::report::{Counts, FailureReport, IncidentState};
use crate::store::Store;

/// How replay speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    /// One JSON object a line.
    Json,
}

/// What replay did, beyond what it printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Something could not be read and was skipped.
    pub skipped: bool,
}

/// A minute of the events' time.
const TICK: Duration = Duration::from_secs(60);

/// After an event the clock runs on for at most this long: after the last one until nothing is open, and before the
/// next one, lest a year without events (or one event with a wrong year) cost half a million ticks.
const RUN_ON: Duration = Duration::from_secs(24 * 60 * 60);

/// The most that one .gz file is inflated to. A trail's log files are a few megabytes; a bomb is not.
const INFLATED_MAX: u64 = 1 << 30;

/// A text file may begin with this; JSON does not know it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Endings of the files that are read out of a folder, each also with `.gz` behind it. A file that is named is read
/// whatever it is called.
const ENDINGS: &[&str] = &["json", "jsonl", "ndjson", "log"];

/// Problems after which input is left out. The others tell of input that was read all the same.
const SKIPPING: &[&str] = &[
    "base64_invalid",
    "call_invalid",
    "event_unknown",
    "gzip_invalid",
    "gzip_too_large",
    "gzip_truncated",
    "json_invalid",
    "log_line_too_long",
    "nested_too_deeply",
    "own_log_group",
];

/// Runs the files through the pipeline. What could not be read is named on `errors`.
pub async fn replay<S: Store>(
    pipeline: &Pipeline<S>,
    paths: &[PathBuf],
    format: Format,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<Replayed> {
    let mut reader = Reader { setting: setting(pipeline), errors, skipped: false, input: Input::default() };
    for path in paths {
        reader.read_path(path)?;
    }
    let Reader { skipped, input, .. } = reader;
    let mut printer = Printer {
        out,
        format,
        counts: Counts::default(),
        notices: 0,
        incidents: BTreeSet::new(),
        open: BTreeSet::new(),
        advised: BTreeSet::new(),
    };
    printer.counts.own = input.own;
    run(pipeline, input.observations, &mut printer).await?;
    printer.summary(&input.problems, input.files, input.left_alone)?;
    Ok(Replayed { skipped })
}

/// In replay the clock is the events': no record is too old, and the real time stands in for none.
fn setting<S: Store>(pipeline: &Pipeline<S>) -> Setting {
    Setting { horizon: Timestamp::MIN, ..pipeline.setting(Timestamp::now()) }
}

/// Everything that was read.
#[derive(Default)]
struct Input {
    observations: Vec<Observation>,
    problems: Problems,
    own: u64,
    files: u64,
    left_alone: u64,
}

struct Reader<'a, W> {
    setting: Setting,
    errors: &'a mut W,
    skipped: bool,
    input: Input,
}

impl<W: Write> Reader<'_, W> {
    fn read_path(&mut self, path: &Path) -> io::Result<()> {
        if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            return match io::stdin().lock().read_to_end(&mut bytes) {
                Ok(_) => self.read_bytes("standard input", bytes),
                Err(error) => self.skip("standard input", &error.to_string()),
            };
        }
        let name = path.display().to_string();
        if path.is_dir() {
            let before = (self.input.files, self.skipped);
            self.read_folder(path)?;
            let nothing = before == (self.input.files, self.skipped);
            return if nothing { self.skip(&name, "no file to read in this folder") } else { Ok(()) };
        }
        match fs::read(path) {
            Ok(bytes) => self.read_bytes(&name, bytes),
            Err(error) => self.skip(&name, &error.to_string()),
        }
    }

    /// The files below a folder that look like events, in the order of their names. What cannot be listed is named and
    /// the rest goes on.
    fn read_folder(&mut self, folder: &Path) -> io::Result<()> {
        let mut paths: Vec<PathBuf> =
            match fs::read_dir(folder).and_then(|entries| entries.map(|e| Ok(e?.path())).collect()) {
                Ok(paths) => paths,
                Err(error) => return self.skip(&folder.display().to_string(), &error.to_string()),
            };
        paths.retain(|path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")));
        paths.sort();
        for path in paths {
            if !path.is_dir() {
                if has_event_ending(&path) {
                    self.read_path(&path)?;
                }
            } else if !path.is_symlink() {
                // A link to a folder may lead in a circle.
                self.read_folder(&path)?;
            }
        }
        Ok(())
    }

    fn read_bytes(&mut self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        self.input.files += 1;
        let text = if bytes.starts_with(&[0x1f, 0x8b]) { self.inflate(name, &bytes)? } else { bytes };
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
        if text.trim_ascii().is_empty() {
            return self.skip(name, "nothing in it");
        }
        match serde_json::from_slice::<&RawValue>(text) {
            Ok(document) => self.read_payload(name, document.get()),
            Err(_) if is_json_lines(text) => self.read_lines(name, text),
            Err(_) => self.read_documents(name, text),
        }
    }

    /// Documents one after the other, as `zcat` makes them of files that end without a line break.
    fn read_documents(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        for document in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
            match document {
                Ok(document) => self.read_payload(name, document.get())?,
                Err(error) => {
                    let place = format!("not JSON: line {}, column {}", error.line(), error.column());
                    return self.skip(name, &place);
                }
            }
        }
        Ok(())
    }

    /// What can be had of a compressed file: where it is cut off, that is its beginning.
    fn inflate(&mut self, name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut inflated = Vec::new();
        let mut source = MultiGzDecoder::new(bytes).take(INFLATED_MAX + 1);
        if let Err(error) = source.read_to_end(&mut inflated) {
            self.skip(name, &format!("the rest of this gzip file cannot be read: {error}"))?;
        } else if inflated.len() as u64 > INFLATED_MAX {
            self.skip(name, &format!("only the first {INFLATED_MAX} bytes of what this gzip file holds are read"))?;
        }
        Ok(inflated)
    }

    fn read_lines(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.is_empty()) {
            let place = format!("{name}:{number}");
            match std::str::from_utf8(line) {
                Ok(line) => self.read_payload(&place, line)?,
                Err(_) => self.skip(&place, "not UTF-8")?,
            }
        }
        Ok(())
    }

    fn read_payload(&mut self, place: &str, payload: &str) -> io::Result<()> {
        let mut batch = event::decode(payload, &self.setting);
        for (name, count, detail) in batch.problems.iter() {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            writeln!(self.errors, "oidc-triage: {place}: {name}{times}: {detail}")?;
            // Of an event that is none of ours nothing was read, whatever was wrong with it.
            self.skipped |= SKIPPING.contains(&name) || batch.kind == Kind::Unknown;
        }
        self.input.left_alone += u64::from(batch.kind == Kind::Foreign);
        self.input.own += batch.own;
        self.input.problems.merge(batch.problems);
        self.input.observations.append(&mut batch.observations);
        Ok(())
    }

    fn skip(&mut self, place: &str, reason: &str) -> io::Result<()> {
        self.skipped = true;
        self.input.problems.note("file_unreadable", format!("{place}: {reason}"));
        writeln!(self.errors, "oidc-triage: {place}: {reason}")
    }
}

/// Whether a text that is not one document is one a line: then at least one line is a whole object or array. A broken
/// document over many lines is not, and is named once instead of line by line.
fn is_json_lines(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).any(|line| {
        line.len() > "{}".len() && matches!(line[0], b'{' | b'[') && serde_json::from_slice::<&RawValue>(line).is_ok()
    })
}

fn has_event_ending(path: &Path) -> bool {
    let ending = |path: &Path| path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let plain = match ending(path).as_deref() {
        Some("gz") => ending(&path.with_extension("")),
        other => other.map(str::to_owned),
    };
    plain.is_none_or(|ending| ENDINGS.contains(&ending.as_str())) && ending(path).is_some()
}

/// Feeds the observations to the pipeline, second by second, with a tick every minute between them.
async fn run<S: Store>(
    pipeline: &Pipeline<S>,
    mut observations: Vec<Observation>,
    printer: &mut Printer<'_, impl Write>,
) -> io::Result<()> {
    observations.sort_by_key(Observation::occurred_at);
    let mut observations = observations.into_iter().peekable();
    let Some(first) = observations.peek().map(Observation::occurred_at) else { return Ok(()) };
    let mut clock = first;
    let mut next_tick = later(first, TICK);
    while let Some(observation) = observations.next() {
        let second = observation.occurred_at().as_second();
        let mut batch = Batch::new(Kind::Unknown);
        let run_on_until = later(clock, RUN_ON);
        clock = clock.max(observation.occurred_at());
        batch.observations.push(observation);
        while let Some(same) = observations.next_if(|next| next.occurred_at().as_second() == second) {
            clock = clock.max(same.occurred_at());
            batch.observations.push(same);
        }
        while next_tick < clock.min(run_on_until) {
            printer.handled(next_tick, judge(pipeline, tick(next_tick), next_tick).await)?;
            next_tick = later(next_tick, TICK);
        }
        if next_tick < clock {
            next_tick = later(clock, TICK);
        }
        printer.handled(clock, judge(pipeline, batch, clock).await)?;
    }
    let end = later(clock, RUN_ON);
    while next_tick < end && !printer.open.is_empty() {
        printer.handled(next_tick, judge(pipeline, tick(next_tick), next_tick).await)?;
        next_tick = later(next_tick, TICK);
    }
    Ok(())
}

async fn judge<S: Store>(pipeline: &Pipeline<S>, batch: Batch, now: Timestamp) -> Handled {
    // Nothing is asked, so nothing waits and no deadline is near.
    let deadline = Instant::now() + TICK;
    pipeline.judge(batch, &Invocation { id: "replay".to_owned(), now, deadline }).await
}

fn tick(at: Timestamp) -> Batch {
    let mut batch = Batch::new(Kind::Schedule);
    batch.observations.push(Observation::Tick(Tick { occurred_at: at }));
    batch
}

struct Printer<'a, W> {
    out: &'a mut W,
    format: Format,
    counts: Counts,
    notices: u64,
    /// Ids of all incidents so far, and of those that are open.
    incidents: BTreeSet<String>,
    open: BTreeSet<String>,
    /// Advice that was printed: once is enough for a reader.
    advised: BTreeSet<String>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Failure {
        at: Timestamp,
        #[serde(flatten)]
        failure: &'a FailureReport,
    },
    Notice {
        at: Timestamp,
        kind: crate::notify::NoticeKind,
        diagnosis: crate::diagnose::Diagnosis,
        severity: crate::diagnose::Severity,
        incident: Option<&'a str>,
        region: &'a crate::region::Region,
        reasons: &'a [String],
    },
    Summary {
        files: u64,
        counts: &'a Counts,
        problems: &'a Problems,
        #[serde(rename = "leftAlone")]
        left_alone: u64,
        incidents: usize,
        notices: u64,
    },
}

impl<W: Write> Printer<'_, W> {
    fn handled(&mut self, at: Timestamp, handled: Handled) -> io::Result<()> {
        self.counts.merge(&handled.answer.counts);
        self.notices += handled.notices.len() as u64;
        for incident in &handled.answer.incidents {
            match incident.state {
                IncidentState::Open => self.open.insert(incident.id.clone()),
                IncidentState::Resolved => self.open.remove(&incident.id),
            };
            self.incidents.insert(incident.id.clone());
        }
        for failure in &handled.answer.failures {
            match self.format {
                Format::Json => self.line(&Line::Failure { at, failure })?,
                Format::Text => {
                    writeln!(self.out, "{}", failure_in_words(at, failure))?;
                    if self.advised.insert(failure.advice.clone()) {
                        writeln!(self.out, "    {}", failure.advice)?;
                    }
                }
            }
        }
        for notice in &handled.notices {
            match self.format {
                Format::Json => self.line(&Line::Notice {
                    at,
                    kind: notice.kind,
                    diagnosis: notice.diagnosis,
                    severity: notice.severity,
                    incident: notice.incident.as_deref(),
                    region: &notice.region,
                    reasons: &notice.reasons,
                })?,
                Format::Text => {
                    writeln!(self.out, "\n>>> would be published at {at}: {}\n>>>", notice.subject)?;
                    for line in mail::render(notice, &Place::default()).lines() {
                        writeln!(self.out, ">>> {line}")?;
                    }
                    writeln!(self.out)?;
                }
            }
        }
        Ok(())
    }

    fn summary(&mut self, problems: &Problems, files: u64, left_alone: u64) -> io::Result<()> {
        if self.format == Format::Json {
            let (counts, notices) = (self.counts, self.notices);
            let incidents = self.incidents.len();
            return self.line(&Line::Summary { files, counts: &counts, problems, left_alone, incidents, notices });
        }
        let counts = &self.counts;
        writeln!(self.out, "{files} files read; {} calls succeeded", counts.success)?;
        let causes = [
            ("service", counts.service),
            ("unreachable", counts.unreachable),
            ("throttled", counts.throttled),
            ("request", counts.request),
            ("admin", counts.admin),
            ("unrecognised", counts.unrecognised),
            ("expected", counts.expected),
            ("duplicate", counts.duplicate),
        ];
        let failed: Vec<String> =
            causes.iter().filter(|(_, count)| *count > 0).map(|(cause, count)| format!("{count} {cause}")).collect();
        writeln!(self.out, "failures: {}", if failed.is_empty() { "none".to_owned() } else { failed.join(", ") })?;
        writeln!(self.out, "incidents: {}, notices: {}", self.incidents.len(), self.notices)
    }

    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut *self.out, line)?;
        writeln!(self.out)
    }
}

/// One failure on one line, without its advice. A code is text of others: it is bounded by the decoder and put on one
/// line here.
fn failure_in_words(at: Timestamp, failure: &FailureReport) -> String {
    let shown = |text: &str| one_line(text, SHOWN_NAME_MAX);
    let region = failure.region.as_ref().map_or("unknown region", |region| region.as_str());
    let operation = failure.operation.map_or("unknown operation", |operation| operation.as_str());
    let code = failure.code.as_deref().map_or_else(|| "no answer".to_owned(), shown);
    let status = failure.status.filter(|status| status.to_string() != code).map_or(String::new(), |s| format!(" {s}"));
    format!(
        "{} {region} {operation} {code}{status}: {} ({}), caller {}",
        at.strftime("%Y-%m-%d %H:%M:%SZ"),
        failure.cause.as_str(),
        failure.action.as_str(),
        failure.caller
    )
}
