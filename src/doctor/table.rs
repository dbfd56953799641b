//! The table: an item of the doctor's own is written and read. It expires, so that no right to delete is needed.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use triage_engine::doctor::facts::Table;
use triage_model::time::later;

use super::ask::{Ask, DYNAMODB, Operation};

const PUT_ITEM: Operation = Operation { service: DYNAMODB, name: "PutItem", right: "dynamodb:PutItem" };
const GET_ITEM: Operation = Operation { service: DYNAMODB, name: "GetItem", right: "dynamodb:GetItem" };

const KEY: &str = "doctor";

/// It is gone after this time, as is every other item.
const KEPT: Duration = Duration::from_secs(3600);

/// `unique` distinguishes it from the items of others who ask at the same time.
pub async fn table(ask: &Ask<'_>, name: &str, unique: &str, now: Timestamp) -> Table {
    let key = json!({"pk": {"S": KEY}, "sk": {"S": unique}});
    let mut item = key.clone();
    item["expires_at"] = json!({"N": later(now, KEPT).as_second().to_string()});
    let put = json!({"TableName": name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"});
    let get = json!({"TableName": name, "Key": key, "ConsistentRead": true});
    let written = ask.ask(PUT_ITEM, None, &put).await.map(|_| ());
    if let Err(trouble) = &written {
        return Table { read: Err(trouble.clone()), written };
    }
    let read = ask.ask(GET_ITEM, None, &get).await.map(|answer| answer["Item"]["sk"]["S"] == unique);
    Table { written, read }
}
