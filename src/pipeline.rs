//! The one place that puts the stages in order: decode, classify, record, retry, probe, diagnose, tell, answer.
//!
//! In: one payload and one [`Invocation`]. Out: what became of it ([`Handled`]). It owns no rule: each stage decides for
//! itself, and each failure of a neighbour (store, SSO OIDC, SNS, the deadline) ends as a named problem or, if
//! something had to be told and nobody took it, as an [`Error`] that makes Lambda deliver the event again.

mod case;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;

use crate::caller::{CallerHash, CallerHasher};
use crate::classify::classify;
use crate::config::{CallerNames, Config};
use crate::diagnose::{Diagnosis, SERVICE_CAUSES, Verdict, diagnose};
use crate::error::Error;
use crate::event::{self, Batch, Kind, Setting};
use crate::evidence::{AHEAD_MAX, Mark, before};
use crate::notify::Notice;
use crate::notify::publish::Publisher;
use crate::observation::{Observation, Operation, Tick};
use crate::oidc::{self, ApiResponse, Oidc, ProbeAnswer, RetryOutcome, RetryReport, Stop};
use crate::redact::{SHOWN_NAME_MAX, one_line};
use crate::region::Region;
use crate::report::{Action, Answer, FailureReport, IncidentReport, IncidentState, NoticeReport, Outcome};
use crate::store::{Claim, Store, Telling};
use case::{Case, Judged, Untold};

/// Calls of ours in flight at once, retries or probes: an outage must not become our storm.
const CALLS_IN_FLIGHT: usize = 8;

/// To the caller of a call that works now.
const ADVICE_CURED: &str = "Made again, the call works: go on with its response, and do not make it once more.";

/// To a caller whose device code the service knows again.
const ADVICE_PENDING: &str = "Made again, the call is answered as it should be: go on polling.";

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
    pub async fn judge(&self, mut batch: Batch, invocation: &Invocation) -> Handled {
        let mut case = Case::new(&mut batch, invocation);
        let mut judged = self.sort(batch.observations, &mut case, invocation).await;
        self.record(&mut judged, &mut case, invocation.now).await;
        self.retry(&mut judged, &mut case, invocation.now).await;
        self.probe(&mut judged, &mut case, invocation.now).await;
        self.decide(&judged, &mut case, invocation).await;
        case.close(judged)
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
                    let one = Judged { failure, class, report, live, duplicate: false, position };
                    if let Some(region) = one.failure.region.as_ref().filter(|_| one.proves_service()) {
                        served.entry(region.clone()).or_default().push((caller, one.failure.occurred_at));
                    }
                    judged.push(one);
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
            one.duplicate = !seen_in_batch.insert(one.failure.id.clone());
            one.report.action = one.first_action();
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
                        judged[index].duplicate = true;
                        judged[index].report.action = judged[index].first_action();
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
            id: one_line(&failure.id, SHOWN_NAME_MAX),
            caller: judged.report.caller,
            name: match self.config.caller_names {
                CallerNames::Shown => one_line(&failure.caller.to_string(), SHOWN_NAME_MAX),
                CallerNames::Hashed => judged.report.caller.to_string(),
            },
            operation: failure.operation,
            cause: judged.class.cause,
            code: failure.code.as_deref().map(|code| one_line(code, SHOWN_NAME_MAX)),
            tool: failure.user_agent.as_deref().and_then(tool),
        }
    }

    /// Makes the calls again whose callers handed them over, each once and not while their region is in an outage: a
    /// storm of retries would feed it.
    async fn retry(&self, judged: &mut [Judged], case: &mut Case, now: Timestamp) {
        let Some(oidc) = &self.oidc else { return };
        let mut to_retry = Vec::new();
        for (index, one) in judged.iter().enumerate().filter(|(_, one)| one.is_repeatable()) {
            let Some(region) = &one.failure.region else { continue };
            match self.store.open_incident(region, now, self.config.policy.quiet).await {
                Ok(None) => to_retry.push(index),
                Ok(Some(_)) => {
                    case.problems.note("retry_withheld", format!("{region} is in an outage, which retries would feed"));
                }
                Err(error) => case.noted(Err(error)),
            }
        }
        if to_retry.is_empty() || case.is_late(to_retry.len(), "calls were not made again") {
            return;
        }
        let mut claimed = Vec::with_capacity(to_retry.len());
        for index in to_retry {
            match self.store.claim_retry(&judged[index].failure.id, now).await {
                Ok(true) => claimed.push(index),
                Ok(false) => {}
                Err(error) => case.noted(Err(error)),
            }
        }
        let calls =
            claimed.iter().map(|&index| oidc.retry(&judged[index].failure, &judged[index].class, case.ask_until));
        let reports: Vec<_> = stream::iter(calls).buffered(CALLS_IN_FLIGHT).collect().await;
        for (index, report) in claimed.into_iter().zip(reports) {
            let one = &mut judged[index];
            match report {
                Ok(retried) => take_retry(one, retried, case),
                Err(why) => case.problems.note(oidc::CALL_NOT_REPEATABLE, why.to_string()),
            }
            if let Some(region) = one.failure.region.as_ref().filter(|_| one.is_cured()) {
                let served = [(one.report.caller, case::served_at(&one.failure, now))];
                case.noted(self.store.record_served(region, &served).await);
            }
        }
    }

    /// Probes the regions in which a service failure is not cured, and those that a tick asks for.
    async fn probe(&self, judged: &mut [Judged], case: &mut Case, now: Timestamp) {
        let troubled = judged.iter().filter(|one| one.is_service_failure() && !one.is_cured());
        case.to_judge.extend(troubled.filter_map(|one| one.failure.region.clone()));
        let Some(oidc) = &self.oidc else { return };
        case.to_probe.extend(case.to_judge.iter().cloned());
        let regions = std::mem::take(&mut case.to_probe);
        if regions.is_empty() || case.is_late(regions.len(), "regions were not probed") {
            return;
        }
        let start_url = self.config.start_url.as_deref();
        let probes = regions.iter().map(|region| oidc.probe(region, start_url, now, case.ask_until));
        let answers: Vec<ProbeAnswer> = stream::iter(probes).buffered(CALLS_IN_FLIGHT).collect().await;
        case.probes = regions.into_iter().zip(answers).collect();
        for one in judged.iter_mut().filter(|one| one.is_service_failure() && one.report.action == Action::Recorded) {
            let Some(answer) = one.failure.region.as_ref().and_then(|region| case.probes.get(region)) else { continue };
            one.report.action = Action::Probed;
            one.report.outcome = Some(outcome_of(answer, one.failure.operation));
        }
    }

    /// Judges each region with uncured service failures, and tells what has to be told.
    async fn decide(&self, judged: &[Judged], case: &mut Case, invocation: &Invocation) {
        let policy = &self.config.policy;
        for region in std::mem::take(&mut case.to_judge) {
            let evidence = match self.store.evidence(&region, invocation.now, policy.evidence).await {
                Ok(evidence) => evidence,
                Err(error) => {
                    case.noted(Err(error));
                    continue;
                }
            };
            // What comes late is judged where it belongs: in the worst time that it has a part in.
            let mut moments: Vec<Timestamp> =
                judged.iter().filter(|one| one.troubles(&region)).map(|one| one.failure.occurred_at).collect();
            moments.sort_unstable();
            let at = evidence.worst_moment(&moments, policy.window, &SERVICE_CAUSES);
            let at = at.or(moments.last().copied()).unwrap_or(invocation.now).min(invocation.now);
            let verdict = diagnose(&evidence, case.probes.get(&region), policy, at);
            if verdict.diagnosis == Diagnosis::Outage {
                self.tell(&verdict, &region, case, invocation).await;
            }
            case.verdicts.insert(region, verdict);
        }
    }

    /// Tells of an outage, unless it was told not long ago. A claim whose notice nobody took is given back.
    async fn tell(&self, verdict: &Verdict, region: &Region, case: &mut Case, invocation: &Invocation) {
        let claim = self.store.claim(region, invocation.now, self.config.policy.quiet).await;
        let telling = match claim {
            Ok(Claim::Granted(telling)) => telling,
            Ok(Claim::Told(telling)) => return case.incidents.push(incident(verdict, region, &telling)),
            Err(error) => return case.noted(Err(error)),
        };
        case.incidents.push(incident(verdict, region, &telling));
        let notice = Notice::new(verdict, region, &telling);
        match self.publish(&notice, invocation).await {
            Ok(message_id) => case.notice_reports.push(NoticeReport::new(&notice, message_id)),
            Err(reason) => {
                case.noted(self.store.release(region, &telling).await);
                case.untold.push(Untold { region: region.clone(), reason });
            }
        }
        case.notices.push(notice);
    }

    /// Publishes a notice; where there is no topic, its place is the log line.
    async fn publish(&self, notice: &Notice, invocation: &Invocation) -> Result<Option<String>, String> {
        let Some(publisher) = &self.publisher else { return Ok(None) };
        let within = invocation.deadline.saturating_duration_since(Instant::now());
        publisher.publish(notice, within).await.map(Some).map_err(|error| error.to_string())
    }
}

