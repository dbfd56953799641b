//! The setting `Replicas`: the regions of one Identity Center, each with its access portal.
//!
//! In: `eu-central-1=https://d-1.awsapps.com/start,us-east-1=https://d-1.us-east-1.portal.amazonaws.com`. Out: the replicas,
//! the primary first, or none and what is wrong. Half of a list would show the wrong portal, so one wrong entry spoils all.

use triage_model::link::link;
use triage_model::partition::Partition;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::region::{KnownRegions, Region};
use triage_model::replica::Replica;

/// The regions of a replicated Identity Center.
pub const REPLICAS_VARIABLE: &str = "OIDC_TRIAGE_REPLICAS";

/// Each decision reads all of them, and each is probed once a minute.
pub const REPLICAS_MAX: usize = 8;

const FORM: &str = "write REGION=https://PORTAL for each region, with commas between, the primary first";

/// `own_region`: where the function runs, if that is known.
pub fn read(
    entries: &[String],
    known: &KnownRegions,
    own_region: Option<&str>,
    problems: &mut Vec<String>,
) -> Vec<Replica> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut replicas: Vec<Replica> = Vec::new();
    let mut wrong = Vec::new();
    match entries.len() {
        1 => wrong.push(format!("names only one region: name at least two, or leave it empty ({FORM})")),
        2..=REPLICAS_MAX => {}
        count => wrong.push(format!("names {count} regions: name at most {REPLICAS_MAX}")),
    }
    for entry in entries.iter().take(REPLICAS_MAX) {
        match parse(entry, known) {
            Ok(replica) if replicas.iter().any(|other| other.region == replica.region) => {
                wrong.push(format!("names {} twice: name each region once", replica.region));
            }
            Ok(replica) if replicas.iter().any(|other| other.portal == replica.portal) => {
                wrong.push(format!(
                    "gives {} the portal of another region: each region has a portal of its own (Identity Center's \
                     console, Settings, lists them)",
                    replica.region
                ));
            }
            Ok(replica) => replicas.push(replica),
            Err(problem) => wrong.push(problem),
        }
    }
    let home = own_region.or(replicas.first().map(|first| first.region.as_str())).map(Partition::of);
    let abroad = replicas.iter().find(|one| home.is_some_and(|home| Partition::of(one.region.as_str()) != home));
    wrong.extend(abroad.map(|one| {
        format!("names {}, which is in another AWS partition: an Identity Center is in one partition", one.region)
    }));
    if wrong.is_empty() {
        return replicas;
    }
    problems.extend(wrong.into_iter().map(|problem| format!("{REPLICAS_VARIABLE} {problem}")));
    Vec::new()
}

/// The setting that says where Identity Center is must not say something else.
pub fn contradiction(replicas: &[Replica], region: Option<&Region>) -> Option<String> {
    let (primary, region) = (&replicas.first()?.region, region?);
    (primary != region).then(|| {
        format!(
            "OIDC_TRIAGE_REGION is {region}, but the first of {REPLICAS_VARIABLE} is {primary}: put the primary region \
             first, or leave OIDC_TRIAGE_REGION empty"
        )
    })
}

