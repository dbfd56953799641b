//! The verdict on one failure, as data.

use std::borrow::Cow;

use serde::Serialize;

/// Why a call failed, as far as one failure shows.
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

impl Cause {
    pub const ALL: [Self; 7] = [
        Self::Expected,
        Self::Request,
        Self::Admin,
        Self::Throttled,
        Self::Service,
        Self::Unreachable,
        Self::Unrecognised,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Request => "request",
            Self::Admin => "admin",
            Self::Throttled => "throttled",
            Self::Service => "service",
            Self::Unreachable => "unreachable",
            Self::Unrecognised => "unrecognised",
        }
    }
}

/// Whether the same call can succeed on a retry, and how long to wait first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// After the short base delay of a transient fault.
    Transient,
    /// After the long base delay of throttling.
    Throttled,
}

/// How soon a call may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Transient,
    Throttled,
}

impl Retry {
    /// None where a retry cannot help.
    pub const fn pace(self) -> Option<Pace> {
        match self {
            Self::Never => None,
            Self::Transient => Some(Pace::Transient),
            Self::Throttled => Some(Pace::Throttled),
        }
    }
}

/// The pure verdict on one failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    pub cause: Cause,
    pub retry: Retry,
    /// What the caller or the on-call should do. An inner code is named here.
    pub advice: Cow<'static, str>,
    /// The name of the refusal by the customer's KMS key (`KMS_DisabledException`, `kms:Decrypt`), set exactly where a
    /// row about such a key decided. Everything that handles a key's refusal differently checks this.
    pub key_refusal: Option<Box<str>>,
}

/// The causes that count towards an outage.
pub const SERVICE_CAUSES: [Cause; 2] = [Cause::Service, Cause::Unreachable];

/// The causes for which a call did not work: neither its caller's mistake, nor one call too many.
pub const FAILED_CAUSES: [Cause; 3] = [Cause::Service, Cause::Unreachable, Cause::Admin];
