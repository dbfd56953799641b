//! How a [`Review`] grows.
//!
//! In: what was read, and what the pipeline made of each second, in order. Out: the review. What is counted by name is
//! kept in the order of the names, so that the same history gives the same review.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::objective::Objective;
use triage_decode::batch::InputKind;
use triage_engine::answer::{Action, FailureReport};
use triage_model::caller::CallerHash;
use triage_model::classify::{Cause, FAILED_CAUSES};
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_notify::notice::{Notice, Tally};

use crate::replay::bins;
use crate::replay::close_up::CloseUp;
use crate::replay::close_ups::CloseUps;
use crate::replay::life::Moment;
use crate::replay::reading::Reading;
use crate::replay::review::{Bin, KindOfFailure, Review, Story};
use crate::replay::run::End;

/// A review as it grows.
#[derive(Debug, Default)]
pub struct Reviewer {
    review: Review,
    callers: BTreeSet<CallerHash>,
    tools: BTreeMap<String, usize>,
    kinds: BTreeMap<Kindred, (u64, String)>,
    /// The distinct callers of each bin.
    hit: Vec<BTreeSet<CallerHash>>,
    /// None where nobody reads them.
    close_ups: Option<CloseUps>,
}

/// The course of time has at most so many bins: a day of five minutes each, a month of an hour each.
const BINS_MAX: usize = 24 * 31 + 2;

/// Callers counted of one bin, and tools of all: what is more makes no difference to a reader.
const HIT_MAX: usize = 20_000;
const TOOLS_MAX: usize = 1_000;
const KINDS_MAX: usize = 1_000;

/// What failures of one kind have in common.
type Kindred = (Cause, Option<Operation>, Option<String>, Option<u16>);

/// Tools listed.
const TOOLS_LISTED: usize = 20;

impl Reviewer {
    /// For a report: with each incident from close by.
    pub fn of_a_report() -> Self {
        Self { close_ups: Some(CloseUps::default()), ..Self::default() }
    }

    /// Takes what was read.
    pub fn read(&mut self, reading: &Reading) {
        self.review.records += reading.records;
        self.review.left_alone += reading.left_alone;
        self.review.outside += reading.outside;
        self.review.without_arrival += reading.without_arrival;
        self.review.counts.own += reading.own;
        self.review.problems.merge(reading.problems.clone());
    }

    /// Takes what was evaluated.
    pub fn classified(&mut self, moment: &Moment) {
        let Moment { at, tools, handled } = moment;
        self.review.counts.merge(&handled.answer.counts);
        if handled.kind != InputKind::Schedule {
            let (first, latest) = self.review.span.unwrap_or((*at, *at));
            self.review.span = Some((first.min(*at), latest.max(*at)));
            let bin = self.bin(*at);
            self.review.chart.bins[bin].served += handled.answer.counts.success;
            for (failure, tool) in handled.answer.failures.iter().zip(tools) {
                if failure.action != Action::Duplicate {
                    self.failed(bin, failure, tool.as_deref());
                }
            }
        }
        // Only what ends the history has them beside the ticks: the hours after it say nothing of it.
        if handled.kind != InputKind::Schedule && !handled.objectives.is_empty() {
            self.review.objective = Objective::together(handled.objectives.values());
        }
        if let Some(close_ups) = &mut self.close_ups {
            handled.calls.iter().for_each(|call| close_ups.see(call));
        }
        for notice in &handled.notices {
            self.told(notice);
        }
        if let Some(close_ups) = &mut self.close_ups {
            close_ups.pass(*at);
        }
    }

    fn failed(&mut self, bin: usize, failure: &FailureReport, tool: Option<&str>) {
        *self.review.chart.bins[bin].failures.entry(failure.cause).or_default() += 1;
        let code = failure.code.as_deref().map(|code| one_line(code, SHOWN_NAME_MAX));
        let kind = (failure.cause, failure.operation, code, failure.status);
        if self.kinds.len() < KINDS_MAX || self.kinds.contains_key(&kind) {
            self.kinds.entry(kind).or_insert_with(|| (0, failure.advice.clone())).0 += 1;
        }
        if !FAILED_CAUSES.contains(&failure.cause) {
            return;
        }
        self.callers.insert(failure.caller);
        if self.hit[bin].len() < HIT_MAX {
            self.hit[bin].insert(failure.caller);
        }
        if let Some(tool) = tool.filter(|tool| self.tools.len() < TOOLS_MAX || self.tools.contains_key(*tool)) {
            *self.tools.entry(tool.to_owned()).or_default() += 1;
        }
    }

