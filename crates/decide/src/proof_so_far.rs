//! How far the proof of an incident's recovery has come, as data.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far the proof of a part had come at some time. Earlier calls are not looked at again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProofSoFar {
    pub until: Timestamp,
    /// The sum, and the share of failed calls by which it is reckoned.
    pub sum: f64,
    pub share: f64,
    /// When the sum was last 0, and the calls since: served, failed, and some of the callers that were served.
    pub zero_at: Timestamp,
    pub served: f64,
    pub failed: f64,
    pub callers: BTreeSet<u64>,
    /// Calls since the incident began.
    pub all_served: f64,
    pub all_failed: f64,
    pub proved_at: Option<Timestamp>,
}
