//! The objects of a bucket of S3, as files of a history.
//!
//! In: `s3://BUCKET/PREFIX`, and the window that was asked for. Out: the objects below it that look like events, without what lies
//! beside a trail's log files and what the window has no part of. A bucket may have keys by the hundred million: folders of other
//! services are not looked into, a trail's region is listed from the day on that is asked for, and keys are listed side by side.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;
use triage_aws::history::{Bucket, Listed, Question};

use crate::replay::files::beside::{Folder, LeftOut, TRAIL, is_named_beside, is_region};
use crate::replay::files::names::{is_read_out_of_a_folder, time_in, time_in_name};
use crate::replay::files::s3_place::Place;
use crate::replay::window::Window;

/// Requests at once: each mostly waits, and S3 takes thousands a second.
const ASKED_AT_ONCE: usize = 16;

/// Below the place that was named, so many levels are looked through one by one for a folder `AWSLogs`.
const LEVELS: usize = 2;

/// One object of a bucket.
#[derive(Clone)]
pub struct Object {
    /// Shared by all in it.
    within: Arc<Within>,
    /// The key from its last `/` on, without it.
    name: Box<str>,
    /// In bytes.
    size: u64,
}

struct Within {
    bucket: Arc<Bucket>,
    /// The key up to its last `/`, with it.
    folder: Box<str>,
}

/// An object, and what its name, or its beginning, tells.
#[derive(Debug)]
pub struct FoundObject {
    pub object: Object,
    pub size: u64,
    pub begins: Option<Timestamp>,
    pub is_named: bool,
}

impl Object {
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        let Within { bucket, folder } = &*self.within;
        let key = format!("{folder}{}", self.name);
        Ok(Box::new(bucket.open_object(Listed { key, size: self.size })?))
    }

    pub fn cmp_name(&self, other: &Self) -> std::cmp::Ordering {
        if Arc::ptr_eq(&self.within, &other.within) {
            return self.name.cmp(&other.name);
        }
        let key = |object: &Self| object.within.folder.bytes().chain(object.name.bytes()).collect::<Vec<u8>>();
        let bucket = |object: &Self| object.within.bucket.name().to_owned();
        bucket(self).cmp(&bucket(other)).then_with(|| key(self).cmp(&key(other)))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "s3://{}/{}{}", self.within.bucket.name(), self.within.folder, self.name)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Why nothing can be read there; None where something is.
pub fn refusal(place: &Place) -> Option<String> {
    let is_there = || {
        let mut is_there = false;
        let question = Question { prefix: place.prefix.clone(), most: Some(1), ..Question::default() };
        Bucket::open(&place.bucket)?.list(&question, &mut |page| {
            is_there = !page.objects.is_empty();
            false
        })?;
        if is_there { Ok(()) } else { Err("there is no object whose key begins with that".to_owned()) }
    };
    is_there().err()
}

/// What is found in a bucket.
#[derive(Debug, Default)]
pub struct Found {
    pub objects: Vec<FoundObject>,
    pub left_out: LeftOut,
    /// Objects that the window has no part of.
    pub outside: usize,
    /// What could not be listed, in sentences.
    pub complaints: Vec<String>,
}

pub fn find(place: &Place, window: &Window, stop: &AtomicBool) -> Found {
    let bucket = match Bucket::open(&place.bucket) {
        Ok(bucket) => Arc::new(bucket),
        Err(why) => return Found { complaints: vec![why], ..Found::default() },
    };
    let mut search = Search { bucket: &bucket, place, window, stop, found: Found::default() };
    let deep = search.look_through();
    let mut found = search.found;
    for more in side_by_side(&deep, |level| {
        let mut search = Search { bucket: &bucket, place, window, stop, found: Found::default() };
        search.list_deep(level);
        search.found
    }) {
        found.append(more);
    }
    date(&mut found.objects);
    found
}

/// A prefix, and where it is in a bucket.
#[derive(Debug)]
struct Level {
    prefix: String,
    folder: Folder,
    depth: usize,
}

