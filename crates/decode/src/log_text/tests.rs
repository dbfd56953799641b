//! The output of each SDK, and its failures. The literals are real output where a real SDK could run against a stub,
//! with invented ids.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use triage_model::observation::Operation;
use triage_model::region::KnownRegions;

use super::*;
use crate::batch::InputKind;

const ID: &str = "11111111-2222-4333-8444-555555555555";
const ID_2: &str = "22222222-3333-4444-8555-666666666666";

/// boto3 with botocore 1.43 in standard mode.
const BOTO: &str =
    "An error occurred (InternalServerException) when calling the CreateToken operation (reached max retries: 4): ";

/// `console.log(err)` of @aws-sdk/client-sso-oidc 3.1163 for a 500 with a null body.
const JAVASCRIPT: &str = "InternalServerException: UnknownError
    at AwsRestJsonProtocol.handleError (/app/node_modules/@aws-sdk/core/dist-cjs/submodules/protocols/index.js:386:27)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at async /app/node_modules/@smithy/core/dist-cjs/submodules/schema/index.js:23:24 {
  '$fault': 'server',
  '$retryable': undefined,
  '$metadata': {
    httpStatusCode: 500,
    requestId: '11111111-2222-4333-8444-555555555555',
    extendedRequestId: undefined,
    cfId: undefined,
    attempts: 2,
    totalRetryDelay: 32
  },
  error: null,
  error_description: null
}";

/// `DisplayErrorContext` of aws-sdk-ssooidc 1.121.
const RUST: &str = r#"service error: InvalidGrantException: InvalidGrantException (ServiceError(ServiceError { source: InvalidGrantException(InvalidGrantException { error: Some("invalid_grant"), error_description: Some("Invalid refresh token provided"), message: None, meta: ErrorMetadata { code: Some("InvalidGrantException"), message: None, extras: Some({"aws_request_id": "11111111-2222-4333-8444-555555555555"}) } }), raw: Response { status: StatusCode(400), headers: {"server": "Server", "x-amzn-requestid": "11111111-2222-4333-8444-555555555555"}, body: SdkBody { inner: Once(Some(b"{\"error\":\"invalid_grant\",\"error_description\":\"Invalid refresh token provided\"}")), retryable: true } } }))"#;

const JAVA_2: &str = "software.amazon.awssdk.services.ssooidc.model.InternalServerException: null (Service: SsoOidc, Status Code: 500, Request ID: 11111111-2222-4333-8444-555555555555) (SDK Attempt Count: 3)
\tat software.amazon.awssdk.services.ssooidc.model.InternalServerException$BuilderImpl.build(InternalServerException.java:210)
\tat software.amazon.awssdk.services.ssooidc.DefaultSsoOidcClient.createToken(DefaultSsoOidcClient.java:352)
\tSuppressed: software.amazon.awssdk.core.exception.SdkClientException: Request attempt 1 failure: null (Service: SsoOidc, Status Code: 500, Request ID: 33333333-2222-4333-8444-555555555555)
\tSuppressed: software.amazon.awssdk.core.exception.SdkClientException: Request attempt 2 failure: null (Service: SsoOidc, Status Code: 500, Request ID: 44444444-2222-4333-8444-555555555555)
Caused by: software.amazon.awssdk.services.ssooidc.model.InternalServerException: null (Service: SsoOidc, Status Code: 500, Request ID: 11111111-2222-4333-8444-555555555555)
\t... 12 more";

fn setting() -> Setting {
    Setting {
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
        horizon: Timestamp::MIN,
        regions: KnownRegions::default(),
        default_region: KnownRegions::default().find("eu-central-1").unwrap(),
        own_log_groups: Vec::new(),
        trust: crate::trust::Trust::default(),
        own_request_ids: vec!["our-own-request-id".into()],
        own_client_ids: vec!["b3duLXByb2Jl".to_owned()],
    }
}

/// One log event for each message, 10 ms apart, with the ids `e0`, `e1`, ...
fn batch_of<S: AsRef<str>>(messages: &[S]) -> Batch {
    let start: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
    let raw: Vec<_> = messages.iter().map(|message| to_raw_value(message.as_ref()).unwrap()).collect();
    let ids: Vec<String> = (0..raw.len()).map(|index| format!("e{index}")).collect();
    let mut batch = Batch::new(InputKind::Logs);
    let setting = setting();
    let mut stream = Stream::new(None, "/app/login", &setting);
    for (index, (message, id)) in raw.iter().zip(&ids).enumerate() {
        let timestamp = start + jiff::SignedDuration::from_millis(10 * index as i64);
        stream.take(TextLine { id, timestamp, arrival: None, message: message.get() }, &mut batch);
    }
    stream.finish(&mut batch);
    batch
}

fn failures_of<S: AsRef<str>>(messages: &[S]) -> Vec<Failure> {
    let failure = |observation| match observation {
        Observation::Failure(failure) => *failure,
        Observation::Success(_) | Observation::HealthIssue(_) | Observation::Tick(_) => unreachable!("only failures"),
    };
    batch_of(messages).observations.into_iter().map(failure).collect()
}

/// The only failure in a single log event.
#[track_caller]
fn failure_of(message: &str) -> Failure {
    let mut failures = failures_of(&[message]);
    assert_eq!(failures.len(), 1, "{message}");
    failures.remove(0)
}

#[track_caller]
fn assert_none(message: &str) {
    assert_eq!(failures_of(&[message]), Vec::new(), "{message}");
}

/// Operation, code, status, message, request id.
type Facts<'a> = (Option<Operation>, Option<&'a str>, Option<u16>, Option<&'a str>, Option<&'a str>);

fn facts(failure: &Failure) -> Facts<'_> {
    (
        failure.operation,
        failure.code.as_deref(),
        failure.status,
        failure.message.as_deref(),
        failure.request_id.as_deref(),
    )
}

const CREATE_TOKEN: Option<Operation> = Some(Operation::CreateToken);

