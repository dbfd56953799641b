//! Replay: a whole history through the same stages as the function, with the clock of the events ([`clock_by`]) and no
//! network.
//!
//! In: paths ([`files`]), read and decoded by many threads ([`ahead`], [`merge`], [`read`], [`whole`]), brought into the order of time ([`order`])
//! and lived through under one policy or several ([`life`], [`lives`]): that is a [`run`]. Out: what would have been said and told
//! ([`review`]), as text, JSON lines or a page, and how much could not be read. Memory is bounded for any amount of input,
//! and what is printed is the same for the same input, byte for byte.

mod ahead;
mod answer;
mod bins;
mod budget;
mod clock_by;
mod close_up;
mod close_ups;
pub mod command;
mod compare;
mod console;
mod fault;
mod files;
mod foreign;
mod growing;
mod html;
mod json;
mod life;
mod lives;
mod markdown;
mod merge;
mod order;
mod read;
mod reading;
mod review;
mod reviewer;
mod reviews;
pub mod run;
mod suggest;
#[cfg(test)]
mod tests;
mod text;
mod whole;
mod window;

pub use files::names::is_read_out_of_a_folder;
