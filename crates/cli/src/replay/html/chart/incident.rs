//! The drawing of one incident, with a time axis of its own: calls served and calls failed, and who was affected.

use jiff::Timestamp;
use triage_model::time::later;
use triage_notify::markup::{Attribute, Html};
use triage_notify::notice::{Notice, NoticeKind};
use triage_notify::words::{capitalized, span, utc_minute};

use crate::replay::answer::{HeadCount, times};
use crate::replay::html::chart::mark;
use crate::replay::html::chart::numbers::{self, Row};
use crate::replay::html::chart::plot::{Bins, Place, Series, bars, drawing, line, ticks};
use crate::replay::html::scale::{Axis, ceiling};
use crate::replay::html::shown::NOTICES_MAX;
use crate::replay::html::words::{Number, counted};
use crate::replay::review::Story;

/// The lane of marks, then calls, then callers: in pixels.
const LANE: u32 = 18;
const CALLS: u32 = 130;
const GAP: u32 = 34;
const CALLERS: u32 = 48;
const BOTTOM: u32 = 24;

/// A part of the calls that is lower than this has no number of its own.
const LABELLED: u32 = 14;

/// The figure; nothing where no call was seen.
pub fn figure(h: &mut Html, number: usize, story: &Story, last: Option<Timestamp>) {
    let close_up = &story.close_up;
    let (Some(first), Some(end)) = (close_up.bins.first(), close_up.bins.last()) else {
        h.leaf(
            "p",
            &[("class", &"quiet")],
            "There is no chart: no call was seen around it, or this incident is one of too many.",
        );
        return;
    };
    let axis = Axis { from: first.at, to: later(end.at, close_up.width) };
    let bins = Bins { axis: &axis, width: close_up.width, at: close_up.bins.iter().map(|bin| bin.at).collect() };
    let series = |name: &str, class, value: &dyn Fn(usize) -> u64| Series {
        name: name.to_owned(),
        class,
        values: (0..close_up.bins.len()).map(value).collect(),
    };
    let noun = HeadCount::of(story).noun(2);
    let served = series("calls worked", "served", &|place| close_up.bins[place].calls.served);
    let failed = series("calls failed", "failed", &|place| close_up.bins[place].calls.failed);
    let affected = series(&format!("{noun} affected"), "affected", &|place| close_up.bins[place].affected);
    h.element("figure", &[("class", &"chart")], |h| {
        legend(h, story, noun);
        let height = LANE + CALLS + GAP + CALLERS + BOTTOM;
        drawing(h, &bins, &format!("Chart of incident {number}"), height, |h| {
            let name = in_words(story, &served, &failed, &affected, &axis);
            h.element("g", &[("role", &"img"), ("aria-label", &name)], |h| {
                lasted(h, story, &axis, last);
                ticks(h, &axis, LANE, LANE + CALLS + GAP + CALLERS);
                calls(h, &bins, &served, &failed);
                callers(h, &bins, &affected);
                story.notices.iter().take(NOTICES_MAX).for_each(|notice| marked(h, &axis, notice));
            });
        });
        let columns = [&served.name, &failed.name, &affected.name].map(String::as_str);
        let rows = (0..close_up.bins.len()).map(|place| Row {
            at: bins.at[place],
            numbers: vec![served.values[place], failed.values[place], affected.values[place]],
            weight: (failed.values[place], affected.values[place]),
        });
        numbers::table(h, &columns, rows.collect(), close_up.width, None);
    });
}

fn swatch(h: &mut Html, inside: impl FnOnce(&mut Html)) {
    h.element("svg", &[("class", &"swatch"), ("width", &14), ("height", &14), ("aria-hidden", &"true")], inside);
}

