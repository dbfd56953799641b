//! What an operator silences and acknowledges, as it is asked for.
//!
//! In: the value of `silence` or `acknowledge`. Out: a request whose every name is bounded, on one line and masked, or the
//! problem that says what to write instead. Nothing is passed over: a misspelt member would silence something else than was
//! meant.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use serde_json::{Map, Value};
use triage_model::account::is_account;
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_ARN_MAX, SHOWN_NAME_MAX, SHOWN_TEXT_MAX, is_harmless, quoted};
use triage_model::region::{KnownRegions, Region};
use triage_model::spelling::nearest;

/// A shorter one ends before anybody has read that it began.
pub const FOR_LEAST: Duration = Duration::from_secs(60);
/// What is silenced for longer is forgotten: whoever needs more repeats it after a week.
pub const SILENCED_MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A working day: whoever works on it then has gone home.
pub const ACKNOWLEDGED_FOR: Duration = Duration::from_secs(8 * 60 * 60);
pub const ACKNOWLEDGED_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than any such request with the longest names.
const REQUEST_MAX: usize = 8 * 1024;

/// `{"silence":{"scope":...,"for":"2h","reason":"...","by":"..."}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceRequest {
    pub scope: AskedScope,
    pub lasts: Duration,
    pub reason: String,
    pub by: String,
}

/// What is to be silenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedScope {
    Everything,
    /// By its id, and only as large as it is now.
    Incident(String),
    Part(Part),
}

/// None: not limited by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub region: Option<Region>,
    pub operations: Option<BTreeSet<Operation>>,
    pub shared: Option<Shared>,
}

/// What callers have in common, by the name that notices have for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    Tool(String),
    Network(String),
    Application(String),
    Account(String),
}

/// `{"silence":{"end":"<id>"}}`, and `{"acknowledge":{"end":"<incident>"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndRequest {
    pub id: String,
    pub by: Option<String>,
}

/// `{"acknowledge":"<incident>","by":"...","for":"8h"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcknowledgeRequest {
    pub incident: String,
    pub by: Option<String>,
    pub lasts: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<T> {
    Begin(T),
    End(EndRequest),
}

/// The value of `silence`.
pub fn silence(text: &str, regions: &KnownRegions) -> Result<Asked<SilenceRequest>, String> {
    const EXAMPLE: &str = "silence must be an object such as \
                           {\"scope\":{\"region\":\"us-east-1\"},\"for\":\"2h\",\"reason\":\"maintenance\",\"by\":\"ana\"}";
    let members = object(text, EXAMPLE)?;
    if members.contains_key("end") {
        return end(&members, "silence", "the silence's id").map(Asked::End);
    }
    known(&members, "silence", &["scope", "for", "reason", "by", "end"])?;
    let scope = scope(members.get("scope"), regions)?;
    let lasts = lasts(members.get("for"), "silence.for", SILENCED_MOST)?
        .ok_or_else(|| "silence.for is missing: how long, such as \"2h\"".to_owned())?;
    let required = |name: &str, what: &str, most| {
        said(members.get(name), &format!("silence.{name}"), most)?
            .ok_or_else(|| format!("silence.{name} is missing: {what}"))
    };
    let reason = required("reason", "why, which people are shown", SHOWN_TEXT_MAX)?;
    let by = required("by", "who you are, which people are shown", SHOWN_NAME_MAX)?;
    Ok(Asked::Begin(SilenceRequest { scope, lasts, reason, by }))
}

/// The value of `acknowledge`, with the `by` and `for` beside it.
pub fn acknowledge(text: &str, by: Option<&str>, lasts: Option<&str>) -> Result<Asked<AcknowledgeRequest>, String> {
    const EXAMPLE: &str = "acknowledge must be an incident's id";
    if text.starts_with('{') {
        return end(&object(text, EXAMPLE)?, "acknowledge", "the incident's id").map(Asked::End);
    }
    let value: Value = serde_json::from_str(text).map_err(|_| EXAMPLE.to_owned())?;
    let incident = said(Some(&value), "acknowledge", SHOWN_ARN_MAX)?.ok_or_else(|| EXAMPLE.to_owned())?;
    let by = said(by.map(Value::from).as_ref(), "by", SHOWN_NAME_MAX)?;
    let lasts = self::lasts(lasts.map(Value::from).as_ref(), "for", ACKNOWLEDGED_MOST)?.unwrap_or(ACKNOWLEDGED_FOR);
    Ok(Asked::Begin(AcknowledgeRequest { incident, by, lasts }))
}

