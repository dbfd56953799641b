//! The regions of one replicated Identity Center.

use crate::region::Region;

/// A region in which the same people sign in to the same accounts, by an access portal of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    pub region: Region,
    /// A link that an operator set ([`crate::link`]).
    pub portal: String,
}
