//! Invariants of every kind of store.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use triage_decide::evidence::Seen;
use triage_decide::evidence::learned::Learned;
use triage_decide::evidence::mark::{Mark, Names, Quota, Talker};
use triage_decide::evidence::slot::{MARKS_MAX, Place};
use triage_decide::ledger::Ledger;
use triage_decide::policy::Policy;
use triage_decide::probe_record::ProbeRecord;
use triage_decide::view::View;
use triage_engine::status_page::StatusRecord;
use triage_engine::store::{Claim, Committed, Elected, Settled, Store};
use triage_model::caller::Caller;
use triage_model::classify::Cause;
use triage_model::observation::Origin;
use triage_notify::letter::{Beside, Channel, Step};
use triage_notify::people::Person;

use crate::home::Home;
use crate::rich;
use crate::samples::{
    See as _, all_answered, answered, at, failures, incident, issue, mark, notice, on, region, step, us,
};

const MANY: usize = 64;

/// The number of simultaneous calls: a busy machine's emulator does not answer more within our time-outs.
const AT_ONCE: usize = 16;

async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    stream::iter(futures).buffered(AT_ONCE).collect().await
}

const INTERVAL: Duration = Duration::from_secs(20);

async fn view<S: Store>(store: &S, second: i64) -> View {
    let view = store.view(&us(), true, on(second)).await;
    assert_eq!(view.trouble, None);
    view
}

fn claim(by: &str, until: i64) -> Claim {
    Claim { by: by.into(), until: at(until) }
}

pub async fn a_view_after_a_write_sees_what_all_sandboxes_wrote_at_once<S: Store>(home: &Home<S>) {
    let (us, sandboxes) = (us(), home.sandboxes(MANY));
    let writes = sandboxes.iter().zip(0..).map(|(sandbox, n)| {
        let (us, seen) = (&us, failures([mark(u64::from(n), n, 0)]));
        async move { sandbox.see(us, &seen, at(1)).await }
    });
    for recorded in join_all(writes).await {
        assert_eq!((recorded.new, recorded.trouble), (vec![true], None));
    }
    for sandbox in &sandboxes {
        let view = sandbox.view(&us, false, on(2)).await;
        assert_eq!(view.trouble, None);
        assert_eq!(view.evidence.failures().len(), MANY);
    }
}

pub async fn of_all_who_record_one_failure_at_once_one_finds_it_new<S: Store>(home: &Home<S>) {
    let (us, sandboxes, seen) = (us(), home.sandboxes(MANY), failures([mark(1, 1, 0)]));
    let recorded = join_all(sandboxes.iter().map(|sandbox| sandbox.see(&us, &seen, at(1)))).await;
    let new = recorded.iter().filter(|recorded| recorded.new == [true]).count();
    assert_eq!(new, 1);
    assert_eq!(view(&*home.sandbox(), 2).await.evidence.failures().len(), 1);
}

pub async fn a_failure_seen_in_two_ways_is_new_once<S: Store>(home: &Home<S>) {
    let us = us();
    let through_cloudtrail = mark(1, 1, 119);
    let through_a_log = Mark { origin: Origin::Logs, caller: mark(2, 0, 0).caller, at: at(119), ..through_cloudtrail };
    let first = home.sandbox().see(&us, &failures([through_cloudtrail]), at(120)).await;
    let second = home.sandbox().see(&us, &failures([through_a_log, mark(3, 3, 119)]), at(121)).await;
    assert_eq!((first.new, second.new), (vec![true], vec![false, true]));
    // Callers are counted for each origin, so both marks stay.
    assert_eq!(view(&*home.sandbox(), 122).await.evidence.failures().len(), 3);
}

/// More callers than a slot has room for, some of which fail once and some in a loop.
fn crowd() -> Vec<Mark> {
    let once = (0..300).map(|n| mark(1000 + u64::from(n) * 7919, n, i64::from(n % 200)));
    let often = (0..400).map(|n| mark(u64::from(n % 4), 10_000 + n * 31, i64::from(n % 110)));
    let other_causes = (0..40).map(|n| Mark { cause: Cause::Request, ..mark(u64::from(n % 9), 50_000 + n, 20) });
    once.chain(often).chain(other_causes).collect()
}

