//! The shapes that SDKs print, one line of the table for each.
//!
//! In: text. Out: what has such a shape, with the fields it prints. A shape's expressions run only where its trigger, a
//! plain substring, stands in the text, and each runs once over it: the work is linear.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use triage_model::observation::Operation;

use crate::fields::{MESSAGE_MAX, bounded};
use crate::sdk_error::service::{Endpoint, bare_status, is_known_code, is_service_name, plain_code};
use crate::sdk_error::{ENTRY_ERRORS_MAX, RequestId, SdkError, Service, service};

mod objects;

/// One way of printing an error.
struct Shape {
    /// One of these stands in every text of the shape.
    triggers: &'static [&'static str],
    read: fn(&str, &mut Vec<SdkError>),
}

const SHAPES: &[Shape] = &[
    // botocore, boto3, AWS CLI: `An error occurred (CODE) when calling the OP operation: MESSAGE`
    Shape { triggers: &["n error occurred ("], read: botocore },
    // botocore without an answer: `Could not connect to the endpoint URL: "URL"`
    Shape { triggers: &["endpoint URL", "SSL validation failed for", "proxy URL"], read: botocore_no_answer },
    // Go v2: `operation error SSO OIDC: OP, https response error StatusCode: N, RequestID: ID, CODE: MESSAGE`
    Shape { triggers: &["operation error "], read: go },
    // Go v1: `CODE: MESSAGE\n\tstatus code: N, request id: ID`, and the modelled `CODE: {\n  RespMetadata: {`
    Shape { triggers: &["status code: ", "RespMetadata: {"], read: go_v1 },
    // Java v1 and v2: `CLASS: MESSAGE (Service: SsoOidc, Status Code: N, Request ID: ID)`
    Shape { triggers: &["(Service: "], read: java },
    // Java, Kotlin, .NET, Ruby, Swift: the class of the exception with its package
    Shape {
        triggers: &["services.ssooidc.model.", "SSOOIDC.Model.", "SSOOIDC.Amazon", "SSOOIDC::Errors::", "AWSSSOOIDC."],
        read: class,
    },
    // PHP: `Error executing "OP" on "URL"; AWS HTTP error: ... CODE (server): MESSAGE`
    Shape { triggers: &["Error executing "], read: php },
    // Rust: `service error: CODE: CODE (ServiceError(ServiceError { ... code: Some("CODE") ...`
    Shape {
        triggers: &[
            "service error: ",
            "ServiceError {",
            "dispatch failure",
            "DispatchFailure",
            "TimeoutError(",
            "ResponseError {",
        ],
        read: objects::rust,
    },
    // JavaScript v3 and v2: `CODE: UnknownError`, a stack, an inspected object with `$fault` and `$metadata`
    Shape {
        triggers: &["UnknownError", "$fault", "$metadata", "\n    at ", "\r    at ", "\n\tat ", "statusCode: "],
        read: objects::javascript,
    },
    // boto3's `error.response`, printed as Python prints a dictionary
    Shape { triggers: &["ResponseMetadata"], read: objects::python },
    // No answer, in the words of the HTTP client below the SDK
    Shape {
        triggers: &[
            "Unable to execute HTTP request",
            "ApiCall",
            " E",
            "socket hang up",
            "Error",
            "Exception: ",
            "cURL error",
            "curl: (",
        ],
        read: no_answer,
    },
];

/// Every error in a text, in no order. One failure may be found more than once: see [`super::merge`].
pub fn find(text: &str) -> Vec<SdkError> {
    let text = without_frame(without_attempts(text));
    let mut errors = Vec::new();
    for shape in SHAPES.iter().filter(|shape| shape.triggers.iter().any(|trigger| text.contains(trigger))) {
        (shape.read)(&text, &mut errors);
    }
    let others: Vec<Range<usize>> = errors
        .iter()
        .filter(|error| error.service == Service::Other)
        .map(|error| line_around(&text, error.at))
        .collect();
    // An error that names another service is not to be read again by a shape that names none.
    errors.retain(|error| match error.service {
        Service::SsoOidc => true,
        Service::Unnamed => !others.iter().any(|line| line.contains(&error.at)),
        Service::Other => false,
    });
    errors
}

