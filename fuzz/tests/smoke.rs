//! Each target with inputs of our own mutator: `make fuzz-smoke`, half a minute. Every run has the same inputs; another
//! number in `OIDC_TRIAGE_SMOKE` makes others.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use triage_fuzz::mutate::Mutator;
use triage_fuzz::{decode, items, policy, replay};
use triage_model::observation::Observation;

fn number() -> u64 {
    std::env::var("OIDC_TRIAGE_SMOKE").ok().and_then(|number| number.parse().ok()).unwrap_or(1)
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a folder, in alphabetical order.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(project().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "{folder} is empty");
    seeds
}

fn events_named(begins: &str) -> Vec<Vec<u8>> {
    let events: Vec<Vec<u8>> = fs::read_dir(project().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins)))
        .collect::<BTreeSet<_>>()
        .iter()
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert!(!events.is_empty(), "no event is called {begins}");
    events
}

/// Output of real clients: the texts of the corpus.
fn printed() -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for file in files("tests/clients/corpus") {
        let corpus: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let entries = corpus["entries"].as_array().expect("a corpus has entries");
        texts.extend(entries.iter().filter_map(|entry| entry["text"].as_str()).map(|text| text.as_bytes().to_vec()));
    }
    assert!(texts.len() > 1000, "{} texts", texts.len());
    texts
}

/// Runs a target. A panic is reported with its input, so that a test can be made of it.
fn try_out(target: fn(&[u8]), seeds: &[Vec<u8>], inputs: usize) {
    seeds.iter().for_each(|seed| held(target, seed));
    let mut mutator = Mutator::new(seeds, number());
    for _ in 0..inputs {
        held(target, &mutator.input());
    }
}

fn held(target: fn(&[u8]), input: &[u8]) {
    if catch_unwind(|| target(input)).is_err() {
        panic!("breaks it: {:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn decode_holds() {
    try_out(decode::payload, &files("events"), 25_000);
}

#[test]
fn sdk_text_holds() {
    try_out(decode::line, &printed(), 25_000);
}

#[test]
fn call_holds() {
    try_out(decode::call, &events_named("call__"), 25_000);
}

#[test]
fn logs_hold() {
    try_out(decode::logs, &files("fuzz/seeds/logs"), 6_000);
}

#[test]
fn fake_packed_data_holds() {
    try_out(
        decode::packed,
        &[decode::packed_bytes(b"{\"logEvents\":[]}"), decode::packed_bytes(&[b'x'; 5000])],
        10_000,
    );
}

#[test]
fn policy_holds() {
    try_out(policy::text, &files("fuzz/seeds/policy"), 4_000);
}

#[test]
fn items_hold() {
    try_out(items::kept, &files("fuzz/seeds/items"), 25_000);
}

#[test]
fn replay_holds() {
    try_out(replay::file, &files("fuzz/seeds/replay"), 1_500);
}

#[test]
fn the_same_number_makes_the_same_inputs_and_another_one_others() {
    let seeds = files("events");
    let inputs = |number| {
        let mut mutator = Mutator::new(&seeds, number);
        (0..50).map(|_| mutator.input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(7), inputs(7));
    assert_ne!(inputs(7), inputs(8));
}

/// A bug behind several checks: the payload is still JSON and of a known kind, and one value in it is odd.
fn planted(data: &[u8]) {
    let batch = decode::decode(&String::from_utf8_lossy(data));
    for observation in &batch.observations {
        if let Observation::Failure(failure) = observation {
            assert_ne!(failure.status, Some(599), "planted");
        }
    }
}

#[test]
fn a_planted_panic_is_found() {
    let seeds = events_named("call__");
    seeds.iter().for_each(|seed| planted(seed));
    let mut mutator = Mutator::new(&seeds, 1);
    let found = (0..50_000).any(|_| {
        let input = mutator.input();
        catch_unwind(AssertUnwindSafe(|| planted(&input))).is_err()
    });
    assert!(found, "the mutator does not get there");
}

#[test]
fn the_mutator_reaches_every_kind_of_event_and_problem() {
    let seeds = files("events");
    let mut mutator = Mutator::new(&seeds, 1);
    let (mut kinds, mut problems, mut observed) = (BTreeSet::new(), BTreeSet::new(), 0);
    for _ in 0..5_000 {
        let batch = decode::decode(&String::from_utf8_lossy(&mutator.input()));
        kinds.insert(format!("{:?}", batch.kind));
        problems.extend(batch.problems.iter().map(|(name, _, _)| name.to_string()));
        observed += batch.observations.len();
    }
    assert!(kinds.len() >= 10, "{kinds:?}");
    assert!(problems.len() >= 10, "{problems:?}");
    assert!(observed > 500, "{observed} observations");
}
