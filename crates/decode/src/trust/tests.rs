//! Each input path, each kind of evidence, and what counts.

use serde_json::{Value, json};
use triage_model::observation::{Observation, Origin};
use triage_model::problem::ProblemName;

use super::{Alias, TrailLogGroup, Trust};
use crate::testing::{envelope, gzip, record, setting, subscription};
use crate::{Batch, Setting, decode};

const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:ours";
const OWN_ACCOUNT: &str = "111122223333";
/// Listed.
const MANAGEMENT: &str = "444455556666";
const FOREIGN: &str = "999988887777";

fn under(alias: Alias) -> Setting {
    let trust = Trust {
        alias,
        account: Some(OWN_ACCOUNT.into()),
        call_sources: vec!["my.app".into()],
        accounts: vec![MANAGEMENT.into()],
        trusted: vec![QUEUE.into()],
        ..Trust::default()
    };
    Setting { trust, ..setting() }
}

fn failed() -> Value {
    record(json!({"errorCode": "InternalServerException"}))
}

fn call(source: &str) -> Value {
    json!({"detail-type": "SSO OIDC Call Failed", "source": source, "id": "c", "time": "2026-11-22T11:58:00Z",
        "account": OWN_ACCOUNT,
        "detail": {"operation": "CreateToken", "error": {"code": "InternalServerException"}}})
}

fn tick(source: &str) -> Value {
    json!({"detail-type": "Scheduled Event", "source": source, "id": "t", "time": "2026-11-22T11:59:59Z",
        "account": OWN_ACCOUNT,
        "detail": {"eventName": "CreateToken", "eventSource": "sso.amazonaws.com"}})
}

fn health(source: &str) -> Value {
    json!({"detail-type": "AWS Health Event", "source": source, "id": "h", "time": "2026-11-22T11:59:59Z",
        "account": OWN_ACCOUNT,
        "detail": {"eventArn": "arn:aws:health:us-east-1::event/SSO/X/1", "service": "SSO",
            "eventTypeCategory": "issue", "eventRegion": "us-east-1"}})
}

fn from(source: &str, detail: &Value) -> Value {
    let mut envelope = envelope(detail);
    envelope["source"] = source.into();
    envelope
}

fn logged(group: &str, owner: &str, message: &Value) -> Value {
    let document = json!({"messageType": "DATA_MESSAGE", "owner": owner, "logGroup": group, "logStream": "s",
        "logEvents": [{"id": "1", "timestamp": 1_795_348_700_000_i64, "message": message.to_string()}]});
    serde_json::from_str(&subscription(&gzip(document.to_string().as_bytes()))).unwrap()
}

fn queued(arn: &str, body: &Value) -> Value {
    json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "eventSourceARN": arn, "body": body.to_string()}]})
}

