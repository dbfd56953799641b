//! Bounds on the output for a payload, whatever its content.

use triage_decode::Batch;
use triage_decode::batch::OBSERVATIONS_MAX;
use triage_decode::values::{CODE_MAX, ID_MAX, MESSAGE_MAX, NAME_MAX, USER_AGENT_MAX};
use triage_model::caller::Caller;
use triage_model::classify::classify;
use triage_model::observation::{Failure, Observation, Success};
use triage_model::problem::Problems;
use triage_model::redact::{SHOWN_TEXT_MAX, is_harmless};

/// The replacement of a secret may be longer than the secret: a text of such words, each at least three characters,
/// grows by this factor.
const MASKED_GROWS: usize = 3;

/// Checks a batch against its bounds, and classifies each of its failures.
pub fn hold(batch: &Batch, payload: &str) {
    assert!(batch.arrivals.len() <= batch.observations.len(), "more arrivals than observations");
    // Log events give at most this many; anything else takes its bytes in the payload.
    assert!(batch.observations.len() <= OBSERVATIONS_MAX + payload.len(), "{} observations", batch.observations.len());
    let mut end = 0;
    for message in &batch.items {
        assert!(end <= message.observations.start, "items of a batch out of order");
        end = message.observations.end;
        assert!(
            message.observations.start <= end && end <= batch.observations.len(),
            "an item beyond the observations"
        );
    }
    hold_problems(&batch.problems);
    for observation in &batch.observations {
        match observation {
            Observation::Failure(failure) => hold_failure(failure),
            Observation::Success(success) => hold_success(success),
            Observation::HealthIssue(issue) => {
                within("the ARN of an issue", &issue.event_arn, payload.len());
                within("the description of an issue", &issue.description, payload.len());
                let _ = issue.concerns_sign_in();
            }
            Observation::Tick(_) => {}
        }
    }
}

/// People read the details: they are short and on one line.
pub fn hold_problems(problems: &Problems) {
    for (name, count, detail) in problems.iter() {
        assert!(count > 0, "{name} without a count");
        assert!(detail.len() <= SHOWN_TEXT_MAX, "{name} has a detail of {} bytes", detail.len());
        assert!(detail.chars().all(is_harmless), "{name} has a detail with a control character: {detail:?}");
    }
}

fn hold_failure(failure: &Failure) {
    within("id", &failure.id, ID_MAX);
    assert!(!failure.id.is_empty(), "a failure without an id");
    for (what, text, max) in [
        ("event id", &failure.event_id, ID_MAX),
        ("request id", &failure.request_id, ID_MAX),
        ("code", &failure.code, CODE_MAX),
        ("inner code", &failure.inner_code, CODE_MAX),
        ("message", &failure.message, MESSAGE_MAX * MASKED_GROWS),
        ("reason", &failure.reason, MESSAGE_MAX * MASKED_GROWS),
        ("grant type", &failure.grant_type, NAME_MAX * MASKED_GROWS),
        ("client id", &failure.client_id, NAME_MAX * MASKED_GROWS),
        ("user agent", &failure.user_agent, USER_AGENT_MAX * MASKED_GROWS),
        ("address", &failure.address, NAME_MAX * MASKED_GROWS),
    ] {
        within_if_any(what, text.as_deref(), max);
    }
    assert!(failure.status.is_none_or(|status| (100..=599).contains(&status)), "status {:?}", failure.status);
    hold_caller(&failure.caller);
    let class = classify(failure);
    // The advice is our own text, with at most an inner code in it.
    within("advice", &class.advice, ADVICE_MAX);
    assert!(class.advice.chars().all(is_harmless), "advice with a control character: {:?}", class.advice);
}

/// Longer than any advice in the table with an inner code in it.
const ADVICE_MAX: usize = 1024;

fn hold_success(success: &Success) {
    within("id", &success.id, ID_MAX);
    assert!(!success.id.is_empty(), "a success without an id");
    for (what, text, max) in [
        ("grant type", &success.grant_type, NAME_MAX * MASKED_GROWS),
        ("client id", &success.client_id, NAME_MAX * MASKED_GROWS),
        ("user agent", &success.user_agent, USER_AGENT_MAX * MASKED_GROWS),
        ("address", &success.address, NAME_MAX * MASKED_GROWS),
    ] {
        within_if_any(what, text.as_deref(), max);
    }
    hold_caller(&success.caller);
}

fn hold_caller(caller: &Caller) {
    match caller {
        Caller::User(name) | Caller::Principal(name) | Caller::Named(name) | Caller::LogGroup(name) => {
            within("caller", name, NAME_MAX * MASKED_GROWS);
        }
        Caller::Client { client_id: one, address: other } | Caller::Address { address: one, user_agent: other } => {
            within("caller", one, USER_AGENT_MAX * MASKED_GROWS);
            within("caller", other, USER_AGENT_MAX * MASKED_GROWS);
        }
        Caller::Unknown => {}
    }
}

fn within_if_any(what: &str, text: Option<&str>, max: usize) {
    if let Some(text) = text {
        within(what, text, max);
    }
}

fn within(what: &str, text: &str, max: usize) {
    assert!(text.len() <= max, "{what} of {} bytes, which is more than {max}", text.len());
}
