//! When an incident pages.

use super::*;
use crate::ledger::Alarm;
use crate::testing::verdicts::victims;

/// Opened in the fifth second, when three callers had failed within two.
fn opened() -> Life {
    let mut life = Life::default();
    assert_eq!(life.sees(5, &outage()), [Kind::Opened]);
    assert_eq!((life.incident().severity, life.incident().is_paged), (Severity::Warning, false));
    life
}

/// The severity at that second of what was opened in the fifth.
fn severity_at(second: i64, verdict: &Verdict) -> Severity {
    let mut life = opened();
    life.sees(second, verdict);
    life.incident().severity
}

#[test]
fn what_lasts_for_a_minute_by_the_clock_pages_without_a_further_failure() {
    let mut life = opened();
    assert_eq!(life.sees(59, &outage()), []);
    assert_eq!(life.sees(60, &outage()), [Kind::Changed]);
    assert_eq!(life.reported[1].0, Happened::Changed(vec![Change::Lasts]));
    let incident = life.incident();
    assert_eq!(
        (incident.severity, incident.is_paged, incident.alarm_change),
        (Severity::Page, true, Some(Alarm::Alarm))
    );
    assert_eq!(life.sees(61, &outage()), [], "once");
}

#[test]
fn failures_that_span_three_quarters_of_a_minute_page_at_once() {
    assert_eq!(severity_at(46, &outage().seen(0, 44)), Severity::Warning);
    assert_eq!(severity_at(46, &outage().seen(0, 45)), Severity::Page);
    let mut life = Life::default();
    assert_eq!(life.sees(50, &outage().seen(0, 48)), [Kind::Opened]);
    assert_eq!(life.incident().severity, Severity::Page, "reported late, it is a page from the beginning");
}

#[test]
fn a_blip_of_25_seconds_wakes_nobody() {
    let mut life = opened();
    let over = Verdict { served_again: 9, ..outage().hitting(12).seen(0, 25) };
    for second in [30, 45, 60, 70, 120, 320] {
        life.sees(second, &over);
        assert_eq!(life.incident().severity, Severity::Warning, "{second}");
    }
    assert_eq!(life.is_over(330, &quiet(), &proved(325)), [Kind::Resolved]);
    assert!(life.reported.iter().all(|(_, incident)| incident.alarm_change.is_none() && !incident.is_paged));
}

#[test]
fn affected_callers_that_are_served_again_page_nobody() {
    // Two of them, or half of them.
    for (affected, served_again, severity) in [
        (10, 0, Severity::Page),
        (10, 1, Severity::Page),
        (10, 2, Severity::Warning),
        (3, 1, Severity::Page),
        (2, 1, Severity::Warning),
    ] {
        let verdict = Verdict { served_again, ..outage().hitting(affected) };
        assert_eq!(severity_at(60, &verdict), severity, "{served_again} of {affected}");
        let spans = Verdict { served_again, ..outage().hitting(affected).seen(0, 45) };
        assert_eq!(severity_at(60, &spans), Severity::Page, "others fail all the same");
    }
}

#[test]
fn a_step_that_is_healthy_for_the_probe_lets_people_sleep_and_one_that_lasts_does_not() {
    let with = |step| Verdict { step: Some(step), ..outage() };
    assert_eq!(severity_at(60, &with(StepState::Healthy)), Severity::Warning);
    for step in [StepState::Unknown, StepState::Unexpected, StepState::Down] {
        assert_eq!(severity_at(60, &with(step)), Severity::Page, "{step:?}");
    }
    assert_eq!(severity_at(31, &with(StepState::Down)), Severity::Warning, "once");
    let lasts = Verdict { probe_lasts: true, ..with(StepState::Down) };
    assert_eq!(severity_at(31, &lasts), Severity::Page, "twice, half a minute apart");
}

#[test]
fn while_it_may_turn_out_to_be_of_one_tool_a_page_waits_for_five_minutes_at_most() {
    let may_be = Verdict { may_be_apart: true, ..outage().seen(0, 280) };
    assert_eq!(severity_at(299, &may_be), Severity::Warning);
    assert_eq!(severity_at(300, &may_be), Severity::Page);
}

#[test]
fn what_is_no_page_becomes_none_however_long_it_lasts() {
    for diagnosis in [Diagnosis::Suspected, Diagnosis::OneTool, Diagnosis::OneNetwork, Diagnosis::OneApplication] {
        let mut life = Life::default();
        life.sees(5, &verdict(diagnosis));
        life.sees(4000, &verdict(diagnosis).seen(0, 3990));
        assert_eq!(life.incident().severity, Severity::Warning, "{diagnosis:?}");
    }
}

#[test]
fn what_was_a_page_stays_one_to_its_end() {
    let mut life = opened();
    life.sees(60, &outage());
    let cured = Verdict { victims: victims(3), served_again: 3, step: Some(StepState::Healthy), ..outage() };
    life.sees(90, &cured);
    assert_eq!(life.incident().severity, Severity::Page);
    life.is_over(400, &quiet(), &proved(395));
    assert_eq!((life.incident().severity, life.incident().alarm_change), (Severity::Page, Some(Alarm::Ok)));
}
