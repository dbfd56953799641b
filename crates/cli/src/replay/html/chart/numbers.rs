//! A chart's numbers as a table, for those who do not see the drawing or want to be exact. It needs no script.

use std::time::Duration;

use jiff::Timestamp;
use triage_notify::markup::{Attribute, Html};
use triage_notify::words::span;

use crate::replay::html::parts::{minute, scrolling};
use crate::replay::html::words::{Number, counted};

/// Rows of it: more are no easier to read than the JSON.
pub const ROWS_MAX: usize = 200;

/// The numbers of one bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub at: Timestamp,
    pub numbers: Vec<u64>,
    /// How much failed: a row of nothing is left out, and where they are too many, those with the least.
    pub weight: (u64, u64),
}

/// The rows in which something failed; where they are too many, those in which most did, in order of time. And how many
/// there are.
pub fn rows(all: Vec<Row>) -> (Vec<Row>, usize) {
    let mut rows: Vec<Row> = all.into_iter().filter(|row| row.weight > (0, 0)).collect();
    let count = rows.len();
    if count > ROWS_MAX {
        rows.sort_by_key(|row| std::cmp::Reverse(row.weight));
        rows.truncate(ROWS_MAX);
        rows.sort_by_key(|row| row.at);
    }
    (rows, count)
}

pub fn table(h: &mut Html, columns: &[&str], all: Vec<Row>, width: Duration, id: Option<&'static str>) {
    let (rows, count) = rows(all);
    h.element("details", &[], |h| {
        h.leaf("summary", &[], "The chart’s numbers");
        let width = span(width);
        let words = match count - rows.len() {
            0 if count == 0 => "No call failed.".to_owned(),
            0 => format!("Each row is {width}; a time in which nothing failed has no row."),
            more => format!(
                "Each row is {width}. These are the {} with the most failures; {} with fewer are left out.",
                rows.len(),
                counted(more, "row")
            ),
        };
        h.leaf("p", &[("class", &"quiet")], words);
        if rows.is_empty() {
            return;
        }
        scrolling(h, "The chart’s numbers", |h| {
            let named = id.as_ref().map(|id| ("id", id as &dyn std::fmt::Display));
            let attributes: Vec<Attribute<'_>> =
                [("class", &"numbers" as &dyn std::fmt::Display)].into_iter().chain(named).collect();
            h.element("table", &attributes, |h| {
                h.element("thead", &[], |h| head(h, columns));
                h.element("tbody", &[], |h| rows.iter().for_each(|bin| row(h, bin)));
            });
        });
    });
}

fn head(h: &mut Html, columns: &[&str]) {
    h.element("tr", &[], |h| {
        h.leaf("th", &[("scope", &"col")], "From (UTC)");
        columns.iter().for_each(|name| h.leaf("th", &[("scope", &"col")], name));
    });
}

fn row(h: &mut Html, row: &Row) {
    h.element("tr", &[], |h| {
        h.element("th", &[("scope", &"row")], |h| minute(h, row.at));
        for number in &row.numbers {
            h.leaf("td", if *number == 0 { &[("class", &"zero")] } else { &[] }, Number(*number));
        }
    });
}
