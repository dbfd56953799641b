//! The one place that puts the stages in order: decode, classify, record, retry, probe, diagnose, tell, answer.
//!
//! In: one payload and one [`Invocation`]. Out: what became of it ([`Handled`]). It owns no rule: each stage decides for
//! itself, and each failure of a neighbour (store, SSO OIDC, SNS, the deadline) ends as a named problem or, if
//! something had to be told and nobody took it, as an [`Error`] that makes Lambda deliver the event again.

mod case;
mod decide;
mod deliver;
mod late;
mod recent;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;

use crate::caller::CallerHasher;
use crate::classify::{Cause, classify};
use crate::config::{CallerNames, Config};
use crate::diagnose::{Diagnosis, Verdict};
use crate::error::Error;
use crate::event::{self, Batch, Kind, Setting};
use crate::evidence::mark::{Answered, Mark, Names, Quota, Served, Talker, hash16, hash32, hash48};
use crate::evidence::{AHEAD_MAX, Seen, before};
use crate::notify::Notice;
use crate::notify::publish::Publisher;
use crate::observation::{Failure, HealthIssue, Observation, Operation, Success, Tick};
use crate::oidc::{self, ApiResponse, Oidc, ProbeAnswer, RetryOutcome, RetryReport, Stop};
use crate::outbox::Channel;
use crate::redact::{SHOWN_NAME_MAX, one_line};
use crate::region::Region;
use crate::report::{Action, Answer, FailureReport, Outcome};
use crate::store::{Elected, Store, StoreError};
pub(crate) use case::is_pending;
use case::{Case, Judged, Untold};
use decide::Alone;
use late::Late;
use recent::Recent;

/// Calls of ours in flight at once, retries or probes: an outage must not become our storm.
const CALLS_IN_FLIGHT: usize = 8;

/// With less time than this nobody stands for election: a silent service takes so long to tell from our own haste, and
/// the election would be spent.
const PROBE_NEEDS: Duration = Duration::from_secs(4);

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
    pub measured: Measured,
    /// Set where Lambda must deliver the event again.
    pub error: Option<Error>,
}

/// What the metrics need to know beside the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    pub notices_sent: u64,
    /// Those that would have been, in shadow mode.
    pub would_be_notices: u64,
    /// Publishes that failed.
    pub notices_failed: u64,
    /// Notices that wait in the outbox when all is done, and since when the first of them does.
    pub notices_pending: u64,
    pub oldest_pending: Option<Timestamp>,
    /// When the newest failed or successful call of the input was made.
    pub newest_observation: Option<Timestamp>,
    /// Time spent on verdicts and the steps that follow from them.
    pub deciding: Duration,
    /// Ticks that were not late.
    pub ticks: u64,
}

pub struct Pipeline<S> {
    pub config: Config,
    pub store: S,
    /// None where nothing may be asked: replay.
    pub oidc: Option<Oidc>,
    /// None where notices go to the log only.
    pub publisher: Option<Publisher>,
    /// Who is told.
    channels: Vec<Channel>,
    /// Whether events out of an archive (`replay-name`) are acted on: only replay does.
    pub acts_on_archives: bool,
    alone: Alone,
    late: Late,
    recent: Recent,
}

