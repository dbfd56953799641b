//! The regions that are decided on together: one, or all in which one Identity Center is replicated.
//!
//! In: regions. Out: their groups with what is known of each, and the step that a turn of a group is. The notices of a group go
//! into the outbox of its first region, so that they stay in order.

use std::collections::{BTreeMap, BTreeSet};

use triage_decide::incident::Recoveries;
use triage_decide::ledger::Ledger;
use triage_decide::replicas::Member;
use triage_decide::verdict::{Evaluation, Verdict};
use triage_decide::view::View;
use triage_model::region::Region;
use triage_notify::letter::{Beside, Channel, Step};
use triage_notify::notice::Notice;

use super::parts::Pipeline;
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::{At, Store};

/// What is known of one region of a group.
#[derive(Debug)]
pub struct Known {
    pub region: Region,
    pub view: View,
}

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// The region with those that share its incidents, in the order of the setting.
    pub(super) fn group_of(&self, region: &Region) -> Vec<Region> {
        let replicas: Vec<Region> = self.settings.replicas.iter().map(|replica| replica.region.clone()).collect();
        if replicas.contains(region) { replicas } else { vec![region.clone()] }
    }

    /// The groups of these regions, each once.
    pub(super) fn groups(&self, regions: &BTreeSet<Region>) -> Vec<Vec<Region>> {
        let mut groups: Vec<Vec<Region>> = Vec::new();
        for region in regions {
            if !groups.iter().any(|group| group.contains(region)) {
                groups.push(self.group_of(region));
            }
        }
        groups
    }

    pub(super) async fn known(&self, group: &[Region], fresh: bool, at: At) -> Vec<Known> {
        let mut known = Vec::new();
        for region in group {
            known.push(Known { region: region.clone(), view: self.store.view(region, fresh, at).await });
        }
        known
    }
}

/// As the decision takes them.
pub fn members<'a>(known: &'a [Known], evaluations: &'a [Evaluation], recoveries: &'a [Recoveries]) -> Vec<Member<'a>> {
    let each = known.iter().zip(evaluations).zip(recoveries);
    each.map(|((Known { region, view }, evaluation), recoveries)| Member { region, view, evaluation, recoveries })
        .collect()
}

/// What was last evaluated of each, and no recovery.
pub fn evaluations_of(
    known: &[Known],
    evaluations: &BTreeMap<Region, Evaluation>,
) -> (Vec<Evaluation>, Vec<Recoveries>) {
    let quiet = || Evaluation { region: Verdict::quiet(), apart: Vec::new() };
    let each =
        known.iter().map(|known| (evaluations.get(&known.region).cloned().unwrap_or_else(quiet), Recoveries::new()));
    each.unzip()
}

/// The step in which these ledgers change. `changed`: that one is written, whether the turn changed it or not.
pub fn step_of(
    known: &[Known],
    mut ledgers: BTreeMap<Region, Ledger>,
    notices: &[Notice],
    channels: &[Channel],
    changed: Option<&Region>,
) -> Step {
    let (first, others) = known.split_first().expect("a group has a region");
    let ledger = ledgers.remove(&first.region).unwrap_or_else(|| first.view.ledger.clone());
    let beside = |Known { region, view }: &Known| Beside {
        region: region.clone(),
        version: view.version,
        ledger: ledgers.get(region).or((changed == Some(region)).then_some(&view.ledger)).cloned(),
    };
    Step { with: others.iter().map(beside).collect(), ..Step::new(ledger, notices, channels) }
}

/// What is known after a step was taken.
pub fn take(known: &mut [Known], step: Step) {
    let Step { ledger, with, .. } = step;
    let (first, others) = known.split_first_mut().expect("a group has a region");
    first.view.ledger = ledger;
    first.view.version += 1;
    for (known, beside) in others.iter_mut().zip(with) {
        if let Some(ledger) = beside.ledger {
            known.view.ledger = ledger;
            known.view.version += 1;
        }
    }
}

#[cfg(test)]
mod tests;
