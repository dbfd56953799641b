//! What could not be decoded or done, named and counted.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::redact::{SHOWN_TEXT_MAX, one_line};

/// The problems of one invocation: by name, how many, and the detail of the first of each.
///
/// A name is stable: alarms and queries rest on it. A detail is shown to people: it is bounded and on one line, and its
/// maker keeps secrets out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(BTreeMap<&'static str, Noted>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Noted {
    count: u64,
    detail: String,
}

impl Problems {
    pub fn note(&mut self, name: &'static str, detail: impl AsRef<str>) {
        self.0
            .entry(name)
            .and_modify(|noted| noted.count += 1)
            .or_insert_with(|| Noted { count: 1, detail: one_line(detail.as_ref(), SHOWN_TEXT_MAX) });
    }

    pub fn merge(&mut self, other: Self) {
        for (name, noted) in other.0 {
            self.0.entry(name).and_modify(|mine| mine.count += noted.count).or_insert(noted);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many problems of that name there were.
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |noted| noted.count)
    }

    /// Name, count and first detail of each, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64, &str)> {
        self.0.iter().map(|(name, noted)| (*name, noted.count, noted.detail.as_str()))
    }
}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Problem<'a> {
            name: &'a str,
            count: u64,
            detail: &'a str,
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, count, detail) in self.iter() {
            list.serialize_element(&Problem { name, count, detail })?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_of_one_name_are_counted_and_the_first_detail_is_kept_on_one_line() {
        let mut problems = Problems::default();
        problems.note("json_invalid", "line 1\nforged");
        problems.note("json_invalid", "line 2");
        let shown = serde_json::to_string(&problems).unwrap();
        assert_eq!(shown, r#"[{"name":"json_invalid","count":2,"detail":"line 1 forged"}]"#);
    }
}
