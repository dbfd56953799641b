//! What somebody would tell who knows the truth, and waits until there is enough to know it.
//!
//! In: a [`History`]. Out: the [`Alarm`]s that meet every goal. A goal that they do not meet is a fault of the goal or of the
//! family, and not of the decision.

use serde_json::{Value, json};

use super::alarm::Alarm;
use super::call::application_arn;
use super::history::{History, MINUTE};
use super::needed::needed;
use super::score::{fifth_served, is_last_of_its_row};
use super::trouble::{Page, Scope};

pub fn ideal(history: &History) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    // Of troubles that come back at once: when the first of them could be known.
    let mut begun: Option<f64> = None;
    for (nth, trouble) in history.troubles.iter().enumerate() {
        let enough = needed(history, nth).filter(|enough| enough.is_enough && trouble.must_be_told);
        let Some(raised) = begun.or(enough.map(|enough| enough.at)) else { continue };
        if !is_last_of_its_row(history, nth) {
            begun = Some(raised);
            continue;
        }
        begun = None;
        // To be proved over it takes five minutes, and five calls.
        let fifth = fifth_served(history, trouble).unwrap_or(trouble.to);
        let called_off = trouble.to.is_finite().then(|| fifth.max(trouble.to + 5.0 * MINUTE));
        alarms.push(Alarm {
            region: trouble.region.to_owned(),
            incident: format!("{nth}"),
            raised,
            paged: (trouble.page == Page::Due).then_some(raised + MINUTE),
            called_off,
            diagnosis: trouble.diagnoses.first().map(|diagnosis| (*diagnosis).to_owned()),
            scopes: vec![(raised, told(&trouble.scope))],
            reminders: Vec::new(),
        });
    }
    alarms
}

fn told(scope: &Scope) -> Value {
    let operations =
        scope.operations.map(|operations| operations.iter().map(|one| one.as_str()).collect::<Vec<&str>>());
    json!({"operations": operations, "tool": scope.tool, "network": scope.network,
        "application": scope.application.map(application_arn)})
}
