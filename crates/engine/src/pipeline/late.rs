//! Failures that came too late to be evidence.
//!
//! In: failures older than the evidence reaches back, as they drain from a backlog. Out: whether they were an incident
//! at their time: the same tests over what this sandbox saw of them. Nothing is stored: an old outage is worth an
//! advice notice, not a page.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::diagnose::diagnose;
use triage_decide::evidence::Evidence;
use triage_decide::evidence::mark::{Mark, Names};
use triage_decide::policy::Policy;
use triage_decide::verdict::{Advised, Diagnosis};
use triage_decide::view::View;
use triage_model::region::Region;
use triage_model::time::before;

/// Lambda delivers an event for up to six hours; what is older is out of no queue of Lambda's.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, Default)]
pub struct Late {
    regions: Mutex<BTreeMap<Region, Evidence>>,
}

impl Clone for Late {
    fn clone(&self) -> Self {
        Self { regions: Mutex::new(self.regions.lock().unwrap_or_else(PoisonError::into_inner).clone()) }
    }
}

impl Late {
    pub fn see(&self, region: &Region, mark: Mark, names: Names, now: Timestamp) {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let evidence = regions.entry(region.clone()).or_default();
        evidence.forget(now, KEPT);
        if mark.at >= before(now, KEPT) {
            evidence.add_failure(mark);
            evidence.slot_mut(mark.at).names.merge(&names);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The advice, if an incident of a time that `view` knows nothing of was never reported.
    pub fn advice(&self, region: &Region, view: &View, policy: &Policy) -> Option<Advised> {
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let evidence = regions.get(region)?;
        let latest = evidence.failures().last()?.at;
        let of_then = View { evidence: evidence.clone(), learned: view.learned.clone(), ..View::default() };
        let verdict = diagnose(region, &of_then, policy, latest).region;
        let since = verdict.since.filter(|_| verdict.diagnosis.is_incident())?;
        // The incident was reported at its time.
        let notices = view.ledger.incident.as_ref().is_some_and(|incident| {
            incident.began() <= latest && incident.resolved_at.is_none_or(|resolved| since <= resolved)
        });
        if notices {
            return None;
        }
        let mut reasons = vec![format!(
            "failures from {} to {} arrived too late to be acted on; in time they would have been reported as {}",
            since.strftime("%Y-%m-%d %H:%M:%S UTC"),
            latest.strftime("%Y-%m-%d %H:%M:%S UTC"),
            verdict.diagnosis.as_str(),
        )];
        reasons.extend(verdict.reasons);
        Some(Advised {
            diagnosis: Diagnosis::Late,
            key: format!("late {region}"),
            quiet_for: policy.advice_quiet,
            reasons,
            talking: None,
        })
    }
}
