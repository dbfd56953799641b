//! Incidents as bands over the whole height, and notices as marks in one lane for each kind.
//!
//! A band is a link to its incident, with the marks of its notices in it. However short an incident is, it has a line
//! and a place to point at; where there is room its number stands above it.

use jiff::Timestamp;
use triage_notify::notice::{Notice, NoticeKind};
use triage_notify::words::{span, utc_minute};

use crate::replay::html::chart::layout::{GROUND, LANE, ROW, ROWS, TOP};
use crate::replay::html::markup::{Attribute, Html};
use crate::replay::html::scale::{Axis, Percent};
use crate::replay::html::shown::{BANDS_MAX, NOTICES_MAX, Shown, anchor};
use crate::replay::html::words;
use crate::replay::judged_by::JudgedBy;
use crate::replay::review::{Review, Story};

/// What a number takes of the width of a wide and of a narrow screen.
const ROOMY: Percent = Percent(3.0);
const NARROW: Percent = Percent(9.0);

/// Steps between the tops of bands of one time, in pixels.
const LEVELS: u32 = 6;
const BAND_STEP: u32 = 9;

/// Whether the number of an incident stands above its band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Always(usize),
    /// Only where the screen is wide.
    Roomy(usize),
    Never,
}

impl Label {
    const fn row(self) -> Option<usize> {
        match self {
            Self::Always(row) | Self::Roomy(row) => Some(row),
            Self::Never => None,
        }
    }
}

/// The middle of the lane in which a kind is marked.
fn lane(kind: NoticeKind) -> u32 {
    let lane = match kind {
        NoticeKind::Opened | NoticeKind::Reopened => 0,
        NoticeKind::Changed | NoticeKind::Reminder => 1,
        NoticeKind::Resolved => 2,
        NoticeKind::Advice => 3,
    };
    TOP + LANE * lane + LANE / 2 + 1
}

pub fn lanes(h: &mut Html) {
    for kind in [NoticeKind::Opened, NoticeKind::Changed, NoticeKind::Resolved, NoticeKind::Advice] {
        h.leaf("text", &[("class", &"label number"), ("x", &-8), ("y", &(lane(kind) + 4))], kind.as_str());
        h.void("line", &[("class", &"lane"), ("x1", &0), ("x2", &"100%"), ("y1", &lane(kind)), ("y2", &lane(kind))]);
    }
}

/// The name under which a kind's shape is defined.
pub const fn mark(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Opened => "#the-mark-opened",
        NoticeKind::Changed => "#the-mark-changed",
        NoticeKind::Reminder => "#the-mark-reminder",
        NoticeKind::Reopened => "#the-mark-reopened",
        NoticeKind::Resolved => "#the-mark-resolved",
        NoticeKind::Advice => "#the-mark-advice",
    }
}

/// The shapes, which differ without colour.
pub fn marks(h: &mut Html) {
    for kind in NoticeKind::ALL {
        let (class, shape) = match kind {
            NoticeKind::Opened => ("mark", "M-5 4.5 L0 -4.5 L5 4.5 Z"),
            NoticeKind::Reopened => ("mark hollow", "M-5 4.5 L0 -4.5 L5 4.5 Z"),
            NoticeKind::Changed => ("mark", "M0 -5 L5 0 L0 5 L-5 0 Z"),
            NoticeKind::Reminder => ("mark", "M-2 0 a2 2 0 1 0 4 0 a2 2 0 1 0 -4 0 Z"),
            NoticeKind::Resolved => ("mark hollow", "M-4 0 a4 4 0 1 0 8 0 a4 4 0 1 0 -8 0 Z"),
            NoticeKind::Advice => ("mark hollow", "M-3.5 -3.5 h7 v7 h-7 Z"),
        };
        h.void("path", &[("id", &mark(kind).trim_start_matches('#')), ("class", &class), ("d", &shape)]);
    }
}

pub fn incidents(h: &mut Html, review: &Review, axis: &Axis, shown: &Shown) {
    let stories = &review.incidents[..review.incidents.len().min(BANDS_MAX)];
    let spans: Vec<(Timestamp, Timestamp)> = stories.iter().map(|story| span_of(review, axis, story)).collect();
    let labels = place(&spans.iter().map(|(from, _)| axis.at(*from)).collect::<Vec<_>>());
    let levels = levels(&spans);
    for (place, story) in stories.iter().enumerate() {
        let (span, label) = (spans[place], labels[place]);
        let class = format!("band {}", words::severity(story.severity));
        let inside = |h: &mut Html| {
            h.leaf("title", &[], in_words(place + 1, story));
            band(h, axis, span, levels[place]);
            number(h, axis.at(span.0), place + 1, label);
            story.notices.iter().take(NOTICES_MAX).for_each(|notice| marked(h, axis, notice));
        };
        if shown.has(place) {
            let (name, link) = (in_words(place + 1, story), format!("#{}", anchor(story)));
            h.element("a", &[("class", &class), ("href", &link), ("aria-label", &name)], inside);
        } else {
            h.element("g", &[("class", &class)], inside);
        }
    }
}

