//! Where it fails, as data.
//!
//! A [`Scope`] is what an incident is limited to: some operations, one grant, or what all affected callers share. The
//! names in it are foreign text, bounded and on one line.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use triage_model::grant::Grant;
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_ARN_MAX, one_line, unlinked};

use crate::cell::{Cell, Dimension};
use crate::evidence::mark::Traits;

/// None: not limited by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub operations: Option<BTreeSet<Operation>>,
    /// Of CreateToken, where only that grant fails.
    pub grant: Option<Grant>,
    pub shared: Option<Shared>,
}

/// What all affected callers share, and served ones do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    pub dimension: Dimension,
    pub hash: u16,
    /// `acme-login/3.0`, `192.0.2.7`, an ARN; a hash where no name is kept.
    pub name: String,
}

/// A [`Shared`] without its name: names are not always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SharedKey {
    pub dimension: Dimension,
    pub hash: u16,
}

impl SharedKey {
    pub fn has(self, traits: &Traits) -> bool {
        self.dimension.of(traits) == Some(self.hash)
    }

    pub const fn cell(self) -> Cell {
        Cell::Shared(self.dimension, self.hash)
    }
}

/// The name of what is shared, as notices have it: bounded, on one line and no link.
pub fn shown_name(name: &str) -> String {
    one_line(&unlinked(name), SHOWN_ARN_MAX)
}

impl Shared {
    pub const fn key(&self) -> SharedKey {
        SharedKey { dimension: self.dimension, hash: self.hash }
    }
}

impl Scope {
    /// Whether a call is within it.
    pub fn has(&self, operation: Option<Operation>, traits: &Traits) -> bool {
        self.has_operation(operation)
            && (self.grant.is_none() || operation != Some(Operation::CreateToken) || traits.grant == self.grant)
            && self.shared.as_ref().is_none_or(|shared| shared.key().has(traits))
    }

    /// A call without an operation may be of any.
    pub fn has_operation(&self, operation: Option<Operation>) -> bool {
        match (&self.operations, operation) {
            (None, _) => true,
            (Some(_), None) => self.shared.is_some(),
            (Some(own), Some(operation)) => own.contains(&operation),
        }
    }

    pub fn key(&self) -> Option<SharedKey> {
        self.shared.as_ref().map(Shared::key)
    }
}
