//! The decision on simulated histories, compared with its goals and with simple alternatives.
//!
//! `make scenarios` prints the page `docs/scenarios.md`, and writes a history of each family to the folder
//! `OIDC_TRIAGE_HISTORIES`, for `oidc-triage replay`. For work on the decision:
//!
//! | variable | meaning |
//! |---|---|
//! | `OIDC_TRIAGE_FAMILY` | only families with this text in their name |
//! | `OIDC_TRIAGE_SEEDS`, `OIDC_TRIAGE_SEED` | this many seeds of each; only that one |
//! | `OIDC_TRIAGE_VERBOSE` | with each miss, all notices of that seed |
//! | `OIDC_TRIAGE_QUIET_YEARS` | simulate this many quiet years instead, and count the pages |

mod alarm;
mod call;
mod envelope;
mod families;
mod goals;
mod history;
mod ideal;
mod needed;
mod page;
mod quiet_years;
mod rivals;
mod score;
mod simulation;
mod true_incident;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use families::{FAMILIES, Family};
use rivals::Setting;
use score::{SEEDS, Score, Scores};

/// A variable's number.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

fn is_verbose() -> bool {
    std::env::var_os("OIDC_TRIAGE_VERBOSE").is_some()
}

/// The seeds of this run: fewer if the variable says so, and then the page is not compared.
fn seeds() -> Vec<u64> {
    match asked("OIDC_TRIAGE_SEED") {
        Some(seed) => vec![seed],
        None => (0..asked("OIDC_TRIAGE_SEEDS").unwrap_or(SEEDS).clamp(1, SEEDS)).collect(),
    }
}

fn main() {
    if let Some(years) = asked("OIDC_TRIAGE_QUIET_YEARS") {
        return quiet_years::simulate(years.max(1));
    }
    let (chosen, seeds) = (families::chosen(), seeds());
    let scores = all_scores(&chosen, &seeds);
    let page = page::page(&chosen, &scores);
    let whole = seeds.len() as u64 == SEEDS;
    if whole {
        println!("{page}");
    }
    if let Some(folder) = std::env::var_os("OIDC_TRIAGE_HISTORIES") {
        write_histories(&chosen, Path::new(&folder));
    }
    let verbose = is_verbose();
    let mut failed = 0;
    let mut report = |what: &[String], heard: &[String]| {
        failed += usize::from(!what.is_empty());
        what.iter().for_each(|what| eprintln!("{what}"));
        if verbose && !what.is_empty() {
            heard.iter().for_each(|heard| eprintln!("    {heard}"));
        }
    };
    for (family, scores) in chosen.iter().zip(&scores) {
        let mut short = Vec::new();
        for (seed, scores) in seeds.iter().zip(scores) {
            let mut wrong = goals::short_of(family.goal, &scores.ours);
            let unjust = goals::short_of(family.goal, &scores.ideal)
                .into_iter()
                .chain(goals::scopes_fall_short(goals::right_scopes(std::iter::once(&scores.ideal))));
            wrong.extend(unjust.map(|what| format!("the goal cannot be met: {what}")));
            // One in twenty may be wrong: it is only shown when debugging.
            let is_elsewhere = scores.ours.found.iter().any(|found| found.scope_is_right == Some(false));
            if verbose && is_elsewhere {
                eprintln!("{}, seed {seed}: a wrong scope", family.name);
                if wrong.is_empty() {
                    scores.heard.iter().for_each(|heard| eprintln!("    {heard}"));
                }
            }
            wrong.iter_mut().for_each(|what| *what = format!("{}, seed {seed}: {what}", family.name));
            if !wrong.is_empty() {
                short.push((wrong, &scores.heard));
            }
        }
        let scopes = goals::scopes_fall_short(goals::right_scopes(scores.iter().map(|scores| &scores.ours)));
        let scopes = scopes.map(|what| format!("{}: {what}", family.name));
        if short.len() <= family.tolerated && (scopes.is_none() || family.tolerated > 0) {
            short.iter().flat_map(|(wrong, _)| wrong).chain(&scopes).for_each(|what| eprintln!("tolerated: {what}"));
        } else {
            short.iter().for_each(|(wrong, heard)| report(wrong, heard));
            report(scopes.as_slice(), &[]);
        }
    }
    let is_all = whole && chosen.len() == FAMILIES.len();
    report(page::differs_from_the_docs(&page).filter(|_| is_all).as_slice(), &[]);
    println!(
        "test result: {} passed; {failed} failed",
        (chosen.len() * seeds.len() + chosen.len() + usize::from(is_all)) - failed
    );
    assert!(failed == 0, "the goals are not met");
}

/// By family, then seed; on all cores.
fn all_scores(families: &[&Family], seeds: &[u64]) -> Vec<Vec<Scores>> {
    let jobs: Vec<(usize, usize)> =
        (0..families.len()).flat_map(|family| (0..seeds.len()).map(move |seed| (family, seed))).collect();
    let scores = Mutex::new(vec![vec![Scores::default(); seeds.len()]; families.len()]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(&(family, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let of_it = scores_of(families[family], seeds[seed]);
                    scores.lock().unwrap_or_else(PoisonError::into_inner)[family][seed] = of_it;
                }
            });
        }
    });
    scores.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn scores_of(family: &Family, seed: u64) -> Scores {
    let history = (family.make)(seed);
    let started = Instant::now();
    let heard = simulation::simulate(&history);
    let rival = |(alarms, messages): (Vec<_>, usize)| score::score(&history, &alarms, messages);
    let alarm = |minutes, of| rival(rivals::metric_alarm(&history, Setting { minutes, of }));
    let ours = score::score(&history, &alarm::alarms(&heard), heard.len());
    if is_verbose() {
        let (calls, seconds) = (history.records.len(), started.elapsed().as_secs_f64());
        eprintln!("{}, seed {seed}: {calls} calls in {seconds:.1} s", family.name);
    }
    Scores {
        ours: Score { nagging: ours.nagging + score::nagging_advice(&heard), ..ours },
        per_event: rival(rivals::message_per_event(&history)),
        one_of_one: alarm(1, 1),
        three_of_five: alarm(3, 5),
        ideal: score::score(&history, &ideal::ideal(&history), 0),
        heard: needed::in_lines(&history).into_iter().chain(heard.iter().map(alarm::in_a_line)).collect(),
    }
}

fn write_histories(families: &[&Family], folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for family in families {
        let name: String = family.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = folder.join(format!("{name}.jsonl"));
        std::fs::write(&path, (family.make)(0).lines()).expect("the history can be written");
    }
}