fn end(members: &Map<String, Value>, of: &str, what: &str) -> Result<EndRequest, String> {
    known(members, of, &["end", "by"])?;
    let id = said(members.get("end"), &format!("{of}.end"), SHOWN_ARN_MAX)?
        .ok_or_else(|| format!("{of}.end must be {what}"))?;
    Ok(EndRequest { id, by: said(members.get("by"), &format!("{of}.by"), SHOWN_NAME_MAX)? })
}

fn scope(value: Option<&Value>, regions: &KnownRegions) -> Result<AskedScope, String> {
    const EXAMPLES: &str = "silence.scope must be \"all\", an incident's id, or an object with any of region, operations, and \
                            one of tool, network, application, account";
    match value {
        Some(Value::String(all)) if all == "all" => Ok(AskedScope::Everything),
        Some(text @ Value::String(_)) => {
            let id = said(Some(text), "silence.scope", SHOWN_ARN_MAX)?;
            id.map(AskedScope::Incident).ok_or_else(|| EXAMPLES.to_owned())
        }
        Some(Value::Object(members)) if members.contains_key("incident") => {
            known(members, "silence.scope with an incident", &["incident"])?;
            let id = said(members.get("incident"), "silence.scope.incident", SHOWN_ARN_MAX)?;
            id.map(AskedScope::Incident).ok_or_else(|| EXAMPLES.to_owned())
        }
        Some(Value::Object(members)) if !members.is_empty() => part(members, regions).map(AskedScope::Part),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => {
            Err(EXAMPLES.to_owned())
        }
    }
}

fn part(members: &Map<String, Value>, regions: &KnownRegions) -> Result<Part, String> {
    known(
        members,
        "silence.scope",
        &["region", "operations", "tool", "network", "application", "account", "incident"],
    )?;
    let region =
        match said(members.get("region"), "silence.scope.region", SHOWN_NAME_MAX)? {
            None => None,
            Some(name) => Some(regions.find(&name).ok_or_else(|| {
                format!("silence.scope.region {name:?} is no region{}", meant(&name, regions.names()))
            })?),
        };
    let operations = match members.get("operations") {
        None | Some(Value::Null) => None,
        Some(Value::Array(names)) if !names.is_empty() => {
            Some(names.iter().map(operation).collect::<Result<BTreeSet<_>, _>>()?)
        }
        Some(_) => {
            return Err("silence.scope.operations must be a list of operations, such as [\"CreateToken\"]".to_owned());
        }
    };
    let mut shared = Vec::new();
    let named = |name: &str| said(members.get(name), &format!("silence.scope.{name}"), SHOWN_ARN_MAX);
    shared.extend(named("tool")?.map(Shared::Tool));
    shared.extend(named("network")?.map(Shared::Network));
    shared.extend(named("application")?.map(Shared::Application));
    if let Some(account) = named("account")? {
        if !is_account(&account) {
            return Err("silence.scope.account must be an AWS account of twelve digits, as a text".to_owned());
        }
        shared.push(Shared::Account(account));
    }
    if shared.len() > 1 {
        return Err(
            "silence.scope has more than one of tool, network, application and account: make a silence of each"
                .to_owned(),
        );
    }
    Ok(Part { region, operations, shared: shared.pop() })
}

fn operation(value: &Value) -> Result<Operation, String> {
    let name = value.as_str().unwrap_or_default();
    Operation::from_name(name).ok_or_else(|| {
        let names = Operation::ALL.map(Operation::as_str);
        let shown = quoted(name, SHOWN_NAME_MAX);
        format!("silence.scope.operations has {shown:?}: it knows {}", names.join(", "))
    })
}

