//! Whether CloudTrail records calls of SSO OIDC, and may hand them to EventBridge.

use jiff::Timestamp;

use super::check::{Check, State, when};
use super::facts::{Facts, Found, Trail};

pub fn checks(facts: &Facts, now: Timestamp) -> Vec<Check> {
    let trail = trail(&facts.trails);
    let trail = match (&facts.source_bus, trail.state) {
        (Some(bus), State::Broken) => Check::unknown(
            "trail",
            &format!("{}; what {} brings needs one in the accounts that forward", trail.detail, bus.name),
            "Check that there is a trail with management events in each account and region that forwards.",
        ),
        (Some(_) | None, _) => trail,
    };
    vec![trail, records(facts, now)]
}

fn trail(trails: &Found<Vec<Trail>>) -> Check {
    const NAME: &str = "trail";
    const CREATE: &str = "Create a trail that records management events in this region: without one EventBridge gets no \
                          CloudTrail events.";
    let trails = match trails {
        Ok(trails) => trails,
        Err(trouble) => return Check::not_found_out(NAME, trouble),
    };
    let good = |trail: &&Trail| trail.is_logging == Ok(true) && trail.has_management_events == Ok(true);
    if let Some(trail) = trails.iter().find(good) {
        return Check::ok(NAME, &format!("{} is logging and records management events", trail.name));
    }
    // One of which not all is known may be the right one.
    let unsure = trails.iter().find_map(|trail| match (&trail.is_logging, &trail.has_management_events) {
        (Ok(false), _) | (_, Ok(false)) => None,
        (Err(trouble), _) | (_, Err(trouble)) => Some((trail, trouble)),
        (Ok(true), Ok(true)) => None,
    });
    if let Some((trail, trouble)) = unsure {
        let detail = format!("of the trail {} not all is known: {}", trail.name, trouble.in_words());
        return Check::unknown(NAME, &detail, &trouble.action());
    }
    match trails.first() {
        None => Check::broken(NAME, "there is no trail in this region", CREATE),
        Some(trail) if trail.is_logging == Ok(false) => {
            let action = format!("Start it: aws cloudtrail start-logging --name {}", trail.name);
            Check::broken(NAME, &format!("the trail {} is stopped", trail.name), &action)
        }
        Some(trail) => Check::broken(NAME, &format!("the trail {} records no management events", trail.name), CREATE),
    }
}

fn records(facts: &Facts, now: Timestamp) -> Check {
    const NAME: &str = "records";
    match facts.records.as_ref().map(|records| records.newest) {
        Err(trouble) => Check::not_found_out(NAME, trouble),
        Ok(Some(at)) => Check::ok(NAME, &format!("CloudTrail's newest call of SSO OIDC is of {}", when(at, now))),
        Ok(None) => Check::new(
            NAME,
            State::Unknown,
            "CloudTrail's event history has no CreateToken of the last 14 days",
            "Run aws sso login, wait ten minutes, and run this again. If it stays so, this is not Identity Center's region \
             or not the account that owns it.",
        ),
    }
}
