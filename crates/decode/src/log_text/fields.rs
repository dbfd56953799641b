//! The other facts in a log line: caller, region, time.
//!
//! In: a printout's text and the JSON objects in it. Out: [`Fields`], bounded, with secrets masked. Whether the line
//! reports an error is decided elsewhere.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::Value;
use triage_model::caller::Caller;
use triage_model::redact::HIDDEN;
use triage_model::redact::mask::masked;

use crate::ocsf;
use crate::values::{NAME_MAX, bounded};

/// The fields of one printout, as raw untrusted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub caller: Option<String>,
    /// The caller in an OCSF record: better than any other field.
    pub actor: Option<Caller>,
    pub region: Option<String>,
    pub client_id: Option<String>,
    pub grant_type: Option<String>,
    pub user_agent: Option<String>,
    pub reason: Option<String>,
    pub time: Option<Timestamp>,
    /// The rank of the name in `caller`: the position of its field in [`CALLER_KEYS`].
    caller_rank: Option<usize>,
}

/// User agents are longer, but begin with the tool's name.
const USER_AGENT_MAX: usize = 512;

/// The fields that name a caller, best first, in lower case and without separators.
const CALLER_KEYS: &[&str] =
    &["user", "userid", "username", "principal", "principalid", "sub", "email", "emailaddress", "useremail"];

/// A line's own time is trusted if it is at most this much older than the log event: CloudWatch Logs accepts nothing
/// older, so such a number is not a time.
const OLDEST: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Fields {
    /// Reads a printout's `text`: `plain` is its part that is not JSON, `objects` the rest. A JSON field wins over one
    /// in plain text.
    pub fn of(text: &str, plain: &str, objects: &[Value], logged_at: Timestamp) -> Self {
        let mut fields = Self { actor: ocsf::caller(objects), ..Self::default() };
        for object in objects {
            fields.read_value(object, logged_at, 0);
        }
        fields.read_text(plain);
        for object in objects {
            fields.read_strings(object, 0);
        }
        if fields.caller.is_none() {
            fields.caller = email(text);
        }
        if fields.reason.is_none() {
            fields.reason = kms_reason(text);
        }
        fields
    }

    fn read_value(&mut self, value: &Value, logged_at: Timestamp, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    // `user.id`, `error.region`: loggers flatten nested fields into dotted names.
                    let name = match normal(key).as_str() {
                        user @ ("userid" | "username") => user.to_owned(),
                        _ => normal(key.rsplit('.').next().unwrap_or(key)),
                    };
                    match value {
                        Value::String(text) => self.put(&name, text, Quoting::Sure),
                        Value::Number(number) if CALLER_KEYS.contains(&name.as_str()) => {
                            self.put(&name, &number.to_string(), Quoting::Sure);
                        }
                        Value::Object(inner) if CALLER_KEYS.contains(&name.as_str()) => {
                            let known = ["id", "name", "email", "sub", "username", "userId"];
                            let text = |value: &Value| match value {
                                Value::String(text) => Some(text.clone()),
                                Value::Number(number) => Some(number.to_string()),
                                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
                            };
                            if let Some(text) = known.iter().find_map(|key| inner.get(*key).and_then(text)) {
                                self.put(&name, &text, Quoting::Sure);
                            }
                        }
                        _ => {}
                    }
                    if self.time.is_none()
                        && depth == 0
                        && matches!(key.as_str(), "timestamp" | "time" | "@timestamp" | "ts")
                    {
                        self.time = time(value, logged_at);
                    }
                    self.read_value(value, logged_at, depth + 1);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| self.read_value(value, logged_at, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn read_strings(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) => self.read_text(text),
            Value::Array(list) if depth <= DEPTH_MAX => {
                list.iter().for_each(|value| self.read_strings(value, depth + 1))
            }
            Value::Object(map) if depth <= DEPTH_MAX => {
                map.values().for_each(|value| self.read_strings(value, depth + 1))
            }
            Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn read_text(&mut self, text: &str) {
        if !text.contains(['=', ':']) {
            return;
        }
        for found in FIELD.captures_iter(text) {
            let value = found.get(4).or(found.get(5)).or(found.get(6)).map_or("", |value| value.as_str());
            let is_quoted = found.get(6).is_none();
            let quoting =
                if is_quoted || &found[3] == "=" || !found[2].is_empty() { Quoting::Sure } else { Quoting::Bare };
            self.put(&normal(&found[1]), value, quoting);
        }
    }

    fn put(&mut self, name: &str, value: &str, quoting: Quoting) {
        let value = value.trim().trim_matches('\\').trim_end_matches([':', '.']);
        if matches!(value, "" | "null" | "None" | "undefined" | "-" | "nil" | "[masked]" | HIDDEN) {
            return;
        }
        let set = |field: &mut Option<String>, max: usize| {
            if field.is_none() {
                *field = Some(masked(bounded(value, max)).into_owned());
            }
        };
        match name {
            "region" | "awsregion" if is_region_like(value) || name == "awsregion" => set(&mut self.region, NAME_MAX),
            "clientid" => set(&mut self.client_id, NAME_MAX),
            "granttype" => set(&mut self.grant_type, NAME_MAX),
            "useragent" => set(&mut self.user_agent, USER_AGENT_MAX),
            "reason" if value.starts_with("KMS_") => set(&mut self.reason, NAME_MAX),
            _ => {
                let rank = CALLER_KEYS.iter().position(|key| *key == name);
                let is_better = |rank: &usize| self.caller_rank.is_none_or(|known| *rank < known);
                // `user: not found` is prose: without quotation marks only `user=` names one.
                if let Some(rank) = rank.filter(|_| quoting == Quoting::Sure).filter(is_better) {
                    self.caller = Some(masked(bounded(value, NAME_MAX)).into_owned());
                    self.caller_rank = Some(rank);
                }
            }
        }
    }
}

/// How certain it is that a value belongs to a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Sure,
    /// `key: value` without quotation marks.
    Bare,
}

/// Loggers nest a few levels; payloads are deeper.
const DEPTH_MAX: usize = 16;

fn normal(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Whether a name has the form of a region's, real or not: an application's own `region` may be `emea`.
fn is_region_like(name: &str) -> bool {
    name.contains('-') && name.ends_with(|last: char| last.is_ascii_digit()) && name.starts_with(char::is_alphabetic)
}

fn email(text: &str) -> Option<String> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}").expect("constant")
    });
    if !text.contains('@') {
        return None;
    }
    let found = PATTERN.find_iter(text).find(|found| {
        // Package paths in stack frames contain an @ too.
        let next = &text.as_bytes()[found.end()..];
        let is_path = matches!(next, [b'/' | b'_', ..]) || matches!(next, [b':', after, ..] if after.is_ascii_digit());
        !is_path && !text[..found.start()].ends_with(['/', '@'])
    })?;
    Some(bounded(found.as_str(), NAME_MAX).to_owned())
}

