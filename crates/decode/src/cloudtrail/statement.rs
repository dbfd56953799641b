//! Failures that a CloudTrail record states outside `errorCode`.
//!
//! In: `serviceEventDetails`, `responseElements` or `additionalEventData`; their shapes differ from service to service.
//! Out: whether they state a failure or a missing success, with the code, message, status and reason if there are any.
//! Only members of the object and of its direct child objects are read; no public record of a failed call shows which
//! exist.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess};

use crate::json::{AnyVisitor, FromAny, Key, Member, Scalar, skip_list};
use crate::values;

/// One part of a record's statement about the call's end.
///
/// A log line whose record can only be a success is counted without parsing, because it lacks the letters of any
/// failure (`logs::signs`). Everything that counts as a failure here, or as no success, must contain one of those.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    pub failed: bool,
    /// The call is stated to be no success. That alone is not a failure: a pending poll is no success either.
    pub unsuccessful: bool,
    code: Option<String>,
    /// A code or message under a neutral name: it counts only once the call is known to have failed.
    weak_code: Option<String>,
    message: Option<String>,
    weak_message: Option<String>,
    pub status: Option<u16>,
    pub reason: Option<String>,
}

impl Statement {
    pub fn code(&self) -> Option<&str> {
        let weak = self.weak_code.as_deref().filter(|_| self.failed);
        self.code.as_deref().or(weak)
    }

    pub fn message(&self) -> Option<&str> {
        let weak = self.weak_message.as_deref().filter(|_| self.failed);
        self.message.as_deref().or(weak)
    }

    pub fn take_member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match map.next_value::<MemberValue<'de>>()? {
            MemberValue::Text(text) => self.take(key, &text),
            MemberValue::Inner(inner) => self.take_inner(key, inner),
            MemberValue::Nothing => {}
        }
        Ok(())
    }

    fn take(&mut self, key: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() || text == triage_model::redact::HIDDEN {
            return;
        }
        let message = || Some(values::bounded(text, values::MESSAGE_MAX).to_owned());
        let code = || values::code(text).map(str::to_owned);
        let key = bare(key);
        let is_message = matches!(key.as_str(), "errormessage" | "errordescription" | "message");
        if is_exception(text) && !is_message {
            // A successful call has no member that is just the name of an exception.
            self.failed = true;
            if text.contains("KMS_") {
                self.reason = Some(text.to_owned());
            } else {
                self.weak_code = code();
            }
        }
        match key.as_str() {
            "errorcode" | "errortype" | "exception" | "exceptionname" => {
                self.failed = true;
                self.code = code();
            }
            "error" => self.take_error(text),
            "code" => self.weak_code = code(),
            "errormessage" | "errordescription" => {
                self.failed = true;
                self.message = message();
            }
            "message" => self.weak_message = message(),
            "reason" | "errorreason" | "failurereason" => {
                self.failed |= key != "reason";
                self.reason = Some(values::bounded(text, values::NAME_MAX).to_owned());
            }
            "status" | "statuscode" | "httpstatus" | "httpstatuscode" => match values::status(text) {
                Some(status) => {
                    self.failed |= status >= 400;
                    self.status = Some(status);
                }
                None => self.failed |= is_failure_word(text),
            },
            "success" | "successful" if is_no(text) => self.unsuccessful = true,
            // `{"CreateToken":"Failure"}`, `{"result":"Failed"}`: the key may be anything.
            _ => self.failed |= is_failure_word(text),
        }
    }

    /// `error` may be an exception, an OAuth error name, a sentence, or just yes or no.
    fn take_error(&mut self, text: &str) {
        if is_no(text) || ["none", "null"].iter().any(|nothing| nothing.eq_ignore_ascii_case(text)) {
            return;
        }
        self.failed = true;
        if text.contains(char::is_whitespace) {
            self.weak_message = Some(values::bounded(text, values::MESSAGE_MAX).to_owned());
        } else if !text.eq_ignore_ascii_case("true") {
            let exception = values::exception_of_oauth_error(text).or_else(|| values::code(text));
            self.weak_code = exception.map(str::to_owned);
        }
    }

    /// Reads a nested object.
    fn take_inner(&mut self, key: &str, inner: Self) {
        self.unsuccessful |= inner.unsuccessful;
        let is_error = bare(key) == "error";
        if !(is_error || inner.failed) {
            return;
        }
        self.failed = true;
        self.code = self.code.take().or(inner.code);
        self.weak_code = self.weak_code.take().or(inner.weak_code);
        self.message = self.message.take().or(inner.message);
        self.weak_message = self.weak_message.take().or(inner.weak_message);
        self.status = self.status.or(inner.status);
        self.reason = self.reason.take().or(inner.reason);
    }
}

/// A key normalised: `errorCode`, `error_code` and `ErrorCode` are the same.
fn bare(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Just the name of an exception, with or without a namespace.
fn is_exception(text: &str) -> bool {
    text.len() <= values::NAME_MAX
        && text.ends_with("Exception")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'#'))
}

fn is_no(text: &str) -> bool {
    ["false", "no", "0"].iter().any(|no| no.eq_ignore_ascii_case(text))
}

fn is_failure_word(text: &str) -> bool {
    ["failure", "failed", "error"].iter().any(|word| word.eq_ignore_ascii_case(text))
}

