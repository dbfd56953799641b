//! A sandbox whose table is unavailable.

use oidc_triage_function::store::dynamodb::DynamoStore;
use triage_decide::policy::Policy;
use triage_decide::view::StoreError;
use triage_engine::store::Store;
use triage_model::caller::Caller;
use triage_notify::people::Person;

use crate::samples::{See as _, all_answered, answered, at, failures, mark, on, step, us};
use crate::table::config;

/// On a port without a listener.
fn out_of_reach() -> DynamoStore {
    DynamoStore::new(&config("http://127.0.0.1:9"), "none".into(), &Policy::default())
}

fn is_out_of_reach(error: &Option<StoreError>) -> bool {
    matches!(error, Some(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn an_unwritten_record_is_answered_from_memory_with_a_problem() {
    let store = out_of_reach();
    let recorded = store.see(&us(), &failures([mark(1, 1, 0), mark(2, 2, 1), mark(1, 1, 0)]), at(2)).await;
    assert_eq!(recorded.new, [true, true, false]);
    assert!(is_out_of_reach(&recorded.trouble));
    store.see(&us(), &all_answered([answered(3, 2)]), at(3)).await;
    let (regions, trouble) = store.flush(on(3)).await;
    assert_eq!(regions, [us()].into());
    assert!(is_out_of_reach(&trouble));
    let view = store.view(&us(), false, on(4)).await;
    assert_eq!((view.evidence.failures().len(), view.evidence.served().len()), (2, 1));
    assert!(is_out_of_reach(&view.trouble));
}

#[tokio::test]
async fn a_key_of_its_own_lasts_and_nothing_is_written_under_it() {
    let store = out_of_reach();
    let caller = Caller::User("94d00cd8".into());
    let ((first, trouble), (second, _)) = (store.hasher(on(0)).await, store.hasher(on(0)).await);
    assert!(is_out_of_reach(&trouble));
    assert_eq!(first.hash(&caller), second.hash(&caller));
    let recorded = store.see(&us(), &failures([mark(1, 1, 0)]), at(1)).await;
    assert_eq!((recorded.new, recorded.trouble), (vec![true], None), "it does not even try");
    assert!(store.flush(on(60)).await.0.is_empty());
    assert_eq!(store.view(&us(), false, on(60)).await.evidence.failures().len(), 1);
}

#[tokio::test]
async fn decisions_fail_without_the_table() {
    let store = out_of_reach();
    assert!(is_out_of_reach(&store.commit(&us(), 0, &step(1..=1), on(0)).await.err()));
    assert!(is_out_of_reach(&store.claim_retry("a", on(0)).await.err()));
    assert!(is_out_of_reach(&store.regions(on(0)).await.err()));
    assert!(is_out_of_reach(&store.people(&["id-1".to_owned()], on(0)).await.err()));
    let ana = [("id-1".to_owned(), Person::Named("Ana".to_owned()))].into();
    assert!(is_out_of_reach(&store.keep_people(&ana, on(0)).await.err()));
}
