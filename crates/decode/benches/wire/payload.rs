//! Synthetic CloudWatch Logs payloads for the benches, by kind.
//!
//! Values that differ from line to line in real logs (ids, addresses, times, people) are drawn at random here:
//! repetitive text inflates faster than real text. The draws are the same in each run.

#![allow(dead_code, reason = "two benches share it, and each uses a part")]

use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub const LINES: usize = 10_000;
/// 15 of 100 lines of a trail are failures.
pub const FAILURES_IN_100: usize = 15;
/// 5 of 100 lines of an application report an error of the service.
const ERRORS_IN_100: usize = 5;

/// The document as a subscription delivers it.
pub fn packed(document: &str) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(document.as_bytes()).expect("memory takes it");
    let data = BASE64_STANDARD.encode(gzip.finish().expect("memory takes it"));
    format!(r#"{{"awslogs":{{"data":"{data}"}}}}"#)
}

/// The document that CloudWatch Logs sends. Written by hand: CloudWatch Logs writes the keys in this order, and
/// serde_json's map sorts them.
pub fn document(log_group: &str, lines: impl IntoIterator<Item = (Timestamp, String)>) -> String {
    let mut document = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"{log_group}","logStream":"s","subscriptionFilters":["f"],"logEvents":["#
    );
    let mut draw = Draw(7);
    for (n, (at, line)) in lines.into_iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        let (at, message) = (at.as_millisecond(), Value::from(line));
        // CloudWatch Logs' ids are made of the time and a place in its stores.
        let id = format!("{:023}{:017}{:016}", i128::from(at) * 22_369_621, draw.next() >> 8, n * 16_777_259);
        write!(document, r#"{comma}{{"id":"{id}","timestamp":{at},"message":{message}}}"#).expect("memory takes it");
    }
    document.push_str("]}");
    document
}

/// Lines of a trail: CreateToken records of about 1.5 KB, spread over ten minutes from `at`.
pub fn trail(at: Timestamp) -> String {
    let mut draw = Draw(1);
    let line = move |n: usize| {
        let at = at + SignedDuration::from_millis((n * 60) as i64);
        (at, record(&mut draw, at, n % 100 < FAILURES_IN_100))
    };
    document("cloudtrail", (0..LINES).map(line))
}

/// Lines of an application's log: text, JSON and stack traces, some of which report an error of the service.
pub fn application(at: Timestamp) -> String {
    let mut draw = Draw(2);
    let line = move |n: usize| {
        let at = at + SignedDuration::from_millis((n * 60) as i64);
        let (request, user, took) = (draw.uuid(), draw.next() % 2_000, draw.next() % 900);
        let text = match n % 20 {
            _ if n % 100 < ERRORS_IN_100 => format!(
                "{at} ERROR 7 --- [http-nio-{}] c.e.login.SessionService : botocore.errorfactory.InternalServerException: An error \
                 occurred (InternalServerException) when calling the CreateToken operation (reached max retries: 4): RequestId: {request}",
                n % 64
            ),
            0..6 => json!({
                "level": "INFO", "timestamp": at.to_string(), "logger": "com.example.http.AccessLog", "message": "request served",
                "requestId": request, "path": format!("/api/v1/accounts/{}/sessions", draw.uuid()), "method": "GET",
                "status": 200, "durationMs": took, "user": format!("user-{user}@example.com"), "bytes": draw.next() % 90_000,
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            })
            .to_string(),
            6..8 => {
                let mut text = format!("{at} WARN cache miss for \"{request}\", reloaded in {took} ms\n");
                for _ in 0..12 {
                    writeln!(text, "\tat com.example.cache.Loader.load{}(Loader.java:{})", draw.next() % 40, draw.next() % 900)
                        .expect("memory takes it");
                }
                text
            }
            _ => format!("{at} INFO 7 --- [http-nio-{}] c.e.a.Controller : GET /api/{user}/{request} 200 {took} ms", n % 64),
        };
        (at, text)
    };
    document("/ecs/application", (0..LINES * 3).map(line))
}

/// The same line again and again, up to just under 64 MB of log events.
pub fn worst(at: Timestamp, line: &str) -> String {
    let event = format!(r#"{{"id":"1","timestamp":{},"message":{}}}"#, at.as_millisecond(), Value::from(line));
    let document = document("worst", []);
    let events = vec![event.as_str(); (64_000_000 / (event.len() + 1)).max(1)];
    document.replace("[]}", &format!("[{}]}}", events.join(",")))
}

/// A CreateToken record with realistic values, in CloudTrail's order of keys: serde_json's map sorts them.
pub fn record(draw: &mut Draw, at: Timestamp, is_failure: bool) -> String {
    const AGENTS: [&str; 4] = [
        "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython m/b,E,Z cfg/retry-mode#standard md/installer#exe",
        "aws-cli/2.27.49 md/awscrt#0.26.1 ua/2.1 os/macos#24.5.0 md/arch#arm64 lang/python#3.13.5 md/pyimpl#CPython m/E,Z,b cfg/retry-mode#standard md/installer#exe",
        "aws-sdk-js/3.901.0 ua/2.1 os/darwin#24.6.0 lang/js md/nodejs#22.19.0 api/sso-oidc#3.901.0 m/E,n",
        "aws-sdk-java/2.34.0 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.0 lang/java#21.0.8 md/OpenJDK_64-Bit_Server_VM#21.0.8+9-LTS",
    ];
    const SERVED: &str = r#"{"accessToken":"HIDDEN_DUE_TO_SECURITY_REASONS","tokenType":"Bearer","expiresIn":3600,"refreshToken":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#;
    let person = draw.next() % 2_000;
    let of_person = |salt: u64| Draw(person * 16 + salt).uuid();
    let user = json!({
        "type": "IdentityCenterUser", "accountId": "111122223333",
        "onBehalfOf": {
            "userId": of_person(1), "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1234567890",
        },
        "credentialId": of_person(2),
    });
    let parameters = json!({
        "clientId": of_person(3), "clientSecret": "HIDDEN_DUE_TO_SECURITY_REASONS",
        "grantType": "refresh_token", "refreshToken": "HIDDEN_DUE_TO_SECURITY_REASONS",
    });
    let (error, response) =
        if is_failure { (r#""errorCode":"InternalServerException","#, "null") } else { ("", SERVED) };
    let (agent, sid) = (AGENTS[(person % 4) as usize], &draw.uuid()[24..]);
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{user},"eventTime":"{}","eventSource":"sso.amazonaws.com","eventName":"CreateToken","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.{}","userAgent":"{agent} sid/{sid} md/prompt#off md/command#sso.login",{error}"requestParameters":{parameters},"responseElements":{response},"requestID":"{}","eventID":"{}","readOnly":false,"resources":[{{"accountId":"111122223333","type":"IdentityStoreId","ARN":"d-1234567890"}}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"oidc.us-east-1.amazonaws.com"}}}}"#,
        at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        person % 256,
        draw.uuid(),
        draw.uuid(),
    )
}

/// Random numbers (SplitMix64), the same in each run.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn uuid(&mut self) -> String {
        let hex = format!("{:016x}{:016x}", self.next(), self.next());
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}
