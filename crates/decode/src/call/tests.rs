use serde_json::{Value, json};
use triage_model::caller::Caller;
use triage_model::observation::{Failure, Operation, Origin};
use triage_model::problem::ProblemName;
use triage_model::redact::Secret;

use crate::batch::{Batch, InputKind};
use crate::read::decode;
use crate::testing::{failures, setting};

fn call(more: Value) -> Value {
    let mut call = json!({
        "operation": "CreateToken", "region": "us-east-1", "occurredAt": "2026-11-22T09:00:00Z",
        "caller": "ci-runner-7",
        "error": {"code": "InternalServerException", "status": 500, "message": null, "requestId": "request-1"},
    });
    for (key, value) in more.as_object().unwrap() {
        call[key] = value.clone();
    }
    call
}

fn direct(more: Value) -> Batch {
    decode(&call(more).to_string(), &setting())
}

fn on_the_bus(more: Value) -> Batch {
    let envelope = json!({"version": "0", "id": "envelope-1", "detail-type": "SSO OIDC Call Failed", "source": "my.ci",
        "time": "2026-11-22T11:00:00Z", "region": "eu-west-1", "detail": call(more)});
    decode(&envelope.to_string(), &setting())
}

fn only(batch: &Batch) -> &Failure {
    match failures(&batch.observations).as_slice() {
        [failure] => failure,
        other => panic!("{other:?} {:?}", batch.problems),
    }
}

fn detail(batch: &Batch, name: ProblemName) -> &str {
    batch.problems.iter().find(|(noted, ..)| *noted == name).map(|(.., detail)| detail).unwrap()
}

#[test]
fn a_direct_call_is_read_in_full_with_its_secrets() {
    let batch = direct(json!({"request": {"clientId": "c", "clientSecret": "s3cr3t", "grantType": "refresh_token",
        "refreshToken": "t0ken", "scope": "a b", "redirect_uri": "https://x"}}));
    assert_eq!(batch.kind, InputKind::CallDirect);
    assert!(batch.carries_secrets);
    assert!(batch.problems.is_empty(), "{:?}", batch.problems);
    let failure = only(&batch);
    assert_eq!((failure.id.as_str(), failure.origin), ("request-1", Origin::Call));
    assert_eq!(failure.operation, Some(Operation::CreateToken));
    assert_eq!((failure.code.as_deref(), failure.status), (Some("InternalServerException"), Some(500)));
    assert_eq!(failure.caller, Caller::Named("ci-runner-7".into()));
    assert_eq!(failure.occurred_at, "2026-11-22T09:00:00Z".parse().unwrap());
    assert_eq!((failure.client_id.as_deref(), failure.grant_type.as_deref()), (Some("c"), Some("refresh_token")));
    let request = failure.request.as_ref().unwrap();
    assert_eq!(request.client_secret, Some(Secret::new("s3cr3t")));
    assert_eq!(request.refresh_token, Some(Secret::new("t0ken")));
    assert_eq!(
        (request.scope.as_slice(), request.redirect_uri.as_deref()),
        (&["a".into(), "b".into()][..], Some("https://x"))
    );
    assert!(!format!("{batch:?}").contains("s3cr3t"));
}

#[test]
fn secrets_on_the_bus_are_refused_by_name_and_the_failure_is_kept() {
    for (key, expected) in [
        ("clientSecret", "clientSecret"),
        ("client_secret", "client_secret"),
        ("deviceCode", "deviceCode"),
        ("userCode", "userCode"),
        ("code", "code"),
        ("refreshToken", "refreshToken"),
        ("codeVerifier", "codeVerifier"),
        ("assertion", "assertion"),
        ("subjectToken", "subjectToken"),
        ("accessToken", "accessToken"),
        ("idToken", "idToken"),
        ("clientsecrets", "clientsecrets"),
    ] {
        let batch = on_the_bus(json!({"request": {"clientId": "c", key: "s3cr3t"}}));
        assert_eq!(batch.kind, InputKind::CallEnvelope);
        assert!(batch.carries_secrets);
        assert_eq!(detail(&batch, ProblemName::SecretInEnvelope), expected);
        assert_eq!((only(&batch).request.as_ref(), only(&batch).client_id.as_deref()), (None, Some("c")));
        assert!(!format!("{batch:?}").contains("s3cr3t"));
    }
}

#[test]
fn a_call_in_a_queue_is_not_a_direct_invocation() {
    let body = call(json!({"request": {"clientSecret": "s3cr3t"}})).to_string();
    let batch = decode(
        &json!({"Records": [{"eventSource": "aws:sqs", "eventSourceARN": crate::testing::QUEUE, "messageId": "m1", "body": body}]}).to_string(),
        &setting(),
    );
    assert_eq!(batch.problems.count(ProblemName::SecretInEnvelope), 1);
    assert_eq!((only(&batch).request.as_ref(), batch.carries_secrets), (None, true));
}

#[test]
fn a_request_without_secrets_may_come_on_the_bus() {
    let batch =
        on_the_bus(json!({"operation": "RegisterClient", "request": {"clientName": "n", "clientType": "public",
        "grantTypes": ["a"], "redirectUris": ["b"], "scopes": ["c"], "clientSecret": null}}));
    assert!(batch.problems.is_empty() && !batch.carries_secrets);
    let request = only(&batch).request.as_ref().unwrap();
    assert_eq!((request.client_name.as_deref(), request.scopes.as_slice()), (Some("n"), &["c".into()][..]));
}

