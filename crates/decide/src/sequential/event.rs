//! What a test looks at, in order of time.
//!
//! In: failures that count, and the served calls of their callers. Out: [`Event`]s, each with the moment at which it is
//! taken to have occurred. Nothing is summed up here.

use std::time::Duration;

use jiff::Timestamp;
use triage_model::caller::{CallerHash, CallerMap};
use triage_model::time::before;

use crate::evidence::mark::{Asked, Mark, ServedCall};
use crate::policy::Policy;
use crate::view::View;

#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub at: Timestamp,
    /// When it is taken to have occurred, in seconds since 1970: [`put_apart`].
    pub moment: f64,
    pub caller: CallerHash,
    pub what: What,
}

#[derive(Clone, Copy, Debug)]
pub enum What {
    Failed {
        /// Hit for the first time, if it is not hit already.
        newly: bool,
        /// For how many callers it stands.
        weight: f64,
        asked: Asked,
    },
    Served(Asked),
    /// Hit at that time, and long enough ago to be more than a one-off.
    Matures(Timestamp),
}

impl What {
    /// A run begins with a caller newly affected.
    pub const fn begins_a_run(self) -> bool {
        matches!(self, Self::Failed { newly: true, .. })
    }
}

impl Event {
    /// A failure, and for how many callers it stands.
    pub fn failed((mark, weight): &(&Mark, f64)) -> Self {
        Self::new(mark.at, mark.caller, What::Failed { newly: true, weight: *weight, asked: mark.asked() })
    }

    pub fn served(call: &ServedCall) -> Self {
        Self::new(call.at, call.caller, What::Served(call.asked()))
    }

    fn new(at: Timestamp, caller: CallerHash, what: What) -> Self {
        Self { at, moment: at.as_second() as f64, caller, what }
    }

    /// The order of time; within a second one that does not depend on how the events came, in which a caller's own
    /// success comes after its failure. One number, because all of them are compared with each other again and again.
    pub fn order(&self) -> u128 {
        let (rank, weight): (u128, u64) = match self.what {
            // Weights are positive, and their bits are in the order of the numbers: the greatest first.
            What::Failed { weight, .. } => (0, !weight.to_bits() >> 20),
            What::Served(_) => (1, 0),
            What::Matures(_) => (2, 0),
        };
        let second = (self.at.as_second() - i64::from(i32::MIN)).clamp(0, i64::from(u32::MAX)) as u128;
        second << 96 | rank << 94 | u128::from(self.caller.to_bits()) << 44 | u128::from(weight)
    }
}

/// Removes the news from failures of callers that had one within `new_caller` before. `events` are in order, and
/// nothing but failures. A failure that a reported incident explains is no sign of a caller that always fails: the next
/// one is news.
pub fn mark_newly_hit(events: &mut [Event], view: &View, policy: &Policy) {
    let known = view.ledger.incident.as_ref();
    let reported = known.and_then(|known| Some((known.since.min(known.opened_at), known.resolved_at?)));
    let mut latest: CallerMap<Timestamp> = CallerMap::default();
    for event in events {
        let from = before(event.at, policy.new_caller);
        let known = latest.get(&event.caller).is_some_and(|at| *at >= from)
            || view.learned.hit.get(&event.caller.to_bits()).is_some_and(|streak| streak.has_within(from, event.at));
        if let What::Failed { newly, .. } = &mut event.what {
            *newly = !known;
        }
        if !reported.is_some_and(|(from, to)| (from..=to).contains(&event.at)) {
            latest.insert(event.caller, event.at);
        }
    }
}

/// Of the affected callers, the share that was served within that time; of few it counts as less. `events` are in
/// order.
pub fn cured_share(events: &[Event], within: Duration, now: Timestamp) -> f64 {
    let (mut hit_at, mut hits, mut cured): (CallerMap<(Timestamp, Asked)>, _, _) = (CallerMap::default(), 0, 0);
    for event in events {
        match event.what {
            What::Failed { asked, .. } => {
                hit_at.entry(event.caller).or_insert((event.at, asked));
            }
            What::Served(served) => {
                let is_cured = hit_at.get(&event.caller).is_some_and(|(_, failed)| served.cures(*failed));
                if is_cured && let Some((at, _)) = hit_at.remove(&event.caller) {
                    hits += 1;
                    cured += usize::from(before(event.at, within) <= at);
                }
            }
            What::Matures(_) => {}
        }
    }
    hits += hit_at.values().filter(|(at, _)| before(now, within) >= *at).count();
    cured as f64 / (hits + HITS_UNKNOWN) as f64
}

/// So many callers that were not cured are assumed before the first.
const HITS_UNKNOWN: usize = 3;

/// Adds to each hit the time at which it is more than a one-off.
pub fn mature(events: &mut Vec<Event>, within: Duration, now: Timestamp) {
    let hits = events.iter().filter(|event| matches!(event.what, What::Failed { newly: true, .. }));
    let matures = hits.filter_map(|hit| Some((hit.at.checked_add(within).ok()?, hit)));
    let matures =
        matures.filter(|(at, _)| *at <= now).map(|(at, hit)| Event::new(at, hit.caller, What::Matures(hit.at)));
    events.extend(matures.collect::<Vec<_>>());
}

/// Spreads events of one second evenly over it. Otherwise no answered call would lie between them, and in a busy region a
/// second with a few failures by chance would look like an outage.
pub fn put_apart(events: &mut [Event]) {
    for second in events.chunk_by_mut(|one, next| one.at == next.at) {
        let many = second.len() as f64;
        for (nth, event) in second.iter_mut().enumerate() {
            event.moment = event.at.as_second() as f64 + (nth as f64 + 0.5) / many;
        }
    }
}
