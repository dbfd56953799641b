//! One error of an SDK, as data.
//!
//! In: the fields found by a printed form (`forms`). Out: whether the error is about a call of SSO OIDC ([`is_ours`]),
//! and whether two errors are one failure. No text is searched here.

use triage_model::observation::Operation;

use crate::sdk_error::service::{Mark, ServiceSigns, bare_status, is_known_code, is_modelled_code};

/// The most errors of one program in one printout. It also bounds the work: each error reads its whole line, and
/// merging compares all pairs.
pub const ERRORS_MAX: usize = 64;

/// One error as an SDK printed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SdkError {
    /// Where in the text it starts.
    pub at: usize,
    pub service: NamedService,
    pub operation: Option<Operation>,
    pub code: Option<String>,
    /// Java v1's `Error Code`, where it is not the class.
    pub inner_code: Option<String>,
    pub status: Option<u16>,
    pub message: Option<String>,
    pub request_id: Option<RequestId>,
    /// The region of the host in the error itself.
    pub region: Option<String>,
    pub no_answer: bool,
    /// Printed with its fields by name, as in JavaScript, Rust and Python dumps: then `error_description`, which only
    /// this service's exceptions have, shows whose it is.
    pub has_fields: bool,
}

/// The service that an error names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamedService {
    SsoOidc,
    /// The form names none: the text around it must.
    #[default]
    Unnamed,
    /// Another service, or an operation that is not one of the four.
    Other,
}

/// A request id, and how certain it is that AWS issued it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestId {
    /// In an SDK's own place for it.
    OfAws(String),
    /// A field of the log line with that name: perhaps the application's own id.
    OfLine(String),
}

impl RequestId {
    pub fn as_str(&self) -> &str {
        match self {
            Self::OfAws(id) | Self::OfLine(id) => id,
        }
    }
}

/// The access portal's answers after a session has ended (GetRoleCredentials, ListAccounts): the commonest look-alike.
const PORTAL_CODE: &str = "UnauthorizedException";

/// Whether an error is about a call of SSO OIDC, by itself and by the signs in its printout.
pub fn is_ours(error: &SdkError, signs: &ServiceSigns) -> bool {
    match error.service {
        NamedService::SsoOidc => true,
        NamedService::Other => false,
        NamedService::Unnamed => {
            let code = error.code.as_deref().unwrap_or_default();
            if code == PORTAL_CODE {
                return false;
            }
            let operation = error.operation.or(signs.operation);
            let own_fields = error.has_fields && signs.oauth_fields && is_modelled_code(code);
            let is_ours = match signs.mark {
                Mark::None => false,
                // Every program loses connections.
                Mark::Word => !error.no_answer || operation.or(signs.method).is_some(),
                Mark::Name | Mark::Host => true,
            };
            if is_ours {
                // A program that signs in also calls other services, and names ours next to their errors.
                !signs.stranger || own_fields || operation.or(signs.method).is_some()
            } else {
                !signs.other && (own_fields || operation.is_some() && is_known_code(code))
            }
        }
    }
}

impl SdkError {
    /// Whether two errors of one printout can be the same failure, printed twice.
    pub fn is_compatible(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let same_id = match (&self.request_id, &other.request_id) {
            (Some(one), Some(other)) => one.as_str() == other.as_str(),
            (None, _) | (_, None) => true,
        };
        // A wrapper may describe a lost connection in its own words: it is the same call.
        let same_code = agree(&self.code, &other.code) || self.no_answer || other.no_answer || self.is_repeat(other);
        same_id && same_code && agree(&self.operation, &other.operation)
    }

    /// One exception's model class and its `Error Code`, printed apart; or the status if the code is unknown.
    fn is_repeat(&self, other: &Self) -> bool {
        let is_status = |error: &Self| error.code.as_deref().is_some_and(|code| bare_status(code).is_some());
        self.inner_code == other.code || other.inner_code == self.code || is_status(self) || is_status(other)
    }

    /// Fills missing fields from `other`.
    pub fn absorb(&mut self, other: Self) {
        let status_for_code = |error: &Self| error.code.as_deref().is_none_or(|code| bare_status(code).is_some());
        if self.no_answer && !other.no_answer && other.code.is_some()
            || status_for_code(self) && !status_for_code(&other)
        {
            self.code = other.code;
            self.no_answer = other.no_answer;
        } else if self.code.is_none() {
            self.code = other.code;
            self.no_answer |= other.no_answer;
        }
        self.at = self.at.min(other.at);
        self.operation = self.operation.or(other.operation);
        self.status = self.status.or(other.status);
        if self.inner_code.is_none() {
            self.inner_code = other.inner_code;
        }
        if self.message.is_none() {
            self.message = other.message;
        }
        if self.request_id.is_none() {
            self.request_id = other.request_id;
        }
        if self.region.is_none() {
            self.region = other.region;
        }
    }
}
