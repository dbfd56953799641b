//! The last hour of one region, in slots.
//!
//! In: marks, in any order and as often as they come. Out: [`Evidence`], which recognizes a failure that comes again,
//! and forgets what is old. Pure: `now` is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use triage_model::observation::{HealthIssue, Origin};
use triage_model::time::before;

use crate::evidence::mark::{Answered, Mark, Names, ServedCall};
use crate::evidence::slot::{Addition, SLOT_SECONDS, Slot, slot_of};

/// The last hour of one region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// By when each begins, in seconds since 1970.
    pub slots: BTreeMap<i64, Slot>,
    /// The latest state of each issue of AWS Health, by `eventArn`.
    pub health: BTreeMap<String, HealthIssue>,
}

impl Evidence {
    pub fn slot_mut(&mut self, at: Timestamp) -> &mut Slot {
        self.slots.entry(slot_of(at)).or_default()
    }

    /// The slots that calls between two times fall into, in order, each with the second in which it begins.
    pub fn slots_within(&self, from: Timestamp, until: Timestamp) -> impl DoubleEndedIterator<Item = (i64, &Slot)> {
        let first = slot_of(from);
        self.slots.range(first..=slot_of(until).max(first)).map(|(begin, slot)| (*begin, slot))
    }

    /// Whether a call names its region. A log line often names none: then it counts for the region of the settings,
    /// where perhaps nobody signs in.
    pub fn names_region(&self) -> bool {
        self.slots.values().any(|slot| {
            slot.failures().any(|mark| !mark.region_assumed)
                || slot.calls.keys().any(|place| place.origin == Origin::CloudTrail)
        })
    }

    pub fn add_failure(&mut self, mark: Mark) -> Addition {
        self.slot_mut(mark.at).add_failure(mark)
    }

    pub fn add_answered(&mut self, answered: &Answered) {
        let was_hit = self.is_hit(&answered.call);
        self.slot_mut(answered.call.at).add_answered(answered, was_hit);
    }

    /// Whether the caller had failed before (at most [`HIT_LOOKBACK`]), and no call between cured it: so this one does.
    pub(super) fn is_hit(&self, call: &ServedCall) -> bool {
        let (caller, at, asked) = (call.caller, call.at, call.asked());
        let mut cured_by: Vec<&ServedCall> = Vec::new();
        for (_, slot) in self.slots_within(before(at, HIT_LOOKBACK), at).rev() {
            cured_by.extend(slot.served.iter().filter(|known| known.caller == caller && known.at <= at));
            let failed = slot.failures().filter(|mark| mark.caller == caller && mark.at <= at);
            let mut cured_now = failed.filter(|mark| asked.cures(mark.asked()));
            let is_news =
                |mark: &Mark| !cured_by.iter().any(|known| known.at > mark.at && known.asked().cures(mark.asked()));
            if cured_now.any(is_news) {
                return true;
            }
        }
        false
    }

    /// Whether a failure of that id is there, through whatever origin.
    pub fn knows(&self, mark: &Mark) -> bool {
        let slot = slot_of(mark.at);
        // A log's clock and CloudTrail's may put one failure into neighbouring slots.
        (slot - SLOT_SECONDS..=slot + SLOT_SECONDS)
            .step_by(SLOT_SECONDS as usize)
            .filter_map(|begin| self.slots.get(&begin))
            .any(|slot| slot.failures().any(|known| known.id == mark.id))
    }

    /// Of two states of one issue the later one counts. An older copy does not undo an end.
    pub fn add_health(&mut self, issue: HealthIssue) {
        let known = self.health.entry(issue.event_arn.clone()).or_insert_with(|| issue.clone());
        if issue.occurred_at >= known.occurred_at {
            *known = issue;
        }
        if self.health.len() > ISSUES_MAX
            && let Some(oldest) = self.health.values().min_by_key(|issue| issue.occurred_at)
        {
            let oldest = oldest.event_arn.clone();
            self.health.remove(&oldest);
        }
    }

    /// Drops what is older than `kept` before `now`: whole slots.
    pub fn forget(&mut self, now: Timestamp, kept: Duration) {
        let oldest = slot_of(before(now, kept));
        self.slots = self.slots.split_off(&oldest);
        let health_from = before(now, HEALTH_COUNTS);
        self.health.retain(|_, issue| issue.occurred_at >= health_from);
    }

    /// Every failure that is kept, in order of time.
    pub fn failures(&self) -> BTreeSet<Mark> {
        self.slots.values().flat_map(Slot::failures).copied().collect()
    }

    /// Every served call that is marked, in order of time.
    pub fn served(&self) -> BTreeSet<ServedCall> {
        self.slots.values().flat_map(|slot| &slot.served).copied().collect()
    }

