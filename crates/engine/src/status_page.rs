//! What is kept of the status page beside its incidents: what became of writing it.
//!
//! Data, and when something must be written anew. The shell writes; only the watcher does.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_decide::evidence::mark::hash48;
use triage_model::time::before;
use triage_notify::status::files::File;
use triage_notify::status::kept::Kept;

/// An object that somebody deleted comes back within this time.
const FEED_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// That all is well is noted so often: each note is a write.
pub const NOTED_EVERY: Duration = Duration::from_secs(5 * 60);

/// One item of the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusRecord {
    pub kept: Kept,
    /// None: it was never tried.
    pub written: Option<Written>,
}

/// What became of writing it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub noted_at: Timestamp,
    /// When it was last written, as of then.
    pub at: Option<Timestamp>,
    /// Why it is not written now.
    #[serde(default)]
    pub trouble: Option<WriteTrouble>,
    /// The feed that is there, by a hash of it and its place, and since when.
    #[serde(default)]
    pub feed: Option<(u64, Timestamp)>,
}

/// Why a file could not be written, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteTrouble {
    pub detail: String,
    pub action: String,
}

/// The feed of that place, by a hash.
pub fn feed_hash(feed: &File, place: &str) -> u64 {
    hash48(&format!("{place}\n{}", feed.body))
}

impl Written {
    /// Whether the feed must be written.
    pub fn lacks(&self, hash: u64, now: Timestamp) -> bool {
        self.feed.is_none_or(|(known, at)| known != hash || at <= before(now, FEED_AGAIN))
    }

    /// Whether it is worth a write, after what was noted before.
    pub fn is_news(&self, noted: Option<&Self>) -> bool {
        noted.is_none_or(|noted| {
            (&noted.trouble, noted.feed) != (&self.trouble, self.feed)
                || noted.noted_at <= before(self.noted_at, NOTED_EVERY)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_feed_is_written_where_it_is_another_one_and_once_a_day() {
        let written = Written { feed: Some((7, at(0))), ..Written::default() };
        assert!(!written.lacks(7, at(86_399)));
        assert!(written.lacks(8, at(1)) && written.lacks(7, at(86_400)) && Written::default().lacks(7, at(1)));
        let feed = |body: &str| File { name: "feed.xml", content_type: "", body: body.to_owned() };
        assert_ne!(feed_hash(&feed("a"), "bucket/one/"), feed_hash(&feed("a"), "bucket/two/"));
    }

    #[test]
    fn what_is_as_it_was_is_noted_every_five_minutes() {
        let written = |second, trouble: Option<&str>| {
            let trouble = trouble.map(|detail| WriteTrouble { detail: detail.to_owned(), action: String::new() });
            Written { noted_at: at(second), trouble, ..Written::default() }
        };
        let noted = written(0, None);
        assert!(written(0, None).is_news(None));
        assert!(!written(299, None).is_news(Some(&noted)) && written(300, None).is_news(Some(&noted)));
        assert!(written(1, Some("refused")).is_news(Some(&noted)));
    }
}
