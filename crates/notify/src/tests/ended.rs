//! The last notice of an incident, and several notices in one.

use triage_decide::calls::{Calls, Window, Windows};
use triage_decide::ledger::Alarm;
use triage_decide::objective::{Objective, Target};
use triage_decide::testing::verdicts::{given_up, proved, region};
use triage_decide::verdict::{Diagnosis, Severity};

use super::*;
use crate::testing::{Life, later, opened, resolved};

#[test]
fn a_resolved_notice_says_from_to_minutes_people_calls_cause_and_worst_state() {
    let notice = resolved(Diagnosis::Outage, &proved(1800));
    assert_eq!(notice.subject, "Resolved: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people, 25 minutes");
    assert_eq!(notice.kind, NoticeKind::Resolved);
    let expected = "\
RESOLVED: AWS sign-in OUTAGE in eu-central-1 from 08:00 UTC to 08:25 UTC (25 minutes): 3 of 4 people could not sign in, 3 calls failed.
Cause: probably AWS, not confirmed. Worst state: outage. Recovery confirmed at 08:30 UTC.

Do now
1. Restart what you stopped, a few at a time";
    let mail = notice.mail();
    assert!(mail.starts_with(expected), "{mail}");
    has(
        &mail,
        &[
            "works again in eu-central-1",
            "Started:   2027-01-15 08:00:00 UTC
Latest:    2027-01-15 08:25:00 UTC
Lasted:    25 minutes
Recovery:  confirmed at 2027-01-15 08:30:00 UTC
Failed:    3 calls
Affected:  3 of 4 people
Incident:  eu-central-1-20270115T080100Z (notice 2)

Reasons
- 9 calls of 4 callers were served",
        ],
    );
}

