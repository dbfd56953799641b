//! CloudTrail records of SSO OIDC calls, wherever they come from.
//!
//! In: one record as JSON, and its surroundings. Out: a failure or a success in the batch, or the result that the
//! record is about something else. Every member may be missing, null or of a wrong type. A record can state a failure
//! in several places ([`statement`]); `classify` decides why the call failed.

mod person;
mod statement;

use std::sync::LazyLock;

use jiff::Timestamp;
use memchr::memmem::Finder;
use triage_model::account::Account;
use triage_model::caller::Caller;
use triage_model::observation::{Failure, Observation, Operation, Origin, Success};
use triage_model::problem::ProblemName;

use crate::batch::{Batch, Setting};
use crate::envelope::{Around, Filed};
use crate::json::{Member, Part, Scalar, object};
use crate::values;
use person::{Additional, OnBehalfOf, SessionContext};
use statement::Statement;

/// The event sources under which AWS has recorded these operations or may record them. China adds `.cn`.
pub const EVENT_SOURCES: [&str; 4] =
    ["sso.amazonaws.com", "sso-oauth.amazonaws.com", "ssooidc.amazonaws.com", "sso-oidc.amazonaws.com"];

/// The kind of a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// One of the four operations of our service: now in the batch, or counted there.
    Ours,
    /// A record of another operation or service.
    Foreign,
    /// Not a CloudTrail record.
    NoRecord,
}

object! {
    pub struct TrailRecord<'a> {
        event_source: Scalar<'a> = "eventSource",
        event_category: Scalar<'a> = "eventCategory",
        event_type: Scalar<'a> = "eventType",
        event_name: Scalar<'a> = "eventName",
        event_time: Scalar<'a> = "eventTime",
        event_id: Scalar<'a> = "eventID" | "eventId",
        shared_event_id: Scalar<'a> = "sharedEventID" | "sharedEventId",
        request_id: Scalar<'a> = "requestID" | "requestId",
        region: Scalar<'a> = "awsRegion",
        recipient: Scalar<'a> = "recipientAccountId",
        identity: Part<Identity<'a>> = "userIdentity",
        address: Scalar<'a> = "sourceIPAddress" | "sourceIpAddress",
        user_agent: Scalar<'a> = "userAgent",
        parameters: Part<Parameters<'a>> = "requestParameters",
        error_code: Scalar<'a> = "errorCode",
        error_message: Scalar<'a> = "errorMessage",
        status: Scalar<'a> = "httpStatusCode" | "statusCode",
        service_event: Statement = "serviceEventDetails",
        response: Statement = "responseElements",
        additional: Additional = "additionalEventData",
    }
}

object! {
    pub struct Identity<'a> {
        principal_id: Scalar<'a> = "principalId",
        account_id: Scalar<'a> = "accountId",
        user_name: Scalar<'a> = "userName",
        arn: Scalar<'a> = "arn",
        on_behalf_of: OnBehalfOf = "onBehalfOf" | "OnBehalfOf" | "onbehalfof",
        session: Part<SessionContext> = "sessionContext",
    }
}

object! {
    // The device code and all other secrets are never read.
    pub struct Parameters<'a> {
        client_id: Scalar<'a> = "clientId",
        grant_type: Scalar<'a> = "grantType",
    }
}

/// The `source` of EventBridge's envelopes around them.
pub const ENVELOPE_SOURCES: [&str; 4] = ["aws.sso", "aws.sso-oauth", "aws.ssooidc", "aws.sso-oidc"];

pub fn is_our_event_source(name: &str) -> bool {
    let name = name.strip_suffix(".cn").unwrap_or(name);
    EVENT_SOURCES.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

pub fn is_our_source(name: &str) -> bool {
    ENVELOPE_SOURCES.contains(&name)
}

/// Reads one record. Err: the text is not JSON.
pub fn read(
    text: &str,
    around: Around<'_>,
    setting: &Setting,
    batch: &mut Batch,
) -> Result<Recognised, serde_json::Error> {
    serde_json::from_str(text).map(|record| take(&record, around, setting, batch))
}

/// Reads one record from a deserializer other than plain JSON text.
pub fn read_from<'de, D: serde::Deserializer<'de>>(
    record: D,
    around: Around<'_>,
    setting: &Setting,
    batch: &mut Batch,
) -> Result<Recognised, D::Error> {
    serde::Deserialize::deserialize(record).map(|record| take(&record, around, setting, batch))
}

fn take(record: &Part<TrailRecord<'_>>, around: Around<'_>, setting: &Setting, batch: &mut Batch) -> Recognised {
    let Some(record) = record.found() else { return Recognised::NoRecord };
    if !record.event_source.is_given() && !record.event_name.is_given() {
        return Recognised::NoRecord;
    }
    let ours = match record.event_source.text() {
        Some(event_source) => is_our_event_source(event_source),
        None => around.source.is_some_and(is_our_source),
    };
    let operation = record.event_name.text().and_then(Operation::from_name);
    let (true, Some(operation)) = (ours, operation) else { return Recognised::Foreign };
    if around.filed.is_some_and(|filed| !record.is_filed_rightly(filed)) {
        batch.problems.note(
            ProblemName::SourceNotBelieved,
            "a record of another account or region than the key of its file says is left out",
        );
        return Recognised::Ours;
    }
    record.observe(operation, around, setting, batch);
    Recognised::Ours
}

/// The token that the AWS SDK puts into the user agent of an app named [`crate::batch::APP_NAME`].
pub const OWN_TOKEN: &str = "app/oidc-triage";

static OWN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(OWN_TOKEN));

