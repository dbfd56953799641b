//! Two minutes of one region.
//!
//! In: marks and counts, in any order and as often as they come. Out: a [`Slot`] of bounded size. What a slot keeps of
//! too many failures does not depend on the order in which they came: of the marks of one cause those stay that come
//! first by (how many of its caller's marks come before it, caller, id), so that every caller is there with one mark
//! before any has two, and a caller that fails in a loop hides nobody. What is not kept is counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::{Operation, Origin};

use crate::evidence::mark::{Answered, Mark, Names, ServedCall, Talker};

/// The length of a slot. A mark's second within it fits one byte.
pub const SLOT_SECONDS: i64 = 120;

/// Marks of one cause kept in a slot: more adds nothing to the decision, and an item that is written often must be small.
pub const MARKS_MAX: usize = 256;

/// Served callers that a slot names, beside those that had been hit before.
pub const SERVED_MAX: usize = 64;

/// Talkers in one slot: those that make the most calls.
pub const TALKERS_MAX: usize = 16;

/// What the answered calls of one operation come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnsweredCalls {
    /// Served, or refused for a mistake of the caller.
    pub answered: u32,
    /// Success or AuthorizationPending.
    pub served: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slot {
    failures: BTreeMap<Cause, Marks>,
    /// Failures beyond [`MARKS_MAX`]: about how many, for one that comes twice is counted twice.
    pub beyond: BTreeMap<(Cause, Origin), u32>,
    pub served: BTreeSet<ServedCall>,
    pub calls: BTreeMap<(Origin, Option<Operation>), AnsweredCalls>,
    /// Calls of those who make many, failed or not.
    pub talkers: BTreeMap<Talker, u32>,
    pub names: Names,
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    New,
    /// The same mark is there.
    Known,
    /// It belongs into [`Slot::beyond`].
    NoRoom,
}

/// When the slot of that time begins, in seconds since 1970.
pub fn slot_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SLOT_SECONDS) * SLOT_SECONDS
}

impl Slot {
    /// Adds a failure, unless it is there or there is no room for it. Another one may lose its place to it, and is then
    /// counted in [`Slot::beyond`].
    pub fn add_failure(&mut self, mark: Mark) -> Addition {
        let marks = self.failures.entry(mark.cause).or_default();
        if !marks.insert(mark) {
            return Addition::Known;
        }
        if marks.0.len() <= MARKS_MAX {
            return Addition::New;
        }
        match marks.pop_last() {
            Some(last) if last != mark => {
                *self.beyond.entry((last.cause, last.origin)).or_default() += 1;
                Addition::New
            }
            Some(_) | None => Addition::NoRoom,
        }
    }

    /// The failures that are kept, those of one cause and caller together.
    pub fn failures(&self) -> impl Iterator<Item = &Mark> {
        self.failures.values().flat_map(|marks| &marks.0)
    }

    /// Those of one cause.
    pub fn failures_of(&self, cause: Cause) -> &[Mark] {
        self.failures.get(&cause).map_or(&[], |marks| &marks.0)
    }

    /// Calls of all kinds, failed or answered. A refusal for a mistake of the caller is both a mark and an answer.
    pub fn all_calls(&self) -> u64 {
        let counts = |cause: &Cause| *cause != Cause::Request;
        let failed: usize =
            self.failures.iter().filter(|(cause, _)| counts(cause)).map(|(_, marks)| marks.0.len()).sum();
        let beyond = self.beyond.iter().filter(|((cause, _), _)| counts(cause)).map(|(_, count)| u64::from(*count));
        let beyond: u64 = beyond.sum();
        let answered = self.calls.values().map(|calls| u64::from(calls.answered)).sum::<u64>();
        failed as u64 + beyond + answered
    }

    pub fn has(&self, mark: &Mark) -> bool {
        self.failures.get(&mark.cause).is_some_and(|marks| marks.place(mark).is_ok())
    }

    /// Counts an answered call, and marks its caller if that is worth a mark: one of the first few callers, or one that
    /// `was_hit`.
    pub fn add_answered(&mut self, answered: &Answered, was_hit: bool) {
        self.count_answered(answered);
        if answered.served && (was_hit || self.is_worth_naming(answered.call.caller)) {
            self.served.insert(answered.call);
        }
    }

