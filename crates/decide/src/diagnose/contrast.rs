//! What affected callers have in common, while others are served.
//!
//! In: the [`Facts`] and the failures of affected callers. Out: a [`Contrast`]: the tool, network, application or
//! account that nearly all of them share, if others in the same part of the region are served and chance is an unlikely
//! explanation. Without a contrast (everybody has that tool) nothing is claimed: then it may as well be the service.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::caller::{CallerHash, CallerMap};
use triage_model::grant::Grant;
use triage_model::observation::{Operation, Origin};
use triage_model::time::before;

use crate::cell::{Cell, Dimension};
use crate::diagnose::facts::Facts;
use crate::diagnose::words::{operation, shared_in_words, time};
use crate::evidence::mark::{Mark, Traits};
use crate::probe::StepState;
use crate::scope::{Shared, SharedKey};

/// Fewer callers than this say nothing about how common something is.
const ORDINARY_MIN: usize = 10;

#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    pub shared: SharedKey,
    /// The narrowest part of the region that the failures are of.
    pub cell: Cell,
    pub since: Timestamp,
    /// Affected callers, and those of them that have it in common.
    pub affected: usize,
    pub inside: usize,
    /// Callers without it that were served since.
    pub served_outside: usize,
    /// How likely chance would put so many of them there.
    pub chance: f64,
}

impl Contrast {
    /// `12 of 12 affected callers use acme-login 3.0; 31 callers with other tools were served on RegisterClient since 09:50:00 UTC`.
    pub fn in_words(&self, shared: &Shared) -> String {
        let others = match self.shared.dimension {
            Dimension::Application => "of other applications",
            Dimension::Tool | Dimension::Product => "with other tools",
            Dimension::Network => "elsewhere",
            Dimension::Account => "of other accounts",
        };
        let part = match self.cell {
            Cell::Operation(of) => format!(" on {}", operation(Some(of))),
            Cell::Grant(grant) => format!(" on {} ({})", Operation::CreateToken, grant.as_str()),
            Cell::Region | Cell::Shared(..) => String::new(),
        };
        format!(
            "{} of {} affected callers {}; {} callers {others} were served{part} since {}",
            self.inside,
            self.affected,
            shared_in_words(shared),
            self.served_outside,
            time(self.since)
        )
    }
}

/// The contrast that chance explains least, if that is unlikely enough. `failing` are failures of affected callers.
pub fn contrast(facts: &Facts<'_>, failing: &[&Mark]) -> Option<Contrast> {
    likeliest(facts, failing, facts.policy.shared_served)
        .filter(|contrast| contrast.chance < facts.policy.shared_chance)
}

/// The contrast that chance explains least, however likely, with at least so many others served.
pub fn likeliest(facts: &Facts<'_>, failing: &[&Mark], others: usize) -> Option<Contrast> {
    let cell = narrowest(facts, failing);
    let since = began(failing)?;
    let found = shared_by_most(facts, failing).into_iter().filter_map(|(shared, inside, affected)| {
        let served = Served::since(facts, cell, shared, since, failing);
        if served.outside.len() < others || served.inside.len() >= inside {
            return None;
        }
        let chance = at_least(inside, affected, ordinary_share(facts, cell, shared, since, failing));
        Some(Contrast { shared, cell, since, affected, inside, served_outside: served.outside.len(), chance })
    });
    found.min_by(|one, other| one.chance.total_cmp(&other.chance).then(one.shared.cmp(&other.shared)))
}

