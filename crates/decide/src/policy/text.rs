//! The text that a policy is read from.
//!
//! In: TOML. Out: one number after the other as it is asked for, and at the end all errors, each with its line: an
//! operator sees all of them at once.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::spelling::nearest;

/// How a number is kept and read.
pub trait Number: Sized {
    const UNIT: &'static str;
    /// Whether fractions are meaningful.
    const WHOLE: bool;
    fn of(number: f64) -> Self;
}

impl Number for Duration {
    const UNIT: &'static str = "seconds";
    const WHOLE: bool = true;
    fn of(number: f64) -> Self {
        Self::from_secs_f64(number)
    }
}

impl Number for usize {
    const UNIT: &'static str = "";
    const WHOLE: bool = true;
    fn of(number: f64) -> Self {
        number as Self
    }
}

impl Number for f64 {
    const UNIT: &'static str = "";
    const WHOLE: bool = false;
    fn of(number: f64) -> Self {
        number
    }
}

/// All that is wrong with a policy's text, together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct PolicyError(pub Vec<String>);

/// The keys of a text that were not asked for yet, and what was wrong with those that were.
pub struct Text<'a> {
    toml: &'a str,
    keys: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    asked: Vec<&'static str>,
    /// With the line, by which errors are sorted.
    problems: Vec<(usize, String)>,
}

impl<'a> Text<'a> {
    pub fn of(toml: &'a str) -> Result<Self, PolicyError> {
        let keys = toml::from_str(toml).map_err(|error| {
            let line = error.span().map(|span| line(toml, span.start));
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            PolicyError(vec![format!("{place}{}", error.message())])
        })?;
        Ok(Self { toml, keys, asked: Vec::new(), problems: Vec::new() })
    }

    /// The number of that key, if it is one and within its bounds.
    pub fn number<N: Number>(&mut self, key: &'static str, default: f64, least: f64, most: f64) -> N {
        self.asked.push(key);
        let given = self.keys.iter().find(|(name, _)| name.get_ref() == key).map(|(name, _)| name.clone());
        let Some(value) = given.and_then(|name| self.keys.remove(&name)) else { return N::of(default) };
        let whole = value.get_ref().as_integer().map(|number| number as f64);
        let number = whole.or_else(|| value.get_ref().as_float().filter(|_| !N::WHOLE));
        match number {
            Some(number) if (least..=most).contains(&number) => return N::of(number),
            Some(number) => {
                self.problem(value.span(), format!("{key} is {number}, but must be between {least} and {most}"));
            }
            None if N::WHOLE => self.problem(value.span(), format!("{key} must be a whole number")),
            None => self.problem(value.span(), format!("{key} must be a number")),
        }
        N::of(default)
    }

    /// The nearest key is the likely intention; a name that is like none gets the page that lists them.
    fn unknown(&self, name: &str) -> String {
        let shown = one_line(name, SHOWN_NAME_MAX);
        match nearest(name, self.asked.iter().copied()) {
            Some(key) => format!("unknown key `{shown}`: did you mean `{key}`?"),
            None => format!("unknown key `{shown}`: docs/policy.md lists them all"),
        }
    }

    fn problem(&mut self, span: Range<usize>, what: String) {
        self.problems.push((line(self.toml, span.start), what));
    }

    /// All that is wrong, in the order of the lines.
    pub fn problems(mut self) -> Vec<String> {
        for name in std::mem::take(&mut self.keys).into_keys() {
            let what = self.unknown(name.get_ref());
            self.problem(name.span(), what);
        }
        self.problems.sort();
        self.problems.into_iter().map(|(line, what)| format!("line {line}: {what}")).collect()
    }
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
