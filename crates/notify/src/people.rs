//! Names of people in place of their user ids.
//!
//! In: a [`Notice`], and what Identity Store says of the ids in it. Out: the ids to ask for, and the notice with names. An id
//! whose name is not known stays, and the notice says so: nobody is left out because a directory did not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use triage_decide::ledger::REASON_MAX;
use triage_model::caller::directory_uuid;
use triage_model::redact::{SHOWN_NAME_MAX, one_line, unlinked};

use crate::notice::{Notice, Unresolved};

/// Of a name in brackets so many bytes are shown: nearly every address fits, and a name beside it.
const USER_NAME_MAX: usize = 48;

/// How a caller who is a person is shown.
const USER: &str = "user ";
const UUID: usize = 36;

/// What Identity Store says of a user id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// As it is shown: bounded and on one line.
    Named(String),
    /// No such user, or one without any name.
    Unknown,
}

impl Person {
    /// The name that people know, with the one to sign in with: by that one a user is found in Identity Center. Both are texts
    /// of others.
    pub fn of(display_name: Option<&str>, user_name: Option<&str>) -> Self {
        let of_text = |text: Option<&str>, most| text.map(|text| one_line(&unlinked(text), most)).unwrap_or_default();
        let user_name = of_text(user_name, USER_NAME_MAX);
        let display_name = of_text(display_name, SHOWN_NAME_MAX - USER_NAME_MAX.min(user_name.len()) - " ()".len());
        match (display_name.as_str(), user_name.as_str()) {
            ("", "") => Self::Unknown,
            ("", name) | (name, "") => Self::Named(name.to_owned()),
            (display_name, user_name) if display_name == user_name => Self::Named(user_name.to_owned()),
            (display_name, user_name) => Self::Named(format!("{display_name} ({user_name})")),
        }
    }

    fn shown(&self, id: &str) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Unknown => format!("{USER}{id} (name not found)"),
        }
    }
}

impl Notice {
    /// The user ids that it names, each once, those in its list of callers first.
    pub fn user_ids(&self) -> Vec<String> {
        let mut notice = self.clone();
        let listed: Vec<String> = self.impact.names.iter().filter_map(|name| id_of_name(name)).collect();
        let in_texts: Vec<String> =
            notice.sentences().flat_map(|text| ids_in(text).map(|(_, id)| id).collect::<Vec<_>>()).collect();
        let mut seen = BTreeSet::new();
        listed.into_iter().chain(in_texts).filter(|id| seen.insert(id.clone())).collect()
    }

    /// With names in place of the ids that `people` knows. Why the others stay is `reason`.
    #[must_use]
    pub fn with_people(mut self, people: &BTreeMap<String, Person>, reason: &str) -> Self {
        let ids = self.user_ids().iter().filter(|id| !people.contains_key(*id)).count();
        self.unresolved = (ids > 0).then(|| Unresolved { ids, reason: one_line(reason, SHOWN_NAME_MAX) });
        for name in &mut self.impact.names {
            if let Some((id, person)) = id_of_name(name).and_then(|id| people.get_key_value(&id)) {
                *name = person.shown(id);
            }
        }
        self.sentences().for_each(|text| *text = in_names(text, people));
        self
    }

    /// All that may name a caller beside the list of them. What is passed on to users names nobody.
    fn sentences(&mut self) -> impl Iterator<Item = &mut String> {
        let facts = self.weighed.iter_mut().flat_map(|it| it.speaks_for.iter_mut().chain(&mut it.speaks_against));
        let summaries = self.merged.notices.iter_mut().map(|earlier| &mut earlier.summary);
        let reasons = self.reasons.iter_mut().chain(&mut self.merged.reasons);
        self.headline
            .iter_mut()
            .chain(&mut self.news)
            .chain(reasons)
            .chain(facts)
            .chain(summaries)
            .chain(&mut self.advice.now)
    }
}

/// The id where a caller's whole name is one. A program's log may call its user by it.
fn id_of_name(name: &str) -> Option<String> {
    directory_uuid(name.strip_prefix(USER).unwrap_or(name)).map(str::to_ascii_lowercase)
}

/// Each `user <id>` in a sentence: where it stands, and the id.
fn ids_in(text: &str) -> impl Iterator<Item = (Range<usize>, String)> {
    text.match_indices(USER).filter_map(|(begin, _)| {
        let end = begin + USER.len() + UUID;
        let id = text.get(begin + USER.len()..end)?;
        let goes_on = |character: char| character.is_alphanumeric() || character == '-';
        let is_whole = !text[end..].starts_with(goes_on) && !text[..begin].ends_with(goes_on);
        (is_whole && directory_uuid(id) == Some(id)).then(|| (begin..end, id.to_ascii_lowercase()))
    })
}

