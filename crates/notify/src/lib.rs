//! What people and programs are told of an incident, and what waits to be told.
//!
//! Data first: a [`notice::Notice`] and the [`letter::Letter`]s that carry it. [`compose`] makes notices of what happened, with
//! the texts of [`advice`]; [`merge`] makes one of several, [`people`] puts names in place of user ids; [`mail`], [`sms`], [`chat`], [`machine`] and [`pager`] are what each
//! reader gets, and [`envelope`] puts them into one publish; [`outbox`] says what goes out next. Pure: nothing is sent here.

pub mod letter;
pub mod notice;

pub mod advice;
pub mod compose;
pub mod merge;
pub mod people;
pub mod words;

pub mod chat;
pub mod envelope;
pub mod machine;
pub mod mail;
pub mod pager;
pub mod place;
pub mod sms;

pub mod outbox;

#[cfg(test)]
mod snapshots;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
