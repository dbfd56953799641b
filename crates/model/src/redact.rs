//! Secrets stay in; untrusted text becomes harmless.
//!
//! In: text from payloads. Out: a [`Secret`] that cannot be printed, text without secrets ([`mask`]), or bounded text
//! that cannot break out of its line or notice. Nothing here decides what is shown.

pub mod mask;

use std::fmt;

use serde::{Deserialize, Deserializer, Serializer};

pub use mask::HIDDEN;

/// A value that must not leave the process: a client secret, a token, a device code.
///
/// It has no `Display` and no `Serialize`, and its `Debug` shows nothing of it, so printing one is a compile error or
/// harmless.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }

    /// The only access to the content. Call it where a request is built, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// For the one secret of our own that is stored. Name it at the field (`serialize_with`): there is no `Serialize`.
    pub fn expose_to_the_store<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// One untrusted name, code or id among others: longer than most, and short enough for a line.
pub const SHOWN_NAME_MAX: usize = 80;

/// The same for an ARN: an application's has 85 to 110 characters and is useless when cut.
pub const SHOWN_ARN_MAX: usize = 160;

/// The longest untrusted text shown in one place: enough for any AWS error message worth reading.
pub const SHOWN_TEXT_MAX: usize = 300;

/// `text` on one line, at most `max` bytes, cut on a character boundary and marked with `…` where it was cut.
///
/// Control characters (line breaks, escape sequences) and the characters that reorder or hide text in a terminal or a
/// mail reader become a space, so a user agent or an error message cannot forge a second line.
pub fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    let mut after_space = true;
    for character in text.chars() {
        let shown = if is_harmless(character) { character } else { ' ' };
        if shown == ' ' && after_space {
            continue;
        }
        after_space = shown == ' ';
        if line.len() + shown.len_utf8() > max {
            line.truncate(line.floor_char_boundary(max.saturating_sub('…'.len_utf8())));
            line.push('…');
            return line;
        }
        line.push(shown);
    }
    line.truncate(line.trim_end().len());
    line
}

/// A text of a sender's in a sentence of ours: masked, and then on one line of at most `max` bytes. A secret that is cut first may not
/// look like one any more.
pub fn quoted(text: &str, max: usize) -> String {
    // Only so many times the limit is read, however long the text.
    const LOOKED_AT: usize = 4;
    one_line(&mask::masked(&text[..text.floor_char_boundary(LOOKED_AT * max)]), max)
}

/// Keeps mail programs from making a link of an address in untrusted text.
pub fn unlinked(text: &str) -> String {
    text.replace("://", ": //")
}

/// Whether a character is safe to show: it neither controls nor reorders nor hides others.
pub fn is_harmless(character: char) -> bool {
    let reorders_or_hides = matches!(
        character,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    !character.is_control() && !reorders_or_hides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }

    #[test]
    fn text_of_others_stays_on_one_line() {
        assert_eq!(one_line("a\r\nSubject: b\u{1b}[31m\u{202e}c  d \n", 80), "a Subject: b [31m c d");
    }

    #[test]
    fn a_cut_is_on_a_character_boundary_and_marked() {
        assert_eq!(one_line("ääääää", 8), "ää…");
        assert_eq!(one_line("abcdefgh", 8), "abcdefgh");
        assert_eq!(one_line("abcdefghi", 8), "abcde…");
    }
}
