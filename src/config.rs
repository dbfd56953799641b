//! The environment, read once into a validated struct.
//!
//! In: variables. Out: a [`Config`], or all that is wrong with them together. Nothing else in the crate reads the
//! environment but the AWS SDK (credentials, endpoints) and the Lambda runtime.

use crate::policy::Policy;
use crate::region::{KnownRegions, Region};

/// What an operator can set. Every variable is optional.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `OIDC_TRIAGE_TOPIC_ARN`: where notices go; unset, they are written to the log only.
    pub topic_arn: Option<String>,
    /// `OIDC_TRIAGE_FALLBACK_TOPIC_ARN`: a topic in another region, for when that one cannot be reached.
    pub fallback_topic_arn: Option<String>,
    /// `OIDC_TRIAGE_PAGER_TOPIC_ARN`: where incidents worth a page go as a paging service understands them.
    pub pager_topic_arn: Option<String>,
    /// `OIDC_TRIAGE_EVENT_BUS`: where programs hear of incidents.
    pub event_bus: Option<String>,
    /// `OIDC_TRIAGE_TABLE`: where sandboxes agree; unset, each knows only what it saw itself.
    pub table: Option<String>,
    /// `AWS_REGION`: where the function runs, and its table is.
    pub own_region: Region,
    /// `OIDC_TRIAGE_REGION`, else `AWS_REGION`: where Identity Center is.
    pub region: Region,
    /// `OIDC_TRIAGE_REGIONS`: the regions that the watcher probes; else that one.
    pub regions: Vec<Region>,
    pub known_regions: KnownRegions,
    /// `OIDC_TRIAGE_START_URL`: the access portal, with which the probe can go one rung further.
    pub start_url: Option<String>,
    /// `OIDC_TRIAGE_CALLER_NAMES`.
    pub caller_names: CallerNames,
    /// `OIDC_TRIAGE_MODE`.
    pub mode: Mode,
    /// `OIDC_TRIAGE_POLICY`.
    pub policy: Policy,
    /// `AWS_LAMBDA_LOG_GROUP_NAME`, else `/aws/lambda/<AWS_LAMBDA_FUNCTION_NAME>`, and those of
    /// `OIDC_TRIAGE_OWN_LOG_GROUPS`: never read, or we would answer ourselves for ever.
    pub own_log_groups: Vec<String>,
    /// `AWS_LAMBDA_LOG_LEVEL`.
    pub log_level: tracing::Level,
}

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

/// All that is wrong with the environment, together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not usable: {}", .0.join("; "))]
pub struct ConfigError(pub Vec<String>);

/// Where neither Lambda nor the operator names a region: a run on somebody's own machine.
const REGION_WITHOUT_AWS: &str = "us-east-1";

impl Config {
    /// Reads the variables that `variable` knows. An empty one counts as unset: a template passes empty parameters.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let get = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());

        let own_region = get("AWS_REGION").unwrap_or_else(|| REGION_WITHOUT_AWS.to_owned());
        let named_region = get("OIDC_TRIAGE_REGION");
        let named_regions: Vec<String> = list(get("OIDC_TRIAGE_REGIONS"));
        // Lambda knows its own region's name; of ours, a name may be newer than the list, but not misspelt.
        for (name, value) in named_region
            .iter()
            .map(|value| ("OIDC_TRIAGE_REGION", value))
            .chain(named_regions.iter().map(|value| ("OIDC_TRIAGE_REGIONS", value)))
        {
            if !crate::region::is_well_formed(value) {
                problems.push(format!("{name} names {value:?}, which is not a region"));
            }
        }
        let known_regions =
            KnownRegions::with(named_region.iter().chain(&named_regions).chain(std::iter::once(&own_region)));
        let find = |name: &str| known_regions.find(name);
        let own_region = find(&own_region);
        let region = named_region.as_deref().and_then(find).or_else(|| own_region.clone());
        let mut regions: Vec<Region> = named_regions.iter().filter_map(|name| find(name)).collect();
        if regions.is_empty() {
            regions.extend(region.clone());
        }

        let mut topic = |name: &str| {
            let arn = get(name);
            problems.extend(arn.as_ref().and_then(|arn| topic_problem(name, arn)));
            arn
        };
        let topic_arn = topic("OIDC_TRIAGE_TOPIC_ARN");
        let fallback_topic_arn = topic("OIDC_TRIAGE_FALLBACK_TOPIC_ARN");
        let pager_topic_arn = topic("OIDC_TRIAGE_PAGER_TOPIC_ARN");
        if topic_arn.is_none() && fallback_topic_arn.is_some() {
            problems
                .push("OIDC_TRIAGE_FALLBACK_TOPIC_ARN needs OIDC_TRIAGE_TOPIC_ARN, which it stands in for".to_owned());
        }
        let start_url = get("OIDC_TRIAGE_START_URL");
        if start_url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            problems.push("OIDC_TRIAGE_START_URL must begin with https://".to_owned());
        }
        let caller_names = choice(
            "OIDC_TRIAGE_CALLER_NAMES",
            get("OIDC_TRIAGE_CALLER_NAMES"),
            &mut problems,
            &[("shown", CallerNames::Shown), ("hashed", CallerNames::Hashed)],
        );
        let mode = choice(
            "OIDC_TRIAGE_MODE",
            get("OIDC_TRIAGE_MODE"),
            &mut problems,
            &[("live", Mode::Live), ("shadow", Mode::Shadow)],
        );
        let policy = Policy::from_toml(&get("OIDC_TRIAGE_POLICY").unwrap_or_default()).unwrap_or_else(|error| {
            problems.extend(error.0.into_iter().map(|problem| format!("OIDC_TRIAGE_POLICY: {problem}")));
            Policy::default()
        });

        let own_group = get("AWS_LAMBDA_LOG_GROUP_NAME")
            .or_else(|| get("AWS_LAMBDA_FUNCTION_NAME").map(|name| format!("/aws/lambda/{name}")));
        let own_log_groups = own_group.into_iter().chain(list(get("OIDC_TRIAGE_OWN_LOG_GROUPS"))).collect();

        let (Some(own_region), Some(region), true) = (own_region, region, problems.is_empty()) else {
            return Err(ConfigError(problems));
        };
        Ok(Self {
            topic_arn,
            fallback_topic_arn,
            pager_topic_arn,
            event_bus: get("OIDC_TRIAGE_EVENT_BUS"),
            table: get("OIDC_TRIAGE_TABLE"),
            own_region,
            region,
            regions,
            known_regions,
            start_url,
            caller_names,
            mode,
            policy,
            own_log_groups,
            log_level: log_level(get("AWS_LAMBDA_LOG_LEVEL").as_deref()),
        })
    }

    /// Whether notices may be published: nowhere in shadow mode.
    pub fn is_live(&self) -> bool {
        match self.mode {
            Mode::Live => true,
            Mode::Shadow => false,
        }
    }
}

