//! What one invocation saw of one region, as data.
//!
//! Marks of failed and answered calls, and the names that they hash. The pipeline gathers it; the evidence takes it in
//! ([`crate::evidence::Evidence::take_in`]), and so does each home of the store.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::evidence::mark::{Answered, Mark, Names, Talker};

/// What one invocation saw of one region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    pub failures: Vec<Mark>,
    pub answered: Vec<Answered>,
    /// Calls of talkers, each with its time.
    pub talks: Vec<(Timestamp, Talker)>,
    pub names: Names,
}

impl Seen {
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty() && self.answered.is_empty() && self.talks.is_empty()
    }

    /// How people call what this mark hashes.
    pub(super) fn names_of(&self, mark: &Mark) -> Names {
        Names {
            callers: one(&self.names.callers, mark.caller.to_bits()),
            labels: one(&self.names.labels, mark.label),
            tools: [mark.traits.tool, mark.traits.product]
                .into_iter()
                .flat_map(|hash| one(&self.names.tools, hash))
                .collect(),
            networks: one(&self.names.networks, mark.traits.network),
            applications: one(&self.names.applications, mark.traits.application),
            accounts: one(&self.names.accounts, mark.traits.account),
            keys: one(&self.names.keys, mark.label),
            talkers: BTreeMap::new(),
            requests: one(&self.names.requests, mark.id),
        }
    }

    pub(super) fn name_of(&self, talker: &Talker) -> Names {
        Names { talkers: one(&self.names.talkers, talker.who), ..Names::default() }
    }
}

fn one<K: Ord + Copy>(names: &BTreeMap<K, String>, key: K) -> BTreeMap<K, String> {
    names.get(&key).map(|name| (key, name.clone())).into_iter().collect()
}
