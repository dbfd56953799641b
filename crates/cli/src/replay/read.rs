//! From one file to what it tells, part by part.
//!
//! In: a [`HistoryFile`]. Out: [`Reading`]s, in the order of the file. A file is never held as a whole but where it is one
//! JSON document: it is inflated, cut where one record or line ends and the next begins ([`cut`]), and decoded a chunk at a
//! time. What cannot be read is named with its place, and the rest goes on.
//!
//! Of a trail's records and lines only those with the name of one of the four operations are parsed: nineteen of twenty
//! are of other services, and are told by not having it.

pub mod cut;
mod layout;
mod table;

use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aho_corasick::AhoCorasick;
use aho_corasick::packed::Searcher;
use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use memchr::memmem;
use serde_json::value::RawValue;
use triage_decode::batch::{Batch, InputKind, Setting};
use triage_engine::settings::Settings;
use triage_engine::unnamed::unnamed;
use triage_model::observation::Operation;
use triage_model::problem::ProblemName;
use triage_model::time::later;
use triage_notify::words::counted;

use crate::replay::clock_by::ClockBy;
use crate::replay::files::HistoryFile;
use crate::replay::files::names::GZIP;
use crate::replay::read::cut::{Chunk, Cutter};
use crate::replay::read::layout::{Boundary, Layout};
use crate::replay::read::table::Columns;
use crate::replay::reading::{Due, NO_TIME, Reading};
use crate::replay::window::Window;

/// Buffered from the disk, and from standard input.
const BUFFER: usize = 256 * 1024;

/// By what files are read.
#[derive(Clone, Debug)]
pub struct Rules {
    pub setting: Setting,
    pub by: ClockBy,
    /// What lies outside of it is counted and left out.
    pub window: Window,
    /// No person is to be named, in complaints either.
    pub hides_names: bool,
    /// What is later cannot be.
    pub latest: Timestamp,
}

impl Rules {
    /// The clock is the events': no record is too old, and the real time stands in for none. It only tells what cannot have
    /// occurred yet.
    pub fn of(settings: &Settings, by: ClockBy, window: Window, now: Timestamp) -> Self {
        let setting = Setting {
            now: NO_TIME,
            horizon: Timestamp::MIN,
            regions: settings.known_regions.clone(),
            default_region: settings.region.clone(),
            own_log_groups: settings.own_log_groups.clone(),
            trust: settings.trust.clone(),
            own_request_ids: Vec::new(),
            own_client_ids: Vec::new(),
        };
        Self { setting, by, window, hides_names: settings.hides_names(), latest: later(now, AHEAD) }
    }
}

/// Reads a file, and hands over each reading; until `take` wants no more. `progress` counts the bytes that were read.
///
/// A small file is quicker read by [`crate::replay::whole`], to the same end.
pub fn read(file: &HistoryFile, rules: &Rules, progress: &Arc<AtomicU64>, take: &mut dyn FnMut(Reading) -> bool) {
    let name = &file.name();
    let input = match file.open() {
        Ok(input) => input,
        Err(error) => {
            take(Reading::of_unreadable(name, &error));
            return;
        }
    };
    let mut input = BufReader::with_capacity(BUFFER, Counted { input, progress: Arc::clone(progress) });
    let is_gzip = matches!(io::BufRead::fill_buf(&mut input), Ok(begin) if begin.starts_with(&GZIP));
    let text: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    let mut cutter = Cutter::new(text, is_gzip);
    let mut reader = Reader::new(file, name, rules);
    let mut is_empty = true;
    while let Some(chunk) = cutter.next() {
        is_empty &= chunk.bytes.trim_ascii().is_empty();
        if !take(reader.read(chunk)) {
            return;
        }
    }
    let mut last = Reading::default();
    last.end(name, cutter.damage(), is_empty);
    take(last);
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    progress: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Reads one chunk of a file after the other.
pub struct Reader<'a> {
    name: &'a str,
    rules: &'a Rules,
    /// Whatever is in it is wanted.
    is_named: bool,
    /// Lines so far.
    line: u64,
    /// Of a table, once its header was read; or why nothing can be made of it.
    columns: Option<Result<Columns, String>>,
}