#[test]
fn the_output_of_each_sdk_is_one_failure() {
    let (ise, grant) = (Some("InternalServerException"), Some("InvalidGrantException"));
    let said = Some("Invalid refresh token provided");
    let cases: &[(&str, Facts<'_>)] = &[
        // botocore, boto3, AWS CLI
        (BOTO, (CREATE_TOKEN, ise, None, None, None)),
        (
            "An error occurred (InternalServerException) when calling the CreateToken operation",
            (CREATE_TOKEN, ise, None, None, None),
        ),
        (
            "2026-11-22 09:00:00,547 [ERROR] root: An error occurred (InvalidGrantException) when calling the CreateToken operation: Invalid refresh token provided",
            (CREATE_TOKEN, grant, None, said, None),
        ),
        (
            "aws: [ERROR]: An error occurred (InvalidGrantException) when calling the CreateToken operation: Invalid refresh token provided",
            (CREATE_TOKEN, grant, None, said, None),
        ),
        (
            "An error occurred (500) when calling the RegisterClient operation (reached max retries: 1): Internal Server Error",
            (Some(Operation::RegisterClient), Some("500"), Some(500), Some("Internal Server Error"), None),
        ),
        (
            "botocore.errorfactory.SlowDownException: An error occurred (SlowDownException) when calling the StartDeviceAuthorization operation: ",
            (Some(Operation::StartDeviceAuthorization), Some("SlowDownException"), None, None, None),
        ),
        (
            "[ERROR] AccessDeniedException: An error occurred (AccessDeniedException) when calling the CreateTokenWithIAM operation: no\rTraceback (most recent call last):\r  File \"/var/task/a.py\", line 3, in handler\r    client.create_token_with_iam()",
            (Some(Operation::CreateTokenWithIam), Some("AccessDeniedException"), None, Some("no"), None),
        ),
        // Go v2
        (
            "operation error SSO OIDC: CreateToken, https response error StatusCode: 500, RequestID: 11111111-2222-4333-8444-555555555555, InternalServerException: ",
            (CREATE_TOKEN, ise, Some(500), None, Some(ID)),
        ),
        (
            "time=2026 level=ERROR msg=\"refresh failed\" err=\"operation error SSO OIDC: CreateToken, https response error StatusCode: 400, RequestID: 11111111-2222-4333-8444-555555555555, InvalidGrantException: Invalid refresh token provided\" attempt=3",
            (CREATE_TOKEN, grant, Some(400), said, Some(ID)),
        ),
        (
            "operation error SSO OIDC: CreateToken, exceeded maximum number of attempts, 3, https response error StatusCode: 500, RequestID: 11111111-2222-4333-8444-555555555555, InternalServerException: ",
            (CREATE_TOKEN, ise, Some(500), None, Some(ID)),
        ),
        (
            "operation error SSO OIDC: RegisterClient, https response error StatusCode: 400, api error ThrottlingException: Rate exceeded",
            (Some(Operation::RegisterClient), Some("ThrottlingException"), Some(400), Some("Rate exceeded"), None),
        ),
        (
            "failed: operation error STS: AssumeRole, get identity: get credentials: failed to refresh cached credentials, operation error SSO OIDC: CreateToken, https response error StatusCode: 400, RequestID: 11111111-2222-4333-8444-555555555555, InvalidGrantException: ",
            (CREATE_TOKEN, grant, Some(400), None, Some(ID)),
        ),
        (
            "operation error SSO OIDC: CreateToken, https response error StatusCode: 502, RequestID: , deserialization failed, failed to decode response body, invalid character '<'",
            (CREATE_TOKEN, Some("502"), Some(502), None, None),
        ),
        // Java v2 and v1
        (JAVA_2, (CREATE_TOKEN, ise, Some(500), None, Some(ID))),
        (
            "java.lang.RuntimeException: software.amazon.awssdk.services.ssooidc.model.InvalidGrantException: Invalid refresh token provided (Service: SsoOidc, Status Code: 400, Request ID: 11111111-2222-4333-8444-555555555555, Extended Request ID: null)",
            (None, grant, Some(400), said, Some(ID)),
        ),
        (
            "com.amazonaws.services.ssooidc.model.InvalidGrantException: Invalid refresh token provided (Service: AWSSSOOIDC; Status Code: 400; Error Code: InvalidGrantException; Request ID: 11111111-2222-4333-8444-555555555555; Proxy: null)",
            (None, grant, Some(400), said, Some(ID)),
        ),
        // JavaScript v3
        (JAVASCRIPT, (None, ise, Some(500), None, Some(ID))),
        (
            "{\n  name: 'InternalServerException',\n  '$fault': 'server',\n  '$metadata': { httpStatusCode: 500, requestId: '11111111-2222-4333-8444-555555555555', attempts: 3 },\n  error: null,\n  message: 'UnknownError'\n}",
            (None, ise, Some(500), None, Some(ID)),
        ),
        ("CreateToken failed InternalServerException: UnknownError", (CREATE_TOKEN, ise, None, None, None)),
        (
            "InternalServerException: UnknownError\n    at de_CreateTokenCommandError (/app/node_modules/@aws-sdk/client-sso-oidc/dist-cjs/index.js:900:20)",
            (CREATE_TOKEN, ise, None, None, None),
        ),
        // Rust
        (RUST, (None, grant, Some(400), said, Some(ID))),
        (
            r#"2026-11-22T09:00:00Z ERROR aws_sso_oidc: service error: unhandled error (ThrottlingException): Error { code: "ThrottlingException", message: "Rate exceeded", aws_request_id: "11111111-2222-4333-8444-555555555555" } (ServiceError(ServiceError { source: Unhandled(Unhandled { source: ErrorMetadata { code: Some("ThrottlingException"), message: Some("Rate exceeded"), extras: Some({"aws_request_id": "11111111-2222-4333-8444-555555555555"}) }"#,
            (None, Some("ThrottlingException"), None, Some("Rate exceeded"), Some(ID)),
        ),
        // PHP
        (
            "PHP Fatal error:  Uncaught Aws\\SSOOIDC\\Exception\\SSOOIDCException: Error executing \"CreateToken\" on \"https://oidc.us-east-1.amazonaws.com/token\"; AWS HTTP error: Client error: `POST https://oidc.us-east-1.amazonaws.com/token` resulted in a `400 Bad Request` response:\n{\"error\":\"invalid_grant\",\"error_description\":\"Invalid refresh token provided\"}\n InvalidGrantException (client): Invalid refresh token provided - {\"error\":\"invalid_grant\"}",
            (CREATE_TOKEN, grant, Some(400), said, None),
        ),
        // .NET, Ruby
        (
            "Amazon.SSOOIDC.Model.InvalidGrantException: Invalid refresh token provided\n ---> Amazon.Runtime.Internal.HttpErrorResponseException: Exception of type\n   at Amazon.SSOOIDC.AmazonSSOOIDCClient.CreateTokenAsync(CreateTokenRequest request)",
            (CREATE_TOKEN, grant, None, said, None),
        ),
        (
            "app.rb:3:in `call': Invalid refresh token provided (Aws::SSOOIDC::Errors::InvalidGrantException)",
            (None, grant, None, None, None),
        ),
        (
            "[Aws::SSOOIDC::Client 400 0.052 0 retries] create_token(client_id:\"x\",client_secret:\"[FILTERED]\") Aws::SSOOIDC::Errors::InvalidGrantException Invalid refresh token provided",
            (CREATE_TOKEN, grant, Some(400), said, None),
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(&facts(&failure_of(line)), expected, "{line}");
    }
}

#[test]
fn java_v1_has_the_true_cause_in_its_inner_code() {
    let failure = failure_of(
        "com.amazonaws.services.ssooidc.model.InternalServerException: Rate exceeded (Service: AWSSSOOIDC; Status Code: 500; Error Code: ThrottlingException; Request ID: 11111111-2222-4333-8444-555555555555; Proxy: null)",
    );
    assert_eq!(failure.code.as_deref(), Some("InternalServerException"));
    assert_eq!(failure.inner_code.as_deref(), Some("ThrottlingException"));
    assert_eq!(failure.message.as_deref(), Some("Rate exceeded"));
}

#[test]
fn json_has_the_true_cause_in_an_inner_error() {
    for inner in [
        r#""cause":{"name":"ThrottlingException","message":"Rate exceeded"}"#,
        r#""inner":{"error":{"Code":"ThrottlingException"}}"#,
        r#""innerCode":"ThrottlingException""#,
    ] {
        let line = format!(
            r#"{{"msg":"x","err":{{"name":"InternalServerException","stack":"InternalServerException: UnknownError\n    at de_CreateTokenCommandError (x.js:1:1)",{inner}}}}}"#
        );
        let failure = failure_of(&line);
        assert_eq!(facts(&failure).1, Some("InternalServerException"), "{line}");
        assert_eq!(failure.inner_code.as_deref(), Some("ThrottlingException"), "{line}");
    }
}

#[test]
fn a_call_without_an_answer_is_a_failure_of_its_own_kind() {
    for line in [
        "Could not connect to the endpoint URL: \"https://oidc.us-east-1.amazonaws.com/token\"",
        "botocore.exceptions.ConnectTimeoutError: Connect timeout on endpoint URL: \"https://oidc.us-east-1.amazonaws.com/token\"",
        "Read timeout on endpoint URL: \"https://oidc.us-east-1.amazonaws.com/token\"",
        "operation error SSO OIDC: CreateToken, https response error StatusCode: 0, RequestID: , request send failed, Post \"https://oidc.us-east-1.amazonaws.com/token\": dial tcp: lookup oidc.us-east-1.amazonaws.com: no such host",
        "operation error SSO OIDC: CreateToken, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post \"https://oidc.us-east-1.amazonaws.com/token\": context deadline exceeded",
        "software.amazon.awssdk.core.exception.SdkClientException: Unable to execute HTTP request: oidc.us-east-1.amazonaws.com: Name or service not known (SDK Attempt Count: 4)\n\tat software.amazon.awssdk.services.ssooidc.DefaultSsoOidcClient.createToken(DefaultSsoOidcClient.java:352)",
        "Error: getaddrinfo ENOTFOUND oidc.us-east-1.amazonaws.com\n    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:122:26) {\n  errno: -3008,\n  code: 'ENOTFOUND',\n  hostname: 'oidc.us-east-1.amazonaws.com',\n  '$metadata': { attempts: 2, totalRetryDelay: 45 }\n}",
        "sso-oidc CreateToken: dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111) (DispatchFailure(DispatchFailure { source: ConnectorError { kind: Io } })) oidc.us-east-1.amazonaws.com",
        "Unhandled exception. System.Net.Http.HttpRequestException: Name or service not known (oidc.us-east-1.amazonaws.com:443)",
        "{\"err\":{\"code\":\"ECONNREFUSED\",\"$metadata\":{\"attempts\":2}},\"service\":\"sso-oidc\",\"region\":\"us-east-1\"}",
        "{\"err\":{\"code\":\"ENOTFOUND\",\"hostname\":\"oidc.us-east-1.amazonaws.com\"},\"msg\":\"failed\"}",
        "app.rb:3:in `connect': Failed to open TCP connection to oidc.us-east-1.amazonaws.com:443 (getaddrinfo: Name or service not known) (Seahorse::Client::NetworkingError)",
        "Error executing \"CreateToken\" on \"https://oidc.us-east-1.amazonaws.com/token\"; AWS HTTP error: cURL error 28: Connection timed out after 1001 milliseconds",
    ] {
        let failure = failure_of(line);
        assert!(failure.no_answer, "{line}");
        assert_eq!(failure.status, None, "{line}");
        assert_eq!(failure.region.as_ref().map(Region::as_str), Some("us-east-1"), "{line}");
    }
    assert_eq!(
        failure_of("Read timeout on endpoint URL: \"https://oidc.us-east-1.amazonaws.com/token\"").operation,
        CREATE_TOKEN
    );
}

#[test]
fn a_call_without_an_answer_has_the_sdks_name_for_it() {
    for (line, code) in [
        (
            "botocore.exceptions.ReadTimeoutError: Read timeout on endpoint URL: \"https://oidc.us-east-1.amazonaws.com/token\"",
            "ReadTimeoutError",
        ),
        (
            "botocore.exceptions.ConnectTimeoutError: Connect timeout on endpoint URL: \"https://oidc.us-east-1.amazonaws.com/token\"",
            "ConnectTimeoutError",
        ),
        (
            "TimeoutError: Socket timed out\n    at x {\n  '$metadata': { attempts: 3 }\n} oidc.us-east-1.amazonaws.com",
            "TimeoutError",
        ),
    ] {
        assert_eq!(failure_of(line).code.as_deref(), Some(code), "{line}");
    }
}

#[test]
fn a_status_stands_for_the_code_that_is_missing() {
    for line in [
        format!(
            "software.amazon.awssdk.services.ssooidc.model.SsoOidcException: null (Service: SsoOidc, Status Code: 503, Request ID: {ID})"
        ),
        format!("{{\"error\":{{\"kind\":\"SsoOidcException\",\"status\":503}},\"requestId\":\"{ID}\"}}"),
        format!("{{\"operation\":\"CreateToken\",\"statusCode\":503,\"requestId\":\"{ID}\"}}"),
        format!(
            "sso_oidc: response error (ResponseError(ResponseError {{ source: DeserializeError {{}}, raw: Response {{ status: StatusCode(503), headers: {{\"x-amzn-requestid\": \"{ID}\"}} }} }}))"
        ),
        format!(
            "{{ name: 'SSOOIDCServiceException', '$fault': 'server', '$metadata': {{ httpStatusCode: 503, requestId: '{ID}' }} }}"
        ),
    ] {
        let failure = failure_of(&line);
        assert_eq!((failure.code.as_deref(), failure.status), (Some("503"), Some(503)), "{line}");
    }
    // An application's own interface has methods with these names too.
    assert_none("{\"method\":\"/auth.Tokens/CreateToken\",\"status\":503}");
}

#[test]
fn an_error_that_terraform_broke_into_lines_is_one_failure() {
    let framed = format!(
        "╷\n│ Error: failed to refresh cached credentials, refresh cached SSO token failed,\n│ unable to refresh SSO token, operation error SSO OIDC: CreateToken, https response\n│ error StatusCode: 400, RequestID: {ID},\n│ InvalidGrantException: \n│ \n╵"
    );
    let plain = framed.replace(['╷', '│', '╵'], "").replace("\n ", "\n");
    let lines: Vec<&str> = framed.lines().collect();
    for failures in [failures_of(&[&framed]), failures_of(&[plain.trim_start()]), failures_of(&lines)] {
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(facts(&failures[0]), (CREATE_TOKEN, Some("InvalidGrantException"), Some(400), None, Some(ID)));
    }
}

#[test]
fn an_error_of_another_service_is_not_ours_because_the_program_names_us() {
    let metadata = format!("'$fault': 'client', '$metadata': {{ httpStatusCode: 400, requestId: '{ID}' }}");
    let json = format!("\"$fault\":\"client\",\"$metadata\":{{\"httpStatusCode\":400,\"requestId\":\"{ID}\"}}");
    for line in [
        format!(
            "sso-oidc login: UnauthorizedException: Session token not found or invalid\n    at de_UnauthorizedExceptionRes (/app/node_modules/@aws-sdk/client-sso/dist-cjs/index.js:1:1) {{ {metadata} }}"
        ),
        format!(
            "sso_oidc cache: ThrottlingException: Rate exceeded\n    at de_PutItemCommandError (/var/task/index.js:1:1) {{ {metadata} }}"
        ),
        format!(
            "{{\"msg\":\"caching the sso-oidc token failed\",\"service\":\"dynamodb\",\"err\":{{\"name\":\"ThrottlingException\",{json}}}}}"
        ),
        format!(
            "{{\"logger\":\"sso-oidc-login\",\"operation\":\"GetRoleCredentials\",\"errorCode\":\"UnauthorizedException\",\"requestId\":\"{ID}\"}}"
        ),
        "{\"logger\":\"sso-oidc-login\",\"service\":\"STS\",\"action\":\"sts:AssumeRole\",\"code\":\"AccessDenied\"}"
            .to_owned(),
    ] {
        assert_none(&line);
    }
    assert_none(
        "sso_oidc: get_role_credentials failed: service error: UnauthorizedException (ServiceError(ServiceError { source: UnauthorizedException(UnauthorizedException { meta: ErrorMetadata { code: Some(\"UnauthorizedException\") } }) }))",
    );
    // Another client next to ours changes nothing.
    let line = format!(
        "InternalServerException: UnknownError\n    at de_CreateTokenCommandError (/app/node_modules/@aws-sdk/client-sso-oidc/x.js:1:1)\n    at async /app/node_modules/@aws-sdk/client-s3/x.js:1:1 {{ {metadata} }}"
    );
    assert_eq!(failure_of(&line).operation, CREATE_TOKEN);
}

#[test]
fn errors_of_others_are_ignored() {
    for line in [
        "we saw InternalServerException from SSO OIDC yesterday",
        "see the runbook: CreateToken may answer InternalServerException when sso-oidc is down",
        "service error",
        "sso-oidc: service error",
        "POST https://oidc.us-east-1.amazonaws.com/token 200",
        "An error occurred (EntitlementNotAllowedException) when calling the CreateToken operation: no",
        "An error occurred (NotFoundException) when calling the CreateToken operation: Backend environment not found",
        "An error occurred (InternalServerException) when calling the ListAccounts operation: sso-oidc",
        "operation error License Manager: CreateToken, https response error StatusCode: 500, RequestID: 11111111-2222-4333-8444-555555555555, InternalServerException: UnknownError",
        "operation error SSO: GetRoleCredentials, https response error StatusCode: 401, RequestID: 11111111-2222-4333-8444-555555555555, UnauthorizedException: Session token not found",
        "operation error SSO OIDC: CreateToken, https response error StatusCode: 0, RequestID: , canceled, context canceled",
        "InternalServerException: null (Service: LicenseManager, Status Code: 500, Request ID: 11111111-2222-4333-8444-555555555555) CreateToken",
        "An error occurred (InternalServerException) when calling the CreateToken operation: https://license-manager.us-east-1.amazonaws.com",
        "Could not connect to the endpoint URL: \"https://sts.us-east-1.amazonaws.com/\" CreateToken",
        "java.lang.IllegalStateException: no\n\tat software.amazon.awssdk.services.ssooidc.DefaultSsoOidcClient.createToken(DefaultSsoOidcClient.java:352)",
        "connect ECONNREFUSED 10.0.0.5:5432 while the sso-oidc callback ran",
        "{\"code\":\"ECONNREFUSED\",\"port\":5432,\"service\":\"sso-oidc-login\"}",
        "{\"level\":\"info\",\"msg\":\"we saw InternalServerException from SSO OIDC yesterday\"}",
        "{\"service\":\"sso-oidc\",\"operation\":\"CreateToken\",\"statusCode\":200}",
        "{\"error\":{\"name\":\"EntitlementNotAllowedException\"},\"operation\":\"CreateToken\"}",
        "{\"service\":\"license-manager\",\"operation\":\"CreateToken\",\"errorCode\":\"InternalServerException\"}",
    ] {
        assert_none(line);
    }
}

#[test]
fn json_of_any_logger_is_one_failure() {
    let (ise, id) = (Some("InternalServerException"), Some(ID));
    let stack = serde_json::to_string(&JAVASCRIPT[..JAVASCRIPT.find(" {").unwrap()]).unwrap();
    let metadata =
        format!("\"$fault\":\"server\",\"$metadata\":{{\"httpStatusCode\":500,\"requestId\":\"{ID}\",\"attempts\":2}}");
    let text = |field: &str, text: &str| {
        format!("{{\"level\":\"error\",\"{field}\":{}}}", serde_json::to_string(text).unwrap())
    };
    let cases: Vec<(String, Facts<'_>)> = vec![
        (text("message", BOTO), (CREATE_TOKEN, ise, None, None, None)),
        (text("stack_trace", JAVA_2), (CREATE_TOKEN, ise, Some(500), None, id)),
        (text("err", JAVASCRIPT), (None, ise, Some(500), None, id)),
        // pino, winston, bunyan, JSON.stringify
        (
            format!(
                "{{\"level\":50,\"time\":1795337999000,\"err\":{{\"type\":\"InternalServerException\",\"message\":\"UnknownError\",\"stack\":{stack},{metadata},\"name\":\"InternalServerException\",\"error\":null,\"error_description\":null}},\"msg\":\"refresh failed\"}}"
            ),
            (None, ise, Some(500), None, id),
        ),
        (
            format!(
                "{{{metadata},\"error\":null,\"error_description\":null,\"level\":\"error\",\"message\":\"token failed UnknownError\",\"name\":\"InternalServerException\",\"stack\":{stack}}}"
            ),
            (None, ise, Some(500), Some("token failed UnknownError"), id),
        ),
        (
            format!(
                "{{\"name\":\"app\",\"pid\":1,\"err\":{{{metadata},\"name\":\"InternalServerException\",\"error\":null,\"error_description\":null,\"message\":\"UnknownError\"}},\"msg\":\"failed\",\"v\":0}}"
            ),
            (None, ise, Some(500), None, id),
        ),
        (
            format!(
                "{{{metadata},\"name\":\"InternalServerException\",\"error\":null,\"error_description\":null,\"message\":\"UnknownError\"}}"
            ),
            (None, ise, Some(500), None, id),
        ),
        // Lambda's Node.js runtime, text and JSON
        (
            format!(
                "2026-11-22T09:00:00.000Z\t99999999-2222-4333-8444-555555555555\tERROR\tInvoke Error \t{{\"errorType\":\"InternalServerException\",\"errorMessage\":\"UnknownError\",\"name\":\"InternalServerException\",{metadata},\"error\":null,\"error_description\":null,\"stack\":[\"InternalServerException: UnknownError\",\"    at x (/a.js:1:1)\"]}}"
            ),
            (None, ise, Some(500), None, id),
        ),
        (
            format!(
                "{{\"timestamp\":\"2026-11-22T08:59:59Z\",\"level\":\"ERROR\",\"requestId\":\"99999999-2222-4333-8444-555555555555\",\"message\":{{\"errorType\":\"InternalServerException\",\"errorMessage\":\"UnknownError\",{metadata},\"error_description\":null}}}}"
            ),
            (None, ise, Some(500), None, id),
        ),
        (
            format!(
                "{{\"level\":\"ERROR\",\"requestId\":\"99999999-2222-4333-8444-555555555555\",\"errorType\":\"InternalServerException\",\"errorMessage\":{},\"stackTrace\":[\"  File \\\"a.py\\\"\"]}}",
                serde_json::to_string(BOTO).unwrap()
            ),
            (CREATE_TOKEN, ise, None, None, None),
        ),
        // flat fields, and botocore's response
        (
            format!(
                "{{\"service\":\"SSO OIDC\",\"operation\":\"CreateToken\",\"errorCode\":\"InternalServerException\",\"statusCode\":\"500\",\"requestId\":\"{ID}\"}}"
            ),
            (CREATE_TOKEN, ise, Some(500), None, id),
        ),
        (
            format!(
                "{{\"op\":\"create_token\",\"response\":{{\"Error\":{{\"Code\":\"InternalServerException\",\"Message\":\"\"}},\"ResponseMetadata\":{{\"RequestId\":\"{ID}\",\"HTTPStatusCode\":500}}}}}}"
            ),
            (CREATE_TOKEN, ise, Some(500), None, id),
        ),
        (
            "{\"error.type\":\"software.amazon.awssdk.services.ssooidc.model.InternalServerException\",\"error.message\":\"no\"}".to_owned(),
            (None, ise, None, Some("no"), None),
        ),
        (
            format!(
                "{{\"url\":\"https://oidc.eu-west-1.amazonaws.com/token\",\"headers\":{{\"x-amzn-errortype\":\"InternalServerException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/\",\"x-amzn-requestid\":\"{ID}\"}}}}"
            ),
            (CREATE_TOKEN, ise, None, None, id),
        ),
        (
            format!("{{\"aws_operation\":\"create_token\",\"error_code\":\"InternalServerException\",\"aws_request_id\":\"{ID}\"}}"),
            (CREATE_TOKEN, ise, None, None, id),
        ),
        // JSON in JSON
        (text("log", &text("msg", BOTO)), (CREATE_TOKEN, ise, None, None, None)),
    ];
    for (line, expected) in &cases {
        assert_eq!(&facts(&failure_of(line)), expected, "{line}");
    }
}

#[test]
fn a_printed_response_of_boto3_is_a_failure() {
    let failure = failure_of(
        "ERROR sso-oidc {'Error': {'Message': 'no key', 'Code': 'AccessDeniedException'}, 'ResponseMetadata': {'RequestId': '11111111-2222-4333-8444-555555555555', 'HTTPStatusCode': 400}, 'error': 'access_denied', 'reason': 'KMS_AccessDeniedException'}",
    );
    assert_eq!(facts(&failure), (None, Some("AccessDeniedException"), Some(400), Some("no key"), Some(ID)));
    assert_eq!(failure.reason.as_deref(), Some("KMS_AccessDeniedException"));
}

#[test]
fn json_that_cannot_be_read_is_a_problem_if_it_could_matter() {
    let deep = format!("{}\"sso-oidc\"{}", "{\"a\":".repeat(200), "}".repeat(200));
    assert_eq!(batch_of(&[deep.as_str()]).problems.count(ProblemName::JsonInvalid), 1);
    assert_eq!(
        batch_of(&["{\"message\":\"sso-oidc An error occurred (Inter"]).problems.count(ProblemName::JsonInvalid),
        1
    );
    assert!(batch_of(&["{\"message\":\"nothing"]).problems.is_empty());
    assert!(batch_of(&["{\"message\":\"oidc of another kind"]).problems.is_empty());
}

#[test]
fn one_json_line_with_two_request_ids_is_two_failures() {
    let error = |id: &str| {
        format!(
            "{{\"name\":\"InternalServerException\",\"$metadata\":{{\"requestId\":\"{id}\",\"httpStatusCode\":500}},\"error_description\":null}}"
        )
    };
    let failures = failures_of(&[format!("{{\"errors\":[{},{}]}}", error(ID), error(ID_2))]);
    assert_eq!(failures.iter().map(|failure| failure.id.as_str()).collect::<Vec<_>>(), [ID, ID_2]);
}

#[test]
fn an_error_split_over_log_events_is_one_failure() {
    for error in [JAVASCRIPT, JAVA_2] {
        let lines: Vec<&str> = error.lines().collect();
        let failures = failures_of(&lines);
        assert_eq!(failures.len(), 1, "{failures:#?}");
        assert_eq!(failures[0].request_id.as_deref(), Some(ID));
        assert_eq!(failures[0].event_id.as_deref(), Some("e0"));
        assert_eq!(failures[0].status, Some(500));
    }
    let lines = [
        "aws: [ERROR]: An error occurred (AccessDeniedException) when calling the CreateToken operation: no key",
        "",
        "Additional error details:",
        "error: access_denied",
        "error_description: no key",
        "reason: KMS_AccessDeniedException",
    ];
    let failures = failures_of(&lines);
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].reason.as_deref(), Some("KMS_AccessDeniedException"));
    assert_eq!(failures_of(&[lines.join("\n")]).len(), 1);
}

