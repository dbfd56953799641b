use std::collections::BTreeSet;

use serde_json::json;
use triage_decide::calls::{Calls, Window, Windows};
use triage_decide::objective::Target;
use triage_decide::policy::Policy;
use triage_decide::testing::verdicts::{at, verdict};
use triage_decide::verdict::Diagnosis;
use triage_model::caller::CallerHash;
use triage_model::classify::{Cause, classify};
use triage_model::observation::Failure;
use triage_model::problem::ProblemName;

use super::*;
use crate::telemetry::testing::{facts, incident, nothing, probe, region};

fn written(handled: &Handled) -> Value {
    let region = region("eu-central-1");
    serde_json::to_value(line(&facts(&region), handled, at(30))).unwrap()
}

/// What was emitted, by name.
fn emitted(handled: &Handled) -> Value {
    let region = region("eu-central-1");
    serde_json::to_value(values(&facts(&region), handled, at(30))).unwrap()
}

#[test]
fn the_table_has_each_name_once_and_the_names_are_those_that_are_written() {
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    assert!(names.iter().all(|name| (1..=255).contains(&name.len())) && METRICS.len() <= 100);
    let last = Name::Ticks;
    assert_eq!(METRICS.len(), last as usize + 1);
    assert_eq!(
        (json!(last), json!(last.metric().unit)),
        (json!(last.metric().name), json!(last.metric().unit.as_str()))
    );
}

#[test]
fn a_document_has_the_one_dimension_and_names_what_it_holds() {
    let mut handled = nothing();
    handled.kind = InputKind::Schedule;
    handled.measured.ticks = 1;
    handled.evaluations.insert(region("us-east-1"), verdict(Diagnosis::Quiet).into());
    handled.measured.deciding = Duration::from_micros(250);
    let wanted = json!({
        "timestamp": "2027-01-15T08:00:30.000Z", "level": "INFO", "requestId": "made-up-request", "kind": "schedule",
        "regions": ["us-east-1"], "Region": "eu-central-1",
        "IncidentsOpen": 0, "NoticesPending": 0, "DecisionTime": 0.25, "Ticks": 1,
        "_aws": {
            "Timestamp": 1_800_000_030_000_i64,
            "CloudWatchMetrics": [{
                "Namespace": "oidc-triage", "Dimensions": [["Region"]],
                "Metrics": [
                    {"Name": "IncidentsOpen", "Unit": "Count"}, {"Name": "NoticesPending", "Unit": "Count"},
                    {"Name": "DecisionTime", "Unit": "Milliseconds"}, {"Name": "Ticks", "Unit": "Count"},
                ],
            }],
        },
    });
    assert_eq!(written(&handled), wanted);
}

#[test]
fn an_ordinary_tick_stays_within_the_free_tier() {
    let mut handled = nothing();
    handled.measured.ticks = 1;
    handled.evaluations.insert(region("eu-central-1"), verdict(Diagnosis::Quiet).into());
    let home = region("eu-central-1");
    handled.probes.insert(home.clone(), probe(&home, at(0), StepState::Healthy, 30));
    let names: Vec<_> = emitted(&handled).as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        names,
        ["DecisionTime", "IncidentsOpen", "NoticesPending", "ProbeLatency", "ProbesHealthy", "Ticks"],
        "six of ten"
    );
}

#[test]
fn the_share_of_calls_that_worked_is_of_all_regions_and_unknown_where_one_could_not_be_read() {
    let mut handled = nothing();
    assert_eq!(Objective::together(handled.objectives.values()), None);
    for (name, served, failed) in [("us-east-1", 900, 0), ("eu-central-1", 60, 40)] {
        let window = |served, failed| Window { from: at(0), until: at(60), calls: Calls { served, failed } };
        let (hour, day) = (window(0, 0), window(served, failed));
        let windows = Windows { hour, day, month: window(10 * served, failed) };
        let objective = Objective { target: Target::of(&Policy::default()), windows };
        handled.objectives.insert(region(name), objective);
    }
    // Nobody called in the last hour.
    assert_eq!(emitted(&handled), json!({"CallsWorkedDay": 96.0, "CallsWorkedMonth": 9600.0 / 9640.0 * 100.0}));
    handled.answer.problems.note(ProblemName::StoreUnavailable, "timeout");
    assert_eq!(emitted(&handled), json!({"StoreErrors": 1}));
}

