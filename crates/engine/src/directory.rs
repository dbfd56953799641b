//! Identity Store as a notice asks it: whose user id that is.

use std::time::Duration;

use triage_notify::people::Person;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// A refusal with its code, such as `AccessDeniedException`: it would meet each further question as well.
    #[error("{0}")]
    Refused(String),
    #[error("no answer: {0}")]
    NoAnswer(&'static str),
}

/// Tells users by their ids. One attempt each: a name is worth no wait.
#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Directory {
    /// Whose that user id is. `within` bounds the wait.
    async fn person(&self, id: &str, within: Duration) -> Result<Person, DirectoryError>;
}
