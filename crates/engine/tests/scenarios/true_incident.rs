//! The truth: what was wrong, and what people should be notified of.
//!
//! A [`TrueIncident`] is a stretch of time, its calls, and the acceptable reports. Data, filled in by the families;
//! `score` compares it with the notices.

use std::collections::BTreeSet;

use serde_json::Value;
use triage_model::observation::Operation;

use super::call::{Call, Fault, HOME, INTERNAL, application_arn};

#[derive(Clone, Copy, Debug)]
pub struct TrueIncident {
    pub region: &'static str,
    pub from: f64,
    /// Infinite if it never ends.
    pub to: f64,
    /// The calls in its scope, served or not.
    pub covers: fn(&Call, f64) -> bool,
    /// The failures it causes.
    pub shows: fn(Fault) -> bool,
    /// The acceptable diagnoses.
    pub diagnoses: &'static [&'static str],
    pub scope: Scope,
    pub page: Page,
    /// Whether silence about it is a miss.
    pub must_be_noticed: bool,
    /// Whether its end must be reported.
    pub must_end: bool,
    /// The evidence needed to know it.
    pub needs: Needs,
    /// Before this time it is too small to be found.
    pub counts_from: f64,
    /// Extra time on top of the family's goal.
    pub grace: f64,
    /// The scope is scored by the latest notice before this time, and before the end.
    pub scope_by: f64,
    /// Whether a probe finds the service down.
    pub probed_down: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// A page is required.
    Due,
    May,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// As many distinct callers as the sequential test of a cell with that traffic needs.
    Test,
    Callers(usize),
    /// This many failures in a row of one caller that stands for many, over at least a minute.
    InARow(usize),
}

/// The scope. None: not limited by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scope {
    /// Whether a wrong scope counts.
    pub scored: bool,
    pub operations: Option<&'static [Operation]>,
    pub tool: Option<&'static str>,
    pub network: Option<&'static str>,
    pub application: Option<u64>,
}

pub const REGION: Scope = Scope { scored: true, operations: None, tool: None, network: None, application: None };

/// Everything in the region fails, as far as records show it.
pub const OUTAGE: TrueIncident = TrueIncident {
    region: HOME,
    from: 0.0,
    to: 0.0,
    covers: |_, _| true,
    shows: |fault| fault == INTERNAL,
    diagnoses: &["outage", "degraded"],
    // If only CreateToken is ever called, nobody can distinguish it from the region.
    scope: Scope { scored: false, ..REGION },
    page: Page::Due,
    must_be_noticed: true,
    must_end: true,
    needs: Needs::Test,
    counts_from: 0.0,
    grace: 0.0,
    scope_by: f64::INFINITY,
    probed_down: true,
};

impl TrueIncident {
    /// Whether it affects a call at that time.
    pub fn strikes(&self, call: &Call, at: f64) -> bool {
        self.region == call.region && (self.from..self.to).contains(&at) && (self.covers)(call, at)
    }

    /// Whether both are the same incident at different times.
    pub fn is_like(&self, other: &Self) -> bool {
        self.region == other.region && self.diagnoses == other.diagnoses && self.scope == other.scope
    }

    pub fn may_be_called(&self, diagnosis: &str) -> bool {
        self.diagnoses.contains(&diagnosis)
    }
}

impl Scope {
    /// Whether the reported scope can be this one: where both name a tool, a network or an application, the names
    /// agree.
    pub fn agrees_with(&self, reported: &Value) -> bool {
        let is = |name: &str, own: Option<&str>| match (reported[name].as_str(), own) {
            (Some(reported), Some(own)) => is_name(reported, own),
            (None, _) | (_, None) => true,
        };
        let application = self.application.map(application_arn);
        is("tool", self.tool) && is("network", self.network) && is("application", application.as_deref())
    }

    /// Whether the reported scope is right. `hit` are the operations with failed calls: naming all of them equals
    /// naming none. For a tool, a network or an application the operations do not matter.
    pub fn is_named_by(&self, reported: &Value, hit: &BTreeSet<Operation>) -> bool {
        let is = |name: &str, own: Option<&str>| match (reported[name].as_str(), own) {
            (Some(reported), Some(own)) => is_name(reported, own),
            (reported, own) => reported.is_none() && own.is_none(),
        };
        let application = self.application.map(application_arn);
        let has_a_name = self.tool.is_some() || self.network.is_some() || self.application.is_some();
        let names: Option<BTreeSet<&str>> =
            reported["operations"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
        let as_names = |operations: &mut dyn Iterator<Item = Operation>| -> BTreeSet<&str> {
            operations.map(Operation::as_str).collect()
        };
        let operations = match (names, self.operations) {
            (names, Some(own)) => names == Some(as_names(&mut own.iter().copied())),
            (Some(names), None) => has_a_name || names.is_superset(&as_names(&mut hit.iter().copied())),
            (None, None) => reported.is_object(),
        };
        operations && is("tool", self.tool) && is("network", self.network) && is("application", application.as_deref())
    }
}

/// An application may be named by its ARN or by its end.
fn is_name(reported: &str, own: &str) -> bool {
    !reported.is_empty() && (own == reported || own.ends_with(&format!("/{reported}")))
}
