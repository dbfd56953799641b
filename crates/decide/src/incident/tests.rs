mod counted;
mod page;
mod silence;
mod silenced;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use triage_model::caller::CallerHash;
use triage_model::observation::Operation;

use super::*;
use crate::probe::StepState;
use crate::testing::verdicts::{NOTIFIED, at, given_up, proved, region, verdict};
use crate::turn::Event;
use crate::verdict::{Advised, Diagnosis, FailingPart};

/// What happened, without its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Opened,
    Reopened,
    Changed,
    Reminder,
    Resolved,
    Advice,
    Unsilenced,
    Silenced,
    SilenceEnded,
}

impl From<&Happened> for Kind {
    fn from(happened: &Happened) -> Self {
        match happened {
            Happened::Opened => Self::Opened,
            Happened::Reopened { .. } => Self::Reopened,
            Happened::Changed(_) => Self::Changed,
            Happened::Reminder => Self::Reminder,
            Happened::Resolved(_) => Self::Resolved,
            Happened::Unsilenced(_) => Self::Unsilenced,
        }
    }
}

impl From<&Event> for Kind {
    fn from(event: &Event) -> Self {
        match event {
            Event::OfIncident(_, happened) => Self::from(happened),
            Event::Advised(_) => Self::Advice,
            Event::Silenced(_) => Self::Silenced,
            Event::SilenceEnded(_) => Self::SilenceEnded,
        }
    }
}

/// One region over time: each verdict is decided on as the pipeline does it, until nothing more follows.
#[derive(Default)]
struct Life {
    ledger: Ledger,
    /// What happened to incidents, each as it was then.
    reported: Vec<(Happened, Incident)>,
    /// Silences that ended.
    ended: Vec<crate::silence::Silence>,
}

impl Life {
    /// What this verdict makes happen at that second.
    fn sees(&mut self, second: i64, verdict: &Verdict) -> Vec<Kind> {
        self.decides(second, &verdict.clone().into(), &Recoveries::new())
    }

    fn is_over(&mut self, second: i64, verdict: &Verdict, recovery: &Recovery) -> Vec<Kind> {
        self.decides(second, &verdict.clone().into(), &BTreeMap::from([(verdict.apart, recovery.clone())]))
    }

    fn decides(&mut self, second: i64, evaluation: &Evaluation, recoveries: &Recoveries) -> Vec<Kind> {
        let mut recoveries = recoveries.clone();
        recoveries.retain(|key, _| self.ledger.latest(*key).is_some_and(Incident::is_open));
        let next = turn(&region(), &self.ledger, evaluation, &recoveries, &Policy::default(), at(second));
        let Some(next) = next else { return Vec::new() };
        assert_eq!(next.ledger.next_position, self.ledger.next_position, "positions are the outbox's");
        for event in &next.happened {
            if let Event::OfIncident(key, happened) = event {
                self.reported.push((happened.clone(), next.incident(*key, happened).unwrap().clone()));
            }
            if let Event::SilenceEnded(silence) = event {
                self.ended.push(silence.clone());
            }
        }
        self.ledger = next.ledger;
        next.happened.iter().map(Kind::from).collect()
    }

    /// The only one, or that of the region.
    fn incident(&self) -> &Incident {
        self.ledger.incidents().next().unwrap()
    }

    /// Opened a minute after the first of three callers failed.
    fn of(verdict: &Verdict) -> Self {
        let mut life = Self::default();
        assert_eq!(life.sees(60, verdict), [Kind::Opened]);
        life
    }
}

fn quiet() -> Verdict {
    verdict(Diagnosis::Quiet)
}

fn outage() -> Verdict {
    verdict(Diagnosis::Outage)
}

#[test]
fn an_incident_opens_at_once_and_once() {
    for diagnosis in NOTIFIED {
        let mut life = Life::of(&verdict(diagnosis));
        let incident = life.incident();
        let of = match diagnosis {
            Diagnosis::OneTool => "-tool-0007",
            Diagnosis::OneNetwork => "-network-0007",
            Diagnosis::OneAccount => "-account-0007",
            Diagnosis::OneApplication => "-application-0007",
            _ => "",
        };
        assert_eq!(incident.id, format!("eu-central-1-20270115T080100Z{of}"));
        assert_eq!((incident.since, incident.opened_at, incident.sequence), (at(0), at(60), 1));
        assert_eq!((incident.diagnosis, incident.severity), (diagnosis, diagnosis.severity()));
        for second in [60, 61, 300] {
            assert_eq!(life.sees(second, &verdict(diagnosis)), [], "it is reported once");
        }
    }
}

