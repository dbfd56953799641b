use proptest::prelude::*;
use serde_json::{Value, json};
use triage_model::problem::ProblemName;

use super::*;
use crate::cloudtrail::EVENT_SOURCES;
use crate::log_text::line::LINE_MAX;
use crate::read::decode;
use crate::testing::{failures, gzip, record, setting, subscription};

const OLD: i64 = 1_795_300_000_000;
const RECENT: i64 = 1_795_348_680_000;

fn event(id: usize, timestamp: i64, message: &str) -> Value {
    json!({"id": format!("{id:056}"), "timestamp": timestamp, "message": message})
}

/// As CloudWatch Logs writes it: `serde_json`'s maps would sort the keys.
fn document(events: &[Value]) -> String {
    let events: Vec<String> = events
        .iter()
        .map(|event| {
            format!(r#"{{"id":{},"timestamp":{},"message":{}}}"#, event["id"], event["timestamp"], event["message"])
        })
        .collect();
    let events = events.join(",");
    format!(
        "{}{}",
        r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"trail","logStream":"s","subscriptionFilters":["f"],"#,
        format_args!(r#""logEvents":[{events}]}}"#)
    )
}

fn failed(id: usize) -> String {
    record(json!({"errorCode": "InternalServerException", "requestID": format!("request-{id}")})).to_string()
}

fn ids(batch: &Batch) -> Vec<&str> {
    failures(&batch.observations).iter().map(|failure| failure.id.as_str()).collect()
}

fn packed(text: &str) -> Batch {
    decode(&subscription(&gzip(text.as_bytes())), &setting())
}

#[test]
fn records_in_lines_are_read_in_their_order() {
    let events: Vec<Value> = (0..5).map(|id| event(id, RECENT, &failed(id))).collect();
    let batch = packed(&document(&events));
    assert_eq!((batch.kind, batch.problems.is_empty()), (InputKind::Logs, true), "{:?}", batch.problems);
    assert_eq!(ids(&batch), ["request-0", "request-1", "request-2", "request-3", "request-4"]);
    // The same by the keys of the document alone, as in a file.
    assert_eq!(decode(&document(&events), &setting()).observations, batch.observations);
    // And in a payload written with spaces.
    let spaced = subscription(&gzip(document(&events).as_bytes())).replace(':', " : ");
    assert_eq!(decode(&spaced, &setting()), batch);
}

#[test]
fn a_record_may_be_written_in_any_way() {
    let compact = failed(1);
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&compact).unwrap()).unwrap();
    let escaped = compact.replace("CreateToken", "Create\\u0054oken").replace("aws-cli", "aws\\/cli");
    let events = [compact.clone(), pretty, format!(" \n{compact}"), escaped.replace("\\u0054", "T")];
    let events: Vec<Value> = events.iter().map(|message| event(1, RECENT, message)).collect();
    assert_eq!(ids(&packed(&document(&events))), ["request-1"; 4]);

    let hidden = document(&[event(1, RECENT, &compact)]).replace("\\\"", "\\u0022");
    assert_eq!(ids(&packed(&hidden)), ["request-1"]);
}

#[test]
fn records_that_an_agent_gathered_in_one_log_event_are_read_each() {
    let success = record(json!({})).to_string();
    let foreign = record(json!({"eventName": "GetObject"})).to_string();
    let text = format!("{}\n{foreign}\n{success}\n{}\n", failed(1), failed(2));
    let batch = packed(&document(&[event(1, RECENT, &text)]));
    assert!(batch.problems.is_empty(), "{:?}", batch.problems);
    assert_eq!(ids(&batch), ["request-1", "request-2"]);
    assert_eq!(batch.observations.len(), 3);
}

#[test]
fn an_envelope_in_a_line_is_opened() {
    let envelope = crate::testing::envelope(&serde_json::from_str(&failed(1)).unwrap());
    assert_eq!(ids(&packed(&document(&[event(1, RECENT, &envelope.to_string())]))), ["request-1"]);
}

