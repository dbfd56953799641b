use proptest::prelude::*;
use serde_json::{Value, json};
use triage_model::observation::Observation;
use triage_model::problem::ProblemName;

use super::trust::Alias;
use super::*;
use crate::testing::{QUEUE, TOPIC, envelope, failures, record, setting, subscription};

fn decoded(value: &Value) -> Batch {
    decode(&value.to_string(), &setting())
}

fn failed(id: &str) -> Value {
    record(json!({"errorCode": "InternalServerException", "requestID": id}))
}

fn ids(batch: &Batch) -> Vec<&str> {
    failures(&batch.observations).iter().map(|failure| failure.id.as_str()).collect()
}

fn sqs(bodies: &[&str]) -> Value {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| json!({"messageId": format!("m{n}"), "eventSource": "aws:sqs", "eventSourceARN": QUEUE, "body": body}))
        .collect();
    json!({ "Records": records })
}

fn notification(message: &Value) -> Value {
    json!({"Type": "Notification", "MessageId": "n1", "TopicArn": TOPIC, "Message": message.to_string()})
}

/// An event as `aws cloudtrail lookup-events` prints it.
fn looked_up(record: &Value) -> Value {
    json!({"EventId": "e", "EventName": "CreateToken", "ReadOnly": "false", "EventTime": "2026-11-22T12:58:00+01:00",
        "EventSource": "sso.amazonaws.com", "Resources": [], "CloudTrailEvent": record.to_string()})
}

#[test]
fn lookup_output_is_read_as_a_page_as_events_and_as_pages_in_a_row() {
    let page = |ids: &[&str]| {
        let events: Vec<Value> = ids.iter().map(|id| looked_up(&failed(id))).collect();
        json!({"Events": events, "NextToken": "t"})
    };
    let served = looked_up(&record(json!({"requestID": "s"})));
    let batch = decoded(
        &json!({"Events": [looked_up(&failed("1")), served, looked_up(&record(json!({"eventName": "ListAccounts"})))]}),
    );
    assert_eq!((batch.kind, ids(&batch), batch.observations.len()), (InputKind::LookupEvents, vec!["1"], 2));
    assert!(batch.problems.is_empty(), "{:?}", batch.problems);

    let unpacked = json!({"EventId": "e", "CloudTrailEvent": failed("4")});
    let lines = format!("{}\n{}\n", looked_up(&failed("5")), looked_up(&failed("6")));
    let pages = format!("{:#}\n{:#}", page(&["7", "8"]), page(&["9"]));
    for (payload, expected) in [
        (page(&["1", "2"]), vec!["1", "2"]),
        (looked_up(&failed("3")), vec!["3"]),
        (unpacked, vec!["4"]),
        (json!([looked_up(&failed("1")), page(&["2"])]), vec!["1", "2"]),
        // `--query Events[].CloudTrailEvent`
        (json!([failed("1").to_string(), failed("2").to_string()]), vec!["1", "2"]),
        (lines.into(), vec!["5", "6"]),
        (pages.into(), vec!["7", "8", "9"]),
    ] {
        let batch = decoded(&payload);
        assert_eq!(ids(&batch), expected, "{payload}");
        assert!(batch.problems.is_empty(), "{:?}", batch.problems);
    }
}

#[test]
fn a_bad_looked_up_event_does_not_affect_the_rest() {
    let batch = decoded(
        &json!({"Events": [7, {"EventId": "e"}, {"CloudTrailEvent": 7}, {"CloudTrailEvent": "{"}, looked_up(&failed("1"))]}),
    );
    assert_eq!((batch.kind, ids(&batch)), (InputKind::LookupEvents, vec!["1"]));
    let names: Vec<_> = batch.problems.iter().map(|(name, count, _)| (name, count)).collect();
    assert_eq!(
        names,
        [(ProblemName::EventUnknown, 2), (ProblemName::FieldWrongType, 1), (ProblemName::JsonInvalid, 1)]
    );
    assert_eq!(decoded(&json!({"Events": {}})).problems.count(ProblemName::FieldWrongType), 1);
    assert_eq!(decoded(&json!({"Events": []})).problems.count(ProblemName::BatchEmpty), 1);
}

