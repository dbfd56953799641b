//! What is silenced or acknowledged.

use triage_model::observation::Operation;

use super::*;
use crate::asked::Silenced;
use crate::silence::{Acknowledged, Known, Limit, SILENCES_MAX, Silence, SilenceScope, Withheld};
use crate::testing::verdicts::shared;

fn silence(scope: SilenceScope, from: i64, until: i64) -> Silence {
    Silence {
        id: format!("silence-{from}"),
        scope,
        regions: [region()].into(),
        by: "ana".to_owned(),
        reason: "maintenance".to_owned(),
        from: at(from),
        until: at(until),
        ended_by: None,
        announced: None,
        speaks: true,
        missed: Vec::new(),
        missed_more: 0,
        advised: BTreeMap::new(),
    }
}

fn everything() -> SilenceScope {
    SilenceScope::default()
}

/// Only what is attributed as that diagnosis is.
fn only(diagnosis: Diagnosis) -> SilenceScope {
    let shared = shared(diagnosis).unwrap();
    let limit = Limit::Tool(shared.name);
    SilenceScope { limit: Some(limit), ..everything() }
}

impl Life {
    fn silences(&mut self, scope: SilenceScope, from: i64, until: i64) {
        assert!(matches!(self.ledger.silence(&silence(scope, from, until), at(from)), Silenced::New(_)));
    }

    /// What people are notified of: without what is withheld.
    fn people_see(&mut self, second: i64, verdict: &Verdict) -> Vec<Kind> {
        self.people_see_all(second, verdict, &Recoveries::new())
    }

    fn people_see_end(&mut self, second: i64, verdict: &Verdict) -> Vec<Kind> {
        let over = BTreeMap::from([(None, proved(second - 10)), (verdict.apart, proved(second - 10))]);
        self.people_see_all(second, verdict, &over)
    }

    fn people_see_all(&mut self, second: i64, verdict: &Verdict, recoveries: &Recoveries) -> Vec<Kind> {
        let mut seen = Vec::new();
        // As the pipeline does it: until nothing more follows.
        for _ in 0..8 {
            let before = self.reported.len();
            let kinds = self.decides(second, &verdict.clone().into(), recoveries);
            let mut incidents = self.reported[before..].iter();
            let withheld = |kind: &Kind, of: &mut std::slice::Iter<'_, (Happened, Incident)>| match kind {
                Kind::Advice | Kind::Silenced | Kind::SilenceEnded => false,
                _ => of.next().unwrap().1.withheld.is_some(),
            };
            let is_end = kinds.is_empty();
            seen.extend(kinds.into_iter().filter(|kind| !withheld(kind, &mut incidents)));
            if is_end {
                break;
            }
        }
        seen
    }

    fn ended(&self) -> &Silence {
        self.ended.last().unwrap()
    }
}

#[test]
fn what_happens_within_a_silence_is_summarised_at_its_end() {
    let mut life = Life::default();
    life.silences(everything(), 0, 7200);
    assert_eq!(life.people_see(0, &quiet()), [Kind::Silenced], "nobody silences unseen");
    assert_eq!(life.people_see(60, &outage()), []);
    assert_eq!((life.incident().is_open(), life.incident().is_paged), (true, false), "it lives on as ever");
    assert_eq!(life.people_see_end(1800, &quiet()), []);
    assert_eq!(life.people_see(7199, &quiet()), []);
    assert_eq!(life.people_see(7200, &quiet()), [Kind::SilenceEnded], "once, and nothing of what is over");
    let [missed] = life.ended().missed.as_slice() else { panic!() };
    assert_eq!((missed.diagnosis, missed.callers, missed.notices), (Diagnosis::Outage, 3, 2));
    assert_eq!((missed.began, missed.resolved_at), (at(0), Some(at(1790))));
    assert_eq!(life.ledger.silences, []);
    assert_eq!(life.incident().withheld, None);
    assert_eq!(life.people_see(7300, &quiet()), []);
}

#[test]
fn what_is_still_open_at_the_end_is_reported_as_if_it_had_just_opened() {
    let mut life = Life::default();
    life.silences(everything(), 0, 600);
    assert_eq!(life.people_see(60, &outage()), [Kind::Silenced]);
    assert_eq!(life.people_see(600, &outage()), [Kind::SilenceEnded, Kind::Unsilenced]);
    let (happened, incident) = life.reported.last().unwrap();
    assert!(matches!(happened, Happened::Unsilenced(Withheld { known: Known::Nothing, .. })), "{happened:?}");
    assert_eq!((incident.alarm_change, incident.is_paged), (Some(Alarm::Alarm), true), "and now it pages");
    assert_eq!(incident.sequence, 2);
    assert_eq!(life.people_see(601, &outage()), []);
    assert_eq!(life.people_see_end(1800, &quiet()), [Kind::Resolved]);
    assert_eq!(life.incident().alarm_change, Some(Alarm::Ok));
}

