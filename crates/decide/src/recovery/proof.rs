//! Proof by calls.
//!
//! In: the failures and the served calls of an incident. Out: a [`Proof`]: how much likelier the calls are on an
//! ordinary day than in an outage that continues, since when, and whether that is enough.
//!
//! With p0 the share of calls that fail on an ordinary day and q that of this outage, a served call adds
//! ln((1-p0)/(1-q)) to a sum and a failure ln(p0/q), which is negative; the sum is kept within 0 and [`SUM_MAX`]. While
//! the outage continues it falls back to 0 again and again, and of all its ways up one in `proof_odds` reaches the
//! threshold.
//!
//! q is estimated from the calls up to the last time that the sum was 0, and so at least from the run that opened the
//! incident. Were it too great, the sum would rise although the outage continues: so it is the share less its standard
//! error (the lower end of Wilson's interval), and three calls that all failed by chance do not count as a full outage.
//!
//! All origins are counted together: the proof is mostly CloudTrail's, wherever the failures were seen. A failure seen
//! twice has one id, and counts once. Each part of an incident is confirmed by itself: calls of others are no proof. A
//! share whose evidence is gone is the one that was noted while it was there.

use std::collections::BTreeSet;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::{Operation, Origin};
use triage_model::time::before;

use crate::cell::Dimension;
use crate::evidence::learned::LEARNED_AFTER;
use crate::evidence::mark::{Mark, ServedCall, Traits};
use crate::evidence::slot::{SLOT_SECONDS, Slot};
use crate::ledger::Part;
use crate::policy::Policy;
use crate::proof_so_far::ProofSoFar;
use crate::recovery::open_incident::OpenIncident;
use crate::spread::{Spread, beyond, latest, served_about};

/// So many nats for recovery are as good as certain: more would only make it harder to see a return of the failures.
const SUM_MAX: f64 = 20.0;

/// A share never counts as more than this, nor as less than that of the smallest outage.
const SHARE_MAX: f64 = 0.95;

/// Served callers noted: no policy asks for many.
const CALLERS_NOTED: usize = 16;

pub struct Proof {
    /// What the sum is now.
    pub sum: f64,
    /// When it was last 0: at the latest failure that left nothing of it.
    pub zero_at: Timestamp,
    /// Since then: calls served and failed, and the callers served.
    pub served: f64,
    pub failed: f64,
    pub callers: BTreeSet<CallerHash>,
    /// Since then: when odds, calls and callers were first enough.
    pub proved_at: Option<Timestamp>,
    /// The share of calls that fails, or failed before.
    pub share: f64,
    /// How far it had come when everything older was certainly known; None where that is no further than was noted.
    pub so_far: Option<ProofSoFar>,
}

/// One moment of the incident, in the order within one second: a failure last, so that no served call outweighs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Nothing in particular: what is spread over the time up to it is counted.
    Passing,
    Served(CallerHash),
    Failed,
}

impl Proof {
    const fn none_since(zero_at: Timestamp) -> Self {
        let callers = BTreeSet::new();
        Self { sum: 0.0, zero_at, served: 0.0, failed: 0.0, callers, proved_at: None, share: 0.0, so_far: None }
    }

    pub fn of(open: &OpenIncident<'_>, part: &Part) -> Self {
        let incident = open.incident;
        let begin = open.slots.first().and_then(|(begin, _)| Timestamp::from_second(*begin).ok());
        let known = begin.unwrap_or(Timestamp::MIN).max(incident.since).max(part.since);
        let known = part.so_far.as_ref().map_or(known, |so_far| so_far.until);
        let start = known.max(incident.enough_at);
        let noted_until = before(open.now, LEARNED_AFTER);
        let course = Course::of(open, part, [known, start, noted_until]);
        // Of one that stands for many no other caller need be served.
        let callers = open.policy.proof_callers.min(incident.callers_in_all().0.max(1));
        // What was noted has its share already.
        let counted_until = if part.so_far.is_some() && start == known { Timestamp::MIN } else { start };
        let mut walk = Walk::new(open.policy, counted_until, callers, part.so_far.as_ref());
        if part.so_far.is_none() {
            walk.proof.zero_at = start;
        }
        let mut second = known.as_second();
        for (at, moment) in &course.moments {
            if *at > noted_until && walk.proof.so_far.is_none() && noted_until > known {
                walk.proof.so_far = Some(walk.so_far(noted_until));
            }
            let to = at.as_second().max(second);
            let (served, failed) = course.unmarked(second, to);
            walk.add(served, failed, *at);
            second = to;
            match moment {
                Moment::Passing => {}
                Moment::Served(caller) => {
                    if *at > start {
                        walk.proof.callers.insert(*caller);
                    }
                    walk.add(1.0, 0.0, *at);
                }
                Moment::Failed => walk.add(0.0, 1.0, *at),
            }
        }
        walk.proof
    }
}

