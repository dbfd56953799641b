//! The types that all crates share: a failed call and its caller, regions, times, and the verdict on a single failure.
//!
//! Nothing here knows of evidence, incidents or people. Pure: no clock, no environment, no network.

pub mod account;
pub mod caller;
pub mod classify;
pub mod fault;
pub mod grant;
pub mod kms;
pub mod link;
pub mod observation;
pub mod partition;
pub mod problem;
pub mod redact;
pub mod region;
pub mod replica;
pub mod spelling;
pub mod time;
pub mod trail_key;
pub mod trust;
