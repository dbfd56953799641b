//! What an operator silenced and acknowledged, as data.
//!
//! A [`Silence`] holds back the notices of what is within its [`SilenceScope`] until it ends; a [`Withheld`] is the mark that
//! it leaves on an incident; an [`Acknowledged`] stops an incident's reminders. The only question answered here is what is
//! within a scope. All names are foreign text, bounded and on one line by whoever makes them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use triage_model::grant::Grant;
use triage_model::observation::Operation;
use triage_model::region::Region;

use crate::cell::Dimension;
use crate::scope::{Scope, Shared, shown_name};
use crate::verdict::{Advised, Diagnosis, Severity};

/// Silences of one region at a time: they are kept in one item, and nobody oversees more.
pub const SILENCES_MAX: usize = 8;

/// Incidents of which a silence keeps the particulars for its summary. The rest is counted.
pub const MISSED_MAX: usize = 10;

/// Notices within `scope` are held back from people and pagers until `until`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// The same in each of its regions.
    pub id: String,
    pub scope: SilenceScope,
    /// All regions that were silenced with it, this one too.
    pub regions: BTreeSet<Region>,
    pub by: String,
    pub reason: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Who ended it before its time.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// The end that people were notified of. In one of its regions that is done for all of them.
    #[serde(default)]
    pub announced: Option<Timestamp>,
    /// This region speaks for all of them where nothing happened.
    #[serde(default)]
    pub speaks: bool,
    /// The incidents within it, the first first, and how many more there were.
    #[serde(default)]
    pub missed: Vec<Missed>,
    #[serde(default)]
    pub missed_more: usize,
    /// Advice notices held back, by their diagnosis.
    #[serde(default)]
    pub advised: BTreeMap<Diagnosis, MissedAdvice>,
}

/// What a silence is limited to. None: not limited by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SilenceScope {
    pub operations: Option<BTreeSet<Operation>>,
    /// Of CreateToken; only where it was made for an incident.
    pub grant: Option<Grant>,
    pub limit: Option<Limit>,
    /// Only this incident, and only as long as it is no larger than it was.
    pub incident: Option<String>,
}

/// What a silence is limited to, by the name that notices have for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// With its version, or all versions of it.
    Tool(String),
    Network(String),
    /// An ARN, or its last part.
    Application(String),
    /// Of AWS.
    Account(String),
}

/// An incident within a silence, as it was when last seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missed {
    pub incident: String,
    pub diagnosis: Diagnosis,
    pub severity: Severity,
    pub scope: Scope,
    pub began: Timestamp,
    pub ended: Timestamp,
    /// None while it is open.
    pub resolved_at: Option<Timestamp>,
    /// Its affected callers and all callers.
    pub callers: usize,
    pub seen: Option<usize>,
    pub about: bool,
    pub people: bool,
    pub failed_calls: usize,
    /// Notices held back.
    pub notices: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedAdvice {
    pub notices: usize,
    /// Of the latest.
    pub reason: Option<String>,
}

/// Who silenced it, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilencedBy {
    pub id: String,
    pub by: String,
    pub reason: String,
    pub until: Timestamp,
}

/// That the latest notices of an incident were held back from people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    pub silence: SilencedBy,
    /// What people believe meanwhile.
    pub known: Known,
}

/// What people last read of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    Nothing,
    Open,
    Over,
}

/// Somebody works on an incident: it needs no reminders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub by: Option<String>,
    pub at: Timestamp,
    pub until: Timestamp,
}

