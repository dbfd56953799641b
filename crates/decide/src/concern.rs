//! What an incident is about: the failures that open it and keep it open.
//!
//! Data, and the one answer to "does this failure belong to it?" ([`ConcernKey::takes`]).

use serde::{Deserialize, Serialize};
use triage_model::classify::{Cause, SERVICE_CAUSES};
use triage_model::observation::Operation;

use crate::evidence::mark::Mark;

/// What an incident is about, with its name for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", from = "StoredConcern")]
pub enum Concern {
    /// The service's own failures, or no answer.
    Service,
    /// One reason or code of the administrator's.
    Admin {
        label: u16,
        name: String,
        /// A KMS key refuses.
        key: bool,
    },
    /// One code of one operation.
    Request { label: u16, name: String, operation: Option<Operation> },
}

/// A [`Concern`] as it may stand in a ledger.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredConcern {
    Service,
    Admin { label: u16, name: String, key: Option<bool> },
    Request { label: u16, name: String, operation: Option<Operation> },
}

impl From<StoredConcern> for Concern {
    fn from(stored: StoredConcern) -> Self {
        match stored {
            StoredConcern::Service => Self::Service,
            StoredConcern::Admin { label, name, key } => {
                // The version before this one knew the refusal of a key by its name.
                let key = key.unwrap_or_else(|| name.starts_with("KMS"));
                Self::Admin { label, name, key }
            }
            StoredConcern::Request { label, name, operation } => Self::Request { label, name, operation },
        }
    }
}

/// A [`Concern`] without its name: names are not always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConcernKey {
    Service,
    /// By the label of the reason.
    Admin(u16),
    /// By the label of the code.
    Request(u16, Option<Operation>),
}

impl Concern {
    pub const fn key(&self) -> ConcernKey {
        match self {
            Self::Service => ConcernKey::Service,
            Self::Admin { label, .. } => ConcernKey::Admin(*label),
            Self::Request { label, operation, .. } => ConcernKey::Request(*label, *operation),
        }
    }
}

impl ConcernKey {
    /// The concern that a failure counts towards. None for a failure that stops no sign-in, or that is reported by its
    /// count alone.
    pub const fn of(mark: &Mark) -> Option<Self> {
        match mark.cause {
            Cause::Service | Cause::Unreachable => Some(Self::Service),
            Cause::Admin => Some(Self::Admin(mark.label)),
            Cause::Request => Some(Self::Request(mark.label, mark.operation)),
            Cause::Expected | Cause::Throttled | Cause::Unrecognised => None,
        }
    }

    pub fn takes(self, mark: &Mark) -> bool {
        Self::of(mark) == Some(self)
    }

    /// The causes of such failures.
    pub const fn causes(self) -> &'static [Cause] {
        match self {
            Self::Service => &SERVICE_CAUSES,
            Self::Admin(_) => &[Cause::Admin],
            Self::Request(..) => &[Cause::Request],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_version_before_wrote_is_read_with_its_key() {
        for (name, key) in [("KMS_DisabledException", true), ("AccessDeniedException", false)] {
            let stored = format!(r#"{{"admin":{{"label":7,"name":"{name}"}}}}"#);
            let read: Concern = serde_json::from_str(&stored).unwrap();
            assert_eq!(read, Concern::Admin { label: 7, name: name.to_owned(), key });
        }
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let (label, name) = (7, "kms:Decrypt".to_owned());
        let admin = Concern::Admin { label, name: name.clone(), key: true };
        let request = Concern::Request { label, name, operation: Some(Operation::CreateToken) };
        for concern in [Concern::Service, admin, request] {
            let stored = serde_json::to_string(&concern).unwrap();
            assert_eq!(serde_json::from_str::<Concern>(&stored).unwrap(), concern, "{stored}");
        }
    }
}