pub async fn the_order_of_delivery_and_repeats_change_no_evidence<S: Store>(home: &Home<S>) {
    let (us, eu) = (us(), region("eu-west-1"));
    let in_order = home.sandbox();
    in_order.see(&us, &failures(crowd()), at(200)).await;

    let mut rng = fastrand::Rng::with_seed(7);
    let mut shuffled: Vec<Mark> = crowd().into_iter().flat_map(|mark| vec![mark; rng.usize(1..=3)]).collect();
    rng.shuffle(&mut shuffled);
    let sandboxes = home.sandboxes(8);
    let parts: Vec<Vec<Mark>> = shuffled.chunks(50).map(<[Mark]>::to_vec).collect();
    for round in parts.chunks(sandboxes.len()) {
        let writes = sandboxes.iter().zip(round).map(|(sandbox, marks)| {
            let (eu, seen) = (&eu, failures(marks.iter().copied()));
            async move { sandbox.see(eu, &seen, at(200)).await }
        });
        assert!(join_all(writes).await.iter().all(|recorded| recorded.trouble.is_none()));
    }
    let expected = in_order.view(&us, true, on(201)).await.evidence;
    let evidence = sandboxes[0].view(&eu, true, on(201)).await.evidence;
    assert_eq!(evidence.failures(), expected.failures());
    let beyond: u32 = expected.slots.values().flat_map(|slot| slot.beyond.values()).sum();
    assert_eq!(beyond as usize + expected.failures().len(), crowd().len(), "callers without room are counted");
}

pub async fn a_caller_in_a_loop_hides_nobody_whoever_comes_first<S: Store>(home: &Home<S>) {
    let us = us();
    let in_a_loop = failures((0..2000).map(|n| mark(1, n, i64::from(n % 120))));
    assert_eq!(home.sandbox().see(&us, &in_a_loop, at(120)).await.trouble, None);
    let others = failures((2..90).map(|n| mark(n, 5000 + n as u32, 119)));
    assert_eq!(home.sandbox().see(&us, &others, at(121)).await.trouble, None);
    let evidence = view(&*home.sandbox(), 122).await.evidence;
    let callers: BTreeSet<_> = evidence.failures().iter().map(|mark| mark.caller).collect();
    assert_eq!((callers.len(), evidence.failures().len()), (89, MARKS_MAX));
}

pub async fn what_was_answered_is_seen_at_once_here_and_everywhere_after_a_flush<S: Store>(home: &Home<S>) {
    let (us, here, there) = (us(), home.sandbox(), home.sandbox());
    here.see(&us, &all_answered([answered(1, 0), answered(2, 1)]), at(2)).await;
    assert_eq!(here.view(&us, false, on(2)).await.evidence.served().len(), 2);
    let (regions, trouble) = here.flush(on(2)).await;
    assert_eq!((regions, trouble), ([us.clone()].into(), None));
    let evidence = view(&*there, 3).await.evidence;
    assert_eq!(evidence.served().len(), 2);
    assert_eq!(here.view(&us, false, on(3)).await.evidence, evidence);
}

pub async fn a_flush_comes_once_in_a_while_and_names_its_regions<S: Store>(home: &Home<S>) {
    let (us, eu, sandbox) = (us(), region("eu-west-1"), home.sandbox());
    assert!(sandbox.flush(on(0)).await.0.is_empty(), "nothing was gathered");
    sandbox.see(&us, &all_answered([answered(1, 0)]), at(0)).await;
    assert_eq!(sandbox.flush(on(0)).await.0, [us.clone()].into());
    sandbox.see(&us, &all_answered([answered(2, 1)]), at(1)).await;
    sandbox.see(&eu, &all_answered([answered(2, 1)]), at(1)).await;
    assert!(sandbox.flush(on(9)).await.0.is_empty());
    assert_eq!(sandbox.flush(on(10)).await.0, [us, eu].into());
    assert!(sandbox.flush(on(30)).await.0.is_empty());
}

