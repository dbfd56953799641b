//! A separate table for each test, on the emulator.

use std::io::Write as _;
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use oidc_triage_function::store::dynamodb::DynamoStore;
use tokio::sync::Mutex;
use triage_aws::http::Http;
use triage_decide::policy::Policy;

use crate::home::Home;
use crate::wire::Wire;

const ENDPOINT: &str = "OIDC_TRIAGE_TEST_DYNAMODB";

pub static TURN: Mutex<()> = Mutex::const_new(());

pub fn config(endpoint: &str) -> SdkConfig {
    let key = Credentials::new("333333333333", "x", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(key))
        .http_client(Http::new())
        .build()
}

/// A new table with its sandboxes; None, with a message, without an emulator.
pub async fn home() -> Option<Home<DynamoStore>> {
    let (config, table) = new_table().await?;
    Some(Home { open: Box::new(move || Rc::new(DynamoStore::new(&config, table.clone(), &Policy::default()))) })
}

/// One sandbox on a new table, and the connection between them.
pub async fn on_a_wire() -> Option<(DynamoStore, Wire)> {
    let (config, table) = new_table().await?;
    let wire = Wire::default();
    let config = config.into_builder().http_client(wire.client(SharedHttpClient::new(Http::new()))).build();
    Some((DynamoStore::new(&config, table, &Policy::default()), wire))
}

pub async fn new_table() -> Option<(SdkConfig, String)> {
    static REPORTED: Once = Once::new();
    let Some(endpoint) = std::env::var_os(ENDPOINT) else {
        // The test harness would swallow `eprintln`.
        REPORTED.call_once(|| {
            let _ = writeln!(std::io::stderr(), "\n== {ENDPOINT} is not set: DynamoDB was NOT tested\n");
        });
        return None;
    };
    let config = config(endpoint.to_str().expect("an endpoint is text"));
    let table = create(&Client::new(&config)).await;
    Some((config, table))
}

async fn create(client: &Client) -> String {
    static TABLES: AtomicU64 = AtomicU64::new(0);
    let name = format!("t-{}-{}", std::process::id(), TABLES.fetch_add(1, Ordering::Relaxed));
    let mut create = client.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
    for (attribute, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let string = AttributeDefinition::builder().attribute_name(attribute).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(attribute).key_type(kind);
        create = create.attribute_definitions(string.build().unwrap()).key_schema(key.build().unwrap());
    }
    create.send().await.expect("the emulator makes a table");
    name
}
