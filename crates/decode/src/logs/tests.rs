use proptest::prelude::*;
use serde_json::{Value, json};
use triage_model::problem::ProblemName;

use super::*;
use crate::batch::{OBSERVATIONS_MAX, OBSERVATIONS_WEIGHT_MAX, TEXT_MAX};
use crate::cloudtrail::EVENT_SOURCES;
use crate::log_text::line::LINE_MAX;
use crate::logs::document::Element;
use crate::logs::event::LogEvent;
use crate::read::{decode, decode_while};
use crate::testing::{failures, gzip, record, setting, subscription};

const OLD: i64 = 1_795_300_000_000;
const RECENT: i64 = 1_795_348_680_000;

fn event(id: usize, timestamp: i64, message: &str) -> Value {
    json!({"id": format!("{id:056}"), "timestamp": timestamp, "message": message})
}

/// In CloudWatch Logs' form: `serde_json`'s maps would sort the keys.
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
    // The same document by itself, as in a file.
    assert_eq!(decode(&document(&events), &setting()).observations, batch.observations);
    // And with spaces in the payload.
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
fn a_broken_record_of_ours_is_reported_and_others_are_not() {
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
fn a_document_without_log_events_is_reported() {
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
fn input_within_the_limit_is_read_and_the_cut_is_reported() {
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
fn a_line_over_the_limit_is_reported_and_one_at_the_limit_is_read() {
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
fn deep_nesting_in_a_line_or_around_it_is_harmless() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for key in ["other", "resources", "sharedEventID", "additionalEventData"] {
        let line = failed(1).replacen('{', &format!("{{\"{key}\":{deep},"), 1);
        let lines = document(&[event(1, RECENT, &line)]);
        for text in [lines.clone(), lines.replacen('{', &format!("{{\"deep\":{deep},"), 1)] {
            assert_eq!(ids(&packed(&text)), ["request-1"]);
        }
        // With a space it takes the slow path.
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
fn the_result_equals_that_of_the_common_library() {
    let messages = ["text with \"quotes\" \\ and \u{1f600}", &failed(1), "", "},{\"id\":\"7\"", "tab\tnewline\n"];
    let events: Vec<Value> = messages.iter().enumerate().map(|(id, text)| event(id, RECENT, text)).collect();
    let text = document(&events);
    let theirs: aws_lambda_events::cloudwatch_logs::LogsEvent =
        serde_json::from_str(&subscription(&gzip(text.as_bytes()))).unwrap();
    let mut document = Document::new(text.as_bytes());
    let ours = events_of(&mut document);
    assert_eq!(document.header.log_group, Some(theirs.aws_logs.data.log_group));
    assert_eq!(ours.len(), theirs.aws_logs.data.log_events.len());
    for (ours, theirs) in ours.iter().zip(theirs.aws_logs.data.log_events) {
        assert_eq!(ours.id, theirs.id);
        assert_eq!(ours.timestamp.unwrap().as_millisecond(), theirs.timestamp);
        assert_eq!(escape::unescape(&ours.message, &mut String::new()), Some(theirs.message.as_str()));
    }
}

/// The log events of a document, in any form.
fn events_of<R: Read>(document: &mut Document<R>) -> Vec<LogEvent<'static>> {
    let mut events = Vec::new();
    while document.seek_events() {
        while let Some(element) = document.next() {
            let event = match element {
                Element::Canonical(canonical) if escape::is_one_string(canonical.message) => {
                    Some(LogEvent::of_canonical(canonical).into_owned())
                }
                Element::Canonical(_) => {
                    document.distrust();
                    continue;
                }
                Element::Other(bytes) => match event::parse(str::from_utf8(bytes).unwrap()) {
                    Ok(event::Parsed::Event { event, .. }) => Some(event.into_owned()),
                    Ok(_) | Err(_) => None,
                },
                Element::TooLong(_) => None,
            };
            events.extend(event);
        }
    }
    events
}

impl LogEvent<'_> {
    fn into_owned(self) -> LogEvent<'static> {
        let owned = |text: std::borrow::Cow<'_, str>| std::borrow::Cow::Owned(text.into_owned());
        LogEvent {
            id: owned(self.id),
            timestamp: self.timestamp,
            ingested: self.ingested,
            message: owned(self.message),
        }
    }
}

#[test]
fn only_the_canonical_form_is_split_without_walking() {
    let first = |text: &str| {
        let mut document = Document::new(text.as_bytes());
        assert!(document.seek_events());
        matches!(document.next(), Some(Element::Canonical(canonical)) if escape::is_one_string(canonical.message))
    };
    let text = document(&[event(1, RECENT, "a"), event(2, RECENT, "b")]);
    assert!(first(&text));
    for other in [
        text.replace("\"message\":", "\"message\": "),
        text.replace("\"a\"", "\"a\",\"extra\":\"b\""),
        text.replace("\"a\"", "\"a\",\"extra\":[{\"id\":1},{\"id\":2}]"),
        text.replace("\"a\"", "{\"b\":\"c\"}"),
        text.replace("\"timestamp\":1", "\"timestamp\":-1"),
        text.replace("\"timestamp\":1", "\"timestamp\":01"),
        text.replace("\"id\":\"0", "\"id\":\"\\u0030"),
    ] {
        assert!(!first(&other), "{other}");
    }
}

#[test]
fn our_own_log_groups_are_never_read_though_the_name_stands_behind_the_log_events() {
    for message in
        [failed(1), "An error occurred (InternalServerException) when calling the CreateToken operation".to_owned()]
    {
        let events = event(1, RECENT, &message);
        let own =
            format!(r#"{{"messageType":"DATA_MESSAGE","logEvents":[{events}],"logGroup":"/aws/lambda/oidc-triage"}}"#);
        let control = format!(r#"{{"logEvents":[{events}],"logGroup":"g","messageType":"CONTROL_MESSAGE"}}"#);
        for text in [own.clone(), own.replace(':', ": ")] {
            for batch in [packed(&text), decode(&text, &setting())] {
                assert_eq!(
                    (batch.observations.len(), batch.problems.count(ProblemName::OwnLogGroup)),
                    (0, 1),
                    "{text}"
                );
            }
        }
        for batch in [packed(&control), decode(&control, &setting())] {
            assert_eq!((batch.kind, batch.observations.len()), (InputKind::LogsControl, 0));
        }
        // Another client's is read in full, and names the caller where nothing else does.
        let other = own.replace("/aws/lambda/oidc-triage", "g");
        assert_eq!(packed(&other).observations.len(), 1);
    }
}

#[test]
fn calls_are_kept_up_to_the_limit_and_the_cut_is_reported() {
    let failure = r#"{"eventSource":"sso.amazonaws.com","eventName":"CreateToken","errorCode":"x"}"#;
    for (count, is_cut) in [(OBSERVATIONS_MAX, false), (OBSERVATIONS_MAX + 1, true)] {
        let events: Vec<Value> = (0..count).map(|id| event(id, RECENT, failure)).collect();
        let text = document(&events);
        for text in [text.clone(), text.replace("\"message\":", "\"message\" : ")] {
            let batch = packed(&text);
            assert_eq!(batch.observations.len(), OBSERVATIONS_MAX);
            assert_eq!(batch.problems.count(ProblemName::PayloadCut), u64::from(is_cut));
        }
    }
}

#[test]
fn calls_with_the_longest_names_are_cut_sooner() {
    let more = json!({"errorMessage": "m".repeat(2000), "userAgent": "u".repeat(300), "requestParameters": null});
    let failure = record(more).to_string();
    let events: Vec<Value> = (0..OBSERVATIONS_MAX).map(|id| event(id, RECENT, &failure)).collect();
    let batch = packed(&document(&events));
    assert_eq!(batch.problems.count(ProblemName::PayloadCut), 1);
    let weight: usize = batch.observations.iter().map(batch::weight).sum();
    assert!((OBSERVATIONS_WEIGHT_MAX..OBSERVATIONS_WEIGHT_MAX + 10_000).contains(&weight), "{weight}");
    assert!(batch.observations.len() > 8_000, "{}", batch.observations.len());
}

#[test]
fn text_is_read_up_to_the_limit_and_records_continue() {
    let line = "x".repeat(100_000);
    let count = TEXT_MAX / line.len();
    let mut events: Vec<Value> = (0..count).map(|id| event(id, RECENT, &line)).collect();
    let error = "An error occurred (InternalServerException) when calling the CreateToken operation";
    events.insert(0, event(0, RECENT, error));
    events.extend([event(1, RECENT, error), event(2, RECENT, &failed(2))]);
    let batch = packed(&document(&events));
    assert_eq!(
        batch.problems.iter().map(|(name, count, _)| (name, count)).collect::<Vec<_>>(),
        [(ProblemName::PayloadCut, 1)]
    );
    assert_eq!(failures(&batch.observations).len(), 2);
}

#[test]
fn at_the_deadline_the_rest_is_reported_and_the_first_part_is_kept() {
    let events: Vec<Value> = (0..1000).map(|id| event(id, RECENT, &failed(id))).collect();
    let payload = subscription(&gzip(document(&events).as_bytes()));
    let looks = std::cell::Cell::new(0);
    let is_time_left = || looks.replace(looks.get() + 1) < 3;
    let batch = decode_while(&is_time_left, &payload, &setting());
    assert_eq!(batch.observations.len(), 3 * EVENTS_A_LOOK);
    assert_eq!(
        batch.problems.iter().map(|(name, count, _)| (name, count)).collect::<Vec<_>>(),
        [(ProblemName::Deadline, 1)]
    );
    let list = format!("[{}]", vec![failed(1); 5].join(","));
    let records = format!(r#"{{"Records":{list}}}"#);
    for text in [list, records] {
        looks.set(0);
        let batch = decode_while(&is_time_left, &text, &setting());
        assert_eq!((batch.observations.len(), batch.problems.count(ProblemName::Deadline)), (3, 1), "{text}");
        assert!(batch.problems.iter().any(|(.., detail)| detail.starts_with("2 ")));
    }
}

#[test]
fn an_oversized_element_is_reported_and_the_next_one_is_read() {
    let long = "x".repeat(document::ELEMENT_MAX);
    let text = document(&[event(1, RECENT, &failed(1)), event(2, RECENT, &long), event(3, RECENT, &failed(3))]);
    for text in [text.clone(), text.replace("\"id\":", "\"id\": ")] {
        let batch = packed(&text);
        assert_eq!(ids(&batch), ["request-1", "request-3"]);
        assert_eq!(
            batch.problems.iter().map(|(name, count, _)| (name, count)).collect::<Vec<_>>(),
            [(ProblemName::LogLineTooLong, 1)]
        );
    }
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

/// A source that returns a few bytes at a time.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let count = self.piece.min(room.len());
        self.rest.read(&mut room[..count])
    }
}

/// The same JSON with white space between tokens.
fn spaced(text: &str, space: &str) -> String {
    let mut spaced = String::new();
    let (mut in_text, mut is_escaped) = (false, false);
    for letter in text.chars() {
        let is_structure = !in_text && matches!(letter, '{' | '}' | '[' | ']' | ',' | ':');
        in_text ^= letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        if is_structure {
            spaced.extend([space, letter.to_string().as_str(), space]);
        } else {
            spaced.push(letter);
        }
    }
    spaced
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn both_ways_through_a_document_agree(
        messages in prop::collection::vec((message(), any::<bool>()), 1..6),
        room in 1usize..64, piece in 1usize..64, space in prop_oneof![Just(""), Just(" "), Just("\n\t ")],
    ) {
        let events: Vec<Value> = messages
            .iter()
            .enumerate()
            .map(|(id, (message, is_old))| event(id, if *is_old { OLD } else { RECENT }, message))
            .collect();
        let text = document(&events);
        let quick = events_of(&mut Document::new(text.as_bytes()));
        prop_assert_eq!(quick.len(), messages.len());
        let spaced = spaced(&text, space);
        let mut document = Document::with_room(Pieces { rest: spaced.as_bytes(), piece }, room);
        prop_assert_eq!(&events_of(&mut document), &quick);
        prop_assert_eq!(document.header.log_group.as_deref(), Some("trail"));
        prop_assert_eq!(document.finish().1, None);
        prop_assert_eq!(packed(&text), packed(&spaced));
        // And to the same result as parsing every record, except that old records are all counted.
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
    fn a_record_reads_the_same_escaped_and_unescaped(message in message()) {
        let literal = serde_json::to_string(&message).unwrap();
        let around = crate::envelope::Around::default();
        let (mut quickly, mut slowly) = (Batch::new(InputKind::Logs), Batch::new(InputKind::Logs));
        let whole = record::Whole(record::Escaped::of(&literal).unwrap());
        // A record that cannot be read without unescaping leaves nothing behind.
        if let Ok(recognised) = crate::cloudtrail::read_from(whole, around, &setting(), &mut quickly) {
            let expected = crate::cloudtrail::read(&message, around, &setting(), &mut slowly);
            prop_assert_eq!(recognised, expected.unwrap());
        }
        prop_assert_eq!(quickly, slowly);
    }

    #[test]
    fn no_damaged_document_panics(
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
