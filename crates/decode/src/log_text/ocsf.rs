//! Who called, in a record of OCSF, as the unified store of CloudWatch and Security Lake keep CloudTrail.
//!
//! In: the JSON objects of a log line. Out: the caller whom the first OCSF record among them names, equal to the one of the
//! CloudTrail record that it was made of. Nothing else of the record is read here.

use serde_json::{Map, Value};
use triage_model::caller::Caller;

use crate::values;

/// A record in a collector's envelope in a log line's field nests no deeper.
const DEPTH_MAX: usize = 16;

/// The caller of the first record of OCSF, which may be nested or stand as text in a field.
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

/// The object or list that a text is.
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
    // OCSF has no place for the person behind a role.
    let person = || {
        let unmapped = record.get("unmapped")?;
        ["onbehalfofuserid", "identitystoreuserid"].iter().find_map(|key| person_in(unmapped, "", key, 0))
    };
    let user = || ["actor.user", "user"].iter().find_map(|user| user_at(record, user));
    person().map(Caller::User).or_else(user)
}

/// Versions of OCSF differ in which of the ids is the ARN, and a user id of Identity Center has stood in either.
fn user_at(record: &Map<String, Value>, user: &str) -> Option<Caller> {
    let text = |member: &str| name_at(record, &format!("{user}.{member}"));
    let account = text("account.uid").or_else(|| text("account_uid"));
    let ids = [text("uid"), text("uid_alt")];
    let is_arn = |id: &&String| id.starts_with("arn:");
    let id = ids.iter().flatten().find(|id| !is_arn(id) && Some(*id) != account.as_ref()).cloned();
    let is_person = text("type").is_some_and(|name| name.eq_ignore_ascii_case("IdentityCenterUser"));
    match id {
        Some(id) if is_person => Some(Caller::User(id)),
        Some(id) => Some(Caller::Principal(id)),
        None => {
            let arn = || ids.iter().flatten().find(is_arn).cloned();
            text("name").or_else(arn).map(Caller::Principal)
        }
    }
}

/// The name under a key of that ending, in lower case and without separators: members are nested, dotted or text.
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
    use serde_json::json;

    use super::*;

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
    fn the_person_behind_a_role_is_among_what_ocsf_has_no_place_for() {
        let actor = json!({"user": {"type": "AssumedRole", "uid": "AROA:s"}});
        for unmapped in [
            json!({"additionalEventData.identitystore:UserId": "u"}),
            json!({"additionalEventData": {"identitystore:UserId": "u"}}),
            json!({"additionalEventData": r#"{"identitystore:UserId":"u"}"#}),
            json!(r#"{"additionalEventData":{"identitystore:UserId":"u"}}"#),
            json!({"additionalEventData": {"identitystore:UserId": "v"}, "userIdentity": {"onBehalfOf": [{"userId": "u"}]}}),
            json!({"additionalEventData.onBehalfOf.userId": "u"}),
        ] {
            let told = of(json!({"actor": actor, "unmapped": unmapped.clone()}));
            assert_eq!(told, user("u"), "{unmapped}");
        }
        for unmapped in [json!({"additionalEventData.identitystore:UserId": ""}), json!({"userId": "u"}), json!([])] {
            let told = of(json!({"actor": actor, "unmapped": unmapped.clone()}));
            assert_eq!(told, principal("AROA:s"), "{unmapped}");
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

    #[test]
    fn what_is_no_record_of_ocsf_names_nobody_here() {
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
