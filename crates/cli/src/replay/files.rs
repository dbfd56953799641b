//! Which files are read, and in which order.
//!
//! In: the paths of the command line. Out: [`HistoryFile`]s in the order of the time at which each begins, and of their
//! names where that is the same, so that files which overlap can be read side by side. A trail's own names tell that time;
//! of any other file its first lines do. What lies beside a trail's log files is told by its path ([`beside`]) and not
//! opened.
//!
//! A bucket has tens of thousands of files: nothing is asked of the disk more than once, and a folder's name is kept once.

mod beside;

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::openable::{self, STANDARD_INPUT, called};
use crate::replay::files::beside::{Folder, LeftOut, is_named_beside};

/// Endings of the files that are read out of a folder, each also with `.gz` behind it. A file that is named is read
/// whatever it is called.
const ENDINGS: &[&str] = &["json", "jsonl", "ndjson", "log", "csv"];

/// What the beginning of a file is looked for in.
const HEAD: u64 = 64 * 1024;

/// The two bytes with which gzip begins.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];

/// One file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryFile {
    source: Source,
    /// Its place among all by their names.
    pub place: usize,
    /// The first time in it, as far as its name or its head tells.
    pub begins: Option<Timestamp>,
    /// Its size on disk; None where that is not known.
    pub size: Option<u64>,
    /// It can be read again from its beginning.
    pub is_on_disk: bool,
    /// It was named, and not found in a folder.
    pub is_named: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    StandardInput,
    /// The folder is shared by all of its files: of tens of thousands the paths would be most of what is kept.
    File {
        folder: Arc<Path>,
        name: Box<OsStr>,
    },
}

impl HistoryFile {
    fn of(folder: &Arc<Path>, name: &OsStr, size: Option<u64>, is_on_disk: bool) -> Self {
        let source = Source::File { folder: Arc::clone(folder), name: name.into() };
        // What is no file on a disk can be read once only.
        let in_head = || is_on_disk.then(|| time_in_head(&folder.join(name))).flatten();
        Self { source, place: 0, begins: time_in_name(name).or_else(in_head), size, is_on_disk, is_named: false }
    }

    #[cfg(test)]
    pub fn of_path(path: &Path) -> Self {
        let source = Source::File { folder: Path::new("").into(), name: path.as_os_str().into() };
        Self { source, place: 0, begins: None, size: None, is_on_disk: true, is_named: true }
    }

    /// None for standard input.
    pub fn path(&self) -> Option<PathBuf> {
        match &self.source {
            Source::StandardInput => None,
            Source::File { folder, name } => Some(folder.join(&**name)),
        }
    }

    /// As it is called in messages.
    pub fn name(&self) -> String {
        self.path().map_or_else(|| STANDARD_INPUT.to_owned(), |path| path.display().to_string())
    }

    fn cmp_name(&self, other: &Self) -> Ordering {
        match (&self.source, &other.source) {
            (Source::File { folder, name }, Source::File { folder: of_other, name: other_name })
                if Arc::ptr_eq(folder, of_other) =>
            {
                name.cmp(other_name)
            }
            _ => self.name().cmp(&other.name()),
        }
    }
}

/// What cannot be read, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub name: String,
    pub reason: String,
}

/// What is behind the paths.
#[derive(Debug, Default)]
pub struct Found {
    pub files: Vec<HistoryFile>,
    pub unreadable: Vec<Unreadable>,
    /// What was left out on purpose, in words.
    pub left_out: Option<String>,
}

/// The paths at which nothing is that could be read: they are reported before anything is read.
pub fn refused(paths: &[PathBuf]) -> Vec<Unreadable> {
    let reason = |path: &Path| match path.as_os_str() == "-" {
        true => openable::refusal_of_standard_input().map(str::to_owned),
        false => match fs::metadata(path) {
            Ok(metadata) => openable::refusal(path, &metadata).map(str::to_owned),
            Err(error) => Some(format!("cannot be read: {error}; check the path and its permissions")),
        },
    };
    paths.iter().filter_map(|path| Some(Unreadable { name: called(path), reason: reason(path)? })).collect()
}

