//! Each event in `events/` is explained, and what is planted in one is not repeated.

use std::fs;
use std::path::Path;

use triage_decide::verdict::Diagnosis;

use super::*;

const NOW: &str = "2026-12-01T00:00:00Z";

fn config() -> Settings {
    Settings::read(|_| None).unwrap()
}

fn walked(text: &str) -> Walk {
    walk(text, config(), NOW.parse().unwrap())
}

fn of_file(name: &str) -> Walk {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name);
    walked(&fs::read_to_string(path).unwrap())
}

#[test]
fn every_event_is_explained_and_every_failure_of_it_has_a_row() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut explained = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let walk = walked(&fs::read_to_string(&path).unwrap());
        assert!(walk.is_understood(), "{}", path.display());
        assert_eq!(walk.failures.len() + walk.failures_omitted, walk.found.failures, "{}", path.display());
        assert!(walk.failures.iter().all(|failure| failure.row.number > 0), "{}", path.display());
        for part in ["1. What it is", "2. What is in it", "3. What each", "4. The verdict", "5. The notices"] {
            assert!(walk.text().contains(part), "{}", path.display());
        }
        explained += 1;
    }
    assert!(explained > 40);
}

#[test]
fn one_failure_is_isolated_and_nothing_is_told() {
    let walk = of_file("cloudtrail__create_token_internal_server_error.json");
    assert_eq!((walk.kind, walk.found.failures), (InputKind::CloudTrail, 1));
    assert_eq!(walk.failures[0].at, walk.judged_at);
    assert!(walk.failures[0].evidence.counts && !walk.failures[0].again.possible);
    assert_eq!(walk.verdicts.len(), 1);
    assert_eq!(walk.verdicts[0].diagnosis, Diagnosis::Isolated);
    assert!(walk.notices.is_empty());
}

#[test]
fn an_event_that_tells_an_outage_shows_what_would_be_told() {
    let walk = of_file("sqs__outage_six_callers.json");
    assert_eq!(walk.notices.len(), 1);
    assert!(walk.verdicts.iter().any(|verdict| verdict.diagnosis == Diagnosis::Outage));
    assert!(walk.text().contains("    > "), "the mail is quoted");
    assert!(walk.text().contains("scope: "), "{}", walk.text());
    let json = serde_json::to_value(&walk).unwrap();
    for told in ["verdicts", "notices"] {
        let scope = json[told][0]["scope"].as_object().unwrap();
        assert_eq!(scope.keys().collect::<Vec<_>>(), ["account", "application", "network", "operations", "tool"]);
    }
}

#[test]
fn of_many_failures_twenty_are_shown_and_the_rest_is_counted() {
    let call = |number: usize| {
        format!(r#"{{"operation":"CreateToken","caller":"c{number}","error":{{"code":"InvalidGrantException"}}}}"#)
    };
    let list = (0..LISTED_MAX + 5).map(call).collect::<Vec<_>>().join(",");
    let walk = walked(&format!("[{list}]"));
    assert_eq!((walk.failures.len(), walk.failures_omitted), (LISTED_MAX, 5));
    assert!(walk.text().contains("and 5 failures more"), "{}", walk.text());
}

#[test]
fn what_is_not_understood_is_said_and_no_error() {
    for text in ["5", "{ broken", r#"{"made":"up"}"#, ""] {
        let walk = walked(text);
        assert!(!walk.is_understood() && !walk.problems.is_empty(), "{text}");
        assert!(walk.text().contains("nothing that this program knows"), "{text}");
    }
}

#[test]
fn no_secret_and_no_message_is_shown() {
    let call = r#"{"operation":"CreateToken","caller":"ci refresh_token=planted-1",
        "error":{"code":"InternalServerException token=planted-2","status":500,"message":"planted-3"},
        "request":{"clientId":"c","clientSecret":"planted-4","grantType":"refresh_token","refreshToken":"planted-5"},
        "clientSecret":"planted-6","deviceCode":"planted-7"}"#;
    let walk = walked(call);
    assert!(walk.carries_secrets && walk.failures[0].again.possible);
    let shown = walk.text() + &serde_json::to_string(&walk).unwrap();
    assert!(!shown.contains("planted"), "{shown}");
}

#[test]
fn what_comes_out_of_an_archive_is_no_evidence_here_either() {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/cloudtrail__create_token_internal_server_error.json"),
    );
    let archived = text.unwrap().replacen('{', r#"{"replay-name":"made-up","#, 1);
    let walk = walked(&archived);
    assert!(!walk.failures[0].evidence.counts && walk.verdicts.is_empty());
}
