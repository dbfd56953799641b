//! Samples that the tests record and decide on.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use triage_decide::concern::Concern;
use triage_decide::evidence::Seen;
use triage_decide::evidence::mark::{Answered, Mark, ServedCall, Traits};
use triage_decide::ledger::{Alarm, Incident, Ledger};
use triage_decide::probe::StepState;
use triage_decide::testing::marks::opened_incident;
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::store::{At, Recorded, Store};
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::{HealthIssue, Operation, Origin};
use triage_model::region::{KnownRegions, Region};
use triage_notify::letter::{Channel, Letter, Step};
use triage_notify::notice::{Advice, Impact, Merged, Notice, NoticeKind, Times};

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A store call at that second, with enough time.
pub fn on(second: i64) -> At {
    when(at(second))
}

pub fn when(now: Timestamp) -> At {
    At { now, until: Instant::now() + Duration::from_secs(60) }
}

/// Records like a sandbox that has seen none of these failures in an event before.
pub trait See: Store {
    async fn see(&self, region: &Region, seen: &Seen, now: Timestamp) -> Recorded {
        let marks = &seen.failures;
        let first: Vec<bool> = (0..marks.len()).map(|n| !marks[..n].contains(&marks[n])).collect();
        self.record(region, seen, &first, when(now)).await
    }
}

impl<S: Store> See for S {}

pub fn region(name: &str) -> Region {
    KnownRegions::default().find(name).unwrap()
}

pub fn us() -> Region {
    region("us-east-1")
}

pub fn mark(caller: u64, id: u32, second: i64) -> Mark {
    Mark {
        at: at(second),
        caller: CallerHash::from_bits(caller),
        operation: Some(Operation::CreateToken),
        cause: Cause::Service,
        origin: Origin::CloudTrail,
        kms: false,
        region_assumed: false,
        label: 7,
        traits: Traits { tool: 9, product: 8, ..Traits::default() },
        id,
    }
}

pub fn failures(marks: impl IntoIterator<Item = Mark>) -> Seen {
    Seen { failures: marks.into_iter().collect(), ..Seen::default() }
}

pub fn answered(caller: u64, second: i64) -> Answered {
    let call = ServedCall {
        at: at(second),
        caller: CallerHash::from_bits(caller),
        operation: Some(Operation::CreateToken),
        origin: Origin::CloudTrail,
        traits: Traits::default(),
        pending: false,
        was_hit: false,
    };
    Answered { call, served: true }
}

pub fn all_answered(answered: impl IntoIterator<Item = Answered>) -> Seen {
    Seen { answered: answered.into_iter().collect(), ..Seen::default() }
}

pub fn notice(sequence: u32) -> Notice {
    Notice {
        id: format!("us-east-1-1#{sequence}"),
        incident: Some("us-east-1-1".into()),
        sequence,
        kind: if sequence == 1 { NoticeKind::Opened } else { NoticeKind::Changed },
        diagnosis: Diagnosis::Outage,
        severity: Severity::Page,
        test: false,
        region: us(),
        scope: None,
        recovering: false,
        at: at(0),
        reasons: vec!["7 of 9 callers failed".into()],
        subject: format!("notice {sequence}"),
        title: format!("title {sequence}"),
        news: None,
        headline: vec!["text with \"quotes\" and ä".into()],
        times: Times { since: Some(at(-20)), ..Times::default() },
        impact: Impact { callers: 7, names: vec!["ana@example.com".into()], ..Impact::default() },
        operations: vec![Operation::CreateToken],
        probe: Some(StepState::Down),
        aws_health: true,
        proved: None,
        weighed: vec![],
        advice: Advice { now: vec!["Wait.".into()], users: None },
        quiet_s: None,
        alarm: (sequence == 1).then_some(Alarm::Alarm),
        updates_alert: false,
        merged: Merged::default(),
        note: None,
        silenced: None,
        acknowledged: None,
        silence: None,
        unresolved: None,
        error_budget: None,
        replicas: vec![],
        cut: false,
    }
}

/// From the ledger after the earlier notices: those of these sequences are sent.
pub fn step(sequences: std::ops::RangeInclusive<u32>) -> Step {
    let ledger = Ledger { incident: Some(incident()), next_position: u64::from(*sequences.end()), ..Ledger::default() };
    let letters = sequences.map(|sequence| Letter { channel: Channel::Topic, notice: notice(sequence) });
    Step { ledger, letters: letters.collect(), withheld: 0, with: Vec::new() }
}

/// An open incident.
pub fn incident() -> Incident {
    Incident {
        id: "us-east-1-1".into(),
        region: us(),
        enough_at: at(-20),
        callers: 7,
        reported_callers: 7,
        reported_operations: [Operation::CreateToken].into(),
        is_paged: false,
        ..opened_incident(Diagnosis::Outage, Concern::Service, at(-20), at(0))
    }
}

pub fn issue(region: Option<Region>, second: i64, description: &str) -> HealthIssue {
    HealthIssue {
        event_arn: "arn:aws:health:::event/1".into(),
        service: "SSO".into(),
        event_type_code: "AWS_SSO_OPERATIONAL_ISSUE".into(),
        region,
        started_at: None,
        ended_at: None,
        description: description.into(),
        occurred_at: at(second),
    }
}
