//! Batches of a Kinesis stream: each record by itself, whatever its neighbours are.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::{Value, json};
use triage_model::observation::{Observation, Origin};
use triage_model::problem::ProblemName;

use crate::testing::{base64, failures, gzip, record, setting};
use crate::trust::{Alias, TrailLogGroup, Trust};
use crate::{Batch, BatchItem, InputKind, Setting, decode, decode_while};

const STREAM: &str = "arn:aws:kinesis:us-east-1:111122223333:stream/made-up";
const OWN_ACCOUNT: &str = "111122223333";
const MEMBER: &str = "444455556666";

fn under(alias: Alias) -> Setting {
    let groups = ["own-trail", "444455556666:their-trail"].map(|name| TrailLogGroup::parse(name).unwrap());
    let trust = Trust {
        alias,
        account: Some(OWN_ACCOUNT.into()),
        trusted: vec![STREAM.into()],
        trail_log_groups: groups.into(),
        ..Trust::default()
    };
    Setting { trust, ..setting() }
}

fn line(id: &str) -> String {
    format!(
        "POST https://oidc.us-east-1.amazonaws.com/token: 500 InternalServerException user=u{id}@example.com request id {id}"
    )
}

fn document(owner: &str, group: &str, lines: &[String]) -> Value {
    let events: Vec<Value> = lines
        .iter()
        .enumerate()
        .map(|(number, message)| {
            json!({"id": format!("{number:056}"), "timestamp": 1_795_348_700_000_i64 + number as i64, "message": message})
        })
        .collect();
    json!({"messageType": "DATA_MESSAGE", "owner": owner, "logGroup": group, "logStream": "s",
        "subscriptionFilters": ["made-up"], "logEvents": events})
}

fn packed(document: &Value) -> String {
    base64(&gzip(document.to_string().as_bytes()))
}

fn good(id: &str) -> String {
    let mut document = document(MEMBER, "/app", &[line(id)]);
    document["logEvents"][0]["id"] = json!(id);
    packed(&document)
}

