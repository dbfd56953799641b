//! The number of false pages: years without incidents.
//!
//! In: a number of years, each of its own company. Out: on standard output the pages and warnings, and an upper limit
//! for false pages a year with 95 % confidence.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::alarm::{Alarm, alarms, in_a_line};
use super::families::quiet_year::QuietYear;
use super::history::DAY;
use super::simulation::Simulation;

const WEEKS: u32 = 52;

pub fn simulate(years: u64) {
    let started = Instant::now();
    let (next, all) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let year = next.fetch_add(1, Ordering::Relaxed);
                    if year >= years {
                        return;
                    }
                    let alarms = one_year(year);
                    all.lock().unwrap_or_else(PoisonError::into_inner).extend(alarms);
                }
            });
        }
    });
    let alarms = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let pages = alarms.iter().filter(|alarm| alarm.paged.is_some()).count();
    let at_most = most_expected(pages) / years as f64;
    println!(
        "{years} quiet years: {pages} pages, {} warnings; at most {at_most:.2} false pages a year (95 %); {:.0} s",
        alarms.len() - pages,
        started.elapsed().as_secs_f64()
    );
}

fn one_year(seed: u64) -> Vec<Alarm> {
    let started = Instant::now();
    let mut year = QuietYear::new(seed);
    let mut simulation = Simulation::new(None, true);
    let mut calls = 0;
    for _ in 0..WEEKS {
        let (records, end) = year.next_week();
        calls += records.len();
        simulation.through(&records);
        simulation.ticks_before(end);
    }
    let alarms = alarms(&simulation.heard);
    println!(
        "year {seed}: {} people, {calls} calls, {} incidents, {} notices, {:.0} s",
        year.people(),
        alarms.len(),
        simulation.heard.len(),
        started.elapsed().as_secs_f64()
    );
    if std::env::var_os("OIDC_TRIAGE_VERBOSE").is_some() {
        for heard in simulation.heard.iter().filter(|heard| heard.notice.incident.is_some()) {
            println!("    day {:.3}: {}", heard.at / DAY, in_a_line(heard));
        }
    }
    alarms
}

/// The greatest mean of a Poisson distribution that still yields this many or fewer once in twenty times.
fn most_expected(seen: usize) -> f64 {
    let chance = |mean: f64| {
        let mut term = (-mean).exp();
        let mut sum = term;
        for nth in 1..=seen {
            term *= mean / nth as f64;
            sum += term;
        }
        sum
    };
    let (mut low, mut high) = (0.0, 10.0 + 3.0 * seen as f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if chance(middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}