#[test]
fn the_keys_decide_the_kind() {
    let call = json!({"operation": "CreateToken", "error": {"status": 500}});
    let table = [
        (envelope(&failed("1")), InputKind::CloudTrail),
        (failed("1"), InputKind::CloudTrail),
        (
            json!({"Records": [failed("1"), record(json!({"eventSource": "s3.amazonaws.com"}))]}),
            InputKind::CloudTrailFile,
        ),
        (json!([envelope(&failed("1")), json!({"Records": [record(json!({"eventName": "x"}))]})]), InputKind::List),
        (sqs(&[&envelope(&failed("1")).to_string()]), InputKind::Sqs),
        (
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"TopicArn": TOPIC, "Message": failed("1").to_string()}}]}),
            InputKind::Sns,
        ),
        (notification(&envelope(&failed("1"))), InputKind::Sns),
        (call.clone(), InputKind::CallDirect),
        (json!({"detail-type": "SSO OIDC Call Failed", "source": "x", "detail": call}), InputKind::CallEnvelope),
    ];
    for (event, kind) in table {
        let batch = decoded(&event);
        assert_eq!(batch.kind, kind, "{event}");
        assert_eq!((batch.observations.len(), batch.problems.is_empty()), (1, true), "{event} {:?}", batch.problems);
    }
}

#[test]
fn an_operator_s_request_is_taken_only_as_the_whole_of_a_direct_invocation() {
    let asked = json!({"testNotice": "outage"});
    let by = |alias, payload: &Value| {
        let mut setting = setting();
        setting.trust.alias = alias;
        decode(&payload.to_string(), &setting)
    };
    for alias in [Alias::Direct, Alias::None] {
        let batch = by(alias, &asked);
        assert_eq!(batch.kind, InputKind::OperatorRequest);
        assert_eq!(batch.request, Some(OperatorRequest::TestNotice("outage".to_owned())));
        assert!(batch.problems.is_empty() && batch.observations.is_empty(), "{:?}", batch.problems);
    }
    assert_eq!(by(Alias::Direct, &json!({"doctor": true})).request, Some(OperatorRequest::Doctor));
    let text = Value::from(asked.to_string());
    let wrapped = [json!([asked.clone()]), text, sqs(&[&asked.to_string()]), notification(&asked)];
    for (alias, payload) in wrapped
        .iter()
        .map(|payload| (Alias::Direct, payload))
        .chain([(Alias::Events, &asked), (Alias::None, &json!({"testNotice": ["outage"]}))])
    {
        let batch = by(alias, payload);
        assert_eq!((batch.request, batch.observations.len()), (None, 0), "{payload}");
        assert_eq!(batch.problems.count(ProblemName::OperatorRequestInvalid), 1, "{payload} {:?}", batch.problems);
    }
}

#[test]
fn the_wrapper_of_an_event_has_its_delivery_time() {
    let late = |number: i64| {
        let mut late = envelope(&failed(&number.to_string()));
        late["time"] = json!(format!("2026-11-22T12:0{number}:00Z"));
        late
    };
    let log = |events: Value| {
        let document = json!({"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": events}).to_string();
        serde_json::from_str::<Value>(&subscription(&crate::testing::gzip(document.as_bytes()))).unwrap()
    };
    // 22 November 2026, 12:00 plus so many minutes.
    let event = |minute: i64, message: &Value| json!({"id": format!("e{minute}"), "timestamp": 1_795_348_800_000 + 60_000 * minute, "message": message.to_string()});
    let text = json!("user=a An error occurred (InternalServerException) when calling the CreateToken operation: None");
    let mut taken_late = event(6, &failed("1"));
    taken_late["ingestionTime"] = json!(1_795_348_800_000_i64 + 60_000 * 8);
    let mut timeless = late(1);
    timeless["time"] = json!("yesterday");
    for (input, minutes) in [
        (late(3), vec![Some(3)]),
        (sqs(&[&late(3).to_string(), &failed("2").to_string(), &late(4).to_string()]), vec![Some(3), None, Some(4)]),
        (json!([failed("1"), notification(&late(5))]), vec![None, Some(5)]),
        (json!({"Records": [failed("1")]}), vec![None]),
        (timeless, vec![None]),
        (log(json!([event(6, &failed("1")), event(7, &text)])), vec![Some(6), Some(7)]),
        (log(json!([taken_late])), vec![Some(8)]),
        // The envelope reached the log after EventBridge received it.
        (log(json!([event(6, &late(3))])), vec![Some(6)]),
        (log(json!([{"id": "e", "message": late(3).to_string()}])), vec![Some(3)]),
    ] {
        let batch = decoded(&input);
        let minute = |at: &Option<jiff::Timestamp>| at.map(|at| at.duration_since(setting().now).as_mins());
        let mut delivered: Vec<Option<i64>> = batch.arrivals.iter().map(minute).collect();
        delivered.resize(batch.observations.len(), None);
        assert_eq!(delivered, minutes, "{input}");
    }
}

