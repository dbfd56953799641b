//! What proves that the service works.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use triage_decode::decode;
use triage_model::observation::Origin;

use crate::handled::Invocation;
use crate::pipeline::Pipeline;
use crate::settings::Settings;

/// Failed: an outage of six callers through CloudTrail. Pending: what is said to be served, through another source.
fn is_over_after(pending: impl Fn(i64) -> Value) -> bool {
    let settings = Settings::read(|_| None).unwrap();
    let pipeline = Pipeline::of_a_history(settings);
    let begin = 1_795_348_700;
    let time = |second: i64| Timestamp::from_second(begin + second).unwrap();
    let handle = |second: i64, payload: Value| {
        let deadline = Instant::now() + Duration::from_secs(25);
        let invocation =
            Invocation { id: format!("i{second}"), invoked_arn: String::new(), now: time(second), deadline };
        let batch = decode(&payload.to_string(), &pipeline.setting(time(second), ""));
        pipeline.evaluate_at_once(batch, &invocation).answer.notices.iter().map(|n| n.kind.as_str()).collect::<Vec<_>>()
    };
    let mut kinds = Vec::new();
    for caller in 0..12 {
        let record = json!({"eventSource": "sso.amazonaws.com", "eventName": "CreateToken", "awsRegion": "us-east-1",
            "eventTime": time(caller), "eventID": format!("f{caller}"), "errorCode": "InternalServerException",
            "userIdentity": {"onBehalfOf": {"userId": format!("u{caller}")}}});
        kinds.extend(handle(caller, record));
    }
    assert!(kinds.contains(&"opened"), "{kinds:?}");
    for second in (20..900).step_by(4) {
        kinds.extend(handle(second, pending(second)));
        kinds.extend(handle(
            second,
            json!({"detail-type": "Scheduled Event", "source": "aws.events", "time": time(second), "detail": {}}),
        ));
    }
    kinds.contains(&"resolved")
}

#[test]
fn only_what_cloudtrail_recorded_proves_an_end() {
    let time = |second: i64| Timestamp::from_second(1_795_348_700 + second).unwrap();
    let pending = |origin: Origin| {
        move |second: i64| match origin {
            Origin::CloudTrail => json!({"eventSource": "sso.amazonaws.com", "eventName": "CreateToken",
                "awsRegion": "us-east-1", "eventTime": time(second), "eventID": format!("s{second}"),
                "userIdentity": {"onBehalfOf": {"userId": format!("u{}", second % 12)}}}),
            Origin::Call => json!({"operation": "CreateToken", "region": "us-east-1", "occurredAt": time(second),
                "caller": format!("u{}", second % 12),
                "error": {"code": "AuthorizationPendingException", "requestId": format!("s{second}")}}),
            Origin::Logs => json!({"messageType": "DATA_MESSAGE", "logGroup": "/app", "logEvents": [{
                "id": format!("{second}"), "timestamp": time(second).as_millisecond(),
                "message": format!("user=u{} An error occurred (AuthorizationPendingException) when calling the CreateToken operation: ", second % 12)}]}),
        }
    };
    assert!(is_over_after(pending(Origin::CloudTrail)));
    assert!(!is_over_after(pending(Origin::Call)));
    assert!(!is_over_after(pending(Origin::Logs)));
}