fn legend(h: &mut Html, story: &Story, noun: &str) {
    let square = |h: &mut Html, class: &'static str| {
        swatch(h, |h| h.void("rect", &[("class", &class), ("width", &14), ("height", &14)]));
    };
    h.element("ul", &[("class", &"legend"), ("aria-label", &"What the chart shows")], |h| {
        for (class, text) in [
            ("served", "calls that worked (up)".to_owned()),
            ("failed", "calls that failed (down)".to_owned()),
            ("affected", format!("{noun} affected in each {}", span(story.close_up.width).trim_start_matches("1 "))),
            ("lasted", "first to latest failure".to_owned()),
        ] {
            h.element("li", &[], |h| {
                square(h, class);
                h.text(text);
            });
        }
        for kind in NoticeKind::ALL.into_iter().filter(|kind| story.notices.iter().any(|notice| notice.kind == *kind)) {
            h.element("li", &[], |h| {
                swatch(h, |h| h.void("use", &[("href", &mark(kind)), ("x", &7), ("y", &7)]));
                h.text(kind.as_str());
            });
        }
    });
}

fn lasted(h: &mut Html, story: &Story, axis: &Axis, last: Option<Timestamp>) {
    let (from, to) = times(story, last);
    let height = CALLS + GAP + CALLERS;
    let (x, width) = (axis.at(from), axis.between(from, to));
    let place: &[Attribute<'_>] =
        &[("class", &"lasted"), ("x", &x), ("width", &width), ("y", &LANE), ("height", &height)];
    h.void("rect", place);
    let end = LANE + height;
    for x in [x, axis.at(to)] {
        h.void("line", &[("class", &"bound"), ("x1", &x), ("x2", &x), ("y1", &LANE), ("y2", &end)]);
    }
}

/// What worked up, what failed down, from one line and in one scale.
fn calls(h: &mut Html, bins: &Bins<'_>, served: &Series, failed: &Series) {
    // Of what there was none there is no scale.
    let [up, down] = [served, failed].map(|series| if series.most() == 0 { 0 } else { ceiling(series.most()) });
    let high = (f64::from(CALLS) * up as f64 / (up as f64 + down as f64).max(1.0)).round() as u32;
    let ground = LANE + high;
    if high >= LABELLED {
        line(h, "grid", LANE, up);
    }
    if CALLS - high >= LABELLED {
        line(h, "grid", LANE + CALLS, down);
    }
    bars(h, bins, served, Place { ground, height: high, grows_down: false, end: up });
    bars(h, bins, failed, Place { ground, height: CALLS - high, grows_down: true, end: down });
    line(h, "ground", ground, 0);
}

fn callers(h: &mut Html, bins: &Bins<'_>, affected: &Series) {
    let (ground, end) = (LANE + CALLS + GAP + CALLERS, ceiling(affected.most()));
    let name = ground - CALLERS - 9;
    h.leaf("text", &[("class", &"name"), ("x", &0), ("y", &name)], capitalized(&affected.name));
    line(h, "grid", ground - CALLERS, end);
    bars(h, bins, affected, Place { ground, height: CALLERS, grows_down: false, end });
    line(h, "ground", ground, 0);
}

fn marked(h: &mut Html, axis: &Axis, notice: &Notice) {
    if notice.at < axis.from || notice.at > axis.to {
        return;
    }
    let (x, y) = (axis.at(notice.at), LANE / 2);
    h.element("use", &[("href", &mark(notice.kind)), ("x", &x), ("y", &y)], |h| {
        h.leaf("title", &[], format!("{} {}", utc_minute(notice.at), notice.kind.as_str()));
    });
}

/// For those who do not see the drawing.
fn in_words(story: &Story, served: &Series, failed: &Series, affected: &Series, axis: &Axis) -> String {
    let width = span(story.close_up.width);
    let mut words = format!(
        "From {} to {}: {} worked, {} failed",
        utc_minute(axis.from),
        utc_minute(axis.to),
        counted(usize::try_from(served.sum()).unwrap_or(usize::MAX), "call"),
        Number(failed.sum()),
    );
    if failed.most() > 0 {
        words += &format!("; at most {} within {width}, of {} callers", Number(failed.most()), Number(affected.most()));
    }
    words + ". The numbers are in the table below."
}
