//! Two minutes of one region.
//!
//! In: marks and counts, in any order and as often as they come. Out: a [`Slot`] of bounded size. What a slot keeps of
//! too many failures does not depend on the order in which they came: of the marks of one cause those stay that come
//! first by (how many of its caller's marks on that operation come before it, caller, id), so that every caller is there
//! with one mark before any has two, and a caller that fails in a loop hides nobody; and each operation keeps a few marks
//! whatever another one has. What is not kept is counted. Of too many served callers those with the smallest hashes stay:
//! every writer keeps the same ones.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::grant::Grant;
use triage_model::observation::{Operation, Origin};

use crate::cell::{Cell, Dimension};
use crate::evidence::mark::{Answered, Mark, Names, ServedCall, Talker, Traits};

/// The length of a slot. A mark's second within it fits one byte.
pub const SLOT_SECONDS: i64 = 120;

/// Marks of one cause kept in a slot: more adds nothing to the decision, and an item that is written often must be small.
pub const MARKS_MAX: usize = 170;

/// An operation keeps so many of these whatever else fails: a storm of refreshes does not push out
/// StartDeviceAuthorization.
pub const MARKS_RESERVED: usize = 32;

/// Served callers of one operation that a slot names, besides those that had failed before.
pub const SERVED_MAX: usize = 48;

/// Served callers that had failed before: an item must stay small when all of an hour's are served again at once.
pub const SERVED_AGAIN_MAX: usize = 1024;

/// Talkers in one slot: those that make the most calls.
pub const TALKERS_MAX: usize = 16;

/// Callers that stand for many, in one slot: those that were served most.
pub const CROWDS_MAX: usize = 16;

/// Applications that a slot counts by themselves; the calls of others are counted as of none.
pub const APPLICATIONS_MAX: usize = 32;

/// What answered calls are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub origin: Origin,
    pub operation: Option<Operation>,
    pub grant: Option<Grant>,
    /// [`crate::evidence::mark::Traits::application`].
    pub application: u16,
    /// AuthorizationPending.
    pub pending: bool,
}

impl Place {
    /// The cells that its calls are of, but for the region itself.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        let (operation, traits) = (self.operation, self.traits());
        let application = Dimension::Application.of(&traits).map(|hash| Cell::Shared(Dimension::Application, hash));
        Cell::fixed().skip(1).filter(move |cell| cell.has(operation, &traits)).chain(application)
    }

    /// What is known of its calls.
    pub fn traits(&self) -> Traits {
        Traits { grant: self.grant, application: self.application, ..Traits::default() }
    }

    pub fn is_of(&self, cell: Cell) -> bool {
        cell.has(self.operation, &self.traits())
    }
}

impl From<&ServedCall> for Place {
    fn from(call: &ServedCall) -> Self {
        let ServedCall { operation, origin, traits, pending, .. } = *call;
        Self { origin, operation, grant: traits.grant, application: traits.application, pending }
    }
}

/// What the answered calls of one place come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnsweredCalls {
    /// Served, or refused for a mistake of the caller.
    pub answered: u32,
    /// Success or AuthorizationPending.
    pub served: u32,
}

impl AnsweredCalls {
    /// The table may hold anything: a count that is too large stays so.
    pub fn add(&mut self, more: Self) {
        self.answered = self.answered.saturating_add(more.answered);
        self.served = self.served.saturating_add(more.served);
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slot {
    failures: BTreeMap<Cause, Marks>,
    /// Failures beyond [`MARKS_MAX`]: about how many, for one that comes twice is counted twice.
    pub beyond: BTreeMap<(Cause, Origin), u32>,
    pub served: BTreeSet<ServedCall>,
    pub calls: BTreeMap<Place, AnsweredCalls>,
    /// Calls of those who make many, failed or not.
    pub talkers: BTreeMap<Talker, u32>,
    /// Served calls of callers that stand for many.
    pub crowds: BTreeMap<CallerHash, u32>,
    pub names: Names,
}

/// How a mark was added.
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
    /// Adds a failure, unless it is there or there is no room for it. It may push out another one, which is then
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
                self.count_beyond((last.cause, last.origin), 1);
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
        let beyond = self.beyond.iter().filter(|((cause, _), _)| counts(cause));
        let beyond: u64 = beyond.map(|(_, count)| u64::from(*count)).sum();
        failed as u64 + beyond + self.calls.values().map(|calls| u64::from(calls.answered)).sum::<u64>()
    }

