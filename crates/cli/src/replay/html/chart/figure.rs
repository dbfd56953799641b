//! The figure: its legend, its drawing and its numbers.
//!
//! In: the review. Out: a figure of inline SVG that needs no script, its legend, and its numbers as a table. Along, all
//! is in percent of the width, down in pixels: so the letters keep their size on every screen. What is left of the plot
//! is drawn at negative positions, into a margin that the style leaves.

use std::fmt::Write as _;

use triage_model::classify::Cause;
use triage_notify::notice::NoticeKind;
use triage_notify::words::{span, utc_minute};

use crate::replay::html::chart::causes::{CHARTED, failed, failures};
use crate::replay::html::chart::layout::{CALLERS, FAILURES, GROUND, HEIGHT, LABELS, Panel, TOP};
use crate::replay::html::chart::{bands, numbers};
use crate::replay::html::markup::{Attribute, Html};
use crate::replay::html::scale::{Axis, Percent, ceiling, end_of_bin};
use crate::replay::html::shown::Shown;
use crate::replay::html::words::{self, Number, counted, date};
use crate::replay::review::{Bin, Review};

/// A column is at least so wide, so that the only failure of a month can be seen on a telephone.
const COLUMN_MIN: Percent = Percent(0.3);

/// Anything that is not nothing is at least so high, in pixels.
const HEIGHT_MIN: f64 = 1.5;

/// The figure; of an empty history there is none.
pub fn figure(h: &mut Html, review: &Review, shown: &Shown) {
    let Some(axis) = Axis::of(review) else { return };
    h.element("figure", &[("class", &"chart")], |h| {
        legend(h, review);
        h.element("div", &[("class", &"plot")], |h| drawing(h, review, &axis, shown));
        h.element("figcaption", &[], |h| {
            h.text(format!("{} to {}. ", utc_minute(axis.from), utc_minute(axis.to)));
            h.text(format!("Each column is {}. ", span(review.chart.width)));
            h.text("The number above a band is that of its incident, and leads to it.");
        });
        numbers::table(h, review);
    });
}

const fn class(cause: Cause) -> &'static str {
    match cause {
        Cause::Expected => "fill-expected",
        Cause::Request => "fill-request",
        Cause::Admin => "fill-admin",
        Cause::Throttled => "fill-throttled",
        Cause::Service => "fill-service",
        Cause::Unreachable => "fill-unreachable",
        Cause::Unrecognised => "fill-unrecognised",
    }
}

fn legend(h: &mut Html, review: &Review) {
    h.element(
        "ul",
        &[("class", &"legend"), ("aria-label", &"Failed calls by cause, from the bottom of a column")],
        |h| {
            for cause in CHARTED {
                h.element("li", &[], |h| {
                    swatch(h, |h| h.void("rect", &[("class", &class(cause)), ("width", &14), ("height", &14)]));
                    h.text(format!("{} ", cause.as_str()));
                    h.leaf("b", &[], Number(words::count(&review.counts, cause)));
                });
            }
        },
    );
    h.element("ul", &[("class", &"legend"), ("aria-label", &"Marks of notices")], |h| {
        for kind in NoticeKind::ALL {
            h.element("li", &[], |h| {
                swatch(h, |h| h.void("use", &[("href", &bands::mark(kind)), ("x", &7), ("y", &7)]));
                h.text(kind.as_str());
            });
        }
    });
}

fn swatch(h: &mut Html, inside: impl FnOnce(&mut Html)) {
    h.element("svg", &[("class", &"swatch"), ("width", &14), ("height", &14), ("aria-hidden", &"true")], inside);
}

fn drawing(h: &mut Html, review: &Review, axis: &Axis, shown: &Shown) {
    h.element(
        "svg",
        &[("width", &"100%"), ("height", &HEIGHT), ("role", &"group"), ("aria-label", &"Time chart")],
        |h| {
            definitions(h);
            h.element("g", &[("role", &"img"), ("aria-label", &in_words(review, axis))], |h| {
                ticks(h, axis);
                let most = review.chart.bins.iter().map(failures).max().unwrap_or(0);
                scale(h, &FAILURES, ceiling(most));
                columns(h, review, axis, ceiling(most));
                let most = review.chart.bins.iter().map(|bin| bin.callers).max().unwrap_or(0);
                scale(h, &CALLERS, ceiling(most));
                callers(h, review, axis, ceiling(most));
                bands::lanes(h);
            });
            bands::incidents(h, review, axis, shown);
            bands::advices(h, review, axis);
            // Last, because no band may run through a name.
            name(h, &FAILURES, &format!("failed calls in {}", span(review.chart.width)));
            name(h, &CALLERS, "distinct callers hit");
        },
    );
}

fn name(h: &mut Html, panel: &Panel, name: &str) {
    h.leaf("text", &[("class", &"name"), ("x", &0), ("y", &(panel.top - 8)), ("aria-hidden", &"true")], name);
}

/// What the drawing shows, for who does not see it.
fn in_words(review: &Review, axis: &Axis) -> String {
    let mut words = format!("From {} to {}: ", date(axis.from), date(axis.to));
    let total: u64 = review.chart.bins.iter().map(failures).sum();
    let _ = write!(words, "{} failed calls", Number(total));
    for (place, cause) in CHARTED.into_iter().enumerate() {
        let count: u64 = review.chart.bins.iter().map(|bin| failed(bin, cause)).sum();
        let before = if place == 0 { ": " } else { ", " };
        let _ = write!(words, "{before}{} {}", Number(count), cause.as_str());
    }
    if let Some(worst) = review.chart.bins.iter().max_by_key(|bin| failures(bin)).filter(|bin| failures(bin) > 0) {
        let (most, width) = (Number(failures(worst)), span(review.chart.width));
        let _ = write!(words, ". The most within {width}: {most}, from {} on", utc_minute(worst.at));
    }
    let callers = review.chart.bins.iter().map(|bin| bin.callers).max().unwrap_or(0);
    let _ = write!(words, "; at most {} distinct callers", Number(callers));
    let (incidents, notices) = (counted(review.incidents.len(), "incident"), counted(review.notices(), "notice"));
    let _ = write!(words, ". {incidents}, {notices}. The numbers are in the table below.");
    words
}