fn object(text: &str, example: &str) -> Result<Map<String, Value>, String> {
    if text.len() > REQUEST_MAX {
        return Err(format!("the request is longer than {REQUEST_MAX} bytes"));
    }
    serde_json::from_str(text).map_err(|_| example.to_owned())
}

/// Refuses every other member.
fn known(members: &Map<String, Value>, of: &str, names: &[&str]) -> Result<(), String> {
    match members.keys().find(|key| !names.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let shown = quoted(key, SHOWN_NAME_MAX);
            let meant = meant(key, names.iter().copied());
            Err(format!("{of} has an unknown member {shown:?}{meant} It knows {}", names.join(", ")))
        }
    }
}

fn meant<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(wanted, names).map_or_else(|| ".".to_owned(), |name| format!("; did you mean {name}?"))
}

/// A text that people are shown: on one line, bounded, and without secrets. None where it is missing or empty.
fn said(value: Option<&Value>, name: &str, most: usize) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let text = text.trim();
            if text.len() > most {
                return Err(format!("{name} is longer than {most} bytes"));
            }
            if !text.chars().all(is_harmless) {
                return Err(format!("{name} must be one line of printable text"));
            }
            Ok(Some(quoted(text, most)).filter(|text| !text.is_empty()))
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("{name} must be a text"))
        }
    }
}

/// `30m`, `2h`, `1d`, `1h 30m`.
fn lasts(value: Option<&Value>, name: &str, most: Duration) -> Result<Option<Duration>, String> {
    let Some(text) = said(value, name, SHOWN_NAME_MAX)? else { return Ok(None) };
    let bounds = format!("from 1 minute to {}", in_days_or_hours(most));
    let lasts = text.parse::<Span>().ok().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    match lasts.and_then(|lasts| Duration::try_from(lasts).ok()) {
        Some(lasts) if (FOR_LEAST..=most).contains(&lasts) => Ok(Some(lasts)),
        Some(_) => Err(format!("{name} is {text:?}: it must be {bounds}")),
        None => Err(format!("{name} is {text:?}, which is no duration: write 30m, 2h or 1d, {bounds}")),
    }
}

