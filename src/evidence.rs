//! What is known of one region: who failed when and why, who was served, what AWS Health says.
//!
//! Into it go marks; out of it come the counts that a diagnosis rests on. Pure: `now` is an argument, and the order in
//! which marks arrive, and how often, changes nothing.

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
        if self.served.len() > KEPT_MAX
            && let Some(oldest) = self.served.iter().min_by_key(|(_, at)| **at).map(|(caller, _)| *caller)
        {
            self.served.remove(&oldest);
        }
    }

    /// Of two states of one issue the later one counts. An end, once told, is not taken back by an older copy.
    pub fn add_health(&mut self, issue: HealthIssue) {
        let known = self.health.entry(issue.event_arn.clone()).or_insert_with(|| issue.clone());
        if issue.occurred_at >= known.occurred_at {
            *known = issue;
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

    /// The failures within `window` before `now`, in order of time.
    pub fn recent(&self, now: Timestamp, window: Duration) -> impl Iterator<Item = &Mark> + Clone {
        let from = before(now, window);
        self.failures.iter().filter(move |mark| mark.occurred_at >= from)
    }

    /// The callers whose latest call within `window` failed with one of `causes`, each with the first such failure.
    pub fn hit(&self, now: Timestamp, window: Duration, causes: &[Cause]) -> BTreeMap<CallerHash, &Mark> {
        let mut hit = BTreeMap::new();
        for mark in self.recent(now, window).filter(|mark| causes.contains(&mark.cause)) {
            let served_since = self.served.get(&mark.caller).is_some_and(|at| *at >= mark.occurred_at);
            if !served_since {
                hit.entry(mark.caller).or_insert(mark);
            }
        }
        hit
    }

    /// The callers served within `window` before `now`.
    pub fn served_callers(&self, now: Timestamp, window: Duration) -> usize {
        let from = before(now, window);
        self.served.values().filter(|at| **at >= from).count()
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
    fn invented_callers_do_not_fill_the_memory() {
        let mut evidence = Evidence::default();
        for n in 0..(KEPT_MAX as i64 + 50) {
            evidence.add_failure(mark(&n.to_string(), n, Cause::Service));
            evidence.add_served(caller(&n.to_string()), at(n));
        }
        assert_eq!((evidence.failures.len(), evidence.served.len()), (KEPT_MAX, KEPT_MAX));
        assert_eq!(evidence.failures.first().unwrap().occurred_at, at(50));
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
