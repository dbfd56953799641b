//! What a file tells before it is read: by its name, and by what it begins with.
//!
//! In: a name, or a reader. Out: whether it looks like a file of events, and when it begins.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::sync::LazyLock;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// Endings of the files that are read out of a folder, each also with `.gz` behind it. A file that is named is read
/// whatever it is called.
const ENDINGS: &[&str] = &["json", "jsonl", "ndjson", "log", "csv"];

/// What the beginning of a file is looked for in.
pub const HEAD: u64 = 64 * 1024;

/// The two bytes with which gzip begins.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Whether a file of that path is read where only its folder is named.
pub fn is_read_out_of_a_folder(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && has_event_ending(path)
}

pub fn has_event_ending(path: &Path) -> bool {
    let ending = |path: &Path| path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let plain = match ending(path).as_deref() {
        Some("gz") => ending(&path.with_extension("")),
        other => other.map(str::to_owned),
    };
    plain.is_none_or(|ending| ENDINGS.contains(&ending.as_str())) && ending(path).is_some()
}

/// `111122223333_CloudTrail_us-east-1_20261125T0135Z_Xyz.json.gz` begins some minutes before that time at most.
pub fn time_in_name(name: &OsStr) -> Option<Timestamp> {
    let name = Path::new(name).file_name()?.to_str()?;
    name.match_indices('_').find_map(|(at, _)| stamp(name.as_bytes().get(at..)?))
}

/// `_20261125T0135Z_`, at the beginning of a text.
fn stamp(text: &[u8]) -> Option<Timestamp> {
    let &[b'_', ref date @ .., b'Z', b'_'] = text.first_chunk::<16>()? else { return None };
    let number = |digits: &[u8]| {
        let is_digits = digits.iter().all(u8::is_ascii_digit);
        is_digits.then(|| digits.iter().fold(0, |number, digit| number * 10 + i16::from(digit - b'0')))
    };
    let part = |from: usize| i8::try_from(number(&date[from..from + 2])?).ok();
    let day = Date::new(number(&date[..4])?, part(4)?, part(6)?).ok()?;
    let time = Time::new(part(9)?, part(11)?, 0, 0).ok()?;
    (date[8] == b'T').then(|| TimeZone::UTC.to_timestamp(day.to_datetime(time)).ok())?
}

/// The first time that stands in what a file begins with.
pub fn time_in(file: impl Read) -> io::Result<Option<Timestamp>> {
    Ok(first_time(&head(file)?))
}

fn head(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(HEAD).read_to_end(&mut bytes)?;
    if bytes.starts_with(&GZIP) {
        let mut text = Vec::new();
        // What was cut off here ends in an error, after what there is.
        let _ = MultiGzDecoder::new(bytes.as_slice()).take(HEAD).read_to_end(&mut text);
        return Ok(text);
    }
    Ok(bytes)
}

fn first_time(text: &[u8]) -> Option<Timestamp> {
    static TIME: LazyLock<regex::bytes::Regex> = LazyLock::new(|| {
        regex::bytes::Regex::new(concat!(
            r#""(?:eventTime|time|occurredAt)"[ \t\r\n]*:[ \t\r\n]*"([0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](?:\.[0-9]+)?Z)""#,
            r#"|^([0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9](?:\.[0-9]+)?Z)"#,
            r#"|"timestamp"[ \t\r\n]*:[ \t\r\n]*([0-9]{13})"#
        ))
        .expect("a pattern of ours")
    });
    let found = TIME.captures(text)?;
    let text = |group| found.get(group).and_then(|found| str::from_utf8(found.as_bytes()).ok());
    match text(3) {
        Some(milliseconds) => Timestamp::from_millisecond(milliseconds.parse().ok()?).ok(),
        None => text(1).or_else(|| text(2))?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_look_like_events_are_read_out_of_a_folder() {
        for (name, is_read) in [
            ("a.json", true),
            ("a.json.gz", true),
            ("a.JSONL", true),
            ("000000.gz", true),
            ("a.txt", false),
            ("a.zip", false),
            ("README", false),
        ] {
            assert_eq!(has_event_ending(Path::new(name)), is_read, "{name}");
        }
    }

    #[test]
    fn a_trail_s_name_tells_when_a_file_begins() {
        let name = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/25/111122223333_CloudTrail_us-east-1_20261125T0135Z_Xyz.json.gz";
        assert_eq!(time_in_name(name.as_ref()), Some("2026-11-25T01:35:00Z".parse().unwrap()));
        for none in ["20261125T0135Z.json", "a_20261325T0135Z_b", "a_20261125T2535Z_b", "a_20261125t0135Z_b", "a_2026"]
        {
            assert_eq!(time_in_name(none.as_ref()), None, "{none}");
        }
    }

    #[test]
    fn the_first_time_is_found_in_every_kind_of_file() {
        for (text, time) in [
            (r#"{"Records":[{"eventVersion":"1.11","eventTime":"2026-11-25T01:35:07Z"}]}"#, "2026-11-25T01:35:07Z"),
            (r#"{"version":"0","time" : "2026-11-25T01:35:07Z"}"#, "2026-11-25T01:35:07Z"),
            ("2026-11-25T01:35:07.123Z An error occurred", "2026-11-25T01:35:07.123Z"),
            (r#"{"logEvents":[{"id":"1","timestamp":1793700000000}]}"#, "2026-11-03T10:00:00Z"),
        ] {
            assert_eq!(first_time(text.as_bytes()), Some(time.parse().unwrap()), "{text}");
        }
        assert_eq!(first_time(b"nothing"), None);
    }
}
