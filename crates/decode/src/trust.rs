//! Which source a piece of input is of.
//!
//! In: the alias that was invoked, what the settings declare, and what stands around a piece. Out: a
//! [`Source`], by which `believe` keeps, weakens or leaves out what the piece told.

use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::trust::Source;

/// The alias by which the function was invoked. Lambda does not say who invoked it; each alias has a permission of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alias {
    /// Rules, log subscriptions, queues and the schedule.
    Events,
    /// People and programs.
    Direct,
    /// No alias: a run on one's own machine, a replay, `cargo lambda invoke`. Both at once.
    #[default]
    None,
}

impl Alias {
    /// Of the ARN that was invoked. A version's number is no alias; an alias that is not ours may say the least.
    pub fn of_invoked_arn(arn: &str) -> Self {
        match arn.split(':').nth(QUALIFIER) {
            None | Some("" | "$LATEST") => Self::None,
            Some("events") => Self::Events,
            Some(version) if version.bytes().all(|byte| byte.is_ascii_digit()) => Self::None,
            Some(_) => Self::Direct,
        }
    }
}

/// The place of the qualifier in `arn:aws:lambda:<region>:<account>:function:<name>:<qualifier>`.
const QUALIFIER: usize = 7;
const ACCOUNT: usize = 4;

/// The account in an ARN.
pub fn account_of_arn(arn: &str) -> Option<&str> {
    arn.split(':').nth(ACCOUNT).filter(|account| !account.is_empty())
}

/// The log groups that CloudTrail, Control Tower and the console's wizard make.
pub const TRAIL_LOG_GROUPS: &str = "aws-cloudtrail-logs*,CloudTrail/*,aws-controltower/CloudTrailLogs*";

/// A log group that is declared as CloudTrail's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailLogGroup {
    /// None: the function's own account.
    account: Option<String>,
    name: String,
    /// The name is the beginning of a name.
    is_prefix: bool,
}

impl TrailLogGroup {
    /// `name`, `name*`, `account:name`; an ARN of a log group is taken as well. An error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let arn: Vec<&str> = text.splitn(7, ':').collect();
        let (account, name) = match (arn.as_slice(), text.split_once(':')) {
            (["arn", _, "logs", _, account, "log-group", name], _) => (Some(*account), name.trim_end_matches(":*")),
            (_, Some((account, name))) => (Some(account), name),
            (_, None) => (None, text),
        };
        if account.is_some_and(|account| account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(format!("{text:?} does not begin with an account of 12 digits"));
        }
        let (name, is_prefix) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        if name.is_empty() || name.contains('*') {
            return Err(format!("{text:?} is no name of a log group: a * may stand at its end alone"));
        }
        Ok(Self { account: account.map(str::to_owned), name: name.to_owned(), is_prefix })
    }

    fn is(&self, owner: Option<&str>, group: &str, own_account: Option<&str>) -> bool {
        let is_named = if self.is_prefix { group.starts_with(&self.name) } else { group == self.name };
        // Where our own account is not known (a replay), a group without one is of any.
        let is_owned = match (self.account.as_deref().or(own_account), owner) {
            (None, _) => true,
            (Some(account), owner) => owner == Some(account),
        };
        is_named && is_owned
    }
}

/// What is known of the sources of one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    pub alias: Alias,
    /// The function's own account, where it is known.
    pub account: Option<String>,
    /// `OIDC_TRIAGE_TRAIL_LOG_GROUPS`.
    pub trail_log_groups: Vec<TrailLogGroup>,
    /// `OIDC_TRIAGE_CALL_SOURCES`: the envelopes' `source`s of which a `call` is taken.
    pub call_sources: Vec<String>,
    /// `OIDC_TRIAGE_TRUSTED_QUEUES` and `OIDC_TRIAGE_TRUSTED_TOPICS`, by ARN.
    pub trusted: Vec<String>,
}

impl Default for Trust {
    fn default() -> Self {
        let groups = TRAIL_LOG_GROUPS.split(',').filter_map(|name| TrailLogGroup::parse(name).ok());
        Self {
            alias: Alias::None,
            account: None,
            trail_log_groups: groups.collect(),
            call_sources: Vec::new(),
            trusted: Vec::new(),
        }
    }
}

impl Trust {
    /// Of a piece that stands by itself, in no envelope: a record, a file of them.
    pub fn of_bare(&self) -> Source {
        match self.alias {
            // AWS invokes with nothing like it.
            Alias::Events => Source::OtherLogs,
            Alias::Direct => Source::DirectPayload,
            Alias::None => Source::Aws,
        }
    }

    /// Of the bare detail of a `call`.
    pub fn of_bare_call(&self) -> Source {
        match self.alias {
            Alias::Events => Source::OtherProgram,
            Alias::Direct | Alias::None => Source::DirectCall,
        }
    }

    pub fn of_envelope(&self, source: Option<&str>) -> Source {
        match (self.alias, source) {
            (Alias::Direct, _) => Source::DirectPayload,
            (_, Some(source)) if source.starts_with("aws.") => Source::Aws,
            (_, Some(source)) if self.lists(source) => Source::ListedProgram,
            (_, Some(_) | None) => Source::OtherProgram,
        }
    }

    fn lists(&self, source: &str) -> bool {
        self.call_sources.iter().any(|listed| listed == source)
    }

    pub fn of_log_group(&self, owner: Option<&str>, group: &str) -> Source {
        let is_trail =
            || self.trail_log_groups.iter().any(|declared| declared.is(owner, group, self.account.as_deref()));
        match self.alias {
            Alias::Direct => Source::DirectPayload,
            Alias::Events | Alias::None if is_trail() => Source::TrailLogs,
            Alias::Events | Alias::None => Source::OtherLogs,
        }
    }

    /// The same, with one more log group that is CloudTrail's.
    pub fn with_trail(&self, name: &str) -> Self {
        let mut trust = self.clone();
        trust.trail_log_groups.push(TrailLogGroup { account: None, name: name.to_owned(), is_prefix: false });
        trust
    }

    /// Whether what a queue or a topic of that ARN holds is believed as if it had come by itself.
    pub fn trusts(&self, arn: Option<&str>) -> bool {
        arn.is_some_and(|arn| self.trusted.iter().any(|trusted| trusted == arn))
    }
}

/// Which source that was, and what would have it believed. The name is an attacker's text.
pub fn doubt(source: Source, name: &str) -> String {
    let name = one_line(name, SHOWN_NAME_MAX);
    match source {
        Source::TrailLogs => format!("log group {name} may tell of CloudTrail's records and failures, of nothing else"),
        Source::OtherLogs => {
            format!(
                "{name} is not declared as CloudTrail's, nor a trusted queue or topic: failures alone are taken (TrailLogGroups, TrustedQueues, TrustedTopics)"
            )
        }
        Source::ListedProgram => format!("{name} may hand over failed calls, and nothing else"),
        Source::OtherProgram => format!("calls of {name} are not taken (CallSources)"),
        Source::DirectCall | Source::DirectPayload => {
            "a direct invocation is answered, and is no evidence but a call; events come by the alias events".to_owned()
        }
        Source::Aws => name,
    }
}

#[cfg(test)]
mod tests;