    /// What was tried in one cell: answered calls, and of failures each caller once, however often it tries again.
    pub fn tries_of(&self, cell: Cell) -> u64 {
        let counts = |cause: &Cause| *cause != Cause::Request;
        let of_cause = self.failures.iter().filter(|(cause, _)| counts(cause)).map(|(_, marks)| {
            let by_caller = marks.0.chunk_by(|one, next| one.caller == next.caller);
            by_caller.filter(|marks| marks.iter().any(|mark| cell.has(mark.operation, &mark.traits))).count()
        });
        let answered = self.calls.iter().filter(|(place, _)| place.is_of(cell));
        of_cause.sum::<usize>() as u64 + answered.map(|(_, calls)| u64::from(calls.answered)).sum::<u64>()
    }

    pub fn has(&self, mark: &Mark) -> bool {
        self.failures.get(&mark.cause).is_some_and(|marks| marks.place(mark).is_ok())
    }

    /// Counts an answered call, and marks its caller if that is worth a mark: one of the first few callers, or one that
    /// `was_hit`.
    pub fn add_answered(&mut self, answered: &Answered, was_hit: bool) {
        self.count_answered(answered);
        if answered.served {
            self.add_served(ServedCall { was_hit, ..answered.call });
        }
    }

    /// Marks a served call if that is worth it. The caller with the greatest hash may be pushed out.
    pub fn add_served(&mut self, call: ServedCall) -> bool {
        if call.was_hit {
            return self.add_served_again(call);
        }
        let sampled = || self.served.iter().filter(|known| known.operation == call.operation && !known.was_hit);
        let (mut named, mut greatest) = (0, call.caller);
        for known in sampled() {
            if known.caller == call.caller {
                // The first of a caller's calls, in whichever order they come.
                let known = *known;
                return call < known && self.served.remove(&known) && self.served.insert(call);
            }
            named += 1;
            greatest = greatest.max(known.caller);
        }
        if named < SERVED_MAX {
            return self.served.insert(call);
        }
        if greatest == call.caller {
            return false;
        }
        let loses =
            |known: &ServedCall| known.caller == greatest && known.operation == call.operation && !known.was_hit;
        self.served.retain(|known| !loses(known));
        self.served.insert(call)
    }

    /// Of too many callers that are served again, those with the smallest hashes stay as well.
    fn add_served_again(&mut self, call: ServedCall) -> bool {
        if !self.served.insert(call) {
            return false;
        }
        if self.served.len() > SERVED_AGAIN_MAX {
            let again = || self.served.iter().filter(|known| known.was_hit);
            if again().count() > SERVED_AGAIN_MAX
                && let Some(last) = again().max_by_key(|known| (known.caller, known.at)).copied()
            {
                self.served.remove(&last);
                return last != call;
            }
        }
        true
    }

    /// Counts an answered call without marking its caller.
    pub fn count_answered(&mut self, answered: &Answered) {
        let one = AnsweredCalls { answered: 1, served: u32::from(answered.served) };
        self.count_calls(Place::from(&answered.call), one);
        if answered.served && answered.call.traits.crowd {
            self.add_crowd(answered.call.caller, 1);
        }
    }

    fn count_calls(&mut self, mut place: Place, calls: AnsweredCalls) {
        if !self.calls.contains_key(&place) && place.application != 0 {
            let applications: BTreeSet<u16> =
                self.calls.keys().map(|known| known.application).filter(|known| *known != 0).collect();
            if applications.len() >= APPLICATIONS_MAX && !applications.contains(&place.application) {
                place.application = 0;
            }
        }
        let known = self.calls.entry(place).or_default();
        known.add(calls);
    }

