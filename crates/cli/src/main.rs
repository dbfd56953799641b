//! The command line.

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{CommandFactory as _, Parser, Subcommand};
use oidc_triage::explain::command::{self as explain, Ending};
use oidc_triage::refused;
use oidc_triage::replay::command::{self as replay, Failed};
use oidc_triage::replay::run::End;
use oidc_triage::terminal::{self, Wrapped};
use oidc_triage::version::version;
use signal_hook::consts::SIGINT;
use signal_hook::flag;
use triage_model::redact::one_line;

/// Says what failed AWS SSO OIDC calls mean: worth a retry, throttled, a caller's mistake, or an outage.
#[derive(Parser)]
#[command(name = "oidc-triage", version = version(), arg_required_else_help = true, after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run recorded events through the stages of the Lambda function: no AWS, no network.
    ///
    /// The events are put in order of time, and their own times are the clock, or with --arrival the times at which they
    /// were delivered. The result is what the function would have decided and sent then, without its probe of the service.
    Replay(replay::Arguments),
    /// Propose thresholds from recorded events, with the pages and misses of each.
    ///
    /// A small grid of policies runs through the history at once. An outage is what at least one of them pages for and what
    /// does not look false: short, of few callers, not confirmed by AWS Health.
    Suggest(replay::SuggestArguments),
    /// Explain one error code, or walk one event through every stage.
    ///
    /// A code gets its cause, whether a retry can help, the advice and its source, and what else would decide. An event
    /// (--event) is decoded, evaluated and evaluated as if it were all that is known.
    #[command(arg_required_else_help = true)]
    Explain(explain::Arguments),
    /// Print a completion script for your shell.
    ///
    /// For bash: oidc-triage completions bash > ~/.local/share/bash-completion/completions/oidc-triage
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page: oidc-triage man | man -l -
    Man,
}

const AFTER: &str = "\
Examples:
  oidc-triage replay --since 30d AWSLogs/
  oidc-triage explain InternalServerException --operation CreateToken
  oidc-triage COMMAND --help";

/// Exit status for wrong usage, a policy or an environment that cannot be used (as clap's own).
const USAGE: u8 = 2;

/// Exit status after Ctrl-C, as shells have it: 128 and the signal.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let Arguments { command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_taken(error),
    };
    let width = if command.is_for_people() { terminal::width() } else { None };
    let mut out = Wrapped::new(BufWriter::new(io::stdout().lock()), width);
    let status = match command {
        Command::Replay(asked) => of_replay(replay::run(asked, &set_by_interrupt(), &mut out)),
        Command::Suggest(asked) => of_replay(replay::run_suggest(asked, &set_by_interrupt(), &mut out)),
        Command::Explain(asked) => {
            let now = jiff::Timestamp::now();
            explain::run(asked, || replay::config(None), now, &mut out).map(of_explain)
        }
        Command::Completions { shell } => completions(shell, &mut out).map(|()| ExitCode::SUCCESS),
        Command::Man => manual(&mut out).map(|()| ExitCode::SUCCESS),
    };
    match status.and_then(|status| out.flush().map(|()| status)) {
        Ok(status) => status,
        // The reader of a pipe had enough: nothing went wrong here.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&format!("cannot write: {error}"), ExitCode::FAILURE),
    }
}

impl Command {
    /// Whether its result is text that people read, and not a program's.
    const fn is_for_people(&self) -> bool {
        match self {
            Self::Replay(asked) => asked.is_text(),
            Self::Suggest(asked) => asked.is_text(),
            Self::Explain(asked) => asked.is_text(),
            Self::Completions { .. } | Self::Man => false,
        }
    }
}

/// Made whole first: the generator does not bear a reader that has had enough.
fn completions(shell: clap_complete::Shell, out: &mut impl io::Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "oidc-triage", &mut script);
    out.write_all(&script)
}

/// One page for the program and all of its commands.
fn manual(out: &mut impl io::Write) -> io::Result<()> {
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(out)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let man = clap_mangen::Man::new(sub.clone());
        out.write_all(format!(".SH \"COMMAND {}\"\n", sub.get_name().to_uppercase()).as_bytes())?;
        man.render_description_section(out)?;
        man.render_options_section(out)?;
        man.render_extra_section(out)?;
    }
    Ok(())
}

/// What the first Ctrl-C sets, so that the result of what was read so far is printed. The second ends the process. Where there can be no handler, the first does.
fn set_by_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    // In this order: the first one finds it not set yet.
    let _ = flag::register_conditional_shutdown(SIGINT, i32::from(INTERRUPTED), Arc::clone(&stop))
        .and_then(|_| flag::register(SIGINT, Arc::clone(&stop)));
    stop
}

fn of_replay(done: Result<End, Failed>) -> io::Result<ExitCode> {
    Ok(match done {
        Ok(End { interrupted: true, .. }) => {
            fail("interrupted: the result is of what was read up to there", ExitCode::from(INTERRUPTED))
        }
        Ok(End { skipped: true, .. }) => ExitCode::FAILURE,
        Ok(End { skipped: false, .. }) => ExitCode::SUCCESS,
        Err(Failed::Unusable(reason)) => fail(&reason, ExitCode::from(USAGE)),
        Err(Failed::Output(error)) => return Err(error),
    })
}

fn of_explain(ending: Ending) -> ExitCode {
    match ending {
        Ending::Explained => ExitCode::SUCCESS,
        Ending::NotExplained(reason) => fail(&reason, ExitCode::FAILURE),
        Ending::Unusable(reason) => fail(&reason, ExitCode::from(USAGE)),
    }
}

/// Help that was asked for, or what is wrong with the arguments.
fn not_taken(error: clap::Error) -> ExitCode {
    let (is_wrong, status) = (error.use_stderr(), error.exit_code());
    let text = refused::in_words(error);
    // Who does not read it has had enough.
    let _ = match is_wrong {
        true => io::stderr().write_all(text.as_bytes()),
        false => io::stdout().write_all(text.as_bytes()),
    };
    ExitCode::from(u8::try_from(status).unwrap_or(USAGE))
}

/// The longest reason that is printed: all that is wrong with a policy is told together.
const REASON_MAX: usize = 4_000;

fn fail(reason: &str, status: ExitCode) -> ExitCode {
    // Where standard error is closed, the status says it.
    let _ = writeln!(io::stderr(), "oidc-triage: {}", one_line(reason, REASON_MAX));
    status
}
