//! Objects of one S3 bucket, by [`crate::signed`]: an SDK of S3 would be larger than all the others together.
//!
//! In: a key, and a body to be put there. Out: nothing, or the object's bytes, or why it was refused. A request that names the
//! account which must own the bucket gets nothing of one of that name that belongs to somebody else. Encryption is left to the
//! bucket.

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

/// A large object comes in pieces, at the speed that a small function has.
const GET_ATTEMPT: Duration = Duration::from_secs(10);

/// A connection that was frozen with the function breaks at its first use: so one attempt more. A bucket of another region costs
/// one as well, and once.
const ATTEMPTS: u32 = 3;

/// The header with the account that must own the bucket.
const OWNER: &str = "x-amz-expected-bucket-owner";

/// Answers to what is asked here are far smaller; more is not read.
const ANSWER_MAX: usize = 64 * 1024;

/// A bucket, and where it turned out to be.
#[derive(Debug)]
pub struct Bucket {
    pub name: String,
    /// None: where the function is, as far as is known.
    region: Mutex<Option<String>>,
}

/// Why an object was not written or read.
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

/// What is asked of a bucket.
#[derive(Debug)]
pub struct Wish<'a> {
    pub method: &'static str,
    /// A key and a query, as they stand in a URL.
    pub path: &'a str,
    pub headers: Vec<(&'static str, &'a str)>,
    pub body: &'a [u8],
    /// One attempt lasts no longer.
    pub attempt: Duration,
    /// More is not read of an answer.
    pub answer_max: usize,
}

impl<'a> Wish<'a> {
    /// A question with a small answer.
    pub const fn get(path: &'a str, headers: Vec<(&'static str, &'a str)>) -> Self {
        Self { method: "GET", path, headers, body: &[], attempt: ATTEMPT, answer_max: ANSWER_MAX }
    }
}

/// A key as it stands in the path of a URL.
pub fn escaped(key: &str) -> String {
    let mut url = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url
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
        let Object { key, content_type, cache_control, body } = object;
        let headers = vec![("cache-control", cache_control), ("content-type", content_type), (OWNER, owner)];
        let wish =
            Wish { method: "PUT", path: key, headers, body: body.as_bytes(), attempt: ATTEMPT, answer_max: ANSWER_MAX };
        self.ask(sdk, http, &wish, until).await.map(drop)
    }

    /// The bytes of the object, if the bucket is of the account `owner`. None: they are more than `max`.
    pub async fn get(
        &self,
        sdk: &SdkConfig,
        http: &Http,
        owner: &str,
        key: &str,
        max: usize,
        until: Instant,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let path = escaped(key);
        let wish = Wish { answer_max: max, attempt: GET_ATTEMPT, ..Wish::get(&path, vec![(OWNER, owner)]) };
        self.ask(sdk, http, &wish, until).await.map(|answer| answer.body)
    }

    /// Asks until there is an answer, again where that may help, and until then. The answer is one of success.
    pub async fn ask(&self, sdk: &SdkConfig, http: &Http, wish: &Wish<'_>, until: Instant) -> Result<Answer, Refusal> {
        let mut refusal = Refusal::Silent("no time was left");
        for _ in 0..ATTEMPTS {
            let left = until.saturating_duration_since(Instant::now()).min(wish.attempt);
            if left.is_zero() {
                break;
            }
            let region = self.region(sdk);
            let asked = self.try_ask(sdk, http, wish, &region);
            refusal = match tokio::time::timeout(left, asked).await {
                Err(_) => return Err(Refusal::Silent("it timed out")),
                Ok(Err(why)) => Refusal::Silent(why),
                Ok(Ok(answer)) if answer.is_success() => return Ok(answer),
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

    async fn try_ask(
        &self,
        sdk: &SdkConfig,
        http: &Http,
        wish: &Wish<'_>,
        region: &str,
    ) -> Result<Answer, &'static str> {
        let request = Request {
            service: S3,
            region,
            method: wish.method,
            uri: format!("{}/{}", self.address(endpoint(sdk, S3), region), wish.path),
            headers: wish.headers.clone(),
            body: wish.body,
        };
        send(sdk, http, &request, wish.answer_max).await
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

/// The right that a refusal names where the key is missing, and not the bucket's.
pub const KEY_RIGHT: &str = "kms:Decrypt";

fn refusal_of(answer: &Answer) -> Refusal {
    let status = answer.head.status().as_u16();
    let body = answer.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    let code = code(&body).unwrap_or_else(|| format!("an answer {status} without a code"));
    // The key's refusal has the code of the bucket's, and only its message says so.
    let code = if body.contains(KEY_RIGHT) { format!("{code} ({KEY_RIGHT})") } else { code };
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
    fn a_key_is_escaped_for_its_url() {
        assert_eq!(escaped("a/b-c_d.e~f"), "a/b-c_d.e~f");
        assert_eq!(escaped("a b+c%?#\u{e4}"), "a%20b%2Bc%25%3F%23%C3%A4");
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
