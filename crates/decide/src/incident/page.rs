//! When an incident pages.
//!
//! In: an open [`Incident`] and the verdict on it. Out: whether it has lasted. A blip of half a minute pages nobody:
//! what would be a page is sent as a warning at once, and pages when it lasts, by the clock and not by the next
//! failure.

use std::time::Duration;

use jiff::Timestamp;

use crate::ledger::Incident;
use crate::policy::Policy;
use crate::probe::StepState;
use crate::verdict::{Severity, Verdict};

/// If so many of the affected callers, or half of them, were served since, nobody is paged yet.
const SERVED_AGAIN: usize = 2;

/// Nor is anybody paged if so many callers were served since the latest failure, and that is so long ago.
const SERVED_SINCE: usize = 3;
const WORKS_FOR: Duration = Duration::from_secs(20);

impl Incident {
    /// Raises the severity to the present one, and says whether that is news. It never falls.
    pub(super) fn raise(&mut self, verdict: &Verdict, policy: &Policy, now: Timestamp) -> bool {
        let is_due = self.severity != Severity::Page
            && self.diagnosis.severity() == Severity::Page
            && self.is_in(verdict)
            && self.has_lasted(verdict, policy, now);
        if is_due {
            self.severity = Severity::Page;
        }
        is_due
    }

    fn has_lasted(&self, verdict: &Verdict, policy: &Policy, now: Timestamp) -> bool {
        let spans = verdict.latest_of_many.is_some_and(|latest| is_over(self.since, latest, policy.page_span));
        let affected = verdict.victims.values().map(|callers| callers.len()).max().unwrap_or(0);
        let is_cured = verdict.served_again >= SERVED_AGAIN || affected > 0 && 2 * verdict.served_again >= affected;
        let is_quiet = verdict.latest_of_many.is_some_and(|latest| is_over(latest, now, WORKS_FOR));
        let works = is_quiet && verdict.served_since >= SERVED_SINCE;
        let is_healthy = verdict.step == Some(StepState::Healthy);
        let may_wait = verdict.may_be_apart && !is_over(self.since, now, policy.page_hold);
        let lasts = spans || is_over(self.since, now, policy.page_after) && !is_cured && !is_healthy;
        verdict.probe_lasts || lasts && !may_wait && !works
    }
}

fn is_over(from: Timestamp, to: Timestamp, span: Duration) -> bool {
    to >= from && to.duration_since(from).unsigned_abs() >= span
}
