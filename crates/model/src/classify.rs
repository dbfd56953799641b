//! The verdict on one failed call.
//!
//! In: the [`Symptoms`] of a failure. Out: its [`Class`]: the cause, whether a retry can help, and the advice. One
//! const table ([`rows`]) decides, tried from the top; `docs/classification.md` is printed from it. A code wins over a
//! status. Nothing acts here.

mod class;
mod client_id;
mod condition;
pub mod page;
mod symptoms;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::redact::one_line;
pub use class::{Cause, Class, FAILED_CAUSES, Pace, Retry, SERVICE_CAUSES};
pub use client_id::{invented_client_id, region_of_client_id};
pub use condition::{Answered, Code, Grant, Inside, Status, bare_status};
pub use symptoms::Symptoms;
pub use table::{Hint, Row, Source};

/// The longest inner code that advice shows: AWS's longest name has under 60 characters.
const INNER_CODE_SHOWN_MAX: usize = 80;

/// The verdict, from a [`Failure`] or from bare [`Symptoms`].
pub fn classify<'a>(failure: impl Into<Symptoms<'a>>) -> Class {
    let symptoms = failure.into();
    let row = decide(&symptoms);
    let key_refusal = match row.inside {
        Inside::Kms => row.inside.found(&symptoms).map(Into::into),
        Inside::Anything | Inside::Throttling | Inside::InvalidInput => None,
    };
    Class { cause: row.cause, retry: row.retry, advice: advise(row, &symptoms), key_refusal }
}

/// The first row of the table that fits. The last row fits everything.
pub fn decide(symptoms: &Symptoms<'_>) -> &'static Row {
    let normalised = normalised(*symptoms);
    rows().iter().find(|row| row.fits(&normalised)).unwrap_or(table::LAST)
}

/// The table, in the order in which it is tried.
pub const fn rows() -> &'static [Row] {
    table::TABLE
}

/// Whether the table has a row for that code. A log line that does not name the service shows this way that it is about
/// it. The names clients use for "no answer" fit every service and do not count.
pub fn knows(code: &str) -> bool {
    let code = condition::bare_code(code);
    let answers = rows().iter().filter(|row| row.cause != Cause::Unreachable);
    answers.flat_map(|row| row.codes).any(|known| known.names(code))
}

/// Whether clients use that name when no answer came: a time-out, a refused connection.
pub fn means_no_answer(code: &str) -> bool {
    table::NO_ANSWER_CODES.iter().any(|known| known.names(condition::bare_code(code)))
}

/// Whether a code is AuthorizationPending, in either spelling.
pub fn is_pending(code: &str) -> bool {
    code.replace('_', "").to_ascii_lowercase().starts_with("authorizationpending")
}

/// The symptoms with the code to classify: without prefixes, and with a bare status moved to `status`. Where the table
/// does not know the outer code (an SDK's base class, such as Java's `AWSSSOOIDCException`) but knows the inner one,
/// the inner one.
fn normalised(mut symptoms: Symptoms<'_>) -> Symptoms<'_> {
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

/// The row's advice, with the details of this failure.
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
