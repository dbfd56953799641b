//! What the function writes: one wide JSON line for each invocation, in Lambda's own format, and one of metrics.
//!
//! In: the result of an invocation. Out: lines on standard output with an RFC 3339 `timestamp` and a `level` (without
//! which Lambda's JSON log format takes a line for INFO and may drop it). Lines of the libraries go through a
//! subscriber of the same shape; below WARN they are dropped, because at TRACE they print raw payloads.

mod invocation;
mod line;
pub mod metrics;
#[cfg(test)]
mod testing;

use jiff::Timestamp;
use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use triage_engine::handled::Handled;

use self::invocation::invocation_line;
use self::line::write_line;
pub use self::line::{InvocationFacts, log_fatal};

/// Installs the subscriber for the libraries' lines, and the line for a panic.
pub fn init(level: Level) {
    // Under INFO the Lambda runtime and the SDKs print what they receive and send, secrets included. The runtime's own
    // line about an error that we return would repeat ours.
    let libraries = Targets::new()
        .with_default(LevelFilter::from_level(level.min(Level::WARN)))
        .with_target("lambda_runtime::layers", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_filter(libraries);
    // A second call finds the first one's subscriber in place, which is as good.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines));
    // The place of the panic, and not its message, which may hold a piece of the payload.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        log_fatal("panic", &place);
    }));
}

/// Writes the lines of one invocation: of the log if its level asks for it, of metrics always.
pub fn log_invocation(facts: &InvocationFacts<'_>, handled: &Handled, now: Timestamp) {
    if let Some(line) = invocation_line(facts, handled, now) {
        write_line(&line);
    }
    write_line(&metrics::line(facts, handled, now));
}
