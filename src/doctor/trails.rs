//! CloudTrail: which trails there are, and the newest record of SSO OIDC in its event history.

use futures_util::future::{join, join_all};
use jiff::Timestamp;
use serde_json::{Value, json};
use triage_engine::doctor::facts::{DELIVERED_AFTER, Found, LOOK_BACK, Records, Trail};
use triage_model::time::before;

use super::ask::{Ask, CLOUDTRAIL, Operation};
use super::metrics::timestamp;

const DESCRIBE_TRAILS: Operation =
    Operation { service: CLOUDTRAIL, name: "DescribeTrails", right: "cloudtrail:DescribeTrails" };
const GET_TRAIL_STATUS: Operation =
    Operation { service: CLOUDTRAIL, name: "GetTrailStatus", right: "cloudtrail:GetTrailStatus" };
const GET_EVENT_SELECTORS: Operation =
    Operation { service: CLOUDTRAIL, name: "GetEventSelectors", right: "cloudtrail:GetEventSelectors" };
const LOOKUP_EVENTS: Operation =
    Operation { service: CLOUDTRAIL, name: "LookupEvents", right: "cloudtrail:LookupEvents" };

/// A region has at most five trails of its own; those of the organization and of other regions come on top.
const TRAILS_MAX: usize = 20;

/// Two questions a second are allowed, so as a rule no more are asked: the two operations that CloudTrail's guide lists, one
/// after the other.
const LOOKED_UP: [&str; 2] = ["CreateToken", "CreateTokenWithIAM"];

/// Which records are of SSO OIDC: other services have a CreateToken too.
const SOURCES: [&str; 4] =
    ["sso.amazonaws.com", "sso-oauth.amazonaws.com", "ssooidc.amazonaws.com", "sso-oidc.amazonaws.com"];

/// In Identity Center's region.
pub async fn trails(ask: &Ask<'_>, region: &str) -> Found<Vec<Trail>> {
    let answer = ask.ask(DESCRIBE_TRAILS, Some(region), &json!({"includeShadowTrails": true})).await?;
    let trails: Vec<(String, String)> = answer["trailList"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|trail| {
            let text = |name: &str| trail[name].as_str().map(str::to_owned);
            Some((text("Name")?, text("TrailARN").or_else(|| text("Name"))?))
        })
        .take(TRAILS_MAX)
        .collect();
    Ok(join_all(trails.into_iter().map(|(name, arn)| trail(ask, region, name, arn))).await)
}

async fn trail(ask: &Ask<'_>, region: &str, name: String, arn: String) -> Trail {
    let (status_input, selectors_input) = (json!({"Name": arn}), json!({"TrailName": arn}));
    let status = ask.ask(GET_TRAIL_STATUS, Some(region), &status_input);
    let selectors = ask.ask(GET_EVENT_SELECTORS, Some(region), &selectors_input);
    let (status, selectors) = join(status, selectors).await;
    Trail {
        name,
        is_logging: status.map(|status| status["IsLogging"] == true),
        has_management_events: selectors.map(|selectors| has_management_events(&selectors)),
    }
}

/// Of the kind that writes: the four operations are none that only read.
fn has_management_events(selectors: &Value) -> bool {
    let basic = selectors["EventSelectors"].as_array().into_iter().flatten();
    let of_basic =
        |selector: &Value| selector["IncludeManagementEvents"] != false && selector["ReadWriteType"] != "ReadOnly";
    let advanced = selectors["AdvancedEventSelectors"].as_array().into_iter().flatten();
    let of_advanced = |selector: &Value| {
        let fields = || selector["FieldSelectors"].as_array().into_iter().flatten();
        let has = |field: &str, value: &str| {
            fields().any(|one| {
                one["Field"] == field && one["Equals"].as_array().is_some_and(|all| all.iter().any(|it| it == value))
            })
        };
        has("eventCategory", "Management") && !has("readOnly", "true")
    };
    basic.into_iter().any(of_basic) || advanced.into_iter().any(of_advanced)
}

/// When calls were made, within the time that is looked back.
pub async fn records(ask: &Ask<'_>, region: &str, now: Timestamp) -> Found<Records> {
    let due_until = before(now, DELIVERED_AFTER);
    for name in LOOKED_UP {
        let newest = calls(ask, region, name, now, now).await?;
        let Some(latest) = newest.iter().max().copied() else { continue };
        let mut due = newest.iter().filter(|at| **at <= due_until).max().copied();
        if due.is_none() {
            // Where so many sign in, all of a page is on its way.
            due = calls(ask, region, name, due_until, now).await?.into_iter().max();
        }
        return Ok(Records { newest: Some(latest), due });
    }
    Ok(Records::default())
}

/// The newest calls of an operation until then: a page of them.
async fn calls(ask: &Ask<'_>, region: &str, name: &str, until: Timestamp, now: Timestamp) -> Found<Vec<Timestamp>> {
    let input = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}],
        "StartTime": before(now, LOOK_BACK).as_second(), "EndTime": until.as_second(), "MaxResults": 50});
    let answer = ask.ask(LOOKUP_EVENTS, Some(region), &input).await?;
    let events = answer["Events"].as_array().into_iter().flatten();
    let ours = events.filter(|event| event["EventSource"].as_str().is_some_and(|source| SOURCES.contains(&source)));
    Ok(ours.filter_map(|event| timestamp(&event["EventTime"])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_has_management_events_by_either_kind_of_selector() {
        let basic = |value: Value| json!({"EventSelectors": [value]});
        let advanced = |fields: Value| json!({"AdvancedEventSelectors": [{"FieldSelectors": fields}]});
        let category = json!({"Field": "eventCategory", "Equals": ["Management"]});
        for (selectors, has) in [
            (basic(json!({"ReadWriteType": "All", "IncludeManagementEvents": true})), true),
            (basic(json!({"ReadWriteType": "WriteOnly"})), true),
            (basic(json!({"ReadWriteType": "ReadOnly", "IncludeManagementEvents": true})), false),
            (basic(json!({"ReadWriteType": "All", "IncludeManagementEvents": false})), false),
            (advanced(json!([category])), true),
            (advanced(json!([category, {"Field": "readOnly", "Equals": ["true"]}])), false),
            (advanced(json!([{"Field": "eventCategory", "Equals": ["Data"]}])), false),
            (json!({}), false),
        ] {
            assert_eq!(has_management_events(&selectors), has, "{selectors}");
        }
    }
}
