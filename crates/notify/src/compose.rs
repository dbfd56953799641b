//! What a notice says: the facts and sentences that are the same for every reader.
//!
//! In: an incident, a recovery or an advice, and the verdict. Out: a [`Notice`]. Every text of others in it (caller
//! names, codes, request ids, tools) is bounded and on one line, so that it cannot pass for a line of ours, and every list
//! is bounded.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use triage_decide::concern::Concern;
use triage_decide::evidence::mark::hash48;
use triage_decide::ledger::{Incident, REASON_MAX, bounded};
use triage_decide::probe::RungState;
use triage_decide::turn::{Change, Happened, Turn};
use triage_decide::verdict::{Advised, Diagnosis, Recovery, Verdict, Weighing};
use triage_decide::view::StoreError;
use triage_model::redact::{one_line, unlinked};
use triage_model::region::Region;

use crate::advice;
use crate::notice::{Impact, LISTED_MAX, Merged, Notice, NoticeKind, Request, Tally, Times, Weighed};
use crate::words::{RESOLVED, between, capitalized, clock, concern_name, counted, printable, shown, span, trouble};

/// The notices of what happened in a turn, in its order.
pub fn notices(region: &Region, turn: &Turn, verdict: &Verdict, now: Timestamp) -> Vec<Notice> {
    let incident = turn.ledger.incident.as_ref();
    turn.happened.iter().filter_map(|happened| notice(region, happened, incident, verdict, now)).collect()
}

/// None where something happened to an incident that is not there, which no turn says.
fn notice(
    region: &Region,
    happened: &Happened,
    incident: Option<&Incident>,
    verdict: &Verdict,
    now: Timestamp,
) -> Option<Notice> {
    let of = |kind, changes: &[String]| incident.map(|it| Notice::of_incident(kind, it, verdict, changes, now));
    match happened {
        Happened::Opened => of(NoticeKind::Opened, &[]),
        Happened::Reopened { over_since } => {
            of(NoticeKind::Reopened, &[format!("it is back; it had been over since {}", clock(*over_since, now))])
        }
        Happened::Changed(changes) => of(NoticeKind::Changed, &changes.iter().map(change).collect::<Vec<_>>()),
        Happened::Reminder => of(NoticeKind::Reminder, &[]),
        Happened::Resolved(recovery) => incident.map(|it| Notice::of_recovery(it, verdict, recovery, now)),
        Happened::Advised(advised) => Some(Notice::of_advice(region, advised, now)),
    }
}

/// What is new, how it began, and what speaks for it now. A verdict that sees other trouble, or none, does not know how
/// this incident began.
fn reasons(incident: &Incident, verdict: &Verdict, changes: &[String]) -> Vec<String> {
    let untold = incident.opening.iter().filter(|opening| !verdict.reasons.contains(opening));
    let all: Vec<String> = changes.iter().chain(untold).chain(&verdict.reasons).cloned().collect();
    bounded(&all)
}

/// What is new, in words.
fn change(change: &Change) -> String {
    match change {
        Change::Diagnosis { from, to } => format!("now {}, until now {}", trouble(*to), trouble(*from)),
        Change::Callers { hit, told } => format!("{hit} callers are hit, and were {told} when last told"),
        Change::Operation(operation) => format!("{operation} fails too"),
        Change::AwsHealth => "AWS Health confirms it".to_owned(),
    }
}

impl Notice {
    /// A notice of `incident`, whose sequence is already this notice's. `changes` say what is new, in words.
    pub fn of_incident(
        kind: NoticeKind,
        incident: &Incident,
        verdict: &Verdict,
        changes: &[String],
        now: Timestamp,
    ) -> Self {
        Self {
            headline: headlines(kind, incident, verdict, changes, now),
            impact: impact(incident, verdict),
            operations: verdict
                .operations
                .keys()
                .chain(&incident.told_operations)
                .copied()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            probe: verdict.probe.filter(|_| is_of_the_service(incident)),
            aws_health: verdict.health && is_of_the_service(incident),
            reasons: reasons(incident, verdict, changes),
            weighed: match incident.concern {
                Concern::Service => verdict.weighed.iter().map(weighed).collect(),
                Concern::Admin { .. } | Concern::Request { .. } => Vec::new(),
            },
            advice: advice::of_incident(incident, verdict),
            ..Self::about(kind, incident, verdict, now)
        }
    }

