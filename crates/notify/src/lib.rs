//! The notices of an incident, for each reader, and the outbox in which they wait.
//!
//! Data first: a [`notice::Notice`] and the [`letter::Letter`]s that carry it. [`compose`] makes notices of what happened, with
//! the lines of [`headline`] and the steps of [`advice`] (those of a KMS key in [`key`]); [`merge`] makes one of several; [`replicas`] says
//! where sign-in works instead; [`people`] puts names in place of user ids; [`mail`], [`sms`], [`chat`], [`machine`] and [`pager`] are what each
//! reader gets, and [`envelope`] puts them into one publish; [`outbox`] says what goes out next.
//! [`silence`] says what an operator silenced and missed, [`command`] how to. [`test_notice`] makes notices of an incident that never was. Pure: nothing is sent here.

pub mod letter;
pub mod notice;

pub mod advice;
pub mod compose;
pub mod headline;
pub mod key;
pub mod markup;
pub mod merge;
pub mod people;
pub mod replicas;
pub mod silence;
pub mod step;
pub mod words;

pub mod chat;
pub mod command;
pub mod envelope;
pub mod machine;
pub mod mail;
pub mod pager;
pub mod place;
pub mod sms;
pub mod status;

pub mod outbox;

mod example;
pub mod test_notice;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