pub async fn counts_of_several_sandboxes_add_up<S: Store>(home: &Home<S>) {
    let us = us();
    let talker = Talker { who: 0xabc, quota: Quota::Device };
    for (sandbox, n) in home.sandboxes(3).iter().zip(0..) {
        let mut seen = all_answered((0..100).map(|caller| answered(1000 * n + caller, 3)));
        seen.answered[0].served = false;
        seen.talks = vec![(at(4), talker); 5];
        seen.names.talkers.insert(talker.who, "aws-cli/2 at 10.0.0.1".into());
        sandbox.see(&us, &seen, at(5)).await;
        let (_, trouble) = sandbox.flush(on(5 + 10 * n as i64)).await;
        assert_eq!(trouble, None);
    }
    let evidence = view(&*home.sandbox(), 40).await.evidence;
    let slot = evidence.slots.values().next().unwrap();
    let calls = slot.calls[&Place::from(&answered(0, 3).call)];
    assert_eq!((calls.answered, calls.served), (300, 297));
    assert_eq!(slot.talkers[&talker], 15);
    assert_eq!(slot.names.talkers[&talker.who], "aws-cli/2 at 10.0.0.1");
    assert!(slot.is_full_of_served());
}

pub async fn names_are_kept_with_their_marks<S: Store>(home: &Home<S>) {
    let us = us();
    let names = |n: u32| Names {
        callers: [(u64::from(n), format!("caller {n}"))].into(),
        labels: [(7, "InternalServerException".into())].into(),
        tools: [(9, "aws-cli/2.31.0".into())].into(),
        requests: [(n, format!("request {n}"))].into(),
        ..Names::default()
    };
    for n in [1, 2] {
        let seen = Seen { names: names(n), ..failures([mark(u64::from(n), n, 0)]) };
        home.sandbox().see(&us, &seen, at(1)).await;
    }
    let mut expected = names(1);
    expected.extend(names(2));
    assert_eq!(view(&*home.sandbox(), 2).await.evidence.names(), expected);
}

pub async fn evidence_ends_by_time<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.see(&us, &failures([mark(1, 1, 0), mark(2, 2, 1800)]), at(1800)).await;
    for (second, left) in [(3600, 2), (3720, 1), (9000, 0)] {
        for sandbox in [&sandbox, &home.sandbox()] {
            assert_eq!(view(&**sandbox, second).await.evidence.failures().len(), left, "at {second}");
        }
    }
}

pub async fn of_all_who_take_a_step_at_once_one_is_heard<S: Store>(home: &Home<S>) {
    let (us, sandboxes) = (us(), home.sandboxes(MANY));
    for version in 0..3 {
        let sequence = version as u32 + 1;
        let step = step(sequence..=sequence);
        let commits = sandboxes.iter().map(|sandbox| sandbox.commit(&us, version, &step, on(0)));
        let committed: Vec<Committed> = join_all(commits).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(committed.iter().filter(|committed| **committed == Committed::Yes).count(), 1);
    }
    let sandbox = home.sandbox();
    let view = view(&*sandbox, 1).await;
    assert_eq!((view.version, view.ledger.next_position), (3, 3));
    assert_eq!(sandbox.pending(&us, &view, on(0)).await.unwrap().len(), 3);
}

pub async fn a_step_on_an_old_version_is_overtaken<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    assert_eq!(sandbox.commit(&us, 0, &step(1..=1), on(0)).await, Ok(Committed::Yes));
    let other = home.sandbox();
    assert_eq!(other.commit(&us, 0, &step(1..=2), on(0)).await, Ok(Committed::Overtaken));
    assert_eq!(other.commit(&us, 2, &step(1..=2), on(0)).await, Ok(Committed::Overtaken));
    let seen = view(&*other, 1).await;
    assert_eq!((seen.version, &seen.ledger), (1, &step(1..=1).ledger));
    assert_eq!(other.pending(&us, &seen, on(0)).await.unwrap().len(), 1, "an overtaken decision sends nothing");
}

