use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use triage_decide::cell::Dimension;
use triage_decide::concern::Concern;
use triage_decide::ledger::{Alarm, Incident, REASON_MAX, REASONS_MAX};
use triage_decide::probe::RungState;
use triage_decide::scope::{Scope, Shared};
use triage_decide::testing::verdicts::{ADVISED, TOLD, advised, at, given_up, incident, proved, region, verdict};
use triage_decide::verdict::{Advised, Diagnosis, FailedRequest, Recovery, Severity, Talking, Verdict};
use triage_model::grant::Grant;
use triage_model::observation::Operation;
use triage_model::redact::SHOWN_ARN_MAX;
use triage_model::region::KnownRegions;

use super::*;
use crate::notice::{Notice, NoticeKind};
use crate::testing::{Life, later, only, opened, resolved, samples};

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

fn line(text: &str, number: usize) -> &str {
    text.lines().nth(number).unwrap()
}

#[test]
fn an_opened_notice_says_what_fails_since_when_for_whom_why_and_what_to_do() {
    let notice = opened(&verdict(Diagnosis::Outage));
    assert_eq!(notice.id, "eu-central-1-20270115T080100Z-1");
    assert_eq!((notice.sequence, notice.severity), (1, Severity::Page));
    assert_eq!(notice.reasons, ["the reason for outage"]);
    assert_eq!(notice.subject, "Outage of AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit");
    let expected = "\
OUTAGE: signing in through IAM Identity Center fails in eu-central-1 for 3 distinct callers.
The service was not probed: not confirmed.

Since:     2027-01-15 08:00:00 UTC
Latest:    2027-01-15 08:00:02 UTC
Failed:    3 calls: InternalServerException (3)
Operation: CreateToken (3)
Callers:   3: ana@example.com, ben@example.com, eva@example.com
Tools:     aws-cli/2.31.0 (2), Boto3/1.40 (1)
Incident:  eu-central-1-20270115T080100Z (notice 1)

Why
- the reason for outage

What to do now
1. Sign in yourself, once (aws sso login, with Identity Center in eu-central-1): no probe confirms the outage.
2. ";
    assert_eq!(notice.mail().get(..expected.len()), Some(expected), "{}", notice.mail());
    has(
        &notice.mail(),
        &[
            "\nTo pass on to users\nSigning in to AWS",
            "\nservice outage or maintenance:\n  for:     something\n  against: something else\n",
            "\nthrottling behind a 500:\n",
            "\ninvalid input answered with a 500:\n",
            "- 2027-01-15 08:00:02 UTC request-2 CreateToken InternalServerException",
        ],
    );
}

#[test]
fn each_notice_of_an_open_incident_says_how_it_began_whatever_is_seen_now() {
    let opening = "3 of 4 callers failed in 2 s; by chance once in 300 years".to_owned();
    let began = Verdict {
        opening: Some(opening.clone()),
        reasons: vec![opening.clone(), "most are hit".to_owned()],
        ..verdict(Diagnosis::Outage)
    };
    let incident = incident(&began);
    let told = |verdict: &Verdict, changes: &[String]| {
        Notice::of_incident(NoticeKind::Reminder, &incident, verdict, changes, at(3660)).reasons
    };
    assert_eq!(told(&began, &[]), [opening.as_str(), "most are hit"], "once");
    let change = ["AWS Health confirms it".to_owned()];
    for diagnosis in [Diagnosis::Quiet, Diagnosis::Throttling, Diagnosis::Misconfigured] {
        let now = format!("the reason for {}", diagnosis.as_str());
        assert_eq!(told(&verdict(diagnosis), &change), [change[0].as_str(), &opening, &now]);
    }
}

