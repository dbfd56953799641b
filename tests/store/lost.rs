//! Invariants when calls are refused, or done without an answer.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use oidc_triage_function::store::dynamodb::DynamoStore;
use triage_decide::distinct::DistinctCallers;
use triage_decide::evidence::Evidence;
use triage_decide::evidence::slot::Place;
use triage_decide::ledger::Ledger;
use triage_decide::policy::Policy;
use triage_decide::view::StoreError;
use triage_engine::store::{Claim, Committed, Elected, Store};
use triage_model::caller::CallerHash;
use triage_model::observation::{Operation, Origin};
use triage_notify::letter::Step;

use crate::samples::{See as _, all_answered, answered, at, failures, mark, on, step, us};
use crate::table::{TURN, new_table, on_a_wire};
use crate::wire::Fault::{AnswerLost, Throttled};

/// More than the SDK's attempts.
const ALL: usize = 5;

fn answered_calls(evidence: &Evidence) -> u32 {
    let is_own = |place: &Place| (place.origin, place.operation) == (Origin::CloudTrail, Some(Operation::CreateToken));
    let calls = evidence.slots.values().flat_map(|slot| &slot.calls);
    calls.filter(|(place, _)| is_own(place)).map(|(_, calls)| calls.answered).sum()
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_counts_once_and_its_failure_is_new() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    sandbox.see(&us(), &all_answered([answered(1, 0), answered(2, 0)]), at(0)).await;
    wire.breaks(2, "UpdateItem", AnswerLost);
    let recorded = sandbox.see(&us(), &failures([mark(1, 1, 0)]), at(1)).await;
    assert_eq!((recorded.new, recorded.trouble), (vec![true], None));
    for fresh in [false, true] {
        let view = sandbox.view(&us(), fresh, on(2)).await;
        assert_eq!((view.evidence.failures().len(), answered_calls(&view.evidence)), (1, 2));
    }
}

#[tokio::test]
async fn throttled_calls_are_seen_here_and_written_by_a_later_flush() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    wire.breaks(ALL, "UpdateItem", Throttled);
    let recorded = sandbox.see(&us(), &failures([mark(1, 1, 0)]), at(1)).await;
    assert_eq!(recorded.new, [true]);
    assert!(matches!(recorded.trouble, Some(StoreError::Throttled(_))), "{recorded:?}");
    let view = sandbox.view(&us(), false, on(1)).await;
    assert_eq!((view.evidence.failures().len(), view.trouble), (1, None));
    wire.breaks(0, "UpdateItem", Throttled);
    assert_eq!(sandbox.flush(on(2)).await, ([us()].into(), None));
    wire.calls();
    sandbox.flush(on(60)).await;
    assert!(wire.calls().is_empty(), "it is only written once");
    assert_eq!(sandbox.view(&us(), true, on(60)).await.evidence.failures().len(), 1);
}

#[tokio::test]
async fn a_view_that_cannot_be_read_is_of_memory_and_is_asked_for_once_in_an_invocation() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    sandbox.see(&us(), &failures([mark(1, 1, 0)]), at(1)).await;
    wire.breaks(2 * ALL, "BatchGetItem", Throttled);
    wire.calls();
    for _ in 0..3 {
        let view = sandbox.view(&us(), false, on(1)).await;
        assert_eq!(view.evidence.failures().len(), 1);
        assert!(matches!(view.trouble, Some(StoreError::Throttled(_))));
    }
    assert_eq!(wire.calls()["BatchGetItem"], 3, "the attempts of one call");
    wire.breaks(0, "BatchGetItem", Throttled);
    assert_eq!(sandbox.view(&us(), false, on(2)).await.trouble, None);
}

#[tokio::test]
async fn a_step_whose_answer_is_lost_is_known_as_ones_own() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    wire.breaks(1, "TransactWriteItems", AnswerLost);
    assert_eq!(sandbox.commit(&us(), 0, &step(1..=1), on(0)).await, Ok(Committed::Yes));
    wire.breaks(ALL, "TransactWriteItems", AnswerLost);
    assert_eq!(sandbox.commit(&us(), 1, &step(2..=2), on(1)).await, Ok(Committed::Yes));
    assert_eq!(sandbox.commit(&us(), 1, &step(2..=2), on(1)).await, Ok(Committed::Overtaken));
    let view = sandbox.view(&us(), true, on(2)).await;
    assert_eq!(view.version, 2);
    assert_eq!(sandbox.pending(&us(), &view, on(0)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_step_that_is_refused_can_be_taken_later() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    wire.breaks(ALL, "TransactWriteItems", Throttled);
    let refused = sandbox.commit(&us(), 0, &step(1..=1), on(0)).await;
    assert!(matches!(refused, Err(StoreError::Throttled(_))), "{refused:?}");
    wire.breaks(0, "TransactWriteItems", Throttled);
    assert_eq!(sandbox.commit(&us(), 0, &step(1..=1), on(1)).await, Ok(Committed::Yes));
}

#[tokio::test]
async fn a_claim_and_an_election_are_had_though_their_answers_are_lost() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    sandbox.commit(&us(), 0, &step(1..=1), on(0)).await.unwrap();
    let claim = Claim { by: "a".into(), until: at(60) };
    wire.breaks(1, "UpdateItem", AnswerLost);
    assert!(sandbox.claim(&us(), 0, &claim, on(1)).await.unwrap().is_some());
    wire.breaks(1, "UpdateItem", AnswerLost);
    let elected = sandbox.elect_probe(&us(), Duration::from_secs(20), on(1)).await;
    assert_eq!(elected, Ok(Elected::Yes));
}

