//! Payloads, in the forms that reach the decoder.

use std::io::Write;
use std::sync::LazyLock;

use base64::Engine;
use serde::de::IgnoredAny;
use triage_decode::batch::Setting;
use triage_decode::trust::{TrailLogGroup, Trust};
use triage_decode::{Batch, InputKind};
use triage_model::region::KnownRegions;

use crate::bounds::hold;

/// One input in this many is decoded twice.
const TWICE: usize = 16;

static SETTING: LazyLock<Setting> = LazyLock::new(|| {
    let regions = KnownRegions::default();
    Setting {
        now: "2026-11-22T12:00:00Z".parse().expect("a time"),
        horizon: "2026-11-22T11:00:00Z".parse().expect("a time"),
        default_region: regions.find("eu-central-1").expect("a region"),
        regions,
        own_log_groups: vec!["/aws/lambda/oidc-triage".into(), "/aws/lambda/oidc-triage-watcher".into()],
        own_client_ids: vec!["our-own-client-id".into()],
        own_request_ids: vec!["our-own-request-id".into()],
        trust: Trust {
            trail_log_groups: vec![TrailLogGroup::parse("aws/cloudtrail").expect("a log group")],
            ..Trust::default()
        },
    }
});

/// A whole payload, as from Lambda. Invalid UTF-8 is replaced, as in the shell.
pub fn payload(data: &[u8]) {
    decode(&String::from_utf8_lossy(data));
}

/// One log line of an application, in a log document that was unpacked before.
pub fn line(data: &[u8]) {
    let message = serde_json::to_string(&String::from_utf8_lossy(data)).expect("a string");
    decode(&format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"/app/portal","logStream":"s","subscriptionFilters":["f"],"logEvents":[{{"id":"1","timestamp":1795348680000,"message":{message}}}]}}"#
    ));
}

/// A `call`, handed over directly and on the event bus.
pub fn call(data: &[u8]) {
    let call = String::from_utf8_lossy(data);
    decode(&call);
    if serde_json::from_str::<serde_json::Value>(&call).is_ok_and(|call| call.is_object()) {
        decode(&format!(
            r#"{{"version":"0","id":"1","detail-type":"SSO OIDC Call Failed","source":"com.example.ci","account":"111122223333","time":"2026-11-22T12:00:00Z","region":"eu-central-1","detail":{call}}}"#
        ));
    }
}

/// A log document, packed as by CloudWatch Logs. It reads the same packed and unpacked, as long as it is undamaged
/// JSON: packed, the members around the log events need not be perfect JSON.
pub fn logs(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let packed = decode(&subscription(text.as_bytes()));
    if packed.kind == InputKind::Logs && packed.problems.is_empty() && serde_json::from_str::<IgnoredAny>(&text).is_ok()
    {
        let unpacked = decode(&text);
        assert_eq!(packed.observations, unpacked.observations, "packed and unpacked differ");
    }
}

/// The bytes of a subscription's data, which may not be gzip.
pub fn packed(data: &[u8]) {
    decode(&around(data));
}

fn subscription(document: &[u8]) -> String {
    around(&packed_bytes(document))
}

/// In gzip.
pub fn packed_bytes(document: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(document).expect("memory takes it");
    gzip.finish().expect("memory takes it")
}

fn around(gzip: &[u8]) -> String {
    format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, base64::engine::general_purpose::STANDARD.encode(gzip))
}

pub fn decode(payload: &str) -> Batch {
    let batch = triage_decode::decode(payload, &SETTING);
    hold(&batch, payload);
    if payload.bytes().map(usize::from).sum::<usize>() % TWICE == 0 {
        assert_eq!(batch, triage_decode::decode(payload, &SETTING), "the same payload has two results");
    }
    batch
}
