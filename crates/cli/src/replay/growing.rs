//! The close-up of one incident as it grows, in fine bins with the callers of each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::calls::Calls;
use triage_decide::cell::Dimension;
use triage_decide::evidence::mark::hash16;
use triage_decide::scope::{Scope, Shared};
use triage_decide::verdict::{Diagnosis, Severity};
use triage_engine::handled::Call;
use triage_model::caller::CallerHash;
use triage_model::classify::Cause;
use triage_model::region::Region;
use triage_model::time::{before, later};
use triage_notify::notice::NamedScope;

use crate::replay::bins::{begin, wider};
use crate::replay::close_up::Slice;
use crate::replay::review::Story;

/// To the second, so that what is just before an incident or just after it is not counted with it.
const WIDTH: Duration = Duration::from_secs(1);

/// Bins with calls: two hours of the finest. A longer or busier incident has wider ones.
const BINS_MAX: usize = 7_200;

/// Callers kept of all bins together: some 100 MB.
const KEPT_MAX: usize = 2_000_000;

/// How long before its first failure callers count as there: as in the notices.
const SHORTLY_BEFORE: Duration = Duration::from_secs(5 * 60);

/// Callers kept of one bin: what is more makes no difference to a reader.
const CALLERS_MAX: usize = 4_000;

/// What a failure may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    Service,
    Unanswered,
    Admin,
    Request,
}

impl About {
    const ALL: [Self; 4] = [Self::Service, Self::Unanswered, Self::Admin, Self::Request];

