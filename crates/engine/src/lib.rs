//! The stages in order, over the ports of the shell.
//!
//! [`store::Store`], [`service::Service`], [`publish::Publish`], [`directory::Directory`] and [`objects::Objects`] are the
//! ports. The function implements them with AWS; replay and tests use the [`memory`] store and no network. [`pipeline`] is the one
//! place that orders decode, classify, record, retry, probe, diagnose, notify and answer. It reads the monotonic clock
//! for deadlines and nothing else from outside.

pub mod answer;
pub mod backoff;
mod call_callers;
pub mod common;
pub mod directory;
pub mod doctor;
pub mod error;
pub mod handled;
pub mod known_clients;
pub mod objects;
pub mod publish;
mod reported;
pub mod retry;
pub mod seen_ids;
pub mod service;
pub mod settings;
pub mod silence;
pub mod status_page;
pub mod store;
pub mod test_notice;
pub mod tool;
pub mod unnamed;

pub mod memory;
pub mod pipeline;
