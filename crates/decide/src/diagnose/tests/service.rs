//! `outage`, `degraded`, `isolated`, `transient`, `quiet`.

use super::*;

#[test]
fn three_callers_of_few_are_an_outage() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva"], 0);
    let verdict = world.verdict(5);
    assert_eq!((verdict.diagnosis, verdict.callers, verdict.failures), (Diagnosis::Outage, 3, 3));
    assert_eq!(verdict.concern, Concern::Service);
    assert!(says(&verdict, "3 of 3 callers failed in 2 s; by chance"), "{verdict:#?}");
    assert!(says(&verdict, "most callers are affected: 3 of the 3 callers active up to 08:00:02 UTC"), "{verdict:#?}");
    assert!(says(&verdict, "counted in CloudTrail's records"), "{verdict:#?}");
}

#[test]
fn it_is_degraded_where_half_of_the_active_callers_are_served_and_no_probe_is_down() {
    for (others, diagnosis) in [(2, Diagnosis::Outage), (3, Diagnosis::Degraded), (30, Diagnosis::Degraded)] {
        let mut world = World::new();
        world.serve_others(others, -10).fail_all(&["ana", "ben", "eva"], 0);
        assert_eq!(world.diagnosis(5), diagnosis, "{others}");
        world.probe(StepState::Healthy, 4);
        assert_eq!(world.diagnosis(5), diagnosis, "a healthy probe does not outvote hit callers: {others}");
        world.probe(StepState::Down, 5);
        assert_eq!(world.diagnosis(5), Diagnosis::Outage, "{others}");
    }
}

#[test]
fn a_caller_of_more_than_five_minutes_before_is_not_active() {
    for (last_call, diagnosis) in [(-298, Diagnosis::Outage), (-297, Diagnosis::Degraded)] {
        let mut world = World::new();
        world.serve_others(3, last_call).fail_all(&["ana", "ben", "eva"], 0);
        assert_eq!(world.diagnosis(5), diagnosis, "{last_call}");
    }
}

#[test]
fn two_broken_callers_never_page() {
    let mut world = World::new();
    for second in 0..100 {
        world.fail(fails("ana", 10 * second)).fail(fails("ben", 10 * second));
        world.probe(StepState::Healthy, 10 * second);
        assert_eq!(world.diagnosis(10 * second), Diagnosis::Isolated, "{second}");
    }
    assert_eq!(world.verdict(1000).callers, 2);
    assert!(says(&world.verdict(1000), "2 distinct callers were affected within 60 minutes: fewer than 3"));
}

#[test]
fn a_slot_full_of_served_callers_is_weighed_by_calls() {
    // By callers 20 of 84 would be affected.
    for (served_calls, diagnosis) in [(64, Diagnosis::Degraded), (10, Diagnosis::Outage)] {
        let mut world = World::new();
        for n in 0..64 {
            world.serve(&format!("other-{n}"), 0);
        }
        for n in 0..20 {
            world.fail(fails(&format!("hit-{n}"), 119));
        }
        let calls = world.view.evidence.slot_mut(at(0)).calls.values_mut().next().unwrap();
        calls.answered = served_calls;
        let verdict = world.verdict(120);
        assert_eq!(verdict.diagnosis, diagnosis, "{verdict:#?}");
        assert!(says(&verdict, "calls failed in the time up to 08:01:59 UTC"), "{verdict:#?}");
    }
}

#[test]
fn one_person_seen_three_ways_is_one() {
    let mut world = World::new();
    for (name, origin) in [("ana", Origin::CloudTrail), ("log group a", Origin::Logs), ("ana@call", Origin::Call)] {
        world.fail(Fails { origin, ..fails(name, 0) });
    }
    let verdict = world.verdict(5);
    assert_eq!((verdict.diagnosis, verdict.callers, verdict.names.len()), (Diagnosis::Isolated, 1, 1));
}

#[test]
fn mistakes_of_callers_are_no_failures_of_the_service() {
    let mut world = World::new();
    for name in ["ana", "ben", "eva", "kai"] {
        world.fail(refused(name, 0, "InvalidGrantException"));
    }
    world.probe(StepState::Down, 1);
    assert_eq!(world.diagnosis(5), Diagnosis::Quiet);
}

