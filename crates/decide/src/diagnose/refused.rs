//! Refusals of so many that it is nobody's own mistake: `misconfigured` and `suspected`.
//!
//! In: the [`Facts`]. Out: a [`Finding`] for each reason or code that is wide enough. Refusals are the service's answer,
//! so they count only where fewer callers are served than refused.

use std::cell::LazyCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::Origin;
use triage_model::time::before;

use crate::concern::ConcernKey;
use crate::diagnose::facts::Facts;
use crate::diagnose::finding::Finding;
use crate::diagnose::hits::{Hit, widest};
use crate::diagnose::words::{callers, label_of, operation, origin, span, time};
use crate::evidence::mark::Mark;
use crate::verdict::Diagnosis;

/// Reasons or codes told of at once.
const TOLD_MAX: usize = 3;

/// Reasons that are looked into: those with the most callers. Who invents more has to invent as many callers for each.
const JUDGED_MAX: usize = 16;

/// The customer's own key or policy refuses everyone: the same reason for several callers within a few minutes, at
/// whatever time of the evidence.
pub fn misconfigured(facts: &Facts<'_>) -> Vec<Finding> {
    let mut by_reason: BTreeMap<(u16, Origin), Vec<&Mark>> = BTreeMap::new();
    for mark in facts.denied() {
        by_reason.entry((mark.label, mark.origin)).or_default().push(mark);
    }
    // Marks come by caller.
    let width = |marks: &[&Mark]| marks.chunk_by(|one, next| one.caller == next.caller).count();
    let mut by_reason: Vec<_> = by_reason.into_iter().map(|(of, marks)| (Reverse(width(&marks)), of, marks)).collect();
    by_reason.sort_by_key(|(width, of, _)| (*width, *of));
    by_reason.truncate(JUDGED_MAX);
    let mut widest_of: BTreeMap<u16, (Wide, Origin)> = BTreeMap::new();
    for (Reverse(width), (label, origin), mut marks) in by_reason {
        let is_kms = marks.iter().any(|mark| mark.kms);
        let need = if is_kms { facts.policy.misconfigured_kms_callers } else { facts.policy.misconfigured_callers };
        marks.sort_by_key(|mark| mark.at);
        if width >= need
            && let Some(wide) = Wide::of(facts, &marks, need, is_kms)
            && widest_of.get(&label).is_none_or(|(known, _)| wide.hit > known.hit)
        {
            widest_of.insert(label, (wide, origin));
        }
    }
    let mut found: Vec<(usize, Finding)> = widest_of
        .into_iter()
        .map(|(label, (wide, of))| {
            let opening = format!(
                "{} refused within {} up to {} for one reason: {}",
                callers(wide.hit),
                span(wide.first, wide.at),
                time(wide.at),
                label_of(&facts.view.evidence, label)
            );
            let reasons = vec![wide.against.in_words(), format!("counted from {}", origin(of))];
            let finding = Finding::of(Diagnosis::Misconfigured, ConcernKey::Admin(label), facts, reasons);
            let from = if facts.view.ledger.open().is_some() { facts.from } else { wide.first };
            (
                wide.hit,
                Finding { from, since: Some(wide.first), enough_at: Some(wide.at), opening: Some(opening), ..finding },
            )
        })
        .collect();
    if let Some(finding) = still_open(facts, Diagnosis::Misconfigured)
        && found.iter().all(|(_, known)| known.kind != finding.kind)
    {
        found.push((usize::MAX, finding));
    }
    in_order(facts, found)
}

