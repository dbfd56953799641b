use std::time::{Duration, Instant};

use triage_decide::verdict::Diagnosis;
use triage_decode::decode;
use triage_model::problem::ProblemName;

use crate::answer::Action;
use crate::handled::{Handled, Invocation};
use crate::memory::MemoryStore;
use crate::pipeline::Pipeline;
use crate::service::Nobody;
use crate::settings::Settings;

use super::*;

const DIRECT: &str = "arn:aws:lambda:eu-central-1:111122223333:function:triage:direct";
const HOME: &str = "eu-central-1";
const DAY: i64 = 24 * 60 * 60;

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Identity Center is in one region, and an operator said so.
fn pipeline() -> Pipeline<MemoryStore, Nobody, Nobody> {
    Pipeline::offline(Settings::read(|name| (name == "OIDC_TRIAGE_REGION").then(|| HOME.to_owned())).unwrap())
}

fn handle(pipeline: &Pipeline<MemoryStore, Nobody, Nobody>, payload: &str, second: i64, arn: &str) -> Handled {
    let deadline = Instant::now() + Duration::from_secs(28);
    let invocation = Invocation { id: "made-up".into(), invoked_arn: arn.to_owned(), now: at(second), deadline };
    pipeline.evaluate_at_once(decode(payload, &pipeline.setting(at(second), arn)), &invocation)
}

fn record(region: &str, second: i64) -> String {
    format!(
        r#"{{"detail-type":"AWS API Call via CloudTrail","source":"aws.sso","detail":{{"eventSource":"sso.amazonaws.com",
           "eventName":"CreateToken","awsRegion":"{region}","errorCode":"InternalServerException","eventTime":"{}",
           "eventID":"v-{region}-{second}","requestID":"r-{region}-{second}"}}}}"#,
        at(second)
    )
}

/// A line of an application that says where it failed.
fn line(region: &str, second: i64) -> String {
    format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"/app","logStream":"s","subscriptionFilters":["f"],
           "logEvents":[{{"id":"{region}{second}","timestamp":{},"message":"POST https://oidc.{region}.amazonaws.com/token: 500 InternalServerException"}}]}}"#,
        at(second).as_millisecond()
    )
}

fn doubts(handled: &Handled) -> u64 {
    handled.answer.problems.count(ProblemName::SourceNotBelieved)
}

#[test]
fn a_region_that_only_a_line_names_is_answered_and_no_more() {
    let pipeline = pipeline();
    let handled = handle(&pipeline, &line("eu-west-3", 0), 5, "");
    let failure = &handled.answer.failures[0];
    assert_eq!((failure.region.as_ref().map(Region::as_str), failure.action), (Some("eu-west-3"), Action::Ignored));
    assert_eq!(doubts(&handled), 1);
    assert!(handled.evaluations.keys().all(|region| region.as_str() == HOME), "{:?}", handled.evaluations.keys());

    let handled = handle(&pipeline, &line(HOME, 6), 10, "");
    assert_eq!((handled.answer.failures[0].action, doubts(&handled)), (Action::Recorded, 0));
}

#[test]
fn what_aws_reported_is_believed_until_a_week_without_evidence() {
    let pipeline = pipeline();
    handle(&pipeline, &record("eu-west-3", 0), 5, "");
    for (second, action) in [(60, Action::Recorded), (6 * DAY, Action::Recorded), (14 * DAY, Action::Ignored)] {
        let handled = handle(&pipeline, &line("eu-west-3", second), second + 5, "");
        assert_eq!(handled.answer.failures[0].action, action, "after {second} s");
    }
    handle(&pipeline, &record("eu-west-3", 14 * DAY + 60), 14 * DAY + 65, "");
    let handled = handle(&pipeline, &line("eu-west-3", 14 * DAY + 70), 14 * DAY + 75, "");
    assert_eq!(handled.answer.failures[0].action, Action::Recorded);
}

#[test]
fn a_record_handed_over_directly_reports_no_region() {
    let pipeline = pipeline();
    handle(&pipeline, &record("eu-west-3", 0), 5, DIRECT);
    assert_eq!(doubts(&handle(&pipeline, &line("eu-west-3", 6), 10, "")), 1);
}

#[test]
fn a_history_says_by_itself_which_regions_it_is_of() {
    let pipeline = Pipeline::of_a_history(Settings::read(|_| None).unwrap());
    let handled = handle(&pipeline, &line("eu-west-3", 0), 5, "");
    assert_eq!((handled.answer.failures[0].action, doubts(&handled)), (Action::Recorded, 0));
}

#[test]
fn operators_hear_of_it_once_a_day_however_many_are_named() {
    let pipeline = pipeline();
    let mut notices = Vec::new();
    let regions = ["eu-west-1", "eu-west-2", "ap-south-1"];
    for (index, region) in regions.iter().cycle().take(90).enumerate() {
        notices.extend(handle(&pipeline, &line(region, index as i64), index as i64 + 1, "").notices);
    }
    notices.extend(handle(&pipeline, &line("eu-west-1", DAY + 60), DAY + 61, "").notices);
    assert_eq!(notices.iter().map(|notice| notice.diagnosis).collect::<Vec<_>>(), [Diagnosis::Unbelieved; 2]);
    assert_eq!(notices[0].region.as_str(), HOME);
    assert!(notices[0].reasons[0].contains("OIDC_TRIAGE_REGIONS does not name it"), "{:?}", notices[0].reasons);
}

#[test]
fn a_direct_invocation_gets_it_in_the_answer_and_nobody_is_notified() {
    let handled = handle(&pipeline(), &record(HOME, 0), 5, DIRECT);
    assert_eq!((doubts(&handled), handled.notices.len()), (1, 0));
}
