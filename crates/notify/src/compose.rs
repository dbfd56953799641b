//! What a notice says: the facts and sentences that are the same for every reader.
//!
//! In: an incident, a recovery or an advice, and the verdict. Out: a [`Notice`]. Every text of others in it (caller
//! names, codes, request ids, tools) is bounded and on one line, so that it cannot pass for a line of ours, and every list
//! is bounded.

use std::time::Duration;

use jiff::Timestamp;
use triage_decide::concern::Concern;
use triage_decide::distinct::DistinctCallers;
use triage_decide::evidence::mark::hash48;
use triage_decide::incident::Recoveries;
use triage_decide::ledger::{Incident, REASON_MAX, bounded};
use triage_decide::probe::RungState;
use triage_decide::turn::{Change, Event, Happened, Turn};
use triage_decide::verdict::{Advised, Diagnosis, Judgement, Recovery, Severity, Verdict, Weighing};
use triage_decide::view::StoreError;
use triage_model::redact::{one_line, unlinked};
use triage_model::region::Region;
use triage_model::time::before;

use crate::advice;
use crate::notice::{
    Advice, Impact, LISTED_MAX, Merged, NamedScope, Notice, NoticeKind, Request, Tally, Times, Weighed,
};
use crate::words::{
    QUIET, RESOLVED, between, called, capitalized, clock, concern_name, counted, in_brackets, of_shared, printable,
    shown, signing_in, signing_in_by, span, trouble, trouble_in,
};

/// What fails now and then is not recovering between two failures.
const RECOVERING_AFTER: Duration = Duration::from_secs(60);

/// The notices of what happened in a turn, in its order.
pub fn notices(
    region: &Region,
    turn: &Turn,
    judgement: &Judgement,
    recoveries: &Recoveries,
    now: Timestamp,
) -> Vec<Notice> {
    turn.happened.iter().filter_map(|event| notice(region, event, turn, judgement, recoveries, now)).collect()
}

/// None where something happened to an incident that is not there, which no turn says.
fn notice(
    region: &Region,
    event: &Event,
    turn: &Turn,
    judgement: &Judgement,
    recoveries: &Recoveries,
    now: Timestamp,
) -> Option<Notice> {
    match event {
        Event::Advised(advised) => Some(Notice::of_advice(region, advised, now)),
        Event::OfIncident(key, happened) => {
            let incident = turn.incident(*key, happened)?;
            let verdict = judgement.on(*key).unwrap_or(&judgement.region);
            let recovering_since = recoveries.get(key).and_then(|recovery| recovery.recovering_since);
            let is_recovering = recovering_since.is_some_and(|since| since <= before(now, RECOVERING_AFTER));
            let notice = of_happened(happened, incident, verdict, now);
            Some(match incident.is_open() {
                true if is_recovering => notice.recovering(incident),
                true if incident.silent_since.is_some() => notice.silent(incident),
                true | false => notice,
            })
        }
    }
}

