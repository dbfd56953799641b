//! What was decided and reported of one region, as data.
//!
//! One item of the store, changed by one turn at a time ([`crate::incident`]). It is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::caller::CallerHash;
use triage_model::grant::Grant;
use triage_model::observation::{Operation, Origin};
use triage_model::redact::{one_line, unlinked};
use triage_model::region::Region;
use triage_model::time::lasted;

use crate::concern::Concern;
use crate::distinct::DistinctCallers;
use crate::evidence::mark::Traits;
use crate::proof_so_far::ProofSoFar;
use crate::replica::AmongReplicas;
use crate::scope::{Scope, SharedKey};
use crate::silence::{Acknowledged, Missed, Silence, Withheld};
use crate::verdict::{Diagnosis, Severity, Verdict};

/// What was decided and reported of one region. One item of the store, changed by one turn at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The latest incident of the region, open or resolved.
    pub incident: Option<Incident>,
    /// The latest incident of each tool, network or application, open or resolved not long ago.
    #[serde(default)]
    pub apart: Vec<Incident>,
    /// The latest few that another one took the place of: what began and ended between two ticks would be on no status page
    /// otherwise. In outline, see [`Incident::in_outline`].
    #[serde(default)]
    pub replaced: Vec<Incident>,
    /// When the latest one that was resolved was over, also while the next one is open.
    pub settled_until: Option<Timestamp>,
    /// Callers whose failures are left out of the tests until they are served (by
    /// [`triage_model::caller::CallerHash::to_bits`]), and since when.
    pub left_out: BTreeMap<u64, Timestamp>,
    /// When each advice notice was sent, by its key ([`crate::verdict::Advised::key`]).
    pub advised: BTreeMap<String, Timestamp>,
    /// The position of the next entry in the outbox.
    pub next_position: u64,
    /// What operators silenced, until it is summarised at its end.
    #[serde(default)]
    pub silences: Vec<Silence>,
}

/// One incident in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its region and the second in which it was opened.
    pub id: String,
    pub region: Region,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    /// What it is about: only failures of this kind keep it open.
    pub concern: Concern,
    /// Where it fails. If it is attributed, what its callers share is in it.
    #[serde(default)]
    pub scope: Scope,
    pub opened_at: Timestamp,
    /// The first and the latest failure of all: so long it lasted.
    #[serde(default)]
    pub first_failure: Option<Timestamp>,
    #[serde(default)]
    pub last_failure: Option<Timestamp>,
    /// The first failure of the run that opened it, reopened it, or turned it into what it is about now: a proof of
    /// recovery begins no earlier.
    pub since: Timestamp,
    /// When there was enough evidence for that, by the times of the calls: from then on served calls are proof of
    /// recovery. All of them may have come late.
    pub enough_at: Timestamp,
    /// None while it is open. Earlier failures do not reopen it.
    pub resolved_at: Option<Timestamp>,
    /// Its end is confirmed: it was not only quiet.
    #[serde(default)]
    pub proved: bool,
    /// Each doubles the waiting time for the next proof.
    pub reopened: u32,
    pub reopened_at: Option<Timestamp>,
    /// The parts, each confirmed by itself.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Distinct affected callers since it was opened or reopened, and which.
    pub callers: usize,
    #[serde(default)]
    pub victims: BTreeMap<Origin, DistinctCallers>,
    /// All of them are people, by their names.
    #[serde(default)]
    pub people: bool,
    /// Everybody who called meanwhile within its scope, affected or not.
    #[serde(default)]
    pub seen: BTreeMap<Origin, DistinctCallers>,
    /// Failed calls of late, by [`FAILURES_COUNTED_S`], and all before them.
    #[serde(default)]
    pub failures_at: BTreeMap<i64, usize>,
    #[serde(default)]
    pub failures_before: usize,
    /// A probe of the service failed meanwhile, and when it last did.
    #[serde(default)]
    pub probe_failed: bool,
    #[serde(default)]
    pub probe_failed_at: Option<Timestamp>,
    /// What it was before it was reopened.
    #[serde(default)]
    pub earlier: Earlier,
    /// How its beginning was reported. It does not change: its evidence is gone after an hour.
    #[serde(default)]
    pub opening: Option<String>,
    /// Chance alone would bring that once in so many years.
    #[serde(default)]
    pub chance_years: Option<f64>,
    /// People were notified that nobody calls any more since then.
    #[serde(default)]
    pub silent_since: Option<Timestamp>,
    /// When its counts were last brought up to date here.
    #[serde(default)]
    pub noted_at: Option<Timestamp>,
    /// It was reported as the region's before it was attributed to one tool, network or application.
    #[serde(default)]
    pub was_of_region: bool,
    /// Attributions that turned out to be wrong.
    #[serde(default)]
    pub refuted: Vec<SharedKey>,
    pub reasons: Vec<String>,
    /// The sequence of its latest notice.
    pub sequence: u32,
    /// When its latest notice was made, and the latest that was a `changed`.
    #[serde(rename = "told_at")]
    pub notified_at: Timestamp,
    pub changed_at: Option<Timestamp>,
    /// What its notices have reported of its present concern.
    #[serde(rename = "told_callers")]
    pub reported_callers: usize,
    #[serde(rename = "told_operations")]
    pub reported_operations: BTreeSet<Operation>,
    #[serde(rename = "told_health")]
    pub reported_health: bool,
    /// Whether a paging service has it as an alarm, and what its latest notice changed about that.
    pub is_paged: bool,
    pub alarm_change: Option<Alarm>,
    /// Its latest notices were held back from people and pagers.
    #[serde(default)]
    pub withheld: Option<Withheld>,
    /// Somebody works on it.
    #[serde(default)]
    pub acknowledged: Option<Acknowledged>,
    /// Where Identity Center is replicated.
    #[serde(default, skip_serializing_if = "AmongReplicas::is_alone")]
    pub among: AmongReplicas,
}

