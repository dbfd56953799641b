//! Replay: a whole history through the same stages as the function, with the clock of the events and no network.
//!
//! In: paths ([`files`]), read and decoded by many threads ([`merge`], [`read`]), brought into the order of time ([`order`])
//! and lived through under one policy or several ([`life`]). Out: what would have been said and told ([`account`]), as text,
//! JSON lines or a page, and how much could not be read. Memory is bounded for any amount of input.

pub mod account;
pub mod command;
pub mod compare;
pub mod files;
pub mod html;
mod json;
mod life;
mod merge;
mod order;
mod read;
pub mod suggest;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;
use triage_decode::batch::Setting;
use triage_engine::pipeline::Pipeline;
use triage_engine::settings::Settings;
use triage_model::observation::Observation;
use triage_model::redact::one_line;

use account::{Account, Bookkeeper};
use files::Source;
use life::{Judged, Life};
use merge::{Merge, Next};
use order::Order;
use read::Piece;

/// How replay speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A timeline and totals.
    Text,
    /// The same, with each notice as a mail would have it.
    Notices,
    /// One JSON object a line, as it goes.
    Json,
    /// One page that needs nothing else.
    Html,
}

/// What a text begins with that is not of the whole history.
const INTERRUPTED: &str = "Interrupted: all of this is of the history up to there.\n";

/// What replay needs beside the settings.
pub struct Input<'a> {
    pub paths: &'a [PathBuf],
    /// Set when the user has had enough: what was done so far is told.
    pub stop: &'a AtomicBool,
    /// Told how many of how many bytes were read.
    pub progress: &'a dyn Fn(u64, u64),
}

/// What replay did, beyond what it printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Something could not be read and was skipped.
    pub skipped: bool,
    pub interrupted: bool,
}

/// Runs a history under the settings, and prints what came of it. What could not be read is named on `errors`.
pub fn replay(
    config: Settings,
    input: &Input<'_>,
    format: Format,
    out: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<Replayed> {
    let (account, replayed) = account_of(config, input, errors, &mut |at, judged| match format {
        Format::Json => json::judged(at, judged, out),
        Format::Text | Format::Notices | Format::Html => Ok(()),
    })?;
    match format {
        Format::Json => json::summary(&account, out)?,
        Format::Text => text::print(&account, false, out)?,
        Format::Notices => text::print(&account, true, out)?,
        Format::Html => out.write_all(html::page(&account).as_bytes())?,
    }
    Ok(replayed)
}

/// Runs a history under the settings. Out: what came of it; and, as it goes, of each second what was judged.
pub fn account_of(
    config: Settings,
    input: &Input<'_>,
    errors: &mut impl Write,
    judged: &mut impl FnMut(Timestamp, &Judged) -> io::Result<()>,
) -> io::Result<(Account, Replayed)> {
    let mut books = Bookkeeper::default();
    let mut lives = [Life::new(Pipeline::of_a_history(config.clone()))];
    let done = run(&config, &mut lives, input, errors, &mut |happened| match happened {
        Happened::Read(piece) => {
            books.read(piece);
            Ok(())
        }
        Happened::Judged(_, of_second) => {
            books.judged(of_second);
            judged(of_second.at, of_second)
        }
    })?;
    let account = books.close(done.files, done.out_of_order, done.interrupted);
    Ok((account, Replayed { skipped: done.skipped, interrupted: done.interrupted }))
}

/// What a run tells as it goes.
enum Happened<'a> {
    Read(&'a Piece),
    /// By which of the lives.
    Judged(usize, &'a Judged),
}

/// What is known when a run is over.
#[derive(Default)]
struct Done {
    files: u64,
    out_of_order: u64,
    skipped: bool,
    interrupted: bool,
}

impl Done {
    fn read(
        &mut self,
        piece: &Piece,
        errors: &mut impl Write,
        tell: &mut impl FnMut(Happened<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        for complaint in &piece.complaints {
            complain(errors, complaint);
        }
        self.skipped |= piece.skipped;
        tell(Happened::Read(piece))
    }
}

/// Reads all of the history once, and lets each of the lives go through it.
fn run(
    config: &Settings,
    lives: &mut [Life],
    input: &Input<'_>,
    errors: &mut impl Write,
    tell: &mut impl FnMut(Happened<'_>) -> io::Result<()>,
) -> io::Result<Done> {
    let mut done = Done::default();
    let (sources, unreadable) = files::find(input.paths);
    for files::Unreadable { name, reason } in unreadable {
        let mut piece = Piece::default();
        piece.skip(&name, &reason);
        done.read(&piece, errors, tell)?;
    }
    done.files = sources.len() as u64;
    let size = sources.iter().map(|source: &Source| source.size).sum();
    let bytes = Arc::new(AtomicU64::new(0));
    let mut merge = Merge::new(sources, setting(config), Arc::clone(&bytes), input.stop);
    let mut order = Order::default();
    while let Some(next) = merge.next() {
        match next {
            Next::Read(piece) => {
                (input.progress)(bytes.load(Ordering::Relaxed), size);
                done.read(&piece, errors, tell)?;
            }
            Next::Observed(observation) => {
                order.push(observation);
                while let Some(next) = order.pop_due() {
                    see(lives, next, tell)?;
                }
            }
        }
        if input.stop.load(Ordering::Relaxed) {
            break;
        }
    }
    done.interrupted = input.stop.load(Ordering::Relaxed);
    (input.progress)(size, size);
    if let Some(limit) = merge.limit() {
        complain(errors, limit);
    }
    // What was read is judged, also when the user has had enough: it is a moment's work.
    merge.rest().into_iter().for_each(|observation| order.push(observation));
    while let Some(next) = order.pop() {
        see(lives, next, tell)?;
    }
    done.out_of_order = order.out_of_order;
    for (number, life) in lives.iter_mut().enumerate() {
        let mut tell = |judged: &Judged| tell(Happened::Judged(number, judged));
        // Where the rest of the history is missing, nothing runs on: it would seem to have ended in silence.
        if done.interrupted { life.judge_gathered(&mut tell)? } else { life.end(&mut tell)? }
    }
    Ok(done)
}

fn see(
    lives: &mut [Life],
    observation: Observation,
    tell: &mut impl FnMut(Happened<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let Some((last, others)) = lives.split_last_mut() else { return Ok(()) };
    for (number, life) in others.iter_mut().enumerate() {
        life.see(observation.clone(), &mut |judged: &Judged| tell(Happened::Judged(number, judged)))?;
    }
    let number = others.len();
    last.see(observation, &mut |judged: &Judged| tell(Happened::Judged(number, judged)))
}

/// The longest complaint that is printed.
const COMPLAINT_MAX: usize = 2_000;

/// Names of files are of others, as what is in them is. Where nobody takes complaints, the rest goes on.
fn complain(errors: &mut impl Write, complaint: &str) {
    let _ = errors.write_all(format!("oidc-triage: {}\n", one_line(complaint, COMPLAINT_MAX)).as_bytes());
}

/// In replay the clock is the events': no record is too old, and the real time stands in for none.
fn setting(config: &Settings) -> Setting {
    Setting {
        now: Timestamp::now(),
        horizon: Timestamp::MIN,
        regions: config.known_regions.clone(),
        default_region: config.region.clone(),
        own_log_groups: config.own_log_groups.clone(),
        own_client_ids: Vec::new(),
    }
}
