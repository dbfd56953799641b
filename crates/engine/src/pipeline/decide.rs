//! From evidence to a turn that the store accepts, or to a notice without it where the store cannot be reached.
//!
//! In: the regions to evaluate. Out: in the [`Case`] the verdicts, incidents, notices and problems. Each sandbox
//! decides on a version of the ledger; of all that decide at once one wins, and the others evaluate again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::diagnose::diagnose;
use triage_decide::incident::{Recoveries, turn};
use triage_decide::ledger::Incident;
use triage_decide::objective::Objective;
use triage_decide::probe::StepState;
use triage_decide::recovery::recoveries;
use triage_decide::replicas;
use triage_decide::verdict::Evaluation;
use triage_decide::view::{StoreError, View};
use triage_model::problem::ProblemName;
use triage_model::region::Region;
use triage_notify::compose;
use triage_notify::letter::{Channel, Step};
use triage_notify::notice::{NamedScope, Notice};
use triage_notify::replicas as of_replicas;

use super::case::{Case, NotSent};
use super::doubt;
use super::group::{Known, evaluations_of, members, step_of, take};
use super::parts::Pipeline;
use crate::answer::{IncidentReport, IncidentState};
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::{At, Committed, Store};

/// Turns to try before the next invocation takes over. Each failed try means that another sandbox took a turn, so
/// something was reported or learned.
const STEPS_TRIED: usize = 8;

