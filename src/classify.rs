//! The verdict on one failed call.
//!
//! In: the [`Symptoms`] of a failure. Out: its [`Class`]: the cause, whether a retry can help, and the advice. One
//! const table ([`rows`]) decides, tried from the top; `docs/classification.md` is printed from it. A code wins over a
//! status, and nothing acts here.

mod client_id;
mod condition;
pub mod page;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Serialize;

use crate::observation::{Failure, Operation};
use crate::redact::one_line;

pub(crate) use client_id::invented_client_id;
pub use client_id::region_of_client_id;
pub(crate) use condition::bare_status;
pub use condition::{Answered, Code, Grant, Inside, Status};
pub use table::{Hint, Row, Source};

/// OAuth's name of the device flow, as SSO OIDC wants it in `grantType` and `grantTypes`.
pub const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The longest inner code that is shown in an advice: the longest name AWS uses has under 60 characters.
const INNER_CODE_SHOWN_MAX: usize = 80;

/// Why a call failed, as far as one failure can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Normal traffic of the device flow, not a failure.
    Expected,
    /// The caller's mistake.
    Request,
    /// The administrator's: a permission, an assignment, a key.
    Admin,
    /// Too many calls.
    Throttled,
    /// The service's own fault.
    Service,
    /// No answer at all.
    Unreachable,
    /// Nothing that the table knows.
    Unrecognised,
}

impl Cause {
    pub const ALL: [Self; 7] = [
        Self::Expected,
        Self::Request,
        Self::Admin,
        Self::Throttled,
        Self::Service,
        Self::Unreachable,
        Self::Unrecognised,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Request => "request",
            Self::Admin => "admin",
            Self::Throttled => "throttled",
            Self::Service => "service",
            Self::Unreachable => "unreachable",
            Self::Unrecognised => "unrecognised",
        }
    }
}

/// Whether the same call can succeed when it is made again, and how long to wait first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// After the short base delay of a transient fault.
    Transient,
    /// After the long base delay of throttling.
    Throttled,
}

/// The pure verdict on one failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    pub cause: Cause,
    pub retry: Retry,
    /// What the caller or the on-call should do. An inner code is named here.
    pub advice: Cow<'static, str>,
}

/// What a failure shows of its cause: all that the table looks at. Borrowed, so that a failure of somebody's log and an
/// answer to a call of our own are judged alike.
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
        // A caller that hands its call over may tell these only in the request.
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

/// The verdict, from a [`Failure`] or from bare [`Symptoms`].
pub fn classify<'a>(failure: impl Into<Symptoms<'a>>) -> Class {
    let symptoms = failure.into();
    let row = decide(&symptoms);
    Class { cause: row.cause, retry: row.retry, advice: advise(row, &symptoms) }
}

/// The first row of the table that fits. The last row fits everything.
pub fn decide(symptoms: &Symptoms<'_>) -> &'static Row {
    let judged = judged(*symptoms);
    rows().iter().find(|row| row.fits(&judged)).unwrap_or(table::LAST)
}

/// The table, in the order in which it is tried.
pub const fn rows() -> &'static [Row] {
    table::TABLE
}

/// Whether the table has a row for that code of an answer: how a log line that does not name the service shows that it
/// is of it. The names that clients give to having no answer are everybody's, and do not count.
pub fn knows(code: &str) -> bool {
    let code = condition::bare_code(code);
    let answers = rows().iter().filter(|row| row.cause != Cause::Unreachable);
    answers.flat_map(|row| row.codes).any(|known| known.names(code))
}

/// Whether a client gives that name to having had no answer: a time-out, a refused connection.
pub fn means_no_answer(code: &str) -> bool {
    table::NO_ANSWER_CODES.iter().any(|known| known.names(condition::bare_code(code)))
}

/// The symptoms with the code that is to be judged: without prefixes; a bare status moved to where it belongs; and,
/// where the outer code is none that the table knows (an SDK's base class, such as Java's `AWSSSOOIDCException`), the
/// inner one, if the table knows that.
fn judged(mut symptoms: Symptoms<'_>) -> Symptoms<'_> {
    symptoms.code = symptoms.code.map(condition::bare_code).filter(|code| !code.is_empty());
    symptoms.inner_code = symptoms.inner_code.map(condition::bare_code).filter(|code| !code.is_empty());
    if let Some(status) = symptoms.code.and_then(condition::bare_status) {
        symptoms.code = None;
        symptoms.status = symptoms.status.or(Some(status));
    }
    if !symptoms.code.is_some_and(knows) && symptoms.inner_code.is_some_and(knows) {
        symptoms.code = symptoms.inner_code.take();
    }
    symptoms
}

/// The row's advice, with what only this failure can add to it.
fn advise(row: &'static Row, symptoms: &Symptoms<'_>) -> Cow<'static, str> {
    let mut advice = Cow::Borrowed(row.advice);
    let inner = symptoms.inner_code.map(|code| one_line(code, INNER_CODE_SHOWN_MAX)).filter(|code| !code.is_empty());
    let found = row.inside.found(symptoms);
    if let Some(inner) = &inner {
        advice.to_mut().push_str(&format!(" Inner code: {inner}."));
    }
    if let Some(found) = found.filter(|found| inner.as_deref() != Some(found)) {
        advice.to_mut().push_str(&format!(" It names {}.", one_line(found, INNER_CODE_SHOWN_MAX)));
    }
    match row.hint {
        Hint::Nothing => {}
        Hint::ClientRegion => {
            let home = symptoms.client_id.and_then(region_of_client_id);
            if let (Some(home), Some(called)) = (home, symptoms.region)
                && !home.as_str().eq_ignore_ascii_case(called)
            {
                let hint = format!(
                    " The client id looks as if it was registered in {home}, but {} was called.",
                    one_line(called, INNER_CODE_SHOWN_MAX)
                );
                advice.to_mut().push_str(&hint);
            }
        }
    }
    advice
}
