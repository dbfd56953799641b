//! Thresholds for a company's own history.
//!
//! In: a history. Out: what each policy of a small grid would have paged for and missed in it, and which of them to take: that
//! which catches most outages with the fewest false-looking pages, of equal ones that which tells first, and of equal ones
//! again the present or else the strictest. What an outage
//! was, the history says: a page of any of the policies, of five callers at least, or of failures over five minutes, or one
//! that AWS Health confirmed.

use std::cmp::Reverse;
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::policy::Policy;
use triage_engine::settings::Settings;
use triage_notify::words::{counted, span, utc};

use crate::format::{Format, json_line};
use crate::replay::console::Console;
use crate::replay::review::{Review, Story};
use crate::replay::reviews::reviews;
use crate::replay::run::{End, History};
use crate::replay::text::INTERRUPTED;

/// What is tried: how many callers make an outage, and how many false pages a year are borne.
const CALLERS: [usize; 4] = [2, 3, 5, 8];
const FALSE_PAGES: [f64; 3] = [0.1, 1.0, 12.0];

/// A history shorter than this shows what an ordinary day is, but hardly any outage.
const SHORT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// One policy of the grid and what it comes to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tried {
    outage_callers: usize,
    false_pages_per_year: f64,
    pages: usize,
    false_looking_pages: usize,
    /// Outages that it would have paged for, of all there were.
    caught: usize,
    /// How long after the first policy that told of an outage it would have, on average; seconds.
    later_s: u64,
    /// The present policy's values.
    is_present: bool,
}

/// Tries the grid, and prints what to take.
pub fn suggest(
    history: History<'_>,
    settings: &Settings,
    format: Format,
    console: &mut Console,
    out: &mut impl Write,
) -> io::Result<End> {
    let policies = grid(&settings.policy);
    let (reviews, end) = reviews(history, settings, policies.clone(), console, None)?;
    let outages = outages(&reviews);
    let pairs = policies.iter().zip(&reviews);
    let tried: Vec<Tried> =
        pairs.map(|(policy, review)| evaluate(&settings.policy, policy, review, &outages)).collect();
    let best = best(&tried);
    let span_of = reviews.first().and_then(|review| review.span);
    if end.interrupted && format == Format::Text {
        writeln!(out, "{INTERRUPTED}")?;
    }
    match format {
        Format::Json => {
            let suggested = best.filter(|_| span_of.is_some());
            print_json(&tried, suggested, outages.len(), end.interrupted, out)?;
        }
        Format::Text => print_text(&tried, best, &outages, span_of, out)?,
    }
    Ok(end)
}

/// The policies that are tried: the present one, but for the two values.
fn grid(present: &Policy) -> Vec<Policy> {
    let as_it_is = (present.outage_callers, present.false_pages_per_year);
    let mut pairs: Vec<(usize, f64)> =
        CALLERS.iter().flat_map(|callers| FALSE_PAGES.map(|pages| (*callers, pages))).collect();
    if !pairs.contains(&as_it_is) {
        pairs.push(as_it_is);
    }
    let with =
        |(outage_callers, false_pages_per_year)| Policy { outage_callers, false_pages_per_year, ..present.clone() };
    pairs.into_iter().map(with).collect()
}

/// A trouble that at least one policy paged for, and that does not look false: as the first of them told it.
fn outages(reviews: &[Review]) -> Vec<Story> {
    let pages = reviews.iter().flat_map(Review::pages).filter(|story| !story.looks_false());
    let mut sorted: Vec<&Story> = pages.collect();
    sorted.sort_by_key(|story| story.paged_at());
    let mut outages: Vec<Story> = Vec::new();
    for story in sorted {
        match outages.iter_mut().find(|outage| outage.overlaps(story)) {
            // As long as the longest of them.
            Some(outage) => {
                outage.over_at = outage.over_at.zip(story.over_at).map(|(one, other)| one.max(other));
                outage.latest = outage.latest.max(story.latest);
                if story.callers > outage.callers {
                    (outage.callers, outage.about) = (story.callers, story.about);
                }
            }
            None => outages.push(story.clone()),
        }
    }
    outages
}

fn evaluate(present: &Policy, policy: &Policy, review: &Review, outages: &[Story]) -> Tried {
    let caught: Vec<Duration> = outages
        .iter()
        .filter_map(|outage| {
            let told = review.pages().find(|story| outage.overlaps(story))?;
            let (told, first) = (told.paged_at()?, outage.paged_at()?);
            Some(Duration::try_from(told.duration_since(first)).unwrap_or_default())
        })
        .collect();
    Tried {
        outage_callers: policy.outage_callers,
        false_pages_per_year: policy.false_pages_per_year,
        pages: review.pages().count(),
        false_looking_pages: review.false_looking_pages(),
        caught: caught.len(),
        later_s: caught.iter().sum::<Duration>().as_secs() / (caught.len() as u64).max(1),
        is_present: policy.outage_callers == present.outage_callers
            && policy.false_pages_per_year == present.false_pages_per_year,
    }
}

