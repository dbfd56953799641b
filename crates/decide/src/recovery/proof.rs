//! Proof by calls.
//!
//! In: the failures and the served calls of an incident. Out: a [`Proof`]: how much likelier an ordinary day makes what
//! occurred than an outage that goes on, since when, and whether that is enough.
//!
//! With p0 the share of calls that fail on an ordinary day and q that of this outage, a served call adds
//! ln((1-p0)/(1-q)) to a sum and a failure ln(p0/q), which is negative; the sum is kept within 0 and [`SUM_MAX`]. While the
//! outage goes on it falls back to 0 again and again, and of all its ways up one in `proof_odds` comes to the threshold.
//!
//! q is taken from the calls up to the last time that the sum was 0, and so at least from the run that opened the incident.
//! Were it too great, the sum would rise although the outage goes on: it is therefore the share less its standard error (the
//! lower end of Wilson's interval), so that three calls of which all failed by chance are not taken for a full outage.
//!
//! All origins are counted together: what proves recovery is mostly CloudTrail's, wherever the failures were seen. A
//! failure seen twice has one id, and counts once. Where the failures are of some operations only, calls of others prove
//! nothing, though their callers count: a slot names a served caller by the first of its calls.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::{Operation, Origin};

use crate::evidence::mark::Mark;
use crate::evidence::slot::{SLOT_SECONDS, Slot};
use crate::policy::Policy;
use crate::recovery::open_incident::OpenIncident;
use crate::spread::{Spread, beyond, latest};

/// So many nats for recovery are as good as certain: more would only make a return of the trouble harder to see.
const SUM_MAX: f64 = 20.0;

/// A share is never taken as more than this, nor as less than that of the smallest outage.
const SHARE_MAX: f64 = 0.95;

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
}

/// One moment of the incident, in the order in which those of one second are taken: a failure last, so that it is never
/// held to be outweighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Nothing in particular: what is spread over the time up to it is counted.
    Passing,
    /// Whether its operation is one that failed.
    Served(CallerHash, bool),
    Failed,
}

impl Proof {
    pub fn of(open: &OpenIncident<'_>) -> Self {
        let incident = open.incident;
        let begin = open.slots.first().and_then(|(begin, _)| Timestamp::from_second(*begin).ok());
        let known = begin.unwrap_or(Timestamp::MIN).max(incident.since);
        let start = known.max(incident.enough_at);
        let calls = Calls::of(open, start);
        let mut walk = Walk::new(open.policy, start);
        let mut second = known.as_second();
        for (at, moment) in &calls.moments {
            let to = at.as_second().max(second);
            walk.add(Calls::between(&calls.served, second, to), Calls::between(&calls.beyond, second, to), *at);
            second = to;
            match moment {
                Moment::Passing => {}
                Moment::Served(caller, proves) => {
                    if *at > start {
                        walk.proof.callers.insert(*caller);
                    }
                    walk.add(f64::from(*proves), 0.0, *at);
                }
                Moment::Failed => walk.add(0.0, 1.0, *at),
            }
        }
        walk.proof
    }
}

/// What the sum is made of.
struct Calls {
    moments: Vec<(Timestamp, Moment)>,
    /// Served calls and failures without a mark of their own, by origin.
    served: Vec<Spread>,
    beyond: Vec<Spread>,
}

