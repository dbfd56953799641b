//! The life of an incident, from open to resolved.
//!
//! In: the [`Ledger`] of a region, the [`Evaluation`] on it, how far the recovery of each open incident is confirmed,
//! the [`Policy`] and `now`. Out: a [`Turn`] (the new ledger, and what happened), or nothing where nothing changes.
//! Pure: a turn is stored only on the version that it was decided on, so that of all sandboxes that decide at once one
//! wins. Notices are written elsewhere.
//!
//! A region has one incident of the service, and one for each tool, network or application with an attribution. An
//! incident is named by its worst state: it improves only by being resolved, or by being renamed if it was attributed
//! wrongly.

mod note;
mod page;
mod silencing;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::before;

use crate::concern::Concern;
use crate::ledger::{Alarm, Earlier, Incident, Ledger, REMEMBERED_MAX, bounded};
use crate::policy::Policy;
use crate::probe::StepState;
use crate::replica::AmongReplicas;
use crate::scope::{Scope, SharedKey};
use crate::turn::{Change, Event, Happened, Turn};
use crate::verdict::{Advised, Evaluation, Recovery, Severity, TALKER, THROTTLING, Verdict};

/// Advice notices in one turn, which is one transaction; the rest follows in the next turn.
pub const ADVICE_PER_TURN: usize = 8;

/// Attributed incidents that a ledger holds, open or not: it is one item.
const APART_KEPT_MAX: usize = 12;

/// A resolved one is kept until its evidence is gone.
const APART_KEPT: Duration = Duration::from_secs(2 * 60 * 60);

/// Counts alone are brought up to date at most once in this time: a turn costs a transaction.
const NOTED_EVERY: Duration = Duration::from_secs(10 * 60);

/// An incident that turns out to be of another scope is counted again by that scope while the evidence holds all of it.
const RECOUNTED_WITHIN: Duration = Duration::from_secs(30 * 60);

/// One turn under way.
struct Turning<'a> {
    region: &'a Region,
    policy: &'a Policy,
    now: Timestamp,
    /// Incidents that ended and are followed by another one at once.
    given_up: Vec<Incident>,
}

/// How each open incident stands.
pub type Recoveries = BTreeMap<Option<SharedKey>, Recovery>;

/// The next turn, if there is one.
///
/// Other words or other counts alone are no turn, or one in ten minutes: a turn costs a transaction. The same verdict
/// twice makes one turn. After a turn the region is to be diagnosed anew, because a resolved incident settles its
/// failures.
pub fn turn(
    region: &Region,
    ledger: &Ledger,
    evaluation: &Evaluation,
    recoveries: &Recoveries,
    policy: &Policy,
    now: Timestamp,
) -> Option<Turn> {
    // What ends or begins by an operator's word is a turn by itself.
    if let Some(turn) = silencing::turn(ledger, evaluation, now) {
        return Some(turn);
    }
    let mut next = ledger.clone();
    let mut happened = Vec::new();
    let mut turning = Turning { region, policy, now, given_up: Vec::new() };
    next.leave_out(&evaluation.region, now);
    for verdict in &evaluation.apart {
        happened.extend(next.apart(verdict, &evaluation.region, recoveries.get(&verdict.apart), &mut turning));
    }
    let recovery = recoveries.get(&None);
    // Incidents that this turn changed are evaluated again by the next one.
    if next.open().map(|incident| &incident.id) == ledger.open().map(|incident| &incident.id) {
        let own = live(&mut next.incident, &evaluation.region, recovery, &mut turning);
        happened.extend(own.into_iter().map(|what| Event::OfIncident(None, what)));
    }
    next.forget_apart(now);
    next.remember_replaced(ledger, &turning.given_up);
    next.settled_until = next.settled_until();
    happened.extend(next.advise(&evaluation.region, now).into_iter().map(Event::Advised));
    let (happened, withheld) = next.withhold(ledger, happened, &mut turning.given_up, evaluation, now);
    (next != *ledger).then_some(Turn { ledger: next, given_up: turning.given_up, happened, withheld })
}

/// What happens to the incident of a region, or of an attribution.
fn live(
    latest: &mut Option<Incident>,
    verdict: &Verdict,
    recovery: Option<&Recovery>,
    turning: &mut Turning<'_>,
) -> Vec<Happened> {
    let Turning { region, policy, now, .. } = *turning;
    let open = latest.as_mut().filter(|incident| incident.is_open());
    let Some(incident) = open else { return begin(latest, region, verdict, policy, now).into_iter().collect() };
    let happened = incident.go_on(verdict, recovery, policy, now);
    if incident.is_open() || !incident.is_outlived_by(verdict, policy) {
        return happened.into_iter().collect();
    }
    turning.given_up.push(incident.clone());
    let anew = begin_anew(latest, region, verdict, policy, now);
    happened.into_iter().chain([anew]).collect()
}

