//! Decoding: from Lambda's bytes to observations.
//!
//! In: one payload and the [`Setting`](batch::Setting)s. Out: a [`Batch`](batch::Batch): observations in the order of
//! the input, counts of calls that are no observations, and a named problem for each unreadable part. The keys of an
//! event decide its kind, not configuration. Nothing here fails: the unknown is a value.

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
pub mod operator;
mod queue;
mod read;
mod sdk_error;
mod seal;
mod sniff;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trail_file;
pub mod trust;
pub mod values;

pub use batch::{Batch, BatchItem, InputKind, OperatorRequest, Setting, WantedObject};
pub use read::{decode, decode_while};
