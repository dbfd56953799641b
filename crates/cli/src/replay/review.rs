//! What came of a history, as data: the incidents with their notices, the totals, and the course of time.
//!
//! The text, the JSON and the page are functions of a [`Review`]. Its size does not grow with the history but by its
//! incidents: the course of time has a bounded number of [`Bin`]s, which grow wider instead.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::objective::Objective;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::answer::Counts;
use triage_model::classify::Cause;
use triage_model::observation::Operation;
use triage_model::problem::Problems;
use triage_model::region::Region;
use triage_model::time::lasted;
use triage_notify::notice::{BudgetCost, NamedScope, Notice, Tally};
use triage_notify::words::{between, counted};

use crate::replay::clock_by::ClockBy;
use crate::replay::close_up::{CloseUp, Toll};

/// The first width of a bin: no shorter than what a tick is.
pub const BIN: Duration = Duration::from_secs(60);

/// What came of a history.
#[derive(Debug, Default)]
pub struct Review {
    /// The clock.
    pub by: ClockBy,
    /// What nothing tells the arrival of, where arrival is the clock: it is evaluated at its own time.
    pub without_arrival: u64,
    /// The first and the latest time in it.
    pub span: Option<(Timestamp, Timestamp)>,
    pub files: u64,
    /// Records and lines that were read, ours or not.
    pub records: u64,
    /// Events of other services.
    pub left_alone: u64,
    /// Calls outside of the times or regions that were asked for.
    pub outside: u64,
    /// Times are shown in it, beside UTC.
    pub zone: Option<TimeZone>,
    /// Observations that came too far out of order to be put where they belong.
    pub out_of_order: u64,
    pub counts: Counts,
    pub problems: Problems,
    /// In the order in which they were opened.
    pub incidents: Vec<Story>,
    /// What failed, the most frequent first.
    pub kinds: Vec<KindOfFailure>,
    /// Advice notices beside them.
    pub advices: Vec<Notice>,
    /// Distinct callers that were hit: by the service, without an answer, or by a key or policy.
    pub callers: usize,
    /// The tools of these, the most frequent first.
    pub tools: Vec<Tally>,
    /// Of the incidents that paged, and of all.
    pub paged_toll: Toll,
    pub toll: Toll,
    pub chart: Chart,
    /// At the end of the history, of all regions together; None where no served call was seen.
    pub objective: Option<Objective>,
    /// It was interrupted: all of it is of the history up to there.
    pub interrupted: bool,
}

/// Failures that mean the same.
#[derive(Clone, Debug, PartialEq)]
pub struct KindOfFailure {
    pub operation: Option<Operation>,
    pub code: Option<String>,
    pub status: Option<u16>,
    pub cause: Cause,
    pub count: u64,
    /// To whoever made the call.
    pub advice: String,
}

/// One incident, from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    pub id: String,
    pub region: Region,
    /// By its latest notice: the worst that it was.
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    pub opened_at: Timestamp,
    /// When it was confirmed over, or given up; None where the history ends before it does.
    pub over_at: Option<Timestamp>,
    /// Of one that is over: whether its end is proved.
    pub proved: bool,
    /// Where it fails, by its latest notice.
    pub scope: Option<NamedScope>,
    /// Distinct callers hit from beginning to end, and whether that is an estimate.
    pub callers: usize,
    pub about: bool,
    /// Its first failure, or when it was opened; and its latest one, where any was seen.
    pub began: Timestamp,
    pub latest: Option<Timestamp>,
    /// How long it was over before it was reopened.
    pub over_for: Duration,
    /// The notices of it, in order.
    pub notices: Vec<Notice>,
    /// Known at the end of the history.
    pub close_up: CloseUp,
}

/// The course of time, in bins of one width.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub width: Duration,
    pub bins: Vec<Bin>,
}

/// What happened within one width from `at` on.
#[derive(Clone, Debug, PartialEq)]
pub struct Bin {
    pub at: Timestamp,
    pub failures: BTreeMap<Cause, u64>,
    /// Distinct callers that were hit, as in [`Review::callers`].
    pub callers: u64,
    pub served: u64,
}

/// A page whose failures span less than this, of fewer callers than that, and that nobody confirmed, looks false.
const SHORT: Duration = Duration::from_secs(5 * 60);
const FEW_CALLERS: usize = 5;

