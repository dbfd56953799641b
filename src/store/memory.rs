//! The store of one process.
//!
//! Bounded: it forgets what is older than it is asked to keep, and never holds more than [`Evidence`] allows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{Claim, Store, StoreError, Telling};
use crate::caller::CallerHash;
use crate::evidence::{Evidence, Mark, before};
use crate::observation::HealthIssue;
use crate::region::Region;

#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    regions: HashMap<Region, Evidence>,
    /// Ids of recorded failures, with when each was last seen. One failure seen in two ways is one, in any region.
    seen: HashMap<String, Timestamp>,
    /// Issues of AWS Health that name no region.
    everywhere: Evidence,
    /// The latest claim of each region.
    claims: HashMap<Region, Claimed>,
}

#[derive(Debug)]
struct Claimed {
    telling: Telling,
    /// Its notice could not be published: whoever asks next gets the same claim.
    given_back: bool,
}

/// Failure ids remembered, so that a flood of invented ids does not fill the memory.
const SEEN_MAX: usize = 65_536;

/// How long an id is remembered: an event may be delivered again for six hours, but after an hour it is no evidence.
const SEEN_FOR: Duration = Duration::from_secs(2 * 60 * 60);

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics half way, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_new(&mut self, id: &str, now: Timestamp) -> bool {
        if let Some(seen_at) = self.seen.get_mut(id) {
            *seen_at = now;
            return false;
        }
        if self.seen.len() >= SEEN_MAX {
            let from = before(now, SEEN_FOR);
            self.seen.retain(|_, seen_at| *seen_at >= from);
            if self.seen.len() >= SEEN_MAX {
                // A flood within two hours. Forgetting all of them costs repeats in the counts, never a notice.
                self.seen.clear();
            }
        }
        self.seen.insert(id.to_owned(), now);
        true
    }
}

impl Store for MemoryStore {
    async fn record_failures(&self, region: &Region, marks: &[Mark], now: Timestamp) -> Result<Vec<bool>, StoreError> {
        let mut state = self.state();
        let new = marks
            .iter()
            .map(|mark| {
                let new = state.is_new(&mark.id, now);
                if new {
                    state.regions.entry(region.clone()).or_default().add_failure(mark.clone());
                }
                new
            })
            .collect();
        Ok(new)
    }

    async fn record_served(&self, region: &Region, served: &[(CallerHash, Timestamp)]) -> Result<(), StoreError> {
        let mut state = self.state();
        let evidence = state.regions.entry(region.clone()).or_default();
        served.iter().for_each(|(caller, at)| evidence.add_served(*caller, *at));
        Ok(())
    }

    async fn record_health(&self, issue: &HealthIssue) -> Result<(), StoreError> {
        let mut state = self.state();
        let evidence = match &issue.region {
            Some(region) => state.regions.entry(region.clone()).or_default(),
            None => &mut state.everywhere,
        };
        evidence.add_health(issue.clone());
        Ok(())
    }

    async fn evidence(&self, region: &Region, now: Timestamp, kept: Duration) -> Result<Evidence, StoreError> {
        let mut state = self.state();
        state.everywhere.forget(now, kept);
        let everywhere = state.everywhere.health.clone();
        let evidence = state.regions.entry(region.clone()).or_default();
        evidence.forget(now, kept);
        let mut evidence = evidence.clone();
        everywhere.into_values().for_each(|issue| evidence.add_health(issue));
        Ok(evidence)
    }

    async fn claim(&self, region: &Region, now: Timestamp, quiet: Duration) -> Result<Claim, StoreError> {
        let mut state = self.state();
        let telling = match state.claims.get(region) {
            Some(Claimed { telling, given_back: false }) if telling.told_at > before(now, quiet) => {
                return Ok(Claim::Told(telling.clone()));
            }
            // Trouble that goes on is told again as the same incident; after a pause it is a new one.
            Some(Claimed { telling, given_back }) if telling.told_at > before(now, 2 * quiet) => {
                Telling { sequence: telling.sequence + u32::from(!given_back), told_at: now, ..telling.clone() }
            }
            Some(_) | None => Telling {
                incident: format!("{region}-{}", now.strftime("%Y%m%dT%H%M%SZ")),
                sequence: 1,
                opened_at: now,
                told_at: now,
            },
        };
        state.claims.insert(region.clone(), Claimed { telling: telling.clone(), given_back: false });
        Ok(Claim::Granted(telling))
    }

    async fn claim_retry(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        // Beside the ids of failures: a space cannot stand at the beginning of one.
        Ok(self.state().is_new(&format!(" call {id}"), now))
    }

