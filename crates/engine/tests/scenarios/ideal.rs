//! The alarms of an observer who knows the truth and waits for enough evidence.
//!
//! In: a [`History`]. Out: the [`Alarm`]s that meet every goal. If they miss one, the goal or the family is wrong, not
//! the decision.

use serde_json::{Value, json};

use super::alarm::Alarm;
use super::call::application_arn;
use super::history::{History, MINUTE};
use super::needed::needed;
use super::score::{fifth_served, is_last_of_its_row};
use super::true_incident::{Page, Scope};

pub fn ideal(history: &History) -> Vec<Alarm> {
    let mut alarms: Vec<Alarm> = Vec::new();
    // For incidents that return at once: when the first could be known.
    let mut begun: Option<f64> = None;
    for (nth, incident) in history.incidents.iter().enumerate() {
        let enough = needed(history, nth).filter(|enough| enough.is_enough && incident.must_be_noticed);
        let Some(raised) = begun.or(enough.map(|enough| enough.at)) else { continue };
        if !is_last_of_its_row(history, nth) {
            begun = Some(raised);
            continue;
        }
        begun = None;
        // Proof of recovery takes five minutes and five calls.
        let fifth = fifth_served(history, incident).unwrap_or(incident.to);
        let called_off = incident.to.is_finite().then(|| fifth.max(incident.to + 5.0 * MINUTE));
        alarms.push(Alarm {
            region: incident.region.to_owned(),
            incident: format!("{nth}"),
            raised,
            paged: (incident.page == Page::Due).then_some(raised + MINUTE),
            called_off,
            diagnosis: incident.diagnoses.first().map(|diagnosis| (*diagnosis).to_owned()),
            scopes: vec![(raised, reported(&incident.scope))],
            reminders: Vec::new(),
        });
    }
    alarms
}

fn reported(scope: &Scope) -> Value {
    let operations =
        scope.operations.map(|operations| operations.iter().map(|one| one.as_str()).collect::<Vec<&str>>());
    json!({"operations": operations, "tool": scope.tool, "network": scope.network,
        "application": scope.application.map(application_arn)})
}
