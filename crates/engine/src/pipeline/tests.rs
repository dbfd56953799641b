use std::time::{Duration, Instant};

use triage_decide::verdict::when_found;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_decode::decode;
use triage_notify::notice::{Notice, NoticeKind};

use super::*;
use crate::answer::Action;
use crate::handled::Measured;
use crate::settings::Settings;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A pipeline without a network.
fn pipeline(variables: &[(&str, &str)]) -> Pipeline<MemoryStore, Nobody, Nobody> {
    let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Pipeline::offline(Settings::read(variable).unwrap())
}

fn handle(pipeline: &Pipeline<MemoryStore, Nobody, Nobody>, payload: &str, now: Timestamp) -> Handled {
    let deadline = Instant::now() + Duration::from_secs(28);
    let invocation = Invocation { id: "invocation-1".into(), invoked_arn: String::new(), now, deadline };
    pipeline.evaluate_at_once(decode(payload, &pipeline.setting(now, "")), &invocation)
}

fn failed(user: &str, second: i64, code: &str) -> String {
    format!(
        r#"{{"detail-type":"AWS API Call via CloudTrail","source":"aws.sso","id":"e-{user}-{second}","detail":{{
           "eventSource":"sso.amazonaws.com","eventName":"CreateToken","awsRegion":"us-east-1","errorCode":"{code}",
           "eventTime":"{}","eventID":"v-{user}-{second}","requestID":"r-{user}-{second}",
           "userAgent":"{user}@example.com/1.0 aws-cli/2.31.0",
           "userIdentity":{{"onBehalfOf":{{"userId":"{user}"}}}}}}}}"#,
        at(second)
    )
}

fn failing(user: &str, second: i64) -> String {
    failed(user, second, "InternalServerException")
}

/// A call through a registered client: whom the record names depends on its form.
fn through(client: &str, identity: &str, second: i64, code: Option<&str>) -> String {
    let error = code.map(|code| format!(r#""errorCode":"{code}","#)).unwrap_or_default();
    format!(
        r#"{{"eventSource":"sso.amazonaws.com","eventName":"CreateToken","awsRegion":"us-east-1",{error}
           "eventTime":"{}","requestID":"r-{client}-{second}","sourceIPAddress":"203.0.113.7",
           "requestParameters":{{"clientId":"{client}","grantType":"refresh_token"}},"userIdentity":{identity}}}"#,
        at(second)
    )
}

const UNKNOWN: &str = r#"{"type":"Unknown","accountId":"1","principalId":"1"}"#;
const BEFORE_2025: &str = r#"{"type":"Unknown","accountId":"1","principalId":"1","userName":"ana"}"#;
const FAILS: Option<&str> = Some("InternalServerException");

