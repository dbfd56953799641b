//! A notice as people read it in a mail: plain text, fit for a phone. The verdict, what to do and what to pass on to users stand
//! before the evidence; links come last.
//!
//! In: a [`Notice`], and the [`Place`] that its links lead to. Out: text of at most [`MAIL_MAX`] bytes. Texts of others in
//! it are on one line each already, so that none can pass for a line of ours.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::command::commands;
use crate::notice::{Impact, NamedScope, Notice, SilenceFacts, Tally, Weighed};
use crate::place::Place;
use crate::step;
use crate::words::{counted, in_zone, span, utc};

/// Longer than any notice with lists of ten, and a quarter of what SNS takes for all readers together.
pub const MAIL_MAX: usize = 64 * 1024;

const CUT: &str = "\n[cut here: the rest is in the function's log]\n";

/// What waits for so long is not sent again.
const FOR_EVER: Duration = Duration::from_secs(366 * 86_400);

/// The lines of a notice up to its evidence fit two screens of a phone: so many lines of so many characters.
#[cfg(test)]
pub const SCREENS: (usize, usize) = (2 * 26, 44);

/// What the evidence begins with.
const EVIDENCE: &str = "Evidence";

pub fn render(notice: &Notice, place: &Place) -> String {
    let mut text = Text::default();
    notice.headline.iter().for_each(|line| text.line(line));
    steps(&mut text, notice, place);
    users(&mut text, notice, place);
    text.heading(EVIDENCE);
    facts(&mut text, notice, place.company.time_zone.as_ref());
    text.bullets("Reasons", &notice.reasons);
    if !notice.weighed.is_empty() {
        text.heading("Possible causes");
        notice.weighed.iter().for_each(|weighed| weigh(&mut text, weighed));
    }
    requests(&mut text, notice);
    merged(&mut text, notice);
    copied(&mut text, notice, place);
    links(&mut text, notice, place);
    if let Some(note) = &notice.note {
        text.line("");
        text.line(note);
    }
    if notice.cut {
        text.line("");
        text.line("Lists were cut to fit into one message: the rest is in the function's log.");
    }
    cut(text.0)
}

fn steps(text: &mut Text, notice: &Notice, place: &Place) {
    text.heading("Do now");
    for (number, step) in (1..).zip(&notice.advice.now) {
        let (words, command) = step::parts(step);
        text.line(&format!("{number}. {words}"));
        command.into_iter().for_each(|command| text.line(&format!("   {command}")));
    }
    if let Some(runbook) = &place.company.runbook {
        text.line(&format!("Runbook: {runbook}"));
    }
}

fn users(text: &mut Text, notice: &Notice, place: &Place) {
    let Some(users) = place.for_users(notice) else { return };
    text.heading("For your users");
    text.line(&users);
}

fn facts(text: &mut Text, notice: &Notice, zone: Option<&TimeZone>) {
    let (times, impact) = (&notice.times, &notice.impact);
    let time = |at: Timestamp| in_zone(at, zone);
    if let Some(quiet) = notice.quiet_s.map(Duration::from_secs) {
        text.fact("At", &time(notice.at));
        text.fact(
            "Next",
            &if quiet > FOR_EVER { "never".to_owned() } else { format!("in {} at the earliest", span(quiet)) },
        );
    }
    if let Some(since) = times.since {
        text.fact("Started", &time(since));
    }
    if let Some(latest) = times.latest {
        text.fact("Latest", &time(latest));
    }
    if let Some(over) = times.over_at {
        text.fact("Lasted", &times.lasted().map_or_else(|| "unknown".to_owned(), span));
        text.fact("Recovery", &over_in_words(notice, &time(over)));
    }
    if times.reopened > 0 {
        let latest = times.reopened_at.filter(|_| times.over_at.is_none());
        let latest = latest.map_or_else(String::new, |at| format!(", the latest at {}", time(at)));
        text.fact("Reopened", &format!("{}{latest}", counted(times.reopened as usize, "time")));
    }
    if let Some(scope) = notice.scope.as_ref().and_then(NamedScope::in_words) {
        text.fact("Scope", &scope);
    }
    for replica in &notice.replicas {
        text.fact("Region", &replica.in_words(time));
    }
    if impact.failures > 0 {
        let calls = counted(impact.failures, "call");
        let codes = tally(&impact.codes);
        text.fact("Failed", &if codes.is_empty() { calls } else { format!("{calls}: {codes}") });
    }
    if !impact.operations.is_empty() {
        text.fact("Operation", &tally(&impact.operations));
    }
    if impact.callers > 0 {
        text.fact("Affected", &format!("{}{}", impact.head_count(), names(notice)));
    }
    if let Some(unresolved) = &notice.unresolved {
        text.fact("Names", &unresolved.in_words());
    }
    if !impact.tools.is_empty() {
        text.fact("Tools", &tally(&impact.tools));
    }
    if !impact.several_accounts().is_empty() {
        text.fact("Accounts", &tally(impact.several_accounts()));
    }
    if let Some(acknowledged) = &notice.acknowledged {
        text.fact("Taken", &format!("acknowledged {}", acknowledged.in_words(time)));
    }
    if let Some(silence) = &notice.silence {
        silenced(text, silence, zone);
    }
    if let Some(incident) = &notice.incident {
        text.fact("Incident", &format!("{incident} (notice {})", notice.sequence));
    }
}

