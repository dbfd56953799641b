use std::collections::BTreeMap;

use proptest::prelude::*;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;

use super::*;
use crate::evidence::learned::Streak;
use crate::evidence::mark::{Answered, ServedCall};
use crate::evidence::slot::Place;
use crate::ledger::Incident;
use crate::testing::marks::{at, caller, failure, served};

const NOW: i64 = 3000;

fn run(view: &View) -> Option<Run> {
    test(view, Origin::CloudTrail, &Policy::default(), at(NOW))
}

/// An answered call each second, of callers whom nobody else in these tests is.
fn answered_each_second(view: &mut View, from: i64, to: i64) {
    for second in from..to {
        let answered = Answered { served: false, ..served(second, 1 << 40) };
        view.evidence.add_answered(&answered);
    }
}

fn seen_successes(view: &mut View) {
    view.learned.succeeded.insert(Origin::CloudTrail, at(0));
}

/// One success, and so a view of failed against answered; an hour of history with nothing else.
fn view() -> View {
    let mut view = View::default();
    seen_successes(&mut view);
    view
}

#[test]
fn nothing_crosses_without_an_affected_caller() {
    let mut view = view();
    answered_each_second(&mut view, 0, 100);
    assert_eq!(run(&view), None);
    for cause in Cause::ALL.into_iter().filter(|cause| !SERVICE_CAUSES.contains(cause)) {
        view.evidence.add_failure(crate::evidence::mark::Mark { cause, ..failure(50, 1) });
    }
    assert_eq!(run(&view), None, "causes that are not the service's");
    let logs = crate::evidence::mark::Mark { origin: Origin::Logs, ..failure(50, 1) };
    view.evidence.add_failure(logs);
    assert_eq!(run(&view), None, "another origin");
}

#[test]
fn the_third_of_three_callers_crosses_in_a_quiet_region() {
    let mut view = view();
    for (second, by) in [(100, 1), (130, 2), (130, 1), (170, 3), (200, 4), (210, 4)] {
        view.evidence.add_failure(failure(second, by));
    }
    let run = run(&view).unwrap();
    assert_eq!(run.kind, TestKind::FailedAgainstAnswered);
    assert_eq!((run.began_at, run.crossed_at), (at(100), Some(at(170))));
    assert_eq!(run.callers, [1, 2, 3, 4].map(caller), "who was hit later belongs to it");
    assert_eq!((run.failed, run.answered), (6, 0));
    assert!((run.sum - 3.0 * 50_f64.ln()).abs() < 1e-9, "the sum is that of the crossing: {}", run.sum);
}

#[test]
fn the_sum_is_that_of_the_documentation() {
    let mut view = view();
    answered_each_second(&mut view, 0, 240);
    view.evidence.add_failure(failure(240 + 30, 1));
    view.evidence.add_failure(failure(240 + 90, 2));
    answered_each_second(&mut view, 240, 360);
    answered_each_second(&mut view, 360, 380);
    let run = run(&view).unwrap();
    let expected = 2.0 * (0.05_f64 / 0.001).ln() + (89.5 + 20.0) * (0.95_f64 / 0.999).ln();
    assert!((run.sum - expected).abs() < 1e-9, "{} instead of {expected}", run.sum);
    assert_eq!(run.callers, [caller(1), caller(2)]);
    assert_eq!((run.began_at, run.crossed_at, run.failed, run.answered), (at(270), None, 2, 110));
}

#[test]
fn a_run_ends_when_calls_were_answered_long_enough() {
    let mut view = view();
    view.evidence.add_failure(failure(10, 1));
    view.evidence.add_failure(failure(20, 2));
    answered_each_second(&mut view, 0, 600);
    let ended = run(&view).unwrap();
    assert_eq!((ended.sum, ended.callers.len(), ended.failed), (0.0, 0, 0));
    view.evidence.add_failure(failure(500, 3));
    let next = run(&view).unwrap();
    assert_eq!((next.began_at, next.callers), (at(500), vec![caller(3)]), "the callers of the old run are forgotten");
}

