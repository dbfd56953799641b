//! What an operator is answered who silences or acknowledges.
//!
//! In: what became of it, region by region. Out: [`SilenceAnswer`] and [`AcknowledgeAnswer`]. Pure.

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::silence::Silence;
use triage_decide::view::StoreError;
use triage_model::region::Region;
use triage_notify::command::{end, invoke};
use triage_notify::notice::NamedScope;
use triage_notify::silence::in_words;
use triage_notify::words::{between, span, utc};

/// A silence that began or ended, or why none did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceAnswer {
    pub state: State,
    /// Null where nothing was silenced or ended.
    pub id: Option<String>,
    pub scope: Option<NamedScope>,
    /// The one incident that is silenced, where it was asked for by its id.
    pub only: Option<String>,
    pub by: Option<String>,
    pub reason: Option<String>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub regions: Vec<Region>,
    /// Open incidents that are within it now.
    pub covers: Vec<String>,
    /// All of it in words.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Silenced,
    Acknowledged,
    Ended,
    /// Not in all regions.
    Partly,
    /// Nothing was changed.
    Refused,
    /// The table could not be reached: nothing was changed.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcknowledgeAnswer {
    pub state: State,
    pub incident: Option<String>,
    pub by: Option<String>,
    pub until: Option<Timestamp>,
    pub text: String,
}

/// What became of it in each region.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: Vec<Region>,
    pub failed: Vec<(Region, StoreError)>,
    /// There are too many silences already.
    pub full: Vec<Region>,
    pub covers: Vec<String>,
}

impl Outcome {
    const fn state(&self, whole: State) -> State {
        match (self.done.is_empty(), self.failed.is_empty() && self.full.is_empty()) {
            (false, true) => whole,
            (false, false) => State::Partly,
            (true, _) if self.failed.is_empty() => State::Refused,
            (true, _) => State::Failed,
        }
    }

    /// Where it was not done, and why.
    fn not_done(&self) -> String {
        let failed = self.failed.iter().map(|(region, error)| format!(" NOT in {region}: {error}. Try again."));
        let full = self.full.iter().map(|region| {
            format!(" NOT in {region}: there are too many silences. End one: {{\"doctor\":true}} lists them.")
        });
        failed.chain(full).collect()
    }
}

impl SilenceAnswer {
    pub fn nothing(state: State, text: String) -> Self {
        Self {
            state,
            id: None,
            scope: None,
            only: None,
            by: None,
            reason: None,
            from: None,
            until: None,
            regions: Vec::new(),
            covers: Vec::new(),
            text,
        }
    }

    pub fn began(silence: &Silence, was_there: bool, outcome: Outcome, invoked_arn: &str, region: &Region) -> Self {
        let state = outcome.state(State::Silenced);
        if outcome.done.is_empty() {
            return Self::nothing(state, format!("Nothing is silenced.{}", outcome.not_done()));
        }
        let covers = match outcome.covers.as_slice() {
            [] => "No open incident is within it now.".to_owned(),
            covers => format!("Within it now: {}.", covers.join(", ")),
        };
        let ends = match invoked_arn {
            "" => format!("To end it early, send {}", end(&silence.id)),
            arn => format!("To end it early: {}", invoke(arn, region.as_str(), &end(&silence.id))),
        };
        let text = format!(
            "{}{} until {} ({}).{} {covers} People are notified that it began, and at its end of what they missed. {ends}",
            if was_there { "Already silenced: " } else { "Silenced: " },
            in_words(&silence.scope, outcome.done.iter()),
            utc(silence.until),
            span(between(silence.from, silence.until)),
            outcome.not_done(),
        );
        let regions = outcome.done;
        Self { covers: outcome.covers, ..Self::of(state, silence, regions, text) }
    }

    pub fn ended(silence: &Silence, outcome: Outcome) -> Self {
        let text = format!(
            "Ended: {}. A summary goes to people, and what is still open is reported again.{}",
            in_words(&silence.scope, outcome.done.iter()),
            outcome.not_done(),
        );
        Self::of(outcome.state(State::Ended), silence, outcome.done, text)
    }

    fn of(state: State, silence: &Silence, regions: Vec<Region>, text: String) -> Self {
        Self {
            state,
            id: Some(silence.id.clone()),
            scope: Some(NamedScope::from(&silence.scope)),
            only: silence.scope.incident.clone(),
            by: Some(silence.by.clone()),
            reason: Some(silence.reason.clone()),
            from: Some(silence.from),
            until: Some(silence.until),
            regions,
            covers: Vec::new(),
            text,
        }
    }
}

impl AcknowledgeAnswer {
    pub const fn nothing(state: State, text: String) -> Self {
        Self { state, incident: None, by: None, until: None, text }
    }
}

/// `No incident "x" is open. Open: a, b.`
pub fn no_such(what: &str, id: &str, open: &[String], unknown: &[(Region, StoreError)]) -> String {
    let open = match open {
        [] => "None is.".to_owned(),
        open => format!("These are: {}.", open.join(", ")),
    };
    let unknown = unknown.iter().map(|(region, error)| format!(" Not known of {region}: {error}."));
    format!("No {what} {id:?}. {open}{}", unknown.collect::<String>())
}
