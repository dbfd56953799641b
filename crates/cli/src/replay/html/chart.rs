//! The course of time as a drawing: failed calls by cause, distinct callers, incidents as bands, notices as marks.

mod bands;
pub mod causes;
mod figure;
mod layout;
pub mod numbers;

pub use figure::figure;