impl<'a> Reader<'a> {
    pub const fn new(file: &HistoryFile, name: &'a str, rules: &'a Rules) -> Self {
        Self { name, rules, is_named: file.is_named, line: 0, columns: None }
    }

    /// Uses the chunk up: where it is a large one, others wait until it is gone.
    pub fn read(&mut self, chunk: Chunk<'_>) -> Reading {
        let mut reading = Reading::default();
        match chunk.layout {
            Layout::Records => self.read_records(chunk.bytes, &mut reading),
            Layout::Lines | Layout::Rows => self.read_lines(chunk.bytes, &mut reading),
            Layout::Table => self.read_table(chunk.bytes, &mut reading),
            Layout::Exported => self.read_exported(chunk.bytes, &mut reading),
            Layout::Document => self.read_document(chunk.bytes, &mut reading),
        }
        reading
    }

    /// Records of a trail with commas between, in the compact form in which AWS writes them.
    fn read_records(&self, bytes: &[u8], reading: &mut Reading) {
        let boundaries = layout::boundaries(bytes).chain([Boundary { end: bytes.len(), next: bytes.len() }]);
        let mut hits = operation_names(bytes).peekable();
        let (mut begin, mut ours) = (0, Vec::new());
        for Boundary { end, next } in boundaries {
            reading.records += 1;
            if hits.peek().is_some_and(|hit| *hit < end) {
                ours.push(&bytes[begin..end]);
                while hits.next_if(|hit| *hit < end).is_some() {}
            } else {
                reading.left_alone += 1;
            }
            begin = next;
        }
        if ours.is_empty() {
            return;
        }
        let document = [b"{\"Records\":[".as_slice(), &ours.join(b",".as_slice()), b"]}"].concat();
        match str::from_utf8(&document) {
            Ok(document) if serde_json::from_str::<&RawValue>(document).is_ok() => {
                self.decode(self.name, document, reading);
            }
            // Something in it is damaged: the rest is read by itself.
            Ok(_) | Err(_) => {
                for record in ours {
                    self.read_text(self.name, record, reading);
                }
            }
        }
    }

    fn read_lines(&mut self, bytes: &[u8], reading: &mut Reading) {
        for line in bytes.split(|byte| *byte == b'\n') {
            self.line += 1;
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let counted = Counts::of(line);
            reading.records += counted.records;
            reading.left_alone += counted.of_others;
            if counted.records > counted.of_others {
                self.read_text(&format!("{}:{}", self.name, self.line), line, reading);
            }
        }
        // What is behind the last line break is the beginning of no line.
        self.line -= u64::from(bytes.ends_with(b"\n"));
    }

    /// The rows of a table as CSV. Its first one names the columns.
    fn read_table(&mut self, bytes: &[u8], reading: &mut Reading) {
        let mut rows = table::rows(bytes).into_byte_records();
        loop {
            let line = self.line + rows.reader().position().line();
            let row = match rows.next() {
                Some(Ok(row)) => row,
                // It reads from memory, and takes rows of any length.
                Some(Err(_)) | None => break,
            };
            let columns = match &self.columns {
                Some(Ok(columns)) => columns,
                Some(Err(_)) => return,
                None => {
                    let columns = self.columns.insert(Columns::of(&row));
                    if let Err(reason) = columns {
                        reading.skip(self.name, reason);
                    }
                    continue;
                }
            };
            reading.records += 1;
            if operation_names(row.as_slice()).next().is_none() {
                reading.left_alone += 1;
                continue;
            }
            let place = format!("{}:{line}", self.name);
            match columns.record(&row) {
                Ok(record) => self.decode(&place, &record, reading),
                Err(reason) => reading.skip(&place, &reason),
            }
        }
        self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
    }

