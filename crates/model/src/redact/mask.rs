//! Secrets in untrusted text.
//!
//! In: any text out of a payload or an answer. Out: the same without the user information of URLs, and with `[masked]`
//! for each value behind the name of a secret and for everything that looks like one: JSON web tokens, tokens of
//! Identity Center, access key ids, base64 of 40 and more characters, hexadecimal digits of 32 and more, what follows
//! `Bearer` and `Basic`. A secret without such a name or look is not found.
//!
//! Ids that people need stay: UUIDs, ARNs, client ids of RegisterClient (22 characters, or 34 and more that end in a
//! region), keys of KMS, ids of log events (digits alone), paths and names of classes, which are words however long
//! they are. Any other id of 40 and more characters of base64 could be a token and is masked. Of random values of 40
//! characters one in thousands looks like words and stays.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr2, memchr2_iter, memchr3, memchr3_iter};

mod shape;
mod url;

pub use url::without_user_information;

/// The replacement of a secret.
pub const MASK: &str = "[masked]";

/// CloudTrail's own replacement of a secret.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The text without secrets. Nothing is copied where there is none.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !may_hold_a_secret(text) {
        return Cow::Borrowed(text);
    }
    match without_user_information(text) {
        Cow::Borrowed(text) => without(text, &secrets(text)),
        Cow::Owned(text) => Cow::Owned(without(&text, &secrets(&text)).into_owned()),
    }
}

pub fn mask(text: &mut String) {
    if let Cow::Owned(masked) = masked(text) {
        *text = masked;
    }
}

/// Most texts are short names: a few bytes of each decide whether a closer look is worth it.
fn may_hold_a_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() == shape::UUID_LENGTH && shape::is_uuid(bytes) {
        return false;
    }
    memchr3_iter(b'=', b':', b'@', bytes).any(|at| bytes[at] == b'@' || value_behind(bytes, at).is_some())
        || memchr3(b'%', b'"', b'\'', bytes).is_some()
        || memchr(b'\\', bytes).is_some()
        || shape::has_run(bytes, shape::TOKEN_MIN, |byte| byte.is_ascii_alphanumeric())
        || shape::has_run(bytes, shape::BASE64_MIN, shape::in_run)
        || memchr2_iter(b'b', b'B', bytes).any(|at| scheme(&bytes[at..]).is_some())
}

/// Where secrets stand, in order.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let secret = if is_separator(bytes, at) {
            value_behind(bytes, at)
        } else if shape::in_run_at(bytes, at) {
            let run = at..shape::end_of_run(bytes, at);
            let secret = behind_scheme(bytes, &run).or_else(|| encoded_value(bytes, &run));
            match secret {
                Some(secret) => Some(secret),
                None => {
                    let end = shape::secrets_in(bytes, &run, &mut found);
                    at = end.max(run.end);
                    continue;
                }
            }
        } else {
            None
        };
        match secret {
            Some(secret) if secret.end > at => {
                at = secret.end;
                found.push(secret);
            }
            Some(_) | None => at += utf8_length(byte),
        }
    }
    found
}

const fn utf8_length(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

fn without<'t>(text: &'t str, secrets: &[Range<usize>]) -> Cow<'t, str> {
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets {
        // A secret never begins within a character of several bytes: all bounds are ASCII or the text's end.
        masked.push_str(text.get(from..secret.start).unwrap_or_default());
        masked.push_str(MASK);
        from = secret.end.max(from);
    }
    masked.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(masked)
}

/// `=` and `:`; the forms `%3D` and `\u003d` are found as well. A comma only between two words in quotation marks.
fn is_separator(bytes: &[u8], at: usize) -> bool {
    match bytes[at] {
        b'=' | b':' => true,
        b',' => at > 0 && matches!(bytes[at - 1], b'"' | b'\''),
        b'\\' => bytes
            .get(at + 1..at + ESCAPED_EQUALS.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(&ESCAPED_EQUALS[1..])),
        _ => false,
    }
}

const ESCAPED_EQUALS: &[u8] = b"\\u003d";

/// No name of a secret is longer, whatever an application puts before it.
const KEY_MAX: usize = 64;
/// Quotation marks, backslashes and blanks between a name, its separator and its value, at most.
const BETWEEN_MAX: usize = 24;

/// How the value of a secret ends where it is not in quotation marks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// A word.
    Word,
    /// All of the line: cookies.
    Line,
    /// A scheme and what follows it: a header.
    Header,
    /// A word that is not one of AWS's codes: `code` names an error more often than a secret of OAuth.
    Code,
}

