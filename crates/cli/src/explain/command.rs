//! The arguments of `oidc-triage explain`, and what it ends in.
//!
//! In: the arguments, and the clock for an event without a time. Out: the text or the JSON object on `out`, and an
//! [`Ending`]. What is said is made in [`super::code`] and [`super::event`].

use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use jiff::Timestamp;
use serde::Serialize;
use triage_decode::values;
use triage_engine::settings::Settings;
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_TEXT_MAX, one_line};

use crate::explain::code::Question;
use crate::explain::{code, event, input};
use crate::format::{Format, json_line};

const USAGE: &str = "\
oidc-triage explain [OPTIONS] <CODE>
       oidc-triage explain [--format <text|json>] --event <FILE>";

const HELP: &str = "\
CODE is taken as logs, SDKs and browsers show it, in any letter case: InternalServerException, InternalServer,
invalid_grant, Client.Throttling, com.amazonaws.sso.oidc#SlowDownException, ECONNREFUSED, or a bare HTTP status.

Messages and inputs of calls are looked at and never printed, because they may hold secrets.

Examples:
  oidc-triage explain InternalServerException --operation CreateToken
  oidc-triage explain AccessDeniedException --status 403
  oidc-triage explain 500 --message 'Rate exceeded'
  oidc-triage explain --event events/cloudtrail__slow_down_on_refresh.json
  head -n 1 events.jsonl | oidc-triage explain --format json --event -

Exit status:
  0  explained
  1  the table knows no such code, or the event cannot be read; standard error says what to do
  2  wrong usage, or a policy or environment that cannot be used";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP, override_usage = USAGE)]
pub struct Arguments {
    /// The error code, as you have it in front of you.
    #[arg(required_unless_present = "event", value_name = "CODE", value_parser = code)]
    code: Option<String>,
    /// A file with one event instead of a code, of any kind that the function takes, also as .gz; or - for standard
    /// input.
    ///
    /// It is judged as the function would judge it, were it all that is known: with its own time as the clock, without
    /// AWS, without a network.
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    event: Option<PathBuf>,
    /// The operation that failed: RegisterClient, StartDeviceAuthorization, CreateToken or CreateTokenWithIAM.
    #[arg(long, value_name = "OP", value_parser = operation(), ignore_case = true, hide_possible_values = true)]
    #[arg(conflicts_with = "event")]
    operation: Option<Operation>,
    /// The HTTP status of the answer.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(100..600), conflicts_with = "event")]
    status: Option<u16>,
    /// The grant type of the call, such as refresh_token or device_code.
    #[arg(long, value_name = "TYPE", conflicts_with = "event")]
    grant_type: Option<String>,
    /// The error's message: what it names may decide.
    #[arg(long, value_name = "TEXT", conflicts_with = "event")]
    message: Option<String>,
    /// The error's field `reason`, such as KMS_DisabledException.
    #[arg(long, value_name = "TEXT", conflicts_with = "event")]
    reason: Option<String>,
    /// How to print it: text for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text, hide_possible_values = true, value_name = "text|json")]
    format: Format,
}

/// What it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Explained,
    /// Why not, and what to do.
    NotExplained(String),
    /// The environment cannot be used.
    Unusable(String),
}

/// Explains what the arguments ask for. `config` is read only where an event is judged.
pub fn run<E: ToString>(
    arguments: Arguments,
    config: impl FnOnce() -> Result<Settings, E>,
    now: Timestamp,
    out: &mut impl Write,
) -> io::Result<Ending> {
    let format = arguments.format;
    let Some(path) = arguments.event else {
        let answer = code::explain(&arguments.question());
        let unknown = answer.unknown();
        // For a program an unknown code is an answer, too.
        if unknown.is_none() || format == Format::Json {
            print(&answer, || answer.text(), format, out)?;
        }
        return Ok(unknown.map_or(Ending::Explained, Ending::NotExplained));
    };
    let config = match config() {
        Ok(config) => config,
        Err(reason) => return Ok(Ending::Unusable(reason.to_string())),
    };
    let name = if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    let name = one_line(&name, SHOWN_TEXT_MAX);
    let text = match input::read(&path) {
        Ok(text) => text,
        Err(error) => return Ok(Ending::NotExplained(format!("{name} {error}"))),
    };
    let walk = event::walk(&text, config, now);
    print(&walk, || walk.text(), format, out)?;
    Ok(if walk.is_understood() {
        Ending::Explained
    } else {
        Ending::NotExplained(format!("{name} is no event that this program knows; README.md lists what it takes"))
    })
}

fn print(
    value: &impl Serialize,
    text: impl FnOnce() -> String,
    format: Format,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        Format::Text => out.write_all(text().as_bytes()),
        Format::Json => json_line(value, out),
    }
}

impl Arguments {
    fn question(self) -> Question {
        let Self { code, operation, status, grant_type, message, reason, event: _, format: _ } = self;
        Question { code: code.unwrap_or_default(), operation, status, grant_type, message, reason }
    }
}

/// A code as the decoders of events take it. Of a sentence they would take the first word.
fn code(text: &str) -> Result<String, &'static str> {
    let name = values::code(text).filter(|_| !text.trim().contains(char::is_whitespace));
    name.map(str::to_owned).ok_or("give the error code alone, without the sentence around it")
}

fn operation() -> impl clap::builder::TypedValueParser<Value = Operation> {
    PossibleValuesParser::new(Operation::ALL.map(Operation::as_str))
        .try_map(|name| Operation::from_name(&name).ok_or("none of the four operations"))
}
