//! The source of a piece of input.
//!
//! In: the invoked alias, the settings, and the surroundings of a piece. Out: a [`Source`], by which `believe` keeps,
//! weakens or drops the piece's evidence.

use triage_model::account::is_account;
use triage_model::redact::{SHOWN_NAME_MAX, quoted};
use triage_model::region::Region;
use triage_model::trust::Source;

/// The invoked alias. Lambda does not say who invoked the function; each alias has a permission of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alias {
    /// Rules, log subscriptions, queues and the schedule.
    Events,
    /// People and programs.
    Direct,
    /// No alias: a local run, a replay, `cargo lambda invoke`. Both at once.
    #[default]
    None,
}

impl Alias {
    /// From the invoked ARN. A version's number is not an alias; an unknown alias is trusted least.
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

/// The log groups created by CloudTrail, Control Tower and the console's wizard.
pub const TRAIL_LOG_GROUPS: &str = "aws-cloudtrail-logs*,CloudTrail/*,aws-controltower/CloudTrailLogs*";

/// A log group declared as CloudTrail's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailLogGroup {
    /// None: the function's own account.
    account: Option<String>,
    name: String,
    /// The name is a prefix.
    is_prefix: bool,
}

impl TrailLogGroup {
    /// `name`, `name*`, `account:name`, or the ARN of a log group. Err: what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let arn: Vec<&str> = text.splitn(7, ':').collect();
        let (account, name) = match (arn.as_slice(), text.split_once(':')) {
            (["arn", _, "logs", _, account, "log-group", name], _) => (Some(*account), name.trim_end_matches(":*")),
            (_, Some((account, name))) => (Some(account), name),
            (_, None) => (None, text),
        };
        if account.is_some_and(|account| !is_account(account)) {
            return Err(format!("{text:?} does not begin with an account of 12 digits"));
        }
        let (name, is_prefix) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
        if name.is_empty() || name.contains('*') {
            return Err(format!("{text:?} is not the name of a log group: a * may only stand at its end"));
        }
        Ok(Self { account: account.map(str::to_owned), name: name.to_owned(), is_prefix })
    }

    fn is(&self, owner: Option<&str>, group: &str, own_account: Option<&str>) -> bool {
        let is_named = if self.is_prefix { group.starts_with(&self.name) } else { group == self.name };
        // Where our own account is unknown (a replay), a group without an account matches any.
        let is_owned = match (self.account.as_deref().or(own_account), owner) {
            (None, _) => true,
            (Some(account), owner) => owner == Some(account),
        };
        is_named && is_owned
    }
}

/// The known sources of one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    pub alias: Alias,
    /// The function's own account, if known.
    pub account: Option<String>,
    /// `OIDC_TRIAGE_TRAIL_LOG_GROUPS`.
    pub trail_log_groups: Vec<TrailLogGroup>,
    /// `OIDC_TRIAGE_CALL_SOURCES`: the envelopes' `source`s whose `call`s are accepted. By default none: anybody who
    /// may put an event could page people.
    pub call_sources: Vec<String>,
    /// `OIDC_TRIAGE_TRUSTED_ACCOUNTS`: accounts whose envelopes are trusted beside the function's own. By default none:
    /// what other accounts forward is of their own sign-in, and would hide or end an outage of ours.
    pub accounts: Vec<String>,
    /// `OIDC_TRIAGE_TRUSTED_QUEUES`, `OIDC_TRIAGE_TRUSTED_TOPICS` and `OIDC_TRIAGE_TRUSTED_STREAMS`, by ARN. By default
    /// none: anybody who may send to one could forge AWS's events, or the owner of a log group.
    pub trusted: Vec<String>,
    /// `OIDC_TRIAGE_TRAIL_BUCKET`: the bucket whose objects are read. By default none.
    pub trail_bucket: Option<TrailBucket>,
}

/// The bucket of a trail, and what of it is read: files of trusted accounts and these regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailBucket {
    pub name: String,
    /// Empty, or with a `/` at its end.
    pub prefix: String,
    pub regions: Vec<Region>,
}