#[test]
fn a_traceback_is_one_failure_however_often_it_names_the_error() {
    let text = format!(
        "ERROR:root:token refresh failed user=alice
Traceback (most recent call last):
  File \"/app/b.py\", line 14, in <module>
    client.create_token(clientId='x')
botocore.errorfactory.InternalServerException: {BOTO}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/app/b.py\", line 20, in <module>
    raise RuntimeError(str(error))
RuntimeError: login failed: {BOTO}"
    );
    let lines: Vec<&str> = text.lines().collect();
    for failures in [failures_of(&lines), failures_of(&[text.as_str()])] {
        assert_eq!(failures.len(), 1, "{failures:#?}");
        assert_eq!(failures[0].id, "e0");
        assert_eq!(failures[0].caller, Caller::Named("alice".to_owned()));
    }
}

#[test]
fn two_one_line_errors_are_two_failures() {
    let failures = failures_of(&[BOTO, BOTO]);
    assert_eq!(failures.iter().map(|failure| failure.id.as_str()).collect::<Vec<_>>(), ["e0", "e1"]);
    let timed = format!("2026-11-22T09:00:00Z {BOTO}\n2026-11-22T09:00:01Z {BOTO}");
    assert_eq!(failures_of(&[timed]).len(), 2);
    let json = format!("{{\"msg\":\"{BOTO}\"}}");
    assert_eq!(failures_of(&[format!("{json}\n{json}")]).len(), 2);
    assert_eq!(failures_of(&[json.as_str(), json.as_str()]).len(), 2);
}

