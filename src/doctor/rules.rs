//! EventBridge: the rules that invoke a function, and when they last did.

use std::time::Duration;

use futures_util::future::{OptionFuture, join, try_join_all};
use jiff::Timestamp;
use serde_json::{Value, json};
use triage_engine::doctor::facts::{Brings, Found, LOOK_BACK, Rule};

use super::ask::{Ask, EVENTS, Operation};
use super::metrics::{Watched, delivered};

const LIST_RULE_NAMES: Operation =
    Operation { service: EVENTS, name: "ListRuleNamesByTarget", right: "events:ListRuleNamesByTarget" };
const DESCRIBE_RULE: Operation = Operation { service: EVENTS, name: "DescribeRule", right: "events:DescribeRule" };

const RULES_MAX: usize = 20;
const HOUR_S: u32 = 3600;
const MINUTE_S: u32 = 60;

/// A tick comes each minute: its metric is looked at minute by minute, and not so far back.
const TICKS_BACK: Duration = Duration::from_secs(3 * 3600);

/// On the default bus, and on the one that other accounts send to.
pub async fn rules(
    ask: &Ask<'_>,
    source_bus: Option<&str>,
    target: &str,
    ticks: bool,
    now: Timestamp,
) -> Found<Vec<Rule>> {
    let of_default = rules_of(ask, None, target, ticks, now);
    let of_source = OptionFuture::from(source_bus.map(|bus| rules_of(ask, Some(bus), target, ticks, now)));
    let (of_default, of_source) = join(of_default, of_source).await;
    let mut rules = of_default?;
    rules.extend(of_source.transpose()?.into_iter().flatten());
    Ok(rules)
}

/// A function's rules cannot be among its settings: they depend on it. EventBridge knows them by their target.
async fn rules_of(ask: &Ask<'_>, bus: Option<&str>, target: &str, ticks: bool, now: Timestamp) -> Found<Vec<Rule>> {
    let on_bus = |mut input: Value| {
        if let Some(bus) = bus {
            input["EventBusName"] = bus.into();
        }
        input
    };
    let input = on_bus(json!({"TargetArn": target, "Limit": RULES_MAX}));
    let answer = ask.ask(LIST_RULE_NAMES, None, &input).await?;
    let names: Vec<String> = answer["RuleNames"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .take(RULES_MAX)
        .collect();
    let described = try_join_all(names.iter().map(|name| describe(ask, on_bus(json!({"Name": name}))))).await?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let watched: Vec<Watched> = names
        .iter()
        .map(|name| Watched {
            namespace: "AWS/Events",
            delivered: "Invocations",
            failed: "FailedInvocations",
            // A rule of the default bus is counted without it.
            dimensions: bus
                .map(|bus| ("EventBusName", bus.to_owned()))
                .into_iter()
                .chain([("RuleName", name.clone())])
                .collect(),
        })
        .collect();
    let (span, period) = if ticks { (TICKS_BACK, MINUTE_S) } else { (LOOK_BACK, HOUR_S) };
    let invoked = delivered(ask, &watched, span, period, now).await;
    Ok(names
        .into_iter()
        .zip(described)
        .enumerate()
        .map(|(number, (name, (brings, is_enabled)))| Rule {
            name,
            brings,
            is_enabled,
            last_invoked: invoked.clone().map(|of| of[number].last),
            failed: invoked.clone().map(|of| of[number].failed),
        })
        .collect())
}

async fn describe(ask: &Ask<'_>, input: Value) -> Found<(Brings, bool)> {
    let rule = ask.ask(DESCRIBE_RULE, None, &input).await?;
    Ok((brings(&rule), rule["State"].as_str().is_none_or(|state| state.starts_with("ENABLED"))))
}

/// By what it matches: its name is CloudFormation's.
fn brings(rule: &Value) -> Brings {
    let pattern = rule["EventPattern"].as_str().unwrap_or_default();
    if rule["ScheduleExpression"].as_str().is_some_and(|schedule| !schedule.is_empty()) {
        Brings::Ticks
    } else if pattern.contains("aws.health") {
        Brings::Health
    } else if pattern.contains("SSO OIDC Call Failed") {
        Brings::Calls
    } else if pattern.contains("CreateToken") {
        Brings::CloudTrail
    } else {
        Brings::Other
    }
}
