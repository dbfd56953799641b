//! What a call may have in common with others.
//!
//! In: what a record says of a call, failed or served. Out: a [`Common`]: the tool, the network, the application and
//! the account, as [`Traits`] to be counted and as [`Names`] to be shown.

use triage_decide::evidence::mark::{Names, Traits, hash16};
use triage_model::caller::Caller;
use triage_model::grant::Grant;
use triage_model::observation::{Failure, Operation, Success};
use triage_model::redact::{SHOWN_ARN_MAX, SHOWN_NAME_MAX, one_line};

use crate::settings::CallerNames;
use crate::tool::{tool, without_version};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Common {
    grant: Option<Grant>,
    /// With its version.
    tool: Option<String>,
    network: Option<String>,
    application: Option<String>,
    /// Of AWS.
    account: Option<String>,
    /// The caller may stand for many people.
    crowd: bool,
}

impl From<&Failure> for Common {
    fn from(failure: &Failure) -> Self {
        let (grant, application) = (failure.grant(), failure.application());
        let (agent, address) = (failure.user_agent.as_deref(), failure.address.as_deref());
        let account = failure.account.map(|account| account.to_string());
        Self { account, ..Self::of(failure.operation, grant, application, agent, address, &failure.caller) }
    }
}

impl From<&Success> for Common {
    fn from(success: &Success) -> Self {
        let (grant, application) = (success.grant(), success.application());
        let (agent, address) = (success.user_agent.as_deref(), success.address.as_deref());
        let account = success.account.map(|account| account.to_string());
        Self { account, ..Self::of(Some(success.operation), grant, application, agent, address, &success.caller) }
    }
}

impl Common {
    fn of(
        operation: Option<Operation>,
        grant: Option<Grant>,
        application: Option<&str>,
        user_agent: Option<&str>,
        address: Option<&str>,
        caller: &Caller,
    ) -> Self {
        let group = match caller {
            Caller::LogGroup(group) => Some(group.as_str()),
            Caller::User(_)
            | Caller::Principal(_)
            | Caller::Client { .. }
            | Caller::Address { .. }
            | Caller::Named(_)
            | Caller::Unknown => None,
        };
        let crowd = match caller {
            Caller::Address { .. } => true,
            // An application signs in all of its users by one role.
            Caller::Principal(_) => operation == Some(Operation::CreateTokenWithIam),
            Caller::User(_) | Caller::Client { .. } | Caller::Named(_) | Caller::LogGroup(_) | Caller::Unknown => false,
        };
        let shown = |text: &str| one_line(text, SHOWN_NAME_MAX);
        Self {
            grant,
            tool: user_agent.and_then(tool),
            network: address.or(group).map(shown),
            application: application.map(|arn| one_line(arn, SHOWN_ARN_MAX)),
            account: None,
            crowd,
        }
    }

    pub fn traits(&self) -> Traits {
        let hash = |name: Option<&str>| name.map_or(0, hash16);
        Traits {
            grant: self.grant,
            tool: hash(self.tool.as_deref()),
            product: hash(self.product()),
            network: hash(self.network.as_deref()),
            application: hash(self.application.as_deref()),
            account: hash(self.account.as_deref()),
            crowd: self.crowd,
        }
    }

    /// The tool without its version.
    fn product(&self) -> Option<&str> {
        self.tool.as_deref().map(without_version)
    }

    /// The names behind the hashes in the traits. Where callers are not named, addresses are not either.
    pub fn names(&self, caller_names: CallerNames) -> Names {
        let traits = self.traits();
        let mut names = Names::default();
        if let (Some(tool), Some(product)) = (&self.tool, self.product()) {
            names.tools.insert(traits.tool, tool.clone());
            names.tools.insert(traits.product, product.to_owned());
        }
        if let Some(application) = &self.application {
            names.applications.insert(traits.application, application.clone());
        }
        if let Some(account) = &self.account {
            names.accounts.insert(traits.account, account.clone());
        }
        if let (Some(network), CallerNames::Shown) = (&self.network, caller_names) {
            names.networks.insert(traits.network, network.clone());
        }
        names
    }
}
