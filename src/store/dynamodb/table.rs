//! One table, and the few ways to read and write it.
//!
//! In: keys, and attributes by their names. Out: items, or whether a condition held. Names that DynamoDB reserves
//! (`next`, `until`) are no problem: every name goes as a placeholder.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{self, AttributeValue, KeysAndAttributes, ReturnValue};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use triage_decide::view::StoreError;
use triage_model::region::Region;

use crate::store::dynamodb::fault::{CONDITION_FAILED, store_error};

pub type Item = HashMap<String, AttributeValue>;

/// The names of the table's key, and of the attribute by which it cleans up.
pub const PARTITION: &str = "pk";
const SORT: &str = "sk";
pub const EXPIRES_AT: &str = "expires_at";

/// Keys that one BatchGetItem takes.
pub const BATCH_MAX: usize = 100;

/// A batch read that is answered in part continues so often, at growing pauses from this one on.
const BATCH_TRIES: u32 = 4;
const BATCH_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Table {
    pub client: Client,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    partition: String,
    sort: String,
}

impl Key {
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// One for each slot, so that the load spreads.
    pub fn slot(region: &Region, begin: i64) -> Self {
        Self::new(format!("slot#{region}#{begin}"), "evidence")
    }

    pub fn of_region(region: &Region, sort: &str) -> Self {
        Self::new(format!("region#{region}"), sort)
    }

    pub fn entry(region: &Region, position: u64) -> Self {
        Self::of_region(region, &format!("outbox#{position:010}"))
    }

    fn of_item(item: &Item) -> Option<Self> {
        Some(Self::new(text(item, PARTITION)?, text(item, SORT)?))
    }

    pub fn into_attributes(self) -> Item {
        [(PARTITION.to_owned(), string(self.partition)), (SORT.to_owned(), string(self.sort))].into()
    }
}

impl Table {
    pub const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// The table, with a limit to each wait.
    pub const fn until(&self, until: Instant) -> Asked<'_> {
        Asked { table: self, until }
    }
}

/// A table that must answer in time.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub table: &'a Table,
    until: Instant,
}

impl Asked<'_> {
    /// The answer of a call, unless the time is up first.
    pub async fn in_time<T>(&self, call: impl Future<Output = T>) -> Result<T, StoreError> {
        // The SDK's futures are large, and nested so deeply that the compiler gives up on those around them.
        tokio::time::timeout_at(self.until.into(), Box::pin(call))
            .await
            .map_err(|_| StoreError::Unavailable("no time was left for its answer".to_owned()))
    }

    /// The item as it is now.
    pub async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let get = self.table.client.get_item().table_name(&self.table.name).set_key(Some(key.into_attributes()));
        let answer = self.in_time(get.consistent_read(true).send()).await?;
        let answer = answer.map_err(|error| store_error(&error))?;
        Ok(answer.item)
    }

    /// The items as they are now, those that are there. At most [`BATCH_MAX`] keys.
    pub async fn get_all(&self, keys: Vec<Key>) -> Result<HashMap<Key, Item>, StoreError> {
        let mut items = HashMap::with_capacity(keys.len());
        let mut wanted: Vec<Item> = keys.into_iter().map(Key::into_attributes).collect();
        for round in 0..BATCH_TRIES {
            if wanted.is_empty() {
                return Ok(items);
            }
            if round > 0 {
                tokio::time::sleep(BATCH_PAUSE.mul_f64(f64::from(1 << round) * (0.5 + fastrand::f64()))).await;
            }
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .map_err(|_| StoreError::Unavailable("the request could not be built".to_owned()))?;
            let answer =
                self.in_time(self.table.client.batch_get_item().request_items(&self.table.name, keys).send()).await?;
            let answer = answer.map_err(|error| store_error(&error))?;
            let found = answer.responses.unwrap_or_default().into_values().flatten();
            items.extend(found.filter_map(|item| Some((Key::of_item(&item)?, item))));
            wanted = answer.unprocessed_keys.unwrap_or_default().into_values().flat_map(|keys| keys.keys).collect();
        }
        if wanted.is_empty() { Ok(items) } else { Err(StoreError::Throttled("a part was left unread".to_owned())) }
    }
}

/// One UpdateItem: its changes, and its condition.
#[derive(Clone, Debug)]
pub struct Update {
    key: Key,
    sets: Vec<String>,
    adds: Vec<String>,
    removes: Vec<String>,
    condition: Option<String>,
    values: Item,
}

impl Update {
    pub fn of(key: Key) -> Self {
        Self { key, sets: vec![], adds: vec![], removes: vec![], condition: None, values: Item::new() }
    }

    pub fn set(mut self, name: &str, value: AttributeValue) -> Self {
        self.sets.push(format!("#{name} = :{name}"));
        self.value(name, value)
    }

    /// Sets the attribute unless it is there.
    pub fn set_if_absent(mut self, name: &str, value: AttributeValue) -> Self {
        self.sets.push(format!("#{name} = if_not_exists(#{name}, :{name})"));
        self.value(name, value)
    }