#[test]
fn an_envelope_in_a_line_is_one_whatever_other_keys_it_has() {
    let mut envelope = crate::testing::envelope(&serde_json::from_str(&failed(1)).unwrap());
    for key in ["awslogs", "Records", "logEvents"] {
        envelope[key] = json!([{"a": 1}]);
    }
    let batch = packed(&document(&[event(1, RECENT, &envelope.to_string())]));
    assert_eq!((ids(&batch), batch.problems.is_empty()), (vec!["request-1"], true));
}

#[test]
fn the_time_of_a_record_without_one_is_the_log_events() {
    let line = record(json!({"errorCode": "x", "eventTime": null})).to_string();
    let batch = packed(&document(&[event(1, RECENT, &line)]));
    assert_eq!(batch.observations[0].occurred_at().as_millisecond(), RECENT);
    assert!(batch.problems.is_empty());
}

#[test]
fn old_successes_are_counted_and_nothing_else_of_the_past() {
    let success = record(json!({"eventTime": "2026-11-22T03:00:00Z"})).to_string();
    let failure = record(json!({"eventTime": "2026-11-22T03:00:00Z", "errorCode": "x"})).to_string();
    let own = record(json!({"requestParameters": {"clientId": "our-own-client-id"}})).to_string();
    let spaced = success.replace("\":", "\": ");
    let foreign = record(json!({"eventSource": "license-manager.amazonaws.com"})).to_string();
    let other = record(json!({"eventName": "GetObject"})).to_string();
    let messages = [success, failure, own, spaced, foreign, other];
    let events: Vec<Value> = messages.iter().map(|message| event(1, OLD, message)).collect();
    let batch = packed(&document(&events));
    assert_eq!((batch.old_successes, batch.own, batch.observations.len()), (2, 1, 1));
}

#[test]
fn a_recent_success_is_read() {
    let batch = packed(&document(&[event(1, RECENT, &record(json!({})).to_string())]));
    assert_eq!((batch.old_successes, batch.observations.len()), (0, 1));
}

#[test]
fn a_broken_record_of_ours_is_told_and_others_are_not() {
    let cut = failed(1).replace("\"userIdentity\"", "userIdentity");
    let other = cut.replace("sso.amazonaws.com", "s3.amazonaws.com");
    let batch = packed(&document(&[event(7, RECENT, &cut), event(8, RECENT, &other), event(9, RECENT, &failed(9))]));
    assert_eq!(ids(&batch), ["request-9"]);
    let (name, count, detail) = batch.problems.iter().next().unwrap();
    assert_eq!((name, count), (ProblemName::JsonInvalid, 1));
    assert!(detail.starts_with(&format!("log event {:056}: not JSON at line 1 column", 7)), "{detail}");
}

#[test]
fn a_control_message_is_nothing() {
    let text = r#"{"messageType":"CONTROL_MESSAGE","logGroup":"","logEvents":[{"id":"","timestamp":1,"message":"x"}]}"#;
    let batch = packed(text);
    assert_eq!((batch.kind, batch.observations.len(), batch.problems.is_empty()), (InputKind::LogsControl, 0, true));
}

#[test]
fn our_own_log_groups_are_never_read() {
    let text = document(&[event(1, RECENT, &failed(1))]).replace("\"trail\"", "\"/aws/lambda/oidc-triage-watcher\"");
    let batch = packed(&text);
    assert_eq!((batch.observations.len(), batch.problems.count(ProblemName::OwnLogGroup)), (0, 1));
}

