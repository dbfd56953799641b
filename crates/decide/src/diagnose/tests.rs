//! Each diagnosis with what makes it and what just does not. A [`World`] is a region in which tests make things happen.

mod advise;
mod apart;
mod dark;
mod lasting;
mod opening;
mod refused;
mod reported;
mod scope;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use triage_model::caller::{Caller, CallerHash, CallerHasher};
use triage_model::classify::Cause;
use triage_model::fault::Fault;
use triage_model::grant::Grant;
use triage_model::observation::{HealthIssue, Operation, Origin};
use triage_model::region::KnownRegions;

use super::*;
use crate::concern::Concern;
use crate::evidence::Evidence;
use crate::evidence::mark::{Answered, Mark, ServedCall, Traits, hash16, hash32};
use crate::incident::turn;
use crate::ledger::Incident;
use crate::probe::{Control, ProbeStep, StepState};
use crate::testing::marks::opened_incident;
use crate::turn::Event;

/// When the worlds of these tests begin: at the beginning of a slot.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn caller(name: &str) -> CallerHash {
    CallerHasher::new(&CallerHasher::FIXED_KEY).hash(&Caller::User(name.into()))
}

fn region() -> Region {
    KnownRegions::default().find("eu-central-1").unwrap()
}

/// What a call was like. Nothing is known of what is empty.
#[derive(Clone, Copy)]
struct Like<'a> {
    tool: &'a str,
    network: &'a str,
    application: &'a str,
    account: &'a str,
    grant: Option<Grant>,
    crowd: bool,
}

const ORDINARY: Like<'_> =
    Like { tool: "aws-cli/2.31.0", network: "", application: "", account: "", grant: None, crowd: false };

fn hash(name: &str) -> u16 {
    if name.is_empty() { 0 } else { hash16(name) }
}

impl Like<'_> {
    fn product(&self) -> &str {
        self.tool.split('/').next().unwrap_or_default()
    }

    fn traits(&self) -> Traits {
        Traits {
            grant: self.grant,
            tool: hash(self.tool),
            product: hash(self.product()),
            network: hash(self.network),
            application: hash(self.application),
            account: hash(self.account),
            crowd: self.crowd,
        }
    }
}

/// A served call, as [`Fails`] is a failed one.
#[derive(Clone, Copy)]
struct Serves<'a> {
    who: &'a str,
    at: i64,
    operation: Operation,
    like: Like<'a>,
    pending: bool,
}

fn serves(who: &str, at: i64) -> Serves<'_> {
    Serves { who, at, operation: Operation::CreateToken, like: ORDINARY, pending: false }
}

/// A failed call; change what matters with struct update syntax.
#[derive(Clone, Copy)]
struct Fails<'a> {
    who: &'a str,
    at: i64,
    cause: Cause,
    code: &'a str,
    operation: Operation,
    origin: Origin,
    kms: bool,
    like: Like<'a>,
}

fn fails(who: &str, at: i64) -> Fails<'_> {
    Fails {
        who,
        at,
        cause: Cause::Service,
        code: "InternalServerException",
        operation: Operation::CreateToken,
        origin: Origin::CloudTrail,
        kms: false,
        like: ORDINARY,
    }
}

fn refused<'a>(who: &'a str, at: i64, code: &'a str) -> Fails<'a> {
    Fails { cause: Cause::Request, code, ..fails(who, at) }
}

fn denied<'a>(who: &'a str, at: i64, reason: &'a str) -> Fails<'a> {
    Fails { cause: Cause::Admin, code: reason, ..fails(who, at) }
}

fn issue(service: &str, reported: i64) -> HealthIssue {
    HealthIssue {
        event_arn: format!("arn:{service}"),
        service: service.into(),
        event_type_code: format!("AWS_{service}_OPERATIONAL_ISSUE"),
        region: None,
        started_at: None,
        ended_at: None,
        description: String::new(),
        occurred_at: at(reported),
    }
}

/// A region whose successes are seen, of little traffic.
struct World {
    view: View,
    policy: Policy,
}

impl World {
    fn new() -> Self {
        let mut view = View::default();
        view.learned.succeeded.insert(Origin::CloudTrail, at(-60));
        Self { view, policy: Policy::default() }
    }

