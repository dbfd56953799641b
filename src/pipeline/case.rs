//! What the stages hand to each other within one invocation: each failure on its way, and what gathers for the answer.
//!
//! In: a decoded batch, then what each stage found. Out: [`Handled`]. Nothing here asks anyone or decides anything but
//! what an invocation must end in when a notice was not taken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{DEADLINE_MARGIN, Handled, Invocation, Measured};
use crate::classify::{Cause, Class, Retry};
use crate::config::Mode;
use crate::diagnose::{Concern, SERVICE_CAUSES, Verdict};
use crate::error::Error;
use crate::event::problem::{Problems, STORE_UNAVAILABLE};
use crate::event::{Batch, Kind, SqsMessage};
use crate::evidence::{Seen, later};
use crate::notify::Notice;
use crate::notify::publish::{ATTEMPT_TIMEOUT, Published};
use crate::observation::{Failure, Observation, Operation};
use crate::oidc::ProbeAnswer;
use crate::region::Region;
use crate::report::{Action, Answer, BatchItemFailure, Counts, FailureReport, IncidentReport, NoticeReport, Outcome};
use crate::store::{Entry, StoreError};

/// One failure on its way through the stages.
pub struct Judged {
    pub failure: Box<Failure>,
    pub class: Class,
    pub report: FailureReport,
    /// Recent enough, and of a region that exists: it may be acted on.
    pub live: bool,
    /// Too old to be evidence, but delivered now: it may be told of as late.
    pub late: bool,
    /// Seen before: it drives the decision, but is not counted again.
    pub duplicate: bool,
    /// Which observation of the batch it was.
    pub position: usize,
}

impl Judged {
    pub fn is_service_failure(&self) -> bool {
        self.live && SERVICE_CAUSES.contains(&self.class.cause)
    }

    pub fn is_cured(&self) -> bool {
        self.report.outcome == Some(Outcome::Recovered)
    }

    /// Whether it is of the kind that a verdict on that region is about.
    pub fn troubles(&self, region: &Region, concern: &Concern) -> bool {
        let fits = match concern {
            Concern::Service => SERVICE_CAUSES.contains(&self.class.cause),
            Concern::Admin { .. } => self.class.cause == Cause::Admin,
            Concern::Request { .. } => self.class.cause == Cause::Request,
        };
        fits && (self.live || self.late) && self.failure.region.as_ref() == Some(region)
    }

    /// Whether it is worth a mark: everything but normal traffic.
    pub fn is_evidence(&self) -> bool {
        self.class.cause != Cause::Expected
    }

    /// What is done about it before anything is asked.
    pub fn first_action(&self) -> Action {
        match self.class.cause {
            _ if self.duplicate => Action::Duplicate,
            _ if !self.live => Action::Ignored,
            Cause::Expected => Action::Ignored,
            Cause::Request | Cause::Admin => Action::Advised,
            Cause::Throttled | Cause::Service | Cause::Unreachable | Cause::Unrecognised => Action::Recorded,
        }
    }

    /// Whether its call can be made again. Not CreateTokenWithIAM: it would sign as us.
    pub fn is_repeatable(&self) -> bool {
        self.live
            && self.class.retry != Retry::Never
            && self.failure.request.is_some()
            && self.failure.operation != Some(Operation::CreateTokenWithIam)
    }

    /// AuthorizationPending is an answer to a call that the service served.
    pub fn proves_service(&self) -> bool {
        self.live && self.class.cause == Cause::Expected && self.failure.code.as_deref().is_some_and(is_pending)
    }
}

/// Whether a code is AuthorizationPending, in either spelling.
pub fn is_pending(code: &str) -> bool {
    code.replace('_', "").to_ascii_lowercase().starts_with("authorizationpending")
}

/// A notice that nobody took.
pub struct Untold {
    pub region: Region,
    pub reason: String,
}

