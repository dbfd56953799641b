//! What a KMS key that refuses is in for, and what mends it.
//!
//! In: the name that the service gives the refusal (`KMS_DisabledException`), the key's ARN where it is known, and the region of
//! Identity Center. Out: the state of the key in words, and the steps for the on-call with their commands. Sources: the `reason`
//! values of CreateToken in the SSO OIDC API reference, and the AWS CLI's reference of `kms` and `cloudtrail`.

use triage_model::region::Region;

/// What is wrong with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Disabled,
    /// Pending deletion as a rule; also pending import, or a replica that is being made.
    NotUsable,
    Denied,
    Missing,
    WrongKind,
    /// It refuses, and the name does not say why.
    Unknown,
}

impl KeyState {
    /// By the name of the refusal, in any of the spellings of SSO OIDC, KMS and IAM.
    pub fn of(name: &str) -> Self {
        let has = |part: &str| name.contains(part);
        if has("Disabled") {
            Self::Disabled
        } else if has("InvalidState") {
            Self::NotUsable
        } else if has("AccessDenied") || name.starts_with("kms:") {
            Self::Denied
        } else if has("NotFound") {
            Self::Missing
        } else if has("InvalidKeyUsage") {
            Self::WrongKind
        } else {
            Self::Unknown
        }
    }

    /// `your KMS key is disabled`, without its subject.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Disabled => "is disabled",
            Self::NotUsable => "is pending deletion or not usable",
            Self::Denied => "denies access",
            Self::Missing => "does not exist (deleted, or the wrong key)",
            Self::WrongKind => "is of the wrong kind",
            Self::Unknown => "refuses",
        }
    }

    /// Of a key that was in that state.
    pub const fn in_past(self) -> &'static str {
        match self {
            Self::Disabled => "was disabled",
            Self::NotUsable => "was pending deletion or not usable",
            Self::Denied => "denied access",
            Self::Missing => "did not exist",
            Self::WrongKind => "was of the wrong kind",
            Self::Unknown => "refused",
        }
    }

    /// The KMS call that brings a key into this state, by which CloudTrail finds who made it.
    const fn made_by(self) -> &'static str {
        match self {
            Self::Disabled => "DisableKey",
            Self::NotUsable | Self::Missing => "ScheduleKeyDeletion",
            Self::Denied | Self::Unknown => "PutKeyPolicy",
            // Identity Center was given another key.
            Self::WrongKind => "UpdateInstance",
        }
    }

    /// What to do, the command last behind a colon: see [`crate::step`].
    fn mend(self, key: &str, region: &str) -> String {
        match self {
            Self::Disabled => {
                format!("Enable the KMS key again: aws kms enable-key --key-id {key} --region {region}")
            }
            Self::NotUsable => format!(
                "Cancel the deletion of the KMS key, then enable it: aws kms cancel-key-deletion --key-id {key} --region \
                 {region} && aws kms enable-key --key-id {key} --region {region}"
            ),
            Self::Denied | Self::Unknown => format!(
                "Compare the key policy with the one in the PutKeyPolicy event before the last, and put that back: aws kms get-key-policy \
                 --key-id {key} --policy-name default --region {region}"
            ),
            Self::Missing | Self::WrongKind => {
                format!("Look at the KMS key: aws kms describe-key --key-id {key} --region {region}")
            }
        }
    }
}

/// Which key it is, where the refusals do not name it.
const FIND_THE_KEY: &str =
    "Find the KMS key (KEY in the commands) in the IAM Identity Center console under Settings, Encryption.";

/// What mends it, and who did it.
pub fn steps(name: &str, key: Option<&str>, region: &Region) -> Vec<String> {
    let state = KeyState::of(name);
    let (id, at) = (key.unwrap_or("KEY"), key.and_then(region_of).unwrap_or(region.as_str()));
    let find = key.is_none().then(|| FIND_THE_KEY.to_owned());
    let who = format!(
        "Find who changed it: aws cloudtrail lookup-events --max-items 5 --region {at} --lookup-attributes \
         AttributeKey=EventName,AttributeValue={} --query 'Events[].[EventTime,Username,EventId]' --output text",
        state.made_by()
    );
    find.into_iter().chain([state.mend(id, at), who]).collect()
}

/// The region in a key's ARN.
fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| triage_model::region::is_well_formed(region))
}

#[cfg(test)]
mod tests {
    use triage_decide::testing::verdicts::region;

    use super::*;

    #[test]
    fn the_state_of_a_key_is_read_from_each_spelling_of_its_refusal() {
        for (name, state) in [
            ("KMS_DisabledException", KeyState::Disabled),
            ("KMSDisabled", KeyState::Disabled),
            ("KMS_InvalidStateException", KeyState::NotUsable),
            ("KMSInvalidStateException", KeyState::NotUsable),
            ("KMS_AccessDeniedException", KeyState::Denied),
            ("kms:Decrypt", KeyState::Denied),
            ("KMS_NotFoundException", KeyState::Missing),
            ("KMS_InvalidKeyUsageException", KeyState::WrongKind),
            ("KMSOptInRequired", KeyState::Unknown),
        ] {
            assert_eq!(KeyState::of(name), state, "{name}");
        }
    }

    #[test]
    fn a_key_that_is_known_stands_in_the_commands_with_its_own_region() {
        let key = "arn:aws:kms:us-west-2:111122223333:key/1b2c3d4e-1111-2222-3333-444455556666";
        let steps = steps("KMS_DisabledException", Some(key), &region());
        assert_eq!(
            steps,
            [
                format!("Enable the KMS key again: aws kms enable-key --key-id {key} --region us-west-2"),
                "Find who changed it: aws cloudtrail lookup-events --max-items 5 --region us-west-2 --lookup-attributes \
                 AttributeKey=EventName,AttributeValue=DisableKey --query 'Events[].[EventTime,Username,EventId]' \
                 --output text"
                    .to_owned(),
            ]
        );
    }

    #[test]
    fn a_key_that_is_not_known_is_to_be_found_first() {
        let steps = steps("KMS_InvalidStateException", None, &region());
        assert_eq!(steps[0], FIND_THE_KEY);
        assert!(steps[1].contains("cancel-key-deletion --key-id KEY --region eu-central-1 && aws kms enable-key"));
        assert!(steps[2].contains("AttributeValue=ScheduleKeyDeletion --query"), "{}", steps[2]);
    }
}
