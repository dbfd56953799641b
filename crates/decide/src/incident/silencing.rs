//! What silences do to a turn.
//!
//! In: the ledger with its [`Silence`]s, and what happened. Out: what people are notified of. An incident lives on within a
//! silence as ever; only its notices are held back ([`Withheld`]), and the pager is left as it is, except that an alert of
//! before is ended with its incident. A silence begins and ends in a turn by itself, so that its summary, and the notices of
//! what is still open, are kept or lost with its end.

use std::mem;

use jiff::Timestamp;

use crate::ledger::{Alarm, Incident, Ledger};
use crate::silence::{Known, Silence, SilenceScope, Withheld};
use crate::turn::{Event, Happened, Turn};
use crate::verdict::{Evaluation, Verdict};

/// The turn of silences that began or ended; None where none did.
pub fn turn(ledger: &Ledger, evaluation: &Evaluation, now: Timestamp) -> Option<Turn> {
    let mut next = ledger.clone();
    let mut happened = Vec::new();
    for silence in next.silences.iter_mut().filter(|silence| silence.is_active(now)) {
        if silence.announced != Some(silence.until) {
            silence.announced = Some(silence.until);
            happened.push(Event::Silenced(silence.clone()));
        }
    }
    let (active, ended): (Vec<_>, Vec<_>) =
        mem::take(&mut next.silences).into_iter().partition(|silence| silence.is_active(now));
    next.silences = active;
    for mut silence in ended {
        next.sum_up(&mut silence);
        if silence.speaks || silence.missed_anything() {
            happened.push(Event::SilenceEnded(silence));
        }
    }
    if next.silences != ledger.silences {
        happened.extend(next.release(evaluation, now));
    }
    (next != *ledger).then_some(Turn { ledger: next, given_up: Vec::new(), happened, withheld: 0 })
}

impl Ledger {
    /// The incidents within an ended silence as they are now. What it says of those that are over is all that people read of
    /// them.
    fn sum_up(&mut self, silence: &mut Silence) {
        for incident in self.incidents() {
            let is_listed = silence.missed.iter().any(|missed| missed.incident == incident.known_as());
            if is_listed || incident.is_open() && incident.is_within(&silence.scope) {
                silence.miss(incident.missed(), 0);
            }
        }
        let is_of_it = |withheld: &Withheld| withheld.silence.id == silence.id;
        for incident in self.incidents_mut().filter(|incident| !incident.is_open()) {
            incident.withheld.take_if(|withheld| is_of_it(withheld));
        }
    }

    /// Incidents that are open, silenced no more, and of which something was held back.
    fn release(&mut self, evaluation: &Evaluation, now: Timestamp) -> Vec<Event> {
        let mut released = Vec::new();
        let (silences, quiet) = (self.silences.clone(), Verdict::quiet());
        for incident in self.incidents_mut().filter(|incident| incident.is_open()) {
            if covering(&silences, incident, now).is_none()
                && let Some(withheld) = incident.withheld.take()
            {
                incident.mark_reported(evaluation.on(incident.key()).unwrap_or(&quiet), now);
                released.push(Event::OfIncident(incident.key(), Happened::Unsilenced(withheld)));
            }
        }
        released
    }

    /// What of all that happened is reported to people, and how much is not. `before`: the ledger before it happened.
    pub(super) fn withhold(
        &mut self,
        before: &Self,
        happened: Vec<Event>,
        given_up: &mut [Incident],
        evaluation: &Evaluation,
        now: Timestamp,
    ) -> (Vec<Event>, usize) {
        let (mut reported, mut withheld) = (Vec::new(), 0);
        for event in happened {
            let (key, what) = match event {
                Event::OfIncident(key, what) => (key, what),
                Event::Advised(advised) => {
                    let silenced =
                        |silence: &&mut Silence| silence.is_active(now) && silence.scope.has_advice(&advised);
                    match self.silences.iter_mut().find(silenced) {
                        Some(silence) => {
                            silence.miss_advice(&advised);
                            withheld += 1;
                        }
                        None => reported.push(Event::Advised(advised)),
                    }
                    continue;
                }
                silence @ (Event::Silenced(_) | Event::SilenceEnded(_)) => {
                    reported.push(silence);
                    continue;
                }
            };
            let mut silences = mem::take(&mut self.silences);
            let is_end = matches!(what, Happened::Resolved(_));
            let ended = given_up.iter_mut().find(|incident| is_end && incident.key() == key);
            let incident = if ended.is_some() { ended } else { self.latest_mut(key) };
            let what = match incident {
                Some(incident) => {
                    let what = incident.reported_as(what, before, &mut silences, now);
                    withheld += usize::from(incident.withheld.is_some());
                    what
                }
                None => what,
            };
            self.silences = silences;
            reported.push(Event::OfIncident(key, what));
        }
        if !before.silences.is_empty() {
            reported.extend(self.release(evaluation, now));
        }
        (reported, withheld)
    }
}

/// The silence that an incident is within.
fn covering<'a>(silences: &'a [Silence], incident: &Incident, now: Timestamp) -> Option<&'a Silence> {
    silences.iter().find(|silence| silence.is_active(now) && incident.is_within(&silence.scope))
}

impl Incident {
    fn is_within(&self, silenced: &SilenceScope) -> bool {
        silenced.has(&self.id, &self.scope) || silenced.has(self.known_as(), &self.scope)
    }

    /// What just happened to it, as it is reported. Within a silence it is marked as withheld; what has outgrown its silence
    /// is reported anew.
    fn reported_as(&mut self, what: Happened, before: &Ledger, silences: &mut [Silence], now: Timestamp) -> Happened {
        let id = covering(silences, self, now).map(|silence| silence.id.clone());
        let silence = id.and_then(|id| silences.iter_mut().find(|silence| silence.id == id));
        match silence.filter(|_| !self.comes_within(&what, before, now)) {
            Some(silence) => {
                self.hold_back(&what, silence);
                what
            }
            None => match self.withheld.take() {
                Some(withheld) if self.is_open() => Happened::Unsilenced(withheld),
                Some(_) | None => what,
            },
        }
    }

    /// People know it as something larger, and read once that it is not.
    fn comes_within(&self, what: &Happened, before: &Ledger, now: Timestamp) -> bool {
        let known = before.open_incidents().find(|known| known.id == self.id);
        let was_larger = known.is_some_and(|known| covering(&before.silences, known, now).is_none());
        matches!(what, Happened::Changed(_)) && was_larger
    }

    fn hold_back(&mut self, what: &Happened, silence: &mut Silence) {
        let known = match (&self.withheld, what) {
            (Some(withheld), _) => withheld.known,
            (None, Happened::Opened) => Known::Nothing,
            (None, Happened::Reopened { .. }) => Known::Over,
            (None, Happened::Changed(_) | Happened::Reminder | Happened::Resolved(_) | Happened::Unsilenced(_)) => {
                Known::Open
            }
        };
        self.withheld = Some(Withheld { silence: silence.brief(), known });
        if self.alarm_change == Some(Alarm::Alarm) {
            // The pager gets none: at the end of the silence it does.
            (self.alarm_change, self.is_paged) = (None, false);
        }
        silence.miss(self.missed(), 1);
    }
}
