//! Text of others in Markdown.
//!
//! In: a text that anybody may have written. Out: Markdown that shows it and nothing else: no emphasis, no link, no HTML, no
//! mention of a person, and always within one line.

use std::fmt::Write as _;

use triage_model::redact::is_harmless;

/// What stands for a character that must not be in it.
const REPLACEMENT: char = '\u{fffd}';

/// What may be markup within a line.
const MARKUP: [char; 13] = ['\\', '`', '*', '_', '[', ']', '<', '>', '&', '~', '|', '$', '#'];

/// A sentence: as it is read, but for what would be a link or call somebody.
pub fn sentence(text: &str) -> String {
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    if !is_reference(word) {
        return escaped(word);
    }
    // What ends a sentence or a part of it is no part of the address before it.
    let address = word.trim_end_matches([',', '.', ';', ':', ')']);
    format!("{}{}", code(address), &word[address.len()..])
}

/// A name: a caller, a code, a tool.
pub fn code(text: &str) -> String {
    let text: String = text.chars().map(shown).collect();
    if text.trim().is_empty() {
        return "` `".to_owned();
    }
    // Longer than any run of backticks in it.
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let room = if longest > 0 { " " } else { "" };
    format!("{fence}{room}{text}{room}{fence}")
}

/// What readers of Markdown make a link of by itself: an address, a mail address, somebody's name, an issue's number.
fn is_reference(word: &str) -> bool {
    word.contains('@') || word.contains("://") || word.contains('#') || word.to_ascii_lowercase().contains("www.")
}

fn escaped(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for letter in word.chars().map(shown) {
        let _ = match letter {
            letter if MARKUP.contains(&letter) => write!(out, "\\{letter}"),
            letter => write!(out, "{letter}"),
        };
    }
    out
}

fn shown(letter: char) -> char {
    if is_harmless(letter) { letter } else { REPLACEMENT }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sentence_is_read_as_it_was_written() {
        for (text, shown) in [
            ("5 callers failed on CreateToken (refresh_token)", "5 callers failed on CreateToken (refresh\\_token)"),
            (
                "**bold** _it_ [a](b) <img> &amp; a|b ~~x~~",
                "\\*\\*bold\\*\\* \\_it\\_ \\[a\\](b) \\<img\\> \\&amp; a\\|b \\~\\~x\\~\\~",
            ),
            ("ask @ana or ana@example.com", "ask `@ana` or `ana@example.com`"),
            ("see (http://evil.example/x?a=b), now", "see `(http://evil.example/x?a=b`), now"),
            ("see WWW.evil.example and #14", "see `WWW.evil.example` and `#14`"),
            ("one\n# two\r\n- three", "`one\u{fffd}#` two\u{fffd}\u{fffd}- three"),
            ("a\u{202e}b", "a\u{fffd}b"),
        ] {
            assert_eq!(sentence(text), shown);
        }
    }

    #[test]
    fn a_name_cannot_leave_its_code() {
        assert_eq!(code("aws-cli/2.31.0"), "`aws-cli/2.31.0`");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(""), "` `");
        assert_eq!(code("a\nb"), "`a\u{fffd}b`");
    }

    proptest! {
        #[test]
        fn whatever_is_written_stays_on_one_line_and_in_its_place(text in any::<String>()) {
            for out in [sentence(&text), code(&text)] {
                prop_assert!(!out.contains(['\n', '\r']));
                prop_assert!(out.chars().all(is_harmless));
            }
            let fence: String = code(&text).chars().take_while(|letter| *letter == '`').collect();
            let inside = &code(&text)[fence.len()..];
            prop_assert_eq!(inside.find(&fence), Some(inside.len() - fence.len()));
        }
    }
}
