//! One notice for several that could not be sent in time.
//!
//! In: the last notice, and those before it that were not sent. Out: the last one, with what they said.

use triage_decide::ledger::{Alarm, REASONS_MAX, bounded};

use crate::headline::{self, QUIET, RESOLVED};
use crate::notice::{Earlier, LISTED_MAX, Merged, Notice, NoticeKind};
use crate::words::{counted, printable};

impl Notice {
    /// One notice for several: `self`, the last one, with what the ones before it said. Where an incident was over before
    /// anybody could be notified that it had begun, that is said first.
    #[must_use]
    pub fn after(mut self, unsent: &[Self]) -> Self {
        let Some(first) = unsent.first() else { return self };
        if let Some(change) = unsent.iter().rfind(|notice| notice.kind == NoticeKind::Changed)
            && self.kind == NoticeKind::Reminder
        {
            // What has changed is more than that it is still open.
            self.kind = NoticeKind::Changed;
            self.subject = printable(&format!("Changed: {}", self.title));
            self.news.clone_from(&change.news);
            self.headline.extend(change.news.as_ref().map(|news| headline::news(change.kind.as_str(), news)));
        }
        if self.kind == NoticeKind::Advice {
            // Each is about something else.
            for step in unsent.iter().flat_map(|one| &one.advice.now) {
                if !self.advice.now.contains(step) && self.advice.now.len() < REASONS_MAX {
                    self.advice.now.push(step.clone());
                }
            }
            self.reasons =
                bounded(&unsent.iter().chain([&self]).flat_map(|one| one.reasons.clone()).collect::<Vec<_>>());
        }
        let began = unsent.iter().any(|notice| notice.kind.begins());
        self.subject = merged_subject(&self, began, unsent.len());
        self.headline.push(merged_in_words(&self, began, unsent.len()));
        let all = || unsent.iter().chain([&self]);
        let alarms = || all().filter_map(|notice| notice.alarm);
        let updates_alert = all().any(|notice| notice.updates_alert) && alarms().next_back() != Some(Alarm::Ok);
        self.alarm = net(alarms());
        self.updates_alert = updates_alert;
        self.merged = Merged {
            count: unsent.iter().map(|notice| 1 + notice.merged.count).sum(),
            notices: unsent.iter().take(LISTED_MAX).map(Earlier::from).collect(),
            reasons: first.reasons.clone(),
        };
        self
    }
}

/// The subject of a notice that stands for so many others as well.
fn merged_subject(last: &Notice, began: bool, others: usize) -> String {
    match last.kind {
        NoticeKind::Resolved => {
            let ended = [(RESOLVED, "Started and resolved: "), (QUIET, "Started, now quiet: ")];
            let ended = ended.into_iter().find_map(|(alone, both)| Some((both, last.subject.strip_prefix(alone)?)));
            ended
                .filter(|_| began)
                .map_or_else(|| last.subject.clone(), |(both, what)| printable(&format!("{both}{what}")))
        }
        NoticeKind::Opened
        | NoticeKind::Changed
        | NoticeKind::Reminder
        | NoticeKind::Reopened
        | NoticeKind::Advice
        | NoticeKind::Silenced
        | NoticeKind::SilenceEnded => printable(&format!("{} ({} notices in one)", last.subject, others + 1)),
    }
}

fn merged_in_words(last: &Notice, began: bool, others: usize) -> String {
    match last.kind {
        NoticeKind::Resolved if began => "It was over before its first notice could be sent for certain.".to_owned(),
        NoticeKind::Opened
        | NoticeKind::Changed
        | NoticeKind::Reminder
        | NoticeKind::Reopened
        | NoticeKind::Resolved
        | NoticeKind::Advice
        | NoticeKind::Silenced
        | NoticeKind::SilenceEnded => format!(
            "{} before this one {} not sent separately.",
            counted(others, "notice"),
            if others == 1 { "was" } else { "were" },
        ),
    }
}

/// What several changes of an alarm come to.
fn net(mut changes: impl Iterator<Item = Alarm>) -> Option<Alarm> {
    let first = changes.next()?;
    let last = changes.last().unwrap_or(first);
    (last != first.other()).then_some(last)
}
