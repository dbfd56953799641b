//! What a person pasted: a sentence of an SDK, a stack trace, a line of a log.
//!
//! In: the text. Out: what is asked with it ([`Asked`]). The reader of log lines is asked first, as if it were one; what it
//! leaves alone is looked through for an error of another service, a code that the table knows, or a bare HTTP status. Of the
//! text nothing but codes and names is ever shown.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use triage_decode::batch::Setting;
use triage_decode::trust::Trust;
use triage_decode::values;
use triage_model::classify::{bare_status, knows, means_no_answer};
use triage_model::observation::{Failure, Observation, Operation};
use triage_model::region::KnownRegions;

use crate::explain::code::Question;
use crate::explain::look_alike::{self, LookAlike};

/// Errors of one text that are explained. A trace has one, a log many of the same kind.
const ASKED_MAX: usize = 5;

/// The longest text that is looked at: a log line's bound.
pub const PASTE_MAX: usize = 256 * 1024;

/// What a text asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Errors of ours, as far as they differ.
    Codes(Vec<Question>),
    /// An error of another service, with its code if it has one.
    NotOurs(Option<String>, &'static LookAlike),
    /// An operation of another service that this program knows nothing of.
    Foreign { code: Option<String>, operation: String },
    /// There is no error in it.
    Nothing,
}

/// Reads a text. `now` is of no weight; a log line has a time.
pub fn read(text: &str, now: Timestamp) -> Asked {
    let text = values::bounded(text, PASTE_MAX);
    let mut questions: Vec<Question> = Vec::new();
    for failure in failures(text, now) {
        let question = Question::of(&failure);
        if !questions.contains(&question) && questions.len() < ASKED_MAX {
            questions.push(question);
        }
    }
    let code = code_in(text);
    // Where the reader of logs has no more than the status, the code may stand there in words that are no SDK's.
    if let ([only], Some(code)) = (questions.as_mut_slice(), code.filter(|code| is_table_code(code)))
        && bare_status(&only.code).is_some()
    {
        only.code = code.to_owned();
    }
    if !questions.is_empty() {
        return Asked::Codes(questions);
    }
    let called = called_in(text);
    let operation = called.and_then(Operation::from_name);
    if operation.is_none() {
        if let Some(found) = look_alike::of_text(text, code) {
            return Asked::NotOurs(code.map(str::to_owned), found);
        }
        if let Some(called) = called {
            return Asked::Foreign { code: code.map(str::to_owned), operation: called.to_owned() };
        }
    }
    let status = status_in(text);
    let operation = operation.or_else(|| Operation::ALL.into_iter().find(|known| text.contains(&format!("{known} "))));
    let message = Some(values::bounded(text, values::MESSAGE_MAX).to_owned());
    let question = Question { operation, status, message, ..Question::default() };
    match (code, status) {
        (Some(code), _) if !is_table_code(code) && look_alike::of_code(code).is_some() => {
            look_alike::of_code(code).map_or(Asked::Nothing, |found| Asked::NotOurs(Some(code.to_owned()), found))
        }
        (Some(code), _) => Asked::Codes(vec![Question { code: code.to_owned(), ..question }]),
        (None, Some(status)) => Asked::Codes(vec![Question { code: status.to_string(), ..question }]),
        (None, None) => Asked::Nothing,
    }
}

/// The failures that the reader of logs finds: in the text as one log event, else in each line of it.
fn failures(text: &str, now: Timestamp) -> Vec<Failure> {
    let whole = failures_of(&[text], now);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if whole.is_empty() && lines.len() > 1 { failures_of(&lines, now) } else { whole }
}

