use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A record with every member that says something.
fn record() -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IdentityCenterUser",
            "accountId": "111122223333",
            "onBehalfOf": {
                "userId": "94482488-3041-7005-8a8b-4f7d5b2a9c01",
                "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-9067642ac7",
            },
        },
        "eventTime": "2026-11-25T01:35:07Z",
        "eventSource": "sso.amazonaws.com",
        "eventName": "CreateToken",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1, \"quoted\"",
        "errorCode": "InternalServerException",
        "errorMessage": "An internal error,\nin two lines",
        "requestParameters": {"clientId": "HIDDEN", "grantType": "refresh_token"},
        "responseElements": null,
        "requestID": "5c0b7f2e-0000-4000-8000-000000000001",
        "eventID": "5c0b7f2e-0000-4000-8000-000000000002",
        "eventType": "AwsApiCall",
    })
}

/// As Athena prints a row within a row.
fn in_words(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{}={}", name.to_lowercase(), in_words(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The record as a row whose objects are written so, under a header of lower case, each with the quotes that Athena writes.
fn csv_of(record: &Value, object: impl Fn(&str, &Value) -> String) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let members = record.as_object().unwrap();
    let header: Vec<String> = members.keys().map(|name| quoted(&name.to_lowercase())).collect();
    let row: Vec<String> = members
        .iter()
        .map(|(name, value)| match value {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            other => quoted(&object(name, other)),
        })
        .collect();
    format!("{}\n{}\n", header.join(","), row.join(","))
}

fn read(text: &str) -> Vec<Value> {
    assert!(is_header(text.lines().next().unwrap().as_bytes()), "{text}");
    let mut rows = rows(text.as_bytes()).into_byte_records();
    let columns = Columns::of(&rows.next().unwrap().unwrap()).unwrap();
    rows.map(|row| serde_json::from_str(&columns.record(&row.unwrap()).unwrap()).unwrap()).collect()
}

/// An empty column says nothing.
fn without_nulls(mut record: Value) -> Value {
    record.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    record
}

#[test]
fn a_row_is_the_record_that_it_was_made_of_however_its_objects_are_written() {
    let as_struct = |name: &str, value: &Value| match name {
        "userIdentity" => in_words(value),
        _ => value.to_string(),
    };
    let as_json = |name: &str, value: &Value| match name {
        "userIdentity" => value.to_string().replace("userId", "userid").replace("onBehalfOf", "onbehalfof"),
        _ => value.to_string(),
    };
    for text in [csv_of(&record(), as_struct), csv_of(&record(), as_json)] {
        assert_eq!(read(&text), [without_nulls(record())], "{text}");
    }
}

#[test]
fn members_of_objects_may_be_columns_of_their_own() {
    let text = "eventtime,eventsource,eventname,awsregion,errorcode,useridentity.onbehalfof.userid,useridentity\n\
                2026-11-25 01:35:07.000 UTC,sso.amazonaws.com,CreateToken,us-east-1,,somebody,\n";
    let read = read(text).remove(0);
    assert_eq!(read["eventTime"], "2026-11-25T01:35:07.000Z");
    assert_eq!(read["userIdentity"]["onBehalfOf"]["userId"], "somebody");
    assert!(read.get("errorCode").is_none());
}

#[test]
fn a_column_may_hold_the_whole_record() {
    for column in ["eventJson", "eventjson", "CloudTrailEvent"] {
        let quoted = record().to_string().replace('"', "\"\"");
        assert_eq!(read(&format!("\"{column}\",\"n\"\r\n\"{quoted}\",\"1\"\r\n")), [record()]);
    }
}