#[test]
fn an_alert_of_before_ends_with_its_incident_also_within_a_silence() {
    let mut life = Life::of(&outage());
    assert!(life.incident().is_paged);
    life.silences(everything(), 100, 7200);
    assert_eq!(life.people_see(100, &outage()), [Kind::Silenced]);
    assert_eq!(life.people_see(700, &outage().hitting(30)), [], "no update");
    assert!(life.incident().is_paged, "the pager is left as it is");
    assert_eq!(life.people_see_end(1800, &quiet()), []);
    let (happened, incident) = life.reported.last().unwrap();
    assert_eq!(Kind::from(happened), Kind::Resolved);
    assert_eq!((incident.alarm_change, incident.is_paged), (Some(Alarm::Ok), false), "an alert never stays open");
    // Back within the silence: not to the pager, and at its end as a change of what people believe to be open.
    assert_eq!(life.people_see(1900, &outage().seen(1895, 1899)), []);
    assert_eq!((life.incident().alarm_change, life.incident().is_paged), (None, false));
    assert_eq!(life.people_see(7200, &outage().seen(1895, 7199)), [Kind::SilenceEnded, Kind::Unsilenced]);
    let (happened, incident) = life.reported.last().unwrap();
    assert!(matches!(happened, Happened::Unsilenced(Withheld { known: Known::Open, .. })), "{happened:?}");
    assert_eq!(incident.alarm_change, Some(Alarm::Alarm));
}

#[test]
fn a_silence_of_one_tool_hides_no_outage() {
    let tool = verdict(Diagnosis::OneTool);
    let mut life = Life::default();
    life.silences(only(Diagnosis::OneTool), 0, 7200);
    assert_eq!(life.people_see(60, &tool), [Kind::Silenced]);
    assert_eq!(life.people_see(61, &outage()), [Kind::Opened]);
    assert!(life.ledger.open().unwrap().is_paged);
}

#[test]
fn what_outgrows_its_silence_is_reported_at_once() {
    let tool = verdict(Diagnosis::OneTool);
    let mut life = Life::default();
    life.silences(only(Diagnosis::OneTool), 0, 7200);
    life.people_see(60, &tool);
    assert!(life.incident().withheld.is_some());
    let evaluation = Evaluation { region: outage(), apart: vec![Verdict { is_refuted: true, ..tool }] };
    let kinds = life.decides(100, &evaluation, &Recoveries::new());
    assert_eq!(kinds, [Kind::Unsilenced], "as the region's, and as if it had just opened");
    let incident = life.ledger.open().unwrap();
    assert_eq!((incident.key(), &incident.withheld), (None, &None));
    assert_eq!(incident.alarm_change.is_some(), incident.severity == Severity::Page);
}

#[test]
fn that_an_outage_turned_out_to_be_a_silenced_tool_is_the_last_that_people_read_of_it() {
    let mut life = Life::of(&outage());
    life.silences(only(Diagnosis::OneTool), 100, 7200);
    assert_eq!(life.people_see(100, &outage()), [Kind::Silenced]);
    let tool = Verdict { explains_open: true, ..verdict(Diagnosis::OneTool) };
    let evaluation = Evaluation { region: quiet(), apart: vec![tool.clone()] };
    assert_eq!(life.decides(200, &evaluation, &Recoveries::new()), [Kind::Changed]);
    assert_eq!(life.incident().withheld, None);
    let over = BTreeMap::from([(tool.apart, proved(1790))]);
    assert_eq!(life.decides(1800, &evaluation, &over), [Kind::Resolved]);
    assert!(life.incident().withheld.is_some());
    assert_eq!(life.incident().alarm_change, Some(Alarm::Ok));
}

