//! Each incident from close by: who was served and who failed, from shortly before it to shortly after it.
//!
//! In: calls as they are evaluated, and incidents as their notices are made. Out: a [`CloseUp`] for each incident, and the
//! [`Toll`] of all. That an incident has begun is known only later, so the latest calls of each region are kept. Memory is
//! bounded: by calls kept, by bins, by callers of a bin, and by incidents that have bins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::calls::Calls;
use triage_engine::handled::Call;
use triage_model::caller::CallerHash;
use triage_model::region::Region;
use triage_model::time::{before, later};
use triage_notify::words::between;

use crate::replay::bins::{begin, fitting, wider};
use crate::replay::close_up::{CLOSE_UPS_MAX, CloseUp, Slice, Toll};
use crate::replay::growing::Growing;
use crate::replay::review::Story;

/// Calls of a region that are kept, and for how long: longer than evidence is, and what leads up to it.
const RECENT_MAX: usize = 50_000;
const RECENT: Duration = Duration::from_secs(2 * 60 * 60);

/// After its end an incident is watched for this long: it may be reopened.
const WATCHED: Duration = Duration::from_secs(2 * 60 * 60);

/// Columns of its chart.
const COLUMNS_MAX: usize = 120;

/// What is shown before an incident and after it: half of it, but no less and no more than this.
const MARGIN: [Duration; 2] = [Duration::from_secs(10 * 60), Duration::from_secs(60 * 60)];

/// Close-ups as they grow.
#[derive(Debug, Default)]
pub struct CloseUps {
    recent: BTreeMap<Region, VecDeque<Call>>,
    /// Regions in which calls were seen to be served.
    is_served: BTreeSet<Region>,
    growing: Vec<Growing>,
    done: BTreeMap<String, CloseUp>,
    /// Of the incidents that paged, and of all.
    paged: Distinct,
    all: Distinct,
}

#[derive(Debug, Default)]
struct Distinct {
    calls: Calls,
    affected: BTreeSet<CallerHash>,
    active: BTreeSet<CallerHash>,
}

impl Distinct {
    fn add(&mut self, growing: &Growing, calls: Calls) {
        self.calls.add(calls);
        self.active.extend(growing.active());
        self.affected.extend(growing.callers().filter(|(_, failed)| *failed).map(|(caller, _)| caller));
    }

    fn toll(&self) -> Toll {
        Toll { calls: self.calls, affected: self.affected.len(), active: self.active.len() }
    }
}

impl CloseUps {
    pub fn see(&mut self, call: &Call) {
        if call.failed.is_none() && !self.is_served.contains(&call.region) {
            self.is_served.insert(call.region.clone());
        }
        let growing = self.growing.iter_mut().filter(|growing| growing.region == call.region);
        growing.for_each(|growing| growing.see(call));
        let recent = match self.recent.get_mut(&call.region) {
            Some(recent) => recent,
            None => self.recent.entry(call.region.clone()).or_default(),
        };
        let is_old = |first: &Call| first.at < before(call.at, RECENT);
        while recent.len() >= RECENT_MAX || recent.front().is_some_and(is_old) {
            recent.pop_front();
        }
        recent.push_back(call.clone());
    }

    /// Takes how an incident stands after a notice.
    pub fn follow(&mut self, story: &Story) {
        let recent = || self.recent.get(&story.region).into_iter().flatten();
        let from = before(story.began, MARGIN[1]);
        let grown = || {
            let mut growing = Growing::new(story, from);
            recent().for_each(|call| growing.see(call));
            growing
        };
        let are_kept = || recent().next().is_some_and(|first| first.at <= from);
        match self.growing.iter_mut().find(|growing| growing.id == story.id) {
            // What was counted by another scope is counted again, as long as the calls are kept.
            Some(growing) if growing.is_of_other_scope(story) && are_kept() => *growing = grown(),
            Some(growing) => growing.follow(story),
            None => self.growing.push(grown()),
        }
    }

    /// Ends what has been over for long.
    pub fn pass(&mut self, now: Timestamp) {
        let is_done = |growing: &Growing| growing.over_at.is_some_and(|over| later(over, WATCHED) < now);
        if self.growing.iter().any(is_done) {
            let (done, growing) = std::mem::take(&mut self.growing).into_iter().partition(is_done);
            self.growing = growing;
            self.end(done);
        }
    }

    /// Gives each incident its close-up. Out: the toll of those that paged, and of all.
    pub fn close(mut self, stories: &mut [Story]) -> (Toll, Toll) {
        let rest = std::mem::take(&mut self.growing);
        self.end(rest);
        for story in stories {
            story.close_up = self.done.remove(&story.id).unwrap_or_default();
        }
        (self.paged.toll(), self.all.toll())
    }

    fn end(&mut self, done: Vec<Growing>) {
        for growing in done {
            let keeps_bins = self.done.len() < CLOSE_UPS_MAX;
            let close_up = close_up(&growing, self.is_served.contains(&growing.region), keeps_bins);
            if growing.is_paged {
                self.paged.add(&growing, close_up.during);
            }
            self.all.add(&growing, close_up.during);
            self.done.insert(growing.id, close_up);
        }
    }
}

fn close_up(growing: &Growing, is_served: bool, keeps_bins: bool) -> CloseUp {
    let (from, to) = window(growing);
    let active: BTreeSet<CallerHash> = growing.active().collect();
    CloseUp {
        during: growing.during(),
        before: growing.before(from),
        affected: growing.affected(),
        active: is_served.then_some(active.len()),
        are_people: growing.are_people(),
        unanswered: growing.unanswered(),
        ..if keeps_bins { columns(growing, from, to) } else { CloseUp::default() }
    }
}

/// What is shown: the incident, and as much around it as puts it in its place.
fn window(growing: &Growing) -> (Timestamp, Timestamp) {
    let lasted = between(growing.began, growing.ended());
    let margin = (lasted / 2).clamp(MARGIN[0], MARGIN[1]);
    // An end that only the quiet shows may come very late.
    let over = growing.over_at.map_or(growing.ended(), |over| over.min(later(growing.ended(), margin)));
    (before(growing.began, margin), later(over.max(growing.ended()), margin))
}

fn columns(growing: &Growing, from: Timestamp, to: Timestamp) -> CloseUp {
    let minute = Duration::from_secs(60);
    let mut width = fitting(minute, between(from, to), COLUMNS_MAX);
    while width < growing.width {
        width = wider(width);
    }
    let (first, last) = (begin(from.as_second(), width), begin(to.as_second(), width));
    let step = usize::try_from(width.as_secs()).unwrap_or(usize::MAX);
    let starts = (first..=last).step_by(step).filter_map(|second| Timestamp::from_second(second).ok());
    let bins: Vec<Slice> = starts.map(|at| growing.slice(at, later(at, width))).collect();
    let is_empty = bins.iter().all(|bin| bin.calls == Calls::default());
    CloseUp { width, bins: if is_empty { Vec::new() } else { bins }, ..CloseUp::default() }
}

#[cfg(test)]
mod tests;