fn of_happened(happened: &Happened, incident: &Incident, verdict: &Verdict, now: Timestamp) -> Notice {
    let of = |kind, changes: &[String]| Notice::of_incident(kind, incident, verdict, changes, now);
    match happened {
        Happened::Opened => of(NoticeKind::Opened, &[]),
        Happened::Reopened { over_since } => {
            of(NoticeKind::Reopened, &[format!("it is back; it had been over since {}", clock(*over_since, now))])
        }
        Happened::Changed(changes) => {
            of(NoticeKind::Changed, &changes.iter().map(|it| change(it, incident, now)).collect::<Vec<_>>())
        }
        Happened::Reminder => of(NoticeKind::Reminder, &[]),
        Happened::Resolved(recovery) => Notice::of_recovery(incident, recovery, now),
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
fn change(change: &Change, incident: &Incident, now: Timestamp) -> String {
    match change {
        Change::Diagnosis { from, to } => format!("now {}, until now {}", called(*to), called(*from)),
        Change::Attributed(shared) => format!("it is {} and not the service", of_shared(shared)),
        Change::Refuted(shared) => format!("it is not only {}: others fail too", of_shared(shared)),
        Change::Lasts => "it lasts, so people are paged now".to_owned(),
        Change::Callers { hit, told } => {
            let about = if is_about(incident) { "about " } else { "" };
            format!("{about}{hit} callers are hit, and were {told} when last told")
        }
        Change::Operation(operation) => format!("{operation} fails too"),
        Change::Works(operation) => format!("{operation} works again"),
        Change::NobodyCalls(since) => {
            format!("nobody has called since {}, and that does not prove it over", clock(*since, now))
        }
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
            operations: incident.told_operations.iter().copied().collect(),
            probe: verdict.probe.filter(|_| is_of_the_service(incident)),
            aws_health: verdict.health && is_of_the_service(incident),
            reasons: reasons(incident, verdict, changes),
            weighed: match incident.concern {
                Concern::Service => verdict.weighed.iter().map(weighed).collect(),
                Concern::Admin { .. } | Concern::Request { .. } => Vec::new(),
            },
            advice: advice::of_incident(incident, verdict),
            ..Self::about(kind, incident, now)
        }
    }

    /// That calls of `incident` are served again, which is not enough yet to call it over.
    #[must_use]
    pub fn recovering(self, incident: &Incident) -> Self {
        let how = format!(
            "It is recovering: calls are served again, and none has failed since {}. It is not proved over yet.",
            clock(incident.ended(), self.at)
        );
        let subject = match self.kind {
            NoticeKind::Reminder => printable(&format!("Recovering: {}", since(incident, self.at))),
            NoticeKind::Opened
            | NoticeKind::Changed
            | NoticeKind::Reopened
            | NoticeKind::Resolved
            | NoticeKind::Advice => self.subject.clone(),
        };
        let mut headline = self.headline;
        headline.insert(headline.len().min(2), how);
        Self { recovering: true, subject, headline, ..self }.not_failing_now(incident, advice::of_recovering(incident))
    }

    /// That nobody calls in the scope of `incident`, so that nothing can be known of it.
    #[must_use]
    fn silent(self, incident: &Incident) -> Self {
        self.not_failing_now(incident, advice::of_silence(incident))
    }

    fn not_failing_now(mut self, incident: &Incident, advice: Advice) -> Self {
        if let Some(first) = self.headline.first_mut() {
            *first = headline(incident, Tense::Past);
        }
        self.advice = advice;
        self
    }

    /// That `incident` is over. Who was hit is known from the notices before: only their number is said again.
    pub fn of_recovery(incident: &Incident, recovery: &Recovery, now: Timestamp) -> Self {
        let (what, lasted) = (what_ended(incident), lasted(incident));
        let over = match recovery.proved {
            true => format!("RESOLVED: {what} is over. It lasted {lasted}."),
            false => format!("QUIET, NOT CONFIRMED: {what} is not seen any more. It lasted {lasted}."),
        };
        let begin = if recovery.proved { RESOLVED } else { QUIET };
        Self {
            subject: printable(&format!("{begin}{} after {lasted}", headed(incident))),
            headline: vec![over, how_it_ended(incident, recovery, now)],
            impact: Impact { callers: incident.callers, about: is_about(incident), ..Impact::default() },
            operations: incident.told_operations.iter().copied().collect(),
            proved: Some(recovery.proved),
            reasons: bounded(&recovery.reasons),
            advice: advice::of_recovery(incident, recovery.proved),
            ..Self::about(NoticeKind::Resolved, incident, now)
        }
    }

    /// What needs no incident. Its id is the same wherever the same advice is given within its quiet time, counted from
    /// 1970.
    pub fn of_advice(region: &Region, advised: &Advised, now: Timestamp) -> Self {
        let quiet = i64::try_from(advised.quiet_for.as_secs()).unwrap_or(i64::MAX).max(1);
        let what = hash48(&format!("{}\n{}", now.as_second().div_euclid(quiet), advised.key));
        Self {
            subject: printable(&format!("{} in {region}", capitalized(&trouble(advised.diagnosis)))),
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
        let what = format!("{} in {region}", capitalized(&trouble(diagnosis)));
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
    fn about(kind: NoticeKind, incident: &Incident, now: Timestamp) -> Self {
        let id = format!("{}-{}", incident.id, incident.sequence);
        Self {
            incident: Some(incident.id.clone()),
            sequence: incident.sequence,
            severity: incident.severity,
            subject: subject(kind, incident, now),
            scope: Some(NamedScope::from(&incident.scope)),
            times: Times {
                since: Some(incident.began()),
                latest: incident.last_failure.map(|_| incident.ended()),
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
            scope: None,
            recovering: false,
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
            advice: Advice::default(),
            quiet_s: None,
            alarm: None,
            merged: Merged::default(),
            note: None,
            unresolved: None,
            cut: false,
        }
    }
}

fn subject(kind: NoticeKind, incident: &Incident, now: Timestamp) -> String {
    let what = headed(incident);
    let hit = hit_in_short(incident);
    printable(&match kind {
        NoticeKind::Opened | NoticeKind::Advice => format!("{}{hit}", capitalized(&what)),
        NoticeKind::Changed => format!("Changed: {what}{hit}"),
        NoticeKind::Reopened => format!("Reopened: {what}{hit}"),
        NoticeKind::Reminder => capitalized(&since(incident, now)),
        NoticeKind::Resolved => format!("{RESOLVED}{what}"),
    })
}

/// `outage of AWS sign-in (StartDeviceAuthorization) in eu-central-1`.
fn headed(incident: &Incident) -> String {
    format!("{} in {}", trouble_in(incident.diagnosis, &incident.scope), incident.region)
}

fn since(incident: &Incident, now: Timestamp) -> String {
    format!("{} since {}", headed(incident), clock(incident.began(), now))
}

/// `the outage of AWS sign-in (SSO OIDC) in eu-central-1`.
fn what_ended(incident: &Incident) -> String {
    match &incident.scope.shared {
        Some(shared) => format!("the trouble with {} in {}", of_shared(shared), incident.region),
        None => format!("the {}", headed(incident)),
    }
}

/// From its first failure to its latest: neither the proof nor the quiet time after it is outage.
fn lasted(incident: &Incident) -> String {
    span(between(incident.began(), incident.ended()))
}

fn is_about(incident: &Incident) -> bool {
    incident.victims.values().any(DistinctCallers::is_about)
}

/// `12 distinct callers`, `about 4000 distinct callers`.
fn hit_in_words(incident: &Incident) -> String {
    let callers = counted(incident.callers, "distinct caller");
    if is_about(incident) { format!("about {callers}") } else { callers }
}

fn is_of_the_service(incident: &Incident) -> bool {
    // What the probe sees, and what AWS knows of, is none of the customer's own keys, policies and tools.
    !matches!(incident.concern, Concern::Admin { .. }) && incident.scope.shared.is_none()
}

fn hit_in_short(incident: &Incident) -> String {
    let how = match incident.concern {
        Concern::Service => "hit",
        Concern::Admin { .. } | Concern::Request { .. } => "refused",
    };
    match incident.callers {
        0 => ": a probe fails".to_owned(),
        callers => format!(": {}{} {how}", if is_about(incident) { "about " } else { "" }, counted(callers, "caller")),
    }
}

fn headlines(
    kind: NoticeKind,
    incident: &Incident,
    verdict: &Verdict,
    changes: &[String],
    now: Timestamp,
) -> Vec<String> {
    let mut lines = vec![headline(incident, Tense::Present)];
    match kind {
        NoticeKind::Opened | NoticeKind::Resolved | NoticeKind::Advice => {}
        NoticeKind::Reminder => lines.push(so_far(incident, now)),
        NoticeKind::Changed | NoticeKind::Reopened => {
            let changes = one_line(&unlinked(&changes.join("; ")), REASON_MAX);
            lines.push(format!("{}: {changes}.", kind.as_str().to_uppercase()));
        }
    }
    if kind.begins() && incident.severity != Severity::Page && incident.diagnosis.severity() == Severity::Page {
        lines.push("Nobody is paged yet: that comes if it lasts.".to_owned());
    }
    lines.extend(confirmation(incident, verdict).into_iter().map(str::to_owned));
    lines
}

/// When an incident began that goes on, and when it was last seen.
fn so_far(incident: &Incident, now: Timestamp) -> String {
    let began = clock(incident.began(), now);
    match incident.last_failure {
        Some(_) => format!("It began at {began}, and the latest failure was at {}.", clock(incident.ended(), now)),
        None => format!("It began at {began}."),
    }
}

/// Whether calls fail at the moment, or did.
#[derive(Clone, Copy)]
enum Tense {
    Present,
    Past,
}

impl Tense {
    const fn of(self, present: &'static str, past: &'static str) -> &'static str {
        match self {
            Self::Present => present,
            Self::Past => past,
        }
    }
}

/// The verdict in words.
fn headline(incident: &Incident, tense: Tense) -> String {
    let (region, scope) = (&incident.region, &incident.scope);
    let hit = hit_in_words(incident);
    let with = concern_name(&incident.concern).map(|name| format!(" with {name}")).unwrap_or_default();
    let signing_in = signing_in(scope);
    let (fails, refuses, is_refused) =
        (tense.of("fails", "failed"), tense.of("refuses", "refused"), tense.of("is refused", "was refused"));
    match incident.diagnosis {
        Diagnosis::Outage => format!("OUTAGE: {signing_in} {fails} in {region} for {hit}."),
        Diagnosis::Degraded if incident.callers == 0 => {
            format!("DEGRADED: a probe of {signing_in} {fails} in {region}; no caller was seen to be hit.")
        }
        Diagnosis::Degraded => format!("DEGRADED: {signing_in} {fails} in {region} for some: for {hit}."),
        Diagnosis::Misconfigured => format!(
            "MISCONFIGURED: a key or policy of your own {refuses} {hit} who sign in through IAM Identity Center{} in \
             {region}{with}.",
            in_brackets(scope)
        ),
        Diagnosis::Suspected => format!(
            "SUSPECTED OUTAGE: {signing_in} {is_refused} in {region} for {hit}{with}, as if all of them had made the \
             same mistake."
        ),
        Diagnosis::OneTool => format!("ONE TOOL: {}", alone(incident, &with, tense)),
        Diagnosis::OneNetwork => format!("ONE NETWORK: {}", alone(incident, &with, tense)),
        Diagnosis::OneApplication => format!("ONE APPLICATION: {}", alone(incident, &with, tense)),
        Diagnosis::Throttling
        | Diagnosis::OneCaller
        | Diagnosis::Blind
        | Diagnosis::Late
        | Diagnosis::AwsHealth
        | Diagnosis::Unbelieved
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => format!("{} in {region}: {hit}.", capitalized(&trouble(incident.diagnosis))),
    }
}

/// `signing in with the tool acme-login 3.0 fails in eu-central-1 for 12 distinct callers, while others are served.`
fn alone(incident: &Incident, with: &str, tense: Tense) -> String {
    let shared = incident.scope.shared.as_ref();
    let what = shared.map_or_else(|| "signing in with what they have in common".to_owned(), signing_in_by);
    let how = match incident.concern {
        Concern::Service => tense.of("fails", "failed"),
        Concern::Admin { .. } | Concern::Request { .. } => tense.of("is refused", "was refused"),
    };
    let others = tense.of("others are served", "others were served");
    format!("{what} {how} in {} for {}{with}, while {others}.", incident.region, hit_in_words(incident))
}

fn advised_in_words(diagnosis: Diagnosis) -> String {
    let words = match diagnosis {
        Diagnosis::Throttling => "calls to sign in (SSO OIDC) are throttled, or soon will be,",
        Diagnosis::OneCaller => "one caller cannot sign in (SSO OIDC), while others are served,",
        Diagnosis::Blind => "this function can connect neither to the sign-in service (SSO OIDC) nor to its control",
        Diagnosis::Late => "late events tell of a trouble with signing in (SSO OIDC) that is more than an hour old,",
        Diagnosis::AwsHealth => "AWS Health tells of an issue about signing in (SSO OIDC), and nobody here was hit,",
        Diagnosis::Unbelieved => "events about signing in (SSO OIDC) that this function does not believe reach it",
        Diagnosis::Outage
        | Diagnosis::Degraded
        | Diagnosis::Misconfigured
        | Diagnosis::Suspected
        | Diagnosis::OneTool
        | Diagnosis::OneNetwork
        | Diagnosis::OneApplication
        | Diagnosis::Isolated
        | Diagnosis::Transient
        | Diagnosis::Quiet => return trouble(diagnosis),
    };
    words.to_owned()
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

fn how_it_ended(incident: &Incident, recovery: &Recovery, now: Timestamp) -> String {
    let latest = match incident.last_failure {
        Some(_) => format!("The latest failure was at {}", clock(incident.ended(), now)),
        None => "No caller was seen to fail".to_owned(),
    };
    let over = incident.resolved_at.map_or_else(|| "later".to_owned(), |over| clock(over, now));
    match recovery.proved {
        true => format!("{latest}; confirmed over at {over}."),
        false => format!("{latest}. Only the silence since then says that it is over."),
    }
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
        callers: incident.callers,
        about: is_about(incident),
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
