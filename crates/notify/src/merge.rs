//! One notice for several: what is told together because it could not be told in time.
//!
//! In: the last notice, and those before it that nobody was told. Out: the last one, with what they said.

use triage_decide::ledger::{Alarm, REASONS_MAX, bounded};

use crate::notice::{Earlier, LISTED_MAX, Merged, Notice, NoticeKind};
use crate::words::{QUIET, RESOLVED, counted, printable};

impl Notice {
    /// One notice for several: `self`, the last one, with what the ones before it said. Where an incident was over before
    /// anybody could be told that it had begun, that is said first.
    #[must_use]
    pub fn after(mut self, untold: &[Self]) -> Self {
        let Some(first) = untold.first() else { return self };
        if let Some(change) = untold.iter().rfind(|notice| notice.kind == NoticeKind::Changed)
            && self.kind == NoticeKind::Reminder
        {
            // What has changed is more than that it goes on.
            self.kind = NoticeKind::Changed;
            self.subject.clone_from(&change.subject);
            self.headline.extend(change.headline.get(1).cloned());
        }
        if self.kind == NoticeKind::Advice {
            // Each is about something else.
            for step in untold.iter().flat_map(|one| &one.advice.now) {
                if !self.advice.now.contains(step) && self.advice.now.len() < REASONS_MAX {
                    self.advice.now.push(step.clone());
                }
            }
            self.reasons =
                bounded(&untold.iter().chain([&self]).flat_map(|one| one.reasons.clone()).collect::<Vec<_>>());
        }
        let began = untold.iter().any(|notice| notice.kind.begins());
        self.subject = merged_subject(&self, began, untold.len());
        self.headline.insert(self.headline.len().min(1), merged_in_words(&self, began, untold.len()));
        let alarms = untold.iter().chain([&self]).filter_map(|notice| notice.alarm);
        self.alarm = net(alarms);
        self.merged = Merged {
            count: untold.iter().map(|notice| 1 + notice.merged.count).sum(),
            notices: untold.iter().take(LISTED_MAX).map(Earlier::from).collect(),
            reasons: first.reasons.clone(),
        };
        self
    }
}

/// The subject of a notice that tells so many others as well.
fn merged_subject(last: &Notice, began: bool, others: usize) -> String {
    match last.kind {
        NoticeKind::Resolved => {
            let ended = [(RESOLVED, "Began and resolved: "), (QUIET, "Began and is quiet: ")];
            let ended = ended.into_iter().find_map(|(alone, both)| Some((both, last.subject.strip_prefix(alone)?)));
            ended
                .filter(|_| began)
                .map_or_else(|| last.subject.clone(), |(both, what)| printable(&format!("{both}{what}")))
        }
        NoticeKind::Opened | NoticeKind::Changed | NoticeKind::Reminder | NoticeKind::Reopened | NoticeKind::Advice => {
            printable(&format!("{} ({} notices in one)", last.subject, others + 1))
        }
    }
}

fn merged_in_words(last: &Notice, began: bool, others: usize) -> String {
    match last.kind {
        NoticeKind::Resolved if began => "It began and was over before its beginning was told for certain.".to_owned(),
        NoticeKind::Opened
        | NoticeKind::Changed
        | NoticeKind::Reminder
        | NoticeKind::Reopened
        | NoticeKind::Resolved
        | NoticeKind::Advice => format!(
            "{} before it {} not told by {}: see below.",
            counted(others, "notice"),
            if others == 1 { "was" } else { "were" },
            if others == 1 { "itself" } else { "themselves" },
        ),
    }
}

/// What several changes of an alarm come to.
fn net(mut changes: impl Iterator<Item = Alarm>) -> Option<Alarm> {
    let first = changes.next()?;
    let last = changes.last().unwrap_or(first);
    (last != first.other()).then_some(last)
}
