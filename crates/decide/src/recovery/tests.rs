use std::collections::BTreeMap;

use proptest::prelude::*;
use triage_model::classify::Cause;
use triage_model::observation::{Operation, Origin};

use super::*;
use crate::cell::Dimension;
use crate::evidence::Evidence;
use crate::evidence::mark::{Answered, Mark, ServedCall};
use crate::evidence::slot::{SLOT_SECONDS, slot_of};
use crate::probe_record::ProbeRecord;
use crate::scope::{Scope, Shared};
use crate::sequential::test;
use crate::testing::marks::{at, failure, incident, served};
use crate::testing::one_case_in;

const LABEL: u16 = 7;

/// One call of a made-up history.
#[derive(Clone, Copy)]
struct Call {
    second: i64,
    by: u64,
    fails: bool,
}

/// Calls at random times, so many a second, of so many callers. A share of them fails from second 0 to `end`.
fn history(rate: f64, callers: u64, share: f64, end: i64, seed: u64) -> Vec<Call> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut calls = Vec::new();
    let mut second = -600.0;
    while second < (end + 600) as f64 {
        second -= random.f64().ln() / rate;
        let fails = (0.0..end as f64).contains(&second) && random.f64() < share;
        calls.push(Call { second: second as i64, by: random.u64(1..=callers), fails });
    }
    calls
}

/// What became of an incident: seconds after the true end.
#[derive(Debug, PartialEq)]
struct Life {
    opened: i64,
    over: Option<i64>,
    proved: bool,
    /// Calls served between the true end and the proof.
    served: usize,
}

/// Replays the calls, a decision every 20 seconds.
fn live(calls: &[Call], end: i64, mut change: impl FnMut(&mut View)) -> Option<Life> {
    let policy = Policy::default();
    let mut view = View::default();
    change(&mut view);
    let mut rest = calls.iter().peekable();
    let mut open: Option<Incident> = None;
    let last = calls.iter().map(|call| call.second).max().unwrap();
    for now in (-600..last + 20).step_by(20) {
        while let Some(call) = rest.next_if(|call| call.second <= now) {
            if call.fails {
                view.evidence.add_failure(failure(call.second, call.by));
            } else {
                view.evidence.add_answered(&served(call.second, call.by));
            }
        }
        view.evidence.forget(at(now), policy.evidence);
        if let Some(incident) = &open {
            let found = recovery(&view, incident, &policy, at(now));
            if let Some(over) = found.over_at {
                let second = over.as_second() - at(0).as_second();
                let served = calls.iter().filter(|call| !call.fails && (end..=second).contains(&call.second)).count();
                let opened = incident.opened_at.as_second() - at(0).as_second();
                assert!(over <= at(now), "not in the future");
                return Some(Life { opened, over: Some(second - end), proved: found.proved, served });
            }
        } else if let Some(run) = test(&view, Origin::CloudTrail, &policy, at(now))
            && run.crossed_at.is_some()
        {
            open = Some(Incident { since: run.began_at, ..incident(0, now) });
        }
    }
    open.map(|open| Life {
        opened: open.opened_at.as_second() - at(0).as_second(),
        over: None,
        proved: false,
        served: 0,
    })
}

#[test]
fn an_outage_is_never_over_before_its_end_and_soon_after_it() {
    for (rate, share) in [(5.0, 1.0), (1.0, 1.0), (1.0, 0.5), (5.0, 0.2), (1.0, 0.2), (5.0, 0.05)] {
        for seed in 0..2 {
            let end = 900;
            let calls = history(rate, 400, share, end, seed);
            let life = live(&calls, end, |_| ()).unwrap_or_else(|| panic!("not found: {share} of {rate}, {seed}"));
            let over = life.over.unwrap();
            assert!(life.proved && (240..=360).contains(&over), "{share} of {rate} a second, seed {seed}: {life:?}");
        }
    }
}

#[test]
fn an_outage_that_becomes_partial_is_not_over() {
    for seed in 0..2 {
        let mut random = fastrand::Rng::with_seed(seed);
        let end = 1500;
        let mut calls = history(1.0, 400, 1.0, end, seed);
        for call in calls.iter_mut().filter(|call| call.second > 600) {
            call.fails &= random.f64() < 0.2;
        }
        let life = live(&calls, end, |_| ()).unwrap();
        assert!((240..=360).contains(&life.over.unwrap()), "seed {seed}: {life:?}");
    }
}

