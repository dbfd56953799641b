//! Adding what an invocation saw.
//!
//! In: the evidence so far and what was [`Seen`]. Out: the evidence with it, and by slot what is new, which is all that
//! a store needs to write. Both implementations of the store use this, so that they keep the same.

use std::collections::{BTreeMap, HashSet};

use triage_model::caller::CallerHash;

use crate::evidence::hour::Evidence;
use crate::evidence::mark::ServedCall;
use crate::evidence::seen::Seen;
use crate::evidence::slot::{Addition, Slot, slot_of};

impl Evidence {
    /// Of each failure whether it is new: `first` here, and not in the evidence, through whatever origin.
    pub fn new_of(&self, seen: &Seen, first: &[bool]) -> Vec<bool> {
        seen.failures.iter().zip(first).map(|(mark, first)| *first && !self.knows(mark)).collect()
    }

    /// Adds what was seen, and returns what that changes. `new` says of each failure whether it is seen for the first
    /// time: where there is no room for a mark, one that comes again is not counted.
    pub fn take_in(&mut self, seen: &Seen, new: &[bool]) -> BTreeMap<i64, Slot> {
        let mut added: BTreeMap<i64, Slot> = BTreeMap::new();
        for (mark, new) in seen.failures.iter().zip(new) {
            let begin = slot_of(mark.at);
            match self.add_failure(*mark) {
                Addition::New => {
                    let slot = added.entry(begin).or_default();
                    slot.add_failure(*mark);
                    slot.merge_names(&seen.names_of(mark));
                }
                Addition::NoRoom if *new => {
                    for slot in [self.slot_mut(mark.at), added.entry(begin).or_default()] {
                        slot.count_beyond((mark.cause, mark.origin), 1);
                    }
                }
                Addition::NoRoom | Addition::Known => {}
            }
        }
        self.take_in_answered(seen, &mut added);
        for (at, talker) in &seen.talks {
            self.slot_mut(*at).add_talk(*talker, 1);
            let slot = added.entry(slot_of(*at)).or_default();
            slot.add_talk(*talker, 1);
            slot.merge_names(&seen.name_of(talker));
        }
        for (begin, slot) in &added {
            self.slots.entry(*begin).or_default().merge_names(&slot.names);
        }
        added
    }

