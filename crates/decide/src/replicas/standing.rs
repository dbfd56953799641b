//! Where sign-in works, by proof.
//!
//! In: the regions, and their ledgers as they are about to be. Out: a [`ReplicaStanding`] of each, and the one whose portal people
//! are given. A region without an open incident does not work for that alone: somebody must have been served there lately, or
//! a probe be well.

use std::time::Duration;

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::is_within;

use super::member::Member;
use crate::ledger::{Incident, Ledger};
use crate::probe::StepState;
use crate::replica::{ReplicaStanding, Standing};

/// So long after its confirmation a recovery is proof by itself: what is served is evidence for as long.
const PROOF_LASTS: Duration = Duration::from_secs(5 * 60);

/// `known_as`: the incident in question.
pub fn standings(
    members: &[Member<'_>],
    ledgers: &[Ledger],
    known_as: Option<&str>,
    now: Timestamp,
) -> Vec<ReplicaStanding> {
    let of = |(member, ledger): (&Member<'_>, &Ledger)| {
        let is_of_it = |incident: &&Incident| known_as.is_some_and(|id| incident.goes_by(id));
        let part = ledger.incidents().find(is_of_it);
        let failed = part.map(|part| (part.began(), part.ended()));
        let (standing, since) = match ledger.open() {
            Some(open) => (Standing::Fails, Some(open.began())),
            None if is_just_proved(ledger, now) && !is_down(member) || works(member) => {
                (Standing::Works, part.and_then(|part| part.resolved_at))
            }
            None => (Standing::Unknown, None),
        };
        ReplicaStanding { region: member.region.clone(), standing, since, failed }
    };
    members.iter().zip(ledgers).map(of).collect()
}

fn is_just_proved(ledger: &Ledger, now: Timestamp) -> bool {
    let ended = ledger.incident.as_ref().filter(|incident| incident.proved);
    ended.and_then(|incident| incident.resolved_at).is_some_and(|at| is_within(at, now, PROOF_LASTS))
}

/// A probe fails, or nobody can read whether it does.
fn is_down(member: &Member<'_>) -> bool {
    member.view.trouble.is_some() || member.evaluation.region.probe == Some(StepState::Down)
}

/// More callers are served than fail, or a probe is well and nobody fails.
fn works(member: &Member<'_>) -> bool {
    let verdict = &member.evaluation.region;
    let is_served = verdict.served > verdict.callers;
    let is_well = verdict.probe == Some(StepState::Healthy) && verdict.callers == 0;
    !is_down(member) && !verdict.diagnosis.is_incident() && (is_served || is_well)
}

/// The region whose portal people are given: the one that they were given before, while it works.
pub fn linked<'a>(standings: &'a [ReplicaStanding], before: Option<&Region>) -> Option<&'a Region> {
    let mut working = standings.iter().filter(|one| one.standing == Standing::Works).map(|one| &one.region);
    let first = working.clone().next();
    working.find(|region| Some(*region) == before).or(first)
}