#[test]
fn a_trickle_of_calls_proves_it_at_the_fifth_served_one() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let end = 1500;
        let calls: Vec<Call> = (-15..60)
            .map(|nth| {
                let second = 75 * nth + random.i64(0..20);
                Call { second, by: random.u64(1..=5), fails: (0..end).contains(&second) }
            })
            .collect();
        let life = live(&calls, end, |_| ()).unwrap();
        assert!(life.proved && life.served == 5 && life.over.unwrap() >= 280, "seed {seed}: {life:?}");
    }
}

#[test]
fn a_few_failures_at_night_are_enough_to_be_proved_over_by_five_calls() {
    let mut calls: Vec<Call> = (1..=3).map(|by| Call { second: 20 * by, by: by as u64, fails: true }).collect();
    calls.extend((1..=9).map(|nth| Call { second: 60 + 100 * nth, by: nth as u64 % 4 + 4, fails: false }));
    let life = live(&calls, 60, |view| {
        view.learned.succeeded.insert(Origin::CloudTrail, at(-3600));
    });
    // A decision every 20 seconds, and the fifth call a hundred times five after the last failure.
    assert_eq!(life, Some(Life { opened: 60, over: Some(500), proved: true, served: 5 }));
}

#[test]
fn a_broken_caller_that_is_left_out_hinders_nothing() {
    let end = 900;
    let mut calls = history(0.3, 100, 1.0, end, 1);
    calls.extend((0..500).map(|nth| Call { second: 4 * nth, by: 1 << 40, fails: true }));
    calls.sort_by_key(|call| call.second);
    let life = live(&calls, end, |view| {
        view.ledger.left_out.insert(1 << 40, at(0));
    });
    assert!((280..=360).contains(&life.unwrap().over.unwrap()));
    let hindered = live(&calls, end, |_| ()).unwrap();
    assert!(hindered.over.is_none_or(|over| over > 360), "it would, were it not left out: {hindered:?}");
}

#[test]
fn served_calls_of_one_caller_prove_nothing() {
    let mut calls: Vec<Call> = (1..=40).map(|by| Call { second: by, by: by as u64 % 5, fails: true }).collect();
    calls.extend((1..=100).map(|nth| Call { second: 40 + 10 * nth, by: 9, fails: false }));
    let alone = live(&calls, 40, |view| {
        view.learned.succeeded.insert(Origin::CloudTrail, at(-3600));
    });
    assert!(!alone.unwrap().proved);
}

/// Twenty callers failed in the first twenty seconds, one after the other.
fn view_of_an_outage() -> View {
    let mut view = View::default();
    for by in 1..=20 {
        view.evidence.add_failure(failure(by, by as u64));
    }
    view
}

fn serve(view: &mut View, from: i64, to: i64, change: impl Fn(Answered) -> Answered) {
    for second in from..to {
        view.evidence.add_answered(&change(served(second, 100 + second as u64 % 7)));
    }
}

fn over(view: &View, incident: &Incident, now: i64) -> Option<i64> {
    let over = recovery(view, incident, &Policy::default(), at(now)).over_at;
    over.map(|over| over.as_second() - at(0).as_second())
}

#[test]
fn each_reopening_doubles_the_waiting_time() {
    let mut view = view_of_an_outage();
    serve(&mut view, 30, 3300, |call| call);
    let first = |reopened| {
        let incident = Incident { reopened, ..incident(1, 3) };
        (0..3300).step_by(10).find_map(|now| over(&view, &incident, now))
    };
    assert_eq!([0, 1, 2].map(first), [320, 620, 1220].map(Some));
    assert_eq!(first(9), Some(1820), "of more than half of the evidence nothing is known");
    let reopened = Incident { reopened: 1, reopened_at: Some(at(100)), enough_at: at(100), ..incident(1, 3) };
    assert_eq!(over(&view, &reopened, 690), None, "it counts from the reopening");
    assert_eq!(over(&view, &reopened, 700), Some(700));
}

