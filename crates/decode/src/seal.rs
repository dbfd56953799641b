//! No text of an observation leaves the decoder with a secret in it.
//!
//! In: an observation as its decoder made it. Out: the same with each of its texts masked. What the decoders mask before (a text
//! that they cut) is masked once more at no cost.

use triage_model::caller::Caller;
use triage_model::observation::{HealthIssue, Observation, Texts, Tick};
use triage_model::redact::mask::{mask, masked};

use crate::values::made_id;

pub fn seal(observation: &mut Observation) {
    match observation {
        Observation::Failure(failure) => seal_texts(failure.texts()),
        Observation::Success(success) => seal_texts(success.texts()),
        Observation::HealthIssue(issue) => seal_issue(issue),
        Observation::Tick(Tick { occurred_at: _ }) => {}
    }
}

fn seal_texts(texts: Texts<'_>) {
    let Texts { ids, client_id, record, address, program, caller } = texts;
    ids.into_iter().chain([client_id]).flatten().for_each(seal_id);
    record.into_iter().chain([address, program]).flatten().for_each(mask);
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
