//! Observations without persons, for `CallerNames=hashed`.
//!
//! In: an observation whose caller is hashed and learned, and the hasher. Out: the same with each address, mail and
//! name of its caller replaced, before anything is stored, logged or sent: so no channel has to think of it. An address
//! becomes its keyed hash, so that calls of one address still belong together. A message may name a person otherwise
//! than its record does: then only the words before the name reveal it.

use std::borrow::Cow;
use std::net::IpAddr;

use triage_model::caller::{Caller, CallerHasher};
use triage_model::observation::{HealthIssue, Texts};

/// What replaces a person.
const HIDDEN: &str = "[hidden]";

/// Of a failed or a successful call.
pub fn unname(texts: Texts<'_>, hasher: &CallerHasher) {
    // The program is one that the operator listed, and an account.
    let Texts { ids, client_id, record, address, program: _, caller } = texts;
    let names = Names::of(caller);
    ids.into_iter().flatten().for_each(|id| names.unname_id(id, hasher));
    record.into_iter().chain([client_id]).flatten().for_each(|text| names.unname(text));
    unname_address(address, hasher);
    *caller = unnamed_caller(caller, hasher);
}

pub fn unname_issue(issue: &mut HealthIssue) {
    let HealthIssue { event_arn, service, event_type_code, description, .. } = issue;
    [event_arn, service, event_type_code, description].into_iter().for_each(|text| Names::default().unname(text));
}

/// A text that is of no record: a problem's detail.
pub fn unnamed(text: &str) -> Cow<'_, str> {
    Names::default().unnamed(text)
}

/// An address, a user agent's owner, a person: distinguished by a keyed hash.
fn pseudonym(what: &str, name: &str, hasher: &CallerHasher) -> String {
    format!("{what} {}", hasher.hash(&Caller::Named(name.to_owned())))
}

fn unname_address(address: Option<&mut String>, hasher: &CallerHasher) {
    // AWS's own services stand there by their names.
    if let Some(address) = address.filter(|address| !address.ends_with(".amazonaws.com")) {
        *address = pseudonym("address", address, hasher);
    }
}

/// Of the same kind: the code that compares calls depends on it.
fn unnamed_caller(caller: &Caller, hasher: &CallerHasher) -> Caller {
    let hidden = || hasher.hash(caller).to_string();
    match caller {
        Caller::User(_) => Caller::User(hidden()),
        Caller::Principal(_) => Caller::Principal(hidden()),
        Caller::Client { .. } => Caller::Client { client_id: hidden(), address: String::new() },
        Caller::Address { .. } => Caller::Address { address: hidden(), user_agent: String::new() },
        Caller::Named(_) => Caller::Named(hidden()),
        Caller::LogGroup(group) => Caller::LogGroup(group.clone()),
        Caller::Unknown => Caller::Unknown,
    }
}

/// What the caller of one record is called, in lower case.
#[derive(Debug, Default)]
struct Names(Vec<String>);

/// Shorter names are parts of other words.
const PART_MIN: usize = 5;

/// Words behind which a text names a person.
const BEFORE_A_NAME: [&str; 9] =
    ["user", "username", "userid", "principal", "principalid", "subject", "sub", "email", "login"];
/// Words that follow those in prose.
const PROSE: [&str; 24] = [
    "is", "was", "has", "had", "not", "does", "did", "do", "can", "cannot", "could", "must", "may", "and", "or", "of",
    "with", "pool", "agent", "name", "id", "code", "in", "for",
];

impl Names {
    fn of(caller: &Caller) -> Self {
        let mut names = Vec::new();
        let mut add = |name: &str| {
            let name = name.to_lowercase();
            // The session behind a role, the mailbox of a mail, the user behind a path.
            let last = name.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
            let mailbox = last.split_once('@').map(|(mailbox, _)| mailbox.to_owned());
            names.extend(mailbox.into_iter().chain([last, name]).filter(|name| name.len() > 1));
        };
        match caller {
            Caller::User(name) | Caller::Principal(name) | Caller::Named(name) => add(name),
            Caller::Client { address, .. } | Caller::Address { address, .. } => add(address),
            Caller::LogGroup(_) | Caller::Unknown => {}
        }
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    fn unname(&self, text: &mut String) {
        if let Cow::Owned(unnamed) = self.unnamed(text) {
            *text = unnamed;
        }
    }

    /// An id is replaced as a whole. One that was made of a record's texts may be compared with a person's name.
    fn unname_id(&self, id: &mut String, hasher: &CallerHasher) {
        if id.starts_with("made-") || matches!(self.unnamed(id), Cow::Owned(_)) {
            *id = format!("made-{:012x}", hasher.hash(&Caller::Named(id.clone())).to_bits());
        }
    }

    fn unnamed<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut unnamed = String::new();
        let mut kept = 0;
        let mut follows = false;
        for (start, word) in words(text) {
            let hidden = self.hidden_part(word, follows);
            if let Some(part) = &hidden {
                unnamed.push_str(&text[kept..start + part.start]);
                unnamed.push_str(HIDDEN);
                kept = start + part.end;
            }
            let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            follows = BEFORE_A_NAME.iter().any(|before| before.eq_ignore_ascii_case(bare));
        }
        if kept == 0 && unnamed.is_empty() {
            return Cow::Borrowed(text);
        }
        unnamed.push_str(&text[kept..]);
        Cow::Owned(unnamed)
    }