#[test]
fn two_silences_hold_until_the_last_one_ends() {
    let mut life = Life::default();
    life.silences(everything(), 0, 600);
    let operation = SilenceScope { operations: Some(BTreeSet::from([Operation::CreateToken])), ..everything() };
    life.silences(operation, 1, 1200);
    let scope =
        crate::scope::Scope { operations: Some(BTreeSet::from([Operation::CreateToken])), ..Default::default() };
    let verdict = Verdict { scope, ..outage() };
    assert_eq!(life.people_see(60, &verdict), [Kind::Silenced, Kind::Silenced]);
    assert_eq!(life.people_see(600, &verdict), [Kind::SilenceEnded]);
    assert_eq!(life.people_see(1200, &verdict), [Kind::SilenceEnded, Kind::Unsilenced]);
    assert_eq!(life.ended().missed.len(), 1, "it was open within this one too");
}

#[test]
fn advice_within_a_silence_is_counted_and_not_given_again() {
    let mut life = Life::default();
    life.silences(everything(), 0, 600);
    let verdict = Verdict { advised: vec![advised("talker:1")], ..quiet() };
    assert_eq!(life.people_see(60, &verdict), [Kind::Silenced]);
    assert_eq!(life.people_see(600, &verdict), [Kind::SilenceEnded]);
    let missed = &life.ended().advised[&Diagnosis::Throttling];
    assert_eq!((missed.notices, missed.reason.as_deref()), (1, Some("too many calls")));
}

#[test]
fn a_silence_of_several_regions_speaks_in_one_where_nothing_happened() {
    let mut life = Life::default();
    let quietly = Silence { speaks: false, ..silence(everything(), 0, 600) };
    life.ledger.silence(&quietly, at(0));
    assert_eq!(life.people_see(0, &quiet()), []);
    assert_eq!(life.people_see(600, &quiet()), []);
    assert_eq!(life.ledger.silences, []);
    life.ledger.silence(&Silence { until: at(1200), from: at(601), ..quietly }, at(601));
    assert_eq!(life.people_see(660, &outage()), []);
    assert_eq!(
        life.people_see(1200, &outage()),
        [Kind::SilenceEnded, Kind::Unsilenced],
        "where something did it says so"
    );
}

#[test]
fn the_same_silence_asked_for_again_is_one() {
    let mut life = Life::default();
    let first = silence(everything(), 0, 7200);
    assert!(matches!(life.ledger.silence(&first, at(0)), Silenced::New(_)));
    let again = |from, until| Silence { id: "another".into(), ..silence(everything(), from, until) };
    let Silenced::Same(known) = life.ledger.silence(&again(9, 7209), at(9)) else { panic!() };
    assert_eq!((known.id.as_str(), known.until), ("silence-0", at(7200)));
    assert_eq!(life.people_see(10, &quiet()), [Kind::Silenced]);
    let Silenced::Longer(known) = life.ledger.silence(&again(3600, 10_800), at(3600)) else { panic!() };
    assert_eq!((known.id.as_str(), known.until), ("silence-0", at(10_800)));
    assert_eq!(life.people_see(3600, &quiet()), [Kind::Silenced], "nor does anybody prolong one unseen");
    assert_eq!(life.ledger.silences.len(), 1);
}

#[test]
fn a_region_has_a_bounded_number_of_silences_and_each_a_bounded_number_of_incidents() {
    let mut life = Life::default();
    for number in 0..SILENCES_MAX as i64 {
        let other = Silence { reason: number.to_string(), ..silence(everything(), number, 7200) };
        assert!(matches!(life.ledger.silence(&other, at(number)), Silenced::New(_)));
    }
    assert_eq!(life.ledger.silence(&silence(everything(), 20, 7200), at(20)), Silenced::Full);
    let mut one = silence(everything(), 0, 7200);
    let missed = crate::testing::verdicts::incident(&outage()).missed();
    for number in 0..100 {
        one.miss(crate::silence::Missed { incident: number.to_string(), ..missed.clone() }, 1);
    }
    assert_eq!((one.missed.len(), one.missed_more), (crate::silence::MISSED_MAX, 90));
}

#[test]
fn a_silence_ends_early_if_somebody_says_so() {
    let mut life = Life::default();
    life.silences(everything(), 0, 7200);
    life.people_see(60, &outage());
    assert_eq!(life.ledger.end_silence("another", "ben", at(90)), None);
    assert!(life.ledger.end_silence("silence-0", "ben", at(90)).is_some());
    assert_eq!(life.people_see(90, &outage()), [Kind::SilenceEnded, Kind::Unsilenced]);
    assert_eq!((life.ended().until, life.ended().ended_by.as_deref()), (at(90), Some("ben")));
    assert_eq!(life.ledger.end_silence("silence-0", "ben", at(91)), None, "once");
}