#[test]
fn a_stray_failure_long_before_is_not_the_beginning() {
    let mut view = view();
    view.evidence.add_failure(failure(100, 9));
    // Too few served calls to end the run, and enough to see that the others are another matter.
    for second in (200..1900).step_by(50) {
        view.evidence.add_answered(&served(second, 1000 + second as u64));
    }
    for (second, by) in [(2000, 1), (2030, 2), (2060, 3), (2090, 4), (2120, 5)] {
        view.evidence.add_failure(failure(second, by));
    }
    let run = run(&view).unwrap();
    assert_eq!(run.began_at, at(2000));
    assert_eq!(run.callers, [1, 2, 3, 4, 5].map(caller), "its caller is not one of them");
    assert_eq!((run.failed, run.answered), (5, 0));
}

#[test]
fn a_stray_caller_that_fails_again_is_one_of_them() {
    let mut view = view();
    for (second, by) in [(100, 2), (2000, 1), (2030, 2), (2060, 3), (2090, 4)] {
        view.evidence.add_failure(failure(second, by));
    }
    for second in (200..1900).step_by(50) {
        view.evidence.add_answered(&served(second, 1000 + second as u64));
    }
    let run = run(&view).unwrap();
    assert_eq!((run.began_at, run.callers.len()), (at(2000), 4), "{run:?}");
}

#[test]
fn a_stray_failure_is_left_out_where_no_served_calls_are_seen() {
    let mut view = View::default();
    for (second, by) in [(100, 9), (2600, 1), (2610, 2), (2620, 3), (2630, 4), (2640, 5)] {
        view.evidence.add_failure(failure(second, by));
    }
    let run = run(&view).unwrap();
    assert_eq!(run.kind, TestKind::HitsInTime);
    assert_eq!((run.crossed_at.is_some(), run.began_at), (true, at(2600)), "{run:?}");
}

#[test]
fn a_beginning_among_served_calls_is_kept_where_failures_are_even() {
    let mut view = view();
    // Every fifth call fails from beginning to end.
    for second in 0..60_i64 {
        if second % 5 == 0 {
            view.evidence.add_failure(failure(1000 + 20 * second, 1 + second as u64));
        } else {
            view.evidence.add_answered(&served(1000 + 20 * second, 1000 + second as u64));
        }
    }
    let run = run(&view).unwrap();
    assert_eq!(run.began_at, at(1000));
}

#[test]
fn a_test_that_crossed_stays_crossed_when_all_are_well_again() {
    let mut view = view();
    for by in 1..=4 {
        view.evidence.add_failure(failure(by, by as u64));
    }
    for by in 1..=4 {
        view.evidence.add_answered(&served(60, by));
    }
    let run = run(&view).unwrap();
    assert_eq!(run.crossed_at, Some(at(3)));
    assert_eq!(run.callers.len(), 4);
}

#[test]
fn a_success_in_the_second_of_the_failure_comes_after_it() {
    let mut view = view();
    for by in 1..=9 {
        view.evidence.add_failure(failure(10 * by, by as u64));
        let origin = Origin::Logs;
        let call = served(10 * by, by as u64);
        view.evidence.add_answered(&Answered { call: ServedCall { origin, ..call.call }, ..call });
    }
    let run = run(&view).unwrap();
    assert_eq!((run.crossed_at, run.sum, run.callers.len()), (None, 0.0, 0));
}

#[test]
fn callers_left_out_and_marks_far_ahead_do_not_count() {
    let mut view = view();
    for by in 1..=3 {
        view.evidence.add_failure(failure(10, by));
    }
    assert!(run(&view).unwrap().crossed_at.is_some());
    view.ledger.left_out.insert(2, at(0));
    let run_without = run(&view).unwrap();
    assert_eq!((run_without.crossed_at, run_without.callers), (None, vec![caller(1), caller(3)]));
    view.evidence.add_failure(failure(NOW + 60, 4));
    assert_eq!(run(&view).unwrap().crossed_at, Some(at(NOW + 60)));
    view.ledger.left_out.insert(4, at(0));
    view.evidence.add_failure(failure(NOW + 61, 5));
    assert_eq!(run(&view).unwrap().crossed_at, None);
}

