//! The drawing of the whole time: a panel for each cause, each in a scale of its own, so that a storm of one flattens no other.

use std::fmt::Write as _;

use triage_model::classify::Cause;
use triage_notify::markup::Html;
use triage_notify::words::{span, utc_minute};

use crate::replay::html::chart::bands::{self, Bands};
use crate::replay::html::chart::causes::{CHARTED, failed, failures};
use crate::replay::html::chart::numbers::{self, Row};
use crate::replay::html::chart::plot::{Bins, Place, Series, bars, drawing, line, ticks};
use crate::replay::html::scale::{Axis, ceiling};
use crate::replay::html::shown::Shown;
use crate::replay::html::words::{self, Number, counted};
use crate::replay::review::{Bin, Review};

/// A panel and the line of its name above it: in pixels.
const NAME: u32 = 26;
const PANEL: u32 = 44;
const BOTTOM: u32 = 26;

struct Panel {
    title: String,
    series: Series,
}

/// The figure; of an empty history there is none.
pub fn figure(h: &mut Html, review: &Review, shown: &Shown) {
    let Some(axis) = Axis::of(review) else { return };
    let (chart, panels) = (&review.chart, panels(review));
    let bins = Bins { axis: &axis, width: chart.width, at: chart.bins.iter().map(|bin| bin.at).collect() };
    h.element("figure", &[("class", &"chart period")], |h| {
        let bands = Bands::of(review, &axis);
        let ground = bands.top + u32::try_from(panels.len()).unwrap_or(0) * (NAME + PANEL);
        drawing(h, &bins, "Chart of the whole time", ground + BOTTOM, |h| {
            h.element("g", &[("role", &"img"), ("aria-label", &in_words(review, &axis))], |h| {
                ticks(h, &axis, bands.top, ground);
                bands::tints(h, review, &axis, &bands, ground);
                let mut top = bands.top;
                for panel in &panels {
                    let (middle, end) = (top + NAME - 8, ceiling(panel.series.most()));
                    top += NAME + PANEL;
                    h.leaf("text", &[("class", &"name"), ("x", &0), ("y", &middle)], &panel.title);
                    line(h, "grid", top - PANEL, end);
                    bars(h, &bins, &panel.series, Place { ground: top, height: PANEL, grows_down: false, end });
                    line(h, "ground", top, 0);
                }
            });
            bands::links(h, review, &axis, &bands, shown);
        });
        h.element("figcaption", &[], |h| {
            h.text(format!(
                "{} to {}, in steps of {}. ",
                utc_minute(axis.from),
                utc_minute(axis.to),
                span(chart.width)
            ));
            h.text("Each panel has a scale of its own. ");
            let none: Vec<String> = none(review).into_iter().map(str::to_lowercase).collect();
            if !none.is_empty() {
                h.text(format!("None at all: {}. ", none.join(", ")));
            }
            if !review.incidents.is_empty() {
                h.text("A shaded time is an incident; the number above it leads to it.");
            }
        });
        table(h, review);
    });
}

fn panels(review: &Review) -> Vec<Panel> {
    let bins = &review.chart.bins;
    let of_cause = |cause: Cause| {
        let values: Vec<u64> = bins.iter().map(|bin| failed(bin, cause)).collect();
        let sum: u64 = values.iter().sum();
        let name = words::failures_of(cause);
        let series = Series { name: name.to_lowercase(), class: "failed", values };
        (sum > 0).then(|| Panel { title: format!("{name}: {}", Number(sum)), series })
    };
    let callers = Series {
        name: "callers affected".to_owned(),
        class: "affected",
        values: bins.iter().map(|bin| bin.callers).collect(),
    };
    let served = Series {
        name: "calls worked".to_owned(),
        class: "served",
        values: bins.iter().map(|bin| bin.served).collect(),
    };
    let callers = Panel { title: format!("Callers affected: {}", Number(review.callers as u64)), series: callers };
    let served = Panel { title: format!("Calls that worked: {}", Number(served.sum())), series: served };
    let rest = [callers, served].into_iter().filter(|panel| panel.series.most() > 0);
    CHARTED.into_iter().filter_map(of_cause).chain(rest).collect()
}

/// The causes that nothing failed of.
fn none(review: &Review) -> Vec<&'static str> {
    let is_none = |cause: &Cause| review.chart.bins.iter().all(|bin| failed(bin, *cause) == 0);
    CHARTED.into_iter().filter(is_none).map(words::failures_of).collect()
}

fn table(h: &mut Html, review: &Review) {
    let names = CHARTED.map(words::failures_of);
    let columns: Vec<&str> = names.into_iter().chain(["Callers affected", "Calls that worked"]).collect();
    let row = |bin: &Bin| Row {
        at: bin.at,
        numbers: CHARTED.iter().map(|cause| failed(bin, *cause)).chain([bin.callers, bin.served]).collect(),
        weight: (failures(bin), bin.callers),
    };
    numbers::table(h, &columns, review.chart.bins.iter().map(row).collect(), review.chart.width, Some("the-numbers"));
}

/// For those who do not see the drawing.
fn in_words(review: &Review, axis: &Axis) -> String {
    let mut words = format!("Failed calls from {} to {}", utc_minute(axis.from), utc_minute(axis.to));
    for (place, cause) in CHARTED.into_iter().enumerate() {
        let count: u64 = review.chart.bins.iter().map(|bin| failed(bin, cause)).sum();
        let before = if place == 0 { ": " } else { ", " };
        let _ = write!(words, "{before}{} {}", Number(count), words::failures_of(cause).to_lowercase());
    }
    if let Some(worst) = review.chart.bins.iter().max_by_key(|bin| failures(bin)).filter(|bin| failures(bin) > 0) {
        let (most, width) = (Number(failures(worst)), span(review.chart.width));
        let _ = write!(words, ". The most within {width}: {most}, from {} on", utc_minute(worst.at));
    }
    let _ = write!(words, ". {}. The numbers are in the table below.", counted(review.incidents.len(), "incident"));
    words
}
