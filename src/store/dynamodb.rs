//! The store of all sandboxes: one DynamoDB table.
//!
//! In: what was seen and decided. Out: what all of them know. Each slot is one item, which every writer only adds to
//! (`slot_item`); the ledger, what was learned, the probe, AWS Health and each entry of the outbox are one item each
//! (`region_items`). Reads are consistent and by exact key, so the last of several writers sees all. Times are compared
//! with the `now` that is given; the table's own expiry only cleans up.
//!
//! What a sandbox cannot write it keeps and tries again with what it gathers; a count may then be too high by what was
//! written though the answer was lost.

mod decisions;
mod fault;
mod known;
mod people;
mod region_items;
mod slot_item;
mod status;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use futures_util::future::join_all;
use jiff::Timestamp;
use triage_decide::evidence::learned::Learned;
use triage_decide::evidence::slot::{Slot, slot_of};
use triage_decide::evidence::{Evidence, Seen};
use triage_decide::policy::Policy;
use triage_decide::probe_record::ProbeRecord;
use triage_decide::view::{StoreError, View};
use triage_engine::status_page::{StatusRecord, Written};
use triage_engine::store::{At, Claim, Committed, Elected, REGION_KEPT, Recorded, Settled, Store};
use triage_model::caller::CallerHasher;
use triage_model::observation::HealthIssue;
use triage_model::region::Region;
use triage_model::time::{before, day_of, is_within};
use triage_notify::letter::{Entry, Step};
use triage_notify::people::Person;
use triage_notify::status::kept::Kept;

use self::known::Known;
use self::table::{EXPIRES_AT, Key, Table, Update, bytes, expiry};
use triage_aws::http::CONNECT_TIMEOUT;

/// DynamoDB answers in a few milliseconds. A call that takes longer than this is better repeated.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// For all attempts together: a failure is answered from memory rather than late.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

const ATTEMPTS: u32 = 3;

/// The first pause between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Slots that are written at the same time.
const WRITES_AT_ONCE: usize = 8;

/// Long after a slot has ceased to be evidence it may be cleaned up.
const SLOT_LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// Of a slot: which write was the last.
const WRITTEN_BY: &str = "w";

/// What all regions have in common.
const SETTINGS: &str = "settings";
const CALLER_KEY: &str = "caller_key";
/// What the name of a region's attribute begins with; its value is the latest day (since 1970) with evidence of it.
const REGION: &str = "region_";

#[derive(Debug)]
pub struct DynamoStore {
    table: Table,
    /// How long a slot is evidence.
    kept: Duration,
    gather: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    regions: BTreeMap<Region, Known>,
    caller_key: CallerKey,
    /// Regions that are known to be in the table's list of them, with their latest day there.
    registered: BTreeMap<Region, i64>,
    /// The latest time it was given: what is old is measured from it.
    latest: Timestamp,
    flushed_at: Option<Timestamp>,
}

/// The key that callers are hashed under.
#[derive(Debug, Default)]
enum CallerKey {
    #[default]
    Unasked,
    /// The table's.
    Shared(CallerHasher),
    /// One of this sandbox's own, while the table is unavailable. Nothing that was hashed under it is written.
    Own(CallerHasher),
}

impl State {
    fn has_own_key(&self) -> bool {
        matches!(self.caller_key, CallerKey::Own(_))
    }
}

