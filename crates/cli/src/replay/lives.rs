//! One history under several policies.
//!
//! In: observations in the order in which they are due. Out: what each policy makes of them. Policies that differ only in how many
//! callers make an outage, and how many false pages are borne, share one [`Life`] as long as that makes no difference: in a month that
//! is nearly always. They part before anything is evaluated that may tell them apart, and join again when they have come to
//! the same.

use std::rc::Rc;

use triage_decide::policy::Policy;

use crate::replay::life::{Life, Moment};
use crate::replay::reading::Due;

/// What a moment was evaluated by: policies, by their numbers.
pub type By = Rc<[usize]>;

/// All policies on their way.
pub struct Lives {
    policies: Vec<Policy>,
    living: Vec<Living>,
}

struct Living {
    life: Life,
    by: By,
    /// It was calm when it was last looked at.
    is_calm: bool,
}

impl Lives {
    /// `begin` makes the life of one policy.
    pub fn new(policies: Vec<Policy>, begin: impl Fn(Policy) -> Life) -> Self {
        let mut shared: Vec<Vec<usize>> = Vec::new();
        for (number, policy) in policies.iter().enumerate() {
            match shared.iter_mut().find(|numbers| are_alike(&policies[numbers[0]], policy)) {
                Some(numbers) => numbers.push(number),
                None => shared.push(vec![number]),
            }
        }
        let begin = |by: Vec<usize>| Living { life: begin(policies[by[0]].clone()), by: by.into(), is_calm: true };
        Self { living: shared.into_iter().map(begin).collect(), policies }
    }

    /// Lives through what is due next.
    pub fn see(&mut self, due: Due, mut happened: impl FnMut(&By, Moment)) {
        self.part(&due);
        let (due, mut any_calm) = (Rc::new(due), false);
        for living in &mut self.living {
            any_calm |= living.see(Rc::clone(&due), &mut happened);
        }
        if any_calm && self.living.len() > 1 {
            self.join();
        }
    }

    pub fn len(&self) -> usize {
        self.living.len()
    }

    /// Ends one of those that are lived through. Where the rest of the history is missing, nothing runs on: it would seem to have
    /// ended in silence.
    pub fn end(&mut self, number: usize, is_interrupted: bool) -> (By, Vec<Moment>) {
        let Living { life, by, .. } = &mut self.living[number];
        (Rc::clone(by), if is_interrupted { life.evaluate_gathered() } else { life.end() })
    }

    /// Gives each policy a life of its own where the next observation may make a difference.
    fn part(&mut self, due: &Due) {
        for number in 0..self.living.len() {
            let Living { life, by, is_calm } = &mut self.living[number];
            if by.len() == 1 || life.stays_calm_with(Some(due)) {
                continue;
            }
            *is_calm = false;
            let all = std::mem::replace(by, by[..1].into());
            let fork = |policy: &usize| Living {
                life: life.fork(self.policies[*policy].clone()),
                by: [*policy].into(),
                is_calm: false,
            };
            let forks: Vec<Living> = all[1..].iter().map(fork).collect();
            self.living.extend(forks);
        }
    }

    /// Has those go on together that have come to the same.
    fn join(&mut self) {
        let mut joined: Vec<Living> = Vec::with_capacity(self.living.len());
        for living in std::mem::take(&mut self.living) {
            let policy = &self.policies[living.by[0]];
            let is_the_same = |other: &&mut Living| {
                are_alike(&self.policies[other.by[0]], policy)
                    && living.life.stays_calm_with(None)
                    && other.life.is_as_far_as(&living.life)
            };
            match joined.iter_mut().find(is_the_same) {
                Some(other) => other.by = other.by.iter().chain(living.by.iter()).copied().collect(),
                None => joined.push(living),
            }
        }
        self.living = joined;
    }
}

impl Living {
    /// Whether it has become calm.
    fn see(&mut self, due: Rc<Due>, happened: &mut impl FnMut(&By, Moment)) -> bool {
        if self.is_calm && self.by.len() == 1 {
            self.is_calm = self.life.is_harmless(&due);
        }
        let moments = self.life.see(due);
        let becomes_calm = !self.is_calm && !moments.is_empty() && self.life.stays_calm_with(None);
        self.is_calm |= becomes_calm;
        moments.into_iter().for_each(|moment| happened(&self.by, moment));
        becomes_calm
    }
}

/// Whether they differ in nothing else.
fn are_alike(one: &Policy, other: &Policy) -> bool {
    let Policy { outage_callers, false_pages_per_year, .. } = *other;
    Policy { outage_callers, false_pages_per_year, ..one.clone() } == *other
}
