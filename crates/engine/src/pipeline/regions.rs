//! Which regions may have incidents.
//!
//! In: what a batch reports. Out: its untrusted regions: no operator has set them, and AWS reported no call there
//! within a week, in a trusted record of CloudTrail. A failure in such a region is answered, and retried if its caller
//! asks; nothing is recorded, probed or sent. Otherwise any log line could have 46 regions ticked.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use triage_model::observation::{Observation, Origin};
use triage_model::partition::Partition;
use triage_model::region::Region;

use super::case::Case;
use super::parts::Pipeline;
use crate::directory::Directory;
use crate::publish::Publish;
use crate::service::Service;
use crate::store::Store;

impl<S: Store, O: Service, P: Publish, D: Directory> Pipeline<S, O, P, D> {
    /// Adds the regions that AWS reports, and returns those that are only named otherwise and untrusted. The store
    /// knows what other sandboxes saw; where it cannot be reached, this sandbox's own knowledge has to do.
    pub(super) async fn doubted_regions(&self, observations: &[Observation], case: &mut Case) -> BTreeSet<Region> {
        // In a replay without a setting the history itself says where Identity Center is.
        if self.service.is_none() && !self.settings.region_is_named {
            return BTreeSet::new();
        }
        let now = case.schedule.now;
        let (reported, named) = regions_of(observations);
        let mut unknown = {
            let mut known = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            known.hear_of(reported.into_iter().filter(|region| self.is_of_own_partition(region)).cloned(), now);
            let is_unknown = |region: &&Region| !self.is_set(region) && !known.knows(region, now);
            named.into_iter().filter(is_unknown).cloned().collect::<BTreeSet<Region>>()
        };
        if !unknown.is_empty() {
            match self.store.regions(case.schedule.to_decide()).await {
                Ok(listed) => {
                    unknown.retain(|region| !listed.contains(region));
                    self.reported.lock().unwrap_or_else(PoisonError::into_inner).hear_of(listed, now);
                }
                Err(error) => case.note_store_error(Some(error)),
            }
        }
        unknown
    }

    fn is_set(&self, region: &Region) -> bool {
        self.settings.region == *region || self.settings.regions.contains(region)
    }

    /// A history may be of another partition than the machine that replays it.
    fn is_of_own_partition(&self, region: &Region) -> bool {
        self.service.is_none() || Partition::of(region.as_str()) == Partition::of(self.settings.own_region.as_str())
    }
}

/// The regions that AWS reports, and those that anything names.
fn regions_of(observations: &[Observation]) -> (BTreeSet<&Region>, BTreeSet<&Region>) {
    let (mut reported, mut named) = (BTreeSet::new(), BTreeSet::new());
    for observation in observations {
        let (origin, answer_only, region) = match observation {
            Observation::Failure(failure) => (failure.origin, failure.answer_only, &failure.region),
            Observation::Success(success) => (success.origin, success.answer_only, &success.region),
            Observation::HealthIssue(_) | Observation::Tick(_) => continue,
        };
        if answer_only {
            continue;
        }
        named.extend(region);
        if origin == Origin::CloudTrail {
            reported.extend(region);
        }
    }
    (reported, named)
}

/// What is answered for a failure there, with the setting that would change it.
pub(super) fn doubt(region: &Region) -> String {
    format!("{region}: OIDC_TRIAGE_REGIONS does not name it, and AWS has reported no call there for a week")
}

#[cfg(test)]
mod tests;