impl DynamoStore {
    /// On the HTTP client and the credentials of `config`.
    pub fn new(config: &SdkConfig, table: String, policy: &Policy) -> Self {
        let config = Builder::from(config)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(PAUSE))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            )
            .build();
        Self {
            table: Table::new(Client::from_conf(config), table),
            kept: policy.evidence,
            gather: policy.gather,
            state: Mutex::default(),
        }
    }

    /// A turn as the table may have it: a caller that is hashed under a key of the sandbox's own would be two there.
    fn in_shared_names(&self, region: &Region, step: &Step) -> Step {
        let mut step = step.clone();
        let state = self.state();
        if state.has_own_key() {
            let known = |region| state.regions.get(region).map(|known| known.rest.ledger.clone()).unwrap_or_default();
            step.ledger = step.ledger.with_names_of(&known(region));
            for beside in &mut step.with {
                beside.ledger = beside.ledger.take().map(|ledger| ledger.with_names_of(&known(&beside.region)));
            }
        }
        step
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half way under this lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as of `now`, without what is too old.
    fn state_at(&self, now: Timestamp) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.latest = state.latest.max(now);
        let oldest = slot_of(before(state.latest, self.kept));
        state.regions.values_mut().for_each(|known| known.forget(oldest));
        state
    }

    /// Writes slots of one region, and returns what each was before. What cannot be written is kept. After a failure
    /// the rest is left for later: it would only wait for the same.
    async fn write(&self, region: &Region, slots: BTreeMap<i64, Slot>, at: At) -> (Evidence, Option<StoreError>) {
        let mut before = Evidence::default();
        let mut trouble = None;
        let slots: Vec<(i64, Slot)> = slots.into_iter().collect();
        for slots in slots.chunks(WRITES_AT_ONCE) {
            let has_failed = trouble.is_some();
            let writes = slots.iter().map(|(begin, slot)| async {
                if has_failed { None } else { Some(self.write_slot(region, *begin, slot, at).await) }
            });
            let written = join_all(writes).await;
            let mut state = self.state();
            let known = state.regions.entry(region.clone()).or_default();
            for ((begin, slot), written) in slots.iter().zip(written) {
                match written {
                    Some(Ok(Some(old))) => {
                        known.written(*begin, old.clone(), slot, at.now);
                        before.slots.insert(*begin, old);
                    }
                    Some(Ok(None)) => known.written_unseen(*begin, slot, at.now),
                    Some(Err(error)) => {
                        known.look_again();
                        known.pend(*begin, slot);
                        trouble = Some(error);
                    }
                    None => known.pend(*begin, slot),
                }
            }
        }
        if trouble.is_none() && !slots.is_empty() {
            trouble = self.register(region, at).await.err();
        }
        (before, trouble)
    }

    /// Adds to one slot, and returns what it was before; None where the answer was lost, but not the write.
    async fn write_slot(&self, region: &Region, begin: i64, slot: &Slot, at: At) -> Result<Option<Slot>, StoreError> {
        let slot = {
            let state = self.state();
            let known = state.regions.get(region);
            known.map_or_else(|| slot.clone(), |known| known.worth_writing(begin, slot.clone()))
        };
        let begins_at = Timestamp::from_second(begin).unwrap_or(Timestamp::MIN);
        // The SDK asks again where it has no answer: a write that succeeded must not be counted twice, nor taken for
        // another sandbox's.
        let mut update = Update::of(Key::slot(region, begin))
            .set(EXPIRES_AT, expiry(begins_at, SLOT_LASTS))
            .set(WRITTEN_BY, bytes(fastrand::u64(..).to_ne_bytes()))
            .only_if(format!("attribute_not_exists(#{WRITTEN_BY}) OR #{WRITTEN_BY} <> :{WRITTEN_BY}"));
        let attributes = slot_item::attributes(&slot);
        for (name, value) in attributes.to_add {
            update = update.add(&name, value);
        }
        for (name, value) in attributes.to_set {
            update = update.set(&name, value);
        }
        // What was there before shows whether a failure is new, even if another sandbox records it at this moment.
        let old = update.apply(self.table.until(at.until), ReturnValue::AllOld).await?;
        Ok(old.map(|item| slot_item::slot_of_item(begin, &item)))
    }

    /// Puts the region on the list of those that the watcher evaluates: once a day.
    async fn register(&self, region: &Region, at: At) -> Result<(), StoreError> {
        let today = day_of(at.now);
        if self.state().registered.get(region).is_some_and(|day| *day >= today) {
            return Ok(());
        }
        let name = format!("{REGION}{}", region.as_str().replace('-', "_"));
        Update::of(Key::new(SETTINGS, SETTINGS))
            .set(&name, AttributeValue::N(today.to_string()))
            .apply(self.table.until(at.until), ReturnValue::None)
            .await?;
        self.state().registered.insert(region.clone(), today);
        Ok(())
    }

    /// The table's key, made now if there is none.
    async fn caller_key(&self, at: At) -> Result<[u8; 16], StoreError> {
        let settings = Key::new(SETTINGS, SETTINGS);
        let item = self.table.until(at.until).get(settings.clone()).await?.unwrap_or_default();
        self.state().registered.extend(listed_regions(&item));
        if let Some(key) = item.get(CALLER_KEY) {
            return key_of(key);
        }
        let update = Update::of(settings).set_if_absent(CALLER_KEY, bytes(random_key()));
        let item = update.apply(self.table.until(at.until), ReturnValue::AllNew).await?.unwrap_or_default();
        item.get(CALLER_KEY).map_or_else(|| Err(StoreError::Unreadable(CALLER_KEY.to_owned())), key_of)
    }
}

