//! The pages say what the tables say.

#![expect(clippy::disallowed_methods, reason = "a page in `docs` is compared, or written anew")]

use std::path::Path;

use triage_model::classify;
use triage_model::problem::ProblemName;

#[test]
fn the_classification_page_is_printed_from_the_table() {
    is_printed("docs/classification.md", &classify::page::page());
}

#[test]
fn the_problems_of_the_page_are_those_of_the_list() {
    let mut table = String::from("| problem | input | meaning |\n|---|---|---|\n");
    for name in ProblemName::ALL {
        table += &format!("| `{name}` | {} | {} |\n", name.input_loss().as_str(), name.meaning());
    }
    let page = include_str!("../../../docs/call-api.md");
    let (before, section) = page.split_once("\n## Problems\n").expect("the page has the section");
    let begin = section.find("| problem |").expect("the section has the table");
    let length = section[begin..].find("\n\n").map_or(section.len() - begin, |end| end + 1);
    let (text, after) = (&section[..begin], &section[begin + length..]);
    is_printed("docs/call-api.md", &format!("{before}\n## Problems\n{text}{table}{after}"));
}

/// Compares a page with its printed form, or writes it with `UPDATE_DOCS=1`.
fn is_printed(page: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, printed).expect("the page can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == printed, "{page} differs from the table; run: UPDATE_DOCS=1 cargo test -p triage-model");
}
