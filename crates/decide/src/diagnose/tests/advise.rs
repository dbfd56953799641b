//! `throttling`, `one_caller`, `blind`, `aws_health`.

use super::*;
use crate::evidence::mark::{Quota, Talker};

fn throttled(calls: usize, span: i64) -> World {
    let mut world = World::new();
    for n in 0..calls {
        let second = span * n as i64 / (calls as i64 - 1);
        world.fail(Fails { cause: Cause::Throttled, code: "SlowDownException", ..fails(&format!("bot-{n}"), second) });
    }
    world
}

#[test]
fn ten_throttled_calls_over_two_minutes_are_worth_an_advice() {
    for (calls, span, diagnosis) in [
        (10, 120, Diagnosis::Throttling),
        (9, 120, Diagnosis::Quiet),
        (10, 119, Diagnosis::Quiet),
        (10, 3000, Diagnosis::Throttling),
    ] {
        let verdict = throttled(calls, span).verdict(span);
        assert_eq!(verdict.diagnosis, diagnosis, "{calls} {span}");
    }
    let verdict = throttled(10, 120).verdict(120);
    assert_eq!(advised(&verdict, Diagnosis::Throttling), ["throttling"]);
    assert_eq!(verdict.advised[0].quiet_for, Duration::from_secs(86400));
    assert_eq!(verdict.reasons[0], "10 calls were refused as throttled within 2 minutes, by aws-cli/2.31.0");
}

/// A talker with so many calls of so many in one slot.
fn talker(count: u32, others: u32) -> World {
    let mut world = World::new();
    world.serve_others(1, 0);
    let slot = world.view.evidence.slot_mut(at(0));
    slot.calls.values_mut().for_each(|calls| calls.answered = count + others);
    slot.talkers.insert(Talker { who: 7, quota: Quota::Device }, count);
    slot.names.talkers.insert(7, "terraform/1.9 at 192.0.2.7".into());
    world
}

#[test]
fn a_talker_with_half_of_the_calls_at_half_of_a_quota_is_worth_an_advice() {
    // 80 a second for two minutes are 9600 calls.
    for (count, others, diagnosis) in [
        (4800, 0, Diagnosis::Throttling),
        (4799, 0, Diagnosis::Quiet),
        (4800, 4800, Diagnosis::Throttling),
        (4800, 4801, Diagnosis::Quiet),
    ] {
        assert_eq!(talker(count, others).diagnosis(60), diagnosis, "{count} {others}");
    }
    let mut world = talker(4800, 1000);
    let verdict = world.verdict(60);
    assert_eq!(advised(&verdict, Diagnosis::Throttling), ["talker:000000000007"]);
    assert_eq!(
        verdict.reasons[0],
        "terraform/1.9 at 192.0.2.7 made 4800 of 5800 calls within 120 s: 50 % of the published quota of 80 a second for \
         CreateToken and StartDeviceAuthorization"
    );
    world.probe(StepState::Down, 60);
    assert_eq!(world.diagnosis(60), Diagnosis::Quiet, "in an outage everybody talks much");
}

/// Both: a talker, and calls that were refused as throttled.
fn talker_refused() -> World {
    let mut world = talker(4800, 100);
    for n in 0..10 {
        let (cause, code) = (Cause::Throttled, "SlowDownException");
        world.fail(Fails { cause, code, ..fails(&format!("bot-{n}"), 130 + 15 * n) });
    }
    world
}

#[test]
fn a_talker_and_what_is_refused_for_it_are_one_advice() {
    let verdict = talker_refused().verdict(270);
    assert_eq!(advised(&verdict, Diagnosis::Throttling), ["talker:000000000007"]);
    let reasons = &verdict.advised[0].reasons;
    assert!(reasons[0].starts_with("terraform/1.9 at 192.0.2.7 made"), "{reasons:?}");
    assert!(reasons[1].starts_with("10 calls were refused as throttled"), "{reasons:?}");
}