#[test]
fn an_outage_that_came_to_light_late_is_proved_over_by_calls_of_its_own_time() {
    let mut view = view_of_an_outage();
    serve(&mut view, 30, 500, |call| call);
    let opened_late = Incident { enough_at: at(3), ..incident(1, 480) };
    assert_eq!(over(&view, &opened_late, 480), Some(320));
    assert_eq!(over(&view, &incident(1, 480), 480), None, "had it come to light only by what occurred then");
}

/// The same call of another operation.
fn on(operation: Operation, answered: Answered) -> Answered {
    Answered { call: ServedCall { operation: Some(operation), ..answered.call }, ..answered }
}

/// One that failed in the first seconds.
fn part(operation: Operation) -> Part {
    Part { operation: Some(operation), grant: None, since: at(1), last_failure: at(20), so_far: None, proved_at: None }
}

#[test]
fn calls_of_operations_that_did_not_fail_prove_nothing() {
    let mut view = view_of_an_outage();
    serve(&mut view, 30, 600, |answered| on(Operation::RegisterClient, answered));
    let incident = Incident { parts: vec![part(Operation::CreateToken)], ..incident(1, 3) };
    assert_eq!(over(&view, &incident, 600), None);
    serve(&mut view, 400, 410, |call| call);
    // Seven callers are marked by their first calls; the three more count as spread over the time up to these.
    assert_eq!(over(&view, &incident, 600), Some(403));
}

#[test]
fn where_no_part_was_kept_calls_of_operations_that_did_not_fail_prove_nothing_either() {
    let mut view = view_of_an_outage();
    serve(&mut view, 30, 600, |answered| on(Operation::RegisterClient, answered));
    let kept = Incident { reported_operations: [Operation::CreateToken].into(), ..incident(1, 3) };
    assert_eq!(over(&view, &kept, 600), None, "as the version before kept it");
}

#[test]
fn only_failures_of_the_incidents_own_kind_keep_it_open() {
    let admin = Concern::Admin { label: LABEL, name: "KMS_DISABLED".into(), key: true };
    let operation = Some(Operation::CreateToken);
    let request = Concern::Request { label: LABEL, name: "InvalidGrantException".into(), operation };
    for (concern, cause) in [(Concern::Service, Cause::Unreachable), (admin, Cause::Admin), (request, Cause::Request)] {
        let own = Mark { cause, label: LABEL, ..failure(0, 1) };
        let foreign = [
            Mark { cause: Cause::Throttled, ..own },
            Mark { cause: if cause == Cause::Admin { Cause::Request } else { Cause::Admin }, ..own },
        ];
        let other_label = Mark { label: 8, ..own };
        for (mark, keeps) in foreign
            .map(|mark| (mark, false))
            .into_iter()
            .chain([(own, true), (other_label, concern == Concern::Service)])
        {
            let mut view = View::default();
            for second in 1..=20 {
                view.evidence.add_failure(Mark { at: at(second), id: second as u32, ..own });
                view.evidence.add_failure(Mark { at: at(second + 300), id: 100 + second as u32, ..mark });
            }
            serve(&mut view, 30, 600, |call| call);
            let incident = Incident { concern: concern.clone(), ..incident(1, 3) };
            assert_eq!(over(&view, &incident, 330).is_none(), keeps, "{concern:?} and {mark:?}");
        }
    }
}

#[test]
fn a_failure_seen_in_a_log_too_counts_once() {
    let proof = |twice: bool| {
        let mut view = View::default();
        for second in 1..=4 {
            let mark = failure(second, 1);
            view.evidence.add_failure(mark);
            if twice {
                view.evidence.add_failure(Mark { origin: Origin::Logs, at: at(second + 1), ..mark });
            }
        }
        serve(&mut view, 30, 90, |call| call);
        let words = recovery(&view, &incident(1, 1), &Policy::default(), at(90)).reasons;
        words.join("; ")
    };
    assert_eq!(proof(true), proof(false));
}

#[test]
fn the_evidence_is_given_in_words_and_numbers() {
    let mut view = view_of_an_outage();
    let reported = |view: &View, now| recovery(view, &incident(1, 3), &Policy::default(), at(now)).reasons;
    assert_eq!(
        reported(&view, 25),
        [
            "0 calls of 0 callers were served since 12:00:20 UTC and none failed",
            "odds of 1 to 1 that it is over; 1000 to 1, 5 calls and 2 callers are needed",
        ]
    );
    serve(&mut view, 120, 240, |call| call);
    assert_eq!(reported(&view, 250)[1], "it must hold until 12:05:20 UTC");
    assert_eq!(
        reported(&view, 320),
        [
            "120 calls of 7 callers were served since 12:00:20 UTC and none failed",
            "odds of more than 1000 to 1 that it is over"
        ]
    );
}

