//! How much of a review the page shows, and where: the same in the table, the chart and the cards.

use crate::replay::close_up::CLOSE_UPS_MAX;
use crate::replay::review::Story;

/// Incidents that have a card: more are not read, but counted, and are in the JSON.
pub const STORIES_MAX: usize = CLOSE_UPS_MAX;

/// Bytes of all these cards: what a browser on a phone opens without trouble. An incident takes some 20 kB, but
/// a notice may hold far more.
pub const STORIES_BYTES_MAX: usize = 8 << 20;

/// Incidents in the table and the chart: a row and a band take 1 kB.
pub const BANDS_MAX: usize = 1000;

/// Notices listed of an incident. One that lasts for days has a reminder each hour, and they say the same.
pub const NOTICES_MAX: usize = 40;

/// Those of them that are printed, so that an incident fits two pages.
pub const PRINTED_MAX: usize = 8;

/// The incidents, from the first on, that have a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown(pub usize);

impl Shown {
    /// Whether the incident at that place is among them.
    pub const fn has(self, place: usize) -> bool {
        place < self.0
    }
}

/// The incident's id as a place in the page. Other places of it begin with `the-`.
pub fn anchor(story: &Story) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    format!("incident-{}", story.id.chars().map(safe).collect::<String>())
}