/// What occurred in an incident: what the sum is made of.
struct Course {
    /// In order of time.
    moments: Vec<(Timestamp, Moment)>,
    /// Served calls and failures without a mark of their own, by origin.
    unmarked_served: Vec<Spread>,
    unmarked_failed: Vec<Spread>,
}

impl Course {
    /// What came after the first of these times, with each of them as a moment.
    fn of(open: &OpenIncident<'_>, part: &Part, times: [Timestamp; 3]) -> Self {
        Self {
            moments: moments(open, part, times, &distinct_failures(open, part, times[0])),
            unmarked_served: by_origin(open, |slot, origin| unmarked_served(open, part, slot, origin)),
            unmarked_failed: by_origin(open, |slot, origin| unmarked_failed(open, part, slot, origin)),
        }
    }

    /// Served calls and failures without a mark between two seconds.
    fn unmarked(&self, from: i64, to: i64) -> (f64, f64) {
        if from == to {
            return (0.0, 0.0);
        }
        let between = |spread: &Spread| spread.until(to as f64) - spread.until(from as f64);
        (self.unmarked_served.iter().map(between).sum(), self.unmarked_failed.iter().map(between).sum())
    }
}

/// The failures of a part from then on, each once, in no order.
fn distinct_failures(open: &OpenIncident<'_>, part: &Part, from: Timestamp) -> Vec<Timestamp> {
    // What was noted up to a time has that second in it.
    let counts = |mark: &&Mark| mark.at >= from && (part.so_far.is_none() || mark.at > from);
    let mut failures: Vec<(u32, Timestamp)> =
        open.failures(part).filter(counts).map(|mark| (mark.id, mark.at)).collect();
    failures.sort_unstable();
    failures.dedup_by_key(|(id, _)| *id);
    failures.into_iter().map(|(_, at)| at).collect()
}

fn moments(
    open: &OpenIncident<'_>,
    part: &Part,
    [known, start, noted_until]: [Timestamp; 3],
    failures: &[Timestamp],
) -> Vec<(Timestamp, Moment)> {
    let span = known..=latest(open.now);
    let is_new = |at: Timestamp| part.so_far.is_none() || at > known;
    let failed = failures.iter().map(|at| (*at, Moment::Failed));
    let served = open.slots.iter().flat_map(|(_, slot)| &slot.served);
    let served = served.filter(|call| span.contains(&call.at) && is_new(call.at));
    let served = served.filter(|call| !open.view.ledger.is_left_out(call.caller) && open.hears(part, call));
    let served = served.map(|call| (call.at, Moment::Served(call.caller)));
    let slot_ends = open.slots.iter().filter_map(|(begin, _)| Timestamp::from_second(begin + SLOT_SECONDS).ok());
    let passing = slot_ends.filter(|end| *end < open.now).chain([start, noted_until, open.now]);
    let passing = passing.filter(|at| at >= span.start()).map(|at| (at, Moment::Passing));
    let mut moments: Vec<(Timestamp, Moment)> = failed.chain(served).chain(passing).collect();
    moments.sort_unstable();
    moments
}

fn by_origin(open: &OpenIncident<'_>, count: impl Fn(&Slot, Origin) -> f64) -> Vec<Spread> {
    let of = |origin| Spread::of(&open.slots, origin, open.now, |slot| count(slot, origin));
    Origin::ALL.into_iter().map(of).collect()
}

/// Served calls of a part without a mark of their own.
fn unmarked_served(open: &OpenIncident<'_>, part: &Part, slot: &Slot, origin: Origin) -> f64 {
    let marked = slot.served.iter().filter(|call| call.origin == origin && open.hears(part, call)).count() as f64;
    let is_own = |operation: Option<Operation>, traits: &Traits| open.is_proved_by(part, operation, traits);
    let all = match &open.incident.scope.shared {
        // Of tools and networks a slot counts nothing: those that it marks stand for the others.
        Some(shared) if shared.dimension != Dimension::Application => {
            let is_inside = |call: &ServedCall| is_own(call.operation, &call.traits) && open.shared_is_of(call);
            served_about(slot, origin, is_inside)
        }
        shared => {
            let is_inside = |traits: &Traits| shared.as_ref().is_none_or(|shared| shared.key().has(traits));
            let own = slot.calls.iter().filter(|(place, _)| {
                let traits = place.traits();
                place.origin == origin && !place.pending && is_own(place.operation, &traits) && is_inside(&traits)
            });
            own.map(|(_, calls)| f64::from(calls.served)).sum()
        }
    };
    (all - marked).max(0.0)
}

