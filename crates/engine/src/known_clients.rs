//! Which person a client belongs to.
//!
//! In: records of CloudTrail with a client id and an address. Out: one caller for a person whom some records name and
//! others do not: those of a call that fails before the service knows its user, and those from before July 2025, which
//! name a principal. A client is registered on one machine, so a call stands for the person who was seen with that
//! client at that address. Where two people were seen with it (a server's client), it stands for neither.
//!
//! One sandbox remembers its latest clients; nothing is stored. A failure's marks keep their id whichever caller they
//! were counted under, and a sandbox that has not seen the person counts the client instead.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::evidence::mark::hash48;
use triage_model::caller::{Caller, CallerHash, CallerHasher};
use triage_model::observation::{Failure, Observation, Operation, Origin, Success};

/// Clients of one generation; two are kept. A few megabytes, and more people than sign in within an hour by one sandbox.
const GENERATION: usize = 8_192;

/// How long a failure counts.
const FAILURE_COUNTS: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Default)]
pub struct KnownClients {
    newer: HashMap<u64, Client>,
    older: HashMap<u64, Client>,
}

#[derive(Clone, Debug, Default)]
struct Client {
    user: Option<Caller>,
    principal: Option<Caller>,
    /// More than one person was seen with it.
    is_shared: bool,
    /// The caller it failed as, and when. It stays that caller for as long as the failure counts, so that one who fails
    /// is not two when the person becomes known. Kept without the hash: a sandbox that could not read the table's key
    /// must hash it again once it can.
    failed_as: Option<(Caller, Timestamp)>,
}

/// What a served call proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServedAs {
    pub caller: CallerHash,
    /// The same person under the caller of the failure.
    pub failed_as: Option<CallerHash>,
}

impl KnownClients {
    /// Learns which person was seen with which client, whatever the order within the batch.
    pub fn learn(&mut self, observations: &[Observation]) {
        for observation in observations {
            let (key, caller) = match observation {
                Observation::Failure(failure) => (key_of_failure(failure), &failure.caller),
                Observation::Success(success) => (key_of_success(success), &success.caller),
                Observation::HealthIssue(_) | Observation::Tick(_) => continue,
            };
            if let Some(key) = key {
                self.client(key).see(caller);
            }
        }
    }

    /// The caller that a failure counts under. Names the person in it, where it does not.
    pub fn failed(&mut self, failure: &mut Failure, hasher: &CallerHasher) -> CallerHash {
        let Some(key) = key_of_failure(failure) else { return hasher.hash(&failure.caller) };
        let at = failure.occurred_at;
        let client = self.client(key);
        if let Some(person) = client.person_behind(&failure.caller) {
            failure.caller = person.clone();
        }
        if client.is_shared {
            return hasher.hash(&failure.caller);
        }
        if let Some(known) = client.still_failed_as(at) {
            return hasher.hash(known);
        }
        client.failed_as = Some((failure.caller.clone(), at));
        hasher.hash(&failure.caller)
    }

    /// The caller that a served call counts under.
    pub fn served(&mut self, success: &Success, hasher: &CallerHasher) -> ServedAs {
        let own = hasher.hash(&success.caller);
        let Some(key) = key_of_success(success) else { return ServedAs { caller: own, failed_as: None } };
        let client = self.client(key);
        let caller = client.person_behind(&success.caller).map_or(own, |person| hasher.hash(person));
        let failed_as = client.still_failed_as(success.occurred_at).map(|failed| hasher.hash(failed));
        let failed_as = failed_as.filter(|failed| !client.is_shared && *failed != caller);
        ServedAs { caller, failed_as }
    }

    fn client(&mut self, key: u64) -> &mut Client {
        if self.newer.len() >= GENERATION && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        let older = &mut self.older;
        self.newer.entry(key).or_insert_with(|| older.remove(&key).unwrap_or_default())
    }
}

impl Client {
    fn see(&mut self, caller: &Caller) {
        let known = match caller {
            Caller::User(_) => &mut self.user,
            Caller::Principal(_) => &mut self.principal,
            Caller::Client { .. }
            | Caller::Address { .. }
            | Caller::Named(_)
            | Caller::LogGroup(_)
            | Caller::Unknown => {
                return;
            }
        };
        let known = known.get_or_insert_with(|| caller.clone());
        self.is_shared |= known != caller;
    }

