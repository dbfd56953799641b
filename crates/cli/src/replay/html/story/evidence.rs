//! What an incident rests on: the codes, operations and tools, who was affected, and the usual causes weighed.
//!
//! People are shown as counts and groups: their ids are folded away.

use triage_decide::probe::StepState;
use triage_notify::markup::Html;
use triage_notify::notice::{Impact, Notice, Request, Tally, Weighed};
use triage_notify::words::utc_minute;

use crate::replay::answer::HeadCount;
use crate::replay::html::parts::{list, scrolling, time};
use crate::replay::html::words::{Number, counted};
use crate::replay::review::Story;

/// What that notice showed; the number of callers is the incident's.
pub fn evidence(h: &mut Html, story: &Story, notice: &Notice) {
    let impact = &notice.impact;
    h.leaf("h4", &[], format!("Evidence, as of {}", utc_minute(notice.at)));
    h.element("dl", &[("class", &"facts")], |h| {
        fact(h, "Failed", |h| h.text(counted(impact.failures, "call")));
        tallied(h, "Codes", &impact.codes);
        tallied(h, "Operations", &impact.operations);
        tallied(h, "Tools", &impact.tools);
        tallied(h, "Accounts", impact.several_accounts());
        fact(h, "Probe", |h| h.text(probe(notice.probe)));
        fact(h, "AWS Health", |h| {
            h.text(if notice.aws_health { "had an open issue about it" } else { "no event about it was seen" })
        });
    });
    if !notice.weighed.is_empty() {
        h.element("details", &[], |h| {
            h.leaf("summary", &[], "The usual causes, weighed");
            h.element("dl", &[("class", &"weighed")], |h| notice.weighed.iter().for_each(|weighed| weigh(h, weighed)));
        });
    }
    if !impact.names.is_empty() {
        names(h, story, impact);
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

fn names(h: &mut Html, story: &Story, impact: &Impact) {
    h.element("details", &[], |h| {
        let all = HeadCount::of(story).affected.max(impact.names.len());
        h.leaf("summary", &[], format!("Ids of affected callers ({} of {})", impact.names.len(), Number(all as u64)));
        h.element("ul", &[("class", &"tallies")], |h| {
            impact.names.iter().for_each(|name| h.element("li", &[], |h| h.element("code", &[], |h| h.name(name))));
        });
    });
}

const fn probe(answer: Option<StepState>) -> &'static str {
    match answer {
        None => "the service was not probed",
        Some(StepState::Healthy) => "worked",
        Some(StepState::Unknown) => "got no clear answer",
        Some(StepState::Unexpected) => "got an unexpected answer",
        Some(StepState::Down) => "failed too",
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
