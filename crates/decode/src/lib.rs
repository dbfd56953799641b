//! From the bytes Lambda hands us to observations.
//!
//! In: one payload and what is known beforehand ([`Setting`](batch::Setting)). Out: a [`Batch`](batch::Batch): observations in the order of the
//! input, what was counted without becoming one, and a named problem for each thing that could not be read. The kind of
//! event is found by looking at its keys, not by configuration. Nothing here fails: the unknown is a value.

pub mod batch;
mod believe;
mod call;
pub mod cloudtrail;
mod envelope;
mod eventbridge;
mod health;
pub mod inflate;
mod json;
mod log_text;
mod logs;
mod lookup;
mod ocsf;
mod queue;
mod read;
mod sdk_error;
mod seal;
mod sniff;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trust;
pub mod values;

pub use batch::{Batch, InputKind, Setting, SqsMessage};
pub use read::{decode, decode_while};
