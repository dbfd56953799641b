//! What sandboxes must agree on: turns, and the right to publish a notice.
//!
//! In: a turn with the version that it was decided on, or a claim. Out: whether the table accepted it. The ledger and
//! the entries of a turn go in one transaction. After a lost answer a look at the item shows whether it was our own
//! that came through: each turn has a token.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, ReturnValue, TransactWriteItem};
use jiff::Timestamp;
use triage_decide::evidence::mark::hash48;
use triage_decide::ledger::Ledger;
use triage_decide::verdict::Diagnosis;
use triage_decide::view::{StoreError, View};
use triage_engine::store::{At, Claim, Committed, Settled};
use triage_model::region::Region;
use triage_notify::letter::{Beside, Channel, Entry, Step};
use triage_notify::notice::{Notice, NoticeKind};
use triage_notify::outbox::RecentlySent;

use crate::store::dynamodb::fault::{refusal, store_error};
use crate::store::dynamodb::table::{
    BATCH_MAX, EXPIRES_AT, Item, Key, PARTITION, Table, Update, expiry, json, number, read_json, read_number,
    read_time, string, text, time,
};

pub const LEDGER_ITEM: &str = "incident#current";
const LEDGER: &str = "ledger";
const VERSION: &str = "version";
const TOKEN: &str = "token";
/// The latest turn of another region that was decided on this ledger too.
const CHECKED_BY: &str = "checked_by";
const SENT_BELOW: &str = "sent_below";
const NOTICE: &str = "notice";
const CHANNEL: &str = "channel";

/// Entries that are searched for unsent ones: as many as a region has in years, unless one can never be sent.
const LOOKED_AT_MAX: usize = 2_000;

/// What was sent to people lately, in all regions: one item.
const SENT: &str = "told";

/// Of all sandboxes that send at the same time one is granted in each round, until so many are granted that the rest
/// only reads that it must wait: a few rounds more than there are notices in a minute, at pauses of up to this one.
const SENT_TRIES: u32 = 20;
const SENT_PAUSE: Duration = Duration::from_millis(20);

/// A transaction that meets another one is retried so often, at growing pauses from this one on.
const STEP_TRIES: u32 = 4;
const STEP_PAUSE: Duration = Duration::from_millis(20);

/// How long a notice is kept as history.
const NOTICE_LASTS: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How long a retried call is remembered: its event is delivered again for six hours.
const RETRY_LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// What came of one try.
enum Tried {
    Taken,
    /// A condition does not hold: another turn, or our own whose answer was lost.
    Refused,
    /// Another transaction is at the same items.
    InTheWay,
    /// It may have come through or not.
    Unanswered(StoreError),
}

impl Table {
    /// Replaces the ledger of that version, and puts the notices of the turn into the outbox, all or nothing.
    pub async fn put_step(&self, region: &Region, version: u64, step: &Step, at: At) -> Result<Committed, StoreError> {
        let token = token();
        let mut refused = StoreError::Throttled("another transaction is in the way".to_owned());
        for round in 0..STEP_TRIES {
            if round > 0 {
                tokio::time::sleep(STEP_PAUSE.mul_f64(f64::from(1 << round) * (0.5 + fastrand::f64()))).await;
            }
            let tried = self.try_step(region, version, step, &token, at).await?;
            match tried {
                Tried::Taken => return Ok(Committed::Yes),
                Tried::InTheWay => continue,
                Tried::Refused | Tried::Unanswered(_) => {}
            }
            let item = self.until(at.until).get(Key::of_region(region, LEDGER_ITEM)).await?.unwrap_or_default();
            if text(&item, TOKEN) == Some(token.as_str()) {
                return Ok(Committed::Yes);
            }
            if read_number(&item, VERSION).unwrap_or(0) != version || self.is_overtaken(&step.with, at).await? {
                return Ok(Committed::Overtaken);
            }
            match tried {
                Tried::Unanswered(error) => return Err(error),
                // No other turn was taken, so an entry stands where the ledger has none: of another turn that is just
                // being taken, or it is damaged.
                Tried::Refused | Tried::Taken | Tried::InTheWay => {
                    refused = StoreError::Unreadable("the outbox".to_owned());
                }
            }
        }
        Err(refused)
    }

