//! What is probed in a region with an incident, and what the answer says of a failure.

use std::time::Duration;

use Operation::{CreateToken, CreateTokenWithIam, RegisterClient, StartDeviceAuthorization};
use Outcome::{Recovered, StillFailing};
use StepState::{Down, Healthy, Unexpected, Unknown};
use jiff::Timestamp;
use triage_decide::ledger::Part;
use triage_decide::probe::ProbeStep;
use triage_decide::scope::Scope;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::fault::Fault;
use triage_model::region::KnownRegions;

use super::*;

fn region() -> Region {
    KnownRegions::default().find("us-east-1").unwrap()
}

fn part(operation: Option<Operation>, proved_at: Option<Timestamp>) -> Part {
    let at = Timestamp::UNIX_EPOCH;
    Part { operation, grant: None, since: at, last_failure: at, so_far: None, proved_at }
}

fn incident(concern: Concern, operations: Option<&[Operation]>, parts: Vec<Part>) -> Incident {
    let at = Timestamp::UNIX_EPOCH;
    Incident {
        id: "us-east-1-made-up".into(),
        region: region(),
        diagnosis: Diagnosis::Outage,
        severity: Severity::Page,
        concern,
        scope: Scope { operations: operations.map(|all| all.iter().copied().collect()), ..Scope::default() },
        opened_at: at,
        first_failure: None,
        last_failure: None,
        since: at,
        enough_at: at,
        resolved_at: None,
        proved: false,
        reopened: 0,
        reopened_at: None,
        parts,
        callers: 3,
        victims: [].into(),
        people: false,
        seen: [].into(),
        failures_at: [].into(),
        failures_before: 0,
        probe_failed: false,
        probe_failed_at: None,
        earlier: Default::default(),
        opening: None,
        chance_years: None,
        silent_since: None,
        noted_at: None,
        was_of_region: false,
        refuted: Vec::new(),
        reasons: Vec::new(),
        sequence: 1,
        notified_at: at,
        changed_at: None,
        reported_callers: 3,
        reported_operations: [].into(),
        reported_health: false,
        is_paged: true,
        alarm_change: None,
        withheld: None,
        acknowledged: None,
        among: Default::default(),
    }
}

fn steps(incident: Incident) -> Vec<Operation> {
    affected_steps(&Ledger { incident: Some(incident), ..Ledger::default() }).into_iter().collect()
}

#[test]
fn the_steps_of_an_open_incident_of_the_service_are_those_of_its_scope_and_its_parts() {
    let now = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(steps(incident(Concern::Service, None, vec![part(None, None)])), []);
    assert_eq!(steps(incident(Concern::Service, Some(&[RegisterClient]), Vec::new())), [RegisterClient]);
    // Also a part that is proved already: only all of them together end it.
    let parts = vec![part(Some(CreateToken), None), part(Some(RegisterClient), now)];
    assert_eq!(steps(incident(Concern::Service, None, parts)), [RegisterClient, CreateToken]);
    let parts = vec![part(Some(CreateToken), None)];
    let both = incident(Concern::Service, Some(&[StartDeviceAuthorization]), parts);
    assert_eq!(steps(both.clone()), [StartDeviceAuthorization, CreateToken]);
    assert_eq!(steps(Incident { resolved_at: now, ..both }), []);
    assert_eq!(affected_steps(&Ledger::default()), [].into());
}

#[test]
fn an_incident_of_our_own_key_or_of_a_refusal_has_no_steps_to_ask() {
    let parts = || vec![part(Some(RegisterClient), None)];
    let key = Concern::Admin { label: 1, name: "KMS_DisabledException".into(), key: true };
    let code = Concern::Request { label: 1, name: "InvalidRequestException".into(), operation: Some(RegisterClient) };
    assert_eq!(steps(incident(key, None, parts())), []);
    assert_eq!(steps(incident(code, Some(&[RegisterClient]), parts())), []);
}

/// A step that is healthy by a refusal has it as its fault.
fn answer(steps: &[(Operation, StepState, bool)]) -> ProbeAnswer {
    let step = |&(operation, answer, refused): &(Operation, StepState, bool)| ProbeStep {
        operation,
        answer,
        fault: refused.then(Fault::default),
        latency: Duration::ZERO,
    };
    ProbeAnswer { region: region(), at: Timestamp::UNIX_EPOCH, steps: steps.iter().map(step).collect(), control: None }
}

#[test]
fn a_failure_stands_as_its_own_step_answered() {
    let all = [RegisterClient, StartDeviceAuthorization, CreateToken];
    for own in all {
        for (state, wanted) in
            [(Healthy, Recovered), (Down, StillFailing), (Unknown, Outcome::Unknown), (Unexpected, Outcome::Unknown)]
        {
            for other in [Healthy, Down, Unknown, Unexpected] {
                let steps = all.map(|operation| (operation, if operation == own { state } else { other }, true));
                assert_eq!(outcome_of(&answer(&steps), Some(own)), wanted, "{own} {state:?}, else {other:?}");
            }
        }
    }
}

#[test]
fn of_a_step_that_was_not_asked_only_the_ladder_beyond_it_says_that_it_works() {
    let ladder = [(StartDeviceAuthorization, Healthy, false), (CreateToken, Healthy, true)];
    let stranger = [(CreateToken, Healthy, true)];
    let strangers = [(StartDeviceAuthorization, Healthy, true), (CreateToken, Healthy, true)];
    let down = [(StartDeviceAuthorization, Down, true)];
    let table: [(&[_], Option<Operation>, Outcome); 11] = [
        (&ladder, Some(RegisterClient), Recovered),
        (&stranger, Some(RegisterClient), Outcome::Unknown),
        (&strangers, Some(RegisterClient), Outcome::Unknown),
        (&stranger, Some(StartDeviceAuthorization), Outcome::Unknown),
        // Nothing of the probe's is signed.
        (&ladder, Some(CreateTokenWithIam), Outcome::Unknown),
        // A log line need not name its operation.
        (&stranger, None, Recovered),
        // Where the ladder ends, nobody gets further.
        (&down, Some(CreateToken), StillFailing),
        (&down, Some(RegisterClient), StillFailing),
        (&down, Some(CreateTokenWithIam), StillFailing),
        (&down, None, StillFailing),
        (&[], Some(CreateToken), Outcome::Unknown),
    ];
    for (steps, operation, wanted) in table {
        assert_eq!(outcome_of(&answer(steps), operation), wanted, "{operation:?} of {steps:?}");
    }
}
