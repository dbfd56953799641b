//! What one tool does wrong, alone or beside the service.

use triage_model::observation::Operation;

use super::company::{ACME, AWS_CLI, BOTO3, Company, IDE, PEOPLE, struck};
use super::maker::Maker;
use crate::call::{Call, Fault, Grant, INTERNAL, Who};
use crate::history::{DAY, HOUR, History, MINUTE, Seen};
use crate::trouble::{Needs, OUTAGE, Page, REGION, Scope, Trouble};

const BREAKS: Trouble = Trouble {
    covers: |call, _| call.agent == ACME && call.operation == Operation::CreateToken,
    diagnoses: &["one_tool"],
    scope: Scope { tool: Some("acme-login/3.0"), ..REGION },
    page: Page::Never,
    probed_down: false,
    ..OUTAGE
};

/// Those who have updated. The others have all kinds of tools, among them other versions of it.
const UPDATED: Company =
    Company { first: 1_000, people: 60, logins: 0.5, refreshes: 2.5, tools: &[(ACME, 1.0)], ..PEOPLE };
const OTHERS: Company = Company { refreshes: 6.0, ..PEOPLE };

pub fn version_breaks(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let troubles = vec![Trouble { from, to: from + 40.0 * MINUTE, ..BREAKS }];
    maker.work(&OTHERS, 0.0, 2.25 * HOUR, struck(&troubles, INTERNAL));
    maker.work(&UPDATED, 0.0, 2.25 * HOUR, struck(&troubles, INTERNAL));
    History::of(maker.records, troubles)
}

/// Sixty people update over ten hours; each finds it broken, and goes back to the old version some hours later.
pub fn over_a_day(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = DAY + 8.0 * HOUR;
    let to = from + 10.0 * HOUR;
    let troubles = vec![Trouble { from, to, ..BREAKS }];
    maker.days(&Company { refreshes: 3.0, ..OTHERS }, 0..2, struck(&troubles, INTERNAL));
    for person in UPDATED.first..UPDATED.first + UPDATED.people {
        let mut at = maker.between(from..to);
        for _ in 0..maker.rng.u32(1..=4) {
            maker.renew(&UPDATED, at, person, &mut struck(&troubles, INTERNAL));
            at += maker.between(20.0..90.0) * MINUTE;
        }
    }
    // Mended: whoever tries it again is served.
    maker.work(&UPDATED, to, to + HOUR, struck(&troubles, INTERNAL));
    History::of(maker.records, troubles)
}

/// No other tool is seen, so nothing says that it is the tool.
pub fn everybodys_tool(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let troubles = vec![Trouble { from, to: from + 20.0 * MINUTE, scope: REGION, ..OUTAGE }];
    let company = Company { tools: &[(AWS_CLI, 1.0)], refreshes: 6.0, ..PEOPLE };
    maker.work(&company, 0.0, 1.75 * HOUR, struck(&troubles, INTERNAL));
    History::of(maker.records, troubles)
}

/// Three in five have that tool: chance alone puts a few hit callers all there, but not many.
pub fn ide_refreshes(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 30.0 * MINUTE + maker.between(0.0..120.0);
    let covers = |call: &Call, _| call.agent == IDE && call.grant == Some(Grant::Refresh);
    let scope = Scope { tool: Some("aws-toolkit-vscode/3.70.0"), ..REGION };
    let troubles = vec![Trouble { from, to: from + 30.0 * MINUTE, covers, scope, ..BREAKS }];
    let tools = &[(IDE, 0.6), (AWS_CLI, 0.25), (BOTO3, 0.15)];
    let company = Company { people: 1_000, logins: 2.0, refreshes: 40.0, tools, ..PEOPLE };
    maker.work(&company, 0.0, 80.0 * MINUTE, struck(&troubles, INTERNAL));
    History::of(maker.records, troubles)
}

/// Six of those with other tools, for whom every token is refused with a 500 at the same time.
pub fn tool_and_aws(seed: u64) -> History {
    const HIT: std::ops::Range<u64> = 0..6;
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let to = from + 45.0 * MINUTE;
    // Where both begin at once, it takes until most of those hit have the tool before it can be told apart.
    let (after, grace) = if seed.is_multiple_of(2) { (12.0 * MINUTE, 0.0) } else { (0.0, 20.0 * MINUTE) };
    let covers =
        |call: &Call, _| call.agent != ACME && matches!(call.who, Who::Person(person) if HIT.contains(&person));
    let of_aws = Trouble { from: from + after, to, covers, scope: REGION, ..OUTAGE };
    let troubles = vec![Trouble { from, to, grace, ..BREAKS }, of_aws];
    maker.work(&OTHERS, 0.0, to + 30.0 * MINUTE, struck(&troubles, INTERNAL));
    let updated = Company { refreshes: 10.0, ..UPDATED };
    maker.work(&updated, 0.0, to + 30.0 * MINUTE, struck(&troubles, INTERNAL));
    // They want to sign in, and try again every few minutes.
    for person in HIT {
        let mut at = from + after + maker.between(0.0..8.0) * MINUTE;
        while at < to + 20.0 * MINUTE {
            maker.renew(&OTHERS, at, person, &mut struck(&troubles, INTERNAL));
            at += maker.between(3.0..8.0) * MINUTE;
        }
    }
    History::of(maker.records, troubles)
}

/// A company that works around the clock lives with it, and is to be woken all the same.
pub fn never_mended(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let end = 2.0 * DAY;
    let from = DAY + 2.0 * HOUR + maker.between(0.0..HOUR);
    let covers = |call: &Call, _| call.agent != ACME;
    let outage = Trouble { from, to: from + 30.0 * MINUTE, covers, scope: REGION, ..OUTAGE };
    let troubles = vec![Trouble { from: HOUR, to: f64::INFINITY, ..BREAKS }, outage];
    let others = Company { logins: 0.2, refreshes: 1.0, ..OTHERS };
    maker.work(&others, 0.0, end, struck(&troubles, INTERNAL));
    let updated = Company { logins: 0.01, refreshes: 0.1, ..UPDATED };
    maker.work(&updated, 0.0, 2.0 * HOUR, struck(&troubles, INTERNAL));
    // The first hour is when they all update.
    maker.work(&Company { refreshes: 1.0, ..updated }, HOUR, 2.0 * HOUR, struck(&troubles, INTERNAL));
    maker.work(&updated, 2.0 * HOUR, end, struck(&troubles, INTERNAL));
    History::of(maker.records, troubles)
}

/// Somebody tries codes from everywhere. All others are served, and there is nothing that would prove its end.
pub fn guessing(seed: u64) -> History {
    const TOOL: &str = "python-requests/2.32.3";
    const FAULTS: [Fault; 2] = [
        Fault { code: "InvalidGrantException", message: None },
        Fault { code: "InvalidClientException", message: None },
    ];
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let to = from + 30.0 * MINUTE;
    let troubles = vec![Trouble {
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
    History::of(maker.records, troubles)
}
