//! Numbers as sentences.
//!
//! In: counts, spans, a probe's answer. Out: parts of the reasons that people read. Foreign text is bounded and on one
//! line here, because a reason goes into a notice as it is.

use jiff::Timestamp;
use triage_model::classify::Cause;
use triage_model::observation::{Operation, Origin};
use triage_model::redact::{SHOWN_ARN_MAX, SHOWN_NAME_MAX, one_line};

use crate::cell::Dimension;
use crate::evidence::Evidence;
use crate::evidence::mark::{Mark, Names};
use crate::probe::{Control, ProbeAnswer, ProbeStep, StepState};
use crate::scope::{Shared, SharedKey};

/// Codes or issues named in one reason.
const LISTED_MAX: usize = 5;

/// The first few of what may be many: names are foreign text, and SNS refuses a long message.
pub fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let named = names.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

pub fn callers(count: usize) -> String {
    format!("{count} distinct {}", if count == 1 { "caller was" } else { "callers were" })
}

pub fn failures(count: usize) -> String {
    format!("{count} {}", if count == 1 { "failure" } else { "failures" })
}

pub fn calls_refused(count: usize) -> String {
    format!("{count} {} refused", if count == 1 { "call was" } else { "calls were" })
}

/// `40 s`, `12 minutes`.
pub fn span(from: Timestamp, until: Timestamp) -> String {
    match until.duration_since(from).as_secs().max(1) {
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} minutes", seconds / 60),
    }
}

/// `once in 300 years`: such a number is good for one digit only.
pub fn once_in(years: f64) -> String {
    if years >= 10_000.0 {
        return "less than once in 10000 years".to_owned();
    }
    if years < 1.5 {
        let times = (1.0 / years.max(0.001)).round().max(1.0);
        return if times == 1.0 { "once a year".to_owned() } else { format!("{times} times a year") };
    }
    let digit = 10_f64.powf(years.log10().floor());
    format!("once in {} years", (years / digit).round() * digit)
}

pub fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}

pub const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::CloudTrail => "CloudTrail's records",
        Origin::Logs => "application logs",
        Origin::Call => "calls that their callers sent",
    }
}

pub fn operation(operation: Option<Operation>) -> &'static str {
    operation.map_or("an unknown operation", Operation::as_str)
}

/// The name behind a mark's hash, where a slot kept it.
pub fn name<'a>(evidence: &'a Evidence, of: impl Fn(&'a Names) -> Option<&'a String>) -> Option<String> {
    let name = evidence.slots.values().rev().find_map(|slot| of(&slot.names))?;
    Some(one_line(name, SHOWN_NAME_MAX)).filter(|name| !name.is_empty())
}

/// `acme-login/3.0`, an address, an ARN; a hash where no slot kept the name.
pub fn shared_name(evidence: &Evidence, key: SharedKey) -> String {
    let hash = key.hash;
    let name = match key.dimension {
        // An ARN is longer than other names.
        Dimension::Application => evidence
            .slots
            .values()
            .rev()
            .find_map(|slot| slot.names.applications.get(&hash))
            .map(|name| one_line(name, SHOWN_ARN_MAX)),
        Dimension::Tool | Dimension::Product => name(evidence, |names| names.tools.get(&hash)),
        Dimension::Network => name(evidence, |names| names.networks.get(&hash)),
        Dimension::Account => name(evidence, |names| names.accounts.get(&hash)),
    };
    name.unwrap_or_else(|| format!("#{hash:04x}"))
}

/// The ARN of the KMS key that refused with a mark, where a refusal named it.
pub fn kms_key(evidence: &Evidence, mark: &Mark) -> Option<String> {
    if !mark.kms {
        return None;
    }
    let slots = evidence.slots.values().rev();
    slots.filter_map(|slot| slot.names.keys.get(&mark.label)).next().map(|key| one_line(key, SHOWN_ARN_MAX))
}

/// `use acme-login 3.0`.
pub fn shared_in_words(shared: &Shared) -> String {
    match shared.dimension {
        Dimension::Application => format!("sign in to {}", shared.name),
        Dimension::Tool | Dimension::Product => format!("use {}", shared.name.replacen('/', " ", 1)),
        Dimension::Network => format!("come from {}", shared.name),
        Dimension::Account => format!("are of account {}", shared.name),
    }
}

/// A mark's reason or code.
pub fn label(evidence: &Evidence, mark: &Mark) -> String {
    match mark.label {
        0 if mark.cause == Cause::Unreachable => "no answer".to_owned(),
        0 => "no code".to_owned(),
        label => label_of(evidence, label),
    }
}

pub fn label_of(evidence: &Evidence, label: u16) -> String {
    name(evidence, |names| names.labels.get(&label)).unwrap_or_else(|| format!("code #{label:04x}"))
}

/// `a probe at 09:00:12 UTC found CreateToken down (timed out), while us-east-1 answered`.
pub fn probe(probe: &ProbeAnswer) -> String {
    let steps: Vec<String> = probe.steps.iter().map(step).collect();
    let at = time(probe.at);
    let found = match steps.as_slice() {
        [] => format!("a probe at {at} could not ask the service"),
        steps => format!("a probe at {at} found {}", steps.join(", ")),
    };
    match &probe.control {
        None => found,
        Some(Control { region, works: true }) => format!("{found}, while {region} answered"),
        Some(Control { region, works: false }) => format!("{found}, and {region} did not answer either"),
    }
}

fn step(step: &ProbeStep) -> String {
    let answer = match step.answer {
        StepState::Healthy => "healthy",
        StepState::Unknown => "without a clear answer",
        StepState::Unexpected => "answering something unexpected",
        StepState::Down => "down",
    };
    let fault = step.fault.as_ref().filter(|_| step.answer != StepState::Healthy);
    let facts = fault.map(|fault| {
        let status = fault.status.map(|status| status.to_string());
        let message = fault.message.clone().filter(|_| fault.no_answer);
        let parts = [fault.code.clone(), status, message].into_iter().flatten();
        parts.map(|part| one_line(&part, SHOWN_NAME_MAX)).collect::<Vec<_>>().join(", ")
    });
    match facts.filter(|facts| !facts.is_empty()) {
        Some(facts) => format!("{} {answer} ({facts})", step.operation),
        None => format!("{} {answer}", step.operation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_given_by_one_digit() {
        let table = [
            (312.0, "once in 300 years"),
            (14.0, "once in 10 years"),
            (3.6, "once in 4 years"),
            (1.5, "once in 2 years"),
            (1.2, "once a year"),
            (0.1, "10 times a year"),
            (0.0, "1000 times a year"),
            (1e9, "less than once in 10000 years"),
            (f64::INFINITY, "less than once in 10000 years"),
        ];
        for (years, words) in table {
            assert_eq!(once_in(years), words, "{years}");
        }
    }

    #[test]
    fn a_span_is_given_in_seconds_up_to_two_minutes() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        for (seconds, words) in [(0, "1 s"), (40, "40 s"), (119, "119 s"), (120, "2 minutes"), (3599, "59 minutes")] {
            assert_eq!(span(at(0), at(seconds)), words);
        }
    }
}
