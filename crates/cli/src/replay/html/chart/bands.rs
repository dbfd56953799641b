//! Incidents as shaded times over the whole height, each with its number above it, which leads to the incident.

use jiff::Timestamp;
use triage_notify::markup::{Attribute, Html};

use crate::replay::answer::times;
use crate::replay::html::scale::{Axis, Percent};
use crate::replay::html::shown::{BANDS_MAX, Shown, anchor};
use crate::replay::html::words;
use crate::replay::review::{Review, Story};

/// Rows of numbers above the panels, in pixels.
const ROWS: usize = 3;
const ROW: u32 = 24;

/// What a number takes of the width of a wide and of a narrow screen.
const ROOMY: Percent = Percent(3.5);
const NARROW: Percent = Percent(10.0);

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

fn stories(review: &Review) -> &[Story] {
    &review.incidents[..review.incidents.len().min(BANDS_MAX)]
}

fn span_of(review: &Review, story: &Story) -> (Timestamp, Timestamp) {
    times(story, review.span.map(|(_, last)| last))
}

/// Where each number stands, and how high all of them are.
pub struct Bands {
    labels: Vec<Label>,
    pub top: u32,
}

impl Bands {
    pub fn of(review: &Review, axis: &Axis) -> Self {
        let labels = place(&stories(review).iter().map(|story| axis.at(span_of(review, story).0)).collect::<Vec<_>>());
        let rows = labels.iter().filter_map(|label| label.row()).map(|row| ROWS - row).max().unwrap_or(0);
        Self { labels, top: rows as u32 * ROW }
    }

    /// The top of a row: the last one stands right above the panels.
    fn y(&self, row: usize) -> u32 {
        self.top.saturating_sub((ROWS - row) as u32 * ROW)
    }
}

/// Below the panels.
pub fn tints(h: &mut Html, review: &Review, axis: &Axis, bands: &Bands, ground: u32) {
    let top = bands.top;
    for story in stories(review) {
        let (from, to) = span_of(review, story);
        let (x, width, height) = (axis.at(from), axis.between(from, to), ground - top);
        let class = format!("band {}", words::severity(story.severity));
        h.element("g", &[("class", &class)], |h| {
            let place: &[Attribute<'_>] =
                &[("class", &"tint"), ("x", &x), ("width", &width), ("y", &top), ("height", &height)];
            h.void("rect", place);
            h.void("line", &[("class", &"edge"), ("x1", &x), ("x2", &x), ("y1", &top), ("y2", &ground)]);
        });
    }
}

/// Above them. An incident of which no number has room is reached by the table.
pub fn links(h: &mut Html, review: &Review, axis: &Axis, bands: &Bands, shown: &Shown) {
    for (place, story) in stories(review).iter().enumerate() {
        let Some(row) = bands.labels[place].row() else { continue };
        let room = if matches!(bands.labels[place], Label::Roomy(_)) { "roomy" } else { "always" };
        let class = format!("band {} {room}", words::severity(story.severity));
        let x = axis.at(span_of(review, story).0);
        let inside = |h: &mut Html| number(h, x, place + 1, bands.y(row), bands.top);
        if shown.has(place) {
            let (name, link) = (in_words(place + 1, story), format!("#{}", anchor(story)));
            h.element("a", &[("class", &class), ("href", &link), ("aria-label", &name)], inside);
        } else {
            h.element("g", &[("class", &class)], inside);
        }
    }
}

fn number(h: &mut Html, x: Percent, number: usize, y: u32, top: u32) {
    if y + ROW < top {
        h.void("line", &[("class", &"edge"), ("x1", &x), ("x2", &x), ("y1", &(y + ROW - 4)), ("y2", &top)]);
    }
    h.void("rect", &[("class", &"pill"), ("x", &x), ("y", &y), ("width", &28), ("height", &20), ("rx", &4)]);
    h.leaf("text", &[("class", &"pilled"), ("x", &x), ("y", &(y + 14))], number);
}

fn in_words(number: usize, story: &Story) -> String {
    let lasted = match story.lasted() {
        Some(_) => format!("lasted {}", words::lasted(story)),
        None => "still open at the end".to_owned(),
    };
    let scope = story.scope_in_words().map(|scope| format!(" ({scope})")).unwrap_or_default();
    let (what, callers) = (words::diagnosis(story.diagnosis), story.callers_in_words());
    format!("Incident {number}: {what} in {}{scope}, {lasted}, {callers} affected", story.region)
}

/// Which numbers stand where. First those that have room even on a narrow screen, then others between them.
fn place(at: &[Percent]) -> Vec<Label> {
    let mut labels = vec![Label::Never; at.len()];
    for (room, label) in [(NARROW, Label::Always as fn(usize) -> Label), (ROOMY, Label::Roomy)] {
        for place in 0..at.len() {
            let is_occupied = |row: usize| {
                let others = labels.iter().zip(at).filter(|(label, _)| label.row() == Some(row));
                others.into_iter().any(|(_, other)| (other.0 - at[place].0).abs() < room.0)
            };
            if labels[place] == Label::Never
                && let Some(row) = (0..ROWS).rev().find(|row| !is_occupied(*row))
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
}