/// A step of `us`, decided on the ledgers of two other regions: the first of them changes.
fn shared(sequence: u32, versions: [u64; 2]) -> Step {
    let changed = Ledger { advised: [("advice".to_owned(), at(i64::from(sequence)))].into(), ..Ledger::default() };
    let beside = |name, version, ledger| Beside { region: region(name), version, ledger };
    let with = vec![beside("eu-west-1", versions[0], Some(changed)), beside("eu-west-2", versions[1], None)];
    Step { with, ..step(sequence..=sequence) }
}

pub async fn a_step_of_several_regions_is_taken_whole_or_not_at_all<S: Store>(home: &Home<S>) {
    let (us, eu, third) = (us(), region("eu-west-1"), region("eu-west-2"));
    let (sandbox, other) = (home.sandbox(), home.sandbox());
    assert_eq!(sandbox.commit(&us, 0, &shared(1, [0, 0]), on(0)).await, Ok(Committed::Yes));
    let versions = async |store: &S, second| {
        let at = on(second);
        let of = async |region| store.view(region, true, at).await;
        (of(&us).await.version, of(&eu).await.version, of(&third).await.version)
    };
    assert_eq!(versions(&other, 1).await, (1, 1, 0), "only what changes has another version");
    assert_eq!(other.view(&eu, true, on(1)).await.ledger, shared(1, [0, 0]).with[0].ledger.clone().unwrap());
    // Another ledger than was decided on, wherever it is: nothing is written.
    for (version, beside) in [(0, [1, 0]), (1, [0, 0]), (1, [2, 0]), (1, [1, 1])] {
        assert_eq!(other.commit(&us, version, &shared(2, beside), on(2)).await, Ok(Committed::Overtaken));
        assert_eq!(versions(&sandbox, 3).await, (1, 1, 0));
    }
    // What is alone goes on by itself.
    assert_eq!(other.commit(&third, 0, &step(1..=1), on(4)).await, Ok(Committed::Yes));
    assert_eq!(sandbox.commit(&us, 1, &shared(2, [1, 0]), on(4)).await, Ok(Committed::Overtaken));
    assert_eq!(sandbox.commit(&us, 1, &shared(2, [1, 1]), on(4)).await, Ok(Committed::Yes));
    assert_eq!(versions(&other, 5).await, (2, 2, 1));
    let seen = view(&*other, 5).await;
    assert_eq!(other.pending(&us, &seen, on(5)).await.unwrap().len(), 2, "one for each step that was taken");
}

pub async fn of_all_who_take_a_step_of_several_regions_at_once_one_is_heard<S: Store>(home: &Home<S>) {
    let (us, sandboxes) = (us(), home.sandboxes(MANY));
    for version in 0..3 {
        let step = shared(version as u32 + 1, [version, 0]);
        let commits = sandboxes.iter().map(|sandbox| sandbox.commit(&us, version, &step, on(0)));
        let committed: Vec<Committed> = join_all(commits).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(committed.iter().filter(|committed| **committed == Committed::Yes).count(), 1);
    }
    let sandbox = home.sandbox();
    let view = view(&*sandbox, 1).await;
    assert_eq!(sandbox.pending(&us, &view, on(0)).await.unwrap().len(), 3);
}

pub async fn notices_wait_in_the_order_of_their_steps<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.commit(&us, 0, &step(1..=3), on(0)).await.unwrap();
    sandbox.commit(&us, 1, &step(4..=12), on(1)).await.unwrap();
    let other = home.sandbox();
    let view = view(&*other, 2).await;
    let entries = other.pending(&us, &view, on(0)).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    for (entry, sequence) in entries.iter().zip(1..) {
        assert_eq!(entry.notice, notice(sequence));
        assert_eq!((entry.attempts, &entry.claimed_by, entry.not_before), (0, &None, None));
    }
}