#[test]
fn half_an_hour_of_silence_ends_it_without_proof() {
    let view = view_of_an_outage();
    assert_eq!(over(&view, &incident(1, 3), 20 + 1799), None);
    let found = recovery(&view, &incident(1, 3), &Policy::default(), at(20 + 1800));
    assert_eq!((found.over_at, found.proved), (Some(at(1820)), false));
    assert!(found.reasons[0].contains("nothing else confirms that it is over"), "{:?}", found.reasons);
    // Late records do not end it at once.
    assert_eq!(over(&view, &incident(1, 1500), 3200), None);
    assert_eq!(over(&view, &Incident { reopened_at: Some(at(1600)), ..incident(1, 3) }, 3300), None);
}

/// Of a region in which successes of that operation are seen as a rule.
fn view_with_successes(operations: &[Operation]) -> View {
    let mut view = view_of_an_outage();
    for operation in operations {
        let known = view.learned.cells.entry(Cell::Operation(*operation)).or_default();
        known.succeeded.insert(Origin::CloudTrail, at(-3600));
    }
    view
}

const START: Operation = Operation::StartDeviceAuthorization;

#[test]
fn parts_are_proved_one_after_the_other_in_either_order() {
    let parts = [Operation::CreateToken, START];
    for (first, second) in [(0, 1), (1, 0)] {
        let mut view = view_of_an_outage();
        for by in 1..=20 {
            view.evidence.add_failure(Mark { operation: Some(START), id: by as u32, ..failure(by, by as u64) });
        }
        let mut incident = Incident { parts: parts.map(part).to_vec(), ..incident(1, 3) };
        serve(&mut view, 30, 900, |answered| on(parts[first], answered));
        let found = recovery(&view, &incident, &Policy::default(), at(900));
        assert_eq!(found.over_at, None, "{first}");
        let proved_at = found.parts[first].proved_at;
        assert!(proved_at.is_some() && found.parts[second].proved_at.is_none(), "{found:#?}");
        // It is noted, and stays proved when the calls that proved it are old.
        incident.parts[first].proved_at = proved_at;
        view.evidence.slots.retain(|begin, _| *begin < at(120).as_second());
        serve(&mut view, 900, 1800, |answered| on(parts[second], answered));
        let found = recovery(&view, &incident, &Policy::default(), at(1800));
        assert!(found.proved && found.over_at.is_some() && found.over_at > proved_at, "{found:#?}");
        // Unless it fails again.
        for by in 1..=20 {
            let operation = Some(parts[first]);
            view.evidence.add_failure(Mark { operation, id: 900 + by, ..failure(1700 + i64::from(by), u64::from(by)) });
        }
        assert_eq!(over(&view, &incident, 1800), None);
    }
}

#[test]
fn silence_is_no_proof_where_calls_are_seen_as_a_rule() {
    let view = view_with_successes(&[Operation::CreateToken]);
    let incident = Incident { parts: vec![part(Operation::CreateToken)], last_failure: Some(at(20)), ..incident(1, 3) };
    let found = |now| recovery(&view, &incident, &Policy::default(), at(now));
    assert_eq!((found(1819).silent_since, found(1819).over_at), (None, None));
    for now in [1820, 3600, 20 + 43_199] {
        assert_eq!((found(now).silent_since, found(now).over_at), (Some(at(20)), None), "{now}");
    }
    let given_up = found(20 + 43_200);
    assert_eq!((given_up.over_at, given_up.proved), (Some(at(20 + 43_200)), false), "after twelve hours");
}

/// Both steps failed for twenty callers each, the second one up to that second.
fn view_of_two_steps(last: i64) -> (View, Incident) {
    let mut view = view_with_successes(&[Operation::CreateToken, START]);
    for by in 1..=20 {
        let failed = failure(last - 20 + by, by as u64);
        view.evidence.add_failure(Mark { operation: Some(START), id: by as u32, ..failed });
    }
    let start = Part { last_failure: at(last), ..part(START) };
    let parts = vec![part(Operation::CreateToken), start];
    (view, Incident { parts, last_failure: Some(at(last)), ..incident(1, 3) })
}

