//! The arguments of `oidc-triage explain`, and what it ends in.
//!
//! In: the arguments, and the clock for an event without a time. Out: the text or the JSON object on `out`, and an
//! [`Ending`]. What is said is made in [`super::code`] and [`super::event`].

use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser as _};
use jiff::Timestamp;
use serde::Serialize;
use triage_decode::values;
use triage_engine::settings::Settings;
use triage_model::observation::Operation;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};

use crate::explain::code::{NotOurs, Question};
use crate::explain::input::InputError;
use crate::explain::look_alike::LookAlike;
use crate::explain::paste::{self, Asked};
use crate::explain::text::Sheet;
use crate::explain::{code, event, input};
use crate::format::{Format, json_line};
use crate::openable::called;

const USAGE: &str = "\
oidc-triage explain [OPTIONS] <CODE|TEXT|->
       oidc-triage explain [--format <text|json>] --event <FILE>";

const HELP: &str = "\
CODE is taken as logs, SDKs and browsers show it, in any letter case: InternalServerException, InternalServer, \
invalid_grant, Client.Throttling, com.amazonaws.sso.oidc#SlowDownException, ECONNREFUSED, or a bare HTTP status. In \
its place may stand whatever was printed: a sentence of an SDK in quotes, or - for a text of any length on standard \
input. Errors of other services that look alike (UnauthorizedException of the access portal) are named as such.

Messages and inputs of calls are looked at and never printed, because they may hold secrets.

Examples:
  oidc-triage explain InternalServerException --operation CreateToken
  oidc-triage explain AccessDeniedException --status 403
  oidc-triage explain 500 --message 'Rate exceeded'
  oidc-triage explain 'An error occurred (InvalidGrantException) when calling the CreateToken operation: '
  kubectl logs portal | tail -n 40 | oidc-triage explain -
  oidc-triage explain --event events/cloudtrail__slow_down_on_refresh.json
  head -n 1 events.jsonl | oidc-triage explain --format json --event -

Exit status:
  0  explained
  1  the table knows no such code (in an event: one of its codes), the text has no error in it, or the event \
cannot be read whole; standard error says what to do
  2  wrong usage: also a file that does not exist or cannot be opened, or a policy or environment that cannot be used";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP, override_usage = USAGE)]
