//! Records of a trail as rows of a table: what Athena, CloudTrail Lake and CloudTrail's console write.
//!
//! In: the header and the rows of a CSV file, or rows as JSON. Out: each row as the record that it was made of. A table's
//! columns lost the letter case of a record's members, and hold as text what was JSON. A value stays as it is where nothing
//! here knows its form: the decoder says what is wrong with it.

use std::sync::LazyLock;

use csv::ByteRecord;
use memchr::memmem::Finder;
use serde_json::{Map, Value};

/// The members of a record that the decoder reads, in their letter case, and those of the objects in it.
const MEMBERS: &[&str] = &[
    "eventVersion",
    "eventTime",
    "eventSource",
    "eventName",
    "eventType",
    "eventCategory",
    "eventID",
    "sharedEventID",
    "requestID",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "recipientAccountId",
    "userIdentity",
    "type",
    "principalId",
    "arn",
    "accountId",
    "userName",
    "onBehalfOf",
    "userId",
    "identityStoreArn",
    "sessionContext",
    "requestParameters",
    "clientId",
    "grantType",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
    "httpStatusCode",
    "statusCode",
];

/// Columns that hold a whole record, as text: of CloudTrail Lake, and of what `lookup-events` prints.
const WHOLE: [&str; 2] = ["eventjson", "cloudtrailevent"];

/// Columns without which a row says something else: without `errorcode` each failed call would seem to be served.
const NEEDED: [&str; 5] = ["eventtime", "eventsource", "eventname", "awsregion", "errorcode"];

/// The name of a column or member, in any letter case and with any separators: `Event name` is `eventname`.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The member of a record that has this name in a table.
fn member(name: &str) -> String {
    let bare = bare(name);
    let known = MEMBERS.iter().find(|known| known.eq_ignore_ascii_case(&bare));
    known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

/// Whether a line names the columns of such a table.
pub fn is_header(line: &[u8]) -> bool {
    // Most files have no comma before their first brace.
    if line.first().is_none_or(|first| matches!(first, b'{' | b'[')) {
        return false;
    }
    row(line).is_some_and(|header| {
        let names: Vec<String> = header.iter().map(|name| bare(&String::from_utf8_lossy(name))).collect();
        let has = |name: &str| names.iter().any(|known| known == name);
        WHOLE.iter().any(|whole| has(whole)) || has("eventname") && (has("eventtime") || has("eventsource"))
    })
}

fn row(line: &[u8]) -> Option<ByteRecord> {
    rows(line).into_byte_records().next()?.ok()
}

/// The rows of a text that begins with one.
pub fn rows(text: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text)
}

/// Where each column's values belong in a record.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    /// The members to go through, from the outermost on.
    paths: Vec<Vec<String>>,
    /// The column that holds the whole record.
    whole: Option<usize>,
}

impl Columns {
    /// Err: why no record can be made of the rows.
    pub fn of(header: &ByteRecord) -> Result<Self, String> {
        let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let position = |wanted: &str| names.iter().position(|name| bare(name) == wanted);
        let whole = WHOLE.iter().find_map(|whole| position(whole));
        let missing: Vec<&str> = NEEDED.into_iter().filter(|needed| position(needed).is_none()).collect();
        if whole.is_none() && !missing.is_empty() {
            return Err(format!("its table has no column {}; select it too", missing.join(", ")));
        }
        let path = |name: &String| match bare(name).as_str() {
            // The console's own column.
            "username" => vec!["userIdentity".to_owned(), "userName".to_owned()],
            _ => name.split('.').map(member).collect(),
        };
        Ok(Self { paths: names.iter().map(path).collect(), whole })
    }

    /// Err: why the row is none of this table.
    pub fn record(&self, row: &ByteRecord) -> Result<String, String> {
        let (columns, fields) = (self.paths.len(), row.len());
        if columns != fields {
            return Err(format!("a row of {fields} fields in a table of {columns} columns"));
        }
        let texts: Result<Vec<&str>, _> = row.iter().map(str::from_utf8).collect();
        let texts = texts.map_err(|_| "not UTF-8".to_owned())?;
        if let Some(whole) = self.whole {
            return Ok(texts[whole].to_owned());
        }
        let mut record = Map::new();
        for (path, text) in self.paths.iter().zip(texts).filter(|(_, text)| !text.is_empty()) {
            put(&mut record, path, value(path.last().map_or("", String::as_str), text));
        }
        Ok(Value::Object(record).to_string())
    }
}