/// The frame that Terraform draws around an error, which it breaks at the width of a terminal: each paragraph is put on
/// one line again. Offsets stay.
fn without_frame(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('│') {
        return text;
    }
    let framed = FRAMED.replace_all(&text, |found: &Captures<'_>| " ".repeat(found[0].len()));
    Cow::Owned(framed.into_owned())
}

static FRAMED: LazyLock<Regex> = LazyLock::new(|| regex(r"\r?\n[ \t]*│[ \t]+(?-u:\b)"));

/// Java's `Suppressed:` lines tell of the attempts before the last: they are blanked, so that offsets stay.
fn without_attempts(text: &str) -> Cow<'_, str> {
    if !text.contains("Suppressed: ") && !text.contains("Request attempt ") {
        return Cow::Borrowed(text);
    }
    let blanked = ATTEMPT.replace_all(text, |found: &Captures<'_>| " ".repeat(found[0].len()));
    Cow::Owned(blanked.into_owned())
}

static ATTEMPT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m-u:^[ \t]*Suppressed: |Request attempt [0-9]+ failure)[^\r\n]*"));

fn botocore(text: &str, errors: &mut Vec<SdkError>) {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"[Aa]n error occurred[ \t]+\(([^() \t\r\n]{1,160})\)[ \t]+when calling the[ \t]+([A-Za-z]{1,64})[ \t]+operation(?:[ \t]*\([^()\r\n]{1,80}\))?[ \t]*:?",
        )
    });
    for found in SHAPE.captures_iter(text).take(ENTRY_ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let operation = Operation::from_name(&found[2]);
        errors.push(SdkError {
            at: whole.start(),
            service: if operation.is_some() { Service::Unnamed } else { Service::Other },
            operation,
            code: plain_code(&found[1]).map(str::to_owned),
            status: bare_status(&found[1]),
            message: message(rest_of_line(text, whole.end())),
            request_id: id_of_line(text, whole.start()),
            ..SdkError::default()
        });
    }
}

fn botocore_no_answer(text: &str, errors: &mut Vec<SdkError>) {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"(Could not connect to the endpoint URL|Connect timeout on endpoint URL|Read timeout on endpoint URL|Connection was closed before we received a valid response from endpoint URL|SSL validation failed for|Failed to connect to proxy URL):?[ \t]*\\?["']?(https?://[^ \t\r\n"'\\]{1,512})"#,
        )
    });
    for found in SHAPE.captures_iter(text).take(ENTRY_ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let name = match &found[1] {
            "Connect timeout on endpoint URL" => "ConnectTimeoutError",
            "Read timeout on endpoint URL" => "ReadTimeoutError",
            "Could not connect to the endpoint URL" => "EndpointConnectionError",
            "SSL validation failed for" => "SSLError",
            "Failed to connect to proxy URL" => "ProxyConnectionError",
            _ => "ConnectionClosedError",
        };
        errors.push(SdkError {
            at: whole.start(),
            code: Some(name.to_owned()),
            message: message(whole.as_str()),
            no_answer: true,
            ..at_url(&found[2])
        });
    }
}

/// Service, operation and region of the URL that an error names.
fn at_url(url: &str) -> SdkError {
    match Endpoint::find(url) {
        Some(endpoint) => SdkError {
            service: Service::SsoOidc,
            operation: endpoint.operation,
            region: Some(endpoint.region),
            ..SdkError::default()
        },
        None if url.contains(".amazonaws.") || url.contains(".api.aws") => {
            SdkError { service: Service::Other, ..SdkError::default() }
        }
        // An endpoint of the caller's own choice: what stands around must tell whose it is.
        None => {
            let after_host = url.splitn(4, '/').nth(3).map(|path| format!("/{path}"));
            let operation = after_host.and_then(|path| service::operation_of_path(&path));
            SdkError { operation, ..SdkError::default() }
        }
    }
}

