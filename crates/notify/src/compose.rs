//! What a notice says: the facts and sentences that are the same for every reader.
//!
//! In: an incident, a recovery or an advice, and the verdict. Out: a [`Notice`]. Every text of others in it (caller
//! names, codes, request ids, tools) is bounded and on one line, so that it cannot pass for a line of ours, and every list
//! is bounded.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use triage_decide::concern::Concern;
use triage_decide::distinct::DistinctCallers;
use triage_decide::evidence::mark::hash48;
use triage_decide::incident::Recoveries;
use triage_decide::ledger::{Incident, REASON_MAX, bounded, bounded_line};
use triage_decide::objective::Objective;
use triage_decide::turn::{Change, Event, Happened, Turn};
use triage_decide::verdict::{Advised, Diagnosis, Evaluation, Recovery, Severity, Verdict, Weighing, when_found};
use triage_decide::view::StoreError;
use triage_model::redact::one_line;
use triage_model::region::Region;
use triage_model::time::before;

use crate::headline::{self, QUIET, RESOLVED, Tense};
use crate::notice::{
    Advice, BudgetCost, Impact, LISTED_MAX, Merged, NamedScope, Notice, NoticeKind, Request, Tally, Times, Weighed,
};
use crate::words::{self, Clock, called, capitalized, of_shared, printable, shown, trouble};
use crate::{advice, silence};

/// What fails now and then is not recovering between two failures.
const RECOVERING_AFTER: Duration = Duration::from_secs(60);

/// Whether calls are served again for so long that it may be said.
pub fn is_recovering(recovery: Option<&Recovery>, now: Timestamp) -> bool {
    let since = recovery.and_then(|recovery| recovery.recovering_since);
    since.is_some_and(|since| since <= before(now, RECOVERING_AFTER))
}

/// The notices of what happened in a turn, in its order. Times are in UTC, and in `zone` beside it.
pub fn notices(
    region: &Region,
    turn: &Turn,
    evaluation: &Evaluation,
    recoveries: &Recoveries,
    objective: Option<&Objective>,
    zone: Option<&TimeZone>,
    now: Timestamp,
) -> Vec<Notice> {
    let clock = Clock { now, zone };
    let notice = |event| notice(region, event, turn, evaluation, recoveries, clock);
    let costed = |(event, notice): (&Event, Notice)| match event {
        Event::OfIncident(key, happened @ Happened::Resolved(_)) => {
            notice.costing(turn.incident(*key, happened), objective)
        }
        Event::OfIncident(..) | Event::Advised(_) | Event::Silenced(_) | Event::SilenceEnded(_) => notice,
    };
    turn.happened.iter().filter_map(|event| Some((event, notice(event)?))).map(costed).collect()
}

/// None where something happened to an incident that is not there, which no turn says.
fn notice(
    region: &Region,
    event: &Event,
    turn: &Turn,
    evaluation: &Evaluation,
    recoveries: &Recoveries,
    clock: Clock<'_>,
) -> Option<Notice> {
    match event {
        Event::Advised(advised) => Some(Notice::of_advice(region, advised, clock)),
        Event::Silenced(silence) => Some(Notice::of_silence(region, silence, clock)),
        Event::SilenceEnded(silence) => Some(Notice::of_silence_s_end(region, silence, clock)),
        Event::OfIncident(key, happened) => {
            let incident = turn.incident(*key, happened)?;
            let verdict = evaluation.on(*key).unwrap_or(&evaluation.region);
            let notice = of_happened(happened, incident, verdict, clock);
            Some(match (incident.is_open(), incident.silent_since) {
                (true, _) if is_recovering(recoveries.get(key), clock.now) => notice.recovering(incident, clock),
                (true, Some(since)) => notice.silent(incident, since, clock),
                (true | false, _) => notice,
            })
        }
    }
}

