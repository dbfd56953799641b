//! The notices as stretches of time.
//!
//! In: the notices in order. Out: an [`Alarm`] for each incident they report, from its first notice to its end.

use serde_json::Value;
use triage_decide::verdict::Severity;
use triage_notify::notice::{Notice, NoticeKind};

use super::simulation::Heard;

/// A reported incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    pub region: String,
    /// The incident's id. Alarms with one id are the same incident, reopened.
    pub incident: String,
    pub raised: f64,
    /// When it first became a page.
    pub paged: Option<f64>,
    /// When it was called off; None if never.
    pub called_off: Option<f64>,
    /// The latest diagnosis; None for alarms without one.
    pub diagnosis: Option<String>,
    /// Each reported scope, with its time.
    pub scopes: Vec<(f64, Value)>,
    /// The times of reminders.
    pub reminders: Vec<f64>,
}

impl Alarm {
    /// The last scope before that time, or the first one.
    pub fn scope_at(&self, at: f64) -> Option<&Value> {
        let before = self.scopes.iter().rev().find(|(reported, _)| *reported < at);
        before.or(self.scopes.first()).map(|(_, scope)| scope)
    }

    pub fn latest_scope(&self) -> Option<&Value> {
        self.scope_at(f64::INFINITY)
    }

    fn take(&mut self, at: f64, notice: &Notice) {
        if notice.kind == NoticeKind::Resolved {
            self.called_off = Some(at);
            // If it is the only notice, it names the diagnosis.
            self.diagnosis.get_or_insert_with(|| notice.diagnosis.as_str().to_owned());
            return;
        }
        if notice.severity == Severity::Page {
            self.paged = self.paged.or(Some(at));
        }
        match notice.kind {
            NoticeKind::Reminder => self.reminders.push(at),
            NoticeKind::Opened
            | NoticeKind::Reopened
            | NoticeKind::Changed
            | NoticeKind::Resolved
            | NoticeKind::Advice
            | NoticeKind::Silenced
            | NoticeKind::SilenceEnded => {
                self.diagnosis = Some(notice.diagnosis.as_str().to_owned());
            }
        }
        self.scopes.push((at, scope_of(notice)));
    }
}

/// In the form of the JSON: null if the notice has none.
pub fn scope_of(notice: &Notice) -> Value {
    serde_json::to_value(notice).map(|mut notice| notice["scope"].take()).unwrap_or_default()
}

pub fn alarms(heard: &[Heard]) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for Heard { at, notice } in heard {
        let Some(incident) = &notice.incident else { continue };
        let last = alarms.iter_mut().rev().find(|alarm| alarm.incident == *incident);
        match last.filter(|_| !notice.kind.begins()) {
            Some(alarm) => alarm.take(*at, notice),
            None => {
                let mut alarm = Alarm {
                    region: notice.region.as_str().to_owned(),
                    incident: incident.clone(),
                    raised: *at,
                    paged: None,
                    called_off: None,
                    diagnosis: None,
                    scopes: Vec::new(),
                    reminders: Vec::new(),
                };
                alarm.take(*at, notice);
                alarms.push(alarm);
            }
        }
    }
    alarms
}

/// One line for debugging.
pub fn in_a_line(Heard { at, notice }: &Heard) -> String {
    let proved = match notice.proved {
        Some(true) => ", proved",
        Some(false) => ", not proved",
        None => "",
    };
    let incident = notice.incident.as_deref().unwrap_or("no incident");
    format!(
        "{at:>8} {:<8} {} {} {} [{incident}]{proved}: {}",
        notice.kind.as_str(),
        notice.diagnosis.as_str(),
        notice.severity.as_str(),
        scope_of(notice),
        notice.reasons.first().or(notice.headline.first()).map_or("", String::as_str),
    )
}
