//! The verdict on a region.
//!
//! In: the [`Evidence`] of a region, what the probe answered, the [`Policy`] and `now`. Out: a [`Diagnosis`] with its
//! reasons, and the evidence for and against each of the three causes that `InternalServerException` hides. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::classify::Cause;
use crate::evidence::{Evidence, Mark};
use crate::oidc::{Answer, ProbeAnswer, Rung};
use crate::policy::Policy;
use crate::redact::{SHOWN_NAME_MAX, one_line};

/// What is going on in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Diagnosis {
    /// The service fails for enough distinct callers, and the probe does not say that it is well.
    Outage,
    /// Service failures of too few callers to mean more than those callers.
    Isolated,
    /// Service failures of enough callers, but the service answers a probe as it should.
    Transient,
    /// No service failures.
    Quiet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Page,
    Info,
}

impl Diagnosis {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Isolated => "isolated",
            Self::Transient => "transient",
            Self::Quiet => "quiet",
        }
    }

    pub const fn severity(self) -> Severity {
        match self {
            Self::Outage => Severity::Page,
            Self::Isolated | Self::Transient | Self::Quiet => Severity::Info,
        }
    }
}

impl Severity {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Info => "info",
        }
    }
}

/// What speaks for and against one possible cause, in words and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighing {
    pub cause: &'static str,
    pub speaks_for: Vec<String>,
    pub speaks_against: Vec<String>,
}

/// The verdict, with everything that a notice needs to explain it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub diagnosis: Diagnosis,
    pub reasons: Vec<String>,
    pub weighed: [Weighing; 3],
    /// How far back was looked.
    pub window: Duration,
    /// Service failures within the window, in order of time: also those whose callers were served since.
    pub failures: Vec<Mark>,
    /// Callers hit by them, and how a person would name them, in the order in which they were hit.
    pub callers: usize,
    pub names: Vec<String>,
    /// When the first of the callers that are hit was.
    pub since: Option<Timestamp>,
    /// What the probe found, if the service was asked.
    pub probe: Option<Answer>,
}

impl Verdict {
    /// Whether the service itself says that it fails.
    pub fn is_confirmed(&self) -> bool {
        self.probe == Some(Answer::Down)
    }

    /// Whether most of the failed calls got no answer at all, which may be the way to the service as well.
    pub fn is_of_the_way(&self) -> bool {
        let without_answer = self.failures.iter().filter(|mark| mark.cause == Cause::Unreachable).count();
        2 * without_answer > self.failures.len()
    }
}

/// The causes that count towards an outage.
pub const SERVICE_CAUSES: [Cause; 2] = [Cause::Service, Cause::Unreachable];

/// Codes or issues named in one reason.
const LISTED_MAX: usize = 5;

/// Judges one region. `probe` is the newest answer, if the service was asked at all.
pub fn diagnose(evidence: &Evidence, probe: Option<&ProbeAnswer>, policy: &Policy, now: Timestamp) -> Verdict {
    let facts = Facts::gather(evidence, probe, policy, now);
    let diagnosis = match (facts.failures.len(), facts.hit.len()) {
        (0, _) => Diagnosis::Quiet,
        (_, hit) if hit < policy.outage_callers => Diagnosis::Isolated,
        _ if probe.is_some_and(|probe| probe.worst() == Answer::Healthy) => Diagnosis::Transient,
        _ => Diagnosis::Outage,
    };
    Verdict {
        diagnosis,
        reasons: facts.reasons(diagnosis, policy),
        weighed: [facts.weigh_outage(policy), facts.weigh_throttling(), facts.weigh_input()],
        window: policy.window,
        since: facts.hit.first().map(|mark| mark.occurred_at),
        callers: facts.hit.len(),
        names: facts.hit.iter().map(|mark| mark.name.clone()).collect(),
        probe: probe.map(ProbeAnswer::worst),
        failures: facts.failures.into_iter().cloned().collect(),
    }
}