#[test]
fn an_event_without_content_emits_nothing() {
    assert_eq!(emitted(&nothing()), json!({}));
    assert_eq!(written(&nothing())["_aws"]["CloudWatchMetrics"][0]["Metrics"], json!([]));
}

#[test]
fn new_failures_are_counted_by_cause() {
    let mut handled = nothing();
    for (cause, times) in Cause::ALL.into_iter().zip(1..) {
        (0..times).for_each(|_| handled.answer.counts.add(cause, false));
        handled.answer.counts.add(cause, true);
    }
    let (values, causes) = (emitted(&handled), Cause::ALL.len() as u64);
    let counts: BTreeSet<_> = values.as_object().unwrap().values().filter_map(Value::as_u64).collect();
    assert_eq!(counts, (1..=causes).collect());
    assert_eq!((&values["FailuresExpected"], &values["FailuresUnrecognised"]), (&json!(1), &json!(causes)));
}

#[test]
fn callers_are_those_of_the_region_that_has_the_most() {
    let mut handled = nothing();
    handled.evaluations.insert(region("eu-central-1"), verdict(Diagnosis::Isolated).hitting(2).into());
    handled.evaluations.insert(region("us-east-1"), verdict(Diagnosis::Outage).hitting(7).into());
    assert_eq!(emitted(&handled)["CallersHit"], 7);
    handled.evaluations.values_mut().for_each(|evaluation| evaluation.region.callers = 0);
    assert_eq!(emitted(&handled).get("CallersHit"), None);
}

#[test]
fn only_a_tick_says_that_no_incident_is_open_and_no_notice_waits() {
    let (mut handled, home) = (nothing(), region("eu-central-1"));
    handled.answer.incidents.push(incident(&home, IncidentState::Resolved));
    assert_eq!(emitted(&handled), json!({}));
    handled.measured.ticks = 1;
    assert_eq!(emitted(&handled), json!({"IncidentsOpen": 0, "NoticesPending": 0, "Ticks": 1}));
    handled.measured.ticks = 0;
    handled.answer.incidents.push(incident(&home, IncidentState::Open));
    handled.measured.notices_pending = 2;
    assert_eq!(emitted(&handled), json!({"IncidentsOpen": 1, "NoticesPending": 2}));
}

#[test]
fn a_retried_call_is_one_however_many_attempts_it_took() {
    let failure = Failure {
        id: "made-up-failure".into(),
        event_id: None,
        request_id: None,
        origin: triage_model::observation::Origin::Call,
        region: None,
        is_region_assumed: false,
        operation: None,
        code: None,
        inner_code: None,
        status: Some(500),
        message: None,
        reason: None,
        grant_type: None,
        no_answer: false,
        caller: triage_model::caller::Caller::Unknown,
        client_id: None,
        user_agent: None,
        address: None,
        occurred_at: at(0),
        request: None,
        account: None,
        program: None,
        replayed: false,
        answer_only: false,
    };
    let reported = |action, outcome| FailureReport {
        action,
        outcome,
        attempts: 4,
        ..FailureReport::new(&failure, &classify(&failure), CallerHash::from_bits(1))
    };
    let mut handled = nothing();
    handled.answer.failures = vec![
        reported(Action::Retried, Some(Outcome::Recovered)),
        reported(Action::Retried, Some(Outcome::StillFailing)),
        reported(Action::Retried, Some(Outcome::Unknown)),
        reported(Action::Probed, Some(Outcome::Recovered)),
    ];
    assert_eq!(emitted(&handled), json!({"RetriesTried": 3, "RetriesCured": 1}));
}

