//! Notices that this sandbox sent without the store, because the store could not be reached.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::before;
use triage_notify::letter::Channel;

/// When this sandbox last sent a notice without the store, by region and channel: what one channel refused must not be sent
/// again on the other.
#[derive(Debug, Default)]
pub struct Alone {
    sent: Mutex<BTreeMap<(Region, Channel), Timestamp>>,
}

impl Alone {
    /// Whether a notice of the region's incident may be sent on that channel now; if so, it counts as sent.
    pub fn may_notify(&self, region: &Region, channel: Channel, now: Timestamp, quiet: Duration) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (region.clone(), channel);
        if sent.get(&of).is_some_and(|at| *at > before(now, quiet)) {
            return false;
        }
        sent.insert(of, now);
        true
    }

    /// The notice could not be sent on that channel: the next one may try again.
    pub fn forget(&self, region: &Region, channel: Channel) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&(region.clone(), channel));
    }
}
