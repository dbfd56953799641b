//! The costs: the calls that a sandbox makes.

use std::collections::BTreeMap;

use oidc_triage_function::store::dynamodb::DynamoStore;
use triage_decide::evidence::Seen;
use triage_decide::evidence::slot::MARKS_MAX;
use triage_engine::store::Store;

use crate::samples::{See as _, all_answered, answered, at, failures, mark, on, step, us};
use crate::table::{TURN, on_a_wire};
use crate::wire::Wire;

/// A started sandbox: it has the key, and its region is known.
async fn started() -> Option<(DynamoStore, Wire)> {
    let (sandbox, wire) = on_a_wire().await?;
    assert!(sandbox.hasher(on(0)).await.1.is_none());
    sandbox.see(&us(), &failures([mark(1, 1, -600)]), at(-600)).await;
    sandbox.view(&us(), false, on(-600)).await;
    wire.calls();
    Some((sandbox, wire))
}

fn calls<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.into_iter().map(|(operation, many)| (operation.to_owned(), many)).collect()
}

#[tokio::test]
async fn a_start_costs_two_calls_once() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = on_a_wire().await else { return };
    sandbox.hasher(on(0)).await;
    assert_eq!(wire.calls(), calls([("GetItem", 1), ("UpdateItem", 1)]));
    sandbox.hasher(on(0)).await;
    assert_eq!(wire.calls(), calls([]));
}

#[tokio::test]
async fn a_failure_that_takes_no_step_costs_one_write_and_one_read() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = started().await else { return };
    for n in 0..20_u32 {
        let second = i64::from(n) * 3;
        let recorded = sandbox.see(&us(), &failures([mark(1, 100 + n, second)]), at(second)).await;
        assert_eq!(recorded.new, [true]);
        // For the probe, for the decision, and for the outbox, which is empty.
        for _ in 0..2 {
            let view = sandbox.view(&us(), false, on(second)).await;
            assert_eq!(sandbox.pending(&us(), &view, on(0)).await, Ok(vec![]));
        }
        sandbox.flush(on(second)).await;
        assert_eq!(wire.calls(), calls([("UpdateItem", 1), ("BatchGetItem", 1)]));
        let again = sandbox.see(&us(), &failures([mark(1, 100 + n, second)]), at(second)).await;
        assert_eq!((again.new, wire.calls()), (vec![false], calls([])), "known failures are not written again");
    }
}

#[tokio::test]
async fn a_batch_of_ten_thousand_lines_costs_one_write_for_each_slot() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = started().await else { return };
    let marks = (0..10_000).map(|n: u32| mark(u64::from(n % 700), 1000 + n, i64::from(n % 3600)));
    let mut seen = failures(marks);
    seen.answered = (0..1000).map(|n| answered(5000 + n, n as i64 * 3)).collect();
    let recorded = sandbox.see(&us(), &seen, at(3600)).await;
    assert_eq!((recorded.new.len(), recorded.trouble), (10_000, None));
    let view = sandbox.view(&us(), false, on(3600)).await;
    sandbox.flush(on(3600)).await;
    assert_eq!(wire.calls(), calls([("UpdateItem", 30), ("BatchGetItem", 1)]));
    assert_eq!(view.evidence.slots.len(), 30);
}

#[tokio::test]
async fn with_an_incident_open_a_sandbox_writes_once_in_ten_seconds() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = started().await else { return };
    sandbox.commit(&us(), 0, &step(1..=1), on(0)).await.unwrap();
    sandbox.view(&us(), true, on(0)).await;
    wire.calls();
    for n in 0..100_u32 {
        let second = i64::from(n);
        let seen = failures((0..5).map(|k| mark(u64::from(k), 1000 + 5 * n + k, second)));
        assert_eq!(sandbox.see(&us(), &seen, at(second)).await.new, [true; 5]);
        let view = sandbox.view(&us(), false, on(second)).await;
        assert_eq!(
            view.evidence.failures().iter().filter(|mark| mark.at >= at(0)).count() as u32,
            (5 * n + 5).min(MARKS_MAX as u32)
        );
        sandbox.flush(on(second)).await;
    }
    let calls = wire.calls();
    assert_eq!(calls["UpdateItem"], 10, "{calls:?}");
    assert!(calls["BatchGetItem"] <= 20, "{calls:?}");
}

#[tokio::test]
async fn served_calls_cost_one_write_in_ten_seconds() {
    let _turn = TURN.lock().await;
    let Some((sandbox, wire)) = started().await else { return };
    for second in 0..100 {
        let seen: Seen = all_answered((0..3).map(|caller| answered(caller, second)));
        sandbox.see(&us(), &seen, at(second)).await;
        sandbox.flush(on(second)).await;
    }
    assert_eq!(wire.calls(), calls([("UpdateItem", 10)]));
}
