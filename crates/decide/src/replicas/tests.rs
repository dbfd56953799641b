use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use triage_model::caller::CallerHash;
use triage_model::observation::Origin;
use triage_model::region::KnownRegions;

use super::*;
use crate::ledger::Alarm;
use crate::replica::Standing;
use crate::silence::{Known, Silence, SilenceScope};
use crate::testing::verdicts::{at, proved, verdict};
use crate::verdict::{Diagnosis, Recovery, Severity, Verdict};
use crate::view::View;

const EU: usize = 0;
const US: usize = 1;

fn regions() -> [Region; 2] {
    ["eu-central-1", "us-east-1"].map(|name| KnownRegions::default().find(name).unwrap())
}

/// Two regions over time, decided on together as the pipeline does it.
struct Life {
    views: [View; 2],
    told: Vec<Told>,
}

/// A notice as it would be.
#[derive(Clone, Debug)]
struct Told {
    what: Happened,
    incident: Incident,
    standings: Vec<Standing>,
}

impl Life {
    fn new() -> Self {
        Self { views: Default::default(), told: Vec::new() }
    }

    /// What happens at that second.
    fn sees(&mut self, second: i64, verdicts: [&Verdict; 2]) -> Vec<Told> {
        self.lives(second, verdicts, [false, false])
    }

    /// `over`: where the recovery of what is open is confirmed.
    fn lives(&mut self, second: i64, verdicts: [&Verdict; 2], over: [bool; 2]) -> Vec<Told> {
        let evaluations = verdicts.map(|verdict| Evaluation::from(verdict.clone()));
        let known = self.told.len();
        for _ in 0..16 {
            let recoveries = [EU, US].map(|place| self.recoveries(second, place, over[place]));
            let regions = regions();
            let members = [EU, US].map(|place| Member {
                region: &regions[place],
                view: &self.views[place],
                evaluation: &evaluations[place],
                recoveries: &recoveries[place],
            });
            let Some(turn) = turn(&members, &Policy::default(), at(second)) else {
                return self.told[known..].to_vec();
            };
            for event in &turn.reported.happened {
                if let Event::OfIncident(key, what) = event {
                    let incident = turn.reported.incident(*key, what).unwrap().clone();
                    let standings = turn.standings.iter().map(|one| one.standing).collect();
                    let what = what.clone();
                    self.told.push(Told { what, incident, standings });
                }
            }
            assert!(!turn.ledgers.is_empty());
            for (region, ledger) in turn.ledgers {
                let place = regions.iter().position(|one| *one == region).unwrap();
                self.views[place].ledger = ledger;
                self.views[place].version += 1;
            }
        }
        panic!("it does not settle: {:#?}", self.told);
    }

    fn recoveries(&self, second: i64, place: usize, is_over: bool) -> Recoveries {
        let open = self.views[place].ledger.open_incidents().filter(|_| is_over);
        open.map(|incident| (incident.key(), proved(second))).collect()
    }

    fn ids(&self) -> BTreeSet<String> {
        self.told.iter().map(|told| told.incident.id.clone()).collect()
    }

    fn alarms(&self) -> Vec<Alarm> {
        self.told.iter().filter_map(|told| told.incident.alarm_change).collect()
    }
}

fn kinds(told: &[Told]) -> Vec<&'static str> {
    let kind = |told: &Told| match &told.what {
        Happened::Opened => "opened",
        Happened::Reopened { .. } => "reopened",
        Happened::Changed(_) => "changed",
        Happened::Reminder => "reminder",
        Happened::Resolved(_) => "resolved",
        Happened::Unsilenced(_) => "unsilenced",
    };
    told.iter().map(kind).collect()
}

fn changes(told: &Told) -> &[Change] {
    match &told.what {
        Happened::Changed(changes) => changes,
        other => panic!("{other:?}"),
    }
}

/// Sign-in fails for these callers, from one second to another.
fn fails(callers: std::ops::Range<u64>, since: i64, latest: i64) -> Verdict {
    let callers: BTreeSet<CallerHash> = callers.map(CallerHash::from_bits).collect();
    Verdict {
        callers: callers.len(),
        victims: BTreeMap::from([(Origin::CloudTrail, callers)]),
        seen: BTreeMap::new(),
        ..verdict(Diagnosis::Outage).seen(since, latest)
    }
}

