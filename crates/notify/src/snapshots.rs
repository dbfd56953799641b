//! Every notice for every reader, kept in `tests/notices` as it was looked at, and shown in `docs/notices.md`.
//!
//! `UPDATE_DOCS=1 cargo test -p triage-notify` writes both anew; else they must equal what the code makes.

#![expect(clippy::disallowed_methods, reason = "a notice is compared with its file, or the file written anew")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::notice::Notice;
use crate::testing::{place, samples};
use crate::{envelope, pager};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

#[track_caller]
fn keeps(name: &str, text: &str) {
    let path = file(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} is not what the code makes: look at it, and set UPDATE_DOCS=1 to keep it\n{text}");
}

/// What each reader gets, by the name of a file's ending.
struct Readers {
    mail: String,
    sms: String,
    chat: serde_json::Value,
    machine: serde_json::Value,
    pager: Option<(String, serde_json::Value)>,
}

fn readers(notice: &Notice) -> Readers {
    let envelope: serde_json::Value = serde_json::from_str(&envelope::render(notice, &place())).unwrap();
    let text = |protocol: &str| envelope[protocol].as_str().unwrap().to_owned();
    let json = |protocol: &str| serde_json::from_str(&text(protocol)).unwrap();
    Readers {
        mail: text("email"),
        sms: text("sms"),
        chat: json("https"),
        machine: json("default"),
        pager: pager::render(notice, &place())
            .map(|(subject, message)| (subject, serde_json::from_str(&message).unwrap())),
    }
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

#[test]
fn notices_are_what_was_looked_at() {
    for (name, notice) in samples() {
        let readers = readers(&notice);
        keeps(&format!("tests/notices/{name}.mail.txt"), &format!("Subject: {}\n\n{}", notice.subject, readers.mail));
        keeps(&format!("tests/notices/{name}.sms.txt"), &format!("{}\n", readers.sms));
        keeps(&format!("tests/notices/{name}.chat.json"), &pretty(&readers.chat));
        keeps(&format!("tests/notices/{name}.machine.json"), &pretty(&readers.machine));
        if let Some((_, alarm)) = readers.pager {
            keeps(&format!("tests/notices/{name}.pager.json"), &pretty(&alarm));
        }
    }
}

#[test]
fn notices_kept_are_those_that_there_are() {
    let names: Vec<String> = samples().into_iter().map(|(name, _)| name).collect();
    for entry in fs::read_dir(file("tests/notices")).unwrap() {
        let kept = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.iter().any(|name| kept.starts_with(&format!("{name}."))), "{kept} is of no notice any more");
    }
}

#[test]
fn notices_are_shown_in_the_page_as_they_are_sent() {
    keeps("docs/notices.md", &page());
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (name, notice) in samples() {
        let readers = readers(&notice);
        let heading = name.replace('_', " ");
        page += &format!("\n## {heading}\n\n{}\n", told_as(&notice));
        page += &format!("\n**Mail**, subject: `{}`\n\n```text\n{}```\n", notice.subject, readers.mail);
        page += &format!("\n**SMS** ({} characters)\n\n```text\n{}\n```\n", readers.sms.len(), readers.sms);
        let content = &readers.chat["content"];
        let (title, text) = (content["title"].as_str().unwrap(), content["description"].as_str().unwrap());
        page += &format!("\n**Chat**, in the thread `{}`\n", readers.chat["metadata"]["threadId"].as_str().unwrap());
        page += &format!("\n```text\n{title}\n{text}\n");
        for step in content["nextSteps"].as_array().unwrap() {
            page += &format!("→ {}\n", step.as_str().unwrap());
        }
        page += "```\n";
        if let Some((subject, alarm)) = &readers.pager {
            page += &format!("\n**Paging service**, subject: `{subject}`\n\n```json\n{}```\n", pretty(alarm));
        }
        if name == "opened_outage" {
            page += &format!("\n**Programs**\n\n```json\n{}```\n", pretty(&readers.machine));
        }
    }
    page
}

fn told_as(notice: &Notice) -> String {
    let bus = notice
        .kind
        .detail_type()
        .filter(|_| notice.merged.count == 0)
        .map_or_else(String::new, |name| format!(", on the event bus as `{name}`"));
    let pager = notice.alarm.map_or_else(String::new, |alarm| format!(", at a paging service as `{}`", alarm.as_str()));
    format!(
        "Kind `{}`, diagnosis `{}`, severity `{}`{bus}{pager}.",
        notice.kind.as_str(),
        notice.diagnosis.as_str(),
        notice.severity.as_str()
    )
}

const INTRODUCTION: &str = "\
# Notices, as each reader gets them

Made by the code from one made-up outage in eu-central-1 and kept equal to it by a test. One publish to SNS carries a text
for each kind of subscriber: mail, SMS, chat (Amazon Q Developer in chat applications, by https), and JSON for everything
else: Lambda, queues, plain http ([schema](notice.schema.json); here once, under the first notice). A paging service gets
its own topic, and hears only of what changes its alarm.
";
