//! Forms that print an error in one line or sentence: botocore, Go, Java, PHP, and the HTTP clients below the SDKs.
//!
//! In: text that contains the form's trigger. Out: each error of that form, pushed to the others.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use triage_model::observation::Operation;

use crate::sdk_error::error::{ERRORS_MAX, NamedService, RequestId, SdkError};
use crate::sdk_error::service;
use crate::sdk_error::service::{Endpoint, bare_status, is_known_code, is_service_name, plain_code};
use crate::sdk_error::text::{id_of_line, is_request_id, line_around, message, regex, rest_of_line};
use crate::values::{MESSAGE_MAX, bounded, exception_of_oauth_error};

pub fn botocore(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"[Aa]n[ \t\r\n]+error[ \t\r\n]+occurred[ \t\r\n]+\(([^() \t\r\n]{1,160})\)[ \t\r\n]+when[ \t\r\n]+calling[ \t\r\n]+the[ \t\r\n]+([A-Za-z]{1,64})[ \t\r\n]+operation(?:[ \t]*\([^()\r\n]{1,80}\))?[ \t]*:?",
        )
    });
    for found in PATTERN.captures_iter(text).take(ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let operation = Operation::from_name(&found[2]);
        errors.push(SdkError {
            at: whole.start(),
            service: if operation.is_some() { NamedService::Unnamed } else { NamedService::Other },
            operation,
            code: plain_code(&found[1]).map(str::to_owned),
            status: bare_status(&found[1]),
            message: message(rest_of_line(text, whole.end())),
            request_id: id_of_line(text, whole.start()),
            ..SdkError::default()
        });
    }
}

pub fn botocore_no_answer(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"(Could not connect to the endpoint URL|Connect timeout on endpoint URL|Read timeout on endpoint URL|Connection was closed before we received a valid response from endpoint URL|SSL validation failed for|Failed to connect to proxy URL):?[ \t\r\n]*\\?["']?(https?://[^ \t\r\n"'\\]{1,512})"#,
        )
    });
    for found in PATTERN.captures_iter(text).take(ERRORS_MAX) {
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

/// The service, operation and region of an error's URL.
fn at_url(url: &str) -> SdkError {
    match Endpoint::find(url) {
        Some(endpoint) => SdkError {
            service: NamedService::SsoOidc,
            operation: endpoint.operation,
            region: Some(endpoint.region),
            ..SdkError::default()
        },
        None if url.contains(".amazonaws.") || url.contains(".api.aws") => {
            SdkError { service: NamedService::Other, ..SdkError::default() }
        }
        // A custom endpoint: the text around it must show whose it is.
        None => {
            let after_host = url.splitn(4, '/').nth(3).map(|path| format!("/{path}"));
            let operation = after_host.and_then(|path| service::operation_of_path(&path));
            SdkError { operation, ..SdkError::default() }
        }
    }
}

pub fn go(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"operation error ([A-Za-z0-9][A-Za-z0-9 ._-]{0,63}):[ \t\r\n]*([A-Za-z]{1,64})[,:]?[ \t]*")
    });
    static STATUS: LazyLock<Regex> = LazyLock::new(|| regex(r"StatusCode:[ \t\r\n]*([0-9]{1,3})"));
    static ID: LazyLock<Regex> = LazyLock::new(|| regex(r"Request ?I[Dd]:[ \t\r\n]*([A-Za-z0-9-]{8,64})"));
    static CODE: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?:^|[,:][ \t\r\n]+)(?:api error )?([A-Z][A-Za-z0-9_.]{2,127})(?::[ \t]*|[ \t]*$|["')])"#)
    });
    let found: Vec<Captures<'_>> = PATTERN.captures_iter(text).take(ERRORS_MAX).collect();
    for (index, this) in found.iter().enumerate() {
        let whole = this.get(0).expect("the whole match");
        let operation = Operation::from_name(&this[2]);
        let ours = is_service_name(&this[1]) && operation.is_some();
        let mut error = SdkError {
            at: whole.start(),
            service: if ours { NamedService::SsoOidc } else { NamedService::Other },
            operation,
            ..SdkError::default()
        };
        let mut rest = rest_of_line(text, whole.end());
        if rest.trim().is_empty() || BROKEN_AT.iter().any(|end| rest.trim_end().ends_with(end)) {
            // Broken at the width of a terminal.
            let paragraph = text[whole.end()..].split("\n\n").next().unwrap_or_default();
            rest = bounded(paragraph, MESSAGE_MAX);
        }
        if let Some(next) = found.get(index + 1).and_then(|next| next.get(0)) {
            // An operation that failed because of another: each has its own part of the line.
            rest = &rest[..rest.len().min(next.start().saturating_sub(whole.end()))];
        }
        if ours {
            error.status =
                STATUS.captures(rest).and_then(|found| found[1].parse().ok()).filter(|&status| status >= 100);
            error.request_id = ID.captures(rest).map(|found| RequestId::OfAws(found[1].to_owned()));
            let fields = ["StatusCode", "RequestID", "HostID", "Post", "Get"];
            // One of them may be cut.
            let is_field = |name: &str| fields.iter().any(|field| field.starts_with(name));
            let code = CODE.captures_iter(rest).find(|found| !is_field(&found[1]));
            if let Some(code) = code.filter(|_| error.status.is_some() || !is_connection_text(rest)) {
                error.code = plain_code(&code[1]).map(str::to_owned);
                error.message = message(&rest[code.get(0).expect("the whole match").end()..]);
            }
            error.no_answer = error.code.is_none() && error.status.is_none() && is_connection_text(rest);
            if error.no_answer {
                error.message = message(rest);
            }
            error.region = Endpoint::find(rest).map(|endpoint| endpoint.region);
            // No answer and no lost connection: the client gave up before it called.
            if error.code.is_none() && error.status.is_none() && !error.no_answer {
                error.service = NamedService::Other;
            }
        }
        errors.push(error);
    }
}

