//! The verdict on one failed call.
//!
//! In: a [`Failure`]. Out: its [`Class`]: the cause, whether a retry can help, and the advice. One const table decides;
//! nothing acts here.

use std::borrow::Cow;

use serde::Serialize;

use crate::observation::Failure;

/// Why a call failed, as far as one failure can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Normal traffic of the device flow, not a failure.
    Expected,
    /// The caller's mistake.
    Request,
    /// The administrator's: a permission, an assignment, a key.
    Admin,
    /// Too many calls.
    Throttled,
    /// The service's own fault.
    Service,
    /// No answer at all.
    Unreachable,
    /// Nothing that the table knows.
    Unrecognised,
}

/// Whether the same call can succeed when it is made again, and how long to wait first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// After the short base delay of a transient fault.
    Transient,
    /// After the long base delay of throttling.
    Throttled,
}

/// The pure verdict on one failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    pub cause: Cause,
    pub retry: Retry,
    /// What the caller or the on-call should do. An inner code is named here.
    pub advice: Cow<'static, str>,
}

pub fn classify(_failure: &Failure) -> Class {
    todo!("the table")
}
