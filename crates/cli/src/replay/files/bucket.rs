//! The objects of a bucket of S3, as files of a history.
//!
//! In: `s3://BUCKET/PREFIX`, and the window that was asked for. Out: the objects below it that look like events, without what lies
//! beside a trail's log files and what the window has no part of. A bucket may have keys by the hundred million: folders of other
//! services are not looked into, a trail's region is listed from the day on that is asked for, and keys are listed side by side.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;
use triage_aws::history::{Bucket, Listed, Question};
use triage_model::account::is_account;

use crate::replay::files::beside::{Folder, LeftOut, TRAIL, is_named_beside, is_region};
use crate::replay::files::names::{HEAD, is_read_out_of_a_folder, time_in, time_in_name};
use crate::replay::files::s3_place::Place;
use crate::replay::window::Window;

/// Requests at once: each mostly waits, and S3 takes thousands a second.
const ASKED_AT_ONCE: usize = 16;

/// Below the place that was named, so many levels are looked through for a folder `AWSLogs`.
const LEVELS: usize = 2;

/// A level with more folders than that, and none of AWS's, is listed as a whole: a page has a thousand keys, and a folder costs one.
const FOLDERS_MAX: usize = 100;

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
    /// The user has had enough.
    stop: Arc<AtomicBool>,
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
        self.open_at_most(None)
    }

    /// The same, of which no more than so many bytes are wanted.
    fn open_at_most(&self, most: Option<u64>) -> io::Result<Box<dyn Read>> {
        let Within { bucket, folder, stop } = &*self.within;
        let key = format!("{folder}{}", self.name);
        Ok(Box::new(bucket.open_object(Listed { key, size: self.size }, most, stop)?))
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

/// The buckets that were opened, by name: a sign-in may ask a person for a code, so there is one for each.
static OPENED: Mutex<BTreeMap<String, Arc<Bucket>>> = Mutex::new(BTreeMap::new());

fn open(name: &str) -> Result<Arc<Bucket>, String> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bucket) = opened.get(name) {
        return Ok(Arc::clone(bucket));
    }
    let bucket = Arc::new(Bucket::open(name)?);
    opened.insert(name.to_owned(), Arc::clone(&bucket));
    Ok(bucket)
}

/// Why nothing can be read there; None where something is.
pub fn refusal(place: &Place, stop: &Arc<AtomicBool>) -> Option<String> {
    let is_there = || match first(&*open(&place.bucket)?, place, stop)? {
        Some(_) => Ok(()),
        None => Err("there is no object whose key begins with that".to_owned()),
    };
    is_there().err()
}

/// The first object there.
fn first(bucket: &Bucket, place: &Place, stop: &AtomicBool) -> Result<Option<Listed>, String> {
    let mut first = None;
    let question = Question { prefix: place.prefix.clone(), most: Some(1), ..Question::default() };
    bucket.list(&question, stop, &mut |page| {
        first = page.objects.into_iter().next();
        false
    })?;
    Ok(first)
}

/// What is found in a bucket.
#[derive(Debug, Default)]
pub struct Found {
    pub objects: Vec<FoundObject>,
    pub left_out: LeftOut,
    /// Objects that the window has no part of.
    pub outside: usize,
    /// Something was left out because of the window, seen or not.
    pub is_narrowed: bool,
    /// What could not be listed, in sentences.
    pub complaints: Vec<String>,
}

