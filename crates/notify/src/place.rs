//! Where a notice comes from, and the pages that its reader may look at.
//!
//! In: the deployment's settings. Out: links, without any text of others in them but ids of ours. Links into the console
//! are in the form in which the console itself gives them out; nothing but a browser can check them.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_model::partition::Partition;
use triage_model::time::{before, later};

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

/// The log is shown from so long before the first failure until so long after the notice.
const LOG_MARGIN: Duration = Duration::from_secs(10 * 60);
const LOG_AFTER: Duration = Duration::from_secs(60 * 60);

impl Place {
    /// The console's host name; None where it is not known.
    fn console(&self) -> Option<String> {
        Partition::of(&self.region).console.map(|domain| format!("{}.{domain}", self.region))
    }

    /// A Logs Insights query for what the function wrote about a notice's incident.
    pub fn log_query(&self, notice: &Notice) -> Option<String> {
        let (console, group) = (self.console()?, self.log_group.as_ref()?);
        let region = &self.region;
        let about = notice.incident.as_deref().unwrap_or(&notice.id);
        let query = format!("fields @timestamp, @message | filter @message like \"{about}\" | sort @timestamp");
        let from = before(notice.times.since.unwrap_or(notice.at), LOG_MARGIN);
        let to = later(notice.at, LOG_AFTER);
        Some(format!(
            "https://{console}/cloudwatch/home?region={region}#logsV2:logs-insights$3FqueryDetail$3D{}",
            [
                "~(end~'".to_owned(),
                quoted(&millis(to)),
                "~start~'".to_owned(),
                quoted(&millis(from)),
                "~timeType~'ABSOLUTE~tz~'UTC~editorString~'".to_owned(),
                quoted(&query),
                "~source~(~'".to_owned(),
                quoted(group),
                "))".to_owned(),
            ]
            .concat()
            .chars()
            .fold(String::new(), in_fragment)
        ))
    }
}

fn millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A string within the console's own notation: what is no letter or digit goes as `*` and two hexadecimal digits.
fn quoted(text: &str) -> String {
    text.bytes().fold(String::new(), |mut quoted, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            quoted.push(char::from(byte));
        } else {
            let _ = write!(quoted, "*{byte:02x}");
        }
        quoted
    })
}

/// That notation's own signs, doubly escaped with `$` for `%` as the console does, so that no mail program takes one of
/// them for the end of the link.
fn in_fragment(mut link: String, character: char) -> String {
    match character {
        '~' => link.push_str("$257E"),
        '(' => link.push_str("$2528"),
        ')' => link.push_str("$2529"),
        '\'' => link.push_str("$2527"),
        '*' => link.push_str("$252A"),
        other => link.push(other),
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn place(region: &str) -> Place {
        Place { region: region.to_owned(), log_group: Some("/aws/lambda/made-up".to_owned()), ..Place::default() }
    }

    #[test]
    fn a_link_to_the_log_has_nothing_in_it_at_which_a_mail_program_would_break_it_off() {
        let link = place("eu-central-1").log_query(&testing::samples()[0].1).unwrap();
        let (page, fragment) = link.split_once('#').unwrap();
        assert_eq!(page, "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1");
        let harmless = |c: char| c.is_ascii_alphanumeric() || "$-_.:".contains(c);
        assert!(fragment.chars().all(harmless), "{fragment}");
        assert!(
            fragment.contains("source$257E$2528$257E$2527$252A2faws$252A2flambda$252A2fmade-up$2529$2529"),
            "{fragment}"
        );
        assert!(fragment.contains("like$252A20$252A22eu-central-1-20270115T080100Z$252A22"), "{fragment}");
    }

    #[test]
    fn where_the_console_or_the_log_is_not_known_there_is_no_link() {
        let notice = &testing::samples()[0].1;
        assert_eq!(place("us-iso-east-1").log_query(notice), None);
        assert_eq!(Place { log_group: None, ..place("us-east-1") }.log_query(notice), None);
        assert!(place("cn-north-1").log_query(notice).unwrap().starts_with("https://cn-north-1.console.amazonaws.cn/"));
    }
}