#[test]
fn each_incident_has_a_subject_and_a_first_line_of_its_own() {
    let told = TOLD.map(|diagnosis| {
        let notice = opened(&verdict(diagnosis));
        (notice.subject.clone(), line(&notice.mail(), 0).to_owned())
    });
    let expected = [
        (
            "Outage of AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit",
            "OUTAGE: signing in through IAM Identity Center fails in eu-central-1 for 3 distinct callers.",
        ),
        (
            "Degraded AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit",
            "DEGRADED: signing in through IAM Identity Center fails in eu-central-1 for some: for 3 distinct callers.",
        ),
        (
            "Misconfigured AWS sign-in (SSO OIDC) in eu-central-1: 3 callers refused",
            "MISCONFIGURED: a key or policy of your own refuses 3 distinct callers who sign in through IAM Identity Center \
             in eu-central-1 with KMS_DisabledException.",
        ),
        (
            "Suspected outage of AWS sign-in (SSO OIDC) in eu-central-1: 3 callers refused",
            "SUSPECTED OUTAGE: signing in through IAM Identity Center is refused in eu-central-1 for 3 distinct callers \
             with InvalidRequestException of CreateToken, as if all of them had made the same mistake.",
        ),
        (
            "Failing tool acme-login 3.0 at AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit",
            "ONE TOOL: signing in with the tool acme-login 3.0 fails in eu-central-1 for 3 distinct callers, while others are served.",
        ),
        (
            "Failing network 192.0.2.7 at AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit",
            "ONE NETWORK: signing in from the network 192.0.2.7 fails in eu-central-1 for 3 distinct callers, while others are served.",
        ),
        (
            "Failing application apl-1 at AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit",
            "ONE APPLICATION: signing in to the application apl-1 fails in eu-central-1 for 3 distinct \
             callers, while others are served.",
        ),
    ];
    assert_eq!(told.each_ref().map(|(subject, first)| (subject.as_str(), first.as_str())), expected);
}

#[test]
fn an_incident_that_only_a_probe_sees_does_not_speak_of_callers() {
    let verdict = Verdict {
        probe: Some(RungState::Down),
        reasons: vec!["down twice".to_owned()],
        ..triage_decide::testing::verdicts::verdict(Diagnosis::Degraded).hitting(0)
    };
    let notice = opened(&verdict);
    assert_eq!(notice.subject, "Degraded AWS sign-in (SSO OIDC) in eu-central-1: a probe fails");
    has(
        &notice.mail(),
        &["DEGRADED: a probe of signing in", "no caller was seen to be hit.\nA probe of the service fails"],
    );
    assert!(!notice.mail().contains("Callers:"));
}

#[test]
fn a_change_is_said_right_after_the_verdict() {
    let notice = later(
        NoticeKind::Changed,
        Diagnosis::Outage,
        &verdict(Diagnosis::Outage).hitting(12),
        &["12 callers are hit, and were 3 when last told", "RegisterClient fails too"],
        120,
    );
    assert_eq!(notice.subject, "Changed: outage of AWS sign-in (SSO OIDC) in eu-central-1: 12 callers hit");
    let first = "CHANGED: 12 callers are hit, and were 3 when last told; RegisterClient fails too.";
    assert_eq!(line(&notice.mail(), 1), first);
    has(line(&notice.mail(), 0), &["OUTAGE: ", "for 12 distinct callers"]);
    has(&notice.mail(), &["Callers:   12: ana@example.com, ben@example.com, eva@example.com and 9 more"]);
    assert_eq!(notice.id, "eu-central-1-20270115T080100Z-2");
    assert_eq!(notice.reasons[0], "12 callers are hit, and were 3 when last told");
}