pub fn find(place: &Place, window: &Window, stop: &Arc<AtomicBool>) -> Found {
    let refused = |why| Found { complaints: vec![why], ..Found::default() };
    let bucket = match open(&place.bucket) {
        Ok(bucket) => bucket,
        Err(why) => return refused(why),
    };
    let search = Search { bucket: &bucket, place, window, stop };
    let mut found = match first(&bucket, place, stop) {
        // Of all keys that begin like that, the one that is no longer comes first: it was named.
        Ok(Some(object)) if object.key == place.prefix && !object.key.ends_with('/') => {
            let mut found = Found::default();
            search.add(object, &Level::of(&place.prefix), &mut found);
            found
        }
        Ok(_) => search.all(),
        Err(why) => return refused(why),
    };
    date(&mut found.objects, stop);
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
        let folder =
            folders(prefix).split_terminator('/').fold(Folder::Other, |folder, name| folder.below(OsStr::new(name)));
        Self { prefix: prefix.to_owned(), folder, depth: 0 }
    }

    fn below(&self, prefix: String) -> Self {
        let folder = self.folder.below(OsStr::new(last(&prefix)));
        Self { prefix, folder, depth: self.depth + 1 }
    }

    /// Whether it has folders of which some are not to be looked into.
    fn is_looked_through(&self) -> bool {
        match self.folder {
            Folder::AwsLogs | Folder::Account => true,
            Folder::Other => self.is_trail() || self.depth < LEVELS && !self.prefix.contains("/CloudTrail/"),
        }
    }

    fn is_trail(&self) -> bool {
        last(&self.prefix) == TRAIL
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

/// The time in the name of a trail's file, and of nothing else: by it, what is not asked for is left out.
fn time_of_trail(name: &OsStr) -> Option<Timestamp> {
    let mut parts = name.to_str()?.split('_');
    let (account, kind) = (parts.next()?, parts.next()?);
    (is_account(account) && kind == "CloudTrail").then(|| time_in_name(name))?
}

/// `a/b/` of `a/b/c`.
fn folders(key: &str) -> &str {
    key.rfind('/').map_or("", |end| &key[..=end])
}

struct Search<'a> {
    bucket: &'a Arc<Bucket>,
    place: &'a Place,
    window: &'a Window,
    stop: &'a Arc<AtomicBool>,
}

/// What a level has.
#[derive(Debug, Default)]
struct Looked {
    found: Found,
    below: Vec<Level>,
    /// It is to be listed as a whole, and what was found of it is not to be used.
    is_wide: bool,
}

impl Search<'_> {
    fn all(&self) -> Found {
        let (mut found, mut whole) = (Found::default(), Vec::new());
        let mut levels = vec![Level::of(&self.place.prefix)];
        // One depth after the other, as far as there is something to be left out.
        while !levels.is_empty() {
            let (looked_through, others): (Vec<_>, Vec<_>) = levels.into_iter().partition(Level::is_looked_through);
            whole.extend(others);
            let looked = side_by_side(&looked_through, self.stop, |level| self.look_through(level));
            levels = Vec::new();
            for (level, mut looked) in looked_through.into_iter().zip(looked) {
                if looked.is_wide {
                    whole.push(level);
                } else {
                    levels.append(&mut looked.below);
                    found.append(looked.found);
                }
            }
        }
        side_by_side(&whole, self.stop, |level| self.list_whole(level)).into_iter().for_each(|more| found.append(more));
        found
    }

    /// What lies in a level itself, and the levels below.
    fn look_through(&self, level: &Level) -> Looked {
        let mut looked = Looked::default();
        let question = Question { prefix: level.prefix.clone(), is_flat: true, ..Question::default() };
        let mut below = Vec::new();
        let listed = self.bucket.list(&question, self.stop, &mut |page| {
            page.objects.into_iter().for_each(|object| self.add(object, level, &mut looked.found));
            below.extend(page.folders);
            let is_of_aws = || below.iter().any(|prefix| matches!(last(prefix), "AWSLogs" | TRAIL));
            looked.is_wide = level.folder == Folder::Other && below.len() > FOLDERS_MAX && !is_of_aws();
            !looked.is_wide
        });
        self.note(listed, &level.prefix, &mut looked.found);
        for prefix in below {
            let name = last(&prefix);
            // Whoever names it wants it.
            let is_named = prefix.strip_suffix('/') == Some(self.place.prefix.as_str());
            if level.folder.has_beside(OsStr::new(name)) && !is_named {
                looked.found.left_out.folder(Path::new(&prefix));
            } else if level.is_trail() && is_region(name) && !self.window.has_region_named(name) {
                looked.found.is_narrowed = true;
            } else if !name.starts_with('.') {
                looked.below.push(level.below(prefix));
            }
        }
        looked
    }

    /// All below a prefix. A region's keys are in the order of their days.
    fn list_whole(&self, level: &Level) -> Found {
        let mut found = Found::default();
        let is_by_day = level.is_region_of_a_trail();
        let from = self.window.named_since().filter(|_| is_by_day);
        let after = from.map(|since| format!("{}{}", level.prefix, since.strftime("%Y/%m/%d")));
        found.is_narrowed = after.is_some();
        let question = Question { prefix: level.prefix.clone(), after, ..Question::default() };
        let listed = self.bucket.list(&question, self.stop, &mut |page| {
            let name = |object: &Listed| time_of_trail(OsStr::new(last(&object.key)));
            let is_over = is_by_day && page.objects.last().and_then(name).is_some_and(|at| self.window.is_before(at));
            page.objects.into_iter().for_each(|object| self.add(object, level, &mut found));
            !is_over
        });
        self.note(listed, &level.prefix, &mut found);
        found
    }

    fn note(&self, listed: Result<(), String>, prefix: &str, found: &mut Found) {
        let Err(why) = listed else { return };
        let is_all = prefix == self.place.prefix;
        found.complaints.push(if is_all { why } else { format!("s3://{}/{prefix}: {why}", self.bucket.name()) });
    }

    fn add(&self, Listed { key, size }: Listed, level: &Level, found: &mut Found) {
        let within = folders(&key);
        let name = &key[within.len()..];
        let is_named = key == self.place.prefix;
        // A console makes empty objects for folders.
        if name.is_empty() {
            return;
        }
        if !is_named {
            let mut folder = level.folder;
            let below = within.get(folders(&level.prefix).len()..).unwrap_or_default();
            for part in below.split_terminator('/') {
                if part.starts_with('.') {
                    return;
                }
                if folder.has_beside(OsStr::new(part)) {
                    return found.left_out.file(Path::new(&key));
                }
                folder = folder.below(OsStr::new(part));
            }
            if !is_read_out_of_a_folder(Path::new(name)) {
                return;
            }
            if is_named_beside(OsStr::new(name)) {
                return found.left_out.file(Path::new(&key));
            }
            if time_of_trail(OsStr::new(name)).is_some_and(|at| !self.window.may_have(at)) {
                found.outside += 1;
                found.is_narrowed = true;
                return;
            }
        }
        let before = found.objects.last().map(|found| &found.object.within);
        let shared = before.filter(|before| &*before.folder == within).map(Arc::clone);
        let made = || {
            let (bucket, stop) = (Arc::clone(self.bucket), Arc::clone(self.stop));
            Arc::new(Within { bucket, folder: within.into(), stop })
        };
        let object = Object { within: shared.unwrap_or_else(made), name: name.into(), size };
        found.objects.push(FoundObject { object, size, begins: time_in_name(OsStr::new(name)), is_named });
    }
}

