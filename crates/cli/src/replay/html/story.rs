//! A card for each incident: the answer, its chart, its notices, what that rests on, and the advice.
//!
//! In: the incidents and the advice of the review. Out: as many cards as the page has room for ([`Shown`]). What is folded
//! away (ids, reasons, requests) is not printed.

mod evidence;

use jiff::Timestamp;
use triage_notify::markup::{Attribute, Html};
use triage_notify::notice::{Advice, Notice, NoticeKind};
use triage_notify::place::HEALTH_PAGE;

use crate::replay::answer::{lasted_so_far, times};
use crate::replay::html::parts::{false_badge, list, minute, severity_badge, time_beside};
use crate::replay::html::shown::{NOTICES_MAX, PRINTED_MAX, STORIES_BYTES_MAX, STORIES_MAX, Shown, anchor};
use crate::replay::html::words::{self, Number, counted, date};
use crate::replay::html::{answer, chart};
use crate::replay::review::{Review, Story};

/// Advice listed.
const ADVICES_MAX: usize = 200;

/// The cards, and which incidents have one.
pub fn cards(review: &Review) -> (Html, Shown) {
    let mut cards = Html::default();
    let mut shown = 0;
    for (place, story) in review.incidents.iter().take(STORIES_MAX).enumerate() {
        let mut card = Html::default();
        self::card(&mut card, place + 1, story, review);
        if cards.size() + card.size() > STORIES_BYTES_MAX {
            break;
        }
        cards.append(&card);
        shown += 1;
    }
    if let Some(more @ 1..) = review.incidents.len().checked_sub(shown) {
        let words = format!("{} more have no card here: --format json has all of them.", counted(more, "incident"));
        cards.leaf("p", &[("class", &"more")], words);
    }
    (cards, Shown(shown))
}

fn card(h: &mut Html, number: usize, story: &Story, review: &Review) {
    let (id, title) = (anchor(story), format!("{}-title", anchor(story)));
    let last = review.span.map(|(_, last)| last);
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
        about(h, story, last);
        // Where there is but one, the answer of the page is its own.
        if review.incidents.len() > 1 {
            answer::of_incident(h, story, review.by, lasted_so_far(story, last));
        }
        chart::incident::figure(h, number, story, last);
        if !story.notices.is_empty() {
            h.element("div", &[("class", &"columns")], |h| {
                h.element("div", &[], |h| timeline(h, story));
                h.element("div", &[], |h| grounds(h, story));
            });
        }
        h.element("p", &[("class", &"back")], |h| h.leaf("a", &[("href", &"#the-incidents")], "Back to all incidents"));
    });
}

fn about(h: &mut Html, story: &Story, last: Option<Timestamp>) {
    h.element("p", &[("class", &"about")], |h| {
        let (from, to) = times(story, last);
        h.text(format!("{}, ", date(from)));
        h.leaf("time", &[("datetime", &words::iso(from))], from.strftime("%H:%M:%S"));
        h.text(if story.over_at.is_some() { " to " } else { " until at least " });
        time_beside(h, to, from);
        h.text(" UTC. ");
        let over = words::over(story, |at| {
            at.strftime(if date(at) == date(from) { "%H:%M" } else { "%Y-%m-%d %H:%M" }).to_string()
        });
        h.text(format!("{over}. "));
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
    if let Some(notice) = story.fullest() {
        evidence::evidence(h, story, notice);
        advice(h, "What on-call is advised to do", &notice.advice);
    }
    if let Some(end) = notices.last().filter(|notice| notice.kind == NoticeKind::Resolved) {
        advice(h, "And afterwards", &end.advice);
    }
}

fn timeline(h: &mut Html, story: &Story) {
    let (first, rest) = story.notices.split_at(story.notices.len().min(NOTICES_MAX - 1));
    h.leaf("h4", &[], "Notices that would have been sent");
    h.element("ol", &[("class", &"timeline")], |h| {
        let is_last = |place: usize| place + 1 == story.notices.len();
        for (place, notice) in first.iter().enumerate() {
            sent(h, story, notice, place + 1 >= PRINTED_MAX && !is_last(place));
        }
        let Some((last, between)) = rest.split_last() else { return };
        if !between.is_empty() {
            h.leaf("li", &[("class", &"more")], format!("{} between", counted(between.len(), "more notice")));
        }
        sent(h, story, last, false);
    });
    if story.notices.len() > PRINTED_MAX {
        let words = format!("On paper only the first {} and the last are listed.", PRINTED_MAX - 1);
        h.leaf("p", &[("class", &"quiet paper")], words);
    }
}

/// One notice: when, what, and why. Why is open for what begins an incident, and folded away for the rest.
fn sent(h: &mut Html, story: &Story, notice: &Notice, on_screen_only: bool) {
    let class = format!("{}{}", notice.kind.as_str(), if on_screen_only { " screen" } else { "" });
    h.element("li", &[("class", &class)], |h| {
        h.element("p", &[("class", &"sent")], |h| {
            time_beside(h, notice.at, story.began);
            h.text(" ");
            // The others say themselves what they are.
            if notice.kind == NoticeKind::Opened {
                h.leaf("span", &[("class", &"kind")], notice.kind.as_str());
                h.text(" ");
            }
            h.element("strong", &[], |h| h.name(&notice.subject));
        });
        // The first line of a headline says the subject again.
        notice.headline.iter().skip(1).for_each(|line| h.element("p", &[], |h| h.name(line)));
        if notice.kind.begins() {
            list(h, "reasons", &notice.reasons);
        } else if !notice.reasons.is_empty() {
            h.element("details", &[], |h| {
                h.leaf("summary", &[], "Why");
                list(h, "reasons", &notice.reasons);
            });
        }
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
    h.leaf("p", &[("class", &"quiet")], format!("Sent with it: {}.", counted(merged.count, "earlier notice")));
    h.element("ul", &[("class", &"reasons")], |h| {
        for earlier in &merged.notices {
            h.element("li", &[], |h| {
                minute(h, earlier.at);
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
            h.text("AWS Health Dashboard: ");
            h.leaf("a", &[("href", &HEALTH_PAGE), ("rel", &"noreferrer")], HEALTH_PAGE);
        });
    });
}

/// Notices of no incident.
pub fn advices(h: &mut Html, review: &Review) {
    h.element("ol", &[("class", &"timeline")], |h| {
        for notice in review.advices.iter().take(ADVICES_MAX) {
            h.element("li", &[("class", &"advice")], |h| {
                h.element("p", &[("class", &"sent")], |h| {
                    minute(h, notice.at);
                    h.text(" ");
                    h.leaf("strong", &[], &notice.subject);
                });
                list(h, "reasons", &notice.reasons);
                advice(h, "What to do", &notice.advice);
            });
        }
    });
    if let Some(more @ 1..) = review.advices.len().checked_sub(ADVICES_MAX) {
        h.leaf("p", &[("class", &"more")], format!("And {} more: --format json has all of them.", Number(more as u64)));
    }
}