#[tokio::test]
async fn marks_hashed_under_a_local_key_are_dropped_for_the_tables_key() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    wire.breaks(ALL, "GetItem", Throttled);
    assert!(matches!(sandbox.hasher(on(0)).await.1, Some(StoreError::Throttled(_))));
    sandbox.see(&us(), &failures([mark(1, 1, 0)]), at(1)).await;
    wire.breaks(0, "GetItem", Throttled);
    assert_eq!(sandbox.hasher(on(0)).await.1, None);
    assert!(sandbox.view(&us(), false, on(2)).await.evidence.slots.is_empty());
    // Its event is delivered again, with the caller's proper hash.
    sandbox.see(&us(), &failures([mark(7, 1, 0)]), at(3)).await;
    let failures = sandbox.view(&us(), true, on(3)).await.evidence.failures();
    assert_eq!(failures.into_iter().collect::<Vec<_>>(), [mark(7, 1, 0)]);
}

#[tokio::test]
async fn a_step_of_one_who_has_a_key_of_its_own_names_nobody_and_counts_nobody_twice() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    let with_callers = |callers: &[u64]| {
        let mut step = step(1..=1);
        let mut victims = DistinctCallers::default();
        victims.add(&callers.iter().map(|bits| CallerHash::from_bits(*bits)).collect(), 0);
        step.ledger.incident.as_mut().unwrap().victims = [(Origin::CloudTrail, victims)].into();
        step
    };
    let counted = |ledger: &Ledger| ledger.incident.as_ref().unwrap().victims[&Origin::CloudTrail].count();
    let first = with_callers(&[1, 2, 3]);
    sandbox.commit(&us(), 0, &first, on(0)).await.unwrap();

    wire.breaks(ALL, "GetItem", Throttled);
    sandbox.hasher(on(1)).await;
    wire.breaks(0, "GetItem", Throttled);
    let view = sandbox.view(&us(), true, on(1)).await;
    assert_eq!(counted(&view.ledger), 3, "the number is known");
    let mut next = Step { letters: vec![], ledger: view.ledger, withheld: 0, with: vec![] };
    let incident = next.ledger.incident.as_mut().unwrap();
    incident.victims.get_mut(&Origin::CloudTrail).unwrap().add(&[CallerHash::from_bits(9)].into(), 0);
    assert_eq!(counted(&next.ledger), 3, "it may be one of them");
    assert_eq!(sandbox.commit(&us(), 1, &next, on(1)).await, Ok(Committed::Yes));
    sandbox.hasher(on(2)).await;
    assert_eq!(sandbox.view(&us(), true, on(2)).await.ledger.incident, first.ledger.incident);
}

#[tokio::test]
async fn no_step_is_taken_from_a_ledger_that_cannot_be_read() {
    let _turn = TURN.lock().await;
    let Some((config, table)) = new_table().await else { return };
    let sandbox = DynamoStore::new(&config, table.clone(), &Policy::default());
    sandbox.commit(&us(), 0, &step(1..=1), on(0)).await.unwrap();
    let ledger = Client::new(&config).update_item().table_name(table);
    let ledger = ledger.key("pk", AttributeValue::S("region#us-east-1".into()));
    let ledger = ledger.key("sk", AttributeValue::S("incident#current".into()));
    let ledger = ledger.update_expression("SET ledger = :text");
    ledger.expression_attribute_values(":text", AttributeValue::S("[]".into())).send().await.unwrap();
    let unreadable = Some(StoreError::Unreadable("ledger".into()));
    assert_eq!(sandbox.view(&us(), true, on(1)).await.trouble, unreadable);
    assert_eq!(sandbox.commit(&us(), 1, &step(1..=1), on(0)).await.err(), unreadable);
}
