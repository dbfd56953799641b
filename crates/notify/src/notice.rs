//! A notice, as data.
//!
//! A [`Notice`] is made of what happened in [`crate::compose`]; what each reader gets of it is a function of it. Nothing here
//! makes a sentence or decides whether to send.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_decide::cell::Dimension;
use triage_decide::ledger::Alarm;
use triage_decide::objective::Objective;
use triage_decide::probe::StepState;
use triage_decide::replica::Standing;
use triage_decide::scope::Scope;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::observation::Operation;
use triage_model::region::Region;
use triage_model::time::lasted;

use crate::words::{counted, name_of, of_budget};

/// A notice, as data. It is kept in the outbox as it is, so that whoever publishes it says the same. Every text of
/// others in it is bounded and on one line, and so is every list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The same for every attempt to publish it, so that a receiver can drop a repeat.
    pub id: String,
    /// None for an advice.
    pub incident: Option<String>,
    /// Counts the notices of an incident from 1. 1 for an advice.
    pub sequence: u32,
    pub kind: NoticeKind,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    /// It is about nothing: somebody tests the channels. Such a notice is never kept in the outbox.
    #[serde(skip)]
    pub test: bool,
    pub region: Region,
    /// Where it fails; None for an advice.
    #[serde(default)]
    pub scope: Option<NamedScope>,
    /// Calls are served again, and that is not enough yet to call it over.
    #[serde(default)]
    pub recovering: bool,
    /// When it was made.
    pub at: Timestamp,
    /// The verdict with region and head-count, as a paging service shows it. Printable ASCII, under 100 characters.
    #[serde(default)]
    pub title: String,
    /// The title behind what the notice says of it (`Resolved: `). Printable ASCII, under 100 characters.
    pub subject: String,
    /// Lines: what is wrong, where, for how many; then whose fault it looks like, and what is not known.
    pub headline: Vec<String>,
    /// Of a `changed` and a `reopened`: what is new.
    #[serde(default)]
    pub news: Option<String>,
    pub times: Times,
    pub impact: Impact,
    /// The operations that fail, or failed in this incident, by which a filter policy chooses.
    pub operations: Vec<Operation>,
    /// What the latest probe of the service answered, if it is not old.
    pub probe: Option<StepState>,
    /// Whether AWS Health has an open issue about it.
    pub aws_health: bool,
    /// Of a `resolved`: whether its end is proved, or it was only silent for long.
    pub proved: Option<bool>,
    /// What speaks for it, in words and numbers.
    pub reasons: Vec<String>,
    /// The usual causes of an `InternalServerException`; empty where it is about something else.
    pub weighed: Vec<Weighed>,
    pub advice: Advice,
    /// Of an advice notice: the seconds within which it is not sent again.
    pub quiet_s: Option<u64>,
    /// What becomes of the alarm of a paging service, where that changes.
    pub alarm: Option<Alarm>,
    /// It got worse, or is about something else than was known: an alert that is open at a paging service is updated.
    #[serde(default)]
    pub updates_alert: bool,
    /// What was due before it and is sent with it.
    pub merged: Merged,
    /// What its reader must know of how it came about.
    pub note: Option<String>,
    /// It is held back from people and pagers: who silenced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silenced>,
    /// Somebody works on it, and it sends no reminders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<AcknowledgedBy>,
    /// The silence that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<SilenceFacts>,
    /// Set where it shows user ids because their names could not be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<Unresolved>,
    /// Of a `resolved`, where it is known: what the incident cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<BudgetCost>,
    /// Where Identity Center is replicated: how sign-in stands in each of its regions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<ReplicaFacts>,
    /// Lists were shortened so that it fits where it is sent.
    pub cut: bool,
}

/// How sign-in stands in one region of a replicated Identity Center.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaFacts {
    pub region: Region,
    pub state: Standing,
    /// Since when it fails, or works again; None where that is not known.
    pub since: Option<Timestamp>,
    /// Its access portal, as it was set.
    pub portal: String,
    /// Sign-in works here, and people are sent to this portal.
    pub linked: bool,
    /// The first failure of this incident there, and the latest; None where it did not fail there.
    pub failed_from: Option<Timestamp>,
    pub failed_to: Option<Timestamp>,
}

/// What an incident cost of the error budget of 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetCost {
    /// The share of calls that should work, in percent.
    pub target: f64,
    /// In percent: 100 is all of it.
    pub cost: f64,
}

