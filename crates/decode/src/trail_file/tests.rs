use proptest::prelude::*;
use serde_json::{Value, json};
use triage_model::problem::ProblemName;
use triage_model::region::KnownRegions;

use super::*;
use crate::testing::{QUEUE, TOPIC, failures, gzip, record, setting};
use crate::trust::{Alias, TrailBucket, Trust};
use crate::{InputKind, decode};

const BUCKET: &str = "made-up-trail";
const OWN: &str = "111122223333";
const TRUSTED: &str = "444455556666";

fn listening() -> Setting {
    let regions = ["eu-central-1", "us-east-1"].map(|name| KnownRegions::default().find(name).unwrap());
    let trail_bucket = TrailBucket { name: BUCKET.into(), prefix: "o-a1/".into(), regions: regions.into() };
    let trust = Trust {
        alias: Alias::Events,
        account: Some(OWN.into()),
        accounts: vec![TRUSTED.into()],
        trail_bucket: Some(trail_bucket),
        ..setting().trust
    };
    Setting { trust, ..setting() }
}

fn key(account: &str, region: &str) -> String {
    format!(
        "o-a1/AWSLogs/o-a1/{account}/CloudTrail/{region}/2026/11/22/{account}_CloudTrail_{region}_20261122T1155Z_aB3.json.gz"
    )
}

fn created(bucket: &str, key: &str) -> Value {
    json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventTime": "2026-11-22T11:58:00.000Z",
        "eventName": "ObjectCreated:Put", "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": "arn:aws:s3:::x"},
            "object": {"key": key.replace('/', "%2F"), "size": 7, "eTag": "x"}}})
}

fn in_queue(bodies: &[String]) -> String {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| {
            json!({"messageId": format!("m{number}"), "body": body, "eventSource": "aws:sqs", "eventSourceARN": QUEUE})
        })
        .collect();
    json!({"Records": records}).to_string()
}

fn in_topic(topic: &str, message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "n", "TopicArn": topic, "Message": message}).to_string()
}

#[test]
fn each_form_of_a_notification_names_the_same_object() {
    let key = key(TRUSTED, "us-east-1");
    let of_s3 = json!({"Records": [created(BUCKET, &key)]}).to_string();
    let of_cloudtrail = json!({"s3Bucket": BUCKET, "s3ObjectKey": [key]}).to_string();
    for body in [of_s3.clone(), in_topic(TOPIC, &of_s3), of_cloudtrail.clone(), in_topic(TOPIC, &of_cloudtrail)] {
        let batch = decode(&in_queue(std::slice::from_ref(&body)), &listening());
        let [object] = batch.objects.as_slice() else { panic!("{body}: {:?}", batch.objects) };
        let found = (object.key.as_str(), object.account.as_str(), object.region.as_str(), object.items.as_slice());
        assert_eq!(found, (key.as_str(), TRUSTED, "us-east-1", [0].as_slice()), "{body}");
        assert_eq!((batch.kind, batch.problems.is_empty()), (InputKind::Sqs, true), "{body}: {:?}", batch.problems);
    }
    // One object in three messages is read once, for all of them.
    let mut batch = decode(&in_queue(&[of_s3.clone(), of_cloudtrail, of_s3]), &listening());
    let objects = batch.take_objects();
    assert_eq!((objects.len(), &objects[0].items), (1, &vec![0, 1, 2]));
}

#[test]
fn what_set_up_sends_is_nothing_wrong() {
    let test =
        json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-22T11:58:00.000Z", "Bucket": BUCKET,
        "RequestId": "x", "HostId": "y"})
        .to_string();
    let validation = in_topic(TOPIC, "CloudTrail validation message.");
    let removed = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete"}]}).to_string();
    let bodies =
        [test.clone(), in_topic(TOPIC, &test), validation, "CloudTrail validation message.".to_owned(), removed];
    let batch = decode(&in_queue(&bodies), &listening());
    assert_eq!((batch.objects.len(), batch.items.len()), (0, 5));
    assert!(batch.problems.is_empty(), "{:?}", batch.problems);
}