impl Found {
    fn append(&mut self, mut more: Self) {
        self.objects.append(&mut more.objects);
        self.left_out.append(more.left_out);
        self.outside += more.outside;
        self.is_narrowed |= more.is_narrowed;
        self.complaints.append(&mut more.complaints);
    }
}

/// When those begin whose names do not tell.
fn date(found: &mut [FoundObject], stop: &AtomicBool) {
    let mut undated: Vec<&mut FoundObject> = found.iter_mut().filter(|found| found.begins.is_none()).collect();
    // What cannot be read now is named when it is to be read.
    let times =
        side_by_side(&undated, stop, |found| time_in(found.object.open_at_most(Some(HEAD)).ok()?).ok().flatten());
    undated.iter_mut().zip(times).for_each(|(found, begins)| found.begins = begins);
}

/// Does the same with each, several at once, until `stop` is set. Returns what came of each, in their order.
fn side_by_side<T: Sync, R: Default + Send>(all: &[T], stop: &AtomicBool, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(all.len())));
    thread::scope(|scope| {
        for _ in 0..ASKED_AT_ONCE.min(all.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(number) else { return };
                    let result = if stop.load(Ordering::Relaxed) { R::default() } else { work(one) };
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
        let (go_on, stop) = (AtomicBool::new(false), AtomicBool::new(true));
        let twice: Vec<usize> = (0..1000).map(|number| number * 2).collect();
        assert_eq!(side_by_side(&numbers, &go_on, |number| number * 2), twice);
        assert_eq!(side_by_side(&numbers, &stop, |number| number * 2), [0; 1000]);
        assert_eq!(side_by_side(&[] as &[usize], &go_on, |number| *number), [] as [usize; 0]);
    }
}
