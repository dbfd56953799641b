//! Lives through a history as the deployed function would: each delivery in its order and at its time, a tick each
//! minute, and the very pipeline.
//!
//! In: a [`History`]. Out: the notices, each with the second in which it was made. What is not here: the network. Where
//! the history says that a watcher probes, its answer is made up from the truth.

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
use triage_notify::notice::Notice;

use super::history::{History, Kind, MINUTE, at};

pub struct Heard {
    pub at: f64,
    pub notice: Notice,
}

/// After the last event the clock runs on for so long: until what nothing proves over is given up.
const RUN_ON: f64 = 45.0 * MINUTE;

pub fn live(history: &History) -> Vec<Heard> {
    let mut life = Life::of(history);
    let mut deliveries = history.records.iter().peekable();
    let mut tick_at = MINUTE;
    while let Some(next) = deliveries.peek().map(|record| record.arrives.ceil()) {
        while tick_at < next {
            life.tick(tick_at);
            tick_at += MINUTE;
        }
        let mut events = Vec::new();
        while let Some(record) = deliveries.next_if(|record| record.arrives.ceil() == next) {
            events.push(record.envelope(&history.troubles));
        }
        life.handle(next, &Value::Array(events));
    }
    while tick_at < history.end() + RUN_ON {
        life.tick(tick_at);
        tick_at += MINUTE;
    }
    life.heard
}

struct Life<'a> {
    history: &'a History,
    pipeline: Pipeline<MemoryStore, Nobody, Nobody>,
    heard: Vec<Heard>,
}

impl<'a> Life<'a> {
    fn of(history: &'a History) -> Self {
        let settings = Settings::read(|_| None).expect("the defaults are usable");
        Self { history, pipeline: Pipeline::offline(settings), heard: Vec::new() }
    }

    fn tick(&mut self, second: f64) {
        if self.history.probed {
            self.probe(second);
        }
        let tick = json!({"version": "0", "id": format!("tick-{second}"), "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "111122223333", "time": at(second), "region": "us-east-1",
            "resources": [], "detail": {}});
        self.handle(second, &tick);
    }

    fn handle(&mut self, second: f64, payload: &Value) {
        let invocation = Invocation {
            id: "made-up".to_owned(),
            now: at(second),
            deadline: Instant::now() + Duration::from_secs(28),
        };
        let handled =
            self.pipeline.judge_at_once(decode(&payload.to_string(), &self.pipeline.setting(at(second))), &invocation);
        assert_eq!(handled.error.map(|error| error.to_string()), None);
        // People are told of one incident once a minute.
        let mut problems = handled.answer.problems.iter().filter(|(name, ..)| *name != ProblemName::NoticeHeldBack);
        assert_eq!(problems.next(), None, "of {payload}");
        self.heard.extend(handled.notices.into_iter().map(|notice| Heard { at: second, notice }));
    }

    fn probe(&self, second: f64) {
        let region: Region = self.pipeline.settings.region.clone();
        let is_down = self.history.troubles.iter().any(|trouble| {
            trouble.kind == Kind::Outage
                && trouble.region == region.as_str()
                && (trouble.from..trouble.to).contains(&second)
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
