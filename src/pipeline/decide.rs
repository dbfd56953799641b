//! From evidence to a step that is taken, or to a notice of one's own where the store cannot be had.
//!
//! In: the regions to judge. Out: in the [`Case`] the verdicts, incidents, notices and problems. Whoever decides does so
//! from a version of the ledger; of all who decide at once one is heard, and the others look again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Pipeline;
use super::case::{Case, Untold};
use crate::diagnose::recovery::recovery;
use crate::diagnose::{Verdict, diagnose};
use crate::evidence::before;
use crate::incident::{Step, step};
use crate::notify::{Notice, NoticeKind};
use crate::outbox::Channel;
use crate::region::Region;
use crate::report::{IncidentReport, IncidentState};
use crate::store::{Committed, Store, StoreError, View};

/// Steps that are tried before the next invocation is left to try. Each time another sandbox took one, so something was
/// told or learned.
const STEPS_TRIED: u32 = 8;

/// Over so long the sandboxes that tell alone spread their notices: dozens of them stay below the ten a second at which
/// SNS gives up on a mail address.
const ALONE_SPREAD: Duration = Duration::from_secs(5);

/// What this sandbox told without the store, by region, and when.
#[derive(Debug, Default)]
pub struct Alone {
    told: Mutex<BTreeMap<Region, Timestamp>>,
}

impl<S: Store> Pipeline<S> {
    /// Judges each region, takes the step that follows, and tells what waits to be told.
    pub(super) async fn decide(&self, regions: &BTreeSet<Region>, case: &mut Case) {
        for (done, region) in regions.iter().enumerate() {
            // What is recorded, the next tick judges: without the time to agree on a step it would be told twice.
            let late = if self.store.is_durable() { case.decide_until } else { case.deadline };
            if case.is_past(late, regions.len() - done, "regions were not judged") {
                return;
            }
            let view = self.settle_region(region, case).await;
            self.store.work_until(case.deadline);
            self.deliver(region, &view, case).await;
            self.store.work_until(case.decide_until);
            case.incidents.extend(report(&view, case.verdicts.get(region), case.now));
            case.troubled_by(view.trouble);
        }
    }

    /// Decides until nothing more follows, and returns the view that it ended with.
    async fn settle_region(&self, region: &Region, case: &mut Case) -> View {
        let mut view = self.store.view(region, case.now, case.is_tick).await;
        if case.is_tick && view.trouble.is_none() {
            self.learn(region, &view, case).await;
        }
        for _ in 0..STEPS_TRIED {
            let started = Instant::now();
            let (verdict, next) = self.next_step(region, &view, case.now);
            case.measured.deciding += started.elapsed();
            case.verdicts.insert(region.clone(), verdict);
            let Some(next) = next else { return view };
            match self.store.commit(region, view.version, &next, case.now).await {
                Ok(Committed::Yes) => {
                    view.ledger = next.ledger;
                    view.version += 1;
                }
                Ok(Committed::Overtaken) => {
                    view = self.store.view(region, case.now, true).await;
                    if let Some(error) = view.trouble.clone() {
                        // What came first cannot be seen, so that nothing can be agreed on.
                        self.tell_alone(region, &view, &next, &error, case).await;
                        return view;
                    }
                }
                Err(error) => {
                    self.tell_alone(region, &view, &next, &error, case).await;
                    case.troubled_by(Some(error));
                    return view;
                }
            }
        }
        view
    }

    /// The verdict, and the step that follows from it.
    fn next_step(&self, region: &Region, view: &View, now: Timestamp) -> (Verdict, Option<Step>) {
        let policy = &self.config.policy;
        let mut verdict = diagnose(region, view, policy, now);
        verdict.advised.extend(self.late.advice(region, view, policy));
        // What could not be read may be failures: without them silence would seem to be proof.
        let open = view.ledger.open().filter(|_| view.trouble.is_none());
        let recovery = open.map(|incident| recovery(view, incident, policy, now));
        let next = step(region, &view.ledger, &verdict, recovery.as_ref(), policy, now);
        (verdict, next.map(|next| next.for_channels(&self.channels)))
    }

    async fn learn(&self, region: &Region, view: &View, case: &mut Case) {
        let incident = view.ledger.incident.as_ref();
        let span = incident
            .map(|incident| (incident.since.min(incident.opened_at), incident.resolved_at.unwrap_or(Timestamp::MAX)));
        if let Some(after) = view.learned.after(&view.evidence, span, case.now)
            && let Err(error) = self.store.learn(region, &view.learned, &after).await
        {
            case.troubled_by(Some(error));
        }
    }

    /// The store does not take the step. An incident that begins is told all the same: by each sandbox that sees it, once
    /// in a while, under an id that all of them compute alike. Everything else waits for the store.
    async fn tell_alone(&self, region: &Region, view: &View, next: &Step, error: &StoreError, case: &mut Case) {
        let begins = |notice: &&Notice| matches!(notice.kind, NoticeKind::Opened | NoticeKind::Reopened);
        let Some(notice) = next.notices().find(begins) else { return };
        if view.ledger.open().is_some() || !self.alone.may_tell(region, case.now, self.config.policy.unshared_quiet) {
            return;
        }
        let notice = notice.clone().alone(self.config.policy.unshared_quiet, error);
        // All sandboxes may come to this at once, and nothing that they share tells them so.
        let left = case.deadline.saturating_duration_since(Instant::now());
        tokio::time::sleep(ALONE_SPREAD.min(left / 4).mul_f64(fastrand::f64())).await;
        match self.publish(Channel::Topic, &notice, case.deadline).await {
            Ok(published) => case.published(&notice, published),
            Err(error) => {
                self.alone.forget(region);
                case.measured.notices_failed += 1;
                case.untold.push(Untold { region: region.clone(), reason: error.to_string() });
                case.notices.push(notice.clone());
            }
        }
        // Whoever is woken up closes it by hand. A program is told nothing: nobody would tell it that this is over.
        if self.channels.contains(&Channel::Pager)
            && Channel::Pager.takes(&notice)
            && let Err(error) = self.publish(Channel::Pager, &notice, case.deadline).await
        {
            self.alone.forget(region);
            case.measured.notices_failed += 1;
            case.untold.push(Untold { region: region.clone(), reason: error.to_string() });
        }
    }
}

impl Alone {
    fn may_tell(&self, region: &Region, now: Timestamp, quiet: std::time::Duration) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(region).is_some_and(|at| *at > before(now, quiet)) {
            return false;
        }
        told.insert(region.clone(), now);
        true
    }

    fn forget(&self, region: &Region) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(region);
    }
}

/// The region's incident, if it is open or has just been resolved.
fn report(view: &View, verdict: Option<&Verdict>, now: Timestamp) -> Option<IncidentReport> {
    let incident = view.ledger.incident.as_ref()?;
    let just_resolved = incident.told_at == now;
    if !incident.is_open() && !just_resolved {
        return None;
    }
    let reasons = verdict.filter(|_| incident.is_open()).map_or(&incident.reasons, |verdict| &verdict.reasons);
    Some(IncidentReport {
        id: incident.id.clone(),
        region: incident.region.clone(),
        state: if incident.is_open() { IncidentState::Open } else { IncidentState::Resolved },
        diagnosis: incident.diagnosis,
        severity: incident.severity,
        reasons: reasons.clone(),
    })
}
