//! Whether user ids become names, and whose directory knows them.
//!
//! In: variables. Out: an [`IdentityStoreArn`] where names are asked for, and errors, which the caller reports together
//! with the rest.

use triage_engine::settings::given;
use triage_model::account::is_account;
use triage_model::caller::directory_uuid;
use triage_model::redact::{SHOWN_ARN_MAX, one_line};

const RESOLVE_NAMES: &str = "OIDC_TRIAGE_RESOLVE_NAMES";
const IDENTITY_STORE_ARN: &str = "OIDC_TRIAGE_IDENTITY_STORE_ARN";

/// `arn:aws:identitystore::111122223333:identitystore/d-1234567890`, as CloudTrail's records name it beside a user id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityStoreArn {
    /// `d-1234567890`.
    pub id: String,
}

/// None where names are not asked for. `hides_names`: callers are to be hashed.
pub fn read(
    variable: &impl Fn(&str) -> Option<String>,
    hides_names: bool,
    problems: &mut Vec<String>,
) -> Option<IdentityStoreArn> {
    let arn = given(variable, IDENTITY_STORE_ARN);
    match given(variable, RESOLVE_NAMES).unwrap_or_default().to_ascii_lowercase().as_str() {
        // The ARN may stay when it is turned off.
        "" | "false" => return None,
        "true" => {}
        other => {
            problems.push(format!("{RESOLVE_NAMES} is {other:?}, but must be true or false"));
            return None;
        }
    }
    if hides_names {
        problems.push(format!("{RESOLVE_NAMES} cannot be true where OIDC_TRIAGE_CALLER_NAMES is hashed"));
    }
    let Some(arn) = arn else {
        problems.push(format!("{RESOLVE_NAMES} needs {IDENTITY_STORE_ARN}, the directory that knows the names"));
        return None;
    };
    let parsed = parse(&arn);
    if parsed.is_none() {
        let shown = one_line(&arn, SHOWN_ARN_MAX);
        problems.push(format!(
            "{IDENTITY_STORE_ARN} is {shown:?}, but must be as arn:aws:identitystore::111122223333:identitystore/d-1234567890"
        ));
    }
    parsed.filter(|_| !hides_names)
}

fn parse(arn: &str) -> Option<IdentityStoreArn> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "identitystore", "", account, resource] = parts.as_slice() else { return None };
    let id = resource.strip_prefix("identitystore/")?;
    let is_short = |id: &str| id.len() == 10 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_id = id.strip_prefix("d-").map_or_else(|| directory_uuid(id) == Some(id), is_short);
    (partition.starts_with("aws") && is_account(account) && is_id).then(|| IdentityStoreArn { id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:identitystore::111122223333:identitystore/d-1234567890";

    fn read_all(variables: &[(&str, &str)], hides_names: bool) -> Result<Option<String>, Vec<String>> {
        let mut problems = Vec::new();
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let read = read(&variable, hides_names, &mut problems).map(|arn| arn.id);
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    #[test]
    fn names_are_asked_for_only_where_somebody_says_so() {
        for off in ["", "false", "False", " "] {
            assert_eq!(read_all(&[(RESOLVE_NAMES, off), (IDENTITY_STORE_ARN, ARN)], true), Ok(None));
        }
        assert_eq!(read_all(&[(IDENTITY_STORE_ARN, ARN)], false), Ok(None));
        assert_eq!(
            read_all(&[(RESOLVE_NAMES, "true"), (IDENTITY_STORE_ARN, ARN)], false),
            Ok(Some("d-1234567890".to_owned()))
        );
        assert!(read_all(&[(RESOLVE_NAMES, "yes")], false).unwrap_err()[0].contains("true or false"));
    }

    #[test]
    fn hashed_callers_have_no_names() {
        let problems = read_all(&[(RESOLVE_NAMES, "true"), (IDENTITY_STORE_ARN, ARN)], true).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains("hashed"), "{problems:?}");
    }

    #[test]
    fn a_directory_must_be_named_as_records_name_it() {
        for right in [
            "arn:aws-us-gov:identitystore::111122223333:identitystore/d-1234567890",
            "arn:aws:identitystore::111122223333:identitystore/94d00cd8-e9e6-4810-b177-b08e84775435",
        ] {
            assert!(read_all(&[(RESOLVE_NAMES, "true"), (IDENTITY_STORE_ARN, right)], false).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "d-1234567890",
            "arn:aws:identitystore::111122223333:identitystore/",
            "arn:aws:identitystore::111122223333:identitystore/*",
            "arn:aws:identitystore::111122223333:identitystore/d-123456789",
            "arn:aws:identitystore::111122223333:identitystore/1234567890",
            "arn:aws:identitystore::111122223333:identitystore/d-123456789*",
            "arn:aws:identitystore::111122223333:user/94d00cd8",
            "arn:aws:identitystore:us-east-1:111122223333:identitystore/d-1234567890",
            "arn:aws:identitystore::1:identitystore/d-1234567890",
            "arn:aws:identitystore::111122223333:identitystore/d-1234567890:more",
            "arn:other:identitystore::111122223333:identitystore/d-1234567890",
            "arn:aws:sns::111122223333:identitystore/d-1234567890",
        ] {
            let problems = read_all(&[(RESOLVE_NAMES, "true"), (IDENTITY_STORE_ARN, wrong)], false).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains(IDENTITY_STORE_ARN), "{wrong} {problems:?}");
        }
    }
}