    async fn release(&self, region: &Region, telling: &Telling) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some(claimed) = state.claims.get_mut(region).filter(|claimed| claimed.telling == *telling) {
            claimed.given_back = true;
        }
        Ok(())
    }

    async fn open_incident(
        &self,
        region: &Region,
        now: Timestamp,
        quiet: Duration,
    ) -> Result<Option<Telling>, StoreError> {
        let state = self.state();
        let telling = state.claims.get(region).map(|claimed| &claimed.telling);
        Ok(telling.filter(|telling| telling.told_at > before(now, quiet)).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Caller, CallerHasher};
    use crate::classify::Cause;
    use crate::region::KnownRegions;

    const QUARTER: Duration = Duration::from_secs(900);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn region(name: &str) -> Region {
        KnownRegions::default().find(name).unwrap()
    }

    fn mark(id: &str) -> Mark {
        Mark {
            occurred_at: at(0),
            id: id.into(),
            caller: CallerHasher::new(&CallerHasher::FIXED_KEY).hash(&Caller::Unknown),
            name: String::new(),
            operation: None,
            cause: Cause::Service,
            code: None,
            tool: None,
        }
    }

    /// Drives a future that never waits: the memory store only locks.
    fn now_or_never<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("the memory store waited"),
        }
    }

    #[test]
    fn a_failure_recorded_again_is_not_new_and_counts_once() {
        let store = MemoryStore::default();
        let us = region("us-east-1");
        let first = now_or_never(store.record_failures(&us, &[mark("a"), mark("b"), mark("a")], at(0))).unwrap();
        assert_eq!(first, [true, true, false]);
        let evidence = now_or_never(store.evidence(&us, at(1), Duration::from_secs(3600))).unwrap();
        assert_eq!(evidence.failures.len(), 2);
    }

    #[test]
    fn an_outage_is_told_once_in_a_quarter_of_an_hour_and_region() {
        let store = MemoryStore::default();
        let (us, eu) = (region("us-east-1"), region("eu-west-1"));
        let Claim::Granted(first) = now_or_never(store.claim(&us, at(0), QUARTER)).unwrap() else { panic!() };
        assert_eq!((first.incident.as_str(), first.sequence), ("us-east-1-20270115T080000Z", 1));
        assert_eq!(now_or_never(store.claim(&us, at(899), QUARTER)).unwrap(), Claim::Told(first.clone()));
        assert!(matches!(now_or_never(store.claim(&eu, at(10), QUARTER)).unwrap(), Claim::Granted(_)));
        let Claim::Granted(second) = now_or_never(store.claim(&us, at(900), QUARTER)).unwrap() else { panic!() };
        assert_eq!((second.incident, second.sequence), (first.incident, 2));
    }

    #[test]
    fn a_claim_given_back_can_be_had_again_under_the_same_id() {
        let store = MemoryStore::default();
        let us = region("us-east-1");
        for (begin, sequence) in [(0, 1), (1000, 2)] {
            let Claim::Granted(first) = now_or_never(store.claim(&us, at(begin), QUARTER)).unwrap() else { panic!() };
            now_or_never(store.release(&us, &first)).unwrap();
            let again = now_or_never(store.claim(&us, at(begin + 70), QUARTER)).unwrap();
            assert_eq!(again, Claim::Granted(Telling { told_at: at(begin + 70), ..first.clone() }));
            assert_eq!((first.incident.as_str(), first.sequence), ("us-east-1-20270115T080000Z", sequence));
        }
        assert!(matches!(now_or_never(store.claim(&us, at(1100), QUARTER)).unwrap(), Claim::Told(_)));
    }

    #[test]
    fn an_incident_is_open_for_a_quarter_of_an_hour_though_its_notice_was_not_taken() {
        let store = MemoryStore::default();
        let us = region("us-east-1");
        let Claim::Granted(first) = now_or_never(store.claim(&us, at(0), QUARTER)).unwrap() else { panic!() };
        now_or_never(store.release(&us, &first)).unwrap();
        assert_eq!(now_or_never(store.open_incident(&us, at(899), QUARTER)).unwrap(), Some(first));
        assert_eq!(now_or_never(store.open_incident(&us, at(900), QUARTER)).unwrap(), None);
    }

    #[test]
    fn a_call_may_be_made_again_once_though_its_failure_was_seen_before() {
        let store = MemoryStore::default();
        now_or_never(store.record_failures(&region("us-east-1"), &[mark("a")], at(0))).unwrap();
        assert!(now_or_never(store.claim_retry("a", at(1))).unwrap());
        assert!(!now_or_never(store.claim_retry("a", at(2))).unwrap());
    }

    #[test]
    fn a_flood_of_invented_ids_does_not_fill_the_memory() {
        let store = MemoryStore::default();
        let marks: Vec<Mark> = (0..SEEN_MAX + 10).map(|n| mark(&n.to_string())).collect();
        now_or_never(store.record_failures(&region("us-east-1"), &marks, at(0))).unwrap();
        assert!(store.state().seen.len() <= SEEN_MAX);
    }
}
