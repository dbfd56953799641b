//! Whether each channel would take a notice, and anybody listens.
//!
//! A publish of an empty message, or of an event that is none, shows the way there and the right to go it, and is refused: it
//! reaches nobody. Whether a real one arrives shows a test notice.

use triage_notify::words::counted;

use super::check::{Check, State};
use super::facts::{Facts, Found, Subscriptions, Topic, Trouble};
use crate::publish::Destination;

pub fn checks(facts: &Facts) -> Vec<Check> {
    let topics = facts.topics.iter().map(topic);
    let missing = (!facts.ourselves.has_topic).then(|| {
        Check::broken("topic", "no topic is configured: notices are in the log only", "Set OIDC_TRIAGE_TOPIC_ARN.")
    });
    let bus = facts.bus.as_ref().map(|bus| match publish_trouble("the event bus", "events:PutEvents", bus) {
        Some((state, detail, action)) => Check::new("bus", state, &detail, &action),
        None => Check::ok("bus", "the event bus answers, and the function may put events"),
    });
    topics.chain(missing).chain(bus).collect()
}

fn topic(topic: &Topic) -> Check {
    let name = topic.destination.as_str();
    if let Some((state, detail, action)) = publish_trouble(&topic.name, "sns:Publish", &topic.publish) {
        return Check::new(name, state, &detail, &action);
    }
    let Subscriptions { confirmed, pending } = match &topic.subscriptions {
        Ok(subscriptions) => *subscriptions,
        Err(trouble) => {
            let detail = format!("{} takes notices; who subscribes is unknown: {}", topic.name, trouble.in_words());
            return Check::unknown(name, &detail, &trouble.action());
        }
    };
    let waiting = match pending {
        0 => String::new(),
        _ => format!(", {pending} not confirmed yet"),
    };
    if confirmed == 0 {
        let action = match topic.destination {
            Destination::Pager => "Subscribe your paging service to the pager's topic (docs/subscribe.md).",
            Destination::Topic | Destination::Fallback | Destination::Bus => {
                "Have each subscriber confirm the mail of SNS, or subscribe one: aws sns subscribe (docs/subscribe.md)."
            }
        };
        return Check::broken(name, &format!("{} has no confirmed subscription{waiting}", topic.name), action);
    }
    let confirmed = counted(usize::try_from(confirmed).unwrap_or(usize::MAX), "confirmed subscription");
    let detail = format!("{} takes notices, {confirmed}{waiting}", topic.name);
    let action = if pending > 0 { "Have the others confirm the mail of SNS." } else { "" };
    Check::new(name, State::Ok, &detail, action)
}

/// A right that the function needs to notify: without it the link is broken, and not only unknown.
fn publish_trouble(whom: &str, right: &str, publish: &Found<()>) -> Option<(State, String, String)> {
    let trouble = publish.as_ref().err()?;
    Some(match trouble {
        Trouble::Denied(_) => (
            State::Broken,
            format!("the function may not publish to {whom}"),
            format!("Allow {right} to TriageRole and WatcherRole, and check the policy of the receiving side."),
        ),
        Trouble::Refused(_, code) => (
            State::Broken,
            format!("{whom} refuses a notice: {code}"),
            "Check that it exists, and its KMS key (KeyArn, FallbackKeyArn).".to_owned(),
        ),
        Trouble::Silent(..) => (State::Broken, format!("{whom}: {}", trouble.in_words()), trouble.action()),
    })
}