fn key_of(value: &AttributeValue) -> Result<[u8; 16], StoreError> {
    let bytes = value.as_b().ok().and_then(|bytes| bytes.as_ref().try_into().ok());
    bytes.ok_or_else(|| StoreError::Unreadable(CALLER_KEY.to_owned()))
}

/// The standard library keys its hashes with the system's own randomness.
fn random_key() -> [u8; 16] {
    let random = RandomState::new();
    let halves = [random.hash_one(0_u8), random.hash_one(1_u8)];
    let mut key = [0; 16];
    key[..8].copy_from_slice(&halves[0].to_ne_bytes());
    key[8..].copy_from_slice(&halves[1].to_ne_bytes());
    key
}

/// The regions of the table's list, with the latest day of each.
fn listed_regions(item: &table::Item) -> impl Iterator<Item = (Region, i64)> {
    item.iter().filter_map(|(attribute, value)| {
        let name = attribute.strip_prefix(REGION)?.replace('_', "-");
        let region = serde_json::from_value(name.into()).ok()?;
        Some((region, value.as_n().ok()?.parse().ok()?))
    })
}

impl Store for DynamoStore {
    fn is_durable(&self) -> bool {
        true
    }

    async fn hasher(&self, at: At) -> (CallerHasher, Option<StoreError>) {
        if let CallerKey::Shared(hasher) = &self.state().caller_key {
            return (hasher.clone(), None);
        }
        let key = self.caller_key(at).await;
        let mut state = self.state();
        match (key, &state.caller_key) {
            (_, CallerKey::Shared(hasher)) => (hasher.clone(), None),
            (Ok(key), CallerKey::Own(_) | CallerKey::Unasked) => {
                let hasher = CallerHasher::new(&key);
                if state.has_own_key() {
                    // These callers would be others under the table's key.
                    state.regions.values_mut().for_each(Known::forget_pending);
                }
                state.caller_key = CallerKey::Shared(hasher.clone());
                (hasher, None)
            }
            (Err(error), CallerKey::Own(hasher)) => (hasher.clone(), Some(error)),
            (Err(error), CallerKey::Unasked) => {
                let hasher = CallerHasher::new(&random_key());
                state.caller_key = CallerKey::Own(hasher.clone());
                (hasher, Some(error))
            }
        }
    }

    async fn record(&self, region: &Region, seen: &Seen, first: &[bool], at: At) -> Recorded {
        if seen.is_empty() {
            return Recorded::default();
        }
        let (mut new, due) = {
            let mut state = self.state_at(at.now);
            let own_key = state.has_own_key();
            let known = state.regions.entry(region.clone()).or_default();
            let mut evidence = known.evidence(own_key);
            let new = evidence.new_of(seen, first);
            let added = evidence.take_in(seen, &new);
            let mut due = known.gather(added, at.now);
            if own_key {
                std::mem::take(&mut due).iter().for_each(|(begin, slot)| known.pend(*begin, slot));
            }
            (new, due)
        };
        let (before, trouble) = self.write(region, due, at).await;
        for (mark, new) in seen.failures.iter().zip(&mut new) {
            *new = *new && !before.knows(mark);
        }
        Recorded { new, trouble }
    }

