//! Which notices go out next, to whom, and when.
//!
//! In: the unsent entries of a region's outbox. Out: [`Delivery`]s that may be tried now, in order, and when a failed one
//! is tried again; and of what people were [`RecentlySent`] lately, whether more may be sent now. Pure: claims are the
//! store's, and sending is the function's.
//!
//! What is promised for each channel: at least once, at most one extra for each ambiguous answer, in order within an
//! incident, each with an id and a sequence by which a receiver can drop a repeat.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_decide::ledger::REASONS_MAX;
use triage_decide::policy::Policy;
use triage_decide::verdict::Severity;
use triage_model::time::{AHEAD_MAX, before, later};

use crate::letter::{Channel, Entry};
use crate::notice::{Notice, NoticeKind};

/// One publish: the notice, and the positions of all entries that it reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub positions: Vec<u64>,
    pub channel: Channel,
    pub notice: Notice,
}

impl Delivery {
    /// What counts as one subject of notices: an incident, or one kind of advice in a region. That an incident has
    /// become a page does not wait because its beginning was just sent.
    pub fn group(&self) -> String {
        let group = group(&self.notice);
        if self.notice.severity == Severity::Page { format!("{group} page") } else { group }
    }
}

fn group(notice: &Notice) -> String {
    if notice.kind.is_of_silence() {
        // Each says who did something: none stands for another.
        return notice.id.clone();
    }
    notice.incident.clone().unwrap_or_else(|| format!("{} {}", notice.region, notice.diagnosis.as_str()))
}

/// The longest pause between two attempts is this many times the first.
const PAUSE_MOST: u32 = 8;

/// What may go out at `now`, the worst first: of each channel and incident the lowest unsent entry, unless it is claimed or
/// waits; what is behind it waits with it. What has gathered there meanwhile is one notice.
pub fn due(entries: &[Entry], now: Timestamp) -> Vec<Delivery> {
    let mut groups: BTreeMap<(Channel, String), Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.sent_at.is_none()) {
        groups.entry((entry.channel, group(&entry.notice))).or_default().push(entry);
    }
    let mut due: Vec<Delivery> = groups.into_values().filter_map(|unsent| first_of(&unsent, now)).collect();
    due.sort_by_key(|delivery| (delivery.channel, delivery.notice.severity, delivery.positions.first().copied()));
    due
}

fn first_of(unsent: &[&Entry], now: Timestamp) -> Option<Delivery> {
    let first = unsent.first()?;
    let waits = |entry: &Entry| entry.not_before.is_some_and(|time| time > now);
    if waits(first) {
        return None;
    }
    let sent = &unsent[..sent_as_one(first.channel, unsent)];
    // Whoever had a later one had all before it too: they may be on their way as one, or have been taken as one. By itself
    // the first would be sent after them.
    if sent.iter().any(|entry| waits(entry)) {
        return None;
    }
    let (last, before) = sent.split_last()?;
    let earlier: Vec<Notice> = before.iter().map(|entry| entry.notice.clone()).collect();
    let mut notice = last.notice.clone().after(&earlier);
    if first.channel == Channel::Pager && sent.iter().any(|entry| entry.attempts > 0) {
        // An alarm that was tried may have been raised: it is ended though it need not be.
        notice.alarm = last.notice.alarm;
    }
    Some(Delivery { positions: sent.iter().map(|entry| entry.position).collect(), channel: first.channel, notice })
}

/// How many of the unsent entries of a channel and an incident, from the first on, are sent as one.
fn sent_as_one(channel: Channel, unsent: &[&Entry]) -> usize {
    match channel {
        Channel::Topic => match unsent.iter().rposition(|entry| entry.notice.kind == NoticeKind::Resolved) {
            // Over, and begun again: nobody is notified that it works who would be notified of the contrary next.
            Some(resolved) if unsent[resolved..].iter().any(|entry| entry.notice.kind.begins()) => unsent.len(),
            // Where an incident is over before anybody was notified, all of it is one notice.
            Some(resolved) => resolved + 1,
            // Else its beginning is sent by itself, and what gathers after it at once.
            None if unsent[0].notice.kind.begins() => 1,
            // As many as a notice can give the reasons of.
            None => unsent.len().min(REASONS_MAX),
        },
        // Only the last state matters.
        Channel::Pager => unsent.len(),
        // A program wants each change.
        Channel::Bus => 1,
    }
}

