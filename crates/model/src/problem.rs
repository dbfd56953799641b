//! What could not be decoded or done, named and counted.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::redact::{SHOWN_TEXT_MAX, one_line};

// The names of what decoding can find wrong.

/// The payload, or a body in it, is not JSON, or a record in it is not.
pub const JSON_INVALID: &str = "json_invalid";
/// JSON, but of no event we know.
pub const EVENT_UNKNOWN: &str = "event_unknown";
/// A batch without records or log events.
pub const BATCH_EMPTY: &str = "batch_empty";
/// More wrappings around an event than any service makes.
pub const NESTED_TOO_DEEPLY: &str = "nested_too_deeply";
/// A member is of a type that cannot be read; the rest was.
pub const FIELD_WRONG_TYPE: &str = "field_wrong_type";
/// A time is missing where nothing stands in for it, or cannot be read.
pub const TIME_INVALID: &str = "time_invalid";
/// A region that does not exist.
pub const REGION_UNKNOWN: &str = "region_unknown";
/// A call of our own probe: counted, never evidence.
pub const OWN_PROBE: &str = "own_probe";
/// A `call` without what it must have: no failure was made of it.
pub const CALL_INVALID: &str = "call_invalid";
/// A `call` whose `request` is not understood: the failure counts, the call is not made again.
pub const REQUEST_INVALID: &str = "request_invalid";
/// A `call` that carries secrets elsewhere than in a direct invocation: the failure counts, the request was dropped.
pub const SECRET_IN_ENVELOPE: &str = "secret_in_envelope";
pub const BASE64_INVALID: &str = "base64_invalid";
pub const GZIP_INVALID: &str = "gzip_invalid";
pub const GZIP_TRUNCATED: &str = "gzip_truncated";
pub const GZIP_TOO_LARGE: &str = "gzip_too_large";
pub const UTF8_INVALID: &str = "utf8_invalid";
pub const LOG_LINE_TOO_LONG: &str = "log_line_too_long";
/// Lines of our own log group: never read.
pub const OWN_LOG_GROUP: &str = "own_log_group";

/// Those by which input, or a part of it, could not be read, so that something may have been missed.
pub const UNDECODABLE: &[&str] = &[
    JSON_INVALID,
    EVENT_UNKNOWN,
    NESTED_TOO_DEEPLY,
    FIELD_WRONG_TYPE,
    TIME_INVALID,
    REGION_UNKNOWN,
    CALL_INVALID,
    REQUEST_INVALID,
    BASE64_INVALID,
    GZIP_INVALID,
    GZIP_TRUNCATED,
    GZIP_TOO_LARGE,
    UTF8_INVALID,
    LOG_LINE_TOO_LONG,
];

/// The store could not be had, or held what cannot be read.
pub const STORE_UNAVAILABLE: &str = "store_unavailable";

/// The problems of one invocation: by name, how many, and the detail of the first of each.
///
/// A name is stable: alarms and queries rest on it. A detail is shown to people: it is bounded and on one line, and its
/// maker keeps secrets out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(BTreeMap<&'static str, Noted>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Noted {
    count: u64,
    detail: String,
}

impl Problems {
    pub fn note(&mut self, name: &'static str, detail: impl AsRef<str>) {
        self.0
            .entry(name)
            .and_modify(|noted| noted.count += 1)
            .or_insert_with(|| Noted { count: 1, detail: one_line(detail.as_ref(), SHOWN_TEXT_MAX) });
    }

    pub fn merge(&mut self, other: Self) {
        for (name, noted) in other.0 {
            self.0.entry(name).and_modify(|mine| mine.count += noted.count).or_insert(noted);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many problems of that name there were.
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |noted| noted.count)
    }

    /// Name, count and first detail of each, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64, &str)> {
        self.0.iter().map(|(name, noted)| (*name, noted.count, noted.detail.as_str()))
    }
}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Problem<'a> {
            name: &'a str,
            count: u64,
            detail: &'a str,
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, count, detail) in self.iter() {
            list.serialize_element(&Problem { name, count, detail })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_one_name_are_counted_and_the_first_detail_is_kept_on_one_line() {
        let mut problems = Problems::default();
        problems.note("json_invalid", "line 1\nforged");
        problems.note("json_invalid", "line 2");
        let shown = serde_json::to_string(&problems).unwrap();
        assert_eq!(shown, r#"[{"name":"json_invalid","count":2,"detail":"line 1 forged"}]"#);
    }
}