#[test]
fn a_tick_has_the_time_of_its_schedule() {
    for source in ["aws.events", "aws.scheduler"] {
        let event = json!({"source": source, "detail-type": "Scheduled Event", "time": "2026-11-22T11:59:00Z"});
        let batch = decoded(&event);
        let occurred_at = "2026-11-22T11:59:00Z".parse().unwrap();
        assert_eq!(
            (batch.kind, &batch.observations[..]),
            (InputKind::Schedule, &[Observation::Tick(triage_model::observation::Tick { occurred_at })][..])
        );
    }
    let batch = decoded(&json!({"source": "aws.events", "detail-type": "Scheduled Event"}));
    assert_eq!(batch.observations[0].occurred_at(), setting().now);
    assert_eq!(batch.problems.count(ProblemName::TimeInvalid), 1);
    assert_eq!(decoded(&json!({"source": "my.app", "detail-type": "Scheduled Event"})).kind, InputKind::Foreign);
}

#[test]
fn envelopes_of_other_things_are_ignored() {
    for detail_type in ["EC2 Instance State-change Notification", "AWS Console Sign In via CloudTrail", ""] {
        let batch = decoded(&json!({"detail-type": detail_type, "source": "aws.ec2", "detail": {"a": 1}}));
        assert_eq!((batch.kind, batch.observations.len(), batch.problems.is_empty()), (InputKind::Foreign, 0, true));
    }
}

#[test]
fn an_unknown_event_is_reported_by_its_keys_without_values() {
    let batch = decoded(&json!({"a": "s3cr3t", "b": ["s3cr3t"]}));
    assert_eq!(batch.kind, InputKind::Unknown);
    assert_eq!(batch.problems.iter().next(), Some((ProblemName::EventUnknown, 1, "an object with the keys [a, b]")));

    let many: Value = (0..1000).map(|n| (format!("{n:0>200}"), Value::Null)).collect();
    let batch = decoded(&many);
    assert!(batch.problems.iter().next().unwrap().2.len() <= 300);
    for event in [json!(7), json!(null), json!({}), json!({"Type": "SubscriptionConfirmation"})] {
        assert_eq!(decoded(&event).problems.count(ProblemName::EventUnknown), 1, "{event}");
    }
    let of_a_table = json!({"Records": [{"eventSource": "aws:dynamodb", "eventName": "INSERT"}]});
    assert_eq!(decoded(&of_a_table).problems.count(ProblemName::EventUnknown), 1);
}

#[test]
fn a_text_is_read_by_its_content() {
    let event = json!({"operation": "CreateToken", "error": {"status": 503}});
    assert_eq!(decoded(&json!(event.to_string())).observations.len(), 1);
    assert_eq!(decoded(&json!("half a {")).problems.count(ProblemName::JsonInvalid), 1);
    assert_eq!(decoded(&json!("")).problems.count(ProblemName::JsonInvalid), 1);
    assert_eq!(decoded(&json!("\u{fffd}")).problems.count(ProblemName::Utf8Invalid), 1);
}

#[test]
fn invalid_json_is_reported_without_quoting_it() {
    for text in ["", "s3cr3t", "{\"a\":s3cr3t}", "{\"a\":1", "[1,", "\u{0}", "{\"a\":\"s3cr3t\u{1}\"}"] {
        let batch = decode(text, &setting());
        assert_eq!((batch.kind, batch.problems.count(ProblemName::JsonInvalid)), (InputKind::Unknown, 1), "{text}");
        assert!(!format!("{batch:?}").contains("s3cr3t"));
    }
}

#[test]
fn a_byte_order_mark_does_no_harm() {
    assert_eq!(decode(&format!("\u{feff}{}", failed("1")), &setting()).kind, InputKind::CloudTrail);
}

#[test]
fn an_empty_batch_is_reported() {
    for event in [json!([]), json!({"Records": []}), json!({"messageType": "DATA_MESSAGE", "logEvents": []})] {
        assert_eq!(decoded(&event).problems.count(ProblemName::BatchEmpty), 1, "{event}");
    }
    assert_eq!(decoded(&json!({"Records": {}})).problems.count(ProblemName::FieldWrongType), 1);
}