fn list(value: Option<String>) -> Vec<String> {
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

fn topic_problem(name: &str, arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_topic = matches!(parts.as_slice(), ["arn", _, "sns", region, account, name]
        if crate::region::is_well_formed(region) && !account.is_empty() && !name.is_empty());
    match is_topic {
        false => Some(format!("{name} is not the ARN of an SNS topic")),
        true if arn.ends_with(".fifo") => {
            Some(format!("{name} is a FIFO topic, which has no mail or chat subscribers: use a standard one"))
        }
        true => None,
    }
}

/// Lambda's own level names, of which `FATAL` is not one of tracing's. INFO where unset or unknown.
fn log_level(name: Option<&str>) -> tracing::Level {
    match name.unwrap_or_default().to_ascii_uppercase().as_str() {
        "TRACE" => tracing::Level::TRACE,
        "DEBUG" => tracing::Level::DEBUG,
        "WARN" => tracing::Level::WARN,
        "ERROR" | "FATAL" => tracing::Level::ERROR,
        _ => tracing::Level::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_variable_is_optional() {
        let config = read(&[]).unwrap();
        assert_eq!((config.region.as_str(), config.regions.len(), config.topic_arn), ("us-east-1", 1, None));
        assert_eq!((config.mode, config.caller_names), (Mode::Live, CallerNames::Shown));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let config = read(&[("OIDC_TRIAGE_REGION", ""), ("OIDC_TRIAGE_REGIONS", " "), ("AWS_REGION", "eu-west-1")]);
        assert_eq!(config.unwrap().regions[0].as_str(), "eu-west-1");
    }

    #[test]
    fn all_problems_are_reported_together() {
        let ConfigError(problems) = read(&[
            ("OIDC_TRIAGE_REGION", "us-esat-1"),
            ("OIDC_TRIAGE_TOPIC_ARN", "my-topic"),
            ("OIDC_TRIAGE_CALLER_NAMES", "secret"),
            ("OIDC_TRIAGE_START_URL", "example.com"),
            ("OIDC_TRIAGE_POLICY", "outage_callers = 0"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:#?}");
    }

    #[test]
    fn a_region_newer_than_our_list_can_be_configured() {
        let config = read(&[("OIDC_TRIAGE_REGIONS", "sa-west-1, us-east-1")]).unwrap();
        assert_eq!(config.regions.iter().map(Region::as_str).collect::<Vec<_>>(), ["sa-west-1", "us-east-1"]);
    }

    #[test]
    fn nothing_is_published_in_shadow_mode() {
        let topic = ("OIDC_TRIAGE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:identity");
        assert!(read(&[topic]).unwrap().is_live());
        assert!(!read(&[topic, ("OIDC_TRIAGE_MODE", "shadow")]).unwrap().is_live());
    }

    #[test]
    fn a_fallback_stands_in_for_a_topic() {
        let fallback = ("OIDC_TRIAGE_FALLBACK_TOPIC_ARN", "arn:aws:sns:eu-west-1:111122223333:identity");
        let topic = ("OIDC_TRIAGE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:identity");
        assert!(read(&[fallback]).unwrap_err().to_string().contains("needs OIDC_TRIAGE_TOPIC_ARN"));
        assert_eq!(read(&[topic, fallback]).unwrap().fallback_topic_arn.as_deref(), Some(fallback.1));
        for wrong in ["OIDC_TRIAGE_PAGER_TOPIC_ARN", "OIDC_TRIAGE_FALLBACK_TOPIC_ARN"] {
            assert!(read(&[topic, (wrong, "my-topic")]).unwrap_err().to_string().contains(wrong));
        }
    }

    #[test]
    fn a_fifo_topic_is_refused() {
        let error = read(&[("OIDC_TRIAGE_TOPIC_ARN", "arn:aws:sns:us-east-1:111122223333:identity.fifo")]).unwrap_err();
        assert!(error.to_string().contains("FIFO"), "{error}");
    }

    #[test]
    fn a_topic_in_a_region_that_is_misspelt_or_missing_is_refused() {
        for region in ["us-esat-1", ""] {
            let arn = format!("arn:aws:sns:{region}:111122223333:identity");
            assert!(read(&[("OIDC_TRIAGE_TOPIC_ARN", &arn)]).is_err(), "{arn}");
        }
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

    #[test]
    fn lambda_s_fatal_level_is_known() {
        assert_eq!(log_level(Some("FATAL")), tracing::Level::ERROR);
        assert_eq!(log_level(Some("info")), tracing::Level::INFO);
        assert_eq!(log_level(None), tracing::Level::INFO);
    }
}
