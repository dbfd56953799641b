//! Whose fault an incident looks like, in a few words, and how long people were down.
//!
//! In: an incident with its notices and its close-up. Out: a [`Fault`]. Nothing is said to be known that the evidence does not
//! show.

use jiff::Timestamp;
use triage_decide::probe::StepState;
use triage_decide::verdict::Diagnosis;
use triage_model::redact::{SHOWN_NAME_MAX, one_line};
use triage_model::time::lasted;
use triage_notify::words::capitalized;

use crate::replay::review::Story;

/// Whose fault it looks like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// AWS Health said so.
    Aws,
    /// The service answered with errors, or a probe failed too.
    ProbablyAws,
    OwnKey,
    OwnPolicy,
    /// A tool, a network or an application, by its name.
    Part(&'static str, String),
    Unclear,
}

impl Fault {
    pub fn of(story: &Story) -> Self {
        let notices = &story.notices;
        let part = |what| {
            let scope = story.scope.clone().unwrap_or_default();
            let name = scope.tool.or(scope.network).or(scope.application).or(scope.account).unwrap_or_default();
            Self::Part(what, one_line(&name, SHOWN_NAME_MAX))
        };
        match story.diagnosis {
            Diagnosis::Misconfigured => {
                let codes = notices.iter().flat_map(|notice| &notice.impact.codes);
                let is_key = codes.map(|code| code.name.to_ascii_lowercase()).any(|code| code.contains("kms"));
                if is_key { Self::OwnKey } else { Self::OwnPolicy }
            }
            Diagnosis::OneTool => part("tool"),
            Diagnosis::OneNetwork => part("network"),
            Diagnosis::OneApplication => part("application"),
            Diagnosis::OneAccount => part("account"),
            _ if notices.iter().any(|notice| notice.aws_health) => Self::Aws,
            Diagnosis::Suspected => Self::Unclear,
            _ if notices.iter().any(|notice| notice.probe == Some(StepState::Down)) => Self::ProbablyAws,
            _ if notices.iter().any(|notice| notice.probe == Some(StepState::Healthy)) => Self::Unclear,
            _ if 2 * story.close_up.unanswered > story.close_up.during.failed => Self::Unclear,
            _ => Self::ProbablyAws,
        }
    }

    /// `probably AWS`, `your own KMS key`, `tool acme-login/3.0`. The name is text of others, bounded and on one line.
    pub fn in_words(&self) -> String {
        match self {
            Self::Aws => "AWS".to_owned(),
            Self::ProbablyAws => "probably AWS".to_owned(),
            Self::OwnKey => "your own KMS key".to_owned(),
            Self::OwnPolicy => "your own policy or assignments".to_owned(),
            Self::Part(what, name) if name.is_empty() => format!("one {what}"),
            Self::Part(what, name) => format!("{what} {name}"),
            Self::Unclear => "not clear".to_owned(),
        }
    }

    /// What that rests on, and what is not known.
    pub fn why(&self, story: &Story) -> String {
        let probe = story.notices.iter().find_map(|notice| notice.probe);
        let probed = match probe {
            Some(StepState::Down) => "a probe of the service failed too",
            Some(StepState::Healthy) => "a probe of the service worked",
            Some(StepState::Unknown | StepState::Unexpected) => "the probe got no clear answer",
            None => "the service was not probed",
        };
        match self {
            Self::Aws => format!("AWS Health had an open issue about it; {probed}."),
            Self::ProbablyAws if probe == Some(StepState::Down) => {
                format!(
                    "The service answered with errors of its own, and {probed}. No AWS Health event about it was seen."
                )
            }
            Self::ProbablyAws => {
                format!(
                    "The service answered with errors of its own. Not confirmed: {probed}, and no AWS Health event about it was seen."
                )
            }
            Self::OwnKey => {
                "AWS refused because of the state or policy of the KMS key that encrypts Identity Center.".to_owned()
            }
            Self::OwnPolicy => "AWS refused because of a permission or an assignment.".to_owned(),
            Self::Part(..) => "Others were served meanwhile, so the service itself worked.".to_owned(),
            Self::Unclear if story.diagnosis == Diagnosis::Suspected => {
                format!(
                    "So many callers cannot all have made the same mistake: AWS, or a change that you rolled out. {}.",
                    capitalized(probed)
                )
            }
            Self::Unclear if probe == Some(StepState::Healthy) => {
                format!("Calls failed, but {probed}: only some calls failed, or your own network did.")
            }
            Self::Unclear => {
                format!("Most calls got no answer: AWS, or the network on the way to it. {}.", capitalized(probed))
            }
        }
    }
}

/// What kind of bad time it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Most could not sign in.
    Down,
    /// Some could not.
    Degraded,
    /// A part failed, or it is not certain.
    Partial,
}

impl Bad {
    pub const fn of(diagnosis: Diagnosis) -> Self {
        match diagnosis {
            Diagnosis::Outage | Diagnosis::Misconfigured => Self::Down,
            Diagnosis::Degraded => Self::Degraded,
            Diagnosis::Suspected
            | Diagnosis::OneTool
            | Diagnosis::OneNetwork
            | Diagnosis::OneApplication
            | Diagnosis::OneAccount
            | Diagnosis::Throttling
            | Diagnosis::OneCaller
            | Diagnosis::Blind
            | Diagnosis::Late
            | Diagnosis::AwsHealth
            | Diagnosis::Unbelieved
            | Diagnosis::Isolated
            | Diagnosis::Transient
            | Diagnosis::Quiet => Self::Partial,
        }
    }

    /// `Down`, as it stands before how long.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Down => "Down",
            Self::Degraded => "Degraded",
            Self::Partial => "Failing",
        }
    }
}

/// Seconds that at least one of these times covers.
pub fn covered(mut times: Vec<(Timestamp, Timestamp)>) -> u64 {
    times.sort_unstable();
    let (mut sum, mut until) = (0, Timestamp::MIN);
    for (from, to) in times {
        let from = from.max(until);
        if to > from {
            sum += lasted(from, to).as_secs();
            until = to;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_of_overlapping_incidents_are_counted_once() {
        let at = |minute: i64| Timestamp::from_second(60 * minute).unwrap();
        let times = [(100, 200), (0, 60), (150, 260), (160, 170), (300, 300)];
        assert_eq!(covered(times.map(|(from, to)| (at(from), at(to))).to_vec()), 60 * (60 + 160));
        assert_eq!(covered(Vec::new()), 0);
    }
}
