//! The shell around the stages: AWS's SDKs, the environment, the log.
//!
//! The only crate with AWS SDKs. [`config`] reads the environment once; [`oidc`], [`publish`], [`directory`] and
//! [`store`] implement the ports of `triage-engine`, all on one client of `triage-aws`; [`status`] writes the status page and [`trail`]
//! reads a trail's files;
//! [`telemetry`] writes the function's log and metrics. `main.rs` puts them together.

pub mod config;
pub mod directory;
pub mod doctor;
pub mod oidc;
pub mod publish;
pub mod status;
pub mod store;
pub mod telemetry;
pub mod trail;
