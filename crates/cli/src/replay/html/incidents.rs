//! The table of incidents.
//!
//! On a narrow screen the style makes a card of each row; the roles are written out because a table that is not laid out
//! as one is none to a screen reader.

use triage_notify::markup::{Attribute, Html};
use triage_notify::words::capitalized;

use crate::replay::answer::HeadCount;
use crate::replay::fault::Fault;
use crate::replay::html::parts::{false_badge, minute, severity_badge};
use crate::replay::html::shown::{BANDS_MAX, Shown, anchor};
use crate::replay::html::words::{self, counted};
use crate::replay::review::{Review, Story};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Number,
    Began,
    Lasted,
    Region,
    Diagnosis,
    Severity,
    Affected,
    Worked,
    Fault,
}

impl Column {
    const ALL: [Self; 9] = [
        Self::Number,
        Self::Diagnosis,
        Self::Severity,
        Self::Region,
        Self::Began,
        Self::Lasted,
        Self::Affected,
        Self::Worked,
        Self::Fault,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Number => "No.",
            Self::Began => "Began (UTC)",
            Self::Lasted => "Lasted",
            Self::Region => "Region",
            Self::Diagnosis => "What",
            Self::Severity => "Severity",
            Self::Affected => "Affected",
            Self::Worked => "Worked",
            Self::Fault => "Whose fault",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Number => "figure lead number",
            Self::Began => "opened",
            Self::Lasted | Self::Affected | Self::Worked => "figure",
            Self::Region => "region",
            Self::Fault => "fault",
            Self::Diagnosis | Self::Severity => "lead",
        }
    }

    fn write(self, h: &mut Html, place: usize, story: &Story, linked: bool) {
        match self {
            Self::Number => h.text(place + 1),
            Self::Began => minute(h, story.began),
            Self::Lasted => h.text(words::lasted(story)),
            Self::Region => h.text(&story.region),
            Self::Diagnosis => {
                match linked {
                    true => {
                        h.leaf("a", &[("href", &format!("#{}", anchor(story)))], words::diagnosis(story.diagnosis));
                    }
                    false => h.text(words::diagnosis(story.diagnosis)),
                }
                if let Some(scope) = story.scope_in_words() {
                    h.element("span", &[("class", &"where")], |h| h.name(&scope));
                }
            }
            Self::Severity => {
                severity_badge(h, story);
                if story.looks_false() {
                    h.text(" ");
                    false_badge(h);
                }
            }
            Self::Affected => h.text(words::head_count(&HeadCount::of(story))),
            Self::Worked => h.text(worked(story).unwrap_or_else(|| "not known".to_owned())),
            Self::Fault => h.name(capitalized(&Fault::of(story).in_words())),
        }
    }

    /// A number or a word by which the script sorts.
    fn sorts_as(self, place: usize, story: &Story) -> String {
        match self {
            Self::Number => place.to_string(),
            Self::Began => story.began.as_second().to_string(),
            Self::Lasted => story.lasted().map_or(u64::MAX, |lasted| lasted.as_secs()).to_string(),
            Self::Region => story.region.to_string(),
            Self::Diagnosis => story.diagnosis.as_str().to_owned(),
            Self::Severity => (story.severity as u8).to_string(),
            Self::Affected => story.callers.to_string(),
            Self::Worked => story.close_up.during.per_mille().unwrap_or(1001).to_string(),
            Self::Fault => Fault::of(story).in_words(),
        }
    }
}

pub fn table(h: &mut Html, review: &Review, shown: &Shown) {
    let stories = &review.incidents;
    // One is on its card, right below.
    if stories.len() < 2 {
        return;
    }
    let table: &[Attribute<'_>] =
        &[("class", &"incidents"), ("role", &"table"), ("aria-labelledby", &"the-incidents-title")];
    h.element("table", table, |h| {
        h.element("thead", &[("role", &"rowgroup")], |h| h.element("tr", &[("role", &"row")], head));
        h.element("tbody", &[("role", &"rowgroup")], |h| {
            stories
                .iter()
                .take(BANDS_MAX)
                .enumerate()
                .for_each(|(place, story)| row(h, place, story, shown.has(place)));
        });
    });
    if let Some(more @ 1..) = stories.len().checked_sub(BANDS_MAX) {
        h.leaf("p", &[], format!("And {} more: --format json has all of them.", counted(more, "incident")));
    }
}

/// Where served calls are seen.
fn worked(story: &Story) -> Option<String> {
    words::share(story.close_up.during).filter(|_| story.close_up.active.is_some())
}

fn head(h: &mut Html) {
    for column in Column::ALL {
        let attributes: &[Attribute<'_>] = &[("role", &"columnheader"), ("scope", &"col"), ("class", &column.class())];
        h.leaf("th", attributes, column.name());
    }
}

fn row(h: &mut Html, place: usize, story: &Story, linked: bool) {
    h.element("tr", &[("role", &"row"), ("class", &words::severity(story.severity))], |h| {
        for column in Column::ALL {
            let (name, class, sort) = (column.name(), column.class(), column.sorts_as(place, story));
            let attributes: &[Attribute<'_>] =
                &[("role", &"cell"), ("class", &class), ("data-name", &name), ("data-sort", &sort)];
            h.element("td", attributes, |h| column.write(h, place, story, linked));
        }
    });
}
