//! The account as one page: a time chart, a table of incidents, and what each of them rests on.
//!
//! In: an [`Account`]. Out: HTML that needs nothing beside itself: no network, no font, no script to be read. Names of
//! callers, codes and tools in it are whatever somebody sent, so all text goes through one `escape` ([`markup`]), and the
//! page forbids itself everything but its own style and script. It is bounded, however many incidents there are.

mod chart;
mod incidents;
mod markup;
mod scale;
mod story;
mod summary;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod words;

use crate::replay::account::Account;
use markup::Html;
use words::date;

/// Both without `<` and `&`, which HTML and XML read differently there.
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// What the page may load or run: its own style and script, known by their SHA-256, and nothing else. A test computes
/// them.
const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-+fZdJ4jXs4qLlrszLrjercsDqi33Osu2o24MYmGwqXU='; \
    script-src 'sha256-+kActxKmeWGvUTlLPqryGeTOevpbsfrnIqYvcINRV3s='; \
    base-uri 'none'; form-action 'none'";

/// The incidents, from the first on, that have a section of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown(usize);

impl Shown {
    /// Whether the incident at that place is among them.
    pub(crate) const fn has(self, place: usize) -> bool {
        place < self.0
    }
}

/// The whole page.
pub fn page(account: &Account) -> String {
    let mut h = Html::default();
    h.verbatim("<!DOCTYPE html>\n");
    h.element("html", &[("lang", &"en")], |h| {
        h.element("head", &[], |h| head(h, account));
        h.element("body", &[], |h| body(h, account));
    });
    h.verbatim("\n");
    h.into_string()
}

fn head(h: &mut Html, account: &Account) {
    h.void("meta", &[("charset", &"utf-8")]);
    h.void("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
    h.void("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
    h.void("meta", &[("name", &"color-scheme"), ("content", &"light dark")]);
    h.void("meta", &[("name", &"referrer"), ("content", &"no-referrer")]);
    h.leaf("title", &[], title(account));
    h.element("style", &[], |h| h.verbatim(STYLE));
}

fn title(account: &Account) -> String {
    match account.span {
        None => "Replay of an empty history".to_owned(),
        Some((from, to)) if date(from) == date(to) => format!("Replay of {}", date(from)),
        Some((from, to)) => format!("Replay of {} to {}", date(from), date(to)),
    }
}

fn body(h: &mut Html, account: &Account) {
    // First, because what leads to a section must know whether there is one.
    let (sections, shown) = story::sections(account);
    h.element("header", &[], |h| {
        h.leaf("p", &[("class", &"product")], "oidc-triage");
        h.leaf("h1", &[], title(account));
        summary::verdict(h, account);
        contents(h, account);
    });
    h.element("main", &[], |h| {
        summary::cards(h, account);
        section(h, "the-chart", "Course of time", |h| {
            if account.span.is_none() {
                h.leaf("p", &[], "There is nothing to draw: no event of AWS SSO OIDC was read.");
            }
            chart::figure(h, account, &shown);
        });
        section(h, "the-incidents", "Incidents", |h| {
            incidents::table(h, account, &shown);
            h.append(&sections);
        });
        if !account.advices.is_empty() {
            section(h, "the-advice", "Advice without an incident", |h| story::advices(h, account));
        }
        section(h, "the-calls", "Calls as judged", |h| summary::calls(h, account));
        section(h, "the-input", "What was read", |h| summary::input(h, account));
    });
    h.element("script", &[], |h| h.verbatim(SCRIPT));
}

fn contents(h: &mut Html, account: &Account) {
    let mut links = vec![("#the-chart", "Course of time"), ("#the-incidents", "Incidents")];
    if !account.advices.is_empty() {
        links.push(("#the-advice", "Advice"));
    }
    links.extend([("#the-calls", "Calls"), ("#the-input", "What was read")]);
    h.element("nav", &[("aria-label", &"Contents")], |h| {
        h.element("ul", &[], |h| {
            for (link, text) in links {
                h.element("li", &[], |h| h.leaf("a", &[("href", &link)], text));
            }
        });
    });
}

/// It can be focused, so that who follows a link goes on from there.
fn section(h: &mut Html, id: &'static str, heading: &'static str, inside: impl FnOnce(&mut Html)) {
    let title = format!("{id}-title");
    h.element("section", &[("id", &id), ("tabindex", &-1), ("aria-labelledby", &title)], |h| {
        h.leaf("h2", &[("id", &title)], heading);
        inside(h);
    });
}

/// What may be wider than the screen: scrolled by itself, by keyboard too.
fn scrolling(h: &mut Html, name: &'static str, inside: impl FnOnce(&mut Html)) {
    h.element("div", &[("class", &"scroll"), ("role", &"region"), ("tabindex", &0), ("aria-label", &name)], inside);
}
