//! One of everything that the table can hold, with every member set: the samples of a format are made of it.

use std::collections::BTreeMap;
use std::time::Duration;

use triage_decide::cell::{Cell, Dimension};
use triage_decide::concern::Concern;
use triage_decide::distinct::DistinctCallers;
use triage_decide::evidence::learned::{CellCalls, Crowd, Learned, Streak};
use triage_decide::evidence::mark::{Answered, Mark, Names, Quota, ServedCall, Talker, Traits};
use triage_decide::evidence::slot::MARKS_MAX;
use triage_decide::evidence::sums::Sums;
use triage_decide::evidence::{Evidence, Seen};
use triage_decide::ledger::{Alarm, Earlier as EarlierRun, Incident, Ledger, Part};
use triage_decide::probe::{Control, ProbeAnswer, ProbeStep, StepState};
use triage_decide::probe_record::{ProbeRecord, Registration, StepRecord};
use triage_decide::proof_so_far::ProofSoFar;
use triage_decide::replica::{AmongReplicas, Standing};
use triage_decide::scope::{Scope, Shared, SharedKey};
use triage_decide::silence::{
    Acknowledged, Known, Limit, Missed, MissedAdvice, Silence, SilenceScope, SilencedBy, Withheld,
};
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::status_page::{WriteTrouble, Written};
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::fault::Fault;
use triage_model::grant::Grant;
use triage_model::observation::{HealthIssue, Operation, Origin};
use triage_notify::letter::{Channel, Step};
use triage_notify::notice::{
    AcknowledgedBy, Advice, BudgetCost, Earlier, Impact, Merged, MissedIncident, NamedScope, Notice, NoticeKind,
    ReplicaFacts, Request, SilenceFacts, Tally, Times, Unresolved, Weighed,
};
use triage_notify::status::data::{Outward, Phase, State};
use triage_notify::status::kept::Kept;

use crate::samples::{answered, at, incident, issue, mark, region, us};

const APPLICATION: &str = "arn:aws:sso::111122223333:application/ssoins-1/apl-1";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0123abcd";

/// Of every cause, operation, origin and grant, with all names; and a caller in a loop, of whom not all marks are kept.
pub fn seen() -> Seen {
    let operations = || Operation::ALL.into_iter().map(Some).chain([None]);
    let grants = || Grant::ALL.into_iter().map(Some).chain([None]);
    let mut failures = Vec::new();
    for (nth, cause) in (0_u32..).zip(Cause::ALL) {
        let operation = operations().cycle().nth(nth as usize).unwrap();
        let traits = Traits {
            grant: grants().cycle().nth(nth as usize).unwrap(),
            tool: 9,
            product: 8,
            network: 11,
            application: if nth % 2 == 0 { 0 } else { 12 },
            account: 13,
            crowd: nth % 3 == 0,
        };
        let origin = Origin::ALL[nth as usize % Origin::ALL.len()];
        let (kms, region_assumed) = (cause == Cause::Admin, origin == Origin::Logs);
        let label = if kms { 6 } else { 7 };
        let of_cause = mark(u64::from(nth) + 1, nth + 1, i64::from(nth));
        failures.push(Mark { operation, cause, origin, kms, region_assumed, label, traits, ..of_cause });
    }
    failures.extend((0..MARKS_MAX as u32 + 3).map(|n| Mark { cause: Cause::Request, ..mark(50, 1_000 + n, 100) }));
    let served = |caller, operation, pending, crowd| {
        let traits = Traits {
            grant: Some(Grant::DeviceCode),
            tool: 9,
            product: 8,
            network: 11,
            application: 0,
            account: 13,
            crowd,
        };
        let call = ServedCall { operation, pending, traits, origin: Origin::Logs, ..answered(caller, 30).call };
        Answered { call, served: true }
    };
    Seen {
        failures,
        answered: vec![
            answered(20, 31),
            // Affected before.
            answered(1, 40),
            Answered { served: false, ..answered(21, 32) },
            served(22, Some(Operation::CreateToken), true, false),
            served(23, Some(Operation::CreateTokenWithIam), false, true),
            served(24, None, false, false),
        ],
        talks: Quota::ALL.into_iter().map(|quota| (at(50), Talker { who: 0xabc, quota })).collect(),
        names: Names {
            callers: [(1, "ana@example.com".into()), (2, "role/ci \u{e4}".into())].into(),
            labels: [(6, "KMS key disabled".into()), (7, "InternalServerException".into())].into(),
            tools: [(8, "aws-cli".into()), (9, "aws-cli/2.31.0".into())].into(),
            networks: [(11, "192.0.2.7".into())].into(),
            applications: [(12, APPLICATION.into())].into(),
            accounts: [(13, "444455556666".into())].into(),
            keys: [(6, KEY.into())].into(),
            talkers: [(0xabc, "aws-cli/2.31.0 at 192.0.2.7".into())].into(),
            requests: [(1, "request-1".into()), (5, "request-5".into())].into(),
        },
    }
}

