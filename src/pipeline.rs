//! The one place that puts the stages in order: decode, classify, record, retry, probe, diagnose, tell, answer.
//!
//! In: one payload and one [`Invocation`]. Out: what became of it ([`Handled`]). It owns no rule: each stage decides for
//! itself, and each failure of a neighbour (store, SSO OIDC, SNS, the deadline) ends as a named problem or, if
//! something had to be told and nobody took it, as an [`Error`] that makes Lambda deliver the event again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;

use crate::caller::{CallerHash, CallerHasher};
use crate::classify::{Cause, Class, Retry, classify};
use crate::config::{CallerNames, Config};
use crate::diagnose::{Diagnosis, SERVICE_CAUSES, Verdict, diagnose};
use crate::error::Error;
use crate::event::{self, Batch, Kind, Setting};
use crate::evidence::{Mark, before};
use crate::notify::Notice;
use crate::notify::publish::Publisher;
use crate::observation::{Failure, Observation, Operation, Tick};
use crate::oidc::{self, ApiResponse, Oidc, ProbeAnswer, RetryOutcome, Stop};
use crate::redact::one_line;
use crate::region::Region;
use crate::report::{
    Action, Answer, BatchItemFailure, Counts, FailureReport, IncidentReport, IncidentState, NoticeReport, Outcome,
};
use crate::store::{Claim, Store, StoreError, Telling};

/// Retries in flight at once: an outage must not become our storm.
const RETRIES_IN_FLIGHT: usize = 8;

/// A time further ahead than this is a broken clock and taken as now.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// A caller's name as evidence keeps it.
const NAME_MAX: usize = 80;

/// What holds for one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's request id, or any other name of this run.
    pub id: String,
    pub now: Timestamp,
    /// When work must have stopped: the invocation's own deadline less [`crate::pipeline::DEADLINE_MARGIN`].
    pub deadline: Instant,
}

/// Work stops this long before the deadline, so that the answer and the log line get out.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

/// What became of one payload.
#[derive(Debug)]
pub struct Handled {
    pub kind: Kind,
    pub answer: Answer,
    /// What was probed, and how it answered.
    pub probes: BTreeMap<Region, ProbeAnswer>,
    /// The verdict on each region that was judged.
    pub verdicts: BTreeMap<Region, Verdict>,
    /// The notices that were made, published or not.
    pub notices: Vec<Notice>,
    /// Set where Lambda must deliver the event again.
    pub error: Option<Error>,
}

pub struct Pipeline<S> {
    pub config: Config,
    pub store: S,
    pub hasher: CallerHasher,
    /// None where nothing may be asked: replay.
    pub oidc: Option<Oidc>,
    /// None where notices go to the log only.
    pub publisher: Option<Publisher>,
    /// Whether events out of an archive (`replay-name`) are acted on: only replay does.
    pub acts_on_archives: bool,
}

/// One failure on its way through the stages.
struct Judged {
    failure: Box<Failure>,
    class: Class,
    report: FailureReport,
    /// Recent enough, and of a region that exists: it may be acted on.
    live: bool,
    /// Which observation of the batch it was.
    position: usize,
}

impl Judged {
    fn is_service_failure(&self) -> bool {
        self.live && SERVICE_CAUSES.contains(&self.class.cause)
    }

    fn is_cured(&self) -> bool {
        self.report.outcome == Some(Outcome::Recovered)
    }
}

impl<S: Store> Pipeline<S> {
    /// Decodes a payload and judges what it tells.
    pub async fn handle(&self, payload: &str, invocation: &Invocation) -> Handled {
        let batch = event::decode(payload, &self.setting(invocation.now));
        self.judge(batch, invocation).await
    }

    /// What the decoder must know beforehand.
    pub fn setting(&self, now: Timestamp) -> Setting {
        Setting {
            now,
            horizon: before(now, self.config.policy.evidence),
            regions: self.config.known_regions.clone(),
            default_region: self.config.region.clone(),
            own_log_groups: self.config.own_log_groups.clone(),
            own_client_ids: self.oidc.as_ref().map(Oidc::own_client_ids).unwrap_or_default(),
        }
    }

