//! What is known of one of the regions, as data.

use triage_model::region::Region;

use crate::incident::Recoveries;
use crate::verdict::Evaluation;
use crate::view::View;

/// One of the regions.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    pub region: &'a Region,
    pub view: &'a View,
    pub evaluation: &'a Evaluation,
    pub recoveries: &'a Recoveries,
}
