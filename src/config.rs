//! The environment, read once into a validated struct.
//!
//! In: variables. Out: a [`Config`], or all errors together. Nothing else in the function reads the environment except
//! the AWS SDK (credentials, endpoints) and the Lambda runtime.

mod company;
mod directory;
mod status;
mod trail;

use triage_decode::trust::{TrailBucket, Trust};
use triage_engine::settings::{Settings, SettingsError, given, list};
use triage_model::region::is_well_formed;
use triage_notify::place::{Company, Place};

pub use self::directory::IdentityStoreArn;
pub use self::status::StatusPlace;
pub use self::trail::TrailPlace;

/// What an operator can set. Every variable is optional.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What the decision depends on.
    pub settings: Settings,
    /// `OIDC_TRIAGE_TOPIC_ARN`: where notices go; unset, they are written to the log only.
    pub topic_arn: Option<String>,
    /// `OIDC_TRIAGE_FALLBACK_TOPIC_ARN`: a topic in another region, for when that one cannot be reached.
    pub fallback_topic_arn: Option<String>,
    /// `OIDC_TRIAGE_PAGER_TOPIC_ARN`: where incidents worth a page go, in a form for a paging service.
    pub pager_topic_arn: Option<String>,
    /// `OIDC_TRIAGE_EVENT_BUS`: where incidents go as events for programs.
    pub event_bus: Option<String>,
    /// `OIDC_TRIAGE_TABLE`: where sandboxes agree; unset, each knows only what it saw itself.
    pub table: Option<String>,
    /// `OIDC_TRIAGE_RUNBOOK_URL`, `OIDC_TRIAGE_STATUS_PAGE_URL`, `OIDC_TRIAGE_CONTACT`, `OIDC_TRIAGE_TIME_ZONE`: what a
    /// company adds to its notices.
    pub company: Company,
    /// `OIDC_TRIAGE_RESOLVE_NAMES`, `OIDC_TRIAGE_IDENTITY_STORE_ARN`: where user ids become names, if they should.
    pub identity_store: Option<IdentityStoreArn>,
    /// `OIDC_TRIAGE_STATUS_BUCKET`, `OIDC_TRIAGE_STATUS_PREFIX`: where the watcher writes the status page, if it should.
    pub status_page: Option<StatusPlace>,
    /// `OIDC_TRIAGE_TRAIL_BUCKET`, `OIDC_TRIAGE_TRAIL_BUCKET_ACCOUNT`, `OIDC_TRIAGE_TRAIL_PREFIX`, `OIDC_TRIAGE_TRAIL_QUEUE`: an
    /// organization trail's bucket, if its objects are read.
    pub trail: Option<TrailPlace>,
    /// `OIDC_TRIAGE_WATCHER`: the watcher's name, and `OIDC_TRIAGE_APPLICATION_LOG_GROUPS`: what subscriptions deliver. The
    /// doctor looks for both.
    pub watcher: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_NAME`, with the alias of `OIDC_TRIAGE_DIRECT_ALIAS`: as people invoke this function.
    pub function: Option<String>,
    pub log_groups: Vec<String>,
    /// `OIDC_TRIAGE_SOURCE_BUS`: the bus that other accounts send to; and `OIDC_TRIAGE_TRUSTED_STREAMS`. For the doctor.
    pub source_bus: Option<String>,
    pub streams: Vec<String>,
    /// `AWS_LAMBDA_LOG_LEVEL`.
    pub log_level: tracing::Level,
}

impl Config {
    /// Reads the variables that `variable` knows.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut problems = Vec::new();
        let settings = Settings::read_noting(&variable, &mut problems);
        let get = |name: &str| given(&variable, name);
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
        let company = company::read(&variable, &mut problems);
        let hides_names = settings.as_ref().is_some_and(Settings::hides_names);
        let identity_store = directory::read(&variable, hides_names, &mut problems);
        let table = get("OIDC_TRIAGE_TABLE");
        let status_page = status::read(&variable, table.is_some(), &mut problems);
        let trail = trail::read(&variable, &mut problems);
        let settings = settings.map(|settings| Settings {
            time_zone: company.time_zone.clone(),
            trust: Trust { trail_bucket: trail.as_ref().map(|trail| read_of(trail, &settings)), ..settings.trust },
            ..settings
        });
        let (Some(settings), true) = (settings, problems.is_empty()) else { return Err(SettingsError(problems)) };
        Ok(Self {
            settings,
            topic_arn,
            fallback_topic_arn,
            pager_topic_arn,
            event_bus: get("OIDC_TRIAGE_EVENT_BUS"),
            table,
            company,
            identity_store,
            status_page,
            trail,
            watcher: get("OIDC_TRIAGE_WATCHER"),
            function: get("AWS_LAMBDA_FUNCTION_NAME").map(|name| match get("OIDC_TRIAGE_DIRECT_ALIAS") {
                Some(alias) => format!("{name}:{alias}"),
                None => name,
            }),
            log_groups: list(get("OIDC_TRIAGE_APPLICATION_LOG_GROUPS")),
            source_bus: get("OIDC_TRIAGE_SOURCE_BUS"),
            streams: list(get("OIDC_TRIAGE_TRUSTED_STREAMS")),
            log_level: log_level(get("AWS_LAMBDA_LOG_LEVEL").as_deref()),
        })
    }

    /// Where notices come from.
    pub fn place(&self) -> Place {
        let account = self.topic_arn.as_deref().or(self.pager_topic_arn.as_deref());
        Place {
            account: account.and_then(|arn| arn.split(':').nth(4)).map(str::to_owned),
            region: self.settings.own_region.to_string(),
            log_group: self.settings.own_log_groups.first().cloned(),
            function: self.function.clone(),
            company: self.company.clone(),
        }
    }
}

/// What is read of a bucket: files of the regions that are watched.
fn read_of(trail: &TrailPlace, settings: &Settings) -> TrailBucket {
    let mut regions = settings.regions.clone();
    if !regions.contains(&settings.region) {
        regions.push(settings.region.clone());
    }
    TrailBucket { name: trail.bucket.clone(), prefix: trail.prefix.clone(), regions }
}

fn topic_problem(name: &str, arn: &str) -> Option<String> {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_topic = matches!(parts.as_slice(), ["arn", _, "sns", region, account, name]
        if is_well_formed(region) && !account.is_empty() && !name.is_empty());
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

    fn read(variables: &[(&str, &str)]) -> Result<Config, SettingsError> {
        Config::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_variable_is_optional() {
        let config = read(&[]).unwrap();
        assert_eq!((config.topic_arn, config.table, config.log_level), (None, None, tracing::Level::INFO));
    }

    #[test]
    fn all_problems_are_reported_together() {
        let SettingsError(problems) = read(&[
            ("OIDC_TRIAGE_REGION", "us-esat-1"),
            ("OIDC_TRIAGE_TOPIC_ARN", "my-topic"),
            ("OIDC_TRIAGE_CALLER_NAMES", "secret"),
            ("OIDC_TRIAGE_START_URL", "example.com"),
            ("OIDC_TRIAGE_POLICY", "outage_callers = 0"),
            ("OIDC_TRIAGE_RUNBOOK_URL", "wiki.example.com"),
            ("OIDC_TRIAGE_STATUS_PAGE_URL", "http://status.example.com"),
            ("OIDC_TRIAGE_CONTACT", "a\nb"),
            ("OIDC_TRIAGE_TIME_ZONE", "Europe/Berln"),
            ("OIDC_TRIAGE_RESOLVE_NAMES", "maybe"),
        ])
        .unwrap_err();
        assert_eq!(problems.len(), 10, "{problems:#?}");
    }

    #[test]
    fn a_notice_comes_with_what_the_company_adds() {
        let config = read(&[
            ("OIDC_TRIAGE_RUNBOOK_URL", "https://wiki.example.com/sign-in"),
            ("OIDC_TRIAGE_CONTACT", " #identity-on-call "),
            ("OIDC_TRIAGE_TIME_ZONE", "Asia/Tokyo"),
        ]);
        let Company { runbook, status_page, contact, time_zone } = config.unwrap().place().company;
        assert_eq!(runbook.as_deref(), Some("https://wiki.example.com/sign-in"));
        assert_eq!((status_page, contact.as_deref()), (None, Some("#identity-on-call")));
        assert_eq!(time_zone.unwrap().iana_name(), Some("Asia/Tokyo"));
        assert_eq!(read(&[]).unwrap().place().company, Company::default());
    }

    #[test]
    fn commands_in_notices_name_the_function_as_people_invoke_it() {
        let name = ("AWS_LAMBDA_FUNCTION_NAME", "made-up");
        let function = |variables: &[(&str, &str)]| read(variables).unwrap().place().function;
        assert_eq!(function(&[]), None);
        assert_eq!(function(&[name]).as_deref(), Some("made-up"));
        assert_eq!(function(&[name, ("OIDC_TRIAGE_DIRECT_ALIAS", "direct")]).as_deref(), Some("made-up:direct"));
    }

    #[test]
    fn names_and_hashes_exclude_each_other() {
        let resolved = [
            ("OIDC_TRIAGE_RESOLVE_NAMES", "true"),
            ("OIDC_TRIAGE_IDENTITY_STORE_ARN", "arn:aws:identitystore::111122223333:identitystore/d-1234567890"),
        ];
        assert_eq!(read(&resolved).unwrap().identity_store.unwrap().id, "d-1234567890");
        let [on, arn] = resolved;
        let error = read(&[on, arn, ("OIDC_TRIAGE_CALLER_NAMES", "hashed")]).unwrap_err().to_string();
        assert!(error.contains("OIDC_TRIAGE_RESOLVE_NAMES") && error.contains("hashed"), "{error}");
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
    fn lambda_s_fatal_level_is_known() {
        assert_eq!(log_level(Some("FATAL")), tracing::Level::ERROR);
        assert_eq!(log_level(Some("info")), tracing::Level::INFO);
        assert_eq!(log_level(None), tracing::Level::INFO);
    }
}