#[test]
fn nothing_but_the_trails_files_of_trusted_accounts_and_watched_regions_is_wanted() {
    let wanted = |bucket: &str, key: &str| {
        let batch = decode(&in_queue(&[json!({"Records": [created(bucket, key)]}).to_string()]), &listening());
        (batch.objects.len(), batch.problems.count(ProblemName::SourceNotBelieved))
    };
    let good = key(OWN, "eu-central-1");
    assert_eq!(wanted(BUCKET, &good), (1, 0));
    // Other accounts, regions and kinds of files are always there.
    for other in [
        key("999988887777", "eu-central-1"),
        key(OWN, "ap-south-1"),
        good.replace("/CloudTrail/", "/CloudTrail-Digest/"),
        good.replace("/CloudTrail/", "/Config/"),
        good.replace("/CloudTrail/", "/../"),
        "readme.txt".to_owned(),
    ] {
        assert_eq!(wanted(BUCKET, &other), (0, 0), "{other}");
    }
    assert_eq!(wanted("another-bucket", &good), (0, 1));
    assert_eq!(wanted(BUCKET, &good.replace("o-a1/AWSLogs", "other/AWSLogs")), (0, 1));
}

#[test]
fn a_notification_counts_by_a_trusted_queue_alone() {
    let notification = json!({"Records": [created(BUCKET, &key(OWN, "eu-central-1"))]}).to_string();
    let message = in_queue(std::slice::from_ref(&notification));
    let direct = Setting { trust: Trust { alias: Alias::Direct, ..listening().trust }, ..listening() };
    let untrusted = Setting { trust: Trust { trusted: Vec::new(), ..listening().trust }, ..listening() };
    let unset = Setting { trust: Trust { trail_bucket: None, ..listening().trust }, ..listening() };
    let topic = in_queue(&[in_topic("arn:aws:sns:us-east-1:999988887777:theirs", &notification)]);
    for (payload, setting) in [
        (&notification, &listening()),
        (&message, &direct),
        (&message, &untrusted),
        (&message, &unset),
        (&topic, &listening()),
    ] {
        let batch = decode(payload, setting);
        assert_eq!((batch.objects.len(), batch.problems.count(ProblemName::SourceNotBelieved)), (0, 1), "{payload}");
    }
}

#[test]
fn where_our_account_is_unknown_only_files_of_the_listed_ones_are_read() {
    let unknown = Setting { trust: Trust { account: None, alias: Alias::None, ..listening().trust }, ..listening() };
    for (account, wanted) in [(TRUSTED, 1), (OWN, 0), ("999988887777", 0)] {
        let notification = json!({"Records": [created(BUCKET, &key(account, "eu-central-1"))]}).to_string();
        let message = in_queue(&[notification]);
        assert_eq!(decode(&message, &unknown).objects.len(), wanted, "{account}");
        // A sample event of a local run may be of any.
        let local = Setting { trust: Trust { accounts: Vec::new(), ..unknown.trust.clone() }, ..unknown.clone() };
        assert_eq!(decode(&message, &local).objects.len(), 1, "{account}");
    }
}

fn object() -> WantedObject {
    let (account, region) = (OWN.to_owned(), "eu-central-1".to_owned());
    WantedObject {
        key: key(OWN, "eu-central-1"),
        account,
        region,
        time: "20261122T1155Z".to_owned(),
        size: None,
        items: vec![],
    }
}

fn read_file(file: &[u8]) -> Batch {
    let mut batch = Batch::new(InputKind::Sqs);
    assert!(read(file, &object(), &listening(), &mut Allowance::whole(&|| true), &mut batch));
    batch
}

