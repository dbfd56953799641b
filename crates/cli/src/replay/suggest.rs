//! Thresholds for a company's own history.
//!
//! In: a history. Out: what each policy of a small grid would have paged for and missed in it, and which of them to take: that
//! which catches most outages with the fewest false-looking pages, and of equal ones that which tells first. What an outage
//! was, the history says: a page of any of the policies, of five callers at least, or of failures over five minutes, or one
//! that AWS Health confirmed.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use triage_engine::settings::Settings;
use triage_notify::words::{counted, span, utc};

use crate::replay::account::{Account, Story};
use crate::replay::compare::{Candidate, accounts, overlap};
use crate::replay::{Format, INTERRUPTED, Input, Replayed, json};

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
    config: &Settings,
    input: &Input<'_>,
    format: Format,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<Replayed> {
    let candidates = grid(config);
    let (accounts, replayed) = accounts(config, &candidates, input, errors)?;
    let outages = outages(&accounts);
    let tried: Vec<Tried> = candidates
        .iter()
        .zip(&accounts)
        .map(|(candidate, account)| judge(config, candidate, account, &outages))
        .collect();
    let best = best(&tried);
    let span_of = accounts.first().and_then(|account| account.span);
    if replayed.interrupted && format != Format::Json {
        writeln!(out, "{INTERRUPTED}")?;
    }
    match format {
        Format::Json => {
            let suggested = best.filter(|_| span_of.is_some());
            print_json(&tried, suggested, outages.len(), replayed.interrupted, out)?;
        }
        Format::Text | Format::Notices | Format::Html => print_text(&tried, best, &outages, span_of, out)?,
    }
    Ok(replayed)
}

fn grid(config: &Settings) -> Vec<Candidate> {
    let present = (config.policy.outage_callers, config.policy.false_pages_per_year);
    let mut pairs: Vec<(usize, f64)> =
        CALLERS.iter().flat_map(|callers| FALSE_PAGES.map(|pages| (*callers, pages))).collect();
    if !pairs.contains(&present) {
        pairs.push(present);
    }
    let candidate = |(outage_callers, false_pages_per_year): (usize, f64)| {
        let mut policy = config.policy.clone();
        policy.outage_callers = outage_callers;
        policy.false_pages_per_year = false_pages_per_year;
        Candidate {
            name: format!("outage_callers = {outage_callers}, false_pages_per_year = {false_pages_per_year}"),
            policy,
        }
    };
    pairs.into_iter().map(candidate).collect()
}

/// A trouble that at least one policy paged for, and that does not look false: as the first of them told it.
fn outages(accounts: &[Account]) -> Vec<Story> {
    let pages = accounts.iter().flat_map(Account::pages).filter(|story| !story.looks_false());
    let mut sorted: Vec<&Story> = pages.collect();
    sorted.sort_by_key(|story| story.paged_at());
    let mut outages: Vec<Story> = Vec::new();
    for story in sorted {
        match outages.iter_mut().find(|outage| overlap(outage, story)) {
            // As long as the longest of them.
            Some(outage) => outage.over_at = outage.over_at.zip(story.over_at).map(|(one, other)| one.max(other)),
            None => outages.push(story.clone()),
        }
    }
    outages
}

fn judge(config: &Settings, candidate: &Candidate, account: &Account, outages: &[Story]) -> Tried {
    let caught: Vec<Duration> = outages
        .iter()
        .filter_map(|outage| {
            let told = account.pages().find(|story| overlap(outage, story))?;
            let (told, first) = (told.paged_at()?, outage.paged_at()?);
            Some(Duration::try_from(told.duration_since(first)).unwrap_or_default())
        })
        .collect();
    let policy = &candidate.policy;
    Tried {
        outage_callers: policy.outage_callers,
        false_pages_per_year: policy.false_pages_per_year,
        pages: account.pages().count(),
        false_looking_pages: account.false_looking_pages(),
        caught: caught.len(),
        later_s: caught.iter().sum::<Duration>().as_secs() / (caught.len() as u64).max(1),
        is_present: policy.outage_callers == config.policy.outage_callers
            && policy.false_pages_per_year == config.policy.false_pages_per_year,
    }
}

/// What cannot be told apart by the history stays as it is.
fn best(tried: &[Tried]) -> Option<&Tried> {
    tried
        .iter()
        .min_by_key(|one| (std::cmp::Reverse(one.caught), one.false_looking_pages, one.later_s, !one.is_present))
}

fn print_text(
    tried: &[Tried],
    best: Option<&Tried>,
    outages: &[Story],
    history: Option<(Timestamp, Timestamp)>,
    out: &mut impl Write,
) -> io::Result<()> {
    let Some((from, to)) = history else {
        return writeln!(out, "Nothing was judged: there is nothing to suggest from.");
    };
    writeln!(out, "{} to {}: {}", utc(from), utc(to), counted(outages.len(), "outage"))?;
    for outage in outages {
        let over = outage.over_at.map_or_else(|| "the end of the history".to_owned(), utc);
        writeln!(
            out,
            "  {} to {over} in {}: {} at the most",
            utc(outage.opened_at),
            outage.region,
            counted(outage.callers, "caller")
        )?;
    }
    writeln!(out, "\noutage_callers  false_pages_per_year  pages  look false  outages caught  told later by")?;
    for one in tried {
        let caught = format!("{} of {}", one.caught, outages.len());
        let later = if one.caught == 0 { "-".to_owned() } else { span(Duration::from_secs(one.later_s)) };
        let present = if one.is_present { "  (as it is)" } else { "" };
        writeln!(
            out,
            "{:>14}  {:>20}  {:>5}  {:>10}  {caught:>14}  {later}{present}",
            one.outage_callers, one.false_pages_per_year, one.pages, one.false_looking_pages
        )?;
    }
    if let Some(best) = best {
        writeln!(out, "\n{}", if best.is_present { "Keep what you have:" } else { "Take:" })?;
        writeln!(
            out,
            "outage_callers = {}\nfalse_pages_per_year = {}",
            best.outage_callers, best.false_pages_per_year
        )?;
    }
    if to.duration_since(from).unsigned_abs() < SHORT {
        writeln!(
            out,
            "\nThis rests on {} of history: of so little, take it as a hint.",
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
        json::line(&line, out)?;
    }
    Ok(())
}