#[test]
fn a_reminder_says_when_it_began_though_the_evidence_looks_back_less_far() {
    let now = 2 * 86_400;
    let mut life = Life::default();
    life.goes_on(verdict(Diagnosis::Outage), Recovery::default(), 60);
    let notice = life.goes_on(verdict(Diagnosis::Outage).seen(now - 100, now - 10), Recovery::default(), now);
    let subject = "Outage of AWS sign-in (SSO OIDC) in eu-central-1 since 2027-01-15 08:00 UTC";
    assert_eq!(notice.subject, subject);
    let began = "It began at 2027-01-15 08:00 UTC, and the latest failure was at 07:59 UTC.";
    assert_eq!(line(&notice.mail(), 1), began);
    has(&notice.mail(), &["Since:     2027-01-15 08:00:00 UTC\nLatest:    2027-01-17 07:59:50 UTC"]);
}

#[test]
fn while_it_recovers_it_keeps_its_name_and_says_so() {
    let mut life = Life::default();
    life.goes_on(verdict(Diagnosis::Outage).seen(0, 600), Recovery::default(), 600);
    let recovering = Recovery { recovering_since: Some(at(601)), ..Recovery::default() };
    let notice = life.goes_on(verdict(Diagnosis::Quiet), recovering, 4260);
    assert_eq!((notice.kind, notice.diagnosis, notice.recovering), (NoticeKind::Reminder, Diagnosis::Outage, true));
    let subject = "Recovering: outage of AWS sign-in (SSO OIDC) in eu-central-1 since 08:00 UTC";
    assert_eq!(notice.subject, subject);
    has(
        &notice.mail(),
        &[
            "OUTAGE: signing in through IAM Identity Center failed in eu-central-1 for 3 distinct callers.\nIt began at 08:00 \
             UTC, and the latest failure was at 08:10 UTC.\nIt is recovering: calls are served again, and none has failed \
             since 08:10 UTC. It is not proved over yet.",
            "Callers:   3\n",
            "1. Sign in yourself, once (aws sso login, with Identity Center in eu-central-1), to see whether it works.",
            "begins to work again in eu-central-1",
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
            "OUTAGE: signing in through IAM Identity Center failed in eu-central-1 for 3 distinct callers.\nCHANGED: nobody \
             has called since 08:05 UTC, and that does not prove it over.",
            "1. Sign in yourself, once (aws sso login, with Identity Center in eu-central-1): while nobody calls, nothing \
             else shows whether it works.",
        ],
    );
    assert_eq!(notice.advice.users, None);
}

#[test]
fn what_would_be_a_page_says_that_it_is_none_yet_until_it_lasts() {
    let mut life = Life::default();
    let blip = life.goes_on(verdict(Diagnosis::Outage), Recovery::default(), 20);
    assert_eq!((blip.severity, blip.alarm), (Severity::Warning, None));
    assert_eq!(line(&blip.mail(), 1), "Nobody is paged yet: that comes if it lasts.");
    let lasts = life.goes_on(verdict(Diagnosis::Outage).seen(0, 50), Recovery::default(), 50);
    assert_eq!((lasts.kind, lasts.severity, lasts.alarm), (NoticeKind::Changed, Severity::Page, Some(Alarm::Alarm)));
    assert_eq!(line(&lasts.mail(), 1), "CHANGED: it lasts, so people are paged now.");
    let tool = opened(&verdict(Diagnosis::OneTool)).mail();
    assert!(!tool.contains("paged"), "it never becomes a page: {tool}");
}

