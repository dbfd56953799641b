//! Who made a call.
//!
//! In: what a record says about its caller. Out: a [`Caller`], and from a [`CallerHasher`] the keyed hash under which
//! it is counted and stored and which answers show. Two records have the same caller exactly when their identities are
//! equal.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Serialize, Serializer};
use siphasher::sip128::SipHasher24;

/// The caller, from the best evidence in a record. The variants are in order of preference for a CloudTrail record. A
/// log line names its caller in a field or an e-mail address; otherwise its log group stands in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Caller {
    /// Identity Center's user id (`onBehalfOf.userId`).
    User(String),
    /// The principal: `principalId` or ARN of an IAM identity, or the user name of a record from before July 2025.
    Principal(String),
    /// A client id with the address that used it.
    Client { client_id: String, address: String },
    /// An address with its user agent.
    Address { address: String, user_agent: String },
    /// The name a log line or a `call` gives for its caller: a user name, a subject, an e-mail address.
    Named(String),
    /// Streams and replicas of one log group are one caller.
    LogGroup(String),
    /// The record names nobody. All such records count as one caller, so they never look like many.
    Unknown,
}

impl Caller {
    /// The person with that user id. Records write the UUID of Identity Center's directory with and without the
    /// directory's id in front; both are the same person.
    pub fn user(id: &str) -> Self {
        Self::User(directory_uuid(id).map_or_else(|| id.to_owned(), str::to_ascii_lowercase))
    }

    /// A principal. Before July 2025 CloudTrail put a user of Identity Center here; the form of the id shows that.
    pub fn principal(name: String) -> Self {
        if directory_uuid(&name).is_some() { Self::user(&name) } else { Self::Principal(name) }
    }
}

impl Caller {
    /// Whether it is a person and not a role, an address or a client: a user of Identity Center, or a mail address.
    pub fn is_person(&self) -> bool {
        match self {
            Self::User(_) => true,
            Self::Principal(name) | Self::Named(name) => {
                directory_uuid(name).is_some() || name.contains('@') && !name.contains([' ', '/', ':'])
            }
            Self::Client { .. } | Self::Address { .. } | Self::LogGroup(_) | Self::Unknown => false,
        }
    }
}

/// The UUID in a user id of Identity Center: alone, behind `1234567890-`, or behind `d-1234567890-`.
pub fn directory_uuid(id: &str) -> Option<&str> {
    const UUID: [usize; 5] = [8, 4, 4, 4, 12];
    const DIRECTORY: usize = 10;
    let at = id.len().checked_sub(UUID.iter().sum::<usize>() + UUID.len() - 1)?;
    let (before, uuid) = id.split_at_checked(at)?;
    let parts = uuid.split('-').map(|part| (part.len(), part.bytes().all(|byte| byte.is_ascii_hexdigit())));
    let is_directory = |name: &str| name.len() == DIRECTORY && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let has_directory =
        || before.strip_suffix('-').is_some_and(|name| is_directory(name.strip_prefix("d-").unwrap_or(name)));
    (parts.eq(UUID.map(|length| (length, true))) && (before.is_empty() || has_directory())).then_some(uuid)
}

impl fmt::Display for Caller {
    /// The name people know it by. The text is untrusted: bound and escape it where it is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user {id}"),
            Self::Principal(name) | Self::Named(name) => f.write_str(name),
            Self::Client { client_id, address } => write!(f, "client {client_id} at {address}"),
            Self::Address { address, user_agent } if user_agent.is_empty() => f.write_str(address),
            Self::Address { address, user_agent } => write!(f, "{address} with {user_agent}"),
            Self::LogGroup(group) => write!(f, "log group {group}"),
            Self::Unknown => f.write_str("unknown caller"),
        }
    }
}

/// Hashes callers under a key, so that neither the table nor an answer names a person.
#[derive(Clone, Debug)]
pub struct CallerHasher(SipHasher24);

impl CallerHasher {
    /// For replay and the memory store: nothing outlives the process, and equal runs must give equal answers.
    pub const FIXED_KEY: [u8; 16] = *b"oidc-triage fix.";

    pub fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    pub fn hash(&self, caller: &Caller) -> CallerHash {
        let mut bytes = Vec::with_capacity(64);
        let mut part = |text: &str| {
            bytes.extend_from_slice(text.as_bytes());
            // A separator that cannot stand in UTF-8, so that no two callers share their bytes.
            bytes.push(0xff);
        };
        match caller {
            // A program's log may use the same id for its user.
            Caller::User(id) | Caller::Principal(id) | Caller::Named(id) if directory_uuid(id).is_some() => {
                let uuid = directory_uuid(id).unwrap_or_default().to_ascii_lowercase();
                ["user", &uuid].into_iter().for_each(&mut part);
            }
            Caller::User(id) => ["user", id].into_iter().for_each(&mut part),
            Caller::Principal(name) => ["principal", name].into_iter().for_each(&mut part),
            Caller::Client { client_id, address } => ["client", client_id, address].into_iter().for_each(&mut part),
            Caller::Address { address, user_agent } => ["address", address, user_agent].into_iter().for_each(&mut part),
            Caller::Named(name) => ["named", name].into_iter().for_each(&mut part),
            Caller::LogGroup(group) => ["group", group].into_iter().for_each(&mut part),
            Caller::Unknown => part("unknown"),
        }
        CallerHash::from_bits((self.0.hash(&bytes).as_u128() >> (u128::BITS - CallerHash::BITS)) as u64)
    }
}

