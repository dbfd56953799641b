//! Failures of the service: `outage`, `degraded`, and what is too little for either.
//!
//! In: the [`Facts`], the sequential test among them. Out: a [`Finding`] with the reasons for it and against more.

use std::time::Duration;

use jiff::Timestamp;
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::time::before;

use crate::cell::Cell;
use crate::concern::ConcernKey;
use crate::diagnose::affected::{AffectedCaller, widest};
use crate::diagnose::dark;
use crate::diagnose::facts::{Active, Facts};
use crate::diagnose::finding::Finding;
use crate::diagnose::scoping;
use crate::diagnose::words;
use crate::diagnose::words::{callers, listed, once_in, origin, span, time};
use crate::evidence::mark::Mark;
use crate::probe::StepState;
use crate::probe_record::StepRecord;
use crate::scope::Scope;
use crate::sequential::{Run, TestKind};
use crate::verdict::Diagnosis;

/// A failure that the first failed probe confirms is at most this much older: the watcher probes every minute.
const PROBED_AFTER: Duration = Duration::from_secs(5 * 60);

/// Outage or degraded, if the service fails for more callers than chance explains.
pub fn finding(facts: &Facts<'_>) -> Option<Finding> {
    let is_open = facts.open.is_some_and(|incident| incident.concern.key() == ConcernKey::Service);
    let any_affected = !facts.affected(ConcernKey::Service).is_empty();
    let found = by_the_test(facts, is_open, any_affected)
        .or_else(|| by_probes(facts))
        .or_else(|| by_aws_health(facts))
        .or_else(|| dark::finding(facts));
    found.or_else(|| {
        let (count, _) = widest(facts.affected(ConcernKey::Service));
        let goes_on = || format!("{} not served since the incident began", callers(count));
        (is_open && any_affected).then(|| degraded(facts, vec![goes_on()]))
    })
}

/// Where it fails: of an open incident while it is open, else of the run.
fn scope_since(facts: &Facts<'_>, since: Timestamp) -> Scope {
    let since = since.max(facts.from);
    let failing: Vec<&Mark> = facts.service_failures().filter(|mark| mark.at >= since).collect();
    scoping::scope(facts, &failing, &scoping::parts(facts, ConcernKey::Service, since), since)
}

fn degraded(facts: &Facts<'_>, reasons: Vec<String>) -> Finding {
    Finding::of(Diagnosis::Degraded, ConcernKey::Service, facts, reasons)
}

/// The sequential test. A run that crossed late is evaluated by the callers active then; with an incident open, by
/// those active now.
fn by_the_test(facts: &Facts<'_>, is_open: bool, any_affected: bool) -> Option<Finding> {
    let run = facts.run()?;
    let crossed_at = run.crossed_at?;
    let scope = scope_since(facts, if facts.open.is_some() { facts.from } else { run.began_at });
    let active = facts.active(if is_open { facts.latest_call } else { crossed_at }, &scope);
    let share = share_in_words(&active);
    let (diagnosis, why) = if active.is_mostly_affected() {
        (Diagnosis::Outage, format!("most callers are affected: {share}"))
    } else if facts.is_probe_down() {
        (Diagnosis::Outage, format!("{share}, and the probe is down as well"))
    } else if is_open && !any_affected {
        // The incident stays open until its end is confirmed, but nothing supports it any more.
        return None;
    } else {
        (Diagnosis::Degraded, format!("not everyone is affected: {share}, and no probe is down"))
    };
    let reasons = vec![why, format!("counted in {}", origin(run.origin))];
    let from = if facts.open.is_some() { facts.from } else { run.began_at.max(facts.from) };
    let enough_at = Some(crossed_at);
    let callers = if any_affected { 0 } else { run.callers.len() };
    Some(Finding {
        from,
        since: Some(run.began_at),
        enough_at,
        callers,
        scope,
        opening: Some(run_in_words(facts, run)),
        chance_years: Some(run.chance_years(facts.policy)),
        ..Finding::of(diagnosis, ConcernKey::Service, facts, reasons)
    })
}

/// This needs no failed call of a caller: laptops do not log to us.
fn by_probes(facts: &Facts<'_>) -> Option<Finding> {
    let ((since, last), operation) = streaks(facts).min()?;
    let scope = match facts.probe {
        // Where every step probed is down, the failure is not limited to one of them.
        Some(probe) if probe.steps.iter().any(|step| step.answer == StepState::Healthy) => {
            Scope { operations: Some([operation].into()), ..Scope::default() }
        }
        Some(_) | None => Scope::default(),
    };
    let reason = format!("probes found {operation} down repeatedly for {}", span(since, last));
    // Calls that failed long before are not of it.
    let from = if facts.open.is_some() { facts.from } else { before(since, PROBED_AFTER).max(facts.from) };
    Some(Finding { from, since: Some(since), scope, opening: Some(reason), ..degraded(facts, Vec::new()) })
}

/// Whether probes found one of these steps down repeatedly.
pub fn probe_lasts(facts: &Facts<'_>, scope: &Scope) -> bool {
    streaks(facts).any(|(_, operation)| scope.has_operation(Some(operation)))
}

/// Steps that were repeatedly down for the probe, from when to when.
fn streaks(facts: &Facts<'_>) -> impl Iterator<Item = ((Timestamp, Timestamp), Operation)> {
    let streak = move |record: &StepRecord| {
        let (since, last) = (record.down_since?.max(facts.from), record.down_last?);
        let apart = last.duration_since(since).unsigned_abs();
        let is_streak = since < last && apart >= facts.policy.probe_down && record.healthy_times == 0;
        (is_streak && facts.is_recent(last)).then_some((since, last))
    };
    facts.view.probe.steps.iter().filter_map(move |(operation, record)| Some((streak(record)?, *operation)))
}

