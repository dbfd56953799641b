//! Whether each link from a failed call to a notice works: what the doctor answers.
//!
//! In: [`Facts`], as far as they could be found out. Out: a [`Report`] with one [`Check`] for each link. Pure: the shell asks
//! the neighbours. What could not be found out is `unknown`, and says why; it never hides another check.

pub mod check;
pub mod facts;

mod arrival;
mod channels;
mod logs;
mod organization;
mod ourselves;
mod rules;
mod silences;
mod status_page;

use jiff::Timestamp;

use self::check::{Check, Report};
use self::facts::Facts;

/// One check for each link, in the order in which an event goes through them.
pub fn report(facts: &Facts, now: Timestamp) -> Report {
    let checks: Vec<Check> = [
        arrival::checks(facts, now),
        rules::checks(facts, now),
        logs::checks(facts, now),
        organization::checks(facts, now),
        ourselves::table(facts).into_iter().collect(),
        vec![silences::check(facts)],
        channels::checks(facts),
        status_page::check(&facts.status_page, now).into_iter().collect(),
        ourselves::checks(facts, now),
    ]
    .into_iter()
    .flatten()
    .collect();
    Report::new(checks)
}

#[cfg(test)]
mod tests;
