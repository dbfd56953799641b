//! The sequential tests: are more callers hit than chance explains?
//!
//! In: the [`Calls`] of a region. Out: for each [`Cell`] and origin a [`Run`]: a test that has crossed its threshold, or how
//! near it is. Pure; what follows from it is decided elsewhere.
//!
//! Two ways of explaining what is seen compete: an ordinary day and an outage. Each event adds to a sum the logarithm of
//! how much likelier the outage makes it (Wald's sequential probability ratio test, SPRT), so that e to the sum is the
//! odds for the outage. Where it would fall under 0 it begins anew, because an outage may begin at any time (Page's
//! cumulative sum, CUSUM): from one 0 to the next is a run. On ordinary days such a sum crosses a threshold `h` on average
//! at most once in e^h events of the kind that an outage is made of: a run may begin at any of them, and e^h is the odds
//! against chance. So the threshold is the logarithm of (events in a year / false pages allowed in a year).
//!
//! **Failed against answered.** p0 = `usual_failures` and p1 = `outage_failures` are the shares of calls that fail on an
//! ordinary day and in the smallest outage worth a page. A caller newly hit adds ln(p1/p0); each answered call adds
//! ln((1-p1)/(1-p0)), which is negative. An event is a caller, not a failure: the calls of one broken laptop are not
//! independent of each other, so its further failures add nothing. For the same reason a hit caller that is then served
//! takes its vote back.
//!
//! **Cells.** The world fails in parts: the test runs for the region as a whole, for each operation, for each grant of
//! CreateToken, and for what hit callers have in common. Against a cell counts only what was answered in that cell. Each
//! fixed cell gets an equal share of half of the false pages allowed, so its threshold is ln(2 K n / a) with K cells and n
//! calls a year of its own. An application, a tool or a network gets what its share of the calls is worth: ln(2 n / a) with
//! the calls of all of its kind together, so that the sum stays within the other half however many there are.
//!
//! **Hits in time**, where no served calls are seen: callers are newly hit at random times, λ0 a day on ordinary days and λ1 a
//! day in an outage. A newly hit caller adds ln(λ1/λ0), and time takes λ1-λ0 (a Poisson CUSUM). The events in a year are
//! those that λ1 would bring: runs begin at hits, so λ0 a year, but each begins with the ln(λ1/λ0) of its first hit. λ0 is
//! learned, and so uncertain: the threshold has a margin. This one is of the region alone.
//!
//! Where one-off failures are common, a caller hit just now is little news: most of those before it were served a moment
//! later, or their success is still on its way to us. So it adds only the share of those hit in the last hour that were not
//! served within `cured_s`, and the rest once it has stood for so long. Where nobody was cured like that, it is all news.
//!
//! Either way sum = (callers in the run) · `up` - (what spoke against it since the run began), in closed form: no call is
//! looked at by itself.

mod event;
mod run;
mod scale;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use jiff::Timestamp;
use triage_model::caller::CallerMap;
use triage_model::classify::SERVICE_CAUSES;
use triage_model::observation::{Operation, Origin};

use self::event::{Event, cured_share, mark_newly_hit, mature, put_apart};
pub use self::run::{Run, TestKind};
use self::scale::Scale;
pub use self::scale::{calls_per_year, hits_per_day, successes_are_seen};
use self::walk::Walk;
use crate::cell::{Cell, Dimension};
use crate::evidence::mark::{Mark, ServedCall, Traits};
use crate::evidence::slot::Slot;
use crate::policy::Policy;
use crate::spread::{Spread, beyond, callers_per_mark, calls, latest, served_about, slots};
use crate::view::View;