fn by_aws_health(facts: &Facts<'_>) -> Option<Finding> {
    let issue = *facts.issues().first()?;
    let affected = facts.affected(ConcernKey::Service);
    // Where enough callers failed since the issue began, those that failed before it are not of it.
    let during = issue.started_at.filter(|_| facts.open.is_none()).and_then(|started_at| {
        let during: Vec<AffectedCaller> =
            affected.iter().filter(|affected| affected.since >= started_at).copied().collect();
        (widest(&during).0 >= facts.policy.health_callers).then_some((widest(&during).0, started_at))
    });
    let (count, from) = during.unwrap_or((widest(affected).0, facts.from));
    let reason = || format!("{} affected while AWS Health reports an issue", callers(count));
    let holds = count >= facts.policy.health_callers;
    holds.then(|| Finding { from: from.max(facts.from), ..degraded(facts, vec![reason()]) })
}

/// What remains if neither holds.
pub fn rest(facts: &Facts<'_>) -> Finding {
    let minutes = facts.policy.evidence.as_secs().div_ceil(60);
    let (count, _) = widest(facts.affected(ConcernKey::Service));
    let (diagnosis, reason) = match facts.service_failures().next() {
        None => {
            let but = match facts.view.ledger.left_out.len() {
                0 => String::new(),
                left_out => format!(", {} ignored", callers(left_out)),
            };
            (Diagnosis::Quiet, format!("no service failure within {minutes} minutes{but}"))
        }
        Some(_) if count == 0 => (Diagnosis::Transient, "every affected caller has been served since".to_owned()),
        Some(_) if count < facts.policy.outage_callers => {
            let few = format!(
                "{} affected within {minutes} minutes: fewer than {}",
                callers(count),
                facts.policy.outage_callers
            );
            (Diagnosis::Isolated, few)
        }
        Some(_) => {
            (Diagnosis::Isolated, format!("{} affected within {minutes} minutes: no more than chance", callers(count)))
        }
    };
    let mut reasons = vec![reason];
    if diagnosis == Diagnosis::Isolated
        && let Some(run) = facts.run()
    {
        reasons.push(format!("evidence {:.1} of the threshold {:.1}", run.sum, run.threshold));
    }
    Finding::of(diagnosis, facts.concern(), facts, reasons)
}

/// `7 of 9 callers failed in 40 s; by chance alone once in 300 years`.
fn run_in_words(facts: &Facts<'_>, run: &Run) -> String {
    let until = run.crossed_at.unwrap_or(facts.latest_call);
    // The run continues after it crossed; how unlikely it is was said when it crossed.
    let count = facts.failed_callers(&run.callers, run.began_at, until);
    let within = span(run.began_at, until);
    let part = match run.cell {
        Cell::Operation(of) => format!(" on {}", words::operation(Some(of))),
        Cell::Grant(grant) => format!(" on {} ({})", Operation::CreateToken, grant.as_str()),
        Cell::Region | Cell::Shared(..) => String::new(),
    };
    let chance = once_in(run.chance_years(facts.policy));
    match run.kind {
        TestKind::HitsInTime => {
            format!(
                "{count} callers newly affected in {within}, where no served calls are seen; by chance alone {chance}"
            )
        }
        TestKind::FailedAgainstAnswered if facts.is_crowded(run.began_at, until) => {
            format!("{count} callers failed{part} in {within}, among more than are named; by chance alone {chance}")
        }
        TestKind::FailedAgainstAnswered => {
            let seen = facts.seen(run.cell, run.began_at, until).max(count);
            format!("{count} of {seen} callers failed{part} in {within}; by chance alone {chance}")
        }
    }
}

fn share_in_words(active: &Active) -> String {
    let at = time(active.at);
    match active.calls {
        Some((failed, answered)) => {
            format!("{failed:.0} of {:.0} calls failed in the time up to {at}", failed + answered)
        }
        None => format!("{} of the {} callers active up to {at}", active.affected, active.callers),
    }
}

pub fn served_in_words(facts: &Facts<'_>, active: &Active) -> Option<String> {
    let minutes = facts.policy.active.as_secs().div_ceil(60);
    let up_to = time(active.at);
    (active.served > 0).then(|| format!("{} served in the {minutes} minutes up to {up_to}", callers(active.served)))
}

pub fn probe_in_words(facts: &Facts<'_>) -> String {
    facts.probe.map_or_else(|| "the service was not probed".to_owned(), words::probe)
}

pub fn health_in_words(facts: &Facts<'_>) -> impl Iterator<Item = String> {
    let open = facts.view.evidence.open_issues(facts.now);
    let (own, others): (Vec<_>, Vec<_>) = open.partition(|issue| issue.concerns_sign_in());
    // Outages of signing in have come under other services.
    [("an open sign-in issue", own), ("an open issue of another service here", others)].into_iter().filter_map(
        |(what, issues)| {
            let names = issues.iter().map(|issue| one_line(&issue.event_type_code, SHOWN_NAME_MAX));
            (!issues.is_empty()).then(|| format!("AWS Health has {what}: {}", listed(names)))
        },
    )
}

/// `we saw it at 08:02:10 UTC, AWS confirmed at 08:41:00 UTC`.
pub fn confirmation_in_words(facts: &Facts<'_>, since: Option<Timestamp>) -> Option<String> {
    let issue = *facts.issues().first()?;
    let begun = issue.started_at.map_or_else(String::new, |at| format!(" (started at {})", time(at)));
    let (since, reported) = (since?, issue.occurred_at);
    Some(match since <= reported {
        true => format!("we saw it at {}, AWS confirmed at {}{begun}", time(since), time(reported)),
        false => format!("AWS reported it at {}{begun}, we saw it at {}", time(reported), time(since)),
    })
}
