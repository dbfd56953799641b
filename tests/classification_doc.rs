//! `docs/classification.md` says what the table says.

use std::path::Path;

use oidc_triage::classify::page::page;

#[test]
fn the_page_is_printed_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/classification.md");
    let printed = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &printed).expect("docs/classification.md can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == printed,
        "docs/classification.md differs from the table; run: UPDATE_DOCS=1 cargo test --test classification_doc"
    );
}
