//! Two policies on the same history, side by side.
//!
//! In: a history and two policies. Out: what each would have told, incident by incident, as text or JSON lines. The history is
//! read once; two runs go through it.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use triage_decide::policy::Policy;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::pipeline::Pipeline;
use triage_engine::settings::Settings;
use triage_model::region::Region;
use triage_notify::words::{span, trouble, utc};

use crate::replay::account::{Account, Bookkeeper, Story};
use crate::replay::life::Life;
use crate::replay::{Format, Happened, INTERRUPTED, Input, Replayed, json, run};

/// A policy, and what it is called.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub name: String,
    pub policy: Policy,
}

/// Runs a history under each candidate. Out: an account each.
pub fn accounts(
    config: &Settings,
    candidates: &[Candidate],
    input: &Input<'_>,
    errors: &mut impl Write,
) -> io::Result<(Vec<Account>, Replayed)> {
    let with = |candidate: &Candidate| Settings { policy: candidate.policy.clone(), ..config.clone() };
    let mut lives: Vec<Life> =
        candidates.iter().map(|candidate| Life::new(Pipeline::of_a_history(with(candidate)))).collect();
    let mut books: Vec<Bookkeeper> = candidates.iter().map(|_| Bookkeeper::default()).collect();
    let done = run(config, &mut lives, input, errors, &mut |happened| {
        match happened {
            Happened::Read(piece) => books.iter_mut().for_each(|books| books.read(piece)),
            Happened::Judged(number, judged) => books[number].judged(judged),
        }
        Ok(())
    })?;
    let accounts = books.into_iter().map(|books| books.close(done.files, done.out_of_order, done.interrupted));
    Ok((accounts.collect(), Replayed { skipped: done.skipped, interrupted: done.interrupted }))
}

/// Prints what the two candidates come to.
pub fn compare(
    config: &Settings,
    candidates: &[Candidate; 2],
    input: &Input<'_>,
    format: Format,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<Replayed> {
    let (accounts, replayed) = accounts(config, candidates, input, errors)?;
    let [first, second] = accounts.as_slice() else { return Ok(replayed) };
    let pairs = pairs(first, second);
    if replayed.interrupted && format != Format::Json {
        writeln!(out, "{INTERRUPTED}")?;
    }
    match format {
        Format::Json => print_json(candidates, [first, second], &pairs, out)?,
        Format::Text | Format::Notices | Format::Html => print_text(candidates, [first, second], &pairs, out)?,
    }
    Ok(replayed)
}

/// One trouble as each of the two saw it: at least one of them did.
type Pair<'a> = [Option<&'a Story>; 2];

/// Incidents of one region that overlap are one trouble.
fn pairs<'a>(first: &'a Account, second: &'a Account) -> Vec<Pair<'a>> {
    let mut unmatched: Vec<&Story> = second.incidents.iter().collect();
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for story in &first.incidents {
        let other = unmatched.iter().position(|other| overlap(story, other)).map(|found| unmatched.remove(found));
        pairs.push([Some(story), other]);
    }
    pairs.extend(unmatched.into_iter().map(|other| [None, Some(other)]));
    pairs.sort_by_key(|pair| pair.iter().flatten().map(|story| story.opened_at).min());
    pairs
}

pub fn overlap(one: &Story, other: &Story) -> bool {
    let ends = |story: &Story| story.over_at.unwrap_or(Timestamp::MAX);
    one.region == other.region && one.began() <= ends(other) && other.began() <= ends(one)
}

/// The numbers of an account that are laid side by side.
fn numbers(account: &Account) -> [(&'static str, usize); 5] {
    [
        ("pages", account.pages().count()),
        ("of them look false", account.false_looking_pages()),
        ("other incidents", account.warnings()),
        ("notices", account.notices()),
        ("advices", account.advices.len()),
    ]
}

fn print_text(
    candidates: &[Candidate; 2],
    accounts: [&Account; 2],
    pairs: &[Pair<'_>],
    out: &mut impl Write,
) -> io::Result<()> {
    let [a, b] = [&candidates[0].name, &candidates[1].name];
    let width = a.len().max(8);
    writeln!(out, "{:20} {a:>width$}  {b}", "")?;
    for ((what, first), (_, second)) in numbers(accounts[0]).into_iter().zip(numbers(accounts[1])) {
        writeln!(out, "{what:20} {first:>width$}  {second}")?;
    }
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
            "{}  {} in {} ({})",
            utc(story.opened_at),
            trouble(story.diagnosis),
            story.region,
            story.severity.as_str()
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
    callers: usize,
}

fn print_json(
    candidates: &[Candidate; 2],
    accounts: [&Account; 2],
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
                callers: story.callers,
            })
        });
        let Some(story) = pair.iter().flatten().next() else { continue };
        json::line(&Line::Incident { region: &story.region, opened: opened.collect() }, out)?;
    }
    for (candidate, account) in candidates.iter().zip(accounts) {
        let policy = Line::Policy {
            name: &candidate.name,
            pages: account.pages().count(),
            false_looking_pages: account.false_looking_pages(),
            incidents: account.incidents.len(),
            notices: account.notices(),
            advices: account.advices.len(),
            interrupted: account.interrupted,
        };
        json::line(&policy, out)?;
    }
    Ok(())
}