/// Places where Go's error text certainly continues.
const BROKEN_AT: [&str; 5] = ["https response", "response error", "StatusCode:", "RequestID:", ","];

/// Texts of Go's net package when no answer came. `context canceled` is the caller's own action, not a failure.
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

pub fn go_v1(text: &str, errors: &mut Vec<SdkError>) {
    static PLAIN: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"([A-Z][A-Za-z0-9]{2,127}): ?([^\r\n]{0,1024})[\r\n]+[ \t]*status code: ([0-9]{3}), request id: ([A-Za-z0-9-]{8,64})",
        )
    });
    static MODELLED: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"\{[ \t\r\n]*RespMetadata: \{[ \t\r\n]*",
            r#"StatusCode: ([0-9]{3}),[ \t\r\n]*RequestID: \\?"([A-Za-z0-9-]{8,64})"#,
        ))
    });
    static HEAD: LazyLock<Regex> = LazyLock::new(|| regex(r"([A-Z][A-Za-z0-9]{2,127}Exception): ?"));
    static OAUTH: LazyLock<Regex> = LazyLock::new(|| regex(r#"Error_: \\?"([a-z_]{3,40})"#));
    for found in PLAIN.captures_iter(text).take(ERRORS_MAX) {
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
    let mut from = 0;
    for found in MODELLED.captures_iter(text).take(ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let before =
            &text[from.max(text.floor_char_boundary(whole.start().saturating_sub(MESSAGE_MAX)))..whole.start()];
        let head = HEAD.captures_iter(before).last();
        let oauth = || {
            let body = bounded(&text[whole.end()..], MESSAGE_MAX);
            exception_of_oauth_error(OAUTH.captures(body)?.get(1)?.as_str())
        };
        errors.push(SdkError {
            at: whole.start(),
            code: head.as_ref().and_then(|head| plain_code(&head[1])).or_else(oauth).map(str::to_owned),
            status: found[1].parse().ok(),
            message: head.as_ref().and_then(|head| message(&before[head.get(0)?.end()..])),
            request_id: Some(RequestId::OfAws(found[2].to_owned())),
            has_fields: true,
            ..SdkError::default()
        });
        from = whole.end();
    }
}

pub fn java(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| regex(r"\((Service: [^()\r\n]{1,512})\)?"));
    // The result of `getMessage()`, which names no class.
    static WORDED: LazyLock<Regex> =
        LazyLock::new(|| regex(r"[Ss]ervice returned error code ([A-Z][A-Za-z0-9]{2,127})"));
    static OAUTH: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:^|[ \t:])([a-z]{3,20}_[a-z_]{3,30}):"));
    static CLASS: LazyLock<Regex> =
        LazyLock::new(|| regex(r"([A-Za-z0-9_.$]*[A-Z][A-Za-z0-9_]*Exception)(?::[ \t]*|$)"));
    for found in PATTERN.captures_iter(text).take(ERRORS_MAX) {
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
        let in_words = || WORDED.captures(before).and_then(|found| plain_code(found.get(1)?.as_str()));
        let oauth = || OAUTH.captures(before).and_then(|found| exception_of_oauth_error(found.get(1)?.as_str()));
        errors.push(SdkError {
            at: line,
            service: if is_service_name(name) { NamedService::SsoOidc } else { NamedService::Other },
            code: outer.or(inner).or_else(in_words).or_else(oauth).map(str::to_owned),
            inner_code: inner.filter(|inner| outer.is_some_and(|outer| outer != *inner)).map(str::to_owned),
            status,
            message: message(said),
            request_id: field("Request ID").filter(|id| is_request_id(id)).map(|id| RequestId::OfAws(id.to_owned())),
            ..SdkError::default()
        });
    }
}