#[test]
fn where_it_fails_is_in_the_subject_in_the_first_line_and_among_the_facts() {
    use Operation::{CreateToken, RegisterClient, StartDeviceAuthorization};
    let told = |verdict: Verdict| {
        let notice = opened(&verdict);
        (notice.subject.clone(), line(&notice.mail(), 0).to_owned(), notice.scope.clone().unwrap())
    };
    let (subject, first, scope) = told(only(verdict(Diagnosis::Outage), &[StartDeviceAuthorization]));
    assert_eq!(subject, "Outage of AWS sign-in (StartDeviceAuthorization) in eu-central-1: 3 callers hit");
    has(
        &first,
        &["OUTAGE: signing in through IAM Identity Center (StartDeviceAuthorization) fails in eu-central-1 for 3"],
    );
    assert_eq!(scope.in_words().as_deref(), Some("StartDeviceAuthorization"));

    let (subject, first, _) = told(only(verdict(Diagnosis::Degraded), &[RegisterClient, StartDeviceAuthorization]));
    assert_eq!(
        subject, "Degraded AWS sign-in (2 operations) in eu-central-1: 3 callers hit",
        "there is no room for both"
    );
    has(&first, &["(RegisterClient and StartDeviceAuthorization) fails in eu-central-1 for some"]);

    let refreshes = only(verdict(Diagnosis::Degraded), &[CreateToken]);
    let refreshes =
        Verdict { scope: Scope { grant: Some(Grant::RefreshToken), ..refreshes.scope.clone() }, ..refreshes };
    assert_eq!(
        told(refreshes).0,
        "Degraded AWS sign-in (CreateToken with refresh_token) in eu-central-1: 3 callers hit"
    );

    let tool = opened(&only(verdict(Diagnosis::OneTool), &[CreateToken]));
    has(&tool.mail(), &["\nScope:     CreateToken; tool acme-login/3.0\n"]);

    let key = Verdict { scope: verdict(Diagnosis::OneApplication).scope, ..verdict(Diagnosis::Misconfigured) };
    let (subject, first, _) = told(key);
    assert_eq!(subject, "Misconfigured AWS sign-in (application apl-1) in eu-central-1: 3 callers refused");
    has(&first, &["who sign in through IAM Identity Center (the application apl-1) in"]);
}

#[test]
fn one_tool_that_is_refused_may_be_somebody_who_guesses() {
    let refused = Verdict { concern: verdict(Diagnosis::Suspected).concern, ..verdict(Diagnosis::OneTool) };
    let mail = opened(&refused).mail();
    has(
        &mail,
        &[
            "ONE TOOL: signing in with the tool acme-login 3.0 is refused in eu-central-1 for 3 distinct callers with \
             InvalidRequestException of CreateToken, while others are served.",
            "1. Ask who runs the tool acme-login 3.0: it is refused with InvalidRequestException of CreateToken.",
            "2. Look at the last update of the tool acme-login 3.0",
            "Signing in with the tool acme-login 3.0 fails at the moment.",
        ],
    );
}

#[test]
fn how_long_and_how_many_is_the_same_for_every_reader() {
    for (name, notice) in samples() {
        let Some(over) = notice.times.over_at else { continue };
        let lasted = words::span(notice.times.lasted().unwrap());
        let (mail, sms) = (notice.mail(), sms::render(&notice));
        let chat = serde_json::to_string(&chat::render(&notice, &testing::place())).unwrap();
        has(&notice.subject, &[&format!(" after {lasted}")]);
        has(&mail, &[&format!("It lasted {lasted}."), &format!("Lasted:    {lasted}\n")]);
        if notice.proved == Some(true) {
            has(&mail, &[&format!("confirmed over at {}", words::clock(over, notice.at))]);
        }
        has(&sms, &[&format!(" after {lasted}")]);
        has(&chat, &[&format!("- Lasted: {lasted}"), &format!(" after {lasted}")]);
        if let Some((_, alarm)) = pager::render(&notice, &testing::place()) {
            has(&alarm, &[&format!("It lasted {lasted}."), &format!(" after {lasted}")]);
        }
        let callers = notice.impact.callers_in_words();
        has(&mail, &[&format!("Callers:   {callers}\n")]);
        has(&chat, &[&format!("- Callers: {callers}"), &format!("\"callers\":\"{callers}\"")]);
        assert!(notice.impact.callers > 0, "{name}");
    }
}