/// The shape of a bad deployment of the service: many callers are refused with one code of one operation.
pub fn suspected(facts: &Facts<'_>) -> Vec<Finding> {
    let policy = facts.policy;
    let aged = before(facts.now, policy.suspected_age);
    let (from, until) = (before(facts.latest_call, policy.suspected_window), facts.latest_call);
    let mut found = Vec::new();
    // The same for every code, and not for nothing.
    let others = LazyCell::new(|| Others::of(facts, from, until));
    for (kind, hits) in facts.hits_by_requests() {
        let hits: Vec<Hit> = hits.iter().filter(|hit| hit.since <= aged).copied().collect();
        let (count, of) = widest(&hits);
        let (ConcernKey::Request(label, called), true) = (kind, count >= policy.suspected_callers) else { continue };
        let hit = facts.hits(kind).iter().filter(|hit| hit.is_of(of) && hit.latest > from).count();
        let calls = others.calls.as_ref();
        let calls = calls.map(|(failed, served)| (failed.get(&kind).copied().unwrap_or_default(), *served));
        let against = Against { hit, served: others.served, since_the_first: false, calls };
        if !against.is_less() {
            continue;
        }
        let reasons = vec![
            format!(
                "{} refused by {} with {} and not served since",
                callers(count),
                operation(called),
                label_of(&facts.view.evidence, label)
            ),
            against.in_words(),
            "so many cannot have made one mistake at once: the shape of a bad deployment of the service".to_owned(),
            format!("counted from {}", origin(of)),
        ];
        found.push((count, Finding::of(Diagnosis::Suspected, kind, facts, reasons)));
    }
    if let Some(finding) = still_open(facts, Diagnosis::Suspected)
        && found.iter().all(|(_, known)| known.kind != finding.kind)
    {
        found.push((usize::MAX, finding));
    }
    in_order(facts, found)
}

/// The open incident's own reason or code as long as anybody is hit by it: it ends by proof alone.
fn still_open(facts: &Facts<'_>, diagnosis: Diagnosis) -> Option<Finding> {
    let kind = facts.concern();
    let is_of = match kind {
        ConcernKey::Service => return None,
        ConcernKey::Admin(_) => Diagnosis::Misconfigured,
        ConcernKey::Request(..) => Diagnosis::Suspected,
    };
    let (count, _) = widest(facts.hits(kind));
    let goes_on = || vec![format!("{} refused and not served since the incident began", callers(count))];
    (is_of == diagnosis && count > 0).then(|| Finding::of(diagnosis, kind, facts, goes_on()))
}

/// The open incident's own first, then those that hit the most.
fn in_order(facts: &Facts<'_>, mut found: Vec<(usize, Finding)>) -> Vec<Finding> {
    let own = facts.view.ledger.open().map(|_| facts.concern());
    found.sort_by_key(|(count, finding)| (Some(finding.kind) != own, Reverse(*count)));
    found.into_iter().take(TOLD_MAX).map(|(_, finding)| finding).collect()
}

/// What else was called in the time that a code is judged by.
struct Others {
    served: usize,
    /// Failed calls of each kind, and served ones, where more callers were served than the slots name.
    calls: Option<(BTreeMap<ConcernKey, usize>, f64)>,
}

impl Others {
    fn of(facts: &Facts<'_>, from: Timestamp, until: Timestamp) -> Self {
        let failed = || {
            let mut failed = BTreeMap::new();
            for kind in facts.refused().filter(|mark| mark.at > from).filter_map(ConcernKey::of) {
                *failed.entry(kind).or_default() += 1;
            }
            failed
        };
        Self {
            served: facts.served_callers(from, until),
            calls: facts.is_crowded(from, until).then(|| (failed(), facts.served_in(from, until))),
        }
    }
}

/// Hit callers against served ones in one stretch of time.
#[derive(Clone, Copy, Debug)]
struct Against {
    hit: usize,
    served: usize,
    /// Counted only from the first refusal on.
    since_the_first: bool,
    /// Failed and served calls, where more callers were served than the slots name.
    calls: Option<(usize, f64)>,
}

impl Against {
    fn is_less(&self) -> bool {
        match self.calls {
            Some((failed, served)) => served < failed as f64,
            None => self.served < self.hit,
        }
    }

