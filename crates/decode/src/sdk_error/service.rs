//! What names the service: its marks, its hosts, its operations and its codes.
//!
//! In: text. Out: the [`ServiceSigns`] that tell ours from another service's error of the same name, and the endpoint a text
//! names.

use std::sync::LazyLock;

use regex::Regex;
use triage_model::classify;
use triage_model::observation::Operation;

/// What the text around an error tells of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSigns {
    /// A mark of SSO OIDC.
    pub ours: bool,
    /// A mark of a service that has an operation of the same name.
    pub other: bool,
    /// Another client of AWS left its name in the stack or in a field, and ours did not.
    pub stranger: bool,
    /// The fields `error` and `error_description`, which the exceptions of this service carry.
    pub oauth_fields: bool,
    /// The one operation that is named in AWS's own spelling, or by the path of our host.
    pub operation: Option<Operation>,
    /// As [`Self::operation`], also from the method name of an SDK (`create_token`, `createToken`): good enough where
    /// it is known that the error is ours.
    pub method: Option<Operation>,
    /// The region of the first host of the service.
    pub region: Option<String>,
}

impl ServiceSigns {
    pub fn of(text: &str) -> Self {
        let endpoint = Endpoint::find(text);
        let host = endpoint.is_some();
        let (region, path) = endpoint.map_or((None, None), |found| (Some(found.region), found.operation));
        let operation = only(OPERATION.captures_iter(text).filter_map(|found| Operation::from_name(&found[1])));
        let method = || only(METHOD.captures_iter(text).filter_map(|found| from_method(&found[1])));
        let operation = operation.or(path);
        Self {
            ours: host || MARK.is_match(text),
            other: OTHER_MARK.is_match(text),
            stranger: is_stranger(text),
            oauth_fields: text.contains("error_description") || OAUTH_ERROR.is_match(text),
            operation,
            method: operation.or_else(method),
            region,
        }
    }
}

/// The operation, if all that are named are the same one.
fn only(mut operations: impl Iterator<Item = Operation>) -> Option<Operation> {
    let first = operations.next()?;
    operations.all(|operation| operation == first).then_some(first)
}

fn from_method(name: &str) -> Option<Operation> {
    Operation::from_name(&name.replace('_', ""))
}

/// A host of the service with what its path tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub region: String,
    pub operation: Option<Operation>,
}

impl Endpoint {
    /// The first host of the service in a text.
    pub fn find(text: &str) -> Option<Self> {
        // Most texts with another mark have no host: a substring search is cheaper than the expression.
        if !text.contains("oidc.") && !text.contains("oidc-fips.") {
            return None;
        }
        let found = HOST.captures(text)?;
        let operation = found.get(2).and_then(|path| operation_of_path(path.as_str()));
        Some(Self { region: found[1].to_owned(), operation })
    }
}

/// The operation behind a path such as `/token?aws_iam=t`.
pub fn operation_of_path(path: &str) -> Option<Operation> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match path.trim_end_matches('/') {
        "/token" if query.contains("aws_iam") => Some(Operation::CreateTokenWithIam),
        "/token" => Some(Operation::CreateToken),
        "/client/register" => Some(Operation::RegisterClient),
        "/device_authorization" => Some(Operation::StartDeviceAuthorization),
        _ => None,
    }
}

/// Whether the name an SDK gives a service is ours: `SSO OIDC`, `SsoOidc`, `AWSSSOOIDC`.
pub fn is_service_name(name: &str) -> bool {
    matches!(letters(name).trim_start_matches("amazon").trim_start_matches("aws"), "ssooidc")
}

/// Services and operations that a program which signs in calls as well, as [`letters`] spells them. Names that a
/// program may have for itself (`login`) are not here.
const NEIGHBOURS: &[&str] = &[
    "sso",
    "ssoadmin",
    "sts",
    "iam",
    "kms",
    "identitystore",
    "dynamodb",
    "s3",
    "secretsmanager",
    "ssm",
    "getrolecredentials",
    "listaccounts",
    "listaccountroles",
    "logout",
    "assumerole",
    "assumerolewithsaml",
    "assumerolewithwebidentity",
    "getcalleridentity",
    "getsessiontoken",
    "encrypt",
    "decrypt",
    "generatedatakey",
    "getitem",
    "putitem",
    "getsecretvalue",
    "putsecretvalue",
    "getparameter",
    "putparameter",
];

