//! Collectors' additions to a line of output: a prefix, or a JSON record with the line in one field.
//!
//! In: a message. Out: its [`Piece`]s, each with the bare text and its output, so that one program's lines can be
//! joined where several interleave. One collector may wrap another. Text without such additions comes back unchanged.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

/// One line, or one whole message of several lines, as the program wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece<'m> {
    pub output: Output,
    pub text: Cow<'m, str>,
    /// The collector cut the line here; the next piece continues it.
    pub is_cut: bool,
    /// The other members of the JSON records around the text.
    pub around: Vec<Value>,
    /// The piece with everything around it.
    pub raw: &'m str,
}

/// The output of a piece, as far as its surroundings show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// No collector.
    Bare,
    /// Only a time, which some collectors put before each line.
    Timed,
    /// Named by a collector: the container and stream, the unit, the service.
    Named(String),
}

impl Output {
    /// The program behind it, on any of its streams; None where no collector names it.
    pub fn program(&self) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.replace("stderr", "").replace("stdout", "")),
            Self::Bare | Self::Timed => None,
        }
    }

    /// Whether a line of `next` can continue a text that began in this one. A logger puts its time only before the
    /// first line of a text.
    pub fn goes_on_in(&self, next: &Self) -> bool {
        self == next || matches!((self, next), (Self::Timed, Self::Bare))
    }
}

/// Splits a message. Its lines become separate pieces where each of them has additions.
pub fn pieces(message: &str) -> Vec<Piece<'_>> {
    let lines = || message.lines().filter(|line| !line.trim().is_empty());
    if lines().nth(1).is_some() {
        let is_wrapped = |line: &str| is_json_line(line) || prefix(line).is_some();
        if lines().all(is_wrapped) {
            return lines().map(unwrap).collect();
        }
    }
    at_times(message).into_iter().map(unwrap).collect()
}

/// A message whose lines begin like log records has one piece for each.
fn at_times(message: &str) -> Vec<&str> {
    let mut from = 0;
    let mut parts = Vec::new();
    if begins_record(message) {
        for (at, _) in message.match_indices('\n').filter(|&(at, _)| begins_record(&message[at + 1..])) {
            parts.push(&message[from..at]);
            from = at + 1;
        }
    }
    parts.push(&message[from..]);
    parts
}

/// Whether a line begins like a log record: with a time or a level, or with fields or an object.
pub fn begins_record(text: &str) -> bool {
    const LEVELS: [&str; 10] =
        ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL", "NOTICE", "SEVERE"];
    const FIELDS: [&str; 4] = ["level=", "time=", "ts=", "{\""];
    let bare = text.trim_start_matches('[');
    let is_level =
        |level: &&str| bare.strip_prefix(*level).is_some_and(|after| after.starts_with([' ', ']', ':', '\t']));
    // `error: null` is a field.
    let is_small = |level: &&str| {
        let small = bare.get(..level.len()).filter(|head| **head == level.to_ascii_lowercase());
        small.is_some_and(|_| {
            bare[level.len()..].starts_with(']') || !text.starts_with('[') && bare[level.len()..].starts_with(' ')
        })
    };
    is_time(text)
        || is_american_date(text)
        || FIELDS.iter().any(|field| text.starts_with(field))
        || LEVELS.iter().any(|level| is_level(level) || is_small(level))
}

/// `11/22/2026 11:58:00`
fn is_american_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range| are_digits(bytes, range);
    digits(0..2) && digits(3..5) && digits(6..10) && bytes.get(2) == Some(&b'/') && bytes.get(5) == Some(&b'/')
}

/// Whether a line begins with its own time, such as `2026-11-22T09:00:00Z` or `2026/11/22 09:00`.
pub fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range| are_digits(bytes, range);
    digits(0..4) && digits(5..7) && digits(8..10) && matches!(bytes.get(4), Some(b'-' | b'/'))
}

fn are_digits(bytes: &[u8], range: Range<usize>) -> bool {
    bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
}

fn is_json_line(line: &str) -> bool {
    line.starts_with('{') && line.trim_end().ends_with('}')
}

/// A collector behind a collector behind a container's own log.
const LAYERS_MAX: usize = 4;

