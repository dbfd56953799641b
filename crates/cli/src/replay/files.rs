//! Which files are read, and in which order.
//!
//! In: the paths of the command line. Out: [`HistoryFile`]s in the order of the time at which each begins, and of their
//! names where that is the same, so that files which overlap can be read side by side. A trail's own names tell that time;
//! of any other file its first lines do.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use regex::Regex;

/// Endings of the files that are read out of a folder, each also with `.gz` behind it. A file that is named is read
/// whatever it is called.
const ENDINGS: &[&str] = &["json", "jsonl", "ndjson", "log"];

/// Folders that a trail keeps beside its log files, in which there are no records of calls.
const BESIDE_LOG_FILES: &[&str] = &["CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-Aggregated"];

/// What the beginning of a file is looked for in.
const HEAD: u64 = 64 * 1024;

/// The two bytes with which gzip begins.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];

/// One file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryFile {
    /// None for standard input.
    pub path: Option<PathBuf>,
    /// As it is called in messages.
    pub name: String,
    /// Its place among all by their names.
    pub place: usize,
    /// The first time in it, as far as its name or its head tells.
    pub begins: Option<Timestamp>,
    /// Its size on disk; 0 where that is not known.
    pub size: u64,
}

impl HistoryFile {
    fn of(path: &Path) -> Self {
        let metadata = fs::metadata(path);
        // What is no file on a disk can be read once only.
        let is_file = metadata.as_ref().is_ok_and(fs::Metadata::is_file);
        let begins = time_in_name(path).or_else(|| if is_file { time_in_head(path) } else { None });
        let size = metadata.map_or(0, |metadata| metadata.len());
        Self { path: Some(path.to_owned()), name: path.display().to_string(), place: 0, begins, size }
    }
}

/// What cannot be read, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub name: String,
    pub reason: String,
}

/// All files behind the paths. Where nothing tells when a file begins, it comes first.
pub fn find(paths: &[PathBuf]) -> (Vec<HistoryFile>, Vec<Unreadable>) {
    let mut search = Search::default();
    for path in paths {
        search.add(path);
    }
    let Search { mut files, unreadable } = search;
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files.iter_mut().enumerate().for_each(|(place, file)| file.place = place);
    files.sort_by_key(|file| file.begins);
    (files, unreadable)
}

#[derive(Default)]
struct Search {
    files: Vec<HistoryFile>,
    unreadable: Vec<Unreadable>,
}

impl Search {
    fn add(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            if self.files.iter().any(|file| file.path.is_none()) {
                return self.leave_out(Path::new("standard input"), "it can be read once only");
            }
            return self.files.push(HistoryFile {
                path: None,
                name: "standard input".to_owned(),
                place: 0,
                begins: None,
                size: 0,
            });
        }
        if path.is_dir() {
            let before = (self.files.len(), self.unreadable.len());
            self.add_folder(path);
            if before == (self.files.len(), self.unreadable.len()) {
                self.leave_out(path, "no file to read in this folder");
            }
            return;
        }
        match fs::metadata(path) {
            Ok(_) => self.files.push(HistoryFile::of(path)),
            Err(error) => self.leave_out(path, &error.to_string()),
        }
    }

    /// The files below a folder that look like events, in the order of their names. What cannot be listed is named and
    /// the rest goes on.
    fn add_folder(&mut self, folder: &Path) {
        let listed = fs::read_dir(folder).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
        let mut paths: Vec<PathBuf> = match listed {
            Ok(paths) => paths,
            Err(error) => return self.leave_out(folder, &error.to_string()),
        };
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        paths.retain(|path| !name(path).starts_with('.') && !BESIDE_LOG_FILES.contains(&name(path).as_str()));
        paths.sort();
        for path in paths {
            if !path.is_dir() {
                // Nothing waits for a writer that may never come.
                if has_event_ending(&path) && path.is_file() {
                    self.add(&path);
                }
            } else if !path.is_symlink() {
                // A link to a folder may lead in a circle.
                self.add_folder(&path);
            }
        }
    }

    fn leave_out(&mut self, path: &Path, reason: &str) {
        self.unreadable.push(Unreadable { name: path.display().to_string(), reason: reason.to_owned() });
    }
}

fn has_event_ending(path: &Path) -> bool {
    let ending = |path: &Path| path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let plain = match ending(path).as_deref() {
        Some("gz") => ending(&path.with_extension("")),
        other => other.map(str::to_owned),
    };
    plain.is_none_or(|ending| ENDINGS.contains(&ending.as_str())) && ending(path).is_some()
}

/// `111122223333_CloudTrail_us-east-1_20261125T0135Z_Xyz.json.gz` begins some minutes before that time at most.
fn time_in_name(path: &Path) -> Option<Timestamp> {
    static STAMP: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"_([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})Z_").expect("a pattern of ours")
    });
    let name = path.file_name()?.to_str()?;
    let [year, month, day, hour, minute] = STAMP.captures(name)?.extract().1;
    format!("{year}-{month}-{day}T{hour}:{minute}:00Z").parse().ok()
}

/// The first time that stands in the file.
fn time_in_head(path: &Path) -> Option<Timestamp> {
    first_time(&head(path).ok()?)
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut bytes)?;
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
        assert_eq!(time_in_name(Path::new(name)), Some("2026-11-25T01:35:00Z".parse().unwrap()));
        assert_eq!(time_in_name(Path::new("20261125T0135Z.json")), None);
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