    async fn flush(&self, at: At) -> (BTreeSet<Region>, Option<StoreError>) {
        let due: Vec<(Region, BTreeMap<i64, Slot>)> = {
            let mut state = self.state_at(at.now);
            let is_early = state.flushed_at.is_some_and(|then| is_within(then, at.now, self.gather));
            if state.has_own_key() || is_early || !state.regions.values().any(Known::has_pending) {
                return (BTreeSet::new(), None);
            }
            state.flushed_at = Some(at.now);
            let regions = state.regions.iter_mut().filter(|(_, known)| known.has_pending());
            regions.map(|(region, known)| (region.clone(), known.take_pending())).collect()
        };
        let mut trouble = None;
        let mut regions = BTreeSet::new();
        for (region, slots) in due {
            if trouble.is_none() {
                (_, trouble) = self.write(&region, slots, at).await;
            } else {
                let mut state = self.state();
                let known = state.regions.entry(region.clone()).or_default();
                slots.iter().for_each(|(begin, slot)| known.pend(*begin, slot));
            }
            regions.insert(region);
        }
        (regions, trouble)
    }

    async fn view(&self, region: &Region, fresh: bool, at: At) -> View {
        let now = at.now;
        let begins = {
            let mut state = self.state_at(now);
            let own_key = state.has_own_key();
            let known = state.regions.entry(region.clone()).or_default();
            if let Some((_, error)) = known.failed.as_ref().filter(|(failed_at, _)| *failed_at == now && !fresh) {
                return known.view(own_key, Some(error.clone()));
            }
            let Some(begins) = known.to_read(now, fresh, self.kept, self.gather) else {
                return known.view(own_key, None);
            };
            begins
        };
        let read = self.table.read_region(region, &begins, at).await;
        let mut state = self.state();
        let own_key = state.has_own_key();
        let known = state.regions.entry(region.clone()).or_default();
        match read {
            Ok((slots, rest)) => {
                known.read(slots, rest, now);
                known.view(own_key, None)
            }
            Err(error) => {
                known.failed = Some((now, error.clone()));
                known.view(own_key, Some(error))
            }
        }
    }

    async fn regions(&self, at: At) -> Result<BTreeSet<Region>, StoreError> {
        let item = self.table.until(at.until).get(Key::new(SETTINGS, SETTINGS)).await?.unwrap_or_default();
        let mut state = self.state();
        state.registered.extend(listed_regions(&item));
        let gathered = state.regions.iter().filter(|(_, known)| known.has_pending()).map(|(region, _)| region);
        let oldest = day_of(before(at.now, REGION_KEPT));
        let listed = state.registered.iter().filter(|(_, day)| **day >= oldest).map(|(region, _)| region);
        Ok(gathered.chain(listed).cloned().collect())
    }

    async fn record_health(&self, issue: &HealthIssue, at: At) -> Result<(), StoreError> {
        let kept = self.table.put_health(issue, at).await;
        let mut state = self.state();
        if let Some(region) = &issue.region {
            state.regions.entry(region.clone()).or_default();
        }
        let concerned =
            state.regions.iter_mut().filter(|(region, _)| issue.region.as_ref().is_none_or(|of| of == *region));
        for (_, known) in concerned {
            // What is read next replaces it.
            known.rest.evidence.add_health(issue.clone());
            known.look_again();
        }
        kept
    }

    async fn learn(&self, region: &Region, before: &Learned, after: &Learned, at: At) -> Result<(), StoreError> {
        if self.table.put_learned(region, before, after, at).await? {
            self.state().regions.entry(region.clone()).or_default().rest.learned = after.clone();
        }
        Ok(())
    }