    /// Judges what a batch tells.
    pub async fn judge(&self, batch: Batch, invocation: &Invocation) -> Handled {
        let mut case = Case::new(&batch);
        let mut judged = self.sort(batch.observations, &mut case, invocation).await;
        self.record(&mut judged, &mut case, invocation.now).await;
        self.retry(&mut judged, &mut case, invocation).await;
        self.probe(&mut judged, &mut case, invocation).await;
        let untold = self.decide(&judged, &mut case, invocation).await;
        case.close(judged, &batch.messages, untold, batch.kind, batch.carries_secrets)
    }

    /// Classifies the failures, and records everything that is not one.
    async fn sort(&self, observations: Vec<Observation>, case: &mut Case, invocation: &Invocation) -> Vec<Judged> {
        let now = invocation.now;
        let oldest = before(now, self.config.policy.evidence);
        let mut judged = Vec::new();
        let mut served: BTreeMap<Region, Vec<(CallerHash, Timestamp)>> = BTreeMap::new();
        for (position, observation) in observations.into_iter().enumerate() {
            match observation {
                Observation::Failure(mut failure) => {
                    failure.occurred_at = not_ahead(failure.occurred_at, now);
                    if failure.id.is_empty() {
                        failure.id = invocation.id.clone();
                    }
                    let class = classify(&*failure);
                    let caller = self.hasher.hash(&failure.caller);
                    let report = FailureReport::new(&failure, &class, caller);
                    let acts = !failure.replayed || self.acts_on_archives;
                    let live = acts && failure.occurred_at >= oldest && failure.region.is_some();
                    if live
                        && proves_service(&failure, &class)
                        && let Some(region) = &failure.region
                    {
                        served.entry(region.clone()).or_default().push((caller, failure.occurred_at));
                    }
                    judged.push(Judged { failure, class, report, live, position });
                }
                Observation::Success(success) => {
                    case.counts.success += 1;
                    let acts = !success.replayed || self.acts_on_archives;
                    if let Some(region) = success.region.filter(|_| acts && success.occurred_at >= oldest) {
                        let at = not_ahead(success.occurred_at, now);
                        served.entry(region).or_default().push((self.hasher.hash(&success.caller), at));
                    }
                }
                Observation::HealthIssue(issue) => case.noted(self.store.record_health(&issue).await),
                Observation::Tick(tick) => self.take_tick(&tick, case, now),
            }
        }
        if let Some(oidc) = &self.oidc {
            oidc.served(u32::try_from(served.values().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX));
        }
        for (region, served) in &served {
            case.noted(self.store.record_served(region, served).await);
        }
        judged
    }

    /// A tick asks for a probe of every configured region, unless a later tick has overtaken it.
    fn take_tick(&self, tick: &Tick, case: &mut Case, now: Timestamp) {
        if tick.occurred_at < before(now, self.config.policy.tick_age) {
            case.problems.note("tick_late", format!("the tick of {} came too late", tick.occurred_at));
        } else {
            case.to_probe.extend(self.config.regions.iter().cloned());
        }
    }

    /// Records the live failures as evidence, finds those seen before, and gives each its first action.
    async fn record(&self, judged: &mut [Judged], case: &mut Case, now: Timestamp) {
        let mut seen_in_batch = HashSet::new();
        let mut by_region: BTreeMap<Region, Vec<usize>> = BTreeMap::new();
        for (index, one) in judged.iter_mut().enumerate() {
            one.report.action = match (one.live, one.class.cause) {
                _ if !seen_in_batch.insert(one.failure.id.clone()) => Action::Duplicate,
                (false, _) | (true, Cause::Expected) => Action::Ignored,
                (true, Cause::Request | Cause::Admin) => Action::Advised,
                (true, Cause::Throttled | Cause::Service | Cause::Unreachable | Cause::Unrecognised) => {
                    Action::Recorded
                }
            };
            let is_evidence = matches!(one.report.action, Action::Advised | Action::Recorded);
            if let Some(region) = one.failure.region.as_ref().filter(|_| is_evidence) {
                by_region.entry(region.clone()).or_default().push(index);
            }
        }
        for (region, indexes) in by_region {
            let marks: Vec<Mark> = indexes.iter().map(|&index| self.mark(&judged[index])).collect();
            match self.store.record_failures(&region, &marks, now).await {
                Ok(new) => {
                    for (index, _) in indexes.into_iter().zip(new).filter(|(_, new)| !new) {
                        judged[index].report.action = Action::Duplicate;
                    }
                }
                Err(error) => case.noted(Err(error)),
            }
        }
    }

