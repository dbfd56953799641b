//! Where sandboxes would agree on what is going on: evidence by region, and what has been told.
//!
//! One trait. Its home here is [`memory`], the embedded default: local runs, replay, tests, and a function without a
//! table, where each sandbox knows only what it saw itself.

pub mod memory;

use std::time::Duration;

use jiff::Timestamp;

use crate::caller::CallerHash;
use crate::evidence::{Evidence, Mark};
use crate::observation::HealthIssue;
use crate::region::Region;

/// An incident that has been told: which, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// The incident's id: its region and the second in which it was first told.
    pub incident: String,
    /// 1 for the first notice.
    pub sequence: u32,
    /// When the first notice of the incident was claimed.
    pub opened_at: Timestamp,
    /// When this one was.
    pub told_at: Timestamp,
}

/// The right to publish a notice, held by one sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Ours: publish it, and [`Store::release`] it when that fails.
    Granted(Telling),
    /// Told already, not long ago.
    Told(Telling),
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
}

#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Store {
    /// Records failures of `region`, and says of each whether it is new. Recording one again changes nothing.
    async fn record_failures(&self, region: &Region, marks: &[Mark], now: Timestamp) -> Result<Vec<bool>, StoreError>;

    /// Records that callers were served.
    async fn record_served(&self, region: &Region, served: &[(CallerHash, Timestamp)]) -> Result<(), StoreError>;

    /// Records the state of an issue of AWS Health. One without a region counts for all of them.
    async fn record_health(&self, issue: &HealthIssue) -> Result<(), StoreError>;

    /// The evidence of `region`, not older than `kept`.
    async fn evidence(&self, region: &Region, now: Timestamp, kept: Duration) -> Result<Evidence, StoreError>;

    /// Claims the notice of an outage in `region`, at most one in each `quiet`. Of all who ask at once, one gets it.
    async fn claim(&self, region: &Region, now: Timestamp, quiet: Duration) -> Result<Claim, StoreError>;

    /// Whether the call of the failure `id` may be made again: yes, once. The failure itself may have been seen before,
    /// in a log or through CloudTrail.
    async fn claim_retry(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Gives back a claim whose notice could not be published, so that the next to come publishes it: the same notice,
    /// under the same id, for SNS may have taken it all the same.
    async fn release(&self, region: &Region, telling: &Telling) -> Result<(), StoreError>;

    /// The incident of `region` that was claimed within `quiet` before `now`, whether or not its notice was taken.
    async fn open_incident(
        &self,
        region: &Region,
        now: Timestamp,
        quiet: Duration,
    ) -> Result<Option<Telling>, StoreError>;
}
