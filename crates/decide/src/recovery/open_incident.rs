//! The failures that keep an incident open.
//!
//! In: the [`View`] of a region and its open [`Incident`]. Out: which failures are of the incident's own kind, and when the
//! latest of them occurred. Nothing is decided here.

use jiff::Timestamp;
use triage_model::classify::Cause;

use crate::evidence::mark::Mark;
use crate::evidence::slot::Slot;
use crate::ledger::Incident;
use crate::policy::Policy;
use crate::spread::{latest, slots};
use crate::view::View;

/// An open incident, and what is known of its region.
pub struct OpenIncident<'a> {
    pub view: &'a View,
    pub incident: &'a Incident,
    pub policy: &'a Policy,
    pub now: Timestamp,
    pub slots: Vec<(i64, &'a Slot)>,
}

impl<'a> OpenIncident<'a> {
    pub fn new(view: &'a View, incident: &'a Incident, policy: &'a Policy, now: Timestamp) -> Self {
        Self { view, incident, policy, now, slots: slots(&view.evidence, policy, now) }
    }

    /// Whether a failure is of the kind that keeps the incident open.
    pub fn counts(&self, mark: &Mark) -> bool {
        self.incident.concern.key().takes(mark) && !self.view.ledger.is_left_out(mark.caller)
    }

    /// The causes of such failures.
    pub const fn causes(&self) -> &'static [Cause] {
        self.incident.concern.key().causes()
    }

    /// The failures that count, in no order. One seen in a log and through CloudTrail is there twice.
    pub fn failures(&self) -> impl Iterator<Item = &Mark> {
        let latest = latest(self.now);
        let causes = self.causes();
        let marks = self.slots.iter().flat_map(|(_, slot)| causes.iter().flat_map(|cause| slot.failures_of(*cause)));
        marks.filter(move |mark| mark.at <= latest && self.counts(mark))
    }

    pub fn latest_failure(&self) -> Option<Timestamp> {
        self.failures().map(|mark| mark.at).max()
    }
}
