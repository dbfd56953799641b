//! The failure of a call of our own.
//!
//! Data: the facts for the table, and those that are evidence. Bodies are never kept: only the fields meant for people
//! and programs come out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::classify::Symptoms;
use crate::observation::Failure;
use crate::redact::mask::masked;
use crate::redact::{SHOWN_TEXT_MAX, one_line};

/// An unexpected answer, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub code: Option<String>,
    pub status: Option<u16>,
    /// `error_description` (or `message`, for errors outside the model); where no answer came, what went wrong.
    pub message: Option<String>,
    pub reason: Option<String>,
    pub request_id: Option<String>,
    /// The delay the service asks for.
    pub retry_after: Option<Duration>,
    /// No readable answer came. With a status where any answer came.
    pub no_answer: bool,
}

impl Fault {
    pub fn of_failure(failure: &Failure) -> Self {
        Self {
            code: failure.code.clone(),
            status: failure.status,
            message: failure.message.as_deref().map(shown),
            reason: failure.reason.as_deref().map(shown),
            request_id: failure.request_id.clone(),
            retry_after: None,
            no_answer: failure.no_answer,
        }
    }

    /// Why no readable answer came.
    pub fn without_answer(what: &str) -> Self {
        Self { message: Some(shown(what)), no_answer: true, ..Self::default() }
    }

    /// The signs for the table. The caller adds what only it knows: the operation, the grant type, the client.
    pub fn symptoms(&self) -> Symptoms<'_> {
        Symptoms {
            code: self.code.as_deref(),
            status: self.status,
            message: self.message.as_deref(),
            reason: self.reason.as_deref(),
            no_answer: self.no_answer,
            ..Symptoms::default()
        }
    }

    /// Whether that is the exception of this name, by its own name or by OAuth's.
    pub fn is(&self, exception: &str, oauth: &str) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| code.eq_ignore_ascii_case(exception) || code.eq_ignore_ascii_case(oauth))
    }

    /// The service's own fault by the status: 500 to 599.
    pub fn is_server_fault(&self) -> bool {
        self.status.is_some_and(|status| (500..600).contains(&status))
    }
}

/// A text of the service: masked, bounded, on one line.
pub fn shown(text: &str) -> String {
    one_line(&masked(text), SHOWN_TEXT_MAX)
}
