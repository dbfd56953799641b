//! The page as a whole: its head, and its sections in order.

use crate::replay::html::markup::Html;
use crate::replay::html::words::date;
use crate::replay::html::{chart, incidents, story, summary};
use crate::replay::review::Review;

/// Both without `<` and `&`, which HTML and XML read differently there.
pub const STYLE: &str = include_str!("page.css");
pub const SCRIPT: &str = include_str!("page.js");

/// What the page may load or run: its own style and script, known by their SHA-256, and nothing else. A test computes
/// them.
pub const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-CVFNt4AiFeyAMOXxNMRKuDEz4GwMkFRjUCywLr4MByc='; \
    script-src 'sha256-+kActxKmeWGvUTlLPqryGeTOevpbsfrnIqYvcINRV3s='; \
    base-uri 'none'; form-action 'none'";

/// The whole page.
pub fn page(review: &Review) -> String {
    let mut h = Html::default();
    h.verbatim("<!DOCTYPE html>\n");
    h.element("html", &[("lang", &"en")], |h| {
        h.element("head", &[], |h| head(h, review));
        h.element("body", &[], |h| body(h, review));
    });
    h.verbatim("\n");
    h.into_string()
}

fn head(h: &mut Html, review: &Review) {
    h.void("meta", &[("charset", &"utf-8")]);
    h.void("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &POLICY)]);
    h.void("meta", &[("name", &"viewport"), ("content", &"width=device-width, initial-scale=1")]);
    h.void("meta", &[("name", &"color-scheme"), ("content", &"light dark")]);
    h.void("meta", &[("name", &"referrer"), ("content", &"no-referrer")]);
    h.leaf("title", &[], title(review));
    h.element("style", &[], |h| h.verbatim(STYLE));
}

fn title(review: &Review) -> String {
    match review.span {
        None => "Replay of an empty history".to_owned(),
        Some((from, to)) if date(from) == date(to) => format!("Replay of {}", date(from)),
        Some((from, to)) => format!("Replay of {} to {}", date(from), date(to)),
    }
}

fn body(h: &mut Html, review: &Review) {
    // First, because what leads to a section must know whether there is one.
    let (sections, shown) = story::sections(review);
    h.element("header", &[], |h| {
        h.leaf("p", &[("class", &"product")], "oidc-triage");
        h.leaf("h1", &[], title(review));
        summary::verdict(h, review);
        summary::clock(h, review);
        contents(h, review);
    });
    h.element("main", &[], |h| {
        summary::cards(h, review);
        section(h, "the-chart", "Course of time", |h| {
            if review.span.is_none() {
                h.leaf("p", &[], "There is nothing to draw: no event of AWS SSO OIDC was read.");
            }
            chart::figure(h, review, &shown);
        });
        section(h, "the-incidents", "Incidents", |h| {
            incidents::table(h, review, &shown);
            h.append(&sections);
        });
        if !review.advices.is_empty() {
            section(h, "the-advice", "Advice without an incident", |h| story::advices(h, review));
        }
        section(h, "the-calls", "Calls as judged", |h| summary::calls(h, review));
        section(h, "the-input", "What was read", |h| summary::input(h, review));
    });
    h.element("script", &[], |h| h.verbatim(SCRIPT));
}

fn contents(h: &mut Html, review: &Review) {
    let mut links = vec![("#the-chart", "Course of time"), ("#the-incidents", "Incidents")];
    if !review.advices.is_empty() {
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
