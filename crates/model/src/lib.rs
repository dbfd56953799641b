//! What all crates speak of: a failed call and who made it, regions and times, and the verdict on one failure by itself.
//!
//! Nothing here knows of evidence, incidents or people. Pure: no clock, no environment, no network.

pub mod caller;
pub mod classify;
pub mod fault;
pub mod grant;
pub mod observation;
pub mod partition;
pub mod problem;
pub mod redact;
pub mod region;
pub mod spelling;
pub mod time;
pub mod trust;