    /// All names together.
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        for slot in self.slots.values() {
            names.extend(slot.names.clone());
        }
        names
    }

    /// The issues of AWS Health that are open at `now`.
    pub fn open_issues(&self, now: Timestamp) -> impl Iterator<Item = &HealthIssue> {
        let from = before(now, HEALTH_COUNTS);
        self.health
            .values()
            .filter(move |issue| issue.occurred_at >= from && issue.ended_at.is_none_or(|end| end > now))
    }
}

/// How far back a served caller's failure is looked for.
const HIT_LOOKBACK: Duration = Duration::from_secs(60 * 60);

/// An issue of AWS Health counts so long without an update: AWS does not always close what it opened.
pub const HEALTH_COUNTS: Duration = Duration::from_secs(24 * 60 * 60);

/// Issues kept of one region: AWS never had so many at once.
pub const ISSUES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use triage_model::caller::CallerHash;
    use triage_model::classify::Cause;
    use triage_model::observation::{Operation, Origin};

    use super::*;
    use crate::evidence::mark::Traits;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn mark(caller: u64, second: i64) -> Mark {
        Mark {
            at: at(second),
            caller: CallerHash::from_bits(caller),
            operation: Some(Operation::CreateToken),
            cause: Cause::Service,
            origin: Origin::CloudTrail,
            kms: false,
            region_assumed: false,
            label: 1,
            traits: Traits::default(),
            id: u32::try_from(second).unwrap(),
        }
    }

    fn served(caller: u64, second: i64) -> Answered {
        let call = ServedCall {
            at: at(second),
            caller: CallerHash::from_bits(caller),
            operation: Some(Operation::CreateToken),
            origin: Origin::CloudTrail,
            traits: Traits::default(),
            pending: false,
            was_hit: false,
        };
        Answered { call, served: true }
    }

    #[test]
    fn a_failure_is_known_by_its_id_through_another_origin_in_the_slot_beside() {
        let mut evidence = Evidence::default();
        evidence.add_failure(mark(1, 119));
        let through_a_log =
            Mark { origin: Origin::Logs, caller: CallerHash::from_bits(9), at: at(121), ..mark(1, 119) };
        assert!(evidence.knows(&through_a_log));
        assert!(!evidence.knows(&Mark { id: 7, ..through_a_log }));
        assert!(!evidence.knows(&Mark { at: at(400), ..through_a_log }));
    }

    #[test]
    fn an_affected_caller_is_named_as_served_however_many_others_are() {
        let mut evidence = Evidence::default();
        evidence.add_failure(mark(500, 10));
        for caller in 0..100 {
            evidence.add_answered(&served(caller, 130));
        }
        evidence.add_answered(&served(500, 150));
        evidence.add_answered(&served(501, 151));
        let named: Vec<u64> = evidence.served().iter().map(|call| call.caller.to_bits()).collect();
        assert!(named.contains(&500) && !named.contains(&501), "{named:?}");
    }

    #[test]
    fn what_is_older_than_is_kept_is_forgotten_slot_by_slot() {
        let mut evidence = Evidence::default();
        evidence.add_failure(mark(1, 0));
        evidence.add_failure(mark(2, 3600));
        evidence.forget(at(3600), Duration::from_secs(3600));
        assert_eq!(evidence.slots.len(), 2);
        evidence.forget(at(3720), Duration::from_secs(3600));
        assert_eq!(evidence.slots.len(), 1);
    }

    fn issue(arn: &str, second: i64, ended: bool) -> HealthIssue {
        HealthIssue {
            event_arn: arn.into(),
            service: "SSO".into(),
            event_type_code: String::new(),
            region: None,
            started_at: None,
            ended_at: ended.then(|| at(second)),
            description: String::new(),
            occurred_at: at(second),
        }
    }

    #[test]
    fn invented_issues_do_not_fill_the_memory() {
        let mut evidence = Evidence::default();
        for n in 0..(ISSUES_MAX as i64 + 5) {
            evidence.add_health(issue(&n.to_string(), n, false));
        }
        assert_eq!(evidence.health.len(), ISSUES_MAX);
        assert!(!evidence.health.contains_key("0"));
    }

    #[test]
    fn an_issue_counts_until_it_ends_or_a_day_without_a_word() {
        let mut evidence = Evidence::default();
        evidence.add_health(issue("a", 0, false));
        assert_eq!(evidence.open_issues(at(10)).count(), 1);
        assert_eq!(evidence.open_issues(at(24 * 3600 + 1)).count(), 0);
        evidence.add_health(issue("a", 20, true));
        evidence.add_health(issue("a", 5, false));
        assert_eq!(evidence.open_issues(at(30)).count(), 0, "an older copy does not open it again");
    }
}
