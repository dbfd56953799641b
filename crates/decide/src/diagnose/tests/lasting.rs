//! An outage in its first minute: whether it pages.

use super::*;
use crate::verdict::Severity;

const START: Operation = Operation::StartDeviceAuthorization;

impl World {
    /// Evaluates every five seconds up to that one; the severity of the incident of the region by then.
    fn severity_by(&mut self, second: i64) -> Option<Severity> {
        for now in (0..=second).step_by(5) {
            // As if what comes later were not known yet.
            let mut world = World { view: self.view.clone(), policy: self.policy.clone() };
            world.view.evidence = Evidence::default();
            let (failures, served) = (self.view.evidence.failures(), self.view.evidence.served());
            failures.iter().filter(|mark| mark.at <= at(now)).for_each(|mark| {
                world.view.evidence.add_failure(*mark);
            });
            for call in served.into_iter().filter(|call| call.at <= at(now)) {
                world.view.evidence.add_answered(&Answered { call, served: true });
            }
            world.lives(now);
            self.view.ledger = world.view.ledger;
        }
        self.view.ledger.open().map(|incident| incident.severity)
    }
}

/// Six callers fail within 25 seconds.
fn blip() -> World {
    let mut world = World::new();
    world.serve_others(6, -60).fail_all(&["ana", "ben", "eva"], 0).fail_all(&["kai", "lea", "tom"], 23);
    world
}

#[test]
fn a_blip_after_which_people_are_served_again_wakes_nobody() {
    let mut world = blip();
    for (n, who) in (30..).zip(["ana", "ben", "eva", "kai", "lea", "tom"]) {
        world.serve(who, n);
    }
    assert_eq!(world.severity_by(25), Some(Severity::Warning), "reported at once");
    assert_eq!(world.severity_by(900), Some(Severity::Warning));
    let verdict = world.verdict(60);
    assert_eq!((verdict.served_again, verdict.callers), (6, 0));
}

#[test]
fn a_blip_after_which_nobody_comes_back_wakes_people_after_a_minute() {
    assert_eq!(blip().severity_by(55), Some(Severity::Warning));
    assert_eq!(blip().severity_by(60), Some(Severity::Page));
}

#[test]
fn failures_over_45_seconds_wake_people_though_some_are_served() {
    let mut world = blip();
    world.serve("ana", 30).serve("ben", 31).fail(fails("zoe", 45));
    assert_eq!(world.severity_by(50), Some(Severity::Warning), "one more is a one-off");
    world.fail(fails("joe", 50));
    assert_eq!(world.severity_by(50), Some(Severity::Page));
}

#[test]
fn a_healthy_probe_of_the_step_that_fails_lets_people_sleep_and_of_another_step_not() {
    for (operation, step, severity) in
        [(Operation::CreateToken, Some(StepState::Healthy), Severity::Warning), (START, None, Severity::Page)]
    {
        let mut world = World::new();
        for n in 0..4 {
            world.fail(Fails { operation, ..fails(&format!("hit-{n}"), n) });
        }
        world.probe(StepState::Healthy, 55);
        assert_eq!(world.verdict(60).step, step);
        assert_eq!(world.severity_by(60), Some(severity), "{operation}");
    }
}

#[test]
fn a_step_that_is_down_for_the_probe_time_and_again_wakes_people_at_once() {
    let mut world = World::new();
    world.fail_all(&["ana", "ben", "eva", "kai"], 0).probe(StepState::Down, 2);
    assert_eq!(world.severity_by(30), Some(Severity::Warning));
    world.probe(StepState::Down, 32);
    assert_eq!(world.severity_by(35), Some(Severity::Page));
}
