//! What is kept of one call.
//!
//! In: a classified failure or an answered call. Out: a [`Mark`] or a [`ServedCall`], which a store keeps in 16 or 8 bytes,
//! and the [`Names`] by which people know what the marks only hash. Equal calls give equal marks, so that a union of
//! sets counts each once.

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::{Operation, Origin};

/// One caller's failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark {
    /// Whole seconds.
    pub at: Timestamp,
    pub caller: CallerHash,
    pub operation: Option<Operation>,
    pub cause: Cause,
    pub origin: Origin,
    /// The customer's own key refused, as the table found ([`triage_model::classify::Class::key_refusal`]).
    pub kms: bool,
    /// [`hash16`] of what a key refused with, else of the `reason`, else of the code; 0 where there is none of them.
    pub label: u16,
    /// [`hash16`] of the tool (`aws-cli/2.31.0`), 0 where it is unknown.
    pub tool: u16,
    /// [`hash32`] of [`triage_model::observation::Failure::id`].
    pub id: u32,
}

/// One served call: success, or AuthorizationPending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServedCall {
    /// Whole seconds.
    pub at: Timestamp,
    pub caller: CallerHash,
    pub operation: Option<Operation>,
    pub origin: Origin,
}

/// A call that the service answered as it should: served, or refused for a mistake of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What is marked of it if it was served.
    pub call: ServedCall,
    /// A refusal answers, but does not serve.
    pub served: bool,
}

/// A tool and address that makes many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Talker {
    /// [`hash48`] of the tool and the address.
    pub who: u64,
    pub quota: Quota,
}

/// AWS's published quotas, each of which counts some of the operations together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quota {
    /// RegisterClient, per address.
    Registration,
    /// CreateToken and StartDeviceAuthorization, per client.
    Device,
    /// CreateTokenWithIAM, per application.
    Iam,
}

impl Quota {
    pub const ALL: [Self; 3] = [Self::Registration, Self::Device, Self::Iam];

    pub const fn of(operation: Operation) -> Self {
        match operation {
            Operation::RegisterClient => Self::Registration,
            Operation::StartDeviceAuthorization | Operation::CreateToken => Self::Device,
            Operation::CreateTokenWithIam => Self::Iam,
        }
    }

    /// Calls a second, from the Identity Center user guide.
    pub const fn per_second(self) -> u32 {
        match self {
            Self::Registration => 20,
            Self::Device | Self::Iam => 80,
        }
    }
}

/// How people call what the marks hash. Each is bounded on its way in, and is text of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// By [`CallerHash::to_bits`].
    pub callers: BTreeMap<u64, String>,
    /// Codes and reasons, by [`Mark::label`].
    pub labels: BTreeMap<u16, String>,
    /// By [`Mark::tool`].
    pub tools: BTreeMap<u16, String>,
    /// Tool and address, by [`Talker::who`].
    pub talkers: BTreeMap<u64, String>,
    /// AWS request ids (or those of the records), by [`Mark::id`].
    pub requests: BTreeMap<u32, String>,
}

/// Names of each kind kept in one slot. A notice shows ten.
pub const NAMES_MAX: usize = 16;

impl Names {
    /// Takes over all that the other knows.
    pub fn extend(&mut self, other: Self) {
        self.callers.extend(other.callers);
        self.labels.extend(other.labels);
        self.tools.extend(other.tools);
        self.talkers.extend(other.talkers);
        self.requests.extend(other.requests);
    }

    /// Those of ours that a union with `known` would keep and `known` lacks.
    pub fn new_to(&self, known: &Self) -> Self {
        fn new<K: Ord + Copy>(
            mine: &BTreeMap<K, String>,
            all: &BTreeMap<K, String>,
            known: &BTreeMap<K, String>,
        ) -> BTreeMap<K, String> {
            let is_new = |key: &K| all.contains_key(key) && !known.contains_key(key);
            mine.iter().filter(|(key, _)| is_new(key)).map(|(key, name)| (*key, name.clone())).collect()
        }
        let mut all = known.clone();
        all.merge(self);
        Self {
            callers: new(&self.callers, &all.callers, &known.callers),
            labels: new(&self.labels, &all.labels, &known.labels),
            tools: new(&self.tools, &all.tools, &known.tools),
            talkers: new(&self.talkers, &all.talkers, &known.talkers),
            requests: new(&self.requests, &all.requests, &known.requests),
        }
    }

    /// Takes over what the other knows, and keeps of each kind those with the smallest hashes: whatever the order in
    /// which names come, the same ones stay.
    pub fn merge(&mut self, other: &Self) {
        fn take<K: Ord + Copy>(mine: &mut BTreeMap<K, String>, theirs: &BTreeMap<K, String>) {
            for (key, name) in theirs {
                mine.entry(*key).or_insert_with(|| name.clone());
            }
            while mine.len() > NAMES_MAX {
                mine.pop_last();
            }
        }
        take(&mut self.callers, &other.callers);
        take(&mut self.labels, &other.labels);
        take(&mut self.tools, &other.tools);
        take(&mut self.talkers, &other.talkers);
        take(&mut self.requests, &other.requests);
    }
}

/// A hash that all sandboxes and releases compute alike.
fn stable_hash(text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Of a code or a tool: never 0, which stands for none.
pub fn hash16(text: &str) -> u16 {
    ((stable_hash(text) >> 48) as u16).max(1)
}

/// Of a failure's id.
pub fn hash32(text: &str) -> u32 {
    (stable_hash(text) >> 32) as u32
}

/// Of a talker.
pub fn hash48(text: &str) -> u64 {
    stable_hash(text) >> 16
}