pub async fn of_all_who_claim_at_once_one_gets_it<S: Store>(home: &Home<S>) {
    let (us, sandboxes) = (us(), home.sandboxes(MANY));
    sandboxes[0].commit(&us, 0, &step(1..=1), on(0)).await.unwrap();
    let claims: Vec<Claim> = (0..MANY).map(|n| claim(&n.to_string(), 60)).collect();
    let asked = sandboxes.iter().zip(&claims).map(|(sandbox, claim)| sandbox.claim(&us, 0, claim, on(1)));
    let granted: Vec<_> = join_all(asked).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(granted.len(), 1);
    assert_eq!((granted[0].attempts, granted[0].not_before, &granted[0].notice), (1, Some(at(60)), &notice(1)));
    assert_eq!(sandboxes[0].claim(&us, 7, &claims[0], on(1)).await, Ok(None), "there is no such entry");
}

pub async fn a_claim_seen_again_is_its_claimants<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.commit(&us, 0, &step(1..=1), on(0)).await.unwrap();
    assert!(sandbox.claim(&us, 0, &claim("a", 60), on(1)).await.unwrap().is_some());
    assert!(sandbox.claim(&us, 0, &claim("a", 60), on(2)).await.unwrap().is_some());
    assert!(sandbox.claim(&us, 0, &claim("b", 60), on(3)).await.unwrap().is_none());
}

pub async fn a_claim_ends_by_time<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.commit(&us, 0, &step(1..=1), on(0)).await.unwrap();
    sandbox.claim(&us, 0, &claim("a", 60), on(1)).await.unwrap();
    let other = home.sandbox();
    assert!(other.claim(&us, 0, &claim("b", 120), on(59)).await.unwrap().is_none());
    let again = other.claim(&us, 0, &claim("b", 120), on(60)).await.unwrap().unwrap();
    assert_eq!((again.attempts, again.claimed_by.as_deref()), (2, Some("b")));
}

pub async fn a_notice_that_was_not_taken_waits_and_a_sent_one_is_gone<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.commit(&us, 0, &step(1..=2), on(0)).await.unwrap();
    sandbox.claim(&us, 0, &claim("a", 60), on(1)).await.unwrap();
    sandbox.settle(&us, 0, "a", &Settled::Failed { not_before: at(90) }, on(0)).await.unwrap();
    assert!(sandbox.claim(&us, 0, &claim("b", 160), on(89)).await.unwrap().is_none());
    assert!(sandbox.claim(&us, 0, &claim("b", 160), on(90)).await.unwrap().is_some());
    let sent = Settled::Sent { at: at(91), message_id: Some("m-1".into()) };
    sandbox.settle(&us, 0, "b", &sent, on(0)).await.unwrap();
    assert!(sandbox.claim(&us, 0, &claim("c", 1000), on(900)).await.unwrap().is_none());
    let other = home.sandbox();
    let view = view(&*other, 901).await;
    let entries = other.pending(&us, &view, on(0)).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.position).collect::<Vec<_>>(), [1]);
}

pub async fn who_has_lost_a_claim_settles_nothing<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.commit(&us, 0, &step(1..=1), on(0)).await.unwrap();
    sandbox.claim(&us, 0, &claim("a", 60), on(1)).await.unwrap();
    sandbox.claim(&us, 0, &claim("b", 160), on(60)).await.unwrap();
    sandbox.settle(&us, 0, "a", &Settled::Failed { not_before: at(61) }, on(0)).await.unwrap();
    assert!(sandbox.claim(&us, 0, &claim("c", 260), on(62)).await.unwrap().is_none());
    assert!(sandbox.claim(&us, 0, &claim("b", 260), on(62)).await.unwrap().is_some());
}