/// A caller's keyed hash of 48 bits: two of ten thousand callers collide with a chance of one in five million. Its
/// first 32 bits are shown, enough to distinguish the callers of one incident.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerHash(u64);

impl CallerHash {
    pub const BITS: u32 = 48;

    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The inverse of [`Self::to_bits`]. Higher bits are dropped.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }
}

/// Hash-table keys that are hashes already and need no second hashing.
pub type CallerMap<V> = HashMap<CallerHash, V, BuildHasherDefault<Spreader>>;

/// Spreads the bits of a caller's hash over a word, as a hash table needs them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spreader(u64);

impl Hasher for Spreader {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        // 2 to the 64 by the golden ratio (Knuth's multiplicative hashing).
        self.0 = (self.0.rotate_left(8) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl fmt::Display for CallerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0 >> 16)
    }
}

impl fmt::Debug for CallerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CallerHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_of_different_kinds_with_one_name_are_different() {
        let hasher = CallerHasher::new(&CallerHasher::FIXED_KEY);
        let names = [Caller::User("a".into()), Caller::Principal("a".into()), Caller::Named("a".into())];
        let mut hashes: Vec<_> = names.iter().map(|caller| hasher.hash(caller)).collect();
        hashes.dedup();
        assert_eq!(hashes.len(), 3);
    }

    #[test]
    fn a_user_and_a_mail_address_are_people_and_nothing_else_is() {
        let uuid = "94d00cd8-e9e6-4810-b177-b08e84775435";
        for (caller, is_person) in [
            (Caller::user("u-1"), true),
            (Caller::Named("ana@example.com".into()), true),
            (Caller::Named(uuid.into()), true),
            (Caller::Named("login-page".into()), false),
            (Caller::Principal("arn:aws:sts::1:assumed-role/r/ana@example.com".into()), false),
            (Caller::Address { address: "192.0.2.7".into(), user_agent: "a@b".into() }, false),
            (Caller::LogGroup("a@b".into()), false),
            (Caller::Unknown, false),
        ] {
            assert_eq!(caller.is_person(), is_person, "{caller}");
        }
    }

    #[test]
    fn a_user_id_is_one_caller_in_each_of_its_forms() {
        const UUID: &str = "94d00cd8-e9e6-4810-b177-b08e84775435";
        let hasher = CallerHasher::new(&CallerHasher::FIXED_KEY);
        let person = Caller::User(UUID.into());
        for form in [UUID.to_owned(), UUID.to_uppercase(), format!("d-1234567890-{UUID}"), format!("906700aabb-{UUID}")]
        {
            assert_eq!((Caller::user(&form), Caller::principal(form.clone())), (person.clone(), person.clone()));
            for caller in [Caller::User(form.clone()), Caller::Principal(form.clone()), Caller::Named(form.clone())] {
                assert_eq!(hasher.hash(&caller), hasher.hash(&person), "{caller:?}");
            }
        }
        for other in [
            "",
            "u-1",
            "é",
            "94d00cd8",
            "94d00cd8-e9e6-4810-b177-b08e8477543é",
            "94d00cd8e9e6-4810-b177-b08e84775-4350",
            "x94d00cd8-e9e6-4810-b177-b08e84775435",
            "session/94d00cd8-e9e6-4810-b177-b08e84775435",
            "AROAEXAMPLEEXAMPLE000:94d00cd8-e9e6-4810-b177-b08e84775435",
        ] {
            assert_eq!(Caller::user(other), Caller::User(other.into()), "{other}");
            assert_eq!(Caller::principal(other.into()), Caller::Principal(other.into()), "{other}");
            assert_ne!(hasher.hash(&Caller::Named(other.into())), hasher.hash(&person), "{other}");
        }
    }

    #[test]
    fn a_hash_is_shown_as_eight_hexadecimal_digits_and_depends_on_the_key() {
        let caller = Caller::User("94d00cd8".into());
        let shown = CallerHasher::new(&CallerHasher::FIXED_KEY).hash(&caller).to_string();
        assert_eq!(shown.len(), 8);
        assert_ne!(shown, CallerHasher::new(&[7; 16]).hash(&caller).to_string());
    }
}
