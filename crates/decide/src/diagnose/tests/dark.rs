//! A caller that stands for many, and has gone dark.

use super::*;

const ADDRESS: &str = "192.0.2.7";
const ROLE: &str = "arn:aws:iam::1:role/portal";
const APPLICATION: &str = "arn:aws:sso::1:application/portal";

/// Behind an address, on RegisterClient; or an application's role.
fn address() -> (Operation, Like<'static>) {
    (Operation::RegisterClient, Like { network: ADDRESS, crowd: true, ..ORDINARY })
}

fn role() -> (Operation, Like<'static>) {
    (Operation::CreateTokenWithIam, Like { application: APPLICATION, crowd: true, ..ORDINARY })
}

/// It was served so often, and then failed so many times, every so many seconds.
fn dark(who: &str, (operation, like): (Operation, Like<'_>), served: i64, failed: i64, every: i64) -> World {
    let mut world = World::new();
    for n in 0..served {
        world.serve_call(Serves { operation, like, ..serves(who, -600 + 10 * n) });
    }
    for n in 0..failed {
        world.fail(Fails { operation, like, ..fails(who, every * n) });
    }
    world
}

impl World {
    /// So many others, elsewhere.
    fn serve_elsewhere(&mut self, operation: Operation, many: i64, from: i64) -> &mut Self {
        let like = Like { network: "198.51.100.9", application: "arn:aws:sso::1:application/other", ..ORDINARY };
        for n in 0..many {
            self.serve_call(Serves { operation, like, ..serves(&format!("other-{n}"), from + n) });
        }
        self
    }
}

#[test]
fn an_address_that_was_served_and_fails_ten_times_in_a_row_is_the_services_where_nobody_else_is_served() {
    for (served, failed, every, diagnosis) in [
        (10, 10, 7, Diagnosis::Degraded),
        (9, 10, 7, Diagnosis::Isolated),
        (10, 9, 8, Diagnosis::Isolated),
        (10, 10, 6, Diagnosis::Isolated),
    ] {
        let evaluation = dark(ADDRESS, address(), served, failed, every).evaluate(80);
        assert_eq!(evaluation.region.diagnosis, diagnosis, "{served} {failed} {every}");
        assert!(evaluation.apart.is_empty());
    }
    let verdict = dark(ADDRESS, address(), 12, 10, 7).verdict(80);
    let words = "192.0.2.7, which may stand for many people and was served 12 times within a day, has failed 10 times in a \
                 row within 63 s at RegisterClient";
    assert_eq!((verdict.reasons[0].as_str(), verdict.callers), (words, 1));
    assert!(says(&verdict, "nobody else was served there since"), "{verdict:#?}");
}

#[test]
fn where_others_are_served_it_is_of_that_address_or_that_application() {
    for (who, kind, diagnosis, name) in
        [(ADDRESS, address(), Diagnosis::OneNetwork, ADDRESS), (ROLE, role(), Diagnosis::OneApplication, APPLICATION)]
    {
        let mut world = dark(who, kind, 12, 12, 7);
        world.serve_elsewhere(kind.0, 9, 20);
        let evaluation = world.evaluate(90);
        let [apart] = evaluation.apart.as_slice() else { panic!("{evaluation:#?}") };
        assert_eq!((apart.diagnosis, apart.scope.shared.as_ref().unwrap().name.as_str()), (diagnosis, name));
        assert!(!evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
        // A step that is down says that it is the service.
        world.probe(StepState::Down, 85);
        let evaluation = world.evaluate(90);
        assert!(evaluation.apart.is_empty() && evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
    }
}

#[test]
fn who_is_served_between_has_not_gone_dark() {
    let (operation, like) = address();
    let mut world = dark(ADDRESS, address(), 12, 15, 7);
    world.serve_call(Serves { operation, like, ..serves(ADDRESS, 40) });
    let evaluation = world.evaluate(110);
    assert!(evaluation.apart.is_empty() && !evaluation.region.diagnosis.is_incident(), "{evaluation:#?}");
}

#[test]
fn a_person_never_stands_for_many() {
    let person = (Operation::CreateToken, ORDINARY);
    let evaluation = dark("ana", person, 30, 30, 7).evaluate(210);
    assert_eq!((evaluation.region.diagnosis, evaluation.apart.len()), (Diagnosis::Isolated, 0));
}

#[test]
fn one_that_stands_for_many_is_no_lone_caller() {
    let (operation, like) = address();
    let mut world = dark(ADDRESS, (operation, like), 12, 9, 20);
    world.serve_elsewhere(operation, 9, 170);
    let verdict = world.verdict(180);
    assert!(verdict.leave_out.is_empty() && advised(&verdict, Diagnosis::OneCaller).is_empty(), "{verdict:#?}");
}