/// Patterns as well as colours. They are as fine as columns are narrow.
fn definitions(h: &mut Html) {
    h.element("defs", &[], |h| {
        for (cause, hatch) in [
            (Cause::Unreachable, "M-1 1 L1 -1 M0 5 L5 0 M4 6 L6 4"),
            (Cause::Throttled, "M0 2.5 H5"),
            (Cause::Request, "M2 1 h1.5 v1.5 h-1.5 z"),
        ] {
            let pattern = format!("the-{}", class(cause));
            let size: &[Attribute<'_>] =
                &[("width", &5), ("height", &5), ("patternUnits", &"userSpaceOnUse"), ("id", &pattern)];
            h.element("pattern", size, |h| {
                h.void("rect", &[("class", &format!("plain-{}", cause.as_str())), ("width", &5), ("height", &5)]);
                h.void("path", &[("class", &"hatch"), ("d", &hatch)]);
            });
        }
        bands::marks(h);
    });
}

fn ticks(h: &mut Html, axis: &Axis) {
    for (place, tick) in axis.ticks().into_iter().enumerate() {
        let (top, ground) = (TOP, GROUND + 5);
        h.void("line", &[("class", &"tick"), ("x1", &tick.at), ("x2", &tick.at), ("y1", &top), ("y2", &ground)]);
        let class = if place % 2 == 0 { "label" } else { "label roomy" };
        if let Some(label) = tick.label {
            h.leaf("text", &[("class", &class), ("x", &tick.at), ("y", &LABELS), ("dx", &-1)], label);
        }
    }
}

/// A panel's lines at nothing, the half and the whole.
fn scale(h: &mut Html, panel: &Panel, end: u64) {
    for (line, number) in [(panel.top, end), (panel.top + panel.height / 2, end / 2), (panel.top + panel.height, 0)] {
        let class = if number == 0 { "ground" } else { "grid" };
        h.void("line", &[("class", &class), ("x1", &0), ("x2", &"100%"), ("y1", &line), ("y2", &line)]);
        h.leaf("text", &[("class", &"label number"), ("x", &-8), ("y", &(line + 4))], Number(number));
    }
}

fn columns(h: &mut Html, review: &Review, axis: &Axis, end: u64) {
    for bin in review.chart.bins.iter().filter(|bin| failures(bin) > 0) {
        h.element("g", &[], |h| {
            h.leaf("title", &[], column_in_words(bin));
            column(h, review, axis, bin, end);
        });
    }
}

fn column(h: &mut Html, review: &Review, axis: &Axis, bin: &Bin, end: u64) {
    let width = axis.between(bin.at, end_of_bin(review, bin.at)).0.max(COLUMN_MIN.0);
    let x = Percent(axis.at(bin.at).0.min(100.0 - width));
    let whole = height(failures(bin), end, &FAILURES);
    let mut top = f64::from(FAILURES.top + FAILURES.height);
    for cause in CHARTED.into_iter().filter(|cause| failed(bin, *cause) > 0) {
        let part = whole * failed(bin, cause) as f64 / failures(bin) as f64;
        top -= part;
        let (y, height) = (format!("{top:.1}"), format!("{part:.1}"));
        let place: &[Attribute<'_>] =
            &[("x", &x), ("y", &y), ("width", &Percent(width)), ("height", &height), ("class", &class(cause))];
        h.void("rect", place);
    }
}

fn column_in_words(bin: &Bin) -> String {
    let mut words = utc_minute(bin.at);
    for cause in CHARTED.into_iter().filter(|cause| failed(bin, *cause) > 0) {
        let _ = write!(words, ", {} {}", Number(failed(bin, cause)), cause.as_str());
    }
    let callers = usize::try_from(bin.callers).unwrap_or(usize::MAX);
    let _ = write!(words, ", {}", counted(callers, "caller"));
    words
}

fn height(number: u64, end: u64, panel: &Panel) -> f64 {
    match number {
        0 => 0.0,
        number => (f64::from(panel.height) * number as f64 / end as f64).max(HEIGHT_MIN),
    }
}

/// Steps, and nothing where no bin is. A drawing within the drawing: only that one is stretched to the width.
fn callers(h: &mut Html, review: &Review, axis: &Axis, end: u64) {
    let ground = f64::from(CALLERS.height);
    let mut path = format!("M0 {ground}");
    let mut until = 0.0;
    for bin in review.chart.bins.iter().filter(|bin| bin.callers > 0) {
        let from = axis.at(bin.at).0 * 10.0;
        let to = (axis.at(end_of_bin(review, bin.at)).0 * 10.0).max(from);
        if from > until + 0.01 {
            let _ = write!(path, "V{ground}H{from:.2}");
        }
        let _ = write!(path, "V{:.1}H{to:.2}", ground - height(bin.callers, end, &CALLERS));
        until = to;
    }
    let _ = write!(path, "V{ground}H1000");
    let view = format!("0 0 1000 {ground}");
    let place: &[Attribute<'_>] = &[
        ("x", &0),
        ("y", &CALLERS.top),
        ("width", &"100%"),
        ("height", &CALLERS.height),
        ("viewBox", &view),
        ("preserveAspectRatio", &"none"),
    ];
    h.element("svg", place, |h| h.void("path", &[("class", &"callers"), ("d", &path)]));
}