impl BudgetCost {
    /// So many failed calls, at the present rate of calls. None where that is not known.
    pub fn of(objective: &Objective, failed: usize) -> Option<Self> {
        let cost = objective.cost(u64::try_from(failed).unwrap_or(u64::MAX))?;
        Some(Self { target: objective.target.percent(), cost: cost * 100.0 })
    }

    /// `It cost 12% of the error budget of 30 days (target 99.9%).`
    pub fn in_words(self) -> String {
        format!("It cost {} (target {}%).", of_budget(self.cost / 100.0), self.target)
    }
}

/// Who silenced it, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silenced {
    /// The silence's id.
    pub id: String,
    pub by: String,
    pub reason: String,
    pub until: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedBy {
    /// None where nobody said so.
    pub by: Option<String>,
    pub at: Timestamp,
    pub until: Timestamp,
}

impl AcknowledgedBy {
    /// `by ana at 08:05 UTC, no reminders until 16:05 UTC`
    pub fn in_words(&self, time: impl Fn(Timestamp) -> String) -> String {
        let by = self.by.as_ref().map(|by| format!("by {by} ")).unwrap_or_default();
        format!("{by}at {}, no reminders until {}", time(self.at), time(self.until))
    }
}

/// A silence, and at its end what it held back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SilenceFacts {
    pub id: String,
    pub by: String,
    pub reason: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Who ended it before its time.
    pub ended_by: Option<String>,
    pub scope: NamedScope,
    /// The only incident within it, where it was made for one.
    pub only: Option<String>,
    pub regions: Vec<Region>,
    /// Empty at its beginning.
    pub incidents: Vec<MissedIncident>,
    /// How many notices of further incidents were held back.
    pub more: usize,
    /// Advice notices held back, by their diagnosis.
    pub advice: Vec<Tally>,
}

/// An incident within a silence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissedIncident {
    pub id: String,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    pub scope: NamedScope,
    pub since: Timestamp,
    pub latest: Timestamp,
    /// None while it is open.
    pub over_at: Option<Timestamp>,
    pub callers: usize,
    pub seen: Option<usize>,
    pub failures: usize,
    /// Notices held back.
    pub notices: usize,
}

/// User ids that Identity Store gave no name for, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unresolved {
    pub ids: usize,
    /// An error's code, or a few words.
    pub reason: String,
}

impl Unresolved {
    /// `2 user ids could not be resolved: AccessDeniedException`.
    pub fn in_words(&self) -> String {
        format!("{} could not be resolved: {}", counted(self.ids, "user id"), self.reason)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Opened,
    /// Another diagnosis, twice the callers, another operation, or AWS confirms.
    Changed,
    /// The incident goes on.
    Reminder,
    /// It had been resolved not long ago.
    Reopened,
    Resolved,
    /// Needs no incident.
    Advice,
    /// An operator silenced something.
    Silenced,
    /// A silence has ended: what it held back.
    SilenceEnded,
}

/// Where it fails, by the names that people know. None: not limited by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedScope {
    pub operations: Option<Vec<Operation>>,
    /// With its version (`acme-login/3.0`), or without (`acme-login`).
    pub tool: Option<String>,
    /// An address, or a log group.
    pub network: Option<String>,
    /// An ARN.
    pub application: Option<String>,
    /// Of AWS.
    #[serde(default)]
    pub account: Option<String>,
}

impl From<&Scope> for NamedScope {
    fn from(scope: &Scope) -> Self {
        let operations = scope.operations.as_ref().map(|operations| operations.iter().copied().collect());
        let mut named = Self { operations, ..Self::default() };
        if let Some(shared) = &scope.shared {
            let name = Some(name_of(shared));
            match shared.dimension {
                Dimension::Application => named.application = name,
                Dimension::Tool | Dimension::Product => named.tool = name,
                Dimension::Network => named.network = name,
                Dimension::Account => named.account = name,
            }
        }
        named
    }
}

impl NamedScope {
    /// `StartDeviceAuthorization; tool acme-login/3.0`; None where nothing limits it.
    pub fn in_words(&self) -> Option<String> {
        let operations = self.operations.as_ref().map(|operations| {
            let names: Vec<&str> = operations.iter().map(|operation| operation.as_str()).collect();
            names.join(", ")
        });
        let named = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what} {name}"));
        let limits = [
            operations,
            named("tool", &self.tool),
            named("network", &self.network),
            named("application", &self.application),
            named("account", &self.account),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        (!limits.is_empty()).then(|| limits.join("; "))
    }

