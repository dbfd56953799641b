//! Which answered calls were counted already.
//!
//! In: ids. Out: whether one is new to this sandbox. A count in the store cannot tell a call that is delivered twice, so
//! this does, as far back as it remembers.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::evidence::mark::hash48;

/// Ids of one generation; two are kept. At ten calls a second they last for an hour and a half.
const GENERATION: usize = 32_768;

#[derive(Debug, Default)]
pub struct Recent {
    generations: Mutex<[HashSet<u64>; 2]>,
}

impl Recent {
    pub fn is_new(&self, id: &str) -> bool {
        let id = hash48(id);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations[1].contains(&id) || !generations[0].insert(id) {
            return false;
        }
        if generations[0].len() >= GENERATION {
            generations[1] = std::mem::take(&mut generations[0]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_again_only_after_a_generation_of_others() {
        let recent = Recent::default();
        assert!(recent.is_new("a") && !recent.is_new("a"));
        for n in 0..GENERATION {
            recent.is_new(&n.to_string());
        }
        assert!(!recent.is_new("a"), "the generation before is remembered");
        for n in 0..GENERATION {
            recent.is_new(&format!("later {n}"));
        }
        assert!(recent.is_new("a"));
    }
}
