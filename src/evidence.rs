//! What is known of one region: who failed when and why, who was served, what AWS Health says.
//!
//! Into it go marks; out of it come the counts that a diagnosis rests on. Pure: `now` is an argument, and the order in
//! which marks arrive, and how often, changes nothing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::caller::CallerHash;
use crate::classify::Cause;
use crate::observation::{HealthIssue, Operation};

/// One caller's failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub occurred_at: Timestamp,
    /// [`crate::observation::Failure::id`].
    pub id: String,
    pub caller: CallerHash,
    /// The caller as a person would name it, or its hash where names are not shown.
    pub name: String,
    pub operation: Option<Operation>,
    pub cause: Cause,
    pub code: Option<String>,
    pub tool: Option<String>,
}

/// The last hour of one region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// In order of time, each failure once.
    pub failures: BTreeSet<Mark>,
    /// When each caller was last served.
    pub served: BTreeMap<CallerHash, Timestamp>,
    /// The latest state of each issue of AWS Health, by `eventArn`.
    pub health: BTreeMap<String, HealthIssue>,
}

/// Marks and callers kept of one region: more adds nothing to the decision, and an attacker who invents callers must
/// not fill the memory. The oldest go first.
const KEPT_MAX: usize = 4096;

impl Evidence {
    pub fn add_failure(&mut self, mark: Mark) {
        self.failures.insert(mark);
        if self.failures.len() > KEPT_MAX {
            self.failures.pop_first();
        }
    }

    /// A later service of the same caller replaces an earlier one, whatever the order of arrival.
    pub fn add_served(&mut self, caller: CallerHash, at: Timestamp) {
        let latest = self.served.entry(caller).or_insert(at);
        *latest = (*latest).max(at);
        if self.served.len() > KEPT_MAX + KEPT_MAX / 4 {
            self.drop_oldest_served();
        }
    }

    /// Many at once, so that each of a flood of callers does not cost a look at all of them.
    fn drop_oldest_served(&mut self) {
        let mut times: Vec<Timestamp> = self.served.values().copied().collect();
        let excess = times.len() - KEPT_MAX;
        let (_, oldest_kept, _) = times.select_nth_unstable(excess);
        let oldest_kept = *oldest_kept;
        self.served.retain(|_, at| *at >= oldest_kept);
        // Of many with one time, any.
        while self.served.len() > KEPT_MAX {
            self.served.pop_first();
        }
    }

    /// Of two states of one issue the later one counts. An end, once told, is not taken back by an older copy.
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

    /// Drops what is older than `kept` before `now`.
    pub fn forget(&mut self, now: Timestamp, kept: Duration) {
        let from = before(now, kept);
        self.failures.retain(|mark| mark.occurred_at >= from);
        self.served.retain(|_, at| *at >= from);
        let health_from = before(now, HEALTH_COUNTS);
        self.health.retain(|_, issue| issue.occurred_at >= health_from);
    }

    /// The failures within `window` before `now`, in order of time. `now` may be in the past: what came after it does
    /// not count, but for the difference between clocks.
    pub fn recent(&self, now: Timestamp, window: Duration) -> impl Iterator<Item = &Mark> + Clone {
        let (from, to) = span(now, window);
        self.failures.iter().filter(move |mark| (from..=to).contains(&mark.occurred_at))
    }

    /// When to look back over `window` so that the most callers are hit, of all looks back that hold one of `moments`
    /// (in order of time); of equal ones the latest. None if nobody is hit then.
    pub fn worst_moment(&self, moments: &[Timestamp], window: Duration, causes: &[Cause]) -> Option<Timestamp> {
        let hit: Vec<&Mark> =
            self.failures.iter().filter(|mark| causes.contains(&mark.cause) && self.is_hit_by(mark)).collect();
        let mut callers: BTreeMap<CallerHash, usize> = BTreeMap::new();
        let mut oldest = hit.iter().peekable();
        let mut worst = None;
        for mark in &hit {
            *callers.entry(mark.caller).or_default() += 1;
            let from = before(mark.occurred_at, window);
            while let Some(gone) = oldest.next_if(|mark| mark.occurred_at < from) {
                if let Entry::Occupied(mut count) = callers.entry(gone.caller) {
                    *count.get_mut() -= 1;
                    if *count.get() == 0 {
                        count.remove();
                    }
                }
            }
            let latest = moments.partition_point(|moment| *moment <= mark.occurred_at);
            let holds_one = latest.checked_sub(1).is_some_and(|index| moments[index] >= from);
            if holds_one && worst.is_none_or(|(most, _)| callers.len() >= most) {
                worst = Some((callers.len(), mark.occurred_at));
            }
        }
        worst.map(|(_, at)| at)
    }

