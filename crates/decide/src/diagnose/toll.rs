//! The impact of one kind of failure: the part of a verdict that describes, and decides nothing.
//!
//! In: the [`Facts`], a [`ConcernKey`], and since when its failures count. Out: a [`Toll`]: which callers are affected,
//! how often, with which codes and tools, of which accounts, and which requests a support case can name. All lists are bounded.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::classify::{Cause, SERVICE_CAUSES};
use triage_model::observation::{Operation, Origin};
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use crate::concern::ConcernKey;
use crate::diagnose::affected::{AffectedCaller, widest};
use crate::diagnose::facts::Facts;
use crate::diagnose::words;
use crate::evidence::Evidence;
use crate::evidence::mark::{Mark, Names};
use crate::spread::callers_per_mark;
use crate::verdict::{FAILURES_COUNTED_S, FailedRequest};

/// Callers named in a verdict: a notice shows ten.
const NAMED_MAX: usize = 64;

/// Codes, tools and requests listed: as many as a notice shows.
const LISTED_MAX: usize = 10;

#[derive(Debug, Default)]
pub struct Toll {
    pub callers: usize,
    pub names: Vec<String>,
    /// Everybody who was affected, how many that may have been, and how many of them were served later.
    pub victims: BTreeMap<Origin, BTreeSet<CallerHash>>,
    pub victims_about: usize,
    pub served_again: usize,
    pub failures: usize,
    pub failures_at: BTreeMap<i64, usize>,
    pub people: bool,
    pub kms_key: Option<String>,
    pub since: Option<Timestamp>,
    pub latest: Option<Timestamp>,
    pub latest_of_many: Option<Timestamp>,
    pub unanswered: usize,
    pub codes: Vec<(String, usize)>,
    pub tools: Vec<(String, usize)>,
    pub accounts: Vec<(String, usize)>,
    pub operations: BTreeMap<Operation, usize>,
    pub requests: Vec<FailedRequest>,
}

impl Toll {
    pub fn of(facts: &Facts<'_>, kind: ConcernKey, from: Timestamp) -> Self {
        let evidence = &facts.view.evidence;
        let mut failures: Vec<&Mark> = Vec::new();
        let mut affected: Vec<AffectedCaller> = Vec::new();
        let mut served_again = 0;
        for calls in facts.callers(kind) {
            let counts = |mark: &Mark| mark.at >= from && kind.takes(mark);
            served_again += usize::from(calls.is_served_again(counts));
            failures.extend(calls.failed.iter().filter(|mark| counts(mark)));
            affected.extend(AffectedCaller::by(kind, calls.unserved(Timestamp::MAX), from));
        }
        failures.sort_unstable_by_key(|mark| (mark.at, mark.caller, mark.id, mark.origin));
        affected.sort_by_key(|affected| affected.since);
        let (callers, origin) = widest(&affected);
        let names: BTreeSet<u64> =
            evidence.slots.values().flat_map(|slot| slot.names.callers.keys().copied()).collect();
        // Of many callers only some names are kept: these come before those of whom there is a hash.
        let (known, others): (Vec<&AffectedCaller>, Vec<&AffectedCaller>) = affected
            .iter()
            .filter(|affected| affected.is_of(origin))
            .partition(|affected| names.contains(&affected.caller.to_bits()));
        let shown = known.into_iter().chain(others).take(NAMED_MAX);

        let mut codes: BTreeMap<(u16, bool), (&Mark, usize)> = BTreeMap::new();
        let mut tools: BTreeMap<u16, usize> = BTreeMap::new();
        let mut accounts: BTreeMap<u16, usize> = BTreeMap::new();
        let mut operations = BTreeMap::new();
        for mark in failures.iter().copied() {
            let unanswered = mark.label == 0 && mark.cause == Cause::Unreachable;
            codes.entry((mark.label, unanswered)).or_insert((mark, 0)).1 += 1;
            *tools.entry(mark.traits.tool).or_default() += 1;
            *accounts.entry(mark.traits.account).or_default() += 1;
            if let Some(operation) = mark.operation {
                *operations.entry(operation).or_default() += 1;
            }
        }
        let codes = most_frequent(codes.into_values().collect());
        let tools = named(tools, |names, hash| names.tools.get(&hash), evidence);
        let accounts = named(accounts, |names, hash| names.accounts.get(&hash), evidence);
        let mut victims: BTreeMap<Origin, BTreeSet<CallerHash>> = BTreeMap::new();
        for mark in &failures {
            victims.entry(mark.origin).or_default().insert(mark.caller);
        }
        let failures_at = failures_at(facts, kind, from, &failures);
        Self {
            callers,
            people: are_people(facts, &failures),
            kms_key: failures.iter().find_map(|mark| words::kms_key(evidence, mark)),
            failures: failures_at.values().sum(),
            failures_at,
            victims_about: victims_about(facts, kind, from),
            victims,
            served_again,
            names: shown.map(|affected| caller(facts, affected)).collect(),
            since: affected.iter().find(|affected| affected.is_of(origin)).map(|affected| affected.since),
            latest: failures.last().map(|mark| mark.at),
            latest_of_many: latest_of_many(&failures),
            unanswered: failures.iter().filter(|mark| mark.cause == Cause::Unreachable).count(),
            codes: codes.into_iter().map(|(mark, count)| (words::label(evidence, mark), count)).collect(),
            tools,
            accounts,
            operations,
            requests: requests(facts, &failures),
        }
    }
}