#[test]
fn an_error_is_recognised_by_its_request_id() {
    let line = |attempt: u8, id: &str| {
        format!(
            "attempt {attempt}: operation error SSO OIDC: CreateToken, https response error StatusCode: 500, RequestID: {id}, InternalServerException: "
        )
    };
    assert_eq!(failures_of(&[line(1, ID), line(2, ID), "giving up".to_owned(), line(3, ID)]).len(), 1);
    assert_eq!(failures_of(&[line(1, ID), line(2, ID_2)]).len(), 2);
    let javascript_2 = JAVASCRIPT.replace(ID, ID_2);
    assert_eq!(failures_of(&[JAVASCRIPT, &javascript_2]).len(), 2);
    assert_eq!(failures_of(&[format!("{JAVASCRIPT}\n{javascript_2}")]).len(), 2);
}

#[test]
fn a_failure_without_request_id_has_the_id_and_time_of_its_log_event() {
    let failures = failures_of(&["starting", BOTO]);
    assert_eq!((failures[0].id.as_str(), failures[0].event_id.as_deref()), ("e1", Some("e1")));
    assert_eq!(failures[0].occurred_at, "2026-11-22T09:00:00.010Z".parse().unwrap());
    assert_eq!(failures[0].origin, Origin::Logs);
}

