//! The page `docs/notices.md`: for people who want to see what they will get.

use std::fmt::Write as _;

use triage_notify::notice::{Notice, NoticeKind};

use crate::readers::{Readers, pretty, readers};
use crate::told::Told;

/// The story whose notices are shown whole, and in every form.
const WHOLE: &str = "outage";

/// Of other mails so many paragraphs are shown: what happens, what to do, and what to pass on to users.
const PARAGRAPHS: usize = 3;

const INTRODUCTION: &str = "\
# Notices, as each reader gets them

What people, paging services and programs get, from the beginning of an incident to its end. Each example is the program's
own output: a test replays a made-up history minute by minute, and keeps this page equal to what comes out. The
company, its people and all ids are invented. The examples in full, in every form, are in
[tests/notices](../tests/notices).

| who | gets | how |
|---|---|---|
| people, by mail | every notice: what happens, why, what to do, what to pass on to users | the topic, `email` |
| people, by SMS | every notice, in one line | the topic, `sms` |
| a chat channel | every notice, one thread for each incident | the topic, `https` (Amazon Q Developer in chat applications) |
| a paging service | an alarm when an incident becomes a page, and its end | a topic of its own |
| programs | every notice as JSON ([schema](notice.schema.json)) | the topic: Lambda, SQS, `http`, `email-json` |
| programs, by the event bus | opened, changed and resolved, with the same JSON as detail | EventBridge |

An incident begins with `opened`, and each notice has the incident's id and a number. `changed` reports what is new,
`reminder` that it is still open, `resolved` that it is over, with proof; without proof its subject begins otherwise.
`reopened` follows within 15 minutes, or as long as the policy says. An advice notice belongs to no incident.
";

pub fn page(all: &[Told]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n## Contents\n\n";
    for told in all {
        let heading = heading(told);
        let _ = writeln!(page, "- [{heading}](#{})", anchor(&heading));
    }
    for told in all {
        let _ = write!(page, "\n## {}\n\n{}\n\n{}", heading(told), told.story.told, subjects(told));
        let kept: Vec<(usize, &Notice)> = told.kept().collect();
        if told.story.name == WHOLE {
            whole(&mut page, &kept);
        } else if let Some((number, notice)) = kept.iter().find(|(number, _)| *number == told.story.shown) {
            let _ = write!(page, "\nMail {number}, in part:\n\n```text\n{}```\n", beginning(&readers(notice).mail));
        }
    }
    page
}

fn heading(told: &Told) -> String {
    let name = told.story.name.replace('_', " ");
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let heading: String = first.into_iter().chain(letters).collect();
    heading.replace("Kms", "KMS").replace("Aws", "AWS").replace("health", "Health")
}

fn anchor(heading: &str) -> String {
    heading.to_ascii_lowercase().replace(' ', "-")
}

/// What people were sent when.
fn subjects(told: &Told) -> String {
    let mut table = "| | at | kind | severity | subject |\n|---|---|---|---|---|\n".to_owned();
    for (number, notice) in told.kept() {
        let (at, kind, severity) =
            (notice.at.strftime("%d %b %H:%M:%S"), notice.kind.as_str(), notice.severity.as_str());
        let _ = writeln!(table, "| {number} | {at} | `{kind}` | `{severity}` | {} |", notice.subject);
    }
    table
}

/// The mails of the beginning and the end, what comes between in short, and each other form once.
fn whole(page: &mut String, kept: &[(usize, &Notice)]) {
    let find = |is_it: fn(&Notice) -> bool| kept.iter().find(|(_, notice)| is_it(notice));
    let mails = [
        (find(|notice| notice.kind == NoticeKind::Opened), true),
        (find(|notice| notice.recovering), false),
        (find(|notice| notice.kind == NoticeKind::Resolved), true),
    ];
    for ((number, notice), is_whole) in mails.into_iter().filter_map(|(found, is_whole)| Some((found?, is_whole))) {
        let mail = readers(notice).mail;
        let (mail, part) = if is_whole { (mail, "") } else { (beginning(&mail), ", in part") };
        let _ = write!(page, "\n### Mail {number}: {}{part}\n\n```text\n{mail}```\n", notice.kind.as_str());
    }
    if let Some((number, notice)) = find(|notice| notice.alarm.is_some()) {
        let _ = write!(page, "\n### Notice {number} in the other forms\n{}", others(&readers(notice)));
    }
}

fn others(readers: &Readers) -> String {
    let content = &readers.chat["content"];
    let text = |member: &str| content[member].as_str().unwrap_or_default().to_owned();
    let steps = content["nextSteps"].as_array().into_iter().flatten().filter_map(|step| step.as_str());
    let steps: String = steps.map(|step| format!("→ {step}\n")).collect();
    let mut page = format!("\n**SMS** ({} characters)\n\n```text\n{}\n```\n", readers.sms.len(), readers.sms);
    let _ = write!(page, "\n**Chat**\n\n```text\n{}\n{}\n{steps}```\n", text("title"), text("description"));
    if let Some((subject, alarm)) = &readers.pager {
        let _ = write!(page, "\n**Paging service**, subject `{subject}`\n\n```json\n{}```\n", pretty(alarm));
    }
    let bus = readers.bus.map_or_else(String::new, |bus| format!(", on the event bus as `{bus}`"));
    let _ = write!(page, "\n**Programs**{bus}\n\n```json\n{}```\n", pretty(&readers.machine));
    page
}

/// The first paragraphs of a mail.
fn beginning(mail: &str) -> String {
    let paragraphs: Vec<&str> = mail.trim_end().split("\n\n").take(PARAGRAPHS).collect();
    format!("{}\n\n[...]\n", paragraphs.join("\n\n"))
}