/// The most frequent of what these hashes stand for. What no slot kept the name of helps nobody.
fn named(
    counts: BTreeMap<u16, usize>,
    of: impl Fn(&Names, u16) -> Option<&String>,
    evidence: &Evidence,
) -> Vec<(String, usize)> {
    let known = counts.into_iter().filter(|(hash, _)| *hash != 0).collect();
    let name = |hash| words::name(evidence, |names| of(names, hash));
    most_frequent(known).into_iter().filter_map(|(hash, count)| Some((name(hash)?, count))).collect()
}

/// Whether all of these callers are people, as far as a slot kept their names.
fn are_people(facts: &Facts<'_>, failures: &[&Mark]) -> bool {
    let callers: BTreeSet<CallerHash> = failures.iter().map(|mark| mark.caller).collect();
    let name = |caller: &CallerHash| words::name(&facts.view.evidence, |names| names.callers.get(&caller.to_bits()));
    let mut named = callers.iter().filter_map(name).take(NAMED_MAX).peekable();
    named.peek().is_some() && named.all(|name| is_person(&name))
}

/// Whether a caller's name is a person's: a user of Identity Center, or a mail address.
fn is_person(name: &str) -> bool {
    name.starts_with("user ") || name.contains('@') && !name.contains([' ', '/', ':'])
}

/// Failures by the time in which they occurred, those that were counted and not kept among them.
fn failures_at(facts: &Facts<'_>, kind: ConcernKey, from: Timestamp, failures: &[&Mark]) -> BTreeMap<i64, usize> {
    let at = |second: i64| second.div_euclid(FAILURES_COUNTED_S);
    let mut counts = BTreeMap::new();
    for mark in failures {
        *counts.entry(at(mark.at.as_second())).or_default() += 1;
    }
    for (begin, count) in beyond(facts, kind, from) {
        *counts.entry(at(begin)).or_default() += count;
    }
    counts
}

/// So many callers are many.
const MANY: usize = 5;

/// The latest failure, without those of the caller that failed last where there are many. `failures` are in order.
fn latest_of_many(failures: &[&Mark]) -> Option<Timestamp> {
    let last = failures.last()?;
    let callers: BTreeSet<CallerHash> = failures.iter().map(|mark| mark.caller).collect();
    let counts = |mark: &&&Mark| callers.len() < MANY || mark.caller != last.caller;
    failures.iter().rev().find(counts).map(|mark| mark.at)
}

/// About how many callers were affected in the slot that has room for the smallest share of them.
fn victims_about(facts: &Facts<'_>, kind: ConcernKey, from: Timestamp) -> usize {
    let slots = facts.view.evidence.slots_within(from, Timestamp::MAX);
    let about =
        slots.flat_map(|(_, slot)| kind.causes().iter().map(move |cause| (slot, *cause))).map(|(slot, cause)| {
            let per_mark = callers_per_mark(slot, cause);
            let counts = |mark: &&Mark| per_mark > 1.0 && facts.lens.takes(mark) && kind.takes(mark);
            let kept: BTreeSet<CallerHash> =
                slot.failures_of(cause).iter().filter(counts).map(|mark| mark.caller).collect();
            (kept.len() as f64 * per_mark).round() as usize
        });
    about.max().unwrap_or(0)
}

fn caller(facts: &Facts<'_>, affected: &AffectedCaller) -> String {
    let bits = affected.caller.to_bits();
    words::name(&facts.view.evidence, |names| names.callers.get(&bits)).unwrap_or_else(|| affected.caller.to_string())
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

/// About how many failures each slot counted and did not keep, by its begin. Of which reason or code they were is not known.
fn beyond(facts: &Facts<'_>, kind: ConcernKey, from: Timestamp) -> impl Iterator<Item = (i64, usize)> {
    let slots = facts.view.evidence.slots_within(from, Timestamp::MAX).filter(move |_| kind == ConcernKey::Service);
    slots.map(|(begin, slot)| {
        let service = slot.beyond.iter().filter(|((cause, _), _)| SERVICE_CAUSES.contains(cause));
        (begin, service.map(|(_, count)| *count as usize).sum())
    })
}