fn in_names(text: &str, people: &BTreeMap<String, Person>) -> String {
    let mut named = String::with_capacity(text.len());
    let mut copied = 0;
    for (place, id) in ids_in(text) {
        let Some(person) = people.get(&id) else { continue };
        named.push_str(&text[copied..place.start]);
        named.push_str(&person.shown(&id));
        copied = place.end;
    }
    if copied == 0 {
        return text.to_owned();
    }
    named.push_str(&text[copied..]);
    one_line(&named, REASON_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const ANA: &str = "94d00cd8-e9e6-4810-b177-b08e84775435";
    const BEN: &str = "94d00cd8-e9e6-4810-b177-b08e84775436";

    fn notice(names: &[&str], reasons: &[&str]) -> Notice {
        let (_, mut notice) = testing::samples().remove(0);
        notice.impact.names = names.iter().map(|&name| name.to_owned()).collect();
        notice.reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
        notice
    }

    fn people<const N: usize>(people: [(&str, Person); N]) -> BTreeMap<String, Person> {
        people.map(|(id, person)| (id.to_owned(), person)).into()
    }

    fn ana() -> Person {
        Person::of(Some("Ana Example"), Some("ana@example.com"))
    }

    #[test]
    fn a_person_is_shown_by_both_names_on_one_bounded_line() {
        fn shown(display_name: Option<&str>, user_name: Option<&str>) -> Option<String> {
            match Person::of(display_name, user_name) {
                Person::Named(name) => Some(name),
                Person::Unknown => None,
            }
        }
        for (display_name, user_name, expected) in [
            (Some("Ana Example"), Some("ana@example.com"), Some("Ana Example (ana@example.com)")),
            (Some("ana"), Some("ana"), Some("ana")),
            (None, Some("ana"), Some("ana")),
            (Some(" "), Some("ana"), Some("ana")),
            (Some("Ana Example"), None, Some("Ana Example")),
            (None, None, None),
            (Some(""), Some("\n"), None),
            (Some("Ana\r\nRESOLVED: all is well"), Some("ana"), Some("Ana RESOLVED: all is well (ana)")),
            (Some("see https://evil.example"), Some("ana"), Some("see https: //evil.example (ana)")),
        ] {
            assert_eq!(shown(display_name, user_name).as_deref(), expected);
        }
        for (display_name, user_name) in [("x", "y"), ("x", ""), ("", "y"), ("\u{e4}", "\u{1f600}")] {
            let (display_name, user_name) = (display_name.repeat(500), user_name.repeat(500));
            let shown = shown(Some(&display_name), Some(&user_name)).unwrap();
            assert!(shown.len() <= SHOWN_NAME_MAX, "{} {shown}", shown.len());
        }
    }

    #[test]
    fn the_ids_of_the_list_and_of_the_sentences_are_asked_for_once_each() {
        let alone = format!("user {BEN} alone has failed 9 times; user {ANA}, too");
        let listed = [format!("user {ANA}"), "ana@example.com".to_owned(), BEN.to_uppercase()];
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        assert_eq!(notice(&listed, &[&alone]).user_ids(), [ANA, BEN]);
        assert_eq!(notice(&[], &[&alone]).user_ids(), [BEN, ANA]);
    }

    #[test]
    fn what_is_no_user_id_is_not_asked_for() {
        let reasons = [
            format!("user {ANA}x"),
            format!("user {ANA}-1"),
            format!("request {ANA}"),
            format!("the user {}", &ANA[..35]),
            format!("superuser {ANA}"),
            "user \u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}".to_owned(),
            "user ".to_owned(),
        ];
        let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
        let notice = notice(&["user u-1", "01234567", "log group /a", "unknown caller"], &reasons);
        assert_eq!(notice.user_ids(), Vec::<String>::new());
        assert_eq!(notice.clone().with_people(&BTreeMap::new(), ""), notice);
    }

    #[test]
    fn names_stand_where_ids_stood_and_what_is_not_known_is_said() {
        let listed = [format!("user {ANA}"), format!("user {BEN}"), "ci@example.com".to_owned()];
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let alone = format!("user {ANA} alone has failed 9 times, user {BEN} was served");
        let named = notice(&listed, &[&alone]).with_people(&people([(ANA, ana()), (BEN, Person::Unknown)]), "");
        let not_found = format!("user {BEN} (name not found)");
        assert_eq!(named.impact.names, ["Ana Example (ana@example.com)", &not_found, "ci@example.com"]);
        assert_eq!(
            named.reasons,
            [format!("Ana Example (ana@example.com) alone has failed 9 times, {not_found} was served")]
        );
        assert_eq!(named.unresolved, None, "Identity Store said that there is no such user");
    }

    #[test]
    fn an_id_without_an_answer_stays_and_is_counted() {
        let (ana_shown, ben_shown) = (format!("user {ANA}"), format!("user {BEN}"));
        let named = notice(&[&ana_shown, &ben_shown], &[&ben_shown]);
        let named = named.with_people(&people([(ANA, ana())]), "AccessDeniedException\nforged");
        assert_eq!(named.impact.names, ["Ana Example (ana@example.com)", &ben_shown]);
        let unresolved = named.unresolved.unwrap();
        assert_eq!(unresolved, Unresolved { ids: 1, reason: "AccessDeniedException forged".to_owned() });
        assert_eq!(unresolved.in_words(), "1 user id could not be resolved: AccessDeniedException forged");
        let both = Unresolved { ids: 2, ..unresolved };
        assert!(both.in_words().starts_with("2 user ids could not be resolved: "));
    }

    #[test]
    fn a_sentence_stays_as_short_as_it_has_to_be() {
        let crowded = format!("user {ANA} ").repeat(REASON_MAX / (UUID + USER.len() + 1));
        let long = Person::of(Some(&"x".repeat(80)), Some(&"y".repeat(80)));
        let named = notice(&[], &[crowded.trim_end()]).with_people(&people([(ANA, long)]), "");
        assert!(named.reasons[0].len() <= REASON_MAX && named.reasons[0].ends_with('\u{2026}'), "{}", named.reasons[0]);
    }
}