fn unwrap(raw: &str) -> Piece<'_> {
    let mut piece = Piece { output: Output::Bare, text: Cow::Borrowed(raw), is_cut: false, around: Vec::new(), raw };
    let mut names = String::new();
    // Docker cuts JSON lines too.
    piece.is_cut = raw.len() >= DOCKER_CUT && raw.starts_with('{') && !raw.trim_end().ends_with('}');
    for _ in 0..LAYERS_MAX {
        let Some(layer) = json_record(&piece.text).or_else(|| Layer::of_prefix(&piece.text)) else { break };
        if layer.name.is_empty() {
            piece.output = Output::Timed;
        }
        names.push_str(&layer.name);
        piece.is_cut |= layer.is_cut;
        piece.around.extend(layer.around);
        piece.text = Cow::Owned(layer.text);
    }
    if !names.is_empty() {
        piece.output = Output::Named(names);
    }
    piece
}

/// One wrapper, removed.
struct Layer {
    /// Empty if it is only a time.
    name: String,
    text: String,
    is_cut: bool,
    around: Option<Value>,
}

impl Layer {
    fn of_prefix(text: &str) -> Option<Self> {
        let (kind, name, is_cut, at) = prefix(text)?;
        let name = if kind == Kind::Time { String::new() } else { format!("{kind:?} {name};") };
        Some(Self { name, text: text[at..].to_owned(), is_cut, around: None })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ContainerRuntime,
    Compose,
    Syslog,
    Kubectl,
    Time,
}

/// A collector's prefix. Named groups: the parts of an output's `name`, and `cut`.
struct Form {
    kind: Kind,
    /// The beginning a line needs before the expression is tried.
    may_begin: fn(u8) -> bool,
    expression: LazyLock<Regex>,
}

macro_rules! forms {
    ($($kind:ident, $may_begin:expr, $expression:expr;)*) => {
        [$(Form {
            kind: Kind::$kind,
            may_begin: $may_begin,
            expression: LazyLock::new(|| Regex::new($expression).expect("constant")),
        }),*]
    };
}

static FORMS: [Form; 10] = forms! {
    // Kubernetes, containerd, CRI-O: `2026-11-03T10:00:00.123456789Z stderr F text`
    ContainerRuntime, is_digit, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]{8,32} (?<name>stdout|stderr) (?:F|(?<cut>P))(?::[A-Z])? ?";
    // Some shippers keep only this part
    ContainerRuntime, |byte| byte == b's', r"^(?<name>stdout|stderr) (?:F|(?<cut>P)) ";
    // RFC 5424: `<14>1 2026-11-03T10:00:00Z host app 17 - - text`
    Syslog, |byte| byte == b'<', concat!(
        r"^<[0-9]{1,3}>1 [^ ]{1,40} (?<name>[^ ]{1,255} [^ ]{1,255} [^ ]{1,128}) [^ ]{1,255} ",
        r#"(?:-|(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*"|\\.)*\])+) ?(?:\u{feff})?"#,
    );
    // RFC 3164 and journald: `Nov 03 10:00:00 host unit[17]: text`
    Syslog, |byte| byte == b'<' || byte.is_ascii_uppercase(),
        r"^(?:<[0-9]{1,3}>)?[A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})? (?<name>[^ ]{1,255} [^ :\[]{1,128}(?:\[[0-9]{1,10}\])?): ?";
    // journald with ISO times, and rsyslog's: `2026-11-03T10:00:00+0000 host unit[17]: text`
    Syslog, is_digit, concat!(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]{8,18}(?:Z|[+-][0-9]{2}:?[0-9]{2}) ",
        r"(?<name>[A-Za-z0-9._-]{1,255} [^ :\[]{1,128}\[[0-9]{1,10}\]|[a-z0-9][A-Za-z0-9._-]{0,254} [a-z][a-z0-9._/@-]{0,127}|",
        r"[A-Za-z0-9._-]{1,128}\[[A-Za-z0-9._-]{1,128}\]): ?",
    );
    // `kubectl logs --prefix`: `[pod/web-7d9/app] text`
    Kubectl, |byte| byte == b'[', r"^\[(?<name>pod/[^\] ]{1,512})\] ?";
    // Compose: `web-1  | text`
    Compose, |byte| byte.is_ascii_alphanumeric(), r"^(?<name>[A-Za-z0-9][A-Za-z0-9._-]{0,127}) {0,64}\| ?";
    // `docker logs --timestamps`, `kubectl logs --timestamps`, exports
    Time, is_digit, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})[ \t]";
    // Runners of workflows
    Time, |byte| byte == b'#' || byte == b':', r"^(?:##\[(?:error|warning|debug|command|section)\]|::(?:error|warning|notice|debug)(?: [^:\r\n]{0,256})?::) ?";
    Time, |byte| byte == b'[', r"^\[[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?\] ";
};

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// The prefix of a line: its kind, the name of the output, whether the line was cut, and where the text begins.
fn prefix(text: &str) -> Option<(Kind, &str, bool, usize)> {
    let first = *text.as_bytes().first()?;
    FORMS.iter().filter(|form| (form.may_begin)(first)).find_map(|form| {
        let found = form.expression.captures(text)?;
        let name = found.name("name").map_or("", |name| name.as_str());
        Some((form.kind, name, found.name("cut").is_some(), found.get(0)?.end()))
    })
}