/// The contrast of callers that share one thing and fail, whatever else fails: nearly all of them do, and of the others
/// in the same part of the region by far most are served. So a broken tool is seen while the service fails for a few
/// others.
pub fn contrast_of(facts: &Facts<'_>, shared: SharedKey, failing: &[&Mark]) -> Option<Contrast> {
    let cell = narrowest(facts, failing);
    let since = began(failing)?;
    let inside: BTreeSet<CallerHash> = failing.iter().map(|mark| mark.caller).collect();
    let served = Served::since(facts, cell, shared, since, failing);
    // Also those that were served later: where everybody's calls fail, and others try again, no tool is to blame.
    let failed = facts.service_failures().filter(|mark| mark.at >= since && cell.has(mark.operation, &mark.traits));
    let outside: BTreeSet<CallerHash> =
        failed.filter(|mark| !shared.has(&mark.traits)).map(|mark| mark.caller).collect();
    let served_outside = served.outside.difference(&outside).count();
    if served.outside.len() < facts.policy.shared_served || served.inside.len() >= inside.len() {
        return None;
    }
    if outside.len() > served_outside {
        return None;
    }
    let still_served = served.inside.difference(&inside).count();
    let chance = by_chance(inside.len(), still_served, outside.len(), served_outside);
    let affected = inside.len() + outside.len();
    let (inside, served_outside) = (inside.len(), served.outside.len());
    let contrast = Contrast { shared, cell, since, affected, inside, served_outside, chance };
    Some(contrast).filter(|contrast| contrast.chance < facts.policy.shared_chance)
}

/// What nearly all of these callers have in common, where enough others were served within that time up to the latest
/// of these failures, and fewer with it.
pub fn shared_served(facts: &Facts<'_>, failing: &[&Mark], dimension: Dimension, window: Duration) -> Option<Contrast> {
    let (cell, latest) = (narrowest(facts, failing), failing.iter().map(|mark| mark.at).max()?);
    let (first, since) = (failing.iter().map(|mark| mark.at).min()?, before(latest, window));
    let most = shared_by_most(facts, failing).into_iter().filter(|(shared, ..)| shared.dimension == dimension);
    most.into_iter().find_map(|(shared, inside, affected)| {
        let served_inside = Served::since(facts, cell, shared, first, failing).inside.len();
        let served_outside = Served::since(facts, cell, shared, since, failing).outside.len();
        // Where nobody at all is served with it, one served caller without it is enough.
        let others = if served_inside == 0 { 1 } else { facts.policy.shared_served };
        let is_one = served_outside >= others && served_inside < inside;
        is_one.then_some(Contrast { shared, cell, since, affected, inside, served_outside, chance: 0.0 })
    })
}

/// When it began, as far as can be known: a run may begin with an unrelated failure or two.
fn began(failing: &[&Mark]) -> Option<Timestamp> {
    let mut first: CallerMap<Timestamp> = CallerMap::default();
    for mark in failing {
        let at = first.entry(mark.caller).or_insert(mark.at);
        *at = mark.at.min(*at);
    }
    let mut times: Vec<Timestamp> = first.into_values().collect();
    times.sort_unstable();
    times.get(times.len() / 4).copied()
}

/// What enough of the affected callers have in common, by the first failure of each, with how many of how many.
pub fn shared_by_most(facts: &Facts<'_>, failing: &[&Mark]) -> Vec<(SharedKey, usize, usize)> {
    let mut affected: CallerMap<()> = CallerMap::default();
    let mut callers: BTreeMap<SharedKey, usize> = BTreeMap::new();
    for mark in failing {
        if affected.insert(mark.caller, ()).is_none() {
            shared_keys(&mark.traits).for_each(|key| *callers.entry(key).or_default() += 1);
        }
    }
    let need = (affected.len() as f64 * facts.policy.shared_share).max(1.0);
    let most = callers.into_iter().filter(|(_, inside)| *inside as f64 >= need);
    most.map(|(key, inside)| (key, inside, affected.len())).collect()
}

fn shared_keys(traits: &Traits) -> impl Iterator<Item = SharedKey> {
    let keys = Dimension::ALL.map(|dimension| dimension.of(traits).map(|hash| SharedKey { dimension, hash }));
    keys.into_iter().flatten()
}

/// The narrowest part of the region that nearly all of these failures are of.
pub fn narrowest(facts: &Facts<'_>, failing: &[&Mark]) -> Cell {
    let need = failing.len() as f64 * facts.policy.shared_share;
    let is_of_most = |cell: &Cell| {
        let own = failing.iter().filter(|mark| cell.has(mark.operation, &mark.traits)).count();
        own > 0 && own as f64 >= need
    };
    // The grants come last, and are parts of an operation.
    Cell::fixed().filter(is_of_most).last().unwrap_or(Cell::Region)
}