impl Silence {
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.until > now
    }

    /// Whether it is the same request: made again it is still one silence.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.scope, &self.by, &self.reason) == (&other.scope, &other.by, &other.reason)
    }

    pub fn brief(&self) -> SilencedBy {
        SilencedBy { id: self.id.clone(), by: self.by.clone(), reason: self.reason.clone(), until: self.until }
    }

    /// Whether it held anything back, or people still believe otherwise.
    pub fn missed_anything(&self) -> bool {
        !self.missed.is_empty() || !self.advised.is_empty()
    }

    /// An advice notice that was held back.
    pub fn miss_advice(&mut self, advised: &Advised) {
        let missed = self.advised.entry(advised.diagnosis).or_insert(MissedAdvice { notices: 0, reason: None });
        missed.notices += 1;
        missed.reason = advised.reasons.first().cloned().or_else(|| missed.reason.take());
    }

    /// An incident as it is now; `notices` more of it were held back.
    pub fn miss(&mut self, missed: Missed, notices: usize) {
        let is_full = self.missed.len() >= MISSED_MAX;
        match self.missed.iter_mut().find(|known| known.incident == missed.incident) {
            Some(known) => *known = Missed { notices: known.notices + notices, ..missed },
            None if !is_full => self.missed.push(Missed { notices, ..missed }),
            // Its later notices count again: that is more than there were, and never fewer.
            None => self.missed_more += 1,
        }
    }
}

impl SilenceScope {
    /// Exactly an incident of that scope.
    pub fn of_incident(id: &str, scope: &Scope) -> Self {
        Self {
            operations: scope.operations.clone(),
            grant: scope.grant,
            limit: scope.shared.as_ref().map(Limit::of),
            incident: Some(id.to_owned()),
        }
    }

    /// Whether an incident is within it: no larger in any respect.
    pub fn has(&self, id: &str, scope: &Scope) -> bool {
        let within = |own: &BTreeSet<Operation>| scope.operations.as_ref().is_some_and(|of| of.is_subset(own));
        self.incident.as_ref().is_none_or(|own| own == id)
            && self.operations.as_ref().is_none_or(within)
            && (self.grant.is_none() || self.grant == scope.grant)
            && self.limit.as_ref().is_none_or(|limit| scope.shared.as_ref().is_some_and(|shared| limit.has(shared)))
    }

    /// Whether an advice notice is within it. Those about the function itself never are: without them nobody would know that
    /// nothing is watched.
    pub fn has_advice(&self, advised: &Advised) -> bool {
        let is_about_ourselves = matches!(advised.diagnosis, Diagnosis::Blind | Diagnosis::Unbelieved);
        let is_of_limit = match (&self.limit, &advised.talking) {
            (None, _) => true,
            (Some(Limit::Tool(own)), Some(talking)) => {
                talking.who.split(" at ").next().is_some_and(|tool| is_tool(own, tool))
            }
            (Some(Limit::Tool(_) | Limit::Network(_) | Limit::Application(_) | Limit::Account(_)), _) => false,
        };
        !is_about_ourselves && self.operations.is_none() && self.incident.is_none() && is_of_limit
    }
}

impl Limit {
    fn of(shared: &Shared) -> Self {
        let name = shown_name(&shared.name);
        match shared.dimension {
            Dimension::Application => Self::Application(name),
            Dimension::Tool | Dimension::Product => Self::Tool(name),
            Dimension::Network => Self::Network(name),
            Dimension::Account => Self::Account(name),
        }
    }

    fn has(&self, shared: &Shared) -> bool {
        let name = shown_name(&shared.name);
        match (self, shared.dimension) {
            (Self::Tool(own), Dimension::Tool | Dimension::Product) => is_tool(own, &name),
            (Self::Network(own), Dimension::Network) | (Self::Account(own), Dimension::Account) => *own == name,
            (Self::Application(own), Dimension::Application) => {
                *own == name || name.rsplit_once('/').is_some_and(|(_, last)| own == last)
            }
            (Self::Tool(_) | Self::Network(_) | Self::Application(_) | Self::Account(_), _) => false,
        }
    }
}

