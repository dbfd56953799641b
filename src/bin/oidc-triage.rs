//! The command line.

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use oidc_triage::config::Config;
use oidc_triage::explain::command::{self as explain, Ending};
use oidc_triage::pipeline::Pipeline;
use oidc_triage::policy::Policy;
use oidc_triage::replay::{self, Replayed, replay};
use oidc_triage::store::memory::MemoryStore;

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
    Replay {
        /// How to print what was found: text for people, or one JSON object a line.
        #[arg(long, value_enum, default_value_t = Format::Text, hide_possible_values = true, value_name = "text|json")]
        format: Format,
        /// A policy in TOML instead of the default one, such as `outage_callers = 5`.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// A file with one event, JSON lines, an array, or a CloudTrail log file, each also as .gz; a folder of those;
        /// or - for standard input.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Say what the classification table knows of one error code, or walk one event through every stage.
    ///
    /// A code gets its cause, whether a retry can help, the advice and its source, and what else would decide. An event
    /// (--event) is decoded, classified and judged as if it were all that is known.
    #[command(arg_required_else_help = true)]
    Explain(explain::Arguments),
}

const REPLAY_HELP: &str = "\
Of a folder, files named .json, .jsonl, .ndjson, .log, or one of these and .gz, are read, in folders below it too.

Examples:
  oidc-triage replay events/
  oidc-triage replay --format json AWSLogs/ | grep '\"type\":\"notice\"'
  zcat *.json.gz | oidc-triage replay -

Exit status:
  0  all was read (whether or not there was an outage)
  1  something was skipped; standard error says what and why
  2  wrong usage, or a policy or environment that cannot be used";

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Exit status for wrong usage, a policy or an environment that cannot be used (as clap's own).
const USAGE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let (format, policy, paths) = match Arguments::parse().command {
        Command::Replay { format, policy, paths } => (format, policy, paths),
        Command::Explain(asked) => return explain(asked).await,
    };
    let format = match format {
        Format::Text => replay::Format::Text,
        Format::Json => replay::Format::Json,
    };
    let config = match config(policy) {
        Ok(config) => config,
        Err(reason) => {
            eprintln!("oidc-triage: {reason}");
            return ExitCode::from(USAGE);
        }
    };
    let store = MemoryStore::new(config.policy.evidence, config.policy.gather);
    let mut pipeline = Pipeline::new(config, store, None, None);
    pipeline.acts_on_archives = true;
    let mut out = BufWriter::new(io::stdout().lock());
    let done = replay(&pipeline, &paths, format, &mut out, &mut io::stderr().lock()).await;
    match done.and_then(|done| out.flush().map(|()| done)) {
        Ok(Replayed { skipped: false }) => ExitCode::SUCCESS,
        Ok(Replayed { skipped: true }) => ExitCode::FAILURE,
        // The reader of a pipe had enough: nothing went wrong here.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oidc-triage: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn explain(asked: explain::Arguments) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let ending = explain::run(asked, || config(None), jiff::Timestamp::now(), &mut out).await;
    match ending.and_then(|ending| out.flush().map(|()| ending)) {
        Ok(Ending::Explained) => ExitCode::SUCCESS,
        Ok(Ending::NotExplained(reason)) => {
            eprintln!("oidc-triage: {reason}");
            ExitCode::FAILURE
        }
        Ok(Ending::Unusable(reason)) => {
            eprintln!("oidc-triage: {reason}");
            ExitCode::from(USAGE)
        }
        // The reader of a pipe had enough: nothing went wrong here.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oidc-triage: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The environment's settings, with the policy of a file where one is given.
fn config(policy: Option<PathBuf>) -> Result<Config, String> {
    let mut config = Config::read(|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    if let Some(path) = policy {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        config.policy = Policy::from_toml(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(config)
}