#[test]
fn what_is_settled_opens_nothing() {
    let mut view = view();
    for by in 1..=5 {
        view.evidence.add_failure(failure(100 + by, by as u64));
    }
    view.ledger.incident = Some(told(100, 103));
    let run_after = run(&view).unwrap();
    assert_eq!((run_after.began_at, run_after.crossed_at), (at(104), None));
    view.ledger.incident = Some(told(100, 105));
    assert_eq!(run(&view), None);
}

/// An incident that was resolved.
fn told(since: i64, resolved: i64) -> Incident {
    Incident { resolved_at: Some(at(resolved)), ..crate::testing::marks::incident(since, since) }
}

#[test]
fn an_outage_of_many_calls_is_found_though_few_marks_are_kept() {
    let mut view = view();
    view.learned.calls = 750 * 86_400 * 365;
    view.learned.first_seen = Some(at(-365 * 86_400));
    let mut random = fastrand::Rng::with_seed(7);
    let slot = view.evidence.slot_mut(at(0));
    for _ in 0..30_000 {
        slot.add_failure(failure(random.i64(0..120), random.u64(0..1 << CallerHash::BITS)));
    }
    slot.beyond.clear();
    let key = Place { origin: Origin::CloudTrail, operation: None, grant: None, application: 0, pending: false };
    slot.calls.insert(key, crate::evidence::slot::AnsweredCalls { answered: 60_000, served: 60_000 });
    assert_eq!(run(&view).unwrap().crossed_at, None, "of the kept marks alone nothing follows");
    view.evidence.slot_mut(at(0)).beyond.insert((Cause::Service, Origin::CloudTrail), 30_000 - 256);
    let run = run(&view).unwrap();
    assert!(run.crossed_at.unwrap() < at(2), "{run:?}");
    assert!((28_000..=30_000).contains(&run.failed), "{}", run.failed);
}

#[test]
fn the_threshold_follows_the_traffic_and_the_allowed_false_pages() {
    let mut view = view();
    view.evidence.add_failure(failure(10, 1));
    view.learned.first_seen = Some(at(-100 * 86_400));
    let threshold = |calls, false_pages_per_year| {
        let learned = crate::evidence::learned::Learned { calls, ..view.learned.clone() };
        let view = View { learned, ..view.clone() };
        let policy = Policy { false_pages_per_year, ..Policy::default() };
        test(&view, Origin::CloudTrail, &policy, at(NOW)).unwrap().threshold
    };
    // Half of the false pages are shared by the fixed cells.
    let share = 2.0 * Cell::FIXED as f64;
    assert_eq!(threshold(0, 1.0), (share * 1000.0).ln(), "a quiet region is taken to have a thousand calls a year");
    let calls = 1_000_000.0 / (100.0 + NOW as f64 / 86_400.0) * 365.0;
    assert!((threshold(999_999, 1.0) - f64::ln(share * calls)).abs() < 1e-9);
    assert!((threshold(999_999, 0.1) - f64::ln(share * calls * 10.0)).abs() < 1e-9);
}

mod cells {
    use triage_model::grant::Grant;
    use triage_model::observation::Operation;

    use super::*;
    use crate::evidence::learned::CellCalls;
    use crate::evidence::mark::{Mark, Traits};

    const START: Cell = Cell::Operation(Operation::StartDeviceAuthorization);
    const DEVICE: Cell = Cell::Grant(Grant::DeviceCode);
    const IAM: Cell = Cell::Operation(Operation::CreateTokenWithIam);
    const APPLICATION: Cell = Cell::Shared(Dimension::Application, 9);
    const TOOL: Cell = Cell::Shared(Dimension::Tool, 7);

    fn start(failed: Mark) -> Mark {
        Mark { operation: Some(Operation::StartDeviceAuthorization), ..failed }
    }

    fn refreshed(second: i64, by: u64) -> Answered {
        let call = served(second, by).call;
        let traits = Traits { grant: Some(Grant::RefreshToken), ..call.traits };
        Answered { call: ServedCall { traits, ..call }, served: true }
    }

    fn run_of(view: &View, cell: Cell) -> Option<Run> {
        Calls::of(view, &Policy::default(), at(NOW), |_| true).run(cell, Origin::CloudTrail, None)
    }

