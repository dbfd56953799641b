//! When one reason of the administrator's had affected the most callers.
//!
//! In: the [`Facts`]. Out: a [`Peak`] for each [`Reason`] that affected enough callers at some moment of the evidence.
//! A [`Window`] of a few minutes moves from one refusal to the next, because such failures may be reported late.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::Origin;
use triage_model::time::before;

use crate::cell::Cell;
use crate::diagnose::balance::{Balance, Counted};
use crate::diagnose::facts::Facts;
use crate::evidence::mark::{Mark, ServedCall};

/// The refusals for one reason seen through one origin.
pub struct Reason<'a> {
    pub label: u16,
    pub origin: Origin,
    /// A KMS key refuses.
    is_of_a_key: bool,
    /// So many callers are enough to report it.
    need: usize,
    /// In order of time.
    refusals: Vec<&'a Mark>,
}

impl<'a> Reason<'a> {
    pub const fn need(&self) -> usize {
        self.need
    }

    /// Its latest refusals, as far back as that.
    pub fn refusals_within(&self, window: Duration) -> impl Iterator<Item = &'a Mark> {
        let from = self.refusals.last().map_or(Timestamp::MIN, |last| before(last.at, window));
        self.refusals.iter().copied().filter(move |mark| mark.at > from)
    }

    /// Whether a served call is evidence against it: what is not called says nothing about what is refused.
    fn is_spoken_against_by(&self, call: &ServedCall) -> bool {
        let (asked, same) = (call.asked(), |mark: &&&Mark| mark.operation == call.operation);
        call.operation.is_none()
            || self.refusals.iter().find(same).is_some_and(|mark| asked.cures(mark.asked()))
            || self.refusals.iter().any(|mark| mark.operation.is_none())
    }
}

/// Reasons that are looked into: those with the most callers. To invent more, one has to invent as many callers for
/// each.
const JUDGED_MAX: usize = 16;

/// The reasons with the most callers, if they are enough.
pub fn reasons<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Reason<'a>> {
    let mut by_reason: BTreeMap<(u16, Origin), Vec<&Mark>> = BTreeMap::new();
    for mark in facts.denied() {
        by_reason.entry((mark.label, mark.origin)).or_default().push(mark);
    }
    // Marks come by caller.
    let width = |marks: &[&Mark]| marks.chunk_by(|one, next| one.caller == next.caller).count();
    let mut by_width: Vec<_> = by_reason.into_iter().map(|(of, marks)| (width(&marks), of, marks)).collect();
    by_width.sort_by_key(|(width, of, _)| (Reverse(*width), *of));
    by_width.truncate(JUDGED_MAX);
    by_width.into_iter().filter_map(|(width, (label, origin), mut refusals)| {
        let policy = facts.policy;
        let is_of_a_key = refusals.iter().any(|mark| mark.kms);
        let need = if is_of_a_key { policy.misconfigured_kms_callers } else { policy.misconfigured_callers };
        refusals.sort_by_key(|mark| mark.at);
        (width >= need).then_some(Reason { label, origin, is_of_a_key, need, refusals })
    })
}

/// The moment at which a reason had affected the most callers within [`crate::policy::Policy::misconfigured_window`].
pub struct Peak {
    pub affected: usize,
    /// When the first of these callers was refused.
    pub first: Timestamp,
    pub at: Timestamp,
    pub balance: Balance,
}

impl Peak {
    /// None where they never were enough, or never more than were served.
    pub fn of(facts: &Facts<'_>, reason: &Reason<'_>) -> Option<Self> {
        let mut window = Window::new(facts);
        let mut served_calls = facts.served_calls().filter(|call| reason.is_spoken_against_by(call)).peekable();
        let mut peak: Option<Self> = None;
        for refusal in &reason.refusals {
            while let Some(call) = served_calls.next_if(|call| call.at <= refusal.at) {
                window.add_served(call);
            }
            window.add_refusal(refusal);
            let affected = window.affected.len();
            if affected < reason.need || peak.as_ref().is_some_and(|known| known.affected >= affected) {
                continue;
            }
            let first = window.affected.first_seen().unwrap_or(refusal.at);
            if let Some(balance) = window.balance(reason, first) {
                peak = Some(Self { affected, first, at: refusal.at, balance });
            }
        }
        peak
    }
}

