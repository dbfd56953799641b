//! A notice for programs: what Lambda functions, queues and every other subscriber get, and the detail of an event on the
//! bus.
//!
//! In: a [`Notice`], and the [`Place`] that it comes from. Out: JSON by `docs/notice.schema.json`. Members are only ever
//! added: a reader ignores those that it does not know.

use serde::Serialize;

use crate::notice::Notice;
use crate::place::{HEALTH_PAGE, Place};

/// The first number is raised where a member changes its meaning or goes, the second where one is added.
pub const VERSION: &str = "2.2";

/// Also the `source` of events on the bus.
pub const SOURCE: &str = "oidc-triage";

#[derive(Debug, Serialize)]
pub struct Machine<'a> {
    version: &'static str,
    source: &'static str,
    account: Option<&'a str>,
    test: bool,
    #[serde(flatten)]
    notice: &'a Notice,
    links: Links,
    company: Company<'a>,
}

/// What a company adds: see [`crate::place::Company`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Company<'a> {
    runbook: Option<&'a str>,
    status_page: Option<&'a str>,
    contact: Option<&'a str>,
    /// An IANA name.
    time_zone: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Links {
    health: &'static str,
    log: Option<String>,
}

pub fn render<'a>(notice: &'a Notice, place: &'a Place) -> Machine<'a> {
    let company = &place.company;
    Machine {
        version: VERSION,
        source: SOURCE,
        account: place.account.as_deref(),
        test: notice.test,
        notice,
        links: Links { health: HEALTH_PAGE, log: place.log_link(notice) },
        company: Company {
            runbook: company.runbook.as_deref(),
            status_page: company.status_page.as_deref(),
            contact: company.contact.as_deref(),
            time_zone: company.time_zone.as_ref().and_then(|zone| zone.iana_name()),
        },
    }
}