fn acknowledged(second: i64) -> Acknowledged {
    Acknowledged { by: Some("ana".to_owned()), at: at(second), until: at(second + 28_800) }
}

#[test]
fn an_acknowledged_incident_sends_no_reminders_until_that_ends() {
    let mut life = Life::of(&outage());
    let id = life.incident().id.clone();
    assert_eq!(life.ledger.acknowledge("another", Some(&acknowledged(100))), None);
    assert!(life.ledger.acknowledge(&id, Some(&acknowledged(100))).is_some());
    for second in [3660, 7260, 28_899] {
        assert_eq!(life.sees(second, &outage()), []);
    }
    assert_eq!(life.sees(28_900, &outage()), [Kind::Reminder]);
    life.ledger.acknowledge(&id, Some(&acknowledged(28_901)));
    assert_eq!(life.sees(28_902, &outage().hitting(6)), [Kind::Changed], "twice the callers are news");
    life.ledger.acknowledge(&id, None);
    assert_eq!(life.sees(32_502, &outage().hitting(6)), [Kind::Reminder], "taken back");
}

#[test]
fn an_incident_that_is_back_is_acknowledged_no_more() {
    let mut life = Life::of(&outage());
    let id = life.incident().id.clone();
    life.ledger.acknowledge(&id, Some(&acknowledged(100)));
    assert_eq!(life.is_over(620, &quiet(), &proved(610)), [Kind::Resolved]);
    assert!(life.ledger.acknowledge(&id, Some(&acknowledged(700))).is_none(), "it is not open");
    assert_eq!(life.sees(900, &outage().seen(890, 899)), [Kind::Reopened]);
    assert_eq!(life.incident().acknowledged, None);
    assert_eq!(life.sees(4500, &outage().seen(890, 4499)), [Kind::Reminder]);
}

/// A silence that may begin with what is seen.
fn any_silence() -> impl Strategy<Value = Option<(u8, i64)>> {
    prop::option::weighted(0.2, (0_u8..4, 60_i64..6000))
}

fn scope_of(number: u8) -> SilenceScope {
    match number {
        0 => everything(),
        1 => only(Diagnosis::OneTool),
        2 => SilenceScope { limit: Some(Limit::Network("192.0.2.7".to_owned())), ..everything() },
        _ => SilenceScope { limit: Some(Limit::Tool("nobody-s/1".to_owned())), ..everything() },
    }
}

/// What people and the pager believe of each incident, by what they were sent.
#[derive(Debug, Default)]
struct Beliefs {
    open: BTreeSet<String>,
    /// Told of as open once, whatever followed.
    known: BTreeSet<String>,
    paged: BTreeSet<String>,
    summarised: BTreeSet<String>,
}

