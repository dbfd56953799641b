//! A notice as a text message: what is wrong, since when and whom to ask, in one segment.
//!
//! In: a [`Notice`]. Out: at most [`SMS_MAX`] characters, each of them one septet of the GSM alphabet, so that no carrier
//! makes two messages of it. Names of callers are not in it: a phone's screen is anybody's.

use triage_decide::probe::StepState;

use crate::notice::{Notice, NoticeKind};
use crate::place::Place;
use crate::words::utc_minute;

/// A segment is 160 characters. SNS puts the topic's display name and `> ` before each, of which twenty are left for it.
pub const SMS_MAX: usize = 140;

/// What marks a text that was cut.
const CUT: &str = "...";

pub fn render(notice: &Notice, place: &Place) -> String {
    let mut text = septets(&notice.subject);
    if text.len() > SMS_MAX {
        text.truncate(SMS_MAX - CUT.len());
        text.push_str(CUT);
    }
    // As much more as fits, the most important first.
    let since = notice.times.since.filter(|_| notice.kind != NoticeKind::Reminder);
    let since = since.map(|since| format!("Started {}.", utc_minute(since)));
    let probe = notice.probe.and_then(|answer| match answer {
        StepState::Down => Some("Probe fails too."),
        StepState::Healthy => Some("Probe works."),
        StepState::Unknown | StepState::Unexpected => None,
    });
    // Of an incident that opens, the second line says whose fault it looks like.
    let second = if notice.replicas.is_empty() { 1 } else { 2 };
    let fault = notice.headline.get(second).filter(|_| notice.kind == NoticeKind::Opened);
    let fault = fault.and_then(|fault| septets(fault).split_inclusive(". ").next().map(|said| said.trim().to_owned()));
    let contact = place.company.contact.as_ref().map(|contact| format!("Contact: {}", septets(contact)));
    let works = match notice.portal() {
        Some(working) => Some(format!("Works in {}.", working.region)),
        None => notice.fails_everywhere().then(|| "Works in no region.".to_owned()),
    };
    for more in [works.as_deref(), since.as_deref(), fault.as_deref(), probe, contact.as_deref()].into_iter().flatten()
    {
        if text.len() + ". ".len() + more.len() <= SMS_MAX {
            text.push_str(if text.ends_with('.') { " " } else { ". " });
            text.push_str(more);
        }
    }
    text
}

/// Printable ASCII without what takes two septets, or is not in the alphabet at all.
fn septets(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '`' => Some('\''),
            '[' | '{' => Some('('),
            ']' | '}' => Some(')'),
            '\\' => Some('/'),
            '^' | '~' | '|' => Some('-'),
            ' '..='~' => Some(character),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_take_two_septets_is_replaced() {
        assert_eq!(septets("a [b] {c} ~d|e^f \\ `g` €ä\n"), "a (b) (c) -d-e-f / 'g' ");
    }
}
