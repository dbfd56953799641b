//! The review as one page: a time chart, a table of incidents, and what each of them rests on.
//!
//! In: a [`Review`](crate::replay::review::Review). Out: HTML that needs nothing beside itself: no network, no font, no
//! script to be read. Names of callers, codes and tools in it are whatever somebody sent, so all text goes through one
//! `escape` ([`markup`]), and the page forbids itself everything but its own style and script. It is bounded, however many
//! incidents there are.

mod chart;
mod incidents;
mod markup;
mod page;
mod parts;
mod scale;
mod shown;
mod story;
mod summary;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod words;

pub use page::page;