#[test]
fn the_console_s_own_names_are_understood() {
    let text = "Event ID,Event time,User name,Event name,Event source,AWS region,Error code,Source IP address,Request ID\n\
                e-1,2026-11-25T01:35:07Z,ana,CreateToken,sso.amazonaws.com,us-east-1,InternalServerException,192.0.2.7,r-1\n";
    let read = read(text).remove(0);
    for (member, value) in [("eventID", "e-1"), ("requestID", "r-1"), ("sourceIPAddress", "192.0.2.7")] {
        assert_eq!(read[member], value);
    }
    assert_eq!(
        (&read["errorCode"], &read["userIdentity"]["userName"]),
        (&json!("InternalServerException"), &json!("ana"))
    );
}

#[test]
fn what_would_say_something_else_is_refused() {
    let header = |text: &str| Columns::of(&row(text.as_bytes()).unwrap());
    let error = header("eventname,eventtime,eventsource,awsregion").unwrap_err();
    assert_eq!(error, "its table has no column errorcode; select it too");
    let columns = header("eventname,eventtime,eventsource,awsregion,errorcode").unwrap();
    let error = columns.record(&row(b"CreateToken,2026-11-25T01:35:07Z").unwrap()).unwrap_err();
    assert_eq!(error, "a row of 2 fields in a table of 5 columns");
    let error = columns.record(&row(b"CreateToken,\xff,c,d,e").unwrap()).unwrap_err();
    assert_eq!(error, "not UTF-8");
    for none in
        ["", "a,b,c", "{\"eventname\":1,\"eventtime\":2}", "2026-11-25T01:35:07Z eventname,eventtime", "eventname"]
    {
        assert!(!is_header(none.as_bytes()), "{none}");
    }
}

#[test]
fn a_row_in_words_that_is_none_stays_text() {
    for text in ["{type=Root", "{type}", "{=a}", "{a=b}c", "{a={b=c}", "Root", &"{a=".repeat(99)] {
        assert_eq!(row_in_words(text), None, "{text}");
        assert_eq!(value("userIdentity", text), json!(text));
    }
    assert_eq!(row_in_words("{a=b, c, d=null}"), Some(json!({"a": "b, c", "d": null})));
}

#[test]
fn a_row_of_json_is_the_record_that_it_was_made_of() {
    let lower = |value: &Value| -> Value {
        let members = value.as_object().unwrap().iter();
        members.map(|(name, value)| (name.to_lowercase(), value.clone())).collect::<Map<_, _>>().into()
    };
    let mut row = lower(&record());
    row["useridentity"] = lower(&record()["userIdentity"]);
    row["useridentity"]["onbehalfof"] = lower(&record()["userIdentity"]["onBehalfOf"]);
    row["requestparameters"] = record()["requestParameters"].to_string().into();
    let made: Value = serde_json::from_str(&record_of(&row.to_string())).unwrap();
    assert_eq!(made, record());
    let made: Value = serde_json::from_str(&record_of(&json!([row, row]).to_string())).unwrap();
    assert_eq!(made, json!([record(), record()]));
    let of_a_trail = record().to_string();
    assert_eq!(record_of(&of_a_trail), of_a_trail);
}

proptest! {
    /// Whatever stands in a text, nothing of it becomes another column or row.
    #[test]
    fn texts_of_others_stay_in_their_columns(texts in prop::collection::vec(("[ -~\n\r\"',{}=é]{0,30}", "[ -~\n\"]{0,20}"), 1..8)) {
        let mut all = String::new();
        for (agent, message) in &texts {
            let mut record = record();
            record["userAgent"] = agent.as_str().into();
            record["errorMessage"] = message.as_str().into();
            let text = csv_of(&record, |_, value| value.to_string());
            let row = text.split_once('\n').unwrap().1;
            all = if all.is_empty() { text } else { all + row };
        }
        let read = read(&all);
        prop_assert_eq!(read.len(), texts.len());
        for (record, (agent, message)) in read.iter().zip(&texts) {
            let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
            prop_assert_eq!(text("userAgent"), agent);
            prop_assert_eq!(text("errorMessage"), message);
            prop_assert_eq!(&record["eventName"], "CreateToken");
        }
    }
}
