//! Application log lines: plain text and JSON, of which some tell of a failed SSO OIDC call.
//!
//! In: the log events of one stream, still escaped as they stand in the envelope. Out: failures, into the batch. What
//! does not look like an SDK's error of this service is left alone. [`printout`] puts lines together, [`sdk_error`] and
//! [`object`] find errors in them, [`fields`] and [`ocsf`] tell who called.

mod fields;
pub mod line;
mod object;
mod ocsf;
mod printout;

use std::collections::HashSet;

use fields::Fields;
use line::TextLine;
use object::Split;
use printout::{Printout, assemble};
use triage_model::caller::Caller;
use triage_model::classify::region_of_client_id;
use triage_model::observation::{Failure, Observation, Origin};
use triage_model::problem::ProblemName;
use triage_model::region::Region;

use crate::batch::{APP_NAME, Batch, Setting};
use crate::mask::masked;
use crate::sdk_error;
use crate::sdk_error::service::ServiceSigns;
use crate::sdk_error::{SdkError, is_ours};
use crate::values::{made_id, shown_region};

/// Reads the application log events of one stream, in order.
pub fn read(events: &[TextLine<'_>], log_group: &str, setting: &Setting, batch: &mut Batch) {
    let mut reader = Reader { events, log_group, setting, ids: HashSet::new() };
    for printout in assemble(events, &mut batch.problems) {
        for part in lines_of_json(printout) {
            reader.read_printout(&part, batch);
        }
    }
}

/// A message may be several lines of JSON, each complete: they are as many printouts.
fn lines_of_json(printout: Printout) -> Vec<Printout> {
    let is_json = |line: &str| line.starts_with('{') && line.trim_end().ends_with('}');
    let lines = || printout.text.lines().filter(|line| !line.trim().is_empty());
    if lines().nth(1).is_none() || !lines().all(is_json) {
        return vec![printout];
    }
    let start = |line: &str| line.as_ptr() as usize - printout.text.as_ptr() as usize;
    lines().map(|line| Printout { text: line.to_owned(), events: vec![(0, printout.event_at(start(line)))] }).collect()
}

struct Reader<'a> {
    events: &'a [TextLine<'a>],
    log_group: &'a str,
    setting: &'a Setting,
    /// The ids of the failures found so far: attempts and repetitions carry the same request id.
    ids: HashSet<String>,
}

impl Reader<'_> {
    fn read_printout(&mut self, printout: &Printout, batch: &mut Batch) {
        if self.is_own(&printout.text) {
            batch.own += 1;
            batch
                .problems
                .note(ProblemName::OwnProbe, format!("our own probe's call is in log group {}", self.log_group));
            return;
        }
        let signs = ServiceSigns::of(&printout.text);
        let split = object::split(&printout.text);
        if split.invalid {
            if signs.ours || signs.operation.is_some() {
                batch.problems.note(
                    ProblemName::JsonInvalid,
                    "a log line that names the service is no JSON, or nested too deeply",
                );
            }
            return;
        }
        let errors = find(&split, &signs);
        let Some(first) = printout.events.first().map(|&(_, event)| self.events[event]).filter(|_| !errors.is_empty())
        else {
            return;
        };
        let fields = Fields::of(&printout.text, &split.plain, &split.objects, first.timestamp);
        for (index, error) in errors.into_iter().enumerate() {
            // The first error starts where its printout does; a further one where it stands.
            let event = if index == 0 { first } else { self.events[printout.event_at(error.at)] };
            self.push(error, &event, &fields, &signs, batch);
        }
    }

    fn is_own(&self, text: &str) -> bool {
        let names_app = |text: &str| {
            text.match_indices(APP_NAME).any(|(at, _)| text[..at].ends_with("app/") || text[..at].ends_with("app\\/"))
        };
        names_app(text) || self.setting.own_client_ids.iter().any(|id| !id.is_empty() && text.contains(id.as_str()))
    }

    fn push(
        &mut self,
        error: SdkError,
        event: &TextLine<'_>,
        fields: &Fields,
        signs: &ServiceSigns,
        batch: &mut Batch,
    ) {
        let request_id = error.request_id.as_ref().map(|id| id.as_str().to_owned());
        let event_id = crate::values::id(event.id).map_or_else(|| made_id(&[event.id]), str::to_owned);
        let id = match &request_id {
            Some(id) if !self.ids.insert(id.clone()) => return,
            Some(id) => id.clone(),
            None => self.unused(&event_id),
        };
        let region = self.region(&error, fields, signs, batch);
        let named = || fields.caller.clone().map(Caller::Named);
        let caller = fields.actor.clone().or_else(named).unwrap_or_else(|| Caller::LogGroup(self.log_group.to_owned()));
        batch.observations.push(Observation::Failure(Box::new(Failure {
            id,
            event_id: Some(event_id),
            request_id,
            origin: Origin::Logs,
            region,
            operation: error.operation.or(signs.operation).or(signs.method),
            // Where an error has no code, the caller saw the status.
            code: error.code.or_else(|| error.status.map(|status| status.to_string())),
            inner_code: error.inner_code,
            status: error.status,
            message: error.message.map(|message| masked(&message)),
            reason: fields.reason.clone(),
            grant_type: fields.grant_type.clone(),
            no_answer: error.no_answer,
            caller,
            client_id: fields.client_id.clone(),
            user_agent: fields.user_agent.clone(),
            address: None,
            occurred_at: fields.time.unwrap_or(event.timestamp),
            request: None,
            replayed: false,
        })));
        batch.note_arrival(batch.observations.len() - 1, event.arrival);
    }

    /// The log event's id; for a further error of one log event, with a number behind it.
    fn unused(&mut self, event_id: &str) -> String {
        let numbered = (2..).map(|number| format!("{event_id}#{number}"));
        let mut ids = std::iter::once(event_id.to_owned()).chain(numbered);
        ids.find(|id| self.ids.insert(id.clone())).unwrap_or_else(|| event_id.to_owned())
    }

    /// The region that the line names, else its host's, else the client id's, else the setting's.
    fn region(&self, error: &SdkError, fields: &Fields, signs: &ServiceSigns, batch: &mut Batch) -> Option<Region> {
        // This error's own fields name the region to go to, not the one that was called.
        let elsewhere = error.code.as_deref() == Some("InvalidRequestRegionException");
        let around = fields.region.as_ref().or(error.region.as_ref()).or(signs.region.as_ref());
        if let Some(name) = around.filter(|_| !elsewhere) {
            let region = self.setting.regions.find(name);
            if region.is_none() {
                batch.problems.note(ProblemName::RegionUnknown, shown_region(name));
            }
            return region;
        }
        let hinted = fields.client_id.as_deref().and_then(region_of_client_id);
        Some(hinted.unwrap_or_else(|| self.setting.default_region.clone()))
    }
}

/// The failures of one printout.
fn find(split: &Split, signs: &ServiceSigns) -> Vec<SdkError> {
    let mut errors = sdk_error::find(&split.plain);
    errors.retain(|error| is_ours(error, signs));
    errors.extend(split.objects.iter().flat_map(|found| object::find(found, signs)));
    sdk_error::merge(errors)
}

#[cfg(test)]
mod tests;
