//! The text of one event, out of a file or standard input.
//!
//! In: a path. Out: the text, inflated where it is gzip, or why it cannot be had. What it means is for [`triage_decode`].

use std::io::{self, Read};
use std::path::Path;

use serde_json::value::RawValue;
use triage_decode::inflate::gunzip;
use triage_model::problem::ProblemName;

use crate::openable;

/// The largest file that is read: what Lambda hands over has 6 MB at most, and a trail's files seldom more.
const READ_MAX: usize = 64 * 1024 * 1024;

/// A text file may begin with this; JSON does not know it.
const BYTE_ORDER_MARK: char = '\u{feff}';

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why there is no event to explain.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("cannot be read: {0}; check the path and its permissions")]
    Unreadable(#[from] io::Error),
    #[error("is not read: {0}")]
    Refused(&'static str),
    #[error("is larger than {READ_MAX} bytes, which no single event is; evaluate it with `oidc-triage replay`")]
    TooLarge,
    #[error("is a damaged gzip file ({0}); `oidc-triage replay` reads what can be had of it")]
    GzipDamaged(ProblemName),
    #[error("is not UTF-8 text; an event is JSON")]
    NotUtf8,
    #[error("has nothing in it")]
    Empty,
    #[error(
        "holds more than one event; give one (`head -n 1 FILE | oidc-triage explain --event -`), or evaluate all of them \
         together with `oidc-triage replay`"
    )]
    Several,
}

/// The event at that path, or on standard input for `-`.
pub fn read(path: &Path) -> Result<String, InputError> {
    let mut bytes = Vec::new();
    let max = READ_MAX as u64 + 1;
    if path.as_os_str() == "-" {
        if let Some(reason) = openable::refusal_of_standard_input() {
            return Err(InputError::Refused(reason));
        }
        io::stdin().lock().take(max).read_to_end(&mut bytes)?;
    } else {
        openable::open(path)?.take(max).read_to_end(&mut bytes)?;
    }
    text_of(bytes)
}

/// What was pasted to standard input, as far as it is looked at.
pub fn pasted() -> Result<String, InputError> {
    if let Some(reason) = openable::refusal_of_standard_input() {
        return Err(InputError::Refused(reason));
    }
    let mut bytes = Vec::new();
    io::stdin().lock().take(READ_MAX as u64).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).trim_start_matches(BYTE_ORDER_MARK).trim().to_owned();
    if text.is_empty() { Err(InputError::Empty) } else { Ok(text) }
}

fn text_of(mut bytes: Vec<u8>) -> Result<String, InputError> {
    if bytes.len() > READ_MAX {
        return Err(InputError::TooLarge);
    }
    if bytes.starts_with(&GZIP_MAGIC) {
        let inflated = gunzip(&bytes);
        if let Some(damage) = inflated.damage {
            return Err(InputError::GzipDamaged(damage.problem()));
        }
        bytes = inflated.bytes;
    }
    let text = String::from_utf8(bytes).map_err(|_| InputError::NotUtf8)?;
    let text = text.trim_start_matches(BYTE_ORDER_MARK).trim();
    if text.is_empty() {
        return Err(InputError::Empty);
    }
    match documents(text).as_slice() {
        [] | [_] => Ok(text.to_owned()),
        // What CloudTrail looks up comes in pages or lines, which are one answer.
        pages if pages.iter().all(|page| is_looked_up(page)) => Ok(format!("[{}]", pages.join(","))),
        _ => Err(InputError::Several),
    }
}

/// The whole documents at the beginning of a text, a line each or not.
fn documents(text: &str) -> Vec<&str> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    documents.map_while(Result::ok).map(RawValue::get).collect()
}

fn is_looked_up(document: &str) -> bool {
    document.starts_with('{') && ["\"CloudTrailEvent\"", "\"Events\""].iter().any(|key| document.contains(key))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn one_event_is_read_plain_packed_and_with_a_byte_order_mark() {
        for bytes in [b"{\"a\":1}\n".to_vec(), gzip("{\"a\":1}"), b"\xef\xbb\xbf{\"a\":1}".to_vec()] {
            assert_eq!(text_of(bytes).unwrap(), r#"{"a":1}"#);
        }
    }

    #[test]
    fn what_is_no_single_event_is_refused_with_what_to_do() {
        let refusal = |bytes: &[u8]| text_of(bytes.to_vec()).unwrap_err().to_string();
        assert!(refusal(b"{}\n{}\n").contains("oidc-triage replay"));
        assert!(refusal(b"{}{}").contains("more than one event"));
        assert!(refusal(b" \n").contains("nothing in it"));
        assert!(refusal(b"\xff\xfe").contains("UTF-8"));
        let packed = gzip("{\"a\":1}");
        assert!(refusal(&packed[..packed.len() - 3]).contains("gzip_truncated"));
    }

    #[test]
    fn pages_of_what_cloudtrail_looked_up_are_one_input() {
        let pages = "{\"Events\":[],\"NextToken\":\"t\"}\n{\"Events\":[{\"CloudTrailEvent\":\"{}\"}]}\n{\"CloudTrailEvent\":\"{}\"}";
        let read = text_of(pages.as_bytes().to_vec()).unwrap();
        assert_eq!(read, format!("[{}]", pages.replace('\n', ",")));
        assert!(matches!(text_of(b"{\"Events\":[]}{}".to_vec()), Err(InputError::Several)));
    }

    #[test]
    fn broken_json_is_left_to_the_decoder_which_says_where() {
        assert_eq!(text_of(b"{ broken".to_vec()).unwrap(), "{ broken");
    }
}