#[test]
fn the_cause_is_what_the_whole_incident_showed() {
    let cause = |diagnosis, with: &dyn Fn(&mut Incident)| {
        let mut incident = incident(&verdict(diagnosis));
        with(&mut incident);
        incident.resolved_at = Some(at(1800));
        let notice = Notice::of_recovery(&incident, &proved(1800), clock(1810));
        notice.headline[1].split(". ").next().unwrap().to_owned()
    };
    for (said, expected) in [
        (cause(Diagnosis::Outage, &|_| ()), "Cause: probably AWS, not confirmed"),
        (cause(Diagnosis::Outage, &|incident| incident.probe_failed = true), "Cause: AWS, a probe failed too"),
        (cause(Diagnosis::Outage, &|incident| incident.reported_health = true), "Cause: AWS, confirmed by AWS Health"),
        (cause(Diagnosis::Misconfigured, &|_| ()), "Cause: your KMS key was disabled (KMS_DisabledException)"),
        (cause(Diagnosis::OneTool, &|_| ()), "Cause: the tool acme-login 3.0"),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn a_part_that_works_again_names_itself() {
    let tool = resolved(Diagnosis::OneTool, &proved(1800)).mail();
    has(&tool, &["RESOLVED: AWS sign-in TOOL FAILS (tool acme-login 3.0) in eu-central-1 from 08:00 UTC to 08:25 UTC"]);
    has(&tool, &["Signing in with the tool acme-login 3.0 works again."]);
}

#[test]
fn what_ends_without_proof_is_never_called_resolved() {
    let notice = resolved(Diagnosis::Outage, &given_up(44_700));
    assert_eq!(notice.subject, "Quiet, not confirmed: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people, 25 minutes");
    let mail = notice.mail();
    has(
        &mail,
        &[
            "QUIET, NOT CONFIRMED: AWS sign-in OUTAGE in eu-central-1 from 08:00 UTC to 08:25 UTC (25 minutes): 3 of 4 people \
             could not sign in, 3 calls failed.\nCause: probably AWS, not confirmed. Worst state: outage. No failed call since, \
             and nothing confirms the recovery.",
            "Recovery:  not confirmed",
            "1. Sign in yourself once (aws sso login), before you call it over.",
            "should work again in eu-central-1",
        ],
    );
    for text in [mail, sms::render(&notice, &testing::place()), envelope::render(&notice, &testing::place())] {
        let people_read = text.split("\\\"kind\\\"").next().unwrap().to_lowercase();
        assert!(!people_read.contains("resolved:"), "{people_read}");
    }
}

#[test]
fn what_only_a_probe_saw_lasted_until_its_end() {
    let probed = Verdict { latest: None, ..verdict(Diagnosis::Degraded).hitting(0) };
    let mut life = Life::default();
    life.goes_on(Verdict { probe: Some(StepState::Down), ..probed }, Recovery::default(), 60);
    let notice = life.goes_on(verdict(Diagnosis::Quiet), proved(600), 600);
    has(line(&notice.mail(), 0), &["(10 minutes): no caller was affected."]);
    has(line(&notice.mail(), 1), &["Cause: AWS, a probe failed too.", "Recovery confirmed at 08:10 UTC."]);
    has(&notice.mail(), &["Lasted:    10 minutes"]);
}

#[test]
fn failed_calls_are_counted_from_beginning_to_end() {
    let mut life = Life::default();
    let hour = 3600;
    let seen = |from: i64, to: i64, failures_at: &[(i64, usize)]| {
        let failures_at = failures_at.iter().map(|(second, count)| (at(*second).as_second() / 600, *count)).collect();
        Verdict { failures_at, ..verdict(Diagnosis::Outage).seen(from, to) }
    };
    life.goes_on(seen(0, 60, &[(0, 40)]), Recovery::default(), 60);
    life.goes_on(seen(0, hour, &[(0, 50), (600, 7)]), Recovery::default(), hour + 60);
    // Of the first ten minutes a part is forgotten, and then all.
    life.goes_on(seen(600, 2 * hour, &[(0, 9), (600, 7), (hour, 3)]), Recovery::default(), 2 * hour + 120);
    life.goes_on(seen(hour, 4 * hour, &[(4 * hour, 100)]), Recovery::default(), 4 * hour + 120);
    let over = life.goes_on(verdict(Diagnosis::Quiet), proved(5 * hour), 5 * hour);
    has(line(&over.mail(), 0), &["160 calls failed."]);
    assert_eq!(over.impact.failures, 160);
}

#[test]
fn an_incident_that_was_over_before_its_first_notice_is_one_notice() {
    let first = opened(&verdict(Diagnosis::Outage));
    let last = resolved(Diagnosis::Outage, &proved(1800));
    let merged = last.clone().after(std::slice::from_ref(&first));
    assert_eq!(
        (&merged.id, merged.sequence, merged.kind, merged.severity),
        (&last.id, 2, NoticeKind::Resolved, Severity::Page)
    );
    let subject = "Started and resolved: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people, 25 minutes";
    assert_eq!(merged.subject, subject);
    assert_eq!(merged.reasons, ["9 calls of 4 callers were served"]);
    assert_eq!((merged.merged.count, &merged.merged.reasons), (1, &first.reasons));
    assert_eq!(line(&merged.mail(), 0), line(&last.mail(), 0), "the verdict stays in the first line");
    assert_eq!(line(&merged.mail(), 2), "It was over before its first notice could be sent for certain.");
    has(
        &merged.mail(),
        &[
            "Earlier notices in this one\n- 2027-01-15 08:01:00 UTC AWS sign-in OUTAGE eu-central-1 - 3 of 4 people",
            "Why it was opened\n- the reason for outage",
        ],
    );
    assert_eq!(last.clone().after(&[]), last);
}

#[test]
fn what_a_storm_held_back_is_one_notice_with_a_count() {
    let verdict = verdict(Diagnosis::Outage);
    let change = |change: &str| later(NoticeKind::Changed, Diagnosis::Outage, &verdict, &[change], 120);
    let reminder = later(NoticeKind::Reminder, Diagnosis::Outage, &verdict, &[], 4000);
    let merged = reminder.after(&[change("RegisterClient fails too"), change("AWS Health confirms it")]);
    assert_eq!((merged.kind, merged.merged.count), (NoticeKind::Changed, 2), "that something changed is said");
    assert_eq!(merged.subject, "Changed: AWS sign-in OUTAGE eu-central-1 - 3 of 4 people (3 notices in one)");
    has(
        &merged.mail(),
        &[
            "2 notices before this one were not sent separately",
            "Changed: RegisterClient fails too.\n- 2027-01-15 08:02:00 UTC Changed: AWS Health confirms it.",
        ],
    );
    assert!(!merged.mail().contains("Why it was opened"));
    let again = merged.clone().after(std::slice::from_ref(&merged));
    assert_eq!(again.merged.count, 3, "and those in the one before it count too");
}

#[test]
fn what_it_cost_is_said_where_it_is_known() {
    let window =
        |days: i64, served| Window { from: at(-days * 86_400), until: at(0), calls: Calls { served, failed: 0 } };
    let objective =
        |window| Objective { target: Target::default(), windows: Windows { hour: window, day: window, month: window } };
    let resolved = |diagnosis, objective: Option<&Objective>| {
        let mut incident = incident(&verdict(diagnosis));
        incident.failures_at = [(at(0).as_second() / 600, 3)].into();
        incident.resolved_at = Some(at(1800));
        Notice::of_recovery(&incident, &proved(1800), clock(1810)).costing(Some(&incident), objective)
    };
    // 1,000 calls a day, so 30 of 30,000 may fail, and 3 did.
    let notice = resolved(Diagnosis::Outage, Some(&objective(window(10, 10_000))));
    has(&notice.mail(), &["\nIt cost 10% of the error budget of 30 days (target 99.9%)."]);
    let cost = notice.error_budget.unwrap();
    assert_eq!((cost.target, cost.cost.round()), (99.9, 10.0));
    for unknown in [
        resolved(Diagnosis::Outage, None),
        resolved(Diagnosis::Outage, Some(&objective(window(0, 10_000)))),
        resolved(Diagnosis::Suspected, Some(&objective(window(10, 10_000)))),
    ] {
        assert!(unknown.error_budget.is_none() && !unknown.mail().contains("It cost"), "{}", unknown.mail());
    }
}

#[test]
fn several_advice_notices_in_one_name_the_reason_of_each() {
    let advice = |reason: &str| {
        let advised = Advised { reasons: vec![reason.to_owned()], ..advised(Diagnosis::OneCaller) };
        Notice::of_advice(&region(), &advised, clock(60))
    };
    let merged = advice("ana fails").after(&[advice("ben fails"), advice("eva fails")]);
    assert_eq!(merged.reasons, ["ben fails", "eva fails", "ana fails"]);
    assert!(merged.subject.ends_with("(3 notices in one)"));
}

#[test]
fn an_alarm_that_came_and_went_unsent_changes_nothing_at_a_paging_service() {
    let first = opened(&verdict(Diagnosis::Outage));
    let last = resolved(Diagnosis::Outage, &proved(1800));
    assert_eq!((first.alarm, last.alarm), (Some(Alarm::Alarm), Some(Alarm::Ok)));
    assert_eq!(last.clone().after(std::slice::from_ref(&first)).alarm, None);
    let quiet = Notice { alarm: None, ..first.clone() };
    assert_eq!(last.clone().after(std::slice::from_ref(&quiet)).alarm, Some(Alarm::Ok));
    assert_eq!(quiet.clone().after(&[last.clone(), first.clone()]).alarm, None, "back, and still the alarm it was");
    assert_eq!(last.after(&[first.clone(), quiet, Notice { alarm: Some(Alarm::Ok), ..first }]).alarm, None);
}