#[test]
fn what_is_no_incident_opens_none() {
    let mut life = Life::default();
    for diagnosis in [Diagnosis::Throttling, Diagnosis::OneCaller, Diagnosis::Isolated, Diagnosis::Transient] {
        assert_eq!(life.sees(60, &verdict(diagnosis)), []);
    }
    assert_eq!(life.ledger, Ledger::default());
}

#[test]
fn worse_is_reported_at_once_and_less_bad_is_no_news() {
    let mut life = Life::of(&verdict(Diagnosis::Degraded));
    assert_eq!(life.sees(70, &outage()), [Kind::Changed]);
    let worse = Change::Diagnosis { from: Diagnosis::Degraded, to: Diagnosis::Outage };
    assert_eq!(life.reported[1].0, Happened::Changed(vec![worse]));
    for second in [80, 670, 3000] {
        assert_eq!(life.sees(second, &verdict(Diagnosis::Degraded)), [], "{second}");
    }
    assert_eq!(life.incident().diagnosis, Diagnosis::Outage, "it is named by the worst that it was");
    assert_eq!(life.is_over(3010, &quiet(), &proved(3005)), [Kind::Resolved]);
    assert_eq!(life.reported[2].1.diagnosis, Diagnosis::Outage);
}

#[test]
fn twice_the_callers_another_part_and_aws_health_are_reported_every_ten_minutes_at_most() {
    let mut life = Life::of(&outage());
    let doubled = outage().hitting(6);
    assert_eq!(life.sees(659, &doubled), [], "less than ten minutes after it was opened");
    assert_eq!(life.sees(660, &doubled), [Kind::Changed], "what had to wait is not forgotten");
    assert_eq!(life.reported[1].0, Happened::Changed(vec![Change::Callers { affected: 6, reported: 3 }]));
    let device = |is_enough| {
        let operation = Some(Operation::StartDeviceAuthorization);
        FailingPart { operation, is_enough, ..doubled.parts[0].clone() }
    };
    let operations = BTreeMap::from([(Operation::CreateToken, 6), (Operation::StartDeviceAuthorization, 1)]);
    let with = |part: FailingPart| Verdict {
        parts: vec![doubled.parts[0].clone(), part],
        operations: operations.clone(),
        ..doubled.clone()
    };
    let one_off = Verdict { health: true, ..with(device(false)).hitting(11) };
    assert_eq!(life.sees(1259, &one_off), []);
    let further = Verdict { health: true, ..with(device(true)).hitting(11) };
    assert_eq!(life.sees(1259, &further), []);
    assert_eq!(life.sees(1260, &further), [Kind::Changed]);
    let more = vec![Change::Operation(Operation::StartDeviceAuthorization), Change::AwsHealth];
    assert_eq!(life.reported[2].0, Happened::Changed(more));
    assert_eq!(life.sees(1860, &further.clone().hitting(21)), [], "twice the eleven that were reported last");
    assert_eq!(life.sees(1861, &further.hitting(22)), [Kind::Changed]);
}

#[test]
fn aws_health_does_not_confirm_what_is_the_customers_own() {
    let mut life = Life::of(&verdict(Diagnosis::Misconfigured));
    let with_issue = Verdict { health: true, ..verdict(Diagnosis::Misconfigured) };
    assert_eq!(life.sees(700, &with_issue), []);
}

