//! The chart's numbers as a table, for who does not see the drawing or wants to be exact.

use triage_notify::words::span;

use crate::replay::html::chart::causes::{CHARTED, failed, failures};
use crate::replay::html::markup::Html;
use crate::replay::html::parts::{minute, scrolling};
use crate::replay::html::words::{Number, counted};
use crate::replay::review::{Bin, Review};

/// Rows of it: more are no easier to read than the JSON.
pub const ROWS_MAX: usize = 200;

/// The columns in which something failed; where they are too many, those in which most did, in order of time.
pub fn rows(bins: &[Bin]) -> (Vec<&Bin>, usize) {
    let mut rows: Vec<&Bin> = bins.iter().filter(|bin| failures(bin) > 0 || bin.callers > 0).collect();
    let all = rows.len();
    if all > ROWS_MAX {
        rows.sort_by_key(|bin| std::cmp::Reverse((failures(bin), bin.callers)));
        rows.truncate(ROWS_MAX);
        rows.sort_by_key(|bin| bin.at);
    }
    (rows, all)
}

pub fn table(h: &mut Html, review: &Review) {
    let (rows, all) = rows(&review.chart.bins);
    h.element("details", &[("class", &"optional")], |h| {
        h.leaf("summary", &[], "The chart’s numbers");
        let width = span(review.chart.width);
        h.leaf(
            "p",
            &[("class", &"quiet")],
            match all - rows.len() {
                0 if all == 0 => "No call failed.".to_owned(),
                0 => format!("Each row is {width}; where nothing failed there is none."),
                more => format!(
                    "Each row is {width}. These are the {} with the most failures; {} with fewer are left out.",
                    rows.len(),
                    counted(more, "row")
                ),
            },
        );
        if rows.is_empty() {
            return;
        }
        scrolling(h, "The chart’s numbers", |h| {
            h.element("table", &[("class", &"numbers"), ("id", &"the-numbers")], |h| {
                h.element("thead", &[], head);
                h.element("tbody", &[], |h| rows.iter().for_each(|bin| row(h, bin)));
            });
        });
    });
}

fn head(h: &mut Html) {
    h.element("tr", &[], |h| {
        h.leaf("th", &[("scope", &"col")], "From (UTC)");
        CHARTED.iter().for_each(|cause| h.leaf("th", &[("scope", &"col")], cause.as_str()));
        h.leaf("th", &[("scope", &"col")], "callers");
        h.leaf("th", &[("scope", &"col")], "served");
    });
}

fn row(h: &mut Html, bin: &Bin) {
    h.element("tr", &[], |h| {
        h.element("th", &[("scope", &"row")], |h| minute(h, bin.at));
        CHARTED.iter().for_each(|cause| number(h, failed(bin, *cause)));
        number(h, bin.callers);
        number(h, bin.served);
    });
}

fn number(h: &mut Html, number: u64) {
    h.leaf("td", if number == 0 { &[("class", &"zero")] } else { &[] }, Number(number));
}
