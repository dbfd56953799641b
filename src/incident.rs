//! The life of an incident, from open to resolved.
//!
//! In: the [`Ledger`] of a region, the [`Verdict`] on it, how far recovery is proved, the [`Policy`] and `now`. Out: a
//! [`Step`] (the new ledger and the notices that go with it), or nothing where nothing changes. Pure: whoever takes the
//! step does so from the version that it was decided on, so that of all who decide at once one is heard.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnose::recovery::Recovery;
use crate::diagnose::{Concern, Diagnosis, Severity, Verdict};
use crate::evidence::before;
use crate::notify::words::{clock, trouble};
use crate::notify::{Alarm, Notice, NoticeKind, bounded};
use crate::observation::Operation;
use crate::outbox::{Channel, Letter, letters};
use crate::policy::Policy;
use crate::region::Region;

/// What was decided and told of one region. One item of the store, changed by one step at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The latest incident, open or resolved.
    pub incident: Option<Incident>,
    /// When the latest one that was resolved was over, also while the next one is open.
    pub settled_until: Option<Timestamp>,
    /// Callers whose failures are left out of the tests until they are served (by
    /// [`crate::caller::CallerHash::to_bits`]), and since when.
    pub left_out: BTreeMap<u64, Timestamp>,
    /// When each advice was told, by its key ([`crate::diagnose::Advised::key`]).
    pub advised: BTreeMap<String, Timestamp>,
    /// The position of the next entry in the outbox.
    pub next_position: u64,
}

/// One trouble in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its region and the second in which it was opened.
    pub id: String,
    pub region: Region,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    /// What it is about: only failures of this kind keep it open.
    pub concern: Concern,
    pub opened_at: Timestamp,
    /// The first failure of the run that opened it, reopened it, or turned it into what it is about now: a proof of
    /// recovery begins no earlier.
    pub since: Timestamp,
    /// When what spoke for that was enough, by the time of what occurred: from then on calls are proof of recovery. They
    /// may have come late, all of them together.
    pub enough_at: Timestamp,
    /// None while it is open. What occurred before does not reopen it.
    pub resolved_at: Option<Timestamp>,
    /// Each doubles the waiting time for the next proof.
    pub reopened: u32,
    pub reopened_at: Option<Timestamp>,
    /// The most callers that were hit at one time.
    pub callers: usize,
    pub reasons: Vec<String>,
    /// The sequence of its latest notice.
    pub sequence: u32,
    /// When its latest notice was made, and the latest that was a `changed`.
    pub told_at: Timestamp,
    pub changed_at: Option<Timestamp>,
    /// What its notices have told of its present concern.
    pub told_callers: usize,
    pub told_operations: BTreeSet<Operation>,
    pub told_health: bool,
    /// Whether a paging service has it as an alarm, and what its latest notice changed about that.
    pub is_paged: bool,
    pub alarm_change: Option<Alarm>,
}

impl Incident {
    pub const fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }
}

impl Ledger {
    pub fn open(&self) -> Option<&Incident> {
        self.incident.as_ref().filter(|incident| incident.is_open())
    }

    /// What occurred up to this time is told and settled: it opens and reopens nothing.
    pub fn settled_until(&self) -> Option<Timestamp> {
        self.settled_until.max(self.incident.as_ref().and_then(|incident| incident.resolved_at))
    }
}

/// What the lifecycle does next.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub ledger: Ledger,
    /// In the order in which they are to be told: the first takes the old ledger's `next_position`.
    pub letters: Vec<Letter>,
}

impl Step {
    /// The step as it is taken where there are other channels than the topic.
    #[must_use]
    pub fn for_channels(mut self, channels: &[Channel]) -> Self {
        let notices: Vec<Notice> = self.notices().cloned().collect();
        self.ledger.next_position -= self.letters.len() as u64;
        self.letters = notices.iter().flat_map(|notice| letters(notice, channels)).collect();
        self.ledger.next_position += self.letters.len() as u64;
        self
    }

    /// What people are told.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.letters.iter().filter(|letter| letter.channel == Channel::Topic).map(|letter| &letter.notice)
    }
}

/// Callers left out, and advice remembered, of one region: they are kept in one item.
pub const REMEMBERED_MAX: usize = 256;

/// Advice given in one step, which is one transaction; the rest follows in the next step.
pub const ADVICE_PER_STEP: usize = 8;

