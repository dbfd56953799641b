//! Lines that are easily misread, in the forms of loggers and collectors; and lines that are not ours.

mod collected;

use collected::{FORMS, read};
use triage_model::classify::classify;
use triage_model::observation::Failure;

/// Operation, code, cause, region (None: the setting's), status.
type Facts<'a> = (Option<&'a str>, &'a str, &'a str, Option<&'a str>, Option<u16>);

fn facts(failure: &Failure) -> Facts<'_> {
    (
        failure.operation.map(|operation| operation.as_str()),
        failure.code.as_deref().unwrap_or_default(),
        classify(failure).cause.as_str(),
        failure.region.as_ref().filter(|_| !failure.is_region_assumed).map(|region| region.as_str()),
        failure.status,
    )
}

#[track_caller]
fn assert_facts(texts: &[&str], right: Facts<'_>) {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    for (name, form) in FORMS {
        let failures = read(&form(&texts));
        let found: Vec<Facts<'_>> = failures.iter().map(facts).collect();
        assert_eq!(found, [right], "{name}: {:#?}", form(&texts));
    }
}

#[track_caller]
fn assert_ignored(texts: &[&str]) {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    for (name, form) in FORMS {
        let failures = read(&form(&texts));
        assert!(failures.is_empty(), "{name}: {failures:#?}");
    }
}

#[test]
fn go_breaks_a_line_and_prints_structures() {
    let break_ = include_str!("data/logs/go_break.txt");
    assert_facts(&[break_], (Some("CreateToken"), "InvalidGrantException", "request", None, Some(400)));
    let v1 = include_str!("data/logs/go_v1.txt");
    assert_facts(&[v1], (Some("CreateToken"), "InvalidClientException", "request", None, Some(401)));
}

#[test]
fn java_says_the_code_in_words() {
    let message = include_str!("data/logs/java_msg.txt").trim_end();
    assert_facts(&[message], (None, "InvalidGrantException", "request", None, Some(400)));
    let pending = message.replace("InvalidGrant", "AuthorizationPending");
    assert_facts(&[&pending], (None, "AuthorizationPendingException", "expected", None, Some(400)));
    let rest = &message[message.find(" (Service").unwrap()..];
    assert_facts(&[&format!("Rate exceeded{rest}")], (None, "400", "throttled", None, Some(400)));
    let oauth = format!("invalid_grant: Invalid refresh token provided{rest}");
    assert_facts(&[&oauth], (None, "InvalidGrantException", "request", None, Some(400)));
}

#[test]
fn the_richer_text_wins_whichever_comes_first() {
    let texts: Vec<String> = serde_json::from_str(include_str!("data/logs/java_order.events.json")).unwrap();
    let [poor, rich] = [texts[0].as_str(), texts[1].as_str()];
    let right = (None, "InvalidGrantException", "request", None, Some(400));
    assert_facts(&[poor, rich], right);
    assert_facts(&[rich, poor], right);
}

#[test]
fn a_call_without_an_answer_is_known_by_its_host_and_code() {
    for text in [include_str!("data/logs/node_tls.txt"), include_str!("data/logs/node_timeout.txt")] {
        let code = if text.contains("Timeout") { "TimeoutError" } else { "SELF_SIGNED_CERT_IN_CHAIN" };
        assert_facts(&[text], (Some("RegisterClient"), code, "unreachable", Some("us-east-1"), None));
    }
    for code in [
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ECONNRESET",
        "ECONNABORTED",
        "ETIMEDOUT",
        "ESOCKETTIMEDOUT",
        "EPIPE",
        "EHOSTUNREACH",
        "ENETUNREACH",
        "EHOSTDOWN",
        "EPROTO",
        "UND_ERR_CONNECT_TIMEOUT",
        "UND_ERR_HEADERS_TIMEOUT",
        "UND_ERR_BODY_TIMEOUT",
        "UND_ERR_SOCKET",
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        "CERT_HAS_EXPIRED",
        "CERT_NOT_YET_VALID",
        "ERR_SSL_WRONG_VERSION_NUMBER",
        "ERR_SOCKET_CONNECTION_TIMEOUT",
        "UNABLE_TO_GET_ISSUER_CERT",
        "CERT_UNTRUSTED",
    ] {
        let right = (Some("RegisterClient"), code, "unreachable", Some("us-east-1"), None);
        let host = "API response (oidc.us-east-1.amazonaws.com /client/register): ";
        assert_facts(&[&format!("{host}{{ code: '{code}' }}")], right);
        assert_facts(
            &[&format!("{host}{{ code: '{code}', '$metadata': {{ attempts: 3, totalRetryDelay: 90 }} }}")],
            right,
        );
        assert_facts(
            &[&format!("{host}{{\n  errno: -1,\n  code: '{code}',\n  '$metadata': {{ attempts: 1 }}\n}}")],
            right,
        );
    }
}

