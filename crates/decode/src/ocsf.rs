//! OCSF records: CloudTrail in CloudWatch's unified store and in Security Lake.
//!
//! In: JSON text, or the objects of a log line. Out: the CloudTrail records behind its OCSF records, as far as SSO OIDC
//! needs them, for [`crate::cloudtrail`] to read; or only the caller that the first one names. The members are those of
//! the class API Activity; members without a place in OCSF are under `unmapped` by CloudTrail's names.

use std::sync::LazyLock;

use jiff::Timestamp;
use memchr::memmem;
use serde_json::{Map, Value, json};
use triage_model::caller::Caller;

use crate::values;

/// A record in a collector's envelope in a field of a log line nests no deeper.
const DEPTH_MAX: usize = 16;

/// Whether a text, escaped or not, can contain such a record.
pub fn may_stand_in(text: &str) -> bool {
    static CLASS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("class_uid"));
    CLASS.find(text.as_bytes()).is_some() && memmem::find(text.as_bytes(), b"CloudTrail").is_some()
}

/// The CloudTrail records in a JSON text, wherever a collector puts them. None if there are none.
pub fn trail_records(text: &str) -> Vec<String> {
    let mut records = Vec::new();
    if let Some(value) = json_in(text) {
        gather(&value, 0, &mut records);
    }
    records
}

fn gather(value: &Value, depth: usize, records: &mut Vec<String>) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(map) if is_record(map) => records.extend(trail_record(map).map(|record| record.to_string())),
        Value::Object(map) => map.values().for_each(|value| gather(value, depth + 1, records)),
        Value::Array(list) => list.iter().for_each(|value| gather(value, depth + 1, records)),
        Value::String(text) => {
            if let Some(value) = json_in(text) {
                gather(&value, depth + 1, records);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The CloudTrail record behind an OCSF record. None for one of another product.
fn trail_record(record: &Map<String, Value>) -> Option<Value> {
    let is_of_cloudtrail = |path: &str| text_at(record, path).is_some_and(|name| name.contains("CloudTrail"));
    if !["metadata.product.name", "metadata.log_provider", "metadata.log_name"].into_iter().any(is_of_cloudtrail) {
        return None;
    }
    let first_of = |paths: &[&str]| paths.iter().find_map(|path| text_at(record, path));
    let mut trail = unmapped(record);
    for (member, paths) in [
        ("eventSource", &["api.service.name"][..]),
        ("eventName", &["api.operation"]),
        ("eventID", &["metadata.uid"]),
        ("requestID", &["api.request.uid"]),
        ("awsRegion", &["cloud.region"]),
        ("sourceIPAddress", &["src_endpoint.ip", "src_endpoint.domain"]),
        ("userAgent", &["http_request.user_agent"]),
        ("errorCode", &["api.response.error"]),
    ] {
        if let Some(text) = first_of(paths) {
            trail.insert(member.into(), text.into());
        }
    }
    for (member, path) in [("requestParameters", "api.request.data"), ("responseElements", "api.response.data")] {
        if let (false, Some(data)) = (trail.contains_key(member), at(record, path)) {
            trail.insert(member.into(), whole(data));
        }
    }
    let milliseconds = || Timestamp::from_millisecond(at(record, "time")?.as_i64()?).ok();
    let time = first_of(&["time_dt"]).or_else(|| milliseconds().map(|time| time.to_string()));
    if let Some(time) = time.or_else(|| first_of(&["metadata.original_time"])) {
        trail.insert("eventTime".into(), time.into());
    }
    trail.insert(
        "userIdentity".into(),
        match caller_of(record) {
            Some(Caller::User(id)) => json!({"onBehalfOf": {"userId": id}}),
            Some(caller) => json!({"principalId": caller.to_string()}),
            None => Value::Null,
        },
    );
    if let Some(status) = first_of(&["api.response.code"]).filter(|code| values::status(code).is_some()) {
        trail.insert("httpStatusCode".into(), status.into());
    }
    note_end(record, &mut trail);
    Some(Value::Object(trail))
}

/// How the call ended, if no error code says it.
fn note_end(record: &Map<String, Value>, trail: &mut Map<String, Value>) {
    let first_of = |paths: &[&str]| paths.iter().find_map(|path| text_at(record, path));
    let is = |word: &str, id: &str| {
        first_of(&["status"]).is_some_and(|text| text.eq_ignore_ascii_case(word))
            || first_of(&["status_id"]).is_some_and(|text| text == id)
    };
    let failed = is("Failure", "2");
    if failed || trail.contains_key("errorCode") {
        // A served call may have a message too, and that is not an error's.
        let message = first_of(&["api.response.error_message", "api.response.message", "status_detail"]);
        if let Some(message) = message {
            trail.insert("errorMessage".into(), message.into());
        }
        if let (false, Some(code)) = (trail.contains_key("errorCode"), first_of(&["status_code"])) {
            trail.insert("errorCode".into(), code.into());
        }
    }
    let said = if failed {
        json!({"status": "Failure"})
    } else if is("Success", "1") {
        return;
    } else {
        // Only an explicit statement means served.
        json!({"success": false})
    };
    match trail.get_mut("serviceEventDetails") {
        Some(Value::Object(details)) => details.extend(said.as_object().cloned().unwrap_or_default()),
        Some(_) | None => drop(trail.insert("serviceEventDetails".into(), said)),
    }
}

/// Members without a place in OCSF, nested again: they appear as an object, as dotted names, as pairs or as text.
fn unmapped(record: &Map<String, Value>) -> Map<String, Value> {
    let mut nested = Map::new();
    match record.get("unmapped").map(whole) {
        Some(Value::Object(map)) => map.iter().for_each(|(path, value)| put(&mut nested, path, whole(value))),
        Some(Value::Array(pairs)) => {
            for pair in &pairs {
                if let [Value::String(path), value] = pair.as_array().map_or(&[][..], Vec::as_slice) {
                    put(&mut nested, path, whole(value));
                }
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
    }
    nested
}

fn put(map: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        Some((first, rest)) if path.matches('.').count() <= DEPTH_MAX => {
            let inner = map.entry(first).or_insert_with(|| json!({}));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
        Some(_) | None => drop(map.insert(path.to_owned(), value)),
    }
}

/// A value; a text is parsed if it is an object or a list.
fn whole(value: &Value) -> Value {
    value.as_str().and_then(json_in).unwrap_or_else(|| value.clone())
}

/// A non-empty text or a number.
fn text_at(map: &Map<String, Value>, path: &str) -> Option<String> {
    let text = match at(map, path)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!matches!(text.as_str(), "" | "null")).then_some(text)
}

/// The caller of the first OCSF record, which may be nested or text in a field.
pub fn caller(objects: &[Value]) -> Option<Caller> {
    objects.iter().find_map(|object| find(object, 0))
}

fn find(value: &Value, depth: usize) -> Option<Caller> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::Object(map) if is_record(map) => caller_of(map),
        Value::Object(map) => map.values().find_map(|value| find(value, depth + 1)),
        Value::Array(list) => list.iter().find_map(|value| find(value, depth + 1)),
        Value::String(text) => find(&json_in(text)?, depth + 1),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A text parsed as an object or a list.
fn json_in(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['{', '[']).then(|| serde_json::from_str(text).ok())?
}

fn is_record(map: &Map<String, Value>) -> bool {
    map.contains_key("class_uid") && (at(map, "metadata.version").is_some() || at(map, "metadata.product").is_some())
}

/// The value at a path, whether its parts are nested or written as one dotted name.
fn at<'v>(map: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    map.get(path).or_else(|| {
        path.match_indices('.').find_map(|(dot, _)| at(map.get(&path[..dot])?.as_object()?, &path[dot + 1..]))
    })
}

