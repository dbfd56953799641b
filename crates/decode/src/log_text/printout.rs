//! Joins log events: one printout is the output of one print statement.
//!
//! In: log events of one stream, in order. Out: the [`Printout`]s with a word that every error of SSO OIDC has. A stack
//! trace or an inspected object may come as one log event or as one for each line, each with a collector's prefix
//! ([`super::collector`]). A line that is indented, closes a bracket or continues a traceback belongs to the printout
//! before it; a line at column 0 ends it. Where two programs write to one output at once, lines after a foreign line go
//! to the foreign printout. Where a collector names the outputs, each is joined separately.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::Value;

use crate::log_text::collector::{self, Output, Piece};
use crate::log_text::line::{HeldLine, LINE_MAX};

/// The output of one print statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Printout {
    pub text: String,
    /// The start of each of its log events in the text, and that event's index in the input.
    pub events: Vec<(usize, usize)>,
    /// The other members of the JSON records around its lines. Empty where the whole is one JSON record: that is in the
    /// text.
    pub around: Vec<Value>,
    /// The program that printed it, where a collector distinguishes programs.
    pub program: Option<String>,
}

impl Printout {
    /// The log event of a place in the text.
    pub fn event_at(&self, at: usize) -> usize {
        let after = self.events.partition_point(|&(start, _)| start <= at);
        self.events.get(after.saturating_sub(1)).map_or(0, |&(_, event)| event)
    }
}

/// The lines of one print statement arrive together; later lines are from another one.
pub const PRINTOUT_GAP: SignedDuration = SignedDuration::from_secs(5);

/// Every error that can be ours contains one of these: marks of the service, operations, fields of its exceptions. Few
/// and case-sensitive, so that the search can be vectorised.
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
    "Exception: UnknownError",
    // Codes that no other service has
    "AuthorizationPendingException",
    "InvalidClientException",
    "InvalidGrantException",
    "InvalidScopeException",
    "UnauthorizedClientException",
    "UnsupportedGrantTypeException",
    "InvalidClientMetadataException",
    "InvalidRedirectUriException",
    "InvalidRequestRegionException",
    "Error_description",
];

static WORDS: LazyLock<AhoCorasick> =
    LazyLock::new(|| AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostFirst).build(ANCHORS).expect("constant"));

/// Whether a text contains one of the words, unescaped or not.
pub fn is_anchored(text: &str) -> bool {
    WORDS.is_match(text)
}

/// It decides how the following lines are read.
const TRACEBACK: &str = "Traceback (most recent call last)";

/// Sentences that link a printout to the next one.
const SENTENCES: &[&str] = &[
    "Caused by:",
    "caused by:",
    "Suppressed:",
    "During handling of the above exception",
    "The above exception was the direct cause",
    TRACEBACK,
    "Additional error details:",
    "Stack trace:",
    "Service returned error code",
];

/// Printouts that begin at column 0 but belong to the one before.
const CONTINUATIONS: &[&str] = &[
    "Location:",
    // C++
    "Resolved remote host IP address:",
    "Request ID:",
    "Exception name:",
    "Error message:",
    "--- End of",
    "--->",
    "-> ",
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

/// Fields of an error at column 0: the AWS CLI writes them there, and some shippers trim lines.
const FIELDS: &[&str] = &[
    "$fault:",
    "$metadata:",
    "$retryable:",
    "$response:",
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
    "RespMetadata:",
    "StatusCode:",
    "RequestID:",
    "Error_:",
    "Error_description:",
    "Message_:",
    "status code: ",
    "https response error",
    "api error ",
];

/// The most lines one sentence is broken into.
const BROKEN_LINES_MAX: usize = 6;

/// Ends after which an error's sentence certainly continues.
const BROKEN_AT: &[&str] = &[
    "n error occurred",
    "error occurred (",
    " when",
    "when calling",
    "when calling the",
    "SSL validation failed for",
    "to the endpoint URL:",
    "endpoint URL:",
    "Unable to execute HTTP",
    "Unable to execute",
    "' for url",
    "for url:",
    "Max retries exceeded with",
    "operation error",
    "operation error SSO",
    "operation error SSO OIDC:",
    "https response",
    "https response error",
    "StatusCode:",
    "RequestID:",
    "Exception: Service",
    "returned error code",
    "resulted in a",
];

/// curl's line-by-line output, and the lines after it.
const CURL: &[&str] = &["* ", ">", "<", "{ [", "} [", "{\"", "curl: ("];

const OPEN_LINES_MAX: usize = 256;

/// Whether a line has the sentence of botocore or Go, which begins a failure's text anywhere in the line.
fn tells_a_whole_failure(text: &str) -> bool {
    ["An error occurred (", "operation error "].iter().any(|sentence| text.contains(sentence))
}

/// C++ writes the answer's headers after it, one a line.
const HEADERS_FOLLOW: &str = "response headers:";

/// A printout under construction.
struct Run<'m> {
    output: Output,
    pieces: Vec<(usize, Piece<'m>)>,
    bytes: usize,
    latest: Timestamp,
    is_anchored: bool,
    /// A Python traceback whose last line, the exception, is missing so far.
    in_traceback: bool,
    /// The number of open brackets since a line that ended with one: a shipper may have trimmed the indentation inside.
    brackets: usize,
    /// C++ writes the answer's headers, one a line.
    in_headers: bool,
    /// A collector cut one of its lines, perhaps within a word.
    has_cut: bool,
}

/// The most outputs joined at once; beyond it, the one that waited longest is closed.
const OUTPUTS_MAX: usize = 64;

/// The printouts that may report an error of ours, in order of their start.
pub fn assemble(events: &[HeldLine]) -> Vec<Printout> {
    let mut open: Vec<Run<'_>> = Vec::new();
    let mut done: Vec<Run<'_>> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        for piece in collector::pieces(&event.message) {
            // The last one that the piece can continue: a bare line may follow a timed or a bare one.
            let going_on = open.iter().rposition(|run| run.output.goes_on_in(&piece.output));
            match going_on.filter(|&at| open[at].takes(&piece, event.timestamp)) {
                Some(at) => open[at].push(index, piece, event.timestamp),
                None => {
                    done.extend(going_on.map(|at| open.remove(at)));
                    if open.len() >= OUTPUTS_MAX {
                        done.push(open.remove(0));
                    }
                    open.push(Run::new(index, piece, event.timestamp));
                }
            }
        }
    }
    done.extend(open);
    done.retain(|run| run.is_anchored || run.has_cut && is_anchored(&run.joined()));
    done.sort_by_key(|run| run.pieces[0].0);
    done.into_iter().map(Run::into_printout).collect()
}

