//! What is kept of a region besides its slots: the ledger, what was learned, the probe, AWS Health.
//!
//! In: a region. Out: all of it with one BatchGetItem, the slots included; and each part written by itself, under a
//! condition where another sandbox may write it at the same time.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use triage_decide::evidence::HEALTH_COUNTS;
use triage_decide::evidence::learned::Learned;
use triage_decide::evidence::mark::hash48;
use triage_decide::evidence::slot::Slot;
use triage_decide::probe_record::ProbeRecord;
use triage_decide::view::{StoreError, View};
use triage_engine::store::{At, Elected};
use triage_model::observation::HealthIssue;
use triage_model::region::Region;
use triage_model::time::{AHEAD_MAX, before, later};

use crate::store::dynamodb::decisions;
use crate::store::dynamodb::slot_item::slot_of_item;
use crate::store::dynamodb::table::{Item, Key, Table, Update, json, read_json, read_time, string, time};

const LEARNED: &str = "learned";
const PROBE: &str = "probe";
const ASKED_AT: &str = "asked_at";
const HEALTH: &str = "health";

/// In place of a region's name: issues that name none.
const EVERYWHERE: &str = "health#everywhere";

/// What an issue's attributes begin with: its text, and when AWS said so.
const ISSUE: &str = "i";
const ISSUE_AT: &str = "t";

impl Table {
    /// Reads these slots of a region, None where there is no item, and everything else that is known of it.
    pub async fn read_region(
        &self,
        region: &Region,
        begins: &[i64],
        at: At,
    ) -> Result<(Vec<(i64, Option<Slot>)>, View), StoreError> {
        let learned = Key::of_region(region, LEARNED);
        let ledger = Key::of_region(region, decisions::LEDGER_ITEM);
        let probe = Key::of_region(region, PROBE);
        let health = [health_key(Some(region)), health_key(None)];
        let mut keys = vec![learned.clone(), ledger.clone(), probe.clone()];
        keys.extend(health.clone());
        keys.extend(begins.iter().map(|begin| Key::slot(region, *begin)));
        let mut items = self.until(at.until).get_all(keys).await?;

        let mut rest = View::default();
        if let Some(item) = items.get(&learned) {
            rest.learned = read_json(item, LEARNED).ok().flatten().unwrap_or_default();
        }
        if let Some(item) = items.get(&probe) {
            rest.probe = read_json(item, PROBE).ok().flatten().unwrap_or_default();
            rest.probe_asked_at = read_time(item, ASKED_AT);
        }
        if let Some(item) = items.get(&ledger) {
            decisions::read_ledger(item, &mut rest);
        }
        for item in health.iter().filter_map(|key| items.get(key)) {
            issues(item).for_each(|issue| rest.evidence.add_health(issue));
        }
        let slots = begins.iter().map(|begin| {
            let item = items.remove(&Key::slot(region, *begin));
            (*begin, item.map(|item| slot_of_item(*begin, &item)))
        });
        Ok((slots.collect(), rest))
    }

    /// Whether it was written: no other sandbox learned since `before`.
    pub async fn put_learned(
        &self,
        region: &Region,
        before: &Learned,
        after: &Learned,
        at: At,
    ) -> Result<bool, StoreError> {
        let update = Update::of(Key::of_region(region, LEARNED)).set(LEARNED, json(after));
        let update = match after.until {
            Some(until) => update.set("until", time(until)),
            None => update,
        };
        let update = match before.until {
            Some(until) => update.only_if("#until = :before").value("before", time(until)),
            None => update.only_if("attribute_not_exists(#until)"),
        };
        Ok(update.apply(self.until(at.until), ReturnValue::None).await?.is_some())
    }

    pub async fn ask_for_probe(&self, region: &Region, interval: Duration, at: At) -> Result<Elected, StoreError> {
        // A time far ahead is of a clock that was wrong. A sandbox that asks again after a lost answer is elected all
        // the same.
        let asked = Update::of(Key::of_region(region, PROBE))
            .set(ASKED_AT, time(at.now))
            .set("asked_by", string(decisions::token()))
            .only_if(
                "attribute_not_exists(#asked_at) OR #asked_at <= :from OR #asked_at > :ahead OR #asked_by = :asked_by",
            )
            .value("from", time(before(at.now, interval)))
            .value("ahead", time(later(at.now, AHEAD_MAX)))
            .apply(self.until(at.until), ReturnValue::None)
            .await?;
        Ok(if asked.is_some() { Elected::Yes } else { Elected::No })
    }

    pub async fn put_probe(&self, region: &Region, probe: &ProbeRecord, at: At) -> Result<(), StoreError> {
        let update = Update::of(Key::of_region(region, PROBE)).set(PROBE, json(probe));
        update.apply(self.until(at.until), ReturnValue::None).await.map(|_| ())
    }

    /// Keeps the state of an issue unless a later one is there, and drops issues that do not count any more.
    pub async fn put_health(&self, issue: &HealthIssue, at: At) -> Result<(), StoreError> {
        let (name, name_at) = issue_names(&issue.event_arn);
        let key = health_key(issue.region.as_ref());
        let put = Update::of(key.clone())
            .set(&name, json(issue))
            .set(&name_at, time(issue.occurred_at))
            .only_if(format!("attribute_not_exists(#{name_at}) OR #{name_at} <= :{name_at}"));
        let Some(item) = put.apply(self.until(at.until), ReturnValue::AllNew).await? else { return Ok(()) };
        let from = before(issue.occurred_at, HEALTH_COUNTS);
        for old in issues(&item).filter(|old| old.occurred_at < from) {
            let (name, name_at) = issue_names(&old.event_arn);
            let unchanged = format!("#{name_at} = :at");
            let drop = Update::of(key.clone()).remove(&name).remove(&name_at).only_if(unchanged);
            // It only cleans up: the next issue does it otherwise.
            let _: Result<_, StoreError> =
                drop.value("at", time(old.occurred_at)).apply(self.until(at.until), ReturnValue::None).await;
        }
        Ok(())
    }
}

fn health_key(region: Option<&Region>) -> Key {
    region.map_or_else(|| Key::new(EVERYWHERE, HEALTH), |region| Key::of_region(region, HEALTH))
}

fn issue_names(event_arn: &str) -> (String, String) {
    let hash = hash48(event_arn);
    (format!("{ISSUE}{hash:012x}"), format!("{ISSUE_AT}{hash:012x}"))
}

/// The issues in an item, those that can be read.
fn issues(item: &Item) -> impl Iterator<Item = HealthIssue> {
    let names = item.keys().filter(|name| name.starts_with(ISSUE));
    names.filter_map(|name| read_json(item, name).ok().flatten())
}
