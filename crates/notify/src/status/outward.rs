//! An incident as everybody may know it.
//!
//! In: an incident with its verdict and how its recovery stands. Out: an [`Outward`]. What names a person, a network, an application
//! or an account is taken out of the incident first; the rest goes through the same functions as its notices, so the page says
//! what they say. No text of a verdict gets in.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::cell::Dimension;
use triage_decide::concern::Concern;
use triage_decide::incident::Recoveries;
use triage_decide::ledger::{Incident, Ledger};
use triage_decide::scope::Shared;
use triage_decide::verdict::{Diagnosis, Evaluation, Recovery, Verdict};

use crate::compose::is_recovering;
use crate::notice::{NamedScope, Notice, NoticeKind, ReplicaFacts};
use crate::status::data::{Outward, Phase, State};
use crate::words::Clock;

/// The name and version of any tool that means to be known by them are shorter.
const TOOL_MAX: usize = 64;

/// An account id has one digit more.
const DIGITS_MAX: usize = 11;

/// A client id has two letters more.
const WORD_MAX: usize = 20;

/// All incidents of a region that its ledger still knows, as of now. `evaluation`: of this tick, where there was one.
pub fn incidents(
    ledger: &Ledger,
    evaluation: Option<&Evaluation>,
    recoveries: &Recoveries,
    zone: Option<&TimeZone>,
    now: Timestamp,
) -> Vec<Outward> {
    ledger.incidents().map(|incident| of_incident(incident, evaluation, recoveries, &[], Clock { now, zone })).collect()
}

/// One incident. `replicas`: how sign-in stands in the regions of a replicated Identity Center.
pub fn of_incident(
    incident: &Incident,
    evaluation: Option<&Evaluation>,
    recoveries: &Recoveries,
    replicas: &[ReplicaFacts],
    clock: Clock<'_>,
) -> Outward {
    let quiet = Verdict::quiet();
    let verdict = evaluation.and_then(|all| all.on(incident.key())).unwrap_or(&quiet);
    match incident.is_open() {
        true => of_open(incident, verdict, recoveries.get(&incident.key()), replicas, clock),
        false => of_past(incident, replicas, clock.zone),
    }
}

/// Those that another one took the place of.
pub fn replaced(ledger: &Ledger, zone: Option<&TimeZone>) -> Vec<Outward> {
    ledger.replaced.iter().map(|incident| of_past(incident, &[], zone)).collect()
}

fn of_open(
    incident: &Incident,
    verdict: &Verdict,
    recovery: Option<&Recovery>,
    replicas: &[ReplicaFacts],
    clock: Clock<'_>,
) -> Outward {
    let (incident, verdict) = (&unnamed(incident), &unworded(verdict));
    let notice = Notice::of_incident(NoticeKind::Reminder, incident, verdict, &[], clock);
    let (phase, notice, lines) = match incident.silent_since {
        _ if is_recovering(recovery, clock.now) => (Phase::Recovering, notice.recovering(incident, clock), 2),
        Some(since) => (Phase::NoCalls, notice.silent(incident, since, clock), 2),
        // The second line of a reminder is for who must act.
        None => (Phase::Open, notice, 1),
    };
    let (notice, lines) = within(notice, lines, incident, replicas, clock);
    shown(incident, phase, notice, lines)
}

/// With where sign-in works, in its second line.
fn within(
    notice: Notice,
    lines: usize,
    incident: &Incident,
    replicas: &[ReplicaFacts],
    clock: Clock<'_>,
) -> (Notice, usize) {
    match replicas.is_empty() || incident.key().is_some() {
        true => (notice, lines),
        false => (notice.in_replicas(replicas, clock), lines + 1),
    }
}

