use serde_json::{Value, json};
use triage_model::caller::Caller;
use triage_model::classify::{Cause, classify};
use triage_model::grant::Grant;
use triage_model::observation::{Failure, Observation, Operation, Origin};
use triage_model::problem::ProblemName;

use crate::batch::{Batch, InputKind};
use crate::read::decode;
use crate::testing::{envelope, failures, record, setting};

fn decoded(record: &Value) -> Batch {
    decode(&envelope(record).to_string(), &setting())
}

/// The only failure in a record with these members.
fn failure(more: Value) -> Failure {
    let batch = decoded(&record(more));
    match failures(&batch.observations).as_slice() {
        [failure] => (*failure).clone(),
        other => panic!("{other:?} {:?}", batch.problems),
    }
}

fn failed(more: Value) -> Failure {
    let mut with_code = json!({"errorCode": "InternalServerException"});
    for (key, value) in more.as_object().unwrap() {
        with_code[key] = value.clone();
    }
    failure(with_code)
}

#[test]
fn a_failure_is_read_in_full() {
    let failure = failure(json!({"errorCode": "InternalServerException", "errorMessage": "oops"}));
    assert_eq!(
        failure,
        Failure {
            id: "request-1".into(),
            event_id: Some("event-1".into()),
            request_id: Some("request-1".into()),
            origin: Origin::CloudTrail,
            region: setting().regions.find("us-east-1"),
            is_region_assumed: false,
            operation: Some(Operation::CreateToken),
            code: Some("InternalServerException".into()),
            inner_code: None,
            status: None,
            message: Some("oops".into()),
            reason: None,
            grant_type: Some("refresh_token".into()),
            no_answer: false,
            caller: Caller::User("94d00cd8".into()),
            client_id: Some("client-1".into()),
            user_agent: Some("aws-cli/2.31.0".into()),
            address: Some("203.0.113.7".into()),
            occurred_at: "2026-11-22T11:58:00Z".parse().unwrap(),
            request: None,
            account: triage_model::account::Account::of("111122223333"),
            program: None,
            replayed: false,
            answer_only: false,
        }
    );
}

#[test]
fn a_success_is_read_and_an_old_one_only_counted() {
    let batch = decoded(&record(json!({})));
    let [Observation::Success(success)] = batch.observations.as_slice() else { panic!("{batch:?}") };
    assert_eq!((success.id.as_str(), success.operation), ("request-1", Operation::CreateToken));
    assert_eq!(success.caller, Caller::User("94d00cd8".into()));
    assert_eq!((success.grant(), success.client_id.as_deref()), (Some(Grant::RefreshToken), Some("client-1")));

    let batch = decoded(&record(json!({"eventTime": "2026-11-22T10:59:59Z", "awsRegion": "nowhere"})));
    assert_eq!((batch.observations.len(), batch.old_successes), (0, 1));
    assert!(batch.problems.is_empty());
}

#[test]
fn a_failure_may_come_without_an_error_code() {
    let of_service = failure(json!({"eventType": "AwsServiceEvent",
        "serviceEventDetails": {"CreateToken": "Failure", "reason": "KMS_DisabledException", "statusCode": 400}}));
    assert_eq!((of_service.code.as_deref(), of_service.status), (Some("400"), Some(400)));
    assert_eq!(of_service.reason.as_deref(), Some("KMS_DisabledException"));

    let bare = failure(json!({"serviceEventDetails": {"CreateToken": "Failure"}}));
    assert_eq!((bare.code, bare.status), (None, None));

    let answered = failure(json!({"responseElements": {"error": "invalid_grant", "error_description": "expired"}}));
    assert_eq!(answered.code.as_deref(), Some("InvalidGrantException"));
    assert_eq!(answered.message.as_deref(), Some("expired"));

    assert_eq!(failure(json!({"errorMessage": "no"})).code, None);
    assert_eq!(failure(json!({"httpStatusCode": 503})).code.as_deref(), Some("503"));
}

#[test]
fn a_second_code_in_the_details_is_the_inner_one() {
    let both = failed(json!({"serviceEventDetails": {"errorCode": "ThrottlingException"}}));
    assert_eq!(both.code.as_deref(), Some("InternalServerException"));
    assert_eq!(both.inner_code.as_deref(), Some("ThrottlingException"));
    assert_eq!(failed(json!({"additionalEventData": {"errorCode": "InternalServerException"}})).inner_code, None);
}

