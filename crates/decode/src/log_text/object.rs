//! JSON in log lines: the objects in a text, and the errors in their fields.
//!
//! In: a printout's text, or an object in it. Out: the objects ([`split`]), or the errors in one of them ([`find`]): an
//! SDK's text in any string, and errors that a logger wrote as fields. One object is one failure, unless it has several
//! AWS request ids.

use serde_json::{Map, Value};
use triage_model::classify;
use triage_model::observation::Operation;

use crate::cloudtrail::EVENT_SOURCES;
use crate::sdk_error;
use crate::sdk_error::service::{
    Endpoint, Mark, ServiceSigns, bare_status, is_known_code, is_neighbour, is_service_name, plain_code,
};
use crate::sdk_error::{NamedService, RequestId, SdkError, is_ours};
use crate::values::{MESSAGE_MAX, bounded};

/// A printout's text, split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// The text outside JSON objects, with a blank for each object.
    pub plain: String,
    pub objects: Vec<Value>,
    /// The printout is a line of unreadable JSON: malformed, cut off, or nested too deeply.
    pub invalid: bool,
}

/// The most objects read in one printout: each unreadable one costs a pass.
const OBJECTS_MAX: usize = 8;

/// Finds the JSON objects in a text, after any prefix.
pub fn split(text: &str) -> Split {
    let mut split = Split::default();
    let (mut rest, mut tries) = (text, 0);
    while let Some(at) = object_start(rest).filter(|_| tries < OBJECTS_MAX) {
        tries += 1;
        let mut stream = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<Value>();
        match stream.next() {
            Some(Ok(object)) if stands_alone(&rest[..at], &rest[at + stream.byte_offset()..]) => {
                split.plain.push_str(&rest[..at]);
                split.plain.push(' ');
                rest = &rest[at + stream.byte_offset()..];
                split.objects.push(object);
            }
            Some(Err(_)) if split.plain.trim().is_empty() && rest[..at].trim().is_empty() => {
                split.invalid = true;
                return split;
            }
            // A map in the middle of Rust's or Go's own notation.
            Some(_) | None => {
                split.plain.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    split.plain.push_str(rest);
    split
}

/// Whether an object ends a line and stands apart, as one that a logger appends.
fn stands_alone(before: &str, after: &str) -> bool {
    let is_apart = before.is_empty() || before.ends_with([' ', '\t', '\n', '\r', ':', '=']);
    is_apart && after.trim_start_matches([' ', '\t']).chars().next().is_none_or(|next| matches!(next, '\n' | '\r'))
}

/// A brace followed by a quotation mark. In objects inspected by JavaScript none follows.
fn object_start(text: &str) -> Option<usize> {
    let is_start = |&(at, _): &(usize, &str)| {
        text[at + 1..].bytes().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| byte == b'"')
    };
    text.match_indices('{').find(is_start).map(|(at, _)| at)
}

/// Our errors in an object.
pub fn find(object: &Value, signs: &ServiceSigns) -> Vec<SdkError> {
    let mut found = Gathered::default();
    found.walk(object, 0);
    let Gathered { errors: mut gathered, operation, neighbour, names_ours } = found;
    let mut signs = ServiceSigns { operation: operation.or(signs.operation), ..signs.clone() };
    signs.stranger |= neighbour;
    if names_ours {
        signs.mark = signs.mark.max(Mark::Name);
    }
    gathered.retain(|error| is_ours(error, &signs));
    let is_of_aws = |error: &SdkError| matches!(error.request_id, Some(RequestId::OfAws(_)));
    if gathered.iter().any(is_of_aws) {
        // Next to AWS's own id, the line's id is the application's.
        gathered.iter_mut().filter(|error| !is_of_aws(error)).for_each(|error| error.request_id = None);
    }
    // A known code is the service's; any other name may be the application's for it.
    gathered.sort_by_key(|error| (error.request_id.is_none(), !error.code.as_deref().is_some_and(is_known_code)));
    let mut merged: Vec<SdkError> = Vec::new();
    for error in gathered {
        let same_id = |known: &&mut SdkError| error.request_id.is_none() || known.request_id == error.request_id;
        match merged.iter_mut().find(same_id) {
            Some(known) => {
                if known.inner_code.is_none() && hides(known, &error) {
                    known.inner_code.clone_from(&error.code);
                }
                known.absorb(error);
            }
            None => merged.push(error),
        }
    }
    for error in &mut merged {
        error.operation = error.operation.or(operation);
    }
    merged
}

/// Whether an InternalServerException wraps another error, which gives the reason.
fn hides(outer: &SdkError, inner: &SdkError) -> bool {
    let is_outer = |code: &str| code == "InternalServerException";
    let is_inner = |code: &str| !is_outer(code) && is_known_code(code) && bare_status(code).is_none();
    outer.code.as_deref().is_some_and(is_outer) && inner.code.as_deref().is_some_and(is_inner)
}

/// JSON in a JSON string in a JSON string: chained loggers wrap lines that deep.
const NESTED_MAX: usize = 3;

/// The result of one pass over an object.
#[derive(Default)]
struct Gathered {
    errors: Vec<SdkError>,
    operation: Option<Operation>,
    /// A field names another service or operation.
    neighbour: bool,
    /// The field for the service names ours.
    names_ours: bool,
}

impl Gathered {
    fn walk(&mut self, value: &Value, nested: usize) {
        match value {
            // Another service's record may contain our words in its parameters.
            Value::Object(map) if is_foreign_record(map) => {}
            Value::Object(map) => {
                for (key, name) in map.iter().filter_map(|(key, value)| Some((key, value.as_str()?))) {
                    let is_operation = is_one_of(key, OPERATION_KEYS);
                    if is_operation && self.operation.is_none() {
                        self.operation = operation_of(name);
                    }
                    self.names_ours |= is_one_of(key, SERVICE_KEYS) && is_service_name(name);
                    self.neighbour |= (is_operation || is_one_of(key, SERVICE_KEYS)) && is_neighbour(name);
                }
                self.errors.extend(of_fields(map));
                map.values().for_each(|value| self.walk(value, nested));
            }
            // A stack as a list of its lines.
            Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_string) => {
                let lines: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                self.text(&lines.join("\n"), nested);
            }
            Value::Array(list) => list.iter().for_each(|value| self.walk(value, nested)),
            Value::String(string) => self.text(string, nested),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &str, nested: usize) {
        if nested < NESTED_MAX && text.contains("{\"") {
            let split = split(text);
            split.objects.iter().for_each(|object| self.walk(object, nested + 1));
            self.errors.extend(sdk_error::find(&split.plain));
        } else {
            self.errors.extend(sdk_error::find(text));
        }
    }
}

fn is_foreign_record(map: &Map<String, Value>) -> bool {
    let source = map.get("eventSource").and_then(Value::as_str);
    source.is_some_and(|source| source.ends_with(".amazonaws.com") && !EVENT_SOURCES.contains(&source))
}

const SERVICE_KEYS: &[&str] = &["service", "serviceid", "servicename", "awsservice", "clientname"];
/// Names also used in applications' own interfaces: they name an error's operation, but do not make a status an error.
const LOOSE_OPERATION_KEYS: &[&str] = &["call", "method", "rpc"];
const OPERATION_KEYS: &[&str] = &[
    "operation",
    "operationname",
    "awsoperation",
    "op",
    "action",
    "api",
    "apiname",
    "command",
    "commandname",
    "call",
    "method",
    "rpc",
];
const CODE_KEYS: &[&str] = &[
    "code",
    "errorcode",
    "name",
    "errorname",
    "errortype",
    "type",
    "exception",
    "exceptionname",
    "xamznerrortype",
    "error",
    "kind",
    "class",
];
const INNER_CODE_KEYS: &[&str] = &["innercode", "innererrorcode", "innererror", "causecode"];
const STATUS_KEYS: &[&str] = &["httpstatuscode", "statuscode", "httpstatus", "status"];
const MESSAGE_KEYS: &[&str] = &["errordescription", "errormessage", "message", "msg"];
const ID_KEYS: &[&str] = &["awsrequestid", "xamznrequestid", "requestid"];

/// Whether a field has one of these names, in any spelling, at the end of a dotted name.
fn is_one_of(key: &str, names: &[&str]) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key).trim_matches('_');
    let letters = || last.bytes().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    names.iter().any(|name| letters().eq(name.bytes()))
}

