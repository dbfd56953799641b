//! The arguments of `oidc-triage replay` and `oidc-triage suggest`, and what they do.
//!
//! In: the arguments. Out: what was found on `out`, what could not be read on standard error, and on a terminal how far it
//! is. An error of ours is the user's to fix.

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::policy::Policy;
use triage_engine::settings::{Settings, TRAIL_LOG_GROUPS_VARIABLE};
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::spelling::nearest_zone;

use crate::format::Format;
use crate::openable::{self, shown};
use crate::output::Output;
use crate::replay::clock_by::ClockBy;
use crate::replay::compare::compare;
use crate::replay::console::Console;
use crate::replay::files::{self, Unreadable};
use crate::replay::reviews::{Candidate, reviews};
use crate::replay::run::{End, History};
use crate::replay::suggest::suggest;
use crate::replay::window::Window;
use crate::replay::{html, json, markdown, text};
use crate::terminal::Colour;

const HELP: &str = "\
Of a folder and the folders below it, files named .json, .jsonl, .ndjson, .log or .csv are read, also with .gz behind it, \
and files named .gz alone. What AWS puts beside a trail's log files (digests, Config, GuardDuty, flow logs) is not \
opened, and files that hold none of our events are left out: one line on standard error sums up each. A file that \
you name is read in any case. Events that are up to an hour out of order are put where they belong; later ones are \
evaluated as late, and counted.

Examples:
  oidc-triage replay events/
  oidc-triage replay --since 30d --format html -o last-month.html AWSLogs/
  oidc-triage replay --since 2026-11-20 --until 2026-11-21 --region eu-central-1 AWSLogs/
  oidc-triage replay --since 2026-11-20 --until 2026-11-20 --format md -o post-mortem.md AWSLogs/
  oidc-triage replay --format json AWSLogs/ | grep '\"type\":\"incident\"'
  oidc-triage replay --compare today.toml stricter.toml AWSLogs/
  oidc-triage replay --since 7d s3://amzn-s3-demo-bucket/AWSLogs/
  zcat *.json.gz | oidc-triage replay -

Exit status:
  0    all was read, whether or not there was an outage
  1    something was skipped; standard error says what and why
  2    wrong usage: also a path that does not exist or is no file, or a policy or environment that cannot be used
  130  interrupted (Ctrl-C): the result is of what was read up to there, and says so";

const SUGGEST_HELP: &str = "\
Examples:
  oidc-triage suggest AWSLogs/
  oidc-triage suggest --since 30d -o suggested.txt AWSLogs/
  oidc-triage suggest AWSLogs/ | grep ' = ' > suggested.toml
  oidc-triage replay --compare /dev/null suggested.toml AWSLogs/

Exit status:
  0    all was read
  1    something was skipped; standard error says what and why
  2    wrong usage: also a path that does not exist or is no file, or a policy or environment that cannot be used
  130  interrupted (Ctrl-C): the result is of what was read up to there";

#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    history: Paths,
    /// How to print the result: a timeline for people, one JSON object a line (docs/replay.schema.json), one HTML page that needs
    /// nothing else, or a post-mortem in Markdown.
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text, hide_possible_values = true, value_name = "text|json|html|md")]
    format: ReplayFormat,
    /// Print each notice whole, as a mail would have it.
    #[arg(long, conflicts_with_all = ["compare", "format"])]
    notices: bool,
    /// Evaluate each call when it was delivered instead of when it was made, as the function would have got it.
    ///
    /// So the timeline shows when people would really have been notified. The arrival is the `time` of an EventBridge envelope,
    /// or of the log event that a record or envelope came in (`ingestionTime`, else `timestamp`), or the time in front of an
    /// exported line; never before the call. Where none is known, as in a trail's log files, it is the call's own time. Start and
    /// end of an incident stay by the calls' own times.
    #[arg(long)]
    arrival: bool,
    /// A policy in TOML instead of the default one, such as `outage_callers = 5`.
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    policy: Option<PathBuf>,
    /// Two policies in TOML side by side on the same events; an empty file is the default one.
    #[arg(long, value_names = ["A", "B"], num_args = 2)]
    compare: Option<Vec<PathBuf>>,
}