    async fn commit(&self, region: &Region, version: u64, step: &Step, at: At) -> Result<Committed, StoreError> {
        for region in std::iter::once(region).chain(step.with.iter().map(|beside| &beside.region)) {
            let unreadable = self.state().regions.get(region).and_then(|known| known.rest.trouble.clone());
            if let Some(error) = unreadable {
                return Err(error);
            }
        }
        // So that the watcher evaluates it: of a region whose failures came too late nothing else is written.
        let beside = step.with.iter().filter(|beside| beside.ledger.is_some()).map(|beside| &beside.region);
        for region in std::iter::once(region).chain(beside) {
            self.register(region, at).await?;
        }
        let step = &self.in_shared_names(region, step);
        let committed = self.table.put_step(region, version, step, at).await?;
        if committed == Committed::Yes {
            let mut state = self.state();
            let rest = &mut state.regions.entry(region.clone()).or_default().rest;
            rest.ledger = step.ledger.clone();
            rest.version = version + 1;
            for beside in &step.with {
                let Some(ledger) = &beside.ledger else { continue };
                let rest = &mut state.regions.entry(beside.region.clone()).or_default().rest;
                rest.ledger = ledger.clone();
                rest.version = beside.version + 1;
            }
        }
        Ok(committed)
    }

    async fn pending(&self, region: &Region, view: &View, at: At) -> Result<Vec<Entry>, StoreError> {
        let (unsent, sent_below) = self.table.unsent_entries(region, view, at).await?;
        let mut state = self.state();
        let known = &mut state.regions.entry(region.clone()).or_default().rest.sent_below;
        *known = sent_below.max(*known);
        Ok(unsent)
    }

    async fn claim(&self, region: &Region, position: u64, claim: &Claim, at: At) -> Result<Option<Entry>, StoreError> {
        self.table.claim_entry(region, position, claim, at).await
    }

    async fn admit(
        &self,
        group: &str,
        is_page: bool,
        policy: &Policy,
        at: At,
    ) -> Result<Result<(), Timestamp>, StoreError> {
        self.table.change_sent(|sent| sent.admit(group, is_page, policy, at.now), at).await
    }

    async fn retract(&self, group: &str, at: At) -> Result<(), StoreError> {
        self.table.change_sent(|sent| sent.retract(group, at.now), at).await
    }

    async fn settle(
        &self,
        region: &Region,
        position: u64,
        by: &str,
        settled: &Settled,
        at: At,
    ) -> Result<(), StoreError> {
        self.table.settle_entry(region, position, by, settled, at).await
    }

    async fn claim_retry(&self, id: &str, at: At) -> Result<bool, StoreError> {
        self.table.put_retry(id, at).await
    }

    async fn people(&self, ids: &[String], at: At) -> Result<BTreeMap<String, Person>, StoreError> {
        self.table.people(ids, at).await
    }

    async fn keep_people(&self, people: &BTreeMap<String, Person>, at: At) -> Result<(), StoreError> {
        self.table.keep_people(people, at).await
    }

    async fn status(&self, at: At) -> Result<StatusRecord, StoreError> {
        self.table.status(at).await
    }

    async fn keep_status_incidents(&self, kept: &Kept, at: At) -> Result<(), StoreError> {
        self.table.put_status_incidents(kept, at).await
    }

    async fn note_status(&self, written: &Written, at: At) -> Result<(), StoreError> {
        self.table.put_status_note(written, at).await
    }

    async fn elect_probe(&self, region: &Region, interval: Duration, at: At) -> Result<Elected, StoreError> {
        let elected = self.table.ask_for_probe(region, interval, at).await?;
        // In either case: until the interval is over there is no election.
        self.state().regions.entry(region.clone()).or_default().rest.probe_asked_at = Some(at.now);
        Ok(elected)
    }

    async fn record_probe(&self, region: &Region, probe: &ProbeRecord, at: At) -> Result<(), StoreError> {
        self.table.put_probe(region, probe, at).await?;
        self.state().regions.entry(region.clone()).or_default().rest.probe = probe.clone();
        Ok(())
    }
}