/// Opens an incident, or reopens the latest one.
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
        // An incident found late may still have begun soon after.
        let began = verdict.since.map_or(now, |since| since.min(now));
        let is_the_same = incident.concern.key() == verdict.concern.key();
        if is_the_same && before(began, policy.reopen) <= resolved_at {
            incident.reopen(verdict, policy, now);
            return Some(Happened::Reopened { over_since: resolved_at });
        }
    }
    Some(begin_anew(latest, region, verdict, policy, now))
}

fn begin_anew(
    latest: &mut Option<Incident>,
    region: &Region,
    verdict: &Verdict,
    policy: &Policy,
    now: Timestamp,
) -> Happened {
    *latest = Some(Incident::opened(region, latest.as_ref(), verdict, policy, now));
    Happened::Opened
}

/// Whether any evidence of failure is from after `settled`.
fn is_of_after(verdict: &Verdict, settled: Timestamp) -> bool {
    verdict.is_confirmed() || verdict.latest.is_some_and(|latest| latest > settled)
}

impl Incident {
    fn opened(region: &Region, latest: Option<&Self>, verdict: &Verdict, policy: &Policy, now: Timestamp) -> Self {
        // Two that are found in one second, or under a clock that was set back, still have ids of their own.
        let opened_at = latest.map_or(now, |latest| now.max(latest.opened_at + Duration::from_secs(1)));
        let mut incident = Self {
            id: id(region, verdict.apart, opened_at),
            region: region.clone(),
            diagnosis: verdict.diagnosis,
            severity: Severity::Warning,
            concern: verdict.concern.clone(),
            scope: verdict.scope.clone(),
            opened_at,
            first_failure: None,
            last_failure: None,
            since: now,
            enough_at: now,
            resolved_at: None,
            proved: false,
            reopened: 0,
            reopened_at: None,
            parts: Vec::new(),
            callers: 0,
            victims: BTreeMap::new(),
            people: true,
            seen: BTreeMap::new(),
            failures_at: BTreeMap::new(),
            failures_before: 0,
            probe_failed: false,
            probe_failed_at: None,
            earlier: Earlier::default(),
            opening: None,
            chance_years: None,
            silent_since: None,
            noted_at: None,
            was_of_region: false,
            refuted: Vec::new(),
            reasons: Vec::new(),
            sequence: 0,
            notified_at: now,
            changed_at: None,
            reported_callers: 0,
            reported_operations: BTreeSet::new(),
            reported_health: false,
            is_paged: false,
            alarm_change: None,
            withheld: None,
            acknowledged: None,
            among: AmongReplicas::default(),
        };
        incident.begin_run(verdict, now);
        incident.note(verdict, None, now);
        incident.raise(verdict, policy, now);
        incident.mark_reported(verdict, now);
        incident
    }

    fn reopen(&mut self, verdict: &Verdict, policy: &Policy, now: Timestamp) {
        self.set_aside(verdict.since.unwrap_or(now));
        self.resolved_at = None;
        self.proved = false;
        self.reopened += 1;
        self.reopened_at = Some(now);
        // Whoever worked on it was done with it.
        self.acknowledged = None;
        self.begin_run(verdict, now);
        self.turn_into(verdict, now);
        self.note(verdict, None, now);
        self.raise(verdict, policy, now);
        self.mark_reported(verdict, now);
    }

