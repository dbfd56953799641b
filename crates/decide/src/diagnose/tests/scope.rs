//! Where the service fails: operations and grants, with and without a contrast.

use super::*;
use crate::scope::Scope;

const REFRESH: Like<'_> = Like { grant: Some(Grant::RefreshToken), ..ORDINARY };
const DEVICE: Like<'_> = Like { grant: Some(Grant::DeviceCode), ..ORDINARY };
const START: Operation = Operation::StartDeviceAuthorization;

/// Six callers fail so, while so many others refresh.
fn failing(operation: Operation, like: Like<'_>, others: usize) -> World {
    let mut world = World::new();
    for n in 0..6 {
        world.fail(Fails { operation, like, ..fails(&format!("hit-{n}"), 10 * n) });
    }
    for n in 0..others {
        world.serve_call(Serves { like: REFRESH, ..serves(&format!("other-{n}"), 55) });
    }
    world
}

#[test]
fn one_operation_is_named_where_others_are_served_on_another() {
    for (others, limited) in [(0, false), (2, false), (3, true), (31, true)] {
        let verdict = failing(START, DEVICE, others).verdict(60);
        assert!(verdict.diagnosis.is_incident(), "{verdict:#?}");
        let operations = limited.then(|| [START].into());
        assert_eq!(verdict.scope, Scope { operations, ..Scope::default() }, "{others}");
    }
}

#[test]
fn one_grant_is_named_where_others_are_served_with_another() {
    for (others, grant) in [(0, None), (2, None), (3, Some(Grant::DeviceCode))] {
        let verdict = failing(Operation::CreateToken, DEVICE, others).verdict(60);
        let operations = grant.map(|_| [Operation::CreateToken].into());
        assert_eq!(verdict.scope, Scope { operations, grant, shared: None }, "{others}");
    }
}

#[test]
fn a_pending_poll_is_no_contrast() {
    let mut world = failing(START, DEVICE, 0);
    for n in 0..9 {
        world.serve_call(Serves { like: DEVICE, pending: true, ..serves(&format!("other-{n}"), 55) });
    }
    assert_eq!(world.verdict(60).scope, Scope::default());
}

#[test]
fn a_caller_that_refreshes_is_still_affected_by_a_device_flow_that_fails() {
    let mut world = World::new();
    world.fail(Fails { operation: START, ..fails("ana", 0) });
    world.serve_call(Serves { like: REFRESH, ..serves("ana", 30) });
    assert_eq!(world.verdict(60).callers, 1);
    world.serve_call(Serves { operation: START, ..serves("ana", 50) });
    assert_eq!(world.diagnosis(60), Diagnosis::Transient);
}

#[test]
fn a_one_off_elsewhere_is_no_part_of_it() {
    let mut world = failing(START, DEVICE, 31);
    world.fail(Fails { like: REFRESH, ..fails("kai", 58) });
    let verdict = world.verdict(60);
    let enough: Vec<_> = verdict.parts.iter().map(|part| (part.operation, part.is_enough)).collect();
    assert_eq!(enough, [(Some(START), true), (Some(Operation::CreateToken), false)]);
    assert_eq!(verdict.scope.operations, Some([START].into()));
    for who in ["lea", "tom"] {
        world.fail(Fails { like: REFRESH, ..fails(who, 59) });
    }
    assert!(world.verdict(60).parts.iter().all(|part| part.is_enough), "three of its callers are hit");
}

#[test]
fn a_step_that_nobody_reaches_is_not_affected() {
    let verdict = failing(START, DEVICE, 31).verdict(60);
    let parts: Vec<_> = verdict.parts.iter().map(|part| part.operation).collect();
    assert_eq!(parts, [Some(START)]);
}
