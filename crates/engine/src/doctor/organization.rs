//! What brings the records and logs of other accounts: the bus that they send to, the stream, and
//! the queue of a trail's bucket.

use std::time::Duration;

use jiff::Timestamp;
use triage_notify::words::span;

use super::check::{Check, when};
use super::facts::{DELIVERED_AFTER, Facts, SourceBus, Stream, TrailQueue, Trouble};

/// Evidence is of an hour: what is read later than this comes too late for half of it.
const BEHIND: Duration = Duration::from_secs(30 * 60);

pub fn checks(facts: &Facts, now: Timestamp) -> Vec<Check> {
    let bus = facts.source_bus.as_ref().map(bus);
    let queue = facts.trail_queue.as_ref().map(|found| trail_bucket(found, now));
    bus.into_iter().chain(facts.streams.iter().map(|found| stream(found, now))).chain(queue).collect()
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

fn trail_bucket(queue: &TrailQueue, now: Timestamp) -> Check {
    const NAME: &str = "trail bucket";
    let (sent, done) = match (&queue.last_sent, &queue.last_done) {
        (Ok(sent), Ok(done)) => (*sent, *done),
        (Err(trouble), _) | (_, Err(trouble)) => return Check::not_found_out(NAME, trouble),
    };
    let Some(sent) = sent else {
        return Check::broken(
            NAME,
            &format!("no notification of {} came within 14 days", queue.bucket),
            "Check that the bucket, or its trail, notifies TrailTopicArn, and that the topic's policy lets this account subscribe \
             (docs/organization.md).",
        );
    };
    if done.is_none_or(|done| sent > done + DELIVERED_AFTER) {
        let since = done.map_or("within 14 days".to_owned(), |done| format!("since {}", when(done, now)));
        let detail =
            format!("notifications came in the hour up to {}, and none was done with {since}", when(sent, now));
        return Check::broken(
            NAME,
            &detail,
            "Look for the problem object_not_read in the function's log: it names the right that is missing.",
        );
    }
    let done = when(done.unwrap_or(sent), now);
    Check::ok(NAME, &format!("notifications of {} were last done with in the hour up to {done}", queue.bucket))
}
