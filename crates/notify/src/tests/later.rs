//! What is said of an open incident after its first notice.

use triage_decide::ledger::Alarm;
use triage_decide::verdict::{Diagnosis, Severity};

use super::*;
use crate::testing::{Life, later, opened};

#[test]
fn a_change_stands_in_the_second_line() {
    let notice = later(
        NoticeKind::Changed,
        Diagnosis::Outage,
        &verdict(Diagnosis::Outage).hitting(12),
        &["12 callers are affected, up from 3", "RegisterClient fails too"],
        120,
    );
    assert_eq!(notice.subject, "Changed: AWS sign-in OUTAGE eu-central-1 - 12 of 13 people");
    let second = "Changed: 12 callers are affected, up from 3; RegisterClient fails too. Looks like AWS, not you. Not \
                  confirmed: the service was not probed.";
    assert_eq!(line(&notice.mail(), 1), second);
    has(line(&notice.mail(), 0), &["OUTAGE", "12 of 13 people cannot sign in"]);
    has(&notice.mail(), &["Affected:  12 of 13 people: ana@example.com, ben@example.com, eva@example.com and 9 more"]);
    assert_eq!(notice.id, "eu-central-1-20270115T080100Z-2");
    assert_eq!(notice.reasons[0], "12 callers are affected, up from 3");
}

#[test]
fn a_reminder_says_when_it_began_though_the_evidence_looks_back_less_far() {
    let now = 2 * 86_400;
    let mut life = Life::default();
    life.goes_on(verdict(Diagnosis::Outage), Recovery::default(), 60);
    let notice = life.goes_on(verdict(Diagnosis::Outage).seen(now - 100, now - 10), Recovery::default(), now);
    assert_eq!(notice.subject, "Still open: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people");
    has(line(&notice.mail(), 1), &["Started 2027-01-15 08:00 UTC, latest failure 07:59 UTC. Looks like AWS, not you."]);
    has(&notice.mail(), &["Started:   2027-01-15 08:00:00 UTC\nLatest:    2027-01-17 07:59:50 UTC"]);
}

#[test]
fn while_it_recovers_it_keeps_its_name_and_says_so() {
    let mut life = Life::default();
    life.goes_on(verdict(Diagnosis::Outage).seen(0, 600), Recovery::default(), 600);
    let recovering = Recovery { recovering_since: Some(at(601)), ..Recovery::default() };
    let notice = life.goes_on(verdict(Diagnosis::Quiet), recovering, 4260);
    assert_eq!((notice.kind, notice.diagnosis, notice.recovering), (NoticeKind::Reminder, Diagnosis::Outage, true));
    assert_eq!(notice.subject, "Recovering: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people");
    has(
        &notice.mail(),
        &[
            "AWS sign-in OUTAGE in eu-central-1: 3 of 4 people could not sign in.\nRecovering: calls succeed again, none has \
             failed since 08:10 UTC. Not confirmed yet. Started 08:00 UTC.",
            "Affected:  3 of 4 people\n",
            "1. Sign in yourself once (aws sso login), to see whether it works.",
            "is starting to work again in eu-central-1",
        ],
    );
}

#[test]
fn while_nobody_calls_the_on_call_is_asked_to_try() {
    let mut life = Life::default();
    life.goes_on(verdict(Diagnosis::Outage), Recovery::default(), 60);
    let silent = Recovery { silent_since: Some(at(300)), ..Recovery::default() };
    let notice = life.goes_on(verdict(Diagnosis::Quiet), silent, 2100);
    has(
        &notice.mail(),
        &[
            "AWS sign-in OUTAGE in eu-central-1: 3 of 4 people could not sign in.\nNobody has called since 08:05 UTC, so \
             nothing shows whether it still fails.",
            "1. Sign in yourself once (aws sso login). While nobody calls, nothing else shows whether it works.",
        ],
    );
    assert_eq!(notice.advice.users, None);
}

