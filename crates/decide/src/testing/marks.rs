//! What the tests of the statistics share: times in seconds after a noon, callers by number.

use std::collections::BTreeSet;

use jiff::Timestamp;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::observation::{Operation, Origin};
use triage_model::region::KnownRegions;

use crate::concern::Concern;
use crate::evidence::mark::{Answered, Mark, ServedCall};
use crate::ledger::Incident;
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
        label: 1,
        tool: 0,
        id: (second as u32).wrapping_mul(1_000_003) ^ by as u32,
    }
}

pub fn served(second: i64, by: u64) -> Answered {
    let operation = Some(Operation::CreateToken);
    let call = ServedCall { at: at(second), caller: caller(by), operation, origin: Origin::CloudTrail };
    Answered { call, served: true }
}

/// An open incident of the service.
pub fn incident(since: i64, opened: i64) -> Incident {
    Incident {
        id: "us-east-1-1".into(),
        region: KnownRegions::default().find("us-east-1").unwrap(),
        diagnosis: Diagnosis::Outage,
        severity: Severity::Page,
        concern: Concern::Service,
        opened_at: at(opened),
        since: at(since),
        enough_at: at(opened),
        resolved_at: None,
        reopened: 0,
        reopened_at: None,
        callers: 3,
        opening: None,
        reasons: Vec::new(),
        sequence: 1,
        told_at: at(opened),
        changed_at: None,
        told_callers: 3,
        told_operations: BTreeSet::new(),
        told_health: false,
        is_paged: false,
        alarm_change: None,
    }
}