/// People are served.
fn works() -> Verdict {
    Verdict { served: 4, ..verdict(Diagnosis::Quiet) }
}

/// Nobody calls, and nothing is probed.
fn nobody() -> Verdict {
    Verdict { active: 0, served: 0, ..verdict(Diagnosis::Quiet) }
}

#[test]
fn a_region_that_fails_minutes_later_joins_the_incident_and_pages_nobody_again() {
    let mut life = Life::new();
    let opened = life.sees(60, [&fails(0..10, 0, 58), &works()]);
    assert_eq!(kinds(&opened), ["opened"]);
    assert_eq!(opened[0].incident.id, "eu-central-1-20270115T080100Z");
    assert_eq!(opened[0].standings, [Standing::Fails, Standing::Works]);
    assert_eq!(opened[0].incident.among.linked.as_ref().unwrap().as_str(), "us-east-1");
    assert_eq!(life.alarms(), [Alarm::Alarm]);
    // Half of its callers were affected in the first region.
    let joined = life.sees(360, [&fails(0..10, 0, 350), &fails(5..15, 300, 350)]);
    assert_eq!(kinds(&joined), ["changed"]);
    assert_eq!(changes(&joined[0]), [Change::FailsIn { region: regions()[US].clone(), everywhere: true }]);
    let incident = &joined[0].incident;
    assert_eq!((&incident.id, incident.sequence), (&opened[0].incident.id, 2));
    assert_eq!(incident.opened_at, opened[0].incident.opened_at);
    assert_eq!((incident.callers, incident.severity, incident.alarm_change), (15, Severity::Page, None));
    assert_eq!((joined[0].standings.as_slice(), &incident.among.linked), (&[Standing::Fails; 2][..], &None));
    assert_eq!(incident.among.regions, regions());
    // It lasts there too, which is no news.
    assert_eq!(kinds(&life.sees(480, [&fails(0..10, 0, 470), &fails(5..15, 300, 470)])), [""; 0]);
}

#[test]
fn it_is_over_once_it_is_over_in_all_of_them() {
    let mut life = Life::new();
    life.sees(60, [&fails(0..10, 0, 58), &works()]);
    life.sees(360, [&fails(0..10, 0, 350), &fails(5..15, 300, 350)]);
    let first = life.lives(700, [&works(), &fails(5..15, 300, 690)], [true, false]);
    assert_eq!(kinds(&first), ["changed"]);
    let region = regions()[EU].clone();
    assert_eq!(changes(&first[0]), [Change::WorksIn { region: region.clone(), proved: true }]);
    assert_eq!(first[0].incident.among.linked, Some(region));
    assert!(first[0].incident.is_open());
    let last = life.lives(1300, [&works(), &works()], [false, true]);
    assert_eq!(kinds(&last), ["resolved"]);
    assert!(
        matches!(&last[0].what, Happened::Resolved(recovery) if recovery.proved && recovery.over_at == Some(at(1300)))
    );
    assert_eq!((last[0].incident.sequence, life.ids().len()), (4, 1));
    assert_eq!((last[0].incident.began(), last[0].incident.ended()), (at(0), at(350)));
    assert_eq!(life.alarms(), [Alarm::Alarm, Alarm::Ok]);
    // Each region's own span is in what is told.
    assert_eq!(last[0].incident.among.regions, regions());
}

#[test]
fn what_fails_again_soon_after_in_another_region_is_the_same_incident() {
    let mut life = Life::new();
    life.sees(60, [&fails(0..10, 0, 58), &works()]);
    life.lives(400, [&works(), &works()], [true, false]);
    let again = life.sees(560, [&works(), &fails(0..10, 500, 558)]);
    assert_eq!(kinds(&again), ["reopened"]);
    assert_eq!((life.ids().len(), again[0].incident.sequence, again[0].incident.reopened), (1, 3, 1));
    // Long after it is another one.
    life.lives(900, [&works(), &works()], [false, true]);
    let anew = life.sees(90_000, [&fails(0..10, 89_940, 89_998), &works()]);
    assert_eq!((kinds(&anew), life.ids().len()), (vec!["opened"], 2));
}

