//! How many distinct callers there were, as data.
//!
//! In: callers, in any order and as often as they come. Out: how many they are ([`DistinctCallers::count`]): exactly, up to a
//! bound, and beyond it about. Of more than [`KEPT_MAX`] the smallest hashes are kept; hashes are evenly spread, so the greatest
//! of those that are kept says how many there must be (Bar-Yossef et al., "Counting distinct elements in a data stream", 2002).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use triage_model::caller::CallerHash;

/// Beyond this the number is right within about 6 %.
pub const KEPT_MAX: usize = 256;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct DistinctCallers {
    /// The smallest hashes.
    kept: BTreeSet<CallerHash>,
    is_more: bool,
    /// Seen to be about so many, though fewer were named.
    at_least: usize,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    kept: Vec<u64>,
    more: bool,
    at_least: usize,
}

impl From<Stored> for DistinctCallers {
    fn from(Stored { kept, more, at_least }: Stored) -> Self {
        Self { kept: kept.into_iter().map(CallerHash::from_bits).collect(), is_more: more, at_least }
    }
}

impl From<DistinctCallers> for Stored {
    fn from(callers: DistinctCallers) -> Self {
        let kept = callers.kept.into_iter().map(CallerHash::to_bits).collect();
        Self { kept, more: callers.is_more, at_least: callers.at_least }
    }
}

impl DistinctCallers {
    /// Adds callers. `about` is how many of them there may have been, where not all are named.
    pub fn add(&mut self, callers: &BTreeSet<CallerHash>, about: usize) {
        self.kept.extend(callers);
        while self.kept.len() > KEPT_MAX {
            self.kept.pop_last();
            self.is_more = true;
        }
        if about > callers.len() {
            self.at_least = self.at_least.max(about);
        }
    }

    /// Adds those that were counted apart: whoever is in both counts once, as far as they are kept.
    pub fn merge(&mut self, others: &Self) {
        self.is_more |= others.is_more;
        self.add(&others.kept, 0);
        self.at_least = self.at_least.max(others.at_least);
    }

    /// As many of whom nobody is named: who is added to them is counted apart, and the greater number counts.
    #[must_use]
    pub fn unnamed(&self) -> Self {
        Self { kept: BTreeSet::new(), is_more: false, at_least: self.count() }
    }

    pub fn count(&self) -> usize {
        let named = match self.kept.last() {
            Some(greatest) if self.is_more => {
                let covered = (greatest.to_bits() + 1) as f64 / (1_u64 << CallerHash::BITS) as f64;
                ((KEPT_MAX - 1) as f64 / covered).round() as usize
            }
            Some(_) | None => self.kept.len(),
        };
        named.max(self.at_least)
    }

    /// Whether it is an estimate.
    pub fn is_about(&self) -> bool {
        self.is_more || self.at_least > self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(many: u64) -> BTreeSet<CallerHash> {
        let mut random = fastrand::Rng::with_seed(many);
        (0..many).map(|_| CallerHash::from_bits(random.u64(..))).collect()
    }

    #[test]
    fn few_are_counted_and_many_are_estimated() {
        for many in [0, 1, 256] {
            let mut distinct = DistinctCallers::default();
            distinct.add(&callers(many), 0);
            distinct.add(&callers(many), 0);
            assert_eq!((distinct.count() as u64, distinct.is_about()), (many, false));
        }
        for many in [1000, 20_000] {
            let mut distinct = DistinctCallers::default();
            for some in callers(many).into_iter().collect::<Vec<_>>().chunks(100) {
                distinct.add(&some.iter().copied().collect(), 0);
            }
            let off = distinct.count() as f64 / many as f64;
            assert!(distinct.is_about() && (0.85..1.15).contains(&off), "{} of {many}", distinct.count());
            let json = serde_json::to_string(&distinct).unwrap();
            assert_eq!(serde_json::from_str::<DistinctCallers>(&json).unwrap(), distinct);
        }
    }

    #[test]
    fn who_is_not_named_is_no_other_than_who_is() {
        let mut distinct = DistinctCallers::default();
        distinct.add(&callers(10), 0);
        let mut distinct = distinct.unnamed();
        distinct.add(&callers(7), 0);
        assert_eq!((distinct.count(), distinct.is_about()), (10, true));
        distinct.add(&callers(12), 0);
        assert!((12..=19).contains(&distinct.count()));
    }

    #[test]
    fn what_could_not_be_named_is_counted_too() {
        let mut distinct = DistinctCallers::default();
        distinct.add(&callers(10), 10);
        assert_eq!((distinct.count(), distinct.is_about()), (10, false));
        distinct.add(&callers(10), 400);
        assert_eq!((distinct.count(), distinct.is_about()), (400, true));
    }
}
