//! The arguments of `oidc-triage replay` and `oidc-triage suggest`, and what they do.
//!
//! In: the arguments. Out: what was found on `out`, what could not be read on standard error, and on a terminal how far it
//! is. An error of ours is the user's to mend.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use triage_decide::policy::Policy;
use triage_engine::settings::Settings;
use triage_model::redact::{SHOWN_TEXT_MAX, one_line};

use crate::replay::compare::{Candidate, compare};
use crate::replay::suggest::suggest;
use crate::replay::{Format, Input, Replayed, replay};

const HELP: &str = "\
Of a folder, files named .json, .jsonl, .ndjson, .log, or one of these and .gz, and files named .gz alone are read, in
folders below it too. Events that are up to an hour out of order are put where they belong; what is later is judged as
late, and counted.

Examples:
  oidc-triage replay events/
  oidc-triage replay --format html AWSLogs/ > last-month.html
  oidc-triage replay --format json AWSLogs/ | grep '\"type\":\"notice\"'
  oidc-triage replay --compare today.toml stricter.toml AWSLogs/
  zcat *.json.gz | oidc-triage replay -

Exit status:
  0    all was read (whether or not there was an outage)
  1    something was skipped; standard error says what and why
  2    wrong usage, or a policy or environment that cannot be used
  130  interrupted (Ctrl-C): what was done so far is printed";

const SUGGEST_HELP: &str = "\
Examples:
  oidc-triage suggest AWSLogs/
  oidc-triage suggest AWSLogs/ | grep ' = ' > suggested.toml
  oidc-triage replay --compare /dev/null suggested.toml AWSLogs/

Exit status:
  0    all was read
  1    something was skipped; standard error says what and why
  2    wrong usage, or a policy or environment that cannot be used
  130  interrupted (Ctrl-C): what was done so far is printed";

#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    history: History,
    /// How to print what was found: a timeline for people, one JSON object a line, or one HTML page that needs nothing else.
    #[arg(long, value_enum, default_value_t = Form::Text, hide_possible_values = true, value_name = "text|json|html")]
    format: Form,
    /// Print each notice whole, as a mail would have it.
    #[arg(long, conflicts_with_all = ["compare", "format"])]
    notices: bool,
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
    history: History,
    /// How to print what was found: text for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Plain::Text, hide_possible_values = true, value_name = "text|json")]
    format: Plain,
    /// A policy in TOML to start from instead of the default one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct History {
    /// A file with one event, JSON lines, an array, a CloudTrail log file, or an export of CloudWatch Logs, each also as
    /// .gz; a folder of those; or - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Json,
    Html,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plain {
    Text,
    Json,
}

/// Does what `replay` was asked for, until `stop` is set.
pub fn run(arguments: Arguments, stop: &AtomicBool, out: &mut impl Write) -> Result<io::Result<Replayed>, String> {
    let Arguments { history, format, notices, policy, compare: policies } = arguments;
    let format = match (format, notices) {
        (Form::Json, _) => Format::Json,
        (Form::Html, _) => Format::Html,
        (Form::Text, true) => Format::Notices,
        (Form::Text, false) => Format::Text,
    };
    let (bar, mut errors) = console(format == Format::Json);
    let input = Input { paths: &history.paths, stop, progress: &|read, size| show(&bar, read, size) };
    let done = match policies.as_deref() {
        Some([_, _]) if format == Format::Html => {
            return Err("two policies side by side are text or JSON: leave out --format html".to_owned());
        }
        Some([a, b]) => {
            let candidates = [candidate(a)?, candidate(b)?];
            compare(&config(None)?, &candidates, &input, format, out, &mut errors)
        }
        Some(_) | None => replay(config(policy)?, &input, format, out, &mut errors),
    };
    bar.finish_and_clear();
    Ok(done)
}

/// Does what `suggest` was asked for, until `stop` is set.
pub fn run_suggest(
    arguments: SuggestArguments,
    stop: &AtomicBool,
    out: &mut impl Write,
) -> Result<io::Result<Replayed>, String> {
    let SuggestArguments { history, format, policy } = arguments;
    let format = match format {
        Plain::Json => Format::Json,
        Plain::Text => Format::Text,
    };
    let (bar, mut errors) = console(false);
    let input = Input { paths: &history.paths, stop, progress: &|read, size| show(&bar, read, size) };
    let done = suggest(&config(policy)?, &input, format, out, &mut errors);
    bar.finish_and_clear();
    Ok(done)
}

/// The environment's settings, with the policy of a file where one is given.
pub fn config(policy: Option<PathBuf>) -> Result<Settings, String> {
    let mut config = Settings::read(|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    if let Some(path) = policy {
        config.policy = candidate(&path)?.policy;
    }
    Ok(config)
}

fn candidate(path: &Path) -> Result<Candidate, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let policy = Policy::from_toml(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Candidate { name: one_line(&path.display().to_string(), SHOWN_TEXT_MAX), policy })
}

/// A bar on a terminal only, so that nothing of it gets into a pipe or a file; and standard error beside it.
fn console(prints_as_it_goes: bool) -> (ProgressBar, Errors) {
    // Beside lines that are printed as it goes, a bar would be in the way.
    let bar = if io::stderr().is_terminal() && !(prints_as_it_goes && io::stdout().is_terminal()) {
        let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    } else {
        ProgressBar::hidden()
    };
    (bar.clone(), Errors { bar })
}

/// Nothing of it is left when the report is printed.
fn show(bar: &ProgressBar, read: u64, size: u64) {
    bar.set_length(size);
    bar.set_position(read);
    if read >= size {
        bar.finish_and_clear();
    }
}

struct Errors {
    bar: ProgressBar,
}

impl Write for Errors {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| io::stderr().lock().write_all(text)).map(|()| text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
