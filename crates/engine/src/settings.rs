//! What an operator can set about the decision.
//!
//! In: variables. Out: [`Settings`], and their errors, which the caller reports together with the rest. The caller
//! supplies the variables.

mod replicas;

use jiff::tz::TimeZone;
use triage_decide::policy::Policy;
use triage_decode::trust::{TRAIL_LOG_GROUPS, TrailLogGroup, Trust};
use triage_model::account::is_account;
use triage_model::region::{KnownRegions, Region, is_well_formed};
use triage_model::replica::Replica;

pub use self::replicas::REPLICAS_VARIABLE;

/// Every variable is optional.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `AWS_REGION`: where the function runs, and its table is.
    pub own_region: Region,
    /// `OIDC_TRIAGE_REGION`, else `AWS_REGION`: where Identity Center is.
    pub region: Region,
    /// `OIDC_TRIAGE_REGION` or `OIDC_TRIAGE_REGIONS` is set: the regions are not a guess.
    pub region_is_named: bool,
    /// `OIDC_TRIAGE_REGIONS`: the regions that the watcher probes; else that one.
    pub regions: Vec<Region>,
    /// `OIDC_TRIAGE_REPLICAS`: the regions of one Identity Center, the primary first; empty where it is not replicated.
    pub replicas: Vec<Replica>,
    pub known_regions: KnownRegions,
    /// `OIDC_TRIAGE_START_URL`: the access portal, which lets the probe take one more step.
    pub start_url: Option<String>,
    /// `OIDC_TRIAGE_CALLER_NAMES`.
    pub caller_names: CallerNames,
    /// `OIDC_TRIAGE_MODE`.
    pub mode: Mode,
    /// `OIDC_TRIAGE_POLICY`.
    pub policy: Policy,
    /// Notices show times in UTC, and in this zone beside it: `OIDC_TRIAGE_TIME_ZONE`.
    pub time_zone: Option<TimeZone>,
    /// `AWS_LAMBDA_LOG_GROUP_NAME`, else `/aws/lambda/<AWS_LAMBDA_FUNCTION_NAME>`, and those of
    /// `OIDC_TRIAGE_OWN_LOG_GROUPS`: never read, or we would react to ourselves for ever.
    pub own_log_groups: Vec<String>,
    /// Whom to trust: `OIDC_TRIAGE_TRAIL_LOG_GROUPS`, `OIDC_TRIAGE_CALL_SOURCES`, `OIDC_TRIAGE_TRUSTED_ACCOUNTS`,
    /// `OIDC_TRIAGE_TRUSTED_QUEUES`, `OIDC_TRIAGE_TRUSTED_TOPICS`, `OIDC_TRIAGE_TRUSTED_STREAMS`.
    pub trust: Trust,
}

/// The log groups that are CloudTrail's.
pub const TRAIL_LOG_GROUPS_VARIABLE: &str = "OIDC_TRIAGE_TRAIL_LOG_GROUPS";

/// The accounts whose events are trusted, beside the function's own.
pub const TRUSTED_ACCOUNTS_VARIABLE: &str = "OIDC_TRIAGE_TRUSTED_ACCOUNTS";

/// Whether notices name callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerNames {
    Shown,
    Hashed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Live,
    /// Everything but publishing: notices are written to the log only.
    Shadow,
}

/// Where neither Lambda nor the operator names a region: a local run.
const REGION_WITHOUT_AWS: &str = "us-east-1";

/// All that is wrong with the environment, together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not usable: {}", .0.join("; "))]
pub struct SettingsError(pub Vec<String>);

