//! What an open incident keeps of its evidence.
//!
//! In: an [`Incident`], the verdict on it, and how far its recovery is confirmed. Out: the incident with its affected
//! callers, its span, its scope, and the state of its parts. Evidence is gone after an hour; what is noted here stays,
//! and only grows.

use std::time::Duration;

use jiff::Timestamp;
use triage_model::observation::Operation;
use triage_model::time::before;

use crate::ledger::{Incident, Part};
use crate::verdict::{FAILURES_COUNTED_S, Recovery, Verdict};

/// Longer than evidence is kept: what is older is not seen again.
const FAILURES_KEPT: Duration = Duration::from_secs(2 * 60 * 60);

impl Incident {
    pub(super) fn note(&mut self, verdict: &Verdict, recovery: Option<&Recovery>, now: Timestamp) {
        for (part, state) in self.parts.iter_mut().zip(recovery.iter().flat_map(|recovery| &recovery.parts)) {
            if state.so_far.is_some() {
                part.so_far.clone_from(&state.so_far);
            }
            part.proved_at = state.proved_at;
        }
        if !self.is_in(verdict) {
            return;
        }
        self.note_victims(verdict, now);
        self.probe_failed |= verdict.is_confirmed();
        self.probe_failed_at = self.probe_failed_at.max(verdict.probe_failed_at);
        let first = verdict.since.unwrap_or(now).min(self.since);
        self.first_failure = Some(self.first_failure.map_or(first, |known| known.min(first)));
        self.note_scope(verdict);
        self.note_parts(verdict);
        if self.chance_years < verdict.chance_years {
            self.chance_years = verdict.chance_years;
        }
    }

    /// At its end nothing speaks for the incident any more, but its last failures may be noted nowhere yet.
    pub(super) fn note_end(&mut self, verdict: &Verdict, now: Timestamp) {
        if self.concern.key() == verdict.concern.key() {
            self.note_victims(verdict, now);
            self.probe_failed_at = self.probe_failed_at.max(verdict.probe_failed_at.filter(|_| self.probe_failed));
        }
    }

    fn note_victims(&mut self, verdict: &Verdict, now: Timestamp) {
        for (origin, callers) in &verdict.victims {
            self.victims.entry(*origin).or_default().add(callers, verdict.victims_about);
        }
        // One person seen through a log and through CloudTrail is one.
        let counted = self.victims.values().map(|callers| callers.count()).max().unwrap_or(0);
        self.callers = self.callers.max(counted);
        self.people &= verdict.people || verdict.callers == 0;
        for (origin, callers) in &verdict.seen {
            self.seen.entry(*origin).or_default().add(callers, 0);
        }
        self.note_failures(verdict, now);
        self.last_failure = self.last_failure.max(verdict.latest);
    }

    /// Evidence only ever gains failures of a time, until it is forgotten: the most that was seen of it counts.
    fn note_failures(&mut self, verdict: &Verdict, now: Timestamp) {
        let kept = before(now, FAILURES_KEPT).as_second().div_euclid(FAILURES_COUNTED_S);
        for (at, count) in verdict.failures_at.iter().filter(|(at, _)| **at >= kept) {
            let known = self.failures_at.entry(*at).or_default();
            *known = (*known).max(*count);
        }
        let late = self.failures_at.split_off(&kept);
        self.failures_before += std::mem::replace(&mut self.failures_at, late).into_values().sum::<usize>();
    }

    /// Where it fails: once it is limited to something it stays so, and grows by what else fails.
    fn note_scope(&mut self, verdict: &Verdict) {
        let seen = &verdict.scope;
        let enough = verdict.parts.iter().filter(|part| part.is_enough).filter_map(|part| part.operation);
        match (&mut self.scope.operations, &seen.operations) {
            (Some(known), Some(seen)) => known.extend(seen),
            (Some(known), None) => known.extend(enough),
            (None, Some(seen)) => {
                let parts = self.parts.iter().filter_map(|part| part.operation);
                self.scope.operations = Some(seen.iter().copied().chain(parts).collect());
            }
            (None, None) => {}
        }
        if seen.operations.is_some() {
            self.scope.grant = seen.grant;
        }
        if self.scope.shared.is_none() {
            self.scope.shared.clone_from(&seen.shared);
        }
    }

    fn note_parts(&mut self, verdict: &Verdict) {
        let grant = self.scope.grant;
        if verdict.parts.iter().any(|part| part.is_enough) {
            self.parts.retain(|part| part.operation.is_some());
        } else if self.parts.is_empty() {
            // None stands out: all of it together.
            let since = self.since;
            let last_failure = verdict.latest.unwrap_or(since);
            self.parts.push(Part { operation: None, grant, since, last_failure, so_far: None, proved_at: None });
        }
        for seen in &verdict.parts {
            let grant = grant.filter(|_| seen.operation == Some(Operation::CreateToken));
            match self.parts.iter_mut().find(|part| part.operation == seen.operation) {
                Some(part) => {
                    part.grant = grant;
                    part.last_failure = part.last_failure.max(seen.latest);
                    if part.proved_at.is_some_and(|proved_at| seen.latest > proved_at) && seen.is_enough {
                        part.proved_at = None;
                    }
                }
                None if seen.is_enough => self.parts.push(Part {
                    operation: seen.operation,
                    grant,
                    since: seen.since.max(self.since),
                    last_failure: seen.latest,
                    so_far: None,
                    proved_at: None,
                }),
                None => {}
            }
        }
    }

    /// Whether more is noted than before, so that it would be lost with its evidence.
    pub(super) fn has_more_than(&self, known: &Self) -> bool {
        self.callers > known.callers
            || self.failed_calls() > known.failed_calls()
            || self.probe_failed != known.probe_failed
            || self.probe_failed_at > known.probe_failed_at
            || self.last_failure > known.last_failure
            || self.scope != known.scope
            || self.parts != known.parts
            || self.chance_years > known.chance_years
    }
}
