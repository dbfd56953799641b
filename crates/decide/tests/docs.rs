//! The page about the policy says what its table says.

#![expect(clippy::disallowed_methods, reason = "a page in `docs` is compared, or written anew")]

use std::path::Path;

#[test]
fn the_policy_page_is_printed_from_the_table() {
    let (path, printed) = ("../../docs/policy.md", triage_decide::policy::page::page());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &printed).expect("the page can be written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == printed, "docs/policy.md differs from the table; run: UPDATE_DOCS=1 cargo test -p triage-decide");
}
