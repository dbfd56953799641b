//! The facts of an event, independent of its transport.
//!
//! The decoder makes them; everything else uses them. One [`Observation`] is one failed call, one successful call, one
//! state of an AWS Health issue, or one tick of the clock. Texts are untrusted and raw: bound and escape them where
//! they are shown.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::account::Account;
use crate::caller::Caller;
use crate::grant::{Grant, is_application};
use crate::redact::Secret;
use crate::region::Region;

#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    Failure(Box<Failure>),
    Success(Success),
    HealthIssue(HealthIssue),
    Tick(Tick),
}

/// The four operations of the SSO OIDC API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    RegisterClient,
    StartDeviceAuthorization,
    CreateToken,
    CreateTokenWithIam,
}

impl Operation {
    pub const ALL: [Self; 4] =
        [Self::RegisterClient, Self::StartDeviceAuthorization, Self::CreateToken, Self::CreateTokenWithIam];

    /// The name as AWS spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegisterClient => "RegisterClient",
            Self::StartDeviceAuthorization => "StartDeviceAuthorization",
            Self::CreateToken => "CreateToken",
            Self::CreateTokenWithIam => "CreateTokenWithIAM",
        }
    }

    /// The operation of that name. Letter case does not matter: SDKs write `create_token_with_iam` variants in their
    /// own style, but where a full name stands it differs in case at most.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom("not an operation of SSO OIDC"))
    }
}

/// OAuth's name of the device flow, as SSO OIDC wants it in `grantType` and `grantTypes`.
pub const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The kind of record, not its transport: a CloudTrail record in a log line is `cloudtrail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    CloudTrail,
    Logs,
    Call,
}

impl Origin {
    pub const ALL: [Self; 3] = [Self::CloudTrail, Self::Logs, Self::Call];
}

/// One failed SSO OIDC call.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The AWS request id where known, so that one failure seen in CloudTrail and in a log counts once; else the
    /// event id; else the log event id.
    pub id: String,
    /// CloudTrail's `eventID`, or the id of the EventBridge envelope of a `call`, or the log event's id.
    pub event_id: Option<String>,
    pub request_id: Option<String>,
    pub origin: Origin,
    /// None where the record names a region that does not exist.
    pub region: Option<Region>,
    /// No region is named: the setting's stands in.
    pub is_region_assumed: bool,
    /// None where a log line names the service but not the operation.
    pub operation: Option<Operation>,
    /// The outer code as the caller saw it, without `Client.`/`Server.`; for a bare status that status as text.
    pub code: Option<String>,
    /// A second code inside the first: Java v1 prints a model class with another `Error Code` inside.
    pub inner_code: Option<String>,
    pub status: Option<u16>,
    pub message: Option<String>,
    /// The `reason` field of AccessDenied and InvalidRequest: a KMS reason.
    pub reason: Option<String>,
    /// OAuth's `grant_type`, if the record has it.
    pub grant_type: Option<String>,
    /// The caller's SDK got no answer at all: time-out, DNS, TLS, refused or reset connection.
    pub no_answer: bool,
    pub caller: Caller,
    pub client_id: Option<String>,
    pub user_agent: Option<String>,
    pub address: Option<String>,
    pub occurred_at: Timestamp,
    /// The inputs of the call, where its caller handed them over for a retry.
    pub request: Option<Box<CallRequest>>,
    /// The account whose record or log it was: CloudTrail's recipient, the log group's owner, the envelope's account.
    pub account: Option<Account>,
    /// The program that put a `call` on the bus: the envelope's source and account.
    pub program: Option<String>,
    /// Out of an EventBridge archive: classified and counted, never acted on.
    pub replayed: bool,
    /// The source gets an answer, but this is no evidence ([`crate::trust`]).
    pub answer_only: bool,
}

/// One successful SSO OIDC call.
#[derive(Clone, Debug, PartialEq)]
pub struct Success {
    /// The AWS request id where known, else the event id.
    pub id: String,
    pub origin: Origin,
    pub region: Option<Region>,
    pub operation: Operation,
    /// OAuth's `grant_type`, if the record has it.
    pub grant_type: Option<String>,
    pub caller: Caller,
    pub client_id: Option<String>,
    pub user_agent: Option<String>,
    pub address: Option<String>,
    pub occurred_at: Timestamp,
    /// As of a failure.
    pub account: Option<Account>,
    pub replayed: bool,
    pub answer_only: bool,
}

impl Failure {
    pub fn grant(&self) -> Option<Grant> {
        self.grant_type.as_deref().and_then(Grant::of)
    }

    /// The ARN of the application that a CreateTokenWithIAM was for.
    pub fn application(&self) -> Option<&str> {
        self.operation.and_then(|operation| application_of(operation, self.client_id.as_deref()))
    }
}

impl Success {
    pub fn grant(&self) -> Option<Grant> {
        self.grant_type.as_deref().and_then(Grant::of)
    }

    /// The ARN of the application that a CreateTokenWithIAM was for.
    pub fn application(&self) -> Option<&str> {
        application_of(self.operation, self.client_id.as_deref())
    }
}

/// Untrusted text in a failed or a successful call, by its treatment: it is masked, and where names are hashed no
/// person is left in it.
pub struct Texts<'t> {
    /// Of the call, and of its record.
    pub ids: [Option<&'t mut String>; 3],
    pub client_id: Option<&'t mut String>,
    pub record: [Option<&'t mut String>; 6],
    pub address: Option<&'t mut String>,
    pub program: Option<&'t mut String>,
    pub caller: &'t mut Caller,
}

impl Failure {
    /// Every member is named here, so that a new one is looked at or does not compile.
    pub fn texts(&mut self) -> Texts<'_> {
        let Self {
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
            // The inputs of a retry: the secrets have a type of their own, and none of them is shown.
            request: _,
            // Digits.
            account: _,
            program,
            replayed: _,
            answer_only: _,
        } = self;
        Texts {
            ids: [Some(id), event_id.as_mut(), request_id.as_mut()],
            client_id: client_id.as_mut(),
            record: [code, inner_code, message, reason, grant_type, user_agent].map(Option::as_mut),
            address: address.as_mut(),
            program: program.as_mut(),
            caller,
        }
    }
}

impl Success {
    /// Every member is named here, so that a new one is looked at or does not compile.
    pub fn texts(&mut self) -> Texts<'_> {
        let Self {
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
            account: _,
            replayed: _,
            answer_only: _,
        } = self;
        Texts {
            ids: [Some(id), None, None],
            client_id: client_id.as_mut(),
            record: [grant_type.as_mut(), user_agent.as_mut(), None, None, None, None],
            address: address.as_mut(),
            program: None,
            caller,
        }
    }
}

/// The other operations have a registered client here, whatever its id looks like.
fn application_of(operation: Operation, client_id: Option<&str>) -> Option<&str> {
    client_id.filter(|id| operation == Operation::CreateTokenWithIam && is_application(id))
}

/// The state of an issue that AWS Health reports. Both copies of an issue have one `event_arn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthIssue {
    pub event_arn: String,
    /// AWS Health's service code, such as `SSO`.
    pub service: String,
    pub event_type_code: String,
    /// The affected region (`detail.eventRegion`), not where the event was delivered.
    pub region: Option<Region>,
    pub started_at: Option<Timestamp>,
    /// Set as soon as the issue is over: AWS may still say `statusCode: open` then.
    pub ended_at: Option<Timestamp>,
    /// The latest description, as it came.
    pub description: String,
    /// When AWS sent it (the envelope's time).
    pub occurred_at: Timestamp,
}