/// Whether a tool is that one, or a version of it. Titles write `acme-login 3.0`.
fn is_tool(own: &str, tool: &str) -> bool {
    let own = own.replacen(' ', "/", 1);
    tool == own || tool.strip_prefix(&own).is_some_and(|version| version.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Talking;

    fn scope(operations: &[Operation], shared: Option<(Dimension, &str)>) -> Scope {
        Scope {
            operations: (!operations.is_empty()).then(|| operations.iter().copied().collect()),
            grant: None,
            shared: shared.map(|(dimension, name)| Shared { dimension, hash: 7, name: name.to_owned() }),
        }
    }

    fn limited(limit: Limit) -> SilenceScope {
        SilenceScope { limit: Some(limit), ..SilenceScope::default() }
    }

    #[test]
    fn what_is_larger_than_the_silence_is_not_within_it() {
        let region = scope(&[], None);
        let refresh = scope(&[Operation::CreateToken], None);
        let both = scope(&[Operation::CreateToken, Operation::RegisterClient], None);
        let tool = scope(&[Operation::CreateToken], Some((Dimension::Tool, "acme-login/3.0")));
        let everything = SilenceScope::default();
        let operation = SilenceScope { operations: refresh.operations.clone(), ..SilenceScope::default() };
        let of_tool = limited(Limit::Tool("acme-login".to_owned()));
        for (silence, within) in [
            (&everything, [true; 4]),
            (&operation, [false, true, false, true]),
            (&of_tool, [false, false, false, true]),
        ] {
            assert_eq!([&region, &refresh, &both, &tool].map(|scope| silence.has("a", scope)), within, "{silence:?}");
        }
        let one = SilenceScope::of_incident("a", &tool);
        assert!(one.has("a", &tool) && !one.has("b", &tool) && !one.has("a", &refresh), "it grew beyond the tool");
    }

    #[test]
    fn a_name_is_the_one_that_notices_have() {
        let has = |limit: Limit, dimension, name| limited(limit).has("a", &scope(&[], Some((dimension, name))));
        let tool = |own: &str, name| has(Limit::Tool(own.to_owned()), Dimension::Tool, name);
        assert!(tool("acme-login/3.0", "acme-login/3.0") && tool("acme-login 3.0", "acme-login/3.0"));
        assert!(tool("acme-login", "acme-login/3.0"));
        assert!(!tool("acme-login/3.0", "acme-login/3.1") && !tool("acme", "acme-login/3.0"));
        assert!(
            !has(Limit::Tool("acme-login/3.0".to_owned()), Dimension::Product, "acme-login"),
            "all versions are more"
        );
        assert!(!has(Limit::Tool("192.0.2.7".to_owned()), Dimension::Network, "192.0.2.7"));
        let arn = "arn:aws:sso::111122223333:application/ssoins-1/apl-1";
        for own in ["apl-1", arn] {
            assert!(has(Limit::Application(own.to_owned()), Dimension::Application, arn), "{own}");
        }
    }

    #[test]
    fn advice_about_the_function_itself_is_never_silenced() {
        let advised = |diagnosis, who: Option<&str>| Advised {
            diagnosis,
            key: "x".to_owned(),
            quiet_for: std::time::Duration::from_secs(60),
            reasons: vec![],
            talking: who.map(|who| Talking { who: who.to_owned(), quota: 1, calls: "calls" }),
        };
        let everything = SilenceScope::default();
        assert!(everything.has_advice(&advised(Diagnosis::Late, None)));
        for diagnosis in [Diagnosis::Blind, Diagnosis::Unbelieved] {
            assert!(!everything.has_advice(&advised(diagnosis, None)));
        }
        let tool = limited(Limit::Tool("acme-login".to_owned()));
        let talking = |who| advised(Diagnosis::Throttling, Some(who));
        assert!(tool.has_advice(&talking("acme-login/3.0 at 192.0.2.7")));
        assert!(
            !tool.has_advice(&talking("Boto3/1.40 at 192.0.2.7")) && !tool.has_advice(&advised(Diagnosis::Late, None))
        );
    }
}