#[test]
fn healthy_probes_of_each_step_that_failed_prove_it_though_nobody_calls() {
    let (mut view, incident) = view_of_two_steps(700);
    let never_down = |from, to| StepRecord { down_since: None, down_last: None, ..step(0, 9, from, to) };
    view.probe.steps.insert(Operation::CreateToken, never_down(30, 1300));
    assert_eq!(over(&view, &incident, 1300), None, "only one of two steps");
    view.probe.steps.insert(START, never_down(30, 1299));
    assert_eq!(over(&view, &incident, 1300), None, "599 seconds");
    view.probe.steps.insert(START, never_down(30, 1300));
    let found = recovery(&view, &incident, &Policy::default(), at(1300));
    assert_eq!((found.over_at, found.proved), (Some(at(1300)), true));
    // A probe has no tool of anybody's.
    let shared = Shared { dimension: Dimension::Tool, hash: 7, name: "acme-login/3.0".into() };
    let scope = Scope { shared: Some(shared), ..Scope::default() };
    assert_eq!(over(&view, &Incident { scope, ..incident }, 1300), None);
}

#[test]
fn a_step_that_nobody_calls_is_not_over_because_another_one_is() {
    let (mut view, incident) = view_of_two_steps(20);
    serve(&mut view, 30, 2400, |call| call);
    let found = recovery(&view, &incident, &Policy::default(), at(2400));
    assert!(found.parts[0].proved_at.is_some());
    assert_eq!(found.over_at, None, "twenty callers were affected by it, and silence is no proof: {found:#?}");
}

/// A step that was down in that second, and then healthy so many times from one second to another.
fn step(down: i64, times: u32, from: i64, to: i64) -> StepRecord {
    StepRecord {
        down_since: Some(at(down)),
        down_last: Some(at(down)),
        healthy_times: times,
        healthy_since: Some(at(from)),
        healthy_last: Some(at(to)),
    }
}

#[test]
fn a_step_that_was_down_and_is_well_again_proves_it() {
    let healthy = step(60, 3, 200, 320);
    let table = [
        (vec![healthy.clone()], Some(320)),
        (vec![], None),
        (vec![StepRecord { healthy_times: 2, ..healthy.clone() }], None),
        (vec![step(60, 9, 201, 320)], None),
        (vec![step(60, 9, 200, 400)], Some(400)),
        (vec![step(-400, 9, 200, 400)], None),
        (vec![step(-200, 9, 200, 400)], Some(400)),
        (vec![StepRecord { healthy_since: None, healthy_last: None, ..healthy.clone() }], None),
        (vec![step(200, 3, 200, 320)], None),
        (vec![step(60, 3, 19, 320)], None),
        (vec![healthy.clone(), step(60, 1, 200, 200)], None),
        (vec![healthy.clone(), step(60, 4, 250, 380)], Some(380)),
        (vec![healthy.clone(), step(-10_000, 1, -500, -400)], Some(320)),
    ];
    for (steps, expected) in table {
        let mut view = view_of_an_outage();
        let operations = [Operation::RegisterClient, Operation::CreateToken];
        let steps: BTreeMap<_, _> = operations.into_iter().zip(steps).collect();
        view.probe = ProbeRecord { steps: steps.clone(), ..ProbeRecord::default() };
        let incident = incident(1, 3);
        assert_eq!(over(&view, &incident, 420), expected, "{steps:?}");
        let keys = Incident { concern: Concern::Admin { label: 1, name: "K".into(), key: true }, ..incident.clone() };
        assert_eq!(over(&view, &keys, 420), None, "a probe does not see the customer's key");
        view.evidence.add_failure(failure(340, 9));
        assert_eq!(over(&view, &incident, 420), None, "somebody failed since");
    }
}

