//! Masks every text of an observation before it leaves the decoder.
//!
//! In: an observation from its decoder. Out: the same with each of its texts masked. Masking a text twice (decoders
//! mask texts they cut) costs nothing.

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

/// Different ids stay different when hidden: a secret in their place is too long to be guessed from its hash.
fn seal_id(id: &mut String) {
    let is_secret = matches!(masked(id), std::borrow::Cow::Owned(_));
    if is_secret {
        *id = made_id(&[id]);
    }
}
