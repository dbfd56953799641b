//! What is kept of one call.
//!
//! In: a classified failure or an answered call. Out: a [`Mark`] or a [`ServedCall`], which a store keeps in 25 bytes
//! at most, and the [`Names`] behind the marks' hashes. Equal calls give equal marks, so that a union of sets counts
//! each once.

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::grant::Grant;
use triage_model::observation::{Operation, Origin};

/// The traits that failing calls may share. Hashes are 0 where a record says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Traits {
    /// Of CreateToken and CreateTokenWithIAM.
    pub grant: Option<Grant>,
    /// [`hash16`] of the tool with its version (`aws-cli/2.31.0`), and without it (`aws-cli`).
    pub tool: u16,
    pub product: u16,
    /// [`hash16`] of the address, or of the log group that stands for its callers.
    pub network: u16,
    /// [`hash16`] of the application's ARN, of a CreateTokenWithIAM.
    pub application: u16,
    /// [`hash16`] of the account whose record or log it was.
    pub account: u16,
    /// The caller may stand for many people: an address without a name, or an application's role.
    pub crowd: bool,
}

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
    /// Nothing names the region: it is the one that the settings assume.
    pub region_assumed: bool,
    /// [`hash16`] of what a key refused with, else of the `reason`, else of the code; 0 where there is none of them.
    pub label: u16,
    pub traits: Traits,
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
    pub traits: Traits,
    /// AuthorizationPending: it says something about polling alone.
    pub pending: bool,
    /// The caller had failed before: it is always named.
    pub was_hit: bool,
}

/// What a call asked for, as far as one call says anything about another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub operation: Option<Operation>,
    pub grant: Option<Grant>,
    pub application: u16,
    pub pending: bool,
    /// By one that stands for many: one of them may have come further than another.
    pub crowd: bool,
}

impl Mark {
    pub const fn asked(&self) -> Asked {
        let Traits { grant, application, crowd, .. } = self.traits;
        Asked { operation: self.operation, grant, application, pending: false, crowd }
    }
}

impl ServedCall {
    pub const fn asked(&self) -> Asked {
        let Traits { grant, application, crowd, .. } = self.traits;
        Asked { operation: self.operation, grant, application, pending: self.pending, crowd }
    }
}

impl Asked {
    /// Whether this served call shows that a caller that failed with `failed` is well again. Refreshes that work say
    /// nothing about a device flow that does not; but a caller that polls has passed the steps before. An unknown grant
    /// may be the same one.
    pub fn cures(self, failed: Self) -> bool {
        let (Some(served), Some(failing)) = (self.operation, failed.operation) else { return true };
        let may_be = |one: Option<Grant>, other: Option<Grant>| one.is_none() || other.is_none() || one == other;
        match (served, failing) {
            (Operation::CreateToken, Operation::CreateToken) => {
                let served = if self.pending { Some(Grant::DeviceCode) } else { self.grant };
                may_be(served, failed.grant)
            }
            (Operation::CreateTokenWithIam, Operation::CreateTokenWithIam) => {
                self.application == 0 || failed.application == 0 || self.application == failed.application
            }
            (served, failing) if failed.crowd && served != failing => false,
            (Operation::CreateToken, Operation::StartDeviceAuthorization) => {
                self.pending || self.grant == Some(Grant::DeviceCode)
            }
            (Operation::CreateToken, Operation::RegisterClient) => {
                self.pending || matches!(self.grant, Some(Grant::DeviceCode | Grant::AuthorizationCode))
            }
            (Operation::StartDeviceAuthorization, Operation::RegisterClient) => true,
            (served, failing) => served == failing,
        }
    }
}

/// A call that the service answered as it should: served, or refused for a mistake of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What is marked of it if it was served.
    pub call: ServedCall,
    /// A refusal answers, but does not serve.
    pub served: bool,
}

/// A tool at an address that makes many calls.
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

/// The names behind the marks' hashes. Each is bounded on its way in, and is foreign text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// By [`CallerHash::to_bits`].
    pub callers: BTreeMap<u64, String>,
    /// Codes and reasons, by [`Mark::label`].
    pub labels: BTreeMap<u16, String>,
    /// Tools with their versions, and products without, by [`Traits::tool`] and [`Traits::product`].
    pub tools: BTreeMap<u16, String>,
    /// By [`Traits::network`].
    pub networks: BTreeMap<u16, String>,
    /// By [`Traits::application`].
    pub applications: BTreeMap<u16, String>,
    /// By [`Traits::account`].
    #[serde(default)]
    pub accounts: BTreeMap<u16, String>,
    /// ARNs of KMS keys that refused, by [`Mark::label`].
    #[serde(default)]
    pub keys: BTreeMap<u16, String>,
    /// Tool and address, by [`Talker::who`].
    pub talkers: BTreeMap<u64, String>,
    /// AWS request ids (or those of the records), by [`Mark::id`].
    pub requests: BTreeMap<u32, String>,
}