fn name_at(map: &Map<String, Value>, path: &str) -> Option<String> {
    match at(map, path)? {
        Value::String(text) => values::person(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn caller_of(record: &Map<String, Value>) -> Option<Caller> {
    // OCSF has no member for the person behind a role.
    let person = || {
        let unmapped = Value::Object(unmapped(record));
        ["onbehalfofuserid", "identitystoreuserid"].iter().find_map(|key| person_in(&unmapped, "", key, 0))
    };
    let user = || ["actor.user", "user"].iter().find_map(|user| user_at(record, user));
    person().map(|id| Caller::user(&id)).or_else(user)
}

/// OCSF versions differ in which id is the ARN; either may be a user id of Identity Center.
fn user_at(record: &Map<String, Value>, user: &str) -> Option<Caller> {
    let text = |member: &str| name_at(record, &format!("{user}.{member}"));
    let account = text("account.uid").or_else(|| text("account_uid"));
    let ids = [text("uid"), text("uid_alt")];
    let is_arn = |id: &&String| id.starts_with("arn:");
    let id = ids.iter().flatten().find(|id| !is_arn(id) && Some(*id) != account.as_ref()).cloned();
    let is_person = text("type").is_some_and(|name| name.eq_ignore_ascii_case("IdentityCenterUser"));
    match id {
        Some(id) if is_person => Some(Caller::user(&id)),
        Some(id) => Some(Caller::principal(id)),
        None => {
            let arn = || ids.iter().flatten().find(is_arn).cloned();
            text("name").or_else(arn).map(Caller::principal)
        }
    }
}

/// The name under a key with that ending, in lower case and without separators: members are nested, dotted or text.
fn person_in(value: &Value, path: &str, ending: &str, depth: usize) -> Option<String> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::String(text) if path.ends_with(ending) => values::person(text),
        Value::String(text) => person_in(&json_in(text)?, path, ending, depth + 1),
        Value::Array(list) => list.iter().find_map(|value| person_in(value, path, ending, depth + 1)),
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let letters = key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
            let path: String = path.chars().chain(letters).collect();
            person_in(value, &path, ending, depth + 1)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use triage_model::observation::Observation;
    use triage_model::problem::ProblemName;

    use super::*;
    use crate::batch::Batch;
    use crate::read::decode;
    use crate::testing::{failures, gzip, setting, subscription};

    fn record(more: Value) -> Value {
        let mut record =
            json!({"class_uid": 3002, "metadata": {"version": "1.5.0", "product": {"name": "CloudTrail"}}});
        for (key, value) in more.as_object().unwrap() {
            record[key] = value.clone();
        }
        record
    }

    fn of(more: Value) -> Option<Caller> {
        caller(&[record(more)])
    }

    fn user(id: &str) -> Option<Caller> {
        Some(Caller::User(id.into()))
    }

    fn principal(name: &str) -> Option<Caller> {
        Some(Caller::Principal(name.into()))
    }

    #[test]
    fn a_user_of_identity_center_is_a_person_by_either_id() {
        for (actor, expected) in [
            (json!({"type": "IdentityCenterUser", "uid": "u"}), user("u")),
            (json!({"type": "IdentityCenterUser", "uid_alt": "u", "uid": null}), user("u")),
            (json!({"type": "IdentityCenterUser", "uid_alt": "u", "uid": ""}), user("u")),
            (json!({"type": "IdentityCenterUser", "uid_alt": "u", "uid": "arn:aws:x"}), user("u")),
            (json!({"type": "identitycenteruser", "uid": 7}), user("7")),
            (
                json!({"type": "IdentityCenterUser", "uid": "HIDDEN_DUE_TO_SECURITY_REASONS", "name": "n"}),
                principal("n"),
            ),
            (json!({"type": "IdentityCenterUser", "account": {"uid": "1"}, "uid": "1"}), None),
            (json!({"type": "IdentityCenterUser"}), None),
            (json!("u"), None),
            (Value::Null, None),
        ] {
            assert_eq!(of(json!({"actor": {"user": actor.clone()}})), expected, "{actor}");
        }
    }

    #[test]
    fn every_other_actor_is_the_principal_that_cloudtrail_names() {
        for (actor, expected) in [
            (json!({"type": "AssumedRole", "uid": "arn:aws:sts::1:x", "uid_alt": "AROA:s"}), principal("AROA:s")),
            (json!({"type": "AssumedRole", "uid": "AROA:s", "uuid": "arn:aws:sts::1:x"}), principal("AROA:s")),
            (json!({"type": "IAMUser", "uid": "arn:aws:iam::1:user/n", "name": "n"}), principal("n")),
            (json!({"type": "IAMUser", "uid": "arn:aws:iam::1:user/n"}), principal("arn:aws:iam::1:user/n")),
            (json!({"type": "Unknown", "uid": "1", "account": {"uid": "1"}, "name": "n"}), principal("n")),
            (json!({"name": "n"}), principal("n")),
        ] {
            assert_eq!(of(json!({"actor": {"user": actor.clone()}})), expected, "{actor}");
        }
    }

    #[test]
    fn the_person_behind_a_role_is_an_unmapped_member() {
        let actor = json!({"user": {"type": "AssumedRole", "uid": "AROA:s"}});
        for unmapped in [
            json!({"additionalEventData.identitystore:UserId": "u"}),
            json!({"additionalEventData": {"identitystore:UserId": "u"}}),
            json!({"additionalEventData": r#"{"identitystore:UserId":"u"}"#}),
            json!(r#"{"additionalEventData":{"identitystore:UserId":"u"}}"#),
            json!({"additionalEventData": {"identitystore:UserId": "v"}, "userIdentity": {"onBehalfOf": [{"userId": "u"}]}}),
            json!({"additionalEventData.onBehalfOf.userId": "u"}),
        ] {
            let caller = of(json!({"actor": actor, "unmapped": unmapped.clone()}));
            assert_eq!(caller, user("u"), "{unmapped}");
        }
        for unmapped in [json!({"additionalEventData.identitystore:UserId": ""}), json!({"userId": "u"}), json!([])] {
            let caller = of(json!({"actor": actor, "unmapped": unmapped.clone()}));
            assert_eq!(caller, principal("AROA:s"), "{unmapped}");
        }
    }

    #[test]
    fn a_record_is_found_where_a_collector_puts_it() {
        let record = record(json!({"actor": {"user": {"type": "IdentityCenterUser", "uid": "u"}}}));
        for around in [
            record.clone(),
            json!({"message": record.clone()}),
            json!({"log": record.to_string()}),
            json!({"events": [{"x": 1}, record.clone()]}),
        ] {
            assert_eq!(caller(std::slice::from_ref(&around)), user("u"), "{around}");
        }
        let dotted = json!({"class_uid": 3002, "metadata.version": "1.5.0", "actor.user.uid": "u",
            "actor.user.type": "IdentityCenterUser"});
        assert_eq!(caller(&[dotted]), user("u"));
        assert_eq!(of(json!({"user": {"type": "IdentityCenterUser", "uid": "u"}})), user("u"));
    }

    /// A CloudTrail record in its mapping to OCSF 1.5, with `unmapped` as an object of dotted names.
    fn of_trail(trail: &Value) -> Value {
        let is_failure = !trail["errorCode"].is_null();
        json!({
            "class_uid": 6003,
            "class_name": "API Activity",
            "metadata": {"version": "1.5.0", "uid": trail["eventID"], "event_code": trail["eventType"],
                "product": {"name": "CloudTrail", "vendor_name": "AWS", "version": trail["eventVersion"]}},
            "time": 1_795_348_680_000_i64,
            "cloud": {"provider": "AWS", "region": trail["awsRegion"]},
            "api": {"operation": trail["eventName"], "service": {"name": trail["eventSource"]},
                "request": {"uid": trail["requestID"]},
                "response": {"error": trail["errorCode"], "message": trail["errorMessage"]}},
            "actor": {"user": {"type": trail["userIdentity"]["type"], "account": {"uid": "111122223333"}}},
            "src_endpoint": {"ip": trail["sourceIPAddress"]},
            "http_request": {"user_agent": trail["userAgent"]},
            "status": if is_failure { "Failure" } else { "Success" },
            "status_id": if is_failure { 2 } else { 1 },
            "unmapped": {
                "userIdentity.onBehalfOf.userId": trail["userIdentity"]["onBehalfOf"]["userId"],
                "requestParameters.clientId": trail["requestParameters"]["clientId"],
                "requestParameters.grantType": trail["requestParameters"]["grantType"],
                "eventType": trail["eventType"], "recipientAccountId": "111122223333", "readOnly": "false",
            },
        })
    }

    fn trail(more: Value) -> Value {
        crate::testing::record(more)
    }

    fn decoded(payload: &str) -> Batch {
        let batch = decode(payload, &setting());
        assert!(batch.problems.is_empty(), "{:?}", batch.problems);
        batch
    }

    fn in_logs(lines: &[String]) -> String {
        let event = |(at, line): (usize, &String)| json!({"id": at.to_string(), "timestamp": 1_795_348_680_000_i64, "message": line});
        let events: Vec<Value> = lines.iter().enumerate().map(event).collect();
        let document = json!({"messageType": "DATA_MESSAGE", "logGroup": "aws/cloudtrail", "logEvents": events});
        subscription(&gzip(document.to_string().as_bytes()))
    }

    #[test]
    fn a_record_equals_its_cloudtrail_record() {
        for more in [
            json!({"errorCode": "InternalServerException"}),
            json!({"errorCode": "InvalidGrantException", "errorMessage": "expired", "awsRegion": "eu-west-1"}),
            json!({"eventName": "CreateTokenWithIAM", "eventSource": "sso-oauth.amazonaws.com"}),
            json!({}),
        ] {
            let trail = trail(more);
            let expected = decoded(&trail.to_string());
            let record = of_trail(&trail).to_string();
            for payload in [record.clone(), in_logs(std::slice::from_ref(&record))] {
                assert_eq!(decoded(&payload).observations, expected.observations, "{payload}");
            }
        }
    }

    #[test]
    fn unmapped_members_are_read_in_each_form() {
        let dotted = json!({"requestParameters.clientId": "c", "additionalEventData.identitystore:UserId": "u"});
        let texts = json!({"requestParameters": r#"{"clientId":"c"}"#, "additionalEventData": r#"{"identitystore:UserId":"u"}"#});
        let pairs = json!([["requestParameters.clientId", "c"], ["additionalEventData.identitystore:UserId", "u"]]);
        for unmapped in [dotted.clone(), texts, pairs, dotted.to_string().into()] {
            let mut record = of_trail(&trail(json!({"errorCode": "SlowDownException"})));
            record["unmapped"] = unmapped.clone();
            let batch = decoded(&record.to_string());
            let [Observation::Failure(failure)] = batch.observations.as_slice() else { panic!("{batch:?}") };
            assert_eq!(
                (failure.client_id.as_deref(), &failure.caller),
                (Some("c"), &Caller::User("u".into())),
                "{unmapped}"
            );
        }
    }

    #[test]
    fn served_needs_a_statement_and_a_failure_needs_no_code() {
        for (status, id, expected) in [
            (json!("Success"), json!(1), "served"),
            (Value::Null, json!(1), "served"),
            (json!("success"), Value::Null, "served"),
            (json!("Failure"), Value::Null, "failed"),
            (Value::Null, json!(2), "failed"),
            (Value::Null, json!("2"), "failed"),
            (json!("Unknown"), json!(0), "neither"),
            (Value::Null, Value::Null, "neither"),
        ] {
            let mut record = of_trail(&trail(json!({})));
            record["status"] = status.clone();
            record["status_id"] = id.clone();
            // A served call may have a message.
            record["api"]["response"]["message"] = json!("OK");
            let batch = decode(&record.to_string(), &setting());
            let found = match batch.observations.as_slice() {
                [Observation::Success(_)] => "served",
                [Observation::Failure(_)] => "failed",
                [] => "neither",
                other => panic!("{other:?}"),
            };
            assert_eq!(found, expected, "{status} {id}");
            assert_eq!(batch.problems.count(ProblemName::OutcomeUnknown), u64::from(expected == "neither"));
        }
        let mut record = of_trail(&trail(json!({})));
        record["status"] = json!("Failure");
        record["api"]["response"] = json!({"code": 503, "error_message": "busy"});
        let batch = decoded(&record.to_string());
        let [Observation::Failure(failure)] = batch.observations.as_slice() else { panic!("{batch:?}") };
        assert_eq!((failure.code.as_deref(), failure.status), (Some("503"), Some(503)));
        assert_eq!(failure.message.as_deref(), Some("busy"));
    }

    #[test]
    fn a_line_of_another_service_is_ignored_and_one_of_another_product_is_text() {
        let foreign = of_trail(&trail(json!({"eventSource": "license-manager.amazonaws.com", "errorCode": "x"})));
        assert!(decoded(&in_logs(&[foreign.to_string()])).observations.is_empty());
        let mut other = of_trail(&trail(json!({"errorCode": "InternalServerException"})));
        other["metadata"]["product"]["name"] = json!("Our gateway");
        assert_eq!(trail_records(&other.to_string()), Vec::<String>::new());
        for text in ["", "{", "[]", "7", r#"{"class_uid":6003}"#, r#"{"class_uid":6003,"metadata":{"version":"1"}}"#] {
            assert_eq!(trail_records(text), Vec::<String>::new(), "{text}");
        }
        let deep = (0..100).fold(foreign, |inner, _| json!({ "a": inner }));
        assert_eq!(trail_records(&deep.to_string()), Vec::<String>::new());
    }

    #[test]
    fn all_records_in_a_collectors_message_are_read() {
        let record = |id: &str| of_trail(&trail(json!({"errorCode": "InternalServerException", "requestID": id})));
        let lines = [
            json!({"events": [record("1"), record("2")]}).to_string(),
            json!({"log": record("3").to_string()}).to_string(),
        ];
        let batch = decoded(&in_logs(&lines));
        let ids: Vec<_> = failures(&batch.observations).iter().map(|failure| failure.id.clone()).collect();
        assert_eq!(ids, ["1", "2", "3"]);
    }

    #[test]
    fn other_objects_name_nobody() {
        let actor = json!({"user": {"type": "IdentityCenterUser", "uid": "u"}});
        for object in [
            json!({"actor": actor}),
            json!({"class_uid": 3002, "actor": actor}),
            json!({"metadata": {"version": "1"}, "actor": actor}),
            json!("{broken"),
            json!(7),
        ] {
            assert_eq!(caller(std::slice::from_ref(&object)), None, "{object}");
        }
        let deep = (0..100).fold(record(json!({"actor": actor})), |inner, _| json!({ "a": inner }));
        assert_eq!(caller(&[deep]), None);
    }
}
