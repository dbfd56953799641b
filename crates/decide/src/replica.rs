//! How sign-in stands in the regions of one replicated Identity Center, as data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::region::Region;

/// Whether sign-in works in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// By proof: calls are served, or a probe is well.
    Works,
    /// It has an open incident.
    Fails,
    /// Nothing proves either.
    Unknown,
}

impl Standing {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Fails => "fails",
            Self::Unknown => "unknown",
        }
    }
}

/// One region of them, as of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStanding {
    pub region: Region,
    pub standing: Standing,
    /// Since when it fails, or works again; None where that is not known.
    pub since: Option<Timestamp>,
    /// Of the incident in question: from its first failure there to its latest.
    pub failed: Option<(Timestamp, Timestamp)>,
}

/// What an incident in one region has to do with those in the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AmongReplicas {
    /// The id of the incident that it is a part of, where another region had it first.
    pub part_of: Option<String>,
    /// Where people were last sent, because sign-in works there.
    pub linked: Option<Region>,
    /// Of an incident that was put together of its parts: where it fails, or did.
    #[serde(skip)]
    pub regions: Vec<Region>,
}

impl AmongReplicas {
    pub fn is_alone(&self) -> bool {
        *self == Self::default()
    }
}
