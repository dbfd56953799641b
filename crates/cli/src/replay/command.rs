//! The arguments of `oidc-triage replay` and `oidc-triage suggest`, and what they do.
//!
//! In: the arguments. Out: what was found on `out`, what could not be read on standard error, and on a terminal how far it
//! is. An error of ours is the user's to mend.

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use triage_decide::policy::Policy;
use triage_engine::settings::{Settings, TRAIL_LOG_GROUPS_VARIABLE};

use crate::format::Format;
use crate::openable::{self, shown};
use crate::replay::compare::compare;
use crate::replay::console::Console;
use crate::replay::files::{self, Unreadable};
use crate::replay::judged_by::JudgedBy;
use crate::replay::reviews::{Candidate, reviews};
use crate::replay::run::{End, History};
use crate::replay::suggest::suggest;
use crate::replay::{html, json, markdown, text};

const HELP: &str = "\
Of a folder, files named .json, .jsonl, .ndjson, .log, or one of these and .gz, and files named .gz alone are read, in
folders below it too. What AWS puts beside a trail's log files (digests, Config, GuardDuty, flow logs and the like) is
told by its path: it is not opened, and one line on standard error says what was left alone. A file that is named is read
in any case. Events that are up to an hour out of order are put where they belong; what is later is judged as late, and
counted.

Examples:
  oidc-triage replay events/
  oidc-triage replay --format html AWSLogs/ > last-month.html
  oidc-triage replay --format md outage.json > post-mortem.md
  oidc-triage replay --format json AWSLogs/ | grep '\"type\":\"notice\"'
  oidc-triage replay --compare today.toml stricter.toml AWSLogs/
  oidc-triage replay --arrival exported/
  zcat *.json.gz | oidc-triage replay -

Exit status:
  0    all was read (whether or not there was an outage), but for what lies beside a trail's log files
  1    something was skipped; standard error says what and why
  2    wrong usage: also a path that is not there or is no file (a device, a named pipe, a terminal), a policy or an
       environment that cannot be used; nothing is printed but that
  130  interrupted (Ctrl-C): what was done so far is printed";

const SUGGEST_HELP: &str = "\
Examples:
  oidc-triage suggest AWSLogs/
  oidc-triage suggest AWSLogs/ | grep ' = ' > suggested.toml
  oidc-triage replay --compare /dev/null suggested.toml AWSLogs/

Exit status:
  0    all was read, but for what lies beside a trail's log files
  1    something was skipped; standard error says what and why
  2    wrong usage: also a path that is not there or is no file (a device, a named pipe, a terminal), a policy or an
       environment that cannot be used; nothing is printed but that
  130  interrupted (Ctrl-C): what was done so far is printed";

#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    history: Paths,
    /// How to print what was found: a timeline for people, one JSON object a line, one HTML page that needs nothing else, or a
    /// post-mortem in Markdown.
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text, hide_possible_values = true, value_name = "text|json|html|md")]
    format: ReplayFormat,
    /// Print each notice whole, as a mail would have it.
    #[arg(long, conflicts_with_all = ["compare", "format"])]
    notices: bool,
    /// Judge each call when it was delivered instead of when it was made, as the function would have got it.
    ///
    /// So the timeline shows when people would really have been told. The arrival is the `time` of an EventBridge envelope,
    /// or of the log event that a record or envelope came in (`ingestionTime`, else `timestamp`), or the time in front of an
    /// exported line; never before the call. Where none is told, as in a trail's log files, it is the call's own time. Since
    /// when calls fail, and when they are served again, stays by their own times.
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
    /// .gz; a folder of those; or - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The log groups that are CloudTrail's, with commas between; * at the end of a name stands for anything.
    ///
    /// Their records are believed as CloudTrail's, served calls too. Of any other log group failures alone are taken. The
    /// default is the function's own: OIDC_TRIAGE_TRAIL_LOG_GROUPS, else aws-cloudtrail-logs*,CloudTrail/* and
    /// aws-controltower/CloudTrailLogs*. An export without the name of its log group is believed.
    #[arg(long, value_name = "NAMES")]
    trail_log_groups: Option<String>,
}

