//! Small parts that several sections of the page have in common.

use jiff::Timestamp;
use triage_notify::markup::Html;

use crate::replay::html::words::{self, iso};
use crate::replay::review::Story;

/// `2027-01-15 08:01:00`, with what a program reads beside it. The page says once that its times are in UTC.
pub fn time(h: &mut Html, at: Timestamp) {
    h.leaf("time", &[("datetime", &iso(at))], at.strftime("%Y-%m-%d %H:%M:%S"));
}

/// To the minute.
pub fn minute(h: &mut Html, at: Timestamp) {
    h.leaf("time", &[("datetime", &iso(at))], at.strftime("%Y-%m-%d %H:%M"));
}

/// To the second, and without the date where it is that of `beside`.
pub fn time_beside(h: &mut Html, at: Timestamp, beside: Timestamp) {
    let date = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    if date(at) == date(beside) {
        h.leaf("time", &[("datetime", &iso(at))], at.strftime("%H:%M:%S"));
    } else {
        time(h, at);
    }
}

pub fn severity_badge(h: &mut Html, story: &Story) {
    let name = words::severity(story.severity);
    h.leaf("span", &[("class", &format!("badge {name}"))], name);
}

pub fn false_badge(h: &mut Html) {
    h.leaf("span", &[("class", &"badge false")], "looks false");
}

pub fn list(h: &mut Html, class: &'static str, lines: &[String]) {
    if !lines.is_empty() {
        h.element("ul", &[("class", &class)], |h| lines.iter().for_each(|line| h.leaf("li", &[], line)));
    }
}

/// What may be wider than the screen: scrolled by itself, by keyboard too.
pub fn scrolling(h: &mut Html, name: &'static str, inside: impl FnOnce(&mut Html)) {
    h.element("div", &[("class", &"scroll"), ("role", &"region"), ("tabindex", &0), ("aria-label", &name)], inside);
}
