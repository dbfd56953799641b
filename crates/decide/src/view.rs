//! Everything that is known of one region, as data.

use std::time::Duration;

use jiff::Timestamp;
use triage_model::time::is_within;

use crate::evidence::Evidence;
use crate::evidence::learned::Learned;
use crate::ledger::Ledger;
use crate::policy::Policy;
use crate::probe_record::ProbeRecord;

/// Everything that is known of one region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    pub evidence: Evidence,
    pub learned: Learned,
    pub ledger: Ledger,
    /// Of the ledger: a step is taken only from the version that it was decided on. 0 before the first step.
    pub version: u64,
    /// Every entry of the outbox at a position below this was sent.
    pub sent_below: u64,
    pub probe: ProbeRecord,
    /// When somebody was last elected to probe.
    pub probe_asked_at: Option<Timestamp>,
    /// Why this is only what the sandbox itself knows.
    pub trouble: Option<StoreError>,
}

impl View {
    /// What is learned of the slots that are complete by `now`; None where that is nothing new.
    pub fn learned_by(&self, policy: &Policy, now: Timestamp) -> Option<Learned> {
        let incident = self.ledger.incident.as_ref();
        let span = incident.map(|incident| (incident.began(), incident.resolved_at.unwrap_or(Timestamp::MAX)));
        let learned = self.learned.after(&self.evidence, span, now);
        match self.learned.sums.after(&self.evidence, policy.evidence, policy.successes_seen, now) {
            Some(sums) => Some(Learned { sums, ..learned.unwrap_or_else(|| self.learned.clone()) }),
            None => learned,
        }
    }

    /// Whether a sandbox was elected to probe within `interval`.
    pub fn is_being_probed(&self, now: Timestamp, interval: Duration) -> bool {
        self.probe_asked_at.is_some_and(|at| is_within(at, now, interval))
    }
}

/// Why the store could not answer, or could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No answer, or one that says that the store itself fails.
    #[error("the store cannot be reached: {0}")]
    Unavailable(String),
    /// DynamoDB refuses because of too many calls.
    #[error("the store throttles: {0}")]
    Throttled(String),
    /// A permission is missing, or the table.
    #[error("the store refuses: {0}")]
    Refused(String),
    /// An item that cannot be read.
    #[error("the store holds what cannot be read: {0}")]
    Unreadable(String),
}
