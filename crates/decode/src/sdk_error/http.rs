//! Errors without an SDK's form: from a client without an SDK, or any text with the service's host or mark and next to
//! it a status, an error's name or a network error.
//!
//! In: a printout, without JSON escapes. Out: at most one error. The form is unknown, so everything is searched
//! anywhere in the text, without lines that name another host of AWS.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use regex::Regex;

use crate::sdk_error::error::{NamedService, RequestId, SdkError};
use crate::sdk_error::service::{
    Endpoint, Mark, ServiceSigns, is_modelled_code, is_package_managers, names_other_host, names_other_path, plain_code,
};
use crate::sdk_error::text::{is_request_id, message, regex};
use crate::values::{bounded, exception_of_oauth_error};

/// The most text read in one printout: headers and bodies come first.
const TEXT_MAX: usize = 32 * 1024;

/// The error in a printout without an SDK's form.
pub fn find(printout: &str, signs: &ServiceSigns) -> Option<SdkError> {
    if signs.mark == Mark::None || signs.stranger || signs.other {
        return None;
    }
    let text = bounded(printout, TEXT_MAX);
    if names_other_path(text) {
        return None;
    }
    let text = without_others_lines(text);
    // The omitted lines may have been the only ones that named the service.
    let is_part = text.len() < printout.len();
    if is_part && signs.method.is_none() && ServiceSigns::of(&text).mark == Mark::None {
        return None;
    }
    let is_page = is_page(&text);
    let code = code(&text);
    if code.is_none() && tells_of_success(&text) {
        return None;
    }
    // Where nothing is wrong, only an HTTP client's log of an answer counts.
    let is_information = is_information(&text);
    // Next to our name alone, another address may be the one that failed: packages, classes and other services have
    // such names.
    let is_elsewhere =
        signs.mark < Mark::Host && !text.contains("$metadata") && names_other_address(&without_namespace(&text));
    let found = status(&text).filter(|(_, is_sure)| *is_sure || !is_information && signs.mark == Mark::Host);
    let status = found.map(|(status, _)| status).filter(|_| !is_elsewhere || code.is_some());
    let network = network_error(&text).filter(|found| found.is_of_proxy || status.is_none() && code.is_none());
    let network = network.filter(|_| !is_information && !is_elsewhere);
    let error = SdkError {
        operation: signs.method,
        region: Endpoint::find(&text).map(|endpoint| endpoint.region),
        service: NamedService::SsoOidc,
        ..SdkError::default()
    };
    // A word that programs use themselves is a mark only next to an error that only this service has.
    let is_sure = signs.mark > Mark::Word;
    if is_sure && is_page && code.is_none() {
        return Some(SdkError {
            code: Some(HTML_PAGE.to_owned()),
            status: network.as_ref().map_or(status, |_| None),
            no_answer: true,
            ..error
        });
    }
    if let Some(network) = network.filter(|_| is_sure || signs.method.is_some()) {
        return Some(SdkError {
            code: Some(network.code.to_owned()),
            message: message(line_at(&text, network.at)),
            no_answer: true,
            ..error
        });
    }
    if code.is_none() && !(status.is_some() && is_sure) || !is_sure && !code.as_deref().is_some_and(is_modelled_code) {
        return None;
    }
    Some(SdkError { code, status, message: said(&text), request_id: request_id(&text), ..error })
}

/// Without the lines of other AWS hosts or of package managers.
fn without_others_lines(text: &str) -> Cow<'_, str> {
    let is_ours = |line: &&str| !names_other_host(line) && !is_package_managers(line);
    if text.lines().all(|line| is_ours(&line)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.lines().filter(is_ours).collect::<Vec<_>>().join("\n"))
}

/// Without the service's suffix to an error's name, which looks like an address.
fn without_namespace(text: &str) -> String {
    text.replace("http://internal.amazon.com/coral/", "")
}

/// The code for an HTML page instead of the service's JSON: a proxy or gateway between the caller and AWS wrote it.
const HTML_PAGE: &str = "HtmlPage";