#[test]
fn only_probes_of_this_invocation_are_counted_by_their_worst_answer() {
    let mut handled = nothing();
    let probes = [
        ("ap-south-1", at(-15), StepState::Down, 5),
        ("eu-central-1", at(0), StepState::Healthy, 30),
        ("eu-west-1", at(0), StepState::Down, 10),
        ("sa-east-1", at(0), StepState::Unexpected, 40),
        ("us-east-1", at(0), StepState::Unknown, 50),
        ("us-west-2", at(0), StepState::Down, 60),
    ];
    for (name, at, answer, latency) in probes {
        handled.probes.insert(region(name), probe(&region(name), at, answer, latency));
    }
    let wanted = json!({
        "ProbesHealthy": 1, "ProbesDown": 2, "ProbesUnexpected": 1, "ProbesUnknown": 1,
        "ProbeLatency": [30.0, 20.0, 40.0, 50.0, 60.0],
    });
    assert_eq!(emitted(&handled), wanted);
    handled.probes.retain(|region, _| region.as_str() == "us-west-2");
    assert_eq!(emitted(&handled), json!({"ProbesDown": 1, "ProbeLatency": 60.0}));
}

#[test]
fn a_metric_has_no_more_values_than_the_format_allows() {
    let mut handled = nothing();
    for n in 0..130 {
        let region = region(&format!("made-up-{n}"));
        handled.probes.insert(region.clone(), probe(&region, at(0), StepState::Healthy, 30));
    }
    let values = emitted(&handled);
    assert_eq!((values["ProbeLatency"].as_array().unwrap().len(), &values["ProbesHealthy"]), (100, &json!(130)));
    assert!(serde_json::to_string(&written(&handled)).unwrap().len() < 256 * 1024);
}

#[test]
fn notices_and_ages_are_as_measured() {
    let mut handled = nothing();
    handled.measured.notices_sent = 2;
    handled.measured.notices_failed = 1;
    handled.measured.notices_pending = 1;
    handled.measured.oldest_pending = Some(at(-90));
    handled.measured.newest_observation = Some(at(-10));
    let wanted = json!({
        "NoticesSent": 2, "NoticesFailed": 1, "NoticesPending": 1, "NoticeAge": 120.0, "ObservationAge": 10.0,
    });
    assert_eq!(emitted(&handled), wanted);
    handled.measured.newest_observation = Some(at(5));
    assert_eq!(emitted(&handled)["ObservationAge"], 0.0, "of a clock that is ahead");
}

#[test]
fn problems_are_counted_where_input_was_lost_or_the_table_not_had() {
    let mut handled = nothing();
    for name in [
        ProblemName::GzipTruncated,
        ProblemName::JsonInvalid,
        ProblemName::JsonInvalid,
        ProblemName::StoreUnavailable,
        ProblemName::OwnProbe,
        ProblemName::BatchEmpty,
    ] {
        handled.answer.problems.note(name, "made up");
    }
    assert_eq!(emitted(&handled), json!({"UndecodableInput": 3, "StoreErrors": 1}));
}

#[test]
fn time_to_decide_is_emitted_where_a_region_was_evaluated() {
    let mut handled = nothing();
    handled.measured.deciding = Duration::from_millis(3);
    assert_eq!(emitted(&handled), json!({}));
    handled.evaluations.insert(region("eu-central-1"), verdict(Diagnosis::Quiet).into());
    assert_eq!(emitted(&handled), json!({"DecisionTime": 3.0}));
}

#[test]
fn the_line_passes_whatever_level_lambda_lets_through() {
    let region = region("eu-central-1");
    let levels = [
        (Level::ERROR, "ERROR"),
        (Level::WARN, "WARN"),
        (Level::INFO, "INFO"),
        (Level::DEBUG, "INFO"),
        (Level::TRACE, "INFO"),
    ];
    for (level, wanted) in levels {
        let facts = InvocationFacts { level, ..facts(&region) };
        assert_eq!(line(&facts, &nothing(), at(0)).level, wanted);
    }
}