fn control() -> String {
    packed(&json!({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
        "subscriptionFilters": [], "logEvents": [{"id": "", "timestamp": 1_795_348_700_000_i64,
            "message": "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}]}))
}

/// As Lambda hands them over.
fn batch_of(arn: &str, data: &[String]) -> Value {
    let records: Vec<Value> = data
        .iter()
        .enumerate()
        .map(|(number, data)| {
            json!({
                "kinesis": {"kinesisSchemaVersion": "1.0", "partitionKey": "made-up", "data": data,
                    "sequenceNumber": sequence(number), "approximateArrivalTimestamp": 1_795_348_705.321},
                "eventSource": "aws:kinesis", "eventVersion": "1.0",
                "eventID": format!("shardId-000000000006:{}", sequence(number)), "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::111122223333:role/made-up", "awsRegion": "us-east-1",
                "eventSourceARN": arn,
            })
        })
        .collect();
    json!({"Records": records})
}

fn sequence(number: usize) -> String {
    format!("{:056}", 49_590_338_271_490_256_u64 + number as u64)
}

fn decoded(data: &[String]) -> Batch {
    decode(&batch_of(STREAM, data).to_string(), &under(Alias::Events))
}

fn ids(batch: &Batch) -> Vec<&str> {
    failures(&batch.observations).iter().map(|failure| failure.id.as_str()).collect()
}

#[test]
fn each_record_is_listed_with_its_failures_and_a_bad_one_does_not_affect_the_rest() {
    let data = [good("a1"), "no base64!".into(), base64(b"no gzip"), control(), good("a2"), packed(&json!({"a": 1}))];
    let batch = decoded(&data);
    assert_eq!((batch.kind, ids(&batch)), (InputKind::Kinesis, vec!["a1", "a2"]));
    let item = |number, observations| BatchItem { id: sequence(number), observations, is_unread: false };
    assert_eq!(batch.items, [item(0, 0..1), item(1, 1..1), item(2, 1..1), item(3, 1..1), item(4, 1..2), item(5, 2..2)]);
    let problems: Vec<_> = batch.problems.iter().map(|(name, count, _)| (name, count)).collect();
    assert_eq!(
        problems,
        [(ProblemName::Base64Invalid, 1), (ProblemName::BatchEmpty, 1), (ProblemName::GzipInvalid, 1)]
    );
}

/// A stream holds what anybody of the organization subscribes, so an owner other than ours is no trail of ours.
#[test]
fn a_document_is_trusted_by_its_stream_its_owner_and_its_log_group() {
    let served = || vec![record(json!({})).to_string()];
    let facts = |batch: &Batch| match batch.observations.as_slice() {
        [] => "nothing",
        [Observation::Success(success)] if success.answer_only => "answered",
        [Observation::Success(_)] => "served",
        [Observation::Failure(failure)] if failure.answer_only => "answered",
        [Observation::Failure(failure)] if failure.origin == Origin::Logs => "logs",
        [Observation::Failure(_)] => "cloudtrail",
        _ => "other",
    };
    let failed = || vec![record(json!({"errorCode": "InternalServerException"})).to_string()];
    let other = "arn:aws:kinesis:us-east-1:111122223333:stream/other";
    for (alias, arn, owner, group, lines, what) in [
        (Alias::Events, STREAM, OWN_ACCOUNT, "own-trail", served(), "served"),
        (Alias::Events, STREAM, MEMBER, "their-trail", served(), "served"),
        (Alias::Events, STREAM, MEMBER, "their-trail", failed(), "cloudtrail"),
        (Alias::Events, STREAM, MEMBER, "own-trail", served(), "nothing"),
        (Alias::Events, STREAM, MEMBER, "own-trail", failed(), "logs"),
        (Alias::Events, STREAM, OWN_ACCOUNT, "their-trail", served(), "nothing"),
        (Alias::Events, STREAM, "999988887777", "their-trail", served(), "nothing"),
        (Alias::Events, STREAM, MEMBER, "/app", served(), "nothing"),
        (Alias::Events, other, OWN_ACCOUNT, "own-trail", served(), "nothing"),
        (Alias::Events, other, OWN_ACCOUNT, "own-trail", failed(), "logs"),
        (Alias::Events, other, MEMBER, "/app", vec![line("1")], "logs"),
        (Alias::Direct, STREAM, OWN_ACCOUNT, "own-trail", failed(), "answered"),
        (Alias::Direct, other, OWN_ACCOUNT, "own-trail", failed(), "answered"),
    ] {
        let payload = batch_of(arn, &[packed(&document(owner, group, &lines))]).to_string();
        let batch = decode(&payload, &under(alias));
        assert_eq!(facts(&batch), what, "{alias:?} {arn} {owner} {group} {lines:?}");
    }
    // Nothing else is read out of a stream, whoever put it there.
    let envelope = json!({"detail-type": "Scheduled Event", "source": "aws.events", "account": OWN_ACCOUNT, "id": "t",
        "time": "2026-11-22T11:59:59Z", "detail": {}});
    let trail_file = json!({"Records": [record(json!({}))]});
    for inside in [envelope, trail_file, record(json!({}))] {
        for data in [packed(&inside), base64(inside.to_string().as_bytes())] {
            let batch = decoded(&[data]);
            assert_eq!((batch.observations.len(), batch.problems.is_empty()), (0, false), "{inside}");
        }
    }
}

/// Forty accounts may have a log group of one name: they are as many callers.
#[test]
fn log_groups_of_one_name_in_several_accounts_are_several_callers() {
    let anonymous = vec!["POST https://oidc.us-east-1.amazonaws.com/token: 500 InternalServerException".to_owned()];
    let batch =
        decoded(&[OWN_ACCOUNT, MEMBER, "777788889999"].map(|owner| packed(&document(owner, "/app", &anonymous))));
    let seen: Vec<_> = failures(&batch.observations)
        .iter()
        .map(|failure| (failure.account.unwrap().to_string(), failure.caller.clone()))
        .collect();
    let group = |name: &str| triage_model::caller::Caller::LogGroup(name.to_owned());
    assert_eq!(
        seen,
        [
            (OWN_ACCOUNT.to_owned(), group("/app")),
            (MEMBER.to_owned(), group("444455556666:/app")),
            ("777788889999".to_owned(), group("777788889999:/app"))
        ]
    );
}

#[test]
fn a_record_that_inflates_without_end_takes_nothing_from_its_neighbours() {
    let mut bomb = br#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"1","timestamp":1,"message":""#.to_vec();
    bomb.resize(80 * 1024 * 1024, b'a');
    let bomb = base64(&gzip(&bomb));
    let crowd: Vec<String> = (0..40_000).map(|number| line(&format!("c{number}"))).collect();
    let crowd = packed(&document(MEMBER, "/app", &crowd));
    let batch = decoded(&[bomb.clone(), good("a1"), bomb.clone(), crowd, good("a2"), bomb, good("a3")]);
    assert_eq!(batch.problems.count(ProblemName::GzipTooLarge), 3);
    let found = ids(&batch);
    assert!(["a1", "a2", "a3"].iter().all(|id| found.contains(id)));
}

#[test]
fn what_the_time_did_not_suffice_for_is_listed_as_unread() {
    let payload = batch_of(STREAM, &[good("a1"), good("a2"), good("a3"), good("a4")]).to_string();
    for looks in 0_usize..8 {
        let left = Cell::new(looks);
        let is_time_left = || left.replace(left.get().saturating_sub(1)) > 0;
        let batch = decode_while(&is_time_left, &payload, &under(Alias::Events));
        let unread: Vec<usize> = (0..4).filter(|number| batch.items[*number].is_unread).collect();
        assert_eq!(batch.items.len(), 4, "{looks}");
        assert_eq!(batch.kind, InputKind::Kinesis, "{looks}");
        // From the first one on all, and each of the others was read.
        let first = *unread.first().expect("the time does not suffice");
        assert_eq!(unread, (first..4).collect::<Vec<_>>(), "{looks}");
        let read = ids(&batch);
        assert!((1..=first).all(|number| read.contains(&format!("a{number}").as_str())), "{looks}: {read:?}");
        assert!(batch.problems.count(ProblemName::Deadline) > 0 || first == 3, "{looks}");
    }
    // Messages of a queue likewise: else they would be deleted.
    let sqs = json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m1", "body": "{}"},
        {"eventSource": "aws:sqs", "messageId": "m2", "body": "{}"}]});
    let batch = decode_while(&|| false, &sqs.to_string(), &under(Alias::Events));
    assert_eq!(batch.kind, InputKind::Sqs);
    assert_eq!(
        batch.items.iter().map(|item| (item.id.as_str(), item.is_unread)).collect::<Vec<_>>(),
        [("m1", true), ("m2", true)]
    );
}

#[derive(Clone, Debug)]
enum Piece {
    Good,
    Control,
    NoBase64,
    NoGzip,
    NoDocument,
    Cut,
    NoText,
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => Just(Piece::Good),
        1 => Just(Piece::Control),
        1 => Just(Piece::NoBase64),
        1 => Just(Piece::NoGzip),
        1 => Just(Piece::NoDocument),
        1 => Just(Piece::Cut),
        1 => Just(Piece::NoText),
    ]
}

proptest! {
    /// Whatever stands between them, each good record gives its one failure, and each record is listed in its place.
    #[test]
    fn any_interleaving_keeps_the_good_and_lists_all(pieces in prop::collection::vec(piece(), 0..24)) {
        let mut payload = batch_of(STREAM, &vec![String::new(); pieces.len()]);
        for (number, piece) in pieces.iter().enumerate() {
            payload["Records"][number]["kinesis"]["data"] = match piece {
                Piece::Good => json!(good(&format!("g{number}"))),
                Piece::Control => json!(control()),
                Piece::NoBase64 => json!("%%%"),
                Piece::NoGzip => json!(base64(b"{\"awslogs\":{}}")),
                Piece::NoDocument => json!(packed(&json!([1, 2]))),
                Piece::Cut => json!(good("cut")[..40]),
                Piece::NoText => json!({"a": 1}),
            };
        }
        let batch = decode(&payload.to_string(), &under(Alias::Events));
        let expected: Vec<String> = pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| matches!(piece, Piece::Good))
            .map(|(number, _)| format!("g{number}"))
            .collect();
        prop_assert_eq!(ids(&batch), expected.iter().map(String::as_str).collect::<Vec<_>>());
        let listed: Vec<String> = batch.items.iter().map(|item| item.id.clone()).collect();
        prop_assert_eq!(listed, (0..pieces.len()).map(sequence).collect::<Vec<_>>());
        for (item, piece) in batch.items.iter().zip(&pieces) {
            prop_assert_eq!(item.observations.len(), usize::from(matches!(piece, Piece::Good)));
            prop_assert!(!item.is_unread);
        }
        // Delivered again, the same failures have the same ids: they count once.
        let again = decode(&payload.to_string(), &under(Alias::Events));
        prop_assert_eq!(ids(&again), ids(&batch));
    }
}
