//! One failure on its way through the stages.
//!
//! Each stage fills a field of its own; the [`FailureReport`] of the answer is made of them at the end.

use jiff::Timestamp;
use triage_decide::concern::ConcernKey;
use triage_decide::evidence::Seen;
use triage_decide::evidence::mark::{Mark, Names, Quota, ServedCall, Talker, hash16, hash32, hash48};
use triage_decode::InputKind;
use triage_model::caller::CallerHash;
use triage_model::classify::{Cause, Class, Retry, SERVICE_CAUSES, is_pending};
use triage_model::kms::key_arn;
use triage_model::observation::{Failure, Operation, Origin};
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::Region;
use triage_model::time::{AHEAD_MAX, later};

use crate::answer::{Action, FailureReport, Outcome};
use crate::common::Common;
use crate::handled::Call;
use crate::retry::{ApiResponse, RetryOutcome, RetryReport};
use crate::settings::CallerNames;
use crate::tool::tool;

/// To the caller of a call that works now.
const ADVICE_CURED: &str = "Made again, the call works: go on with its response, and do not make it once more.";

/// To a caller whose device code the service knows again.
const ADVICE_PENDING: &str = "Made again, the call is answered as it should be: go on polling.";

#[derive(Debug)]
pub struct ClassifiedFailure {
    pub failure: Box<Failure>,
    pub class: Class,
    pub caller: CallerHash,
    /// What its call may have in common with others.
    pub common: Common,
    pub age: Age,
    /// A duplicate: it drives the decision, but is not counted again.
    pub duplicate: bool,
    /// Which observation of the batch it was.
    pub position: usize,
    /// How its retry went; None if it was not retried.
    pub retried: Option<RetryReport>,
    /// What the probe says of it; None without a probe.
    pub probed: Option<Outcome>,
}

/// Whether a failure may be acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Recent enough, and of a region that exists.
    Live,
    /// Too old to be evidence, but delivered now: it may be reported as late.
    Late,
    /// Of an untrusted region: answered, and retried if its caller asks.
    Foreign,
    /// Out of an archive, or of no region: classified and listed.
    Idle,
}

impl ClassifiedFailure {
    pub fn is_live(&self) -> bool {
        self.age == Age::Live
    }

    pub fn is_service_failure(&self) -> bool {
        self.is_live() && SERVICE_CAUSES.contains(&self.class.cause)
    }

    pub fn is_cured(&self) -> bool {
        self.retried.as_ref().is_some_and(|retried| matches!(retried.outcome, RetryOutcome::Recovered { .. }))
    }

    /// Whether a verdict on that region is about it.
    pub fn concerns(&self, region: &Region, concern: ConcernKey) -> bool {
        let acts = match self.age {
            Age::Live | Age::Late => true,
            Age::Foreign | Age::Idle => false,
        };
        acts && self.failure.region.as_ref() == Some(region) && concern.takes(&self.mark())
    }

    /// Whether it is worth a mark: everything but normal traffic.
    pub fn is_evidence(&self) -> bool {
        self.class.cause != Cause::Expected
    }

    /// Whether its call can be retried. Not CreateTokenWithIAM: we would sign it.
    pub fn is_repeatable(&self) -> bool {
        matches!(self.age, Age::Live | Age::Foreign)
            && self.class.retry != Retry::Never
            && self.failure.request.is_some()
            && self.failure.operation != Some(Operation::CreateTokenWithIam)
    }

    /// AuthorizationPending is an answer to a call that the service served. An application's log or a `call` proves nothing.
    pub fn proves_service(&self) -> bool {
        self.is_live()
            && self.failure.origin == Origin::CloudTrail
            && self.class.cause == Cause::Expected
            && self.failure.code.as_deref().is_some_and(is_pending)
    }

    /// As it counts in a history; None where it does not.
    pub fn call(&self) -> Option<Call> {
        let Failure { occurred_at, region, operation, caller, .. } = &*self.failure;
        Some(Call {
            at: *occurred_at,
            region: region.clone().filter(|_| !self.duplicate)?,
            caller: self.caller,
            is_person: caller.is_person(),
            operation: *operation,
            traits: self.common.traits(),
            failed: Some(self.class.cause),
        })
    }

    /// What was done about it.
    pub fn action(&self) -> Action {
        match (&self.retried, self.probed) {
            (Some(_), _) => Action::Retried,
            (None, Some(_)) => Action::Probed,
            (None, None) => self.first_action(),
        }
    }

