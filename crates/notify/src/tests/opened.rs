//! The first notice of an incident, and advice notices.

use triage_decide::testing::verdicts::region;
use triage_decide::verdict::when_found;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::grant::Grant;

use super::*;
use crate::testing::{later, only, opened};

#[test]
fn the_first_two_lines_decide_then_come_steps_users_and_evidence() {
    let notice = opened(&verdict(Diagnosis::Outage));
    assert_eq!(notice.id, "eu-central-1-20270115T080100Z-1");
    assert_eq!((notice.sequence, notice.severity), (1, Severity::Page));
    assert_eq!(notice.subject, "AWS sign-in OUTAGE eu-central-1 - 3 of 4 people");
    let mail = notice.mail();
    let expected = "\
AWS sign-in OUTAGE in eu-central-1: 3 of 4 people cannot sign in.
Looks like AWS, not you. Not confirmed: the service was not probed.

Do now
1. Sign in yourself once (aws sso login): no probe confirms it.
2. ";
    assert!(mail.starts_with(expected), "{mail}");
    has(
        &mail,
        &[
            "\n\nFor your users\nSigning in to AWS",
            "\n\nEvidence
Started:   2027-01-15 08:00:00 UTC
Latest:    2027-01-15 08:00:02 UTC
Failed:    3 calls: InternalServerException (3)
Operation: CreateToken (3)
Affected:  3 of 4 people: ana@example.com, ben@example.com, eva@example.com
Tools:     aws-cli/2.31.0 (2), Boto3/1.40 (1)
Incident:  eu-central-1-20270115T080100Z (notice 1)

Reasons
- the reason for outage
",
            "\nservice outage or maintenance:\n  for:     something\n  against: something else\n",
            "\nthrottling behind a 500:\n",
            "\ninvalid input answered with a 500:\n",
            "- 2027-01-15 08:00:02 UTC request-2 CreateToken InternalServerException",
        ],
    );
    let at = |part: &str| mail.find(part).unwrap();
    assert!(
        at("Do now") < at("For your users")
            && at("For your users") < at("Evidence")
            && at("Evidence") < at("\nLinks\n")
    );
}

#[test]
fn each_incident_has_a_title_and_a_first_line_of_its_own() {
    let shown = NOTIFIED.map(|diagnosis| {
        let notice = opened(&verdict(diagnosis));
        (notice.subject.clone(), line(&notice.mail(), 0).to_owned())
    });
    let expected = [
        (
            "AWS sign-in OUTAGE eu-central-1 - 3 of 4 people",
            "AWS sign-in OUTAGE in eu-central-1: 3 of 4 people cannot sign in.",
        ),
        (
            "AWS sign-in DEGRADED eu-central-1 - 3 of 4 people",
            "AWS sign-in DEGRADED in eu-central-1: 3 of 4 people cannot sign in.",
        ),
        (
            "AWS sign-in MISCONFIGURED eu-central-1 - 3 of 4 people",
            "AWS sign-in MISCONFIGURED in eu-central-1: your KMS key is disabled; 3 of 4 people are refused.",
        ),
        (
            "AWS sign-in SUSPECTED OUTAGE eu-central-1 - 3 of 4 people",
            "AWS sign-in SUSPECTED OUTAGE in eu-central-1: 3 of 4 people are refused with InvalidRequestException of \
             CreateToken.",
        ),
        (
            "AWS sign-in TOOL FAILS (acme-login 3.0) eu-central-1 - 3 of 4 people",
            "AWS sign-in TOOL FAILS (tool acme-login 3.0) in eu-central-1: 3 of 4 people cannot sign in.",
        ),
        (
            "AWS sign-in NETWORK FAILS (192.0.2.7) eu-central-1 - 3 of 4 people",
            "AWS sign-in NETWORK FAILS (network 192.0.2.7) in eu-central-1: 3 of 4 people cannot sign in.",
        ),
        (
            "AWS sign-in APPLICATION FAILS (apl-1) eu-central-1 - 3 of 4 people",
            "AWS sign-in APPLICATION FAILS (application apl-1) in eu-central-1: 3 of 4 people cannot sign in.",
        ),
        (
            "AWS sign-in ACCOUNT FAILS (444455556666) eu-central-1 - 3 of 4 people",
            "AWS sign-in ACCOUNT FAILS (account 444455556666) in eu-central-1: 3 of 4 people cannot sign in.",
        ),
    ];
    assert_eq!(shown.each_ref().map(|(subject, first)| (subject.as_str(), first.as_str())), expected);
}

