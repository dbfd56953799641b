//! What is said of a silence: that it began, what it held back, and of an incident that it does no more.
//!
//! In: a [`Silence`]. Out: a [`Notice`]. Who silenced it and why are texts of others: bounded and on one line.

use triage_decide::ledger::{bounded, bounded_line};
use triage_decide::scope::shown_name;
use triage_decide::silence::{Acknowledged, Known, Limit, Missed, Silence, SilenceScope, SilencedBy, Withheld};
use triage_decide::verdict::{Diagnosis, Severity};
use triage_model::region::Region;

use crate::headline;
use crate::notice::{
    AcknowledgedBy, Advice, Impact, MissedIncident, NamedScope, Notice, NoticeKind, SilenceFacts, Silenced, Tally,
};
use crate::words::{Clock, SIGN_IN, between, counted, printable, shown, span};

/// Incidents that a summary lists before its evidence.
const LISTED_MAX: usize = 6;

/// The kind of notice that brings people up to date.
pub const fn kind(known: Known) -> NoticeKind {
    match known {
        Known::Nothing => NoticeKind::Opened,
        Known::Open => NoticeKind::Changed,
        Known::Over => NoticeKind::Reopened,
    }
}

pub fn was_withheld(withheld: &Withheld, clock: Clock<'_>) -> String {
    let SilencedBy { by, reason, until, .. } = &withheld.silence;
    format!("its notices were silenced by {} until {}: {}", shown(by), clock.time(*until), bounded_line(reason))
}

pub fn brief(withheld: &Withheld) -> Silenced {
    let SilencedBy { id, by, reason, until } = &withheld.silence;
    Silenced { id: shown(id), by: shown(by), reason: bounded_line(reason), until: *until }
}

pub fn acknowledged(acknowledged: &Acknowledged) -> AcknowledgedBy {
    let Acknowledged { by, at, until } = acknowledged;
    AcknowledgedBy { by: by.as_deref().map(shown), at: *at, until: *until }
}

impl From<&SilenceScope> for NamedScope {
    fn from(scope: &SilenceScope) -> Self {
        let operations = scope.operations.as_ref().map(|operations| operations.iter().copied().collect());
        let mut named = Self { operations, ..Self::default() };
        match &scope.limit {
            None => {}
            Some(Limit::Tool(name)) => named.tool = Some(shown_name(name)),
            Some(Limit::Network(name)) => named.network = Some(shown_name(name)),
            Some(Limit::Application(name)) => named.application = Some(shown_name(name)),
            Some(Limit::Account(name)) => named.account = Some(shown_name(name)),
        }
        named
    }
}

/// `AWS sign-in in eu-central-1 (tool acme-login)`
pub fn in_words<'a>(scope: &SilenceScope, regions: impl Iterator<Item = &'a Region>) -> String {
    let regions: Vec<&str> = regions.map(Region::as_str).collect();
    let incident = scope.incident.as_ref().map(|incident| format!("incident {}", shown(incident)));
    let limits = incident.or_else(|| NamedScope::from(scope).in_words());
    let limits = limits.map(|limits| format!(" ({limits})")).unwrap_or_default();
    format!("{SIGN_IN} in {}{limits}", regions.join(", "))
}

impl Notice {
    /// Nobody silences anything unseen.
    pub fn of_silence(region: &Region, silence: &Silence, clock: Clock<'_>) -> Self {
        let (what, by) = (in_words(&silence.scope, silence.regions.iter()), shown(&silence.by));
        let (until, lasts) = (clock.time(silence.until), span(between(clock.now, silence.until)));
        let title = format!("{SIGN_IN} SILENCED {} until {until}", in_short(silence));
        let now = [
            "Nothing, if you expected this.",
            "Else end it with the command below. Its request is in the function's log, and CloudTrail has who made it if it \
             records Lambda's data events.",
        ];
        Self {
            title: printable(&title),
            subject: printable(&title),
            headline: vec![
                format!("SILENCED: {what}, until {until} ({lasts}), by {by}: {}.", bounded_line(&silence.reason)),
                "Until then nobody is notified or paged of what fails there. At its end there is a summary.".to_owned(),
                "What is larger than that is reported as ever.".to_owned(),
            ],
            advice: Advice { now: now.map(str::to_owned).to_vec(), users: None },
            silence: Some(facts(silence)),
            ..Self::bare(
                format!("{}-{region}-until-{}", silence.id, silence.until.strftime("%Y%m%dT%H%M%SZ")),
                NoticeKind::Silenced,
                Diagnosis::Quiet,
                region,
                clock.now,
            )
        }
    }

