//! One run through a history, under one policy.
//!
//! In: observations in the order in which they are due. Out: what the pipeline makes of each second, and of a tick every minute between.
//! The clock is theirs: the latest time so far at which one was due.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::policy::Policy;
use triage_decode::batch::{Batch, InputKind};
use triage_engine::answer::IncidentState;
use triage_engine::handled::{Handled, Invocation};
use triage_engine::memory::MemoryStore;
use triage_engine::pipeline::Pipeline;
use triage_engine::service::Nobody;
use triage_engine::tool::tool;
use triage_model::classify::{Cause, classify};
use triage_model::observation::{Observation, Tick};
use triage_model::time::{before, later};

use crate::replay::reading::Due;

/// A minute of the events' time.
const TICK: Duration = Duration::from_secs(60);

/// After an event the clock runs on for at most this long: after the last one until nothing is open, and before the
/// next one, lest a year without events (or one event with a wrong year) cost half a million ticks.
const RUN_ON: Duration = Duration::from_secs(24 * 60 * 60);

/// One run.
///
/// Several policies may share it as long as they make no difference, and it may be [forked](Life::fork) when they begin to.
pub struct Life {
    pipeline: Pipeline<MemoryStore, Nobody, Nobody>,
    clock: Option<Clock>,
    /// What is due in one second and is not evaluated yet. Other lives wait with the same.
    gathered: Vec<Rc<Due>>,
    /// Incidents that are open.
    open: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Clock {
    now: Timestamp,
    next_tick: Timestamp,
}

/// What became of one second, or of a tick.
#[derive(Debug)]
pub struct Moment {
    pub at: Timestamp,
    /// Of each failure in `handled`, by what tool the call was made.
    pub tools: Vec<Option<String>>,
    pub handled: Handled,
}

impl Life {
    pub fn new(pipeline: Pipeline<MemoryStore, Nobody, Nobody>) -> Self {
        Self { pipeline, clock: None, gathered: Vec::new(), open: BTreeSet::new() }
    }

    /// Another one that has lived through the same, and goes on under another policy.
    pub fn fork(&self, policy: Policy) -> Self {
        let Self { pipeline, clock, gathered, open } = self;
        let pipeline = pipeline.fork(policy);
        Self { pipeline, clock: clock.clone(), gathered: gathered.clone(), open: open.clone() }
    }

    /// Whether how many callers make an outage, and how many false pages are borne, made no difference so far, and makes
    /// none when that is evaluated as well.
    pub fn stays_calm_with(&self, next: Option<&Due>) -> bool {
        let gathered = self.gathered.iter().map(Rc::as_ref);
        let refusals = gathered.chain(next).map(|due| self.refusals(due)).sum::<Option<usize>>();
        self.open.is_empty() && refusals.is_some_and(|refusals| self.pipeline.is_calm(refusals))
    }

    /// Whether the two have come to the same, so that under one policy they would go on alike.
    pub fn is_as_far_as(&self, other: &Self) -> bool {
        let state = |life: &Self| (life.clock.clone(), life.open.clone());
        state(self) == state(other) && self.gathered == other.gathered && self.pipeline.is_as_far_as(&other.pipeline)
    }

    /// Whether it is no more than the mistake of a caller.
    pub fn is_harmless(&self, due: &Due) -> bool {
        self.refusals(due).is_some()
    }

    /// How many refusals that is; None where it may be more than the mistake of a caller.
    fn refusals(&self, due: &Due) -> Option<usize> {
        let now = self.clock.as_ref().map_or(due.at, |clock| clock.now.max(due.at));
        // What comes that late may be reported as late.
        let is_fresh = |at: Timestamp| at > before(now, self.pipeline.settings.policy.evidence / 2);
        match &due.observation {
            Observation::Success(_) | Observation::Tick(_) => Some(0),
            Observation::HealthIssue(_) => None,
            Observation::Failure(failure) => match classify(&**failure).cause {
                _ if !is_fresh(failure.occurred_at) => None,
                Cause::Expected | Cause::Throttled => Some(0),
                Cause::Request => Some(1),
                Cause::Admin | Cause::Service | Cause::Unreachable | Cause::Unrecognised => None,
            },
        }
    }

