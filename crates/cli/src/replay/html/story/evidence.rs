//! What an incident rests on: whom it hit, with what codes, at which operations, and the usual causes weighed.

use triage_decide::probe::StepState;
use triage_notify::notice::{Impact, Notice, Request, Tally, Weighed};
use triage_notify::words::utc_minute;

use crate::replay::html::markup::Html;
use crate::replay::html::parts::{list, scrolling, time};
use crate::replay::html::words::{Number, counted};
use crate::replay::review::Story;

/// The notice that tells the most of who was hit: of those with the most callers the latest.
pub fn fullest(notices: &[Notice]) -> Option<&Notice> {
    notices.iter().filter(|notice| notice.impact.failures > 0).max_by_key(|notice| notice.impact.callers)
}

/// What that notice told of; the number of callers is the incident's.
pub fn evidence(h: &mut Html, story: &Story, notice: &Notice) {
    let impact = &notice.impact;
    h.leaf("h4", &[], format!("Evidence, as of {}", utc_minute(notice.at)));
    h.element("dl", &[("class", &"facts")], |h| {
        fact(h, "Failed", |h| h.text(counted(impact.failures, "call")));
        tallied(h, "Codes", &impact.codes);
        tallied(h, "Operations", &impact.operations);
        tallied(h, "Tools", &impact.tools);
        callers(h, story, impact);
        fact(h, "Probe", |h| h.text(probe(notice.probe)));
        fact(h, "AWS Health", |h| h.text(if notice.aws_health { "has an open issue about it" } else { "silent" }));
    });
    if !notice.weighed.is_empty() {
        h.element("details", &[("open", &"open")], |h| {
            h.leaf("summary", &[], "The usual causes, weighed");
            h.element("dl", &[("class", &"weighed")], |h| notice.weighed.iter().for_each(|weighed| weigh(h, weighed)));
        });
    }
    if !impact.requests.is_empty() {
        requests(h, impact);
    }
}

fn fact(h: &mut Html, name: &'static str, inside: impl FnOnce(&mut Html)) {
    h.leaf("dt", &[], name);
    h.element("dd", &[], inside);
}

fn tallied(h: &mut Html, name: &'static str, tallies: &[Tally]) {
    if tallies.is_empty() {
        return;
    }
    fact(h, name, |h| {
        h.element("ul", &[("class", &"tallies")], |h| {
            for tally in tallies {
                h.element("li", &[], |h| {
                    h.element("code", &[], |h| h.name(&tally.name));
                    h.text(" ");
                    h.leaf("b", &[], Number(tally.count as u64));
                });
            }
        });
    });
}

fn callers(h: &mut Html, story: &Story, impact: &Impact) {
    fact(h, "Callers", |h| {
        h.element("ul", &[("class", &"tallies")], |h| {
            h.element("li", &[], |h| {
                if story.about {
                    h.text("about ");
                }
                h.leaf("b", &[], Number(story.callers as u64));
            });
            impact.names.iter().for_each(|name| h.element("li", &[], |h| h.element("code", &[], |h| h.name(name))));
            match story.callers.saturating_sub(impact.names.len()) {
                0 => {}
                _ if impact.names.is_empty() => {}
                _ if story.about => h.leaf("li", &[], "and others"),
                more => h.leaf("li", &[], format!("and {} more", Number(more as u64))),
            }
        });
    });
}

const fn probe(answer: Option<StepState>) -> &'static str {
    match answer {
        None => "none answered",
        Some(StepState::Healthy) => "found the service healthy",
        Some(StepState::Unknown) => "had no clear answer",
        Some(StepState::Unexpected) => "was answered something unexpected",
        Some(StepState::Down) => "found the service down",
    }
}

fn weigh(h: &mut Html, weighed: &Weighed) {
    h.leaf("dt", &[], &weighed.cause);
    for (side, facts) in [("for", &weighed.speaks_for), ("against", &weighed.speaks_against)] {
        if !facts.is_empty() {
            h.element("dd", &[("class", &side)], |h| {
                h.leaf("span", &[("class", &"side")], side);
                list(h, "reasons", facts);
            });
        }
    }
}

fn requests(h: &mut Html, impact: &Impact) {
    h.element("details", &[], |h| {
        h.leaf("summary", &[], format!("Failed requests, for AWS Support ({})", impact.requests.len()));
        scrolling(h, "Failed requests", |h| {
            h.element("table", &[("class", &"plain")], |h| {
                h.element("thead", &[], |h| {
                    h.element("tr", &[], |h| {
                        for name in ["Time (UTC)", "Id", "Operation", "Code"] {
                            h.leaf("th", &[("scope", &"col")], name);
                        }
                    });
                });
                h.element("tbody", &[], |h| impact.requests.iter().for_each(|one| request(h, one)));
            });
        });
        if let Some(more @ 1..) = impact.failures.checked_sub(impact.requests.len()) {
            h.leaf("p", &[("class", &"quiet")], format!("and {} more", Number(more as u64)));
        }
    });
}

fn request(h: &mut Html, request: &Request) {
    h.element("tr", &[], |h| {
        h.element("td", &[], |h| time(h, request.at));
        h.element("td", &[], |h| {
            h.element("code", &[], |h| h.name(request.id.as_deref().unwrap_or("not kept")));
        });
        h.leaf("td", &[], request.operation.map_or("unknown", |operation| operation.as_str()));
        h.element("td", &[], |h| h.element("code", &[], |h| h.name(&request.code)));
    });
}
