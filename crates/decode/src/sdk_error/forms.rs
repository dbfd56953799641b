//! The forms in which SDKs print errors, one line of the table for each.
//!
//! In: text. Out: the errors printed in such a form, with their fields. A form's expressions run only if its trigger, a
//! plain substring, occurs in the text, and each runs once: the work is linear.

mod by_field;
mod by_line;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::{Captures, Regex};

use crate::sdk_error::error::{NamedService, SdkError};
use crate::sdk_error::service::{names_other_host, whole_code};
use crate::sdk_error::text::{line_around, plain, regex};

/// One way of printing an error.
struct PrintedForm {
    /// Every text of the form contains one of these.
    triggers: &'static [&'static str],
    read: fn(&str, &mut Vec<SdkError>),
}

const FORMS: &[PrintedForm] = &[
    // botocore, boto3, AWS CLI: `An error occurred (CODE) when calling the OP operation: MESSAGE`
    PrintedForm { triggers: &["rror occurred", "occurred ("], read: by_line::botocore },
    // botocore without an answer: `Could not connect to the endpoint URL: "URL"`
    PrintedForm {
        triggers: &["endpoint URL", "SSL validation failed for", "proxy URL"],
        read: by_line::botocore_no_answer,
    },
    // Go v2: `operation error SSO OIDC: OP, https response error StatusCode: N, RequestID: ID, CODE: MESSAGE`
    PrintedForm { triggers: &["operation error "], read: by_line::go },
    // Go v1: `CODE: MESSAGE\n\tstatus code: N, request id: ID`, and the modelled `CODE: {\n  RespMetadata: {`
    PrintedForm { triggers: &["status code: ", "RespMetadata: {"], read: by_line::go_v1 },
    // Java v1 and v2: `CLASS: MESSAGE (Service: SsoOidc, Status Code: N, Request ID: ID)`
    PrintedForm { triggers: &["(Service: "], read: by_line::java },
    // Swift: `CODE(properties: InternalAWSSSOOIDC.CODE.Properties(error: Optional("..."), ...`
    PrintedForm { triggers: &["AWSSSOOIDC."], read: by_line::swift },
    // Java, Kotlin, .NET, Ruby, Swift: the class of the exception with its package
    PrintedForm {
        triggers: &["services.ssooidc.model.", "SSOOIDC.Model.", "SSOOIDC.Amazon", "SSOOIDC::Errors::", "AWSSSOOIDC."],
        read: by_line::class,
    },
    // IAM, in whatever SDK: `User: ARN is not authorized to perform: sso-oauth:CreateTokenWithIAM ...`
    PrintedForm { triggers: &["is not authorized to perform: sso"], read: by_line::iam },
    // PHP: `Error executing "OP" on "URL"; AWS HTTP error: ... CODE (server): MESSAGE`
    PrintedForm { triggers: &["Error executing "], read: by_line::php },
    // Rust: `service error: CODE: CODE (ServiceError(ServiceError { ... code: Some("CODE") ...`
    PrintedForm {
        triggers: &[
            "service error",
            "ServiceError {",
            "dispatch failure",
            "DispatchFailure",
            "TimeoutError(",
            "ResponseError {",
        ],
        read: by_field::rust,
    },
    // JavaScript v3 and v2: `CODE: UnknownError`, a stack, an inspected object with `$fault` and `$metadata`
    PrintedForm {
        triggers: &[
            "UnknownError",
            "$fault",
            "$metadata",
            "\n    at ",
            "\r    at ",
            "\n\tat ",
            "\nat ",
            "statusCode: ",
        ],
        read: by_field::javascript,
    },
    // boto3's `error.response`, printed as a Python dictionary
    PrintedForm { triggers: &["ResponseMetadata"], read: by_field::python },
    // No answer, as the HTTP client below the SDK prints it
    PrintedForm {
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
        read: by_line::no_answer,
    },
];

/// Whether a form finds an error of another service in a text, and none that may be ours.
pub fn names_another_service(text: &str) -> bool {
    let is_other =
        |error: &SdkError| error.service == NamedService::Other && (error.code.is_some() || error.status.is_some());
    printed(text).iter().any(is_other)
}

/// Every error in a text, in no order. One failure may be found more than once: see [`crate::sdk_error::merge`].
pub fn find(text: &str) -> Vec<SdkError> {
    let text = plain(text);
    let text = without_frame(without_attempts(&text));
    let mut errors = printed(&text);
    let others: Vec<Range<usize>> = errors
        .iter()
        .filter(|error| error.service == NamedService::Other)
        .map(|error| line_around(&text, error.at))
        .collect();
    for error in &mut errors {
        error.code = error.code.take().and_then(whole_code);
    }
    // An error that names another service must not be read again by a form without one.
    errors.retain(|error| match error.service {
        NamedService::SsoOidc => true,
        NamedService::Unnamed => {
            !others.iter().any(|line| line.contains(&error.at))
                && !names_other_host(&text[line_around(&text, error.at)])
        }
        NamedService::Other => false,
    });
    errors
}

/// Everything printed in any of the forms, of any service.
fn printed(text: &str) -> Vec<SdkError> {
    let mut errors = Vec::new();
    triggered(text).for_each(|form| (form.read)(text, &mut errors));
    errors
}

/// The forms whose trigger occurs in the text, in the order of the table.
fn triggered(text: &str) -> impl Iterator<Item = &'static PrintedForm> {
    /// The form of each trigger.
    static OWNERS: LazyLock<Vec<usize>> = LazyLock::new(|| {
        FORMS.iter().enumerate().flat_map(|(index, form)| std::iter::repeat_n(index, form.triggers.len())).collect()
    });
    static TRIGGERS: LazyLock<AhoCorasick> =
        LazyLock::new(|| AhoCorasick::new(FORMS.iter().flat_map(|form| form.triggers)).expect("constant"));
    let mut found = [false; FORMS.len()];
    // One trigger may contain another.
    for trigger in TRIGGERS.find_overlapping_iter(text) {
        found[OWNERS[trigger.pattern().as_usize()]] = true;
    }
    FORMS.iter().zip(found).filter_map(|(form, found)| found.then_some(form))
}

/// Terraform's frame around an error, which breaks it at the width of a terminal: each paragraph becomes one line
/// again. Offsets stay.
fn without_frame(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('│') {
        return text;
    }
    let framed = FRAMED.replace_all(&text, |found: &Captures<'_>| " ".repeat(found[0].len()));
    Cow::Owned(framed.into_owned())
}

static FRAMED: LazyLock<Regex> = LazyLock::new(|| regex(r"\r?\n[ \t]*│[ \t]+(?-u:\b)"));

/// Java's `Suppressed:` lines describe earlier attempts: they are blanked, so that offsets stay.
fn without_attempts(text: &str) -> Cow<'_, str> {
    if !text.contains("Suppressed: ") && !text.contains("Request attempt ") {
        return Cow::Borrowed(text);
    }
    let blanked = ATTEMPT.replace_all(text, |found: &Captures<'_>| " ".repeat(found[0].len()));
    Cow::Owned(blanked.into_owned())
}

static ATTEMPT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m-u:^[ \t]*Suppressed: |Request attempt [0-9]+ failure)[^\r\n]*"));
