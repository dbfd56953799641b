//! A call and its outcome: operation, caller, tool, address.

use triage_model::observation::Operation;

pub const HOME: &str = "us-east-1";

/// How a call went wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    pub code: &'static str,
    pub message: Option<&'static str>,
}

pub const INTERNAL: Fault = Fault { code: "InternalServerException", message: None };
/// Not a failure: the device is not confirmed yet.
pub const PENDING: Fault = Fault { code: "AuthorizationPendingException", message: None };

/// The grant of a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Refresh,
    DeviceCode,
    AuthorizationCode,
    JwtBearer,
}

impl Grant {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh_token",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::AuthorizationCode => "authorization_code",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        }
    }
}

/// The caller in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person of Identity Center.
    Person(u64),
    /// Only an address and a user agent.
    Nobody,
    /// The role of the calling application, and the person for whom it calls, if the record has one.
    Role(Option<u64>),
}

/// A call and its outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    pub region: &'static str,
    pub who: Who,
    pub operation: Operation,
    /// None if the record does not say.
    pub grant: Option<Grant>,
    /// The user agent: the tool and its version come first.
    pub agent: &'static str,
    /// Each address has a number: see [`address`].
    pub address: u64,
    /// For CreateTokenWithIAM only.
    pub application: Option<u64>,
}

/// An office's shared public address.
pub const OFFICE: u64 = u64::MAX;

pub fn address(number: u64) -> String {
    if number == OFFICE { "203.0.113.7".to_owned() } else { format!("10.{}.{}.7", number / 256 % 256, number % 256) }
}

pub fn application_arn(application: u64) -> String {
    format!("arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-{application:016x}")
}

/// Callers as far as records distinguish them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    Person(u64),
    Address(u64, &'static str),
    Application(u64),
}

impl Call {
    pub fn counted(&self) -> Counted {
        match self.who {
            Who::Person(person) | Who::Role(Some(person)) => Counted::Person(person),
            Who::Nobody => Counted::Address(self.address, self.agent),
            Who::Role(None) => Counted::Application(self.application.unwrap_or_default()),
        }
    }
}