fn parse(entry: &str, known: &KnownRegions) -> Result<Replica, String> {
    let Some((region, portal)) = entry.split_once('=') else {
        return Err(format!("has {:?}: {FORM}", one_line(entry, SHOWN_NAME_MAX)));
    };
    let Some(region) = known.find(region) else {
        return Err(format!(
            "names {:?}, which is not a region known here: check its spelling; one that is newer than this release \
             must be in OIDC_TRIAGE_REGIONS too",
            one_line(region.trim(), SHOWN_NAME_MAX)
        ));
    };
    match link("the portal", portal.trim().to_owned()) {
        Ok(portal) => Ok(Replica { region, portal }),
        Err(problem) => Err(format!("of {region}: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{REPLICAS_VARIABLE, Settings};

    const EU: &str = "eu-central-1=https://d-1234567890.awsapps.com/start";
    const US: &str = "us-east-1=https://d-1234567890.us-east-1.portal.amazonaws.com";

    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::read(variable).map_err(|error| error.to_string())
    }

    fn problem(value: &str) -> String {
        read(&[(REPLICAS_VARIABLE, value), ("AWS_REGION", "eu-west-1")]).unwrap_err()
    }

    #[test]
    fn replicas_are_watched_and_the_first_is_where_identity_center_is() {
        let settings = read(&[(REPLICAS_VARIABLE, &format!(" {EU} , {US}, ")), ("AWS_REGION", "eu-west-1")]).unwrap();
        let regions: Vec<&str> = settings.regions.iter().map(|region| region.as_str()).collect();
        assert_eq!((settings.region.as_str(), regions), ("eu-central-1", vec!["eu-central-1", "us-east-1"]));
        assert_eq!(settings.replicas.len(), 2);
        assert!(settings.region_is_named);
        assert_eq!(settings.replicas[1].portal, "https://d-1234567890.us-east-1.portal.amazonaws.com");
        // Another region may be watched beside them.
        let more = read(&[(REPLICAS_VARIABLE, &format!("{EU},{US}")), ("OIDC_TRIAGE_REGIONS", "ap-south-1,us-east-1")]);
        assert_eq!(more.unwrap().regions.len(), 3);
        for unset in ["", " ", ","] {
            let settings = read(&[(REPLICAS_VARIABLE, unset)]).unwrap();
            assert!(settings.replicas.is_empty() && !settings.region_is_named);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let pair = |second: &str| format!("{EU},{second}");
        let nine: Vec<String> = (0..9).map(|number| format!("eu-west-1=https://p{number}.example.com")).collect();
        let cases = [
            (EU.to_owned(), "names only one region: name at least two"),
            (nine.join(","), "names 9 regions: name at most 8"),
            (pair("us-east-1"), "write REGION=https://PORTAL for each region"),
            (pair("us-esat-1=https://p.example.com"), "names \"us-esat-1\", which is not a region known here: check"),
            (pair("us-east-1=http://p.example.com"), "of us-east-1: the portal must begin with https://"),
            (pair("us-east-1=p.example.com"), "of us-east-1: the portal must begin with https://"),
            (pair("us-east-1=https://user:pw@p.example.com"), "of us-east-1: the portal needs a host name"),
            (pair(&format!("us-east-1=https://p.example.com/{}", "x".repeat(200))), "is longer than 200 characters"),
            (pair("EU-central-1=https://p.example.com"), "names eu-central-1 twice: name each region once"),
            (pair("us-east-1=https://d-1234567890.awsapps.com/start"), "gives us-east-1 the portal of another region"),
            (pair("cn-north-1=https://p.example.com"), "names cn-north-1, which is in another AWS partition"),
            (
                "cn-north-1=https://a.example.com,cn-northwest-1=https://b.example.com".to_owned(),
                "another AWS partition",
            ),
        ];
        for (value, expected) in cases {
            let said = problem(&value);
            assert!(said.contains(expected) && said.contains(REPLICAS_VARIABLE), "{value}: {said}");
        }
        assert!(!problem(&pair("us-east-1=https://user:hunter2@p.example.com")).contains("hunter2"));
    }

    #[test]
    fn the_region_of_identity_center_is_the_primary() {
        let both = format!("{EU},{US}");
        let with = |region| read(&[(REPLICAS_VARIABLE, &both), ("OIDC_TRIAGE_REGION", region)]);
        assert!(with("eu-central-1").is_ok());
        assert!(with("us-east-1").unwrap_err().contains("put the primary region first"));
    }

    #[test]
    fn only_the_primary_is_probed_with_the_start_url() {
        let both = format!("{EU},{US}");
        let settings = read(&[(REPLICAS_VARIABLE, &both), ("OIDC_TRIAGE_START_URL", "https://d-1.awsapps.com/start")]);
        let settings = settings.unwrap();
        let of = |place: usize| settings.start_url_in(&settings.replicas[place].region);
        assert_eq!((of(0), of(1)), (Some("https://d-1.awsapps.com/start"), None));
    }

    #[test]
    fn a_history_may_be_of_any_partition() {
        let china = "cn-north-1=https://a.example.com,cn-northwest-1=https://b.example.com";
        assert_eq!(read(&[(REPLICAS_VARIABLE, china)]).unwrap().replicas.len(), 2);
    }
}
