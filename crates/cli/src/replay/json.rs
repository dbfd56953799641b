//! What came of a history, as JSON: one object a line (README, "What it answers").
//!
//! In: what was judged, as it goes, and at the end the [`Account`]. Out: a line for each failure and each notice, and a last
//! one with the totals. Members are only ever added.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::answer::{Counts, FailureReport};
use triage_model::problem::Problems;
use triage_model::region::Region;
use triage_notify::notice::{NoticeKind, Tally};

use crate::replay::account::Account;
use crate::replay::life::Judged;

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
        callers: usize,
        reasons: &'a [String],
    },
    Summary {
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
pub fn judged(at: Timestamp, judged: &Judged, out: &mut impl Write) -> io::Result<()> {
    for failure in &judged.handled.answer.failures {
        line(&Line::Failure { at, failure }, out)?;
    }
    for notice in &judged.handled.notices {
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
            callers: notice.impact.callers,
            reasons: &notice.reasons,
        };
        line(&notice, out)?;
    }
    Ok(())
}

pub fn summary(account: &Account, out: &mut impl Write) -> io::Result<()> {
    let pages = account.pages().count();
    let summary = Line::Summary {
        from: account.span.map(|(from, _)| from),
        to: account.span.map(|(_, to)| to),
        files: account.files,
        records: account.records,
        counts: &account.counts,
        problems: &account.problems,
        left_alone: account.left_alone,
        out_of_order: account.out_of_order,
        incidents: account.incidents.len(),
        pages,
        false_looking_pages: account.false_looking_pages(),
        notices: account.notices(),
        callers: account.callers,
        tools: &account.tools,
        interrupted: account.interrupted,
    };
    line(&summary, out)
}

/// Writes a value as one line.
pub fn line(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}