#[test]
fn a_json_lines_own_time_is_taken_if_it_is_plausible() {
    let at = |field: &str| failure_of(&format!("{{{field},\"msg\":\"{BOTO}\"}}")).occurred_at;
    let own: Timestamp = "2026-11-22T08:59:59Z".parse().unwrap();
    let logged: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
    assert_eq!(at("\"timestamp\":\"2026-11-22T08:59:59Z\""), own);
    assert_eq!(at(&format!("\"time\":{}", own.as_millisecond())), own);
    assert_eq!(at(&format!("\"ts\":{}.0", own.as_second())), own);
    assert_eq!(at("\"@timestamp\":\"2026-11-22T09:59:59+01:00\""), own);
    assert_eq!(at("\"time\":\"2026-11-22T09:00:01Z\""), logged, "later than the log event");
    assert_eq!(at("\"time\":12"), logged, "a duration");
    assert_eq!(at("\"ts\":\"yesterday\""), logged);
}

#[test]
fn the_region_is_the_hosts_then_the_named_one_then_the_client_ids_then_the_settings() {
    let region = |more: &str| failure_of(&format!("{BOTO}{more}")).region.map(|region| region.to_string());
    let client_id = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([&[7_u8; 16][..], b"ap-southeast-2"].concat())
    };
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        region(&format!(" region=us-west-2 https://oidc.eu-west-1.amazonaws.com clientId={client_id}")),
        named("eu-west-1"),
        "a program may log where it runs itself"
    );
    assert_eq!(region(&format!(" region=us-west-2 clientId={client_id}")), named("us-west-2"));
    assert_eq!(
        region(&format!(" https://oidc.eu-west-1.amazonaws.com/token clientId={client_id}")),
        named("eu-west-1")
    );
    assert_eq!(region(" oidc-fips.us-gov-west-1.amazonaws.com"), named("us-gov-west-1"));
    assert_eq!(region(" oidc.eu-west-3.api.aws"), named("eu-west-3"));
    assert_eq!(region(" oidc.cn-north-1.amazonaws.com.cn"), named("cn-north-1"));
    assert_eq!(region(" oidc.eusc-de-east-1.amazonaws.eu"), named("eusc-de-east-1"));
    assert_eq!(region(&format!(" clientId={client_id}")), named("ap-southeast-2"));
    assert_eq!(region(" clientId=short region=emea"), named("eu-central-1"));
    let json = format!("{{\"msg\":\"{BOTO}\",\"awsRegion\":\"us-west-1\"}}");
    assert_eq!(failure_of(&json).region.unwrap().as_str(), "us-west-1");
}