fn callers(many: u64) -> DistinctCallers {
    let mut callers = DistinctCallers::default();
    callers.add(&(1..=many).map(CallerHash::from_bits).collect(), many as usize + 2);
    callers
}

fn scope() -> Scope {
    Scope {
        operations: Some([Operation::CreateToken, Operation::StartDeviceAuthorization].into()),
        grant: Some(Grant::RefreshToken),
        shared: Some(Shared { dimension: Dimension::Tool, hash: 9, name: "aws-cli/2.31.0".into() }),
    }
}

fn part() -> Part {
    let so_far = ProofSoFar {
        until: at(110),
        sum: 1.5,
        share: 0.25,
        zero_at: at(90),
        served: 3.0,
        failed: 1.0,
        callers: [1, 20].into(),
        all_served: 4.0,
        all_failed: 9.0,
        proved_at: Some(at(109)),
    };
    Part {
        operation: Some(Operation::CreateToken),
        grant: Some(Grant::RefreshToken),
        since: at(0),
        last_failure: at(100),
        so_far: Some(so_far),
        proved_at: Some(at(109)),
    }
}

fn rich_incident(id: &str, concern: Concern, scope: Scope) -> Incident {
    Incident {
        id: id.into(),
        concern,
        scope,
        resolved_at: None,
        proved: true,
        reopened: 1,
        reopened_at: Some(at(60)),
        parts: vec![part(), Part { operation: None, grant: None, so_far: None, proved_at: None, ..part() }],
        callers: 7,
        victims: [(Origin::CloudTrail, callers(3)), (Origin::Logs, callers(2))].into(),
        people: true,
        seen: [(Origin::CloudTrail, callers(9))].into(),
        failures_at: [(at(0).as_second(), 4), (at(60).as_second(), 5)].into(),
        failures_before: 2,
        probe_failed: true,
        probe_failed_at: Some(at(99)),
        earlier: EarlierRun {
            victims: [(Origin::CloudTrail, DistinctCallers::default())].into(),
            seen: [(Origin::Logs, DistinctCallers::default())].into(),
            failed_calls: 3,
            over_for: Duration::from_secs(720),
        },
        opening: Some("7 of 9 people failed".into()),
        chance_years: Some(12.5),
        silent_since: Some(at(105)),
        was_of_region: true,
        refuted: vec![SharedKey { dimension: Dimension::Network, hash: 11 }],
        reasons: vec!["7 of 9 callers failed".into()],
        sequence: 3,
        changed_at: Some(at(70)),
        reported_health: true,
        is_paged: true,
        alarm_change: Some(Alarm::Alarm),
        withheld: Some(Withheld {
            silence: SilencedBy {
                id: "silence-20270115T080000Z-1a2b".into(),
                by: "ana".into(),
                reason: "maintenance".into(),
                until: at(7200),
            },
            known: Known::Open,
        }),
        acknowledged: Some(Acknowledged { by: Some("eva".into()), at: at(100), until: at(28_900) }),
        among: AmongReplicas {
            part_of: Some("eu-west-1-20270115T080000Z".into()),
            linked: Some(region("eu-west-1")),
            regions: vec![],
        },
        ..incident()
    }
}

fn ledger() -> Ledger {
    let admin = Concern::Admin { label: 6, name: "KMS key disabled".into(), key: true };
    let request =
        Concern::Request { label: 5, name: "InvalidGrantException".into(), operation: Some(Operation::CreateToken) };
    Ledger {
        incident: Some(rich_incident("us-east-1-1", Concern::Service, Scope::default())),
        apart: vec![
            rich_incident("us-east-1-2", request, scope()),
            Incident { resolved_at: Some(at(108)), ..rich_incident("us-east-1-3", admin, scope()) },
        ],
        replaced: vec![rich_incident("us-east-1-0", Concern::Service, Scope::default()).in_outline()],
        settled_until: Some(at(-600)),
        left_out: [(42, at(-60))].into(),
        advised: [("throttling".into(), at(-120))].into(),
        next_position: 0,
        silences: vec![silence()],
    }
}