    /// What to report next of an open incident.
    fn go_on(
        &mut self,
        verdict: &Verdict,
        recovery: Option<&Recovery>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Happened> {
        let known = self.clone();
        self.note(verdict, recovery, now);
        if self.is_outlived_by(verdict, policy) {
            return Some(self.give_up(verdict, now));
        }
        // If a probe still sees it, the next verdict would reopen it.
        let still_seen = verdict.diagnosis.is_incident() && verdict.is_confirmed();
        let over = recovery.filter(|recovery| recovery.over_at.is_some() && !still_seen);
        let turns = self.turns_into(verdict);
        if let Some(recovery) = over
            && !turns
        {
            self.note_end(verdict, now);
            self.resolve(verdict, recovery, now);
            return Some(Happened::Resolved(recovery.clone()));
        }
        let mut changes = self.changes(&known, verdict, turns);
        if turns {
            self.turn_into(verdict, now);
        }
        if self.raise(verdict, policy, now) {
            changes.push(Change::Lasts);
        }
        let silent_since = recovery.and_then(|recovery| recovery.silent_since);
        changes.extend(self.fall_silent(silent_since, policy));
        let is_urgent = |change: &Change| match change {
            // Another diagnosis is always a worse one.
            Change::Lasts | Change::NobodyCalls(_) | Change::Diagnosis { .. } => true,
            Change::Attributed(_) | Change::Refuted(_) | Change::Callers { .. } => false,
            Change::Operation(_) | Change::Works(_) | Change::AwsHealth => false,
            // One region by itself knows nothing of others.
            Change::FailsIn { .. } | Change::WorksIn { .. } | Change::Portal { .. } => false,
        };
        if changes.iter().any(is_urgent) || !changes.is_empty() && self.may_change(policy, now) {
            self.changed_at = Some(now);
            self.mark_reported(verdict, now);
            return Some(Happened::Changed(changes));
        }
        let every = if self.key().is_some() { policy.reminder_apart } else { policy.reminder };
        let is_reminded = self.silent_since.or(silent_since).is_none() && self.acknowledged_at(now).is_none();
        if before(now, every) >= self.notified_at && is_reminded {
            self.mark_reported(verdict, now);
            return Some(Happened::Reminder);
        }
        let is_due = known.noted_at.is_none_or(|noted| noted <= before(now, NOTED_EVERY));
        if is_due && self.has_more_than(&known) {
            self.noted_at = Some(now);
        } else {
            *self = known;
        }
        None
    }

    fn resolve(&mut self, verdict: &Verdict, recovery: &Recovery, now: Timestamp) {
        self.resolved_at = recovery.over_at;
        self.proved = recovery.proved;
        self.mark_reported(verdict, now);
        self.reasons = bounded(&recovery.reasons);
    }

    /// Whether that is a new incident, long after the last call of one that nobody calls about any more.
    fn is_outlived_by(&self, verdict: &Verdict, policy: &Policy) -> bool {
        // A tool that nobody used for a while is the same when it is used again.
        let silent = self.silent_since.filter(|_| self.key().is_none());
        let latest = silent.and_then(|silent| silent.checked_add(policy.quiet_anew).ok());
        let began = verdict.enough_at.filter(|_| self.is_in(verdict));
        latest.zip(began).is_some_and(|(latest, began)| began > latest)
    }

    /// Ends it without proof.
    fn give_up(&mut self, verdict: &Verdict, now: Timestamp) -> Happened {
        let reason =
            "nobody called for more than an hour, so nothing confirms the recovery; calls fail again".to_owned();
        let recovery = Recovery { over_at: self.silent_since, reasons: vec![reason], ..Recovery::default() };
        self.resolve(verdict, &recovery, now);
        Happened::Resolved(recovery)
    }

    /// People are notified once that nobody calls. It holds until somebody does.
    fn fall_silent(&mut self, silent_since: Option<Timestamp>, policy: &Policy) -> Option<Change> {
        if self.key().is_some() {
            // It is no news that one tool is not used for a while.
            return None;
        }
        match (self.silent_since, silent_since) {
            (None, Some(since)) => {
                self.silent_since = Some(since);
                Some(Change::NobodyCalls(since))
            }
            (Some(reported), None) => {
                // After that it must be checked whether it is the same problem.
                let is_the_same = self
                    .last_failure
                    .is_some_and(|latest| latest > reported && before(latest, policy.quiet_anew) <= reported);
                if is_the_same {
                    self.silent_since = None;
                }
                None
            }
            (None, None) | (Some(_), Some(_)) => None,
        }
    }

    /// Whether the verdict makes it worse than it was. Another problem replaces it only then; a lesser one is no news
    /// until this one is over.
    fn turns_into(&self, verdict: &Verdict) -> bool {
        verdict.diagnosis.is_incident() && verdict.diagnosis < self.diagnosis
    }

    fn turn_into(&mut self, verdict: &Verdict, now: Timestamp) {
        if self.concern.key() != verdict.concern.key() {
            self.begin_run(verdict, now);
            self.note(verdict, None, now);
        } else if verdict.opening.is_some() {
            self.opening.clone_from(&verdict.opening);
        }
        self.diagnosis = self.diagnosis.min(verdict.diagnosis);
    }

    fn count_anew(&mut self) {
        self.victims.clear();
        self.people = true;
        self.seen.clear();
        self.earlier = Earlier { over_for: self.earlier.over_for, ..Earlier::default() };
        self.failures_at.clear();
        self.failures_before = 0;
        self.callers = 0;
    }

    /// Counted anew from here on.
    fn begin_run(&mut self, verdict: &Verdict, now: Timestamp) {
        if self.concern.key() != verdict.concern.key() {
            self.count_anew();
            self.scope = Scope { shared: self.scope.shared.take(), ..verdict.scope.clone() };
        }
        self.concern = verdict.concern.clone();
        self.since = verdict.since.unwrap_or(now);
        self.enough_at = verdict.enough_at.map_or(now, |at| at.min(now));
        self.opening = verdict.opening.clone();
        self.chance_years = verdict.chance_years;
        self.silent_since = None;
        self.parts.clear();
        self.reported_callers = 0;
        self.reported_operations.clear();
    }

    /// Changes that were not reported yet. They are measured against the latest notice, so what must wait is not
    /// forgotten.
    fn changes(&self, known: &Self, verdict: &Verdict, turns: bool) -> Vec<Change> {
        let mut changes = Vec::new();
        if turns {
            changes.push(Change::Diagnosis { from: self.diagnosis, to: verdict.diagnosis });
        }
        if self.is_in(verdict) {
            if self.callers >= 2 * self.reported_callers.max(1) {
                changes.push(Change::Callers { affected: self.callers, reported: self.reported_callers });
            }
            let enough = verdict.parts.iter().filter(|part| part.is_enough).filter_map(|part| part.operation);
            let new = enough.filter(|operation| !self.reported_operations.contains(operation));
            changes.extend(new.map(Change::Operation));
        }
        // Only while others fail: if all of them work, the incident is over.
        let works = self.parts.iter().filter(|part| part.proved_at.is_some());
        let news = works.filter(|part| known.parts.iter().any(|old| old.is_same(part) && old.proved_at.is_none()));
        changes.extend(news.filter_map(|part| part.operation).map(Change::Works));
        // AWS knows nothing of our own keys and policies, nor of one tool.
        let is_of_aws = !matches!(self.concern, Concern::Admin { .. }) && self.key().is_none();
        if verdict.health && !self.reported_health && is_of_aws {
            changes.push(Change::AwsHealth);
        }
        changes
    }

    pub(crate) fn may_change(&self, policy: &Policy, now: Timestamp) -> bool {
        let latest = self.changed_at.max(self.reopened_at).max(Some(self.opened_at));
        latest <= Some(before(now, policy.changed_every))
    }

    /// Counts its next notice, which reports the verdict.
    fn mark_reported(&mut self, verdict: &Verdict, now: Timestamp) {
        self.sequence += 1;
        self.notified_at = now;
        self.noted_at = Some(now);
        self.page();
        self.reported_health |= verdict.health;
        if self.is_in(verdict) {
            self.reported_callers = self.reported_callers.max(self.callers);
            let is_enough =
                |operation| verdict.parts.iter().any(|part| part.is_enough && part.operation == Some(operation));
            let any = verdict.parts.iter().any(|part| part.is_enough);
            let reported = verdict.operations.keys().copied().filter(|operation| !any || is_enough(*operation));
            self.reported_operations.extend(reported);
            self.reasons = bounded(&verdict.reasons);
            // What an earlier release did not keep, or what only the present supports, is kept as it is first reported.
            if self.opening.is_none() {
                self.opening.clone_from(&verdict.opening);
            }
        }
    }

    /// Raises or ends the alarm at a paging service: only a page is one.
    fn page(&mut self) {
        let pages = self.is_open() && self.severity == Severity::Page;
        let change = if pages { Alarm::Alarm } else { Alarm::Ok };
        self.alarm_change = (pages != self.is_paged).then_some(change);
        self.is_paged = pages;
    }
}

/// Its region and the second in which it was opened, and what it is of.
fn id(region: &Region, apart: Option<SharedKey>, opened_at: Timestamp) -> String {
    let at = opened_at.strftime("%Y%m%dT%H%M%SZ");
    match apart {
        None => format!("{region}-{at}"),
        Some(shared) => format!("{region}-{at}-{}", shared.cell().to_string().replace('/', "-")),
    }
}

impl Ledger {
    /// What happens to the incident of one tool, network or application.
    fn apart(
        &mut self,
        verdict: &Verdict,
        whole: &Verdict,
        recovery: Option<&Recovery>,
        turning: &mut Turning<'_>,
    ) -> Vec<Event> {
        let (key, now) = (verdict.apart, turning.now);
        let place = self.apart.iter().position(|incident| incident.key() == key);
        // The rest of the affected callers is not enough by itself.
        let is_of_region_too = whole.enough_at.is_some() || whole.probe_lasts || whole.step == Some(StepState::Down);
        if verdict.explains_open
            && !is_of_region_too
            && let Some(mut incident) = self.incident.take_if(|incident| incident.is_open())
        {
            incident.attribute(verdict, now);
            let change = verdict.scope.shared.clone().map(Change::Attributed);
            place.map(|place| self.apart.remove(place));
            self.apart.push(incident);
            return vec![Event::OfIncident(key, Happened::Changed(change.into_iter().collect()))];
        }
        if verdict.is_refuted
            && self.open().is_none()
            && let Some(place) = place.filter(|place| self.apart[*place].is_open())
        {
            let mut incident = self.apart.remove(place);
            let change = incident.scope.shared.clone().map(Change::Refuted);
            incident.refute(whole, now);
            self.incident = Some(incident);
            return vec![Event::OfIncident(None, Happened::Changed(change.into_iter().collect()))];
        }
        let mut latest = place.map(|place| self.apart.remove(place));
        let happened = live(&mut latest, verdict, recovery, turning);
        match (place, latest) {
            (Some(place), Some(incident)) => self.apart.insert(place, incident),
            (_, incident) => self.apart.extend(incident),
        }
        happened.into_iter().map(|what| Event::OfIncident(key, what)).collect()
    }