/// The numbers that every sentence below is made of.
struct Facts<'a> {
    failures: Vec<&'a Mark>,
    /// The first failure of each caller that is hit, in order of time.
    hit: Vec<&'a Mark>,
    served: usize,
    throttled: usize,
    refused: usize,
    refused_codes: BTreeSet<&'a str>,
    /// Failures of the one caller and the one tool that had most of them.
    busiest_caller: usize,
    busiest_tool: Option<(&'a str, usize)>,
    probe: Option<&'a ProbeAnswer>,
    /// Open issues of AWS Health: about signing in, and of other services in the region.
    issues: Vec<String>,
    other_issues: Vec<String>,
}

impl<'a> Facts<'a> {
    fn gather(evidence: &'a Evidence, probe: Option<&'a ProbeAnswer>, policy: &Policy, now: Timestamp) -> Self {
        let recent = evidence.recent(now, policy.window);
        let failures: Vec<&Mark> = recent.clone().filter(|mark| SERVICE_CAUSES.contains(&mark.cause)).collect();
        let refused = recent.clone().filter(|mark| mark.cause == Cause::Request);
        let mut by_caller = BTreeMap::new();
        let mut by_tool = BTreeMap::new();
        for mark in &failures {
            *by_caller.entry(mark.caller).or_insert(0) += 1;
            if let Some(tool) = &mark.tool {
                *by_tool.entry(tool.as_str()).or_insert(0) += 1;
            }
        }
        let mut hit: Vec<&Mark> = evidence.hit(now, policy.window, &SERVICE_CAUSES).into_values().collect();
        hit.sort();
        let (issues, other_issues): (Vec<_>, Vec<_>) =
            evidence.open_issues(now).partition(|issue| issue.concerns_sign_in());
        let [issues, other_issues] = [issues, other_issues]
            .map(|issues| issues.into_iter().map(|issue| one_line(&issue.event_type_code, SHOWN_NAME_MAX)).collect());
        Self {
            hit,
            served: evidence.served_callers(now, policy.window),
            throttled: recent.clone().filter(|mark| mark.cause == Cause::Throttled).count(),
            refused: refused.clone().count(),
            refused_codes: refused.filter_map(|mark| mark.code.as_deref()).collect(),
            busiest_caller: by_caller.into_values().max().unwrap_or(0),
            busiest_tool: by_tool.into_iter().max_by_key(|(_, count)| *count),
            probe,
            issues,
            other_issues,
            failures,
        }
    }

    fn reasons(&self, diagnosis: Diagnosis, policy: &Policy) -> Vec<String> {
        let minutes = policy.window.as_secs().div_ceil(60);
        let mut reasons = match diagnosis {
            Diagnosis::Quiet => vec![format!("no service failure within {minutes} minutes")],
            Diagnosis::Isolated => vec![format!(
                "{} hit within {minutes} minutes: fewer than {}",
                callers(self.hit.len()),
                policy.outage_callers
            )],
            Diagnosis::Transient | Diagnosis::Outage => {
                vec![format!("{} hit within {minutes} minutes", callers(self.hit.len()))]
            }
        };
        if self.served > 0 {
            reasons.push(format!("{} served in the same time", callers(self.served)));
        }
        reasons.push(self.probe_in_words());
        reasons.extend(self.health_in_words());
        reasons
    }

    fn health_in_words(&self) -> impl Iterator<Item = String> {
        let words = |what: &str, issues: &[String]| {
            (!issues.is_empty())
                .then(|| format!("AWS Health has an open issue {what}: {}", listed(issues.iter().map(String::as_str))))
        };
        let own = words("about signing in", &self.issues);
        // Outages of signing in have come under other services.
        own.into_iter().chain(words("of another service in the region", &self.other_issues))
    }

    fn probe_in_words(&self) -> String {
        self.probe.map_or_else(|| "the service was not probed".to_owned(), in_words)
    }