fn go(text: &str, errors: &mut Vec<SdkError>) {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"operation error ([A-Za-z0-9][A-Za-z0-9 ._-]{0,63}):[ \t]*([A-Za-z]{1,64})[,:]?[ \t]*")
    });
    static STATUS: LazyLock<Regex> = LazyLock::new(|| regex(r"StatusCode:[ \t]*([0-9]{1,3})"));
    static ID: LazyLock<Regex> = LazyLock::new(|| regex(r"Request ?I[Dd]:[ \t]*([A-Za-z0-9-]{8,64})"));
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?:^|[,:][ \t\r\n]+)(?:api error )?([A-Z][A-Za-z0-9_.]{2,127})(?::[ \t]*|[ \t]*$|["')])"#)
    });
    let found: Vec<Captures<'_>> = SHAPE.captures_iter(text).take(ENTRY_ERRORS_MAX).collect();
    for (index, this) in found.iter().enumerate() {
        let whole = this.get(0).expect("the whole match");
        let operation = Operation::from_name(&this[2]);
        let ours = is_service_name(&this[1]) && operation.is_some();
        let mut error = SdkError {
            at: whole.start(),
            service: if ours { Service::SsoOidc } else { Service::Other },
            operation,
            ..SdkError::default()
        };
        let mut rest = rest_of_line(text, whole.end());
        if BROKEN_AT.iter().any(|end| rest.trim_end().ends_with(end)) {
            // Broken at the width of a terminal.
            let paragraph = text[whole.end()..].split("\n\n").next().unwrap_or_default();
            rest = bounded(paragraph, MESSAGE_MAX);
        }
        if let Some(next) = found.get(index + 1).and_then(|next| next.get(0)) {
            // One operation that failed for another's sake: each has its own part of the line.
            rest = &rest[..rest.len().min(next.start().saturating_sub(whole.end()))];
        }
        if ours {
            error.status =
                STATUS.captures(rest).and_then(|found| found[1].parse().ok()).filter(|&status| status >= 100);
            error.request_id = ID.captures(rest).map(|found| RequestId::OfAws(found[1].to_owned()));
            let fields = ["StatusCode", "RequestID", "HostID", "Post", "Get"];
            let code = CODE.captures_iter(rest).find(|found| !fields.contains(&&found[1]));
            if let Some(code) = code.filter(|_| error.status.is_some() || !is_connection_text(rest)) {
                error.code = plain_code(&code[1]).map(str::to_owned);
                error.message = message(&rest[code.get(0).expect("the whole match").end()..]);
            }
            error.no_answer = error.code.is_none() && error.status.is_none() && is_connection_text(rest);
            if error.no_answer {
                error.message = message(rest);
            }
            error.region = Endpoint::find(rest).map(|endpoint| endpoint.region);
            // Neither an answer nor a lost connection: the client gave up before it called.
            if error.code.is_none() && error.status.is_none() && !error.no_answer {
                error.service = Service::Other;
            }
        }
        errors.push(error);
    }
}

/// Where the text of Go's error goes on for sure.
const BROKEN_AT: [&str; 5] = ["https response", "response error", "StatusCode:", "RequestID:", ","];

/// What Go's net package says where there was no answer. `context canceled` is the caller's own doing, no failure.
fn is_connection_text(text: &str) -> bool {
    const SAID: &[&str] = &[
        "request send failed",
        "no such host",
        "connection refused",
        "connection reset",
        "i/o timeout",
        "deadline exceeded",
        "Client.Timeout",
        "TLS handshake",
        "x509:",
        "tls:",
        "EOF",
        "network is unreachable",
        "no route to host",
    ];
    !text.contains("context canceled") && SAID.iter().any(|said| text.contains(said))
}

fn go_v1(text: &str, errors: &mut Vec<SdkError>) {
    static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"([A-Z][A-Za-z0-9]{2,127}): ?([^\r\n]{0,1024})[\r\n]+[ \t]*status code: ([0-9]{3}), request id: ([A-Za-z0-9-]{8,64})",
        )
    });
    static MODELLED: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"([A-Z][A-Za-z0-9]{2,127}): ()\{[ \t\r\n]*RespMetadata: \{[ \t\r\n]*StatusCode: ([0-9]{3}),[ \t\r\n]*RequestID: "([A-Za-z0-9-]{8,64})""#,
        )
    });
    for found in PLAIN.captures_iter(text).chain(MODELLED.captures_iter(text)).take(ENTRY_ERRORS_MAX) {
        errors.push(SdkError {
            at: found.get(0).expect("the whole match").start(),
            code: plain_code(&found[1]).map(str::to_owned),
            status: found[3].parse().ok(),
            message: message(&found[2]),
            request_id: Some(RequestId::OfAws(found[4].to_owned())),
            has_fields: true,
            ..SdkError::default()
        });
    }
}

fn java(text: &str, errors: &mut Vec<SdkError>) {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| regex(r"\((Service: [^()\r\n]{1,512})\)?"));
    static CLASS: LazyLock<Regex> =
        LazyLock::new(|| regex(r"([A-Za-z0-9_.$]*[A-Z][A-Za-z0-9_]*Exception)(?::[ \t]*|$)"));
    for found in SHAPE.captures_iter(text).take(ENTRY_ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let field = |wanted: &str| {
            let mut fields = found[1].split([',', ';']).filter_map(|field| field.split_once(':'));
            fields.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
        };
        let Some(name) = field("Service") else { continue };
        let line = line_around(text, whole.start()).start;
        let before = &text[line..whole.start()];
        let class = CLASS.captures_iter(before).last();
        let class_name = class.as_ref().map(|class| &class[1]);
        let outer =
            class_name.and_then(plain_code).filter(|code| is_service_class(class_name.unwrap_or_default(), code));
        let inner = field("Error Code").and_then(plain_code);
        let status = field("Status Code").and_then(|status| status.parse().ok());
        let said = class.as_ref().and_then(|class| class.get(0)).map_or(before, |class| &before[class.end()..]);
        errors.push(SdkError {
            at: line,
            service: if is_service_name(name) { Service::SsoOidc } else { Service::Other },
            code: outer.or(inner).map(str::to_owned),
            inner_code: inner.filter(|inner| outer.is_some_and(|outer| outer != *inner)).map(str::to_owned),
            status,
            message: message(said),
            request_id: field("Request ID").filter(|id| is_request_id(id)).map(|id| RequestId::OfAws(id.to_owned())),
            ..SdkError::default()
        });
    }
}