    fn fail(&mut self, fails: Fails<'_>) -> &mut Self {
        let Fails { who, at: second, cause, code, operation, origin, kms, like } = fails;
        let id = format!("{who}-{second}-{code}");
        self.view.evidence.add_failure(Mark {
            at: at(second),
            caller: caller(who),
            operation: Some(operation),
            cause,
            origin,
            kms,
            region_assumed: false,
            label: hash16(code),
            traits: like.traits(),
            id: hash32(&id),
        });
        let names = &mut self.view.evidence.slot_mut(at(second)).names;
        names.callers.insert(caller(who).to_bits(), who.to_owned());
        names.labels.insert(hash16(code), code.to_owned());
        for tool in [like.tool, like.product()] {
            names.tools.insert(hash(tool), tool.to_owned());
        }
        names.networks.insert(hash(like.network), like.network.to_owned());
        names.applications.insert(hash(like.application), like.application.to_owned());
        names.accounts.insert(hash(like.account), like.account.to_owned());
        names.requests.insert(hash32(&id), id);
        self
    }

    /// Each of them fails, a second after the one before.
    fn fail_all(&mut self, names: &[&str], from: i64) -> &mut Self {
        for (second, who) in (from..).zip(names) {
            self.fail(fails(who, second));
        }
        self
    }

    fn serve(&mut self, who: &str, second: i64) -> &mut Self {
        self.serve_call(serves(who, second))
    }

    fn serve_call(&mut self, serves: Serves<'_>) -> &mut Self {
        let Serves { who, at: second, operation, like, pending } = serves;
        let call = ServedCall {
            at: at(second),
            caller: caller(who),
            operation: Some(operation),
            origin: Origin::CloudTrail,
            traits: like.traits(),
            pending,
            was_hit: false,
        };
        self.view.evidence.add_answered(&Answered { call, served: true });
        self
    }

    /// As many other callers.
    fn serve_others(&mut self, count: usize, second: i64) -> &mut Self {
        for n in 0..count {
            self.serve(&format!("other-{n}"), second);
        }
        self
    }

    fn probe(&mut self, answer: StepState, second: i64) -> &mut Self {
        let step = ProbeStep { operation: Operation::CreateToken, answer, fault: None, latency: Duration::ZERO };
        self.view.probe.add(&ProbeAnswer { region: region(), at: at(second), steps: vec![step], control: None });
        self
    }

    fn health(&mut self, issue: HealthIssue) -> &mut Self {
        self.view.evidence.add_health(issue);
        self
    }

    /// An incident that began at `since`, and is over at `resolved`.
    fn incident(&mut self, diagnosis: Diagnosis, concern: Concern, since: i64, resolved: Option<i64>) -> &mut Self {
        self.view.ledger.incident = Some(Incident {
            id: "eu-central-1-made-up".into(),
            region: region(),
            resolved_at: resolved.map(at),
            ..opened_incident(diagnosis, concern, at(since), at(since))
        });
        self
    }

    fn evaluate(&self, now: i64) -> Evaluation {
        diagnose(&region(), &self.view, &self.policy, at(now))
    }

    /// On the region.
    fn verdict(&self, now: i64) -> Verdict {
        self.evaluate(now).region
    }

    /// Evaluates and takes the turn that follows, without a look at recovery.
    fn lives(&mut self, now: i64) -> (Vec<Event>, Evaluation) {
        self.view.evidence.forget(at(now), self.policy.evidence);
        let evaluation = self.evaluate(now);
        let turn = turn(&region(), &self.view.ledger, &evaluation, &BTreeMap::new(), &self.policy, at(now));
        let happened = turn.map(|turn| {
            self.view.ledger = turn.ledger;
            turn.happened
        });
        (happened.unwrap_or_default(), evaluation)
    }

    fn diagnosis(&self, now: i64) -> Diagnosis {
        self.verdict(now).diagnosis
    }
}

fn advised(verdict: &Verdict, diagnosis: Diagnosis) -> Vec<&str> {
    verdict.advised.iter().filter(|it| it.diagnosis == diagnosis).map(|it| it.key.as_str()).collect()
}

/// Whether a reason has that part.
fn says(verdict: &Verdict, part: &str) -> bool {
    verdict.reasons.iter().any(|reason| reason.contains(part))
}