    fn told(&mut self, notice: &Notice) {
        let Some(id) = &notice.incident else { return self.review.advices.push(notice.clone()) };
        let position = self.review.incidents.iter().rposition(|story| story.id == *id);
        let story = match position {
            Some(position) => &mut self.review.incidents[position],
            None => {
                self.review.incidents.push(Story {
                    id: id.clone(),
                    region: notice.region.clone(),
                    diagnosis: notice.diagnosis,
                    severity: notice.severity,
                    opened_at: notice.at,
                    over_at: None,
                    proved: false,
                    scope: None,
                    callers: 0,
                    about: false,
                    began: notice.at,
                    latest: None,
                    over_for: Duration::ZERO,
                    notices: Vec::new(),
                    close_up: CloseUp::default(),
                });
                let last = self.review.incidents.len() - 1;
                &mut self.review.incidents[last]
            }
        };
        // An incident is named by the worst that it was, unless it was taken for another one.
        story.diagnosis = notice.diagnosis;
        story.severity = story.severity.min(notice.severity);
        story.over_at = notice.times.over_at;
        story.proved = notice.proved.unwrap_or(false);
        story.callers = story.callers.max(notice.impact.callers);
        story.about |= notice.impact.about;
        story.began = notice.times.since.map_or(story.began, |since| since.min(story.began));
        story.latest = story.latest.max(notice.times.latest);
        story.over_for = Duration::from_secs(notice.times.over_for_s);
        if notice.scope.is_some() {
            story.scope.clone_from(&notice.scope);
        }
        story.notices.push(notice.clone());
        if let Some(close_ups) = &mut self.close_ups {
            close_ups.follow(story);
        }
    }

    /// The place of a time in the chart, which grows or coarsens until it has one.
    fn bin(&mut self, at: Timestamp) -> usize {
        loop {
            let chart = &mut self.review.chart;
            let width = chart.width.as_secs() as i64;
            let begin = bins::begin(at.as_second(), chart.width);
            let Some(first) = chart.bins.first().map(|bin| bin.at.as_second()) else {
                self.append(begin);
                return 0;
            };
            // What comes before the first time is counted with it: there is little of that.
            let place = usize::try_from((begin - first) / width).unwrap_or(0);
            if place < chart.bins.len() {
                return place;
            }
            if place < BINS_MAX {
                while self.review.chart.bins.len() <= place {
                    let next = self.review.chart.bins.last().map_or(begin, |bin| bin.at.as_second() + width);
                    self.append(next);
                }
                return place;
            }
            self.coarsen();
        }
    }

    fn append(&mut self, second: i64) {
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        self.review.chart.bins.push(Bin { at, failures: BTreeMap::new(), callers: 0, served: 0 });
        self.hit.push(BTreeSet::new());
    }

    /// A greater width, and fewer bins.
    fn coarsen(&mut self) {
        let chart = &mut self.review.chart;
        chart.width = bins::wider(chart.width);
        let width = chart.width;
        let bins = std::mem::take(&mut chart.bins);
        let hit = std::mem::take(&mut self.hit);
        for (bin, callers) in bins.into_iter().zip(hit) {
            let begin = bins::begin(bin.at.as_second(), width);
            if self.review.chart.bins.last().is_none_or(|last| last.at.as_second() != begin) {
                self.append(begin);
            }
            let (Some(into), Some(all)) = (self.review.chart.bins.last_mut(), self.hit.last_mut()) else { continue };
            into.served += bin.served;
            for (cause, count) in bin.failures {
                *into.failures.entry(cause).or_default() += count;
            }
            all.extend(callers.into_iter().take(HIT_MAX.saturating_sub(all.len())));
        }
    }

    /// The review, once all is taken.
    pub fn close(mut self, end: End) -> Review {
        let End { by, files, out_of_order, interrupted, skipped: _ } = end;
        for (bin, hit) in self.review.chart.bins.iter_mut().zip(&self.hit) {
            bin.callers = hit.len() as u64;
        }
        let close_ups = self.close_ups.take().unwrap_or_default();
        let (paged_toll, toll) = close_ups.close(&mut self.review.incidents);
        let mut tools: Vec<Tally> = self.tools.into_iter().map(|(name, count)| Tally { name, count }).collect();
        tools.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        tools.truncate(TOOLS_LISTED);
        let mut kinds: Vec<KindOfFailure> = self
            .kinds
            .into_iter()
            .map(|((cause, operation, code, status), (count, advice))| KindOfFailure {
                operation,
                code,
                status,
                cause,
                count,
                advice,
            })
            .collect();
        kinds.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.code, a.operation).cmp(&(&b.code, b.operation))));
        kinds.truncate(TOOLS_LISTED);
        let callers = self.callers.len();
        Review { by, files, out_of_order, interrupted, callers, tools, kinds, paged_toll, toll, ..self.review }
    }
}

#[cfg(test)]
mod tests;
