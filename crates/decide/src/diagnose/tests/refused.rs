//! `misconfigured` and `suspected`.

use super::*;

const KMS: &str = "KMS_DisabledException";

fn key_disabled(who: &str, at: i64) -> Fails<'_> {
    Fails { kms: true, ..denied(who, at, KMS) }
}

#[test]
fn one_reason_for_three_callers_is_misconfigured() {
    let mut world = World::new();
    world.fail(denied("ana", 0, "AccessDeniedException")).fail(denied("ben", 10, "AccessDeniedException"));
    assert_eq!(world.diagnosis(20), Diagnosis::Quiet);
    world.fail(denied("eva", 20, "NotAuthorized"));
    assert_eq!(world.diagnosis(20), Diagnosis::Quiet, "another reason");
    world.fail(denied("ben", 30, "AccessDeniedException"));
    assert_eq!(world.diagnosis(30), Diagnosis::Quiet, "the same caller");
    world.fail(denied("eva", 30, "AccessDeniedException"));
    let verdict = world.verdict(30);
    assert_eq!((verdict.diagnosis, verdict.callers, verdict.failures), (Diagnosis::Misconfigured, 3, 4));
    assert_eq!(verdict.since, Some(at(0)));
    let label = hash16("AccessDeniedException");
    assert_eq!(verdict.concern, Concern::Admin { label, name: "AccessDeniedException".into(), key: false });
    assert!(
        says(&verdict, "3 distinct callers were refused within 30 s up to 08:00:30 UTC for one reason: AccessDenied"),
        "{verdict:#?}"
    );
    assert!(
        says(&verdict, "fewer callers were served than refused in the minutes before: 0 against 3"),
        "{verdict:#?}"
    );
}

#[test]
fn a_key_that_refuses_two_callers_is_misconfigured() {
    let mut world = World::new();
    world.fail(key_disabled("ana", 0));
    assert_eq!(world.diagnosis(20), Diagnosis::Quiet);
    world.fail(key_disabled("ben", 10));
    let verdict = world.verdict(20);
    assert_eq!(verdict.diagnosis, Diagnosis::Misconfigured);
    assert_eq!(verdict.concern, Concern::Admin { label: hash16(KMS), name: KMS.into(), key: true });
}

#[test]
fn refusals_for_one_reason_must_come_within_five_minutes() {
    for (last, diagnosis) in [(299, Diagnosis::Misconfigured), (300, Diagnosis::Quiet)] {
        let mut world = World::new();
        world.fail(key_disabled("ana", 0)).fail(key_disabled("ben", last));
        assert_eq!(world.diagnosis(last), diagnosis, "{last}");
        assert_eq!(world.diagnosis(1800), diagnosis, "whenever it is evaluated");
    }
}

#[test]
fn a_key_that_serves_as_many_as_it_refuses_is_not_disabled() {
    for (others, diagnosis) in [(1, Diagnosis::Misconfigured), (2, Diagnosis::Quiet)] {
        let mut world = World::new();
        world.serve_others(others, -200).fail(key_disabled("ana", 0)).fail(key_disabled("ben", 10));
        assert_eq!(world.diagnosis(20), diagnosis, "{others}");
    }
    let mut world = World::new();
    world.serve_others(40, -300).fail(key_disabled("ana", 0)).fail(key_disabled("ben", 10));
    assert_eq!(world.diagnosis(20), Diagnosis::Misconfigured, "they were served before");
}

#[test]
fn of_a_key_that_refuses_three_only_what_was_served_since_speaks_against() {
    for (others, diagnosis) in [(2, Diagnosis::Misconfigured), (3, Diagnosis::Quiet)] {
        let mut world = World::new();
        world.serve_others(40, -10);
        world.fail(key_disabled("ana", 0)).fail(key_disabled("ben", 10)).fail(key_disabled("eva", 20));
        world.serve_others(others, 15);
        let verdict = world.verdict(20);
        assert_eq!(verdict.diagnosis, diagnosis, "{others}");
        let reported = says(&verdict, "fewer callers were served than refused since the first of them: 2 against 3");
        assert_eq!(reported, diagnosis == Diagnosis::Misconfigured, "{verdict:#?}");
    }
    let mut world = World::new();
    world.serve_others(40, -10);
    for name in ["ana", "ben", "eva"] {
        world.fail(denied(name, 10, "AccessDeniedException"));
    }
    assert_eq!(world.diagnosis(20), Diagnosis::Quiet, "of a policy it speaks");
}

#[test]
fn who_is_served_after_all_is_not_refused() {
    let mut world = World::new();
    world.fail(key_disabled("ana", 0)).serve("ana", 0).fail(key_disabled("ben", 10));
    assert_eq!(world.diagnosis(20), Diagnosis::Quiet);
    world.fail(key_disabled("ana", 11));
    assert_eq!(world.diagnosis(20), Diagnosis::Misconfigured, "and refused again");
}

#[test]
fn of_a_large_company_served_calls_count_and_not_only_named_callers() {
    let mut world = World::new();
    world.serve_others(64, 10);
    world.view.evidence.slot_mut(at(0)).calls.values_mut().for_each(|calls| calls.served = 5000);
    for n in 0..100 {
        world.fail(denied(&format!("ana-{n}"), 110, "AccessDeniedException"));
    }
    assert_eq!(world.diagnosis(120), Diagnosis::Quiet, "100 of 5000 lack an assignment");
    world.view.evidence.slot_mut(at(0)).calls.values_mut().for_each(|calls| calls.served = 80);
    let verdict = world.verdict(120);
    assert_eq!(verdict.diagnosis, Diagnosis::Misconfigured);
    assert!(
        says(&verdict, "fewer calls were served than refused in the minutes before: 73 against 100"),
        "{verdict:#?}"
    );
}

