//! Values that look like a secret by themselves.
//!
//! In: a run of the letters, digits and signs that tokens are made of. Out: where in it a token, a key or a digest stands.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::region::is_well_formed;

/// The shortest token: the first part of the shortest JSON web tokens, an access key id.
pub const TOKEN_MIN: usize = 16;
pub const BASE64_MIN: usize = 40;
const HEX_MIN: usize = 32;
/// Behind `aoa` and `aor`, with which the tokens of Identity Center begin.
const IDENTITY_CENTER_MIN: usize = 32;
const ACCESS_KEY_LENGTH: usize = 20;
/// A run of 40 base64 characters with this many outside words is a secret.
const STRANGE_MIN: usize = 16;
/// No word is longer, without a capital in it.
const WORD_MAX: usize = 24;
/// The words in a CamelCase name are longer on average; random letters have a capital at about every fourth.
const WORD_MEAN_MIN: usize = 5;

pub const UUID_LENGTH: usize = 36;

pub fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == UUID_LENGTH
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The letters of base64 in both alphabets, and `%` of an escaped one.
pub fn in_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'%')
}

/// The same at a place: JSON may have a backslash before a slash.
pub fn in_run_at(bytes: &[u8], at: usize) -> bool {
    in_run(bytes[at])
        || bytes[at] == b'\\' && {
            let next = bytes[at..].iter().find(|byte| **byte != b'\\');
            next == Some(&b'/')
        }
}

pub fn end_of_run(bytes: &[u8], from: usize) -> usize {
    (from..bytes.len()).find(|at| !in_run_at(bytes, *at)).unwrap_or(bytes.len())
}

/// Whether so many bytes of a kind stand together. One of them is at a multiple of that number, so only those are
/// checked.
pub fn has_run(bytes: &[u8], length: usize, is_of_it: impl Fn(u8) -> bool) -> bool {
    (length - 1..bytes.len()).step_by(length).any(|at| {
        is_of_it(bytes[at]) && {
            let before = bytes[..at].iter().rev().take(length).take_while(|byte| is_of_it(**byte)).count();
            let behind = bytes[at..].iter().take(length).take_while(|byte| is_of_it(**byte)).count();
            before + behind >= length
        }
    })
}

/// Finds the secrets of a run, and where the last of them ends: a token has signs that are in no run.
pub fn secrets_in(bytes: &[u8], run: &Range<usize>, found: &mut Vec<Range<usize>>) -> usize {
    if run.len() < TOKEN_MIN && !may_begin_a_token(&bytes[run.clone()]) {
        return run.end;
    }
    if let Some(token) = token(bytes, run) {
        let end = token.end;
        found.push(token);
        return end;
    }
    if is_base64(&bytes[run.clone()]) {
        let padding = bytes[run.end..].iter().take_while(|byte| **byte == b'=').count();
        found.push(run.start..run.end + padding);
        return run.end + padding;
    }
    for piece in pieces(bytes, run) {
        let text = &bytes[piece.clone()];
        let is_hex = text.len() >= HEX_MIN && text.iter().all(u8::is_ascii_hexdigit);
        // A number is no digest, and `mrk-` ids of multi-Region KMS keys have 32 hexadecimal digits.
        let is_id = text.iter().all(u8::is_ascii_digit) || bytes[run.start..piece.start].ends_with(b"mrk-");
        let is_key = text.len() == ACCESS_KEY_LENGTH
            && (text.starts_with(b"AKIA") || text.starts_with(b"ASIA"))
            && text.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if is_hex && !is_id || is_key {
            found.push(piece);
        }
    }
    run.end
}

fn may_begin_a_token(run: &[u8]) -> bool {
    [&b"eyJ"[..], b"aoa", b"aor"].iter().any(|begin| run.starts_with(begin))
}

/// A JSON web token, or one of Identity Center: from where it begins to its end.
fn token(bytes: &[u8], run: &Range<usize>) -> Option<Range<usize>> {
    let text = &bytes[run.clone()];
    let extended = |from: usize, more: &[u8]| {
        from + bytes[from..].iter().take_while(|byte| in_run(**byte) || more.contains(byte)).count()
    };
    let begins = |at: usize| {
        at == 0
            || !text[at - 1].is_ascii_alphanumeric()
            || at >= 2 && text[at - 2] == b'%'
            || at >= 3 && text[at - 3] == b'%'
    };
    (0..text.len().saturating_sub(2)).find_map(|at| {
        let from = run.start + at;
        match &text[at..at + 3] {
            b"eyJ" => Some(from..extended(from, b".=")).filter(|token| token.len() >= TOKEN_MIN + 3),
            b"aoa" | b"aor" if begins(at) => {
                Some(from..extended(from, b".:=")).filter(|token| token.len() >= IDENTITY_CENTER_MIN + 3)
            }
            _ => None,
        }
    })
}

/// The letters and digits between the signs of a run.
fn pieces<'b>(bytes: &'b [u8], run: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<'b> {
    let (mut at, end) = (run.start, run.end);
    std::iter::from_fn(move || {
        at += bytes[at..end].iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let length = bytes[at..end].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let piece = at..at + length;
        at = piece.end;
        (length > 0).then_some(piece)
    })
}

/// Whether a run is base64, and not words, numbers and ids with signs between them.
fn is_base64(run: &[u8]) -> bool {
    if run.len() < BASE64_MIN {
        return false;
    }
    let mut strange = 0;
    for piece in pieces(run, &(0..run.len())) {
        let piece = &run[piece];
        if is_strange(piece) {
            strange += piece.len();
        }
    }
    strange >= STRANGE_MIN && !is_client_id(run)
}

/// A client id of RegisterClient is base64url of 16 bytes and the region's name: the longer names make 40 characters and more.
fn is_client_id(run: &[u8]) -> bool {
    const RANDOM_BYTES: usize = 16;
    const CLIENT_ID_MAX: usize = 64;
    run.len() <= CLIENT_ID_MAX
        && BASE64_URL_SAFE_NO_PAD
            .decode(run)
            .is_ok_and(|bytes| std::str::from_utf8(&bytes[RANDOM_BYTES..]).is_ok_and(is_well_formed))
}

/// Whether letters and digits are neither a word, words in capitals (`RegisterClient`), a number nor a short id.
fn is_strange(piece: &[u8]) -> bool {
    let digits = piece.iter().filter(|byte| byte.is_ascii_digit()).count();
    let uppers = piece.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let lowers = piece.len() - digits - uppers;
    let is_id = piece.iter().all(u8::is_ascii_hexdigit) && (uppers == 0 || lowers == 0);
    if is_id {
        // Digests are found separately.
        return false;
    }
    // A repeated letter is no secret.
    if piece.iter().all(|byte| *byte == piece[0]) {
        return false;
    }
    let pairs = |is_one: fn(u8, u8) -> bool| piece.windows(2).filter(|pair| is_one(pair[0], pair[1])).count();
    let turns = pairs(|one, other| one.is_ascii_digit() != other.is_ascii_digit());
    let words = 1 + pairs(|one, other| one.is_ascii_lowercase() && other.is_ascii_uppercase());
    let longest = piece.split(u8::is_ascii_uppercase).map(<[u8]>::len).max().unwrap_or(0);
    let is_spelt = uppers * 5 <= piece.len() * 2 && (words == 1 || piece.len() >= words * WORD_MEAN_MIN);
    let is_in_capitals = lowers == 0 && piece.len() <= WORD_MAX;
    let is_in_words = turns <= 2 && digits * 2 <= piece.len() && longest <= WORD_MAX && (is_in_capitals || is_spelt);
    !is_in_words
}
