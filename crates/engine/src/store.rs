//! Where sandboxes agree: evidence by region, what was decided, and which notices to send.
//!
//! One port with two implementations that pass one suite of tests (`tests/store`): [`crate::memory`] (local runs,
//! replay, tests, a function without a table), and DynamoDB in the function. What only counts never fails: if the table
//! is unavailable, the sandbox's own memory answers, and the error is reported. What sandboxes must agree on (a turn, a
//! claim) fails with a [`StoreError`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::evidence::Seen;
use triage_decide::evidence::learned::Learned;
use triage_decide::policy::Policy;
use triage_decide::probe_record::ProbeRecord;
use triage_decide::view::{StoreError, View};
use triage_model::caller::CallerHasher;
use triage_model::observation::HealthIssue;
use triage_model::region::Region;
use triage_notify::letter::{Entry, Step};
use triage_notify::people::Person;
use triage_notify::status::kept::Kept;

use crate::status_page::{StatusRecord, Written};

/// A region without evidence for so long is no longer listed: after a fortnight's holiday of its only users it is added
/// again, while ticking each region that was ever mentioned costs money every minute.
pub const REGION_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a person's name is kept: names change seldom, but a user who is not found may be about to appear in the
/// directory.
pub const fn kept_for(person: &Person) -> Duration {
    Duration::from_secs(match person {
        Person::Named(_) => 24 * 60 * 60,
        Person::Unknown => 60 * 60,
    })
}

/// When the store is asked, and until when: a call that is not answered by `until` is `Unavailable`.
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub now: Timestamp,
    pub until: Instant,
}

/// What became of recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Of each failure whether it is seen for the first time.
    pub new: Vec<bool>,
    pub trouble: Option<StoreError>,
}

/// The right to publish an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The claimant: another name for each invocation.
    pub by: String,
    /// When the claimant has certainly stopped.
    pub until: Timestamp,
}

/// How a claim ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// SNS accepted it (None: it went to the log), or a later notice included it.
    Sent { at: Timestamp, message_id: Option<String> },
    /// It could not be sent: again from `not_before` on.
    Failed { not_before: Timestamp },
    /// It was not tried, because people got enough notices for now. That is no attempt.
    HeldBack { not_before: Timestamp },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    Yes,
    /// Another turn came first: evaluate and decide again.
    Overtaken,
}

/// Whether this sandbox is to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elected {
    Yes,
    /// Another sandbox did or does, less than the interval ago.
    No,
}

#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Store {
    /// Whether what it holds outlives this process.
    fn is_durable(&self) -> bool;

    /// Hashes callers under the key of this store. Made once; if the table is unavailable, under a key of this
    /// sandbox's own, and nothing is written while that one is in use.
    async fn hasher(&self, at: At) -> (CallerHasher, Option<StoreError>);

    /// Records what was seen of `region`; `first` says of each failure whether this sandbox sees it for the first time.
    /// Recording a failure again changes nothing. Failures are written at once unless an incident is known to be open;
    /// everything else is gathered, and written by [`Self::flush`].
    async fn record(&self, region: &Region, seen: &Seen, first: &[bool], at: At) -> Recorded;

    /// Writes what was gathered and is due, and names the regions that it is of.
    async fn flush(&self, at: At) -> (BTreeSet<Region>, Option<StoreError>);

    /// Everything known of `region`, what this sandbox gathered included. `fresh` reads all of it again; else what was
    /// read within a few seconds is good enough unless something was written since.
    async fn view(&self, region: &Region, fresh: bool, at: At) -> View;

    /// Whether an incident is open in `region`, as far as [`Self::view`] would say without reading it again.
    async fn has_open_incident(&self, region: &Region, at: At) -> bool {
        self.view(region, false, at).await.ledger.open_incidents().next().is_some()
    }

    /// The regions that something was ever recorded of, and may still be kept of.
    async fn regions(&self, at: At) -> Result<BTreeSet<Region>, StoreError>;

    /// Records the state of an issue of AWS Health. One without a region counts for all of them.
    async fn record_health(&self, issue: &HealthIssue, at: At) -> Result<(), StoreError>;

    /// Replaces what was learned, unless another sandbox did since `before`.
    async fn learn(&self, region: &Region, before: &Learned, after: &Learned, at: At) -> Result<(), StoreError>;

    /// Takes a turn decided on `version`, and on those of the ledgers beside it ([`Step::with`]): all the ledgers and the
    /// entries of its notices, or nothing.
    async fn commit(&self, region: &Region, version: u64, step: &Step, at: At) -> Result<Committed, StoreError>;

    /// The entries of `region` that are not sent, in order of their positions, found by `view`.
    async fn pending(&self, region: &Region, view: &View, at: At) -> Result<Vec<Entry>, StoreError>;

    /// Claims an entry: of all sandboxes that ask at once, one gets it; none does if it is sent or another claim holds.
    /// A sandbox's own claim, seen again after a lost answer, is granted.
    async fn claim(&self, region: &Region, position: u64, claim: &Claim, at: At) -> Result<Option<Entry>, StoreError>;

    /// Whether a notice of `group` ([`triage_notify::outbox::Delivery::group`]) may be sent to people now; if so, it
    /// counts as sent. Else from when on.
    async fn admit(
        &self,
        group: &str,
        is_page: bool,
        policy: &Policy,
        at: At,
    ) -> Result<Result<(), Timestamp>, StoreError>;

    /// Takes back an admission of that moment: no notice was sent.
    async fn retract(&self, group: &str, at: At) -> Result<(), StoreError>;

    /// Ends a claim.
    async fn settle(
        &self,
        region: &Region,
        position: u64,
        by: &str,
        settled: &Settled,
        at: At,
    ) -> Result<(), StoreError>;

    /// Whether the call of the failure `id` may be retried: yes, once. The failure itself may have been seen before, in
    /// a log or through CloudTrail.
    async fn claim_retry(&self, id: &str, at: At) -> Result<bool, StoreError>;

    /// The people behind these user ids, of those that are kept and still valid ([`kept_for`]).
    async fn people(&self, ids: &[String], at: At) -> Result<BTreeMap<String, Person>, StoreError>;

    /// Keeps the people, so that the next notice need not look them up.
    async fn keep_people(&self, people: &BTreeMap<String, Person>, at: At) -> Result<(), StoreError>;

    /// What is kept of the status page.
    async fn status(&self, at: At) -> Result<StatusRecord, StoreError>;

    /// Keeps its incidents. Of two watchers at once either may be the last: the next tick takes in what is lacking.
    async fn keep_status_incidents(&self, kept: &Kept, at: At) -> Result<(), StoreError>;

    /// Keeps what became of writing it.
    async fn note_status(&self, written: &Written, at: At) -> Result<(), StoreError>;

    /// Whether this sandbox is to probe `region` now: of all that ask within `interval`, one.
    async fn elect_probe(&self, region: &Region, interval: Duration, at: At) -> Result<Elected, StoreError>;

    /// Keeps what the elected sandbox found.
    async fn record_probe(&self, region: &Region, probe: &ProbeRecord, at: At) -> Result<(), StoreError>;
}
