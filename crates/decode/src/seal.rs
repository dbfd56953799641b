//! No text of an observation leaves the decoder with a secret in it.
//!
//! In: an observation as its decoder made it. Out: the same with each of its texts masked. Every member is named here, so that a
//! new one is looked at or does not compile. What the decoders mask before (a text that they cut) is masked once more at no cost.

use triage_model::caller::Caller;
use triage_model::observation::{Failure, HealthIssue, Observation, Success, Tick};
use triage_model::redact::mask::{mask, masked};

use crate::values::made_id;

pub fn seal(observation: &mut Observation) {
    match observation {
        Observation::Failure(failure) => seal_failure(failure),
        Observation::Success(success) => seal_success(success),
        Observation::HealthIssue(issue) => seal_issue(issue),
        Observation::Tick(Tick { occurred_at: _ }) => {}
    }
}

fn seal_failure(failure: &mut Failure) {
    let Failure {
        id,
        event_id,
        request_id,
        origin: _,
        // Names of a list.
        region: _,
        is_region_assumed: _,
        operation: _,
        code,
        inner_code,
        status: _,
        message,
        reason,
        grant_type,
        no_answer: _,
        caller,
        client_id,
        user_agent,
        address,
        occurred_at: _,
        // What the call is made again with: its secrets have a type of their own, and none of it is shown.
        request: _,
        program,
        replayed: _,
        answer_only: _,
    } = failure;
    seal_id(id);
    [event_id, request_id, client_id].into_iter().flatten().for_each(seal_id);
    [code, inner_code, message, reason, grant_type, user_agent, address, program].into_iter().flatten().for_each(mask);
    seal_caller(caller);
}

fn seal_success(success: &mut Success) {
    let Success {
        id,
        origin: _,
        region: _,
        operation: _,
        grant_type,
        caller,
        client_id,
        user_agent,
        address,
        occurred_at: _,
        replayed: _,
        answer_only: _,
    } = success;
    seal_id(id);
    client_id.iter_mut().for_each(seal_id);
    [grant_type, user_agent, address].into_iter().flatten().for_each(mask);
    seal_caller(caller);
}

fn seal_issue(issue: &mut HealthIssue) {
    let HealthIssue {
        event_arn,
        service,
        event_type_code,
        region: _,
        started_at: _,
        ended_at: _,
        description,
        occurred_at: _,
    } = issue;
    [event_arn, service, event_type_code, description].into_iter().for_each(mask);
}

fn seal_caller(caller: &mut Caller) {
    match caller {
        Caller::User(name) | Caller::Principal(name) | Caller::Named(name) | Caller::LogGroup(name) => mask(name),
        Caller::Client { client_id, address } => {
            seal_id(client_id);
            mask(address);
        }
        Caller::Address { address, user_agent } => {
            mask(address);
            mask(user_agent);
        }
        Caller::Unknown => {}
    }
}

/// Two ids stay two when neither is shown: what is taken for a secret there has so many letters that nobody finds it by its hash.
fn seal_id(id: &mut String) {
    let is_secret = matches!(masked(id), std::borrow::Cow::Owned(_));
    if is_secret {
        *id = made_id(&[id]);
    }
}
