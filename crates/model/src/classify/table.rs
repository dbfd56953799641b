//! The table.
//!
//! A [`Row`] is data: what it asks, and the verdict if that fits. The order is part of the table: the first row that
//! fits decides, so a narrow row stands above a wide one, and rows that name a code stand above those that go by the
//! status.

use super::class::{Cause, Retry};
use super::condition::{Answered, Code, Grant, Inside, Status, THROTTLING_CODES};
use super::symptoms::Symptoms;
use crate::observation::Operation;

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Any of these.
    pub codes: &'static [Code],
    /// Any of these; all where empty.
    pub operations: &'static [Operation],
    pub grant: Grant,
    pub status: Status,
    pub answered: Answered,
    pub inside: Inside,
    pub cause: Cause,
    pub retry: Retry,
    pub advice: &'static str,
    /// A detail of the single failure that the advice adds.
    pub hint: Hint,
    pub source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    Nothing,
    /// That the client id is of another region than the one called.
    ClientRegion,
}

/// The source that a row rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The service's API model and reference.
    Api,
    /// The errors common to all AWS services.
    CommonErrors,
    /// The retry rules of the AWS SDKs.
    SdkRetries,
    /// What SDKs and operating systems say when no answer came.
    SdkTransport,
    /// RFC 8628, the OAuth device flow.
    Rfc8628,
    /// Reports of users.
    Seen,
    /// No source says more than the status does.
    StatusAlone,
}

impl Row {
    const fn new(codes: &'static [Code], cause: Cause, source: Source, advice: &'static str) -> Self {
        Self {
            codes,
            operations: &[],
            grant: Grant::Any,
            status: Status::Any,
            answered: Answered::Either,
            inside: Inside::Anything,
            cause,
            retry: match cause {
                Cause::Service | Cause::Unreachable => Retry::Transient,
                Cause::Throttled => Retry::Throttled,
                Cause::Expected | Cause::Request | Cause::Admin | Cause::Unrecognised => Retry::Never,
            },
            advice,
            hint: Hint::Nothing,
            source,
        }
    }

    const fn on(mut self, operations: &'static [Operation]) -> Self {
        self.operations = operations;
        self
    }

    const fn grant(mut self, grant: Grant) -> Self {
        self.grant = grant;
        self
    }

    const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    const fn unanswered(mut self) -> Self {
        self.answered = Answered::No;
        self
    }

    const fn inside(mut self, inside: Inside) -> Self {
        self.inside = inside;
        self
    }

    const fn hint(mut self, hint: Hint) -> Self {
        self.hint = hint;
        self
    }

    /// Whether all conditions of the row hold.
    pub(super) fn fits(&self, symptoms: &Symptoms<'_>) -> bool {
        self.codes.iter().any(|code| code.fits(symptoms.code))
            && (self.operations.is_empty() || symptoms.operation.is_some_and(|done| self.operations.contains(&done)))
            && self.grant.fits(symptoms.grant_type)
            && self.status.fits(symptoms.status)
            && self.answered.fits(symptoms.no_answer)
            && self.inside.fits(symptoms)
    }
}

use Operation::{CreateToken, CreateTokenWithIam, RegisterClient, StartDeviceAuthorization};

// OAuth's name for it: stands for the exception only where no better code is known.
const INTERNAL_SERVER: &[Code] = &[Code::Named("InternalServer"), Code::Exact("server_error")];
const SLOW_DOWN: &[Code] = &[Code::Named("SlowDown"), Code::Exact("slow_down")];
const ACCESS_DENIED: &[Code] = &[Code::Named("AccessDenied"), Code::Exact("access_denied")];
const EXPIRED_TOKEN: &[Code] = &[Code::Named("ExpiredToken"), Code::Exact("expired_token")];
const INVALID_GRANT: &[Code] = &[Code::Named("InvalidGrant"), Code::Exact("invalid_grant")];
const INVALID_CLIENT: &[Code] = &[Code::Named("InvalidClient"), Code::Exact("invalid_client")];
const INVALID_REQUEST: &[Code] = &[Code::Named("InvalidRequest"), Code::Exact("invalid_request")];
const UNSUPPORTED_GRANT: &[Code] = &[Code::Named("UnsupportedGrantType"), Code::Exact("unsupported_grant_type")];

