//! What a sandbox knows of one region: what it read, and what it has not written yet.
//!
//! In: items as they were read, and new evidence. Out: the [`View`], the slots that must be read again, and those that
//! are to be written now. Pure: the store reads and writes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::evidence::Evidence;
use triage_decide::evidence::slot::{SLOT_SECONDS, Slot, TALKERS_MAX, slot_of};
use triage_decide::view::{StoreError, View};
use triage_model::time::{AHEAD_MAX, before, is_within};

/// A slot that was read when it was older than this is not read again: hardly any record comes so late, and this
/// sandbox looks again after it writes one itself.
const SETTLED_AFTER: i64 = 600;

/// How long an incident counts as open by what was read of it.
const OPEN_FOR: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Known {
    /// As they were read or written last.
    slots: BTreeMap<i64, Slot>,
    /// When, also of those that are not there.
    read_at: BTreeMap<i64, Timestamp>,
    /// What is not written yet.
    pending: BTreeMap<i64, Slot>,
    /// Everything but the slots, as it was read last. Its error is a ledger that cannot be read.
    pub rest: View,
    /// When all of it was read last.
    view_at: Option<Timestamp>,
    /// Whether this sandbox has written since, and whether that was so late that everybody's late marks are worth a look.
    written: bool,
    written_late: bool,
    /// The latest failed read, and its time: within one invocation it is not repeated.
    pub failed: Option<(Timestamp, StoreError)>,
}

impl Known {
    /// The evidence, including what is not written yet. Under a key of the sandbox's own nothing else counts: a caller
    /// would be two.
    pub fn evidence(&self, own_key: bool) -> Evidence {
        let slots = if own_key { BTreeMap::new() } else { self.slots.clone() };
        let mut evidence = Evidence { slots, health: self.rest.evidence.health.clone() };
        for (begin, slot) in &self.pending {
            evidence.slots.entry(*begin).or_default().merge(slot);
        }
        evidence
    }

    pub fn view(&self, own_key: bool, trouble: Option<StoreError>) -> View {
        let mut view = self.rest.clone();
        view.evidence = self.evidence(own_key);
        if own_key {
            view.ledger = view.ledger.unnamed();
        }
        let without_key = || own_key.then(|| StoreError::Unavailable("the key of the callers was not had".to_owned()));
        view.trouble = trouble.or(view.trouble).or_else(without_key);
        view
    }

    /// Drops slots that begin before `oldest`.
    pub fn forget(&mut self, oldest: i64) {
        self.slots = self.slots.split_off(&oldest);
        self.read_at = self.read_at.split_off(&oldest);
        self.pending = self.pending.split_off(&oldest);
    }

    pub fn forget_pending(&mut self) {
        self.pending.clear();
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Keeps what was added until it is written, and returns what must be at once: slots with failures that nobody has
    /// recorded, unless an incident is open, with all that is pending for them.
    pub fn gather(&mut self, added: BTreeMap<i64, Slot>, now: Timestamp) -> BTreeMap<i64, Slot> {
        let is_open = self.rest.ledger.open().is_some() && self.view_at.is_some_and(|at| is_within(at, now, OPEN_FOR));
        let mut due = BTreeMap::new();
        for (begin, slot) in added {
            let has_failures = slot.failures().next().is_some();
            self.pend(begin, &slot);
            if has_failures && !is_open {
                due.extend(self.pending.remove_entry(&begin));
            }
        }
        due
    }

    pub fn take_pending(&mut self) -> BTreeMap<i64, Slot> {
        std::mem::take(&mut self.pending)
    }

    /// What could not be written, or not yet.
    pub fn pend(&mut self, begin: i64, slot: &Slot) {
        self.pending.entry(begin).or_default().merge(slot);
    }

    /// The part of a slot that is worth writing: the names and talkers that the item would keep.
    pub fn worth_writing(&self, begin: i64, mut slot: Slot) -> Slot {
        let Some(known) = self.slots.get(&begin) else { return slot };
        slot.names = slot.names.new_to(&known.names);
        if known.talkers.len() >= TALKERS_MAX {
            let least = known.talkers.values().copied().min().unwrap_or(0);
            slot.talkers.retain(|talker, calls| known.talkers.contains_key(talker) || *calls > least);
        }
        slot
    }

    /// `slot` was written to what had been `old`.
    pub fn written(&mut self, begin: i64, mut old: Slot, slot: &Slot, now: Timestamp) {
        old.merge(slot);
        self.slots.insert(begin, old);
        self.read_at.insert(begin, now);
        self.written = true;
        self.written_late |= is_settled(begin, now);
    }

    /// `slot` was written, and what had been there is not known.
    pub fn written_unseen(&mut self, begin: i64, slot: &Slot, now: Timestamp) {
        let old = self.slots.remove(&begin).unwrap_or_default();
        self.written(begin, old, slot, now);
        self.read_at.remove(&begin);
    }

    /// The next view must read again.
    pub fn look_again(&mut self) {
        self.written = true;
    }

    /// The slots to read for a view at `now`; None if the last read is enough.
    pub fn to_read(&self, now: Timestamp, fresh: bool, kept: Duration, gather: Duration) -> Option<Vec<i64>> {
        let is_recent = self.view_at.is_some_and(|at| is_within(at, now, gather));
        if is_recent && !self.written && !fresh {
            return None;
        }
        let oldest = slot_of(before(now, kept));
        // Another sandbox's clock may be ahead of ours.
        let newest = slot_of(now.checked_add(AHEAD_MAX).unwrap_or(now));
        let all = fresh || self.written_late;
        let must_be_read =
            |begin: &i64| all || !self.read_at.get(begin).is_some_and(|read_at| is_settled(*begin, *read_at));
        Some((oldest..=newest).step_by(SLOT_SECONDS as usize).filter(must_be_read).collect())
    }

    /// Adds what was read at `now`: those slots, None where there is no item, and the rest.
    pub fn read(&mut self, slots: impl IntoIterator<Item = (i64, Option<Slot>)>, rest: View, now: Timestamp) {
        for (begin, slot) in slots {
            match slot {
                Some(slot) => self.slots.insert(begin, slot),
                None => self.slots.remove(&begin),
            };
            self.read_at.insert(begin, now);
        }
        self.rest = rest;
        self.view_at = Some(now);
        self.written = false;
        self.written_late = false;
        self.failed = None;
    }
}

/// Whether the slot was over for so long at `now` that it is not read again.
fn is_settled(begin: i64, now: Timestamp) -> bool {
    now.as_second() >= begin.saturating_add(SLOT_SECONDS + SETTLED_AFTER)
}

#[cfg(test)]
mod tests {
    use triage_decide::evidence::Seen;
    use triage_decide::evidence::mark::{Answered, Mark, ServedCall, Traits};
    use triage_model::caller::CallerHash;
    use triage_model::classify::Cause;
    use triage_model::observation::Origin;

