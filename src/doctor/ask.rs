//! A small client of AWS's JSON protocols: the doctor asks five services a question or two each.
//!
//! In: an operation and its input. Out: its output as JSON, or why there is none. It signs like the SDKs, uses their HTTP
//! client, and goes to the endpoints that they would go to. SDKs for these services would add 0.8 MB to what is loaded at each
//! start, for something that runs once after a deployment. One attempt, no retry: the doctor is asked again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use jiff::Timestamp;
use serde_json::Value;
use triage_engine::doctor::facts::{Found, Trouble};
use triage_model::partition::Partition;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use crate::http::Http;

/// A service by its names: of the SDKs' settings, of its host and signature, and of its protocol.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    id: &'static str,
    host: &'static str,
    target: &'static str,
    content_type: &'static str,
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

pub const CLOUDTRAIL: Service = Service {
    id: "CloudTrail",
    host: "cloudtrail",
    target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    content_type: JSON_1_1,
};
pub const LOGS: Service =
    Service { id: "CloudWatch Logs", host: "logs", target: "Logs_20140328", content_type: JSON_1_1 };
pub const METRICS: Service =
    Service { id: "CloudWatch", host: "monitoring", target: "GraniteServiceVersion20100801", content_type: JSON_1_0 };
pub const EVENTS: Service = Service { id: "EventBridge", host: "events", target: "AWSEvents", content_type: JSON_1_1 };
pub const DYNAMODB: Service =
    Service { id: "DynamoDB", host: "dynamodb", target: "DynamoDB_20120810", content_type: JSON_1_0 };

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
    /// How far our clock is ahead, by the latest answer.
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
        let request = self.signed(operation, region, input).await.map_err(silent)?;
        let response = self.http.connector().call(request).await.map_err(|_| silent("no connection"))?;
        let received = Timestamp::now();
        self.note_clock(&response, received);
        let (is_success, named) = (response.status().is_success(), error_header(&response));
        let body = ByteStream::new(response.into_body()).collect().await.map_err(|_| silent("its answer broke off"))?;
        let body = body.into_bytes();
        let answer = (body.len() <= ANSWER_MAX).then(|| serde_json::from_slice::<Value>(&body).ok()).flatten();
        match (is_success, answer) {
            (true, Some(answer)) => Ok(answer),
            // An empty answer has nothing to say.
            (true, None) if body.is_empty() => Ok(Value::Null),
            (true, None) => Err(silent("its answer could not be read")),
            (false, answer) => Err(refusal(operation.right, code(named, answer.as_ref()))),
        }
    }

    async fn signed(
        &self,
        operation: Operation,
        region: Option<&str>,
        input: &Value,
    ) -> Result<HttpRequest, &'static str> {
        const NOT_SIGNED: &str = "it could not be signed";
        let own = self.sdk.region().map_or("us-east-1", AsRef::as_ref);
        let region = region.unwrap_or(own);
        let Operation { service, name, .. } = operation;
        let uri = self.endpoint(service, region);
        let body = input.to_string();
        let target = format!("{}.{name}", service.target);
        let headers = [("content-type", service.content_type), ("x-amz-target", target.as_str())];
        let provider = self.sdk.credentials_provider().ok_or("no credentials to sign with")?;
        let identity = provider.provide_credentials().await.map_err(|_| "no credentials to sign with")?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service.host)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| NOT_SIGNED)?
            .into();
        let signable =
            SignableRequest::new("POST", uri.as_str(), headers.into_iter(), SignableBody::Bytes(body.as_bytes()))
                .map_err(|_| NOT_SIGNED)?;
        let (signature, _) = sign(signable, &params).map_err(|_| NOT_SIGNED)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body.as_str()));
        request.set_method("POST").map_err(|_| NOT_SIGNED)?;
        request.set_uri(uri).map_err(|_| NOT_SIGNED)?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value.to_owned());
        }
        for header in signature.into_parts().0 {
            request.headers_mut().insert(header.name(), header.value().to_owned());
        }
        Ok(request)
    }

    /// As the SDKs look for it: the setting of the service, that of all services, AWS's own host.
    fn endpoint(&self, service: Service, region: &str) -> String {
        let key =
            ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let own = self.sdk.service_config().zip(key.ok()).and_then(|(settings, key)| settings.load_config(key));
        let endpoint = own
            .or_else(|| self.sdk.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| format!("https://{}.{region}.{}", service.host, Partition::of(region).dns_suffix));
        format!("{}/", endpoint.trim_end_matches('/'))
    }

    fn note_clock(&self, response: &HttpResponse, received: Timestamp) {
        let date = response.headers().get("date").and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(date) = date {
            let ahead = received.as_second() - date.timestamp().as_second();
            *self.clock_ahead_s.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
    }
}

fn error_header(response: &HttpResponse) -> Option<String> {
    response.headers().get("x-amzn-errortype").map(str::to_owned)
}

/// `com.amazonaws.x#AccessDeniedException:http://...` is `AccessDeniedException`.
fn code(header: Option<String>, answer: Option<&Value>) -> String {
    let member = |name: &str| answer?.get(name)?.as_str().map(str::to_owned);
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
        let header = |text: &str| Some(text.to_owned());
        assert_eq!(code(header("AccessDeniedException:http://x/"), None), "AccessDeniedException");
        assert_eq!(
            code(None, Some(&json!({"__type": "com.amazonaws.x#ResourceNotFoundException"}))),
            "ResourceNotFoundException"
        );
        assert_eq!(code(None, Some(&json!({"code": "Throttled"}))), "Throttled");
        assert_eq!(code(None, Some(&json!([]))), "an error without a code");
        assert_eq!(code(header("a\nb"), None), "a b");
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