/// How replay speaks.
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
    /// The user's to mend: an argument, a policy, the environment.
    #[error("{0}")]
    Unusable(String),
    #[error(transparent)]
    Output(#[from] io::Error),
}

impl Paths {
    /// A path that is misspelt is no part of a history: nothing is told of the rest as if it were all.
    fn check(&self) -> Result<(), Failed> {
        let wrong = files::refused(&self.paths);
        let words = |Unreadable { name, reason }| format!("{name}: {reason}");
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Failed::Unusable(wrong.into_iter().map(words).collect::<Vec<_>>().join("; "))),
        }
    }
}

/// Does what `replay` was asked for, until `stop` is set.
pub fn run(arguments: Arguments, stop: &AtomicBool, out: &mut impl Write) -> Result<End, Failed> {
    let Arguments { history, format, notices, arrival, policy, compare: policies } = arguments;
    let format = if notices { ReplayFormat::Notices } else { format };
    let by = if arrival { JudgedBy::Arrival } else { JudgedBy::Calls };
    history.check()?;
    let mut console = Console::new(format == ReplayFormat::Json);
    let Paths { paths, trail_log_groups } = history;
    let history = History { paths: &paths, by, shows_progress: console.shows_progress(), stop };
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
            let candidates = [candidate(a)?, candidate(b)?];
            Ok(compare(history, &config_with(None, trail_log_groups)?, &candidates, format, &mut console, out)?)
        }
        Some(_) | None => Ok(replay(history, &config_with(policy, trail_log_groups)?, format, &mut console, out)?),
    }
}

/// Runs a history under the settings' policy, and prints what came of it.
fn replay(
    history: History<'_>,
    settings: &Settings,
    format: ReplayFormat,
    console: &mut Console,
    out: &mut impl Write,
) -> io::Result<End> {
    let as_it_goes: Option<&mut dyn Write> = if format == ReplayFormat::Json { Some(out) } else { None };
    let (reviews, end) = reviews(history, settings, vec![settings.policy.clone()], console, as_it_goes)?;
    for review in &reviews {
        match format {
            ReplayFormat::Json => json::summary(review, out)?,
            ReplayFormat::Text => text::print(review, false, out)?,
            ReplayFormat::Notices => text::print(review, true, out)?,
            ReplayFormat::Html => out.write_all(html::page(review).as_bytes())?,
            ReplayFormat::Md => markdown::print(review, out)?,
        }
    }
    Ok(end)
}

/// Does what `suggest` was asked for, until `stop` is set.
pub fn run_suggest(arguments: SuggestArguments, stop: &AtomicBool, out: &mut impl Write) -> Result<End, Failed> {
    let SuggestArguments { history, format, policy } = arguments;
    history.check()?;
    let mut console = Console::new(false);
    let shows_progress = console.shows_progress();
    let Paths { paths, trail_log_groups } = history;
    let history = History { paths: &paths, by: JudgedBy::Calls, shows_progress, stop };
    Ok(suggest(history, &config_with(policy, trail_log_groups)?, format, &mut console, out)?)
}

/// The environment's settings, with the policy of a file where one is given.
pub fn config(policy: Option<PathBuf>) -> Result<Settings, Failed> {
    config_with(policy, None)
}

/// The same, with the log groups that were named as CloudTrail's.
fn config_with(policy: Option<PathBuf>, trail_log_groups: Option<String>) -> Result<Settings, Failed> {
    let variable = |name: &str| match (name, &trail_log_groups) {
        (TRAIL_LOG_GROUPS_VARIABLE, Some(names)) => Some(names.clone()),
        _ => std::env::var(name).ok(),
    };
    let mut settings = Settings::read(variable).map_err(|error| Failed::Unusable(error.to_string()))?;
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
