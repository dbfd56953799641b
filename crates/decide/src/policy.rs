//! Every number of the decision in one place.
//!
//! In: TOML text (`OIDC_TRIAGE_POLICY`, `replay --policy FILE`) or nothing. Out: a validated [`Policy`], or all errors
//! of the text together. Keys are in snake_case; durations are whole seconds and end in `_s`. One table makes the
//! struct, the reader and `docs/policy.md` ([`page`]).

mod numbers;
pub mod page;
mod text;

pub use numbers::{Policy, SETTINGS, Setting};
pub use text::PolicyError;
