//! Telling people.
//!
//! In: a [`Verdict`] on a region and the claim to tell it. Out: a [`Notice`], rendered by [`render`] with the texts of
//! [`advice`], and sent by [`publish`]. Nothing here decides whether to tell.

pub mod advice;
pub mod publish;
pub mod render;

use jiff::Timestamp;
use serde::Serialize;

use crate::diagnose::{Diagnosis, Severity, Verdict};
use crate::region::Region;
use crate::store::Telling;

/// What is published.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The same for every attempt to publish it, so that a receiver can drop a repeat.
    pub id: String,
    pub incident: String,
    /// Counts the notices of an incident from 1.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Opened,
    /// The incident goes on.
    Reminder,
}

impl NoticeKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reminder => "reminder",
        }
    }
}

impl Notice {
    pub fn new(verdict: &Verdict, region: &Region, telling: &Telling) -> Self {
        let kind = if telling.sequence == 1 { NoticeKind::Opened } else { NoticeKind::Reminder };
        Self {
            id: format!("{}#{}", telling.incident, telling.sequence),
            incident: telling.incident.clone(),
            sequence: telling.sequence,
            kind,
            diagnosis: verdict.diagnosis,
            severity: verdict.diagnosis.severity(),
            region: region.clone(),
            at: telling.told_at,
            reasons: verdict.reasons.clone(),
            subject: render::subject(verdict, region, kind),
            message: render::message(verdict, region, kind, telling),
        }
    }
}
