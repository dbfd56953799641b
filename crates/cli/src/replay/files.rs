//! Which files are read, and in which order.
//!
//! In: the paths of the command line. Out: [`HistoryFile`]s in the order of the time at which each begins, and of their
//! names where that is the same, so that files which overlap can be read side by side. A trail's own names tell that time;
//! of any other file its first lines do. What lies beside a trail's log files is told by its path ([`beside`]) and not
//! opened. [`bucket`] finds the same in S3.
//!
//! A bucket has tens of thousands of files: nothing is asked of the disk more than once, and a folder's name is kept once.

mod beside;
#[cfg(feature = "s3")]
mod bucket;
pub mod names;
#[cfg(not(feature = "s3"))]
mod no_bucket;
mod s3_place;

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use triage_notify::words::counted;

use crate::openable::{self, STANDARD_INPUT, called};
use crate::replay::files::beside::{Folder, LeftOut, is_named_beside};
use crate::replay::files::names::{has_event_ending, time_in, time_in_name};
#[cfg(not(feature = "s3"))]
use crate::replay::files::no_bucket as bucket;
use crate::replay::files::s3_place::Place;
use crate::replay::window::Window;

/// One file, object, or standard input.
#[derive(Clone, Debug)]
pub struct HistoryFile {
    source: Source,
    /// Its place among all by their names.
    pub place: usize,
    /// The first time in it, as far as its name or its head tells.
    pub begins: Option<Timestamp>,
    /// Its size as it lies there; None where that is not known.
    pub size: Option<u64>,
    /// It can be read again from its beginning.
    pub can_be_reread: bool,
    /// It was named, and not found in a folder or bucket.
    pub is_named: bool,
}

#[derive(Clone, Debug)]
enum Source {
    StandardInput,
    /// The folder is shared by all of its files: of tens of thousands the paths would be most of what is kept.
    File {
        folder: Arc<Path>,
        name: Box<OsStr>,
    },
    Object(bucket::Object),
}

impl HistoryFile {
    fn of(folder: &Arc<Path>, name: &OsStr, size: Option<u64>, can_be_reread: bool) -> Self {
        let source = Source::File { folder: Arc::clone(folder), name: name.into() };
        // What is no file on a disk can be read once only.
        let in_head =
            || can_be_reread.then(|| time_in(File::open(folder.join(name))?)).transpose().ok().flatten().flatten();
        Self { source, place: 0, begins: time_in_name(name).or_else(in_head), size, can_be_reread, is_named: false }
    }

    fn of_bucket(found: bucket::FoundObject) -> Self {
        let bucket::FoundObject { object, size, begins, is_named } = found;
        let source = Source::Object(object);
        Self { source, place: 0, begins, size: Some(size), can_be_reread: true, is_named }
    }

    #[cfg(test)]
    pub fn of_path(path: &Path) -> Self {
        let source = Source::File { folder: Path::new("").into(), name: path.as_os_str().into() };
        Self { source, place: 0, begins: None, size: None, can_be_reread: true, is_named: true }
    }

    /// What is in it, from its beginning.
    pub fn open(&self) -> io::Result<Box<dyn io::Read>> {
        Ok(match &self.source {
            Source::StandardInput => Box::new(io::stdin().lock()),
            Source::File { folder, name } => Box::new(File::open(folder.join(&**name))?),
            Source::Object(object) => object.open()?,
        })
    }

    /// What is waited for is the network, and not this machine.
    pub const fn is_remote(&self) -> bool {
        matches!(self.source, Source::Object(_))
    }

    /// As it is called in messages.
    pub fn name(&self) -> String {
        match &self.source {
            Source::StandardInput => STANDARD_INPUT.to_owned(),
            Source::File { folder, name } => folder.join(&**name).display().to_string(),
            Source::Object(object) => object.to_string(),
        }
    }