    #[test]
    fn each_has_the_threshold_of_its_own_calls_and_what_callers_share_that_of_all_of_its_kind() {
        let mut view = view();
        view.learned.first_seen = Some(at(NOW - 100 * 86_400));
        view.learned.until = Some(at(NOW));
        view.learned.calls = 10_000_000;
        let succeeded = || BTreeMap::from([(Origin::CloudTrail, at(0))]);
        for (cell, calls) in [(START, 50_000), (DEVICE, 300_000), (IAM, 700_000), (APPLICATION, 9)] {
            view.learned.cells.insert(cell, CellCalls { calls, succeeded: succeeded() });
        }
        let traits = Traits { grant: Some(Grant::DeviceCode), tool: 7, ..Traits::default() };
        view.evidence.add_failure(start(failure(10, 1)));
        view.evidence.add_failure(Mark { traits, ..failure(11, 1) });
        let operation = Some(Operation::CreateTokenWithIam);
        view.evidence.add_failure(Mark {
            operation,
            traits: Traits { application: 9, ..Traits::default() },
            ..failure(12, 1)
        });
        let cells = Cell::FIXED as f64;
        for (cell, calls, share) in [
            (Cell::Region, 10_000_000.0, cells),
            (START, 50_000.0, cells),
            (DEVICE, 300_000.0, cells),
            (IAM, 700_000.0, cells),
            (APPLICATION, 700_000.0, 1.0),
            (TOOL, 10_000_000.0, 1.0),
        ] {
            let expected = f64::ln(2.0 * share * calls * 3.65);
            let threshold = run_of(&view, cell).unwrap().threshold;
            assert!((threshold - expected).abs() < 1e-9, "{cell}: {threshold} instead of {expected}");
        }
    }

    #[test]
    fn against_a_part_counts_only_what_was_answered_there() {
        let mut view = view();
        for by in 1..=5 {
            view.evidence.add_failure(start(failure(100 * by, by as u64)));
        }
        view.learned.cells.entry(START).or_default().succeeded.insert(Origin::CloudTrail, at(0));
        for second in 0..1000 {
            view.evidence.add_answered(&refreshed(second, 1000 + second as u64));
        }
        let (region, part) = (run_of(&view, Cell::Region).unwrap(), run_of(&view, START).unwrap());
        assert_eq!((region.crossed_at, part.answered), (None, 0));
        assert!(part.crossed_at.is_some(), "{part:?}");
    }

    #[test]
    fn a_pending_poll_speaks_for_polling_alone() {
        let mut view = view();
        view.evidence.add_failure(Mark {
            traits: Traits { grant: Some(Grant::DeviceCode), ..Traits::default() },
            ..failure(0, 1)
        });
        let polled = |second| {
            let call = served(second, 50 + second as u64).call;
            Answered { call: ServedCall { pending: true, ..call }, served: true }
        };
        (0..100).for_each(|second| view.evidence.add_answered(&polled(second)));
        assert_eq!(run_of(&view, Cell::Region).unwrap().answered, 0);
    }

    #[test]
    fn a_refresh_that_works_takes_no_failed_device_flow_back() {
        let mut view = view();
        view.learned.cells.entry(START).or_default().succeeded.insert(Origin::CloudTrail, at(0));
        for by in 1..=2 {
            view.evidence.add_failure(start(failure(10 * by, by as u64)));
            view.evidence.add_answered(&refreshed(10 * by + 5, by as u64));
        }
        assert_eq!(run_of(&view, START).unwrap().callers.len(), 2);
        for by in 1..=2 {
            let operation = start(failure(0, 1)).operation;
            let call = ServedCall { operation, ..served(60, by).call };
            view.evidence.add_answered(&Answered { call, served: true });
        }
        assert_eq!(run_of(&view, START).unwrap().callers.len(), 0);
    }

