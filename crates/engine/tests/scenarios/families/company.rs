//! A realistic company: people sign in with a device or a browser and their tools renew tokens; applications exchange
//! tokens for them.
//!
//! A sign-in is a row of calls, each of which needs the one before: RegisterClient, StartDeviceAuthorization, some
//! polls before the device is confirmed, CreateToken. A person who fails at a step never reaches the next.

use fastrand::Rng;
use triage_model::observation::Operation;

use super::clients::SESSION_ENDED;
use super::maker::{Maker, TRY_AGAIN, TRY_AGAIN_AFTER};
use crate::call::{Call, Fault, Grant, HOME, INTERNAL, PENDING, Who};
use crate::history::{DAY, HOUR, Seen};
use crate::true_incident::TrueIncident;

pub const AWS_CLI: &str = "aws-cli/2.31.0 md/command#sso.login";
pub const BOTO3: &str = "Boto3/1.40.1 md/Botocore#1.40.1";
pub const IDE: &str = "aws-toolkit-vscode/3.70.0 md/ide#1.99";
pub const ACME_NEW: &str = "acme-login/3.1 lang/python";
/// The broken version.
pub const ACME: &str = "acme-login/3.0 lang/python";
const BACKEND: &str = "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.26.4";

pub const TOOLS: &[(&str, f64)] = &[(AWS_CLI, 0.45), (BOTO3, 0.25), (IDE, 0.15), (ACME_NEW, 0.15)];

#[derive(Clone, Copy)]
pub struct Company {
    /// People are numbered from `first`.
    pub first: u64,
    pub people: u64,
    /// Calls a minute.
    pub logins: f64,
    pub refreshes: f64,
    pub trades: f64,
    /// Applications that exchange tokens, numbered from 0.
    pub applications: u64,
    /// Whether applications' records name the person.
    pub names_persons: bool,
    /// The share of sign-ins that register a new client.
    pub registers: f64,
    /// Tools and their shares of the people.
    pub tools: &'static [(&'static str, f64)],
    /// Everybody's address; None: each has one of their own.
    pub office: Option<u64>,
    /// Attempts of the SDK, a second or two apart, until one is served.
    pub attempts: u32,
}

/// Two hundred people, and no token exchange.
pub const PEOPLE: Company = Company {
    first: 0,
    people: 200,
    logins: 1.0,
    refreshes: 4.0,
    trades: 0.0,
    applications: 0,
    names_persons: true,
    registers: 0.4,
    tools: TOOLS,
    office: None,
    attempts: 3,
};

/// The failure of a call at that time.
pub trait Fails: FnMut(&mut Rng, &Call, f64) -> Option<Fault> {}
impl<F: FnMut(&mut Rng, &Call, f64) -> Option<Fault>> Fails for F {}

/// One call in two thousand fails; sometimes a session has ended before its renewal.
pub fn everyday(rng: &mut Rng, call: &Call) -> Option<Fault> {
    match rng.f64() {
        chance if chance < 0.0005 => Some(INTERNAL),
        chance if chance < 0.01 && call.grant == Some(Grant::Refresh) => Some(SESSION_ENDED),
        _ => None,
    }
}

/// Every call in an incident's scope fails; the others fail as on every day.
pub fn struck(incidents: &[TrueIncident], fault: Fault) -> impl Fails {
    move |rng: &mut Rng, call: &Call, at: f64| {
        if incidents.iter().any(|incident| incident.strikes(call, at)) { Some(fault) } else { everyday(rng, call) }
    }
}

impl Company {
    fn tool(&self, person: u64) -> &'static str {
        let mut at = Rng::with_seed(person ^ 0x7001).f64();
        let found = self.tools.iter().find(|(_, share)| {
            at -= share;
            at < 0.0
        });
        found.or(self.tools.last()).map_or(AWS_CLI, |(tool, _)| tool)
    }

    /// Half of the people with a new aws-cli sign in with a browser on their own machine.
    fn uses_a_device(&self, person: u64) -> bool {
        self.tool(person) != AWS_CLI || person.is_multiple_of(2)
    }

    fn call(&self, person: u64, operation: Operation) -> Call {
        Call {
            region: HOME,
            who: Who::Nobody,
            operation,
            grant: None,
            agent: self.tool(person),
            address: self.office.unwrap_or(person),
            application: None,
        }
    }

    pub fn refresh(&self, person: u64) -> Call {
        self.token(person, Grant::Refresh)
    }

    pub fn token(&self, person: u64, grant: Grant) -> Call {
        Call { who: Who::Person(person), grant: Some(grant), ..self.call(person, Operation::CreateToken) }
    }

    /// A call of an application, from one of its four machines.
    pub fn trade(&self, application: u64, person: u64, rng: &mut Rng) -> Call {
        Call {
            region: HOME,
            who: Who::Role(self.names_persons.then_some(person)),
            operation: Operation::CreateTokenWithIam,
            grant: Some(Grant::JwtBearer),
            agent: BACKEND,
            address: 200 * 256 + application * 8 + rng.u64(0..4),
            application: Some(application),
        }
    }
}

/// The outcome of a row of calls.
enum End {
    Served(f64),
    /// A later attempt may be served.
    Failed(f64),
    /// A retry cannot help.
    Refused(f64),
}

