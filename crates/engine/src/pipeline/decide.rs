//! From evidence to a turn that the store accepts, or to a notice without it where the store cannot be reached.
//!
//! In: the regions to evaluate. Out: in the [`Case`] the verdicts, incidents, notices and problems. Each sandbox
//! decides on a version of the ledger; of all that decide at once one wins, and the others evaluate again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::diagnose::diagnose;
use triage_decide::incident::turn;
use triage_decide::ledger::Incident;
use triage_decide::objective::Objective;
use triage_decide::probe::StepState;
use triage_decide::recovery::recoveries;
use triage_decide::verdict::Evaluation;
use triage_decide::view::{StoreError, View};
use triage_model::problem::ProblemName;
use triage_model::region::Region;
use triage_notify::compose;
use triage_notify::letter::{Channel, Step};
use triage_notify::notice::{NamedScope, Notice};

use super::case::{Case, NotSent};
use super::doubt;
use super::parts::Pipeline;
use crate::answer::{IncidentReport, IncidentState};
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::{At, Committed, Store};

/// Turns to try before the next invocation takes over. Each failed try means that another sandbox took a turn, so
/// something was reported or learned.
const STEPS_TRIED: u32 = 8;

/// Sandboxes without a store spread their notices over this time: dozens of them stay below the ten a second at which
/// SNS gives up on a mail address.
const ALONE_SPREAD: Duration = Duration::from_secs(5);

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// Evaluates each region, takes the turn that follows, and sends the notices that are due.
    pub(super) async fn decide(&self, regions: &BTreeSet<Region>, is_tick: bool, case: &mut Case) {
        for (done, region) in regions.iter().enumerate() {
            // What is recorded, the next tick evaluates: without the time to agree on a turn a notice could be sent
            // twice.
            let schedule = &case.schedule;
            let limit = if self.store.is_durable() { schedule.decide_until } else { schedule.deadline };
            if case.is_past(limit, regions.len() - done, "regions were not evaluated") {
                return;
            }
            let view = self.settle_region(region, is_tick, case).await;
            self.deliver(region, &view, case).await;
            let draft = &mut case.draft;
            if is_tick {
                let objective = Objective::of(&view, &self.settings.policy, case.schedule.now);
                draft.objectives.extend(objective.map(|objective| (region.clone(), objective)));
            }
            draft.incidents.extend(reports(&view, draft.evaluations.get(region), case.schedule.now));
            case.note_store_error(view.trouble);
        }
    }

    /// Decides until nothing more follows, and returns the final view.
    async fn settle_region(&self, region: &Region, is_tick: bool, case: &mut Case) -> View {
        let at = case.schedule.to_decide();
        let mut view = self.store.view(region, is_tick, at).await;
        if is_tick && view.trouble.is_none() {
            self.learn(region, &view, case).await;
        }
        for _ in 0..STEPS_TRIED {
            let started = Instant::now();
            let (evaluation, next) = self.next_step(region, &view, at.now, case.draft.doubt.as_deref());
            case.draft.measured.deciding += started.elapsed();
            case.draft.evaluations.insert(region.clone(), evaluation);
            let Some(next) = next else { return view };
            if self.is_guess(region, &view, at).await {
                case.draft.problems.note(
                    ProblemName::RegionAssumed,
                    format!("{region}: no record names it, and other regions were seen; set OIDC_TRIAGE_REGION if it is right"),
                );
                return view;
            }
            match self.store.commit(region, view.version, &next, at).await {
                Ok(Committed::Yes) => {
                    case.draft.measured.notices_silenced += next.withheld as u64;
                    view.ledger = next.ledger;
                    view.version += 1;
                }
                Ok(Committed::Overtaken) => {
                    view = self.store.view(region, true, at).await;
                    if let Some(error) = view.trouble.clone() {
                        // Earlier evidence cannot be read, so no turn can be agreed on.
                        self.notify_without_store(region, &view, &next, &error, case).await;
                        return view;
                    }
                }
                Err(error) => {
                    self.notify_without_store(region, &view, &next, &error, case).await;
                    case.note_store_error(Some(error));
                    return view;
                }
            }
        }
        view
    }

    /// Whether all that is known of a region are log lines that name none and count as its own, while other regions are
    /// named: then those regions fail, and an incident here would be false.
    async fn is_guess(&self, region: &Region, view: &View, at: At) -> bool {
        let is_seen = self.settings.region_is_named
            || view.evidence.names_region()
            || view.ledger.open_incidents().next().is_some()
            || view.probe.worst().is_some_and(|worst| worst > StepState::Unknown)
            || view.evidence.open_issues(at.now).next().is_some();
        !is_seen && self.store.regions(at).await.is_ok_and(|regions| regions.iter().any(|known| known != region))
    }

    /// The verdicts, and the turn that follows. `doubt`: what was not believed.
    pub(super) fn next_step(
        &self,
        region: &Region,
        view: &View,
        now: Timestamp,
        doubt: Option<&str>,
    ) -> (Evaluation, Option<Step>) {
        let policy = &self.settings.policy;
        let mut evaluation = diagnose(region, view, policy, now);
        evaluation.region.advised.extend(self.late.advice(region, view, policy));
        let doubt = doubt.filter(|_| *region == self.settings.region);
        evaluation.region.advised.extend(doubt.map(|detail| doubt::advice(detail, policy)));
        // What could not be read may be failures: without them silence would look like proof.
        let recoveries = if view.trouble.is_none() { recoveries(view, policy, now) } else { BTreeMap::new() };
        let next = turn(region, &view.ledger, &evaluation, &recoveries, policy, now).map(|turn| {
            let zone = self.settings.time_zone.as_ref();
            let objective = Objective::of(view, policy, now);
            let notices = compose::notices(region, &turn, &evaluation, &recoveries, objective.as_ref(), zone, now);
            Step { withheld: turn.withheld, ..Step::new(turn.ledger, &notices, &self.channels) }
        });
        (evaluation, next)
    }

    async fn learn(&self, region: &Region, view: &View, case: &mut Case) {
        if let Some(after) = view.learned_by(&self.settings.policy, case.schedule.now)
            && let Err(error) = self.store.learn(region, &view.learned, &after, case.schedule.to_decide()).await
        {
            case.note_store_error(Some(error));
        }
    }

    /// The store cannot take the turn. An incident that opens is still reported: by each sandbox that sees it, at most
    /// once in a while, under an id that all of them compute alike. Everything else waits for the store.
    async fn notify_without_store(
        &self,
        region: &Region,
        view: &View,
        next: &Step,
        error: &StoreError,
        case: &mut Case,
    ) {
        let begins = |notice: &&Notice| notice.kind.begins();
        let Some(notice) = next.notices().find(begins) else { return };
        let (quiet, deadline) = (self.settings.policy.unshared_quiet, case.schedule.deadline);
        if view.ledger.open().is_some() {
            return;
        }
        // A person closes the pager's alert by hand. Programs get no event: they would never get its end.
        let wanted = [Channel::Topic, Channel::Pager].into_iter();
        let wanted = wanted.filter(|channel| self.channels.contains(channel) && channel.takes(notice));
        let due: Vec<Channel> =
            wanted.filter(|channel| self.alone.may_notify(region, *channel, case.schedule.now, quiet)).collect();
        if due.is_empty() {
            return;
        }
        let notice = notice.clone().alone(quiet, error);
        // All sandboxes may get here at once, and they share nothing that would show it.
        let left = deadline.saturating_duration_since(Instant::now());
        if let Some(publisher) = &self.publisher {
            publisher.pause(ALONE_SPREAD.min(left / 4).mul_f64(fastrand::f64())).await;
        }
        let notice = self.with_names(&notice, case).await;
        for channel in due {
            match self.publish(channel, &notice, deadline).await {
                Ok(published) if channel == Channel::Topic => case.published(&notice, published),
                Ok(_) => {}
                Err(error) => {
                    self.alone.forget(region, channel);
                    let draft = &mut case.draft;
                    draft.measured.notices_failed += 1;
                    draft.not_sent.push(NotSent { region: region.clone(), reason: error.to_string() });
                    draft.notices.extend((channel == Channel::Topic).then(|| notice.clone()));
                }
            }
        }
    }
}

/// The region's incidents that are open or were just resolved.
fn reports(view: &View, evaluation: Option<&Evaluation>, now: Timestamp) -> Vec<IncidentReport> {
    let notices = view.ledger.incidents().filter(|incident| incident.is_open() || incident.notified_at == now);
    notices.map(|incident| report(incident, evaluation)).collect()
}

fn report(incident: &Incident, evaluation: Option<&Evaluation>) -> IncidentReport {
    let verdict = evaluation.and_then(|evaluation| evaluation.on(incident.key())).filter(|_| incident.is_open());
    IncidentReport {
        id: incident.id.clone(),
        region: incident.region.clone(),
        state: if incident.is_open() { IncidentState::Open } else { IncidentState::Resolved },
        diagnosis: incident.diagnosis,
        severity: incident.severity,
        scope: NamedScope::from(&incident.scope),
        silenced: incident.withheld.as_ref().map(triage_notify::silence::brief),
        acknowledged: incident.acknowledged.as_ref().map(triage_notify::silence::acknowledged),
        reasons: verdict.map_or(&incident.reasons, |verdict| &verdict.reasons).clone(),
    }
}