    /// Counts an answered call without marking its caller.
    pub fn count_answered(&mut self, answered: &Answered) {
        let calls = self.calls.entry((answered.call.origin, answered.call.operation)).or_default();
        calls.answered += 1;
        calls.served += u32::from(answered.served);
    }

    fn is_worth_naming(&self, caller: CallerHash) -> bool {
        self.served.len() < SERVED_MAX && !self.served.iter().any(|known| known.caller == caller)
    }

    /// Counts calls of a talker. Where there is no room for another one, everybody's count goes down by what the
    /// newcomer brings, at most to nothing (Misra and Gries, 1982): whoever makes more than one call in [`TALKERS_MAX`]
    /// stays, whatever the order, and its count is too low by at most that share of all calls.
    pub fn add_talk(&mut self, talker: Talker, calls: u32) {
        if let Some(count) = self.talkers.get_mut(&talker) {
            *count += calls;
            return;
        }
        let least = self.talkers.values().copied().min().unwrap_or(0);
        let less = if self.talkers.len() < TALKERS_MAX { 0 } else { calls.min(least) };
        if less > 0 {
            self.talkers.retain(|_, count| {
                *count -= less;
                *count > 0
            });
        }
        if calls > less {
            self.talkers.insert(talker, calls - less);
        }
    }

    /// The union of two views of one slot. Counts are added: they must be of different calls.
    pub fn merge(&mut self, other: &Self) {
        for mark in other.failures() {
            if self.add_failure(*mark) == Addition::NoRoom {
                *self.beyond.entry((mark.cause, mark.origin)).or_default() += 1;
            }
        }
        for (key, count) in &other.beyond {
            *self.beyond.entry(*key).or_default() += count;
        }
        self.served.extend(&other.served);
        for (key, calls) in &other.calls {
            let mine = self.calls.entry(*key).or_default();
            mine.answered += calls.answered;
            mine.served += calls.served;
        }
        for (talker, count) in &other.talkers {
            self.add_talk(*talker, *count);
        }
        self.merge_names(&other.names);
    }

    /// Takes over names. Those of talkers that have no place here, or have lost it, make room.
    pub fn merge_names(&mut self, names: &Names) {
        let has_place = |who: &u64, _: &mut String| self.talkers.keys().any(|talker| talker.who == *who);
        let mut names = names.clone();
        names.talkers.retain(has_place);
        self.names.talkers.retain(has_place);
        self.names.merge(&names);
    }

    /// Whether more callers may have been served than this slot names.
    pub fn is_full_of_served(&self) -> bool {
        self.served.iter().map(|served| served.caller).collect::<BTreeSet<_>>().len() >= SERVED_MAX
    }
}

/// The marks of one cause, ordered by caller, then id: side by side, because a decision looks at all of them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Marks(Vec<Mark>);

impl Marks {
    fn place(&self, mark: &Mark) -> Result<usize, usize> {
        self.0.binary_search_by(|known| (known.caller, known.id, known).cmp(&(mark.caller, mark.id, mark)))
    }

    fn insert(&mut self, mark: Mark) -> bool {
        let place = self.place(&mark);
        if let Err(place) = place {
            self.0.insert(place, mark);
        }
        place.is_err()
    }