    /// Drops attributed incidents that are long over; of too many the oldest.
    fn forget_apart(&mut self, now: Timestamp) {
        let from = before(now, APART_KEPT);
        self.apart.retain(|incident| incident.resolved_at.is_none_or(|resolved| resolved >= from));
        while self.apart.len() > APART_KEPT_MAX
            && let Some(oldest) = self
                .apart
                .iter()
                .enumerate()
                .min_by_key(|(_, incident)| (incident.is_open(), incident.notified_at))
                .map(|(place, _)| place)
        {
            self.apart.remove(oldest);
        }
    }
}

impl Incident {
    /// It was reported as the region's, and is of one tool, network or application. A page stays a page to its end.
    fn attribute(&mut self, verdict: &Verdict, now: Timestamp) {
        self.was_of_region = true;
        self.rename(verdict, now);
    }

    /// It was attributed to one of these, and is the service's after all.
    fn refute(&mut self, whole: &Verdict, now: Timestamp) {
        self.refuted.extend(self.key());
        self.was_of_region = false;
        self.rename(whole, now);
    }

    /// It is what the verdict says, and was reported as another problem.
    fn rename(&mut self, verdict: &Verdict, now: Timestamp) {
        if before(now, RECOUNTED_WITHIN) <= self.opened_at {
            self.count_anew();
        }
        self.scope = verdict.scope.clone();
        self.diagnosis = verdict.diagnosis;
        self.opening.clone_from(&verdict.opening);
        self.parts.clear();
        self.note(verdict, None, now);
        self.changed_at = Some(now);
        self.mark_reported(verdict, now);
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

    /// The advice notices that are due.
    fn advise(&mut self, verdict: &Verdict, now: Timestamp) -> Vec<Advised> {
        let mut due = Vec::new();
        for advised in &verdict.advised {
            // Even without a quiet time the same advice is given once a second.
            let quiet_for = advised.quiet_for.max(Duration::from_secs(1));
            let sent_since = before(now, quiet_for);
            let is_due =
                !self.advised.iter().any(|(key, reported)| *reported > sent_since && is_the_same(key, &advised.key));
            if is_due && due.len() < ADVICE_PER_TURN {
                self.advised.insert(advised.key.clone(), now);
                due.push(advised.clone());
            }
        }
        forget_the_oldest(&mut self.advised);
        due
    }
}

/// Whether two advice notices report one problem: throttling is one, whether its talker is known or not yet.
fn is_the_same(reported: &str, key: &str) -> bool {
    let is_of_talker = |key: &str| key.starts_with(TALKER);
    reported == key || reported == THROTTLING && is_of_talker(key) || is_of_talker(reported) && key == THROTTLING
}

fn forget_the_oldest<K: Clone + Ord>(times: &mut BTreeMap<K, Timestamp>) {
    while times.len() > REMEMBERED_MAX
        && let Some((key, _)) = times.iter().min_by_key(|(_, at)| **at)
    {
        let key = key.clone();
        times.remove(&key);
    }
}