/// What gathers on the way to an answer.
pub struct Case {
    pub kind: Kind,
    pub now: Timestamp,
    pub started: Instant,
    /// When all work must have stopped.
    pub deadline: Instant,
    /// Whose claims are ours, and when we have certainly stopped.
    pub claimant: String,
    pub stopped_at: Timestamp,
    /// Nothing is published.
    pub is_shadow: bool,
    /// A tick looks at everything afresh.
    pub is_tick: bool,
    pub counts: Counts,
    pub problems: Problems,
    /// No call to SSO OIDC lasts longer than this: what is left then belongs to the store and SNS.
    pub ask_until: Instant,
    /// No call to the store lasts longer than this before people are told: what is left then is SNS's.
    pub decide_until: Instant,
    pub seen: BTreeMap<Region, Seen>,
    pub to_probe: BTreeSet<Region>,
    pub to_judge: BTreeSet<Region>,
    pub probes: BTreeMap<Region, ProbeAnswer>,
    pub verdicts: BTreeMap<Region, Verdict>,
    pub incidents: Vec<IncidentReport>,
    pub notices: Vec<Notice>,
    pub notice_reports: Vec<NoticeReport>,
    pub untold: Vec<Untold>,
    pub measured: Measured,
    messages: Vec<SqsMessage>,
    carries_secrets: bool,
}

impl Case {
    /// Takes over all of a batch but its observations.
    pub fn new(batch: &mut Batch, invocation: &Invocation, mode: Mode) -> Self {
        Self {
            kind: batch.kind,
            now: invocation.now,
            started: Instant::now(),
            deadline: invocation.deadline,
            claimant: format!("{} {:08x}", invocation.id, fastrand::u32(..)),
            stopped_at: stopped_at(invocation),
            is_shadow: mode == Mode::Shadow,
            is_tick: false,
            counts: Counts { success: batch.old_successes, own: batch.own, ..Counts::default() },
            problems: std::mem::take(&mut batch.problems),
            ask_until: sooner(invocation.deadline, ATTEMPT_TIMEOUT, 4),
            decide_until: sooner(invocation.deadline, ATTEMPT_TIMEOUT / 2, 8),
            seen: BTreeMap::new(),
            to_probe: BTreeSet::new(),
            to_judge: BTreeSet::new(),
            probes: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            incidents: Vec::new(),
            notices: Vec::new(),
            notice_reports: Vec::new(),
            untold: Vec::new(),
            measured: Measured { newest_observation: newest(&batch.observations), ..Measured::default() },
            messages: std::mem::take(&mut batch.messages),
            carries_secrets: batch.carries_secrets,
        }
    }

    /// What time it has become.
    pub fn clock(&self) -> Timestamp {
        later(self.now, self.started.elapsed())
    }

    pub fn troubled_by(&mut self, trouble: Option<StoreError>) {
        if let Some(error) = trouble {
            self.problems.note(STORE_UNAVAILABLE, error.to_string());
        }
    }

    /// Whether the time for asking is over; what is left undone is named.
    pub fn is_late(&mut self, left: usize, what: &str) -> bool {
        self.is_past(self.ask_until, left, what)
    }

    /// Whether the time for telling is over, too.
    pub fn is_late_to_tell(&mut self, left: usize, what: &str) -> bool {
        self.is_past(self.deadline, left, what)
    }

    pub fn is_past(&mut self, limit: Instant, left: usize, what: &str) -> bool {
        let late = Instant::now() >= limit;
        if late {
            self.problems.note("deadline", format!("{left} {what}"));
        }
        late
    }

    /// People were told of it, or the log is.
    pub fn published(&mut self, notice: &Notice, published: Published) {
        if let Some(why) = published.fallback {
            self.problems.note("topic_unreachable", format!("{why}; the fallback topic took the notice"));
        }
        self.measured.notices_sent += u64::from(published.message_id.is_some());
        self.measured.would_be_notices += u64::from(self.is_shadow);
        self.notice_reports.push(NoticeReport::new(notice, published.message_id));
        self.notices.push(notice.clone());
    }

    /// What is left in a region's outbox.
    pub fn wait(&mut self, pending: &[Entry]) {
        self.measured.notices_pending += pending.len() as u64;
        let made = pending.iter().map(|entry| entry.notice.at);
        self.measured.oldest_pending = self.measured.oldest_pending.into_iter().chain(made).min();
    }