/// The next step, if there is one. `recovery` is there for an open incident.
///
/// Other words or other counts alone are no step: a step costs a transaction. Told is told: the same verdict again makes
/// no further step. After a step the region is to be diagnosed anew, because a resolved incident settles what came
/// before.
pub fn step(
    region: &Region,
    ledger: &Ledger,
    verdict: &Verdict,
    recovery: Option<&Recovery>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Step> {
    let mut next = ledger.clone();
    next.leave_out(verdict, now);
    let mut notices = Vec::new();
    notices.extend(match &mut next.incident {
        Some(incident) if incident.is_open() => incident.go_on(verdict, recovery, policy, now),
        latest => begin(latest, region, verdict, policy, now),
    });
    next.settled_until = next.settled_until();
    notices.extend(next.advise(region, verdict, now));
    let letters: Vec<Letter> = notices.iter().flat_map(|notice| letters(notice, &[Channel::Topic])).collect();
    next.next_position += letters.len() as u64;
    (next != *ledger).then_some(Step { ledger: next, letters })
}

/// Opens an incident, or the latest one again.
fn begin(
    latest: &mut Option<Incident>,
    region: &Region,
    verdict: &Verdict,
    policy: &Policy,
    now: Timestamp,
) -> Option<Notice> {
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
            return Some(incident.reopen(resolved_at, verdict, now));
        }
    }
    let opened = Incident::open(region, latest.as_ref(), verdict, now);
    let notice = Notice::of_incident(NoticeKind::Opened, &opened, verdict, &[], now);
    *latest = Some(opened);
    Some(notice)
}

/// Whether anything that speaks for trouble is of after `settled`.
fn is_of_after(verdict: &Verdict, settled: Timestamp) -> bool {
    verdict.is_confirmed() || verdict.latest.is_some_and(|latest| latest > settled)
}

