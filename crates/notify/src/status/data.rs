//! What the status page shows, as data.
//!
//! An [`Outward`] is an incident without anything that names a person, a place or an account. A [`Status`] is what one page shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_decide::calls::Window;
use triage_decide::objective::{Objective, Target};
use triage_decide::verdict::Diagnosis;
use triage_model::observation::Operation;
use triage_model::region::Region;

use crate::place::Company;

/// What one page shows.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// As of when.
    pub at: Timestamp,
    pub incidents: &'a [Outward],
    pub doubt: Option<Doubt>,
    /// The share of calls that should work, and what came of it; None where it is not known.
    pub target: Target,
    pub objective: Option<Objective>,
    pub company: &'a Company,
}

/// Why nothing certain can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// What was decided cannot be read.
    Unread,
    /// Neither the service nor another region answers the probe.
    Blind,
}

/// How sign-in is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Outage,
    Degraded,
    Unknown,
    Ok,
}

impl State {
    pub const ALL: [Self; 4] = [Self::Outage, Self::Degraded, Self::Unknown, Self::Ok];
}

/// How an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Open,
    /// Calls are served again, and that is not enough yet.
    Recovering,
    /// Nobody calls, so nothing can be known.
    NoCalls,
    /// Ended with proof.
    Resolved,
    /// Ended without: quiet, not confirmed.
    Quiet,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Open, Self::Recovering, Self::NoCalls, Self::Resolved, Self::Quiet];

    pub const fn is_open(self) -> bool {
        match self {
            Self::Open | Self::Recovering | Self::NoCalls => true,
            Self::Resolved | Self::Quiet => false,
        }
    }

    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Open => "Still open",
            Self::Recovering => "Recovering",
            Self::NoCalls => "No calls now",
            Self::Resolved => "Resolved",
            Self::Quiet => "Quiet, not confirmed",
        }
    }
}

/// An incident as everybody may know it: in counts, and without a name of a person, a network or an application, without a
/// hash, an ARN or a code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outward {
    /// Its id where it was decided. Never shown: it may hold a hash of what its callers share.
    pub of: String,
    /// Its region and the second in which it was opened; with a number where that is another one's too.
    pub id: String,
    pub region: Region,
    pub diagnosis: Diagnosis,
    /// How sign-in is while it is open.
    pub state: State,
    pub phase: Phase,
    /// The title of its notices.
    pub title: String,
    /// What is wrong, where, for how many; and how it stands, or ended.
    pub lines: Vec<String>,
    /// The paragraph for users.
    pub users: Option<String>,
    /// The region and the access portal where sign-in works, where Identity Center is replicated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<(Region, String)>,
    /// None: not limited by it.
    pub operations: Option<Vec<Operation>>,
    pub tool: Option<String>,
    /// What limits it the most: `application`, `tool`, `network`, `operation` or `region`.
    pub limited_by: String,
    /// The first failure, and the latest.
    pub began: Timestamp,
    pub latest: Option<Timestamp>,
    pub lasted_s: u64,
    pub over_at: Option<Timestamp>,
    pub reopened: u32,
    /// When it was opened or reopened last, and when its end was found.
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    /// Distinct callers from its beginning to its end.
    pub callers: usize,
    pub about: bool,
    pub people: bool,
    pub seen: Option<usize>,
    pub failed_calls: usize,
}

impl Status<'_> {
    pub fn open(&self) -> impl Iterator<Item = &Outward> {
        self.incidents.iter().filter(|incident| incident.phase.is_open())
    }

    pub fn past(&self) -> impl Iterator<Item = &Outward> {
        self.incidents.iter().filter(|incident| !incident.phase.is_open())
    }

    /// The worst of what is open. That nothing is open says nothing where there is a doubt.
    pub fn state(&self) -> State {
        let worst = self.open().map(|incident| incident.state).min();
        worst.unwrap_or(if self.doubt.is_some() { State::Unknown } else { State::Ok })
    }

    /// `AWS sign-in works`
    pub fn in_words(&self) -> &'static str {
        match self.state() {
            State::Outage => "AWS sign-in has an outage",
            State::Degraded => "AWS sign-in is degraded",
            State::Unknown => "It is not known whether AWS sign-in works",
            State::Ok => "AWS sign-in works",
        }
    }

    /// The last hour, day and 30 days, with what is known of each.
    pub fn windows(&self) -> [(&'static str, Option<Window>); 3] {
        let windows = self.objective.map(|objective| objective.windows);
        [
            ("hour", windows.map(|windows| windows.hour)),
            ("day", windows.map(|windows| windows.day)),
            ("30 days", windows.map(|windows| windows.month)),
        ]
    }

    /// What is known beyond that, in a sentence.
    pub fn more(&self) -> &'static str {
        match (self.state(), self.doubt) {
            (State::Ok, _) => "No incident is open.",
            (_, Some(Doubt::Unread)) => {
                "The monitoring cannot read its own records at the moment, so this page may lack something."
            }
            (_, Some(Doubt::Blind)) => "The monitoring cannot reach AWS's sign-in service at the moment.",
            (State::Outage | State::Degraded | State::Unknown, None) => "",
        }
    }
}
