//! What was wrong, and what people should hear of it.
//!
//! A [`Trouble`] is a stretch of time, the calls that it is about, and what may be said. Data, filled in by the families;
//! `score` compares it with what was heard.

use std::collections::BTreeSet;

use serde_json::Value;
use triage_model::observation::Operation;

use super::call::{Call, Fault, HOME, INTERNAL, application_arn};

#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    pub region: &'static str,
    pub from: f64,
    /// Infinite where nobody mends it.
    pub to: f64,
    /// Which of the calls it is about, served or not.
    pub covers: fn(&Call, f64) -> bool,
    /// Which failures of theirs come of it.
    pub shows: fn(Fault) -> bool,
    /// What it may be called.
    pub diagnoses: &'static [&'static str],
    pub scope: Scope,
    pub page: Page,
    /// Whether it is a miss if nobody hears of it.
    pub must_be_told: bool,
    /// Whether somebody must hear that it is over.
    pub must_end: bool,
    /// What has to be seen before anybody can know.
    pub needs: Needs,
    /// Before it the trouble is too small to be found.
    pub counts_from: f64,
    /// It may be told so much later than the goal of the family says.
    pub grace: f64,
    /// The scope is judged by the latest notice before this time, and before the end.
    pub scope_by: f64,
    /// Whether a probe finds the service down.
    pub probed_down: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// It must wake somebody.
    Due,
    May,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// As many distinct callers as the sequential test of a cell with that traffic.
    Test,
    Callers(usize),
    /// So many failures of one that stands for many, one after the other, over at least a minute.
    InARow(usize),
}

/// Where it fails. None: not limited by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scope {
    /// Whether a wrong scope counts as one.
    pub judged: bool,
    pub operations: Option<&'static [Operation]>,
    pub tool: Option<&'static str>,
    pub network: Option<&'static str>,
    pub application: Option<u64>,
}

pub const REGION: Scope = Scope { judged: true, operations: None, tool: None, network: None, application: None };

/// Everything fails in the region, as far as a record shows it.
pub const OUTAGE: Trouble = Trouble {
    region: HOME,
    from: 0.0,
    to: 0.0,
    covers: |_, _| true,
    shows: |fault| fault == INTERNAL,
    diagnoses: &["outage", "degraded"],
    // Where nothing but CreateToken is ever called, nobody can tell it from the region.
    scope: Scope { judged: false, ..REGION },
    page: Page::Due,
    must_be_told: true,
    must_end: true,
    needs: Needs::Test,
    counts_from: 0.0,
    grace: 0.0,
    scope_by: f64::INFINITY,
    probed_down: true,
};

impl Trouble {
    /// Whether a call at that time is one that it is about.
    pub fn strikes(&self, call: &Call, at: f64) -> bool {
        self.region == call.region && (self.from..self.to).contains(&at) && (self.covers)(call, at)
    }

    /// Whether it is the same kind of trouble in the same place, at another time.
    pub fn is_like(&self, other: &Self) -> bool {
        self.region == other.region && self.diagnoses == other.diagnoses && self.scope == other.scope
    }

    pub fn may_be_called(&self, diagnosis: &str) -> bool {
        self.diagnoses.contains(&diagnosis)
    }
}

impl Scope {
    /// Whether what was told can be the same place: where both name a tool, a network or an application, it is one.
    pub fn agrees_with(&self, told: &Value) -> bool {
        let is = |name: &str, own: Option<&str>| match (told[name].as_str(), own) {
            (Some(told), Some(own)) => is_name(told, own),
            (None, _) | (_, None) => true,
        };
        let application = self.application.map(application_arn);
        is("tool", self.tool) && is("network", self.network) && is("application", application.as_deref())
    }

    /// Whether what was told is right. `hit` are the operations of which calls failed: to name all of them is as good as to
    /// name none. Of a tool, a network or an application the operations are its own affair.
    pub fn is_told_by(&self, told: &Value, hit: &BTreeSet<Operation>) -> bool {
        let is = |name: &str, own: Option<&str>| match (told[name].as_str(), own) {
            (Some(told), Some(own)) => is_name(told, own),
            (told, own) => told.is_none() && own.is_none(),
        };
        let application = self.application.map(application_arn);
        let has_a_name = self.tool.is_some() || self.network.is_some() || self.application.is_some();
        let names: Option<BTreeSet<&str>> =
            told["operations"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect());
        let as_names = |operations: &mut dyn Iterator<Item = Operation>| -> BTreeSet<&str> {
            operations.map(Operation::as_str).collect()
        };
        let operations = match (names, self.operations) {
            (names, Some(own)) => names == Some(as_names(&mut own.iter().copied())),
            (Some(names), None) => has_a_name || names.is_superset(&as_names(&mut hit.iter().copied())),
            (None, None) => told.is_object(),
        };
        operations && is("tool", self.tool) && is("network", self.network) && is("application", application.as_deref())
    }
}

/// An application may be named by its whole ARN or by the end of it.
fn is_name(told: &str, own: &str) -> bool {
    !told.is_empty() && (own == told || own.ends_with(&format!("/{told}")))
}