#[test]
fn a_caller_served_since_is_not_affected_and_if_all_are_it_was_transient() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben"], 0).serve("ana", 0);
    let verdict = world.verdict(5);
    assert_eq!((verdict.diagnosis, verdict.callers, verdict.failures), (Diagnosis::Isolated, 1, 2));
    assert_eq!((verdict.names.as_slice(), verdict.since), (["ben".to_owned()].as_slice(), Some(at(1))));
    world.serve("ben", 4);
    let verdict = world.verdict(5);
    assert_eq!((verdict.diagnosis, verdict.callers, verdict.since), (Diagnosis::Transient, 0, None));
    world.fail(fails("ben", 5));
    assert_eq!(world.verdict(5).since, Some(at(5)), "hit anew");
}

#[test]
fn a_refusal_does_not_prove_that_a_caller_is_well() {
    let mut world = World::new();
    world.fail(fails("ana", 0)).fail(refused("ana", 2, "InvalidGrantException"));
    assert_eq!(world.diagnosis(5), Diagnosis::Isolated);
}

#[test]
fn nothing_is_quiet() {
    let verdict = World::new().verdict(0);
    assert_eq!((verdict.diagnosis, verdict.since, verdict.probe), (Diagnosis::Quiet, None, None));
    assert_eq!(verdict.reasons, ["no service failure within 60 minutes", "the service was not probed"]);
}

#[test]
fn a_probe_down_twice_half_a_minute_apart_is_degraded() {
    for (second, now, diagnosis) in [
        (30, 30, Diagnosis::Degraded),
        (29, 30, Diagnosis::Quiet),
        (0, 30, Diagnosis::Quiet),
        (30, 150, Diagnosis::Degraded),
        (30, 151, Diagnosis::Quiet),
    ] {
        let mut world = World::new();
        world.probe(StepState::Down, 0).probe(StepState::Down, second);
        let verdict = world.verdict(now);
        assert_eq!(verdict.diagnosis, diagnosis, "{second} {now}");
        assert_eq!(verdict.since, (diagnosis == Diagnosis::Degraded).then_some(at(0)));
    }
}

#[test]
fn once_is_not_twice_whatever_the_policy_says_of_the_time_between() {
    let mut world = World::new();
    world.policy.probe_down = Duration::ZERO;
    world.probe(StepState::Down, 0);
    assert_eq!(world.diagnosis(1), Diagnosis::Quiet);
    world.probe(StepState::Down, 1);
    assert_eq!(world.diagnosis(1), Diagnosis::Degraded);
}

#[test]
fn a_probe_that_is_healthy_again_is_no_incident() {
    let mut world = World::new();
    world.probe(StepState::Down, 0).probe(StepState::Down, 40).probe(StepState::Healthy, 60);
    assert_eq!(world.diagnosis(61), Diagnosis::Quiet);
    world.probe(StepState::Down, 80);
    assert_eq!(world.diagnosis(81), Diagnosis::Quiet, "the streak began anew");
}

#[test]
fn with_an_issue_of_aws_health_two_callers_are_enough() {
    let ended = HealthIssue { ended_at: Some(at(0)), ..issue("SSO", 0) };
    for (issue, names, diagnosis) in [
        (issue("SSO", 0), ["ana", "ben"].as_slice(), Diagnosis::Degraded),
        (issue("SSO", 0), &["ana"], Diagnosis::Isolated),
        (issue("DYNAMODB", 0), &["ana", "ben"], Diagnosis::Isolated),
        (ended, &["ana", "ben"], Diagnosis::Isolated),
    ] {
        let mut world = World::new();
        world.fail_all(names, 0).health(issue.clone());
        let verdict = world.verdict(5);
        assert_eq!(verdict.diagnosis, diagnosis, "{issue:?} {names:?}");
        assert_eq!(verdict.health, issue.service == "SSO" && issue.ended_at.is_none());
        assert!(verdict.advised.is_empty(), "our own failures are no mere advice");
    }
}

