//! The status page: what is to be written after a tick, and what became of it.
//!
//! In: the verdicts of the tick. Out: the files. It reads what the ledgers know and what is kept of past incidents; if the store
//! cannot be read, the page is of what this execution environment remembers, and says that more is not known. The shell writes
//! the files; nothing here delays a notice, because all of them were sent before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use triage_decide::incident::Recoveries;
use triage_decide::objective::{Objective, Target};
use triage_decide::recovery::recoveries;
use triage_decide::replicas::{self, AsKnown};
use triage_decide::verdict::{Diagnosis, Evaluation};
use triage_decide::view::StoreError;
use triage_model::region::Region;
use triage_notify::place::Company;
use triage_notify::replicas as of_replicas;
use triage_notify::status::data::{Doubt, Outward, Status};
use triage_notify::status::files::{File, fresh, news};
use triage_notify::status::kept::Kept;
use triage_notify::status::outward;
use triage_notify::words::Clock;

use super::group::{Known, evaluations_of, members};
use super::parts::Pipeline;
use super::schedule::Schedule;
use crate::directory::Directory;
use crate::handled::{Handled, Invocation};
use crate::publish::Publish;
use crate::service::Service;
use crate::status_page::{StatusRecord, WriteTrouble, Written, feed_hash};
use crate::store::{At, Store};

/// What is to be written now.
#[derive(Debug)]
pub struct Due {
    pub files: Vec<File>,
    /// What the store would not do.
    pub trouble: Option<StoreError>,
    before: Option<Written>,
    /// Of the feed that is among the files, or is there already.
    feed: (u64, bool),
}

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// The files of the status page as of this tick. `place`: where they go.
    pub async fn status_due(&self, handled: &Handled, company: &Company, place: &str, invocation: &Invocation) -> Due {
        let at = Schedule::of(invocation).to_notify();
        let (record, trouble) = match self.store.status(at).await {
            Ok(record) => (record, None),
            Err(error) => (self.status_as_known(), Some(error)),
        };
        let (kept, mut doubt) = self.kept_at(record.kept.clone(), &handled.evaluations, at).await;
        let trouble = match trouble {
            None if kept.is_news(&record.kept) => self.store.keep_status_incidents(&kept, at).await.err(),
            trouble @ (None | Some(_)) => trouble,
        };
        doubt = doubt.or(trouble.as_ref().map(|_| Doubt::Unread));
        let status = Status {
            at: at.now,
            incidents: &kept.incidents,
            doubt,
            target: Target::of(&self.settings.policy),
            objective: Objective::together(handled.objectives.values()),
            company,
        };
        let feed = news(&status);
        let hash = feed_hash(&feed, place);
        let lacks_feed = record.written.clone().unwrap_or_default().lacks(hash, at.now);
        let files = fresh(&status).into_iter().chain(Some(feed).filter(|_| lacks_feed)).collect();
        self.remember_status(StatusRecord { kept, written: record.written.clone() });
        Due { files, trouble, before: record.written, feed: (hash, lacks_feed) }
    }

    /// Notes what became of writing it, where that is news. The error is the store's.
    pub async fn status_done(
        &self,
        due: &Due,
        outcome: Result<(), WriteTrouble>,
        invocation: &Invocation,
    ) -> Result<(), StoreError> {
        let at = Schedule::of(invocation).to_notify();
        let before = due.before.clone().unwrap_or_default();
        let (hash, was_due) = due.feed;
        let written = match outcome {
            Ok(()) => Written {
                noted_at: at.now,
                at: Some(at.now),
                trouble: None,
                feed: if was_due { Some((hash, at.now)) } else { before.feed },
            },
            Err(trouble) => Written { noted_at: at.now, trouble: Some(trouble), ..before },
        };
        if !written.is_news(due.before.as_ref()) {
            return Ok(());
        }
        self.status.lock().unwrap_or_else(PoisonError::into_inner).written = Some(written.clone());
        self.store.note_status(&written, at).await
    }

    /// What was last noted of it. For the doctor.
    pub async fn status_noted(&self, invocation: &Invocation) -> Result<Option<Written>, StoreError> {
        Ok(self.store.status(Schedule::of(invocation).to_notify()).await?.written)
    }

    async fn kept_at(
        &self,
        mut kept: Kept,
        evaluations: &BTreeMap<Region, Evaluation>,
        at: At,
    ) -> (Kept, Option<Doubt>) {
        let (policy, zone, now) = (&self.settings.policy, self.settings.time_zone.as_ref(), at.now);
        let mut doubt = None;
        let known = self.store.regions(at).await.unwrap_or_default();
        let regions: BTreeSet<&Region> = known.iter().chain(&self.settings.regions).chain(evaluations.keys()).collect();
        for group in self.groups(&regions.into_iter().cloned().collect()) {
            let known = self.known(&group, false, at).await;
            if known.iter().any(|known| known.view.trouble.is_some()) {
                doubt = Some(Doubt::Unread);
                continue;
            }
            let mut evaluated = group.iter().filter_map(|region| evaluations.get(region));
            if doubt.is_none() && evaluated.any(is_blind) {
                doubt = Some(Doubt::Blind);
            }
            let recoveries: Vec<Recoveries> = known.iter().map(|known| recoveries(&known.view, policy, now)).collect();
            match known.as_slice() {
                [Known { region, view }] => {
                    let (evaluation, recoveries) = (evaluations.get(region), &recoveries[0]);
                    let incidents = outward::incidents(&view.ledger, evaluation, recoveries, zone, now);
                    kept.take_in(region, incidents, outward::replaced(&view.ledger, zone));
                }
                known => self.take_in_replicas(&mut kept, known, evaluations, &recoveries, Clock { now, zone }),
            }
        }
        kept.forget(now);
        (kept, doubt)
    }

    /// Their incidents, each once.
    fn take_in_replicas(
        &self,
        kept: &mut Kept,
        known: &[Known],
        evaluations: &BTreeMap<Region, Evaluation>,
        recoveries: &[Recoveries],
        clock: Clock<'_>,
    ) {
        let (of_regions, _) = evaluations_of(known, evaluations);
        let members = members(known, &of_regions, recoveries);
        let outward = |AsKnown { incident, evaluation, recoveries, standings }: &AsKnown| {
            let facts = of_replicas::facts(standings, incident.among.linked.as_ref(), &self.settings.replicas);
            outward::of_incident(incident, Some(evaluation), recoveries, &facts, clock)
        };
        let incidents: Vec<Outward> = replicas::as_known(&members, clock.now).iter().map(outward).collect();
        for Known { region, view } in known {
            // A part of another region's is on the page as that one.
            let mut ledger = view.ledger.clone();
            ledger.replaced.retain(|incident| incident.among.part_of.is_none());
            kept.take_in(region, incidents.clone(), outward::replaced(&ledger, clock.zone));
        }
    }

    fn status_as_known(&self) -> StatusRecord {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember_status(&self, record: StatusRecord) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = record;
    }
}

fn is_blind(evaluation: &Evaluation) -> bool {
    evaluation.region.advised.iter().any(|advised| advised.diagnosis == Diagnosis::Blind)
}
