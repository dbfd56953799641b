//! Objects of one S3 bucket, by [`crate::signed`]: an SDK of S3 would be larger than all the others together.
//!
//! In: a key and a body. Out: nothing, or why it was refused. Every request names the account that must own the bucket, so one of
//! that name that belongs to somebody else gets nothing. Encryption is left to the bucket.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use triage_model::partition::Partition;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::is_well_formed;

use crate::http::Http;
use crate::signed::{Answer, Request, Service, Signing, endpoint, send};

const S3: Service = Service { id: "S3", host: "s3", signing: Signing::OfS3 };

/// An answer takes tens of milliseconds.
const ATTEMPT: Duration = Duration::from_secs(3);

/// A connection that was frozen with the function breaks at its first use: so one attempt more. A bucket of another region costs
/// one as well, and once.
const ATTEMPTS: u32 = 3;

/// Answers to what is asked here are far smaller; more is not read.
const ANSWER_MAX: usize = 64 * 1024;

/// A bucket, and where it turned out to be.
#[derive(Debug)]
pub struct Bucket {
    pub name: String,
    /// None: where the function is, as far as is known.
    region: Mutex<Option<String>>,
}

/// Why an object was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// By its code, or its status where it has none.
    Refused(String),
    /// S3 itself fails, or wants fewer calls.
    Failed(String),
    Silent(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    pub key: &'a str,
    pub content_type: &'a str,
    pub cache_control: &'a str,
    pub body: &'a str,
}

impl Bucket {
    pub const fn new(name: String) -> Self {
        Self { name, region: Mutex::new(None) }
    }

    /// Puts the object there, if the bucket is of the account `owner`. Again where that may help, until then.
    pub async fn put(
        &self,
        sdk: &SdkConfig,
        http: &Http,
        owner: &str,
        object: Object<'_>,
        until: Instant,
    ) -> Result<(), Refusal> {
        let mut refusal = Refusal::Silent("no time was left");
        for _ in 0..ATTEMPTS {
            let left = until.saturating_duration_since(Instant::now()).min(ATTEMPT);
            if left.is_zero() {
                break;
            }
            let region = self.region(sdk);
            let asked = self.try_put(sdk, http, owner, object, &region);
            refusal = match tokio::time::timeout(left, asked).await {
                Err(_) => return Err(Refusal::Silent("it timed out")),
                Ok(Err(why)) => Refusal::Silent(why),
                Ok(Ok(answer)) if answer.is_success() => return Ok(()),
                Ok(Ok(answer)) => {
                    let refusal = refusal_of(&answer);
                    let is_moved = self.learn_region(&answer, &region);
                    if !is_moved && matches!(refusal, Refusal::Refused(_)) {
                        return Err(refusal);
                    }
                    refusal
                }
            };
        }
        Err(refusal)
    }

    async fn try_put(
        &self,
        sdk: &SdkConfig,
        http: &Http,
        owner: &str,
        object: Object<'_>,
        region: &str,
    ) -> Result<Answer, &'static str> {
        let Object { key, content_type, cache_control, body } = object;
        let request = Request {
            service: S3,
            region,
            method: "PUT",
            uri: format!("{}/{key}", self.address(endpoint(sdk, S3), region)),
            headers: vec![
                ("cache-control", cache_control),
                ("content-type", content_type),
                ("x-amz-expected-bucket-owner", owner),
            ],
            body: body.as_bytes(),
        };
        send(sdk, http, &request, ANSWER_MAX).await
    }

    /// By its host name on AWS; by a path at an endpoint of somebody's own, and where a dot in the name would be none of the
    /// certificate's.
    fn address(&self, endpoint: Option<String>, region: &str) -> String {
        let (name, suffix) = (&self.name, Partition::of(region).dns_suffix);
        match endpoint {
            Some(endpoint) => format!("{endpoint}/{name}"),
            None if name.contains('.') => format!("https://s3.{region}.{suffix}/{name}"),
            None => format!("https://{name}.s3.{region}.{suffix}"),
        }
    }

    fn region(&self, sdk: &SdkConfig) -> String {
        let own = || sdk.region().map_or("us-east-1", AsRef::as_ref).to_owned();
        self.region.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(own)
    }

    /// Whether S3 says that the bucket is in another region than was asked.
    fn learn_region(&self, answer: &Answer, asked: &str) -> bool {
        let named = answer.header("x-amz-bucket-region").filter(|named| is_well_formed(named) && *named != asked);
        let named = named.map(str::to_owned);
        let is_moved = named.is_some();
        if is_moved {
            *self.region.lock().unwrap_or_else(PoisonError::into_inner) = named;
        }
        is_moved
    }
}

fn refusal_of(answer: &Answer) -> Refusal {
    let status = answer.head.status().as_u16();
    let body = answer.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let code = code(&body).unwrap_or_else(|| format!("an answer {status} without a code"));
    match status {
        500.. | 429 => Refusal::Failed(code),
        _ => Refusal::Refused(code),
    }
}

/// `<Error><Code>NoSuchBucket</Code>...`
fn code(body: &str) -> Option<String> {
    let code = body.split_once("<Code>")?.1.split_once("</Code>")?.0;
    Some(one_line(code, SHOWN_NAME_MAX)).filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_asked_by_its_host_name_unless_its_certificate_would_not_fit() {
        let address = |name: &str, endpoint: Option<&str>, region| {
            Bucket::new(name.to_owned()).address(endpoint.map(str::to_owned), region)
        };
        assert_eq!(address("made-up", None, "eu-west-1"), "https://made-up.s3.eu-west-1.amazonaws.com");
        assert_eq!(address("made.up", None, "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/made.up");
        assert_eq!(address("made-up", None, "cn-north-1"), "https://made-up.s3.cn-north-1.amazonaws.com.cn");
        assert_eq!(address("made-up", Some("http://127.0.0.1:9"), "eu-west-1"), "http://127.0.0.1:9/made-up");
    }

    #[test]
    fn a_code_is_read_out_of_the_answer_and_is_one_line() {
        assert_eq!(code("<?xml ?><Error><Code>NoSuchBucket</Code><Key/></Error>").as_deref(), Some("NoSuchBucket"));
        assert_eq!(code("<Error><Code>a\nb</Code>").as_deref(), Some("a b"));
        for none in ["", "<Code>", "<Code></Code>", "no XML"] {
            assert_eq!(code(none), None, "{none}");
        }
    }
}
