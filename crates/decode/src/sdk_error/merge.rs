//! One error for each failure, where the same failure is printed several times.
//!
//! In: all errors of one printout. Out: those that cannot be the same failure, each with what any of its copies told.
//! What makes two errors one is said in [`SdkError::is_compatible`].

use crate::sdk_error::error::{ERRORS_MAX, SdkError};

/// One error for each failure: what one printout prints several times is merged.
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
