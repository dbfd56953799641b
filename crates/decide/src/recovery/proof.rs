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
        let course = Course::of(open, start);
        let mut walk = Walk::new(open.policy, start);
        let mut second = known.as_second();
        for (at, moment) in &course.moments {
            let to = at.as_second().max(second);
            let (served, failed) = course.unmarked(second, to);
            walk.add(served, failed, *at);
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

/// What occurred in an incident: what the sum is made of.
struct Course {
    /// In order of time.
    moments: Vec<(Timestamp, Moment)>,
    /// Served calls and failures without a mark of their own, by origin.
    unmarked_served: Vec<Spread>,
    unmarked_failed: Vec<Spread>,
}

impl Course {
    fn of(open: &OpenIncident<'_>, start: Timestamp) -> Self {
        let failures = distinct_failures(open);
        let operations = FailedOperations(failures.iter().map(|mark| mark.operation).collect());
        Self {
            moments: moments(open, start, &failures, &operations),
            unmarked_served: by_origin(open, |slot, origin| unmarked_served(slot, origin, &operations)),
            unmarked_failed: by_origin(open, |slot, origin| unmarked_failed(open, slot, origin)),
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

/// The failures of the incident, in order of time, each once.
fn distinct_failures<'a>(open: &'a OpenIncident<'_>) -> Vec<&'a Mark> {
    let mut failures: Vec<&Mark> = open.failures().filter(|mark| mark.at >= open.incident.since).collect();
    failures.sort_unstable();
    let mut ids = HashSet::new();
    failures.retain(|mark| ids.insert(mark.id));
    failures
}

/// The operations that failed in an incident.
struct FailedOperations(BTreeSet<Option<Operation>>);

impl FailedOperations {
    /// Whether a served call of that operation proves anything. Not every record names its operation.
    fn are_proved_by(&self, operation: Option<Operation>) -> bool {
        let may_be_all = self.0.is_empty() || self.0.contains(&None);
        may_be_all || operation.is_none() || self.0.contains(&operation)
    }
}

fn moments(
    open: &OpenIncident<'_>,
    start: Timestamp,
    failures: &[&Mark],
    operations: &FailedOperations,
) -> Vec<(Timestamp, Moment)> {
    let span = open.incident.since..=latest(open.now);
    let failed = failures.iter().map(|mark| (mark.at, Moment::Failed));
    let served = open.slots.iter().flat_map(|(_, slot)| &slot.served);
    let served = served.filter(|call| span.contains(&call.at) && !open.view.ledger.is_left_out(call.caller));
    let served = served.map(|call| (call.at, Moment::Served(call.caller, operations.are_proved_by(call.operation))));
    let slot_ends = open.slots.iter().filter_map(|(begin, _)| Timestamp::from_second(begin + SLOT_SECONDS).ok());
    let passing = slot_ends.filter(|end| *end < open.now).chain([start, open.now]);
    let passing = passing.filter(|at| at >= span.start()).map(|at| (at, Moment::Passing));
    let mut moments: Vec<(Timestamp, Moment)> = failed.chain(served).chain(passing).collect();
    moments.sort_unstable();
    moments
}

fn by_origin(open: &OpenIncident<'_>, count: impl Fn(&Slot, Origin) -> f64) -> Vec<Spread> {
    let of = |origin| Spread::of(&open.slots, origin, open.now, |slot| count(slot, origin));
    Origin::ALL.into_iter().map(of).collect()
}

fn unmarked_served(slot: &Slot, origin: Origin, operations: &FailedOperations) -> f64 {
    let counts = |of: Origin, operation| of == origin && operations.are_proved_by(operation);
    let all = slot.calls.iter().filter(|((of, operation), _)| counts(*of, *operation));
    let all: u64 = all.map(|(_, calls)| u64::from(calls.served)).sum();
    let marked = slot.served.iter().filter(|call| counts(call.origin, call.operation)).count() as u64;
    all.saturating_sub(marked) as f64
}

fn unmarked_failed(open: &OpenIncident<'_>, slot: &Slot, origin: Origin) -> f64 {
    let counts = |mark: &Mark| mark.origin == origin && open.counts(mark);
    open.causes().iter().map(|cause| beyond(slot, *cause, counts)).sum()
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