pub async fn what_was_held_back_was_no_attempt<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.commit(&us, 0, &step(1..=1), on(0)).await.unwrap();
    sandbox.claim(&us, 0, &claim("a", 60), on(1)).await.unwrap();
    sandbox.settle(&us, 0, "a", &Settled::HeldBack { not_before: at(30) }, on(0)).await.unwrap();
    assert!(sandbox.claim(&us, 0, &claim("b", 90), on(29)).await.unwrap().is_none());
    let claimed = home.sandbox().claim(&us, 0, &claim("b", 90), on(30)).await.unwrap().unwrap();
    assert_eq!(claimed.attempts, 1);
}

pub async fn letters_keep_their_channels<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    let channels = [Channel::Topic, Channel::Pager, Channel::Bus];
    let step = Step::new(Ledger { incident: Some(incident()), ..Ledger::default() }, &[notice(1)], &channels);
    assert_eq!(step.ledger.next_position, 3);
    sandbox.commit(&us, 0, &step, on(0)).await.unwrap();
    let other = home.sandbox();
    let view = view(&*other, 1).await;
    let entries = other.pending(&us, &view, on(0)).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| (entry.position, entry.channel)).collect::<Vec<_>>(),
        [(0, Channel::Topic), (1, Channel::Pager), (2, Channel::Bus)]
    );
    assert!(entries.iter().all(|entry| entry.notice == notice(1)));
}

pub async fn an_admission_that_was_taken_back_holds_nobody_up<S: Store>(home: &Home<S>) {
    let (sandbox, policy) = (home.sandbox(), Policy::default());
    assert_eq!(sandbox.admit("a", true, &policy, on(0)).await, Ok(Ok(())));
    assert_eq!(home.sandbox().admit("a", true, &policy, on(1)).await, Ok(Err(at(60))));
    assert_eq!(sandbox.retract("a", on(0)).await, Ok(()));
    assert_eq!(home.sandbox().admit("a", true, &policy, on(1)).await, Ok(Ok(())));
}

pub async fn people_are_told_no_more_than_they_may_be_however_many_tell_at_once<S: Store>(home: &Home<S>) {
    let policy = Policy { notices_per_minute: 5, ..Policy::default() };
    let sandboxes = home.sandboxes(MANY);
    for (second, expected) in [(0, 5), (59, 0), (60, 5)] {
        let groups: Vec<String> = (0..MANY).map(|n| format!("incident {n} of {second}")).collect();
        let asked =
            sandboxes.iter().zip(&groups).map(|(sandbox, group)| sandbox.admit(group, true, &policy, on(second)));
        let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), expected, "at {second}");
        assert!(
            answers.iter().filter_map(|answer| answer.err()).all(|wait| wait == at(if second < 60 { 60 } else { 120 }))
        );
    }
    let again = home.sandbox().admit("incident 0 of 60", true, &Policy::default(), on(61)).await.unwrap();
    assert!(again.is_ok() || again == Err(at(120)), "of one incident once a minute");
}

pub async fn sent_notices_are_not_looked_at_again<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    sandbox.commit(&us, 0, &step(1..=3), on(0)).await.unwrap();
    for position in [0, 2] {
        sandbox.claim(&us, position, &claim("a", 60), on(1)).await.unwrap();
        sandbox.settle(&us, position, "a", &Settled::Sent { at: at(1), message_id: None }, on(0)).await.unwrap();
    }
    let before = view(&*sandbox, 2).await;
    assert_eq!(sandbox.pending(&us, &before, on(0)).await.unwrap().len(), 1);
    let after = view(&*home.sandbox(), 3).await;
    assert_eq!(after.sent_below, 1);
    assert_eq!((after.version, after.ledger), (1, before.ledger));
}

pub async fn one_of_all_is_elected_to_probe_in_an_interval<S: Store>(home: &Home<S>) {
    let (us, sandboxes) = (us(), home.sandboxes(MANY));
    for (second, expected) in [(0, 1), (19, 0), (20, 1), (25, 0), (-41, 1)] {
        let asked = sandboxes.iter().map(|sandbox| sandbox.elect_probe(&us, INTERVAL, on(second)));
        let elected: Vec<Elected> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        let many = elected.iter().filter(|elected| **elected == Elected::Yes).count();
        assert_eq!(many, expected, "at {second}");
    }
    let elsewhere = sandboxes[0].elect_probe(&region("eu-west-1"), INTERVAL, on(-41)).await;
    assert_eq!(elsewhere, Ok(Elected::Yes));
}

