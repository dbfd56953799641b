//! Where the status page goes: a bucket, and what the keys in it begin with.
//!
//! In: variables. Out: a [`StatusPlace`], or nothing where none is set; and errors, which the caller reports together with the
//! rest. What is refused here would be refused by S3, or be another key than the one that the role may write.

use triage_engine::settings::given;

pub const BUCKET: &str = "OIDC_TRIAGE_STATUS_BUCKET";
pub const PREFIX: &str = "OIDC_TRIAGE_STATUS_PREFIX";

/// In bytes: a key has at most 1,024.
const PREFIX_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPlace {
    pub bucket: String,
    /// Empty, or with a `/` at its end.
    pub prefix: String,
}

pub fn read(
    variable: &impl Fn(&str) -> Option<String>,
    has_table: bool,
    problems: &mut Vec<String>,
) -> Option<StatusPlace> {
    let (bucket, prefix) = (given(variable, BUCKET), given(variable, PREFIX));
    let Some(bucket) = bucket else {
        if prefix.is_some() {
            problems.push(format!("{PREFIX} needs {BUCKET}"));
        }
        return None;
    };
    let prefix = prefix.unwrap_or_default();
    if !is_bucket(&bucket) {
        problems.push(format!(
            "{BUCKET} is no name of a bucket: 3 to 63 small letters, digits, hyphens and dots, as its name is without s3://"
        ));
    }
    if !is_prefix(&prefix) {
        problems.push(format!(
            "{PREFIX} must be letters, digits and ._- between slashes, with one at its end and none at its beginning, such as \
             status/"
        ));
    }
    if !has_table {
        problems.push(format!("{BUCKET} needs OIDC_TRIAGE_TABLE: without it the watcher knows no past incident"));
    }
    Some(StatusPlace { bucket, prefix })
}

/// By S3's rules for general purpose buckets.
pub fn is_bucket(name: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
        && is_end(name.bytes().next())
        && is_end(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
}

pub fn is_prefix(prefix: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    prefix.is_empty()
        || prefix.len() <= PREFIX_MAX && prefix.strip_suffix('/').is_some_and(|parts| parts.split('/').all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bucket: &str, prefix: &str, has_table: bool) -> Result<Option<StatusPlace>, Vec<String>> {
        let mut problems = Vec::new();
        let variable = |name: &str| match name {
            BUCKET => Some(bucket.to_owned()),
            PREFIX => Some(prefix.to_owned()),
            _ => None,
        };
        let place = read(&variable, has_table, &mut problems);
        if problems.is_empty() { Ok(place) } else { Err(problems) }
    }

    #[test]
    fn a_bucket_is_taken_by_its_name_with_a_folder_in_it() {
        assert_eq!(read_all("", "", false), Ok(None));
        for (bucket, prefix) in [("made-up", ""), ("abc", "status/"), ("a.b-c.1", "a/b_c/D.e-f/")] {
            let place = StatusPlace { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
            assert_eq!(read_all(bucket, prefix, true), Ok(Some(place)));
        }
    }

    #[test]
    fn what_is_no_bucket_or_prefix_is_refused_with_what_to_do() {
        let long = "x".repeat(64);
        for bucket in ["ab", "s3://made-up", "Made-up", "made_up", "-made", "made-", "a..b", "192.0.2.7", "a/b", &long]
        {
            let problems = read_all(bucket, "", true).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with(BUCKET), "{bucket}: {problems:?}");
        }
        for prefix in ["status", "/status/", "a//", "../", "a/./", "a b/", "a*/", "?/", "%2f/", "\u{e4}/"] {
            let problems = read_all("made-up", prefix, true).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with(PREFIX), "{prefix}: {problems:?}");
        }
        assert!(read_all("made-up", "", false).unwrap_err()[0].contains("needs OIDC_TRIAGE_TABLE"));
        assert!(read_all("", "status/", true).unwrap_err()[0].contains("needs OIDC_TRIAGE_STATUS_BUCKET"));
    }
}