impl Member for Statement {
    fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// Every shape is accepted.
    fn is_wrong(&self) -> bool {
        false
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

impl<'de> FromAny<'de> for Statement {
    fn null() -> Self {
        Self::default()
    }

    fn text(text: Cow<'de, str>) -> Self {
        let mut statement = Self::default();
        statement.take("", &text);
        statement
    }

    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut statement = Self::default();
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            statement.take_member(&key, &mut map)?;
        }
        Ok(statement)
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        skip_list(list).map(|()| Self::default())
    }
}

enum MemberValue<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Inner(Statement),
}

impl<'de> Deserialize<'de> for MemberValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor::<Self>(PhantomData))
    }
}

impl<'de> FromAny<'de> for MemberValue<'de> {
    fn null() -> Self {
        Self::Nothing
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self::Text(text)
    }

    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut statement = Statement::default();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, Scalar<'de>>()? {
            if let Some(text) = value.text() {
                statement.take(&key, text);
            }
        }
        Ok(Self::Inner(statement))
    }

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        skip_list(list).map(|()| Self::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(json: &str) -> Statement {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_failure_is_found_in_any_of_the_shapes_that_services_use() {
        for json in [
            r#"{"CreateToken":"Failure"}"#,
            r#"{"result":"Failed"}"#,
            r#"{"status":"ERROR"}"#,
            r#"{"statusCode":500}"#,
            r#"{"http_status_code":"503"}"#,
            r#"{"errorCode":"InternalServerException"}"#,
            r#"{"ErrorMessage":"no"}"#,
            r#"{"error":true}"#,
            r#"{"error":{}}"#,
            r#"{"error":"invalid_grant"}"#,
            r#"{"outcome":{"result":"Failure"}}"#,
            r#"{"failureReason":"no grant"}"#,
            r#""Failure""#,
        ] {
            assert!(statement(json).failed, "{json}");
        }
    }

    #[test]
    fn the_bare_name_of_an_exception_is_a_failure_under_any_key() {
        for key in ["code", "exceptionType", "authenticationError", "__type", "failureReason", "result"] {
            let error = statement(&format!(r#"{{"{key}":"com.amazonaws.sso.oidc#InternalServerException"}}"#));
            assert!(error.failed, "{key}");
            assert_eq!(error.code(), Some("InternalServerException"), "{key}");
            let inner = statement(&format!(r#"{{"error":{{"{key}":"InternalServerException"}}}}"#));
            assert_eq!(inner.code(), Some("InternalServerException"), "{key}");
        }
        let error = statement(r#"{"error":"invalid_request","reason":"KMS_DisabledException"}"#);
        assert_eq!(
            (error.code(), error.reason.as_deref()),
            (Some("InvalidRequestException"), Some("KMS_DisabledException"))
        );
        assert!(!statement(r#"{"message":"SlowDownException"}"#).failed);
    }

    #[test]
    fn a_success_is_none() {
        for json in [
            "null",
            "{}",
            "[]",
            "7",
            r#"["Failure"]"#,
            r#"{"CreateToken":"Success"}"#,
            r#"{"error":null,"errorCode":"","errorMessage":null,"statusCode":200}"#,
            r#"{"error":"None"}"#,
            r#"{"error":false}"#,
            r#"{"accessToken":"HIDDEN_DUE_TO_SECURITY_REASONS","tokenType":"Bearer","expiresIn":28800}"#,
            r#"{"code":"abc","message":"hello","reason":"because"}"#,
        ] {
            assert!(!statement(json).failed, "{json}");
        }
    }

    #[test]
    fn no_success_is_distinct_from_a_failure() {
        for json in [
            r#"{"success":"false"}"#,
            r#"{"success":false}"#,
            r#"{"Success":"FALSE"}"#,
            r#"{"successful":"no"}"#,
            r#"{"outcome":{"success":false}}"#,
        ] {
            assert_eq!((statement(json).unsuccessful, statement(json).failed), (true, false), "{json}");
        }
        for json in [r#"{"success":"true"}"#, r#"{"success":true}"#, r#"{"success":null}"#, r#"{"cached":"false"}"#] {
            assert_eq!((statement(json).unsuccessful, statement(json).failed), (false, false), "{json}");
        }
        assert!(statement(r#"{"success":"false","errorCode":"SlowDownException"}"#).failed);
        assert!(statement(r#"{"success":"Failed"}"#).failed);
    }

    #[test]
    fn code_message_status_and_reason_are_pulled_out() {
        let error = statement(
            r#"{"error":{"code":"com.amazonaws.sso.oidc#InvalidRequestException","message":"bad key",
                "reason":"KMS_DisabledException","statusCode":"400"},"other":1}"#,
        );
        assert_eq!(error.code(), Some("InvalidRequestException"));
        assert_eq!(error.message(), Some("bad key"));
        assert_eq!(error.reason.as_deref(), Some("KMS_DisabledException"));
        assert_eq!(error.status, Some(400));
    }

    #[test]
    fn an_oauth_error_name_gives_way_to_a_code_and_else_stands_for_its_exception() {
        assert_eq!(statement(r#"{"error":"slow_down"}"#).code(), Some("SlowDownException"));
        let both = statement(r#"{"error":"server_error","errorCode":"InternalServerException"}"#);
        assert_eq!(both.code(), Some("InternalServerException"));
    }
}
