//! Requests of an operator that change what people are notified of: a silence, an acknowledgement, and the end of each.
//!
//! In: the request. Out: in the [`Case`] what it is answered. It goes into the ledger of each region with the turn that follows
//! from it, in one conditional write: another sandbox that decides at the same moment either sees it, or decides again.

use std::collections::BTreeSet;
use std::time::Instant;

use triage_decide::asked::Silenced;
use triage_decide::evidence::mark::hash48;
use triage_decide::ledger::Ledger;
use triage_decide::silence::{Acknowledged, Limit, Silence, SilenceScope};
use triage_decide::view::StoreError;
use triage_decode::operator::silence::{
    AcknowledgeRequest, Asked, AskedScope, EndRequest, Part, Shared, SilenceRequest,
};
use triage_model::problem::ProblemName;
use triage_model::region::Region;
use triage_model::time::later;
use triage_notify::words::utc;

use super::case::Case;
use super::parts::Pipeline;
use super::schedule::Schedule;
use crate::directory::Directory;
use crate::handled::Invocation;
use crate::publish::Publish;
use crate::service::Service;
use crate::silence::{AcknowledgeAnswer, Outcome, SilenceAnswer, State, no_such};
use crate::store::{At, Committed, Store};

/// Turns of other sandboxes in the way of one change. Each of them reported or learned something, so there are few.
const CHANGES_TRIED: u32 = 16;

/// Who it was, where nobody says so.
const SOMEBODY: &str = "an operator";