fn person(id: &str) -> String {
    format!(r#"{{"type":"IdentityCenterUser","onBehalfOf":{{"userId":"{id}"}}}}"#)
}

#[test]
fn a_person_is_one_caller_whether_a_record_names_it_or_only_its_client() {
    let callers = |payloads: &[String]| -> usize {
        let pipeline = pipeline(&[]);
        let reports = payloads.iter().flat_map(|payload| handle(&pipeline, payload, at(100)).answer.failures);
        reports.map(|report| report.caller).collect::<std::collections::BTreeSet<_>>().len()
    };
    let [ana, ben] = [person("ana-id"), person("ben-id")];
    let unnamed = |second| through("c", UNKNOWN, second, FAILS);
    for identity in [UNKNOWN, BEFORE_2025] {
        let less = |second| through("c", identity, second, FAILS);
        let named = |second| through("c", &ana, second, FAILS);
        // In any order, in one batch or in several.
        assert_eq!(callers(&[format!("[{},{}]", less(1), named(2))]), 1);
        assert_eq!(callers(&[less(1), named(2), less(3)]), 1);
        assert_eq!(callers(&[named(1), less(2)]), 1);
        assert_eq!(callers(&[through("c", &ana, 1, None), less(2), named(3)]), 1);
    }
    assert_eq!(callers(&[unnamed(1), through("c", BEFORE_2025, 2, FAILS), through("c", &ana, 3, FAILS)]), 1);
    // A client of two people stands for neither; and another client is another person's.
    assert_eq!(
        callers(&[format!("[{},{},{}]", unnamed(1), through("c", &ana, 2, FAILS), through("c", &ben, 3, FAILS))]),
        3
    );
    assert_eq!(callers(&[unnamed(1), through("d", &ana, 2, FAILS)]), 2);
}

#[test]
fn a_person_who_failed_unnamed_is_well_again_when_its_client_is_served() {
    let hit = |served: &str| {
        let pipeline = pipeline(&[]);
        handle(&pipeline, &through("c", UNKNOWN, 1, FAILS), at(1));
        handle(&pipeline, served, at(40));
        let handled = handle(&pipeline, &through("d", &person("ben-id"), 50, FAILS), at(50));
        let evaluation = handled.evaluations.values().next().unwrap();
        evaluation.verdicts().map(|verdict| verdict.callers).max()
    };
    assert_eq!(hit(&through("c", &person("ana-id"), 40, None)), Some(1));
    assert_eq!(hit(&through("e", &person("ana-id"), 40, None)), Some(2));
}

#[test]
fn what_is_not_read_when_the_time_is_up_is_named_and_the_answer_gets_out() {
    let pipeline = pipeline(&[]);
    let payload = format!("[{},{}]", failing("ana", 0), failing("ben", 1));
    for (left, failures) in [(Duration::ZERO, 0), (Duration::from_secs(28), 2)] {
        let invocation = Invocation {
            id: "invocation-1".into(),
            invoked_arn: String::new(),
            now: at(10),
            deadline: Instant::now() + left,
        };
        let handled = pipeline.handle(&payload, &invocation).now_or_never().expect("nothing in memory waits");
        assert_eq!(handled.answer.failures.len(), failures);
        let notices = handled.answer.problems.iter().any(|(_, _, detail)| detail == "2 events of a list were not read");
        assert_eq!(notices, failures == 0, "{:?}", handled.answer.problems);
    }
}

#[test]
fn callers_that_failed_an_hour_apart_are_no_outage_though_one_comes_late() {
    let pipeline = pipeline(&[]);
    handle(&pipeline, &failing("ana", 3000), at(3000));
    handle(&pipeline, &failing("ben", 1500), at(3000));
    let late = handle(&pipeline, &failing("eva", 0), at(3010));
    assert_eq!(late.answer.failures[0].action, Action::Recorded);
    assert!(late.notices.is_empty(), "{:#?}", late.evaluations);
}

#[test]
fn an_outage_of_an_hour_ago_is_seen_when_its_last_failure_comes_late_beside_a_fresh_one() {
    let pipeline = pipeline(&[]);
    for (second, user) in [(100, "ana"), (110, "ben"), (120, "leo"), (200, "mia")] {
        handle(&pipeline, &failing(user, second), at(3000));
    }
    let both = format!("[{},{}]", failing("eva", 0), failing("kai", 3000));
    let late = handle(&pipeline, &both, at(3010));
    let [notice] = late.notices.as_slice() else { panic!("{:#?}", late.evaluations) };
    assert!(notice.mail().contains("Started:   2027-01-15 08:00:00 UTC"), "{}", notice.mail());
}

#[test]
fn what_is_older_than_an_hour_or_of_an_archive_is_listed_and_not_acted_on() {
    let pipeline = pipeline(&[]);
    let archived = failing("ben", 3599).replacen('{', r#"{"replay-name":"again","#, 1);
    for (payload, now) in [(failing("ana", 0), at(3601)), (archived, at(3600))] {
        let handled = handle(&pipeline, &payload, now);
        assert_eq!((handled.answer.failures[0].action, handled.answer.counts.service), (Action::Ignored, 1));
        assert!(handled.notices.is_empty() && handled.answer.incidents.is_empty());
    }
}

#[test]
fn failures_of_a_clock_far_ahead_count_as_now() {
    let pipeline = pipeline(&[]);
    let ahead = [("ana", 0), ("ben", 86_400), ("eva", 9_999_999), ("kai", 9_999), ("leo", 99_999)];
    let all: Vec<String> = ahead.map(|(user, second)| failing(user, second)).into();
    let all = format!("[{}]", all.join(","));
    let handled = handle(&pipeline, &all, at(10));
    assert_eq!(handled.notices.len(), 1);
    assert!(handled.notices[0].mail().contains("Latest:    2027-01-15 08:00:10 UTC"));
}

#[test]
fn duplicates_are_listed_in_their_place_and_counted_apart() {
    let pipeline = pipeline(&[]);
    let refused = failed("kai", 1, "InvalidGrantException");
    let all = format!("[{},{refused},{},{refused}]", failing("ana", 0), failing("ana", 0));
    let answer = handle(&pipeline, &all, at(10)).answer;
    let actions: Vec<Action> = answer.failures.iter().map(|failure| failure.action).collect();
    assert_eq!(actions, [Action::Recorded, Action::Advised, Action::Duplicate, Action::Duplicate]);
    assert_eq!((answer.counts.service, answer.counts.request, answer.counts.duplicate), (1, 1, 2));
}

#[test]
fn a_hashed_name_is_nowhere() {
    let pipeline = pipeline(&[("OIDC_TRIAGE_CALLER_NAMES", "hashed")]);
    let users = ["annabel", "benedikt", "evangeline", "konstantin", "leonore"];
    let all: Vec<String> = users.iter().map(|user| failing(user, 0).replace(&format!("r-{user}-0"), "r-1")).collect();
    let all: Vec<String> = (0..).zip(all).map(|(n, event)| event.replace("r-1", &format!("r-{n}"))).collect();
    let handled = handle(&pipeline, &format!("[{}]", all.join(",")), at(10));
    let [notice] = handled.notices.as_slice() else { panic!("{:#?}", handled.evaluations) };
    let notices = format!("{} {} {:?}", notice.subject, notice.mail(), handled.answer.incidents);
    assert!(!users.iter().any(|user| notices.contains(user)), "{notices}");
    assert!(notice.mail().contains(&handled.answer.failures[0].caller.to_string()), "{notices}");
}

#[test]
fn an_outage_of_two_hours_ago_out_of_a_backlog_is_reported_once_as_late_and_out_of_an_archive_not() {
    let users = ["ana", "ben", "eva", "kai", "leo", "mia"];
    let backlog: Vec<String> = (0..).zip(users).map(|(n, user)| failing(user, n)).collect();
    let archived: Vec<String> =
        backlog.iter().map(|event| event.replacen('{', r#"{"replay-name":"again","#, 1)).collect();
    let pipeline = pipeline(&[]);
    let notices = handle(&pipeline, &format!("[{}]", archived.join(",")), at(7200));
    assert!(notices.notices.is_empty());
    let mut notices = Vec::new();
    for event in &backlog {
        notices.extend(handle(&pipeline, event, at(7300)).notices);
    }
    notices.extend(handle(&pipeline, &failing("zoe", 9), at(7400)).notices);
    let [notice] = notices.as_slice() else { panic!("{notices:#?}") };
    assert_eq!((notice.diagnosis, notice.incident.as_deref()), (Diagnosis::Late, None));
    assert_eq!(notice.severity, Severity::Info);
}

#[test]
fn an_incident_opens_once_is_resolved_by_served_calls_and_what_comes_late_from_before_changes_nothing() {
    let pipeline = pipeline(&[]);
    let mut kinds = Vec::new();
    for (second, user) in (0..).zip(["ana", "ben", "eva", "kai", "leo", "mia"]) {
        let handled = handle(&pipeline, &failing(user, second), at(second));
        kinds.extend(handled.notices.into_iter().map(|notice| notice.kind));
    }
    assert_eq!(kinds, [NoticeKind::Opened]);
    // Before a minute is over two of them are served: nobody is paged.
    for second in (40..480).step_by(10) {
        let user = if second % 20 == 0 { "ana" } else { "ben" };
        let served = failing(user, second).replace(r#""errorCode":"InternalServerException","#, "");
        let handled = handle(&pipeline, &served, at(second));
        kinds.extend(handled.notices.into_iter().map(|notice| notice.kind));
    }
    assert_eq!(kinds, [NoticeKind::Opened, NoticeKind::Resolved]);
    let straggler = handle(&pipeline, &failing("zoe", 30), at(500));
    assert_eq!(straggler.answer.failures[0].action, Action::Recorded);
    assert!(straggler.notices.is_empty() && straggler.answer.incidents.is_empty());
}

/// The notices of calls, one after the other: caller, time, and how it failed (served where there is no code).
fn live(pipeline: &Pipeline<MemoryStore, Nobody, Nobody>, calls: &[(&str, i64, Option<&str>)]) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (user, second, code) in calls {
        let event = match code {
            Some(code) => failed(user, *second, code),
            None => failing(user, *second).replace(r#""errorCode":"InternalServerException","#, ""),
        };
        notices.extend(handle(pipeline, &event, at(*second)).notices);
    }
    notices
}

#[test]
fn a_key_that_is_disabled_after_an_outage_is_reported_as_what_it_is_and_the_outage_not_again() {
    const USERS: [&str; 6] = ["ana", "ben", "eva", "kai", "leo", "mia"];
    let pipeline = pipeline(&[]);
    let mut calls: Vec<_> =
        USERS.into_iter().zip(0..).map(|(user, n)| (user, n, Some("InternalServerException"))).collect();
    calls.extend((4..48).map(|n| (USERS[n as usize % 2], 10 * n, None)));
    let notices = live(&pipeline, &calls);
    let kinds: Vec<NoticeKind> = notices.iter().map(|notice| notice.kind).collect();
    assert_eq!(kinds, [NoticeKind::Opened, NoticeKind::Resolved]);
    let mut notices = Vec::new();
    for (user, second) in [("ana", 2000), ("zoe", 2003), ("kai", 2006)] {
        let refused = failed(user, second, "InvalidRequestException").replacen(
            "errorCode",
            r#"errorMessage":"KMS_DisabledException: it is disabled","errorCode"#,
            1,
        );
        notices.extend(handle(&pipeline, &refused, at(second)).notices);
    }
    let [notice] = notices.as_slice() else { panic!("{notices:#?}") };
    assert_eq!((notice.kind, notice.diagnosis), (NoticeKind::Opened, Diagnosis::Misconfigured));
    assert!(notice.mail().contains("KMS key") && notice.mail().contains("KMS_DisabledException"), "{}", notice.mail());
}

/// The notices of these users, each refused a second after the one before, with what the record has beside its code.
fn refused(users: &[&str], code: &str, more: &str) -> Vec<Notice> {
    let pipeline = pipeline(&[]);
    let mut notices = Vec::new();
    for (user, second) in users.iter().zip(0..) {
        let event = failed(user, second, code).replacen(r#""errorCode""#, &format!(r#"{more},"errorCode""#), 1);
        assert!(event.contains(more));
        let handled = handle(&pipeline, &event, at(second));
        assert_eq!(handled.answer.counts.admin, 1, "{:#?}", handled.answer);
        notices.extend(handled.notices);
    }
    notices
}

#[test]
fn two_callers_whom_a_key_refuses_are_an_incident_that_names_the_key_and_what_mends_it() {
    for (more, command) in [
        (
            r#""errorMessage":"User: ana is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/1b2c""#,
            "aws kms get-key-policy --key-id arn:aws:kms:us-east-1:111122223333:key/1b2c --policy-name default",
        ),
        (r#""errorMessage":"KMSDisabledException: the key is disabled""#, "aws kms enable-key --key-id KEY"),
        (r#""additionalEventData":{"reason":"KMS_DisabledException"}"#, "aws kms enable-key --key-id KEY"),
    ] {
        assert_eq!(refused(&["ana"], "AccessDeniedException", more), [], "one is not enough: {more}");
        let notices = refused(&["ana", "ben"], "AccessDeniedException", more);
        let [notice] = notices.as_slice() else { panic!("{more} {notices:#?}") };
        assert_eq!((notice.kind, notice.diagnosis), (NoticeKind::Opened, Diagnosis::Misconfigured));
        let mail = notice.mail();
        assert!(mail.contains(command), "{mail}");
        assert!(!mail.contains("service control policies"), "{mail}");
    }
}

#[test]
fn a_refusal_that_only_mentions_a_key_is_reported_at_three_callers_and_as_of_a_policy() {
    for more in [
        r#""errorMessage":"KMS_KEY_ARN is not set, and you are not authorized""#,
        r#""additionalEventData":{"reason":"KMS_KEY_ARN"}"#,
        r#""errorMessage":"not authorized to perform: sso-oauth:CreateTokenWithIAM""#,
    ] {
        assert_eq!(refused(&["ana", "ben"], "NotAuthorized", more), [], "{more}");
        let notices = refused(&["ana", "ben", "eva"], "NotAuthorized", more);
        let [notice] = notices.as_slice() else { panic!("{more} {notices:#?}") };
        assert_eq!(notice.diagnosis, Diagnosis::Misconfigured);
        let mail = notice.mail();
        assert!(mail.contains("service control policies") && !mail.contains("KMS key"), "{mail}");
    }
}

#[test]
fn each_notice_of_an_open_incident_says_how_it_began() {
    let pipeline = pipeline(&[]);
    // It begins with many failures at once, which an hour later nothing shows any more.
    let seconds = (0..300).step_by(10).chain((300..3 * 3600).step_by(90));
    let mut notices = Vec::new();
    for second in seconds {
        notices.extend(handle(&pipeline, &failing(&format!("user-{second}"), second), at(second)).notices);
    }
    let (first, others) = notices.split_first().unwrap();
    assert_eq!(first.kind, NoticeKind::Opened);
    let opening = &first.reasons[0];
    assert!(opening.contains("callers newly affected in"), "{opening}");
    let reminders = others.iter().filter(|notice| notice.kind == NoticeKind::Reminder);
    assert_eq!(reminders.count(), 1, "twice as many callers are reported three times: {notices:#?}");
    for notice in others {
        assert!(notice.reasons.contains(&when_found(opening)), "{notice:#?}");
    }
}

#[test]
fn callers_that_fail_one_by_one_are_an_outage_though_the_first_are_left_out() {
    let pipeline = pipeline(&[]);
    let mut calls = Vec::new();
    for (user, begin) in ["ana", "ben", "eva", "kai", "leo", "mia"].into_iter().zip((0..).step_by(120)) {
        calls.extend((begin..900).step_by(15).map(|second| (user, second, Some("InternalServerException"))));
    }
    calls.extend((7..900).step_by(30).map(|second| ("zoe", second, None)));
    calls.sort_by_key(|(_, second, _)| *second);
    let notices = live(&pipeline, &calls);
    assert!(notices.iter().any(|notice| notice.kind == NoticeKind::Opened), "{notices:#?}");
}

#[test]
fn affected_callers_that_are_served_by_now_count_in_a_late_report() {
    let pipeline = pipeline(&[]);
    let users = ["ana", "ben", "eva", "kai", "leo", "mia"];
    let failures = users.into_iter().zip(0..).map(|(user, n)| failing(user, n));
    let served = users
        .into_iter()
        .zip(60..)
        .map(|(user, n)| failing(user, n).replace(r#""errorCode":"InternalServerException","#, ""));
    let all: Vec<String> = failures.chain(served).collect();
    let handled = handle(&pipeline, &format!("[{}]", all.join(",")), at(120));
    let [notice] = handled.notices.as_slice() else { panic!("{:#?}", handled.evaluations) };
    assert!(notice.mail().contains(": 6 of 6 people cannot sign in."), "{}", notice.mail());
}

#[test]
fn what_the_metrics_need_is_measured() {
    let pipeline = pipeline(&[]);
    let tick = |second| {
        format!(r#"{{"detail-type":"Scheduled Event","source":"aws.events","time":"{}","detail":{{}}}}"#, at(second))
    };
    let archived = failing("eva", 95).replacen('{', r#"{"replay-name":"again","#, 1);
    let served = failing("zoe", 90).replace(r#""errorCode":"InternalServerException","#, "");
    let input = format!("[{},{served},{},{archived},{}]", failing("ana", 80), failing("ben", 70), tick(99));
    let measured = handle(&pipeline, &input, at(100)).measured;
    assert_eq!((measured.newest_observation, measured.ticks), (Some(at(90)), 1));
    assert!(measured.deciding > Duration::ZERO);
    let late = handle(&pipeline, &tick(0), at(1000)).measured;
    assert_eq!(late, Measured::default());
}

/// Lines of an application that name no region, one caller each.
fn lines_without_region(callers: usize, second: i64) -> String {
    let events: Vec<String> = (0..callers)
        .map(|caller| {
            let message = format!(
                "user=u{caller} An error occurred (InternalServerException) when calling the CreateToken operation: "
            );
            format!(
                r#"{{"id":"{caller}-{second}","timestamp":{},"message":"{message}"}}"#,
                at(second + caller as i64).as_millisecond()
            )
        })
        .collect();
    format!(r#"{{"messageType":"DATA_MESSAGE","logGroup":"/app","logEvents":[{}]}}"#, events.join(","))
}

#[test]
fn lines_that_name_no_region_open_nothing_where_only_other_regions_were_seen() {
    let notices = |variables: &[(&str, &str)], before: &[String]| {
        let pipeline = pipeline(variables);
        for payload in before {
            handle(&pipeline, payload, at(10));
        }
        let handled = handle(&pipeline, &lines_without_region(8, 20), at(60));
        let problems = handled.answer.problems.iter().map(|(name, ..)| name).collect::<Vec<_>>();
        let is_open = !handled.answer.incidents.is_empty();
        assert_eq!(problems.contains(&triage_model::problem::ProblemName::RegionAssumed), !is_open, "{problems:?}");
        is_open
    };
    let elsewhere = failing("ana", 5);
    let assumed = ("AWS_REGION", "ca-central-1");
    assert!(!notices(&[assumed], std::slice::from_ref(&elsewhere)));
    // It is the only one there is; or the operator named it; or a call to it was seen.
    assert!(notices(&[assumed], &[]));
    assert!(notices(&[("OIDC_TRIAGE_REGION", "ca-central-1")], std::slice::from_ref(&elsewhere)));
    let here = elsewhere.replace("us-east-1", "ca-central-1").replace("ana", "ben");
    assert!(notices(&[assumed], &[elsewhere, here]));
}

fn served(user: &str, second: i64) -> String {
    let failed = failed(user, second, "");
    failed.replace(r#""errorCode":"","#, "")
}

fn tick(pipeline: &Pipeline<MemoryStore, Nobody, Nobody>, now: Timestamp) -> Handled {
    handle(pipeline, &format!(r#"{{"source":"aws.scheduler","detail-type":"Scheduled Event","time":"{now}"}}"#), now)
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]

    /// A tick that replay skips must be one that would have changed nothing.
    #[test]
    fn a_tick_that_passes_would_have_changed_nothing_else(
        steps in proptest::collection::vec((0_i64..4000, 0_u8..12, 0_u8..5), 1..40)
    ) {
        let pipeline = pipeline(&[]);
        let (mut second, mut passed) = (0, 0);
        for (pause, what, by) in steps {
            second += pause;
            let user = format!("user-{by}");
            match what {
                0 | 1 => drop(handle(&pipeline, &failing(&user, second), at(second))),
                2 => drop(handle(&pipeline, &failed(&user, second, "InvalidGrantException"), at(second))),
                3 => drop(handle(&pipeline, &failed(&user, second, "AccessDeniedException"), at(second))),
                _ => drop(handle(&pipeline, &served(&user, second), at(second))),
            }
            for _ in 0..3 {
                second += 60;
                let forked = pipeline.fork(pipeline.settings.policy.clone());
                let is_passed = pipeline.pass_tick(at(second));
                passed += u32::from(is_passed);
                let handled = tick(&forked, at(second));
                proptest::prop_assert_eq!(handled.measured.ticks, 1);
                if is_passed {
                    proptest::prop_assert!(handled.notices.is_empty() && handled.answer.incidents.is_empty());
                    proptest::prop_assert!(pipeline.is_as_far_as(&forked));
                } else {
                    tick(&pipeline, at(second));
                }
            }
        }
        proptest::prop_assert!(pipeline.late.is_empty() && passed < 1000);
    }
}

#[test]
fn a_quiet_tick_passes_and_one_with_a_failure_in_sight_is_evaluated() {
    let pipeline = pipeline(&[]);
    handle(&pipeline, &served("ana", 0), at(0));
    assert!(pipeline.pass_tick(at(60)) && pipeline.is_calm(0));
    handle(&pipeline, &failed("ben", 65, "InvalidGrantException"), at(65));
    assert!(pipeline.pass_tick(at(66)) && pipeline.is_calm(8) && !pipeline.is_calm(9));
    handle(&pipeline, &failing("ana", 70), at(70));
    assert!(!pipeline.pass_tick(at(120)) && !pipeline.is_calm(0));
    assert!(pipeline.pass_tick(at(70 + 3600 + 120)), "after an hour it is no evidence");
}