impl Default for Trust {
    fn default() -> Self {
        let groups = TRAIL_LOG_GROUPS.split(',').filter_map(|name| TrailLogGroup::parse(name).ok());
        Self {
            alias: Alias::None,
            account: None,
            trail_log_groups: groups.collect(),
            call_sources: Vec::new(),
            accounts: Vec::new(),
            trusted: Vec::new(),
            trail_bucket: None,
        }
    }
}

impl Trust {
    /// The source of a piece without an envelope: a record, or a file of records.
    pub fn of_bare(&self) -> Source {
        match self.alias {
            // AWS never sends such a payload.
            Alias::Events => Source::OtherLogs,
            Alias::Direct => Source::DirectPayload,
            Alias::None => Source::Aws,
        }
    }

    /// The source of a `call`'s bare detail.
    pub fn of_bare_call(&self) -> Source {
        match self.alias {
            Alias::Events => Source::OtherProgram,
            Alias::Direct | Alias::None => Source::DirectCall,
        }
    }

    /// EventBridge writes the account in which an event came into being, also into one that a rule of another account
    /// forwards: no sender can choose it, and for a target in another account no rule can rewrite it.
    pub fn of_envelope(&self, source: Option<&str>, account: Option<&str>) -> Source {
        let found = match (self.alias, source) {
            (Alias::Direct, _) => return Source::DirectPayload,
            (_, Some(source)) if source.starts_with("aws.") => Source::Aws,
            (_, Some(source)) if self.lists(source) => Source::ListedProgram,
            (_, Some(_) | None) => return Source::OtherProgram,
        };
        if self.knows_account(account) { found } else { Source::OtherAccount }
    }

    pub fn knows_account(&self, account: Option<&str>) -> bool {
        // Where our own account is unknown (a replay, a local run), any will do.
        self.account.is_none() || account.is_some_and(|account| self.names_account(account))
    }

    /// Whether files of that account are read. A bucket has those of hundreds: where some are listed, no other one will do.
    pub fn reads_files_of(&self, account: &str) -> bool {
        self.names_account(account) || self.account.is_none() && self.accounts.is_empty()
    }

    /// Whether it is our own account, or listed.
    fn names_account(&self, account: &str) -> bool {
        self.account.as_deref() == Some(account) || self.accounts.iter().any(|listed| listed == account)
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

    /// The same, with one more CloudTrail log group.
    pub fn with_trail(&self, name: &str) -> Self {
        let mut trust = self.clone();
        trust.trail_log_groups.push(TrailLogGroup { account: None, name: name.to_owned(), is_prefix: false });
        trust
    }

    /// Whether messages from a queue, topic or stream with that ARN are trusted like direct input.
    pub fn trusts(&self, arn: Option<&str>) -> bool {
        arn.is_some_and(|arn| self.trusted.iter().any(|trusted| trusted == arn))
    }
}

/// The source, and the setting that would trust it. The name is an attacker's text.
pub fn doubt(source: Source, name: &str) -> String {
    let name = quoted(name, SHOWN_NAME_MAX);
    match source {
        Source::TrailLogs => {
            format!("log group {name} is trusted with CloudTrail's records and failures, and nothing else")
        }
        Source::OtherLogs => {
            format!(
                "{name} is not declared as CloudTrail's log group, nor as a trusted queue, topic or stream: only its failures count (TrailLogGroups, TrustedQueues, TrustedTopics, LogStreamArn)"
            )
        }
        Source::ListedProgram => format!("{name} may hand over failed calls, and nothing else"),
        Source::OtherProgram => format!("calls from {name} are not accepted (CallSources)"),
        Source::OtherAccount => {
            format!("events of {name} are not accepted: it is neither this stack's nor listed (TrustedAccounts)")
        }
        Source::DirectCall | Source::DirectPayload => {
            "a direct invocation gets an answer, and only a call in it is evidence; send events to the alias events"
                .to_owned()
        }
        Source::Aws => name,
    }
}

#[cfg(test)]
mod tests;