    /// A log group's lines, each with its time in front, as CloudWatch Logs exports them: read like those that a
    /// subscription delivers.
    fn read_exported(&mut self, bytes: &[u8], reading: &mut Reading) {
        let mut events: Vec<(u64, &[u8], Vec<u8>)> = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            self.line += 1;
            match (layout::exported(line), events.last_mut()) {
                (Some((time, message)), _) => events.push((self.line, time, message.to_vec())),
                // The next line of a message.
                (None, Some((_, _, message))) if !line.is_empty() => {
                    message.push(b'\n');
                    message.extend_from_slice(line);
                }
                (None, _) => {}
            }
        }
        self.line -= u64::from(bytes.ends_with(b"\n"));
        reading.records += events.len() as u64;
        let before = events.len();
        events.retain(|(_, _, message)| !is_of_another(message));
        reading.left_alone += (before - events.len()) as u64;
        let mut read = Vec::with_capacity(events.len());
        for (line, time, message) in &events {
            match str::from_utf8(time).ok().and_then(|time| time.parse::<Timestamp>().ok()) {
                Some(time) => read.push(serde_json::json!({
                    "id": format!("{}:{line}", self.name),
                    "timestamp": time.as_millisecond(),
                    "message": String::from_utf8_lossy(message),
                })),
                None => reading.skip(&format!("{}:{line}", self.name), "a time that is none"),
            }
        }
        let events = read;
        if !events.is_empty() {
            let document = serde_json::json!({
                "messageType": "DATA_MESSAGE",
                "logGroup": self.folder(),
                "logEvents": events,
            });
            // An export does not name its log group: whoever replays it knows what it is.
            let setting = &self.rules.setting;
            let setting = Setting { trust: setting.trust.with_trail(self.folder()), ..setting.clone() };
            self.take(self.name, triage_decode::decode(&document.to_string(), &setting), reading);
        }
    }

    /// What stands for the log group of an export, which does not name it: the folder of the stream.
    fn folder(&self) -> &str {
        let mut parts = self.name.rsplit('/');
        parts.next();
        parts.next().unwrap_or(self.name)
    }

    /// One document, or several one after the other, as `zcat` makes them of files that end without a line break.
    fn read_document(&self, bytes: &[u8], reading: &mut Reading) {
        if bytes.trim_ascii().is_empty() {
            return;
        }
        for document in serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>() {
            match document {
                Ok(document) => {
                    let counted = Counts::of(document.get().as_bytes());
                    reading.records += counted.records;
                    reading.left_alone += counted.of_others;
                    if counted.records > counted.of_others {
                        self.read_text(self.name, document.get().as_bytes(), reading);
                    }
                }
                Err(_) if bytes.starts_with(PARQUET) => {
                    return reading.skip(self.name, "Parquet, which is not read; unload it as JSON (format = 'JSON')");
                }
                Err(_) if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[' | b'"')) => {
                    return match self.is_named {
                        true => reading.skip(self.name, "neither JSON, nor a table of CloudTrail's records, nor a log with the time in front of each line"),
                        false => reading.skip_foreign(self.name),
                    };
                }
                Err(error) => {
                    let place = format!("not JSON: line {}, column {}", error.line(), error.column());
                    return reading.skip(self.name, &place);
                }
            }
        }
    }

    fn read_text(&self, place: &str, text: &[u8], reading: &mut Reading) {
        match str::from_utf8(text) {
            Ok(row) if table::is_row(text) => self.decode(place, &table::record_of(row), reading),
            Ok(text) => self.decode(place, text, reading),
            Err(_) => reading.skip(place, "not UTF-8"),
        }
    }

    fn decode(&self, place: &str, payload: &str, reading: &mut Reading) {
        self.take(place, triage_decode::decode(payload, &self.rules.setting), reading);
    }

    fn take(&self, place: &str, mut batch: Batch, reading: &mut Reading) {
        if self.rules.hides_names {
            batch.problems.reword(|detail| unnamed(detail).into_owned());
        }
        if batch.kind == InputKind::Unknown && !self.is_named && !batch.problems.is_empty() {
            reading.skip_foreign(self.name);
            reading.problems.merge(batch.problems);
            return;
        }
        for (name, count, detail) in batch.problems.iter() {
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            reading.complaints.push(format!("{place}: {name}{times}: {detail}"));
            // Of an event that is none of ours nothing was read, whatever was wrong with it.
            reading.skipped |=
                name.leaves_input_out() || batch.kind == InputKind::Unknown && name != ProblemName::BatchEmpty;
        }
        reading.left_alone += u64::from(batch.kind == InputKind::Foreign);
        reading.own += batch.own;
        reading.problems.merge(batch.problems);
        let arrivals = batch.arrivals.into_iter().chain(std::iter::repeat(None));
        let mut impossible = 0;
        for (observation, arrival) in batch.observations.into_iter().zip(arrivals) {
            let occurred_at = observation.occurred_at();
            if !self.can_be(occurred_at) {
                impossible += 1;
                continue;
            }
            if !self.rules.window.has(&observation) {
                reading.outside += 1;
                continue;
            }
            // One that cannot be is as good as none.
            let arrival = arrival.filter(|at| *at != NO_TIME && self.can_be(*at));
            reading.without_arrival += u64::from(self.rules.by == ClockBy::Arrival && arrival.is_none());
            reading.observations.push(Due { at: self.rules.by.time(occurred_at, arrival), observation });
        }
        if impossible > 0 {
            reading.skip(place, &format!("{} with a time that cannot be", counted(impossible, "call")));
        }
    }

    /// One time far ahead or far back would hold up all others, or stand for years in between.
    fn can_be(&self, at: Timestamp) -> bool {
        let earliest = Timestamp::from_second(EARLIEST).unwrap_or(Timestamp::MIN);
        at == NO_TIME || (earliest..=self.rules.latest).contains(&at)
    }
}