/// What was looked for in the ledgers of all regions.
struct LookedFor<T> {
    found: Option<(Region, T)>,
    /// The ids that there are.
    ids: Vec<String>,
    failed: Vec<(Region, StoreError)>,
}

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    pub(super) async fn silence(&self, asked: &Asked<SilenceRequest>, invocation: &Invocation, case: &mut Case) {
        let answer = match asked {
            Asked::Begin(request) => self.begin_silence(request, invocation, case).await,
            Asked::End(request) => self.end_silence(request, case).await,
        };
        if matches!(answer.state, State::Refused) {
            case.draft.problems.note(ProblemName::OperatorRequestInvalid, &answer.text);
        }
        case.draft.silence = Some(answer);
    }

    pub(super) async fn acknowledge(&self, asked: &Asked<AcknowledgeRequest>, case: &mut Case) {
        let now = case.schedule.now;
        let (id, acknowledged) = match asked {
            Asked::Begin(AcknowledgeRequest { incident, by, lasts }) => {
                (incident, Some(Acknowledged { by: by.clone(), at: now, until: later(now, *lasts) }))
            }
            Asked::End(EndRequest { id, .. }) => (id, None),
        };
        let answer = self.acknowledged(id, acknowledged, case).await;
        if matches!(answer.state, State::Refused) {
            case.draft.problems.note(ProblemName::OperatorRequestInvalid, &answer.text);
        }
        case.draft.acknowledge = Some(answer);
    }

    async fn acknowledged(&self, id: &str, acknowledged: Option<Acknowledged>, case: &mut Case) -> AcknowledgeAnswer {
        let find = |ledger: &Ledger| ledger.open_incidents().any(|incident| incident.goes_by(id)).then_some(());
        let LookedFor { found, ids, failed } = self.look_for(find, open_ids, case).await;
        let Some((region, ())) = found else {
            let state = if failed.is_empty() { State::Refused } else { State::Failed };
            return AcknowledgeAnswer::nothing(state, no_such("incident is open with the id", id, &ids, &failed));
        };
        let change = |ledger: &mut Ledger| ledger.acknowledge(id, acknowledged.as_ref()).map(|_| ());
        let mut is_done = false;
        for region in self.group_of(&region) {
            match self.change(&region, change, case).await {
                Ok(done) => is_done |= done.is_some(),
                Err(error) => {
                    let text = format!("Nothing is acknowledged: {error}. Try again.");
                    case.note_store_error(Some(error));
                    return AcknowledgeAnswer::nothing(State::Failed, text);
                }
            }
        }
        if !is_done {
            return AcknowledgeAnswer::nothing(State::Refused, format!("{id} was resolved just now."));
        }
        self.decide(&BTreeSet::from([region]), false, case).await;
        let (state, by, until) = match &acknowledged {
            Some(acknowledged) => (State::Acknowledged, acknowledged.by.clone(), Some(acknowledged.until)),
            None => (State::Ended, None, None),
        };
        let text = match &acknowledged {
            Some(Acknowledged { by, until, .. }) => format!(
                "Acknowledged{}: no reminders of {id} until {}. If it gets worse, reopens or ends, people are notified as ever. \
                 To take it back, send {{\"acknowledge\":{{\"end\":\"{id}\"}}}}",
                by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default(),
                utc(*until),
            ),
            None => format!("Not acknowledged any more: {id} has reminders again."),
        };
        AcknowledgeAnswer { state, incident: Some(id.to_owned()), by, until, text }
    }

    async fn begin_silence(&self, request: &SilenceRequest, invocation: &Invocation, case: &mut Case) -> SilenceAnswer {
        let (scope, regions) = match self.scope_of(request, case).await {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let now = case.schedule.now;
        let SilenceRequest { lasts, reason, by, .. } = request;
        let content = hash48(&format!("{scope:?}\n{by}\n{reason}")) & 0xffff;
        let mut silence = Silence {
            id: format!("silence-{}-{content:04x}", now.strftime("%Y%m%dT%H%M%SZ")),
            scope,
            regions: regions.clone(),
            by: by.clone(),
            reason: reason.clone(),
            from: now,
            until: later(now, *lasts),
            ended_by: None,
            announced: None,
            speaks: true,
            missed: Vec::new(),
            missed_more: 0,
            advised: Default::default(),
        };
        let (mut outcome, mut was_there) = (Outcome::default(), true);
        for region in &regions {
            let asked = silence.clone();
            let change = |ledger: &mut Ledger| {
                let within = |ledger: &Ledger| -> Vec<String> {
                    let open = ledger.open_incidents().filter(|one| asked.scope.has(&one.id, &one.scope));
                    open.map(|incident| incident.known_as().to_owned()).collect()
                };
                Some((ledger.silence(&asked, now), within(ledger)))
            };
            let became = match self.change(region, change, case).await {
                Ok(Some(became)) => became,
                Ok(None) => continue,
                Err(error) => {
                    case.note_store_error(Some(error.clone()));
                    outcome.failed.push((region.clone(), error));
                    continue;
                }
            };
            let (kept, covers) = match became {
                (Silenced::Full, _) => {
                    outcome.full.push(region.clone());
                    continue;
                }
                (Silenced::Same(kept), covers) => (kept, covers),
                (Silenced::New(kept) | Silenced::Longer(kept), covers) => {
                    was_there = false;
                    (kept, covers)
                }
            };
            outcome.covers.extend(covers);
            outcome.done.push(region.clone());
            // One id, one announcement.
            silence = Silence { id: kept.id, from: kept.from, until: kept.until, speaks: false, ..silence };
        }
        let done: BTreeSet<Region> = outcome.done.iter().cloned().collect();
        self.decide(&done, false, case).await;
        SilenceAnswer::began(&silence, was_there, outcome, &invocation.invoked_arn, &self.settings.own_region)
    }

    async fn end_silence(&self, request: &EndRequest, case: &mut Case) -> SilenceAnswer {
        let (id, by, now) = (&request.id, request.by.as_deref().unwrap_or(SOMEBODY), case.schedule.now);
        let regions = match self.watched_or_known(case).await {
            Ok(regions) => regions,
            Err(error) => return self.failed(error, "Nothing is ended", case),
        };
        let (mut outcome, mut ended, mut ids) = (Outcome::default(), None, BTreeSet::new());
        for region in regions {
            let mut others = Vec::new();
            let change = |ledger: &mut Ledger| {
                others = silence_ids(ledger, now);
                ledger.end_silence(id, by, now)
            };
            match self.change(&region, change, case).await {
                Ok(Some(silence)) => {
                    outcome.done.push(region);
                    ended = Some(silence);
                }
                Ok(None) => ids.extend(others),
                Err(error) => {
                    case.note_store_error(Some(error.clone()));
                    outcome.failed.push((region, error));
                }
            }
        }
        let done: BTreeSet<Region> = outcome.done.iter().cloned().collect();
        self.decide(&done, false, case).await;
        match ended {
            Some(silence) => SilenceAnswer::ended(&silence, outcome),
            None => {
                let ids: Vec<String> = ids.into_iter().collect();
                let state = if outcome.failed.is_empty() { State::Refused } else { State::Failed };
                SilenceAnswer::nothing(state, no_such("silence is active with the id", id, &ids, &outcome.failed))
            }
        }
    }

    /// What is meant, and in which regions.
    async fn scope_of(
        &self,
        request: &SilenceRequest,
        case: &mut Case,
    ) -> Result<(SilenceScope, BTreeSet<Region>), SilenceAnswer> {
        let refused = |text: String| SilenceAnswer::nothing(State::Refused, text);
        let part = match &request.scope {
            AskedScope::Incident(id) => {
                let find = |ledger: &Ledger| {
                    let mut open = ledger.open_incidents();
                    open.find(|incident| incident.goes_by(id)).map(|incident| incident.scope.clone())
                };
                let LookedFor { found, ids, failed } = self.look_for(find, open_ids, case).await;
                return match found {
                    Some((region, scope)) => {
                        let regions = self.group_of(&region).into_iter().collect();
                        Ok((SilenceScope::of_incident(id, &scope), regions))
                    }
                    None if failed.is_empty() => {
                        Err(refused(no_such("incident is open with the id", id, &ids, &failed)))
                    }
                    None => Err(SilenceAnswer::nothing(
                        State::Failed,
                        format!("Nothing is silenced. {}", no_such("incident is open with the id", id, &ids, &failed)),
                    )),
                };
            }
            AskedScope::Everything => &Part::default(),
            AskedScope::Part(part) => part,
        };
        let known = match self.watched_or_known(case).await {
            Ok(known) => known,
            Err(error) => return Err(self.failed(error, "Nothing is silenced", case)),
        };
        let regions = match &part.region {
            None => known,
            Some(region) if known.contains(region) => BTreeSet::from([region.clone()]),
            Some(region) => {
                let known: Vec<&str> = known.iter().map(Region::as_str).collect();
                let text = format!(
                    "Nothing is silenced: {region} is not watched, and nothing was seen of it for a week. Known: {}.",
                    known.join(", ")
                );
                return Err(refused(text));
            }
        };
        let limit = part.shared.as_ref().map(|shared| match shared {
            Shared::Tool(name) => Limit::Tool(name.clone()),
            Shared::Network(name) => Limit::Network(name.clone()),
            Shared::Application(name) => Limit::Application(name.clone()),
            Shared::Account(name) => Limit::Account(name.clone()),
        });
        Ok((SilenceScope { operations: part.operations.clone(), limit, ..SilenceScope::default() }, regions))
    }

    fn failed(&self, error: StoreError, what: &str, case: &mut Case) -> SilenceAnswer {
        let text = format!("{what}: {error}. Try again.");
        case.note_store_error(Some(error));
        SilenceAnswer::nothing(State::Failed, text)
    }

    /// The regions that have or may have incidents.
    async fn watched_or_known(&self, case: &Case) -> Result<BTreeSet<Region>, StoreError> {
        let at = case.schedule.to_decide();
        // As every invocation does first: without it the table is not read in full.
        if let (_, Some(error)) = self.store.hasher(at).await {
            return Err(error);
        }
        self.all_regions(at).await
    }

    async fn all_regions(&self, at: At) -> Result<BTreeSet<Region>, StoreError> {
        let mut regions = self.store.regions(at).await?;
        regions.extend(self.settings.regions.iter().cloned());
        Ok(regions)
    }

    /// The first region in whose ledger `find` finds something; else all that it may have meant.
    async fn look_for<T>(
        &self,
        find: impl Fn(&Ledger) -> Option<T>,
        ids: impl Fn(&Ledger) -> Vec<String>,
        case: &mut Case,
    ) -> LookedFor<T> {
        let mut looked = LookedFor { found: None, ids: Vec::new(), failed: Vec::new() };
        let regions = match self.watched_or_known(case).await {
            Ok(regions) => regions,
            Err(error) => {
                case.note_store_error(Some(error.clone()));
                looked.failed.push((self.settings.region.clone(), error));
                return looked;
            }
        };
        for region in regions {
            let view = self.store.view(&region, true, case.schedule.to_decide()).await;
            if let Some(error) = view.trouble {
                case.note_store_error(Some(error.clone()));
                looked.failed.push((region, error));
            } else if let Some(found) = find(&view.ledger) {
                looked.found = Some((region, found));
                return looked;
            } else {
                looked.ids.extend(ids(&view.ledger));
            }
        }
        looked
    }

    /// Changes a region's ledger, with the turn that follows. None where `change` says that there is nothing to change.
    async fn change<T>(
        &self,
        region: &Region,
        mut change: impl FnMut(&mut Ledger) -> Option<T>,
        case: &mut Case,
    ) -> Result<Option<T>, StoreError> {
        let at = case.schedule.to_decide();
        for _ in 0..CHANGES_TRIED {
            if Instant::now() >= at.until {
                return Err(StoreError::Unavailable("the time ran out".to_owned()));
            }
            let group = self.group_of(region);
            let mut known = self.known(&group, true, at).await;
            if let Some(trouble) = known.iter().find_map(|known| known.view.trouble.clone()) {
                return Err(trouble);
            }
            let Some(own) = known.iter_mut().find(|known| known.region == *region) else { return Ok(None) };
            let before = own.view.ledger.clone();
            let Some(done) = change(&mut own.view.ledger) else { return Ok(None) };
            if own.view.ledger == before {
                // Asked for again.
                return Ok(Some(done));
            }
            let (_, step) = self.next_step(&known, at.now, None, Some(region));
            let Some(step) = step else { return Ok(Some(done)) };
            if self.store.commit(&group[0], known[0].view.version, &step, at).await? == Committed::Yes {
                case.draft.measured.notices_silenced += step.withheld as u64;
                return Ok(Some(done));
            }
        }
        Err(StoreError::Throttled("other turns are in the way".to_owned()))
    }

    /// The silences that are active now, of all regions, each once; or why that is not known.
    pub async fn silences(&self, invocation: &Invocation) -> Result<Vec<Silence>, StoreError> {
        let at = Schedule::of(invocation).to_decide();
        let mut active: Vec<Silence> = Vec::new();
        for region in self.all_regions(at).await? {
            let view = self.store.view(&region, false, at).await;
            if let Some(trouble) = view.trouble {
                return Err(trouble);
            }
            let new = view.ledger.silences.into_iter().filter(|silence| silence.is_active(at.now));
            let new: Vec<Silence> = new.filter(|silence| active.iter().all(|known| known.id != silence.id)).collect();
            active.extend(new);
        }
        Ok(active)
    }
}

fn open_ids(ledger: &Ledger) -> Vec<String> {
    ledger.open_incidents().map(|incident| incident.known_as().to_owned()).collect()
}

fn silence_ids(ledger: &Ledger, now: jiff::Timestamp) -> Vec<String> {
    ledger.silences.iter().filter(|silence| silence.is_active(now)).map(|silence| silence.id.clone()).collect()
}
