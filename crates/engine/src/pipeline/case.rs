//! What the stages pass to each other within one invocation.
//!
//! A [`Case`] is an invocation under way: its limits of time, and the [`Draft`] of its answer. [`Work`] is what the
//! batch asks for. Nothing here calls another service or decides anything, except how an invocation ends when a notice
//! could not be sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::Timestamp;
use triage_decide::evidence::Seen;
use triage_decide::objective::Objective;
use triage_decide::probe::ProbeAnswer;
use triage_decide::verdict::Evaluation;
use triage_decide::view::StoreError;
use triage_decode::{Batch, BatchItem, InputKind};
use triage_model::observation::Observation;
use triage_model::problem::{ProblemName, Problems};
use triage_model::region::Region;
use triage_notify::letter::Entry;
use triage_notify::notice::Notice;

use super::classified::ClassifiedFailure;
use super::people::People;
use super::schedule::Schedule;
use crate::answer::{Answer, BatchItemFailure, Counts, FAILURES_LISTED, FailureReport, IncidentReport, NoticeReport};
use crate::error::Error;
use crate::handled::{Call, Handled, Invocation, Measured};
use crate::publish::Published;
use crate::settings::Mode;
use crate::silence::{AcknowledgeAnswer, SilenceAnswer};
use crate::store::Claim;
use crate::test_notice::TestNotice;

/// One invocation under way.
pub struct Case {
    kind: InputKind,
    items: Vec<BatchItem>,
    carries_secrets: bool,
    /// Nothing is published.
    is_shadow: bool,
    /// The name under which notices are claimed.
    pub claim: Claim,
    pub schedule: Schedule,
    pub people: People,
    pub draft: Draft,
}

/// Collected for the answer.
#[derive(Default)]
pub struct Draft {
    pub counts: Counts,
    pub problems: Problems,
    /// The first thing that was not believed, if any.
    pub doubt: Option<String>,
    pub probes: BTreeMap<Region, ProbeAnswer>,
    pub evaluations: BTreeMap<Region, Evaluation>,
    pub objectives: BTreeMap<Region, Objective>,
    pub incidents: Vec<IncidentReport>,
    pub notices: Vec<Notice>,
    pub notice_reports: Vec<NoticeReport>,
    pub not_sent: Vec<NotSent>,
    /// Served calls, where they are listed.
    pub calls: Vec<Call>,
    pub measured: Measured,
    /// Where an operator asked for one.
    pub test_notice: Option<TestNotice>,
    pub silence: Option<SilenceAnswer>,
    pub acknowledge: Option<AcknowledgeAnswer>,
    pub asks_doctor: bool,
}

/// What a batch asks for.
#[derive(Default)]
pub struct Work {
    /// What was seen of each region, until it is recorded.
    pub seen: BTreeMap<Region, Seen>,
    pub probe: BTreeSet<Region>,
    pub evaluate: BTreeSet<Region>,
    /// A tick evaluates everything afresh.
    pub is_tick: bool,
}

/// A notice that could not be sent.
pub struct NotSent {
    pub region: Region,
    pub reason: String,
}

impl Case {
    /// Takes a batch apart: its observations go to the first stage.
    pub fn open(batch: Batch, invocation: &Invocation, mode: Mode) -> (Self, Vec<Observation>) {
        let Batch {
            kind,
            observations,
            arrivals: _,
            old_successes,
            own,
            problems,
            carries_secrets,
            items,
            observations_max: _,
            objects: _,
            request: _,
        } = batch;
        let schedule = Schedule::of(invocation);
        let draft = Draft {
            counts: Counts { success: old_successes, own, ..Counts::default() },
            problems,
            measured: Measured { newest_observation: newest(&observations), ..Measured::default() },
            ..Draft::default()
        };
        let by = format!("{} {:08x}", invocation.id, fastrand::u32(..));
        let claim = Claim { by, until: schedule.stopped_at };
        (
            Self {
                kind,
                items,
                carries_secrets,
                is_shadow: mode == Mode::Shadow,
                claim,
                schedule,
                people: People::default(),
                draft,
            },
            observations,
        )
    }

    pub fn note_store_error(&mut self, trouble: Option<StoreError>) {
        if let Some(error) = trouble {
            self.draft.problems.note(ProblemName::StoreUnavailable, error.to_string());
        }
    }

    /// Whether it is too late to call SSO OIDC; what is left undone becomes a problem.
    pub fn is_late_to_ask(&mut self, left: usize, what: &str) -> bool {
        self.is_past(self.schedule.ask_until, left, what)
    }

    /// Whether it is too late to send notices, too.
    pub fn is_late_to_notify(&mut self, left: usize, what: &str) -> bool {
        self.is_past(self.schedule.deadline, left, what)
    }

    pub fn is_past(&mut self, limit: Instant, left: usize, what: &str) -> bool {
        let late = Instant::now() >= limit;
        if late {
            self.draft.problems.note(ProblemName::Deadline, format!("{left} {what}"));
        }
        late
    }