/// Names of each kind kept in one slot. A notice shows ten.
pub const NAMES_MAX: usize = 16;

impl Names {
    /// Adds all names of the other.
    pub fn extend(&mut self, other: Self) {
        self.callers.extend(other.callers);
        self.labels.extend(other.labels);
        self.tools.extend(other.tools);
        self.networks.extend(other.networks);
        self.applications.extend(other.applications);
        self.accounts.extend(other.accounts);
        self.keys.extend(other.keys);
        self.talkers.extend(other.talkers);
        self.requests.extend(other.requests);
    }

    /// Our names that a union with `known` would keep and `known` lacks.
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
            networks: new(&self.networks, &all.networks, &known.networks),
            applications: new(&self.applications, &all.applications, &known.applications),
            accounts: new(&self.accounts, &all.accounts, &known.accounts),
            keys: new(&self.keys, &all.keys, &known.keys),
            talkers: new(&self.talkers, &all.talkers, &known.talkers),
            requests: new(&self.requests, &all.requests, &known.requests),
        }
    }

    /// Adds the names of the other, and keeps of each kind those with the smallest hashes: the same ones, in whatever
    /// order names come.
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
        take(&mut self.networks, &other.networks);
        take(&mut self.applications, &other.applications);
        take(&mut self.accounts, &other.accounts);
        take(&mut self.keys, &other.keys);
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

#[cfg(test)]
mod tests {
    use Grant::{AuthorizationCode, DeviceCode, RefreshToken};
    use Operation::{CreateToken, CreateTokenWithIam, RegisterClient, StartDeviceAuthorization};

    use super::*;

    const fn asked(operation: Operation) -> Asked {
        Asked { operation: Some(operation), grant: None, application: 0, pending: false, crowd: false }
    }

    const fn token(grant: Grant) -> Asked {
        Asked { grant: Some(grant), ..asked(CreateToken) }
    }

    const fn of_crowd(asked: Asked) -> Asked {
        Asked { crowd: true, ..asked }
    }

    const fn of_application(application: u16) -> Asked {
        Asked { application, ..asked(CreateTokenWithIam) }
    }

    #[test]
    fn who_is_served_is_well_again_of_what_that_call_stands_for() {
        let pending = Asked { pending: true, ..asked(CreateToken) };
        let unknown = Asked { operation: None, ..asked(CreateToken) };
        let table = [
            (token(RefreshToken), token(RefreshToken), true),
            (token(RefreshToken), token(DeviceCode), false),
            (token(RefreshToken), asked(StartDeviceAuthorization), false),
            (token(RefreshToken), asked(RegisterClient), false),
            (token(RefreshToken), of_application(1), false),
            (token(DeviceCode), token(RefreshToken), false),
            // A caller that comes so far has passed the steps before.
            (token(DeviceCode), asked(StartDeviceAuthorization), true),
            (token(DeviceCode), asked(RegisterClient), true),
            (token(AuthorizationCode), asked(RegisterClient), true),
            (pending, token(DeviceCode), true),
            (pending, asked(StartDeviceAuthorization), true),
            (pending, token(RefreshToken), false),
            (asked(StartDeviceAuthorization), asked(RegisterClient), true),
            (asked(StartDeviceAuthorization), token(DeviceCode), false),
            (asked(RegisterClient), asked(RegisterClient), true),
            (asked(RegisterClient), asked(StartDeviceAuthorization), false),
            (of_application(1), of_application(1), true),
            (of_application(1), of_application(2), false),
            (of_application(1), token(RefreshToken), false),
            // What is not known may be the same.
            (of_application(0), of_application(2), true),
            (token(RefreshToken), asked(CreateToken), true),
            (asked(CreateToken), token(DeviceCode), true),
            (unknown, asked(RegisterClient), true),
            // Of many behind one address another one may have come further.
            (of_crowd(token(DeviceCode)), of_crowd(asked(StartDeviceAuthorization)), false),
            (of_crowd(asked(StartDeviceAuthorization)), of_crowd(asked(RegisterClient)), false),
            (of_crowd(asked(RegisterClient)), of_crowd(asked(RegisterClient)), true),
            (token(RefreshToken), unknown, true),
        ];
        for (served, failed, cures) in table {
            assert_eq!(served.cures(failed), cures, "{served:?} {failed:?}");
        }
    }
}
