//! What happens in one region, told as part of what happens in all of them.
//!
//! In: the events of one region's turn. Out: the events as people are notified of them, and what the parts of one incident
//! have in common, in the ledger of each.

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::{before, lasted};

use super::member::Member;
use super::standing::{linked, standings};
use super::together::incident_of_all;
use crate::ledger::{Alarm, Incident, Ledger};
use crate::policy::Policy;
use crate::scope::SharedKey;
use crate::silence::{Known, Withheld};
use crate::turn::{Change, Event, Happened};
use crate::verdict::{Recovery, Severity};

pub struct Fold<'a> {
    pub members: &'a [Member<'a>],
    /// The one whose turn it is.
    pub own: usize,
    /// Of all members, as they will be.
    pub ledgers: Vec<Ledger>,
    pub given_up: Vec<Incident>,
    pub policy: &'a Policy,
    pub now: Timestamp,
}

impl Fold<'_> {
    /// None where it is no news. `before`: the region's ledger before its turn.
    pub fn told(&mut self, event: Event, before: &Ledger) -> Option<Event> {
        let Event::OfIncident(key, what) = event else { return Some(event) };
        let what = match what {
            Happened::Opened => self.begins(key, None, before),
            Happened::Reopened { over_since } => self.begins(key, Some(over_since), before),
            Happened::Changed(changes) => self.changes(key, changes, before)?,
            Happened::Resolved(recovery) => self.ends(key, recovery)?,
            Happened::Unsilenced(withheld) => self.is_heard_of(key, withheld),
            Happened::Reminder => what,
        };
        Some(Event::OfIncident(key, what))
    }

    fn region(&self) -> &Region {
        self.members[self.own].region
    }

    fn others(&self) -> impl Iterator<Item = &Ledger> {
        let own = self.own;
        self.ledgers.iter().enumerate().filter(move |(place, _)| *place != own).map(|(_, ledger)| ledger)
    }

    /// The open parts of an incident in other regions.
    fn peers(&self, known_as: &str) -> Vec<Incident> {
        let open = self.others().flat_map(Ledger::open_incidents);
        open.filter(|part| part.known_as() == known_as).cloned().collect()
    }

    /// Another region may have it already, or had it just now.
    fn begins(&mut self, key: Option<SharedKey>, over_since: Option<Timestamp>, before_turn: &Ledger) -> Happened {
        let alone = || over_since.map_or(Happened::Opened, |over_since| Happened::Reopened { over_since });
        let latest: Vec<Incident> = self.others().filter_map(|ledger| ledger.latest(key)).cloned().collect();
        let everywhere = self.ledgers.iter().all(|ledger| ledger.open().is_some());
        let (region, reopen) = (self.region().clone(), self.policy.reopen);
        let open = latest.iter().filter(|other| other.is_open()).min_by_key(|other| other.opened_at);
        let over_before = before_turn.latest(key).map(|known| known.earlier.over_for).unwrap_or_default();
        let Some(own) = self.ledgers[self.own].latest_mut(key) else { return alone() };
        if let Some(peer) = open {
            own.join(peer);
            // It was never over: it failed there.
            own.earlier.over_for = if over_since.is_some() { over_before } else { own.earlier.over_for };
            let is_unheard_of = latest.iter().filter(|other| other.is_open()).all(is_unheard_of);
            if is_unheard_of && own.withheld.is_none() {
                return Happened::Opened;
            }
            own.changed_at = Some(self.now);
            return Happened::Changed(vec![Change::FailsIn { region, everywhere }]);
        }
        let is_the_same = |other: &&Incident| other.concern.key() == own.concern.key();
        let ended = latest.iter().filter(is_the_same).max_by_key(|other| other.resolved_at);
        let Some((ended, over)) = ended.and_then(|ended| Some((ended, ended.resolved_at?))) else { return alone() };
        let since = own.since.min(self.now);
        match over_since {
            // The same incident was over later in another region.
            Some(over_since) if ended.known_as() == own.known_as() && over > over_since => {
                own.earlier.over_for = over_before + lasted(ended.ended(), since);
                Happened::Reopened { over_since: over }
            }
            Some(_) => alone(),
            None if before(since, reopen) <= over => {
                own.join(ended);
                own.reopened = ended.reopened + 1;
                own.reopened_at = Some(self.now);
                own.earlier.over_for += lasted(ended.ended(), since);
                Happened::Reopened { over_since: over }
            }
            None => alone(),
        }
    }

    /// Whatever is known of another part already is no news of the whole.
    fn changes(&mut self, key: Option<SharedKey>, changes: Vec<Change>, before_turn: &Ledger) -> Option<Happened> {
        let Some(own) = self.ledgers[self.own].latest(key).cloned() else { return Some(Happened::Changed(changes)) };
        let peers = self.peers(own.known_as());
        if peers.is_empty() {
            return Some(Happened::Changed(changes));
        }
        // What was held back is known to nobody.
        let known: Vec<&Incident> =
            peers.iter().filter(|peer| own.withheld.is_some() || peer.withheld.is_none()).collect();
        let of_all = incident_of_all(&self.ledgers, &own);
        let worst = known.iter().map(|peer| peer.diagnosis).min();
        let reported = known.iter().map(|peer| peer.reported_callers).max();
        let is_paged = known.iter().any(|peer| peer.is_paged);
        let news = |change: Change| match (change, worst, reported) {
            (Change::Diagnosis { from, to }, Some(worst), _) => {
                (to < worst).then_some(Change::Diagnosis { from: from.min(worst), to })
            }
            // The rest of it is not of that tool.
            (Change::Attributed(_) | Change::Refuted(_), ..) => None,
            (Change::Callers { .. }, _, Some(reported)) => (of_all.callers >= 2 * reported.max(1))
                .then_some(Change::Callers { affected: of_all.callers, reported }),
            (change, ..) => self.is_news_beside(&known, &peers, &own, &change).then_some(change),
        };
        let all = changes.clone();
        let changes: Vec<Change> = changes.into_iter().filter_map(news).collect();
        if !changes.is_empty() {
            return Some(Happened::Changed(changes));
        }
        let before = before_turn.incidents().find(|known| known.id == own.id).unwrap_or(&own).clone();
        if own.is_paged && !before.is_paged && !is_paged {
            // The pager has no other notice.
            return Some(Happened::Changed(all));
        }
        // No notice: nothing is counted as one.
        if let Some(own) = self.ledgers[self.own].latest_mut(key) {
            (own.sequence, own.notified_at, own.changed_at) = (before.sequence, before.notified_at, before.changed_at);
            (own.is_paged, own.alarm_change) = (before.is_paged, before.alarm_change);
        }
        None
    }

    /// Whether a change of one part is news beside the others: of what people know, and of what still fails.
    fn is_news_beside(&self, known: &[&Incident], peers: &[Incident], own: &Incident, change: &Change) -> bool {
        match change {
            Change::Operation(operation) => !known.iter().any(|peer| peer.reported_operations.contains(operation)),
            Change::Works(operation) => {
                let fails = |peer: &Incident| {
                    peer.parts.iter().any(|part| part.operation == Some(*operation) && part.proved_at.is_none())
                };
                !peers.iter().any(fails)
            }
            Change::NobodyCalls(_) => peers.iter().all(|peer| peer.silent_since.is_some()),
            Change::AwsHealth => !known.iter().any(|peer| peer.reported_health),
            Change::Lasts => own.alarm_change.is_some() || !known.iter().any(|peer| peer.severity == Severity::Page),
            Change::Diagnosis { .. }
            | Change::Callers { .. }
            | Change::Attributed(_)
            | Change::Refuted(_)
            | Change::FailsIn { .. }
            | Change::WorksIn { .. }
            | Change::Portal { .. } => true,
        }
    }

    /// It is silenced no more. People know it already where another part of it was not held back.
    fn is_heard_of(&self, key: Option<SharedKey>, withheld: Withheld) -> Happened {
        let own = self.ledgers[self.own].latest(key);
        let is_known = own.is_some_and(|own| !self.peers(own.known_as()).iter().all(is_unheard_of));
        Happened::Unsilenced(if is_known { Withheld { known: Known::Open, ..withheld } } else { withheld })
    }

    /// The whole is over when its last part is.
    fn ends(&mut self, key: Option<SharedKey>, recovery: Recovery) -> Option<Happened> {
        let region = self.region().clone();
        let given_up = self.given_up.iter().find(|incident| incident.key() == key);
        let is_given_up = given_up.is_some();
        let Some(own) = given_up.or_else(|| self.ledgers[self.own].latest(key)).cloned() else {
            return Some(Happened::Resolved(recovery));
        };
        if self.peers(own.known_as()).is_empty() {
            let of_all = incident_of_all(&self.ledgers, &own);
            return Some(Happened::Resolved(Recovery {
                over_at: of_all.resolved_at,
                proved: of_all.proved,
                ..recovery
            }));
        }
        if is_given_up {
            // The one that takes its place is a part of the same.
            return None;
        }
        if let Some(ended) = self.ledgers[self.own].latest_mut(key) {
            // The alert stays open for the other regions.
            (ended.alarm_change, ended.is_paged) = (None, false);
            ended.changed_at = Some(self.now);
        }
        Some(Happened::Changed(vec![Change::WorksIn { region, proved: recovery.proved }]))
    }

    /// What the parts of one incident have in common. `speaks`: a notice says where sign-in works.
    pub fn finish(&mut self, speaks: bool) {
        if speaks {
            let known_as = self.ledgers[self.own].incident.as_ref().map(Incident::known_as);
            let standings = standings(self.members, &self.ledgers, known_as, self.now);
            if let Some(own) = &mut self.ledgers[self.own].incident {
                own.among.linked = linked(&standings, own.among.linked.as_ref()).cloned();
            }
        }
        let before = &self.members[self.own].view.ledger;
        let is_told = |own: &&Incident| {
            let known = before.incidents().find(|known| known.id == own.id);
            known.is_none_or(|known| (known.sequence, known.known_as()) != (own.sequence, own.known_as()))
        };
        let mut told: Vec<Incident> = self.ledgers[self.own].incidents().filter(is_told).cloned().collect();
        for own in &mut told {
            // No other part has a notice of that number.
            let of_it = |part: &&Incident| part.known_as() == own.known_as() && part.id != own.id;
            let others = self.ledgers.iter().flat_map(Ledger::incidents).chain(&self.given_up).filter(of_it);
            own.sequence = own.sequence.max(others.map(|part| part.sequence + 1).max().unwrap_or(0));
        }
        for own in told {
            self.ledgers[self.own]
                .incidents_mut()
                .filter(|part| part.id == own.id)
                .for_each(|part| part.sequence = own.sequence);
            let callers = incident_of_all(&self.ledgers, &own).callers;
            let open = |part: &&mut Incident| part.is_open() && part.known_as() == own.known_as();
            for part in self.ledgers.iter_mut().flat_map(Ledger::incidents_mut).filter(open) {
                part.share(&own, callers);
            }
        }
    }

    /// The region's ledger, with each incident as all regions together have it.
    pub fn of_all(&self) -> Ledger {
        let of_all = |incident: &Incident| incident_of_all(&self.ledgers, incident);
        let own = &self.ledgers[self.own];
        Ledger {
            incident: own.incident.as_ref().map(of_all),
            apart: own.apart.iter().map(of_all).collect(),
            ..own.clone()
        }
    }

    pub fn given_up_of_all(&self) -> Vec<Incident> {
        self.given_up.iter().map(|incident| incident_of_all(&self.ledgers, incident)).collect()
    }
}