fn silence() -> Silence {
    let incident = rich_incident("us-east-1-2", Concern::Service, scope());
    Silence {
        id: "silence-20270115T080000Z-1a2b".into(),
        scope: SilenceScope {
            operations: Some([Operation::CreateToken].into()),
            grant: Some(Grant::RefreshToken),
            limit: Some(Limit::Tool("acme-login/3.0".into())),
            incident: Some("us-east-1-2".into()),
        },
        regions: [us()].into(),
        by: "ana".into(),
        reason: "maintenance".into(),
        from: at(0),
        until: at(7200),
        ended_by: Some("ben".into()),
        announced: Some(at(7200)),
        speaks: true,
        missed: vec![Missed { notices: 2, ..incident.missed() }],
        missed_more: 1,
        advised: [(Diagnosis::Throttling, MissedAdvice { notices: 1, reason: Some("too many calls".into()) })].into(),
    }
}

pub fn kept() -> Kept {
    let incident = Outward {
        of: "us-east-1-1".into(),
        id: "us-east-1-20270115T080000Z".into(),
        region: us(),
        diagnosis: Diagnosis::OneTool,
        state: State::Degraded,
        phase: Phase::Resolved,
        title: "title".into(),
        lines: vec!["text with \"quotes\" and \u{e4}".into()],
        portal: Some((region("eu-west-1"), "https://d-1.eu-west-1.portal.amazonaws.com".into())),
        users: Some("for users".into()),
        operations: Some(vec![Operation::CreateToken]),
        tool: Some("aws-cli/2.31.0".into()),
        limited_by: "tool".into(),
        began: at(0),
        latest: Some(at(100)),
        lasted_s: 100,
        over_at: Some(at(108)),
        reopened: 1,
        opened_at: at(60),
        closed_at: Some(at(109)),
        callers: 7,
        about: true,
        people: true,
        seen: Some(9),
        failed_calls: 11,
    };
    Kept { incidents: vec![incident] }
}

pub fn written() -> Written {
    let trouble = WriteTrouble { detail: "there is no bucket".into(), action: "Create it.".into() };
    Written { noted_at: at(144), at: Some(at(84)), trouble: Some(trouble), feed: Some((0xabc, at(24))) }
}

pub fn notice() -> Notice {
    Notice {
        id: "us-east-1-1#3".into(),
        incident: Some("us-east-1-1".into()),
        sequence: 3,
        kind: NoticeKind::Changed,
        diagnosis: Diagnosis::Outage,
        severity: Severity::Page,
        test: false,
        region: us(),
        scope: Some(NamedScope {
            operations: Some(vec![Operation::CreateToken]),
            tool: Some("aws-cli/2.31.0".into()),
            network: Some("192.0.2.7".into()),
            application: Some(APPLICATION.into()),
            account: Some("444455556666".into()),
        }),
        recovering: true,
        at: at(131),
        title: "title".into(),
        subject: "subject".into(),
        headline: vec!["text with \"quotes\" and \u{e4}".into()],
        news: Some("7 people instead of 3".into()),
        times: Times {
            since: Some(at(0)),
            latest: Some(at(100)),
            reopened: 1,
            reopened_at: Some(at(60)),
            over_at: Some(at(130)),
            over_for_s: 720,
        },
        impact: Impact {
            callers: 7,
            about: true,
            people: true,
            seen: Some(9),
            names: vec!["ana@example.com".into()],
            failures: 11,
            codes: vec![Tally { name: "InternalServerException".into(), count: 11 }],
            operations: vec![Tally { name: "CreateToken".into(), count: 11 }],
            tools: vec![Tally { name: "aws-cli/2.31.0".into(), count: 11 }],
            accounts: vec![Tally { name: "444455556666".into(), count: 11 }],
            requests: vec![Request {
                at: at(0),
                id: Some("request-1".into()),
                operation: Some(Operation::CreateToken),
                code: "InternalServerException".into(),
            }],
        },
        operations: vec![Operation::CreateToken],
        probe: Some(StepState::Down),
        aws_health: true,
        proved: Some(true),
        reasons: vec!["7 of 9 callers failed".into()],
        weighed: vec![Weighed {
            cause: "an outage".into(),
            speaks_for: vec!["7 callers".into()],
            speaks_against: vec!["2 were served".into()],
        }],
        advice: Advice { now: vec!["Wait.".into()], users: Some("Sign-in fails.".into()) },
        quiet_s: Some(86_400),
        alarm: Some(Alarm::Alarm),
        updates_alert: true,
        merged: Merged {
            count: 1,
            notices: vec![Earlier {
                id: "us-east-1-1#2".into(),
                sequence: 2,
                kind: NoticeKind::Opened,
                at: at(60),
                summary: "degraded".into(),
            }],
            reasons: vec!["3 callers failed".into()],
        },
        note: Some("The table was unavailable.".into()),
        // Only the bus would take it then.
        silenced: None,
        acknowledged: Some(AcknowledgedBy { by: Some("eva".into()), at: at(100), until: at(28_900) }),
        silence: Some(SilenceFacts {
            id: "silence-20270115T080000Z-1a2b".into(),
            by: "ana".into(),
            reason: "maintenance".into(),
            from: at(0),
            until: at(7200),
            ended_by: Some("ben".into()),
            scope: NamedScope { tool: Some("acme-login/3.0".into()), ..NamedScope::default() },
            only: Some("us-east-1-2".into()),
            regions: vec![us()],
            incidents: vec![MissedIncident {
                id: "us-east-1-2".into(),
                diagnosis: Diagnosis::OneTool,
                severity: Severity::Warning,
                scope: NamedScope::default(),
                since: at(0),
                latest: at(60),
                over_at: Some(at(120)),
                callers: 7,
                seen: Some(9),
                failures: 12,
                notices: 2,
            }],
            more: 1,
            advice: vec![Tally { name: "throttling".into(), count: 1 }],
        }),
        unresolved: Some(Unresolved { ids: 2, reason: "AccessDeniedException".into() }),
        error_budget: Some(BudgetCost { target: 99.9, cost: 12.5 }),
        replicas: vec![ReplicaFacts {
            region: us(),
            state: Standing::Fails,
            since: Some(at(0)),
            portal: "https://d-1.us-east-1.portal.amazonaws.com".into(),
            linked: false,
            failed_from: Some(at(0)),
            failed_to: Some(at(100)),
        }],
        cut: true,
    }
}

