//! Who was served and who failed around an incident, counted from calls made up here.

use jiff::SignedDuration;
use proptest::prelude::*;
use triage_decide::evidence::mark::{Traits, hash16};
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::classify::Cause;
use triage_model::observation::Operation;
use triage_model::region::KnownRegions;
use triage_notify::notice::NamedScope;

use super::*;

const BEGAN: i64 = 1_800_000_000;
const MINUTE: i64 = 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGAN + second).unwrap()
}

fn region(name: &str) -> Region {
    KnownRegions::default().find(name).unwrap()
}

fn call(second: i64, caller: u64, failed: Option<Cause>) -> Call {
    Call {
        at: at(second),
        region: region("eu-central-1"),
        caller: CallerHash::from_bits(caller),
        is_person: true,
        operation: Some(Operation::CreateToken),
        traits: Traits {
            tool: hash16(if caller.is_multiple_of(2) { "even/1.0" } else { "odd/1.0" }),
            ..Traits::default()
        },
        failed,
    }
}

fn story(diagnosis: Diagnosis, latest: i64, over: Option<i64>) -> Story {
    Story {
        id: format!("made-up-{}", diagnosis.as_str()),
        region: region("eu-central-1"),
        diagnosis,
        severity: diagnosis.severity(),
        opened_at: at(60),
        over_at: over.map(at),
        proved: true,
        scope: Some(NamedScope::default()),
        callers: 3,
        about: false,
        began: at(0),
        latest: Some(at(latest)),
        over_for: Duration::ZERO,
        notices: Vec::new(),
        close_up: CloseUp::default(),
    }
}

/// Calls in order of time, with the incident opened a minute after it began and told of again at its end.
fn closed(calls: impl IntoIterator<Item = Call>, mut story: Story) -> (Story, Toll, Toll) {
    let mut close_ups = CloseUps::default();
    let mut is_open = false;
    for call in calls {
        if !is_open && call.at > at(60) {
            close_ups.follow(&Story { over_at: None, ..story.clone() });
            is_open = true;
        }
        close_ups.see(&call);
    }
    close_ups.follow(&story);
    let (paged, all) = close_ups.close(std::slice::from_mut(&mut story));
    (story, paged, all)
}

/// From an hour before to an hour after: of ten callers each calls once a minute, and for 22 minutes all but one fail.
fn outage() -> Vec<Call> {
    let times = (-60..82).flat_map(|minute| (0..10).map(move |caller| (minute, caller)));
    let calls = times.map(|(minute, caller)| {
        let fails = (0..22).contains(&minute) && caller > 0;
        call(minute * MINUTE + caller, caller as u64, fails.then_some(Cause::Service))
    });
    calls.collect()
}

#[test]
fn an_incident_is_counted_from_its_first_failure_to_its_latest() {
    let (story, paged, all) = closed(outage(), story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE)));
    let close_up = &story.close_up;
    assert_eq!(close_up.during, Calls { served: 22, failed: 22 * 9 });
    assert_eq!((close_up.active, close_up.affected, close_up.are_people), (Some(10), Some(9), true));
    assert_eq!(close_up.before, Calls { served: 100, failed: 0 });
    assert_eq!(paged, Toll { calls: close_up.during, affected: 9, active: 10 });
    assert_eq!(paged, all);
}

#[test]
fn its_chart_has_a_bin_for_each_minute_and_shows_what_is_around_it() {
    let (story, ..) = closed(outage(), story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE)));
    let CloseUp { width, bins, .. } = story.close_up;
    assert_eq!(width.as_secs(), 60);
    // Half of its 21 minutes before it and after it was over.
    let (first, last) = (bins.first().unwrap().at, bins.last().unwrap().at);
    assert!((at(-11 * MINUTE)..=at(-10 * MINUTE)).contains(&first), "{first}");
    assert!((at(40 * MINUTE)..=at(43 * MINUTE)).contains(&last), "{last}");
    assert!(bins.windows(2).all(|pair| pair[1].at == pair[0].at + SignedDuration::from_mins(1)));
    for bin in &bins {
        let fails = (at(0)..at(22 * MINUTE)).contains(&bin.at);
        let expected = if fails { (1, 9, 9) } else { (10, 0, 0) };
        assert_eq!((bin.calls.served, bin.calls.failed, bin.affected), expected, "{}", bin.at);
    }
}

#[test]
fn what_an_incident_is_not_about_is_not_counted_as_its_failures() {
    let background = outage().into_iter().flat_map(|one| {
        let others = [Cause::Throttled, Cause::Request, Cause::Admin, Cause::Expected].map(|cause| Call {
            caller: CallerHash::from_bits(77),
            failed: Some(cause),
            ..one.clone()
        });
        others.into_iter().chain([one])
    });
    let (story, ..) = closed(background, story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE)));
    assert_eq!(story.close_up.during, Calls { served: 22, failed: 22 * 9 });
    // It called, and was not affected.
    assert_eq!((story.close_up.active, story.close_up.affected), (Some(11), Some(9)));
}

