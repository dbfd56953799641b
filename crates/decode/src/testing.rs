//! Helpers for the decoders' tests.

use std::io::Write;

use base64::Engine;
use triage_model::observation::{Failure, Observation};
use triage_model::region::KnownRegions;

use crate::batch::Setting;
use crate::trust::{TrailLogGroup, Trust};

pub const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:queue";
pub const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:topic";

/// Arrival on 22 November 2026 at noon, an hour's horizon, in eu-central-1.
pub fn setting() -> Setting {
    let regions = KnownRegions::default();
    Setting {
        now: "2026-11-22T12:00:00Z".parse().unwrap(),
        horizon: "2026-11-22T11:00:00Z".parse().unwrap(),
        default_region: regions.find("eu-central-1").unwrap(),
        regions,
        own_log_groups: vec!["/aws/lambda/oidc-triage".into(), "/aws/lambda/oidc-triage-watcher".into()],
        own_request_ids: vec!["our-own-request-id".into()],
        own_client_ids: vec!["our-own-client-id".into()],
        trust: Trust {
            trail_log_groups: ["trail", "g", "aws/cloudtrail"].map(|name| TrailLogGroup::parse(name).unwrap()).into(),
            call_sources: vec!["my.ci".into(), "x".into()],
            trusted: vec![QUEUE.into(), TOPIC.into()],
            ..Trust::default()
        },
    }
}

pub fn failures(observations: &[Observation]) -> Vec<&Failure> {
    observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::Failure(failure) => Some(failure.as_ref()),
            Observation::Success(_) | Observation::HealthIssue(_) | Observation::Tick(_) => None,
        })
        .collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The payload of a CloudWatch Logs subscription around gzip.
pub fn subscription(gzip: &[u8]) -> String {
    format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, base64(gzip))
}

/// A CloudTrail record of ours with these members added or replaced.
pub fn record(more: serde_json::Value) -> serde_json::Value {
    let mut record = serde_json::json!({
        "eventVersion": "1.08",
        "userIdentity": {"type": "IdentityCenterUser", "accountId": "111122223333",
            "onBehalfOf": {"userId": "94d00cd8", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"},
            "credentialId": "cdee2490"},
        "eventTime": "2026-11-22T11:58:00Z",
        "eventSource": "sso.amazonaws.com",
        "eventName": "CreateToken",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": {"clientId": "client-1", "clientSecret": "HIDDEN_DUE_TO_SECURITY_REASONS",
            "grantType": "refresh_token", "deviceCode": "device-code-in-clear"},
        "responseElements": null,
        "requestID": "request-1",
        "eventID": "event-1",
        "readOnly": false,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    });
    for (key, value) in more.as_object().unwrap() {
        record[key] = value.clone();
    }
    record
}

pub fn envelope(detail: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "version": "0", "id": "envelope-1", "detail-type": "AWS API Call via CloudTrail", "source": "aws.sso",
        "account": "111122223333", "time": "2026-11-22T11:58:00Z", "region": "us-east-1", "resources": [],
        "detail": detail,
    })
}
