//! One incident of several regions of one replicated Identity Center.
//!
//! In: what is known of each region, with the evaluation of it and how its recoveries stand. Out: a [`SharedTurn`]: the ledgers
//! that change, and what happened as of all regions together. Each region lives as if it were alone ([`crate::incident`]), on
//! evidence of its own: a served call in one region proves nothing for another. What happens there is then told as part of
//! the incident that is open in any of them: one id, one page, one end. It keeps nothing beside the regions' own ledgers, so
//! that regions may become replicas, or cease to be, while an incident is open.
//!
//! One region at a time takes its turn. A turn is stored only on the versions of all ledgers that it was decided on.

mod fold;
mod member;
mod standing;
mod together;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use triage_model::region::Region;

use self::fold::Fold;
pub use self::member::Member;
use self::standing::{linked, standings};
use self::together::{evaluation_of_all, incident_of_all, recoveries_of_all};
use crate::incident::{Recoveries, turn as turn_of_one};
use crate::ledger::{Incident, Ledger};
use crate::policy::Policy;
use crate::replica::ReplicaStanding;
use crate::turn::{Change, Event, Happened, Turn};
use crate::verdict::Evaluation;

/// A turn of all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedTurn {
    /// The region in which something happened.
    pub region: Region,
    /// Those that change.
    pub ledgers: BTreeMap<Region, Ledger>,
    /// What happened, with each incident as all regions together have it: for notices, and not to be kept.
    pub reported: Turn,
    pub evaluation: Evaluation,
    pub recoveries: Recoveries,
    /// In the order of the regions.
    pub standings: Vec<ReplicaStanding>,
}

/// The next turn, if there is one. `members`: in the order of the setting.
pub fn turn(members: &[Member<'_>], policy: &Policy, now: Timestamp) -> Option<SharedTurn> {
    for (own, member) in members.iter().enumerate() {
        let Member { region, view, evaluation, recoveries } = member;
        if let Some(turn) = turn_of_one(region, &view.ledger, evaluation, recoveries, policy, now) {
            return Some(shared(members, own, turn, policy, now));
        }
    }
    relink(members, policy, now)
}

/// What one region's turn is for all of them.
fn shared(members: &[Member<'_>], own: usize, turn: Turn, policy: &Policy, now: Timestamp) -> SharedTurn {
    let Turn { ledger, given_up, happened, withheld } = turn;
    let ledgers = members.iter().map(|member| member.view.ledger.clone()).collect();
    let mut fold = Fold { members, own, ledgers, given_up, policy, now };
    let before = std::mem::replace(&mut fold.ledgers[own], ledger);
    let happened: Vec<Event> = happened.into_iter().filter_map(|event| fold.told(event, &before)).collect();
    let speaks = |event: &Event| matches!(event, Event::OfIncident(None, _));
    fold.finish(happened.iter().any(speaks));
    reported(members, own, fold, happened, withheld)
}

fn reported(members: &[Member<'_>], own: usize, fold: Fold<'_>, happened: Vec<Event>, withheld: usize) -> SharedTurn {
    let all = Turn { ledger: fold.of_all(), given_up: fold.given_up_of_all(), happened, withheld };
    let known_as = fold.ledgers[own].incident.as_ref().map(Incident::known_as);
    let standings = standings(members, &fold.ledgers, known_as, fold.now);
    let (evaluation, recoveries) =
        (evaluation_of_all(members, own, &fold.ledgers), recoveries_of_all(members, own, &fold.ledgers));
    let changed = members.iter().zip(fold.ledgers).filter(|(member, ledger)| member.view.ledger != *ledger);
    let ledgers = changed.map(|(member, ledger)| (member.region.clone(), ledger)).collect();
    SharedTurn { region: members[own].region.clone(), ledgers, reported: all, evaluation, recoveries, standings }
}

/// The portal that people were given leads nowhere any more, or one that leads in is known now. It waits like any change
/// that is no escalation.
fn relink(members: &[Member<'_>], policy: &Policy, now: Timestamp) -> Option<SharedTurn> {
    let ledgers: Vec<Ledger> = members.iter().map(|member| member.view.ledger.clone()).collect();
    for own in 0..members.len() {
        let Some(incident) = ledgers[own].open() else { continue };
        let standings = standings(members, &ledgers, Some(incident.known_as()), now);
        let found = linked(&standings, incident.among.linked.as_ref()).cloned();
        let lost = incident.among.linked.clone();
        // The first portal that leads in is worth a notice at once.
        let is_first = lost.is_none() && incident.changed_at.is_none();
        // A silence is about what is told of this region.
        if found == lost || incident.withheld.is_some() || !is_first && !incident.may_change(policy, now) {
            continue;
        }
        let mut fold = Fold { members, own, ledgers, given_up: Vec::new(), policy, now };
        if let Some(incident) = &mut fold.ledgers[own].incident {
            incident.sequence += 1;
            (incident.notified_at, incident.changed_at, incident.alarm_change) = (now, Some(now), None);
        }
        fold.finish(true);
        let happened = vec![Event::OfIncident(None, Happened::Changed(vec![Change::Portal { lost, found }]))];
        return Some(reported(members, own, fold, happened, 0));
    }
    None
}

/// An incident as all regions together have it.
#[derive(Clone, Debug, PartialEq)]
pub struct AsKnown {
    pub incident: Incident,
    pub evaluation: Evaluation,
    pub recoveries: Recoveries,
    /// In the order of the regions.
    pub standings: Vec<ReplicaStanding>,
}

/// The incidents of all regions, each once.
pub fn as_known(members: &[Member<'_>], now: Timestamp) -> Vec<AsKnown> {
    let ledgers: Vec<Ledger> = members.iter().map(|member| member.view.ledger.clone()).collect();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    // What is open speaks for its parts that are over.
    for is_open in [true, false] {
        for (own, ledger) in ledgers.iter().enumerate() {
            for incident in ledger.incidents().filter(|incident| incident.is_open() == is_open) {
                if seen.insert(incident.known_as().to_owned()) {
                    all.push(AsKnown {
                        incident: incident_of_all(&ledgers, incident),
                        evaluation: evaluation_of_all(members, own, &ledgers),
                        recoveries: recoveries_of_all(members, own, &ledgers),
                        standings: standings(members, &ledgers, Some(incident.known_as()), now),
                    });
                }
            }
        }
    }
    all
}