impl<S: Store> Pipeline<S> {
    pub fn new(config: Config, store: S, oidc: Option<Oidc>, publisher: Option<Publisher>) -> Self {
        let channels = publisher.as_ref().map_or_else(|| vec![Channel::Topic], Publisher::channels);
        Self {
            config,
            store,
            oidc,
            publisher,
            channels,
            acts_on_archives: false,
            alone: Alone::default(),
            late: Late::default(),
            recent: Recent::default(),
        }
    }

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
        let mut case = Case::new(&mut batch, invocation, self.config.mode);
        self.store.work_until(case.decide_until);
        let mut judged = self.sort(batch.observations, &mut case, invocation).await;
        self.record(&mut judged, &mut case).await;
        self.retry(&mut judged, &mut case).await;
        self.probe(&mut judged, &mut case).await;
        let regions = std::mem::take(&mut case.to_judge);
        self.decide(&regions, &mut case).await;
        self.flush(&regions, &mut case).await;
        case.close(judged)
    }

    /// Classifies the failures, and gathers what was seen of each region.
    async fn sort(&self, observations: Vec<Observation>, case: &mut Case, invocation: &Invocation) -> Vec<Judged> {
        let now = case.now;
        let oldest = before(now, self.config.policy.evidence);
        let (hasher, trouble) = self.store.hasher().await;
        case.troubled_by(trouble);
        let mut judged = Vec::new();
        let mut served = 0_u32;
        for (position, observation) in observations.into_iter().enumerate() {
            match observation {
                Observation::Failure(mut failure) => {
                    failure.occurred_at = not_ahead(failure.occurred_at, now);
                    if failure.id.is_empty() {
                        failure.id = invocation.id.clone();
                    }
                    let class = classify(&*failure);
                    let caller = hasher.hash(&failure.caller);
                    let report = FailureReport::new(&failure, &class, caller);
                    let acts = (!failure.replayed || self.acts_on_archives) && failure.region.is_some();
                    let live = acts && failure.occurred_at >= oldest;
                    let late = acts && !live && !failure.replayed;
                    judged.push(Judged { failure, class, report, live, late, duplicate: false, position });
                }
                Observation::Success(success) => {
                    case.counts.success += 1;
                    let acts = !success.replayed || self.acts_on_archives;
                    if acts && success.occurred_at >= oldest {
                        served += 1;
                        self.see_success(&success, &hasher, case);
                    }
                }
                Observation::HealthIssue(issue) => self.take_health(&issue, case).await,
                Observation::Tick(tick) => self.take_tick(&tick, case).await,
            }
        }
        if let Some(oidc) = &self.oidc {
            oidc.served(served);
        }
        judged
    }

    fn see_success(&self, success: &Success, hasher: &CallerHasher, case: &mut Case) {
        let Some(region) = &success.region else { return };
        let at = whole_second(not_ahead(success.occurred_at, case.now));
        let call = Served {
            at,
            caller: hasher.hash(&success.caller),
            operation: Some(success.operation),
            origin: success.origin,
        };
        if self.recent.is_new(&success.id) {
            let seen = case.seen.entry(region.clone()).or_default();
            seen.answered.push(Answered { call, served: true });
            see_talker(seen, Some(success.operation), &success.user_agent, &success.address, at);
        }
    }

    /// A tick judges every region that is known, and probes the configured ones, unless a later tick has overtaken it.
    async fn take_tick(&self, tick: &Tick, case: &mut Case) {
        if tick.occurred_at < before(case.now, self.config.policy.tick_age) {
            case.problems.note("tick_late", format!("the tick of {} came too late", tick.occurred_at));
            return;
        }
        case.is_tick = true;
        case.measured.ticks += 1;
        case.to_probe.extend(self.config.regions.iter().cloned());
        case.to_judge.extend(self.config.regions.iter().cloned());
        match self.store.regions().await {
            Ok(regions) => case.to_judge.extend(regions),
            Err(error) => case.troubled_by(Some(error)),
        }
    }

    /// Records an issue of AWS Health, and judges the regions that it is about.
    async fn take_health(&self, issue: &HealthIssue, case: &mut Case) {
        if let Err(error) = self.store.record_health(issue).await {
            // AWS tells of it once: the event must come again.
            let region = issue.region.as_ref().unwrap_or(&self.config.region).clone();
            case.untold.push(Untold { region, reason: format!("an issue of AWS Health was not kept: {error}") });
            case.troubled_by(Some(error));
        }
        match &issue.region {
            Some(region) if self.config.regions.contains(region) || *region == self.config.region => {
                case.to_judge.insert(region.clone());
            }
            // Where nobody of ours signs in there is nothing to judge; where somebody does, the next tick does.
            Some(_) => {}
            None => case.to_judge.extend(self.config.regions.iter().cloned()),
        }
    }

    /// Records what was seen of each region, finds the failures seen before, and gives each its first action.
    async fn record(&self, judged: &mut [Judged], case: &mut Case) {
        let mut seen_in_batch = HashSet::new();
        let mut indexes: BTreeMap<Region, Vec<usize>> = BTreeMap::new();
        for (index, one) in judged.iter_mut().enumerate() {
            one.duplicate = !seen_in_batch.insert(one.failure.id.clone());
            one.report.action = one.first_action();
            let Some(region) = one.failure.region.clone() else { continue };
            if one.late {
                self.late.see(&region, self.mark(one), self.named(one), case.now);
                case.to_judge.insert(region);
            } else if one.live && !one.duplicate {
                self.see_failure(one, &region, case);
                if one.is_evidence() {
                    indexes.entry(region.clone()).or_default().push(index);
                    case.to_judge.insert(region);
                }
            } else if one.live && one.is_evidence() {
                // It drives the decision all the same: whoever recorded it may have died since.
                case.to_judge.insert(region);
            }
        }
        for (region, seen) in std::mem::take(&mut case.seen) {
            let recorded = self.store.record(&region, &seen, case.now).await;
            case.troubled_by(recorded.trouble);
            let indexes = indexes.remove(&region).unwrap_or_default();
            for (index, _) in indexes.into_iter().zip(recorded.new).filter(|(_, new)| !new) {
                judged[index].duplicate = true;
                judged[index].report.action = judged[index].first_action();
            }
        }
    }

    /// What a failure is as evidence: a mark, and for an expected answer or a refusal also an answered call.
    fn see_failure(&self, one: &Judged, region: &Region, case: &mut Case) {
        let (mark, names) = (self.mark(one), self.named(one));
        let call = Served { at: mark.at, caller: mark.caller, operation: mark.operation, origin: mark.origin };
        let seen = case.seen.entry(region.clone()).or_default();
        if one.is_evidence() {
            seen.failures.push(mark);
            seen.names.extend(names);
        }
        if self.recent.is_new(&one.failure.id) {
            if one.proves_service() || one.class.cause == Cause::Request {
                seen.answered.push(Answered { call, served: one.proves_service() });
            }
            let Failure { operation, user_agent, address, .. } = &*one.failure;
            see_talker(seen, *operation, user_agent, address, mark.at);
        }
    }

    fn mark(&self, judged: &Judged) -> Mark {
        let failure = &judged.failure;
        Mark {
            at: whole_second(failure.occurred_at),
            caller: judged.report.caller,
            operation: failure.operation,
            cause: judged.class.cause,
            origin: failure.origin,
            kms: kms_reason(failure).is_some(),
            label: label(failure).map_or(0, hash16),
            tool: failure.user_agent.as_deref().and_then(tool).map_or(0, |tool| hash16(&tool)),
            id: hash32(&failure.id),
        }
    }

    /// How people call what the mark hashes.
    fn named(&self, judged: &Judged) -> Names {
        let (failure, mark) = (&judged.failure, self.mark(judged));
        let mut names = Names::default();
        if self.config.caller_names == CallerNames::Shown {
            names.callers.insert(mark.caller.to_bits(), one_line(&failure.caller.to_string(), SHOWN_NAME_MAX));
        }
        if let Some(label) = label(failure) {
            names.labels.insert(mark.label, one_line(label, SHOWN_NAME_MAX));
        }
        if let Some(tool) = failure.user_agent.as_deref().and_then(tool) {
            names.tools.insert(mark.tool, tool);
        }
        names.requests.insert(mark.id, one_line(&failure.id, SHOWN_NAME_MAX));
        names
    }

    /// Makes the calls again whose callers handed them over, each once and not while their region is in an outage: a
    /// storm of retries would feed it.
    async fn retry(&self, judged: &mut [Judged], case: &mut Case) {
        let Some(oidc) = &self.oidc else { return };
        let mut to_retry = Vec::new();
        for (index, one) in judged.iter().enumerate().filter(|(_, one)| one.is_repeatable()) {
            let Some(region) = &one.failure.region else { continue };
            let view = self.store.view(region, case.now, false).await;
            match view.ledger.open() {
                Some(incident) if incident.diagnosis == Diagnosis::Outage => {
                    case.problems.note("retry_withheld", format!("{region} is in an outage, which retries would feed"));
                }
                Some(_) | None => to_retry.push(index),
            }
            case.troubled_by(view.trouble);
        }
        if to_retry.is_empty() || case.is_late(to_retry.len(), "calls were not made again") {
            return;
        }
        let mut claimed = Vec::with_capacity(to_retry.len());
        for index in to_retry {
            match self.store.claim_retry(&judged[index].failure.id, case.now).await {
                Ok(true) => claimed.push(index),
                Ok(false) => {}
                // A call made twice may use up a token; one that is not made again is its caller's to make.
                Err(error) => case.troubled_by(Some(error)),
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
                let call = Served {
                    at: whole_second(case::served_at(&one.failure, case.now)),
                    caller: one.report.caller,
                    operation: one.failure.operation,
                    origin: one.failure.origin,
                };
                let seen = Seen { answered: vec![Answered { call, served: true }], ..Seen::default() };
                let recorded = self.store.record(region, &seen, case.now).await;
                case.troubled_by(recorded.trouble);
            }
        }
    }

    /// Probes the regions in which a service failure is not cured, and those that a tick asks for: each at most once in
    /// the policy's interval, by whoever is elected. Everybody else takes the answer that is there.
    async fn probe(&self, judged: &mut [Judged], case: &mut Case) {
        let Some(oidc) = &self.oidc else { return };
        let troubled = judged.iter().filter(|one| one.is_service_failure() && !one.is_cured());
        case.to_probe.extend(troubled.filter_map(|one| one.failure.region.clone()));
        if case.is_tick {
            for region in &case.to_judge - &case.to_probe {
                if self.store.view(&region, case.now, false).await.ledger.open().is_some() {
                    case.to_probe.insert(region);
                }
            }
        }
        let regions = std::mem::take(&mut case.to_probe);
        if regions.is_empty() || case.is_late(regions.len(), "regions were not probed") {
            return;
        }
        let probes = regions.iter().map(|region| self.probe_region(oidc, region, case.now, case.ask_until));
        let answers: Vec<_> = stream::iter(probes).buffered(CALLS_IN_FLIGHT).collect().await;
        for (region, (answer, trouble)) in regions.into_iter().zip(answers) {
            case.troubled_by(trouble);
            if let Some(answer) = answer {
                case.probes.insert(region, answer);
            }
        }
        for one in judged.iter_mut().filter(|one| one.is_service_failure() && one.report.action == Action::Recorded) {
            let Some(answer) = one.failure.region.as_ref().and_then(|region| case.probes.get(region)) else { continue };
            one.report.action = Action::Probed;
            one.report.outcome = Some(outcome_of(answer, one.failure.operation));
        }
    }

    /// Asks the region if this sandbox is elected to; else gives the latest answer, if it is not old.
    async fn probe_region(
        &self,
        oidc: &Oidc,
        region: &Region,
        now: Timestamp,
        deadline: Instant,
    ) -> (Option<ProbeAnswer>, Option<StoreError>) {
        let interval = self.config.policy.probe_interval;
        let view = self.store.view(region, now, false).await;
        oidc.note_own(&view.probe);
        let is_asked = view.is_being_probed(now, interval);
        let latest = view.probe.latest.filter(|latest| latest.at > before(now, interval));
        let too_late = deadline.saturating_duration_since(Instant::now()) < PROBE_NEEDS;
        if latest.is_some() || is_asked || too_late {
            return (latest, view.trouble);
        }
        match self.store.elect_probe(region, now, interval).await {
            Ok(Elected::Yes) => {}
            // The elected one's answer is a moment away; the tick or the next failure takes it up.
            Ok(Elected::No) => return (None, view.trouble),
            Err(error) => return (None, Some(error)),
        }
        // Only the elected one writes the record, so it must be the newest that this one builds on.
        let view = self.store.view(region, now, true).await;
        if view.trouble.is_some() {
            return (None, view.trouble);
        }
        let record = oidc.probe(region, self.config.start_url.as_deref(), &view.probe, now, deadline).await;
        let kept = self.store.record_probe(region, &record).await;
        // Cut short by our own deadline, the record still has the answer before.
        (record.latest.filter(|latest| latest.at == now), kept.err().or(view.trouble))
    }

    /// Writes what was gathered, and judges the regions in trouble that it is of: a served call may end an incident.
    async fn flush(&self, judged: &BTreeSet<Region>, case: &mut Case) {
        let (regions, trouble) = self.store.flush(case.now).await;
        case.troubled_by(trouble);
        let mut in_trouble = BTreeSet::new();
        for region in regions.into_iter().filter(|region| !judged.contains(region)) {
            let view = self.store.view(&region, case.now, false).await;
            if view.ledger.open().is_some() {
                in_trouble.insert(region);
            }
        }
        self.decide(&in_trouble, case).await;
    }
}

