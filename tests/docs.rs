//! The pages say what the tables say.

use std::path::Path;

use oidc_triage_function::telemetry::metrics::{METRICS, Metric};

#[test]
fn the_metrics_of_the_page_are_those_of_the_table() {
    let mut table = String::from("| metric | unit | meaning |\n|---|---|---|\n");
    for Metric { name, unit, meaning } in METRICS {
        table += &format!("| `{name}` | {} | {meaning} |\n", unit.as_str());
    }
    let page = include_str!("../docs/operate.md");
    let (before, section) = page.split_once("\n## Metrics\n").expect("the page has the section");
    let begin = section.find("| metric |").expect("the section has the table");
    let length = section[begin..].find("\n\n").map_or(section.len() - begin, |end| end + 1);
    let (text, after) = (&section[..begin], &section[begin + length..]);
    is_printed("docs/operate.md", &format!("{before}\n## Metrics\n{text}{table}{after}"));
}

fn is_printed(page: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, printed).expect("the page can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == printed,
        "{page} differs from the table; run: UPDATE_DOCS=1 cargo test -p oidc-triage-function --test docs"
    );
}