    fn mark(&self, judged: &Judged) -> Mark {
        let failure = &judged.failure;
        Mark {
            occurred_at: failure.occurred_at,
            id: one_line(&failure.id, NAME_MAX),
            caller: judged.report.caller,
            name: match self.config.caller_names {
                CallerNames::Shown => one_line(&failure.caller.to_string(), NAME_MAX),
                CallerNames::Hashed => judged.report.caller.to_string(),
            },
            operation: failure.operation,
            cause: judged.class.cause,
            code: failure.code.as_deref().map(|code| one_line(code, NAME_MAX)),
            tool: failure.user_agent.as_deref().and_then(tool),
        }
    }

    /// Makes the calls again whose callers handed them over, unless their region is in an outage: a storm of retries
    /// would feed it.
    async fn retry(&self, judged: &mut [Judged], case: &mut Case, invocation: &Invocation) {
        let Some(oidc) = &self.oidc else { return };
        let mut to_retry = Vec::new();
        for (index, one) in judged.iter().enumerate().filter(|(_, one)| may_be_repeated(one)) {
            let Some(region) = &one.failure.region else { continue };
            let told = self.store.told(region, invocation.now, self.config.policy.quiet).await;
            if matches!(told, Ok(None)) {
                to_retry.push(index);
            }
        }
        if to_retry.is_empty() || case.is_late(invocation, to_retry.len(), "calls were not made again") {
            return;
        }
        let calls =
            to_retry.iter().map(|&index| oidc.retry(&judged[index].failure, &judged[index].class, invocation.deadline));
        let reports: Vec<_> = stream::iter(calls).buffered(RETRIES_IN_FLIGHT).collect().await;
        for (index, report) in to_retry.into_iter().zip(reports) {
            let one = &mut judged[index];
            let retried = match report {
                Ok(retried) => retried,
                Err(why) => {
                    case.problems.note(oidc::CALL_NOT_REPEATABLE, why.to_string());
                    continue;
                }
            };
            if retried.stop == Stop::Deadline {
                case.problems.note("deadline", "a call was not made again as often as it could have been");
            }
            if retried.attempts <= 1 {
                continue;
            }
            one.report.action = Action::Retried;
            one.report.attempts = retried.attempts;
            one.report.advice = retried.class.advice.into_owned();
            one.report.outcome = Some(match retried.outcome {
                RetryOutcome::Recovered { response } => {
                    // Tokens go back to the one who asked for them, and nowhere else.
                    one.report.response =
                        response.filter(|_| case.kind == Kind::CallDirect).map(ApiResponse::into_value);
                    Outcome::Recovered
                }
                RetryOutcome::StillFailing(_) => Outcome::StillFailing,
                RetryOutcome::Unknown(_) => Outcome::Unknown,
            });
            if one.is_cured()
                && let Some(region) = &one.failure.region
            {
                let served = [(one.report.caller, invocation.now)];
                case.noted(self.store.record_served(region, &served).await);
            }
        }
    }

    /// Probes the regions in which a service failure is not cured, and those that a tick asks for.
    async fn probe(&self, judged: &mut [Judged], case: &mut Case, invocation: &Invocation) {
        case.to_judge.extend(
            judged
                .iter()
                .filter(|one| one.is_service_failure() && !one.is_cured())
                .filter_map(|one| one.failure.region.clone()),
        );
        let Some(oidc) = &self.oidc else { return };
        case.to_probe.extend(case.to_judge.iter().cloned());
        let regions = std::mem::take(&mut case.to_probe);
        if regions.is_empty() || case.is_late(invocation, regions.len(), "regions were not probed") {
            return;
        }
        let start_url = self.config.start_url.as_deref();
        let probes = regions.iter().map(|region| oidc.probe(region, start_url, invocation.now, invocation.deadline));
        let answers: Vec<ProbeAnswer> = stream::iter(probes).buffered(RETRIES_IN_FLIGHT).collect().await;
        case.probes = regions.into_iter().zip(answers).collect();
        for one in judged.iter_mut().filter(|one| one.is_service_failure() && one.report.action == Action::Recorded) {
            let Some(answer) = one.failure.region.as_ref().and_then(|region| case.probes.get(region)) else { continue };
            one.report.action = Action::Probed;
            one.report.outcome = Some(outcome_of(answer, one.failure.operation));
        }
    }

