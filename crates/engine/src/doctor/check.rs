//! One check and all of them, as they are answered.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use triage_model::redact::one_line;
use triage_notify::words::{between, span};

use super::facts::Trouble;

/// A detail or an action has texts of others in it: names of groups, rules and codes.
const TEXT_MAX: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub checks: Vec<Check>,
    /// The same for people, what is broken first.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: String,
    pub state: State,
    pub detail: String,
    /// What to do; empty where there is nothing.
    pub action: String,
}

/// The worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Broken,
    /// It could not be found out.
    Unknown,
    Ok,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
        }
    }
}

impl Check {
    pub fn new(name: &str, state: State, detail: &str, action: &str) -> Self {
        let text = |text: &str| one_line(text, TEXT_MAX);
        Self { name: text(name), state, detail: text(detail), action: text(action) }
    }

    pub fn ok(name: &str, detail: &str) -> Self {
        Self::new(name, State::Ok, detail, "")
    }

    pub fn broken(name: &str, detail: &str, action: &str) -> Self {
        Self::new(name, State::Broken, detail, action)
    }

    pub fn unknown(name: &str, detail: &str, action: &str) -> Self {
        Self::new(name, State::Unknown, detail, action)
    }

    /// The answer to a question that only the doctor asks was not to be had: that says nothing of the link.
    pub fn not_found_out(name: &str, trouble: &Trouble) -> Self {
        Self::unknown(name, &trouble.in_words(), &trouble.action())
    }
}

impl Report {
    pub fn new(checks: Vec<Check>) -> Self {
        let count = |state| checks.iter().filter(|check| check.state == state).count();
        let (broken, unknown) = (count(State::Broken), count(State::Unknown));
        let mut lines = vec![format!("{broken} broken, {unknown} unknown, {} ok.", count(State::Ok))];
        let mut sorted: Vec<&Check> = checks.iter().collect();
        sorted.sort_by_key(|check| check.state);
        lines.extend(sorted.iter().map(|check| {
            let action = if check.action.is_empty() { String::new() } else { format!(". Do: {}", check.action) };
            format!("{:<8}{}: {}{action}", check.state.as_str(), check.name, check.detail)
        }));
        Self { text: lines.join("\n"), checks }
    }

    pub fn any_broken(&self) -> bool {
        self.checks.iter().any(|check| check.state == State::Broken)
    }
}

/// `2026-11-27 12:00:00 UTC, 4 minutes ago`
pub fn when(at: Timestamp, now: Timestamp) -> String {
    format!("{}, {} ago", triage_notify::words::utc(at), span(between(at, now)))
}

pub fn is_older(at: Timestamp, now: Timestamp, than: Duration) -> bool {
    between(at, now) > than
}
