//! The user information of URLs: `http://user:password@host`.
//!
//! In: a text. Out: the same with the part before the host dropped, whatever the scheme, also where the URL is escaped
//! as in JSON (`\/\/`) or in a query (`%2F%2F`), and where a password contains `@`, `/`, `?` or `#`.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem, memrchr};

/// The text without the user information of its URLs. Nothing is copied where there is none.
pub fn without_user_information(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if memchr(b'@', bytes).is_none() && memmem::find(bytes, b"%40").is_none() {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut from = 0;
    for dropped in user_information(bytes) {
        let (Some(before), true) = (text.get(from..dropped.start), text.is_char_boundary(dropped.end)) else {
            continue;
        };
        kept.push_str(before);
        from = dropped.end;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[from..]);
    Cow::Owned(kept)
}

fn user_information(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match slashes(bytes, at) {
            Some((authority, is_encoded)) => {
                let end = of_authority(bytes, authority, is_encoded);
                if end > authority {
                    found.push(authority..end);
                }
                at = end.max(authority);
            }
            None => at += 1,
        }
    }
    found.extend(memchr_iter(b'@', bytes).filter_map(|at| of_bare_host(bytes, at)));
    found.sort_by_key(|range| range.start);
    let mut until = 0;
    found.retain(|range| {
        let is_new = range.start >= until;
        until = until.max(range.end);
        is_new
    });
    found
}

/// The text behind two slashes at that place, escaped or not, and whether they are escaped as in a query.
fn slashes(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let slash = |at: usize| {
        let escapes = bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
        match &bytes[at + escapes..] {
            [b'/', ..] => Some((at + escapes + 1, false)),
            [b'u', b'0', b'0', b'2', b'f' | b'F', ..] if escapes > 0 => Some((at + escapes + 5, false)),
            [b'%', b'2', b'f' | b'F', ..] if escapes == 0 => Some((at + 3, true)),
            // Escaped twice.
            [b'%', b'2', b'5', b'2', b'f' | b'F', ..] if escapes == 0 => Some((at + 5, true)),
            _ => None,
        }
    };
    matches!(bytes[at], b'/' | b'\\' | b'%').then_some(())?;
    let (second, _) = slash(at)?;
    if second >= bytes.len() {
        return None;
    }
    slash(second)
}

/// Where the user information of an authority ends; its beginning where there is none.
fn of_authority(bytes: &[u8], from: usize, is_encoded: bool) -> usize {
    let is_end = |byte: &u8| {
        byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`')
    };
    let length = bytes[from..].iter().position(is_end).unwrap_or(bytes.len() - from);
    let rest = &bytes[from..from + length];
    if is_encoded {
        let end = memmem::find(rest, b"%2F").or_else(|| memmem::find(rest, b"%2f")).or_else(|| memchr(b'&', rest));
        let authority = &rest[..end.unwrap_or(rest.len())];
        let encoded =
            memmem::rfind(authority, b"%40").map(|at| if authority[..at].ends_with(b"%25") { at } else { at + 3 });
        return from + encoded.max(memrchr(b'@', authority).map(|at| at + 1)).unwrap_or(0);
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\')).unwrap_or(rest.len());
    let authority = &rest[..end];
    if let Some(at) = memrchr(b'@', authority) {
        // Most hosts have a dot or a port. Without either it may be a password that continues with an @ and a slash.
        let is_host = memchr(b'.', &authority[at..]).is_some() || memchr(b':', &authority[at..]).is_some();
        let further = memrchr(b'@', rest).filter(|_| !is_host && memchr(b':', &authority[..at]).is_some());
        return from + further.unwrap_or(at) + 1;
    }
    // No port, so a password with an unescaped sign that continues behind it.
    let is_port = |text: &[u8]| text.len() <= PORT_MAX && text.iter().all(u8::is_ascii_digit);
    match memrchr(b':', authority) {
        Some(colon) if authority[0] != b'[' && !is_port(&authority[colon + 1..]) => {
            memrchr(b'@', rest).map_or(from, |at| from + at + 1)
        }
        Some(_) | None => from,
    }
}

/// Digits of a port.
const PORT_MAX: usize = 5;
/// Suffixes of such variables' names.
const PROXY: &[u8] = b"proxy";
/// No name and password are longer in such a place.
const BARE_MAX: usize = 256;

/// `user:password@proxy:3128`, without a scheme: behind no mail address stands a port, and before none `proxy=`.
fn of_bare_host(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let host =
        bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')).count();
    let behind = bytes[at + 1 + host..].strip_prefix(b":").unwrap_or_default();
    let port = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let in_user = |byte: &u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'=' | b'(' | b'{' | b'[' | b'/')
    };
    let length = bytes[..at].iter().rev().take(BARE_MAX).take_while(|byte| in_user(byte)).count();
    let user = &bytes[at - length..at];
    let key = bytes[..at - length].strip_suffix(b"=").unwrap_or_default();
    let is_proxy = key.len() >= PROXY.len() && key[key.len() - PROXY.len()..].eq_ignore_ascii_case(PROXY);
    let is_host = host > 0 && (is_proxy || (2..=PORT_MAX).contains(&port));
    (is_host && memchr(b':', user).is_some()).then_some(at - length..at + 1)
}