fn silenced(text: &mut Text, silence: &SilenceFacts, zone: Option<&TimeZone>) {
    let regions: Vec<&str> = silence.regions.iter().map(|region| region.as_str()).collect();
    text.fact("Silence", &silence.id);
    text.fact("By", &silence.by);
    text.fact("Reason", &silence.reason);
    text.fact("From", &in_zone(silence.from, zone));
    text.fact("Until", &in_zone(silence.until, zone));
    text.fact("Regions", &regions.join(", "));
    let limits = [silence.only.clone(), silence.scope.in_words()];
    limits.into_iter().flatten().for_each(|limit| text.fact("Limited", &limit));
    if !silence.advice.is_empty() {
        text.fact("Advice", &tally(&silence.advice));
    }
}

/// `confirmed at 09:40`.
pub fn over_in_words(notice: &Notice, over: &str) -> String {
    match notice.proved {
        Some(false) => "not confirmed".to_owned(),
        Some(true) | None => format!("confirmed at {over}"),
    }
}

/// `: ana, ben and 2 more`.
pub fn names(notice: &Notice) -> String {
    let Impact { callers, about, names, .. } = &notice.impact;
    match callers.saturating_sub(names.len()) {
        _ if names.is_empty() => String::new(),
        1.. if *about => format!(": {} and others", names.join(", ")),
        0 => format!(": {}", names.join(", ")),
        more => format!(": {} and {more} more", names.join(", ")),
    }
}

/// `InternalServerException (6), 503 (1)`.
pub fn tally(counts: &[Tally]) -> String {
    counts.iter().map(|tally| format!("{} ({})", tally.name, tally.count)).collect::<Vec<_>>().join(", ")
}

fn weigh(text: &mut Text, weighed: &Weighed) {
    text.line(&format!("{}:", weighed.cause));
    weighed.speaks_for.iter().for_each(|fact| text.line(&format!("  for:     {fact}")));
    weighed.speaks_against.iter().for_each(|fact| text.line(&format!("  against: {fact}")));
}

fn requests(text: &mut Text, notice: &Notice) {
    let requests = &notice.impact.requests;
    if requests.is_empty() {
        return;
    }
    text.heading(if notice.is_of_aws() { "Failed requests, for AWS Support" } else { "Failed requests" });
    for request in requests {
        let operation = request.operation.map_or("unknown operation", |operation| operation.as_str());
        let id = request.id.as_deref().unwrap_or("id not kept");
        text.line(&format!("- {} {id} {operation} {}", utc(request.at), request.code));
    }
    text.more(notice.impact.failures, requests.len());
}

fn merged(text: &mut Text, notice: &Notice) {
    let merged = &notice.merged;
    if merged.count == 0 {
        return;
    }
    text.heading("Earlier notices in this one");
    for earlier in &merged.notices {
        text.line(&format!("- {} {}", utc(earlier.at), earlier.summary));
    }
    text.more(merged.count, merged.notices.len());
    if merged.notices.first().is_some_and(|first| first.kind.begins()) {
        text.bullets("Why it was opened", &merged.reasons);
    }
}

fn copied(text: &mut Text, notice: &Notice, place: &Place) {
    let commands = commands(notice, place);
    if !commands.is_empty() {
        text.heading("Commands");
    }
    for command in &commands {
        let (words, command) = step::parts(command);
        text.line(&format!("- {words}"));
        command.into_iter().for_each(|command| text.line(&format!("  {command}")));
    }
}

fn links(text: &mut Text, notice: &Notice, place: &Place) {
    let links = place.links(notice);
    if !links.is_empty() {
        text.heading("Links");
        links.iter().for_each(|(name, link)| text.line(&format!("- {name}: {link}")));
    }
}

/// What is longer than anybody reads is cut, and says so.
fn cut(mut text: String) -> String {
    if text.len() > MAIL_MAX {
        text.truncate(text.floor_char_boundary(MAIL_MAX - CUT.len()));
        text.push_str(CUT);
    }
    text
}

/// A message as it grows.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    fn fact(&mut self, name: &str, fact: &str) {
        self.line(&format!("{:<10} {fact}", format!("{name}:")));
    }

    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(heading);
    }

    fn bullets(&mut self, heading: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.heading(heading);
        lines.iter().for_each(|line| self.line(&format!("- {line}")));
    }

    /// How many of `all` are not among those listed.
    fn more(&mut self, all: usize, listed: usize) {
        if let Some(more @ 1..) = all.checked_sub(listed) {
            self.line(&format!("- and {more} more"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_beyond_the_limit_is_cut_on_a_character_boundary_and_says_so() {
        let text = cut("ä".repeat(MAIL_MAX));
        assert!(text.len() <= MAIL_MAX && text.ends_with(CUT), "{}", text.len());
        assert_eq!(cut("short".to_owned()), "short");
    }
}
