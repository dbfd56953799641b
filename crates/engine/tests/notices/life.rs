//! Lives through a history as the deployed function would: each delivery at its time, a tick each minute, and the very
//! pipeline.
//!
//! In: a [`Story`]. Out: the notices that people got, in their order. What is not here: the network. Probes answer as the story
//! says, and so does the table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use jiff::Timestamp;
use serde_json::json;
use triage_decide::evidence::Seen;
use triage_decide::evidence::learned::Learned;
use triage_decide::policy::Policy;
use triage_decide::probe::{Control, ProbeAnswer, ProbeStep, StepState};
use triage_decide::probe_record::ProbeRecord;
use triage_decide::view::{StoreError, View};
use triage_engine::handled::Invocation;
use triage_engine::memory::MemoryStore;
use triage_engine::pipeline::Pipeline;
use triage_engine::retry::{NotRepeatable, RetryReport};
use triage_engine::service::{Nobody, Service};
use triage_engine::settings::Settings;
use triage_engine::status_page::{StatusRecord, Written};
use triage_engine::store::{At, Claim, Committed, Elected, Recorded, Settled, Store};
use triage_model::caller::CallerHasher;
use triage_model::classify::Class;
use triage_model::fault::Fault;
use triage_model::observation::{Failure, HealthIssue, Operation};
use triage_model::problem::ProblemName;
use triage_model::region::{KnownRegions, Region};
use triage_notify::letter::{Entry, Step};
use triage_notify::notice::Notice;
use triage_notify::people::Person;
use triage_notify::status::kept::Kept;

use crate::company::{ACCOUNT, Company, MINUTE, REGION, at};

/// A second of a history, and how the service answers a probe then.
pub type Probed = fn(i64) -> Answers;

/// What a probe finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    Healthy,
    /// These steps are down.
    Down(&'static [Operation]),
    /// Nothing answers, nor does another region.
    Nowhere,
}

pub struct Story {
    /// A word for file names.
    pub name: &'static str,
    /// What happened, for people.
    pub told: &'static str,
    pub company: Company,
    /// None where nothing is probed.
    pub probed: Option<Probed>,
    /// Where Identity Center is replicated: the setting, and what a probe finds in the other region.
    pub replicas: Option<(&'static str, Probed)>,
    /// The table cannot be reached.
    pub without_table: bool,
    /// From the first to the last second.
    pub from: i64,
    pub to: i64,
    /// The notices that are kept as examples, counted from 1; all of them where none is named.
    pub kept: &'static [usize],
    /// The one whose mail the page shows.
    pub shown: usize,
}

/// All notices of a story, in the order in which people got them.
pub fn live(story: &Story) -> Vec<Notice> {
    let replicas = story.replicas.map_or("", |(replicas, _)| replicas);
    let variables =
        [("AWS_REGION", REGION), ("AWS_LAMBDA_FUNCTION_NAME", "oidc-triage"), ("OIDC_TRIAGE_REPLICAS", replicas)];
    let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let settings = Settings::read(variable).expect("the settings are usable");
    let memory = MemoryStore::new(settings.policy.evidence, settings.policy.gather);
    let table = Table { memory, is_away: story.without_table };
    let service =
        story.probed.map(|probed| Scripted(probed, story.replicas.map_or(probed, |(_, elsewhere)| elsewhere)));
    let pipeline: Pipeline<Table, Scripted, Nobody> = Pipeline::new(settings, table, service, None, None);
    let mut notices = Vec::new();
    for second in story.from..story.to {
        let mut payloads: Vec<String> = Vec::new();
        if second.rem_euclid(MINUTE) == 0 {
            payloads.push(tick(second));
        }
        payloads.extend(story.company.deliveries.get(&second).into_iter().flatten().map(ToString::to_string));
        for payload in payloads {
            let invocation = Invocation {
                id: format!("{}-{second}", story.name),
                invoked_arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:oidc-triage:events"),
                now: at(second),
                deadline: Instant::now() + Duration::from_secs(28),
            };
            let handled = pipeline.handle(&payload, &invocation).now_or_never().expect("nothing here waits");
            assert_eq!(handled.error.map(|error| error.to_string()), None, "{}", story.name);
            let expected = |name: &ProblemName| match name {
                ProblemName::NoticeHeldBack | ProblemName::SourceNotBelieved => true,
                ProblemName::StoreUnavailable => story.without_table,
                _ => false,
            };
            let problem = handled.answer.problems.iter().find(|(name, ..)| !expected(name));
            assert_eq!(problem, None, "{}: {payload}", story.name);
            notices.extend(handled.notices);
        }
    }
    notices
}

fn tick(second: i64) -> String {
    json!({"version": "0", "id": format!("tick-{second}"), "detail-type": "Scheduled Event", "source": "aws.events",
        "account": ACCOUNT, "time": at(second), "region": REGION, "resources": [], "detail": {}})
    .to_string()
}

/// The service, as a story has it: in its region, and in another one.
struct Scripted(Probed, Probed);

impl Service for Scripted {
    async fn retry(&self, _: &Failure, _: &Class, _: Instant) -> Result<RetryReport, NotRepeatable> {
        Err(NotRepeatable::NoRequest)
    }