fn of_happened(happened: &Happened, incident: &Incident, verdict: &Verdict, clock: Clock<'_>) -> Notice {
    let of = |kind, changes: &[String]| Notice::of_incident(kind, incident, verdict, changes, clock);
    match happened {
        Happened::Opened => of(NoticeKind::Opened, &[]),
        Happened::Reopened { over_since } => {
            of(NoticeKind::Reopened, &[format!("it fails again, it was resolved at {}", clock.time(*over_since))])
        }
        Happened::Changed(changes) => {
            let words: Vec<String> = changes.iter().map(|it| change(it, incident, clock.now)).collect();
            let is_open_at_pager = incident.is_paged && incident.alarm_change.is_none();
            let updates_alert = is_open_at_pager && changes.iter().any(is_escalation);
            Notice { updates_alert, ..of(NoticeKind::Changed, &words) }
        }
        Happened::Reminder => of(NoticeKind::Reminder, &[]),
        Happened::Resolved(recovery) => Notice::of_recovery(incident, recovery, clock),
        Happened::Unsilenced(withheld) => {
            let updates_alert = incident.is_paged && incident.alarm_change.is_none();
            let (kind, why) = (silence::kind(withheld.known), silence::was_withheld(withheld, clock));
            let notice = of(kind, std::slice::from_ref(&why));
            Notice { updates_alert, ..notice }.not_known_before(kind, &why)
        }
    }
}

/// What is new, how it began, and what speaks for it now. A verdict that sees another cause, or none, does not know how
/// this incident began.
fn reasons(incident: &Incident, verdict: &Verdict, changes: &[String]) -> Vec<String> {
    let is_seen =
        |opening: &&String| verdict.reasons.contains(opening) || verdict.reasons.contains(&when_found(opening));
    let unseen = incident.opening.iter().filter(|opening| !is_seen(opening)).map(|opening| when_found(opening));
    let all: Vec<String> = changes.iter().cloned().chain(unseen).chain(verdict.reasons.iter().cloned()).collect();
    bounded(&all)
}

/// Whether a paging service should show it.
const fn is_escalation(change: &Change) -> bool {
    match change {
        Change::Diagnosis { .. }
        | Change::Attributed(_)
        | Change::Refuted(_)
        | Change::Callers { .. }
        | Change::Operation(_)
        | Change::AwsHealth
        | Change::FailsIn { .. }
        // The portal that an alert shows must be one that leads in.
        | Change::Portal { .. } => true,
        Change::Lasts | Change::Works(_) | Change::WorksIn { .. } | Change::NobodyCalls(_) => false,
    }
}

/// So long after the latest failure nobody is seen to fail.
const UNTRIED_FOR: Duration = Duration::from_secs(15);

/// What is new, in words.
fn change(change: &Change, incident: &Incident, now: Timestamp) -> String {
    match change {
        Change::Diagnosis { from, to } => format!("now {} (was {})", called(*to), called(*from)),
        Change::Attributed(shared) => format!("it is {} and not the service", of_shared(shared)),
        Change::Refuted(shared) => format!("it is not only {}: others fail too", of_shared(shared)),
        // By the clock: whoever failed may just not have tried again.
        Change::Lasts
            if incident.last_failure.max(incident.probe_failed_at).is_some_and(|at| at < before(now, UNTRIED_FOR)) =>
        {
            "no affected caller was served since, so on-call is paged now".to_owned()
        }
        Change::Lasts => "it lasts, so on-call is paged now".to_owned(),
        Change::Callers { affected, reported } => {
            let about = if is_about(incident) { "about " } else { "" };
            let noun = if incident.people { "people" } else { "callers" };
            format!("{about}{affected} {noun} are affected, up from {reported}")
        }
        Change::Operation(operation) => format!("{operation} fails too"),
        Change::Works(operation) => format!("{operation} works again"),
        Change::NobodyCalls(_) => "nobody calls any more".to_owned(),
        Change::AwsHealth => "AWS Health confirms it".to_owned(),
        Change::FailsIn { region, everywhere: true } => {
            format!("it fails in {region} too, so sign-in works in no region any more")
        }
        Change::FailsIn { region, everywhere: false } => format!("it fails in {region} too"),
        Change::WorksIn { region, proved: true } => format!("it works again in {region}"),
        Change::WorksIn { region, proved: false } => format!("nobody calls in {region} any more"),
        Change::Portal { lost, found } => {
            let lost = lost.iter().map(|lost| format!("it is not known any more whether sign-in works in {lost}"));
            let found = found.iter().map(|found| format!("sign-in works in {found}"));
            lost.chain(found).collect::<Vec<_>>().join("; ")
        }
    }
}

