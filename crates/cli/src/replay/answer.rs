//! What a reader of a report wants to know first: how long, how many people, how many calls, whose fault, how late.
//!
//! In: a [`Review`]. Out: an [`Answer`], of the incidents that paged, or of all where none did. The page and the post-mortem
//! say the same because both are made of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::verdict::Severity;
use triage_notify::words::between;

use crate::replay::close_up::Calls;
use crate::replay::fault::{Bad, Fault, covered};
use crate::replay::review::{Review, Story};

/// The answer, of some incidents.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub incidents: usize,
    /// It is of the incidents that paged; so many others paged nobody.
    pub is_of_pages: bool,
    pub others: usize,
    /// In seconds: most could not sign in; some could not; a part failed.
    pub down: u64,
    pub degraded: u64,
    pub failing: u64,
    pub open: usize,
    pub affected: HeadCount,
    /// Calls while it lasted; none served where those are not seen.
    pub calls: Calls,
    pub are_served_seen: bool,
    /// The most frequent first, each with how many incidents.
    pub faults: Vec<(Fault, usize)>,
    /// The soonest and the latest that an incident was noticed after its first failure.
    pub noticed: Option<(Duration, Duration)>,
}

/// How many were affected, of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadCount {
    pub affected: usize,
    pub is_about: bool,
    /// Callers that called meanwhile; None where served calls are not seen.
    pub active: Option<usize>,
    pub are_people: bool,
}

impl HeadCount {
    pub fn of(story: &Story) -> Self {
        // What notices estimate, a history has all calls of.
        let counted = story.close_up.affected.filter(|affected| story.about && *affected > 0);
        let affected = counted.unwrap_or(story.callers);
        // As its notices say it, so that a report does not contradict them.
        let seen = story.notices.iter().rev().find_map(|notice| notice.impact.seen);
        Self {
            affected,
            is_about: story.about && counted.is_none(),
            active: story.close_up.active.map(|active| seen.unwrap_or(active).max(affected)),
            are_people: story.close_up.are_people,
        }
    }

    pub const fn noun(&self, count: usize) -> &'static str {
        match (self.are_people, count) {
            (true, 1) => "person",
            (true, _) => "people",
            (false, 1) => "caller",
            (false, _) => "callers",
        }
    }
}

impl Answer {
    /// None where there was no incident.
    pub fn of(review: &Review) -> Option<Self> {
        let pages: Vec<&Story> = review.pages().collect();
        let is_of_pages = !pages.is_empty();
        let toll = if is_of_pages { &review.paged_toll } else { &review.toll };
        let stories = if is_of_pages { pages } else { review.incidents.iter().collect() };
        let incidents = stories.len();
        let last = review.span.map(|(_, last)| last);
        let seconds = |bad: Bad| covered(stories.iter().filter(|it| is(it, bad)).map(|it| times(it, last)).collect());
        let affected = match stories.as_slice() {
            [] => return None,
            [one] => HeadCount::of(one),
            several => {
                let counts = several.iter().map(|story| HeadCount::of(story));
                let most = counts.clone().map(|count| count.affected).max().unwrap_or(0);
                let affected = toll.affected.max(most);
                let sees_all = several.iter().any(|story| story.close_up.active.is_some());
                HeadCount {
                    affected,
                    is_about: counts.clone().any(|count| count.is_about),
                    active: sees_all.then(|| {
                        counts.clone().filter_map(|count| count.active).fold(toll.active.max(affected), usize::max)
                    }),
                    are_people: several.iter().all(|story| story.close_up.are_people),
                }
            }
        };
        let noticed = stories.iter().map(|story| between(story.began, story.opened_at));
        Some(Self {
            incidents,
            is_of_pages,
            others: review.incidents.len() - incidents,
            down: seconds(Bad::Down),
            degraded: seconds(Bad::Degraded),
            failing: seconds(Bad::Partial),
            open: stories.iter().filter(|story| story.over_at.is_none()).count(),
            affected,
            calls: toll.calls,
            are_served_seen: affected.active.is_some(),
            faults: faults(&stories),
            noticed: noticed.clone().min().zip(noticed.max()),
        })
    }

    /// The worst that there was, and for how many seconds.
    pub const fn worst(&self) -> (Bad, u64) {
        match (self.down, self.degraded) {
            (1.., _) => (Bad::Down, self.down),
            (0, 1..) => (Bad::Degraded, self.degraded),
            (0, 0) => (Bad::Partial, self.failing),
        }
    }
}

fn is(story: &Story, bad: Bad) -> bool {
    Bad::of(story.diagnosis) == bad
}

/// From its first failure to its latest; where it is open, to the end of the history.
pub fn times(story: &Story, last: Option<Timestamp>) -> (Timestamp, Timestamp) {
    let open = || last.unwrap_or(story.began).max(story.began);
    (story.began, story.ended().unwrap_or_else(open))
}

fn faults(stories: &[&Story]) -> Vec<(Fault, usize)> {
    let mut counts: BTreeMap<Fault, usize> = BTreeMap::new();
    for story in stories {
        *counts.entry(Fault::of(story)).or_default() += 1;
    }
    let mut faults: Vec<(Fault, usize)> = counts.into_iter().collect();
    faults.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    faults
}

/// Whether somebody was paged for it.
pub fn is_page(story: &Story) -> bool {
    story.severity == Severity::Page
}