    fn cmp_name(&self, other: &Self) -> Ordering {
        match (&self.source, &other.source) {
            (Source::File { folder, name }, Source::File { folder: of_other, name: other_name })
                if Arc::ptr_eq(folder, of_other) =>
            {
                name.cmp(other_name)
            }
            (Source::Object(object), Source::Object(other)) => object.cmp_name(other),
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
    pub left_out: Vec<String>,
}

/// The paths at which nothing is that could be read: they are reported before anything is read.
pub fn refused(paths: &[PathBuf], stop: &Arc<AtomicBool>) -> Vec<Unreadable> {
    let reason = |path: &Path| match (path.as_os_str() == "-", Place::of(path)) {
        (true, _) => openable::refusal_of_standard_input().map(str::to_owned),
        (false, Some(Ok(place))) => bucket::refusal(&place, stop),
        (false, Some(Err(reason))) => Some(reason.to_owned()),
        (false, None) => match fs::metadata(path) {
            Ok(metadata) => openable::refusal(path, &metadata).map(str::to_owned),
            Err(error) => Some(format!("cannot be read: {error}; check the path and its permissions")),
        },
    };
    paths.iter().filter_map(|path| Some(Unreadable { name: called(path), reason: reason(path)? })).collect()
}

/// All files behind the paths. Where nothing tells when a file begins, it comes first. `with_sizes`: how large each is, which takes a
/// look at each. Of buckets, what the window has no part of is left out; `stop` ends the listing.
pub fn find(paths: &[PathBuf], window: &Window, with_sizes: bool, stop: &Arc<AtomicBool>) -> Found {
    let mut search = Search { with_sizes, ..Search::default() };
    for path in paths {
        match Place::of(path) {
            Some(Ok(place)) => search.add_bucket(path, bucket::find(&place, window, stop)),
            Some(Err(reason)) => search.complain(path, reason),
            None => search.add(path),
        }
    }
    let Search { mut files, unreadable, left_out, outside, .. } = search;
    let outside = (outside > 0).then(|| {
        format!("{} outside of --since and --until not read, besides those not even listed", counted(outside, "object"))
    });
    let left_out = left_out.in_words().into_iter().chain(outside).collect();
    files.sort_by(HistoryFile::cmp_name);
    files.iter_mut().enumerate().for_each(|(place, file)| file.place = place);
    files.sort_by_key(|file| file.begins);
    Found { files, unreadable, left_out }
}

#[derive(Default)]
struct Search {
    files: Vec<HistoryFile>,
    unreadable: Vec<Unreadable>,
    left_out: LeftOut,
    /// Objects that the window has no part of.
    outside: usize,
    with_sizes: bool,
}

impl Search {
    fn add(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            if self.files.iter().any(|file| matches!(file.source, Source::StandardInput)) {
                return self.complain(Path::new(STANDARD_INPUT), "it can be read once only");
            }
            return self.files.push(HistoryFile {
                source: Source::StandardInput,
                place: 0,
                begins: None,
                size: None,
                can_be_reread: false,
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
                let (folder, can_be_reread) = (Path::new("").into(), metadata.is_file());
                let size = can_be_reread.then_some(metadata.len());
                let file = HistoryFile::of(&folder, path.as_os_str(), size, can_be_reread);
                self.files.push(HistoryFile { is_named: true, ..file });
            }
            Err(error) => self.complain(path, &error.to_string()),
        }
    }

    fn add_bucket(&mut self, path: &Path, found: bucket::Found) {
        let bucket::Found { objects, left_out, outside, is_narrowed, complaints } = found;
        if objects.is_empty() && complaints.is_empty() && !is_narrowed {
            self.complain(path, "no object to read there");
        }
        complaints.into_iter().for_each(|complaint| self.complain(path, &complaint));
        self.files.extend(objects.into_iter().map(HistoryFile::of_bucket));
        self.left_out.append(left_out);
        self.outside += outside;
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
