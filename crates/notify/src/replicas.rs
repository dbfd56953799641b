//! Where sign-in works, in the notices of an incident of a replicated Identity Center.
//!
//! In: a turn of all regions, and their portals. Out: its notices, which say in which regions sign-in fails and works, and send
//! people to the portal of one that works. Where nothing proves that one does, none is named: a link that leads nowhere
//! costs more than none.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::objective::Objective;
use triage_decide::replica::{ReplicaStanding, Standing};
use triage_decide::replicas::SharedTurn;
use triage_model::region::Region;
use triage_model::replica::Replica;

use crate::advice::{STEPS_MAX, WAY_IN};
use crate::compose;
use crate::notice::{Notice, NoticeKind, ReplicaFacts};
use crate::words::{Clock, listed};

/// The notices of what happened in a turn of all regions, in its order.
pub fn notices(
    turn: &SharedTurn,
    replicas: &[Replica],
    objective: Option<&Objective>,
    zone: Option<&TimeZone>,
    now: Timestamp,
) -> Vec<Notice> {
    let SharedTurn { region, reported, evaluation, recoveries, standings, .. } = turn;
    let own = reported.ledger.incident.iter().chain(&reported.given_up).filter(|incident| incident.key().is_none());
    let ids: Vec<&str> = own.map(|incident| incident.id.as_str()).collect();
    let of_service = |notice: &Notice| notice.incident.as_deref().is_some_and(|id| ids.contains(&id));
    let linked = reported.ledger.incident.as_ref().and_then(|incident| incident.among.linked.as_ref());
    let facts = facts(standings, linked, replicas);
    compose::notices(region, reported, evaluation, recoveries, objective, zone, now)
        .into_iter()
        .map(|notice| match of_service(&notice) {
            true => notice.in_replicas(&facts, Clock { now, zone }),
            false => notice,
        })
        .collect()
}

/// How sign-in stands in each region, with its portal.
/// `linked`: the region whose portal people are sent to.
pub fn facts(standings: &[ReplicaStanding], linked: Option<&Region>, replicas: &[Replica]) -> Vec<ReplicaFacts> {
    let of = |one: &ReplicaStanding| {
        let replica = replicas.iter().find(|replica| replica.region == one.region)?;
        Some(ReplicaFacts {
            region: one.region.clone(),
            state: one.standing,
            since: one.since,
            portal: replica.portal.clone(),
            linked: one.standing == Standing::Works && Some(&one.region) == linked,
            failed_from: one.failed.map(|(from, _)| from),
            failed_to: one.failed.map(|(_, to)| to),
        })
    };
    standings.iter().filter_map(of).collect()
}

impl ReplicaFacts {
    /// `eu-central-1 fails since 08:01`.
    pub fn in_words(&self, time: impl Fn(Timestamp) -> String) -> String {
        let since = self.since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
        match self.state {
            Standing::Fails => format!("{} fails{since}", self.region),
            Standing::Works => format!("{} works{since}", self.region),
            Standing::Unknown => format!("{}: not known whether it works", self.region),
        }
    }
}

impl Notice {
    /// The region whose portal people are sent to.
    pub fn portal(&self) -> Option<&ReplicaFacts> {
        self.replicas.iter().find(|one| one.linked)
    }

    pub fn fails_everywhere(&self) -> bool {
        !self.replicas.is_empty() && self.replicas.iter().all(|one| one.state == Standing::Fails)
    }

    /// Says where sign-in works, and sends people there.
    #[must_use]
    pub fn in_replicas(mut self, facts: &[ReplicaFacts], clock: Clock<'_>) -> Self {
        self.replicas = facts.to_vec();
        if self.kind == NoticeKind::Resolved {
            self.replicas.iter_mut().for_each(|one| one.linked = false);
            self.headline.insert(1.min(self.headline.len()), spans(facts, clock));
            return self;
        }
        self.headline.insert(1.min(self.headline.len()), whereabouts(facts));
        let steps = std::mem::take(&mut self.advice.now);
        let way_in = |step: String| if step == WAY_IN { without_portal(facts) } else { step };
        self.advice.now = match self.portal() {
            Some(working) => {
                let others = steps.into_iter().filter(|step| step != WAY_IN);
                std::iter::once(to_portal(working)).chain(others).take(STEPS_MAX).collect()
            }
            None => steps.into_iter().map(way_in).collect(),
        };
        let addition = self.portal().map(for_users);
        if let Some((users, addition)) = self.advice.users.as_mut().zip(addition) {
            users.push_str(&addition);
        }
        self
    }
}

fn named(facts: &[ReplicaFacts], state: Standing) -> Vec<&str> {
    facts.iter().filter(|one| one.state == state).map(|one| one.region.as_str()).collect()
}

/// `Sign-in fails in eu-central-1. It works in us-east-1.`
fn whereabouts(facts: &[ReplicaFacts]) -> String {
    let of = |state| named(facts, state);
    let (fails, works, unknown) = (of(Standing::Fails), of(Standing::Works), of(Standing::Unknown));
    if works.is_empty() && unknown.is_empty() {
        return format!("Sign-in fails in {}: it works in no region.", listed(&fails));
    }
    let said = |what: &str, regions: &[&str]| (!regions.is_empty()).then(|| format!("{what} {}.", listed(regions)));
    let lines = [
        said("Sign-in fails in", &fails),
        said("It works in", &works),
        said("Not known: whether it works in", &unknown),
    ];
    lines.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `It failed in eu-central-1 from 08:01 UTC to 08:20 UTC, not in us-east-1.`
fn spans(facts: &[ReplicaFacts], clock: Clock<'_>) -> String {
    let failed: Vec<String> = facts
        .iter()
        .filter_map(|one| {
            let (from, to) = one.failed_from.zip(one.failed_to)?;
            Some(format!("in {} from {} to {}", one.region, clock.time(from), clock.time(to)))
        })
        .collect();
    let others: Vec<&str> =
        facts.iter().filter(|one| one.failed_from.is_none()).map(|one| one.region.as_str()).collect();
    let failed = listed(&failed.iter().map(String::as_str).collect::<Vec<_>>());
    if others.is_empty() {
        format!("It failed {failed}.")
    } else {
        format!("It failed {failed}, not in {}.", listed(&others))
    }
}

fn to_portal(working: &ReplicaFacts) -> String {
    format!(
        "Send users to the access portal of {}, where sign-in works: {} (AWS CLI needs a profile with that start URL and \
         sso_region, and a new sign-in).",
        working.region, working.portal
    )
}

fn without_portal(facts: &[ReplicaFacts]) -> String {
    let unknown = named(facts, Standing::Unknown);
    if unknown.is_empty() {
        return "For urgent work use your break-glass access: sign-in works in no region of your Identity Center."
            .to_owned();
    }
    format!(
        "For urgent work use your break-glass access. Try the access portal of {} yourself before you send anybody there: \
         nothing proves that it works.",
        listed(&unknown)
    )
}

fn for_users(working: &ReplicaFacts) -> String {
    format!(" Until then sign in at {} ({}): it leads to the same accounts.", working.portal, working.region)
}