    /// The notice was sent, or is in the log.
    pub fn published(&mut self, notice: &Notice, published: Published) {
        let draft = &mut self.draft;
        if let Some(why) = published.fallback {
            draft.problems.note(ProblemName::TopicUnreachable, format!("{why}; the fallback topic took the notice"));
        }
        draft.measured.notices_sent += u64::from(published.message_id.is_some());
        draft.measured.would_be_notices += u64::from(self.is_shadow);
        draft.notice_reports.push(NoticeReport::new(notice, published.message_id));
        draft.notices.push(notice.clone());
    }

    /// What is left in a region's outbox.
    pub fn wait(&mut self, pending: &[Entry]) {
        let measured = &mut self.draft.measured;
        measured.notices_pending += pending.len() as u64;
        let made = pending.iter().map(|entry| entry.notice.at);
        measured.oldest_pending = measured.oldest_pending.into_iter().chain(made).min();
    }

    /// Makes the answer. `lists_all`: the caller reads all failures, and not only as many as an answer of the function
    /// holds. A payload may hold more failures than there is memory to describe.
    pub fn close(self, classified: Vec<ClassifiedFailure>, lists_all: bool) -> Handled {
        let batch_item_failures = self.is_answered_by_item().then(|| self.to_be_delivered_again(&classified));
        let is_answered_by_item = self.is_answered_by_item();
        let Self { kind, carries_secrets, draft, .. } = self;
        let Draft {
            mut counts,
            mut problems,
            doubt: _,
            probes,
            evaluations,
            objectives,
            incidents,
            notices,
            notice_reports,
            not_sent,
            mut calls,
            measured,
            test_notice,
            silence,
            acknowledge,
            asks_doctor,
        } = draft;
        if lists_all {
            calls.extend(classified.iter().filter_map(ClassifiedFailure::call));
        }
        classified.iter().for_each(|one| counts.add(one.class.cause, one.duplicate));
        for lost in &not_sent {
            problems.note(ProblemName::NoticeNotPublished, &lost.reason);
        }
        let all = classified.len();
        let listed = classified.into_iter().enumerate();
        let is_listed =
            |(index, one): &(usize, ClassifiedFailure)| lists_all || *index < FAILURES_LISTED || one.retried.is_some();
        let failures: Vec<FailureReport> = listed.filter(is_listed).map(|(_, one)| one.report(kind)).collect();
        let answer = Answer {
            omitted: all - failures.len(),
            failures,
            counts,
            problems,
            incidents,
            notices: notice_reports,
            batch_item_failures,
            test_notice,
            silence,
            acknowledge,
            doctor: None,
        };
        // A payload with secrets must not come to rest in the failure queue; of a batch only some items are delivered
        // again. In both cases the claim is released, so the next failure of the region sends the notice.
        let error = not_sent
            .first()
            .filter(|_| !is_answered_by_item && !carries_secrets)
            .map(|first| Error::NotNotified { count: not_sent.len(), reason: first.reason.clone() });
        Handled { kind, answer, probes, evaluations, objectives, notices, calls, measured, asks_doctor, error }
    }

    /// Whether Lambda reads from the answer which part of a batch is to come again.
    fn is_answered_by_item(&self) -> bool {
        matches!(self.kind, InputKind::Sqs | InputKind::Kinesis)
    }

    /// The items that were not read in time, and those with a failure that made a notice which could not be sent; all of
    /// them where no failure made it. A message with secrets is among them: it comes again out of its sender's own queue,
    /// and not into the failure queue. What cannot be read at all is not among them: it would be no better the next time.
    fn to_be_delivered_again(&self, classified: &[ClassifiedFailure]) -> Vec<BatchItemFailure> {
        let Draft { not_sent, evaluations, .. } = &self.draft;
        let made = |one: &ClassifiedFailure, lost: &NotSent| {
            evaluations.get(&lost.region).is_some_and(|evaluation| {
                evaluation.verdicts().any(|verdict| one.concerns(&lost.region, verdict.concern.key()))
            })
        };
        let concerned = classified.iter().filter(|one| not_sent.iter().any(|lost| made(one, lost)));
        let positions: Vec<usize> = concerned.map(|one| one.position).collect();
        let made_by_none = !not_sent.is_empty() && positions.is_empty();
        // A stream is read in order: Lambda goes back to the first, and everything behind it comes again.
        let at_most = if self.kind == InputKind::Kinesis { 1 } else { usize::MAX };
        self.items
            .iter()
            .filter(|item| {
                let made = || positions.iter().any(|position| item.observations.contains(position));
                item.is_unread || made_by_none || made()
            })
            .take(at_most)
            .map(|item| BatchItemFailure { item_identifier: item.id.clone() })
            .collect()
    }
}

/// When the newest call of a batch failed or succeeded. Archived events are old because someone wants to replay them.
fn newest(observations: &[Observation]) -> Option<Timestamp> {
    let called_at = |observation: &Observation| match observation {
        Observation::Failure(failure) => (!failure.replayed).then_some(failure.occurred_at),
        Observation::Success(success) => (!success.replayed).then_some(success.occurred_at),
        Observation::HealthIssue(_) | Observation::Tick(_) => None,
    };
    observations.iter().filter_map(called_at).max()
}