#[test]
fn a_secret_beside_the_request_is_carried_too() {
    let batch = on_the_bus(json!({"refreshToken": "s3cr3t"}));
    assert!(batch.carries_secrets);
    assert_eq!(detail(&batch, ProblemName::SecretInEnvelope), "refreshToken");
    assert_eq!(failures(&batch.observations).len(), 1);
}

#[test]
fn a_refused_call_still_carries_its_secrets() {
    let batch = direct(json!({"operation": "Nothing", "request": {"clientSecret": "s3cr3t"}}));
    assert!(batch.carries_secrets && batch.observations.is_empty());
    assert!(direct(json!({"request": "clientSecret=s3cr3t"})).carries_secrets);
}

#[test]
fn all_missing_members_are_reported_at_once() {
    let reasons = |more: Value| detail(&on_the_bus(more), ProblemName::CallInvalid).to_owned();
    assert_eq!(reasons(json!({"operation": null, "error": null})), "operation is required; error is required");
    assert_eq!(
        reasons(json!({"operation": "GetObject", "error": {}})),
        "operation is not one of the four; error.code or error.status is required"
    );
    assert_eq!(reasons(json!({"error": {"status": 42}})), "error.status is not an HTTP status");
    assert_eq!(reasons(json!({"error": "InternalServerException"})), "error is not an object");
    assert_eq!(direct(json!({"error": null})).problems.count(ProblemName::CallInvalid), 1);
    assert_eq!(direct(json!({"operation": null})).problems.count(ProblemName::CallInvalid), 1);
    let detail_missing = json!({"detail-type": "SSO OIDC Call Failed", "source": "my.ci"});
    assert_eq!(decode(&detail_missing.to_string(), &setting()).problems.count(ProblemName::CallInvalid), 1);
}

#[test]
fn a_status_alone_is_enough_and_is_the_code_too() {
    for status in [json!(503), json!("503")] {
        let batch = direct(json!({"operation": "createtoken", "error": {"status": status}}));
        assert_eq!((only(&batch).status, only(&batch).code.as_deref()), (Some(503), Some("503")));
    }
    let bare = direct(json!({"error": {"code": "500"}}));
    assert_eq!(only(&bare).status, Some(500));
}

#[test]
fn no_answer_is_known_by_the_clients_error() {
    assert!(only(&direct(json!({"error": {"code": "ECONNREFUSED"}}))).no_answer);
    assert!(!only(&direct(json!({"error": {"code": "TimeoutError", "status": 504}}))).no_answer);
    assert!(!only(&direct(json!({"error": {"code": "RequestTimeoutException"}}))).no_answer);
}

#[test]
fn the_time_is_the_calls_then_the_envelopes_then_the_arrival() {
    assert_eq!(only(&on_the_bus(json!({"occurredAt": null}))).occurred_at, "2026-11-22T11:00:00Z".parse().unwrap());
    let batch = direct(json!({"occurredAt": null}));
    assert_eq!((only(&batch).occurred_at, batch.problems.is_empty()), (setting().now, true));
    let batch = direct(json!({"occurredAt": "now"}));
    assert_eq!((only(&batch).occurred_at, batch.problems.count(ProblemName::TimeInvalid)), (setting().now, 1));
}

#[test]
fn the_region_is_the_calls_or_the_default_one() {
    assert_eq!(only(&on_the_bus(json!({"region": null}))).region, Some(setting().default_region));
    let batch = direct(json!({"region": "us-esat-1"}));
    assert_eq!((&only(&batch).region, batch.problems.count(ProblemName::RegionUnknown)), (&None, 1));
}

#[test]
fn a_caller_without_a_name_is_its_client() {
    let client = direct(json!({"caller": null, "request": {"clientId": "c"}}));
    assert_eq!(only(&client).caller, Caller::Client { client_id: "c".into(), address: String::new() });
    assert_eq!(only(&direct(json!({"caller": null}))).caller, Caller::Unknown);
}

#[test]
fn an_id_is_the_requests_then_the_envelopes_then_made() {
    let no_id = json!({"error": {"code": "x"}});
    assert_eq!(only(&on_the_bus(no_id.clone())).id, "envelope-1");
    assert!(only(&direct(no_id)).id.starts_with("made-"));
}

#[test]
fn an_unknown_request_is_reported_by_its_keys_and_not_used() {
    let batch =
        direct(json!({"request": {"clientIdd": "s3cr3t", "scopes": 7, "clientName": ["s3cr3t"], "clientType": "x"}}));
    assert_eq!(detail(&batch, ProblemName::RequestInvalid), "not understood: clientIdd, clientName, scopes");
    assert_eq!(only(&batch).request, None);
    assert!(!format!("{batch:?}").contains("s3cr3t"));
    let too_long = direct(json!({"request": {"clientName": "x".repeat(65 * 1024)}}));
    assert_eq!(too_long.problems.count(ProblemName::RequestInvalid), 1);
}

#[test]
fn inputs_of_a_token_exchange_are_known_though_never_used() {
    let batch = direct(json!({"operation": "CreateTokenWithIAM", "request": {"clientId": "arn", "assertion": "s3cr3t",
        "subjectTokenType": "x", "requestedTokenType": "y"}}));
    assert!(batch.problems.is_empty() && batch.carries_secrets);
    assert!(!format!("{batch:?}").contains("s3cr3t"));
}