/// The calls of a region that the tests look at.
pub struct Calls<'a> {
    view: &'a View,
    policy: &'a Policy,
    now: Timestamp,
    slots: Vec<(i64, &'a Slot)>,
    /// Service failures that count, in order of time, each with the number of callers that it stands for.
    failures: Vec<(&'a Mark, f64)>,
}

impl<'a> Calls<'a> {
    /// Those of callers that are not left out, of which `counts`.
    pub fn of(view: &'a View, policy: &'a Policy, now: Timestamp, counts: impl Fn(&Mark) -> bool) -> Self {
        let slots = slots(&view.evidence, policy, now);
        let latest = latest(now);
        let mut failures = Vec::new();
        for (slot, cause) in slots.iter().flat_map(|(_, slot)| SERVICE_CAUSES.map(|cause| (*slot, cause))) {
            let weight = callers_per_mark(slot, cause);
            let marks = slot.failures_of(cause).iter();
            let counts = |mark: &&Mark| mark.at <= latest && counts(mark) && !view.ledger.is_left_out(mark.caller);
            failures.extend(marks.filter(counts).map(|mark| (mark, weight)));
        }
        failures.sort_unstable_by(|(one, weight), (other, of_other)| {
            (one.at, one.caller).cmp(&(other.at, other.caller)).then(of_other.total_cmp(weight))
        });
        Self { view, policy, now, slots, failures }
    }

    /// The runs of every cell and origin in which enough callers were hit for a page later than `since`, and those of the
    /// region as a whole.
    pub fn runs(&self, since: Option<Timestamp>) -> Vec<Run> {
        let mut runs = Vec::new();
        for origin in Origin::ALL {
            for cell in self.cells(origin, since) {
                runs.extend(self.run(cell, origin, since));
            }
        }
        runs
    }

    /// The cells with enough callers to be tested, and the region if anybody was hit.
    fn cells(&self, origin: Origin, since: Option<Timestamp>) -> Vec<Cell> {
        let counts = |mark: &Mark| mark.origin == origin && since.is_none_or(|since| mark.at > since);
        // What one caller does again and again counts once.
        let mut seen: CallerMap<Vec<(Option<Operation>, Traits)>> = CallerMap::default();
        let mut hit: HashMap<Cell, usize> = HashMap::new();
        for (mark, _) in self.failures.iter().filter(|(mark, _)| counts(mark)) {
            let (kind, known) = ((mark.operation, mark.traits), seen.entry(mark.caller).or_default());
            if known.contains(&kind) {
                continue;
            }
            known.push(kind);
            let shared = Dimension::ALL
                .into_iter()
                .filter(|dimension| dimension.is_tested())
                .filter_map(|dimension| dimension.of(&mark.traits).map(|hash| Cell::Shared(dimension, hash)));
            let own = Cell::fixed().skip(1).filter(|cell| cell.has(mark.operation, &mark.traits)).chain(shared);
            own.for_each(|cell| *hit.entry(cell).or_default() += 1);
        }
        if seen.is_empty() {
            return Vec::new();
        }
        let enough = hit.into_iter().filter(|(_, callers)| *callers >= self.policy.outage_callers);
        let mut cells: Vec<Cell> = std::iter::once(Cell::Region).chain(enough.map(|(cell, _)| cell)).collect();
        cells.sort_unstable();
        cells
    }

    /// The test of one cell and origin on everything later than `since`. None if no caller was newly hit since, or where
    /// nothing speaks against a part of a region.
    pub fn run(&self, cell: Cell, origin: Origin, since: Option<Timestamp>) -> Option<Run> {
        let Self { view, policy, now, .. } = *self;
        let is_own = |mark: &Mark| mark.origin == origin && cell.has(mark.operation, &mark.traits);
        let mut events: Vec<Event> = self.failures.iter().filter(|(mark, _)| is_own(mark)).map(Event::failed).collect();
        let counts = |event: &Event| since.is_none_or(|since| event.at > since);
        if !events.iter().any(counts) {
            return None;
        }
        let scale = if successes_are_seen(view, &self.slots, cell, origin, policy, now) {
            Scale::of_calls(cell, calls_per_year(view, cell, policy, now), policy)
        } else if cell == Cell::Region {
            mark_newly_hit(&mut events, view, policy);
            Scale::of_hits(hits_per_day(view, policy, now), policy)
        } else {
            return None;
        };
        events.retain(counts);
        let hit: CallerMap<()> = events.iter().map(|event| (event.caller, ())).collect();
        // A success seen through another origin is a success.
        let served = self.slots.iter().flat_map(|(_, slot)| &slot.served);
        let served = served.filter(|call| hit.contains_key(&call.caller) && cell.has(call.operation, &call.traits));
        events.extend(served.map(Event::served));
        events.sort_unstable_by_key(Event::order);
        let lasting = 1.0 - cured_share(&events, policy.cured, now);
        if lasting < 1.0 {
            mature(&mut events, policy.cured, now);
            events.sort_unstable_by_key(Event::order);
        }
        put_apart(&mut events);

        let counts = |mark: &Mark| is_own(mark) && !view.ledger.is_left_out(mark.caller);
        let walk = Walk {
            scale,
            lasting,
            callers: policy.outage_callers,
            answered: Spread::of(&self.slots, origin, now, |slot| answered(slot, origin, cell)),
            beyond: Spread::of(&self.slots, origin, now, |slot| {
                SERVICE_CAUSES.iter().map(|cause| beyond(slot, *cause, counts)).sum()
            }),
        };
        walk.evaluate(&events, cell, origin, now)
    }
}

/// What speaks against a cell's failing.
fn answered(slot: &Slot, origin: Origin, cell: Cell) -> f64 {
    match cell {
        Cell::Region | Cell::Operation(_) | Cell::Grant(_) | Cell::Shared(Dimension::Application, _) => {
            calls(slot, origin, cell) as f64
        }
        Cell::Shared(..) => served_about(slot, origin, |call: &ServedCall| cell.has(call.operation, &call.traits)),
    }
}

/// The test of a region as a whole on everything since the latest incident ended. None if no caller was newly hit since.
pub fn test(view: &View, origin: Origin, policy: &Policy, now: Timestamp) -> Option<Run> {
    Calls::of(view, policy, now, |_| true).run(Cell::Region, origin, view.ledger.settled_until())
}