    /// Which part of a word names a person.
    fn hidden_part(&self, word: &str, follows: bool) -> Option<std::ops::Range<usize>> {
        let bare = word.trim_matches(|letter: char| matches!(letter, '.' | ':' | '!' | '?' | '\\'));
        if bare.is_empty() {
            return None;
        }
        let whole = 0..word.len();
        let lower = bare.to_lowercase();
        let is_mail = bare.split_once('@').is_some_and(|(mailbox, host)| !mailbox.is_empty() && !host.is_empty());
        let is_own =
            self.0.iter().any(|name| lower == *name || name.len() >= PART_MIN && lower.contains(name.as_str()));
        let is_named = follows && !PROSE.contains(&lower.as_str()) && !lower.starts_with("arn:");
        if is_mail || is_own || is_named || is_address(bare) {
            return Some(whole);
        }
        // `assumed-role/<role>/<session>`: the session is who. `user/<path>/<name>`.
        let behind = |kind: &str| word.find(kind).map(|at| at + kind.len());
        if let Some(role) = behind(":assumed-role/") {
            return word[role..].find('/').map(|slash| role + slash + 1..word.len());
        }
        if let Some(user) = behind(":user/").or_else(|| behind(":federated-user/")) {
            return Some(user..word.len());
        }
        // `user:jane`.
        let (key, name) = word.split_once(':')?;
        (!name.is_empty() && BEFORE_A_NAME.iter().any(|before| before.eq_ignore_ascii_case(key)))
            .then_some(key.len() + 1..word.len())
    }
}

/// An address, also with a port, or a network.
fn is_address(word: &str) -> bool {
    let host = word.split('/').next().unwrap_or(word);
    let bare = host.trim_matches(|letter| matches!(letter, '[' | ']'));
    let without_port =
        host.rsplit_once(':').map_or("", |(host, _)| host.trim_matches(|letter| matches!(letter, '[' | ']')));
    // A version of four numbers looks alike, and is hidden too.
    bare.parse::<IpAddr>().is_ok() && bare.len() > "::".len() || without_port.parse::<IpAddr>().is_ok()
}

/// The words of a text, each with where it begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let parts = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '"' | '\'' | '`' | '(' | ')' | '<' | '>' | '{' | '}' | ',' | ';' | '=' | '&' | '|')
    };
    let mut at = 0;
    text.split(parts).filter_map(move |word| {
        let start = at;
        at = (start + word.len()).min(text.len());
        at += text[at..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> String {
        Names::of(&Caller::Named(name.to_owned())).unnamed(text).into_owned()
    }

    #[test]
    fn mails_addresses_and_the_callers_own_names_are_hidden() {
        for (text, shown) in [
            ("user jane@example.com not found", "user [hidden] not found"),
            ("User 'jdoe' not found", "User '[hidden]' not found"),
            ("user=jdoe;x", "user=[hidden];x"),
            ("user:jdoe", "user:[hidden]"),
            ("from 203.0.113.9:443, or [2001:db8::1]:443", "from [hidden], or [hidden]"),
            ("2001:db8::1", "[hidden]"),
            (
                "User: arn:aws:sts::111122223333:assumed-role/Portal/jdoe is not authorized to perform: sso-oauth:CreateTokenWithIAM",
                "User: arn:aws:sts::111122223333:assumed-role/Portal/[hidden] is not authorized to perform: sso-oauth:CreateTokenWithIAM",
            ),
            ("arn:aws:iam::111122223333:user/staff/jdoe", "arn:aws:iam::111122223333:user/[hidden]"),
            ("Grace.Hopper and é grace.hopper@corp", "[hidden] and é [hidden]"),
            ("é", "é"),
            ("", ""),
            ("the user is not known", "the user is not known"),
            ("KMS_AccessDeniedException", "KMS_AccessDeniedException"),
            ("Rate exceeded", "Rate exceeded"),
            ("at node:internal::x", "at node:internal::x"),
        ] {
            assert_eq!(of("grace.hopper@example.com", text), shown, "{text}");
        }
    }

    #[test]
    fn what_stands_for_an_address_depends_on_the_key_and_is_one_for_one_address() {
        let of = |key: &[u8; 16], address: &str| {
            let mut address = Some(address.to_owned());
            unname_address(address.as_mut(), &CallerHasher::new(key));
            address.unwrap()
        };
        assert_eq!(of(&[1; 16], "203.0.113.9"), of(&[1; 16], "203.0.113.9"));
        assert_ne!(of(&[1; 16], "203.0.113.9"), of(&[2; 16], "203.0.113.9"));
        assert_ne!(of(&[1; 16], "203.0.113.9"), of(&[1; 16], "203.0.113.8"));
        assert_eq!(of(&[1; 16], "sso.amazonaws.com"), "sso.amazonaws.com");
    }

    #[test]
    fn an_id_that_was_made_of_a_name_is_made_anew_with_the_key() {
        let hasher = CallerHasher::new(&[1; 16]);
        let of = |id: &str| {
            let mut id = id.to_owned();
            Names::of(&Caller::User("jdoe".into())).unname_id(&mut id, &hasher);
            id
        };
        assert_eq!(of("7d1b3f52-2c3f-4c1e-9b57-6a1f0f5b6c01"), "7d1b3f52-2c3f-4c1e-9b57-6a1f0f5b6c01");
        for id in ["made-0123456789abcdef", "jdoe", "203.0.113.9"] {
            assert_ne!(of(id), id);
            assert_eq!(of(id), of(id));
        }
    }
}
