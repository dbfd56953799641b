//! What is known of one region: who failed when and why, who was served, what AWS Health says.
//!
//! Into it go marks ([`mark`]); out of it come the facts that a diagnosis rests on. The order in which marks arrive, and
//! how often, changes nothing. It is kept in slots of two minutes ([`slot`]), of which a store holds one item each.

mod hour;
pub mod learned;
pub mod mark;
mod seen;
pub mod slot;
mod take;

pub use hour::{Evidence, HEALTH_COUNTS};
pub use seen::Seen;
