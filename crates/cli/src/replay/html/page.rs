//! The page as a whole: its head, and its sections in order.

use triage_model::time::later;
use triage_notify::markup::Html;

use crate::replay::answer::Answer;
use crate::replay::html::words::date;
use crate::replay::html::{answer, chart, incidents, story, summary};
use crate::replay::review::Review;

/// Both without `<` and `&`, which HTML and XML read differently there.
pub const STYLE: &str = include_str!("page.css");
pub const SCRIPT: &str = include_str!("page.js");

/// What the page may load or run: its own style and script, known by their SHA-256, and nothing else. A test computes
/// them.
pub const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-WN/XkzBXcYx6EFQxfjb1LEnYW0l0iTBeVomt3ls5Mh4='; \
    script-src 'sha256-PNUKvCKW4E+PsWvj4oBEP13AbW1VEo0hQWYoSF3axn4='; \
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

/// `AWS sign-in, 1 January 2027 to 30 January 2027`.
pub fn title(review: &Review) -> String {
    match review.span {
        None => "AWS sign-in: an empty history".to_owned(),
        Some((from, to)) if date(from) == date(to) => format!("AWS sign-in, {}", date(from)),
        Some((from, to)) => format!("AWS sign-in, {} to {}", date(from), date(to)),
    }
}

fn body(h: &mut Html, review: &Review) {
    // First, because what leads to a card must know whether there is one.
    let (cards, shown) = story::cards(review);
    let answer = Answer::of(review);
    chart::definitions(h);
    h.element("header", &[], |h| {
        h.leaf("p", &[("class", &"product")], "Report by oidc-triage");
        h.leaf("h1", &[], title(review));
        answer::verdict(h, review, answer.as_ref());
    });
    h.element("main", &[], |h| {
        if let Some(answer) = &answer {
            answer::numbers(h, review, answer);
        }
        contents(h, review);
        if !review.incidents.is_empty() {
            section(h, "the-incidents", "Incidents", |h| {
                incidents::table(h, review, &shown);
                h.append(&cards);
            });
        }
        section(h, "the-chart", "The whole time", |h| {
            if review.span.is_none() {
                h.leaf("p", &[], "There is nothing to draw: no event of AWS SSO OIDC was read.");
            }
            match is_within_a_card(review) {
                true => h.leaf("p", &[], "It is all within the chart of the incident above."),
                false => chart::period::figure(h, review, &shown),
            }
        });
        if !review.advices.is_empty() {
            section(h, "the-advice", "Advice without an incident", |h| story::advices(h, review));
        }
        section(h, "the-calls", "All calls", |h| summary::calls(h, review));
        section(h, "the-input", "What was read", |h| summary::input(h, review));
        section(h, "the-terms", "How to read this", |h| summary::terms(h, review));
    });
    h.element("script", &[], |h| h.verbatim(SCRIPT));
}

/// Whether there is nothing to see beside the only incident.
fn is_within_a_card(review: &Review) -> bool {
    let bins = review.incidents.first().map(|story| (&story.close_up.bins, story.close_up.width));
    let (Some((bins, width)), Some((from, to))) = (bins, review.span) else { return false };
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return false };
    review.incidents.len() == 1 && first.at <= from && to < later(last.at, width)
}

fn contents(h: &mut Html, review: &Review) {
    let links = [
        (!review.incidents.is_empty()).then_some(("#the-incidents", "Incidents")),
        Some(("#the-chart", "The whole time")),
        (!review.advices.is_empty()).then_some(("#the-advice", "Advice")),
        Some(("#the-calls", "All calls")),
        Some(("#the-input", "What was read")),
        Some(("#the-terms", "How to read this")),
    ];
    h.element("nav", &[("aria-label", &"Contents")], |h| {
        h.element("ul", &[], |h| {
            for (link, text) in links.into_iter().flatten() {
                h.element("li", &[], |h| h.leaf("a", &[("href", &link)], text));
            }
        });
    });
}

/// It can be focused, so that a reader who follows a link continues from there.
fn section(h: &mut Html, id: &'static str, heading: &'static str, inside: impl FnOnce(&mut Html)) {
    let title = format!("{id}-title");
    h.element("section", &[("id", &id), ("tabindex", &-1), ("aria-labelledby", &title)], |h| {
        h.leaf("h2", &[("id", &title)], heading);
        inside(h);
    });
}
