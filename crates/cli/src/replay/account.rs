//! What came of a history: the incidents with their notices, the totals, and the course of time.
//!
//! In: what the pipeline made of each second ([`Handled`]), in order. Out: an [`Account`], of which the text, the JSON and
//! the page are functions. Its size does not grow with the history but by its incidents: the course of time has a
//! bounded number of [`Bin`]s, which grow wider instead.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_decode::batch::InputKind;
use triage_engine::answer::{Action, Counts, FailureReport};
use triage_model::classify::{Cause, SERVICE_CAUSES};
use triage_model::observation::Operation;
use triage_model::problem::Problems;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::Region;
use triage_notify::notice::{Notice, Tally};

use crate::replay::life::Judged;
use crate::replay::read::Piece;

/// What came of a history.
#[derive(Debug, Default)]
pub struct Account {
    /// The first and the latest time in it.
    pub span: Option<(Timestamp, Timestamp)>,
    pub files: u64,
    /// Records and lines that were read, ours or not.
    pub records: u64,
    /// Events of other services.
    pub left_alone: u64,
    /// Observations that came too far out of order to be put where they belong.
    pub out_of_order: u64,
    pub counts: Counts,
    pub problems: Problems,
    /// In the order in which they were opened.
    pub incidents: Vec<Story>,
    /// What failed, the most frequent first.
    pub kinds: Vec<KindOfFailure>,
    /// What was told beside them.
    pub advices: Vec<Notice>,
    /// Distinct callers whose calls failed by the service or without an answer.
    pub callers: usize,
    /// The tools of these, the most frequent first.
    pub tools: Vec<Tally>,
    pub chart: Chart,
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
    /// The worst that it was.
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    pub opened_at: Timestamp,
    /// None where the history ends before it does.
    pub over_at: Option<Timestamp>,
    /// The most callers that were hit at one time.
    pub callers: usize,
    /// The first and the latest failure that it was of; its opening where no failure was seen.
    pub failed: (Timestamp, Timestamp),
    /// What would have been told of it, in order.
    pub notices: Vec<Notice>,
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
    /// Distinct callers whose calls failed by the service or without an answer.
    pub callers: u64,
    pub served: u64,
}

/// A page whose failures span less than this, of fewer callers than that, and that nobody confirmed, looks false.
const SHORT: Duration = Duration::from_secs(5 * 60);
const FEW_CALLERS: usize = 5;

impl Story {
    /// Whether people would rather not have been woken up for it.
    pub fn looks_false(&self) -> bool {
        let lasted = self.failed.1.duration_since(self.failed.0).unsigned_abs();
        let confirmed = self.notices.iter().any(|notice| notice.aws_health);
        self.severity == Severity::Page
            && self.callers < FEW_CALLERS
            && lasted < SHORT
            && self.over_at.is_some()
            && !confirmed
    }

    /// When the trouble began, as far as was told.
    pub fn began(&self) -> Timestamp {
        let since = self.notices.first().and_then(|first| first.times.since);
        since.unwrap_or(self.opened_at).min(self.opened_at)
    }

    /// When somebody would have been woken up.
    pub fn paged_at(&self) -> Option<Timestamp> {
        self.notices.iter().find(|notice| notice.severity == Severity::Page).map(|notice| notice.at)
    }
}

impl Account {
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

/// An account as it grows.
#[derive(Debug, Default)]
pub struct Bookkeeper {
    account: Account,
    callers: HashSet<u64>,
    tools: HashMap<String, usize>,
    kinds: HashMap<Kindred, (u64, String)>,
    /// The distinct callers of each bin.
    hit: Vec<HashSet<u64>>,
}

/// The course of time has at most so many bins: more than a screen has room for.
const BINS_MAX: usize = 480;

/// The first width of a bin: no shorter than what a tick is.
const BIN: Duration = Duration::from_secs(60);

/// Callers counted of one bin, and tools of all: what is more makes no difference to a reader.
const HIT_MAX: usize = 20_000;
const TOOLS_MAX: usize = 1_000;
const KINDS_MAX: usize = 1_000;

/// What failures of one kind have in common.
type Kindred = (Cause, Option<Operation>, Option<String>, Option<u16>);

/// Tools listed.
const TOOLS_LISTED: usize = 20;

impl Bookkeeper {
    /// Takes what was read.
    pub fn read(&mut self, piece: &Piece) {
        self.account.records += piece.records;
        self.account.left_alone += piece.left_alone;
        self.account.counts.own += piece.own;
        self.account.problems.merge(piece.problems.clone());
    }

