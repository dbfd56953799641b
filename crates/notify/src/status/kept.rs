//! The incidents that a status page lists, beyond what a ledger remembers.
//!
//! In: what the ledgers know of their incidents. Out: the list, each incident once, the latest first. It can be done twice, and
//! in any order of regions. Bounded: the open ones, and those that ended within [`KEPT_FOR`], [`KEPT_MAX`] in all.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::region::Region;
use triage_model::time::before;

use crate::status::data::{Outward, Phase};

pub const KEPT_FOR: Duration = Duration::from_secs(90 * 86_400);

/// They fit an item of the store, and a page that people read.
pub const KEPT_MAX: usize = 50;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub incidents: Vec<Outward>,
}

impl Kept {
    /// Takes in what the ledger of a region knows: its incidents, and those that were replaced.
    pub fn take_in(&mut self, region: &Region, incidents: Vec<Outward>, replaced: Vec<Outward>) {
        for known in self.incidents.iter_mut().filter(|known| known.region == *region && known.phase.is_open()) {
            let is_there = |seen: &Outward| seen.of == known.of;
            if !incidents.iter().any(is_there) && !replaced.iter().any(is_there) {
                known.end_unseen();
            }
        }
        for seen in replaced {
            // It was taken in when it ended, with more than its outline.
            if self.known(&seen).is_none_or(|known| known.phase.is_open()) {
                self.put(seen);
            }
        }
        incidents.into_iter().for_each(|seen| self.put(seen));
    }

    /// Drops what is too old, and of too many the oldest.
    pub fn forget(&mut self, now: Timestamp) {
        let oldest = before(now, KEPT_FOR);
        self.incidents.retain(|incident| incident.phase.is_open() || incident.ended() >= oldest);
        self.incidents.sort_by(|one, other| order(one).cmp(&order(other)));
        self.incidents.truncate(KEPT_MAX);
    }

    /// Whether it is worth a write after what was kept `before`: counts of what is open are computed anew each time.
    pub fn is_news(&self, before: &Self) -> bool {
        let outline = |incident: &Outward| match incident.phase.is_open() {
            true => (incident.id.clone(), None),
            false => (incident.id.clone(), Some(incident.clone())),
        };
        !self.incidents.iter().map(outline).eq(before.incidents.iter().map(outline))
    }

    fn known(&self, seen: &Outward) -> Option<&Outward> {
        self.incidents.iter().find(|known| known.of == seen.of)
    }

    fn put(&mut self, seen: Outward) {
        if let Some(known) = self.incidents.iter_mut().find(|known| known.of == seen.of) {
            *known = Outward { id: std::mem::take(&mut known.id), ..seen };
            return;
        }
        let is_taken = |id: &str| self.incidents.iter().any(|known| known.id == id);
        let numbered = (2..).map(|number: usize| format!("{}-{number}", seen.id));
        let id = std::iter::once(seen.id.clone()).chain(numbered).find(|id| !is_taken(id)).unwrap_or_default();
        self.incidents.push(Outward { id, ..seen });
    }
}

/// What is open comes first, then the latest.
fn order(incident: &Outward) -> (bool, Reverse<Timestamp>, &str) {
    (!incident.phase.is_open(), Reverse(incident.began), &incident.id)
}

impl Outward {
    /// Its latest failure, as far as is known.
    fn ended(&self) -> Timestamp {
        self.latest.or(self.over_at).unwrap_or(self.began)
    }

    /// Nothing that is kept says how it ended: nobody looked for too long.
    fn end_unseen(&mut self) {
        let ended = self.ended();
        self.phase = Phase::Quiet;
        (self.over_at, self.closed_at) = (Some(ended), Some(ended));
        self.lines.push("Its end was not seen.".to_owned());
        (self.users, self.portal) = (None, None);
    }
}