    fn weigh_outage(&self, policy: &Policy) -> Weighing {
        let mut weighing = Weighing::of("service outage or maintenance");
        weighing.add(
            self.hit.len() >= policy.outage_callers,
            format!("{} hit by {}", callers(self.hit.len()), failures(self.failures.len())),
        );
        match self.probe {
            None => weighing.speaks_against.push("the service was not probed, so nothing confirms it".to_owned()),
            Some(probe) => weighing.add(probe.worst() == Answer::Down, in_words(probe)),
        }
        weighing.speaks_for.extend(self.health_in_words());
        if self.issues.is_empty() {
            let silent = "AWS Health has told of no open issue about signing in (it is often late)";
            weighing.speaks_against.push(silent.to_owned());
        }
        if self.served > 0 {
            weighing.speaks_against.push(format!("{} served in the same time", callers(self.served)));
        }
        weighing
    }

    fn weigh_throttling(&self) -> Weighing {
        let mut weighing = Weighing::of("throttling behind a 500");
        weighing.add(
            self.throttled > 0,
            match self.throttled {
                0 => "no call was refused as throttled".to_owned(),
                count => format!("{} as throttled", calls_refused(count)),
            },
        );
        // A tool with half of the failures is worth a look where something was throttled; in an outage everybody's
        // tool is the same one.
        match self.busiest_tool {
            Some((tool, count)) if 2 * count >= self.failures.len() => {
                if self.throttled > 0 {
                    weighing.speaks_for.push(format!("{count} of {} come from {tool}", failures(self.failures.len())));
                }
            }
            Some(_) | None => weighing.speaks_against.push("no tool stands out".to_owned()),
        }
        weighing
    }

    fn weigh_input(&self) -> Weighing {
        let mut weighing = Weighing::of("invalid input answered with a 500");
        let total = self.failures.len();
        // One caller with nearly all failures is the shape of a mistake in that caller.
        let one_caller = total > 0 && 10 * self.busiest_caller >= 9 * total;
        let share = format!("{} of {}", self.busiest_caller, failures(total));
        weighing.add(
            one_caller,
            if one_caller {
                format!("one caller has {share}")
            } else {
                format!("no caller stands out: the most frequent one has {share}")
            },
        );
        match self.refused {
            0 => weighing.speaks_against.push("no call was refused as invalid".to_owned()),
            count => {
                let codes = listed(self.refused_codes.iter().copied());
                weighing.speaks_for.push(format!("{} as invalid ({codes})", calls_refused(count)));
            }
        }
        weighing
    }
}

impl Weighing {
    fn of(cause: &'static str) -> Self {
        Self { cause, speaks_for: Vec::new(), speaks_against: Vec::new() }
    }

    fn add(&mut self, speaks_for: bool, what: String) {
        if speaks_for { self.speaks_for.push(what) } else { self.speaks_against.push(what) }
    }
}

/// The first few of what may be many: names are text of others, and SNS refuses a long message.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let named = names.take(LISTED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

fn callers(count: usize) -> String {
    format!("{count} distinct {}", if count == 1 { "caller was" } else { "callers were" })
}

fn failures(count: usize) -> String {
    format!("{count} {}", if count == 1 { "failure" } else { "failures" })
}

fn calls_refused(count: usize) -> String {
    format!("{count} {} refused", if count == 1 { "call was" } else { "calls were" })
}