    /// Takes what was judged.
    pub fn judged(&mut self, judged: &Judged) {
        let Judged { at, tools, handled } = judged;
        self.account.counts.merge(&handled.answer.counts);
        if handled.kind != InputKind::Schedule {
            let (first, latest) = self.account.span.unwrap_or((*at, *at));
            self.account.span = Some((first.min(*at), latest.max(*at)));
            let bin = self.bin(*at);
            self.account.chart.bins[bin].served += handled.answer.counts.success;
            for (failure, tool) in handled.answer.failures.iter().zip(tools) {
                if failure.action != Action::Duplicate {
                    self.failed(bin, failure, tool.as_deref());
                }
            }
        }
        for notice in &handled.notices {
            self.told(notice);
        }
        for incident in &handled.answer.incidents {
            let story = self.account.incidents.iter_mut().rev().find(|story| story.id == incident.id);
            let verdict = handled.verdicts.get(&incident.region);
            if let (Some(story), Some(verdict)) = (story, verdict) {
                story.callers = story.callers.max(verdict.callers);
                story.failed.1 = story.failed.1.max(verdict.latest.unwrap_or(story.failed.1));
            }
        }
    }

    fn failed(&mut self, bin: usize, failure: &FailureReport, tool: Option<&str>) {
        *self.account.chart.bins[bin].failures.entry(failure.cause).or_default() += 1;
        let code = failure.code.as_deref().map(|code| one_line(code, SHOWN_NAME_MAX));
        let kind = (failure.cause, failure.operation, code, failure.status);
        if self.kinds.len() < KINDS_MAX || self.kinds.contains_key(&kind) {
            self.kinds.entry(kind).or_insert_with(|| (0, failure.advice.clone())).0 += 1;
        }
        if !SERVICE_CAUSES.contains(&failure.cause) {
            return;
        }
        let caller = failure.caller.to_bits();
        self.callers.insert(caller);
        if self.hit[bin].len() < HIT_MAX {
            self.hit[bin].insert(caller);
        }
        if let Some(tool) = tool.filter(|tool| self.tools.len() < TOOLS_MAX || self.tools.contains_key(*tool)) {
            *self.tools.entry(tool.to_owned()).or_default() += 1;
        }
    }

    fn told(&mut self, notice: &Notice) {
        let Some(id) = &notice.incident else { return self.account.advices.push(notice.clone()) };
        let position = self.account.incidents.iter().rposition(|story| story.id == *id);
        let story = match position {
            Some(position) => &mut self.account.incidents[position],
            None => {
                self.account.incidents.push(Story {
                    id: id.clone(),
                    region: notice.region.clone(),
                    diagnosis: notice.diagnosis,
                    severity: notice.severity,
                    opened_at: notice.at,
                    over_at: None,
                    callers: 0,
                    failed: (notice.times.since.unwrap_or(notice.at), notice.times.since.unwrap_or(notice.at)),
                    notices: Vec::new(),
                });
                let last = self.account.incidents.len() - 1;
                &mut self.account.incidents[last]
            }
        };
        story.diagnosis = story.diagnosis.min(notice.diagnosis);
        story.severity = story.severity.min(notice.severity);
        story.over_at = notice.times.over_at;
        story.callers = story.callers.max(notice.impact.callers).max(notice.impact.most_callers);
        story.notices.push(notice.clone());
    }

    /// The place of a time in the chart, which grows or coarsens until it has one.
    fn bin(&mut self, at: Timestamp) -> usize {
        loop {
            let chart = &mut self.account.chart;
            let width = chart.width.as_secs() as i64;
            let begin = at.as_second().div_euclid(width) * width;
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
                while self.account.chart.bins.len() <= place {
                    let next = self.account.chart.bins.last().map_or(begin, |bin| bin.at.as_second() + width);
                    self.append(next);
                }
                return place;
            }
            self.coarsen();
        }
    }

    fn append(&mut self, second: i64) {
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        self.account.chart.bins.push(Bin { at, failures: BTreeMap::new(), callers: 0, served: 0 });
        self.hit.push(HashSet::new());
    }

    /// Twice the width, and half the bins.
    fn coarsen(&mut self) {
        let chart = &mut self.account.chart;
        chart.width *= 2;
        let width = chart.width.as_secs() as i64;
        let bins = std::mem::take(&mut chart.bins);
        let hit = std::mem::take(&mut self.hit);
        for (bin, callers) in bins.into_iter().zip(hit) {
            let begin = bin.at.as_second().div_euclid(width) * width;
            if self.account.chart.bins.last().is_none_or(|last| last.at.as_second() != begin) {
                self.append(begin);
            }
            let (Some(into), Some(all)) = (self.account.chart.bins.last_mut(), self.hit.last_mut()) else { continue };
            into.served += bin.served;
            for (cause, count) in bin.failures {
                *into.failures.entry(cause).or_default() += count;
            }
            all.extend(callers.into_iter().take(HIT_MAX.saturating_sub(all.len())));
        }
    }

    /// The account, once all is taken.
    pub fn close(mut self, files: u64, out_of_order: u64, interrupted: bool) -> Account {
        for (bin, hit) in self.account.chart.bins.iter_mut().zip(&self.hit) {
            bin.callers = hit.len() as u64;
        }
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
        Account { files, out_of_order, interrupted, callers: self.callers.len(), tools, kinds, ..self.account }
    }
}
