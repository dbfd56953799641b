//! Whether each EventBridge rule is there, is enabled, and invokes.

use std::time::Duration;

use jiff::Timestamp;

use super::check::{Check, is_older, when};
use super::facts::{Brings, DELIVERED_AFTER, Facts, Found, Rule, Trouble};

/// The tick comes each minute, and its metric some minutes later.
const TICK_LATE: Duration = Duration::from_secs(15 * 60);

const DEPLOY: &str = "Deploy the stack's template again.";

pub fn checks(facts: &Facts, now: Timestamp) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(found) = &facts.rules {
        checks.extend(expected("rule cloudtrail", found, Brings::CloudTrail, |rule| cloudtrail(rule, facts, now)));
        checks.extend(expected("rule health", found, Brings::Health, |rule| rare(rule, now, "AWS Health is rare")));
        let rules = found.as_ref().map_or(&[][..], Vec::as_slice);
        for rule in rules.iter().filter(|rule| matches!(rule.brings, Brings::Calls | Brings::Other)) {
            let name = format!("rule {}", rule.name);
            checks.push(enabled(&name, rule).unwrap_or_else(|| rare(rule, now, "nothing matched").named(&name)));
        }
    }
    if let Some(found) = &facts.ticks {
        checks.extend(expected("rule tick", found, Brings::Ticks, |rule| tick(rule, now)));
    }
    checks
}

/// The check of a rule that must be there.
fn expected(name: &str, found: &Found<Vec<Rule>>, brings: Brings, checked: impl Fn(&Rule) -> Check) -> Vec<Check> {
    let rules = match found {
        Ok(rules) => rules,
        Err(trouble) => return vec![Check::not_found_out(name, trouble)],
    };
    let of_kind: Vec<&Rule> = rules.iter().filter(|rule| rule.brings == brings).collect();
    if of_kind.is_empty() {
        return vec![Check::broken(name, "no such EventBridge rule invokes the function", DEPLOY)];
    }
    of_kind.into_iter().map(|rule| enabled(name, rule).unwrap_or_else(|| checked(rule).named(name))).collect()
}

impl Check {
    fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }
}

/// What is wrong with it whatever it brings.
fn enabled(name: &str, rule: &Rule) -> Option<Check> {
    if !rule.is_enabled {
        let action = format!("Enable it: aws events enable-rule --name {}", rule.name);
        return Some(Check::broken(name, &format!("the rule {} is disabled", rule.name), &action));
    }
    match rule.failed {
        Ok(0) | Err(_) => None,
        Ok(failed) => Some(Check::broken(
            name,
            &format!("the rule {} could not invoke the function {failed} times within a day", rule.name),
            "Check that the alias events exists, and that its permission lets events.amazonaws.com invoke it.",
        )),
    }
}

fn cloudtrail(rule: &Rule, facts: &Facts, now: Timestamp) -> Check {
    const ARRIVES_NOT: &str = "Check that a trail records management events, and the rule's event pattern.";
    let last = match &rule.last_invoked {
        Ok(last) => *last,
        Err(trouble) => return last_is_unknown(rule, trouble),
    };
    // The period of a metric is an hour.
    let due = facts.records.as_ref().ok().and_then(|records| records.due);
    let missed = due.filter(|record| last.is_none_or(|last| *record > last + DELIVERED_AFTER));
    match (last, missed) {
        (last, Some(record)) => {
            let since = last.map_or("within 14 days".to_owned(), |last| format!("since {}", when(last, now)));
            let detail =
                format!("CloudTrail recorded a call at {}, but {} did not match {since}", when(record, now), rule.name);
            Check::broken("", &detail, ARRIVES_NOT)
        }
        (Some(last), None) => {
            Check::ok("", &format!("{} is enabled and last matched in the hour up to {}", rule.name, when(last, now)))
        }
        (None, None) => Check::unknown(
            "",
            &format!("{} is enabled, and nothing matched within 14 days", rule.name),
            "Run aws sso login, wait ten minutes, and run this again.",
        ),
    }
}

fn rare(rule: &Rule, now: Timestamp, why: &str) -> Check {
    match &rule.last_invoked {
        Ok(Some(last)) => {
            Check::ok("", &format!("{} is enabled and last matched in the hour up to {}", rule.name, when(*last, now)))
        }
        Ok(None) => Check::ok("", &format!("{} is enabled, and did not match within 14 days ({why})", rule.name)),
        Err(trouble) => last_is_unknown(rule, trouble),
    }
}

fn tick(rule: &Rule, now: Timestamp) -> Check {
    const RUNS_NOT: &str =
        "Check that the rule may invoke the watcher's alias events, and whether Lambda has an issue.";
    match &rule.last_invoked {
        Err(trouble) => last_is_unknown(rule, trouble),
        Ok(Some(last)) if !is_older(*last, now, TICK_LATE) => {
            Check::ok("", &format!("{} is enabled and last ticked at {}", rule.name, when(*last, now)))
        }
        Ok(Some(last)) => {
            Check::broken("", &format!("{} has not ticked since {}", rule.name, when(*last, now)), RUNS_NOT)
        }
        Ok(None) => {
            let not_yet = format!("If the stack was just deployed, run this again in five minutes. Else: {RUNS_NOT}");
            Check::broken("", &format!("{} is enabled, and has not ticked for three hours", rule.name), &not_yet)
        }
    }
}

fn last_is_unknown(rule: &Rule, trouble: &Trouble) -> Check {
    let detail = format!("{} is enabled; when it last matched is unknown: {}", rule.name, trouble.in_words());
    Check::unknown("", &detail, &trouble.action())
}
