//! The trail's bucket: which one, whose it is, and what the keys in it begin with.
//!
//! In: variables. Out: a [`TrailPlace`], or nothing where none is set; and errors, which the caller reports together with the
//! rest.

use triage_engine::settings::given;
use triage_model::account::is_account;

use super::status::{is_bucket, is_prefix};

pub const BUCKET: &str = "OIDC_TRIAGE_TRAIL_BUCKET";
pub const OWNER: &str = "OIDC_TRIAGE_TRAIL_BUCKET_ACCOUNT";
pub const PREFIX: &str = "OIDC_TRIAGE_TRAIL_PREFIX";
/// The queue with its notifications, by ARN.
pub const QUEUE: &str = "OIDC_TRIAGE_TRAIL_QUEUE";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailPlace {
    pub bucket: String,
    /// The account that it must be of: a bucket of that name that somebody else makes later is none of ours.
    pub owner: String,
    /// Empty, or with a `/` at its end.
    pub prefix: String,
    /// For the doctor.
    pub queue: Option<String>,
}

pub fn read(variable: &impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<TrailPlace> {
    let get = |name: &str| given(variable, name);
    let Some(bucket) = get(BUCKET) else {
        let needless = [OWNER, PREFIX, QUEUE].into_iter().filter(|name| get(name).is_some());
        problems.extend(needless.map(|name| format!("{name} needs {BUCKET}")));
        return None;
    };
    let (owner, prefix) = (get(OWNER).unwrap_or_default(), get(PREFIX).unwrap_or_default());
    if !is_bucket(&bucket) {
        problems.push(format!("{BUCKET} is no name of a bucket: give its name without s3://"));
    }
    if !is_account(&owner) {
        problems.push(format!("{BUCKET} needs {OWNER}: the account that owns the bucket, in 12 digits"));
    }
    if !is_prefix(&prefix) {
        problems.push(format!(
            "{PREFIX} must be what stands before AWSLogs/ in the keys: letters, digits and ._- between slashes, with one at its end"
        ));
    }
    Some(TrailPlace { bucket, owner, prefix, queue: get(QUEUE) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(variables: &[(&str, &str)]) -> Result<Option<TrailPlace>, Vec<String>> {
        let mut problems = Vec::new();
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let place = read(&variable, &mut problems);
        if problems.is_empty() { Ok(place) } else { Err(problems) }
    }

    #[test]
    fn a_bucket_comes_with_the_account_that_owns_it() {
        assert_eq!(read_all(&[]), Ok(None));
        let all = [(BUCKET, "made-up"), (OWNER, "777788889999"), (PREFIX, "o-a1b2c3d4e5/")];
        let place = read_all(&all).unwrap().unwrap();
        assert_eq!((place.owner.as_str(), place.prefix.as_str()), ("777788889999", "o-a1b2c3d4e5/"));
        for (name, wrong) in [(BUCKET, "s3://made-up"), (OWNER, ""), (OWNER, "7777"), (PREFIX, "a"), (PREFIX, "../")] {
            let with = all.map(|(key, value)| (key, if key == name { wrong } else { value }));
            let problems = read_all(&with).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains(name), "{name} {wrong}: {problems:?}");
        }
        for (name, value) in [(OWNER, "777788889999"), (PREFIX, "a/"), (QUEUE, "arn:aws:sqs:us-east-1:1:q")] {
            assert_eq!(read_all(&[(name, value)]), Err(vec![format!("{name} needs {BUCKET}")]));
        }
    }
}