pub async fn what_a_probe_found_is_known_to_all<S: Store>(home: &Home<S>) {
    let (us, sandbox) = (us(), home.sandbox());
    let probe = ProbeRecord { own_client_ids: vec!["client-1".into()], ..ProbeRecord::default() };
    assert_eq!(sandbox.elect_probe(&us, INTERVAL, on(0)).await, Ok(Elected::Yes));
    sandbox.record_probe(&us, &probe, on(0)).await.unwrap();
    assert_eq!(sandbox.view(&us, false, on(1)).await.probe, probe);
    assert_eq!(view(&*home.sandbox(), 1).await.probe, probe);
    assert_eq!(home.sandbox().elect_probe(&us, INTERVAL, on(2)).await, Ok(Elected::No));
}

pub async fn what_was_learned_is_replaced_by_who_knew_it<S: Store>(home: &Home<S>) {
    let (us, sandbox, other) = (us(), home.sandbox(), home.sandbox());
    let learned = |second, calls| Learned { until: Some(at(second)), calls, ..Learned::default() };
    sandbox.learn(&us, &Learned::default(), &learned(120, 5), on(0)).await.unwrap();
    other.learn(&us, &Learned::default(), &learned(120, 500), on(0)).await.unwrap();
    assert_eq!(view(&*other, 1).await.learned.calls, 5);
    other.learn(&us, &learned(120, 5), &learned(240, 9), on(0)).await.unwrap();
    sandbox.learn(&us, &learned(120, 5), &learned(240, 700), on(0)).await.unwrap();
    assert_eq!(view(&*sandbox, 2).await.learned, learned(240, 9));
}

pub async fn regions_are_those_that_something_was_recorded_of<S: Store>(home: &Home<S>) {
    let sandbox = home.sandbox();
    assert_eq!(sandbox.regions(on(0)).await, Ok(BTreeSet::new()));
    sandbox.view(&region("eu-west-3"), false, on(0)).await;
    sandbox.see(&us(), &failures([mark(1, 1, 0)]), at(0)).await;
    sandbox.see(&region("eu-west-1"), &all_answered([answered(1, 0)]), at(0)).await;
    sandbox.flush(on(0)).await;
    assert_eq!(home.sandbox().regions(on(0)).await, Ok([us(), region("eu-west-1")].into()));
}

pub async fn of_two_states_of_an_issue_the_later_one_counts<S: Store>(home: &Home<S>) {
    let sandbox = home.sandbox();
    for (second, words) in [(60, "second"), (0, "first"), (120, "third"), (90, "late")] {
        sandbox.record_health(&issue(Some(us()), second, words), on(0)).await.unwrap();
    }
    let view = view(&*home.sandbox(), 121).await;
    let described: Vec<&str> = view.evidence.health.values().map(|issue| issue.description.as_str()).collect();
    assert_eq!(described, ["third"]);
    let elsewhere = sandbox.view(&region("eu-west-1"), true, on(121)).await;
    assert!(elsewhere.evidence.health.is_empty());
}

pub async fn an_issue_without_a_region_counts_everywhere<S: Store>(home: &Home<S>) {
    let sandbox = home.sandbox();
    assert!(sandbox.view(&us(), false, on(0)).await.evidence.health.is_empty());
    sandbox.record_health(&issue(None, 0, "somewhere"), on(0)).await.unwrap();
    for region in [us(), region("eu-west-1")] {
        for sandbox in [&sandbox, &home.sandbox()] {
            let view = sandbox.view(&region, false, on(1)).await;
            assert_eq!(view.evidence.open_issues(at(1)).count(), 1);
        }
    }
}