#[test]
fn a_repetition_is_not_a_second_failure() {
    let object = "API response (oidc.us-east-1.amazonaws.com /token): {\n  name: 'InternalServerException',\n  '$fault': \
                  'server',\n  '$metadata': {\n    httpStatusCode: 500,\n    requestId: \
                  '0f000080-1111-4222-8333-aaaaaaaaaaaa'\n  },\n  error: null\n}";
    let again = include_str!("data/logs/second_line_without_host.txt").trim_end();
    let right = (Some("CreateToken"), "InternalServerException", "service", Some("us-east-1"), Some(500));
    assert_facts(&[object, again], right);
    assert_facts(&[again, object], right);
    // Eight users, one after the other and all at once.
    let objects: Vec<String> = (0..8).map(|user| object.replace("0f000080", &format!("0f00008{user}"))).collect();
    let named = |user: usize| again.replace("grantType", &format!("user=u{user}, grantType"));
    let in_turn: Vec<String> =
        objects.iter().enumerate().flat_map(|(user, object)| [object.clone(), named(user)]).collect();
    let at_once: Vec<String> = objects.iter().cloned().chain(std::iter::repeat_n(again.to_owned(), 8)).collect();
    for lines in [in_turn, at_once] {
        for (name, form) in FORMS {
            let failures = read(&form(&lines));
            assert_eq!(failures.len(), 8, "{name}: {failures:#?}");
            assert!(failures.iter().all(|failure| facts(failure) == right), "{name}: {failures:#?}");
        }
    }
}

#[test]
fn a_path_may_stand_behind_a_space() {
    let text = include_str!("data/logs/path_space.txt");
    assert_facts(&[text], (Some("CreateToken"), "InvalidGrantException", "request", Some("us-east-1"), Some(400)));
}

#[test]
fn records_of_a_collector_are_put_together() {
    let records: Vec<String> = serde_json::from_str(include_str!("data/logs/fluentbit.events.json")).unwrap();
    let right = [(Some("CreateToken"), "InternalServerException", "service", Some("us-east-1"), Some(500))];
    assert_eq!(read(&records).iter().map(facts).collect::<Vec<_>>(), right);
    // Two pods writing at once.
    let pod = |name: &str, id: &str| -> Vec<String> {
        let named = format!("\"kubernetes\": {{\"pod_name\": \"{name}\"}}, \"logtag\"");
        records.iter().map(|record| record.replace("\"logtag\"", &named).replace("0f000080", id)).collect()
    };
    let (one, two) = (pod("a", "0f000081"), pod("b", "0f000082"));
    let interleaved: Vec<String> = one.iter().zip(&two).flat_map(|(one, two)| [one.clone(), two.clone()]).collect();
    assert_eq!(read(&interleaved).iter().map(facts).collect::<Vec<_>>(), [right[0]; 2]);
}

#[test]
fn host_path_and_status_are_enough() {
    let text = include_str!("data/logs/httpx.txt").trim_end();
    assert_facts(&[text], (Some("CreateToken"), "400", "request", Some("us-east-1"), Some(400)));
    let failed = text.replace("400 Bad Request", "502 Bad Gateway").replace("Client", "Server");
    assert_facts(&[&failed], (Some("CreateToken"), "502", "service", Some("us-east-1"), Some(502)));
    let lost = "httpx.ConnectError: [Errno 111] Connection refused, url https://oidc.us-east-1.amazonaws.com/token";
    assert_facts(&[lost], (Some("CreateToken"), "ConnectionRefused", "unreachable", Some("us-east-1"), None));
}