#[derive(Debug, Args)]
#[command(after_long_help = SUGGEST_HELP)]
pub struct SuggestArguments {
    #[command(flatten)]
    history: Paths,
    /// How to print what was found: text for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Text, hide_possible_values = true, value_name = "text|json")]
    format: Format,
    /// A policy in TOML to start from instead of the default one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Paths {
    /// A file with one event, JSON lines, an array, a CloudTrail log file, or an export of CloudWatch Logs, each also as
    /// .gz; a folder of those; s3://BUCKET/PREFIX (a release's build only); or - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The log groups that are CloudTrail's, with commas between; * at the end of a name stands for anything.
    ///
    /// Their records are trusted as CloudTrail's, served calls too. Of any other log group only failures count. The default is the function's own: OIDC_TRIAGE_TRAIL_LOG_GROUPS, else aws-cloudtrail-logs*,CloudTrail/* and
    /// aws-controltower/CloudTrailLogs*. An export without the name of its log group is trusted.
    #[arg(long, value_name = "NAMES")]
    trail_log_groups: Option<String>,
    /// Only calls from then on: a date, a time, or how long ago (90m, 12h, 7d, 2w). What earlier calls would have taught the
    /// function is left out, too: start some days earlier for its own thresholds.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only calls before then. A date counts to its end.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only calls of that region; may be given several times.
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<String>,
    /// Show times in that IANA time zone beside UTC (Europe/Berlin): in text, md, and the notices of html. --since and
    /// --until are read in it. JSON stays in UTC.
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Write the result to a file instead of standard output. An existing file is replaced only once the result is
    /// written whole; after Ctrl-C it is that of what was read.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Arguments {
    /// Whether the result is text that people read, on standard output.
    pub const fn is_text(&self) -> bool {
        matches!(self.format, ReplayFormat::Text) && self.history.output.is_none()
    }
}

impl SuggestArguments {
    pub const fn is_text(&self) -> bool {
        matches!(self.format, Format::Text) && self.history.output.is_none()
    }
}

/// The forms of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReplayFormat {
    /// A timeline and totals.
    Text,
    /// The same, with each notice as a mail would have it: `--notices`.
    #[value(skip)]
    Notices,
    /// One JSON object a line, as it goes.
    Json,
    /// One page that needs nothing else.
    Html,
    /// A post-mortem in Markdown.
    Md,
}

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The user's to fix: an argument, a policy, the environment.
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// What all commands ask of a history, once it is found to be usable.
struct Asked {
    paths: Vec<PathBuf>,
    window: Window,
    zone: Option<TimeZone>,
    trail_log_groups: Option<String>,
    output: Option<Output>,
}

impl Paths {
    /// A path with a typo is no part of a history: nothing is said of the rest as if it were all.
    fn check(self, stop: &Arc<AtomicBool>) -> Result<Asked, Failed> {
        let wrong = files::refused(&self.paths, stop);
        let words = |Unreadable { name, reason }| format!("{name}: {reason}");
        if !wrong.is_empty() {
            return Err(Failed::Unusable(wrong.into_iter().map(words).collect::<Vec<_>>().join("; ")));
        }
        let zone = self.time_zone.as_deref().map(time_zone).transpose()?;
        let own = zone.clone().unwrap_or(TimeZone::UTC);
        let window = Window::of(self.since.as_deref(), self.until.as_deref(), self.regions, &own, Timestamp::now());
        let window = window.map_err(Failed::Unusable)?;
        let output = self.output.filter(|path| path.as_os_str() != "-");
        let output = output.map(|path| Output::create(&path, &self.paths)).transpose().map_err(Failed::Unusable)?;
        Ok(Asked { paths: self.paths, window, zone, trail_log_groups: self.trail_log_groups, output })
    }
}

fn time_zone(name: &str) -> Result<TimeZone, Failed> {
    TimeZone::get(name.trim()).map_err(|_| {
        let near = nearest_zone(name, jiff::tz::db().available().map(|known| known.to_string()));
        let meant = near.map_or_else(
            || "give an IANA name, such as Europe/Berlin or UTC".to_owned(),
            |known| format!("did you mean {known}?"),
        );
        Failed::Unusable(format!("--time-zone '{}' is no time zone: {meant}", one_line(name, SHOWN_NAME_MAX)))
    })
}

/// Has the result written to the file that was asked for, else to `out` as a terminal or a pipe wants it.
fn with_output<T>(
    output: Option<Output>,
    out: &mut impl Write,
    write: impl FnOnce(&mut dyn Write, Colour) -> Result<T, Failed>,
) -> Result<T, Failed> {
    match output {
        Some(mut output) => {
            let done = write(&mut output, Colour::NONE)?;
            output.finish()?;
            Ok(done)
        }
        None => write(out, Colour::of_output()),
    }
}