/// A page that comes less than this later is no worse.
const LATER_S: u64 = 60;

/// What cannot be told apart by the history stays as it is; of others that it cannot tell apart the strictest is taken, which asks
/// for the most callers and bears the fewest false pages: a history that shows no harm is no reason to page more easily.
fn best(tried: &[Tried]) -> Option<&Tried> {
    let worth = |one: &Tried| (Reverse(one.caught), one.false_looking_pages, one.later_s / LATER_S, !one.is_present);
    let looseness = |one: &Tried, other: &Tried| {
        let callers = other.outage_callers.cmp(&one.outage_callers);
        callers.then(one.false_pages_per_year.total_cmp(&other.false_pages_per_year))
    };
    tried.iter().min_by(|one, other| worth(one).cmp(&worth(other)).then_with(|| looseness(one, other)))
}

fn print_text(
    tried: &[Tried],
    best: Option<&Tried>,
    outages: &[Story],
    history: Option<(Timestamp, Timestamp)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let Some((from, to)) = history else {
        return writeln!(out, "No call was read: there is nothing to suggest from.");
    };
    writeln!(out, "{} to {}: {}", utc(from), utc(to), counted(outages.len(), "outage"))?;
    for outage in outages {
        let ended = outage.ended().map_or_else(|| "the end of the history".to_owned(), utc);
        let callers = outage.callers_in_words();
        writeln!(out, "  {} to {ended} in {}: {callers}", utc(outage.began), outage.region)?;
    }
    writeln!(out, "\noutage_callers  false_pages_per_year  pages  look false  outages caught  paged later by")?;
    for one in tried {
        let caught = format!("{} of {}", one.caught, outages.len());
        let later = if one.caught == 0 { "-".to_owned() } else { span(Duration::from_secs(one.later_s)) };
        let present = if one.is_present { "  (current)" } else { "" };
        writeln!(
            out,
            "{:>14}  {:>20}  {:>5}  {:>10}  {caught:>14}  {later}{present}",
            one.outage_callers, one.false_pages_per_year, one.pages, one.false_looking_pages
        )?;
    }
    if let Some(best) = best {
        writeln!(out, "\n{}", if best.is_present { "Keep what you have:" } else { "Suggested policy:" })?;
        writeln!(
            out,
            "outage_callers = {}\nfalse_pages_per_year = {}",
            best.outage_callers, best.false_pages_per_year
        )?;
    }
    if to.duration_since(from).unsigned_abs() < SHORT {
        writeln!(
            out,
            "\nThis rests on {} of history: that is little, so take it as a hint.",
            span(to.duration_since(from).unsigned_abs())
        )?;
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Line<'a> {
    Policy {
        #[serde(flatten)]
        tried: &'a Tried,
    },
    Suggestion {
        outage_callers: usize,
        false_pages_per_year: f64,
        outages: usize,
        is_present: bool,
        interrupted: bool,
    },
}

fn print_json(
    tried: &[Tried],
    suggested: Option<&Tried>,
    outages: usize,
    interrupted: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let suggestion = suggested.map(|suggested| Line::Suggestion {
        outage_callers: suggested.outage_callers,
        false_pages_per_year: suggested.false_pages_per_year,
        outages,
        is_present: suggested.is_present,
        interrupted,
    });
    for line in tried.iter().map(|tried| Line::Policy { tried }).chain(suggestion) {
        json_line(&line, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(outage_callers: usize, false_pages_per_year: f64) -> Tried {
        Tried {
            outage_callers,
            false_pages_per_year,
            pages: 1,
            false_looking_pages: 0,
            caught: 1,
            later_s: 0,
            is_present: false,
        }
    }

    fn best_of(tried: &[Tried]) -> (usize, f64) {
        let best = best(tried).unwrap();
        (best.outage_callers, best.false_pages_per_year)
    }

    #[test]
    fn of_equal_policies_the_looser_one_is_never_proposed() {
        let all = || CALLERS.iter().flat_map(|callers| FALSE_PAGES.map(|pages| tried(*callers, pages)));
        let mut forwards: Vec<Tried> = all().collect();
        assert_eq!(best_of(&forwards), (8, 0.1), "the strictest, where nothing tells them apart");
        let backwards: Vec<Tried> = all().rev().collect();
        assert_eq!(best_of(&backwards), (8, 0.1), "in whichever order they were tried");
        forwards[4].is_present = true;
        assert_eq!(best_of(&forwards), (3, 1.0), "what there is stays");
        assert_eq!(best(&[]).map(|best| best.outage_callers), None);
    }

    #[test]
    fn what_the_history_tells_comes_before_strictness() {
        for better in [
            Tried { caught: 2, ..tried(2, 12.0) },
            Tried { false_looking_pages: 0, ..tried(2, 12.0) },
            Tried { later_s: 9, ..tried(2, 12.0) },
        ] {
            let strict = Tried { false_looking_pages: 1, later_s: 10, ..tried(8, 0.1) };
            assert_eq!(best_of(&[strict, better]), (2, 12.0));
        }
    }
}
