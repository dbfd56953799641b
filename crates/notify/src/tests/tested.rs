//! Test notices: every reader sees that they are tests, and an alert that they open is closed.

use triage_decide::testing::verdicts::{ADVISED, NOTIFIED, at, region};
use triage_decide::verdict::{Diagnosis, Severity};

use super::*;
use crate::letter::Channel;
use crate::test_notice::{KINDS, Setting, kind, kinds_in_words, notices};

fn tested(kind: Diagnosis, hides_names: bool) -> Vec<Notice> {
    notices(kind, Setting { region: &region(), zone: None, hides_names, unique: "a1b2" }, at(0))
}

#[test]
fn whatever_anybody_is_notified_of_can_be_tested_from_its_beginning_to_its_end() {
    assert_eq!(KINDS.to_vec(), NOTIFIED.iter().chain(&ADVISED).copied().collect::<Vec<_>>());
    for diagnosis in KINDS {
        assert_eq!(kind(diagnosis.as_str()), Some(diagnosis));
        assert!(kinds_in_words().contains(diagnosis.as_str()));
        let kinds: Vec<_> = tested(diagnosis, false).iter().map(|notice| (notice.kind, notice.diagnosis)).collect();
        let expected = if diagnosis.is_incident() {
            vec![(NoticeKind::Opened, diagnosis), (NoticeKind::Resolved, diagnosis)]
        } else {
            vec![(NoticeKind::Advice, diagnosis)]
        };
        assert_eq!(kinds, expected);
    }
    assert_eq!((kind("quiet"), kind("Outage"), kind("")), (None, None, None));
}

#[test]
fn every_reader_sees_first_that_it_is_a_test() {
    for notice in KINDS.into_iter().flat_map(|diagnosis| tested(diagnosis, false)) {
        let place = testing::place();
        let name = format!("{} {}", notice.diagnosis.as_str(), notice.kind.as_str());
        assert!(notice.subject.starts_with("TEST: ") && notice.subject.len() < 100, "{name}: {}", notice.subject);
        let mail = mail::render(&notice, &place);
        assert!(mail.starts_with("TEST NOTICE: nothing is wrong"), "{name}: {mail}");
        has(&mail, &["\n1. This is a test."]);
        assert_eq!(mail.contains("\nTEST, not to be passed on: "), notice.advice.users.is_some(), "{name}: {mail}");
        assert!(sms::render(&notice, &place).starts_with("TEST: "), "{name}");
        let chat = serde_json::to_value(chat::render(&notice, &place)).unwrap();
        has(chat["content"]["title"].as_str().unwrap(), &[" TEST: "]);
        assert!(chat["content"]["description"].as_str().unwrap().starts_with("TEST NOTICE: "), "{name}");
        assert!(chat["content"]["nextSteps"][0].as_str().unwrap().starts_with("This is a test."), "{name}");
        let machine = serde_json::to_value(machine::render(&notice, &place)).unwrap();
        assert_eq!((&machine["test"], machine["title"].as_str().unwrap().starts_with("TEST: ")), (&true.into(), true));
        if let Some((subject, alarm)) = pager::render(&notice, &place) {
            has(&subject, &[": TEST: "]);
            has(&alarm, &[r#""AlarmDescription":"TEST: "#, r#""NewStateReason":"TEST NOTICE: "#]);
        }
    }
    for (name, notice) in samples() {
        let machine = serde_json::to_value(machine::render(&notice, &testing::place())).unwrap();
        assert_eq!(machine["test"], false, "{name}");
    }
}

#[test]
fn a_page_opens_an_alert_of_no_real_incident_and_its_end_closes_that_one() {
    for diagnosis in NOTIFIED {
        let notices = tested(diagnosis, false);
        let alarms: Vec<(String, String)> = notices
            .iter()
            .filter_map(|notice| pager::render(notice, &testing::place()))
            .map(|(_, alarm)| {
                let alarm: serde_json::Value = serde_json::from_str(&alarm).unwrap();
                let text = |member: &str| alarm[member].as_str().unwrap().to_owned();
                (text("NewStateValue"), text("AlarmName"))
            })
            .collect();
        let incident = notices[0].incident.clone().unwrap();
        assert!(incident.starts_with("test-eu-central-1-") && incident.ends_with("-a1b2"), "{incident}");
        if diagnosis.severity() == Severity::Page {
            assert_eq!(notices[0].severity, Severity::Page, "it is no warning first");
            assert_eq!(alarms, [("ALARM".to_owned(), incident.clone()), ("OK".to_owned(), incident.clone())]);
        } else {
            assert_eq!(alarms, []);
        }
        let ids: Vec<&str> = notices.iter().map(|notice| notice.id.as_str()).collect();
        assert_eq!(ids, [format!("{incident}-1"), format!("{incident}-2")]);
        assert!(notices.iter().all(|notice| Channel::Bus.takes(notice)));
    }
}

#[test]
fn a_test_notice_is_as_whole_as_a_real_one() {
    let notices = tested(Diagnosis::Outage, false);
    let mail = notices[0].mail();
    has(
        &mail,
        &[
            "AWS sign-in OUTAGE in eu-central-1: 3 of 4 people cannot sign in.",
            "\nDo now\n",
            "\nFor your users\n",
            "Affected:  3 of 4 people: ana@example.com, ben@example.com, eva@example.com\n",
            "\nReasons\n",
            "\nPossible causes\n",
            "made-up-request-1 CreateToken InternalServerException",
        ],
    );
    has(&notices[1].mail(), &["RESOLVED: AWS sign-in OUTAGE in eu-central-1 from 07:57 UTC to 07:59 UTC ("]);
    let machine = serde_json::to_value(machine::render(&notices[0], &testing::place())).unwrap();
    assert_eq!(machine["impact"]["callers"], 3);
}

#[test]
fn where_names_are_hashed_a_test_names_nobody() {
    for diagnosis in NOTIFIED {
        let mail = tested(diagnosis, true)[0].mail();
        assert!(!mail.contains('@') && mail.contains("5e570001, 5e570002, 5e570003"), "{mail}");
    }
}