/// An exception of the service's model, not one of Java's own that wraps it.
fn is_service_class(class: &str, code: &str) -> bool {
    !class.contains('.') && is_known_code(code) || class.contains(".model.")
}

fn class(text: &str, errors: &mut Vec<SdkError>) {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"(?:services\.ssooidc\.model\.|SSOOIDC\.Model\.|SSOOIDC\.(?:AmazonSSOOIDCException)|SSOOIDC::Errors::|AWSSSOOIDC\.)([A-Z][A-Za-z0-9_]*)?",
        )
    });
    static RUBY_LOG: LazyLock<Regex> =
        LazyLock::new(|| regex(r"\[Aws::SSOOIDC::Client ([0-9]{3}) [^\]\r\n]{0,80}\] ([a-z_]{1,40})\("));
    for found in SHAPE.captures_iter(text).take(ENTRY_ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let name = found.get(1).map_or("AmazonSSOOIDCException", |name| name.as_str());
        let line = line_around(text, whole.start());
        let before = text[line.start..whole.start()].trim_start();
        let after = &text[whole.end()..line.end];
        let ruby = RUBY_LOG.captures(before);
        // A class in a stack frame or in prose is no error that was printed.
        let printed = after.is_empty() || after.starts_with([':', ')', '"', '\'', '>', ']', '}', '(']);
        if !(printed || ruby.is_some() || after.starts_with(" --->")) || before.starts_with("at ") {
            continue;
        }
        let said = after.split(" (Service: ").next().unwrap_or_default().split(" ---> ").next().unwrap_or_default();
        errors.push(SdkError {
            at: line.start,
            service: Service::SsoOidc,
            code: plain_code(name).filter(|code| code.ends_with("Exception") || is_known_code(code)).map(str::to_owned),
            message: if said.starts_with(')') { None } else { message(said.trim_start_matches([':', ' '])) },
            status: ruby.as_ref().and_then(|ruby| ruby[1].parse().ok()),
            operation: ruby.and_then(|ruby| Operation::from_name(&ruby[2].replace('_', ""))),
            request_id: id_of_line(text, whole.start()),
            ..SdkError::default()
        });
    }
}

fn php(text: &str, errors: &mut Vec<SdkError>) {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"Error executing \\?"([A-Za-z]{1,64})\\?" on \\?"(https?:[^" \t\r\n\\]*(?:\\/[^" \t\r\n\\]*)*)\\?"(?:;[ \t]*AWS HTTP error:)?"#,
        )
    });
    static CODE: LazyLock<Regex> = LazyLock::new(|| regex(r"([A-Za-z0-9_.]{1,128}) \((?:client|server)\):[ \t]?"));
    static STATUS: LazyLock<Regex> = LazyLock::new(|| regex(r"resulted in a [^0-9\r\n]?([0-9]{3})"));
    let found: Vec<Captures<'_>> = SHAPE.captures_iter(text).take(ENTRY_ERRORS_MAX).collect();
    for (index, this) in found.iter().enumerate() {
        let whole = this.get(0).expect("the whole match");
        let end = found.get(index + 1).and_then(|next| next.get(0)).map_or(text.len(), |next| next.start());
        let rest = &text[whole.end()..end];
        let url = this[2].replace("\\/", "/");
        let at = at_url(&url);
        let operation = Operation::from_name(&this[1]);
        let code = CODE.captures(rest);
        let status = STATUS.captures(rest).and_then(|found| found[1].parse().ok());
        let no_answer = status.is_none() && (rest.contains("cURL error") || rest.contains("Connection refused"));
        let said = match &code {
            Some(code) => rest_of_line(rest, code.get(0).expect("the whole match").end()),
            None => rest_of_line(rest, 0),
        };
        errors.push(SdkError {
            at: whole.start(),
            service: if operation.is_some() { at.service } else { Service::Other },
            operation,
            code: code.filter(|_| !no_answer).and_then(|code| plain_code(&code[1]).map(str::to_owned)),
            status,
            message: message(said.split(" - {").next().unwrap_or_default().trim_end().trim_end_matches(" -")),
            no_answer,
            ..at
        });
    }
}

