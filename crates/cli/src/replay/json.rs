//! What came of a history, as JSON: one object a line, by `docs/replay.schema.json`.
//!
//! In: what was decided, as it goes, and at the end the [`Review`]. Out: a line for each failure and each notice, one for each
//! text of advice before the first failure that has it, at the end one for each incident, and a last one with the totals.
//! Members are only ever added. Times are in UTC.

use std::collections::HashMap;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::answer::{Counts, FailureReport};
use triage_model::problem::Problems;
use triage_model::region::Region;
use triage_notify::notice::{BudgetCost, NamedScope, NoticeKind, Tally};

use crate::format::json_line;
use crate::replay::budget::BudgetLine;
use crate::replay::clock_by::ClockBy;
use crate::replay::life::Moment;
use crate::replay::review::Review;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Line<'a> {
    Advice {
        id: usize,
        text: &'a str,
    },
    Failure {
        at: Timestamp,
        #[serde(flatten)]
        failure: &'a FailureReport,
        /// Of the line of type `advice`.
        advice_id: usize,
    },
    Notice {
        at: Timestamp,
        id: &'a str,
        sequence: u32,
        kind: NoticeKind,
        diagnosis: Diagnosis,
        severity: Severity,
        incident: Option<&'a str>,
        region: &'a Region,
        subject: &'a str,
        /// Null for an advice.
        scope: Option<&'a NamedScope>,
        /// Distinct callers hit since the incident began, and whether that is an estimate.
        callers: usize,
        about: bool,
        /// The first and the latest failure of the incident.
        since: Option<Timestamp>,
        latest: Option<Timestamp>,
        reasons: &'a [String],
    },
    /// Of its whole life, once it is known.
    Incident {
        id: &'a str,
        region: &'a Region,
        diagnosis: Diagnosis,
        severity: Severity,
        scope: Option<&'a NamedScope>,
        opened_at: Timestamp,
        paged_at: Option<Timestamp>,
        since: Timestamp,
        latest: Option<Timestamp>,
        /// Null where it is still open when the history ends.
        over_at: Option<Timestamp>,
        proved: bool,
        callers: usize,
        about: bool,
        notices: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        error_budget: Option<BudgetCost>,
        looks_false: bool,
    },
    Summary {
        clock: ClockBy,
        #[serde(skip_serializing_if = "Option::is_none")]
        without_arrival: Option<u64>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        files: u64,
        records: u64,
        counts: &'a Counts,
        problems: &'a Problems,
        left_alone: u64,
        outside: u64,
        out_of_order: u64,
        incidents: usize,
        pages: usize,
        false_looking_pages: usize,
        notices: usize,
        callers: usize,
        tools: &'a [Tally],
        objective: Option<Box<BudgetLine>>,
        interrupted: bool,
    },
}

/// Prints as it goes.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    /// The texts of advice that were printed, with their ids: each stands once, however many calls failed alike.
    advice: HashMap<String, usize>,
}

impl<'a> Printer<'a> {
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, advice: HashMap::new() }
    }

    /// What was decided of one second.
    pub fn moment(&mut self, moment: &Moment) -> io::Result<()> {
        let at = moment.at;
        for failure in &moment.handled.answer.failures {
            let advice_id = self.advice(&failure.advice)?;
            let failure = FailureReport { advice: String::new(), ..failure.clone() };
            json_line(&Line::Failure { at, failure: &failure, advice_id }, &mut self.out)?;
        }
        for notice in &moment.handled.notices {
            let notice = Line::Notice {
                at,
                id: &notice.id,
                sequence: notice.sequence,
                kind: notice.kind,
                diagnosis: notice.diagnosis,
                severity: notice.severity,
                incident: notice.incident.as_deref(),
                region: &notice.region,
                subject: &notice.subject,
                scope: notice.scope.as_ref(),
                callers: notice.impact.callers,
                about: notice.impact.about,
                since: notice.times.since,
                latest: notice.times.latest,
                reasons: &notice.reasons,
            };
            json_line(&notice, &mut self.out)?;
        }
        Ok(())
    }

    fn advice(&mut self, text: &str) -> io::Result<usize> {
        if let Some(id) = self.advice.get(text) {
            return Ok(*id);
        }
        let id = self.advice.len() + 1;
        self.advice.insert(text.to_owned(), id);
        json_line(&Line::Advice { id, text }, &mut self.out)?;
        Ok(id)
    }

    /// The incidents, and the totals.
    pub fn close(self, review: &Review) -> io::Result<()> {
        let mut out = self.out;
        for story in &review.incidents {
            let incident = Line::Incident {
                id: &story.id,
                region: &story.region,
                diagnosis: story.diagnosis,
                severity: story.severity,
                scope: story.scope.as_ref(),
                opened_at: story.opened_at,
                paged_at: story.paged_at(),
                since: story.began,
                latest: story.latest,
                over_at: story.over_at,
                proved: story.proved,
                callers: story.affected().0,
                about: story.affected().1,
                notices: story.notices.len(),
                error_budget: story.cost(),
                looks_false: story.looks_false(),
            };
            json_line(&incident, &mut out)?;
        }
        json_line(&summary(review), &mut out)
    }
}

fn summary(review: &Review) -> Line<'_> {
    let pages = review.pages().count();
    Line::Summary {
        clock: review.by,
        without_arrival: (review.by == ClockBy::Arrival).then_some(review.without_arrival),
        from: review.span.map(|(from, _)| from),
        to: review.span.map(|(_, to)| to),
        files: review.files,
        records: review.records,
        counts: &review.counts,
        problems: &review.problems,
        left_alone: review.left_alone,
        outside: review.outside,
        out_of_order: review.out_of_order,
        incidents: review.incidents.len(),
        pages,
        false_looking_pages: review.false_looking_pages(),
        notices: review.notices(),
        callers: review.callers,
        tools: &review.tools,
        objective: review.objective.as_ref().map(|objective| Box::new(objective.into())),
        interrupted: review.interrupted,
    }
}