/// What was sent within the last minute or so, by [`Delivery::group`]. Shared by all sandboxes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecentlySent(Vec<(Timestamp, String)>);

/// What the policy's notices a minute are counted in.
const MINUTE: Duration = Duration::from_secs(60);

impl RecentlySent {
    /// Notes that `group` is sent at `now`; or, where that would be too much, from when on it may be. What is no page has
    /// half of the minute's notices, so that it keeps no page waiting.
    pub fn admit(&mut self, group: &str, is_page: bool, policy: &Policy, now: Timestamp) -> Result<(), Timestamp> {
        let kept = MINUTE.max(policy.notice_every);
        // A time far ahead is of a clock that was wrong, and holds nobody up.
        self.0.retain(|(at, _)| *at > before(now, kept) && before(*at, AHEAD_MAX) <= now);
        self.0.sort();
        let of_group = self.0.iter().rev().find(|(_, sent)| sent == group);
        let again = of_group.map(|(at, _)| later(*at, policy.notice_every)).filter(|at| *at > now);
        let in_minute: Vec<Timestamp> =
            self.0.iter().map(|(at, _)| *at).filter(|at| *at > before(now, MINUTE)).collect();
        let most = if is_page { policy.notices_per_minute } else { policy.notices_per_minute.div_ceil(2) };
        let room = in_minute.len().checked_sub(most).map(|first| later(in_minute[first], MINUTE));
        match again.max(room) {
            Some(wait) => Err(wait),
            None => {
                self.0.push((now, group.to_owned()));
                Ok(())
            }
        }
    }

    /// Takes back that `group` was sent at `at`: it was not.
    pub fn retract(&mut self, group: &str, at: Timestamp) {
        self.0.retain(|(sent_at, sent)| (*sent_at, sent.as_str()) != (at, group));
    }
}

/// How long after the failed attempt of that number (from 1) the next one is made: 1, 2, 4, then 8 times `first`.
pub fn pause_after(attempts: u32, first: Duration) -> Duration {
    let times = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(PAUSE_MOST);
    first.saturating_mul(times.min(PAUSE_MOST))
}

#[cfg(test)]
mod tests {
    use triage_decide::ledger::Alarm;
    use triage_decide::verdict::Diagnosis;
    use triage_model::region::KnownRegions;