#[test]
fn each_message_of_a_queue_has_its_observations_and_a_bad_one_does_not_affect_the_rest() {
    let one = envelope(&failed("1")).to_string();
    let both = json!([failed("2"), failed("3")]).to_string();
    let batch = decoded(&sqs(&[&one, "s3cr3t", &both, "", &notification(&failed("4")).to_string()]));
    assert_eq!(ids(&batch), ["1", "2", "3", "4"]);
    assert_eq!(
        batch.problems.iter().map(|(name, count, _)| (name, count)).collect::<Vec<_>>(),
        [(ProblemName::JsonInvalid, 2)]
    );
    let message = |id: &str, observations| BatchItem { id: id.into(), observations, is_unread: false };
    assert_eq!(
        batch.items,
        [message("m0", 0..1), message("m1", 1..1), message("m2", 1..3), message("m3", 3..3), message("m4", 3..4)]
    );
}

#[test]
fn a_message_that_is_missing_or_not_a_text_is_reported_and_still_listed() {
    let event = json!({"Records": [
        {"messageId": "m0", "eventSource": "aws:sqs", "eventSourceARN": QUEUE, "body": failed("1")},
        {"messageId": 7, "eventSource": "aws:sqs"},
        {"eventSource": "aws:sqs", "body": "\u{1f600}"},
        {"EventSource": "aws:sns", "Sns": null},
        7,
    ]});
    let batch = decoded(&event);
    assert_eq!(ids(&batch), ["1"]);
    assert_eq!(batch.items.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["m0", "7", ""]);
    assert_eq!(batch.problems.count(ProblemName::FieldWrongType), 3);
    let half_a_character = r#"{"Records":[{"messageId":"m0","eventSource":"aws:sqs","body":"\ud83d"}]}"#;
    let batch = decode(half_a_character, &setting());
    assert_eq!((batch.items.len(), batch.problems.count(ProblemName::JsonInvalid)), (1, 1));
}

#[test]
fn wrappers_are_opened_up_to_a_limit() {
    let mut event = notification(&envelope(&failed("1")));
    assert_eq!(ids(&decoded(&sqs(&[&event.to_string()]))), ["1"]);
    for _ in 0..5 {
        event = notification(&event);
    }
    let batch = decoded(&event);
    assert_eq!((batch.observations.len(), batch.problems.count(ProblemName::NestedTooDeeply)), (0, 1));
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(decode(&lists, &setting()).problems.count(ProblemName::NestedTooDeeply), 1);
}