#[test]
fn what_is_noted_of_a_proof_keeps_the_share_by_which_it_is_reckoned() {
    let mut view = view_of_an_outage();
    serve(&mut view, 30, 40, |call| call);
    let mut incident = Incident { parts: vec![part(Operation::CreateToken)], ..incident(1, 3) };
    let mut noted = Vec::new();
    for now in [1000, 1300, 1600] {
        let so_far = recovery(&view, &incident, &Policy::default(), at(now)).parts.remove(0).so_far.unwrap();
        noted.push((so_far.until, (1000.0 * so_far.share).round(), (1000.0 * so_far.sum).round()));
        incident.parts[0].so_far = Some(so_far);
    }
    let (_, share, sum) = noted[0];
    assert!(share > 800.0 && sum > 1000.0, "{noted:?}");
    assert_eq!(noted, [100, 400, 700].map(|until| (at(until), share, sum)));
}

proptest! {
    // Each case replays half an hour.
    #![proptest_config(one_case_in(64))]

    #[test]
    fn it_is_not_over_while_calls_fail_as_before(seed in any::<u64>(), share in 0.1..=1.0, rate in 0.5..3.0) {
        let end = 1800;
        let calls: Vec<Call> = history(rate, 300, share, end, seed).into_iter().filter(|call| call.second < end).collect();
        if let Some(life) = live(&calls, end, |_| ()) {
            prop_assert!(life.over.is_none_or(|over| over >= 0), "{:?}", life);
        }
    }

    #[test]
    fn a_proof_that_continues_from_what_was_noted_is_that_of_the_whole(
        seed in any::<u64>(),
        share in 0.2..=1.0,
        noted in prop::collection::vec(1_000_i64..3_000, 1..4),
    ) {
        let mut view = View { evidence: Evidence::default(), ..view_with_successes(&[Operation::CreateToken]) };
        for call in history(0.05, 40, share, 900, seed).iter().filter(|call| call.second >= 0) {
            if call.fails {
                view.evidence.add_failure(failure(call.second, call.by));
            } else {
                view.evidence.add_answered(&served(call.second, call.by));
            }
        }
        let whole = Incident { parts: vec![part(Operation::CreateToken)], ..incident(1, 60) };
        let mut so_far = whole.clone();
        for now in noted {
            let found = recovery(&view, &so_far, &Policy::default(), at(now)).parts.remove(0).so_far;
            let known = so_far.parts[0].so_far.as_ref().map(|so_far| so_far.until);
            if let Some(found) = found {
                prop_assert!(known < Some(found.until), "it only continues");
                so_far.parts[0].so_far = Some(found);
            }
        }
        let found = |view: &View, incident: &Incident| recovery(view, incident, &Policy::default(), at(3_100));
        let one = found(&view, &whole);
        if let Some(so_far) = &so_far.parts[0].so_far {
            // Its calls are not looked at again.
            view.evidence.slots.retain(|begin, _| *begin >= slot_of(so_far.until));
        }
        let other = found(&view, &so_far);
        // What is only counted is spread over the time between the moments that are looked at.
        let second = |found: &Recovery| found.over_at.map_or(0, Timestamp::as_second);
        prop_assert_eq!(one.over_at.map(|_| one.proved), other.over_at.map(|_| other.proved));
        prop_assert!((second(&one) - second(&other)).abs() <= SLOT_SECONDS, "{:#?} {:#?}", one, other);
    }

    #[test]
    fn the_order_of_what_failed_and_how_often_it_came_change_nothing(seed in any::<u64>()) {
        let calls = history(0.5, 30, 0.7, 300, seed);
        let mut random = fastrand::Rng::with_seed(seed);
        let found = |calls: &[Call]| {
            let mut view = View::default();
            for call in calls.iter().filter(|call| call.fails && call.second < 600) {
                view.evidence.add_failure(failure(call.second, call.by));
            }
            for call in calls.iter().filter(|call| !call.fails && call.second < 600) {
                view.evidence.add_answered(&served(call.second, call.by));
            }
            recovery(&view, &incident(0, 10), &Policy::default(), at(620))
        };
        let mut again: Vec<Call> = calls.iter().copied().filter(|call| call.fails).cycle().take(calls.len()).collect();
        random.shuffle(&mut again);
        again.retain(|call| call.fails);
        let failed: Vec<Call> = calls.iter().copied().filter(|call| call.fails).collect();
        again.extend(failed);
        again.extend(calls.iter().copied().filter(|call| !call.fails));
        prop_assert_eq!(found(&again), found(&calls));
    }
}