    /// The person behind a caller that names less than is known.
    fn person_behind(&self, caller: &Caller) -> Option<&Caller> {
        let person = match caller {
            Caller::Client { .. } => self.user.as_ref().or(self.principal.as_ref()),
            Caller::Principal(_) => self.user.as_ref(),
            Caller::User(_) | Caller::Address { .. } | Caller::Named(_) | Caller::LogGroup(_) | Caller::Unknown => None,
        };
        person.filter(|_| !self.is_shared)
    }

    fn still_failed_as(&self, at: Timestamp) -> Option<&Caller> {
        let (caller, failed_at) = self.failed_as.as_ref()?;
        (at.duration_since(*failed_at).unsigned_abs() <= FAILURE_COUNTS).then_some(caller)
    }
}

fn key_of_failure(failure: &Failure) -> Option<u64> {
    let Failure { origin, operation, client_id, address, .. } = failure;
    key(*origin, *operation, client_id.as_deref(), address.as_deref())
}

fn key_of_success(success: &Success) -> Option<u64> {
    let Success { origin, operation, client_id, address, .. } = success;
    key(*origin, Some(*operation), client_id.as_deref(), address.as_deref())
}

/// Of the calls of a registered client. An application's id is shared by all, and only AWS says who called from where.
fn key(origin: Origin, operation: Option<Operation>, client_id: Option<&str>, address: Option<&str>) -> Option<u64> {
    let is_registered = origin == Origin::CloudTrail && operation != Some(Operation::CreateTokenWithIam);
    let (client_id, address) = (client_id?, address?);
    is_registered.then(|| hash48(&format!("{client_id}\n{address}")))
}

#[cfg(test)]
mod tests {
    use triage_decode::decode;

    use super::*;
    use crate::pipeline::Pipeline;
    use crate::settings::Settings;

    #[test]
    fn a_flood_of_clients_does_not_fill_the_memory_and_the_latest_are_known() {
        let mut clients = KnownClients::default();
        for key in 0..5 * GENERATION as u64 {
            clients.client(key).see(&Caller::User(key.to_string()));
            assert!(clients.newer.len() <= GENERATION && clients.older.len() <= GENERATION);
        }
        let latest = 5 * GENERATION as u64 - 1;
        assert!(clients.client(latest).user.is_some() && clients.client(latest - GENERATION as u64 / 2).user.is_some());
        assert!(clients.client(0).user.is_none());
    }

    #[test]
    fn who_failed_under_another_key_is_hashed_under_the_one_that_holds() {
        let event = include_str!("../../../events/cloudtrail__create_token_internal_server_error.json");
        let setting = Pipeline::offline(Settings::read(|_| None).unwrap()).setting(Timestamp::UNIX_EPOCH, "");
        let (own, shared) = (CallerHasher::new(&[1; 16]), CallerHasher::new(&[2; 16]));
        let mut clients = KnownClients::default();
        let mut failed = |hasher: &CallerHasher| {
            let batch = decode(event, &setting);
            let Some(Observation::Failure(mut failure)) = batch.observations.into_iter().next() else { panic!() };
            (clients.failed(&mut failure, hasher), hasher.hash(&failure.caller))
        };
        for hasher in [&own, &shared] {
            let (counted, proper) = failed(hasher);
            assert_eq!(counted, proper);
        }
    }

    #[test]
    fn with_a_client_of_two_people_nobody_is_meant() {
        let mut client = Client::default();
        let unnamed = Caller::Client { client_id: "c".into(), address: "a".into() };
        client.see(&unnamed);
        assert_eq!(client.person_behind(&unnamed), None);
        client.see(&Caller::Principal("ana".into()));
        assert_eq!(client.person_behind(&unnamed), Some(&Caller::Principal("ana".into())));
        client.see(&Caller::User("u".into()));
        for caller in [&unnamed, &Caller::Principal("ana".into())] {
            assert_eq!(client.person_behind(caller), Some(&Caller::User("u".into())));
        }
        client.see(&Caller::User("v".into()));
        assert_eq!((client.person_behind(&unnamed), client.is_shared), (None, true));
    }
}