impl<'m> Run<'m> {
    fn new(event: usize, piece: Piece<'m>, at: Timestamp) -> Self {
        let mut run = Self {
            output: piece.output.clone(),
            pieces: Vec::new(),
            bytes: 0,
            latest: at,
            is_anchored: false,
            in_traceback: false,
            brackets: 0,
            in_headers: false,
            has_cut: false,
        };
        run.push(event, piece, at);
        run
    }

    fn takes(&self, piece: &Piece<'_>, at: Timestamp) -> bool {
        let fits = self.bytes + piece.text.len() <= LINE_MAX && at.duration_since(self.latest).abs() <= PRINTOUT_GAP;
        fits && self.goes_on_with(piece.text.as_ref())
    }

    fn goes_on_with(&self, text: &str) -> bool {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
        let is_cut = self.pieces.last().is_some_and(|(_, last)| last.is_cut);
        // A line with a whole failure starts a new printout, whatever it begins with, unless a sentence led up to it.
        let is_whole = tells_a_whole_failure(text) && !self.in_traceback && !starts(SENTENCES);
        if is_whole && !is_cut && !is_indented(text) {
            return false;
        }
        let by_its_start = is_indented(text) && !collector::begins_record(text.trim_start())
            || starts(SENTENCES)
            || starts(CONTINUATIONS)
            || is_frame(text)
            || text.trim_end().ends_with(HEADERS_FOLLOW);
        let by_what_is_open = self.is_open() && !collector::begins_record(text)
            || self.in_traceback && !collector::begins_record(text)
            || self.in_headers && is_header(text)
            || self.lists_causes() && is_numbered(text)
            || self.is_curl() && starts(CURL)
            || self.ends_with(":") && text.trim_end() == "{"
            || self.is_broken() && !collector::begins_record(text)
            || self.ends_with("Exception:") && starts(&["Service returned error code"])
            || starts(&["(Service: "])
            // PHP writes the body after it, and then the code.
            || self.ends_with("response:") && starts(&["{", "<"]);
        let by_what_it_tells = self.is_anchored
            && (starts(FIELDS) || text.contains("Exception (client): ") || text.contains("Exception (server): "));
        is_cut || by_its_start || by_what_is_open || by_what_it_tells
    }

    fn push(&mut self, event: usize, piece: Piece<'m>, at: Timestamp) {
        let text = piece.text.as_ref();
        self.latest = at;
        self.bytes += text.len();
        self.is_anchored |= is_anchored(text) || !piece.around.is_empty() && is_anchored(piece.raw);
        self.in_traceback = match text.rfind(TRACEBACK) {
            Some(begin) => !has_line_at_column_zero(&text[begin..]),
            None => self.in_traceback && is_indented(text) && !has_line_at_column_zero(text),
        };
        self.has_cut |= piece.is_cut;
        self.in_headers |= text.trim_end().ends_with(HEADERS_FOLLOW);
        self.brackets = text.lines().fold(self.brackets, open_brackets);
        self.pieces.push((event, piece));
    }

    /// The longest object of an error.
    fn is_open(&self) -> bool {
        self.brackets > 0 && self.pieces.len() < OPEN_LINES_MAX
    }

    fn joined(&self) -> String {
        self.pieces.iter().map(|(_, piece)| piece.text.as_ref()).collect()
    }

