//! Recording what was seen of each region, and finding duplicates.
//!
//! In: the failures of a batch. Out: their marks in the store; `duplicate` on those that are not new; and the regions
//! to evaluate.

use std::collections::BTreeMap;

use triage_decide::evidence::mark::Answered;
use triage_model::classify::Cause;
use triage_model::observation::Failure;
use triage_model::region::Region;

use super::case::{Case, Work};
use super::classified::{Age, ClassifiedFailure, see_talker, whole_second};
use super::parts::Pipeline;
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::Store;

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    pub(super) async fn record(&self, classified: &mut [ClassifiedFailure], work: &mut Work, case: &mut Case) {
        // Of each region's failures that are evidence, which they are.
        let mut of_region: BTreeMap<Region, Vec<usize>> = BTreeMap::new();
        for (index, one) in classified.iter().enumerate() {
            let Some(region) = &one.failure.region else { continue };
            match one.age {
                Age::Foreign | Age::Idle => {}
                Age::Late => {
                    self.late.see(region, one.mark(), one.names(self.settings.caller_names), case.schedule.now);
                    work.evaluate.insert(region.clone());
                }
                Age::Live => {
                    self.see(one, region, work);
                    if one.is_evidence() {
                        of_region.entry(region.clone()).or_default().push(index);
                        // A duplicate drives the decision all the same: the sandbox that recorded it may have died
                        // since.
                        work.evaluate.insert(region.clone());
                    }
                }
            }
        }
        for (region, seen) in std::mem::take(&mut work.seen) {
            let indexes = of_region.remove(&region).unwrap_or_default();
            let first: Vec<bool> = indexes.iter().map(|&index| !classified[index].duplicate).collect();
            let recorded = self.store.record(&region, &seen, &first, case.schedule.to_decide()).await;
            case.note_store_error(recorded.trouble);
            for (index, new) in indexes.into_iter().zip(recorded.new) {
                classified[index].duplicate |= !new;
            }
        }
    }

    /// What a failure is as evidence: a mark, and for an expected answer or a refusal also an answered call.
    fn see(&self, one: &ClassifiedFailure, region: &Region, work: &mut Work) {
        let seen = work.seen.entry(region.clone()).or_default();
        if one.is_evidence() {
            seen.failures.push(one.mark());
            seen.names.extend(one.names(self.settings.caller_names));
        }
        if one.duplicate {
            return;
        }
        if one.proves_service() || one.class.cause == Cause::Request {
            let call = one.served(one.failure.occurred_at);
            seen.answered.push(Answered { call, served: one.proves_service() });
        }
        let Failure { operation, user_agent, address, occurred_at, .. } = &*one.failure;
        see_talker(seen, *operation, user_agent.as_deref(), address.as_deref(), whole_second(*occurred_at));
    }
}
