//! What came of a history, as people read it: a timeline, and the totals.
//!
//! In: a [`Review`]. Out: text. Texts of others in it are on one line each and bounded already, as notices are.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use triage_decide::verdict::Severity;
use triage_notify::mail;
use triage_notify::notice::{NamedScope, Notice, NoticeKind};
use triage_notify::place::{Company, Place};
use triage_notify::words::{capitalized, counted, in_zone, span, trouble};

use crate::replay::budget;
use crate::replay::review::{Review, Story};
use crate::terminal::Colour;

/// What a text begins with that is not of the whole history.
pub const INTERRUPTED: &str = "Interrupted: all of this is of the history up to there.\n";

/// `whole` prints each notice as a mail has it.
pub fn print(review: &Review, whole: bool, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    if review.interrupted {
        writeln!(out, "{}", INTERRUPTED)?;
    }
    timeline(review, whole, colour, out)?;
    incidents(review, colour, out)?;
    failures(review, colour, out)?;
    totals(review, colour, out)
}

/// The notices that people would have got, in order of time.
fn timeline(review: &Review, whole: bool, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    let mut notices: Vec<&Notice> =
        review.incidents.iter().flat_map(|story| &story.notices).chain(&review.advices).collect();
    notices.sort_by_key(|notice| notice.at);
    if notices.is_empty() {
        return writeln!(out, "{}\n", without_notices(review));
    }
    writeln!(out, "{}", colour.heading("Notices that people would have got"))?;
    let company = Company { time_zone: review.zone.clone(), ..Company::default() };
    let place = Place { company, ..Place::default() };
    for notice in notices {
        let at = in_zone(notice.at, review.zone.as_ref());
        let kind = format!("{:8}", notice.kind.as_str());
        let kind = match (notice.kind, notice.severity) {
            (NoticeKind::Resolved, _) => colour.good(&kind),
            (_, Severity::Page) => colour.page(&kind),
            (_, Severity::Warning) => colour.warning(&kind),
            (_, Severity::Info) => kind,
        };
        // What a page is must not depend on colour.
        writeln!(out, "{at}  {kind}  {:7}  {}", notice.severity.as_str(), notice.subject)?;
        if whole {
            writeln!(out, ">>> would be sent: {}\n>>>", notice.subject)?;
            for line in mail::render(notice, &place).lines() {
                writeln!(out, ">>> {line}")?;
            }
        } else {
            brief(notice, out)?;
        }
    }
    writeln!(out)
}

/// That nothing was evaluated is no all-clear.
fn without_notices(review: &Review) -> String {
    match (review.span, review.outside) {
        (Some(_), _) => "Nobody would have been notified.".to_owned(),
        (None, 0) => "Nothing was evaluated: there is no call of SSO OIDC in what was read.".to_owned(),
        (None, outside) => format!(
            "Nothing was evaluated: all {} are outside of the times or regions asked for. Leave out --since, --until and \
             --region to see what there is.",
            counted(outside as usize, "call")
        ),
    }
}

/// What changed, and why.
fn brief(notice: &Notice, out: &mut dyn Write) -> io::Result<()> {
    let news = notice.headline.iter().skip(1).take(match notice.kind {
        NoticeKind::Changed | NoticeKind::Reopened if notice.recovering => 2,
        NoticeKind::Changed | NoticeKind::Reopened | NoticeKind::Resolved => 1,
        NoticeKind::Reminder if notice.recovering => 2,
        NoticeKind::Opened
        | NoticeKind::Reminder
        | NoticeKind::Advice
        | NoticeKind::Silenced
        | NoticeKind::SilenceEnded => 0,
    });
    for line in news {
        writeln!(out, "    {line}")?;
    }
    if let Some(scope) = notice.scope.as_ref().and_then(NamedScope::in_words) {
        writeln!(out, "    Scope: {scope}")?;
    }
    for reason in &notice.reasons {
        writeln!(out, "    - {reason}")?;
    }
    Ok(())
}

fn incidents(review: &Review, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    if review.incidents.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", colour.heading("Incidents"))?;
    for story in &review.incidents {
        writeln!(out, "{}", in_words(story, review.zone.as_ref()))?;
    }
    writeln!(out)
}

