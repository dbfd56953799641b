//! Notices that this sandbox sent without the store, because the store could not be reached.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::before;

/// When this sandbox last sent a notice without the store, by region.
#[derive(Debug, Default)]
pub struct Alone {
    sent: Mutex<BTreeMap<Region, Timestamp>>,
}

impl Alone {
    /// Whether a notice of the region's incident may be sent now; if so, it counts as sent.
    pub fn may_notify(&self, region: &Region, now: Timestamp, quiet: Duration) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.get(region).is_some_and(|at| *at > before(now, quiet)) {
            return false;
        }
        sent.insert(region.clone(), now);
        true
    }

    /// The notice could not be sent: the next one may try again.
    pub fn forget(&self, region: &Region) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(region);
    }
}