#[test]
fn what_was_settled_opens_nothing() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva"], 0).probe(StepState::Down, 0).probe(StepState::Down, 50);
    for name in ["ana", "ben", "eva"] {
        world.fail(denied(name, 40, "AccessDeniedException"));
    }
    assert_eq!(world.diagnosis(60), Diagnosis::Outage);
    world.incident(Diagnosis::Outage, Concern::Service, 0, Some(50));
    assert_eq!(world.diagnosis(60), Diagnosis::Quiet);
    world.fail(fails("ana", 51));
    let verdict = world.verdict(60);
    assert_eq!((verdict.diagnosis, verdict.callers, verdict.failures), (Diagnosis::Isolated, 1, 1));
}

#[test]
fn an_open_incident_is_degraded_as_long_as_any_caller_is_affected() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva"], 0).incident(Diagnosis::Outage, Concern::Service, 0, None);
    assert_eq!(world.diagnosis(60), Diagnosis::Outage);
    world.serve("ana", 60).serve("ben", 60);
    assert_eq!(world.diagnosis(70), Diagnosis::Degraded);
    world.probe(StepState::Down, 65);
    assert_eq!(world.diagnosis(70), Diagnosis::Outage, "it crossed, and the probe is down");
    world.probe(StepState::Healthy, 66).serve("eva", 70);
    assert_eq!(world.diagnosis(75), Diagnosis::Transient);
}

#[test]
fn an_open_incident_counts_from_its_beginning() {
    let mut world = World::new();
    world.fail(fails("old", -600)).fail_all(&["ana", "ben", "eva"], 0);
    world.incident(Diagnosis::Outage, Concern::Service, 0, None);
    let verdict = world.verdict(10);
    assert_eq!((verdict.callers, verdict.failures, verdict.since), (3, 3, Some(at(0))));
}

#[test]
fn an_outage_that_is_seen_late_is_evaluated_by_the_callers_active_then() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva"], 0).serve_others(40, 1200);
    let verdict = world.verdict(1260);
    assert_eq!(verdict.diagnosis, Diagnosis::Outage, "{verdict:#?}");
    assert_eq!(verdict.since, Some(at(0)));
    world.incident(Diagnosis::Outage, Concern::Service, 0, None);
    assert_eq!(world.diagnosis(1260), Diagnosis::Degraded, "once it is open, by who is active now");
}

#[test]
fn clocks_that_go_a_minute_ahead_are_believed() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva"], 58);
    assert_eq!(world.diagnosis(0), Diagnosis::Outage);
    assert_eq!(world.diagnosis(-1), Diagnosis::Isolated, "61 s");
    assert_eq!(world.diagnosis(-10), Diagnosis::Quiet);
}

#[test]
fn what_is_older_than_the_evidence_does_not_count() {
    let mut world = World::new();
    world.fail(fails("ana", 0));
    assert_eq!(world.diagnosis(3600), Diagnosis::Isolated);
    assert_eq!(world.diagnosis(3601), Diagnosis::Quiet);
}

#[test]
fn everybody_is_counted_from_shortly_before_the_first_failure_to_the_latest() {
    let mut world = World::new();
    world.serve_others(9, -1200).serve_others(5, -120).fail_all(&["ana", "ben", "eva"], 0).serve_others(40, 200);
    let verdict = world.verdict(260);
    let seen = |verdict: &Verdict| verdict.seen.values().map(BTreeSet::len).max();
    assert_eq!(
        (verdict.latest, seen(&verdict)),
        (Some(at(2)), Some(8)),
        "not those of long before, nor those of after"
    );
    world.fail_all(&["ana"], 230);
    assert_eq!(seen(&world.verdict(260)), Some(43), "as long as it fails");
}

#[test]
fn a_call_that_failed_long_before_a_probe_did_is_not_of_its_incident() {
    let mut world = World::new();
    world.fail(fails("ana", -1200)).fail(fails("ben", -60));
    for second in (0..=120).step_by(30) {
        world.probe(StepState::Down, second);
    }
    let verdict = world.verdict(125);
    assert_eq!(verdict.diagnosis, Diagnosis::Degraded, "{verdict:#?}");
    assert_eq!((verdict.since, verdict.callers), (Some(at(-60)), 1));
    assert_eq!(verdict.probe_failed_at, Some(at(120)));
}
