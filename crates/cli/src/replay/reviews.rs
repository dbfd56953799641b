//! From a run to its reviews.

use std::io;

use triage_decide::policy::Policy;
use triage_engine::settings::Settings;

use crate::replay::console::Console;
use crate::replay::json;
use crate::replay::review::Review;
use crate::replay::reviewer::Reviewer;
use crate::replay::run::{End, Happened, History, Run};

/// A policy, and what it is called.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub name: String,
    pub policy: Policy,
}

/// Runs a history under each of the policies. Out: a review for each. As it goes, what could not be read is named on
/// `console`, and what is evaluated is printed by `json` where there is one.
pub fn reviews(
    history: History<'_>,
    settings: &Settings,
    policies: Vec<Policy>,
    console: &mut Console,
    mut json: Option<&mut json::Printer<'_>>,
) -> io::Result<(Vec<Review>, End)> {
    // Policies that are compared are counted, and not reported on.
    let reviewer = if policies.len() == 1 { Reviewer::of_a_report } else { Reviewer::default };
    let mut reviewers: Vec<Reviewer> = policies.iter().map(|_| reviewer()).collect();
    let mut run = Run::new(history, settings, policies);
    while let Some(happened) = run.next() {
        match happened {
            Happened::Read(reading) => {
                let (read, size) = run.progress();
                console.show(read, size);
                reading.complaints.iter().for_each(|complaint| console.complain(complaint));
                reviewers.iter_mut().for_each(|reviewer| reviewer.read(&reading));
            }
            Happened::ClassifiedFailure(by, moment) => {
                by.iter().for_each(|number| reviewers[*number].classified(&moment));
                if let Some(printer) = &mut json {
                    printer.moment(&moment)?;
                }
            }
        }
    }
    console.clear();
    let end = run.end();
    let zone = &settings.time_zone;
    let close = |reviewer: Reviewer| Review { zone: zone.clone(), ..reviewer.close(end) };
    Ok((reviewers.into_iter().map(close).collect(), end))
}
