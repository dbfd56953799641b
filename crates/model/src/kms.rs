//! The ARN of a KMS key in a text.
//!
//! In: the message of a refusal (`... is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:...`). Out: the first
//! key's ARN in it. It goes into commands that people copy, so nothing but an ARN's own characters is taken.

use crate::account::is_account;
use crate::redact::SHOWN_ARN_MAX;
use crate::region::is_well_formed;

/// Texts are looked at so far: an ARN stands at the beginning of a message, and messages are text of others.
const LOOKED_AT_MAX: usize = 4096;

/// `arn:aws:kms:eu-central-1:111122223333:key/1b2c3d4e-...`; None where there is none that is well-formed.
pub fn key_arn(text: &str) -> Option<&str> {
    let text = &text[..text.floor_char_boundary(LOOKED_AT_MAX)];
    let of_arn = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '/');
    text.match_indices("arn:").find_map(|(at, _)| {
        let rest = &text[at..];
        let arn = &rest[..rest.find(|c| !of_arn(c)).unwrap_or(rest.len())];
        is_key(arn).then_some(arn)
    })
}

fn is_key(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "kms", region, account, resource] = parts.as_slice() else { return false };
    let id = resource.strip_prefix("key/").filter(|id| !id.is_empty() && !id.contains('/'));
    arn.len() <= SHOWN_ARN_MAX
        && partition.starts_with("aws")
        && is_well_formed(region)
        && is_account(account)
        && id.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1b2c3d4e-1111-2222-3333-444455556666";

    #[test]
    fn a_key_is_found_in_the_messages_of_kms_and_iam() {
        for text in [
            format!("{KEY} is disabled."),
            format!("{KEY} is pending deletion (Service: Kms, Status Code: 400)"),
            format!(
                "User: arn:aws:sts::111122223333:assumed-role/x is not authorized to perform: kms:Decrypt on resource: {KEY}"
            ),
            format!("Key '{KEY}' does not exist"),
        ] {
            assert_eq!(key_arn(&text), Some(KEY), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_a_key() {
        for text in [
            "",
            "the key is disabled",
            "arn:aws:kms:eu-central-1:111122223333:alias/mine",
            "arn:aws:kms:eu-central-1:1111:key/x",
            "arn:aws:kms:nowhere:111122223333:key/x",
            "arn:aws:kms:eu-central-1:111122223333:key/",
            "arn:aws:kms:eu-central-1:111122223333:key/a/b",
            "arn:evil:kms:eu-central-1:111122223333:key/x",
        ] {
            assert_eq!(key_arn(text), None, "{text}");
        }
        let long = format!("arn:aws:kms:eu-central-1:111122223333:key/{}", "x".repeat(200));
        assert_eq!(key_arn(&long), None);
        // What could end a command is no part of it.
        assert_eq!(key_arn(&format!("{KEY};rm -rf /")), Some(KEY));
        assert_eq!(key_arn(&format!("{}{KEY}", "é".repeat(4096))), None);
    }
}
