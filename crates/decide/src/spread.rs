//! What a slot only counts, as calls in time.
//!
//! In: the slots of the last hour. Out: how many calls there were up to any second ([`Spread`]) or between two times
//! ([`calls_within`]), and what the marks that a saturated slot keeps say of those that it does not. Within a slot, calls
//! are taken as evenly spread. It decides nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::{Operation, Origin};
use triage_model::time::{AHEAD_MAX, before, later};

use crate::cell::Cell;
use crate::evidence::Evidence;
use crate::evidence::mark::{Mark, ServedCall};
use crate::evidence::slot::{Place, SLOT_SECONDS, Slot};
use crate::policy::Policy;

/// The latest time that counts: what is further ahead is a broken clock.
pub fn latest(now: Timestamp) -> Timestamp {
    later(now, AHEAD_MAX)
}

/// The slots that count at `now`, in order, each with the second in which it begins.
pub fn slots<'a>(evidence: &'a Evidence, policy: &Policy, now: Timestamp) -> Vec<(i64, &'a Slot)> {
    evidence.slots_within(before(now, policy.evidence), latest(now)).collect()
}

/// How many of the calls that `count` finds in each slot fall between two times.
pub fn calls_within(evidence: &Evidence, from: Timestamp, until: Timestamp, count: impl Fn(&Slot) -> f64) -> f64 {
    let slots = evidence.slots_within(from, until);
    let pieces = slots.map(|(begin, slot)| Piece { begin, end: begin + SLOT_SECONDS, count: count(slot) });
    pieces.map(|piece| piece.within(from.as_second() as f64, until.as_second() as f64)).sum()
}

/// How many calls there were up to any second.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<Placed>);

/// A piece, and the calls of all earlier ones.
#[derive(Clone, Debug)]
struct Placed {
    piece: Piece,
    before: f64,
}

/// So many calls, evenly spread from one second to another.
#[derive(Clone, Copy, Debug)]
struct Piece {
    begin: i64,
    end: i64,
    count: f64,
}

impl Piece {
    /// Those of its calls that fall between two times, in seconds since 1970.
    fn within(&self, from: f64, until: f64) -> f64 {
        let (begin, end) = (self.begin as f64, self.end as f64);
        let overlap = until.min(end) - from.max(begin);
        self.count * overlap.max(0.0) / (end - begin)
    }
}

impl Spread {
    /// Spreads what `count` finds of `origin` in each slot.
    pub fn of(slots: &[(i64, &Slot)], origin: Origin, now: Timestamp, count: impl Fn(&Slot) -> f64) -> Self {
        let is_known = |slot: &Slot| latest_mark(slot, origin).is_some() || calls(slot, origin, Cell::Region) > 0;
        let last = slots.iter().rev().find(|(_, slot)| is_known(slot));
        let last = last.map(|(begin, _)| *begin);
        let mut total = 0.0;
        let mut pieces = Vec::new();
        for (begin, slot) in slots {
            let count = count(slot);
            if count > 0.0 {
                let end = begin + SLOT_SECONDS;
                let end = if Some(*begin) == last { known_until(*begin, slot, origin, now) } else { end };
                pieces.push(Placed { piece: Piece { begin: *begin, end, count }, before: total });
                total += count;
            }
        }
        Self(pieces)
    }

    /// So many calls in that time.
    #[cfg(test)]
    pub fn even(begin: i64, end: i64, count: f64) -> Self {
        Self(vec![Placed { piece: Piece { begin, end, count }, before: 0.0 }])
    }

    /// Calls before that time, in seconds since 1970.
    pub fn until(&self, second: f64) -> f64 {
        let later = self.0.partition_point(|placed| (placed.piece.begin as f64) < second);
        let latest = later.checked_sub(1).and_then(|index| self.0.get(index));
        latest.map_or(0.0, |placed| placed.before + placed.piece.within(f64::NEG_INFINITY, second))
    }
}

/// Where the known part of an origin's last slot ends: records come late, so that what is beyond the latest mark may just
/// not be here yet. Spread over time that nothing is known of, answered calls would seem fewer than they were.
fn known_until(begin: i64, slot: &Slot, origin: Origin, now: Timestamp) -> i64 {
    let latest = latest_mark(slot, origin).unwrap_or(now).as_second();
    (latest + 1).clamp(begin + 1, begin + SLOT_SECONDS)
}

fn latest_mark(slot: &Slot, origin: Origin) -> Option<Timestamp> {
    let failed = slot.failures().filter(|mark| mark.origin == origin).map(|mark| mark.at);
    let served = slot.served.iter().filter(|call| call.origin == origin).map(|call| call.at);
    failed.chain(served).max()
}

/// Answered calls of an origin and a cell. A pending poll speaks for polling alone.
pub fn calls(slot: &Slot, origin: Origin, cell: Cell) -> u64 {
    let own = slot.calls.iter().filter(|(place, _)| place.origin == origin && !place.pending && place.is_of(cell));
    own.map(|(_, calls)| u64::from(calls.answered)).sum()
}