    #[test]
    fn a_part_in_which_nothing_was_ever_served_has_no_test_of_its_own() {
        let mut view = View::default();
        for by in 1..=9 {
            view.evidence.add_failure(start(failure(10 * by, by as u64)));
        }
        let runs = Calls::of(&view, &Policy::default(), at(NOW), |_| true).runs(None);
        assert_eq!(runs.iter().map(|run| run.cell).collect::<Vec<_>>(), [Cell::Region]);
    }
}

#[test]
fn the_first_day_counts_as_a_whole_one() {
    let mut view = View::default();
    answered_each_second(&mut view, 0, 2000);
    assert_eq!(calls_per_year(&view, Cell::Region, &Policy::default(), at(NOW)), 2000.0 * 365.0);
    // What was learned is not counted again.
    view.learned.calls = 1000;
    view.learned.until = Some(at(960));
    assert_eq!(calls_per_year(&view, Cell::Region, &Policy::default(), at(NOW)), (1000.0 + 2000.0 - 960.0) * 365.0);
}

#[test]
fn chance_is_given_in_years() {
    let mut view = view();
    for by in 1..=3 {
        view.evidence.add_failure(failure(10, by));
    }
    let policy = Policy::default();
    let years = run(&view).unwrap().chance_years(&policy);
    assert!((years - 50_f64.powi(3) / (2.0 * Cell::FIXED as f64 * 3.0 * 365.0)).abs() < 1e-6, "{years}");
    // It does not depend on how many false pages are allowed.
    let policy = Policy { false_pages_per_year: 10.0, ..policy };
    let same = test(&view, Origin::CloudTrail, &policy, at(NOW)).unwrap().chance_years(&policy);
    assert!((years - same).abs() < 1e-6, "{same}");
    let certain = Run { sum: 1e9, ..run(&view).unwrap() };
    assert_eq!(certain.chance_years(&policy), 1e6);
}

mod one_offs {
    use super::*;

    /// So many callers that fail one by one and are served so long after, every half minute; then four at once that are
    /// not.
    fn with_one_offs(many: i64, served_after: i64) -> View {
        let mut view = view();
        for nth in 0..many {
            let by = 100 + nth as u64;
            view.evidence.add_failure(failure(30 * nth, by));
            view.evidence.add_answered(&served(30 * nth + served_after, by));
        }
        for by in 1..=4 {
            view.evidence.add_failure(failure(2000, by));
        }
        view
    }

    fn crossed(view: &View, now: i64) -> Option<i64> {
        let run = test(view, Origin::CloudTrail, &Policy::default(), at(now))?;
        run.crossed_at.map(|crossed| crossed.as_second() - at(0).as_second())
    }

    #[test]
    fn where_they_are_common_a_caller_counts_in_full_when_it_was_not_cured() {
        let view = with_one_offs(60, 3);
        assert_eq!(crossed(&view, 2000), None, "each of them may be served in a moment");
        assert_eq!(crossed(&view, 2019), None);
        assert_eq!(crossed(&view, 2020), Some(2020), "and was not");
    }

    #[test]
    fn where_they_are_rare_or_no_one_offs_a_caller_counts_at_once() {
        assert_eq!(crossed(&with_one_offs(0, 3), 2000), Some(2000));
        assert_eq!(crossed(&with_one_offs(1, 3), 2000), Some(2000));
        assert_eq!(crossed(&with_one_offs(60, 21), 2000), Some(2000), "they were served later");
    }

    #[test]
    fn who_is_served_in_time_never_counts_in_full() {
        let mut view = with_one_offs(60, 3);
        for by in 1..=4 {
            view.evidence.add_answered(&served(2002, by));
        }
        assert_eq!(crossed(&view, 3000), None);
    }

    #[test]
    fn many_at_once_cross_at_once_all_the_same() {
        let mut view = with_one_offs(60, 3);
        for by in 5..=200 {
            view.evidence.add_failure(failure(2000, by));
        }
        assert_eq!(crossed(&view, 2000), Some(2000));
    }
}

mod hits_in_time {
    use super::*;

    /// Nothing was learned: five callers at once cross, and four do not.
    #[test]
    fn more_callers_are_needed_where_a_day_brings_twenty() {
        let mut view = View::default();
        for by in 1..=4 {
            view.evidence.add_failure(failure(10 * by, by as u64));
        }
        let four = run(&view).unwrap();
        assert_eq!((four.kind, four.crossed_at), (TestKind::HitsInTime, None));
        view.evidence.add_failure(failure(50, 5));
        assert_eq!(run(&view).unwrap().crossed_at, Some(at(50)));
    }