#[test]
fn an_open_incident_is_about_its_own_reason_as_long_as_any_caller_is_affected_by_it() {
    let mut world = World::new();
    world.fail(key_disabled("ana", 0)).fail(key_disabled("ben", 10));
    let concern = Concern::Admin { label: hash16(KMS), name: "as it was reported".into(), key: true };
    world.incident(Diagnosis::Misconfigured, concern.clone(), 0, None);
    for name in ["kai", "lea", "tom"] {
        world.fail(denied(name, 900, "AccessDeniedException"));
    }
    let verdict = world.verdict(910);
    assert_eq!((verdict.diagnosis, verdict.callers), (Diagnosis::Misconfigured, 2));
    assert_eq!(verdict.concern, concern);
    assert!(says(&verdict, "also misconfigured: 3 distinct callers were refused"), "{verdict:#?}");
    world.serve("ana", 920).serve("ben", 920);
    world.serve_others(40, 905);
    assert_eq!(world.verdict(930).diagnosis, Diagnosis::Misconfigured, "what was wide enough then stays so");
}

#[test]
fn the_failures_of_an_open_incident_stay_in_sight_when_nothing_holds() {
    let mut world = World::new();
    let concern =
        Concern::Request { label: hash16("Bad"), name: "Bad".into(), operation: Some(Operation::CreateToken) };
    world.fail(refused("ana", 0, "Bad")).serve("ana", 5).incident(Diagnosis::Suspected, concern.clone(), 0, None);
    let verdict = world.verdict(10);
    assert_eq!((verdict.diagnosis, verdict.failures, verdict.concern), (Diagnosis::Quiet, 1, concern));
}

/// So many callers refused with one code, at that time.
fn surge(callers: usize, second: i64) -> World {
    let mut world = World::new();
    for n in 0..callers {
        world.fail(refused(&format!("hit-{n}"), second, "InvalidClientException"));
    }
    world
}

#[test]
fn ten_callers_refused_with_one_code_for_a_minute_are_suspected() {
    assert_eq!(surge(9, 0).diagnosis(60), Diagnosis::Quiet);
    assert_eq!(surge(10, 0).diagnosis(59), Diagnosis::Quiet);
    let verdict = surge(10, 0).verdict(60);
    assert_eq!((verdict.diagnosis, verdict.callers, verdict.since), (Diagnosis::Suspected, 10, Some(at(0))));
    let (label, name) = (hash16("InvalidClientException"), "InvalidClientException".into());
    assert_eq!(verdict.concern, Concern::Request { label, name, operation: Some(Operation::CreateToken) });
    assert_eq!(
        verdict.reasons[0],
        "10 distinct callers were refused by CreateToken with InvalidClientException and not served since"
    );
    assert_eq!(verdict.codes, [("InvalidClientException".to_owned(), 10)]);
    assert_eq!(verdict.operations, BTreeMap::from([(Operation::CreateToken, 10)]));
}

#[test]
fn who_was_served_since_is_not_among_the_ten() {
    let mut world = surge(10, 0);
    world.serve("hit-3", 30);
    assert_eq!(world.diagnosis(60), Diagnosis::Quiet);
}

#[test]
fn codes_and_operations_are_not_added_up() {
    let mut world = surge(9, 0);
    world.fail(Fails { operation: Operation::RegisterClient, ..refused("eva", 0, "InvalidClientException") });
    world.fail(refused("kai", 0, "InvalidGrantException"));
    assert_eq!(world.diagnosis(60), Diagnosis::Quiet);
}

#[test]
fn a_service_that_serves_as_many_as_it_refuses_is_not_suspected() {
    for (others, diagnosis) in [(9, Diagnosis::Suspected), (10, Diagnosis::Quiet)] {
        let mut world = surge(10, 0);
        world.serve_others(others, 50);
        assert_eq!(world.diagnosis(60), diagnosis, "{others}");
    }
    // Monday's expired sessions: those who were refused in the night have not come back, the others sign in.
    let mut world = surge(40, 0);
    world.fail(refused("late", 1790, "InvalidClientException")).serve_others(2, 1795);
    assert_eq!(world.diagnosis(1800), Diagnosis::Quiet);
}

#[test]
fn in_a_large_company_a_surge_is_weighed_against_calls() {
    for (served, diagnosis) in [(5000, Diagnosis::Quiet), (50, Diagnosis::Suspected)] {
        let mut world = surge(60, 0);
        world.serve_others(64, 10).serve("other-1", 119);
        world.view.evidence.slot_mut(at(0)).calls.values_mut().for_each(|calls| calls.served = served);
        assert_eq!(world.diagnosis(120), diagnosis, "{served}");
    }
}

#[test]
fn a_surge_that_is_seen_late_is_evaluated_by_its_own_time() {
    let mut world = surge(12, 0);
    world.serve_others(5, 20);
    assert_eq!(world.diagnosis(900), Diagnosis::Suspected);
}
