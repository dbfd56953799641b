//! Two policies on the same history, side by side.
//!
//! In: a history and two policies. Out: what each would have told, incident by incident, as text or JSON lines. The history is
//! read once; two runs go through it.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::settings::Settings;
use triage_model::region::Region;
use triage_notify::notice::NamedScope;
use triage_notify::words::{span, trouble, utc};

use crate::format::{Format, json_line};
use crate::replay::clock_by::ClockBy;
use crate::replay::console::Console;
use crate::replay::review::{Review, Story};
use crate::replay::reviews::{Candidate, reviews};
use crate::replay::run::{End, History};
use crate::replay::text::INTERRUPTED;

/// Prints what the two candidates come to.
pub fn compare(
    history: History<'_>,
    settings: &Settings,
    candidates: &[Candidate; 2],
    format: Format,
    console: &mut Console,
    out: &mut impl Write,
) -> io::Result<End> {
    let policies = candidates.iter().map(|candidate| candidate.policy.clone()).collect();
    let (reviews, end) = reviews(history, settings, policies, console, None)?;
    let [first, second] = reviews.as_slice() else { return Ok(end) };
    let pairs = pairs(first, second);
    if end.interrupted && format == Format::Text {
        writeln!(out, "{INTERRUPTED}")?;
    }
    match format {
        Format::Json => print_json(candidates, [first, second], &pairs, out)?,
        Format::Text => print_text(candidates, [first, second], &pairs, out)?,
    }
    Ok(end)
}

/// One trouble as each of the two saw it: at least one of them did.
type Pair<'a> = [Option<&'a Story>; 2];

/// Incidents of one region that overlap are one trouble: first those of one tool, network or application, or of none; then what
/// only one of the policies took for that.
fn pairs<'a>(first: &'a Review, second: &'a Review) -> Vec<Pair<'a>> {
    let mut unmatched: Vec<&Story> = second.incidents.iter().collect();
    let mut pairs: Vec<Pair<'a>> = first.incidents.iter().map(|story| [Some(story), None]).collect();
    for is_alike in [Story::is_of_the_same as fn(&Story, &Story) -> bool, |_, _| true] {
        for [story, other] in pairs.iter_mut().filter(|pair| pair[1].is_none()) {
            let Some(story) = story else { continue };
            let found = unmatched.iter().position(|one| story.overlaps(one) && is_alike(story, one));
            *other = found.map(|found| unmatched.remove(found));
        }
    }
    pairs.extend(unmatched.into_iter().map(|other| [None, Some(other)]));
    pairs.sort_by_key(|pair| pair.iter().flatten().map(|story| story.opened_at).min());
    pairs
}

/// The numbers of a review that are laid side by side.
fn numbers(review: &Review) -> [(&'static str, usize); 5] {
    [
        ("pages", review.pages().count()),
        ("of them look false", review.false_looking_pages()),
        ("other incidents", review.warnings()),
        ("notices", review.notices()),
        ("advice notices", review.advices.len()),
    ]
}

fn print_text(
    candidates: &[Candidate; 2],
    reviews: [&Review; 2],
    pairs: &[Pair<'_>],
    out: &mut impl Write,
) -> io::Result<()> {
    let [a, b] = [&candidates[0].name, &candidates[1].name];
    let width = a.len().max(8);
    writeln!(out, "{:20} {a:>width$}  {b}", "")?;
    for ((what, first), (_, second)) in numbers(reviews[0]).into_iter().zip(numbers(reviews[1])) {
        writeln!(out, "{what:20} {first:>width$}  {second}")?;
    }
    writeln!(out, "\nThe clock: {}", reviews[0].clock())?;
    writeln!(out)?;
    if pairs.is_empty() {
        return writeln!(out, "Neither would have opened an incident.");
    }
    for pair in pairs {
        writeln!(out, "{}", in_words(*pair, [a, b]))?;
    }
    Ok(())
}

fn in_words(pair: Pair<'_>, names: [&str; 2]) -> String {
    let said = |story: &Story| {
        format!(
            "{}  {} in {} ({}{})",
            utc(story.opened_at),
            trouble(story.diagnosis),
            story.region,
            story.severity.as_str(),
            story.scope_in_words().map(|scope| format!("; {scope}")).unwrap_or_default()
        )
    };
    match pair {
        [Some(story), None] => format!("{}: only with {}", said(story), names[0]),
        [None, Some(story)] => format!("{}: only with {}", said(story), names[1]),
        [Some(one), Some(other)] => {
            let later = other.opened_at.duration_since(one.opened_at);
            let apart = span(later.unsigned_abs());
            let when = match later.as_secs() {
                0 => "at the same time with both".to_owned(),
                1.. => format!("{apart} later with {}", names[1]),
                ..0 => format!("{apart} earlier with {}", names[1]),
            };
            let told = if one.severity == other.severity && one.diagnosis == other.diagnosis {
                String::new()
            } else {
                format!(", as {} ({})", trouble(other.diagnosis), other.severity.as_str())
            };
            format!("{}: {when}{told}", said(one))
        }
        [None, None] => String::new(),
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Line<'a> {
    Incident {
        region: &'a Region,
        /// By the policies that opened it.
        opened: Vec<Opened<'a>>,
    },
    Policy {
        clock: ClockBy,
        name: &'a str,
        pages: usize,
        false_looking_pages: usize,
        incidents: usize,
        notices: usize,
        advices: usize,
        interrupted: bool,
    },
}

#[derive(Serialize)]
struct Opened<'a> {
    policy: &'a str,
    incident: &'a str,
    at: Timestamp,
    diagnosis: Diagnosis,
    severity: Severity,
    scope: Option<&'a NamedScope>,
    callers: usize,
}

fn print_json(
    candidates: &[Candidate; 2],
    reviews: [&Review; 2],
    pairs: &[Pair<'_>],
    out: &mut impl Write,
) -> io::Result<()> {
    for pair in pairs {
        let opened = pair.iter().zip(candidates).filter_map(|(story, candidate)| {
            story.map(|story| Opened {
                policy: &candidate.name,
                incident: &story.id,
                at: story.opened_at,
                diagnosis: story.diagnosis,
                severity: story.severity,
                scope: story.scope.as_ref(),
                callers: story.callers,
            })
        });
        let Some(story) = pair.iter().flatten().next() else { continue };
        json_line(&Line::Incident { region: &story.region, opened: opened.collect() }, out)?;
    }
    for (candidate, review) in candidates.iter().zip(reviews) {
        let policy = Line::Policy {
            clock: review.by,
            name: &candidate.name,
            pages: review.pages().count(),
            false_looking_pages: review.false_looking_pages(),
            incidents: review.incidents.len(),
            notices: review.notices(),
            advices: review.advices.len(),
            interrupted: review.interrupted,
        };
        json_line(&policy, out)?;
    }
    Ok(())
}
