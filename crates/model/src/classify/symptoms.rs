//! The signs of a failure's cause.

use crate::observation::{Failure, Operation};

/// Everything about a failure that the table looks at. Borrowed, so that a failure from a log and an answer to a call
/// of our own are classified alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symptoms<'a> {
    pub operation: Option<Operation>,
    pub code: Option<&'a str>,
    pub inner_code: Option<&'a str>,
    pub status: Option<u16>,
    pub message: Option<&'a str>,
    pub reason: Option<&'a str>,
    pub grant_type: Option<&'a str>,
    pub no_answer: bool,
    pub client_id: Option<&'a str>,
    /// The region that was called.
    pub region: Option<&'a str>,
}

impl<'a> From<&'a Failure> for Symptoms<'a> {
    fn from(failure: &'a Failure) -> Self {
        // A caller that hands over its call may give these only in the request.
        let request = failure.request.as_deref();
        let grant_type = failure.grant_type.as_deref().or_else(|| request?.grant_type.as_deref());
        let client_id = failure.client_id.as_deref().or_else(|| request?.client_id.as_deref());
        Self {
            operation: failure.operation,
            code: failure.code.as_deref(),
            inner_code: failure.inner_code.as_deref(),
            status: failure.status,
            message: failure.message.as_deref(),
            reason: failure.reason.as_deref(),
            grant_type,
            no_answer: failure.no_answer,
            client_id,
            region: failure.region.as_ref().map(|region| region.as_str()),
        }
    }
}
