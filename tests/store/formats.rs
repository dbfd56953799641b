//! What a release writes into the table, kept as samples: the next release must read it.
//!
//! `formats/1.json` has the items that the script below leaves, with one item of each kind and every attribute of it. A change of
//! what is written makes new samples necessary, and says so; the old ones stay, and are read for ever.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oidc_triage_function::store::dynamodb::DynamoStore;
use serde_json::{Value, json};
use triage_decide::evidence::Evidence;
use triage_decide::policy::Policy;
use triage_engine::memory::MemoryStore;
use triage_engine::store::{Claim, Committed, Settled, Store};
use triage_model::caller::Caller;
use triage_notify::letter::Channel;
use triage_notify::people::Person;

use crate::rich;
use crate::samples::{See as _, at, failures, mark, on, us};
use crate::table::{TURN, new_table};

/// The format that is written now. Raise it with a change of what is written, and run the tests once with UPDATE_FORMATS=1: that
/// writes the samples of the new format, and never those of an old one.
const FORMAT: u32 = 1;

type Item = BTreeMap<String, AttributeValue>;

/// Everything that is ever written, once.
async fn script<S: Store>(store: &S) {
    let us = us();
    store.hasher(on(0)).await;
    let recorded = store.see(&us, &rich::seen(), at(130)).await;
    assert_eq!(recorded.trouble, None);
    assert_eq!(store.flush(on(130)).await.1, None);
    assert_eq!(store.commit(&us, 0, &rich::step(), on(131)).await, Ok(Committed::Yes));
    for (position, settled) in [
        (0, Settled::Sent { at: at(133), message_id: Some("message-1".into()) }),
        (1, Settled::Failed { not_before: at(190) }),
    ] {
        let claim = Claim { by: "environment-1".into(), until: at(160) };
        assert!(store.claim(&us, position, &claim, on(132)).await.unwrap().is_some());
        store.settle(&us, position, "environment-1", &settled, on(133)).await.unwrap();
    }
    let claim = Claim { by: "environment-2".into(), until: at(170) };
    assert!(store.claim(&us, 2, &claim, on(134)).await.unwrap().is_some());
    let view = store.view(&us, true, on(135)).await;
    store.pending(&us, &view, on(135)).await.unwrap();
    assert_eq!(store.admit("us-east-1-1", true, &Policy::default(), on(136)).await, Ok(Ok(())));
    store.learn(&us, &Default::default(), &rich::learned(), on(137)).await.unwrap();
    store.elect_probe(&us, Duration::from_secs(20), on(138)).await.unwrap();
    store.record_probe(&us, &rich::probe(), on(139)).await.unwrap();
    for issue in rich::issues() {
        store.record_health(&issue, on(140)).await.unwrap();
    }
    assert_eq!(store.claim_retry("request-1", on(141)).await, Ok(true));
    store.keep_people(&people(), on(142)).await.unwrap();
    store.keep_status_incidents(&rich::kept(), on(143)).await.unwrap();
    store.note_status(&rich::written(), on(144)).await.unwrap();
}

fn people() -> BTreeMap<String, Person> {
    [("id-1", Person::Named("Ana Example (ana)".into())), ("id-2", Person::Unknown)]
        .into_iter()
        .map(|(id, person)| (id.to_owned(), person))
        .collect()
}

fn samples(format: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/store/formats/{format}.json"))
}

/// What is random in every run, as the samples have it.
fn without_chance(mut item: Item) -> Item {
    for (name, value) in &mut item {
        match (name.as_str(), value) {
            ("token" | "asked_by", AttributeValue::S(token)) => *token = "0".repeat(token.len()),
            ("w" | "caller_key", AttributeValue::B(random)) => {
                *random = Blob::new((0..random.as_ref().len() as u8).collect::<Vec<u8>>());
            }
            _ => {}
        }
    }
    item
}