pub async fn a_call_may_be_made_again_once<S: Store>(home: &Home<S>) {
    let (us, sandboxes) = (us(), home.sandboxes(MANY));
    sandboxes[0].see(&us, &failures([mark(1, 1, 0)]), at(0)).await;
    let asked = sandboxes.iter().map(|sandbox| sandbox.claim_retry("request-1", on(1)));
    let granted = join_all(asked).await.into_iter().filter(|granted| *granted == Ok(true)).count();
    assert_eq!(granted, 1);
    assert_eq!(sandboxes[0].claim_retry("request-2", on(1)).await, Ok(true));
}

pub async fn all_sandboxes_hash_callers_alike<S: Store>(home: &Home<S>) {
    let sandboxes = home.sandboxes(MANY);
    let caller = Caller::User("94d00cd8".into());
    let hashers = join_all(sandboxes.iter().map(|sandbox| sandbox.hasher(on(0)))).await;
    assert!(hashers.iter().all(|(_, trouble)| trouble.is_none()));
    let hashes: BTreeSet<_> = hashers.iter().map(|(hasher, _)| hasher.hash(&caller)).collect();
    assert_eq!(hashes.len(), 1);
}

fn people(known: &[(&str, Person)]) -> BTreeMap<String, Person> {
    known.iter().map(|(id, person)| ((*id).to_owned(), person.clone())).collect()
}

pub async fn who_people_are_is_known_to_all_sandboxes<S: Store>(home: &Home<S>) {
    let [one, other] = [home.sandbox(), home.sandbox()];
    let ids = ["id-1", "id-2", "id-3"].map(str::to_owned);
    assert_eq!(one.people(&ids, on(0)).await, Ok(BTreeMap::new()));
    let known = people(&[("id-1", Person::Named("Ana (ana)".into())), ("id-2", Person::Unknown)]);
    assert_eq!(one.keep_people(&known, on(0)).await, Ok(()));
    assert_eq!(other.people(&ids, on(1)).await, Ok(known.clone()));
    assert_eq!(other.people(&ids[..1], on(1)).await.map(|people| people.len()), Ok(1));
    // Who was not found then has a name by now, and the other way round.
    let changed = people(&[("id-1", Person::Unknown), ("id-2", Person::Named("Ben".into()))]);
    assert_eq!(other.keep_people(&changed, on(2)).await, Ok(()));
    assert_eq!(one.people(&ids, on(3)).await, Ok(changed));
    assert_eq!(one.keep_people(&BTreeMap::new(), on(3)).await, Ok(()));
}

pub async fn a_name_is_kept_for_a_day_and_that_there_is_none_for_an_hour<S: Store>(home: &Home<S>) {
    const HOUR: i64 = 60 * 60;
    let store = home.sandbox();
    let ids = ["id-1", "id-2"].map(str::to_owned);
    let (named, unknown) = (("id-1", Person::Named("Ana".into())), ("id-2", Person::Unknown));
    let kept = store.keep_people(&people(&[named.clone(), unknown.clone()]), on(0)).await;
    assert_eq!(kept, Ok(()));
    for (second, known) in [
        (HOUR - 1, people(&[named.clone(), unknown])),
        (HOUR, people(std::slice::from_ref(&named))),
        (24 * HOUR - 1, people(&[named])),
        (24 * HOUR, people(&[])),
    ] {
        assert_eq!(store.people(&ids, on(second)).await, Ok(known), "{second}");
    }
}

pub async fn what_is_kept_of_the_status_page_is_known_to_all_sandboxes<S: Store>(home: &Home<S>) {
    let (kept, written) = (rich::kept(), rich::written());
    assert_eq!(home.sandbox().status(on(0)).await, Ok(StatusRecord::default()));
    home.sandbox().note_status(&written, on(1)).await.unwrap();
    home.sandbox().keep_status_incidents(&kept, on(2)).await.unwrap();
    let record = StatusRecord { kept, written: Some(written) };
    assert_eq!(home.sandbox().status(on(3)).await, Ok(record), "neither write takes from the other");
}
