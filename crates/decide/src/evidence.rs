//! What is known of one region: failures with time and reason, served calls, AWS Health.
//!
//! Marks ([`mark`]) go in; the facts of a diagnosis come out. The order in which marks arrive, and how often, changes
//! nothing. It is kept in slots of two minutes ([`slot`]), of which a store holds one item each.

mod hour;
pub mod learned;
pub mod mark;
mod seen;
pub mod slot;
pub mod sums;
mod take;

pub use hour::{Evidence, HEALTH_COUNTS};
pub use seen::Seen;