/// What an incident was before it was reopened, as often as that was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Earlier {
    pub victims: BTreeMap<Origin, DistinctCallers>,
    pub seen: BTreeMap<Origin, DistinctCallers>,
    pub failed_calls: usize,
    /// How long it was over.
    pub over_for: Duration,
}

/// An operation of an incident, or one grant of it, whose recovery is confirmed by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// None: whatever failed.
    pub operation: Option<Operation>,
    pub grant: Option<Grant>,
    /// Its first and latest failure.
    pub since: Timestamp,
    pub last_failure: Timestamp,
    /// How far its proof has come: calls of a rarely called part are spread over more than the evidence holds.
    pub so_far: Option<ProofSoFar>,
    /// Since when it is confirmed to work again.
    pub proved_at: Option<Timestamp>,
}

impl Part {
    pub fn is_same(&self, other: &Self) -> bool {
        (self.operation, self.grant) == (other.operation, other.grant)
    }

    /// Whether a call is of this part.
    pub fn has(&self, operation: Option<Operation>, traits: &Traits) -> bool {
        self.operation.is_none_or(|own| operation == Some(own))
            && self.grant.is_none_or(|own| operation != Some(Operation::CreateToken) || traits.grant == Some(own))
    }
}

impl Incident {
    /// Failed calls from beginning to end.
    pub fn failed_calls(&self) -> usize {
        self.failures_before + self.failures_at.values().sum::<usize>()
    }

    /// Distinct callers, affected or not, since it was opened or reopened; None where served calls are not seen.
    pub fn callers_seen(&self) -> Option<usize> {
        most(&self.seen)
    }

    /// Its affected callers and all callers, from beginning to end.
    pub fn callers_in_all(&self) -> (usize, Option<usize>) {
        let affected = most(&together(&self.earlier.victims, &self.victims)).unwrap_or(0);
        (affected.max(self.callers), most(&together(&self.earlier.seen, &self.seen)))
    }

    /// All callers that it names.
    fn counted_mut(&mut self) -> [&mut BTreeMap<Origin, DistinctCallers>; 4] {
        [&mut self.victims, &mut self.seen, &mut self.earlier.victims, &mut self.earlier.seen]
    }

    fn unname(&mut self) {
        for callers in self.counted_mut() {
            callers.values_mut().for_each(|callers| *callers = callers.unnamed());
        }
    }

    /// What is still of interest when it is long over: its counts, and nobody by a hash.
    #[must_use]
    pub fn in_outline(&self) -> Self {
        let mut outline = Self {
            failures_before: self.failed_calls(),
            failures_at: BTreeMap::new(),
            parts: Vec::new(),
            refuted: Vec::new(),
            reasons: Vec::new(),
            opening: None,
            ..self.clone()
        };
        outline.unname();
        outline
    }

    /// It is counted anew from now on, and begins again then.
    pub fn set_aside(&mut self, begins: Timestamp) {
        self.earlier.over_for += lasted(self.ended(), begins);
        self.earlier.failed_calls = self.failed_calls();
        self.earlier.victims = together(&self.earlier.victims, &std::mem::take(&mut self.victims));
        self.earlier.seen = together(&self.earlier.seen, &std::mem::take(&mut self.seen));
        self.callers = 0;
    }

    pub const fn is_open(&self) -> bool {
        self.resolved_at.is_none()
    }

