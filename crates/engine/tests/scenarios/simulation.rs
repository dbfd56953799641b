//! Simulates a history as the deployed function would see it: each delivery in order and at its time, a tick each
//! minute, through the real pipeline.
//!
//! In: a [`History`]. Out: the notices, each with its second. There is no network: if the history has a watcher that
//! probes, its answers come from the truth.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use triage_decide::probe::{ProbeAnswer, ProbeStep, StepState};
use triage_decode::decode;
use triage_engine::handled::Invocation;
use triage_engine::memory::MemoryStore;
use triage_engine::pipeline::Pipeline;
use triage_engine::service::Nobody;
use triage_engine::settings::Settings;
use triage_engine::store::{At, Store as _};
use triage_model::observation::Operation;
use triage_model::problem::ProblemName;
use triage_model::region::Region;
use triage_notify::notice::{Notice, NoticeKind};

use super::history::{History, MINUTE, Record, Seen, at};
use super::true_incident::TrueIncident;

pub struct Heard {
    pub at: f64,
    pub notice: Notice,
}

/// The clock runs this long after the last event: until unproved incidents are given up.
const RUN_ON: f64 = 45.0 * MINUTE;

/// In a hurry ticks are this far apart while no incident is open: there is little to evaluate.
const TICKS_APART: f64 = 10.0 * MINUTE;

pub fn simulate(history: &History) -> Vec<Heard> {
    let mut simulation = Simulation::new(history.probed.then_some(history.incidents.as_slice()), false);
    simulation.through(&history.records);
    simulation.ticks_before(history.end() + RUN_ON);
    simulation.heard
}

pub struct Simulation<'a> {
    /// The truth for the watcher's probe, if there is one.
    probed: Option<&'a [TrueIncident]>,
    pipeline: Pipeline<MemoryStore, Nobody, Nobody>,
    /// For years without incidents.
    hurries: bool,
    tick_at: f64,
    /// Open incidents.
    open: BTreeSet<String>,
    pub heard: Vec<Heard>,
}

impl<'a> Simulation<'a> {
    pub fn new(probed: Option<&'a [TrueIncident]>, hurries: bool) -> Self {
        let settings = Settings::read(|_| None).expect("the defaults are usable");
        let pipeline = Pipeline::offline(settings);
        Self { probed, pipeline, hurries, tick_at: MINUTE, open: BTreeSet::new(), heard: Vec::new() }
    }

    pub fn ticks_before(&mut self, end: f64) {
        let apart = if self.hurries { TICKS_APART } else { MINUTE };
        while self.tick_at < end {
            self.tick(self.tick_at);
            self.tick_at += if self.open.is_empty() { apart } else { MINUTE };
        }
    }

    /// Delivers records, those of one second together, with the ticks between them. While no incident is open, a served
    /// call decides nothing: in a hurry it waits for the next second with a failure, or for the next tick.
    pub fn through(&mut self, records: &[Record]) {
        let (mut waiting, mut since) = (Vec::new(), 0.0);
        for together in records.chunk_by(|one, other| one.arrives.ceil() == other.arrives.ceil()) {
            let second = together[0].arrives.ceil();
            if self.tick_at < second {
                self.hand_over(self.tick_at, &mut waiting);
                self.ticks_before(second);
            }
            let mut events: Vec<Value> = together.iter().map(Record::envelope).collect();
            let decides = |record: &Record| record.failed() || record.seen != Seen::CloudTrail;
            if !self.hurries || together.iter().any(decides) || !self.open.is_empty() {
                // Failures must not arrive together with earlier served calls: only a sample of those is kept.
                self.hand_over(since, &mut waiting);
                self.hand_over(second, &mut events);
            } else {
                waiting.append(&mut events);
                since = second;
            }
        }
        self.hand_over(since, &mut waiting);
    }

    fn hand_over(&mut self, second: f64, events: &mut Vec<Value>) {
        if !events.is_empty() {
            self.handle(second, &Value::Array(std::mem::take(events)));
        }
    }

    fn tick(&mut self, second: f64) {
        if let Some(incidents) = self.probed {
            self.probe(incidents, second);
        }
        let tick = json!({"version": "0", "id": format!("tick-{second}"), "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "111122223333", "time": at(second), "region": "us-east-1",
            "resources": [], "detail": {}});
        self.handle(second, &tick);
    }

    fn handle(&mut self, second: f64, payload: &Value) {
        let invocation = Invocation {
            id: "made-up".to_owned(),
            invoked_arn: String::new(),
            now: at(second),
            deadline: Instant::now() + Duration::from_secs(28),
        };
        let handled = self
            .pipeline
            .evaluate_at_once(decode(&payload.to_string(), &self.pipeline.setting(at(second), "")), &invocation);
        assert_eq!(handled.error.map(|error| error.to_string()), None);
        // One notice a minute for each incident.
        let mut problems = handled.answer.problems.iter().filter(|(name, ..)| *name != ProblemName::NoticeHeldBack);
        assert_eq!(problems.next(), None, "of {payload}");
        for notice in handled.notices {
            match (&notice.incident, notice.kind) {
                (Some(incident), NoticeKind::Resolved) => drop(self.open.remove(incident)),
                (Some(incident), _) => drop(self.open.insert(incident.clone())),
                (None, _) => {}
            }
            self.heard.push(Heard { at: second, notice });
        }
    }

    fn probe(&self, incidents: &[TrueIncident], second: f64) {
        let region: Region = self.pipeline.settings.region.clone();
        let is_down = incidents.iter().any(|incident| {
            incident.probed_down && incident.region == region.as_str() && (incident.from..incident.to).contains(&second)
        });
        let answer = if is_down { StepState::Down } else { StepState::Healthy };
        let step =
            ProbeStep { operation: Operation::CreateToken, answer, fault: None, latency: Duration::from_millis(40) };
        let (store, on) = (&self.pipeline.store, At { now: at(second), until: Instant::now() });
        let view = store.view(&region, true, on).now_or_never().expect("memory answers at once");
        let mut record = view.probe;
        record.add(&ProbeAnswer { region: region.clone(), at: at(second), steps: vec![step], control: None });
        store
            .record_probe(&region, &record, on)
            .now_or_never()
            .expect("memory answers at once")
            .expect("memory takes it");
    }
}
