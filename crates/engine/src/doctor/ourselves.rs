//! The function itself: its table, its probe, its clock, its settings.

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::probe::StepState;

use super::check::{Check, State, is_older, when};
use super::facts::{Facts, Ourselves, Probe, Table, Trouble};
use crate::settings::Mode;

/// A clock that differs by more reads fresh events as old ones; by five minutes, AWS refuses what it signs.
const CLOCK_OFF_S: u64 = 60;

/// The watcher probes each minute, unless the policy says otherwise.
const PROBE_OLD: Duration = Duration::from_secs(2 * 60 * 60);

pub fn table(facts: &Facts) -> Option<Check> {
    const NAME: &str = "table";
    let Some(Table { written, read }) = &facts.table else {
        return (!facts.ourselves.has_table).then(|| {
            let detail = "no table is configured: each execution environment decides by what it saw itself";
            Check::broken(NAME, detail, "Set OIDC_TRIAGE_TABLE.")
        });
    };
    for (what, right, trouble) in
        [("written", "dynamodb:PutItem", written.as_ref().err()), ("read", "dynamodb:GetItem", read.as_ref().err())]
    {
        if let Some(trouble) = trouble {
            let detail = format!("an item could not be {what}: {}", trouble.in_words());
            let action = match trouble {
                Trouble::Denied(_) => format!("Allow {right} to TriageRole and WatcherRole."),
                Trouble::Refused(..) => "Check that the table exists, and its KMS key (KeyArn).".to_owned(),
                Trouble::Silent(..) => trouble.action(),
            };
            return Some(Check::broken(NAME, &detail, &action));
        }
    }
    Some(match read {
        Ok(false) => Check::broken(
            NAME,
            "an item that was just written is not there",
            "Check that nothing but this stack uses the table.",
        ),
        Ok(true) | Err(_) => Check::ok(NAME, "an item was written and read"),
    })
}

pub fn checks(facts: &Facts, now: Timestamp) -> Vec<Check> {
    let probes = facts.probes.iter().map(|(region, found)| probe(&format!("probe {region}"), found, now));
    let ours =
        [clock(facts.clock_ahead_s), policy(&facts.ourselves), mode(&facts.ourselves), version(&facts.ourselves)];
    probes.chain(ours).collect()
}

fn probe(name: &str, probe: &Probe, now: Timestamp) -> Check {
    let Some(latest) = &probe.latest else {
        return Check::unknown(name, "nothing was probed in time", "Run this again.");
    };
    let steps: Vec<String> =
        latest.steps.iter().map(|step| format!("{} {}", step.operation.as_str(), word(step.answer))).collect();
    let by = if probe.is_own { "this invocation" } else { "the watcher" };
    let detail = format!("{by} probed at {}: {}", when(latest.at, now), steps.join(", "));
    if is_older(latest.at, now, PROBE_OLD) {
        return Check::broken(name, &detail, "The watcher does not probe: see rule tick, and the function's log.");
    }
    match latest.worst() {
        StepState::Healthy => Check::ok(name, &detail),
        StepState::Down => Check::broken(name, &detail, "SSO OIDC fails: see the notices, and AWS Health."),
        StepState::Unexpected => Check::unknown(name, &detail, "Check StartUrl and IdentityCenterRegion."),
        StepState::Unknown => Check::unknown(
            name,
            &detail,
            "Check the function's network (SubnetIds, SecurityGroupIds, NAT gateway), then run this again.",
        ),
    }
}

const fn word(answer: StepState) -> &'static str {
    match answer {
        StepState::Healthy => "healthy",
        StepState::Unknown => "unknown",
        StepState::Unexpected => "unexpected",
        StepState::Down => "down",
    }
}

fn clock(ahead_s: Option<i64>) -> Check {
    const NAME: &str = "clock";
    let Some(ahead_s) = ahead_s else {
        return Check::unknown(NAME, "no answer of AWS to compare with", "Run this again.");
    };
    let direction = if ahead_s < 0 { "behind" } else { "ahead of" };
    let detail = format!("{} s {direction} AWS's", ahead_s.unsigned_abs());
    if ahead_s.unsigned_abs() > CLOCK_OFF_S {
        return Check::broken(NAME, &detail, "Deploy the function again, and open an AWS Support case if it stays so.");
    }
    Check::ok(NAME, &detail)
}

fn policy(ourselves: &Ourselves) -> Check {
    let detail = if ourselves.has_own_policy { "your own: it differs from the defaults" } else { "the defaults" };
    Check::ok("policy", detail)
}

fn mode(ourselves: &Ourselves) -> Check {
    match ourselves.mode {
        Mode::Live => Check::ok("mode", "live"),
        Mode::Shadow => Check::new(
            "mode",
            State::Ok,
            "shadow: nobody is notified",
            "Set Mode=live when you have listened long enough.",
        ),
    }
}

fn version(ourselves: &Ourselves) -> Check {
    Check::ok("version", &format!("oidc-triage {}, function {}", ourselves.version, ourselves.function))
}
