//! What brings the records and logs of other accounts: the bus that they send to, and the stream.

use std::time::Duration;

use jiff::Timestamp;
use triage_notify::words::span;

use super::check::{Check, when};
use super::facts::{DELIVERED_AFTER, Facts, SourceBus, Stream, Trouble};

/// Evidence is of an hour: what is read later than this comes too late for half of it.
const BEHIND: Duration = Duration::from_secs(30 * 60);

pub fn checks(facts: &Facts, now: Timestamp) -> Vec<Check> {
    let bus = facts.source_bus.as_ref().map(bus);
    bus.into_iter().chain(facts.streams.iter().map(|found| stream(found, now))).collect()
}

fn bus(bus: &SourceBus) -> Check {
    const NAME: &str = "source bus";
    const DEPLOY: &str = "Deploy the stack's template again with EventBusName and OrganizationId.";
    match &bus.has_policy {
        Ok(true) => Check::ok(NAME, &format!("{} is there, and its policy lets other accounts send", bus.name)),
        Ok(false) => {
            Check::broken(NAME, &format!("{} has no policy: no other account may send to it", bus.name), DEPLOY)
        }
        Err(Trouble::Refused(_, code)) if code == "ResourceNotFoundException" => {
            Check::broken(NAME, &format!("there is no bus {}", bus.name), DEPLOY)
        }
        Err(trouble) => Check::not_found_out(NAME, trouble),
    }
}

fn stream(stream: &Stream, now: Timestamp) -> Check {
    let name = format!("stream {}", stream.name);
    let (written, read, behind) = match (&stream.last_written, &stream.last_read, &stream.behind) {
        (Ok(written), Ok(read), Ok(behind)) => (*written, *read, *behind),
        (Err(trouble), ..) | (_, Err(trouble), _) | (.., Err(trouble)) => return Check::not_found_out(&name, trouble),
    };
    let Some(written) = written else {
        return Check::unknown(
            &name,
            "no record came within 14 days",
            "That is right if no line of any account matched. To be sure, write one in a member account: aws logs \
             put-log-events with the words InternalServerException CreateToken.",
        );
    };
    let is_left = read.is_none_or(|read| written > read + DELIVERED_AFTER);
    match behind {
        _ if is_left => {
            let since = read.map_or("within 14 days".to_owned(), |read| format!("since {}", when(read, now)));
            let detail = format!("records came in the hour up to {}, and none was read {since}", when(written, now));
            Check::broken(
                &name,
                &detail,
                "Look at State and LastProcessingResult of aws lambda list-event-source-mappings, and deploy the stack's \
                 template again with LogStreamArn (and LogStreamKeyArn).",
            )
        }
        Some(behind) if behind > BEHIND => Check::broken(
            &name,
            &format!("records were read {} after they came", span(behind)),
            "Look at the function's errors and duration, and narrow the filter patterns of the subscriptions.",
        ),
        Some(_) | None => Check::ok(
            &name,
            &format!("records were last read in the hour up to {}", when(read.unwrap_or(written), now)),
        ),
    }
}
