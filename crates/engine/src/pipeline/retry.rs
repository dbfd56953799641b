//! Retrying calls that their callers handed over.
//!
//! In: the failures of a batch. Out: on those that were retried, how that went. Each once, and not while its region has
//! an outage: a storm of retries would feed it.

use futures_util::{StreamExt as _, stream};
use triage_decide::evidence::Seen;
use triage_decide::evidence::mark::Answered;
use triage_decide::ledger::Incident;
use triage_decide::verdict::Diagnosis;

use super::case::Case;
use super::classified::ClassifiedFailure;
use super::parts::{CALLS_IN_FLIGHT, Pipeline};
use crate::directory::Directory;
use crate::publish::Publish;
use crate::retry::{RetryReport, Stop};
use crate::service::Service;
use crate::store::Store;
use triage_model::problem::ProblemName;

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    pub(super) async fn retry(&self, classified: &mut [ClassifiedFailure], case: &mut Case) {
        let Some(service) = &self.service else { return };
        let to_retry = self.repeatable(classified, case).await;
        if to_retry.is_empty() || case.is_late_to_ask(to_retry.len(), "calls were not retried") {
            return;
        }
        let mut claimed = Vec::with_capacity(to_retry.len());
        for index in to_retry {
            match self.store.claim_retry(&classified[index].failure.id, case.schedule.to_decide()).await {
                Ok(true) => claimed.push(index),
                Ok(false) => {}
                // A retry may use up a token; a call without one is left to its caller.
                Err(error) => case.note_store_error(Some(error)),
            }
        }
        let until = case.schedule.ask_until;
        let calls =
            claimed.iter().map(|&index| service.retry(&classified[index].failure, &classified[index].class, until));
        let reports: Vec<_> = stream::iter(calls).buffered(CALLS_IN_FLIGHT).collect().await;
        for (index, report) in claimed.into_iter().zip(reports) {
            match report {
                Ok(retried) => {
                    note_stop(&retried, case);
                    classified[index].retried = Some(retried).filter(|retried| retried.attempts > 1);
                }
                Err(why) => case.draft.problems.note(ProblemName::CallNotRepeatable, why.to_string()),
            }
            self.see_cured(&classified[index], case).await;
        }
    }

    /// Which calls may be retried now.
    async fn repeatable(&self, classified: &[ClassifiedFailure], case: &mut Case) -> Vec<usize> {
        let mut repeatable = Vec::new();
        for (index, one) in classified.iter().enumerate().filter(|(_, one)| one.is_repeatable()) {
            let Some(region) = &one.failure.region else { continue };
            let view = self.store.view(region, false, case.schedule.to_decide()).await;
            match view.ledger.open() {
                Some(incident) if incident.diagnosis == Diagnosis::Outage && is_in(incident, one) => {
                    let why = format!("{region} is in an outage, which retries would feed");
                    case.draft.problems.note(ProblemName::RetryWithheld, why);
                }
                Some(_) | None => repeatable.push(index),
            }
            case.note_store_error(view.trouble);
        }
        repeatable
    }

    /// A caller whose retry succeeded was served: now, though a clock that is ahead says that it failed later.
    async fn see_cured(&self, one: &ClassifiedFailure, case: &mut Case) {
        let Some(region) = one.failure.region.as_ref().filter(|_| one.is_cured()) else { return };
        let call = one.served(one.failure.occurred_at.max(case.schedule.now));
        let seen = Seen { answered: vec![Answered { call, served: true }], ..Seen::default() };
        let recorded = self.store.record(region, &seen, &[], case.schedule.to_decide()).await;
        case.note_store_error(recorded.trouble);
    }
}

/// Whether the call is of what fails. Retries of a part that works are no storm.
fn is_in(incident: &Incident, one: &ClassifiedFailure) -> bool {
    incident.scope.has(one.failure.operation, &one.mark().traits)
}

/// Why the call was not retried, where the answer was not the reason.
fn note_stop(retried: &RetryReport, case: &mut Case) {
    let problems = &mut case.draft.problems;
    match retried.stop {
        Stop::Settled | Stop::CallsUsedUp => {}
        Stop::Deadline => problems.note(ProblemName::Deadline, "a call was retried less often than it could have been"),
        Stop::BudgetEmpty => {
            problems.note(ProblemName::RetryBudgetEmpty, "so many calls failed that none is retried for now");
        }
    }
}
