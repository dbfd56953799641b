//! What both drawings are made of: bars along a time axis, their scale, and their values for the script.
//!
//! In: bins of one width, and series of numbers, one for each bin. Out: inline SVG that needs no script to be seen. Along, all
//! is in percent of the width, down in pixels: so the letters keep their size on every screen. The bars of a series are
//! one path, stretched to the width. Their numbers stand beside it as data, from which the script reads out the bin that is
//! pointed at or chosen by keyboard.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use triage_model::time::later;
use triage_notify::markup::{Attribute, Html};

use crate::replay::html::scale::Axis;
use crate::replay::html::words::Number;

/// Units of width in the stretched drawing.
const UNITS: f64 = 1000.0;

/// A bar is at least so wide, so that the only failure of a month can be seen on a phone.
const BAR_MIN: f64 = 3.0;

/// Anything that is not nothing is at least so high, in pixels.
const HEIGHT_MIN: f64 = 2.0;

/// Bins that all series of a drawing share.
pub struct Bins<'a> {
    pub axis: &'a Axis,
    pub width: Duration,
    pub at: Vec<Timestamp>,
}

/// Numbers of one kind, one for each bin.
pub struct Series {
    /// As it is read out: `calls failed`.
    pub name: String,
    pub class: &'static str,
    pub values: Vec<u64>,
}

/// Where a series is drawn: from its ground line up, or down.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub ground: u32,
    pub height: u32,
    pub grows_down: bool,
    /// What the whole height stands for.
    pub end: u64,
}

impl Series {
    pub fn most(&self) -> u64 {
        self.values.iter().copied().max().unwrap_or(0)
    }

    pub fn sum(&self) -> u64 {
        self.values.iter().sum()
    }
}

/// The `svg` element; `name` is read to those who do not see it.
pub fn drawing(h: &mut Html, bins: &Bins<'_>, name: &str, height: u32, inside: impl FnOnce(&mut Html)) {
    let (from, width, count) = (bins.at.first().map_or(0, |at| at.as_second()), bins.width.as_secs(), bins.at.len());
    let axis = bins.axis;
    let attributes: &[Attribute<'_>] = &[
        ("class", &"drawing"),
        ("width", &"100%"),
        ("height", &height),
        ("role", &"group"),
        ("aria-label", &name),
        ("data-from", &from),
        ("data-bin", &width),
        ("data-count", &count),
        ("data-axis-from", &axis.from.as_second()),
        ("data-axis-to", &axis.to.as_second()),
    ];
    h.element("div", &[("class", &"plot")], |h| h.element("svg", attributes, inside));
}

pub fn bars(h: &mut Html, bins: &Bins<'_>, series: &Series, place: Place) {
    let values = series.values.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    h.element("g", &[("data-name", &series.name), ("data-values", &values)], |h| {
        let top = if place.grows_down { place.ground } else { place.ground - place.height };
        let view = format!("0 0 {UNITS} {}", place.height);
        let attributes: &[Attribute<'_>] = &[
            ("x", &0),
            ("y", &top),
            ("width", &"100%"),
            ("height", &place.height),
            ("viewBox", &view),
            ("preserveAspectRatio", &"none"),
        ];
        h.element("svg", attributes, |h| {
            h.void("path", &[("class", &series.class), ("d", &outline(bins, series, place))]);
        });
    });
}

/// Neighbours share an outline: a month has more bins than a phone has pixels.
fn outline(bins: &Bins<'_>, series: &Series, place: Place) -> String {
    let ground = if place.grows_down { 0.0 } else { f64::from(place.height) };
    let mut path = String::new();
    let mut until: Option<f64> = None;
    for (at, value) in bins.at.iter().zip(&series.values).filter(|(_, value)| **value > 0) {
        let from = bins.axis.at(*at).0 / 100.0 * UNITS;
        let to = bins.axis.at(later(*at, bins.width)).0 / 100.0 * UNITS;
        let (from, to) = (from.min(UNITS - BAR_MIN), to.max(from + BAR_MIN).min(UNITS));
        let tall = (f64::from(place.height) * *value as f64 / place.end.max(1) as f64).max(HEIGHT_MIN);
        let top = if place.grows_down { tall } else { ground - tall };
        if until.is_none_or(|until| from > until + 0.01) {
            if until.is_some() {
                let _ = write!(path, "V{ground}Z");
            }
            let _ = write!(path, "M{from:.2} {ground}");
        }
        let _ = write!(path, "V{top:.1}H{to:.2}");
        until = Some(to);
    }
    if until.is_some() {
        let _ = write!(path, "V{ground}Z");
    }
    path
}

/// A line with the number that it stands for.
pub fn line(h: &mut Html, class: &'static str, y: u32, number: u64) {
    h.void("line", &[("class", &class), ("x1", &0), ("x2", &"100%"), ("y1", &y), ("y2", &y)]);
    h.leaf("text", &[("class", &"label number"), ("x", &-8), ("y", &(y + 4))], Number(number));
}

pub fn ticks(h: &mut Html, axis: &Axis, top: u32, ground: u32) {
    for (place, tick) in axis.ticks().into_iter().enumerate() {
        let end = ground + 5;
        h.void("line", &[("class", &"tick"), ("x1", &tick.at), ("x2", &tick.at), ("y1", &top), ("y2", &end)]);
        let class = if place % 2 == 0 { "label" } else { "label roomy" };
        if let Some(label) = tick.label {
            h.leaf("text", &[("class", &class), ("x", &tick.at), ("y", &(ground + 17)), ("dx", &-1)], label);
        }
    }
}

/// Patterns as well as colours. They are stretched along, so that they are of lines that run along.
pub fn definitions(h: &mut Html) {
    let size: &[Attribute<'_>] =
        &[("width", &6), ("height", &4), ("patternUnits", &"userSpaceOnUse"), ("id", &"the-stripes")];
    h.element("pattern", size, |h| {
        h.void("rect", &[("class", &"plain-failed"), ("width", &6), ("height", &4)]);
        h.void("path", &[("class", &"stripe"), ("d", &"M0 3.5H6")]);
    });
}