/// Suffixes of names whose value is a secret, in lower case and without separators.
const ENDINGS: [&[u8]; 23] = [
    b"secret",
    b"clientsecret",
    b"refreshtoken",
    b"accesstoken",
    b"idtoken",
    b"subjecttoken",
    b"actortoken",
    b"sessiontoken",
    b"securitytoken",
    b"authtoken",
    b"bearertoken",
    b"devicecode",
    b"usercode",
    b"authcode",
    b"authorizationcode",
    b"codeverifier",
    b"assertion",
    b"password",
    b"passwd",
    b"passphrase",
    b"accesskey",
    b"secretkey",
    b"privatekey",
];
const MORE_ENDINGS: [&[u8]; 4] = [b"apikey", b"accesskeyid", b"samlresponse", b"pwd"];
/// Names that are words of prose too: their value is a secret behind `=` or in quotation marks.
const SURE_ENDINGS: [&[u8]; 5] = [b"signature", b"credential", b"token", b"pass", b"passcode"];

fn extent(key: &[u8], is_sure: bool) -> Option<Extent> {
    let mut name = [0; KEY_MAX];
    let mut length = 0;
    for byte in key.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        name[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let name = &name[..length];
    let ends = |endings: &[&[u8]]| endings.iter().any(|ending| name.ends_with(ending));
    match name.last()? {
        b'n' if name.ends_with(b"authorization") => Some(Extent::Header),
        b'e' | b's' if name.ends_with(b"cookie") || name.ends_with(b"cookies") => Some(Extent::Line),
        b't' | b'n' | b'e' | b'r' | b'd' | b'y' if ends(&ENDINGS) => Some(Extent::Word),
        _ if ends(&MORE_ENDINGS) || (is_sure || name.starts_with(b"xamz")) && ends(&SURE_ENDINGS) => Some(Extent::Word),
        b'e' if name == b"code" => Some(Extent::Code),
        _ => None,
    }
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'\\')
}

fn in_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The value behind a separator, if the name before it is a secret's.
fn value_behind(bytes: &[u8], separator: usize) -> Option<Range<usize>> {
    let gap = bytes[..separator].iter().rev().take(BETWEEN_MAX).take_while(|byte| is_between(**byte)).count();
    let key_end = separator - gap;
    let length = bytes[..key_end].iter().rev().take(KEY_MAX).take_while(|byte| in_key(**byte)).count();
    let is_quoted = bytes[key_end..separator].iter().any(|byte| matches!(byte, b'"' | b'\''));
    let extent = extent(&bytes[key_end - length..key_end], is_quoted || bytes[separator] != b':')?;
    let behind = match bytes[separator] {
        b'\\' => separator + ESCAPED_EQUALS.len(),
        _ => separator + 1,
    };
    value(bytes, behind, extent)
}

/// The value that begins there or a little later, without its quotation marks: they stay.
fn value(bytes: &[u8], from: usize, extent: Extent) -> Option<Range<usize>> {
    let mut at = from;
    // `=>`, `:=`.
    while matches!(bytes.get(at), Some(b'=' | b'>' | b' ' | b'\t')) {
        at += 1;
    }
    // Rust's `Some("...")`.
    if bytes[at..].starts_with(b"Some(") {
        at += b"Some(".len();
    }
    // A list hides as a whole.
    if bytes.get(at) == Some(&b'[') && !bytes[at..].starts_with(MASK.as_bytes()) {
        let end = memchr(b']', &bytes[at..]).map_or(bytes.len(), |length| at + length);
        return not_empty(bytes, at + 1..end, extent);
    }
    let escapes = bytes[at..].iter().take(BETWEEN_MAX).take_while(|byte| **byte == b'\\').count();
    let end = match bytes.get(at + escapes) {
        Some(quote @ (b'"' | b'\'')) => {
            at += escapes + 1;
            end_of_quoted(bytes, at, *quote, escapes)
        }
        Some(_) | None => end_of_bare(bytes, at, extent),
    };
    not_empty(bytes, at..end, extent)
}

/// A quotation mark closes one that has as many backslashes before it, or more.
fn end_of_quoted(bytes: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    let mut at = from;
    while let Some(next) = memchr(quote, &bytes[at..]).map(|length| at + length) {
        let before = bytes[from..next].iter().rev().take_while(|byte| **byte == b'\\').count();
        if before <= escapes {
            return next - before;
        }
        at = next + 1;
    }
    bytes.len()
}

