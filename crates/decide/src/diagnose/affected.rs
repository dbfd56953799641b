//! Which callers are affected, by what, and since when.
//!
//! In: the marks of one cause. Out: [`CallsByCaller`]; those that were not served since are an [`AffectedCaller`]. A
//! failure counts towards its [`ConcernKey`].

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::Origin;

use crate::concern::ConcernKey;
use crate::evidence::mark::{Mark, ServedCall};

/// A caller that failed and was not served since. Only a served call proves that a caller is well: one that got a 500
/// and then is refused for a code that the failed call consumed has not signed in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AffectedCaller {
    pub caller: CallerHash,
    /// The first and the latest failure after it was last served.
    pub since: Timestamp,
    pub latest: Timestamp,
    /// By [`Origin`]: through which it was seen.
    origins: [bool; Origin::ALL.len()],
}

impl AffectedCaller {
    fn of(mark: &Mark) -> Self {
        let mut origins = [false; Origin::ALL.len()];
        origins[mark.origin as usize] = true;
        Self { caller: mark.caller, since: mark.at, latest: mark.at, origins }
    }

    fn add(&mut self, mark: &Mark) {
        self.latest = self.latest.max(mark.at);
        self.origins[mark.origin as usize] = true;
    }

    pub const fn is_of(&self, origin: Origin) -> bool {
        self.origins[origin as usize]
    }

    /// Of the failures of a caller that was not served since, those of one kind.
    pub fn by<'a>(kind: ConcernKey, unserved: impl Iterator<Item = &'a Mark>, from: Timestamp) -> Option<Self> {
        let mut failed = unserved.filter(|mark| mark.at >= from && kind.takes(mark));
        let mut caller = Self::of(failed.next()?);
        failed.for_each(|mark| caller.add(mark));
        Some(caller)
    }

    /// Those of each kind.
    pub fn all<'a>(unserved: impl Iterator<Item = &'a Mark>, from: Timestamp) -> Vec<(ConcernKey, Self)> {
        let mut affected: Vec<(ConcernKey, Self)> = Vec::new();
        for mark in unserved.filter(|mark| mark.at >= from) {
            let Some(kind) = ConcernKey::of(mark) else { continue };
            match affected.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, caller)) => caller.add(mark),
                None => affected.push((kind, Self::of(mark))),
            }
        }
        affected
    }
}

/// The origin through which the most callers are affected, and how many: one person seen three ways is not three.
pub fn widest(affected: &[AffectedCaller]) -> (usize, Origin) {
    let of = |origin: Origin| (affected.iter().filter(|caller| caller.is_of(origin)).count(), origin);
    let [first, others @ ..] = Origin::ALL;
    others.into_iter().map(of).fold(of(first), |best, next| if next.0 > best.0 { next } else { best })
}

/// Failed calls by caller, then time, and the served ones of the same callers.
#[derive(Debug, Default)]
pub struct CallsByCaller {
    pub failed: Vec<Mark>,
    served: Vec<ServedCall>,
}

impl CallsByCaller {
    /// `served` are all there are.
    pub fn of(mut failed: Vec<Mark>, served: impl Iterator<Item = ServedCall>) -> Self {
        // A slot has them by caller already, so that this is a merge. The order must not depend on how they came.
        failed.sort_by_key(|mark| (mark.caller, mark.at, mark.id, mark.origin));
        let mut callers: Vec<CallerHash> = failed.iter().map(|mark| mark.caller).collect();
        callers.dedup();
        let mut calls = Self { failed, served: Vec::new() };
        if !callers.is_empty() {
            calls.served.extend(served.filter(|call| callers.binary_search(&call.caller).is_ok()));
            calls.served.sort_unstable_by_key(|call| (call.caller, call.at));
        }
        calls
    }

    pub fn by_caller(&self) -> impl Iterator<Item = CallerCalls<'_>> {
        let mut rest = self.served.as_slice();
        self.failed.chunk_by(|one, next| one.caller == next.caller).filter_map(move |failed| {
            let caller = failed.first()?.caller;
            rest = &rest[rest.partition_point(|call| call.caller < caller)..];
            let (served, others) = rest.split_at(rest.partition_point(|call| call.caller == caller));
            rest = others;
            Some(CallerCalls { caller, failed, served })
        })
    }
}

/// What one caller did, in order of time.
#[derive(Clone, Copy, Debug)]
pub struct CallerCalls<'a> {
    pub caller: CallerHash,
    pub failed: &'a [Mark],
    served: &'a [ServedCall],
}

impl<'a> CallerCalls<'a> {
    /// Its failures up to `until` that none of its served calls until then cures. A caller served in the second of its
    /// failure was served by a retry.
    pub fn unserved(&self, until: Timestamp) -> impl DoubleEndedIterator<Item = &'a Mark> + use<'a> {
        let failed = &self.failed[..self.failed.partition_point(|mark| mark.at <= until)];
        let served = &self.served[..self.served.partition_point(|call| call.at <= until)];
        failed.iter().filter(move |mark| {
            let later = served.iter().rev().take_while(|call| call.at >= mark.at);
            !later.map(ServedCall::asked).any(|asked| asked.cures(mark.asked()))
        })
    }

    /// Whether any of its failures from then on was cured.
    pub fn is_served_again(&self, counts: impl Fn(&Mark) -> bool) -> bool {
        let cured = |mark: &Mark| {
            let later = self.served.iter().rev().take_while(|call| call.at >= mark.at);
            later.map(ServedCall::asked).any(|asked| asked.cures(mark.asked()))
        };
        self.failed.iter().filter(|mark| counts(mark)).last().is_some_and(cured)
    }
}