#[test]
fn what_was_over_first_fails_again_under_the_next_number() {
    let mut life = Life::new();
    life.sees(60, [&fails(0..10, 0, 58), &works()]);
    life.sees(200, [&fails(0..10, 0, 190), &fails(0..10, 140, 190)]);
    life.lives(500, [&works(), &fails(0..10, 140, 490)], [true, false]);
    life.lives(800, [&works(), &works()], [false, true]);
    let again = life.sees(900, [&fails(0..10, 840, 898), &works()]);
    assert_eq!(kinds(&again), ["reopened"]);
    assert!(matches!(again[0].what, Happened::Reopened { over_since } if over_since == at(800)));
    assert_eq!((again[0].incident.sequence, life.ids().len()), (5, 1));
}

#[test]
fn people_are_sent_elsewhere_when_nothing_proves_any_more_that_it_works_there() {
    let mut life = Life::new();
    let opened = life.sees(60, [&fails(0..10, 0, 58), &nobody()]);
    assert_eq!(
        (opened[0].standings.as_slice(), &opened[0].incident.among.linked),
        (&[Standing::Fails, Standing::Unknown][..], &None)
    );
    // The first that leads in is news at once.
    let found = life.sees(120, [&fails(0..10, 0, 118), &works()]);
    let us = Some(regions()[US].clone());
    assert_eq!(changes(&found[0]), [Change::Portal { lost: None, found: us.clone() }]);
    assert_eq!((kinds(&found), life.sees(130, [&fails(0..10, 0, 118), &works()]).len()), (vec!["changed"], 0));
    // What changes to and fro is told like any other change.
    assert_eq!(kinds(&life.sees(140, [&fails(0..10, 0, 138), &nobody()])), [""; 0]);
    let lost = life.sees(1200, [&fails(0..10, 0, 1190), &nobody()]);
    assert_eq!(changes(&lost[0]), [Change::Portal { lost: us, found: None }]);
    assert_eq!(life.ids().len(), 1);
}

#[test]
fn a_probe_that_fails_is_no_proof_though_calls_are_served() {
    use crate::probe::StepState;
    let standing = |verdict: Verdict| {
        let mut life = Life::new();
        life.sees(60, [&fails(0..10, 0, 58), &verdict])[0].standings[US]
    };
    let probed = |probe, callers, served| Verdict { probe: Some(probe), callers, served, ..nobody() };
    assert_eq!(standing(probed(StepState::Healthy, 0, 0)), Standing::Works);
    for unknown in [
        probed(StepState::Healthy, 2, 1),
        probed(StepState::Unknown, 0, 0),
        probed(StepState::Unexpected, 0, 0),
        nobody(),
    ] {
        assert_eq!(standing(unknown.clone()), Standing::Unknown, "{unknown:?}");
    }
}

#[test]
fn incidents_of_before_go_on_as_they_were() {
    let policy = Policy::default();
    let (eu, us) = (fails(0..10, 0, 58), fails(0..10, 0, 58));
    let alone = |place: usize, verdict: &Verdict, second: i64| {
        let evaluation = Evaluation::from(verdict.clone());
        turn_of_one(&regions()[place], &Ledger::default(), &evaluation, &Recoveries::new(), &policy, at(second))
            .unwrap()
    };
    // Both were open when the regions became replicas: each keeps its id, and its alert.
    let mut life = Life::new();
    life.views[EU].ledger = alone(EU, &eu, 60).ledger;
    life.views[US].ledger = alone(US, &us, 70).ledger;
    let told = life.sees(90, [&fails(0..10, 0, 88), &fails(0..10, 0, 88)]);
    assert!(kinds(&told).iter().all(|kind| *kind == "changed") && life.alarms().is_empty(), "{told:?}");
    life.lives(700, [&works(), &works()], [true, true]);
    assert_eq!((life.ids().len(), life.alarms()), (2, vec![Alarm::Ok, Alarm::Ok]));
    // One was open: the other region joins it.
    let mut life = Life::new();
    life.views[US].ledger = alone(US, &us, 60).ledger;
    let told = life.sees(360, [&fails(0..10, 300, 358), &fails(0..10, 0, 358)]);
    assert!(told.iter().any(
        |told| matches!(&told.what, Happened::Changed(changes) if matches!(changes[..], [Change::FailsIn { .. }]))
    ));
    assert_eq!(life.ids(), BTreeSet::from(["us-east-1-20270115T080100Z".to_owned()]));
    assert_eq!(life.alarms(), []);
}

