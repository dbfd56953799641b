//! What this sandbox told by itself, because the store did not take the step.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::before;

/// What this sandbox told without the store, by region, and when.
#[derive(Debug, Default)]
pub struct Alone {
    sent: Mutex<BTreeMap<Region, Timestamp>>,
}

impl Alone {
    /// Whether the region's incident may be told now; if so, it counts as told.
    pub fn may_notify(&self, region: &Region, now: Timestamp, quiet: Duration) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.get(region).is_some_and(|at| *at > before(now, quiet)) {
            return false;
        }
        sent.insert(region.clone(), now);
        true
    }

    /// Nobody took it: it may be tried again.
    pub fn forget(&self, region: &Region) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(region);
    }
}
