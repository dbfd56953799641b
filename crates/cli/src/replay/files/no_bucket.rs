//! A build that reads no buckets: without the feature `s3`, nothing in it talks to AWS.

use std::cmp::Ordering;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;

use crate::replay::files::beside::LeftOut;
use crate::replay::files::s3_place::Place;
use crate::replay::window::Window;

/// There is none.
#[derive(Clone, Debug)]
pub enum Object {}

/// There is none either.
#[derive(Debug)]
pub struct FoundObject {
    pub object: Object,
    pub size: u64,
    pub begins: Option<Timestamp>,
    pub is_named: bool,
}

impl Object {
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        match *self {}
    }

    pub fn cmp_name(&self, _: &Self) -> Ordering {
        match *self {}
    }
}

impl fmt::Display for Object {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

pub fn refusal(_: &Place, _: &Arc<AtomicBool>) -> Option<String> {
    Some(
        "this build reads no buckets: take the program of a release, or build it with `--features s3`; or copy the files \
         with `aws s3 sync`"
            .to_owned(),
    )
}

/// What is found in a bucket: it was refused before.
#[derive(Debug, Default)]
pub struct Found {
    pub objects: Vec<FoundObject>,
    pub left_out: LeftOut,
    pub outside: usize,
    pub is_narrowed: bool,
    pub complaints: Vec<String>,
}

pub fn find(place: &Place, _: &Window, stop: &Arc<AtomicBool>) -> Found {
    Found { complaints: refusal(place, stop).into_iter().collect(), ..Found::default() }
}