/// Distinct callers served in a cell since some time: those that have something in common, and those known not to have it.
struct Served {
    inside: BTreeSet<CallerHash>,
    outside: BTreeSet<CallerHash>,
}

impl Served {
    fn since(facts: &Facts<'_>, cell: Cell, shared: SharedKey, since: Timestamp, failing: &[&Mark]) -> Self {
        let mut served = Self { inside: BTreeSet::new(), outside: BTreeSet::new() };
        let origins = comparable(shared, failing);
        let later = facts.served_calls().filter(|call| call.at >= since && !call.pending);
        for call in later.filter(|call| origins.contains(&call.origin)) {
            let hash = shared.dimension.of(&call.traits).filter(|_| cell.has(call.operation, &call.traits));
            match hash {
                Some(hash) if hash == shared.hash => served.inside.insert(call.caller),
                Some(_) => served.outside.insert(call.caller),
                None => continue,
            };
        }
        served
    }
}

/// The origins whose calls say anything about how common it is. Logs have failed calls alone, and of the accounts whose logs
/// are read: beside CloudTrail's records every failure would be of those accounts, and every served call of the one that owns
/// Identity Center.
fn comparable(shared: SharedKey, failing: &[&Mark]) -> BTreeSet<Origin> {
    match shared.dimension {
        Dimension::Account => failing.iter().map(|mark| mark.origin).collect(),
        Dimension::Application | Dimension::Tool | Dimension::Product | Dimension::Network => Origin::ALL.into(),
    }
}

/// How common it is among the callers of a cell; of few, among those of the region.
fn ordinary_share(facts: &Facts<'_>, cell: Cell, shared: SharedKey, since: Timestamp, failing: &[&Mark]) -> f64 {
    // Those in question say nothing about how common it is on other days.
    let affected: CallerMap<()> = failing.iter().map(|mark| (mark.caller, ())).collect();
    let origins = comparable(shared, failing);
    let [mut of_cell, mut of_region, mut ever] = [Share::default(), Share::default(), Share::default()];
    let mut add = |at: Timestamp, caller: CallerHash, operation: Option<Operation>, traits: &Traits| {
        let Some(hash) = shared.dimension.of(traits) else { return };
        let (inside, is_own) = (hash == shared.hash, cell.has(operation, traits));
        let is_before = at < since && !affected.contains_key(&caller);
        if is_before {
            of_region.add(caller, inside);
        }
        if is_own {
            if is_before { &mut of_cell } else { &mut ever }.add(caller, inside);
        }
    };
    for slot in facts.view.evidence.slots.values() {
        let (served, failed) = (slot.served.iter(), slot.failures());
        let served = served.filter(|call| origins.contains(&call.origin));
        served.for_each(|call| add(call.at, call.caller, call.operation, &call.traits));
        let failed = failed.filter(|mark| origins.contains(&mark.origin));
        failed.for_each(|mark| add(mark.at, mark.caller, mark.operation, &mark.traits));
    }
    if let Some(enough) = [&of_cell, &of_region].into_iter().find(|share| share.callers.len() >= ORDINARY_MIN) {
        return enough.of();
    }
    of_cell.callers.into_iter().for_each(|(caller, inside)| ever.add(caller, inside));
    ever.of()
}

/// Callers, and whether each has something.
#[derive(Default)]
struct Share {
    callers: CallerMap<bool>,
}

impl Share {
    fn add(&mut self, caller: CallerHash, inside: bool) {
        *self.callers.entry(caller).or_default() |= inside;
    }

    /// That something was never seen does not mean that it never occurs (Laplace's rule).
    fn of(&self) -> f64 {
        let inside = self.callers.values().filter(|inside| **inside).count();
        (inside as f64 + 1.0) / (self.callers.len() as f64 + 2.0)
    }
}

