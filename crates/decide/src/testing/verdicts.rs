//! Verdicts, incidents and recoveries by hand, for tests of notices.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::observation::{Operation, Origin};
use triage_model::region::{KnownRegions, Region};

use crate::cell::Dimension;
use crate::concern::Concern;
use crate::incident::turn;
use crate::ledger::{Incident, Ledger};
use crate::policy::Policy;
use crate::scope::{Scope, Shared};
use crate::verdict::{
    Advised, Diagnosis, Evaluation, FAILURES_COUNTED_S, FailedRequest, FailingPart, Recovery, Talking, Verdict,
    Weighing,
};

/// A second of 2027-01-15, counted from 08:00.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub fn region() -> Region {
    KnownRegions::default().find("eu-central-1").unwrap()
}

pub const NAMES: [&str; 3] = ["ana@example.com", "ben@example.com", "eva@example.com"];

/// What a verdict of that diagnosis looks like where three callers were hit in the first three seconds; where the
/// diagnosis is none of an incident, nobody was.
pub fn verdict(diagnosis: Diagnosis) -> Verdict {
    let weighing = |cause| Weighing {
        cause,
        speaks_for: vec!["something".to_owned()],
        speaks_against: vec!["something else".to_owned()],
    };
    let (concern, code) = match diagnosis {
        Diagnosis::Misconfigured => {
            let name = "KMS_DisabledException".to_owned();
            (Concern::Admin { label: 7, name: name.clone(), key: true }, name)
        }
        Diagnosis::Suspected => {
            let name = "InvalidRequestException".to_owned();
            (Concern::Request { label: 8, name: name.clone(), operation: Some(Operation::CreateToken) }, name)
        }
        Diagnosis::Outage
        | Diagnosis::Degraded
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
        | Diagnosis::Quiet => (Concern::Service, "InternalServerException".to_owned()),
    };
    let shared = shared(diagnosis);
    let verdict = Verdict {
        apart: shared.as_ref().map(Shared::key),
        diagnosis,
        concern,
        scope: Scope { shared, ..Scope::default() },
        reasons: vec![format!("the reason for {}", diagnosis.as_str())],
        weighed: Weighing::CAUSES.map(weighing),
        active: 4,
        served: 1,
        ..Verdict::quiet()
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
    let part = FailingPart {
        operation: Some(Operation::CreateToken),
        grant: None,
        since: at(0),
        latest: at(2),
        is_enough: true,
    };
    Verdict {
        callers: 3,
        victims: victims(3),
        seen: victims(4),
        parts: vec![part],
        names: NAMES.map(str::to_owned).to_vec(),
        failures: 3,
        failures_at: BTreeMap::from([(at(0).as_second().div_euclid(FAILURES_COUNTED_S), 3)]),
        since: Some(at(0)),
        latest: Some(at(2)),
        latest_of_many: Some(at(2)),
        codes: vec![(code.clone(), 3)],
        tools: vec![("aws-cli/2.31.0".to_owned(), 2), ("Boto3/1.40".to_owned(), 1)],
        operations: BTreeMap::from([(Operation::CreateToken, 3)]),
        requests: (0..3).map(request).collect(),
        ..verdict
    }
}

impl Verdict {
    /// The same incident, with so many callers affected.
    pub fn hitting(self, callers: usize) -> Self {
        let seen = if callers == 0 { BTreeMap::new() } else { victims(callers as u64 + 1) };
        let failures_at = if callers == 0 { BTreeMap::new() } else { self.failures_at.clone() };
        Self { callers, victims: victims(callers as u64), seen, failures_at, ..self }
    }

    /// The same incident, seen from one second to another.
    pub fn seen(self, since: i64, latest: i64) -> Self {
        let latest = Some(at(latest));
        Self { since: Some(at(since)), latest, latest_of_many: latest, ..self }
    }
}

/// So many callers, seen through CloudTrail.
pub fn victims(many: u64) -> BTreeMap<Origin, BTreeSet<CallerHash>> {
    let callers: BTreeSet<CallerHash> = (0..many).map(CallerHash::from_bits).collect();
    if callers.is_empty() { BTreeMap::new() } else { BTreeMap::from([(Origin::CloudTrail, callers)]) }
}

/// What they have in common, where that is the diagnosis.
pub fn shared(diagnosis: Diagnosis) -> Option<Shared> {
    let (dimension, name) = match diagnosis {
        Diagnosis::OneTool => (Dimension::Tool, "acme-login/3.0"),
        Diagnosis::OneNetwork => (Dimension::Network, "192.0.2.7"),
        Diagnosis::OneAccount => (Dimension::Account, "444455556666"),
        Diagnosis::OneApplication => (Dimension::Application, "arn:aws:sso::111122223333:application/ssoins-1/apl-1"),
        _ => return None,
    };
    Some(Shared { dimension, hash: 7, name: name.to_owned() })
}

impl From<Verdict> for Evaluation {
    /// Of a region in which nothing else is wrong.
    fn from(verdict: Verdict) -> Self {
        match verdict.apart {
            None => Self { region: verdict, apart: Vec::new() },
            Some(_) => Self { region: self::verdict(Diagnosis::Quiet), apart: vec![verdict] },
        }
    }
}

/// The incident that such a verdict opens at once, a minute after the first failure.
pub fn incident(verdict: &Verdict) -> Incident {
    let evaluation = Evaluation::from(verdict.clone());
    let opened =
        turn(&region(), &Ledger::default(), &evaluation, &BTreeMap::new(), &Policy::default(), at(60)).unwrap();
    opened.ledger.incidents().next().unwrap().clone()
}

pub fn proved(second: i64) -> Recovery {
    let reasons = vec!["9 calls of 4 callers were served".to_owned()];
    Recovery { over_at: Some(at(second)), proved: true, reasons, ..Recovery::default() }
}

pub fn given_up(second: i64) -> Recovery {
    Recovery { proved: false, reasons: vec!["no failure for 30 minutes".to_owned()], ..proved(second) }
}

pub const NOTIFIED: [Diagnosis; 8] = [
    Diagnosis::Outage,
    Diagnosis::Degraded,
    Diagnosis::Misconfigured,
    Diagnosis::Suspected,
    Diagnosis::OneTool,
    Diagnosis::OneNetwork,
    Diagnosis::OneApplication,
    Diagnosis::OneAccount,
];

pub const ADVISED: [Diagnosis; 6] = [
    Diagnosis::Throttling,
    Diagnosis::OneCaller,
    Diagnosis::Blind,
    Diagnosis::Late,
    Diagnosis::AwsHealth,
    Diagnosis::Unbelieved,
];

pub fn advised(diagnosis: Diagnosis) -> Advised {
    let reason = match diagnosis {
        Diagnosis::Throttling => {
            "aws-cli/2.31.0 at 192.0.2.7 made 1400 of 1610 calls within 120 s: 58 % of the published quota of 20 a \
             second for RegisterClient"
        }
        Diagnosis::OneCaller => {
            "ana@example.com alone failed 6 times within 5 minutes at CreateToken, while others were served"
        }
        Diagnosis::Blind => "neither eu-central-1 nor the region it is compared with answered at 08:00:30 UTC",
        Diagnosis::Late => "failures from 05:00 to 05:20 arrived too late to be acted on",
        Diagnosis::Unbelieved => "calls from made.up are not trusted (CallSources)",
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication
        | Diagnosis::OneAccount
        | Diagnosis::AwsHealth
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => "AWS Health reported a sign-in issue at 08:00:00 UTC",
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