impl Level {
    fn of(prefix: &str) -> Self {
        let folders = prefix.rsplit_once('/').map_or("", |(folders, _)| folders);
        let folder = folders.split('/').fold(Folder::Other, |folder, name| folder.below(OsStr::new(name)));
        Self { prefix: prefix.to_owned(), folder, depth: 0 }
    }

    fn below(&self, prefix: String) -> Self {
        let folder = self.folder.below(OsStr::new(last(&prefix)));
        Self { prefix, folder, depth: self.depth + 1 }
    }

    /// Whether it has folders of which some are not to be looked into.
    fn is_looked_through(&self) -> bool {
        let mut parts = self.prefix.trim_end_matches('/').rsplit('/');
        match self.folder {
            Folder::AwsLogs | Folder::Account => true,
            Folder::Other => match (parts.next(), parts.next()) {
                (Some(TRAIL), _) => true,
                _ => self.depth < LEVELS && !self.prefix.contains("/CloudTrail/"),
            },
        }
    }

    /// Whether its keys go on with `2026/11/25/`.
    fn is_region_of_a_trail(&self) -> bool {
        let mut parts = self.prefix.strip_suffix('/').unwrap_or_default().rsplit('/');
        parts.next().is_some_and(is_region) && parts.next() == Some(TRAIL)
    }
}

/// The last part of `a/b/`.
fn last(prefix: &str) -> &str {
    let prefix = prefix.trim_end_matches('/');
    prefix.rsplit_once('/').map_or(prefix, |(_, last)| last)
}

struct Search<'a> {
    bucket: &'a Arc<Bucket>,
    place: &'a Place,
    window: &'a Window,
    stop: &'a AtomicBool,
    found: Found,
}

impl Search<'_> {
    /// Level by level, as far as there is something to be left out. Returns what is to be listed as a whole.
    fn look_through(&mut self) -> Vec<Level> {
        let mut levels = vec![Level::of(&self.place.prefix)];
        let mut deep = Vec::new();
        while let Some(level) = levels.pop() {
            if !level.is_looked_through() {
                deep.push(level);
                continue;
            }
            let mut below = Vec::new();
            let question = Question { prefix: level.prefix.clone(), is_flat: true, ..Question::default() };
            self.list(&question, |search, objects, folders| {
                objects.into_iter().for_each(|object| search.add(object, &level));
                below.extend(folders);
                true
            });
            let is_trail = last(&level.prefix) == TRAIL;
            for prefix in below {
                let name = last(&prefix);
                if level.folder.has_beside(OsStr::new(name)) {
                    self.found.left_out.folder(Path::new(&prefix));
                    continue;
                }
                let is_elsewhere = is_trail && is_region(name) && !self.window.has_region_named(name);
                if !is_elsewhere && !name.starts_with('.') {
                    levels.push(level.below(prefix));
                }
            }
        }
        deep
    }

    /// All below a prefix. A region's keys are in the order of their days.
    fn list_deep(&mut self, level: &Level) {
        let is_by_day = level.is_region_of_a_trail();
        let from = self.window.since().filter(|_| is_by_day);
        let after = from.map(|since| format!("{}{}", level.prefix, since.strftime("%Y/%m/%d")));
        let question = Question { prefix: level.prefix.clone(), after, ..Question::default() };
        self.list(&question, |search, objects, _| {
            let is_past = |object: &Listed| {
                time_in_name(OsStr::new(last(&object.key))).is_some_and(|at| search.window.is_before(at))
            };
            let is_over = is_by_day && objects.last().is_some_and(is_past);
            objects.into_iter().for_each(|object| search.add(object, level));
            !is_over
        });
    }

    fn list(&mut self, question: &Question, mut take: impl FnMut(&mut Self, Vec<Listed>, Vec<String>) -> bool) {
        let (bucket, stop) = (Arc::clone(self.bucket), self.stop);
        let listed =
            bucket.list(question, &mut |page| take(self, page.objects, page.folders) && !stop.load(Ordering::Relaxed));
        if let Err(why) = listed {
            self.found.complaints.push(format!("s3://{}/{}: {why}", bucket.name(), question.prefix));
        }
    }

    fn add(&mut self, Listed { key, size }: Listed, level: &Level) {
        let (folders, name) = key.rsplit_once('/').map_or(("", key.as_str()), |(folders, name)| (folders, name));
        let is_named = key == self.place.prefix;
        if !is_named {
            let below = folders.get(level.prefix.len()..).unwrap_or_default();
            let mut folder = level.folder;
            for part in below.split('/').filter(|part| !part.is_empty()) {
                if part.starts_with('.') {
                    return;
                }
                if folder.has_beside(OsStr::new(part)) {
                    return self.found.left_out.file(Path::new(&key));
                }
                folder = folder.below(OsStr::new(part));
            }
            if !is_read_out_of_a_folder(Path::new(name)) {
                return;
            }
            if is_named_beside(OsStr::new(name)) {
                return self.found.left_out.file(Path::new(&key));
            }
        }
        let begins = time_in_name(OsStr::new(name));
        if !is_named && begins.is_some_and(|at| !self.window.may_have(at)) {
            self.found.outside += 1;
            return;
        }
        let folder = &key[..key.len() - name.len()];
        let before = self.found.objects.last().map(|found| &found.object.within);
        let shared = before.filter(|before| &*before.folder == folder).map(Arc::clone);
        let within =
            shared.unwrap_or_else(|| Arc::new(Within { bucket: Arc::clone(self.bucket), folder: folder.into() }));
        let object = Object { within, name: name.into(), size };
        self.found.objects.push(FoundObject { object, size, begins, is_named });
    }
}

