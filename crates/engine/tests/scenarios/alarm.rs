//! What was heard, as stretches of time.
//!
//! In: the notices, in the order in which they were heard. Out: an [`Alarm`] for each time that somebody said there is
//! trouble, from then until it was called off.

use serde_json::Value;
use triage_decide::verdict::Severity;
use triage_notify::notice::{Notice, NoticeKind};

use super::live::Heard;

/// Somebody says that there is trouble.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    pub region: String,
    /// Of one incident: it is the same trouble as that of an earlier one.
    pub incident: String,
    pub raised: f64,
    /// When it first came as a page.
    pub paged: Option<f64>,
    /// When it was called off; None if it never was.
    pub called_off: Option<f64>,
    /// What it was called last; None where the one who tells cannot know.
    pub diagnosis: Option<String>,
    /// Where it was said to be, each time that something was said.
    pub scopes: Vec<(f64, Value)>,
    /// When it was said that it goes on.
    pub reminders: Vec<f64>,
}

impl Alarm {
    /// What was said last before that time, or first.
    pub fn scope_at(&self, at: f64) -> Option<&Value> {
        let before = self.scopes.iter().rev().find(|(told, _)| *told < at);
        before.or(self.scopes.first()).map(|(_, scope)| scope)
    }

    pub fn latest_scope(&self) -> Option<&Value> {
        self.scope_at(f64::INFINITY)
    }

    fn take(&mut self, at: f64, notice: &Notice) {
        if notice.kind == NoticeKind::Resolved {
            self.called_off = Some(at);
            // Where it is all that is told, it says what was wrong.
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
            | NoticeKind::Advice => {
                self.diagnosis = Some(notice.diagnosis.as_str().to_owned());
            }
        }
        self.scopes.push((at, scope_of(notice)));
    }
}

/// As it is in the JSON: a notice without one has null.
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

/// One line for whoever looks for what went wrong.
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