    /// What is done about it before any retry or probe.
    pub fn first_action(&self) -> Action {
        match self.class.cause {
            _ if self.duplicate => Action::Duplicate,
            _ if !self.is_live() => Action::Ignored,
            Cause::Expected => Action::Ignored,
            Cause::Request | Cause::Admin => Action::Advised,
            Cause::Throttled | Cause::Service | Cause::Unreachable | Cause::Unrecognised => Action::Recorded,
        }
    }

    /// What it is as evidence.
    pub fn mark(&self) -> Mark {
        let failure = &self.failure;
        Mark {
            at: whole_second(failure.occurred_at),
            caller: self.caller,
            operation: failure.operation,
            cause: self.class.cause,
            origin: failure.origin,
            kms: self.class.key_refusal.is_some(),
            region_assumed: failure.is_region_assumed,
            label: self.label().map_or(0, hash16),
            traits: self.common.traits(),
            id: hash32(&failure.id),
        }
    }

    /// The names behind the mark's hashes.
    pub fn names(&self, caller_names: CallerNames) -> Names {
        let (failure, mark) = (&self.failure, self.mark());
        let mut names = self.common.names(caller_names);
        match caller_names {
            CallerNames::Shown => {
                let name = one_line(&failure.caller.to_string(), SHOWN_NAME_MAX);
                names.callers.insert(mark.caller.to_bits(), name);
            }
            CallerNames::Hashed => {}
        }
        if let Some(label) = self.label() {
            names.labels.insert(mark.label, one_line(label, SHOWN_NAME_MAX));
        }
        if let (true, Some(key)) = (mark.kms, failure.message.as_deref().and_then(key_arn)) {
            names.keys.insert(mark.label, key.to_owned());
        }
        names.requests.insert(mark.id, one_line(&failure.id, SHOWN_NAME_MAX));
        names
    }

    /// A served call of its caller, at that time.
    pub fn served(&self, at: Timestamp) -> ServedCall {
        let Failure { operation, origin, .. } = *self.failure;
        let pending = self.proves_service();
        let traits = self.common.traits();
        ServedCall { at: whole_second(at), caller: self.caller, operation, origin, traits, pending, was_hit: false }
    }

    /// What it is counted by with others: what a key refused with, else the reason, else the code.
    fn label(&self) -> Option<&str> {
        let failure = &self.failure;
        self.class.key_refusal.as_deref().or(failure.reason.as_deref()).or(failure.code.as_deref())
    }

    /// What the answer says of it. Tokens go back to their caller, and nowhere else.
    pub fn report(self, kind: InputKind) -> FailureReport {
        let action = self.action();
        let report = FailureReport::new(&self.failure, &self.class, self.caller);
        let report = FailureReport { action, outcome: self.probed, ..report };
        let Some(retried) = self.retried else { return report };
        let mut advice = retried.class.advice.into_owned();
        let mut response = None;
        let outcome = match retried.outcome {
            RetryOutcome::Recovered { response: body } => {
                // The advice for the failure would have its caller use up a code or a token once more.
                advice = if body.is_some() { ADVICE_CURED } else { ADVICE_PENDING }.to_owned();
                response = body.filter(|_| kind == InputKind::CallDirect).map(ApiResponse::into_value);
                Outcome::Recovered
            }
            RetryOutcome::StillFailing(_) => Outcome::StillFailing,
            RetryOutcome::Unknown(_) => Outcome::Unknown,
        };
        FailureReport { attempts: retried.attempts, outcome: Some(outcome), advice, response, ..report }
    }
}

pub fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// A time further ahead than a clock may be wrong counts as now.
pub fn not_ahead(at: Timestamp, now: Timestamp) -> Timestamp {
    if at > later(now, AHEAD_MAX) { now } else { at }
}

/// Counts a call for the tool and address that made it.
pub fn see_talker(
    seen: &mut Seen,
    operation: Option<Operation>,
    user_agent: Option<&str>,
    address: Option<&str>,
    at: Timestamp,
) {
    let (Some(operation), Some(address)) = (operation, address) else { return };
    let tool = user_agent.and_then(tool).unwrap_or_else(|| "unknown tool".to_owned());
    let name = format!("{tool} at {}", one_line(address, SHOWN_NAME_MAX));
    let who = hash48(&name);
    seen.talks.push((at, Talker { who, quota: Quota::of(operation) }));
    seen.names.talkers.entry(who).or_insert(name);
}

#[cfg(test)]
mod tests;