/// Whether a `service` or `operation` field names another service of AWS or an operation that is not one of the four.
pub fn is_neighbour(name: &str) -> bool {
    let letters = letters(name.rsplit([':', '.', '/']).next().unwrap_or(name));
    let letters = letters.trim_start_matches("amazon").trim_start_matches("aws");
    NEIGHBOURS.contains(&letters.strip_suffix("command").unwrap_or(letters))
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

fn is_stranger(text: &str) -> bool {
    let mut clients = CLIENT.captures_iter(text).filter_map(|found| found.iter().skip(1).flatten().next()).peekable();
    let is_ours = |name: &str| is_service_name(name) || Operation::from_name(name).is_some();
    clients.peek().is_some() && !clients.any(|name| is_ours(name.as_str()))
}

/// `500` and the like: what botocore prints where the answer names no code.
pub fn bare_status(code: &str) -> Option<u16> {
    let status: u16 = code.parse().ok()?;
    (400..600).contains(&status).then_some(status)
}

/// A code of the classification table as an SDK spells it, or a bare status. OAuth's own names (`invalid_grant`) are in
/// the table too, but every OAuth service has those.
pub fn is_known_code(code: &str) -> bool {
    let is_sdk_spelling = code.starts_with(|first: char| first.is_ascii_uppercase());
    is_sdk_spelling && classify::knows(code) || bare_status(code).is_some()
}

pub fn is_modelled_code(code: &str) -> bool {
    code.strip_suffix("Exception").is_some_and(|name| MODELLED.contains(&name))
}

/// A code without namespace and without the `Client.` or `Server.` that some services put before it; None for a text
/// that cannot be a code, and for an SDK's base class, which tells no code.
pub fn plain_code(name: &str) -> Option<&str> {
    let name = name.rsplit(['.', ':', '#', '\\', '/', '$']).next().unwrap_or(name);
    let fits =
        (1..=CODE_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let base = [
        "SSOOIDCServiceException",
        "SsoOidcException",
        "AWSSSOOIDCException",
        "AmazonSSOOIDCException",
        "SSOOIDCException",
        "ServiceError",
    ];
    (fits && !base.contains(&name)).then_some(name)
}

/// Longer than any name of an exception.
const CODE_MAX: usize = 128;

/// The modelled errors, each without `Exception`.
const MODELLED: &[&str] = &[
    "AccessDenied",
    "AuthorizationPending",
    "ExpiredToken",
    "InternalServer",
    "InvalidClient",
    "InvalidClientMetadata",
    "InvalidGrant",
    "InvalidRedirectUri",
    "InvalidRequest",
    "InvalidRequestRegion",
    "InvalidScope",
    "SlowDown",
    "UnauthorizedClient",
    "UnsupportedGrantType",
];

/// `SSO OIDC`, `SsoOidc`, `ssooidc`, `AWSSSOOIDC`, `sso-oidc`, `com.amazonaws.sso.oidc`.
static MARK: LazyLock<Regex> = LazyLock::new(|| Regex::new("(?i-u:sso[ ._-]?oidc)").expect("constant"));

/// Other services that have a CreateToken.
static OTHER_MARK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(?i-u:license[ _-]?manager|amplify)").expect("constant"));

/// The client that an error came through, as a stack or a method names it.
static CLIENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"@aws-sdk/client-([a-z0-9-]+)|nested-clients/[a-z/-]*submodules/([a-z0-9-]+)|(?-u:\b)de_([A-Za-z0-9]+)Command|",
        r"(?:awssdk|amazonaws)\.services\.([a-z0-9]+)\.|",
        // The portal's operations, which follow ours in every sign-in.
        r"(?i-u:\b(get_?role_?credentials|list_?account_?roles|list_?accounts)\b)",
    ))
    .expect("constant")
});

