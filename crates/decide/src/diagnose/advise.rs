//! What needs no incident: `throttling`, `one_caller`, `blind`, `aws_health`.
//!
//! In: the [`Facts`]. Out: [`Finding`]s with the key under which each is reported once; and of single callers those
//! that fail so steadily that their failures are left out of the tests.

use std::collections::BTreeSet;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use crate::concern::ConcernKey;
use crate::diagnose::affected::{AffectedCaller, CallerCalls, widest};
use crate::diagnose::dark;
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::Finding;
use crate::diagnose::words::{calls_refused, listed, name, operation, span, time};
use crate::evidence::mark::{Mark, Quota, ServedCall, Talker};
use crate::evidence::slot::{SLOT_SECONDS, Slot};
use crate::verdict::{Diagnosis, TALKER, THROTTLING, Talking};

/// Callers advised on at once: few are left out, and the rest is reported when these are served.
const REPORTED_MAX: usize = 10;

/// Many throttled calls, or one talker that makes too many.
pub fn throttling(facts: &Facts<'_>) -> Vec<Finding> {
    let found = |key: String, reason| Finding::advice(Diagnosis::Throttling, facts, key, reason);
    let refused = throttled_calls(facts).map(|reason| found(THROTTLING.to_owned(), reason));
    let talker = (!facts.is_probe_down()).then(|| loudest(facts)).flatten();
    let talker = talker.map(|(talker, talking, reason)| {
        let finding = found(format!("{TALKER}{:012x}", talker.who), reason);
        Finding { talking: Some(talking), ..finding }
    });
    // One problem, whichever of the two is seen first: it is reported once.
    match (talker, refused) {
        (Some(talker), Some(refused)) => {
            let reasons = talker.reasons.iter().chain(&refused.reasons).cloned().collect();
            vec![Finding { reasons, ..talker }]
        }
        (talker, refused) => talker.or(refused).into_iter().collect(),
    }
}

fn throttled_calls(facts: &Facts<'_>) -> Option<String> {
    let policy = facts.policy;
    let (first, last) = (facts.throttled().map(|mark| mark.at).min()?, facts.throttled().map(|mark| mark.at).max()?);
    let count = facts.throttled().count();
    let holds = count >= policy.throttled_calls && last.duration_since(first).unsigned_abs() >= policy.throttled_span;
    let tools: BTreeSet<u16> = facts.throttled().map(|mark| mark.traits.tool).filter(|tool| *tool != 0).collect();
    let tools: Vec<String> =
        tools.iter().filter_map(|tool| name(&facts.view.evidence, |names| names.tools.get(tool))).collect();
    let by = if tools.is_empty() { String::new() } else { format!(", by {}", listed(tools.into_iter())) };
    holds.then(|| format!("{} as throttled within {}{by}", calls_refused(count), span(first, last)))
}

/// Of all slots the talker that made the most calls, if it comes to half of all calls and to half of its quota.
fn loudest<'a>(facts: &Facts<'a>) -> Option<(&'a Talker, Talking, String)> {
    let policy = facts.policy;
    let evidence = &facts.view.evidence;
    let of_slot = |slot: &'a Slot| {
        let talker = slot.talkers.iter().max_by_key(|(_, count)| **count);
        talker.map(|(talker, count)| (*count, talker, slot))
    };
    let is_loud = |(count, talker, slot): &(u32, &Talker, &Slot)| {
        let quota = f64::from(talker.quota.per_second()) * SLOT_SECONDS as f64;
        f64::from(*count) >= quota * policy.quota_share
            && f64::from(*count) >= policy.talker_share * slot.all_calls() as f64
    };
    let (count, talker, slot) = evidence.slots.values().filter_map(of_slot).filter(is_loud).max_by_key(|it| it.0)?;
    let who = name(evidence, |names| names.talkers.get(&talker.who)).unwrap_or_else(|| format!("#{:012x}", talker.who));
    let quota = talker.quota.per_second();
    let share = 100.0 * f64::from(count) / (f64::from(quota) * SLOT_SECONDS as f64);
    let reason = format!(
        "{who} made {count} of {} calls within {SLOT_SECONDS} s: {share:.0} % of the published quota of {quota} a second \
         for {}",
        slot.all_calls().max(u64::from(count)),
        counted_together(talker.quota)
    );
    Some((talker, Talking { who, quota, calls: counted_together(talker.quota) }, reason))
}

const fn counted_together(quota: Quota) -> &'static str {
    match quota {
        Quota::Registration => "RegisterClient",
        Quota::Device => "CreateToken and StartDeviceAuthorization",
        Quota::Iam => "CreateTokenWithIAM",
    }
}

