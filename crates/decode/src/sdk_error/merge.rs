//! Merges several printouts of the same failure.
//!
//! In: all errors of one printout. Out: the distinct failures, each with the details of all its copies.
//! [`SdkError::is_compatible`] decides when two errors are one.

use crate::sdk_error::error::{ERRORS_MAX, SdkError};

/// One error for each failure: repetitions in one printout are merged.
///
/// Errors with a request id come first, so that a repetition without one joins the error it repeats.
pub fn merge(mut errors: Vec<SdkError>) -> Vec<SdkError> {
    errors.sort_by_key(|error| (error.request_id.is_none(), error.at));
    let mut merged: Vec<SdkError> = Vec::new();
    for error in errors {
        match merged.iter().position(|known| known.is_compatible(&error)) {
            Some(known) => merged[known].absorb(error),
            None if merged.len() < ERRORS_MAX => merged.push(error),
            None => {}
        }
    }
    merged.sort_by_key(|error| error.at);
    merged
}