    use super::*;
    use crate::testing;

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
                ..testing::samples().remove(0).1
            },
            channel: Channel::Topic,
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
        ];
        assert_eq!(positions(&entries), [vec![0, 1, 2]]);
        let delivery = due(&entries, at(100)).remove(0);
        assert_eq!((delivery.notice.sequence, delivery.notice.kind), (3, NoticeKind::Resolved));
        entries[0].not_before = Some(at(200));
        assert!(positions(&entries).is_empty(), "the opening may just be on its way");
    }

    #[test]
    fn what_gathers_behind_a_notice_that_was_told_is_one_notice() {
        let mut entries = vec![
            entry(0, Some("a"), 1, NoticeKind::Opened),
            entry(1, Some("a"), 2, NoticeKind::Changed),
            entry(2, Some("a"), 3, NoticeKind::Reminder),
        ];
        entries[0].sent_at = Some(at(99));
        let delivery = due(&entries, at(100)).remove(0);
        assert_eq!((delivery.positions, delivery.notice.sequence), (vec![1, 2], 3));
        assert_eq!((delivery.notice.kind, delivery.notice.merged.count), (NoticeKind::Changed, 1));
        entries[2].not_before = Some(at(101));
        assert!(positions(&entries).is_empty(), "both may just be on their way");
    }

    #[test]
    fn what_was_tried_as_one_is_tried_again_as_one() {
        // SNS took all of it as the third, the answer was lost, and the table took no more than that of the last one.
        let mut entries = vec![
            entry(0, Some("a"), 1, NoticeKind::Opened),
            entry(1, Some("a"), 2, NoticeKind::Changed),
            entry(2, Some("a"), 3, NoticeKind::Resolved),
        ];
        entries[2].not_before = Some(at(200));
        assert!(positions(&entries).is_empty(), "a beginning is not sent after its end");
        assert_eq!(due(&entries, at(200)).remove(0).positions, [0, 1, 2]);
    }

    #[test]
    fn what_is_over_and_back_is_not_told_as_over() {
        let mut entries = vec![
            entry(0, Some("a"), 1, NoticeKind::Opened),
            entry(1, Some("a"), 2, NoticeKind::Resolved),
            entry(2, Some("a"), 3, NoticeKind::Reopened),
        ];
        let delivery = due(&entries, at(100)).remove(0);
        assert_eq!((delivery.positions, delivery.notice.kind), (vec![0, 1, 2], NoticeKind::Reopened));
        entries[0].sent_at = Some(at(99));
        assert_eq!(positions(&entries), [vec![1, 2]]);
    }

    #[test]
    fn an_alarm_that_may_have_been_raised_is_ended() {
        let mut entries =
            vec![entry(0, Some("a"), 1, NoticeKind::Opened), entry(1, Some("a"), 2, NoticeKind::Resolved)];
        for (entry, alarm) in entries.iter_mut().zip([Alarm::Alarm, Alarm::Ok]) {
            (entry.channel, entry.notice.alarm) = (Channel::Pager, Some(alarm));
        }
        assert_eq!(due(&entries, at(100)).remove(0).notice.alarm, None);
        entries[0].attempts = 1;
        assert_eq!(due(&entries, at(100)).remove(0).notice.alarm, Some(Alarm::Ok));
    }

    #[test]
    fn what_is_no_page_leaves_room_for_those_that_are() {
        let (mut sent, policy) = (RecentlySent::default(), Policy::default());
        for number in 0..5 {
            assert_eq!(sent.admit(&format!("advice {number}"), false, &policy, at(number)), Ok(()));
        }
        assert_eq!(sent.admit("one more", false, &policy, at(5)), Err(at(60)));
        assert_eq!(sent.admit("an outage", true, &policy, at(5)), Ok(()));
    }

    #[test]
    fn advices_of_one_kind_and_region_are_one_notice() {
        let mut entries: Vec<Entry> = (0..4).map(|position| entry(position, None, 1, NoticeKind::Advice)).collect();
        entries[3].notice.diagnosis = Diagnosis::Blind;
        assert_eq!(positions(&entries), [vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn a_channel_that_fails_holds_up_no_other() {
        let mut entries = vec![
            entry(0, Some("a"), 1, NoticeKind::Opened),
            entry(1, Some("a"), 1, NoticeKind::Opened),
            entry(2, Some("a"), 1, NoticeKind::Opened),
            entry(3, Some("a"), 2, NoticeKind::Resolved),
            entry(4, Some("a"), 2, NoticeKind::Resolved),
            entry(5, Some("a"), 2, NoticeKind::Resolved),
        ];
        for (position, channel) in [(1, Channel::Pager), (4, Channel::Pager), (2, Channel::Bus), (5, Channel::Bus)] {
            entries[position].channel = channel;
        }
        assert_eq!(positions(&entries), [vec![0, 3], vec![1, 4], vec![2]], "a program hears of each change by itself");
        entries[0].not_before = Some(at(200));
        entries[1].sent_at = Some(at(99));
        entries[2].sent_at = Some(at(99));
        assert_eq!(positions(&entries), [vec![4], vec![5]]);
    }

    #[test]
    fn the_worst_goes_out_first() {
        let mut entries = vec![entry(0, None, 1, NoticeKind::Advice), entry(1, Some("a"), 1, NoticeKind::Opened)];
        entries[0].notice.severity = Severity::Info;
        assert_eq!(positions(&entries), [vec![1], vec![0]]);
    }

    fn pace(every: u64, per_minute: usize) -> Policy {
        Policy { notice_every: Duration::from_secs(every), notices_per_minute: per_minute, ..Policy::default() }
    }

    #[test]
    fn of_one_incident_people_are_told_once_a_minute() {
        let (mut sent, policy) = (RecentlySent::default(), Policy::default());
        assert_eq!(sent.admit("a", true, &policy, at(0)), Ok(()));
        assert_eq!(sent.admit("a", true, &policy, at(1)), Err(at(60)));
        assert_eq!(sent.admit("b", true, &policy, at(1)), Ok(()));
        assert_eq!(sent.admit("a", true, &policy, at(59)), Err(at(60)));
        assert_eq!(sent.admit("a", true, &policy, at(60)), Ok(()));
        assert_eq!(sent.admit("a", true, &pace(0, 10), at(60)), Ok(()));
    }

    #[test]
    fn what_was_not_told_after_all_holds_nothing_back() {
        let (mut sent, policy) = (RecentlySent::default(), Policy::default());
        assert_eq!(sent.admit("a", true, &policy, at(0)), Ok(()));
        sent.retract("a", at(0));
        assert_eq!(sent, RecentlySent::default());
        assert_eq!(sent.admit("a", true, &policy, at(1)), Ok(()));
        sent.retract("a", at(0));
        assert_eq!(sent.admit("a", true, &policy, at(2)), Err(at(61)));
    }

    #[test]
    fn a_page_does_not_wait_because_its_incident_was_just_told_as_a_warning() {
        let (mut sent, policy) = (RecentlySent::default(), Policy::default());
        let delivery = |severity| {
            let mut entry = entry(0, Some("a"), 1, NoticeKind::Changed);
            entry.notice.severity = severity;
            due(&[entry], at(100)).remove(0)
        };
        let mut admit = |severity, second| sent.admit(&delivery(severity).group(), true, &policy, at(second));
        assert_eq!(admit(Severity::Warning, 0), Ok(()));
        assert_eq!(admit(Severity::Page, 40), Ok(()));
        assert_eq!(admit(Severity::Page, 50), Err(at(100)));
    }

    #[test]
    fn in_no_minute_are_people_told_more_than_ten_notices() {
        let (mut sent, policy) = (RecentlySent::default(), Policy::default());
        let mut times: Vec<i64> = Vec::new();
        for second in 0..300 {
            if sent.admit(&format!("incident {second}"), true, &policy, at(second)).is_ok() {
                times.push(second);
            }
        }
        assert_eq!(times[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 60, 61]);
        assert!(times.windows(11).all(|window| window[10] - window[0] >= 60), "{times:?}");
        assert_eq!(times.len(), 50);
    }

    #[test]
    fn a_long_pause_for_one_incident_is_remembered_as_long_as_it_lasts() {
        let (mut sent, policy) = (RecentlySent::default(), pace(600, 10));
        assert_eq!(sent.admit("a", true, &policy, at(0)), Ok(()));
        assert_eq!(sent.admit("a", true, &policy, at(599)), Err(at(600)));
    }

    #[test]
    fn a_clock_that_was_wrong_holds_nobody_up() {
        let (mut sent, policy) = (RecentlySent::default(), pace(60, 1));
        assert_eq!(sent.admit("a", true, &policy, at(86_400)), Ok(()));
        assert_eq!(sent.admit("a", true, &policy, at(0)), Ok(()));
    }

    #[test]
    fn the_pauses_double_up_to_eight_times_the_first() {
        let minutes: Vec<u64> =
            (1..=6).map(|attempts| pause_after(attempts, Duration::from_secs(60)).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 8, 8]);
        assert_eq!(pause_after(u32::MAX, Duration::from_secs(1)).as_secs(), 8);
    }
}