    async fn probe(
        &self,
        region: &Region,
        _start_url: Option<&str>,
        _hit: &BTreeSet<Operation>,
        record: &ProbeRecord,
        now: Timestamp,
        _deadline: Instant,
    ) -> ProbeRecord {
        let probed = if region.as_str() == REGION { self.0 } else { self.1 };
        let answers = probed(now.duration_since(at(0)).as_secs());
        let steps = [Operation::StartDeviceAuthorization, Operation::CreateToken];
        let step = |operation: Operation| {
            let (answer, fault) = match answers {
                Answers::Down(steps) if steps.contains(&operation) => (
                    StepState::Down,
                    Some(Fault {
                        code: Some("InternalServerException".to_owned()),
                        status: Some(500),
                        request_id: Some("5e0c2b7d-9d1f-4f1c-8a53-0b6f3c2d7e91".to_owned()),
                        ..Fault::default()
                    }),
                ),
                Answers::Nowhere => (StepState::Unknown, Some(Fault::without_answer("connection timed out"))),
                Answers::Healthy | Answers::Down(_) => (StepState::Healthy, None),
            };
            ProbeStep { operation, answer, fault, latency: Duration::from_millis(40) }
        };
        let is_nowhere = answers == Answers::Nowhere;
        let control = KnownRegions::default().find("eu-west-1").filter(|_| is_nowhere);
        let answer = ProbeAnswer {
            region: region.clone(),
            at: now,
            steps: steps.into_iter().take(if is_nowhere { 1 } else { steps.len() }).map(step).collect(),
            control: control.map(|region| Control { region, works: false }),
        };
        let mut record = record.clone();
        record.add(&answer);
        record
    }

    fn note_own(&self, _: &ProbeRecord) {}

    fn served(&self, _: u32) {}

    fn own_client_ids(&self) -> Vec<String> {
        Vec::new()
    }

    fn own_request_ids(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The table: memory, and unavailable where the story says so.
struct Table {
    memory: MemoryStore,
    is_away: bool,
}

impl Table {
    fn trouble(&self) -> Option<StoreError> {
        self.is_away.then(|| StoreError::Unavailable("no answer within 1 s".to_owned()))
    }

    fn answer<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.trouble().map_or(answer, Err)
    }
}

impl Store for Table {
    fn is_durable(&self) -> bool {
        true
    }

    async fn hasher(&self, at: At) -> (CallerHasher, Option<StoreError>) {
        (self.memory.hasher(at).await.0, self.trouble())
    }

    async fn record(&self, region: &Region, seen: &Seen, first: &[bool], at: At) -> Recorded {
        Recorded { trouble: self.trouble(), ..self.memory.record(region, seen, first, at).await }
    }

    async fn flush(&self, at: At) -> (BTreeSet<Region>, Option<StoreError>) {
        (self.memory.flush(at).await.0, self.trouble())
    }

    async fn view(&self, region: &Region, fresh: bool, at: At) -> View {
        View { trouble: self.trouble(), ..self.memory.view(region, fresh, at).await }
    }

    async fn regions(&self, at: At) -> Result<BTreeSet<Region>, StoreError> {
        self.memory.regions(at).await
    }

    async fn record_health(&self, issue: &HealthIssue, at: At) -> Result<(), StoreError> {
        self.answer(self.memory.record_health(issue, at).await)
    }

    async fn learn(&self, region: &Region, before: &Learned, after: &Learned, at: At) -> Result<(), StoreError> {
        self.answer(self.memory.learn(region, before, after, at).await)
    }

    async fn commit(&self, region: &Region, version: u64, step: &Step, at: At) -> Result<Committed, StoreError> {
        match self.trouble() {
            Some(error) => Err(error),
            None => self.memory.commit(region, version, step, at).await,
        }
    }

    async fn pending(&self, region: &Region, view: &View, at: At) -> Result<Vec<Entry>, StoreError> {
        self.answer(self.memory.pending(region, view, at).await)
    }

    async fn claim(&self, region: &Region, position: u64, claim: &Claim, at: At) -> Result<Option<Entry>, StoreError> {
        self.answer(self.memory.claim(region, position, claim, at).await)
    }

    async fn admit(
        &self,
        group: &str,
        is_page: bool,
        policy: &Policy,
        at: At,
    ) -> Result<Result<(), Timestamp>, StoreError> {
        self.memory.admit(group, is_page, policy, at).await
    }

    async fn retract(&self, group: &str, at: At) -> Result<(), StoreError> {
        self.memory.retract(group, at).await
    }

    async fn settle(
        &self,
        region: &Region,
        position: u64,
        by: &str,
        settled: &Settled,
        at: At,
    ) -> Result<(), StoreError> {
        self.memory.settle(region, position, by, settled, at).await
    }

    async fn claim_retry(&self, id: &str, at: At) -> Result<bool, StoreError> {
        self.memory.claim_retry(id, at).await
    }

    async fn people(&self, ids: &[String], at: At) -> Result<BTreeMap<String, Person>, StoreError> {
        self.memory.people(ids, at).await
    }

    async fn keep_people(&self, people: &BTreeMap<String, Person>, at: At) -> Result<(), StoreError> {
        self.memory.keep_people(people, at).await
    }

    async fn status(&self, at: At) -> Result<StatusRecord, StoreError> {
        self.memory.status(at).await
    }

    async fn keep_status_incidents(&self, kept: &Kept, at: At) -> Result<(), StoreError> {
        self.memory.keep_status_incidents(kept, at).await
    }

    async fn note_status(&self, written: &Written, at: At) -> Result<(), StoreError> {
        self.memory.note_status(written, at).await
    }

    async fn elect_probe(&self, region: &Region, interval: Duration, at: At) -> Result<Elected, StoreError> {
        self.memory.elect_probe(region, interval, at).await
    }

    async fn record_probe(&self, region: &Region, probe: &ProbeRecord, at: At) -> Result<(), StoreError> {
        self.memory.record_probe(region, probe, at).await
    }
}
