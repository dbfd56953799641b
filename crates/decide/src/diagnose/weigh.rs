//! The three causes that `InternalServerException` hides, weighed.
//!
//! In: the [`Facts`] and the [`Toll`] of the service's failures. Out: for each cause the evidence for and against it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::concern::ConcernKey;
use crate::diagnose::facts::{Active, Facts};
use crate::diagnose::service;
use crate::diagnose::toll::Toll;
use crate::diagnose::words;
use crate::diagnose::words::{callers, calls_refused, failures, label_of, listed, name};
use crate::probe::StepState;
use crate::verdict::Weighing;

/// `toll` is of the service's failures since `from`.
pub fn weigh(facts: &Facts<'_>, toll: &Toll, from: Timestamp, active: &Active) -> [Weighing; 3] {
    let counts = Counts::of(facts, from);
    [outage(facts, toll, active), throttling(facts, &counts), input(facts, &counts)]
}

/// The throttled, refused and failed calls of the time in question.
struct Counts {
    throttled: usize,
    refused: usize,
    refused_codes: BTreeSet<u16>,
    failed: usize,
    /// Failures of the one caller and the one tool that had most of them.
    busiest_caller: usize,
    busiest_tool: Option<(u16, usize)>,
}

impl Counts {
    fn of(facts: &Facts<'_>, from: Timestamp) -> Self {
        let by_caller = facts.callers(ConcernKey::Service);
        let by_caller = by_caller.map(|calls| calls.failed.iter().filter(|mark| mark.at >= from).count());
        let mut by_tool = BTreeMap::new();
        for mark in facts.service_failures().filter(|mark| mark.at >= from) {
            *by_tool.entry(mark.traits.tool).or_insert(0) += 1;
        }
        let failed = by_tool.values().sum();
        let known_tools = by_tool.into_iter().filter(|(tool, _)| *tool != 0);
        Self {
            throttled: facts.throttled().count(),
            refused: facts.refused().count(),
            refused_codes: facts.refused().map(|mark| mark.label).collect(),
            failed,
            busiest_caller: by_caller.max().unwrap_or(0),
            busiest_tool: known_tools.max_by_key(|(_, count)| *count),
        }
    }
}

fn outage(facts: &Facts<'_>, toll: &Toll, active: &Active) -> Weighing {
    let mut weighing = Weighing::of(Weighing::CAUSES[0]);
    weighing.add(
        toll.callers >= facts.policy.outage_callers,
        format!("{} affected by {}", callers(toll.callers), failures(toll.failures)),
    );
    match facts.probe {
        None => weighing.speaks_against.push("the service was not probed, so nothing confirms it".to_owned()),
        Some(probe) => weighing.add(probe.worst() == StepState::Down, words::probe(probe)),
    }
    weighing.speaks_for.extend(service::health_in_words(facts));
    if facts.issues().is_empty() {
        let silent = "no AWS Health event about sign-in has arrived (they are often late)";
        weighing.speaks_against.push(silent.to_owned());
    }
    weighing.speaks_against.extend(service::served_in_words(facts, active));
    weighing
}

fn throttling(facts: &Facts<'_>, counts: &Counts) -> Weighing {
    let mut weighing = Weighing::of(Weighing::CAUSES[1]);
    weighing.add(
        counts.throttled > 0,
        match counts.throttled {
            0 => "no call was refused as throttled".to_owned(),
            count => format!("{} as throttled", calls_refused(count)),
        },
    );
    // A tool with half of the failures is worth a look where calls were throttled; in an outage everybody's tool is the
    // same one.
    let busiest = counts.busiest_tool.filter(|(_, count)| 2 * count >= counts.failed);
    match busiest.map(|(tool, count)| (name(&facts.view.evidence, |names| names.tools.get(&tool)), count)) {
        Some((Some(tool), count)) if counts.throttled > 0 => {
            weighing.speaks_for.push(format!("{count} of {} come from {tool}", failures(counts.failed)));
        }
        Some(_) => {}
        None => weighing.speaks_against.push("no tool stands out".to_owned()),
    }
    weighing
}

/// Fewer failures say nothing of who has most of them.
const FEW: usize = 3;

fn input(facts: &Facts<'_>, counts: &Counts) -> Weighing {
    let mut weighing = Weighing::of(Weighing::CAUSES[2]);
    // One caller with nearly all failures suggests a mistake in that caller.
    let one_caller = counts.failed >= FEW && 10 * counts.busiest_caller >= 9 * counts.failed;
    let share = format!("{} of {}", counts.busiest_caller, failures(counts.failed));
    match one_caller {
        true => weighing.speaks_for.push(format!("one caller has {share}")),
        // Of fewer failures every caller has many.
        false if counts.failed < FEW => {}
        false => weighing.speaks_against.push(format!("no caller stands out: the most frequent one has {share}")),
    }
    match counts.refused {
        0 => weighing.speaks_against.push("no call was refused as invalid".to_owned()),
        count => {
            let codes = listed(counts.refused_codes.iter().map(|label| label_of(&facts.view.evidence, *label)));
            weighing.speaks_for.push(format!("{} as invalid ({codes})", calls_refused(count)));
        }
    }
    weighing
}

impl Weighing {
    fn add(&mut self, speaks_for: bool, what: String) {
        if speaks_for { self.speaks_for.push(what) } else { self.speaks_against.push(what) }
    }
}
