//! What one kind of failure has cost: the part of a verdict that describes, and decides nothing.
//!
//! In: the [`Facts`], a [`ConcernKey`], and since when its failures count. Out: a [`Toll`]: who is hit, how often, with which
//! codes and tools, and which requests a support case can name. All lists are bounded.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;
use triage_model::classify::{Cause, SERVICE_CAUSES};
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use crate::concern::ConcernKey;
use crate::diagnose::facts::Facts;
use crate::diagnose::hits::{Hit, widest};
use crate::diagnose::words;
use crate::evidence::mark::Mark;
use crate::verdict::FailedRequest;

/// Callers named in a verdict: a notice shows ten.
const NAMED_MAX: usize = 64;

/// Codes, tools and requests listed: as many as a notice shows.
const LISTED_MAX: usize = 10;

#[derive(Debug, Default)]
pub struct Toll {
    pub callers: usize,
    pub names: Vec<String>,
    pub failures: usize,
    pub since: Option<Timestamp>,
    pub latest: Option<Timestamp>,
    pub unanswered: usize,
    pub codes: Vec<(String, usize)>,
    pub tools: Vec<(String, usize)>,
    pub operations: BTreeMap<Operation, usize>,
    pub requests: Vec<FailedRequest>,
}

impl Toll {
    pub fn of(facts: &Facts<'_>, kind: ConcernKey, from: Timestamp) -> Self {
        let evidence = &facts.view.evidence;
        let mut failures: Vec<&Mark> = Vec::new();
        let mut hits: Vec<Hit> = Vec::new();
        for calls in facts.callers(kind) {
            failures.extend(calls.failed.iter().filter(|mark| mark.at >= from && kind.takes(mark)));
            hits.extend(Hit::by(kind, calls.unserved(Timestamp::MAX), from));
        }
        failures.sort_unstable_by_key(|mark| (mark.at, mark.caller, mark.id, mark.origin));
        hits.sort_by_key(|hit| hit.since);
        let (callers, origin) = widest(&hits);
        let named = hits.iter().filter(|hit| hit.is_of(origin)).take(NAMED_MAX);

        let mut codes: BTreeMap<(u16, bool), (&Mark, usize)> = BTreeMap::new();
        let mut tools: BTreeMap<u16, usize> = BTreeMap::new();
        let mut operations = BTreeMap::new();
        for mark in failures.iter().copied() {
            let unanswered = mark.label == 0 && mark.cause == Cause::Unreachable;
            codes.entry((mark.label, unanswered)).or_insert((mark, 0)).1 += 1;
            *tools.entry(mark.tool).or_default() += 1;
            if let Some(operation) = mark.operation {
                *operations.entry(operation).or_default() += 1;
            }
        }
        let codes = most_frequent(codes.into_values().collect());
        let tools = most_frequent(tools.into_iter().filter(|(tool, _)| *tool != 0).collect());
        Self {
            callers,
            names: named.map(|hit| caller(facts, hit)).collect(),
            since: hits.iter().find(|hit| hit.is_of(origin)).map(|hit| hit.since),
            latest: failures.last().map(|mark| mark.at),
            unanswered: failures.iter().filter(|mark| mark.cause == Cause::Unreachable).count(),
            codes: codes.into_iter().map(|(mark, count)| (words::label(evidence, mark), count)).collect(),
            // A tool whose name no slot kept tells nobody anything.
            tools: tools
                .into_iter()
                .filter_map(|(tool, count)| Some((words::name(evidence, |names| names.tools.get(&tool))?, count)))
                .collect(),
            operations,
            requests: requests(facts, &failures),
            failures: failures.len() + beyond(facts, kind, from),
        }
    }
}

fn caller(facts: &Facts<'_>, hit: &Hit) -> String {
    let bits = hit.caller.to_bits();
    words::name(&facts.view.evidence, |names| names.callers.get(&bits)).unwrap_or_else(|| hit.caller.to_string())
}

fn most_frequent<T>(mut counts: Vec<(T, usize)>) -> Vec<(T, usize)> {
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.truncate(LISTED_MAX);
    counts
}

/// The first failures whose ids are known, and where those are too few others, in order of time.
fn requests(facts: &Facts<'_>, failures: &[&Mark]) -> Vec<FailedRequest> {
    let evidence = &facts.view.evidence;
    let known: BTreeMap<u32, &String> =
        evidence.slots.values().flat_map(|slot| &slot.names.requests).map(|(id, name)| (*id, name)).collect();
    let (with, without): (Vec<&Mark>, Vec<&Mark>) = failures.iter().partition(|mark| known.contains_key(&mark.id));
    let mut named: Vec<&Mark> = with.into_iter().chain(without).take(LISTED_MAX).collect();
    named.sort_by_key(|mark| mark.at);
    let request = |mark: &Mark| FailedRequest {
        at: mark.at,
        id: known.get(&mark.id).map(|id| one_line(id, SHOWN_NAME_MAX)),
        operation: mark.operation,
        code: words::label(evidence, mark),
    };
    named.into_iter().map(request).collect()
}

/// About how many failures the slots counted and did not keep. Of which reason or code they were is not known.
fn beyond(facts: &Facts<'_>, kind: ConcernKey, from: Timestamp) -> usize {
    match kind {
        ConcernKey::Service => {
            let slots = facts.view.evidence.slots_within(from, Timestamp::MAX).flat_map(|(_, slot)| &slot.beyond);
            let service = slots.filter(|((cause, _), _)| SERVICE_CAUSES.contains(cause));
            service.map(|(_, count)| *count as usize).sum()
        }
        ConcernKey::Admin(_) | ConcernKey::Request(..) => 0,
    }
}