/// What SDKs print as the code when there was no answer.
pub(super) const NO_ANSWER_CODES: &[Code] = &[
    // botocore
    Code::Exact("EndpointConnectionError"),
    Code::Exact("ConnectTimeoutError"),
    Code::Exact("ReadTimeoutError"),
    Code::Exact("ConnectionClosedError"),
    Code::Exact("ConnectionError"),
    Code::Exact("ProxyConnectionError"),
    Code::Exact("HTTPClientError"),
    Code::Exact("SSLError"),
    // JavaScript
    Code::Exact("TimeoutError"),
    Code::Exact("TimeoutException"),
    Code::Exact("NetworkingError"),
    Code::Exact("ECONNREFUSED"),
    Code::Exact("ECONNRESET"),
    Code::Exact("ECONNABORTED"),
    Code::Exact("EHOSTUNREACH"),
    Code::Exact("ENETUNREACH"),
    Code::Exact("ENOTFOUND"),
    Code::Exact("ETIMEDOUT"),
    Code::Exact("EAI_AGAIN"),
    Code::Exact("EPIPE"),
    Code::Exact("EAI_NODATA"),
    Code::Exact("EHOSTDOWN"),
    Code::Exact("ENETDOWN"),
    Code::Exact("EPROTO"),
    Code::Exact("ESOCKETTIMEDOUT"),
    Code::Exact("UnknownEndpoint"),
    Code::Exact("UND_ERR_ABORTED"),
    Code::Exact("UND_ERR_BODY_TIMEOUT"),
    Code::Exact("UND_ERR_CONNECT_TIMEOUT"),
    Code::Exact("UND_ERR_HEADERS_TIMEOUT"),
    Code::Exact("UND_ERR_PRX_TLS"),
    Code::Exact("UND_ERR_SOCKET"),
    Code::Exact("SELF_SIGNED_CERT_IN_CHAIN"),
    Code::Exact("DEPTH_ZERO_SELF_SIGNED_CERT"),
    Code::Exact("HOSTNAME_MISMATCH"),
    Code::Exact("INVALID_CA"),
    Code::Prefix("CERT_"),
    Code::Prefix("ERR_SOCKET_"),
    Code::Prefix("ERR_SSL"),
    Code::Prefix("ERR_TLS_"),
    Code::Prefix("UNABLE_TO_"),
    // Java
    Code::Exact("SdkClientException"),
    Code::Exact("ApiCallTimeoutException"),
    Code::Exact("ApiCallAttemptTimeoutException"),
    Code::Exact("UnknownHostException"),
    Code::Exact("ConnectException"),
    Code::Exact("ConnectTimeoutException"),
    Code::Exact("SocketTimeoutException"),
    Code::Exact("SSLException"),
    Code::Exact("SSLHandshakeException"),
    // Go, Rust
    Code::Exact("RequestError"),
    Code::Exact("RequestSendError"),
    Code::Exact("DispatchFailure"),
    // The log reader's names for network errors without a name of their own
    Code::Exact("HtmlPage"),
    Code::Exact("ConnectionFailed"),
    Code::Exact("ConnectionRefused"),
    Code::Exact("ConnectionReset"),
    Code::Exact("NameNotResolved"),
    Code::Exact("NetworkUnreachable"),
    Code::Exact("ProxyError"),
    Code::Exact("TimedOut"),
    Code::Exact("TlsError"),
];

const ADVICE_HIDDEN_THROTTLING: &str = "Throttling behind a 500: slow the caller down and retry with a base delay of \
     one second. It is not a sign of an outage.";
const ADVICE_HIDDEN_INPUT: &str = "Invalid input that the service answers with a 500: correct the request. A retry \
     fails in the same way. It is not a sign of an outage.";
const ADVICE_ASSIGNMENT: &str = "Assign the user or group to the application in Identity Center, and check that the \
     application's grant and authentication method allow the calling role.";