/// The first field with one of these names, in the order of the names.
fn field<'a>(map: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| map.iter().find(|(key, _)| is_one_of(key, &[name])).map(|(_, value)| value))
}

/// An error made of this object's fields.
fn of_fields(map: &Map<String, Value>) -> Option<SdkError> {
    // botocore keeps the code and the message in `Error`, the rest in `ResponseMetadata`; JavaScript in `$metadata`.
    let inner = map.get("Error").and_then(Value::as_object);
    let metadata = ["$metadata", "ResponseMetadata"].iter().find_map(|key| map.get(*key)).and_then(Value::as_object);
    let codes = |map: &Map<String, Value>| {
        CODE_KEYS.iter().find_map(|name| {
            let values = map.iter().filter(|(key, _)| is_one_of(key, &[name])).map(|(_, value)| value);
            values.filter_map(code_text).find_map(|(text, namespaced)| Some((code_of(&text)?.to_owned(), namespaced)))
        })
    };
    let found = inner.and_then(codes).or_else(|| codes(map));
    let status_in = |map: &Map<String, Value>| {
        STATUS_KEYS
            .iter()
            .find_map(|name| field(map, &[name]).and_then(number))
            .filter(|status| (100..600).contains(status))
    };
    let status = metadata.and_then(status_in).or_else(|| status_in(map));
    let failed = status.filter(|status| *status >= 400);
    // A status alone means an error only where an SDK put it, or next to its operation.
    let named = |keys: &[&str], is: &dyn Fn(&str) -> bool| {
        map.iter().any(|(key, value)| is_one_of(key, keys) && value.as_str().is_some_and(is))
    };
    let is_base_class = named(CODE_KEYS, &|name| name.ends_with("Exception") && is_service_class(name));
    // Other services have operations with these names.
    let is_others = named(SERVICE_KEYS, &|name| !is_service_name(name));
    let is_answer = || {
        !is_others
            && named(OPERATION_KEYS, &|name| operation_of(name).is_some())
            && !named(LOOSE_OPERATION_KEYS, &|_| true)
    };
    let (code, namespaced) = match (found, failed) {
        (Some((code, namespaced)), _) => (code, namespaced),
        (None, Some(status)) if metadata.is_some() || is_base_class || is_answer() => {
            (status.to_string(), is_base_class)
        }
        (None, _) => return no_answer(map, metadata.is_some()),
    };
    let id_in = |map: &Map<String, Value>| {
        let id = field(map, ID_KEYS)?.as_str()?;
        sdk_error::is_request_id(id).then(|| id.to_owned())
    };
    // Lambda's own format has `errorType`, and the invocation's id beside it.
    let of_lambda = map.contains_key("errorType");
    let own = || id_in(map).filter(|_| !of_lambda).map(RequestId::OfLine);
    let request_id = metadata.and_then(id_in).map(RequestId::OfAws).or_else(own);
    let message = MESSAGE_KEYS.iter().find_map(|name| {
        let text = field(inner.unwrap_or(map), &[name])?.as_str()?;
        // If it is an SDK's whole text, it is read as such.
        (!matches!(text, "" | "UnknownError" | "null" | "None") && sdk_error::find(text).is_empty()).then_some(text)
    });
    let has_fields = metadata.is_some()
        || map.contains_key("$fault")
        || map.keys().any(|key| key.trim_matches(['[', ']']) == "error_description");
    Some(SdkError {
        status: failed.or(bare_status(&code)),
        code: Some(code),
        inner_code: field(map, INNER_CODE_KEYS).and_then(Value::as_str).and_then(code_of).map(str::to_owned),
        message: message.map(|text| bounded(text, MESSAGE_MAX).to_owned()),
        request_id,
        has_fields,
        service: if namespaced { NamedService::SsoOidc } else { NamedService::Unnamed },
        ..SdkError::default()
    })
}