impl Incident {
    fn open(region: &Region, latest: Option<&Self>, verdict: &Verdict, now: Timestamp) -> Self {
        // Two that come to light in one second, or under a clock that was set back, still have ids of their own.
        let opened_at = latest.map_or(now, |latest| now.max(latest.opened_at + Duration::from_secs(1)));
        let mut incident = Self {
            id: format!("{region}-{}", opened_at.strftime("%Y%m%dT%H%M%SZ")),
            region: region.clone(),
            diagnosis: verdict.diagnosis,
            severity: verdict.diagnosis.severity(),
            concern: verdict.concern.clone(),
            opened_at,
            since: verdict.since.unwrap_or(now),
            enough_at: verdict.enough_at.map_or(now, |at| at.min(now)),
            resolved_at: None,
            reopened: 0,
            reopened_at: None,
            callers: 0,
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
        incident.tell(verdict, now);
        incident
    }

    fn reopen(&mut self, resolved_at: Timestamp, verdict: &Verdict, now: Timestamp) -> Notice {
        self.resolved_at = None;
        self.reopened += 1;
        self.reopened_at = Some(now);
        self.begin_run(verdict, now);
        self.turn_into(verdict, now);
        self.tell(verdict, now);
        let back = format!("it is back; it had been over since {}", clock(resolved_at, now));
        Notice::of_incident(NoticeKind::Reopened, self, verdict, &[back], now)
    }

    /// The next notice of an open incident.
    fn go_on(
        &mut self,
        verdict: &Verdict,
        recovery: Option<&Recovery>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Notice> {
        // What a probe still sees, the next verdict would reopen.
        let still_seen = verdict.diagnosis.is_incident() && verdict.is_confirmed();
        let over = recovery.filter(|recovery| recovery.over_at.is_some() && !still_seen);
        let turns = self.turns_into(verdict, over.is_some());
        if let Some(recovery) = over
            && !turns
        {
            return Some(self.resolve(verdict, recovery, now));
        }
        let changes = self.changes(verdict, turns);
        let worse = turns && verdict.diagnosis < self.diagnosis;
        if !changes.is_empty() && (worse || self.may_change(policy, now)) {
            if turns {
                self.turn_into(verdict, now);
            }
            self.changed_at = Some(now);
            self.tell(verdict, now);
            return Some(Notice::of_incident(NoticeKind::Changed, self, verdict, &changes, now));
        }
        if before(now, policy.reminder) >= self.told_at {
            self.tell(verdict, now);
            return Some(Notice::of_incident(NoticeKind::Reminder, self, verdict, &[], now));
        }
        None
    }

    fn resolve(&mut self, verdict: &Verdict, recovery: &Recovery, now: Timestamp) -> Notice {
        self.resolved_at = recovery.over_at;
        self.tell(verdict, now);
        self.reasons = bounded(&recovery.reasons);
        Notice::of_recovery(self, verdict, recovery, now)
    }

    /// Whether the verdict makes it another incident than it was. What is less bad replaces what it was only if that is
    /// the same trouble, or over: a worse one that is not proved over goes on.
    fn turns_into(&self, verdict: &Verdict, is_over: bool) -> bool {
        let about_the_same = self.is_about(&verdict.concern);
        verdict.diagnosis.is_incident()
            && if about_the_same {
                verdict.diagnosis != self.diagnosis && !is_over
            } else {
                verdict.diagnosis < self.diagnosis || is_over
            }
    }

    fn turn_into(&mut self, verdict: &Verdict, now: Timestamp) {
        if !self.is_about(&verdict.concern) {
            self.begin_run(verdict, now);
            self.callers = 0;
        }
        self.diagnosis = verdict.diagnosis;
        self.severity = verdict.diagnosis.severity();
    }

    /// From here on it is counted anew.
    fn begin_run(&mut self, verdict: &Verdict, now: Timestamp) {
        self.concern = verdict.concern.clone();
        self.since = verdict.since.unwrap_or(now);
        self.enough_at = verdict.enough_at.map_or(now, |at| at.min(now));
        self.told_callers = 0;
        self.told_operations.clear();
    }

    /// What was not told yet, in words. It is measured against what was told, so what must wait is not forgotten.
    fn changes(&self, verdict: &Verdict, turns: bool) -> Vec<String> {
        let mut changes = Vec::new();
        if turns {
            changes.push(format!("now {}, until now {}", trouble(verdict.diagnosis), trouble(self.diagnosis)));
        }
        if self.is_in(verdict) {
            if verdict.callers >= 2 * self.told_callers.max(1) {
                changes.push(format!(
                    "{} callers are hit, and were {} when last told",
                    verdict.callers, self.told_callers
                ));
            }
            let new = verdict.operations.keys().filter(|operation| !self.told_operations.contains(operation));
            changes.extend(new.map(|operation| format!("{operation} fails too")));
        }
        // AWS does not know of our own keys and policies.
        if verdict.health && !self.told_health && !matches!(self.concern, Concern::Admin { .. }) {
            changes.push("AWS Health confirms it".to_owned());
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
        }
    }

    /// Raises or ends the alarm at a paging service: only what is worth a page is one.
    fn page(&mut self) {
        let pages = self.is_open() && self.severity == Severity::Page;
        let change = if pages { Alarm::Alarm } else { Alarm::Ok };
        self.alarm_change = (pages != self.is_paged).then_some(change);
        self.is_paged = pages;
    }

    /// Whether the verdict sees this very trouble.
    pub(crate) fn is_in(&self, verdict: &Verdict) -> bool {
        verdict.diagnosis.is_incident() && self.is_about(&verdict.concern)
    }

    /// Names do not matter: they are not always kept.
    fn is_about(&self, concern: &Concern) -> bool {
        match (&self.concern, concern) {
            (Concern::Service, Concern::Service) => true,
            (Concern::Admin { label: mine, .. }, Concern::Admin { label, .. }) => mine == label,
            (
                Concern::Request { label: mine, operation: my_operation, .. },
                Concern::Request { label, operation, .. },
            ) => mine == label && my_operation == operation,
            (Concern::Service | Concern::Admin { .. } | Concern::Request { .. }, _) => false,
        }
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
    fn advise(&mut self, region: &Region, verdict: &Verdict, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        for advised in &verdict.advised {
            // Even what may be said again at once is said once in a second.
            let quiet_for = advised.quiet_for.max(Duration::from_secs(1));
            let is_due = self.advised.get(&advised.key).is_none_or(|told_at| *told_at <= before(now, quiet_for));
            if is_due && notices.len() < ADVICE_PER_STEP {
                self.advised.insert(advised.key.clone(), now);
                notices.push(Notice::of_advice(region, advised, now));
            }
        }
        forget_the_oldest(&mut self.advised);
        notices
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