#[test]
fn swift_prints_properties() {
    let text = include_str!("data/logs/swift.txt");
    assert_facts(&[text], (None, "InvalidGrantException", "request", None, None));
}

#[test]
fn errors_of_others_are_ignored() {
    for text in [
        include_str!("data/logs/logger_name_fp.txt"),
        "ERROR com.acme.sso.oidc.TokenFilter - Unable to execute HTTP request: connect timed out",
        "ERROR app.auth.sso_oidc: HTTPSConnectionPool(host='secretsmanager.eu-west-1.amazonaws.com', port=443): Read timed out.",
        "[sso-oidc] connect ECONNREFUSED 10.0.0.1:5432",
        "An error occurred (UnauthorizedException) when calling the GetRoleCredentials operation: Session token not found or invalid",
        "UnauthorizedException: Session token not found or invalid\n    at de_UnauthorizedExceptionRes (/app/node_modules/@aws-sdk/client-sso/dist-cjs/index.js:600:21)",
        "software.amazon.awssdk.services.sso.model.UnauthorizedException: Session token not found or invalid (Service: Sso, Status Code: 401, Request ID: 0f000040-1111-4222-8333-aaaaaaaaaaaa)",
        "operation error SSO: GetRoleCredentials, https response error StatusCode: 401, RequestID: 0f000040-1111-4222-8333-aaaaaaaaaaaa, UnauthorizedException: Session token not found or invalid",
        "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: No OpenIDConnect provider found in your account for https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
        "WebIdentityErr: failed to retrieve credentials\ncaused by: InvalidIdentityToken: Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements\n\tstatus code: 400, request id: 0f000040-1111-4222-8333-aaaaaaaaaaaa",
        "Get \"https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF/.well-known/openid-configuration\": dial tcp: lookup oidc.eks.eu-west-1.amazonaws.com: no such host",
        "An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: The security token included in the request is expired",
        "An error occurred (NotAuthorizedException) when calling the InitiateAuth operation: Incorrect username or password.",
        "NotAuthorizedException: Refresh Token has been revoked\n    at de_NotAuthorizedExceptionRes (/app/node_modules/@aws-sdk/client-cognito-identity-provider/dist-cjs/index.js:1:1)",
        "An error occurred (AccessDeniedException) when calling the CreateOAuth2Token operation: The authorization code is invalid",
        "POST https://us-east-1.signin.aws.amazon.com/v1/token failed: 400 Bad Request {\"error\": \"INVALID_REQUEST\"}",
        "An error occurred (AuthorizationException) when calling the CreateToken operation: not allowed by license-manager",
        "DEBUG Starting new HTTPS connection (1): oidc.us-east-1.amazonaws.com:443",
        "INFO POST https://oidc.us-east-1.amazonaws.com/token 200 OK in 143 ms",
        "Browser will open https://device.sso.us-east-1.amazonaws.com/?user_code=ABCD-EFGH",
        "HTTP 503 from https://idp.example.com/oauth2/token: {\"error\":\"server_error\",\"error_description\":null}",
        "org.springframework.security.oauth2.common.exceptions.InvalidGrantException: Bad credentials",
        "client-sso-oidc 3.1164.0 loaded, timeout=60, retries=3",
    ] {
        assert_ignored(&[text]);
    }
}

#[test]
fn a_page_in_the_place_of_json_is_a_gateways() {
    let page = "POST https://oidc.us-east-1.amazonaws.com/token failed: 503 Service Unavailable <html>\n<head><title>503 Service \
                Temporarily Unavailable</title></head>\n<body>\n</body>\n</html>";
    assert_facts(&[page], (Some("CreateToken"), "HtmlPage", "unreachable", Some("us-east-1"), Some(503)));
    let json = "POST https://oidc.us-east-1.amazonaws.com/token failed: 503 Service Unavailable {\"message\": null}";
    assert_facts(&[json], (Some("CreateToken"), "503", "service", Some("us-east-1"), Some(503)));
}