/// A KMS reason in the service's spelling, also from the Rust SDK's name for it.
fn kms_reason(text: &str) -> Option<String> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("reason[^A-Za-z0-9]{1,12}(?:Some\\()?(KMS_[A-Za-z]{1,64}|Kms[A-Za-z]{1,64})").expect("constant")
    });
    let found = PATTERN.captures(text)?;
    let reason = match &found[1] {
        "KmsAccessDenied" => "KMS_AccessDeniedException",
        "KmsDisabledKey" => "KMS_DisabledException",
        "KmsInvalidKeyUsage" => "KMS_InvalidKeyUsageException",
        "KmsInvalidState" => "KMS_InvalidStateException",
        "KmsKeyNotFound" => "KMS_NotFoundException",
        other => other,
    };
    Some(reason.to_owned())
}

/// RFC 3339, or seconds or milliseconds since 1970; not later than the log event and not absurdly earlier.
fn time(value: &Value, logged_at: Timestamp) -> Option<Timestamp> {
    /// As seconds this is the year 5138; as milliseconds it is 1973.
    const MILLISECONDS_FROM: f64 = 1e11;
    let number = |number: f64| {
        let seconds = if number >= MILLISECONDS_FROM { number / 1000.0 } else { number };
        Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
    };
    let time = match value {
        Value::String(text) => text.parse::<Timestamp>().ok().or_else(|| number(text.parse().ok()?))?,
        Value::Number(given) => number(given.as_f64()?)?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let age = logged_at.duration_since(time);
    (SignedDuration::ZERO..=OLDEST).contains(&age).then_some(time)
}

/// `key=value`, `key: value`, in any quoting. Groups: key, the quotation mark behind it, `=` or `:`, the value.
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?:^|[ \t\r\n,;{(\[&?"'\\])"#,
        r"((?i-u:user(?:[ _.-]?(?:id|name|email))?|principal(?:_?id)?|sub|e-?mail(?:_?address)?|(?:aws[_.-]?)?region|",
        r"client_?id|grant_?type|user[_-]?agent|reason))",
        r#"(\\?["']?)[ \t]*(=|:)[ \t]*"#,
        r#"(?:\\?"([^"\\\r\n]*)\\?"|'([^'\r\n]*)'|([^ \t\r\n,;)}\]&"']+))"#,
    ))
    .expect("constant")
});
