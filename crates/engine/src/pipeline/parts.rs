//! What a pipeline is made of: the settings, the neighbours, and what one sandbox remembers.

use std::sync::Mutex;

use triage_notify::letter::Channel;

use super::alone::Alone;
use super::late::Late;
use crate::call_callers::CallCallers;
use crate::directory::Directory;
use crate::known_clients::KnownClients;
use crate::memory::MemoryStore;
use crate::publish::Publish;
use crate::reported::Reported;
use crate::seen_ids::SeenIds;
use crate::service::{Nobody, Service};
use crate::settings::Settings;
use crate::status_page::StatusRecord;
use crate::store::Store;

/// Calls of ours in flight at once, retries or probes: we must not become a storm in an outage.
pub const CALLS_IN_FLIGHT: usize = 8;

pub struct Pipeline<S, O, P, D = Nobody> {
    pub settings: Settings,
    pub store: S,
    /// None without a network.
    pub(super) service: Option<O>,
    /// None where notices go to the log only.
    pub(super) publisher: Option<P>,
    /// None where user ids stay ids.
    pub(super) directory: Option<D>,
    pub(super) channels: Vec<Channel>,
    /// Whether archived events (`replay-name`) are acted on: only replay does.
    pub(super) acts_on_archives: bool,
    /// Notices that this sandbox sent without the store.
    pub(super) alone: Alone,
    pub(super) late: Late,
    pub(super) seen: Mutex<SeenIds>,
    pub(super) clients: Mutex<KnownClients>,
    pub(super) reported: Mutex<Reported>,
    pub(super) call_callers: Mutex<CallCallers>,
    /// The status page as it was last known.
    pub(super) status: Mutex<StatusRecord>,
}

/// Without a network: a replay, an event to explain, a test.
impl Pipeline<MemoryStore, Nobody, Nobody> {
    /// No calls, no notices, and archived events count like new ones.
    pub fn of_a_history(settings: Settings) -> Self {
        Self { acts_on_archives: true, ..Self::offline(settings) }
    }

    /// No calls and no notices.
    pub fn offline(settings: Settings) -> Self {
        let store = MemoryStore::new(settings.policy.evidence, settings.policy.gather);
        Self::new(settings, store, None, None, None)
    }
}

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    pub fn new(settings: Settings, store: S, service: Option<O>, publisher: Option<P>, directory: Option<D>) -> Self {
        let channels = publisher.as_ref().map_or_else(|| vec![Channel::Topic], Publish::channels);
        Self {
            settings,
            store,
            service,
            publisher,
            directory,
            channels,
            acts_on_archives: false,
            alone: Alone::default(),
            late: Late::default(),
            seen: Mutex::default(),
            clients: Mutex::default(),
            reported: Mutex::default(),
            call_callers: Mutex::default(),
            status: Mutex::default(),
        }
    }
}