/// The last row: it fits everything.
pub(super) const LAST: &Row = &Row::new(
    &[Code::Any],
    Cause::Unrecognised,
    Source::StatusAlone,
    "Not a known error of SSO OIDC: read its message, and check whether another service or a proxy answered. It does not \
     count for or against an outage.",
);

pub(super) const TABLE: &[Row] = &[
    Row::new(
        &[Code::Named("AuthorizationPending"), Code::Exact("authorization_pending")],
        Cause::Expected,
        Source::Rfc8628,
        "Nothing is wrong: the user has not confirmed the device yet. Keep polling at the same interval.",
    ),
    Row::new(
        SLOW_DOWN,
        Cause::Expected,
        Source::Rfc8628,
        "Nothing is wrong: the device polls too often. Add 5 s to the polling interval and continue.",
    )
    .grant(Grant::DeviceCode),
    Row::new(
        &[Code::Any],
        Cause::Admin,
        Source::Api,
        "Identity Center cannot use its customer-managed KMS key: check that the key is enabled, not pending \
         deletion, and that its policy allows Identity Center and the caller.",
    )
    .inside(Inside::Kms),
    Row::new(INTERNAL_SERVER, Cause::Throttled, Source::Seen, ADVICE_HIDDEN_THROTTLING).inside(Inside::Throttling),
    Row::new(&[Code::Absent], Cause::Throttled, Source::Seen, ADVICE_HIDDEN_THROTTLING)
        .status(Status::ServerFault)
        .inside(Inside::Throttling),
    Row::new(
        &[Code::Absent],
        Cause::Throttled,
        Source::Seen,
        "Throttling, although the caller logged no code: slow the caller down and retry with a base delay of one second.",
    )
    .inside(Inside::Throttling),
    Row::new(INTERNAL_SERVER, Cause::Request, Source::Seen, ADVICE_HIDDEN_INPUT).inside(Inside::InvalidInput),
    Row::new(&[Code::Absent], Cause::Request, Source::Seen, ADVICE_HIDDEN_INPUT)
        .status(Status::ServerFault)
        .inside(Inside::InvalidInput),
    Row::new(
        INTERNAL_SERVER,
        Cause::Service,
        Source::Seen,
        "The service failed: retry with backoff. If only this client fails, every time, check its grant types: \
         the service always answers device_code together with authorization_code with a 500.",
    )
    .on(&[RegisterClient]),
    Row::new(
        INTERNAL_SERVER,
        Cause::Service,
        Source::Api,
        "The service failed: retry with backoff. The failed call may have used up the code or refresh token: \
         if the retry gets InvalidGrant, sign in again.",
    )
    .on(&[CreateToken, CreateTokenWithIam]),
    Row::new(
        INTERNAL_SERVER,
        Cause::Service,
        Source::Api,
        "The service failed: retry with backoff. If it continues, check AWS Health.",
    ),
    Row::new(
        &[Code::Named("InternalFailure"), Code::Exact("InternalError")],
        Cause::Service,
        Source::CommonErrors,
        "The service failed before it processed the request: retry with backoff.",
    ),
    Row::new(
        &[Code::Named("ServiceUnavailable")],
        Cause::Service,
        Source::CommonErrors,
        "The service is overloaded or under maintenance: retry with backoff. If it continues, check AWS Health.",
    ),
    Row::new(
        &[Code::Named("RequestTimeout")],
        Cause::Service,
        Source::CommonErrors,
        "The service timed out while it waited for the request: retry with backoff. If only one caller has this, \
         check its network.",
    ),
    Row::new(
        SLOW_DOWN,
        Cause::Throttled,
        Source::Api,
        "Too many calls: if this client polls for a device, add 5 s to the interval; otherwise slow down. SDKs do not \
         retry SlowDownException. The quota is 80 calls a second for one public client.",
    )
    .on(&[StartDeviceAuthorization, CreateToken]),
    Row::new(
        THROTTLING_CODES,
        Cause::Throttled,
        Source::Api,
        "Too many registrations from one address (quota 20 a second): register once, keep the client for its 90 days, \
         and look for a tool that registers at each sign-in.",
    )
    .on(&[RegisterClient]),
    Row::new(
        THROTTLING_CODES,
        Cause::Throttled,
        Source::Api,
        "Too many token exchanges of one application (quota 80 a second, jwt-bearer 10 for the whole instance): keep \
         tokens for their lifetime and exchange less often.",
    )
    .on(&[CreateTokenWithIam]),
    Row::new(
        THROTTLING_CODES,
        Cause::Throttled,
        Source::SdkRetries,
        "Too many calls (80 a second for one public client, 250 for the instance): retry with a base delay of one \
         second, keep tokens for their lifetime, and look for a tool that loops over accounts.",
    ),
    Row::new(
        &[Code::Exact("HtmlPage")],
        Cause::Unreachable,
        Source::SdkTransport,
        "HTML came instead of the service's JSON: a proxy or gateway between the caller and AWS answered. Read that page; \
         the call most likely did not reach the service.",
    ),
    Row::new(
        NO_ANSWER_CODES,
        Cause::Unreachable,
        Source::SdkTransport,
        "No answer came: check DNS, proxy, TLS and the region's endpoint as seen by this caller, then retry. The call \
         may have been carried out all the same.",
    ),
    Row::new(
        &[Code::Any],
        Cause::Unreachable,
        Source::SdkTransport,
        "No answer came: check DNS, proxy, TLS and the region's endpoint as seen by this caller, then retry. The call \
         may have been carried out all the same.",
    )
    .unanswered(),
    Row::new(
        &[Code::Named("VpceAccessDenied")],
        Cause::Admin,
        Source::CommonErrors,
        "The policy of a VPC endpoint denied the call before it reached the service: allow the action and this caller in \
         the endpoint's policy, or call from elsewhere. The record names the endpoint in vpcEndpointId.",
    ),
    Row::new(
        ACCESS_DENIED,
        Cause::Admin,
        Source::CommonErrors,
        "IAM denied the call: the caller's policy, a service control policy or a VPC endpoint policy does not allow \
         the action.",
    )
    .status(Status::Is(403)),
    Row::new(ACCESS_DENIED, Cause::Request, Source::Seen, ADVICE_ASSIGNMENT)
        .on(&[CreateTokenWithIam])
        .status(Status::Is(400)),
    Row::new(
        ACCESS_DENIED,
        Cause::Request,
        Source::Api,
        "The user or the service refused the authorization: stop polling and start the sign-in again.",
    )
    .status(Status::Is(400)),
    Row::new(ACCESS_DENIED, Cause::Admin, Source::Seen, ADVICE_ASSIGNMENT).on(&[CreateTokenWithIam]),
    Row::new(
        &[Code::Exact("AccessDenied")],
        Cause::Admin,
        Source::CommonErrors,
        "IAM denied the call (its spelling has no \"Exception\"): check the caller's policies.",
    ),
    Row::new(
        ACCESS_DENIED,
        Cause::Request,
        Source::Api,
        "The user or the service refused the authorization: stop polling and start the sign-in again.",
    ),
    Row::new(
        EXPIRED_TOKEN,
        Cause::Admin,
        Source::CommonErrors,
        "The IAM credentials that signed the call have expired: renew the caller's role session and check its clock.",
    )
    .status(Status::Is(403)),
    Row::new(
        EXPIRED_TOKEN,
        Cause::Request,
        Source::Api,
        "The refresh token, or the session it is of, has expired: sign in again (aws sso login).",
    )
    .grant(Grant::RefreshToken),
    Row::new(
        EXPIRED_TOKEN,
        Cause::Request,
        Source::Api,
        "The device code has expired (it lasts 600 s): stop polling and start the device authorization again.",
    )
    .status(Status::Is(400)),
    Row::new(
        EXPIRED_TOKEN,
        Cause::Admin,
        Source::CommonErrors,
        "The IAM credentials that signed the call have most likely expired: renew the caller's role session and check \
         its clock.",
    )
    .on(&[CreateTokenWithIam]),
    Row::new(
        &[Code::Exact("ExpiredToken")],
        Cause::Admin,
        Source::CommonErrors,
        "IAM credentials have expired (its spelling has no \"Exception\"): renew the caller's role session.",
    ),
    Row::new(
        EXPIRED_TOKEN,
        Cause::Request,
        Source::Api,
        "The device code has expired (it lasts 600 s): stop polling and start the device authorization again.",
    ),
    Row::new(
        &[Code::Named("NotAuthorized")],
        Cause::Admin,
        Source::CommonErrors,
        "The caller has no permission for this action: check its policies and the organization's service control \
         policies.",
    ),
    Row::new(
        &[Code::Named("OptInRequired")],
        Cause::Admin,
        Source::CommonErrors,
        "The account is not opted in to the service or the region: enable the region, or call Identity Center in its \
         own region.",
    ),
    Row::new(
        &[
            Code::Named("IncompleteSignature"),
            Code::Named("InvalidSignature"),
            Code::Named("MissingAuthenticationToken"),
        ],
        Cause::Admin,
        Source::CommonErrors,
        "The signature is missing or wrong: check the caller's credentials, its clock, and that nothing between it \
         and AWS rewrites the request.",
    ),
    Row::new(
        &[Code::Named("UnrecognizedClient")],
        Cause::Admin,
        Source::CommonErrors,
        "AWS does not know the access key: it was deleted, or belongs to another partition. Give the caller valid \
         credentials.",
    ),
    Row::new(
        &[Code::Named("InvalidRequestRegion")],
        Cause::Request,
        Source::Api,
        "Wrong region: call the region that the error names in its fields endpoint and region, which is Identity \
         Center's own.",
    ),
    Row::new(
        INVALID_GRANT,
        Cause::Request,
        Source::Seen,
        "The assertion or token was not accepted: it was used before, has expired, has another audience, or comes \
         from an issuer that is not trusted. Exchange a fresh one, in Identity Center's region.",
    )
    .on(&[CreateTokenWithIam]),
    Row::new(
        INVALID_GRANT,
        Cause::Request,
        Source::Seen,
        "The refresh token is no longer valid: the session expired or was ended, or the token is from another region. \
         Sign in again (aws sso login).",
    )
    .grant(Grant::RefreshToken)
    .hint(Hint::ClientRegion),
    Row::new(
        INVALID_GRANT,
        Cause::Request,
        Source::Seen,
        "The code or token is no longer valid: the session expired, the code was used before, or it is from another \
         region. Sign in again (aws sso login).",
    )
    .hint(Hint::ClientRegion),
    Row::new(
        INVALID_CLIENT,
        Cause::Request,
        Source::Seen,
        "The client is not valid: most often its 90-day registration expired, or it was registered in another region. \
         Register again: delete the cached registration (~/.aws/sso/cache) and sign in.",
    )
    .hint(Hint::ClientRegion),
    Row::new(
        &[Code::Named("UnauthorizedClient"), Code::Exact("unauthorized_client")],
        Cause::Request,
        Source::Api,
        "The client may not use this grant type: register it with that grant type in the region it calls.",
    )
    .hint(Hint::ClientRegion),
    Row::new(
        INVALID_REQUEST,
        Cause::Request,
        Source::Api,
        "A parameter is missing or wrong: check the start URL, and that it belongs to Identity Center in this region.",
    )
    .on(&[StartDeviceAuthorization]),
    Row::new(
        INVALID_REQUEST,
        Cause::Request,
        Source::Api,
        "A parameter is missing, wrong or given twice: compare the request with the API reference of the operation. \
         Many callers at once mean a new release of the client or of the service.",
    ),
    Row::new(
        &[Code::Named("InvalidScope"), Code::Exact("invalid_scope")],
        Cause::Request,
        Source::Api,
        "A scope is unknown or was not granted to the client: ask for registered scopes only, such as \
         sso:account:access.",
    ),
    Row::new(
        &[Code::Named("InvalidClientMetadata"), Code::Exact("invalid_client_metadata")],
        Cause::Request,
        Source::Api,
        "The service rejects the registration: the client type must be public, and name and grant types must be valid.",
    ),
    Row::new(
        &[Code::Named("InvalidRedirectUri"), Code::Exact("invalid_redirect_uri")],
        Cause::Request,
        Source::Api,
        "The service rejects the redirect URI: use the loopback form http://127.0.0.1/oauth/callback, the same in each \
         step.",
    ),
    Row::new(
        UNSUPPORTED_GRANT,
        Cause::Request,
        Source::Api,
        "A grant type in the registration is not supported: use authorization_code, refresh_token or the full URN of \
         device_code.",
    )
    .on(&[RegisterClient]),
    Row::new(
        UNSUPPORTED_GRANT,
        Cause::Request,
        Source::Api,
        "This operation does not support the grant type: CreateToken takes authorization_code, refresh_token and \
         device_code; jwt-bearer and token-exchange belong to CreateTokenWithIAM.",
    ),
    Row::new(
        &[
            Code::Named("Validation"),
            Code::Named("ValidationError"),
            Code::Prefix("InvalidParameter"),
            Code::Named("MissingParameter"),
        ],
        Cause::Request,
        Source::CommonErrors,
        "A value breaks its constraint: read the message and correct the request.",
    ),
    Row::new(
        &[Code::Named("MalformedHttpRequest")],
        Cause::Request,
        Source::CommonErrors,
        "The request is not valid HTTP: look for a proxy, or a client of one's own making, that damages the body.",
    ),
    Row::new(
        &[Code::Named("RequestEntityTooLarge")],
        Cause::Request,
        Source::CommonErrors,
        "The request is too large: check the length of assertions, tokens and scopes.",
    ),
    Row::new(
        &[Code::Named("UnknownOperation")],
        Cause::Request,
        Source::CommonErrors,
        "The endpoint does not know this operation: check the path and the endpoint override of the caller.",
    ),
    Row::new(
        &[Code::Any],
        Cause::Throttled,
        Source::StatusAlone,
        "Too many calls (known by the status alone): slow down and retry with a base delay of one second.",
    )
    .status(Status::Is(429)),
    Row::new(
        &[Code::Absent],
        Cause::Service,
        Source::StatusAlone,
        "The request timed out at the service (known by the status alone): retry with backoff.",
    )
    .status(Status::Is(408)),
    Row::new(
        &[Code::Any],
        Cause::Service,
        Source::StatusAlone,
        "The service failed (known by the status alone): retry with backoff. Without an AWS request id, a proxy or load \
         balancer on the way may have answered.",
    )
    .status(Status::ServerFault),
    Row::new(
        &[Code::Absent],
        Cause::Request,
        Source::StatusAlone,
        "The service rejected the request; the status does not say why. Most often the session or code has expired \
         (InvalidGrant): sign in again. While a device polls it is normal (AuthorizationPending). The body's `error` or \
         the header x-amzn-ErrorType names the error.",
    )
    .status(Status::Is(400)),
    Row::new(
        &[Code::Absent],
        Cause::Request,
        Source::StatusAlone,
        "The client is not valid (known by the status alone: InvalidClient is SSO OIDC's only 401). Its 90-day \
         registration expired or is from another region: delete ~/.aws/sso/cache and sign in.",
    )
    .status(Status::Is(401))
    .hint(Hint::ClientRegion),
    Row::new(
        &[Code::Absent],
        Cause::Admin,
        Source::StatusAlone,
        "The call was denied (known by the status alone): by IAM, a service control policy or a VPC endpoint's policy, or \
         by a proxy or firewall. With an AWS request id it was AWS; without one, check the proxy.",
    )
    .status(Status::Is(403)),
    Row::new(
        &[Code::Absent],
        Cause::Request,
        Source::StatusAlone,
        "The path does not exist (known by the status alone): check the region's host, the path and the caller's endpoint \
         override.",
    )
    .status(Status::Is(404)),
    Row::new(
        &[Code::Absent],
        Cause::Request,
        Source::StatusAlone,
        "The request was rejected (known by the status alone): SSO OIDC itself answers with 400 and 401, so look for a \
         proxy that answered instead.",
    )
    .status(Status::ClientFault),
    *LAST,
];