#[test]
fn whichever_of_the_two_is_seen_first_people_are_notified_once_a_day() {
    let both = talker_refused();
    let loud = both.view.evidence.slots.iter().next().map(|(begin, slot)| (*begin, slot.clone())).unwrap();
    let mut refused_first = talker_refused();
    refused_first.view.evidence.slots.remove(&loud.0);
    let mut talker_first = talker(4800, 100);
    for (first, second) in [(&mut refused_first, &both), (&mut talker_first, &both)] {
        let (reported, _) = first.lives(270);
        assert!(matches!(reported.as_slice(), [Event::Advised(_)]), "{reported:#?}");
        first.view.evidence = second.view.evidence.clone();
        let (reported, evaluation) = first.lives(291);
        assert_eq!(reported, [], "{evaluation:#?}");
    }
}

/// A laptop that fails every so many seconds, and another caller that is served at the end.
fn laptop(failures: i64, every: i64) -> World {
    let mut world = World::new();
    for n in 0..failures {
        world.fail(fails("laptop", every * n));
    }
    world.serve_others(1, every * (failures - 1));
    world
}

#[test]
fn one_caller_that_fails_for_a_minute_while_another_is_served_is_left_out() {
    for (failures, every, diagnosis) in [
        (5, 15, Diagnosis::OneCaller),
        (4, 20, Diagnosis::Isolated),
        (5, 14, Diagnosis::Isolated),
        (9, 300, Diagnosis::OneCaller),
    ] {
        let verdict = laptop(failures, every).verdict(every * (failures - 1));
        assert_eq!(verdict.diagnosis, diagnosis, "{failures} every {every} s");
        let is_left_out = diagnosis == Diagnosis::OneCaller;
        assert_eq!(verdict.leave_out.contains(&caller("laptop")), is_left_out);
        assert_eq!(advised(&verdict, Diagnosis::OneCaller).len(), usize::from(is_left_out));
    }
    let verdict = laptop(5, 15).verdict(60);
    let key = format!("caller:{:012x}", caller("laptop").to_bits());
    assert_eq!(advised(&verdict, Diagnosis::OneCaller), [key]);
    assert_eq!(verdict.reasons[0], "laptop alone failed 5 times within 60 s at CreateToken, while others were served");
}

#[test]
fn only_another_caller_served_on_the_same_operation_makes_it_alone() {
    let isolated = |world: &World, why: &str| {
        let verdict = world.verdict(100);
        assert_eq!((verdict.diagnosis, verdict.leave_out.len()), (Diagnosis::Isolated, 0), "{why}");
    };
    let mut world = World::new();
    for n in 0..5 {
        world.fail(Fails { operation: Operation::RegisterClient, ..fails("laptop", 20 * n) });
    }
    isolated(&world, "nobody is served");
    world.serve("other", 90);
    isolated(&world, "served on another operation");

    let mut world = World::new();
    world.serve("other", 0);
    for n in 0..5 {
        world.fail(fails("laptop", 20 * n));
    }
    isolated(&world, "served before");
    world.serve("laptop", 30);
    isolated(&world, "served itself");

    let mut world = laptop(5, 20);
    world.fail(fails("ana", 80));
    assert_eq!(world.diagnosis(100), Diagnosis::OneCaller, "two are hit");
}

#[test]
fn one_who_was_served_at_the_beginning_of_an_outage_makes_nobody_a_lone_caller() {
    let mut world = World::new();
    world.fail(fails("ana", 0)).serve("other", 5);
    for n in 1..20 {
        world.fail(fails("ana", 15 * n)).fail(fails("ben", 15 * n));
    }
    assert!(world.verdict(300).leave_out.is_empty());
    world.serve("other", 290);
    assert_eq!(world.verdict(300).leave_out, BTreeSet::from([caller("ana"), caller("ben")]));
}

#[test]
fn where_three_are_affected_nobody_is_left_out() {
    let mut world = laptop(5, 20);
    world.fail(fails("ana", 80)).fail(fails("ben", 80));
    let verdict = world.verdict(100);
    assert!(verdict.leave_out.is_empty() && verdict.diagnosis == Diagnosis::Outage, "{verdict:#?}");
}

