//! The regions that AWS reports calls of.
//!
//! In: the regions of trusted records, and those that the store lists. Out: whether AWS reported a call there lately.
//! One sandbox remembers it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use triage_model::region::Region;
use triage_model::time::before;

use crate::store::REGION_KEPT;

/// The regions that AWS reported calls of, as far as this sandbox knows, and when it last did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported(BTreeMap<Region, Timestamp>);

impl Reported {
    pub fn hear_of(&mut self, regions: impl IntoIterator<Item = Region>, now: Timestamp) {
        self.0.extend(regions.into_iter().map(|region| (region, now)));
    }

    /// Whether AWS reported a call there within a week.
    pub fn knows(&self, region: &Region, now: Timestamp) -> bool {
        self.0.get(region).is_some_and(|at| *at >= before(now, REGION_KEPT))
    }
}
