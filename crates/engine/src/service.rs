//! SSO OIDC as the stages use it: retries and probes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::probe_record::ProbeRecord;
use triage_model::classify::Class;
use triage_model::observation::{Failure, Operation};
use triage_model::region::Region;
use triage_notify::letter::Channel;
use triage_notify::notice::Notice;
use triage_notify::people::Person;

use crate::directory::{Directory, DirectoryError};
use crate::objects::{ObjectError, Objects};
use crate::publish::{Destination, Publish, PublishError, Published};
use crate::retry::{NotRepeatable, RetryReport};

#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Service {
    /// Retries the failed call until it succeeds, cannot succeed, or `deadline` is near.
    async fn retry(&self, failure: &Failure, class: &Class, deadline: Instant) -> Result<RetryReport, NotRepeatable>;

    /// Probes the service of a region, and adds the answer to its record; the caller stores it. There is no new answer
    /// (`latest` is unchanged) if `deadline` came first. `affected` are the steps that fail for callers: they are
    /// probed themselves, as far as possible.
    async fn probe(
        &self,
        region: &Region,
        start_url: Option<&str>,
        affected: &BTreeSet<Operation>,
        record: &ProbeRecord,
        now: Timestamp,
        deadline: Instant,
    ) -> ProbeRecord;

    /// What other sandboxes' probes used is our own as well.
    fn note_own(&self, record: &ProbeRecord);

    /// So many calls succeeded at once, whoever made them: each pays a little into the retry budget.
    fn served(&self, calls: u32);

    /// The client ids by which records of our own probes are known.
    fn own_client_ids(&self) -> Vec<String>;

    /// The request ids of calls of our own, for those that name no client: RegisterClient, and retries.
    fn own_request_ids(&self) -> Vec<String>;
}

/// For replay, without a network. It has no value.
#[derive(Clone, Copy, Debug)]
pub enum Nobody {}

impl Service for Nobody {
    async fn retry(&self, _: &Failure, _: &Class, _: Instant) -> Result<RetryReport, NotRepeatable> {
        match *self {}
    }

    async fn probe(
        &self,
        _: &Region,
        _: Option<&str>,
        _: &BTreeSet<Operation>,
        _: &ProbeRecord,
        _: Timestamp,
        _: Instant,
    ) -> ProbeRecord {
        match *self {}
    }

    fn note_own(&self, _: &ProbeRecord) {
        match *self {}
    }

    fn served(&self, _: u32) {
        match *self {}
    }

    fn own_client_ids(&self) -> Vec<String> {
        match *self {}
    }

    fn own_request_ids(&self) -> Vec<String> {
        match *self {}
    }
}

impl Directory for Nobody {
    async fn person(&self, _: &str, _: Duration) -> Result<Person, DirectoryError> {
        match *self {}
    }
}

impl Objects for Nobody {
    async fn object(&self, _: &str, _: usize, _: Instant) -> Result<Vec<u8>, ObjectError> {
        match *self {}
    }
}

impl Publish for Nobody {
    fn channels(&self) -> Vec<Channel> {
        match *self {}
    }

    fn destinations(&self) -> Vec<Destination> {
        match *self {}
    }

    async fn publish_to(&self, _: Destination, _: &Notice, _: Duration) -> Result<Option<String>, PublishError> {
        match *self {}
    }

    async fn publish(&self, _: Channel, _: &Notice, _: Duration) -> Result<Published, PublishError> {
        match *self {}
    }

    async fn pause(&self, _: Duration) {
        match *self {}
    }
}