/// Whether a user agent is our own probe's: it contains the whole token.
pub fn is_own_user_agent(user_agent: &str) -> bool {
    let ends = |byte: Option<&u8>| {
        byte.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b';' | b',' | b'(' | b')' | b'[' | b']'))
    };
    let bytes = user_agent.as_bytes();
    OWN.find_iter(bytes)
        .any(|at| ends(at.checked_sub(1).and_then(|at| bytes.get(at))) && ends(bytes.get(at + OWN_TOKEN.len())))
}

impl TrailRecord<'_> {
    /// CloudTrail files a record by the account that receives it and the region of the call.
    fn is_filed_rightly(&self, filed: Filed<'_>) -> bool {
        let is = |member: &Scalar<'_>, what: &str| match member {
            Scalar::Text(text) => text == what,
            // The key stands in for it.
            Scalar::Missing => true,
            Scalar::Wrong => false,
        };
        is(&self.recipient, filed.account) && is(&self.region, filed.region)
    }

    fn observe(&self, operation: Operation, around: Around<'_>, setting: &Setting, batch: &mut Batch) {
        let parameters = self.parameters.found();
        let client_id = parameters.and_then(|parameters| values::name(&parameters.client_id));
        // A caller that imitates our user agent only hides its own calls.
        let is_own = self.user_agent.text().is_some_and(is_own_user_agent)
            || client_id.as_ref().is_some_and(|id| setting.own_client_ids.contains(id))
            || self.request_id.text().is_some_and(|id| setting.own_request_ids.iter().any(|own| own == id));
        if is_own {
            batch.own += 1;
            batch.problems.note(ProblemName::OwnProbe, operation.as_str());
            return;
        }
        let error = self.error();
        if error.is_none() && self.is_network_activity() {
            return;
        }
        if error.is_none() && self.stated().iter().any(|part| part.unsuccessful) {
            // Not served, but no failure either: it may be a pending poll. It is no evidence.
            batch.problems.note(ProblemName::OutcomeUnknown, operation.as_str());
            return;
        }
        let event_time = self.event_time.text().and_then(values::time);
        // Old successes are only counted, so their defects do not matter.
        let is_old = |time: Option<Timestamp>| time.is_some_and(|time| time < setting.horizon);
        if error.is_none() && (is_old(event_time) || is_old(around.time)) {
            batch.old_successes += 1;
            return;
        }
        self.note_wrong_members(batch);
        let occurred_at = self.occurred_at(event_time, around, setting, batch);
        let region = values::region(self.region.text().or(around.region), setting, batch);
        let address = values::name(&self.address);
        let user_agent = values::user_agent(&self.user_agent);
        let caller = self.caller(client_id.as_deref(), address.as_deref(), user_agent.as_deref());
        let given_id = |scalar: &Scalar<'_>| scalar.text().and_then(values::id).map(str::to_owned);
        let request_id = given_id(&self.request_id);
        let event_id = given_id(&self.event_id);
        let around_id = around.id.and_then(values::id).map(str::to_owned);
        let id = request_id
            .clone()
            .or_else(|| event_id.clone())
            .or_else(|| given_id(&self.shared_event_id))
            .or_else(|| around_id.clone());
        let id = id.unwrap_or_else(|| self.made_id(operation, &caller));

        let grant_type = parameters.and_then(|parameters| values::name(&parameters.grant_type));

        let account = self.recipient.text().and_then(Account::of).or_else(|| {
            let identity = self.identity.found().and_then(|identity| identity.account_id.text());
            identity.and_then(Account::of).or_else(|| around.account.and_then(Account::of))
        });

        let Some(error) = error else {
            batch.observations.push(Observation::Success(Success {
                id,
                origin: Origin::CloudTrail,
                region,
                operation,
                grant_type,
                caller,
                client_id,
                user_agent,
                address,
                occurred_at,
                account,
                replayed: around.replayed,
                answer_only: false,
            }));
            return;
        };
        batch.observations.push(Observation::Failure(Box::new(Failure {
            id,
            event_id: event_id.or(around_id),
            request_id,
            origin: Origin::CloudTrail,
            region,
            is_region_assumed: false,
            operation: Some(operation),
            code: error.code,
            inner_code: error.inner_code,
            status: error.status,
            message: error.message,
            reason: error.reason,
            grant_type,
            no_answer: false,
            caller,
            client_id,
            user_agent,
            address,
            occurred_at,
            request: None,
            account,
            program: None,
            replayed: around.replayed,
            answer_only: false,
        })));
    }

    /// Whether a VPC endpoint wrote the record. It states what the endpoint refused. For calls it let through, the
    /// service's own record says how they ended.
    fn is_network_activity(&self) -> bool {
        self.event_category.text() == Some("NetworkActivity") || self.event_type.text() == Some("AwsVpceEvent")
    }

    fn occurred_at(
        &self,
        event_time: Option<Timestamp>,
        around: Around<'_>,
        setting: &Setting,
        batch: &mut Batch,
    ) -> Timestamp {
        if event_time.is_none() && (self.event_time.is_given() || around.time.is_none()) {
            batch.problems.note(ProblemName::TimeInvalid, "eventTime is missing or not a time");
        }
        event_time.or(around.time).unwrap_or(setting.now)
    }

    fn note_wrong_members(&self, batch: &mut Batch) {
        let mut wrong = self.wrong_members();
        if let Some(identity) = self.identity.found() {
            wrong.extend(identity.wrong_members());
        }
        wrong.extend(self.parameters.found().map(Parameters::wrong_members).unwrap_or_default());
        let ids = [("requestID", &self.request_id), ("eventID", &self.event_id)];
        let is_no_id = |scalar: &Scalar<'_>| scalar.text().is_some_and(|text| values::id(text).is_none());
        wrong.extend(ids.into_iter().filter(|(_, scalar)| is_no_id(scalar)).map(|(name, _)| name));
        if !wrong.is_empty() {
            batch.problems.note(ProblemName::FieldWrongType, values::listed(wrong));
        }
    }

    /// The best evidence of the caller. Values shared by an account's anonymous callers name nobody.
    fn caller(&self, client_id: Option<&str>, address: Option<&str>, user_agent: Option<&str>) -> Caller {
        if let Some(user_id) = self.person() {
            return Caller::user(user_id);
        }
        if let Some(identity) = self.identity.found() {
            let account_id = identity.account_id.text();
            let principal_id = identity.principal_id.text().filter(|id| Some(*id) != account_id);
            let principal = [principal_id, identity.user_name.text(), identity.arn.text()]
                .into_iter()
                .find_map(|name| values::person(name?));
            if let Some(principal) = principal {
                return Caller::principal(principal);
            }
        }
        match (client_id, address) {
            (Some(client_id), address) => {
                Caller::Client { client_id: client_id.to_owned(), address: address.unwrap_or_default().to_owned() }
            }
            (None, Some(address)) => {
                Caller::Address { address: address.to_owned(), user_agent: user_agent.unwrap_or_default().to_owned() }
            }
            // A user agent alone names a tool, not a caller.
            (None, None) => Caller::Unknown,
        }
    }

    /// The person for whom the call was made. Many people share an application's role.
    fn person(&self) -> Option<&str> {
        let identity = self.identity.found();
        let of_session = || identity?.session.found()?.person();
        identity
            .and_then(|identity| identity.on_behalf_of.person())
            .or_else(of_session)
            .or_else(|| self.additional.person())
    }

    /// A record without any id is identified by its content.
    fn made_id(&self, operation: Operation, caller: &Caller) -> String {
        let texts = [&self.event_time, &self.region, &self.error_code].map(|scalar| scalar.text().unwrap_or_default());
        values::made_id(&[operation.as_str(), &format!("{caller:?}"), texts[0], texts[1], texts[2]])
    }

    /// The parts that state how the call ended.
    fn stated(&self) -> [&Statement; 3] {
        [&self.service_event, &self.response, &self.additional.statement]
    }

    /// The failure in the record, if there is one.
    fn error(&self) -> Option<ErrorFacts> {
        let stated = self.stated();
        let own_code = self.error_code.text().and_then(values::code).map(str::to_owned);
        let own_message = values::message(&self.error_message);
        let own_status = self.status.text().and_then(values::status);
        // Text that is not a code is an error too.
        let failed = self.error_code.text().is_some()
            || self.error_code.is_wrong()
            || own_message.is_some()
            || own_status.is_some_and(|status| status >= 400)
            || stated.iter().any(|part| part.failed);
        if !failed {
            return None;
        }
        let stated_code = stated.iter().find_map(|part| part.code().map(str::to_owned));
        let stated_status = stated.iter().find_map(|part| part.status);
        let (code, inner_code) = match (own_code, stated_code) {
            (Some(own), Some(stated)) if own != stated => (Some(own), Some(stated)),
            (own, stated) => (own.or(stated), None),
        };
        let status = own_status.or(stated_status).or_else(|| code.as_deref().and_then(values::status));
        Some(ErrorFacts {
            code: code.or_else(|| status.map(|status| status.to_string())),
            inner_code,
            status,
            message: own_message.or_else(|| stated.iter().find_map(|part| part.message().map(str::to_owned))),
            reason: stated.iter().find_map(|part| part.reason.clone()),
        })
    }
}

struct ErrorFacts {
    code: Option<String>,
    inner_code: Option<String>,
    status: Option<u16>,
    message: Option<String>,
    reason: Option<String>,
}

#[cfg(test)]
mod tests;