/// An exception of the service's model, not a Java exception that wraps it.
fn is_service_class(class: &str, code: &str) -> bool {
    !class.contains('.') && is_known_code(code) || class.contains(".model.")
}

pub fn class(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"(?:services\.ssooidc\.model\.|SSOOIDC\.Model\.|SSOOIDC\.(?:AmazonSSOOIDCException)|SSOOIDC::Errors::|AWSSSOOIDC\.)([A-Z][A-Za-z0-9_]*)?",
        )
    });
    static RUBY_LOG: LazyLock<Regex> =
        LazyLock::new(|| regex(r"\[Aws::SSOOIDC::Client ([0-9]{3}) [^\]\r\n]{0,80}\] ([a-z_]{1,40})\("));
    for found in PATTERN.captures_iter(text).take(ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let name = found.get(1).map_or("AmazonSSOOIDCException", |name| name.as_str());
        let line = line_around(text, whole.start());
        let before = text[line.start..whole.start()].trim_start();
        let after = &text[whole.end()..line.end];
        let ruby = RUBY_LOG.captures(before);
        // A class name in a stack frame or in prose is not a printed error.
        let printed = after.is_empty() || after.starts_with([':', ')', '"', '\'', '>', ']', '}', '(']);
        if !(printed || ruby.is_some() || after.starts_with(" --->") || after.starts_with(" ("))
            || before.starts_with("at ")
        {
            continue;
        }
        let said = after.split(" (Service: ").next().unwrap_or_default().split(" ---> ").next().unwrap_or_default();
        errors.push(SdkError {
            at: line.start,
            service: NamedService::SsoOidc,
            code: plain_code(name).filter(|code| code.ends_with("Exception") || is_known_code(code)).map(str::to_owned),
            message: if said.starts_with(')') {
                None
            } else {
                message(said.trim_start_matches([':', ' ', '(']).trim_end_matches(')'))
            },
            status: ruby.as_ref().and_then(|ruby| ruby[1].parse().ok()),
            operation: ruby.and_then(|ruby| Operation::from_name(&ruby[2].replace('_', ""))),
            request_id: id_of_line(text, whole.start()),
            ..SdkError::default()
        });
    }
}

pub fn iam(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"User: [^ \r\n]{1,512} is not authorized to perform: sso(?:-oauth|-oidc)?:([A-Za-z]{1,64})")
    });
    for found in PATTERN.captures_iter(text).take(ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let operation = Operation::from_name(&found[1]);
        errors.push(SdkError {
            at: whole.start(),
            service: if operation.is_some() { NamedService::SsoOidc } else { NamedService::Other },
            operation,
            code: Some("AccessDeniedException".to_owned()),
            message: message(rest_of_line(text, whole.start())),
            ..SdkError::default()
        });
    }
}