/// Its times have their dates: it is read for months.
fn of_past(incident: &Incident, replicas: &[ReplicaFacts], zone: Option<&TimeZone>) -> Outward {
    let incident = &unnamed(incident);
    // One that was replaced while it was open ended all the same.
    let (proved, over_at) = (incident.proved, Some(incident.resolved_at.unwrap_or(incident.ended())));
    let phase = if proved { Phase::Resolved } else { Phase::Quiet };
    let recovery = Recovery { over_at, proved, ..Recovery::default() };
    let clock = Clock::with_dates(zone);
    let (notice, lines) = within(Notice::of_recovery(incident, &recovery, clock), 1, incident, replicas, clock);
    Outward { over_at, closed_at: Some(incident.notified_at), ..shown(incident, phase, notice, lines) }
}

fn shown(incident: &Incident, phase: Phase, notice: Notice, lines: usize) -> Outward {
    let NamedScope { operations, tool, .. } = NamedScope::from(&incident.scope);
    let stops_all = match &incident.concern {
        Concern::Admin { key, .. } => *key,
        Concern::Service | Concern::Request { .. } => incident.diagnosis == Diagnosis::Outage,
    };
    let portal = notice.portal().map(|working| (working.region.clone(), working.portal.clone()));
    Outward {
        of: incident.id.clone(),
        id: format!("{}-{}", incident.region, incident.opened_at.strftime("%Y%m%dT%H%M%SZ")),
        region: incident.region.clone(),
        diagnosis: incident.diagnosis,
        state: if stops_all && incident.scope.shared.is_none() { State::Outage } else { State::Degraded },
        phase,
        title: notice.title,
        lines: notice.headline.into_iter().take(lines).collect(),
        portal,
        users: notice.advice.users,
        operations,
        tool: tool.filter(|name| !name.is_empty()),
        limited_by: NamedScope::from(&incident.scope).kind().to_owned(),
        began: incident.began(),
        latest: incident.last_failure.or(incident.probe_failed_at).map(|_| incident.ended()),
        lasted_s: incident.lasted().as_secs(),
        over_at: None,
        reopened: incident.reopened,
        opened_at: incident.reopened_at.unwrap_or(incident.opened_at),
        closed_at: None,
        callers: notice.impact.callers,
        about: notice.impact.about,
        people: notice.impact.people,
        seen: notice.impact.seen,
        failed_calls: incident.failed_calls(),
    }
}

/// Without the name of a network, an application or an account, and without codes. Empty names are said as `one network`.
fn unnamed(incident: &Incident) -> Incident {
    let mut unnamed = Incident { reasons: Vec::new(), opening: None, ..incident.clone() };
    match &mut unnamed.concern {
        Concern::Service => {}
        // Only the state of the key is said, in words of ours.
        Concern::Admin { key: true, .. } => {}
        Concern::Admin { name, .. } | Concern::Request { name, .. } => name.clear(),
    }
    if let Some(Shared { dimension, name, .. }) = &mut unnamed.scope.shared {
        let may_be_shown = match dimension {
            Dimension::Tool | Dimension::Product => is_a_tool(name),
            Dimension::Application | Dimension::Network | Dimension::Account => false,
        };
        if !may_be_shown {
            name.clear();
        }
    }
    unnamed
}

/// What the words of a notice depend on, beside the incident: no name and no text.
fn unworded(verdict: &Verdict) -> Verdict {
    let Verdict { probe, health, failures, unanswered, diagnosis, .. } = *verdict;
    Verdict { probe, health, failures, unanswered, diagnosis, ..Verdict::quiet() }
}

/// A user agent is whatever somebody sent: only what looks like a tool's name and version is one. An address, an account, a hash
/// or a random id does not.
fn is_a_tool(name: &str) -> bool {
    let is_of_a_tool = |byte: u8| byte.is_ascii_alphanumeric() || b"._+/-".contains(&byte);
    let longest_number = name.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let is_word = |part: &str| {
        let is_hash = part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        part.len() <= WORD_MAX && !is_hash
    };
    name.len() <= TOOL_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(is_of_a_tool)
        && name.matches('/').count() <= 1
        && longest_number <= DIGITS_MAX
        && !name.split('/').any(|part| part.parse::<IpAddr>().is_ok())
        && name.split(['/', '-', '.', '_', '+']).all(is_word)
}