#[test]
fn a_region_that_does_not_exist_is_none_and_a_problem() {
    for line in [
        format!("{BOTO} region=us-esat-1"),
        "Could not connect to the endpoint URL: \"https://oidc.us-esat-1.amazonaws.com/token\"".to_owned(),
    ] {
        let batch = batch_of(&[line]);
        let [Observation::Failure(failure)] = batch.observations.as_slice() else { panic!("one failure") };
        assert_eq!(failure.region, None);
        assert_eq!(batch.problems.iter().collect::<Vec<_>>(), [(ProblemName::RegionUnknown, 1, "us-esat-1")]);
    }
}

#[test]
fn the_caller_is_the_one_the_line_names_else_the_log_group() {
    let caller = |line: String| failure_of(&line).caller;
    let named = |name: &str| Caller::Named(name.to_owned());
    assert_eq!(caller(BOTO.to_owned()), Caller::LogGroup("/app/login".to_owned()));
    assert_eq!(caller(format!("user=alice {BOTO}")), named("alice"));
    assert_eq!(caller(format!("userId=\"alice b\" {BOTO}")), named("alice b"));
    assert_eq!(caller(format!("[principal='arn:aws:iam::1:user/x'] {BOTO}")), named("arn:aws:iam::1:user/x"));
    assert_eq!(caller(format!("for bob@example.com: {BOTO}")), named("bob@example.com"));
    assert_eq!(caller(format!("user: not found {BOTO}")), Caller::LogGroup("/app/login".to_owned()));
    for field in [
        "\"user\":\"alice\"",
        "\"ctx\":{\"user_id\":\"alice\"}",
        "\"user\":{\"id\":\"alice\"}",
        "\"user.name\":\"alice\"",
        "\"user.id\":\"alice\"",
        "\"sub\":\"alice\"",
        "\"username\":\"alice\",\"email\":\"a@example.com\"",
        "\"message\":\"user=alice\"",
    ] {
        assert_eq!(caller(format!("{{{field},\"msg\":\"{BOTO}\"}}")), named("alice"), "{field}");
    }
    assert_eq!(caller(format!("{{\"user\":{{\"id\":7}},\"msg\":\"{BOTO}\"}}")), named("7"));
    let long = "x".repeat(1000);
    assert_eq!(caller(format!("user={long} {BOTO}")), named(&long[..256]));
}