fn is_page(text: &str) -> bool {
    const SIGNS: [&str; 5] = ["<html", "<HTML", "<!DOCTYPE", "<!doctype", "Unexpected token '<'"];
    SIGNS.iter().any(|sign| text.contains(sign)) || text.contains("Unexpected token < in JSON")
}

/// The error's name: from the header, else from a field, else OAuth's in the body.
fn code(text: &str) -> Option<String> {
    static HEADER: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?i-u:x-amzn-errortype)["'=:,> \t\[({]{1,12}(?:b')?([A-Za-z][A-Za-z0-9.#]{2,127})"#));
    static FIELD: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"(?:__type|code|name|error_?[cC]ode|errorType)["']?[=:, \t]{1,4}["']([A-Za-z0-9.#]{3,128}Exception)["':]"#,
        )
    });
    static OAUTH: LazyLock<Regex> = LazyLock::new(|| {
        regex(r#"(?:^|[^A-Za-z0-9_])["']?error["']?[ \t]*[:=][ \t]*["']?([a-z_]{6,40})(?:$|[^A-Za-z0-9_.-])"#)
    });
    static PRINTED: LazyLock<Regex> =
        LazyLock::new(|| regex(r"(?:^|[^A-Za-z0-9_.$])([A-Z][A-Za-z0-9]{2,127}Exception)(?::|$|[)\]'(,])"));
    let named = HEADER.captures(text).or_else(|| FIELD.captures(text));
    let named = named.and_then(|found| plain_code(found.get(1)?.as_str().split(':').next()?));
    let oauth = || OAUTH.captures_iter(text).find_map(|found| exception_of_oauth_error(found.get(1)?.as_str()));
    let printed = || {
        let names = PRINTED.captures_iter(text).filter_map(|found| plain_code(found.get(1)?.as_str()));
        names.into_iter().find(|name| is_modelled_code(name))
    };
    named.or_else(oauth).or_else(printed).map(str::to_owned)
}

/// The status of a failed answer, and whether its place is one only for an answer's status.
fn status(text: &str) -> Option<(u16, bool)> {
    static SURE: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r#"(?i-u:\bHTTP/[0-9.]{1,3}"?[ \t]+|\bkind: Status\([ \t\r\n]*|\bStatusCode\([ \t\r\n]*|\[AWS ssooidc |"#,
            r#"\bHTTP[ _]?(?:error|status|code)?[ \t]?(?:code)?["']?[=: (]{1,3}|\breturned error: |\btoo many |"#,
            r#"\b(?:status|response)(?:[ _-]?(?:code|line))["']?[=: (]{1,3}["']?|\bunexpected status |"#,
            r#"(?:/token(?:\?aws_iam=t)?|/client/register|/device_authorization)["']?:? \(?)"#,
            r"([45][0-9]{2})(?-u:\b)(.{0,8})",
        ))
    });
    static PHRASE: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"(?-u:\b)([45][0-9]{2})[ ,:]{1,2}((?i-u:message='|client error|server error|bad request|unauthorized|forbidden|not found|",
            r"method not allowed|request timeout|too many requests|internal server error|bad gateway|service unavailable|",
            r"service temporarily unavailable|gateway time-?out))",
        ))
    });
    static LOOSE: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r#"(?i-u:\bstatus["']?[=: (]{1,3}["']?|\bfailed: |\bfailed with |\banswered(?: with)? |"#,
            r#"\bresponded(?: with)?(?: status)? |\bresponse[:=]? |\bgot |-> )([45][0-9]{2})(?-u:\b)(.{0,8})"#,
        ))
    });
    let find = |expression: &Regex, is_sure: bool| {
        let statuses = expression.captures_iter(text).filter(|found| !is_measure(&found[2]));
        statuses
            .filter_map(|found| found[1].parse().ok())
            .find(|status| *status != PORT)
            .map(|status| (status, is_sure))
    };
    find(&SURE, true).or_else(|| find(&PHRASE, true)).or_else(|| find(&LOOSE, false))
}

