//! Verdicts, incidents, recoveries and notices by hand, for tests of what is made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::place::Place;
use super::{Notice, NoticeKind};
use crate::diagnose::recovery::Recovery;
use crate::diagnose::{Advised, Concern, Diagnosis, FailedRequest, Talking, Verdict, Weighing};
use crate::incident::{Incident, Ledger, step};
use crate::observation::Operation;
use crate::oidc::Answer;
use crate::policy::Policy;
use crate::region::{KnownRegions, Region};

/// A second of 2027-01-15, counted from 08:00.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn region() -> Region {
    KnownRegions::default().find("eu-central-1").unwrap()
}

pub(crate) const NAMES: [&str; 3] = ["ana@example.com", "ben@example.com", "eva@example.com"];

/// What a verdict of that diagnosis looks like where three callers were hit in the first three seconds; where the
/// diagnosis is none of an incident, nobody was.
pub(crate) fn verdict(diagnosis: Diagnosis) -> Verdict {
    let weighing = |cause| Weighing {
        cause,
        speaks_for: vec!["something".to_owned()],
        speaks_against: vec!["something else".to_owned()],
    };
    let (concern, code) = match diagnosis {
        Diagnosis::Misconfigured => {
            let name = "KMS_DisabledException".to_owned();
            (Concern::Admin { label: 7, name: name.clone() }, name)
        }
        Diagnosis::Suspected => {
            let name = "InvalidRequestException".to_owned();
            (Concern::Request { label: 8, name: name.clone(), operation: Some(Operation::CreateToken) }, name)
        }
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Throttling
        | Diagnosis::OneCaller
        | Diagnosis::Blind
        | Diagnosis::Late
        | Diagnosis::AwsHealth
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => (Concern::Service, "InternalServerException".to_owned()),
    };
    let verdict = Verdict {
        diagnosis,
        concern,
        reasons: vec![format!("the reason for {}", diagnosis.as_str())],
        weighed: ["service outage or maintenance", "throttling behind a 500", "invalid input answered with a 500"]
            .map(weighing),
        callers: 0,
        names: Vec::new(),
        active: 4,
        served: 1,
        failures: 0,
        since: None,
        latest: None,
        enough_at: None,
        unanswered: 0,
        codes: Vec::new(),
        tools: Vec::new(),
        operations: BTreeMap::new(),
        requests: Vec::new(),
        probe: None,
        health: false,
        advised: Vec::new(),
        leave_out: BTreeSet::new(),
        take_back: BTreeSet::new(),
    };
    if !diagnosis.is_incident() {
        return verdict;
    }
    let request = |second: i64| FailedRequest {
        at: at(second),
        id: Some(format!("request-{second}")),
        operation: Some(Operation::CreateToken),
        code: code.clone(),
    };
    Verdict {
        callers: 3,
        names: NAMES.map(str::to_owned).to_vec(),
        failures: 3,
        since: Some(at(0)),
        latest: Some(at(2)),
        codes: vec![(code.clone(), 3)],
        tools: vec![("aws-cli/2.31.0".to_owned(), 2), ("Boto3/1.40".to_owned(), 1)],
        operations: BTreeMap::from([(Operation::CreateToken, 3)]),
        requests: (0..3).map(request).collect(),
        ..verdict
    }
}

impl Verdict {
    /// The same trouble, with so many callers hit.
    pub(crate) fn hitting(self, callers: usize) -> Self {
        Self { callers, ..self }
    }

    /// The same trouble, seen from one second to another one.
    pub(crate) fn seen(self, since: i64, latest: i64) -> Self {
        Self { since: Some(at(since)), latest: Some(at(latest)), ..self }
    }
}

/// The incident that such a verdict opens at once, a minute after the first failure.
pub(crate) fn incident(verdict: &Verdict) -> Incident {
    let opened = step(&region(), &Ledger::default(), verdict, None, &Policy::default(), at(60)).unwrap();
    opened.ledger.incident.unwrap()
}

pub(crate) fn proved(second: i64) -> Recovery {
    Recovery { over_at: Some(at(second)), proved: true, reasons: vec!["9 calls of 4 callers were served".to_owned()] }
}

pub(crate) fn given_up(second: i64) -> Recovery {
    Recovery { proved: false, reasons: vec!["no failure for 30 minutes".to_owned()], ..proved(second) }
}

pub(crate) const TOLD: [Diagnosis; 4] =
    [Diagnosis::Outage, Diagnosis::Degraded, Diagnosis::Misconfigured, Diagnosis::Suspected];

pub(crate) const ADVISED: [Diagnosis; 5] =
    [Diagnosis::Throttling, Diagnosis::OneCaller, Diagnosis::Blind, Diagnosis::Late, Diagnosis::AwsHealth];

pub(crate) fn opened(verdict: &Verdict) -> Notice {
    Notice::of_incident(NoticeKind::Opened, &incident(verdict), verdict, &[], at(60))
}

/// As it would be after the first notice.
pub(crate) fn later(
    kind: NoticeKind,
    diagnosis: Diagnosis,
    verdict: &Verdict,
    changes: &[&str],
    second: i64,
) -> Notice {
    let mut incident = incident(&self::verdict(diagnosis));
    incident.sequence = 2;
    incident.alarm_change = None;
    if kind == NoticeKind::Reopened {
        incident.reopened = 1;
        incident.reopened_at = Some(at(second));
        incident.alarm_change = Some(super::Alarm::Alarm);
    }
    let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
    Notice::of_incident(kind, &incident, verdict, &changes, at(second))
}