/// Sandboxes without a store spread their notices over this time: dozens of them stay below the ten a second at which
/// SNS gives up on a mail address.
const ALONE_SPREAD: Duration = Duration::from_secs(5);

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// Evaluates each region, takes the turn that follows, and sends the notices that are due. Regions of one Identity Center are
    /// decided on together.
    pub(super) async fn decide(&self, regions: &BTreeSet<Region>, is_tick: bool, case: &mut Case) {
        let groups = self.groups(regions);
        for (done, group) in groups.iter().enumerate() {
            // What is recorded, the next tick evaluates: without the time to agree on a turn a notice could be sent
            // twice.
            let schedule = &case.schedule;
            let limit = if self.store.is_durable() { schedule.decide_until } else { schedule.deadline };
            let left = groups[done..].iter().map(Vec::len).sum();
            if case.is_past(limit, left, "regions were not evaluated") {
                return;
            }
            let known = self.settle_regions(group, is_tick, case).await;
            for Known { region, view } in &known {
                self.deliver(region, view, case).await;
                if is_tick {
                    let objective = Objective::of(view, &self.settings.policy, case.schedule.now);
                    case.draft.objectives.extend(objective.map(|objective| (region.clone(), objective)));
                }
            }
            let draft = &mut case.draft;
            draft.incidents.extend(reports(&known, &draft.evaluations, case.schedule.now));
            known.into_iter().for_each(|known| case.note_store_error(known.view.trouble));
        }
    }

    /// Decides until nothing more follows, and returns the final views.
    async fn settle_regions(&self, group: &[Region], is_tick: bool, case: &mut Case) -> Vec<Known> {
        let at = case.schedule.to_decide();
        let mut known = self.known(group, is_tick, at).await;
        for Known { region, view } in known.iter().filter(|known| is_tick && known.view.trouble.is_none()) {
            self.learn(region, view, case).await;
        }
        for _ in 0..STEPS_TRIED * group.len() {
            let started = Instant::now();
            let (evaluations, next) = self.next_step(&known, at.now, case.draft.doubt.as_deref(), None);
            case.draft.measured.deciding += started.elapsed();
            case.draft.evaluations.extend(group.iter().cloned().zip(evaluations));
            let Some(next) = next else { return known };
            if let [Known { region, view }] = known.as_slice()
                && self.is_guess(region, view, at).await
            {
                case.draft.problems.note(
                    ProblemName::RegionAssumed,
                    format!("{region}: no record names it, and other regions were seen; set OIDC_TRIAGE_REGION if it is right"),
                );
                return known;
            }
            match self.store.commit(&group[0], known[0].view.version, &next, at).await {
                Ok(Committed::Yes) => {
                    case.draft.measured.notices_silenced += next.withheld as u64;
                    take(&mut known, next);
                }
                Ok(Committed::Overtaken) => {
                    known = self.known(group, true, at).await;
                    if let Some(error) = known.iter().find_map(|known| known.view.trouble.clone()) {
                        // Earlier evidence cannot be read, so no turn can be agreed on.
                        self.notify_without_store(&known, &next, &error, case).await;
                        return known;
                    }
                }
                Err(error) => {
                    self.notify_without_store(&known, &next, &error, case).await;
                    case.note_store_error(Some(error));
                    return known;
                }
            }
        }
        known
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

    /// The verdicts, and the turn that follows. `doubt`: what was not believed. `changed`: the region whose ledger an operator
    /// changed, so that it must be written in any case.
    pub(super) fn next_step(
        &self,
        known: &[Known],
        now: Timestamp,
        doubt: Option<&str>,
        changed: Option<&Region>,
    ) -> (Vec<Evaluation>, Option<Step>) {
        let policy = &self.settings.policy;
        let found = known.iter().map(|Known { region, view }| {
            let mut evaluation = diagnose(region, view, policy, now);
            evaluation.region.advised.extend(self.late.advice(region, view, policy));
            let doubt = doubt.filter(|_| *region == self.settings.region);
            evaluation.region.advised.extend(doubt.map(|detail| doubt::advice(detail, policy)));
            // What could not be read may be failures: without them silence would look like proof.
            let recoveries = if view.trouble.is_none() { recoveries(view, policy, now) } else { BTreeMap::new() };
            (evaluation, recoveries)
        });
        let (evaluations, recoveries): (Vec<Evaluation>, Vec<Recoveries>) = found.unzip();
        let zone = self.settings.time_zone.as_ref();
        let objectives: Vec<Objective> =
            known.iter().filter_map(|known| Objective::of(&known.view, policy, now)).collect();
        let objective = Objective::together(&objectives);
        let next = match known {
            [Known { region, view }] => {
                let (evaluation, recoveries) = (&evaluations[0], &recoveries[0]);
                turn(region, &view.ledger, evaluation, recoveries, policy, now).map(|turn| {
                    let notices =
                        compose::notices(region, &turn, evaluation, recoveries, objective.as_ref(), zone, now);
                    Step { withheld: turn.withheld, ..Step::new(turn.ledger, &notices, &self.channels) }
                })
            }
            _ => {
                let members = members(known, &evaluations, &recoveries);
                replicas::turn(&members, policy, now).map(|turn| {
                    let portals = &self.settings.replicas;
                    let notices = of_replicas::notices(&turn, portals, objective.as_ref(), zone, now);
                    let step = step_of(known, turn.ledgers, &notices, &self.channels, changed);
                    Step { withheld: turn.reported.withheld, ..step }
                })
            }
        };
        let next = next.or_else(|| Some(step_of(known, BTreeMap::new(), &[], &self.channels, Some(changed?))));
        (evaluations, next)
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
    async fn notify_without_store(&self, known: &[Known], next: &Step, error: &StoreError, case: &mut Case) {
        let begins = |notice: &&Notice| notice.kind.begins();
        let Some(notice) = next.notices().find(begins) else { return };
        let (quiet, deadline) = (self.settings.policy.unshared_quiet, case.schedule.deadline);
        let Some(Known { region, .. }) = known.first() else { return };
        if known.iter().any(|known| known.view.ledger.open().is_some()) {
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
        let notice = notice.clone().alone(region, quiet, error);
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

/// The incidents that are open or were just resolved.
fn reports(known: &[Known], evaluations: &BTreeMap<Region, Evaluation>, now: Timestamp) -> Vec<IncidentReport> {
    let is_news = |incident: &&Incident| incident.is_open() || incident.notified_at == now;
    if let [Known { region, view }] = known {
        let incidents = view.ledger.incidents().filter(is_news);
        return incidents.map(|incident| report(incident, evaluations.get(region))).collect();
    }
    let (of_regions, none) = evaluations_of(known, evaluations);
    let members = members(known, &of_regions, &none);
    let incidents = replicas::as_known(&members, now);
    let news = incidents.iter().filter(|known| is_news(&&known.incident));
    news.map(|known| report(&known.incident, Some(&known.evaluation))).collect()
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