#[test]
fn the_other_facts_of_the_line_are_kept() {
    let failure = failure_of(&format!("{BOTO} clientId=abc grant_type=refresh_token user_agent=\"Boto3/1.43 app/x\""));
    assert_eq!(failure.client_id.as_deref(), Some("abc"));
    assert_eq!(failure.grant_type.as_deref(), Some("refresh_token"));
    assert_eq!(failure.user_agent.as_deref(), Some("Boto3/1.43 app/x"));
    let kms = JAVASCRIPT
        .replace("InternalServer", "AccessDenied")
        .replace("error: null", "error: 'access_denied',\n  reason: 'KMS_AccessDeniedException'");
    assert_eq!(failure_of(&kms).reason.as_deref(), Some("KMS_AccessDeniedException"));
    let kms = RUST.replace("error: Some(", "reason: Some(KmsKeyNotFound), error: Some(");
    assert_eq!(failure_of(&kms).reason.as_deref(), Some("KMS_NotFoundException"));
}

#[test]
fn our_own_probe_is_counted_and_is_no_failure() {
    for line in [format!("{BOTO} clientId=b3duLXByb2Jl"), format!("{BOTO} requestId=our-own-request-id")] {
        let batch = batch_of(std::slice::from_ref(&line));
        assert_eq!((batch.own, batch.observations.len()), (1, 0), "{line}");
        assert_eq!(batch.problems.count(ProblemName::OwnProbe), 1, "{line}");
    }
    // Words in a line cannot hide a failure.
    for words in
        ["userAgent=\"aws-sdk-rust/1 app/oidc-triage\"", "app/oidc-triage", "b3duLXByb2Jl", "our-own-request-id"]
    {
        let batch = batch_of(&[format!("{BOTO} {words}")]);
        assert_eq!((batch.own, batch.observations.len()), (0, 1), "{words}");
    }
}

#[test]
fn a_line_that_is_too_long_is_a_problem_and_the_rest_is_read() {
    let limit = line::LINE_MAX;
    let long = |length: usize| format!("{BOTO}{}", "\n".repeat(length - BOTO.len()));
    let batch = batch_of(&[long(limit + 1), BOTO.to_owned()]);
    assert_eq!((batch.problems.count(ProblemName::LogLineTooLong), batch.observations.len()), (1, 1));
    let batch = batch_of(&[long(limit)]);
    assert_eq!((batch.problems.is_empty(), batch.observations.len()), (true, 1));
}