pub(crate) fn resolved(diagnosis: Diagnosis, recovery: &Recovery, verdict: &Verdict) -> Notice {
    let mut incident = incident(&self::verdict(diagnosis));
    incident.sequence = 2;
    incident.resolved_at = recovery.over_at;
    incident.alarm_change = incident.is_paged.then_some(super::Alarm::Ok);
    Notice::of_recovery(&incident, verdict, recovery, at(2600))
}

pub(crate) fn advised(diagnosis: Diagnosis) -> Advised {
    let reason = match diagnosis {
        Diagnosis::Throttling => {
            "aws-cli/2.31.0 at 192.0.2.7 made 1400 of 1610 calls within 120 s: 58 % of the published quota of 20 a \
             second for RegisterClient"
        }
        Diagnosis::OneCaller => {
            "ana@example.com alone has failed 6 times within 5 minutes at CreateToken and was not served, while others \
             were"
        }
        Diagnosis::Blind => "neither eu-central-1 nor its control answered at 08:00:30 UTC",
        Diagnosis::Late => "failures of 05:00 to 05:20 came too late to be acted on",
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::AwsHealth
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => "AWS Health told of an issue about signing in at 08:00:00 UTC",
    };
    let who = "aws-cli/2.31.0 at 192.0.2.7".to_owned();
    Advised {
        diagnosis,
        key: "made up".to_owned(),
        quiet_for: Duration::from_secs(86_400),
        reasons: vec![reason.to_owned()],
        talking: (diagnosis == Diagnosis::Throttling).then_some(Talking { who, quota: 20, calls: "RegisterClient" }),
    }
}

pub(crate) fn place() -> Place {
    Place {
        account: Some("111122223333".to_owned()),
        region: "eu-central-1".to_owned(),
        log_group: Some("oidc-triage-LogGroup".to_owned()),
    }
}

/// With reasons as the decision gives them.
fn lifelike(verdict: Verdict) -> Verdict {
    if !verdict.diagnosis.is_incident() {
        return verdict;
    }
    let facts = |facts: &[&str]| facts.iter().map(|&fact| fact.to_owned()).collect();
    let reason = match verdict.concern {
        Concern::Service => "3 callers failed within 2 s, and 1 call was answered: by chance once in 40000 years",
        Concern::Admin { .. } => "3 callers were refused with KMS_DisabledException within 5 minutes, and 1 was served",
        Concern::Request { .. } => {
            "3 callers were refused with InvalidRequestException of CreateToken, and 1 was served"
        }
    };
    let mut verdict = Verdict {
        reasons: facts(&[reason, "of 4 active callers 1 was served within 5 minutes", "no probe has answered lately"]),
        ..verdict
    };
    let [service, throttling, input] = &mut verdict.weighed;
    service.speaks_for = facts(&["3 of 4 active callers failed with it, none has been served since"]);
    service.speaks_against = facts(&["no probe confirms it"]);
    throttling.speaks_for = Vec::new();
    throttling.speaks_against = facts(&["no call was refused as throttled", "no tool is near a quota"]);
    input.speaks_for = Vec::new();
    input.speaks_against = facts(&["3 callers with 2 tools made the same mistake at once: unlikely"]);
    verdict
}

/// One notice of each kind and diagnosis, by the name of its snapshot.
pub(crate) fn samples() -> Vec<(String, Notice)> {
    let verdict = |diagnosis| lifelike(verdict(diagnosis));
    let confirmed = || Verdict { probe: Some(Answer::Down), health: true, ..verdict(Diagnosis::Outage) };
    let mut samples: Vec<(String, Notice)> = TOLD
        .into_iter()
        .map(|diagnosis| (format!("opened_{}", diagnosis.as_str()), opened(&verdict(diagnosis))))
        .collect();
    let changes = ["12 callers are hit, and were 3 when last told", "AWS Health confirms it"];
    let changed = later(NoticeKind::Changed, Diagnosis::Outage, &confirmed().hitting(12), &changes, 700);
    let reminder = later(NoticeKind::Reminder, Diagnosis::Outage, &confirmed(), &[], 4300);
    let back = ["it is back; it had been over since 08:20 UTC"];
    let reopened = later(NoticeKind::Reopened, Diagnosis::Outage, &verdict(Diagnosis::Outage), &back, 1800);
    let over = resolved(Diagnosis::Outage, &proved(2520), &verdict(Diagnosis::Quiet));
    let silent = Verdict { served: 0, ..verdict(Diagnosis::Outage) };
    let began_and_over = over.clone().after(&[opened(&verdict(Diagnosis::Outage))]);
    let merged = reminder.clone().after(std::slice::from_ref(&changed));
    samples.extend(
        [
            ("changed", changed),
            ("reminder", reminder),
            ("reopened", reopened),
            ("resolved", over),
            ("resolved_unproved", resolved(Diagnosis::Outage, &given_up(1802), &silent)),
            ("began_and_resolved", began_and_over),
            ("merged", merged),
        ]
        .map(|(name, notice)| (name.to_owned(), notice)),
    );
    samples.extend(ADVISED.into_iter().map(|diagnosis| {
        (format!("advice_{}", diagnosis.as_str()), Notice::of_advice(&region(), &advised(diagnosis), at(60)))
    }));
    samples
}

impl Notice {
    /// As a mail says it, without links to anybody's console.
    pub(crate) fn mail(&self) -> String {
        super::mail::render(self, &Place::default())
    }
}