impl Story {
    /// What it cost of the error budget, as its latest end says.
    pub fn cost(&self) -> Option<BudgetCost> {
        self.notices.iter().rev().find_map(|notice| notice.error_budget)
    }

    /// Whether people would rather not have been woken up for it.
    pub fn looks_false(&self) -> bool {
        let lasted = self.latest.map_or(Duration::ZERO, |latest| between(self.began, latest));
        let confirmed = self.notices.iter().any(|notice| notice.aws_health);
        self.severity == Severity::Page
            && self.callers < FEW_CALLERS
            && lasted < SHORT
            && self.over_at.is_some()
            && !confirmed
    }

    /// How long it lasted, from its first failure to its latest: neither the proof nor the quiet time after it is outage. None
    /// where it is not over.
    pub fn lasted(&self) -> Option<Duration> {
        self.ended().map(|ended| self.lasted_until(ended))
    }

    /// The same up to that time, without the time in which it was over.
    pub fn lasted_until(&self, until: Timestamp) -> Duration {
        lasted(self.began, until).saturating_sub(self.over_for)
    }

    /// When its latest failure was, as far as is known; None while it goes on.
    pub fn ended(&self) -> Option<Timestamp> {
        self.over_at.map(|over| self.latest.unwrap_or(over).max(self.began))
    }

    /// `12 callers`, `about 4000 callers`.
    pub fn callers_in_words(&self) -> String {
        let (affected, is_about) = self.affected();
        let callers = counted(affected, "caller");
        if is_about { format!("about {callers}") } else { callers }
    }

    /// Distinct affected callers, and whether that is an estimate. What notices estimate, a history has all calls of.
    pub fn affected(&self) -> (usize, bool) {
        match self.close_up.affected.filter(|affected| self.about && *affected > 0) {
            Some(counted) => (counted, false),
            None => (self.callers, self.about),
        }
    }

    /// `StartDeviceAuthorization`; None where it is of the whole region.
    pub fn scope_in_words(&self) -> Option<String> {
        self.scope.as_ref().and_then(NamedScope::in_words)
    }

    /// Whether two are of one tool, network or application, or both of none.
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        let of = |story: &Self| {
            let scope = story.scope.clone().unwrap_or_default();
            (scope.tool, scope.network, scope.application)
        };
        of(self) == of(other)
    }

    /// Incidents of one region that overlap may be one trouble.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ends = |story: &Self| story.over_at.unwrap_or(Timestamp::MAX);
        self.region == other.region && self.began <= ends(other) && other.began <= ends(self)
    }

    /// The notice that shows the most of who was affected: of those with the most callers the latest. That of an end has
    /// numbers alone.
    pub fn fullest(&self) -> Option<&Notice> {
        self.notices.iter().filter(|notice| !notice.impact.codes.is_empty()).max_by_key(|notice| notice.impact.callers)
    }

    /// When somebody would have been woken up.
    pub fn paged_at(&self) -> Option<Timestamp> {
        self.notices.iter().find(|notice| notice.severity == Severity::Page).map(|notice| notice.at)
    }
}

impl Review {
    /// By what it is evaluated, and of how much that is not known.
    pub fn clock(&self) -> String {
        let clock = self.by.in_words();
        match self.without_arrival {
            0 => clock.to_owned(),
            some => {
                format!(
                    "{clock}; of {} that is not known: evaluated at their own times",
                    counted(some as usize, "event")
                )
            }
        }
    }

    pub fn pages(&self) -> impl Iterator<Item = &Story> {
        self.incidents.iter().filter(|story| story.severity == Severity::Page)
    }

    /// Incidents that nobody would have been woken up for.
    pub fn warnings(&self) -> usize {
        self.incidents.len() - self.pages().count()
    }

    pub fn false_looking_pages(&self) -> usize {
        self.pages().filter(|story| story.looks_false()).count()
    }

    pub fn notices(&self) -> usize {
        self.advices.len() + self.incidents.iter().map(|story| story.notices.len()).sum::<usize>()
    }
}

impl Default for Chart {
    fn default() -> Self {
        Self { width: BIN, bins: Vec::new() }
    }
}