/// It is open, and all of it was held back.
fn is_unheard_of(part: &Incident) -> bool {
    part.withheld.as_ref().is_some_and(|withheld| withheld.known == Known::Nothing)
}

impl Incident {
    /// It is a part of what another region has, or had.
    fn join(&mut self, other: &Self) {
        self.among.part_of = Some(other.known_as().to_owned()).filter(|id| *id != self.id);
        self.among.linked.clone_from(&other.among.linked);
        self.sequence = other.sequence + 1;
        if other.is_open() {
            self.acknowledged.clone_from(&other.acknowledged);
            if other.withheld.is_none() {
                self.severity = self.severity.min(other.severity);
            }
            if other.is_paged {
                // Whoever is awake is not woken again.
                self.alarm_change = self.alarm_change.filter(|change| *change != Alarm::Alarm);
                self.is_paged = true;
            }
        }
    }

    /// Takes over what the latest notice of another part says of the whole.
    fn share(&mut self, told: &Self, callers: usize) {
        self.sequence = self.sequence.max(told.sequence);
        self.among.linked.clone_from(&told.among.linked);
        if told.withheld.is_some() && self.withheld.is_none() {
            // People got no notice: what they are to know of this part is still to be said.
            return;
        }
        self.notified_at = self.notified_at.max(told.notified_at);
        self.changed_at = self.changed_at.max(told.changed_at);
        self.reported_callers = self.reported_callers.max(callers);
        self.reported_health |= told.reported_health;
        if told.is_open() {
            self.severity = self.severity.min(told.severity);
            self.is_paged |= told.is_paged;
        }
    }
}