pub struct Arguments {
    /// The error code, or the line that contains it; or - for standard input.
    #[arg(required_unless_present = "event", value_name = "CODE|TEXT|-", value_parser = NonEmptyStringValueParser::new())]
    code: Option<String>,
    /// A file with one event instead of a code, of any kind that the function takes, also as .gz; or - for standard
    /// input.
    ///
    /// It is evaluated as the function would do it, were it all that is known: with its own time as the clock, without
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

impl Arguments {
    /// Whether the result is text that people read.
    pub const fn is_text(&self) -> bool {
        matches!(self.format, Format::Text)
    }
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

/// Explains what the arguments ask for. `config` is read only where an event is evaluated.
pub fn run<E: ToString>(
    arguments: Arguments,
    config: impl FnOnce() -> Result<Settings, E>,
    now: Timestamp,
    out: &mut impl Write,
) -> io::Result<Ending> {
    let format = arguments.format;
    let Some(path) = &arguments.event else {
        let text = match arguments.code.as_deref() {
            Some("-") => match input::pasted() {
                Ok(text) => text,
                Err(error) => return Ok(unread("standard input", &error)),
            },
            given => given.unwrap_or_default().to_owned(),
        };
        return match code(&text) {
            Some(code) => explain_code(&arguments.question(code), format, out),
            None => explain_text(&text, &arguments, config, now, out),
        };
    };
    let path = path.clone();
    let config = match config() {
        Ok(config) => config,
        Err(reason) => return Ok(Ending::Unusable(reason.to_string())),
    };
    let name = called(&path);
    let text = match input::read(&path) {
        Ok(text) => text,
        Err(error) => return Ok(unread(&name, &error)),
    };
    let walk = event::walk(&text, config, now);
    print(&walk, || walk.text(), format, out)?;
    Ok(ending(&name, &walk))
}

/// Of what cannot be opened nothing was looked at: the path is wrong, as a wrong option would be.
fn unread(name: &str, error: &InputError) -> Ending {
    let reason = format!("{name} {error}");
    match error {
        InputError::Unreadable(_) | InputError::Refused(_) => Ending::Unusable(reason),
        InputError::TooLarge
        | InputError::GzipDamaged(_)
        | InputError::NotUtf8
        | InputError::Empty
        | InputError::Several => Ending::NotExplained(reason),
    }
}

/// What is not explained of an event, and what to do.
fn ending(name: &str, walk: &event::Walk) -> Ending {
    let wrong = match walk.unknown_code() {
        _ if !walk.is_understood() => {
            format!("{name} is no event that this program knows; docs/call-api.md lists what it accepts")
        }
        _ if walk.is_incomplete() => {
            format!("{name} cannot be read whole: part 2 of the explanation says what is wrong")
        }
        Some(code) => format!("the table knows no code {}; read the message in {name}", one_line(code, SHOWN_NAME_MAX)),
        None => return Ending::Explained,
    };
    Ending::NotExplained(wrong)
}

fn explain_code(question: &Question, format: Format, out: &mut impl Write) -> io::Result<Ending> {
    if let Some((code, status)) = question.two_statuses() {
        return Ok(Ending::Unusable(format!("{code} and --status {status} are two statuses: give one of them")));
    }
    if question.is_success() {
        return Ok(Ending::NotExplained(SUCCESS.to_owned()));
    }
    let answer = code::explain(question);
    let unknown = answer.unknown();
    // For a program an unknown code is an answer, too.
    if unknown.is_none() || format == Format::Json {
        print(&answer, || answer.text(), format, out)?;
    }
    Ok(unknown.map_or(Ending::Explained, Ending::NotExplained))
}

/// Explains what stands in a text, or the event that it is.
fn explain_text<E: ToString>(
    text: &str,
    arguments: &Arguments,
    config: impl FnOnce() -> Result<Settings, E>,
    now: Timestamp,
    out: &mut impl Write,
) -> io::Result<Ending> {
    let format = arguments.format;
    // An event may be pasted as well.
    if text.trim_start().starts_with(['{', '[']) {
        let config = match config() {
            Ok(config) => config,
            Err(reason) => return Ok(Ending::Unusable(reason.to_string())),
        };
        let walk = event::walk(text.trim(), config, now);
        if walk.is_understood() {
            print(&walk, || walk.text(), format, out)?;
            return Ok(Ending::Explained);
        }
    }
    let not_ours = |code: Option<&str>, found: LookAlike, out: &mut _| {
        let answer = NotOurs::new(code, found);
        print(&answer, || answer.text(), format, out)
    };
    match paste::read(text, now) {
        Asked::Codes(questions) => {
            let mut ending = Ending::Explained;
            for (number, question) in questions.into_iter().enumerate() {
                if number > 0 && format == Format::Text {
                    out.write_all(b"\n")?;
                }
                let explained = explain_code(&arguments.beside(question), format, out)?;
                ending = if explained == Ending::Explained { ending } else { explained };
            }
            Ok(ending)
        }
        Asked::NotOurs(code, found) => not_ours(code.as_deref(), *found, out).map(|()| Ending::Explained),
        Asked::Foreign { code, operation } => {
            let answer = foreign(code.as_deref(), &operation);
            if format == Format::Json {
                json_line(&serde_json::json!({"type": "not_ours", "code": code, "operation": operation}), out)?;
            } else {
                out.write_all(answer.as_bytes())?;
            }
            Ok(Ending::Explained)
        }
        Asked::Nothing => Ok(Ending::NotExplained(NO_ERROR.to_owned())),
    }
}

const SUCCESS: &str =
    "a status of 200 to 299 is a success: the service served the call, and there is no error to explain";

const NO_ERROR: &str = "no error of AWS was found in this text; give the error code, or the line in which it stands";

/// An operation of a service that nothing is known of here.
fn foreign(code: Option<&str>, operation: &str) -> String {
    let mut sheet = Sheet::default();
    sheet.heading(&format!("{} of {operation}", code.unwrap_or("An error")));
    sheet.fact("not ours", "no error of SSO OIDC, which has no such operation; the function leaves it alone");
    sheet.fact("advice", "Read its message, and look at that service and at the permissions of its caller.");
    sheet.into_text()
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
    fn question(&self, code: String) -> Question {
        self.beside(Question { code, ..Question::default() })
    }

    /// What was given beside a text is known better than what stands in it.
    fn beside(&self, question: Question) -> Question {
        Question {
            operation: self.operation.or(question.operation),
            status: self.status.or(question.status),
            grant_type: self.grant_type.clone().or(question.grant_type),
            message: self.message.clone().or(question.message),
            reason: self.reason.clone().or(question.reason),
            ..question
        }
    }
}

/// A code as the decoders of events take it. None for a sentence, of which they would take the first word.
fn code(text: &str) -> Option<String> {
    let text = text.trim();
    let is_alone = !text.contains(char::is_whitespace) && !text.starts_with(['{', '[']);
    values::code(text).filter(|_| is_alone).map(str::to_owned)
}

fn operation() -> impl clap::builder::TypedValueParser<Value = Operation> {
    PossibleValuesParser::new(Operation::ALL.map(Operation::as_str))
        .try_map(|name| Operation::from_name(&name).ok_or("none of the four operations"))
}