    const fn of(cause: Cause) -> Option<Self> {
        match cause {
            Cause::Service => Some(Self::Service),
            Cause::Unreachable => Some(Self::Unanswered),
            Cause::Admin => Some(Self::Admin),
            Cause::Request => Some(Self::Request),
            Cause::Expected | Cause::Throttled | Cause::Unrecognised => None,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// One incident.
#[derive(Debug)]
pub struct Growing {
    pub id: String,
    pub region: Region,
    pub began: Timestamp,
    pub over_at: Option<Timestamp>,
    pub is_paged: bool,
    pub width: Duration,
    latest: Option<Timestamp>,
    diagnosis: Diagnosis,
    scope: Scope,
    from: Timestamp,
    bins: BTreeMap<i64, Fine>,
    /// Callers of all bins.
    kept: usize,
    /// The latest call that was seen: where an incident is still open, it lasts at least so long.
    seen_until: Timestamp,
}

#[derive(Debug, Default)]
struct Fine {
    served: u64,
    failed: [u64; About::ALL.len()],
    /// Each caller with what it failed of ([`About::bit`]), and whether it is a person.
    callers: BTreeMap<CallerHash, (u8, bool)>,
}

impl Growing {
    pub fn new(story: &Story, from: Timestamp) -> Self {
        let mut growing = Self {
            id: story.id.clone(),
            region: story.region.clone(),
            began: story.began,
            over_at: None,
            is_paged: false,
            width: WIDTH,
            latest: None,
            diagnosis: story.diagnosis,
            scope: Scope::default(),
            from,
            bins: BTreeMap::new(),
            kept: 0,
            seen_until: story.began,
        };
        growing.follow(story);
        growing
    }

    pub fn follow(&mut self, story: &Story) {
        self.began = story.began;
        self.over_at = story.over_at;
        self.latest = story.latest;
        self.diagnosis = story.diagnosis;
        self.is_paged = story.severity == Severity::Page;
        if let Some(named) = &story.scope {
            self.scope = scope(named);
        }
    }

    pub fn see(&mut self, call: &Call) {
        if call.at < self.from {
            return;
        }
        self.seen_until = self.seen_until.max(call.at);
        let bin = self.bins.entry(begin(call.at.as_second(), self.width)).or_default();
        if !self.scope.has(call.operation, &call.traits) {
            return;
        }
        let about = call.failed.and_then(About::of);
        match (call.failed, about) {
            (None, _) => bin.served += 1,
            (Some(_), Some(about)) => bin.failed[about as usize] += 1,
            (Some(_), None) => {}
        }
        if bin.callers.len() < CALLERS_MAX || bin.callers.contains_key(&call.caller) {
            let callers = bin.callers.len();
            let known = bin.callers.entry(call.caller).or_default();
            known.0 |= about.map_or(0, About::bit);
            known.1 |= call.is_person;
            self.kept += bin.callers.len() - callers;
        }
        while self.bins.len() > BINS_MAX || self.kept > KEPT_MAX {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        self.width = wider(self.width);
        for (second, bin) in std::mem::take(&mut self.bins) {
            let into = self.bins.entry(begin(second, self.width)).or_default();
            into.served += bin.served;
            into.failed.iter_mut().zip(bin.failed).for_each(|(into, count)| *into += count);
            for (caller, (failed, is_person)) in bin.callers {
                if into.callers.len() < CALLERS_MAX || into.callers.contains_key(&caller) {
                    let known = into.callers.entry(caller).or_default();
                    known.0 |= failed;
                    known.1 |= is_person;
                }
            }
        }
        self.kept = self.bins.values().map(|bin| bin.callers.len()).sum();
    }

    /// Whether the latest notice says that it fails elsewhere than was known.
    pub fn is_of_other_scope(&self, story: &Story) -> bool {
        story.scope.as_ref().is_some_and(|named| scope(named) != self.scope)
    }

    /// Its latest failure; of one that is open, the latest call.
    pub fn ended(&self) -> Timestamp {
        match self.over_at {
            Some(over) => self.latest.unwrap_or(over).max(self.began),
            None => self.seen_until.max(self.began),
        }
    }

    fn within(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Fine> {
        let first = begin(from.as_second(), self.width);
        self.bins.range(first..to.as_second().max(first)).map(|(_, bin)| bin)
    }

    /// The bins from its first failure to its latest.
    fn own(&self) -> impl Iterator<Item = &Fine> {
        self.within(self.began, later(self.ended(), Duration::from_secs(1)))
    }

    /// What its failures are about.
    fn about(&self) -> u8 {
        let service = About::Service.bit() | About::Unanswered.bit();
        match self.diagnosis {
            Diagnosis::Misconfigured => About::Admin.bit(),
            Diagnosis::Suspected => About::Request.bit(),
            Diagnosis::OneTool | Diagnosis::OneNetwork | Diagnosis::OneApplication | Diagnosis::OneAccount => {
                let count = |about: u8| self.own().map(|bin| bin.failed_of(about)).sum::<u64>();
                let all = [service, About::Admin.bit(), About::Request.bit()];
                all.into_iter().rev().max_by_key(|about| count(*about)).unwrap_or(service)
            }
            Diagnosis::Outage
            | Diagnosis::Degraded
            | Diagnosis::Throttling
            | Diagnosis::OneCaller
            | Diagnosis::Blind
            | Diagnosis::Late
            | Diagnosis::AwsHealth
            | Diagnosis::Unbelieved
            | Diagnosis::Isolated
            | Diagnosis::Transient
            | Diagnosis::Quiet => service,
        }
    }

    pub fn during(&self) -> Calls {
        let about = self.about();
        self.own().fold(Calls::default(), |sum, bin| bin.plus(sum, about))
    }

    /// Before its first failure, whose own bin does not count.
    pub fn before(&self, from: Timestamp) -> Calls {
        let to = Timestamp::from_second(begin(self.began.as_second(), self.width)).unwrap_or(from);
        self.between(from, to)
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> Calls {
        let about = self.about();
        self.within(from, to).fold(Calls::default(), |sum, bin| bin.plus(sum, about))
    }

    pub fn unanswered(&self) -> u64 {
        self.own().map(|bin| bin.failed_of(About::Unanswered.bit())).sum()
    }

    /// Everybody from shortly before its first failure to its latest. One may come more than once.
    pub fn active(&self) -> impl Iterator<Item = CallerHash> {
        let until = later(self.ended(), Duration::from_secs(1));
        self.within(before(self.began, SHORTLY_BEFORE), until).flat_map(|bin| bin.callers.keys().copied())
    }

    /// Everybody from its first failure to its latest, and whether they failed. One may come more than once.
    pub fn callers(&self) -> impl Iterator<Item = (CallerHash, bool)> {
        let about = self.about();
        self.own()
            .flat_map(move |bin| bin.callers.iter().map(move |(caller, (failed, _))| (*caller, failed & about > 0)))
    }

    /// Distinct callers that failed; None where there were too many to keep.
    pub fn affected(&self) -> Option<usize> {
        let is_full = self.own().any(|bin| bin.callers.len() >= CALLERS_MAX);
        let affected: BTreeSet<CallerHash> =
            self.callers().filter(|(_, failed)| *failed).map(|(caller, _)| caller).collect();
        (!is_full).then_some(affected.len())
    }

    pub fn are_people(&self) -> bool {
        let about = self.about();
        let mut affected =
            self.own().flat_map(|bin| bin.callers.values()).filter(|(failed, _)| failed & about > 0).peekable();
        affected.peek().is_some() && affected.all(|(_, is_person)| *is_person)
    }

    pub fn slice(&self, at: Timestamp, until: Timestamp) -> Slice {
        let about = self.about();
        let affected: BTreeSet<CallerHash> = self
            .within(at, until)
            .flat_map(|bin| &bin.callers)
            .filter(|(_, (failed, _))| failed & about > 0)
            .map(|(caller, _)| *caller)
            .collect();
        Slice { at, calls: self.between(at, until), affected: affected.len() as u64 }
    }
}

impl Fine {
    fn failed_of(&self, about: u8) -> u64 {
        let failed = About::ALL.into_iter().filter(|one| one.bit() & about > 0);
        failed.map(|one| self.failed[one as usize]).sum()
    }

    fn plus(&self, sum: Calls, about: u8) -> Calls {
        Calls { served: sum.served + self.served, failed: sum.failed + self.failed_of(about) }
    }
}

/// The scope by which calls are counted, of the one that people read.
fn scope(named: &NamedScope) -> Scope {
    let NamedScope { operations, tool, network, application, account } = named;
    let shared = |dimension, name: &String| Shared { dimension, hash: hash16(name), name: name.clone() };
    let of_tool = |name: &String| {
        let has_version = name.contains('/');
        shared(if has_version { Dimension::Tool } else { Dimension::Product }, name)
    };
    let application = application.as_ref().map(|name| shared(Dimension::Application, name));
    let network = network.as_ref().map(|name| shared(Dimension::Network, name));
    let account = account.as_ref().map(|name| shared(Dimension::Account, name));
    Scope {
        operations: operations.as_ref().map(|operations| operations.iter().copied().collect()),
        grant: None,
        shared: application.or_else(|| tool.as_ref().map(of_tool)).or(network).or(account),
    }
}