/// The notice, to each channel.
pub fn step() -> Step {
    Step::new(ledger(), &[notice()], &[Channel::Topic, Channel::Pager, Channel::Bus])
}

pub fn learned() -> Learned {
    let succeeded: BTreeMap<_, _> = [(Origin::CloudTrail, at(-120)), (Origin::Logs, at(-240))].into();
    let calls = |calls| CellCalls { calls, succeeded: succeeded.clone() };
    Learned {
        first_seen: Some(at(-864_000)),
        until: Some(at(-900)),
        calls: 1_234,
        newly_hit: 5,
        succeeded: succeeded.clone(),
        cells: [
            (Cell::Operation(Operation::CreateToken), calls(1_000)),
            (Cell::Grant(Grant::DeviceCode), calls(200)),
            (Cell::Shared(Dimension::Application, 12), calls(34)),
        ]
        .into(),
        crowds: [(23, Crowd { day: 20_833, served: 9, before: 8 })].into(),
        hit: [(1, Streak { since: at(-7_200), last: at(-3_600) })].into(),
        sums: sums(),
    }
}

/// Of a served and a failed call, an hour before.
fn sums() -> Sums {
    let (mut evidence, then) = (Evidence::default(), at(-3_600));
    let call = ServedCall {
        at: then,
        caller: CallerHash::from_bits(8),
        operation: Some(Operation::CreateToken),
        origin: Origin::CloudTrail,
        traits: Traits::default(),
        pending: false,
        was_hit: false,
    };
    evidence.add_answered(&Answered { call, served: true });
    evidence.slot_mut(then).count_beyond((Cause::Service, Origin::CloudTrail), 1);
    let hour = Duration::from_secs(3_600);
    Sums::default().after(&evidence, hour, hour, at(0)).expect("a slot is complete")
}

pub fn probe() -> ProbeRecord {
    let fault = Fault {
        code: Some("InternalServerException".into()),
        status: Some(500),
        message: Some("an unexpected error".into()),
        reason: Some("made up".into()),
        request_id: Some("request-9".into()),
        retry_after: Some(Duration::from_millis(1_500)),
        no_answer: false,
    };
    let step = |operation, answer, fault| ProbeStep { operation, answer, fault, latency: Duration::from_millis(120) };
    ProbeRecord {
        latest: Some(ProbeAnswer {
            region: us(),
            at: at(139),
            steps: vec![
                step(Operation::RegisterClient, StepState::Healthy, None),
                step(Operation::CreateToken, StepState::Down, Some(fault)),
            ],
            control: Some(Control { region: region("us-west-2"), works: true }),
        }),
        steps: [(
            Operation::CreateToken,
            StepRecord {
                down_since: Some(at(60)),
                down_last: Some(at(139)),
                healthy_times: 1,
                healthy_since: Some(at(30)),
                healthy_last: Some(at(30)),
            },
        )]
        .into(),
        registration: Registration::new("client-1", "made-up-secret", at(-600)),
        renewed_at: Some(at(-600)),
        own_client_ids: vec!["client-1".into()],
        own_request_ids: vec!["request-9".into()],
    }
}

/// One of the region, over by now, and one that names no region.
pub fn issues() -> [HealthIssue; 2] {
    let here = HealthIssue { started_at: Some(at(0)), ended_at: Some(at(120)), ..issue(Some(us()), 130, "over") };
    [here, issue(None, 100, "everywhere")]
}
