//! Telling people.
//!
//! In: an incident and the verdict on its region, or an advice. Out: a [`Notice`], rendered by [`render`] with the texts
//! of [`advice`], and sent by [`publish`]. Nothing here decides whether to tell.

pub mod advice;
pub mod publish;
mod render;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::diagnose::recovery::Recovery;
use crate::diagnose::{Advised, Diagnosis, Severity, Verdict};
use crate::evidence::mark::hash48;
use crate::incident::Incident;
use crate::redact::one_line;
use crate::region::Region;
use crate::store::StoreError;

/// What is published. It is kept in the outbox as it is, so that whoever publishes it says the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for every attempt to publish it, so that a receiver can drop a repeat.
    pub id: String,
    /// None for an advice.
    pub incident: Option<String>,
    /// Counts the notices of an incident from 1. 1 for an advice.
    pub sequence: u32,
    pub kind: NoticeKind,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    pub region: Region,
    pub at: Timestamp,
    pub reasons: Vec<String>,
    /// Printable ASCII, under 100 characters.
    pub subject: String,
    /// Plain text.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Opened,
    /// Another diagnosis, twice the callers, another operation, or AWS confirms.
    Changed,
    /// The incident goes on.
    Reminder,
    /// It had been resolved not long ago.
    Reopened,
    Resolved,
    /// Needs no incident.
    Advice,
}

impl NoticeKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Reminder => "reminder",
            Self::Reopened => "reopened",
            Self::Resolved => "resolved",
            Self::Advice => "advice",
        }
    }
}

/// Reasons kept of one notice, and the bytes of each: enough for any verdict of ours, and a few of them fit an item of
/// the store.
pub const REASONS_MAX: usize = 16;
pub const REASON_MAX: usize = 400;

/// The first reasons, each on one line: they name what is text of others.
pub(crate) fn bounded(reasons: &[String]) -> Vec<String> {
    reasons.iter().take(REASONS_MAX).map(|reason| one_line(reason, REASON_MAX)).collect()
}

impl Notice {
    /// A notice of `incident`, whose sequence is already this notice's. `changes` say what is new, in words.
    pub fn of_incident(
        kind: NoticeKind,
        incident: &Incident,
        verdict: &Verdict,
        changes: &[String],
        now: Timestamp,
    ) -> Self {
        let subject = render::subject(kind, incident, verdict, now);
        let message = render::message(kind, incident, verdict, changes, now);
        let reasons = bounded(&[changes, &verdict.reasons].concat());
        Self::about(kind, incident, now, reasons, subject, message)
    }

    /// That `incident` is over.
    pub fn of_recovery(incident: &Incident, verdict: &Verdict, recovery: &Recovery, now: Timestamp) -> Self {
        let kind = NoticeKind::Resolved;
        let subject = render::subject(kind, incident, verdict, now);
        let message = render::recovery_message(incident, verdict, recovery);
        Self::about(kind, incident, now, bounded(&recovery.reasons), subject, message)
    }

    /// What needs no incident. Its id is the same wherever the same advice is given within its quiet time, counted from
    /// 1970.
    pub fn of_advice(region: &Region, advised: &Advised, now: Timestamp) -> Self {
        let quiet = i64::try_from(advised.quiet_for.as_secs()).unwrap_or(i64::MAX).max(1);
        let what = hash48(&format!("{}\n{}", now.as_second().div_euclid(quiet), advised.key));
        Self {
            id: format!("advice-{region}-{}-{what:012x}", advised.diagnosis.as_str()),
            incident: None,
            sequence: 1,
            kind: NoticeKind::Advice,
            diagnosis: advised.diagnosis,
            severity: advised.diagnosis.severity(),
            region: region.clone(),
            at: now,
            reasons: bounded(&advised.reasons),
            subject: render::advice_subject(region, advised),
            message: render::advice_message(region, advised, now),
        }
    }

    /// The notice as one sandbox tells it without the store: under an id that every sandbox computes alike within
    /// `quiet`, and saying so.
    #[must_use]
    pub fn alone(mut self, quiet: Duration, why: &StoreError) -> Self {
        let quiet = i64::try_from(quiet.as_secs()).unwrap_or(i64::MAX).max(1);
        let begin = self.at.as_second().div_euclid(quiet) * quiet;
        let bucket = Timestamp::from_second(begin).unwrap_or(self.at);
        let incident = format!("{}-{}-unshared", self.region, bucket.strftime("%Y%m%dT%H%M%SZ"));
        self.id = format!("{incident}-1");
        if let Some(of_its_own) = self.incident.replace(incident.clone()) {
            self.message = self.message.replace(&of_its_own, &incident);
        }
        self.sequence = 1;
        self.message.push_str(&format!(
            "\nThe store cannot be had ({why}): this rests on what one running copy of the function saw, and other copies \
             may tell the same again, under the same id.\n"
        ));
        self
    }

    /// One notice for an incident that was over before anybody could be told that it had begun: `self`, the last one,
    /// with what the ones before it said.
    #[must_use]
    pub fn after(mut self, untold: &[Self]) -> Self {
        if !untold.is_empty() {
            render::merge(&mut self, untold);
        }
        self
    }

    fn about(
        kind: NoticeKind,
        incident: &Incident,
        now: Timestamp,
        reasons: Vec<String>,
        subject: String,
        message: String,
    ) -> Self {
        Self {
            id: format!("{}-{}", incident.id, incident.sequence),
            incident: Some(incident.id.clone()),
            sequence: incident.sequence,
            kind,
            diagnosis: incident.diagnosis,
            severity: incident.severity,
            region: incident.region.clone(),
            at: now,
            reasons,
            subject,
            message,
        }
    }
}