/// How likely at least `least` of `all` have what each of them has with probability `share`.
pub fn at_least(least: usize, all: usize, share: f64) -> f64 {
    let (log_in, log_out) = (share.ln(), (1.0 - share).ln());
    let mut log_ways = 0.0;
    let mut sum = 0.0;
    for out in 0..=(all - least) {
        if out > 0 {
            log_ways += ((all - out + 1) as f64 / out as f64).ln();
        }
        sum += (log_ways + (all - out) as f64 * log_in + out as f64 * log_out).exp();
    }
    sum.min(1.0)
}

/// How likely it is that of so many callers, with so many affected, the affected ones are spread at least this unevenly
/// over those inside and outside (Fisher's exact test).
fn by_chance(affected_inside: usize, served_inside: usize, affected_outside: usize, served_outside: usize) -> f64 {
    let log_ways =
        |of: usize, some: usize| (0..some).map(|nth| ((of - nth) as f64 / (nth + 1) as f64).ln()).sum::<f64>();
    let (inside, outside) = (affected_inside + served_inside, affected_outside + served_outside);
    let affected = affected_inside + affected_outside;
    let all = log_ways(inside + outside, affected);
    let most = inside.min(affected);
    let likely = (affected_inside..=most).filter(|affected_of_inside| affected - affected_of_inside <= outside);
    likely
        .map(|affected_of_inside| {
            (log_ways(inside, affected_of_inside) + log_ways(outside, affected - affected_of_inside) - all).exp()
        })
        .sum()
}

/// Why something that all affected callers share is not to blame: nobody without it was seen to be served. A probe is
/// no caller: its result is shown, and decides nothing.
pub fn without_contrast_in_words(facts: &Facts<'_>, failing: &[&Mark]) -> Option<String> {
    let (cell, since) = (narrowest(facts, failing), began(failing)?);
    let most = shared_by_most(facts, failing).into_iter();
    let (shared, inside, affected) =
        most.into_iter().find(|(shared, ..)| !matches!(shared.dimension, Dimension::Network | Dimension::Account))?;
    let others = Served::since(facts, cell, shared, since, failing).outside.len();
    if affected < facts.policy.outage_callers || others >= facts.policy.shared_served {
        return None;
    }
    let shared = facts.shared(shared);
    let few = match others {
        0 => "no caller without it was seen to be served since".to_owned(),
        few => format!("only {few} without it were served since"),
    };
    let is_healthy = facts.probe.is_some_and(|probe| probe.worst() == StepState::Healthy);
    let probe = if is_healthy { " (a probe is healthy, but is no caller)" } else { "" };
    Some(format!(
        "{inside} of {affected} affected callers {}: no proof that it is the cause, because {few}{probe}",
        shared_in_words(&shared)
    ))
}

/// The grant that nearly all of these failures of CreateToken are of, where it is known.
pub fn grant_of_most(facts: &Facts<'_>, failing: &[&Mark]) -> Option<Grant> {
    match narrowest(facts, failing) {
        Cell::Grant(grant) => Some(grant),
        Cell::Region | Cell::Operation(_) | Cell::Shared(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_that_of_so_many_or_more() {
        let table = [
            ((3, 3, 0.5), 0.125),
            ((0, 3, 0.5), 1.0),
            ((2, 3, 0.5), 0.5),
            ((60, 66, 0.9), 0.5059),
            ((14, 14, 0.6), 0.000_783_6),
            ((54, 60, 0.6), 2.552e-7),
        ];
        for ((least, all, share), expected) in table {
            let chance = at_least(least, all, share);
            assert!((chance / expected - 1.0).abs() < 0.02, "{least} of {all} at {share}: {chance}");
        }
    }

    #[test]
    fn chance_is_that_of_falling_so_unevenly() {
        // Of seven callers four are hit, and they are the four inside: one way of 35.
        assert!((by_chance(4, 0, 0, 3) - 1.0 / 35.0).abs() < 1e-9);
        assert!(by_chance(6, 0, 4, 40) < 1e-4);
        assert!(by_chance(3, 3, 20, 20) > 0.5, "as many inside as outside");
        assert!((by_chance(0, 5, 3, 5) - 1.0).abs() < 1e-9);
    }
}