fn in_days_or_hours(span: Duration) -> String {
    match span.as_secs() / 3600 {
        hours if hours > 24 => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Result<Asked<SilenceRequest>, String> {
        silence(&value.to_string(), &KnownRegions::default())
    }

    fn request(scope: Value) -> Value {
        json!({"scope": scope, "for": "2h", "reason": "maintenance", "by": "ana"})
    }

    fn scope_of(scope: Value) -> Result<AskedScope, String> {
        match read(&request(scope))? {
            Asked::Begin(request) => Ok(request.scope),
            Asked::End(_) => panic!(),
        }
    }

    fn with(name: &str, value: Value) -> Value {
        let mut changed = request(json!("all"));
        changed[name] = value;
        changed
    }

    #[test]
    fn a_silence_is_read_with_its_scope() {
        let region = KnownRegions::default().find("us-east-1");
        let part = |part| Ok(AskedScope::Part(part));
        for (scope, read) in [
            (json!("all"), Ok(AskedScope::Everything)),
            (json!("us-east-1-20270115T080100Z"), Ok(AskedScope::Incident("us-east-1-20270115T080100Z".into()))),
            (json!({"incident": "a"}), Ok(AskedScope::Incident("a".into()))),
            (json!({"region": "US-East-1"}), part(Part { region: region.clone(), ..Part::default() })),
            (
                json!({"operations": ["createtoken"], "tool": "acme-login/3.0"}),
                part(Part {
                    operations: Some(BTreeSet::from([Operation::CreateToken])),
                    shared: Some(Shared::Tool("acme-login/3.0".into())),
                    region: None,
                }),
            ),
        ] {
            assert_eq!(scope_of(scope), read);
        }
    }

    #[test]
    fn what_is_wrong_is_refused_with_what_to_write() {
        for (request, part) in [
            (json!("all"), "must be an object such as"),
            (with("scope", json!({})), "silence.scope must be \"all\""),
            (with("scope", json!(null)), "silence.scope must be"),
            (with("scope", json!({"regoin": "us-east-1"})), "\"regoin\". It knows region, operations"),
            (with("scope", json!({"region": "us-esat-1"})), "did you mean us-east-1?"),
            (with("scope", json!({"operations": []})), "must be a list"),
            (with("scope", json!({"operations": ["CreateTokn"]})), "it knows RegisterClient"),
            (with("scope", json!({"tool": "a", "network": "b"})), "a silence of each"),
            (with("scope", json!({"tool": "a\nb"})), "one line"),
            (with("scope", json!({"tool": 3})), "must be a text"),
            (with("for", json!(null)), "silence.for is missing"),
            (with("for", json!("two hours")), "no duration: write 30m, 2h or 1d"),
            (with("for", json!("59s")), "from 1 minute to 7 days"),
            (with("for", json!("8d")), "from 1 minute to 7 days"),
            (with("for", json!("-2h")), "no duration"),
            (with("for", json!("1 month")), "no duration"),
            (with("reason", json!(" ")), "silence.reason is missing"),
            (with("by", json!(null)), "silence.by is missing"),
            (with("by", json!("x".repeat(81))), "longer than 80 bytes"),
            (with("by", json!("a\u{202e}b")), "one line"),
            (with("reasons", json!("x")), "\"reasons\"; did you mean reason? It knows scope, for"),
            (with("reason", json!("x".repeat(10_000))), "longer than 8192 bytes"),
            (json!({"end": "a", "for": "1h"}), "unknown member \"for\""),
            (json!({"end": 3}), "must be a text"),
        ] {
            let error = read(&request).unwrap_err();
            assert!(error.contains(part), "{request}: {error}");
        }
    }

    #[test]
    fn a_duration_is_written_as_people_do() {
        for (text, seconds) in [
            ("1m", 60),
            ("30m", 1800),
            ("2h", 7200),
            ("2 hours", 7200),
            ("1h 30m", 5400),
            ("7d", 604_800),
            ("PT2H", 7200),
        ] {
            let Ok(Asked::Begin(request)) = read(&with("for", json!(text))) else { panic!("{text}") };
            assert_eq!(request.lasts.as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn an_acknowledgement_is_of_an_incident() {
        let text = |text: &str| Value::from(text).to_string();
        let begun = |by, lasts| acknowledge(&text("a"), by, lasts);
        let expected = AcknowledgeRequest { incident: "a".into(), by: None, lasts: ACKNOWLEDGED_FOR };
        assert_eq!(begun(None, None), Ok(Asked::Begin(expected.clone())));
        let expected = AcknowledgeRequest { by: Some("ana".into()), lasts: Duration::from_secs(3600), ..expected };
        assert_eq!(begun(Some("ana"), Some("1h")), Ok(Asked::Begin(expected)));
        let end = EndRequest { id: "a".into(), by: None };
        assert_eq!(acknowledge(r#"{"end":"a"}"#, None, None), Ok(Asked::End(end)));
        for (asked, part) in [
            (begun(None, Some("25h")), "from 1 minute to 24 hours"),
            (acknowledge("\" \"", None, None), "an incident's id"),
            (acknowledge("[1]", None, None), "must be a text"),
            (acknowledge(r#"{"incident":"a"}"#, None, None), "unknown member \"incident\""),
        ] {
            assert!(asked.as_ref().unwrap_err().contains(part), "{asked:?}");
        }
    }

    #[test]
    fn no_secret_gets_further() {
        let secret =
            "aoal-made-up-secret.eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYWRlIHVwIn0.c2lnbmF0dXJlLW1hZGUtdXAtMTIzNDU2";
        let Ok(Asked::Begin(request)) = read(&with("reason", json!(format!("token {secret}")))) else { panic!() };
        assert!(!request.reason.contains("eyJ"), "{}", request.reason);
        let error = read(&with("scope", json!({"operations": [secret]}))).unwrap_err();
        assert!(!error.contains("eyJ"), "{error}");
    }
}
