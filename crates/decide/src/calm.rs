//! Whether there is anything to decide.
//!
//! In: a [`View`] and the [`Policy`]. Out: whether a verdict on it would change nothing ([`is_still`]), and whether it
//! would be the same under any policy of outages ([`is_calm`]). Both say yes only where that is certain. A history is
//! mostly quiet, and a replay need not evaluate each of its minutes.

use std::collections::BTreeSet;

use triage_model::classify::Cause;

use crate::evidence::mark::Talker;
use crate::evidence::slot::SLOT_SECONDS;
use crate::policy::Policy;
use crate::view::View;

/// Nothing is open, left out or silenced, and no failure is known except mistakes of callers, fewer than `suspected` needs: until
/// another one comes, no turn follows, at any time.
pub fn is_still(view: &View, policy: &Policy) -> bool {
    let ledger = &view.ledger;
    let is_settled = ledger.open_incidents().next().is_none()
        && ledger.apart.is_empty()
        && ledger.left_out.is_empty()
        && ledger.silences.is_empty()
        && ledger.settled_until == ledger.settled_until();
    let is_loud = |(talker, calls): (&Talker, &u32)| {
        f64::from(*calls) >= f64::from(talker.quota.per_second()) * SLOT_SECONDS as f64 * policy.quota_share
    };
    let mut slots = view.evidence.slots.values();
    is_settled
        && view.evidence.health.is_empty()
        && view.probe.latest.is_none()
        && slots.all(|slot| {
            let are_mistakes = slot.failures().all(|mark| mark.cause == Cause::Request);
            are_mistakes && slot.beyond.is_empty() && !slot.talkers.iter().any(is_loud)
        })
        && refused(view) < policy.suspected_callers
}

/// Nothing is open, and no failure is the service's or the administrator's, nor of enough callers for `suspected`: so
/// `outage_callers` and `false_pages_per_year` make no difference to a turn. `more`: refusals that are about to be
/// recorded.
pub fn is_calm(view: &View, policy: &Policy, more: usize) -> bool {
    let is_harmless = |cause: Cause| match cause {
        Cause::Request | Cause::Throttled | Cause::Expected => true,
        Cause::Admin | Cause::Service | Cause::Unreachable | Cause::Unrecognised => false,
    };
    let mut slots = view.evidence.slots.values();
    view.ledger.open_incidents().next().is_none()
        && view.evidence.health.is_empty()
        && view.probe.latest.is_none()
        && slots.all(|slot| slot.beyond.is_empty() && slot.failures().all(|mark| is_harmless(mark.cause)))
        && refused(view) + more < policy.suspected_callers
}

/// Callers that were refused for a mistake.
fn refused(view: &View) -> usize {
    let marks = view.evidence.slots.values().flat_map(|slot| slot.failures_of(Cause::Request));
    marks.map(|mark| mark.caller).collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::evidence::mark::Mark;
    use crate::testing::marks::failure;

    fn with(marks: impl IntoIterator<Item = Mark>) -> View {
        let mut view = View::default();
        for mark in marks {
            view.evidence.add_failure(mark);
        }
        view
    }

    #[test]
    fn it_is_still_where_only_a_few_callers_made_a_mistake() {
        let policy = Policy::default();
        assert!(is_still(&View::default(), &policy) && is_calm(&View::default(), &policy, 0));
        for cause in Cause::ALL {
            let view = with([Mark { cause, ..failure(0, 1) }]);
            assert_eq!(is_still(&view, &policy), cause == Cause::Request, "{cause:?}");
        }
        let mut view = View::default();
        view.ledger.left_out.insert(1, Timestamp::UNIX_EPOCH);
        assert!(!is_still(&view, &policy) && is_calm(&view, &policy, 0));
    }

    #[test]
    fn a_few_mistakes_of_callers_leave_it_calm_and_nothing_else_does() {
        let policy = Policy::default();
        for (cause, calm) in [
            (Cause::Request, true),
            (Cause::Throttled, true),
            (Cause::Admin, false),
            (Cause::Service, false),
            (Cause::Unreachable, false),
            (Cause::Unrecognised, false),
        ] {
            assert_eq!(is_calm(&with([Mark { cause, ..failure(0, 1) }]), &policy, 1), calm, "{cause:?}");
        }
        let refused = |callers: u64| with((0..callers).map(|by| Mark { cause: Cause::Request, ..failure(0, by) }));
        let enough = policy.suspected_callers as u64;
        assert!(is_calm(&refused(enough - 1), &policy, 0) && !is_calm(&refused(enough - 1), &policy, 1));
        assert!(!is_calm(&refused(enough), &policy, 0) && !is_still(&refused(enough), &policy));
    }
}