/// The error of a call without an answer, as Node.js writes it and other SDKs log it. Every program loses connections:
/// it is an SDK's if it has `$metadata`, and ours if it names our host.
fn no_answer(map: &Map<String, Value>, by_sdk: bool) -> Option<SdkError> {
    let code = CODE_KEYS
        .iter()
        .find_map(|name| field(map, &[name])?.as_str().filter(|code| classify::means_no_answer(code)))?;
    let endpoint = map.get("hostname").and_then(Value::as_str).and_then(|host| Endpoint::find(&format!("{host}/")));
    let service = if endpoint.is_some() { NamedService::SsoOidc } else { NamedService::Unnamed };
    (by_sdk || endpoint.is_some()).then(|| SdkError {
        service,
        code: Some(code.to_owned()),
        region: endpoint.map(|endpoint| endpoint.region),
        no_answer: true,
        ..SdkError::default()
    })
}

/// A value that may be a code, and whether its namespace is our service's.
fn code_text(value: &Value) -> Option<(String, bool)> {
    match value {
        Value::String(text) => Some((text.clone(), is_service_class(text))),
        Value::Number(number) => Some((number.to_string(), false)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a class name contains the service.
fn is_service_class(name: &str) -> bool {
    name.to_ascii_lowercase().contains("ssooidc")
}

/// A code of the table, or the name of an exception. An OAuth code is neither, so it is never returned.
fn code_of(text: &str) -> Option<&str> {
    let text = text.split(":http").next().unwrap_or(text).trim();
    if text.contains(' ') {
        return None;
    }
    plain_code(text).filter(|code| is_known_code(code) || code.ends_with("Exception"))
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `CreateToken`, `CreateTokenCommand`, `create_token`, `sso-oidc:CreateToken`.
fn operation_of(name: &str) -> Option<Operation> {
    let last = name.rsplit([':', '.', '/', ' ']).next().unwrap_or(name);
    let letters: String = last.chars().filter(char::is_ascii_alphanumeric).collect();
    Operation::from_name(letters.strip_suffix("Command").unwrap_or(&letters))
}