#[test]
fn a_code_is_bare_and_a_bare_status_is_one_too() {
    for code in ["Server.SlowDownException", "com.amazonaws.sso.oidc#SlowDownException:http://x/"] {
        assert_eq!(failure(json!({"errorCode": code})).code.as_deref(), Some("SlowDownException"));
    }
    let status = failure(json!({"errorCode": 500}));
    assert_eq!((status.code.as_deref(), status.status), (Some("500"), Some(500)));
}

#[test]
fn all_event_sources_and_detail_types_of_ours_are_read() {
    for source in ["sso", "sso-oauth", "ssooidc", "sso-oidc"] {
        for suffix in ["", ".cn"] {
            failed(json!({"eventSource": format!("{source}.amazonaws.com{suffix}")}));
        }
    }
    for by in ["AWS", "Amazon"] {
        for what in ["API Call", "Service Event", "Network Activity Event"] {
            let mut event = envelope(&record(json!({"errorCode": "x"})));
            event["detail-type"] = format!("{by} {what} via CloudTrail").into();
            assert_eq!(decode(&event.to_string(), &setting()).observations.len(), 1);
        }
    }
    for operation in Operation::ALL {
        assert_eq!(failed(json!({"eventName": operation.as_str()})).operation, Some(operation));
    }
}

#[test]
fn the_record_decides_whether_it_is_ours() {
    for more in [
        json!({"eventSource": "license-manager.amazonaws.com"}),
        json!({"eventName": "ListAccounts"}),
        json!({"eventName": null}),
        json!({"eventName": ["CreateToken"]}),
    ] {
        let batch = decoded(&record(more));
        assert_eq!((batch.kind, batch.observations.len()), (InputKind::Foreign, 0));
        assert!(batch.problems.is_empty());
    }
    let mut event = envelope(&record(json!({"errorCode": "x"})));
    event["source"] = "aws.other".into();
    assert_eq!(decode(&event.to_string(), &setting()).kind, InputKind::CloudTrail);
    // Where the record does not say, the envelope does.
    event["detail"]["eventSource"] = Value::Null;
    assert_eq!(decode(&event.to_string(), &setting()).kind, InputKind::Foreign);
    for source in ["aws.sso", "aws.sso-oauth"] {
        event["source"] = source.into();
        assert_eq!(decode(&event.to_string(), &setting()).kind, InputKind::CloudTrail);
    }
}