#[test]
fn regions_that_cease_to_be_replicas_keep_their_incidents_and_page_nobody() {
    let mut life = Life::new();
    life.sees(60, [&fails(0..10, 0, 58), &works()]);
    life.sees(360, [&fails(0..10, 0, 350), &fails(5..15, 300, 350)]);
    let mut ids = BTreeSet::new();
    for place in [EU, US] {
        let mut ledger = life.views[place].ledger.clone();
        let mut alarms = Vec::new();
        for (second, verdict, over) in [(420, fails(0..10, 0, 410), None), (900, works(), Some(proved(900)))] {
            let recoveries: Recoveries = over.into_iter().map(|over: Recovery| (None, over)).collect();
            let evaluation = Evaluation::from(verdict);
            let turn =
                turn_of_one(&regions()[place], &ledger, &evaluation, &recoveries, &Policy::default(), at(second));
            let Some(turn) = turn else { continue };
            assert!(!turn.happened.iter().any(|event| matches!(event, Event::OfIncident(_, Happened::Opened))));
            ledger = turn.ledger;
            alarms.extend(ledger.incident.as_ref().unwrap().alarm_change);
        }
        let incident = ledger.incident.unwrap();
        assert!(!incident.is_open() && alarms == [Alarm::Ok], "{alarms:?}");
        ids.insert(incident.id);
    }
    assert_eq!(ids.len(), 2, "no two notices have one id");
}

/// A silence of all in these regions, for an hour.
fn silence(places: &[usize]) -> Silence {
    Silence {
        id: "silence-1".to_owned(),
        scope: SilenceScope::default(),
        regions: places.iter().map(|place| regions()[*place].clone()).collect(),
        by: "ana".to_owned(),
        reason: "a test".to_owned(),
        from: at(0),
        until: at(3600),
        ended_by: None,
        announced: Some(at(3600)),
        speaks: false,
        missed: Vec::new(),
        missed_more: 0,
        advised: BTreeMap::new(),
    }
}

#[test]
fn a_silence_of_one_region_holds_back_what_is_of_it() {
    let mut life = Life::new();
    life.views[EU].ledger.silences.push(silence(&[EU]));
    let held = life.sees(60, [&fails(0..10, 0, 58), &works()]);
    assert!(held.iter().all(|told| told.incident.withheld.is_some()));
    assert_eq!(life.alarms(), []);
    // The other region is not silenced: people hear of it for the first time, and are paged once.
    let heard = life.sees(360, [&fails(0..10, 0, 350), &fails(5..15, 300, 358)]);
    let shown: Vec<&Told> = heard.iter().filter(|told| told.incident.withheld.is_none()).collect();
    assert_eq!(kinds(&heard), ["opened"]);
    assert!(shown.len() == 1 && life.alarms() == [Alarm::Alarm]);
    life.lives(700, [&works(), &fails(5..15, 300, 690)], [true, false]);
    life.lives(1300, [&works(), &works()], [false, true]);
    assert_eq!((life.alarms(), life.ids().len()), (vec![Alarm::Alarm, Alarm::Ok], 1));
}

#[test]
fn a_silenced_page_of_one_region_does_not_keep_another_one_from_paging() {
    let mut life = Life::new();
    life.views[EU].ledger.silences.push(silence(&[EU]));
    // It has not lasted yet, so that it is a warning.
    let opened = life.sees(60, [&works(), &fails(0..10, 57, 58)]);
    assert_eq!((kinds(&opened), opened[0].incident.severity), (vec!["opened"], Severity::Warning));
    let held = life.sees(360, [&fails(0..30, 0, 350), &fails(0..10, 57, 58)]);
    assert!(
        held.iter().filter(|told| told.incident.region == regions()[EU]).all(|told| told.incident.withheld.is_some())
    );
    life.sees(420, [&fails(0..30, 0, 410), &fails(0..10, 57, 415)]);
    assert_eq!(life.alarms(), [Alarm::Alarm]);
}

