//! A notice on its way: to whom, and how far it has come.
//!
//! Data. A [`Letter`] is one notice for one [`Channel`]; an [`Entry`] is a letter in the outbox; a [`Step`] is a turn of the
//! lifecycle with the letters that report it, which a store takes whole or not at all.

use jiff::Timestamp;
use triage_decide::ledger::{Alarm, Ledger};
use triage_model::region::Region;

use crate::notice::Notice;

/// To whom a notice goes. Each waits, fails and is tried again by itself: a pager that cannot be reached holds up no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// People, by the topic.
    Topic,
    /// A paging service, by a topic of its own: it gets what raises, updates or ends its alert.
    Pager,
    /// Programs, by the event bus: they get what changes an incident.
    Bus,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Pager => "pager",
            Self::Bus => "bus",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Topic, Self::Pager, Self::Bus].into_iter().find(|channel| channel.as_str() == name)
    }

    /// Whether it gets such a notice. What is silenced goes to programs alone; but an alert that was open before ends with
    /// its incident.
    pub fn takes(self, notice: &Notice) -> bool {
        let is_silenced = notice.silenced.is_some();
        match self {
            Self::Topic => !is_silenced,
            Self::Pager => match notice.alarm {
                Some(Alarm::Ok) => true,
                Some(Alarm::Alarm) => !is_silenced,
                None => notice.updates_alert && !is_silenced,
            },
            Self::Bus => notice.kind.detail_type().is_some(),
        }
    }
}

/// A notice on its way to one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub channel: Channel,
    pub notice: Notice,
}

/// The letters of one notice.
pub fn letters(notice: &Notice, channels: &[Channel]) -> impl Iterator<Item = Letter> {
    let takers = channels.iter().filter(|channel| channel.takes(notice));
    takers.map(|channel| Letter { channel: *channel, notice: notice.clone() })
}

/// One notice on its way, at a position that only grows. The order within an incident is that of the positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub position: u64,
    pub channel: Channel,
    pub notice: Notice,
    /// Claims so far.
    pub attempts: u32,
    /// Nobody else may publish it before: it is claimed, or SNS is given time.
    pub not_before: Option<Timestamp>,
    pub claimed_by: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub message_id: Option<String>,
}

impl Entry {
    pub fn can_be_claimed(&self, by: &str, now: Timestamp) -> bool {
        let is_free = self.not_before.is_none_or(|time| time <= now);
        self.sent_at.is_none() && (is_free || self.claimed_by.as_deref() == Some(by))
    }
}

/// A turn of the lifecycle, as a store takes it: the ledger, and the letters of what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its outbox goes on behind the letters.
    pub ledger: Ledger,
    /// In the order in which they are to be sent.
    pub letters: Vec<Letter>,
    /// Notices that people do not get, because they are silenced.
    pub withheld: usize,
    /// What it was decided on beside that ledger: the other regions of a replicated Identity Center.
    pub with: Vec<Beside>,
}

/// The ledger of another region.
#[derive(Clone, Debug, PartialEq)]
pub struct Beside {
    pub region: Region,
    /// The step is taken only while it is at this version.
    pub version: u64,
    /// What it becomes; None where it stays as it is.
    pub ledger: Option<Ledger>,
}

impl Step {
    /// The letters of these notices to these channels take the next positions of the outbox.
    pub fn new(mut ledger: Ledger, notices: &[Notice], channels: &[Channel]) -> Self {
        let letters: Vec<Letter> = notices.iter().flat_map(|notice| letters(notice, channels)).collect();
        ledger.next_position += letters.len() as u64;
        Self { ledger, letters, withheld: 0, with: Vec::new() }
    }

    /// The notices.
    pub fn notices(&self) -> impl Iterator<Item = &Notice> {
        self.letters.iter().filter(|letter| letter.channel == Channel::Topic).map(|letter| &letter.notice)
    }

    /// The entries of its letters: the last one stands before the position that the ledger goes on with.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let first = self.ledger.next_position.saturating_sub(self.letters.len() as u64);
        (first..).zip(&self.letters).map(|(position, letter)| Entry {
            position,
            channel: letter.channel,
            notice: letter.notice.clone(),
            attempts: 0,
            not_before: None,
            claimed_by: None,
            sent_at: None,
            message_id: None,
        })
    }
}
