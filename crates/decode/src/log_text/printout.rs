//! Log events put together again: one printout is what one print statement printed.
//!
//! In: the log events of one stream, still escaped. Out: the [`Printout`]s in which a word stands that an error of SSO
//! OIDC cannot do without, unescaped. A stack trace or an inspected object may come as one log event or as one a
//! line; a line that is indented, closes a bracket or continues a traceback belongs to the printout before it. A line at
//! column 0 ends it: where two programs write into one stream at once, what follows the stranger's line goes to the
//! stranger.
//!
//! All but the printouts found is one pass over the raw bytes.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use jiff::SignedDuration;
use triage_model::problem::{ProblemName, Problems};

use crate::log_text::line::{LINE_MAX, TextLine};

/// What one print statement printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printout {
    pub text: String,
    /// Where each of its log events begins in the text, and its index in the delivery.
    pub events: Vec<(usize, usize)>,
}

impl Printout {
    /// The log event that a place in the text came from.
    pub fn event_at(&self, at: usize) -> usize {
        let after = self.events.partition_point(|&(start, _)| start <= at);
        self.events.get(after.saturating_sub(1)).map_or(0, |&(_, event)| event)
    }
}

/// The lines of one print statement arrive together; what comes later than this is another one's.
const PRINTOUT_GAP: SignedDuration = SignedDuration::from_secs(5);

/// Words of which one stands in every error that can be ours: marks of the service, operations, fields of its
/// exceptions. Few and case-sensitive, so that the search is a vectorised one.
const ANCHORS: &[&str] = &[
    "OIDC",
    "oidc",
    "Oidc",
    "CreateToken",
    "RegisterClient",
    "StartDeviceAuthorization",
    "create_token",
    "createToken",
    "register_client",
    "registerClient",
    "start_device_authorization",
    "startDeviceAuthorization",
    "error_description",
    "$fault",
    "$metadata",
];

/// Not an anchor, but it tells how the lines behind it are to be read.
const TRACEBACK: &str = "Traceback (most recent call last)";

static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = ANCHORS.iter().chain([&TRACEBACK]);
    AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostFirst).build(words).expect("constant")
});

/// Printouts that begin at column 0 and yet belong to the one before.
const CONTINUATIONS: &[&str] = &[
    "Caused by:",
    "caused by:",
    "Suppressed:",
    "During handling of the above exception",
    "The above exception was the direct cause",
    "Traceback (most recent call last)",
    "Additional error details:",
    "Stack trace:",
    "--- End of",
    "--->",
    "at ",
    "...",
    "'$",
    "[cause]",
    "│",
    "╵",
    "}",
    "]",
    ")",
];

/// Fields of an error that a shipper which trims lines, or the AWS CLI, leaves at column 0.
const FIELDS: &[&str] = &[
    "$fault:",
    "$metadata:",
    "$retryable:",
    "$service:",
    "httpStatusCode:",
    "requestId:",
    "extendedRequestId:",
    "cfId:",
    "attempts:",
    "totalRetryDelay:",
    "name: '",
    "message: '",
    "error_description:",
    "reason: ",
    "error: null",
    "error: '",
    "error: invalid_",
    "error: access_denied",
    "error: authorization_pending",
    "error: expired_token",
    "error: server_error",
    "error: slow_down",
    "error: un",
];

/// A printout in the making.
struct Run {
    first: usize,
    last: usize,
    bytes: usize,
    anchored: bool,
    /// A Python traceback whose last line, the exception, is still to come.
    traceback: bool,
}

/// The printouts that may tell of an error of ours. Lines that are too long or not text become problems.
pub fn assemble(events: &[TextLine<'_>], problems: &mut Problems) -> Vec<Printout> {
    let mut printouts = Vec::new();
    let mut open: Option<Run> = None;
    for (index, event) in events.iter().enumerate() {
        let raw = event.message.get();
        if is_too_long(raw) {
            problems
                .note(ProblemName::LogLineTooLong, format!("a log event of {} bytes, {LINE_MAX} are read", raw.len()));
            close(open.take(), events, &mut printouts, problems);
            continue;
        }
        let scan = Scan::of(raw);
        match open.as_mut().filter(|run| belongs(run, event, events, &scan)) {
            Some(run) => {
                run.last = index;
                run.bytes += raw.len();
                run.anchored |= scan.anchored;
                run.traceback = scan.traceback.unwrap_or(run.traceback && !scan.column_zero);
            }
            None => {
                close(open.take(), events, &mut printouts, problems);
                open = Some(Run {
                    first: index,
                    last: index,
                    bytes: raw.len(),
                    anchored: scan.anchored,
                    traceback: scan.traceback.unwrap_or(false),
                });
            }
        }
    }
    close(open, events, &mut printouts, problems);
    printouts
}

fn belongs(run: &Run, event: &TextLine<'_>, events: &[TextLine<'_>], scan: &Scan<'_>) -> bool {
    let apart = event.timestamp.duration_since(events[run.last].timestamp).abs();
    let fits = run.bytes + event.message.get().len() <= LINE_MAX && apart <= PRINTOUT_GAP;
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| scan.body.starts_with(prefix));
    fits && (scan.indented || run.traceback || starts(CONTINUATIONS) || run.anchored && starts(FIELDS))
}