    /// Adds to a number, or the members of a set to a set, which must not be empty.
    pub fn add(mut self, name: &str, value: AttributeValue) -> Self {
        self.adds.push(format!("#{name} :{name}"));
        self.value(name, value)
    }

    pub fn remove(mut self, name: &str) -> Self {
        self.removes.push(format!("#{name}"));
        self
    }

    /// `#name` in the condition is an attribute, `:name` what [`Self::value`] or the change itself gives.
    pub fn only_if(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    pub fn value(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(format!(":{name}"), value);
        self
    }

    /// `SET a, b ADD c REMOVE d`.
    fn expression(&self) -> String {
        let clause = |word: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{word} {} ", parts.join(", ")),
        };
        [clause("SET", &self.sets), clause("ADD", &self.adds), clause("REMOVE", &self.removes)].concat()
    }

    /// The attribute behind each placeholder, which is its name after a `#`.
    fn names(&self) -> HashMap<String, String> {
        let text = [&self.expression(), self.condition.as_deref().unwrap_or_default()].join(" ");
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        text.split('#')
            .skip(1)
            .map(|rest| rest.split(|character| !is_of_name(character)).next().unwrap_or_default().to_owned())
            .map(|name| (format!("#{name}"), name))
            .collect()
    }

    /// Makes the update, and returns the attributes that `returned` asks for; None where the condition does not hold.
    pub async fn apply(self, asked: Asked<'_>, returned: ReturnValue) -> Result<Option<Item>, StoreError> {
        let (expression, names) = (self.expression(), self.names());
        let Asked { table, .. } = asked;
        let update = table
            .client
            .update_item()
            .table_name(&table.name)
            .set_key(Some(self.key.into_attributes()))
            .update_expression(expression)
            .set_condition_expression(self.condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(self.values).filter(|values| !values.is_empty()))
            .return_values(returned);
        match asked.in_time(update.send()).await? {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error) if error.as_service_error().and_then(|error| error.code()) == Some(CONDITION_FAILED) => Ok(None),
            Err(error) => Err(store_error(&error)),
        }
    }

    /// The same within a transaction.
    pub fn in_transaction(self, table: &Table) -> Result<types::Update, StoreError> {
        types::Update::builder()
            .table_name(&table.name)
            .update_expression(self.expression())
            .set_expression_attribute_names(Some(self.names()))
            .set_key(Some(self.key.into_attributes()))
            .set_condition_expression(self.condition)
            .set_expression_attribute_values(Some(self.values).filter(|values| !values.is_empty()))
            .build()
            .map_err(|_| StoreError::Unavailable("the request could not be built".to_owned()))
    }
}

pub fn string(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// In milliseconds since 1970.
pub fn time(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

/// For the table's own cleaning up: in seconds since 1970.
pub fn expiry(at: Timestamp, kept: Duration) -> AttributeValue {
    number(at.as_second().saturating_add_unsigned(kept.as_secs()))
}

pub fn bytes(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub fn byte_strings(strings: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> AttributeValue {
    AttributeValue::Bs(strings.into_iter().map(Blob::new).collect())
}

/// Ours are plain values, which always can be written.
pub fn json(value: &impl Serialize) -> AttributeValue {
    string(serde_json::to_string(value).unwrap_or_default())
}

pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

pub fn read_number<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok())
}

pub fn read_time(item: &Item, name: &str) -> Option<Timestamp> {
    read_number(item, name).and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
}

/// None where there is no such attribute.
pub fn read_json<T: DeserializeOwned>(item: &Item, name: &str) -> Result<Option<T>, StoreError> {
    let unreadable = |_| StoreError::Unreadable(name.to_owned());
    text(item, name).map(serde_json::from_str).transpose().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_an_update_goes_as_a_placeholder() {
        let update = Update::of(Key::new("p", "s"))
            .set("until", number(3))
            .add("attempts", number(1))
            .remove("claimed_by")
            .only_if("attribute_not_exists(#sent_at) AND (#until <= :now OR #claimed_by = :by)")
            .value("now", number(5))
            .value("by", string("me"));
        assert_eq!(update.expression(), "SET #until = :until ADD #attempts :attempts REMOVE #claimed_by ");
        let mut names: Vec<String> = update.names().into_values().collect();
        names.sort();
        assert_eq!(names, ["attempts", "claimed_by", "sent_at", "until"]);
        let mut values: Vec<&String> = update.values.keys().collect();
        values.sort();
        assert_eq!(values, [":attempts", ":by", ":now", ":until"]);
    }

    #[test]
    fn positions_sort_as_numbers() {
        let region = triage_model::region::KnownRegions::default().find("us-east-1").unwrap();
        assert!(Key::entry(&region, 9).sort < Key::entry(&region, 10).sort);
        assert_eq!(Key::entry(&region, 7), Key::new("region#us-east-1", "outbox#0000000007"));
    }
}