    /// Whether the caller was not served since.
    fn is_hit_by(&self, mark: &Mark) -> bool {
        self.served.get(&mark.caller).is_none_or(|at| *at < mark.occurred_at)
    }

    /// The callers whose latest call within `window` failed with one of `causes`, each with the first such failure.
    pub fn hit(&self, now: Timestamp, window: Duration, causes: &[Cause]) -> BTreeMap<CallerHash, &Mark> {
        let mut hit = BTreeMap::new();
        for mark in self.recent(now, window).filter(|mark| causes.contains(&mark.cause)) {
            if self.is_hit_by(mark) {
                hit.entry(mark.caller).or_insert(mark);
            }
        }
        hit
    }

    /// The callers served within `window` before `now`.
    pub fn served_callers(&self, now: Timestamp, window: Duration) -> usize {
        let (from, to) = span(now, window);
        self.served.values().filter(|at| (from..=to).contains(*at)).count()
    }

    /// The issues of AWS Health that are open at `now`.
    pub fn open_issues(&self, now: Timestamp) -> impl Iterator<Item = &HealthIssue> {
        let from = before(now, HEALTH_COUNTS);
        self.health
            .values()
            .filter(move |issue| issue.occurred_at >= from && issue.ended_at.is_none_or(|end| end > now))
    }
}

/// An issue of AWS Health counts so long without an update: AWS does not always close what it opened.
const HEALTH_COUNTS: Duration = Duration::from_secs(24 * 60 * 60);

/// Issues kept of one region: AWS never had so many at once.
const ISSUES_MAX: usize = 64;

/// A time further ahead than this is a broken clock.
pub const AHEAD_MAX: Duration = Duration::from_secs(60);

/// The times that count at `now`: from `window` before it, to as far ahead as a clock may be.
fn span(now: Timestamp, window: Duration) -> (Timestamp, Timestamp) {
    (before(now, window), now.checked_add(AHEAD_MAX).unwrap_or(Timestamp::MAX))
}

