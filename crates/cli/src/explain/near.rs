//! Codes of the table that a misspelt one may mean.
//!
//! In: a code that the table does not know. Out: at most [`SUGGESTED_MAX`] that it does, the nearest first.

use std::collections::BTreeSet;

use triage_model::classify::{Code, rows};
use triage_model::spelling::{distance, slips_allowed};

use crate::explain::look_alike;

/// More would be a list to read instead of an answer.
const SUGGESTED_MAX: usize = 3;

/// What languages put behind the name of an error: `InvalidGrantError` means InvalidGrant.
const SUFFIXES: [&str; 3] = ["exception", "error", "fault"];

pub fn suggestions(code: &str) -> Vec<String> {
    let wanted = code.to_ascii_lowercase();
    let allowed = slips_allowed(stem(&wanted).len()).max(1);
    let mut near: BTreeSet<(usize, usize, String)> = BTreeSet::new();
    for name in names() {
        let lower = name.to_ascii_lowercase();
        // The suffix may be another word, or be misspelt itself.
        let slips = distance(stem(&wanted), stem(&lower)).min(distance(&wanted, &lower));
        if slips <= allowed {
            near.insert((slips, distance(&wanted, &lower), name));
        }
    }
    let mut stems = BTreeSet::new();
    let once = near.into_iter().map(|(.., name)| name).filter(|name| {
        let lower = name.to_ascii_lowercase();
        stems.insert(stem(&lower).replace('_', ""))
    });
    once.take(SUGGESTED_MAX).collect()
}

/// Every code that the table names, in each spelling that AWS may send, and those of services that look alike.
fn names() -> impl Iterator<Item = String> {
    let others = look_alike::codes().map(|code| format!("{code}Exception"));
    of_the_table().chain(others)
}

fn of_the_table() -> impl Iterator<Item = String> {
    rows().iter().flat_map(|row| row.codes).flat_map(|code| match *code {
        Code::Named(stem) => vec![stem.to_owned(), format!("{stem}Exception")],
        Code::Exact(name) | Code::Prefix(name) => vec![name.to_owned()],
        Code::Absent | Code::Any => Vec::new(),
    })
}

fn stem(code: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| code.strip_suffix(suffix)).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_understood() {
        for (wrong, right) in [
            ("InternalServerExeption", "InternalServerException"),
            ("InteralServerException", "InternalServerException"),
            ("invalid_grnt", "invalid_grant"),
            ("InvalidGrantError", "InvalidGrant"),
            ("SlowDonw", "SlowDown"),
            ("Throtling", "Throttling"),
            ("ServiceUnavailble", "ServiceUnavailable"),
            ("UnauthorizedExeption", "UnauthorizedException"),
        ] {
            assert_eq!(suggestions(wrong).first().map(String::as_str), Some(right), "{wrong}");
        }
    }

    #[test]
    fn what_is_like_nothing_gets_no_suggestion_and_nothing_gets_many() {
        for code in ["MadeUpException", "X", "", "é", "é😀", "NoSuchThingException"] {
            assert_eq!(suggestions(code), Vec::<String>::new(), "{code}");
        }
        assert!(suggestions("InvalidException").len() <= SUGGESTED_MAX);
    }
}
