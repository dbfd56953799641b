//! The pages in `docs/` say what the tables say.

use std::path::Path;

#[test]
fn the_classification_page_is_printed_from_the_table() {
    is_printed("docs/classification.md", &oidc_triage::classify::page::page());
}

#[test]
fn the_policy_page_is_printed_from_the_table() {
    is_printed("docs/policy.md", &oidc_triage::policy::page::page());
}

fn is_printed(page: &str, printed: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, printed).expect("the page can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == printed, "{page} differs from the table; run: UPDATE_DOCS=1 cargo test --test docs");
}
