//! Where a notice comes from, and the pages that its reader may look at.
//!
//! In: the deployment's settings. Out: links, without any text of others in them but ids of ours. Links into the console
//! are in the form in which the console itself gives them out; nothing but a browser can check them.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use triage_model::partition::Partition;

use crate::notice::Notice;

/// AWS's public page about its services' health.
pub const HEALTH_PAGE: &str = "https://health.aws.amazon.com/health/status";

/// The AWS account, region and log of the function. All of it is unknown on somebody's own machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub account: Option<String>,
    /// Where the function runs.
    pub region: String,
    pub log_group: Option<String>,
    /// By which an operator invokes the function, as `aws lambda invoke` takes it: its name, and the alias for people.
    pub function: Option<String>,
    pub company: Company,
}

/// What a company adds to its notices. All of it is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Company {
    /// The address of the runbook for such an incident.
    pub runbook: Option<String>,
    /// The address of the page where users read about outages.
    pub status_page: Option<String>,
    /// Whom users and on-call can reach: a channel, an address, a phone number.
    pub contact: Option<String>,
    /// Times are shown in UTC, and in this one beside it.
    pub time_zone: Option<TimeZone>,
}

/// A longer link breaks in mail programs, and nobody types it.
pub const LINK_MAX: usize = 200;

impl Place {
    /// The paragraph for users, with where they can read on and whom they can ask.
    pub fn for_users(&self, notice: &Notice) -> Option<String> {
        let users = notice.advice.users.as_ref()?;
        let Company { status_page, contact, .. } = &self.company;
        let page = status_page.as_ref().map(|page| format!(" Status: {page}"));
        let contact = contact.as_ref().map(|contact| format!(" Contact: {contact}"));
        Some([Some(users.clone()), page, contact].into_iter().flatten().collect())
    }

    /// Where its reader may look, by name.
    pub fn links(&self, notice: &Notice) -> Vec<(&'static str, String)> {
        let portal = notice.portal().map(|working| ("Access portal that works", working.portal.clone()));
        let health = notice.is_of_aws().then(|| ("AWS Health", HEALTH_PAGE.to_owned()));
        portal.into_iter().chain(health).chain(self.log_link(notice).map(|log| ("Log", log))).collect()
    }

    /// The function's log, at what it wrote about the notice's incident; where that link is too long, the log alone.
    pub fn log_link(&self, notice: &Notice) -> Option<String> {
        let (domain, group) = (Partition::of(&self.region).console?, self.log_group.as_ref()?);
        let log = format!(
            "https://{domain}/cloudwatch/home?region={}#logsV2:log-groups/log-group/{}",
            self.region,
            in_fragment(group)
        );
        let about = notice.incident.as_deref().unwrap_or(&notice.id);
        // A term with a hyphen wants quotes.
        let filter = in_fragment(&format!("?filterPattern=\"{about}\""));
        [format!("{log}/log-events{filter}"), log].into_iter().find(|link| link.len() <= LINK_MAX)
    }
}

/// As the console writes what stands behind its `#`: percent-encoded, with `$` for `%`; a `/` and a `"` twice.
fn in_fragment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut link, byte| {
        match byte {
            b'/' => link.push_str("$252F"),
            b'"' => link.push_str("$2522"),
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') => link.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => _ = write!(link, "${byte:02X}"),
        }
        link
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn place(region: &str) -> Place {
        Place { region: region.to_owned(), log_group: Some("/aws/lambda/made-up".to_owned()), ..Place::default() }
    }

    #[test]
    fn a_link_to_the_log_is_short_and_has_nothing_in_it_at_which_a_mail_program_would_break_it_off() {
        let link = place("eu-central-1").log_link(&testing::samples()[0].1).unwrap();
        let expected = "https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/\
                        $252Faws$252Flambda$252Fmade-up/log-events$3FfilterPattern$3D$2522eu-central-1-20270115T080100Z$2522";
        assert_eq!(link, expected);
        assert!(link.len() <= LINK_MAX, "{}", link.len());
    }

    #[test]
    fn where_a_link_to_the_incident_would_be_too_long_it_leads_to_the_log() {
        let notice = &testing::samples()[0].1;
        let of =
            |length: usize| Place { log_group: Some("g".repeat(length)), ..place("ap-southeast-1") }.log_link(notice);
        assert!(of(24).unwrap().contains("filterPattern"));
        let log = of(80).unwrap();
        assert!(log.ends_with(&"g".repeat(80)) && log.len() <= LINK_MAX, "{log}");
        assert_eq!(of(120), None);
    }

    #[test]
    fn where_the_console_or_the_log_is_not_known_there_is_no_link() {
        let notice = &testing::samples()[0].1;
        assert_eq!(place("us-iso-east-1").log_link(notice), None);
        assert_eq!(Place { log_group: None, ..place("us-east-1") }.log_link(notice), None);
        assert!(place("cn-north-1").log_link(notice).unwrap().starts_with("https://console.amazonaws.cn/"));
    }
}
