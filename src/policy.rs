//! Every number of the decision in one place.
//!
//! In: TOML text (`OIDC_TRIAGE_POLICY`, `replay --policy FILE`) or nothing. Out: a validated [`Policy`], or all that is
//! wrong with the text together. Keys are in snake_case; durations are whole seconds and end in `_s`.

use std::time::Duration;

use serde::Deserialize;

/// How the program decides. The defaults suit a company of any size; `docs/policy.md` tells what each number does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How far back evidence counts, and how late an event may come and still be judged. Default 1 h.
    pub evidence: Duration,
    /// How far back a failed caller counts as hit. Default 15 min.
    pub window: Duration,
    /// Distinct callers hit by service failures that make an outage. Default 3: two broken laptops are no outage.
    pub outage_callers: usize,
    /// How long an incident that goes on is not told again. Default 15 min.
    pub quiet: Duration,
    /// At most one probe of a region in this time; all failures in it share the answer. Default 20 s.
    pub probe_interval: Duration,
    /// A tick older than this is ignored: the next one is already here. Default 90 s.
    pub tick_age: Duration,
}

/// The same as it stands in TOML: everything optional, nothing else allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    evidence_s: Option<i64>,
    window_s: Option<i64>,
    outage_callers: Option<i64>,
    quiet_s: Option<i64>,
    probe_interval_s: Option<i64>,
    tick_age_s: Option<i64>,
}

/// All that is wrong with a policy's text, together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct PolicyError(pub Vec<String>);

impl Default for Policy {
    fn default() -> Self {
        Self {
            evidence: Duration::from_secs(60 * 60),
            window: Duration::from_secs(15 * 60),
            outage_callers: 3,
            quiet: Duration::from_secs(15 * 60),
            probe_interval: Duration::from_secs(20),
            tick_age: Duration::from_secs(90),
        }
    }
}

impl Policy {
    /// The policy that `toml` describes, with the default for each number it leaves out.
    pub fn from_toml(toml: &str) -> Result<Self, PolicyError> {
        let text: Text = toml::from_str(toml).map_err(|error| PolicyError(vec![located(toml, &error)]))?;
        let mut problems = Vec::new();
        let mut number = |key: &str, value: Option<i64>, default: u64, least: i64, most: i64| match value {
            None => default,
            Some(value) if (least..=most).contains(&value) => value.unsigned_abs(),
            Some(value) => {
                problems.push(format!("{key} is {value}, but must be between {least} and {most}"));
                default
            }
        };
        let default = Self::default();
        let evidence = number("evidence_s", text.evidence_s, default.evidence.as_secs(), 60, 3600);
        let window = number("window_s", text.window_s, default.window.as_secs(), 10, 3600);
        let outage_callers = number("outage_callers", text.outage_callers, default.outage_callers as u64, 2, 1000);
        let quiet = number("quiet_s", text.quiet_s, default.quiet.as_secs(), 60, 86_400);
        let probe_interval =
            number("probe_interval_s", text.probe_interval_s, default.probe_interval.as_secs(), 1, 3600);
        let tick_age = number("tick_age_s", text.tick_age_s, default.tick_age.as_secs(), 10, 3600);
        if window > evidence {
            problems.push(format!("window_s is {window}, but must not exceed evidence_s, which is {evidence}"));
        }
        if !problems.is_empty() {
            return Err(PolicyError(problems));
        }
        Ok(Self {
            evidence: Duration::from_secs(evidence),
            window: Duration::from_secs(window),
            outage_callers: usize::try_from(outage_callers).unwrap_or(usize::MAX),
            quiet: Duration::from_secs(quiet),
            probe_interval: Duration::from_secs(probe_interval),
            tick_age: Duration::from_secs(tick_age),
        })
    }
}

/// A TOML error in one line that names the line of the text.
fn located(toml: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| toml[..span.start.min(toml.len())].matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_the_default() {
        assert_eq!(Policy::from_toml(""), Ok(Policy::default()));
    }

    #[test]
    fn a_number_is_taken_from_the_text() {
        let policy = Policy::from_toml("outage_callers = 5\nwindow_s = 300").unwrap();
        assert_eq!(policy, Policy { outage_callers: 5, window: Duration::from_secs(300), ..Policy::default() });
    }

    #[test]
    fn all_impossible_values_are_reported_together() {
        let PolicyError(problems) = Policy::from_toml("outage_callers = 1\nquiet_s = -3").unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("outage_callers is 1"));
    }

    #[test]
    fn an_unknown_key_or_a_wrong_type_names_its_line() {
        let unknown = Policy::from_toml("window_s = 60\noutage_caller = 3\n").unwrap_err().to_string();
        assert!(unknown.starts_with("line 2: unknown field `outage_caller`"), "{unknown}");
        let wrong = Policy::from_toml("\n\nwindow_s = \"60\"").unwrap_err().to_string();
        assert!(wrong.starts_with("line 3: invalid type"), "{wrong}");
    }
}
