//! Which calls a verdict is about.
//!
//! Data: the region as a whole without its attributions, or one of these by itself.

use jiff::Timestamp;
use triage_model::classify::Cause;

use crate::concern::ConcernKey;
use crate::evidence::mark::{Mark, ServedCall};
use crate::ledger::{Incident, Ledger};
use crate::scope::{Scope, SharedKey};

/// An attribution: the failures of one tool, network or application.
#[derive(Clone, Debug, PartialEq)]
pub struct Apart {
    pub scope: Scope,
    pub concern: ConcernKey,
    /// Up to this time its failures are reported and settled; None while it is open.
    pub until: Option<Timestamp>,
}

/// What an incident is of, up to its end.
impl From<&Incident> for Apart {
    fn from(incident: &Incident) -> Self {
        let (scope, concern) = (incident.scope.clone(), incident.concern.key());
        Self { scope, concern, until: incident.resolved_at }
    }
}

impl Apart {
    pub fn takes(&self, mark: &Mark) -> bool {
        self.until.is_none_or(|until| mark.at <= until)
            && self.is_of_its_kind(mark)
            && self.scope.has(mark.operation, &mark.traits)
    }

    /// A tool that guesses is refused with more than one code.
    fn is_of_its_kind(&self, mark: &Mark) -> bool {
        let is_refused = matches!(self.concern, ConcernKey::Request(..)) && mark.cause == Cause::Request;
        is_refused || self.concern.takes(mark)
    }

    pub fn key(&self) -> Option<SharedKey> {
        self.scope.key()
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lens {
    /// Only this one; None for the region.
    pub of: Option<Apart>,
    /// Not these.
    pub without: Vec<Apart>,
}

impl Lens {
    /// The region without the attributions in its ledger.
    pub fn on_region(ledger: &Ledger) -> Self {
        Self { of: None, without: ledger.apart.iter().map(Apart::from).collect() }
    }

    /// What an incident is of.
    pub fn on_incident(ledger: &Ledger, incident: &Incident) -> Self {
        match incident.key() {
            None => Self::on_region(ledger),
            Some(_) => Self::on(Apart::from(incident)),
        }
    }

    pub fn on(apart: Apart) -> Self {
        Self { of: Some(apart), without: Vec::new() }
    }

    pub fn takes(&self, mark: &Mark) -> bool {
        self.of.as_ref().is_none_or(|apart| apart.takes(mark)) && !self.without.iter().any(|apart| apart.takes(mark))
    }

    /// Whether a served call is evidence about it. Calls with another tool say nothing about the one that fails.
    pub fn hears(&self, call: &ServedCall) -> bool {
        let shared = self.of.as_ref().and_then(Apart::key);
        shared.is_none_or(|shared| shared.has(&call.traits))
    }

    pub fn key(&self) -> Option<SharedKey> {
        self.of.as_ref().and_then(Apart::key)
    }
}
