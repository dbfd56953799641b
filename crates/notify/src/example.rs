//! Made-up verdicts, one of each diagnosis that anybody is notified of: what a test notice is made of.
//!
//! In: a diagnosis, and the time at which it is reported. Out: a verdict as the decision would give it, or the advice.
//! Three of four people fail for three minutes. Every name and number is invented, and no caller is anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::cell::Dimension;
use triage_decide::concern::Concern;
use triage_decide::scope::{Scope, Shared};
use triage_decide::verdict::{
    Advised, Diagnosis, Evaluation, FAILURES_COUNTED_S, FailedRequest, FailingPart, Talking, Verdict, Weighing,
};
use triage_model::caller::CallerHash;
use triage_model::observation::{Operation, Origin};
use triage_model::time::before;

/// The first and the latest failure, before the time of the report. So long that it is a page at once.
const BEGAN: Duration = Duration::from_secs(180);
const LATEST: Duration = Duration::from_secs(5);

const NAMES: [&str; 3] = ["ana@example.com", "ben@example.com", "eva@example.com"];
const CALLERS: u64 = 3;
const SEEN: u64 = 4;

/// What callers share, where a diagnosis is about that.
const SHARED: [(Diagnosis, Dimension, &str); 4] = [
    (Diagnosis::OneTool, Dimension::Tool, "acme-login/3.0"),
    (Diagnosis::OneNetwork, Dimension::Network, "192.0.2.7"),
    (Diagnosis::OneAccount, Dimension::Account, "444455556666"),
    (
        Diagnosis::OneApplication,
        Dimension::Application,
        "arn:aws:sso::111122223333:application/ssoins-1111222233334444/apl-made-up",
    ),
];

/// A region in which that happens. Of a diagnosis that opens no incident, the verdict is quiet, with the advice.
pub fn evaluation(diagnosis: Diagnosis, hides_names: bool, now: Timestamp) -> Evaluation {
    let verdict = if diagnosis.is_incident() {
        failing(diagnosis, hides_names, now)
    } else {
        Verdict { advised: vec![advised(diagnosis, now)], ..Verdict::quiet() }
    };
    match verdict.apart {
        None => Evaluation { region: verdict, apart: Vec::new() },
        Some(_) => Evaluation { region: Verdict::quiet(), apart: vec![verdict] },
    }
}

/// The same region, once nothing fails any more.
pub fn over(evaluation: &Evaluation) -> Evaluation {
    let apart = evaluation.apart.iter().map(|verdict| Verdict { apart: verdict.apart, ..Verdict::quiet() });
    Evaluation { region: Verdict::quiet(), apart: apart.collect() }
}

