//! What the readers of all forms need of a text.
//!
//! In: a text and a place in it. Out: the line around the place, the message behind it, an id that stands on it. Which
//! error that is told of is for the forms to say.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::sdk_error::error::RequestId;
use crate::values::{MESSAGE_MAX, bounded};

/// The id that a line gives under a name of its own, beside an error that prints none.
pub fn id_of_line(text: &str, at: usize) -> Option<RequestId> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?i-u:(aws|amzn)?[_ -]?request[_ -]?id)\\?["']?[ \t]*[:=][ \t]*\\?["']?([A-Za-z0-9-]{8,64})"#)
    });
    let line = &text[line_around(text, at)];
    let found = PATTERN.captures(line)?;
    let id = found[2].to_owned();
    Some(if found.get(1).is_some() { RequestId::OfAws(id) } else { RequestId::OfLine(id) })
}

/// Whether a text can be AWS's id of a request.
pub fn is_request_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The line that `at` stands in, without its end and no further than [`WINDOW`] from it.
pub fn line_around(text: &str, at: usize) -> Range<usize> {
    let from = text.floor_char_boundary(at.saturating_sub(WINDOW));
    let until = text.floor_char_boundary(at + WINDOW).max(at);
    let start = text[from..at].rfind(['\n', '\r']).map_or(from, |end| from + end + 1);
    let end = text[at..until].find(['\n', '\r']).map_or(until, |length| at + length);
    start..end
}

/// An error's own part of a long line. It keeps the work linear where a line of 256 KiB is full of errors.
const WINDOW: usize = 8 * 1024;

/// What follows on the line, up to the quotation mark that closes it where the error stands in quotes.
pub fn rest_of_line(text: &str, from: usize) -> &str {
    let line = line_around(text, from);
    let rest = &text[from..line.end];
    let is_quoted = quotes(&text[line.start..from]).count() % 2 == 1;
    match quotes(rest).next() {
        Some(end) if is_quoted => &rest[..end],
        _ => rest,
    }
}

/// Where quotation marks stand that are not escaped.
fn quotes(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'"', bytes).filter(move |&at| at == 0 || bytes[at - 1] != b'\\')
}

/// An error's message, or None where there is none: `null`, `None` and JavaScript's `UnknownError` say nothing.
pub fn message(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['"', '\'']).trim_end_matches(['"', '\'', '\\']).trim();
    let text = bounded(text, MESSAGE_MAX);
    (!matches!(text, "" | "null" | "None" | "undefined" | "UnknownError")).then(|| text.to_owned())
}

pub fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant expression")
}