/// Callers that fail steadily while another one is served. Their failures are left out of the tests.
pub fn one_caller(facts: &Facts<'_>) -> Vec<Finding> {
    steadily_failing(facts)
        .into_iter()
        .take(REPORTED_MAX)
        .map(|lone| {
            let bits = lone.caller.to_bits();
            let who = name(&facts.view.evidence, |names| names.callers.get(&bits));
            let reason = format!(
                "{} alone failed {} times within {} at {}, while others were served",
                who.unwrap_or_else(|| lone.caller.to_string()),
                lone.failures,
                span(lone.since, lone.latest),
                operation(lone.operation)
            );
            Finding::advice(Diagnosis::OneCaller, facts, format!("caller:{bits:012x}"), reason)
        })
        .collect()
}

/// Those of them that are not yet left out.
pub fn leave_out(facts: &Facts<'_>) -> BTreeSet<CallerHash> {
    steadily_failing(facts).into_iter().map(|lone| lone.caller).filter(|caller| !facts.is_left_out(*caller)).collect()
}

#[derive(Debug)]
struct Lone {
    caller: CallerHash,
    operation: Option<Operation>,
    failures: usize,
    since: Timestamp,
    latest: Timestamp,
    /// The latest failure from which on there are enough: another caller must have been served after it, so that one
    /// served call at the beginning of an outage does not make a lone caller of everyone affected.
    enough_since: Timestamp,
}

fn steadily_failing(facts: &Facts<'_>) -> Vec<Lone> {
    // Where several are affected, it is not one caller alone, though they failed one by one and some are left out by
    // now.
    let unserved =
        |calls: CallerCalls<'_>| AffectedCaller::by(ConcernKey::Service, calls.unserved(Timestamp::MAX), facts.from);
    let (affected, _) = widest(&facts.everyone().filter_map(unserved).collect::<Vec<_>>());
    if affected >= facts.policy.outage_callers {
        return Vec::new();
    }
    let lone = facts.everyone().filter_map(|calls| lone(facts, &calls));
    lone.filter(|lone| {
        let of_another = |call: &ServedCall| call.caller != lone.caller && call.operation == lone.operation;
        facts.served_calls().any(|call| of_another(call) && call.at > lone.enough_since)
    })
    .collect()
}

fn lone(facts: &Facts<'_>, calls: &CallerCalls<'_>) -> Option<Lone> {
    let policy = facts.policy;
    // A caller affected in a settled incident may only have given up: that incident reported it.
    let counts = |mark: &&Mark| ConcernKey::Service.takes(mark) && mark.at >= facts.from;
    let failed: Vec<&Mark> = calls.unserved(Timestamp::MAX).filter(counts).collect();
    let (first, latest) = (failed.first()?, failed.last()?);
    if dark::stands_for_many(facts, calls.caller, latest) {
        return None;
    }
    let enough = failed.len().checked_sub(policy.one_caller_failures)?;
    let spans = |mark: &&&Mark| latest.at.duration_since(mark.at).unsigned_abs() >= policy.one_caller_span;
    let enough_since = failed.get(..=enough)?.iter().rev().find(spans)?.at;
    Some(Lone {
        caller: calls.caller,
        operation: latest.operation,
        failures: failed.len(),
        since: first.at,
        latest: latest.at,
        enough_since,
    })
}

/// We cannot connect to anything, so a probe that fails says nothing of the service.
pub fn blind(facts: &Facts<'_>) -> Option<Finding> {
    let probe = facts.probe.filter(|probe| probe.is_blind())?;
    let reason = format!(
        "neither {} nor the region it is compared with answered at {}: this function's own network is broken, so no probe can confirm anything",
        facts.region,
        time(probe.at)
    );
    Some(Finding::advice(Diagnosis::Blind, facts, "blind".to_owned(), reason))
}

/// An issue that nobody here was affected by.
pub fn aws_health(facts: &Facts<'_>) -> Vec<Finding> {
    let failed = facts.callers(ConcernKey::Service).next().is_some();
    let issues = if failed { Vec::new() } else { facts.issues() };
    let found = issues.into_iter().map(|issue| {
        let code = one_line(&issue.event_type_code, SHOWN_NAME_MAX);
        let began = issue.started_at.map_or_else(String::new, |at| format!(", started at {}", time(at)));
        let reason = format!(
            "AWS Health reported a sign-in issue at {}{began} ({code}); no caller here was affected",
            time(issue.occurred_at)
        );
        Finding::advice(Diagnosis::AwsHealth, facts, issue.event_arn.clone(), reason)
    });
    found.collect()
}
