//! The names of people that Identity Store gave, one item each, until they expire.
//!
//! In: user ids. Out: the people, of those that are kept and still valid. An item of another release that cannot be
//! read is looked up again.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::ReturnValue;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use triage_decide::view::StoreError;
use triage_engine::store::{At, kept_for};
use triage_model::time::later;
use triage_notify::people::Person;

use crate::store::dynamodb::table::{
    BATCH_MAX, EXPIRES_AT, Item, Key, Table, Update, expiry, read_time, string, text, time,
};

const WRITES_AT_ONCE: usize = 8;

/// Not there of a user who was not found.
const NAME: &str = "name";
const UNTIL: &str = "until";

fn key(id: &str) -> Key {
    Key::new(format!("person#{id}"), "person")
}

impl Table {
    pub async fn people(&self, ids: &[String], at: At) -> Result<BTreeMap<String, Person>, StoreError> {
        let asked = &ids[..ids.len().min(BATCH_MAX)];
        let items = self.until(at.until).get_all(asked.iter().map(|id| key(id)).collect()).await?;
        let holds = |item: &&Item| read_time(item, UNTIL).is_some_and(|until| until > at.now);
        let person = |item: &Item| text(item, NAME).map_or(Person::Unknown, |name| Person::Named(name.to_owned()));
        let known = asked.iter().filter_map(|id| Some((id.clone(), person(items.get(&key(id)).filter(holds)?))));
        Ok(known.collect())
    }

    /// Of two sandboxes that keep the same person at once either may be the last.
    pub async fn keep_people(&self, people: &BTreeMap<String, Person>, at: At) -> Result<(), StoreError> {
        let writes = people.iter().map(|(id, person)| {
            let kept = kept_for(person);
            let item = Update::of(key(id)).set(UNTIL, time(later(at.now, kept))).set(EXPIRES_AT, expiry(at.now, kept));
            let item = match person {
                Person::Named(name) => item.set(NAME, string(name)),
                Person::Unknown => item.remove(NAME),
            };
            item.apply(self.until(at.until), ReturnValue::None)
        });
        stream::iter(writes).buffer_unordered(WRITES_AT_ONCE).try_for_each(async |_| Ok(())).await
    }
}
