//! The common way to look for failures in a CloudWatch Logs event: `aws_lambda_events` and a `Value` for each line.

use aws_lambda_events::event::cloudwatch_logs::LogsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

const OPERATIONS: [&str; 4] = ["RegisterClient", "StartDeviceAuthorization", "CreateToken", "CreateTokenWithIAM"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(count)).await
}

async fn count(event: LambdaEvent<LogsEvent>) -> Result<Value, Error> {
    let (mut failures, mut successes) = (0, 0);
    for line in &event.payload.aws_logs.data.log_events {
        let Ok(record) = serde_json::from_str::<Value>(&line.message) else { continue };
        if !record["eventName"].as_str().is_some_and(|name| OPERATIONS.contains(&name)) {
            continue;
        }
        match record["errorCode"].as_str() {
            Some(_) => failures += 1,
            None => successes += 1,
        }
    }
    Ok(json!({ "failures": failures, "successes": successes }))
}