#[test]
fn who_gave_up_in_an_outage_that_is_settled_is_no_lone_caller() {
    let mut world = World::new();
    for second in 0..6 {
        world.fail(fails("ana", 20 * second));
    }
    world.serve("ben", 300);
    assert_eq!(world.diagnosis(310), Diagnosis::OneCaller);
    world.incident(Diagnosis::Outage, Concern::Service, 0, Some(200));
    let verdict = world.verdict(310);
    assert_eq!((verdict.diagnosis, verdict.leave_out.len()), (Diagnosis::Quiet, 0));
    for second in 0..6 {
        world.fail(fails("ana", 400 + 20 * second));
    }
    world.serve("ben", 600);
    assert_eq!(world.diagnosis(610), Diagnosis::OneCaller, "and still fails");
}

#[test]
fn a_caller_that_is_left_out_counts_no_more_until_it_is_served() {
    let mut world = laptop(9, 20);
    world.view.ledger.left_out.insert(caller("laptop").to_bits(), at(90));
    let verdict = world.verdict(160);
    assert_eq!((verdict.callers, verdict.failures, verdict.leave_out.len()), (0, 0, 0));
    assert_eq!(advised(&verdict, Diagnosis::OneCaller).len(), 1, "it is sent again, once a day");
    assert!(verdict.take_back.is_empty());
    world.fail_all(&["ana", "ben"], 150);
    assert_eq!(world.verdict(160).callers, 2);
    assert_ne!(world.diagnosis(160), Diagnosis::Outage, "with the laptop there would be three");

    world.serve("laptop", 161);
    assert_eq!(world.verdict(165).take_back, BTreeSet::from([caller("laptop")]));
    world.fail(fails("laptop", 165));
    assert!(world.verdict(165).take_back.is_empty(), "it fails again");
}

#[test]
fn who_is_left_out_and_long_silent_is_taken_back_when_it_is_served() {
    let mut world = World::new();
    world.view.ledger.left_out.insert(caller("laptop").to_bits(), at(-7200));
    assert!(world.verdict(0).take_back.is_empty());
    world.serve("laptop", 0);
    assert_eq!(world.verdict(0).take_back, BTreeSet::from([caller("laptop")]));
}

#[test]
fn a_probe_and_a_control_without_an_answer_are_blind() {
    let silent = Fault { no_answer: true, message: Some("timed out".into()), ..Fault::default() };
    let step = ProbeStep {
        operation: Operation::CreateToken,
        answer: StepState::Unknown,
        fault: Some(silent),
        latency: Duration::ZERO,
    };
    let control = |works| Control { region: KnownRegions::default().find("us-east-1").unwrap(), works };
    for (control, diagnosis) in
        [(Some(control(false)), Diagnosis::Blind), (Some(control(true)), Diagnosis::Quiet), (None, Diagnosis::Quiet)]
    {
        let mut world = World::new();
        let steps = vec![step.clone()];
        world.view.probe.latest = Some(ProbeAnswer { region: region(), at: at(0), steps, control });
        let verdict = world.verdict(120);
        assert_eq!(verdict.diagnosis, diagnosis);
        assert_eq!(advised(&verdict, Diagnosis::Blind).len(), usize::from(diagnosis == Diagnosis::Blind));
        assert_eq!(world.diagnosis(121), Diagnosis::Quiet, "an old probe says nothing");
        world.fail_all(&["ana", "ben", "eva"], 100);
        let verdict = world.verdict(110);
        assert_eq!(verdict.diagnosis, Diagnosis::Outage, "callers count all the same");
        assert_eq!(
            says(&verdict, "also blind: neither eu-central-1 nor the region it is compared with"),
            diagnosis == Diagnosis::Blind
        );
    }
}

#[test]
fn an_issue_that_affected_nobody_is_an_advice_notice() {
    let mut world = World::new();
    world.health(issue("SSO", 0)).health(issue("DYNAMODB", 0));
    let verdict = world.verdict(10);
    assert_eq!(verdict.diagnosis, Diagnosis::AwsHealth);
    assert_eq!(advised(&verdict, Diagnosis::AwsHealth), ["arn:SSO"]);
    world.fail(fails("ana", 5)).serve("ana", 6);
    assert_eq!(world.diagnosis(10), Diagnosis::Transient);
}