/// Whether the text after a number makes it a duration, a size or a count.
fn is_measure(after: &str) -> bool {
    const UNITS: [&str; 12] = ["ms", "s ", "s,", "sec", "bytes", "byte", "kB", "KB", "of ", "tokens", "total", "%"];
    UNITS.iter().any(|unit| after.trim_start().starts_with(unit))
}

/// Whether a text reports a call that worked: then nothing else in it is a failure.
fn tells_of_success(text: &str) -> bool {
    static WORKED: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"(?i-u:\bHTTP/[0-9.]{1,3}"?[ \t]+|-> |\breturned |\bstatus(?:[ _-]?code)?["']?[=: ]{1,2})2[0-9]{2}(?-u:\b)"#,
        )
    });
    const SAID: [&str; 4] = ["succeeded", "as expected", "success=", "will retry on"];
    WORKED.is_match(text) || SAID.iter().any(|said| text.contains(said))
}

/// Whether a line's level means that nothing is wrong.
fn is_information(text: &str) -> bool {
    static LEVEL: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?:^|[ \t\[|"'=])(?:INFO|DEBUG|TRACE|NOTICE|info|debug)(?:$|[ \t\]|"',:])"#));
    LEVEL.is_match(bounded(text, LEVEL_WITHIN))
}

/// Loggers write the level first.
const LEVEL_WITHIN: usize = 80;

/// Whether a text names another address than the service's: a call to that may have failed.
fn names_other_address(text: &str) -> bool {
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}:[0-9]{2,5}|[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+:[0-9]{2,5}|[a-z]{2,10}://",
        )
    });
    ADDRESS.is_match(text)
}

/// The port of HTTPS, not a status.
const PORT: u16 = 443;

fn said(text: &str) -> Option<String> {
    static SAID: LazyLock<Regex> = LazyLock::new(|| {
        regex(
            r#"(?:error_description|[mM]essage)["']?[ \t]*[:=][ \t]*(?:'((?:[^'\\\r\n]|\\.)*)'|"((?:[^"\\\r\n]|\\.)*)")"#,
        )
    });
    SAID.captures_iter(text).find_map(|found| message(found.get(1).or(found.get(2))?.as_str()))
}

