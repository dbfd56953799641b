//! `make bench`: how long a decision takes, from the evidence of an hour to the turn.
//!
//! In the process itself: there is nothing in it but values. The typical hour is that of a company of 400 with a call a
//! second, of which one in a thousand fails; at the caps every slot of the hour is full of marks of failures.

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "it measures, and prints what it measured")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use triage_decide::diagnose::diagnose;
use triage_decide::evidence::mark::{Answered, Mark, ServedCall, Traits};
use triage_decide::evidence::slot::{AnsweredCalls, MARKS_MAX, Place, SERVED_MAX, SLOT_SECONDS};
use triage_decide::incident::turn;
use triage_decide::policy::Policy;
use triage_decide::recovery::recoveries;
use triage_decide::sequential::test;
use triage_decide::turn::Turn;
use triage_decide::view::View;
use triage_model::caller::CallerHash;
use triage_model::classify::{Cause, SERVICE_CAUSES};
use triage_model::observation::{Operation, Origin};
use triage_model::region::{KnownRegions, Region};

const RUNS: usize = 2001;
const HOUR: i64 = 3600;

fn main() {
    let region = KnownRegions::default().find("us-east-1").expect("it is one");
    println!("Evidence -> Diagnosis -> Turn, the median of {RUNS} runs");
    for (name, view, goal) in [
        ("a typical hour", with_calls(|second| second % 1000 == 999), Some(150.0)),
        ("five minutes of outage, incident open", open(&region, with_calls(|second| second / 300 == 9)), None),
        ("one cause at the caps, incident open", open(&region, full(&[Cause::Service])), Some(5000.0)),
        ("all seven causes at the caps", full(&Cause::ALL), None),
    ] {
        let took = median(|| decide(&region, &view));
        let goal = goal.map_or_else(String::new, |goal| format!(" (goal: under {goal:.0})"));
        println!("  {name:38} {took:8.1} us{goal}");
    }
    let view = full(&SERVICE_CAUSES);
    let took = median(|| test(&view, Origin::CloudTrail, &Policy::default(), at(HOUR - 1)));
    println!("  {:38} {took:8.1} us", "of it one sequential test at the caps");
    println!();
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn decide(region: &Region, view: &View) -> Option<Turn> {
    let (policy, now) = (Policy::default(), at(HOUR - 1));
    let evaluation = diagnose(region, view, &policy, now);
    turn(region, &view.ledger, &evaluation, &recoveries(view, &policy, now), &policy, now)
}

/// In microseconds.
fn median<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut took: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            black_box(run());
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[RUNS / 2].as_secs_f64() * 1e6
}

fn mark(random: &mut Rng, second: i64, callers: u64, cause: Cause) -> Mark {
    Mark {
        at: at(second),
        caller: CallerHash::from_bits(random.u64(..) % callers * 0x9e37_79b9),
        operation: Some(Operation::CreateToken),
        cause,
        origin: Origin::CloudTrail,
        kms: false,
        region_assumed: false,
        label: 7,
        traits: Traits { tool: 9, product: 8, ..Traits::default() },
        id: random.u32(..),
    }
}

/// The same call, had it been served.
const fn served(mark: &Mark) -> ServedCall {
    let Mark { at, caller, operation, origin, traits, .. } = *mark;
    ServedCall { at, caller, operation, origin, traits, pending: false, was_hit: false }
}

/// A call a second, some of which fail.
fn with_calls(fails: impl Fn(i64) -> bool) -> View {
    let mut random = Rng::with_seed(1);
    let mut view = View::default();
    for second in 0..HOUR {
        let mark = mark(&mut random, second, 400, Cause::Service);
        if fails(second) {
            view.evidence.add_failure(mark);
        } else {
            view.evidence.add_answered(&Answered { call: served(&mark), served: true });
        }
    }
    view
}

/// Every slot has all the marks of these causes that it takes, and as many named as served; half of the calls fail.
fn full(causes: &[Cause]) -> View {
    let mut random = Rng::with_seed(2);
    let mut view = View::default();
    for begin in (0..HOUR).step_by(SLOT_SECONDS as usize) {
        for cause in causes {
            for _ in 0..MARKS_MAX {
                let second = begin + random.i64(0..SLOT_SECONDS);
                let mark = mark(&mut random, second, 100_000, *cause);
                view.evidence.add_failure(mark);
            }
        }
        let calls: Vec<ServedCall> = (0..SERVED_MAX as i64)
            .map(|nth| served(&mark(&mut random, begin + nth, 1 << 32, Cause::Service)))
            .collect();
        let slot = view.evidence.slot_mut(at(begin));
        let place = Place::from(&calls[0]);
        slot.served.extend(calls);
        slot.calls.insert(place, AnsweredCalls { answered: 20_000, served: 20_000 });
        slot.beyond.insert((Cause::Service, Origin::CloudTrail), 20_000);
    }
    view
}

/// The same with the incident that follows.
fn open(region: &Region, mut view: View) -> View {
    let evaluation = diagnose(region, &view, &Policy::default(), at(HOUR - 1) - SignedDuration::from_secs(60));
    let opened = turn(region, &view.ledger, &evaluation, &BTreeMap::new(), &Policy::default(), at(HOUR - 1));
    view.ledger = opened.expect("it is an outage").ledger;
    view
}
