//! oidc-triage: what a failed AWS SSO OIDC call means, and who must hear of it.
//!
//! ```text
//! AWS event ─► event/ ───► Observation ─► classify ─► Class ─► store/ ─► Evidence ─► diagnose ─► Diagnosis
//!              sniff,       failed call,   const        record,    the last     pure           │
//!              decode,      success,       table        read back  hour of a                   ▼
//!              bounded      health, tick                           region               notify ─► SNS
//!                                  oidc/ retry, probe ─► Outcome ─► report
//! ```
//!
//! Only [`pipeline`] sequences the stages. Only the shell (`bin/`, [`pipeline`], [`oidc`], `notify/publish`) is async
//! or touches the network, the environment or the clock. Everything else is a function from values to values with
//! `now` as an argument, which is why the same code replays history.

// What every stage uses.
pub mod caller;
pub mod config;
pub mod error;
pub mod observation;
pub mod policy;
pub mod redact;
pub mod region;

// The stages, in the order of the data.
pub mod pipeline;

pub mod event;

pub mod classify;

pub mod evidence;
pub mod store;

pub mod diagnose;
pub mod incident;

pub mod backoff;
pub mod oidc;

pub mod notify;
pub mod outbox;

pub mod explain;
pub mod replay;
pub mod report;
pub mod telemetry;