/// Service codes under which AWS Health may report a sign-in failure. Which one it uses for Identity Center is not
/// documented, so the description counts as well.
const SIGN_IN_SERVICES: &[&str] =
    &["SSO", "SSOOIDC", "IDENTITYCENTER", "IAMIDENTITYCENTER", "IDENTITYSTORE", "SIGNIN", "IAM"];

/// Phrases for it in descriptions.
const SIGN_IN_WORDS: &[&str] = &["identity center", "single sign-on", "sso oidc", "sign-in", "signing in"];

impl HealthIssue {
    /// Whether the issue is about signing in. An issue of another service may still be the cause: in October 2025 it
    /// was DynamoDB's.
    pub fn concerns_sign_in(&self) -> bool {
        let service: String = self.service.chars().filter(char::is_ascii_alphanumeric).collect();
        let description = self.description.to_lowercase();
        SIGN_IN_SERVICES.iter().any(|known| known.eq_ignore_ascii_case(&service))
            || SIGN_IN_WORDS.iter().any(|words| description.contains(words))
    }
}

/// One tick of the schedule: a minute has passed.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub occurred_at: Timestamp,
}

/// The inputs of a call, handed over by its caller. The operation decides which are required.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallRequest {
    pub client_name: Option<String>,
    pub client_type: Option<String>,
    pub scopes: Vec<String>,
    pub redirect_uris: Vec<String>,
    pub grant_types: Vec<String>,
    pub issuer_url: Option<String>,
    pub entitled_application_arn: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub start_url: Option<String>,
    pub grant_type: Option<String>,
    pub device_code: Option<Secret>,
    pub code: Option<Secret>,
    pub refresh_token: Option<Secret>,
    pub code_verifier: Option<Secret>,
    pub redirect_uri: Option<String>,
    /// The `scope` list of CreateToken.
    pub scope: Vec<String>,
}

impl Observation {
    pub fn occurred_at(&self) -> Timestamp {
        match self {
            Self::Failure(failure) => failure.occurred_at,
            Self::Success(success) => success.occurred_at,
            Self::HealthIssue(issue) => issue.occurred_at,
            Self::Tick(tick) => tick.occurred_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_create_token_with_iam_is_for_an_application() {
        let arn = "arn:aws:sso::111122223333:application/ssoins-1/apl-2";
        for operation in Operation::ALL {
            let expected = Some(arn).filter(|_| operation == Operation::CreateTokenWithIam);
            assert_eq!(application_of(operation, Some(arn)), expected, "{operation}");
            assert_eq!(application_of(operation, Some("client-1")), None, "{operation}");
            assert_eq!(application_of(operation, None), None, "{operation}");
        }
    }
}