fn end_of_bare(bytes: &[u8], from: usize, extent: Extent) -> usize {
    let until = |is_end: fn(u8) -> bool, from: usize| {
        bytes[from..].iter().position(|byte| is_end(*byte)).map_or(bytes.len(), |length| from + length)
    };
    let ends_line = |byte: u8| matches!(byte, b'\r' | b'\n' | b'"');
    let ends_word = |byte: u8| {
        matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b';' | b')' | b'}' | b']' | b'&' | b'"' | b'\'')
    };
    match extent {
        Extent::Word | Extent::Code => until(ends_word, from),
        Extent::Line => until(ends_line, from),
        Extent::Header => {
            let word = until(ends_word, from);
            let is_scheme =
                word > from && bytes[from..word].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
            if is_scheme && matches!(bytes.get(word), Some(b' ' | b'\t')) && word - from <= SCHEME_MAX {
                until(ends_word, word + 1)
            } else {
                word
            }
        }
    }
}

/// `AWS4-HMAC-SHA256` has 16 characters, and a token more.
const SCHEME_MAX: usize = 24;

fn not_empty(bytes: &[u8], value: Range<usize>, extent: Extent) -> Option<Range<usize>> {
    let text = bytes.get(value.clone())?;
    let is_nothing = matches!(text, b"" | b"null" | b"None" | b"undefined" | b"nil" | b"-")
        || bytes[value.start..].starts_with(MASK.as_bytes())
        || text == HIDDEN.as_bytes()
        // An object: its own names decide.
        || text.first() == Some(&b'{')
        || extent == Extent::Code && is_error_code(text);
    (!is_nothing).then_some(value)
}

/// `Status Code: 500`, `ThrottlingException`, `ECONNRESET`, `slow_down` are no codes of OAuth.
fn is_error_code(text: &[u8]) -> bool {
    const STATUS_LENGTH: usize = 3;
    let word =
        text.split(|byte| matches!(byte, b'\\' | b'.' | b'#' | b':')).find(|part| !part.is_empty()).unwrap_or(text);
    let is_status = word.len() <= STATUS_LENGTH && word.iter().all(u8::is_ascii_digit);
    let in_name = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let uppers = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let is_spelt =
        word.contains(&b'_') || uppers == word.len() || word[0].is_ascii_uppercase() && uppers * 3 <= word.len() + 3;
    is_status || !word.is_empty() && word.iter().all(in_name) && is_spelt
}

/// `Bearer` or `Basic`, and how long it is.
fn scheme(bytes: &[u8]) -> Option<usize> {
    [&b"bearer"[..], b"basic"].into_iter().find_map(|scheme| {
        let begins = bytes.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
        let is_word = bytes.get(scheme.len()).is_some_and(|next| !next.is_ascii_alphanumeric());
        (begins && is_word).then_some(scheme.len())
    })
}

/// What follows `Bearer ` or `Basic `.
fn behind_scheme(bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
    /// Words that follow in prose.
    const PROSE: [&[u8]; 6] = [b"authentication", b"authorization", b"credentials", b"challenge", b"token", b"realm"];
    const SECRET_MIN: usize = 4;
    let from = match scheme(&bytes[run.start..])? {
        length if run.start + length == run.end => {
            let blanks = bytes[run.end..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            (blanks > 0).then_some(run.end + blanks)?
        }
        // In a query a blank is `+` or `%20`.
        length => match &bytes[run.start + length..run.end] {
            [b'+', ..] => run.start + length + 1,
            [b'%', b'2', b'0', ..] => run.start + length + 3,
            _ => return None,
        },
    };
    let in_token = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b'-' | b'%' | b':' | b'\\')
    };
    let length = bytes[from..].iter().take_while(|byte| in_token(byte)).count();
    let token = &bytes[from..from + length];
    let is_prose = PROSE.iter().any(|word| {
        token.len() <= word.len() + 1 && token.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    });
    (length >= SECRET_MIN && !is_prose).then_some(from..from + length)
}

/// `refresh_token%3Dvalue`: a query in a query.
fn encoded_value(bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
    memchr2(b'%', b'%', &bytes[run.clone()])?;
    let text = &bytes[run.clone()];
    let equals = |at: &usize| text[*at..].get(..3).is_some_and(|sign| sign.eq_ignore_ascii_case(b"%3d"));
    (0..text.len()).filter(|at| text[*at] == b'%').filter(equals).find_map(|at| {
        let length = text[..at].iter().rev().take(KEY_MAX).take_while(|byte| in_key(**byte)).count();
        // `%26code`: the two digits are the sign's.
        let mut key = &text[at - length..at];
        if at > length && text[at - length - 1] == b'%' {
            key = key.get(2..)?;
        }
        let extent = extent(key, true)?;
        let end = memchr::memmem::find(&text[at + 3..], b"%26").map_or(text.len(), |length| at + 3 + length);
        not_empty(bytes, run.start + at + 3..run.start + end, extent)
    })
}

#[cfg(test)]
mod tests;