    /// That `incident` is over. Who was hit is known from the notices before: it is not said again.
    pub fn of_recovery(incident: &Incident, verdict: &Verdict, recovery: &Recovery, now: Timestamp) -> Self {
        let over = format!(
            "RESOLVED: the {} in {} is over after {}.",
            trouble(incident.diagnosis),
            incident.region,
            lasted(incident)
        );
        Self {
            headline: vec![over, how_it_ended(incident, verdict, recovery)],
            impact: Impact { most_callers: incident.callers, ..Impact::default() },
            operations: incident.told_operations.iter().copied().collect(),
            proved: Some(recovery.proved),
            reasons: bounded(&recovery.reasons),
            advice: advice::of_recovery(incident, recovery.proved),
            ..Self::about(NoticeKind::Resolved, incident, verdict, now)
        }
    }

    /// What needs no incident. Its id is the same wherever the same advice is given within its quiet time, counted from
    /// 1970.
    pub fn of_advice(region: &Region, advised: &Advised, now: Timestamp) -> Self {
        let quiet = i64::try_from(advised.quiet_for.as_secs()).unwrap_or(i64::MAX).max(1);
        let what = hash48(&format!("{}\n{}", now.as_second().div_euclid(quiet), advised.key));
        Self {
            subject: printable(&format!("{} in {region}", capitalized(trouble(advised.diagnosis)))),
            headline: vec![format!("ADVICE: {} in {region}.", advised_in_words(advised.diagnosis))],
            reasons: bounded(&advised.reasons),
            advice: advice::of_advised(region, advised),
            quiet_s: Some(advised.quiet_for.as_secs()),
            ..Self::bare(
                format!("advice-{region}-{}-{what:012x}", advised.diagnosis.as_str()),
                NoticeKind::Advice,
                advised.diagnosis,
                region,
                now,
            )
        }
    }

    /// What waited in the outbox and cannot be read, because another release wrote it: as much as is known beside it.
    pub fn unreadable(
        region: &Region,
        incident: Option<String>,
        sequence: u32,
        kind: NoticeKind,
        diagnosis: Diagnosis,
        at: Timestamp,
        position: u64,
    ) -> Self {
        let what = format!("{} in {region}", capitalized(trouble(diagnosis)));
        let id = incident
            .as_ref()
            .map_or_else(|| format!("unreadable-{region}-{position}"), |incident| format!("{incident}-{sequence}"));
        Self {
            incident,
            sequence,
            subject: printable(&format!("{}: {what}", capitalized(kind.as_str()))),
            headline: vec![format!("{}: {what}.", kind.as_str().to_uppercase())],
            note: Some(
                "Another release of this function wrote this notice, and its details cannot be read.".to_owned(),
            ),
            ..Self::bare(id, kind, diagnosis, region, at)
        }
    }

    /// The notice as one sandbox tells it without the store: under an id that every sandbox computes alike within
    /// `quiet`, and saying so.
    #[must_use]
    pub fn alone(mut self, quiet: Duration, why: &StoreError) -> Self {
        let quiet = i64::try_from(quiet.as_secs()).unwrap_or(i64::MAX).max(1);
        let begin = self.at.as_second().div_euclid(quiet) * quiet;
        let bucket = Timestamp::from_second(begin).unwrap_or(self.at);
        let incident = format!("{}-{}-unshared", self.region, bucket.strftime("%Y%m%dT%H%M%SZ"));
        self.id = format!("{incident}-1");
        self.incident = Some(incident);
        self.sequence = 1;
        self.note = Some(one_line(
            &format!(
                "The store cannot be had ({why}): this rests on what one running copy of the function saw, and other \
                 copies may tell the same again, under the same id."
            ),
            REASON_MAX,
        ));
        self
    }

    /// What every notice of an incident has.
    fn about(kind: NoticeKind, incident: &Incident, verdict: &Verdict, now: Timestamp) -> Self {
        let id = format!("{}-{}", incident.id, incident.sequence);
        Self {
            incident: Some(incident.id.clone()),
            sequence: incident.sequence,
            severity: incident.severity,
            subject: subject(kind, incident, verdict, now),
            times: Times {
                since: Some(began(incident)),
                latest: verdict.latest.filter(|_| incident.is_open()),
                reopened: incident.reopened,
                reopened_at: incident.reopened_at,
                over_at: incident.resolved_at,
            },
            alarm: incident.alarm_change,
            ..Self::bare(id, kind, incident.diagnosis, &incident.region, now)
        }
    }

