//! Identity Store as a notice needs it: the name behind a user id.

use std::time::Duration;

use triage_notify::people::Person;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// A refusal with its code, such as `AccessDeniedException`. It would meet further questions as well.
    #[error("{0}")]
    Refused(String),
    #[error("no answer: {0}")]
    NoAnswer(&'static str),
}

/// Looks up users by their ids. One attempt each: a name is not worth a wait.
#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Directory {
    /// Looks up the user with that id. `within` limits the wait.
    async fn person(&self, id: &str, within: Duration) -> Result<Person, DirectoryError>;
}
