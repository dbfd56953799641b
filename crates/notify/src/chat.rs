//! A notice for chat: Amazon Q Developer's custom notification, which takes this form and silently drops any other.
//!
//! In: a [`Notice`], and the [`Place`] of its links. Out: the notification. Its texts are the chat program's own markdown,
//! of which there are several, and none can be escaped alike in all of them. So a word that could be markup in any
//! is set as code, without the characters that would end it: see [`plain`].

use serde::Serialize;
use triage_decide::verdict::Severity;
use triage_model::partition::oidc_host;
use triage_model::redact::one_line;

use crate::command::commands;
use crate::mail::{names, over_in_words, tally};
use crate::notice::{NamedScope, Notice, NoticeKind};
use crate::place::{HEALTH_PAGE, Place};
use crate::step;
use crate::words::{in_zone, span, utc_minute};

/// Slack shows no more than 3,000 characters of one text.
const DESCRIPTION_MAX: usize = 2_900;
const TITLE_MAX: usize = 250;
const STEP_MAX: usize = 500;

/// Reasons shown: the mail has all of them.
const REASONS_SHOWN: usize = 3;

/// The threads, keywords and buttons of one notification.
#[derive(Debug, Serialize)]
pub struct Notification<'a> {
    version: &'static str,
    source: &'static str,
    id: &'a str,
    content: Content<'a>,
    metadata: Metadata<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    text_type: &'static str,
    title: String,
    description: String,
    next_steps: Vec<String>,
    keywords: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    /// One incident is one thread.
    thread_id: &'a str,
    summary: &'a str,
    event_type: String,
    related_resources: Vec<String>,
    additional_context: Context<'a>,
}

/// Strings all of them, as the form demands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    kind: &'a str,
    diagnosis: &'a str,
    severity: &'a str,
    region: &'a str,
    incident: &'a str,
    sequence: String,
    callers: String,
    operations: String,
}

pub fn render<'a>(notice: &'a Notice, place: &Place) -> Notification<'a> {
    let thread = notice.incident.as_deref().unwrap_or(&notice.id);
    let (kind, region) = (notice.kind.as_str(), notice.region.as_str());
    let mut resources = vec![oidc_host(region)];
    resources.extend(place.log_group.clone());
    Notification {
        version: "1.0",
        source: "custom",
        id: &notice.id,
        content: Content {
            text_type: "client-markdown",
            title: one_line(&format!("{} {}", sign(notice), plain(&notice.subject)), TITLE_MAX),
            description: description(notice, place),
            next_steps: next_steps(notice, place),
            keywords: vec![kind, notice.diagnosis.as_str(), notice.severity.as_str(), region],
        },
        metadata: Metadata {
            thread_id: thread,
            summary: &notice.subject,
            event_type: event_type(notice.kind),
            related_resources: resources,
            additional_context: Context {
                kind,
                diagnosis: notice.diagnosis.as_str(),
                severity: notice.severity.as_str(),
                region,
                incident: notice.incident.as_deref().unwrap_or_default(),
                sequence: notice.sequence.to_string(),
                callers: notice.impact.callers_in_words(),
                operations: notice.operations.iter().map(|operation| operation.as_str()).collect::<Vec<_>>().join(", "),
            },
        },
    }
}

/// In the characters that a custom action may ask for.
fn event_type(kind: NoticeKind) -> String {
    match kind {
        NoticeKind::Advice => "oidc-triage-advice".to_owned(),
        NoticeKind::Silenced => "oidc-triage-silence-began".to_owned(),
        NoticeKind::SilenceEnded => "oidc-triage-silence-ended".to_owned(),
        NoticeKind::Opened
        | NoticeKind::Changed
        | NoticeKind::Reminder
        | NoticeKind::Reopened
        | NoticeKind::Resolved => format!("oidc-triage-incident-{}", kind.as_str()),
    }
}

fn sign(notice: &Notice) -> char {
    match (notice.kind, notice.severity) {
        (NoticeKind::Resolved, _) => '✅',
        (NoticeKind::Silenced, _) => '🔇',
        (NoticeKind::SilenceEnded, _) => '🔔',
        (_, Severity::Page) => '🔴',
        (_, Severity::Warning) => '🟠',
        (_, Severity::Info) => '🔵',
    }
}

