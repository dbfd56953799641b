//! Where sandboxes agree on what is going on: evidence by region, what was decided, and what is to be told.
//!
//! One trait with two homes that pass one suite of tests (`tests/store`): [`memory`], the embedded default (local runs,
//! replay, tests, a function without a table), and [`dynamodb`]. What only counts never fails: where the table cannot be
//! had it is answered from the sandbox's own memory, and the trouble is said. What must be agreed on (a step, a
//! claim) fails with a [`StoreError`].

pub mod dynamodb;
pub mod memory;
mod seen_ids;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::caller::CallerHasher;
use crate::evidence::learned::Learned;
use crate::evidence::{AHEAD_MAX, Evidence, Seen, before};
use crate::incident::{Ledger, Step};
use crate::notify::Notice;
use crate::observation::HealthIssue;
use crate::oidc::ProbeRecord;
use crate::outbox::Channel;
use crate::policy::Policy;
use crate::region::Region;

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

/// What became of recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Of each failure whether it is seen for the first time.
    pub new: Vec<bool>,
    pub trouble: Option<StoreError>,
}

/// One notice on its way, at a position that only grows. The order within an incident is that of the positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub position: u64,
    pub channel: Channel,
    pub notice: Notice,
    /// Claims so far.
    pub attempts: u32,
    /// Nobody else may publish it before: it is claimed, or SNS is given time.
    pub not_before: Option<Timestamp>,
    pub claimed_by: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub message_id: Option<String>,
}

impl Entry {
    /// The entries of a step's letters: the last one stands before the position that its ledger goes on with.
    fn of_step(step: &Step) -> impl Iterator<Item = Self> {
        let first = step.ledger.next_position.saturating_sub(step.letters.len() as u64);
        (first..).zip(&step.letters).map(|(position, letter)| Self {
            position,
            channel: letter.channel,
            notice: letter.notice.clone(),
            attempts: 0,
            not_before: None,
            claimed_by: None,
            sent_at: None,
            message_id: None,
        })
    }

    fn can_be_claimed(&self, by: &str, now: Timestamp) -> bool {
        let is_free = self.not_before.is_none_or(|time| time <= now);
        self.sent_at.is_none() && (is_free || self.claimed_by.as_deref() == Some(by))
    }
}

/// The right to publish an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who claims: another name for each invocation.
    pub by: String,
    /// When the claimant has certainly stopped.
    pub until: Timestamp,
}

/// How a claim ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// SNS took it (None: its place is the log), or it was told within a later notice.
    Sent { at: Timestamp, message_id: Option<String> },
    /// Nobody took it: again from `not_before` on.
    Failed { not_before: Timestamp },
    /// It was not tried, because people were told enough for now. That is no attempt.
    HeldBack { not_before: Timestamp },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    Yes,
    /// Another step came first: look again, and decide again.
    Overtaken,
}

/// Whether this sandbox is to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elected {
    Yes,
    /// Another one did or does, less than the interval ago.
    No,
}

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

impl View {
    /// Whether somebody was elected to probe within `interval`.
    pub fn is_being_probed(&self, now: Timestamp, interval: Duration) -> bool {
        self.probe_asked_at.is_some_and(|at| is_within(at, now, interval))
    }
}

/// Whether `at` is less than `span` before `now`. A time far ahead is of a clock that was wrong, and holds nobody up.
fn is_within(at: Timestamp, now: Timestamp, span: Duration) -> bool {
    at > before(now, span) && before(at, AHEAD_MAX) <= now
}

#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Store {
    /// Whether what it holds outlives this process.
    fn is_durable(&self) -> bool;

    /// From now on no call of the store lasts longer than this: what is not answered by then is `Unavailable`.
    fn work_until(&self, _deadline: Instant) {}

    /// Hashes callers under the key of this store. Made once; where the table cannot be had, under a key of this sandbox's
    /// own, and nothing is written while that one is in use.
    async fn hasher(&self) -> (CallerHasher, Option<StoreError>);

    /// Records what was seen of `region`. Recording a failure again changes nothing. Failures are written at once unless
    /// an incident is known to be open; everything else is gathered, and written by [`Self::flush`].
    async fn record(&self, region: &Region, seen: &Seen, now: Timestamp) -> Recorded;

    /// Writes what was gathered and is due, and names the regions that it is of.
    async fn flush(&self, now: Timestamp) -> (BTreeSet<Region>, Option<StoreError>);

    /// Everything known of `region`, what this sandbox gathered included. `fresh` reads all of it again; else what was
    /// read within a few seconds is good enough unless something was written since.
    async fn view(&self, region: &Region, now: Timestamp, fresh: bool) -> View;

    /// The regions that something was ever recorded of, and may still be kept of.
    async fn regions(&self) -> Result<BTreeSet<Region>, StoreError>;

    /// Records the state of an issue of AWS Health. One without a region counts for all of them.
    async fn record_health(&self, issue: &HealthIssue) -> Result<(), StoreError>;

    /// Replaces what was learned, unless somebody did since `before`.
    async fn learn(&self, region: &Region, before: &Learned, after: &Learned) -> Result<(), StoreError>;

    /// Takes a step decided on `version`: the ledger and the entries of its notices, all or nothing.
    async fn commit(&self, region: &Region, version: u64, step: &Step, now: Timestamp)
    -> Result<Committed, StoreError>;

    /// The entries of `region` that are not sent, in order of their positions. `view` is what they are looked for by.
    async fn pending(&self, region: &Region, view: &View) -> Result<Vec<Entry>, StoreError>;

    /// Claims an entry: of all who ask at once, one gets it, and none where it is sent or another one's claim holds. An
    /// own claim seen again, after a lost answer, is granted.
    async fn claim(
        &self,
        region: &Region,
        position: u64,
        claim: &Claim,
        now: Timestamp,
    ) -> Result<Option<Entry>, StoreError>;

    /// Whether people may be told of `group` ([`crate::outbox::Delivery::group`]) now; if so, it counts as told. Else
    /// from when on.
    async fn admit(
        &self,
        group: &str,
        is_page: bool,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Result<(), Timestamp>, StoreError>;

    /// Takes back an admission of `now`: people were not told.
    async fn retract(&self, group: &str, now: Timestamp) -> Result<(), StoreError>;

    /// Ends a claim.
    async fn settle(&self, region: &Region, position: u64, by: &str, settled: &Settled) -> Result<(), StoreError>;

    /// Whether the call of the failure `id` may be made again: yes, once. The failure itself may have been seen before,
    /// in a log or through CloudTrail.
    async fn claim_retry(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Whether this sandbox is to probe `region` now: of all who ask within `interval`, one.
    async fn elect_probe(&self, region: &Region, now: Timestamp, interval: Duration) -> Result<Elected, StoreError>;

    /// Keeps what the elected sandbox found.
    async fn record_probe(&self, region: &Region, probe: &ProbeRecord) -> Result<(), StoreError>;
}
