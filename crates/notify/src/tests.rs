//! Notices made of verdicts and incidents by hand: what each reader gets.

mod ended;
mod for_each_reader;
mod later;
mod opened;
mod tested;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use triage_decide::cell::Dimension;
use triage_decide::concern::Concern;
use triage_decide::ledger::{Incident, REASON_MAX, REASONS_MAX};
use triage_decide::probe::StepState;
use triage_decide::scope::{Scope, Shared};
use triage_decide::testing::verdicts::{ADVISED, NOTIFIED, advised, at, incident, verdict};
use triage_decide::verdict::{Advised, FailedRequest, Recovery, Talking, Verdict};
use triage_model::observation::Operation;
use triage_model::redact::SHOWN_ARN_MAX;
use triage_model::region::KnownRegions;

use super::*;
use crate::notice::{Notice, NoticeKind};
use crate::testing::{clock, samples};

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

fn line(text: &str, number: usize) -> &str {
    text.lines().nth(number).unwrap()
}

/// As the version before this one wrote it into the outbox.
const OF_VERSION_1: &str = r#"{
    "id": "eu-central-1-20270115T080100Z-4", "incident": "eu-central-1-20270115T080100Z", "sequence": 4,
    "kind": "resolved", "diagnosis": "outage", "severity": "page", "region": "eu-central-1",
    "at": "2027-01-15T08:43:20Z",
    "subject": "Resolved: outage of AWS sign-in (SSO OIDC) in eu-central-1 after 42 minutes",
    "headline": ["RESOLVED: the outage of AWS sign-in (SSO OIDC) in eu-central-1 is over after 42 minutes."],
    "times": {"since": "2027-01-15T08:00:00Z", "latest": null, "reopened": 0, "reopenedAt": null,
        "overAt": "2027-01-15T08:42:00Z"},
    "impact": {"callers": 0, "mostCallers": 12, "names": [], "failures": 0, "codes": [], "operations": [],
        "tools": [], "requests": []},
    "operations": ["CreateToken"], "probe": null, "awsHealth": false, "proved": true,
    "reasons": ["9 calls of 4 callers were served"], "weighed": [],
    "advice": {"now": ["Start again what was stopped."], "users": null},
    "quietS": null, "alarm": "OK", "merged": {"count": 0, "notices": [], "reasons": []}, "note": null, "cut": false
}"#;

#[test]
fn what_the_version_before_left_in_the_outbox_is_still_sent() {
    let notice: Notice = serde_json::from_str(OF_VERSION_1).unwrap();
    assert_eq!((&notice.scope, notice.recovering, notice.impact.about), (&None, false, false));
    assert_eq!(notice.impact.callers, 12);
    has(
        &notice.mail(),
        &["Lasted:    42 minutes\nRecovery:  confirmed at 2027-01-15 08:42:00 UTC\nAffected:  12 callers\n"],
    );
    is_fit_for_every_reader(&notice).unwrap();
    let again: Notice = serde_json::from_str(&serde_json::to_string(&notice).unwrap()).unwrap();
    assert_eq!(again, notice);
}

#[test]
fn what_is_put_into_the_outbox_comes_out_as_it_was() {
    for (name, notice) in samples() {
        let stored = serde_json::to_string(&notice).unwrap();
        assert_eq!(serde_json::from_str::<Notice>(&stored).unwrap(), notice, "{name}");
    }
}

/// What somebody may put where a name is expected. `FORGED` must never begin a line.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        (
            select(
                &[
                    "\n",
                    "\r\n",
                    "\u{2028}",
                    "\u{1b}[2J\n",
                    "\u{85}",
                    "\u{b}",
                    "\u{c}",
                    "{region}\n",
                    "{name}\n",
                    "{shared}\n"
                ][..]
            ),
            any::<bool>()
        )
            .prop_map(|(end, long)| format!("{}{end}FORGED: line{end}", "x".repeat(if long { 5_000 } else { 3 }))),
        Just("<b onload='x'>&amp; **bold** ".repeat(300)),
        Just("\"\\".repeat(3000)),
        Just("<!channel> @here [click](https://evil.example/x) evil.example ` `` _i_ ~s~ :fire: #x".to_owned()),
    ]
}