fn failed(more: Value) -> Value {
    let mut one =
        record(json!({"errorCode": "InternalServerException", "awsRegion": "eu-central-1", "recipientAccountId": OWN}));
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

fn file(records: &[Value]) -> Vec<u8> {
    gzip(json!({"Records": records}).to_string().as_bytes())
}

#[test]
fn a_record_that_contradicts_its_files_key_is_left_out() {
    let batch = read_file(&file(&[
        failed(json!({"requestID": "right"})),
        failed(json!({"requestID": "other-account", "recipientAccountId": "999988887777"})),
        failed(json!({"requestID": "other-region", "awsRegion": "us-east-1"})),
        failed(json!({"requestID": "no-text", "recipientAccountId": {}})),
        failed(json!({"requestID": "silent", "recipientAccountId": null, "awsRegion": null})),
        json!({"eventSource": "iam.amazonaws.com", "eventName": "CreateUser"}),
    ]));
    let found: Vec<_> = failures(&batch.observations)
        .iter()
        .map(|failure| (failure.id.clone(), failure.region.as_ref().unwrap().to_string()))
        .collect();
    assert_eq!(found, ["right", "silent"].map(|id| (id.to_owned(), "eu-central-1".to_owned())));
    assert_eq!(batch.problems.count(ProblemName::SourceNotBelieved), 3);
}

#[test]
fn a_file_that_is_none_is_a_problem_and_nothing_else() {
    let good = file(&[failed(json!({"requestID": "a"}))]);
    let mut bomb = br#"{"Records":[{"eventName":"CreateToken","x":""#.to_vec();
    bomb.resize(FILE_INFLATED_MAX + 1024, b'a');
    for (bytes, problem) in [
        (b"not gzip".to_vec(), ProblemName::GzipInvalid),
        (good[..good.len() - 9].to_vec(), ProblemName::GzipTruncated),
        (gzip(b"{\"Records\":[{}"), ProblemName::JsonInvalid),
        (gzip(b"{\"a\":[]}"), ProblemName::EventUnknown),
        (gzip(&bomb), ProblemName::GzipTooLarge),
    ] {
        let batch = read_file(&bytes);
        assert!(batch.problems.count(problem) == 1, "{problem}: {:?}", batch.problems);
    }
    assert!(read_file(&file(&[])).problems.is_empty());
}

#[test]
fn a_file_for_which_others_left_no_room_is_not_done() {
    let mut batch = Batch { observations_max: 2, ..Batch::new(InputKind::Sqs) };
    let three = file(&[failed(json!({})), failed(json!({})), failed(json!({}))]);
    let read_on = |batch: &mut Batch| read(&three, &object(), &listening(), &mut Allowance::whole(&|| true), batch);
    assert!(read_on(&mut batch), "alone it is read as far as it can be");
    assert!(!read_on(&mut batch), "after others it comes again");
    assert_eq!(batch.problems.count(ProblemName::PayloadCut), 2);
}

#[test]
fn a_file_for_which_the_time_does_not_suffice_is_not_done() {
    let mut batch = Batch::new(InputKind::Sqs);
    let file = file(&[failed(json!({}))]);
    assert!(!read(&file, &object(), &listening(), &mut Allowance::whole(&|| false), &mut batch));
    assert_eq!((batch.observations.len(), batch.problems.count(ProblemName::Deadline)), (0, 1));
}

proptest! {
    /// Whatever a key is made of, it comes through S3's spelling, and is wanted only where it is whole.
    #[test]
    fn a_key_is_wanted_or_not_however_it_is_spelt(
        account in "(111122223333|444455556666|999988887777|[0-9]{11})",
        region in "(eu-central-1|us-east-1|ap-south-1|nowhere)",
        prefix in "(o-a1/|o-a1|)",
        kind in "(CloudTrail|CloudTrail-Insight)",
        escapes_all in any::<bool>(),
    ) {
        let key = format!("{prefix}AWSLogs/{account}/{kind}/{region}/2026/11/22/{account}_{kind}_{region}_20261122T1155Z_aB3.json.gz");
        let spelt: String = key.bytes().map(|byte| match escapes_all {
            true => format!("%{byte:02x}"),
            false => char::from(byte).to_string(),
        }).collect();
        let mut notification = created(BUCKET, "");
        notification["s3"]["object"]["key"] = json!(spelt);
        let batch = decode(&in_queue(&[json!({"Records": [notification]}).to_string()]), &listening());
        let is_wanted = [OWN, TRUSTED].contains(&account.as_str()) && ["eu-central-1", "us-east-1"].contains(&region.as_str())
            && prefix == "o-a1/" && kind == "CloudTrail";
        let found: Vec<_> = batch.objects.iter().map(|object| object.key.as_str()).collect();
        prop_assert_eq!(found, if is_wanted { vec![key.as_str()] } else { vec![] });
    }
}
