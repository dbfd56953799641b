//! The command line.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use oidc_triage::config::Config;
use oidc_triage::policy::Policy;
use oidc_triage::replay::compare::{Candidate, compare};
use oidc_triage::replay::suggest::suggest;
use oidc_triage::replay::{Format, Input, Replayed, replay};

/// Tells what failed AWS SSO OIDC calls mean: worth a retry, throttled, a caller's mistake, or an outage.
#[derive(Parser)]
#[command(name = "oidc-triage", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge recorded events with the same stages as the Lambda function: no AWS, no network.
    ///
    /// The events are put in order of time, and their own times are the clock: what is printed is what the function
    /// would have said and told then, had its probe of the service not answered.
    #[command(after_long_help = REPLAY_HELP)]
    Replay(ReplayArguments),
    /// Propose thresholds from recorded events, with what they would have paged for and missed.
    ///
    /// A small grid of policies goes through the history at once. An outage is what at least one of them pages for and
    /// what does not look false: short, of few callers, and confirmed by nobody.
    #[command(after_long_help = EXIT_STATUS)]
    Suggest {
        #[command(flatten)]
        history: History,
        /// How to print what was found: text for people, or one JSON object a line.
        #[arg(long, value_enum, default_value_t = Plain::Text, hide_possible_values = true, value_name = "text|json")]
        format: Plain,
        /// A policy in TOML to start from instead of the default one.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

#[derive(Args)]
struct ReplayArguments {
    #[command(flatten)]
    history: History,
    /// How to print what was found: a timeline for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Plain::Text, hide_possible_values = true, value_name = "text|json")]
    format: Plain,
    /// Print each notice whole, as a mail would have it.
    #[arg(long, conflicts_with = "compare")]
    notices: bool,
    /// A policy in TOML instead of the default one, such as `outage_callers = 5`.
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    policy: Option<PathBuf>,
    /// Two policies in TOML side by side on the same events; an empty file is the default one.
    #[arg(long, value_names = ["A", "B"], num_args = 2)]
    compare: Option<Vec<PathBuf>>,
}

#[derive(Args)]
struct History {
    /// A file with one event, JSON lines, an array, a CloudTrail log file, or an export of CloudWatch Logs, each also as
    /// .gz; a folder of those; or - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

const REPLAY_HELP: &str = "\
Of a folder, files named .json, .jsonl, .ndjson, .log, or one of these and .gz, and files named .gz alone are read, in
folders below it too. Events that are up to an hour out of order are put where they belong; what is later is judged as
late, and counted.

Examples:
  oidc-triage replay events/
  oidc-triage replay --format json AWSLogs/ | grep '\"type\":\"notice\"'
  oidc-triage replay --compare today.toml stricter.toml AWSLogs/
  zcat *.json.gz | oidc-triage replay -

Exit status:
  0    all was read (whether or not there was an outage)
  1    something was skipped; standard error says what and why
  2    wrong usage, or a policy or environment that cannot be used
  130  interrupted (Ctrl-C): what was done so far is printed";

const EXIT_STATUS: &str = "\
Example:
  oidc-triage suggest AWSLogs/ > policy.txt

Exit status:
  0    all was read
  1    something was skipped; standard error says what and why
  2    wrong usage, or a policy or environment that cannot be used
  130  interrupted (Ctrl-C): what was done so far is printed";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Plain {
    Text,
    Json,
}

/// Exit status for wrong usage, a policy or an environment that cannot be used (as clap's own).
const USAGE: u8 = 2;

/// Exit status after Ctrl-C, as shells have it: 128 and the signal.
const INTERRUPTED: u8 = 130;

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Where there can be no handler, Ctrl-C ends the process as ever.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            // Who asks twice does not want to wait.
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match run(arguments.command, &mut out).await {
        Ok(done) => done,
        Err(reason) => {
            eprintln!("oidc-triage: {reason}");
            return ExitCode::from(USAGE);
        }
    };
    match done.and_then(|done| out.flush().map(|()| done)) {
        Ok(Replayed { interrupted: true, .. }) => ExitCode::from(INTERRUPTED),
        Ok(Replayed { skipped: false, .. }) => ExitCode::SUCCESS,
        Ok(Replayed { skipped: true, .. }) => ExitCode::FAILURE,
        // The reader of a pipe had enough: nothing went wrong here.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oidc-triage: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does what was asked. An error of the outer kind is the user's to mend.
async fn run(command: Command, out: &mut impl Write) -> Result<io::Result<Replayed>, String> {
    let bar = progress_bar();
    let mut errors = Errors { bar: bar.clone() };
    let progress = |read, size| {
        bar.set_length(size);
        bar.set_position(read);
    };
    let input = |paths| Input { paths, stop: &STOP, progress: &progress };
    let done = match command {
        Command::Replay(ReplayArguments { history, format, notices, policy, compare: policies }) => {
            let format = match (format, notices) {
                (Plain::Json, _) => Format::Json,
                (Plain::Text, true) => Format::Notices,
                (Plain::Text, false) => Format::Text,
            };
            match policies.as_deref() {
                Some([a, b]) => {
                    let candidates = [candidate(a)?, candidate(b)?];
                    compare(&config(None)?, &candidates, &input(&history.paths), format, out, &mut errors).await
                }
                Some(_) | None => replay(config(policy)?, &input(&history.paths), format, out, &mut errors).await,
            }
        }
        Command::Suggest { history, format, policy } => {
            let format = if format == Plain::Json { Format::Json } else { Format::Text };
            suggest(&config(policy)?, &input(&history.paths), format, out, &mut errors).await
        }
    };
    bar.finish_and_clear();
    Ok(done)
}

/// The environment's settings, with the policy of a file where one is given.
fn config(policy: Option<PathBuf>) -> Result<Config, String> {
    let mut config = Config::read(|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    if let Some(path) = policy {
        config.policy = candidate(&path)?.policy;
    }
    Ok(config)
}

fn candidate(path: &Path) -> Result<Candidate, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let policy = Policy::from_toml(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Candidate { name: path.display().to_string(), policy })
}

/// Shown on a terminal only: nothing of it gets into a pipe or a file.
fn progress_bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Standard error, beside the bar.
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