    /// What limits it the most: a filter policy chooses by it.
    pub const fn kind(&self) -> &'static str {
        if self.application.is_some() {
            "application"
        } else if self.tool.is_some() {
            "tool"
        } else if self.network.is_some() {
            "network"
        } else if self.account.is_some() {
            "account"
        } else if self.operations.is_some() {
            "operation"
        } else {
            "region"
        }
    }
}

/// When it happened. For an advice all of it is unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Times {
    /// The first failure, or when it was opened.
    pub since: Option<Timestamp>,
    /// The latest failure: from the first to this one it lasted.
    pub latest: Option<Timestamp>,
    pub reopened: u32,
    pub reopened_at: Option<Timestamp>,
    pub over_at: Option<Timestamp>,
    /// For how many seconds it was over before it was reopened.
    #[serde(default)]
    pub over_for_s: u64,
}

impl Times {
    /// From the first failure to the latest: neither the proof nor the quiet time after it is outage, nor the time in which
    /// it was over.
    pub fn lasted(&self) -> Option<Duration> {
        let over_for = Duration::from_secs(self.over_for_s);
        self.since.zip(self.latest.or(self.over_at)).map(|(since, to)| lasted(since, to).saturating_sub(over_for))
    }
}

/// Who is hit, by what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "StoredImpact")]
pub struct Impact {
    /// Distinct callers hit from the beginning of the incident to this notice.
    pub callers: usize,
    /// That number is an estimate: there were too many to keep.
    pub about: bool,
    /// All of them are people: users whose names or ids are known.
    pub people: bool,
    /// Distinct callers seen meanwhile, affected or not; None where served calls are not seen.
    pub seen: Option<usize>,
    /// Some of them; hashes where callers are not to be named.
    pub names: Vec<String>,
    /// Failed calls.
    pub failures: usize,
    pub codes: Vec<Tally>,
    pub operations: Vec<Tally>,
    pub tools: Vec<Tally>,
    /// Whose records or logs they are.
    pub accounts: Vec<Tally>,
    /// Some of the failed requests, for a support case.
    pub requests: Vec<Request>,
}

impl Impact {
    /// The accounts to be shown to people: where all is of one, that says nothing.
    pub fn several_accounts(&self) -> &[Tally] {
        if self.accounts.len() > 1 { &self.accounts } else { &[] }
    }

    /// `12`, `about 4000`.
    pub fn callers_in_words(&self) -> String {
        if self.about { format!("about {}", self.callers) } else { self.callers.to_string() }
    }

    /// `12 of 40 people`, `about 4000 callers`, `1 caller`.
    pub fn head_count(&self) -> String {
        let noun = match (self.people, self.seen.unwrap_or(self.callers)) {
            (true, 1) => "person",
            (true, _) => "people",
            (false, 1) => "caller",
            (false, _) => "callers",
        };
        match self.seen {
            Some(seen) => format!("{} of {seen} {noun}", self.callers_in_words()),
            None => format!("{} {noun}", self.callers_in_words()),
        }
    }
}

/// An [`Impact`] as it may stand in an outbox.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredImpact {
    callers: usize,
    /// The version before this one had the most callers that were hit at one time beside those that were hit just then.
    #[serde(default)]
    most_callers: usize,
    #[serde(default)]
    about: bool,
    #[serde(default)]
    people: bool,
    #[serde(default)]
    seen: Option<usize>,
    names: Vec<String>,
    failures: usize,
    codes: Vec<Tally>,
    operations: Vec<Tally>,
    tools: Vec<Tally>,
    #[serde(default)]
    accounts: Vec<Tally>,
    requests: Vec<Request>,
}

impl From<StoredImpact> for Impact {
    fn from(stored: StoredImpact) -> Self {
        let StoredImpact { callers, most_callers, about, people, seen, .. } = stored;
        let StoredImpact { names, failures, codes, operations, tools, accounts, requests, .. } = stored;
        let callers = callers.max(most_callers);
        Self { callers, about, people, seen, names, failures, codes, operations, tools, accounts, requests }
    }
}