#[test]
fn deep_nesting_is_harmless_and_reported_where_it_matters() {
    let deep = format!("{}{}", "{\"a\":".repeat(100_000), "1".to_owned() + &"}".repeat(100_000));
    let lists = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for deep in [deep, lists] {
        for text in [
            format!(r#"{{"x":{deep}}}"#),
            format!(r#"{{"detail-type":"AWS API Call via CloudTrail","source":"aws.sso","time":{deep}}}"#),
            format!(
                r#"{{"eventSource":"sso.amazonaws.com","eventName":"CreateToken","errorCode":{deep},"arn":{deep}}}"#
            ),
            format!(r#"{{"operation":{deep},"error":{deep},"request":{deep}}}"#),
            format!(r#"{{"operation":"CreateToken","error":{{"code":"x"}},"request":{{"clientId":{deep}}}}}"#),
            format!(r#"{{"Records":[{{"eventSource":"aws:sqs","body":{deep}}}]}}"#),
            format!(r#"{{"awslogs":{deep}}}"#),
        ] {
            let batch = decode(&text, &setting());
            assert!(!batch.problems.is_empty(), "{}", &text[..80]);
        }
        let detail = format!(r#"{{"detail-type":"AWS Health Event","source":"aws.health","detail":{deep}}}"#);
        decode(&detail, &setting());
    }
}

#[test]
fn a_detail_that_is_not_an_object_is_reported() {
    for detail in [json!("text"), json!([]), json!(null), json!(7)] {
        let batch = decoded(&envelope(&detail));
        assert_eq!(
            (batch.kind, batch.problems.count(ProblemName::FieldWrongType)),
            (InputKind::Foreign, 1),
            "{detail}"
        );
    }
}

#[test]
fn a_key_of_a_wrong_type_or_null_does_not_mislead() {
    let mut event = envelope(&failed("1"));
    for key in ["awslogs", "Records", "logEvents"] {
        event[key] = Value::Null;
    }
    event["id"] = json!({"a": 1});
    event["time"] = json!([]);
    assert_eq!(ids(&decoded(&event)), ["1"]);
}

fn some_event() -> impl Strategy<Value = Value> {
    let health = json!({"detail-type": "AWS Health Event", "source": "aws.health", "time": "2026-11-22T11:00:00Z",
        "detail": {"eventArn": "arn", "eventTypeCategory": "issue", "service": "SSO",
        "startTime": "Fri, 10 Jun 2022 05:01:10 GMT",
        "eventDescription": [{"language": "en_US", "latestDescription": "[RESOLVED]"}]}});
    let call = json!({"operation": "CreateToken", "error": {"code": "x", "status": 500}, "caller": "c",
        "request": {"clientId": "c", "clientSecret": "s", "scope": "a b", "grantTypes": ["x"]}});
    let details = record(json!({"serviceEventDetails": {"CreateToken": "Failure", "error": {"code": "x"}}}));
    proptest::sample::select(vec![
        envelope(&failed("1")),
        details,
        health,
        sqs(&[&notification(&failed("1")).to_string()]),
        json!({"detail-type": "SSO OIDC Call Failed", "source": "x", "detail": call}),
        call,
        json!({"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-11-22T11:59:00Z"}),
        json!({"Records": [failed("1")]}),
    ])
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{0,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Replaces one member somewhere in the event.
fn put(event: &mut Value, mut at: usize, value: Value) {
    let mut here = event;
    loop {
        let count = match here {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if count == 0 {
            *here = value;
            return;
        }
        let choice = at % (count + 1);
        at /= count + 1;
        if choice == count {
            *here = value;
            return;
        }
        here = match here {
            Value::Object(members) => members.values_mut().nth(choice).unwrap(),
            Value::Array(items) => &mut items[choice],
            _ => unreachable!(),
        };
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), jsonish in r#"[\[\]{}:,"a0\\ ]{0,40}"#) {
        decode(&text, &setting());
        decode(&jsonish, &setting());
        decode(&format!(r#"{{"awslogs":{{"data":"{jsonish}"}}}}"#), &setting());
    }

    #[test]
    fn no_bytes_in_a_subscription_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(&subscription(&bytes), &setting());
        decode(&subscription(&super::testing::gzip(&bytes)), &setting());
    }

    #[test]
    fn no_json_in_any_place_panics(mut event in some_event(), at in any::<usize>(), value in any_json()) {
        put(&mut event, at, value);
        decoded(&event);
    }

    #[test]
    fn no_damaged_event_panics_and_invalid_json_is_reported(
        event in some_event(), at in any::<prop::sample::Index>(), character in any::<char>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = event.to_string();
        let from = text.chars().nth(at.index(text.chars().count())).unwrap();
        decode(&text.replacen(from, &character.to_string(), 1), &setting());
        let cut = text.floor_char_boundary(cut.index(text.len()));
        prop_assert_eq!(decode(&text[..cut], &setting()).problems.count(ProblemName::JsonInvalid), 1);
    }
}

#[test]
fn a_secret_in_the_place_of_a_code_an_id_or_a_name_appears_nowhere() {
    let text = "refreshToken=planted";
    let ours = serde_json::json!({"operation": "CreateToken", "region": text, "caller": text,
        "error": {"code": format!("InternalServerException {text}"), "status": 500, "requestId": text}});
    let record = record(serde_json::json!({"errorCode": format!("InternalServerException {text}"), "requestID": text,
        "eventID": text, "awsRegion": text, "userAgent": text, "sourceIPAddress": text,
        "userIdentity": {"userName": text}, "requestParameters": {"clientId": text, "grantType": text}}));
    let line = serde_json::json!({"service": "sso-oidc", "operation": "CreateToken", "user": text, "awsRegion": text, "userAgent": text,
        "errorCode": "InternalServerException", "requestId": text});
    let logs = serde_json::json!({"messageType": "DATA_MESSAGE", "logGroup": "/app", "logStream": "s",
        "logEvents": [{"id": text, "timestamp": 1_795_348_680_000_i64, "message": line.to_string()}]});
    for payload in [ours, envelope(&record), logs] {
        let batch = decode(&payload.to_string(), &setting());
        let failures = failures(&batch.observations);
        assert_eq!(failures.len(), 1, "{payload}");
        assert_eq!(failures[0].code.as_deref(), Some("InternalServerException"));
        assert!(!format!("{batch:?}").contains("planted"), "{batch:?}");
    }
}

#[test]
fn a_detail_of_our_source_that_is_not_a_record_is_reported() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let payload = format!(r#"{{"source":"aws.sso","detail-type":"AWS API Call via CloudTrail","detail":{deep}}}"#);
    let batch = decode(&payload, &setting());
    assert_eq!(batch.problems.iter().next(), Some((ProblemName::EventUnknown, 1, "an object with the keys [a]")));
    let foreign = payload.replace("aws.sso", "aws.s3");
    assert!(decode(&foreign, &setting()).problems.is_empty());
}
