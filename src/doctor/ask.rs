//! A small client of AWS's JSON protocols: the doctor asks five services a question or two each.
//!
//! In: an operation and its input. Out: its output as JSON, or why there is none. SDKs for these services would add 0.8 MB to
//! what is loaded at each start, for something that runs once after a deployment. One attempt, no retry: the doctor is asked
//! again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use jiff::Timestamp;
use serde_json::Value;
use triage_engine::doctor::facts::{Found, Trouble};
use triage_model::partition::Partition;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use triage_aws::http::Http;
use triage_aws::signed::{self, Answer, Request, Signing, endpoint, send};

/// A service, and the names of its protocol.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    names: signed::Service,
    target: &'static str,
    content_type: &'static str,
}

const fn names(id: &'static str, host: &'static str) -> signed::Service {
    signed::Service { id, host, signing: Signing::Ordinary }
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

pub const CLOUDTRAIL: Service = Service {
    names: names("CloudTrail", "cloudtrail"),
    target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    content_type: JSON_1_1,
};
pub const LOGS: Service =
    Service { names: names("CloudWatch Logs", "logs"), target: "Logs_20140328", content_type: JSON_1_1 };
pub const METRICS: Service = Service {
    names: names("CloudWatch", "monitoring"),
    target: "GraniteServiceVersion20100801",
    content_type: JSON_1_0,
};
pub const EVENTS: Service =
    Service { names: names("EventBridge", "events"), target: "AWSEvents", content_type: JSON_1_1 };
pub const DYNAMODB: Service =
    Service { names: names("DynamoDB", "dynamodb"), target: "DynamoDB_20120810", content_type: JSON_1_0 };

/// An operation, as code names it and as an IAM policy allows it.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub service: Service,
    pub name: &'static str,
    pub right: &'static str,
}

/// An answer takes tens of milliseconds. What takes longer than this shall not use up the others' time.
pub const ATTEMPT: Duration = Duration::from_secs(5);

/// Answers are far smaller; more is not read.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug)]
pub struct Ask<'a> {
    pub sdk: &'a SdkConfig,
    pub http: &'a Http,
    pub deadline: Instant,
    /// How far our clock is ahead, by the answer that differs the most: which one comes last is chance.
    pub clock_ahead_s: Mutex<Option<i64>>,
}

impl<'a> Ask<'a> {
    pub fn new(sdk: &'a SdkConfig, http: &'a Http, deadline: Instant) -> Self {
        Self { sdk, http, deadline, clock_ahead_s: Mutex::default() }
    }

    /// In the given region, or the function's own.
    pub async fn ask(&self, operation: Operation, region: Option<&str>, input: &Value) -> Found<Value> {
        let left = self.deadline.saturating_duration_since(Instant::now()).min(ATTEMPT);
        let silent = |why| Trouble::Silent(operation.right, why);
        match tokio::time::timeout(left, self.answer(operation, region, input)).await {
            Ok(answer) => answer,
            Err(_) => Err(silent("it timed out")),
        }
    }

    async fn answer(&self, operation: Operation, region: Option<&str>, input: &Value) -> Found<Value> {
        let silent = |why| Trouble::Silent(operation.right, why);
        let own = self.sdk.region().map_or("us-east-1", AsRef::as_ref);
        let region = region.unwrap_or(own);
        let Operation { service, name, .. } = operation;
        let host = format!("https://{}.{region}.{}", service.names.host, Partition::of(region).dns_suffix);
        let (body, target) = (input.to_string(), format!("{}.{name}", service.target));
        let request = Request {
            service: service.names,
            region,
            method: "POST",
            uri: format!("{}/", endpoint(self.sdk, service.names).unwrap_or(host)),
            headers: vec![("content-type", service.content_type), ("x-amz-target", &target)],
            body: body.as_bytes(),
        };
        let answer = send(self.sdk, self.http, &request, ANSWER_MAX).await.map_err(silent)?;
        self.note_clock(&answer, Timestamp::now());
        let body = answer.body.as_deref().unwrap_or_default();
        let read = serde_json::from_slice::<Value>(body).ok();
        match (answer.is_success(), read) {
            (true, Some(read)) => Ok(read),
            // An empty answer has nothing to say.
            (true, None) if answer.body.as_ref().is_some_and(Vec::is_empty) => Ok(Value::Null),
            (true, None) => Err(silent("its answer could not be read")),
            (false, read) => Err(refusal(operation.right, code(answer.header("x-amzn-errortype"), read.as_ref()))),
        }
    }

    fn note_clock(&self, answer: &Answer, received: Timestamp) {
        let date = answer.header("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(date) = date {
            let ahead = received.as_second() - date.timestamp().as_second();
            let mut known = self.clock_ahead_s.lock().unwrap_or_else(PoisonError::into_inner);
            *known = (*known).into_iter().chain([ahead]).max_by_key(|ahead| ahead.unsigned_abs());
        }
    }
}

/// `com.amazonaws.x#AccessDeniedException:http://...` is `AccessDeniedException`.
fn code(header: Option<&str>, answer: Option<&Value>) -> String {
    let member = |name: &str| answer?.get(name)?.as_str();
    let code = header.or_else(|| member("__type")).or_else(|| member("code")).unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    one_line(if code.is_empty() { "an error without a code" } else { code }, SHOWN_NAME_MAX)
}

pub fn refusal(right: &'static str, code: String) -> Trouble {
    const DENIED: [&str; 5] = ["AccessDenied", "AuthorizationError", "NotAuthorized", "Unauthorized", "OptInRequired"];
    if DENIED.iter().any(|denied| code.contains(denied)) {
        Trouble::Denied(right)
    } else {
        Trouble::Refused(right, code)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_code_is_read_from_each_place_in_which_a_service_puts_it() {
        assert_eq!(code(Some("AccessDeniedException:http://x/"), None), "AccessDeniedException");
        assert_eq!(
            code(None, Some(&json!({"__type": "com.amazonaws.x#ResourceNotFoundException"}))),
            "ResourceNotFoundException"
        );
        assert_eq!(code(None, Some(&json!({"code": "Throttled"}))), "Throttled");
        assert_eq!(code(None, Some(&json!([]))), "an error without a code");
        assert_eq!(code(Some("a\nb"), None), "a b");
    }

    #[test]
    fn a_missing_right_is_told_from_any_other_refusal() {
        for denied in ["AccessDeniedException", "AccessDenied", "AuthorizationError", "NotAuthorizedException"] {
            assert_eq!(refusal("x:Y", denied.to_owned()), Trouble::Denied("x:Y"));
        }
        assert_eq!(
            refusal("x:Y", "ThrottlingException".to_owned()),
            Trouble::Refused("x:Y", "ThrottlingException".to_owned())
        );
    }
}