fn put(record: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => {
            record.insert(name.clone(), value);
        }
        [outer, inner @ ..] => {
            // Both the whole object and a member of it may have been selected.
            let within = record.entry(outer.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(within) = within {
                put(within, inner, value);
            }
        }
    }
}

/// What the text of a column was.
fn value(name: &str, text: &str) -> Value {
    match name {
        "userIdentity" | "onBehalfOf" | "sessionContext" => {
            json(text).map(named).or_else(|| row_in_words(text)).unwrap_or_else(|| text.into())
        }
        "requestParameters" | "responseElements" | "additionalEventData" | "serviceEventDetails" => {
            json(text).or_else(|| row_in_words(text)).unwrap_or_else(|| text.into())
        }
        "eventTime" => time(text).into(),
        _ => text.into(),
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array() || value.is_null())
}

/// A column of type timestamp has a space where a record has a `T`, and its zone in words.
fn time(text: &str) -> String {
    let (date, time) = match text.trim_end_matches(" UTC").split_once(' ') {
        Some(parts) => parts,
        None => return text.to_owned(),
    };
    format!("{date}T{time}Z")
}

/// A row within a row as Athena prints it: `{type=Root, onbehalfof={userid=a, identitystorearn=null}}`. It escapes nothing:
/// a comma within a value is told by what follows it.
fn row_in_words(text: &str) -> Option<Value> {
    let mut rest = text;
    let row = object_in_words(&mut rest, 0)?;
    rest.is_empty().then_some(row)
}

/// Rows within rows that are followed: a record has four.
const DEPTH_MAX: usize = 8;

fn object_in_words(rest: &mut &str, depth: usize) -> Option<Value> {
    let mut object = Map::new();
    *rest = rest.strip_prefix('{').filter(|_| depth < DEPTH_MAX)?;
    while let Some((name, after)) = name_in_words(rest) {
        *rest = after;
        let value = match rest.starts_with('{') {
            true => object_in_words(rest, depth + 1)?,
            false => {
                let end = end_of_value(rest)?;
                let text = &rest[..end];
                *rest = &rest[end..];
                if text == "null" { Value::Null } else { text.into() }
            }
        };
        object.insert(member(name), value);
        match rest.strip_prefix(", ") {
            Some(after) => *rest = after,
            None => break,
        }
    }
    *rest = rest.strip_prefix('}')?;
    Some(Value::Object(object))
}

/// `userid=` at the beginning of a text, and what is behind it.
fn name_in_words(text: &str) -> Option<(&str, &str)> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let after = text[length..].strip_prefix('=').filter(|_| length > 0)?;
    Some((&text[..length], after))
}

/// Where a value ends: before the next name, or before the end of its row.
fn end_of_value(text: &str) -> Option<usize> {
    text.char_indices().map(|(at, _)| at).find(|at| {
        let rest = &text[*at..];
        rest.starts_with('}') || rest.strip_prefix(", ").is_some_and(|rest| name_in_words(rest).is_some())
    })
}

/// Whether JSON may be a row of such a table, or several. A record's own member is `eventName`.
pub fn is_row(json: &[u8]) -> bool {
    static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"eventname\""));
    NAME.find(json).is_some()
}

/// The record that a row as JSON was made of; the text itself where it is none.
pub fn record_of(row: &str) -> String {
    let is_row = |value: &Value| value.get("eventname").is_some();
    match serde_json::from_str(row) {
        Ok(Value::Array(rows)) if rows.iter().any(is_row) => {
            Value::Array(rows.into_iter().map(named).collect()).to_string()
        }
        Ok(value) if is_row(&value) => named(value).to_string(),
        Ok(_) | Err(_) => row.to_owned(),
    }
}

/// The same with the names of a record's members, and as JSON what is text of it.
fn named(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let members = members.into_iter().map(|(name, inner)| {
        let name = member(&name);
        let inner = match inner {
            Value::String(text) => self::value(&name, &text),
            Value::Object(_) => named(inner),
            other => other,
        };
        (name, inner)
    });
    Value::Object(members.collect())
}

#[cfg(test)]
mod tests;