    /// Judges each region with uncured service failures, and tells what has to be told. Returns what nobody took.
    async fn decide(&self, judged: &[Judged], case: &mut Case, invocation: &Invocation) -> Vec<Untold> {
        let policy = &self.config.policy;
        let mut untold = Vec::new();
        for region in case.to_judge.clone() {
            let evidence = match self.store.evidence(&region, invocation.now, policy.evidence).await {
                Ok(evidence) => evidence,
                Err(error) => {
                    case.noted(Err(error));
                    continue;
                }
            };
            // A late batch is judged where it belongs: at the time of its newest failure.
            let newest = judged
                .iter()
                .filter(|one| one.is_service_failure() && one.failure.region.as_ref() == Some(&region))
                .map(|one| one.failure.occurred_at)
                .max();
            let at = newest.map_or(invocation.now, |newest| newest.min(invocation.now));
            let verdict = diagnose(&evidence, case.probes.get(&region), policy, at);
            if verdict.diagnosis == Diagnosis::Outage {
                match self.store.claim(&region, invocation.now, policy.quiet).await {
                    Ok(Claim::Told(telling)) => case.incidents.push(incident(&verdict, &region, &telling)),
                    Ok(Claim::Granted(telling)) => {
                        case.incidents.push(incident(&verdict, &region, &telling));
                        let notice = Notice::new(&verdict, &region, &telling);
                        match self.publish(&notice, invocation).await {
                            Ok(message_id) => {
                                case.notice_reports.push(NoticeReport::new(&notice, message_id));
                            }
                            Err(reason) => {
                                case.noted(self.store.release(&region, &telling).await);
                                untold.push(Untold { region: region.clone(), reason });
                            }
                        }
                        case.notices.push(notice);
                    }
                    Err(error) => case.noted(Err(error)),
                }
            }
            case.verdicts.insert(region, verdict);
        }
        untold
    }

    /// Publishes a notice; where there is no topic, its place is the log line.
    async fn publish(&self, notice: &Notice, invocation: &Invocation) -> Result<Option<String>, String> {
        let Some(publisher) = &self.publisher else { return Ok(None) };
        let within = invocation.deadline.saturating_duration_since(Instant::now());
        publisher.publish(notice, within).await.map(Some).map_err(|error| error.to_string())
    }
}

/// A notice that nobody took.
struct Untold {
    region: Region,
    reason: String,
}

/// What gathers on the way to an answer.
struct Case {
    kind: Kind,
    counts: Counts,
    problems: event::problem::Problems,
    to_probe: BTreeSet<Region>,
    to_judge: BTreeSet<Region>,
    probes: BTreeMap<Region, ProbeAnswer>,
    verdicts: BTreeMap<Region, Verdict>,
    incidents: Vec<IncidentReport>,
    notices: Vec<Notice>,
    notice_reports: Vec<NoticeReport>,
}

impl Case {
    fn new(batch: &Batch) -> Self {
        Self {
            kind: batch.kind,
            counts: Counts { success: batch.old_successes, own: batch.own, ..Counts::default() },
            problems: batch.problems.clone(),
            to_probe: BTreeSet::new(),
            to_judge: BTreeSet::new(),
            probes: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            incidents: Vec::new(),
            notices: Vec::new(),
            notice_reports: Vec::new(),
        }
    }

