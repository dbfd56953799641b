//! Sending what is in the outbox.
//!
//! In: a region with its view. Out: in the [`Case`] the notices that were published and what went wrong. A notice that
//! could not be sent stays in the outbox, and the next invocation after its retry time tries again. Only where the
//! outbox does not outlive the sandbox does the invocation end in an error, so that its event comes again.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::verdict::Severity;
use triage_decide::view::View;
use triage_model::problem::ProblemName;
use triage_model::region::Region;
use triage_model::time::{before, later};
use triage_notify::letter::{Channel, Entry};
use triage_notify::notice::Notice;
use triage_notify::outbox::{Delivery, due, pause_after};

use super::case::{Case, NotSent};
use super::parts::Pipeline;
use crate::directory::Directory;
use crate::publish::{Publish, PublishError, Published};
use crate::service::Service;
use crate::store::{At, Settled, Store};

/// How long a notice to a program or a paging service is retried. People are notified however late it is.
const GIVEN_UP: Duration = Duration::from_secs(24 * 60 * 60);

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// Publishes until nothing is due.
    pub(super) async fn deliver(&self, region: &Region, view: &View, case: &mut Case) {
        if view.sent_below >= view.ledger.next_position {
            return;
        }
        loop {
            let pending = match self.store.pending(region, view, case.schedule.to_notify()).await {
                Ok(pending) => pending,
                Err(error) => return case.note_store_error(Some(error)),
            };
            self.give_up(region, &pending, case).await;
            let due = due(&pending, case.schedule.now);
            let late = !due.is_empty() && case.is_late_to_notify(due.len(), "notices wait in the outbox");
            let mut any_sent = false;
            for delivery in due.into_iter().filter(|_| !late) {
                any_sent |= self.send(region, delivery, case).await;
            }
            // The notice behind one that was sent may be due now.
            if !any_sent {
                return case.wait(&pending);
            }
        }
    }

    /// After a day a notice is of no use to a program or paging service, and would block the ones behind it for ever.
    async fn give_up(&self, region: &Region, pending: &[Entry], case: &mut Case) {
        let at = case.schedule.to_notify();
        let oldest = before(at.now, GIVEN_UP);
        let old = pending.iter().filter(|entry| entry.channel != Channel::Topic && entry.notice.at < oldest);
        for entry in old {
            if let Ok(Some(_)) = self.store.claim(region, entry.position, &case.claim, at).await {
                let settled = Settled::Sent { at: at.now, message_id: None };
                let done = self.store.settle(region, entry.position, &case.claim.by, &settled, at).await;
                case.note_store_error(done.err());
                let what = format!("{} of the {} could not be sent for a day", entry.notice.id, entry.channel.as_str());
                case.draft.problems.note(ProblemName::NoticeGivenUp, what);
            }
        }
    }

    /// Claims, publishes and settles. False if another one claimed it, it could not be sent, or it must wait.
    async fn send(&self, region: &Region, delivery: Delivery, case: &mut Case) -> bool {
        let at = case.schedule.to_notify();
        let mut attempts = 0;
        for position in &delivery.positions {
            match self.store.claim(region, *position, &case.claim, at).await {
                Ok(Some(entry)) => attempts = attempts.max(entry.attempts),
                // Another invocation is sending it. What was claimed before it comes back by time.
                Ok(None) => return false,
                Err(error) => {
                    case.note_store_error(Some(error));
                    return false;
                }
            }
        }
        // Without a network no time passes: a replay gives the same result each time.
        let now = if self.publisher.is_some() { case.schedule.clock() } else { at.now };
        let asked = At { now, ..at };
        if let Some(not_before) = self.must_wait(&delivery, asked, case).await {
            self.settle(region, &delivery, &Settled::HeldBack { not_before }, case).await;
            return false;
        }
        let notice = self.with_names(&delivery.notice, case).await;
        let published = self.publish(delivery.channel, &notice, at.until).await;
        if published.is_err() && delivery.channel == Channel::Topic {
            // Else the admission would hold it back later, though nothing was sent.
            let retracted = self.store.retract(&delivery.group(), asked).await;
            case.note_store_error(retracted.err());
        }
        let settled = match &published {
            Ok(published) => Settled::Sent { at: at.now, message_id: published.message_id.clone() },
            Err(_) => Settled::Failed { not_before: self.again_at(attempts, case.schedule.clock()) },
        };
        // Not settled, it is published once more when the claim has passed: the one duplicate that may happen.
        self.settle(region, &delivery, &settled, case).await;
        match published {
            Ok(published) => {
                if delivery.channel == Channel::Topic {
                    case.published(&notice, published);
                }
                true
            }
            Err(error) if self.store.is_durable() => {
                case.draft.measured.notices_failed += 1;
                case.draft.problems.note(ProblemName::NoticePending, format!("{error}; it waits in the outbox"));
                false
            }
            Err(error) => {
                case.draft.measured.notices_failed += 1;
                case.draft.not_sent.push(NotSent { region: region.clone(), reason: error.to_string() });
                if delivery.channel == Channel::Topic {
                    case.draft.notices.push(notice);
                }
                false
            }
        }
    }

    /// Until when people get no more notices, so that a storm does not flood them. If the store cannot say, the notice
    /// is sent: better one too many than one too few.
    async fn must_wait(&self, delivery: &Delivery, at: At, case: &mut Case) -> Option<Timestamp> {
        // Without a table a notice that waits is lost with the sandbox. (Where nothing is published, nothing is lost.)
        let may_wait = self.store.is_durable() || self.publisher.is_none();
        if delivery.channel != Channel::Topic || !may_wait {
            return None;
        }
        let is_page = delivery.notice.severity == Severity::Page;
        match self.store.admit(&delivery.group(), is_page, &self.settings.policy, at).await {
            Ok(Ok(())) => None,
            Ok(Err(not_before)) => {
                case.draft
                    .problems
                    .note(ProblemName::NoticeHeldBack, format!("people got enough notices until {not_before}"));
                Some(not_before)
            }
            Err(error) => {
                case.note_store_error(Some(error));
                None
            }
        }
    }

    /// In order, and only as long as the store accepts it: what is left is the end of what was sent as one, so that it
    /// is sent again under the same sequence, and never an earlier notice by itself.
    async fn settle(&self, region: &Region, delivery: &Delivery, settled: &Settled, case: &mut Case) {
        for position in &delivery.positions {
            if let Err(error) =
                self.store.settle(region, *position, &case.claim.by, settled, case.schedule.to_notify()).await
            {
                return case.note_store_error(Some(error));
            }
        }
    }

    /// When a notice that was not taken is tried again: at once where only the redelivered event can do it.
    fn again_at(&self, attempts: u32, now: Timestamp) -> Timestamp {
        if self.store.is_durable() {
            later(now, pause_after(attempts, self.settings.policy.publish_again))
        } else {
            now
        }
    }

    /// Publishes a notice; without a channel it goes to the log line.
    pub(super) async fn publish(
        &self,
        channel: Channel,
        notice: &Notice,
        deadline: Instant,
    ) -> Result<Published, PublishError> {
        let Some(publisher) = &self.publisher else { return Ok(Published { message_id: None, fallback: None }) };
        publisher.publish(channel, notice, deadline.saturating_duration_since(Instant::now())).await
    }
}