/// The region of a host of the service, real or misspelt, and the path behind it.
static HOST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:^|[^A-Za-z0-9-])oidc(?:-fips)?\.([a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2})\.",
        r#"(?:[a-z0-9-]+\.)*[a-z]+(?::[0-9]{1,5})?(/[A-Za-z0-9_/?=&-]*)?"#,
    ))
    .expect("constant")
});

/// An operation as AWS spells it, also as a class of a JavaScript SDK.
static OPERATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "(?:^|[^A-Za-z0-9])(RegisterClient|StartDeviceAuthorization|CreateTokenWithIAM|CreateToken)(?:Command(?:Error)?)?(?:$|[^A-Za-z0-9])",
    )
    .expect("constant")
});

/// An operation as the method of an SDK.
static METHOD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i-u:\b(?:de_)?(register_?client|start_?device_?authorization|create_?token(?:_?with_?iam)?)",
        r"(?:Command|CommandError|Async|Request|Input)?[ \t]*\()",
    ))
    .expect("constant")
});

/// The `error` field of this service's exceptions, in any quoting.
static OAUTH_ERROR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[ \t\r\n,{])['"]?error['"]?: ?(?:null|None|['"](?:invalid_|unauthorized_|unsupported_|access_denied|expired_token|authorization_pending|slow_down))"#)
        .expect("constant")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_partition_are_marks_with_a_region() {
        for (host, region) in [
            ("https://oidc.us-east-1.amazonaws.com/token", "us-east-1"),
            ("oidc-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("oidc.eu-west-3.api.aws:443", "eu-west-3"),
            ("'oidc.cn-north-1.amazonaws.com.cn'", "cn-north-1"),
            ("https://oidc.eusc-de-east-1.amazonaws.eu/", "eusc-de-east-1"),
        ] {
            assert_eq!(Endpoint::find(host).expect(host).region, region);
        }
        assert_eq!(Endpoint::find("https://oidc.example.com/token"), None);
        assert_eq!(Endpoint::find("https://myoidc.us-east-1.amazonaws.com/token"), None);
    }

    #[test]
    fn a_path_tells_the_operation() {
        let operation = |url: &str| Endpoint::find(url).and_then(|endpoint| endpoint.operation);
        assert_eq!(operation("oidc.us-east-1.amazonaws.com/token"), Some(Operation::CreateToken));
        assert_eq!(operation("oidc.us-east-1.amazonaws.com/token?aws_iam=t"), Some(Operation::CreateTokenWithIam));
        assert_eq!(operation("oidc.us-east-1.amazonaws.com/client/register\""), Some(Operation::RegisterClient));
        assert_eq!(
            operation("oidc.us-east-1.amazonaws.com/device_authorization"),
            Some(Operation::StartDeviceAuthorization)
        );
        assert_eq!(operation("oidc.us-east-1.amazonaws.com"), None);
    }

    #[test]
    fn a_service_has_many_spellings() {
        for name in ["SSO OIDC", "SsoOidc", "AWSSSOOIDC", "sso-oidc", "Amazon SSO OIDC"] {
            assert!(is_service_name(name), "{name}");
        }
        assert!(!is_service_name("SSO"));
        assert!(!is_service_name("LicenseManager"));
    }

    #[test]
    fn every_modelled_code_is_one_of_the_table() {
        assert!(MODELLED.iter().all(|name| is_known_code(&format!("{name}Exception"))));
    }

    #[test]
    fn prefixes_and_namespaces_are_no_part_of_a_code() {
        assert_eq!(plain_code("Client.InvalidGrantException"), Some("InvalidGrantException"));
        assert_eq!(plain_code("com.amazonaws.sso.oidc#SlowDownException"), Some("SlowDownException"));
        assert_eq!(plain_code("SsoOidcException"), None);
        assert_eq!(plain_code("two words"), None);
    }
}