    fn lists_causes(&self) -> bool {
        self.pieces.last().is_some_and(|(_, last)| last.text.trim_end() == "Caused by:" || is_numbered(&last.text))
    }

    /// A terminal broke the line where an error's sentence certainly continues, or within Java's parentheses.
    fn is_broken(&self) -> bool {
        let Some((_, last)) = self.pieces.last() else { return false };
        let last = last.text.trim_end();
        BROKEN_AT.iter().any(|end| last.ends_with(end))
            || self.is_within_parentheses()
            || last.ends_with(',')
                && ["Status Code: ", "StatusCode: ", "RequestID: "].iter().any(|said| last.contains(said))
    }

    /// Java's parentheses may span several lines.
    fn is_within_parentheses(&self) -> bool {
        let lines = self.pieces.iter().rev().take(BROKEN_LINES_MAX);
        let open = lines.map(|(_, piece)| (piece.text.rfind("(Service:"), piece.text.rfind(')')));
        // The latest line with either decides.
        open.into_iter()
            .find(|(open, close)| open.is_some() || close.is_some())
            .is_some_and(|(open, close)| open > close)
    }

    fn is_curl(&self) -> bool {
        self.pieces.first().is_some_and(|(_, first)| first.text.starts_with("* ") || first.text.starts_with("+ curl "))
    }

    fn ends_with(&self, end: &str) -> bool {
        self.pieces.last().is_some_and(|(_, last)| last.text.trim_end().ends_with(end))
    }

    fn into_printout(self) -> Printout {
        let (text, program) = (String::with_capacity(self.bytes), self.output.program());
        let mut printout = Printout { text, program, ..Printout::default() };
        // A JSON record by itself is read unchanged: its fields are most likely the error's.
        if let [(event, piece)] = self.pieces.as_slice()
            && !piece.around.is_empty()
        {
            printout.push(*event, piece.raw, false);
            return printout;
        }
        let mut was_cut = false;
        for (event, piece) in self.pieces {
            printout.push(event, &piece.text, was_cut);
            printout.around.extend(piece.around);
            was_cut = piece.is_cut;
        }
        printout
    }
}

/// The number of open brackets after a line. Only a bracket at the end of a line opens an object of several lines.
fn open_brackets(open: usize, line: &str) -> usize {
    let line = line.trim_end();
    if open == 0 && !line.ends_with(['{', '(', '[']) {
        return 0;
    }
    let mut quote = None;
    line.chars().fold(open, |open, letter| match (quote, letter) {
        (Some(mark), _) => {
            quote = quote.filter(|_| letter != mark);
            open
        }
        (None, '\'' | '"' | '`') => {
            quote = Some(letter);
            open
        }
        (None, '{' | '(' | '[') => open + 1,
        (None, '}' | ')' | ']') => open.saturating_sub(1),
        (None, _) => open,
    })
}

/// One of Rust's causes, `1: unhandled error`, where a shipper trimmed it.
fn is_numbered(text: &str) -> bool {
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    !digits.is_empty() && rest.starts_with(": ")
}

/// `x-amzn-requestid : 7166a489-...`
fn is_header(text: &str) -> bool {
    text.split_once(" : ").is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}

/// A frame of Ruby's stack: `/app/a.rb:17:in `call'`.
fn is_frame(text: &str) -> bool {
    let before = text.trim_start_matches("from ").split_once(":in ").map(|(before, _)| before);
    before.and_then(|before| before.rsplit_once(':')).is_some_and(|(file, line)| {
        !file.contains(' ') && !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Blank, or with an indented first line.
fn is_indented(text: &str) -> bool {
    text.is_empty() || text.starts_with([' ', '\t', '\n', '\r'])
}

/// Whether any line after the first stands at column 0.
fn has_line_at_column_zero(text: &str) -> bool {
    text.split(['\n', '\r']).skip(1).any(|line| !line.is_empty() && !line.starts_with([' ', '\t']))
}

/// Whether a printout is the wire log of an SDK or an HTTP client, by its level and words: it covers each attempt of a
/// call.
pub fn is_debugging(text: &str) -> bool {
    static LEVEL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?:^|[ \t\[|"'=])(?:DEBUG|TRACE|debug|verbose|silly)(?:$|[ \t\]|"',]|: )"#).expect("constant")
    });
    const WIRE: [&str; 7] = ["attempt", "HTTP/1.", "X-Amzn-", "x-amzn-", "Response", "connectionpool", "botocore"];
    // A header written out by an SDK or a client.
    const HEADERS: [&str; 4] = ["X-Amzn-", "x-amzn-", "HTTP/", "< "];
    HEADERS.iter().any(|header| text.starts_with(header))
        || LEVEL.is_match(crate::values::bounded(text, LEVEL_WITHIN)) && WIRE.iter().any(|word| text.contains(word))
}

/// Loggers write the level first.
const LEVEL_WITHIN: usize = 160;

impl Printout {
    fn push(&mut self, event: usize, message: &str, goes_on: bool) {
        if !goes_on && !self.events.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.events.push((self.text.len(), event));
        self.text.push_str(message);
    }
}
