//! Why Lambda must do an invocation again.
//!
//! An invocation ends in an error only when something that had to be told was not taken by anyone, and doing the whole
//! event again is safe. Everything else is an outcome: a counted problem in the answer.

/// It holds nothing of the payload: the runtime logs its `Debug`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Notices that had to be told and were not taken. The claim is given back, so the redelivery tells them.
    #[error("a notice could not be published ({count} in all): {reason}")]
    NotNotified { count: usize, reason: String },
}

impl Error {
    /// A stable name for alarms and queries.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotNotified { .. } => "notice_not_published",
        }
    }
}