/// What one look at a raw message tells.
struct Scan<'a> {
    anchored: bool,
    /// Whether a traceback was left open by its last line; None where it has none.
    traceback: Option<bool>,
    /// Blank, or its first line is indented and is not a log line of its own.
    indented: bool,
    /// A line of it stands at column 0.
    column_zero: bool,
    body: &'a str,
}

impl<'a> Scan<'a> {
    fn of(raw: &'a str) -> Self {
        let body = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
        let text = skip_space(body);
        let indented = text.len() < body.len() || text.is_empty();
        let mut scan = Self {
            anchored: false,
            traceback: None,
            indented: indented && !is_time(text),
            column_zero: !indented || has_line_at_column_zero(body),
            body,
        };
        for word in WORDS.find_iter(raw) {
            if word.pattern().as_usize() < ANCHORS.len() {
                scan.anchored = true;
            } else {
                scan.traceback = Some(!has_line_at_column_zero(&raw[word.end()..raw.len().max(1) - 1]));
            }
        }
        scan
    }
}

/// The text behind white space, some of it escaped.
fn skip_space(mut text: &str) -> &str {
    loop {
        let rest = text.trim_start_matches(' ');
        let rest = ["\\n", "\\t", "\\r"].iter().find_map(|escape| rest.strip_prefix(escape)).unwrap_or(rest);
        if rest.len() == text.len() {
            return text;
        }
        text = rest;
    }
}

/// Whether a line behind the first one stands at column 0.
fn has_line_at_column_zero(raw: &str) -> bool {
    let ends = |escape: &'static str| raw.match_indices(escape).map(move |(at, _)| &raw[at + escape.len()..]);
    ends("\\n").chain(ends("\\r")).any(|line| !line.is_empty() && !line.starts_with([' ', '\\']))
}

/// A log line that begins with its own time, such as `2026-11-22T09:00:00Z`.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    digits(0..4) && digits(5..7) && digits(8..10) && matches!(bytes.get(4), Some(b'-' | b'/'))
}

/// Escapes are up to six times as long as what they stand for, so a long raw message is measured.
fn is_too_long(raw: &str) -> bool {
    raw.len() > LINE_MAX + 2 && unescaped_len(raw) > LINE_MAX
}

fn unescaped_len(raw: &str) -> usize {
    let bytes = raw.as_bytes();
    let (mut at, mut length) = (0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        at += match (byte, bytes.get(at + 1)) {
            (b'\\', Some(b'u')) => 6,
            (b'\\', _) => 2,
            _ => 1,
        };
        length += 1;
    }
    length.saturating_sub(2)
}

/// Unescapes a printout and puts it with the others, if one of the words stands in it.
fn close(run: Option<Run>, events: &[TextLine<'_>], printouts: &mut Vec<Printout>, problems: &mut Problems) {
    let Some(run) = run.filter(|run| run.anchored) else { return };
    let mut printout = Printout { text: String::with_capacity(run.bytes), events: Vec::new() };
    for (index, event) in events.iter().enumerate().take(run.last + 1).skip(run.first) {
        let raw = event.message.get();
        let message = match serde_json::from_str::<String>(raw) {
            Ok(message) => message,
            // Not a string at all: an object is read as the line it would be.
            Err(_) if !raw.starts_with('"') => raw.to_owned(),
            Err(_) => {
                problems.note(ProblemName::JsonInvalid, "a log event's message cannot be unescaped");
                continue;
            }
        };
        if is_time(message.trim_start()) || printout.events.is_empty() {
            split_at_times(&message, index, printout, printouts);
            printout = printouts.pop().unwrap_or(Printout { text: String::new(), events: Vec::new() });
        } else {
            printout.push(index, &message);
        }
    }
    printouts.push(printout);
}

/// A message whose lines each begin with their own time holds as many printouts; the last stays open.
fn split_at_times(message: &str, index: usize, first: Printout, printouts: &mut Vec<Printout>) {
    let mut printout = first;
    let timed = is_time(message);
    let mut from = 0;
    for (at, _) in message.match_indices('\n').filter(|&(at, _)| timed && is_time(&message[at + 1..])) {
        printout.push(index, &message[from..at]);
        printouts.push(std::mem::replace(&mut printout, Printout { text: String::new(), events: Vec::new() }));
        from = at + 1;
    }
    printout.push(index, &message[from..]);
    printouts.push(printout);
}

impl Printout {
    fn push(&mut self, event: usize, message: &str) {
        if !self.events.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.events.push((self.text.len(), event));
        push_plain(&mut self.text, message);
    }
}

/// Without the escape sequences that colour a terminal.
fn push_plain(text: &mut String, message: &str) {
    let mut parts = message.split("\u{1b}[");
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let sequence = part.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        let letter = part.as_bytes().get(sequence).is_some_and(u8::is_ascii_alphabetic);
        text.push_str(&part[sequence + usize::from(letter)..]);
    }
}
