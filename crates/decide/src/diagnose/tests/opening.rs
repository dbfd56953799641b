//! The reported beginning of an incident does not change.

use super::*;
use crate::ledger::Ledger;
use crate::turn::{Event, Happened};
use crate::verdict::when_found;

impl World {
    /// Evaluates and takes the turn that follows. What happened, and the reasons that go with it.
    fn live(&mut self, now: i64) -> Option<(Happened, Verdict)> {
        let (events, evaluation) = self.lives(now);
        let of_region = events.into_iter().find_map(|event| match event {
            Event::OfIncident(None, happened) => Some(happened),
            Event::OfIncident(Some(_), _) | Event::Advised(_) | Event::Silenced(_) | Event::SilenceEnded(_) => None,
        });
        of_region.map(|happened| (happened, evaluation.region))
    }

    fn opening(&self) -> Option<&str> {
        self.view.ledger.incident.as_ref()?.opening.as_deref()
    }

    /// The ledger as a release wrote it that did not keep the opening, nor whether it is a key that refuses.
    fn as_stored_before(&mut self) -> &mut Self {
        let mut stored = serde_json::to_value(&self.view.ledger).unwrap();
        let incident = stored["incident"].as_object_mut().unwrap();
        incident.remove("opening").unwrap();
        if let Some(admin) = incident["concern"].get_mut("admin") {
            admin.as_object_mut().unwrap().remove("key").unwrap();
        }
        self.view.ledger = serde_json::from_value::<Ledger>(stored).unwrap();
        self
    }
}

/// Within two seconds three callers fail and two are served.
fn outage() -> World {
    let mut world = World::new();
    world.serve_others(2, 8).fail_all(&["ana", "ben", "eva"], 7);
    world
}

const OPENING: &str = "3 of 5 callers failed in 2 s; by chance alone once in";

/// What an earlier release said once the first failures were older than an hour, but not yet their whole slot.
fn counts_nobody(verdict: &Verdict) -> bool {
    verdict.reasons.iter().any(|reason| reason.starts_with("0 "))
}

#[test]
fn an_open_incident_reports_its_opening_as_it_was_however_long_it_lasts() {
    let mut world = outage();
    let (happened, verdict) = world.live(10).unwrap();
    let opening = verdict.opening.clone().unwrap();
    assert!(happened == Happened::Opened && opening.starts_with(OPENING), "{verdict:#?}");
    let mut reminders = 0;
    for second in (20..4 * 3600).step_by(20) {
        if second % 600 == 0 {
            world.fail(fails(&format!("late-{second}"), second));
        }
        let verdict = world.verdict(second);
        assert!(!counts_nobody(&verdict), "{second} {verdict:#?}");
        if verdict.diagnosis.is_incident() {
            assert_eq!(verdict.reasons[0], when_found(&opening), "{second}");
        }
        reminders += usize::from(world.live(second).is_some_and(|(happened, _)| happened == Happened::Reminder));
        assert_eq!(world.opening(), Some(opening.as_str()), "{second}");
    }
    assert!(reminders > 0);
}

#[test]
fn who_failed_in_the_part_of_the_oldest_slot_that_is_past_is_counted_where_nothing_was_kept() {
    let mut world = outage();
    world.live(10).unwrap();
    world.as_stored_before().fail(fails("kai", 3000));
    // The slot is still there, the hour before has begun a minute after it.
    let verdict = world.verdict(3660);
    assert!(verdict.reasons[0].starts_with(OPENING), "{verdict:#?}");
    for second in (3000..8000).step_by(20) {
        if second % 600 == 0 {
            world.fail(fails(&format!("late-{second}"), second));
        }
        assert!(!counts_nobody(&world.verdict(second)), "{second} {:#?}", world.verdict(second));
    }
}

#[test]
fn an_incident_whose_opening_was_not_kept_keeps_the_first_that_it_reports() {
    let mut world = outage();
    world.live(10).unwrap();
    world.live(70).unwrap();
    world.as_stored_before().fail(fails("kai", 3000));
    assert_eq!(world.opening(), None);
    let (happened, verdict) = world.live(3670).unwrap();
    assert_eq!(happened, Happened::Reminder);
    assert!(verdict.opening.as_deref().is_some_and(|opening| opening.starts_with(OPENING)), "{verdict:#?}");
    assert_eq!(world.opening(), verdict.opening.as_deref());
}

#[test]
fn a_worse_incident_reports_what_made_it_worse_and_a_lesser_one_does_not() {
    let mut world = World::new();
    world.probe(StepState::Down, 0).probe(StepState::Down, 40);
    let (happened, _) = world.live(41).unwrap();
    assert_eq!(
        (happened, world.opening().unwrap().starts_with("probes found CreateToken down")),
        (Happened::Opened, true)
    );
    world.fail_all(&["ana", "ben", "eva"], 50);
    let (happened, verdict) = world.live(60).unwrap();
    assert!(matches!(happened, Happened::Changed(_)) && verdict.diagnosis == Diagnosis::Outage, "{verdict:#?}");
    let worse = "3 of 3 callers failed in 2 s; by chance alone once in";
    assert!(verdict.reasons[0].starts_with(worse) && world.opening().unwrap().starts_with(worse), "{verdict:#?}");
    // Most are served from here on, and one is affected: what is left is degraded.
    let worse = world.opening().map(str::to_owned);
    world.probe(StepState::Healthy, 700).serve("ana", 710).serve("ben", 710).serve_others(20, 720);
    assert_eq!(world.live(730), None, "less bad is no news");
    let verdict = world.verdict(730);
    assert_eq!(verdict.diagnosis, Diagnosis::Degraded, "{verdict:#?}");
    assert_eq!((world.opening(), verdict.opening.as_deref()), (worse.as_deref(), worse.as_deref()));
}

#[test]
fn another_incident_reports_an_opening_of_its_own() {
    let mut world = outage();
    world.live(10).unwrap();
    let outage = world.opening().map(str::to_owned);
    for who in ["ana", "ben", "eva"] {
        world.serve(who, 100);
    }
    for (second, who) in (500..).zip(["kai", "lea", "tom"]) {
        world.fail(denied(who, second, "AccessDeniedException"));
    }
    let verdict = world.verdict(510);
    assert_eq!(verdict.diagnosis, Diagnosis::Misconfigured, "{verdict:#?}");
    assert!(verdict.opening.is_some_and(|opening| opening.contains("AccessDeniedException")));
    assert_eq!(world.opening(), outage.as_deref(), "the outage stays open until its end is confirmed");
}

#[test]
fn a_ledger_of_an_earlier_release_is_read() {
    let mut world = World::new();
    for (second, who) in (0..).zip(["ana", "ben", "eva"]) {
        world.fail(Fails { kms: true, ..denied(who, second, "KMS_DisabledException") });
    }
    world.live(10).unwrap();
    let reported = world.view.ledger.incident.clone().unwrap();
    let read = world.as_stored_before().view.ledger.incident.clone().unwrap();
    assert_eq!((read.opening.as_ref(), &read.id, read.since), (None, &reported.id, reported.since));
    let Concern::Admin { label, name, key } = &read.concern else { panic!("{:?}", read.concern) };
    assert_eq!((*label, name.as_str(), *key), (hash16(name), "KMS_DisabledException", true));
    assert!(read.is_in(&world.verdict(20)), "it is the same incident");
}