fn unmarked_failed(open: &OpenIncident<'_>, part: &Part, slot: &Slot, origin: Origin) -> f64 {
    let counts = |mark: &Mark| mark.origin == origin && open.counts(part, mark);
    open.causes().iter().map(|cause| beyond(slot, *cause, counts)).sum()
}

struct Walk<'a> {
    policy: &'a Policy,
    /// Until then the calls only describe the outage.
    start: Timestamp,
    /// So many callers must be served.
    callers: usize,
    /// Calls served and failed since the incident began.
    served: f64,
    failed: f64,
    /// What a served call adds and a failure takes.
    up: f64,
    down: f64,
    proof: Proof,
}

impl Walk<'_> {
    fn new<'b>(policy: &'b Policy, start: Timestamp, callers: usize, so_far: Option<&ProofSoFar>) -> Walk<'b> {
        let proof = Proof::none_since(start);
        let mut walk = Walk { policy, start, callers, served: 0.0, failed: 0.0, up: 0.0, down: 0.0, proof };
        match so_far {
            None => walk.weigh(),
            Some(so_far) => {
                (walk.served, walk.failed) = (so_far.all_served, so_far.all_failed);
                walk.reckon_by(so_far.share);
                walk.proof = Proof {
                    sum: so_far.sum,
                    zero_at: so_far.zero_at,
                    served: so_far.served,
                    failed: so_far.failed,
                    callers: so_far.callers.iter().copied().map(CallerHash::from_bits).collect(),
                    proved_at: so_far.proved_at,
                    share: so_far.share,
                    so_far: None,
                };
            }
        }
        walk
    }

    fn so_far(&self, until: Timestamp) -> ProofSoFar {
        let proof = &self.proof;
        ProofSoFar {
            until,
            sum: proof.sum,
            share: proof.share,
            zero_at: proof.zero_at,
            served: proof.served,
            failed: proof.failed,
            callers: proof.callers.iter().take(CALLERS_NOTED).map(|caller| caller.to_bits()).collect(),
            all_served: self.served,
            all_failed: self.failed,
            proved_at: proof.proved_at,
        }
    }

    /// Takes q from all calls so far.
    fn weigh(&mut self) {
        let share = low_share(self.failed, self.served + self.failed).clamp(self.policy.outage_failures, SHARE_MAX);
        self.reckon_by(share);
    }

    fn reckon_by(&mut self, share: f64) {
        let p0 = self.policy.usual_failures;
        self.proof.share = share;
        self.up = ((1.0 - p0) / (1.0 - share)).ln();
        self.down = (share / p0).ln();
    }

    /// Takes in calls that were served and failed up to that time.
    fn add(&mut self, served: f64, failed: f64, at: Timestamp) {
        self.served += served;
        self.failed += failed;
        if at <= self.start {
            self.weigh();
            return;
        }
        let most = SUM_MAX.max(self.policy.proof_odds.ln());
        self.proof.sum = (self.proof.sum + served * self.up - failed * self.down).clamp(0.0, most);
        if failed > 0.0 && self.proof.sum == 0.0 {
            let so_far = self.proof.so_far.take();
            self.proof = Proof { so_far, ..Proof::none_since(at) };
            self.weigh();
            return;
        }
        self.proof.served += served;
        self.proof.failed += failed;
        let policy = self.policy;
        let is_enough = self.proof.sum >= policy.proof_odds.ln()
            // What is spread over time is rarely a whole number.
            && self.proof.served + 1e-6 >= policy.proof_calls as f64
            && self.proof.callers.len() >= self.callers;
        if is_enough && self.proof.proved_at.is_none() {
            self.proof.proved_at = Some(at);
        }
    }
}

/// The share of calls that failed, less its standard error: the lower end of Wilson's interval.
fn low_share(failed: f64, calls: f64) -> f64 {
    if calls == 0.0 {
        return 0.0;
    }
    let share = failed / calls;
    let error = (share * (1.0 - share) / calls + 0.25 / (calls * calls)).sqrt();
    (share + 0.5 / calls - error) / (1.0 + 1.0 / calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_few_calls_counts_as_less_than_it_looks() {
        let percent = |failed, calls| (100.0 * low_share(failed, calls)).round() as i64;
        let table = [((0.0, 0.0), 0), ((0.0, 50.0), 0), ((1.0, 1.0), 50), ((3.0, 3.0), 75), ((3.0, 12.0), 15)];
        for ((failed, calls), expected) in table {
            assert_eq!(percent(failed, calls), expected, "{failed} of {calls}");
        }
        assert_eq!(percent(50_000.0, 1_000_000.0), 5, "of many it is the share itself");
    }
}