/// All files behind the paths. Where nothing tells when a file begins, it comes first. `with_sizes`: how large each is, which takes a look at each.
pub fn find(paths: &[PathBuf], with_sizes: bool) -> Found {
    let mut search = Search { with_sizes, ..Search::default() };
    for path in paths {
        search.add(path);
    }
    let Search { mut files, unreadable, left_out, .. } = search;
    files.sort_by(HistoryFile::cmp_name);
    files.iter_mut().enumerate().for_each(|(place, file)| file.place = place);
    files.sort_by_key(|file| file.begins);
    Found { files, unreadable, left_out: left_out.in_words() }
}

#[derive(Default)]
struct Search {
    files: Vec<HistoryFile>,
    unreadable: Vec<Unreadable>,
    left_out: LeftOut,
    with_sizes: bool,
}

impl Search {
    fn add(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            if self.files.iter().any(|file| file.source == Source::StandardInput) {
                return self.complain(Path::new(STANDARD_INPUT), "it can be read once only");
            }
            return self.files.push(HistoryFile {
                source: Source::StandardInput,
                place: 0,
                begins: None,
                size: None,
                is_on_disk: false,
                is_named: true,
            });
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                let before = (self.files.len(), self.unreadable.len());
                self.add_folder(path, Folder::at(path));
                if before == (self.files.len(), self.unreadable.len()) {
                    self.complain(path, "no file to read in this folder");
                }
            }
            Ok(metadata) => {
                // It may have been replaced since it was looked at.
                if let Some(reason) = openable::refusal(path, &metadata) {
                    return self.complain(path, reason);
                }
                let (folder, is_on_disk) = (Path::new("").into(), metadata.is_file());
                let size = is_on_disk.then_some(metadata.len());
                let file = HistoryFile::of(&folder, path.as_os_str(), size, is_on_disk);
                self.files.push(HistoryFile { is_named: true, ..file });
            }
            Err(error) => self.complain(path, &error.to_string()),
        }
    }

    /// The files below a folder that look like events, in the order of their names. What cannot be listed is named and
    /// the rest goes on.
    fn add_folder(&mut self, path: &Path, folder: Folder) {
        let listed = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>);
        let mut entries: Vec<_> = match listed {
            Ok(entries) => entries.into_iter().map(|entry| (entry.file_name(), entry)).collect(),
            Err(error) => return self.complain(path, &error.to_string()),
        };
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        let shared: Arc<Path> = path.into();
        for (name, entry) in entries {
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    self.complain(&entry.path(), &error.to_string());
                    continue;
                }
            };
            if kind.is_dir() {
                if folder.has_beside(&name) {
                    self.left_out.folder(&entry.path());
                } else {
                    self.add_folder(&entry.path(), folder.below(&name));
                }
                continue;
            }
            let metadata = match kind.is_symlink() {
                // What it led to, file or folder, nobody knows: so it is named whatever it is called.
                true => match fs::metadata(entry.path()) {
                    Ok(metadata) => Some(metadata),
                    Err(error) => {
                        self.complain(&entry.path(), &format!("a link that leads nowhere: {error}"));
                        continue;
                    }
                },
                false => self.with_sizes.then(|| entry.metadata().ok()).flatten(),
            };
            // A link to a folder may lead in a circle.
            if !has_event_ending(Path::new(&name)) || metadata.as_ref().is_some_and(Metadata::is_dir) {
                continue;
            }
            if is_named_beside(&name) {
                self.left_out.file(&entry.path());
            } else if !metadata.as_ref().map_or(kind.is_file(), Metadata::is_file) {
                // Nothing waits for a writer that may never come.
                self.complain(&entry.path(), "it is no file, but a pipe, a socket or a device");
            } else {
                let size = metadata.map(|metadata| metadata.len());
                self.files.push(HistoryFile::of(&shared, &name, size, true));
            }
        }
    }

    fn complain(&mut self, path: &Path, reason: &str) {
        self.unreadable.push(Unreadable { name: path.display().to_string(), reason: reason.to_owned() });
    }
}

/// Whether a file of that path is read where only its folder is named.
pub fn is_read_out_of_a_folder(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && has_event_ending(path)
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
fn time_in_name(name: &OsStr) -> Option<Timestamp> {
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