impl Calls {
    fn of(open: &OpenIncident<'_>, start: Timestamp) -> Self {
        let since = open.incident.since;
        let mut failures: Vec<&Mark> = open.failures().filter(|mark| mark.at >= since).collect();
        failures.sort_unstable();
        let mut ids = HashSet::new();
        failures.retain(|mark| ids.insert(mark.id));
        let operations: BTreeSet<Option<Operation>> = failures.iter().map(|mark| mark.operation).collect();
        // Not every record names its operation.
        let all = operations.is_empty() || operations.contains(&None);
        let proves = |operation: Option<Operation>| all || operation.is_none() || operations.contains(&operation);

        let latest = latest(open.now);
        let ends = open.slots.iter().map(|(begin, _)| begin + SLOT_SECONDS);
        let ends = ends.filter_map(|end| Timestamp::from_second(end).ok()).filter(|end| *end < open.now);
        let served = open.slots.iter().flat_map(|(_, slot)| &slot.served).filter(|call| {
            (since..=latest).contains(&call.at) && !open.view.ledger.left_out.contains_key(&call.caller.to_bits())
        });
        let mut moments: Vec<(Timestamp, Moment)> = failures
            .iter()
            .map(|mark| (mark.at, Moment::Failed))
            .chain(served.map(|call| (call.at, Moment::Served(call.caller, proves(call.operation)))))
            .chain(ends.chain([start, open.now]).filter(|end| *end >= since).map(|end| (end, Moment::Passing)))
            .collect();
        moments.sort_unstable();
        let unmarked = |slot: &Slot, origin: Origin| {
            let of = |(origin_of, operation): &(Origin, Option<Operation>)| *origin_of == origin && proves(*operation);
            let all: u64 = slot.calls.iter().filter(|(key, _)| of(key)).map(|(_, calls)| u64::from(calls.served)).sum();
            let marked = slot.served.iter().filter(|call| of(&(call.origin, call.operation))).count() as u64;
            all.saturating_sub(marked) as f64
        };
        let beyond = |slot: &Slot, origin: Origin| {
            let counts = |mark: &Mark| mark.origin == origin && open.counts(mark);
            open.causes().iter().map(|cause| beyond(slot, *cause, counts)).sum()
        };
        let spread = |count: &dyn Fn(&Slot, Origin) -> f64| {
            let of = |origin| Spread::of(&open.slots, origin, open.now, |slot| count(slot, origin));
            Origin::ALL.into_iter().map(of).collect()
        };
        Self { moments, served: spread(&unmarked), beyond: spread(&beyond) }
    }

    fn between(spreads: &[Spread], from: i64, to: i64) -> f64 {
        if from == to {
            return 0.0;
        }
        spreads.iter().map(|spread| spread.until(to as f64) - spread.until(from as f64)).sum()
    }
}

struct Walk<'a> {
    policy: &'a Policy,
    /// Until then the calls only tell of the outage.
    start: Timestamp,
    /// Calls served and failed since the incident began.
    served: f64,
    failed: f64,
    /// What a served call adds and a failure takes.
    up: f64,
    down: f64,
    proof: Proof,
}

impl Walk<'_> {
    fn new(policy: &Policy, start: Timestamp) -> Walk<'_> {
        let proof =
            Proof { sum: 0.0, zero_at: start, served: 0.0, failed: 0.0, callers: BTreeSet::new(), proved_at: None };
        let mut walk = Walk { policy, start, served: 0.0, failed: 0.0, up: 0.0, down: 0.0, proof };
        walk.weigh();
        walk
    }

    /// Takes q from all calls so far.
    fn weigh(&mut self) {
        let p0 = self.policy.usual_failures;
        let share = low_share(self.failed, self.served + self.failed).clamp(self.policy.outage_failures, SHARE_MAX);
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
            self.weigh();
            self.proof = Self::new(self.policy, at).proof;
            return;
        }
        self.proof.served += served;
        self.proof.failed += failed;
        let policy = self.policy;
        let is_enough = self.proof.sum >= policy.proof_odds.ln()
            // What is spread over time is rarely a whole number.
            && self.proof.served + 1e-6 >= policy.proof_calls as f64
            && self.proof.callers.len() >= policy.proof_callers;
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
    fn a_share_of_few_calls_is_taken_as_less_than_it_looks() {
        let percent = |failed, calls| (100.0 * low_share(failed, calls)).round() as i64;
        let table = [((0.0, 0.0), 0), ((0.0, 50.0), 0), ((1.0, 1.0), 50), ((3.0, 3.0), 75), ((3.0, 12.0), 15)];
        for ((failed, calls), expected) in table {
            assert_eq!(percent(failed, calls), expected, "{failed} of {calls}");
        }
        assert_eq!(percent(50_000.0, 1_000_000.0), 5, "of many it is the share itself");
    }
}
