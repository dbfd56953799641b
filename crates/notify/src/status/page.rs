//! The status page for people: one file of HTML that needs nothing beside itself.
//!
//! In: a [`Status`]. Out: HTML that an XML parser reads as well. No script, no image, no font, and a policy that forbids them. The
//! browser loads it again each minute. Every state is a word; colour and sign only repeat it.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::markup::Html;
use crate::notice::Impact;
use crate::place::HEALTH_PAGE;
use crate::status::data::{Outward, State, Status};
use crate::status::kept::{KEPT_FOR, KEPT_MAX};
use crate::words::{Clock, SIGN_IN, capitalized, counted, percent_of, span, trouble, utc_minute};

/// Without `<` and `&`, which HTML and XML read differently there.
pub const STYLE: &str = include_str!("page.css");

/// What the page may load: its own style, known by its SHA-256, and nothing else. A test computes it.
pub const POLICY: &str = "default-src 'none'; style-src 'sha256-QqqpuGEcKGSGf2gZpioxye0dokTU8yIlbzDQy0uN67o='; base-uri 'none'; form-action 'none'";

/// A page that is older than this was not written by a watcher that runs.
pub const STALE_AFTER: Duration = Duration::from_secs(5 * 60);

pub fn page(status: &Status<'_>) -> String {
    let mut h = Html::default();
    h.verbatim("<!DOCTYPE html>\n");
    h.element("html", &[("lang", &"en")], |h| {
        h.element("head", &[], |h| head(h, status));
        h.element("body", &[], |h| body(h, status));
    });
    h.verbatim("\n");
    h.into_string()
}

