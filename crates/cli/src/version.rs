//! Which version this is.
//!
//! A build of a release names its commit in OIDC_TRIAGE_COMMIT. The compiler reads it, and compiles again where it changes: no
//! build script asks git, so a build from unpacked sources is the same, without a commit.

use std::sync::LazyLock;

static VERSION: LazyLock<String> = LazyLock::new(|| of(env!("CARGO_PKG_VERSION"), option_env!("OIDC_TRIAGE_COMMIT")));

/// `0.1.0`, `0.1.0 (0123456789ab)`.
pub fn version() -> &'static str {
    &VERSION
}

fn of(version: &str, commit: Option<&str>) -> String {
    match commit {
        None | Some("") => version.to_owned(),
        Some(commit) => format!("{version} ({commit})"),
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn the_commit_is_named_where_it_is_known() {
        assert_eq!(of("1.2.3", Some("0123456789ab")), "1.2.3 (0123456789ab)");
        assert_eq!(of("1.2.3", Some("")), "1.2.3");
        assert_eq!(of("1.2.3", None), "1.2.3");
    }
}
