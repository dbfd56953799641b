//! The table of incidents.
//!
//! On a narrow screen the style makes a card of each row; the roles are written out because a table that is not laid out
//! as one is none to a screen reader.

use triage_decide::verdict::Severity;

use crate::replay::html::markup::{Attribute, Html};
use crate::replay::html::parts::{false_badge, minute, minute_beside, severity_badge};
use crate::replay::html::shown::{BANDS_MAX, Shown, anchor};
use crate::replay::html::words::{self, Number, counted};
use crate::replay::review::{Review, Story};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Number,
    Opened,
    Over,
    Lasted,
    Region,
    Diagnosis,
    Severity,
    Callers,
    Notices,
    LooksFalse,
}

impl Column {
    const ALL: [Self; 10] = [
        Self::Number,
        Self::Opened,
        Self::Over,
        Self::Lasted,
        Self::Region,
        Self::Diagnosis,
        Self::Severity,
        Self::Callers,
        Self::Notices,
        Self::LooksFalse,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Number => "No.",
            Self::Opened => "Opened (UTC)",
            Self::Over => "Confirmed over",
            Self::Lasted => "Lasted",
            Self::Region => "Region",
            Self::Diagnosis => "Diagnosis",
            Self::Severity => "Severity",
            Self::Callers => "Callers",
            Self::Notices => "Notices",
            Self::LooksFalse => "Looks false",
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Number => "figure lead number",
            Self::Opened => "opened",
            Self::Over => "over",
            Self::Lasted | Self::Callers | Self::Notices => "figure",
            Self::Region => "region",
            Self::Diagnosis | Self::Severity => "lead",
            Self::LooksFalse => "lead false",
        }
    }

    fn write(self, h: &mut Html, place: usize, story: &Story, linked: bool) {
        match self {
            Self::Number => h.text(place + 1),
            Self::Opened => minute(h, story.opened_at),
            Self::Over => match story.over_at {
                Some(over) => {
                    minute_beside(h, over, story.opened_at);
                    if !story.proved {
                        h.text(" (quiet)");
                    }
                }
                None => h.text("not yet"),
            },
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
            Self::Severity => severity_badge(h, story),
            Self::Callers if story.about => h.text(format!("about {}", Number(story.callers as u64))),
            Self::Callers => h.text(Number(story.callers as u64)),
            Self::Notices => h.text(Number(story.notices.len() as u64)),
            Self::LooksFalse if story.looks_false() => false_badge(h),
            // What pages nobody cannot page in vain.
            Self::LooksFalse if story.severity == Severity::Page => h.leaf("span", &[("class", &"zero")], "no"),
            Self::LooksFalse => {}
        }
    }

    /// A number or a word by which the script sorts.
    fn sorts_as(self, place: usize, story: &Story) -> String {
        match self {
            Self::Number | Self::Opened => place.to_string(),
            Self::Over => story.over_at.map_or(i64::MAX, |over| over.as_second()).to_string(),
            Self::Lasted => story.lasted().map_or(u64::MAX, |lasted| lasted.as_secs()).to_string(),
            Self::Region => story.region.to_string(),
            Self::Diagnosis => story.diagnosis.as_str().to_owned(),
            Self::Severity => (story.severity as u8).to_string(),
            Self::Callers => story.callers.to_string(),
            Self::Notices => story.notices.len().to_string(),
            Self::LooksFalse => u8::from(!story.looks_false()).to_string(),
        }
    }
}

pub fn table(h: &mut Html, review: &Review, shown: &Shown) {
    let stories = &review.incidents;
    if stories.is_empty() {
        h.leaf("p", &[], "None would have been declared.");
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
        h.leaf("p", &[], format!("And {} more: as JSON, replay tells of all of them.", counted(more, "incident")));
    }
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
