//! A section for each incident: what would have been told of it and when, what that rests on, and the advice.
//!
//! In: the incidents and the advice of the review. Out: as many sections as the page has room for ([`Shown`]).

mod evidence;

use triage_notify::notice::{Advice, Notice, NoticeKind};
use triage_notify::place::HEALTH_PAGE;

use crate::replay::html::markup::{Attribute, Html};
use crate::replay::html::parts::{false_badge, list, minute, severity_badge, time};
use crate::replay::html::shown::{NOTICES_MAX, STORIES_BYTES_MAX, STORIES_MAX, Shown, anchor};
use crate::replay::html::words::{self, Number, counted, lasted};
use crate::replay::review::{Review, Story};

/// Advice listed.
const ADVICES_MAX: usize = 200;

/// The sections, and which incidents have one.
pub fn sections(review: &Review) -> (Html, Shown) {
    let mut sections = Html::default();
    let mut shown = 0;
    for (place, story) in review.incidents.iter().take(STORIES_MAX).enumerate() {
        let mut section = Html::default();
        self::section(&mut section, place + 1, story);
        if sections.len() + section.len() > STORIES_BYTES_MAX {
            break;
        }
        sections.append(&section);
        shown += 1;
    }
    if let Some(more @ 1..) = review.incidents.len().checked_sub(shown) {
        let more = counted(more, "incident");
        let words = format!("{more} more would have been declared: as JSON, replay tells of all of them.");
        sections.leaf("p", &[("class", &"more")], words);
    }
    (sections, Shown(shown))
}

fn section(h: &mut Html, number: usize, story: &Story) {
    let (id, title) = (anchor(story), format!("{}-title", anchor(story)));
    let attributes: &[Attribute<'_>] =
        &[("id", &id), ("class", &"incident"), ("tabindex", &-1), ("aria-labelledby", &title)];
    h.element("section", attributes, |h| {
        h.element("h3", &[("id", &title)], |h| {
            h.leaf("span", &[("class", &"ordinal")], number);
            h.text(format!(" {} in {} ", words::diagnosis(story.diagnosis), story.region));
            severity_badge(h, story);
            if story.looks_false() {
                h.text(" ");
                false_badge(h);
            }
        });
        about(h, story);
        if story.notices.is_empty() {
            h.leaf("p", &[], "Nobody would have been told of it.");
            return;
        }
        h.element("div", &[("class", &"columns")], |h| {
            h.element("div", &[], |h| timeline(h, story));
            h.element("div", &[], |h| grounds(h, story));
        });
        h.element("p", &[("class", &"back")], |h| h.leaf("a", &[("href", &"#the-incidents")], "Back to the table"));
    });
}

fn about(h: &mut Html, story: &Story) {
    h.element("p", &[("class", &"about")], |h| {
        time(h, story.began);
        match story.ended() {
            Some(ended) => {
                h.text(" to ");
                time(h, ended);
                h.text(format!(" UTC ({}), ", lasted(story)));
            }
            None => h.text(" UTC on, "),
        }
        let over = words::over(story, |at| at.strftime("%Y-%m-%d %H:%M").to_string());
        h.text(format!("{over}. {} hit. ", words::callers(story)));
        if let Some(scope) = story.scope_in_words() {
            h.text("Scope: ");
            h.name(&scope);
            h.text(". ");
        }
        h.leaf("code", &[], &story.id);
    });
    if story.looks_false() {
        let words = format!("This page looks false: it {}.", words::LOOKS_FALSE);
        h.leaf("p", &[("class", &"quiet")], words);
    }
}

/// What it rests on, and what to do.
fn grounds(h: &mut Html, story: &Story) {
    let notices = &story.notices;
    if let Some(notice) = evidence::fullest(notices) {
        evidence::evidence(h, story, notice);
        advice(h, "What the on-call would have been told to do", &notice.advice);
    }
    if let Some(end) = notices.last().filter(|notice| notice.kind == NoticeKind::Resolved) {
        advice(h, "And when it was over", &end.advice);
    }
}

fn timeline(h: &mut Html, story: &Story) {
    let (first, rest) = story.notices.split_at(story.notices.len().min(NOTICES_MAX - 1));
    h.leaf("h4", &[], "Notices");
    h.element("ol", &[("class", &"timeline")], |h| {
        first.iter().for_each(|notice| told(h, notice));
        let Some((last, between)) = rest.split_last() else { return };
        if !between.is_empty() {
            h.leaf("li", &[("class", &"more")], format!("{} between", counted(between.len(), "more notice")));
        }
        told(h, last);
    });
}

/// One notice: when, what, and why.
fn told(h: &mut Html, notice: &Notice) {
    h.element("li", &[("class", &notice.kind.as_str())], |h| {
        h.element("p", &[("class", &"told")], |h| {
            time(h, notice.at);
            h.text(" ");
            h.leaf("span", &[("class", &"kind")], notice.kind.as_str());
            h.text(" ");
            h.leaf("strong", &[], &notice.subject);
        });
        // The first line of a headline says the subject again.
        notice.headline.iter().skip(1).for_each(|line| h.leaf("p", &[], line));
        list(h, "reasons", &notice.reasons);
        if notice.merged.count > 0 {
            merged(h, notice);
        }
        if let Some(note) = &notice.note {
            h.leaf("p", &[("class", &"quiet")], note);
        }
    });
}

fn merged(h: &mut Html, notice: &Notice) {
    let merged = &notice.merged;
    h.leaf("p", &[("class", &"quiet")], format!("Told with it: {}.", counted(merged.count, "earlier notice")));
    h.element("ul", &[("class", &"reasons")], |h| {
        for earlier in &merged.notices {
            h.element("li", &[], |h| {
                time(h, earlier.at);
                h.text(format!(" {}: {}", earlier.kind.as_str(), earlier.summary));
            });
        }
    });
    if merged.notices.first().is_some_and(|first| first.kind.begins()) {
        h.leaf("p", &[("class", &"quiet")], "Why it was opened:");
        list(h, "reasons", &merged.reasons);
    }
}

fn advice(h: &mut Html, summary: &'static str, advice: &Advice) {
    if advice.now.is_empty() && advice.users.is_none() {
        return;
    }
    h.element("details", &[], |h| {
        h.leaf("summary", &[], summary);
        h.element("ol", &[("class", &"steps")], |h| advice.now.iter().for_each(|step| h.leaf("li", &[], step)));
        if let Some(users) = &advice.users {
            h.leaf("h5", &[], "To pass on to users");
            h.leaf("blockquote", &[], users);
        }
        h.element("p", &[("class", &"quiet")], |h| {
            h.text("AWS’s own word: ");
            h.leaf("a", &[("href", &HEALTH_PAGE), ("rel", &"noreferrer")], HEALTH_PAGE);
        });
    });
}

/// What would have been told beside the incidents.
pub fn advices(h: &mut Html, review: &Review) {
    h.element("ol", &[("class", &"timeline")], |h| {
        for notice in review.advices.iter().take(ADVICES_MAX) {
            h.element("li", &[("class", &"advice")], |h| {
                h.element("p", &[("class", &"told")], |h| {
                    minute(h, notice.at);
                    h.text(" ");
                    h.leaf("strong", &[], &notice.subject);
                });
                list(h, "reasons", &notice.reasons);
                advice(h, "Advice", &notice.advice);
            });
        }
    });
    if let Some(more @ 1..) = review.advices.len().checked_sub(ADVICES_MAX) {
        h.leaf(
            "p",
            &[("class", &"more")],
            format!("And {} more: as JSON, replay tells of all of them.", Number(more as u64)),
        );
    }
}