    fn in_words(&self) -> String {
        let since = if self.since_the_first { " since the first of them" } else { "" };
        match self.calls {
            Some((failed, served)) => {
                format!("fewer calls were served than refused{since}: {served:.0} against {failed}")
            }
            None => format!("fewer callers were served than refused{since}: {} against {}", self.served, self.hit),
        }
    }
}

/// The moment at which one reason had hit the most callers within [`crate::policy::Policy::misconfigured_window`].
struct Wide {
    hit: usize,
    first: Timestamp,
    at: Timestamp,
    against: Against,
}

impl Wide {
    /// None where they never were enough. `marks` are in order of time.
    ///
    /// A key serves everyone or nobody. So whoever was served before the first refusal says nothing for a key that is
    /// said to refuse, once there are as many refused as for any other reason. Of a policy it does: three who lack an
    /// assignment may well come at once.
    fn of(facts: &Facts<'_>, marks: &[&Mark], need: usize, is_kms: bool) -> Option<Self> {
        let window = facts.policy.misconfigured_window;
        let mut served_calls = facts.served_calls().peekable();
        let (mut hit, mut served) = (Recent::new(window), Recent::new(window));
        let mut failed = VecDeque::new();
        let mut widest: Option<Self> = None;
        for mark in marks {
            while let Some(call) = served_calls.next_if(|call| call.at <= mark.at) {
                served.add(call.caller, call.at);
                hit.latest.remove(&call.caller);
            }
            if served.latest.get(&mark.caller) != Some(&mark.at) {
                hit.add(mark.caller, mark.at);
            }
            failed.push_back(mark.at);
            let from = before(mark.at, window);
            hit.forget(mark.at);
            served.forget(mark.at);
            while failed.pop_front_if(|at| *at <= from).is_some() {}
            let count = hit.latest.len();
            if count < need || widest.as_ref().is_some_and(|known| known.hit >= count) {
                continue;
            }
            let first = hit.first().unwrap_or(mark.at);
            let against = |from: Timestamp, since_the_first| Against {
                hit: count,
                served: if since_the_first { served.since(from) } else { served.latest.len() },
                since_the_first,
                calls: facts.is_crowded(from, mark.at).then(|| {
                    let failed = failed.len() - failed.partition_point(|at| since_the_first && *at < from);
                    (failed, facts.served_in(from, mark.at))
                }),
            };
            let since_the_first = is_kms && count >= facts.policy.misconfigured_callers;
            let ways = [Some(against(from, false)), since_the_first.then(|| against(first, true))];
            if let Some(against) = ways.into_iter().flatten().find(Against::is_less) {
                widest = Some(Self { hit: count, first, at: mark.at, against });
            }
        }
        widest
    }
}

/// Callers and when each was last seen, within a window that moves on.
struct Recent {
    window: Duration,
    order: VecDeque<(Timestamp, CallerHash)>,
    latest: BTreeMap<CallerHash, Timestamp>,
}

impl Recent {
    const fn new(window: Duration) -> Self {
        Self { window, order: VecDeque::new(), latest: BTreeMap::new() }
    }

    fn add(&mut self, caller: CallerHash, at: Timestamp) {
        self.order.push_back((at, caller));
        self.latest.insert(caller, at);
    }

    fn forget(&mut self, now: Timestamp) {
        let from = before(now, self.window);
        while let Some((at, caller)) = self.order.pop_front_if(|(at, _)| *at <= from) {
            if self.latest.get(&caller) == Some(&at) {
                self.latest.remove(&caller);
            }
        }
    }

    fn since(&self, from: Timestamp) -> usize {
        self.latest.values().filter(|at| **at > from).count()
    }

    /// When the first of those that are in the window was seen in it.
    fn first(&self) -> Option<Timestamp> {
        self.order.iter().find(|(_, caller)| self.latest.contains_key(caller)).map(|(at, _)| *at)
    }
}