impl Notice {
    /// A notice of `incident`, whose sequence is already this notice's. `changes` say what is new, in words.
    pub fn of_incident(
        kind: NoticeKind,
        incident: &Incident,
        verdict: &Verdict,
        changes: &[String],
        clock: Clock<'_>,
    ) -> Self {
        let impact = impact(incident, verdict);
        let news = Some(bounded_line(&changes.join("; "))).filter(|news| !news.is_empty());
        Self {
            headline: headlines(kind, incident, verdict, &impact, news.as_deref(), clock),
            news,
            operations: incident.reported_operations.iter().copied().collect(),
            probe: verdict.probe.filter(|_| is_of_the_service(incident)),
            aws_health: verdict.health && is_of_the_service(incident),
            reasons: reasons(incident, verdict, changes),
            weighed: match incident.concern {
                Concern::Service => verdict.weighed.iter().map(weighed).collect(),
                Concern::Admin { .. } | Concern::Request { .. } => Vec::new(),
            },
            advice: advice::of_incident(incident, verdict),
            ..Self::about(kind, headline::title(incident, &impact), incident, clock.now)
        }
        .with(impact)
    }

    /// That calls of `incident` are served again, which is not enough yet to call it over.
    #[must_use]
    pub fn recovering(self, incident: &Incident, clock: Clock<'_>) -> Self {
        let subject = match self.kind {
            NoticeKind::Reminder => printable(&format!("Recovering: {}", self.title)),
            NoticeKind::Opened
            | NoticeKind::Changed
            | NoticeKind::Reopened
            | NoticeKind::Resolved
            | NoticeKind::Advice
            | NoticeKind::Silenced
            | NoticeKind::SilenceEnded => self.subject.clone(),
        };
        let how = headline::recovering(incident, clock);
        Self { recovering: true, subject, ..self }.not_failing_now(incident, how, advice::of_recovering(incident))
    }

    /// That nobody calls in the scope of `incident`, so that nothing can be known of it.
    #[must_use]
    pub fn silent(self, incident: &Incident, since: Timestamp, clock: Clock<'_>) -> Self {
        let subject = match self.kind {
            NoticeKind::Changed => printable(&format!("No calls now: {}", self.title)),
            NoticeKind::Opened
            | NoticeKind::Reminder
            | NoticeKind::Reopened
            | NoticeKind::Resolved
            | NoticeKind::Advice
            | NoticeKind::Silenced
            | NoticeKind::SilenceEnded => self.subject.clone(),
        };
        let how = headline::silent(since, clock);
        Self { subject, ..self }.not_failing_now(incident, how, advice::of_silence(incident))
    }

    fn not_failing_now(mut self, incident: &Incident, how: String, advice: Advice) -> Self {
        let news = self.news.as_ref().filter(|_| self.recovering);
        let news = news.map(|news| headline::news(self.kind.as_str(), news));
        self.headline = vec![headline::what(incident, &self.impact, Tense::Past), how];
        self.headline.extend(news);
        self.advice = advice;
        self
    }

    /// That `incident` is over. Who was affected is known from the notices before: only their number is said again.
    pub fn of_recovery(incident: &Incident, recovery: &Recovery, clock: Clock<'_>) -> Self {
        let impact = counted_in_all(incident);
        Self {
            headline: vec![
                headline::over(incident, &impact, recovery, clock),
                headline::how_it_ended(incident, recovery, clock),
            ],
            operations: incident.reported_operations.iter().copied().collect(),
            proved: Some(recovery.proved),
            reasons: bounded(&recovery.reasons),
            advice: advice::of_recovery(incident, recovery.proved),
            ..Self::about(NoticeKind::Resolved, headline::title_of_past(incident, &impact), incident, clock.now)
        }
        .with(impact)
        .ended(recovery.proved)
    }

    /// What the incident cost of the error budget. Calls that were refused for a mistake of their callers cost nothing, and
    /// whether they were mistakes nobody knows.
    pub(crate) fn costing(mut self, incident: Option<&Incident>, objective: Option<&Objective>) -> Self {
        let counts = |incident: &&Incident| match incident.concern {
            Concern::Service | Concern::Admin { .. } => incident.failed_calls() > 0,
            Concern::Request { .. } => false,
        };
        self.error_budget = incident
            .filter(counts)
            .zip(objective)
            .and_then(|(incident, objective)| BudgetCost::of(objective, incident.failed_calls()));
        self.headline.extend(self.error_budget.map(BudgetCost::in_words));
        self
    }

    /// The subject says that it is over only where that is confirmed.
    fn ended(mut self, proved: bool) -> Self {
        self.subject = printable(&format!("{}{}", if proved { RESOLVED } else { QUIET }, self.title));
        self
    }

