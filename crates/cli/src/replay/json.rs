//! What came of a history, as JSON: one object a line (docs/call-api.md, "The answer").
//!
//! In: what was judged, as it goes, and at the end the [`Review`]. Out: a line for each failure and each notice, and a last
//! one with the totals. Members are only ever added.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::answer::{Counts, FailureReport};
use triage_model::problem::Problems;
use triage_model::region::Region;
use triage_notify::notice::{NamedScope, NoticeKind, Tally};

use crate::format::json_line;
use crate::replay::judged_by::JudgedBy;
use crate::replay::life::Moment;
use crate::replay::review::Review;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Line<'a> {
    Failure {
        at: Timestamp,
        #[serde(flatten)]
        failure: &'a FailureReport,
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
    Summary {
        clock: JudgedBy,
        #[serde(skip_serializing_if = "Option::is_none")]
        without_arrival: Option<u64>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        files: u64,
        records: u64,
        counts: &'a Counts,
        problems: &'a Problems,
        left_alone: u64,
        out_of_order: u64,
        incidents: usize,
        pages: usize,
        false_looking_pages: usize,
        notices: usize,
        callers: usize,
        tools: &'a [Tally],
        interrupted: bool,
    },
}

/// What was judged of one second.
pub fn moment(moment: &Moment, out: &mut impl Write) -> io::Result<()> {
    let Moment { at, tools: _, handled } = moment;
    for failure in &handled.answer.failures {
        json_line(&Line::Failure { at: *at, failure }, out)?;
    }
    for notice in &handled.notices {
        let notice = Line::Notice {
            at: *at,
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
        json_line(&notice, out)?;
    }
    Ok(())
}

pub fn summary(review: &Review, out: &mut impl Write) -> io::Result<()> {
    let pages = review.pages().count();
    let summary = Line::Summary {
        clock: review.by,
        without_arrival: (review.by == JudgedBy::Arrival).then_some(review.without_arrival),
        from: review.span.map(|(from, _)| from),
        to: review.span.map(|(_, to)| to),
        files: review.files,
        records: review.records,
        counts: &review.counts,
        problems: &review.problems,
        left_alone: review.left_alone,
        out_of_order: review.out_of_order,
        incidents: review.incidents.len(),
        pages,
        false_looking_pages: review.false_looking_pages(),
        notices: review.notices(),
        callers: review.callers,
        tools: &review.tools,
        interrupted: review.interrupted,
    };
    json_line(&summary, out)
}