#[test]
fn of_one_tool_only_its_own_calls_count() {
    let mut tool = story(Diagnosis::OneTool, 21 * MINUTE + 9, Some(30 * MINUTE));
    tool.scope = Some(NamedScope { tool: Some("odd/1.0".to_owned()), ..NamedScope::default() });
    let (story, paged, all) = closed(outage(), tool);
    assert_eq!(story.close_up.during, Calls { served: 0, failed: 22 * 5 });
    assert_eq!((story.close_up.affected, story.close_up.active), (Some(5), Some(5)));
    // It pages nobody.
    assert_eq!(story.severity, Severity::Warning);
    assert_eq!((paged, all.affected), (Toll::default(), 5));
}

#[test]
fn where_no_served_call_is_seen_nobody_knows_how_many_called() {
    let failures = outage().into_iter().filter(|call| call.failed.is_some());
    let (story, ..) = closed(failures, story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE)));
    assert_eq!((story.close_up.active, story.close_up.affected), (None, Some(9)));
}

#[test]
fn a_role_among_the_affected_makes_callers_of_them() {
    let mut calls = outage();
    calls.iter_mut().filter(|call| call.caller == CallerHash::from_bits(4)).for_each(|call| call.is_person = false);
    let (story, ..) = closed(calls, story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE)));
    assert!(!story.close_up.are_people);
}

#[test]
fn other_regions_do_not_count() {
    let calls = outage().into_iter().map(|call| match call.caller.to_bits() {
        9 => Call { region: region("us-east-1"), ..call },
        _ => call,
    });
    let (story, ..) = closed(calls, story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE)));
    assert_eq!((story.close_up.active, story.close_up.affected), (Some(9), Some(8)));
}

#[test]
fn an_incident_of_days_has_wider_bins_and_no_more_of_them() {
    let day = 24 * 60 * MINUTE;
    let calls = (0..3 * day / 30).map(|number| call(number * 30, number as u64 % 50, Some(Cause::Service)));
    let (story, ..) = closed(calls, story(Diagnosis::Outage, 3 * day - 30, Some(3 * day)));
    assert_eq!(story.close_up.width.as_secs(), 3600);
    assert!((70..=COLUMNS_MAX).contains(&story.close_up.bins.len()), "{}", story.close_up.bins.len());
    assert_eq!(story.close_up.during.failed, 3 * 2880);
    assert_eq!(story.close_up.affected, Some(50));
}

#[test]
fn of_too_many_calls_the_latest_are_kept() {
    let mut close_ups = CloseUps::default();
    for number in 0..RECENT_MAX as i64 + 500 {
        close_ups.see(&call(number / 100, number as u64, None));
    }
    let recent = &close_ups.recent[&region("eu-central-1")];
    assert_eq!(recent.len(), RECENT_MAX);
    assert_eq!(recent.back().unwrap().caller.to_bits(), RECENT_MAX as u64 + 499);
    close_ups.see(&call(3 * 3600, 1, None));
    assert_eq!(close_ups.recent[&region("eu-central-1")].len(), 1);
}

#[test]
fn an_incident_that_has_been_over_for_long_is_not_watched_any_more() {
    let mut close_ups = CloseUps::default();
    outage().iter().for_each(|call| close_ups.see(call));
    close_ups.follow(&story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE)));
    close_ups.pass(at(30 * MINUTE + WATCHED.as_secs() as i64));
    assert_eq!(close_ups.growing.len(), 1);
    close_ups.pass(at(31 * MINUTE + WATCHED.as_secs() as i64));
    assert!(close_ups.growing.is_empty());
    let mut story = story(Diagnosis::Outage, 21 * MINUTE + 9, Some(30 * MINUTE));
    close_ups.close(std::slice::from_mut(&mut story));
    assert_eq!(story.close_up.affected, Some(9));
}

proptest! {
    #[test]
    fn bins_hold_each_call_once_and_are_bounded(seconds in proptest::collection::vec(-3000_i64..400_000, 1..300)) {
        let mut seconds = seconds;
        seconds.sort_unstable();
        let calls: Vec<Call> = seconds.iter().map(|second| call(*second, 1, Some(Cause::Service))).collect();
        let last = seconds.iter().copied().max().unwrap().max(61);
        let (story, ..) = closed(calls, story(Diagnosis::Outage, last, Some(last + 60)));
        let CloseUp { bins, during, .. } = story.close_up;
        prop_assert!(bins.len() <= COLUMNS_MAX + 2);
        let of_incident = seconds.iter().filter(|second| **second >= 0).count() as u64;
        prop_assert!(during.failed >= of_incident);
        let in_bins: u64 = bins.iter().map(|bin| bin.calls.failed).sum();
        prop_assert!(in_bins >= of_incident && in_bins <= seconds.len() as u64, "{in_bins} {of_incident}");
    }
}