/// Does what `replay` was asked for, until `stop` is set.
pub fn run(arguments: Arguments, stop: &Arc<AtomicBool>, out: &mut impl Write) -> Result<End, Failed> {
    let Arguments { history, format, notices, arrival, policy, compare: policies } = arguments;
    let format = if notices { ReplayFormat::Notices } else { format };
    let by = if arrival { ClockBy::Arrival } else { ClockBy::Calls };
    let Asked { paths, window, zone, trail_log_groups, output } = history.check(stop)?;
    let as_it_goes = format == ReplayFormat::Json && output.is_none();
    let config = |policy| config_with(policy, trail_log_groups, zone);
    let mut console = Console::new(as_it_goes);
    let history = History { paths: &paths, by, window, shows_progress: console.shows_progress(), stop };
    match policies.as_deref() {
        Some([a, b]) => {
            let format = match format {
                ReplayFormat::Json => Format::Json,
                ReplayFormat::Text | ReplayFormat::Notices => Format::Text,
                ReplayFormat::Html | ReplayFormat::Md => {
                    let reason = "two policies side by side are text or JSON: leave out --format html and --format md";
                    return Err(Failed::Unusable(reason.to_owned()));
                }
            };
            let (candidates, settings) = ([candidate(a)?, candidate(b)?], config(None)?);
            with_output(output, out, |mut out, _| {
                Ok(compare(history, &settings, &candidates, format, &mut console, &mut out)?)
            })
        }
        Some(_) | None => {
            let settings = config(policy)?;
            with_output(output, out, |out, colour| Ok(replay(history, &settings, format, colour, &mut console, out)?))
        }
    }
}

/// Runs a history under the settings' policy, and prints what came of it.
fn replay(
    history: History<'_>,
    settings: &Settings,
    format: ReplayFormat,
    colour: Colour,
    console: &mut Console,
    out: &mut dyn Write,
) -> io::Result<End> {
    let policies = vec![settings.policy.clone()];
    if format == ReplayFormat::Json {
        let mut printer = json::Printer::new(out);
        let (reviews, end) = reviews(history, settings, policies, console, Some(&mut printer))?;
        reviews.first().map_or(Ok(()), |review| printer.close(review))?;
        return Ok(end);
    }
    let (reviews, end) = reviews(history, settings, policies, console, None)?;
    for review in &reviews {
        match format {
            ReplayFormat::Json => {}
            ReplayFormat::Text => text::print(review, false, colour, out)?,
            ReplayFormat::Notices => text::print(review, true, colour, out)?,
            ReplayFormat::Html => out.write_all(html::page(review).as_bytes())?,
            ReplayFormat::Md => markdown::print(review, &mut &mut *out)?,
        }
    }
    Ok(end)
}

/// Does what `suggest` was asked for, until `stop` is set.
pub fn run_suggest(arguments: SuggestArguments, stop: &Arc<AtomicBool>, out: &mut impl Write) -> Result<End, Failed> {
    let SuggestArguments { history, format, policy } = arguments;
    let Asked { paths, window, zone, trail_log_groups, output } = history.check(stop)?;
    let mut console = Console::new(false);
    let shows_progress = console.shows_progress();
    let history = History { paths: &paths, by: ClockBy::Calls, window, shows_progress, stop };
    let settings = config_with(policy, trail_log_groups, zone)?;
    with_output(output, out, |mut out, _| Ok(suggest(history, &settings, format, &mut console, &mut out)?))
}

/// The environment's settings, with the policy of a file where one is given.
pub fn config(policy: Option<PathBuf>) -> Result<Settings, Failed> {
    config_with(policy, None, None)
}

/// The same, with the log groups that were named as CloudTrail's, and the time zone.
fn config_with(
    policy: Option<PathBuf>,
    trail_log_groups: Option<String>,
    zone: Option<TimeZone>,
) -> Result<Settings, Failed> {
    let variable = |name: &str| match (name, &trail_log_groups) {
        (TRAIL_LOG_GROUPS_VARIABLE, Some(names)) => Some(names.clone()),
        _ => std::env::var(name).ok(),
    };
    let mut settings = Settings::read(variable).map_err(|error| Failed::Unusable(error.to_string()))?;
    settings.time_zone = zone;
    if let Some(path) = policy {
        settings.policy = candidate(&path)?.policy;
    }
    Ok(settings)
}

/// A policy has some dozens of numbers.
const POLICY_MAX: u64 = 1024 * 1024;

fn candidate(path: &Path) -> Result<Candidate, Failed> {
    let unusable = |reason: String| Failed::Unusable(format!("{}: {reason}", shown(path)));
    let mut text = String::new();
    let mut file = openable::open(path).map_err(|error| unusable(error.to_string()))?.take(POLICY_MAX + 1);
    let length = file.read_to_string(&mut text).map_err(|error| unusable(error.to_string()))?;
    if length as u64 > POLICY_MAX {
        return Err(unusable(format!("larger than {POLICY_MAX} bytes, which no policy is")));
    }
    let policy = Policy::from_toml(&text).map_err(|error| unusable(error.to_string()))?;
    Ok(Candidate { name: shown(path), policy })
}
