//! What a row of the table asks of a failure.
//!
//! Each condition is data that can be tried on [`Symptoms`] and printed on the documentation page. Codes and texts
//! compare without letter case. Nothing is allocated.

use super::symptoms::Symptoms;
use crate::grant;

/// A code, as a row names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// With and without the suffix `Exception`.
    Named(&'static str),
    /// Exactly that.
    Exact(&'static str),
    /// Everything that begins with it.
    Prefix(&'static str),
    /// None at all, or only a bare status.
    Absent,
    /// Every code, and none.
    Any,
}

const SUFFIX: &str = "Exception";

impl Code {
    /// Whether the row means this very code. `Any` and `Absent` name none.
    pub(super) fn names(self, code: &str) -> bool {
        match self {
            Self::Named(stem) => code.eq_ignore_ascii_case(stem) || without_suffix(code).eq_ignore_ascii_case(stem),
            Self::Exact(name) => code.eq_ignore_ascii_case(name),
            Self::Prefix(prefix) => {
                code.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
            }
            Self::Absent | Self::Any => false,
        }
    }

    pub(super) fn fits(self, code: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => code.is_none(),
            Self::Named(_) | Self::Exact(_) | Self::Prefix(_) => code.is_some_and(|code| self.names(code)),
        }
    }
}

fn without_suffix(code: &str) -> &str {
    let Some(at) = code.len().checked_sub(SUFFIX.len()) else { return code };
    match (code.get(..at), code.get(at..)) {
        (Some(stem), Some(suffix)) if suffix.eq_ignore_ascii_case(SUFFIX) => stem,
        _ => code,
    }
}

/// The code without the decoration of transports: `Client.`/`Server.`, a namespace before `#`, an address after `:`.
pub(super) fn bare_code(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    let code = code.rsplit('#').next().unwrap_or(code).trim();
    ["Client.", "Server."]
        .into_iter()
        .find_map(|prefix| Code::Prefix(prefix).names(code).then(|| &code[prefix.len()..]))
        .unwrap_or(code)
}

/// The status, where that is all a code says (botocore prints `An error occurred (500)`).
pub fn bare_status(code: &str) -> Option<u16> {
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    code.parse().ok().filter(|status| (100..600).contains(status))
}

/// The grant type a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Any, also an unknown one.
    Any,
    DeviceCode,
    RefreshToken,
}

impl Grant {
    pub(super) fn fits(self, grant_type: Option<&str>) -> bool {
        let is = |wanted| grant_type.and_then(grant::Grant::of) == Some(wanted);
        match self {
            Self::Any => true,
            Self::DeviceCode => is(grant::Grant::DeviceCode),
            Self::RefreshToken => is(grant::Grant::RefreshToken),
        }
    }
}

/// The HTTP status a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Any, also none.
    Any,
    Is(u16),
    /// 400 to 499.
    ClientFault,
    /// 500 to 599.
    ServerFault,
}

impl Status {
    pub(super) fn fits(self, status: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Is(wanted) => status == Some(wanted),
            Self::ClientFault => status.is_some_and(|status| (400..500).contains(&status)),
            Self::ServerFault => status.is_some_and(|status| (500..600).contains(&status)),
        }
    }
}

/// Whether there was an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    Either,
    No,
}

impl Answered {
    pub(super) fn fits(self, no_answer: bool) -> bool {
        match self {
            Self::Either => true,
            Self::No => no_answer,
        }
    }
}

/// A name that must occur inside the failure: in its inner code, its message or its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    Anything,
    /// A refusal by the customer's own KMS key.
    Kms,
    /// Throttling, which the outer code hides.
    Throttling,
    /// Invalid input, which the outer code hides.
    InvalidInput,
}

impl Inside {
    pub(super) fn fits(self, symptoms: &Symptoms<'_>) -> bool {
        self == Self::Anything || self.found(symptoms).is_some()
    }

    /// The name that was found, to be shown.
    pub(super) fn found<'a>(self, symptoms: &Symptoms<'a>) -> Option<&'a str> {
        match self {
            Self::Anything => None,
            Self::Kms => {
                let texts = [symptoms.reason, symptoms.inner_code, symptoms.message];
                texts.into_iter().flatten().find_map(|text| kms_reason(text).or_else(|| first_of(KMS_NAMES, text)))
            }
            Self::Throttling => {
                let coded = symptoms.inner_code.filter(|code| THROTTLING_CODES.iter().any(|known| known.names(code)));
                coded.or_else(|| first_in_either(THROTTLING_NAMES, symptoms))
            }
            Self::InvalidInput => {
                let coded =
                    symptoms.inner_code.filter(|code| INVALID_INPUT_CODES.iter().any(|known| known.names(code)));
                coded.or_else(|| first_in_either(INVALID_INPUT_NAMES, symptoms))
            }
        }
    }
}

fn first_in_either<'a>(names: &[&str], symptoms: &Symptoms<'a>) -> Option<&'a str> {
    [symptoms.inner_code, symptoms.message].into_iter().flatten().find_map(|text| first_of(names, text))
}

/// A reason as SSO OIDC spells it: `KMS_...Exception`.
fn kms_reason(text: &str) -> Option<&str> {
    let words = looked_at(text).split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    words.into_iter().find(|word| Code::Prefix("KMS_").names(word) && without_suffix(word).len() < word.len())
}

/// How much of a text is searched: CloudTrail cuts messages at 1 KB, and a log line may be 256 KiB of something else.
const LOOKED_AT_MAX: usize = 4096;

