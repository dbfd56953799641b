//! Every number of the decision in one place.
//!
//! In: TOML text (`OIDC_TRIAGE_POLICY`, `replay --policy FILE`) or nothing. Out: a validated [`Policy`], or all that is
//! wrong with the text together. Keys are in snake_case; durations are whole seconds and end in `_s`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

/// How the program decides. The defaults suit a company of any size; the README tells what each number does.
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
        let mut text = Text::read(toml)?;
        let default = Self::default();
        let mut seconds =
            |key, default: Duration, least, most| Duration::from_secs(text.number(key, default.as_secs(), least, most));
        let evidence = seconds("evidence_s", default.evidence, 60, 3600);
        let window = seconds("window_s", default.window, 10, 3600);
        let quiet = seconds("quiet_s", default.quiet, 60, 86_400);
        let probe_interval = seconds("probe_interval_s", default.probe_interval, 1, 3600);
        let tick_age = seconds("tick_age_s", default.tick_age, 10, 3600);
        let outage_callers = text.number("outage_callers", default.outage_callers as u64, 2, 1000);
        let outage_callers = usize::try_from(outage_callers).unwrap_or(usize::MAX);
        let mut problems = text.problems();
        if window > evidence {
            let (window, evidence) = (window.as_secs(), evidence.as_secs());
            problems.push(format!("window_s is {window}, but must not exceed evidence_s, which is {evidence}"));
        }
        if !problems.is_empty() {
            return Err(PolicyError(problems));
        }
        Ok(Self { evidence, window, outage_callers, quiet, probe_interval, tick_age })
    }
}

/// The keys of a text that were not asked for yet, and what was wrong with those that were.
struct Text<'a> {
    toml: &'a str,
    keys: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    asked: Vec<&'static str>,
    /// With the line, by which they are told in order.
    problems: Vec<(usize, String)>,
}

impl<'a> Text<'a> {
    fn read(toml: &'a str) -> Result<Self, PolicyError> {
        let keys = toml::from_str(toml).map_err(|error| {
            let line = error.span().map(|span| line(toml, span.start));
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            PolicyError(vec![format!("{place}{}", error.message())])
        })?;
        Ok(Self { toml, keys, asked: Vec::new(), problems: Vec::new() })
    }

    /// The whole number of that key, if it is one and within its bounds.
    fn number(&mut self, key: &'static str, default: u64, least: i64, most: i64) -> u64 {
        self.asked.push(key);
        let given = self.keys.iter().find(|(name, _)| name.get_ref() == key).map(|(name, _)| name.clone());
        let Some(value) = given.and_then(|name| self.keys.remove(&name)) else { return default };
        match value.get_ref().as_integer() {
            Some(number) if (least..=most).contains(&number) => return number.unsigned_abs(),
            Some(number) => {
                self.problem(value.span(), format!("{key} is {number}, but must be between {least} and {most}"));
            }
            None => self.problem(value.span(), format!("{key} must be a whole number")),
        }
        default
    }

    fn problem(&mut self, span: Range<usize>, what: String) {
        self.problems.push((line(self.toml, span.start), what));
    }

    /// All that is wrong, in the order of the lines.
    fn problems(mut self) -> Vec<String> {
        for name in std::mem::take(&mut self.keys).into_keys() {
            let what = format!("unknown key `{}`: there are {}", name.get_ref(), self.asked.join(", "));
            self.problem(name.span(), what);
        }
        self.problems.sort();
        self.problems.into_iter().map(|(line, what)| format!("line {line}: {what}")).collect()
    }
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
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
    fn all_that_is_wrong_is_reported_together_with_its_line() {
        let text = "quiet_s = -3\n\noutage_caller = 3\nwindow_s = \"60\"\nno_such = [1]\noutage_callers = 1";
        let PolicyError(problems) = Policy::from_toml(text).unwrap_err();
        let begin: Vec<&str> = problems.iter().map(|problem| problem.split([',', ':']).nth(1).unwrap()).collect();
        assert_eq!(
            begin,
            [
                " quiet_s is -3",
                " unknown key `outage_caller`",
                " window_s must be a whole number",
                " unknown key `no_such`",
                " outage_callers is 1"
            ]
        );
        let lines: Vec<&str> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 1", "line 3", "line 4", "line 5", "line 6"]);
        assert!(problems[1].contains("outage_callers"), "the right spelling is named: {}", problems[1]);
    }

    #[test]
    fn a_text_that_is_no_toml_names_its_line() {
        let error = Policy::from_toml("window_s = 60\n= 3\n").unwrap_err().to_string();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn a_window_longer_than_the_evidence_is_refused() {
        let error = Policy::from_toml("evidence_s = 600").unwrap_err().to_string();
        assert!(error.contains("window_s is 900"), "{error}");
    }
}
