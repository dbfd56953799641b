//! The review as one page that can be forwarded: the answer, a card with a chart for each incident, the whole time.
//!
//! In: a [`Review`](crate::replay::review::Review). Out: HTML that needs nothing beside itself: no network and no font. Its
//! script reads out the charts and sorts the table; without it everything is there to be read. Names of callers, codes and
//! tools in it are whatever somebody sent, so all text goes through one `escape` ([`triage_notify::markup`]), and the page forbids itself
//! everything but its own style and script. It is bounded, however many incidents there are.

mod answer;
mod chart;
mod incidents;
mod page;
mod parts;
mod scale;
mod shown;
mod story;
mod summary;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
pub mod words;

pub use answer::sentence as in_a_sentence;
pub use page::{page, title};
