//! The verdict, the totals, the calls by cause, and what was read.

use triage_model::classify::Cause;
use triage_notify::words::between;

use crate::replay::html::markup::Html;
use crate::replay::html::words::{LOOKS_FALSE, Number, about, count, counted, meaning};
use crate::replay::review::{Review, Story};

/// Tools listed: the most frequent ones. The JSON has them all.
const TOOLS_MAX: usize = 20;

/// What the reader came for, in a sentence; and before it, what must not be overlooked.
pub fn verdict(h: &mut Html, review: &Review) {
    if review.interrupted {
        h.element("p", &[("class", &"alert"), ("role", &"note")], |h| {
            h.leaf("strong", &[], "Interrupted. ");
            h.text("All of this is of the history up to there: there may be more after it.");
        });
    }
    let Some((from, to)) = review.span else {
        h.leaf("p", &[("class", &"verdict")], "Nothing was read that could be judged: nobody would have been paged.");
        return;
    };
    let (pages, looks_false) = (review.pages().count(), review.false_looking_pages());
    let within = about(between(from, to));
    h.element("p", &[("class", &"verdict")], |h| match pages {
        0 => h.text(format!("In {within} nobody would have been paged.")),
        pages => {
            h.text(format!("In {within} the on-call would have been paged for "));
            h.leaf("strong", &[], counted(pages, "incident"));
            h.text(match looks_false {
                0 => "; none of these pages looks false.".to_owned(),
                1 => format!("; one of these pages looks false: it {LOOKS_FALSE}."),
                more => format!("; {} of these pages look false: each {LOOKS_FALSE}.", Number(more as u64)),
            });
        }
    });
}

/// By which times it is told; of nothing there is none.
pub fn clock(h: &mut Html, review: &Review) {
    if review.span.is_some() {
        h.leaf("p", &[("class", &"quiet")], format!("The clock: {}.", review.clock()));
    }
}

pub fn cards(h: &mut Html, review: &Review) {
    let pages = review.pages().count();
    let advices = review.advices.len();
    h.element("dl", &[("class", &"cards")], |h| {
        card(h, "Pages", pages as u64, "incidents that call somebody out of bed");
        card(h, "Look false", review.false_looking_pages() as u64, "short, of few callers, not confirmed");
        card(h, "Incidents", review.incidents.len() as u64, &open(&review.incidents));
        card(
            h,
            "Notices",
            review.notices() as u64,
            &format!("{} of them advice without an incident", Number(advices as u64)),
        );
        card(
            h,
            "Callers hit",
            review.callers as u64,
            "distinct ones: by the service, without an answer, or by a key or policy",
        );
        card(h, "Calls served", review.counts.success, "which speak for the service");
    });
}

fn open(stories: &[Story]) -> String {
    match stories.iter().filter(|story| story.over_at.is_none()).count() {
        0 => "all of them over at the end".to_owned(),
        open => format!("{} not over at the end", Number(open as u64)),
    }
}

fn card(h: &mut Html, name: &'static str, number: u64, meaning: &str) {
    h.element("div", &[], |h| {
        h.leaf("dt", &[], name);
        h.leaf("dd", &[("class", &"big")], Number(number));
        h.leaf("dd", &[("class", &"quiet")], meaning);
    });
}

pub fn calls(h: &mut Html, review: &Review) {
    h.element("table", &[("class", &"plain"), ("id", &"the-causes")], |h| {
        h.leaf("caption", &[], "Calls by cause");
        h.element("tbody", &[], |h| {
            for cause in Cause::ALL {
                fact(h, cause.as_str(), count(&review.counts, cause), meaning(cause));
            }
            fact(h, "duplicate", review.counts.duplicate, "told of more than once: not counted again");
            fact(h, "served", review.counts.success, "answered as asked for");
            fact(h, "own", review.counts.own, "calls of oidc-triage itself: not judged");
        });
    });
    if !review.tools.is_empty() {
        tools(h, review);
    }
}

fn tools(h: &mut Html, review: &Review) {
    h.element("table", &[("class", &"plain tools")], |h| {
        h.leaf("caption", &[], "Tools of the callers hit");
        h.element("tbody", &[], |h| {
            for tool in review.tools.iter().take(TOOLS_MAX) {
                h.element("tr", &[], |h| {
                    h.element("th", &[("scope", &"row")], |h| h.name(&tool.name));
                    h.leaf("td", &[("class", &"count")], Number(tool.count as u64));
                });
            }
        });
    });
    if let Some(more @ 1..) = review.tools.len().checked_sub(TOOLS_MAX) {
        h.leaf("p", &[("class", &"quiet")], format!("and {} more", Number(more as u64)));
    }
}

pub fn input(h: &mut Html, review: &Review) {
    h.element("table", &[("class", &"plain")], |h| {
        h.leaf("caption", &[], "Input");
        h.element("tbody", &[], |h| {
            fact(h, "files", review.files, "");
            fact(h, "records", review.records, "events and lines that were read");
            fact(h, "left alone", review.left_alone, "events of other services");
            fact(h, "out of order", review.out_of_order, "came too late to be put where they belong");
        });
    });
    if review.problems.is_empty() {
        h.leaf("p", &[], "No problem was met.");
        return;
    }
    h.element("table", &[("class", &"plain"), ("id", &"the-problems")], |h| {
        h.leaf("caption", &[], "Problems, with the first of each");
        h.element("tbody", &[], |h| {
            for (name, count, detail) in review.problems.iter() {
                fact(h, name.as_str(), count, detail);
            }
        });
    });
}

fn fact(h: &mut Html, name: &str, count: u64, meaning: &str) {
    h.element("tr", &[], |h| {
        h.leaf("th", &[("scope", &"row")], name);
        h.leaf("td", &[("class", &"count")], Number(count));
        h.element("td", &[("class", &"quiet")], |h| h.name(meaning));
    });
}
