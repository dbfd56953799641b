//! Trust applied: the part of a source's evidence that counts.
//!
//! In: a batch, its earlier fill level, and the [`Source`] of everything after it. Out: the batch with only the
//! evidence that this source may give, and a problem where it gave more.

use triage_model::observation::{Observation, Origin};
use triage_model::problem::ProblemName;
use triage_model::trust::{Belief, Evidence, Source};

use crate::batch::Batch;

/// A batch's fill level.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    observations: usize,
    old_successes: u64,
}

impl Batch {
    pub fn so_far(&self) -> Before {
        Before { observations: self.observations.len(), old_successes: self.old_successes }
    }

    /// Goes through everything since then: keeps the evidence its source may give, weakens or drops the rest, and notes
    /// a problem. `what` names the source and the setting that would trust it.
    pub fn believe(&mut self, before: Before, source: Source, what: impl Fn() -> String) {
        // In place: the observations may fill a payload's memory.
        let (mut kept, mut doubted) = (before.observations, 0);
        for index in before.observations..self.observations.len() {
            let observation = &mut self.observations[index];
            let belief = source.belief(evidence_of(observation));
            doubted += u64::from(matches!(belief, Belief::Refused | Belief::AnswerOnly));
            match (belief, observation) {
                (Belief::Refused, _) => continue,
                (Belief::AsLog, Observation::Failure(failure)) => failure.origin = Origin::Logs,
                (Belief::AnswerOnly, Observation::Failure(failure)) => failure.answer_only = true,
                (Belief::AnswerOnly, Observation::Success(success)) => success.answer_only = true,
                (Belief::Full | Belief::AsLog | Belief::AnswerOnly, _) => {}
            }
            self.observations.swap(kept, index);
            if kept < self.arrivals.len() {
                self.arrivals[kept] = self.arrivals.get(index).copied().flatten();
            }
            kept += 1;
        }
        self.observations.truncate(kept);
        self.arrivals.truncate(kept);
        let old = self.old_successes - before.old_successes;
        if source.belief(Evidence::Served) == Belief::Refused {
            doubted += old;
            self.old_successes = before.old_successes;
        }
        if doubted > 0 {
            self.problems.note(ProblemName::SourceNotBelieved, what());
        }
    }
}

fn evidence_of(observation: &Observation) -> Evidence {
    match observation {
        Observation::Failure(failure) => match failure.origin {
            Origin::CloudTrail => Evidence::TrailFailure,
            Origin::Logs => Evidence::LogFailure,
            Origin::Call => Evidence::CallFailure,
        },
        Observation::Success(_) => Evidence::Served,
        Observation::HealthIssue(_) => Evidence::HealthIssue,
        Observation::Tick(_) => Evidence::Tick,
    }
}