fn failures_of(lines: &[&str], now: Timestamp) -> Vec<Failure> {
    let regions = KnownRegions::default();
    let Some(default_region) = regions.find("us-east-1") else { return Vec::new() };
    let setting = Setting {
        now,
        horizon: Timestamp::MIN,
        regions,
        default_region,
        own_log_groups: Vec::new(),
        trust: Trust::default(),
        own_request_ids: Vec::new(),
        own_client_ids: Vec::new(),
    };
    let event = |(number, line): (usize, &&str)| serde_json::json!({"id": number.to_string(), "timestamp": now.as_millisecond(), "message": line});
    let events: Vec<_> = lines.iter().enumerate().map(event).collect();
    let document = serde_json::json!({"messageType": "DATA_MESSAGE", "logGroup": "pasted", "logEvents": events});
    let batch = triage_decode::decode(&document.to_string(), &setting);
    let failure = |observation| match observation {
        Observation::Failure(failure) => Some(*failure),
        Observation::Success(_) | Observation::HealthIssue(_) | Observation::Tick(_) => None,
    };
    batch.observations.into_iter().filter_map(failure).collect()
}

impl Question {
    fn of(failure: &Failure) -> Self {
        let Failure { operation, code, inner_code, status, grant_type, message, reason, no_answer, .. } =
            failure.clone();
        let status_alone = status.map(|status| status.to_string());
        Self {
            code: code.or(status_alone).unwrap_or_default(),
            inner_code,
            operation,
            status,
            grant_type,
            message,
            reason,
            no_answer,
        }
    }
}

/// Whether the table says anything of a code.
fn is_table_code(code: &str) -> bool {
    knows(code) || means_no_answer(code)
}

/// The first name of an error in a text: one that the table knows or one that ends like an exception.
fn code_in(text: &str) -> Option<&str> {
    let words = || {
        let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '#');
        text.split(move |c| !in_word(c)).filter_map(values::code)
    };
    // A plain word may be a code: `Throttling`, `Validation`.
    let is_name = |word: &&str| word.contains('_') || word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    let is_known = |word: &&str| is_table_code(word) || look_alike::of_code(word).is_some();
    let is_exception = |word: &&str| word.len() > "Exception".len() && word.ends_with("Exception");
    let named = words().filter(is_name).find(is_known);
    named.or_else(|| words().find(is_exception))
}

/// The operation that a text says was called, ours or not.
fn called_in(text: &str) -> Option<&str> {
    static CALLED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            "when calling the ([A-Za-z0-9]{1,64}) operation",
            "|operation error [^:,\n]{1,64}: ([A-Za-z0-9]{1,64})",
            r#"|Error executing "([A-Za-z0-9]{1,64})""#
        ))
        .expect("a pattern of ours")
    });
    let found = CALLED.captures(text)?;
    (1..=3).find_map(|group| found.get(group)).map(|name| name.as_str())
}