/// Broken as by a terminal: between words, or anywhere.
fn wrapped(text: &str, width: usize, between_words: bool) -> Vec<String> {
    if !between_words {
        let letters: Vec<char> = text.chars().collect();
        return letters.chunks(width).map(|line| line.iter().collect()).collect();
    }
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("one");
        if !last.is_empty() && last.len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[test]
fn a_sentence_that_a_terminal_broke_is_whole() {
    let id = "3a41f0ce-5c1d-4e7a-9b02-070a1dc759a7";
    for (text, operation, code) in [
        (
            "An error occurred (InvalidRequestException) when calling the StartDeviceAuthorization operation: no"
                .to_owned(),
            Some("StartDeviceAuthorization"),
            "InvalidRequestException",
        ),
        (
            format!(
                "operation error SSO OIDC: CreateToken, https response error StatusCode: 400, RequestID: {id}, InvalidGrantException: "
            ),
            Some("CreateToken"),
            "InvalidGrantException",
        ),
        (
            format!(
                "software.amazon.awssdk.services.ssooidc.model.InvalidGrantException: Service returned error code InvalidGrantException (Service: SsoOidc, Status Code: 400, Request ID: {id})"
            ),
            None,
            "InvalidGrantException",
        ),
        (
            "Could not connect to the endpoint URL: \"https://oidc.eu-central-2.amazonaws.com/client/register\""
                .to_owned(),
            Some("RegisterClient"),
            "EndpointConnectionError",
        ),
        (
            "Client error '400 Bad Request' for url 'https://oidc.us-east-2.amazonaws.com/token'".to_owned(),
            Some("CreateToken"),
            "400",
        ),
    ] {
        for width in [60, 72, 80, 100, 120] {
            let words = wrapped(&text, width, true);
            let letters = wrapped(&text, width, false);
            // Broken within a word it is at most one failure; the word may be the code, or the host.
            let is_named = text.contains("oidc") || text.contains("OIDC");
            assert!(!is_named || read(&[letters.join("\n")]).len() <= 1, "{width}: {letters:#?}");
            for lines in [vec![words.join("\n")], words] {
                let failures = read(&lines);
                let found: Vec<_> = failures.iter().map(facts).map(|(operation, code, ..)| (operation, code)).collect();
                assert_eq!(found, [(operation, code)], "{width}: {lines:#?}");
            }
        }
    }
}

#[test]
fn a_code_that_was_cut_is_completed_or_left_out() {
    let cut = |code: &str| {
        read(&[format!(
            "operation error SSO OIDC: CreateToken, https response error StatusCode: 400, RequestID: 3a41f0ce-5c1d-4e7a-9b02-070a1dc759a7, {code}"
        )])
    };
    assert_eq!(cut("InvalidGr")[0].code.as_deref(), Some("InvalidGrantException"));
    assert_eq!(cut("InvalidC")[0].code.as_deref(), Some("400"));
    assert_eq!(cut("Reques")[0].code.as_deref(), Some("400"));
}

#[test]
fn a_record_that_docker_cut_is_put_together() {
    let text = format!(
        "{{\"level\":\"error\",\"pad\":\"{}\",\"message\":\"An error occurred (InvalidGrantException) when calling the CreateToken operation: tail\"}}",
        "x".repeat(16_330)
    );
    let cut = 16_384;
    let records = [text[..cut].to_owned(), text[cut..].to_owned()];
    assert_eq!(
        read(&records).iter().map(facts).collect::<Vec<_>>(),
        [(Some("CreateToken"), "InvalidGrantException", "request", None, None)]
    );
    let docker =
        |line: &str, end: &str| serde_json::json!({"log": format!("{line}{end}"), "stream": "stderr"}).to_string();
    for at in 16_385..text.len() - 1 {
        let records = [docker(&text[..at], ""), docker(&text[at..], "\n")];
        assert_eq!(read(&records).len(), 1, "{at}");
    }
}

#[test]
fn another_host_that_begins_like_ours_is_not_ours() {
    assert_ignored(&[
        "403 Client Error: Forbidden for url: https://oidc.eu-west-1.amazonaws.com.acme-bucket.s3.amazonaws.com/token",
    ]);
    assert_ignored(&["503 Server Error: Service Unavailable for url: https://oidc.eu-west-1.evil.example.com/token"]);
    for packages in [
        "npm ERR! network request to https://npm.example.com/@aws-sdk/client-sso-oidc failed, reason: connect ETIMEDOUT 192.0.2.1:443",
        "npm ERR! 404 Not Found - GET https://npm.example.com/@aws-sdk%2fclient-sso-oidc - Not found",
        "go: github.com/aws/aws-sdk-go-v2/service/ssooidc@v1.28.1: Get \"https://go.example.com/github.com/aws/aws-sdk-go-v2/service/ssooidc/@v/v1.28.1.mod\": dial tcp: lookup go.example.com: no such host",
        "[ERROR] Failed to execute goal on project acme: Could not resolve dependencies: software.amazon.awssdk:ssooidc:jar:2.29.1: Connect to maven.example.com:443 failed: Connection timed out",
        "error: failed to download from `https://static.example.com/crates/aws-sdk-ssooidc/1.50.0/download`\nCaused by: [28] Timeout was reached",
        "Status Code: 400\nRequest URL: https://oidc.us-west-1.amazonaws.com/device_verification?user_code=ABCD-EFGH\nResponse: {\"error\":\"invalid_grant\",\"error_description\":\"Invalid grant provided\"}",
        "{\"eventSource\":\"cloudformation.amazonaws.com\",\"errorCode\":\"ValidationException\",\"requestParameters\":{\"stackName\":\"sso-oidc-CreateToken\"}}",
    ] {
        assert_ignored(&[packages]);
    }
}

const BOTO: &str = "An error occurred (InvalidGrantException) when calling the CreateToken operation: x";

fn go(number: usize) -> String {
    format!(
        "operation error SSO OIDC: CreateToken, https response error StatusCode: 400, RequestID: 0f00000{number}-1111-4222-8333-aaaaaaaaaaaa, InvalidGrantException: bad"
    )
}

#[track_caller]
fn assert_count(lines: &[String], count: usize) {
    let failures = read(lines);
    assert_eq!(failures.len(), count, "{lines:#?}: {failures:#?}");
}

#[test]
fn failures_of_several_people_stay_several() {
    let each = |line: &dyn Fn(&str, usize) -> String| -> Vec<String> {
        ["ann", "bob", "cyd"].into_iter().enumerate().map(|(number, name)| line(name, number)).collect()
    };
    assert_count(&each(&|_, n| format!("ERROR [trace: 4bf92f3{n}] login failed: {}", go(n))), 3);
    assert_count(&each(&|name, n| format!("DEBUG login failed for {name}: {}", go(n))), 3);
    assert_count(&each(&|name, _| format!(" WARN login{{user={name}}}: {BOTO}")), 3);
    assert_count(&each(&|name, _| format!("ERROR request_id=job-12345 user={name} {BOTO}")), 3);
    assert_count(
        &each(&|name, _| {
            format!(
                "{{\"level\":\"error\",\"requestId\":\"batch-0001\",\"user\":\"{name}\",\"operation\":\"CreateToken\",\"error\":\"InvalidGrantException\"}}"
            )
        }),
        3,
    );
    assert_count(&each(&|name, _| format!("-> user={name} {BOTO}")), 3);
    assert_count(&[each(&|name, _| format!("ERROR login user={name}: {BOTO}")).join("\n")], 3);
    assert_count(&[each(&|name, n| format!("time=11:58 level=error user={name} msg=\"{}\"", go(n))).join("\n")], 3);
    for next in ["level=error user=NAME err=\"BOTO\"", "[error] user=NAME BOTO", "BOTO user=NAME"] {
        let open = ["SSO OIDC error {".to_owned(), "  a: 1,".to_owned()];
        let lines = each(&|name, _| next.replace("NAME", name).replace("BOTO", BOTO));
        assert_count(&[open.to_vec(), lines].concat(), 3);
    }
    let named: Vec<String> =
        ["ann", "bob", "cyd", "dan"].map(|name| format!("ERROR login of {name} failed: {BOTO}")).into();
    // One of them may be the same failure as the first.
    let failures = read(&[vec![format!("ERROR {}", go(1))], named].concat());
    assert!((4..=5).contains(&failures.len()), "{failures:#?}");
}

#[test]
fn one_failure_logged_by_the_client_and_by_the_program_is_one() {
    let logger = [
        format!("{{\"logger\":\"botocore\",\"message\":\"{BOTO}\"}}"),
        format!("{{\"logger\":\"app.login\",\"user\":\"ann\",\"message\":\"login failed: {BOTO}\"}}"),
    ];
    assert_count(&logger, 1);
    let http = [
        "INFO HTTP Request: POST https://oidc.us-east-1.amazonaws.com/token \"HTTP/1.1 500 Internal Server Error\""
            .to_owned(),
        "ERROR sign-in failed: An error occurred (InternalServerException) when calling the CreateToken operation: x"
            .to_owned(),
    ];
    let right = [(Some("CreateToken"), "InternalServerException", "service", Some("us-east-1"), Some(500))];
    assert_eq!(read(&http).iter().map(facts).collect::<Vec<_>>(), right);
}

#[test]
fn a_caller_has_no_colon_and_the_host_names_the_region() {
    assert_eq!(read(&[format!("login user=ann: {BOTO}")])[0].caller.to_string(), "ann");
    let failure = &read(&["{\"region\":\"eu-west-1\",\"msg\":\"POST https://oidc.us-east-1.amazonaws.com/token failed: 500 Internal Server Error\"}".to_owned()])[0];
    assert_eq!(failure.region.as_ref().map(|region| region.as_str()), Some("us-east-1"));
}

#[test]
fn a_duration_or_a_size_is_not_a_status() {
    for (text, status) in [
        (
            "POST https://oidc.us-east-1.amazonaws.com/token failed after got 500 bytes: HTTP/1.1 400 Bad Request {\"error\":\"invalid_grant\"}",
            400,
        ),
        (
            "oidc_client.rs:404 response 500 ms later from https://oidc.us-east-1.amazonaws.com/token: 400 Bad Request",
            400,
        ),
        ("attempt failed: 404 ms, POST https://oidc.us-east-1.amazonaws.com/token 500 Internal Server Error", 500),
        ("oidc.us-east-1.amazonaws.com POST /token 503 12ms", 503),
        ("{\"url\":\"https://oidc.us-east-1.amazonaws.com/token\",\"response_code\":503}", 503),
    ] {
        let failures = read(&[text.to_owned()]);
        assert_eq!(failures.iter().map(|failure| failure.status).collect::<Vec<_>>(), [Some(status)], "{text}");
    }
}

#[test]
fn a_success_or_an_error_elsewhere_is_not_a_failure() {
    for text in [
        "INFO health check https://oidc.us-east-1.amazonaws.com reachable in 403 ms, response 404 as expected",
        "INFO POST https://oidc.us-east-1.amazonaws.com/token -> 200, took status 500 ms",
        "INFO CreateToken against oidc.us-east-1.amazonaws.com succeeded after retry; previous attempt got 500",
        "INFO Refreshing token at https://oidc.us-east-1.amazonaws.com/token; will retry on ECONNRESET and ETIMEDOUT",
        "INFO configured retry for oidc.us-east-1.amazonaws.com: status codes 500, 502, 503; response 429",
        "INFO breaker \"oidc.us-east-1.amazonaws.com\" closed: failed: 500 of 100000 calls",
        "INFO proxy allowlist: oidc.us-east-1.amazonaws.com, timeout=60; connection timeout 5s",
        "INFO SSO OIDC: got 450 tokens from cache",
        "INFO aws-sdk-ssooidc: response 512 bytes",
        "INFO SSO OIDC sync: users status: 502 total",
        "ERROR Failed to save SSO OIDC token to redis: connect ECONNREFUSED 10.0.0.1:6379",
        "ERROR SSO OIDC token cache: vault at https://vault.internal:8200 responded with 503",
        "Unable to reach Okta, needed for AWS SSO OIDC: Get \"https://acme.okta.com/token\": dial tcp: i/o timeout",
        "ERROR c.a.SsoOidcController - org.postgresql.util.PSQLException: Connection refused",
        "[SsoOidcAuthFilter] upstream responded with status 403",
        "{\"action\":\"RegisterClient\",\"service\":\"billing\",\"status\":500}",
        "ERROR SSO OIDC ok; An error occurred (AccessDeniedException) when calling the AssumeRole operation: x, status: 403",
        "SSO OIDC token refreshed for ann. Next: ForbiddenException: No access (Service: Sso, Status Code: 403, Request ID: 0f000040-1111-4222-8333-aaaaaaaaaaaa)",
    ] {
        assert_count(&[text.to_owned()], 0);
    }
}