fn in_words(story: &Story, zone: Option<&TimeZone>) -> String {
    let doubt = if story.looks_false() { "; looks false" } else { "" };
    let scope = story.scope_in_words().map(|scope| format!("; {scope}")).unwrap_or_default();
    format!(
        "{}  {} in {} ({}{scope}): {}, {}{doubt}",
        in_zone(story.opened_at, zone),
        capitalized(&trouble(story.diagnosis)),
        story.region,
        story.severity.as_str(),
        story.callers_in_words(),
        end_in_words(story, zone),
    )
}

/// `lasted 25 minutes, recovery confirmed at 2027-01-15 08:30:00 UTC`.
fn end_in_words(story: &Story, zone: Option<&TimeZone>) -> String {
    let Some((over, lasted)) = story.over_at.zip(story.lasted()) else {
        return "still open when the history ends".to_owned();
    };
    let how = if story.proved { "recovery confirmed at" } else { "quiet, not confirmed, closed at" };
    format!("lasted {}, {how} {}", span(lasted), in_zone(over, zone))
}

/// What failed, and what its caller can do.
fn failures(review: &Review, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    if review.kinds.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", colour.heading("Failed calls"))?;
    for kind in &review.kinds {
        let operation = kind.operation.map_or("unknown operation", |operation| operation.as_str());
        let code = kind.code.as_deref().unwrap_or("no answer");
        let status = kind.status.filter(|status| status.to_string() != code);
        let status = status.map_or_else(String::new, |status| format!(" {status}"));
        writeln!(out, "{:>7}  {operation} {code}{status}: {}", kind.count, kind.cause.as_str())?;
        writeln!(out, "         {}", kind.advice)?;
    }
    writeln!(out)
}

fn totals(review: &Review, colour: Colour, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", colour.heading("Totals"))?;
    let mut fact = |name: &str, fact: String| writeln!(out, "  {:<13} {fact}", format!("{name}:"));
    if let Some((from, to)) = review.span {
        let zone = review.zone.as_ref();
        fact("from", format!("{} to {}", in_zone(from, zone), in_zone(to, zone)))?;
    }
    fact("clock", review.clock())?;
    let read = format!("{}, {}", counted(review.files as usize, "file"), counted(review.records as usize, "record"));
    fact("read", format!("{read}, {} of them of other services", review.left_alone))?;
    if review.outside > 0 {
        fact(
            "left out",
            format!("{} outside of the times or regions asked for", counted(review.outside as usize, "call")),
        )?;
    }
    fact("served", counted(review.counts.success as usize, "call"))?;
    fact("failed", failed(review))?;
    if let Some(objective) = &review.objective {
        fact("error budget", budget::in_words(objective))?;
    }
    let false_looking = review.false_looking_pages();
    let pages = review.pages().count();
    fact("pages", format!("{pages}, of which {false_looking} look false (short, few callers, confirmed by nobody)"))?;
    let rest =
        format!("{}, {} of advice", counted(review.warnings(), "warning"), counted(review.advices.len(), "notice"));
    fact("beside them", rest)?;
    fact("notices", format!("{} in all", review.notices()))?;
    fact("callers", format!("{} affected: by the service, no answer, or a key or policy", review.callers))?;
    if !review.tools.is_empty() {
        fact("their tools", mail::tally(&review.tools))?;
    }
    if review.out_of_order > 0 {
        let late = format!("{} more than an hour out of order, evaluated as late", review.out_of_order);
        fact("order", late)?;
    }
    Ok(())
}

fn failed(review: &Review) -> String {
    let counts = &review.counts;
    let causes = [
        ("service", counts.service),
        ("unreachable", counts.unreachable),
        ("throttled", counts.throttled),
        ("request", counts.request),
        ("admin", counts.admin),
        ("unrecognised", counts.unrecognised),
        ("expected", counts.expected),
        ("duplicate", counts.duplicate),
    ];
    let failed: Vec<String> =
        causes.iter().filter(|(_, count)| *count > 0).map(|(cause, count)| format!("{count} {cause}")).collect();
    if failed.is_empty() { "none".to_owned() } else { failed.join(", ") }
}
