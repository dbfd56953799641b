//! `docs/policy.md`, printed from the table so that the page cannot differ from the code.

use std::fmt::Write as _;

use crate::policy::numbers::SETTINGS;

/// The page, as Markdown.
pub fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut group = "";
    for setting in SETTINGS {
        if setting.group != group {
            group = setting.group;
            let _ = write!(page, "\n## {group}\n\n| key | default | from | to | effect |\n|---|---|---|---|---|\n");
        }
        let unit = if setting.unit.is_empty() { String::new() } else { format!(" {}", setting.unit) };
        let effect: Vec<&str> = setting.effect.iter().map(|line| line.trim()).collect();
        let _ = writeln!(
            page,
            "| `{}` | {}{unit} | {} | {} | {} |",
            setting.key,
            setting.default,
            setting.least,
            setting.most,
            effect.join(" ")
        );
    }
    page
}

const INTRODUCTION: &str = "# The policy

Every threshold. The stack's parameter `Policy` (the variable `OIDC_TRIAGE_POLICY`) and `oidc-triage replay --policy FILE` take
any of them as TOML, one `key = number` a line; what you leave out has its default. An unknown key or an impossible number is
an error at start that names the line, and all errors are reported together. [tune.md](tune.md) says which ones people change.

This page is printed from the code (`UPDATE_DOCS=1 cargo test -p triage-decide`).
";