#[test]
fn secrets_do_not_get_into_a_message() {
    const SECRET: &str = "PLANTEDs3cr3tPLANTED";
    for said in [
        "clientSecret=PLANTEDs3cr3tPLANTED",
        "client_secret: 'PLANTEDs3cr3tPLANTED'",
        "\"refreshToken\":\"PLANTEDs3cr3tPLANTED\"",
        "accessToken: PLANTEDs3cr3tPLANTED",
        "idToken=PLANTEDs3cr3tPLANTED",
        "deviceCode: 'PLANTEDs3cr3tPLANTED'",
        "userCode=PLANTEDs3cr3tPLANTED",
        "?code=PLANTEDs3cr3tPLANTED&x=1",
        "\"code\": \"PLANTEDs3cr3tPLANTED\"",
        "codeVerifier=PLANTEDs3cr3tPLANTED",
        "assertion=PLANTEDs3cr3tPLANTED",
        "subjectToken=PLANTEDs3cr3tPLANTED",
        "Authorization: Bearer PLANTEDs3cr3tPLANTED",
        "clientSecret: \\\"PLANTEDs3cr3tPLANTED\\\"",
    ] {
        let line =
            format!("An error occurred (InvalidGrantException) when calling the CreateToken operation: bad {said}");
        assert!(!format!("{:?}", batch_of(&[line])).contains(SECRET), "{said}");
    }
    let object = JAVASCRIPT.replace(
        "error: null",
        "request: { refreshToken: 'PLANTEDs3cr3tPLANTED', code: 'PLANTEDs3cr3tPLANTED' },\n  error: null",
    );
    assert!(!format!("{:?}", batch_of(&[object])).contains(SECRET));
}

#[test]
fn a_batch_of_unrelated_lines_costs_one_look_at_each() {
    let messages: Vec<String> = (0..20_000).map(|n| format!("{n} GET /api/v1/things/{n} 200 12ms \"agent\"")).collect();
    let batch = batch_of(&messages);
    assert!(batch.observations.is_empty() && batch.problems.is_empty());
}

#[test]
fn a_hostile_line_is_read_in_linear_time() {
    for unit in [
        BOTO,
        "operation error SSO OIDC: CreateToken, ",
        "{\"sso-oidc",
        "$metadata requestId: '11111111-x' name: 'SlowDownException' ",
    ] {
        let line = unit.repeat(250 * 1024 / unit.len());
        batch_of(&[line]);
    }
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        BOTO,
        JAVASCRIPT,
        RUST,
        JAVA_2,
        "{\"",
        "{",
        "}",
        "\"",
        "'",
        "\n",
        "\r",
        "\t",
        " ",
        "\\",
        ": ",
        "(Service: ",
        "operation error ",
        "SSO OIDC",
        "CreateToken",
        "Error executing \"",
        "code: 'x'",
        "user=",
        "é",
        "\u{1b}[31m",
        "Suppressed: ",
        "2026-11-22T",
        "$fault",
        "requestId: '11111111-2222-4333-8444-555555555555'",
        "UnknownError",
        "oidc.us-east-1.amazonaws.com",
        "Traceback (most recent call last)",
    ]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_panics(messages in prop::collection::vec(prop_oneof![any::<String>(), words()], 0..6)) {
        batch_of(&messages);
    }

    #[test]
    fn an_error_is_one_failure_wherever_its_lines_are_split(
        cuts in prop::collection::vec(any::<bool>(), 32),
        error in prop::sample::select(vec![JAVASCRIPT, JAVA_2]),
    ) {
        let mut messages: Vec<String> = Vec::new();
        for (line, cut) in error.lines().zip(cuts) {
            match messages.last_mut().filter(|_| !cut) {
                Some(message) => { message.push('\n'); message.push_str(line); }
                None => messages.push(line.to_owned()),
            }
        }
        let failures = failures_of(&messages);
        prop_assert_eq!(failures.len(), 1);
        let mut whole = failure_of(error);
        whole.occurred_at = failures[0].occurred_at;
        prop_assert_eq!(&failures[0], &whole);
    }

    #[test]
    fn unrelated_lines_between_errors_change_no_count(noise in prop::collection::vec(prop::sample::select(vec!["GET /health 200", "{\"level\":\"info\"}", "2026-11-22 INFO refreshed the CreateToken cache", "oidc login of a user"]), 0..8), at in 0_usize..8) {
        let mut messages = noise;
        messages.insert(at.min(messages.len()), BOTO);
        messages.insert(at.min(messages.len()), JAVASCRIPT);
        messages.push(BOTO);
        prop_assert_eq!(failures_of(&messages).len(), 3);
    }
}

#[test]
fn the_caller_of_an_ocsf_record_is_its_actor() {
    let text = include_str!("../../tests/data/trail/ocsf-in-logs.json");
    let batch = crate::decode(text, &crate::testing::setting());
    let [Observation::Failure(failure)] = batch.observations.as_slice() else { panic!("{batch:?}") };
    assert_eq!(failure.caller, Caller::User("u-1".into()));
    assert_eq!(failure.operation, Some(Operation::CreateToken));
    assert_eq!(failure.code.as_deref(), Some("InternalServerException"));
    assert_eq!(failure.region.as_ref().map(Region::as_str), Some("us-east-1"));
    assert!(batch.problems.is_empty(), "{:?}", batch.problems);
}

#[test]
fn a_hidden_name_names_nobody() {
    let hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";
    for line in [format!("user={hidden} {BOTO}"), format!("{{\"userName\":\"{hidden}\",\"msg\":\"{BOTO}\"}}")] {
        assert_eq!(failure_of(&line).caller, Caller::LogGroup("/app/login".to_owned()), "{line}");
    }
}

#[test]
fn an_invalid_http_status_is_none() {
    let line = |status: &str| {
        format!(
            "operation error SSO OIDC: CreateToken, https response error StatusCode: {status}, RequestID: {ID}, InternalServerException: "
        )
    };
    for (status, expected) in [("099", None), ("100", Some(100)), ("599", Some(599)), ("600", None), ("800", None)] {
        let failure = failure_of(&line(status));
        assert_eq!((failure.code.as_deref(), failure.status), (Some("InternalServerException"), expected), "{status}");
    }
}