impl Found {
    fn append(&mut self, mut more: Self) {
        self.objects.append(&mut more.objects);
        self.left_out.append(more.left_out);
        self.outside += more.outside;
        self.complaints.append(&mut more.complaints);
    }
}

/// When those begin whose names do not tell.
fn date(found: &mut [FoundObject]) {
    let mut undated: Vec<&mut FoundObject> = found.iter_mut().filter(|found| found.begins.is_none()).collect();
    // What cannot be read now is named when it is to be read.
    let times = side_by_side(&undated, |found| time_in(found.object.open().ok()?).ok().flatten());
    undated.iter_mut().zip(times).for_each(|(found, begins)| found.begins = begins);
}

/// Does the same with each, several at once. Returns what came of each, in their order.
fn side_by_side<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(all.len())));
    thread::scope(|scope| {
        for _ in 0..ASKED_AT_ONCE.min(all.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(number) else { return };
                    let result = work(one);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_levels_with_something_to_leave_out_are_looked_through() {
        for (prefix, is_looked_through) in [
            ("", true),
            ("o-a1b2c3d4e5/", true),
            ("AWSLogs", true),
            ("AWSLogs/", true),
            ("AWSLogs/o-a1b2c3d4e5/", true),
            ("AWSLogs/o-a1b2c3d4e5/111122223333/", true),
            ("AWSLogs/111122223333/CloudTrail/", true),
            ("AWSLogs/111122223333/CloudTrail/us-east-1/", false),
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/", false),
        ] {
            assert_eq!(Level::of(prefix).is_looked_through(), is_looked_through, "{prefix}");
        }
        let athena = Level::of("results/");
        let day = athena.below("results/2026/".to_owned());
        assert!(day.is_looked_through() && !day.below("results/2026/11/".to_owned()).is_looked_through());
    }

    #[test]
    fn a_trails_region_is_told_by_its_folders() {
        for (prefix, is_region) in [
            ("AWSLogs/111122223333/CloudTrail/us-east-1/", true),
            ("AWSLogs/111122223333/CloudTrail/us-gov-west-1/", true),
            ("AWSLogs/111122223333/CloudTrail/us-east-1", false),
            ("AWSLogs/111122223333/Config/us-east-1/", false),
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/", false),
            ("", false),
        ] {
            assert_eq!(Level::of(prefix).is_region_of_a_trail(), is_region, "{prefix}");
        }
    }

    #[test]
    fn what_is_done_side_by_side_comes_in_order() {
        let numbers: Vec<usize> = (0..1000).collect();
        assert_eq!(side_by_side(&numbers, |number| number * 2), (0..1000).map(|number| number * 2).collect::<Vec<_>>());
        assert_eq!(side_by_side(&[] as &[usize], |number| *number), [] as [usize; 0]);
    }
}
