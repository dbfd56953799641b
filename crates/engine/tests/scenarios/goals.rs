//! Compares scores with goals.
//!
//! In: a family's goal and the score of one seed, or of all. Out: the misses, in words.

use super::families::{Goal, RESOLVED_AFTER};
use super::history::MINUTE;
use super::score::{Found, Score};

/// A decision is made at the latest by the next tick.
const TICK: f64 = MINUTE;

/// A lasting failure is a page: a minute after the first failure, at the latest with the next tick.
pub const PAGED_AFTER: f64 = 2.0 * MINUTE;

pub fn short_of(goal: Goal, score: &Score) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    must(score.missed == 0, format!("{} missed", score.missed));
    must(score.false_alarms == 0, format!("{} false alarms", score.false_alarms));
    must(score.false_pages == 0, format!("{} false pages", score.false_pages));
    must(score.too_early == 0, format!("{} times resolved too early", score.too_early));
    must(score.nagging == 0, format!("{} times repeated within the day", score.nagging));
    match goal {
        Goal::Nothing => must(score.found.is_empty(), format!("{} found", score.found.len())),
        Goal::Within { .. } | Goal::ByCalls { .. } | Goal::ByCallers { .. } | Goal::Silence { .. } => {
            must(!score.found.is_empty() || score.missed + score.unknowable > 0, format!("{} found", score.found.len()))
        }
        Goal::Blip => {}
    }
    for found in &score.found {
        if let Err(what) = is_noticed(goal, found) {
            must(false, what);
        }
        let paged = found.paged.is_some_and(|at| at - found.noticed <= PAGED_AFTER);
        must(
            paged || !found.page_is_due,
            format!("paged after {:?} s, noticed after {} s", found.paged, found.noticed),
        );
        must(!found.ends || is_resolved(goal, found), format!("resolved {:?} s after the end", found.resolved));
    }
    let noticed = score.found.iter().filter(|found| found.is_last).count();
    let alike = score.incidents - score.false_alarms.min(score.incidents);
    must(alike <= noticed, format!("{} reported for {noticed} true incidents", score.incidents));
    wrong
}

fn is_noticed(goal: Goal, found: &Found) -> Result<(), String> {
    let Found { noticed, calls, callers, .. } = found;
    let fails = |what: String| Err(format!("noticed after {what}"));
    match goal {
        Goal::Within { noticed: limit, .. } | Goal::Silence { noticed: limit } if *noticed > limit => {
            fails(format!("{noticed} s"))
        }
        Goal::ByCalls { noticed: limit } if *calls > limit => fails(format!("{calls} calls")),
        Goal::ByCallers { noticed: limit } if *callers > limit && *noticed > TICK => {
            fails(format!("{callers} further callers, {noticed} s"))
        }
        Goal::Within { .. }
        | Goal::Silence { .. }
        | Goal::ByCalls { .. }
        | Goal::ByCallers { .. }
        | Goal::Blip
        | Goal::Nothing => Ok(()),
    }
}

fn is_resolved(goal: Goal, found: &Found) -> bool {
    let by_the_fifth = found.after_the_fifth.is_some_and(|at| at <= TICK);
    match goal {
        Goal::Within { resolved: limit, .. } => by_the_fifth || found.resolved.is_some_and(|at| at <= limit),
        Goal::ByCallers { .. } => by_the_fifth || found.resolved.is_some_and(|at| at <= RESOLVED_AFTER),
        Goal::ByCalls { .. } => by_the_fifth,
        Goal::Silence { .. } | Goal::Blip | Goal::Nothing => found.resolved.is_some(),
    }
}

/// The number of right scopes, and of all scored ones.
pub fn right_scopes<'a>(scores: impl Iterator<Item = &'a Score>) -> (usize, usize) {
    let scored: Vec<bool> = scores.flat_map(|score| &score.found).filter_map(|found| found.scope_is_right).collect();
    (scored.iter().filter(|right| **right).count(), scored.len())
}

/// One in twenty may be wrong.
pub fn scopes_fall_short((right, scored): (usize, usize)) -> Option<String> {
    (20 * right < 19 * scored).then(|| format!("the scope is right in {right} of {scored}"))
}
