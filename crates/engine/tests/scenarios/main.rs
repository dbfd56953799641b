//! What the decision does on made-up histories, held to its goals, beside what one would build without it.
//!
//! `make scenarios` prints the page `docs/scenarios.md`, and writes a history of each family where
//! `OIDC_TRIAGE_HISTORIES` names a folder, for `oidc-triage replay`.

mod families;
mod history;
mod live;
mod page;
mod rivals;
mod score;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use families::{FAMILIES, Family, Goal};
use rivals::Setting;
use score::{Found, SEEDS, Score, Scores};

/// Of each family in this run: fewer where the variable says so, and then the page is not compared.
fn seeds() -> u64 {
    let asked = std::env::var("OIDC_TRIAGE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    asked.unwrap_or(SEEDS).clamp(1, SEEDS)
}

fn main() {
    let scores = all_scores();
    let page = page::page(&scores);
    if seeds() == SEEDS {
        println!("{page}");
    }
    if let Some(folder) = std::env::var_os("OIDC_TRIAGE_HISTORIES") {
        write_histories(Path::new(&folder));
    }
    let mut wrong = Vec::new();
    for (family, scores) in FAMILIES.iter().zip(&scores) {
        for (seed, scores) in scores.iter().enumerate() {
            let found = short_of(family.goal, &scores.ours);
            wrong.extend(found.into_iter().map(|what| format!("{}, seed {seed}: {what}", family.name)));
        }
    }
    let whole = seeds() == SEEDS;
    wrong.extend(page::differs_from_the_docs(&page).filter(|_| whole));
    for what in &wrong {
        eprintln!("{what}");
    }
    println!(
        "test result: {} passed; {} failed",
        FAMILIES.len() as u64 * seeds() + u64::from(whole) - wrong.len() as u64,
        wrong.len()
    );
    assert!(wrong.is_empty(), "the goals are not met");
}

/// By family, then seed; on all cores.
fn all_scores() -> Vec<Vec<Scores>> {
    let jobs: Vec<(usize, u64)> =
        (0..FAMILIES.len()).flat_map(|family| (0..seeds()).map(move |seed| (family, seed))).collect();
    let scores = Mutex::new(vec![vec![Scores::default(); seeds() as usize]; FAMILIES.len()]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(&(family, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let of_it = scores_of(&FAMILIES[family], seed);
                    scores.lock().unwrap_or_else(PoisonError::into_inner)[family][seed as usize] = of_it;
                }
            });
        }
    });
    scores.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn scores_of(family: &Family, seed: u64) -> Scores {
    let history = (family.make)(seed);
    let heard = live::live(&history);
    let rival = |(alarms, messages): (Vec<_>, usize)| score::score(&history, &alarms, messages);
    let alarm = |minutes, of| rival(rivals::metric_alarm(&history, Setting { minutes, of }));
    Scores {
        ours: score::score(&history, &score::alarms(&heard), heard.len()),
        per_event: rival(rivals::message_per_event(&history)),
        one_of_one: alarm(1, 1),
        three_of_five: alarm(3, 5),
    }
}

/// A decision is made at the latest by the next tick.
const TICK: f64 = 60.0;

/// Where a history is not told of as it should be.
fn short_of(goal: Goal, score: &Score) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    must(score.missed == 0, format!("{} missed", score.missed));
    must(score.false_alarms == 0, format!("{} false alarms", score.false_alarms));
    must(score.too_early == 0, format!("{} times resolved too early", score.too_early));
    let is_something = goal != Goal::Nothing;
    must(score.found.is_empty() != is_something, format!("{} found", score.found.len()));
    for Found { told, calls, resolved, after_the_fifth } in &score.found {
        match goal {
            Goal::Within { told: limit, resolved: until } => {
                must(*told <= limit, format!("told after {told} s"));
                must(resolved.is_none_or(|at| at <= until), format!("resolved {resolved:?} s after the end"));
            }
            Goal::ByCalls { told: limit } => {
                must(*calls <= limit, format!("told after {calls} calls"));
                must(
                    after_the_fifth.is_none_or(|at| at <= TICK),
                    format!("resolved {after_the_fifth:?} s after the fifth"),
                );
            }
            Goal::Silence { told: limit } => must(*told <= limit, format!("told after {told} s")),
            Goal::Nothing => {}
        }
    }
    if is_something {
        let ends = score.found.iter().filter(|found| found.resolved.is_some()).count();
        must(ends == score.incidents, format!("{} incidents, of which {ends} were resolved", score.incidents));
    }
    wrong
}

fn write_histories(folder: &Path) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for family in FAMILIES {
        let name: String = family.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = folder.join(format!("{name}.jsonl"));
        std::fs::write(&path, (family.make)(0).lines()).expect("the history can be written");
    }
}