fn no_answer(text: &str, errors: &mut Vec<SdkError>) {
    static JAVA: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"(SdkClientException|ApiCallTimeoutException|ApiCallAttemptTimeoutException)?:? ?(Unable to execute HTTP request|HTTP request execution did not complete|Client execution did not complete)",
        )
    });
    static NET: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"(?:getaddrinfo|connect|read|write)[ \t]+(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|",
            r"EHOSTUNREACH|ENETUNREACH)|(socket hang up)|(?-u:\b)(TimeoutError|Seahorse::Client::NetworkingError|",
            r"System\.Net\.Http\.HttpRequestException|System\.Threading\.Tasks\.TaskCanceledException): |",
            r"\((Seahorse::Client::NetworkingError)\)|",
            r"((?:cURL error|curl:) \(?[0-9]{1,3}\)?)",
        ))
    });
    for found in JAVA.captures_iter(text).take(ENTRY_ERRORS_MAX) {
        let start = found.get(0).expect("the whole match").start();
        let name = found.get(1).map_or("SdkClientException", |name| name.as_str());
        errors.push(lost(text, start, name, Service::Unnamed));
    }
    for found in NET.captures_iter(text).take(ENTRY_ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let name = found.iter().skip(1).flatten().next().map_or("", |name| name.as_str());
        let line = line_around(text, whole.start());
        // Any program loses connections: it is one to the service if the line has its host, or if an SDK says so.
        let host = Endpoint::find(&text[line]).is_some();
        let by_sdk = text.contains("$metadata") || name.contains("::") || name.starts_with("System.");
        if host || by_sdk {
            let service = if host { Service::SsoOidc } else { Service::Unnamed };
            errors.push(lost(text, whole.start(), name, service));
        }
    }
}

fn lost(text: &str, at: usize, name: &str, service: Service) -> SdkError {
    let name = name.rsplit([':', '.']).next().unwrap_or(name);
    let line = &text[line_around(text, at)];
    SdkError {
        at,
        service,
        code: (!name.contains(' ')).then(|| name.to_owned()),
        message: message(rest_of_line(text, at)),
        region: Endpoint::find(line).map(|endpoint| endpoint.region),
        no_answer: true,
        ..SdkError::default()
    }
}

/// The id that a line gives under a name of its own, beside an error that prints none.
fn id_of_line(text: &str, at: usize) -> Option<RequestId> {
    static SHAPE: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?i-u:(aws|amzn)?[_ -]?request[_ -]?id)\\?["']?[ \t]*[:=][ \t]*\\?["']?([A-Za-z0-9-]{8,64})"#)
    });
    let line = &text[line_around(text, at)];
    let found = SHAPE.captures(line)?;
    let id = found[2].to_owned();
    Some(if found.get(1).is_some() { RequestId::OfAws(id) } else { RequestId::OfLine(id) })
}

/// Whether a text can be AWS's id of a request.
pub fn is_request_id(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The line that `at` stands in, without its end and no further than [`WINDOW`] from it.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let from = text.floor_char_boundary(at.saturating_sub(WINDOW));
    let until = text.floor_char_boundary(at + WINDOW).max(at);
    let start = text[from..at].rfind(['\n', '\r']).map_or(from, |end| from + end + 1);
    let end = text[at..until].find(['\n', '\r']).map_or(until, |length| at + length);
    start..end
}

/// An error's own part of a long line. It keeps the work linear where a line of 256 KiB is full of errors.
const WINDOW: usize = 8 * 1024;

/// What follows on the line, up to the quotation mark that closes it where the error stands in quotes.
fn rest_of_line(text: &str, from: usize) -> &str {
    let line = line_around(text, from);
    let rest = &text[from..line.end];
    let is_quoted = quotes(&text[line.start..from]).count() % 2 == 1;
    match quotes(rest).next() {
        Some(end) if is_quoted => &rest[..end],
        _ => rest,
    }
}

/// Where quotation marks stand that are not escaped.
fn quotes(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'"', bytes).filter(move |&at| at == 0 || bytes[at - 1] != b'\\')
}

/// An error's message, or None where there is none: `null`, `None` and JavaScript's `UnknownError` say nothing.
fn message(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches(['"', '\'']).trim_end_matches(['"', '\'', '\\']).trim();
    let text = bounded(text, MESSAGE_MAX);
    (!matches!(text, "" | "null" | "None" | "undefined" | "UnknownError")).then(|| text.to_owned())
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant expression")
}
