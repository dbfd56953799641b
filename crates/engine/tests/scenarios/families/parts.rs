//! Failures in a part of a region: one operation, one application, one network.

use triage_model::observation::Operation;

use super::company::{Company, PEOPLE, struck};
use super::maker::Maker;
use crate::call::{Call, Fault, Grant, INTERNAL, OFFICE};
use crate::history::{DAY, HOUR, History, MINUTE, Seen};
use crate::true_incident::{Needs, OUTAGE, Page, REGION, Scope, TrueIncident};

use Operation::{CreateToken, CreateTokenWithIam, RegisterClient, StartDeviceAuthorization};

const REFUSED: Fault = Fault { code: "AccessDeniedException", message: None };

const DEVICE_DOWN: TrueIncident = TrueIncident {
    covers: |call, _| call.operation == StartDeviceAuthorization,
    scope: Scope { operations: Some(&[StartDeviceAuthorization]), ..REGION },
    ..OUTAGE
};

/// In the afternoon few people sign in, next to fifty times as many served calls.
pub fn device_down(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let incidents = vec![TrueIncident { from, to: from + 45.0 * MINUTE, ..DEVICE_DOWN }];
    let company = Company { people: 800, logins: 0.4, refreshes: 20.0, ..PEOPLE };
    maker.work(&company, 0.0, 2.25 * HOUR, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// Two days of a small company; on the second morning fifteen of twenty people fail.
pub fn device_down_20(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = DAY + 8.5 * HOUR + maker.between(0.0..600.0);
    let incidents = vec![TrueIncident { from, to: from + 75.0 * MINUTE, ..DEVICE_DOWN }];
    let company = Company { people: 20, logins: 0.04, refreshes: 0.3, ..PEOPLE };
    maker.days(&company, 0..2, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

pub fn device_down_20_000(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = 20.0 * MINUTE + maker.between(0.0..120.0);
    let incidents = vec![TrueIncident { from, to: from + 15.0 * MINUTE, ..DEVICE_DOWN }];
    let company = Company { people: 20_000, logins: 30.0, refreshes: 120.0, ..PEOPLE };
    maker.work(&company, 0.0, 50.0 * MINUTE, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// Two applications with forty people each; the rest of the company signs in and renews tokens.
const WITH_APPLICATIONS: Company =
    Company { people: 80, logins: 0.5, refreshes: 3.0, applications: 2, trades: 2.0, ..PEOPLE };

pub fn with_iam_down(seed: u64) -> History {
    let mut maker = Maker::new(seed);
    let from = HOUR + maker.between(0.0..120.0);
    let covers = |call: &Call, _| call.operation == CreateTokenWithIam;
    let scope = Scope { operations: Some(&[CreateTokenWithIam]), ..REGION };
    let incidents = vec![TrueIncident { from, to: from + HOUR, covers, scope, ..OUTAGE }];
    maker.work(&WITH_APPLICATIONS, 0.0, 2.5 * HOUR, struck(&incidents, INTERNAL));
    // One-off failures of others, which are served a moment later.
    for (nth, operation) in [CreateToken, RegisterClient, CreateToken].into_iter().enumerate() {
        let at = from + maker.between(2.0..55.0) * MINUTE;
        let call = Call { operation, ..WITH_APPLICATIONS.token(1_000 + nth as u64, Grant::Refresh) };
        maker.record(Seen::CloudTrail, call, at, Some(INTERNAL));
        let again = at + maker.between(1.0..40.0);
        maker.record(Seen::CloudTrail, call, again, None);
    }
    History::of(maker.records, incidents)
}

/// The first operation to fail is the last to recover.
pub fn two_operations(seed: u64) -> History {
    const FIRST: std::ops::Range<f64> = 40.0 * MINUTE..100.0 * MINUTE;
    const SECOND: std::ops::Range<f64> = 60.0 * MINUTE..80.0 * MINUTE;
    let mut maker = Maker::new(seed);
    let incidents = vec![TrueIncident {
        from: FIRST.start,
        to: FIRST.end,
        covers: |call, at| match call.operation {
            StartDeviceAuthorization => FIRST.contains(&at),
            CreateToken => SECOND.contains(&at),
            RegisterClient | CreateTokenWithIam => false,
        },
        scope: Scope { operations: Some(&[StartDeviceAuthorization, CreateToken]), ..REGION },
        scope_by: SECOND.end,
        ..OUTAGE
    }];
    maker.work(&Company { logins: 2.0, ..PEOPLE }, 0.0, 2.25 * HOUR, struck(&incidents, INTERNAL));
    History::of(maker.records, incidents)
}

/// Only the first application.
const APPLICATION: TrueIncident = TrueIncident {
    covers: |call, _| call.application == Some(0),
    diagnoses: &["one_application"],
    scope: Scope { application: Some(0), ..REGION },
    page: Page::May,
    probed_down: false,
    ..OUTAGE
};

/// Its assignment was removed: every user is refused.
pub fn application_refuses(seed: u64) -> History {
    let incident = TrueIncident {
        diagnoses: &["misconfigured", "one_application"],
        shows: |fault| fault == REFUSED,
        needs: Needs::Callers(3),
        ..APPLICATION
    };
    one_application(seed, incident, REFUSED, WITH_APPLICATIONS)
}

pub fn application_fails(seed: u64) -> History {
    one_application(seed, APPLICATION, INTERNAL, WITH_APPLICATIONS)
}

/// Records name the application's role and no person, so one caller fails some three hundred times.
pub fn role_fails(seed: u64) -> History {
    let incident = TrueIncident { needs: Needs::InARow(10), ..APPLICATION };
    one_application(seed, incident, INTERNAL, Company { names_persons: false, ..WITH_APPLICATIONS })
}

fn one_application(seed: u64, incident: TrueIncident, fault: Fault, company: Company) -> History {
    let mut maker = Maker::new(seed);
    let from = 4.0 * HOUR + maker.between(0.0..120.0);
    let incidents = vec![TrueIncident { from, to: from + 40.0 * MINUTE, ..incident }];
    maker.work(&company, 0.0, from + 70.0 * MINUTE, struck(&incidents, fault));
    History::of(maker.records, incidents)
}

/// Two hundred people with one tool behind one address: all unregistered ones look like one caller.
const IN_THE_OFFICE: Company = Company {
    logins: 1.0,
    refreshes: 2.0,
    registers: 0.8,
    tools: &[(super::company::AWS_CLI, 1.0)],
    office: Some(OFFICE),
    ..PEOPLE
};

const CANNOT_REGISTER: TrueIncident = TrueIncident {
    covers: |call, _| call.operation == RegisterClient && call.address == OFFICE,
    needs: Needs::InARow(10),
    ..OUTAGE
};

/// The others register from elsewhere, with the same tool too.
pub fn office_cannot_register(seed: u64) -> History {
    let incident = TrueIncident {
        diagnoses: &["one_network"],
        scope: Scope { network: Some("203.0.113.7"), ..REGION },
        page: Page::Never,
        probed_down: false,
        ..CANNOT_REGISTER
    };
    let elsewhere = Company { first: 1_000, logins: 0.7, registers: 1.0, ..PEOPLE };
    cannot_register(seed, incident, Some(elsewhere))
}

pub fn only_office_cannot_register(seed: u64) -> History {
    let scope = Scope { operations: Some(&[RegisterClient]), ..REGION };
    cannot_register(seed, TrueIncident { scope, ..CANNOT_REGISTER }, None)
}

fn cannot_register(seed: u64, incident: TrueIncident, elsewhere: Option<Company>) -> History {
    let mut maker = Maker::new(seed);
    let from = 7.0 * HOUR + maker.between(0.0..600.0);
    let incidents = vec![TrueIncident { from, to: from + 15.0 * MINUTE, ..incident }];
    for company in [Some(IN_THE_OFFICE), elsewhere].into_iter().flatten() {
        maker.work(&company, 0.0, from + HOUR, struck(&incidents, INTERNAL));
    }
    History::of(maker.records, incidents)
}