    fn noted(&mut self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            self.problems.note("store_unavailable", error.to_string());
        }
    }

    /// Whether the time for waiting is over; what is left undone is named.
    fn is_late(&mut self, invocation: &Invocation, left: usize, what: &str) -> bool {
        let late = Instant::now() >= invocation.deadline;
        if late {
            self.problems.note("deadline", format!("{left} {what}"));
        }
        late
    }

    fn close(
        mut self,
        judged: Vec<Judged>,
        messages: &[event::SqsMessage],
        untold: Vec<Untold>,
        kind: Kind,
        carries_secrets: bool,
    ) -> Handled {
        judged.iter().for_each(|one| self.counts.add(&one.report));
        for lost in &untold {
            self.problems.note("notice_not_published", &lost.reason);
        }
        let batch_item_failures = (kind == Kind::Sqs).then(|| {
            let failed = |message: &&event::SqsMessage| {
                !carries_secrets
                    && judged.iter().any(|one| {
                        message.observations.contains(&one.position)
                            && untold.iter().any(|lost| one.failure.region.as_ref() == Some(&lost.region))
                    })
            };
            let failed = messages.iter().filter(failed);
            failed.map(|message| BatchItemFailure { item_identifier: message.id.clone() }).collect()
        });
        // A payload that carries secrets must not come to rest in the failure queue; an SQS batch says which messages
        // are to come again. In both cases the claim is given back, so the next failure of the region is told.
        let error = untold
            .first()
            .filter(|_| kind != Kind::Sqs && !carries_secrets)
            .map(|first| Error::NotTold { count: untold.len(), reason: first.reason.clone() });
        let answer = Answer {
            failures: judged.into_iter().map(|one| one.report).collect(),
            omitted: 0,
            counts: self.counts,
            problems: self.problems,
            incidents: self.incidents,
            notices: self.notice_reports,
            batch_item_failures,
        };
        Handled { kind, answer, probes: self.probes, verdicts: self.verdicts, notices: self.notices, error }
    }
}

fn not_ahead(at: Timestamp, now: Timestamp) -> Timestamp {
    let limit = now.checked_add(AHEAD_MAX).unwrap_or(Timestamp::MAX);
    if at > limit { now } else { at }
}

/// AuthorizationPending is an answer to a call that the service served.
fn proves_service(failure: &Failure, class: &Class) -> bool {
    let pending = |code: &str| code.replace('_', "").to_ascii_lowercase().starts_with("authorizationpending");
    class.cause == Cause::Expected && failure.code.as_deref().is_some_and(pending)
}

/// CreateTokenWithIAM is never made again: it would sign as us.
fn may_be_repeated(one: &Judged) -> bool {
    one.live
        && one.report.action == Action::Recorded
        && one.class.retry != Retry::Never
        && one.failure.request.is_some()
        && one.failure.operation != Some(Operation::CreateTokenWithIam)
}

/// What a probe's answer says of a recorded failure. The probe sees no signing: of CreateTokenWithIAM a healthy one
/// says nothing.
fn outcome_of(answer: &ProbeAnswer, operation: Option<Operation>) -> Outcome {
    match answer.worst() {
        oidc::Answer::Healthy if operation == Some(Operation::CreateTokenWithIam) => Outcome::Unknown,
        oidc::Answer::Healthy => Outcome::Recovered,
        oidc::Answer::Down => Outcome::StillFailing,
        oidc::Answer::Unknown | oidc::Answer::Unexpected => Outcome::Unknown,
    }
}

fn incident(verdict: &Verdict, region: &Region, telling: &Telling) -> IncidentReport {
    IncidentReport {
        id: telling.incident.clone(),
        region: region.clone(),
        state: IncidentState::Open,
        diagnosis: verdict.diagnosis,
        severity: verdict.diagnosis.severity(),
        reasons: verdict.reasons.clone(),
    }
}

/// The first product of a user agent, such as `aws-cli/2.17.0`. Characters that a product does not have are dropped:
/// a user agent is whatever its sender likes.
fn tool(user_agent: &str) -> Option<String> {
    const TOOL_MAX: usize = 40;
    let product = user_agent.split_whitespace().next()?;
    let tool: String = product
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+'))
        .take(TOOL_MAX)
        .collect();
    (!tool.is_empty()).then_some(tool)
}
