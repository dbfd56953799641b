//! Lives through a history as the deployed function would: each delivery in its order and at its time, a tick each
//! minute, and the very pipeline.
//!
//! In: a [`History`]. Out: the notices, each with the second in which it was made. What is not here: the network. Where
//! the history says that a watcher probes, its answer is made up from the truth.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use triage_decide::probe::{ProbeAnswer, Rung, RungState};
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
use super::trouble::Trouble;

pub struct Heard {
    pub at: f64,
    pub notice: Notice,
}

/// After the last event the clock runs on for so long: until what nothing proves over is given up.
const RUN_ON: f64 = 45.0 * MINUTE;

/// In a hurry ticks are so far apart, as long as no incident is open: they have little to judge.
const TICKS_APART: f64 = 10.0 * MINUTE;

pub fn live(history: &History) -> Vec<Heard> {
    let mut life = Life::new(history.probed.then_some(history.troubles.as_slice()), false);
    life.through(&history.records);
    life.ticks_before(history.end() + RUN_ON);
    life.heard
}

pub struct Life<'a> {
    /// What a watcher finds, if there is one.
    probed: Option<&'a [Trouble]>,
    pipeline: Pipeline<MemoryStore, Nobody, Nobody>,
    /// Through years in which nothing happens.
    hurries: bool,
    tick_at: f64,
    /// Incidents that nobody has called off.
    open: BTreeSet<String>,
    pub heard: Vec<Heard>,
}

impl<'a> Life<'a> {
    pub fn new(probed: Option<&'a [Trouble]>, hurries: bool) -> Self {
        let settings = Settings::read(|_| None).expect("the defaults are usable");
        let pipeline = Pipeline::offline(settings);
        Self { probed, pipeline, hurries, tick_at: MINUTE, open: BTreeSet::new(), heard: Vec::new() }
    }

    /// Ticks up to that time.
    pub fn ticks_before(&mut self, end: f64) {
        let apart = if self.hurries { TICKS_APART } else { MINUTE };
        while self.tick_at < end {
            self.tick(self.tick_at);
            self.tick_at += if self.open.is_empty() { apart } else { MINUTE };
        }
    }

    /// Delivers records, those of one second together, with the ticks between them. Nothing is decided by a call that was
    /// answered, as long as no incident is open: in a hurry these wait for the next second with one that failed, or for the
    /// next tick.
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
                // What failed must not be seen together with what was served before: of that a sample is kept.
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
        if let Some(troubles) = self.probed {
            self.probe(troubles, second);
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
            .judge_at_once(decode(&payload.to_string(), &self.pipeline.setting(at(second), "")), &invocation);
        assert_eq!(handled.error.map(|error| error.to_string()), None);
        // People are told of one incident once a minute.
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

    fn probe(&self, troubles: &[Trouble], second: f64) {
        let region: Region = self.pipeline.settings.region.clone();
        let is_down = troubles.iter().any(|trouble| {
            trouble.probed_down && trouble.region == region.as_str() && (trouble.from..trouble.to).contains(&second)
        });
        let answer = if is_down { RungState::Down } else { RungState::Healthy };
        let rung = Rung { operation: Operation::CreateToken, answer, fault: None, latency: Duration::from_millis(40) };
        let (store, on) = (&self.pipeline.store, At { now: at(second), until: Instant::now() });
        let view = store.view(&region, true, on).now_or_never().expect("memory answers at once");
        let mut record = view.probe;
        record.add(&ProbeAnswer { region: region.clone(), at: at(second), rungs: vec![rung], control: None });
        store
            .record_probe(&region, &record, on)
            .now_or_never()
            .expect("memory answers at once")
            .expect("memory takes it");
    }
}
