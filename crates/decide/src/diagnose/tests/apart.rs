//! `one_tool`, `one_network`, `one_application`, `one_account`: what affected callers have in common, while others are served.

use super::*;
use crate::cell::Dimension;
use crate::ledger::Ledger;
use crate::turn::{Change, Happened};
use crate::verdict::Severity;

const ACME: Like<'_> = Like { tool: "acme-login/3.0", ..ORDINARY };

/// One that registers its client.
fn register(serves: Serves<'_>) -> Serves<'_> {
    Serves { operation: Operation::RegisterClient, ..serves }
}

impl World {
    /// So many callers of that kind fail, a second after each other.
    fn fail_with(&mut self, like: Like<'_>, many: i64, from: i64) -> &mut Self {
        for n in 0..many {
            self.fail(Fails { like, ..fails(&format!("{} {n}", like.tool), from + n) });
        }
        self
    }

    fn ledger(&self) -> &Ledger {
        &self.view.ledger
    }
}

/// Twelve with one tool cannot register, while so many of those can that have registered before.
fn twelve_cannot_register(others: usize) -> World {
    let mut world = World::new();
    for n in 0..31 {
        world.serve_call(register(serves(&format!("other-{n}"), -300)));
    }
    for n in 0..12 {
        let operation = Operation::RegisterClient;
        world.fail(Fails { operation, like: ACME, ..fails(&format!("hit-{n}"), n) });
    }
    for n in 0..others {
        world.serve_call(register(serves(&format!("other-{n}"), 20 + n as i64)));
    }
    world
}

#[test]
fn twelve_of_twelve_with_one_tool_while_others_are_served_are_of_that_tool() {
    let evaluation = twelve_cannot_register(31).evaluate(60);
    let [apart] = evaluation.apart.as_slice() else { panic!("{evaluation:#?}") };
    assert_eq!((apart.diagnosis, apart.callers, apart.failures), (Diagnosis::OneTool, 12, 12));
    assert_eq!(apart.scope.operations, Some([Operation::RegisterClient].into()));
    let shared = apart.scope.shared.as_ref().unwrap();
    assert_eq!((shared.dimension, shared.name.as_str()), (Dimension::Tool, "acme-login/3.0"));
    let words = "12 of 12 affected callers use acme-login 3.0; 31 callers with other tools were served on RegisterClient since \
                 08:00:0";
    assert!(apart.reasons[0].starts_with(words), "{:?}", apart.reasons);
    assert!(!evaluation.region.diagnosis.is_incident(), "it is nobody's but the tool's: {evaluation:#?}");
}

#[test]
fn before_enough_others_were_served_nothing_is_of_a_tool() {
    for (others, of_a_tool) in [(0, 0), (2, 0), (3, 1)] {
        let evaluation = twelve_cannot_register(others).evaluate(60);
        assert_eq!(evaluation.apart.len(), of_a_tool, "{others} {evaluation:#?}");
        assert_eq!(evaluation.region.diagnosis.is_incident(), of_a_tool == 0, "{others}");
    }
}

#[test]
fn a_probe_never_stands_in_for_a_caller() {
    let mut world = twelve_cannot_register(2);
    world.probe(StepState::Healthy, 50);
    let evaluation = world.evaluate(60);
    assert!(evaluation.apart.is_empty() && evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
    assert!(says(&evaluation.region, "a probe at 08:00:50 UTC found CreateToken healthy"), "{evaluation:#?}");
}

#[test]
fn a_tool_that_everybody_has_is_not_it() {
    let mut world = World::new();
    world.fail_with(ACME, 12, 0);
    for n in 0..31 {
        world.serve_call(Serves { like: ACME, ..serves(&format!("other-{n}"), 20 + n) });
    }
    let evaluation = world.evaluate(60);
    assert!(evaluation.apart.is_empty() && evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
}

#[test]
fn who_is_served_elsewhere_says_nothing_of_a_tool() {
    let mut world = World::new();
    world.fail_with(ACME, 12, 0);
    for n in 0..31 {
        world.serve_call(register(serves(&format!("other-{n}"), 20 + n)));
    }
    let evaluation = world.evaluate(60);
    assert!(evaluation.apart.is_empty() && evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
}

#[test]
fn failures_are_attributed_to_one_application_one_network_and_one_account_as_well() {
    let application = Like { application: "arn:aws:sso::1:application/a", ..ORDINARY };
    let others = Like { application: "arn:aws:sso::1:application/b", ..ORDINARY };
    let network = Like { network: "192.0.2.7", ..ORDINARY };
    let elsewhere = Like { network: "198.51.100.9", ..ORDINARY };
    let account = Like { account: "444455556666", ..ORDINARY };
    let of_others = Like { account: "111122223333", ..ORDINARY };
    for (like, served, operation, diagnosis) in [
        (application, others, Operation::CreateTokenWithIam, Diagnosis::OneApplication),
        (network, elsewhere, Operation::CreateToken, Diagnosis::OneNetwork),
        (account, of_others, Operation::CreateToken, Diagnosis::OneAccount),
    ] {
        let mut world = World::new();
        for n in 0..12 {
            world.fail(Fails { operation, like, ..fails(&format!("hit-{n}"), n) });
            world.serve_call(Serves { operation, like: served, ..serves(&format!("other-{n}"), 20 + n) });
        }
        let evaluation = world.evaluate(60);
        let [apart] = evaluation.apart.as_slice() else { panic!("{evaluation:#?}") };
        assert_eq!((apart.diagnosis, evaluation.region.diagnosis.is_incident()), (diagnosis, false), "{evaluation:#?}");
    }
}

/// Logs have no served calls, and CloudTrail's records are all of the account that owns Identity Center.
#[test]
fn logs_of_one_account_beside_records_of_another_are_no_contrast() {
    let [account, owner] = ["444455556666", "111122223333"].map(|account| Like { account, ..ORDINARY });
    let mut world = World::new();
    for n in 0..12 {
        world.fail(Fails { origin: Origin::Logs, like: account, ..fails(&format!("hit-{n}"), n) });
        world.serve_call(Serves { like: owner, ..serves(&format!("other-{n}"), 20 + n) });
    }
    let evaluation = world.evaluate(60);
    assert!(evaluation.apart.is_empty() && evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
    assert_eq!(evaluation.region.accounts, [("444455556666".to_owned(), 12)]);
}

#[test]
fn one_tool_that_guesses_from_many_addresses_is_one_tool() {
    // A few were served before; nobody was, within the hour.
    for before in [12, 0] {
        let mut world = World::new();
        world.serve_others(before, -300);
        for n in 0..40 {
            world.fail(Fails { like: ACME, ..refused(&format!("192.0.2.{n}"), n, "InvalidGrantException") });
        }
        // Fewer than are refused, so that without the tool it would be suspected.
        for n in 0..20 {
            world.serve(&format!("other-{n}"), 50 + n);
        }
        let evaluation = world.evaluate(120);
        let [apart] = evaluation.apart.as_slice() else { panic!("{before} {evaluation:#?}") };
        let diagnoses = (apart.diagnosis, evaluation.region.diagnosis);
        assert_eq!(diagnoses, (Diagnosis::OneTool, Diagnosis::Quiet), "{evaluation:#?}");
    }
}

#[test]
fn an_application_whose_key_refuses_everybody_is_misconfigured_by_itself() {
    let application = |name| Like { application: name, ..ORDINARY };
    let operation = Operation::CreateTokenWithIam;
    let mut world = World::new();
    for n in 0..6 {
        let like = application("arn:aws:sso::1:application/a");
        world.fail(Fails { operation, like, ..denied(&format!("hit-{n}"), n, "AccessDeniedException") });
        let like = application("arn:aws:sso::1:application/b");
        world.serve_call(Serves { operation, like, ..serves(&format!("other-{n}"), n) });
        world.serve_call(Serves { operation, like, ..serves(&format!("another-{n}"), n) });
    }
    let evaluation = world.evaluate(60);
    let [apart] = evaluation.apart.as_slice() else { panic!("{evaluation:#?}") };
    assert_eq!(apart.diagnosis, Diagnosis::Misconfigured);
    assert_eq!(apart.scope.shared.as_ref().unwrap().name, "arn:aws:sso::1:application/a");
    assert!(!evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
}

/// A tool breaks for twelve, and the service fails for eight others of fifty.
fn two_at_once() -> World {
    let mut world = World::new();
    world.serve_others(50, -30).fail_with(ACME, 12, 0).fail_with(ORDINARY, 8, 2);
    for n in 0..42 {
        world.serve(&format!("other-{n}"), 30);
    }
    world
}

#[test]
fn a_tool_that_breaks_while_the_service_fails_for_others_is_a_second_incident() {
    let mut world = two_at_once();
    let evaluation = world.evaluate(60);
    let [apart] = evaluation.apart.as_slice() else { panic!("{evaluation:#?}") };
    assert_eq!((apart.diagnosis, apart.callers), (Diagnosis::OneTool, 12), "{apart:#?}");
    assert_eq!((evaluation.region.diagnosis, evaluation.region.callers), (Diagnosis::Degraded, 8));
    let (happened, _) = world.lives(60);
    let key = apart.apart;
    let opened = [Event::OfIncident(key, Happened::Opened), Event::OfIncident(None, Happened::Opened)];
    assert_eq!(happened, opened);
    let ids: BTreeSet<&String> = world.ledger().open_incidents().map(|incident| &incident.id).collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn what_is_attributed_is_not_reported_for_the_region_again() {
    let mut world = two_at_once();
    world.lives(60);
    for second in (70..600).step_by(10) {
        world.fail_with(ACME, 12, second);
        let evaluation = world.evaluate(second + 20);
        assert_eq!((evaluation.region.victims.values().map(BTreeSet::len).max(), evaluation.apart.len()), (Some(8), 1));
    }
}

/// Reported as the region's, because nobody else had called yet; then others were served.
fn attributed_late() -> (World, Incident) {
    let mut world = World::new();
    world.fail_with(ACME, 12, 0);
    let (happened, evaluation) = world.lives(12);
    assert_eq!(happened, [Event::OfIncident(None, Happened::Opened)], "{evaluation:#?}");
    world.lives(60);
    let opened = world.ledger().open().unwrap().clone();
    assert_eq!(opened.severity, Severity::Page, "it has lasted");
    world.serve_others(40, 80);
    let (happened, evaluation) = world.lives(90);
    let shared = evaluation.apart[0].scope.shared.clone().unwrap();
    let attributed = Event::OfIncident(Some(shared.key()), Happened::Changed(vec![Change::Attributed(shared)]));
    assert_eq!(happened, [attributed], "{evaluation:#?}");
    (world, opened)
}

#[test]
fn an_attribution_that_comes_later_renames_the_open_incident() {
    let (world, opened) = attributed_late();
    assert_eq!(world.ledger().open(), None, "it is not the region's any more");
    let [incident] = world.ledger().apart.as_slice() else { panic!("{:#?}", world.ledger()) };
    assert_eq!((&incident.id, incident.sequence), (&opened.id, opened.sequence + 1));
    assert_eq!(
        (incident.diagnosis, incident.severity),
        (Diagnosis::OneTool, Severity::Page),
        "what was paged stays so"
    );
    assert_eq!((incident.first_failure, incident.opened_at), (opened.first_failure, opened.opened_at));
    assert!(incident.opening.as_ref().unwrap().starts_with("12 of 12 affected callers use acme-login 3.0"));
}

#[test]
fn an_attribution_is_taken_back_once_and_never_comes_again() {
    let (mut world, opened) = attributed_late();
    for n in 0..40 {
        world.fail(fails(&format!("other-{n}"), 100 + n / 4));
    }
    let (happened, evaluation) = world.lives(115);
    let [Event::OfIncident(None, Happened::Changed(changes))] = happened.as_slice() else {
        panic!("{happened:#?} {evaluation:#?}")
    };
    assert!(matches!(changes.as_slice(), [Change::Refuted(_)]), "{changes:#?}");
    let incident = world.ledger().open().unwrap().clone();
    assert_eq!((&incident.id, incident.severity), (&opened.id, Severity::Page));
    assert_eq!((incident.scope.shared.is_none(), incident.refuted.len()), (true, 1));
    assert!(world.ledger().apart.is_empty());
    // Now everybody but those with the tool is served again.
    world.serve_others(40, 130).fail_with(ACME, 12, 140);
    for second in [160, 300, 900] {
        let (happened, _) = world.lives(second);
        let is_renamed = |event: &Event| match event {
            Event::OfIncident(_, Happened::Changed(changes)) => {
                changes.iter().any(|change| matches!(change, Change::Attributed(_)))
            }
            Event::OfIncident(..) | Event::Advised(_) | Event::Silenced(_) | Event::SilenceEnded(_) => false,
        };
        assert!(!happened.iter().any(is_renamed), "{happened:#?}");
        assert_eq!(world.ledger().open().unwrap().id, opened.id);
    }
}