#[test]
fn a_number_that_is_an_estimate_says_so_to_every_reader() {
    let verdict = Verdict { victims_about: 4000, ..verdict(Diagnosis::Outage) };
    let notice = opened(&verdict);
    assert_eq!((notice.impact.callers, notice.impact.about), (4000, true));
    has(&notice.subject, &[": about 4000 callers hit"]);
    has(
        &notice.mail(),
        &[
            "for about 4000 distinct callers.",
            "Callers:   about 4000: ana@example.com, ben@example.com, eva@example.com and others",
        ],
    );
    has(&sms::render(&notice), &["about 4000 callers hit"]);
    has(&serde_json::to_string(&chat::render(&notice, &testing::place())).unwrap(), &[r#""callers":"about 4000""#]);
}

#[test]
fn a_reopened_notice_says_that_it_is_back() {
    let changes = ["it is back; it had been over since 08:20 UTC"];
    let notice = later(NoticeKind::Reopened, Diagnosis::Outage, &verdict(Diagnosis::Outage), &changes, 1800);
    assert_eq!(notice.subject, "Reopened: outage of AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit");
    assert_eq!(line(&notice.mail(), 1), "REOPENED: it is back; it had been over since 08:20 UTC.");
    has(&notice.mail(), &["Reopened:  1 time, the latest at 2027-01-15 08:30:00 UTC"]);
}

#[test]
fn a_resolved_notice_says_how_long_it_failed_and_when_that_was_sure() {
    let notice = resolved(Diagnosis::Outage, &proved(1800));
    assert_eq!(notice.subject, "Resolved: outage of AWS sign-in (SSO OIDC) in eu-central-1 after 25 minutes");
    assert_eq!(notice.kind, NoticeKind::Resolved);
    let expected = "\
RESOLVED: the outage of AWS sign-in (SSO OIDC) in eu-central-1 is over. It lasted 25 minutes.
The latest failure was at 08:25 UTC; confirmed over at 08:30 UTC.

Since:     2027-01-15 08:00:00 UTC
Latest:    2027-01-15 08:25:00 UTC
Lasted:    25 minutes
Over:      confirmed at 2027-01-15 08:30:00 UTC
Callers:   3
Incident:  eu-central-1-20270115T080100Z (notice 2)

Why
- 9 calls of 4 callers were served

What to do now
1. Start again what was stopped";
    assert_eq!(notice.mail().get(..expected.len()), Some(expected), "{}", notice.mail());
    has(&notice.mail(), &["works again in eu-central-1"]);
    let tool = resolved(Diagnosis::OneTool, &proved(1800)).mail();
    has(
        &tool,
        &[
            "RESOLVED: the trouble with the tool acme-login 3.0 in eu-central-1 is over. It lasted 25 minutes.",
            "Signing in with the tool acme-login 3.0 works again.",
        ],
    );
}

#[test]
fn what_only_silence_ends_is_not_called_proved() {
    let notice = resolved(Diagnosis::Outage, &given_up(44_700));
    let subject = "Quiet, not confirmed: outage of AWS sign-in (SSO OIDC) in eu-central-1 after 25 minutes";
    assert_eq!(notice.subject, subject);
    has(
        &notice.mail(),
        &[
            "QUIET, NOT CONFIRMED: the outage of AWS sign-in (SSO OIDC) in eu-central-1 is not seen any more. It lasted 25 \
             minutes.\nThe latest failure was at 08:25 UTC. Only the silence since then says that it is over.",
            "Over:      not confirmed; taken as over at 2027-01-15 20:25:00 UTC",
            "1. Sign in yourself, once (aws sso login, with Identity Center in eu-central-1), before you call it over.",
            "should work again in eu-central-1",
        ],
    );
}

#[test]
fn what_only_a_probe_saw_lasted_until_its_end() {
    let probed = Verdict { latest: None, ..verdict(Diagnosis::Degraded).hitting(0) };
    let mut life = Life::default();
    life.goes_on(Verdict { probe: Some(RungState::Down), ..probed }, Recovery::default(), 60);
    let notice = life.goes_on(verdict(Diagnosis::Quiet), proved(600), 600);
    assert_eq!(line(&notice.mail(), 1), "No caller was seen to fail; confirmed over at 08:10 UTC.");
    has(&notice.mail(), &["It lasted 10 minutes.", "Lasted:    10 minutes"]);
}

#[test]
fn users_are_told_whose_fault_it_is_only_where_the_service_says_so() {
    let text = |probe, unanswered| opened(&Verdict { probe, unanswered, ..verdict(Diagnosis::Outage) }).mail();
    let confirmed = text(Some(RungState::Down), 0);
    has(&confirmed, &["AWS's sign-in service answers with errors"]);
    assert!(!confirmed.contains("Sign in yourself"), "{confirmed}");
    for probe in [None, Some(RungState::Unknown), Some(RungState::Unexpected), Some(RungState::Healthy)] {
        has(&text(probe, 1), &["We are finding out why.", "1. Sign in yourself, once"]);
    }
    has(&text(None, 2), &["1. Check your own way to the service first", "2. Sign in yourself, once"]);
}

#[test]
fn a_refused_sign_in_is_not_blamed_on_the_service_or_on_users() {
    let key = opened(&verdict(Diagnosis::Misconfigured)).mail();
    has(&key, &["1. Look at the KMS key", "the service answers KMS_DisabledException", "a setting of our own"]);
    assert!(!key.contains("usual causes") && !key.contains("probe"), "{key}");

    let concern = Concern::Admin { label: 9, name: "AccessDeniedException".to_owned(), key: false };
    let policy = opened(&Verdict { concern, ..verdict(Diagnosis::Misconfigured) }).mail();
    has(&policy, &["1. Look at what may refuse with AccessDeniedException", "service control policies"]);

    let surge = opened(&verdict(Diagnosis::Suspected)).mail();
    has(&surge, &["bad deployment of the service", "Do not register every client anew", "Please do not delete caches"]);
}

#[test]
fn each_advice_says_what_to_do_and_why() {
    let told = ADVISED.map(|diagnosis| Notice::of_advice(&region(), &advised(diagnosis), at(60)));
    let expected = [
        (
            "Throttling of AWS sign-in (SSO OIDC) in eu-central-1",
            "1. Slow aws-cli/2.31.0 at 192.0.2.7 down to 10 calls a second (half of the published quota of 20 a second for \
             RegisterClient)",
        ),
        ("One caller fails at AWS sign-in (SSO OIDC) in eu-central-1", "Ask that caller to sign in anew"),
        ("No view of AWS sign-in (SSO OIDC) in eu-central-1", "DNS for oidc.eu-central-1.amazonaws.com"),
        ("Late news of failures of AWS sign-in (SSO OIDC) in eu-central-1", "why it came so late"),
        ("AWS Health tells of an issue of AWS sign-in (SSO OIDC) in eu-central-1", "Read the issue"),
        ("Events not believed about AWS sign-in (SSO OIDC) in eu-central-1", "If you know the source"),
    ];
    for (notice, (subject, step)) in told.iter().zip(expected) {
        assert_eq!(notice.subject, subject);
        assert_eq!((notice.kind, notice.sequence, &notice.incident), (NoticeKind::Advice, 1, &None));
        has(&notice.mail(), &["ADVICE: ", "Told:      once in 1 d", "Why\n- ", &notice.reasons[0], step]);
        assert!(!notice.mail().contains(['{', '}']), "{}", notice.mail());
    }
    let of_nobody = Notice::of_advice(&region(), &Advised { talking: None, ..advised(Diagnosis::Throttling) }, at(60));
    has(&of_nobody.mail(), &["1. Slow the tool down to half of the quota: 10 RegisterClient calls a second"]);
}

#[test]
fn the_same_advice_has_the_same_id_within_its_quiet_time_only() {
    let id = |advised: &Advised, second| Notice::of_advice(&region(), advised, at(second)).id;
    let advised = advised(Diagnosis::Throttling);
    let first = id(&advised, 0);
    assert!(first.starts_with("advice-eu-central-1-throttling-"), "{first}");
    assert_eq!(first, id(&advised, 3600));
    assert_ne!(first, id(&advised, 86_400));
    assert_ne!(first, id(&Advised { key: "another".to_owned(), ..advised.clone() }, 0));
}

#[test]
fn an_incident_that_was_over_before_it_was_told_is_told_in_one_notice() {
    let first = opened(&verdict(Diagnosis::Outage));
    let last = resolved(Diagnosis::Outage, &proved(1800));
    let merged = last.clone().after(std::slice::from_ref(&first));
    assert_eq!(
        (&merged.id, merged.sequence, merged.kind, merged.severity),
        (&last.id, 2, NoticeKind::Resolved, Severity::Page)
    );
    assert_eq!(merged.subject, "Began and resolved: outage of AWS sign-in (SSO OIDC) in eu-central-1 after 25 minutes");
    assert_eq!(merged.reasons, ["9 calls of 4 callers were served"]);
    assert_eq!((merged.merged.count, &merged.merged.reasons), (1, &first.reasons));
    assert_eq!(line(&merged.mail(), 0), line(&last.mail(), 0), "the verdict stays in the first line");
    assert_eq!(line(&merged.mail(), 1), "It began and was over before its beginning was told for certain.");
    has(
        &merged.mail(),
        &[
            "What would have been told\n- 2027-01-15 08:01:00 UTC Outage of AWS sign-in (SSO OIDC) in eu-central-1: 3 callers hit",
            "Why it was opened\n- the reason for outage",
        ],
    );
    assert_eq!(last.clone().after(&[]), last);
}

#[test]
fn what_a_storm_held_back_is_told_in_one_notice_with_a_count() {
    let verdict = verdict(Diagnosis::Outage);
    let change = |change: &str| later(NoticeKind::Changed, Diagnosis::Outage, &verdict, &[change], 120);
    let reminder = later(NoticeKind::Reminder, Diagnosis::Outage, &verdict, &[], 4000);
    let merged = reminder.after(&[change("RegisterClient fails too"), change("AWS Health confirms it")]);
    assert_eq!((merged.kind, merged.merged.count), (NoticeKind::Changed, 2), "that something changed is told as such");
    assert!(merged.subject.ends_with(" (3 notices in one)"), "{}", merged.subject);
    has(
        &merged.mail(),
        &[
            "2 notices before it were not told by themselves",
            "CHANGED: RegisterClient fails too.\n- 2027-01-15 08:02:00 UTC CHANGED: AWS Health confirms it.",
        ],
    );
    assert!(!merged.mail().contains("Why it was opened"));
    let again = merged.clone().after(std::slice::from_ref(&merged));
    assert_eq!(again.merged.count, 3, "and those that were told by the one before it count too");
}

#[test]
fn several_advices_in_one_notice_name_the_reason_of_each() {
    let told = |reason: &str| {
        let advised = Advised { reasons: vec![reason.to_owned()], ..advised(Diagnosis::OneCaller) };
        Notice::of_advice(&region(), &advised, at(60))
    };
    let merged = told("ana fails").after(&[told("ben fails"), told("eva fails")]);
    assert_eq!(merged.reasons, ["ben fails", "eva fails", "ana fails"]);
    assert!(merged.subject.ends_with("(3 notices in one)"));
}

#[test]
fn an_alarm_that_came_and_went_untold_changes_nothing_at_a_paging_service() {
    let first = opened(&verdict(Diagnosis::Outage));
    let last = resolved(Diagnosis::Outage, &proved(1800));
    assert_eq!((first.alarm, last.alarm), (Some(Alarm::Alarm), Some(Alarm::Ok)));
    assert_eq!(last.clone().after(std::slice::from_ref(&first)).alarm, None);
    let quiet = Notice { alarm: None, ..first.clone() };
    assert_eq!(last.clone().after(std::slice::from_ref(&quiet)).alarm, Some(Alarm::Ok));
    assert_eq!(quiet.clone().after(&[last.clone(), first.clone()]).alarm, None, "back, and still the alarm it was");
    assert_eq!(last.after(&[first.clone(), quiet, Notice { alarm: Some(Alarm::Ok), ..first }]).alarm, None);
}

#[test]
fn the_alarm_of_a_paging_service_agrees_with_its_subject() {
    for (notice, state, old) in [
        (opened(&verdict(Diagnosis::Outage)), "ALARM", "OK"),
        (resolved(Diagnosis::Outage, &proved(1800)), "OK", "ALARM"),
    ] {
        let (subject, message) = pager::render(&notice, &testing::place()).unwrap();
        let alarm: serde_json::Value = serde_json::from_str(&message).unwrap();
        let incident = "eu-central-1-20270115T080100Z";
        assert_eq!(subject, format!("{state}: \"{incident}\" in eu-central-1"));
        for (field, value) in [
            ("AlarmName", incident),
            ("NewStateValue", state),
            ("OldStateValue", old),
            ("AWSAccountId", "111122223333"),
            ("Region", "eu-central-1"),
            ("AlarmArn", &format!("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:{incident}")),
        ] {
            assert_eq!(alarm[field], value, "{field}");
        }
    }
    assert_eq!(pager::render(&opened(&verdict(Diagnosis::Suspected)), &testing::place()), None, "that is no page");
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
fn what_the_version_before_left_in_the_outbox_is_still_told() {
    let notice: Notice = serde_json::from_str(OF_VERSION_1).unwrap();
    assert_eq!((&notice.scope, notice.recovering, notice.impact.about), (&None, false, false));
    assert_eq!(notice.impact.callers, 12);
    has(&notice.mail(), &["Lasted:    42 minutes\nOver:      confirmed at 2027-01-15 08:42:00 UTC\nCallers:   12\n"]);
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
    let probes = select(&[None, Some(RungState::Down), Some(RungState::Healthy), Some(RungState::Unexpected)][..]);
    (select(&TOLD[..]), texts(), texts(), texts(), hostile(), 0..5000_usize, probes, any::<bool>(), hostile_scope())
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
    prop_assert!(mail.lines().filter(|line| *line == "What to do now").count() == 1, "{mail}");
    prop_assert!(!mail.contains("://evil"), "{mail}");

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
        let ours = |word: &str| word.starts_with(place::HEALTH_PAGE) || word.contains(".console.aws.amazon.com/");
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
            told.push(Notice::of_incident(kind, &incident, &verdict, &changes, at(4000)).recovering(&incident));
            told.push(Notice::of_incident(kind, &incident, &verdict, &changes, at(4000)));
        }
        incident.resolved_at = Some(at(3000));
        let recovery = Recovery { over_at: Some(at(3000)), reasons: verdict.reasons.clone(), ..Recovery::default() };
        let last = Notice::of_recovery(&incident, &recovery, at(4000));
        told.push(last.clone().after(&told));
        told.push(last);
        let talking = Talking { who, quota: 20, calls: "RegisterClient" };
        for diagnosis in ADVISED {
            let reasons = verdict.reasons.clone();
            let advised = Advised { diagnosis, key: key.clone(), quiet_for: Duration::MAX, reasons, talking: Some(talking.clone()) };
            told.push(Notice::of_advice(&region, &advised, at(4000)));
        }
        for notice in &told {
            is_fit_for_every_reader(notice)?;
            is_fit_for_every_reader(&notice.clone().shortened(1))?;
            prop_assert!(notice.reasons.len() <= REASONS_MAX);
            prop_assert!(notice.reasons.iter().all(|reason| !reason.contains('\n') && reason.len() <= REASON_MAX));
        }
    }
}