    /// A beginning that was held back says so: it is long ago.
    fn not_known_before(mut self, kind: NoticeKind, why: &str) -> Self {
        if kind == NoticeKind::Opened {
            self.headline.push(format!("{}.", capitalized(why)));
        }
        self
    }

    fn with(mut self, impact: Impact) -> Self {
        self.impact = impact;
        self
    }

    /// What needs no incident. Its id is the same wherever the same advice is given within its quiet time, counted from
    /// 1970.
    pub fn of_advice(region: &Region, advised: &Advised, clock: Clock<'_>) -> Self {
        let now = clock.now;
        let quiet = i64::try_from(advised.quiet_for.as_secs()).unwrap_or(i64::MAX).max(1);
        let what = hash48(&format!("{}\n{}", now.as_second().div_euclid(quiet), advised.key));
        let title = headline::title_of_advice(region, advised);
        Self {
            subject: printable(&format!("Advice: {title}")),
            title,
            headline: vec![headline::advice(region, advised), headline::fault_of_advice(advised)],
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
        let title = printable(&format!("{} {} {region}", words::SIGN_IN, headline::name(diagnosis)));
        let id = incident
            .as_ref()
            .map_or_else(|| format!("unreadable-{region}-{position}"), |incident| format!("{incident}-{sequence}"));
        Self {
            incident,
            sequence,
            subject: printable(&format!("{}: {title}", capitalized(kind.as_str()))),
            headline: vec![format!("{}: {} in {region}.", kind.as_str().to_uppercase(), trouble(diagnosis))],
            title,
            note: Some("Another release of this function wrote this notice: its details cannot be read.".to_owned()),
            ..Self::bare(id, kind, diagnosis, region, at)
        }
    }

    /// The notice as one sandbox sends it without the store: under an id that every sandbox computes alike within
    /// `quiet`, and saying so.
    #[must_use]
    pub fn alone(mut self, region: &Region, quiet: Duration, why: &StoreError) -> Self {
        let quiet = i64::try_from(quiet.as_secs()).unwrap_or(i64::MAX).max(1);
        let begin = self.at.as_second().div_euclid(quiet) * quiet;
        let bucket = Timestamp::from_second(begin).unwrap_or(self.at);
        let incident = format!("{region}-{}-unshared", bucket.strftime("%Y%m%dT%H%M%SZ"));
        self.id = format!("{incident}-1");
        self.incident = Some(incident);
        self.sequence = 1;
        // Without the table nothing follows.
        self.headline.retain(|line| line != WARNING_ONLY);
        self.note = Some(one_line(
            &format!(
                "The table is unavailable ({why}): this is what one execution environment of the function saw. Others may \
                 send the same again, under the same id."
            ),
            REASON_MAX,
        ));
        self
    }

    /// What every notice of an incident has.
    fn about(kind: NoticeKind, title: String, incident: &Incident, now: Timestamp) -> Self {
        let id = format!("{}-{}", incident.id, incident.sequence);
        Self {
            incident: Some(incident.id.clone()),
            sequence: incident.sequence,
            severity: incident.severity,
            subject: subject(kind, &title),
            title,
            scope: Some(NamedScope::from(&incident.scope)),
            times: Times {
                since: Some(incident.began()),
                latest: incident.last_failure.or(incident.probe_failed_at).map(|_| incident.ended()),
                reopened: incident.reopened,
                reopened_at: incident.reopened_at,
                over_at: incident.resolved_at,
                over_for_s: incident.earlier.over_for.as_secs(),
            },
            alarm: incident.alarm_change,
            silenced: incident.withheld.as_ref().map(silence::brief),
            acknowledged: incident.acknowledged_at(now).map(silence::acknowledged),
            ..Self::bare(id, kind, incident.diagnosis, &incident.region, now)
        }
    }

    /// A notice that says nothing yet, of no incident: what the others begin with.
    pub fn bare(id: String, kind: NoticeKind, diagnosis: Diagnosis, region: &Region, at: Timestamp) -> Self {
        Self {
            id,
            incident: None,
            sequence: 1,
            kind,
            diagnosis,
            severity: diagnosis.severity(),
            test: false,
            region: region.clone(),
            scope: None,
            recovering: false,
            at,
            title: String::new(),
            subject: String::new(),
            headline: Vec::new(),
            news: None,
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
            updates_alert: false,
            merged: Merged::default(),
            note: None,
            silenced: None,
            acknowledged: None,
            silence: None,
            unresolved: None,
            error_budget: None,
            replicas: Vec::new(),
            cut: false,
        }
    }
}

const WARNING_ONLY: &str = "Warning only, nobody is paged yet. It becomes a page if it lasts.";

fn subject(kind: NoticeKind, title: &str) -> String {
    let begin = match kind {
        NoticeKind::Opened | NoticeKind::Advice | NoticeKind::Silenced | NoticeKind::SilenceEnded => "",
        NoticeKind::Changed => "Changed: ",
        NoticeKind::Reopened => "Reopened: ",
        NoticeKind::Reminder => "Still open: ",
        NoticeKind::Resolved => RESOLVED,
    };
    printable(&format!("{begin}{title}"))
}

fn is_about(incident: &Incident) -> bool {
    incident.victims.values().any(DistinctCallers::is_about)
}

fn is_of_the_service(incident: &Incident) -> bool {
    // What the probe sees, and what AWS knows of, is none of the customer's own keys, policies and tools.
    !matches!(incident.concern, Concern::Admin { .. }) && incident.scope.shared.is_none()
}

fn headlines(
    kind: NoticeKind,
    incident: &Incident,
    verdict: &Verdict,
    impact: &Impact,
    news: Option<&str>,
    clock: Clock<'_>,
) -> Vec<String> {
    let fault = headline::fault(incident, verdict);
    let second = match kind {
        NoticeKind::Opened
        | NoticeKind::Resolved
        | NoticeKind::Advice
        | NoticeKind::Silenced
        | NoticeKind::SilenceEnded => fault,
        NoticeKind::Reminder => format!("{} {fault}", headline::so_far(incident, clock)),
        NoticeKind::Changed | NoticeKind::Reopened => {
            format!("{} {fault}", headline::news(kind.as_str(), news.unwrap_or("more is known")))
        }
    };
    let mut lines = vec![headline::what(incident, impact, Tense::Present), second];
    if kind.begins() && incident.severity != Severity::Page && incident.diagnosis.severity() == Severity::Page {
        lines.push(WARNING_ONLY.to_owned());
    }
    if kind.begins() && incident.diagnosis == Diagnosis::Suspected {
        lines.push("Warning only: a suspected outage pages nobody.".to_owned());
    }
    lines
}

/// The head-count of an incident since it was opened or reopened.
fn counted_in(incident: &Incident) -> Impact {
    counted(incident, incident.callers, incident.callers_seen())
}

/// The same from its beginning, and its failed calls.
fn counted_in_all(incident: &Incident) -> Impact {
    let (callers, seen) = incident.callers_in_all();
    Impact { failures: incident.failed_calls(), ..counted(incident, callers, seen) }
}

fn counted(incident: &Incident, callers: usize, seen: Option<usize>) -> Impact {
    Impact {
        callers,
        about: is_about(incident),
        people: incident.people,
        // A number that cannot be right is not said.
        seen: seen.filter(|seen| *seen >= callers && callers > 0),
        ..Impact::default()
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
        names: verdict.names.iter().take(LISTED_MAX).map(|name| shown(name)).collect(),
        // The evidence looks back for an hour.
        failures: verdict.failures.max(incident.failed_calls().saturating_sub(incident.earlier.failed_calls)),
        codes: tally(verdict.codes.iter().map(|(code, count)| (code.as_str(), *count))),
        operations: tally(operations.into_iter()),
        tools: tally(verdict.tools.iter().map(|(tool, count)| (tool.as_str(), *count))),
        accounts: tally(verdict.accounts.iter().map(|(account, count)| (account.as_str(), *count))),
        requests: requests.collect(),
        ..counted_in(incident)
    }
}

fn tally<'a>(counts: impl Iterator<Item = (&'a str, usize)>) -> Vec<Tally> {
    counts.take(LISTED_MAX).map(|(name, count)| Tally { name: shown(name), count }).collect()
}

fn weighed(weighing: &Weighing) -> Weighed {
    let facts = |facts: &[String]| facts.iter().take(LISTED_MAX).map(|fact| bounded_line(fact)).collect();
    Weighed {
        cause: weighing.cause.to_owned(),
        speaks_for: facts(&weighing.speaks_for),
        speaks_against: facts(&weighing.speaks_against),
    }
}