    /// What people missed.
    pub fn of_silence_s_end(region: &Region, silence: &Silence, clock: Clock<'_>) -> Self {
        let what = in_words(&silence.scope, std::iter::once(region));
        let (from, until) = (clock.time(silence.from), clock.time(silence.until));
        let ended_by = silence.ended_by.as_deref().map(shown).map(|by| format!(", ended early by {by}"));
        let open = silence.missed.iter().filter(|missed| missed.resolved_at.is_none()).count();
        let advice: usize = silence.advised.values().map(|missed| missed.notices).sum();
        let mut headline = vec![
            format!(
                "SILENCE ENDED: {what} was silenced from {from} to {until} ({}{}) by {}: {}.",
                span(between(silence.from, silence.until)),
                ended_by.unwrap_or_default(),
                shown(&silence.by),
                bounded_line(&silence.reason)
            ),
            format!("Meanwhile: {}.", meanwhile(silence, open, advice)),
        ];
        headline.extend(silence.missed.iter().take(LISTED_MAX).map(|missed| format!("- {}", said(missed, clock))));
        let more = silence.missed.len().saturating_sub(LISTED_MAX);
        if more > 0 || silence.missed_more > 0 {
            let beyond = counted(silence.missed_more, "notice");
            headline.push(format!("- and {more} more, and {beyond} of others: the function's log has them."));
        }
        let worst = silence.missed.iter().map(|missed| missed.diagnosis).min();
        let whom = match silence.missed.len() {
            0 => "nothing happened".to_owned(),
            incidents => format!("{}, {open} open", counted(incidents, "incident")),
        };
        let title = format!("{SIGN_IN} SILENCE ENDED {} - {whom}", in_short(silence));
        let now = match open {
            0 => "Nothing: all of it is over.",
            _ => "Look at what is still open: a notice of its own follows, if any was held back.",
        };
        let reasons: Vec<String> = silence.advised.values().filter_map(|missed| missed.reason.clone()).collect();
        Self {
            title: printable(&title),
            subject: printable(&title),
            headline,
            reasons: bounded(&reasons),
            advice: Advice { now: vec![now.to_owned()], users: None },
            silence: Some(facts(silence)),
            severity: Severity::Info,
            ..Self::bare(
                format!("{}-{region}-ended", silence.id),
                NoticeKind::SilenceEnded,
                worst.unwrap_or(Diagnosis::Quiet),
                region,
                clock.now,
            )
        }
    }
}

/// For a title: `eu-central-1`, `3 regions`.
fn in_short(silence: &Silence) -> String {
    let place = match silence.regions.first() {
        Some(region) if silence.regions.len() == 1 => region.to_string(),
        Some(_) | None => counted(silence.regions.len(), "region"),
    };
    let is_limited = silence.scope != SilenceScope::default();
    if is_limited { format!("partly in {place}") } else { format!("in {place}") }
}

fn meanwhile(silence: &Silence, open: usize, advice: usize) -> String {
    let incidents = silence.missed.len();
    let over = incidents - open;
    let parts = [
        (over > 0).then(|| format!("{} over", counted(over, "incident"))),
        (open > 0).then(|| format!("{} still open", counted(open, "incident"))),
        (advice > 0).then(|| counted(advice, "advice notice")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing was held back".to_owned() } else { parts.join(", ") }
}

/// `OUTAGE (tool acme-login/3.0) from 08:05 UTC to 08:30 UTC (25 minutes): 12 of 40 people; over.`
fn said(missed: &Missed, clock: Clock<'_>) -> String {
    let limits = NamedScope::from(&missed.scope).in_words().map(|limits| format!(" ({limits})")).unwrap_or_default();
    let whom = match missed.callers {
        0 => "no caller was affected".to_owned(),
        _ => impact(missed).head_count(),
    };
    let end = match missed.resolved_at {
        Some(over) => format!("over since {}", clock.time(over)),
        None => "still open".to_owned(),
    };
    format!(
        "{}{limits} from {} to {} ({}): {whom}; {end}. {}",
        headline::name(missed.diagnosis),
        clock.time(missed.began),
        clock.time(missed.ended),
        span(triage_model::time::lasted(missed.began, missed.ended)),
        missed.incident
    )
}

fn impact(missed: &Missed) -> Impact {
    Impact {
        callers: missed.callers,
        about: missed.about,
        people: missed.people,
        seen: missed.seen,
        ..Impact::default()
    }
}

fn facts(silence: &Silence) -> SilenceFacts {
    let incident = |missed: &Missed| MissedIncident {
        id: missed.incident.clone(),
        diagnosis: missed.diagnosis,
        severity: missed.severity,
        scope: NamedScope::from(&missed.scope),
        since: missed.began,
        latest: missed.ended,
        over_at: missed.resolved_at,
        callers: missed.callers,
        seen: missed.seen,
        failures: missed.failed_calls,
        notices: missed.notices,
    };
    let advice = silence.advised.iter();
    SilenceFacts {
        id: silence.id.clone(),
        by: shown(&silence.by),
        reason: bounded_line(&silence.reason),
        from: silence.from,
        until: silence.until,
        ended_by: silence.ended_by.as_deref().map(shown),
        scope: NamedScope::from(&silence.scope),
        only: silence.scope.incident.clone(),
        regions: silence.regions.iter().cloned().collect(),
        incidents: silence.missed.iter().map(incident).collect(),
        more: silence.missed_more,
        advice: advice.map(|(of, missed)| Tally { name: of.as_str().to_owned(), count: missed.notices }).collect(),
    }
}