    #[test]
    fn time_speaks_against() {
        let mut view = View::default();
        view.evidence.add_failure(failure(0, 1));
        let policy = Policy::default();
        let sum = |second| test(&view, Origin::CloudTrail, &policy, at(second)).unwrap().sum;
        // λ0 is 20 a day, and λ1 400.
        assert!((sum(0) - 20_f64.ln()).abs() < 1e-6);
        assert!((sum(300) - (20_f64.ln() - 380.0 / 86_400.0 * 300.0)).abs() < 0.01, "{}", sum(300));
        assert_eq!(sum(1200), 0.0);
    }

    #[test]
    fn a_success_of_its_own_takes_it_back_here_too() {
        let mut view = View::default();
        for by in 1..=9 {
            view.evidence.add_failure(failure(10 * by, by as u64));
        }
        let crossed = |view: &View| test(view, Origin::CloudTrail, &Policy::default(), at(NOW)).unwrap().crossed_at;
        assert!(crossed(&view).is_some());
        // Seen elsewhere: of this origin no success is seen.
        for by in 1..=9 {
            let call = served(10 * by + 5, by as u64);
            let call = ServedCall { origin: Origin::Logs, ..call.call };
            view.evidence.add_answered(&Answered { call, served: true });
        }
        assert_eq!(crossed(&view), None);
    }

    #[test]
    fn a_caller_that_failed_within_a_day_is_not_newly_affected() {
        let mut view = View::default();
        for by in 1..=9 {
            view.evidence.add_failure(failure(1000 + by, by as u64));
            view.evidence.add_failure(failure(1000 + 5 * by, by as u64));
        }
        let crossed = |view: &View| run(view).is_some_and(|run| run.crossed_at.is_some());
        assert!(crossed(&view), "the first one of each is news");
        let learn = |since: i64, last: i64| {
            let mut view = view.clone();
            let streak = |by: i64| Streak { since: at(since + by), last: at(last) };
            view.learned.hit = (1..=9).map(|by| (by as u64, streak(by))).collect();
            view
        };
        assert!(!crossed(&learn(-7200, -3600)), "failed an hour ago");
        assert!(crossed(&learn(-90_000, -85_400)), "failed a day ago or longer");
        assert!(!crossed(&learn(-7200, 1200)), "failed two hours ago, and this was learned too");
        assert!(crossed(&learn(1000, 1200)), "only this was learned");
    }

    #[test]
    fn a_caller_that_failed_in_a_reported_incident_counts_as_new() {
        let mut view = View::default();
        for by in 1..=9 {
            view.evidence.add_failure(failure(100 + by, by as u64));
            view.evidence.add_failure(failure(2000 + by, by as u64));
        }
        view.ledger.incident = Some(told(100, 1000));
        assert_eq!(run(&view).unwrap().crossed_at, Some(at(2005)));
        view.ledger.incident = Some(told(150, 1000));
        assert_eq!(run(&view), None, "they failed before it");
    }

    #[test]
    fn the_base_rate_is_learned_and_bounded() {
        let policy = Policy::default();
        let rate = |newly_hit, days: i64| {
            let mut view = View::default();
            view.learned.newly_hit = newly_hit;
            view.learned.first_seen = Some(at(NOW - days * 86_400));
            hits_per_day(&view, &policy, at(NOW))
        };
        assert_eq!(rate(0, 0), 20.0);
        assert_eq!(rate(0, 57), 1.0);
        assert_eq!(rate(0, 3650), 0.5);
        assert_eq!(rate(9940, 97), 100.0);
    }

