//! Where notices go: the topic, the pager's topic, the event bus.

use std::time::Duration;

use serde::Serialize;
use triage_notify::letter::Channel;
use triage_notify::notice::Notice;

/// A notice that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Published {
    /// None if it went to the log.
    pub message_id: Option<String>,
    /// Why the topic refused it, if the fallback accepted it.
    pub fallback: Option<String>,
}

/// A place where notices are published. A channel may have a second one, for when the first fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    Topic,
    /// The topic in another region, which stands in for that one.
    Fallback,
    Pager,
    Bus,
}

impl Destination {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Fallback => "fallback",
            Self::Pager => "pager",
            Self::Bus => "bus",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A refusal, with its code, such as `AuthorizationError`.
    #[error("{0} refused the notice: {1}")]
    Refused(&'static str, String),
    /// No answer: it may have been sent all the same.
    #[error("{0} did not answer: {1}")]
    NoAnswer(&'static str, &'static str),
    #[error("{0}; nor did the fallback take it: {1}")]
    NeitherTook(Box<Self>, Box<Self>),
}

/// Sends notices. One attempt each: the claimant decides what a failure means.
#[expect(async_fn_in_trait, reason = "one task, one thread: nothing here needs the futures to be Send")]
pub trait Publish {
    /// The channels in use.
    fn channels(&self) -> Vec<Channel>;

    /// Where something is published: each place of a channel by itself.
    fn destinations(&self) -> Vec<Destination>;

    /// Publishes to that place alone, and says under which id it was accepted. None if it gets no such notice.
    async fn publish_to(
        &self,
        destination: Destination,
        notice: &Notice,
        within: Duration,
    ) -> Result<Option<String>, PublishError>;

    /// Publishes. `within` limits the wait: a publish that outlives the invocation is lost without a trace.
    async fn publish(&self, channel: Channel, notice: &Notice, within: Duration) -> Result<Published, PublishError>;

    /// Waits.
    async fn pause(&self, span: Duration);
}

/// The longest that one publish takes. SNS and EventBridge answer in tens of milliseconds.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
