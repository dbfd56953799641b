//! Whether log subscriptions are there, and deliver.

use jiff::Timestamp;

use super::check::{Check, when};
use super::facts::{Facts, LogGroup};

pub fn checks(facts: &Facts, now: Timestamp) -> Vec<Check> {
    facts.log_groups.iter().map(|group| check(group, now)).collect()
}

fn check(group: &LogGroup, now: Timestamp) -> Check {
    let name = format!("logs {}", group.name);
    let subscription = match &group.subscription {
        Ok(Some(subscription)) => subscription,
        Ok(None) => {
            return Check::broken(
                &name,
                "no subscription delivers this log group to the function",
                "Deploy the stack's template again with this group in ApplicationLogGroups.",
            );
        }
        Err(trouble) => return Check::not_found_out(&name, trouble),
    };
    match (&group.last_delivered, &group.failed) {
        (_, Ok(failed @ 1..)) => Check::broken(
            &name,
            &format!("{subscription} could not deliver {failed} times within a day"),
            "Check that the alias events exists, and that its permission lets logs.amazonaws.com invoke it.",
        ),
        (Ok(Some(last)), _) => {
            Check::ok(&name, &format!("{subscription} last delivered in the hour up to {}", when(*last, now)))
        }
        (Ok(None), _) => Check::unknown(
            &name,
            &format!("{subscription} is there, and delivered nothing within 14 days"),
            "That is right if no line matched LogFilterPattern. To be sure, write one: aws logs put-log-events with the \
             words InternalServerException CreateToken.",
        ),
        (Err(trouble), _) => {
            let detail = format!("{subscription} is there; whether it delivers is unknown: {}", trouble.in_words());
            Check::unknown(&name, &detail, &trouble.action())
        }
    }
}