#[test]
fn the_second_line_says_whose_fault_it_looks_like_and_what_is_not_known() {
    let second = |verdict: Verdict| line(&opened(&verdict).mail(), 1).to_owned();
    let outage =
        |probe, unanswered, health| second(Verdict { probe, unanswered, health, ..verdict(Diagnosis::Outage) });
    for (said, expected) in [
        (outage(Some(StepState::Down), 0, false), "Looks like AWS: a probe of the service fails too."),
        (
            outage(Some(StepState::Healthy), 0, false),
            "Not clear whose fault: a probe works, so only some calls fail, or it is your own network.",
        ),
        (outage(None, 0, false), "Looks like AWS, not you. Not confirmed: the service was not probed."),
        (
            outage(Some(StepState::Unknown), 0, false),
            "Looks like AWS, not you. Not confirmed: the probe got no clear answer.",
        ),
        (
            outage(None, 3, false),
            "Not clear whose fault: most calls got no answer, which may be your own network; the service was not probed.",
        ),
        (
            outage(Some(StepState::Down), 0, true),
            "It is AWS: AWS Health has an open issue about it. A probe of the service fails too.",
        ),
        (second(verdict(Diagnosis::Misconfigured)), "Looks like your own KMS key, not AWS."),
        (
            second(verdict(Diagnosis::OneTool)),
            "Looks like the tool acme-login 3.0, not AWS: callers with other tools are served.",
        ),
        (
            second(verdict(Diagnosis::OneNetwork)),
            "Looks like the network 192.0.2.7, not AWS: callers elsewhere are served.",
        ),
        (
            second(verdict(Diagnosis::OneApplication)),
            "Looks like the application apl-1, not AWS: other applications are served.",
        ),
        (
            second(verdict(Diagnosis::OneAccount)),
            "Looks like the account 444455556666, not AWS: other accounts are served.",
        ),
        (
            second(verdict(Diagnosis::Suspected)),
            "Looks like AWS: so many callers cannot all have made the same mistake. Not known: whether you rolled out a \
             change yourselves.",
        ),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn who_is_affected_is_called_people_only_where_all_of_them_are() {
    let head = |verdict: Verdict| opened(&verdict).impact.head_count();
    assert_eq!(head(verdict(Diagnosis::Outage)), "3 of 4 people");
    assert_eq!(head(Verdict { people: false, ..verdict(Diagnosis::Outage) }), "3 of 4 callers");
    assert_eq!(head(Verdict { seen: BTreeMap::new(), ..verdict(Diagnosis::Outage) }), "3 people");
    assert_eq!(head(Verdict { people: false, ..verdict(Diagnosis::Outage).hitting(1) }), "1 of 2 callers");
    assert_eq!(head(Verdict { seen: BTreeMap::new(), ..verdict(Diagnosis::Outage).hitting(1) }), "1 person");
}

#[test]
fn an_incident_that_only_a_probe_sees_does_not_speak_of_callers() {
    let verdict = Verdict {
        probe: Some(StepState::Down),
        reasons: vec!["down twice".to_owned()],
        ..verdict(Diagnosis::Degraded).hitting(0)
    };
    let notice = opened(&verdict);
    assert_eq!(notice.subject, "AWS sign-in DEGRADED eu-central-1 - a probe fails");
    has(
        &notice.mail(),
        &["AWS sign-in DEGRADED in eu-central-1: a probe fails; no caller has failed yet.\nLooks like AWS: a probe of"],
    );
    assert!(!notice.mail().contains("Affected:"));
}

#[test]
fn where_it_fails_is_in_the_subject_in_the_first_line_and_among_the_facts() {
    use Operation::{CreateToken, RegisterClient, StartDeviceAuthorization};
    let shown = |verdict: Verdict| {
        let notice = opened(&verdict);
        (notice.subject.clone(), line(&notice.mail(), 0).to_owned(), notice.scope.clone().unwrap())
    };
    let (subject, first, scope) = shown(only(verdict(Diagnosis::Outage), &[StartDeviceAuthorization]));
    assert_eq!(subject, "AWS sign-in OUTAGE (StartDeviceAuthorization) eu-central-1 - 3 of 4 people");
    has(&first, &["AWS sign-in OUTAGE (StartDeviceAuthorization) in eu-central-1: 3"]);
    assert_eq!(scope.in_words().as_deref(), Some("StartDeviceAuthorization"));

    let (subject, first, _) = shown(only(verdict(Diagnosis::Degraded), &[RegisterClient, StartDeviceAuthorization]));
    assert_eq!(
        subject, "AWS sign-in DEGRADED (2 operations) eu-central-1 - 3 of 4 people",
        "there is no room for both"
    );
    has(&first, &["(RegisterClient and StartDeviceAuthorization) in eu-central-1"]);

    let refreshes = only(verdict(Diagnosis::Degraded), &[CreateToken]);
    let refreshes =
        Verdict { scope: Scope { grant: Some(Grant::RefreshToken), ..refreshes.scope.clone() }, ..refreshes };
    let subject = "AWS sign-in DEGRADED (CreateToken with refresh_token) eu-central-1 - 3 of 4 people";
    assert_eq!(shown(refreshes).0, subject);

    let tool = opened(&only(verdict(Diagnosis::OneTool), &[CreateToken]));
    has(&tool.mail(), &["\nScope:     CreateToken; tool acme-login/3.0\n"]);

    let key = Verdict { scope: verdict(Diagnosis::OneApplication).scope, ..verdict(Diagnosis::Misconfigured) };
    assert_eq!(shown(key).0, "AWS sign-in MISCONFIGURED (application apl-1) eu-central-1 - 3 of 4 people");
}

#[test]
fn one_tool_names_tool_and_version_and_what_to_do_about_it() {
    let fails = opened(&verdict(Diagnosis::OneTool)).mail();
    has(&fails, &["1. Roll the tool acme-login 3.0 back to the version before", "Open no AWS Support case yet"]);
    let refused = Verdict { concern: verdict(Diagnosis::Suspected).concern, ..verdict(Diagnosis::OneTool) };
    has(
        &opened(&refused).mail(),
        &[
            "3 of 4 people are refused with InvalidRequestException of CreateToken.",
            "1. Ask who runs the tool acme-login 3.0: it is refused with InvalidRequestException of CreateToken.",
            "show the affected callers to your security team",
            "2. Roll the tool acme-login 3.0 back",
            "Signing in with the tool acme-login 3.0 is failing.",
        ],
    );
}

#[test]
fn a_key_that_refuses_has_its_state_its_name_what_mends_it_and_who_did_it_and_nothing_about_aws_support() {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1b2c3d4e-1111-2222-3333-444455556666";
    let refuses = |name: &str, kms_key: Option<&str>| {
        let concern = Concern::Admin { label: 7, name: name.to_owned(), key: true };
        opened(&Verdict { concern, kms_key: kms_key.map(str::to_owned), ..verdict(Diagnosis::Misconfigured) }).mail()
    };
    for (name, state, mends, event) in [
        ("KMS_DisabledException", "is disabled", "aws kms enable-key", "DisableKey"),
        ("KMS_InvalidStateException", "is pending deletion", "aws kms cancel-key-deletion", "ScheduleKeyDeletion"),
        ("KMS_AccessDeniedException", "denies access", "aws kms get-key-policy", "PutKeyPolicy"),
        ("KMS_NotFoundException", "does not exist", "aws kms describe-key", "ScheduleKeyDeletion"),
    ] {
        let mail = refuses(name, Some(key));
        has(&mail, &[&format!("your KMS key {state}"), &format!("\n   {mends} --key-id {key}")]);
        has(
            &mail,
            &[&format!(
                "lookup-events --max-items 5 --region eu-central-1 --lookup-attributes AttributeKey=EventName,AttributeValue={event}"
            )],
        );
        has(&mail, &["a setting of our own"]);
        assert!(!mail.contains("Support") && !mail.contains("AWS Health") && !mail.contains("probe"), "{mail}");
        has(&refuses(name, None), &["2. Find the KMS key (KEY in the commands)", "--key-id KEY"]);
    }
}

#[test]
fn a_policy_of_ones_own_and_a_surge_are_not_blamed_on_users() {
    let concern = Concern::Admin { label: 9, name: "AccessDeniedException".to_owned(), key: false };
    let policy = opened(&Verdict { concern, ..verdict(Diagnosis::Misconfigured) }).mail();
    has(&policy, &["1. Check what refuses with AccessDeniedException", "service control policies"]);
    let surge = opened(&verdict(Diagnosis::Suspected)).mail();
    has(&surge, &["bad deployment of the service", "Do not register clients again", "Please do not delete caches"]);
}

#[test]
fn users_read_that_aws_fails_only_where_the_service_says_so() {
    let text = |probe, unanswered| opened(&Verdict { probe, unanswered, ..verdict(Diagnosis::Outage) }).mail();
    let confirmed = text(Some(StepState::Down), 0);
    has(&confirmed, &["AWS's sign-in service answers with errors"]);
    assert!(!confirmed.contains("Sign in yourself"), "{confirmed}");
    for probe in [None, Some(StepState::Unknown), Some(StepState::Unexpected), Some(StepState::Healthy)] {
        has(&text(probe, 1), &["We are finding out why.", "1. Sign in yourself once"]);
    }
    has(&text(None, 2), &["1. Check your own network first"]);
}

#[test]
fn each_notice_of_an_open_incident_says_how_it_began_whatever_is_seen_now() {
    let opening = "3 of 4 callers failed in 2 s; by chance alone once in 300 years".to_owned();
    let began = Verdict {
        opening: Some(opening.clone()),
        reasons: vec![opening.clone(), "most are affected".to_owned()],
        ..verdict(Diagnosis::Outage)
    };
    let incident = incident(&began);
    let reasons = |verdict: &Verdict, changes: &[String]| {
        Notice::of_incident(NoticeKind::Reminder, &incident, verdict, changes, clock(3660)).reasons
    };
    assert_eq!(reasons(&began, &[]), [opening.as_str(), "most are affected"], "once");
    let change = ["AWS Health confirms it".to_owned()];
    for diagnosis in [Diagnosis::Quiet, Diagnosis::Throttling, Diagnosis::Misconfigured] {
        let now = format!("the reason for {}", diagnosis.as_str());
        assert_eq!(reasons(&verdict(diagnosis), &change), [change[0].as_str(), &when_found(&opening), &now]);
    }
}

#[test]
fn a_number_that_is_an_estimate_says_so_to_every_reader() {
    let verdict = Verdict { victims_about: 4000, ..verdict(Diagnosis::Outage) };
    let notice = opened(&verdict);
    assert_eq!((notice.impact.callers, notice.impact.about, notice.impact.seen), (4000, true, None));
    has(&notice.subject, &[" - about 4000 people"]);
    has(
        &notice.mail(),
        &[
            ": about 4000 people cannot sign in.",
            "Affected:  about 4000 people: ana@example.com, ben@example.com, eva@example.com and others",
        ],
    );
    has(&sms::render(&notice, &testing::place()), &["about 4000 people"]);
    has(&serde_json::to_string(&chat::render(&notice, &testing::place())).unwrap(), &[r#""callers":"about 4000""#]);
}

#[test]
fn each_advice_says_whose_fault_it_looks_like_what_to_do_and_why() {
    let notices = ADVISED.map(|diagnosis| Notice::of_advice(&region(), &advised(diagnosis), clock(60)));
    let expected = [
        (
            "THROTTLED",
            "Looks like a tool of yours",
            "1. Slow aws-cli/2.31.0 at 192.0.2.7 down to 10 calls a second (half of the published quota of 20 a second for \
             RegisterClient)",
        ),
        (
            "ONE CALLER FAILS",
            "Looks like that caller's own set-up",
            "1. Have that caller delete its cached registration",
        ),
        ("NOT PROBED", "Looks like this function's own network", "DNS for oidc.eu-central-1.amazonaws.com"),
        ("LATE EVENTS", "Not known: whether sign-in works now", "why the events came late"),
        ("HEALTH ISSUE", "AWS reports it.", "1. Read the issue"),
        ("UNTRUSTED EVENTS", "Looks like a missing setting", "1. If you know the source"),
    ];
    for (notice, (name, fault, step)) in notices.iter().zip(expected) {
        let tool = if name == "THROTTLED" { " - aws-cli/2.31.0" } else { "" };
        assert_eq!(notice.subject, format!("Advice: AWS sign-in {name} eu-central-1{tool}"));
        assert_eq!((notice.kind, notice.sequence, &notice.incident), (NoticeKind::Advice, 1, &None));
        let mail = notice.mail();
        has(line(&mail, 0), &[&format!("AWS sign-in {name} in eu-central-1: ")]);
        has(line(&mail, 1), &[fault]);
        has(&mail, &["Next:      in 1 d at the earliest", "Reasons\n- ", &notice.reasons[0], step]);
        assert!(!mail.contains(['{', '}']), "{mail}");
    }
    let of_nobody =
        Notice::of_advice(&region(), &Advised { talking: None, ..advised(Diagnosis::Throttling) }, clock(60));
    has(&of_nobody.mail(), &["1. Slow the tool down to half of the quota: 10 RegisterClient calls a second"]);
}

#[test]
fn the_same_advice_has_the_same_id_within_its_quiet_time_only() {
    let id = |advised: &Advised, second| Notice::of_advice(&region(), advised, clock(second)).id;
    let advised = advised(Diagnosis::Throttling);
    let first = id(&advised, 0);
    assert!(first.starts_with("advice-eu-central-1-throttling-"), "{first}");
    assert_eq!(first, id(&advised, 3600));
    assert_ne!(first, id(&advised, 86_400));
    assert_ne!(first, id(&Advised { key: "another".to_owned(), ..advised.clone() }, 0));
}

#[test]
fn a_first_line_in_the_past_says_that_calls_failed() {
    let notice = later(NoticeKind::Reminder, Diagnosis::Outage, &verdict(Diagnosis::Outage), &[], 4000);
    let mut incident = incident(&verdict(Diagnosis::Outage));
    incident.sequence = 2;
    let recovering = notice.recovering(&incident, clock(4000));
    assert_eq!(recovering.headline[0], "AWS sign-in OUTAGE in eu-central-1: 3 of 4 people could not sign in.");
}
