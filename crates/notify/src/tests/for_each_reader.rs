//! What is the same for every reader, and what each of them gets.

use jiff::tz::TimeZone;
use triage_decide::testing::verdicts::proved;
use triage_decide::verdict::Diagnosis;

use super::*;
use crate::place::{Company, Place};
use crate::testing::{opened, resolved};

#[test]
fn how_long_and_how_many_is_the_same_for_every_reader() {
    for (name, notice) in samples() {
        let Some(over) = notice.times.over_at else { continue };
        let lasted = words::span(notice.times.lasted().unwrap());
        let (mail, sms) = (notice.mail(), sms::render(&notice, &testing::place()));
        let chat = serde_json::to_string(&chat::render(&notice, &testing::place())).unwrap();
        let people = notice.impact.head_count();
        has(&notice.subject, &[&format!(" - {people}, {lasted}")]);
        has(&mail, &[&format!("({lasted}): {people} could not sign in"), &format!("Lasted:    {lasted}\n")]);
        if notice.proved == Some(true) {
            let at = words::Clock { now: notice.at, zone: None }.time(over);
            has(&mail, &[&format!("Recovery confirmed at {at}")]);
        }
        has(&sms, &[&format!(" - {people}, {lasted}")]);
        has(&chat, &[&format!("- Lasted: {lasted}"), &format!(" - {people}, {lasted}")]);
        if let Some((subject, alarm)) = pager::render(&notice, &testing::place()) {
            has(&subject, &[&format!(" - {people}, {lasted}")]);
            has(&alarm, &[&format!("({lasted}): {people} could not sign in")]);
        }
        has(&mail, &[&format!("Affected:  {people}\n")]);
        has(&chat, &[&format!("- Affected: {people}")]);
        assert!(notice.impact.callers > 0, "{name}");
    }
}

#[test]
fn two_screens_of_a_phone_hold_all_before_the_evidence() {
    let (lines, columns) = mail::SCREENS;
    for (name, notice) in samples() {
        let mail = mail::render(&notice, &company());
        let before = mail.split("\nEvidence\n").next().unwrap();
        let on_screen: usize = before.lines().map(|line| line.chars().count().div_ceil(columns).max(1)).sum();
        assert!(on_screen <= lines, "{name}: {on_screen} lines\n{before}");
        assert!(notice.advice.now.len() <= advice::STEPS_MAX, "{name}");
        let first = before.lines().position(|line| line.starts_with("1. ")).unwrap();
        assert_eq!(before.lines().nth(first - 1), Some("Do now"), "{name}");
    }
}

#[test]
fn links_come_last_and_are_short() {
    for (name, notice) in samples() {
        let mail = mail::render(&notice, &testing::place());
        let last = mail.rsplit("\nLinks\n").next().unwrap();
        assert!(
            last.lines().all(|line| line.is_empty() || line.len() <= place::LINK_MAX + "- Log: ".len()),
            "{name}: {last}"
        );
        assert!(last.lines().next().unwrap().starts_with("- "), "{name}: {last}");
    }
}

/// A company that sets all that it can.
fn company() -> Place {
    Place {
        company: Company {
            runbook: Some("https://wiki.example.com/runbooks/sign-in".to_owned()),
            status_page: Some("https://status.example.com".to_owned()),
            contact: Some("#help-aws, +49 30 1234".to_owned()),
            time_zone: Some(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()),
        },
        ..testing::place()
    }
}

#[test]
fn what_a_company_adds_is_in_all_forms() {
    let notice = opened(&verdict(Diagnosis::Outage));
    let place = company();
    let mail = mail::render(&notice, &place);
    has(
        &mail,
        &[
            "Runbook: https://wiki.example.com/runbooks/sign-in\n",
            "Status: https://status.example.com Contact: #help-aws, +49 30 1234\n",
            "Started:   2027-01-15 08:00:00 UTC (09:00:00 CET)\n",
        ],
    );
    let chat = serde_json::to_value(chat::render(&notice, &place)).unwrap();
    has(
        chat["content"]["description"].as_str().unwrap(),
        &[
            "- Runbook: https://wiki.example.com/runbooks/sign-in\n",
            "- Status page: https://status.example.com\n",
            "- Contact: `#help-aws`, `+49` 30 1234\n",
            "2027-01-15 08:00:00 UTC (09:00:00 CET)",
        ],
    );
    has(&sms::render(&notice, &place), &["Contact: #help-aws, +49 30 1234"]);
    let (_, alert) = pager::render(&notice, &place).unwrap();
    has(&alert, &["Runbook: https://wiki.example.com/runbooks/sign-in Contact: #help-aws"]);
    let machine = serde_json::to_value(machine::render(&notice, &place)).unwrap();
    assert_eq!(machine["company"]["runbook"], "https://wiki.example.com/runbooks/sign-in");
    assert_eq!(machine["company"]["statusPage"], "https://status.example.com");
    assert_eq!(machine["company"]["contact"], "#help-aws, +49 30 1234");
    let (_, plain) = pager::render(&notice, &testing::place()).unwrap();
    assert!(!plain.contains("Runbook") && !notice.mail().contains("Runbook"), "what is not set is not mentioned");
}

#[test]
fn what_could_not_be_resolved_is_said() {
    let unresolved = Some(notice::Unresolved { ids: 2, reason: "AccessDeniedException".to_owned() });
    let notice = Notice { unresolved, ..opened(&verdict(Diagnosis::Outage)) };
    let said = "2 user ids could not be resolved: AccessDeniedException";
    has(&notice.mail(), &[&format!("Names:     {said}\n")]);
    has(&serde_json::to_string(&chat::render(&notice, &testing::place())).unwrap(), &[&format!("- Names: {said}")]);
}

#[test]
fn the_alert_of_a_paging_service_has_the_verdict_as_its_title_and_the_incident_as_its_key() {
    for (notice, state, old, title) in [
        (opened(&verdict(Diagnosis::Outage)), "ALARM", "OK", "AWS sign-in OUTAGE eu-central-1 - 3 of 4 people"),
        (
            resolved(Diagnosis::Outage, &proved(1800)),
            "OK",
            "ALARM",
            "AWS sign-in OUTAGE eu-central-1 - 3 of 4 people, 25 minutes",
        ),
    ] {
        let (subject, message) = pager::render(&notice, &testing::place()).unwrap();
        let alarm: serde_json::Value = serde_json::from_str(&message).unwrap();
        let incident = "eu-central-1-20270115T080100Z";
        assert_eq!(subject, format!("{state}: {title}"));
        for (field, value) in [
            ("AlarmName", incident),
            ("AlarmDescription", title),
            ("NewStateValue", state),
            ("OldStateValue", old),
            ("AWSAccountId", "111122223333"),
            ("Region", "eu-central-1"),
            ("AlarmArn", &format!("oidc-triage:eu-central-1:111122223333:incident/{incident}")),
        ] {
            assert_eq!(alarm[field], value, "{field}");
        }
        assert!(!message.contains("arn:aws:cloudwatch"), "there is no such alarm");
    }
    assert_eq!(pager::render(&opened(&verdict(Diagnosis::Suspected)), &testing::place()), None, "that is no page");
}