    /// Whether one of these ledgers is at another version.
    async fn is_overtaken(&self, with: &[Beside], at: At) -> Result<bool, StoreError> {
        if with.is_empty() {
            return Ok(false);
        }
        let key = |beside: &Beside| Key::of_region(&beside.region, LEDGER_ITEM);
        let items = self.until(at.until).get_all(with.iter().map(key).collect()).await?;
        let version = |beside| items.get(&key(beside)).and_then(|item| read_number(item, VERSION)).unwrap_or(0);
        Ok(with.iter().any(|beside| version(beside) != beside.version))
    }

    async fn try_step(
        &self,
        region: &Region,
        version: u64,
        step: &Step,
        token: &str,
        at: At,
    ) -> Result<Tried, StoreError> {
        let ledger = ledger_update(region, version, Some(&step.ledger), token, at);
        let ledger = TransactWriteItem::builder().update(ledger.in_transaction(self)?).build();
        let mut transaction = self.client.transact_write_items().transact_items(ledger);
        for Beside { region, version, ledger } in &step.with {
            let ledger = ledger_update(region, *version, ledger.as_ref(), token, at);
            let ledger = TransactWriteItem::builder().update(ledger.in_transaction(self)?).build();
            transaction = transaction.transact_items(ledger);
        }
        for entry in step.entries() {
            let put = Put::builder()
                .table_name(&self.name)
                .set_item(Some(item_of_entry(region, &entry, at.now)))
                .condition_expression(format!("attribute_not_exists({PARTITION})"))
                .build()
                .map_err(|_| StoreError::Unavailable("the request could not be built".to_owned()))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        let error = match self.until(at.until).in_time(transaction.send()).await {
            Ok(Ok(_)) => return Ok(Tried::Taken),
            Ok(Err(error)) => error,
            Err(no_time) => return Ok(Tried::Unanswered(no_time)),
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let mut codes: Vec<&str> =
                    canceled.cancellation_reasons().iter().filter_map(|why| why.code()).collect();
                codes.retain(|code| *code != "None");
                if codes.contains(&"TransactionConflict") {
                    Ok(Tried::InTheWay)
                } else if codes.contains(&"ConditionalCheckFailed") {
                    Ok(Tried::Refused)
                } else {
                    Err(refusal(codes.first().copied(), 400))
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Ok(Tried::InTheWay),
            Some(_) | None => match store_error(&error) {
                unanswered @ StoreError::Unavailable(_) => Ok(Tried::Unanswered(unanswered)),
                refused => Err(refused),
            },
        }
    }

    /// The unsent entries among those that the view's ledger counts, in order, and the first position to look at again:
    /// everything below it is sent.
    pub async fn unsent_entries(&self, region: &Region, view: &View, at: At) -> Result<(Vec<Entry>, u64), StoreError> {
        let positions: Vec<u64> = (view.sent_below..view.ledger.next_position).take(LOOKED_AT_MAX).collect();
        let mut unsent = Vec::new();
        let mut first_unsent = None;
        let mut sent_below = view.sent_below;
        // An entry that one channel cannot send must not hide those behind it for another.
        for positions in positions.chunks(BATCH_MAX) {
            let keys = positions.iter().map(|position| Key::entry(region, *position)).collect();
            let items = self.until(at.until).get_all(keys).await?;
            for position in positions {
                // An entry that is gone has expired. One of a turn that was taken this moment may not be visible yet,
                // so it counts as gone only if there is a later one.
                let Some(item) = items.get(&Key::entry(region, *position)) else { continue };
                if item.contains_key("sent_at") {
                    sent_below = first_unsent.unwrap_or(position + 1);
                    continue;
                }
                first_unsent = first_unsent.or(Some(*position));
                sent_below = first_unsent.unwrap_or(*position);
                unsent.extend(entry_of_item(region, *position, item));
            }
        }
        if sent_below > view.sent_below {
            self.raise_sent_below(region, sent_below, at).await;
        }
        Ok((unsent, sent_below))
    }

    /// It only saves reading. If it fails, the next one does it.
    async fn raise_sent_below(&self, region: &Region, sent_below: u64, at: At) {
        let _ = Update::of(Key::of_region(region, LEDGER_ITEM))
            .set(SENT_BELOW, number(sent_below))
            .only_if("attribute_exists(#version) AND (attribute_not_exists(#sent_below) OR #sent_below < :sent_below)")
            .apply(self.until(at.until), ReturnValue::None)
            .await;
    }

    pub async fn claim_entry(
        &self,
        region: &Region,
        position: u64,
        claim: &Claim,
        at: At,
    ) -> Result<Option<Entry>, StoreError> {
        let claimed = Update::of(Key::entry(region, position))
            .set("claimed_by", string(&claim.by))
            .set("not_before", time(claim.until))
            .add("attempts", number(1))
            .only_if(
                "attribute_exists(#notice) AND attribute_not_exists(#sent_at) \
                 AND (attribute_not_exists(#not_before) OR #not_before <= :now OR #claimed_by = :claimed_by)",
            )
            .value("now", time(at.now))
            .apply(self.until(at.until), ReturnValue::AllNew)
            .await?;
        claimed
            .map(|item| {
                entry_of_item(region, position, &item).ok_or_else(|| StoreError::Unreadable(CHANNEL.to_owned()))
            })
            .transpose()
    }

    pub async fn settle_entry(
        &self,
        region: &Region,
        position: u64,
        by: &str,
        settled: &Settled,
        at: At,
    ) -> Result<(), StoreError> {
        let entry = Update::of(Key::entry(region, position)).remove("claimed_by");
        let entry = match settled {
            Settled::Sent { at: sent_at, message_id } => {
                let sent = entry.set("sent_at", time(*sent_at)).remove("not_before");
                match message_id {
                    Some(message_id) => sent.set("message_id", string(message_id)),
                    None => sent,
                }
            }
            Settled::Failed { not_before } => entry.set("not_before", time(*not_before)),
            Settled::HeldBack { not_before } => entry.set("not_before", time(*not_before)).add("attempts", number(-1)),
        };
        // Where the claim is not ours any more, it has passed, or this is settled and only the answer was lost.
        let entry = entry.only_if("#claimed_by = :by").value("by", string(by));
        entry.apply(self.until(at.until), ReturnValue::None).await.map(|_| ())
    }

    /// Changes what was recently sent, and returns the result of the change. Of all sandboxes that do so at once each
    /// sees the others' changes.
    pub async fn change_sent<T>(&self, change: impl Fn(&mut RecentlySent) -> T, at: At) -> Result<T, StoreError> {
        let (key, token) = (Key::new(SENT, SENT), token());
        let mut asked = None;
        for round in 0..SENT_TRIES {
            if round > 0 {
                tokio::time::sleep(SENT_PAUSE.mul_f64(fastrand::f64())).await;
            }
            let item = self.until(at.until).get(key.clone()).await?.unwrap_or_default();
            // The write succeeded, and only the answer was lost.
            if text(&item, TOKEN) == Some(token.as_str())
                && let Some(done) = asked
            {
                return Ok(done);
            }
            // An item of another release that cannot be read holds nothing back.
            let before: RecentlySent = read_json(&item, SENT).ok().flatten().unwrap_or_default();
            let mut after = before.clone();
            let done = change(&mut after);
            if after == before {
                return Ok(done);
            }
            let version: u64 = read_number(&item, VERSION).unwrap_or(0);
            let update = Update::of(key.clone())
                .set(SENT, json(&after))
                .set(TOKEN, string(&token))
                .set(VERSION, number(version + 1));
            let update = match version {
                0 => update.only_if("attribute_not_exists(#version)"),
                known => update.only_if("#version = :known").value("known", number(known)),
            };
            if update.apply(self.until(at.until), ReturnValue::None).await?.is_some() {
                return Ok(done);
            }
            asked = Some(done);
        }
        Err(StoreError::Throttled("too many sandboxes send notices at the same time".to_owned()))
    }

    pub async fn put_retry(&self, id: &str, at: At) -> Result<bool, StoreError> {
        let claimed = Update::of(Key::new(format!("retry#{:012x}", hash48(id)), "retry"))
            .set("claimed_at", time(at.now))
            .set(TOKEN, string(token()))
            .set(EXPIRES_AT, expiry(at.now, RETRY_LASTS))
            // What the SDK asks again, because it has no answer, is our own claim.
            .only_if("attribute_not_exists(#claimed_at) OR #token = :token")
            .apply(self.until(at.until), ReturnValue::None)
            .await?;
        Ok(claimed.is_some())
    }
}

/// Replaces the ledger of that version, or only makes sure that it is still that one: a check would need a right of its own.
fn ledger_update(region: &Region, version: u64, ledger: Option<&Ledger>, token: &str, at: At) -> Update {
    let update = Update::of(Key::of_region(region, LEDGER_ITEM));
    let update = match ledger {
        Some(ledger) => update
            .set(LEDGER, json(ledger))
            .set(VERSION, number(version + 1))
            .set(TOKEN, string(token))
            .set("next", number(ledger.next_position))
            .set("changed_at", string(at.now.to_string())),
        None => update.set(CHECKED_BY, string(token)),
    };
    match version {
        0 => update.only_if("attribute_not_exists(#version)"),
        known => update.only_if("#version = :known").value("known", number(known)),
    }
}

/// A unique name: 32 letters.
pub fn token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Adds the ledger to the view. One that cannot be read is named there: no turn may be taken from it.
pub fn read_ledger(item: &Item, view: &mut View) {
    view.version = read_number(item, VERSION).unwrap_or(0);
    view.sent_below = read_number(item, SENT_BELOW).unwrap_or(0);
    match read_json(item, LEDGER) {
        Ok(ledger) => view.ledger = ledger.unwrap_or_default(),
        Err(error) => view.trouble = Some(error),
    }
}

fn unreadable(region: &Region, position: u64, item: &Item) -> Notice {
    fn named<T: serde::de::DeserializeOwned>(item: &Item, name: &str) -> Option<T> {
        serde_json::from_value(text(item, name)?.into()).ok()
    }
    Notice::unreadable(
        region,
        text(item, "incident").map(str::to_owned),
        read_number(item, "sequence").unwrap_or(1),
        named(item, "kind").unwrap_or(NoticeKind::Changed),
        named(item, "diagnosis").unwrap_or(Diagnosis::Outage),
        text(item, "made_at").and_then(|at| at.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH),
        position,
    )
}

/// With the notice's main fields as attributes of their own, so that the table shows the history.
fn item_of_entry(region: &Region, entry: &Entry, now: Timestamp) -> Item {
    let Notice { incident, sequence, kind, diagnosis, .. } = &entry.notice;
    let fields = [
        (NOTICE, json(&entry.notice)),
        (CHANNEL, string(entry.channel.as_str())),
        ("kind", string(kind.as_str())),
        ("diagnosis", string(diagnosis.as_str())),
        ("sequence", number(sequence)),
        ("made_at", string(now.to_string())),
        ("attempts", number(entry.attempts)),
        (EXPIRES_AT, expiry(now, NOTICE_LASTS)),
    ];
    let mut item = Key::entry(region, entry.position).into_attributes();
    item.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    item.extend(incident.as_ref().map(|incident| ("incident".to_owned(), string(incident))));
    item
}

/// None where it is for a channel that another release has.
fn entry_of_item(region: &Region, position: u64, item: &Item) -> Option<Entry> {
    let notice = read_json(item, NOTICE).ok().flatten();
    Some(Entry {
        position,
        channel: text(item, CHANNEL).map_or(Some(Channel::Topic), Channel::named)?,
        // An entry of another release that cannot be read is sent all the same: as far as its attributes say.
        notice: notice.unwrap_or_else(|| unreadable(region, position, item)),
        attempts: read_number(item, "attempts").unwrap_or(0),
        not_before: read_time(item, "not_before"),
        claimed_by: text(item, "claimed_by").map(str::to_owned),
        sent_at: read_time(item, "sent_at"),
        message_id: text(item, "message_id").map(str::to_owned),
    })
}
