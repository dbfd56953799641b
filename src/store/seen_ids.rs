//! Which ids this sandbox has seen.
//!
//! In: hashes of ids. Out: whether one is new. Bounded: it is beside the evidence, for what a slot has no room for and
//! for calls that were made again.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::evidence::mark::Mark;
use crate::evidence::{Evidence, Seen, before};

/// Ids remembered, so that a flood of invented ids does not fill the memory.
pub const SEEN_MAX: usize = 65_536;

/// How long an id is remembered: after an hour it is no evidence.
const SEEN_FOR: Duration = Duration::from_secs(2 * 60 * 60);

/// What an id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeenId {
    /// [`crate::evidence::mark::Mark::id`]. One failure seen in two ways is one, in any region.
    Failure(u32),
    /// [`crate::evidence::mark::hash48`] of the id of a failure whose call is made again.
    Retry(u64),
}

/// With when each was last seen.
#[derive(Debug, Default)]
pub struct SeenIds(HashMap<SeenId, Timestamp>);

impl SeenIds {
    /// Of each failure whether it is seen for the first time: neither here nor in the evidence, in any origin.
    pub fn new_failures(&mut self, evidence: &Evidence, seen: &Seen, now: Timestamp) -> Vec<bool> {
        let is_new = |mark: &Mark| self.is_new(SeenId::Failure(mark.id), now) && !evidence.knows(mark);
        seen.failures.iter().map(is_new).collect()
    }

    /// Whether it is seen for the first time.
    pub fn is_new(&mut self, id: SeenId, now: Timestamp) -> bool {
        if let Some(seen_at) = self.0.get_mut(&id) {
            *seen_at = now;
            return false;
        }
        if self.0.len() >= SEEN_MAX {
            let from = before(now, SEEN_FOR);
            self.0.retain(|_, seen_at| *seen_at >= from);
            if self.0.len() >= SEEN_MAX {
                // A flood within two hours. Forgetting all of them costs repeats in the counts, never a notice.
                self.0.clear();
            }
        }
        self.0.insert(id, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_invented_ids_does_not_fill_the_memory() {
        let mut seen = SeenIds::default();
        for id in 0..(SEEN_MAX as u32 + 10) {
            assert!(seen.is_new(SeenId::Failure(id), Timestamp::UNIX_EPOCH));
        }
        assert!(seen.0.len() <= SEEN_MAX);
        assert!(!seen.is_new(SeenId::Failure(SEEN_MAX as u32 + 9), Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn the_id_of_a_failure_and_that_of_its_retry_are_two() {
        let mut seen = SeenIds::default();
        assert!(seen.is_new(SeenId::Failure(1), Timestamp::UNIX_EPOCH));
        assert!(seen.is_new(SeenId::Retry(1), Timestamp::UNIX_EPOCH));
    }
}
