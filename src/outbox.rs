//! Which notices go out next.
//!
//! In: the unsent entries of a region's outbox. Out: [`Delivery`]s that may be tried now, in order, and when a failed one
//! is tried again. Pure: claims are the store's, and sending is [`crate::notify::publish`]'s.
//!
//! What is promised: at least once, at most one extra for each ambiguous answer of SNS, in order within an incident,
//! each with an id and a sequence by which a receiver can drop a repeat.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::notify::{Notice, NoticeKind};
use crate::store::Entry;

/// One publish: the notice, and the positions of all entries that are told by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub positions: Vec<u64>,
    pub notice: Notice,
}

/// The longest pause between two attempts is this many times the first.
const PAUSE_MOST: u32 = 8;

/// What may go out at `now`: of each incident the lowest unsent entry, unless it is claimed or waits; what is behind it
/// waits with it. Where an incident is over before anybody was told of it, all of it is one notice.
pub fn due(entries: &[Entry], now: Timestamp) -> Vec<Delivery> {
    let mut by_incident: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.sent_at.is_none()) {
        // An advice waits for nobody.
        let group = entry.notice.incident.as_deref().unwrap_or(&entry.notice.id);
        by_incident.entry(group).or_default().push(entry);
    }
    let mut deliveries: Vec<Delivery> = by_incident.into_values().filter_map(|unsent| first_of(&unsent, now)).collect();
    deliveries.sort_by_key(|delivery| delivery.positions.first().copied());
    deliveries
}

fn first_of(unsent: &[&Entry], now: Timestamp) -> Option<Delivery> {
    let first = unsent.first()?;
    let waits = |entry: &Entry| entry.not_before.is_some_and(|time| time > now);
    if waits(first) {
        return None;
    }
    let end = unsent.iter().rposition(|entry| entry.notice.kind == NoticeKind::Resolved);
    let together = match end {
        Some(end) if !unsent[..=end].iter().any(|entry| waits(entry)) => &unsent[..=end],
        Some(_) | None => &unsent[..1],
    };
    let (last, before) = together.split_last()?;
    let notice = last.notice.clone();
    let untold: Vec<Notice> = before.iter().map(|entry| entry.notice.clone()).collect();
    Some(Delivery {
        positions: together.iter().map(|entry| entry.position).collect(),
        notice: if untold.is_empty() { notice } else { notice.after(&untold) },
    })
}

/// How long after the failed attempt of that number (from 1) the next one is made: 1, 2, 4, then 8 times `first`.
pub fn pause_after(attempts: u32, first: Duration) -> Duration {
    let times = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(PAUSE_MOST);
    first.saturating_mul(times.min(PAUSE_MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::{Diagnosis, Severity};
    use crate::region::KnownRegions;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn entry(position: u64, incident: Option<&str>, sequence: u32, kind: NoticeKind) -> Entry {
        Entry {
            position,
            notice: Notice {
                id: format!("{}#{sequence}", incident.unwrap_or("advice")),
                incident: incident.map(str::to_owned),
                sequence,
                kind,
                diagnosis: Diagnosis::Outage,
                severity: Severity::Page,
                region: KnownRegions::default().find("us-east-1").unwrap(),
                at: at(0),
                reasons: vec![],
                subject: format!("{} of {position}", kind.as_str()),
                message: format!("text {position}"),
            },
            attempts: 0,
            not_before: None,
            claimed_by: None,
            sent_at: None,
            message_id: None,
        }
    }

    fn positions(entries: &[Entry]) -> Vec<Vec<u64>> {
        due(entries, at(100)).into_iter().map(|delivery| delivery.positions).collect()
    }

    #[test]
    fn only_the_lowest_unsent_notice_of_an_incident_goes_out() {
        let mut entries = vec![
            entry(0, Some("a"), 1, NoticeKind::Opened),
            entry(1, Some("a"), 2, NoticeKind::Changed),
            entry(2, Some("b"), 1, NoticeKind::Opened),
            entry(3, None, 1, NoticeKind::Advice),
        ];
        assert_eq!(positions(&entries), [vec![0], vec![2], vec![3]]);
        entries[0].sent_at = Some(at(99));
        assert_eq!(positions(&entries), [vec![1], vec![2], vec![3]]);
    }

    #[test]
    fn what_stands_behind_a_claimed_notice_waits_until_the_claim_has_passed() {
        let mut entries = vec![entry(0, Some("a"), 1, NoticeKind::Opened), entry(1, Some("a"), 2, NoticeKind::Changed)];
        entries[0].not_before = Some(at(101));
        assert!(positions(&entries).is_empty());
        entries[0].not_before = Some(at(100));
        assert_eq!(positions(&entries), [vec![0]]);
    }

    #[test]
    fn an_incident_that_is_over_before_it_was_told_is_one_notice() {
        let mut entries = vec![
            entry(0, Some("a"), 1, NoticeKind::Opened),
            entry(1, Some("a"), 2, NoticeKind::Changed),
            entry(2, Some("a"), 3, NoticeKind::Resolved),
            entry(3, Some("a"), 4, NoticeKind::Reopened),
        ];
        assert_eq!(positions(&entries), [vec![0, 1, 2]]);
        let delivery = due(&entries, at(100)).remove(0);
        assert_eq!((delivery.notice.sequence, delivery.notice.kind), (3, NoticeKind::Resolved));
        entries[0].not_before = Some(at(200));
        assert!(positions(&entries).is_empty(), "the opening may just be on its way");
    }

    #[test]
    fn the_pauses_double_up_to_eight_times_the_first() {
        let minutes: Vec<u64> =
            (1..=6).map(|attempts| pause_after(attempts, Duration::from_secs(60)).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 8, 8]);
        assert_eq!(pause_after(u32::MAX, Duration::from_secs(1)).as_secs(), 8);
    }
}