    /// The id under which people know it.
    pub fn known_as(&self) -> &str {
        self.among.part_of.as_deref().unwrap_or(&self.id)
    }

    /// Whether it goes by that id, or is a part of what does.
    pub fn goes_by(&self, id: &str) -> bool {
        self.id == id || self.among.part_of.as_deref() == Some(id)
    }

    /// Who works on it at `now`.
    pub fn acknowledged_at(&self, now: Timestamp) -> Option<&Acknowledged> {
        self.acknowledged.as_ref().filter(|acknowledged| acknowledged.until > now)
    }

    /// What a silence keeps of it.
    pub fn missed(&self) -> Missed {
        let (callers, seen) = self.callers_in_all();
        Missed {
            incident: self.known_as().to_owned(),
            diagnosis: self.diagnosis,
            severity: self.severity,
            scope: self.scope.clone(),
            began: self.began(),
            ended: self.ended(),
            resolved_at: self.resolved_at,
            callers,
            // A number that cannot be right is not kept.
            seen: seen.filter(|seen| *seen >= callers),
            about: self.victims.values().chain(self.earlier.victims.values()).any(DistinctCallers::is_about),
            people: self.people,
            failed_calls: self.failed_calls(),
            notices: 0,
        }
    }

    /// Whether the verdict is about this very incident.
    pub fn is_in(&self, verdict: &Verdict) -> bool {
        verdict.diagnosis.is_incident() && self.concern.key() == verdict.concern.key()
    }

    /// What it is attributed to, if not to the region.
    pub fn key(&self) -> Option<SharedKey> {
        self.scope.key()
    }

    /// When it began, as far as is known.
    pub fn began(&self) -> Timestamp {
        self.first_failure.unwrap_or(self.since).min(self.since).min(self.opened_at)
    }

    /// Its latest failure, of a call or of a probe, as far as is known: its end, once it is resolved.
    pub fn ended(&self) -> Timestamp {
        let over = self.resolved_at.unwrap_or(Timestamp::MAX);
        self.last_failure.max(self.probe_failed_at).unwrap_or(self.notified_at).min(over).max(self.began())
    }

    /// For how long calls failed: the time in which it was over is not in it.
    pub fn lasted(&self) -> Duration {
        lasted(self.began(), self.ended()).saturating_sub(self.earlier.over_for)
    }
}

/// One person seen through a log and through CloudTrail is one.
fn most(callers: &BTreeMap<Origin, DistinctCallers>) -> Option<usize> {
    callers.values().map(DistinctCallers::count).max()
}

fn together(
    earlier: &BTreeMap<Origin, DistinctCallers>,
    later: &BTreeMap<Origin, DistinctCallers>,
) -> BTreeMap<Origin, DistinctCallers> {
    let mut all = earlier.clone();
    for (origin, callers) in later {
        all.entry(*origin).or_default().merge(callers);
    }
    all
}

impl Ledger {
    /// The region's own incident, if it is open.
    pub fn open(&self) -> Option<&Incident> {
        self.incident.as_ref().filter(|incident| incident.is_open())
    }

    /// The latest incident of the region, or of an attribution.
    pub fn latest(&self, key: Option<SharedKey>) -> Option<&Incident> {
        match key {
            None => self.incident.as_ref(),
            Some(_) => self.apart.iter().find(|incident| incident.key() == key),
        }
    }

    pub fn latest_mut(&mut self, key: Option<SharedKey>) -> Option<&mut Incident> {
        match key {
            None => self.incident.as_mut(),
            Some(_) => self.apart.iter_mut().find(|incident| incident.key() == key),
        }
    }

