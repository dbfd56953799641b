//! The incidents for readers of news: RSS 2.0, an item for the beginning of each incident and one for its end.
//!
//! An item says only what does not change any more, so that the file changes only when something begins or ends, and no reader
//! sees an item twice. Its guid is the incident's id with what happened.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use triage_decide::verdict::Diagnosis;

use crate::headline::name;
use crate::markup::Html;
use crate::place::HEALTH_PAGE;
use crate::status::data::{Outward, Phase, Status};
use crate::words::{SIGN_IN, capitalized, trouble};

/// As many as readers show.
pub const ITEMS_MAX: usize = 50;

struct Item {
    guid: String,
    at: Timestamp,
    title: String,
    text: String,
}

pub fn feed(status: &Status<'_>) -> String {
    let mut items: Vec<Item> = status.incidents.iter().flat_map(items).collect();
    items.sort_by(|one, other| other.at.cmp(&one.at).then_with(|| one.guid.cmp(&other.guid)));
    items.truncate(ITEMS_MAX);
    let link = status.company.status_page.as_deref().unwrap_or(HEALTH_PAGE);
    let mut h = Html::default();
    h.verbatim("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    h.element("rss", &[("version", &"2.0")], |h| {
        h.element("channel", &[], |h| {
            h.leaf("title", &[], SIGN_IN);
            h.leaf("link", &[], link);
            h.leaf("description", &[], format_args!("Incidents of {SIGN_IN}, when they begin and when they end."));
            h.leaf("language", &[], "en");
            if let Some(latest) = items.first() {
                h.leaf("lastBuildDate", &[], date(latest.at));
            }
            h.leaf("ttl", &[], 5);
            items.iter().for_each(|each| item(h, each, link));
        });
    });
    h.verbatim("\n");
    h.into_string()
}

fn item(h: &mut Html, item: &Item, link: &str) {
    h.element("item", &[], |h| {
        h.leaf("title", &[], &item.title);
        h.leaf("link", &[], link);
        h.leaf("guid", &[("isPermaLink", &"false")], &item.guid);
        h.leaf("pubDate", &[], date(item.at));
        h.leaf("description", &[], &item.text);
    });
}

fn items(incident: &Outward) -> Vec<Item> {
    let Outward { id, region, diagnosis, reopened, .. } = incident;
    let about = format!("{SIGN_IN} {} {region}", name(*diagnosis));
    let (kind, begins) = if *reopened > 0 { ("reopened", "Reopened: ") } else { ("opened", "") };
    let opened = Item {
        guid: format!("{id}-{kind}-{reopened}-{}", diagnosis.as_str()),
        at: incident.opened_at,
        title: format!("{begins}{about}"),
        text: format!("{} in {region}.{}", capitalized(&trouble(*diagnosis)), advice(*diagnosis)),
    };
    let closed = incident.closed_at.map(|at| Item {
        guid: format!("{id}-{}-{reopened}", if incident.phase == Phase::Resolved { "resolved" } else { "quiet" }),
        at,
        title: format!("{}: {}", incident.phase.in_words(), incident.title),
        text: incident.lines.iter().map(String::as_str).chain(incident.users.as_deref()).collect::<Vec<_>>().join(" "),
    });
    [opened].into_iter().chain(closed).collect()
}

/// What helps whatever comes of it.
const fn advice(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Outage | Diagnosis::Degraded | Diagnosis::Misconfigured | Diagnosis::Suspected => {
            " Please change nothing on your side and do not sign out: open sessions keep working until they expire."
        }
        Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication
        | Diagnosis::OneAccount
        | Diagnosis::Throttling
        | Diagnosis::OneCaller
        | Diagnosis::Blind
        | Diagnosis::Late
        | Diagnosis::AwsHealth
        | Diagnosis::Unbelieved
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => "",
    }
}

/// As RSS wants it, in GMT.
fn date(at: Timestamp) -> String {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}