fn looked_at(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT_MAX)]
}

/// The first of the names that stands in the text, as the text spells it, up to the end of the word.
fn first_of<'a>(names: &[&str], text: &'a str) -> Option<&'a str> {
    let text = looked_at(text);
    names.iter().find_map(|name| {
        let at = text.as_bytes().windows(name.len()).position(|part| part.eq_ignore_ascii_case(name.as_bytes()))?;
        // ASCII was compared, so both ends are on character boundaries.
        let rest = &text[at + name.len()..];
        let word = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        text.get(at..at + name.len() + word)
    })
}

/// The throttling codes of the SDKs' retry rules, and SlowDown, which is in none of their lists.
pub(super) const THROTTLING_CODES: &[Code] = &[
    Code::Named("SlowDown"),
    Code::Exact("slow_down"),
    Code::Named("Throttling"),
    Code::Named("Throttled"),
    Code::Named("RequestThrottled"),
    Code::Named("TooManyRequests"),
    Code::Named("ProvisionedThroughputExceeded"),
    Code::Named("TransactionInProgress"),
    Code::Named("RequestLimitExceeded"),
    Code::Named("BandwidthLimitExceeded"),
    Code::Named("LimitExceeded"),
    Code::Named("PriorRequestNotComplete"),
    Code::Named("EC2Throttled"),
];

/// How texts name throttling. Only phrases with no other meaning: `Throttling` alone has others.
const THROTTLING_NAMES: &[&str] = &[
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "LimitExceededException",
    "Rate exceeded",
    "request limit exceeded",
];

const INVALID_INPUT_CODES: &[Code] = &[
    Code::Prefix("InvalidParameter"),
    Code::Named("MissingParameter"),
    Code::Named("Validation"),
    Code::Exact("ValidationError"),
    Code::Named("InvalidRequest"),
];

const INVALID_INPUT_NAMES: &[&str] =
    &["InvalidParameter", "Invalid parameter value", "MissingParameter", "ValidationException"];

/// A refusal by a key, as the other services spell it, and the actions that a key policy fails to allow. KMS's own
/// faults (`KMSInternalException`, `KMSThrottlingException`) are not the administrator's.
const KMS_NAMES: &[&str] = &[
    "KMSAccessDenied",
    "KMSDisabled",
    "KMSInvalidKeyUsage",
    "KMSInvalidState",
    "KMSNotFound",
    "KMSOptInRequired",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:DescribeKey",
    "kms:CreateGrant",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_with_and_without_its_suffix_in_any_case() {
        let code = Code::Named("InvalidGrant");
        for fitting in ["InvalidGrant", "InvalidGrantException", "invalidgrantEXCEPTION"] {
            assert!(code.names(fitting), "{fitting}");
        }
        for other in ["", "Exception", "InvalidGrantExceptio", "XInvalidGrant", "InvalidGrantExceptionException", "é"]
        {
            assert!(!code.names(other), "{other}");
        }
    }

    #[test]
    fn an_exact_code_has_no_suffix_and_a_prefix_has_any() {
        assert!(!Code::Exact("AccessDenied").names("AccessDeniedException"));
        assert!(Code::Prefix("InvalidParameter").names("invalidparametervalueexception"));
        assert!(!Code::Prefix("InvalidParameter").names("InvalidParam"));
        assert!(!Code::Any.names("Any"));
    }

    #[test]
    fn only_three_digits_are_a_bare_status() {
        assert_eq!(bare_status("500"), Some(500));
        for code in ["", "5", "099", "600", "5000", "50x", "+50", "５００"] {
            assert_eq!(bare_status(code), None, "{code}");
        }
    }

    #[test]
    fn transport_decoration_is_no_part_of_a_code() {
        assert_eq!(bare_code("Client.InvalidGrantException"), "InvalidGrantException");
        assert_eq!(bare_code("server.InternalFailure"), "InternalFailure");
        assert_eq!(bare_code("com.amazonaws.sso.oidc#SlowDownException"), "SlowDownException");
        assert_eq!(bare_code(" InvalidGrantException:http://internal.amazon.com/coral/ "), "InvalidGrantException");
        assert_eq!(bare_code(":#."), "");
    }

    #[test]
    fn a_name_is_found_in_a_text_and_shown_as_it_stands_there() {
        let found = |inside: Inside, message| inside.found(&Symptoms { message: Some(message), ..Default::default() });
        assert_eq!(found(Inside::Throttling, "caused by: RATE EXCEEDED (x)"), Some("RATE EXCEEDED"));
        assert_eq!(
            found(Inside::InvalidInput, "é InvalidParameterValueException: é"),
            Some("InvalidParameterValueException")
        );
        assert_eq!(found(Inside::Kms, "reason=KMS_DisabledException)"), Some("KMS_DisabledException"));
        assert_eq!(found(Inside::Kms, "KMSInvalidStateException"), Some("KMSInvalidStateException"));
        assert_eq!(found(Inside::Kms, "not authorized to perform: kms:Decrypt on"), Some("kms:Decrypt"));
        let far = format!("{}KMS_DisabledException", "é".repeat(LOOKED_AT_MAX));
        for message in
            ["", "é", &far, "KMS_KEY_ID", "KMSInternalException", "the KMS key", "throttling was not the matter"]
        {
            assert_eq!(found(Inside::Kms, message), None, "{message}");
            assert_eq!(found(Inside::Throttling, message), None, "{message}");
        }
    }
}
