//! Verdicts and notices as they are shown.
//!
//! In: what the pipeline decided. Out: the part of it that a person asks for. The texts are the pipeline's own, so what is
//! shown here is what would be sent.

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::verdict::{Diagnosis, Severity, Verdict};
use triage_model::region::Region;
use triage_notify::mail;
use triage_notify::notice::{NamedScope, Notice, NoticeKind};
use triage_notify::place::Place;
use triage_notify::words::{counted, utc};

use crate::explain::text::Sheet;

#[derive(Debug, Serialize)]
pub struct ShownVerdict {
    pub region: Region,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    pub scope: NamedScope,
    /// Callers hit, and failed calls of what the verdict is about.
    pub callers: usize,
    pub failures: usize,
    pub reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct ShownNotice {
    pub region: Region,
    pub kind: NoticeKind,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    /// Null for an advice.
    pub scope: Option<NamedScope>,
    pub incident: Option<String>,
    pub subject: String,
    pub reasons: Vec<String>,
    /// The mail.
    pub text: String,
}

impl ShownVerdict {
    pub fn of(region: &Region, verdict: &Verdict) -> Self {
        Self {
            region: region.clone(),
            diagnosis: verdict.diagnosis,
            severity: verdict.diagnosis.severity(),
            scope: NamedScope::from(&verdict.scope),
            callers: verdict.callers,
            failures: verdict.failures,
            reasons: verdict.reasons.clone(),
        }
    }

    pub fn write(&self, sheet: &mut Sheet, at: Timestamp) {
        let (callers, failures) = (counted(self.callers, "caller"), counted(self.failures, "failed call"));
        let what = match (self.diagnosis.is_incident(), self.severity) {
            (true, Severity::Page) => "an incident that pages if it lasts",
            (true, Severity::Warning | Severity::Info) => "an incident that pages nobody",
            (false, _) => "no incident",
        };
        sheet.under(&format!(
            "{} at {}: {} ({what}), {callers} affected, {failures}",
            self.region,
            utc(at),
            self.diagnosis.as_str()
        ));
        if self.diagnosis.is_incident() {
            sheet.bullet(&format!("scope: {}", self.scope.in_words().unwrap_or_else(|| "the whole region".to_owned())));
        }
        self.reasons.iter().for_each(|reason| sheet.bullet(reason));
    }
}

impl ShownNotice {
    pub fn of(notice: &Notice) -> Self {
        Self {
            region: notice.region.clone(),
            kind: notice.kind,
            diagnosis: notice.diagnosis,
            severity: notice.severity,
            scope: notice.scope.clone(),
            incident: notice.incident.clone(),
            subject: notice.subject.clone(),
            reasons: notice.reasons.clone(),
            text: mail::render(notice, &Place::default()),
        }
    }

    pub fn write(&self, sheet: &mut Sheet) {
        sheet.under(&format!("{}:", self.subject));
        sheet.quote(&self.text);
    }
}
