//! Streaks of answers and what they prove.

use std::time::Duration;

use Operation::{CreateToken, RegisterClient, StartDeviceAuthorization};
use StepState::{Down, Healthy, Unexpected, Unknown};
use triage_model::fault::Fault;

use super::*;
use crate::probe::{Control, ProbeStep};
use crate::testing::region;

/// So many seconds after noon.
fn at(seconds: i64) -> Timestamp {
    "2026-11-22T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn answer(seconds: i64, steps: &[(Operation, StepState)]) -> ProbeAnswer {
    let step = |&(operation, answer)| ProbeStep { operation, answer, fault: None, latency: Duration::ZERO };
    ProbeAnswer { region: region("us-east-1"), at: at(seconds), steps: steps.iter().map(step).collect(), control: None }
}

/// What is kept of CreateToken after these answers, one every 20 seconds.
fn after(answers: &[StepState]) -> StepRecord {
    let mut record = ProbeRecord::default();
    for (index, &one) in answers.iter().enumerate() {
        record.add(&answer(20 * index as i64, &[(CreateToken, one)]));
    }
    record.steps.remove(&CreateToken).unwrap_or_default()
}

fn kept(down: Option<(i64, i64)>, healthy: (u32, Option<i64>, Option<i64>)) -> StepRecord {
    StepRecord {
        down_since: down.map(|(since, _)| at(since)),
        down_last: down.map(|(_, last)| at(last)),
        healthy_times: healthy.0,
        healthy_since: healthy.1.map(at),
        healthy_last: healthy.2.map(at),
    }
}

#[test]
fn streaks_of_answers_are_kept_as_they_are_meant() {
    const NEVER: (u32, Option<i64>, Option<i64>) = (0, None, None);
    let table: [(&[StepState], StepRecord); 14] = [
        (&[Unexpected, Unknown], kept(None, NEVER)),
        // Also of a step that never was down.
        (&[Healthy, Unknown, Healthy], kept(None, (2, Some(0), Some(40)))),
        (&[Healthy, Unexpected, Unknown], kept(None, (0, None, Some(0)))),
        (&[Healthy, Down], kept(Some((20, 20)), NEVER)),
        (&[Down, Down, Down], kept(Some((0, 40)), NEVER)),
        // Neither is news, and neither ends the streak.
        (&[Down, Unknown, Unexpected, Down], kept(Some((0, 60)), NEVER)),
        (&[Down, Down, Healthy], kept(Some((0, 20)), (1, Some(40), Some(40)))),
        (&[Down, Healthy, Healthy, Healthy], kept(Some((0, 0)), (3, Some(20), Some(60)))),
        (&[Down, Healthy, Unknown, Healthy], kept(Some((0, 0)), (2, Some(20), Some(60)))),
        (&[Down, Healthy, Healthy, Down], kept(Some((60, 60)), NEVER)),
        (&[Down, Healthy, Down, Healthy], kept(Some((40, 40)), (1, Some(60), Some(60)))),
        // The proof begins anew.
        (&[Down, Healthy, Healthy, Unexpected], kept(Some((0, 0)), (0, None, Some(40)))),
        (&[Down, Healthy, Unexpected, Healthy], kept(Some((0, 0)), (1, Some(60), Some(60)))),
        // It was healthy between: another streak.
        (&[Down, Healthy, Unexpected, Down], kept(Some((60, 60)), NEVER)),
    ];
    for (answers, wanted) in table {
        assert_eq!(after(answers), wanted, "{answers:?}");
    }
}

#[test]
fn a_down_of_long_ago_begins_no_streak() {
    for (later, since) in [(2 * 60 * 60, 0), (2 * 60 * 60 + 1, 2 * 60 * 60 + 1)] {
        let mut record = ProbeRecord::default();
        record.add(&answer(0, &[(CreateToken, Down)]));
        record.add(&answer(later, &[(CreateToken, Down)]));
        assert_eq!(record.steps[&CreateToken], kept(Some((since, later)), (0, None, None)));
    }
}

#[test]
fn each_step_is_kept_by_itself_and_one_that_was_not_asked_as_it_is() {
    let mut record = ProbeRecord::default();
    record.add(&answer(0, &[(StartDeviceAuthorization, Down)]));
    record.add(&answer(20, &[(StartDeviceAuthorization, Healthy), (CreateToken, Down)]));
    record.add(&answer(40, &[(StartDeviceAuthorization, Unexpected)]));
    assert_eq!(record.steps[&CreateToken], kept(Some((20, 20)), (0, None, None)));
    assert_eq!(record.steps[&StartDeviceAuthorization], kept(Some((0, 0)), (0, None, Some(20))));
    assert_eq!(record.latest, Some(answer(40, &[(StartDeviceAuthorization, Unexpected)])));
}

fn registration(made_at: i64) -> Registration {
    Registration {
        client_id: format!("client-{made_at}"),
        client_secret: Secret::new("secret-1"),
        made_at: at(made_at),
    }
}