/// How many failures have that code, operation or tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    pub name: String,
    pub count: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub at: Timestamp,
    /// The AWS request id, or that of the record; None where it was not kept.
    pub id: Option<String>,
    pub operation: Option<Operation>,
    pub code: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Weighed {
    pub cause: String,
    pub speaks_for: Vec<String>,
    pub speaks_against: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// For the on-call, in the order to be done.
    pub now: Vec<String>,
    /// A paragraph to pass on to users; None where they need not know.
    pub users: Option<String>,
}

/// The notices that are merged into a later one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    pub count: usize,
    /// Some of them, the first first.
    pub notices: Vec<Earlier>,
    /// The reasons of the first of them.
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    pub id: String,
    pub sequence: u32,
    pub kind: NoticeKind,
    pub at: Timestamp,
    /// What had changed, else its subject.
    pub summary: String,
}

impl NoticeKind {
    pub const ALL: [Self; 8] = [
        Self::Opened,
        Self::Changed,
        Self::Reminder,
        Self::Reopened,
        Self::Resolved,
        Self::Advice,
        Self::Silenced,
        Self::SilenceEnded,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Reminder => "reminder",
            Self::Reopened => "reopened",
            Self::Resolved => "resolved",
            Self::Advice => "advice",
            Self::Silenced => "silenced",
            Self::SilenceEnded => "silence_ended",
        }
    }

    /// The `detail-type` of its event for programs; None for what changes nothing, and for what is of no
    /// incident.
    pub const fn detail_type(self) -> Option<&'static str> {
        match self {
            Self::Opened | Self::Reopened => Some("OIDC Incident Opened"),
            Self::Changed => Some("OIDC Incident Changed"),
            Self::Resolved => Some("OIDC Incident Resolved"),
            Self::Reminder | Self::Advice | Self::Silenced | Self::SilenceEnded => None,
        }
    }

    /// Whether it is about what an operator silenced, and not about what fails.
    pub const fn is_of_silence(self) -> bool {
        matches!(self, Self::Silenced | Self::SilenceEnded)
    }

    /// Whether it begins an incident: nothing that comes later may stand for it, but its end.
    pub const fn begins(self) -> bool {
        matches!(self, Self::Opened | Self::Reopened)
    }
}

/// Things of one kind listed in a notice: requests enough for a support case, names enough to know who it is. A number
/// beside them says how many there are.
pub const LISTED_MAX: usize = 10;

impl Notice {
    /// Whether AWS can do something about it: nothing about one's own key, policy or setting.
    pub const fn is_of_aws(&self) -> bool {
        match self.diagnosis {
            Diagnosis::Misconfigured | Diagnosis::Unbelieved => false,
            Diagnosis::Outage
            | Diagnosis::Degraded
            | Diagnosis::Suspected
            | Diagnosis::OneTool
            | Diagnosis::OneNetwork
            | Diagnosis::OneApplication
            | Diagnosis::OneAccount
            | Diagnosis::Throttling
            | Diagnosis::OneCaller
            | Diagnosis::Blind
            | Diagnosis::Late
            | Diagnosis::AwsHealth
            | Diagnosis::Isolated
            | Diagnosis::Transient
            | Diagnosis::Quiet => true,
        }
    }

    /// With no more than `most` of anything, and marked as cut where that is less than there was.
    #[must_use]
    pub fn shortened(mut self, most: usize) -> Self {
        let mut cut = false;
        let mut shorten = |length: usize| {
            cut |= length > most;
            most
        };
        macro_rules! truncate {
            ($($list:expr),+) => { $(let length = $list.len(); $list.truncate(shorten(length));)+ };
        }
        truncate!(
            self.reasons,
            self.weighed,
            self.impact.names,
            self.impact.codes,
            self.impact.tools,
            self.impact.accounts,
            self.impact.requests,
            self.merged.notices,
            self.merged.reasons
        );
        for weighed in &mut self.weighed {
            truncate!(weighed.speaks_for, weighed.speaks_against);
        }
        self.cut |= cut;
        self
    }
}

impl From<&Notice> for Earlier {
    fn from(notice: &Notice) -> Self {
        let Notice { id, sequence, kind, at, subject, news, .. } = notice.clone();
        let news = news.filter(|_| kind == NoticeKind::Changed).map(|news| format!("Changed: {news}."));
        Self { id, sequence, kind, at, summary: news.unwrap_or(subject) }
    }
}
