//! What was decided and told of one region, as data.
//!
//! One item of the store, changed by one turn at a time ([`crate::incident`]). What it holds is bounded.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::caller::CallerHash;
use triage_model::observation::Operation;
use triage_model::redact::{one_line, unlinked};
use triage_model::region::Region;

use crate::concern::Concern;
use crate::verdict::{Diagnosis, Severity, Verdict};

/// What was decided and told of one region. One item of the store, changed by one step at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The latest incident, open or resolved.
    pub incident: Option<Incident>,
    /// When the latest one that was resolved was over, also while the next one is open.
    pub settled_until: Option<Timestamp>,
    /// Callers whose failures are left out of the tests until they are served (by
    /// [`triage_model::caller::CallerHash::to_bits`]), and since when.
    pub left_out: BTreeMap<u64, Timestamp>,
    /// When each advice was told, by its key ([`crate::verdict::Advised::key`]).
    pub advised: BTreeMap<String, Timestamp>,
    /// The position of the next entry in the outbox.
    pub next_position: u64,
}

/// One trouble in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its region and the second in which it was opened.
    pub id: String,
    pub region: Region,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    /// What it is about: only failures of this kind keep it open.
    pub concern: Concern,
    pub opened_at: Timestamp,
    /// The first failure of the run that opened it, reopened it, or turned it into what it is about now: a proof of
    /// recovery begins no earlier.
    pub since: Timestamp,
    /// When what spoke for that was enough, by the time of what occurred: from then on calls are proof of recovery. They
    /// may have come late, all of them together.
    pub enough_at: Timestamp,
    /// None while it is open. What occurred before does not reopen it.
    pub resolved_at: Option<Timestamp>,
    /// Each doubles the waiting time for the next proof.
    pub reopened: u32,
    pub reopened_at: Option<Timestamp>,
    /// The most callers that were hit at one time.
    pub callers: usize,
    /// What was told of how it began. It stays as it was: the evidence that it rests on is gone after an hour.
    #[serde(default)]
    pub opening: Option<String>,
    pub reasons: Vec<String>,
    /// The sequence of its latest notice.
    pub sequence: u32,
    /// When its latest notice was made, and the latest that was a `changed`.
    pub told_at: Timestamp,
    pub changed_at: Option<Timestamp>,
    /// What its notices have told of its present concern.
    pub told_callers: usize,
    pub told_operations: BTreeSet<Operation>,
    pub told_health: bool,
    /// Whether a paging service has it as an alarm, and what its latest notice changed about that.
    pub is_paged: bool,
    pub alarm_change: Option<Alarm>,
}

impl Incident {
    pub const fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }

    /// Whether the verdict sees this very trouble.
    pub fn is_in(&self, verdict: &Verdict) -> bool {
        verdict.diagnosis.is_incident() && self.concern.key() == verdict.concern.key()
    }
}

impl Ledger {
    pub fn open(&self) -> Option<&Incident> {
        self.incident.as_ref().filter(|incident| incident.is_open())
    }

    /// Whether a caller's failures are left out of the tests until it is served.
    pub fn is_left_out(&self, caller: CallerHash) -> bool {
        self.left_out.contains_key(&caller.to_bits())
    }

    /// What occurred up to this time is told and settled: it opens and reopens nothing.
    pub fn settled_until(&self) -> Option<Timestamp> {
        self.settled_until.max(self.incident.as_ref().and_then(|incident| incident.resolved_at))
    }
}

/// The state that an alarm takes. Before, it was in the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Alarm {
    Alarm,
    Ok,
}

impl Alarm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alarm => "ALARM",
            Self::Ok => "OK",
        }
    }

    /// What it was before.
    pub const fn other(self) -> Self {
        match self {
            Self::Alarm => Self::Ok,
            Self::Ok => Self::Alarm,
        }
    }
}

/// Reasons kept of one incident or notice, and the bytes of each: enough for any verdict of ours, and a few of them fit an
/// item of the store.
pub const REASONS_MAX: usize = 16;
pub const REASON_MAX: usize = 400;

/// The first reasons, each on one line: they name what is text of others.
pub fn bounded(reasons: &[String]) -> Vec<String> {
    reasons.iter().take(REASONS_MAX).map(|reason| one_line(&unlinked(reason), REASON_MAX)).collect()
}

/// Callers left out, and advice remembered, of one region: they are kept in one item.
pub const REMEMBERED_MAX: usize = 256;
