//! How many, how long, how sure, and where: what an incident keeps of its evidence.

use triage_model::observation::Origin;

use super::*;
use crate::scope::Scope;
use crate::verdict::PartRecovery;

fn callers(numbers: impl IntoIterator<Item = u64>) -> BTreeSet<CallerHash> {
    numbers.into_iter().map(CallerHash::from_bits).collect()
}

fn hitting<const N: usize>(victims: [(Origin, BTreeSet<CallerHash>); N]) -> Verdict {
    Verdict { victims: victims.into(), ..outage() }
}

#[test]
fn callers_are_all_that_were_affected_from_beginning_to_end_each_once() {
    let mut life = Life::of(&hitting([(Origin::CloudTrail, callers(1..=4))]));
    // The first are well again, and their failures are forgotten.
    for (second, seen) in [(700, 3..=7), (1400, 7..=9), (2100, 1..=9)] {
        life.sees(second, &hitting([(Origin::CloudTrail, callers(seen))]));
    }
    assert_eq!(life.incident().callers, 9);
    life.is_over(3000, &quiet(), &proved(2990));
    assert_eq!((life.incident().callers, life.reported.last().unwrap().1.callers), (9, 9));
}

#[test]
fn one_person_seen_through_two_origins_is_one() {
    let life = Life::of(&hitting([(Origin::CloudTrail, callers(1..=4)), (Origin::Logs, callers(11..=16))]));
    assert_eq!(life.incident().callers, 6, "as many as the widest of them has");
}

#[test]
fn beyond_what_is_kept_callers_are_estimated() {
    let mut random = fastrand::Rng::with_seed(5);
    let all: Vec<u64> = (0..3000).map(|_| random.u64(..)).collect();
    let mut life = Life::default();
    for (second, some) in (60..).step_by(700).zip(all.chunks(150)) {
        life.sees(second, &hitting([(Origin::CloudTrail, callers(some.iter().copied()))]));
    }
    let incident = life.incident();
    assert!(incident.victims[&Origin::CloudTrail].is_about());
    assert!((2550..=3450).contains(&incident.callers), "{}", incident.callers);
    let reported = life.reported.iter().map(|(_, incident)| incident.callers);
    assert!(reported.is_sorted(), "it never shrinks");
}

#[test]
fn it_lasts_from_its_first_failure_to_its_last() {
    let mut life = Life::of(&outage());
    // The first failures are older than the evidence by now.
    life.sees(4000, &outage().seen(1000, 3900));
    life.sees(5000, &outage().seen(2000, 4900));
    life.is_over(5400, &quiet(), &proved(5300));
    let incident = life.incident();
    assert_eq!((incident.first_failure, incident.last_failure), (Some(at(0)), Some(at(4900))));
    assert_eq!((incident.began(), incident.ended(), incident.resolved_at), (at(0), at(4900), Some(at(5300))));
}

#[test]
fn a_failure_of_before_that_comes_late_is_its_first() {
    let mut life = Life::of(&outage());
    life.sees(700, &Verdict { health: true, ..outage().seen(-40, 650) });
    assert_eq!(life.incident().began(), at(-40));
}

#[test]
fn what_is_only_counted_is_kept_at_most_once_in_ten_minutes() {
    let mut life = Life::of(&outage());
    life.sees(659, &outage().seen(0, 658));
    assert_eq!(life.incident().last_failure, Some(at(2)));
    assert_eq!(life.sees(660, &outage().seen(0, 659)), [], "without a word");
    assert_eq!(life.incident().last_failure, Some(at(659)));
}

#[test]
fn chance_only_gets_firmer() {
    let with = |years: f64, latest| Verdict { chance_years: Some(years), ..outage().seen(0, latest) };
    let mut life = Life::of(&with(300.0, 2));
    for (second, years, kept) in [(700, 20.0, 300.0), (1400, 9000.0, 9000.0), (2100, 1.0, 9000.0)] {
        life.sees(second, &with(years, second));
        assert_eq!(life.incident().chance_years, Some(kept), "{second}");
    }
}

