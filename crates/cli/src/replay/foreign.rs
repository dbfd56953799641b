//! Files in folders that are none of ours.
//!
//! In: their names, as they are found. Out: one line for all of them.

use std::collections::BTreeSet;

use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_notify::words::counted;

/// So many are named.
const NAMED_MAX: usize = 5;

#[derive(Debug, Default)]
pub struct Foreign {
    files: usize,
    named: Vec<String>,
    /// Of a file that is read in parts each part may say so.
    latest: BTreeSet<String>,
}

impl Foreign {
    pub fn add(&mut self, names: &BTreeSet<String>) {
        for name in names.difference(&self.latest) {
            self.files += 1;
            if self.named.len() < NAMED_MAX {
                self.named.push(one_line(name, SHOWN_NAME_MAX));
            }
        }
        if !names.is_empty() {
            self.latest.clone_from(names);
        }
    }

    /// None where there are none.
    pub fn in_words(&self) -> Option<String> {
        let more = self.files - self.named.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let (hold, named) = (if self.files == 1 { "holds" } else { "hold" }, self.named.join(", "));
        let files = counted(self.files, "file");
        (self.files > 0).then(|| {
            format!(
                "{files} in the folder {hold} no event that this program reads: {named}{rest}; name a file to see why"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_one_line() {
        let mut foreign = Foreign::default();
        assert_eq!(foreign.in_words(), None);
        foreign.add(&BTreeSet::from(["a.json".to_owned()]));
        foreign.add(&BTreeSet::from(["a.json".to_owned()]));
        let words = foreign.in_words().unwrap();
        assert_eq!(
            words,
            "1 file in the folder holds no event that this program reads: a.json; name a file to see why"
        );
        foreign.add(&(0..9).map(|n| format!("b{n}.json")).collect());
        let words = foreign.in_words().unwrap();
        assert!(
            words.starts_with("10 files in the folder hold no event that this program reads: ")
                && words.contains(" and 5 more"),
            "{words}"
        );
    }
}