#[test]
fn what_would_be_a_page_says_that_it_is_none_yet_until_it_lasts() {
    let mut life = Life::default();
    let blip = life.goes_on(verdict(Diagnosis::Outage), Recovery::default(), 20);
    assert_eq!((blip.severity, blip.alarm), (Severity::Warning, None));
    assert_eq!(line(&blip.mail(), 2), "Warning only, nobody is paged yet. It becomes a page if it lasts.");
    let lasts = life.goes_on(verdict(Diagnosis::Outage).seen(0, 50), Recovery::default(), 50);
    assert_eq!((lasts.kind, lasts.severity, lasts.alarm), (NoticeKind::Changed, Severity::Page, Some(Alarm::Alarm)));
    has(line(&lasts.mail(), 1), &["Changed: it lasts, so on-call is paged now. Looks like AWS, not you."]);
    let tool = opened(&verdict(Diagnosis::OneTool)).mail();
    assert!(!tool.contains("paged"), "it never becomes a page: {tool}");
}

#[test]
fn a_reopened_notice_says_that_it_is_back() {
    let changes = ["it fails again, it was resolved at 08:20 UTC"];
    let notice = later(NoticeKind::Reopened, Diagnosis::Outage, &verdict(Diagnosis::Outage), &changes, 1800);
    assert_eq!(notice.subject, "Reopened: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people");
    has(line(&notice.mail(), 1), &["Reopened: it fails again, it was resolved at 08:20 UTC. Looks like AWS"]);
    has(&notice.mail(), &["Reopened:  1 time, the latest at 2027-01-15 08:30:00 UTC"]);
}

#[test]
fn an_escalation_updates_the_alert_that_is_open_at_a_paging_service() {
    let mut life = Life::default();
    let opened = life.goes_on(verdict(Diagnosis::Degraded).seen(0, 50), Recovery::default(), 50);
    assert_eq!((opened.alarm, opened.updates_alert), (Some(Alarm::Alarm), false));
    let worse = life.goes_on(verdict(Diagnosis::Outage).hitting(20).seen(0, 100), Recovery::default(), 100);
    assert_eq!((worse.kind, worse.alarm, worse.updates_alert), (NoticeKind::Changed, None, true));
    let alert = |notice: &Notice| -> (String, serde_json::Value) {
        let (subject, message) = pager::render(notice, &testing::place()).unwrap();
        (subject, serde_json::from_str(&message).unwrap())
    };
    let ((first, before), (second, after)) = (alert(&opened), alert(&worse));
    assert_eq!(first, "ALARM: AWS sign-in DEGRADED eu-central-1 - 3 of 4 people");
    assert_eq!(second, "ALARM: AWS sign-in OUTAGE eu-central-1 - 20 of 21 people");
    assert_eq!(before["AlarmName"], after["AlarmName"], "one alert");
    assert_eq!((&after["OldStateValue"], &after["NewStateValue"]), (&"ALARM".into(), &"ALARM".into()));
    let silent = Recovery { silent_since: Some(at(300)), ..Recovery::default() };
    let quiet = life.goes_on(verdict(Diagnosis::Quiet), silent, 2100);
    assert_eq!(pager::render(&quiet, &testing::place()), None, "that nobody calls wakes nobody again");
}

#[test]
fn an_update_of_an_alert_is_lost_in_no_merge_and_outlives_no_end() {
    let update = |notice: Notice| Notice { alarm: None, updates_alert: true, ..notice };
    let opened = opened(&verdict(Diagnosis::Outage));
    let over = crate::testing::resolved(Diagnosis::Outage, &triage_decide::testing::verdicts::proved(1800));
    let state = |notice: &Notice| (notice.alarm, notice.updates_alert);
    let updated = update(opened.clone());
    assert_eq!(state(&updated.clone().after(std::slice::from_ref(&opened))), (Some(Alarm::Alarm), true));
    assert_eq!(state(&over.clone().after(std::slice::from_ref(&updated))), (Some(Alarm::Ok), false));
    assert_eq!(state(&over.clone().after(&[opened.clone(), updated.clone()])), (None, false));
    assert_eq!(state(&opened.after(&[over, updated])), (None, true));
}