const START: Operation = Operation::StartDeviceAuthorization;

fn part(operation: Operation) -> FailingPart {
    FailingPart { operation: Some(operation), ..outage().parts[0].clone() }
}

#[test]
fn a_scope_grows_by_what_fails_too_and_never_shrinks() {
    let on = |operations: &[Operation], parts: &[Operation]| Verdict {
        scope: Scope { operations: Some(operations.iter().copied().collect()), ..Scope::default() },
        parts: parts.iter().copied().map(part).collect(),
        ..outage()
    };
    let mut life = Life::of(&on(&[START], &[START]));
    life.sees(700, &on(&[Operation::CreateToken], &[START, Operation::CreateToken]));
    let both = BTreeSet::from([START, Operation::CreateToken]);
    assert_eq!(life.incident().scope.operations.as_ref(), Some(&both));
    life.sees(1400, &on(&[START], &[START]));
    assert_eq!(life.incident().scope.operations.as_ref(), Some(&both));
}

#[test]
fn a_part_that_works_again_is_reported_while_another_one_fails() {
    let operations = BTreeMap::from([(START, 3), (Operation::CreateToken, 3)]);
    let both = Verdict { parts: vec![part(START), part(Operation::CreateToken)], operations, ..outage() };
    for proved in [0, 1] {
        let mut life = Life::of(&both);
        let mut parts = vec![PartRecovery { proved_at: None, so_far: None }; 2];
        parts[proved].proved_at = Some(at(690));
        let recovery = Recovery { parts, ..Recovery::default() };
        assert_eq!(life.is_over(700, &both, &recovery), [Kind::Changed]);
        let works = life.incident().parts[proved].operation.unwrap();
        let reported = Happened::Changed(vec![Change::Works(works)]);
        assert!(life.reported[1].0 == reported && life.incident().is_open(), "{:#?}", life.reported);
        assert_eq!(life.is_over(1400, &both, &recovery), [], "once");
    }
}

fn seen(mut verdict: Verdict, all: std::ops::RangeInclusive<u64>) -> Verdict {
    verdict.seen = [(Origin::CloudTrail, callers(all))].into();
    verdict
}

#[test]
fn after_it_is_reopened_it_counts_anew_and_its_end_counts_all() {
    let first = seen(hitting([(Origin::CloudTrail, callers(1..=4))]), 1..=9).seen(0, 600);
    let mut life = Life::of(&first);
    life.is_over(1000, &quiet(), &proved(900));
    let again = seen(hitting([(Origin::CloudTrail, callers(4..=5))]), 4..=12).seen(1200, 1300);
    assert_eq!(life.sees(1300, &again), [Kind::Reopened]);
    let incident = life.incident().clone();
    assert_eq!((incident.callers, incident.callers_seen()), (2, Some(9)), "since it was reopened");
    assert_eq!(incident.callers_in_all(), (5, Some(12)), "a caller of both times is one");
    life.is_over(4000, &quiet(), &proved(3900));
    let incident = life.incident();
    assert_eq!((incident.began(), incident.ended()), (at(0), at(1300)));
    assert_eq!(incident.lasted().as_secs(), 60 * (21 - 10), "the time in which it was over is not in it");
}

#[test]
fn a_probe_that_fails_makes_it_last() {
    let failed_at =
        |second: i64| Verdict { probe: Some(StepState::Down), probe_failed_at: Some(at(second)), ..outage() };
    let mut life = Life::of(&Verdict { since: Some(at(0)), latest: None, ..failed_at(60) });
    for second in [600, 1200] {
        life.sees(second, &Verdict { since: Some(at(0)), latest: None, ..failed_at(second) });
    }
    life.is_over(1500, &quiet(), &proved(1450));
    let incident = life.incident();
    assert_eq!((incident.last_failure, incident.ended(), incident.lasted().as_secs()), (None, at(1200), 1200));
}
