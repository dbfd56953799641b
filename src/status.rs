//! Writes the status page: its files, into a bucket of the function's own account.
//!
//! In: the files that are due. Out: nothing, or why they could not be written and what to do. All at once, within a few seconds;
//! what fails is tried again by the next tick.

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use futures_util::future::join_all;
use triage_engine::status_page::WriteTrouble;
use triage_notify::status::files::File;

use crate::config::StatusPlace;
use triage_aws::http::Http;
use triage_aws::s3::{Bucket, Object, Refusal};

/// Longer than S3 ever needs, and far shorter than a tick may take.
const WITHIN: Duration = Duration::from_secs(6);

/// Whatever stands between the bucket and a reader may keep a file for so long: less than the minute after which there is
/// another one.
const CACHE_CONTROL: &str = "max-age=30";

#[derive(Debug)]
pub struct StatusPage {
    bucket: Bucket,
    prefix: String,
}

impl StatusPage {
    pub fn new(place: &StatusPlace) -> Self {
        Self { bucket: Bucket::new(place.bucket.clone()), prefix: place.prefix.clone() }
    }

    /// Where it is, by name.
    pub fn place(&self) -> String {
        format!("{}/{}", self.bucket.name, self.prefix)
    }

    /// `owner`: the account that the bucket must be of.
    pub async fn write(
        &self,
        sdk: &SdkConfig,
        http: &Http,
        files: &[File],
        owner: Option<&str>,
        deadline: Instant,
    ) -> Result<(), WriteTrouble> {
        let Some(owner) = owner else { return Err(no_owner()) };
        let until = deadline.min(Instant::now() + WITHIN);
        let writes = files.iter().map(async |File { name, content_type, body }| {
            let key = format!("{}{name}", self.prefix);
            let object = Object { key: &key, content_type, cache_control: CACHE_CONTROL, body };
            self.bucket.put(sdk, http, owner, object, until).await.map_err(|why| self.trouble(&key, &why))
        });
        join_all(writes).await.into_iter().collect()
    }

    fn trouble(&self, key: &str, refusal: &Refusal) -> WriteTrouble {
        let name = &self.bucket.name;
        let (detail, action) = match refusal {
            Refusal::Refused(code) if code == "NoSuchBucket" => {
                (format!("there is no bucket {name}"), "Create it, or correct StatusBucket.")
            }
            Refusal::Refused(code) if code.contains("AccessDenied") || code.contains("AllAccessDisabled") => (
                format!("s3:PutObject of {key} to the bucket {name} was refused: {code}"),
                "Check that the bucket is of this account, that its policy lets WatcherRole write, and its KMS key if it has \
                 one (docs/status-page.md).",
            ),
            Refusal::Refused(code) => (
                format!("s3:PutObject of {key} to the bucket {name} was refused: {code}"),
                "Look the code up among the errors of S3.",
            ),
            Refusal::Failed(code) => {
                (format!("S3 failed at {key}: {code}"), "Nothing at first: each tick tries it again.")
            }
            Refusal::Silent(why) => (
                format!("S3 had no answer: {why}"),
                "If it stays so, and the function is in a VPC, give it a gateway endpoint of S3.",
            ),
        };
        WriteTrouble { detail, action: action.to_owned() }
    }
}

fn no_owner() -> WriteTrouble {
    WriteTrouble {
        detail: "the function's own account is not known, so nobody can say whose bucket it is".to_owned(),
        action: "Run it on Lambda, which gives the account with each invocation.".to_owned(),
    }
}