/// Members in which collectors and loggers keep the line.
const TEXT_KEYS: &[&str] =
    &["log", "message", "msg", "MESSAGE", "@message", "line", "text", "body", "textPayload", "event", "short_message"];

/// Members that distinguish outputs. No other member that varies from line to line does.
const OUTPUT_KEYS: &[&str] = &[
    "stream",
    "source",
    "container_id",
    "container_name",
    "container",
    "pod",
    "pod_name",
    "pod_id",
    "docker_id",
    "namespace_name",
    "ecs_task_arn",
    "_PID",
    "_HOSTNAME",
    "_SYSTEMD_UNIT",
    "SYSLOG_IDENTIFIER",
    "pid",
    "host",
    "hostname",
    "unit",
    "tag",
    "file",
    "service",
];

/// Docker cut a line of this length without an end.
pub const DOCKER_CUT: usize = 16 * 1024;

/// A JSON record with a line in it.
fn json_record(text: &str) -> Option<Layer> {
    if !is_json_line(text) {
        return None;
    }
    let Value::Object(mut record) = serde_json::from_str(text).ok()? else { return None };
    let key = TEXT_KEYS.iter().find(|key| record.get(**key).and_then(line_of).is_some())?;
    let line = record.remove(*key).as_ref().and_then(line_of)?;
    let says = |key: &str, value: &str| record.get(key).and_then(Value::as_str) == Some(value);
    let is_cut = says("logtag", "P")
        || says("partial_message", "true")
        || record.get("partial").and_then(Value::as_bool) == Some(true)
        || *key == "log" && line.len() >= DOCKER_CUT && !line.ends_with('\n');
    let mut name = "Json ".to_owned();
    name_output(&record, &mut name);
    let text = line.trim_end_matches(['\n', '\r']).to_owned();
    Some(Layer { name, text, is_cut, around: Some(Value::Object(record)) })
}

/// A text, or its bytes as a list (journald).
fn line_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(bytes) if !bytes.is_empty() => {
            let bytes: Option<Vec<u8>> =
                bytes.iter().map(|byte| byte.as_u64().and_then(|byte| byte.try_into().ok())).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        _ => None,
    }
}