/// The value of a variable, trimmed. An empty one counts as unset: a template passes empty parameters.
pub fn given(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

impl Settings {
    /// Reads the variables that `variable` knows.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut problems = Vec::new();
        let settings = Self::read_noting(&variable, &mut problems);
        settings.filter(|_| problems.is_empty()).ok_or(SettingsError(problems))
    }

    /// The same for a caller that reads more variables: errors are added to `problems`. None where no region is usable.
    pub fn read_noting(variable: &impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<Self> {
        let get = |name: &str| given(variable, name);
        let own_region = get("AWS_REGION").unwrap_or_else(|| REGION_WITHOUT_AWS.to_owned());
        let named_region = get("OIDC_TRIAGE_REGION");
        let named_regions: Vec<String> = list(get("OIDC_TRIAGE_REGIONS"));
        // Lambda knows its own region's name; a name that an operator wrote may be newer than the list, but not
        // misspelt.
        for (name, value) in named_region
            .iter()
            .map(|value| ("OIDC_TRIAGE_REGION", value))
            .chain(named_regions.iter().map(|value| ("OIDC_TRIAGE_REGIONS", value)))
        {
            if !is_well_formed(value) {
                problems.push(format!("{name} names {value:?}, which is not a region"));
            }
        }
        let known_regions =
            KnownRegions::with(named_region.iter().chain(&named_regions).chain(std::iter::once(&own_region)));
        let find = |name: &str| known_regions.find(name);
        let own_region = find(&own_region);
        let named_region = named_region.as_deref().and_then(find);
        let replicas =
            replicas::read(&list(get(REPLICAS_VARIABLE)), &known_regions, get("AWS_REGION").as_deref(), problems);
        problems.extend(replicas::contradiction(&replicas, named_region.as_ref()));
        let primary = replicas.first().map(|primary| primary.region.clone());
        let region = named_region.clone().or(primary).or_else(|| own_region.clone());
        let mut regions: Vec<Region> = named_regions.iter().filter_map(|name| find(name)).collect();
        if regions.is_empty() {
            regions.extend(region.clone());
        }
        for replica in &replicas {
            if !regions.contains(&replica.region) {
                regions.push(replica.region.clone());
            }
        }

        let start_url = get("OIDC_TRIAGE_START_URL");
        if start_url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            problems.push("OIDC_TRIAGE_START_URL must begin with https://".to_owned());
        }
        let caller_names = choice(
            "OIDC_TRIAGE_CALLER_NAMES",
            get("OIDC_TRIAGE_CALLER_NAMES"),
            problems,
            &[("shown", CallerNames::Shown), ("hashed", CallerNames::Hashed)],
        );
        let mode = choice(
            "OIDC_TRIAGE_MODE",
            get("OIDC_TRIAGE_MODE"),
            problems,
            &[("live", Mode::Live), ("shadow", Mode::Shadow)],
        );
        let policy = Policy::from_toml(&get("OIDC_TRIAGE_POLICY").unwrap_or_default()).unwrap_or_else(|error| {
            problems.extend(error.0.into_iter().map(|problem| format!("OIDC_TRIAGE_POLICY: {problem}")));
            Policy::default()
        });
        let own_group = get("AWS_LAMBDA_LOG_GROUP_NAME")
            .or_else(|| get("AWS_LAMBDA_FUNCTION_NAME").map(|name| format!("/aws/lambda/{name}")));
        let own_log_groups = own_group.into_iter().chain(list(get("OIDC_TRIAGE_OWN_LOG_GROUPS"))).collect();
        let trust = trust(variable, problems);
        Some(Self {
            own_region: own_region?,
            region: region?,
            region_is_named: named_region.is_some() || !named_regions.is_empty() || !replicas.is_empty(),
            regions,
            replicas,
            known_regions,
            start_url,
            caller_names,
            mode,
            policy,
            time_zone: None,
            own_log_groups,
            trust,
        })
    }

    /// The start URL that a probe of a region uses. What a further region of Identity Center answers to one is not verified:
    /// there the probe does without.
    pub fn start_url_in(&self, region: &Region) -> Option<&str> {
        let is_further = self.replicas.iter().skip(1).any(|replica| replica.region == *region);
        self.start_url.as_deref().filter(|_| !is_further)
    }

    /// Whether no channel, item or log may name a person or an address.
    pub fn hides_names(&self) -> bool {
        match self.caller_names {
            CallerNames::Shown => false,
            CallerNames::Hashed => true,
        }
    }

    /// Whether notices may be published: nowhere in shadow mode.
    pub fn is_live(&self) -> bool {
        match self.mode {
            Mode::Live => true,
            Mode::Shadow => false,
        }
    }
}