/// What one reason and the served calls come to within the time that ends with a refusal, and moves on with the next.
struct Window<'a> {
    facts: &'a Facts<'a>,
    /// All but the end itself.
    begin: Timestamp,
    end: Timestamp,
    /// Callers refused and not served since.
    affected: LastSeen,
    served: LastSeen,
    /// When each call was refused.
    refused: VecDeque<Timestamp>,
}

impl<'a> Window<'a> {
    const fn new(facts: &'a Facts<'a>) -> Self {
        let (begin, end) = (Timestamp::MIN, Timestamp::MIN);
        Self { facts, begin, end, affected: LastSeen::new(), served: LastSeen::new(), refused: VecDeque::new() }
    }

    fn add_served(&mut self, call: &ServedCall) {
        self.served.see(call.caller, call.at);
        self.affected.remove(call.caller);
    }

    /// Moves the window on to a refusal, once all that was served until then is added.
    fn add_refusal(&mut self, refusal: &Mark) {
        // A caller served in the second of its refusal was served by a retry.
        if self.served.last_seen(refusal.caller) != Some(refusal.at) {
            self.affected.see(refusal.caller, refusal.at);
        }
        self.refused.push_back(refusal.at);
        (self.begin, self.end) = (before(refusal.at, self.facts.policy.misconfigured_window), refusal.at);
        self.affected.forget(self.begin);
        self.served.forget(self.begin);
        while self.refused.pop_front_if(|at| *at <= self.begin).is_some() {}
    }

    /// Affected callers against served ones, if that is evidence for the refusals.
    ///
    /// A key serves everyone or nobody. So callers served before the first refusal are no evidence for a key that is
    /// said to refuse, once as many are refused as for any other reason. For a policy they are: three users without an
    /// assignment may well come at once.
    fn balance(&self, reason: &Reason<'_>, first: Timestamp) -> Option<Balance> {
        let in_the_window = Some(self.against_all()).filter(Balance::is_for_refusals);
        let is_a_key_for_many = reason.is_of_a_key && self.affected.len() >= self.facts.policy.misconfigured_callers;
        in_the_window.or_else(|| {
            let since_the_first = is_a_key_for_many.then(|| self.against_served_after(first));
            since_the_first.filter(Balance::is_for_refusals)
        })
    }

    fn against_all(&self) -> Balance {
        let calls = || (self.refused.len(), self.facts.served_in(Cell::Region, self.begin, self.end));
        Balance {
            affected: self.affected.len(),
            served: self.served.len(),
            calls: self.facts.is_crowded(self.begin, self.end).then(calls),
            counted: Counted::InTheWindow,
        }
    }

    fn against_served_after(&self, first: Timestamp) -> Balance {
        let refused = || self.refused.iter().filter(|at| **at >= first).count();
        Balance {
            affected: self.affected.len(),
            served: self.served.len_after(first),
            calls: self
                .facts
                .is_crowded(first, self.end)
                .then(|| (refused(), self.facts.served_in(Cell::Region, first, self.end))),
            counted: Counted::SinceTheFirstRefusal,
        }
    }
}

/// Callers, and when each was last seen. They are added in order of time.
struct LastSeen {
    order: VecDeque<(Timestamp, CallerHash)>,
    at: BTreeMap<CallerHash, Timestamp>,
}

impl LastSeen {
    const fn new() -> Self {
        Self { order: VecDeque::new(), at: BTreeMap::new() }
    }

    fn see(&mut self, caller: CallerHash, at: Timestamp) {
        self.order.push_back((at, caller));
        self.at.insert(caller, at);
    }

    fn remove(&mut self, caller: CallerHash) {
        self.at.remove(&caller);
    }

    /// Those last seen up to that time are gone.
    fn forget(&mut self, until: Timestamp) {
        while let Some((at, caller)) = self.order.pop_front_if(|(at, _)| *at <= until) {
            if self.at.get(&caller) == Some(&at) {
                self.at.remove(&caller);
            }
        }
    }

    fn len(&self) -> usize {
        self.at.len()
    }

    fn len_after(&self, from: Timestamp) -> usize {
        self.at.values().filter(|at| **at > from).count()
    }

    fn last_seen(&self, caller: CallerHash) -> Option<Timestamp> {
        self.at.get(&caller).copied()
    }

    /// When the first of those that are left was first seen.
    fn first_seen(&self) -> Option<Timestamp> {
        self.order.iter().find(|(_, caller)| self.at.contains_key(caller)).map(|(at, _)| *at)
    }
}