    /// All of them, the region's first.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incident.iter().chain(&self.apart)
    }

    /// Keeps those of `before` that are gone from here, as `given_up` has them where they are there.
    pub fn remember_replaced(&mut self, before: &Self, given_up: &[Incident]) {
        let is_here = |gone: &Incident| self.incidents().any(|incident| incident.id == gone.id);
        let as_ended = |gone: &Incident| given_up.iter().find(|ended| ended.id == gone.id).unwrap_or(gone).in_outline();
        let gone: Vec<Incident> = before.incidents().filter(|gone| !is_here(gone)).map(as_ended).collect();
        self.replaced.extend(gone);
        let too_many = self.replaced.len().saturating_sub(REPLACED_MAX);
        self.replaced.drain(..too_many);
    }

    /// The same for a store that knows callers by other hashes: no caller is named in it, and all are counted.
    #[must_use]
    pub fn unnamed(&self) -> Self {
        let mut unnamed = Self { left_out: BTreeMap::new(), ..self.clone() };
        for incident in unnamed.incidents_mut() {
            incident.unname();
        }
        unnamed
    }

    /// This ledger, which was made from [`Self::unnamed`] of `before`, with none but the names of `before`.
    #[must_use]
    pub fn with_names_of(mut self, before: &Self) -> Self {
        self.left_out.clone_from(&before.left_out);
        for incident in self.incidents_mut() {
            match before.incidents().find(|known| known.id == incident.id).cloned() {
                Some(mut known) => {
                    for (callers, known) in incident.counted_mut().into_iter().zip(known.counted_mut()) {
                        std::mem::swap(callers, known);
                    }
                }
                None => incident.unname(),
            }
        }
        self
    }

    pub fn incidents_mut(&mut self) -> impl Iterator<Item = &mut Incident> {
        self.incident.iter_mut().chain(&mut self.apart)
    }

    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents().filter(|incident| incident.is_open())
    }

    /// Whether a caller's failures are left out of the tests until it is served.
    pub fn is_left_out(&self, caller: CallerHash) -> bool {
        self.left_out.contains_key(&caller.to_bits())
    }

    /// Calls up to this time are reported and settled: they open and reopen nothing.
    pub fn settled_until(&self) -> Option<Timestamp> {
        self.settled_until.max(self.incident.as_ref().and_then(|incident| incident.resolved_at))
    }
}

/// The state that an alarm takes. Before, it was in the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Alarm {
    Alarm,
    Ok,
}

impl Alarm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alarm => "ALARM",
            Self::Ok => "OK",
        }
    }

    /// What it was before.
    pub const fn other(self) -> Self {
        match self {
            Self::Alarm => Self::Ok,
            Self::Ok => Self::Alarm,
        }
    }
}

/// Reasons kept of one incident or notice, and the bytes of each: enough for any verdict of ours, and a few of them fit an
/// item of the store.
pub const REASONS_MAX: usize = 16;
pub const REASON_MAX: usize = 400;

/// The first reasons, each on one line: they contain foreign text.
pub fn bounded(reasons: &[String]) -> Vec<String> {
    reasons.iter().take(REASONS_MAX).map(|reason| bounded_line(reason)).collect()
}

/// A sentence with foreign text in it: on one line and no link.
pub fn bounded_line(text: &str) -> String {
    one_line(&unlinked(text), REASON_MAX)
}

/// Replaced incidents of one region that are kept in outline: more than are replaced between two ticks.
const REPLACED_MAX: usize = 4;

/// Callers left out, and advice notices remembered, of one region: they are kept in one item.
pub const REMEMBERED_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::marks::{at, caller};

    /// As the version before wrote it: without parts, scopes, victims, and the times of failures.
    const BEFORE: &str = r#"{
        "incident": {
            "id": "us-east-1-20261122T120003Z", "region": "us-east-1", "diagnosis": "outage", "severity": "page",
            "concern": "service", "opened_at": "2026-11-22T12:00:03Z", "since": "2026-11-22T12:00:01Z",
            "enough_at": "2026-11-22T12:00:03Z", "resolved_at": null, "reopened": 1,
            "reopened_at": "2026-11-22T12:20:00Z", "callers": 7, "opening": "7 of 9 callers failed in 40 s",
            "reasons": ["7 of 9 callers failed in 40 s"], "sequence": 3, "told_at": "2026-11-22T12:20:00Z",
            "changed_at": null, "told_callers": 7, "told_operations": ["CreateToken"], "told_health": false,
            "is_paged": true, "alarm_change": "ALARM"
        },
        "settled_until": "2026-11-22T12:10:00Z",
        "left_out": {"7": "2026-11-22T12:00:09Z"},
        "advised": {"talker:1": "2026-11-22T12:00:09Z"},
        "next_position": 5
    }"#;

    #[test]
    fn what_the_version_before_wrote_is_read() {
        let ledger: Ledger = serde_json::from_str(BEFORE).unwrap();
        let incident = ledger.open().unwrap();
        assert_eq!((incident.callers, incident.reported_callers, incident.sequence), (7, 7, 3));
        assert_eq!(
            (incident.diagnosis, incident.severity, incident.is_paged),
            (Diagnosis::Outage, Severity::Page, true)
        );
        assert_eq!((&incident.scope, incident.key(), incident.parts.len()), (&Scope::default(), None, 0));
        assert!(ledger.apart.is_empty() && incident.victims.is_empty() && incident.silent_since.is_none());
        assert!(ledger.is_left_out(caller(7)) && ledger.next_position == 5);
        // What it does not say follows from what it does.
        assert_eq!((incident.began(), incident.ended()), (at(1), at(1200)));
        let again = serde_json::to_string(&ledger).unwrap();
        assert_eq!(serde_json::from_str::<Ledger>(&again).unwrap(), ledger);
    }
}
