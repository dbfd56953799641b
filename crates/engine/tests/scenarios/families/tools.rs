//! Failures of one tool, alone or next to a failure of the service.

use triage_model::observation::Operation;

use super::company::{ACME, AWS_CLI, BOTO3, Company, IDE, PEOPLE, struck};
use super::maker::Maker;
use crate::call::{Call, Fault, Grant, INTERNAL, Who};
use crate::history::{DAY, HOUR, History, MINUTE, Seen};
use crate::true_incident::{Needs, OUTAGE, Page, REGION, Scope, TrueIncident};

const BREAKS: TrueIncident = TrueIncident {
    covers: |call, _| call.agent == ACME && call.operation == Operation::CreateToken,
    diagnoses: &["one_tool"],
    scope: Scope { tool: Some("acme-login/3.0"), ..REGION },
    page: Page::Never,
    probed_down: false,
    ..OUTAGE
};

/// People who have updated. The others have all kinds of tools, also other versions of this one.
const UPDATED: Company =
    Company { first: 1_000, people: 60, logins: 0.5, refreshes: 2.5, tools: &[(ACME, 1.0)], ..PEOPLE };
const OTHERS: Company = Company { refreshes: 6.0, ..PEOPLE };

pub fn version_breaks(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let incidents = vec![TrueIncident { from, to: from + 40.0 * MINUTE, ..BREAKS }];
    maker.work(&OTHERS, 0.0, 2.25 * HOUR, struck(&incidents, INTERNAL));
    maker.work(&UPDATED, 0.0, 2.25 * HOUR, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// Sixty people update over ten hours; each notices the failure, and returns to the old version some hours later.
pub fn over_a_day(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = DAY + 8.0 * HOUR;
    let to = from + 10.0 * HOUR;
    let incidents = vec![TrueIncident { from, to, ..BREAKS }];
    maker.days(&Company { refreshes: 3.0, ..OTHERS }, 0..2, struck(&incidents, INTERNAL));
    for person in UPDATED.first..UPDATED.first + UPDATED.people {
        let mut at = maker.between(from..to);
        for _ in 0..maker.rng.u32(1..=4) {
            maker.renew(&UPDATED, at, person, &mut struck(&incidents, INTERNAL));
            at += maker.between(20.0..90.0) * MINUTE;
        }
    }
    // Fixed: further tries are served.
    maker.work(&UPDATED, to, to + HOUR, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// No other tool occurs, so nothing points at the tool.
pub fn everybodys_tool(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let incidents = vec![TrueIncident { from, to: from + 20.0 * MINUTE, scope: REGION, ..OUTAGE }];
    let company = Company { tools: &[(AWS_CLI, 1.0)], refreshes: 6.0, ..PEOPLE };
    maker.work(&company, 0.0, 1.75 * HOUR, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// Three in five people have that tool: by chance a few affected callers may all have it, but not many.
pub fn ide_refreshes(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 30.0 * MINUTE + maker.between(0.0..120.0);
    let covers = |call: &Call, _| call.agent == IDE && call.grant == Some(Grant::Refresh);
    let scope = Scope { tool: Some("aws-toolkit-vscode/3.70.0"), ..REGION };
    let incidents = vec![TrueIncident { from, to: from + 30.0 * MINUTE, covers, scope, ..BREAKS }];
    let tools = &[(IDE, 0.6), (AWS_CLI, 0.25), (BOTO3, 0.15)];
    let company = Company { people: 1_000, logins: 2.0, refreshes: 40.0, tools, ..PEOPLE };
    maker.work(&company, 0.0, 80.0 * MINUTE, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// Six people with other tools, for whom every token request fails with a 500 at the same time.
pub fn tool_and_aws(seed: u64) -> History {
    const HIT: std::ops::Range<u64> = 0..6;
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let to = from + 45.0 * MINUTE;
    // If both begin at once, they can only be distinguished once most affected people have the tool.
    let (after, grace) = if seed.is_multiple_of(2) { (12.0 * MINUTE, 0.0) } else { (0.0, 20.0 * MINUTE) };
    let covers =
        |call: &Call, _| call.agent != ACME && matches!(call.who, Who::Person(person) if HIT.contains(&person));
    let of_aws = TrueIncident { from: from + after, to, covers, scope: REGION, ..OUTAGE };
    let incidents = vec![TrueIncident { from, to, grace, ..BREAKS }, of_aws];
    maker.work(&OTHERS, 0.0, to + 30.0 * MINUTE, struck(&incidents, INTERNAL));
    let updated = Company { refreshes: 10.0, ..UPDATED };
    maker.work(&updated, 0.0, to + 30.0 * MINUTE, struck(&incidents, INTERNAL));
    // They try to sign in again every few minutes.
    for person in HIT {
        let mut at = from + after + maker.between(0.0..8.0) * MINUTE;
        while at < to + 20.0 * MINUTE {
            maker.renew(&OTHERS, at, person, &mut struck(&incidents, INTERNAL));
            at += maker.between(3.0..8.0) * MINUTE;
        }
    }
    History::of(maker.records, incidents)
}

/// A company that works around the clock has a broken tool, and still gets a page for an outage.
pub fn never_mended(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let end = 2.0 * DAY;
    let from = DAY + 2.0 * HOUR + maker.between(0.0..HOUR);
    let covers = |call: &Call, _| call.agent != ACME;
    let outage = TrueIncident { from, to: from + 30.0 * MINUTE, covers, scope: REGION, ..OUTAGE };
    let incidents = vec![TrueIncident { from: HOUR, to: f64::INFINITY, ..BREAKS }, outage];
    let others = Company { logins: 0.2, refreshes: 1.0, ..OTHERS };
    maker.work(&others, 0.0, end, struck(&incidents, INTERNAL));
    let updated = Company { logins: 0.01, refreshes: 0.1, ..UPDATED };
    maker.work(&updated, 0.0, 2.0 * HOUR, struck(&incidents, INTERNAL));
    // All update in the first hour.
    maker.work(&Company { refreshes: 1.0, ..updated }, HOUR, 2.0 * HOUR, struck(&incidents, INTERNAL));
    maker.work(&updated, 2.0 * HOUR, end, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// Somebody guesses codes from many addresses. All others are served, and nothing would prove its end.
pub fn guessing(seed: u64) -> History {
    const TOOL: &str = "python-requests/2.32.3";
    const FAULTS: [Fault; 2] = [
        Fault { code: "InvalidGrantException", message: None },
        Fault { code: "InvalidClientException", message: None },
    ];
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let to = from + 30.0 * MINUTE;
    let incidents = vec![TrueIncident {
        from,
        to,
        covers: |call, _| call.agent == TOOL,
        shows: |fault| FAULTS.contains(&fault),
        scope: Scope { tool: Some(TOOL), ..REGION },
        needs: Needs::Callers(10),
        must_end: false,
        ..BREAKS
    }];
    maker.work(&Company { logins: 2.0, ..OTHERS }, 0.0, 2.0 * HOUR, struck(&[], INTERNAL));
    for address in 30_000..30_400 {
        let call = Call { who: Who::Nobody, agent: TOOL, address, ..OTHERS.token(address, Grant::DeviceCode) };
        let mut at = maker.between(from..to - 3.0 * MINUTE);
        for _ in 0..maker.rng.u32(1..=4) {
            let fault = FAULTS[usize::from(maker.rng.f64() < 0.3)];
            maker.record(Seen::CloudTrail, call, at, Some(fault));
            at += maker.between(5.0..40.0);
        }
    }
    History::of(maker.records, incidents)
}
