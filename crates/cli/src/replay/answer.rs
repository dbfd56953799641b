//! What a reader of a report wants to know first: how long, how many people, how many calls, whose fault, how late.
//!
//! In: a [`Review`]. Out: an [`Answer`], of the incidents that paged, or of all where none did. The page and the post-mortem
//! say the same because both are made of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::calls::Calls;
use triage_decide::verdict::Severity;
use triage_notify::words::between;

use crate::replay::fault::{Bad, Fault, covered};
use crate::replay::review::{Review, Story};

/// The answer, of some incidents.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub incidents: usize,
    /// It is of the incidents that paged; so many others paged nobody.
    pub is_of_pages: bool,
    pub others: usize,
    /// Most could not sign in; some could not; a part failed.
    pub down: BadTime,
    pub degraded: BadTime,
    pub failing: BadTime,
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

/// How long one kind of bad time was, in seconds, and in how many incidents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadTime {
    pub seconds: u64,
    pub incidents: usize,
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
        let (affected, is_about) = story.affected();
        Self {
            affected,
            is_about,
            active: story.close_up.active.map(|active| active.max(affected)),
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
        let time = |bad: Bad| {
            let own = || stories.iter().filter(|it| is(it, bad));
            let over_for: u64 = own().map(|it| it.over_for.as_secs()).sum();
            let seconds = covered(own().map(|it| times(it, last)).collect()).saturating_sub(over_for);
            BadTime { seconds, incidents: own().count() }
        };
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
            down: time(Bad::Down),
            degraded: time(Bad::Degraded),
            failing: time(Bad::Partial),
            open: stories.iter().filter(|story| story.over_at.is_none()).count(),
            affected,
            calls: toll.calls,
            are_served_seen: affected.active.is_some(),
            faults: faults(&stories),
            noticed: noticed.clone().min().zip(noticed.max()),
        })
    }

    /// The kinds of bad time that there were, the worst first.
    pub fn bad_times(&self) -> Vec<(Bad, BadTime)> {
        let all = [(Bad::Down, self.down), (Bad::Degraded, self.degraded), (Bad::Partial, self.failing)];
        all.into_iter().filter(|(_, time)| time.incidents > 0).collect()
    }

    /// The worst of them.
    pub fn worst(&self) -> (Bad, BadTime) {
        self.bad_times().first().copied().unwrap_or((Bad::Partial, self.failing))
    }
}

pub fn is(story: &Story, bad: Bad) -> bool {
    Bad::of(story.diagnosis) == bad
}

/// From its first failure to its latest; where it is open, to the end of the history.
pub fn times(story: &Story, last: Option<Timestamp>) -> (Timestamp, Timestamp) {
    let open = || last.unwrap_or(story.began).max(story.began);
    (story.began, story.ended().unwrap_or_else(open))
}

/// How long it lasted, or has lasted by the end of the history.
pub fn lasted_so_far(story: &Story, last: Option<Timestamp>) -> Duration {
    story.lasted_until(times(story, last).1)
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