    /// A notice that says nothing yet, of no incident: what the others begin with.
    fn bare(id: String, kind: NoticeKind, diagnosis: Diagnosis, region: &Region, at: Timestamp) -> Self {
        Self {
            id,
            incident: None,
            sequence: 1,
            kind,
            diagnosis,
            severity: diagnosis.severity(),
            region: region.clone(),
            at,
            subject: String::new(),
            headline: Vec::new(),
            times: Times::default(),
            impact: Impact::default(),
            operations: Vec::new(),
            probe: None,
            aws_health: false,
            proved: None,
            reasons: Vec::new(),
            weighed: Vec::new(),
            advice: crate::notice::Advice::default(),
            quiet_s: None,
            alarm: None,
            merged: Merged::default(),
            note: None,
            cut: false,
        }
    }
}

fn subject(kind: NoticeKind, incident: &Incident, verdict: &Verdict, now: Timestamp) -> String {
    let what = format!("{} in {}", trouble(incident.diagnosis), incident.region);
    let hit = hit_in_short(incident, verdict);
    printable(&match kind {
        NoticeKind::Opened | NoticeKind::Advice => format!("{}{hit}", capitalized(&what)),
        NoticeKind::Changed => format!("Changed: {what}{hit}"),
        NoticeKind::Reopened => format!("Reopened: {what}{hit}"),
        NoticeKind::Reminder => format!("{} goes on since {}", capitalized(&what), clock(began(incident), now)),
        NoticeKind::Resolved => format!("{RESOLVED}{what} after {}", lasted(incident)),
    })
}

/// When it began, as far as is known.
fn began(incident: &Incident) -> Timestamp {
    incident.since.min(incident.opened_at)
}

fn lasted(incident: &Incident) -> String {
    incident.resolved_at.map_or_else(|| "some time".to_owned(), |over| span(between(began(incident), over)))
}

fn is_of_the_service(incident: &Incident) -> bool {
    // What the probe sees, and what AWS knows of, is none of the customer's own keys and policies.
    !matches!(incident.concern, Concern::Admin { .. })
}

/// The callers that the verdict sees, or saw when it still was an incident.
fn hit(incident: &Incident, verdict: &Verdict) -> usize {
    if incident.is_in(verdict) { verdict.callers } else { incident.callers }
}

fn hit_in_short(incident: &Incident, verdict: &Verdict) -> String {
    let how = match incident.concern {
        Concern::Service => "hit",
        Concern::Admin { .. } | Concern::Request { .. } => "refused",
    };
    match hit(incident, verdict) {
        0 if verdict.is_confirmed() => ": a probe fails".to_owned(),
        0 => String::new(),
        callers => format!(": {} {how}", counted(callers, "caller")),
    }
}

fn headlines(
    kind: NoticeKind,
    incident: &Incident,
    verdict: &Verdict,
    changes: &[String],
    now: Timestamp,
) -> Vec<String> {
    let mut lines = vec![headline(incident, verdict)];
    match kind {
        NoticeKind::Opened | NoticeKind::Resolved | NoticeKind::Advice => {}
        NoticeKind::Reminder => lines.push(format!("It goes on since {}.", clock(began(incident), now))),
        NoticeKind::Changed | NoticeKind::Reopened => {
            let changes = one_line(&unlinked(&changes.join("; ")), REASON_MAX);
            lines.push(format!("{}: {changes}.", kind.as_str().to_uppercase()));
        }
    }
    if verdict.diagnosis != incident.diagnosis {
        lines.push(format!(
            "What is seen at the moment is: {}. It stays what it was until its end is proved.",
            trouble(verdict.diagnosis)
        ));
    }
    lines.extend(confirmation(incident, verdict).into_iter().map(str::to_owned));
    lines
}