/// Whom to trust. An entry that cannot be read is reported, and nothing is trusted by it.
///
/// Set and empty, the log groups of CloudTrail are none; everything else that is empty counts as unset.
fn trust(variable: impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Trust {
    let get = |name: &str| given(&variable, name);
    let groups = variable(TRAIL_LOG_GROUPS_VARIABLE).unwrap_or_else(|| TRAIL_LOG_GROUPS.to_owned());
    let mut trail_log_groups = Vec::new();
    for name in list(Some(groups)) {
        match TrailLogGroup::parse(&name) {
            Ok(group) => trail_log_groups.push(group),
            Err(problem) => problems.push(format!("{TRAIL_LOG_GROUPS_VARIABLE}: {problem}")),
        }
    }
    let mut trusted = Vec::new();
    for name in ["OIDC_TRIAGE_TRUSTED_QUEUES", "OIDC_TRIAGE_TRUSTED_TOPICS", "OIDC_TRIAGE_TRUSTED_STREAMS"] {
        for arn in list(get(name)) {
            if arn.starts_with("arn:") {
                trusted.push(arn);
            } else {
                problems.push(format!("{name} names {arn:?}, which is no ARN"));
            }
        }
    }
    let call_sources = list(get("OIDC_TRIAGE_CALL_SOURCES"));
    let accounts = list(get(TRUSTED_ACCOUNTS_VARIABLE));
    for account in accounts.iter().filter(|account| !is_account(account)) {
        problems.push(format!("{TRUSTED_ACCOUNTS_VARIABLE} names {account:?}, which is no account of 12 digits"));
    }
    Trust { trail_log_groups, trusted, call_sources, accounts, ..Trust::default() }
}

/// The items of a value with commas between.
pub fn list(value: Option<String>) -> Vec<String> {
    let value = value.unwrap_or_default();
    value.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
}

/// The value that one of the allowed words stands for; the first where the variable is unset or wrong.
fn choice<T: Copy>(name: &str, value: Option<String>, problems: &mut Vec<String>, allowed: &[(&str, T)]) -> T {
    let (_, default) = allowed[0];
    let Some(value) = value else { return default };
    allowed.iter().find(|(word, _)| value.eq_ignore_ascii_case(word)).map_or_else(
        || {
            let words: Vec<&str> = allowed.iter().map(|(word, _)| *word).collect();
            problems.push(format!("{name} is {value:?}, but must be {}", words.join(" or ")));
            default
        },
        |(_, value)| *value,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_variable_is_optional() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.region.as_str(), settings.regions.len()), ("us-east-1", 1));
        assert_eq!((settings.mode, settings.caller_names), (Mode::Live, CallerNames::Shown));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let settings = read(&[("OIDC_TRIAGE_REGION", ""), ("OIDC_TRIAGE_REGIONS", " "), ("AWS_REGION", "eu-west-1")]);
        assert_eq!(settings.unwrap().regions[0].as_str(), "eu-west-1");
    }

    #[test]
    fn all_problems_are_reported_together() {
        let SettingsError(problems) = read(&[
            ("OIDC_TRIAGE_REGION", "us-esat-1"),
            ("OIDC_TRIAGE_CALLER_NAMES", "secret"),
            ("OIDC_TRIAGE_START_URL", "example.com"),
            ("OIDC_TRIAGE_POLICY", "outage_callers = 0"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:#?}");
    }

    #[test]
    fn a_region_newer_than_our_list_can_be_configured() {
        let settings = read(&[("OIDC_TRIAGE_REGIONS", "sa-west-1, us-east-1")]).unwrap();
        assert_eq!(settings.regions.iter().map(Region::as_str).collect::<Vec<_>>(), ["sa-west-1", "us-east-1"]);
    }

    #[test]
    fn nothing_is_published_in_shadow_mode() {
        assert!(read(&[]).unwrap().is_live());
        assert!(!read(&[("OIDC_TRIAGE_MODE", "shadow")]).unwrap().is_live());
    }

    #[test]
    fn nobody_is_believed_who_is_not_listed() {
        let trust = |variables: &[(&str, &str)]| read(variables).unwrap().trust;
        let (sources, queues, topics) =
            ("OIDC_TRIAGE_CALL_SOURCES", "OIDC_TRIAGE_TRUSTED_QUEUES", "OIDC_TRIAGE_TRUSTED_TOPICS");
        for unset in [vec![], vec![(sources, ""), (queues, " "), (topics, ",")]] {
            assert_eq!(trust(&unset), Trust::default());
            assert_eq!((trust(&unset).call_sources.len(), trust(&unset).trusted.len()), (0, 0));
        }
        let (queue, topic) = ("arn:aws:sqs:us-east-1:1:q", "arn:aws:sns:us-east-1:1:t");
        let listed = trust(&[(sources, "my.ci, my.cd"), (queues, queue), (topics, topic)]);
        assert_eq!(listed.call_sources, ["my.ci", "my.cd"]);
        assert_eq!(listed.trusted, [queue, topic]);
        assert!(read(&[(queues, "my-queue")]).is_err());
        let accounts =
            |value: &str| read(&[(TRUSTED_ACCOUNTS_VARIABLE, value)]).map(|settings| settings.trust.accounts);
        assert_eq!(accounts("444455556666, 111122223333").unwrap(), ["444455556666", "111122223333"]);
        assert!(accounts("").unwrap().is_empty());
        assert!(accounts("44445555666").unwrap_err().to_string().contains("12 digits"));
        // Of log groups unset means the usual names, and empty none.
        assert!(!trust(&[]).trail_log_groups.is_empty());
        assert!(trust(&[(TRAIL_LOG_GROUPS_VARIABLE, "")]).trail_log_groups.is_empty());
    }

    #[test]
    fn the_log_groups_of_both_functions_are_our_own() {
        let own = |variables: &[(&str, &str)]| read(variables).unwrap().own_log_groups;
        assert_eq!(own(&[("AWS_LAMBDA_FUNCTION_NAME", "triage")]), ["/aws/lambda/triage"]);
        assert_eq!(
            own(&[("AWS_LAMBDA_LOG_GROUP_NAME", "/ours"), ("OIDC_TRIAGE_OWN_LOG_GROUPS", "/aws/lambda/watcher")]),
            ["/ours", "/aws/lambda/watcher"]
        );
    }
}