impl Maker {
    /// One call of an SDK, retried a second or two after a failure of the service.
    fn ask(&mut self, call: Call, mut at: f64, attempts: u32, fails: &mut impl Fails) -> End {
        for _ in 0..attempts {
            let fault = fails(&mut self.rng, &call, at);
            self.record(Seen::CloudTrail, call, at, fault);
            match fault {
                None => return End::Served(at),
                Some(fault) if fault == INTERNAL => at += self.between(1.0..2.5),
                Some(_) => return End::Refused(at),
            }
        }
        End::Failed(at)
    }

    /// A sign-in, up to the first failing step.
    fn sign_in_once(&mut self, company: &Company, at: f64, person: u64, fails: &mut impl Fails) -> End {
        let mut at = at;
        let attempts = company.attempts;
        if self.chance(company.registers) {
            match self.ask(company.call(person, Operation::RegisterClient), at, attempts, fails) {
                End::Served(then) => at = then + 1.0,
                end => return end,
            }
        }
        if !company.uses_a_device(person) {
            at += self.between(5.0..30.0);
            return self.ask(company.token(person, Grant::AuthorizationCode), at, attempts, fails);
        }
        match self.ask(company.call(person, Operation::StartDeviceAuthorization), at, attempts, fails) {
            End::Served(then) => at = then,
            end => return end,
        }
        let poll = Call { grant: Some(Grant::DeviceCode), ..company.call(person, Operation::CreateToken) };
        for _ in 0..self.rng.u32(1..=4) {
            at += 5.0;
            // The answer to a poll if the service works.
            let mut asked = |rng: &mut Rng, call: &Call, at: f64| Some(fails(rng, call, at).unwrap_or(PENDING));
            if let End::Failed(then) = self.ask(poll, at, attempts, &mut asked) {
                return End::Failed(then);
            }
        }
        self.ask(company.token(person, Grant::DeviceCode), at + 5.0, attempts, fails)
    }

    /// A sign-in, and the person's further tries.
    pub fn log_in(&mut self, company: &Company, mut at: f64, person: u64, fails: &mut impl Fails) {
        while let End::Failed(then) | End::Refused(then) = self.sign_in_once(company, at, person, fails) {
            if !self.chance(TRY_AGAIN) {
                return;
            }
            at = then + self.between(TRY_AGAIN_AFTER);
        }
    }

    /// A tool renews a token. If the session has ended, its person signs in.
    pub fn renew(&mut self, company: &Company, mut at: f64, person: u64, fails: &mut impl Fails) {
        loop {
            match self.ask(company.refresh(person), at, company.attempts, fails) {
                End::Served(_) => return,
                End::Refused(then) => {
                    let at = then + self.between(5.0..60.0);
                    return self.log_in(company, at, person, fails);
                }
                End::Failed(then) => {
                    if !self.chance(TRY_AGAIN) {
                        return;
                    }
                    at = then + self.between(TRY_AGAIN_AFTER);
                }
            }
        }
    }

    fn trade(&mut self, company: &Company, mut at: f64, fails: &mut impl Fails) {
        let person = company.first + self.rng.u64(0..company.people);
        let application = self.rng.u64(0..company.applications);
        loop {
            let call = company.trade(application, person, &mut self.rng);
            let end = self.ask(call, at, company.attempts, fails);
            match end {
                End::Failed(then) | End::Refused(then) if self.chance(TRY_AGAIN) => {
                    at = then + self.between(TRY_AGAIN_AFTER);
                }
                End::Served(_) | End::Failed(_) | End::Refused(_) => return,
            }
        }
    }

    /// A company's calls during a stretch of time.
    pub fn work(&mut self, company: &Company, from: f64, to: f64, mut fails: impl Fails) {
        self.work_at(company, from, to, 1.0, &mut fails);
    }

    /// The same at another rate.
    pub fn work_at(&mut self, company: &Company, from: f64, to: f64, pace: f64, fails: &mut impl Fails) {
        for (kind, rate) in [company.logins, company.refreshes, company.trades].into_iter().enumerate() {
            if rate * pace <= 0.0 {
                continue;
            }
            let mut at = from + self.pause(rate * pace);
            while at < to {
                let person = company.first + self.rng.u64(0..company.people);
                match kind {
                    0 => self.log_in(company, at, person, fails),
                    1 => self.renew(company, at, person, fails),
                    _ => self.trade(company, at, fails),
                }
                at += self.pause(rate * pace);
            }
        }
    }

    /// Whole days, from midnight: little at night, and most sign-ins before ten.
    pub fn days(&mut self, company: &Company, days: std::ops::Range<u32>, mut fails: impl Fails) {
        for hour in days.start * 24..days.end * 24 {
            let from = f64::from(hour) * HOUR;
            let is_workday = f64::from(hour) * HOUR % (7.0 * DAY) < 5.0 * DAY;
            let (pace, logins) = match hour % 24 {
                8..10 if is_workday => (1.0, 3.0),
                10..18 if is_workday => (1.0, 0.5),
                _ => (0.04, 1.0),
            };
            let company = Company { logins: company.logins * logins, ..*company };
            self.work_at(&company, from, from + HOUR, pace, &mut fails);
        }
    }
}