    /// Counts failures that are not kept. The table may hold anything, and a count that is too large stays so.
    pub fn count_beyond(&mut self, of: (Cause, Origin), more: u32) {
        let count = self.beyond.entry(of).or_default();
        *count = count.saturating_add(more);
    }

    pub fn add_talk(&mut self, talker: Talker, calls: u32) {
        add_frequent(&mut self.talkers, TALKERS_MAX, talker, calls);
    }

    pub fn add_crowd(&mut self, caller: CallerHash, served: u32) {
        add_frequent(&mut self.crowds, CROWDS_MAX, caller, served);
    }

    /// The union of two views of one slot. Counts are added: they must be of different calls.
    pub fn merge(&mut self, other: &Self) {
        for mark in other.failures() {
            if self.add_failure(*mark) == Addition::NoRoom {
                self.count_beyond((mark.cause, mark.origin), 1);
            }
        }
        for (key, count) in &other.beyond {
            self.count_beyond(*key, *count);
        }
        for call in &other.served {
            self.add_served(*call);
        }
        for (place, calls) in &other.calls {
            self.count_calls(*place, *calls);
        }
        for (talker, count) in &other.talkers {
            self.add_talk(*talker, *count);
        }
        for (caller, served) in &other.crowds {
            self.add_crowd(*caller, *served);
        }
        self.merge_names(&other.names);
    }

    /// Adds names. Those of talkers that have no place here, or have lost it, make room.
    pub fn merge_names(&mut self, names: &Names) {
        let has_place = |who: &u64, _: &mut String| self.talkers.keys().any(|talker| talker.who == *who);
        let mut names = names.clone();
        names.talkers.retain(has_place);
        self.names.talkers.retain(has_place);
        self.names.merge(&names);
    }

    /// Whether more callers may have been served than this slot names.
    pub fn is_full_of_served(&self) -> bool {
        let mut callers: BTreeMap<Option<Operation>, usize> = BTreeMap::new();
        for call in self.served.iter().filter(|call| !call.was_hit) {
            *callers.entry(call.operation).or_default() += 1;
        }
        callers.into_values().any(|callers| callers >= SERVED_MAX)
    }
}