#[test]
fn a_document_without_log_events_is_told() {
    assert_eq!(packed(&document(&[])).problems.count(ProblemName::BatchEmpty), 1);
    assert_eq!(packed(r#"{"messageType":"DATA_MESSAGE"}"#).problems.count(ProblemName::BatchEmpty), 1);
    assert_eq!(packed(r#"{"logEvents":{"a":1}}"#).problems.count(ProblemName::FieldWrongType), 1);
    assert_eq!(packed("[]").problems.count(ProblemName::JsonInvalid), 1);
    assert_eq!(decode(r#"{"awslogs":{"data":7e9}}"#, &setting()).kind, InputKind::Logs);
    for text in [r#"{"awslogs":{}}"#, r#"{"awslogs":7}"#, r#"{"awslogs":{"data":[]}}"#] {
        assert_eq!(decode(text, &setting()).problems.count(ProblemName::FieldWrongType), 1, "{text}");
    }
}

#[test]
fn the_log_events_before_any_damage_are_handled() {
    let events: Vec<Value> = (0..400).map(|id| event(id, RECENT, &failed(id))).collect();
    let text = document(&events);
    for text in [text.clone(), text.replace("\"id\":", "\"id\": ")] {
        let whole = gzip(text.as_bytes());
        let half = &whole[..whole.len() / 2];
        let base64 = crate::testing::base64(&whole);
        let broken = format!(r#"{{"awslogs":{{"data":"{}*"}}}}"#, &base64[..base64.len() / 2]);
        let cut = &text[..text.len() / 2];
        for (payload, name) in [
            (subscription(half), ProblemName::GzipTruncated),
            (broken, ProblemName::Base64Invalid),
            (subscription(&gzip(cut.as_bytes())), ProblemName::JsonInvalid),
        ] {
            let batch = decode(&payload, &setting());
            let ids = ids(&batch);
            assert!(ids.len() > 50 && ids.len() < 400, "{name} {}", ids.len());
            assert_eq!(ids.last(), Some(&format!("request-{}", ids.len() - 1).as_str()));
            assert_eq!(batch.problems.iter().map(|(name, ..)| name).collect::<Vec<_>>(), [name]);
        }
    }
}

#[test]
fn what_is_beyond_the_bound_is_told_and_what_is_within_is_handled() {
    let filler = "x".repeat(200_000);
    let mut events = vec![event(0, RECENT, &failed(0))];
    events.extend((1..340).map(|id| event(id, RECENT, &filler)));
    let batch = packed(&document(&events));
    assert_eq!(ids(&batch), ["request-0"]);
    assert_eq!(batch.problems.count(ProblemName::GzipTooLarge), 1);
}

#[test]
fn text_that_is_no_utf8_is_replaced_where_it_stands() {
    let text = document(&[event(1, RECENT, &failed(1).replace("aws-cli", "aws-cl!")), event(2, RECENT, &failed(2))]);
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'!' { 0xff } else { byte }).collect();
    let batch = decode(&subscription(&gzip(&bytes)), &setting());
    let user_agents: Vec<_> =
        failures(&batch.observations).iter().map(|failure| failure.user_agent.clone().unwrap()).collect();
    assert_eq!(user_agents, ["aws-cl\u{fffd}/2.31.0", "aws-cli/2.31.0"]);
    assert_eq!(batch.problems.count(ProblemName::Utf8Invalid), 1);
}

#[test]
fn a_line_longer_than_the_bound_is_told_and_one_at_the_bound_is_read() {
    let sized = |size: usize| {
        let bare = record(json!({"errorCode": "x", "filler": ""})).to_string().len();
        record(json!({"errorCode": "x", "filler": "y".repeat(size - bare)})).to_string()
    };
    let batch = packed(&document(&[event(1, RECENT, &sized(LINE_MAX))]));
    assert_eq!((batch.observations.len(), batch.problems.is_empty()), (1, true));
    for size in [LINE_MAX + 1, 1_000_000] {
        let batch = packed(&document(&[event(1, RECENT, &sized(size)), event(2, RECENT, &failed(2))]));
        assert_eq!(ids(&batch), ["request-2"]);
        assert_eq!(batch.problems.count(ProblemName::LogLineTooLong), 1);
    }
}

#[test]
fn deep_nesting_in_a_line_or_around_it_is_borne() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for key in ["other", "resources", "sharedEventID", "additionalEventData"] {
        let line = failed(1).replacen('{', &format!("{{\"{key}\":{deep},"), 1);
        let lines = document(&[event(1, RECENT, &line)]);
        for text in [lines.clone(), lines.replacen('{', &format!("{{\"deep\":{deep},"), 1)] {
            assert_eq!(ids(&packed(&text)), ["request-1"]);
        }
        // With a space, it is parsed the long way.
        let spaced = document(&[event(1, RECENT, &line.replacen(':', ": ", 1))]);
        assert_eq!(ids(&packed(&spaced)), ["request-1"]);
    }
    let events = document(&[]).replace("[]", &deep);
    assert!(!packed(&events).problems.is_empty());
    assert_eq!(packed(&deep).problems.count(ProblemName::JsonInvalid), 1);
}

#[test]
fn numbers_as_texts_and_texts_as_numbers_are_read() {
    const ID: &str = "31953106606966983378809025079804211143289615424298221568";
    let message = Value::from(
        record(json!({"errorCode": "x", "requestID": null, "eventID": null, "eventTime": null})).to_string(),
    );
    let text = format!(r#"{{"logGroup":"g","logEvents":[{{"id":{ID},"timestamp":"{RECENT}","message":{message}}}]}}"#);
    let batch = packed(&text);
    assert_eq!(ids(&batch), [ID]);
    assert_eq!(batch.observations[0].occurred_at().as_millisecond(), RECENT);
}

#[test]
fn a_message_that_was_unpacked_on_the_way_is_read_and_noted() {
    let text =
        format!(r#"{{"logGroup":"g","logEvents":[{{"id":"1","timestamp":{RECENT},"message":{}}},7]}}"#, failed(1));
    let batch = packed(&text);
    assert_eq!(ids(&batch), ["request-1"]);
    assert_eq!(batch.problems.count(ProblemName::FieldWrongType), 2);
}

#[test]
fn what_is_read_is_what_the_common_library_reads() {
    let messages = ["text with \"quotes\" \\ and \u{1f600}", &failed(1), "", "},{\"id\":\"7\"", "tab\tnewline\n"];
    let events: Vec<Value> = messages.iter().enumerate().map(|(id, text)| event(id, RECENT, text)).collect();
    let text = document(&events);
    let theirs: aws_lambda_events::cloudwatch_logs::LogsEvent =
        serde_json::from_str(&subscription(&gzip(text.as_bytes()))).unwrap();
    let ours = document::quick(&text, &[]).unwrap();
    assert_eq!(ours.log_group, Some(theirs.aws_logs.data.log_group));
    assert_eq!(ours.events.len(), theirs.aws_logs.data.log_events.len());
    for (ours, theirs) in ours.events.iter().zip(theirs.aws_logs.data.log_events) {
        assert_eq!(ours.id, theirs.id);
        assert_eq!(ours.timestamp.unwrap().as_millisecond(), theirs.timestamp);
        assert_eq!(escape::unescape(&ours.message, &mut String::new()), Some(theirs.message.as_str()));
    }
}

#[test]
fn the_quick_way_takes_only_the_canonical_form() {
    let text = document(&[event(1, RECENT, "a"), event(2, RECENT, "b")]);
    assert!(document::quick(&text, &[]).is_some());
    for other in [
        text.replace("\"message\":", "\"message\": "),
        text.replace("\"a\"", "\"a\",\"extra\":\"b\""),
        text.replace("\"a\"", "\"a\",\"extra\":[{\"id\":1},{\"id\":2}]"),
        text.replace("\"a\"", "{\"b\":\"c\"}"),
        text.replace("\"timestamp\":1", "\"timestamp\":-1"),
        text.replace("]}", "],\"logEvents\":[]}"),
        text[..text.len() - 1].to_owned(),
        text.replace("\"id\":\"0", "\"id\":\"\\u0030"),
    ] {
        match document::quick(&other, &[]) {
            None => {}
            Some(_) if other.contains("],\"logEvents\":[]}") => {}
            Some(document) => panic!("{other}: {document:?}"),
        }
    }
    let with_more = text.replace("]}", "],\"policyLevel\":\"ACCOUNT\"}\n");
    assert!(document::quick(&with_more, &[]).is_some());
}

fn message() -> impl Strategy<Value = String> {
    let code = prop_oneof![Just(Value::Null), Just(json!("InternalServerException")), Just(json!("x\"y\\"))];
    let name = prop_oneof![Just("CreateToken"), Just("RegisterClient"), Just("GetObject")];
    let source = prop_oneof![proptest::sample::select(&EVENT_SOURCES[..]), Just("s3.amazonaws.com")];
    let agent = prop_oneof![Just("aws-cli"), Just("x app/oidc-triage"), Just("ä\u{1f600}\"")];
    let success = prop_oneof![2 => Just(Value::Null), 1 => Just(json!("false")), 1 => Just(json!("true"))];
    let a_record = (code, name, source, agent, success, any::<bool>()).prop_map(|made| {
        let (code, name, source, agent, success, is_pretty) = made;
        let more = json!({"errorCode": code, "eventName": name, "eventSource": source, "userAgent": agent,
            "additionalEventData": {"success": success}});
        let record = record(more);
        if is_pretty { serde_json::to_string_pretty(&record).unwrap() } else { record.to_string() }
    });
    prop_oneof![4 => a_record, 1 => any::<String>(), 1 => Just("},{\"id\":\"1\"".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn both_ways_through_a_document_come_to_the_same(
        messages in prop::collection::vec((message(), any::<bool>()), 1..6)
    ) {
        let events: Vec<Value> = messages
            .iter()
            .enumerate()
            .map(|(id, (message, is_old))| event(id, if *is_old { OLD } else { RECENT }, message))
            .collect();
        let text = document(&events);
        let quick = document::quick(&text, &[]).unwrap();
        let general = document::general(&text, &[]);
        prop_assert!(general.error.is_none());
        prop_assert_eq!(&quick.events, &general.events);
        prop_assert_eq!(quick.log_group, general.log_group);
        let spaced = text.replacen("\"logEvents\":", "\"logEvents\": ", 1);
        prop_assert!(document::quick(&spaced, &[]).is_none());
        prop_assert_eq!(packed(&text), packed(&spaced));
        // And to the same as parsing every record, except that nothing old is left uncounted.
        let mut slowly = Batch::new(InputKind::Logs);
        for (message, is_old) in &messages {
            let time = jiff::Timestamp::from_millisecond(if *is_old { OLD } else { RECENT }).unwrap();
            let around = crate::envelope::Around { time: Some(time), ..Default::default() };
            let _ = crate::cloudtrail::read(message, around, &setting(), &mut slowly);
        }
        let quickly = packed(&text);
        prop_assert_eq!(quickly.old_successes, slowly.old_successes);
        prop_assert_eq!(quickly.own, slowly.own);
        prop_assert_eq!(failures(&quickly.observations).len(), failures(&slowly.observations).len());
    }

    #[test]
    fn a_damaged_document_is_borne(
        messages in prop::collection::vec(message(), 0..4), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        cut in any::<prop::sample::Index>(), is_cut in any::<bool>(),
    ) {
        let events: Vec<Value> = messages.iter().enumerate().map(|(id, text)| event(id, RECENT, text)).collect();
        let mut bytes = document(&events).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        decode(&subscription(&gzip(&bytes)), &setting());
        if let Ok(text) = str::from_utf8(&bytes) {
            decode(text, &setting());
        }
    }
}