fn failing(diagnosis: Diagnosis, hides_names: bool, now: Timestamp) -> Verdict {
    let (since, latest) = (before(now, BEGAN), before(now, LATEST));
    let shared = SHARED.iter().find(|(of, ..)| *of == diagnosis);
    let shared = shared.map(|(_, dimension, name)| Shared { dimension: *dimension, hash: 1, name: (*name).to_owned() });
    let operation =
        if diagnosis == Diagnosis::OneApplication { Operation::CreateTokenWithIam } else { Operation::CreateToken };
    let concern = concern(diagnosis, operation);
    let code = match &concern {
        Concern::Service => "InternalServerException".to_owned(),
        Concern::Admin { name, .. } | Concern::Request { name, .. } => name.clone(),
    };
    let names = NAMES
        .iter()
        .enumerate()
        .map(|(number, name)| if hides_names { format!("{:08x}", 0x5e57_0001 + number) } else { (*name).to_owned() });
    let opening = format!("made up: {CALLERS} of {SEEN} callers failed on {} in 3 minutes", operation.as_str());
    let request = |number: u64| FailedRequest {
        at: before(now, LATEST * u32::try_from(number).unwrap_or(1)),
        id: Some(format!("made-up-request-{number}")),
        operation: Some(operation),
        code: code.clone(),
    };
    let tool = shared.as_ref().filter(|shared| shared.dimension == Dimension::Tool);
    let tool = tool.map_or_else(|| "aws-cli/2.31.0".to_owned(), |shared| shared.name.clone());
    Verdict {
        apart: shared.as_ref().map(Shared::key),
        diagnosis,
        concern,
        scope: Scope { shared, ..Scope::default() },
        opening: Some(opening.clone()),
        reasons: vec![opening, "made up: 1 caller was served in the 5 minutes before".to_owned()],
        weighed: weighed(),
        active: 4,
        served: 1,
        callers: 3,
        names: names.collect(),
        victims: callers(CALLERS),
        seen: callers(SEEN),
        parts: vec![FailingPart { operation: Some(operation), grant: None, since, latest, is_enough: true }],
        failures: 6,
        failures_at: BTreeMap::from([(now.as_second().div_euclid(FAILURES_COUNTED_S), 6)]),
        since: Some(since),
        latest: Some(latest),
        latest_of_many: Some(latest),
        enough_at: Some(now),
        codes: vec![(code.clone(), 6)],
        tools: vec![(tool, 6)],
        operations: BTreeMap::from([(operation, 6)]),
        requests: (1..=CALLERS).map(request).collect(),
        ..Verdict::quiet()
    }
}

fn concern(diagnosis: Diagnosis, operation: Operation) -> Concern {
    match diagnosis {
        Diagnosis::Misconfigured => Concern::Admin { label: 1, name: "KMS_DisabledException".to_owned(), key: true },
        Diagnosis::Suspected => {
            Concern::Request { label: 1, name: "InvalidRequestException".to_owned(), operation: Some(operation) }
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
        | Diagnosis::Quiet => Concern::Service,
    }
}

fn callers(many: u64) -> BTreeMap<Origin, BTreeSet<CallerHash>> {
    BTreeMap::from([(Origin::CloudTrail, (0..many).map(CallerHash::from_bits).collect())])
}

fn advised(diagnosis: Diagnosis, now: Timestamp) -> Advised {
    let who = "acme-login/3.0 at 192.0.2.7";
    let reason = match diagnosis {
        Diagnosis::Throttling => format!("{who} made 1400 of 1610 calls within 120 s"),
        Diagnosis::OneCaller => format!("{} alone failed 6 times within 5 minutes, while others were served", NAMES[0]),
        Diagnosis::Blind => "neither this region nor the one it is compared with answered".to_owned(),
        Diagnosis::Late => "12 failures arrived more than an hour late".to_owned(),
        Diagnosis::AwsHealth => "AWS Health reported an issue of the service".to_owned(),
        Diagnosis::Unbelieved => "calls from made.up are not accepted (CallSources)".to_owned(),
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication
        | Diagnosis::OneAccount
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => "nothing".to_owned(),
    };
    let talking = Talking { who: who.to_owned(), quota: 20, calls: "RegisterClient" };
    Advised {
        diagnosis,
        key: format!("made up at {now}"),
        quiet_for: Duration::from_secs(1),
        reasons: vec![format!("made up: {reason}")],
        talking: (diagnosis == Diagnosis::Throttling).then_some(talking),
    }
}

fn weighed() -> [Weighing; 3] {
    let weighing = |(cause, speaks_for, speaks_against): (_, Option<&str>, &str)| Weighing {
        cause,
        speaks_for: speaks_for.map(str::to_owned).into_iter().collect(),
        speaks_against: vec![speaks_against.to_owned()],
    };
    let [outage, throttling, input] = Weighing::CAUSES;
    [
        (outage, Some("made up: 3 of 4 callers failed"), "made up: no issue of AWS Health"),
        (throttling, None, "made up: no call was refused as throttled"),
        (input, None, "made up: no call was refused as invalid"),
    ]
    .map(weighing)
}