/// Where it fails, by a name that somebody gave himself.
fn hostile_scope() -> impl Strategy<Value = Scope> {
    let shared =
        (select(&Dimension::ALL[..]), hostile()).prop_map(|(dimension, name)| Shared { dimension, hash: 7, name });
    let operations = proptest::collection::btree_set(select(&Operation::ALL[..]), 0..5);
    (proptest::option::of(shared), proptest::option::of(operations)).prop_map(|(shared, operations)| Scope {
        operations,
        grant: None,
        shared,
    })
}

fn hostile_verdict() -> impl Strategy<Value = Verdict> {
    let texts = || proptest::collection::vec(hostile(), 0..40);
    let probes = select(&[None, Some(StepState::Down), Some(StepState::Healthy), Some(StepState::Unexpected)][..]);
    (select(&NOTIFIED[..]), texts(), texts(), texts(), hostile(), 0..5000_usize, probes, any::<bool>(), hostile_scope())
        .prop_map(|(diagnosis, names, reasons, codes, name, callers, probe, health, scope)| {
            let mut verdict = verdict(diagnosis);
            match &mut verdict.concern {
                Concern::Service => {}
                Concern::Admin { name: mine, .. } | Concern::Request { name: mine, .. } => *mine = name,
            }
            for weighing in &mut verdict.weighed {
                weighing.speaks_for = reasons.clone();
                weighing.speaks_against = codes.clone();
            }
            let request = |id: &String| FailedRequest {
                at: at(1),
                id: Some(id.clone()),
                operation: None,
                code: id.chars().rev().collect(),
            };
            Verdict {
                requests: codes.iter().map(request).collect(),
                codes: codes.iter().map(|code| (code.clone(), 3)).collect(),
                tools: names.iter().map(|tool| (tool.clone(), 2)).collect(),
                names,
                reasons,
                callers,
                scope,
                failures: callers,
                probe,
                health,
                ..verdict
            }
        })
}

/// What SNS takes of one message, attributes included.
const SNS_MAX: usize = 256 * 1024;

fn is_fit_for_every_reader(notice: &Notice) -> Result<(), TestCaseError> {
    let subject = &notice.subject;
    prop_assert!(!subject.is_empty() && subject.len() < 100, "{subject}");
    prop_assert!(subject.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{subject}");
    prop_assert!(subject.starts_with(|first: char| first.is_ascii_alphabetic()), "{subject}");

    let envelope = envelope::render(notice, &testing::place());
    prop_assert!(envelope.len() < SNS_MAX - 4096, "{}", envelope.len());
    let texts: BTreeMap<String, String> = serde_json::from_str(&envelope).unwrap();
    prop_assert_eq!(texts.keys().collect::<Vec<_>>(), ["default", "email", "https", "sms"]);

    let mail = &texts["email"];
    let harmful = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}'));
    prop_assert!(!mail.is_empty() && !mail.contains(harmful));
    prop_assert!(!mail.lines().any(|line| line.trim_start().starts_with("FORGED")), "{mail}");
    prop_assert!(mail.lines().filter(|line| *line == "Do now").count() == 1, "{mail}");
    prop_assert!(!mail.contains("://evil"), "{mail}");
    prop_assert!(notice.advice.now.len() <= advice::STEPS_MAX);
    prop_assert!(testing::place().links(notice).iter().all(|(_, link)| link.len() <= place::LINK_MAX));

    let sms = &texts["sms"];
    prop_assert!(!sms.is_empty() && sms.len() <= sms::SMS_MAX && sms.is_ascii(), "{sms}");
    prop_assert!(!sms.contains(|c: char| c.is_control() || "`[]{}\\^~|".contains(c)), "{sms}");

    let chat: serde_json::Value = serde_json::from_str(&texts["https"]).unwrap();
    prop_assert_eq!((&chat["version"], &chat["source"]), (&"1.0".into(), &"custom".into()));
    prop_assert!(chat["metadata"]["additionalContext"].as_object().unwrap().values().all(|value| value.is_string()));
    let content = chat["content"].as_object().unwrap();
    let steps = content["nextSteps"].as_array().unwrap().iter();
    for text in [&content["title"], &content["description"]].into_iter().chain(steps) {
        is_plain_in_chat(text.as_str().unwrap())?;
    }
    prop_assert!(content["description"].as_str().unwrap().len() <= 3000);

    let machine: serde_json::Value = serde_json::from_str(&texts["default"]).unwrap();
    prop_assert_eq!(machine["id"].as_str().unwrap(), &notice.id);
    prop_assert_eq!(machine["sequence"].as_u64().unwrap(), u64::from(notice.sequence));
    for name in ["tool", "network", "application"] {
        let name = machine["scope"][name].as_str().unwrap_or_default();
        prop_assert!(name.len() <= SHOWN_ARN_MAX && !name.contains(harmful) && !name.contains('\n'), "{name}");
    }
    prop_assert!(!notice.advice.now.iter().chain(&notice.advice.users).any(|text| text.len() > 1000));
    Ok(())
}

