use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde_json::{Value, json};
use triage_decode::{BatchItem, InputKind};

use super::*;
use crate::pipeline::Pipeline;
use crate::settings::Settings;

/// A bucket by its keys.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<&'static str, Result<Vec<u8>, ObjectError>>,
    asked: RefCell<Vec<String>>,
}

impl Objects for Bucket {
    async fn object(&self, key: &str, _: usize, _: Instant) -> Result<Vec<u8>, ObjectError> {
        self.asked.borrow_mut().push(key.to_owned());
        self.objects[key].clone()
    }
}

fn file(ids: &[&str]) -> Vec<u8> {
    let records: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({"eventSource": "sso.amazonaws.com", "eventName": "CreateToken", "requestID": id, "awsRegion": "us-east-1",
                "eventTime": "2026-11-22T11:59:00Z", "errorCode": "InternalServerException"})
        })
        .collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(json!({"Records": records}).to_string().as_bytes()).unwrap();
    gzip.finish().unwrap()
}

fn wanted(key: &str, size: Option<u64>, items: &[usize]) -> WantedObject {
    let (account, region) = ("111122223333".to_owned(), "us-east-1".to_owned());
    WantedObject {
        key: key.to_owned(),
        account,
        region,
        time: "20261122T1155Z".to_owned(),
        size,
        items: items.to_vec(),
    }
}

fn read_all(bucket: &Bucket, objects: Vec<WantedObject>, items: usize, within: Duration) -> Batch {
    let pipeline = Pipeline::offline(Settings::read(|_| None).unwrap());
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let item = |number: usize| BatchItem { id: format!("m{number}"), observations: 0..0, is_unread: false };
    let mut batch = Batch { objects, items: (0..items).map(item).collect(), ..Batch::new(InputKind::Sqs) };
    let setting = pipeline.setting(now, "");
    read(&mut batch, bucket, &setting, Instant::now() + within).now_or_never().expect("nothing waits");
    batch
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn one_broken_object_costs_its_own_message_and_no_other() {
    let bucket = Bucket {
        objects: BTreeMap::from([
            ("a", Ok(file(&["1", "2"]))),
            ("busy", Err(ObjectError::NotNow("S3 failed: SlowDown".to_owned()))),
            ("denied", Err(ObjectError::Refused("AccessDenied".to_owned(), "allow it"))),
            ("gone", Err(ObjectError::Missing)),
            ("b", Ok(file(&["3"]))),
        ]),
        ..Bucket::default()
    };
    let objects = vec![
        wanted("a", None, &[0, 5]),
        wanted("busy", None, &[1]),
        wanted("denied", None, &[2]),
        wanted("gone", None, &[3]),
        wanted("huge", Some(OBJECT_MAX as u64 + 1), &[3]),
        wanted("b", Some(OBJECT_MAX as u64), &[4]),
    ];
    let batch = read_all(&bucket, objects, 6, LONG);
    let unread: Vec<bool> = batch.items.iter().map(|item| item.is_unread).collect();
    assert_eq!(unread, [false, true, true, false, false, false]);
    let held: Vec<Range<usize>> = batch.items.iter().map(|item| item.observations.clone()).collect();
    assert_eq!((&held[0], &held[4], &held[5]), (&(0..2), &(2..3), &(0..2)));
    let problems: Vec<_> = batch.problems.iter().map(|(name, count, _)| (name, count)).collect();
    assert_eq!(
        problems,
        [(ProblemName::ObjectMissing, 1), (ProblemName::ObjectNotRead, 2), (ProblemName::ObjectTooLarge, 1)]
    );
    assert_eq!(*bucket.asked.borrow(), ["a", "busy", "denied", "gone", "b"], "what is too large is not asked for");
}

#[test]
fn beyond_what_one_batch_may_have_an_object_comes_again() {
    let bucket = Bucket { objects: BTreeMap::from([("a", Ok(file(&["1"])))]), ..Bucket::default() };
    let gone = |number: usize| WantedObject { key: format!("{number}"), ..wanted("", Some(u64::MAX), &[0]) };
    let objects = (1..OBJECTS_MAX).map(gone).chain([wanted("a", None, &[1]), gone(0)]);
    let objects = objects.chain([WantedObject { items: vec![2], ..gone(OBJECTS_MAX) }]).collect();
    let batch = read_all(&bucket, objects, 3, LONG);
    let unread: Vec<bool> = batch.items.iter().map(|item| item.is_unread).collect();
    assert_eq!((unread, bucket.asked.borrow().len()), (vec![true, false, true], 1));
}

#[test]
fn without_time_nothing_is_asked_for_and_all_of_it_comes_again() {
    let bucket = Bucket::default();
    let batch = read_all(&bucket, vec![wanted("a", None, &[0]), wanted("b", None, &[1])], 2, Duration::ZERO);
    assert!(batch.items.iter().all(|item| item.is_unread) && bucket.asked.borrow().is_empty());
    assert_eq!(batch.problems.count(ProblemName::ObjectNotRead), 2);
}

#[test]
fn a_message_of_several_objects_has_the_observations_of_all() {
    let bucket = Bucket {
        objects: BTreeMap::from([("a", Ok(file(&["1"]))), ("b", Ok(file(&["2", "3"])))]),
        ..Bucket::default()
    };
    let batch = read_all(&bucket, vec![wanted("a", None, &[0]), wanted("b", None, &[0])], 1, LONG);
    assert_eq!(batch.items[0].observations, 0..3);
}
