//! What a person asks about one code or one event, on the command line.
//!
//! In: a code with what is known beside it ([`code::Question`]), or the text of one event. Out: values that are printed
//! as text or as one JSON object ([`code::Answer`], [`event::Walk`]). Nothing is decided here: the table classifies, and
//! the pipeline evaluates. Messages, user agents and inputs of calls are never shown, because they may hold anything.

pub mod code;
pub mod command;
pub mod event;
pub mod input;
mod look_alike;
mod near;
mod paste;
mod row;
mod stage;
mod text;
