//! The failures that the chart shows.

use triage_model::classify::Cause;

use crate::replay::review::Bin;

/// From the bottom of a column to its top: what incidents rest on stands on the ground line, where it can be compared.
/// Expected traffic is no failure, and would hide all the others.
pub const CHARTED: [Cause; 6] =
    [Cause::Service, Cause::Unreachable, Cause::Throttled, Cause::Admin, Cause::Request, Cause::Unrecognised];

/// The failures of one column.
pub fn failures(bin: &Bin) -> u64 {
    CHARTED.iter().map(|cause| failed(bin, *cause)).sum()
}

pub fn failed(bin: &Bin, cause: Cause) -> u64 {
    bin.failures.get(&cause).copied().unwrap_or(0)
}