/// The verdict in words.
fn headline(incident: &Incident, verdict: &Verdict) -> String {
    let region = &incident.region;
    let callers = hit(incident, verdict);
    let hit = counted(callers, "distinct caller");
    let with = concern_name(&incident.concern).map(|name| format!(" with {name}")).unwrap_or_default();
    match incident.diagnosis {
        Diagnosis::Outage => format!("OUTAGE: signing in through IAM Identity Center fails in {region} for {hit}."),
        Diagnosis::Degraded if callers == 0 => format!(
            "DEGRADED: a probe of signing in through IAM Identity Center fails in {region}; no caller was seen to be hit."
        ),
        Diagnosis::Degraded => {
            format!("DEGRADED: signing in through IAM Identity Center fails in {region} for some: for {hit}.")
        }
        Diagnosis::Misconfigured => format!(
            "MISCONFIGURED: a key or policy of your own refuses {hit} who sign in through IAM Identity Center in {region}\
             {with}."
        ),
        Diagnosis::Suspected => format!(
            "SUSPECTED OUTAGE: signing in through IAM Identity Center is refused in {region} for {hit}{with}, as if all \
             of them had made the same mistake."
        ),
        Diagnosis::Throttling
        | Diagnosis::OneCaller
        | Diagnosis::Blind
        | Diagnosis::Late
        | Diagnosis::AwsHealth
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => format!("{} in {region}: {hit}.", capitalized(trouble(incident.diagnosis))),
    }
}

fn advised_in_words(diagnosis: Diagnosis) -> &'static str {
    match diagnosis {
        Diagnosis::Throttling => "calls to sign in (SSO OIDC) are throttled, or soon will be,",
        Diagnosis::OneCaller => "one caller cannot sign in (SSO OIDC), while others are served,",
        Diagnosis::Blind => "this function can connect neither to the sign-in service (SSO OIDC) nor to its control",
        Diagnosis::Late => "late events tell of a trouble with signing in (SSO OIDC) that is more than an hour old,",
        Diagnosis::AwsHealth => "AWS Health tells of an issue about signing in (SSO OIDC), and nobody here was hit,",
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => trouble(diagnosis),
    }
}

/// Whether anything but the callers' failures speaks for it: what is asked first.
fn confirmation(incident: &Incident, verdict: &Verdict) -> Vec<&'static str> {
    if !is_of_the_service(incident) {
        return Vec::new();
    }
    let mut lines = vec![match verdict.probe {
        Some(RungState::Down) => "A probe of the service fails too.",
        Some(RungState::Unexpected) => "A probe of the service got an unexpected answer.",
        Some(RungState::Unknown) => "A probe of the service got no clear answer: not confirmed.",
        Some(RungState::Healthy) => "A probe of the service works.",
        None => "The service was not probed: not confirmed.",
    }];
    if verdict.health {
        lines.push("AWS Health has an open issue about it.");
    }
    lines
}

fn how_it_ended(incident: &Incident, verdict: &Verdict, recovery: &Recovery) -> String {
    if recovery.proved {
        return "It is proved: see below.".to_owned();
    }
    let silence = verdict.latest.zip(incident.resolved_at).map(|(latest, over)| span(between(latest, over)));
    let silence = silence.map_or_else(|| "no failure for a while".to_owned(), |span| format!("no failure for {span}"));
    let nobody = if verdict.served == 0 { "nobody" } else { "hardly anybody" };
    format!("Nothing proves it: {silence}, and {nobody} was seen to be served.")
}

fn impact(incident: &Incident, verdict: &Verdict) -> Impact {
    let mut operations: Vec<_> = verdict.operations.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    operations.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let requests = verdict.requests.iter().take(LISTED_MAX).map(|request| Request {
        at: request.at,
        id: request.id.as_deref().map(shown),
        operation: request.operation,
        code: shown(&request.code),
    });
    Impact {
        callers: verdict.callers,
        most_callers: incident.callers,
        names: verdict.names.iter().take(LISTED_MAX).map(|name| shown(name)).collect(),
        failures: verdict.failures,
        codes: tally(verdict.codes.iter().map(|(code, count)| (code.as_str(), *count))),
        operations: tally(operations.into_iter()),
        tools: tally(verdict.tools.iter().map(|(tool, count)| (tool.as_str(), *count))),
        requests: requests.collect(),
    }
}

fn tally<'a>(counts: impl Iterator<Item = (&'a str, usize)>) -> Vec<Tally> {
    counts.take(LISTED_MAX).map(|(name, count)| Tally { name: shown(name), count }).collect()
}

fn weighed(weighing: &Weighing) -> Weighed {
    let facts =
        |facts: &[String]| facts.iter().take(LISTED_MAX).map(|fact| one_line(&unlinked(fact), REASON_MAX)).collect();
    Weighed {
        cause: weighing.cause.to_owned(),
        speaks_for: facts(&weighing.speaks_for),
        speaks_against: facts(&weighing.speaks_against),
    }
}