#[test]
fn what_people_know_of_another_region_is_not_opened_again_when_a_silence_ends() {
    let mut life = Life::new();
    life.views[EU].ledger.silences.push(silence(&[EU]));
    life.sees(60, [&fails(0..10, 0, 58), &works()]);
    let heard = life.sees(360, [&fails(0..10, 0, 350), &fails(5..15, 300, 358)]);
    assert_eq!(kinds(&heard), ["opened"]);
    life.views[EU].ledger.silences.clear();
    let released = life.sees(420, [&fails(0..10, 0, 410), &fails(5..15, 300, 418)]);
    let known = released.iter().filter_map(|told| match &told.what {
        Happened::Unsilenced(withheld) => Some(withheld.known),
        _ => None,
    });
    assert!(known.clone().all(|known| known == Known::Open), "{released:?}");
    assert_eq!(life.alarms(), [Alarm::Alarm]);
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    later: i64,
    what: [u8; 2],
    over: [bool; 2],
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let moment = (10_i64..1500, [0_u8..6, 0..6], [any::<bool>(), any::<bool>()]);
    proptest::collection::vec(moment.prop_map(|(later, what, over)| Moment { later, what, over }), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever is silenced in one region: what pages for another one alone pages for it beside that, too.
    #[test]
    fn a_silence_of_one_region_keeps_no_page_of_another_one_back(moments in moments()) {
        let (mut life, mut alone) = (Life::new(), Life::new());
        life.views[EU].ledger.silences.push(Silence { until: at(1_000_000), announced: Some(at(1_000_000)), ..silence(&[EU]) });
        let is_raised = |life: &Life| life.alarms().last() == Some(&Alarm::Alarm);
        let mut second = 0;
        for Moment { later, what, over } in moments {
            second += later;
            let verdict = |what: u8| match what {
                0 => fails(0..10, second - 50, second - 1),
                1 => fails(0..10, second - 2, second - 1),
                2 => Verdict { diagnosis: Diagnosis::Degraded, ..fails(3..9, second - 5, second - 1) },
                3 => nobody(),
                _ => works(),
            };
            let [eu, us] = what.map(verdict);
            life.lives(second, [&eu, &us], over);
            alone.lives(second, [&nobody(), &us], [false, over[1]]);
            prop_assert!(is_raised(&life) || !is_raised(&alone), "{:#?}", life.told);
        }
    }

    /// Whatever happens in which order: one incident at a time, each opened once, each notice under a number of its own, and
    /// an alert is raised and ended in turn.
    #[test]
    fn there_is_one_incident_at_a_time_and_one_alert(moments in moments()) {
        let mut life = Life::new();
        let mut second = 0;
        for Moment { later, what, over } in moments {
            second += later;
            let verdict = |what: u8| match what {
                0 | 1 => fails(0..10, second - 50, second - 1),
                2 => Verdict { diagnosis: Diagnosis::Degraded, ..fails(3..9, second - 5, second - 1) },
                3 => nobody(),
                _ => works(),
            };
            let verdicts = what.map(verdict);
            life.lives(second, [&verdicts[0], &verdicts[1]], over);
            let open: BTreeSet<String> = life.views.iter().filter_map(|view| view.ledger.open()).map(|it| it.known_as().to_owned()).collect();
            prop_assert!(open.len() <= 1, "{open:?}");
        }
        // The end of all of it.
        life.lives(second + 1000, [&works(), &works()], [true, true]);
        prop_assert!(life.views.iter().all(|view| view.ledger.open().is_none()));
        for id in life.ids() {
            let of_it: Vec<&Told> = life.told.iter().filter(|told| told.incident.id == id).collect();
            let sequences: Vec<u32> = of_it.iter().map(|told| told.incident.sequence).collect();
            prop_assert_eq!(&sequences, &(1..=sequences.len() as u32).collect::<Vec<_>>(), "{:#?}", of_it);
            let kinds: Vec<_> = kinds(&of_it.iter().copied().cloned().collect::<Vec<_>>());
            prop_assert_eq!(kinds.iter().filter(|kind| **kind == "opened").count(), 1);
            prop_assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("opened", "resolved"));
            let alarms: Vec<Alarm> = of_it.iter().filter_map(|told| told.incident.alarm_change).collect();
            let in_turn = [Alarm::Alarm, Alarm::Ok].into_iter().cycle().take(alarms.len()).collect::<Vec<_>>();
            prop_assert_eq!(&alarms, &in_turn);
            prop_assert!(alarms.len().is_multiple_of(2), "an alert stays open");
        }
    }
}