    /// Failures at random, as they occur; pages in all these years. The base rate is learned on the way.
    fn pages(hits_per_day: f64, years: usize, seed: u64) -> usize {
        let policy = Policy::default();
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut second, mut learned, mut pages) = (0.0, 0.0, 0);
        let mut events: Vec<Event> = Vec::new();
        for day in 0..years as i64 * 365 {
            let begin = day * 86_400;
            events.retain(|event| event.at >= at(begin - 3600));
            let old = events.len();
            while second < (begin + 86_400) as f64 {
                events.push(Event::failed(&(&failure(second as i64, random.u64(..)), 1.0)));
                second -= random.f64().ln() * 86_400.0 / hits_per_day;
            }
            let rate =
                (policy.hits_per_day * policy.hits_weight_days + learned) / (policy.hits_weight_days + day as f64);
            let scale = Scale::of_hits(rate.max(policy.hits_per_day_min), &policy);
            let walk = Walk { scale, lasting: 1.0, callers: 3, answered: Spread::default(), beyond: Spread::default() };
            let run = walk.evaluate(&events, Cell::Region, Origin::Logs, at(begin + 86_400));
            pages += usize::from(run.is_some_and(|run| run.crossed_at.is_some_and(|crossed| crossed >= at(begin))));
            learned += (events.len() - old) as f64;
        }
        pages
    }

    #[test]
    fn chance_pages_as_rarely_as_the_documentation_says() {
        for (hits_per_day, years, runs) in [(0.2, 20, 5), (2.0, 20, 5), (10.0, 10, 2), (100.0, 2, 1)] {
            let pages: usize = (0..runs).map(|seed| pages(hits_per_day, years, seed)).sum();
            let most = if hits_per_day > 10.0 { 1.7 } else { 0.1 };
            let years = (runs * years as u64) as f64;
            assert!(pages as f64 <= most * years, "{pages} false pages in {years} years at {hits_per_day} hits a day");
        }
    }

    #[test]
    fn sixty_callers_an_hour_are_found_within_minutes_of_the_third() {
        let mut found = Vec::new();
        for seed in 0..21 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut view = View::default();
            let mut second = 0.0;
            let mut third = 0;
            for by in 1..=50 {
                second -= random.f64().ln() * 60.0;
                view.evidence.add_failure(failure(second as i64, by));
                if by == 3 {
                    third = second as i64;
                }
            }
            let crossed = test(&view, Origin::CloudTrail, &Policy::default(), at(3600)).unwrap().crossed_at.unwrap();
            found.push(crossed.as_second() - at(third).as_second());
        }
        found.sort_unstable();
        assert!((0..=180).contains(&found[10]), "{found:?}");
    }
}

/// Callers that fail at the ordinary rate, each once and never served: the worst case of what a page may come from.
#[test]
fn ordinary_failures_page_less_than_once_a_year() {
    let policy = Policy::default();
    for (calls_per_year, years) in [(10_000.0, 20), (1_000_000.0, 20)] {
        let mut random = fastrand::Rng::with_seed(3);
        let end = years * 365 * 86_400;
        let mut events = Vec::new();
        let mut second = 0.0;
        while second < end as f64 {
            second -= random.f64().ln() * 365.0 * 86_400.0 / calls_per_year / policy.usual_failures;
            events.push(Event::failed(&(&failure(second as i64, random.u64(..)), 1.0)));
        }
        let begin = at(0).as_second();
        put_apart(&mut events);
        let walk = Walk {
            scale: Scale::of_calls(Cell::Region, calls_per_year, &policy),
            lasting: 1.0,
            callers: policy.outage_callers,
            answered: Spread::even(begin, begin + end, calls_per_year * years as f64),
            beyond: Spread::default(),
        };
        let mut pages = 0;
        let mut rest = &events[..];
        while let Some(crossed) =
            walk.evaluate(rest, Cell::Region, Origin::CloudTrail, at(end)).and_then(|run| run.crossed_at)
        {
            pages += 1;
            rest = &rest[rest.partition_point(|event| event.at <= crossed)..];
        }
        assert!(pages <= years, "{pages} false pages in {years} years with {calls_per_year} calls a year");
    }
}

/// A failure or a success of one of a few callers, in one hour.
#[derive(Clone, Copy, Debug)]
struct Call {
    second: i64,
    by: u64,
    fails: bool,
}