fn facts(batch: &Batch) -> String {
    let one = |observation: &Observation| match observation {
        Observation::Failure(failure) if failure.answer_only => "answered",
        Observation::Failure(failure) => match failure.origin {
            Origin::CloudTrail => "cloudtrail",
            Origin::Logs => "logs",
            Origin::Call => "call",
        },
        Observation::Success(success) if success.answer_only => "answered",
        Observation::Success(_) => "served",
        Observation::HealthIssue(_) => "health",
        Observation::Tick(_) => "tick",
    };
    batch.observations.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Dropped evidence leaves no gap that would shift another's delivery time.
#[test]
fn kept_observations_keep_their_arrival() {
    let by_source = |source: &str| {
        let mut envelope = from(source, &failed());
        envelope["time"] = if source == "evil" { "2026-11-22T11:58:00Z" } else { "2026-11-22T11:59:00Z" }.into();
        envelope
    };
    let payload = json!([by_source("evil"), by_source("aws.sso"), by_source("evil"), by_source("aws.sso")]);
    let batch = decode(&payload.to_string(), &under(Alias::Events));
    let arrived: Vec<String> = batch.arrivals.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(
        (facts(&batch).as_str(), arrived),
        ("cloudtrail cloudtrail", vec!["2026-11-22T11:59:00Z".to_owned(); 2])
    );

    // One document: its served call is dropped, and a failure after it stays.
    let document = json!({"messageType": "DATA_MESSAGE", "owner": OWN_ACCOUNT, "logGroup": "/app/web", "logStream": "s",
        "logEvents": [
            {"id": "1", "timestamp": 1_795_348_700_000_i64, "message": record(json!({})).to_string()},
            {"id": "2", "timestamp": 1_795_348_701_000_i64, "message": failed().to_string()}]});
    let batch = decode(&document.to_string(), &under(Alias::Events));
    assert_eq!(facts(&batch), "logs");
    assert_eq!(batch.arrivals.iter().flatten().map(|at| at.as_second()).collect::<Vec<_>>(), [1_795_348_701]);
}

#[test]
fn each_source_is_trusted_with_its_own_evidence() {
    const DOUBT: bool = true;
    let (events, direct, local) = (Alias::Events, Alias::Direct, Alias::None);
    let of = |kind: &str, source: &str| match kind {
        "failed" => from(source, &failed()),
        "served" => from(source, &record(json!({}))),
        "health" => health(source),
        _ => tick(source),
    };
    let bare_call = call("x")["detail"].clone();
    let trail = "aws-cloudtrail-logs-1";
    for (alias, payload, what, is_doubted) in [
        // AWS's own envelopes are trusted in everything.
        (events, of("failed", "aws.sso"), "cloudtrail", false),
        (events, of("served", "aws.sso"), "served", false),
        (events, of("health", "aws.health"), "health", false),
        (events, of("tick", "aws.events"), "tick", false),
        // Other envelopes in nothing.
        (events, of("failed", "my.app"), "", DOUBT),
        (events, of("served", "evil"), "", DOUBT),
        (events, of("health", "evil"), "", DOUBT),
        (events, of("failed", "awsx.sso"), "", DOUBT),
        (events, of("failed", " aws.sso"), "", DOUBT),
        (events, of("tick", "\taws.events"), "", DOUBT),
        // Calls from listed sources.
        (events, call("my.app"), "call", false),
        (events, call("evil"), "", DOUBT),
        (local, call("evil"), "", DOUBT),
        // Log groups: the trail's in the right account, and any other.
        (events, logged(trail, OWN_ACCOUNT, &failed()), "cloudtrail", false),
        (events, logged(trail, OWN_ACCOUNT, &record(json!({}))), "served", false),
        (events, logged(trail, "999988887777", &record(json!({}))), "", DOUBT),
        (events, logged("/app/web", OWN_ACCOUNT, &failed()), "logs", false),
        (events, logged("/app/web", OWN_ACCOUNT, &record(json!({}))), "", DOUBT),
        (local, logged("/app/web", OWN_ACCOUNT, &record(json!({}))), "", DOUBT),
        // No tick, Health issue or envelope from a log line, not even in CloudTrail's group.
        (events, logged(trail, OWN_ACCOUNT, &tick("aws.events")), "", DOUBT),
        (events, logged("/app/web", OWN_ACCOUNT, &of("tick", "aws.events")), "", DOUBT),
        // Queues.
        (events, queued(QUEUE, &of("served", "aws.sso")), "served", false),
        (events, queued(QUEUE, &of("tick", "aws.events")), "tick", false),
        (events, queued("arn:other", &of("failed", "aws.sso")), "logs", false),
        (events, queued("arn:other", &of("served", "aws.sso")), "", DOUBT),
        (events, queued("arn:other", &of("tick", "aws.events")), "", DOUBT),
        (events, queued("arn:other", &call("my.app")), "", DOUBT),
        // People and programs.
        (direct, bare_call.clone(), "call", false),
        (local, bare_call.clone(), "call", false),
        (events, bare_call, "", DOUBT),
        (direct, of("failed", "aws.sso"), "answered", DOUBT),
        (direct, of("served", "aws.sso"), "answered", DOUBT),
        (direct, of("tick", "aws.events"), "", DOUBT),
        (direct, of("health", "aws.health"), "", DOUBT),
        (direct, logged(trail, OWN_ACCOUNT, &failed()), "answered", DOUBT),
        (direct, failed(), "answered", DOUBT),
        // Payloads that AWS never sends.
        (events, failed(), "logs", false),
        (events, record(json!({})), "", DOUBT),
        (local, failed(), "cloudtrail", false),
        (local, record(json!({})), "served", false),
    ] {
        let batch = decode(&payload.to_string(), &under(alias));
        let doubted = batch.problems.count(ProblemName::SourceNotBelieved) > 0;
        assert_eq!((facts(&batch).as_str(), doubted), (what, is_doubted), "{alias:?} {payload}");
    }
}

/// What a rule of another account forwards is real, and of another's sign-in: it neither hides an outage nor makes one.
#[test]
fn only_the_own_account_and_those_listed_may_send_events() {
    let by = |account: Value, event: Value| {
        let mut event = event;
        event["account"] = account;
        event
    };
    let kinds = [
        (from("aws.sso", &failed()), "cloudtrail"),
        (from("aws.sso", &record(json!({}))), "served"),
        (health("aws.health"), "health"),
        (tick("aws.events"), "tick"),
        (call("my.app"), "call"),
    ];
    for (event, what) in kinds {
        for (alias, account, is_trusted) in [
            (Alias::Events, json!(OWN_ACCOUNT), true),
            (Alias::Events, json!(MANAGEMENT), true),
            (Alias::Events, json!(FOREIGN), false),
            (Alias::Events, json!(format!(" {OWN_ACCOUNT}")), false),
            (Alias::Events, json!(OWN_ACCOUNT.parse::<u64>().unwrap()), true),
            (Alias::Events, json!([OWN_ACCOUNT]), false),
            (Alias::Events, json!(""), false),
            (Alias::Events, Value::Null, false),
        ] {
            let event = by(account.clone(), event.clone());
            let batch = decode(&event.to_string(), &under(alias));
            let detail = batch.problems.detail(ProblemName::SourceNotBelieved).unwrap_or_default();
            let found = (facts(&batch), detail.contains("TrustedAccounts"));
            let expected = if is_trusted { (what.to_owned(), false) } else { (String::new(), true) };
            assert_eq!(found, expected, "{what} of {account}: {detail}");
            // Whoever may send to a trusted queue could write any account.
            let queued = decode(&queued(QUEUE, &event).to_string(), &under(alias));
            assert_eq!(facts(&queued), what, "{what} of {account} in a trusted queue");
        }
        // A sample of any account, on somebody's own machine.
        let unknown = Setting { trust: Trust { account: None, ..under(Alias::None).trust }, ..setting() };
        assert_eq!(facts(&decode(&by(json!(FOREIGN), event).to_string(), &unknown)), what);
    }
}

#[test]
fn without_settings_no_program_queue_or_topic_is_trusted() {
    let nobody = |alias| Setting { trust: Trust { alias, ..Trust::default() }, ..setting() };
    let topic = "arn:aws:sns:us-east-1:111122223333:theirs";
    let notified = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "m", "TopicArn": topic,
        "Message": from("aws.sso", &record(json!({}))).to_string()}}]});
    let unnamed =
        json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": tick("aws.events").to_string()}]});
    for alias in [Alias::Events, Alias::None] {
        for (payload, what) in [
            (call("my.app"), ""),
            (call(""), ""),
            (queued(QUEUE, &from("aws.sso", &failed())), "logs"),
            (queued(QUEUE, &from("aws.sso", &record(json!({})))), ""),
            (queued(QUEUE, &tick("aws.events")), ""),
            (queued(QUEUE, &call("my.app")), ""),
            (queued(QUEUE, &call("my.app")["detail"]), ""),
            (notified.clone(), ""),
            (unnamed.clone(), ""),
        ] {
            let batch = decode(&payload.to_string(), &nobody(alias));
            assert_eq!(facts(&batch), what, "{alias:?} {payload}");
            // Any log may report a failure; everything else is a problem.
            let doubted = u64::from(what.is_empty());
            assert_eq!(batch.problems.count(ProblemName::SourceNotBelieved), doubted, "{alias:?} {payload}");
        }
    }
    // A `call` handed over directly is accepted as usual.
    for alias in [Alias::Direct, Alias::None] {
        assert_eq!(facts(&decode(&call("x")["detail"].to_string(), &nobody(alias))), "call");
    }
}

