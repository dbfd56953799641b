//! What the tests of the statistics share: times in seconds after a noon, callers by number.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::{Operation, Origin};
use triage_model::region::KnownRegions;

use crate::concern::Concern;
use crate::evidence::mark::{Answered, Mark, ServedCall, Traits};
use crate::ledger::Incident;
use crate::scope::Scope;
use crate::verdict::{Diagnosis, Severity};

pub fn at(second: i64) -> Timestamp {
    // A slot begins in it.
    Timestamp::from_second(1_795_348_800 + second).unwrap()
}

pub fn caller(number: u64) -> CallerHash {
    CallerHash::from_bits(number)
}

/// A service failure of CreateToken, seen through CloudTrail, with an id of its second and caller.
pub fn failure(second: i64, by: u64) -> Mark {
    Mark {
        at: at(second),
        caller: caller(by),
        operation: Some(Operation::CreateToken),
        cause: Cause::Service,
        origin: Origin::CloudTrail,
        kms: false,
        region_assumed: false,
        label: 1,
        traits: Traits::default(),
        id: (second as u32).wrapping_mul(1_000_003) ^ by as u32,
    }
}

pub fn served(second: i64, by: u64) -> Answered {
    let operation = Some(Operation::CreateToken);
    let call = ServedCall {
        at: at(second),
        caller: caller(by),
        operation,
        origin: Origin::CloudTrail,
        traits: Traits::default(),
        pending: false,
        was_hit: false,
    };
    Answered { call, served: true }
}

/// An open incident of the service.
pub fn incident(since: i64, opened: i64) -> Incident {
    Incident {
        callers: 3,
        reported_callers: 3,
        ..opened_incident(Diagnosis::Outage, Concern::Service, at(since), at(opened))
    }
}

/// An incident that was just opened, of three callers that nobody knows.
pub fn opened_incident(diagnosis: Diagnosis, concern: Concern, since: Timestamp, opened: Timestamp) -> Incident {
    Incident {
        id: "us-east-1-1".into(),
        region: KnownRegions::default().find("us-east-1").unwrap(),
        diagnosis,
        severity: diagnosis.severity(),
        concern,
        scope: Scope::default(),
        opened_at: opened,
        first_failure: Some(since),
        last_failure: Some(since),
        since,
        enough_at: opened,
        resolved_at: None,
        proved: false,
        reopened: 0,
        reopened_at: None,
        parts: Vec::new(),
        callers: 3,
        victims: BTreeMap::new(),
        people: false,
        seen: BTreeMap::new(),
        failures_at: BTreeMap::new(),
        failures_before: 0,
        probe_failed: false,
        probe_failed_at: None,
        earlier: Default::default(),
        opening: None,
        chance_years: None,
        silent_since: None,
        noted_at: Some(opened),
        was_of_region: false,
        refuted: Vec::new(),
        reasons: Vec::new(),
        sequence: 1,
        notified_at: opened,
        changed_at: None,
        reported_callers: 3,
        reported_operations: BTreeSet::new(),
        reported_health: false,
        is_paged: diagnosis.severity() == Severity::Page,
        alarm_change: None,
        withheld: None,
        acknowledged: None,
        among: Default::default(),
    }
}
