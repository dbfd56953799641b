//! The life of an incident, from open to resolved.
//!
//! In: the [`Ledger`] of a region, the [`Verdict`] on it, how far recovery is proved, the [`Policy`] and `now`. Out: a [`Turn`]
//! (the new ledger, and what happened), or nothing where nothing changes. Pure: whoever takes the turn does so from the
//! version that it was decided on, so that of all who decide at once one is heard. What is said of it is not made here.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::before;

use crate::concern::Concern;
use crate::ledger::{Alarm, Incident, Ledger, REMEMBERED_MAX, bounded};
use crate::policy::Policy;
use crate::turn::{Change, Happened, Turn};
use crate::verdict::{Recovery, Severity, Verdict};

/// Advice given in one turn, which is one transaction; the rest follows in the next turn.
pub const ADVICE_PER_TURN: usize = 8;

/// The next turn, if there is one. `recovery` is there for an open incident.
///
/// Other words or other counts alone are no turn: a turn costs a transaction. Told is told: the same verdict again makes
/// no further turn. After a turn the region is to be diagnosed anew, because a resolved incident settles what came
/// before.
pub fn turn(
    region: &Region,
    ledger: &Ledger,
    verdict: &Verdict,
    recovery: Option<&Recovery>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Turn> {
    let mut next = ledger.clone();
    next.leave_out(verdict, now);
    let mut happened = Vec::new();
    happened.extend(match &mut next.incident {
        Some(incident) if incident.is_open() => incident.go_on(verdict, recovery, policy, now),
        latest => begin(latest, region, verdict, policy, now),
    });
    next.settled_until = next.settled_until();
    happened.extend(next.advise(verdict, now));
    (next != *ledger).then_some(Turn { ledger: next, happened })
}

/// Opens an incident, or the latest one again.
fn begin(
    latest: &mut Option<Incident>,
    region: &Region,
    verdict: &Verdict,
    policy: &Policy,
    now: Timestamp,
) -> Option<Happened> {
    if !verdict.diagnosis.is_incident() {
        return None;
    }
    if let Some(incident) = latest
        && let Some(resolved_at) = incident.resolved_at
    {
        if !is_of_after(verdict, resolved_at) {
            return None;
        }
        // What is judged late may have begun soon after all the same.
        let began = verdict.since.map_or(now, |since| since.min(now));
        if before(began, policy.reopen) <= resolved_at {
            incident.reopen(verdict, now);
            return Some(Happened::Reopened { over_since: resolved_at });
        }
    }
    *latest = Some(Incident::opened(region, latest.as_ref(), verdict, now));
    Some(Happened::Opened)
}

/// Whether anything that speaks for trouble is of after `settled`.
fn is_of_after(verdict: &Verdict, settled: Timestamp) -> bool {
    verdict.is_confirmed() || verdict.latest.is_some_and(|latest| latest > settled)
}

impl Incident {
    fn opened(region: &Region, latest: Option<&Self>, verdict: &Verdict, now: Timestamp) -> Self {
        // Two that come to light in one second, or under a clock that was set back, still have ids of their own.
        let opened_at = latest.map_or(now, |latest| now.max(latest.opened_at + Duration::from_secs(1)));
        let mut incident = Self {
            id: format!("{region}-{}", opened_at.strftime("%Y%m%dT%H%M%SZ")),
            region: region.clone(),
            diagnosis: verdict.diagnosis,
            severity: verdict.diagnosis.severity(),
            concern: verdict.concern.clone(),
            opened_at,
            since: now,
            enough_at: now,
            resolved_at: None,
            reopened: 0,
            reopened_at: None,
            callers: 0,
            opening: None,
            reasons: Vec::new(),
            sequence: 0,
            told_at: now,
            changed_at: None,
            told_callers: 0,
            told_operations: BTreeSet::new(),
            told_health: false,
            is_paged: false,
            alarm_change: None,
        };
        incident.begin_run(verdict, now);
        incident.tell(verdict, now);
        incident
    }

    fn reopen(&mut self, verdict: &Verdict, now: Timestamp) {
        self.resolved_at = None;
        self.reopened += 1;
        self.reopened_at = Some(now);
        self.begin_run(verdict, now);
        self.turn_into(verdict, now);
        self.tell(verdict, now);
    }

    /// What is to be told next of an open incident.
    fn go_on(
        &mut self,
        verdict: &Verdict,
        recovery: Option<&Recovery>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Happened> {
        // What a probe still sees, the next verdict would reopen.
        let still_seen = verdict.diagnosis.is_incident() && verdict.is_confirmed();
        let over = recovery.filter(|recovery| recovery.over_at.is_some() && !still_seen);
        let turns = self.turns_into(verdict, over.is_some());
        if let Some(recovery) = over
            && !turns
        {
            self.resolve(verdict, recovery, now);
            return Some(Happened::Resolved(recovery.clone()));
        }
        let changes = self.changes(verdict, turns);
        let worse = turns && verdict.diagnosis < self.diagnosis;
        if !changes.is_empty() && (worse || self.may_change(policy, now)) {
            if turns {
                self.turn_into(verdict, now);
            }
            self.changed_at = Some(now);
            self.tell(verdict, now);
            return Some(Happened::Changed(changes));
        }
        if before(now, policy.reminder) >= self.told_at {
            self.tell(verdict, now);
            return Some(Happened::Reminder);
        }
        None
    }

    fn resolve(&mut self, verdict: &Verdict, recovery: &Recovery, now: Timestamp) {
        self.resolved_at = recovery.over_at;
        self.tell(verdict, now);
        self.reasons = bounded(&recovery.reasons);
    }

    /// Whether the verdict makes it another incident than it was. What is less bad replaces what it was only if that is
    /// the same trouble, or over: a worse one that is not proved over goes on.
    fn turns_into(&self, verdict: &Verdict, is_over: bool) -> bool {
        let about_the_same = self.concern.key() == verdict.concern.key();
        verdict.diagnosis.is_incident()
            && if about_the_same {
                verdict.diagnosis != self.diagnosis && !is_over
            } else {
                verdict.diagnosis < self.diagnosis || is_over
            }
    }

    fn turn_into(&mut self, verdict: &Verdict, now: Timestamp) {
        if self.concern.key() != verdict.concern.key() {
            self.begin_run(verdict, now);
            self.callers = 0;
        } else if verdict.diagnosis < self.diagnosis && verdict.opening.is_some() {
            self.opening.clone_from(&verdict.opening);
        }
        self.diagnosis = verdict.diagnosis;
        self.severity = verdict.diagnosis.severity();
    }

    /// From here on it is counted anew.
    fn begin_run(&mut self, verdict: &Verdict, now: Timestamp) {
        self.concern = verdict.concern.clone();
        self.since = verdict.since.unwrap_or(now);
        self.enough_at = verdict.enough_at.map_or(now, |at| at.min(now));
        self.opening = verdict.opening.clone();
        self.told_callers = 0;
        self.told_operations.clear();
    }

    /// What was not told yet. It is measured against what was told, so what must wait is not forgotten.
    fn changes(&self, verdict: &Verdict, turns: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        if turns {
            changes.push(Change::Diagnosis { from: self.diagnosis, to: verdict.diagnosis });
        }
        if self.is_in(verdict) {
            if verdict.callers >= 2 * self.told_callers.max(1) {
                changes.push(Change::Callers { hit: verdict.callers, told: self.told_callers });
            }
            let new = verdict.operations.keys().filter(|operation| !self.told_operations.contains(operation));
            changes.extend(new.map(|operation| Change::Operation(*operation)));
        }
        // AWS does not know of our own keys and policies.
        if verdict.health && !self.told_health && !matches!(self.concern, Concern::Admin { .. }) {
            changes.push(Change::AwsHealth);
        }
        changes
    }

    fn may_change(&self, policy: &Policy, now: Timestamp) -> bool {
        let latest = self.changed_at.max(self.reopened_at).max(Some(self.opened_at));
        latest <= Some(before(now, policy.changed_every))
    }

    /// Makes room for its next notice, which tells the verdict.
    fn tell(&mut self, verdict: &Verdict, now: Timestamp) {
        self.sequence += 1;
        self.told_at = now;
        self.page();
        self.told_health |= verdict.health;
        if self.is_in(verdict) {
            self.callers = self.callers.max(verdict.callers);
            self.told_callers = self.told_callers.max(verdict.callers);
            self.told_operations.extend(verdict.operations.keys());
            self.reasons = bounded(&verdict.reasons);
            // What an earlier release did not keep, or nothing but the present spoke for, is kept as it is first told.
            if self.opening.is_none() {
                self.opening.clone_from(&verdict.opening);
            }
        }
    }

    /// Raises or ends the alarm at a paging service: only what is worth a page is one.
    fn page(&mut self) {
        let pages = self.is_open() && self.severity == Severity::Page;
        let change = if pages { Alarm::Alarm } else { Alarm::Ok };
        self.alarm_change = (pages != self.is_paged).then_some(change);
        self.is_paged = pages;
    }
}

impl Ledger {
    fn leave_out(&mut self, verdict: &Verdict, now: Timestamp) {
        for caller in verdict.leave_out.difference(&verdict.take_back) {
            self.left_out.entry(caller.to_bits()).or_insert(now);
        }
        for caller in &verdict.take_back {
            self.left_out.remove(&caller.to_bits());
        }
        forget_the_oldest(&mut self.left_out);
    }

    /// The advice that is due.
    fn advise(&mut self, verdict: &Verdict, now: Timestamp) -> Vec<Happened> {
        let mut due = Vec::new();
        for advised in &verdict.advised {
            // Even what may be said again at once is said once in a second.
            let quiet_for = advised.quiet_for.max(Duration::from_secs(1));
            let is_due = self.advised.get(&advised.key).is_none_or(|told_at| *told_at <= before(now, quiet_for));
            if is_due && due.len() < ADVICE_PER_TURN {
                self.advised.insert(advised.key.clone(), now);
                due.push(Happened::Advised(advised.clone()));
            }
        }
        forget_the_oldest(&mut self.advised);
        due
    }
}

fn forget_the_oldest<K: Clone + Ord>(times: &mut BTreeMap<K, Timestamp>) {
    while times.len() > REMEMBERED_MAX
        && let Some((key, _)) = times.iter().min_by_key(|(_, at)| **at)
    {
        let key = key.clone();
        times.remove(&key);
    }
}