proptest! {
    /// Whatever is silenced: incidents live the same lives, what is not within a silence is sent as without it, nothing within
    /// one is sent before its end, and at the end people and the pager know what there is.
    #[test]
    fn silences_change_only_what_people_read_and_when(
        seen in prop::collection::vec((any_seen(), any_silence()), 1..60),
    ) {
        let (mut life, mut plain, mut now) = (Life::default(), Life::default(), 0);
        let mut beliefs = Beliefs::default();
        for (Seen { pause, diagnosis, callers, probe, health, over }, silenced) in seen {
            now += pause;
            if let Some((scope, lasts)) = silenced {
                life.ledger.silence(&silence(scope_of(scope), now, now + lasts), at(now));
            }
            let verdict = Verdict { probe, health, ..verdict(diagnosis).hitting(callers).seen(now - 1, now) };
            let recovery = Recovery { over_at: over.then(|| at(now)), ..proved(now) };
            let recoveries = BTreeMap::from([(None, recovery.clone()), (verdict.apart, recovery)]);
            let evaluation = Evaluation::from(verdict);
            let mut within = BTreeSet::new();
            // Turns of silences come first.
            while life.ledger.silences.iter().any(|one| !one.is_active(at(now)) || one.announced != Some(one.until)) {
                let before = (life.reported.len(), life.ended.len());
                life.decides(now, &evaluation, &recoveries);
                for ended in &life.ended[before.1..] {
                    beliefs.summarised.extend(ended.missed.iter().map(|missed| missed.incident.clone()));
                    for missed in ended.missed.iter().filter(|missed| missed.resolved_at.is_some()) {
                        beliefs.open.remove(&missed.incident);
                    }
                }
                beliefs.hear(&life.reported[before.0..]);
            }
            let active = life.ledger.silences.clone();
            let before = (life.reported.len(), plain.reported.len());
            life.decides(now, &evaluation, &recoveries);
            plain.decides(now, &evaluation, &recoveries);
            let (new, without) = (&life.reported[before.0..], &plain.reported[before.1..]);
            for (happened, incident) in new {
                let covered = active.iter().any(|one| one.scope.has(&incident.id, &incident.scope));
                if covered && !matches!(happened, Happened::Changed(_)) {
                    prop_assert!(incident.withheld.is_some(), "{:?}", happened);
                    within.insert(incident.id.clone());
                }
                prop_assert!(covered || incident.withheld.is_none(), "withheld, though nothing silences it");
            }
            beliefs.hear(new);
            if active.is_empty() && life.ledger.incidents().all(|one| one.withheld.is_none()) && within.is_empty() {
                let kinds = |of: &[(Happened, Incident)]| of.iter().map(|(what, of)| (Kind::from(what), of.id.clone())).collect::<Vec<_>>();
                // A silence may have set the time of the latest notice: reminders alone come at another time.
                let told = |of: &[(Happened, Incident)]| kinds(of).into_iter().filter(|(kind, _)| *kind == Kind::Opened || *kind == Kind::Reopened || *kind == Kind::Resolved).collect::<Vec<_>>();
                prop_assert_eq!(told(new), told(without));
            }
            // The same incidents, open and over, in the same state.
            let state = |of: &Ledger| of.incidents().map(|one| (one.id.clone(), one.resolved_at, one.diagnosis, one.severity)).collect::<Vec<_>>();
            prop_assert_eq!(state(&life.ledger), state(&plain.ledger));
            for incident in life.ledger.open_incidents() {
                let is_paged = beliefs.paged.contains(&incident.id);
                prop_assert_eq!(incident.is_paged, is_paged, "the pager has what the ledger says");
                if incident.withheld.is_none() {
                    prop_assert!(beliefs.open.contains(&incident.id), "people know what is open and not silenced");
                    prop_assert!(is_paged == (incident.severity == Severity::Page));
                }
            }
            for incident in life.ledger.incidents().filter(|one| !one.is_open()) {
                prop_assert!(!beliefs.paged.contains(&incident.id), "an alert stayed open");
                if incident.withheld.is_none() {
                    prop_assert!(!beliefs.open.contains(&incident.id), "people believe that it is open");
                }
            }
        }
        // When all has ended, nothing is left untold.
        life.decides(now + 7000, &quiet().into(), &Recoveries::new());
        let told: BTreeSet<&String> = beliefs.known.iter().chain(&beliefs.summarised).collect();
        for ended in &life.ended {
            prop_assert!(ended.missed_more > 0 || ended.missed.len() <= crate::silence::MISSED_MAX);
        }
        let summarised: BTreeSet<&String> = life.ended.iter().flat_map(|ended| &ended.missed).map(|missed| &missed.incident).collect();
        let overflown = life.ended.iter().any(|ended| ended.missed_more > 0);
        for (_, incident) in &life.reported {
            prop_assert!(overflown || told.contains(&incident.id) || summarised.contains(&incident.id), "{} was never told", incident.id);
        }
    }
}

impl Beliefs {
    fn hear(&mut self, reported: &[(Happened, Incident)]) {
        for (happened, incident) in reported {
            match incident.alarm_change {
                Some(Alarm::Alarm) if incident.withheld.is_none() => {
                    assert!(self.paged.insert(incident.id.clone()), "paged twice");
                }
                Some(Alarm::Ok) => assert!(self.paged.remove(&incident.id), "an end of no alert"),
                Some(Alarm::Alarm) => panic!("an alarm that nobody hears"),
                None => {}
            }
            if incident.withheld.is_some() {
                continue;
            }
            match happened {
                Happened::Opened => assert!(self.known.insert(incident.id.clone()), "opened twice"),
                Happened::Unsilenced(Withheld { known, .. }) => {
                    assert_eq!(*known == Known::Open, self.open.contains(&incident.id), "{known:?}");
                    self.known.insert(incident.id.clone());
                }
                Happened::Reopened { .. } | Happened::Changed(_) | Happened::Reminder | Happened::Resolved(_) => {}
            }
            if matches!(happened, Happened::Resolved(_)) {
                self.open.remove(&incident.id);
            } else {
                self.open.insert(incident.id.clone());
            }
        }
    }
}