fn not_ahead(at: Timestamp, now: Timestamp) -> Timestamp {
    let limit = now.checked_add(AHEAD_MAX).unwrap_or(Timestamp::MAX);
    if at > limit { now } else { at }
}

/// Takes what came of the retries of one call.
fn take_retry(one: &mut Judged, retried: RetryReport, case: &mut Case) {
    match retried.stop {
        Stop::Settled | Stop::CallsUsedUp => {}
        Stop::Deadline => case.problems.note("deadline", "a call was not made again as often as it could have been"),
        Stop::BudgetEmpty => {
            case.problems.note("retry_budget_empty", "so many calls failed that none is made again for now");
        }
    }
    if retried.attempts <= 1 {
        return;
    }
    one.report.action = Action::Retried;
    one.report.attempts = retried.attempts;
    one.report.advice = retried.class.advice.into_owned();
    one.report.outcome = Some(match retried.outcome {
        RetryOutcome::Recovered { response } => {
            // What the failure advised would have its caller use up a code or a token once more.
            one.report.advice = if response.is_some() { ADVICE_CURED } else { ADVICE_PENDING }.to_owned();
            // Tokens go back to the one who asked for them, and nowhere else.
            one.report.response = response.filter(|_| case.kind == Kind::CallDirect).map(ApiResponse::into_value);
            Outcome::Recovered
        }
        RetryOutcome::StillFailing(_) => Outcome::StillFailing,
        RetryOutcome::Unknown(_) => Outcome::Unknown,
    });
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

/// The first product of a user agent, such as `aws-cli/2.17.0`. What has not that form is whatever its sender likes,
/// perhaps somebody's name, and is left out.
fn tool(user_agent: &str) -> Option<String> {
    const TOOL_MAX: usize = 40;
    let product = user_agent.split_whitespace().next()?;
    let (name, version) = product.split_once('/')?;
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
    };
    (plain(name) && plain(version) && product.len() <= TOOL_MAX).then(|| product.to_owned())
}
