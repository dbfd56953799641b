//! What this sandbox has seen before.
//!
//! In: ids of failures, of successes, of retried calls. Out: whether one is new here. The evidence alone is not enough:
//! a count in the store cannot recognize a call that is delivered twice, and a full slot has no room for a mark.
//! Bounded, so that a flood of invented ids does not fill the memory: it costs repeats in the counts, never a notice.

use std::collections::HashSet;

use triage_decide::evidence::mark::hash48;

/// Ids of one generation; two are kept. At ten calls a second they last for an hour and a half, and after an hour an id is
/// no evidence.
const GENERATION: usize = 32_768;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenIds {
    newer: HashSet<u64>,
    older: HashSet<u64>,
}

impl SeenIds {
    pub fn is_new(&mut self, id: &str) -> bool {
        let id = hash48(id);
        if self.older.contains(&id) || !self.newer.insert(id) {
            return false;
        }
        if self.newer.len() >= GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_again_only_after_a_generation_of_others() {
        let mut seen = SeenIds::default();
        assert!(seen.is_new("a") && !seen.is_new("a"));
        for n in 0..GENERATION {
            seen.is_new(&n.to_string());
        }
        assert!(!seen.is_new("a"), "the generation before is remembered");
        for n in 0..GENERATION {
            seen.is_new(&format!("later {n}"));
        }
        assert!(seen.is_new("a"));
    }

    #[test]
    fn a_flood_of_invented_ids_does_not_fill_the_memory() {
        let mut seen = SeenIds::default();
        for n in 0..5 * GENERATION {
            assert!(seen.is_new(&n.to_string()));
        }
        assert!(seen.newer.len() + seen.older.len() <= 2 * GENERATION);
        assert!(!seen.is_new(&(5 * GENERATION - 1).to_string()));
    }
}
