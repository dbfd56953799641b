//! The stages in order, over the ports of the shell.
//!
//! [`store::Store`], [`service::Service`], [`publish::Publish`] and [`directory::Directory`] are the neighbours; the function has real ones, replay and tests
//! the [`memory`] store and nobody to ask. [`pipeline`] is the one place that puts decode, classify, record, retry, probe,
//! diagnose, tell and answer in order. It reads the monotonic clock for deadlines and nothing else of the outside.

pub mod answer;
pub mod backoff;
mod call_callers;
pub mod common;
pub mod directory;
pub mod error;
pub mod handled;
pub mod known_clients;
pub mod publish;
mod reported;
pub mod retry;
pub mod seen_ids;
pub mod service;
pub mod settings;
pub mod store;
pub mod tool;
pub mod unnamed;

pub mod memory;
pub mod pipeline;
