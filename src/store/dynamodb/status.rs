//! What is kept of the status page: one item of all regions.
//!
//! Only the watcher writes it. An item of another release that cannot be read counts as empty: the ledgers still know what is
//! open, and the next tick writes the page anew.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use triage_decide::view::StoreError;
use triage_engine::status_page::{StatusRecord, Written};
use triage_engine::store::At;
use triage_notify::status::kept::{KEPT_FOR, Kept};

use crate::store::dynamodb::table::{EXPIRES_AT, Key, Table, Update, expiry, json, read_json};

const STATUS: &str = "status";
const INCIDENTS: &str = "incidents";
const WRITTEN: &str = "written";

/// Where nothing is written any more, nothing of it is left to be shown by then.
const LASTS: Duration = KEPT_FOR;

impl Table {
    pub async fn status(&self, at: At) -> Result<StatusRecord, StoreError> {
        let item = self.until(at.until).get(Key::new(STATUS, STATUS)).await?.unwrap_or_default();
        let kept = read_json(&item, INCIDENTS).ok().flatten().unwrap_or_default();
        Ok(StatusRecord { kept, written: read_json(&item, WRITTEN).ok().flatten() })
    }

    pub async fn put_status_incidents(&self, kept: &Kept, at: At) -> Result<(), StoreError> {
        self.put(Update::of(Key::new(STATUS, STATUS)).set(INCIDENTS, json(kept)), at).await
    }

    pub async fn put_status_note(&self, written: &Written, at: At) -> Result<(), StoreError> {
        self.put(Update::of(Key::new(STATUS, STATUS)).set(WRITTEN, json(written)), at).await
    }

    async fn put(&self, update: Update, at: At) -> Result<(), StoreError> {
        let update = update.set(EXPIRES_AT, expiry(at.now, LASTS));
        update.apply(self.until(at.until), ReturnValue::None).await.map(|_| ())
    }
}
