//! The status page and its three files: what everybody in a company may know of sign-in, and perhaps the public.
//!
//! [`data`] is what it shows. [`outward`] makes it of an incident, in the words of the notices and without a name. [`kept`] is the
//! list of incidents that outlasts the ledger. [`page`], [`feed`] and [`document`] are the [`files`]. Pure: nothing is read or
//! written here.

pub mod data;

pub mod kept;
pub mod outward;

pub mod document;
pub mod feed;
pub mod page;

pub mod files;

#[cfg(test)]
mod tests;
