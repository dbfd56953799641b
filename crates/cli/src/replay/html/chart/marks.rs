//! Marks of notices, which differ without colour.

use triage_notify::markup::Html;
use triage_notify::notice::NoticeKind;

/// The name under which a kind's shape is defined.
pub const fn mark(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Opened => "#the-mark-opened",
        NoticeKind::Changed => "#the-mark-changed",
        NoticeKind::Reminder => "#the-mark-reminder",
        NoticeKind::Reopened => "#the-mark-reopened",
        NoticeKind::Resolved => "#the-mark-resolved",
        // Nobody silences a replay.
        NoticeKind::Advice | NoticeKind::Silenced | NoticeKind::SilenceEnded => "#the-mark-advice",
    }
}

/// The shapes, once for the whole page.
pub fn definitions(h: &mut Html) {
    for kind in NoticeKind::ALL.into_iter().filter(|kind| !kind.is_of_silence()) {
        let (class, shape) = match kind {
            NoticeKind::Opened => ("mark", "M-5 4.5 L0 -4.5 L5 4.5 Z"),
            NoticeKind::Reopened => ("mark hollow", "M-5 4.5 L0 -4.5 L5 4.5 Z"),
            NoticeKind::Changed => ("mark", "M0 -5 L5 0 L0 5 L-5 0 Z"),
            NoticeKind::Reminder => ("mark", "M-2 0 a2 2 0 1 0 4 0 a2 2 0 1 0 -4 0 Z"),
            NoticeKind::Resolved => ("mark hollow", "M-4 0 a4 4 0 1 0 8 0 a4 4 0 1 0 -8 0 Z"),
            NoticeKind::Advice | NoticeKind::Silenced | NoticeKind::SilenceEnded => {
                ("mark hollow", "M-3.5 -3.5 h7 v7 h-7 Z")
            }
        };
        h.void("path", &[("id", &mark(kind).trim_start_matches('#')), ("class", &class), ("d", &shape)]);
    }
}
