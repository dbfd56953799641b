//! What is said of arguments that cannot be taken.
//!
//! In: clap's error. Out: its text, with the arguments that stand in it on one line each. An argument may come out of a
//! script or a bucket, and hold what moves a terminal's cursor.

use clap::Error;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use triage_model::redact::{SHOWN_TEXT_MAX, is_harmless, one_line};

/// The text of an error, or the help where that was asked for.
pub fn in_words(mut error: Error) -> String {
    let harmless: Vec<(ContextKind, ContextValue)> = error
        .context()
        // It has several lines, and they are ours.
        .filter(|(kind, _)| *kind != ContextKind::Usage)
        .filter_map(|(kind, value)| Some((kind, on_one_line(value)?)))
        .collect();
    for (kind, value) in harmless {
        error.insert(kind, value);
    }
    let text = error.render().to_string();
    text.chars().map(|character| if character == '\n' || is_harmless(character) { character } else { ' ' }).collect()
}

/// None where there is no text in it.
fn on_one_line(value: &ContextValue) -> Option<ContextValue> {
    let cut = |text: &str| one_line(text, SHOWN_TEXT_MAX);
    let styled = |text: &StyledStr| StyledStr::from(cut(&text.to_string()));
    match value {
        ContextValue::String(text) => Some(ContextValue::String(cut(text))),
        ContextValue::Strings(texts) => Some(ContextValue::Strings(texts.iter().map(|text| cut(text)).collect())),
        ContextValue::StyledStr(text) => Some(ContextValue::StyledStr(styled(text))),
        ContextValue::StyledStrs(texts) => Some(ContextValue::StyledStrs(texts.iter().map(styled).collect())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command};

    use super::*;

    fn told(arguments: &[&str]) -> String {
        let command = Command::new("tool")
            .arg(Arg::new("number").long("number").value_parser(clap::value_parser!(u16)))
            .arg(Arg::new("way").long("way").value_parser(["one", "other"]));
        in_words(command.try_get_matches_from(arguments).unwrap_err())
    }

    #[test]
    fn an_argument_writes_no_line_of_its_own_and_moves_no_cursor() {
        let evil = "x\nerror: forged\u{1b}[2J\u{9b}31m\u{202e}y";
        for arguments in [
            vec!["tool", evil],
            vec!["tool", "--", evil],
            vec!["tool", &format!("--{evil}")],
            vec!["tool", "--number", evil],
            vec!["tool", &format!("--way={evil}")],
        ] {
            let text = told(&arguments);
            assert!(text.chars().all(|character| character == '\n' || is_harmless(character)), "{text:?}");
            assert!(!text.lines().any(|line| line.starts_with("error: forged")), "{text}");
            assert!(text.contains("forged"), "{text}");
        }
    }

    #[test]
    fn what_is_harmless_is_told_as_clap_tells_it() {
        assert!(told(&["tool", "--nummer", "5"]).contains("unexpected argument '--nummer' found"));
        assert!(told(&["tool", "--help"]).contains("Usage: tool [OPTIONS]\n"));
    }
}
