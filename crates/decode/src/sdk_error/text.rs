//! Text helpers for the readers of all forms.
//!
//! In: a text and a place in it. Out: the line around the place, the message after it, an id in it. The forms decide
//! which error it is.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::sdk_error::error::RequestId;
use crate::values::message_text;

/// The id that a line has under a separate name, next to an error without one.
pub fn id_of_line(text: &str, at: usize) -> Option<RequestId> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"(?i-u:(amzn)?[_ -]?(?:aws[_ -]?)?request[_ -]?id)\\?["']?[ \t]*[:=][ \t]*\\?["']?([A-Za-z0-9-]{8,64})"#,
        )
    });
    let line = &text[line_around(text, at)];
    let found = PATTERN.captures(line)?;
    let id = found[2].to_owned();
    Some(if found.get(1).is_some() { RequestId::OfAws(id) } else { RequestId::OfLine(id) })
}

/// Without escape sequences for colours, and with real line ends where a logger wrote two characters.
pub fn plain(message: &str) -> Cow<'_, str> {
    let message = match without_colours(message) {
        Cow::Borrowed(message) => without_entities(message),
        Cow::Owned(message) => Cow::Owned(without_entities(&message).into_owned()),
    };
    if !is_escaped(&message) {
        return match message {
            // The end of a line of JSON.
            Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix("\\n").unwrap_or(text)),
            Cow::Owned(text) => Cow::Owned(text),
        };
    }
    // The length stays the same, and so do places in the text.
    Cow::Owned(message.replace("\\r\\n", "   \n").replace("\\n", " \n").replace("\\t", " \t"))
}

/// Whether line ends are written as two characters: there are some, and no real ones. In JSON that is correct.
fn is_escaped(message: &str) -> bool {
    let written = memchr::memmem::find_iter(message.as_bytes(), b"\\n").count();
    written > message.trim_end().matches('\n').count() && !message.contains("{\"")
}

/// Quotation marks in HTML form, from logs that passed through a web page.
fn without_entities(message: &str) -> Cow<'_, str> {
    if !message.contains("&#39;") && !message.contains("&quot;") && !message.contains("&#x27;") {
        return Cow::Borrowed(message);
    }
    let names = [("&#39;", "'"), ("&#x27;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Cow::Owned(names.into_iter().fold(message.to_owned(), |text, (name, letter)| text.replace(name, letter)))
}

fn without_colours(message: &str) -> Cow<'_, str> {
    // In JSON in a text, the escape has six characters.
    let message = without_sequences(message, "\u{1b}[");
    match message {
        Cow::Borrowed(message) => without_sequences(message, "\\u001b["),
        Cow::Owned(message) => Cow::Owned(without_sequences(&message, "\\u001b[").into_owned()),
    }
}

fn without_sequences<'t>(message: &'t str, start: &str) -> Cow<'t, str> {
    if memchr::memmem::find(message.as_bytes(), start.as_bytes()).is_none() {
        return Cow::Borrowed(message);
    }
    let mut text = String::with_capacity(message.len());
    let mut parts = message.split(start);
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let sequence = part.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        let letter = part.as_bytes().get(sequence).is_some_and(u8::is_ascii_alphabetic);
        text.push_str(&part[sequence + usize::from(letter)..]);
    }
    Cow::Owned(text)
}

/// Chained loggers escape a text that often.
const LAYERS_MAX: usize = 3;

/// Unescapes JSON in a JSON string or a log in quotation marks. Texts longer than any failure's output are cut.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut text = text.to_owned();
    for _ in 0..LAYERS_MAX {
        let inner = text
            .replace("\\\\", "\\")
            .replace("\\n", "\n")
            .replace("\\t", "\t")
            .replace("\\\"", "\"")
            .replace("\\/", "/");
        if inner == text {
            break;
        }
        text = inner;
    }
    Cow::Owned(text)
}

/// Whether a text can be an AWS request id.
pub fn is_request_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The line around `at`, without its end and at most [`WINDOW`] away from it.
pub fn line_around(text: &str, at: usize) -> Range<usize> {
    let from = text.floor_char_boundary(at.saturating_sub(WINDOW));
    let until = text.floor_char_boundary(at + WINDOW).max(at);
    let bytes = text.as_bytes();
    let start = memchr::memrchr2(b'\n', b'\r', &bytes[from..at]).map_or(from, |end| from + end + 1);
    let end = memchr::memchr2(b'\n', b'\r', &bytes[at..until]).map_or(until, |length| at + length);
    start..end
}

/// An error's part of a long line. It keeps the work linear in a line of 256 KiB full of errors.
const WINDOW: usize = 8 * 1024;

/// The rest of the line, up to the quotation mark that closes it where the error is in quotes.
pub fn rest_of_line(text: &str, from: usize) -> &str {
    let line = line_around(text, from);
    let rest = &text[from..line.end];
    let is_quoted = quotes(&text[line.start..from]).count() % 2 == 1;
    match quotes(rest).next() {
        Some(end) if is_quoted => &rest[..end],
        _ => rest,
    }
}

/// The places of unescaped quotation marks.
fn quotes(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'"', bytes).filter(move |&at| at == 0 || bytes[at - 1] != b'\\')
}

/// An error's message. None for `null`, `None` and JavaScript's `UnknownError`, which say nothing.
pub fn message(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['"', '\'']).trim_end_matches(['"', '\'', '\\']).trim();
    (!matches!(text, "" | "null" | "None" | "undefined" | "UnknownError")).then(|| message_text(text))
}

pub fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant expression")
}
