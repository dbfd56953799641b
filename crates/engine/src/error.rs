//! Why Lambda must deliver an event again.
//!
//! An invocation ends in an error only if a notice could not be sent anywhere and running the whole event again is
//! safe. Everything else is an outcome: a counted problem in the answer.

/// It holds nothing of the payload: the runtime logs its `Debug`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Notices that could not be sent. The claim is released, so the redelivery sends them.
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