#[test]
fn an_open_incident_gets_a_reminder_every_hour_after_the_latest_notice() {
    let mut life = Life::of(&outage());
    assert_eq!(life.sees(3659, &outage()), []);
    assert_eq!(life.sees(3660, &quiet()), [Kind::Reminder], "it is open until its end is proved");
    assert_eq!(life.sees(5000, &outage().hitting(9)), [Kind::Changed]);
    assert_eq!(life.sees(8599, &outage().hitting(9)), []);
    assert_eq!(life.sees(8600, &outage().hitting(9)), [Kind::Reminder]);
    let sequences = life.reported.iter().map(|(_, incident)| incident.sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn it_is_resolved_by_proof_alone_and_as_of_the_time_of_the_proof() {
    let mut life = Life::of(&outage());
    let unproved = Recovery { over_at: None, ..proved(500) };
    assert_eq!(life.is_over(600, &quiet(), &unproved), []);
    assert_eq!(life.is_over(620, &quiet(), &proved(610)), [Kind::Resolved]);
    assert_eq!((life.incident().resolved_at, life.ledger.settled_until()), (Some(at(610)), Some(at(610))));
    assert_eq!(life.is_over(621, &quiet(), &proved(610)), [], "once");
    assert_eq!(life.reported[1].0, Happened::Resolved(proved(610)));
    assert_eq!(life.incident().reasons, proved(610).reasons);
}

#[test]
fn an_end_without_proof_says_so() {
    let mut life = Life::of(&outage());
    assert_eq!(life.is_over(1900, &quiet(), &given_up(1860)), [Kind::Resolved]);
    assert_eq!(life.reported[1].0, Happened::Resolved(given_up(1860)));
}

#[test]
fn what_a_probe_still_sees_down_is_not_over() {
    let mut life = Life::of(&outage());
    let confirmed = Verdict { probe: Some(StepState::Down), ..outage() };
    assert_eq!(life.is_over(600, &confirmed, &proved(590)), []);
    assert_eq!(life.is_over(620, &quiet(), &proved(610)), [Kind::Resolved]);
}

#[test]
fn failures_that_return_within_a_quarter_of_an_hour_reopen_the_incident() {
    let mut life = Life::of(&outage());
    life.is_over(600, &quiet(), &proved(600));
    let id = life.incident().id.clone();
    assert_eq!(life.sees(1500, &outage().seen(1490, 1499)), [Kind::Reopened]);
    let incident = life.incident();
    assert_eq!((&incident.id, incident.reopened, incident.sequence), (&id, 1, 3));
    assert_eq!((incident.since, incident.reopened_at, incident.resolved_at), (at(1490), Some(at(1500)), None));
    assert_eq!(life.reported[2].0, Happened::Reopened { over_since: at(600) });
    life.is_over(2000, &quiet(), &proved(2000));
    assert_eq!(life.sees(2900, &outage().seen(2890, 2900)), [Kind::Reopened]);
    assert_eq!((life.incident().reopened, life.incident().id.clone()), (2, id));
}

#[test]
fn what_is_settled_stays_so_while_the_next_one_is_open() {
    let mut life = Life::of(&outage());
    life.is_over(620, &quiet(), &proved(610));
    life.sees(3000, &verdict(Diagnosis::Misconfigured).seen(2990, 3000));
    assert!(life.incident().is_open());
    assert_eq!(life.ledger.settled_until(), Some(at(610)));
}

#[test]
fn failures_that_return_later_are_another_incident() {
    let mut life = Life::of(&outage());
    life.is_over(600, &quiet(), &proved(600));
    assert_eq!(life.sees(1502, &outage().seen(1501, 1502)), [Kind::Opened]);
    assert_eq!((life.incident().reopened, life.incident().sequence), (0, 1));
    let id = |reported: usize| life.reported[reported].1.id.clone();
    assert_ne!(id(2), id(0));
}

#[test]
fn what_began_within_a_quarter_of_an_hour_and_is_seen_late_reopens() {
    let mut life = Life::of(&outage());
    life.is_over(600, &quiet(), &proved(600));
    assert_eq!(life.sees(2400, &outage().seen(1400, 1500)), [Kind::Reopened]);
}

#[test]
fn what_occurred_before_the_proof_reopens_nothing() {
    let mut life = Life::of(&outage());
    life.is_over(620, &quiet(), &proved(610));
    assert_eq!(life.sees(700, &outage().seen(5, 610)), []);
    assert_eq!(life.sees(700, &outage().seen(5, 611)), [Kind::Reopened]);
}

#[test]
fn a_step_that_is_down_again_reopens_without_a_caller() {
    let mut life = Life::of(&outage());
    life.is_over(620, &quiet(), &proved(610));
    let seen_by_a_probe = Verdict {
        probe: Some(StepState::Down),
        since: Some(at(650)),
        latest: None,
        ..verdict(Diagnosis::Degraded).hitting(0)
    };
    assert_eq!(life.sees(700, &seen_by_a_probe), [Kind::Reopened]);
}

#[test]
fn another_problem_replaces_it_only_if_it_is_worse_or_the_old_one_is_over() {
    let mut life = Life::of(&verdict(Diagnosis::Suspected));
    assert_eq!(life.sees(100, &outage().seen(70, 90)), [Kind::Changed], "worse");
    assert_eq!((&life.incident().concern, life.incident().since), (&Concern::Service, at(70)));
    assert_eq!(life.sees(1000, &verdict(Diagnosis::Suspected)), [], "less bad, and the outage is not over");
    let surge = verdict(Diagnosis::Suspected).seen(1500, 1700);
    assert_eq!(life.is_over(1700, &surge, &proved(1650)), [Kind::Resolved], "the outage is over");
    assert_eq!(life.sees(1700, &surge), [Kind::Opened], "the surge is not, and has an incident of its own");
    assert_eq!((life.incident().diagnosis, life.incident().since), (Diagnosis::Suspected, at(1500)));
    assert_ne!(life.reported[2].1.id, life.reported[3].1.id);
}

#[test]
fn two_that_come_to_light_in_one_second_have_ids_of_their_own() {
    let mut life = Life::of(&outage());
    life.is_over(60, &quiet(), &proved(60));
    // A clock that is set back by an hour finds it later than a quarter of an hour.
    let later = outage().seen(5000, 5001);
    assert_eq!(life.sees(5001, &later), [Kind::Opened]);
    let ids: BTreeSet<_> = life.reported.iter().map(|(_, incident)| incident.id.clone()).collect();
    assert_eq!(ids.len(), 2);
    life.is_over(5001, &quiet(), &proved(5001));
    let mut set_back = life.ledger.clone();
    set_back.incident.as_mut().unwrap().resolved_at = Some(at(-5000));
    let evaluation = outage().seen(0, 5001).into();
    let again = turn(&region(), &set_back, &evaluation, &Recoveries::new(), &Policy::default(), at(5001)).unwrap();
    assert!(!ids.contains(&again.ledger.incident.unwrap().id));
}

#[test]
fn an_incident_that_another_one_took_the_place_of_is_kept_in_outline() {
    let mut life = Life::of(&outage());
    let first = life.incident().id.clone();
    life.is_over(600, &quiet(), &proved(500));
    assert!(life.ledger.replaced.is_empty() && life.incident().proved);
    // One that is given up and followed at once is kept as it ended.
    for (second, count) in [(10_000, 1), (20_000, 2), (30_000, 3), (40_000, 4), (50_000, 4)] {
        let mut anew = outage();
        (anew.since, anew.latest, anew.enough_at) = (Some(at(second)), Some(at(second)), Some(at(second)));
        assert_eq!(life.sees(second, &anew), [Kind::Opened]);
        assert_eq!(life.ledger.replaced.len(), count, "the latest few");
        life.is_over(second + 600, &quiet(), &proved(second + 500));
    }
    let ids: Vec<&String> = life.ledger.replaced.iter().map(|incident| &incident.id).collect();
    assert!(!ids.contains(&&first) && ids.is_sorted(), "the first one was pushed out: {ids:?}");
    let outline = &life.ledger.replaced[0];
    assert!(outline.resolved_at.is_some() && outline.proved && outline.reasons.is_empty() && outline.callers > 0);
    assert!(outline.victims.values().all(|callers| *callers == callers.unnamed()), "nobody is known by a hash");
}

fn advised(key: &str) -> Advised {
    Advised {
        diagnosis: Diagnosis::Throttling,
        key: key.to_owned(),
        quiet_for: Duration::from_secs(86_400),
        reasons: vec!["too many calls".to_owned()],
        talking: None,
    }
}

#[test]
fn an_advice_is_given_once_in_its_quiet_time_and_beside_an_incident() {
    let mut life = Life::default();
    let verdict = Verdict { advised: vec![advised("talker:1")], ..outage() };
    assert_eq!(life.sees(60, &verdict), [Kind::Opened, Kind::Advice]);
    assert_eq!(life.sees(86_459, &Verdict { advised: vec![advised("talker:1")], ..quiet() }), [Kind::Reminder]);
    assert_eq!(life.sees(86_460, &Verdict { advised: vec![advised("talker:1")], ..quiet() }), [Kind::Advice]);
    assert_eq!(life.sees(86_461, &Verdict { advised: vec![advised("talker:2")], ..quiet() }), [Kind::Advice]);
}

#[test]
fn more_advice_than_a_step_takes_follows_in_the_next_and_what_is_remembered_is_bounded() {
    let mut life = Life::default();
    let many = REMEMBERED_MAX + 20;
    let verdict = Verdict { advised: (0..many).map(|n| advised(&n.to_string())).collect(), ..quiet() };
    assert_eq!(life.sees(60, &verdict).len(), ADVICE_PER_TURN);
    assert_eq!(life.sees(61, &verdict).len(), ADVICE_PER_TURN);
    for second in 62..200 {
        life.sees(second, &verdict);
    }
    assert!(life.ledger.advised.len() <= REMEMBERED_MAX);
}

#[test]
fn callers_are_left_out_until_they_are_served() {
    let mut life = Life::default();
    let caller = CallerHash::from_bits(7);
    let steady = Verdict { leave_out: BTreeSet::from([caller]), ..quiet() };
    assert_eq!(life.sees(60, &steady), []);
    assert_eq!(life.ledger.left_out, BTreeMap::from([(7, at(60))]));
    life.sees(90, &steady);
    assert_eq!(life.ledger.left_out, BTreeMap::from([(7, at(60))]), "since then");
    life.sees(120, &Verdict { take_back: BTreeSet::from([caller]), ..steady });
    assert_eq!(life.ledger.left_out, BTreeMap::new());
}

#[test]
fn a_ledger_is_kept_as_json() {
    let mut life = Life::of(&verdict(Diagnosis::Suspected));
    life.ledger.left_out.insert(3, at(9));
    life.ledger.advised.insert("talker:1".into(), at(9));
    life.is_over(620, &quiet(), &proved(610));
    let text = serde_json::to_string(&life.ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), life.ledger);
}

/// What one invocation sees of a region: a diagnosis with so many callers, and perhaps a recovery.
#[derive(Clone, Debug)]
struct Seen {
    pause: i64,
    diagnosis: Diagnosis,
    callers: usize,
    probe: Option<StepState>,
    health: bool,
    over: bool,
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let diagnoses = [Diagnosis::Quiet, Diagnosis::Isolated, Diagnosis::OneCaller].into_iter().chain(NOTIFIED);
    let probes = [None, Some(StepState::Healthy), Some(StepState::Down)];
    (1_i64..2000, select(diagnoses.collect::<Vec<_>>()), 0_usize..40, select(probes.to_vec()), any::<(bool, bool)>())
        .prop_map(|(pause, diagnosis, callers, probe, (health, over))| Seen {
            pause,
            diagnosis,
            callers,
            probe,
            health,
            over,
        })
}

proptest! {
    /// Whatever comes: an incident is opened once, its notices count from 1 without a gap, it is resolved only while it
    /// is open and reopened only while it is not, and what was decided is not decided again.
    #[test]
    fn the_story_of_an_incident_is_whole(seen in prop::collection::vec(any_seen(), 1..60)) {
        let mut life = Life::default();
        let mut now = 0;
        let mut open: BTreeMap<String, (bool, u32)> = BTreeMap::new();
        for Seen { pause, diagnosis, callers, probe, health, over } in seen {
            now += pause;
            let verdict = Verdict { probe, health, ..verdict(diagnosis).hitting(callers).seen(now - 1, now) };
            let recovery = Recovery { over_at: over.then(|| at(now)), ..proved(now) };
            let recoveries = BTreeMap::from([(None, recovery.clone()), (verdict.apart, recovery)]);
            let before = life.reported.len();
            let evaluation = Evaluation::from(verdict);
            life.decides(now, &evaluation, &recoveries);
            for (happened, incident) in &life.reported[before..] {
                let kind = Kind::from(happened);
                let (is_open, sequence) = open.get(&incident.id).copied().unwrap_or_default();
                prop_assert_eq!(incident.sequence, sequence + 1);
                prop_assert_eq!(sequence == 0, kind == Kind::Opened);
                prop_assert_eq!(is_open, !matches!(kind, Kind::Opened | Kind::Reopened));
                open.insert(incident.id.clone(), (kind != Kind::Resolved, incident.sequence));
            }
            let reported: BTreeSet<&String> = open.iter().filter(|(_, (is_open, _))| *is_open).map(|(id, _)| id).collect();
            let is_open: BTreeSet<&String> = life.ledger.open_incidents().map(|incident| &incident.id).collect();
            prop_assert_eq!(reported, is_open);
            let keys: BTreeSet<_> = life.ledger.incidents().map(Incident::key).collect();
            prop_assert_eq!(keys.len(), life.ledger.incidents().count(), "one at a time, of each");
            let recoveries = if over { Recoveries::new() } else { recoveries };
            let again = turn(&region(), &life.ledger, &evaluation, &recoveries, &Policy::default(), at(now));
            prop_assert_eq!(again.map(|turn| turn.happened), None);
        }
    }
}
