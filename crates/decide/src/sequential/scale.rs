//! What each event is worth, and how much is enough.
//!
//! In: what a region or a cell is like on ordinary days. Out: a [`Scale`] in nats.

use jiff::Timestamp;
use triage_model::observation::{Operation, Origin};
use triage_model::time::before;

use crate::cell::{Cell, Dimension};
use crate::evidence::slot::{Place, Slot};
use crate::policy::Policy;
use crate::sequential::run::TestKind;
use crate::spread::slots;
use crate::view::View;

const DAYS_PER_YEAR: f64 = 365.0;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Calls that a region or a part of it is taken to have in a year: the mean since the region was first seen, from what was
/// learned and what the evidence holds beyond that. A tool and a network share the calls of the region, an application
/// those of all applications.
pub fn calls_per_year(view: &View, cell: Cell, policy: &Policy, now: Timestamp) -> f64 {
    let learned = &view.learned;
    let of = match cell {
        Cell::Shared(Dimension::Application, _) => Cell::Operation(Operation::CreateTokenWithIam),
        Cell::Shared(..) => Cell::Region,
        Cell::Region | Cell::Operation(_) | Cell::Grant(_) => cell,
    };
    let known = match of {
        Cell::Region => learned.calls,
        part => learned.cells.get(&part).map_or(0, |known| known.calls),
    };
    let new = slots(&view.evidence, policy, now).into_iter().filter(|(begin, _)| !learned.holds(*begin));
    let calls = known as f64 + new.map(|(_, slot)| slot.tries_of(of) as f64).sum::<f64>();
    (calls / days_seen(view, now).max(1.0) * DAYS_PER_YEAR).max(policy.calls_per_year_min)
}

/// Callers newly hit on an ordinary day: what was learned, weighed with what is assumed before anything is.
pub fn hits_per_day(view: &View, policy: &Policy, now: Timestamp) -> f64 {
    let hits = policy.hits_per_day * policy.hits_weight_days + view.learned.newly_hit as f64;
    (hits / (policy.hits_weight_days + days_seen(view, now))).max(policy.hits_per_day_min)
}

fn days_seen(view: &View, now: Timestamp) -> f64 {
    let learned = view.learned.first_seen.map(Timestamp::as_second);
    let first = learned.into_iter().chain(view.evidence.slots.keys().next().copied()).min();
    first.map_or(0.0, |first| (now.as_second() - first).max(0) as f64 / SECONDS_PER_DAY)
}

/// Whether what is served is seen at all, so that failures can be weighed against it.
pub fn successes_are_seen(
    view: &View,
    slots: &[(i64, &Slot)],
    cell: Cell,
    origin: Origin,
    policy: &Policy,
    now: Timestamp,
) -> bool {
    if origin == Origin::Call {
        // Only failures are handed over. What was cured by us is no sample of what is served.
        return false;
    }
    let (cell, known) = match cell {
        Cell::Operation(_) | Cell::Grant(_) | Cell::Shared(Dimension::Application, _) => {
            (cell, view.learned.cells.get(&cell).map(|known| &known.succeeded))
        }
        Cell::Region | Cell::Shared(..) => (Cell::Region, Some(&view.learned.succeeded)),
    };
    let seen_from = before(now, policy.successes_seen);
    let seen = known.and_then(|known| known.get(&origin)).is_some_and(|at| *at >= seen_from);
    let is_own = |place: &Place| place.origin == origin && place.is_of(cell);
    let served = |slot: &Slot| slot.calls.iter().any(|(place, calls)| calls.served > 0 && is_own(place));
    seen || slots.iter().any(|(_, slot)| served(slot))
}

/// No share of failing calls is taken to be greater: the next call may be served.
const SHARE_MAX: f64 = 0.95;

/// The share of calls that fails on an ordinary day is a bound for alarms. Just before an outage one call in so many may
/// have failed for another reason: taken as part of it, one would say that it lasted twice as long.
const STRAYS: f64 = 0.005;

/// What each event is worth, in nats.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub kind: TestKind,
    /// What a newly hit caller adds.
    pub up: f64,
    /// What an answered call and a second take.
    pub per_call: f64,
    pub per_second: f64,
    /// On ordinary days: the share of calls that fails, or the callers newly hit in a second.
    pub usual: f64,
    pub threshold: f64,
}

impl Scale {
    pub fn of_calls(cell: Cell, calls_per_year: f64, policy: &Policy) -> Self {
        let (p0, p1) = (policy.usual_failures, policy.outage_failures);
        let cells = match cell {
            Cell::Region | Cell::Operation(_) | Cell::Grant(_) => Cell::FIXED,
            Cell::Shared(..) => 1,
        };
        Self {
            kind: TestKind::FailedAgainstAnswered,
            up: (p1 / p0).ln(),
            per_call: ((1.0 - p0) / (1.0 - p1)).ln(),
            per_second: 0.0,
            usual: p0,
            threshold: (2.0 * cells as f64 * calls_per_year / policy.false_pages_per_year).ln().max(0.0),
        }
    }

    pub fn of_hits(hits_per_day: f64, policy: &Policy) -> Self {
        let outage = (policy.outage_hits_factor * hits_per_day).max(24.0 * policy.outage_hits_per_hour);
        let hits_per_page = outage * DAYS_PER_YEAR / policy.false_pages_per_year;
        Self {
            kind: TestKind::HitsInTime,
            up: (outage / hits_per_day).ln(),
            per_call: 0.0,
            per_second: (outage - hits_per_day) / SECONDS_PER_DAY,
            usual: hits_per_day / SECONDS_PER_DAY,
            threshold: hits_per_page.ln().max(0.0) + policy.hits_margin,
        }
    }

    /// How much likelier it is that an outage of just this size began then than that none did, in nats: so many callers
    /// newly hit since, among so many answered calls, in so many seconds.
    pub fn began_then(&self, hit: f64, answered: f64, seconds: f64) -> f64 {
        match self.kind {
            TestKind::FailedAgainstAnswered => {
                let usual = self.usual.max(STRAYS);
                let share = (hit / (hit + answered)).clamp(usual, SHARE_MAX);
                hit * (share / usual).ln() - answered * ((1.0 - usual) / (1.0 - share)).ln()
            }
            TestKind::HitsInTime => {
                let seconds = seconds.max(1.0);
                let rate = (hit / seconds).max(self.usual);
                hit * (rate / self.usual).ln() - (rate - self.usual) * seconds
            }
        }
    }
}