/// About how many calls of an origin were served to callers that have something in common. A slot marks some of them and
/// counts all: those that it marks stand for the others of their operation.
pub fn served_about(slot: &Slot, origin: Origin, shared: impl Fn(&ServedCall) -> bool) -> f64 {
    let mut marked: BTreeMap<Option<Operation>, (usize, usize)> = BTreeMap::new();
    for call in slot.served.iter().filter(|call| call.origin == origin && !call.pending) {
        let (all, own) = marked.entry(call.operation).or_default();
        *all += 1;
        *own += usize::from(shared(call));
    }
    let about = marked.into_iter().filter(|(_, (_, own))| *own > 0).map(|(operation, (all, own))| {
        let is_own = |place: &Place| place.origin == origin && place.operation == operation && !place.pending;
        let served: u32 = slot.calls.iter().filter(|(place, _)| is_own(place)).map(|(_, calls)| calls.served).sum();
        own as f64 * (f64::from(served) / all as f64).max(1.0)
    });
    about.sum()
}

/// For how many callers each kept mark of that cause stands. Of more callers than it has room for, a slot keeps one mark
/// each of those with the smallest hashes. Hashes are evenly spread, so the share of their range that the kept ones
/// cover is the share of callers that is kept. There cannot be more callers than failures.
pub fn callers_per_mark(slot: &Slot, cause: Cause) -> f64 {
    let beyond = beyond_all(slot, cause);
    if beyond == 0.0 {
        return 1.0;
    }
    let kept = slot.failures_of(cause);
    let has_two = |marks: &[Mark]| marks[0].caller == marks[1].caller;
    let Some(greatest) = kept.last().filter(|_| !kept.windows(2).any(has_two)) else {
        return 1.0;
    };
    let covered = (greatest.caller.to_bits() + 1) as f64 / (1_u64 << CallerHash::BITS) as f64;
    let failures_per_mark = (kept.len() as f64 + beyond) / kept.len() as f64;
    covered.recip().min(failures_per_mark)
}

/// How many of the failures of that cause beyond what a slot keeps are such as `counts`, going by those that it keeps. A
/// caller has no mark beyond while another one has two more kept: so a caller in a loop answers for itself alone.
pub fn beyond(slot: &Slot, cause: Cause, counts: impl Fn(&Mark) -> bool) -> f64 {
    let beyond = beyond_all(slot, cause);
    if beyond == 0.0 {
        return 0.0;
    }
    let by_caller = || slot.failures_of(cause).chunk_by(|one, next| one.caller == next.caller);
    let most = by_caller().map(<[Mark]>::len).max().unwrap_or(0);
    let cut: Vec<&Mark> = by_caller().filter(|marks| marks.len() + 1 >= most).flatten().collect();
    let counted = cut.iter().filter(|mark| counts(mark)).count();
    beyond * counted as f64 / cut.len().max(1) as f64
}

fn beyond_all(slot: &Slot, cause: Cause) -> f64 {
    slot.beyond.iter().filter(|((of, _), _)| *of == cause).map(|(_, count)| f64::from(*count)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::slot::MARKS_MAX;
    use crate::testing::marks::{at, caller, failure, served};

    fn counted(slots: &[(i64, &Slot)], now: i64) -> Spread {
        Spread::of(slots, Origin::CloudTrail, at(now), |slot| calls(slot, Origin::CloudTrail, Cell::Region) as f64)
    }

    #[test]
    fn calls_are_evenly_spread_over_a_slot_and_over_the_known_part_of_the_last_one() {
        let mut evidence = Evidence::default();
        for second in [0, 10, 20, 30, 130, 140, 149] {
            evidence.add_answered(&served(second, 1));
        }
        let slots: Vec<_> = evidence.slots.iter().map(|(begin, slot)| (*begin, slot)).collect();
        let zero = at(0).as_second();
        let spread = counted(&slots, 200);
        // The fourth is a second call of a caller, without a mark of its own, and counts all the same.
        let until: Vec<f64> = [0, 30, 60, 120].map(|second| spread.until((zero + second) as f64)).to_vec();
        assert_eq!(until, [0.0, 1.0, 2.0, 4.0]);
        // The only mark in it is that of the first call, ten seconds after it began.
        assert_eq!(spread.until((zero + 131) as f64), 7.0);
        assert_eq!(spread.until((zero + 100_000) as f64), 7.0);
    }

    #[test]
    fn a_mark_stands_for_the_callers_that_a_slot_has_no_room_for() {
        let room = 1_u64 << CallerHash::BITS;
        let mut slot = Slot::default();
        let kept = MARKS_MAX as u64;
        for index in 0..kept {
            // A quarter of the range is covered.
            slot.add_failure(failure(0, room / (4 * kept) * (index + 1) - 1));
        }
        let cause = Cause::Service;
        assert_eq!(callers_per_mark(&slot, cause), 1.0, "nothing is beyond");
        slot.beyond.insert((cause, Origin::CloudTrail), 10_000);
        assert!((callers_per_mark(&slot, cause) - 4.0).abs() < 1e-9);
        slot.beyond.insert((cause, Origin::CloudTrail), MARKS_MAX as u32);
        assert_eq!(callers_per_mark(&slot, cause), 2.0, "no more callers than failures");
    }

    #[test]
    fn a_caller_in_a_loop_answers_for_all_that_is_beyond() {
        let mut slot = Slot::default();
        slot.add_failure(failure(0, 1));
        for second in 0..100 {
            slot.add_failure(failure(second, 2));
        }
        slot.beyond.insert((Cause::Service, Origin::CloudTrail), 1000);
        assert_eq!(callers_per_mark(&slot, Cause::Service), 1.0);
        assert_eq!(beyond(&slot, Cause::Service, |mark| mark.caller == caller(2)), 1000.0);
        assert_eq!(beyond(&slot, Cause::Service, |mark| mark.caller == caller(1)), 0.0);
    }
}
