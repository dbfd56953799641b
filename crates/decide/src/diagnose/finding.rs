//! One diagnosis that holds, with its evidence.
//!
//! Data: the siblings that look for a diagnosis make it, and the first in the order of precedence is the verdict.

use jiff::Timestamp;

use crate::concern::ConcernKey;
use crate::diagnose::facts::Facts;
use crate::lens::Apart;
use crate::policy::Policy;
use crate::scope::Scope;
use crate::verdict::{Advised, Diagnosis, Talking};

/// One diagnosis that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub diagnosis: Diagnosis,
    pub kind: ConcernKey,
    pub scope: Scope,
    /// Its failures count from here on.
    pub from: Timestamp,
    /// The first evidence, where that is no failure of a caller that is still affected.
    pub since: Option<Timestamp>,
    /// When the evidence was enough, where that is known: it may have come late.
    pub enough_at: Option<Timestamp>,
    /// How many callers were evidence, where all may have been served since.
    pub callers: usize,
    /// What was enough, in words and numbers, where that is of the past and not of the present.
    pub opening: Option<String>,
    /// Chance alone would bring that once in so many years.
    pub chance_years: Option<f64>,
    /// The evidence now, in words and numbers.
    pub reasons: Vec<String>,
    /// For an advice notice: the key under which it is sent once.
    pub key: Option<String>,
    pub talking: Option<Talking>,
}

/// What the failures are attributed to, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    pub apart: Apart,
    pub finding: Finding,
}

impl Finding {
    pub fn of(diagnosis: Diagnosis, kind: ConcernKey, facts: &Facts<'_>, reasons: Vec<String>) -> Self {
        Self {
            diagnosis,
            kind,
            scope: Scope::default(),
            from: facts.from,
            since: None,
            enough_at: None,
            callers: 0,
            opening: None,
            chance_years: None,
            reasons,
            key: None,
            talking: None,
        }
    }

    pub fn advice(diagnosis: Diagnosis, facts: &Facts<'_>, key: String, reason: String) -> Self {
        // Its failures are the region's: an open incident's stay in sight.
        Self { key: Some(key), ..Self::of(diagnosis, facts.concern(), facts, vec![reason]) }
    }

    /// What people are notified of, where it needs no incident.
    pub fn advised(&self, policy: &Policy) -> Option<Advised> {
        self.key.as_ref().map(|key| Advised {
            diagnosis: self.diagnosis,
            key: key.clone(),
            quiet_for: policy.advice_quiet,
            reasons: self.reasons.clone(),
            talking: self.talking.clone(),
        })
    }
}