fn head(h: &mut Html, status: &Status<'_>) {
    h.void("meta", &[("charset", &"utf-8")]);
    h.void("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
    h.void("meta", &[("http-equiv", &"refresh"), ("content", &"60")]);
    h.void("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
    h.void("meta", &[("name", &"color-scheme"), ("content", &"light dark")]);
    h.void("meta", &[("name", &"referrer"), ("content", &"no-referrer")]);
    let feed = [("rel", &"alternate" as _), ("type", &"application/rss+xml" as _), ("href", &"feed.xml" as _)];
    h.void("link", &feed);
    h.leaf("title", &[], status.in_words());
    h.element("style", &[], |h| h.verbatim(STYLE));
}

fn body(h: &mut Html, status: &Status<'_>) {
    let zone = status.company.time_zone.as_ref();
    h.element("header", &[], |h| {
        h.leaf("p", &[("class", &"product")], format_args!("{SIGN_IN} status"));
        banner(h, status);
    });
    h.element("main", &[], |h| {
        if status.open().next().is_some() {
            section(h, "open", "Now", |h| status.open().for_each(|incident| open(h, incident, status)));
        }
        section(h, "share", "Calls that worked", |h| shares(h, status));
        section(h, "past", "Past incidents", |h| past(h, status, zone));
    });
    h.element("footer", &[], |h| footer(h, status));
}

fn banner(h: &mut Html, status: &Status<'_>) {
    let (class, sign) = look(status.state());
    h.element("div", &[("class", &format_args!("banner {class}"))], |h| {
        h.element("h1", &[], |h| {
            h.leaf("span", &[("class", &"sign"), ("aria-hidden", &"true")], sign);
            h.leaf("span", &[], status.in_words());
        });
        if !status.more().is_empty() {
            h.leaf("p", &[("class", &"more")], status.more());
        }
        let clock = Clock { now: status.at, zone: status.company.time_zone.as_ref() };
        h.element("p", &[("class", &"quiet")], |h| {
            h.text("As of ");
            h.leaf("time", &[("datetime", &status.at)], clock.time(status.at));
            h.text(format_args!(
                " on {}. This page is written each minute: if that is more than {} ago, the monitoring does not run, and \
                 this page says nothing about now.",
                status.at.strftime("%-d %B %Y"),
                span(STALE_AFTER)
            ));
        });
    });
}

/// The class and the sign of a state. Both only repeat what is said.
const fn look(state: State) -> (&'static str, &'static str) {
    match state {
        State::Outage => ("outage", "\u{2715}"),
        State::Degraded => ("degraded", "!"),
        State::Unknown => ("unknown", "?"),
        State::Ok => ("ok", "\u{2713}"),
    }
}

fn open(h: &mut Html, incident: &Outward, status: &Status<'_>) {
    let clock = Clock { now: status.at, zone: status.company.time_zone.as_ref() };
    h.element("article", &[("class", &format_args!("open {}", look(incident.state).0))], |h| {
        h.leaf("p", &[("class", &"phase")], incident.phase.in_words());
        h.leaf("h3", &[], heading(incident));
        if let Some(users) = &incident.users {
            h.leaf("p", &[("class", &"users")], users);
        }
        if let Some((region, portal)) = &incident.portal {
            h.element("p", &[("class", &"users")], |h| {
                h.leaf("a", &[("href", &portal)], format_args!("Sign in by the access portal of {region}"));
            });
        }
        lines(h, incident);
        h.element("dl", &[], |h| {
            let mut fact = |name: &str, value: &str| {
                h.leaf("dt", &[], name);
                h.leaf("dd", &[], value);
            };
            fact("Started", &clock.time(incident.began));
            if let Some(latest) = incident.latest {
                fact("Latest failure", &clock.time(latest));
            }
            if incident.callers > 0 {
                fact("Affected", &head_count(incident));
            }
            if let Some(tool) = &incident.tool {
                fact("Tool", tool);
            }
            if incident.reopened > 0 {
                fact("Reopened", &counted(incident.reopened as usize, "time"));
            }
        });
    });
}

fn shares(h: &mut Html, status: &Status<'_>) {
    if status.objective.is_none() {
        h.leaf("p", &[], "Not known: only failures were seen so far, and no calls that worked.");
        return;
    }
    h.element("table", &[], |h| {
        let target = status.target.percent();
        let caption = "Of the calls to AWS's sign-in service that were seen, in all watched regions together.";
        h.leaf("caption", &[], format_args!("{caption} The target is {target} %."));
        h.element("thead", &[], |h| {
            h.element("tr", &[], |h| {
                for heading in ["The last", "Worked", "Burn rate"] {
                    h.leaf("th", &[("scope", &"col")], heading);
                }
            });
        });
        h.element("tbody", &[], |h| {
            for (last, window) in status.windows() {
                let share = window.and_then(|window| window.calls.share());
                let burn_rate = window.and_then(|window| status.target.burn_rate(window.calls));
                h.element("tr", &[], |h| {
                    h.leaf("th", &[("scope", &"row")], last);
                    h.leaf("td", &[("class", &"number")], share.map_or_else(|| UNKNOWN.to_owned(), percent));
                    h.leaf("td", &[], burn_rate.map_or_else(|| UNKNOWN.to_owned(), |rate| format!("{rate:.1}")));
                });
            }
        });
    });
    h.leaf(
        "p",
        &[("class", &"quiet line")],
        "At a burn rate of 1 as many calls fail in 30 days as the target allows; at 10 that many fail in 3 days.",
    );
}

const UNKNOWN: &str = "not known";

fn percent(share: f64) -> String {
    format!("{} %", percent_of(share))
}

fn past(h: &mut Html, status: &Status<'_>, zone: Option<&TimeZone>) {
    let days = KEPT_FOR.as_secs() / 86_400;
    if status.past().next().is_none() {
        h.leaf("p", &[], format_args!("None known within {days} days."));
        return;
    }
    h.element("ul", &[("class", &"past")], |h| {
        for incident in status.past() {
            h.element("li", &[], |h| {
                let began = Clock::with_dates(zone).time(incident.began);
                h.leaf("p", &[("class", &"phase")], format_args!("{began}: {}", incident.phase.in_words()));
                h.leaf(
                    "h3",
                    &[],
                    format_args!("{}, {}", heading(incident), span(Duration::from_secs(incident.lasted_s))),
                );
                lines(h, incident);
            });
        }
    });
    h.leaf("p", &[("class", &"quiet line")], format_args!("Of the last {days} days, {KEPT_MAX} incidents at most."));
}

fn footer(h: &mut Html, status: &Status<'_>) {
    if let Some(contact) = &status.company.contact {
        h.element("p", &[], |h| {
            h.text("Contact: ");
            h.name(contact);
        });
    }
    h.element("p", &[], |h| {
        h.leaf("a", &[("href", &"feed.xml")], "RSS");
        h.text(", ");
        h.leaf("a", &[("href", &"status.json")], "JSON");
        h.text(", ");
        h.leaf("a", &[("href", &HEALTH_PAGE)], "AWS's own status page");
    });
    h.leaf(
        "p",
        &[],
        format_args!(
            "Made by oidc-triage of this company's calls to AWS's sign-in service, at {}. Of what nobody called it knows nothing.",
            utc_minute(status.at)
        ),
    );
}

/// `Outage of AWS sign-in in eu-central-1`
fn heading(incident: &Outward) -> String {
    format!("{} in {}", capitalized(&trouble(incident.diagnosis)), incident.region)
}

fn head_count(incident: &Outward) -> String {
    let Outward { callers, about, people, seen, .. } = *incident;
    Impact { callers, about, people, seen, ..Impact::default() }.head_count()
}

fn lines(h: &mut Html, incident: &Outward) {
    incident.lines.iter().for_each(|line| h.leaf("p", &[("class", &"line")], line));
}

fn section(h: &mut Html, id: &'static str, heading: &'static str, inside: impl FnOnce(&mut Html)) {
    let title = format!("{id}-title");
    h.element("section", &[("id", &id), ("aria-labelledby", &title)], |h| {
        h.leaf("h2", &[("id", &title)], heading);
        inside(h);
    });
}