    /// Takes the next observation. Nothing is evaluated before its second is over.
    pub fn see(&mut self, due: Rc<Due>) -> Vec<Moment> {
        let is_over = self.gathered.first().is_some_and(|first| self.are_apart(first.at, due.at));
        let moments = if is_over { self.evaluate_gathered() } else { Vec::new() };
        self.gathered.push(due);
        moments
    }

    /// Whether two observations are evaluated one after the other. While an incident is open, what is seen is gathered for some
    /// seconds, as the function does.
    fn are_apart(&self, first: Timestamp, next: Timestamp) -> bool {
        let is_ticked = self.clock.as_ref().is_some_and(|clock| clock.next_tick <= next);
        let together = if self.open.is_empty() { Duration::ZERO } else { self.pipeline.settings.policy.gather };
        first.as_second() != next.as_second() && (is_ticked || later(first, together) <= next)
    }

    /// Evaluates what is left, and runs on until nothing is open.
    pub fn end(&mut self) -> Vec<Moment> {
        let mut moments = self.evaluate_gathered();
        if let Some(last) = moments.last_mut() {
            last.handled.objectives = self.pipeline.objectives(last.at);
        }
        let Some(end) = self.clock.as_ref().map(|clock| later(clock.now, RUN_ON)) else { return moments };
        while !self.open.is_empty()
            && let Some(tick) = self.tick_before(end)
        {
            moments.push(tick);
        }
        moments
    }

    /// Evaluates what is due in the second that is not over yet, and the ticks before it.
    pub fn evaluate_gathered(&mut self) -> Vec<Moment> {
        let mut moments = Vec::new();
        let gathered = std::mem::take(&mut self.gathered);
        let Some(latest) = gathered.iter().map(|due| due.at).max() else { return moments };
        let clock = self.clock.get_or_insert_with(|| Clock { now: latest, next_tick: later(latest, TICK) });
        let run_on_until = later(clock.now, RUN_ON);
        let now = clock.now.max(latest);
        clock.now = now;
        while let Some(tick) = self.tick_before(now.min(run_on_until)) {
            moments.push(tick);
        }
        if let Some(clock) = &mut self.clock
            && clock.next_tick < now
        {
            clock.next_tick = later(now, TICK);
        }
        let own = |due| Rc::try_unwrap(due).unwrap_or_else(|shared| Due::clone(&shared)).observation;
        let observations = gathered.into_iter().map(own).collect();
        moments.push(self.evaluate(observations, now, InputKind::Unknown));
        moments
    }

    /// The next tick at which anything is to be decided, if it is before that.
    fn tick_before(&mut self, end: Timestamp) -> Option<Moment> {
        loop {
            let clock = self.clock.as_mut().filter(|clock| clock.next_tick < end)?;
            let at = clock.next_tick;
            clock.next_tick = later(at, TICK);
            if !self.pipeline.pass_tick(at) {
                return Some(self.evaluate(vec![Observation::Tick(Tick { occurred_at: at })], at, InputKind::Schedule));
            }
        }
    }

    fn evaluate(&mut self, observations: Vec<Observation>, now: Timestamp, kind: InputKind) -> Moment {
        let tools = observations.iter().filter_map(tool_of).collect();
        let mut batch = Batch::new(kind);
        batch.observations = observations;
        // Nothing is asked, so nothing waits and no deadline is near.
        let invocation =
            Invocation { id: "replay".to_owned(), invoked_arn: String::new(), now, deadline: Instant::now() + TICK };
        let handled = self.pipeline.evaluate_at_once(batch, &invocation);
        for incident in &handled.answer.incidents {
            match incident.state {
                IncidentState::Open => self.open.insert(incident.id.clone()),
                IncidentState::Resolved => self.open.remove(&incident.id),
            };
        }
        Moment { at: now, tools, handled }
    }
}

/// Of a failure its tool, if it has one; None for everything else.
fn tool_of(observation: &Observation) -> Option<Option<String>> {
    match observation {
        Observation::Failure(failure) => Some(failure.user_agent.as_deref().and_then(tool)),
        Observation::Success(_) | Observation::HealthIssue(_) | Observation::Tick(_) => None,
    }
}