    /// Takes out, of the callers with the most marks the one with the greatest hash, its mark with the greatest id.
    fn pop_last(&mut self) -> Option<Mark> {
        let (mut most, mut last, mut end) = (0, None, 0);
        for of_caller in self.0.chunk_by(|one, next| one.caller == next.caller) {
            end += of_caller.len();
            if of_caller.len() >= most {
                (most, last) = (of_caller.len(), Some(end - 1));
            }
        }
        last.map(|last| self.0.remove(last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use triage_model::caller::CallerHash;

    use super::*;
    use crate::testing::one_case_in;

    fn mark(caller: u64, id: u32, second: i64) -> Mark {
        Mark {
            at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
            caller: CallerHash::from_bits(caller),
            operation: Some(Operation::CreateToken),
            cause: Cause::Service,
            origin: Origin::CloudTrail,
            kms: false,
            label: 1,
            tool: 0,
            id,
        }
    }

    fn slot_of_all(marks: &[Mark]) -> Slot {
        let mut slot = Slot::default();
        for mark in marks {
            slot.add_failure(*mark);
        }
        slot
    }

    #[test]
    fn a_slot_of_a_time_begins_every_two_minutes_also_before_1970() {
        let begin = |second| slot_of(Timestamp::from_second(second).unwrap());
        assert_eq!([begin(0), begin(119), begin(120), begin(-1)], [0, 0, 120, -120]);
    }

    #[test]
    fn a_caller_in_a_loop_hides_nobody() {
        let mut marks: Vec<Mark> = (0..5000).map(|id| mark(7, id, 3)).collect();
        marks.extend((0..200).map(|caller| mark(1000 + caller, 1, 4)));
        let slot = slot_of_all(&marks);
        let callers: BTreeSet<CallerHash> = slot.failures().map(|mark| mark.caller).collect();
        assert_eq!((callers.len(), slot.failures().count()), (201, MARKS_MAX));
    }

    #[test]
    fn of_too_many_callers_each_is_there_once() {
        let marks: Vec<Mark> = (0..1000).flat_map(|caller| [mark(caller, 1, 0), mark(caller, 2, 1)]).collect();
        let slot = slot_of_all(&marks);
        let callers: BTreeSet<CallerHash> = slot.failures().map(|mark| mark.caller).collect();
        assert_eq!(callers.len(), MARKS_MAX);
    }

    #[test]
    fn a_mark_that_has_no_room_is_beyond_and_a_known_one_is_known() {
        let mut slot = slot_of_all(&(0..256).map(|caller| mark(caller, 1, 0)).collect::<Vec<_>>());
        assert_eq!(slot.add_failure(mark(255, 1, 0)), Addition::Known);
        assert_eq!(slot.add_failure(mark(255, 2, 0)), Addition::NoRoom);
        assert_eq!(slot.add_failure(mark(256, 1, 0)), Addition::NoRoom, "another caller, of a greater hash");
        assert!(slot.has(&mark(255, 1, 0)) && !slot.has(&mark(256, 1, 0)));
    }

    #[test]
    fn the_first_served_callers_are_named_and_one_that_was_hit_always() {
        let answered = |caller, second| Answered {
            call: ServedCall {
                at: Timestamp::from_second(second).unwrap(),
                caller: CallerHash::from_bits(caller),
                operation: None,
                origin: Origin::CloudTrail,
            },
            served: true,
        };
        let mut slot = Slot::default();
        for caller in 0..100 {
            slot.add_answered(&answered(caller, 1), false);
            slot.add_answered(&answered(caller, 2), false);
        }
        assert_eq!(slot.served.len(), SERVED_MAX);
        assert!(slot.is_full_of_served());
        slot.add_answered(&answered(99, 3), true);
        assert_eq!(slot.served.len(), SERVED_MAX + 1);
        assert_eq!(slot.calls[&(Origin::CloudTrail, None)], AnsweredCalls { answered: 201, served: 201 });
    }

    proptest! {
        #![proptest_config(one_case_in(4))]

        #[test]
        fn what_a_slot_keeps_does_not_depend_on_the_order_or_on_duplicates(
            drawn in prop::collection::vec((0_u64..40, 0_u32..60, 0_i64..120), 0..1500),
            seed in any::<u64>(),
        ) {
            let marks: Vec<Mark> = drawn.iter().map(|&(caller, id, second)| mark(caller, id, second)).collect();
            let mut shuffled = [marks.clone(), marks.iter().take(marks.len() / 2).copied().collect()].concat();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let kept = |marks: &[Mark]| slot_of_all(marks).failures().copied().collect::<BTreeSet<Mark>>();
            prop_assert_eq!(kept(&marks), kept(&shuffled));
            // And two halves put together are the whole.
            let (left, right) = marks.split_at(marks.len() / 3);
            let mut both = slot_of_all(left);
            both.merge(&slot_of_all(right));
            prop_assert_eq!(kept(&marks), both.failures().copied().collect());
        }
    }
}
