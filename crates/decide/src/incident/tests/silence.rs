//! Nobody calls any more: no proof, reported once, and the end of the incident.

use super::*;

/// Nobody has called since the second second.
fn silent() -> Recovery {
    Recovery { silent_since: Some(at(2)), ..Recovery::default() }
}

/// Reported as quiet half an hour after its latest failure.
fn fallen_silent() -> Life {
    let mut life = Life::of(&outage());
    assert_eq!(life.is_over(1802, &quiet(), &silent()), [Kind::Changed]);
    assert_eq!(life.reported[1].0, Happened::Changed(vec![Change::NobodyCalls(at(2))]));
    life
}

/// It fails anew, with enough evidence in that second.
fn anew(second: i64) -> Verdict {
    Verdict { enough_at: Some(at(second)), ..outage().seen(second - 5, second) }
}

#[test]
fn quiet_is_reported_once_and_pauses_the_reminders() {
    let mut life = fallen_silent();
    for second in [1803, 5402, 9000, 30_000] {
        assert_eq!(life.is_over(second, &quiet(), &silent()), [], "{second}");
    }
    assert!(life.incident().is_open() && life.incident().severity == Severity::Page);
    assert_eq!(life.is_over(43_202, &quiet(), &given_up(43_202)), [Kind::Resolved], "its end, without a proof");
}

#[test]
fn a_call_that_fails_within_the_hour_is_of_the_same_incident_and_reminders_continue() {
    let mut life = fallen_silent();
    assert_eq!(life.sees(3600, &anew(3598)), [], "the same incident");
    let incident = life.incident();
    assert_eq!((incident.silent_since, incident.last_failure), (None, Some(at(3598))));
    assert_eq!(life.sees(5402, &outage().seen(5300, 5400)), [Kind::Reminder]);
    let again = Recovery { silent_since: Some(at(5400)), ..Recovery::default() };
    assert_eq!(life.is_over(7200, &quiet(), &again), [Kind::Changed], "silent again");
}

#[test]
fn what_fails_over_an_hour_after_a_silence_is_an_incident_of_its_own() {
    let mut life = fallen_silent();
    let before = life.incident().clone();
    assert_eq!(life.sees(3610, &anew(3603)), [Kind::Resolved, Kind::Opened]);
    let [.., (Happened::Resolved(recovery), closed), (_, opened)] = life.reported.as_slice() else { panic!() };
    assert_eq!((&closed.id, closed.resolved_at, recovery.proved), (&before.id, Some(at(2)), false));
    assert_ne!(opened.id, before.id);
    assert_eq!((opened.is_open(), opened.sequence, opened.since), (true, 1, at(3598)));
    assert_eq!(life.ledger.open().map(|incident| &incident.id), Some(&opened.id));
    let [replaced] = life.ledger.replaced.as_slice() else { panic!() };
    assert_eq!((&replaced.id, replaced.resolved_at), (&before.id, Some(at(2))), "kept as it ended");
    assert_eq!(life.sees(3611, &anew(3603)), [], "once");
}

#[test]
fn one_affected_caller_is_no_new_incident() {
    let mut life = fallen_silent();
    let one = Verdict { enough_at: None, ..anew(9000) };
    assert_eq!(life.sees(9000, &one), [], "nothing has crossed anew");
    assert!(life.incident().is_open());
}

#[test]
fn a_tool_that_is_not_used_for_a_while_is_no_news() {
    let tool = verdict(Diagnosis::OneTool);
    let mut life = Life::of(&tool);
    let idle = Verdict { diagnosis: Diagnosis::Quiet, ..tool.clone() };
    assert_eq!(life.is_over(1802, &idle, &silent()), []);
    assert_eq!(life.sees(9000, &Verdict { enough_at: Some(at(8999)), ..tool.seen(8990, 8999) }), []);
    assert!(life.incident().is_open());
}

#[test]
fn one_tool_gets_a_reminder_once_a_day() {
    let tool = verdict(Diagnosis::OneTool);
    let mut life = Life::of(&tool);
    for second in [3660, 7260, 60 + 86_399] {
        assert_eq!(life.sees(second, &tool), [], "{second}");
    }
    assert_eq!(life.sees(60 + 86_400, &tool), [Kind::Reminder]);
}