/// `now` less `span`; the beginning of time where there is nothing before.
pub fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Caller, CallerHasher};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn caller(name: &str) -> CallerHash {
        CallerHasher::new(&CallerHasher::FIXED_KEY).hash(&Caller::User(name.into()))
    }

    fn mark(name: &str, second: i64, cause: Cause) -> Mark {
        Mark {
            occurred_at: at(second),
            id: format!("{name}-{second}"),
            caller: caller(name),
            name: name.into(),
            operation: Some(Operation::CreateToken),
            cause,
            code: Some("InternalServerException".into()),
            tool: None,
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_caller_served_after_its_failure_is_no_longer_hit_whatever_the_order_of_arrival() {
        let mut evidence = Evidence::default();
        evidence.add_served(caller("ana"), at(20));
        evidence.add_served(caller("ana"), at(5));
        evidence.add_failure(mark("ana", 10, Cause::Service));
        evidence.add_failure(mark("ben", 30, Cause::Service));
        evidence.add_served(caller("ben"), at(20));
        let hit = evidence.hit(at(40), HOUR, &[Cause::Service]);
        assert_eq!(hit.keys().copied().collect::<Vec<_>>(), [caller("ben")]);
    }

    #[test]
    fn a_failure_delivered_twice_counts_once() {
        let mut evidence = Evidence::default();
        evidence.add_failure(mark("ana", 10, Cause::Service));
        evidence.add_failure(mark("ana", 10, Cause::Service));
        assert_eq!(evidence.failures.len(), 1);
    }

    #[test]
    fn what_is_older_than_the_window_is_not_recent() {
        let mut evidence = Evidence::default();
        evidence.add_failure(mark("ana", 0, Cause::Service));
        assert_eq!(evidence.hit(at(61), Duration::from_secs(60), &[Cause::Service]).len(), 0);
        assert_eq!(evidence.hit(at(60), Duration::from_secs(60), &[Cause::Service]).len(), 1);
    }

    #[test]
    fn what_came_after_the_moment_that_is_judged_does_not_count_but_for_a_clock_that_is_ahead() {
        let mut evidence = Evidence::default();
        evidence.add_failure(mark("ana", 60, Cause::Service));
        evidence.add_failure(mark("ben", 61, Cause::Service));
        assert_eq!(evidence.hit(at(0), HOUR, &[Cause::Service]).len(), 1);
    }

    #[test]
    fn the_worst_moment_is_where_most_callers_are_hit_near_what_is_judged() {
        let mut evidence = Evidence::default();
        for (name, second) in [("ana", 0), ("ben", 500), ("ben", 510), ("eva", 800), ("kai", 2000), ("leo", 3500)] {
            evidence.add_failure(mark(name, second, Cause::Service));
        }
        let quarter = Duration::from_secs(900);
        let worst_of = |evidence: &Evidence, moments: &[i64]| {
            let moments: Vec<Timestamp> = moments.iter().map(|second| at(*second)).collect();
            evidence.worst_moment(&moments, quarter, &[Cause::Service])
        };
        let worst = |moments: &[i64]| worst_of(&evidence, moments);
        assert_eq!(worst(&[0]), Some(at(800)), "the late failure completes three");
        assert_eq!(worst(&[0, 3500]), Some(at(800)), "though a fresh one came with it");
        assert_eq!(worst(&[2000]), Some(at(2000)), "what is not near does not count");
        assert_eq!(worst(&[2000, 3500]), Some(at(3500)), "of equal ones the latest");
        assert_eq!(worst(&[]), None);
        evidence.add_served(caller("ana"), at(3600));
        assert_eq!(worst_of(&evidence, &[500]), Some(at(800)), "two are left");
    }

    #[test]
    fn invented_issues_do_not_fill_the_memory() {
        let mut evidence = Evidence::default();
        for n in 0..(ISSUES_MAX as i64 + 5) {
            evidence.add_health(HealthIssue {
                event_arn: n.to_string(),
                service: "SSO".into(),
                event_type_code: String::new(),
                region: None,
                started_at: None,
                ended_at: None,
                description: String::new(),
                occurred_at: at(n),
            });
        }
        assert_eq!(evidence.health.len(), ISSUES_MAX);
        assert!(!evidence.health.contains_key("0"));
    }

    #[test]
    fn invented_callers_do_not_fill_the_memory() {
        let mut evidence = Evidence::default();
        for n in 0..(KEPT_MAX as i64 + 50) {
            evidence.add_failure(mark(&n.to_string(), n, Cause::Service));
            evidence.add_served(caller(&n.to_string()), at(n));
        }
        assert_eq!(evidence.failures.len(), KEPT_MAX);
        assert!((KEPT_MAX..=KEPT_MAX + KEPT_MAX / 4).contains(&evidence.served.len()));
        assert!(evidence.served.contains_key(&caller(&(KEPT_MAX + 49).to_string())), "the newest stay");
        assert_eq!(evidence.failures.first().unwrap().occurred_at, at(50));
    }

    #[test]
    fn a_flood_of_callers_served_in_one_second_is_bounded_too() {
        let mut evidence = Evidence::default();
        (0..3 * KEPT_MAX).for_each(|n| evidence.add_served(caller(&n.to_string()), at(0)));
        assert!(evidence.served.len() <= KEPT_MAX + KEPT_MAX / 4);
    }

    #[test]
    fn an_issue_with_an_end_in_the_past_is_not_open() {
        let issue = |ended_at| HealthIssue {
            event_arn: "arn:aws:health:us-east-1::event/SSO/1".into(),
            service: "SSO".into(),
            event_type_code: "AWS_SSO_OPERATIONAL_ISSUE".into(),
            region: None,
            started_at: None,
            ended_at,
            description: String::new(),
            occurred_at: at(0),
        };
        let mut evidence = Evidence::default();
        evidence.add_health(issue(None));
        assert_eq!(evidence.open_issues(at(10)).count(), 1);
        evidence.add_health(issue(Some(at(5))));
        assert_eq!(evidence.open_issues(at(10)).count(), 0);
        assert_eq!(evidence.health.len(), 1, "two copies of one issue count once");
    }
}