#[test]
fn a_registration_made_after_the_failures_confirms_registering_with_each_healthy_probe() {
    let mut record = ProbeRecord::default();
    record.add(&answer(0, &[(RegisterClient, Down), (CreateToken, Healthy)]));
    record.register(registration(60));
    record.add(&answer(60, &[(RegisterClient, Healthy), (CreateToken, Healthy)]));
    record.add(&answer(120, &[(CreateToken, Healthy)]));
    // A service that is not well elsewhere proves nothing of this step.
    record.add(&answer(150, &[(CreateToken, Unknown)]));
    record.add(&answer(180, &[(CreateToken, Healthy)]));
    assert_eq!(record.steps[&RegisterClient], kept(Some((0, 0)), (3, Some(60), Some(180))));
}

#[test]
fn a_registration_made_before_the_failures_confirms_nothing() {
    let mut record = ProbeRecord::default();
    record.register(registration(-60));
    record.add(&answer(0, &[(RegisterClient, Down)]));
    record.add(&answer(60, &[(CreateToken, Healthy)]));
    assert_eq!(record.steps[&RegisterClient], kept(Some((0, 0)), (0, None, None)));
}

#[test]
fn a_registration_proves_nothing_of_a_step_that_no_probe_saw_down() {
    let mut record = ProbeRecord::default();
    record.register(registration(-60));
    record.add(&answer(0, &[(StartDeviceAuthorization, Healthy), (CreateToken, Healthy)]));
    assert_eq!(record.steps.keys().copied().collect::<Vec<_>>(), [StartDeviceAuthorization, CreateToken]);
    record.add(&answer(60, &[(RegisterClient, Healthy), (CreateToken, Healthy)]));
    record.add(&answer(120, &[(CreateToken, Healthy)]));
    assert_eq!(record.steps[&RegisterClient], kept(None, (1, Some(60), Some(60))));
}

#[test]
fn one_more_registration_may_be_made_after_five_minutes_whichever_clock_made_the_last() {
    let five = 5 * 60;
    let record = ProbeRecord { registration: Some(registration(0)), ..ProbeRecord::default() };
    for (now, may) in [(0, false), (five - 1, false), (five, true), (1 - five, false), (-five, true)] {
        assert_eq!(record.may_register_again(at(now)), may, "{now}");
    }
    assert!(ProbeRecord::default().may_register_again(at(0)));
}

#[test]
fn a_registration_is_of_its_day_whichever_clock_made_it() {
    let day = 24 * 60 * 60;
    let record = ProbeRecord { registration: Some(registration(0)), ..ProbeRecord::default() };
    for (now, usable) in [(0, true), (day - 1, true), (day, false), (-5, true), (-day, false)] {
        assert_eq!(record.usable_registration(at(now)).is_some(), usable, "{now}");
    }
}

#[test]
fn a_registration_is_given_up_once_a_day() {
    let mut record = ProbeRecord { registration: Some(registration(0)), ..ProbeRecord::default() };
    assert!(record.renew(at(10)));
    assert_eq!((&record.registration, record.renewed_at), (&None, Some(at(10))));
    record.registration = Some(registration(10));
    assert!(!record.renew(at(24 * 60 * 60 + 9)));
    assert_eq!(record.registration, Some(registration(10)));
    assert!(record.renew(at(24 * 60 * 60 + 10)));
}

#[test]
fn the_latest_client_ids_are_remembered() {
    let mut record = ProbeRecord::default();
    for made_at in (0..24).chain([1, 24, 25]) {
        record.register(registration(made_at));
    }
    let wanted: Vec<_> = (3..24).chain([1, 24, 25]).map(|made_at| format!("client-{made_at}")).collect();
    assert_eq!(record.own_client_ids, wanted);
}

#[test]
fn a_registration_too_long_to_be_real_is_none() {
    let made = |id: usize, secret: usize| Registration::new(&"i".repeat(id), &"s".repeat(secret), at(0)).is_some();
    assert!(made(1, REGISTRATION_MAX - 1) && !made(1, REGISTRATION_MAX));
    assert!(made(CLIENT_ID_MAX, 1) && !made(CLIENT_ID_MAX + 1, 1));
    assert!(!made(0, 1));
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let mut record = ProbeRecord::default();
    record.register(registration(0));
    let mut found = answer(0, &[(CreateToken, Down), (RegisterClient, Healthy)]);
    found.steps[0].fault = Some(Fault { no_answer: true, ..Fault::default() });
    found.steps[0].latency = Duration::from_millis(1500);
    found.control = Some(Control { region: region("us-west-2"), works: true });
    record.add(&found);
    record.renewed_at = Some(at(3));
    let text = serde_json::to_string(&record).unwrap();
    assert!(text.contains("secret-1"), "the next sandbox needs it");
    assert!(!format!("{record:?}").contains("secret-1"));
    assert_eq!(serde_json::from_str::<ProbeRecord>(&text).unwrap(), record);
    assert_eq!(serde_json::from_str::<ProbeRecord>("{}").ok(), None);
}
