//! The trail's bucket: its objects, one at a time, out of the account that owns it.
//!
//! In: a key. Out: the object's bytes, or why there are none and what to do about it.

use std::time::Instant;

use aws_config::SdkConfig;
use triage_engine::objects::{ObjectError, Objects};

use crate::config::TrailPlace;
use triage_aws::http::Http;
use triage_aws::s3::{Bucket, KEY_RIGHT, Refusal};

#[derive(Debug)]
pub struct Trail {
    sdk: SdkConfig,
    http: Http,
    bucket: Bucket,
    /// The account that the bucket must be of.
    owner: String,
}

impl Trail {
    pub fn new(place: &TrailPlace, sdk: SdkConfig, http: Http) -> Self {
        Self { sdk, http, bucket: Bucket::new(place.bucket.clone()), owner: place.owner.clone() }
    }
}

impl Objects for Trail {
    async fn object(&self, key: &str, max: usize, until: Instant) -> Result<Vec<u8>, ObjectError> {
        match self.bucket.get(&self.sdk, &self.http, &self.owner, key, max, until).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(ObjectError::TooLarge(max)),
            Err(Refusal::Refused(code)) if code == "NoSuchKey" => Err(ObjectError::Missing),
            Err(Refusal::Refused(code)) => {
                let what = format!("s3:GetObject from {} was refused: {code}", self.bucket.name);
                Err(ObjectError::Refused(what, action(&code)))
            }
            Err(Refusal::Failed(code)) => Err(ObjectError::NotNow(format!("S3 failed: {code}"))),
            Err(Refusal::Silent(why)) => Err(ObjectError::NotNow(format!("S3 had no answer: {why}"))),
        }
    }
}

fn action(code: &str) -> &'static str {
    match code {
        "NoSuchBucket" => "Correct TrailBucket",
        _ if code.contains(KEY_RIGHT) || code.contains("KMS") => {
            "Let TriageRole use the bucket's key: kms:Decrypt in the key's policy, and TrailKeyArn (docs/organization.md)"
        }
        _ if code.contains("AccessDenied") => {
            "Let TriageRole read it: s3:GetObject in the bucket's policy, and TrailBucketAccount (docs/organization.md)"
        }
        _ => "Look the code up among the errors of S3",
    }
}