fn description(notice: &Notice, place: &Place) -> String {
    let (times, impact) = (&notice.times, &notice.impact);
    let zone = place.company.time_zone.as_ref();
    let mut lines: Vec<String> = notice.headline.iter().map(|line| plain(line)).collect();
    let mut fact = |name: &str, fact: String| lines.push(format!("- {name}: {fact}"));
    if let Some(users) = &notice.advice.users {
        fact("For your users", plain(users));
    }
    if let Some(since) = times.since {
        fact("Started", plain(&in_zone(since, zone)));
        if let Some((over, lasted)) = times.over_at.zip(times.lasted()) {
            fact("Lasted", span(lasted));
            fact("Recovery", plain(&over_in_words(notice, &in_zone(over, zone))));
        }
    }
    if let Some(scope) = notice.scope.as_ref().and_then(NamedScope::in_words) {
        fact("Scope", plain(&scope));
    }
    if impact.callers > 0 {
        fact("Affected", plain(&format!("{}{}", impact.head_count(), names(notice))));
    }
    if let Some(acknowledged) = &notice.acknowledged {
        fact("Acknowledged", plain(&acknowledged.in_words(|at| in_zone(at, zone))));
    }
    if let Some(unresolved) = &notice.unresolved {
        fact("Names", plain(&unresolved.in_words()));
    }
    let (codes, operations, tools) = (&impact.codes, &impact.operations, &impact.tools);
    let accounts = impact.several_accounts();
    for (name, counts) in [("Failed", &**codes), ("Operation", operations), ("Tools", tools), ("Accounts", accounts)] {
        if !counts.is_empty() {
            fact(name, plain(&tally(counts)));
        }
    }
    for earlier in &notice.merged.notices {
        fact("Before", plain(&format!("{} {}", utc_minute(earlier.at), earlier.summary)));
    }
    for reason in notice.reasons.iter().take(REASONS_SHOWN) {
        fact("Reason", plain(reason));
    }
    if let Some(note) = &notice.note {
        fact("Note", plain(note));
    }
    if let Some(contact) = &place.company.contact {
        fact("Contact", plain(contact));
    }
    // Addresses of our own and of the settings: the only ones that stay links.
    let company = [("Runbook", &place.company.runbook), ("Status page", &place.company.status_page)];
    let company = company.into_iter().filter_map(|(name, url)| Some(format!("- {name}: {}", url.as_ref()?)));
    let links: Vec<String> =
        company.chain(place.links(notice).iter().map(|(name, link)| format!("- {name}: {link}"))).collect();
    let links = links.join("\n");
    // A link that is cut leads nowhere: the rest gives way.
    let room = DESCRIPTION_MAX.saturating_sub(links.len() + 1);
    format!("{}\n{links}", fitting(&lines.join("\n"), room))
}

/// What to do, and the commands to copy. Of a command that is too long nothing is shown: a part of it is none.
fn next_steps(notice: &Notice, place: &Place) -> Vec<String> {
    let steps = notice.advice.now.iter().map(|step| fitting(&next_step(step), STEP_MAX));
    let commands = commands(notice, place).into_iter().map(|command| next_step(&command));
    steps.chain(commands.filter(|command| command.len() <= STEP_MAX)).collect()
}

/// The words of a step; a command is set as code.
fn next_step(step: &str) -> String {
    let (words, command) = step::parts(step);
    match command {
        Some(command) => format!("{} `{}`", plain(words), command.chars().map(within_code).collect::<String>()),
        None => plain(words),
    }
}

/// What is cut may have been cut within code, which is then ended.
fn fitting(text: &str, most: usize) -> String {
    const CUT: &str = " …";
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(CUT.len() + 1);
    let mut text = text[..text.floor_char_boundary(room)].to_owned();
    if text.matches('`').count() % 2 == 1 {
        text.push('`');
    }
    text + CUT
}

/// Text in which nothing is markup: whatever word has a character that could be one, or could be made a link of, is set
/// as code. Within code nothing is markup but what ends it, and what Slack reads before everything else: `<`, `>`, `&`.
pub fn plain(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let bare = word.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        if bare == HEALTH_PAGE || !could_be_markup(bare) {
            words.push(word.to_owned());
            continue;
        }
        let (before, bare) = bare.split_at(bare.len() - bare.trim_start_matches('(').len());
        let inner = bare.strip_suffix(')').filter(|inner| !inner.contains('(') && could_be_markup(inner));
        let (inner, closing) = inner.map_or((bare, ""), |inner| (inner, ")"));
        let end = &word[word.trim_end_matches(['.', ',', ';', ':', '!', '?']).len()..];
        words.push(format!("{before}`{}`{closing}{end}", inner.chars().map(within_code).collect::<String>()));
    }
    words.join(" ")
}

fn could_be_markup(word: &str) -> bool {
    const SIGNS: &[char] =
        &['*', '_', '~', '`', '<', '>', '&', '|', '[', ']', '#', '@', '\\', '/', '!', '=', '{', '}', '^', '$'];
    let names_a_host = word
        .char_indices()
        .any(|(at, character)| character == '.' && word[at + 1..].starts_with(|next: char| next.is_alphabetic()));
    word.contains(SIGNS) || names_a_host || word.starts_with([':', '-', '+']) && word.len() > 1
}

fn within_code(character: char) -> char {
    match character {
        '`' => '\'',
        '<' => '‹',
        '>' => '›',
        '&' => '+',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_code_and_cannot_end_it() {
        for (text, shown) in [
            ("3 callers hit.", "3 callers hit."),
            ("by chance once in 300 years; 40 s", "by chance once in 300 years; 40 s"),
            ("ana@example.com, ben", "`ana@example.com`, ben"),
            ("InternalServerException (6), 503 (1)", "InternalServerException (6), 503 (1)"),
            ("with KMS_DisabledException.", "with `KMS_DisabledException`."),
            ("aws-cli/2.31.0 (2)", "`aws-cli/2.31.0` (2)"),
            ("(KMS_X)", "(`KMS_X`)"),
            ("<!channel> `code` *bold* <b>x</b>", "`‹!channel›` `'code'` `*bold*` `‹b›x‹/b›`"),
            ("[click](https://evil.example) evil.example", "`[click](https://evil.example)` `evil.example`"),
            ("@here :smile:", "`@here` `:smile`:"),
            ("a&amp;b", "`a+amp;b`"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    #[test]
    fn our_own_link_stays_one_and_nobody_else_s_does() {
        assert_eq!(plain(&format!("Look at {HEALTH_PAGE}, and wait")), format!("Look at {HEALTH_PAGE}, and wait"));
        assert_eq!(plain(&format!("{HEALTH_PAGE}/../x")), format!("`{HEALTH_PAGE}/../x`"));
    }

    #[test]
    fn code_that_is_cut_is_ended() {
        assert_eq!(fitting("a `bcdefghijklmnop`", 14), "a `bcdefg` …");
        assert_eq!(fitting("short", 14), "short");
    }
}