    use super::*;

    const BEGIN: i64 = 1_800_000_000;
    const HOUR: Duration = Duration::from_secs(3600);
    const GATHER: Duration = Duration::from_secs(10);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(BEGIN + second).unwrap()
    }

    fn failed(id: u32, second: i64) -> Seen {
        let mark = Mark {
            at: at(second),
            caller: CallerHash::from_bits(u64::from(id)),
            operation: None,
            cause: Cause::Service,
            origin: Origin::Logs,
            kms: false,
            region_assumed: false,
            label: 0,
            traits: Traits::default(),
            id,
        };
        Seen { failures: vec![mark], ..Seen::default() }
    }

    fn served(second: i64) -> Seen {
        let call = ServedCall {
            at: at(second),
            caller: CallerHash::from_bits(1),
            operation: None,
            origin: Origin::CloudTrail,
            traits: Traits::default(),
            pending: false,
            was_hit: false,
        };
        Seen { answered: vec![Answered { call, served: true }], ..Seen::default() }
    }

    fn gather(known: &mut Known, seen: &Seen, now: i64) -> Vec<i64> {
        let added = known.evidence(false).take_in(seen, &[true]);
        known.gather(added, at(now)).into_keys().map(|begin| begin - BEGIN).collect()
    }

    fn slots_to_read(known: &Known, now: i64, fresh: bool) -> Option<usize> {
        known.to_read(at(now), fresh, HOUR, GATHER).map(|begins| begins.len())
    }

    fn read_all(known: &mut Known, now: i64) {
        let begins = known.to_read(at(now), true, HOUR, GATHER).unwrap();
        known.read(begins.into_iter().map(|begin| (begin, None)), View::default(), at(now));
    }

    #[test]
    fn a_failure_is_due_at_once_with_what_is_pending_for_its_slot() {
        let mut known = Known::default();
        assert!(gather(&mut known, &served(5), 6).is_empty());
        assert!(gather(&mut known, &served(125), 126).is_empty());
        assert_eq!(gather(&mut known, &failed(1, 7), 126), [0]);
        assert_eq!(known.take_pending().into_keys().collect::<Vec<_>>(), [BEGIN + 120]);
    }

    #[test]
    fn a_failure_that_is_known_is_not_written_again() {
        let mut known = Known::default();
        let slot = known.evidence(false).take_in(&failed(1, 7), &[true]).remove(&BEGIN).unwrap();
        known.written(BEGIN, Slot::default(), &slot, at(8));
        assert!(gather(&mut known, &failed(1, 7), 9).is_empty());
        assert!(!known.has_pending());
        assert_eq!(gather(&mut known, &failed(2, 7), 9), [0]);
    }

    #[test]
    fn everything_is_read_at_first_and_then_only_what_is_young() {
        let mut known = Known::default();
        assert_eq!(slots_to_read(&known, 3600, false), Some(31));
        read_all(&mut known, 3600);
        assert_eq!(slots_to_read(&known, 3609, false), None);
        // Those that ended less than ten minutes ago, the current one, and none yet of the next.
        assert_eq!(slots_to_read(&known, 3610, false), Some(6));
        assert_eq!(slots_to_read(&known, 3609, true), Some(31));
    }

    #[test]
    fn a_slot_that_was_read_young_is_read_once_more_when_it_is_old() {
        let mut known = Known::default();
        read_all(&mut known, 110);
        assert!(known.to_read(at(2000), false, HOUR, GATHER).unwrap().contains(&BEGIN));
        read_all(&mut known, 2000);
        assert!(!known.to_read(at(2020), false, HOUR, GATHER).unwrap().contains(&BEGIN));
    }

    #[test]
    fn after_a_write_it_is_read_again_and_after_a_late_one_all_of_it() {
        let mut known = Known::default();
        read_all(&mut known, 3600);
        known.written(BEGIN + 3600, Slot::default(), &Slot::default(), at(3601));
        assert_eq!(slots_to_read(&known, 3602, false), Some(6));
        known.written(BEGIN + 120, Slot::default(), &Slot::default(), at(3603));
        assert_eq!(slots_to_read(&known, 3604, false), Some(31));
    }

    #[test]
    fn what_is_pending_is_seen_once_though_it_is_read_meanwhile() {
        let mut known = Known::default();
        gather(&mut known, &served(5), 6);
        for second in [6, 60] {
            read_all(&mut known, second);
            let evidence = known.evidence(false);
            let calls: u32 = evidence.slots[&BEGIN].calls.values().map(|calls| calls.answered).sum();
            assert_eq!(calls, 1);
        }
    }
}