fn calls(callers: u64, most: usize) -> impl Strategy<Value = Vec<Call>> {
    let call = (0_i64..NOW, 1..=callers, prop::bool::weighted(0.7));
    prop::collection::vec(call.prop_map(|(second, by, fails)| Call { second, by, fails }), 1..most)
}

fn evidence_of(calls: &[Call], sees_successes: bool) -> View {
    let mut view = View::default();
    for call in calls {
        if call.fails {
            view.evidence.add_failure(failure(call.second, call.by));
        } else {
            let origin = if sees_successes { Origin::CloudTrail } else { Origin::Logs };
            let served = served(call.second, call.by).call;
            view.evidence.add_answered(&Answered { call: ServedCall { origin, ..served }, served: true });
        }
    }
    if sees_successes {
        seen_successes(&mut view);
    }
    view
}

proptest! {
    #[test]
    fn order_and_duplicates_change_nothing(
        calls in calls(12, 60),
        shuffled in any::<u64>(),
        sees_successes in any::<bool>(),
    ) {
        // Which of many served calls get a mark depends on whether their callers are known to be hit: failures first.
        let (failed, mut served): (Vec<Call>, Vec<Call>) = calls.iter().partition(|call| call.fails);
        let mut again: Vec<Call> = failed.iter().chain(&failed).copied().collect();
        let random = &mut fastrand::Rng::with_seed(shuffled);
        let in_order = run(&evidence_of(&[failed, served.clone()].concat(), sees_successes));
        random.shuffle(&mut again);
        random.shuffle(&mut served);
        again.extend(served);
        prop_assert_eq!(run(&evidence_of(&again, sees_successes)), in_order);
    }

    #[test]
    fn one_or_two_broken_callers_never_page(
        calls in calls(2, 300),
        answered in prop::collection::vec(0_i64..NOW, 0..100),
        sees_successes in any::<bool>(),
        false_pages_per_year in 0.001..1000.0,
    ) {
        let mut view = evidence_of(&calls, sees_successes);
        for second in answered {
            view.evidence.add_answered(&Answered { served: false, ..served(second, 9) });
        }
        let policy = Policy { false_pages_per_year, ..Policy::default() };
        let run = test(&view, Origin::CloudTrail, &policy, at(NOW));
        prop_assert!(run.is_none_or(|run| run.crossed_at.is_none()));
    }

    #[test]
    fn callers_who_are_served_at_the_next_attempt_never_page(
        failed in prop::collection::vec(1_u64..1000, 1..200),
        sees_successes in any::<bool>(),
    ) {
        let attempts = failed.iter().zip(0..).flat_map(|(by, nth)| {
            [true, false].map(|fails| Call { second: 12 * nth + i64::from(!fails), by: *by, fails })
        });
        let run = run(&evidence_of(&attempts.collect::<Vec<_>>(), sees_successes)).unwrap();
        prop_assert_eq!((run.crossed_at, run.sum), (None, 0.0));
    }

    #[test]
    fn the_sum_is_never_negative_and_a_run_that_crossed_is_one(calls in calls(30, 200), sees_successes in any::<bool>()) {
        let policy = Policy::default();
        let view = evidence_of(&calls, sees_successes);
        if let Some(run) = test(&view, Origin::CloudTrail, &policy, at(NOW)) {
            prop_assert!(run.sum >= 0.0, "{}", run.sum);
            if let Some(crossed) = run.crossed_at {
                prop_assert!(run.sum >= run.threshold && run.callers.len() >= policy.outage_callers);
                prop_assert!(run.began_at <= crossed);
                prop_assert!(run.failed >= run.callers.len());
            } else {
                prop_assert!(run.sum < run.threshold || run.callers.len() < policy.outage_callers);
            }
        }
    }

    #[test]
    fn a_caller_more_never_lowers_the_sum(calls in calls(30, 100), second in 0_i64..NOW) {
        let mut view = evidence_of(&calls, true);
        let before = run(&view).filter(|run| run.crossed_at.is_none());
        view.evidence.add_failure(failure(second, 1000));
        let after = run(&view).unwrap();
        if let Some(before) = before {
            prop_assert!(after.crossed_at.is_some() || after.sum >= before.sum - 1e-9);
        }
    }
}
