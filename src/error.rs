//! Why Lambda must do an invocation again.
//!
//! An invocation ends in an error only when something that had to be told was not taken by anyone, and doing the whole
//! event again is safe. Everything else is an outcome: a counted problem in the answer.

use lambda_runtime::Diagnostic;

/// The runtime logs the `Debug` of this, and posts the `Diagnostic`: neither holds anything of the payload.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Notices that had to be told and were not taken. The claim is given back, so the redelivery tells them.
    #[error("a notice could not be published ({count} in all): {reason}")]
    NotTold { count: usize, reason: String },
    #[error("the answer could not be written: {0}")]
    Answer(#[from] serde_json::Error),
}

impl Error {
    /// A stable name for alarms and queries.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotTold { .. } => "notice_not_published",
            Self::Answer(_) => "answer_not_written",
        }
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: error.name().to_owned(), error_message: error.to_string() }
    }
}
