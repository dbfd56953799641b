//! The examples of notices: what people, paging services and programs get out of made-up histories, by the very pipeline.
//!
//! Kept in `tests/notices` as they were looked at, and shown in `docs/notices.md`. `UPDATE_DOCS=1 cargo test -p triage-engine
//! --test notices` writes both anew; else they must equal what the code makes. Either way no notice may contradict itself,
//! another one, or the history.

#![expect(clippy::disallowed_methods, reason = "a notice is compared with its file, or the file written anew")]

mod company;
mod consistent;
mod life;
mod page;
mod readers;
mod stories;
mod told;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use life::Story;
use readers::{pretty, readers};
use told::Told;

fn all() -> &'static [Told] {
    static ALL: OnceLock<Vec<Told>> = OnceLock::new();
    ALL.get_or_init(|| {
        let told = |story: Story| Told { notices: life::live(&story), story };
        stories::stories().into_iter().map(told).collect()
    })
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

#[track_caller]
fn keeps(name: &str, text: &str) {
    let path = file(name);
    if is_update() {
        fs::write(&path, text).expect("the file can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} is not what the code makes: look at it, and set UPDATE_DOCS=1 to keep it\n{text}");
}

#[test]
fn notices_are_what_was_looked_at() {
    let mut names = BTreeSet::new();
    for told in all() {
        for (number, notice) in told.kept() {
            let (name, readers) = (told.file_name(number, notice), readers(notice));
            let mut files = vec![
                (format!("{name}.mail.txt"), format!("Subject: {}\n\n{}", notice.subject, readers.mail)),
                (format!("{name}.sms.txt"), format!("{}\n", readers.sms)),
                (format!("{name}.chat.json"), pretty(&readers.chat)),
                (format!("{name}.machine.json"), pretty(&readers.machine)),
            ];
            files.extend(readers.pager.map(|(_, alarm)| (format!("{name}.pager.json"), pretty(&alarm))));
            for (name, text) in files {
                keeps(&format!("tests/notices/{name}"), &text);
                names.insert(name);
            }
        }
    }
    for entry in fs::read_dir(file("tests/notices")).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_update() && !names.contains(&name) {
            fs::remove_file(&path).expect("it can be removed");
        } else {
            assert!(names.contains(&name), "{name} is of no notice any more");
        }
    }
}

#[test]
fn the_page_shows_notices_as_they_are_sent() {
    keeps("docs/notices.md", &page::page(all()));
}

#[test]
fn no_notice_contradicts_itself_another_one_or_the_history() {
    let wrong: Vec<String> =
        all().iter().flat_map(|told| consistent::contradictions(&told.story, &told.notices)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_notice_is_among_the_examples() {
    let kinds: BTreeSet<&str> = all().iter().flat_map(Told::kept).map(|(_, notice)| notice.kind.as_str()).collect();
    let expected = ["advice", "changed", "opened", "reminder", "reopened", "resolved"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
    let notices = || all().iter().flat_map(|told| &told.notices);
    assert!(notices().any(|notice| notice.recovering), "one that recovers");
    assert!(notices().any(|notice| notice.proved == Some(false)), "one that ends without proof");
    assert!(notices().any(|notice| notice.merged.count > 0), "several in one");
    assert!(notices().any(|notice| notice.note.is_some()), "one without the table");
}