fn name_output(record: &Map<String, Value>, name: &mut String) {
    for key in OUTPUT_KEYS {
        match record.get(*key) {
            Some(Value::String(text)) => name.extend([text.as_str(), ";"]),
            Some(Value::Number(number)) => name.extend([number.to_string().as_str(), ";"]),
            Some(Value::Object(inner)) => name_output(inner, name),
            _ => {}
        }
    }
    if let Some(Value::Object(kubernetes)) = record.get("kubernetes") {
        name_output(kubernetes, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn bare(message: &str) -> String {
        let pieces = pieces(message);
        assert_eq!(pieces.len(), 1, "{pieces:?}");
        assert!(matches!(pieces[0].output, Output::Named(_)), "{pieces:?}");
        pieces[0].text.to_string()
    }

    #[test]
    fn a_collectors_additions_are_removed() {
        for wrapped in [
            "2026-11-03T10:00:00.123456789Z stderr F   at foo",
            "stderr F   at foo",
            "<14>1 2026-11-03T10:00:00.1Z host app 17 - -   at foo",
            r#"<14>1 2026-11-03T10:00:00Z host app - ID47 [a@1 b="c]\"d"][e f="g"]   at foo"#,
            "Nov 03 10:00:00 ip-10-0-0-1 web[17]:   at foo",
            "<30>Nov  3 10:00:00 host web:   at foo",
            "2026-11-03T10:00:00+0000 host web[17]:   at foo",
            "2026-11-03T10:00:00.123+00:00 host web:   at foo",
            "2026-11-03T10:00:00.123456+00:00 app[web.1]:   at foo",
            "[pod/web-7d9/app]   at foo",
            "web-1  |   at foo",
            r#"{"log":"  at foo\n","stream":"stderr","time":"2026-11-03T10:00:00Z"}"#,
            r#"{"MESSAGE":"  at foo","_PID":"17","__REALTIME_TIMESTAMP":"1"}"#,
            r#"{"MESSAGE":[32,32,97,116,32,102,111,111],"_PID":"17"}"#,
            r#"{"date":1.5,"log":"2026-11-03T10:00:00.1Z stderr F   at foo","kubernetes":{"pod_name":"web"}}"#,
            r#"{"message":"  at foo","timestamp":"2026-11-03T10:00:00Z","level":"error"}"#,
            r#"{"log":"{\"level\":\"error\",\"msg\":\"  at foo\"}\n","stream":"stdout"}"#,
            "web-1  | [pod/x/y]   at foo",
        ] {
            assert_eq!(bare(wrapped), "  at foo", "{wrapped}");
        }
    }

    #[test]
    fn text_without_a_collector_is_unchanged() {
        for text in [
            "2026-11-03 10:00:00 ERROR | x",
            "a text | with a bar",
            "user=bob | InvalidGrantException",
            "{not json}",
            r#"{"err":{"name":"InvalidGrantException"}}"#,
            "Error: Nov 03",
            "<b>bold</b>",
            "",
        ] {
            let pieces = pieces(text);
            assert_eq!((pieces.len(), pieces[0].text.as_ref(), &pieces[0].output), (1, text, &Output::Bare), "{text}");
        }
        let timed = &pieces("2026-11-03T10:00:00Z ERROR Foo: bar")[0];
        assert_eq!((timed.text.as_ref(), &timed.output), ("ERROR Foo: bar", &Output::Timed));
    }

    #[test]
    fn each_line_of_a_message_may_have_its_own() {
        let texts = |message: &str| pieces(message).iter().map(|piece| piece.text.to_string()).collect::<Vec<_>>();
        assert_eq!(texts("web-1 | a\nweb-1 |   b\n"), ["a", "  b"]);
        assert_eq!(texts("{\"log\":\"a\"}\n{\"log\":\"b\"}"), ["a", "b"]);
        assert_eq!(texts("web-1 | a\n  b"), ["a\n  b"]);
    }

    #[test]
    fn outputs_differ_in_the_constant_parts_of_their_lines() {
        let output = |text: &str| pieces(text)[0].output.clone();
        assert_eq!(
            output(r#"{"log":"a","stream":"stderr","time":"1","kubernetes":{"pod_name":"x"}}"#),
            output(r#"{"log":"b","stream":"stderr","time":"2","kubernetes":{"pod_name":"x"}}"#)
        );
        assert_ne!(
            output(r#"{"log":"a","kubernetes":{"pod_name":"x"}}"#),
            output(r#"{"log":"a","kubernetes":{"pod_name":"y"}}"#)
        );
        assert_ne!(output("a-1 | x"), output("b-1 | x"));
        assert_ne!(output("2026-11-03T10:00:00Z stderr F x"), output("2026-11-03T10:00:00Z stdout F x"));
        assert_ne!(output("Nov 03 10:00:00 h web[17]: x"), output("Nov 03 10:00:00 h web[18]: x"));
    }

    #[test]
    fn a_line_that_was_cut_says_so() {
        assert!(pieces("2026-11-03T10:00:00Z stderr P x")[0].is_cut);
        assert!(!pieces("2026-11-03T10:00:00Z stderr F x")[0].is_cut);
        assert!(pieces(r#"{"log":"x","logtag":"P"}"#)[0].is_cut);
        let long = format!(r#"{{"log":"{}","stream":"stdout"}}"#, "x".repeat(DOCKER_CUT));
        assert!(pieces(&long)[0].is_cut);
    }
}