fn json_of(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bs(members) => {
            let mut members: Vec<String> = members.iter().map(|member| STANDARD.encode(member)).collect();
            members.sort();
            json!({ "BS": members })
        }
        other => panic!("an attribute of another kind: {other:?}"),
    }
}

fn value_of(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bytes = |value: &Value| Blob::new(STANDARD.decode(text(value)).unwrap());
    match kind.as_str() {
        "S" => AttributeValue::S(text(value)),
        "N" => AttributeValue::N(text(value)),
        "B" => AttributeValue::B(bytes(value)),
        "BS" => AttributeValue::Bs(value.as_array().unwrap().iter().map(bytes).collect()),
        other => panic!("an attribute of another kind: {other}"),
    }
}

/// A line for each item, by its key.
async fn lines(client: &Client, table: &str) -> BTreeMap<String, String> {
    let scanned = client.scan().table_name(table).consistent_read(true).send().await.unwrap();
    assert_eq!(scanned.last_evaluated_key, None, "the samples are few");
    let items = scanned.items.unwrap_or_default();
    items.into_iter().map(|item| line_of(&without_chance(item.into_iter().collect()))).collect()
}

/// An item's key, and its JSON.
fn line_of(item: &Item) -> (String, String) {
    let members: BTreeMap<&String, Value> = item.iter().map(|(name, value)| (name, json_of(value))).collect();
    let key = format!("{} {}", item["pk"].as_s().unwrap(), item["sk"].as_s().unwrap());
    (key, serde_json::to_string(&members).unwrap())
}

fn read_samples(format: u32) -> Vec<Item> {
    let text = std::fs::read_to_string(samples(format)).unwrap_or_else(|error| panic!("{format}: {error}"));
    let items: Vec<BTreeMap<String, Value>> = serde_json::from_str(&text).unwrap();
    items.into_iter().map(|item| item.iter().map(|(name, json)| (name.clone(), value_of(json))).collect()).collect()
}

/// What differs, a line for each attribute.
fn differences(samples: &BTreeMap<String, String>, written: &BTreeMap<String, String>) -> String {
    let members = |line: Option<&String>| -> BTreeMap<String, Value> {
        line.map(|line| serde_json::from_str(line).unwrap()).unwrap_or_default()
    };
    let mut said = String::new();
    for key in samples.keys().chain(written.keys().filter(|key| !samples.contains_key(*key))) {
        let (old, new) = (members(samples.get(key)), members(written.get(key)));
        for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
            if old.get(name) != new.get(name) {
                writeln!(said, "{key}, {name}:\n  was {:?}\n  is  {:?}", old.get(name), new.get(name)).unwrap();
            }
        }
    }
    said
}

#[tokio::test]
async fn a_change_of_what_is_written_has_samples_of_its_own() {
    let _turn = TURN.lock().await;
    let Some((config, table)) = new_table().await else { return };
    script(&DynamoStore::new(&config, table.clone(), &Policy::default())).await;
    let written = lines(&Client::new(&config), &table).await;
    if std::env::var_os("UPDATE_FORMATS").is_some() && !samples(FORMAT).exists() {
        let items: Vec<&str> = written.values().map(String::as_str).collect();
        std::fs::write(samples(FORMAT), format!("[\n{}\n]\n", items.join(",\n"))).unwrap();
    }
    let known: BTreeMap<String, String> = read_samples(FORMAT).iter().map(line_of).collect();
    let differ = differences(&known, &written);
    assert!(
        differ.is_empty(),
        "The table's items are no longer as tests/store/formats/{FORMAT}.json has them. If no release wrote those, delete the \
         file; else raise FORMAT in tests/store/formats.rs and keep it. Then run the test once with UPDATE_FORMATS=1, and say in \
         docs/operate.md what an upgrade must know.\n{differ}"
    );
}

