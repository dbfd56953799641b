//! What an operator asks of a ledger.
//!
//! In: a ledger, and a request that was already checked. Out: whether it changed the ledger, and how. People are notified of it
//! by the turn that follows ([`crate::incident`]), which a store takes together with this change.

use std::time::Duration;

use jiff::Timestamp;
use triage_model::time::later;

use crate::ledger::{Incident, Ledger};
use crate::silence::{Acknowledged, SILENCES_MAX, Silence};

/// The same request within this time is the same invocation, delivered again.
const DELIVERED_AGAIN: Duration = Duration::from_secs(60);

/// What became of a silence.
#[derive(Clone, Debug, PartialEq)]
pub enum Silenced {
    New(Silence),
    /// It was there, and ends when it did.
    Same(Silence),
    /// It was there, and ends later now.
    Longer(Silence),
    /// There are too many.
    Full,
}

impl Ledger {
    /// Silences something, or the same for longer.
    pub fn silence(&mut self, silence: &Silence, now: Timestamp) -> Silenced {
        let mut active = self.silences.iter_mut().filter(|known| known.is_active(now));
        if let Some(known) = active.find(|known| known.is_same(silence)) {
            if silence.until <= later(known.until, DELIVERED_AGAIN) {
                return Silenced::Same(known.clone());
            }
            known.until = silence.until;
            if !known.speaks {
                known.announced = Some(known.until);
            }
            return Silenced::Longer(known.clone());
        }
        if self.silences.len() >= SILENCES_MAX {
            return Silenced::Full;
        }
        let announced = (!silence.speaks).then_some(silence.until);
        self.silences.push(Silence { announced, ..silence.clone() });
        Silenced::New(silence.clone())
    }

    /// Ends a silence before its time. None: there is none of that id.
    pub fn end_silence(&mut self, id: &str, by: &str, now: Timestamp) -> Option<Silence> {
        let silence = self.silences.iter_mut().find(|silence| silence.id == id && silence.is_active(now))?;
        silence.until = now;
        silence.ended_by = Some(by.to_owned());
        Some(silence.clone())
    }

    /// Stops the reminders of an open incident, or starts them again. None: there is none of that id.
    pub fn acknowledge(&mut self, id: &str, acknowledged: Option<&Acknowledged>) -> Option<&Incident> {
        let incident = self.incidents_mut().find(|incident| incident.goes_by(id) && incident.is_open())?;
        incident.acknowledged = acknowledged.cloned();
        Some(incident)
    }
}