pub fn advices(h: &mut Html, review: &Review, axis: &Axis) {
    h.element("g", &[("role", &"img"), ("aria-label", &"Advice, listed below")], |h| {
        review.advices.iter().take(BANDS_MAX).for_each(|notice| marked(h, axis, notice));
    });
}

/// From where to where a band is drawn: from the first failure to the latest; where arrival is the clock, as it was told.
fn span_of(review: &Review, axis: &Axis, story: &Story) -> (Timestamp, Timestamp) {
    match review.by {
        JudgedBy::Calls => (story.began, story.ended().unwrap_or(axis.to)),
        JudgedBy::Arrival => (story.opened_at, story.over_at.unwrap_or(axis.to)),
    }
}

/// Of several at once each begins a step lower, so that one can be told from the other.
fn levels(spans: &[(Timestamp, Timestamp)]) -> Vec<u32> {
    let mut levels: Vec<u32> = Vec::new();
    for (place, (from, to)) in spans.iter().enumerate() {
        let beside = |other: &(Timestamp, Timestamp)| other.0 <= *to && *from <= other.1;
        let taken: Vec<u32> = (0..place).filter(|other| beside(&spans[*other])).map(|other| levels[other]).collect();
        levels.push((0..LEVELS).find(|level| !taken.contains(level)).unwrap_or(LEVELS - 1));
    }
    levels
}

fn band(h: &mut Html, axis: &Axis, (from, to): (Timestamp, Timestamp), level: u32) {
    let top = TOP + level * BAND_STEP;
    let (x, height) = (axis.at(from), GROUND - top);
    let width = axis.between(from, to);
    let place: &[Attribute<'_>] = &[("class", &"tint"), ("x", &x), ("width", &width), ("y", &top), ("height", &height)];
    h.void("rect", place);
    h.void("line", &[("class", &"edge"), ("x1", &x), ("x2", &x), ("y1", &TOP), ("y2", &GROUND)]);
    // Something to point at, however short it was.
    let place: &[Attribute<'_>] = &[("class", &"target"), ("x", &x), ("width", &10), ("y", &top), ("height", &height)];
    h.void("rect", place);
}

fn number(h: &mut Html, x: Percent, number: usize, label: Label) {
    let Some(row) = label.row() else { return };
    let y = row as u32 * ROW;
    h.element("g", &[("class", &if matches!(label, Label::Roomy(_)) { "roomy" } else { "always" })], |h| {
        if row + 1 < ROWS {
            h.void("line", &[("class", &"edge"), ("x1", &x), ("x2", &x), ("y1", &(y + ROW - 3)), ("y2", &TOP)]);
        }
        h.void("rect", &[("class", &"pill"), ("x", &x), ("y", &y), ("width", &22), ("height", &15), ("rx", &3)]);
        h.leaf("text", &[("class", &"pilled"), ("x", &x), ("y", &(y + 11))], number);
    });
}

fn marked(h: &mut Html, axis: &Axis, notice: &Notice) {
    let place: &[Attribute<'_>] =
        &[("href", &mark(notice.kind)), ("x", &axis.at(notice.at)), ("y", &lane(notice.kind))];
    h.element("use", place, |h| {
        h.leaf("title", &[], format!("{} {}: {}", utc_minute(notice.at), notice.kind.as_str(), notice.subject));
    });
}

fn in_words(number: usize, story: &Story) -> String {
    let lasted = match story.lasted() {
        Some(lasted) => format!("lasted {}", span(lasted)),
        None => "not over at the end".to_owned(),
    };
    let (what, opened) = (words::diagnosis(story.diagnosis), utc_minute(story.opened_at));
    let scope = story.scope_in_words().map(|scope| format!(" ({scope})")).unwrap_or_default();
    let callers = words::callers(story);
    format!("Incident {number}: {what} in {}{scope}, opened {opened}, {lasted}, {callers}", story.region)
}

/// Which numbers stand where. First those that have room even on a narrow screen, then others between them.
fn place(at: &[Percent]) -> Vec<Label> {
    let mut labels = vec![Label::Never; at.len()];
    for (room, label) in [(NARROW, Label::Always as fn(usize) -> Label), (ROOMY, Label::Roomy)] {
        for place in 0..at.len() {
            let taken = |row: usize| {
                let others = labels.iter().zip(at).filter(|(label, _)| label.row() == Some(row));
                others.into_iter().any(|(_, other)| (other.0 - at[place].0).abs() < room.0)
            };
            if labels[place] == Label::Never
                && let Some(row) = (0..ROWS).rev().find(|row| !taken(*row))
            {
                labels[place] = label(row);
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_where_there_is_room_for_them() {
        let labels = place(&[10.0, 11.0, 12.0, 12.5, 15.5, 90.0].map(Percent));
        let expected =
            [Label::Always(2), Label::Always(1), Label::Always(0), Label::Never, Label::Roomy(2), Label::Always(2)];
        assert_eq!(labels, expected);
    }

    #[test]
    fn of_several_incidents_at_once_each_band_begins_a_step_lower() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let spans = [(0, 100), (50, 200), (90, 95), (150, 160), (300, 400)].map(|(from, to)| (at(from), at(to)));
        assert_eq!(levels(&spans), [0, 1, 2, 0, 0]);
        assert!(levels(&[spans[0]; 20]).iter().all(|level| *level < LEVELS));
    }
}