    pub fn close(mut self, judged: Vec<Judged>) -> Handled {
        judged.iter().for_each(|one| self.counts.add(one.class.cause, one.duplicate));
        for lost in &self.untold {
            self.problems.note("notice_not_published", &lost.reason);
        }
        let batch_item_failures = (self.kind == Kind::Sqs).then(|| self.to_be_delivered_again(&judged));
        let answer = Answer {
            failures: judged.into_iter().map(|one| one.report).collect(),
            omitted: 0,
            counts: self.counts,
            problems: self.problems,
            incidents: self.incidents,
            notices: self.notice_reports,
            batch_item_failures,
        };
        // A payload that carries secrets must not come to rest in the failure queue; an SQS batch says which messages
        // are to come again. In both cases the claim is given back, so the next failure of the region is told.
        let error = self
            .untold
            .first()
            .filter(|_| self.kind != Kind::Sqs && !self.carries_secrets)
            .map(|first| Error::NotTold { count: self.untold.len(), reason: first.reason.clone() });
        Handled {
            kind: self.kind,
            answer,
            probes: self.probes,
            verdicts: self.verdicts,
            notices: self.notices,
            measured: self.measured,
            error,
        }
    }

    /// The messages with a failure that made a notice which nobody took; all of them where it was made by none. One with
    /// secrets is among them: it comes again out of its sender's own queue, and not into the failure queue.
    fn to_be_delivered_again(&self, judged: &[Judged]) -> Vec<BatchItemFailure> {
        let concerned = |one: &Judged| {
            let of_it = |lost: &Untold| {
                self.verdicts.get(&lost.region).is_some_and(|verdict| one.troubles(&lost.region, &verdict.concern))
            };
            self.untold.iter().any(of_it)
        };
        let positions: Vec<usize> = judged.iter().filter(|one| concerned(one)).map(|one| one.position).collect();
        let made_by_none = !self.untold.is_empty() && positions.is_empty();
        self.messages
            .iter()
            .filter(|message| made_by_none || positions.iter().any(|position| message.observations.contains(position)))
            .map(|message| BatchItemFailure { item_identifier: message.id.clone() })
            .collect()
    }
}

/// When the newest call of a batch failed or succeeded. What comes out of an archive is old because somebody wants it so.
fn newest(observations: &[Observation]) -> Option<Timestamp> {
    let called_at = |observation: &Observation| match observation {
        Observation::Failure(failure) => (!failure.replayed).then_some(failure.occurred_at),
        Observation::Success(success) => (!success.replayed).then_some(success.occurred_at),
        Observation::HealthIssue(_) | Observation::Tick(_) => None,
    };
    observations.iter().filter_map(called_at).max()
}

/// How long after its deadline an invocation has certainly stopped.
const STOP_MARGIN: Duration = Duration::from_secs(5);

fn stopped_at(invocation: &Invocation) -> Timestamp {
    let left = invocation.deadline.saturating_duration_since(Instant::now()) + DEADLINE_MARGIN + STOP_MARGIN;
    later(invocation.now, left)
}

/// So much sooner than the deadline, but by no more than that part of the time that is left.
fn sooner(deadline: Instant, by: Duration, part: u32) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline.checked_sub(by.min(left / part)).unwrap_or(deadline)
}

/// When a caller whose call was cured was served: now, though a clock that is ahead says that it failed later.
pub fn served_at(failure: &Failure, now: Timestamp) -> Timestamp {
    failure.occurred_at.max(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_left_to_decide_and_more_to_tell() {
        let left = |seconds: u64, part| {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            (deadline - sooner(deadline, ATTEMPT_TIMEOUT, part)).as_secs_f64().round() as u64
        };
        assert_eq!((left(28, 4), left(60, 8)), (5, 5), "what SNS may need");
        assert_eq!((left(4, 4), left(8, 8), left(0, 4)), (1, 1, 0), "or a part of what there is");
    }
}
