//! `call`s: a failed call that the calling program hands over, to be classified and perhaps retried.
//!
//! In: the `detail` of the contract, from the event bus or from a direct invocation. Out: one failure, or the problem
//! `call_invalid` with all reasons. The inputs of the call ([`request`]) may contain secrets: those are accepted in a
//! direct invocation only, and problems never quote a value of `request`.

mod request;

use serde_json::value::RawValue;
use triage_model::account::Account as AwsAccount;
use triage_model::caller::Caller;
use triage_model::classify;
use triage_model::observation::{CallRequest, Failure, Observation, Operation, Origin};
use triage_model::problem::ProblemName;

use crate::batch::{Batch, Setting};
use crate::envelope::Around;
use crate::json::{Member, Part, Raw, Scalar, object};
use crate::{json, values};

object! {
    struct HandedCall<'a> {
        operation: Scalar<'a> = "operation",
        region: Scalar<'a> = "region",
        occurred_at: Scalar<'a> = "occurredAt" | "occurred_at",
        caller: Scalar<'a> = "caller",
        error: Part<HandedError<'a>> = "error",
        request: Raw<'a> = "request",
    }
}

object! {
    struct HandedError<'a> {
        code: Scalar<'a> = "code",
        status: Scalar<'a> = "status" | "statusCode" | "status_code",
        message: Scalar<'a> = "message",
        reason: Scalar<'a> = "reason",
        request_id: Scalar<'a> = "requestId" | "request_id" | "requestID",
    }
}

/// The required members: an operation, and a code or a status.
struct Required {
    operation: Operation,
    code: Option<String>,
    status: Option<u16>,
}

/// Reads one `call`. `is_direct`: the `call` is the whole payload of an invocation, which may contain secrets.
pub fn read(text: &str, around: Around<'_>, is_direct: bool, setting: &Setting, batch: &mut Batch) {
    // Secrets come first: a call refused for another reason carries them too.
    note_stray_secrets(text, is_direct, batch);
    let call = match serde_json::from_str::<Part<HandedCall<'_>>>(text) {
        Ok(Part::Found(call)) => call,
        Ok(Part::Missing | Part::Wrong) => {
            batch.problems.note(ProblemName::CallInvalid, "the detail is not an object");
            return;
        }
        Err(error) => {
            batch.problems.note(ProblemName::CallInvalid, json::describe(&error));
            return;
        }
    };
    let inputs = request::read(call.request.0.map(RawValue::get), is_direct, batch);
    match call.required() {
        Ok(required) => {
            let failure = call.failure(required, inputs, around, setting, batch);
            batch.observations.push(Observation::Failure(Box::new(failure)));
        }
        Err(reasons) => batch.problems.note(ProblemName::CallInvalid, reasons.join("; ")),
    }
}

/// A secret outside `request` is not used, but the payload carries it.
fn note_stray_secrets(text: &str, is_direct: bool, batch: &mut Batch) {
    let Ok(json::Keys(keys)) = serde_json::from_str::<json::Keys>(text) else { return };
    let secrets: Vec<&str> = keys.iter().map(String::as_str).filter(|key| request::is_secret_key(key)).collect();
    if secrets.is_empty() {
        return;
    }
    batch.carries_secrets = true;
    if !is_direct {
        batch.problems.note(ProblemName::SecretInEnvelope, values::listed_keys(secrets));
    }
}

impl HandedCall<'_> {
    /// The required members of a call, or everything that is wrong with them.
    fn required(&self) -> Result<Required, Vec<&'static str>> {
        let mut reasons = Vec::new();
        let operation = self.operation.text().and_then(Operation::from_name);
        if operation.is_none() {
            reasons.push(match self.operation.text() {
                Some(_) => "operation is not one of the four",
                None => "operation is required",
            });
        }
        let error = self.error.found();
        let code = error.and_then(|error| error.code.text()).and_then(values::code).map(str::to_owned);
        let status = error.and_then(|error| error.status.text()).and_then(values::status);
        if code.is_none() && status.is_none() {
            reasons.push(match error {
                Some(error) if error.status.is_given() => "error.status is not an HTTP status",
                Some(_) => "error.code or error.status is required",
                None if self.error.is_wrong() => "error is not an object",
                None => "error is required",
            });
        }
        match operation {
            Some(operation) if reasons.is_empty() => Ok(Required { operation, code, status }),
            Some(_) | None => Err(reasons),
        }
    }

    fn failure(
        &self,
        required: Required,
        inputs: request::Inputs,
        around: Around<'_>,
        setting: &Setting,
        batch: &mut Batch,
    ) -> Failure {
        let Required { operation, code, status } = required;
        self.note_wrong_members(status, batch);
        let given = values::time_or_note(&self.occurred_at, "occurredAt", batch);
        let occurred_at = given.or(around.time).unwrap_or(setting.now);
        let error = self.error.found();
        let text = |pick: fn(&HandedError<'_>) -> Option<String>| error.and_then(pick);
        let request_id = text(|error| error.request_id.text().and_then(values::id).map(str::to_owned));
        let message = text(|error| values::message(&error.message));
        let status = status.or_else(|| code.as_deref().and_then(values::status));
        let no_answer = status.is_none() && code.as_deref().is_some_and(classify::means_no_answer);
        let code = code.or_else(|| status.map(|status| status.to_string()));
        let region = values::region(self.region.text(), setting, batch);
        let caller = match (values::name(&self.caller), &inputs.client_id) {
            (Some(name), _) => Caller::Named(name),
            (None, Some(id)) => Caller::Client { client_id: id.clone(), address: String::new() },
            (None, None) => Caller::Unknown,
        };
        let event_id = around.id.and_then(values::id).map(str::to_owned);
        let id = request_id.clone().or_else(|| event_id.clone()).unwrap_or_else(|| {
            let caller = format!("{caller:?}");
            let region = self.region.text().unwrap_or_default();
            let code = code.as_deref().unwrap_or_default();
            let message = message.as_deref().unwrap_or_default();
            values::made_id(&[operation.as_str(), region, code, message, &caller, &occurred_at.to_string()])
        });
        Failure {
            id,
            event_id,
            request_id,
            origin: Origin::Call,
            region,
            is_region_assumed: self.region.text().is_none(),
            operation: Some(operation),
            code,
            inner_code: None,
            status,
            message,
            reason: text(|error| values::name(&error.reason)),
            grant_type: inputs.grant_type,
            no_answer,
            caller,
            client_id: inputs.client_id,
            user_agent: None,
            address: None,
            occurred_at,
            request: inputs.request.map(Box::<CallRequest>::new),
            account: around.account.and_then(AwsAccount::of),
            program: around.program(),
            replayed: around.replayed,
            answer_only: false,
        }
    }

    fn note_wrong_members(&self, status: Option<u16>, batch: &mut Batch) {
        let mut wrong = self.wrong_members();
        if let Some(error) = self.error.found() {
            wrong.extend(error.wrong_members());
            if error.status.text().is_some() && status.is_none() {
                wrong.push("status");
            }
            if error.request_id.text().is_some_and(|text| values::id(text).is_none()) {
                wrong.push("requestId");
            }
        }
        if !wrong.is_empty() {
            batch.problems.note(ProblemName::FieldWrongType, values::listed(wrong));
        }
    }
}

#[cfg(test)]
mod tests;