#[tokio::test]
async fn what_each_format_has_is_read_and_goes_on() {
    let _turn = TURN.lock().await;
    let us = us();
    // The store in memory has no format: what it knows after the script is what was meant.
    let meant = MemoryStore::default();
    script(&meant).await;
    for format in 1..=FORMAT {
        let Some((config, table)) = new_table().await else { return };
        let client = Client::new(&config);
        for item in read_samples(format) {
            client.put_item().table_name(&table).set_item(Some(item.into_iter().collect())).send().await.unwrap();
        }
        let store = DynamoStore::new(&config, table, &Policy::default());

        let (hasher, trouble) = store.hasher(on(200)).await;
        assert_eq!(trouble, None, "format {format}");
        // Under another key, or by another hash, every caller would be someone else after an upgrade.
        assert_eq!(hasher.hash(&Caller::User("94d00cd8".into())).to_bits(), 0x5570_0a4e_dddb, "format {format}");

        let (read, expected) = (store.view(&us, true, on(200)).await, meant.view(&us, true, on(200)).await);
        assert_eq!(read.trouble, None, "format {format}");
        assert_eq!(read.evidence, expected.evidence, "format {format}");
        assert_eq!((read.version, &read.ledger), (1, &expected.ledger), "format {format}");
        assert_eq!(read.learned, rich::learned(), "format {format}");
        assert_eq!((&read.probe, read.probe_asked_at), (&rich::probe(), Some(at(138))), "format {format}");

        let waiting = store.pending(&us, &read, on(200)).await.unwrap();
        let as_meant: Vec<_> = meant.pending(&us, &expected, on(200)).await.unwrap();
        assert_eq!(waiting, as_meant, "format {format}");
        assert_eq!(
            waiting.iter().map(|entry| (entry.position, entry.channel, entry.attempts)).collect::<Vec<_>>(),
            [(1, Channel::Pager, 1), (2, Channel::Bus, 1)],
            "format {format}"
        );
        assert_eq!(store.people(&["id-1".into(), "id-2".into()], on(200)).await, Ok(people()), "format {format}");
        assert_eq!(store.regions(on(200)).await, Ok([us.clone()].into()), "format {format}");
        assert_eq!(store.claim_retry("request-1", on(200)).await, Ok(false), "format {format}");
        let held_back = store.admit("us-east-1-1", true, &Policy::default(), on(180)).await;
        assert_eq!(held_back, Ok(Err(at(196))), "format {format}");

        goes_on(&store, &read.evidence).await;
    }
}

/// A new release writes into the same items: an incident stays open, and a notice that waited is sent.
async fn goes_on(store: &DynamoStore, before: &Evidence) {
    let us = us();
    let known = *before.failures().first().unwrap();
    let recorded = store.see(&us, &failures([known, mark(77, 7_777, 20)]), at(201)).await;
    assert_eq!(
        (recorded.new, recorded.trouble),
        (vec![false, true], None),
        "what an old release counted is not counted again"
    );
    let view = store.view(&us, true, on(202)).await;
    assert_eq!(view.evidence.failures().len(), before.failures().len() + 1);

    let mut step = rich::step();
    step.ledger.next_position = view.ledger.next_position;
    step.letters.clear();
    assert_eq!(store.commit(&us, 0, &step, on(203)).await, Ok(Committed::Overtaken));
    assert_eq!(store.commit(&us, view.version, &step, on(203)).await, Ok(Committed::Yes));
    let claim = Claim { by: "environment-3".into(), until: at(260) };
    let claimed = store.claim(&us, 1, &claim, on(204)).await.unwrap().unwrap();
    assert_eq!((claimed.attempts, &claimed.notice), (2, &rich::notice()));
    let sent = Settled::Sent { at: at(205), message_id: None };
    store.settle(&us, 1, "environment-3", &sent, on(205)).await.unwrap();
    let view = store.view(&us, true, on(206)).await;
    let waiting = store.pending(&us, &view, on(206)).await.unwrap();
    assert_eq!(waiting.iter().map(|entry| entry.position).collect::<Vec<_>>(), [2]);
}