/// `a probe at 09:00:12 UTC found CreateToken down (InternalServerException, 500)`.
fn in_words(probe: &ProbeAnswer) -> String {
    let rung = |rung: &Rung| {
        let answer = match rung.answer {
            Answer::Healthy => "healthy",
            Answer::Unknown => "without a clear answer",
            Answer::Unexpected => "answering something unexpected",
            Answer::Down => "down",
        };
        let fault = rung.fault.as_ref().filter(|_| rung.answer != Answer::Healthy);
        let facts = fault.map(|fault| {
            let status = fault.status.map(|status| status.to_string());
            let message = fault.message.clone().filter(|_| fault.no_answer);
            [fault.code.clone(), status, message].into_iter().flatten().collect::<Vec<_>>().join(", ")
        });
        match facts.filter(|facts| !facts.is_empty()) {
            Some(facts) => format!("{} {answer} ({facts})", rung.operation),
            None => format!("{} {answer}", rung.operation),
        }
    };
    let rungs: Vec<String> = probe.rungs.iter().map(rung).collect();
    let at = probe.at.strftime("%H:%M:%S UTC");
    match rungs.as_slice() {
        [] => format!("a probe at {at} could not ask the service"),
        rungs => format!("a probe at {at} found {}", rungs.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::{Caller, CallerHash, CallerHasher};
    use crate::observation::Operation;
    use crate::region::KnownRegions;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn caller(name: &str) -> CallerHash {
        CallerHasher::new(&CallerHasher::FIXED_KEY).hash(&Caller::User(name.into()))
    }

    fn mark(name: &str, second: i64, cause: Cause, code: &str) -> Mark {
        Mark {
            occurred_at: at(second),
            id: format!("{name}-{second}"),
            caller: caller(name),
            name: name.into(),
            operation: Some(Operation::CreateToken),
            cause,
            code: Some(code.into()),
            tool: Some("aws-cli/2.31.0".into()),
        }
    }

    fn failures_of(names: &[&str]) -> Evidence {
        let mut evidence = Evidence::default();
        for (second, name) in (0..).zip(names) {
            evidence.add_failure(mark(name, second, Cause::Service, "InternalServerException"));
        }
        evidence
    }

    fn probe(answer: Answer) -> ProbeAnswer {
        ProbeAnswer {
            region: KnownRegions::default().find("us-east-1").unwrap(),
            at: at(20),
            rungs: vec![Rung {
                operation: Operation::CreateToken,
                answer,
                fault: None,
                latency: Duration::from_millis(80),
            }],
            shared: false,
        }
    }

    fn diagnosis(evidence: &Evidence, probe: Option<&ProbeAnswer>) -> Diagnosis {
        diagnose(evidence, probe, &Policy::default(), at(30)).diagnosis
    }

    #[test]
    fn three_distinct_callers_and_a_probe_that_is_not_healthy_are_an_outage() {
        let evidence = failures_of(&["ana", "ben", "eva"]);
        for answer in [Answer::Down, Answer::Unknown, Answer::Unexpected] {
            assert_eq!(diagnosis(&evidence, Some(&probe(answer))), Diagnosis::Outage, "{answer:?}");
        }
        assert_eq!(diagnosis(&evidence, None), Diagnosis::Outage, "nothing says that it is well");
    }

    #[test]
    fn a_healthy_probe_cures() {
        let evidence = failures_of(&["ana", "ben", "eva", "kai"]);
        assert_eq!(diagnosis(&evidence, Some(&probe(Answer::Healthy))), Diagnosis::Transient);
    }

    #[test]
    fn many_failures_of_two_callers_are_no_outage() {
        let evidence = failures_of(&["ana", "ben", "ana", "ben", "ana", "ben"]);
        assert_eq!(diagnosis(&evidence, Some(&probe(Answer::Down))), Diagnosis::Isolated);
    }

    #[test]
    fn mistakes_of_callers_are_no_outage() {
        let mut evidence = Evidence::default();
        for (second, name) in (0..).zip(["ana", "ben", "eva", "kai"]) {
            evidence.add_failure(mark(name, second, Cause::Request, "InvalidGrantException"));
        }
        assert_eq!(diagnosis(&evidence, Some(&probe(Answer::Down))), Diagnosis::Quiet);
    }

    #[test]
    fn a_caller_served_since_does_not_count() {
        let mut evidence = failures_of(&["ana", "ben", "eva"]);
        evidence.add_served(caller("eva"), at(10));
        let verdict = diagnose(&evidence, None, &Policy::default(), at(30));
        assert_eq!((verdict.diagnosis, verdict.callers), (Diagnosis::Isolated, 2));
        assert!(verdict.reasons.iter().any(|reason| reason.contains("1 distinct caller was served")), "{verdict:#?}");
    }

    #[test]
    fn each_of_the_three_causes_is_weighed_in_words_and_numbers() {
        let mut evidence = failures_of(&["ana", "ben", "eva", "eva"]);
        evidence.add_failure(mark("kai", 9, Cause::Throttled, "SlowDownException"));
        evidence.add_failure(mark("kai", 10, Cause::Request, "InvalidGrantException"));
        let verdict = diagnose(&evidence, Some(&probe(Answer::Down)), &Policy::default(), at(30));
        let [outage, throttling, input] = verdict.weighed;
        assert_eq!(
            outage.speaks_for,
            ["3 distinct callers were hit by 4 failures", "a probe at 08:00:20 UTC found CreateToken down"]
        );
        assert_eq!(outage.speaks_against, ["AWS Health has told of no open issue about signing in (it is often late)"]);
        assert_eq!(
            throttling.speaks_for,
            ["1 call was refused as throttled", "4 of 4 failures come from aws-cli/2.31.0"]
        );
        assert_eq!(input.speaks_for, ["1 call was refused as invalid (InvalidGrantException)"]);
        assert_eq!(input.speaks_against, ["no caller stands out: the most frequent one has 2 of 4 failures"]);
    }

    #[test]
    fn an_issue_about_signing_in_is_told_from_one_of_another_service() {
        let issue = |service: &str, description: &str| crate::observation::HealthIssue {
            event_arn: service.into(),
            service: service.into(),
            event_type_code: format!("AWS_{service}_OPERATIONAL_ISSUE"),
            region: None,
            started_at: None,
            ended_at: None,
            description: description.into(),
            occurred_at: at(0),
        };
        let reasons = |issue| {
            let mut evidence = failures_of(&["ana", "ben", "eva"]);
            evidence.add_health(issue);
            diagnose(&evidence, None, &Policy::default(), at(30)).reasons.pop().unwrap()
        };
        let about = "AWS Health has an open issue about signing in: AWS_";
        assert!(reasons(issue("SSO", "")).starts_with(about));
        assert!(reasons(issue("MULTIPLE", "Elevated errors of IAM Identity Center")).starts_with(about));
        assert_eq!(
            reasons(issue("DYNAMODB", "Increased error rates")),
            "AWS Health has an open issue of another service in the region: AWS_DYNAMODB_OPERATIONAL_ISSUE"
        );
    }

    #[test]
    fn an_outage_began_with_the_first_of_those_who_are_hit() {
        let mut evidence = failures_of(&["old", "ana", "ben", "eva"]);
        evidence.add_served(caller("old"), at(5));
        let verdict = diagnose(&evidence, None, &Policy::default(), at(30));
        assert_eq!((verdict.since, verdict.failures.len()), (Some(at(1)), 4));
        assert_eq!(verdict.names, ["ana", "ben", "eva"]);
    }

    #[test]
    fn names_that_others_invent_do_not_fill_a_reason_or_break_its_line() {
        let mut evidence = failures_of(&["ana", "ben", "eva"]);
        for n in 0..4000 {
            let code = format!("InvalidParameter{n}{}", "x".repeat(60));
            evidence.add_failure(mark("kai", 20, Cause::Request, &code));
            evidence.add_failure(Mark { id: format!("{n}"), ..mark("kai", 20, Cause::Request, &code) });
        }
        for n in 0..40 {
            evidence.add_health(crate::observation::HealthIssue {
                event_arn: n.to_string(),
                service: "SSO".into(),
                event_type_code: format!("{n:02}\nWhat to do now\n1. {}", "y".repeat(500)),
                region: None,
                started_at: None,
                ended_at: None,
                description: String::new(),
                occurred_at: at(0),
            });
        }
        let verdict = diagnose(&evidence, None, &Policy::default(), at(30));
        let lines = verdict.weighed.iter().flat_map(|it| it.speaks_for.iter().chain(&it.speaks_against));
        for line in lines.chain(&verdict.reasons) {
            assert!(line.len() < 600 && !line.contains('\n'), "{line}");
        }
    }
}
