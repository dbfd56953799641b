//! The calls that keep an incident open, and those that may end it.
//!
//! In: the [`View`] of a region and one of its open [`Incident`]s. Out: which failures are of the incident's own kind
//! and scope, which served calls are evidence about it, and when the latest of them occurred. Nothing is decided here.

use jiff::Timestamp;
use triage_model::classify::Cause;
use triage_model::observation::Operation;

use crate::evidence::mark::{Mark, ServedCall, Traits};
use crate::evidence::slot::Slot;
use crate::ledger::{Incident, Part};
use crate::lens::Lens;
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
    lens: Lens,
}

impl<'a> OpenIncident<'a> {
    pub fn new(view: &'a View, incident: &'a Incident, policy: &'a Policy, now: Timestamp) -> Self {
        let lens = Lens::on_incident(&view.ledger, incident);
        Self { view, incident, policy, now, slots: slots(&view.evidence, policy, now), lens }
    }

    /// Its parts, each confirmed by itself; where none stands out, all of it together.
    pub fn parts(&self) -> Vec<Part> {
        if !self.incident.parts.is_empty() {
            return self.incident.parts.clone();
        }
        let since = self.incident.since;
        let grant = self.incident.scope.grant;
        let whole = Part { operation: None, grant, since, last_failure: since, so_far: None, proved_at: None };
        vec![whole]
    }

    /// Whether a failure is of the kind that keeps that part open.
    pub fn counts(&self, part: &Part, mark: &Mark) -> bool {
        self.incident.concern.key().takes(mark)
            && part.has(mark.operation, &mark.traits)
            && self.lens.takes(mark)
            && !self.view.ledger.is_left_out(mark.caller)
    }

    /// Whether a served call is evidence about that part. Not every record names its operation.
    pub fn hears(&self, part: &Part, call: &ServedCall) -> bool {
        let is_own = self.is_proved_by(part, call.operation, &call.traits);
        is_own && !call.pending && self.lens.hears(call)
    }

    /// Whether calls of that operation are evidence about that part. Where no part stands out, they are those that
    /// failed.
    pub fn is_proved_by(&self, part: &Part, operation: Option<Operation>, traits: &Traits) -> bool {
        let Some(operation) = operation else { return true };
        let reported = &self.incident.reported_operations;
        let may_be = part.operation.is_some() || reported.is_empty() || reported.contains(&operation);
        may_be && part.has(Some(operation), traits)
    }

    /// The causes of such failures.
    pub const fn causes(&self) -> &'static [Cause] {
        self.incident.concern.key().causes()
    }

    /// The failures of a part, in no order. One seen in a log and through CloudTrail is there twice.
    pub fn failures<'b>(&'b self, part: &'b Part) -> impl Iterator<Item = &'a Mark> + use<'a, 'b> {
        let latest = latest(self.now);
        let causes = self.causes();
        let marks =
            self.slots.iter().flat_map(move |(_, slot)| causes.iter().flat_map(|cause| slot.failures_of(*cause)));
        marks.filter(move |mark| mark.at <= latest && self.counts(part, mark))
    }

    /// The latest failure of a part, as far as it is known.
    pub fn latest_failure(&self, part: &Part) -> Option<Timestamp> {
        self.failures(part).map(|mark| mark.at).max()
    }

    /// The latest served call that is evidence about a part.
    pub fn latest_served(&self, part: &Part) -> Option<Timestamp> {
        let (latest, since) = (latest(self.now), self.incident.since);
        let served = self.slots.iter().flat_map(|(_, slot)| &slot.served);
        served.filter(|call| (since..=latest).contains(&call.at) && self.hears(part, call)).map(|call| call.at).max()
    }

    pub fn shared_is_of(&self, call: &ServedCall) -> bool {
        self.lens.hears(call)
    }
}