/// An HTTP status of a failure, where a text says that it is one.
fn status_in(text: &str) -> Option<u16> {
    static STATUS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            "(?i-u:status(?:[ _-]?code)?)[^A-Za-z0-9]{1,4}([45][0-9][0-9])(?:[^0-9]|$)",
            "|HTTP/[0-9.]{1,3}\"? ([45][0-9][0-9])(?:[^0-9]|$)",
            "|(?:^|[^0-9.])([45][0-9][0-9]) (?:Bad Request|Unauthorized|Forbidden|Not Found|Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time)"
        ))
        .expect("a pattern of ours")
    });
    let found = STATUS.captures(text)?;
    (1..=3).find_map(|group| found.get(group)).and_then(|status| bare_status(status.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Asked {
        read(text, Timestamp::from_second(1_800_000_000).unwrap())
    }

    fn only(text: &str) -> Question {
        match asked(text) {
            Asked::Codes(questions) if questions.len() == 1 => questions[0].clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_sdk_s_words_are_read_with_all_that_they_say() {
        use Operation::{CreateToken, StartDeviceAuthorization};
        for (text, code, operation, status) in [
            (
                "An error occurred (InternalServerException) when calling the CreateToken operation (reached max retries: 4): \
                 Internal server error",
                "InternalServerException",
                Some(CreateToken),
                None,
            ),
            (
                "operation error SSO OIDC: StartDeviceAuthorization, https response error StatusCode: 400, RequestID: \
                 0a000000-0000-4000-8000-000000000001, InvalidRequestException: ",
                "InvalidRequestException",
                Some(StartDeviceAuthorization),
                Some(400),
            ),
            (
                "software.amazon.awssdk.services.ssooidc.model.InvalidGrantException: null (Service: SsoOidc, Status Code: 400, \
                 Request ID: 0a000000-0000-4000-8000-000000000001)",
                "InvalidGrantException",
                None,
                Some(400),
            ),
            ("An error occurred (403) when calling the CreateToken operation: ", "403", Some(CreateToken), Some(403)),
            (
                "Service returned error code InvalidGrantException (Service: SsoOidc, Status Code: 400, Request ID: \
                 0a000000-0000-4000-8000-000000000001)",
                "InvalidGrantException",
                None,
                Some(400),
            ),
            // One line of JavaScript or Rust has no mark of the service.
            ("InvalidGrantException: UnknownError", "InvalidGrantException", None, None),
            ("Uncaught (in promise) invalid_grant: bad token", "invalid_grant", None, None),
            ("connect ECONNREFUSED 10.0.0.1:443", "ECONNREFUSED", None, None),
            ("POST /token HTTP/1.1\" 503 -", "503", None, Some(503)),
            ("the request ended in status code: 401", "401", None, Some(401)),
            ("we got a 502 Bad Gateway from the proxy", "502", None, Some(502)),
        ] {
            let question = only(text);
            assert_eq!(
                (question.code.as_str(), question.operation, question.status),
                (code, operation, status),
                "{text}"
            );
        }
    }

    #[test]
    fn an_error_over_many_lines_is_one() {
        let object = "InternalServerException: UnknownError\n    at throwDefaultError (/app/node_modules/@smithy/smithy-client/dist-cjs/index.js:388:20)\n\
             {\n  '$fault': 'server',\n  '$metadata': {\n    httpStatusCode: 500,\n    requestId: '0a000000-0000-4000-8000-000000000001'\n  },\n  \
             error: null,\n  error_description: null\n}";
        let question = only(object);
        assert_eq!((question.code.as_str(), question.status), ("InternalServerException", Some(500)));
        let trace = "Traceback (most recent call last):\n  File \"/app/a.py\", line 3, in <module>\n    client.create_token()\n\
             botocore.errorfactory.InvalidGrantException: An error occurred (InvalidGrantException) when calling the CreateToken operation: ";
        assert_eq!(only(trace).code, "InvalidGrantException");
        let log = "2026-11-03 start\nAn error occurred (SlowDownException) when calling the CreateToken operation: x\n\
             2026-11-03 An error occurred (InvalidClientException) when calling the CreateToken operation: x";
        let Asked::Codes(questions) = asked(log) else { panic!() };
        assert_eq!(questions.len(), 2, "{questions:?}");
    }

    #[test]
    fn what_is_not_ours_is_told_as_such() {
        for (text, code) in [
            (
                "An error occurred (UnauthorizedException) when calling the GetRoleCredentials operation: Session token not found or invalid",
                Some("UnauthorizedException"),
            ),
            ("UnauthorizedException: Session token not found or invalid", Some("UnauthorizedException")),
            (
                "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: x",
                Some("InvalidIdentityToken"),
            ),
            (
                "An error occurred (InternalServerException) when calling the CreateOAuth2Token operation: x",
                Some("InternalServerException"),
            ),
            ("Error loading SSO Token: Token for my-sso does not exist", None),
        ] {
            let Asked::NotOurs(found, _) = asked(text) else { panic!("{text}: {:?}", asked(text)) };
            assert_eq!(found.as_deref(), code, "{text}");
        }
        let text = "An error occurred (AccessDeniedException) when calling the DescribeTable operation: x";
        let foreign = Asked::Foreign { code: Some("AccessDeniedException".into()), operation: "DescribeTable".into() };
        assert_eq!(asked(text), foreign);
        for text in ["", "all is well", "we served 500 users", "Exception", "{\"a\":1}"] {
            assert_eq!(asked(text), Asked::Nothing, "{text}");
        }
    }
}