pub fn swift(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(r"([A-Z][A-Za-z0-9]{2,127})\(properties: (?:Internal)?AWSSSOOIDC\.[A-Za-z0-9.]{1,128}\(")
    });
    static SAID: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?:error_description|message): Optional\(\\?"((?:[^"\\\r\n]|\\.)*)"#));
    static STATUS: LazyLock<Regex> =
        LazyLock::new(|| regex(r"[sS]tatus ?[cC]ode: ([A-Za-z]*\.?[A-Za-z]*\(?)?([1-5][0-9]{2})"));
    for found in PATTERN.captures_iter(text).take(ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let rest = bounded(&text[whole.end()..], MESSAGE_MAX);
        errors.push(SdkError {
            at: whole.start(),
            service: NamedService::SsoOidc,
            code: plain_code(&found[1]).map(str::to_owned),
            message: SAID.captures(rest).and_then(|said| message(said.get(1)?.as_str())),
            status: STATUS.captures(rest).and_then(|found| found[2].parse().ok()),
            request_id: id_of_line(text, whole.start()),
            has_fields: true,
            ..SdkError::default()
        });
    }
}

pub fn php(text: &str, errors: &mut Vec<SdkError>) {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"Error executing \\?"([A-Za-z]{1,64})\\?" on \\?"(https?:[^" \t\r\n\\]*(?:\\/[^" \t\r\n\\]*)*)\\?"(?:;[ \t]*AWS HTTP error:)?"#,
        )
    });
    static CODE: LazyLock<Regex> = LazyLock::new(|| regex(r"([A-Za-z0-9_.]{1,128}) \((?:client|server)\):[ \t]?"));
    static STATUS: LazyLock<Regex> = LazyLock::new(|| regex(r"resulted in a [^0-9\r\n]?([0-9]{3})"));
    let found: Vec<Captures<'_>> = PATTERN.captures_iter(text).take(ERRORS_MAX).collect();
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
            service: if operation.is_some() { at.service } else { NamedService::Other },
            operation,
            code: code.filter(|_| !no_answer).and_then(|code| plain_code(&code[1]).map(str::to_owned)),
            status,
            message: message(said.split(" - {").next().unwrap_or_default().trim_end().trim_end_matches(" -")),
            no_answer,
            ..at
        });
    }
}

pub fn no_answer(text: &str, errors: &mut Vec<SdkError>) {
    static JAVA: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"(SdkClientException|ApiCallTimeoutException|ApiCallAttemptTimeoutException)?:? ?(Unable to execute HTTP request|HTTP request execution did not complete|Client execution did not complete)",
        )
    });
    static NET: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"(?:getaddrinfo|connect|read|write)[ \t]+(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|",
            r"EHOSTUNREACH|ENETUNREACH)|(socket hang up)|(?-u:\b)(TimeoutError\]?|Seahorse::Client::NetworkingError|",
            r"System\.Net\.Http\.HttpRequestException|System\.Threading\.Tasks\.TaskCanceledException): |",
            r"\((Seahorse::Client::NetworkingError)\)|",
            r"((?:cURL error|curl:) \(?[0-9]{1,3}\)?)",
        ))
    });
    for found in JAVA.captures_iter(text).take(ERRORS_MAX) {
        let start = found.get(0).expect("the whole match").start();
        let name = found.get(1).map_or("SdkClientException", |name| name.as_str());
        errors.push(lost(text, start, name, NamedService::Unnamed));
    }
    for found in NET.captures_iter(text).take(ERRORS_MAX) {
        let whole = found.get(0).expect("the whole match");
        let name = found.iter().skip(1).flatten().next().map_or("", |name| name.as_str());
        let line = line_around(text, whole.start());
        // curl's text for
        if name.ends_with(" (22)") || name.ends_with(" 22") {
            continue;
        }
        // Every program loses connections: it is one to the service if the line has its host, or if an SDK says so.
        let host = Endpoint::find(&text[line]).is_some();
        let by_sdk = text.contains("$metadata") || name.contains("::") || name.starts_with("System.");
        if host || by_sdk {
            let service = if host { NamedService::SsoOidc } else { NamedService::Unnamed };
            errors.push(lost(text, whole.start(), name, service));
        }
    }
}

fn lost(text: &str, at: usize, name: &str, service: NamedService) -> SdkError {
    let name = name.rsplit([':', '.']).next().unwrap_or(name).trim_end_matches(']');
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