/// Outside of code there is nothing that a chat program could take for markup, a mention or a link but our own.
fn is_plain_in_chat(text: &str) -> Result<(), TestCaseError> {
    for line in text.lines() {
        let outside = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        prop_assert!(line.matches('`').count() % 2 == 0, "code without an end: {line}");
        prop_assert!(!line.contains(['<', '>', '&']), "{line}");
        let ours = |word: &str| {
            word.starts_with(place::HEALTH_PAGE)
                || word.starts_with("https://console.aws.amazon.com/cloudwatch/home?region=")
        };
        let markup =
            outside.split(' ').find(|word| !ours(word) && word.contains(['*', '_', '~', '|', '[', ']', '#', '@']));
        prop_assert!(markup.is_none() && !line.contains("FORGED: line\n"), "{markup:?} in {line}");
        let link = outside.split(' ').find(|word| word.contains("://") && !ours(word));
        prop_assert!(link.is_none(), "{link:?} in {line}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn text_of_others_can_neither_forge_a_line_nor_break_a_bound(
        verdict in hostile_verdict(),
        changes in proptest::collection::vec(hostile(), 0..40),
        key in hostile(),
        who in hostile(),
        place in select(&["eu-central-1", "us-isob-east-1", "\u{fc}-a-very-long-name-of-a-region-that-does-not-exist-and-never-will-be-built-anywhere"][..]),
    ) {
        let region = KnownRegions::with([place]).find(place).unwrap();
        let mut incident = Incident { region: region.clone(), ..incident(&verdict) };
        let mut told = Vec::new();
        for kind in [NoticeKind::Opened, NoticeKind::Changed, NoticeKind::Reminder, NoticeKind::Reopened] {
            told.push(Notice::of_incident(kind, &incident, &verdict, &changes, clock(4000)).recovering(&incident, clock(4000)));
            told.push(Notice::of_incident(kind, &incident, &verdict, &changes, clock(4000)));
        }
        incident.resolved_at = Some(at(3000));
        let recovery = Recovery { over_at: Some(at(3000)), reasons: verdict.reasons.clone(), ..Recovery::default() };
        let last = Notice::of_recovery(&incident, &recovery, clock(4000));
        told.push(last.clone().after(&told));
        told.push(last);
        let talking = Talking { who, quota: 20, calls: "RegisterClient" };
        for diagnosis in ADVISED {
            let reasons = verdict.reasons.clone();
            let advised = Advised { diagnosis, key: key.clone(), quiet_for: Duration::MAX, reasons, talking: Some(talking.clone()) };
            told.push(Notice::of_advice(&region, &advised, clock(4000)));
        }
        for notice in &told {
            is_fit_for_every_reader(notice)?;
            is_fit_for_every_reader(&notice.clone().shortened(1))?;
            prop_assert!(notice.reasons.len() <= REASONS_MAX);
            prop_assert!(notice.reasons.iter().all(|reason| !reason.contains('\n') && reason.len() <= REASON_MAX));
        }
    }
}
