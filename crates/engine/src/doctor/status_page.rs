//! Whether the watcher writes the status page.
//!
//! The function that is asked may not write it, and does not know the bucket: it reads what the watcher noted. Where there is no
//! note, nobody asked for a page.

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::view::StoreError;

use super::check::{Check, is_older, when};
use crate::status_page::{NOTED_EVERY, Written};

const NAME: &str = "status_page";

/// One note may fail.
const NOTE_OLD: Duration = Duration::from_secs(3 * NOTED_EVERY.as_secs());

pub fn check(noted: &Result<Option<Written>, StoreError>, now: Timestamp) -> Option<Check> {
    let written = match noted {
        Ok(None) => return None,
        Ok(Some(written)) => written,
        Err(error) => {
            let detail = format!("what the watcher noted cannot be read: {error}");
            return Some(Check::unknown(NAME, &detail, "See the check of the table, and run this again."));
        }
    };
    let last =
        written.at.map_or_else(|| "it was never written".to_owned(), |at| format!("last written at {}", when(at, now)));
    Some(match &written.trouble {
        _ if is_older(written.noted_at, now, NOTE_OLD) => Check::broken(
            NAME,
            &format!("{last}, and not tried since"),
            "If you unset StatusBucket, delete the files: they stay as they are. Else see rule tick.",
        ),
        Some(trouble) => Check::broken(NAME, &format!("{}; {last}", trouble.detail), &trouble.action),
        None => Check::ok(NAME, &last),
    })
}