#[test]
fn the_caller_is_named_by_the_best_evidence() {
    let principal = |name: &str| Caller::Principal(name.into());
    let table = [
        (json!({"onBehalfOf": {"userId": "u"}, "principalId": "p"}), Caller::User("u".into())),
        (json!({"onBehalfOf": [{"userId": "u"}]}), Caller::User("u".into())),
        (json!({"onBehalfOf": {"userId": ""}, "principalId": "p", "userName": "n"}), principal("p")),
        (json!({"principalId": "1", "accountId": "1", "userName": "n", "arn": "a"}), principal("n")),
        (json!({"principalId": 1, "accountId": 1, "userName": "", "arn": "a"}), principal("a")),
        (json!({"principalId": "Anonymous", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS", "arn": "a"}), principal("a")),
        (
            json!({"accountId": "1", "principalId": "1"}),
            Caller::Client { client_id: "client-1".into(), address: "203.0.113.7".into() },
        ),
    ];
    for (identity, caller) in table {
        assert_eq!(failed(json!({"userIdentity": identity.clone()})).caller, caller, "{identity}");
    }
    let by_address = failed(json!({"userIdentity": null, "requestParameters": null}));
    let (address, user_agent) = ("203.0.113.7".into(), "aws-cli/2.31.0".into());
    assert_eq!(by_address.caller, Caller::Address { address, user_agent });
    let nobody = json!({"userIdentity": null, "requestParameters": null, "sourceIPAddress": null});
    assert_eq!(failed(nobody).caller, Caller::Unknown);
}

#[test]
fn an_id_is_found_wherever_there_is_one() {
    assert_eq!(failed(json!({"requestID": null})).id, "event-1");
    let shared = json!({"requestID": null, "eventID": null, "sharedEventID": "shared-1"});
    assert_eq!(failed(shared).id, "shared-1");
    let of_envelope = failed(json!({"requestID": null, "eventID": ""}));
    assert_eq!((of_envelope.id.as_str(), of_envelope.event_id.as_deref()), ("envelope-1", Some("envelope-1")));

    let bare = record(json!({"requestID": null, "eventID": null, "errorCode": "x"})).to_string();
    let made = |text: &str| failures(&decode(text, &setting()).observations)[0].id.clone();
    assert!(made(&bare).starts_with("made-"));
    assert_eq!(made(&bare), made(&bare));
    assert_ne!(made(&bare), made(&bare.replace("94d00cd8", "another")));
}

#[test]
fn a_missing_time_is_the_envelopes_and_else_the_arrival() {
    let none = record(json!({"errorCode": "x", "eventTime": null}));
    let batch = decoded(&none);
    assert_eq!(batch.observations[0].occurred_at(), "2026-11-22T11:58:00Z".parse().unwrap());
    assert!(batch.problems.is_empty());

    let batch = decode(&none.to_string(), &setting());
    assert_eq!(batch.observations[0].occurred_at(), setting().now);
    assert_eq!(batch.problems.count(ProblemName::TimeInvalid), 1);

    let batch = decoded(&record(json!({"errorCode": "x", "eventTime": "yesterday"})));
    assert_eq!(batch.observations[0].occurred_at(), "2026-11-22T11:58:00Z".parse().unwrap());
    assert_eq!(batch.problems.count(ProblemName::TimeInvalid), 1);
}

#[test]
fn a_region_that_does_not_exist_is_none_and_a_missing_one_has_its_stand_ins() {
    let batch = decoded(&record(json!({"errorCode": "x", "awsRegion": "us-esat-1"})));
    assert_eq!(failures(&batch.observations)[0].region, None);
    assert_eq!(batch.problems.iter().next(), Some((ProblemName::RegionUnknown, 1, "us-esat-1")));

    let none = record(json!({"errorCode": "x", "awsRegion": null}));
    let region = |batch: Batch| failures(&batch.observations)[0].region.clone();
    assert_eq!(region(decoded(&none)), setting().regions.find("us-east-1"));
    assert_eq!(region(decode(&none.to_string(), &setting())), Some(setting().default_region));
}

#[test]
fn wrong_types_are_noted_and_the_rest_is_read() {
    let batch = decoded(&record(json!({
        "errorCode": "x", "userIdentity": "bob", "requestParameters": [1], "sourceIPAddress": {"a": 1},
        "userAgent": 7, "requestID": true, "serviceEventDetails": 7,
    })));
    let failure = failures(&batch.observations)[0];
    assert_eq!((failure.user_agent.as_deref(), failure.id.as_str()), (Some("7"), "true"));
    let noted = batch.problems.iter().next().unwrap();
    assert_eq!(noted, (ProblemName::FieldWrongType, 1, "userIdentity, sourceIPAddress, requestParameters"));
}

#[test]
fn a_replayed_envelope_makes_replayed_observations() {
    let mut event = envelope(&record(json!({"errorCode": "x"})));
    event["replay-name"] = "archive".into();
    assert!(failures(&decode(&event.to_string(), &setting()).observations)[0].replayed);
}

#[test]
fn our_own_probe_is_counted_and_no_evidence() {
    for more in [
        json!({"userAgent": "aws-sdk-rust/1.3 app/oidc-triage"}),
        json!({"userAgent": "app/oidc-triage os/linux", "errorCode": "InternalServerException"}),
        json!({"requestParameters": {"clientId": "our-own-client-id"}}),
        json!({"requestID": "our-own-request-id", "errorCode": "InternalServerException"}),
    ] {
        let batch = decoded(&record(more));
        assert_eq!((batch.own, batch.observations.len()), (1, 0));
        assert_eq!(batch.problems.count(ProblemName::OwnProbe), 1);
    }
    assert_eq!(super::OWN_TOKEN, format!("app/{}", crate::batch::APP_NAME));
    for user_agent in ["app/oidc-triage-fork", "myapp/oidc-triage", "xapp/oidc-triage"] {
        assert_eq!(decoded(&record(json!({"userAgent": user_agent}))).own, 0, "{user_agent}");
    }
}

#[test]
fn texts_are_kept_in_bounds_and_secrets_not_at_all() {
    let failure = failed(json!({"errorMessage": "ä".repeat(2000), "userAgent": "x".repeat(2000)}));
    assert_eq!(failure.message.as_ref().unwrap().len(), 1024);
    assert_eq!(failure.user_agent.as_ref().unwrap().len(), 512);
    let shown = format!("{failure:?}");
    for secret in ["device-code-in-clear", "cdee2490", "HIDDEN"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn the_grant_and_the_application_are_read_of_failures_and_successes() {
    let arn = "arn:aws:sso::111122223333:application/ssoins-1/apl-2";
    let facts = |more: Value| match decoded(&record(more)).observations.as_slice() {
        [Observation::Failure(failure)] => (failure.grant(), failure.application().map(str::to_owned)),
        [Observation::Success(success)] => (success.grant(), success.application().map(str::to_owned)),
        other => panic!("{other:?}"),
    };
    for code in [Value::Null, "InvalidGrantException".into()] {
        let of_iam = json!({"eventName": "CreateTokenWithIAM", "errorCode": code,
            "requestParameters": {"clientId": arn, "grantType": "urn:ietf:params:oauth:grant-type:jwt-bearer"}});
        assert_eq!(facts(of_iam), (Some(Grant::Other), Some(arn.to_owned())));
        let none = json!({"eventName": "CreateTokenWithIAM", "errorCode": code, "requestParameters": null});
        assert_eq!(facts(none), (None, None));
        let wrong = json!({"errorCode": code, "requestParameters": {"clientId": arn, "grantType": ["refresh_token"]}});
        assert_eq!(facts(wrong), (None, None));
    }
}

/// A record as AWS or a company's trail writes it, with personal details replaced.
fn case(name: &str) -> Value {
    let text = match name {
        "with-iam-success" => include_str!("../../tests/data/trail/with-iam-success.json"),
        "success-false" => include_str!("../../tests/data/trail/success-false.json"),
        "network-activity-denied" => include_str!("../../tests/data/trail/network-activity-denied.json"),
        other => panic!("{other}"),
    };
    serde_json::from_str(text).unwrap()
}

/// Read as a fresh record, by itself and in an envelope.
fn of_case(record: &Value) -> Vec<Batch> {
    let setting = crate::batch::Setting { horizon: jiff::Timestamp::MIN, ..setting() };
    [record.to_string(), envelope(record).to_string()].iter().map(|text| decode(text, &setting)).collect()
}

fn caller_of(batch: &Batch) -> &Caller {
    match batch.observations.as_slice() {
        [Observation::Failure(failure)] => &failure.caller,
        [Observation::Success(success)] => &success.caller,
        other => panic!("{other:?} {:?}", batch.problems),
    }
}

#[test]
fn a_call_of_an_applications_role_has_the_person_the_token_is_for() {
    let mut record = case("with-iam-success");
    let person = Caller::User("00000000-1111-2222-3333-444444444444".into());
    for code in [Value::Null, "InvalidGrantException".into()] {
        record["errorCode"] = code;
        for batch in of_case(&record) {
            assert_eq!(caller_of(&batch), &person);
            assert!(batch.problems.is_empty(), "{:?}", batch.problems);
        }
    }
    let [Observation::Failure(failure)] = &of_case(&record)[0].observations[..] else { panic!("no failure") };
    assert_eq!(failure.grant(), Some(Grant::Other));
    assert_eq!(
        failure.application(),
        Some("arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-1234567890abcdef")
    );
}

#[test]
fn one_person_is_one_caller_in_every_form_and_place() {
    const UUID: &str = "94d00cd8-e9e6-4810-b177-b08e84775435";
    let with_directory = format!("d-1234567890-{UUID}");
    for id in [UUID, &with_directory] {
        for (identity, additional) in [
            (json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": id}}), Value::Null),
            (json!({"type": "AssumedRole", "principalId": "AROA:s"}), json!({"identitystore:UserId": id})),
            // The form of records before July 2025.
            (json!({"type": "Unknown", "principalId": id, "userName": "ana@example.com"}), Value::Null),
            (json!({"type": "Unknown", "accountId": "1", "principalId": "1", "userName": id}), Value::Null),
        ] {
            let more = json!({"userIdentity": identity, "additionalEventData": additional});
            assert_eq!(failed(more.clone()).caller, Caller::User(UUID.into()), "{more}");
            assert_eq!(caller_of(&decoded(&record(more))), &Caller::User(UUID.into()));
        }
    }
}

#[test]
fn where_no_person_is_named_the_role_is_the_caller() {
    let mut record = case("with-iam-success");
    let role = Caller::Principal("AROAEXAMPLEEXAMPLE000:portal-backend".into());
    for additional in [
        Value::Null,
        json!({}),
        json!([]),
        json!("x"),
        json!({"identitystore:UserId": null}),
        json!({"identitystore:UserId": ""}),
        json!({"identitystore:UserId": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
        json!({"identitystore:UserId": {"a": 1}}),
        json!({"onBehalfOf": {"userId": " "}}),
    ] {
        record["additionalEventData"] = additional.clone();
        of_case(&record).iter().for_each(|batch| assert_eq!(caller_of(batch), &role, "{additional}"));
    }
}

#[test]
fn a_person_is_found_in_every_place_and_the_identitys_own_is_preferred() {
    let on_behalf = |id: &str| json!({"userId": id});
    for (identity, session, additional, person) in [
        (
            json!({"userId": "a"}),
            on_behalf("b"),
            json!({"onBehalfOf": on_behalf("c"), "identitystore:UserId": "d"}),
            "a",
        ),
        (json!([{"UserId": "a"}]), Value::Null, json!({"identitystore:UserId": "d"}), "a"),
        (Value::Null, on_behalf("b"), json!({"onBehalfOf": on_behalf("c"), "identitystore:UserId": "d"}), "b"),
        (json!([]), json!([{"userID": "b"}]), Value::Null, "b"),
        (on_behalf(""), on_behalf("HIDDEN_DUE_TO_SECURITY_REASONS"), json!({"onBehalfOf": on_behalf("c")}), "c"),
        (Value::Null, Value::Null, json!({"identitystore:UserId": "d", "onBehalfOf": [on_behalf("c")]}), "c"),
        (Value::Null, Value::Null, json!({"sessionContext": {"onBehalfOf": on_behalf("c")}}), "c"),
        (json!({}), json!({}), json!({"identitystore:UserId": "d", "onBehalfOf": {}}), "d"),
    ] {
        let mut record = case("with-iam-success");
        record["userIdentity"]["onBehalfOf"] = identity;
        record["userIdentity"]["sessionContext"]["onBehalfOf"] = session;
        record["additionalEventData"] = additional;
        let expected = Caller::User(person.into());
        of_case(&record).iter().for_each(|batch| assert_eq!(caller_of(batch), &expected, "{record}"));
    }
}

#[test]
fn a_call_refused_by_a_vpc_endpoint_is_a_failure_and_a_passed_one_is_nothing() {
    let mut record = case("network-activity-denied");
    let mut batches = of_case(&record);
    batches.push(decode(&json!({"Records": [record.clone()]}).to_string(), &setting()));
    for by in ["AWS", "Amazon"] {
        let mut event = envelope(&record);
        event["detail-type"] = format!("{by} Network Activity Event via CloudTrail").into();
        batches.push(decode(&event.to_string(), &setting()));
    }
    for batch in batches {
        let [Observation::Failure(failure)] = &batch.observations[..] else { panic!("{batch:?}") };
        assert_eq!(failure.code.as_deref(), Some("VpceAccessDenied"));
        assert_eq!(failure.operation, Some(Operation::CreateTokenWithIam));
        assert_eq!(classify(&**failure).cause, Cause::Admin);
        assert!(batch.problems.is_empty(), "{:?}", batch.problems);
    }
    record["errorCode"] = Value::Null;
    record["errorMessage"] = Value::Null;
    for part in ["eventCategory", "eventType"] {
        let mut record = record.clone();
        record[part] = Value::Null;
        for batch in of_case(&record) {
            assert_eq!((batch.observations.len(), batch.old_successes), (0, 0), "{part}");
            assert!(batch.problems.is_empty(), "{:?}", batch.problems);
        }
    }
}

#[test]
fn a_missing_success_is_neither_served_nor_a_failure() {
    let record = case("success-false");
    for batch in of_case(&record) {
        assert_eq!((batch.observations.len(), batch.old_successes, batch.kind), (0, 0, InputKind::CloudTrail));
        assert_eq!(batch.problems.iter().next(), Some((ProblemName::OutcomeUnknown, 1, "CreateToken")));
    }
    for success in [json!(false), json!("False"), json!("no")] {
        for part in ["additionalEventData", "responseElements"] {
            let mut record = record.clone();
            record["additionalEventData"] = Value::Null;
            record[part] = json!({"success": success});
            of_case(&record).iter().for_each(|batch| assert!(batch.observations.is_empty(), "{record}"));
        }
    }
    // A named error is still a failure, and `true` a success.
    let more = json!({"additionalEventData": {"success": "false"}, "errorCode": "SlowDownException"});
    assert_eq!(failure(more).code.as_deref(), Some("SlowDownException"));
    for success in [json!(true), json!("true")] {
        let batch = decoded(&self::record(json!({"additionalEventData": {"success": success}})));
        assert!(matches!(batch.observations[..], [Observation::Success(_)]), "{batch:?}");
    }
}