#[test]
fn no_envelope_is_read_from_a_log_line() {
    let line = |message: &Value| decode(&logged("/app/web", OWN_ACCOUNT, message).to_string(), &under(Alias::Events));
    for message in [tick("aws.events"), health("aws.health")] {
        assert_eq!(facts(&line(&message)), "", "{message}");
    }
    // A log line with a failure: any line may report it.
    assert_eq!(facts(&line(&call("my.app"))), "logs");
}

#[test]
fn the_alias_is_the_qualifier_of_the_invoked_arn() {
    let arn = "arn:aws:lambda:us-east-1:111122223333:function:triage";
    for (qualifier, alias) in [
        ("", Alias::None),
        (":$LATEST", Alias::None),
        (":7", Alias::None),
        (":events", Alias::Events),
        (":direct", Alias::Direct),
        (":live", Alias::Direct),
    ] {
        assert_eq!(Alias::of_invoked_arn(&format!("{arn}{qualifier}")), alias, "{qualifier}");
    }
    assert_eq!(Alias::of_invoked_arn(""), Alias::None);
}

#[test]
fn a_declared_group_is_known_by_name_and_account() {
    let is = |declared: &str, owner, group| TrailLogGroup::parse(declared).unwrap().is(owner, group, Some("1"));
    assert!(is("a*", Some("1"), "ab") && is("a", Some("1"), "a"));
    assert!(!is("a", Some("1"), "ab") && !is("a*", Some("2"), "ab") && !is("a*", None, "ab"));
    assert!(is("123456789012:a*", Some("123456789012"), "ab") && !is("123456789012:a*", Some("1"), "ab"));
    assert!(is("arn:aws:logs:us-east-1:123456789012:log-group:a/b:*", Some("123456789012"), "a/b"));
    for wrong in ["", "*", "a*b", "12:a", "x:a"] {
        assert!(TrailLogGroup::parse(wrong).is_err(), "{wrong}");
    }
}