fn request_id(text: &str) -> Option<RequestId> {
    static ID: LazyLock<Regex> =
        LazyLock::new(|| regex(r#"(?i-u:x-amzn-requestid)["'=:,> \t\[({]{1,12}(?:b')?([A-Za-z0-9-]{8,64})"#));
    let id = ID.captures(text)?.get(1)?.as_str();
    is_request_id(id).then(|| RequestId::OfAws(id.to_owned()))
}

fn line_at(text: &str, at: usize) -> &str {
    text[text[..at].rfind('\n').map_or(0, |end| end + 1)..].lines().next().unwrap_or_default().trim()
}

/// A call without an answer, as the text describes it.
struct NetworkError {
    at: usize,
    code: &'static str,
    /// A proxy refused: a status beside it is the proxy's.
    is_of_proxy: bool,
}

/// Phrases of clients and systems when no answer came, and the name for each. A client's own name is kept.
const SAID: &[(&str, &str)] = &[
    // A proxy
    ("Tunnel connection failed", PROXY),
    ("tunnel connection failed", PROXY),
    ("CONNECT tunnel failed", PROXY),
    ("from proxy after CONNECT", PROXY),
    ("Proxy CONNECT aborted", PROXY),
    ("Unable to connect to proxy", PROXY),
    ("Cannot connect to proxy", PROXY),
    ("Proxy response", PROXY),
    ("ProxyError", PROXY),
    ("ProxyConnectionError", PROXY),
    ("proxyconnect tcp", PROXY),
    ("unsuccessful tunnel", PROXY),
    ("TunnelUnsuccessful", PROXY),
    ("TunnelAuthorizationRequired", PROXY),
    ("ProxyAuthRequired", PROXY),
    // Go, behind the URL that was called
    ("\": Forbidden", PROXY),
    ("\": Proxy Authentication Required", PROXY),
    ("Proxy Authentication Required", PROXY),
    // Node.js
    ("ENOTFOUND", "ENOTFOUND"),
    ("EAI_AGAIN", "EAI_AGAIN"),
    ("EAI_NODATA", "EAI_NODATA"),
    ("ECONNREFUSED", "ECONNREFUSED"),
    ("ECONNRESET", "ECONNRESET"),
    ("ECONNABORTED", "ECONNABORTED"),
    ("ESOCKETTIMEDOUT", "ESOCKETTIMEDOUT"),
    ("ETIMEDOUT", "ETIMEDOUT"),
    ("EHOSTUNREACH", "EHOSTUNREACH"),
    ("ENETUNREACH", "ENETUNREACH"),
    ("EHOSTDOWN", "EHOSTDOWN"),
    ("ENETDOWN", "ENETDOWN"),
    ("EPIPE", "EPIPE"),
    ("EPROTO", "EPROTO"),
    ("UND_ERR_CONNECT_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT"),
    ("UND_ERR_HEADERS_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT"),
    ("UND_ERR_BODY_TIMEOUT", "UND_ERR_BODY_TIMEOUT"),
    ("UND_ERR_SOCKET", "UND_ERR_SOCKET"),
    ("UND_ERR_ABORTED", "UND_ERR_ABORTED"),
    ("UND_ERR_PRX_TLS", "UND_ERR_PRX_TLS"),
    ("ERR_TLS_CERT_ALTNAME_INVALID", "ERR_TLS_CERT_ALTNAME_INVALID"),
    ("ERR_TLS_HANDSHAKE_TIMEOUT", "ERR_TLS_HANDSHAKE_TIMEOUT"),
    ("ERR_SOCKET_CONNECTION_TIMEOUT", "ERR_SOCKET_CONNECTION_TIMEOUT"),
    ("ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_WRONG_VERSION_NUMBER"),
    ("ERR_SSL_", "ERR_SSL"),
    ("SELF_SIGNED_CERT_IN_CHAIN", "SELF_SIGNED_CERT_IN_CHAIN"),
    ("DEPTH_ZERO_SELF_SIGNED_CERT", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    ("UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ("UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    ("UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_ISSUER_CERT"),
    ("CERT_HAS_EXPIRED", "CERT_HAS_EXPIRED"),
    ("CERT_NOT_YET_VALID", "CERT_NOT_YET_VALID"),
    ("CERT_SIGNATURE_FAILURE", "CERT_SIGNATURE_FAILURE"),
    ("CERT_CHAIN_TOO_LONG", "CERT_CHAIN_TOO_LONG"),
    ("CERT_REVOKED", "CERT_REVOKED"),
    ("CERT_UNTRUSTED", "CERT_UNTRUSTED"),
    ("CERT_REJECTED", "CERT_REJECTED"),
    ("INVALID_CA", "INVALID_CA"),
    ("HOSTNAME_MISMATCH", "HOSTNAME_MISMATCH"),
    // JavaScript v2
    ("Inaccessible host", "UnknownEndpoint"),
    ("socket hang up", RESET),
    ("other side closed", RESET),
    // Names that cannot be resolved
    ("UnknownHostException", "UnknownHostException"),
    ("NameResolutionError", "NameResolutionError"),
    ("Name or service not known", DNS),
    ("Temporary failure in name resolution", DNS),
    ("nodename nor servname", DNS),
    ("No address associated with hostname", DNS),
    ("Could not resolve host", DNS),
    ("could not resolve host", DNS),
    ("getaddrinfo failed", DNS),
    ("Failed to resolve", DNS),
    ("failed to lookup address", DNS),
    ("no such host", DNS),
    ("dns error", DNS),
    ("server misbehaving", DNS),
    // TLS
    ("CERTIFICATE_VERIFY_FAILED", TLS),
    ("certificate verify failed", TLS),
    ("self-signed certificate", TLS),
    ("self signed certificate", TLS),
    ("certificate has expired", TLS),
    ("unable to verify the first certificate", TLS),
    ("unable to get local issuer certificate", TLS),
    ("SSL certificate problem", TLS),
    ("SSL peer certificate", TLS),
    ("does not match certificate", TLS),
    ("no alternative certificate subject name", TLS),
    ("invalid peer certificate", TLS),
    ("UnknownIssuer", TLS),
    ("InvalidCertificate", TLS),
    ("PKIX path building failed", TLS),
    ("SSLHandshakeException", "SSLHandshakeException"),
    ("SSLPeerUnverifiedException", "SSLPeerUnverifiedException"),
    ("handshake failure", TLS),
    ("x509: ", TLS),
    ("tls: ", TLS),
    ("SSLError", "SSLError"),
    ("SSLCertVerificationError", TLS),
    // Time
    ("Timeout was reached", TIME),
    ("timeout awaiting", TIME),
    ("TimedOut", TIME),
    ("timed out", TIME),
    ("Timed out", TIME),
    ("Timeout Error", TIME),
    ("imeout of ", TIME),
    ("aborted due to timeout", TIME),
    ("deadline exceeded", TIME),
    ("Client.Timeout", TIME),
    ("i/o timeout", TIME),
    ("handshake timeout", TIME),
    ("connection timeout", TIME),
    ("Timeout on reading", TIME),
    ("TimeoutError", "TimeoutError"),
    ("SocketTimeoutException", "SocketTimeoutException"),
    ("ConnectTimeoutException", "ConnectTimeoutException"),
    ("HttpTimeoutException", "HttpTimeoutException"),
    ("ReadTimeout", "ReadTimeout"),
    ("ConnectTimeout", "ConnectTimeout"),
    // Connections
    ("Connection refused", REFUSED),
    ("connection refused", REFUSED),
    ("Connect call failed", REFUSED),
    ("actively refused", REFUSED),
    ("Connection reset", RESET),
    ("connection reset", RESET),
    ("reset by peer", RESET),
    ("ConnectionResetError", RESET),
    ("Connection aborted", RESET),
    ("Connection was reset", RESET),
    ("Server disconnected", RESET),
    ("Remote end closed connection", RESET),
    ("RemoteDisconnected", RESET),
    ("Empty reply from server", RESET),
    ("connection closed before message completed", RESET),
    ("peer closed connection", RESET),
    ("unexpected EOF", RESET),
    ("unexpected eof", RESET),
    (": EOF", RESET),
    ("Network is unreachable", UNREACHABLE),
    ("network is unreachable", UNREACHABLE),
    ("No route to host", UNREACHABLE),
    ("no route to host", UNREACHABLE),
    ("error sending request for url", LOST),
    ("Cannot connect to host", LOST),
    ("Failed to establish a new connection", LOST),
    ("Failed to connect to", LOST),
    ("Couldn't connect to server", LOST),
    ("fetch failed", LOST),
    ("Network Error", LOST),
    ("Failed to open TCP connection", LOST),
];

const PROXY: &str = "ProxyError";
const DNS: &str = "NameNotResolved";
const TLS: &str = "TlsError";
const TIME: &str = "TimedOut";
const REFUSED: &str = "ConnectionRefused";
const RESET: &str = "ConnectionReset";
const UNREACHABLE: &str = "NetworkUnreachable";
const LOST: &str = "ConnectionFailed";

static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = SAID.iter().map(|(said, _)| said);
    AhoCorasickBuilder::new().match_kind(MatchKind::LeftmostFirst).build(words).expect("constant")
});

/// The first in the order of the list, which begins with the most specific.
fn network_error(text: &str) -> Option<NetworkError> {
    // Clients print the codes they retry as a list in their options.
    let is_listed = |found: &aho_corasick::Match| {
        let (before, after) = (&text[..found.start()], &text[found.end()..]);
        let quoted = before.strip_suffix(['"', '\'']).zip(after.strip_prefix(['"', '\'']));
        quoted.is_some_and(|(before, after)| {
            before.trim_end().ends_with([',', '[']) && after.trim_start().starts_with([',', ']'])
        })
    };
    let found = WORDS.find_iter(text).filter(|found| !is_listed(found)).min_by_key(|found| found.pattern())?;
    let code = SAID[found.pattern().as_usize()].1;
    Some(NetworkError { at: found.start(), code, is_of_proxy: code == PROXY })
}