/// What the reasons for a refusal by a customer's own key begin with.
const KMS_REASON: &str = "KMS_";

/// What a failure is counted with others under: the reason where there is one, else the code.
fn label(failure: &Failure) -> Option<&str> {
    failure.reason.as_deref().or_else(|| kms_reason(failure)).or(failure.code.as_deref())
}

/// The reason of a customer's own key, in its field or in the message.
fn kms_reason(failure: &Failure) -> Option<&str> {
    if let Some(reason) = failure.reason.as_deref().filter(|reason| reason.starts_with(KMS_REASON)) {
        return Some(reason);
    }
    let message = failure.message.as_deref()?;
    let reason = &message[message.find(KMS_REASON)?..];
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    reason.split(|character| !is_of_name(character)).next()
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Counts a call for the tool and address that made it.
fn see_talker(
    told: &mut Seen,
    operation: Option<Operation>,
    user_agent: &Option<String>,
    address: &Option<String>,
    at: Timestamp,
) {
    let (Some(operation), Some(address)) = (operation, address) else { return };
    let tool = user_agent.as_deref().and_then(tool).unwrap_or_else(|| "unknown tool".to_owned());
    let name = format!("{tool} at {}", one_line(address, SHOWN_NAME_MAX));
    let who = hash48(&name);
    told.talks.push((at, Talker { who, quota: Quota::of(operation) }));
    told.names.talkers.entry(who).or_insert(name);
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

/// The first product of a user agent, such as `aws-cli/2.17.0`. What has not that form is whatever its sender likes,
/// perhaps somebody's name, and is left out.
pub(crate) fn tool(user_agent: &str) -> Option<String> {
    const TOOL_MAX: usize = 40;
    let product = user_agent.split_whitespace().next()?;
    let (name, version) = product.split_once('/')?;
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
    };
    (plain(name) && plain(version) && product.len() <= TOOL_MAX).then(|| product.to_owned())
}