/// Counts one of those that make many calls. Where there is no room for another one, everybody's count goes down by the
/// newcomer's, at most to nothing (Misra and Gries, 1982): a caller with more than one call in `most` stays, whatever
/// the order, and its count is too low by at most that share of all calls.
fn add_frequent<K: Ord>(counts: &mut BTreeMap<K, u32>, most: usize, who: K, calls: u32) {
    if let Some(count) = counts.get_mut(&who) {
        *count = count.saturating_add(calls);
        return;
    }
    let least = counts.values().copied().min().unwrap_or(0);
    let less = if counts.len() < most { 0 } else { calls.min(least) };
    if less > 0 {
        counts.retain(|_, count| {
            *count -= less;
            *count > 0
        });
    }
    if calls > less {
        counts.insert(who, calls - less);
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

    /// Takes out one mark of an operation that has more than its reserve: of the callers with the most marks on it the
    /// one with the greatest hash, its mark with the greatest id.
    fn pop_last(&mut self) -> Option<Mark> {
        let mut of_operation: BTreeMap<Option<Operation>, usize> = BTreeMap::new();
        for mark in &self.0 {
            *of_operation.entry(mark.operation).or_default() += 1;
        }
        let (mut most, mut last, mut begin) = (0, None, 0);
        for of_caller in self.0.chunk_by(|one, next| one.caller == next.caller) {
            // A caller rarely has marks on more than two operations.
            for (operation, _) in of_operation.iter().filter(|(_, count)| **count > MARKS_RESERVED) {
                let own = || of_caller.iter().enumerate().filter(|(_, mark)| mark.operation == *operation);
                let count = own().count();
                let place = begin + own().next_back().map_or(0, |(place, _)| place);
                if count > 0 && (count > most || count == most && last.is_none_or(|last| place > last)) {
                    (most, last) = (count, Some(place));
                }
            }
            begin += of_caller.len();
        }
        last.map(|last| self.0.remove(last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use triage_model::caller::CallerHash;

    use super::*;
    use crate::evidence::mark::Quota;
    use crate::testing::one_case_in;

    fn mark(caller: u64, id: u32, second: i64) -> Mark {
        Mark {
            at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
            caller: CallerHash::from_bits(caller),
            operation: Some(Operation::CreateToken),
            cause: Cause::Service,
            origin: Origin::CloudTrail,
            kms: false,
            region_assumed: false,
            label: 1,
            traits: Traits::default(),
            id,
        }
    }

    #[test]
    fn counts_that_are_too_large_stay_so() {
        let call = ServedCall {
            at: Timestamp::from_second(1_800_000_000).unwrap(),
            caller: CallerHash::from_bits(1),
            operation: None,
            origin: Origin::Logs,
            traits: Traits { crowd: true, ..Traits::default() },
            pending: false,
            was_hit: false,
        };
        let most = AnsweredCalls { answered: u32::MAX, served: u32::MAX };
        let talker = Talker { who: 1, quota: Quota::ALL[0] };
        let mut slot = Slot { calls: [(Place::from(&call), most)].into(), ..Slot::default() };
        slot.talkers.insert(talker, u32::MAX);
        slot.crowds.insert(call.caller, u32::MAX);
        slot.count_beyond((Cause::Service, Origin::Logs), u32::MAX);
        let before = slot.clone();
        slot.count_answered(&Answered { call, served: true });
        slot.add_talk(talker, 1);
        slot.merge(&before);
        assert_eq!(slot, before);
        assert_eq!(slot.all_calls(), 2 * u64::from(u32::MAX));
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
        marks.extend((0..150).map(|caller| mark(1000 + caller, 1, 4)));
        let slot = slot_of_all(&marks);
        let callers: BTreeSet<CallerHash> = slot.failures().map(|mark| mark.caller).collect();
        assert_eq!((callers.len(), slot.failures().count()), (151, MARKS_MAX));
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
        let last = MARKS_MAX as u64 - 1;
        let mut slot = slot_of_all(&(0..=last).map(|caller| mark(caller, 1, 0)).collect::<Vec<_>>());
        assert_eq!(slot.add_failure(mark(last, 1, 0)), Addition::Known);
        assert_eq!(slot.add_failure(mark(last, 2, 0)), Addition::NoRoom);
        assert_eq!(slot.add_failure(mark(last + 1, 1, 0)), Addition::NoRoom, "another caller, of a greater hash");
        assert!(slot.has(&mark(last, 1, 0)) && !slot.has(&mark(last + 1, 1, 0)));
        assert!(slot.beyond.is_empty(), "the writer that adds it counts it");
    }

    #[test]
    fn a_mark_that_loses_its_place_is_beyond() {
        let mut slot = slot_of_all(&(1..=MARKS_MAX as u64).map(|caller| mark(caller, 1, 0)).collect::<Vec<_>>());
        assert_eq!(slot.add_failure(mark(0, 1, 0)), Addition::New);
        assert_eq!(slot.beyond, BTreeMap::from([((Cause::Service, Origin::CloudTrail), 1)]));
        assert!(!slot.has(&mark(MARKS_MAX as u64, 1, 0)));
    }

    #[test]
    fn a_storm_of_one_operation_starves_no_other_one() {
        let device = Some(Operation::StartDeviceAuthorization);
        let storm = (0..5000).map(|caller| mark(caller, 1, 0));
        let others = (0..100).map(|caller| Mark { operation: device, ..mark(10_000 + caller, 1, 0) });
        for marks in [storm.clone().chain(others.clone()).collect::<Vec<_>>(), others.chain(storm).collect()] {
            let slot = slot_of_all(&marks);
            let kept = slot.failures().filter(|mark| mark.operation == device).count();
            assert_eq!((kept, slot.failures().count()), (MARKS_RESERVED, MARKS_MAX));
        }
    }

    fn answered(caller: u64, second: i64) -> Answered {
        let call = ServedCall {
            at: Timestamp::from_second(second).unwrap(),
            caller: CallerHash::from_bits(caller),
            operation: None,
            origin: Origin::CloudTrail,
            traits: Traits::default(),
            pending: false,
            was_hit: false,
        };
        Answered { call, served: true }
    }

    fn on(operation: Operation, answered: Answered) -> Answered {
        Answered { call: ServedCall { operation: Some(operation), ..answered.call }, ..answered }
    }

    fn named(slot: &Slot) -> BTreeSet<u64> {
        slot.served.iter().map(|call| call.caller.to_bits()).collect()
    }

    #[test]
    fn the_served_callers_of_the_smallest_hashes_are_named_and_an_affected_one_always() {
        let mut slot = Slot::default();
        for caller in (0..100).rev() {
            slot.add_answered(&answered(caller, 1), false);
            slot.add_answered(&answered(caller, 2), false);
        }
        assert_eq!((slot.served.len(), named(&slot)), (SERVED_MAX, (0..SERVED_MAX as u64).collect()));
        assert!(slot.is_full_of_served());
        slot.add_answered(&answered(99, 3), true);
        assert_eq!(slot.served.len(), SERVED_MAX + 1);
        let place = Place::from(&answered(0, 1).call);
        assert_eq!(slot.calls[&place], AnsweredCalls { answered: 201, served: 201 });
    }

    #[test]
    fn each_operation_names_its_own_served_callers() {
        let mut slot = Slot::default();
        for caller in 0..100 {
            slot.add_answered(&on(Operation::CreateToken, answered(caller, 1)), false);
        }
        slot.add_answered(&on(Operation::RegisterClient, answered(1000, 2)), false);
        assert_eq!(slot.served.len(), SERVED_MAX + 1);
        assert!(named(&slot).contains(&1000));
    }

    #[test]
    fn of_many_applications_the_calls_are_counted_as_of_none() {
        let mut slot = Slot::default();
        for application in 1..=APPLICATIONS_MAX as u16 + 5 {
            let mut call = on(Operation::CreateTokenWithIam, answered(1, 1));
            call.call.traits.application = application;
            slot.add_answered(&call, false);
        }
        let others = Place { application: 0, ..Place::from(&on(Operation::CreateTokenWithIam, answered(1, 1)).call) };
        assert_eq!(slot.calls.len(), APPLICATIONS_MAX + 1);
        assert_eq!(slot.calls[&others].served, 5);
    }

    proptest! {
        #![proptest_config(one_case_in(4))]

        #[test]
        fn what_a_slot_keeps_does_not_depend_on_the_order_or_on_duplicates(
            drawn in prop::collection::vec((0_u64..60, 0_u32..60, 0_i64..120, 0..20_usize), 0..1500),
            seed in any::<u64>(),
        ) {
            // Most are of one operation, and some of none.
            let operation = |drawn: usize| Operation::ALL.into_iter().map(Some).chain([None]).nth(drawn);
            let marks: Vec<Mark> = drawn
                .iter()
                .map(|&(caller, id, second, of)| Mark {
                    operation: operation(of).unwrap_or(Some(Operation::CreateToken)),
                    ..mark(caller, id, second)
                })
                .collect();
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

        #[test]
        fn which_served_callers_a_slot_names_does_not_depend_on_the_order(
            drawn in prop::collection::vec((0_u64..200, 0_i64..120, 0..4_usize), 0..600),
            seed in any::<u64>(),
        ) {
            let calls: Vec<Answered> = drawn
                .iter()
                .map(|&(caller, second, of)| on(Operation::ALL[of], answered(caller, second)))
                .collect();
            let mut shuffled = calls.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let slot = |calls: &[Answered]| {
                let mut slot = Slot::default();
                calls.iter().for_each(|call| slot.add_answered(call, false));
                slot
            };
            let of = |slot: &Slot| {
                slot.served.iter().map(|call| (call.operation, call.caller)).collect::<BTreeSet<_>>()
            };
            prop_assert_eq!(of(&slot(&calls)), of(&slot(&shuffled)));
            let (left, right) = calls.split_at(calls.len() / 3);
            let mut both = slot(left);
            both.merge(&slot(right));
            prop_assert_eq!(of(&slot(&calls)), of(&both));
        }
    }
}
