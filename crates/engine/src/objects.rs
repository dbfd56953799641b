//! The trail's bucket as the pipeline needs it: the bytes of one object.

use std::time::Instant;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It was there once, or never.
    #[error("it is not there")]
    Missing,
    /// It has more bytes than may be read.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// A refusal that another attempt meets again, until somebody acts: what was refused, and what to do.
    #[error("{0}. {1}")]
    Refused(String, &'static str),
    /// Nobody need act: S3 fails, is busy, or does not answer.
    #[error("{0}")]
    NotNow(String),
}

#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Objects {
    /// The bytes of the object, at most `max` of them. It does not last beyond `until`.
    async fn object(&self, key: &str, max: usize, until: Instant) -> Result<Vec<u8>, ObjectError>;
}
