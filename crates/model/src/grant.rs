//! The grant of a token request, and its application.
//!
//! In: the texts that a record gives as `grantType` and `clientId`, as they came. Out: one of four [`Grant`]s, or whether
//! a client id is the ARN of an application. Whether the grant fits the operation is decided elsewhere.

use serde::{Deserialize, Serialize};

use crate::account::is_account;

/// OAuth's grants, as far as the service treats them differently: a device flow may fail while refreshes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    DeviceCode,
    RefreshToken,
    AuthorizationCode,
    /// Any other grant of OAuth: a JSON web token, a token exchange.
    Other,
}

impl Grant {
    pub const ALL: [Self; 4] = [Self::DeviceCode, Self::RefreshToken, Self::AuthorizationCode, Self::Other];

    /// OAuth's name, without the `urn:ietf:params:oauth:grant-type:` that some have before it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCode => "device_code",
            Self::RefreshToken => "refresh_token",
            Self::AuthorizationCode => "authorization_code",
            Self::Other => "other",
        }
    }

    /// The grant of that name: with or without its URN, in any letter case, as `device_code`, `device-code` or
    /// `deviceCode`. None for what is no grant of OAuth, and for nothing.
    pub fn of(grant_type: &str) -> Option<Self> {
        let name = grant_type.rsplit(':').next().unwrap_or(grant_type);
        let letters = || name.trim().bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' '));
        let is = |known: &&(&str, Self)| letters().map(|byte| byte.to_ascii_lowercase()).eq(known.0.bytes());
        NAMES.iter().find(is).map(|(_, grant)| *grant)
    }
}

/// The grants of OAuth in lower case and without separators.
const NAMES: [(&str, Grant); 9] = [
    ("devicecode", Grant::DeviceCode),
    ("refreshtoken", Grant::RefreshToken),
    ("authorizationcode", Grant::AuthorizationCode),
    ("jwtbearer", Grant::Other),
    ("tokenexchange", Grant::Other),
    ("saml2bearer", Grant::Other),
    ("clientcredentials", Grant::Other),
    ("password", Grant::Other),
    ("implicit", Grant::Other),
];

/// Whether a client id is the ARN of an application of Identity Center, as CreateTokenWithIAM has it:
/// `arn:<partition>:sso::<account>:application/<instance>/<application>`.
pub fn is_application(client_id: &str) -> bool {
    let parts: Vec<&str> = client_id.splitn(6, ':').collect();
    let ["arn", partition, "sso", "", account, resource] = parts.as_slice() else { return false };
    let is_name =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let resource: Vec<&str> = resource.split('/').collect();
    let ["application", instance, application] = resource.as_slice() else { return false };
    is_account(account) && [partition, instance, application].into_iter().all(|part| is_name(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_known_in_every_spelling() {
        for (text, grant) in [
            ("urn:ietf:params:oauth:grant-type:device_code", Grant::DeviceCode),
            ("URN:IETF:PARAMS:OAUTH:GRANT-TYPE:DEVICE_CODE", Grant::DeviceCode),
            ("device_code", Grant::DeviceCode),
            ("deviceCode", Grant::DeviceCode),
            ("Device-Code", Grant::DeviceCode),
            ("refresh_token", Grant::RefreshToken),
            ("RefreshToken", Grant::RefreshToken),
            (" REFRESH_TOKEN ", Grant::RefreshToken),
            ("urn:ietf:params:oauth:grant-type:refresh_token", Grant::RefreshToken),
            ("authorization_code", Grant::AuthorizationCode),
            ("authorizationCode", Grant::AuthorizationCode),
            ("urn:ietf:params:oauth:grant-type:jwt-bearer", Grant::Other),
            ("jwtBearer", Grant::Other),
            ("urn:ietf:params:oauth:grant-type:token-exchange", Grant::Other),
            ("TOKEN_EXCHANGE", Grant::Other),
            ("urn:ietf:params:oauth:grant-type:saml2-bearer", Grant::Other),
            ("client_credentials", Grant::Other),
        ] {
            assert_eq!(Grant::of(text), Some(grant), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_grant() {
        for text in [
            "",
            " ",
            "_",
            ":",
            "urn:ietf:params:oauth:grant-type:",
            "urn:ietf:params:oauth:token-type:access_token",
            "HIDDEN_DUE_TO_SECURITY_REASONS",
            "device_codes",
            "refresh",
            "réfresh_token",
            "other",
            "null",
        ] {
            assert_eq!(Grant::of(text), None, "{text}");
        }
    }

    #[test]
    fn a_grants_own_name_is_read_back() {
        for grant in Grant::ALL {
            assert_eq!(Grant::of(grant.as_str()), Some(grant).filter(|grant| *grant != Grant::Other));
        }
    }

    #[test]
    fn an_application_is_known_by_its_arn() {
        for (client_id, is) in [
            ("arn:aws:sso::111122223333:application/ssoins-1234567890abcdef/apl-1234567890abcdef", true),
            ("arn:aws-cn:sso::111122223333:application/ssoins-1/apl-2", true),
            ("arn:aws-us-gov:sso::111122223333:application/ssoins-1/apl-2", true),
            ("", false),
            ("clientid1234example", false),
            ("arn:aws:sso::111122223333:application/ssoins-1", false),
            ("arn:aws:sso::111122223333:application/ssoins-1/", false),
            ("arn:aws:sso::111122223333:application/ssoins-1/apl-2/more", false),
            ("arn:aws:sso::111122223333:application/ssoins-1/apl 2", false),
            ("arn:aws:sso::111122223333:application/ssoins-1/apl-2:x", false),
            ("arn:aws:sso::111122223333:instance/ssoins-1/apl-2", false),
            ("arn:aws:sso:us-east-1:111122223333:application/ssoins-1/apl-2", false),
            ("arn:aws:sso::aws:application/ssoins-1/apl-2", false),
            ("arn::sso::111122223333:application/ssoins-1/apl-2", false),
            ("arn:aws:iam::111122223333:application/ssoins-1/apl-2", false),
        ] {
            assert_eq!(is_application(client_id), is, "{client_id}");
        }
    }
}