    fn take_in_answered(&mut self, seen: &Seen, added: &mut BTreeMap<i64, Slot>) {
        if seen.answered.is_empty() {
            return;
        }
        // Most callers never failed: only the others are worth a look at every slot.
        let failed: HashSet<CallerHash> =
            self.slots.values().flat_map(Slot::failures).map(|mark| mark.caller).collect();
        for answered in &seen.answered {
            let caller = answered.call.caller;
            let was_hit = failed.contains(&caller) && self.is_hit(&answered.call);
            let call = ServedCall { was_hit, ..answered.call };
            let slot = self.slot_mut(call.at);
            slot.count_answered(answered);
            let is_marked = answered.served && slot.add_served(call);
            let slot = added.entry(slot_of(call.at)).or_default();
            slot.count_answered(answered);
            if is_marked {
                slot.add_served(call);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use triage_model::classify::Cause;
    use triage_model::observation::{Operation, Origin};

    use super::*;
    use crate::evidence::mark::{Answered, Mark, Quota, ServedCall, Talker, Traits};
    use crate::evidence::slot::{MARKS_MAX, TALKERS_MAX};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn mark(caller: u64, id: u32, second: i64) -> Mark {
        Mark {
            at: at(second),
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

    fn seen(marks: &[Mark]) -> Seen {
        Seen { failures: marks.to_vec(), ..Seen::default() }
    }

    proptest! {
        #[test]
        fn what_is_added_makes_up_the_evidence(
            callers in prop::collection::vec((0..60_u64, any::<u32>(), 0..240_i64), 1..600),
            parts in 1..5_usize,
        ) {
            let marks: Vec<Mark> = callers.into_iter().map(|(caller, id, second)| mark(caller, id, second)).collect();
            let (mut evidence, mut put_together) = (Evidence::default(), Evidence::default());
            for part in marks.chunks(marks.len().div_ceil(parts)) {
                for (begin, slot) in evidence.take_in(&seen(part), &vec![true; part.len()]) {
                    put_together.slots.entry(begin).or_default().merge(&slot);
                }
            }
            prop_assert_eq!(put_together.failures(), evidence.failures());
            let beyond = |evidence: &Evidence| evidence.slots.values().flat_map(|slot| slot.beyond.values()).sum::<u32>();
            prop_assert_eq!(beyond(&put_together), beyond(&evidence));
        }
    }

    #[test]
    fn what_is_known_adds_nothing_and_what_has_no_room_counts_once() {
        let mut evidence = Evidence::default();
        let crowd: Vec<Mark> = (0..MARKS_MAX as u32 + 44).map(|id| mark(1, id, 5)).collect();
        evidence.take_in(&seen(&crowd), &vec![true; crowd.len()]);
        let beyond = |evidence: &Evidence| evidence.slots.values().next().unwrap().beyond.values().sum::<u32>();
        assert_eq!((evidence.failures().len(), beyond(&evidence)), (MARKS_MAX, 44));
        assert!(evidence.take_in(&seen(&crowd), &vec![false; crowd.len()]).is_empty());
        assert_eq!((evidence.failures().len(), beyond(&evidence)), (MARKS_MAX, 44));
    }

    #[test]
    fn a_served_caller_is_named_where_it_had_failed_in_the_same_batch() {
        let call = |caller, second| Answered {
            call: ServedCall {
                at: at(second),
                caller: CallerHash::from_bits(caller),
                operation: Some(Operation::CreateToken),
                origin: Origin::CloudTrail,
                traits: Traits::default(),
                pending: false,
                was_hit: false,
            },
            served: true,
        };
        let mut batch = seen(&[mark(900, 1, 5)]);
        batch.answered = (0..100).map(|caller| call(caller, 6)).chain([call(900, 7), call(901, 8)]).collect();
        let added = Evidence::default().take_in(&batch, &[true]);
        let slot = added.values().next().unwrap();
        let is_named = |caller| slot.served.iter().any(|served| served.caller == CallerHash::from_bits(caller));
        assert!(is_named(900) && !is_named(901));
        assert_eq!(slot.calls.values().map(|calls| calls.served).sum::<u32>(), 102);
    }

    #[test]
    fn who_makes_many_calls_stays_among_those_who_make_one_and_is_called_by_name() {
        let talker = |who| Talker { who, quota: Quota::Device };
        let mut evidence = Evidence::default();
        for n in 0..300 {
            for who in [1000 + n, 7] {
                let mut one = Seen { talks: vec![(at(3), talker(who))], ..Seen::default() };
                one.names.talkers.insert(who, format!("tool {who}"));
                evidence.take_in(&one, &[]);
            }
        }
        let slot = evidence.slots.values().next().unwrap();
        assert!(slot.talkers.len() <= TALKERS_MAX && slot.names.talkers.len() <= TALKERS_MAX);
        assert!(slot.talkers[&talker(7)] >= 300 - 600 / TALKERS_MAX as u32, "{:?}", slot.talkers);
        assert_eq!(slot.names.talkers[&7], "tool 7");
    }

    #[test]
    fn names_go_into_the_slots_of_their_marks() {
        let mut batch = seen(&[mark(1, 1, 5), mark(2, 2, 125)]);
        batch.names.callers = [(1, "a".to_owned()), (2, "b".to_owned()), (3, "c".to_owned())].into();
        let added = Evidence::default().take_in(&batch, &[true, true]);
        let names: Vec<Vec<&str>> =
            added.values().map(|slot| slot.names.callers.values().map(String::as_str).collect()).collect();
        assert_eq!(names, [["a"], ["b"]]);
    }
}