/// What a Parquet file begins with: Athena's `UNLOAD` writes it unless it is asked for something else.
const PARQUET: &[u8] = b"PAR1";

/// 2017, when AWS SSO began: no record is older.
const EARLIEST: i64 = 1_483_228_800;

/// A clock that is wrong by a day is a clock; what is further ahead is a mistake.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the names of the four operations stand. Wherever the processor has vectors, they are compared many bytes at a time.
fn operation_names(text: &[u8]) -> impl Iterator<Item = usize> {
    static VECTORS: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(Operation::ALL.map(Operation::as_str)));
    static NAMES: LazyLock<AhoCorasick> = LazyLock::new(|| {
        AhoCorasick::new(Operation::ALL.map(Operation::as_str)).expect("a few names make no automaton too large")
    });
    let by_vectors = VECTORS.as_ref().map(|names| names.find_iter(text));
    let otherwise = by_vectors.is_none().then(|| NAMES.find_iter(text));
    by_vectors.into_iter().flatten().chain(otherwise.into_iter().flatten()).map(|hit| hit.start())
}

/// How many records a document has, and how many of them are of other services: the same for every spacing.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    records: u64,
    of_others: u64,
}

impl Counts {
    /// Of a trail's log file (`Records`), of what `lookup-events` prints (`Events`) and of an array each element counts; of
    /// anything else the whole.
    fn of(document: &[u8]) -> Self {
        let several = match document.trim_ascii_start().first() {
            Some(b'[') => serde_json::from_slice(document).ok(),
            Some(b'{') if holds_several(document) => {
                let held: Option<Held<'_>> = serde_json::from_slice(document).ok();
                held.and_then(|held| held.records.or(held.events))
            }
            _ => None,
        };
        match several.filter(|several: &Vec<&RawValue>| !several.is_empty()) {
            Some(several) => Self {
                records: several.len() as u64,
                of_others: several.iter().filter(|one| is_of_another(one.get().as_bytes())).count() as u64,
            },
            None => Self { records: 1, of_others: u64::from(is_of_another(document) && is_json(document)) },
        }
    }
}

/// A document that holds several records.
#[derive(serde::Deserialize)]
struct Held<'a> {
    #[serde(borrow, rename = "Records", default)]
    records: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "Events", default)]
    events: Option<Vec<&'a RawValue>>,
}

/// Whether it may be one: parsing each line for it would cost.
fn holds_several(document: &[u8]) -> bool {
    static NAMES: LazyLock<[memmem::Finder<'static>; 2]> =
        LazyLock::new(|| ["\"Records\"", "\"Events\""].map(memmem::Finder::new));
    NAMES.iter().any(|name| name.find(document).is_some())
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether a line is a trail's record, or one in an envelope or a table, and of none of our operations. What the whole is,
/// a record's version tells, which nothing else has.
fn is_of_another(line: &[u8]) -> bool {
    static VERSION: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("\"eventVersion\""));
    (VERSION.find(line).is_some() || table::is_row(line)) && operation_names(line).next().is_none()
}

#[cfg(test)]
mod tests;
